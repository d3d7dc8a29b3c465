/* One HTTP request to an origin, exactly one completion. Idle pool per origin, phase timeouts.
 * Does not retry, but for one silent resend when a reused connection died before any byte of the
 * answer. Knows no breakers. */
#ifndef IO_HTTPC_H
#define IO_HTTPC_H

#include "base/buf.h"
#include "base/fields.h"
#include "base/wheel.h"
#include "io/resolve.h"

struct httpc;        /* one a loop: the resolver's cache, the wheel */
struct httpc_origin; /* scheme, host and port: an idle pool and its TLS settings */

struct httpc_timeouts {
    uint64_t connect_ms; /* name, TCP and TLS */
    uint64_t total_ms;   /* the whole attempt, from httpc_start */
};

struct httpc_request {
    struct str method, target; /* target starts with '/' */
    struct str fields;         /* rendered: "Name: value\r\n" each; neither Host nor framing */
    struct str more_fields;    /* the same, written behind them */
    struct str body;           /* framed by our own Content-Length */
    struct buf
        *keep; /* NULL, or where the answer's whole body goes; its ceiling is the limit then */
};

/* Reasons of a failed exchange: closed list, also metric labels. */
extern const char HTTPC_RESOLVE[];   /* "dns": the name has no usable address */
extern const char HTTPC_DENIED[];    /* "address_denied": link-local, metadata, multicast ... */
extern const char HTTPC_CONNECT[];   /* "connect" */
extern const char HTTPC_TLS[];       /* "tls": handshake or certificate */
extern const char HTTPC_TIMEOUT[];   /* "timeout" */
extern const char HTTPC_RESET[];     /* "reset": closed or reset before the answer was complete */
extern const char HTTPC_MALFORMED[]; /* "malformed_answer": also head too large, too many 1xx */
extern const char HTTPC_CANCELLED[]; /* "cancelled" */

struct httpc_result {
    const char *reason;               /* NULL: a complete answer came, `status` holds it */
    const char *detail;               /* a sentence for the log, or NULL; valid in the callback */
    int status;                       /* also set when the body was cut or capped */
    struct str retry_after, location; /* of the answer, or empty; valid in the callback */
    const struct fields *fields;      /* of the answer, or NULL; valid in the callback */
    struct str body;                  /* its first bytes (at most 1 KiB), for the log and CLI */
    bool reused;                      /* went over an idle connection */
    uint64_t took_us;
};

/* One exchange in motion; a member of the caller's object. Fields are httpc's own. */
struct httpc_call {
    struct httpc_origin *origin;
    struct httpc_conn *conn;
    struct httpc_request request; /* slices borrowed until the completion */
    struct httpc_timeouts timeouts;
    void (*on_done)(struct httpc_call *call, const struct httpc_result *result);
    struct wheel_timer deadline;
    struct httpc_call *next, **link;
    struct resolve_query query;
    uint64_t began_us, began_ms, dialled_ms;
    const char *reason, *detail;     /* of the last failure; constants */
    struct sockaddr_storage address; /* dialled last */
    int phase;
    unsigned tried; /* addresses */
    bool resent, late;
};

struct httpc *httpc_new(uv_loop_t *loop, struct wheel *wheel);
/* No call may be running, and the origins are freed. on_closed when all handles are closed and
 * memory is freed. */
void httpc_close(struct httpc *c, void (*on_closed)(void *user), void *user);

struct httpc_origin_conf {
    bool tls;
    struct str host; /* name or address literal without brackets */
    uint16_t port;
    unsigned idle;                  /* connections kept idle at most */
    bool allow_link_local;          /* the operator named such an address on purpose */
    const struct cidr_rules *rules; /* instead; copied. NULL: private networks are fine */
    /* Whom to trust, and a client's certificate and key; empty: the system's store, none. The files
     * of a kind of server are read once and shared. */
    struct str ca_file, cert_file, key_file;
};
/* NULL, or a sentence (CA file unreadable ...; static buffer until the next call). */
const char *httpc_origin_new(struct httpc_origin **out, struct httpc *c,
                             const struct httpc_origin_conf *conf) MUST_CHECK;
/* Idle connections close; calls that are running finish, on their connections. */
void httpc_origin_free(struct httpc_origin *o);

/* Whom one that speaks TLS trusts (OpenSSL's X509_STORE); borrowed. */
struct x509_store_st *httpc_origin_trust(struct httpc_origin *o);

/* Reads the files of every origin's TLS again, for new connections. NULL, or the first trouble, at
 * which it ends: what was not read yet stays as it was. */
const char *httpc_reload_tls(struct httpc *c) MUST_CHECK; /* goes on after the first trouble */
/* Closes what is idle there from before the last reload. */
void httpc_origin_refresh(struct httpc_origin *o);

/* The completion never comes from inside this call. The request's slices are borrowed until then.
 */
void httpc_start(struct httpc_call *call, struct httpc_origin *origin,
                 const struct httpc_request *request, const struct httpc_timeouts *timeouts,
                 void (*on_done)(struct httpc_call *call, const struct httpc_result *result));
/* Ends with on_done(HTTPC_CANCELLED), from the loop. */
void httpc_cancel(struct httpc_call *call);

#endif
