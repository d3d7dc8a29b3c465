/* The store against a real redis-server: up, down and up again; nothing answered twice or never. */
#include "io/store_room.h"

static void comes_up_and_answers(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    start_store(&f, (struct store_conf){0}); /* before Redis is there: it waits for it */
    assert_false(store_is_up(f.store));
    assert_false(send_text(&f, "PING", NULL, NULL));
    spawn_redis(&f, "--port 0");
    room_wait(&f.room, &f.up);
    assert_true(store_is_up(f.store));
    assert_string_equal(store_trouble(f.store), "");
    assert_true(send_text(&f, "SET", "key", "va\r\nlue"));
    assert_true(send_text(&f, "GET", "key", NULL));
    assert_int_equal(f.answers, 0); /* never from inside */
    assert_int_equal(store_pending(f.store), 2);
    room_wait_n(&f.room, &f.answers, 2);
    assert_string_equal(f.last, "va\r\nlue");
    assert_int_equal(store_pending(f.store), 0);
    shut_fixture(&f);
}

static void sends_binary_arguments(void **state)
{
    (void)state;
    struct fixture f;
    open_with_redis(&f, (struct store_conf){0});
    size_t n = 3u * 1024 * 1024;
    char *big = malloc(n);
    for (size_t i = 0; i < n; i++) {
        big[i] = (char)(i * 7);
    }
    const struct str set[] = {STR("SET"), STR("b"), {big, n}};
    const struct str len[] = {STR("STRLEN"), STR("b")};
    const struct str range[] = {STR("GETRANGE"), STR("b"), STR("0"), STR("-1")};
    assert_true(store_send(f.store, 3, set, on_reply, &f));
    assert_true(store_send(f.store, 2, len, on_reply, &f));
    assert_true(store_send(f.store, 4, range, on_reply, &f));
    free(big); /* nothing is borrowed behind the call */
    room_wait_n(&f.room, &f.answers, 3);
    assert_int_equal(f.errors, 0);
    shut_fixture(&f);
}

static void many_commands_of_one_turn_are_answered_in_order(void **state)
{
    (void)state;
    struct fixture f;
    open_with_redis(&f, (struct store_conf){0});
    for (int i = 0; i < 5000; i++) {
        assert_true(send_text(&f, "INCR", "n", NULL));
    }
    assert_true(send_text(&f, "GET", "n", NULL));
    room_wait_n(&f.room, &f.answers, 5001);
    assert_string_equal(f.last, "5000");
    assert_int_equal(f.nulls + f.errors, 0);
    shut_fixture(&f);
}

struct chain {
    struct fixture *f;
    unsigned left;
    bool done;
};

static void on_chain(void *user, const redisReply *reply)
{
    struct chain *c = user;
    assert_non_null(reply);
    if (c->left-- == 0) {
        c->done = true;
        return;
    }
    assert_true(store_send(c->f->store, 1, &STR("PING"), on_chain, c));
}

/* A command sent from a reply, a timer, a check or a prepare callback must not wait for the poll.
 */
static struct chain *loose;

static void on_loose_prepare(uv_prepare_t *h)
{
    assert_true(store_send(loose->f->store, 1, &STR("PING"), on_chain, loose));
    uv_prepare_stop(h);
}

static void on_loose_check(uv_check_t *h)
{
    assert_true(store_send(loose->f->store, 1, &STR("PING"), on_chain, loose));
    uv_check_stop(h);
}

static void flushes_from_any_callback(void **state)
{
    (void)state;
    struct fixture f;
    open_with_redis(&f, (struct store_conf){0});
    struct chain c = {&f, 100, false};
    assert_true(store_send(f.store, 1, &STR("PING"), on_chain, &c));
    room_wait(&f.room, &c.done);

    uv_prepare_t prepare;
    uv_check_t check;
    uv_prepare_init(&f.room.loop, &prepare);
    uv_check_init(&f.room.loop, &check);
    c = (struct chain){&f, 0, false};
    loose = &c;
    uv_prepare_start(&prepare, on_loose_prepare);
    room_wait(&f.room, &c.done);
    c = (struct chain){&f, 0, false};
    uv_check_start(&check, on_loose_check);
    room_wait(&f.room, &c.done);
    uv_close((uv_handle_t *)&prepare, NULL);
    uv_close((uv_handle_t *)&check, NULL);
    shut_fixture(&f);
}

static void a_killed_redis_gives_null_then_down_then_up_again(void **state)
{
    (void)state;
    struct fixture f;
    open_with_redis(&f, (struct store_conf){0});
    kill(f.redis, SIGSTOP);
    for (int i = 0; i < 10; i++) {
        assert_true(send_text(&f, "PING", NULL, NULL));
    }
    uv_run(&f.room.loop, UV_RUN_NOWAIT);
    kill_redis(&f);
    room_wait(&f.room, &f.down);
    assert_int_equal(f.answers, 10);
    assert_int_equal(f.nulls, 10);
    assert_true(strlen(f.why) > 0);
    assert_string_equal(store_trouble(f.store), f.why);
    spawn_redis(&f, "--port 0");
    room_wait(&f.room, &f.up);
    assert_int_equal(f.ups, 2);
    assert_int_equal(f.downs, 1);
    assert_true(send_text(&f, "PING", NULL, NULL));
    room_wait_n(&f.room, &f.answers, 11);
    assert_int_equal(f.nulls, 10);
    shut_fixture(&f);
}

static void an_idle_connection_that_closes_is_noticed(void **state)
{
    (void)state;
    struct fixture f;
    open_with_redis(&f, (struct store_conf){0});
    kill_redis(&f);
    room_wait(&f.room, &f.down);
    assert_non_null(strstr(f.why, f.socket));
    shut_fixture(&f);
}

static void a_hung_redis_is_dropped_by_the_oldest_command(void **state)
{
    (void)state;
    struct fixture f;
    open_with_redis(&f, (struct store_conf){.command_ms = 100});
    kill(f.redis, SIGSTOP);
    assert_true(send_text(&f, "PING", NULL, NULL));
    assert_true(send_text(&f, "PING", NULL, NULL));
    room_wait(&f.room, &f.down);
    assert_int_equal(f.nulls, 2);
    assert_non_null(strstr(f.why, "not answered in time"));
    kill(f.redis, SIGCONT);
    room_wait(&f.room, &f.up);
    shut_fixture(&f);
}

static void reset_comes_from_the_loop(void **state)
{
    (void)state;
    struct fixture f;
    open_with_redis(&f, (struct store_conf){0});
    assert_true(send_text(&f, "PING", NULL, NULL));
    store_reset(f.store, "demoted");
    assert_false(store_is_up(f.store));
    assert_false(send_text(&f, "PING", NULL, NULL));
    assert_int_equal(f.answers, 0);
    assert_false(f.down);
    room_wait(&f.room, &f.down);
    assert_int_equal(f.nulls, 1);
    assert_non_null(strstr(f.why, "demoted"));
    room_wait(&f.room, &f.up);
    shut_fixture(&f);
}

static void on_reply_resets(void *user, const redisReply *reply)
{
    struct fixture *f = user;
    on_reply(f, reply);
    store_reset(f->store, "from a reply");
}

static void reset_from_inside_a_reply(void **state)
{
    (void)state;
    struct fixture f;
    open_with_redis(&f, (struct store_conf){0});
    assert_true(store_send(f.store, 1, &STR("PING"), on_reply_resets, &f));
    assert_true(send_text(&f, "PING", NULL, NULL));
    room_wait(&f.room, &f.down);
    assert_int_equal(f.answers, 2);
    room_wait(&f.room, &f.up);
    shut_fixture(&f);
}

static void close_gives_null_to_what_is_pending(void **state)
{
    (void)state;
    struct fixture f;
    open_with_redis(&f, (struct store_conf){0});
    kill(f.redis, SIGSTOP);
    assert_true(send_text(&f, "PING", NULL, NULL));
    uv_run(&f.room.loop, UV_RUN_NOWAIT);
    shut_fixture(&f);
    assert_int_equal(f.nulls, 1);
    assert_int_equal(f.downs, 0);
}

static void close_while_it_connects(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    start_store(&f, (struct store_conf){.host = STR("localhost"), .port = room_free_port()});
    shut_fixture(&f); /* resolving */
    open_fixture(&f);
    spawn_redis(&f, "--port 0");
    start_store(&f, (struct store_conf){0});
    shut_fixture(&f); /* dialling or waiting */
}

static void connects_by_name_over_tcp(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    uint16_t port = room_free_port();
    char extra[64];
    snprintf(extra, sizeof extra, "--port %u", port);
    spawn_redis(&f, extra);
    start_store(&f, (struct store_conf){.host = STR("localhost"), .port = port});
    room_wait(&f.room, &f.up);
    assert_true(send_text(&f, "PING", NULL, NULL));
    room_wait_n(&f.room, &f.answers, 1);
    assert_string_equal(f.last, "PONG");
    shut_fixture(&f);
}

static void wait_for_trouble(struct fixture *f, const char *part)
{
    while (strstr(store_trouble(f->store), part) == NULL) {
        uv_run(&f->room.loop, UV_RUN_ONCE);
    }
    assert_false(store_is_up(f->store));
}

static void authenticates_and_selects(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    spawn_redis(&f, "--port 0 --requirepass secret --user relay on '>pass' '~*' '+@all'");
    start_store(&f, (struct store_conf){.user = STR("relay"), .password = STR("pass"), .db = 3});
    room_wait(&f.room, &f.up);
    assert_true(send_text(&f, "CLIENT", "INFO", NULL));
    room_wait_n(&f.room, &f.answers, 1);
    assert_non_null(strstr(f.last, " db=3 "));
    assert_non_null(strstr(f.last, " user=relay "));
    shut_fixture(&f);
}

static void says_what_keeps_it_from_being_up(void **state)
{
    (void)state;
    static const struct {
        const char *password;
        unsigned db;
        const char *trouble;
    } cases[] = {
        {"wrong", 0, "WRONGPASS"},
        {"", 0, "NOAUTH"},
        {"secret", 99, "DB index is out of range"},
    };
    struct fixture f;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_fixture(&f);
        spawn_redis(&f, "--port 0 --requirepass secret");
        start_store(&f,
                    (struct store_conf){.password = str_of(cases[i].password), .db = cases[i].db});
        wait_for_trouble(&f, cases[i].trouble);
        assert_null(strstr(store_trouble(f.store), "secret"));
        shut_fixture(&f);
        assert_int_equal(f.ups, 0);
        assert_int_equal(f.downs, 0);
    }
    open_fixture(&f);
    start_store(&f, (struct store_conf){0});
    wait_for_trouble(&f, "No such file");
    shut_fixture(&f);
    open_fixture(&f);
    start_store(&f, (struct store_conf){.host = STR("name.invalid"), .port = 1});
    wait_for_trouble(&f, "does not resolve");
    shut_fixture(&f);
}

static void loading_is_not_up(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "-LOADING Redis is loading the dataset in memory\r\n",
        "-MASTERDOWN Link with MASTER is down\r\n",
        "-ERR max number of clients reached\r\n",
        "garbage\r\n",
    };
    struct fixture f;
    open_fixture(&f);
    int listener = listen_unix(&f);
    start_store(&f, (struct store_conf){0});
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        int fd = accept_in_loop(&f, listener);
        assert_int_equal(write(fd, answers[i], strlen(answers[i])), (ssize_t)strlen(answers[i]));
        char part[8];
        snprintf(part, sizeof part, "%.7s", answers[i] + (answers[i][0] == '-'));
        wait_for_trouble(&f, answers[i][0] == '-' ? part : "Protocol error");
        close(fd);
    }
    int fd = accept_in_loop(&f, listener);
    assert_int_equal(write(fd, "+PONG\r\n", 7), 7);
    room_wait(&f.room, &f.up);
    shut_fixture(&f);
    assert_int_equal(f.downs, 0);
    close(fd);
    close(listener);
}

static void on_close_now(uv_poll_t *poll, int status, int events)
{
    (void)status, (void)events;
    struct fixture *f = poll->data;
    store_close(f->store, room_set_flag, &f->closed);
    uv_close((uv_handle_t *)poll, NULL);
}

/* In one turn of the loop: it is closed, and then the server's greeting is read. */
static void greeted_while_it_closes_is_not_up(void **state)
{
    (void)state;
    struct fixture f;
    uv_poll_t poll = {.data = &f};
    int first[2];
    open_fixture(&f);
    int listener = listen_unix(&f);
    start_store(&f, (struct store_conf){0});
    int fd = accept_in_loop(&f, listener);
    assert_int_equal(pipe(first), 0);
    assert_int_equal(uv_poll_init(&f.room.loop, &poll, first[0]), 0);
    assert_int_equal(uv_poll_start(&poll, UV_READABLE, on_close_now), 0);
    uv_run(&f.room.loop, UV_RUN_NOWAIT); /* it is watched from here on */
    assert_int_equal(write(first[1], "x", 1), 1);
    assert_int_equal(write(fd, "+PONG\r\n", 7), 7);
    room_wait(&f.room, &f.closed);
    assert_int_equal(f.ups, 0);
    room_shut(&f.room);
    close(fd);
    close(listener);
    close(first[0]);
    close(first[1]);
}

static void ends_with(struct fixture *f, int fd, const char *bytes, const char *why)
{
    assert_int_equal(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
    room_wait(&f->room, &f->down);
    assert_non_null(strstr(f->why, why));
    close(fd);
}

/* hiredis has an assertion for each of these but the last. */
static void a_reply_that_nobody_asked_for_ends_the_connection(void **state)
{
    (void)state;
    static const char *const unasked[] = {"+OK\r\n", ":1\r\n", "$-1\r\n", "*2\r\n:1\r\n:2\r\n",
                                          ">2\r\n+a\r\n+b\r\n"};
    struct fixture f;
    open_fixture(&f);
    int listener = listen_unix(&f);
    start_store(&f, (struct store_conf){0});
    for (size_t i = 0; i < sizeof unasked / sizeof *unasked; i++) {
        ends_with(&f, accept_and_greet(&f, listener), unasked[i], "nobody had asked for");
    }
    ends_with(&f, accept_and_greet(&f, listener), "-ERR max number of clients reached\r\n", "max");
    int fd = accept_and_greet(&f, listener);
    assert_true(send_text(&f, "GET", "k", NULL));
    ends_with(&f, fd, "$1\r\nv\r\n$1\r\nw\r\n", "nobody had asked for");
    assert_int_equal(f.answers, 1);
    assert_string_equal(f.last, "v");
    shut_fixture(&f);
    close(listener);
}

/* Commands of 1 KiB each. */
static void send_burst(struct fixture *f, unsigned n)
{
    char kib[1025];
    memset(kib, 'x', 1024);
    kib[1024] = '\0';
    for (unsigned i = 0; i < n; i++) {
        assert_true(send_text(f, "ECHO", kib, NULL));
    }
}

static void the_first_of_a_burst_leaves_before_the_turn_ends(void **state)
{
    (void)state;
    struct fixture f;
    static char bytes[65536];
    open_fixture(&f);
    int listener = listen_unix(&f);
    start_store(&f, (struct store_conf){0});
    int fd = accept_and_greet(&f, listener);
    assert_true(read(fd, bytes, sizeof bytes) > 0); /* PING */
    send_burst(&f, 15);
    assert_int_equal(waiting_at(fd), 0); /* it is no burst yet */
    send_burst(&f, 1);
    size_t first = waiting_at(fd);
    assert_true(first > 16 * 1024);
    send_burst(&f, 40); /* now there is something to answer */
    assert_int_equal(waiting_at(fd), first);
    (void)uv_run(&f.room.loop, UV_RUN_NOWAIT);
    (void)uv_run(&f.room.loop, UV_RUN_NOWAIT);
    assert_int_equal(waiting_at(fd), first / 16 * 56);
    for (unsigned i = 0; i < 56; i++) {
        assert_int_equal(write(fd, "+a\r\n", 4), 4);
    }
    while (f.answers < 56) {
        uv_run(&f.room.loop, UV_RUN_ONCE);
    }
    assert_int_equal(f.nulls, 0);
    store_eager(f.store, true); /* the same once more, and on in parts */
    while (waiting_at(fd) > 0) {
        assert_true(read(fd, bytes, sizeof bytes) > 0);
    }
    send_burst(&f, 60);
    assert_int_equal(waiting_at(fd), first / 16 * (16 + 32));
    store_eager(f.store, false);
    (void)uv_run(&f.room.loop, UV_RUN_NOWAIT);
    (void)uv_run(&f.room.loop, UV_RUN_NOWAIT);
    assert_int_equal(waiting_at(fd), first / 16 * 60);
    for (unsigned i = 0; i < 60; i++) {
        assert_int_equal(write(fd, "+a\r\n", 4), 4);
    }
    room_wait_n(&f.room, &f.answers, 116);
    /* To one that has gone: nobody hears of it from inside, and then each once. */
    close(fd);
    send_burst(&f, 20);
    assert_int_equal(f.answers, 116);
    assert_int_equal(f.downs, 0);
    room_wait(&f.room, &f.down);
    assert_int_equal(f.answers, 136);
    assert_int_equal(f.nulls, 20);
    assert_int_equal(f.downs, 1);
    shut_fixture(&f);
    close(listener);
}

/* Until the other side has ended it, or all is written. */
static void write_deep(struct fixture *f, int fd, unsigned deep)
{
    for (unsigned i = 0; i < deep && !f->down;) {
        if (send(fd, "*1\r\n", 4, MSG_DONTWAIT) == 4) {
            i++;
        } else {
            uv_run(&f->room.loop, UV_RUN_NOWAIT);
        }
    }
}

/* hiredis reads any depth, and frees what it has read by recursion. */
static void a_reply_that_is_too_deep_ends_the_connection(void **state)
{
    (void)state;
    static const struct {
        unsigned deep;
        bool fits;
    } cases[] = {{8, true}, {9, false}, {300000, false}};
    struct fixture f;
    open_fixture(&f);
    int listener = listen_unix(&f);
    start_store(&f, (struct store_conf){0});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int fd = accept_and_greet(&f, listener);
        unsigned before = f.answers;
        assert_true(send_text(&f, "GET", "k", NULL));
        write_deep(&f, fd, cases[i].deep);
        (void)!send(fd, "+v\r\n", 4, MSG_DONTWAIT);
        if (cases[i].fits) {
            room_wait_n(&f.room, &f.answers, before + 1);
            assert_int_equal(f.nulls, 0);
        } else {
            room_wait(&f.room, &f.down);
            assert_non_null(strstr(f.why, "nobody had asked for"));
        }
        close(fd);
        room_wait(&f.room, &f.down);
        assert_int_equal(f.answers, before + 1);
    }
    shut_fixture(&f);
    close(listener);
}

static uint64_t now_ms(struct fixture *f)
{
    uv_update_time(&f->room.loop);
    return uv_now(&f->room.loop);
}

struct pause {
    struct wheel_timer timer;
    bool passed;
};

static void set_passed(struct wheel_timer *t)
{
    CONTAINER_OF(t, struct pause, timer)->passed = true;
}

/* Ten in a row would be dialled within half a second; one that lasted begins anew. */
static void a_connection_that_is_ended_at_once_is_dialled_ever_later(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    int listener = listen_unix(&f);
    start_store(&f, (struct store_conf){0});
    uint64_t began = 0;
    for (int i = 0; i < 10; i++) {
        int fd = accept_and_greet(&f, listener);
        began = i == 0 ? now_ms(&f) : began;
        ends_with(&f, fd, "-NOPERM\r\n", "NOPERM");
    }
    int fd = accept_and_greet(&f, listener);
    assert_true(now_ms(&f) - began > 500);
    struct pause pause = {.passed = false};
    wheel_arm(&f.room.wheel, &pause.timer, 1100, set_passed);
    room_wait(&f.room, &pause.passed);
    ends_with(&f, fd, "-NOPERM\r\n", "NOPERM");
    began = now_ms(&f);
    close(accept_and_greet(&f, listener));
    assert_true(now_ms(&f) - began < 500);
    shut_fixture(&f);
    close(listener);
}

static unsigned heard;

static void on_heard(void *user, struct str message)
{
    (void)user;
    assert_true(str_eq(message, STR("hello")));
    heard++;
}

static void a_listener_hears_its_channel_and_nothing_else(void **state)
{
    (void)state;
    static const char message[] = "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
                                  "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n";
    static const char *const other[] = {
        "*3\r\n$9\r\nsubscribe\r\n$1\r\nd\r\n:1\r\n",
        "*3\r\n:9\r\n$1\r\nc\r\n:1\r\n",
        "*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n$1\r\nx\r\n",
        "*3\r\n$7\r\nmessage\r\n$1\r\nd\r\n$5\r\nhello\r\n",
        "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n*1\r\n:1\r\n",
        "*2\r\n$7\r\nmessage\r\n$1\r\nc\r\n",
        "+OK\r\n",
    };
    struct fixture f;
    open_fixture(&f);
    int listener = listen_unix(&f);
    start_store(&f, (struct store_conf){0});
    heard = 0;
    for (unsigned i = 0; i < sizeof other / sizeof *other; i++) {
        int fd = accept_and_greet(&f, listener);
        store_listen(f.store, STR("c"), on_heard);
        assert_int_equal(write(fd, message, strlen(message)), (ssize_t)strlen(message));
        room_wait_n(&f.room, &heard, i + 1);
        ends_with(&f, fd, other[i], "nobody had asked for");
    }
    shut_fixture(&f);
    close(listener);
}

static void a_silent_redis_is_given_up(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    int listener = listen_unix(&f);
    start_store(&f, (struct store_conf){.connect_ms = 50});
    int fd = accept_in_loop(&f, listener);
    wait_for_trouble(&f, "greeting in time");
    close(fd);
    shut_fixture(&f);
    close(listener);
}

/* The one that the journal leans on, as a real server words it. */
static void a_real_server_says_badid(void **state)
{
    (void)state;
    struct fixture f;
    open_with_redis(&f, (struct store_conf){0});
    const struct str xadd[] = {STR("XADD"), STR("s"), STR("5-0"), STR("f"), STR("v")};
    assert_true(store_send(f.store, 5, xadd, on_reply, &f));
    assert_true(store_send(f.store, 5, xadd, on_reply, &f));
    room_wait_n(&f.room, &f.answers, 2);
    assert_int_equal(f.errors, 1);
    redisReply reply = {.type = REDIS_REPLY_ERROR, .str = f.last, .len = strlen(f.last)};
    assert_int_equal(store_error_of(&reply), STORE_BADID);
    shut_fixture(&f);
}

/* --- where it is, by whoever knows */

struct finder {
    struct fixture *f;
    struct store *store;
    uint16_t ports[2];
    unsigned asked, errors;
    bool up;
};

static void on_find(void *user)
{
    struct finder *x = user;
    x->asked++;
    store_found(x->store, STR("127.0.0.1"), x->ports[x->asked > 2]);
}

static void on_finder_up(void *user)
{
    ((struct finder *)user)->up = true;
}

static void on_finder_down(void *user, const char *why)
{
    (void)why;
    ((struct finder *)user)->up = false;
}

static void on_error(void *user, const redisReply *reply)
{
    struct finder *x = user;
    assert_int_equal(reply->type, REDIS_REPLY_ERROR);
    assert_int_equal(x->f->answers, 0); /* before the command's own answer */
    x->errors++;
}

static void asks_where_it_is_at_each_try_and_tells_of_errors(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    char option[32];
    struct finder x = {.f = &f, .ports = {room_free_port(), room_free_port()}};
    snprintf(option, sizeof option, "--port %u", x.ports[1]);
    spawn_redis(&f, option);
    struct store_conf conf = {.connect_ms = 5000, .command_ms = 5000};
    struct store_handler handler = {.user = &x,
                                    .on_up = on_finder_up,
                                    .on_down = on_finder_down,
                                    .on_find = on_find,
                                    .on_error = on_error};
    f.store = x.store = store_new(&f.room.loop, &f.room.wheel, &conf, &handler);
    assert_int_equal(x.asked, 0); /* never from inside */
    room_wait(&f.room, &x.up);
    assert_true(x.asked > 2);                      /* the first two led nowhere */
    assert_true(send_text(&f, "GET", NULL, NULL)); /* too few arguments */
    room_wait_n(&f.room, &f.answers, 1);
    assert_int_equal(x.errors, 1);
    store_found(x.store, STR("127.0.0.1"), x.ports[1]); /* no news */
    assert_true(store_is_up(x.store));
    store_found(x.store, STR("127.0.0.1"), x.ports[0]); /* elsewhere: on_find says where */
    assert_false(store_is_up(x.store));
    unsigned before = x.asked;
    while (x.asked == before || !x.up) {
        uv_run(&f.room.loop, UV_RUN_ONCE);
    }
    shut_fixture(&f);
}

/* Who could be asked may be gone by then. */
static void nobody_is_asked_after_the_close(void **state)
{
    (void)state;
    struct fixture f;
    open_fixture(&f);
    struct finder x = {.f = &f, .ports = {1, 1}};
    struct store_conf conf = {.connect_ms = 5000, .command_ms = 5000};
    struct store_handler handler = {.user = &x,
                                    .on_up = on_finder_up,
                                    .on_down = on_finder_down,
                                    .on_find = on_find,
                                    .on_error = on_error};
    f.store = x.store = store_new(&f.room.loop, &f.room.wheel, &conf, &handler);
    usleep(70 * 1000); /* its first try is due by now, before the loop comes to the close */
    shut_fixture(&f);
    assert_int_equal(x.asked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_up_and_answers),
        cmocka_unit_test(sends_binary_arguments),
        cmocka_unit_test(many_commands_of_one_turn_are_answered_in_order),
        cmocka_unit_test(flushes_from_any_callback),
        cmocka_unit_test(a_killed_redis_gives_null_then_down_then_up_again),
        cmocka_unit_test(an_idle_connection_that_closes_is_noticed),
        cmocka_unit_test(a_hung_redis_is_dropped_by_the_oldest_command),
        cmocka_unit_test(reset_comes_from_the_loop),
        cmocka_unit_test(reset_from_inside_a_reply),
        cmocka_unit_test(close_gives_null_to_what_is_pending),
        cmocka_unit_test(close_while_it_connects),
        cmocka_unit_test(greeted_while_it_closes_is_not_up),
        cmocka_unit_test(connects_by_name_over_tcp),
        cmocka_unit_test(authenticates_and_selects),
        cmocka_unit_test(says_what_keeps_it_from_being_up),
        cmocka_unit_test(loading_is_not_up),
        cmocka_unit_test(a_reply_that_nobody_asked_for_ends_the_connection),
        cmocka_unit_test(the_first_of_a_burst_leaves_before_the_turn_ends),
        cmocka_unit_test(a_reply_that_is_too_deep_ends_the_connection),
        cmocka_unit_test(a_connection_that_is_ended_at_once_is_dialled_ever_later),
        cmocka_unit_test(a_listener_hears_its_channel_and_nothing_else),
        cmocka_unit_test(a_silent_redis_is_given_up),
        cmocka_unit_test(a_real_server_says_badid),
        cmocka_unit_test(asks_where_it_is_at_each_try_and_tells_of_errors),
        cmocka_unit_test(nobody_is_asked_after_the_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
