/* Files of certificates and keys: read, tried, and watched for their end. */
#include "relay/trust.h"

#include "base/log.h"
#include "base/map.h"

#include <stdio.h>
#include <time.h>

static const char *say(const char *what, struct str name, const char *why)
{
    static _Thread_local char trouble[1024];
    snprintf(trouble, sizeof trouble, "%s%.*s: %s", what, STR_ARG(name), why);
    return trouble;
}

static struct tls_files files_of(const struct conf_tls *t)
{
    return (struct tls_files){t->ca_file, t->cert_file, t->key_file};
}

const char *trust_listener(const struct conf *c, struct tls_context **out)
{
    struct tls_files files[65];
    size_t n = c->listen.certificate_count;
    *out = NULL;
    if (n == 0) {
        return NULL;
    }
    ENSURE(n <= sizeof files / sizeof *files); /* the row's bound is 64, and the first */
    for (size_t i = 0; i < n; i++) {
        files[i] = files_of(&c->listen.certificates[i]);
    }
    const char *why = tls_server_new(out, files, n, c->listen.client_ca_file);
    return why == NULL ? NULL : say("listen.tls", STR_NONE, why);
}

static void warn_of(struct str file, int64_t at, int64_t now_s, struct buf *warning)
{
    char day[32] = "";
    time_t time = (time_t)at;
    struct tm tm;
    if (gmtime_r(&time, &tm) != NULL) {
        strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S UTC", &tm);
    }
    buf_printf(warning, "%slisten.tls: the certificate in %.*s %s on %s%s",
               warning->len > 0 ? "; " : "", STR_ARG(file), at <= now_s ? "has expired" : "expires",
               day,
               at <= now_s ? ", senders refuse it; renew it, then send SIGHUP"
                           : "; renew it, then send SIGHUP");
}

void trust_warn(const struct conf *c, const struct tls_context *listener, int64_t now_s,
                struct buf *warning)
{
    for (unsigned i = 0; listener != NULL && i < listener->n; i++) {
        int64_t at = tls_certificate_expiry(listener, i);
        if (at != 0 && at - now_s <= (int64_t)TRUST_EARLY_DAYS * 86400) {
            warn_of(c->listen.certificates[i].cert_file, at, now_s, warning);
        }
    }
}

/* A client's files; the context is made only to see whether it can be. Those that many have are
 * tried once: `tried` holds what was good. */
static const char *try_client(struct map *tried, const struct conf_tls *t)
{
    struct buf key;
    buf_init(&key, 3 * 4096 + 2);
    buf_printf(&key, "%.*s\n%.*s\n%.*s", STR_ARG(t->ca_file), STR_ARG(t->cert_file),
               STR_ARG(t->key_file));
    const char *why = NULL;
    if (map_find(tried, buf_str(&key)) == NULL) {
        struct tls_context *context;
        const struct tls_files files = files_of(t);
        why = tls_client_new(&context, &files);
        tls_context_unref(context);
    }
    if (why == NULL) {
        map_set(tried, buf_str(&key), tried);
    }
    buf_done(&key);
    return why;
}

static const char *try_clients(struct map *tried, const struct conf *c)
{
    const char *why = c->redis.tls ? try_client(tried, &c->redis.files) : NULL;
    if (why != NULL) {
        return say("redis.tls", STR_NONE, why);
    }
    for (size_t i = 0; i < c->destination_count; i++) {
        const struct conf_destination *d = &c->destinations[i];
        bool own = d->files.ca_file.len > 0 || d->files.cert_file.len > 0;
        why = own ? try_client(tried, &d->files) : NULL;
        if (why != NULL) {
            return say("destination ", d->name, why);
        }
    }
    for (size_t i = 0; i < c->source_count; i++) {
        const struct conf_source *s = &c->sources[i];
        const struct conf_tls files = {.ca_file =
                                           s->hosts.n > 0 ? s->hosts.ca_file : s->jwks.ca_file};
        why = files.ca_file.len > 0 ? try_client(tried, &files) : NULL;
        if (why != NULL) {
            return say("source ", s->name, why);
        }
    }
    return NULL;
}

const char *trust_check(const struct conf *c, struct buf *warning)
{
    struct tls_context *listener;
    struct map tried;
    const char *why = trust_listener(c, &listener);
    trust_warn(c, listener, (int64_t)time(NULL), warning);
    tls_context_unref(listener);
    if (why != NULL) {
        return why;
    }
    map_init(&tried);
    why = try_clients(&tried, c);
    map_done(&tried);
    return why;
}
