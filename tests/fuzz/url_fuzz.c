/* URLs, listening addresses, hosts and %XX: slices of the input, checked bytes, one meaning. */
#include "model/url.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_slice(struct str whole, struct str s)
{
    ENSURE(s.len == 0 || (s.at >= whole.at && s.at + s.len <= whole.at + whole.len));
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        ENSURE(c > ' ' && c < 0x7f);
    }
}

static void check_url(struct str text)
{
    struct url u, http, again;
    bool tls;
    if (url_parse(text, &u) != NULL) {
        ENSURE(url_parse_http(text, &http, &tls) != NULL);
        return;
    }
    check_slice(text, u.scheme);
    check_slice(text, u.userinfo);
    check_slice(text, u.host);
    check_slice(text, u.rest);
    ENSURE(u.scheme.len > 0 && u.host.len > 0 && u.host.len <= 253);
    ENSURE(u.rest.len == 0 || strchr("/?#", u.rest.at[0]) != NULL);
    ENSURE(u.has_userinfo || u.userinfo.len == 0);
    ENSURE(u.host_is_ipv6 == str_has(u.host, ':'));
    if (url_parse_http(text, &http, &tls) != NULL) {
        return;
    }
    ENSURE(http.port != 0 && !http.has_userinfo && !str_has(http.rest, '#'));
    char out[4096]; /* written anew it means the same */
    int len = snprintf(out, sizeof out, "%s://%s%.*s%s:%u%.*s", tls ? "https" : "http",
                       http.host_is_ipv6 ? "[" : "", STR_ARG(http.host),
                       http.host_is_ipv6 ? "]" : "", (unsigned)http.port, STR_ARG(http.rest));
    if (len < (int)sizeof out) {
        bool tls_again;
        ENSURE(url_parse_http((struct str){out, (size_t)len}, &again, &tls_again) == NULL);
        ENSURE(tls == tls_again && again.port == http.port && str_eq(again.host, http.host) &&
               str_eq(again.rest, http.rest));
    }
}

static void check_address(struct str text)
{
    struct address a;
    if (address_parse(text, &a) != NULL) {
        return;
    }
    ENSURE(a.host.len > 0 && a.host.at >= text.at && a.host.at + a.host.len <= text.at + text.len);
    ENSURE(!a.is_unix || (a.host.at[0] == '/' && a.host.len <= 107));
    ENSURE(memchr(a.host.at, 0, a.host.len) == NULL);
    ENSURE(!a.is_unix || address_is_local(&a));
    ENSURE(!address_is_local(&a) || a.is_unix || !host_is_special(a.host));
}

static void check_decode(struct str text)
{
    static char out[4096];
    size_t n, less;
    if (url_decode(text, out, sizeof out, &n)) {
        ENSURE(n <= text.len && n <= sizeof out);
        ENSURE(n == 0 || !url_decode(text, out, n - 1, &less));
        ENSURE(str_has(text, '%') || (n == text.len && memcmp(out, text.at, n) == 0));
    } else {
        ENSURE(str_has(text, '%') || text.len > sizeof out);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *bytes = malloc(n + 1); /* its own block: one byte too far is seen */
    ENSURE(bytes != NULL);
    memcpy(bytes, data, n);
    bytes = realloc(bytes, n > 0 ? n : 1);
    ENSURE(bytes != NULL);
    struct str text = {bytes, n};
    check_url(text);
    check_address(text);
    check_decode(text);
    (void)host_is_special(text);
    free(bytes);
    return 0;
}
