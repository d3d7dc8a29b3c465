/* One HTTP request to an origin, exactly one completion.
 *
 *   httpc_start --idle connection--------------------------> SENT --> on_done
 *        \--> RESOLVING --> CONNECTING (address by address) --^  \
 *                                ^                                | a reused connection died before
 *                                +----------- once ---------------+ any byte: silently again
 *
 * What fails inside httpc_start or httpc_cancel waits as FAILED for the next turn of the loop. */
#include "io/httpc.h"

#include "base/crash.h"
#include "base/log.h"
#include "io/origin.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char HTTPC_RESOLVE[] = "dns";
const char HTTPC_DENIED[] = "address_denied";
const char HTTPC_CONNECT[] = "connect";
const char HTTPC_TLS[] = "tls";
const char HTTPC_TIMEOUT[] = "timeout";
const char HTTPC_RESET[] = "reset";
const char HTTPC_MALFORMED[] = "malformed_answer";
const char HTTPC_CANCELLED[] = "cancelled";

#define ADDRESS_MS_LEAST 100u /* for each address to answer, however many there are */

enum call_phase { CALL_NONE, CALL_RESOLVING, CALL_CONNECTING, CALL_SENT, CALL_FAILED };

static void on_turn(uv_idle_t *turn);
static void dial(struct httpc_call *call);

/* --- completion --- */

static void unlink_call(struct httpc_call *call)
{
    if (call->link != NULL) {
        *call->link = call->next;
        if (call->next != NULL) {
            call->next->link = call->link;
        }
        call->link = NULL;
    }
}

/* The call lets go of its connection; whoever calls says what becomes of that. */
static struct httpc_conn *detach(struct httpc_call *call)
{
    struct httpc_conn *c = call->conn;
    call->conn = NULL;
    if (c != NULL) {
        c->call = NULL;
    }
    return c;
}

static const char *say(struct httpc *h, const struct httpc_call *call, const char *detail)
{
    char address[RESOLVE_TEXT];
    if (detail == NULL || call->address.ss_family == AF_UNSPEC) {
        return detail;
    }
    resolve_text(&call->address, address);
    snprintf(h->detail, sizeof h->detail, "%s: %s", address, detail);
    return h->detail;
}

static struct str field_of(const struct reply *r, struct str name)
{
    const struct str *value = fields_find(&r->parser.fields, name);
    return value == NULL ? STR_NONE : *value;
}

/* Tells the caller; the last that is done with a call. `reply` (or NULL) lives through it. */
static void finish(struct httpc_call *call, const char *reason, const char *detail,
                   struct reply *reply, bool reused)
{
    struct httpc *h = call->origin->httpc;
    struct httpc_result result = {
        .reason = reason, .detail = say(h, call, detail), .reused = reused};
    ENSURE(call->conn == NULL);
    unlink_call(call);
    resolve_cancel(&call->query);
    wheel_cancel(h->wheel, &call->deadline);
    call->phase = CALL_NONE;
    if (reply != NULL && reply->head_end > 0) {
        result.status = reply->parser.status;
        result.retry_after = field_of(reply, STR("retry-after"));
        result.location = field_of(reply, STR("location"));
        result.body = (struct str){reply->body, reply->body_len};
        result.fields = &reply->parser.fields;
    }
    result.took_us = uv_hrtime() / 1000 - call->began_us;
    origin_call_ended(call->origin);
    call->on_done(call, &result); /* may free the call */
    reply_give(&h->replies, reply);
}

static void fail_later(struct httpc_call *call, const char *reason, const char *detail)
{
    struct httpc *h = call->origin->httpc;
    unlink_call(call);
    call->reason = reason;
    call->detail = detail;
    call->phase = CALL_FAILED;
    call->next = h->failed;
    call->link = &h->failed;
    if (call->next != NULL) {
        call->next->link = &call->next;
    }
    h->failed = call;
    uv_idle_start(&h->turn, on_turn);
}

static void on_turn(uv_idle_t *turn)
{
    struct httpc *h = turn->data;
    uv_idle_stop(turn);
    struct httpc_call *list = h->failed; /* a call that fails meanwhile waits for the next turn */
    h->failed = NULL;
    if (list != NULL) {
        list->link = &list;
    }
    while (list != NULL) {
        finish(list, list->reason, list->detail, NULL, false);
    }
}

/* Ends a call and the connection that it used. */
static void abort_call(struct httpc_call *call, const char *reason, const char *detail)
{
    struct httpc_conn *c = detach(call);
    struct reply *reply = NULL;
    bool reused = false;
    if (c != NULL) {
        reply = c->reply;
        c->reply = NULL;
        reused = c->reused;
        conn_close(&c->conn, CONN_DONE);
    }
    finish(call, reason, detail, reply, reused);
}

/* --- deadlines --- */

static void on_deadline(struct wheel_timer *t)
{
    struct httpc_call *call = CONTAINER_OF(t, struct httpc_call, deadline);
    struct httpc *h = call->origin->httpc;
    if (conn_is_late(h->loop, t, &call->late)) {
        wheel_arm(h->wheel, t, 1, on_deadline);
        return;
    }
    abort_call(call, HTTPC_TIMEOUT,
               call->phase == CALL_RESOLVING    ? "the name did not resolve in time"
               : call->phase == CALL_CONNECTING ? "no connection in time"
                                                : "no complete answer in time");
}

static uint64_t until(const struct httpc_call *call, uint64_t due_ms)
{
    uint64_t now_ms = uv_now(call->origin->httpc->loop);
    return due_ms > now_ms ? due_ms - now_ms : 1;
}

/* A call has one deadline at a time: that of its phase, within that of the whole. */
static void enter(struct httpc_call *call, enum call_phase phase)
{
    uint64_t due_ms = call->began_ms + call->timeouts.total_ms;
    uint64_t connect_ms = call->dialled_ms + call->timeouts.connect_ms;
    if (phase != CALL_SENT && connect_ms < due_ms) {
        due_ms = connect_ms;
    }
    call->phase = (int)phase;
    call->late = false;
    wheel_arm(call->origin->httpc->wheel, &call->deadline, until(call, due_ms), on_deadline);
}

/* --- sending --- */

static bool needs_length(const struct httpc_request *r)
{
    return r->body.len > 0 || str_eq(r->method, STR("POST")) || str_eq(r->method, STR("PUT")) ||
           str_eq(r->method, STR("PATCH"));
}

static void put_head(struct buf *b, const struct httpc_origin *o, const struct httpc_request *r)
{
    buf_clear(b);
    buf_add_str(b, r->method);
    buf_add_char(b, ' ');
    buf_add_str(b, r->target);
    buf_add_str(b, STR(" HTTP/1.1\r\n"));
    buf_add_str(b, buf_str(&o->host_field));
    buf_add_str(b, r->fields);
    buf_add_str(b, r->more_fields);
    if (needs_length(r)) {
        buf_add_str(b, STR("Content-Length: "));
        buf_add_u64(b, r->body.len);
        buf_add(b, "\r\n", 2);
    }
    buf_add(b, "\r\n", 2);
}

/* Head and body leave in one write. The body stays the caller's: it is borrowed until on_done, and
 * a connection that is still writing then is closed. */
static void send_request(struct httpc_conn *c)
{
    struct httpc_call *call = c->call;
    struct httpc *h = c->httpc;
    bool to_head = str_eq(call->request.method, STR("HEAD"));
    c->reply = reply_take(&h->replies, to_head, call->request.keep);
    enter(call, CALL_SENT);
    conn_no_deadline(&c->conn);
    put_head(&h->out, c->origin, &call->request);
    ENSURE(!h->out.failed);
    const struct str parts[] = {buf_str(&h->out), call->request.body};
    CRASH_POINT("request");
    (void)conn_write(&c->conn, parts, call->request.body.len > 0 ? 2 : 1, 1);
    CRASH_POINT("request_sent");
}

/* --- answers --- */

/* The answer is complete, or as complete as it need be: the connection first, so that a call
 * started in on_done can have it. */
static void complete(struct httpc_conn *c, bool reusable)
{
    CRASH_POINT("reply");
    struct httpc_call *call = c->call;
    struct reply *reply = c->reply;
    bool reused = c->reused;
    c->reply = NULL;
    detach(call);
    reusable =
        reusable && reply_keeps_alive(reply) && !conn_is_writing(&c->conn) && origin_may_keep(c);
    if (reusable) {
        origin_keep(c);
    } else {
        conn_close(&c->conn, CONN_DONE);
    }
    finish(call, NULL, NULL, reply, reused);
}

/* The connection ended under its call. One that was reused may have been closed by the peer while
 * our request was on its way: if no byte came, the request is sent again, once, on a fresh one. */
static void lose_call(struct httpc_conn *c, const char *reason, const char *detail)
{
    struct httpc_call *call = c->call;
    if (c->reused && !c->reply->begun && !call->resent) {
        detach(call);
        conn_close(&c->conn, CONN_DONE);
        call->resent = true;
        call->tried = 0;
        call->dialled_ms = uv_now(c->httpc->loop);
        dial(call);
    } else {
        abort_call(call, reason, detail);
    }
}

/* --- the connection's events --- */

static void on_open(struct conn *conn)
{
    send_request(CONTAINER_OF(conn, struct httpc_conn, conn));
}

static char *on_room(struct conn *conn, size_t *n)
{
    static _Thread_local char waste[256];
    struct httpc_conn *c = CONTAINER_OF(conn, struct httpc_conn, conn);
    if (c->reply == NULL) { /* idle: whatever comes ends it */
        *n = sizeof waste;
        return waste;
    }
    return reply_room(c->reply, n);
}

static void on_read(struct conn *conn, char *at, size_t n)
{
    (void)at;
    struct httpc_conn *c = CONTAINER_OF(conn, struct httpc_conn, conn);
    if (c->call == NULL || c->reply == NULL) {
        origin_drop(c, CONN_DONE); /* an answer that nobody asked for */
        return;
    }
    CRASH_POINT("reply_part");
    switch (reply_read(c->reply, n)) {
    case REPLY_MORE:
        break;
    case REPLY_DONE:
        complete(c, true);
        break;
    case REPLY_CAPPED:
        complete(c, false);
        break;
    case REPLY_MALFORMED:
        abort_call(c->call, HTTPC_MALFORMED, c->reply->detail);
        break;
    }
}

static void on_end(struct conn *conn, bool clean)
{
    struct httpc_conn *c = CONTAINER_OF(conn, struct httpc_conn, conn);
    if (c->call == NULL) {
        origin_drop(c, CONN_DONE);
    } else if (c->reply == NULL) {
        conn_close(conn, CONN_RESET);
    } else if (!c->reply->begun || c->reply->head_end == 0) {
        lose_call(c, HTTPC_RESET, "closed before the answer");
    } else if (reply_end(c->reply) != REPLY_DONE) {
        abort_call(c->call, HTTPC_RESET, "closed before the answer was complete");
    } else if (!clean) { /* ended by the end, and the end may be an attacker's: RFC 9112 9.8 */
        abort_call(c->call, HTTPC_RESET,
                   "TLS ended without close_notify: the answer may be cut short");
    } else {
        complete(c, false);
    }
}

static void on_written(struct conn *conn)
{
    (void)conn; /* the answer is what counts */
}

static void finish_close(struct httpc *h);

/* A connection that never opened: the next address; one that broke: see lose_call. */
static void on_closed(struct conn *conn, const char *reason)
{
    struct httpc_conn *c = CONTAINER_OF(conn, struct httpc_conn, conn);
    struct httpc *h = c->httpc;
    struct httpc_call *call = c->call;
    if (call != NULL && c->reply != NULL) {
        lose_call(c, HTTPC_RESET, conn->detail);
    } else if (call != NULL) {
        detach(call);
        call->tried++;
        call->reason = reason == CONN_TLS ? HTTPC_TLS : HTTPC_CONNECT;
        call->detail = reason == CONN_TIMEOUT ? "no connection in time" : conn->detail;
        dial(call);
    } else if (c->link != NULL) {
        origin_drop(c, reason); /* idle, and a read failed */
    }
    reply_give(&h->replies, c->reply);
    free(c);
    h->conn_count--;
    finish_close(h);
}

static const struct conn_events conn_events = {on_open, on_room,    on_read,
                                               on_end,  on_written, on_closed};

/* --- connecting --- */

static void connect_to(struct httpc_call *call, const struct sockaddr_storage *address,
                       size_t addresses_left)
{
    CRASH_POINT("connect");
    struct httpc_origin *o = call->origin;
    struct httpc *h = o->httpc;
    struct httpc_conn *c = calloc(1, sizeof *c);
    ENSURE(c != NULL);
    c->httpc = h;
    c->origin = o;
    c->call = call;
    call->conn = c;
    call->address = *address;
    resolve_set_port(&call->address, o->port);
    h->conn_count++;
    struct tls *tls = o->tls == NULL ? NULL : tls_new(o->tls, o->host, &o->session);
    conn_connect(&c->conn, h->loop, h->wheel, &call->address, tls, &conn_events);
    if (addresses_left > 1) { /* a silent address must leave time for the others */
        uint64_t share_ms =
            until(call, call->dialled_ms + call->timeouts.connect_ms) / addresses_left;
        conn_deadline(&c->conn, share_ms < ADDRESS_MS_LEAST ? ADDRESS_MS_LEAST : share_ms, NULL);
    }
}

/* The next address that may be dialled; each is checked here, on each try. */
static void dial_next(struct httpc_call *call, const struct resolve_answer *a)
{
    for (; call->tried < a->n; call->tried++) {
        const struct httpc_origin *o = call->origin;
        const char *denied = o->ruled ? resolve_ruled(&a->v[call->tried], &o->rules)
                                      : resolve_denied(&a->v[call->tried], o->link_local);
        if (denied == NULL) {
            enter(call, CALL_CONNECTING);
            connect_to(call, &a->v[call->tried], a->n - call->tried);
            return;
        }
        if (call->reason == NULL) {
            call->reason = HTTPC_DENIED;
            call->detail = denied;
            call->address = a->v[call->tried];
            resolve_set_port(&call->address, call->origin->port);
        }
    }
    ENSURE(call->reason != NULL);
    fail_later(call, call->reason, call->detail);
}

static void on_resolved(struct resolve_query *q, const struct resolve_answer *a)
{
    struct httpc_call *call = CONTAINER_OF(q, struct httpc_call, query);
    if (a->n == 0) {
        finish(call, HTTPC_RESOLVE, a->trouble, NULL, false);
    } else {
        dial_next(call, a);
    }
}

static void dial(struct httpc_call *call)
{
    struct httpc_origin *o = call->origin;
    const struct resolve_answer *a = resolve_find(o->httpc->resolve, o->host);
    if (a != NULL) {
        dial_next(call, a);
    } else {
        enter(call, CALL_RESOLVING);
        resolve_start(o->httpc->resolve, &call->query, o->host, on_resolved);
    }
}

/* --- calls --- */

void httpc_start(struct httpc_call *call, struct httpc_origin *origin,
                 const struct httpc_request *request, const struct httpc_timeouts *timeouts,
                 void (*on_done)(struct httpc_call *call, const struct httpc_result *result))
{
    struct httpc *h = origin->httpc;
    memset(call, 0, sizeof *call);
    call->origin = origin;
    origin_call_begins(origin);
    call->request = *request;
    call->timeouts = *timeouts;
    call->on_done = on_done;
    call->began_us = uv_hrtime() / 1000;
    call->began_ms = call->dialled_ms = uv_now(h->loop);
    struct httpc_conn *c = origin_take(origin);
    if (c == NULL) {
        dial(call);
        return;
    }
    c->call = call;
    call->conn = c;
    send_request(c);
}

void httpc_cancel(struct httpc_call *call)
{
    ENSURE(call->phase != CALL_NONE);
    struct httpc_conn *c = detach(call);
    if (c != NULL) {
        conn_close(&c->conn, CONN_DONE);
    }
    resolve_cancel(&call->query);
    wheel_cancel(call->origin->httpc->wheel, &call->deadline);
    fail_later(call, HTTPC_CANCELLED, NULL);
}

/* --- life --- */

struct httpc *httpc_new(uv_loop_t *loop, struct wheel *wheel)
{
    struct httpc *h = calloc(1, sizeof *h);
    ENSURE(h != NULL);
    h->loop = loop;
    h->wheel = wheel;
    h->resolve = resolve_new(loop);
    map_init(&h->contexts);
    buf_init(&h->out, 1024u * 1024);
    uv_idle_init(loop, &h->turn);
    h->turn.data = h;
    return h;
}

static void on_turn_closed(uv_handle_t *handle)
{
    struct httpc *h = handle->data;
    void (*on_httpc_closed)(void *user) = h->on_closed;
    void *user = h->user;
    const struct map_entry *e;
    for (size_t i = 0; (e = map_next(&h->contexts, &i)) != NULL;) {
        tls_context_unref(e->value);
    }
    map_done(&h->contexts);
    reply_pool_done(&h->replies);
    buf_done(&h->out);
    free(h);
    on_httpc_closed(user);
}

static void on_resolve_closed(void *user)
{
    struct httpc *h = user;
    uv_close((uv_handle_t *)&h->turn, on_turn_closed);
}

static void finish_close(struct httpc *h)
{
    if (h->on_closed != NULL && h->conn_count == 0) {
        resolve_close(h->resolve, on_resolve_closed, h);
    }
}

void httpc_close(struct httpc *c, void (*on_httpc_closed)(void *user), void *user)
{
    ENSURE(c->origin_count == 0 && c->failed == NULL);
    c->on_closed = on_httpc_closed;
    c->user = user;
    finish_close(c);
}
