/* One server connection once it may send requests: the request cycle, which httpd.c sets up and
 * tears down. For httpd.c only.
 *
 *   HANDSHAKE (TLS only) --> IDLE
 *   IDLE --bytes--> HEAD --> BODY --> PENDING --httpd_answer--> WRITING --> IDLE
 *                    |         |      (with the handler)           |
 *                    +---------+--- refused: answered, closing ----+--> LINGER --> closed
 *
 * Reading never stops for a request that is with the handler (that would cost two system calls a
 * request): what comes meanwhile lies in `ahead` and is the next request's beginning. */
#ifndef IO_HTTPD_CONN_H
#define IO_HTTPD_CONN_H

#include "base/buf.h"
#include "io/conn.h"
#include "io/message.h"

/* What all connections of a listener have in common. */
struct httpd_shared {
    uv_loop_t *loop;
    struct httpd_limits limits;
    struct httpd_handler handler;
    struct message_pool pool;
    struct buf out;     /* the head of the answer being made */
    struct buf refusal; /* the body of one of our own */
    bool draining;
};

enum peer_state {
    PEER_IDLE,      /* between two requests */
    PEER_HEAD,      /* a head is coming, or on_head is looking at it */
    PEER_BODY,      /* a body is coming */
    PEER_PENDING,   /* with the handler */
    PEER_WRITING,   /* the answer is not all with the kernel yet */
    PEER_LINGER,    /* answered for the last time; waits for the peer's end */
    PEER_HANDSHAKE, /* TLS has not begun to carry anything yet */
};

struct httpd_conn {
    struct conn conn;
    struct httpd_shared *shared;
    enum peer_state state;
    struct message *message; /* owned: HEAD, BODY, PENDING */
    struct block *ahead;     /* owned: bytes of the next request, or NULL */
    size_t held; /* of the pool's memory, while stopped: what TLS has read of the peer */
    size_t lingered;
    bool close;   /* behind the answer */
    bool unread;  /* the peer may still be sending: linger, so that no reset kills the answer */
    bool ended;   /* the peer has ended its side */
    bool stopped; /* reading is, for `ahead` is full */
    bool last;    /* the next answer is */
    bool busy;    /* inside the loop that takes requests off `ahead` */
    struct sockaddr_storage peer;
};

void httpd_conn_begin(struct httpd_conn *c); /* the first request's head may come */
void httpd_conn_end(struct httpd_conn *c);   /* it has closed: gives back what it holds */

/* Its part of conn_events. */
char *httpd_conn_on_room(struct conn *conn, size_t *n);
void httpd_conn_on_read(struct conn *conn, char *at, size_t n);
void httpd_conn_on_end(struct conn *conn, bool clean);
void httpd_conn_on_written(struct conn *conn);

void httpd_tell_refused(const struct httpd_shared *h, const char *reason, const char *detail,
                        const struct sockaddr_storage *peer);

#endif
