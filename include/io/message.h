/* The memory of requests in motion: blocks of bytes, and one struct a request, all from one pool
 * with a ceiling. Connections between two requests hold none of it.
 *
 * A head lies in one block. A body lies behind it in the same block if it fits, else in a block of
 * its own that grows as the body arrives; chunks are joined in place. */
#ifndef IO_MESSAGE_H
#define IO_MESSAGE_H

#include "io/http.h"
#include "io/httpd.h"

#define MESSAGE_GRACE_MS 5000u
#define BLOCK_BYTES 8192u /* an ordinary webhook's head and body */

struct block {
    struct block *next; /* in the pool */
    size_t cap, len;    /* len: bytes read into it */
    char at[];
};

struct message {
    struct httpd_request request;
    struct http_parser parser;
    void *owner;          /* the connection */
    struct message *next; /* in the pool */
    struct block *head;   /* owned; NULL once released */
    struct block *big;    /* the body's own block, or NULL */
    struct block *area;   /* one of the two: where reads go */
    size_t parsed;        /* bytes of the area that the parser has had */
    size_t body_at, body_len;
    uint64_t began_ms, body_began_ms; /* the loop's clock */
};

struct message_pool {
    const struct http_limits *limits;
    struct clients *clients; /* whose memory it is */
    size_t memory;           /* bytes that are held of it here */
    size_t memory_max;       /* and by all together */
    struct block *blocks;
    struct message *messages;
    unsigned block_count, message_count;
};

void message_pool_done(struct message_pool *pool);

/* Bytes in flight, a block's or other ones. False: all pools together would hold more than
 * memory_max. */
bool message_pool_hold(struct message_pool *pool, size_t bytes) MUST_CHECK;
void message_pool_let_go(struct message_pool *pool, size_t bytes);

/* NULL: the ceiling of the pool is met, or there is no memory. `cap` is at least BLOCK_BYTES in the
 * end. */
struct block *block_take(struct message_pool *pool, size_t cap) MUST_CHECK;
void block_give(struct message_pool *pool, struct block *b); /* NULL is fine */

/* A message whose first bytes are in `head`, which it owns from now on; NULL: no memory. */
struct message *message_take(struct message_pool *pool, struct block *head, void *owner) MUST_CHECK;
void message_give(struct message_pool *pool, struct message *m);
void message_release(struct message_pool *pool, struct message *m); /* its blocks only */

/* Where to read. Never empty behind a message_prepare that returned true. */
char *message_room(struct message *m, size_t *n);
/* Parses what was read. */
enum parse_event message_parse(struct message *m);
/* After PARSE_HEAD: what the head says, into `request`. */
void message_take_head(struct message *m);
/* After PARSE_HEAD of a message with a body: gives that its place. */
bool message_place_body(struct message_pool *pool, struct message *m) MUST_CHECK;
/* After PARSE_MORE: makes room for more. False, both: the ceiling of the pool is met. */
bool message_prepare(struct message_pool *pool, struct message *m) MUST_CHECK;
/* Does the body come fast enough? NULL, and after how long to ask again; or why not. Head and body
 * together have `limit_ms`; once it is MESSAGE_GRACE_MS old the body must have come at 1 kB/s. */
const char *message_pace(const struct message *m, uint64_t now_ms, uint64_t limit_ms,
                         uint64_t *next_ms) MUST_CHECK;
/* After PARSE_DONE: the body, and what was read of the next message. */
struct str message_body(const struct message *m);
struct str message_rest(const struct message *m);

#endif
