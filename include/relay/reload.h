/* The configuration read anew, while the node goes on: all of it or nothing. Main thread only.
 *
 * It is read and checked on a thread of the pool, then taken by one worker after the other. Each
 * request and each try finishes by the configuration that it began with; lanes, breakers, rates,
 * counters and connections go on where their address is the same. */
#ifndef RELAY_RELOAD_H
#define RELAY_RELOAD_H

#include "relay/node.h"

/* A member of whoever asks. */
struct reload_ask {
    struct reload_ask *next;
    bool allow_empty; /* from some routes to none */
    /* Once. `said`: lines for the operator, errors where it was refused, else warnings. NULL:
     * nobody asks; it is in the log. */
    void (*on_end)(struct reload_ask *ask, bool ok, struct str said);
};

/* `path` was read just now, and is kept; the node's worker 0 is there. Sets n->reload; watches
 * where that is configured. Whoever asks waits until reload_ready: all workers are there. */
void reload_open(struct node *n, const char *path);
void reload_ready(struct node *n);
/* Those who ask meanwhile are served one after the other. `ask` NULL: a signal, which does not
 * queue up. */
void reload_start(struct node *n, struct reload_ask *ask);
/* When no worker takes visits any more. Who still asked has been told. */
void reload_close(struct node *n, void (*on_closed)(void *user), void *user);

#endif
