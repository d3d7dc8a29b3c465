/* What is in Redis of one event, of any journal and on any node; and requests to its owner. */
#ifndef RELAY_LOOKUP_H
#define RELAY_LOOKUP_H

#include "relay/journal.h"

/* One event with all that is known of its deliveries. */
struct found_event {
    struct str id, source, method, target, headers, body;
    bool has_body; /* not a dead letter beyond its destination's buffer */
    int64_t received_ms;
    size_t record_count; /* of parked or dead deliveries */
    struct {
        struct str destination;
        struct record record;
    } records[64];
};

/* on_found once: NULL when there is no such event, with a reason when Redis is away. */
void lookup_event(struct worker *w, struct str id,
                  void (*on_found)(void *user, const struct found_event *e, const char *reason),
                  void *user);

/* Pushes "<verb> <n> <destination> <nonce>" to the requests of the event's journal; its owner does
 * it with its next renewal (2 s), exactly once. on_done: NULL, "not_found", "redis_down", or
 * "no_body": it was kept without, and history has it no more. */
void lookup_request(struct worker *w, const char *verb, struct str id, struct str destination,
                    void (*on_done)(void *user, const char *reason), void *user);

/* Writes the destination's state for all nodes, and then obeys it here. on_done may be NULL. */
void lookup_pause(struct worker *w, struct lane *lane, bool paused,
                  void (*on_done)(void *user, const char *reason), void *user);
/* Says for all nodes that nothing is wanted of a destination that is not configured any more: what
 * is parked or dead for it is forgotten, by whoever owns the journals. */
void lookup_drop(struct worker *w, struct str destination,
                 void (*on_done)(void *user, const char *reason), void *user);

#endif
