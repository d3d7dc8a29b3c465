/* The table of metrics, and what feeds it. */
#include "relay/stats.h"

#include "base/log.h"
#include "relay/spool.h"

#include <stdlib.h>
#include <string.h>

struct stats {
    struct metrics all;
    struct metric_family *accepted, *rejected, *admin_refused, *unrouted, *unparsed, *match_limit,
        *duplicate, *challenges, *late, *deadline, *verified, *accept_latency, *attempts,
        *delivered, *parked, *dead, *dropped, *depth, *inflight, *breaker, *paused, *held,
        *delivery_latency, *store_errors, *expiry, *given_up;
    struct metric *redis_up, *lease_valid, *journals, *left, *moved, *lost, *recovered, *overdue,
        *memory, *connections, *waiting, *unproven, *kept, *kept_dead, *spooled, *spool_bytes,
        *reloaded, *reloaded_at;
    struct map sources; /* struct source_stats by name */
    struct map lanes;   /* struct lane_stats by name */
    uint64_t accepted_total;
};

struct source_stats {
    struct metric *accepted, *latency, *unrouted, *unparsed, *match_limit, *duplicate, *challenges,
        *late;
};

struct lane_stats {
    const char *name;
    struct metric *ok, *parked, *dead, *depth, *inflight, *breaker, *paused, *held, *latency,
        *attempts_ok;
};

static struct metric *single(struct stats *s, enum metric_kind kind, const char *name,
                             const char *help)
{
    return metric_of(metrics_family(&s->all, kind, name, help), NULL);
}

/* A gauge that is not a sum over the workers. */
static struct metric *single_of(struct stats *s, enum metric_sum sum, const char *name,
                                const char *help)
{
    struct metric_family *f = metrics_family(&s->all, METRIC_GAUGE, name, help);
    f->sum = sum;
    return metric_of(f, NULL);
}

struct stats *stats_new(void)
{
    struct stats *s = calloc(1, sizeof *s);
    ENSURE(s != NULL);
    struct metrics *m = &s->all;
    metrics_init(m);
    map_init(&s->sources);
    map_init(&s->lanes);
    const enum metric_kind count = METRIC_COUNTER, gauge = METRIC_GAUGE, hist = METRIC_HISTOGRAM;
    s->accepted =
        metrics_family(m, count, "penstock_events_accepted_total", "Events answered with success.");
    s->rejected = metrics_family(m, count, "penstock_requests_rejected_total",
                                 "Requests refused, by reason.");
    s->admin_refused = metrics_family(m, count, "penstock_admin_requests_refused_total",
                                      "Admin requests without the token, or by a strange name.");
    s->unrouted =
        metrics_family(m, count, "penstock_events_unrouted_total", "Events that no route wanted.");
    s->unparsed =
        metrics_family(m, count, "penstock_bodies_unparsed_total",
                       "Events whose body a rule looked at, but which is no JSON it can read.");
    s->match_limit = metrics_family(m, count, "penstock_match_limits_total",
                                    "Events for which a filter met a limit: it did not match.");
    s->duplicate = metrics_family(m, count, "penstock_events_duplicate_total",
                                  "Events answered with the id of an earlier one.");
    s->challenges = metrics_family(m, count, "penstock_handshakes_total",
                                   "Handshakes of providers that were answered.");
    s->late = metrics_family(m, count, "penstock_accept_late_total",
                             "Events whose answer took more than half of what their provider waits "
                             "for.");
    s->deadline = metrics_family(m, gauge, "penstock_source_deadline_seconds",
                                 "So long the provider waits for an answer; none where not known.");
    s->verified = metrics_family(m, count, "penstock_events_verified_total",
                                 "Events by the secret of their source that verified them.");
    s->accept_latency = metrics_family(m, hist, "penstock_accept_seconds",
                                       "First byte of a request to its answer.");
    s->attempts =
        metrics_family(m, count, "penstock_attempts_total", "Delivery attempts, by outcome.");
    s->delivered =
        metrics_family(m, count, "penstock_deliveries_total", "Deliveries that succeeded.");
    s->delivery_latency =
        metrics_family(m, hist, "penstock_delivery_seconds",
                       "Receipt of an event (or the call for its replay) to its delivery.");
    s->parked = metrics_family(m, count, "penstock_parked_total", "Deliveries parked in Redis.");
    s->dead = metrics_family(m, count, "penstock_dead_letters_total", "Deliveries given up.");
    s->given_up = metrics_family(m, count, "penstock_deliveries_dropped_total",
                                 "Deliveries given up without a dead letter: of a mirror, or by "
                                 "on_exhausted.");
    s->dropped = metrics_family(
        m, count, "penstock_dead_letters_dropped_total",
        "Dead letters that had to go: by age, for their share, or with a dropped destination.");
    s->depth = metrics_family(m, gauge, "penstock_lane_depth", "Deliveries in memory.");
    s->inflight = metrics_family(m, gauge, "penstock_attempts_inflight", "Attempts running.");
    s->breaker =
        metrics_family(m, gauge, "penstock_breaker_open", "1 while a destination counts as down.");
    s->paused = metrics_family(m, gauge, "penstock_destination_paused", "1 while paused.");
    s->held = metrics_family(m, gauge, "penstock_destination_redis_bytes",
                             "What waits for it in Redis, of all nodes, against its buffer.");
    s->store_errors =
        metrics_family(m, count, "penstock_redis_errors_total", "Error answers of Redis, by kind.");
    s->redis_up = single_of(s, METRIC_LEAST, "penstock_redis_up", "1 while Redis can be used.");
    s->lease_valid = single_of(s, METRIC_LEAST, "penstock_lease_valid",
                               "1 while each worker's live journal is its own.");
    s->journals = single(s, gauge, "penstock_journals", "Journals owned.");
    s->left =
        single(s, count, "penstock_journals_left_total", "Live journals given up for a new one.");
    s->moved = single(s, count, "penstock_events_moved_total", "Events moved to a new journal.");
    s->lost = single(s, count, "penstock_deliveries_perhaps_lost_total",
                     "Acknowledged, and then lost by Redis.");
    s->recovered =
        single(s, count, "penstock_events_recovered_total", "Events read back from a journal.");
    s->overdue = single_of(s, METRIC_GREATEST, "penstock_oldest_overdue_seconds",
                           "How long the oldest due delivery waits.");
    s->memory = single_of(s, METRIC_GREATEST, "penstock_event_bytes", "Bytes of events in memory.");
    s->kept = single_of(s, METRIC_GREATEST, "penstock_redis_bytes",
                        "What all nodes keep in Redis, against retention.max_memory.");
    s->kept_dead = single_of(s, METRIC_GREATEST, "penstock_redis_dead_letter_bytes",
                             "Dead letters of it, against retention.dead_bytes.");
    s->connections = single(s, gauge, "penstock_connections", "Open connections of senders.");
    s->waiting = single(s, gauge, "penstock_appends_pending", "Senders waiting for Redis.");
    s->unproven = single(s, gauge, "penstock_events_unproven",
                         "Events that wait for replicas, or a sync, before they may be delivered.");
    s->spooled = single(s, count, "penstock_events_spooled_total",
                        "Events written to the spool while Redis was away.");
    s->spool_bytes =
        single(s, gauge, "penstock_spool_bytes", "Bytes of the spool that wait for Redis.");
    s->reloaded = single_of(s, METRIC_GREATEST, "penstock_config_last_reload_successful",
                            "1 unless the last reload of the configuration was refused.");
    s->reloaded_at =
        single_of(s, METRIC_GREATEST, "penstock_config_last_reload_success_timestamp_seconds",
                  "When the configuration in force was loaded, Unix time.");
    s->expiry = metrics_family(m, gauge, "penstock_tls_certificate_expiry_seconds",
                               "When the listener's first certificate to expire does, Unix time.");
    s->expiry->sum = METRIC_LEAST;
    s->breaker->sum = s->paused->sum = s->held->sum = s->deadline->sum = METRIC_GREATEST;
    return s;
}

void stats_free(struct stats *s)
{
    const struct map_entry *e;
    for (size_t i = 0; (e = map_next(&s->sources, &i)) != NULL;) {
        free(e->value);
    }
    for (size_t i = 0; (e = map_next(&s->lanes, &i)) != NULL;) {
        free(e->value);
    }
    map_done(&s->sources);
    map_done(&s->lanes);
    metrics_done(&s->all);
    free(s);
}

static struct source_stats *source_of(struct worker *w, struct str name)
{
    struct stats *s = w->stats;
    struct source_stats *source = map_find(&s->sources, name);
    if (source == NULL) {
        char text[80];
        size_t n = name.len < sizeof text - 1 ? name.len : sizeof text - 1;
        memcpy(text, name.at, n);
        text[n] = '\0';
        source = calloc(1, sizeof *source);
        ENSURE(source != NULL);
        source->accepted = metric_of(s->accepted, "source", text, NULL);
        source->latency = metric_of(s->accept_latency, "source", text, NULL);
        source->unrouted = metric_of(s->unrouted, "source", text, NULL);
        source->unparsed = metric_of(s->unparsed, "source", text, NULL);
        source->match_limit = metric_of(s->match_limit, "source", text, NULL);
        source->duplicate = metric_of(s->duplicate, "source", text, NULL);
        source->challenges = metric_of(s->challenges, "source", text, NULL);
        source->late = metric_of(s->late, "source", text, NULL);
        const struct conf_source *known = conf_find_source(w->conf, name);
        if (known != NULL && known->deadline_ms > 0) {
            metric_set(metric_of(s->deadline, "source", text, NULL),
                       (uint64_t)known->deadline_ms / 1000);
        }
        map_set(&s->sources, name, source);
    }
    return source;
}

static struct metric *dropped_of(struct stats *s, const char *destination, const char *why)
{
    return metric_of(s->dropped, "destination", destination, "why", why, NULL);
}

struct lane_stats *stats_lane(struct worker *w, const char *name)
{
    struct stats *s = w->stats;
    struct lane_stats *l = map_find(&s->lanes, str_of(name));
    if (l == NULL) {
        l = calloc(1, sizeof *l);
        ENSURE(l != NULL);
        l->ok = metric_of(s->delivered, "destination", name, NULL);
        l->latency = metric_of(s->delivery_latency, "destination", name, NULL);
        l->parked = metric_of(s->parked, "destination", name, NULL);
        l->dead = metric_of(s->dead, "destination", name, NULL);
        dropped_of(s, name, "age");
        dropped_of(s, name, "share");
        dropped_of(s, name, "dropped");
        l->depth = metric_of(s->depth, "destination", name, NULL);
        l->inflight = metric_of(s->inflight, "destination", name, NULL);
        l->breaker = metric_of(s->breaker, "destination", name, NULL);
        l->paused = metric_of(s->paused, "destination", name, NULL);
        l->held = metric_of(s->held, "destination", name, NULL);
        l->name = name;
        map_set(&s->lanes, str_of(name), l);
    }
    return l;
}

void stats_accepted(struct worker *w, struct str source, uint64_t took_us)
{
    struct source_stats *s = source_of(w, source);
    metric_add(s->accepted, 1);
    metric_observe_us(s->latency, took_us);
    w->stats->accepted_total++;
}

void stats_rejected(struct worker *w, struct str source, const char *reason)
{
    char name[80];
    size_t n = source.len < sizeof name - 1 ? source.len : sizeof name - 1;
    if (n > 0) {
        memcpy(name, source.at, n);
    }
    name[n] = '\0';
    metric_add(metric_of(w->stats->rejected, "source", name, "reason", reason, NULL), 1);
}

void stats_deadline(struct worker *w, const struct conf_source *source)
{
    if (map_find(&w->stats->sources, source->name) != NULL) {
        char text[80];
        text_copy(text, sizeof text, source->name);
        metric_set(metric_of(w->stats->deadline, "source", text, NULL),
                   (uint64_t)source->deadline_ms / 1000);
    }
}

void stats_config(struct worker *w, bool reloaded, int64_t now_s)
{
    metric_set(w->stats->reloaded, reloaded);
    if (reloaded) {
        metric_set(w->stats->reloaded_at, now_s > 0 ? (uint64_t)now_s : 0);
    }
}

struct metric *stats_verified(struct worker *w, struct str source, struct str secret)
{
    char names[2][80];
    text_copy(names[0], sizeof names[0], source);
    text_copy(names[1], sizeof names[1], secret);
    return metric_of(w->stats->verified, "source", names[0], "secret", names[1], NULL);
}

void stats_admin_refused(struct worker *w, const char *reason)
{
    metric_add(metric_of(w->stats->admin_refused, "reason", reason, NULL), 1);
}

void stats_unrouted(struct worker *w, struct str source)
{
    metric_add(source_of(w, source)->unrouted, 1);
}

void stats_unparsed(struct worker *w, struct str source)
{
    metric_add(source_of(w, source)->unparsed, 1);
}

void stats_match_limit(struct worker *w, struct str source)
{
    metric_add(source_of(w, source)->match_limit, 1);
}

void stats_duplicate(struct worker *w, struct str source)
{
    metric_add(source_of(w, source)->duplicate, 1);
}

void stats_late(struct worker *w, struct str source)
{
    metric_add(source_of(w, source)->late, 1);
}

void stats_challenge(struct worker *w, struct str source)
{
    metric_add(source_of(w, source)->challenges, 1);
}

void stats_attempt(struct lane *lane, const struct outcome *o)
{
    if (o->kind != OUTCOME_OK) {
        metric_add(metric_of(lane->w->stats->attempts, "destination", lane->name, "outcome",
                             o->reason, NULL),
                   1);
        return;
    }
    struct lane_stats *l = lane->stats;
    if (l->attempts_ok == NULL) { /* the common case is found once */
        l->attempts_ok =
            metric_of(lane->w->stats->attempts, "destination", lane->name, "outcome", "ok", NULL);
    }
    metric_add(l->attempts_ok, 1);
}

void stats_delivered(struct lane *lane, int64_t took_ms)
{
    metric_add(lane->stats->ok, 1);
    metric_observe_us(lane->stats->latency, took_ms < 0 ? 0 : (uint64_t)took_ms * 1000);
}

void stats_dropped(struct lane *lane)
{
    metric_add(metric_of(lane->w->stats->given_up, "destination", lane->name, NULL), 1);
}

void stats_parked(struct worker *w, struct lane *lane)
{
    (void)w;
    metric_add(lane->stats->parked, 1);
}

void stats_dead(struct worker *w, struct lane *lane)
{
    (void)w;
    metric_add(lane->stats->dead, 1);
}

void stats_dead_dropped(struct lane *lane, const char *why)
{
    metric_add(dropped_of(lane->w->stats, lane->name, why), 1);
}

void stats_store_error(struct worker *w, enum store_error e)
{
    metric_add(metric_of(w->stats->store_errors, "error", store_error_word(e), NULL), 1);
}

void stats_journal_left(struct worker *w)
{
    metric_add(w->stats->left, 1);
}

void stats_moved(struct worker *w, size_t events, unsigned perhaps_lost)
{
    metric_add(w->stats->moved, events);
    metric_add(w->stats->lost, perhaps_lost);
}

void stats_recovered(struct worker *w, uint64_t events)
{
    metric_add(w->stats->recovered, events);
}

void stats_lost(struct worker *w, unsigned deliveries)
{
    metric_add(w->stats->lost, deliveries);
}

void stats_spooled(struct worker *w, unsigned events)
{
    metric_add(w->stats->spooled, events);
}

void stats_certificate(struct worker *w, int64_t expires_s)
{
    metric_set(metric_of(w->stats->expiry, NULL), expires_s > 0 ? (uint64_t)expires_s : 0);
}

uint64_t stats_accepted_total(const struct worker *w)
{
    return w->stats->accepted_total;
}

static int64_t oldest_overdue_ms(const struct worker *w, int64_t now)
{
    int64_t oldest = 0;
    for (const struct journal *j = w->journals; j != NULL; j = j->next) {
        for (unsigned i = 0; i < w->lane_count; i++) {
            const struct track *t = j->tracks[i];
            if (t != NULL && !lane_is_mirror(t->lane) && t->next_due_ms < now &&
                now - t->next_due_ms > oldest) {
                oldest = now - t->next_due_ms;
            }
        }
    }
    return oldest;
}

void stats_sum(struct worker *w, struct metrics *sum)
{
    struct stats *s = w->stats;
    unsigned journals = 0;
    for (const struct journal *j = w->journals; j != NULL; j = j->next) {
        journals++;
    }
    for (unsigned i = 0; i < w->lane_count; i++) {
        const struct lane *lane = w->lanes[i];
        metric_set(lane->stats->depth, lane_depth(lane));
        metric_set(lane->stats->inflight, lane->lists[DELIVERY_INFLIGHT].n);
        metric_set(lane->stats->breaker,
                   lane->breaker.state == BREAKER_OPEN && !lane_is_mirror(lane));
        metric_set(lane->stats->paused, lane->paused);
        metric_set(lane->stats->held, lane->held_bytes);
    }
    metric_set(s->redis_up, redis_is_whole(w));
    metric_set(s->lease_valid, w->live != NULL && journal_may_act(w->live));
    metric_set(s->journals, journals);
    metric_set(s->overdue, (uint64_t)oldest_overdue_ms(w, worker_now_ms(w)) / 1000);
    metric_set(s->memory, event_bytes_alive());
    metric_set(s->kept, w->budget.total);
    metric_set(s->kept_dead, w->budget.dead);
    metric_set(s->connections, w->listener == NULL ? 0 : httpd_connections(w->listener));
    metric_set(s->waiting, w->waiting);
    metric_set(s->unproven, w->unproven);
    metric_set(s->spool_bytes, spool_bytes(w));
    metrics_sum(sum, &s->all);
}
