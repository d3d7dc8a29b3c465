/* Events that no route wanted when they came, under the routes of now.
 *
 * One that is wanted now moves to the live journal as what leaves a lost one does (relay/move.h):
 * its copy keeps its id and is appended first, and is delivered once the place where it was names
 * it in `moved`. So it is delivered once, however often that is asked for, by whichever nodes, and
 * wherever one of them dies: a copy that claims nothing is claimed by whoever recovers its journal.
 * What came twice to a source with `dedupe` was noted as such when it came (relay/move.h), by the
 * window of then; whatever else was answered is an event of its own, whatever the window is now.
 * Its age, for max_age, begins anew. */
#ifndef RELAY_REROUTE_H
#define RELAY_REROUTE_H

#include "relay/history.h"
#include "relay/move.h"

/* The lanes that want it now; 0 also where its source is configured no more. */
size_t reroute_find(struct worker *w, const struct history_event *e, uint16_t to[LANES_MAX]);
/* Can any be taken now? NULL, or the reason (closed list of refusals). */
const char *reroute_refuses(struct worker *w, const struct history_event *e);
/* Is there room in Redis for what goes to these? NULL, or a clause, valid until it is asked again.
 */
const char *reroute_over_budget(struct worker *w, const uint16_t *to, size_t n);
/* Only when nothing refuses; on_decided as move_replay has it. */
void reroute_start(struct worker *w, const struct history_event *e, const uint16_t *to, size_t n,
                   move_on_decided on_decided, void *user);

#endif
