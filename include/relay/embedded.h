/* The embedded store: a private redis-server in the data directory, when no URL names another.
 *
 * Only redis-server holds <data_dir>/redis/lock: it inherits the descriptor, we close our copy.
 * Whoever wants to start one must get that lock first, so two servers never write one append-only
 * file. Held and answering: the running server is used. Held and silent: wait, never start a
 * second. */
#ifndef RELAY_EMBEDDED_H
#define RELAY_EMBEDDED_H

#include "relay/worker.h"

struct embedded;

/* Makes and locks the data directory. NULL, or a sentence for the operator. */
const char *data_dir_lock(struct str dir, int *lock_fd) MUST_CHECK;

/* Starts a server if the lock is free. `socket` gets the path to connect to. */
const char *embedded_start(struct embedded **out, struct worker *w, char socket[108]) MUST_CHECK;
/* After the last command: SHUTDOWN over `store`, then waits (at most 5 s) until the lock is free.
 */
void embedded_stop(struct embedded *e, void (*on_stopped)(void *user), void *user);

/* <data_dir>/life.<worker>: which journals it owns, by which tokens. A next life that holds the
 * data directory's lock knows that this one is dead, and need not wait for its leases. */
void life_write(struct worker *w);
void life_adopt(struct worker *w); /* once, when Redis is ready for the first time */

#endif
