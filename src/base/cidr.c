/* Ranges of IP addresses. */
#include "base/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_v4(const struct address_bytes *a)
{
    return memcmp(a->v, mapped, sizeof mapped) == 0;
}

bool address_read(struct str text, struct address_bytes *out)
{
    char name[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof name || memchr(text.at, 0, text.len) != NULL) {
        return false;
    }
    memcpy(name, text.at, text.len);
    name[text.len] = '\0';
    memcpy(out->v, mapped, sizeof mapped);
    return inet_pton(AF_INET, name, out->v + 12) == 1 || inet_pton(AF_INET6, name, out->v) == 1;
}

size_t address_format(const struct address_bytes *a, char out[CIDR_TEXT])
{
    if (is_v4(a)) {
        inet_ntop(AF_INET, a->v + 12, out, CIDR_TEXT);
    } else {
        inet_ntop(AF_INET6, a->v, out, CIDR_TEXT);
    }
    return strlen(out);
}

struct address_bytes address_of(const struct sockaddr_storage *peer)
{
    struct address_bytes a = {{0}};
    if (peer->ss_family == AF_INET) {
        memcpy(a.v, mapped, sizeof mapped);
        memcpy(a.v + 12, &((const struct sockaddr_in *)peer)->sin_addr, 4);
    } else if (peer->ss_family == AF_INET6) {
        memcpy(a.v, &((const struct sockaddr_in6 *)peer)->sin6_addr, 16);
    }
    return a;
}

static void cut(struct address_bytes *a, unsigned bits)
{
    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = bits > 8 * i ? bits - 8 * i : 0;
        a->v[i] &= (unsigned char)(keep >= 8 ? 0xff : 0xff00u >> keep);
    }
}

struct address_bytes address_client(const struct address_bytes *a)
{
    struct address_bytes c = *a;
    if (!is_v4(a)) {
        cut(&c, 64);
    }
    return c;
}

const char *cidr_parse(struct str text, struct cidr *out)
{
    struct str address, bits;
    uint64_t n;
    bool has_bits = str_cut(text, '/', &address, &bits);
    if (!address_read(address, &out->address)) {
        return "expected an address or a range, such as 10.0.0.0/8 or 2001:db8::/32";
    }
    unsigned most = is_v4(&out->address) && !str_has(address, ':') ? 32 : 128;
    if (!has_bits) {
        n = most;
    } else if (text_u64(bits, most, &n) != NULL) {
        return most == 32 ? "behind the / stands a number from 0 to 32"
                          : "behind the / stands a number from 0 to 128";
    }
    out->bits = 128 - most + (unsigned)n;
    struct address_bytes before = out->address;
    cut(&out->address, out->bits);
    return memcmp(&before, &out->address, sizeof before) == 0
               ? NULL
               : "there are bits behind the prefix; a range begins with its first address";
}

size_t cidr_format(const struct cidr *c, char out[CIDR_TEXT])
{
    size_t n = address_format(&c->address, out);
    unsigned most = is_v4(&c->address) && c->bits >= 96 ? 32 : 128;
    unsigned bits = c->bits - (128 - most);
    if (bits < most) {
        n += (size_t)snprintf(out + n, CIDR_TEXT - n, "/%u", bits);
    }
    return n;
}

bool cidr_has(const struct cidr *list, size_t n, const struct address_bytes *address)
{
    for (size_t i = 0; i < n; i++) {
        struct address_bytes a = *address;
        cut(&a, list[i].bits);
        if (memcmp(&a, &list[i].address, sizeof a) == 0) {
            return true;
        }
    }
    return false;
}

bool cidr_denies(const struct cidr_rules *r, const struct address_bytes *address)
{
    return cidr_has(r->deny, r->deny_n, address) && !cidr_has(r->allow, r->allow_n, address);
}
