/* Closed, open, half-open: driven by reports, asked before each start. Owns no timer. Pure. */
#ifndef MODEL_BREAKER_H
#define MODEL_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker_policy {
    unsigned open_after; /* failures in a row; 0 = never opens */
    int64_t probe_every_ms;
};

struct breaker {
    enum breaker_state state;
    unsigned in_a_row;
    uint64_t history[2]; /* the last 100 outcomes, a bit each: 1 = failed */
    unsigned seen;       /* how many of them count, up to 100 */
    int64_t next_probe_ms;
    unsigned ramp;    /* attempts in flight allowed after an outage: 1, 2, 4 ...; 0 = no limit */
    unsigned ramp_ok; /* successes at this height; as many as `ramp` double it */
};

void breaker_init(struct breaker *b);
/* How many attempts may be in flight now: 0 = none, 1 = the probe, up to `concurrency`. */
unsigned breaker_allows(struct breaker *b, const struct breaker_policy *p, unsigned concurrency,
                        int64_t now_ms);
/* One outcome of the destination. While open, late outcomes of older attempts change nothing: the
 * probe decides. A failure on the ramp starts it again at 1. */
void breaker_report(struct breaker *b, const struct breaker_policy *p, unsigned concurrency,
                    bool ok, int64_t now_ms);

#endif
