/* A page of dead letters: live -> lanes of each -> dead:<destination>; the newest of all -> each
 * event. */
#include "relay/dead_page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- places */

int dead_place_order(const void *left, const void *right)
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
void dead_place_encode(const struct dead_place *p, struct buf *out)
{
    buf_printf(out, "%lld-%s-%llu-%s", (long long)p->buried_ms, p->journal,
               (unsigned long long)p->n, p->destination);
}

bool dead_place_decode(struct str text, struct dead_place *p)
{
    struct str ms, journal, n, destination;
    uint64_t at, number;
    if (!str_cut(text, '-', &ms, &text) || !str_cut(text, '-', &journal, &text) ||
        !str_cut(text, '-', &n, &destination) || text_u64(ms, INT64_MAX, &at) != NULL ||
        !journal_number(journal, &number) || text_u64(n, EVENT_N_MAX, &p->n) != NULL) {
        return false;
    }
    p->buried_ms = (int64_t)at;
    text_copy(p->journal, sizeof p->journal, journal);
    text_copy(p->destination, sizeof p->destination, destination);
    return true;
}

/* --- the search */

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
    bool further;            /* not the first question of this set: */
    double below;            /* scores have to be */
};

static void search_end(struct dead_search *s)
{
    struct buf next;
    buf_init(&next, 256);
    if (s->count >= s->limit) { /* perhaps there are more */
        dead_place_encode(&s->places[s->limit - 1], &next);
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
    struct event_parts head;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        !event_get_head(store_text(reply->element[0]), &head) ||
        !record_decode(store_text(reply->element[1]), &d.record)) {
        return;
    }
    d.id = head.id;
    d.received_ms = head.received_ms;
    d.source = head.source;
    d.method = head.method;
    d.target = head.target;
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
    struct str argv[] = {STR("HMGET"),
                         journal_key_of(s->w, &key, str_of(p->journal), "event:", number), STR("e"),
                         buf_str(&field)};
    dead_ask(s, &step, 4, argv);
    buf_done(&key);
    buf_done(&field);
}

static void read_places(struct dead_search *s)
{
    s->reading = true;
    if (s->count > 0) {
        qsort(s->places, s->count, sizeof *s->places, dead_place_order);
    }
    for (size_t i = 0; i < s->count && i < s->limit; i++) {
        read_place(s, &s->places[i]);
    }
}

static void add_place(struct dead_search *s, const struct dead_place *p)
{
    if (s->goes_on && dead_place_order(p, &s->after) <= 0) {
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
    struct str argv[] = {STR("ZRANGE"),
                         journal_key_of(s->w, &key, str_of(next.place.journal),
                                        "dead:", str_of(next.place.destination)),
                         at,
                         at,
                         STR("BYSCORE"),
                         STR("WITHSCORES")};
    dead_ask(s, &next, 6, argv);
    buf_done(&key);
}

/* The next ones, from the newest on; `max` as ZRANGE takes it. */
static void ask_down(struct dead_search *s, const struct dead_step *step, struct str max);

static void ask_below(struct dead_search *s, const struct dead_step *step, struct str score)
{
    struct dead_step next = {.place = step->place, .further = true};
    char max[40];
    snprintf(max, sizeof max, "(%.*s", STR_ARG(score));
    next.below = strtod(max + 1, NULL);
    if (!step->further ||
        next.below < step->below) { /* else that was no answer: it would not end */
        ask_down(s, &next, str_of(max));
    }
}

/* Of a full page the last millisecond is asked for whole. What is foreign in it took the place of
 * dead letters: the next page of the same set, too. */
static void on_dead_before(struct dead_search *s, struct dead_step *step, const redisReply *reply)
{
    struct dead_place p;
    uint64_t last_ms = UINT64_MAX; /* none */
    size_t pairs = reply->type == REDIS_REPLY_ARRAY ? reply->elements / 2 : 0, ours = 0;
    bool cut = pairs >= s->limit;
    struct str last = cut ? store_text(reply->element[2 * pairs - 1]) : STR_NONE;
    if (cut && text_u64(last, INT64_MAX, &last_ms) == NULL) {
        ask_ms(s, step, (int64_t)last_ms);
    }
    for (size_t i = 0; i < pairs; i++) {
        if (take_place(step, reply, 2 * i, &p)) {
            ours++;
            if ((uint64_t)p.buried_ms != last_ms) {
                add_place(s, &p);
            }
        }
    }
    if (cut && ours < pairs && last.len > 0) {
        ask_below(s, step, last);
    }
}

static void ask_down(struct dead_search *s, const struct dead_step *step, struct str max)
{
    struct dead_step next = *step;
    struct buf key;
    char digits[20];
    next.on_reply = on_dead_before;
    struct str argv[] = {STR("ZRANGE"),
                         journal_key_of(s->w, &key, str_of(next.place.journal),
                                        "dead:", str_of(next.place.destination)),
                         max,
                         STR("-inf"),
                         STR("BYSCORE"),
                         STR("REV"),
                         STR("LIMIT"),
                         STR("0"),
                         {digits, text_put_u64(digits, s->limit)},
                         STR("WITHSCORES")};
    dead_ask(s, &next, 10, argv);
    buf_done(&key);
}

static void ask_before(struct dead_search *s, const struct dead_step *step)
{
    struct buf before;
    buf_init(&before, 64);
    if (s->goes_on) {
        buf_printf(&before, "(%lld", (long long)s->after.buried_ms);
        ask_ms(s, step, s->after.buried_ms);
    } else {
        buf_add_str(&before, STR("+inf"));
    }
    ask_down(s, step, buf_str(&before));
    buf_done(&before);
}

static void on_dead_lanes(struct dead_search *s, struct dead_step *step, const redisReply *reply)
{
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        struct str name = store_text(reply->element[i]);
        if (s->destination[0] != '\0' && !str_eq(name, str_of(s->destination))) {
            continue;
        }
        text_copy(step->place.destination, sizeof step->place.destination, name);
        ask_before(s, step);
    }
}

static void on_dead_journals(struct dead_search *s, struct dead_step *step, const redisReply *reply)
{
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        struct dead_step next = *step;
        struct buf key;
        uint64_t number;
        if (!journal_number(store_text(reply->element[i]), &number)) {
            continue; /* foreign: no page could end there, for its place would not be read back */
        }
        next.on_reply = on_dead_lanes;
        text_copy(next.place.journal, sizeof next.place.journal, store_text(reply->element[i]));
        struct str argv[] = {STR("SMEMBERS"), journal_key_of(s->w, &key, str_of(next.place.journal),
                                                             "lanes", STR_NONE)};
        dead_ask(s, &next, 2, argv);
        buf_done(&key);
    }
}

void dead_page_read(struct worker *w, const struct dead_query *q,
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
    text_copy(s->destination, sizeof s->destination, q->destination);
    if (s->goes_on && !dead_place_decode(q->after, &s->after)) {
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
