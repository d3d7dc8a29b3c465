/* base/fields and base/metrics. */
#include "base/fields.h"

#include "base/metrics.h"
#include "test.h"

#include <string.h>

static void finds_without_case_and_counts(void **state)
{
    (void)state;
    static struct fields f;
    f.n = 0;
    assert_true(fields_add(&f, STR("Connection"), STR("close, X-Own")));
    assert_true(fields_add(&f, STR("a"), STR("1")));
    assert_true(fields_add(&f, STR("A"), STR("2")));
    assert_true(str_eq(*fields_find(&f, STR("A")), STR("1")));
    assert_null(fields_find(&f, STR("b")));
    assert_int_equal(fields_count(&f, STR("a")), 2);
    assert_true(fields_has_element(&f, STR("connection"), STR("x-own")));
    assert_false(fields_has_element(&f, STR("connection"), STR("own")));
    while (f.n < FIELDS_MAX) {
        assert_true(fields_add(&f, STR("n"), STR("v")));
    }
    assert_false(fields_add(&f, STR("n"), STR("v")));
}

static void a_name_is_the_same_with_underscores(void **state)
{
    (void)state;
    assert_true(fields_same_name(STR("Content_Length"), STR("content-length")));
    assert_true(fields_same_name(STR("content-length"), STR("CONTENT_LENGTH")));
    assert_true(fields_same_name(STR(""), STR("")));
    assert_false(fields_same_name(STR("content-length"), STR("content-lengt")));
    assert_false(fields_same_name(STR("contentxlength"), STR("content-length")));
    assert_false(fields_same_name(STR("a\rb"), STR("a-b"))); /* "-" without its bit 0x20 */
}

static void metrics_are_exposed(void **state)
{
    (void)state;
    struct metrics m;
    struct buf out;
    metrics_init(&m);
    buf_init(&out, 1 << 16);
    struct metric_family *c = metrics_family(&m, METRIC_COUNTER, "x_total", "Things.");
    struct metric *a = metric_of(c, "kind", "a\"b", NULL);
    assert_ptr_equal(metric_of(c, "kind", "a\"b", NULL), a);
    metric_add(a, 3);
    struct metric *h = metric_of(metrics_family(&m, METRIC_HISTOGRAM, "y_seconds", "Times."), NULL);
    metric_observe_us(h, 700);
    metric_observe_us(h, 99000000);
    metrics_write(&m, &out);
    buf_add_char(&out, '\0');
    assert_non_null(strstr(out.at, "# TYPE x_total counter\nx_total{kind=\"a\\\"b\"} 3\n"));
    assert_non_null(strstr(out.at, "y_seconds_bucket{le=\"0.0005\"} 0\n"));
    assert_non_null(strstr(out.at, "y_seconds_bucket{le=\"0.001\"} 1\n"));
    assert_non_null(strstr(out.at, "y_seconds_bucket{le=\"10\"} 1\n"));
    assert_non_null(strstr(out.at, "y_seconds_bucket{le=\"+Inf\"} 2\n"));
    assert_non_null(strstr(out.at, "y_seconds_count{} 2\n"));
    buf_done(&out);
    metrics_done(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_without_case_and_counts),
                                       cmocka_unit_test(a_name_is_the_same_with_underscores),
                                       cmocka_unit_test(metrics_are_exposed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
