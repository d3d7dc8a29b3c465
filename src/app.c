/* Wiring, start, drain and stop of one node. The first worker runs on the main thread, with the
 * signals, the admin API and the embedded store; each other one on a thread of its own. */
#include "app.h"

#include "admin/api.h"
#include "base/crash.h"
#include "base/log.h"
#include "base/notify.h"
#include "confine.h"
#include "relay/delivery.h"
#include "relay/embedded.h"
#include "relay/ingest.h"
#include "relay/journal.h"
#include "relay/node.h"
#include "relay/reload.h"
#include "relay/spool.h"
#include "relay/stats.h"
#include "relay/trust.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum app_state {
    APP_STARTING, /* all workers ask Redis for a journal */
    APP_OPENING,  /* they begin to listen, the first one first */
    APP_RUNNING,
    APP_DELAYING, /* a signal came; still accepting */
    APP_DRAINING,
    APP_CLOSING, /* the others end, then the first */
};

/* Each is given to a worker at most once in its life, so each has one job. */
enum command { COMMAND_LISTEN, COMMAND_STOP, COMMAND_DRAIN, COMMAND_CLOSE, COMMANDS };

/* One worker and its thread. */
struct post {
    struct worker w;
    uv_loop_t loop;
    uv_thread_t thread;
    bool running; /* the thread: to be joined */
    struct job jobs[COMMANDS];
};

struct app {
    struct node node;
    const char *path;   /* of the configuration */
    struct post *posts; /* by worker */
    struct embedded *embedded;
    struct api *api;
    uv_signal_t term, interrupt, hangup;
    uv_async_t changed; /* a worker's state has */
    struct wheel_timer delay;
    struct wheel_timer expiry; /* once a day the certificate is looked at */
    struct wheel_timer watchdog;
    struct visit alive; /* of every worker, for the watchdog */
    enum app_state state;
    unsigned opened; /* workers that were told to listen */
    int exit_code;
    bool signalled;
    bool ending; /* the first worker's turn has come */
    unsigned closing;
};

static void close_all(struct app *a);

/* --- commands to workers; each runs on its thread */

static void do_listen(struct worker *w, struct job *job)
{
    (void)job;
    worker_listen(w);
}

static void do_stop(struct worker *w, struct job *job)
{
    (void)job;
    w->stopping = true;
}

static void do_drain(struct worker *w, struct job *job)
{
    (void)job;
    worker_drain(w, w->node->drain_until_ms);
}

static void on_thread_ended(struct worker *w)
{
    (void)w; /* its loop runs dry, its thread returns */
}

static void end_thread(struct worker *w)
{
    worker_end(w, on_thread_ended);
}

static void do_close(struct worker *w, struct job *job)
{
    (void)job;
    worker_close(w, end_thread);
}

static void (*const commands[COMMANDS])(struct worker *w, struct job *job) = {do_listen, do_stop,
                                                                              do_drain, do_close};

static void command(struct app *a, unsigned index, enum command what)
{
    struct job *job = &a->posts[index].jobs[what];
    job->run = commands[what];
    ENSURE(worker_post(&a->posts[index].w, job)); /* it ends only when told to */
}

static void command_all(struct app *a, enum command what)
{
    for (unsigned i = 0; i < a->node.worker_count; i++) {
        command(a, i, what);
    }
}

/* --- what has become of them */

static bool all_are(const struct app *a, enum worker_state state)
{
    for (unsigned i = 0; i < a->node.worker_count; i++) {
        if (atomic_load(&a->posts[i].w.state) != state) {
            return false;
        }
    }
    return true;
}

static const char *failure(const struct app *a)
{
    for (unsigned i = 0; i < a->node.worker_count; i++) {
        if (atomic_load(&a->posts[i].w.state) == WORKER_FAILED) {
            return a->posts[i].w.failure;
        }
    }
    return NULL;
}

static void fail(struct app *a, const char *why)
{
    fprintf(stderr, "penstock: %s\n", why);
    a->exit_code = 1;
    close_all(a);
}

static void announce(struct app *a)
{
    const struct worker *w = &a->posts[0].w;
    log_line(LOG_INFO, "ready", "version", "%s", PENSTOCK_VERSION, "listen", "%s",
             httpd_address(w->listener), "admin", "%s", api_address(a->api), "workers", "%u",
             a->node.worker_count, "sources", "%zu", w->conf->source_count, "destinations", "%zu",
             w->conf->destination_count, "durability", "%s",
             conf_durability_word(w->conf->redis.durability), "store", "%s",
             a->embedded != NULL ? "embedded" : "redis", NULL);
    notify("READY=1");
}

/* --- the service manager's watchdog is fed by a visit: it stops when any worker hangs */

static void is_alive(struct worker *w, struct visit *v)
{
    (void)w;
    (void)v;
}

static void on_watchdog(struct wheel_timer *t);

static void all_alive(struct visit *v)
{
    struct app *a = CONTAINER_OF(v, struct app, alive);
    notify("WATCHDOG=1");
    if (a->state != APP_CLOSING) {
        wheel_arm(&a->posts[0].w.wheel, &a->watchdog, notify_watchdog_ms() / 3, on_watchdog);
    }
}

static void on_watchdog(struct wheel_timer *t)
{
    struct app *a = CONTAINER_OF(t, struct app, watchdog);
    a->alive.at = is_alive;
    a->alive.home = all_alive;
    node_visit(&a->node, &a->alive);
}

/* One by one: the others join the first. */
static void open_next(struct app *a)
{
    unsigned i = a->opened;
    if (i == 0 ||
        (i < a->node.worker_count && atomic_load(&a->posts[i - 1].w.state) == WORKER_LISTENING)) {
        a->opened++;
        command(a, i, COMMAND_LISTEN);
    }
}

static void log_drained(const struct app *a)
{
    unsigned inflight = 0;
    unsigned long long accepted = 0;
    for (unsigned i = 0; i < a->node.worker_count; i++) { /* as it was when each was drained */
        inflight += a->posts[i].w.cut_off;
        accepted += a->posts[i].w.accepted;
    }
    log_line(LOG_INFO, "drained", "attempts_cut_off", "%u", inflight, "accepted", "%llu", accepted,
             NULL);
}

static void end_first(struct app *a);

static void look(struct app *a)
{
    ENSURE(a->posts != NULL && a->node.worker_count > 0);
    const char *why = failure(a);
    switch (a->state) {
    case APP_STARTING:
    case APP_OPENING:
        if (why != NULL) {
            fail(a, why);
        } else if (a->state == APP_STARTING && all_are(a, WORKER_READY)) {
            a->state = APP_OPENING;
            open_next(a);
        } else if (a->state == APP_OPENING && all_are(a, WORKER_LISTENING)) {
            a->state = APP_RUNNING;
            announce(a);
            reload_ready(&a->node);
        } else if (a->state == APP_OPENING) {
            open_next(a);
        }
        break;
    case APP_DRAINING:
        if (all_are(a, WORKER_DRAINED)) {
            log_drained(a);
            close_all(a);
        }
        break;
    case APP_CLOSING:
        end_first(a);
        break;
    case APP_RUNNING:
    case APP_DELAYING:
        break;
    }
}

static void on_changed(uv_async_t *async)
{
    look(async->data);
}

static void on_state(struct worker *w)
{
    struct app *a = w->owner;
    uv_async_send(&a->changed);
}

/* --- the configuration, read anew; and certificates near their end */

enum { EXPIRY_EVERY_MS = 24 * 3600 * 1000 };

static void warn_of_expiry(const struct app *a)
{
    struct buf warning;
    buf_init(&warning, TRUST_WARNING);
    trust_warn(a->node.conf, a->node.tls, (int64_t)time(NULL), &warning);
    if (warning.len > 0) {
        log_line(LOG_WARN, "certificate", "why", "%.*s", STR_ARG(buf_str(&warning)), NULL);
    }
    buf_done(&warning);
}

static void on_expiry(struct wheel_timer *t)
{
    struct app *a = CONTAINER_OF(t, struct app, expiry);
    warn_of_expiry(a);
    wheel_arm(&a->posts[0].w.wheel, t, EXPIRY_EVERY_MS, on_expiry);
}

/* What is renewed during the start was perhaps read before: it is read again once all workers are
 * there to take it. */
static void on_hangup(uv_signal_t *s, int number)
{
    (void)number;
    struct app *a = s->data;
    if (a->node.reload != NULL) {
        reload_start(&a->node, NULL);
    }
}

/* All files are tried before anything begins. */
static const char *start_trust(struct app *a)
{
    struct buf unused;
    buf_init(&unused, TRUST_WARNING);
    const char *why = trust_check(a->node.conf, &unused);
    buf_done(&unused);
    if (why == NULL) {
        why = trust_listener(a->node.conf, &a->node.tls);
    }
    if (a->node.tls != NULL) {
        on_expiry(&a->expiry);
    }
    return why;
}

/* --- stopping: delay, drain, commit, seal and free, close; the embedded store last */

static void closed_one(void *user)
{
    struct app *a = user;
    a->closing--;
}

static void on_handle_closed(uv_handle_t *h)
{
    closed_one(h->data);
}

static void first_ended(struct worker *w)
{
    (void)w;
}

static void end_all(void *user)
{
    struct app *a = user;
    a->embedded = NULL;
    a->closing = 4;
    wheel_cancel(&a->posts[0].w.wheel, &a->expiry);
    uv_close((uv_handle_t *)&a->term, on_handle_closed);
    uv_close((uv_handle_t *)&a->interrupt, on_handle_closed);
    uv_close((uv_handle_t *)&a->hangup, on_handle_closed);
    uv_close((uv_handle_t *)&a->changed, on_handle_closed);
    if (a->api != NULL) {
        a->closing++;
        api_close(a->api, closed_one, a);
    }
    if (a->node.reload != NULL) {
        a->closing++;
        reload_close(&a->node, closed_one, a);
    }
    worker_end(&a->posts[0].w, first_ended);
}

static void first_freed(struct worker *w)
{
    struct app *a = w->owner;
    if (a->embedded != NULL) {
        embedded_stop(a->embedded, end_all, a);
    } else {
        end_all(a);
    }
}

/* The first worker goes last: visits come home to it, and its Redis connection ends the store. */
static void end_first(struct app *a)
{
    for (unsigned i = 1; i < a->node.worker_count; i++) {
        struct post *p = &a->posts[i];
        if (p->running && atomic_load(&p->w.state) != WORKER_CLOSED) {
            return;
        }
        if (p->running) {
            uv_thread_join(&p->thread);
            p->running = false;
        }
    }
    if (!a->ending) {
        a->ending = true;
        worker_close(&a->posts[0].w, first_freed);
    }
}

static void close_all(struct app *a)
{
    a->state = APP_CLOSING;
    wheel_cancel(&a->posts[0].w.wheel, &a->watchdog);
    for (unsigned i = 1; i < a->node.worker_count; i++) {
        if (a->posts[i].running) {
            command(a, i, COMMAND_CLOSE);
        }
    }
    end_first(a);
}

static void on_delay_over(struct wheel_timer *t)
{
    struct app *a = CONTAINER_OF(t, struct app, delay);
    a->state = APP_DRAINING;
    a->node.drain_until_ms = boot_ms() + a->node.conf->shutdown.timeout_ms;
    command_all(a, COMMAND_DRAIN);
}

static void on_signal(uv_signal_t *s, int number)
{
    struct app *a = s->data;
    if (a->signalled) { /* the second one: at once; the journal has everything */
        fprintf(stderr, "penstock: stopped at once\n");
        _exit(1);
    }
    a->signalled = true;
    if (a->state == APP_CLOSING) {
        return; /* it failed, and is on its way out */
    }
    log_line(LOG_INFO, "stopping", "signal", "%d", number, NULL);
    notify("STOPPING=1");
    if (a->state != APP_RUNNING) {
        close_all(a);
        return;
    }
    a->state = APP_DELAYING;
    command_all(a, COMMAND_STOP);
    wheel_arm(&a->posts[0].w.wheel, &a->delay, (uint64_t)a->node.conf->shutdown.delay_ms,
              on_delay_over);
}

/* --- life */

static void raise_limits(void)
{
    struct rlimit files;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a limit of the size of files is met as a full disk is */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    setenv("UV_THREADPOOL_SIZE", "8", 0); /* name look-ups must not queue behind each other */
}

static const char *lock_data_dir(struct app *a)
{
    int lock; /* held until the end */
    if (a->node.conf->spool.size == 0) {
        spool_warn_of_leftovers(a->node.conf);
    }
    if (!conf_uses_data_dir(a->node.conf)) {
        return NULL;
    }
    const char *why = data_dir_lock(a->node.conf->data_dir, &lock);
    a->node.has_data_dir = why == NULL;
    return why;
}

static const char *start_store(struct app *a)
{
    struct worker *first = &a->posts[0].w;
    if (!a->node.conf->redis.embedded) {
        return NULL;
    }
    const char *why = embedded_start(&a->embedded, first, first->redis.socket);
    for (unsigned i = 1; i < a->node.worker_count; i++) {
        memcpy(a->posts[i].w.redis.socket, first->redis.socket, sizeof first->redis.socket);
    }
    return why;
}

static void run_thread(void *arg)
{
    struct post *p = arg;
    uv_run(&p->loop, UV_RUN_DEFAULT);
    atomic_store(&p->w.state, WORKER_CLOSED);
    p->w.on_state(&p->w);
}

static const char *start(struct app *a)
{
    const char *why = start_trust(a);
    if (why == NULL) {
        why = api_start(&a->api, &a->posts[0].w);
    }
    if (why == NULL) {
        why = lock_data_dir(a);
    }
    if (why == NULL) {
        confine(a->node.conf); /* it holds for threads that start later, and for redis-server */
        why = start_store(a);
    }
    for (unsigned i = 0; why == NULL && i < a->node.worker_count; i++) {
        why = worker_start(&a->posts[i].w);
    }
    return why;
}

/* NULL, or why there are not enough of them. */
static const char *start_threads(struct app *a)
{
    static char trouble[128];
    int rc = 0;
    sigset_t all, before;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV); /* those that a thread brings upon itself stay its own */
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGABRT);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
    for (unsigned i = 1; i < a->node.worker_count; i++) {
        struct post *p = &a->posts[i];
        rc = rc == 0 ? uv_thread_create(&p->thread, run_thread, p) : rc;
        p->running = rc == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0) {
        return NULL;
    }
    snprintf(trouble, sizeof trouble,
             "cannot start a thread for each worker: %s; raise the limit of processes, or set "
             "workers: 1",
             uv_strerror(rc));
    return trouble;
}

/* Workers that got no thread are closed on this one: nobody waits for them. */
static void close_threadless(struct app *a)
{
    for (unsigned i = 1; i < a->node.worker_count; i++) {
        if (!a->posts[i].running) {
            command(a, i, COMMAND_CLOSE);
            run_thread(&a->posts[i]);
        }
    }
}

/* What a container may use of the machine's cores (cgroup v2), rounded up; UINT_MAX: all. */
static unsigned cpu_quota(void)
{
    char text[64] = "";
    FILE *f = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (f != NULL) {
        text[fread(text, 1, sizeof text - 1, f)] = '\0';
        fclose(f);
    }
    struct str quota, period;
    uint64_t q, p;
    str_cut(str_of(text), ' ', &quota, &period);
    period = str_head(period, period.len - (period.len > 0)); /* its newline */
    if (text_u64(quota, INT64_MAX, &q) != NULL || text_u64(period, INT64_MAX, &p) != NULL ||
        p == 0) {
        return UINT_MAX;
    }
    return q < p ? 1 : (unsigned)((q + p - 1) / p);
}

/* Half of the cores: the kernel's networking and Redis work for every event too. Where they share
 * two cores with everything else, a second worker delivers a tenth less (tests/bench). */
static unsigned workers_of(const struct conf *conf)
{
    unsigned n = conf->workers;
    if (n == 0) {
        unsigned cores = uv_available_parallelism(), quota = cpu_quota();
        n = ((cores < quota ? cores : quota) + 1) / 2;
    }
    return n > WORKERS_MAX ? WORKERS_MAX : n;
}

static void open_handles(struct app *a)
{
    uv_loop_t *loop = &a->posts[0].loop;
    uv_signal_init(loop, &a->term);
    uv_signal_init(loop, &a->interrupt);
    uv_signal_init(loop, &a->hangup);
    uv_async_init(loop, &a->changed, on_changed);
    a->term.data = a->interrupt.data = a->hangup.data = a->changed.data = a;
    uv_signal_start(&a->term, on_signal, SIGTERM);
    uv_signal_start(&a->interrupt, on_signal, SIGINT);
    uv_signal_start(&a->hangup, on_hangup, SIGHUP);
}

/* Too few descriptors, as a rule. Nothing runs yet that would have to be ended. */
static void open_loop(uv_loop_t *loop)
{
    int rc = uv_loop_init(loop);
    if (rc != 0) {
        fprintf(stderr, "penstock: cannot start an event loop: %s\n", uv_strerror(rc));
        exit(1);
    }
}

int app_run(struct conf *conf, const char *path)
{
    struct app *a = calloc(1, sizeof *a);
    unsigned count = workers_of(conf);
    ENSURE(a != NULL && (a->posts = calloc(count, sizeof *a->posts)) != NULL);
    raise_limits();
    log_setup(conf->log.level, conf->log.format);
    node_init(&a->node, conf, count);
    conf_unref(conf); /* the node has it now */
    for (unsigned i = 0; i < count; i++) {
        struct post *p = &a->posts[i];
        open_loop(&p->loop);
        worker_init(&p->w, &a->node, i, &p->loop);
        p->w.on_state = on_state;
        p->w.owner = a;
        a->node.workers[i] = &p->w;
    }
    open_handles(a);
    reload_open(&a->node, path);
    if (notify_watchdog_ms() > 0) {
        on_watchdog(&a->watchdog);
    }
    const char *why = start(a), *threadless = start_threads(a);
    if (threadless != NULL) {
        close_threadless(a);
    }
    if (why != NULL || threadless != NULL) {
        fail(a, why != NULL ? why : threadless);
    }
    uv_run(&a->posts[0].loop, UV_RUN_DEFAULT);
    ENSURE(a->closing == 0);
    for (unsigned i = 0; i < count; i++) {
        ENSURE(uv_loop_close(&a->posts[i].loop) == 0);
        worker_done(&a->posts[i].w);
    }
    node_done(&a->node);
    int code = a->exit_code;
    free(a->posts);
    free(a);
    return code;
}
