/* The PROXY protocol, versions 1 and 2 (HAProxy, doc/proxy-protocol.txt): what a proxy says in
 * front of a connection about who the client is. */
#ifndef IO_PROXY_H
#define IO_PROXY_H

#include "base/text.h"
#include "base/wheel.h"

#include <sys/socket.h>
#include <uv.h>

#define PROXY_V1_BYTES 107  /* section 2.1, CRLF included */
#define PROXY_V2_BYTES 2048 /* ours: addresses, and TLVs that we skip */

enum proxy_result { PROXY_MORE, PROXY_DONE, PROXY_BAD };

struct proxy_header {
    size_t want;                    /* PROXY_MORE: so many more bytes belong to it, at least */
    size_t len;                     /* PROXY_DONE: of the whole header */
    bool local;                     /* it names no client: the connection's own address counts */
    struct sockaddr_storage client; /* else */
};

/* Pure. Of the first `n` bytes of a connection. */
enum proxy_result proxy_parse(const char *bytes, size_t n, struct proxy_header *out);

/* Reads the header, and not one byte more, off a socket that was just accepted. */
struct proxy_wait {
    uv_poll_t *poll; /* NULL: over */
    struct wheel *wheel;
    struct wheel_timer deadline;
    int fd;
    size_t n;
    char bytes[PROXY_V2_BYTES];
    /* Once, from the loop, unless it is cancelled. The socket is the callee's again. `why` NULL:
     * `header` is complete; else a constant sentence. */
    void (*on_done)(struct proxy_wait *w, const struct proxy_header *header, const char *why);
};

/* The caller has set on_done; `w` lives until then or until proxy_wait_cancel. */
void proxy_wait_start(struct proxy_wait *w, uv_loop_t *loop, struct wheel *wheel, int fd,
                      uint64_t within_ms);
void proxy_wait_cancel(struct proxy_wait *w); /* the socket is the caller's again */

#endif
