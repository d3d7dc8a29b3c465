/* The masters: their connections, where they are, and which of them has a key. */
#include "relay/journal.h"

#include "base/log.h"
#include "io/sentinel.h"
#include "relay/cluster.h"
#include "relay/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- up and down */

static void went_down(struct master *m, const char *why)
{
    struct worker *w = m->w;
    wheel_cancel(&w->wheel, &m->recheck);
    if (!w->stopping && (m->ready || m->trouble[0] == '\0')) {
        log_line(LOG_WARN, "Redis is away", "why", "%s", why, NULL);
    }
    snprintf(m->trouble, sizeof m->trouble, "%s", why);
    m->unsuitable = false;
    if (m->ready) {
        m->ready = false;
        lease_down(m);
    }
    if (w->redis.cluster != NULL) {
        cluster_look(w);
    }
    /* One fate for both: what comes back is asked for over two new connections. */
    if (m->main_up) {
        store_reset(m->main, "the other connection was lost");
    }
    if (m->appends_up) {
        store_reset(m->appends, "the other connection was lost");
    }
}

static void on_appends_up(void *user)
{
    struct master *m = user;
    m->appends_up = true;
    master_check(m);
}

static void on_appends_down(void *user, const char *why)
{
    struct master *m = user;
    m->appends_up = false;
    m->proof.awaited = 0;
    went_down(m, why);
}

static void on_appends_leaving(void *user)
{
    struct master *m = user;
    if (m->proves) {
        master_prove(m);
    }
}

static void on_main_up(void *user)
{
    struct master *m = user;
    m->main_up = true;
    master_check(m);
}

static void on_main_down(void *user, const char *why)
{
    struct master *m = user;
    m->main_up = false;
    went_down(m, why);
}

/* What every command may meet; what it means for that command is its callback's. */
static void on_error(void *user, const redisReply *reply)
{
    struct worker *w = ((struct master *)user)->w;
    enum store_error e = store_error_of(reply);
    stats_store_error(w, e);
    if (script_unfit(e)) { /* whoever it was that asked: nobody else may come to ask on it */
        store_reset(((struct master *)user)->main, store_error_word(e));
    }
    if (w->redis.cluster != NULL && (e == STORE_MOVED || e == STORE_CLUSTERDOWN)) {
        cluster_look(w);
    }
}

/* What was allowed at connect no longer is. */
static void on_alone(void *user, const redisReply *reply)
{
    struct master *m = user;
    on_error(m, reply);
    if (m->sync == SYNC_TOGETHER) {
        m->sync = SYNC_EACH;
        master_appends_alone(m);
    }
}

/* --- where the master is, by the sentinels */

/* A connection is to be made: where to? When what they name is of no use time and again, another
 * one of them is asked. */
static void on_find(void *user)
{
    struct master *m = user;
    if (++m->finds % 8 == 0) {
        sentinel_next(m->w->redis.sentinel);
    }
    sentinel_ask(m->w->redis.sentinel);
}

static void on_master(void *user, struct str host, uint16_t port)
{
    struct worker *w = user;
    struct master *m = w->redis.masters;
    if (!str_eq(host, str_of(m->host)) || port != m->port) {
        snprintf(m->host, sizeof m->host, "%.*s", STR_ARG(host));
        m->port = port;
        log_line(LOG_INFO, "the sentinels name the master", "at", "%s:%u", m->host, port, NULL);
    }
    store_found(m->appends, host, port);
    store_found(m->main, host, port);
}

static struct sentinel *sentinel_of(struct worker *w)
{
    const struct conf *c = w->conf;
    size_t n = c->redis.sentinel.node_count;
    struct sentinel_node *nodes = calloc(n, sizeof *nodes);
    ENSURE(nodes != NULL);
    for (size_t i = 0; i < n; i++) {
        const struct conf_address *a = &c->redis.sentinel.nodes[i];
        nodes[i] = (struct sentinel_node){a->host, a->port};
    }
    struct sentinel_conf conf = {
        .master = c->redis.sentinel.master,
        .nodes = nodes,
        .node_count = n,
        .user = c->redis.sentinel.user,
        .password = c->redis.sentinel.password,
        .tls = c->redis.tls,
        .files = {c->redis.files.ca_file, c->redis.files.cert_file, c->redis.files.key_file},
    };
    struct sentinel_handler handler = {w, on_master};
    struct sentinel *s = sentinel_new(w->loop, &w->wheel, &conf, &handler);
    free(nodes);
    return s;
}

/* --- all of them */

struct master *redis_master_of(const struct worker *w, struct str key)
{
    return w->redis.cluster == NULL ? w->redis.masters : cluster_master_of(w->redis.cluster, key);
}

bool redis_send(struct worker *w, size_t argc, const struct str *argv, store_on_reply on_reply,
                void *user)
{
    struct master *m = redis_master_of(w, argv[1]);
    return m != NULL && store_send(m->main, argc, argv, on_reply, user);
}

bool redis_is_ready(const struct worker *w)
{
    const struct master *m = w->redis.masters;
    while (m != NULL && !m->ready) {
        m = m->next;
    }
    return m != NULL;
}

bool redis_is_whole(const struct worker *w)
{
    const struct master *m = w->redis.masters;
    while (m != NULL && m->ready) {
        m = m->next;
    }
    return m == NULL && w->redis.masters != NULL;
}

bool redis_unsuitable(const struct worker *w)
{
    const struct master *m = w->redis.masters;
    while (m != NULL && !m->unsuitable) {
        m = m->next;
    }
    return m != NULL;
}

static const char *trouble_of(const struct master *m)
{
    const char *main = store_trouble(m->main), *appends = store_trouble(m->appends);
    return main[0] != '\0' ? main : appends[0] != '\0' ? appends : m->trouble;
}

const char *redis_trouble(struct worker *w)
{
    const struct master *m = w->redis.masters;
    const char *why = w->redis.sentinel == NULL ? "" : sentinel_trouble(w->redis.sentinel);
    if (why[0] == '\0' && w->redis.cluster != NULL) {
        why = cluster_trouble(w->redis.cluster);
    }
    for (; m != NULL && why[0] == '\0'; m = m->next) {
        why = m->ready ? "" : trouble_of(m);
    }
    return why;
}

/* --- life */

struct master *master_new(struct worker *w, struct str host, uint16_t port)
{
    const struct conf *c = w->conf;
    struct master *m = calloc(1, sizeof *m);
    ENSURE(m != NULL && host.len < sizeof m->host);
    m->w = w;
    m->next = w->redis.masters;
    w->redis.masters = m;
    memcpy(m->host, host.len > 0 ? host.at : "", host.len);
    m->port = port;
    m->scripts = scripts_new();
    struct store_conf conf = {
        .host = host,
        .port = port,
        .user = c->redis.user,
        .password = c->redis.password,
        .db = c->redis.db,
        .tls = c->redis.tls,
        .files = {c->redis.files.ca_file, c->redis.files.cert_file, c->redis.files.key_file},
        .connect_ms = 4000, /* a start waits for 5 s: by then it is known what is wrong */
        .command_ms = 2000,
    };
    if (host.len == 0) {
        conf.unix_path = w->redis.socket[0] != '\0' ? str_of(w->redis.socket) : c->redis.unix_path;
        snprintf(m->host, sizeof m->host, "%.*s", STR_ARG(conf.unix_path));
    }
    void (*find)(void *user) = w->redis.sentinel != NULL ? on_find : NULL;
    struct store_handler appends = {.user = m,
                                    .on_up = on_appends_up,
                                    .on_down = on_appends_down,
                                    .on_leaving = on_appends_leaving,
                                    .on_find = find,
                                    .on_error = on_error,
                                    .on_alone = on_alone};
    struct store_handler others = {.user = m,
                                   .on_up = on_main_up,
                                   .on_down = on_main_down,
                                   .on_find = find,
                                   .on_error = on_error};
    struct store_conf proving = conf;
    proving.command_ms = 3000; /* WAIT and WAITAOF hold it */
    m->appends = store_new(w->loop, &w->wheel, &proving, &appends);
    m->main = store_new(w->loop, &w->wheel, &conf, &others);
    return m;
}

static void part_closed(void *user)
{
    struct worker *w = user;
    if (--w->redis.closing == 0) {
        w->redis.on_closed(w->redis.user);
    }
}

static void master_free(struct master *m)
{
    struct worker *w = m->w;
    for (struct master **at = &w->redis.masters; *at != NULL; at = &(*at)->next) {
        if (*at == m) {
            *at = m->next;
            break;
        }
    }
    for (struct journal *j = w->journals; j != NULL; j = j->next) {
        j->master = j->master == m ? NULL : j->master; /* in doubt, and asked for elsewhere */
        j->proof_of = j->proof_of == m ? NULL : j->proof_of;
    }
    free(m->scripts);
    free(m);
    if (w->redis.stopping) {
        part_closed(w);
    }
}

static void on_store_closed(void *user)
{
    struct master *m = user;
    if (--m->closing == 0) {
        master_free(m);
    }
}

void master_close(struct master *m)
{
    m->closing = 2;
    wheel_cancel(&m->w->wheel, &m->recheck);
    if (m->ready) {
        m->ready = false;
        lease_down(m);
    }
    store_close(m->appends, on_store_closed, m);
    store_close(m->main, on_store_closed, m);
}

void redis_start(struct worker *w)
{
    const struct conf *c = w->conf;
    w->redis.started = true;
    if (c->redis.sentinel.node_count > 0) {
        w->redis.sentinel = sentinel_of(w);
        master_new(w, STR_NONE, 0);
    } else {
        master_new(w, w->redis.socket[0] != '\0' ? STR_NONE : c->redis.host, c->redis.port);
    }
}

void redis_stop(struct worker *w, void (*on_closed)(void *user), void *user)
{
    w->redis.on_closed = on_closed;
    w->redis.user = user;
    w->redis.stopping = true;
    w->redis.closing = w->redis.sentinel != NULL;
    cluster_free(w);
    for (struct master *m = w->redis.masters; m != NULL; m = m->next) {
        w->redis.closing++;
        if (m->closing == 0) {
            m->ready = false;
            master_close(m);
        }
    }
    if (w->redis.sentinel != NULL) {
        sentinel_close(w->redis.sentinel, part_closed, w);
    }
}
