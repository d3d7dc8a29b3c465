/* The breaker's walk, report by report. */
#include "room.h"

#include "model/breaker.h"

static const struct breaker_policy policy = {.open_after = 10, .probe_every_ms = 30000};

static void report(struct breaker *b, unsigned times, bool ok, int64_t now)
{
    for (unsigned i = 0; i < times; i++) {
        breaker_report(b, &policy, 32, ok, now);
    }
}

static unsigned allows(struct breaker *b, int64_t now)
{
    return breaker_allows(b, &policy, 32, now);
}

static void opens_after_ten_failures_in_a_row(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b);
    assert_int_equal(allows(&b, 0), 32);
    report(&b, 9, false, 0);
    report(&b, 1, true, 0);
    report(&b, 9, false, 0);
    assert_int_equal(b.state, BREAKER_CLOSED);
    assert_int_equal(b.next_probe_ms, 0);
    report(&b, 1, false, 5);
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_int_equal(b.next_probe_ms, 30005);
    assert_int_equal(allows(&b, 30004), 0);
}

static void opens_when_half_of_the_last_hundred_failed(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b);
    for (int i = 0; i < 49; i++) {
        report(&b, 1, false, 0);
        report(&b, 1, true, 0);
    }
    report(&b, 1, true, 0);
    assert_int_equal(b.seen, 99);
    assert_int_equal(b.state, BREAKER_CLOSED); /* 49 of 99 */
    report(&b, 1, false, 0);
    assert_int_equal(b.state, BREAKER_OPEN); /* 50 of 100 */
}

static void forgets_what_is_older_than_a_hundred(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b);
    for (int i = 0; i < 40; i++) { /* 40 failures, then 100 successes */
        report(&b, 1, false, 0);
        report(&b, 1, true, 0);
    }
    report(&b, 100, true, 0);
    assert_int_equal(b.history[0] | b.history[1], 0);
    for (int i = 0; i < 49; i++) {
        report(&b, 1, false, 0);
        report(&b, 1, true, 0);
    }
    assert_int_equal(b.state, BREAKER_CLOSED);
}

static void one_probe_decides(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b);
    report(&b, 10, false, 0);
    report(&b, 5, true, 10); /* late outcomes of older attempts */
    report(&b, 5, false, 10);
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_int_equal(b.next_probe_ms, 30000);
    assert_int_equal(allows(&b, 30000), 1);
    assert_int_equal(b.state, BREAKER_HALF_OPEN);
    assert_int_equal(allows(&b, 30001), 1);
    report(&b, 1, false, 31000);
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_int_equal(allows(&b, 60999), 0);
    assert_int_equal(allows(&b, 61000), 1);
    report(&b, 1, true, 61000);
    assert_int_equal(b.state, BREAKER_CLOSED);
}

static void comes_back_slowly(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b);
    report(&b, 10, false, 0);
    assert_int_equal(allows(&b, 30000), 1);
    report(&b, 1, true, 30000);
    for (unsigned height = 1; height < 32; height *= 2) {
        assert_int_equal(allows(&b, 30000), height);
        report(&b, height - 1, true, 30000);
        assert_int_equal(allows(&b, 30000), height); /* not before all of them arrived */
        report(&b, 1, true, 30000);
    }
    assert_int_equal(allows(&b, 30000), 32);
    assert_int_equal(b.ramp, 0);
}

static void a_failure_on_the_ramp_starts_it_again(void **state)
{
    (void)state;
    struct breaker b;
    breaker_init(&b);
    report(&b, 10, false, 0);
    allows(&b, 30000);
    report(&b, 4, true, 30000); /* probe, 1, 2 */
    assert_int_equal(allows(&b, 30000), 4);
    report(&b, 1, false, 30000);
    assert_int_equal(allows(&b, 30000), 1);
    report(&b, 9, false, 30000);
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_int_equal(b.next_probe_ms, 60000);
}

static void small_concurrency_has_no_ramp(void **state)
{
    (void)state;
    for (unsigned concurrency = 1; concurrency <= 7; concurrency++) {
        struct breaker b;
        breaker_init(&b);
        for (int i = 0; i < 10; i++) {
            breaker_report(&b, &policy, concurrency, false, 0);
        }
        assert_int_equal(breaker_allows(&b, &policy, concurrency, 30000), 1);
        unsigned last = 0;
        for (int i = 0; i < 20; i++) {
            breaker_report(&b, &policy, concurrency, true, 30000);
            unsigned now = breaker_allows(&b, &policy, concurrency, 30000);
            assert_true(now >= last && now <= concurrency);
            last = now;
        }
        assert_int_equal(last, concurrency);
    }
}

static void zero_switches_it_off(void **state)
{
    (void)state;
    static const struct breaker_policy off = {.open_after = 0, .probe_every_ms = 30000};
    struct breaker b;
    breaker_init(&b);
    for (int i = 0; i < 1000; i++) {
        breaker_report(&b, &off, 32, false, 0);
    }
    assert_int_equal(breaker_allows(&b, &off, 32, 0), 32);
    report(&b, 10, false, 0);
    assert_int_equal(b.state, BREAKER_OPEN);
    assert_int_equal(breaker_allows(&b, &off, 32, 1), 32); /* a reload said 0 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_after_ten_failures_in_a_row),
        cmocka_unit_test(opens_when_half_of_the_last_hundred_failed),
        cmocka_unit_test(forgets_what_is_older_than_a_hundred),
        cmocka_unit_test(one_probe_decides),
        cmocka_unit_test(comes_back_slowly),
        cmocka_unit_test(a_failure_on_the_ramp_starts_it_again),
        cmocka_unit_test(small_concurrency_has_no_ramp),
        cmocka_unit_test(zero_switches_it_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
