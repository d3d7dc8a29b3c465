/* URLs and addresses. */
#include "room.h"

#include "model/url.h"

struct good {
    const char *text, *host, *rest;
    unsigned port;
    bool tls;
};

static void reads_http_urls(void **state)
{
    (void)state;
    static const struct good rows[] = {
        {"http://a", "a", "", 80, false},
        {"https://a", "a", "", 443, true},
        {"HTTPS://A.Example/", "A.Example", "/", 443, true},
        {"http://a:8080/x/y?z=1&w=%20", "a", "/x/y?z=1&w=%20", 8080, false},
        {"http://a?x", "a", "?x", 80, false},
        {"http://a:1", "a", "", 1, false},
        {"http://a:65535/", "a", "/", 65535, false},
        {"http://127.0.0.1:9101/", "127.0.0.1", "/", 9101, false},
        {"http://[::1]/", "::1", "/", 80, false},
        {"https://[2001:db8::7]:8443/p", "2001:db8::7", "/p", 8443, true},
        {"http://[::ffff:10.0.0.1]", "::ffff:10.0.0.1", "", 80, false},
        {"http://billing_service.local", "billing_service.local", "", 80, false},
        {"http://xn--bcher-kva.example/", "xn--bcher-kva.example", "/", 80, false},
        {"http://a.b.c.example.", "a.b.c.example.", "", 80, false},
        {"http://1a.example/", "1a.example", "/", 80, false},
        {"http://1.2.3.4.example/", "1.2.3.4.example", "/", 80, false},
        {"http://a//b", "a", "//b", 80, false},
        {"http://a/@b:c", "a", "/@b:c", 80, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct url u;
        bool tls;
        const char *why = url_parse_http(str_of(rows[i].text), &u, &tls);
        if (why != NULL) {
            fail_msg("%s: %s", rows[i].text, why);
        }
        room_text(u.host, rows[i].host, rows[i].text);
        room_text(u.rest, rows[i].rest, rows[i].text);
        assert_int_equal(u.port, rows[i].port);
        assert_int_equal(tls, rows[i].tls);
    }
}

static void refuses_other_urls(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } rows[] = {
        {"", "scheme"},
        {"a", "scheme"},
        {"//a/", "scheme"},
        {"a.example/x", "scheme"},
        {"http:/a", "scheme"},
        {"http:a", "scheme"},
        {"1http://a", "scheme"},
        {"ftp://a", "http or https"},
        {"file:///etc/passwd", "host is missing"},
        {"javascript://a", "http or https"},
        {"http://", "host is missing"},
        {"http:///x", "host is missing"},
        {"http://:80/", "host is missing"},
        {"http://a:/", "port"},
        {"http://a:0", "port"},
        {"http://a:65536", "port"},
        {"http://a:99999999999999999999", "port"},
        {"http://a:+80", "port"},
        {"http://a:8o", "port"},
        {"http://u@a", "Authorization"},
        {"http://u:p@a/", "Authorization"},
        {"http://@a/", "Authorization"},
        {"http://a#f", "fragment"},
        {"http://a/x#", "fragment"},
        {"http://a b", "space"},
        {" http://a", "space"},
        {"http://a\n", "space"},
        {"http://a/\r\nX: y", "space"},
        {"http://a/\x7f", "space"},
        {"http://b\xc3\xbc"
         "cher.example",
         "beyond ASCII"},
        {"http://a/{x}", "%XX"},
        {"http://a/\\x", "%XX"},
        {"http://a/\"", "%XX"},
        {"http://a/%", "hexadecimal"},
        {"http://a/%2", "hexadecimal"},
        {"http://a/%zz", "hexadecimal"},
        {"http://a..b", "empty label"},
        {"http://.a", "empty label"},
        {"http://.", "empty label"},
        {"http://a%41.example", "no host name has"},
        {"http://a,b", "no host name has"},
        {"http://127.1", "IPv4"},
        {"http://2130706433", "IPv4"},
        {"http://0x7f000001", "IPv4"},
        {"http://0x7f.0.0.1", "IPv4"},
        {"http://127.0.0.0x1", "IPv4"},
        {"http://1.2.3.4.5", "IPv4"},
        {"http://256.1.1.1", "IPv4"},
        {"http://127.0.0.01", "IPv4"},
        {"http://[::1", "brackets"},
        {"http://[::1]x", "brackets"},
        {"http://[::g]", "not an IPv6"},
        {"http://[127.0.0.1]", "not an IPv6"},
        {"http://[]", "not an IPv6"},
        {"http://[fe80::1%25eth0]", "not an IPv6"},
        {"http://::1/", "brackets"},
        {"http://1:2:3", "brackets"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct url u;
        bool tls;
        const char *why = url_parse_http(str_of(rows[i].text), &u, &tls);
        if (why == NULL || strstr(why, rows[i].why) == NULL) {
            fail_msg("%s: %s, not ...%s...", rows[i].text, why == NULL ? "taken" : why,
                     rows[i].why);
        }
    }
    struct url u;
    bool tls;
    assert_non_null(url_parse_http(STR("http://a\0b/"), &u, &tls));
    char longest[400] = "http://";
    memset(longest + 7, 'a', 64);
    assert_non_null(url_parse_http(str_of(longest), &u, &tls));
    longest[7 + 63] = '\0';
    assert_null(url_parse_http(str_of(longest), &u, &tls));
    for (size_t i = 7; i < 7 + 300; i++) {
        longest[i] = i % 10 == 0 ? '.' : 'a';
    }
    assert_non_null(url_parse_http(str_of(longest), &u, &tls));
}

static void keeps_the_parts_of_any_url(void **state)
{
    (void)state;
    struct url u;
    assert_null(url_parse(STR("redis://us%65r:p@ss@h:6380/2"), &u));
    room_text(u.scheme, "redis", "scheme");
    room_text(u.userinfo, "us%65r:p@ss", "userinfo");
    room_text(u.host, "h", "host");
    room_text(u.rest, "/2", "rest");
    assert_int_equal(u.port, 6380);
    char out[16];
    size_t n;
    assert_true(url_decode(STR("us%65r%2f"), out, sizeof out, &n));
    room_text((struct str){out, n}, "user/", "decoded");
    assert_false(url_decode(STR("%6"), out, sizeof out, &n));
    assert_false(url_decode(STR("%6g"), out, sizeof out, &n));
    assert_false(url_decode(STR("abc"), out, 2, &n));
}

static void reads_addresses(void **state)
{
    (void)state;
    struct address a;
    assert_null(address_parse(STR("0.0.0.0:8080"), &a));
    assert_false(a.is_unix || address_is_local(&a));
    room_text(a.host, "0.0.0.0", "host");
    assert_int_equal(a.port, 8080);
    assert_null(address_parse(STR("[::]:0"), &a));
    room_text(a.host, "::", "host");
    assert_int_equal(a.port, 0);
    assert_null(address_parse(STR("unix:/run/p.sock"), &a));
    assert_true(a.is_unix && address_is_local(&a));
    room_text(a.host, "/run/p.sock", "path");
    static const char *const local[] = {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"};
    static const char *const far[] = {"10.0.0.1:1",          "[::2]:1",
                                      "[::ffff:10.0.0.1]:1", "host:1",
                                      "localhost.example:1", "128.0.0.1:1"};
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++) {
        assert_null(address_parse(str_of(local[i]), &a));
        assert_true(address_is_local(&a));
    }
    for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
        assert_null(address_parse(str_of(far[i]), &a));
        assert_false(address_is_local(&a));
    }
    static const char *const bad[] = {"",       "8080",       ":8080",    "host",
                                      "host:",  "host:65536", "host:a",   "[::1]",
                                      "::1:80", "http://a:1", "unix:",    "unix:run/x",
                                      "a b:1",  "[::1:80",    "1.2.3:80", "host:-1"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (address_parse(str_of(bad[i]), &a) == NULL) {
            fail_msg("%s was taken", bad[i]);
        }
    }
}

static void knows_special_hosts(void **state)
{
    (void)state;
    static const char *const special[] = {"169.254.169.254",
                                          "169.254.0.1",
                                          "0.0.0.0",
                                          "224.0.0.1",
                                          "239.255.255.255",
                                          "fe80::1",
                                          "febf::1",
                                          "ff02::1",
                                          "::",
                                          "::ffff:169.254.169.254",
                                          "64:ff9b::a9fe:a9fe",
                                          "fd00:ec2::254",
                                          "fd00:ec2::23",
                                          "fd20:ce::254"};
    static const char *const plain[] = {"10.0.0.1", "127.0.0.1",   "8.8.8.8",         "::1",
                                        "fd00::1",  "2001:db8::1", "::ffff:10.0.0.1", "metadata",
                                        ""};
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        if (!host_is_special(str_of(special[i]))) {
            fail_msg("%s is special", special[i]);
        }
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        if (host_is_special(str_of(plain[i]))) {
            fail_msg("%s is not special", plain[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_http_urls),
        cmocka_unit_test(refuses_other_urls),
        cmocka_unit_test(keeps_the_parts_of_any_url),
        cmocka_unit_test(reads_addresses),
        cmocka_unit_test(knows_special_hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
