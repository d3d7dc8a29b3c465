/* Secrets that came in a handshake. */
#include "relay/learned.h"

#include "base/crypt.h"
#include "base/log.h"
#include "relay/redis.h"

#include <stdlib.h>
#include <string.h>

void learned_drop(struct inlet *i)
{
    struct learned *l = &i->learned;
    verify_free(l->verify);
    if (l->secret != NULL) {
        crypt_wipe(l->secret, strlen(l->secret));
        free(l->secret);
    }
    *l = (struct learned){.known = l->known};
}

bool learned_is_known(const struct worker *w, const struct conf_source *source)
{
    return inlet_of(w, source)->learned.known;
}

const struct verify *learned_verify(const struct worker *w, const struct conf_source *source)
{
    const struct learned *l = &inlet_of(w, source)->learned;
    return l->verify != NULL ? l->verify : source->verify;
}

static struct str secret_of(const struct inlet *i)
{
    return i == NULL || i->learned.secret == NULL ? STR_NONE : str_of(i->learned.secret);
}

struct str learned_secret(const struct worker *w, struct str source)
{
    return secret_of(inlet_named(w, source));
}

/* Empty: it was forgotten. */
static void use(const struct conf_source *s, struct inlet *i, struct str secret)
{
    struct learned *l = &i->learned;
    if (str_eq(secret, secret_of(i))) {
        return;
    }
    learned_drop(i);
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

void learned_move(const struct conf_source *s, struct inlet *to, const struct inlet *from)
{
    if (verify_learns(s->verify)) {
        to->learned.known = from->learned.known;
        use(s, to, secret_of(from));
    }
}

static void on_read(void *user, const redisReply *reply)
{
    struct worker *w = user;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        return;
    }
    for (size_t i = 0; i < w->conf->source_count; i++) {
        const struct conf_source *s = &w->conf->sources[i];
        struct str secret = STR_NONE;
        for (size_t k = 0; k + 1 < reply->elements; k += 2) {
            if (str_eq(store_text(reply->element[k]), s->name)) {
                secret = store_text(reply->element[k + 1]);
            }
        }
        if (verify_learns(s->verify)) {
            use(s, &w->inlets[i], secret);
            w->inlets[i].learned.known = true;
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
    struct conf *conf; /* counted, for the source; NULL: it is forgotten */
    const struct conf_source *source;
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
    conf_unref(k->conf);
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
    const struct conf_source *now = conf_find_source(k->w->conf, k->source->name);
    bool first = now != NULL && secret_of(inlet_of(k->w, now)).len == 0;
    if (now != NULL && verify_learns(now->verify)) { /* a reload may have taken it away */
        use(now, inlet_of(k->w, now), kept);
    }
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
    k->conf = conf_ref(w->conf);
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
