/* A listener and its server connections: request in, handler, response out. Knows no sources.
 *
 * One request at a time a connection (pipelined ones wait). Every request that reached on_request
 * gets exactly one httpd_answer, or one on_gone if the client went first; never both. A client that
 * only ends its sending side has not gone: it gets its answer, then the connection ends. */
#ifndef IO_HTTPD_H
#define IO_HTTPD_H

#include "base/cidr.h"
#include "base/fields.h"
#include "base/wheel.h"
#include <sys/socket.h>

struct httpd;
struct tls_context;

struct httpd_limits {
    size_t head_bytes; /* request line and fields, all together (431; 414 for the target) */
    size_t target_bytes;
    unsigned field_count;
    size_t body_bytes;          /* the greatest that any source takes */
    size_t memory_bytes;        /* bodies and heads in flight over all connections; beyond: 503 */
    unsigned connections;       /* with all that joined; beyond: accepted and closed at once */
    unsigned per_address;       /* of them, one client's that is not trusted; 0: no limit */
    const struct cidr *trusted; /* proxies; borrowed until there are other limits */
    size_t trusted_count;
    bool proxy_protocol; /* connections begin with a PROXY header, and only proxies may connect */
    unsigned handshakes; /* of TLS under way; beyond: closed, the oldest first, and before others'
                          * those of a client that is counted and has more than an eighth */
    uint64_t head_ms;    /* one deadline for the whole head */
    uint64_t request_ms; /* head and body together */
    uint64_t idle_ms;    /* keep-alive between requests */
    uint64_t write_ms;   /* the client must take an answer within this */
};

struct httpd_request {
    struct str method, target;   /* as received */
    struct str path, query;      /* of target, not decoded; query without '?', may be empty */
    const struct fields *fields; /* as received; no trailers */
    struct str body;             /* decoded from chunks; complete in on_request */
    bool http10;
    const struct sockaddr_storage *peer; /* as the socket or its PROXY header says */
    uint64_t began_us;                   /* uv_hrtime()/1000 when its first byte was read */
    void *pending;                       /* the handler's own, NULL at on_head */
};

struct httpd_answer {
    int status;
    struct str content_type;    /* empty: no field */
    const struct field *fields; /* more fields, checked by the caller to hold no control bytes */
    size_t field_count;
    struct str body;
    bool close; /* end the connection behind this answer */
};

struct httpd_handler {
    void *user;
    /* The head is complete, the body not yet read. Returns the greatest body it takes, in bytes.
     * May answer at once (httpd_answer) to refuse; on_request then does not come, and what the
     * client still sends is not kept: the connection ends unless no body was announced. */
    size_t (*on_head)(void *user, struct httpd_request *r);
    /* The request is complete. Answer now or later. Slices stay valid until the answer or on_gone,
     * or until httpd_release. */
    void (*on_request)(void *user, struct httpd_request *r);
    void (*on_gone)(void *user, struct httpd_request *r); /* forget r: never answer it */
    /* httpd itself refused (malformed, too_large, too_slow, overloaded, tls: the house's closed
     * list) and has answered or closed; for counting and logging. `detail` is a constant sentence.
     */
    void (*on_refused)(void *user, const char *reason, const char *detail,
                       const struct sockaddr_storage *peer);
};

/* Binds and listens on "host:port", "[v6]:port" or "unix:/path". NULL, or a sentence for the
 * operator (static buffer, until the next call). The limits are copied. */
const char *httpd_new(struct httpd **out, uv_loop_t *loop, struct wheel *wheel, struct str address,
                      const struct httpd_limits *limits,
                      const struct httpd_handler *handler) MUST_CHECK;
/* One more on the address of `first`, with its limits and its count of connections, for another
 * loop. Any thread, while `first` is open. */
const char *httpd_join(struct httpd **out, const struct httpd *first, uv_loop_t *loop,
                       struct wheel *wheel, const struct httpd_handler *handler) MUST_CHECK;
/* Connections from now on speak TLS with this server context (counted). Called before the loop runs
 * again, or to replace an earlier one: connections that began with that end behind their next
 * answer (and idle ones in their time), so that its key goes. */
void httpd_use_tls(struct httpd *h, struct tls_context *tls);
/* Other limits, from the next connection, request or byte on; `connections` and `per_address` are
 * each listener's own word on what all that joined have together. */
void httpd_use_limits(struct httpd *h, const struct httpd_limits *limits);
/* "127.0.0.1:8080" as really bound (port 0 resolved). */
const char *httpd_address(const struct httpd *h);

/* `r` is gone then: the next request of its connection may have its place, and be under way,
 * already. */
void httpd_answer(struct httpd_request *r, const struct httpd_answer *a);
/* Everything that was needed of head and body is copied elsewhere: free their memory now. */
void httpd_release(struct httpd_request *r);

/* Stop accepting; idle connections close; answers from now on carry Connection: close. */
void httpd_drain(struct httpd *h);
unsigned httpd_connections(const struct httpd *h);
/* Closes everything at once (on_gone fires for what is unanswered); on_closed when all handles are.
 */
void httpd_close(struct httpd *h, void (*on_closed)(void *user), void *user);

#endif
