/* base/metrics: many series are found as fast as few, and stay in the order in which they came. */
#include "base/metrics.h"

#include "test.h"

#include <stdio.h>
#include <time.h>

enum { MANY = 30000 };

static struct metric *one_of(struct metric_family *f, int i)
{
    char name[32];
    snprintf(name, sizeof name, "destination-%d", i);
    return metric_of(f, "destination", name, NULL);
}

static void many_series_are_found_as_fast_as_few(void **state)
{
    (void)state;
    struct metrics up, down, sum;
    metrics_init(&up);
    metrics_init(&down);
    metrics_init(&sum);
    struct metric_family *rising = metrics_family(&up, METRIC_COUNTER, "n", "of each");
    struct metric_family *falling = metrics_family(&down, METRIC_COUNTER, "n", "of each");
    clock_t began = clock();
    for (int i = 0; i < MANY; i++) {
        metric_add(one_of(rising, i), (uint64_t)i);
        metric_add(one_of(falling, MANY - 1 - i), 1);
    }
    metrics_sum(&sum, &up);
    metrics_sum(&sum, &down);
    /* some 20 ms; looking at one after the other takes seconds */
    assert_true(clock() - began < CLOCKS_PER_SEC);
    int i = 0;
    for (const struct metric *s = sum.first->first; s != NULL; s = s->next, i++) {
        assert_int_equal(s->value, (uint64_t)i + 1);
        assert_ptr_equal(s, one_of(sum.first, i));
    }
    assert_int_equal(i, MANY);
    metrics_done(&up);
    metrics_done(&down);
    metrics_done(&sum);
}

static void a_label_is_written_so_that_it_can_be_read(void **state)
{
    (void)state;
    struct metrics m;
    struct buf out;
    metrics_init(&m);
    buf_init(&out, 1024);
    metric_set(metric_of(metrics_family(&m, METRIC_GAUGE, "g", "help"), "a", "q\"b\\c\nd", NULL),
               7);
    metrics_write(&m, &out);
    assert_true(
        str_eq(buf_str(&out), STR("# HELP g help\n# TYPE g gauge\ng{a=\"q\\\"b\\\\c d\"} 7\n")));
    buf_done(&out);
    metrics_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_series_are_found_as_fast_as_few),
        cmocka_unit_test(a_label_is_written_so_that_it_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
