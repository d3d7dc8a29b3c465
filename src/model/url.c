/* URLs and listening addresses. */
#include "model/url.h"

#include <arpa/inet.h>
#include <string.h>

#define HOST_MAX 253
#define LABEL_MAX 63

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Copies to a terminated text, for inet_pton. */
static bool to_address(struct str s, int family, unsigned char out[16])
{
    char text[64];
    if (s.len == 0 || s.len >= sizeof text || memchr(s.at, 0, s.len) != NULL) {
        return false;
    }
    memcpy(text, s.at, s.len);
    text[s.len] = '\0';
    return inet_pton(family, text, out) == 1;
}

/* Would the system's resolver take it for a number ("127.1", "0x7f.1", "2130706433")? Such
 * spellings of an IPv4 address hide what they are, so only four plain decimals are taken. */
static bool looks_numeric(struct str last_label)
{
    if (last_label.len == 0) {
        return false;
    }
    bool digits = true;
    for (size_t i = 0; i < last_label.len; i++) {
        digits = digits && is_digit(last_label.at[i]);
    }
    return digits || str_istarts(last_label, STR("0x"));
}

static const char *check_name(struct str host)
{
    unsigned char bytes[16];
    if (host.len > HOST_MAX) {
        return "the host name is too long";
    }
    struct str label = STR_NONE, rest = host;
    if (str_ends(rest, STR("."))) { /* fully qualified */
        rest = str_head(rest, rest.len - 1);
    }
    bool more;
    do {
        more = str_cut(rest, '.', &label, &rest);
        if (label.len == 0) {
            return "the host name has an empty label";
        }
        if (label.len > LABEL_MAX) {
            return "the host name has a label of more than 63 characters";
        }
        for (size_t i = 0; i < label.len; i++) {
            char c = label.at[i];
            if (!is_alpha(c) && !is_digit(c) && c != '-' && c != '_') {
                return "the host name has a character that no host name has";
            }
        }
    } while (more);
    if (looks_numeric(label) && !to_address(host, AF_INET, bytes)) {
        return "the host looks like an IPv4 address, but is not four decimal numbers";
    }
    return NULL;
}

static const char *take_port(struct str text, uint64_t least, uint16_t *out)
{
    uint64_t port;
    if (text.len == 0 || text.len > 5 || text_u64(text, 65535, &port) != NULL || port < least) {
        return least == 0 ? "the port must be a number from 0 to 65535"
                          : "the port must be a number from 1 to 65535";
    }
    *out = (uint16_t)port;
    return NULL;
}

/* "host", "host:port", "[v6]", "[v6]:port". */
static const char *take_host(struct str text, struct url *out, uint64_t least_port)
{
    struct str port;
    bool has_port;
    if (str_starts(text, STR("["))) {
        unsigned char bytes[16];
        struct str after;
        if (!str_cut(str_from(text, 1), ']', &out->host, &after) ||
            (after.len > 0 && after.at[0] != ':')) {
            return "the brackets of an IPv6 address must be closed";
        }
        if (!to_address(out->host, AF_INET6, bytes)) {
            return "what is in brackets is not an IPv6 address (zones are not taken)";
        }
        out->host_is_ipv6 = true;
        has_port = after.len > 0;
        port = str_from(after, 1);
    } else {
        has_port = str_cut(text, ':', &out->host, &port);
        if (str_has(port, ':')) {
            return "an IPv6 address must stand in brackets";
        }
        if (out->host.len == 0) {
            return "the host is missing";
        }
        const char *why = check_name(out->host);
        if (why != NULL) {
            return why;
        }
    }
    out->port = 0;
    return has_port ? take_port(port, least_port, &out->port) : NULL;
}

static const char *check_bytes(struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c <= 0x20 || c == 0x7f) {
            return "there is a space or a control character in it";
        }
        if (c >= 0x80) {
            return "there is a character beyond ASCII in it: write it as %XX, or the host as "
                   "xn--...";
        }
        if (strchr("\"<>\\^`{|}", c) != NULL) {
            return "there is a character in it that must be written as %XX";
        }
        if (c == '%' &&
            (i + 2 >= text.len || strchr("0123456789abcdefABCDEF", text.at[i + 1]) == NULL ||
             strchr("0123456789abcdefABCDEF", text.at[i + 2]) == NULL)) {
            return "a % is not followed by two hexadecimal digits";
        }
    }
    return NULL;
}

static bool is_scheme(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!is_alpha(c) && (i == 0 || (!is_digit(c) && strchr("+-.", c) == NULL))) {
            return false;
        }
    }
    return s.len > 0;
}

const char *url_parse(struct str text, struct url *out)
{
    *out = (struct url){.scheme = STR_NONE};
    const char *why = check_bytes(text);
    if (why != NULL) {
        return why;
    }
    struct str rest;
    if (!str_cut(text, ':', &out->scheme, &rest) || !is_scheme(out->scheme) ||
        !str_starts(rest, STR("//"))) {
        return "it does not begin with a scheme such as https://";
    }
    rest = str_from(rest, 2);
    size_t end = 0;
    while (end < rest.len && strchr("/?#", rest.at[end]) == NULL) {
        end++;
    }
    struct str authority = str_head(rest, end);
    out->rest = str_from(rest, end);
    for (size_t i = authority.len; i-- > 0;) { /* the last '@' ends the userinfo */
        if (authority.at[i] == '@') {
            out->has_userinfo = true;
            out->userinfo = str_head(authority, i);
            authority = str_from(authority, i + 1);
            break;
        }
    }
    return take_host(authority, out, 1);
}

const char *url_parse_http(struct str text, struct url *out, bool *tls)
{
    const char *why = url_parse(text, out);
    if (why != NULL) {
        return why;
    }
    *tls = str_ieq(out->scheme, STR("https"));
    if (!*tls && !str_ieq(out->scheme, STR("http"))) {
        return "the scheme must be http or https";
    }
    if (out->has_userinfo) {
        return "a user or password in the URL is not taken: set the header Authorization instead";
    }
    if (str_has(out->rest, '#')) {
        return "a fragment (#...) is never sent, so it has no place here";
    }
    if (out->port == 0) {
        out->port = *tls ? 443 : 80;
    }
    return NULL;
}

const char *address_parse(struct str text, struct address *out)
{
    *out = (struct address){.is_unix = str_starts(text, STR("unix:"))};
    if (out->is_unix) {
        out->host = str_from(text, 5);
        if (out->host.len == 0 || out->host.at[0] != '/') {
            return "a Unix socket is written unix:/absolute/path";
        }
        if (out->host.len > 107 || memchr(out->host.at, 0, out->host.len) != NULL) {
            return "the path of a Unix socket has at most 107 bytes";
        }
        return NULL;
    }
    struct url u = {.scheme = STR_NONE};
    if (str_has(text, '/')) {
        return "expected host:port, [IPv6]:port or unix:/path, not a URL";
    }
    if (!str_has(text, ':') || str_ends(text, STR("]"))) {
        return "the port is missing: write host:port, [IPv6]:port or unix:/path";
    }
    const char *why = take_host(text, &u, 0);
    out->host = u.host;
    out->port = u.port;
    return why;
}

bool address_is_local(const struct address *a)
{
    unsigned char b[16];
    static const unsigned char loopback6[16] = {[15] = 1};
    if (a->is_unix || str_ieq(a->host, STR("localhost"))) {
        return true;
    }
    if (to_address(a->host, AF_INET, b)) {
        return b[0] == 127;
    }
    return to_address(a->host, AF_INET6, b) && memcmp(b, loopback6, 16) == 0;
}

static bool is_special4(const unsigned char b[4])
{
    return (b[0] == 169 && b[1] == 254) || (b[0] & 0xf0) == 224 || b[0] == 0;
}

bool host_is_special(struct str host)
{
    static const unsigned char metadata[][16] = {
        {0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54},
        {0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23},
        {0xfd, 0x20, 0x00, 0xce, [14] = 0x02, [15] = 0x54},
    };
    static const unsigned char zeros[16] = {0};
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    unsigned char b[16];
    if (to_address(host, AF_INET, b)) {
        return is_special4(b);
    }
    if (!to_address(host, AF_INET6, b)) {
        return false;
    }
    bool mapped = memcmp(b, zeros, 10) == 0 && b[10] == 0xff && b[11] == 0xff;
    if (mapped || memcmp(b, nat64, 12) == 0) {
        return is_special4(b + 12);
    }
    bool special =
        b[0] == 0xff || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) || memcmp(b, zeros, 16) == 0;
    for (size_t i = 0; i < sizeof metadata / sizeof *metadata; i++) {
        special = special || memcmp(b, metadata[i], 16) == 0;
    }
    return special;
}

bool url_decode(struct str s, char *out, size_t cap, size_t *n)
{
    size_t o = 0;
    for (size_t i = 0; i < s.len; i++, o++) {
        size_t got;
        if (o == cap) {
            return false;
        }
        if (s.at[i] != '%') {
            out[o] = s.at[i];
        } else if (text_get_hex(str_head(str_from(s, i + 1), 2), out + o, 1, &got) && got == 1) {
            i += 2;
        } else {
            return false;
        }
    }
    *n = o;
    return true;
}
