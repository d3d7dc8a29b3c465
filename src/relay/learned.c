/* Secrets that came in a handshake. */
#include "relay/learned.h"

#include "base/crypt.h"
#include "base/log.h"
#include "relay/redis.h"

#include <stdlib.h>
#include <string.h>

struct learned { /* of one source, in this worker */
    struct verify *verify;
    char *secret;
};

void learned_init(struct worker *w)
{
    w->learned = calloc(w->conf->source_count + 1, sizeof *w->learned);
    ENSURE(w->learned != NULL);
}

static void drop(struct learned *l)
{
    verify_free(l->verify);
    if (l->secret != NULL) {
        crypt_wipe(l->secret, strlen(l->secret));
        free(l->secret);
    }
    *l = (struct learned){NULL, NULL};
}

void learned_done(struct worker *w)
{
    for (size_t i = 0; i < w->conf->source_count; i++) {
        drop(&w->learned[i]);
    }
    free(w->learned);
}

static struct learned *of(const struct worker *w, const struct conf_source *s)
{
    return &w->learned[s - w->conf->sources];
}

const struct verify *learned_verify(const struct worker *w, const struct conf_source *source)
{
    const struct learned *l = of(w, source);
    return l->verify != NULL ? l->verify : source->verify;
}

struct str learned_secret(const struct worker *w, struct str source)
{
    const struct conf_source *s = conf_find_source(w->conf, source);
    return s == NULL || of(w, s)->secret == NULL ? STR_NONE : str_of(of(w, s)->secret);
}

/* Empty: it was forgotten. */
static void use(struct worker *w, const struct conf_source *s, struct str secret)
{
    struct learned *l = of(w, s);
    if (str_eq(secret, l->secret == NULL ? STR_NONE : str_of(l->secret))) {
        return;
    }
    drop(l);
    if (secret.len > 0) {
        l->secret = calloc(1, secret.len + 1);
        ENSURE(l->secret != NULL);
        memcpy(l->secret, secret.at, secret.len);
        const char *why = verify_with(s->verify, secret, &l->verify);
        if (why != NULL) {
            log_line(LOG_ERROR, "a secret that a handshake has left cannot be used", "source",
                     "%.*s", STR_ARG(s->name), "why", "%s", why, NULL);
        }
    }
}

static void on_read(void *user, const redisReply *reply)
{
    struct worker *w = user;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return;
    }
    w->learned_known = true;
    for (size_t i = 0; i < w->conf->source_count; i++) {
        const struct conf_source *s = &w->conf->sources[i];
        struct str secret = STR_NONE;
        for (size_t k = 0; k + 1 < reply->elements; k += 2) {
            if (str_eq(store_text(reply->element[k]), s->name)) {
                secret = store_text(reply->element[k + 1]);
            }
        }
        if (verify_learns(s->verify)) {
            use(w, s, secret);
        }
    }
}

void learned_read(struct worker *w)
{
    bool any = false;
    for (size_t i = 0; i < w->conf->source_count; i++) {
        any |= verify_learns(w->conf->sources[i].verify);
    }
    if (any) {
        struct str argv[] = {STR("HGETALL"), worker_key(w, KEY_LEARNED)};
        redis_send(w, 2, argv, on_read, w);
    }
}

/* --- keeping and forgetting */

struct keeping {
    struct worker *w;
    const struct conf_source *source; /* NULL: it is forgotten */
    char *secret;
    void (*on_end)(void *user, const char *reason);
    void *user;
};

static void end(struct keeping *k, const char *reason)
{
    k->on_end(k->user, reason);
    if (k->secret != NULL) {
        crypt_wipe(k->secret, strlen(k->secret));
        free(k->secret);
    }
    free(k);
}

/* The one that is kept: this one, said twice perhaps, or another. */
static void on_kept(void *user, const redisReply *reply)
{
    struct keeping *k = user;
    struct str kept = store_text(reply);
    if (kept.len == 0) {
        end(k, "redis_down");
        return;
    }
    struct str own = str_of(k->secret);
    bool same = kept.len == own.len && crypt_equal(kept.at, own.at, own.len);
    bool first = of(k->w, k->source)->secret == NULL;
    use(k->w, k->source, kept);
    if (same && first) {
        log_line(LOG_WARN,
                 "a handshake has left its secret; if it was not yours: penstock sources forget",
                 "source", "%.*s", STR_ARG(k->source->name), NULL);
    }
    end(k, same ? NULL : "bad_challenge");
}

static void on_put(void *user, const redisReply *reply)
{
    struct keeping *k = user;
    struct str argv[] = {STR("HGET"), worker_key(k->w, KEY_LEARNED), k->source->name};
    if (store_error_of(reply) != STORE_OK || !redis_send(k->w, 3, argv, on_kept, k)) {
        end(k, "redis_down");
    }
}

static struct keeping *keeping_new(struct worker *w, void (*on_end)(void *user, const char *reason),
                                   void *user)
{
    struct keeping *k = calloc(1, sizeof *k);
    ENSURE(k != NULL);
    k->w = w;
    k->on_end = on_end;
    k->user = user;
    return k;
}

void learned_keep(struct worker *w, const struct conf_source *source, struct str secret,
                  void (*on_end)(void *user, const char *reason), void *user)
{
    struct keeping *k = keeping_new(w, on_end, user);
    k->source = source;
    k->secret = calloc(1, secret.len + 1);
    ENSURE(k->secret != NULL);
    memcpy(k->secret, secret.at, secret.len);
    struct str argv[] = {STR("HSETNX"), worker_key(w, KEY_LEARNED), source->name, secret};
    if (!redis_send(w, 4, argv, on_put, k)) {
        end(k, "redis_down");
    }
}

static void on_forgotten(void *user, const redisReply *reply)
{
    end(user, store_error_of(reply) == STORE_OK ? NULL : "redis_down");
}

void learned_forget(struct worker *w, struct str source,
                    void (*on_end)(void *user, const char *reason), void *user)
{
    struct keeping *k = keeping_new(w, on_end, user);
    struct str argv[] = {STR("HDEL"), worker_key(w, KEY_LEARNED), source};
    if (!redis_send(w, 3, argv, on_forgotten, k)) {
        end(k, "redis_down");
    }
}
