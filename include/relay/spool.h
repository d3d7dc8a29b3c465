/* The spool: what comes while Redis is away, on disk until it is back.
 *
 * It is a journal that never lies in Redis, and of which everything moves: each outage draws a
 * number of its own, S, and its events are numbered n = 1, 2, 3 ... in segments (io/segment.h) in
 * <data_dir>/spool. A worker has one batch of records on its way to the disk and gathers the next
 * one meanwhile; a 2xx leaves when its batch is synced. When Redis is back, each event is appended
 * to the live journal as one that has moved there from S-n (relay/move.h): the claim in S' `moved`
 * says whose copy counts, so a segment may be read again after a crash, no position is kept, and
 * each event is delivered once. A segment goes when Redis has answered all of it. Segments that an
 * earlier life left are shared out among the workers of this one. */
#ifndef RELAY_SPOOL_H
#define RELAY_SPOOL_H

#include "model/event.h"
#include "relay/worker.h"

/* One event on its way to the disk: a member of the request that waits for it. */
struct spooling {
    struct spooling *next;
    char id[EVENT_ID_LEN];
    char dedupe[DEDUPE_MAX + 1]; /* of its delivery id, or empty: looked at when it is in Redis */
    /* NULL: it is durable; else refused, by a reason of the closed list. From the loop. */
    void (*on_spooled)(struct spooling *x, const char *reason);
};

/* Takes over this worker's share of what lies there; nothing when no spool is configured. On the
 * main thread. NULL, or a sentence for the operator. */
const char *spool_start(struct worker *w) MUST_CHECK;
/* May an event with so large a body be spooled now? NULL, or the reason of the refusal. */
const char *spool_refuses(const struct worker *w, size_t body_bytes);
/* Writes an event of which parts->journal, n and id are the spool's to choose. Completion:
 * on_spooled, never from inside. */
void spool_append(struct worker *w, const struct event_parts *parts, struct spooling *x);
/* Moves events to the live journal, if it takes any and if there are any. */
void spool_pump(struct worker *w);
/* Of an event that left the spool: Redis has it now (its move is durable); its move is over. */
void spool_event_durable(struct worker *w, bool proven); /* else its file is read again */
void spool_event_moved(struct worker *w);
/* Of the drain: a file is done with, and is no longer of its files; it may have been the last. */
void spool_file_gone(struct worker *w);
void spool_look_closed(struct worker *w); /* of the drain: nothing of it is on the thread pool */
uint64_t spool_bytes(const struct worker *w); /* on disk, this worker's */
/* on_closed when no thread works for it any more. */
void spool_close(struct worker *w, void (*on_closed)(void *user), void *user);
void spool_free(struct worker *w);
/* No spool is configured, but events lie in the data directory: says so. */
void spool_warn_of_leftovers(const struct conf *c);

/* What a record holds; slices are borrowed. */
struct spooled {
    int64_t received_ms;
    struct str source, to, method, target, headers, dedupe,
        body; /* to: names, a blank between them */
};
void spooled_encode(const struct spooled *e, struct buf *out);
bool spooled_decode(struct str payload, struct spooled *e); /* false: foreign */

#endif
