/* Request -> verified, routed, journaled event.
 *
 * Order of checks: size cap (httpd), source and method, signature, timestamp, routes, append,
 * answer. The sender gets its 200 only after Redis has answered the append, and while the lease is
 * valid; or, while Redis is away, after the spool has synced it. */
#include "relay/ingest.h"

#include "base/crash.h"
#include "base/crypt.h"
#include "base/log.h"
#include "model/challenge.h"
#include "model/forwarded.h"
#include "model/route.h"
#include "relay/delivery.h"
#include "relay/handshake.h"
#include "relay/inbound.h"
#include "relay/inlet.h"
#include "relay/keys.h"
#include "relay/learned.h"
#include "relay/limits.h"
#include "relay/move.h"
#include "relay/node.h"
#include "relay/refusal.h"
#include "relay/secrets.h"
#include "relay/spool.h"
#include "relay/stats.h"
#include "relay/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* REFUSAL_LINES: a second, of requests that named a source; of bytes that were no request at all,
 * one. */
enum { REFUSAL_LINES = 10, ALLOW_MAX = 64, SAY_LATE_EVERY_MS = 60000 };

#define FETCH_WITHIN_MS 5000u /* for what its provider has to be there */
#define SYNC_WITHIN_MS 1000u  /* for what Redis has not answered, by the spool */

/* --- answers */

static const struct {
    const char *reason;
    int status;
} refusals[] = {
    {"bad_signature", 401}, {"stale_timestamp", 401}, {"bad_challenge", 403},
    {"ip_denied", 403},     {"unknown_source", 404},  {"method", 405},
    {"too_slow", 408},      {"too_large", 413},       {"rate_limited", 429},
    {"malformed", 400},     {"redis_down", 503},      {"over_budget", 503},
    {"overloaded", 503},    {"draining", 503},        {"keys_unavailable", 503},
    {"unconfirmed", 503},
};

int refusal_status(const char *reason)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        if (strcmp(refusals[i].reason, reason) == 0) {
            return refusals[i].status;
        }
    }
    return 503;
}

/* --- who it is */

/* The sender's address. What a proxy of ours adds stands at the right, so from there on: the first
 * address that is no proxy of ours. What stands to the left of that the client may have made up. */
struct address_bytes inbound_client(const struct conf *c, const struct httpd_request *r)
{
    struct address_bytes a = address_of(r->peer);
    const struct cidr *proxies = c->listen.trusted_proxies.v;
    size_t n = c->listen.trusted_proxies.n;
    bool trusted = n > 0 && (r->peer->ss_family == AF_UNIX || cidr_has(proxies, n, &a));
    for (size_t i = r->fields->n; trusted && i-- > 0;) {
        if (str_ieq(r->fields->v[i].name, STR("x-forwarded-for"))) {
            trusted = forwarded_read(r->fields->v[i].value, proxies, n, &a);
        }
    }
    return a;
}

/* What Allow says (RFC 9110 10.2.1): "POST, PUT". */
static struct str put_methods(unsigned methods, char out[ALLOW_MAX])
{
    static const char *const names[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
    size_t n = 0;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        if ((methods >> i & 1) != 0) {
            n += (size_t)snprintf(out + n, ALLOW_MAX - n, "%s%s", n > 0 ? ", " : "", names[i]);
        }
    }
    return (struct str){out, n};
}

struct refusal {
    const char *reason, *detail;
    const struct address_bytes *client;
    uint64_t retry_s; /* what one that is not for good says in Retry-After */
};

static void refuse_as(struct worker *w, struct httpd_request *r, const struct conf_source *source,
                      const struct refusal *why)
{
    const char *reason = why->reason;
    char body[96], seconds[20], allow[ALLOW_MAX];
    struct buf b;
    struct str name = source == NULL ? STR_NONE : source->name;
    bool is_busy = source != NULL && strcmp(reason, "rate_limited") == 0;
    int status = is_busy ? (int)source->busy_status : refusal_status(reason);
    struct field fields[2];
    size_t n = 0;
    if (status == 503 || status == 429) {
        fields[n++] =
            (struct field){STR("Retry-After"), {seconds, text_put_u64(seconds, why->retry_s)}};
    } else if (status == 405 && source != NULL) {
        fields[n++] = (struct field){STR("Allow"), put_methods(source->methods, allow)};
    }
    buf_init(&b, sizeof body);
    buf_printf(&b, "{\"error\":\"%s\"}", reason);
    httpd_answer(r, &(struct httpd_answer){.status = status,
                                           .content_type = STR("application/json"),
                                           .fields = fields,
                                           .field_count = n,
                                           .body = buf_str(&b),
                                           .close = w->draining});
    buf_done(&b);
    stats_rejected(w, name, reason);
    refusal_log(&w->refusals, REFUSAL_LINES, LOG_INFO, "refused", name, why->client, reason,
                why->detail);
}

void inbound_refuse(struct worker *w, struct httpd_request *r, const struct conf_source *source,
                    const char *reason, const char *detail)
{
    struct address_bytes client = inbound_client(w->conf, r);
    refuse_as(w, r, source, &(struct refusal){reason, detail, &client, 1});
}

static struct str promised(const struct inbound *in)
{
    return str_of(conf_durability_word(in->source->durability));
}

/* Beyond its provider's deadline an event would come again, and count as failed there. */
static void say_late(const struct inbound *in, uint64_t took_ms)
{
    stats_late(in->w, in->source->name);
    int64_t now = boot_ms();
    if (now - in->w->late_said_ms >= SAY_LATE_EVERY_MS) {
        in->w->late_said_ms = now;
        log_line(LOG_WARN, "an answer took more than half of what its provider waits for", "source",
                 "%.*s", STR_ARG(in->source->name), "ms", "%llu", (unsigned long long)took_ms,
                 "deadline_ms", "%lld", (long long)in->source->deadline_ms, NULL);
    }
}

static void accept_request(const struct inbound *in, struct httpd_request *r, struct str id,
                           struct str durable)
{
    struct worker *w = in->w;
    const struct conf_source *s = in->source;
    struct field fields[] = {
        {STR("penstock-event-id"), id},
        {STR("penstock-durability"), durable},
    };
    httpd_answer(r, &(struct httpd_answer){.status = (int)s->respond_status,
                                           .content_type = s->respond_plain
                                                               ? STR("text/plain; charset=utf-8")
                                                               : STR("application/json"),
                                           .fields = fields,
                                           .field_count = id.len > 0 ? 2 : 0,
                                           .body = s->respond_body,
                                           .close = w->draining});
    uint64_t took_us = uv_hrtime() / 1000 - in->began_us;
    stats_accepted(w, s->name, took_us);
    if (s->deadline_ms > 0 && took_us > (uint64_t)s->deadline_ms * 500) {
        say_late(in, took_us / 1000);
    }
}

/* --- the way in */

void inbound_forget_sender(struct inbound *in)
{
    if (in->request != NULL) {
        in->request->pending = NULL;
        in->request = NULL;
        in->w->waiting--;
    }
    wheel_cancel(&in->w->wheel, &in->deadline);
}

/* Forgotten first: the answer gives the request back, and the next one on that connection may have
 * its place before httpd_answer returns. */
static void accept_event(struct inbound *in, struct str id, struct str durable)
{
    struct httpd_request *r = in->request;
    inbound_forget_sender(in);
    accept_request(in, r, id, durable);
}

void inbound_fail(struct inbound *in, const char *reason)
{
    struct httpd_request *r = in->request;
    if (r != NULL) {
        inbound_forget_sender(in);
        refuse_as(in->w, r, in->source, &(struct refusal){reason, NULL, &in->client, 1});
    }
}

void inbound_free(struct inbound *in)
{
    inbound_forget_sender(in);
    event_unref(in->append.event);
    conf_unref(in->conf);
    free(in);
}

/* What the journal refuses because Redis is away is the spool's, if there is one. */
static bool is_for_spool(const struct worker *w, const char *reason)
{
    return reason != NULL && w->spool != NULL && strcmp(reason, "redis_down") == 0;
}

static void on_deadline(struct wheel_timer *t);

/* False: there is no spool, or it has no room; or it has it already. */
static bool spool_it_too(struct inbound *in)
{
    const struct event *e = in->append.event;
    if (!in->to_journal || in->append.is_spooled || e->to_count == 0 ||
        spool_refuses(in->w, e->body.len) != NULL) {
        return false;
    }
    struct event_parts parts = event_parts_of(e);
    memcpy(in->spooling.dedupe, in->append.dedupe, sizeof in->spooling.dedupe);
    in->to_spool = in->append.is_spooled = true;
    wheel_arm(&in->w->wheel, &in->deadline, SYNC_WITHIN_MS, on_deadline);
    spool_append(in->w, &parts, &in->spooling);
    return true;
}

/* Redis has not answered in time. Unknown, not failed: the event stays until its outcome is known,
 * and is delivered if it turns out to be written, unless it was given to the spool. */
static void on_deadline(struct wheel_timer *t)
{
    struct inbound *in = CONTAINER_OF(t, struct inbound, deadline);
    if (!spool_it_too(in)) {
        inbound_fail(in, "redis_down");
    }
}

static void append_again(struct inbound *in)
{
    struct worker *w = in->w;
    struct event *e = in->append.event;
    in->append.event =
        event_as(e, false, w->live->number, journal_next_n(w->live), e->to, e->to_count);
    event_unref(e);
    journal_append(w->live, &in->append);
}

/* It is in the stream, and is delivered whatever becomes of the answer. */
static void tell_durable(struct inbound *in, const struct journal *j)
{
    const struct event *e = in->append.event;
    if (in->request != NULL && !in->append.unproven && journal_may_act(j)) {
        CRASH_POINT("answer");
        accept_event(in, (struct str){e->id, EVENT_ID_LEN}, promised(in));
        CRASH_POINT("answered");
    } else { /* perhaps no longer mine, or less durable than promised */
        inbound_fail(in, "redis_down");
    }
}

static void on_decided(void *user, struct journal *j, enum move_verdict verdict,
                       struct str first_id)
{
    struct inbound *in = user;
    if (verdict == MOVE_MINE) {
        tell_durable(in, j);
    } else if (verdict == MOVE_DUPLICATE) {
        stats_duplicate(in->w, in->source->name);
        if (in->request != NULL && !in->append.unproven && journal_may_act(j)) {
            accept_event(in, first_id, promised(in)); /* what proves this one proves the first */
        } else {
            inbound_fail(in, "redis_down");
        }
    } else {
        inbound_fail(in, "redis_down");
    }
    inbound_free(in);
}

/* The outcome of an append whose event the spool has. */
static void leave_to_spool(struct inbound *in, struct journal *j, const char *reason)
{
    const struct event *e = in->append.event;
    if (reason == NULL) {
        dispatch_settled(j, e->n, e->to, e->to_count);
    } else if (reason != APPEND_ABSENT && in->append.refusal == NULL) { /* it may be read back */
        numset_add(&j->spooled, e->n);
    }
    in->to_journal = false;
    if (!in->to_spool) {
        inbound_free(in);
    }
}

void append_done(struct journal *j, struct append *a, const char *reason)
{
    struct inbound *in = CONTAINER_OF(a, struct inbound, append);
    if (a->is_spooled) {
        leave_to_spool(in, j, reason);
        return;
    }
    const char *why = reason == APPEND_ABSENT ? journal_refuses(in->w) : a->refusal;
    if (reason != NULL && in->request != NULL && is_for_spool(in->w, why) && spool_it_too(in)) {
        in->to_journal = false;
        return;
    }
    if (reason == APPEND_ABSENT && in->request != NULL && journal_refuses(in->w) == NULL) {
        append_again(in);
        return;
    }
    in->to_journal = false;
    if (reason == NULL && a->dedupe[0] != '\0') {
        if (a->unproven) { /* its claim may have to wait for a proof */
            inbound_fail(in, "redis_down");
        }
        move_dedupe(j, a->event, a->dedupe, !a->unproven, on_decided, in);
        return;
    }
    if (reason != NULL) {
        inbound_fail(in, reason == APPEND_ABSENT ? "redis_down" : reason);
    } else {
        dispatch_event(j, a->event);
        CRASH_POINT("dispatched");
        tell_durable(in, j);
    }
    inbound_free(in);
}

/* A digest, so that no byte of a request ever stands in a key. Empty: it has no delivery id. */
static void put_dedupe(const struct conf_source *source, const struct verify_proof *proof,
                       const struct httpd_request *r, char out[DEDUPE_MAX + 1])
{
    struct buf id;
    unsigned char digest[CRYPT_DIGEST_MAX];
    buf_init(&id, TYPE_CEILING);
    if (source->dedupe_signed) {
        const struct verify_input input = {r->method, r->target, r->fields, r->body};
        verify_signed_digest(source->verify, proof, &input, digest);
        buf_add(&id, (const char *)digest, crypt_digest_len(CRYPT_SHA256));
    }
    if (id.len > 0 ||
        pick_text(&source->events[proof->scheme].dedupe_key, r->fields, r->body, &id)) {
        const struct str parts[] = {source->name, STR("\n"), buf_str(&id)};
        crypt_digest(CRYPT_SHA256, parts, 3, digest);
        size_t n = text_put_hex(out, digest, DEDUPE_KEY / 2);
        out[n++] = ':';
        out[n + text_put_u64(out + n, (uint64_t)source->dedupe_ms)] = '\0';
    }
    buf_done(&id);
}

static void on_spooled(struct spooling *x, const char *reason)
{
    struct inbound *in = CONTAINER_OF(x, struct inbound, spooling);
    in->to_spool = false;
    in->append.is_spooled = reason == NULL;
    if (reason != NULL) {
        inbound_fail(in, reason);
    } else if (in->request != NULL) {
        accept_event(in, (struct str){x->id, EVENT_ID_LEN}, STR("spool"));
    }
    if (!in->to_journal) {
        inbound_free(in);
    }
}

struct inbound *inbound_new(struct worker *w, struct httpd_request *r,
                            const struct conf_source *source)
{
    struct inbound *in = malloc(sizeof *in); /* glibc's calloc passes over the thread's cache */
    ENSURE(in != NULL);
    *in = (struct inbound){
        .spooling.on_spooled = on_spooled,
        .w = w,
        .request = r,
        .conf = conf_ref(w->conf),
        .source = source,
        .client = inbound_client(w->conf, r),
        .began_us = r->began_us,
    };
    r->pending = in;
    w->waiting++;
    wheel_arm(&w->wheel, &in->deadline, ANSWER_WITHIN_MS, on_deadline);
    return in;
}

static void keep_request(struct worker *w, struct httpd_request *r,
                         const struct conf_source *source, const struct verify_proof *proof,
                         const uint16_t *to, size_t to_count, bool spool)
{
    CRASH_POINT("routed");
    struct inbound *in = inbound_new(w, r, source);
    struct buf headers;
    char dedupe[DEDUPE_MAX + 1] = "";
    if (source->dedupe_ms > 0) {
        put_dedupe(source, proof, r, dedupe);
    }
    buf_init(&headers, HEADERS_CEILING);
    event_render_fields(r->fields, &headers);
    ENSURE(!headers.failed); /* "a:b" is "a: b" now, of 32 KiB at most */
    struct event_parts parts = {
        .received_ms = worker_now_ms(w),
        .source = source->name,
        .method = r->method,
        .target = r->target,
        .headers = buf_str(&headers),
        .body = r->body,
        .to = to,
        .to_count = to_count,
    };
    in->to_spool = spool;
    in->to_journal = !spool;
    if (spool) {
        memcpy(in->spooling.dedupe, dedupe, sizeof dedupe);
        spool_append(w, &parts, &in->spooling);
    } else {
        parts.journal = w->live->number;
        parts.n = journal_next_n(w->live);
        in->append.event = event_new(&parts);
        in->append.durability = source->durability;
        memcpy(in->append.dedupe, dedupe, sizeof dedupe);
    }
    buf_done(&headers);
    httpd_release(r);
    if (!spool) {
        journal_append(w->live, &in->append);
    }
}

const char *ingest_refuses(const struct worker *w)
{
    const char *reason = journal_refuses(w);
    return is_for_spool(w, reason) ? spool_refuses(w, 0) : reason;
}

/* Once a route, or a sender could fill the log. */
static void say_limited(struct worker *w, const struct conf_source *source,
                        const struct route_subject *s)
{
    const struct conf_route *route = s->limited;
    stats_match_limit(w, source->name);
    if (!atomic_exchange(route->limit_said, true)) {
        log_line(LOG_WARN,
                 s->steps > SUBJECT_STEPS
                     ? "the filters took too long over an event: this route's and all later ones' "
                       "count as ones that do not match"
                     : "a filter met a limit, and counts as one that does not match",
                 "route", "%.*s", STR_ARG(route->name), "source", "%.*s", STR_ARG(source->name),
                 NULL);
    }
}

static size_t find_routes(struct worker *w, struct httpd_request *r,
                          const struct conf_source *source, const struct verify_proof *proof,
                          uint16_t to[LANES_MAX])
{
    unsigned indexes[LANES_MAX] UNCLEARED;
    struct route_subject s;
    subject_init(&s, source, proof->scheme, r->method, r->target, r->fields, r->body);
    size_t n = route_match(w->conf, &s, indexes);
    for (size_t i = 0; i < n; i++) {
        to[i] = w->lane_of[indexes[i]];
    }
    if (s.unparsed) {
        stats_unparsed(w, source->name);
    }
    if (s.limited != NULL) {
        say_limited(w, source, &s);
    }
    subject_done(&s);
    return n;
}

static void take_request(struct worker *w, struct httpd_request *r, unsigned waited);

/* What it waits for was read, or could not be. */
static void on_fetched(struct fetch_wait *x)
{
    struct inbound *in = CONTAINER_OF(x, struct inbound, fetched);
    struct worker *w = in->w;
    struct httpd_request *r = in->request;
    /* By another configuration it has waited for nothing yet. */
    unsigned waited = in->conf == w->conf ? in->waited : 0;
    inbound_free(in);
    take_request(w, r, waited);
}

static void on_fetch_late(struct wheel_timer *t)
{
    struct inbound *in = CONTAINER_OF(t, struct inbound, deadline);
    fetch_forget(&in->fetched);
    inbound_fail(in, (in->waited & WAITED_CONFIRM) != 0 ? "unconfirmed" : "keys_unavailable");
    inbound_free(in);
}

void inbound_wait(struct worker *w, struct httpd_request *r, const struct conf_source *source,
                  struct fetch *f, unsigned waited)
{
    struct inbound *in = inbound_new(w, r, source);
    in->waited = waited;
    in->fetched.on_done = on_fetched;
    wheel_arm(&w->wheel, &in->deadline, FETCH_WITHIN_MS, on_fetch_late);
    fetch_wait(f, &in->fetched);
}

bool inbound_wait_for_keys(struct worker *w, struct httpd_request *r,
                           const struct conf_source *source, const struct verify_input *input,
                           unsigned waited)
{
    struct fetch *f = NULL;
    switch (keys_miss(w, source, input, (waited & WAITED_KEY) != 0, &f)) {
    case KEYS_WAIT:
        inbound_wait(w, r, source, f, waited | WAITED_KEY);
        return true;
    case KEYS_AWAY:
        inbound_refuse(w, r, source, "keys_unavailable",
                       "the provider's public keys cannot be read now");
        return true;
    case KEYS_UNKNOWN:
        break;
    }
    return false;
}

static void on_request(void *user, struct httpd_request *r)
{
    CRASH_POINT("body");
    take_request(user, r, 0);
}

/* Is the request one that this source takes at all? Asked when its head is there, and again when it
 * is complete: meanwhile there may be another configuration. False: it was refused. */
static bool is_let_in(struct worker *w, struct httpd_request *r, const struct conf_source *source)
{
    if (source == NULL) {
        inbound_refuse(w, r, NULL, "unknown_source", NULL);
        return false;
    }
    if (!conf_takes_method(source, r->method) && !challenge_may_use(source->verify, r->method)) {
        inbound_refuse(w, r, source, "method", NULL);
        return false;
    }
    if (source->allow_from.n > 0) {
        struct address_bytes client = inbound_client(w->conf, r);
        if (!cidr_has(source->allow_from.v, source->allow_from.n, &client)) {
            inbound_refuse(w, r, source, "ip_denied", "its address is not in allow_from");
            return false;
        }
    }
    return true;
}

static void take_request(struct worker *w, struct httpd_request *r, unsigned waited)
{
    const struct conf_source *source = conf_source_at(w->conf, r->path);
    if (!is_let_in(w, r, source)) {
        return;
    }
    struct verify_input input = {r->method, r->target, r->fields, r->body};
    if (is_challenge(w, r, source, &input, waited)) {
        return;
    }
    if (!conf_takes_method(source, r->method)) { /* a handshake's method, but none */
        inbound_refuse(w, r, source, "method", NULL);
        return;
    }
    if (verify_learns(source->verify) && !learned_is_known(w, source)) {
        inbound_refuse(w, r, source, "redis_down", "it has the secret of this source");
        return;
    }
    struct verify_proof proof;
    struct verify_verdict verdict = verify_check_by(
        learned_verify(w, source), &input, keys_of(w, source), (int64_t)time(NULL), &proof);
    if (verify_lacks_key(&verdict) && inbound_wait_for_keys(w, r, source, &input, waited)) {
        return;
    }
    if (verdict.reason != NULL) {
        inbound_refuse(w, r, source, verdict.reason, verdict.detail);
        return;
    }
    if (is_word(w, r, source, &proof, &input, waited)) {
        return;
    }
    secrets_used(w, source, proof.secrets);
    CRASH_POINT("verified");
    uint16_t to[LANES_MAX] UNCLEARED;
    size_t n = find_routes(w, r, source, &proof, to);
    if (n == 0) {
        stats_unrouted(w, source->name);
        if (!source->keep_unrouted) {
            const struct inbound in = {.w = w, .source = source, .began_us = r->began_us};
            accept_request(&in, r, STR_NONE, STR_NONE);
            return;
        }
    }
    const char *reason = journal_refuses(w);
    const char *full = reason == NULL ? budget_refuses(w, to, n) : NULL;
    if (full != NULL) {
        inbound_refuse(w, r, source, "over_budget", full);
        return;
    }
    bool spool = is_for_spool(w, reason);
    if (spool) {
        reason = spool_refuses(w, r->body.len);
    }
    if (reason == NULL && event_bytes_alive() + r->body.len > w->conf->listen.memory_bytes) {
        reason = "overloaded";
    }
    if (reason != NULL) {
        inbound_refuse(w, r, source, reason, redis_trouble(w));
        return;
    }
    if (!spool && source->dedupe_ms > 0 && !moves_may_wait(w)) { /* it would wait in memory */
        inbound_refuse(w, r, source, "redis_down", "replicas, or a sync, are waited for");
        return;
    }
    if (source->rate.per_s > 0) { /* of what would be accepted only: nothing else uses it up */
        int64_t wait_us = node_rate_wait_us(inlet_of(w, source)->rate, source->rate.per_s,
                                            (int64_t)(uv_hrtime() / 1000));
        if (wait_us > 0) {
            struct address_bytes client = inbound_client(w->conf, r);
            uint64_t wait_s = (uint64_t)(wait_us + 999999) / 1000000;
            refuse_as(w, r, source, &(struct refusal){"rate_limited", NULL, &client, wait_s});
            return;
        }
    }
    keep_request(w, r, source, &proof, to, n, spool);
}

static size_t on_head(void *user, struct httpd_request *r)
{
    CRASH_POINT("head");
    struct worker *w = user;
    const struct conf_source *source = conf_source_at(w->conf, r->path);
    return is_let_in(w, r, source) ? source->body_bytes : 0;
}

static void on_gone(void *user, struct httpd_request *r)
{
    (void)user;
    struct inbound *in = r->pending;
    if (in != NULL && in->fetched.link != NULL) {
        fetch_forget(&in->fetched);
        inbound_free(in);
    } else if (in != NULL) {
        inbound_forget_sender(in);
    }
}

static void on_refused(void *user, const char *reason, const char *detail,
                       const struct sockaddr_storage *peer)
{
    struct worker *w = user;
    struct address_bytes client = address_of(peer);
    stats_rejected(w, STR_NONE, reason);
    refusal_log(&w->broken, 1, LOG_INFO, "refused", STR_NONE, &client, reason, detail);
}

void ingest_use_limits(struct worker *w)
{
    if (w->listener != NULL) {
        struct httpd_limits limits = limits_of(w);
        httpd_use_limits(w->listener, &limits);
    }
}

void ingest_use_tls(struct worker *w, struct tls_context *tls)
{
    if (w->listener != NULL && tls != NULL) {
        httpd_use_tls(w->listener, tls);
        stats_certificate(w, tls_context_expiry(tls));
    }
}

const char *ingest_start(struct worker *w)
{
    static _Thread_local char trouble[512];
    const struct conf *c = w->conf;
    const struct worker *first = w->node->workers[0];
    struct httpd_handler handler = {w, on_head, on_request, on_gone, on_refused};
    const char *why;
    if (w == first) {
        w->node->connections_room = limits_room();
        struct httpd_limits limits = limits_of(w);
        why = httpd_new(&w->listener, w->loop, &w->wheel, c->listen.address, &limits, &handler);
    } else {
        why = httpd_join(&w->listener, first->listener, w->loop, &w->wheel, &handler);
    }
    if (why != NULL) {
        snprintf(trouble, sizeof trouble, "listen.address %s", why);
        return trouble;
    }
    ingest_use_tls(w, w->node->tls);
    return NULL;
}

unsigned ingest_waiting(const struct worker *w)
{
    return w->waiting;
}
