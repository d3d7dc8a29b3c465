/* A delivery is one event for one destination; a lane is all of one destination's in one worker.
 *
 * States, one list each, one mover (delivery_move): READY (one of three lists) -> INFLIGHT -> gone.
 * Gone means settled, parked or buried: from then on the journal has it. */
#ifndef RELAY_DELIVERY_H
#define RELAY_DELIVERY_H

#include "relay/attempt.h"
#include "relay/journal.h"

enum delivery_state {
    DELIVERY_FRESH,   /* ready: straight from the append, or read back */
    DELIVERY_OVERDUE, /* ready: was parked before its first attempt */
    DELIVERY_RETRY,   /* ready: was parked after a failed one */
    DELIVERY_INFLIGHT,
    DELIVERY_STATES,
};

struct delivery {
    struct delivery *next, *prev;                /* in its state's list */
    struct delivery *next_loaded, **loaded_link; /* in its track's, when it came from a due set */
    struct event *event;                         /* referenced */
    struct lane *lane;
    struct track *track; /* NULL: its journal was left while it was in flight */
    uint64_t n, seq;     /* seq: its slot in the track, or TRACK_NO_SEQ when it was parked */
    enum delivery_state state;
    bool parked;      /* Redis has its record: success must drop it */
    bool body_queued; /* parked while in flight: its body may still wait to be written */
    struct record record;
    struct attempt *attempt;
    int64_t started_boot_ms, timeout_ms; /* of the attempt in flight */
};

struct delivery_list {
    struct delivery *first, *last;
    unsigned n;
};

struct lane {
    struct worker *w;
    unsigned number;
    char name[72];
    const struct conf_destination *dest; /* NULL: this configuration does not know it */
    bool unusable;                       /* its certificate or key cannot be read */
    bool removed;           /* a reload no longer had it, and `on_removed` says what then; */
    enum conf_removed rule; /* else what waits is parked */
    struct httpc_origin *origin;
    struct node_slots *slots; /* the node's; NULL: it was never configured */
    struct breaker breaker;
    bool paused;
    bool full;         /* beyond its buffer, and on_full says: dead letters; for the log */
    bool pause_wanted; /* exhausted: stands until Redis says so too, or somebody resumes it */
    struct delivery_list lists[DELIVERY_STATES];
    size_t bytes;              /* of the events in these lists, as if no other lane had them too */
    unsigned turn;             /* whose slot is next, of four */
    bool is_offered;           /* something new: it is one of worker.offered, ... */
    struct lane *next_offered; /* ... before this one */
    struct attempt *spare;     /* recycled attempts */
    unsigned spares;
    struct wheel_timer probe; /* breaker: when to look again */
    struct wheel_timer stuck; /* in flight for 30 s: park them meanwhile */
    struct lane_stats *stats;
    int64_t last_ok_ms;
    uint64_t held_by_others, held_bytes; /* of Redis: in journals of other workers; altogether */
    char last_error[64];
};

/* --- delivery.c: the only mover */
/* In its track's slot `seq`, or with TRACK_NO_SEQ from its due set. `r` NULL: nobody has tried it.
 * In no list until it is moved to one. */
struct delivery *delivery_new(struct track *t, struct event *e, uint64_t seq,
                              const struct record *r);
void delivery_move(struct delivery *d, enum delivery_state to);
/* Out of every list and of memory; what the journal shall know of it was said before. */
void delivery_free(struct delivery *d);
void delivery_load(struct delivery *d);                 /* its track's due set has it, too */
void delivery_settle(struct delivery *d);               /* delivered */
void delivery_drop(struct delivery *d);                 /* given up without a trace, but counted */
void delivery_park(struct delivery *d, int64_t due_ms); /* or buries it: see on_full */
void delivery_bury(struct delivery *d);
void delivery_orphan(struct delivery *d); /* in flight, but its journal is left */

/* --- lane.c */
unsigned lane_number(const struct lane *lane);
/* Finds or makes the lane of that name; NULL when LANES_MAX destinations were seen already, or when
 * it can be no name (of a foreign member, say). */
struct lane *lane_find(struct worker *w, struct str name);
const char *lane_why_none(struct str name);           /* where lane_find found none */
const char *lanes_apply(struct worker *w) MUST_CHECK; /* gives every lane its configuration */
/* The same when w->conf has taken the place of `before`. Whose address cannot be used keeps the old
 * one (NULL, or the first such sentence). */
const char *lanes_reload(struct worker *w, const struct conf *before) MUST_CHECK;
/* Is there room for the lanes of that configuration? They stay for as long as the process lives: so
 * none is made before all workers have said so. */
bool lanes_fit(struct worker *w, const struct conf *next);
/* False: the room was taken meanwhile. */
bool lanes_make(struct worker *w, const struct conf *next) MUST_CHECK;
void lane_mend(struct lane *lane); /* every 2 s: one that is unusable */
/* Would a try by `dest` go to another host than one by its configuration of now? */
bool lane_goes_elsewhere(const struct lane *lane, const struct conf_destination *dest);
void lanes_refresh(struct worker *w); /* after a reload of certificates: no old connection waits */
/* Their names, a blank between them: what journal and spool keep of an event's destinations. */
void lanes_put_names(const struct worker *w, const uint16_t *to, size_t count, struct buf *out);
bool lane_is_in(const struct lane *lane, const uint16_t *to, size_t count);
void lanes_free(struct worker *w);
void lane_pause(struct lane *lane, bool paused);
/* Nobody configures it any more, and the operator wants nothing of it: forgets some of what is for
 * it, in memory and in Redis; again every 2 s. */
void lane_drop(struct lane *lane);
unsigned lane_depth(const struct lane *lane); /* deliveries in memory */
bool lane_is_mirror(const struct lane *lane);

/* An event is durable: one delivery to each of its lanes. */
void dispatch_event(struct journal *j, struct event *e);
/* It is in the stream, and goes to nobody from there: the spool has it as well. */
void dispatch_settled(struct journal *j, uint64_t n, const uint16_t *to, size_t count);
/* One delivery that recovery read back; parked when the lane has no room for it. */
void dispatch_recovered(struct journal *j, struct event *e, struct lane *lane);
/* A slot for an entry whose delivery is decided later; then: deliver it, or call it settled. */
uint64_t dispatch_reserve(struct journal *j, uint64_t n, struct lane *lane);
void dispatch_reserved(struct journal *j, struct event *e, struct lane *lane, uint64_t seq,
                       bool deliver);
/* A parked delivery whose time has come, or whose max_age has passed; both take a reference of `e`.
 * With another `seq` than TRACK_NO_SEQ its park was not written: it has its slot still. */
void dispatch_parked(struct track *t, struct event *e, const struct record *r, uint64_t seq);
void dispatch_expired(struct track *t, struct event *e, const struct record *r);
#define LANE_ALL_AGES INT64_MIN /* nothing waits any more */
int64_t lane_max_age_ms(const struct lane *lane);
/* Where deliveries come from: each has its part of the lane. */
enum dispatch_from {
    FROM_APPEND,
    FROM_RECOVERY, /* what a journal holds that is live no more */
    FROM_DUE,      /* parked */
};
/* For how many of them is there room in memory right now? */
unsigned dispatch_room(const struct lane *lane, enum dispatch_from from);
void lane_pump(struct lane *lane); /* starts what may start */
void lanes_pump(struct worker *w);
void lanes_tend(struct worker *w); /* every 2 s: expiry of what stands, and a push for the rest */
/* An attempt has ended; `dest` is what it began with. */
void dispatch_outcome(struct delivery *d, const struct conf_destination *dest,
                      const struct outcome *o);
/* The journal is left: forget its deliveries (those in flight finish without effect). */
void dispatch_forget(struct journal *j);
bool dispatch_idle(const struct worker *w); /* nothing in flight */

#endif
