/* Redis, as one worker sees it: one master, or those of a cluster, each with two connections.
 *
 * A journal lies on one master, for all of its keys have the hash tag {J}; a key that belongs to no
 * journal lies wherever its slot does. Without a cluster there is one master, and it has
 * everything. */
#ifndef RELAY_REDIS_H
#define RELAY_REDIS_H

#include "base/wheel.h"
#include "io/store.h"

#define MASTER_HOST 256 /* of a name or a path, with its terminator */

struct worker;
struct cluster;
struct sentinel;

/* The question whether what was written is as durable as promised; one is under way at a time, on
 * the connection for appends. proof.c. */
struct proof {
    unsigned awaited;  /* commands under way */
    bool synced;       /* what WAITAOF answered */
    uint64_t replicas; /* what WAIT answered */
    bool written;      /* they stand behind a write of our own, which was carried out */
    bool claims_due;   /* the next one is to be of entries that claim something, too */
    bool claims_short; /* ... and the last one was not good enough for them */
};

/* When what is appended is on Redis' disk. */
enum master_sync {
    SYNC_LATER,    /* some time after its answer, or never: nobody was promised more */
    SYNC_EACH,     /* before its answer ("appendfsync always"), or so it is assumed */
    SYNC_TOGETHER, /* ... and MULTI and EXEC are allowed: appends of a turn share a sync */
    SYNC_PROVEN,   /* once a second: "fsync" takes a WAITAOF */
};

/* Two connections that must show the same server. */
struct master {
    struct worker *w;
    struct master *next;
    char host[MASTER_HOST]; /* as configured, or as sentinels or the cluster name it; "": not yet */
    uint16_t port;          /* 0: `host` is a Unix socket */
    struct store *appends;  /* XADD, and what proves it or is asked of this connection */
    struct store *main;     /* everything else */
    bool appends_up, main_up;
    bool ready;       /* both up, checked, same run id: journals may be asked for */
    bool unsuitable;  /* it answers, but its settings could lose data: a human must act */
    bool has_waitaof; /* 7.2 or newer */
    enum master_sync sync;
    bool proves;     /* SYNC_PROVEN, or a source asks for replicas */
    bool is_replica; /* it answers so: what is connected to next may be the master */
    bool is_split;   /* its two connections show different servers */
    bool is_stuck;   /* in a transaction that it lets nobody leave */
    struct proof proof;
    unsigned finds;       /* how often the sentinels were asked since it was ready */
    char run_id[2][48];   /* of appends, of main */
    char last_run_id[48]; /* of the server that was ready last */
    char version[48];     /* "redis 7.0.15" */
    uint64_t maxmemory;   /* of the server, in bytes; 0: none */
    char trouble[512];    /* why it is not ready, for the log; "" when it is, or not known yet */
    struct wheel_timer recheck;
    unsigned checks; /* answers still awaited by the check at connect */
    struct script *scripts;
    bool scanning, scan_due; /* adopt.c: for journals that fell out of the listing */
    uint64_t scanned_to;     /* the cursor of the last answer */
    /* cluster.c */
    bool listed;                 /* in the map being worked through */
    bool map_asked, map_checked; /* the map is asked for; the check at connect waits for it */
    bool is_behind;              /* it knows an older cluster than we do */
    unsigned closing;            /* connections that are still to close */
};

struct redis_side {
    struct master *masters;    /* one without a cluster */
    struct cluster *cluster;   /* which slot is whose; NULL: no cluster */
    struct sentinel *sentinel; /* says where the master is; NULL: the configuration does */
    bool started, stopping;
    int64_t offset_ms; /* Redis time minus CLOCK_BOOTTIME; 0 until a journal is made */
    char socket[108];  /* of the embedded store; empty: conf names a server */
    unsigned closing;
    void (*on_closed)(void *user);
    void *user;
};

void redis_start(struct worker *w);
void redis_stop(struct worker *w, void (*on_closed)(void *user), void *user);
bool redis_is_ready(const struct worker *w);   /* at least one master is */
bool redis_is_whole(const struct worker *w);   /* all of them are */
bool redis_unsuitable(const struct worker *w); /* one answers, and must not be used */
/* Why it cannot be used as it should, as a sentence; "" when it can. */
const char *redis_trouble(struct worker *w);

/* The master that has this key, or NULL while nobody is known to have it. */
struct master *redis_master_of(const struct worker *w, struct str key);
/* Sends to the master of argv[1], the key (every command but scripts names it first); else as
 * store_send. */
bool redis_send(struct worker *w, size_t argc, const struct str *argv, store_on_reply on_reply,
                void *user);

/* For cluster.c: starts connecting; `host` is copied. */
struct master *master_new(struct worker *w, struct str host, uint16_t port);
void master_close(struct master *m); /* it has no slots any more; freed from the loop */

/* --- check.c: what is asked of it before it is used */
void master_check(struct master *m); /* from the beginning, if both connections are up */
/* Why it is not ready, for the operator; logged. */
void master_trouble(struct master *m, bool unsuitable, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* One answer of the check at connect was good. */
void master_check_passed(struct master *m);
void master_check_failed(struct master *m);
void master_appends_alone(const struct master *m); /* logs that they share no sync */
/* The value of "name:value" in an INFO answer. */
struct str redis_info(const redisReply *info, struct str name);

/* --- script.c */
struct script *scripts_new(void);
void scripts_load(struct master *m); /* each is one answer of the check */

#endif
