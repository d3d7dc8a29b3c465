/* base/buf: growth, ceilings, JSON. */
#include "base/buf.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

static void grows_up_to_its_ceiling_and_not_beyond(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    for (int i = 0; i < 10; i++) {
        char text[100];
        memset(text, 'a' + i, sizeof text);
        assert_true(buf_add(&b, text, sizeof text));
    }
    assert_int_equal(b.len, 1000);
    assert_false(buf_add_char(&b, 'x'));
    assert_true(b.failed);
    assert_int_equal(b.len, 1000);
    assert_true(b.cap <= 1000);
    assert_memory_equal(b.at + 995, "jjjjj", 5);
    buf_clear(&b);
    assert_false(b.failed);
    assert_null(buf_room(&b, 1001));
    buf_done(&b);
}

static void an_empty_one_takes_nothing_and_gives_a_text(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 16);
    assert_true(buf_add(&b, NULL, 0));
    assert_true(buf_add_str(&b, STR_NONE));
    assert_int_equal(buf_str(&b).len, 0);
    char *text = buf_take(&b);
    assert_string_equal(text, "");
    free(text);
    assert_true(buf_add_str(&b, STR("ab")));
    text = buf_take(&b);
    assert_string_equal(text, "ab");
    free(text);
    assert_null(b.at);
}

static void json_escapes_everything_that_could_forge(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t n;
        const char *json;
    } cases[] = {
        {"plain", 5, "\"plain\""},
        {"a\"b\\c", 5, "\"a\\\"b\\\\c\""},
        {"\n\r\t\0\x7f", 5, "\"\\u000a\\u000d\\u0009\\u0000\\u007f\""},
        {"\xc2\x85", 2, "\"\\u0085\""},
        {"\xc3\xa9", 2, "\"\xc3\xa9\""},
        {"\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", 12,
         "\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\""},
        {"\xef\xbb\xbf\xef\xbf\xbd\xef\xbf\xbe\xef\xbf\xbf", 12,
         "\"\\ufeff\xef\xbf\xbd\\ufffe\\uffff\""},
        {"\xff"
         "a\xc3",
         3, "\"\\ufffda\\ufffd\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf b;
        buf_init(&b, 256);
        assert_true(buf_add_json(&b, (struct str){cases[i].bytes, cases[i].n}));
        assert_true(str_eq(buf_str(&b), str_of(cases[i].json)));
        buf_done(&b);
    }
}

static void printf_writes_short_and_long(void **state)
{
    (void)state;
    struct buf b;
    char big[2000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    buf_init(&b, 4096);
    assert_true(buf_printf(&b, "%d-%s", 7, big));
    assert_int_equal(b.len, 2001);
    assert_true(buf_add_u64(&b, 18446744073709551615u));
    assert_memory_equal(b.at + 2001, "18446744073709551615", 20);
    assert_false(buf_printf(&b, "%s%s", big, big));
    assert_int_equal(b.len, 2021);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_up_to_its_ceiling_and_not_beyond),
        cmocka_unit_test(an_empty_one_takes_nothing_and_gives_a_text),
        cmocka_unit_test(json_escapes_everything_that_could_forge),
        cmocka_unit_test(printf_writes_short_and_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
