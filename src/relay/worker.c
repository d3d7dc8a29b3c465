/* The life of one worker: start, listen, drain, close. What the node decides comes as calls on its
 * thread; what became of it is its state. */
#include "relay/worker.h"

#include "base/crash.h"
#include "base/log.h"
#include "relay/delivery.h"
#include "relay/embedded.h"
#include "relay/ingest.h"
#include "relay/inlet.h"
#include "relay/keys.h"
#include "relay/learned.h"
#include "relay/lookup.h"
#include "relay/move.h"
#include "relay/node.h"
#include "relay/roster.h"
#include "relay/secrets.h"
#include "relay/spool.h"
#include "relay/stats.h"

#include <stdio.h>
#include <string.h>

enum {
    START_WITHIN_MS = 5000,
    EMBEDDED_WITHIN_MS = 30000,
    SPOOL_WITHIN_MS = 1000,
    PAUSES_WITHIN_MS = 15000, /* a failover of their master takes less */
    LOOK_MS = 20,
};

static void set_state(struct worker *w, enum worker_state state)
{
    atomic_store(&w->state, state);
    w->on_state(w);
}

/* --- what is paused or dropped */

/* Until now all lanes stood. */
static void pauses_are_known(struct worker *w)
{
    if (!w->pauses_known) {
        w->pauses_known = true;
        lanes_pump(w);
    }
}

static void on_destinations(void *user, const redisReply *reply)
{
    struct worker *w = user;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return;
    }
    for (unsigned i = 0; i < w->lane_count; i++) {
        bool paused = false, dropped = false;
        for (size_t k = 0; k + 1 < reply->elements; k += 2) {
            struct str name = {reply->element[k]->str, reply->element[k]->len};
            struct str state = {reply->element[k + 1]->str, reply->element[k + 1]->len};
            bool here = str_eq(name, str_of(w->lanes[i]->name));
            paused |= here && str_eq(state, STR("paused"));
            dropped |= here && str_eq(state, STR("dropped"));
        }
        if (dropped && w->lanes[i]->dest == NULL) {
            lane_drop(w->lanes[i]);
        } else if (dropped) { /* it is wanted again, or here still */
            log_line(LOG_WARN, "a dropped destination is configured: it is not dropped any more",
                     "destination", "%s", w->lanes[i]->name, NULL);
            lookup_pause(w, w->lanes[i], false, NULL, NULL);
        }
        if (w->lanes[i]->pause_wanted && !paused) {
            lookup_pause(w, w->lanes[i], true, NULL, NULL);
        }
        w->lanes[i]->pause_wanted &= !paused;
        lane_pause(w->lanes[i], paused || w->lanes[i]->pause_wanted);
    }
    pauses_are_known(w);
}

void worker_read_destinations(struct worker *w)
{
    struct str argv[] = {STR("HGETALL"), worker_key(w, KEY_DESTINATIONS)};
    redis_send(w, 2, argv, on_destinations, w);
}

/* In a cluster their master may be away for good: the others do not wait for it for ever. */
static void wait_for_pauses(struct worker *w)
{
    if (w->pauses_known || !redis_is_ready(w)) {
        return;
    }
    if (w->pauses_until_ms == 0) {
        w->pauses_until_ms = boot_ms() + PAUSES_WITHIN_MS;
    }
    bool over = boot_ms() >= w->pauses_until_ms;
    log_line(over ? LOG_ERROR : LOG_WARN,
             over ? "which destinations are paused cannot be read; deliveries go on without"
                  : "deliveries wait until it can be read which destinations are paused",
             "key", "%.*s", STR_ARG(worker_key(w, KEY_DESTINATIONS)), NULL);
    if (over) {
        pauses_are_known(w);
    }
}

/* --- every 2 seconds */

static void on_renewal(struct wheel_timer *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, renewal);
    wheel_arm(&w->wheel, &w->renewal, RENEW_EVERY_MS, on_renewal);
    lease_renew_all(w);
    adopt_scan(w);
    journals_tend(w);
    lanes_tend(w);
    moves_pump(w);
    recoveries_go(w);
    learned_read(w);
    worker_read_destinations(w); /* behind what lanes_tend asks: a drop must find that answered */
    wait_for_pauses(w);
    budget_tend(w);
    roster_publish(w);
    secrets_publish(w);
    spool_pump(w);
}

/* --- starting */

/* A server of our own is started in this moment, perhaps with much to load. */
static int64_t start_within_ms(const struct worker *w)
{
    return w->spool != NULL          ? SPOOL_WITHIN_MS
           : w->conf->redis.embedded ? EMBEDDED_WITHIN_MS
                                     : START_WITHIN_MS;
}

static void fail(struct worker *w, const char *why)
{
    snprintf(w->failure, sizeof w->failure, "%s", why);
    set_state(w, WORKER_FAILED);
}

static void look_at_start(struct wheel_timer *t);

/* Nothing to do for the operator but to wait: it is loading its file, or there are several machines
 * that need not come up together. */
static bool may_still_come(struct worker *w)
{
    return w->redis.sentinel != NULL || w->redis.cluster != NULL ||
           strstr(redis_trouble(w), "LOADING") != NULL;
}

static void look_again_at_start(struct worker *w)
{
    char text[sizeof w->failure];
    if (!may_still_come(w)) {
        snprintf(text, sizeof text, "cannot use Redis: %.400s; %s", redis_trouble(w),
                 w->conf->redis.embedded
                     ? "it is the embedded store: see redis/redis.log in data_dir"
                     : "start it, or correct redis.url (or $REDIS_URL)");
        fail(w, text);
        return;
    }
    log_line(LOG_WARN, "waiting for Redis", "why", "%s", redis_trouble(w), NULL);
    w->until_ms = boot_ms() + START_WITHIN_MS;
    wheel_arm(&w->wheel, &w->look, LOOK_MS, look_at_start);
}

static void look_at_start(struct wheel_timer *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, look);
    if (redis_unsuitable(w)) {
        fail(w, redis_trouble(w));
        return;
    }
    if (w->live != NULL && w->live->state == JOURNAL_OPEN) {
        set_state(w, WORKER_READY);
        return;
    }
    if (w->spool != NULL && boot_ms() > w->until_ms) { /* it takes what comes meanwhile */
        set_state(w, WORKER_READY);
        return;
    }
    if (boot_ms() > w->until_ms) {
        look_again_at_start(w);
        return;
    }
    wheel_arm(&w->wheel, &w->look, LOOK_MS, look_at_start);
}

static void name_keys(struct worker *w)
{
    static const char *const names[SHARED_KEYS] = {"live",  "destinations", "nodes",
                                                   "usage", "learned",      "secrets"};
    for (int i = 0; i < SHARED_KEYS; i++) {
        snprintf(w->keys[i], sizeof w->keys[i], "%.*s%s", STR_ARG(w->conf->redis.prefix), names[i]);
    }
}

struct str worker_key(const struct worker *w, enum shared_key key)
{
    return str_of(w->keys[key]);
}

void worker_init(struct worker *w, struct node *node, unsigned index, uv_loop_t *loop)
{
    w->node = node;
    w->index = index;
    w->loop = loop;
    w->conf = conf_ref(node->conf);
    w->budget.limit = w->conf->redis.max_memory;
    w->stats = stats_new();
    inlets_init(w);
    w->moves_tail = &w->moves;
    name_keys(w);
    map_init(&w->lane_by_name);
    wheel_init(&w->wheel, loop);
    uv_prepare_init(loop, &w->turn);
    w->httpc = httpc_new(loop, &w->wheel);
    mailbox_open(w);
}

const char *worker_start(struct worker *w)
{
    const char *why = lanes_apply(w);
    if (why == NULL) {
        why = keys_start(w);
    }
    if (why == NULL) {
        why = spool_start(w);
    }
    if (why == NULL) {
        redis_start(w);
        wheel_arm(&w->wheel, &w->renewal, RENEW_EVERY_MS, on_renewal);
        w->until_ms = boot_ms() + start_within_ms(w);
        wheel_arm(&w->wheel, &w->look, LOOK_MS, look_at_start);
    }
    return why;
}

void worker_listen(struct worker *w)
{
    const char *why = ingest_start(w);
    if (why != NULL) {
        fail(w, why);
    } else {
        roster_publish(w);
        set_state(w, WORKER_LISTENING);
    }
}

/* --- another configuration */

const char *worker_use(struct worker *w, struct conf *next)
{
    struct conf *before = w->conf;
    w->conf = conf_ref(next);
    budget_limit(w);
    const char *why_lane = lanes_reload(w, before);
    inlets_reload(w, before);
    const char *why = httpc_reload_tls(w->httpc); /* of what is still in use */
    lanes_refresh(w);
    ingest_use_limits(w);
    conf_unref(before);
    return why != NULL ? why : why_lane;
}

/* --- draining */

static bool is_drained(const struct worker *w)
{
    for (const struct journal *j = w->journals; j != NULL; j = j->next) {
        if (!commit_idle(j) || journal_has_spooled(j)) {
            return false;
        }
    }
    return ingest_waiting(w) == 0 && dispatch_idle(w) && !moves_pending(w);
}

static void look_at_drain(struct wheel_timer *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, look);
    if (!is_drained(w) && boot_ms() < w->until_ms) {
        wheel_arm(&w->wheel, &w->look, LOOK_MS, look_at_drain);
        return;
    }
    w->cut_off = w->inflight;
    w->accepted = stats_accepted_total(w);
    set_state(w, WORKER_DRAINED);
}

void worker_drain(struct worker *w, int64_t until_ms)
{
    w->until_ms = until_ms;
    w->draining = true;
    if (w->listener != NULL) {
        httpd_drain(w->listener);
    }
    set_state(w, WORKER_DRAINING);
    CRASH_POINT("drain");
    look_at_drain(&w->look);
}

/* --- closing: attempts are cut off, journals sealed and freed, then every handle */

static void closed_one(void *user)
{
    struct worker *w = user;
    if (--w->closing == 0) {
        wheel_cancel(&w->wheel, &w->look);
        wheel_done(&w->wheel);
        w->on_ended(w);
    }
}

static void on_turn_closed(uv_handle_t *handle)
{
    closed_one(CONTAINER_OF((uv_prepare_t *)handle, struct worker, turn));
}

void worker_end(struct worker *w, void (*on_ended)(struct worker *w))
{
    w->on_ended = on_ended;
    wheel_cancel(&w->wheel, &w->due);
    wheel_cancel(&w->wheel, &w->renewal);
    wheel_cancel(&w->wheel, &w->budget.room);
    while (w->journals != NULL) {
        journal_free(w->journals);
    }
    moves_free(w);
    /* 4: mailbox, httpc, redis, turn */
    w->closing = 4u + (w->spool != NULL) + (w->listener != NULL);
    mailbox_close(w, closed_one, w);
    if (w->spool != NULL) {
        spool_close(w, closed_one, w);
    }
    if (w->listener != NULL) {
        httpd_close(w->listener, closed_one, w);
        w->listener = NULL;
    }
    uv_close((uv_handle_t *)&w->turn, on_turn_closed);
    lanes_free(w);
    keys_done(w); /* who waited was with the listener */
    httpc_close(w->httpc, closed_one, w);
    if (w->redis.started) {
        redis_stop(w, closed_one, w);
    } else {
        closed_one(w);
    }
}

static void cancel_attempts(struct worker *w)
{
    for (unsigned i = 0; i < w->lane_count; i++) {
        for (struct delivery *d = w->lanes[i]->lists[DELIVERY_INFLIGHT].first; d != NULL;
             d = d->next) {
            if (d->attempt != NULL) {
                httpc_cancel(&d->attempt->call);
            }
        }
    }
}

/* What is in memory only for speed goes; the journal has it. */
static void forget_all(struct worker *w)
{
    for (struct journal *j = w->journals; j != NULL; j = j->next) {
        dispatch_forget(j);
    }
}

static void look_at_close(struct wheel_timer *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, look);
    if (!dispatch_idle(w) || !fetch_all_idle(w)) { /* what is cancelled completes from the loop */
        wheel_arm(&w->wheel, &w->look, LOOK_MS / 2, look_at_close);
    } else if (w->redis.started) {
        roster_leave(w);
        lease_free_all(w, w->on_freed);
    } else {
        w->on_freed(w);
    }
}

void worker_close(struct worker *w, void (*on_freed)(struct worker *w))
{
    w->on_freed = on_freed;
    w->draining = true;
    wheel_cancel(&w->wheel, &w->renewal);
    wheel_cancel(&w->wheel, &w->budget.room);
    cancel_attempts(w);
    keys_stop(w);
    forget_all(w);
    wheel_arm(&w->wheel, &w->look, 0, look_at_close);
}

void worker_done(struct worker *w)
{
    adopt_done(w);
    spool_free(w);
    uv_mutex_destroy(&w->mail.lock);
    stats_free(w->stats);
    inlets_done(w);
    conf_unref(w->conf);
}
