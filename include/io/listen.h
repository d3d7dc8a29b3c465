/* A listening socket: made from an address in text, accepts, and waits when descriptors run out. */
#ifndef IO_LISTEN_H
#define IO_LISTEN_H

#include "base/text.h"
#include "base/wheel.h"
#include <sys/socket.h>
#include <uv.h>

#define LISTEN_TEXT 128 /* room for the address as bound */

struct listener {
    struct wheel *wheel;
    uv_poll_t *poll; /* NULL once stopped */
    int fd;
    struct wheel_timer pause; /* out of descriptors: connections wait in the backlog */
    bool is_unix;
    bool joined;               /* beside another one of this process, which owns the path */
    bool inherited;            /* the service manager's: it stays when we go */
    char path[108];            /* of the unix socket, to be removed */
    char address[LISTEN_TEXT]; /* as really bound: 127.0.0.1:8080 */
    /* A new socket, non-blocking, now the callee's. */
    void (*on_accept)(struct listener *l, int fd, const struct sockaddr_storage *peer);
    void (*on_exhausted)(struct listener *l); /* no descriptors or memory: paused; or NULL */
};

/* "host:port", "[v6]:port" or "unix:/path". Exclusive: an address in use is an error, but sockets
 * of this process may share it later (SO_REUSEPORT). One that the service manager has left us on
 * that port or path is used instead of a new one. NULL, or a sentence for the operator that begins
 * with the address (static buffer, until the next call). */
const char *listener_open(struct listener *l, uv_loop_t *loop, struct wheel *wheel,
                          struct str address) MUST_CHECK;
/* One more on the address of `first`, for another loop; any thread, while `first` is open. */
const char *listener_join(struct listener *l, uv_loop_t *loop, struct wheel *wheel,
                          const struct listener *first) MUST_CHECK;
void listener_close(struct listener *l); /* idempotent; the loop must run once more */

#endif
