/* Numbers compared digit for digit. */
#include "room.h"

#include "model/decimal.h"

static void compares(const char *a, int want, const char *b)
{
    struct decimal x, y;
    if (!decimal_read(str_of(a), &x) || !decimal_read(str_of(b), &y)) {
        fail_msg("not read: %s, %s", a, b);
    }
    char keys[2][DECIMAL_KEY];
    struct str p = {keys[0], decimal_key(&x, keys[0])}, q = {keys[1], decimal_key(&y, keys[1])};
    if (p.len == 0 || str_eq(p, q) != (want == 0)) {
        fail_msg("%s and %s: keys %.*s and %.*s", a, b, STR_ARG(p), STR_ARG(q));
    }
    int forth = decimal_compare(&x, &y), back = decimal_compare(&y, &x);
    if (forth != want || back != -want) {
        fail_msg("%s and %s: %d, and back %d; want %d", a, b, forth, back, want);
    }
}

static void the_same_number_in_other_words(void **state)
{
    (void)state;
    compares("0", 0, "-0");
    compares("0", 0, "0.000e99");
    compares("1", 0, "1.0");
    compares("100", 0, "1e2");
    compares("100", 0, "0.01E+4");
    compares("12.5", 0, "125e-1");
    compares("-12.50", 0, "-0.1250e2");
    compares("10203", 0, "1.0203e4");
    compares("1e999999999999999999999", 0, "1e999999999999999999999");
}

static void not_a_digit_is_lost(void **state)
{
    (void)state;
    compares("9007199254740992", -1, "9007199254740993");
    compares("18446744073709551615", -1, "18446744073709551616");
    compares("123456789012345678901234567890", -1, "123456789012345678901234567891");
    compares("0.1", -1, "0.1000000000000000000000000000001");
    compares("-0.1", 1, "-0.1000000000000000000000000000001");
    compares("1e-400", 1, "0");
    compares("1e400", -1, "1e401");
    compares("1e-999999999999999999999", 1, "0");
}

static void order_follows_size_and_sign(void **state)
{
    (void)state;
    compares("2", -1, "10");
    compares("-2", 1, "-10");
    compares("-1", -1, "0");
    compares("0", -1, "0.001");
    compares("9.99", -1, "10");
    compares("0.09", -1, "0.1");
    compares("101", 1, "100.5");
}

static void only_what_json_calls_a_number(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   "-",    "+1",  "01",       "-01",  ".5",
                                      "1.", "1.e5", "1e",  "1e+",      "0x1",  "1_0",
                                      " 1", "1 ",   "NaN", "Infinity", "1e5x", "--1"};
    struct decimal d;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (decimal_read(str_of(bad[i]), &d)) {
            fail_msg("read: \"%s\"", bad[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_number_in_other_words),
        cmocka_unit_test(not_a_digit_is_lost),
        cmocka_unit_test(order_follows_size_and_sign),
        cmocka_unit_test(only_what_json_calls_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
