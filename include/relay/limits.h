/* How much senders may take. */
#ifndef RELAY_LIMITS_H
#define RELAY_LIMITS_H

#include "io/httpd.h"
#include "relay/worker.h"

/* How many connections the system has room for now: asked once, before there are any. */
unsigned limits_room(void);
/* What a node takes at most by this worker's configuration; of the memory each worker has a part.
 */
struct httpd_limits limits_of(const struct worker *w);

#endif
