/* HTTP/1.x messages: llhttp with every leniency off, and the rules that llhttp leaves to us
 * (RFC 9110, RFC 9112). Opens no sockets, knows no paths.
 *
 * A parser reads one message. The bytes of a head must lie in one buffer, one behind the other: the
 * head is then a list of slices into it and nothing is copied. */
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include "base/buf.h"
#include "base/fields.h"
#include <llhttp.h>

/* The house's words for a refused request. */
extern const char REASON_MALFORMED[];  /* "malformed" 400 */
extern const char REASON_TOO_LARGE[];  /* "too_large" 413, 414, 431 */
extern const char REASON_TOO_SLOW[];   /* "too_slow" 408 */
extern const char REASON_OVERLOADED[]; /* "overloaded" 503 */
extern const char REASON_IP_DENIED[];  /* "ip_denied": closed; of a request 403 */
extern const char REASON_TLS[];        /* "tls": no handshake, or a broken record; no answer */

/* What is wrong with a message: one constant a rule, compared by address. */
struct http_fault {
    int status; /* for a request: what it is answered */
    const char *reason, *detail;
};
extern const struct http_fault FAULT_SYNTAX; /* llhttp's own; http_detail says more */
extern const struct http_fault FAULT_VERSION, FAULT_METHOD, FAULT_TARGET, FAULT_HOST, FAULT_VALUE,
    FAULT_FRAMING, FAULT_STATUS, FAULT_TARGET_LONG, FAULT_HEAD_LARGE, FAULT_FIELD_COUNT,
    FAULT_BODY_LARGE, FAULT_CHUNKS;

struct http_limits {
    size_t head_bytes, target_bytes;
    unsigned field_count;
};

#define HTTP1_CHUNK_EXTRA 4096u /* bytes of chunk extensions and trailers, all together */

enum parse_event {
    PARSE_MORE, /* all was used; give more */
    PARSE_HEAD, /* the head is complete: read the fields below, then go on, or stop if `bodyless` */
    PARSE_DONE, /* the message is complete; what was not used belongs to the next one */
    PARSE_FAULT, /* `fault` says why; the parser is of no more use */
};

struct http_parser {
    llhttp_t core;
    const struct http_limits *limits;
    const struct http_fault *fault;

    /* The head; slices into the caller's buffer. Valid from PARSE_HEAD on. */
    struct str method, target; /* of a request */
    int status;                /* of a response */
    bool http10;
    bool keep_alive; /* the sender lets the connection live behind this message */
    bool expects_continue;
    bool bodyless;   /* no body follows: the message is complete with its head */
    bool has_length; /* `length` is its Content-Length */
    bool chunked;    /* neither: a response that ends with the connection */
    uint64_t length;
    size_t head_bytes;    /* read of the head so far */
    struct fields fields; /* values without white space around them; no trailers */

    uint64_t body_bytes; /* decoded so far */
    uint64_t body_max;   /* FAULT_BODY_LARGE beyond; set by the caller at PARSE_HEAD */
    /* Decoded bytes, as they lie in the input. */
    void (*on_body)(struct http_parser *p, const char *at, size_t n);

    /* Private. */
    enum parse_event event;
    uint64_t raw_bytes, chunks; /* of the body: as on the wire, and how many */
    bool answers_head, field_open, in_body;
};

void http_begin_request(struct http_parser *p, const struct http_limits *limits,
                        void (*on_body)(struct http_parser *p, const char *at, size_t n));
/* `to_head`: it answers a HEAD, so no body follows. */
void http_begin_response(struct http_parser *p, const struct http_limits *limits, bool to_head,
                         void (*on_body)(struct http_parser *p, const char *at, size_t n));
/* Reads on. `*used` bytes were consumed (all of them, unless the event is HEAD or DONE). */
enum parse_event http_feed(struct http_parser *p, const char *at, size_t n, size_t *used);
/* The connection has ended: PARSE_DONE if that completes the message, else PARSE_FAULT. */
enum parse_event http_end(struct http_parser *p);
/* The buffer with the head has moved by `distance` bytes: its slices follow. */
void http_moved(struct http_parser *p, ptrdiff_t distance);
/* A sentence on `fault`. Constant. */
const char *http_detail(const struct http_parser *p);

/* Path and query (without '?', may be empty) of a request's target, which is in origin-form or
 * absolute-form (RFC 9112 3.2). */
void http_split_target(struct str target, struct str *path, struct str *query);

#endif
