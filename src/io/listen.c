/* A listening socket. Our own accept loop instead of uv_listen: libuv spins when descriptors run
 * out (its accept is retried at once, for ever), this one pauses. */
#include "io/listen.h"

#include "base/log.h"
#include "base/notify.h"
#include "io/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024
#define ACCEPTS_A_TURN 64 /* other work of the loop comes between */
#define PAUSE_MS 100u

static _Thread_local char trouble[384];

static const char *say(struct str address, const char *what)
{
    snprintf(trouble, sizeof trouble, "%.*s: %s", STR_ARG(str_head(address, 200)), what);
    return trouble;
}

static const char *say_errno(struct str address, int error)
{
    switch (error) {
    case EADDRINUSE:
        return say(address, "address already in use; stop the program that listens there (ss -ltnp "
                            "shows it), or choose another");
    case EACCES:
    case EPERM:
        return say(address, "permission denied; ports below 1024 need CAP_NET_BIND_SERVICE, a unix "
                            "socket a folder that can be written to");
    case EADDRNOTAVAIL:
        return say(address, "this machine has no such address; 0.0.0.0 or [::] listens on all");
    default:
        return say(address, strerror(error));
    }
}

/* --- making the socket --- */

/* A socket file without a listener behind it is a leftover of a process that was killed. */
static bool is_stale(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool stale =
        fd >= 0 && connect(fd, (const struct sockaddr *)a, sizeof *a) != 0 && errno == ECONNREFUSED;
    if (fd >= 0) {
        close(fd);
    }
    return stale;
}

static uint16_t port_of(const struct sockaddr_storage *a)
{
    return a->ss_family == AF_INET    ? ((const struct sockaddr_in *)a)->sin_port
           : a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
                                      : 0;
}

/* A port is enough: `ListenStream=8080` is on [::] where listen.address says 0.0.0.0. */
static bool is_same(const struct sockaddr_storage *is, const void *wanted)
{
    const struct sockaddr_un *is_unix = (const void *)is, *wanted_unix = wanted;
    const struct sockaddr_storage *a = wanted;
    if (is->ss_family == AF_UNIX || a->ss_family == AF_UNIX) {
        return is->ss_family == a->ss_family &&
               strncmp(is_unix->sun_path, wanted_unix->sun_path, sizeof is_unix->sun_path) == 0;
    }
    return port_of(a) != 0 && port_of(is) == port_of(a);
}

/* The service manager's socket for that address, or -1. It listens already. */
static int inherit(struct listener *l, const void *wanted)
{
    for (int fd = 3; fd < 3 + notify_sockets(); fd++) {
        struct sockaddr_storage is = {0};
        socklen_t len = sizeof is;
        if (getsockname(fd, (struct sockaddr *)&is, &len) == 0 && is_same(&is, wanted) &&
            fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0) {
            l->inherited = true;
            return fd;
        }
    }
    return -1;
}

static const char *bind_unix(struct listener *l, const struct sockaddr_un *a, struct str address)
{
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc = l->fd < 0 ? -1 : bind(l->fd, (const struct sockaddr *)a, sizeof *a);
    if (rc != 0 && errno == EADDRINUSE && is_stale(a)) {
        unlink(a->sun_path);
        rc = bind(l->fd, (const struct sockaddr *)a, sizeof *a);
    }
    return rc != 0 || listen(l->fd, BACKLOG) != 0 ? say_errno(address, errno) : NULL;
}

static const char *open_unix(struct listener *l, struct str address)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct str path = str_from(address, sizeof "unix:" - 1);
    if (path.len == 0 || path.len >= sizeof a.sun_path) {
        return say(address, "a unix socket needs a path of 1 to 107 bytes");
    }
    memcpy(a.sun_path, path.at, path.len);
    l->fd = inherit(l, &a);
    const char *why = l->fd < 0 ? bind_unix(l, &a, address) : NULL;
    if (why != NULL) {
        return why;
    }
    l->is_unix = true;
    memcpy(l->path, a.sun_path, sizeof l->path);
    snprintf(l->address, sizeof l->address, "unix:%s", l->path);
    return NULL;
}

/* Blocks on a name; only at start. */
static const char *find_address(struct str address, struct sockaddr_storage *out, socklen_t *len)
{
    size_t colon = address.len;
    while (colon > 0 && address.at[colon - 1] != ':') {
        colon--;
    }
    struct str host = str_head(address, colon > 0 ? colon - 1 : 0);
    struct str port_text = str_from(address, colon);
    uint64_t port;
    if (colon == 0 || text_u64(port_text, 65535, &port) != NULL) {
        return say(address, "expected host:port, [v6]:port or unix:/path");
    }
    if (host.len > 1 && host.at[0] == '[' && host.at[host.len - 1] == ']') {
        host = (struct str){host.at + 1, host.len - 2};
    }
    if (!resolve_literal(host.len == 0 ? STR("0.0.0.0") : host, out)) {
        char name[256];
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *list = NULL;
        snprintf(name, sizeof name, "%.*s", STR_ARG(str_head(host, 255)));
        int rc = getaddrinfo(name, NULL, &hints, &list);
        if (rc != 0) {
            return say(address, gai_strerror(rc));
        }
        memcpy(out, list->ai_addr, list->ai_addrlen);
        freeaddrinfo(list);
    }
    resolve_set_port(out, (uint16_t)port);
    *len = out->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    return NULL;
}

/* SO_REUSEPORT comes behind the bind: so another program (or another Penstock) on the address is
 * an error, while later sockets of ours, bound with the option, may join. */
static bool bind_tcp(struct listener *l, const struct sockaddr_storage *a, socklen_t len)
{
    const int on = 1;
    l->fd = socket(a->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return l->fd >= 0 && setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
           bind(l->fd, (const struct sockaddr *)a, len) == 0 &&
           setsockopt(l->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
           listen(l->fd, BACKLOG) == 0;
}

static const char *open_tcp(struct listener *l, struct str address)
{
    struct sockaddr_storage a;
    socklen_t len = 0;
    const char *why = find_address(address, &a, &len);
    if (why != NULL) {
        return why;
    }
    l->fd = inherit(l, &a);
    if (l->fd < 0 && !bind_tcp(l, &a, len)) {
        return say_errno(address, errno);
    }
    len = sizeof a;
    if (getsockname(l->fd, (struct sockaddr *)&a, &len) != 0) {
        return say_errno(address, errno);
    }
    char text[RESOLVE_TEXT];
    resolve_text(&a, text);
    snprintf(l->address, sizeof l->address, "%s", text);
    return NULL;
}

/* --- accepting --- */

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_pause_over(struct wheel_timer *t)
{
    struct listener *l = CONTAINER_OF(t, struct listener, pause);
    uv_poll_start(l->poll, UV_READABLE, on_readable);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    struct listener *l = poll->data;
    for (int i = 0; i < ACCEPTS_A_TURN && l->poll != NULL; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t len = sizeof peer;
        int fd = accept4(l->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            l->on_accept(l, fd, &peer);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            uv_poll_stop(l->poll);
            wheel_arm(l->wheel, &l->pause, PAUSE_MS, on_pause_over);
            if (l->on_exhausted != NULL) {
                l->on_exhausted(l);
            }
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* else that one connection went away already: the next */
    }
}

static void watch(struct listener *l, uv_loop_t *loop)
{
    l->poll = malloc(sizeof *l->poll);
    ENSURE(l->poll != NULL && uv_poll_init(loop, l->poll, l->fd) == 0);
    l->poll->data = l;
    uv_poll_start(l->poll, UV_READABLE, on_readable);
}

const char *listener_open(struct listener *l, uv_loop_t *loop, struct wheel *wheel,
                          struct str address)
{
    l->wheel = wheel;
    l->fd = -1;
    const char *why =
        str_starts(address, STR("unix:")) ? open_unix(l, address) : open_tcp(l, address);
    if (why != NULL) {
        if (l->fd >= 0) {
            close(l->fd);
        }
        return why;
    }
    watch(l, loop);
    return NULL;
}

/* A TCP socket of its own on the same address: the kernel spreads connections over them by their
 * addresses and ports. A unix socket has no such thing, and one that was inherited is the only one
 * that the service manager holds open: both accept from it. */
const char *listener_join(struct listener *l, uv_loop_t *loop, struct wheel *wheel,
                          const struct listener *first)
{
    l->wheel = wheel;
    l->is_unix = first->is_unix;
    l->joined = true;
    memcpy(l->address, first->address, sizeof l->address);
    if (l->is_unix || first->inherited) {
        l->fd = fcntl(first->fd, F_DUPFD_CLOEXEC, 0);
        if (l->fd < 0) {
            return say_errno(str_of(l->address), errno);
        }
        watch(l, loop);
        return NULL;
    }
    const int on = 1;
    struct sockaddr_storage a = {0};
    socklen_t len = sizeof a;
    l->fd = -1;
    if (getsockname(first->fd, (struct sockaddr *)&a, &len) != 0 ||
        (l->fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0 ||
        setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        setsockopt(l->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0 ||
        bind(l->fd, (struct sockaddr *)&a, len) != 0 || listen(l->fd, BACKLOG) != 0) {
        const char *why = say_errno(str_of(l->address), errno);
        if (l->fd >= 0) {
            close(l->fd);
        }
        return why;
    }
    watch(l, loop);
    return NULL;
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

void listener_close(struct listener *l)
{
    if (l->poll == NULL) {
        return;
    }
    wheel_cancel(l->wheel, &l->pause);
    uv_close((uv_handle_t *)l->poll, on_poll_closed);
    l->poll = NULL;
    close(l->fd);
    if (l->is_unix && !l->joined && !l->inherited) {
        unlink(l->path);
    }
}
