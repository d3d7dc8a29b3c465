/* Lanes: one per destination and worker. They outlive reloads, and are never removed in a life: a
 * destination that this configuration does not know keeps its lane, and its deliveries stay parked.
 */
#include "relay/delivery.h"

#include "base/log.h"
#include "relay/node.h"
#include "relay/stats.h"

#include <stdlib.h>
#include <string.h>

enum { DROP_AT_ONCE = 4096 }; /* of a dropped destination, for each journal and tick */

enum { UNKNOWN_MAX_AGE_MS = 3 * 86400000 };

unsigned lane_number(const struct lane *lane)
{
    return lane->number;
}

/* What is no name would, as text or in a list of names, be another one's. */
static bool is_name(struct str name)
{
    return name.len > 0 && name.len < sizeof((struct lane *)NULL)->name && !str_has(name, '\0') &&
           !str_has(name, ' ');
}

struct lane *lane_find(struct worker *w, struct str name)
{
    struct lane *lane = map_find(&w->lane_by_name, name);
    if (lane != NULL || !is_name(name) || w->lane_count == LANES_MAX) {
        return lane;
    }
    lane = calloc(1, sizeof *lane);
    ENSURE(lane != NULL);
    lane->w = w;
    lane->number = w->lane_count;
    memcpy(lane->name, name.at, name.len);
    breaker_init(&lane->breaker);
    lane->stats = stats_lane(w, lane->name);
    map_set(&w->lane_by_name, name, lane);
    w->lanes[w->lane_count++] = lane;
    return lane;
}

const char *lane_why_none(struct str name)
{
    return is_name(name) ? "more names than one process can hold" : "it is no name";
}

static struct httpc_origin_conf origin_of(const struct worker *w,
                                          const struct conf_destination *dest)
{
    return (struct httpc_origin_conf){
        .tls = dest->tls,
        .host = dest->host,
        .port = dest->port,
        /* What all workers keep is within the node's limit: one that is served one by one is never
         * shut out by another worker's idle connection. */
        .idle = dest->concurrency / w->node->worker_count,
        .allow_link_local = dest->names_link_local,
        .rules = dest->rules,
        .ca_file = dest->files.ca_file,
        .cert_file = dest->files.cert_file,
        .key_file = dest->files.key_file,
    };
}

static bool same_rules(const struct cidr_rules *a, const struct cidr_rules *b)
{
    return a == NULL || b == NULL ? a == b : str_eq(a->text, b->text);
}

static bool same_origin(const struct conf_destination *a, const struct conf_destination *b)
{
    return a->tls == b->tls && str_eq(a->host, b->host) && a->port == b->port &&
           a->concurrency == b->concurrency && a->names_link_local == b->names_link_local &&
           same_rules(a->rules, b->rules) && str_eq(a->files.ca_file, b->files.ca_file) &&
           str_eq(a->files.cert_file, b->files.cert_file) &&
           str_eq(a->files.key_file, b->files.key_file);
}

/* A fault of its files leaves it without: nothing is tried until lanes_tend has found them good. */
static const char *open_origin(struct lane *lane)
{
    const struct httpc_origin_conf conf = origin_of(lane->w, lane->dest);
    httpc_origin_free(lane->origin);
    lane->origin = NULL;
    const char *why = httpc_origin_new(&lane->origin, lane->w->httpc, &conf);
    lane->unusable = why != NULL;
    return why;
}

bool lane_goes_elsewhere(const struct lane *lane, const struct conf_destination *dest)
{
    return lane->dest == NULL || lane->dest->port != dest->port ||
           !str_eq(lane->dest->host, dest->host);
}

/* Where its connections are, of the same address, goes on. */
static const char *apply(struct lane *lane, const struct conf_destination *dest)
{
    bool elsewhere = lane_goes_elsewhere(lane, dest);
    bool anew = lane->origin == NULL || lane->dest == NULL || !same_origin(lane->dest, dest);
    lane->dest = dest;
    lane->removed = false;
    lane->slots = node_slots_of(lane->w->node, dest->name);
    atomic_store(&lane->slots->most, dest->concurrency);
    if (elsewhere) { /* what was seen of it was another one's */
        node_breaker_reset(lane);
    }
    return anew ? open_origin(lane) : NULL;
}

void lane_mend(struct lane *lane)
{
    if (lane->unusable && open_origin(lane) == NULL) {
        log_line(LOG_INFO, "the files of a destination can be used now", "destination", "%s",
                 lane->name, NULL);
    }
}

/* Whatever is tried now finishes; the rest waits, or follows its rule. */
static void remove_lane(struct lane *lane, enum conf_removed rule)
{
    httpc_origin_free(lane->origin);
    lane->origin = NULL;
    lane->unusable = false;
    lane->dest = NULL;
    lane->removed = true;
    lane->rule = rule;
    node_breaker_reset(lane);
}

/* Lanes of what this configuration has, and by its indexes which those are. */
const char *lanes_apply(struct worker *w)
{
    const char *first = NULL;
    free(w->lane_of);
    w->lane_of = calloc(w->conf->destination_count + 1, sizeof *w->lane_of);
    ENSURE(w->lane_of != NULL);
    for (size_t i = 0; i < w->conf->destination_count; i++) {
        const struct conf_destination *dest = &w->conf->destinations[i];
        struct lane *lane = lane_find(w, dest->name);
        ENSURE(lane != NULL); /* lanes_make has made it; and at the start there is room for all */
        const char *why = apply(lane, dest);
        first = first == NULL ? why : first;
        w->lane_of[i] = (uint16_t)lane->number;
    }
    return first;
}

const char *lanes_reload(struct worker *w, const struct conf *before)
{
    for (size_t i = 0; i < before->destination_count; i++) {
        const struct conf_destination *dest = &before->destinations[i];
        if (conf_find_destination(w->conf, dest->name) == NULL) {
            remove_lane(lane_find(w, dest->name), conf_removed_rule(dest));
        }
    }
    const char *why = lanes_apply(w);
    lanes_tend(w);
    return why;
}

bool lanes_fit(struct worker *w, const struct conf *next)
{
    unsigned more = 0;
    for (size_t i = 0; i < next->destination_count; i++) {
        more += map_find(&w->lane_by_name, next->destinations[i].name) == NULL;
    }
    return more <= LANES_MAX - w->lane_count;
}

bool lanes_make(struct worker *w, const struct conf *next)
{
    bool all = true;
    for (size_t i = 0; i < next->destination_count; i++) {
        all = lane_find(w, next->destinations[i].name) != NULL && all;
    }
    return all;
}

void lanes_refresh(struct worker *w)
{
    for (unsigned i = 0; i < w->lane_count; i++) {
        if (w->lanes[i]->origin != NULL) {
            httpc_origin_refresh(w->lanes[i]->origin);
        }
    }
}

bool lane_is_in(const struct lane *lane, const uint16_t *to, size_t count)
{
    size_t i = 0;
    while (i < count && to[i] != lane->number) {
        i++;
    }
    return i < count;
}

void lanes_put_names(const struct worker *w, const uint16_t *to, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            buf_add_char(out, ' ');
        }
        buf_add_str(out, str_of(w->lanes[to[i]]->name));
    }
}

void lanes_free(struct worker *w)
{
    for (unsigned i = 0; i < w->lane_count; i++) {
        struct lane *lane = w->lanes[i];
        for (int s = 0; s < DELIVERY_STATES; s++) {
            ENSURE(lane->lists[s].n == 0);
        }
        wheel_cancel(&w->wheel, &lane->probe);
        wheel_cancel(&w->wheel, &lane->stuck);
        attempts_free(lane);
        httpc_origin_free(lane->origin);
        free(lane);
    }
    w->lane_count = 0;
    w->offered = NULL;
    free(w->lane_of);
    w->lane_of = NULL;
    map_done(&w->lane_by_name);
}

int64_t lane_max_age_ms(const struct lane *lane)
{
    return lane->removed        ? LANE_ALL_AGES
           : lane->dest == NULL ? UNKNOWN_MAX_AGE_MS
                                : lane->dest->retry.max_age_ms;
}

bool lane_is_mirror(const struct lane *lane)
{
    return lane->dest != NULL && lane->dest->mirror;
}

unsigned lane_depth(const struct lane *lane)
{
    unsigned n = 0;
    for (int s = 0; s < DELIVERY_STATES; s++) {
        n += lane->lists[s].n;
    }
    return n;
}

void lane_drop(struct lane *lane)
{
    unsigned forgotten = 0;
    for (int s = 0; s < DELIVERY_INFLIGHT; s++) {
        while (lane->lists[s].first != NULL) {
            delivery_settle(lane->lists[s].first);
            forgotten++;
        }
    }
    for (struct journal *j = lane->w->journals; j != NULL; j = j->next) {
        forgotten += j->tracks[lane->number] != NULL ? commit_forget(j->tracks[lane->number]) : 0;
    }
    if (forgotten > 0) {
        log_line(LOG_WARN, "deliveries of a dropped destination are forgotten", "destination", "%s",
                 lane->name, "deliveries", "%u", forgotten, NULL);
    }
    for (struct journal *j = lane->w->journals; j != NULL; j = j->next) {
        struct track *t = j->tracks[lane->number];
        if (t != NULL && (j->state == JOURNAL_OPEN || j->state == JOURNAL_OLD)) {
            dead_forget(t, DROP_AT_ONCE, "dropped");
            due_forget(t, DROP_AT_ONCE);
        }
    }
}

void lane_pause(struct lane *lane, bool paused)
{
    if (lane->paused == paused) {
        return;
    }
    lane->paused = paused;
    log_line(LOG_INFO, paused ? "destination is paused" : "destination is resumed", "destination",
             "%s", lane->name, NULL);
    lane_pump(lane);
}
