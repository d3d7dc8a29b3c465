/* A store, and what it speaks to: a real redis-server, or a listener of the test. */
#ifndef UNIT_IO_STORE_ROOM_H
#define UNIT_IO_STORE_ROOM_H

#include "io/room.h"

#include "io/store.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>

struct fixture {
    struct room room;
    pid_t redis;
    char socket[96];
    struct store *store;
    bool up, down, closed;
    unsigned ups, downs;
    char why[256];
    unsigned answers, nulls, errors, alone;
    char last[1024];
};

static inline void spawn_redis(struct fixture *f, const char *extra)
{
    char command[512];
    snprintf(command, sizeof command,
             "exec redis-server --bind 127.0.0.1 --unixsocket %s --dir %s --save '' "
             "--daemonize no --loglevel warning %s >/dev/null 2>&1",
             f->socket, f->room.dir, extra);
    f->redis = fork();
    if (f->redis == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that aborts leaves no server behind */
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
}

static inline void kill_redis(struct fixture *f)
{
    kill(f->redis, SIGKILL);
    assert_int_equal(waitpid(f->redis, NULL, 0), f->redis);
    f->redis = 0;
}

static inline void on_up(void *user)
{
    struct fixture *f = user;
    f->up = true;
    f->ups++;
}

static inline void on_down(void *user, const char *why)
{
    struct fixture *f = user;
    assert_false(store_is_up(f->store));
    assert_int_equal(store_pending(f->store), 0);
    assert_false(store_send(f->store, 1, &STR("PING"), NULL, NULL));
    f->down = true;
    f->up = false;
    f->downs++;
    snprintf(f->why, sizeof f->why, "%s", why);
}

static inline void on_reply(void *user, const redisReply *reply)
{
    struct fixture *f = user;
    f->answers++;
    f->nulls += reply == NULL;
    f->errors += reply != NULL && reply->type == REDIS_REPLY_ERROR;
    if (reply != NULL && reply->str != NULL) {
        snprintf(f->last, sizeof f->last, "%s", reply->str);
    }
}

static inline void on_alone(void *user, const redisReply *reply)
{
    struct fixture *f = user;
    assert_int_equal(reply->type, REDIS_REPLY_ERROR);
    f->alone++;
}

static inline void open_fixture(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    room_open(&f->room);
    snprintf(f->socket, sizeof f->socket, "%s/redis.sock", f->room.dir);
}

static inline void start_store(struct fixture *f, struct store_conf conf)
{
    const struct store_handler handler = {
        .user = f, .on_up = on_up, .on_down = on_down, .on_alone = on_alone};
    if (conf.host.len == 0) {
        conf.unix_path = str_of(f->socket);
    }
    conf.connect_ms = conf.connect_ms == 0 ? 5000 : conf.connect_ms;
    conf.command_ms = conf.command_ms == 0 ? 5000 : conf.command_ms;
    f->store = store_new(&f->room.loop, &f->room.wheel, &conf, &handler);
}

static inline void open_with_redis(struct fixture *f, struct store_conf conf)
{
    open_fixture(f);
    spawn_redis(f, "--port 0");
    start_store(f, conf);
    room_wait(&f->room, &f->up);
}

static inline void shut_fixture(struct fixture *f)
{
    store_close(f->store, room_set_flag, &f->closed);
    room_wait(&f->room, &f->closed);
    if (f->redis != 0) {
        kill_redis(f);
    }
    room_shut(&f->room);
}

static inline bool send_text(struct fixture *f, const char *a, const char *b, const char *c)
{
    const struct str argv[] = {str_of(a), str_of(b), str_of(c)};
    return store_send(f->store, b == NULL ? 1 : c == NULL ? 2 : 3, argv, on_reply, f);
}

/* A Redis of our own making: a listener that answers what it is told. */
static inline int listen_unix(struct fixture *f)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%.90s", f->socket);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static inline int accept_in_loop(struct fixture *f, int listener)
{
    int fd;
    while ((fd = accept(listener, NULL, NULL)) < 0) {
        uv_run(&f->room.loop, UV_RUN_NOWAIT);
    }
    return fd;
}

/* A connection that is up, to a Redis of our own making. */
static inline int accept_and_greet(struct fixture *f, int listener)
{
    f->up = f->down = false;
    int fd = accept_in_loop(f, listener);
    assert_int_equal(write(fd, "+PONG\r\n", 7), 7);
    room_wait(&f->room, &f->up);
    return fd;
}

static inline size_t waiting_at(int fd)
{
    int n = -1;
    assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
    return (size_t)n;
}

#endif
