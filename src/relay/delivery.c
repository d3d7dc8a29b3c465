/* Deliveries: one mover, and the four ways out of memory. */
#include "relay/delivery.h"

#include "base/log.h"
#include "relay/node.h"
#include "relay/stats.h"

#include <stdio.h>
#include <stdlib.h>

static void list_push(struct delivery_list *list, struct delivery *d)
{
    d->next = NULL;
    d->prev = list->last;
    if (list->last != NULL) {
        list->last->next = d;
    } else {
        list->first = d;
    }
    list->last = d;
    list->n++;
}

static void list_remove(struct delivery_list *list, struct delivery *d)
{
    if (d->prev != NULL) {
        d->prev->next = d->next;
    } else {
        list->first = d->next;
    }
    if (d->next != NULL) {
        d->next->prev = d->prev;
    } else {
        list->last = d->prev;
    }
    list->n--;
}

struct delivery *delivery_new(struct track *t, struct event *e, uint64_t seq,
                              const struct record *r)
{
    struct delivery *d = calloc(1, sizeof *d);
    ENSURE(d != NULL);
    d->event = event_ref(e);
    d->lane = t->lane;
    d->lane->bytes += e->bytes;
    d->track = t;
    d->n = e->n;
    d->seq = seq;
    d->state = DELIVERY_STATES; /* in no list yet */
    d->record = r != NULL ? *r : (struct record){.since_ms = e->received_ms};
    if (seq == TRACK_NO_SEQ) {
        delivery_load(d);
    } else {
        track_slot(t, seq)->delivery = d;
    }
    return d;
}

void delivery_move(struct delivery *d, enum delivery_state to)
{
    struct lane *lane = d->lane;
    if (d->state != DELIVERY_STATES) {
        list_remove(&lane->lists[d->state], d);
    }
    if (d->state == DELIVERY_INFLIGHT) {
        lane->w->inflight--;
        node_slot_give(lane);
    }
    if (to == DELIVERY_INFLIGHT) {
        lane->w->inflight++;
    }
    d->state = to;
    list_push(&lane->lists[to], d);
}

void delivery_load(struct delivery *d)
{
    struct track *t = d->track;
    d->parked = true;
    d->next_loaded = t->loaded_list;
    d->loaded_link = &t->loaded_list;
    if (t->loaded_list != NULL) {
        t->loaded_list->loaded_link = &d->next_loaded;
    }
    t->loaded_list = d;
    numset_add(&t->in_hand, d->n);
}

static void unload(struct delivery *d)
{
    if (d->loaded_link == NULL) {
        return;
    }
    *d->loaded_link = d->next_loaded;
    if (d->next_loaded != NULL) {
        d->next_loaded->loaded_link = d->loaded_link;
    }
    d->loaded_link = NULL;
}

/* Its slot may stay, for what is settled: nobody is to follow it here. */
void delivery_orphan(struct delivery *d)
{
    unload(d);
    if (d->track != NULL && d->seq != TRACK_NO_SEQ) {
        track_forget(d->track, d->seq);
    }
    d->track = NULL;
}

void delivery_free(struct delivery *d)
{
    if (d->state != DELIVERY_STATES) {
        list_remove(&d->lane->lists[d->state], d);
        if (d->state == DELIVERY_INFLIGHT) {
            d->lane->w->inflight--;
            node_slot_give(d->lane);
        }
    }
    delivery_orphan(d);
    d->lane->bytes -= d->event->bytes;
    event_unref(d->event);
    free(d);
}

void delivery_settle(struct delivery *d)
{
    if (d->track != NULL) {
        if (d->seq != TRACK_NO_SEQ) {
            track_done(d->track, d->seq);
        }
        if (d->parked) {
            commit_settle(d->track, d->n);
        }
    }
    delivery_free(d);
}

void delivery_drop(struct delivery *d)
{
    stats_dropped(d->lane);
    delivery_settle(d);
}

/* Would parking it put one more body into Redis than its destination may have there? */
static bool is_beyond_buffer(const struct delivery *d)
{
    struct lane *lane = d->lane;
    bool full =
        lane->dest != NULL && lane->held_bytes >= budget_part(lane->w, lane->dest->buffer_bytes);
    if (full && lane->dest->mirror) {
        return !d->parked;
    }
    bool buries = full && lane->dest->on_full == FULL_DEAD_LETTER;
    if (buries != lane->full) {
        lane->full = buries;
        log_line(buries ? LOG_ERROR : LOG_INFO,
                 buries ? "a buffer is full: what cannot be delivered now becomes a dead letter "
                          "without a body; replay it while history has that"
                        : "a buffer has room again",
                 "destination", "%s", lane->name, "bytes", "%llu",
                 (unsigned long long)lane->held_bytes, NULL);
    }
    return buries && d->track != NULL && !d->parked;
}

static void bury_bare(struct delivery *d)
{
    struct worker *w = d->lane->w;
    snprintf(d->record.reason, sizeof d->record.reason, "buffer_full");
    commit_bury_bare(d->track, d->n, d->seq, d->event, &d->record, worker_now_ms(w));
    stats_dead(w, d->lane);
    delivery_free(d);
}

void delivery_park(struct delivery *d, int64_t due_ms)
{
    if (is_beyond_buffer(d)) {
        if (lane_is_mirror(d->lane)) {
            delivery_drop(d);
        } else {
            bury_bare(d);
        }
        return;
    }
    d->record.next_ms = due_ms;
    if (d->track != NULL) {
        commit_park(d->track, d->n, d->seq, d->parked && !d->body_queued ? NULL : d->event,
                    &d->record, due_ms);
    }
    delivery_free(d);
}

void delivery_bury(struct delivery *d)
{
    struct worker *w = d->lane->w;
    if (d->track != NULL) {
        commit_bury(d->track, d->n, d->seq, d->parked && !d->body_queued ? NULL : d->event,
                    &d->record, worker_now_ms(w));
        stats_dead(w, d->lane);
    }
    delivery_free(d);
}
