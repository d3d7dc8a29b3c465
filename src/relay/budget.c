/* What Penstock keeps in Redis, counted and bounded. */
#include "relay/journal.h"

#include "base/log.h"
#include "relay/delivery.h"
#include "relay/stats.h"

#include <stdio.h>
#include <string.h>

enum {
    FIGURES_CEILING = 256 << 10, /* LANES_MAX names, and two numbers each */
    ROOM_MS = 10,       /* the tick of the timer and the wait for a commit come on top of it */
    ASK_EVERY_MS = 100, /* while room is made */
    FULL_MS = 5000,
    DROP_MOST = 2048,
    LIMIT_LEAST = 16 << 20,
    DROP_EVERY_MS = 3 * RENEW_EVERY_MS - 500
};

/* More than a Redis can hold: such a figure is foreign, and sums of it could overflow. */
#define FIGURE_MOST (UINT64_C(1) << 48)

/* --- what an entry takes */

/* Redis' allocator has four sizes to each power of two; commit.lua reckons alike. */
static uint64_t block_bytes(uint64_t n)
{
    uint64_t step = 16;
    while (step * 8 < n) {
        step *= 2;
    }
    return (n + step - 1) / step * step;
}

/* A node of the stream holds entries up to 4 KiB, or one that is greater, and costs the tree above
 * it some 500 bytes (as MEMORY USAGE has it). */
uint64_t budget_entry(size_t text_bytes)
{
    enum { OF_ENTRY = 85, NODE = 4096, OF_NODE = 40, OF_TREE = 504 };
    uint64_t entry = text_bytes + OF_ENTRY, in_node = entry < NODE ? (NODE - OF_NODE) / entry : 1;
    in_node += in_node == 0;
    return (block_bytes(in_node * entry + OF_NODE) + OF_TREE) / in_node;
}

uint64_t budget_event(const struct event *e)
{
    return budget_entry(e->source.len + e->method.len + e->target.len + e->headers.len +
                        e->body.len);
}

/* A member of a sorted set, which goes with its entry. */
void budget_noted(struct journal *j)
{
    enum { OF_NOTE = 100 };
    if (j->live) { /* else it is measured */
        j->bytes += OF_NOTE;
        budget_appended(j->w, OF_NOTE);
    }
}

/* --- what the scripts counted */

void budget_field(struct journal *j, struct str name, struct str value)
{
    uint64_t v;
    bool due = str_starts(name, STR("b:")), dead = str_starts(name, STR("x:"));
    if (text_u64(value, FIGURE_MOST, &v) != NULL) {
        return; /* of another kind, or foreign: not counted */
    }
    struct lane *lane = due || dead ? lane_find(j->w, str_from(name, 2)) : NULL;
    if (str_eq(name, STR("bodies"))) {
        j->bodies_bytes = v;
    } else if (lane != NULL) {
        struct track *t = track_of(j, lane);
        *(due ? &t->held_bytes : &t->dead_bytes) = v;
    }
}

void budget_committed(struct journal *j, const redisReply *reply, size_t at)
{
    if (reply->elements < at + 2 || reply->element[at + 1]->type != REDIS_REPLY_ARRAY) {
        return; /* nothing was parked, buried or dropped */
    }
    const redisReply *names = reply->element[at], *figures = reply->element[at + 1];
    if (figures->elements != 2 * names->elements + 1) {
        return;
    }
    budget_field(j, STR("bodies"), store_text(figures->element[0]));
    for (size_t i = 0; i < names->elements; i++) {
        struct str name = store_text(names->element[i]);
        char field[80];
        for (size_t k = 0; k < 2; k++) {
            int n = snprintf(field, sizeof field, "%c:%.*s", k == 0 ? 'b' : 'x', STR_ARG(name));
            struct str value = store_text(figures->element[1 + 2 * i + k]);
            if (n > 0 && (size_t)n < sizeof field) {
                budget_field(j, (struct str){field, (size_t)n}, value.len > 0 ? value : STR("0"));
            }
        }
    }
    budget_update(j->w);
}

/* --- the limit */

/* As doctor wants it, a fifth of maxmemory is left to Redis' own buffers. Who has next to nothing
 * for a while loses no dead letters by it. */
static uint64_t limit_of(const struct master *m, uint64_t wanted)
{
    uint64_t most = m->maxmemory / 5 * 4;
    return m->maxmemory == 0 ? wanted : most > LIMIT_LEAST ? most : LIMIT_LEAST;
}

void budget_limit(struct worker *w)
{
    uint64_t room = 0, wanted = w->conf->redis.max_memory, before = w->budget.limit;
    for (const struct master *m = w->redis.masters; m != NULL; m = m->next) {
        uint64_t of_it = limit_of(m, wanted);
        room += of_it < wanted - room ? of_it : wanted - room;
    }
    w->budget.limit = room > 0 ? room : wanted;
    if (w->budget.limit < wanted && w->budget.limit != before && w->index == 0) {
        log_line(LOG_WARN,
                 "Redis' maxmemory leaves less than retention.max_memory: limits and buffers are "
                 "as much smaller; see penstock doctor",
                 "bytes", "%llu", (unsigned long long)w->budget.limit, NULL);
    }
}

static void on_memory(void *user, const redisReply *reply)
{
    struct master *m = user;
    uint64_t most;
    if (store_error_of(reply) == STORE_OK &&
        text_u64(redis_info(reply, STR("maxmemory")), INT64_MAX, &most) == NULL) {
        m->maxmemory = most;
        budget_limit(m->w);
    }
}

/* It may be changed while Redis runs. */
static void ask_limit(struct worker *w)
{
    static const struct str argv[] = {{"INFO", 4}, {"memory", 6}};
    for (struct master *m = w->redis.masters; m != NULL; m = m->next) {
        if (m->ready) {
            store_send(m->main, 2, argv, on_memory, m);
        }
    }
}

uint64_t budget_part(const struct worker *w, uint64_t bytes)
{
    uint64_t limit = w->budget.limit, wanted = w->conf->redis.max_memory;
    return limit >= wanted ? bytes : (uint64_t)((double)bytes * (double)limit / (double)wanted);
}

/* --- said to the others: "<all>" then " <destination> <due> <dead>" for each that has any */

static uint64_t stream_bytes(const struct journal *j)
{
    return j->bytes > j->trimmed_bytes ? j->bytes - j->trimmed_bytes : 0;
}

static uint64_t bytes_of(const struct journal *j)
{
    return stream_bytes(j) + j->bodies_bytes;
}

static void put_figures(const struct journal *j, struct buf *out)
{
    buf_add_u64(out, bytes_of(j));
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        const struct track *t = j->tracks[i];
        if (t != NULL && (t->held_bytes > 0 || t->dead_bytes > 0)) {
            buf_printf(out, " %s %llu %llu", t->lane->name, (unsigned long long)t->held_bytes,
                       (unsigned long long)t->dead_bytes);
        }
    }
}

static void publish(struct journal *j)
{
    struct buf figures;
    if (j->state == JOURNAL_OPEN || j->state == JOURNAL_OLD) {
        j->told_bytes = bytes_of(j);
        buf_init(&figures, FIGURES_CEILING);
        put_figures(j, &figures);
        ENSURE(!figures.failed);
        script_put(j->w, KEY_USAGE, str_of(j->name), buf_str(&figures), NULL, NULL);
        buf_done(&figures);
    }
}

/* --- adding up */

static void on_measured(void *user, const redisReply *reply)
{
    struct journal *j = user;
    if (journal_release(j) || j->live || reply == NULL) {
        return;
    }
    if (reply->type == REDIS_REPLY_INTEGER || reply->type == REDIS_REPLY_NIL) {
        bool counts = reply->integer >= 0 && (uint64_t)reply->integer <= FIGURE_MOST;
        j->bytes = counts ? (uint64_t)reply->integer : 0; /* nil: there is no stream */
        j->trimmed_bytes = 0;
        j->measured = true;
        budget_update(j->w);
        publish(j);
    } else if (!store_error_moves(store_error_of(reply))) {
        log_line(LOG_WARN,
                 "Redis refuses MEMORY USAGE: the history of a former life is not counted; allow "
                 "its user +memory|usage",
                 "journal", "%s", j->name, NULL);
    }
}

/* Answered behind that of the stream. */
static void on_notes_measured(void *user, const redisReply *reply)
{
    struct journal *j = user;
    if (!journal_release(j) && !j->live && j->measured && reply != NULL &&
        reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0 &&
        (uint64_t)reply->integer <= FIGURE_MOST) {
        j->bytes += (uint64_t)reply->integer;
    }
}

/* All of its nodes are looked at: of some the sizes may be far from the average. It takes some 10
 * ms a 100,000 entries, when a journal begins to be recovered and when something of it was trimmed.
 */
void budget_measure(struct journal *j)
{
    struct str argv[] = {STR("MEMORY"), STR("USAGE"), j->keys.v[KEY_JOURNAL], STR("SAMPLES"),
                         STR("0")};
    if (journal_send(j, 5, argv, on_measured, j)) {
        journal_hold(j);
    }
    struct buf key;
    buf_init(&key, 256);
    struct str notes[] = {STR("MEMORY"), STR("USAGE"), journal_key(j, &key, "twice", STR_NONE)};
    if (journal_send(j, 3, notes, on_notes_measured, j)) {
        journal_hold(j);
    }
    buf_done(&key);
}

void budget_update(struct worker *w)
{
    struct budget *b = &w->budget;
    b->total = b->others;
    b->dead = b->others_dead;
    for (unsigned i = 0; i < w->lane_count; i++) {
        w->lanes[i]->held_bytes = w->lanes[i]->held_by_others;
    }
    for (const struct journal *j = w->journals; j != NULL; j = j->next) {
        b->total += bytes_of(j);
        for (unsigned i = 0; i < w->lane_count; i++) {
            if (j->tracks[i] != NULL) {
                w->lanes[i]->held_bytes += j->tracks[i]->held_bytes;
                b->dead += j->tracks[i]->dead_bytes;
            }
        }
    }
}

/* --- heard of the others */

static bool take_number(struct str *rest, uint64_t *v)
{
    struct str word;
    str_cut(*rest, ' ', &word, rest);
    return text_u64(word, FIGURE_MOST, v) == NULL;
}

static void add_figures(struct worker *w, struct str rest)
{
    uint64_t all, due, dead;
    struct str name;
    if (!take_number(&rest, &all)) {
        return;
    }
    w->budget.others += all;
    while (str_cut(rest, ' ', &name, &rest) && take_number(&rest, &due) &&
           take_number(&rest, &dead)) {
        struct lane *lane = map_find(&w->lane_by_name, name);
        w->budget.others_dead += dead;
        if (lane != NULL) {
            lane->held_by_others += due;
        }
    }
}

static void on_usage(void *user, const redisReply *reply)
{
    struct worker *w = user;
    w->budget.asked = false;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return;
    }
    w->budget.others = w->budget.others_dead = 0;
    for (unsigned i = 0; i < w->lane_count; i++) {
        w->lanes[i]->held_by_others = 0;
    }
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        uint64_t number;
        if (journal_number(store_text(reply->element[i]), &number) &&
            journal_find(w, number) == NULL) {
            add_figures(w, store_text(reply->element[i + 1]));
        }
    }
    budget_update(w);
}

static void ask_others(struct worker *w)
{
    struct str argv[] = {STR("HGETALL"), worker_key(w, KEY_USAGE)};
    if (!w->budget.asked) {
        w->budget.asked = redis_send(w, 2, argv, on_usage, w);
    }
    w->budget.ask_again_ms = boot_ms() + ASK_EVERY_MS;
}

void budget_forget(struct worker *w, uint64_t number)
{
    char name[12];
    journal_name(number, name);
    struct str argv[] = {STR("HDEL"), worker_key(w, KEY_USAGE), str_of(name)};
    redis_send(w, 3, argv, NULL, NULL);
}

/* --- making room, and refusing */

/* The others make room at the same time: each is to know of it, or all would refuse until the next
 * round. */
static void on_room(struct wheel_timer *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, budget.room);
    journals_trim(w);
    budget_update(w);
    bool turn = boot_ms() >= w->budget.ask_again_ms;
    for (struct journal *j = w->journals; j != NULL; j = j->next) { /* old ones: when measured */
        if (j->state == JOURNAL_OPEN &&
            (bytes_of(j) < j->told_bytes || (turn && bytes_of(j) > j->told_bytes))) {
            publish(j);
        }
    }
    if (turn) {
        ask_others(w);
    }
}

/* The next round is up to two seconds away: too late for who sends fast. */
static void make_room(struct worker *w)
{
    if (budget_is_short(w) && !w->stopping && !w->draining && w->budget.room.link == NULL) {
        wheel_arm(&w->wheel, &w->budget.room, ROOM_MS, on_room);
    }
}

/* Until it is added up again. Room is made before there is none. */
void budget_appended(struct worker *w, uint64_t bytes)
{
    w->budget.total += bytes;
    make_room(w);
}

void budget_redis_full(struct worker *w)
{
    w->budget.full_until_ms = boot_ms() + FULL_MS;
    make_room(w);
}

static uint64_t dead_share(const struct worker *w)
{
    return budget_part(w, w->conf->redis.dead_bytes);
}

/* Its part of what is too much, in dead letters: every owner drops its own part. */
static uint64_t excess_of(const struct track *t)
{
    const struct worker *w = t->journal->w;
    double excess = (double)(w->budget.dead - dead_share(w)) / (double)w->budget.dead;
    uint64_t n = (uint64_t)((double)t->dead_total * excess) + 1;
    return t->dead_total == 0 ? 0 : n < DROP_MOST ? n : DROP_MOST;
}

/* The oldest dead letters of each destination go until their share is kept again. */
static void drop_dead(struct worker *w)
{
    bool over = w->budget.dead > dead_share(w);
    if (over != w->budget.over) {
        w->budget.over = over;
        w->budget.drop_again_ms = 0;
        log_line(over ? LOG_ERROR : LOG_INFO,
                 over ? "dead letters take more than retention.dead_bytes: the oldest are dropped"
                      : "dead letters are within retention.dead_bytes again",
                 "bytes", "%llu", (unsigned long long)w->budget.dead, NULL);
    }
    if (!over || boot_ms() < w->budget.drop_again_ms) { /* or what others have just dropped would be
                                                           dropped here again */
        return;
    }
    bool asked = false;
    for (struct journal *j = w->journals; j != NULL; j = j->next) {
        for (unsigned i = 0; i < w->lane_count; i++) {
            if (j->tracks[i] != NULL && (j->state == JOURNAL_OPEN || j->state == JOURNAL_OLD)) {
                asked |= dead_forget(j->tracks[i], excess_of(j->tracks[i]), "share");
            }
        }
    }
    w->budget.drop_again_ms = asked ? boot_ms() + DROP_EVERY_MS : 0;
}

void budget_tend(struct worker *w)
{
    budget_update(w);
    drop_dead(w);
    for (struct journal *j = w->journals; j != NULL; j = j->next) {
        publish(j);
    }
    ask_limit(w);
    ask_others(w);
}

bool budget_is_short(const struct worker *w)
{
    return w->budget.total > w->budget.limit / 5 * 4 || boot_ms() < w->budget.full_until_ms;
}

const char *budget_refuses(struct worker *w, const uint16_t *to, size_t n)
{
    static _Thread_local char why[160];
    if (w->budget.total >= w->budget.limit) {
        make_room(w); /* the others may have made it by now */
        return w->budget.limit < w->conf->redis.max_memory
                   ? "what is kept in Redis has reached four fifths of its maxmemory"
                   : "what is kept in Redis has reached retention.max_memory";
    }
    for (size_t i = 0; i < n; i++) {
        const struct lane *lane = w->lanes[to[i]];
        if (lane->dest != NULL && lane->dest->on_full == FULL_REFUSE && !lane->dest->mirror &&
            lane->held_bytes >= budget_part(w, lane->dest->buffer_bytes)) {
            snprintf(why, sizeof why, "the buffer of destination %s is full", lane->name);
            return why;
        }
    }
    return NULL;
}
