/* The requests of one connection: request in, handler, response out. See httpd_conn.h. */
#include "io/httpd_conn.h"

#include "base/crash.h"
#include "base/log.h"
#include "io/answer.h"
#include "io/clients.h"

#include <stddef.h>
#include <string.h>

#define LINGER_MS 1000u            /* for the peer to read our last answer and go */
#define LINGER_BYTES (256u * 1024) /* of what it still sends, thrown away meanwhile */

static void take_requests(struct httpd_conn *c);

void httpd_tell_refused(const struct httpd_shared *h, const char *reason, const char *detail,
                        const struct sockaddr_storage *peer)
{
    if (h->handler.on_refused != NULL) {
        h->handler.on_refused(h->handler.user, reason, detail, peer);
    }
}

/* --- answers --- */

static void on_linger_due(struct conn *conn)
{
    conn_close(conn, CONN_DONE);
}

/* The answer is with the kernel. */
static void answered(struct httpd_conn *c)
{
    struct httpd_shared *h = c->shared;
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
        message_give(&c->shared->pool, c->message);
        c->message = NULL;
    }
}

/* Head and body leave in one write; what the kernel does not take is copied. */
static void send_answer(struct httpd_conn *c, const struct httpd_answer *a, bool no_body,
                        bool http10)
{
    struct httpd_shared *h = c->shared;
    answer_put_head(&h->out, a, c->close, http10);
    ENSURE(!h->out.failed);
    const struct str parts[] = {buf_str(&h->out), a->body};
    bool has_body = answer_has_content(a->status) && a->body.len > 0 && !no_body;
    forget_message(c);
    c->state = PEER_WRITING;
    CRASH_PART("answer_part", &c->conn.socket.handle, parts[0]);
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
    c->close = a->close || !complete || !m->parser.keep_alive || c->last || c->shared->draining;
    send_answer(c, a, str_eq(m->parser.method, STR("HEAD")), m->parser.http10);
}

void httpd_release(struct httpd_request *r)
{
    struct message *m = CONTAINER_OF(r, struct message, request);
    struct httpd_conn *c = m->owner;
    ENSURE(c->state == PEER_PENDING);
    /* The answer needs to know that much; its bytes are released. */
    m->parser.method = str_eq(m->parser.method, STR("HEAD")) ? STR("HEAD") : STR_NONE;
    message_release(&c->shared->pool, m);
}

/* Our own refusal: a word of the closed list, and the end of the connection. */
static void refuse(struct httpd_conn *c, int status, const char *reason, const char *detail)
{
    struct httpd_shared *h = c->shared;
    struct httpd_answer a = answer_refusal(&h->refusal, status, reason);
    httpd_tell_refused(h, reason, detail, &c->peer);
    if (c->conn.reason == NULL) {
        c->close = c->unread = true;
        send_answer(c, &a, false, false);
    }
}

static const char no_memory[] = "the memory for requests in flight is used up";

static void refuse_for_memory(struct httpd_conn *c)
{
    refuse(c, 503, REASON_OVERLOADED, no_memory);
}

/* In the middle of another request, where no answer can be given. */
static void close_for_memory(struct httpd_conn *c)
{
    httpd_tell_refused(c->shared, REASON_OVERLOADED, no_memory, &c->peer);
    conn_close(&c->conn, REASON_OVERLOADED);
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
    struct httpd_shared *h = c->shared;
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
        c->ahead = block_take(&c->shared->pool, rest.len + 1); /* the next read has a place */
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
    struct httpd_shared *h = c->shared;
    c->message->request.body = message_body(c->message);
    h->handler.on_request(h->handler.user, &c->message->request);
}

/* The body may come: its place, its deadline, and the word that the sender waits for. */
static void await_body(struct httpd_conn *c, size_t most)
{
    struct httpd_shared *h = c->shared;
    struct message *m = c->message;
    m->parser.body_max = most < h->limits.body_bytes ? most : h->limits.body_bytes;
    if (m->parser.length > m->parser.body_max) {
        refuse(c, 413, REASON_TOO_LARGE, FAULT_BODY_LARGE.detail);
        return;
    }
    if (m->parser.length + clients_held(h->pool.clients) > h->limits.memory_bytes ||
        !message_place_body(&h->pool, m)) {
        refuse_for_memory(c);
        return;
    }
    c->state = PEER_BODY;
    m->body_began_ms = uv_now(h->loop);
    if (m->parser.expects_continue && message_rest(m).len == 0) {
        static const struct str go_on[] = {{"HTTP/1.1 100 Continue\r\n\r\n", 25}};
        (void)conn_write(&c->conn, go_on, 1, 0);
    }
}

/* True: parse on. */
static bool take_head(struct httpd_conn *c)
{
    struct httpd_shared *h = c->shared;
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
            if (!message_prepare(&c->shared->pool, m)) {
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
    struct httpd_shared *h = c->shared;
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

/* A sender far ahead of its answers waits in its own memory; what TLS has read of it already counts
 * here like what is parsed. */
static void stop_reading(struct httpd_conn *c)
{
    struct message_pool *pool = &c->shared->pool;
    c->stopped = true;
    conn_read_stop(&c->conn);
    size_t held = conn_held(&c->conn);
    if (message_pool_hold(pool, held)) {
        c->held = held;
    } else {
        close_for_memory(c);
    }
}

static void give_held(struct httpd_conn *c)
{
    message_pool_let_go(&c->shared->pool, c->held);
    c->held = 0;
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
        give_held(c);
        conn_read_start(&c->conn);
    }
}

/* --- the connection's events --- */

char *httpd_conn_on_room(struct conn *conn, size_t *n)
{
    static _Thread_local char waste[16 * 1024];
    struct httpd_conn *c = CONTAINER_OF(conn, struct httpd_conn, conn);
    if (c->state == PEER_HEAD || c->state == PEER_BODY) {
        return message_room(c->message, n);
    }
    if (c->state != PEER_LINGER && c->ahead == NULL) {
        c->ahead = block_take(&c->shared->pool, BLOCK_BYTES);
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
            close_for_memory(c);
        }
        return;
    }
    b->len += n;
    if (c->state != PEER_IDLE && b->len == b->cap) {
        stop_reading(c);
    }
    take_requests(c);
}

void httpd_conn_on_read(struct conn *conn, char *at, size_t n)
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
void httpd_conn_on_end(struct conn *conn, bool clean)
{
    (void)clean;
    struct httpd_conn *c = CONTAINER_OF(conn, struct httpd_conn, conn);
    c->ended = true;
    if (c->state != PEER_PENDING && c->state != PEER_WRITING) {
        conn_close(conn, CONN_DONE);
    }
}

void httpd_conn_on_written(struct conn *conn)
{
    struct httpd_conn *c = CONTAINER_OF(conn, struct httpd_conn, conn);
    if (c->state == PEER_WRITING) { /* else it was "100 Continue" */
        answered(c);
    }
}

/* --- beginning and end --- */

void httpd_conn_begin(struct httpd_conn *c)
{
    c->state = PEER_IDLE;
    conn_deadline(&c->conn, c->shared->limits.head_ms, on_linger_due);
}

void httpd_conn_end(struct httpd_conn *c)
{
    struct httpd_shared *h = c->shared;
    if (c->message != NULL && c->state == PEER_PENDING && h->handler.on_gone != NULL) {
        h->handler.on_gone(h->handler.user, &c->message->request);
    }
    forget_message(c);
    block_give(&h->pool, c->ahead);
    give_held(c);
}
