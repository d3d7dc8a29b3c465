/* X-Forwarded-For: what each proxy on the way adds at its right (RFC 7239 section 7.4; there is no
 * standard of its own). */
#ifndef MODEL_FORWARDED_H
#define MODEL_FORWARDED_H

#include "base/cidr.h"

/* Reads one such field from the right and puts into `client` what it reads, until that is no proxy
 * of ours: the sender. True: all of it were proxies, so the field before this one counts; false:
 * the sender was found, or what comes next is no address, and `client` is the last that was one. */
bool forwarded_read(struct str field, const struct cidr *proxies, size_t n,
                    struct address_bytes *client);

#endif
