/* One reload at a time: read, check, look for room, swap, tell. */
#include "relay/reload.h"

#include "base/crash.h"
#include "base/log.h"
#include "io/watch.h"
#include "model/file_text.h"
#include "model/rehearsal.h"
#include "relay/delivery.h"
#include "relay/ingest.h"
#include "relay/stats.h"
#include "relay/trust.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAID_CEILING = 256 << 10 };

struct reload {
    struct node *node;
    char *path;
    struct reload_ask *asks, **asks_tail; /* the first one is being served */
    struct reload_ask own;                /* a signal's, or the watch's */
    bool own_waits, own_again;
    bool ready;                    /* all workers are there */
    bool serving;                  /* the first one that asks */
    void (*on_closed)(void *user); /* reload_close waits for the end of one */
    void *closed_user;
    struct watch *watch;
    uv_work_t work;
    struct buf said, notes; /* notes: of what it would do; said where it does */
    struct conf *next;      /* NULL: there is no such file */
    bool good;              /* false: it will not do, but its files are watched: it may be mended */
    struct tls_context *tls; /* the listener's; counted */
    bool full;               /* a worker has no room for its lanes */
    struct visit visit;
};

static void serve(struct reload *r);
static void close_now(struct reload *r);

static void say(struct reload *r, const char *why)
{
    buf_printf(&r->said, "%s: error: %s\n", r->path, why);
}

/* --- the end of one */

static void log_end(const struct reload *r, bool ok)
{
    const struct conf *c = r->node->conf;
    struct str said = buf_str(&r->said);
    if (ok) {
        log_line(said.len > 0 ? LOG_WARN : LOG_INFO, "configuration reloaded", "sources", "%zu",
                 c->source_count, "destinations", "%zu", c->destination_count, "routes", "%zu",
                 c->route_count, "said", "%.*s", STR_ARG(said), NULL);
    } else {
        log_line(LOG_ERROR, "configuration not reloaded; the old one stays in force", "why", "%.*s",
                 STR_ARG(said), NULL);
    }
}

static void queue(struct reload *r, struct reload_ask *ask)
{
    ask->next = NULL;
    *r->asks_tail = ask;
    r->asks_tail = &ask->next;
}

static struct reload_ask *pop(struct reload *r)
{
    struct reload_ask *ask = r->asks;
    r->asks = ask->next;
    if (r->asks == NULL) {
        r->asks_tail = &r->asks;
    }
    if (ask == &r->own) {
        r->own_waits = false;
    }
    if (ask == &r->own && r->own_again) {
        r->own_again = false;
        r->own_waits = true;
        queue(r, &r->own);
    }
    return ask;
}

static const char *watch_all(struct reload *r, const struct conf_paths *paths, bool anew)
{
    const char *first = NULL;
    for (size_t i = 0; i < paths->n; i++) {
        const char *why = watch_add(r->watch, paths->v[i].path, anew ? &paths->v[i].seen : NULL);
        first = first == NULL ? why : first;
    }
    return first;
}

static const char *watch_conf(struct reload *r, const struct conf *c, bool anew)
{
    const char *why = watch_all(r, &c->files, anew);
    return why != NULL ? why : watch_all(r, &c->folders, anew);
}

/* `anew`: what is in force was just read; else its files were seen since, and what was read will
 * not do. What of that cannot be watched could not be read, either, and was said. */
static void watch_now(struct reload *r, bool anew)
{
    const struct conf *c = r->node->conf;
    if (r->on_closed != NULL) {
        return;
    }
    watch_begin(r->watch);
    if (c->watch && !anew && r->next != NULL) {
        (void)watch_conf(r, r->next, true);
    }
    const char *why = c->watch ? watch_conf(r, c, anew) : NULL;
    watch_end(r->watch);
    if (why != NULL) {
        log_line(LOG_WARN, "changes of the configuration are not seen; use SIGHUP", "why", "%s",
                 why, NULL);
    }
}

static void next(struct reload *r)
{
    r->serving = r->asks != NULL;
    if (r->asks != NULL) {
        serve(r);
    } else if (r->on_closed != NULL) {
        close_now(r);
    }
}

static void end(struct reload *r, bool ok)
{
    struct reload_ask *ask = pop(r);
    log_end(r, ok);
    stats_config(r->node->workers[0], ok, (int64_t)time(NULL));
    if (ask->on_end != NULL) {
        ask->on_end(ask, ok, buf_str(&r->said));
    }
    watch_now(r, ok);
    conf_unref(r->next);
    tls_context_unref(r->tls);
    r->next = NULL;
    r->tls = NULL;
    buf_done(&r->said);
    buf_done(&r->notes);
    next(r);
}

/* --- swapping */

static void use_at(struct worker *w, struct visit *v)
{
    struct reload *r = CONTAINER_OF(v, struct reload, visit);
    CRASH_POINT("reload_at");
    if (w->draining) {
        return; /* it ends, and takes nothing new */
    }
    const char *why = worker_use(w, r->next);
    ingest_use_tls(w, r->tls);
    if (why != NULL) { /* its files were read a moment ago */
        log_line(LOG_ERROR, "a part of the new configuration cannot be used", "why", "%s", why,
                 NULL);
    }
}

static void used(struct visit *v)
{
    struct reload *r = CONTAINER_OF(v, struct reload, visit);
    struct node *n = r->node;
    struct conf *before = n->conf;
    CRASH_POINT("reloaded");
    n->conf = conf_ref(r->next);
    conf_unref(before);
    if (r->tls != NULL) {
        tls_context_unref(n->tls);
        n->tls = tls_context_ref(r->tls);
    }
    log_setup(n->conf->log.level, n->conf->log.format);
    end(r, true);
}

static void fit_at(struct worker *w, struct visit *v)
{
    struct reload *r = CONTAINER_OF(v, struct reload, visit);
    r->full = r->full || !lanes_fit(w, r->next);
}

static void visit(struct reload *r, void (*at)(struct worker *w, struct visit *v),
                  void (*home)(struct visit *v))
{
    r->visit = (struct visit){.at = at, .home = home};
    node_visit(r->node, &r->visit);
}

/* NULL, or why it goes no further when all workers were asked. */
static const char *why_no_further(const struct reload *r)
{
    return r->node->workers[0]->draining ? "the node is stopping" /* no visits any more, perhaps */
           : r->full ? "there were too many destinations in the life of this process; restart it"
                     : NULL;
}

static void made(struct visit *v)
{
    struct reload *r = CONTAINER_OF(v, struct reload, visit);
    const char *why = why_no_further(r);
    if (why != NULL) {
        say(r, why);
        end(r, false);
        return;
    }
    CRASH_POINT("reload");
    buf_add_str(&r->said, buf_str(&r->notes));
    visit(r, use_at, used);
}

static void make_at(struct worker *w, struct visit *v)
{
    struct reload *r = CONTAINER_OF(v, struct reload, visit);
    r->full = !lanes_make(w, r->next) || r->full;
}

static void fitted(struct visit *v)
{
    struct reload *r = CONTAINER_OF(v, struct reload, visit);
    const char *why = why_no_further(r);
    if (why != NULL) {
        say(r, why);
        end(r, false);
        return;
    }
    visit(r, make_at, made);
}

/* --- reading; on a thread of the pool: n->conf stays what it is meanwhile */

/* Who took a line away is to see what that does. */
static void say_gone(struct reload *r)
{
    const struct conf *before = r->node->conf;
    for (size_t i = 0; i < before->destination_count; i++) {
        const struct conf_destination *d = &before->destinations[i];
        if (conf_find_destination(r->next, d->name) == NULL) {
            buf_printf(
                &r->notes, "%s: warning: the destination \"%.*s\" is gone; what waits for it %s\n",
                r->path, STR_ARG(d->name),
                conf_removed_rule(d) == REMOVED_DROP ? "is forgotten" : "becomes dead letters");
        }
    }
}

static const char *check(struct reload *r)
{
    struct buf warning;
    buf_init(&warning, TRUST_WARNING);
    const char *why = conf_keep(r->next, r->node->conf, &r->notes);
    if (why == NULL) {
        why = trust_check(r->next, &warning);
    }
    if (why == NULL && warning.len > 0) {
        buf_printf(&r->notes, "%s: warning: %.*s\n", r->path, STR_ARG(buf_str(&warning)));
    }
    buf_done(&warning);
    say_gone(r);
    return why != NULL ? why : trust_listener(r->next, &r->tls);
}

static void read_file(uv_work_t *work)
{
    struct reload *r = CONTAINER_OF(work, struct reload, work);
    r->next = conf_load_anyway(r->path, &r->good, &r->said);
    const char *why = NULL;
    if (r->good && !rehearse(r->next, &r->said)) {
        why = "a test in the file fails; penstock check says the same";
    } else if (r->good) {
        why = check(r);
    }
    if (why != NULL) {
        say(r, why);
        r->good = false;
    }
    if (!r->good && r->said.len > 0 &&
        memmem(r->said.at, r->said.len, FILE_TEXT_BARRED, sizeof FILE_TEXT_BARRED - 1) != NULL) {
        buf_add_str(&r->said,
                    STR("      = help: a file in a folder of which the configuration named "
                        "none at the start can be read after a restart only\n"));
    }
}

static void on_read(uv_work_t *work, int status)
{
    struct reload *r = CONTAINER_OF(work, struct reload, work);
    const struct worker *first = r->node->workers[0];
    (void)status;
    bool empties = r->good && r->next->route_count == 0 && r->node->conf->route_count > 0;
    if (first->stopping || first->draining) {
        say(r, "the node is stopping");
        end(r, false);
    } else if (!r->good) {
        end(r, false);
    } else if (empties && !r->asks->allow_empty) {
        say(r, "there is no route any more, and there were some: if that is meant, penstock reload "
               "--allow-empty");
        end(r, false);
    } else {
        visit(r, fit_at, fitted);
    }
}

static void serve(struct reload *r)
{
    buf_init(&r->said, SAID_CEILING);
    buf_init(&r->notes, SAID_CEILING);
    r->full = false;
    int rc = uv_queue_work(r->node->workers[0]->loop, &r->work, read_file, on_read);
    ENSURE(rc == 0);
}

/* --- what is asked of it */

/* One that is being served may have read the file before it was what it is now. */
static bool is_queued(struct reload *r)
{
    bool served = r->serving && r->asks == &r->own;
    r->own_again = r->own_again || (r->own_waits && served);
    return r->own_waits;
}

void reload_start(struct node *n, struct reload_ask *ask)
{
    struct reload *r = n->reload;
    if (ask == NULL) {
        if (is_queued(r)) {
            return;
        }
        r->own_waits = true;
        ask = &r->own;
    }
    queue(r, ask);
    if (!r->ready) {
        log_line(LOG_INFO, "the configuration will be reloaded when the start is over", NULL);
    } else if (!r->serving) {
        next(r);
    }
}

void reload_ready(struct node *n)
{
    n->reload->ready = true;
    stats_config(n->workers[0], true, (int64_t)time(NULL));
    next(n->reload);
}

static void on_change(void *user)
{
    struct reload *r = user;
    log_line(LOG_INFO, "the configuration has changed", "file", "%s", r->path, NULL);
    reload_start(r->node, NULL);
}

void reload_open(struct node *n, const char *path)
{
    struct worker *first = n->workers[0];
    struct reload *r = calloc(1, sizeof *r);
    ENSURE(r != NULL && (r->path = strdup(path)) != NULL);
    r->node = n;
    r->asks_tail = &r->asks;
    r->watch = watch_new(first->loop, &first->wheel, on_change, r);
    n->reload = r;
    watch_now(r, true);
}

static void close_now(struct reload *r)
{
    watch_close(r->watch, r->on_closed, r->closed_user);
    r->node->reload = NULL;
    free(r->path);
    free(r);
}

void reload_close(struct node *n, void (*on_closed)(void *user), void *user)
{
    struct reload *r = n->reload;
    r->on_closed = on_closed;
    r->closed_user = user;
    r->own_again = false;
    watch_begin(r->watch);
    if (r->serving) {
        return; /* it ends by itself */
    }
    while (r->asks != NULL) { /* the start is given up */
        struct reload_ask *ask = pop(r);
        if (ask->on_end != NULL) {
            ask->on_end(ask, false, STR("error: the node is stopping\n"));
        }
    }
    close_now(r);
}
