/* Bodies that Redis has no memory for: they stay in the queue, the rest goes ahead of them. */
#include "relay/held_back.h"

#include "relay/delivery.h"

enum {
    HELD_BACK_MS = 1000,
    FEW = 4096, /* so many are walked through again soon, to ask the lanes for room */
    LOOK_MS = 50,
    LOOK_MANY_MS = 250,
};

void held_back_start(struct journal *j)
{
    j->oom_until_ms = boot_ms() + HELD_BACK_MS;
}

bool held_back_on(const struct journal *j)
{
    return boot_ms() < j->oom_until_ms;
}

/* --- what stays */

/* An entry, or with a track one destination's delivery of it, in one number. */
static uint64_t place_of(const struct op *op, const struct track *t)
{
    _Static_assert(LANES_MAX < 4096, "twelve bits say which lane, or none");
    return op->n << 12 | (t == NULL ? 0 : t->lane->number + 1);
}

void held_back_init(struct held_back *h, const struct journal *j)
{
    *h = (struct held_back){.on = held_back_on(j)};
}

bool held_back_stays(struct held_back *h, const struct op *op)
{
    bool of_entry = op->track != NULL || (op->kind == OP_REQUEST_DONE && op->n != 0);
    bool stays = h->on && (op->event != NULL ||
                           (of_entry && numset_has(&h->places, place_of(op, op->track))));
    if (stays) {
        numset_add(&h->places, place_of(op, op->track));
        numset_add(&h->places, place_of(op, NULL));
    }
    return stays;
}

void held_back_done(struct held_back *h)
{
    numset_done(&h->places);
}

void held_back_shorten(struct journal *j, struct op *trim)
{
    uint64_t end = journal_history_end(j);
    if (end < trim->n) {
        trim->n = j->trim_asked_n = end > j->trimmed_n ? end : j->trimmed_n;
    }
}

bool held_back_only(const struct journal *j)
{
    bool on = held_back_on(j);
    for (const struct op *op = j->ops; op != NULL; op = op->next) {
        if (!on || (op->event == NULL && op->kind != OP_REQUEST_DONE)) { /* that waits for one */
            return false;
        }
    }
    return true;
}

uint64_t held_back_look_ms(const struct journal *j)
{
    return j->op_count < FEW ? LOOK_MS : LOOK_MANY_MS;
}

/* --- what becomes of it meanwhile */

/* Those of the entries from `first` to `last`. */
static unsigned settle(struct track *t, uint64_t first, uint64_t last)
{
    struct journal *j = t->journal;
    unsigned found = 0;
    if (!held_back_on(j)) {
        return 0; /* they go with the next commit */
    }
    for (struct op **at = &j->ops; *at != NULL;) {
        struct op *op = *at;
        if (op->track != t || op->event == NULL || op->n < first || op->n > last) {
            at = &op->next;
            continue;
        }
        op_take(j, at);
        if (op->seq != TRACK_NO_SEQ) {
            track_done(t, op->seq);
        }
        op_free(op);
        found++;
    }
    return found;
}

unsigned held_back_settle(struct track *t, uint64_t n)
{
    return settle(t, n, n);
}

unsigned held_back_settle_all(struct track *t)
{
    return settle(t, 0, UINT64_MAX);
}

/* Its delivery is not in memory already, and there is room for it. */
static bool is_to_be_tried(const struct op *op, int64_t now)
{
    const struct track *t = op->track;
    return op->kind == OP_PARK && op->event != NULL && op->seq != TRACK_NO_SEQ &&
           op->at_ms <= now && !numset_has(&t->in_hand, op->n) &&
           dispatch_room(t->lane, FROM_DUE) > 0;
}

void held_back_try(struct journal *j)
{
    int64_t now = worker_now_ms(j->w);
    bool any = false;
    if (!held_back_on(j)) {
        return;
    }
    for (struct op **at = &j->ops; *at != NULL && journal_may_act(j);) {
        struct op *op = *at;
        if (!is_to_be_tried(op, now)) {
            at = &op->next;
            continue;
        }
        op_take(j, at);
        dispatch_parked(op->track, op->event, &op->record, op->seq);
        op_free(op);
        any = true;
    }
    if (any) {
        lanes_pump(j->w);
    }
}
