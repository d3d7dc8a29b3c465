/* The admin listener: one table of endpoints. */
#include "admin/api.h"

#include "base/crypt.h"
#include "base/log.h"
#include "relay/delivery.h"
#include "relay/ingest.h"
#include "relay/lookup.h"
#include "relay/node.h"
#include "relay/roster.h"
#include "relay/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ANSWER_CEILING = 64 << 20, LIST_DEFAULT = 100, LIST_MOST = 1000 };

struct api {
    struct worker *w;
    struct httpd *httpd;
    void (*on_closed)(void *user);
    void *user;
};

/* A destination over all workers. */
struct row {
    struct row *next;
    char name[72], last_error[64];
    const struct conf_destination *dest; /* NULL: this configuration does not know it */
    bool paused, parked;
    enum breaker_state breaker;
    unsigned in_memory, in_flight;
    uint64_t dead, bytes;
    int64_t last_ok_ms;
};

/* One request of the API on its way: it outlives its client while Redis or the workers are asked.
 */
struct call {
    struct api *api;
    struct httpd_request *request; /* NULL: the client has gone */
    struct buf out;
    bool any; /* a row was written */
    struct visit visit;
    const char *refusal;    /* of /readyz */
    struct metrics metrics; /* of /metrics */
    struct row *rows, **rows_tail;
    char destination[72]; /* of pause and resume */
    bool pause;
};

/* --- answers */

static void answer(struct httpd_request *r, int status, struct str type, struct str body)
{
    static const struct field fields[] = {
        {{"Cache-Control", 13}, {"no-store", 8}},
        {{"X-Content-Type-Options", 22}, {"nosniff", 7}},
    };
    httpd_answer(r, &(struct httpd_answer){.status = status,
                                           .content_type = type,
                                           .fields = fields,
                                           .field_count = 2,
                                           .body = body});
}

static void answer_problem(struct httpd_request *r, int status, const char *title,
                           const char *detail)
{
    struct buf b;
    buf_init(&b, 4096);
    buf_printf(&b, "{\"type\":\"about:blank\",\"title\":");
    buf_add_json(&b, str_of(title));
    buf_printf(&b, ",\"status\":%d,\"detail\":", status);
    buf_add_json(&b, str_of(detail));
    buf_add_str(&b, STR("}\n"));
    answer(r, status, STR("application/problem+json"), buf_str(&b));
    buf_done(&b);
}

static struct call *call_new(struct api *api, struct httpd_request *r)
{
    struct call *c = calloc(1, sizeof *c);
    ENSURE(c != NULL);
    c->api = api;
    c->request = r;
    r->pending = c;
    buf_init(&c->out, ANSWER_CEILING);
    return c;
}

static void call_end_as(struct call *c, int status, struct str type)
{
    if (c->request != NULL) {
        c->request->pending = NULL;
        answer(c->request, status, type, buf_str(&c->out));
    }
    buf_done(&c->out);
    free(c);
}

static void call_end(struct call *c, int status)
{
    call_end_as(c, status, STR("application/json"));
}

static void call_fail(struct call *c, const char *reason)
{
    if (c->request != NULL) {
        c->request->pending = NULL;
        if (strcmp(reason, "not_found") == 0) {
            answer_problem(c->request, 404, reason, "no such thing, or nothing of it waits there");
        } else if (strcmp(reason, "no_body") == 0) {
            answer_problem(c->request, 410, reason,
                           "it was kept without its body (on_full), and history, where that was, "
                           "has been trimmed: it can only be purged");
        } else {
            answer_problem(c->request, 503, reason, redis_trouble(c->api->w));
        }
    }
    buf_done(&c->out);
    free(c);
}

static void add_time(struct buf *b, const char *key, int64_t ms)
{
    buf_printf(b, "\"%s\":%lld", key, (long long)ms);
}

static void add_text(struct buf *b, const char *key, struct str value)
{
    buf_printf(b, "\"%s\":", key);
    buf_add_json(b, value);
}

static void add_record(struct buf *b, const struct record *r)
{
    buf_printf(b, "\"attempts\":%u,\"status\":%d,\"replay\":%s,", r->attempts, r->status,
               r->replay ? "true" : "false");
    add_text(b, "reason", str_of(r->reason));
    buf_add_char(b, ',');
    add_time(b, "first_ms", r->first_ms);
    buf_add_char(b, ',');
    add_time(b, "last_ms", r->last_ms);
    buf_add_char(b, ',');
    add_time(b, "next_ms", r->next_ms);
}

/* --- health and metrics: every worker is asked, so one that hangs shows */

static void visit_all(struct call *c, void (*at)(struct worker *w, struct visit *v),
                      void (*home)(struct visit *v))
{
    c->visit.at = at;
    c->visit.home = home;
    node_visit(c->api->w->node, &c->visit);
}

static struct call *call_of(struct visit *v)
{
    return CONTAINER_OF(v, struct call, visit);
}

static void at_live(struct worker *w, struct visit *v)
{
    (void)w;
    (void)v;
}

static void live_home(struct visit *v)
{
    struct call *c = call_of(v);
    buf_add_str(&c->out, STR("ok\n"));
    call_end_as(c, 200, STR("text/plain"));
}

static void get_live(struct api *api, struct httpd_request *r, struct str rest)
{
    (void)rest;
    visit_all(call_new(api, r), at_live, live_home);
}

static void at_ready(struct worker *w, struct visit *v)
{
    struct call *c = call_of(v);
    const char *why = w->stopping || w->draining ? "draining"
                      : w->listener == NULL      ? "starting"
                                                 : ingest_refuses(w);
    c->refusal = c->refusal == NULL ? why : c->refusal;
}

static void ready_home(struct visit *v)
{
    struct call *c = call_of(v);
    buf_printf(&c->out, "%s\n", c->refusal == NULL ? "ready" : c->refusal);
    call_end_as(c, c->refusal == NULL ? 200 : 503, STR("text/plain"));
}

static void get_ready(struct api *api, struct httpd_request *r, struct str rest)
{
    (void)rest;
    visit_all(call_new(api, r), at_ready, ready_home);
}

static void at_metrics(struct worker *w, struct visit *v)
{
    stats_sum(w, &call_of(v)->metrics);
}

static void metrics_home(struct visit *v)
{
    struct call *c = call_of(v);
    metrics_write(&c->metrics, &c->out);
    metrics_done(&c->metrics);
    call_end_as(c, 200, STR("text/plain; version=0.0.4"));
}

static void get_metrics(struct api *api, struct httpd_request *r, struct str rest)
{
    struct call *c = call_new(api, r);
    (void)rest;
    metrics_init(&c->metrics);
    visit_all(c, at_metrics, metrics_home);
}

/* --- destinations */

static struct row *row_of(struct call *c, const struct lane *lane)
{
    for (struct row *row = c->rows; row != NULL; row = row->next) {
        if (strcmp(row->name, lane->name) == 0) {
            return row;
        }
    }
    struct row *row = calloc(1, sizeof *row);
    ENSURE(row != NULL);
    memcpy(row->name, lane->name, sizeof row->name);
    *c->rows_tail = row;
    c->rows_tail = &row->next;
    return row;
}

static void at_destinations(struct worker *w, struct visit *v)
{
    for (unsigned i = 0; i < w->lane_count; i++) {
        const struct lane *lane = w->lanes[i];
        struct row *row = row_of(call_of(v), lane);
        row->dest = lane->dest;
        row->paused |= lane->paused;
        if (row->breaker == BREAKER_CLOSED || lane->breaker.state == BREAKER_OPEN) {
            row->breaker = lane->breaker.state;
        }
        row->in_memory += lane_depth(lane);
        row->in_flight += lane->lists[DELIVERY_INFLIGHT].n;
        row->bytes = lane->held_bytes > row->bytes ? lane->held_bytes : row->bytes;
        if (lane->last_ok_ms > row->last_ok_ms) {
            row->last_ok_ms = lane->last_ok_ms;
        }
        if (lane->last_error[0] != '\0') {
            memcpy(row->last_error, lane->last_error, sizeof row->last_error);
        }
        for (const struct journal *j = w->journals; j != NULL; j = j->next) {
            const struct track *t = j->tracks[lane->number];
            if (t != NULL) {
                row->dead += t->dead_total;
                row->parked |= t->next_due_ms != INT64_MAX;
            }
        }
    }
}

static void add_row(struct buf *b, const struct row *row)
{
    static const char *const states[] = {"up", "down", "probing"};
    buf_add_char(b, '{');
    add_text(b, "name", str_of(row->name));
    buf_printf(b, ",\"state\":\"%s\"",
               row->dest == NULL ? "unknown"
               : row->paused     ? "paused"
                                 : states[row->breaker]);
    if (row->dest != NULL) {
        buf_printf(b, ",\"url\":\"%s://%.*s%.*s\"", row->dest->tls ? "https" : "http",
                   STR_ARG(row->dest->host_field), STR_ARG(row->dest->target));
    }
    buf_printf(
        b, ",\"in_memory\":%u,\"in_flight\":%u,\"parked\":%s,\"dead\":%llu,\"redis_bytes\":%llu,",
        row->in_memory, row->in_flight, row->parked ? "true" : "false",
        (unsigned long long)row->dead, (unsigned long long)row->bytes);
    add_time(b, "last_ok_ms", row->last_ok_ms);
    buf_add_char(b, ',');
    add_text(b, "last_error", str_of(row->last_error));
    buf_add_char(b, '}');
}

static void destinations_home(struct visit *v)
{
    struct call *c = call_of(v);
    buf_add_str(&c->out, STR("{\"destinations\":["));
    for (struct row *row = c->rows, *next; row != NULL; row = next) {
        next = row->next;
        if (row != c->rows) {
            buf_add_char(&c->out, ',');
        }
        add_row(&c->out, row);
    }
    while (c->rows != NULL) {
        struct row *next = c->rows->next;
        free(c->rows);
        c->rows = next;
    }
    buf_add_str(&c->out, STR("]}\n"));
    call_end(c, 200);
}

static void get_destinations(struct api *api, struct httpd_request *r, struct str rest)
{
    struct call *c = call_new(api, r);
    (void)rest;
    c->rows_tail = &c->rows;
    visit_all(c, at_destinations, destinations_home);
}

static void at_pause(struct worker *w, struct visit *v)
{
    struct call *c = call_of(v);
    struct lane *lane = map_find(&w->lane_by_name, str_of(c->destination));
    if (lane != NULL) {
        lane->pause_wanted &= c->pause;
        lane_pause(lane, c->pause);
    }
}

static void pause_home(struct visit *v)
{
    struct call *c = call_of(v);
    buf_add_str(&c->out, STR("{\"ok\":true}\n"));
    call_end(c, 200);
}

static void on_paused(void *user, const char *reason)
{
    struct call *c = user;
    if (reason != NULL) {
        call_fail(c, reason);
    } else {
        visit_all(c, at_pause, pause_home);
    }
}

static void on_dropped(void *user, const char *reason)
{
    struct call *c = user;
    if (reason != NULL) {
        call_fail(c, reason);
    } else {
        buf_add_str(&c->out, STR("{\"ok\":true}\n"));
        call_end(c, 200);
    }
}

static void at_known(struct worker *w, struct visit *v)
{
    struct call *c = call_of(v);
    c->any |= map_find(&w->lane_by_name, str_of(c->destination)) != NULL;
}

static void known_home(struct visit *v)
{
    struct call *c = call_of(v);
    if (c->any) {
        lookup_drop(c->api->w, str_of(c->destination), on_dropped, c);
    } else {
        call_fail(c, "not_found");
    }
}

static void drop_destination(struct api *api, struct httpd_request *r, struct str name)
{
    if (conf_find_destination(api->w->conf, name) != NULL) {
        answer_problem(r, 409, "configured",
                       "this node still delivers to it; take it out of the configuration first");
        return;
    }
    struct call *c = call_new(api, r);
    snprintf(c->destination, sizeof c->destination, "%.*s", STR_ARG(name));
    visit_all(c, at_known, known_home);
}

static void post_destination(struct api *api, struct httpd_request *r, struct str rest)
{
    struct str name, verb;
    str_cut(rest, '/', &name, &verb);
    if (str_eq(verb, STR("drop"))) {
        drop_destination(api, r, name);
        return;
    }
    struct lane *lane = name.len == 0 ? NULL : map_find(&api->w->lane_by_name, name);
    bool pause = str_eq(verb, STR("pause"));
    if (lane == NULL || (!pause && !str_eq(verb, STR("resume")))) {
        answer_problem(r, 404, "not_found",
                       "no such destination; GET /api/v1/destinations lists them");
        return;
    }
    struct call *c = call_new(api, r);
    memcpy(c->destination, lane->name, sizeof c->destination);
    c->pause = pause;
    lookup_pause(api->w, lane, pause, on_paused, c);
}

/* --- nodes */

static void on_roster(void *user, const char *reason)
{
    struct call *c = user;
    if (reason != NULL) {
        call_fail(c, reason);
    } else {
        call_end(c, 200);
    }
}

static void get_nodes(struct api *api, struct httpd_request *r, struct str rest)
{
    struct call *c = call_new(api, r);
    (void)rest;
    roster_list(api->w, &c->out, on_roster, c);
}

/* --- dead letters and events */

/* The value of `name` in the query; percent-encoding is not undone (names and ids need none). */
static struct str query_value(struct str query, struct str name)
{
    struct str part, key, value;
    bool more = query.len > 0;
    while (more) {
        more = str_cut(query, '&', &part, &query);
        if (str_cut(part, '=', &key, &value) && str_eq(key, name)) {
            return value;
        }
    }
    return STR_NONE;
}

static void on_dead(void *user, const struct dead_letter *d)
{
    struct call *c = user;
    struct buf *b = &c->out;
    if (c->any) {
        buf_add_char(b, ',');
    }
    c->any = true;
    buf_add_char(b, '{');
    add_text(b, "id", d->id);
    buf_add_char(b, ',');
    add_text(b, "source", d->source);
    buf_add_char(b, ',');
    add_text(b, "destination", d->destination);
    buf_add_char(b, ',');
    add_time(b, "received_ms", d->received_ms);
    buf_add_char(b, ',');
    add_time(b, "buried_ms", d->buried_ms);
    buf_add_char(b, ',');
    add_record(b, &d->record);
    buf_add_char(b, '}');
}

static void on_dead_end(void *user, const char *reason)
{
    struct call *c = user;
    if (reason != NULL) {
        call_fail(c, reason);
    } else {
        buf_add_str(&c->out, STR("]}\n"));
        call_end(c, 200);
    }
}

static void get_dead(struct api *api, struct httpd_request *r, struct str rest)
{
    uint64_t limit = LIST_DEFAULT;
    struct str text = query_value(r->query, STR("limit"));
    (void)rest;
    if (text.len > 0 && (text_u64(text, LIST_MOST, &limit) != NULL || limit == 0)) {
        answer_problem(r, 400, "malformed", "limit is a number from 1 to 1000");
        return;
    }
    struct dead_query q = {query_value(r->query, STR("destination")), (unsigned)limit};
    struct call *c = call_new(api, r);
    buf_add_str(&c->out, STR("{\"dead\":["));
    lookup_dead(api->w, &q, on_dead, on_dead_end, c);
}

static void add_body(struct buf *b, struct str body)
{
    if (text_is_utf8(body)) {
        add_text(b, "body", body);
        return;
    }
    buf_add_str(b, STR("\"body_base64\":\""));
    char *to = buf_room(b, (body.len + 2) / 3 * 4);
    if (to != NULL) {
        b->len += text_put_base64(to, body.at, body.len);
    }
    buf_add_char(b, '"');
}

static void on_event(void *user, const struct found_event *e, const char *reason)
{
    struct call *c = user;
    struct buf *b = &c->out;
    if (e == NULL) {
        call_fail(c, reason == NULL ? "not_found" : reason);
        return;
    }
    buf_add_char(b, '{');
    add_text(b, "id", e->id);
    buf_add_char(b, ',');
    add_text(b, "source", e->source);
    buf_add_char(b, ',');
    add_time(b, "received_ms", e->received_ms);
    buf_add_char(b, ',');
    add_text(b, "method", e->method);
    buf_add_char(b, ',');
    add_text(b, "target", e->target);
    buf_add_char(b, ',');
    add_text(b, "headers", e->headers);
    buf_add_char(b, ',');
    if (e->has_body) {
        add_body(b, e->body);
    } else {
        buf_add_str(b, STR("\"body\":null"));
    }
    buf_add_str(b, STR(",\"waiting\":["));
    for (size_t i = 0; i < e->record_count; i++) {
        buf_add_str(b, i > 0 ? STR(",{") : STR("{"));
        add_text(b, "destination", e->records[i].destination);
        buf_add_char(b, ',');
        add_record(b, &e->records[i].record);
        buf_add_char(b, '}');
    }
    buf_add_str(b, STR("]}\n"));
    call_end(c, 200);
}

static void get_event(struct api *api, struct httpd_request *r, struct str id)
{
    lookup_event(api->w, id, on_event, call_new(api, r));
}

static void on_requested(void *user, const char *reason)
{
    struct call *c = user;
    if (reason != NULL) {
        call_fail(c, reason);
    } else {
        buf_add_str(&c->out, STR("{\"ok\":true}\n"));
        call_end(c, 202);
    }
}

static void post_dead(struct api *api, struct httpd_request *r, struct str rest)
{
    struct str id, verb, destination = query_value(r->query, STR("destination"));
    str_cut(rest, '/', &id, &verb);
    const char *what = str_eq(verb, STR("replay"))  ? "replay"
                       : str_eq(verb, STR("purge")) ? "purge"
                                                    : NULL;
    if (what == NULL) {
        answer_problem(r, 404, "not_found", "POST /api/v1/dead/{id}/replay or /purge");
    } else if (destination.len == 0) {
        answer_problem(r, 400, "malformed", "?destination=NAME is needed");
    } else {
        lookup_request(api->w, what, id, destination, on_requested, call_new(api, r));
    }
}

/* --- the table */

static const struct {
    const char *method, *path;
    bool prefix; /* the path goes on; the rest is the handler's */
    bool open;   /* without a token */
    void (*handle)(struct api *api, struct httpd_request *r, struct str rest);
} endpoints[] = {
    {"GET", "/livez", false, true, get_live},
    {"GET", "/healthz", false, true, get_live},
    {"GET", "/readyz", false, true, get_ready},
    {"GET", "/metrics", false, false, get_metrics},
    {"GET", "/api/v1/destinations", false, false, get_destinations},
    {"GET", "/api/v1/nodes", false, false, get_nodes},
    {"POST", "/api/v1/destinations/", true, false, post_destination},
    {"GET", "/api/v1/dead", false, false, get_dead},
    {"POST", "/api/v1/dead/", true, false, post_dead},
    {"GET", "/api/v1/events/", true, false, get_event},
};

static bool is_authorised(const struct api *api, const struct httpd_request *r)
{
    struct str token = api->w->conf->admin.token;
    const struct str *given = fields_find(r->fields, STR("authorization"));
    if (token.len == 0) {
        return true;
    }
    struct str bearer = STR("Bearer ");
    return given != NULL && str_istarts(*given, bearer) && given->len - bearer.len == token.len &&
           crypt_equal(given->at + bearer.len, token.at, token.len);
}

/* Without a token only the Host field tells our own user from a web page that was made to resolve
 * to this address (DNS rebinding): an address literal or localhost is never such a name. */
static bool host_is_literal(const struct httpd_request *r)
{
    const struct str *host = fields_find(r->fields, STR("host"));
    struct str name, port;
    if (host == NULL) {
        return true;
    }
    if (str_starts(*host, STR("["))) {
        return true;
    }
    str_cut(*host, ':', &name, &port);
    bool digits = name.len > 0;
    for (size_t i = 0; i < name.len; i++) {
        digits &= (name.at[i] >= '0' && name.at[i] <= '9') || name.at[i] == '.';
    }
    return digits || str_ieq(name, STR("localhost"));
}

static void on_request(void *user, struct httpd_request *r)
{
    struct api *api = user;
    bool path_known = false;
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        struct str path = str_of(endpoints[i].path);
        if (!(endpoints[i].prefix ? str_starts(r->path, path) : str_eq(r->path, path))) {
            continue;
        }
        path_known = true;
        if (!str_eq(r->method, str_of(endpoints[i].method))) {
            continue;
        }
        if (!endpoints[i].open && !is_authorised(api, r)) {
            answer_problem(r, 401, "unauthorized", "send Authorization: Bearer <admin.token>");
        } else if (!endpoints[i].open && api->w->conf->admin.token.len == 0 &&
                   !host_is_literal(r)) {
            answer_problem(r, 403, "host", "use an address or localhost, or set admin.token");
        } else {
            endpoints[i].handle(api, r, str_from(r->path, path.len));
        }
        return;
    }
    if (path_known) {
        answer_problem(r, 405, "method", "that path takes another method");
    } else {
        answer_problem(r, 404, "not_found", "no such endpoint");
    }
}

static size_t on_head(void *user, struct httpd_request *r)
{
    (void)user;
    (void)r;
    return 64 << 10;
}

static void on_gone(void *user, struct httpd_request *r)
{
    struct call *c = r->pending;
    (void)user;
    if (c != NULL) {
        c->request = NULL;
    }
}

static void on_refused(void *user, const char *reason, const char *detail,
                       const struct sockaddr_storage *peer)
{
    (void)user;
    (void)reason;
    (void)detail;
    (void)peer;
}

const char *api_start(struct api **out, struct worker *w)
{
    struct api *api = calloc(1, sizeof *api);
    ENSURE(api != NULL);
    api->w = w;
    struct httpd_limits limits = {
        .head_bytes = 16 << 10,
        .target_bytes = 4 << 10,
        .field_count = 100,
        .body_bytes = 64 << 10,
        .memory_bytes = 16 << 20,
        .connections = 256,
        .head_ms = 10000,
        .request_ms = 10000,
        .idle_ms = 60000,
        .write_ms = 30000,
    };
    struct httpd_handler handler = {api, on_head, on_request, on_gone, on_refused};
    const char *why =
        httpd_new(&api->httpd, w->loop, &w->wheel, w->conf->admin.address, &limits, &handler);
    if (why != NULL) {
        static char trouble[512];
        snprintf(trouble, sizeof trouble, "admin.address %s", why);
        free(api);
        return trouble;
    }
    *out = api;
    return NULL;
}

const char *api_address(const struct api *a)
{
    return httpd_address(a->httpd);
}

static void on_httpd_closed(void *user)
{
    struct api *api = user;
    void (*on_closed)(void *u) = api->on_closed;
    void *u = api->user;
    free(api);
    on_closed(u);
}

void api_close(struct api *a, void (*on_closed)(void *user), void *user)
{
    a->on_closed = on_closed;
    a->user = user;
    httpd_close(a->httpd, on_httpd_closed, a);
}
