/* base/log: what a line looks like, read back from standard error. */
#include "base/log.h"

#include "test.h"

#include <string.h>
#include <unistd.h>

static int saved, reader;

static void listen_in(void)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    saved = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    reader = ends[0];
}

/* What was written since, without its time: a line begins with that, 24 bytes in text. */
static void assert_heard(size_t skip, const char *wanted)
{
    dup2(saved, STDERR_FILENO);
    close(saved);
    char text[4096];
    ssize_t n = read(reader, text, sizeof text - 1);
    close(reader);
    assert_true(n > (ssize_t)skip);
    text[n] = '\0';
    assert_string_equal(text + skip, wanted);
}

enum { JSON_TIME = sizeof "{\"time\":\"2026-01-01T00:00:00.000Z\"" - 1, TEXT_TIME = 24 };

static void a_name_of_digits_is_text(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_JSON);
    listen_in();
    log_line(LOG_INFO, "m", "journal", "%s", "385393925", "key", "%.*s", STR_ARG(STR("12")), "at",
             "%s:%u", "h", 1u, NULL);
    assert_heard(JSON_TIME, ",\"level\":\"info\",\"msg\":\"m\",\"journal\":\"385393925\",\"key\":"
                            "\"12\",\"at\":\"h:1\"}\n");
}

static void a_number_is_a_number(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_JSON);
    listen_in();
    log_line(LOG_WARN, "m", "a", "%d", -1, "b", "%u", 0u, "c", "%zu", (size_t)12, "d", "%llu",
             (unsigned long long)UINT64_MAX, NULL);
    assert_heard(JSON_TIME, ",\"level\":\"warn\",\"msg\":\"m\",\"a\":-1,\"b\":0,\"c\":12,"
                            "\"d\":18446744073709551615}\n");
}

static void nothing_from_outside_forges_a_line(void **state)
{
    (void)state;
    log_setup(LOG_INFO, LOG_JSON);
    listen_in();
    log_line(LOG_INFO, "m", "v", "%s", "\"}\n{\"x\":\"\x1b", NULL);
    assert_heard(JSON_TIME,
                 ",\"level\":\"info\",\"msg\":\"m\",\"v\":\"\\\"}\\u000a{\\\"x\\\":\\\"\\u001b\"}\n");
    log_setup(LOG_INFO, LOG_TEXT);
    listen_in();
    log_line(LOG_INFO, "m", "v", "%s", "a b=\"c\"\n", "w", "%s", "plain", NULL);
    assert_heard(TEXT_TIME, " info  m v=\"a b=\\\"c\\\"\\u000a\" w=plain\n");
}

static void below_its_level_nothing_is_written(void **state)
{
    (void)state;
    log_setup(LOG_WARN, LOG_TEXT);
    listen_in();
    log_line(LOG_INFO, "not", NULL);
    log_line(LOG_ERROR, "said", NULL);
    assert_heard(TEXT_TIME, " error said\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_of_digits_is_text),
        cmocka_unit_test(a_number_is_a_number),
        cmocka_unit_test(nothing_from_outside_forges_a_line),
        cmocka_unit_test(below_its_level_nothing_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
