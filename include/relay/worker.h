/* One worker: an event loop on one thread with all that it shares with no other. Every struct of
 * the relay points back to its worker; nothing here is touched from another thread, but for its
 * mailbox and its state. */
#ifndef RELAY_WORKER_H
#define RELAY_WORKER_H

#include "base/map.h"
#include "base/metrics.h"
#include "base/wheel.h"
#include "io/httpc.h"
#include "io/httpd.h"
#include "model/conf.h"
#include "relay/redis.h"

#include <stdatomic.h>

struct journal;
struct lane;
struct node;
struct worker;
struct move;
struct op;
struct spool;
struct fetch;
struct inlet;

#define WORKERS_MAX 64
#define DEDUPE_KEY 32                /* hex digits of the digest that stands for a delivery id */
#define DEDUPE_MAX (DEDUPE_KEY + 21) /* then ":" and the window of when it came, in ms */
#define LANES_MAX 2048               /* destinations ever seen in one life, unknown ones included */

/* Bytes in Redis, of all nodes: as last read, and as added up from this worker's own journals. */
struct budget {
    uint64_t others, others_dead; /* not of this worker's journals */
    uint64_t total, dead;
    uint64_t limit;          /* retention.max_memory, or less where Redis' maxmemory is less */
    int64_t full_until_ms;   /* boot clock: Redis had no memory lately, whatever the figures say */
    bool over;               /* dead letters are being dropped; for the log */
    bool asked;              /* what the others have; no second question meanwhile */
    int64_t ask_again_ms;    /* boot clock: not before, only to make room */
    int64_t drop_again_ms;   /* boot clock: not before, while they are */
    int64_t say_trimmed_ms;  /* boot clock: that history goes early is not said before again */
    struct wheel_timer room; /* armed while it is short and something comes: history is trimmed */
};

/* At most so many lines a second; the rest are counted and said with the next one. */
struct log_cap {
    int64_t second;
    unsigned lines, suppressed;
};

/* Something to do on a worker's thread. */
struct job {
    struct job *next;
    void (*run)(struct worker *w, struct job *job);
};

struct mailbox {
    uv_async_t async;
    uv_mutex_t lock; /* of what follows */
    struct job *first, **last;
    bool slots; /* slots were handed over */
    bool closed;
    void (*on_closed)(void *user);
    void *user;
};

/* Its life, as the node sees it: set by the worker, read by any thread. */
enum worker_state {
    WORKER_STARTING, /* Redis is asked for a journal */
    WORKER_READY,    /* it has one; it may listen */
    WORKER_LISTENING,
    WORKER_FAILED, /* could not start; `failure` says why */
    WORKER_DRAINING,
    WORKER_DRAINED, /* all that was under way is over, or its time is up */
    WORKER_CLOSED,
};

/* What all nodes share, besides the journals: "<prefix>live" and so on. */
enum shared_key {
    KEY_LIVE,         /* set: the journals that may have something */
    KEY_DESTINATIONS, /* hash: destination -> paused, dropped */
    KEY_NODES,        /* hash: node/worker -> what it owns */
    KEY_USAGE,        /* hash: journal -> bytes, as its owner counted them */
    KEY_LEARNED,      /* hash: source -> the secret that its handshake has left */
    KEY_SECRETS,      /* hash: source/secret's id -> when it verified last */
    SHARED_KEYS,
};

struct worker {
    struct node *node;
    unsigned index; /* in the node; the first one also serves the admin API */
    _Atomic enum worker_state state;
    void (*on_state)(struct worker *w); /* it has changed; on the worker's thread */
    void *owner;                        /* of on_state */
    char failure[600];
    unsigned cut_off;  /* WORKER_DRAINED: attempts that were still running */
    uint64_t accepted; /* WORKER_DRAINED: events in its life */
    struct mailbox mail;
    struct wheel_timer look;
    int64_t until_ms; /* boot clock: of the state at hand */
    void (*on_freed)(struct worker *w);
    unsigned freeing; /* journals whose release Redis has not answered */
    void (*on_ended)(struct worker *w);
    unsigned closing;

    uv_loop_t *loop;
    struct wheel wheel;
    struct conf *conf; /* counted; a reload takes another one */
    struct redis_side redis;
    struct httpc *httpc;
    struct httpd *listener;
    struct stats *stats;
    char keys[SHARED_KEYS][80];

    struct lane *lanes[LANES_MAX];
    unsigned lane_count;
    struct map lane_by_name;
    uint16_t *lane_of; /* by the configuration's index of a destination: its lane's number */
    struct lane *offered, *last_offered; /* lanes that are pumped at the end of this turn ... */
    uv_prepare_t turn;                   /* ... of the loop, by this one */
    struct inlet *inlets; /* by the configuration's index of a source: relay/inlet.h */

    struct journal *live;             /* the one that takes appends; NULL while none does */
    int64_t live_doubted_ms;          /* boot clock: the last doubt about a live one */
    struct journal *journals;         /* all that this worker owns or asks for, live included */
    struct move *moves, **moves_tail; /* entries whose claim is not decided yet: relay/move.c */
    unsigned undecided;               /* of those, what recoveries have read ... */
    size_t undecided_bytes;           /* ... and hold in memory for it */
    unsigned unproven;                /* of those, what waits for a proof ... */
    size_t unproven_bytes;            /* ... and takes so much; */
    unsigned unproven_spooled;        /* of that, what comes from the spool, */
    unsigned unproven_read;           /* and what recoveries have read */
    size_t unproven_read_bytes;
    struct spool *spool; /* NULL: none is configured */
    struct adoption *adoption;
    struct wheel_timer due;     /* the earliest due time of all parked deliveries */
    struct wheel_timer renewal; /* every 2 s: renew leases, look at listed journals, trim */
    unsigned inflight;          /* attempts running */
    unsigned waiting;           /* senders that wait for their append */
    unsigned history_reads;     /* pages of history that are on their way */
    struct budget budget;
    int64_t late_said_ms;     /* boot clock: the last warning of an answer that took long */
    struct fetch *fetches;    /* that run */
    struct log_cap refusals;  /* of refused requests: nobody outside may fill the log */
    struct log_cap farewells; /* of subscriptions that ended: such a word can be sent again */
    struct log_cap broken;    /* of what was no request: TLS on a plain port, and such */
    bool former_asked;        /* what a former life left was looked at */
    bool pauses_known;        /* which destinations are; until then every lane stands */
    int64_t pauses_until_ms;  /* boot clock: so long that is waited for; 0: Redis is not up yet */
    bool stopping;            /* a signal came: /readyz is red */
    bool draining;            /* no attempt starts, no append is taken */
};

/* --- worker.c: its life; all on its own thread, but for init before that runs and done after */
void worker_init(struct worker *w, struct node *node, unsigned index, uv_loop_t *loop);
/* The first steps to Redis: WORKER_READY, or WORKER_FAILED. NULL, or a sentence for the operator.
 */
const char *worker_start(struct worker *w) MUST_CHECK;
void worker_listen(struct worker *w); /* WORKER_LISTENING, or WORKER_FAILED */
/* From now on `next` is in force, of which it takes a reference; what is under way finishes by the
 * one before. NULL, or what of it could not be used, and stayed as it was. */
const char *worker_use(struct worker *w, struct conf *next) MUST_CHECK;
/* Takes no more, finishes what is under way, until `until_ms` (boot clock): WORKER_DRAINED. */
void worker_drain(struct worker *w, int64_t until_ms);
/* Cuts off what still runs, seals and frees its journals; then on_freed, from which or after which
 * worker_end closes every handle; on_ended when the loop has nothing left. */
void worker_close(struct worker *w, void (*on_freed)(struct worker *w));
void worker_end(struct worker *w, void (*on_ended)(struct worker *w));
void worker_done(struct worker *w);

/* Asks what is paused or dropped, and obeys the answer; every 2 s, and before any journal of a
 * master that came up is asked for. */
void worker_read_destinations(struct worker *w);

/* Valid as long as the worker. */
struct str worker_key(const struct worker *w, enum shared_key key);

/* Milliseconds of CLOCK_BOOTTIME, read at each call: it counts while the process is stopped. */
int64_t boot_ms(void);
/* Redis' clock: due times and times of receipt. */
int64_t worker_now_ms(const struct worker *w);
int64_t worker_ms_at(const struct worker *w, int64_t boot_ms); /* the same, at that moment */

#endif
