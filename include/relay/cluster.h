/* Redis Cluster: which master has which slot (redis.io, "Redis cluster specification"). */
#ifndef RELAY_CLUSTER_H
#define RELAY_CLUSTER_H

#include "relay/redis.h"

#define CLUSTER_SLOTS 16384

/* CRC16 (XMODEM) of the key, or of what stands between its first { and the next }. */
unsigned cluster_slot(struct str key);

struct cluster_range {
    unsigned first, last; /* slots, both below CLUSTER_SLOTS */
    struct str host;      /* of its master, borrowed; empty: the server that was asked */
    uint16_t port;
};

/* One element of the answer to CLUSTER SLOTS; false: it is none. */
bool cluster_range_read(const redisReply *r, struct cluster_range *out) MUST_CHECK;

/* A server has said that it belongs to a cluster: from now on slots decide. What it knows of the
 * cluster is part of the check at connect: one answer more. */
void cluster_check(struct master *m);
struct master *cluster_master_of(const struct cluster *c, struct str key);
/* The map may be old, or a master is away: asks, now and then at most, until all are there. */
void cluster_look(struct worker *w);
const char *
cluster_trouble(const struct cluster *c); /* what is wrong with it; "" when nothing is */
/* The answer to CLUSTER SLOTS; `user` is the master that was asked. */
void cluster_on_slots(void *user, const redisReply *reply);
void cluster_free(struct worker *w);

#endif
