/* Questions about what is in Redis, answered for all journals, also those of other nodes. */
#include "relay/lookup.h"

#include "base/crypt.h"
#include "base/log.h"
#include "relay/delivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "<prefix>{J}:<kind><rest>"; free with buf_done. */
static struct str key_of(struct worker *w, struct buf *out, struct str journal, const char *kind,
                         struct str rest)
{
    buf_init(out, 512);
    buf_add_str(out, w->conf->redis.prefix);
    buf_add_char(out, '{');
    buf_add_str(out, journal);
    buf_add_str(out, STR("}:"));
    buf_add_str(out, str_of(kind));
    buf_add_str(out, rest);
    ENSURE(!out->failed);
    return buf_str(out);
}

/* --- dead letters: live -> lanes of each -> dead:<destination>; the newest of all -> each event */

/* Where a dead letter lies. */
struct dead_place {
    int64_t buried_ms;
    char journal[12], destination[72];
    uint64_t n;
};

struct dead_search {
    struct worker *w;
    char destination[72];
    unsigned limit;
    bool goes_on; /* after `after` */
    struct dead_place after;
    struct dead_place *places; /* found so far */
    size_t count, room;
    unsigned asked;
    bool reading; /* the places are known, their events are read */
    bool failed;
    void (*on_each)(void *user, const struct dead_letter *d);
    void (*on_end)(void *user, struct str next, const char *reason);
    void *user;
};

struct dead_step {
    struct dead_search *s;
    void (*on_reply)(struct dead_search *s, struct dead_step *step, const redisReply *reply);
    struct dead_place place; /* as far as it is known */
};

static void copy_text(char *to, size_t size, struct str from)
{
    size_t n = from.len < size - 1 ? from.len : size - 1;
    if (n > 0) {
        memcpy(to, from.at, n);
    }
    to[n] = '\0';
}

/* Newest first; those of one millisecond in an order that stays, for a page may end among them. */
static int place_order(const void *left, const void *right)
{
    const struct dead_place *a = left, *b = right;
    if (a->buried_ms != b->buried_ms) {
        return a->buried_ms > b->buried_ms ? -1 : 1;
    }
    if (a->n != b->n) {
        return a->n > b->n ? -1 : 1;
    }
    int journal = strcmp(a->journal, b->journal);
    return journal != 0 ? journal : strcmp(a->destination, b->destination);
}

/* "<ms>-<J>-<n>-<destination>" */
static void put_place(struct buf *out, const struct dead_place *p)
{
    buf_printf(out, "%lld-%s-%llu-%s", (long long)p->buried_ms, p->journal,
               (unsigned long long)p->n, p->destination);
}

static bool place_read(struct str text, struct dead_place *p)
{
    struct str ms, journal, n, destination;
    uint64_t at, number;
    if (!str_cut(text, '-', &ms, &text) || !str_cut(text, '-', &journal, &text) ||
        !str_cut(text, '-', &n, &destination) || text_u64(ms, INT64_MAX, &at) != NULL ||
        !journal_number(journal, &number) || text_u64(n, EVENT_N_MAX, &p->n) != NULL) {
        return false;
    }
    p->buried_ms = (int64_t)at;
    copy_text(p->journal, sizeof p->journal, journal);
    copy_text(p->destination, sizeof p->destination, destination);
    return true;
}

static void search_end(struct dead_search *s)
{
    struct buf next;
    buf_init(&next, 256);
    if (s->count >= s->limit) { /* perhaps there are more */
        put_place(&next, &s->places[s->limit - 1]);
    }
    s->on_end(s->user, buf_str(&next), s->failed ? "redis_down" : NULL);
    buf_done(&next);
    free(s->places);
    free(s);
}

static void read_places(struct dead_search *s);

static void on_dead_step(void *user, const redisReply *reply)
{
    struct dead_step *step = user;
    struct dead_search *s = step->s;
    enum store_error e = store_error_of(reply);
    if (e == STORE_OK) {
        step->on_reply(s, step, reply);
    } else if (e != STORE_WRONGTYPE) { /* a foreign key hides its own letters, and no other */
        s->failed = true;
    }
    free(step);
    if (--s->asked == 0 && !s->reading && !s->failed) {
        read_places(s);
    }
    if (s->asked == 0) {
        search_end(s);
    }
}

static void dead_ask(struct dead_search *s, const struct dead_step *from, size_t argc,
                     const struct str *argv)
{
    struct dead_step *step = malloc(sizeof *step);
    ENSURE(step != NULL);
    *step = *from;
    step->s = s;
    if (redis_send(s->w, argc, argv, on_dead_step, step)) {
        s->asked++;
    } else {
        s->failed = true;
        free(step);
    }
}

static void on_dead_event(struct dead_search *s, struct dead_step *step, const redisReply *reply)
{
    struct dead_letter d = {.destination = str_of(step->place.destination),
                            .buried_ms = step->place.buried_ms};
    uint64_t received;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 5 ||
        text_u64(store_text(reply->element[1]), INT64_MAX, &received) != NULL ||
        !record_decode(store_text(reply->element[4]), &d.record)) {
        return;
    }
    d.id = store_text(reply->element[0]);
    d.received_ms = (int64_t)received;
    d.source = store_text(reply->element[2]);
    str_cut(store_text(reply->element[3]), ' ', &d.method, &d.target);
    s->on_each(s->user, &d);
}

static void read_place(struct dead_search *s, const struct dead_place *p)
{
    struct dead_step step = {.on_reply = on_dead_event, .place = *p};
    struct buf key, field;
    char n[20];
    struct str number = {n, text_put_u64(n, p->n)};
    buf_init(&field, 128);
    buf_add_str(&field, STR("d:"));
    buf_add_str(&field, str_of(p->destination));
    struct str argv[] = {STR("HMGET"),   key_of(s->w, &key, str_of(p->journal), "event:", number),
                         STR("id"),      STR("t"),
                         STR("src"),     STR("m"),
                         buf_str(&field)};
    dead_ask(s, &step, 7, argv);
    buf_done(&key);
    buf_done(&field);
}

static void read_places(struct dead_search *s)
{
    s->reading = true;
    if (s->count > 0) {
        qsort(s->places, s->count, sizeof *s->places, place_order);
    }
    for (size_t i = 0; i < s->count && i < s->limit; i++) {
        read_place(s, &s->places[i]);
    }
}

static void add_place(struct dead_search *s, const struct dead_place *p)
{
    if (s->goes_on && place_order(p, &s->after) <= 0) {
        return; /* an earlier page had it */
    }
    if (s->count == s->room) {
        s->room = s->room == 0 ? 256 : 2 * s->room;
        s->places = realloc(s->places, s->room * sizeof *s->places);
        ENSURE(s->places != NULL);
    }
    s->places[s->count++] = *p;
}

static bool take_place(const struct dead_step *step, const redisReply *reply, size_t i,
                       struct dead_place *p)
{
    uint64_t at;
    *p = step->place;
    if (text_u64(store_text(reply->element[i]), EVENT_N_MAX, &p->n) != NULL ||
        text_u64(store_text(reply->element[i + 1]), INT64_MAX, &at) != NULL) {
        return false;
    }
    p->buried_ms = (int64_t)at;
    return true;
}

static void on_dead_of_ms(struct dead_search *s, struct dead_step *step, const redisReply *reply)
{
    struct dead_place p;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i + 1 < reply->elements; i += 2) {
        if (take_place(step, reply, i, &p)) {
            add_place(s, &p);
        }
    }
}

/* All that were buried in one millisecond: a limit would cut them anywhere. */
static void ask_ms(struct dead_search *s, const struct dead_step *step, int64_t ms)
{
    struct dead_step next = {.on_reply = on_dead_of_ms, .place = step->place};
    struct buf key;
    char digits[20];
    struct str at = {digits, text_put_u64(digits, (uint64_t)ms)};
    struct str argv[] = {
        STR("ZRANGE"),
        key_of(s->w, &key, str_of(next.place.journal), "dead:", str_of(next.place.destination)),
        at,
        at,
        STR("BYSCORE"),
        STR("WITHSCORES")};
    dead_ask(s, &next, 6, argv);
    buf_done(&key);
}

static void on_dead_before(struct dead_search *s, struct dead_step *step, const redisReply *reply)
{
    struct dead_place p, last = {.buried_ms = -1};
    size_t elements = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
    bool cut = elements / 2 >= s->limit && take_place(step, reply, elements - 2, &last);
    for (size_t i = 0; i + 1 < elements; i += 2) {
        if (take_place(step, reply, i, &p) && p.buried_ms != last.buried_ms) {
            add_place(s, &p);
        }
    }
    if (cut) {
        ask_ms(s, step, last.buried_ms);
    }
}

static void ask_before(struct dead_search *s, const struct dead_step *step)
{
    struct dead_step next = {.on_reply = on_dead_before, .place = step->place};
    struct buf key, before;
    char digits[20];
    buf_init(&before, 64);
    if (s->goes_on) {
        buf_printf(&before, "(%lld", (long long)s->after.buried_ms);
        ask_ms(s, step, s->after.buried_ms);
    } else {
        buf_add_str(&before, STR("+inf"));
    }
    struct str argv[] = {
        STR("ZRANGE"),
        key_of(s->w, &key, str_of(next.place.journal), "dead:", str_of(next.place.destination)),
        buf_str(&before),
        STR("-inf"),
        STR("BYSCORE"),
        STR("REV"),
        STR("LIMIT"),
        STR("0"),
        {digits, text_put_u64(digits, s->limit)},
        STR("WITHSCORES")};
    dead_ask(s, &next, 10, argv);
    buf_done(&key);
    buf_done(&before);
}

static void on_dead_lanes(struct dead_search *s, struct dead_step *step, const redisReply *reply)
{
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        struct str name = store_text(reply->element[i]);
        if (s->destination[0] != '\0' && !str_eq(name, str_of(s->destination))) {
            continue;
        }
        copy_text(step->place.destination, sizeof step->place.destination, name);
        ask_before(s, step);
    }
}

static void on_dead_journals(struct dead_search *s, struct dead_step *step, const redisReply *reply)
{
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        struct dead_step next = *step;
        struct buf key;
        next.on_reply = on_dead_lanes;
        copy_text(next.place.journal, sizeof next.place.journal, store_text(reply->element[i]));
        struct str argv[] = {STR("SMEMBERS"),
                             key_of(s->w, &key, str_of(next.place.journal), "lanes", STR_NONE)};
        dead_ask(s, &next, 2, argv);
        buf_done(&key);
    }
}

void lookup_dead(struct worker *w, const struct dead_query *q,
                 void (*on_each)(void *user, const struct dead_letter *d),
                 void (*on_end)(void *user, struct str next, const char *reason), void *user)
{
    struct dead_search *s = calloc(1, sizeof *s);
    ENSURE(s != NULL);
    *s = (struct dead_search){.w = w,
                              .limit = q->limit,
                              .goes_on = q->after.len > 0,
                              .on_each = on_each,
                              .on_end = on_end,
                              .user = user};
    copy_text(s->destination, sizeof s->destination, q->destination);
    if (s->goes_on && !place_read(q->after, &s->after)) {
        on_end(user, STR_NONE, "malformed");
        free(s);
        return;
    }
    struct str argv[] = {STR("SMEMBERS"), worker_key(w, KEY_LIVE)};
    dead_ask(s, &(struct dead_step){.on_reply = on_dead_journals}, 2, argv);
    if (s->asked == 0) {
        search_end(s);
    }
}

/* --- one event: its hash (parked or dead), else its entry in the journal */

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

static void take_pair(struct found_event *e, struct str name, struct str value)
{
    uint64_t received;
    if (str_eq(name, STR("id"))) {
        e->id = value;
    } else if (str_eq(name, STR("t")) && text_u64(value, INT64_MAX, &received) == NULL) {
        e->received_ms = (int64_t)received;
    } else if (str_eq(name, STR("src"))) {
        e->source = value;
    } else if (str_eq(name, STR("m"))) {
        str_cut(value, ' ', &e->method, &e->target);
    } else if (str_eq(name, STR("h"))) {
        e->headers = value;
    } else if (str_eq(name, STR("b"))) {
        e->body = value;
        e->has_body = true;
    } else if (str_starts(name, STR("d:")) &&
               e->record_count < sizeof e->records / sizeof *e->records &&
               record_decode(value, &e->records[e->record_count].record)) {
        e->records[e->record_count++].destination = str_from(name, 2);
    }
}

static void take_pairs(struct found_event *e, const redisReply *pairs)
{
    for (size_t i = 0; i + 1 < pairs->elements; i += 2) {
        take_pair(e, store_text(pairs->element[i]), store_text(pairs->element[i + 1]));
    }
}

static void search_hash(struct event_search *s);

static void on_moved(void *user, const redisReply *reply)
{
    struct event_search *s = user;
    struct str place = store_text(reply), journal, n;
    if (reply == NULL) {
        event_end(s, NULL, "redis_down");
    } else if (s->moves++ < 8 && str_cut(place, '-', &journal, &n) && journal.len == 9 &&
               text_u64(n, EVENT_N_MAX, &s->n) == NULL) {
        copy_text(s->journal, sizeof s->journal, journal);
        search_hash(s);
    } else {
        event_end(s, NULL, NULL);
    }
}

static void on_entry(void *user, const redisReply *reply)
{
    struct event_search *s = user;
    static _Thread_local struct found_event e; /* large; used up within this call */
    memset(&e, 0, sizeof e);
    if (reply == NULL) {
        event_end(s, NULL, "redis_down");
        return;
    }
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
        reply->element[0]->elements == 2) {
        take_pairs(&e, reply->element[0]->element[1]);
        if (str_eq(e.id, str_of(s->id))) {
            event_end(s, &e, NULL);
            return;
        }
    }
    struct buf key;
    char n[20];
    struct str argv[] = {STR("HGET"),
                         key_of(s->w, &key, str_of(s->journal), "moved", STR_NONE),
                         {n, text_put_u64(n, s->n)}};
    if (!redis_send(s->w, 3, argv, on_moved, s)) {
        event_end(s, NULL, "redis_down");
    }
    buf_done(&key);
}

static void on_hash(void *user, const redisReply *reply)
{
    struct event_search *s = user;
    static _Thread_local struct found_event e;
    memset(&e, 0, sizeof e);
    if (reply == NULL) {
        event_end(s, NULL, "redis_down");
        return;
    }
    if (reply->type == REDIS_REPLY_ARRAY && reply->elements > 0) {
        take_pairs(&e, reply);
        event_end(s, &e, NULL);
        return;
    }
    struct buf key;
    char id[ENTRY_ID_MAX];
    struct str entry = entry_id(id, s->n);
    struct str argv[] = {STR("XRANGE"), key_of(s->w, &key, str_of(s->journal), "journal", STR_NONE),
                         entry, entry};
    if (!redis_send(s->w, 4, argv, on_entry, s)) {
        event_end(s, NULL, "redis_down");
    }
    buf_done(&key);
}

static void search_hash(struct event_search *s)
{
    struct buf key;
    char n[20];
    struct str number = {n, text_put_u64(n, s->n)};
    struct str argv[] = {STR("HGETALL"), key_of(s->w, &key, str_of(s->journal), "event:", number)};
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
    copy_text(s->id, sizeof s->id, id);
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
        copy_text(p->journal, sizeof p->journal, journal);
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
    struct str argv[] = {STR("XRANGE"), key_of(p->w, &key, str_of(p->journal), "journal", STR_NONE),
                         entry, entry};
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
    struct str argv[] = {STR("HEXISTS"), key_of(p->w, &key, str_of(p->journal), "event:", number),
                         STR("b")};
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
                             key_of(p->w, &key, str_of(p->journal), "moved", STR_NONE),
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
    struct str argv[] = {STR("ZSCORE"),
                         key_of(p->w, &key, str_of(p->journal), "dead:", str_of(p->destination)),
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
    copy_text(p->verb, sizeof p->verb, str_of(verb));
    copy_text(p->destination, sizeof p->destination, destination);
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
