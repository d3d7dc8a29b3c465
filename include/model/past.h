/* A request that was taken before, put to a configuration once more: what would become of it? Pure;
 * what only a running node has (keys that it reads, secrets that handshakes left, addresses of
 * senders, rates) is not looked at, and the outcome says so. */
#ifndef MODEL_PAST_H
#define MODEL_PAST_H

#include "model/route.h"

struct past {
    struct verify_input request; /* as it was kept: without hop-by-hop fields and Host */
    int64_t received_ms;
};

enum past_fate {
    PAST_TAKEN,
    PAST_NO_SOURCE, /* none has its path */
    PAST_METHOD,
    PAST_TOO_LARGE,
    PAST_REFUSED, /* its signature or its time; `reason` and `detail` say why */
};

struct past_outcome {
    enum past_fate fate;
    const struct conf_source *source; /* NULL: PAST_NO_SOURCE */
    const char *reason, *detail;      /* of PAST_REFUSED, as verify_check has them */
    bool unchecked;                   /* whether it is genuine, only a running node could say */
    bool scheme_known;                /* by which of the source's it is, `proof` says */
    struct verify_proof proof;
    size_t to_count; /* of PAST_TAKEN, and of PAST_REFUSED if it were genuine */
    unsigned to[CONF_DESTINATIONS_MAX];
};

/* At the time when it was received. */
void past_put(const struct conf *c, const struct past *p, struct past_outcome *out);

/* What each route of it says to that event, as route_explain has it; none where no source has it.
 */
void past_explain(const struct conf *c, const struct past *p, const struct past_outcome *o,
                  route_on_verdict *each, void *user);

/* The destinations' indexes, as route_match has them, of a request that is genuine; by which of the
 * source's schemes it was taken is found by where its type is, unless `v` and `keys` (may be NULL)
 * tell. */
size_t past_route(const struct conf *c, const struct conf_source *s, const struct verify *v,
                  const struct jwks *keys, const struct past *p, unsigned *to);
/* Its type, by any of the source's schemes, appended; false: it has none. */
bool past_type(const struct conf_source *s, const struct past *p, struct buf *out);

#endif
