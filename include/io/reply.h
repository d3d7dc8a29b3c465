/* An answer being read by the client: bounded in head, body and informational answers before it.
 * Opens no sockets. Recycled: a connection without a call holds none. */
#ifndef IO_REPLY_H
#define IO_REPLY_H

#include "io/http.h"

#define REPLY_HEAD_BYTES (16u * 1024)
#define REPLY_BODY_BYTES (64u * 1024) /* read of a body; beyond, the connection is closed */
#define REPLY_BODY_KEPT 1024u         /* of it, for the caller */
#define REPLY_BYTES (20u * 1024)      /* a head at its limit, and room to read a body behind it */
#define REPLY_INFORMATIONAL 8u        /* answers 1xx before the real one */

struct reply {
    struct reply *next; /* in the pool */
    struct http_parser parser;
    size_t len, parsed; /* of `bytes`: read, and seen by the parser */
    size_t
        head_end; /* 0 until the head is complete; body bytes are read behind it, again and again */
    unsigned informational;
    bool to_head;       /* it answers a HEAD */
    bool begun;         /* any byte came */
    struct buf *keep;   /* the caller's, for the whole body; or NULL */
    const char *detail; /* why it is malformed; constant */
    size_t body_len;
    char body[REPLY_BODY_KEPT];
    char bytes[REPLY_BYTES];
};

enum reply_event {
    REPLY_MORE,
    REPLY_DONE,
    REPLY_CAPPED, /* the body is longer than it may be: the status counts, nothing else is read */
    REPLY_MALFORMED, /* `detail` says why */
};

struct reply_pool {
    struct reply *kept;
    unsigned n;
};

void reply_pool_done(struct reply_pool *pool);
struct reply *reply_take(struct reply_pool *pool, bool to_head, struct buf *keep);
void reply_give(struct reply_pool *pool, struct reply *r); /* NULL is fine */

char *reply_room(struct reply *r, size_t *n);           /* where to read; never empty */
enum reply_event reply_read(struct reply *r, size_t n); /* n bytes were read there */
/* The connection has ended. REPLY_DONE if that completes the answer, else REPLY_MORE: cut short. */
enum reply_event reply_end(struct reply *r);
/* May the connection carry another exchange? Not with bytes behind the answer. */
bool reply_keeps_alive(const struct reply *r);

#endif
