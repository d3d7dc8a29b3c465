/* What workers share: slots, mailboxes, visits. */
#include "relay/node.h"

#include "base/crypt.h"
#include "base/log.h"
#include "relay/delivery.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

void node_init(struct node *n, struct conf *conf, unsigned worker_count)
{
    snprintf(n->id, sizeof n->id, "%08x", (unsigned)(crypt_random_u64() >> 32));
    n->conf = conf_ref(conf);
    n->worker_count = worker_count;
    map_init(&n->slots);
    map_init(&n->rates);
    ENSURE(uv_mutex_init(&n->lock) == 0 && worker_count > 0 && worker_count <= WORKERS_MAX);
}

void node_done(struct node *n)
{
    const struct map_entry *e;
    for (size_t i = 0; (e = map_next(&n->slots, &i)) != NULL;) {
        struct node_slots *s = e->value;
        uv_mutex_destroy(&s->lock);
        free(s);
    }
    for (size_t i = 0; (e = map_next(&n->rates, &i)) != NULL;) {
        free(e->value);
    }
    map_done(&n->slots);
    map_done(&n->rates);
    uv_mutex_destroy(&n->lock);
    tls_context_unref(n->tls);
    conf_unref(n->conf);
}

/* --- by name */

static struct node_slots *slots_new(void)
{
    struct node_slots *s = calloc(1, sizeof *s);
    ENSURE(s != NULL && uv_mutex_init(&s->lock) == 0);
    breaker_init(&s->breaker);
    return s;
}

struct node_slots *node_slots_of(struct node *n, struct str destination)
{
    uv_mutex_lock(&n->lock);
    struct node_slots *s = map_find(&n->slots, destination);
    if (s == NULL) {
        s = slots_new();
        map_set(&n->slots, destination, s);
    }
    uv_mutex_unlock(&n->lock);
    return s;
}

_Atomic int64_t *node_rate_of(struct node *n, struct str source)
{
    uv_mutex_lock(&n->lock);
    _Atomic int64_t *due = map_find(&n->rates, source);
    if (due == NULL) {
        due = calloc(1, sizeof *due);
        ENSURE(due != NULL);
        map_set(&n->rates, source, (void *)due);
    }
    uv_mutex_unlock(&n->lock);
    return due;
}

/* --- slots */

static bool take_one(struct node_slots *s, unsigned allowed)
{
    unsigned taken = atomic_load(&s->taken);
    while (taken < atomic_load(&s->most) && taken < allowed) {
        if (atomic_compare_exchange_weak(&s->taken, &taken, taken + 1)) {
            return true;
        }
    }
    return false;
}

static bool take_handed_over(struct node_slots *s, unsigned worker)
{
    if (atomic_load_explicit(&s->handed_over[worker], memory_order_relaxed) == 0) {
        return false;
    }
    atomic_fetch_sub(&s->handed_over[worker], 1); /* only its own worker takes from it */
    return true;
}

bool node_slot_take(struct lane *lane, unsigned allowed)
{
    struct worker *w = lane->w;
    if (w->node->worker_count == 1) {
        return true; /* its own count is the node's */
    }
    struct node_slots *s = lane->slots;
    uint64_t me = UINT64_C(1) << w->index;
    if (take_handed_over(s, w->index)) {
        if (atomic_load(&s->taken) <= allowed) {
            return true;
        }
        atomic_fetch_sub(&s->taken, 1); /* it was handed over before the breaker said otherwise */
    }
    if (take_one(s, allowed)) {
        return true;
    }
    /* Who gives one back from here on sees the bit; who did before left it to be taken. */
    atomic_fetch_or(&s->waiting, me);
    if (take_one(s, allowed)) {
        atomic_fetch_and(&s->waiting, ~me);
        return true;
    }
    return false;
}

/* The next worker behind `after` that waits, or WORKERS_MAX. */
static unsigned next_waiting(uint64_t waiting, unsigned after, unsigned count)
{
    for (unsigned i = 1; i <= count; i++) {
        unsigned k = (after + i) % count;
        if (waiting >> k & 1) {
            return k;
        }
    }
    return WORKERS_MAX;
}

/* False: it has ended. */
static bool wake(struct worker *w)
{
    uv_mutex_lock(&w->mail.lock);
    bool open = !w->mail.closed;
    if (open) {
        w->mail.slots = true;
        uv_async_send(&w->mail.async);
    }
    uv_mutex_unlock(&w->mail.lock);
    return open;
}

static void give(struct worker *w, struct node_slots *s)
{
    for (;;) {
        uint64_t waiting = atomic_load(&s->waiting);
        unsigned k = next_waiting(waiting, w->index, w->node->worker_count);
        if (k == WORKERS_MAX) { /* leave it first, then look who came meanwhile */
            atomic_fetch_sub(&s->taken, 1);
            if (atomic_load(&s->waiting) == 0 || !take_one(s, UINT_MAX)) {
                return;
            }
            continue;
        }
        uint64_t bit = UINT64_C(1) << k;
        if ((atomic_fetch_and(&s->waiting, ~bit) & bit) != 0) {
            atomic_fetch_add(&s->handed_over[k], 1);
            if (wake(w->node->workers[k])) {
                return;
            }
            atomic_fetch_sub(&s->handed_over[k], 1); /* it has ended, and takes no more */
        }
    }
}

void node_slot_give(struct lane *lane)
{
    if (lane->w->node->worker_count > 1) {
        give(lane->w, lane->slots);
    }
}

/* Lanes that were given slots use them, or pass them on. */
static void use_slots(struct worker *w)
{
    for (unsigned i = 0; i < w->lane_count; i++) {
        struct node_slots *s = w->lanes[i]->slots;
        if (s != NULL && atomic_load(&s->handed_over[w->index]) > 0) {
            lane_pump(w->lanes[i]);
            if (take_handed_over(s, w->index)) {
                do {
                    give(w, s);
                } while (take_handed_over(s, w->index));
                lane_pump(w->lanes[i]); /* what it asked for meanwhile may have been among them */
            }
        }
    }
}

/* --- breakers */

/* The node's, held; or with one worker the lane's own. */
static struct breaker *hold_breaker(struct lane *lane)
{
    struct node *n = lane->w->node;
    if (n->worker_count == 1) {
        return &lane->breaker;
    }
    uv_mutex_lock(&lane->slots->lock);
    return &lane->slots->breaker;
}

static void release_breaker(struct lane *lane, const struct breaker *b)
{
    if (b != &lane->breaker) {
        lane->breaker = *b;
        uv_mutex_unlock(&lane->slots->lock);
    }
}

unsigned node_breaker_allows(struct lane *lane, int64_t now_ms)
{
    struct breaker *b = hold_breaker(lane);
    unsigned n = breaker_allows(b, &lane->dest->breaker, lane->dest->concurrency, now_ms);
    release_breaker(lane, b);
    return n;
}

void node_breaker_reset(struct lane *lane)
{
    struct breaker *b = hold_breaker(lane);
    breaker_init(b);
    release_breaker(lane, b);
}

bool node_breaker_report(struct lane *lane, const struct conf_destination *dest, bool ok,
                         int64_t now_ms)
{
    struct breaker *b = hold_breaker(lane);
    enum breaker_state before = b->state;
    breaker_report(b, &dest->breaker, dest->concurrency, ok, now_ms);
    bool changed = b->state != before;
    release_breaker(lane, b);
    return changed;
}

/* --- rates: a bucket of a second's worth, as the one time at which it would be empty (GCRA) */

int64_t node_rate_wait_us(_Atomic int64_t *due, double per_s, int64_t now_us)
{
    int64_t step = (int64_t)(1e6 / per_s);
    int64_t ahead = step < 1000000 ? 1000000 - step : 0;
    int64_t before = atomic_load(due);
    for (;;) {
        if (before > now_us + ahead + step) { /* used up at a lower rate: a reload has raised it */
            if (atomic_compare_exchange_weak(due, &before, now_us + ahead + step)) {
                before = now_us + ahead + step;
            }
            continue;
        }
        int64_t from = before > now_us ? before : now_us;
        if (from - now_us > ahead) {
            return from - now_us - ahead;
        }
        if (atomic_compare_exchange_weak(due, &before, from + step)) {
            return 0;
        }
    }
}

/* --- mailboxes */

static void run_jobs(struct worker *w)
{
    struct mailbox *m = &w->mail;
    uv_mutex_lock(&m->lock);
    struct job *job = m->first;
    bool slots = m->slots;
    m->slots = false;
    m->first = NULL;
    m->last = &m->first;
    uv_mutex_unlock(&m->lock);
    while (job != NULL) {
        struct job *next = job->next;
        job->run(w, job);
        job = next;
    }
    if (slots) {
        use_slots(w);
    }
}

static void on_mail(uv_async_t *async)
{
    run_jobs(async->data);
}

void mailbox_open(struct worker *w)
{
    struct mailbox *m = &w->mail;
    m->last = &m->first;
    ENSURE(uv_mutex_init(&m->lock) == 0 && uv_async_init(w->loop, &m->async, on_mail) == 0);
    m->async.data = w;
}

bool worker_post(struct worker *w, struct job *job)
{
    struct mailbox *m = &w->mail;
    uv_mutex_lock(&m->lock);
    bool open = !m->closed;
    if (open) {
        job->next = NULL;
        *m->last = job;
        m->last = &job->next;
        uv_async_send(&m->async);
    }
    uv_mutex_unlock(&m->lock);
    return open;
}

static void on_mailbox_closed(uv_handle_t *handle)
{
    struct worker *w = handle->data;
    w->mail.on_closed(w->mail.user);
}

void mailbox_close(struct worker *w, void (*on_closed)(void *user), void *user)
{
    struct mailbox *m = &w->mail;
    uv_mutex_lock(&m->lock);
    m->closed = true;
    uv_mutex_unlock(&m->lock);
    run_jobs(w);
    m->on_closed = on_closed;
    m->user = user;
    uv_close((uv_handle_t *)&m->async, on_mailbox_closed);
}

/* --- visits */

static void visit_home(struct worker *w, struct job *job)
{
    (void)w;
    struct visit *v = CONTAINER_OF(job, struct visit, job);
    v->home(v);
}

static void visit_one(struct worker *w, struct job *job)
{
    struct visit *v = CONTAINER_OF(job, struct visit, job);
    struct node *n = v->node;
    v->at(w, v);
    while (++v->next < n->worker_count) {
        if (worker_post(n->workers[v->next], job)) {
            return;
        }
    }
    v->job.run = visit_home;
    if (w->index == 0) {
        visit_home(w, job);
    } else {
        ENSURE(worker_post(n->workers[0], job)); /* the first one ends last */
    }
}

void node_visit(struct node *n, struct visit *v)
{
    v->node = n;
    v->next = 0;
    v->job.run = visit_one;
    ENSURE(worker_post(n->workers[0], &v->job));
}
