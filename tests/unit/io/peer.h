/* The other side of a connection, by hand: a non-blocking socket driven beside the loop. */
#ifndef UNIT_IO_PEER_H
#define UNIT_IO_PEER_H

#include "io/room.h"

struct peer {
    struct room *room;
    int fd;
    char in[256 * 1024]; /* what came so far */
    size_t n;
    bool ended;
};

/* Sleeps until the loop or the socket has something to do; then lets the loop do it. */
ROOM_UNUSED static void peer_turn(struct peer *p, short events)
{
    struct pollfd fds[] = {{uv_backend_fd(&p->room->loop), POLLIN, 0}, {p->fd, events, 0}};
    uv_update_time(&p->room->loop);
    poll(fds, 2, uv_backend_timeout(&p->room->loop));
    uv_run(&p->room->loop, UV_RUN_NOWAIT);
}

ROOM_UNUSED static void peer_init(struct peer *p, struct room *room, int fd)
{
    p->room = room;
    p->fd = fd;
    p->n = 0;
    p->in[0] = '\0';
    p->ended = false;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* To "127.0.0.1:port" or "unix:/path". */
ROOM_UNUSED static void peer_connect(struct peer *p, struct room *room, const char *address)
{
    int fd;
    if (strncmp(address, "unix:", 5) == 0) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        snprintf(a.sun_path, sizeof a.sun_path, "%.100s", address + 5);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    } else {
        struct sockaddr_in a = {.sin_family = AF_INET};
        a.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1));
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
    peer_init(p, room, fd);
}

ROOM_UNUSED static void peer_read(struct peer *p)
{
    ssize_t got = read(p->fd, p->in + p->n, sizeof p->in - 1 - p->n);
    if (got > 0) {
        p->n += (size_t)got;
        p->in[p->n] = '\0';
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        p->ended = true;
    }
}

ROOM_UNUSED static void peer_send_bytes(struct peer *p, const char *at, size_t n)
{
    while (n > 0) {
        ssize_t put = send(p->fd, at, n, MSG_NOSIGNAL);
        if (put > 0) {
            at += put;
            n -= (size_t)put;
        } else if (put < 0 && errno != EAGAIN) {
            return; /* the other side has closed: the test looks at what it said */
        } else {
            peer_turn(p, POLLOUT);
        }
    }
}

ROOM_UNUSED static void peer_send(struct peer *p, const char *text)
{
    peer_send_bytes(p, text, strlen(text));
}

/* Waits until `text` has come. */
ROOM_UNUSED static void peer_expect(struct peer *p, const char *text)
{
    while (strstr(p->in, text) == NULL) {
        if (p->ended) {
            fprintf(stderr, "test: ended with [%s] and not [%s]\n", p->in, text);
            abort();
        }
        peer_turn(p, POLLIN);
        peer_read(p);
    }
}

ROOM_UNUSED static void peer_expect_end(struct peer *p)
{
    while (!p->ended) {
        peer_turn(p, POLLIN);
        peer_read(p);
    }
}

ROOM_UNUSED static void peer_forget(struct peer *p)
{
    p->n = 0;
    p->in[0] = '\0';
}

/* Waits until a flag is set by the loop. */
ROOM_UNUSED static void peer_close(struct peer *p)
{
    close(p->fd);
    p->fd = -1;
}

/* Closing sends a reset in place of an orderly end. */
ROOM_UNUSED static void peer_reset(struct peer *p)
{
    const struct linger now = {1, 0};
    setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    peer_close(p);
}

#endif
