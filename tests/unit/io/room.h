/* What every test of this room stands on: a loop with its wheel, waiting for events (never for a
 * time), and the end where everything must be gone. */
#ifndef UNIT_IO_ROOM_H
#define UNIT_IO_ROOM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/wheel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#define ROOM_UNUSED __attribute__((unused))
#define ROOM_PATIENCE_MS 20000u /* a test that waits longer has failed */

struct room {
    uv_loop_t loop;
    struct wheel wheel;
    uv_timer_t patience; /* referenced: keeps uv_run waiting */
    char dir[64];        /* a scratch folder */
};

static void room_on_patience(uv_timer_t *t)
{
    (void)t;
    fprintf(stderr, "test: waited too long\n");
    abort();
}

ROOM_UNUSED static void room_open(struct room *r)
{
    memset(r, 0, sizeof *r);
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(uv_loop_init(&r->loop), 0);
    wheel_init(&r->wheel, &r->loop);
    uv_timer_init(&r->loop, &r->patience);
    uv_timer_start(&r->patience, room_on_patience, ROOM_PATIENCE_MS, 0);
    strcpy(r->dir, "/tmp/penstock-unit-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
}

/* Runs the loop until the flag is set by some callback. */
ROOM_UNUSED static void room_wait(struct room *r, const bool *flag)
{
    while (!*flag) {
        uv_run(&r->loop, UV_RUN_ONCE);
    }
}

ROOM_UNUSED static void room_wait_n(struct room *r, const unsigned *count, unsigned n)
{
    while (*count < n) {
        uv_run(&r->loop, UV_RUN_ONCE);
    }
}

ROOM_UNUSED static void room_set_flag(void *flag)
{
    *(bool *)flag = true;
}

/* Nothing may be left: no handle, no armed timer. */
ROOM_UNUSED static void room_shut(struct room *r)
{
    assert_int_equal(r->wheel.armed, 0);
    wheel_done(&r->wheel);
    uv_close((uv_handle_t *)&r->patience, NULL);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", r->dir);
    assert_int_equal(system(command), 0);
}

/* A port that nobody listens on. */
ROOM_UNUSED static uint16_t room_free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    socklen_t len = sizeof a;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    close(fd);
    return ntohs(a.sin_port);
}

#endif
