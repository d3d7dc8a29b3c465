/* base/text: slices, units, encodings, globs. */
#include "base/text.h"

#include "test.h"

#include <string.h>

static void cuts_trims_and_compares(void **state)
{
    (void)state;
    struct str head, tail;
    assert_true(str_cut(STR("a=b=c"), '=', &head, &tail));
    assert_true(str_eq(head, STR("a")) && str_eq(tail, STR("b=c")));
    assert_false(str_cut(STR("abc"), '=', &head, &tail));
    assert_true(str_eq(head, STR("abc")) && tail.len == 0);
    assert_true(str_cut(STR("a="), '=', &head, &tail));
    assert_int_equal(tail.len, 0);
    assert_true(str_eq(str_trim(STR(" \t x y \t")), STR("x y")));
    assert_int_equal(str_trim(STR(" \t ")).len, 0);
    assert_true(str_ieq(STR("Content-TYPE"), STR("content-type")));
    assert_false(str_ieq(STR("a"), STR("ab")));
    assert_true(str_starts(STR("abc"), STR("ab")) && str_ends(STR("abc"), STR("bc")));
    assert_true(str_ends(STR_NONE, STR_NONE) && str_ends(STR("a"), STR_NONE)); /* UBSan looks on */
    assert_false(str_starts(STR("a"), STR("ab")));
    assert_true(str_istarts(STR("ABC"), STR("ab")));
    struct str lines = STR("# Server\r\nredis_version:7.0.15\r\nos:Linux: 6\nlast:");
    assert_true(str_eq(text_field(lines, STR("redis_version")), STR("7.0.15")));
    assert_true(str_eq(text_field(lines, STR("os")), STR("Linux: 6")));
    assert_int_equal(text_field(lines, STR("last")).len, 0);
    assert_int_equal(text_field(lines, STR("version")).len, 0);
    assert_int_equal(str_from(STR("abc"), 5).len, 0);
    assert_int_equal(str_of(NULL).len, 0);
}

static void reads_numbers_strictly(void **state)
{
    (void)state;
    uint64_t v;
    assert_null(text_u64(STR("18446744073709551615"), UINT64_MAX, &v));
    assert_true(v == UINT64_MAX);
    static const char *const bad[] = {"", "-1", "+1", "1 ", " 1", "1x", "0x1", "18446744073709551616", "1.0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_non_null(text_u64(str_of(bad[i]), UINT64_MAX, &v));
    }
    assert_non_null(text_u64(STR("11"), 10, &v));
}

static void reads_and_writes_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        {"250ms", 250}, {"30s", 30000},   {"1h30m", 5400000}, {"3d", 259200000}, {"0s", 0},
        {"5m", 300000}, {"", -1},         {"5", -1},          {"s", -1},         {"5 s", -1},
        {"-5s", -1},    {"5x", -1},       {"1h30", -1},       {"99999999999999999d", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = -1;
        const char *why = text_duration(str_of(cases[i].text), &ms);
        assert_int_equal(why == NULL ? ms : -1, cases[i].ms);
        if (why == NULL) {
            char out[32];
            int64_t again;
            assert_null(text_duration((struct str){out, text_put_duration(out, ms)}, &again));
            assert_int_equal(again, ms);
        }
    }
}

static void reads_sizes_rates_and_percentages(void **state)
{
    (void)state;
    uint64_t v;
    double rate;
    assert_null(text_size(STR("16KiB"), &v));
    assert_int_equal(v, 16384);
    assert_null(text_size(STR("5M"), &v));
    assert_int_equal(v, 5000000);
    assert_null(text_size(STR("2GiB"), &v));
    assert_true(v == 2147483648u);
    assert_non_null(text_size(STR("16"), &v));
    assert_non_null(text_size(STR("1KiB2"), &v));
    assert_non_null(text_size(STR("99999999999999999999GiB"), &v));
    assert_null(text_percent(STR("20%"), &v));
    assert_int_equal(v, 20);
    assert_non_null(text_percent(STR("101%"), &v));
    assert_non_null(text_percent(STR("20"), &v));
    assert_null(text_rate(STR("600/m"), &rate));
    assert_true(rate > 9.99 && rate < 10.01);
    assert_non_null(text_rate(STR("600"), &rate));
}

static void reads_the_three_http_dates(void **state)
{
    (void)state;
    static const char *const same[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994"};
    static const char *const bad[] = {"", "tomorrow", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Foo 1994 08:49:37 GMT",
                                      "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
                                      "Sun, 06 Nov 1994 08.49.37 GMT", ",", ", "};
    int64_t s;
    for (size_t i = 0; i < 3; i++) {
        assert_null(text_http_date(str_of(same[i]), &s));
        assert_int_equal(s, 784111777);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_non_null(text_http_date(str_of(bad[i]), &s));
    }
    assert_null(text_http_date(STR("Thu, 29 Feb 2024 00:00:00 GMT"), &s));
    assert_int_equal(s, 1709164800);
}

static void hex_is_strict_and_takes_either_case(void **state)
{
    (void)state;
    unsigned char bytes[4];
    char out[8];
    size_t n;
    assert_true(text_get_hex(STR("00fFA9"), bytes, sizeof bytes, &n));
    assert_int_equal(n, 3);
    assert_int_equal(text_put_hex(out, bytes, n), 6);
    assert_memory_equal(out, "00ffa9", 6);
    assert_false(text_get_hex(STR("0"), bytes, sizeof bytes, &n));
    assert_false(text_get_hex(STR("0g"), bytes, sizeof bytes, &n));
    assert_false(text_get_hex(STR("0011223344"), bytes, sizeof bytes, &n));
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const char *const good[][2] = {{"", ""},         {"f", "Zg=="},         {"fo", "Zm8="},
                                          {"foo", "Zm9v"},  {"foob", "Zm9vYg=="},  {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};
    static const char *const bad[] = {"Zg", "Zg=", "Zh==", "Zm9=", "Zm9v ", " Zm9v", "Zm-v", "Zm_v", "Zg==Zg==",
                                      "====", "Z", "Zm9v\n"};
    unsigned char bytes[64];
    char out[64];
    size_t n;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(text_get_base64(str_of(good[i][1]), bytes, sizeof bytes, &n));
        assert_int_equal(n, strlen(good[i][0]));
        assert_memory_equal(bytes, good[i][0], n);
        size_t len = text_put_base64(out, good[i][0], strlen(good[i][0]));
        assert_true(str_eq((struct str){out, len}, str_of(good[i][1])));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(text_get_base64(str_of(bad[i]), bytes, sizeof bytes, &n));
    }
    assert_false(text_get_base64(STR("Zm9vYmFy"), bytes, 5, &n));
    assert_true(text_get_base64url(STR("-_8"), bytes, sizeof bytes, &n));
    assert_memory_equal(bytes, "\xfb\xff", 2);
    assert_true(text_get_base64url(STR("-_8="), bytes, sizeof bytes, &n));
    assert_false(text_get_base64url(STR("+/8"), bytes, sizeof bytes, &n));
}

static void knows_utf8_and_tokens(void **state)
{
    (void)state;
    assert_true(text_is_utf8(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
    static const char *const bad[] = {"\x80", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                                      "\xc3", "\xe2\x82", "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(text_is_utf8(str_of(bad[i])));
    }
    assert_int_equal(text_characters(STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
    assert_int_equal(text_characters(STR_NONE), 0);
    assert_true(text_is_token(STR("X-Own_1!")));
    assert_false(text_is_token(STR("")));
    assert_false(text_is_token(STR("a b")));
    assert_false(text_is_token(STR("a:b")));
    assert_false(text_is_token(STR("a\0b")));
}

static void globs_are_linear(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *subject;
        bool fits;
    } cases[] = {
        {"charge.*", "charge.refunded", true}, {"charge.*", "charge", false},  {"*", "", true},
        {"", "", true},                        {"", "a", false},               {"a?c", "abc", true},
        {"a?c", "ac", false},                  {"*.paid", "invoice.paid", true}, {"*b*b*", "aabcb", true},
        {"*b*b*", "aabc", false},              {"a*", "b", false},             {"**a", "ba", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(text_glob(str_of(cases[i].pattern), str_of(cases[i].subject)), cases[i].fits);
    }
    char long_subject[4096];
    memset(long_subject, 'a', sizeof long_subject);
    static const struct {
        const char *pattern, *other;
        bool covers;
    } pairs[] = {
        {"*", "a*b?", true},   {"a*", "a?*", true}, {"a?", "a?", true}, {"a?", "a*", false},
        {"?*", "*", false},    {"a*", "*", false},  {"a", "?", false},  {"*.b", "a*.b", true},
        {"a*c", "a*b", false}, {"a*", "a", true},   {"", "", true},     {"", "*", false},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_int_equal(text_glob_covers(str_of(pairs[i].pattern), str_of(pairs[i].other)),
                         pairs[i].covers);
    }
    assert_false(text_glob(STR("*a*a*a*a*a*a*b"), (struct str){long_subject, sizeof long_subject}));
}

static void copies_what_fits(void **state)
{
    (void)state;
    char to[4] = "xxx";
    text_copy(to, sizeof to, STR_NONE);
    assert_string_equal(to, "");
    text_copy(to, sizeof to, (struct str){"abcdef", 3});
    assert_string_equal(to, "abc");
    text_copy(to, sizeof to, STR("defg"));
    assert_string_equal(to, "def");
}

static void distance_is_for_did_you_mean(void **state)
{
    (void)state;
    assert_int_equal(text_distance(STR("destinaton"), STR("destination"), 3), 1);
    assert_int_equal(text_distance(STR("Route"), STR("route"), 3), 0);
    assert_int_equal(text_distance(STR("abc"), STR("xyz"), 2), 3);
    assert_int_equal(text_distance(STR(""), STR("abc"), 5), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_trims_and_compares),
        cmocka_unit_test(reads_numbers_strictly),
        cmocka_unit_test(reads_and_writes_durations),
        cmocka_unit_test(reads_sizes_rates_and_percentages),
        cmocka_unit_test(reads_the_three_http_dates),
        cmocka_unit_test(hex_is_strict_and_takes_either_case),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(knows_utf8_and_tokens),
        cmocka_unit_test(globs_are_linear),
        cmocka_unit_test(copies_what_fits),
        cmocka_unit_test(distance_is_for_did_you_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
