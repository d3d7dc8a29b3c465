/* The commands of one connection to Redis that have no answer yet, and how they get there. Inside
 * the store.
 *
 * Redis answers in order, so what is pending is a ring: the reply that comes belongs to its head.
 * What is said in a turn of the loop leaves in one write at its end (pipeline_flush); of a burst to
 * a Redis that has nothing of ours to do, the first 16 KiB leave at once; and the rest in parts of
 * 32 KiB while `eager` (more writes, but no wait for Redis behind the turn).
 *
 * Gathered commands of a turn run together, as a transaction (redis.io, Transactions) of at most
 * 128, or 256 KiB and a command; what is larger than 64 KiB goes alone. Redis reads 16 KiB of a
 * connection at a time and, with "appendfsync always", syncs after each: together they share a
 * sync. Each is answered by what it got inside; where the transaction is refused, by the reason;
 * and where no transaction was begun, by itself. */
#ifndef IO_PIPELINE_H
#define IO_PIPELINE_H

#include "base/buf.h"
#include "io/link.h"
#include "io/store.h"

#include <hiredis/hiredis.h>

#define PIPELINE_GROUP_MOST 128u

struct pipeline_command {
    store_on_reply on_reply; /* or NULL */
    void *user;
    uint64_t sent_ms;
};

/* Commands of one user that are to run together: the last of the ring; hiredis has not got them. */
struct pipeline_group {
    void *user;
    unsigned n;
    size_t ends[PIPELINE_GROUP_MOST]; /* of each, in `text` */
};

/* What was said of the group whose replies come now. */
struct pipeline_verdict {
    unsigned held;   /* commands that EXEC will answer */
    bool refused;    /* MULTI was: each is answered by itself */
    char error[256]; /* why the first that could not be queued was not; "": all were */
};

struct pipeline {
    uv_loop_t *loop;
    void *owner;
    /* An error, before its on_reply; that of MULTI, so that the group is run one by one; and the
     * end, before each NULL of hiredis. */
    void (*on_error)(void *owner, const redisReply *reply);
    void (*on_alone)(void *owner, const redisReply *reply);
    void (*on_end)(void *owner, const redisAsyncContext *context);
    struct link *link;             /* the connection in use, or NULL */
    struct pipeline_command *ring; /* power of two */
    unsigned cap, head, n;
    unsigned asked;      /* replies that hiredis waits for: MULTI and EXEC have one, too */
    unsigned unsent;     /* the last of the ring, which nobody has tried to write yet */
    size_t unsent_bytes; /* of these */
    bool eager;          /* set by the owner: it has nothing to do but to wait for Redis */
    struct buf text;     /* a command, or a group, as Redis wants it */
    struct pipeline_group group;
    struct pipeline_verdict verdict;
};

void pipeline_init(struct pipeline *p, uv_loop_t *loop, void *owner,
                   void (*on_error)(void *owner, const redisReply *reply),
                   void (*on_alone)(void *owner, const redisReply *reply),
                   void (*on_end)(void *owner, const redisAsyncContext *context));
void pipeline_done(struct pipeline *p);
void pipeline_start(struct pipeline *p, struct link *link); /* over a new connection */
/* The connection has ended, and hiredis has given NULL to what it had: the others get it, too. */
void pipeline_end(struct pipeline *p);
/* Without memory to note it they abort. */
void pipeline_send(struct pipeline *p, size_t argc, const struct str *argv, store_on_reply on_reply,
                   void *user);
void pipeline_gather(struct pipeline *p, size_t argc, const struct str *argv,
                     store_on_reply on_reply, void *user);
/* What is gathered goes to hiredis (which says on_dirty): at the end of a turn, and before anything
 * that comes behind it. */
void pipeline_close_group(struct pipeline *p);
void pipeline_flush(struct pipeline *p); /* the end of the turn, with no group open: all leaves */
uint64_t pipeline_oldest_ms(const struct pipeline *p); /* when its head was sent; n > 0 */

#endif
