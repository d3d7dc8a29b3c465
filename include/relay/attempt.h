/* One HTTP try of one delivery, and what came of it by one table. Does not pick the next time and
 * does not touch the journal. */
#ifndef RELAY_ATTEMPT_H
#define RELAY_ATTEMPT_H

#include "io/httpc.h"
#include "model/conf.h"

struct delivery;
struct lane;

enum outcome_kind { OUTCOME_OK, OUTCOME_RETRY, OUTCOME_GIVE_UP };

struct outcome {
    enum outcome_kind kind;
    const char *reason;     /* closed list: ok, status_5xx ..., timeout, connect ... */
    int status;             /* 0: none came */
    int64_t retry_after_ms; /* -1: not asked for */
    char detail[160];       /* for the log: where a redirect points, why TLS failed */
    uint64_t took_us;
};

struct attempt {
    struct httpc_call call;
    struct attempt *next; /* while spare */
    struct delivery *delivery;
    struct conf *conf; /* counted: a reload meanwhile changes nothing of this try */
    const struct conf_destination *dest;
    struct buf added, target; /* what this attempt adds; keeps its memory while spare */
    struct buf fields;        /* the event's, where the destination sets some itself */
};

/* The reason of an attempt that a stop cut off. */
#define ATTEMPT_CANCELLED HTTPC_CANCELLED

/* Starts; dispatch_outcome comes once, later. */
void attempt_start(struct delivery *d);
/* Pure: what a result means under a policy. Wall clock for a Retry-After that is a date. */
void outcome_of(const struct httpc_result *r, const struct retry_policy *p, int64_t now_s,
                struct outcome *out);
void attempts_free(struct lane *lane);

#endif
