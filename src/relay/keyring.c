/* Keys that requests name: read, kept, read again; and the subscriptions that are confirmed at the
 * same hosts. */
#include "relay/keyring.h"

#include "base/certificate.h"
#include "base/json.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SLOTS = 16, /* keys of a source, and names that were not found */
    AWAY_MS = 5 * 1000,
    ABSENT_MS = 30 * 1000,
    FRESH_MS = 24 * 3600 * 1000,
    STALE_MS = 24 * 3600 * 1000,
    AGAIN_MS = 5 * 60 * 1000,
    ASK_EVERY_MS = 3000,
    ASK_AT_ONCE = 10,
    CONFIRM_URL = 2048,
    NAME_MOST = 256, /* bytes: of a kid, or the URL of a certificate */
    ANSWER_BYTES = 16 << 10,
};

struct slot {
    struct keyring *ring;
    struct fetch fetch;
    char name[NAME_MOST];
    size_t name_len;        /* 0: free */
    struct verify_place at; /* its target may lie within the name */
    struct buf body;        /* of the request for it */
    bool good;              /* its key is on the ring */
    bool away;              /* not good: but it may be there at another time */
    int64_t failed_ms; /* boot clock: when it was last looked for in vain; 0: it is looked for */
    int64_t good_until_ms; /* boot clock */
    struct wheel_timer next;
};

struct keyring { /* of one source */
    struct worker *w;
    const struct conf_source *source;
    struct httpc_origin *origins[VERIFY_HOSTS];
    struct jwks *keys; /* by name */
    struct slot slots[SLOTS];
    /* Boot clock: what was asked for is paid for by then; of names, which anybody can make up, and
     * of confirmations, which are signed. */
    int64_t names_paid_ms, confirms_paid_ms;
    struct fetch confirm;
    char confirm_url[CONFIRM_URL];
    size_t confirm_len;
    bool confirmed;
};

static struct keyring *keyring_of(const struct worker *w, const struct conf_source *s)
{
    return inlet_of(w, s)->keyring;
}

static struct str name_of(const struct slot *t)
{
    return (struct str){t->name, t->name_len};
}

/* ---- reading ---- */

static void read_slot(struct slot *t)
{
    struct keyring *h = t->ring;
    wheel_cancel(&h->w->wheel, &t->next);
    buf_clear(&t->body);
    if (t->at.posts) {
        json_open(&t->body, '{');
        json_text(&t->body, "key_id", name_of(t));
        json_close(&t->body, '}');
    }
    fetch_start(&t->fetch, h->origins[t->at.host],
                &(struct httpc_request){
                    .method = t->at.posts ? STR("POST") : STR("GET"),
                    .target = t->at.target,
                    .fields = STR("Accept: */*\r\nUser-Agent: penstock\r\n"),
                    .more_fields = h->source->hosts.fields,
                    .body = buf_str(&t->body),
                });
}

static void drop_key(struct slot *t, bool away)
{
    jwks_drop(t->ring->keys, name_of(t));
    t->good = false;
    t->away = away;
    t->failed_ms = boot_ms();
}

static void on_next(struct wheel_timer *timer)
{
    struct slot *t = CONTAINER_OF(timer, struct slot, next);
    if (boot_ms() >= t->good_until_ms) {
        drop_key(t, true);
    } else {
        read_slot(t);
    }
}

static void arm_next(struct slot *t, int64_t after_ms)
{
    int64_t left_ms = t->good_until_ms - boot_ms();
    int64_t ms = left_ms < after_ms ? left_ms : after_ms;
    wheel_arm(&t->ring->w->wheel, &t->next, ms > 0 ? (uint64_t)ms : 0, on_next);
}

static const char *take(struct slot *t, struct str document)
{
    struct keyring *h = t->ring;
    struct verify_key_read read;
    const char *why = verify_key_read(h->source->verify, name_of(t), document,
                                      httpc_origin_trust(h->origins[t->at.host]), &read);
    int64_t now_s = (int64_t)time(NULL);
    if (why == NULL && (now_s < read.from_s || now_s > read.until_s)) {
        crypt_public_free(read.key);
        why = "the certificate is not valid yet, or not any more";
    }
    if (why != NULL) {
        return why;
    }
    int64_t left_s = read.until_s - now_s;
    int64_t most_s = (FRESH_MS + STALE_MS) / 1000;
    left_s = left_s < most_s ? left_s : most_s;
    t->good_until_ms = boot_ms() + left_s * 1000;
    t->good = jwks_put(h->keys, name_of(t), read.key);
    ENSURE(t->good); /* there is room for one a slot */
    arm_next(t, FRESH_MS);
    log_line(LOG_INFO, "key read", "source", "%.*s", STR_ARG(h->source->name), "name", "%.*s",
             STR_ARG(name_of(t)), "for_s", "%lld", (long long)left_s, NULL);
    return NULL;
}

/* Does its host say that there is no such key? Whatever else is wrong may be right at another time:
 * the provider is told to try again. https://plaid.com/docs/errors/invalid-input */
static bool is_absent(const struct slot *t, const struct fetch_result *r)
{
    const struct str word = STR("INVALID_WEBHOOK_VERIFICATION_KEY_ID");
    return r->status == 404 || r->status == 410 ||
           (t->at.posts && r->status == 400 && r->body.len > 0 &&
            memmem(r->body.at, r->body.len, word.at, word.len) != NULL);
}

static void say_failed(const struct slot *t, const char *why, int status)
{
    log_line(t->away ? LOG_WARN : LOG_INFO,
             t->good   ? "a key cannot be read again; it stays in use"
             : t->away ? "a key cannot be read; what it signs is refused with 503"
                       : "a key that was named will not do",
             "source", "%.*s", STR_ARG(t->ring->source->name), "name", "%.*s", STR_ARG(name_of(t)),
             "why", "%s", why, "status", "%d", status, NULL);
}

static void on_read(struct fetch *f, const struct fetch_result *r)
{
    struct slot *t = CONTAINER_OF(f, struct slot, fetch);
    const char *why = r->why != NULL ? r->why : take(t, r->body);
    if (why == NULL) {
        return;
    }
    bool expired = why == JWKS_EXPIRED;
    t->away = !expired && !is_absent(t, r);
    t->failed_ms = boot_ms();
    if (t->good && expired) {
        drop_key(t, false);
    }
    if (!r->cancelled) {
        say_failed(t, why, r->status);
        if (t->good) {
            arm_next(t, AGAIN_MS);
        }
    }
}

/* ---- its life ---- */

static void on_confirmed(struct fetch *f, const struct fetch_result *r);

static bool is_idle(const struct keyring *h)
{
    bool idle = !h->confirm.running;
    for (size_t i = 0; i < SLOTS; i++) {
        idle = idle && !h->slots[i].fetch.running;
    }
    return idle;
}

static void keyring_free(struct keyring *h)
{
    for (size_t i = 0; i < SLOTS; i++) {
        wheel_cancel(&h->w->wheel, &h->slots[i].next);
        fetch_done(&h->slots[i].fetch);
        buf_done(&h->slots[i].body);
    }
    fetch_done(&h->confirm);
    for (size_t i = 0; i < VERIFY_HOSTS; i++) {
        httpc_origin_free(h->origins[i]);
    }
    jwks_free(h->keys);
    free(h);
}

static const char *open_keyring(struct worker *w, const struct conf_source *s)
{
    const char *why = NULL;
    struct keyring *h = calloc(1, sizeof *h);
    ENSURE(h != NULL);
    h->w = w;
    h->source = s;
    h->keys = jwks_new();
    fetch_init(&h->confirm, w, ANSWER_BYTES, on_confirmed);
    for (size_t i = 0; i < SLOTS; i++) {
        h->slots[i].ring = h;
        fetch_init(&h->slots[i].fetch, w, CERTIFICATE_BYTES, on_read);
        buf_init(&h->slots[i].body, 8 * NAME_MOST);
    }
    for (size_t i = 0; i < s->hosts.n && why == NULL; i++) {
        const struct httpc_origin_conf origin = {.tls = true,
                                                 .host = s->hosts.v[i].host,
                                                 .port = s->hosts.v[i].port,
                                                 .ca_file = s->hosts.ca_file};
        why = httpc_origin_new(&h->origins[i], w->httpc, &origin);
    }
    if (why != NULL) {
        keyring_free(h);
        return why;
    }
    inlet_of(w, s)->keyring = h;
    return NULL;
}

const char *keyring_start(struct worker *w)
{
    const char *why = NULL;
    for (size_t i = 0; i < w->conf->source_count && why == NULL; i++) {
        if (w->conf->sources[i].hosts.n > 0 && w->inlets[i].keyring == NULL) {
            why = open_keyring(w, &w->conf->sources[i]);
        }
    }
    return why;
}

static bool same_hosts(const struct conf_source *a, const struct conf_source *b)
{
    bool same = a->hosts.n == b->hosts.n && str_eq(a->hosts.ca_file, b->hosts.ca_file) &&
                str_eq(a->hosts.fields, b->hosts.fields) &&
                str_eq(verify_name(a->verify), verify_name(b->verify));
    for (size_t i = 0; same && i < a->hosts.n; i++) {
        same = str_eq(a->hosts.v[i].host, b->hosts.v[i].host) &&
               a->hosts.v[i].port == b->hosts.v[i].port;
    }
    return same;
}

/* Where its keys are lies in the configuration, in part. False: not there, by the new one. */
static bool place_slots(struct keyring *h, const struct conf_source *s)
{
    bool good = true;
    for (size_t i = 0; i < SLOTS && good; i++) {
        struct slot *t = &h->slots[i];
        good = t->name_len == 0 || verify_key_place(s->verify, name_of(t), &t->at) == NULL;
    }
    return good;
}

void keyring_move(const struct conf_source *s, struct inlet *to, const struct conf_source *before,
                  struct inlet *from)
{
    struct keyring *h = from->keyring;
    if (h != NULL && same_hosts(s, before) && place_slots(h, s)) {
        h->source = s;
        to->keyring = h;
        from->keyring = NULL;
    }
}

static void retire(struct keyring *h)
{
    if (is_idle(h)) {
        keyring_free(h);
    }
}

static void on_slot_idle(struct fetch *f)
{
    retire(CONTAINER_OF(f, struct slot, fetch)->ring);
}

static void on_confirm_idle(struct fetch *f)
{
    retire(CONTAINER_OF(f, struct keyring, confirm));
}

void keyring_retire(struct inlet *from)
{
    struct keyring *h = from->keyring;
    from->keyring = NULL;
    if (h == NULL) {
        return;
    }
    h->confirm.on_idle = on_confirm_idle;
    fetch_stop(&h->confirm);
    for (size_t i = 0; i < SLOTS; i++) {
        wheel_cancel(&h->w->wheel, &h->slots[i].next);
        h->slots[i].fetch.on_idle = on_slot_idle;
        fetch_stop(&h->slots[i].fetch);
    }
    retire(h);
}

void keyring_stop(struct worker *w)
{
    for (size_t i = 0; i < w->conf->source_count; i++) {
        for (size_t k = 0; w->inlets[i].keyring != NULL && k < SLOTS; k++) {
            wheel_cancel(&w->wheel, &w->inlets[i].keyring->slots[k].next);
        }
    }
}

void keyring_done(struct worker *w)
{
    for (size_t i = 0; i < w->conf->source_count; i++) {
        keyring_retire(&w->inlets[i]); /* it is idle */
    }
}

/* ---- what is asked of it ---- */

const struct jwks *keyring_keys(struct worker *w, const struct conf_source *s)
{
    struct keyring *h = keyring_of(w, s);
    int64_t now_ms = boot_ms();
    for (size_t i = 0; h != NULL && i < SLOTS; i++) {
        if (h->slots[i].good && now_ms >= h->slots[i].good_until_ms) {
            drop_key(&h->slots[i], true); /* the timers' clock stands while the machine sleeps */
        }
    }
    return h == NULL ? NULL : h->keys;
}

static bool may_ask(int64_t *paid_until_ms, int64_t now_ms)
{
    int64_t paid_ms = *paid_until_ms > now_ms ? *paid_until_ms : now_ms;
    if (paid_ms - now_ms > (ASK_AT_ONCE - 1) * ASK_EVERY_MS) {
        return false;
    }
    *paid_until_ms = paid_ms + ASK_EVERY_MS;
    return true;
}

static struct slot *find_slot(struct keyring *h, struct str name)
{
    for (size_t i = 0; i < SLOTS; i++) {
        if (h->slots[i].name_len > 0 && str_eq(name_of(&h->slots[i]), name)) {
            return &h->slots[i];
        }
    }
    return NULL;
}

/* One that is free, or else the one that failed first: what is good is never given up for a name
 * that anybody may have made up. */
static struct slot *free_slot(struct keyring *h)
{
    struct slot *oldest = NULL;
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *t = &h->slots[i];
        if (t->name_len == 0) {
            return t;
        }
        if (!t->good && !t->fetch.running && (oldest == NULL || t->failed_ms < oldest->failed_ms)) {
            oldest = t;
        }
    }
    return oldest;
}

static void name_slot(struct slot *t, struct str name)
{
    memcpy(t->name, name.at, name.len);
    t->name_len = name.len;
    t->good = t->away = false;
    t->failed_ms = 0;
}

/* The slot of that key, which is being read then; or NULL, or one that failed. */
static struct slot *look_for(struct keyring *h, struct str name)
{
    int64_t now_ms = boot_ms();
    struct slot *t = find_slot(h, name);
    bool again = t == NULL ||
                 (!t->fetch.running && now_ms - t->failed_ms >= (t->away ? AWAY_MS : ABSENT_MS));
    if (!again) {
        return t;
    }
    t = t != NULL ? t : free_slot(h);
    if (t == NULL || !may_ask(&h->names_paid_ms, now_ms)) {
        return NULL;
    }
    name_slot(t, name);
    const char *why = verify_key_place(h->source->verify, name_of(t), &t->at);
    ENSURE(why == NULL); /* else there is no such name */
    read_slot(t);
    return t;
}

enum keys_miss keyring_miss(struct worker *w, const struct conf_source *s,
                            const struct verify_input *in, bool again, struct fetch **reading)
{
    struct keyring *h = keyring_of(w, s);
    struct slot *t = NULL;
    struct buf name;
    buf_init(&name, NAME_MOST);
    if (h != NULL && !w->draining && verify_key_name(s->verify, in, &name)) {
        t = again ? find_slot(h, buf_str(&name)) : look_for(h, buf_str(&name));
    }
    buf_done(&name);
    if (t != NULL && t->fetch.running && !again && fetch_has_room(&t->fetch)) {
        *reading = &t->fetch;
        return KEYS_WAIT;
    }
    return t == NULL || t->away || t->fetch.running ? KEYS_AWAY : KEYS_UNKNOWN;
}

/* ---- subscriptions ---- */

static void on_confirmed(struct fetch *f, const struct fetch_result *r)
{
    struct keyring *h = CONTAINER_OF(f, struct keyring, confirm);
    h->confirmed = r->why == NULL;
    if (r->cancelled) {
        return; /* its source may be gone */
    }
    if (h->confirmed) {
        log_line(LOG_INFO, "subscription confirmed", "source", "%.*s", STR_ARG(h->source->name),
                 NULL);
    } else {
        log_line(LOG_WARN, "a subscription cannot be confirmed; its provider is told to try again",
                 "source", "%.*s", STR_ARG(h->source->name), "why", "%s", r->why, "status", "%d",
                 r->status, NULL);
    }
}

static bool is_asked_for(const struct keyring *h, struct str url)
{
    return str_eq((struct str){h->confirm_url, h->confirm_len}, url);
}

enum keyring_confirm keyring_confirm(struct worker *w, const struct conf_source *s, struct str url,
                                     bool again, struct fetch **asking)
{
    struct keyring *h = keyring_of(w, s);
    struct verify_place at;
    if (h == NULL || url.len > CONFIRM_URL || verify_confirm_place(s->verify, url, &at) != NULL) {
        return CONFIRM_WRONG;
    }
    if (is_asked_for(h, url) && !h->confirm.running && h->confirmed) {
        return CONFIRM_DONE;
    }
    if (!again && !w->draining && !h->confirm.running && may_ask(&h->confirms_paid_ms, boot_ms())) {
        memcpy(h->confirm_url, url.at, url.len);
        h->confirm_len = url.len;
        h->confirmed = false;
        struct str target = {h->confirm_url + (at.target.at - url.at), at.target.len};
        fetch_start(&h->confirm, h->origins[at.host],
                    &(struct httpc_request){
                        .method = STR("GET"),
                        .target = target,
                        .fields = STR("Accept: */*\r\nUser-Agent: penstock\r\n"),
                    });
    }
    if (!again && h->confirm.running && is_asked_for(h, url) && fetch_has_room(&h->confirm)) {
        *asking = &h->confirm;
        return CONFIRM_WAIT;
    }
    return again && is_asked_for(h, url) && !h->confirm.running ? CONFIRM_AWAY : CONFIRM_BUSY;
}
