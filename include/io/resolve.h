/* Names to addresses, on libuv's thread pool, with a cache; and which addresses are never dialled.
 *
 * An answer is fresh for 30 s. Older ones are still given, up to 10 minutes, while one lookup runs
 * behind them: a slow or broken resolver delays nothing that was known before. Names come from
 * configuration only, so the cache is bounded by it. */
#ifndef IO_RESOLVE_H
#define IO_RESOLVE_H

#include "base/cidr.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <uv.h>

#define RESOLVE_ADDRESSES 8 /* of one name; more are left out */
#define RESOLVE_FRESH_MS 30000u
#define RESOLVE_STALE_MS 600000u
#define RESOLVE_TEXT 80 /* room for an address as text */

struct resolve_answer {
    const char *trouble; /* NULL, or why there is no address: the system's sentence */
    size_t n;
    struct sockaddr_storage v[RESOLVE_ADDRESSES]; /* port 0; in the order to be tried */
};

/* A lookup that is waited for: a member of whoever waits. */
struct resolve_query {
    struct resolve_query *next, **link; /* link NULL = not waiting */
    void (*on_done)(struct resolve_query *q, const struct resolve_answer *a); /* a: for the call */
};

struct resolve *resolve_new(uv_loop_t *loop);
/* No query may be waiting. on_closed when the last lookup has ended and memory is freed. */
void resolve_close(struct resolve *r, void (*on_closed)(void *user), void *user);

/* What is known of `host` (an address literal is always known), or NULL: then ask resolve_start.
 * Valid until the loop runs on. */
const struct resolve_answer *resolve_find(struct resolve *r, struct str host);
/* Looks up now, joining a lookup of that name under way. on_done comes from the loop, never from
 * inside this call. A lookup that fails is answered by the last good one while that is usable. */
void resolve_start(struct resolve *r, struct resolve_query *q, struct str host,
                   void (*on_done)(struct resolve_query *q, const struct resolve_answer *a));
void resolve_cancel(struct resolve_query *q); /* on_done does not come; the lookup goes on */

bool resolve_literal(struct str host, struct sockaddr_storage *out); /* no brackets, no name */
void resolve_set_port(struct sockaddr_storage *a, uint16_t port);
void resolve_text(const struct sockaddr_storage *a,
                  char out[RESOLVE_TEXT]); /* 1.2.3.4:80, [::1]:80 */

/* NULL, or why this address must not be dialled: the address itself is checked, at each dial, with
 * IPv4 inside IPv6 unwrapped (mapped, compatible, NAT64, 6to4, Teredo). Private and loopback ones
 * are fine: destinations here are internal. `link_local` allows link-local and metadata. */
const char *resolve_denied(const struct sockaddr_storage *a, bool link_local) MUST_CHECK;
/* The same by the operator's rules, which say themselves of link-local and metadata; what is no
 * address of a host (multicast, unspecified) is never dialled. */
const char *resolve_ruled(const struct sockaddr_storage *a,
                          const struct cidr_rules *rules) MUST_CHECK;

#endif
