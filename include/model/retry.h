/* When to try again: policy, attempts and the clock in; a delay or "give up" out. Pure. */
#ifndef MODEL_RETRY_H
#define MODEL_RETRY_H

#include "base/text.h"

#define RETRY_STEPS 32
#define RETRY_GIVE_UP (-1)

struct retry_policy {
    unsigned steps;
    int64_t step_ms[RETRY_STEPS];
    bool repeat_last; /* "...": the last step again until max_age */
    bool exponential; /* then first, factor, max instead of steps */
    int64_t first_ms, max_ms;
    double factor;
    unsigned jitter_percent;
    int64_t max_age_ms; /* counted from the event's receipt (a replay: from the replay) */
    bool on_network, on_timeout, on_5xx;
    unsigned statuses; /* further statuses that are tried again */
    uint16_t status[16];
};

struct retry_state {
    unsigned attempts; /* failed so far, this one included */
    int64_t since_ms;  /* receipt, or the replay's time */
    int64_t now_ms;
    int64_t retry_after_ms; /* what the destination asked for, -1 none; honoured up to the longest
                               step */
};

/* Milliseconds from now until the next attempt, or RETRY_GIVE_UP. `random` gives the jitter. */
int64_t retry_next(const struct retry_policy *p, const struct retry_state *s, uint64_t random);
bool retry_wants_status(const struct retry_policy *p, int status);
int64_t retry_longest_ms(const struct retry_policy *p);
/* Retry-After: seconds or a date (RFC 9110 10.2.3); -1 when it is neither. now_s: wall clock. */
int64_t retry_after_ms(struct str value, int64_t now_s);

#endif
