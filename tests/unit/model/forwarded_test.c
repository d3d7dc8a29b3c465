/* X-Forwarded-For is read from the right, as far as proxies of ours have written it. */
#include "model/forwarded.h"

#include "test.h"

static void the_first_that_is_no_proxy_of_ours(void **state)
{
    (void)state;
    static const struct {
        const char *field, *client;
        bool more;
    } rows[] = {
        {"192.0.2.1", "192.0.2.1", false},
        {"198.51.100.9, 192.0.2.1, 10.0.0.2", "192.0.2.1", false},
        {"192.0.2.1:80,10.0.0.2:5000", "192.0.2.1", false},
        {"[2001:db8::1]:80", "2001:db8::1", false},
        {"10.0.0.3, 10.0.0.2", "10.0.0.3", true},
        {"", "10.0.0.1", true},
        {"192.0.2.1, unknown, 10.0.0.2", "10.0.0.2", false},
        {"192.0.2.1, ", "10.0.0.1", false},
        {",10.0.0.2", "10.0.0.2", true},
        {"192.0.2.1,,10.0.0.2", "10.0.0.2", false},
    };
    struct cidr proxies;
    assert_null(cidr_parse(STR("10.0.0.0/8"), &proxies));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct address_bytes client;
        char text[CIDR_TEXT];
        assert_true(address_read(STR("10.0.0.1"), &client)); /* the peer: a proxy, too */
        bool more = forwarded_read(str_of(rows[i].field), &proxies, 1, &client);
        address_format(&client, text);
        assert_string_equal(text, rows[i].client);
        assert_int_equal(more, rows[i].more);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_that_is_no_proxy_of_ours)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
