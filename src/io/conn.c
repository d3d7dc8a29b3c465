/* One socket: reads go where the owner wants them, writes go straight to the kernel if it takes
 * them, and what it does not take is one libuv request. */
#include "io/conn.h"

#include "base/log.h"
#include "io/tls.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char CONN_DONE[] = "done";
const char CONN_REFUSED[] = "refused";
const char CONN_RESET[] = "reset";
const char CONN_TIMEOUT[] = "timeout";
const char CONN_TLS[] = "tls";

/* --- closing --- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    tls_free(c->tls);
    free(c->kept);
    c->tls = NULL;
    c->kept = NULL;
    c->events->on_closed(c, c->reason); /* may free c */
}

void conn_close(struct conn *c, const char *reason)
{
    if (c->reason == NULL) {
        c->reason = reason;
        conn_no_deadline(c);
        c->ops->close(c);
        uv_close(&c->socket.handle, on_handle_closed); /* a write under way ends with ECANCELED */
    }
}

/* --- the deadline --- */

bool conn_is_late(uv_loop_t *loop, const struct wheel_timer *t, bool *late)
{
    if (*late || uv_now(loop) - t->due_ms <= CONN_LATE_MS) {
        return false;
    }
    *late = true;
    return true;
}

static void on_due(struct wheel_timer *t)
{
    struct conn *c = CONTAINER_OF(t, struct conn, deadline);
    if (conn_is_late(c->wheel->loop, t, &c->late)) {
        wheel_arm(c->wheel, t, 1, on_due);
    } else if (c->on_deadline != NULL) {
        c->on_deadline(c);
    } else {
        conn_close(c, CONN_TIMEOUT);
    }
}

void conn_deadline(struct conn *c, uint64_t after_ms, void (*on_deadline)(struct conn *c))
{
    if (c->reason == NULL) {
        c->late = false;
        c->on_deadline = on_deadline;
        wheel_arm(c->wheel, &c->deadline, after_ms, on_due);
    }
}

void conn_no_deadline(struct conn *c)
{
    wheel_cancel(c->wheel, &c->deadline);
}

/* --- reading --- */

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
    (void)hint;
    struct conn *c = handle->data;
    size_t n = 0;
    buf->base = c->ops->room(c, &n);
    buf->len = n;
}

static void on_uv_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = stream->data;
    if (n > 0) {
        c->ops->read(c, buf->base, (size_t)n);
    } else if (n == UV_EOF) {
        c->ops->end(c);
    } else if (n < 0) {
        c->detail = uv_strerror((int)n);
        conn_close(c, CONN_RESET);
    }
}

void conn_read_start(struct conn *c)
{
    if (c->reason == NULL && (c->tls == NULL || !tls_read_start(c))) {
        int rc = uv_read_start(&c->socket.stream, on_alloc, on_uv_read);
        ENSURE(rc == 0 || rc == UV_EALREADY || rc == UV_ENOTCONN);
    }
}

void conn_read_stop(struct conn *c)
{
    if (c->reason == NULL) {
        uv_read_stop(&c->socket.stream);
        if (c->tls != NULL) {
            tls_read_stop(c);
        }
    }
}

size_t conn_held(const struct conn *c)
{
    return c->tls != NULL ? tls_held(c) : 0;
}

/* --- writing --- */

bool conn_has_parts(const struct conn *c)
{
    return c->part < c->part_count;
}

bool conn_is_writing(const struct conn *c)
{
    return c->writing || conn_has_parts(c);
}

void conn_parts_taken(struct conn *c, size_t n)
{
    while (conn_has_parts(c) && n >= c->parts[c->part].len) {
        n -= c->parts[c->part++].len;
    }
    if (n > 0) {
        c->parts[c->part] = str_from(c->parts[c->part], n);
    }
}

/* What is left of the parts that are borrowed for the call only now lies in memory of our own. */
static void keep_parts(struct conn *c)
{
    size_t n = 0;
    for (unsigned i = c->part; i < c->copied; i++) {
        n += c->parts[i].len;
    }
    if (n == 0) {
        return;
    }
    char *at = c->kept = malloc(n);
    ENSURE(at != NULL);
    for (unsigned i = c->part; i < c->copied; i++) {
        if (c->parts[i].len > 0) {
            memcpy(at, c->parts[i].at, c->parts[i].len);
        }
        at += c->parts[i].len;
    }
    c->part = c->copied - 1;
    c->parts[c->part] = (struct str){c->kept, n};
    c->copied = 0;
}

static void drop_parts(struct conn *c)
{
    c->part = c->part_count = 0;
    free(c->kept);
    c->kept = NULL;
}

void conn_push(struct conn *c)
{
    c->ops->push(c);
    if (c->reason == NULL && c->owed && !conn_is_writing(c)) {
        c->owed = false;
        drop_parts(c);
        c->events->on_written(c);
    }
}

static void on_uv_written(uv_write_t *request, int status)
{
    struct conn *c = request->handle->data;
    c->writing = false;
    if (c->reason != NULL) {
        return;
    }
    if (status < 0) {
        c->detail = uv_strerror(status);
        conn_close(c, CONN_RESET);
        return;
    }
    conn_push(c);
}

/* Our own sendmsg: libuv's writev goes through the kernel's file layer, which costs more. Nothing
 * of this connection is queued in libuv then. */
size_t conn_try(struct conn *c, const uv_buf_t *bufs, unsigned n)
{
    struct iovec parts[CONN_PARTS];
    uv_os_fd_t fd;
    ENSURE(n <= CONN_PARTS && !c->writing && uv_fileno(&c->socket.handle, &fd) == 0);
    for (unsigned i = 0; i < n; i++) {
        parts[i] = (struct iovec){bufs[i].base, bufs[i].len};
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = n};
    ssize_t sent;
    do {
        sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        return (size_t)sent;
    }
    if (errno != EAGAIN && errno != ENOBUFS) {
        c->detail = uv_strerror(-errno);
        conn_close(c, CONN_RESET);
    }
    return 0;
}

void conn_send(struct conn *c, const uv_buf_t *bufs, unsigned n)
{
    int rc = uv_write(&c->request.write, &c->socket.stream, bufs, n, on_uv_written);
    c->writing = rc == 0;
    if (rc != 0) {
        c->detail = uv_strerror(rc);
        conn_close(c, CONN_RESET);
    }
}

void conn_send_end(struct conn *c)
{
    uv_os_fd_t fd;
    if (uv_fileno(&c->socket.handle, &fd) == 0) {
        shutdown(fd, SHUT_WR); /* nothing is queued in libuv, so its own request has no use here */
    }
}

bool conn_write(struct conn *c, const struct str *parts, unsigned n, unsigned copied)
{
    if (c->reason != NULL) {
        return false;
    }
    ENSURE(n <= CONN_PARTS && !conn_has_parts(c) && !c->owed);
    memcpy(c->parts, parts, n * sizeof *parts);
    c->part = 0;
    c->part_count = n;
    c->copied = copied < n ? copied : n;
    if (!c->writing) {
        c->ops->push(c);
    }
    if (c->reason != NULL) {
        return false;
    }
    keep_parts(c); /* TLS: what is still to be encrypted */
    c->owed = conn_is_writing(c);
    return !c->owed;
}

void conn_write_end(struct conn *c)
{
    ENSURE(!conn_is_writing(c));
    if (c->reason == NULL) {
        c->ops->write_end(c);
    }
}

/* --- plain --- */

static void plain_connected(struct conn *c)
{
    c->events->on_open(c);
}

static char *plain_room(struct conn *c, size_t *n)
{
    return c->events->on_room(c, n);
}

static void plain_read(struct conn *c, char *at, size_t n)
{
    c->events->on_read(c, at, n);
}

static void plain_end(struct conn *c)
{
    c->events->on_end(c, true);
}

static void plain_push(struct conn *c)
{
    uv_buf_t bufs[CONN_PARTS];
    unsigned n = 0;
    for (unsigned i = c->part; i < c->part_count; i++) {
        bufs[n++] = uv_buf_init((char *)c->parts[i].at, (unsigned)c->parts[i].len);
    }
    if (n == 0) {
        return;
    }
    conn_parts_taken(c, conn_try(c, bufs, n));
    if (c->reason != NULL || !conn_has_parts(c)) {
        return;
    }
    keep_parts(c);
    for (n = 0; conn_has_parts(c); c->part++) {
        struct str part = c->parts[c->part];
        bufs[n++] = uv_buf_init((char *)part.at, (unsigned)part.len);
    }
    conn_send(c, bufs, n);
}

static void plain_write_end(struct conn *c)
{
    conn_send_end(c);
}

static void plain_close(struct conn *c)
{
    (void)c;
}

static const struct conn_ops plain_ops = {plain_connected, plain_room,      plain_read, plain_end,
                                          plain_push,      plain_write_end, plain_close};

/* --- opening --- */

static void init(struct conn *c, struct wheel *wheel, struct tls *tls,
                 const struct conn_events *events)
{
    memset(c, 0, sizeof *c);
    c->wheel = wheel;
    c->tls = tls;
    c->ops = tls != NULL ? &tls_ops : &plain_ops;
    c->events = events;
}

bool conn_accept(struct conn *c, uv_loop_t *loop, struct wheel *wheel, int fd, bool is_unix,
                 struct tls *tls, const struct conn_events *events)
{
    init(c, wheel, tls, events);
    int rc;
    if (is_unix) {
        rc = uv_pipe_init(loop, &c->socket.pipe, 0);
        rc = rc == 0 ? uv_pipe_open(&c->socket.pipe, fd) : rc;
    } else {
        rc = uv_tcp_init(loop, &c->socket.tcp);
        rc = rc == 0 ? uv_tcp_open(&c->socket.tcp, fd) : rc;
    }
    c->socket.handle.data = c;
    if (rc != 0) {
        close(fd);
        c->detail = uv_strerror(rc);
        conn_close(c, CONN_REFUSED);
        return false;
    }
    if (!is_unix) {
        uv_tcp_nodelay(&c->socket.tcp, 1);
    }
    conn_read_start(c);
    return true;
}

static void on_uv_connect(uv_connect_t *request, int status)
{
    struct conn *c = request->handle->data;
    if (c->reason != NULL) {
        return;
    }
    if (status < 0) {
        c->detail = uv_strerror(status);
        conn_close(c, CONN_REFUSED);
        return;
    }
    conn_read_start(c);
    c->ops->on_connected(c);
}

void conn_connect(struct conn *c, uv_loop_t *loop, struct wheel *wheel,
                  const struct sockaddr_storage *address, struct tls *tls,
                  const struct conn_events *events)
{
    init(c, wheel, tls, events);
    int rc = uv_tcp_init(loop, &c->socket.tcp);
    ENSURE(rc == 0);
    c->socket.handle.data = c;
    uv_tcp_nodelay(&c->socket.tcp, 1); /* no socket yet: remembered for it */
    rc = uv_tcp_connect(&c->request.connect, &c->socket.tcp, (const struct sockaddr *)address,
                        on_uv_connect);
    if (rc != 0) {
        c->detail = uv_strerror(rc);
        conn_close(c, CONN_REFUSED);
    }
}
