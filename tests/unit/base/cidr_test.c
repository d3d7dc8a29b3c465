/* base/cidr: what is a range, and what lies in it. */
#include "base/cidr.h"

#include "test.h"

#include <arpa/inet.h>
#include <string.h>

static bool has(const char *range, const char *address)
{
    struct cidr c;
    struct address_bytes a;
    assert_null(cidr_parse(str_of(range), &c));
    assert_true(address_read(str_of(address), &a));
    return cidr_has(&c, 1, &a);
}

static void ranges(void **state)
{
    (void)state;
    assert_true(has("10.0.0.0/8", "10.255.1.2"));
    assert_false(has("10.0.0.0/8", "11.0.0.0"));
    assert_true(has("10.0.0.0/8", "::ffff:10.1.2.3")); /* the same host on a v6 socket */
    assert_true(has("192.0.2.7", "192.0.2.7"));
    assert_false(has("192.0.2.7", "192.0.2.6"));
    assert_true(has("192.0.2.0/31", "192.0.2.1"));
    assert_false(has("192.0.2.0/31", "192.0.2.2"));
    assert_true(has("0.0.0.0/0", "255.255.255.255"));
    assert_false(has("0.0.0.0/0", "2001:db8::1"));
    assert_true(has("::/0", "1.2.3.4"));
    assert_true(has("2001:db8::/32", "2001:db8:ffff::1"));
    assert_false(has("2001:db8::/32", "2001:db9::1"));
    assert_true(has("2001:db8::/33", "2001:db8:7fff::"));
    assert_false(has("2001:db8::/33", "2001:db8:8000::"));
}

static void bad_ranges(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",         "10.0.0.0/33", "10.0.0/8",        "10.0.0.1/8", "2001:db8::1/32",
        "::/129",   "10.0.0.0/",   "10.0.0.0/-1",     "localhost",  "10.0.0.0/8/8",
        "1.2.3.4 ", "[::1]",       "fe80::1%eth0/64", "010.0.0.1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct cidr c;
        if (cidr_parse(str_of(bad[i]), &c) == NULL) {
            fail_msg("taken: %s", bad[i]);
        }
    }
}

static void formats(void **state)
{
    (void)state;
    static const char *const texts[] = {"10.0.0.0/8", "192.0.2.7", "2001:db8::/32",
                                        "::1",        "::/0",      "0.0.0.0/0"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct cidr c;
        char out[CIDR_TEXT];
        assert_null(cidr_parse(str_of(texts[i]), &c));
        assert_int_equal(cidr_format(&c, out), strlen(texts[i]));
        assert_string_equal(out, texts[i]);
    }
}

static void clients(void **state)
{
    (void)state;
    struct address_bytes a, b;
    assert_true(address_read(STR("2001:db8:1:2:3::1"), &a) &&
                address_read(STR("2001:db8:1:2:ff::9"), &b));
    struct address_bytes x = address_client(&a), y = address_client(&b);
    assert_memory_equal(&x, &y, sizeof x);
    assert_true(address_read(STR("192.0.2.1"), &a) && address_read(STR("192.0.2.2"), &b));
    x = address_client(&a);
    y = address_client(&b);
    assert_memory_not_equal(&x, &y, sizeof x);
    struct sockaddr_storage unix_peer = {.ss_family = AF_UNIX};
    static const struct address_bytes none;
    a = address_of(&unix_peer);
    assert_memory_equal(&a, &none, sizeof a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),
        cmocka_unit_test(bad_ranges),
        cmocka_unit_test(formats),
        cmocka_unit_test(clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
