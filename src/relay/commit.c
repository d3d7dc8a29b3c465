/* The fenced commit: everything an owner writes besides appends, in order, one script call a tick;
 * behind a full one the next goes at once.
 *
 * A batch is built once and kept until Redis has answered it, so that a commit of unknown outcome
 * is sent again byte for byte. Operations mark their entries settled only when they go into a
 * batch: a park and its mark are one atomic write. */
#include "relay/journal.h"

#include "base/crash.h"
#include "base/log.h"
#include "relay/delivery.h"
#include "relay/held_back.h"
#include "relay/spool.h"
#include "relay/stats.h"

#include <stdlib.h>
#include <string.h>

enum {
    BATCH_OPS = 256,
    BATCH_BYTES = 8 << 20,
    TEXT_CEILING = 64 << 20,
};

struct batch {
    struct op *ops; /* those it carries; freed when it is known to be written */
    struct str *argv;
    size_t argc, cap;
    struct buf text; /* what some of argv points into, once it is complete */
    size_t *offsets; /* of those in text, else SIZE_MAX */
    char before[48], after[48];
    uint64_t low;
    int64_t seen_ms; /* 0: it does not say */
    bool bodies, parks, sent;
    bool full;     /* more was queued than went into it */
    bool outdated; /* time went back since it was built */
};

/* --- the queue */

void op_free(struct op *op)
{
    event_unref(op->event);
    free(op->text);
    free(op);
}

static struct op *queue(struct journal *j, const struct op *op)
{
    struct op *o = malloc(sizeof *o);
    ENSURE(o != NULL);
    *o = *op;
    o->next = NULL;
    *j->ops_tail = o;
    j->ops_tail = &o->next;
    j->op_count++;
    commit_soon(j);
    return o;
}

void op_take(struct journal *j, struct op **at)
{
    struct op *op = *at;
    *at = op->next;
    if (j->ops_tail == &op->next) {
        j->ops_tail = at;
    }
    j->op_count--;
}

static void queue_record(enum op_kind kind, struct track *t, uint64_t n, uint64_t seq,
                         struct event *body, const struct record *r, int64_t at_ms)
{
    struct op op = {.kind = kind, .track = t, .n = n, .seq = seq, .record = *r, .at_ms = at_ms};
    op.event = body == NULL ? NULL : event_ref(body);
    queue(t->journal, &op);
}

void commit_park(struct track *t, uint64_t n, uint64_t seq, struct event *body,
                 const struct record *r, int64_t due_ms)
{
    queue_record(OP_PARK, t, n, seq, body, r, due_ms);
    CRASH_POINT("park");
}

void commit_bury(struct track *t, uint64_t n, uint64_t seq, struct event *body,
                 const struct record *r, int64_t now_ms)
{
    queue_record(OP_BURY, t, n, seq, body, r, now_ms);
    CRASH_POINT("bury");
}

void commit_bury_bare(struct track *t, uint64_t n, uint64_t seq, struct event *e,
                      const struct record *r, int64_t now_ms)
{
    queue_record(OP_BURY_BARE, t, n, seq, e, r, now_ms);
    CRASH_POINT("bury");
}

void commit_drop(struct track *t, uint64_t n, const char *why)
{
    queue(t->journal,
          &(struct op){.kind = OP_DROP, .track = t, .n = n, .seq = TRACK_NO_SEQ, .why = why});
}

unsigned commit_forget(struct track *t)
{
    return t->in_hand.n == 0 ? held_back_settle_all(t) : 0; /* else they are in flight, too */
}

void commit_settle(struct track *t, uint64_t n)
{
    CRASH_POINT("settle");
    if (held_back_settle(t, n) > 0) {
        numset_remove(&t->in_hand, n);
    } else {
        commit_drop(t, n, NULL);
    }
}

void commit_trim(struct journal *j, uint64_t below_n)
{
    if (below_n <= j->trim_asked_n) {
        return;
    }
    j->trim_asked_n = below_n;
    queue(j, &(struct op){.kind = OP_TRIM, .n = below_n, .seq = TRACK_NO_SEQ});
    CRASH_POINT("trim");
}

void commit_request_done(struct journal *j, uint64_t n, struct str text)
{
    char *copy = malloc(text.len + 1);
    ENSURE(copy != NULL);
    if (text.len > 0) {
        memcpy(copy, text.at, text.len);
    }
    queue(j, &(struct op){.kind = OP_REQUEST_DONE,
                          .n = n,
                          .text = copy,
                          .text_len = text.len,
                          .seq = TRACK_NO_SEQ});
    /* cppcheck-suppress memleak ; the queue has it */
}

/* As hasten.lua has it of what is in Redis already. */
static bool is_late(const struct op *op, int64_t now)
{
    return op->kind == OP_PARK && op->at_ms > now &&
           (op->record.attempts == 0 || op->record.last_ms > now);
}

static void hasten_ops(struct op *op, int64_t now)
{
    for (; op != NULL; op = op->next) {
        op->at_ms = is_late(op, now) ? now : op->at_ms;
    }
}

void commit_time_went_back(struct journal *j)
{
    int64_t now = worker_now_ms(j->w);
    hasten_ops(j->ops, now);
    if (j->batch != NULL) { /* its bytes stay as they are, unless it is refused and built anew */
        hasten_ops(j->batch->ops, now);
        j->batch->outdated = true;
    }
}

bool commit_idle(const struct journal *j)
{
    return j->ops == NULL && j->batch == NULL && !j->dirty;
}

/* --- building a batch */

static void add_at(struct batch *b, struct str s, size_t offset)
{
    if (b->argc == b->cap) {
        b->cap = b->cap == 0 ? 64 : b->cap * 2;
        b->argv = realloc(b->argv, b->cap * sizeof *b->argv);
        b->offsets = realloc(b->offsets, b->cap * sizeof *b->offsets);
        ENSURE(b->argv != NULL && b->offsets != NULL);
    }
    b->offsets[b->argc] = offset;
    b->argv[b->argc++] = s;
}

static void add_arg(struct batch *b, struct str s)
{
    add_at(b, s, SIZE_MAX);
}

/* An argument whose bytes were just written to b->text, from `at` on. */
static void add_written(struct batch *b, size_t at)
{
    ENSURE(!b->text.failed);
    add_at(b, (struct str){NULL, b->text.len - at}, at);
}

static void add_number(struct batch *b, uint64_t v)
{
    size_t at = b->text.len;
    buf_add_u64(&b->text, v);
    add_written(b, at);
}

static void add_body(struct batch *b, const struct op *op)
{
    add_arg(b, op->kind == OP_BURY_BARE ? STR("bare") : STR("body"));
    add_number(b, op->n);
    add_arg(b, op->event->head);
    if (op->kind != OP_BURY_BARE) {
        add_arg(b, op->event->body);
    }
    b->bodies = true;
}

static void add_op(struct batch *b, const struct op *op)
{
    size_t at;
    switch (op->kind) {
    case OP_PARK:
    case OP_BURY:
    case OP_BURY_BARE:
        b->parks |= op->kind == OP_PARK;
        if (op->event != NULL) {
            add_body(b, op);
        }
        ENSURE(op->track != NULL);
        add_arg(b, op->kind == OP_PARK ? STR("park") : STR("bury"));
        add_number(b, op->n);
        add_arg(b, str_of(op->track->lane->name));
        add_number(b, (uint64_t)op->at_ms);
        at = b->text.len;
        record_encode(&op->record, &b->text);
        add_written(b, at);
        break;
    case OP_DROP:
        ENSURE(op->track != NULL);
        add_arg(b, STR("drop"));
        add_number(b, op->n);
        add_arg(b, str_of(op->track->lane->name));
        break;
    case OP_TRIM:
        add_arg(b, STR("trim"));
        add_number(b, op->n);
        break;
    case OP_REQUEST_DONE:
        add_arg(b, STR("done"));
        add_arg(b, (struct str){op->text, op->text_len});
        break;
    }
}

static void take_ops(struct journal *j, struct batch *b)
{
    struct held_back h;
    held_back_init(&h, j);
    struct op **tail = &b->ops, **from = &j->ops;
    size_t count = 0, bytes = 0;
    while (*from != NULL && count < BATCH_OPS && bytes < BATCH_BYTES) {
        struct op *op = *from;
        if (held_back_stays(&h, op)) {
            from = &op->next;
            continue;
        }
        op_take(j, from);
        op->next = NULL;
        *tail = op;
        tail = &op->next;
        count++;
        if (op->kind == OP_TRIM && h.on) {
            held_back_shorten(j, op);
        }
        bytes += op->event == NULL ? 0 : op->event->bytes;
        if (op->seq != TRACK_NO_SEQ) {
            track_done(op->track, op->seq);
        }
        add_op(b, op);
    }
    b->full = *from != NULL;
    held_back_done(&h);
}

/* The lowest entry that is unknown, unread, or unsettled for any destination. */
static uint64_t find_low(const struct journal *j)
{
    uint64_t known =
        j->present_n < j->known_n ? j->present_n : j->known_n; /* no hole above the top */
    uint64_t low = j->live ? known + 1 : j->top + 1;
    if (j->state == JOURNAL_READING && j->read_n < low) {
        low = j->read_n;
    }
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        const struct track *t = j->tracks[i];
        if (t != NULL) {
            uint64_t n = track_low(t);
            low = n < low ? n : low;
            low = t->unread_n != 0 && t->unread_n < low ? t->unread_n : low;
        }
    }
    return low;
}

static void add_settled(struct journal *j, struct batch *b)
{
    b->low = find_low(j);
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        struct track *t = j->tracks[i];
        if (t == NULL || !t->dirty) {
            continue;
        }
        t->dirty = false;
        add_arg(b, STR("set"));
        size_t at = b->text.len;
        buf_add_str(&b->text, STR("f:"));
        buf_add_str(&b->text, str_of(t->lane->name));
        add_written(b, at);
        at = b->text.len;
        track_encode(t, &b->text);
        add_written(b, at);
    }
    if (b->low != j->low || j->drop_low) {
        add_arg(b, STR("set"));
        add_arg(b, STR("low"));
        add_number(b, b->low);
    }
}

/* Recovery is told when something was parked last: a clock that is behind that went back since.
 * While those whom that delays are looked for, the record goes on saying so. */
static void add_seen(struct journal *j, struct batch *b)
{
    int64_t seen = (worker_now_ms(j->w) / SEEN_EVERY_MS + 1) * SEEN_EVERY_MS;
    if (b->parks && seen != j->seen_ms && !j->hastening.on) {
        add_arg(b, STR("set"));
        add_arg(b, STR("seen"));
        add_number(b, (uint64_t)seen);
        b->seen_ms = seen;
    }
}

static struct batch *batch_new(void)
{
    struct batch *b = calloc(1, sizeof *b);
    ENSURE(b != NULL);
    buf_init(&b->text, TEXT_CEILING);
    return b;
}

static void batch_free(struct batch *b)
{
    while (b->ops != NULL) {
        struct op *op = b->ops;
        b->ops = op->next;
        op_free(op);
    }
    buf_done(&b->text);
    free(b->argv);
    free(b->offsets);
    free(b);
}

/* The first three arguments: who I am, what I found, what it shall be. */
static void stamp(struct journal *j, struct batch *b)
{
    memcpy(b->before, j->version, sizeof b->before);
    struct buf after;
    buf_init(&after, sizeof b->after - 1);
    buf_printf(&after, "%s:%llu", j->token, (unsigned long long)++j->count);
    memset(b->after, 0, sizeof b->after);
    memcpy(b->after, after.at, after.len);
    buf_done(&after);
    b->argv[0] = str_of(j->token);
    b->argv[1] = str_of(b->before);
    b->argv[2] = str_of(b->after);
}

static struct batch *batch_build(struct journal *j)
{
    struct batch *b = batch_new();
    for (int i = 0; i < 3; i++) {
        add_arg(b, STR_NONE);
    }
    take_ops(j, b);
    add_settled(j, b);
    add_seen(j, b);
    for (size_t i = 3; i < b->argc; i++) {
        if (b->offsets[i] != SIZE_MAX) {
            b->argv[i].at = b->text.at + b->offsets[i];
        }
    }
    j->dirty = false;
    stamp(j, b);
    return b;
}

/* --- sending and completion */

static void on_tick(struct wheel_timer *timer);

static void note_written(struct journal *j, const struct op *op)
{
    struct track *t = op->track;
    bool was_loaded = t != NULL && numset_has(&t->in_hand, op->n);
    bool goes_on = op->kind == OP_PARK && op->seq != TRACK_NO_SEQ; /* parked while in flight */
    if (was_loaded && !goes_on) {
        numset_remove(&t->in_hand, op->n);
    }
    switch (op->kind) {
    case OP_PARK:
        ENSURE(t != NULL);
        j->recent_parks[j->recent_at++ % RECENT_PARKS] = op->n;
        t->due_total += op->seq != TRACK_NO_SEQ; /* else it was parked before */
        stats_parked(j->w, t->lane);
        due_note(t, op->at_ms);
        CRASH_POINT("parked");
        break;
    case OP_BURY:
    case OP_BURY_BARE:
        ENSURE(t != NULL);
        t->due_total -= op->seq == TRACK_NO_SEQ && t->due_total > 0;
        t->dead_total++;
        CRASH_POINT("buried");
        break;
    case OP_REQUEST_DONE:
        if (j->requests_busy > 0 && --j->requests_busy == 0 && op->text_len > 0) {
            /* More may wait: ask at once. Of what was no text nothing is off the list. */
            wheel_arm(&j->w->wheel, &j->w->renewal, COMMIT_EVERY_MS, j->w->renewal.on_due);
        }
        break;
    case OP_TRIM:
        j->trimmed_n = op->n;
        if (!j->live) {
            j->trimmed_bytes = op->n > j->top ? j->bytes : j->trimmed_bytes;
            if (j->recovery == NULL) { /* else once, at its end */
                budget_measure(j);
            }
        }
        CRASH_POINT("trimmed");
        break;
    case OP_DROP: /* of one that is not loaded: a dead letter */
        ENSURE(t != NULL);
        t->due_total -= was_loaded && t->due_total > 0;
        if (op->why != NULL) {
            stats_dead_dropped(t->lane, op->why);
        }
        break;
    }
}

static void batch_written(struct journal *j)
{
    struct batch *b = j->batch;
    bool outdated = b->outdated, full = b->full;
    j->batch = NULL;
    memcpy(j->version, b->after, sizeof j->version);
    j->low = b->low;
    j->drop_low = false;
    j->seen_ms = b->seen_ms > 0 ? b->seen_ms : j->seen_ms;
    for (const struct op *op = b->ops; op != NULL; op = op->next) {
        note_written(j, op);
    }
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        if (j->tracks[i] != NULL) {
            track_pop(j->tracks[i]); /* only now: a refused batch takes its marks back */
        }
    }
    batch_free(b);
    if (outdated) { /* what it has parked may lie where the walk has passed already */
        due_time_went_back(j);
    }
    if (full) { /* a tick between any two would let the queue grow while events come fast */
        on_tick(&j->tick);
    } else if (j->ops != NULL || j->dirty) {
        commit_soon(j);
    }
    recover_more(j);
    if (j == j->w->live) {
        spool_pump(j->w); /* it waits while too much is queued here */
    }
}

/* Refused for lack of memory before anything was done: marks back, operations in front of the
 * queue. */
static void batch_undo(struct journal *j)
{
    struct batch *b = j->batch;
    j->batch = NULL;
    struct op **tail = &b->ops;
    for (; *tail != NULL; tail = &(*tail)->next) {
        j->op_count++;
        if ((*tail)->seq != TRACK_NO_SEQ) {
            track_undone((*tail)->track, (*tail)->seq);
        }
    }
    *tail = j->ops;
    j->ops = b->ops;
    for (j->ops_tail = &j->ops; *j->ops_tail != NULL; j->ops_tail = &(*j->ops_tail)->next) {
    }
    b->ops = NULL;
    batch_free(b);
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        if (j->tracks[i] != NULL) {
            j->tracks[i]->dirty = true; /* the marks that it carried were not written */
        }
    }
    j->drop_low = true;
}

static void refused(struct journal *j, enum store_error e)
{
    if (e == STORE_OOM && j->batch->bodies) {
        held_back_start(j);
        batch_undo(j);
        budget_redis_full(j->w);
    }
    log_line(LOG_WARN, "Redis refused a commit; trying again", "journal", "%s", j->name, "error",
             "%s", store_error_word(e), NULL);
    wheel_arm(&j->w->wheel, &j->tick, 250, on_tick);
}

static void on_answer(struct journal *j, const redisReply *reply, int64_t sent_ms)
{
    (void)sent_ms;
    struct answer a = answer_read(reply);
    if (j->batch == NULL) {
        return; /* given up meanwhile */
    }
    j->batch->sent = false;
    if (a.error == STORE_UNKNOWN) {
        return; /* Coming back decides, and sends it again */
    }
    if (a.error != STORE_OK) {
        if (store_error_moves(a.error)) { /* sent again to whoever has it then */
            journal_doubt(j, JOURNAL_MOVES);
        } else if (!script_unfit(a.error)) {
            refused(j, a.error);
        }
        return;
    }
    if (str_eq(a.word, STR("ok"))) {
        CRASH_POINT("committed");
        budget_committed(j, reply, a.extra);
        batch_written(j);
        CRASH_POINT("commit_noted");
        return;
    }
    if (str_eq(a.word, STR("type"))) {
        journal_say_foreign(j, "settled, journal, requests or lanes");
        wheel_arm(&j->w->wheel, &j->tick, 1000, on_tick);
        return;
    }
    journal_doubt(j, "a commit was refused");
}

static void send_batch(struct journal *j)
{
    struct batch *b = j->batch;
    enum script_id id = b->bodies ? SCRIPT_COMMIT_BODIES_ID : SCRIPT_COMMIT_ID;
    CRASH_POINT("commit");
    b->sent = script_send(j, id, b->argc, b->argv, on_answer);
    CRASH_POINT("commit_sent");
}

static bool may_commit(const struct journal *j)
{
    return j->state == JOURNAL_OPEN || j->state == JOURNAL_MARKING || j->state == JOURNAL_OLD ||
           (j->state == JOURNAL_READING && recover_has_record(j));
}

static void on_tick(struct wheel_timer *timer)
{
    struct journal *j = CONTAINER_OF(timer, struct journal, tick);
    if (!may_commit(j) || j->master == NULL || !j->master->ready ||
        (j->batch != NULL && j->batch->sent)) {
        return; /* its answer, or Coming back, will look again */
    }
    if (j->batch == NULL) {
        held_back_try(j);
        if (j->ops == NULL && !j->dirty) {
            return;
        }
        j->batch = batch_build(j);
        if (j->batch->argc == 3) { /* no mark has changed, and what there is is held back */
            batch_free(j->batch);
            j->batch = NULL;
            if (j->ops != NULL) { /* else the next one comes as soon as ever */
                wheel_arm(&j->w->wheel, &j->tick, held_back_look_ms(j), on_tick);
            }
            return;
        }
    }
    send_batch(j);
}

void commit_soon(struct journal *j)
{
    j->dirty = true;
    if (j->tick.link == NULL && j->batch == NULL) {
        wheel_arm(&j->w->wheel, &j->tick, COMMIT_EVERY_MS, on_tick);
    }
}

bool commit_would_be(const struct journal *j, struct str version)
{
    return j->batch != NULL && str_eq(version, str_of(j->batch->after));
}

void commit_resume(struct journal *j, struct str found_version)
{
    if (j->batch != NULL) {
        if (str_eq(found_version, str_of(j->batch->after))) {
            batch_written(j);
        } else {
            stamp(j, j->batch); /* a new token: the old bytes can no longer be done */
        }
    }
    wheel_arm(&j->w->wheel, &j->tick, COMMIT_EVERY_MS, on_tick);
}

void commit_each_body(const struct journal *j, void (*each)(void *user, const struct op *op),
                      void *user)
{
    const struct op *lists[] = {j->batch == NULL ? NULL : j->batch->ops, j->ops};
    for (int i = 0; i < 2; i++) {
        for (const struct op *op = lists[i]; op != NULL; op = op->next) {
            if (op->event != NULL) {
                each(user, op);
            }
        }
    }
}

static void abandon_list(struct op **list, void (*keep)(void *user, const struct op *op),
                         void *user)
{
    while (*list != NULL) {
        struct op *op = *list;
        *list = op->next;
        if (op->event != NULL && keep != NULL) {
            keep(user, op);
        }
        op_free(op);
    }
}

void commit_abandon(struct journal *j, void (*keep)(void *user, const struct op *op), void *user)
{
    if (j->batch != NULL) {
        abandon_list(&j->batch->ops, keep, user);
        batch_free(j->batch);
        j->batch = NULL;
    }
    abandon_list(&j->ops, keep, user);
    j->ops_tail = &j->ops;
    j->op_count = 0;
    j->requests_busy = 0; /* the next owner, or this one after recovery, is handed them again */
    j->trim_asked_n = 0;
    j->dirty = false;
    wheel_cancel(&j->w->wheel, &j->tick);
}

void commit_free(struct journal *j)
{
    commit_abandon(j, NULL, NULL);
}
