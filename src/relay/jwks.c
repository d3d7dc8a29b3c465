/* Feeds of public keys: read, kept, read again. */
#include "relay/jwks.h"

#include "base/log.h"

#include <stdlib.h>

enum {
    MISS_EVERY_MS = 30 * 1000,
    STALE_MS = 24 * 3600 * 1000,
    RETRY_LEAST_MS = 5 * 1000,
    RETRY_MOST_MS = 5 * 60 * 1000,
};

struct jwks_feed {
    struct worker *w;
    const struct conf_source *source;
    struct httpc_origin *origin;
    struct fetch fetch;
    struct jwks *keys;       /* NULL: none yet, or none any more */
    int64_t good_until_ms;   /* boot clock: so long they count though the host is away */
    int64_t missed_ms;       /* boot clock: when a miss last had them read; 0: never */
    unsigned failures;       /* since they were read last */
    struct wheel_timer next; /* when they are read again */
};

static struct jwks_feed *feed_of(const struct worker *w, const struct conf_source *s)
{
    return inlet_of(w, s)->jwks;
}

/* --- reading */

static void read_keys(struct jwks_feed *f);

static void on_next(struct wheel_timer *t)
{
    read_keys(CONTAINER_OF(t, struct jwks_feed, next));
}

static void take_keys(struct jwks_feed *f, struct jwks *keys, const struct fields *answer)
{
    int64_t lifetime_ms = jwks_lifetime_s(answer) * 1000;
    f->missed_ms = f->keys == NULL ? 0 : f->missed_ms; /* that was no made-up name */
    jwks_free(f->keys);
    f->keys = keys;
    f->failures = 0;
    f->good_until_ms = boot_ms() + lifetime_ms + STALE_MS;
    wheel_arm(&f->w->wheel, &f->next, (uint64_t)lifetime_ms, on_next);
    log_line(LOG_INFO, "public keys read", "source", "%.*s", STR_ARG(f->source->name), "keys",
             "%zu", jwks_count(keys), "for_s", "%lld", (long long)(lifetime_ms / 1000), NULL);
}

static uint64_t pause_ms(unsigned failures)
{
    uint64_t ms = (uint64_t)RETRY_LEAST_MS << (failures < 7 ? failures - 1 : 6);
    return ms < RETRY_MOST_MS ? ms : RETRY_MOST_MS;
}

static void say_failed(const struct jwks_feed *f, const char *why, int status, uint64_t again_ms)
{
    const struct conf_jwks *at = &f->source->jwks;
    log_line(LOG_WARN,
             f->keys != NULL ? "public keys cannot be read; the last ones stay in use"
                             : "public keys cannot be read; its events are refused with 503",
             "source", "%.*s", STR_ARG(f->source->name), "host", "%.*s", STR_ARG(at->host), "why",
             "%s", why, "status", "%d", status, "again_ms", "%llu", (unsigned long long)again_ms,
             NULL);
}

static void on_read(struct fetch *fetch, const struct fetch_result *r)
{
    struct jwks_feed *f = CONTAINER_OF(fetch, struct jwks_feed, fetch);
    struct jwks *keys = NULL;
    const char *why =
        r->why != NULL ? r->why : jwks_read(&keys, r->body, verify_algorithm(f->source->verify));
    if (why == NULL) {
        take_keys(f, keys, r->fields);
        return;
    }
    f->failures++;
    if (!r->cancelled) {
        uint64_t again_ms = pause_ms(f->failures);
        wheel_arm(&f->w->wheel, &f->next, again_ms, on_next);
        say_failed(f, why, r->status, again_ms);
    }
}

static void read_keys(struct jwks_feed *f)
{
    wheel_cancel(&f->w->wheel, &f->next);
    fetch_start(&f->fetch, f->origin,
                &(struct httpc_request){
                    .method = STR("GET"),
                    .target = f->source->jwks.target,
                    .fields = STR("Accept: application/json\r\nUser-Agent: penstock\r\n"),
                });
}

/* --- its life */

static void feed_free(struct jwks_feed *f)
{
    wheel_cancel(&f->w->wheel, &f->next);
    httpc_origin_free(f->origin);
    jwks_free(f->keys);
    fetch_done(&f->fetch);
    free(f);
}

static const char *open_feed(struct worker *w, const struct conf_source *s)
{
    const struct conf_jwks *at = &s->jwks;
    const struct httpc_origin_conf origin = {
        .tls = true, .host = at->host, .port = at->port, .ca_file = at->ca_file};
    struct jwks_feed *f = calloc(1, sizeof *f);
    ENSURE(f != NULL);
    f->w = w;
    f->source = s;
    fetch_init(&f->fetch, w, JWKS_BYTES, on_read);
    const char *why = httpc_origin_new(&f->origin, w->httpc, &origin);
    if (why != NULL) {
        feed_free(f);
        return why;
    }
    inlet_of(w, s)->jwks = f;
    read_keys(f);
    return NULL;
}

const char *jwks_start(struct worker *w)
{
    const char *why = NULL;
    for (size_t i = 0; i < w->conf->source_count && why == NULL; i++) {
        if (w->conf->sources[i].jwks.host.len > 0 && w->inlets[i].jwks == NULL) {
            why = open_feed(w, &w->conf->sources[i]);
        }
    }
    return why;
}

static bool same_feed(const struct conf_source *a, const struct conf_source *b)
{
    return str_eq(a->jwks.host, b->jwks.host) && a->jwks.port == b->jwks.port &&
           str_eq(a->jwks.target, b->jwks.target) && str_eq(a->jwks.ca_file, b->jwks.ca_file) &&
           verify_algorithm(a->verify) == verify_algorithm(b->verify);
}

void jwks_move(const struct conf_source *s, struct inlet *to, const struct conf_source *before,
               struct inlet *from)
{
    if (from->jwks != NULL && same_feed(s, before)) {
        to->jwks = from->jwks;
        to->jwks->source = s;
        from->jwks = NULL;
    }
}

static void on_idle(struct fetch *fetch)
{
    feed_free(CONTAINER_OF(fetch, struct jwks_feed, fetch));
}

void jwks_retire(struct inlet *from)
{
    struct jwks_feed *f = from->jwks;
    from->jwks = NULL;
    if (f != NULL && f->fetch.running) {
        f->fetch.on_idle = on_idle;
        fetch_stop(&f->fetch);
    } else if (f != NULL) {
        feed_free(f);
    }
}

void jwks_stop(struct worker *w)
{
    for (size_t i = 0; i < w->conf->source_count; i++) {
        if (w->inlets[i].jwks != NULL) {
            wheel_cancel(&w->wheel, &w->inlets[i].jwks->next);
        }
    }
}

void jwks_done(struct worker *w)
{
    for (size_t i = 0; i < w->conf->source_count; i++) {
        jwks_retire(&w->inlets[i]); /* it is idle */
    }
}

/* --- what is asked of it */

const struct jwks *jwks_keys(struct worker *w, const struct conf_source *s)
{
    struct jwks_feed *f = feed_of(w, s);
    if (f != NULL && f->keys != NULL && boot_ms() > f->good_until_ms) {
        jwks_free(f->keys);
        f->keys = NULL;
    }
    return f == NULL ? NULL : f->keys;
}

enum keys_miss jwks_miss(struct worker *w, const struct conf_source *s, bool again,
                         struct fetch **reading)
{
    struct jwks_feed *f = feed_of(w, s);
    int64_t now_ms = boot_ms();
    if (f == NULL) {
        return KEYS_UNKNOWN;
    }
    bool may = !again && !w->draining;
    if (may && !f->fetch.running && (f->missed_ms == 0 || now_ms - f->missed_ms >= MISS_EVERY_MS)) {
        f->missed_ms = now_ms;
        read_keys(f);
    }
    if (may && f->fetch.running && fetch_has_room(&f->fetch)) {
        *reading = &f->fetch;
        return KEYS_WAIT;
    }
    return f->keys == NULL || f->failures > 0 || f->fetch.running ? KEYS_AWAY : KEYS_UNKNOWN;
}
