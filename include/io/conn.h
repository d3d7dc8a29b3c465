/* One socket, plain or TLS behind one small operation table, with one deadline.
 *
 * A member of its owner, who may free it in on_closed and not before. conn_close may be called at
 * any time, any number of times, also from inside every callback: after it no callback comes but
 * on_closed, from the loop. Knows no HTTP, never retries. */
#ifndef IO_CONN_H
#define IO_CONN_H

#include "base/text.h"
#include "base/wheel.h"
#include <sys/socket.h>
#include <uv.h>

/* Why a connection ended; compare by address. Owners may add reasons of their own. */
extern const char CONN_DONE[];    /* "done": the owner had no more use for it */
extern const char CONN_REFUSED[]; /* "refused": could not be opened; `detail` says why */
extern const char CONN_RESET[];   /* "reset": a read or write failed */
extern const char CONN_TIMEOUT[]; /* "timeout": the deadline of the phase */
extern const char CONN_TLS[];     /* "tls": handshake, certificate or record; `detail` says why */

#define CONN_PARTS 3
#define CONN_LATE_MS 1000u /* a deadline this late saw a pause of this process: one turn more */

struct conn;
struct tls;

struct conn_events {
    /* Dialled: connected, and with TLS handshaken and verified. Accepted: with TLS only,
     * handshaken. */
    void (*on_open)(struct conn *c);
    /* Where the next bytes are to be read; asked when there are some. *n (> 0) is set to the room.
     */
    char *(*on_room)(struct conn *c, size_t *n);
    void (*on_read)(struct conn *c, char *at, size_t n); /* at: the start of that room */
    /* The peer has ended its side. `clean` is false if TLS ended without a close_notify: what was
     * framed by the end of the connection is then cut short (RFC 9112 9.8). */
    void (*on_end)(struct conn *c, bool clean);
    void (*on_written)(struct conn *c); /* after a conn_write that returned false */
    void (*on_closed)(struct conn *c, const char *reason);
};

struct conn {
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    union { /* one at a time */
        uv_connect_t connect;
        uv_write_t write;
    } request;
    const struct conn_ops *ops; /* how bytes go in and out: plain or TLS */
    const struct conn_events *events;
    struct wheel *wheel;
    struct wheel_timer deadline;
    void (*on_deadline)(struct conn *c);
    struct tls *tls;              /* owned; NULL when plain */
    const char *reason;           /* set by conn_close; NULL while it lives */
    const char *detail;           /* a sentence for the log, constant or of `tls`; or NULL */
    struct str parts[CONN_PARTS]; /* of the message under way: what is not yet handed down */
    unsigned part, part_count;
    char *kept;      /* our copy of those parts, or NULL */
    unsigned copied; /* so many leading parts are borrowed for the call of conn_write only */
    bool owed;       /* an on_written is to come */
    bool writing;    /* a write request is with libuv */
    bool late;       /* the deadline has had its second chance */
};

/* What tells plain from TLS. */
struct conn_ops {
    void (*on_connected)(struct conn *c);
    char *(*room)(struct conn *c, size_t *n);
    void (*read)(struct conn *c, char *at, size_t n);
    void (*end)(struct conn *c);
    void (*push)(struct conn *c); /* no request is with libuv: hands down more, or nothing */
    void (*write_end)(struct conn *c);
    void (*close)(struct conn *c); /* a last word; `reason` is set */
};

/* Takes an accepted, non-blocking stream socket and reads; `tls` (owned from now on) or NULL.
 * False: it could not; closed, on_closed comes. */
bool conn_accept(struct conn *c, uv_loop_t *loop, struct wheel *wheel, int fd, bool is_unix,
                 struct tls *tls, const struct conn_events *events) MUST_CHECK;
/* Dials; ends in on_open or in on_closed. `tls` (owned from now on) or NULL for plain. */
void conn_connect(struct conn *c, uv_loop_t *loop, struct wheel *wheel,
                  const struct sockaddr_storage *address, struct tls *tls,
                  const struct conn_events *events);
void conn_read_start(struct conn *c); /* again, after a stop */
void conn_read_stop(struct conn *c);
/* The memory of what was read and is not handed over before that: TLS takes more than it gives. */
size_t conn_held(const struct conn *c);

/* One message at a time. True: all of it is with the kernel. False: on_written comes later (or the
 * connection is closing); until then the parts are borrowed, but for the first `copied` ones, of
 * which what is left is copied. */
bool conn_write(struct conn *c, const struct str *parts, unsigned n, unsigned copied);
bool conn_is_writing(const struct conn *c);
/* No more will be written: close_notify and FIN leave, reading goes on. */
void conn_write_end(struct conn *c);

/* One deadline; each call replaces the last. `on_due` NULL closes with CONN_TIMEOUT. */
void conn_deadline(struct conn *c, uint64_t after_ms, void (*on_due)(struct conn *c));
void conn_no_deadline(struct conn *c);
/* True, once, for a deadline that fires more than CONN_LATE_MS late: libuv 1.44 runs timers before
 * I/O, so after a pause of the process the answer may lie there unread. Arm it again, briefly. */
bool conn_is_late(uv_loop_t *loop, const struct wheel_timer *t, bool *late);

void conn_close(struct conn *c, const char *reason);

/* For the operation tables. */
bool conn_has_parts(const struct conn *c);
void conn_parts_taken(struct conn *c, size_t n);
size_t conn_try(struct conn *c, const uv_buf_t *bufs, unsigned n); /* bytes that the kernel took */
void conn_send(struct conn *c, const uv_buf_t *bufs, unsigned n);  /* in memory that stays */
void conn_send_end(struct conn *c); /* FIN; no request is with libuv */
void conn_push(struct conn *c);     /* hands down more, and tells the owner if that was the last */

#endif
