/* Server connections: request in, handler, response out.
 *
 *   HANDSHAKE (TLS only) --> IDLE
 *   IDLE --bytes--> HEAD --> BODY --> PENDING --httpd_answer--> WRITING --> IDLE
 *                    |         |      (with the handler)           |
 *                    +---------+--- refused: answered, closing ----+--> LINGER --> closed
 *
 * Reading never stops for a request that is with the handler (that would cost two system calls a
 * request): what comes meanwhile lies in `ahead` and is the next request's beginning. */
#include "io/httpd.h"

#include "base/buf.h"
#include "base/log.h"
#include "io/answer.h"
#include "io/clients.h"
#include "io/conn.h"
#include "io/http.h"
#include "io/listen.h"
#include "io/message.h"
#include "io/proxy.h"
#include "io/tls.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINGER_MS 1000u            /* for the peer to read our last answer and go */
#define LINGER_BYTES (256u * 1024) /* of what it still sends, thrown away meanwhile */
#define CONNECTIONS_KEPT 128u      /* structs that wait for their next connection */

#define HANDSHAKE_MS 5000u    /* for a client to come through it */
#define PROXY_HEADER_MS 5000u /* for a proxy to say who the client is */

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
    struct httpd *httpd;
    struct httpd_conn *next, **link;            /* of all, or in the list of the kept ones */
    struct httpd_conn *younger, **shaking_link; /* HANDSHAKE: behind the elder ones */
    enum peer_state state;
    struct message *message; /* owned: HEAD, BODY, PENDING */
    struct block *ahead;     /* owned: bytes of the next request, or NULL */
    size_t lingered;
    bool close;   /* behind the answer */
    bool unread;  /* the peer may still be sending: linger, so that no reset kills the answer */
    bool ended;   /* the peer has ended its side */
    bool stopped; /* reading is, for `ahead` is full */
    bool busy;    /* inside the loop that takes requests off `ahead` */
    bool counted; /* in `clients` */
    struct client_key client;
    struct sockaddr_storage peer;
};

/* A connection whose PROXY header has not come yet. */
struct incoming {
    struct proxy_wait wait;
    struct httpd *httpd;
    struct incoming *next, **link;
    struct sockaddr_storage peer;
};

struct httpd {
    uv_loop_t *loop;
    struct wheel *wheel;
    struct httpd_limits limits;
    struct http_limits head_limits;
    struct httpd_handler handler;
    struct listener listener;
    struct tls_context *tls; /* NULL: plain; counted */
    struct message_pool pool;
    struct httpd_conn *conns, *kept;
    struct httpd_conn *eldest, **youngest; /* of those that shake hands; the end of that list */
    unsigned conn_count, kept_count, handshakes;
    struct incoming *incoming;
    unsigned incoming_count;
    struct clients clients;
    struct buf out;     /* the head of the answer being made */
    struct buf refusal; /* the body of one of our own */
    bool draining;
    uv_idle_t closer; /* ends httpd_close from the loop when no connection does */
    void (*on_closed)(void *user);
    void *user;
};

static void take_requests(struct httpd_conn *c);

/* --- answers --- */

static void on_linger_due(struct conn *conn)
{
    conn_close(conn, CONN_DONE);
}

/* The answer is with the kernel. */
static void answered(struct httpd_conn *c)
{
    struct httpd *h = c->httpd;
    if (!c->close && !c->ended && !h->draining) {
        c->state = PEER_IDLE;
        conn_deadline(&c->conn, h->limits.idle_ms, on_linger_due);
        take_requests(c);
    } else if (!c->unread || c->ended) {
        conn_close(&c->conn, CONN_DONE);
    } else {
        c->state = PEER_LINGER;
        conn_write_end(&c->conn);
        conn_deadline(&c->conn, LINGER_MS, on_linger_due);
    }
}

static void forget_message(struct httpd_conn *c)
{
    if (c->message != NULL) {
        message_give(&c->httpd->pool, c->message);
        c->message = NULL;
    }
}

/* Head and body leave in one write; what the kernel does not take is copied. */
static void send_answer(struct httpd_conn *c, const struct httpd_answer *a, bool no_body,
                        bool http10)
{
    struct httpd *h = c->httpd;
    answer_put_head(&h->out, a, c->close, http10);
    ENSURE(!h->out.failed);
    const struct str parts[] = {buf_str(&h->out), a->body};
    bool has_body = answer_has_content(a->status) && a->body.len > 0 && !no_body;
    forget_message(c);
    c->state = PEER_WRITING;
    if (conn_is_writing(&c->conn)) { /* not even "100 Continue" went out */
        conn_close(&c->conn, CONN_RESET);
    } else if (conn_write(&c->conn, parts, has_body ? 2 : 1, 2)) {
        answered(c);
    } else {
        conn_deadline(&c->conn, h->limits.write_ms, NULL);
    }
}

void httpd_answer(struct httpd_request *r, const struct httpd_answer *a)
{
    struct message *m = CONTAINER_OF(r, struct message, request);
    struct httpd_conn *c = m->owner;
    ENSURE(c->message == m && (c->state == PEER_PENDING || c->state == PEER_HEAD));
    if (c->conn.reason != NULL) {
        forget_message(c); /* it went first, but nobody was told yet */
        return;
    }
    bool complete = c->state == PEER_PENDING;
    c->unread = !complete || c->ahead != NULL; /* closing with bytes unread would reset */
    c->close = a->close || !complete || !m->parser.keep_alive || c->httpd->draining;
    send_answer(c, a, str_eq(m->parser.method, STR("HEAD")), m->parser.http10);
}

void httpd_release(struct httpd_request *r)
{
    struct message *m = CONTAINER_OF(r, struct message, request);
    struct httpd_conn *c = m->owner;
    ENSURE(c->state == PEER_PENDING);
    message_release(&c->httpd->pool, m);
    m->parser.method = str_eq(m->parser.method, STR("HEAD")) ? STR("HEAD") : STR_NONE;
}

static void tell_refused(struct httpd *h, const char *reason, const char *detail,
                         const struct sockaddr_storage *peer)
{
    if (h->handler.on_refused != NULL) {
        h->handler.on_refused(h->handler.user, reason, detail, peer);
    }
}

/* Our own refusal: a word of the closed list, and the end of the connection. */
static void refuse(struct httpd_conn *c, int status, const char *reason, const char *detail)
{
    struct httpd *h = c->httpd;
    struct httpd_answer a = answer_refusal(&h->refusal, status, reason);
    tell_refused(h, reason, detail, &c->peer);
    if (c->conn.reason == NULL) {
        c->close = c->unread = true;
        send_answer(c, &a, false, false);
    }
}

static void refuse_for_memory(struct httpd_conn *c)
{
    refuse(c, 503, REASON_OVERLOADED, "the memory for requests in flight is used up");
}

/* --- requests --- */

static void on_head_due(struct conn *conn)
{
    struct httpd_conn *c = CONTAINER_OF(conn, struct httpd_conn, conn);
    refuse(c, 408, REASON_TOO_SLOW, "the head did not come in time");
}

static void arm_body(struct httpd_conn *c);

static void on_body_due(struct conn *conn)
{
    arm_body(CONTAINER_OF(conn, struct httpd_conn, conn));
}

static void arm_body(struct httpd_conn *c)
{
    struct httpd *h = c->httpd;
    uint64_t next_ms;
    const char *why = message_pace(c->message, uv_now(h->loop), h->limits.request_ms, &next_ms);
    if (why != NULL) {
        refuse(c, 408, REASON_TOO_SLOW, why);
    } else {
        conn_deadline(&c->conn, next_ms, on_body_due);
    }
}

/* The message is whole: what was read behind it is the next one's beginning. */
static bool set_rest_aside(struct httpd_conn *c)
{
    struct str rest = message_rest(c->message);
    if (rest.len > 0) {
        ENSURE(c->ahead == NULL);
        c->ahead = block_take(&c->httpd->pool, rest.len);
        if (c->ahead == NULL) {
            return false;
        }
        memcpy(c->ahead->at, rest.at, rest.len);
        c->ahead->len = rest.len;
    }
    return true;
}

static void finish_request(struct httpd_conn *c)
{
    struct httpd *h = c->httpd;
    c->message->request.body = message_body(c->message);
    h->handler.on_request(h->handler.user, &c->message->request);
}

/* The body may come: its place, its deadline, and the word that the sender waits for. */
static void await_body(struct httpd_conn *c, size_t most)
{
    struct httpd *h = c->httpd;
    struct message *m = c->message;
    m->parser.body_max = most < h->limits.body_bytes ? most : h->limits.body_bytes;
    if (m->parser.length > m->parser.body_max) {
        refuse(c, 413, REASON_TOO_LARGE, FAULT_BODY_LARGE.detail);
        return;
    }
    if (m->parser.length + h->pool.memory > h->limits.memory_bytes ||
        !message_place_body(&h->pool, m)) {
        refuse_for_memory(c);
        return;
    }
    c->state = PEER_BODY;
    if (m->parser.expects_continue && message_rest(m).len == 0) {
        static const struct str go_on[] = {{"HTTP/1.1 100 Continue\r\n\r\n", 25}};
        (void)conn_write(&c->conn, go_on, 1, 0);
    }
}

/* True: parse on. */
static bool take_head(struct httpd_conn *c)
{
    struct httpd *h = c->httpd;
    struct message *m = c->message;
    struct httpd_request *r = &m->request;
    message_take_head(m);
    r->peer = &c->peer;
    conn_no_deadline(&c->conn);
    if (m->parser.bodyless) { /* whole already, so a refusal need not end the connection */
        c->state = PEER_PENDING;
        if (!set_rest_aside(c)) {
            refuse_for_memory(c);
            return false;
        }
    }
    size_t most = h->handler.on_head(h->handler.user, r);
    if (c->message != m || c->conn.reason != NULL) {
        return false; /* answered, or gone */
    }
    if (m->parser.bodyless) {
        m->body_at = 0;
        finish_request(c);
        return false;
    }
    await_body(c, most);
    return c->state == PEER_BODY && c->conn.reason == NULL;
}

/* RFC 8446 5.1: a record of the handshake begins with 22 and 3. */
static bool is_client_hello(const struct httpd_conn *c)
{
    const struct block *b = c->message->area;
    return c->state == PEER_HEAD && b->len > 1 && b->at[0] == 22 && b->at[1] == 3;
}

static void parse(struct httpd_conn *c)
{
    struct message *m = c->message;
    for (;;) {
        switch (message_parse(m)) {
        case PARSE_HEAD:
            if (!take_head(c)) {
                return;
            }
            break;
        case PARSE_DONE:
            c->state = PEER_PENDING;
            conn_no_deadline(&c->conn);
            if (set_rest_aside(c)) {
                finish_request(c);
            } else {
                refuse_for_memory(c);
            }
            return;
        case PARSE_MORE:
            if (!message_prepare(&c->httpd->pool, m)) {
                refuse_for_memory(c);
            } else if (c->state == PEER_BODY && c->conn.deadline.link == NULL) {
                arm_body(c); /* only a body that does not come with its head needs one */
            }
            return;
        case PARSE_FAULT:
            refuse(c, m->parser.fault->status, m->parser.fault->reason,
                   is_client_hello(c) ? "TLS on a port for plain HTTP; listen.tls is not set"
                                      : http_detail(&m->parser));
            return;
        }
    }
}

/* A request begins with the bytes that lie in `ahead`. Empty lines before it are not its own
 * (RFC 9112 2.2). */
static void begin_request(struct httpd_conn *c)
{
    struct httpd *h = c->httpd;
    struct block *b = c->ahead;
    size_t blank = 0;
    while (blank < b->len && (b->at[blank] == '\r' || b->at[blank] == '\n')) {
        blank++;
    }
    c->ahead = NULL;
    if (blank == b->len) {
        block_give(&h->pool, b);
        return;
    }
    if (blank > 0) {
        b->len -= blank;
        memmove(b->at, b->at + blank, b->len);
    }
    c->message = message_take(&h->pool, b, c);
    if (c->message == NULL) {
        block_give(&h->pool, b);
        refuse_for_memory(c);
        return;
    }
    c->message->began_ms = uv_now(h->loop);
    c->message->request.began_us = uv_hrtime() / 1000;
    c->state = PEER_HEAD;
    parse(c);
    if (c->state == PEER_HEAD && c->conn.reason == NULL) {
        conn_deadline(&c->conn, h->limits.head_ms, on_head_due);
    }
}

/* Pipelined requests, one at a time. A loop, not a recursion: an answer given from inside the
 * handler comes back here. */
static void take_requests(struct httpd_conn *c)
{
    if (c->busy) {
        return;
    }
    c->busy = true;
    while (c->state == PEER_IDLE && c->ahead != NULL && c->conn.reason == NULL) {
        begin_request(c);
    }
    c->busy = false;
    if (c->stopped && c->ahead == NULL && c->conn.reason == NULL) {
        c->stopped = false;
        conn_read_start(&c->conn);
    }
}

/* --- the connection's events --- */

static char *on_room(struct conn *conn, size_t *n)
{
    static _Thread_local char waste[16 * 1024];
    struct httpd_conn *c = CONTAINER_OF(conn, struct httpd_conn, conn);
    if (c->state == PEER_HEAD || c->state == PEER_BODY) {
        return message_room(c->message, n);
    }
    if (c->state != PEER_LINGER && c->ahead == NULL) {
        c->ahead = block_take(&c->httpd->pool, BLOCK_BYTES);
    }
    if (c->state == PEER_LINGER || c->ahead == NULL) {
        *n = sizeof waste;
        return waste;
    }
    *n = c->ahead->cap - c->ahead->len;
    return c->ahead->at + c->ahead->len;
}

static void read_ahead(struct httpd_conn *c, size_t n)
{
    struct block *b = c->ahead;
    if (b == NULL) { /* read into the waste: no memory for it */
        if (c->state == PEER_IDLE) {
            refuse_for_memory(c);
        } else {
            conn_close(&c->conn, REASON_OVERLOADED);
        }
        return;
    }
    b->len += n;
    if (c->state != PEER_IDLE && b->len == b->cap) {
        c->stopped = true; /* a sender far ahead of its answers waits in its own memory */
        conn_read_stop(&c->conn);
    }
    take_requests(c);
}

static void on_read(struct conn *conn, char *at, size_t n)
{
    (void)at;
    struct httpd_conn *c = CONTAINER_OF(conn, struct httpd_conn, conn);
    switch (c->state) {
    case PEER_HEAD:
    case PEER_BODY:
        c->message->area->len += n;
        c->busy = true;
        parse(c);
        c->busy = false;
        take_requests(c);
        break;
    case PEER_LINGER:
        c->lingered += n;
        if (c->lingered > LINGER_BYTES) {
            conn_close(conn, CONN_DONE);
        }
        break;
    default:
        read_ahead(c, n);
    }
}

/* A sender may end its side behind a request and wait for the answer: it gets it. */
static void on_end(struct conn *conn, bool clean)
{
    (void)clean;
    struct httpd_conn *c = CONTAINER_OF(conn, struct httpd_conn, conn);
    c->ended = true;
    if (c->state != PEER_PENDING && c->state != PEER_WRITING) {
        conn_close(conn, CONN_DONE);
    }
}

/* --- handshakes --- */

static void begin_handshake(struct httpd_conn *c)
{
    struct httpd *h = c->httpd;
    c->state = PEER_HANDSHAKE;
    c->younger = NULL;
    c->shaking_link = h->youngest;
    *h->youngest = c;
    h->youngest = &c->younger;
    h->handshakes++;
}

static void end_handshake(struct httpd_conn *c, enum peer_state next)
{
    struct httpd *h = c->httpd;
    c->state = next;
    *c->shaking_link = c->younger;
    if (c->younger != NULL) {
        c->younger->shaking_link = c->shaking_link;
    } else {
        h->youngest = c->shaking_link;
    }
    h->handshakes--;
}

static void on_handshake_due(struct conn *conn)
{
    conn->detail = "the TLS handshake did not end in time";
    conn_close(conn, CONN_TLS);
}

/* A sender is through in two round trips; whoever holds a place for longer loses it to the next.
 * Were the newest closed, a few hundred silent connections would shut everybody out. */
static void bound_handshakes(struct httpd *h)
{
    struct httpd_conn *c = h->eldest;
    if (h->handshakes <= h->limits.handshakes) {
        return;
    }
    end_handshake(c, PEER_LINGER);
    if (c->conn.reason == NULL) {
        tell_refused(h, REASON_OVERLOADED, "too many TLS handshakes at the same time", &c->peer);
        conn_close(&c->conn, CONN_DONE);
    }
}

static void on_open(struct conn *conn)
{
    struct httpd_conn *c = CONTAINER_OF(conn, struct httpd_conn, conn);
    end_handshake(c, PEER_IDLE);
    conn_deadline(conn, c->httpd->limits.head_ms, on_linger_due);
}

static void on_written(struct conn *conn)
{
    struct httpd_conn *c = CONTAINER_OF(conn, struct httpd_conn, conn);
    if (c->state == PEER_WRITING) { /* else it was "100 Continue" */
        answered(c);
    }
}

static void on_closer_closed(uv_handle_t *handle)
{
    struct httpd *h = handle->data;
    void (*on_httpd_closed)(void *user) = h->on_closed;
    void *user = h->user;
    message_pool_done(&h->pool);
    for (struct httpd_conn *c = h->kept, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    buf_done(&h->out);
    buf_done(&h->refusal);
    tls_context_unref(h->tls);
    clients_done(&h->clients);
    free(h);
    on_httpd_closed(user);
}

static void finish_close(struct httpd *h)
{
    if (h->on_closed != NULL && h->conn_count == 0) {
        uv_close((uv_handle_t *)&h->closer, on_closer_closed);
    }
}

static void on_closed(struct conn *conn, const char *reason)
{
    struct httpd_conn *c = CONTAINER_OF(conn, struct httpd_conn, conn);
    struct httpd *h = c->httpd;
    if (reason == CONN_TLS) {
        tell_refused(h, REASON_TLS, conn->detail, &c->peer);
    }
    if (c->state == PEER_HANDSHAKE) {
        end_handshake(c, PEER_LINGER);
    }
    if (c->message != NULL && c->state == PEER_PENDING && h->handler.on_gone != NULL) {
        h->handler.on_gone(h->handler.user, &c->message->request);
    }
    forget_message(c);
    if (c->counted) {
        clients_remove(&h->clients, &c->client);
    }
    block_give(&h->pool, c->ahead);
    *c->link = c->next;
    if (c->next != NULL) {
        c->next->link = c->link;
    }
    h->conn_count--;
    if (h->kept_count < CONNECTIONS_KEPT) {
        c->next = h->kept;
        h->kept = c;
        h->kept_count++;
    } else {
        free(c);
    }
    finish_close(h);
}

static const struct conn_events conn_events = {
    .on_open = on_open,
    .on_room = on_room,
    .on_read = on_read,
    .on_end = on_end,
    .on_written = on_written,
    .on_closed = on_closed,
};

/* --- the listener's events --- */

/* NULL: no memory. */
static struct httpd_conn *take_conn(struct httpd *h)
{
    struct httpd_conn *c = h->kept;
    if (c != NULL) {
        h->kept = c->next;
        h->kept_count--;
    } else if ((c = malloc(sizeof *c)) == NULL) {
        return NULL;
    }
    memset(c, 0, sizeof *c);
    c->httpd = h;
    c->next = h->conns;
    c->link = &h->conns;
    if (c->next != NULL) {
        c->next->link = &c->next;
    }
    h->conns = c;
    h->conn_count++;
    return c;
}

/* --- connections of one client --- */

static bool is_trusted(const struct httpd *h, const struct sockaddr_storage *peer)
{
    struct address_bytes a = address_of(peer);
    return peer->ss_family == AF_UNIX || cidr_has(h->limits.trusted, h->limits.trusted_count, &a);
}

/* False: it has as many as it may. */
static bool count_client(struct httpd_conn *c)
{
    struct httpd *h = c->httpd;
    if (h->limits.per_address == 0 || is_trusted(h, &c->peer)) {
        return true;
    }
    c->counted = clients_add(&h->clients, &c->peer, h->limits.per_address, &c->client);
    return c->counted;
}

/* --- a connection begins --- */

/* Before it is looked at any further. */
static const char *why_refused(struct httpd_conn *c, unsigned conn_count)
{
    const struct httpd *h = c->httpd;
    if (conn_count >= h->limits.connections) {
        return "too many connections";
    }
    return count_client(c) ? NULL : "too many connections from one address";
}

static void welcome(struct httpd *h, int fd, const struct sockaddr_storage *peer)
{
    unsigned before = h->conn_count + h->incoming_count;
    struct httpd_conn *c = take_conn(h);
    if (c == NULL) {
        tell_refused(h, REASON_OVERLOADED, "out of memory", peer);
        close(fd);
        return;
    }
    c->peer = *peer;
    const char *refused = why_refused(c, before);
    struct tls *tls = NULL;
    if (h->tls != NULL) {
        tls = tls_accept(h->tls);
        begin_handshake(c);
    }
    if (!conn_accept(&c->conn, h->loop, h->wheel, fd, h->listener.is_unix, tls, &conn_events)) {
        return;
    }
    if (refused != NULL) {
        tell_refused(h, REASON_OVERLOADED, refused, peer);
        conn_close(&c->conn, CONN_DONE);
    } else if (tls != NULL) {
        conn_deadline(&c->conn, HANDSHAKE_MS, on_handshake_due);
        bound_handshakes(h);
    } else {
        conn_deadline(&c->conn, h->limits.head_ms, on_linger_due); /* the first request's head */
    }
}

static void forget_incoming(struct incoming *in)
{
    *in->link = in->next;
    if (in->next != NULL) {
        in->next->link = in->link;
    }
    in->httpd->incoming_count--;
}

static void on_proxy_header(struct proxy_wait *w, const struct proxy_header *header,
                            const char *why)
{
    struct incoming *in = CONTAINER_OF(w, struct incoming, wait);
    struct httpd *h = in->httpd;
    forget_incoming(in);
    if (why != NULL) {
        tell_refused(h, REASON_MALFORMED, why, &in->peer);
        close(w->fd);
    } else {
        welcome(h, w->fd, header->local ? &in->peer : &header->client);
    }
    free(in);
}

static void await_proxy_header(struct httpd *h, int fd, const struct sockaddr_storage *peer)
{
    struct incoming *in = malloc(sizeof *in);
    ENSURE(in != NULL);
    in->httpd = h;
    in->peer = *peer;
    in->next = h->incoming;
    in->link = &h->incoming;
    if (in->next != NULL) {
        in->next->link = &in->next;
    }
    h->incoming = in;
    h->incoming_count++;
    in->wait.on_done = on_proxy_header;
    proxy_wait_start(&in->wait, h->loop, h->wheel, fd, PROXY_HEADER_MS);
}

static void on_accept(struct listener *l, int fd, const struct sockaddr_storage *peer)
{
    struct httpd *h = CONTAINER_OF(l, struct httpd, listener);
    if (!h->limits.proxy_protocol) {
        welcome(h, fd, peer);
    } else if (!is_trusted(h, peer)) {
        tell_refused(h, REASON_IP_DENIED, "not one of listen.trusted_proxies", peer);
        close(fd);
    } else if (h->conn_count + h->incoming_count >= h->limits.connections) {
        tell_refused(h, REASON_OVERLOADED, "too many connections", peer);
        close(fd);
    } else {
        await_proxy_header(h, fd, peer);
    }
}

static void on_exhausted(struct listener *l)
{
    static const struct sockaddr_storage nobody;
    tell_refused(CONTAINER_OF(l, struct httpd, listener), REASON_OVERLOADED,
                 "out of file descriptors: new connections wait", &nobody);
}

/* --- life --- */

static void init(struct httpd *h, uv_loop_t *loop, struct wheel *wheel,
                 const struct httpd_limits *limits, const struct httpd_handler *handler)
{
    h->listener.on_accept = on_accept;
    h->listener.on_exhausted = on_exhausted;
    h->loop = loop;
    h->wheel = wheel;
    h->limits = *limits;
    h->handler = *handler;
    h->youngest = &h->eldest;
    h->head_limits =
        (struct http_limits){limits->head_bytes, limits->target_bytes, limits->field_count};
    h->pool.limits = &h->head_limits;
    h->pool.memory_max = limits->memory_bytes;
    clients_init(&h->clients);
    buf_init(&h->out, 64 * 1024);
    buf_init(&h->refusal, 256);
    uv_idle_init(loop, &h->closer);
    h->closer.data = h;
}

const char *httpd_new(struct httpd **out, uv_loop_t *loop, struct wheel *wheel, struct str address,
                      const struct httpd_limits *limits, const struct httpd_handler *handler)
{
    struct httpd *h = calloc(1, sizeof *h);
    ENSURE(h != NULL);
    const char *why = listener_open(&h->listener, loop, wheel, address);
    if (why != NULL) {
        free(h);
        return why;
    }
    init(h, loop, wheel, limits, handler);
    *out = h;
    return NULL;
}

const char *httpd_join(struct httpd **out, const struct httpd *first, uv_loop_t *loop,
                       struct wheel *wheel, const struct httpd_handler *handler)
{
    struct httpd *h = calloc(1, sizeof *h);
    ENSURE(h != NULL);
    const char *why = listener_join(&h->listener, loop, wheel, &first->listener);
    if (why != NULL) {
        free(h);
        return why;
    }
    init(h, loop, wheel, &first->limits, handler);
    *out = h;
    return NULL;
}

void httpd_use_tls(struct httpd *h, struct tls_context *tls)
{
    tls_context_unref(h->tls);
    h->tls = tls_context_ref(tls);
}

const char *httpd_address(const struct httpd *h)
{
    return h->listener.address;
}

unsigned httpd_connections(const struct httpd *h)
{
    return h->conn_count;
}

void httpd_drain(struct httpd *h)
{
    h->draining = true;
    listener_close(&h->listener);
    for (struct incoming *in = h->incoming, *next; in != NULL; in = next) {
        next = in->next;
        proxy_wait_cancel(&in->wait);
        close(in->wait.fd);
        free(in);
    }
    h->incoming = NULL;
    h->incoming_count = 0;
    for (struct httpd_conn *c = h->conns; c != NULL; c = c->next) {
        if (c->state == PEER_IDLE || c->state == PEER_HANDSHAKE) {
            conn_close(&c->conn, CONN_DONE);
        }
    }
}

void httpd_close(struct httpd *h, void (*on_httpd_closed)(void *user), void *user)
{
    httpd_drain(h);
    h->on_closed = on_httpd_closed;
    h->user = user;
    for (struct httpd_conn *c = h->conns; c != NULL; c = c->next) {
        conn_close(&c->conn, CONN_DONE);
    }
    finish_close(h);
}
