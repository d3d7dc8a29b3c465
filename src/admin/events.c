/* Events, and those of their deliveries that wait or gave up (dead letters). */
#include "admin/events.h"

#include "admin/call.h"
#include "base/json.h"
#include "relay/dead_page.h"
#include "relay/lookup.h"

enum { LIST_DEFAULT = 100, LIST_MOST = 1000 };

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

static void add_record(struct buf *b, const struct record *r)
{
    json_number(b, "attempts", r->attempts);
    json_number(b, "status", r->status);
    json_bool(b, "replay", r->replay);
    json_text(b, "reason", str_of(r->reason));
    json_number(b, "first_ms", r->first_ms);
    json_number(b, "last_ms", r->last_ms);
    json_number(b, "next_ms", r->next_ms);
}

/* --- one event */

static void add_body(struct buf *b, struct str body)
{
    if (text_is_utf8(body)) {
        json_text(b, "body", body);
        return;
    }
    json_key(b, "body_base64");
    buf_add_char(b, '"');
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
        call_end(c, reason == NULL ? "not_found" : reason, 200, STR_NONE);
        return;
    }
    json_open(b, '{');
    json_text(b, "id", e->id);
    json_text(b, "source", e->source);
    json_number(b, "received_ms", e->received_ms);
    json_text(b, "method", e->method);
    json_text(b, "target", e->target);
    json_text(b, "headers", e->headers);
    if (e->has_body) {
        add_body(b, e->body);
    } else {
        json_key(b, "body");
        buf_add_str(b, STR("null"));
    }
    json_list(b, "waiting");
    for (size_t i = 0; i < e->record_count; i++) {
        json_open(b, '{');
        json_text(b, "destination", e->records[i].destination);
        add_record(b, &e->records[i].record);
        json_close(b, '}');
    }
    call_end(c, NULL, 200, STR("]}\n"));
}

void events_show(struct worker *w, struct httpd_request *r, struct str id)
{
    lookup_event(w, id, on_event, call_new(sizeof(struct call), w, r));
}

/* --- dead letters */

static void on_dead(void *user, const struct dead_letter *d)
{
    struct call *c = user;
    struct buf *b = &c->out;
    json_open(b, '{');
    json_text(b, "id", d->id);
    json_text(b, "source", d->source);
    json_text(b, "destination", d->destination);
    json_number(b, "received_ms", d->received_ms);
    json_number(b, "buried_ms", d->buried_ms);
    add_record(b, &d->record);
    json_close(b, '}');
}

static void on_dead_end(void *call, struct str next, const char *reason)
{
    struct buf *b = &((struct call *)call)->out;
    json_close(b, ']');
    if (next.len > 0) {
        json_text(b, "next", next);
    }
    call_end(call, reason, 200, STR("}\n"));
}

void dead_list(struct worker *w, struct httpd_request *r, struct str rest)
{
    uint64_t limit = LIST_DEFAULT;
    struct str text = query_value(r->query, STR("limit"));
    (void)rest;
    if (text.len > 0 && (text_u64(text, LIST_MOST, &limit) != NULL || limit == 0)) {
        answer_problem(r, 400, "malformed", "limit is a number from 1 to 1000");
        return;
    }
    struct dead_query q = {.destination = query_value(r->query, STR("destination")),
                           .limit = (unsigned)limit,
                           .after = query_value(r->query, STR("after"))};
    struct call *c = call_new(sizeof *c, w, r);
    json_open(&c->out, '{');
    json_list(&c->out, "dead");
    dead_page_read(w, &q, on_dead, on_dead_end, c);
}

static void on_requested(void *call, const char *reason)
{
    call_end(call, reason, 202, STR("{\"ok\":true}\n"));
}

void dead_post(struct worker *w, struct httpd_request *r, struct str rest)
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
        lookup_request(w, what, id, destination, on_requested, call_new(sizeof(struct call), w, r));
    }
}
