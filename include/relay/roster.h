/* Who is there: each worker writes a line about itself into <prefix>nodes, every 2 s, so that any
 * node can list all of them, and the journals that nobody has. */
#ifndef RELAY_ROSTER_H
#define RELAY_ROSTER_H

#include "relay/worker.h"

void roster_publish(struct worker *w);
void roster_leave(struct worker *w); /* a planned stop */
/* Appends {"nodes":[...],"unowned":[...]} to `out`, which must live until on_end: NULL, or the
 * reason why not. */
void roster_list(struct worker *w, struct buf *out, void (*on_end)(void *user, const char *reason),
                 void *user);

#endif
