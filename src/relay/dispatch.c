/* One lane a destination: takes deliveries, starts attempts within its limits, settles outcomes. */
#include "relay/delivery.h"

#include "base/crypt.h"
#include "base/crash.h"
#include "base/log.h"
#include "relay/lookup.h"
#include "relay/node.h"
#include "relay/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STUCK_MS = 30000, STUCK_DUE_MS = 5000, PROBE_LOOK_MS = 1000 };

static unsigned ready_count(const struct lane *lane)
{
    return lane->lists[DELIVERY_FRESH].n + lane->lists[DELIVERY_OVERDUE].n +
           lane->lists[DELIVERY_RETRY].n;
}

/* Nobody wants an attempt, as far as this worker knows. */
static bool is_held(const struct lane *lane)
{
    return lane->dest == NULL || lane->unusable || lane->paused || !lane->w->pauses_known;
}

/* Nothing is tried now: what comes is parked, what waits in memory too. */
static bool stands(const struct lane *lane)
{
    return is_held(lane) || lane->breaker.state == BREAKER_OPEN;
}

/* What is read back from Redis takes half of the memory for bodies at most: the rest is for what
 * comes in. */
static bool memory_is_short(const struct lane *lane)
{
    return event_bytes_alive() > lane->w->conf->listen.memory_bytes / 2;
}

/* Half of what is free (a dynamic threshold, as switches give out their buffers): one slow
 * destination takes a third of the memory at most, and leaves room whatever the others do. */
static bool has_its_share(const struct lane *lane)
{
    size_t all = lane->w->conf->listen.memory_bytes, alive = event_bytes_alive();
    return lane->bytes > (alive < all ? all - alive : 0) / 2 / lane->w->node->worker_count;
}

/* --- what comes in */

/* As many as there are slots: what is parked has half as many, of its own. */
static unsigned free_slots(const struct lane *lane, bool parked)
{
    const struct delivery_list *lists = lane->lists;
    unsigned most = lane->w->conf->listen.lane / (parked ? 2 : 1);
    unsigned held = parked ? lists[DELIVERY_OVERDUE].n + lists[DELIVERY_RETRY].n
                           : lists[DELIVERY_FRESH].n + lists[DELIVERY_INFLIGHT].n;
    return held >= most ? 0 : most - held;
}

/* One to probe with, or to go on: nobody waits behind one body that is great. What is parked does
 * not wait for fresh ones either. */
static unsigned first_one(const struct lane *lane, bool parked)
{
    unsigned before = lane_depth(lane) - (parked ? lane->lists[DELIVERY_FRESH].n : 0);
    return before == 0 ? 1 : 0;
}

unsigned dispatch_room(const struct lane *lane, enum dispatch_from from)
{
    bool parked = from == FROM_DUE;
    if (stands(lane) || (parked && lane->w->draining)) {
        return 0;
    }
    if (has_its_share(lane) || (from != FROM_APPEND && memory_is_short(lane)) ||
        (parked && lane->breaker.state == BREAKER_HALF_OPEN)) {
        return first_one(lane, parked);
    }
    return free_slots(lane, parked);
}

/* The end of a turn, before the loop waits again. */
static void on_turn(uv_prepare_t *turn)
{
    struct worker *w = CONTAINER_OF(turn, struct worker, turn);
    uv_prepare_stop(turn);
    while (w->offered != NULL) {
        struct lane *lane = w->offered;
        w->offered = lane->next_offered;
        lane->is_offered = false;
        lane_pump(lane);
    }
}

/* Redis answers many appends at once. Who waits for an answer comes first: all of them get theirs,
 * each with one write, before any of the writes to destinations, of which there are more. */
static void pump_at_end(struct lane *lane)
{
    struct worker *w = lane->w;
    if (lane->is_offered) {
        return;
    }
    if (w->offered == NULL) {
        w->offered = lane;
        uv_prepare_start(&w->turn, on_turn);
    } else {
        w->last_offered->next_offered = lane;
    }
    w->last_offered = lane;
    lane->next_offered = NULL;
    lane->is_offered = true;
}

/* Not in any list yet, but its bytes count already. */
static void offer(struct delivery *d)
{
    struct lane *lane = d->lane;
    if (dispatch_room(lane, d->track->journal->live ? FROM_APPEND : FROM_RECOVERY) == 0) {
        snprintf(d->record.reason, sizeof d->record.reason, "%s",
                 lane->dest == NULL ? "unknown_destination"
                 : is_held(lane)    ? "paused"
                 : stands(lane)     ? "breaker_open"
                                    : "lane_full");
        delivery_park(d, worker_now_ms(lane->w));
        return;
    }
    delivery_move(d, DELIVERY_FRESH);
    pump_at_end(lane);
}

uint64_t dispatch_reserve(struct journal *j, uint64_t n, struct lane *lane)
{
    return track_push(track_of(j, lane), n, NULL);
}

void dispatch_reserved(struct journal *j, struct event *e, struct lane *lane, uint64_t seq,
                       bool deliver)
{
    struct track *t = track_of(j, lane);
    if (deliver) {
        offer(delivery_new(t, e, seq, NULL));
    } else {
        track_done(t, seq);
    }
}

void dispatch_event(struct journal *j, struct event *e)
{
    for (size_t i = 0; i < e->to_count; i++) {
        struct track *t = track_of(j, j->w->lanes[e->to[i]]);
        offer(delivery_new(t, e, track_push(t, e->n, NULL), NULL));
    }
}

void dispatch_settled(struct journal *j, uint64_t n, const uint16_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct track *t = track_of(j, j->w->lanes[to[i]]);
        track_done(t, track_push(t, n, NULL));
    }
}

void dispatch_recovered(struct journal *j, struct event *e, struct lane *lane)
{
    dispatch_reserved(j, e, lane, dispatch_reserve(j, e->n, lane), true);
}

void dispatch_parked(struct track *t, struct event *e, const struct record *r, uint64_t seq)
{
    CRASH_POINT("due");
    struct delivery *d = delivery_new(t, e, seq, r);
    delivery_move(d, r->attempts == 0 ? DELIVERY_OVERDUE : DELIVERY_RETRY);
}

void dispatch_expired(struct track *t, struct event *e, const struct record *r)
{
    struct delivery *d = delivery_new(t, e, TRACK_NO_SEQ, r);
    if (t->lane->removed || r->attempts == 0) {
        snprintf(d->record.reason, sizeof d->record.reason, "%s",
                 t->lane->removed ? "removed" : "expired");
    }
    if (lane_is_mirror(t->lane)) {
        delivery_drop(d);
    } else {
        delivery_bury(d);
    }
}

/* --- what goes out */

/* Of every four slots two go to fresh events, one to overdue first attempts, one to retries; a list
 * without anything that may start leaves its slot to the next. */
static struct delivery *choose(struct lane *lane, int64_t boot)
{
    static const enum delivery_state turns[4] = {DELIVERY_FRESH, DELIVERY_OVERDUE, DELIVERY_FRESH,
                                                 DELIVERY_RETRY};
    for (unsigned i = 0; i < 4; i++) {
        unsigned turn = (lane->turn + i) & 3;
        for (struct delivery *d = lane->lists[turns[turn]].first; d != NULL; d = d->next) {
            if (journal_may_act_at(d->track->journal, boot)) {
                lane->turn = (turn + 1) & 3;
                return d;
            }
        }
    }
    return NULL;
}

static void on_stuck(struct wheel_timer *t);

static void start(struct delivery *d, int64_t boot)
{
    struct lane *lane = d->lane;
    delivery_move(d, DELIVERY_INFLIGHT);
    d->started_boot_ms = boot;
    d->timeout_ms = lane->dest->timeout_ms;
    if (d->record.attempts == 0) {
        d->record.first_ms = worker_ms_at(lane->w, boot);
    }
    if (lane->dest->timeout_ms > STUCK_MS && lane->stuck.link == NULL) {
        wheel_arm(&lane->w->wheel, &lane->stuck, STUCK_MS, on_stuck);
    }
    attempt_start(d);
}

/* The breaker is open: what waits in memory goes to Redis, where it costs one body an event. */
static void park_ready(struct lane *lane)
{
    static const enum delivery_state ready[] = {DELIVERY_FRESH, DELIVERY_OVERDUE, DELIVERY_RETRY};
    int64_t now = worker_now_ms(lane->w);
    for (int i = 0; i < 3; i++) {
        while (lane->lists[ready[i]].first != NULL) {
            delivery_park(lane->lists[ready[i]].first, now);
        }
    }
}

static void on_probe(struct wheel_timer *t);

static void refill(struct lane *lane)
{
    if (dispatch_room(lane, FROM_DUE) == 0 || ready_count(lane) > lane->w->conf->listen.lane / 4) {
        return;
    }
    int64_t now = worker_now_ms(lane->w);
    for (struct journal *j = lane->w->journals; j != NULL; j = j->next) {
        struct track *t = j->tracks[lane->number];
        if (t != NULL && t->next_due_ms <= now) {
            due_look(t);
        }
        if (t != NULL && t->passed_over && dispatch_room(lane, FROM_RECOVERY) > 0) {
            recover_more(j);
        }
    }
}

static void expire(struct lane *lane)
{
    for (struct journal *j = lane->w->journals; j != NULL; j = j->next) {
        if (j->tracks[lane->number] != NULL) {
            due_expire(j->tracks[lane->number]);
        }
    }
}

void lane_pump(struct lane *lane)
{
    struct worker *w = lane->w;
    if (w->draining) {
        return;
    }
    if (is_held(lane)) {
        park_ready(lane);
        return;
    }
    for (;;) {
        int64_t now = boot_ms(); /* anew for each attempt: the lease rule */
        unsigned allowed = node_breaker_allows(lane, now);
        if (lane->lists[DELIVERY_INFLIGHT].n >= allowed) {
            break;
        }
        struct delivery *d = choose(lane, now);
        if (d == NULL || !node_slot_take(lane, allowed)) {
            break;
        }
        start(d, now);
    }
    if (lane->breaker.state == BREAKER_OPEN) {
        park_ready(lane);
        if (lane->probe.link == NULL) {
            wheel_arm(&w->wheel, &lane->probe, PROBE_LOOK_MS, on_probe);
        }
        return;
    }
    refill(lane);
}

/* While it stands, somebody must look: for the next probe, and for what has grown too old. */
static void on_probe(struct wheel_timer *t)
{
    struct lane *lane = CONTAINER_OF(t, struct lane, probe);
    expire(lane);
    if (!is_held(lane)) {
        (void)node_breaker_allows(lane, boot_ms());
    }
    lane_pump(lane);
    if (stands(lane)) {
        wheel_arm(&lane->w->wheel, &lane->probe, PROBE_LOOK_MS, on_probe);
    }
}

void lanes_pump(struct worker *w)
{
    for (unsigned i = 0; i < w->lane_count; i++) {
        lane_pump(w->lanes[i]);
    }
}

void lanes_tend(struct worker *w)
{
    for (unsigned i = 0; i < w->lane_count; i++) {
        struct lane *lane = w->lanes[i];
        lane_mend(lane);
        if (lane->removed && lane->rule == REMOVED_DROP) {
            lane_drop(lane);
        } else if (stands(lane)) {
            expire(lane);
        }
        lane_pump(lane);
    }
}

/* An attempt that takes so long must not hold its journal's floor back: parked while in flight, due
 * after its deadline, removed by its success. */
static void on_stuck(struct wheel_timer *t)
{
    struct lane *lane = CONTAINER_OF(t, struct lane, stuck);
    int64_t now = boot_ms();
    for (struct delivery *d = lane->lists[DELIVERY_INFLIGHT].first; d != NULL; d = d->next) {
        if (d->track == NULL || d->parked || now - d->started_boot_ms < STUCK_MS) {
            continue;
        }
        int64_t due = worker_now_ms(lane->w) + d->timeout_ms + STUCK_DUE_MS;
        track_slot(d->track, d->seq)->delivery = NULL;
        commit_park(d->track, d->n, d->seq, d->event, &d->record, due);
        d->seq = TRACK_NO_SEQ;
        d->body_queued = true;
        delivery_load(d);
    }
    if (lane->lists[DELIVERY_INFLIGHT].n > 0) {
        wheel_arm(&lane->w->wheel, &lane->stuck, STUCK_MS / 6, on_stuck);
    }
}

/* --- outcomes */

static void log_outcome(const struct delivery *d, const struct outcome *o, const char *then,
                        int64_t delay_ms)
{
    enum log_level level = o->kind == OUTCOME_OK || lane_is_mirror(d->lane) ? LOG_DEBUG : LOG_WARN;
    if (!log_on(level)) {
        return;
    }
    char delay[33] = "";
    if (delay_ms >= 0) {
        delay[text_put_duration(delay, delay_ms)] = '\0';
    }
    log_line(level, then, "event", "%.*s", EVENT_ID_LEN, d->event->id, "source", "%.*s",
             STR_ARG(d->event->source), "destination", "%s", d->lane->name, "attempt", "%u",
             d->record.attempts, "reason", "%s", o->reason, "status", "%d", o->status, "retry_in",
             "%s", delay, "detail", "%s", o->detail, NULL);
}

static void give_up(struct delivery *d, const struct conf_destination *dest,
                    const struct outcome *o)
{
    bool drops = dest->mirror || dest->on_exhausted == EXHAUSTED_DROP;
    log_outcome(d, o, drops ? "dropped" : "dead letter", -1);
    if (drops) {
        delivery_drop(d);
    } else if (dest->on_exhausted == EXHAUSTED_PAUSE && d->lane->dest != NULL) {
        struct lane *lane = d->lane;
        delivery_park(d, worker_now_ms(lane->w));
        lane->pause_wanted = true;
        lane_pause(lane, true);
        lookup_pause(lane->w, lane, true, NULL, NULL);
    } else {
        delivery_bury(d);
    }
}

static void try_again(struct delivery *d, const struct conf_destination *dest,
                      const struct outcome *o)
{
    struct lane *lane = d->lane;
    int64_t now = worker_now_ms(lane->w);
    struct retry_state s = {.attempts = d->record.attempts,
                            .since_ms = d->record.since_ms,
                            .now_ms = now,
                            .retry_after_ms = o->retry_after_ms};
    int64_t delay = retry_next(&dest->retry, &s, crypt_random_u64());
    if (delay == RETRY_GIVE_UP) {
        give_up(d, dest, o);
        return;
    }
    log_outcome(d, o, "failed, will retry", delay);
    delivery_park(d, now + delay);
}

static void note_outcome(struct lane *lane, const struct conf_destination *dest,
                         const struct outcome *o, int64_t boot)
{
    bool ok = o->kind != OUTCOME_RETRY; /* a refusal for good is an answer: the destination lives */
    if (!lane_goes_elsewhere(lane, dest) && node_breaker_report(lane, dest, ok, boot)) {
        log_line(lane->breaker.state == BREAKER_OPEN && !dest->mirror ? LOG_WARN : LOG_INFO,
                 lane->breaker.state == BREAKER_OPEN ? "destination is down: breaker opened"
                                                     : "destination is back: breaker closed",
                 "destination", "%s", lane->name, "reason", "%s", o->reason, NULL);
    }
    if (o->kind == OUTCOME_OK) {
        lane->last_ok_ms = worker_ms_at(lane->w, boot);
    } else {
        snprintf(lane->last_error, sizeof lane->last_error, "%s", o->reason);
    }
}

void dispatch_outcome(struct delivery *d, const struct conf_destination *dest,
                      const struct outcome *o)
{
    struct lane *lane = d->lane;
    if (o->reason == ATTEMPT_CANCELLED) {
        delivery_free(d); /* a stop: the journal still has it, for whoever comes next */
        return;
    }
    int64_t now = boot_ms();
    CRASH_POINT("outcome");
    note_outcome(lane, dest, o, now);
    stats_attempt(lane, o);
    d->record.attempts++;
    d->record.last_ms = worker_ms_at(lane->w, now);
    if (o->kind != OUTCOME_OK) { /* a success leaves no record */
        d->record.status = o->status;
        snprintf(d->record.reason, sizeof d->record.reason, "%s", o->reason);
    }
    if (d->track == NULL) {
        delivery_free(d); /* its journal was left: whoever has it now delivers it again */
    } else if (o->kind == OUTCOME_OK) {
        log_outcome(d, o, "delivered", -1);
        stats_delivered(lane, d->record.last_ms - d->record.since_ms);
        delivery_settle(d);
    } else if (o->kind == OUTCOME_GIVE_UP) {
        give_up(d, dest, o);
    } else {
        try_again(d, dest, o);
    }
    lane_pump(lane);
}

void dispatch_forget(struct journal *j)
{
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        struct lane *lane = j->w->lanes[i];
        for (int s = 0; s < DELIVERY_STATES; s++) {
            for (struct delivery *d = lane->lists[s].first, *next; d != NULL; d = next) {
                next = d->next;
                if (d->track == NULL || d->track->journal != j) {
                    continue;
                }
                if (s == DELIVERY_INFLIGHT) {
                    delivery_orphan(d);
                } else {
                    delivery_free(d);
                }
            }
        }
    }
}

bool dispatch_idle(const struct worker *w)
{
    return w->inflight == 0;
}
