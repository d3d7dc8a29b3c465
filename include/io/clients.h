/* How many connections each client has at a listener. A client is an IPv4 address, or an IPv6 /64:
 * that much anybody has (base/cidr.h). */
#ifndef IO_CLIENTS_H
#define IO_CLIENTS_H

#include "base/map.h"

#include <stdbool.h>
#include <sys/socket.h>

struct crypt_key;

struct clients {
    struct crypt_key *key;
    struct map counts; /* a number in place of a pointer */
};

/* Stands for a client: its digest under a key of this process, so that nobody can choose addresses
 * that fall together in the map. */
struct client_key {
    char v[16];
};

void clients_init(struct clients *c);
void clients_done(struct clients *c);
/* One more connection from `peer`; false: it has `most` already. The key is for clients_remove. */
bool clients_add(struct clients *c, const struct sockaddr_storage *peer, unsigned most,
                 struct client_key *out) MUST_CHECK;
void clients_remove(struct clients *c, const struct client_key *key);

#endif
