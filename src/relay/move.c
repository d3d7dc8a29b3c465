/* Events that leave a lost journal, or the spool, for the live one.
 *
 * Append the copy first, then claim it in the old journal's `moved`, and only then start attempts:
 * two holders of one event (an old owner, and the adopter that had recovered it before the tail was
 * lost) may both append, but only one claim is written. */
#include "relay/journal.h"

#include "base/log.h"
#include "relay/delivery.h"
#include "relay/spool.h"
#include "relay/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- gathering what is held */

struct held {
    uint64_t n;
    struct event *event;
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

static void hold_op(void *user, const struct op *op)
{
    hold(user, op->n, op->event, op->track->lane);
}

static int by_n(const void *a, const void *b)
{
    const struct held *x = a, *y = b;
    return x->n != y->n ? (x->n > y->n) - (x->n < y->n) : (int)x->lane - (int)y->lane;
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

static struct move *move_new(struct worker *w, struct event *e, uint64_t from_journal,
                             uint64_t from_n)
{
    struct move *m = calloc(1, sizeof *m);
    ENSURE(m != NULL);
    m->event = e;
    m->from_journal = from_journal;
    m->from_n = from_n;
    struct move **at = &w->moves;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = m;
    return m;
}

bool move_holds_above(struct journal *j, uint64_t top)
{
    struct held_list list = {.top = top};
    hold_tracks(j, &list);
    commit_each_body(j, hold_op, &list);
    for (size_t i = 0; i < list.n; i++) {
        event_unref(list.v[i].event);
    }
    free(list.v);
    return list.n > 0;
}

static void add_move(struct journal *j, const struct held *v, size_t n)
{
    uint16_t to[LANES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (count == 0 || to[count - 1] != v[i].lane) {
            to[count++] = v[i].lane;
        }
    }
    const struct event *e = v[0].event;
    move_new(j->w, event_as(e, true, j->number, v[0].n, to, count), j->number, v[0].n);
}

/* Deliveries that were parked in the last seconds above the top, and are not held any more. */
static unsigned count_lost(const struct journal *j, const struct held_list *list)
{
    unsigned lost = 0;
    for (unsigned i = 0; i < RECENT_PARKS; i++) {
        uint64_t n = j->recent_parks[i];
        if (n <= list->top || n == 0) {
            continue;
        }
        bool found = false;
        for (size_t k = 0; k < list->n && !found; k++) {
            found = list->v[k].n == n;
        }
        lost += !found;
    }
    return lost;
}

static void move_free(struct worker *w, struct move *m)
{
    for (struct move **at = &w->moves; *at != NULL; at = &(*at)->next) {
        if (*at == m) {
            *at = m->next;
            break;
        }
    }
    if (m->spooled) {
        spool_event_moved(w);
    }
    event_unref(m->event);
    event_unref(m->copy);
    free(m->seqs);
    free(m);
}

/* Copies that lie in the journal that is being left: those up to the top are found and claimed
 * again by whoever recovers it; those above are lost with the tail, but first it must be known
 * whose they are. */
static void leave_copies(struct journal *j, uint64_t top)
{
    for (struct move *m = j->w->moves, *next; m != NULL; m = next) {
        next = m->next;
        if (m->copy == NULL || m->copy_number != j->number) {
            continue;
        }
        if (m->copy->n > top) {
            m->copy_lost = true;
        } else if (m->claiming) {
            m->dropped = true; /* its answer frees it */
        } else {
            move_free(j->w, m);
        }
    }
}

void move_out(struct journal *j, uint64_t top)
{
    struct held_list list = {.top = top};
    journal_fail_pending(j, top);
    leave_copies(j, top);
    hold_tracks(j, &list);
    commit_abandon(j, hold_op, &list);
    dispatch_forget(j);
    tracks_clear(j);
    if (list.n > 0) {
        qsort(list.v, list.n, sizeof *list.v, by_n);
    }
    unsigned lost = count_lost(j, &list);
    size_t moved = 0;
    for (size_t i = 0, k; i < list.n; i = k) {
        for (k = i; k < list.n && list.v[k].n == list.v[i].n; k++) {
        }
        add_move(j, &list.v[i], k - i);
        moved++;
    }
    for (size_t i = 0; i < list.n; i++) {
        event_unref(list.v[i].event);
    }
    free(list.v);
    log_line(lost > 0 ? LOG_ERROR : LOG_WARN, "moving events to a new journal", "from", "%s",
             j->name, "top", "%llu", (unsigned long long)top, "events", "%zu", moved,
             "parked_deliveries_perhaps_lost", "%u", lost, NULL);
    stats_moved(j->w, moved, lost);
    moves_pump(j->w);
}

/* --- append, claim, deliver */

size_t move_place(uint64_t number, uint64_t n, char out[MOVE_PLACE_MAX])
{
    char name[12];
    journal_name(number, name);
    return (size_t)snprintf(out, MOVE_PLACE_MAX, "%s-%llu", name, (unsigned long long)n);
}

bool move_place_read(struct str place, uint64_t *number, uint64_t *n)
{
    struct str name, rest;
    return str_cut(place, '-', &name, &rest) && journal_number(name, number) &&
           text_u64(rest, EVENT_N_MAX, n) == NULL;
}

struct claim {
    struct worker *w;
    struct move *m;
};

/* The copy is in `j`, slots in its tracks are reserved: deliver it, or call it settled. */
static void decide(struct journal *j, struct move *m, bool mine)
{
    for (size_t i = 0; i < m->copy->to_count; i++) {
        dispatch_reserved(j, m->copy, j->w->lanes[m->copy->to[i]], m->seqs[i], mine);
    }
}

static void claim_answered(struct worker *w, struct move *m, const redisReply *reply)
{
    m->claiming = false;
    if (m->dropped) {
        move_free(w, m);
        return;
    }
    struct answer a = answer_read(reply);
    if (a.error != STORE_OK || reply->elements <= a.extra) {
        return; /* moves_pump asks again */
    }
    char text[MOVE_PLACE_MAX];
    struct str place = {text, move_place(m->copy_number, m->copy->n, text)};
    bool mine = str_eq(place, store_text(reply->element[a.extra]));
    struct journal *j = journal_find(w, m->copy_number);
    if (mine && m->copy_lost) { /* mine, but gone: once more, from where it was */
        event_unref(m->event);
        m->event = m->copy;
        m->from_journal = m->copy_number;
        m->from_n = m->copy->n;
        m->copy = NULL;
        m->copy_lost = false;
        moves_pump(w);
        return;
    }
    if (j != NULL && !m->copy_lost) {
        decide(j, m, mine);
    }
    move_free(w, m);
}

static void on_claimed(void *user, const redisReply *reply)
{
    struct claim c = *(struct claim *)user;
    free(user);
    claim_answered(c.w, c.m, reply);
    spool_pump(c.w); /* there may be room for the next one */
}

static void claim(struct worker *w, struct move *m)
{
    char n[20], place[MOVE_PLACE_MAX];
    struct str argv[] = {STR_NONE,
                         {n, text_put_u64(n, m->from_n)},
                         {place, move_place(m->copy_number, m->copy->n, place)}};
    struct claim *c = malloc(sizeof *c);
    ENSURE(c != NULL);
    *c = (struct claim){w, m};
    m->claiming = script_send_to(w, m->from_journal, SCRIPT_CLAIM_ID, 3, argv, on_claimed, c);
    if (!m->claiming) {
        free(c);
    }
}

/* From now on the copy holds its journal's `low` back, in n order like every other entry. */
static void reserve(struct journal *j, struct move *m)
{
    free(m->seqs);
    m->seqs = malloc((m->copy->to_count + 1) * sizeof *m->seqs);
    ENSURE(m->seqs != NULL);
    for (size_t i = 0; i < m->copy->to_count; i++) {
        m->seqs[i] = dispatch_reserve(j, m->copy->n, j->w->lanes[m->copy->to[i]]);
    }
}

void move_recovered(struct journal *j, struct event *copy, uint64_t from_journal, uint64_t from_n)
{
    struct move *m = move_new(j->w, event_ref(copy), from_journal, from_n);
    m->copy = event_ref(copy);
    m->copy_number = j->number;
    reserve(j, m);
    claim(j->w, m);
}

static void append_copy(struct worker *w, struct move *m)
{
    struct journal *j = w->live;
    const struct event *e = m->event;
    m->copy_number = j->number;
    m->append = calloc(1, sizeof *m->append);
    ENSURE(m->append != NULL);
    m->append->event = event_as(e, true, j->number, journal_next_n(j), e->to, e->to_count);
    m->append->move = m;
    journal_append(j, m->append);
}

void move_appended(struct journal *j, struct append *a, const char *reason)
{
    struct move *m = a->move;
    m->append = NULL;
    if (reason == NULL && m->spooled && !m->durable) {
        m->durable = true;
        spool_event_durable(j->w);
    }
    if (reason == NULL) {
        m->copy = event_ref(a->event);
        reserve(j, m);
        claim(j->w, m);
    }
    event_unref(a->event);
    free(a);
}

void move_spooled(struct worker *w, struct event *e, uint64_t from_journal, uint64_t from_n)
{
    struct move *m = move_new(w, e, from_journal, from_n);
    m->spooled = true;
    append_copy(w, m);
}

bool moves_pending(const struct worker *w)
{
    const struct move *m = w->moves;
    while (m != NULL && m->spooled && !m->durable) {
        m = m->next;
    }
    return m != NULL;
}

void moves_pump(struct worker *w)
{
    if (!w->redis.ready) {
        return;
    }
    bool open = w->live != NULL && w->live->state == JOURNAL_OPEN;
    for (struct move *m = w->moves, *next; m != NULL; m = next) {
        next = m->next;
        if (m->copy != NULL) {
            if (!m->claiming) {
                claim(w, m);
            }
        } else if (open && m->append == NULL && w->live->pending_count < w->conf->listen.pending) {
            append_copy(w, m);
        }
    }
}

void moves_free(struct worker *w)
{
    unsigned left = 0;
    while (w->moves != NULL) {
        struct move *m = w->moves;
        left += m->copy == NULL && (!m->spooled || m->durable);
        if (m->claiming) { /* its answer frees it */
            w->moves = m->next;
            m->dropped = true;
        } else {
            move_free(w, m);
        }
    }
    if (left > 0) {
        log_line(LOG_ERROR, "stopping with events that Redis had lost and could not take again",
                 "events", "%u", left, NULL);
    }
}
