/* Parked deliveries: when they are due, and reading them back into their lane. Only the owner of a
 * journal reads its due sets, and it keeps the next due time of each in memory: nothing polls. */
#include "relay/journal.h"

#include "base/log.h"
#include "relay/delivery.h"
#include "relay/held_back.h"
#include "relay/stats.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    EVENTS_MOST = 64, /* bodies asked for at once */
    BYTES_MOST = 8 << 20,
    AGAIN_MS = 1000, /* after Redis has refused a read */
    NEVER = -1,
    FOREIGN_MOST = 4096,
};

static void on_due(struct wheel_timer *timer)
{
    struct worker *w = CONTAINER_OF(timer, struct worker, due);
    int64_t now = worker_now_ms(w);
    for (struct journal *j = w->journals; j != NULL; j = j->next) {
        for (unsigned i = 0; i < w->lane_count; i++) {
            struct track *t = j->tracks[i];
            if (t != NULL && t->next_due_ms <= now) {
                due_look(t);
            }
        }
    }
    due_rearm(w);
}

void due_rearm(struct worker *w)
{
    int64_t first = INT64_MAX, now = worker_now_ms(w);
    for (struct journal *j = w->journals; j != NULL; j = j->next) {
        for (unsigned i = 0; i < w->lane_count; i++) {
            const struct track *t = j->tracks[i];
            /* One that is due already waits for room in its lane, not for the clock. */
            if (t != NULL && t->next_due_ms > now && t->next_due_ms < first) {
                first = t->next_due_ms;
            }
        }
    }
    if (first != INT64_MAX) {
        int64_t after = first - now + 1;
        wheel_arm(&w->wheel, &w->due, (uint64_t)(after > 60000 ? 60000 : after), on_due);
    }
}

void due_note(struct track *t, int64_t due_ms)
{
    if (due_ms < t->next_due_ms) {
        t->next_due_ms = due_ms;
        if (due_ms <= worker_now_ms(t->journal->w)) {
            due_look(t);
        } else {
            due_rearm(t->journal->w);
        }
    }
}

/* --- reading */

enum read_kind {
    READ_DUE,
    READ_EXPIRED, /* too old: bury them without an attempt */
};

struct due_read {
    struct track *t;
    enum read_kind kind;
    unsigned lane;
    uint64_t *numbers;
    size_t count, got;
    bool of_removed; /* READ_EXPIRED: whatever their age */
    int again_ms; /* something was left out that is still due: when to read again; NEVER: nothing */
    unsigned asked, limit;
};

/* 0 where an answer did not come; AGAIN_MS where it was an error, of a key that is foreign, say, or
 * nonsense. */
static void read_again(struct due_read *r, int after_ms)
{
    r->again_ms = after_ms > r->again_ms ? after_ms : r->again_ms;
}

static void read_free(struct due_read *r)
{
    free(r->numbers);
    free(r);
}

/* A reply for a track: its journal may be gone, or have been left and come back with other tracks.
 */
static struct track *still(struct journal *j, const struct due_read *r)
{
    struct track *t = j->tracks[r->lane];
    return t == r->t && (j->state == JOURNAL_OPEN || j->state == JOURNAL_OLD ||
                         j->state == JOURNAL_READING || j->state == JOURNAL_MARKING)
               ? t
               : NULL;
}

struct due_call {
    struct journal *j;
    struct due_read *r;
    void (*on_reply)(struct journal *j, struct due_read *r, const redisReply *reply);
};

static void on_call(void *user, const redisReply *reply)
{
    struct due_call c = *(struct due_call *)user;
    free(user);
    if (journal_release(c.j)) {
        if (--c.r->asked == 0) {
            read_free(c.r);
        }
        return;
    }
    c.r->asked--;
    c.on_reply(c.j, c.r, reply);
}

static bool call(struct journal *j, struct due_read *r, size_t argc, const struct str *argv,
                 void (*on_reply)(struct journal *j, struct due_read *r, const redisReply *reply))
{
    struct due_call *c = malloc(sizeof *c);
    ENSURE(c != NULL);
    *c = (struct due_call){j, r, on_reply};
    if (!journal_send(j, argc, argv, on_call, c)) {
        free(c);
        return false;
    }
    journal_hold(j);
    r->asked++;
    return true;
}

static void read_done(struct journal *j, struct due_read *r)
{
    struct track *t = j->tracks[r->lane];
    if (r->asked > 0) {
        return;
    }
    if (t != NULL && t == r->t) {
        t->due_reading = false;
        bool whole = r->again_ms == NEVER;
        if (!whole && r->kind == READ_DUE) {
            t->next_due_ms = worker_now_ms(j->w) + r->again_ms;
        }
        lane_pump(t->lane);
        due_rearm(j->w);
        if (r->kind == READ_EXPIRED && r->count > 0 && whole) {
            due_expire(t); /* more of the same */
        }
        if (t->next_due_ms <= worker_now_ms(j->w) && r->count > 0 && whole) {
            due_look(t); /* more of the same */
        }
    }
    read_free(r);
}

/* `elements` that it must have; 0: any. */
static bool is_read(const struct journal *j, struct due_read *r, const redisReply *reply,
                    size_t elements)
{
    enum store_error e = store_error_of(reply);
    bool fits = e == STORE_OK && reply->type == REDIS_REPLY_ARRAY &&
                (elements == 0 || reply->elements == elements);
    if (!fits && e != STORE_UNKNOWN && !store_error_moves(e) && r->again_ms < AGAIN_MS) {
        log_line(LOG_ERROR, "parked deliveries cannot be read; trying again", "journal", "%s",
                 j->name, "destination", "%s", j->w->lanes[r->lane]->name, "error", "%s",
                 e == STORE_OK ? "nonsense" : store_error_word(e), NULL);
    }
    if (!fits) {
        read_again(r, e == STORE_UNKNOWN ? 0 : AGAIN_MS);
    }
    return fits;
}

/* A member of a due or dead set; false: foreign. */
static bool member_read(const redisReply *reply, uint64_t *n)
{
    return text_u64(store_text(reply), EVENT_N_MAX, n) == NULL && *n != 0;
}

/* HMGET of one parked delivery: head, body, and its record. */
static void on_event(struct journal *j, struct due_read *r, const redisReply *reply)
{
    struct track *t = still(j, r);
    uint64_t n = r->numbers[r->got++];
    bool read = is_read(j, r, reply, 3);
    bool is_back = t != NULL && r->of_removed && !t->lane->removed; /* it stays where it is */
    if (t == NULL) {
        read_again(r, 0);
    }
    if (t != NULL && read && !is_back) {
        struct record record;
        uint16_t to = (uint16_t)r->lane;
        struct event_parts parts = {
            .journal = j->number,
            .n = n,
            .body = store_text(reply->element[1]),
            .to = &to,
            .to_count = 1,
        };
        if (reply->element[1]->type != REDIS_REPLY_STRING || /* never one without its body */
            !event_get_head(store_text(reply->element[0]), &parts) ||
            !record_decode(store_text(reply->element[2]), &record)) {
            log_line(LOG_ERROR, "a parked delivery has no event: dropped", "journal", "%s", j->name,
                     "n", "%llu", (unsigned long long)n, "destination", "%s", t->lane->name, NULL);
            stats_lost(j->w, 1);
            numset_add(&t->in_hand, n); /* until that is written */
            commit_drop(t, n, NULL);
        } else {
            struct event *e = event_new(&parts);
            if (r->kind == READ_EXPIRED) {
                dispatch_expired(t, e, &record);
            } else {
                dispatch_parked(t, e, &record, TRACK_NO_SEQ);
            }
            event_unref(e);
        }
    }
    read_done(j, r);
}

static void ask_event(struct journal *j, struct due_read *r, uint64_t n)
{
    struct buf key, field;
    char digits[20];
    buf_init(&key, 256);
    buf_init(&field, 128);
    struct str number = {digits, text_put_u64(digits, n)};
    buf_add_str(&field, STR("d:"));
    buf_add_str(&field, str_of(r->t->lane->name));
    struct str argv[] = {STR("HMGET"), journal_key(j, &key, "event:", number), STR("e"), STR("b"),
                         buf_str(&field)};
    if (call(j, r, 5, argv, on_event)) {
        r->numbers[r->count++] = n;
    } else {
        read_again(r, 0);
    }
    buf_done(&key);
    buf_done(&field);
}

/* So many that they come to a few MiB, as what is parked goes. */
static unsigned bodies_at_once(const struct track *t)
{
    uint64_t each = t->due_total > 0 ? t->held_bytes / t->due_total : 0;
    return each <= BYTES_MOST / EVENTS_MOST ? EVENTS_MOST
           : each < BYTES_MOST              ? (unsigned)(BYTES_MOST / each)
                                            : 1;
}

/* Nothing is in the set although deliveries were parked, and none of them is in hand or on its way:
 * somebody else has deleted it. What they were is still in their events' hashes. */
static void look_for_loss(struct journal *j, struct track *t)
{
    bool settled = t->in_hand.n == 0 && j->op_count == 0 && j->batch == NULL;
    if (t->due_total == 0 || !settled) {
        return;
    }
    log_line(LOG_ERROR,
             "a set of parked deliveries is gone, not by Penstock: find who writes to its keys. "
             "Their events are still in the event:<n> keys of the journal, under d:<destination>",
             "journal", "%s", j->name, "destination", "%s", t->lane->name, "deliveries", "%llu",
             (unsigned long long)t->due_total, NULL);
    stats_lost(j->w, t->due_total < UINT_MAX ? (unsigned)t->due_total : UINT_MAX);
    t->due_total = 0;
}

/* They stay where they are, and the next read looks beyond them. */
static void note_foreign(struct track *t, size_t foreign)
{
    if (foreign > t->foreign) {
        log_line(LOG_ERROR, "a set of parked deliveries has members that are none; passed over",
                 "journal", "%s", t->journal->name, "destination", "%s", t->lane->name, "members",
                 "%zu", foreign, NULL);
    }
    t->foreign = foreign < FOREIGN_MOST ? (unsigned)foreign : FOREIGN_MOST;
}

/* A set has each member once; what an answer has twice is delivered once all the same. */
static bool is_asked(const struct due_read *r, uint64_t n)
{
    size_t i = 0;
    while (i < r->count && r->numbers[i] != n) {
        i++;
    }
    return i < r->count;
}

/* ZRANGEBYSCORE: n, score, n, score ... in order of due time. */
static void on_numbers(struct journal *j, struct due_read *r, const redisReply *reply)
{
    struct track *t = still(j, r);
    if (!is_read(j, r, reply, 0) || t == NULL) {
        read_again(r, 0);
        read_done(j, r);
        return;
    }
    size_t pairs = reply->elements / 2;
    if (pairs == 0 && r->kind == READ_EXPIRED && lane_max_age_ms(t->lane) == LANE_ALL_AGES) {
        t->next_due_ms = INT64_MAX; /* nothing is left of a destination that was removed */
    }
    if (pairs == 0 && r->kind == READ_DUE) {
        look_for_loss(j, t);
    }
    int64_t now = worker_now_ms(j->w);
    int64_t next = INT64_MAX;
    unsigned room = r->kind == READ_EXPIRED ? EVENTS_MOST : dispatch_room(t->lane, FROM_DUE);
    unsigned most = bodies_at_once(t);
    room = room > most ? most : room;
    size_t foreign = 0;
    r->numbers = calloc(pairs + 1, sizeof *r->numbers);
    ENSURE(r->numbers != NULL);
    for (size_t i = 0; i < pairs; i++) {
        uint64_t n, due;
        if (!member_read(reply->element[2 * i], &n) ||
            text_u64(store_text(reply->element[2 * i + 1]), INT64_MAX, &due) != NULL) {
            foreign++;
            continue;
        }
        if (numset_has(&t->in_hand, n) || is_asked(r, n)) {
            continue;
        }
        if (r->count >= room || (r->kind == READ_DUE && (int64_t)due > now)) {
            next = (int64_t)due;
            break;
        }
        ask_event(j, r, n);
    }
    note_foreign(t, foreign);
    bool all = next == INT64_MAX && pairs < r->limit; /* a full answer may hide more behind it */
    if (r->kind == READ_DUE) {
        t->next_due_ms = next == INT64_MAX && !all ? now : next;
        if (next == INT64_MAX && !all && r->count == 0 && r->again_ms == NEVER) {
            read_again(r, AGAIN_MS); /* a page with nothing for us: not in a loop */
        }
    }
    read_done(j, r);
}

static void start_read(struct track *t, enum read_kind kind, int64_t before_ms)
{
    struct journal *j = t->journal;
    struct due_read *r = calloc(1, sizeof *r);
    ENSURE(r != NULL);
    r->t = t;
    r->again_ms = NEVER;
    r->lane = t->lane->number;
    r->kind = kind;
    r->of_removed = kind == READ_EXPIRED && t->lane->removed;
    unsigned room = kind == READ_EXPIRED ? EVENTS_MOST : dispatch_room(t->lane, FROM_DUE);
    /* One more says when the next is due. */
    r->limit = (unsigned)t->in_hand.n + t->foreign + (room < EVENTS_MOST ? room : EVENTS_MOST) + 1;
    char most[20], score[24];
    struct str limit = {most, text_put_u64(most, r->limit)};
    struct str max = STR("+inf");
    if (kind == READ_EXPIRED) {
        max = (struct str){score, text_put_u64(score, (uint64_t)before_ms)};
    }
    struct buf key;
    buf_init(&key, 256);
    struct str argv[] = {STR("ZRANGEBYSCORE"),
                         journal_key(j, &key, "due:", str_of(t->lane->name)),
                         STR("-inf"),
                         max,
                         STR("WITHSCORES"),
                         STR("LIMIT"),
                         STR("0"),
                         limit};
    t->due_reading = true;
    if (!call(j, r, 8, argv, on_numbers)) {
        t->due_reading = false;
        read_free(r);
    }
    buf_done(&key);
}

void due_look(struct track *t)
{
    struct journal *j = t->journal;
    if (t->due_reading || !journal_may_act(j) || j->state == JOURNAL_MARKING) {
        return;
    }
    if (dispatch_room(t->lane, FROM_DUE) > 0) {
        start_read(t, READ_DUE, 0);
    }
}

void due_expire(struct track *t)
{
    int64_t age = lane_max_age_ms(t->lane);
    int64_t before = age == LANE_ALL_AGES ? INT64_MAX : worker_now_ms(t->journal->w) - age;
    if (!t->due_reading && journal_may_act(t->journal) && t->next_due_ms < before) {
        start_read(t, READ_EXPIRED, before);
    }
}

/* --- time that went back */

static void next_lane(struct hastening *h)
{
    h->lane++;
    h->cursor = 0;
}

/* Is it the set itself, or a record in it? All else passes: the walk stays where it is. */
static bool is_foreign(enum store_error e)
{
    return e == STORE_WRONGTYPE || e == STORE_ERROR;
}

static void on_hastened(struct journal *j, const redisReply *reply, int64_t sent_ms)
{
    struct hastening *h = &j->hastening;
    struct answer a = answer_read(reply);
    struct track *t = j->tracks[h->lane];
    (void)sent_ms;
    h->asked = false;
    if (h->anew) {
        h->anew = false;
        h->lane = 0;
        h->cursor = 0;
    } else if (a.error == STORE_UNKNOWN || store_error_moves(a.error) || script_unfit(a.error)) {
        return; /* again, with the next renewal */
    } else if (a.error != STORE_OK) {
        bool foreign = is_foreign(a.error);
        log_line(foreign ? LOG_ERROR : LOG_WARN,
                 foreign
                     ? "parked deliveries cannot be read: those whom the clock's step delays wait"
                     : "Redis refuses to look whom the clock's step delays; trying again",
                 "journal", "%s", j->name, "destination", "%s", j->w->lanes[h->lane]->name, "error",
                 "%s", store_error_word(a.error), NULL);
        if (!foreign) {
            return;
        }
        if (t != NULL) { /* some may be due already */
            due_note(t, worker_now_ms(j->w));
        }
        next_lane(h);
    } else if (!str_eq(a.word, STR("ok")) || reply->elements < a.extra + 2 ||
               text_u64(store_text(reply->element[a.extra]), UINT64_MAX, &h->cursor) != NULL) {
        return; /* it is somebody else's: so is this */
    } else {
        if (t != NULL && reply->element[a.extra + 1]->integer > 0) {
            due_note(t, worker_now_ms(j->w));
        }
        if (h->cursor == 0) {
            next_lane(h);
        }
    }
    due_hasten(j);
}

void due_hasten(struct journal *j)
{
    struct hastening *h = &j->hastening;
    bool open = j->state == JOURNAL_OPEN || j->state == JOURNAL_OLD; /* all lanes are known */
    if (!h->on || h->asked || !open || !journal_may_act(j)) {
        return;
    }
    while (h->lane < j->w->lane_count && j->tracks[h->lane] == NULL) {
        next_lane(h);
    }
    if (h->lane == j->w->lane_count) {
        h->on = false;
        return;
    }
    char now[20], cursor[20];
    struct str argv[] = {str_of(j->token),
                         str_of(j->w->lanes[h->lane]->name),
                         {now, text_put_u64(now, (uint64_t)worker_now_ms(j->w))},
                         {cursor, text_put_u64(cursor, h->cursor)}};
    h->asked = script_send(j, SCRIPT_HASTEN_ID, 4, argv, on_hastened);
}

void due_time_went_back(struct journal *j)
{
    struct hastening *h = &j->hastening;
    int64_t now = worker_now_ms(j->w);
    *h = (struct hastening){.on = true, .asked = h->asked, .anew = h->asked};
    commit_time_went_back(j);
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        struct track *t = j->tracks[i];
        if (t != NULL && t->next_due_ms != INT64_MAX) { /* perhaps by the other time: look */
            due_note(t, now);
        }
    }
    due_hasten(j);
}

/* --- dead letters that become something else */

void dead_take(struct track *t, uint64_t n)
{
    numset_add(&t->in_hand, n);
    t->due_total++;
    t->dead_total -= t->dead_total > 0;
}

void dead_give_back(struct track *t, uint64_t n)
{
    if (numset_has(&t->in_hand, n)) {
        numset_remove(&t->in_hand, n);
        t->due_total -= t->due_total > 0;
        t->dead_total++;
    }
}

/* --- dead letters that are older than retention.dead */

struct dead_read {
    struct journal *j;
    unsigned lane;
    const char *why; /* dead letters go; NULL: parked ones, their destination is dropped */
};

static void on_old_dead(void *user, const redisReply *reply)
{
    struct dead_read r = *(struct dead_read *)user;
    free(user);
    if (journal_release(r.j)) {
        return;
    }
    struct track *t = r.j->tracks[r.lane];
    if (t != NULL) {
        t->forgetting = false;
    }
    if (t == NULL || reply == NULL || reply->type != REDIS_REPLY_ARRAY ||
        (r.j->state != JOURNAL_OPEN && r.j->state != JOURNAL_OLD)) {
        return;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        uint64_t n;
        if (!member_read(reply->element[i], &n) || numset_has(&t->in_hand, n)) {
            continue;
        }
        if (r.why == NULL && t->lane->dest != NULL) {
            continue; /* it is configured again */
        }
        if (r.why == NULL) {
            numset_add(&t->in_hand, n); /* until that is written */
        } else {
            dead_take(t, n);
        }
        commit_drop(t, n, r.why);
    }
    if (r.why == NULL && t->lane->dest != NULL) {
        due_look(t);
    } else if (r.why == NULL && reply->elements == 0) {
        t->next_due_ms = INT64_MAX;
    } else if (r.why == NULL) {
        log_line(LOG_WARN, "parked deliveries of a dropped destination are forgotten",
                 "destination", "%s", t->lane->name, "deliveries", "%zu", reply->elements, NULL);
    }
}

/* The answer to `argv`, a list of entries in a set of `t`, is forgotten. */
static void forget_listed(struct track *t, size_t argc, const struct str *argv, const char *why)
{
    if (t->forgetting) {
        return;
    }
    struct dead_read *r = malloc(sizeof *r);
    ENSURE(r != NULL);
    *r = (struct dead_read){t->journal, t->lane->number, why};
    if (journal_send(t->journal, argc, argv, on_old_dead, r)) {
        t->forgetting = true;
        journal_hold(t->journal);
    } else {
        free(r);
    }
}

void dead_expire(struct track *t)
{
    struct worker *w = t->journal->w;
    int64_t before = worker_now_ms(w) - w->conf->redis.dead_ms;
    if (t->dead_total == 0 || before <= 0 || !held_back_only(t->journal) || w->budget.over) {
        return; /* over its share, the oldest go anyway */
    }
    char score[20];
    struct buf key;
    buf_init(&key, 256);
    struct str argv[] = {STR("ZRANGEBYSCORE"),
                         journal_key(t->journal, &key, "dead:", str_of(t->lane->name)),
                         STR("-inf"),
                         {score, text_put_u64(score, (uint64_t)before)},
                         STR("LIMIT"),
                         STR("0"),
                         STR("256")};
    forget_listed(t, 7, argv, "age");
    buf_done(&key);
}

static void forget_first(struct track *t, const char *kind, uint64_t count, const char *why)
{
    char last[20];
    struct buf key;
    buf_init(&key, 256);
    struct str argv[] = {STR("ZRANGE"),
                         journal_key(t->journal, &key, kind, str_of(t->lane->name)),
                         STR("0"),
                         {last, text_put_u64(last, count - 1)}};
    forget_listed(t, 4, argv, why);
    buf_done(&key);
}

bool dead_forget(struct track *t, uint64_t count, const char *why)
{
    bool asks = count > 0 && t->dead_total > 0 && held_back_only(t->journal) && !t->forgetting;
    if (asks) {
        forget_first(t, "dead:", count, why);
    }
    return asks;
}

void due_forget(struct track *t, uint64_t count)
{
    if (count > 0 && t->next_due_ms != INT64_MAX && !t->due_reading && t->in_hand.n == 0 &&
        held_back_only(t->journal)) {
        forget_first(t, "due:", count, NULL);
    }
}
