/* Where calls go: scheme, host and port, with the connections that wait there for their next call.
 * The inside of the client, shared by httpc.c and origin.c; others see httpc.h only. */
#ifndef IO_ORIGIN_H
#define IO_ORIGIN_H

#include "base/buf.h"
#include "base/map.h"
#include "io/conn.h"
#include "io/httpc.h"
#include "io/reply.h"
#include "io/tls.h"

#define ORIGIN_IDLE_MS 60000u /* an unused connection goes; so do those to old addresses */

struct httpc {
    uv_loop_t *loop;
    struct wheel *wheel;
    struct resolve *resolve;
    struct map contexts;       /* "CA\ncert\nkey" -> struct tls_context */
    struct httpc_call *failed; /* to be told from the loop */
    struct reply_pool replies;
    unsigned conn_count, origin_count;
    struct buf out; /* the request head being made */
    uv_idle_t turn;
    char detail[256];
    void (*on_closed)(void *user);
    void *user;
};

struct httpc_origin {
    struct httpc *httpc;
    struct str host; /* owned */
    uint16_t port;
    unsigned idle_most, idle_count;
    unsigned calls; /* under way */
    bool doomed;    /* it goes with the last of them */
    bool link_local, ruled;
    struct cidr_rules rules; /* where `ruled`; its arrays are the origin's own */
    struct tls_context *tls; /* NULL: plain */
    struct tls_session session;
    struct httpc_conn *idle; /* the latest first */
    struct buf host_field;   /* "Host: name:port\r\n" */
};

struct httpc_conn {
    struct conn conn;
    struct httpc *httpc;
    struct httpc_origin *origin;     /* while it has a call or is idle */
    struct httpc_call *call;         /* whose exchange it is, or NULL */
    struct reply *reply;             /* owned; while there is a call and it is open */
    struct httpc_conn *next, **link; /* in the origin's idle list; link NULL = not there */
    bool reused;
};

bool origin_may_keep(const struct httpc_conn *c);
void origin_keep(struct httpc_conn *c);                     /* c becomes idle */
struct httpc_conn *origin_take(struct httpc_origin *o);     /* the latest idle one, or NULL */
void origin_drop(struct httpc_conn *c, const char *reason); /* an idle one ends */
void origin_call_begins(struct httpc_origin *o);
void origin_call_ended(struct httpc_origin *o); /* `o` may be gone then */

#endif
