/* What listeners of one address have together: connections, how many and how many of each client,
 * and the memory of requests in flight. A client is an IPv4 address, or an IPv6 /64: that much
 * anybody has (base/cidr.h). Any thread. */
#ifndef IO_CLIENTS_H
#define IO_CLIENTS_H

#include "base/text.h"

#include <stdbool.h>
#include <sys/socket.h>

struct clients;

/* Stands for a client: its digest under a key of this process, so that nobody can choose addresses
 * that fall together in the map. */
struct client_key {
    char v[16];
};

struct clients *clients_new(void);
struct clients *clients_ref(struct clients *c);
void clients_unref(struct clients *c); /* the last one frees */

/* One more connection, whoever's; returns how many there were. */
unsigned clients_enter(struct clients *c);
void clients_leave(struct clients *c, unsigned connections);

/* One more from `peer`; false: it has `most` already. The key is for clients_remove. */
bool clients_add(struct clients *c, const struct sockaddr_storage *peer, unsigned most,
                 struct client_key *out) MUST_CHECK;
void clients_remove(struct clients *c, const struct client_key *key);

/* More bytes in flight; false, and nothing is held: they would be more than `most`. */
bool clients_hold(struct clients *c, size_t bytes, size_t most) MUST_CHECK;
void clients_let_go(struct clients *c, size_t bytes);
size_t clients_held(struct clients *c);

size_t clients_known(struct clients *c); /* how many have a connection that was added */

#endif
