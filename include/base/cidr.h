/* Ranges of IP addresses (RFC 4632, RFC 4291): "10.0.0.0/8", "2001:db8::/32", "192.0.2.7". IPv4 is
 * kept as IPv4-mapped IPv6, so that an address is the same however its socket shows it. */
#ifndef BASE_CIDR_H
#define BASE_CIDR_H

#include "base/text.h"

#include <sys/socket.h>

#define CIDR_TEXT 52 /* of a range, with its terminator */

struct address_bytes {
    unsigned char v[16];
};

struct cidr {
    struct address_bytes address; /* bits beyond the prefix are 0 */
    unsigned bits;                /* of the 128 */
};

/* NULL, or a sentence that says what is wrong. */
const char *cidr_parse(struct str text, struct cidr *out) MUST_CHECK;
size_t cidr_format(const struct cidr *c, char out[CIDR_TEXT]); /* returns the length */
bool cidr_has(const struct cidr *list, size_t n, const struct address_bytes *address);
/* Which addresses may not be dialled; `text` is the same for the same rules. */
struct cidr_rules {
    const struct cidr *deny, *allow; /* `allow` wins */
    size_t deny_n, allow_n;
    struct str text;
};
bool cidr_denies(const struct cidr_rules *r, const struct address_bytes *address);
/* Of a socket's peer; all zero for one that has no IP address (a Unix socket). */
struct address_bytes address_of(const struct sockaddr_storage *peer);
/* A literal, without brackets; false: it is none. */
bool address_read(struct str text, struct address_bytes *out) MUST_CHECK;
size_t address_format(const struct address_bytes *a, char out[CIDR_TEXT]);
/* What counts as one client: an IPv4 address, or the /64 that an IPv6 host has to itself. */
struct address_bytes address_client(const struct address_bytes *a);

#endif
