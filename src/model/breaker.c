/* The circuit breaker's walk.
 *
 *            open_after failures in a row,
 *            or half of the last 100
 *   CLOSED ------------------------------> OPEN <----------+
 *      ^                                     | probe_every | the probe failed
 *      |            the probe succeeded      v             |
 *      +------------------------------- HALF_OPEN ---------+
 *        then 1, 2, 4 ... in flight
 */
#include "model/breaker.h"

#define HISTORY 100

void breaker_init(struct breaker *b)
{
    *b = (struct breaker){.state = BREAKER_CLOSED};
}

/* Shifts the outcome in: bit 0 is the latest; what falls out beyond 100 counts no more. */
static void remember(struct breaker *b, bool failed)
{
    b->history[1] = b->history[1] << 1 | b->history[0] >> 63;
    b->history[1] &= (UINT64_C(1) << (HISTORY - 64)) - 1;
    b->history[0] = b->history[0] << 1 | failed;
    b->seen += b->seen < HISTORY;
    b->in_a_row = failed ? b->in_a_row + 1 : 0;
}

static unsigned failures(const struct breaker *b)
{
    return (unsigned)(__builtin_popcountll(b->history[0]) + __builtin_popcountll(b->history[1]));
}

static void open_it(struct breaker *b, const struct breaker_policy *p, int64_t now_ms)
{
    b->state = BREAKER_OPEN;
    b->next_probe_ms = now_ms + p->probe_every_ms;
    b->ramp = 0;
}

static void close_it(struct breaker *b, unsigned concurrency)
{
    *b = (struct breaker){.state = BREAKER_CLOSED, .ramp = concurrency > 1 ? 1 : 0};
}

static void climb(struct breaker *b, unsigned concurrency)
{
    if (b->ramp > 0 && ++b->ramp_ok >= b->ramp) {
        b->ramp_ok = 0;
        b->ramp = b->ramp >= concurrency / 2 + concurrency % 2 ? 0 : b->ramp * 2;
    }
}

unsigned breaker_allows(struct breaker *b, const struct breaker_policy *p, unsigned concurrency,
                        int64_t now_ms)
{
    if (p->open_after == 0 && b->state != BREAKER_CLOSED) { /* switched off by a reload */
        breaker_init(b);
    }
    if (b->state == BREAKER_OPEN && now_ms >= b->next_probe_ms) {
        b->state = BREAKER_HALF_OPEN;
    }
    switch (b->state) {
    case BREAKER_OPEN:
        return 0;
    case BREAKER_HALF_OPEN:
        return concurrency < 1 ? concurrency : 1;
    default:
        return b->ramp > 0 && b->ramp < concurrency ? b->ramp : concurrency;
    }
}

void breaker_report(struct breaker *b, const struct breaker_policy *p, unsigned concurrency,
                    bool ok, int64_t now_ms)
{
    if (p->open_after == 0 || b->state == BREAKER_OPEN) {
        return;
    }
    if (b->state == BREAKER_HALF_OPEN) {
        if (ok) {
            close_it(b, concurrency);
        } else {
            open_it(b, p, now_ms);
        }
        return;
    }
    remember(b, !ok);
    if (b->in_a_row >= p->open_after || (b->seen == HISTORY && failures(b) >= HISTORY / 2)) {
        open_it(b, p, now_ms);
    } else if (ok) {
        climb(b, concurrency);
    } else if (b->ramp > 0) {
        b->ramp = 1;
        b->ramp_ok = 0;
    }
}
