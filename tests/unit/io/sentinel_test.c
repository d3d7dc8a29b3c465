/* The sentinels against a real one: what it names, what it does not know, and none at all. */
#include "io/room.h"

#include "io/sentinel.h"

#include <sys/prctl.h>

struct fixture {
    struct room room;
    struct sentinel *sentinel;
    char host[64];
    uint16_t port;
    bool named, closed;
    pid_t servers[2];
    unsigned server_count;
};

/* Names 127.0.0.1:<port> as "main"; nobody needs to be there. */
static void spawn_sentinel(struct fixture *f, uint16_t own_port, uint16_t port)
{
    char path[120], command[400];
    snprintf(path, sizeof path, "%s/sentinel%u.conf", f->room.dir, f->server_count);
    FILE *conf = fopen(path, "w");
    assert_non_null(conf);
    fprintf(conf, "sentinel monitor main 127.0.0.1 %u 1\n", port);
    fclose(conf);
    snprintf(command, sizeof command,
             "exec redis-server %s --sentinel --port %u --bind 127.0.0.1 --dir %s >/dev/null 2>&1",
             path, own_port, f->room.dir);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    f->servers[f->server_count++] = pid;
}

static void on_master(void *user, struct str host, uint16_t port)
{
    struct fixture *f = user;
    snprintf(f->host, sizeof f->host, "%.*s", STR_ARG(host));
    f->port = port;
    f->named = true;
}

static void start(struct fixture *f, const char *name, const struct sentinel_node *nodes, size_t n)
{
    struct sentinel_conf conf = {.master = str_of(name), .nodes = nodes, .node_count = n};
    struct sentinel_handler handler = {f, on_master};
    f->sentinel = sentinel_new(&f->room.loop, &f->room.wheel, &conf, &handler);
    sentinel_ask(f->sentinel);
    assert_false(f->named); /* never from inside */
}

static void shut(struct fixture *f)
{
    sentinel_close(f->sentinel, room_set_flag, &f->closed);
    room_wait(&f->room, &f->closed);
    for (unsigned i = 0; i < f->server_count; i++) {
        kill(f->servers[i], SIGKILL);
        assert_int_equal(waitpid(f->servers[i], NULL, 0), f->servers[i]);
    }
    room_shut(&f->room);
}

static void wait_trouble(struct fixture *f, const char *part)
{
    while (strstr(sentinel_trouble(f->sentinel), part) == NULL) {
        uv_run(&f->room.loop, UV_RUN_ONCE);
    }
}

static void the_first_that_answers_names_the_master(void **state)
{
    (void)state;
    struct fixture f = {.named = false};
    room_open(&f.room);
    uint16_t silent = room_free_port(), own = room_free_port();
    struct sentinel_node nodes[] = {{STR("127.0.0.1"), silent}, {STR("127.0.0.1"), own}};
    start(&f, "main", nodes, 2);
    wait_trouble(&f, "no sentinel answers; the last one tried: sentinel at 127.0.0.1:");
    spawn_sentinel(&f, own, 4711);
    room_wait(&f.room, &f.named);
    assert_string_equal(f.host, "127.0.0.1");
    assert_int_equal(f.port, 4711);
    assert_string_equal(sentinel_trouble(f.sentinel), "");
    f.named = false;
    sentinel_ask(f.sentinel);
    room_wait(&f.room, &f.named);
    shut(&f);
}

static void one_that_does_not_know_it_is_left_for_the_next(void **state)
{
    (void)state;
    struct fixture f = {.named = false};
    room_open(&f.room);
    uint16_t own = room_free_port();
    struct sentinel_node nodes[] = {{STR("127.0.0.1"), own}};
    spawn_sentinel(&f, own, 4711);
    start(&f, "other", nodes, 1);
    wait_trouble(&f, "knows no master of this name: other");
    assert_false(f.named);
    shut(&f);
}

static void what_another_says_unasked_is_told(void **state)
{
    (void)state;
    struct fixture f = {.named = false};
    room_open(&f.room);
    uint16_t own[] = {room_free_port(), room_free_port()};
    struct sentinel_node nodes[] = {{STR("127.0.0.1"), own[0]}, {STR("127.0.0.1"), own[1]}};
    spawn_sentinel(&f, own[0], 4711);
    spawn_sentinel(&f, own[1], 4712);
    start(&f, "main", nodes, 2);
    room_wait(&f.room, &f.named);
    uint16_t first = f.port;
    f.named = false;
    sentinel_next(f.sentinel);
    room_wait(&f.room, &f.named);
    assert_int_not_equal(f.port, first);
    shut(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_answers_names_the_master),
        cmocka_unit_test(one_that_does_not_know_it_is_left_for_the_next),
        cmocka_unit_test(what_another_says_unasked_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
