/* io/proxy: both versions of the header, in any pieces, and nothing else. */
#include "io/proxy.h"

#include "io/resolve.h"
#include "test.h"

#include <string.h>

/* The same verdict for every prefix: more until it is whole, and never a byte taken from behind it.
 */
static enum proxy_result judge(const char *bytes, size_t n, struct proxy_header *h)
{
    enum proxy_result r = PROXY_MORE;
    for (size_t i = 0; i <= n; i++) {
        r = proxy_parse(bytes, i, h);
        if (r != PROXY_MORE) {
            assert_true(r == PROXY_BAD || h->len == i);
            break;
        }
        assert_true(h->want > 0);
    }
    return r;
}

static void expect_client(const char *bytes, size_t n, const char *client)
{
    struct proxy_header h;
    char text[RESOLVE_TEXT];
    char more[1024];
    assert_int_equal(judge(bytes, n, &h), PROXY_DONE);
    assert_int_equal(h.len, n);
    memcpy(more, bytes, n);
    memcpy(more + n, "POST /", 6); /* what stands behind it is not its own */
    assert_int_equal(proxy_parse(more, n + 6, &h), PROXY_DONE);
    assert_int_equal(h.len, n);
    assert_int_equal(h.local, client == NULL);
    if (client != NULL) {
        resolve_text(&h.client, text);
        assert_string_equal(text, client);
    }
}

static void version_1(void **state)
{
    (void)state;
    static const struct {
        const char *line, *client;
    } good[] = {
        {"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", "192.0.2.1:56324"},
        {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255:65535"},
        {"PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "[2001:db8::1]:1"},
        {"PROXY UNKNOWN\r\n", NULL},
        {"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", NULL},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        expect_client(good[i].line, strlen(good[i].line), good[i].client);
    }
    static const char *const bad[] = {
        "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 56324\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 \r\n",
        "PROXY TCP4  192.0.2.1 192.0.2.2 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 056 443\r\n",
        "PROXY TCP4 2001:db8::1 ::1 1 2\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP5 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY\r\n",
        "PROXY \r\n",
        "proxy UNKNOWN\r\n",
        "POST /hooks HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct proxy_header h;
        if (judge(bad[i], strlen(bad[i]), &h) != PROXY_BAD) {
            fail_msg("not refused: %s", bad[i]);
        }
    }
    char endless[PROXY_V1_BYTES + 8];
    struct proxy_header h;
    memset(endless, 'x', sizeof endless);
    memcpy(endless, "PROXY UNKNOWN ", 14);
    assert_int_equal(judge(endless, sizeof endless, &h), PROXY_BAD);
}

static size_t v2(char *out, unsigned char command, unsigned char family, const void *rest, size_t n)
{
    memcpy(out, "\r\n\r\n\0\r\nQUIT\n", 12);
    out[12] = (char)command;
    out[13] = (char)family;
    out[14] = (char)(n >> 8);
    out[15] = (char)n;
    if (n > 0 && rest != NULL) {
        memcpy(out + 16, rest, n);
    }
    return 16 + n;
}

static void version_2(void **state)
{
    (void)state;
    static const unsigned char four[] = {192, 0,    2, 1, 192, 0, 2, 2, 0xdc, 0x04,
                                         1,   0xbb, 3, 0, 4,   1, 2, 3, 4};
    static const unsigned char six[36] = {
        0x20, 1, 0x0d, 0xb8, [15] = 1, [31] = 1, [33] = 7, [35] = 8};
    static char bytes[4096];
    expect_client(bytes, v2(bytes, 0x21, 0x11, four, 12), "192.0.2.1:56324");
    expect_client(bytes, v2(bytes, 0x21, 0x11, four, 19), "192.0.2.1:56324"); /* a TLV behind */
    expect_client(bytes, v2(bytes, 0x21, 0x21, six, 36), "[2001:db8::1]:7");
    expect_client(bytes, v2(bytes, 0x20, 0x00, NULL, 0), NULL);   /* LOCAL */
    expect_client(bytes, v2(bytes, 0x20, 0x11, four, 12), NULL);  /* LOCAL with addresses */
    expect_client(bytes, v2(bytes, 0x21, 0x31, NULL, 216), NULL); /* a Unix socket */
    expect_client(bytes, v2(bytes, 0x21, 0x00, NULL, 0), NULL);
    struct proxy_header h;
    assert_int_equal(judge(bytes, v2(bytes, 0x21, 0x11, four, 11), &h), PROXY_BAD);
    assert_int_equal(judge(bytes, v2(bytes, 0x21, 0x21, six, 35), &h), PROXY_BAD);
    assert_int_equal(judge(bytes, v2(bytes, 0x11, 0x11, four, 12), &h), PROXY_BAD);
    assert_int_equal(judge(bytes, v2(bytes, 0x22, 0x11, four, 12), &h), PROXY_BAD);
    (void)v2(bytes, 0x21, 0x11, four, 12);
    bytes[14] = 8; /* says that it is 2,060 bytes long */
    assert_int_equal(judge(bytes, 16, &h), PROXY_BAD);
    bytes[0] = 'X';
    assert_int_equal(judge(bytes, 16, &h), PROXY_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(version_1), cmocka_unit_test(version_2)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
