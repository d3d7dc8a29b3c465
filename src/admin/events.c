/* Events, those that no route wanted, and those of their deliveries that wait or gave up (dead
 * letters). */
#include "admin/events.h"

#include "admin/call.h"
#include "base/json.h"
#include "base/log.h"
#include "relay/dead_page.h"
#include "relay/delivery.h"
#include "relay/lookup.h"
#include "relay/reroute.h"

#include <stdlib.h>
#include <string.h>

enum {
    LIST_DEFAULT = 100,
    LIST_MOST = 1000,
    BODY_MOST = 8 << 20 /* greater ones are not listed: Redis is not to be kept busy with them */
};

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

static void add_base64(struct buf *b, const char *key, struct str bytes)
{
    json_key(b, key);
    buf_add_char(b, '"');
    char *to = buf_room(b, (bytes.len + 2) / 3 * 4);
    if (to != NULL) {
        b->len += text_put_base64(to, bytes.at, bytes.len);
    }
    buf_add_char(b, '"');
}

static void add_body(struct buf *b, struct str body)
{
    if (text_is_utf8(body)) {
        json_text(b, "body", body);
    } else {
        add_base64(b, "body_base64", body);
    }
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

/* --- pages of history */

struct listing {
    struct call call;
    bool bodies;
};

static bool is_asked(struct str query, struct str name)
{
    return str_eq(query_value(query, name), STR("1"));
}

/* False: it is answered here. */
static bool read_query(struct httpd_request *r, struct history_query *q)
{
    uint64_t limit = LIST_DEFAULT, since_ms = 0;
    struct str text = query_value(r->query, STR("limit"));
    struct str since = query_value(r->query, STR("since_ms"));
    if ((text.len > 0 && (text_u64(text, HISTORY_LIMIT, &limit) != NULL || limit == 0)) ||
        (since.len > 0 && text_u64(since, INT64_MAX, &since_ms) != NULL)) {
        answer_problem(r, 400, "malformed",
                       "limit is a number from 1 to 1000, since_ms milliseconds since 1970");
        return false;
    }
    *q = (struct history_query){.source = query_value(r->query, STR("source")),
                                .unrouted = is_asked(r->query, STR("unrouted")),
                                .body_most = is_asked(r->query, STR("bodies")) ? BODY_MOST : 0,
                                .since_ms = (int64_t)since_ms,
                                .limit = (unsigned)limit,
                                .after = query_value(r->query, STR("after"))};
    return true;
}

/* As text where that is exact, and not much longer than as base64: of the controls each takes six
 * bytes. */
static bool is_plain(struct str s)
{
    size_t more = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        bool control = c == '\n' || c == '\r' || c == '\t' || c == 0x7f ||
                       (c == 0xc2 && i + 1 < s.len && (unsigned char)s.at[i + 1] < 0xa0);
        if (c < 0x20 && !control) {
            return false;
        }
        more += control ? 5 : c == '"' || c == '\\';
    }
    return more <= s.len / 3 + 5 && text_is_utf8(s);
}

static void add_bytes(struct buf *b, const char *key, const char *key_base64, struct str bytes)
{
    if (is_plain(bytes)) {
        json_text(b, key, bytes);
    } else {
        add_base64(b, key_base64, bytes);
    }
}

static void add_words(struct buf *b, const char *key, struct str words)
{
    struct str word;
    json_list(b, key);
    for (bool more = words.len > 0; more;) {
        more = str_cut(words, ' ', &word, &words);
        json_item(b, word);
    }
    json_close(b, ']');
}

static bool on_history(void *user, const struct history_event *e)
{
    struct listing *l = user;
    struct buf *b = &l->call.out;
    const struct entry *entry = e->entry;
    json_open(b, '{');
    json_text(b, "id", entry->id);
    json_text(b, "source", entry->source);
    json_number(b, "received_ms", e->received_ms);
    json_text(b, "method", entry->method);
    json_text(b, "target", entry->target);
    json_number(b, "bytes", (int64_t)e->body_bytes);
    add_words(b, "to", entry->to);
    if (e->unrouted) {
        json_bool(b, "replayed", e->replayed);
        json_bool(b, "duplicate", e->duplicate);
    }
    if (l->bodies) {
        add_bytes(b, "headers", "headers_base64", entry->headers);
        if (e->body_bytes <= BODY_MOST) {
            add_bytes(b, "body", "body_base64", entry->body);
        }
    }
    json_close(b, '}');
    return true;
}

static void on_history_end(void *user, struct str next, const char *reason)
{
    struct listing *l = user;
    struct buf *b = &l->call.out;
    json_close(b, ']');
    if (next.len > 0) {
        json_text(b, "next", next);
    }
    call_end(&l->call, reason, 200, STR("}\n"));
}

void events_list(struct worker *w, struct httpd_request *r, struct str rest)
{
    struct history_query q;
    (void)rest;
    if (!read_query(r, &q)) {
        return;
    }
    struct listing *l = call_new(sizeof *l, w, r);
    l->bodies = q.body_most > 0;
    json_open(&l->call.out, '{');
    json_list(&l->call.out, "events");
    history_read(w, &q, on_history, on_history_end, l);
}

/* --- what no route wanted, once more */

struct replaying {
    struct call call;
    bool dry;
    unsigned looked_at, unwanted; /* events ... */
    unsigned before, duplicates;  /* ... that were replayed already, or are one that is */
    unsigned replayed;
    unsigned deciding;  /* that are on their way; and one while the page is read */
    const char *reason; /* why the page ends before its end, or failed; NULL: it did not */
    char *next;         /* of the page; NULL: it was the last; owned */
};

struct one { /* event of them */
    struct replaying *all;
    char id[EVENT_ID_LEN + 1], source[72];
    size_t to_count;
    uint16_t to[]; /* lanes */
};

static void replaying_end(struct replaying *p)
{
    struct buf *b = &p->call.out;
    if (p->replayed > 0) {
        log_line(LOG_INFO, "events that no route had wanted are replayed", "events", "%u",
                 p->replayed, NULL);
    }
    json_close(b, ']');
    json_number(b, "looked_at", p->looked_at);
    json_number(b, "unwanted", p->unwanted);
    json_number(b, "replayed_before", p->before);
    json_number(b, "duplicates", p->duplicates);
    if (p->next != NULL) {
        json_text(b, "next", str_of(p->next));
    }
    free(p->next);
    call_end(&p->call, p->reason, 200, STR("}\n"));
}

static void step_done(struct replaying *p)
{
    if (--p->deciding == 0) {
        replaying_end(p);
    }
}

static struct one *one_new(struct replaying *p, const struct history_event *e, const uint16_t *to,
                           size_t n)
{
    struct one *o = calloc(1, sizeof *o + n * sizeof *to);
    ENSURE(o != NULL);
    o->all = p;
    o->to_count = n;
    memcpy(o->to, to, n * sizeof *to);
    text_copy(o->id, sizeof o->id, e->entry->id);
    text_copy(o->source, sizeof o->source, e->entry->source);
    return o;
}

static void add_one(const struct one *o, const char *result, const char *detail)
{
    struct buf *b = &o->all->call.out;
    json_open(b, '{');
    json_text(b, "id", str_of(o->id));
    json_text(b, "source", str_of(o->source));
    json_text(b, "result", str_of(result));
    if (detail != NULL) {
        json_text(b, "detail", str_of(detail));
    }
    json_list(b, "to");
    for (size_t i = 0; i < o->to_count; i++) {
        json_item(b, str_of(o->all->call.w->lanes[o->to[i]]->name));
    }
    json_close(b, ']');
    json_close(b, '}');
}

static void on_decided(void *user, struct journal *j, enum move_verdict verdict,
                       struct str first_id)
{
    struct one *o = user;
    struct replaying *p = o->all;
    (void)j;
    p->replayed += verdict == MOVE_MINE;
    add_one(o,
            verdict == MOVE_MINE                 ? "replayed"
            : verdict == MOVE_UNKNOWN            ? "unknown"
            : str_eq(first_id, STR("duplicate")) ? "duplicate"
                                                 : "replayed_before",
            NULL);
    free(o);
    step_done(p);
}

static bool on_unrouted(void *user, const struct history_event *e)
{
    struct replaying *p = user;
    uint16_t to[LANES_MAX];
    bool known = e->replayed || e->duplicate;
    size_t n = known ? 0 : reroute_find(p->call.w, e, to);
    p->reason = n == 0 || p->dry ? NULL : reroute_refuses(p->call.w, e);
    if (p->reason != NULL) {
        return false; /* the next page begins with it */
    }
    p->looked_at++;
    p->before += e->replayed;
    p->duplicates += e->duplicate;
    p->unwanted += n == 0 && !known;
    if (n == 0) {
        return true;
    }
    struct one *o = one_new(p, e, to, n);
    const char *full = p->dry ? NULL : reroute_over_budget(p->call.w, to, n);
    if (p->dry || full != NULL) { /* others may have room */
        add_one(o, p->dry ? "would_be_replayed" : "over_budget", full);
        free(o);
        return true;
    }
    p->deciding++;
    reroute_start(p->call.w, e, to, n, on_decided, o);
    return true;
}

static void on_unrouted_end(void *user, struct str next, const char *reason)
{
    struct replaying *p = user;
    if (p->reason == NULL || p->looked_at > 0) { /* what was done is to be known */
        p->reason = reason;
    }
    if (next.len > 0) {
        p->next = strndup(next.at, next.len);
        ENSURE(p->next != NULL);
    }
    step_done(p);
}

void events_replay(struct worker *w, struct httpd_request *r, struct str rest)
{
    struct history_query q;
    (void)rest;
    if (!read_query(r, &q)) {
        return;
    }
    q.unrouted = true;
    q.body_most = INT64_MAX; /* of any size */
    struct replaying *p = call_new(sizeof *p, w, r);
    p->dry = is_asked(r->query, STR("dry_run"));
    p->deciding = 1;
    json_open(&p->call.out, '{');
    json_list(&p->call.out, "events");
    history_read(w, &q, on_unrouted, on_unrouted_end, p);
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
