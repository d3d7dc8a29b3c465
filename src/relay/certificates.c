/* Certificates that requests name: read, kept, read again; and the subscriptions that are confirmed
 * at the same hosts. */
#include "relay/certificates.h"

#include "base/certificate.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SLOTS = 16, /* certificates of a source, and names that were not found */
    AWAY_MS = 5 * 1000,
    ABSENT_MS = 30 * 1000,
    FRESH_MS = 24 * 3600 * 1000,
    STALE_MS = 24 * 3600 * 1000,
    AGAIN_MS = 5 * 60 * 1000,
    ASK_EVERY_MS = 3000,
    ASK_AT_ONCE = 10,
    CONFIRM_URL = 2048,
    ANSWER_BYTES = 16 << 10,
};

struct slot {
    struct shelf *shelf;
    struct fetch fetch;
    char url[X509_URL];
    size_t url_len;       /* 0: free */
    struct x509_place at; /* of that URL, the target within it */
    bool good;            /* its key is on the shelf */
    bool away;            /* not good: but it may be there at another time */
    int64_t failed_ms;    /* boot clock: when it was last looked for in vain; 0: it is looked for */
    int64_t good_until_ms; /* boot clock */
    struct wheel_timer next;
};

struct shelf { /* of one source */
    struct worker *w;
    const struct conf_source *source;
    struct httpc_origin *origins[X509_HOSTS];
    struct jwks *keys; /* by URL */
    struct slot slots[SLOTS];
    int64_t paid_until_ms; /* boot clock: what was asked for is paid for by then */
    struct fetch confirm;
    char confirm_url[CONFIRM_URL];
    size_t confirm_len;
    bool confirmed;
};

static struct shelf *shelf_of(const struct worker *w, const struct conf_source *s)
{
    return w->shelves == NULL ? NULL : w->shelves[s - w->conf->sources];
}

static struct str url_of(const struct slot *t)
{
    return (struct str){t->url, t->url_len};
}

/* ---- reading ---- */

static void read_slot(struct slot *t)
{
    wheel_cancel(&t->shelf->w->wheel, &t->next);
    fetch_start(&t->fetch, t->shelf->origins[t->at.host], t->at.target,
                STR("Accept: */*\r\nUser-Agent: penstock\r\n"));
}

static void drop_key(struct slot *t)
{
    jwks_drop(t->shelf->keys, url_of(t));
    t->good = false;
    t->away = true;
    t->failed_ms = boot_ms();
}

static void on_next(struct wheel_timer *timer)
{
    struct slot *t = CONTAINER_OF(timer, struct slot, next);
    if (boot_ms() >= t->good_until_ms) {
        drop_key(t);
    } else {
        read_slot(t);
    }
}

static void arm_next(struct slot *t, int64_t after_ms)
{
    int64_t left_ms = t->good_until_ms - boot_ms();
    int64_t ms = left_ms < after_ms ? left_ms : after_ms;
    wheel_arm(&t->shelf->w->wheel, &t->next, ms > 0 ? (uint64_t)ms : 0, on_next);
}

static const char *take(struct slot *t, struct str pem)
{
    struct shelf *h = t->shelf;
    struct certificate c;
    const char *why = certificate_read(&c, pem, verify_x509(h->source->verify)->names,
                                       httpc_origin_trust(h->origins[t->at.host]));
    int64_t now_s = (int64_t)time(NULL);
    if (why == NULL && (now_s < c.from_s || now_s > c.until_s)) {
        crypt_public_free(c.key);
        why = "the certificate is not valid yet, or not any more";
    }
    if (why != NULL) {
        return why;
    }
    int64_t left_s = c.until_s - now_s;
    int64_t most_s = (FRESH_MS + STALE_MS) / 1000;
    t->good_until_ms = boot_ms() + (left_s < most_s ? left_s : most_s) * 1000;
    t->good = jwks_put(h->keys, url_of(t), c.key);
    ENSURE(t->good); /* there is room for one a slot */
    arm_next(t, FRESH_MS);
    log_line(LOG_INFO, "certificate read", "source", "%.*s", STR_ARG(h->source->name), "url",
             "%.*s", STR_ARG(url_of(t)), "valid_s", "%lld", (long long)left_s, NULL);
    return NULL;
}

static void say_failed(const struct slot *t, const char *why, int status)
{
    log_line(t->away ? LOG_WARN : LOG_INFO,
             t->good   ? "a certificate cannot be read again; it stays in use"
             : t->away ? "a certificate cannot be read; what it signs is refused with 503"
                       : "a certificate that was named will not do",
             "source", "%.*s", STR_ARG(t->shelf->source->name), "url", "%.*s", STR_ARG(url_of(t)),
             "why", "%s", why, "status", "%d", status, NULL);
}

static void on_read(struct fetch *f, const struct fetch_result *r)
{
    struct slot *t = CONTAINER_OF(f, struct slot, fetch);
    const char *why = r->why != NULL ? r->why : take(t, r->body);
    if (why == NULL) {
        return;
    }
    t->away = r->away;
    t->failed_ms = boot_ms();
    if (!r->cancelled) {
        say_failed(t, why, r->status);
        if (t->good) {
            arm_next(t, AGAIN_MS);
        }
    }
}

/* ---- its life ---- */

static void on_confirmed(struct fetch *f, const struct fetch_result *r);

static const char *open_shelf(struct worker *w, const struct conf_source *s)
{
    const char *why = NULL;
    struct shelf *h = calloc(1, sizeof *h);
    ENSURE(h != NULL);
    h->w = w;
    h->source = s;
    h->keys = jwks_new();
    fetch_init(&h->confirm, w, ANSWER_BYTES, on_confirmed);
    for (size_t i = 0; i < SLOTS; i++) {
        h->slots[i].shelf = h;
        fetch_init(&h->slots[i].fetch, w, CERTIFICATE_BYTES, on_read);
    }
    w->shelves[s - w->conf->sources] = h;
    for (size_t i = 0; i < s->hosts.n && why == NULL; i++) {
        const struct httpc_origin_conf origin = {.tls = true,
                                                 .host = s->hosts.v[i].host,
                                                 .port = s->hosts.v[i].port,
                                                 .ca_file = s->hosts.ca_file};
        why = httpc_origin_new(&h->origins[i], w->httpc, &origin);
    }
    return why;
}

const char *certificates_start(struct worker *w)
{
    const char *why = NULL;
    w->shelves = calloc(w->conf->source_count + 1, sizeof(struct shelf *));
    ENSURE(w->shelves != NULL);
    for (size_t i = 0; i < w->conf->source_count && why == NULL; i++) {
        if (w->conf->sources[i].hosts.n > 0) {
            why = open_shelf(w, &w->conf->sources[i]);
        }
    }
    return why;
}

void certificates_stop(struct worker *w)
{
    for (size_t i = 0; w->shelves != NULL && i < w->conf->source_count; i++) {
        for (size_t k = 0; w->shelves[i] != NULL && k < SLOTS; k++) {
            wheel_cancel(&w->wheel, &w->shelves[i]->slots[k].next);
        }
    }
}

static void shelf_free(struct shelf *h)
{
    for (size_t i = 0; i < SLOTS; i++) {
        wheel_cancel(&h->w->wheel, &h->slots[i].next);
        fetch_done(&h->slots[i].fetch);
    }
    fetch_done(&h->confirm);
    for (size_t i = 0; i < X509_HOSTS; i++) {
        httpc_origin_free(h->origins[i]);
    }
    jwks_free(h->keys);
    free(h);
}

void certificates_done(struct worker *w)
{
    for (size_t i = 0; w->shelves != NULL && i < w->conf->source_count; i++) {
        if (w->shelves[i] != NULL) {
            shelf_free(w->shelves[i]);
        }
    }
    free(w->shelves);
    w->shelves = NULL;
}

/* ---- what is asked of it ---- */

const struct jwks *certificates_keys(struct worker *w, const struct conf_source *s)
{
    struct shelf *h = shelf_of(w, s);
    int64_t now_ms = boot_ms();
    for (size_t i = 0; h != NULL && i < SLOTS; i++) {
        if (h->slots[i].good && now_ms >= h->slots[i].good_until_ms) {
            drop_key(&h->slots[i]); /* the timers' clock stands while the machine sleeps */
        }
    }
    return h == NULL ? NULL : h->keys;
}

/* Whatever it is that outsiders can have asked for. */
static bool may_ask(struct shelf *h, int64_t now_ms)
{
    int64_t paid_ms = h->paid_until_ms > now_ms ? h->paid_until_ms : now_ms;
    if (paid_ms - now_ms > (ASK_AT_ONCE - 1) * ASK_EVERY_MS) {
        return false;
    }
    h->paid_until_ms = paid_ms + ASK_EVERY_MS;
    return true;
}

static struct slot *find_slot(struct shelf *h, struct str url)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (h->slots[i].url_len > 0 && str_eq(url_of(&h->slots[i]), url)) {
            return &h->slots[i];
        }
    }
    return NULL;
}

/* One that is free, or else the one that failed first: what is good is never given up for a name
 * that anybody may have made up. */
static struct slot *free_slot(struct shelf *h)
{
    struct slot *oldest = NULL;
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *t = &h->slots[i];
        if (t->url_len == 0) {
            return t;
        }
        if (!t->good && !t->fetch.running && (oldest == NULL || t->failed_ms < oldest->failed_ms)) {
            oldest = t;
        }
    }
    return oldest;
}

static void name_slot(struct slot *t, struct str url, const struct x509_place *at)
{
    memcpy(t->url, url.at, url.len);
    t->url_len = url.len;
    t->at = (struct x509_place){at->host, {t->url + (at->target.at - url.at), at->target.len}};
    t->good = t->away = false;
    t->failed_ms = 0;
}

/* The slot of that certificate, which is being read then; or NULL, or one that failed. */
static struct slot *look_for(struct shelf *h, struct str url, const struct x509_place *at)
{
    int64_t now_ms = boot_ms();
    struct slot *t = find_slot(h, url);
    bool again = t == NULL ||
                 (!t->fetch.running && now_ms - t->failed_ms >= (t->away ? AWAY_MS : ABSENT_MS));
    if (!again) {
        return t;
    }
    t = t != NULL ? t : free_slot(h);
    if (t == NULL || !may_ask(h, now_ms)) {
        return NULL;
    }
    name_slot(t, url, at);
    read_slot(t);
    return t;
}

enum keys_miss certificates_miss(struct worker *w, const struct conf_source *s,
                                 const struct verify_input *in, bool again, struct fetch **reading)
{
    struct shelf *h = shelf_of(w, s);
    struct x509_place at;
    struct slot *t = NULL;
    struct buf url;
    buf_init(&url, X509_URL);
    const struct x509_rules *rules = verify_x509(s->verify);
    bool named = h != NULL && !w->draining && verify_certificate_url(s->verify, in, &url) &&
                 x509_find(rules, buf_str(&url), rules->path, &at) == NULL;
    if (named) {
        t = again ? find_slot(h, buf_str(&url)) : look_for(h, buf_str(&url), &at);
    }
    buf_done(&url);
    if (t != NULL && t->fetch.running && !again && fetch_has_room(&t->fetch)) {
        *reading = &t->fetch;
        return KEYS_WAIT;
    }
    return t == NULL || t->away || t->fetch.running ? KEYS_AWAY : KEYS_UNKNOWN;
}

/* ---- subscriptions ---- */

static void on_confirmed(struct fetch *f, const struct fetch_result *r)
{
    struct shelf *h = CONTAINER_OF(f, struct shelf, confirm);
    h->confirmed = r->why == NULL;
    if (h->confirmed) {
        log_line(LOG_INFO, "subscription confirmed", "source", "%.*s", STR_ARG(h->source->name),
                 NULL);
    } else {
        log_line(LOG_WARN, "a subscription cannot be confirmed; its provider is told to try again",
                 "source", "%.*s", STR_ARG(h->source->name), "why", "%s", r->why, "status", "%d",
                 r->status, NULL);
    }
}

static bool is_asked_for(const struct shelf *h, struct str url)
{
    return str_eq((struct str){h->confirm_url, h->confirm_len}, url);
}

enum certificates_confirm certificates_confirm(struct worker *w, const struct conf_source *s,
                                               struct str url, bool again, struct fetch **asking)
{
    struct shelf *h = shelf_of(w, s);
    struct x509_place at;
    const struct x509_rules *rules = verify_x509(s->verify);
    if (h == NULL || url.len > CONFIRM_URL ||
        x509_find(rules, url, STR("/?Action=ConfirmSubscription&"), &at) != NULL) {
        return CONFIRM_WRONG;
    }
    if (is_asked_for(h, url) && !h->confirm.running && h->confirmed) {
        return CONFIRM_DONE;
    }
    if (!again && !w->draining && !h->confirm.running && may_ask(h, boot_ms())) {
        memcpy(h->confirm_url, url.at, url.len);
        h->confirm_len = url.len;
        h->confirmed = false;
        struct str target = {h->confirm_url + (at.target.at - url.at), at.target.len};
        fetch_start(&h->confirm, h->origins[at.host], target,
                    STR("Accept: */*\r\nUser-Agent: penstock\r\n"));
    }
    if (!again && h->confirm.running && is_asked_for(h, url) && fetch_has_room(&h->confirm)) {
        *asking = &h->confirm;
        return CONFIRM_WAIT;
    }
    return CONFIRM_AWAY;
}
