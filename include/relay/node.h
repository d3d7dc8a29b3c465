/* What the workers of one process share. Little: the configuration, the slots of destinations whose
 * `concurrency` holds for the node, and a mailbox each. Everything else is asked for by a visit: a
 * job that runs on one worker's thread after the other, so that what it gathers needs no lock. */
#ifndef RELAY_NODE_H
#define RELAY_NODE_H

#include "model/breaker.h"
#include "relay/worker.h"

#include <stdatomic.h>

struct lane;

/* One destination's attempts in flight, over all workers, and its breaker. A slot that is given
 * back while another worker waits for one is handed over to it, in turn, so that none starves. */
struct node_slots {
    atomic_uint most;
    atomic_uint taken;
    _Atomic uint64_t waiting;             /* a bit a worker */
    atomic_uint handed_over[WORKERS_MAX]; /* taken for that worker, not yet in use by it */
    uv_mutex_t lock;                      /* of the breaker */
    struct breaker breaker;
};

struct reload;

struct node {
    char id[9];                   /* drawn at start: for people */
    struct conf *conf;            /* the main thread's; counted */
    struct reload *reload;        /* relay/reload.h: main thread only; NULL: it has no file */
    bool has_data_dir;            /* it is locked by this process */
    _Atomic uint64_t spool_bytes; /* on disk, all workers' */
    struct tls_context *tls; /* the listener's at start, later the main thread's own; NULL: plain */
    int64_t drain_until_ms;  /* boot clock: set before workers are told to drain */
    unsigned worker_count;
    struct worker *workers[WORKERS_MAX];
    unsigned connections_room; /* descriptors that senders may have: by the system, at the start */
    /* By name, and kept for the life of the node: a reload goes on with what is there. */
    uv_mutex_t lock;  /* of both maps; what they hold is reached without */
    struct map slots; /* struct node_slots of each destination that was ever configured */
    struct map rates; /* _Atomic int64_t of each source: when its next event would be due, in us */
};

/* Takes a reference of its own. */
void node_init(struct node *n, struct conf *conf, unsigned worker_count);
void node_done(struct node *n);

/* Those of that name, made when there are none; valid as long as the node. Any thread. */
struct node_slots *node_slots_of(struct node *n, struct str destination);
_Atomic int64_t *node_rate_of(struct node *n, struct str source);

/* May this lane start one more attempt, where the breaker allows so many in the whole node? True:
 * it has taken a slot. False: it is pumped when one is handed over to it, and every 2 s. */
bool node_slot_take(struct lane *lane, unsigned allowed) MUST_CHECK;
void node_slot_give(struct lane *lane);
/* The breaker is the node's; lane->breaker is what this worker last saw of it. As in
 * model/breaker.h; true: this report has changed its state. */
unsigned node_breaker_allows(struct lane *lane, int64_t now_ms);
void node_breaker_reset(struct lane *lane); /* nothing is known of its destination */
bool node_breaker_report(struct lane *lane, const struct conf_destination *dest, bool ok,
                         int64_t now_ms);

/* One more event of the source with that `due` at `now_us` (monotonic): 0 = within its rate, else
 * after how many microseconds it would be. */
int64_t node_rate_wait_us(_Atomic int64_t *due, double per_s, int64_t now_us);

/* --- mailboxes: any thread may post; jobs run from the worker's loop, in order */
void mailbox_open(struct worker *w);
/* False: that worker has ended, the job was not taken. Else it is the worker's until it runs. */
bool worker_post(struct worker *w, struct job *job) MUST_CHECK;
/* Runs what is left and closes; on_closed from the loop. */
void mailbox_close(struct worker *w, void (*on_closed)(void *user), void *user);

/* --- a visit to every worker; `home` runs on the first one's thread, at last */
struct visit {
    struct job job;
    struct node *node;
    unsigned next;
    void (*at)(struct worker *w, struct visit *v);
    void (*home)(struct visit *v); /* owns `v` from here on */
};
void node_visit(struct node *n, struct visit *v);

#endif
