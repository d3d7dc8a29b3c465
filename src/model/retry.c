/* The retry schedule as a pure function. */
#include "model/retry.h"

/* Longer waits than this are nobody's intention; it also keeps the sums below far from overflow. */
#define RETRY_AFTER_MAX_S (366 * 86400LL)

static double unit_of(uint64_t random) /* [0, 1) */
{
    return (double)(random >> 11) / 9007199254740992.0;
}

/* The bare step behind failure number `attempts`, or RETRY_GIVE_UP when the schedule is used up. */
static int64_t step_ms(const struct retry_policy *p, unsigned attempts)
{
    unsigned i = attempts == 0 ? 0 : attempts - 1;
    if (p->exponential) {
        double ms = (double)p->first_ms;
        for (; i > 0 && ms < (double)p->max_ms && p->factor > 1.0; i--) {
            ms *= p->factor;
        }
        return ms < (double)p->max_ms ? (int64_t)ms : p->max_ms;
    }
    if (i < p->steps) {
        return p->step_ms[i];
    }
    return p->steps > 0 && p->repeat_last ? p->step_ms[p->steps - 1] : RETRY_GIVE_UP;
}

int64_t retry_longest_ms(const struct retry_policy *p)
{
    if (p->exponential) {
        return p->max_ms;
    }
    int64_t longest = 0;
    for (unsigned i = 0; i < p->steps; i++) {
        longest = p->step_ms[i] > longest ? p->step_ms[i] : longest;
    }
    return longest;
}

/* What the destination asked for is a least wait, never undercut; it is spread upwards only, so
 * that a thousand deliveries told "60" do not come back in the same instant. */
static int64_t asked_ms(const struct retry_policy *p, int64_t retry_after_ms, double spread)
{
    int64_t longest = retry_longest_ms(p);
    if (retry_after_ms >= longest) {
        return longest;
    }
    double ms = (double)retry_after_ms * (1.0 + spread);
    return ms < (double)longest ? (int64_t)ms : longest;
}

int64_t retry_next(const struct retry_policy *p, const struct retry_state *s, uint64_t random)
{
    int64_t step = step_ms(p, s->attempts);
    if (step == RETRY_GIVE_UP) {
        return RETRY_GIVE_UP;
    }
    double jitter = (double)p->jitter_percent / 100.0;
    double u = unit_of(random);
    int64_t wait = (int64_t)((double)step * (1.0 - jitter + 2.0 * jitter * u));
    if (s->retry_after_ms >= 0) {
        int64_t asked = asked_ms(p, s->retry_after_ms, jitter * u);
        wait = asked > wait ? asked : wait;
    }
    int64_t age = s->now_ms > s->since_ms ? s->now_ms - s->since_ms : 0;
    if (p->max_age_ms > 0 && (age >= p->max_age_ms || wait > p->max_age_ms - age)) {
        return RETRY_GIVE_UP;
    }
    return wait;
}

bool retry_wants_status(const struct retry_policy *p, int status)
{
    if (p->on_5xx && status >= 500 && status <= 599) {
        return true;
    }
    for (unsigned i = 0; i < p->statuses; i++) {
        if (p->status[i] == status) {
            return true;
        }
    }
    return false;
}

int64_t retry_after_ms(struct str value, int64_t now_s)
{
    struct str s = str_trim(value);
    int64_t wait_s;
    if (text_is_digits(s)) {
        uint64_t v;
        wait_s = text_u64(s, RETRY_AFTER_MAX_S, &v) == NULL ? (int64_t)v : RETRY_AFTER_MAX_S;
    } else if (text_http_date(s, &wait_s) == NULL) {
        wait_s = wait_s > now_s ? wait_s - now_s : 0;
        wait_s = wait_s < RETRY_AFTER_MAX_S ? wait_s : RETRY_AFTER_MAX_S;
    } else {
        return -1;
    }
    return wait_s * 1000;
}
