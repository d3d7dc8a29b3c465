/* Where calls go, and the connections that wait there. */
#include "io/origin.h"

#include "base/log.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- idle connections: the latest first, for the others may be old --- */

/* One that began before a reload shows the old certificate, and holds its key in memory. */
static bool is_outdated(const struct httpc_conn *c)
{
    return c->conn.tls != NULL && tls_is_outdated(c->conn.tls);
}

bool origin_may_keep(const struct httpc_conn *c)
{
    const struct httpc_origin *o = c->origin;
    return o->idle_count < o->idle_most && !o->doomed && !is_outdated(c);
}

static void leave(struct httpc_conn *c)
{
    ENSURE(c->link != NULL);
    *c->link = c->next;
    if (c->next != NULL) {
        c->next->link = c->link;
    }
    c->link = NULL;
    c->origin->idle_count--;
    c->origin = NULL;
}

void origin_drop(struct httpc_conn *c, const char *reason)
{
    leave(c);
    conn_close(&c->conn, reason);
}

static void on_idle_due(struct conn *conn)
{
    origin_drop(CONTAINER_OF(conn, struct httpc_conn, conn), CONN_TIMEOUT);
}

void origin_keep(struct httpc_conn *c)
{
    struct httpc_origin *o = c->origin;
    c->reused = true;
    c->next = o->idle;
    c->link = &o->idle;
    if (c->next != NULL) {
        c->next->link = &c->next;
    }
    o->idle = c;
    o->idle_count++;
    conn_deadline(&c->conn, ORIGIN_IDLE_MS, on_idle_due);
}

struct httpc_conn *origin_take(struct httpc_origin *o)
{
    while (o->idle != NULL) {
        struct httpc_conn *c = o->idle;
        leave(c);
        if (c->conn.reason != NULL) {
            continue; /* it broke, and its on_closed is on the way */
        }
        if (!is_outdated(c)) {
            c->origin = o;
            return c;
        }
        conn_close(&c->conn, CONN_DONE);
    }
    return NULL;
}

void httpc_origin_refresh(struct httpc_origin *o)
{
    for (struct httpc_conn *c = o->idle, *next; c != NULL; c = next) {
        next = c->next;
        if (is_outdated(c)) {
            origin_drop(c, CONN_DONE);
        }
    }
}

/* --- life --- */

static const char *find_context(struct httpc *h, const struct httpc_origin_conf *conf,
                                struct tls_context **out)
{
    const struct tls_files files = {conf->ca_file, conf->cert_file, conf->key_file};
    struct buf key;
    buf_init(&key, 3 * 4096 + 2);
    buf_printf(&key, "%.*s\n%.*s\n%.*s", STR_ARG(files.ca_file), STR_ARG(files.cert_file),
               STR_ARG(files.key_file));
    struct tls_context *t = map_find(&h->contexts, buf_str(&key));
    const char *why = t == NULL ? tls_client_new(&t, &files) : NULL;
    if (why == NULL) {
        map_set(&h->contexts, buf_str(&key), t);
        *out = tls_context_ref(t);
    }
    buf_done(&key);
    return why;
}

struct x509_store_st *httpc_origin_trust(struct httpc_origin *o)
{
    return tls_client_trust(o->tls);
}

/* One that no origin has any more: its files may be gone, too. */
static struct tls_context *unused_context(const struct httpc *c, struct str *key)
{
    const struct map_entry *e;
    for (size_t i = 0; (e = map_next(&c->contexts, &i)) != NULL;) {
        struct tls_context *t = e->value;
        if (atomic_load(&t->refs) == 1) {
            *key = (struct str){e->key, e->key_len};
            return t;
        }
    }
    return NULL;
}

const char *httpc_reload_tls(struct httpc *c)
{
    static _Thread_local char trouble[1024]; /* a later file's would be in its place */
    const char *first = NULL;
    const struct map_entry *e;
    struct tls_context *unused;
    struct str key;
    while ((unused = unused_context(c, &key)) != NULL) {
        map_remove(&c->contexts, key);
        tls_context_unref(unused);
    }
    for (size_t i = 0; (e = map_next(&c->contexts, &i)) != NULL;) {
        const char *why = tls_client_reload(e->value);
        if (why != NULL && first == NULL) {
            snprintf(trouble, sizeof trouble, "%s", why);
            first = trouble;
        }
    }
    return first;
}

static void put_host(struct buf *b, const struct httpc_origin_conf *conf)
{
    bool is_v6 = str_has(conf->host, ':');
    buf_add_str(b, is_v6 ? STR("Host: [") : STR("Host: "));
    buf_add_str(b, conf->host);
    buf_add_str(b, is_v6 ? STR("]") : STR_NONE);
    if (conf->port != (conf->tls ? 443 : 80)) {
        buf_add_char(b, ':');
        buf_add_u64(b, conf->port);
    }
    buf_add(b, "\r\n", 2);
}

static const struct cidr *copy_of(const struct cidr *v, size_t n)
{
    struct cidr *copy = calloc(n + 1, sizeof *copy);
    ENSURE(copy != NULL);
    memcpy(copy, n > 0 ? v : copy, n * sizeof *copy);
    return copy;
}

static void copy_rules(struct httpc_origin *o, const struct cidr_rules *rules)
{
    if (rules != NULL) {
        o->ruled = true;
        o->rules = (struct cidr_rules){.deny = copy_of(rules->deny, rules->deny_n),
                                       .allow = copy_of(rules->allow, rules->allow_n),
                                       .deny_n = rules->deny_n,
                                       .allow_n = rules->allow_n};
    }
}

const char *httpc_origin_new(struct httpc_origin **out, struct httpc *c,
                             const struct httpc_origin_conf *conf)
{
    struct tls_context *tls = NULL;
    if (conf->tls) {
        const char *why = find_context(c, conf, &tls);
        if (why != NULL) {
            return why;
        }
    }
    struct httpc_origin *o = calloc(1, sizeof *o);
    char *host = strndup(conf->host.at, conf->host.len);
    ENSURE(o != NULL && host != NULL);
    o->httpc = c;
    o->host = (struct str){host, conf->host.len};
    o->port = conf->port;
    o->idle_most = conf->idle;
    o->link_local = conf->allow_link_local;
    copy_rules(o, conf->rules);
    o->tls = tls;
    buf_init(&o->host_field, 64 + conf->host.len);
    put_host(&o->host_field, conf);
    c->origin_count++;
    *out = o;
    return NULL;
}

static void end(struct httpc_origin *o)
{
    o->httpc->origin_count--;
    tls_session_done(&o->session);
    tls_context_unref(o->tls);
    buf_done(&o->host_field);
    free((struct cidr *)(uintptr_t)o->rules.deny);
    free((struct cidr *)(uintptr_t)o->rules.allow);
    free((char *)o->host.at);
    free(o);
}

void origin_call_begins(struct httpc_origin *o)
{
    o->calls++;
}

void origin_call_ended(struct httpc_origin *o)
{
    if (--o->calls == 0 && o->doomed) {
        end(o);
    }
}

void httpc_origin_free(struct httpc_origin *o)
{
    if (o == NULL) {
        return;
    }
    while (o->idle != NULL) {
        origin_drop(o->idle, CONN_DONE);
    }
    o->doomed = true;
    if (o->calls == 0) {
        end(o);
    }
}
