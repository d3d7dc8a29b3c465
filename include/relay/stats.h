/* What the relay counts: one row a metric (stats.c), one function for what the code sees happen. */
#ifndef RELAY_STATS_H
#define RELAY_STATS_H

#include "relay/delivery.h"

struct stats;
struct lane_stats;

struct stats *stats_new(void);
void stats_free(struct stats *s);
struct lane_stats *stats_lane(struct worker *w, const char *name); /* owned by stats */
/* Adds this worker's, gauges brought up to date. */
void stats_sum(struct worker *w, struct metrics *sum);

void stats_accepted(struct worker *w, struct str source, uint64_t took_us);
void stats_rejected(struct worker *w, struct str source, const char *reason);
void stats_admin_refused(struct worker *w, const char *reason); /* "unauthorized", "host" */
void stats_unrouted(struct worker *w, struct str source);
void stats_unparsed(struct worker *w, struct str source);    /* no JSON, but a rule looked */
void stats_match_limit(struct worker *w, struct str source); /* a filter gave up */
void stats_duplicate(struct worker *w, struct str source);   /* one that dedupe saw */
struct metric *stats_verified(struct worker *w, struct str source, struct str secret);
void stats_deadline(struct worker *w, const struct conf_source *source); /* after a reload */
void stats_config(struct worker *w, bool reloaded, int64_t now_s);       /* at start: true */
void stats_late(struct worker *w, struct str source); /* an answer near its provider's deadline */
void stats_challenge(struct worker *w, struct str source); /* a handshake answered */
void stats_attempt(struct lane *lane, const struct outcome *o);
void stats_delivered(struct lane *lane, int64_t took_ms);
void stats_parked(struct worker *w, struct lane *lane);
void stats_dropped(struct lane *lane); /* given up without a dead letter */
void stats_dead(struct worker *w, struct lane *lane);
void stats_dead_dropped(struct lane *lane, const char *why); /* "age", "share", "dropped" */
void stats_store_error(struct worker *w, enum store_error e);
void stats_journal_left(struct worker *w);
void stats_moved(struct worker *w, size_t events, unsigned perhaps_lost);
void stats_recovered(struct worker *w, uint64_t events);
void stats_lost(struct worker *w, unsigned deliveries);
void stats_spooled(struct worker *w, unsigned events);
void stats_certificate(struct worker *w, int64_t expires_s); /* the listener's, Unix time */
/* Since the start, for /api/v1 and the log at exit. */
uint64_t stats_accepted_total(const struct worker *w);

#endif
