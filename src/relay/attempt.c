/* One HTTP try: its request, and what its result means. */
#include "relay/attempt.h"

#include "base/crypt.h"
#include "base/log.h"
#include "relay/delivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SPARE_ATTEMPTS = 64, MORE_CEILING = 64 << 10 };

/* --- outcomes: the first row that fits counts */

enum policy { ALWAYS, IF_NETWORK, IF_TIMEOUT, IF_STATUS };

static const struct {
    const char *result; /* httpc's reason; NULL: an answer came */
    int from, to;       /* its status */
    enum policy retry;  /* when the policy says so it is tried again, else given up */
    const char *reason;
} rules[] = {
    {HTTPC_TIMEOUT, 0, 999, IF_TIMEOUT, "timeout"},
    {HTTPC_RESOLVE, 0, 999, IF_NETWORK, "dns"},
    {HTTPC_DENIED, 0, 999, IF_NETWORK, "address_denied"},
    {HTTPC_CONNECT, 0, 999, IF_NETWORK, "connect"},
    {HTTPC_TLS, 0, 999, IF_NETWORK, "tls"},
    {HTTPC_RESET, 0, 999, IF_NETWORK, "reset"},
    {HTTPC_MALFORMED, 0, 999, IF_NETWORK, "malformed_answer"},
    {HTTPC_CANCELLED, 0, 999, ALWAYS, HTTPC_CANCELLED},
    {NULL, 300, 399, IF_STATUS, "redirect"},
    {NULL, 429, 429, IF_STATUS, "status_429"},
    {NULL, 400, 499, IF_STATUS, "status_4xx"},
    {NULL, 500, 599, IF_STATUS, "status_5xx"},
    {NULL, 0, 999, IF_STATUS, "status_other"},
};

static bool wants_retry(enum policy when, const struct retry_policy *p, int status)
{
    switch (when) {
    case ALWAYS:
        return true;
    case IF_NETWORK:
        return p->on_network;
    case IF_TIMEOUT:
        return p->on_timeout;
    case IF_STATUS:
        break;
    }
    return (status < 300 || status > 399) && retry_wants_status(p, status);
}

void outcome_of(const struct httpc_result *r, const struct retry_policy *p, int64_t now_s,
                struct outcome *out)
{
    *out = (struct outcome){.status = r->status, .retry_after_ms = -1, .took_us = r->took_us};
    if (r->reason == NULL && r->status >= 200 && r->status <= 299) {
        out->kind = OUTCOME_OK;
        out->reason = "ok";
        return;
    }
    size_t i = 0;
    while (rules[i].result != r->reason || r->status < rules[i].from || r->status > rules[i].to) {
        i++;
        ENSURE(i < sizeof rules / sizeof *rules);
    }
    out->kind = wants_retry(rules[i].retry, p, r->status) ? OUTCOME_RETRY : OUTCOME_GIVE_UP;
    out->reason = rules[i].reason;
    out->retry_after_ms = retry_after_ms(r->retry_after, now_s);
    if (r->location.len > 0) {
        snprintf(out->detail, sizeof out->detail, "Location: %.*s",
                 STR_ARG(str_head(r->location, 140)));
    } else if (r->detail != NULL) {
        snprintf(out->detail, sizeof out->detail, "%s", r->detail);
    }
}

/* --- the request */

/* W3C Trace Context: the event is the trace, the attempt its span. */
static void put_trace(const struct delivery *d, struct buf *out)
{
    char trace[32], span[16];
    static const size_t groups[] = {8, 4, 4, 4, 12}; /* a UUID without dashes is a trace id */
    const char *from = d->event->id;
    char *to = trace;
    for (size_t i = 0; i < 5; i++) {
        memcpy(to, from, groups[i]);
        to += groups[i];
        from += groups[i] + 1;
    }
    uint64_t number =
        d->n * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)d->started_boot_ms ^ d->lane->number;
    text_put_hex(span, &number, sizeof number);
    buf_add_str(out, STR("\r\ntraceparent: 00-"));
    buf_add(out, trace, sizeof trace);
    buf_add_char(out, '-');
    buf_add(out, span, sizeof span);
    buf_add_str(out, STR("-01"));
}

/* The provider's own Standard Webhooks fields stay as they came, or its signature would not fit any
 * more; our id is then only in penstock-event-id. */
static void put_added(struct attempt *a, struct buf *out)
{
    const struct delivery *d = a->delivery;
    struct str id = {d->event->id, EVENT_ID_LEN};
    buf_add_str(out, STR("penstock-event-id: "));
    buf_add_str(out, id);
    if (!d->event->has_webhook_id) {
        buf_add_str(out, STR("\r\nwebhook-id: "));
        buf_add_str(out, id);
        buf_add_str(out, STR("\r\nwebhook-timestamp: "));
        buf_add_u64(out, (uint64_t)time(NULL));
    }
    buf_add_str(out, STR("\r\npenstock-source: "));
    buf_add_str(out, d->event->source);
    buf_add_str(out, STR("\r\npenstock-attempt: "));
    buf_add_u64(out, d->record.attempts + 1);
    if (d->record.replay) {
        buf_add_str(out, STR("\r\npenstock-replay: true"));
    }
    if (!d->event->has_traceparent) {
        put_trace(d, out);
    }
    buf_add_str(out, STR("\r\n"));
    buf_add_str(out, a->dest->headers);
}

static bool sets(struct str lines, struct str name)
{
    struct str line, set;
    while (lines.len > 0) {
        (void)str_cut(lines, '\n', &line, &lines);
        (void)str_cut(line, ':', &set, &line);
        if (fields_same_name(set, name)) {
            return true;
        }
    }
    return false;
}

/* The event's fields, without those that the destination's configuration sets: its Authorization
 * must not stand beside one that a sender made up. */
static struct str put_fields(struct attempt *a)
{
    struct str all = a->delivery->event->headers, own = a->dest->headers;
    struct str line, name, value;
    if (own.len == 0) {
        return all;
    }
    while (all.len > 0) {
        (void)str_cut(all, '\n', &line, &all);
        (void)str_cut(line, ':', &name, &value);
        if (!sets(own, name)) {
            buf_add_str(&a->fields, line);
            buf_add_char(&a->fields, '\n');
        }
    }
    return buf_str(&a->fields);
}

/* The destination's own path and query; the request's query joins it. */
static struct str put_target(struct attempt *a)
{
    struct str path, query, own = a->dest->target;
    if (!str_cut(a->delivery->event->target, '?', &path, &query) || query.len == 0) {
        return own;
    }
    buf_add_str(&a->target, own);
    buf_add_char(&a->target, str_has(own, '?') ? '&' : '?');
    buf_add_str(&a->target, query);
    return buf_str(&a->target);
}

static struct attempt *attempt_new(struct lane *lane)
{
    struct attempt *a = lane->spare;
    if (a != NULL) {
        lane->spare = a->next;
        lane->spares--;
    } else {
        a = calloc(1, sizeof *a);
        ENSURE(a != NULL);
        buf_init(&a->added, MORE_CEILING);
        buf_init(&a->target, MORE_CEILING);
        buf_init(&a->fields, MORE_CEILING);
    }
    buf_clear(&a->added);
    buf_clear(&a->target);
    buf_clear(&a->fields);
    return a;
}

static void attempt_free(struct attempt *a)
{
    buf_done(&a->added);
    buf_done(&a->target);
    buf_done(&a->fields);
    free(a);
}

static void recycle(struct lane *lane, struct attempt *a)
{
    if (lane->spares == SPARE_ATTEMPTS) {
        attempt_free(a);
        return;
    }
    a->next = lane->spare;
    lane->spare = a;
    lane->spares++;
}

void attempts_free(struct lane *lane)
{
    while (lane->spare != NULL) {
        struct attempt *a = lane->spare;
        lane->spare = a->next;
        attempt_free(a);
    }
    lane->spares = 0;
}

static void on_done(struct httpc_call *call, const struct httpc_result *result)
{
    struct attempt *a = CONTAINER_OF(call, struct attempt, call);
    struct delivery *d = a->delivery;
    struct outcome o;
    struct conf *conf = a->conf;
    const struct conf_destination *dest = a->dest;
    outcome_of(result, &dest->retry, (int64_t)time(NULL), &o);
    d->attempt = NULL;
    recycle(d->lane, a);
    dispatch_outcome(d, dest, &o);
    conf_unref(conf);
}

void attempt_start(struct delivery *d)
{
    struct lane *lane = d->lane;
    struct attempt *a = attempt_new(lane);
    a->delivery = d;
    a->conf = conf_ref(lane->w->conf);
    a->dest = lane->dest;
    d->attempt = a;
    put_added(a, &a->added);
    struct httpc_request request = {
        .method = d->event->method,
        .target = put_target(a),
        .fields = put_fields(a),
        .more_fields = buf_str(&a->added),
        .body = d->event->body,
    };
    struct httpc_timeouts timeouts = {.connect_ms = 5000,
                                      .total_ms = (uint64_t)a->dest->timeout_ms};
    httpc_start(&a->call, lane->origin, &request, &timeouts, on_done);
}
