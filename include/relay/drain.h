/* The spool's way back: its files are read one at a time when Redis takes appends again, and each
 * event moves to the live journal (relay/move.h). A file goes when Redis has answered all of it, as
 * durably as was promised; else it is read again: one event of it, and the others when that one is
 * proven. One with a record that is no event, or with a damaged end, is renamed and stays. The
 * worker's spool owns its drain, and calls it only while the live journal takes appends. */
#ifndef RELAY_DRAIN_H
#define RELAY_DRAIN_H

#include "relay/worker.h"

struct drain;

struct drain *drain_new(struct worker *w, int dir); /* dir: the spool's folder, borrowed */
/* A segment that takes no more; its bytes are in the node's sum, and the drain takes them out. */
void drain_add(struct drain *d, const char *name, uint64_t bytes);
bool drain_is_empty(const struct drain *d);
uint64_t drain_bytes(const struct drain *d); /* of its files */
/* Reads the next file, or feeds on from the one that is read. Tells the spool of its steps:
 * spool_file_gone, spool_look_closed. */
void drain_pump(struct drain *d);
/* Of an event that was fed: Redis has it now; its move is over. */
void drain_event_durable(struct drain *d, bool proven);
void drain_event_moved(struct drain *d);
bool drain_is_at_disk(const struct drain *d); /* the thread pool works for it: not to be freed */
void drain_free(struct drain *d);

#endif
