/* What a journal that is being left holds unsettled in memory, above its top: gathered from its
 * lanes and its queue, and moved to the live one. */
#include "relay/journal.h"

#include "base/log.h"
#include "relay/delivery.h"
#include "relay/move.h"
#include "relay/stats.h"

#include <limits.h>
#include <stdlib.h>

struct held {
    uint64_t n;
    struct event *event; /* referenced */
    uint16_t lane;
};

struct held_list {
    uint64_t top;
    struct held *v;
    size_t n, cap;
};

static void hold(struct held_list *list, uint64_t n, struct event *e, const struct lane *lane)
{
    if (n <= list->top) {
        return;
    }
    if (list->n == list->cap) {
        list->cap = list->cap == 0 ? 256 : list->cap * 2;
        list->v = realloc(list->v, list->cap * sizeof *list->v);
        ENSURE(list->v != NULL);
    }
    list->v[list->n++] = (struct held){n, event_ref(e), (uint16_t)lane->number};
}

static void held_done(struct held_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        event_unref(list->v[i].event);
    }
    free(list->v);
}

static void hold_op(void *user, const struct op *op)
{
    hold(user, op->n, op->event, op->track->lane);
}

static void hold_tracks(const struct journal *j, struct held_list *list)
{
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        struct track *t = j->tracks[i];
        if (t == NULL) {
            continue;
        }
        for (uint64_t seq = t->base_seq; seq < t->base_seq + t->len; seq++) {
            const struct track_slot *s = track_slot(t, seq);
            if (!s->done && s->delivery != NULL) {
                hold(list, s->n, s->delivery->event, t->lane);
            }
        }
        for (const struct delivery *d = t->loaded_list; d != NULL; d = d->next_loaded) {
            hold(list, d->n, d->event, t->lane);
        }
    }
}

bool unsettled_above(const struct journal *j, uint64_t top)
{
    struct held_list list = {.top = top};
    hold_tracks(j, &list);
    commit_each_body(j, hold_op, &list);
    held_done(&list);
    return list.n > 0;
}

/* --- what is lost */

static int is_n(const void *key, const void *held)
{
    uint64_t n = *(const uint64_t *)key, its = ((const struct held *)held)->n;
    return (n > its) - (n < its);
}

/* Deliveries that were parked in the last seconds above the top, and are not held any more. The
 * list is sorted. */
static unsigned count_lost(const struct journal *j, const struct held_list *list)
{
    unsigned lost = 0;
    for (unsigned i = 0; i < RECENT_PARKS; i++) {
        uint64_t n = j->recent_parks[i];
        if (n <= list->top || n == 0) {
            continue;
        }
        lost += list->n == 0 || bsearch(&n, list->v, list->n, sizeof *list->v, is_n) == NULL;
    }
    return lost;
}

/* What only Redis had of it. */
static unsigned count_parked(const struct journal *j)
{
    uint64_t parked = 0;
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        const struct track *t = j->tracks[i];
        parked += t == NULL ? 0 : t->due_total;
        for (const struct delivery *d = t == NULL ? NULL : t->loaded_list; d != NULL;
             d = d->next_loaded) {
            parked -= parked > 0; /* held: it is moved */
        }
    }
    return parked < UINT_MAX ? (unsigned)parked : UINT_MAX;
}

/* --- moving */

static int by_n(const void *a, const void *b)
{
    const struct held *x = a, *y = b;
    return x->n != y->n ? (x->n > y->n) - (x->n < y->n) : (int)x->lane - (int)y->lane;
}

/* One event: v[0] to v[n - 1] are its destinations. */
static void move_one(struct journal *j, const struct held *v, size_t n)
{
    uint16_t to[LANES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (count == 0 || to[count - 1] != v[i].lane) {
            to[count++] = v[i].lane;
        }
    }
    move_start(j->w, event_as(v[0].event, true, j->number, v[0].n, to, count), j->number, v[0].n);
}

/* How many events. The list is sorted. */
static size_t move_all(struct journal *j, const struct held_list *list)
{
    size_t moved = 0;
    for (size_t i = 0, k; i < list->n; i = k) {
        for (k = i; k < list->n && list->v[k].n == list->v[i].n; k++) {
        }
        move_one(j, &list->v[i], k - i);
        moved++;
    }
    return moved;
}

void unsettled_move_out(struct journal *j, uint64_t top, bool all_lost)
{
    struct held_list list = {.top = top};
    unsigned parked = count_parked(j);
    journal_fail_pending(j, top);
    moves_leave(j, top);
    hold_tracks(j, &list);
    commit_abandon(j, hold_op, &list);
    dispatch_forget(j);
    tracks_clear(j);
    if (list.n > 0) {
        qsort(list.v, list.n, sizeof *list.v, by_n);
    }
    unsigned lost = all_lost ? parked : count_lost(j, &list);
    size_t moved = move_all(j, &list);
    held_done(&list);
    log_line(lost > 0 ? LOG_ERROR : LOG_WARN, "moving events to a new journal", "from", "%s",
             j->name, "top", "%llu", (unsigned long long)top, "events", "%zu", moved,
             "parked_deliveries_perhaps_lost", "%u", lost, NULL);
    stats_moved(j->w, moved, lost);
    moves_pump(j->w);
}
