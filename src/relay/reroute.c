/* Unrouted events, routed anew. */
#include "relay/reroute.h"

#include "base/log.h"
#include "model/past.h"
#include "relay/delivery.h"
#include "relay/keys.h"
#include "relay/learned.h"

size_t reroute_find(struct worker *w, const struct history_event *e, uint16_t to[LANES_MAX])
{
    const struct conf_source *source = conf_find_source(w->conf, e->entry->source);
    if (source == NULL) {
        return 0;
    }
    unsigned indexes[CONF_DESTINATIONS_MAX];
    struct fields fields;
    event_read_fields(e->entry->headers, &fields);
    const struct past p = {
        .request = {e->entry->method, e->entry->target, &fields, e->entry->body},
        .received_ms = e->received_ms,
    };
    size_t n =
        past_route(w->conf, source, learned_verify(w, source), keys_of(w, source), &p, indexes);
    for (size_t i = 0; i < n; i++) {
        to[i] = w->lane_of[indexes[i]];
    }
    return n;
}

const char *reroute_over_budget(struct worker *w, const uint16_t *to, size_t n)
{
    return boot_ms() < w->budget.full_until_ms ? "Redis has no memory left"
                                               : budget_refuses(w, to, n);
}

const char *reroute_refuses(struct worker *w, const struct history_event *e)
{
    const char *reason = journal_refuses(w);
    if (reason == NULL && !moves_may_wait(w)) { /* it would wait for its proof in memory */
        reason = "redis_down";
    }
    if (reason == NULL && event_bytes_alive() + e->entry->body.len > w->conf->listen.memory_bytes) {
        reason = "overloaded";
    }
    return reason;
}

void reroute_start(struct worker *w, const struct history_event *e, const uint16_t *to, size_t n,
                   move_on_decided on_decided, void *user)
{
    const struct event_parts parts = {
        .received_ms = worker_now_ms(w),
        .id = e->entry->id,
        .source = e->entry->source,
        .method = e->entry->method,
        .target = e->entry->target,
        .headers = e->entry->headers,
        .body = e->entry->body,
        .to = to,
        .to_count = n,
    };
    move_replay(w, event_new(&parts), e->journal, e->entry->n, on_decided, user);
}
