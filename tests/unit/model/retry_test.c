/* Schedules, jitter, Retry-After, the end. */
#include "room.h"

#include "model/retry.h"

#define S 1000LL
#define M (60 * S)
#define H (60 * M)
#define MIDDLE (UINT64_C(1) << 63) /* jitter's middle: the bare step */

static const struct retry_policy standard = {
    .steps = 7,
    .step_ms = {5 * S, 1 * M, 5 * M, 30 * M, 2 * H, 5 * H, 10 * H},
    .repeat_last = true,
    .jitter_percent = 20,
    .max_age_ms = 72 * H,
    .on_network = true,
    .on_timeout = true,
    .on_5xx = true,
    .statuses = 3,
    .status = {408, 425, 429},
};

static int64_t next(const struct retry_policy *p, unsigned attempts, int64_t age, int64_t asked,
                    uint64_t random)
{
    struct retry_state s = {attempts, 1000000, 1000000 + age, asked};
    return retry_next(p, &s, random);
}

static void follows_the_schedule(void **state)
{
    (void)state;
    static const int64_t want[] = {5 * S, 1 * M,  5 * M,  30 * M, 2 * H,
                                   5 * H, 10 * H, 10 * H, 10 * H};
    for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_int_equal(next(&standard, i + 1, 0, -1, MIDDLE), want[i]);
    }
    struct retry_policy finite = standard;
    finite.repeat_last = false;
    assert_int_equal(next(&finite, 7, 0, -1, MIDDLE), 10 * H);
    assert_int_equal(next(&finite, 8, 0, -1, MIDDLE), RETRY_GIVE_UP);
    assert_int_equal(next(&finite, 4000000000u, 0, -1, MIDDLE), RETRY_GIVE_UP);
    assert_int_equal(next(&standard, 4000000000u, 0, -1, MIDDLE), 10 * H);
}

static void grows_exponentially(void **state)
{
    (void)state;
    struct retry_policy p = {.exponential = true, .first_ms = S, .factor = 2, .max_ms = 60 * S};
    static const int64_t want[] = {1, 2, 4, 8, 16, 32, 60, 60};
    for (unsigned i = 0; i < sizeof want / sizeof want[0]; i++) {
        assert_int_equal(next(&p, i + 1, 0, -1, 0), want[i] * S);
    }
    assert_int_equal(next(&p, 4000000000u, 0, -1, 0), 60 * S);
    assert_int_equal(retry_longest_ms(&p), 60 * S);
    p.factor = 1;
    assert_int_equal(next(&p, 4000000000u, 0, -1, 0), S);
}

static void jitters_both_ways_within_its_part(void **state)
{
    (void)state;
    int64_t least = INT64_MAX, most = 0;
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 10000; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        int64_t ms = next(&standard, 2, 0, -1, random);
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
    }
    assert_in_range(least, 48 * S, 49 * S);
    assert_in_range(most, 71 * S, 72 * S);
    assert_int_equal(next(&standard, 2, 0, -1, 0), 48 * S);
    assert_in_range(next(&standard, 2, 0, -1, UINT64_MAX), 72 * S - 1, 72 * S);
}

static void waits_as_long_as_asked_up_to_the_longest_step(void **state)
{
    (void)state;
    assert_int_equal(retry_longest_ms(&standard), 10 * H);
    assert_int_equal(next(&standard, 1, 0, 0, MIDDLE), 5 * S);  /* less than the step */
    assert_int_equal(next(&standard, 1, 0, 60 * S, 0), 60 * S); /* never undercut */
    assert_in_range(next(&standard, 1, 0, 60 * S, UINT64_MAX), 71 * S, 72 * S);
    assert_int_equal(next(&standard, 1, 0, 10 * H, UINT64_MAX), 10 * H);
    assert_int_equal(next(&standard, 1, 0, INT64_MAX / 2, UINT64_MAX), 10 * H);
}

static void gives_up_at_max_age(void **state)
{
    (void)state;
    assert_int_equal(next(&standard, 8, 62 * H, -1, MIDDLE), 10 * H);
    assert_int_equal(next(&standard, 8, 62 * H + 1, -1, MIDDLE), RETRY_GIVE_UP);
    assert_int_equal(next(&standard, 1, 72 * H, -1, MIDDLE), RETRY_GIVE_UP);
    assert_int_equal(next(&standard, 1, 100000 * H, -1, MIDDLE), RETRY_GIVE_UP);
    assert_int_equal(next(&standard, 1, 72 * H - 5 * S, -1, MIDDLE), 5 * S);
    assert_int_equal(next(&standard, 1, -1000, -1, MIDDLE), 5 * S); /* the clock went back */
    struct retry_policy ever = standard;
    ever.max_age_ms = 0;
    assert_int_equal(next(&ever, 8, INT64_MAX / 2, -1, MIDDLE), 10 * H);
}

static void knows_which_statuses_come_again(void **state)
{
    (void)state;
    static const int again[] = {408, 425, 429, 500, 502, 503, 504, 599};
    static const int never[] = {0, 100, 200, 204, 301, 307, 400, 401, 403, 404, 410, 422, 600};
    for (size_t i = 0; i < sizeof again / sizeof again[0]; i++) {
        assert_true(retry_wants_status(&standard, again[i]));
    }
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        assert_false(retry_wants_status(&standard, never[i]));
    }
}

static void reads_retry_after(void **state)
{
    (void)state;
    int64_t now = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
    assert_int_equal(retry_after_ms(STR("120"), now), 120 * S);
    assert_int_equal(retry_after_ms(STR(" 0 "), now), 0);
    assert_int_equal(retry_after_ms(STR("Sun, 06 Nov 1994 08:50:37 GMT"), now), 60 * S);
    assert_int_equal(retry_after_ms(STR("Sunday, 06-Nov-94 08:50:37 GMT"), now), 60 * S);
    assert_int_equal(retry_after_ms(STR("Sun Nov  6 08:50:37 1994"), now), 60 * S);
    assert_int_equal(retry_after_ms(STR("Sun, 06 Nov 1994 08:48:37 GMT"), now), 0);
    assert_int_equal(retry_after_ms(STR("99999999999999999999999"), now), 366 * 24 * H);
    assert_int_equal(retry_after_ms(STR("Fri, 31 Dec 9999 23:59:59 GMT"), now), 366 * 24 * H);
    static const char *const bad[] = {"", "-1", "1.5", "soon", "12s", "0x10"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(retry_after_ms(str_of(bad[i]), now), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(follows_the_schedule),
        cmocka_unit_test(grows_exponentially),
        cmocka_unit_test(jitters_both_ways_within_its_part),
        cmocka_unit_test(waits_as_long_as_asked_up_to_the_longest_step),
        cmocka_unit_test(gives_up_at_max_age),
        cmocka_unit_test(knows_which_statuses_come_again),
        cmocka_unit_test(reads_retry_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
