/* relay/attempt: each result has exactly one outcome. */
#include "relay/attempt.h"

#include "test.h"

#include <string.h>

static const struct retry_policy usual = {
    .on_network = true, .on_timeout = true, .on_5xx = true, .statuses = 3, .status = {408, 425, 429}};

static struct outcome of(const char *reason, int status, const struct retry_policy *p)
{
    struct httpc_result r = {.reason = reason, .status = status};
    struct outcome o;
    outcome_of(&r, p, 0, &o);
    return o;
}

static void each_status_has_its_outcome(void **state)
{
    (void)state;
    for (int status = 200; status <= 599; status++) {
        struct outcome o = of(NULL, status, &usual);
        bool again = status == 408 || status == 425 || status == 429 || status >= 500;
        enum outcome_kind kind = status <= 299 ? OUTCOME_OK : again ? OUTCOME_RETRY : OUTCOME_GIVE_UP;
        assert_int_equal(o.kind, kind);
        assert_int_equal(o.status, status);
        assert_int_equal(o.retry_after_ms, -1);
    }
    assert_string_equal(of(NULL, 302, &usual).reason, "redirect");
    assert_string_equal(of(NULL, 404, &usual).reason, "status_4xx");
    assert_string_equal(of(NULL, 429, &usual).reason, "status_429");
    assert_string_equal(of(NULL, 503, &usual).reason, "status_5xx");
}

static void failures_of_the_way_are_tried_again(void **state)
{
    (void)state;
    const char *const network[] = {HTTPC_RESOLVE, HTTPC_DENIED, HTTPC_CONNECT, HTTPC_TLS, HTTPC_RESET, HTTPC_MALFORMED};
    struct retry_policy none = {0};
    for (size_t i = 0; i < sizeof network / sizeof *network; i++) {
        assert_int_equal(of(network[i], 0, &usual).kind, OUTCOME_RETRY);
        assert_int_equal(of(network[i], 0, &none).kind, OUTCOME_GIVE_UP);
    }
    assert_int_equal(of(HTTPC_TIMEOUT, 0, &usual).kind, OUTCOME_RETRY);
    assert_int_equal(of(HTTPC_TIMEOUT, 0, &none).kind, OUTCOME_GIVE_UP);
    /* A 2xx that was cut is no success. */
    assert_int_equal(of(HTTPC_RESET, 200, &usual).kind, OUTCOME_RETRY);
    assert_ptr_equal(of(HTTPC_CANCELLED, 0, &none).reason, ATTEMPT_CANCELLED);
}

static void a_redirect_names_where_it_points_and_is_never_followed(void **state)
{
    (void)state;
    struct httpc_result r = {.status = 301, .location = STR("https://elsewhere.example/")};
    struct retry_policy all = usual;
    struct outcome o;
    all.status[all.statuses++] = 301;
    outcome_of(&r, &all, 0, &o);
    assert_int_equal(o.kind, OUTCOME_GIVE_UP);
    assert_string_equal(o.detail, "Location: https://elsewhere.example/");
}

static void retry_after_is_read(void **state)
{
    (void)state;
    struct httpc_result r = {.status = 503, .retry_after = STR("7")};
    struct outcome o;
    outcome_of(&r, &usual, 0, &o);
    assert_int_equal(o.retry_after_ms, 7000);
    r.retry_after = STR("Thu, 01 Jan 1970 00:01:00 GMT");
    outcome_of(&r, &usual, 50, &o);
    assert_int_equal(o.retry_after_ms, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_outcome),
        cmocka_unit_test(failures_of_the_way_are_tried_again),
        cmocka_unit_test(a_redirect_names_where_it_points_and_is_never_followed),
        cmocka_unit_test(retry_after_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
