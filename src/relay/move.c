/* Events that leave a lost journal for the live one.
 *
 * Append the copy first, then claim it in the old journal's `moved`, and only then start attempts: two
 * holders of one event (an old owner, and the adopter that had recovered it before the tail was lost)
 * may both append, but only one claim is written. */
#include "relay/journal.h"

#include "base/log.h"
#include "relay/delivery.h"
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

static void add_move(struct journal *j, const struct held *v, size_t n)
{
    struct worker *w = j->w;
    uint16_t to[LANES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (count == 0 || to[count - 1] != v[i].lane) {
            to[count++] = v[i].lane;
        }
    }
    const struct event *e = v[0].event;
    struct event_parts parts = {
        .journal = j->number, .n = v[0].n, .received_ms = e->received_ms,
        .id = {e->id, EVENT_ID_LEN}, .source = e->source, .method = e->method, .target = e->target,
        .headers = e->headers, .body = e->body, .to = to, .to_count = count,
    };
    struct move *m = calloc(1, sizeof *m);
    ENSURE(m != NULL);
    m->event = event_new(&parts);
    m->from_journal = j->number;
    m->from_n = v[0].n;
    struct move **at = &w->moves;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = m;
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
        struct held key = {.n = n};
        bool found = false;
        for (size_t k = 0; k < list->n && !found; k++) {
            found = list->v[k].n == key.n;
        }
        lost += !found;
    }
    return lost;
}

void move_out(struct journal *j, uint64_t top)
{
    struct held_list list = {.top = top};
    journal_fail_pending(j, top);
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
    log_line(lost > 0 ? LOG_ERROR : LOG_WARN, "moving events to a new journal", "from", "%s", j->name,
             "top", "%llu", (unsigned long long)top, "events", "%zu", moved,
             "parked_deliveries_perhaps_lost", "%u", lost, NULL);
    stats_moved(j->w, moved, lost);
    moves_pump(j->w);
}

/* --- append, claim, deliver */

static void move_free(struct worker *w, struct move *m)
{
    for (struct move **at = &w->moves; *at != NULL; at = &(*at)->next) {
        if (*at == m) {
            *at = m->next;
            break;
        }
    }
    event_unref(m->event);
    event_unref(m->copy);
    free(m);
}

static struct journal *find_journal(const struct worker *w, uint64_t number)
{
    struct journal *j = w->journals;
    while (j != NULL && j->number != number) {
        j = j->next;
    }
    return j;
}

static size_t put_place(const struct move *m, char out[48])
{
    char name[12];
    journal_name(m->copy_number, name);
    int n = snprintf(out, 48, "%s-%llu", name, (unsigned long long)m->copy->n);
    return (size_t)n;
}

struct claim {
    struct worker *w;
    struct move *m;
};

static void on_claimed(void *user, const redisReply *reply)
{
    struct claim c = *(struct claim *)user;
    free(user);
    c.m->claiming = false;
    if (store_error_of(reply) != STORE_OK || reply->type != REDIS_REPLY_STRING) {
        return; /* moves_pump asks again */
    }
    char place[48];
    struct str mine = {place, put_place(c.m, place)};
    struct journal *j = find_journal(c.w, c.m->copy_number);
    if (j != NULL && j->live && str_eq(mine, (struct str){reply->str, reply->len})) {
        dispatch_event(j, c.m->copy);
    }
    /* Else another holder was first: nothing was pushed for the copy, so it counts as settled. */
    if (j != NULL) {
        journal_released(j, c.m->copy->n);
    }
    move_free(c.w, c.m);
}

static void claim(struct worker *w, struct move *m)
{
    char name[12], n[20], place[48];
    struct buf key;
    buf_init(&key, 128);
    journal_name(m->from_journal, name);
    buf_add_str(&key, w->conf->redis.prefix);
    buf_printf(&key, "{%s}:moved", name);
    struct str field = {n, text_put_u64(n, m->from_n)};
    struct str put[] = {STR("HSETNX"), buf_str(&key), field, {place, put_place(m, place)}};
    struct str age[] = {STR("EXPIRE"), buf_str(&key), STR("2592000")};
    struct str get[] = {STR("HGET"), buf_str(&key), field};
    struct claim *c = malloc(sizeof *c);
    ENSURE(c != NULL);
    *c = (struct claim){w, m};
    store_send(w->redis.main, 4, put, NULL, NULL);
    store_send(w->redis.main, 3, age, NULL, NULL);
    m->claiming = store_send(w->redis.main, 3, get, on_claimed, c);
    if (!m->claiming) {
        free(c);
    }
    buf_done(&key);
}

static void append_copy(struct worker *w, struct move *m)
{
    struct journal *j = w->live;
    const struct event *e = m->event;
    struct event_parts parts = {
        .journal = j->number, .n = journal_next_n(j), .received_ms = e->received_ms,
        .id = {e->id, EVENT_ID_LEN}, .source = e->source, .method = e->method, .target = e->target,
        .headers = e->headers, .body = e->body, .to = e->to, .to_count = e->to_count,
    };
    m->copy_number = j->number;
    m->append = calloc(1, sizeof *m->append);
    ENSURE(m->append != NULL);
    m->append->event = event_new(&parts);
    m->append->move = m;
    journal_append(j, m->append);
}

void move_appended(struct append *a, const char *reason, struct worker *w)
{
    struct move *m = a->move;
    m->append = NULL;
    if (reason == NULL) {
        m->copy = event_ref(a->event);
        struct journal *j = find_journal(w, m->copy_number);
        if (j != NULL) {
            journal_hold_low(j, m->copy->n);
        }
        claim(w, m);
    }
    event_unref(a->event);
    free(a);
}

void moves_pump(struct worker *w)
{
    if (!w->redis.ready || w->live == NULL || w->live->state != JOURNAL_OPEN) {
        return;
    }
    for (struct move *m = w->moves, *next; m != NULL; m = next) {
        next = m->next;
        if (m->copy != NULL && find_journal(w, m->copy_number) != w->live) {
            /* Its journal was left too: what is recovered from there includes the copy. */
            move_free(w, m);
        } else if (m->copy != NULL) {
            if (!m->claiming) {
                claim(w, m);
            }
        } else if (m->append == NULL && w->live->pending_count < w->conf->listen.pending) {
            append_copy(w, m);
        }
    }
}

size_t moves_count(const struct worker *w)
{
    size_t n = 0;
    for (const struct move *m = w->moves; m != NULL; m = m->next) {
        n++;
    }
    return n;
}

void moves_free(struct worker *w)
{
    while (w->moves != NULL) {
        move_free(w, w->moves);
    }
}
