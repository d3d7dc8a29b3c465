/* Wiring, start, drain and stop of one node. */
#include "app.h"

#include "admin/api.h"
#include "base/log.h"
#include "relay/delivery.h"
#include "relay/embedded.h"
#include "relay/ingest.h"
#include "relay/lookup.h"
#include "relay/stats.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { START_WITHIN_MS = 5000, LOOK_MS = 20 };

enum app_state { APP_STARTING, APP_RUNNING, APP_DELAYING, APP_DRAINING, APP_CLOSING };

struct app {
    uv_loop_t loop;
    struct worker w;
    struct embedded *embedded;
    struct api *api;
    uv_signal_t term, interrupt;
    enum app_state state;
    int64_t until_ms; /* boot clock: of the state at hand */
    struct wheel_timer look;
    int exit_code;
    unsigned closing;
};

static void look(struct wheel_timer *t);

static void close_all(struct app *a);

static void fail(struct app *a, const char *why)
{
    fprintf(stderr, "penstock: %s\n", why);
    a->exit_code = 1;
    close_all(a);
}

/* --- every 2 seconds */

static void on_destinations(void *user, const redisReply *reply)
{
    struct worker *w = user;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return;
    }
    for (unsigned i = 0; i < w->lane_count; i++) {
        bool paused = false;
        for (size_t k = 0; k + 1 < reply->elements; k += 2) {
            struct str name = {reply->element[k]->str, reply->element[k]->len};
            struct str state = {reply->element[k + 1]->str, reply->element[k + 1]->len};
            paused |= str_eq(name, str_of(w->lanes[i]->name)) && str_eq(state, STR("paused"));
        }
        if (w->lanes[i]->pause_wanted && !paused) {
            lookup_pause(w, w->lanes[i], true, NULL, NULL);
        }
        w->lanes[i]->pause_wanted &= !paused;
        lane_pause(w->lanes[i], paused || w->lanes[i]->pause_wanted);
    }
}

static void read_destinations(struct worker *w)
{
    struct buf key;
    buf_init(&key, 128);
    buf_add_str(&key, w->conf->redis.prefix);
    buf_add_str(&key, STR("destinations"));
    struct str argv[] = {STR("HGETALL"), buf_str(&key)};
    store_send(w->redis.main, 2, argv, on_destinations, w);
    buf_done(&key);
}

static void on_renewal(struct wheel_timer *t)
{
    struct worker *w = CONTAINER_OF(t, struct worker, renewal);
    wheel_arm(&w->wheel, &w->renewal, RENEW_EVERY_MS, on_renewal);
    lease_renew_all(w);
    adopt_scan(w);
    journals_tend(w);
    lanes_tend(w);
    moves_pump(w);
    if (w->redis.ready) {
        read_destinations(w);
    }
}

/* --- starting */

static void announce(struct app *a)
{
    struct worker *w = &a->w;
    log_line(LOG_INFO, "ready", "version", "%s", PENSTOCK_VERSION, "listen", "%s",
             httpd_address(w->listener), "admin", "%s", api_address(a->api), "sources", "%zu",
             w->conf->source_count, "destinations", "%zu", w->conf->destination_count, "durability",
             "%s", w->conf->redis.durability == DURABILITY_FSYNC ? "fsync" : "memory", "store",
             "%s", a->embedded != NULL ? "embedded" : "redis", NULL);
}

static void look_at_start(struct app *a)
{
    struct worker *w = &a->w;
    if (w->redis.unsuitable) {
        fail(a, w->redis.trouble);
        return;
    }
    if (w->live != NULL && w->live->state == JOURNAL_OPEN) {
        const char *why = ingest_start(w);
        if (why != NULL) {
            fail(a, why);
            return;
        }
        a->state = APP_RUNNING;
        announce(a);
        return;
    }
    bool loading = strstr(store_trouble(w->redis.main), "LOADING") != NULL;
    if (!loading && boot_ms() > a->until_ms) {
        char text[600];
        const char *trouble = store_trouble(w->redis.main);
        snprintf(text, sizeof text,
                 "cannot use Redis: %s; start it, or correct redis.url (or $REDIS_URL)",
                 trouble[0] != '\0' ? trouble : w->redis.trouble);
        fail(a, text);
        return;
    }
    wheel_arm(&w->wheel, &a->look, LOOK_MS, look);
}

/* --- stopping: delay, drain, commit, seal and free, close; the embedded store last */

static void closed_one(void *user)
{
    struct app *a = user;
    if (--a->closing == 0) {
        wheel_cancel(&a->w.wheel, &a->look);
        wheel_done(&a->w.wheel);
    }
}

static void on_signal_closed(uv_handle_t *h)
{
    closed_one(h->data);
}

static void close_rest(void *user)
{
    struct app *a = user;
    struct worker *w = &a->w;
    a->embedded = NULL;
    wheel_cancel(&w->wheel, &w->due);
    wheel_cancel(&w->wheel, &w->renewal);
    while (w->journals != NULL) {
        journal_free(w->journals);
    }
    moves_free(w);
    a->closing = 4u + (a->api != NULL) + (w->listener != NULL); /* 4: two signals, httpc, redis */
    uv_close((uv_handle_t *)&a->term, on_signal_closed);
    uv_close((uv_handle_t *)&a->interrupt, on_signal_closed);
    if (a->api != NULL) {
        api_close(a->api, closed_one, a);
    }
    if (w->listener != NULL) {
        httpd_close(w->listener, closed_one, a);
        w->listener = NULL;
    }
    lanes_free(w);
    httpc_close(w->httpc, closed_one, a);
    if (w->redis.main != NULL) {
        redis_stop(w, closed_one, a);
    } else {
        closed_one(a);
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

static void on_freed(void *user)
{
    struct app *a = user;
    if (a->embedded != NULL) {
        embedded_stop(a->embedded, close_rest, a);
    } else {
        close_rest(a);
    }
}

static void look_at_close(struct app *a)
{
    struct worker *w = &a->w;
    if (!dispatch_idle(w)) { /* cancelled attempts complete from the loop */
        wheel_arm(&w->wheel, &a->look, LOOK_MS / 2, look);
        return;
    }
    if (w->redis.main != NULL) {
        lease_free_all(w, on_freed, a);
    } else {
        on_freed(a);
    }
}

static void close_all(struct app *a)
{
    a->state = APP_CLOSING;
    a->w.draining = true;
    wheel_cancel(&a->w.wheel, &a->w.renewal);
    cancel_attempts(&a->w);
    forget_all(&a->w);
    wheel_arm(&a->w.wheel, &a->look, 0, look);
}

static bool is_drained(const struct worker *w)
{
    for (const struct journal *j = w->journals; j != NULL; j = j->next) {
        if (!commit_idle(j)) {
            return false;
        }
    }
    return ingest_waiting(w) == 0 && dispatch_idle(w) && w->moves == NULL;
}

static void look_at_drain(struct app *a)
{
    if (!is_drained(&a->w) && boot_ms() < a->until_ms) {
        wheel_arm(&a->w.wheel, &a->look, LOOK_MS, look);
        return;
    }
    log_line(LOG_INFO, "drained", "attempts_cut_off", "%u", a->w.inflight, "accepted", "%llu",
             (unsigned long long)stats_accepted_total(&a->w), NULL);
    close_all(a);
}

static void drain(struct app *a)
{
    a->state = APP_DRAINING;
    a->until_ms = boot_ms() + a->w.conf->shutdown.timeout_ms;
    a->w.draining = true;
    if (a->w.listener != NULL) {
        httpd_drain(a->w.listener);
    }
    look_at_drain(a);
}

static void look(struct wheel_timer *t)
{
    struct app *a = CONTAINER_OF(t, struct app, look);
    switch (a->state) {
    case APP_STARTING:
        look_at_start(a);
        break;
    case APP_DELAYING:
        drain(a);
        break;
    case APP_DRAINING:
        look_at_drain(a);
        break;
    case APP_CLOSING:
        look_at_close(a);
        break;
    case APP_RUNNING:
        break;
    }
}

static void on_signal(uv_signal_t *s, int number)
{
    struct app *a = s->data;
    if (a->state >= APP_DELAYING) { /* the second one: at once; the journal has everything */
        fprintf(stderr, "penstock: stopped at once\n");
        _exit(1);
    }
    log_line(LOG_INFO, "stopping", "signal", "%d", number, NULL);
    a->w.stopping = true;
    if (a->state == APP_STARTING) {
        close_all(a);
        return;
    }
    a->state = APP_DELAYING;
    wheel_arm(&a->w.wheel, &a->look, (uint64_t)a->w.conf->shutdown.delay_ms, look);
}

/* --- life */

static void raise_limits(void)
{
    struct rlimit files;
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    setenv("UV_THREADPOOL_SIZE", "8", 0); /* name look-ups must not queue behind each other */
}

static const char *start_store(struct app *a)
{
    struct worker *w = &a->w;
    int lock;
    if (!w->conf->redis.embedded) {
        return NULL;
    }
    const char *why = data_dir_lock(w->conf->data_dir, &lock); /* held until the process ends */
    if (why != NULL) {
        return why;
    }
    w->has_data_dir = true;
    return embedded_start(&a->embedded, w, w->redis.socket);
}

static const char *start(struct app *a)
{
    struct worker *w = &a->w;
    const char *why = lanes_apply(w);
    if (why == NULL) {
        why = api_start(&a->api, w);
    }
    if (why == NULL) {
        why = start_store(a);
    }
    if (why == NULL) {
        redis_start(w);
        wheel_arm(&w->wheel, &w->renewal, RENEW_EVERY_MS, on_renewal);
        a->until_ms = boot_ms() + START_WITHIN_MS;
        wheel_arm(&w->wheel, &a->look, LOOK_MS, look);
    }
    return why;
}

int app_run(struct conf *conf)
{
    struct app *a = calloc(1, sizeof *a);
    ENSURE(a != NULL);
    raise_limits();
    log_setup(conf->log.level, conf->log.format);
    ENSURE(uv_loop_init(&a->loop) == 0);
    struct worker *w = &a->w;
    w->loop = &a->loop;
    w->conf = conf;
    w->stats = stats_new();
    map_init(&w->lane_by_name);
    wheel_init(&w->wheel, &a->loop);
    w->httpc = httpc_new(&a->loop, &w->wheel);
    uv_signal_init(&a->loop, &a->term);
    uv_signal_init(&a->loop, &a->interrupt);
    a->term.data = a->interrupt.data = a;
    uv_signal_start(&a->term, on_signal, SIGTERM);
    uv_signal_start(&a->interrupt, on_signal, SIGINT);
    const char *why = start(a);
    if (why != NULL) {
        fail(a, why);
    }
    uv_run(&a->loop, UV_RUN_DEFAULT);
    ENSURE(uv_loop_close(&a->loop) == 0);
    adopt_done(w);
    stats_free(w->stats);
    conf_unref(conf);
    int code = a->exit_code;
    free(a);
    return code;
}
