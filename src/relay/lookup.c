/* Questions about one event, whichever journal has it; requests, pauses and drops. */
#include "relay/lookup.h"

#include "base/crypt.h"
#include "relay/delivery.h"

#include <stdlib.h>
#include <string.h>

/* --- one event: its hash (parked or dead), else where it moved to, else its entry in the journal
 */

struct event_search {
    struct worker *w;
    char id[EVENT_ID_LEN + 1];
    char journal[12];
    uint64_t n;
    unsigned moves;
    void (*on_found)(void *user, const struct found_event *e, const char *reason);
    void *user;
};

static void event_end(struct event_search *s, const struct found_event *e, const char *reason)
{
    s->on_found(s->user, e, reason);
    free(s);
}

static void take_field(struct found_event *e, struct str name, struct str value)
{
    struct event_parts head;
    if (str_eq(name, STR("e")) && event_get_head(value, &head)) {
        e->id = head.id;
        e->received_ms = head.received_ms;
        e->source = head.source;
        e->method = head.method;
        e->target = head.target;
        e->headers = head.headers;
    } else if (str_eq(name, STR("b"))) {
        e->body = value;
        e->has_body = true;
    } else if (str_starts(name, STR("d:")) &&
               e->record_count < sizeof e->records / sizeof *e->records &&
               record_decode(value, &e->records[e->record_count].record)) {
        e->records[e->record_count++].destination = str_from(name, 2);
    }
}

static void on_entry(void *user, const redisReply *reply)
{
    struct event_search *s = user;
    struct entry entry;
    if (reply == NULL) {
        event_end(s, NULL, "redis_down");
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 1 ||
        !entry_read(reply->element[0], &entry) || !str_eq(entry.id, str_of(s->id))) {
        event_end(s, NULL, NULL);
        return;
    }
    struct found_event e = {.id = entry.id,
                            .source = entry.source,
                            .method = entry.method,
                            .target = entry.target,
                            .headers = entry.headers,
                            .body = entry.body,
                            .has_body = true,
                            .received_ms = (int64_t)entry.received_ms};
    event_end(s, &e, NULL);
}

static void search_hash(struct event_search *s);

/* It may be here yet, too, where no route had wanted it; but what becomes of it is known there. */
static void on_moved(void *user, const redisReply *reply)
{
    struct event_search *s = user;
    struct str place = store_text(reply), journal, n;
    if (reply == NULL) {
        event_end(s, NULL, "redis_down");
    } else if (s->moves++ < 8 && str_cut(place, '-', &journal, &n) && journal.len == 9 &&
               text_u64(n, EVENT_N_MAX, &s->n) == NULL) {
        text_copy(s->journal, sizeof s->journal, journal);
        search_hash(s);
    } else {
        struct buf key;
        char id[ENTRY_ID_MAX];
        struct str entry = entry_id(id, s->n);
        struct str argv[] = {STR("XRANGE"),
                             journal_key_of(s->w, &key, str_of(s->journal), "journal", STR_NONE),
                             entry, entry};
        if (!redis_send(s->w, 4, argv, on_entry, s)) {
            event_end(s, NULL, "redis_down");
        }
        buf_done(&key);
    }
}

static void on_hash(void *user, const redisReply *reply)
{
    struct event_search *s = user;
    static _Thread_local struct found_event e; /* large; used up within this call */
    memset(&e, 0, sizeof e);
    if (reply == NULL) {
        event_end(s, NULL, "redis_down");
        return;
    }
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0) {
        for (size_t i = 0; i + 1 < reply->elements; i += 2) {
            take_field(&e, store_text(reply->element[i]), store_text(reply->element[i + 1]));
        }
        event_end(s, &e, NULL);
        return;
    }
    struct buf key;
    char n[20];
    struct str argv[] = {STR("HGET"),
                         journal_key_of(s->w, &key, str_of(s->journal), "moved", STR_NONE),
                         {n, text_put_u64(n, s->n)}};
    if (!redis_send(s->w, 3, argv, on_moved, s)) {
        event_end(s, NULL, "redis_down");
    }
    buf_done(&key);
}

static void search_hash(struct event_search *s)
{
    struct buf key;
    char n[20];
    struct str number = {n, text_put_u64(n, s->n)};
    struct str argv[] = {STR("HGETALL"),
                         journal_key_of(s->w, &key, str_of(s->journal), "event:", number)};
    if (!redis_send(s->w, 2, argv, on_hash, s)) {
        event_end(s, NULL, "redis_down");
    }
    buf_done(&key);
}

void lookup_event(struct worker *w, struct str id,
                  void (*on_found)(void *user, const struct found_event *e, const char *reason),
                  void *user)
{
    uint64_t journal;
    int64_t ms;
    struct event_search *s = calloc(1, sizeof *s);
    ENSURE(s != NULL);
    *s = (struct event_search){.w = w, .on_found = on_found, .user = user};
    if (!event_id_decode(id, &journal, &s->n, &ms)) {
        event_end(s, NULL, NULL);
        return;
    }
    text_copy(s->id, sizeof s->id, id);
    journal_name(journal, s->journal);
    search_hash(s);
}

/* --- requests */

struct request_push {
    struct worker *w;
    char verb[16], destination[72], id[EVENT_ID_LEN + 1];
    char journal[12];
    uint64_t n;
    unsigned moves;
    void (*on_done)(void *user, const char *reason);
    void *user;
};

static void push_end(struct request_push *p, const char *reason)
{
    p->on_done(p->user, reason);
    free(p);
}

static void on_pushed(void *user, const redisReply *reply)
{
    struct answer a = answer_read(reply);
    push_end(user, a.error != STORE_OK         ? "redis_down"
                   : str_eq(a.word, STR("ok")) ? NULL
                                               : "not_found");
}

static void push(struct request_push *p)
{
    struct buf text;
    buf_init(&text, 256);
    buf_printf(&text, "%s %llu %s %llx", p->verb, (unsigned long long)p->n, p->destination,
               (unsigned long long)crypt_random_u64());
    uint64_t number;
    struct str argv[] = {STR_NONE, buf_str(&text)};
    if (!journal_number(str_of(p->journal), &number) ||
        !script_send_to(p->w, number, SCRIPT_REQUEST_ID, 2, argv, on_pushed, p)) {
        push_end(p, "redis_down");
    }
    buf_done(&text);
}

static void look_for_record(struct request_push *p);

static void on_push_moved(void *user, const redisReply *reply)
{
    struct request_push *p = user;
    struct str journal, n;
    if (reply == NULL) {
        push_end(p, "redis_down");
    } else if (p->moves++ < 8 && str_cut(store_text(reply), '-', &journal, &n) &&
               journal.len == 9 && text_u64(n, EVENT_N_MAX, &p->n) == NULL) {
        text_copy(p->journal, sizeof p->journal, journal);
        look_for_record(p);
    } else {
        push_end(p, "not_found");
    }
}

static void on_history(void *user, const redisReply *reply)
{
    struct request_push *p = user;
    if (store_error_of(reply) != STORE_OK) {
        push_end(p, "redis_down");
    } else if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1) {
        push(p);
    } else {
        push_end(p, "no_body");
    }
}

static void on_body(void *user, const redisReply *reply)
{
    struct request_push *p = user;
    struct buf key;
    char id[ENTRY_ID_MAX];
    if (store_error_of(reply) != STORE_OK) {
        push_end(p, "redis_down");
        return;
    }
    if (reply->integer == 1) {
        push(p);
        return;
    }
    struct str entry = entry_id(id, p->n);
    struct str argv[] = {STR("XRANGE"),
                         journal_key_of(p->w, &key, str_of(p->journal), "journal", STR_NONE), entry,
                         entry};
    if (!redis_send(p->w, 4, argv, on_history, p)) {
        push_end(p, "redis_down");
    }
    buf_done(&key);
}

/* One that was buried beyond its destination's buffer has no body of its own. */
static void look_for_body(struct request_push *p)
{
    struct buf key;
    char n[20];
    struct str number = {n, text_put_u64(n, p->n)};
    struct str argv[] = {
        STR("HEXISTS"), journal_key_of(p->w, &key, str_of(p->journal), "event:", number), STR("b")};
    if (!redis_send(p->w, 3, argv, on_body, p)) {
        push_end(p, "redis_down");
    }
    buf_done(&key);
}

static void on_record(void *user, const redisReply *reply)
{
    struct request_push *p = user;
    struct buf key;
    char n[20];
    if (reply == NULL) {
        push_end(p, "redis_down");
    } else if (reply->type == REDIS_REPLY_STRING && strcmp(p->verb, "replay") == 0) {
        look_for_body(p);
    } else if (reply->type == REDIS_REPLY_STRING) {
        push(p);
    } else {
        struct str argv[] = {STR("HGET"),
                             journal_key_of(p->w, &key, str_of(p->journal), "moved", STR_NONE),
                             {n, text_put_u64(n, p->n)}};
        if (!redis_send(p->w, 3, argv, on_push_moved, p)) {
            push_end(p, "redis_down");
        }
        buf_done(&key);
    }
}

static void look_for_record(struct request_push *p)
{
    struct buf key;
    char n[20];
    struct str argv[] = {
        STR("ZSCORE"),
        journal_key_of(p->w, &key, str_of(p->journal), "dead:", str_of(p->destination)),
        {n, text_put_u64(n, p->n)}};
    if (!redis_send(p->w, 3, argv, on_record, p)) {
        push_end(p, "redis_down");
    }
    buf_done(&key);
}

void lookup_request(struct worker *w, const char *verb, struct str id, struct str destination,
                    void (*on_done)(void *user, const char *reason), void *user)
{
    uint64_t journal;
    int64_t ms;
    struct request_push *p = calloc(1, sizeof *p);
    ENSURE(p != NULL);
    *p = (struct request_push){.w = w, .on_done = on_done, .user = user};
    text_copy(p->verb, sizeof p->verb, str_of(verb));
    text_copy(p->destination, sizeof p->destination, destination);
    if (destination.len >= sizeof p->destination || str_has(destination, ' ') ||
        !event_id_decode(id, &journal, &p->n, &ms)) {
        push_end(p, "not_found");
        return;
    }
    journal_name(journal, p->journal);
    look_for_record(p);
}

/* --- pause and resume */

struct pausing {
    struct lane *lane;
    bool paused;
    void (*on_done)(void *user, const char *reason);
    void *user;
};

static void on_paused(void *user, const redisReply *reply)
{
    struct pausing p = *(struct pausing *)user;
    free(user);
    bool ok = store_error_of(reply) == STORE_OK;
    if (ok && !p.paused) {
        p.lane->pause_wanted = false;
    }
    if (ok) { /* only now: an older answer of what Redis says may have come in between */
        lane_pause(p.lane, p.paused);
    }
    if (p.on_done != NULL) {
        p.on_done(p.user, ok ? NULL : "redis_down");
    }
}

void lookup_pause(struct worker *w, struct lane *lane, bool paused,
                  void (*on_done)(void *user, const char *reason), void *user)
{
    struct str name = str_of(lane->name);
    struct str resume[] = {STR("HDEL"), worker_key(w, KEY_DESTINATIONS), name};
    struct pausing *p = malloc(sizeof *p);
    ENSURE(p != NULL);
    *p = (struct pausing){lane, paused, on_done, user};
    if (!(paused ? script_put(w, KEY_DESTINATIONS, name, STR("paused"), on_paused, p)
                 : redis_send(w, 3, resume, on_paused, p))) {
        free(p);
        if (on_done != NULL) {
            on_done(user, "redis_down");
        }
    }
}

struct dropping {
    void (*on_done)(void *user, const char *reason);
    void *user;
};

static void on_dropped(void *user, const redisReply *reply)
{
    struct dropping d = *(struct dropping *)user;
    free(user);
    d.on_done(d.user, store_error_of(reply) == STORE_OK ? NULL : "redis_down");
}

void lookup_drop(struct worker *w, struct str destination,
                 void (*on_done)(void *user, const char *reason), void *user)
{
    struct dropping *d = malloc(sizeof *d);
    ENSURE(d != NULL);
    *d = (struct dropping){on_done, user};
    if (!script_put(w, KEY_DESTINATIONS, destination, STR("dropped"), on_dropped, d)) {
        free(d);
        on_done(user, "redis_down");
    }
}
