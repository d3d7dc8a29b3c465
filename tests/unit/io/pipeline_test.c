/* Commands that run together, as the store's owner sees it: each is answered once, by what it got.
 */
#include "io/store_room.h"

static void gather(struct fixture *f, const char *a, const char *b, void *user)
{
    const struct str argv[] = {str_of(a), str_of(b)};
    assert_true(store_gather(f->store, 2, argv, on_reply, user));
}

static void write_text(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void end_of_turn(struct fixture *f)
{
    (void)uv_run(&f->room.loop, UV_RUN_NOWAIT);
}

static void read_text(struct fixture *f, int fd, const char *expected)
{
    static char bytes[65536];
    end_of_turn(f);
    ssize_t n = read(fd, bytes, sizeof bytes - 1);
    assert_true(n >= 0);
    bytes[n] = '\0';
    assert_string_equal(bytes, expected);
}

#define MULTI "*1\r\n$5\r\nMULTI\r\n"
#define EXEC "*1\r\n$4\r\nEXEC\r\n"
#define GET(k) "*2\r\n$3\r\nGET\r\n$1\r\n" k "\r\n"

static int open_with_own_within(struct fixture *f, int *listener, uint64_t command_ms)
{
    char ping[64];
    open_fixture(f);
    *listener = listen_unix(f);
    start_store(f, (struct store_conf){.command_ms = command_ms});
    int fd = accept_and_greet(f, *listener);
    assert_true(read(fd, ping, sizeof ping) > 0);
    return fd;
}

static int open_with_own(struct fixture *f, int *listener)
{
    return open_with_own_within(f, listener, 0);
}

static void what_is_gathered_in_a_turn_leaves_as_one_transaction(void **state)
{
    (void)state;
    struct fixture f;
    int listener, fd = open_with_own(&f, &listener);
    gather(&f, "GET", "a", &f);
    read_text(&f, fd, GET("a")); /* alone: by itself */
    gather(&f, "GET", "b", &f);
    gather(&f, "GET", "c", &f);
    assert_true(send_text(&f, "GET", "d", NULL)); /* what is not gathered keeps its place */
    gather(&f, "GET", "e", &f);
    read_text(&f, fd, MULTI GET("b") GET("c") EXEC GET("d") GET("e"));
    assert_int_equal(store_pending(f.store), 5);
    write_text(fd, "+a\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n$1\r\nb\r\n-ERR c\r\n+d\r\n");
    room_wait_n(&f.room, &f.answers, 4);
    assert_int_equal(f.errors, 1);
    assert_string_equal(f.last, "d");
    write_text(fd, "+e\r\n");
    room_wait_n(&f.room, &f.answers, 5);
    assert_int_equal(f.nulls, 0);
    shut_fixture(&f);
    close(fd);
    close(listener);
}

static void on_other_reply(void *user, const redisReply *reply)
{
    unsigned *answers = user;
    *answers += reply != NULL;
}

/* Two journals have two hash slots. */
static void what_two_have_gathered_is_two_transactions(void **state)
{
    (void)state;
    struct fixture f;
    unsigned others = 0;
    int listener, fd = open_with_own(&f, &listener);
    const struct str argv[] = {STR("GET"), STR("x")};
    gather(&f, "GET", "a", &f);
    gather(&f, "GET", "b", &f);
    assert_true(store_gather(f.store, 2, argv, on_other_reply, &others));
    assert_true(store_gather(f.store, 2, argv, on_other_reply, &others));
    read_text(&f, fd, MULTI GET("a") GET("b") EXEC MULTI GET("x") GET("x") EXEC);
    write_text(fd, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n"
                   "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n");
    room_wait_n(&f.room, &others, 2);
    assert_int_equal(f.answers, 2);
    shut_fixture(&f);
    close(fd);
    close(listener);
}

/* None of a transaction was run: each gets the reason, as it would have by itself. */
static void a_transaction_that_is_refused_tells_each_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *replies, *last;
        unsigned errors;
    } cases[] = {
        {"+OK\r\n+QUEUED\r\n-OOM at once\r\n-MISCONF later\r\n"
         "-EXECABORT Transaction discarded because of previous errors.\r\n",
         "OOM at once", 3},
        {"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n"
         "-EXECABORT Transaction discarded because of: READONLY at the end\r\n",
         "READONLY at the end", 3},
        {"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n-MOVED 1 a:1\r\n", "MOVED 1 a:1", 3},
        {"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n-EXECABORT of no reason\r\n",
         "EXECABORT of no reason", 3},
        {"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+what?\r\n", "what?", 0},
        {"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*-1\r\n", "", 0},
        {"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n", "", 0},
        {"+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*0\r\n", "", 0},
    };
    struct fixture f;
    int listener, fd = open_with_own(&f, &listener);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        f.answers = f.errors = 0;
        f.last[0] = '\0';
        gather(&f, "GET", "a", &f);
        gather(&f, "GET", "b", &f);
        gather(&f, "GET", "c", &f);
        read_text(&f, fd, MULTI GET("a") GET("b") GET("c") EXEC);
        write_text(fd, cases[i].replies);
        room_wait_n(&f.room, &f.answers, 3);
        assert_int_equal(f.nulls, 0);
        assert_int_equal(f.errors, cases[i].errors);
        assert_string_equal(f.last, cases[i].last);
    }
    shut_fixture(&f);
    close(fd);
    close(listener);
}

static void where_no_transaction_was_begun_each_is_answered_by_itself(void **state)
{
    (void)state;
    struct fixture f;
    int listener, fd = open_with_own(&f, &listener);
    gather(&f, "GET", "a", &f);
    gather(&f, "GET", "b", &f);
    read_text(&f, fd, MULTI GET("a") GET("b") EXEC);
    write_text(fd, "-NOPERM no multi\r\n+a\r\n+b\r\n-ERR EXEC without MULTI\r\n");
    room_wait_n(&f.room, &f.answers, 2);
    assert_string_equal(f.last, "b");
    gather(&f, "GET", "c", &f);
    gather(&f, "GET", "d", &f);
    read_text(&f, fd, MULTI GET("c") GET("d") EXEC);
    write_text(fd, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+c\r\n+d\r\n");
    room_wait_n(&f.room, &f.answers, 4);
    assert_string_equal(f.last, "d");
    assert_int_equal(f.errors + f.nulls, 0);
    assert_int_equal(f.alone, 1); /* its owner may gather no more */
    shut_fixture(&f);
    close(fd);
    close(listener);
}

/* What has come, and comes until so much is there. */
static const char *read_much(struct fixture *f, int fd, size_t least, size_t *len)
{
    static char bytes[1 << 20];
    for (*len = 0; *len < least;) {
        if (waiting_at(fd) == 0) {
            end_of_turn(f);
            continue;
        }
        ssize_t got = read(fd, bytes + *len, sizeof bytes - 1 - *len);
        assert_true(got > 0);
        *len += (size_t)got;
    }
    bytes[*len] = '\0';
    return bytes;
}

static unsigned count_multi(struct fixture *f, int fd, size_t least)
{
    unsigned n = 0;
    size_t len;
    const char *bytes = read_much(f, fd, least, &len);
    for (const char *at = bytes; (at = strstr(at, "MULTI")) != NULL; at++) {
        n++;
    }
    return n;
}

/* Redis serves nobody else while it runs one. */
static void a_transaction_has_an_end(void **state)
{
    (void)state;
    struct fixture f;
    static char body[10241];
    memset(body, 'x', sizeof body - 1);
    int listener, fd = open_with_own(&f, &listener);
    for (unsigned i = 0; i < 300; i++) {
        gather(&f, "GET", "a", &f);
    }
    assert_int_equal(count_multi(&f, fd, 300 * strlen(GET("a"))), 3); /* of 128 commands */
    for (unsigned i = 0; i < 60; i++) {
        gather(&f, "GET", body, &f);
    }
    assert_int_equal(count_multi(&f, fd, 60 * 10240), 3); /* of 256 KiB, and a command */
    shut_fixture(&f);
    close(fd);
    close(listener);
}

/* Those before it would wait until all of it has crossed. */
static void what_is_large_goes_alone(void **state)
{
    (void)state;
    struct fixture f;
    static char large[(64 << 10) + 1];
    memset(large, 'x', sizeof large - 1);
    int listener, fd = open_with_own(&f, &listener);
    gather(&f, "GET", "a", &f);
    gather(&f, "GET", "b", &f);
    gather(&f, "GET", large, &f);
    gather(&f, "GET", "c", &f);
    gather(&f, "GET", "d", &f);
    size_t len, whole = sizeof large - 1 + strlen(MULTI GET("a") GET("b") EXEC) * 2 +
                        strlen("*2\r\n$3\r\nGET\r\n$65536\r\n\r\n");
    const char *bytes = read_much(&f, fd, whole, &len);
    const char *first = MULTI GET("a") GET("b") EXEC "*2\r\n$3\r\nGET\r\n$65536\r\nxx",
               *last = "xx\r\n" MULTI GET("c") GET("d") EXEC;
    assert_memory_equal(bytes, first, strlen(first));
    assert_memory_equal(bytes + len - strlen(last), last, strlen(last));
    shut_fixture(&f);
    close(fd);
    close(listener);
}

static void a_transaction_that_is_never_run_is_late(void **state)
{
    (void)state;
    struct fixture f;
    int listener, fd = open_with_own_within(&f, &listener, 1000);
    gather(&f, "GET", "a", &f);
    gather(&f, "GET", "b", &f);
    read_text(&f, fd, MULTI GET("a") GET("b") EXEC);
    write_text(fd, "+OK\r\n+QUEUED\r\n+QUEUED\r\n");
    room_wait(&f.room, &f.down);
    assert_int_equal(f.nulls, 2);
    close(fd);
    shut_fixture(&f);
    close(listener);
}

static void the_first_of_what_is_gathered_leaves_before_the_turn_ends(void **state)
{
    (void)state;
    struct fixture f;
    char kib[1025];
    memset(kib, 'x', 1024);
    kib[1024] = '\0';
    int listener, fd = open_with_own(&f, &listener);
    for (unsigned i = 0; i < 40; i++) {
        gather(&f, "GET", kib, &f);
    }
    size_t first = waiting_at(fd);
    assert_true(first > 16 * 1024 && first < 18 * 1024);
    assert_int_equal(count_multi(&f, fd, first), 1);
    assert_int_equal(count_multi(&f, fd, 40 * 1024 - first), 1);
    shut_fixture(&f);
    close(fd);
    close(listener);
}

/* A poll that returns at once is a turn for nothing. A timer may be due in one of the rounds. */
static void a_group_costs_no_turn_of_its_own(void **state)
{
    (void)state;
    struct fixture f;
    bool waits = false;
    int listener, fd = open_with_own(&f, &listener);
    for (int i = 0; i < 20 && !waits; i++) {
        gather(&f, "GET", "a", &f);
        gather(&f, "GET", "b", &f);
        assert_int_equal(uv_backend_timeout(&f.room.loop), 0);
        end_of_turn(&f);
        waits = uv_backend_timeout(&f.room.loop) != 0;
    }
    assert_true(waits);
    shut_fixture(&f);
    close(fd);
    close(listener);
}

/* Whatever had been said by then. */
static void a_connection_that_ends_amid_a_transaction_gives_each_a_null(void **state)
{
    (void)state;
    static const char *const said[] = {"",
                                       "+OK\r\n",
                                       "+OK\r\n+QUEUED\r\n",
                                       "+OK\r\n+QUEUED\r\n-OOM no\r\n+QUEUED\r\n",
                                       "-ERR\r\n",
                                       "+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*3\r\n:1\r\n:2\r\n",
                                       "+OK\r\n+QUEUED\r\nrubbish\r\n"};
    struct fixture f;
    int listener, fd = open_with_own(&f, &listener);
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        f.answers = f.nulls = 0;
        f.down = false;
        gather(&f, "GET", "a", &f);
        gather(&f, "GET", "b", &f);
        gather(&f, "GET", "c", &f);
        end_of_turn(&f);
        write_text(fd, said[i]);
        close(fd);
        room_wait(&f.room, &f.down);
        assert_int_equal(f.answers, 3);
        assert_int_equal(f.nulls, 3);
        fd = accept_and_greet(&f, listener);
    }
    f.answers = f.nulls = 0; /* ... and before they have left: by a reset, and by the close */
    f.down = false;
    gather(&f, "GET", "a", &f);
    gather(&f, "GET", "b", &f);
    store_reset(f.store, "the owner wants it so");
    assert_int_equal(f.answers, 0);
    room_wait(&f.room, &f.down);
    assert_int_equal(f.nulls, 2);
    close(fd);
    fd = accept_and_greet(&f, listener);
    gather(&f, "GET", "a", &f);
    gather(&f, "GET", "b", &f);
    shut_fixture(&f);
    assert_int_equal(f.answers, 4);
    assert_int_equal(f.nulls, 4);
    close(fd);
    close(listener);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct fixture *f = prepare->data;
    gather(f, "GET", "a", f);
    gather(f, "GET", "b", f);
    uv_prepare_stop(prepare);
}

/* hiredis' assertion would end us. */
static void nobody_may_answer_more_than_was_asked(void **state)
{
    (void)state;
    struct fixture f;
    uv_prepare_t prepare;
    int listener, fd = open_with_own(&f, &listener);
    uv_prepare_init(&f.room.loop, &prepare);
    prepare.data = &f;
    uv_prepare_start(&prepare, on_prepare);
    write_text(fd, "+unasked\r\n"); /* it is read before what is gathered leaves */
    room_wait(&f.room, &f.down);
    assert_non_null(strstr(f.why, "nobody had asked for"));
    assert_int_equal(f.nulls, 2);
    uv_close((uv_handle_t *)&prepare, NULL);
    close(fd);
    fd = accept_and_greet(&f, listener);
    gather(&f, "GET", "a", &f);
    gather(&f, "GET", "b", &f);
    end_of_turn(&f);
    write_text(fd, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n*2\r\n:1\r\n:2\r\n");
    room_wait(&f.room, &f.down);
    assert_non_null(strstr(f.why, "nobody had asked for"));
    assert_int_equal(f.answers, 4);
    assert_int_equal(f.nulls, 2);
    close(fd);
    shut_fixture(&f);
    close(listener);
}

static void real_servers_run_them_and_say_why_not(void **state)
{
    (void)state;
    struct fixture f;
    open_with_redis(&f, (struct store_conf){0});
    for (int i = 0; i < 1000; i++) { /* several transactions */
        gather(&f, "INCR", "n", &f);
    }
    gather(&f, "GET", "n", &f);
    room_wait_n(&f.room, &f.answers, 1001);
    assert_string_equal(f.last, "1000");
    assert_int_equal(f.errors + f.nulls, 0);
    f.answers = 0;
    gather(&f, "INCR", "n", &f); /* one that fails while it runs fails alone */
    gather(&f, "LLEN", "n", &f);
    gather(&f, "GET", "n", &f);
    room_wait_n(&f.room, &f.answers, 3);
    assert_int_equal(f.errors, 1);
    assert_string_equal(f.last, "1001");
    static const struct {
        const char *set[3], *unset[3];
        enum store_error error;
    } refusals[] = {
        {{"CONFIG", "maxmemory", "1"}, {"CONFIG", "maxmemory", "0"}, STORE_OOM},
        {{"REPLICAOF", "127.0.0.1", "1"}, {"REPLICAOF", "NO", "ONE"}, STORE_READONLY},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        for (int on = 1; on >= 0; on--) {
            const char *const *v = on ? refusals[i].set : refusals[i].unset;
            const struct str config[] = {STR("CONFIG"), STR("SET"), str_of(v[1]), str_of(v[2])};
            f.answers = f.errors = 0;
            assert_true(i == 0 ? store_send(f.store, 4, config, on_reply, &f)
                               : send_text(&f, v[0], v[1], v[2]));
            gather(&f, "INCR", "n", &f);
            gather(&f, "INCR", "n", &f);
            room_wait_n(&f.room, &f.answers, 3);
            assert_int_equal(f.errors, on ? 2 : 0);
            redisReply reply = {.type = REDIS_REPLY_ERROR, .str = f.last, .len = strlen(f.last)};
            assert_true(!on || store_error_of(&reply) == refusals[i].error);
        }
    }
    shut_fixture(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_gathered_in_a_turn_leaves_as_one_transaction),
        cmocka_unit_test(what_two_have_gathered_is_two_transactions),
        cmocka_unit_test(a_transaction_that_is_refused_tells_each_the_reason),
        cmocka_unit_test(where_no_transaction_was_begun_each_is_answered_by_itself),
        cmocka_unit_test(a_transaction_has_an_end),
        cmocka_unit_test(what_is_large_goes_alone),
        cmocka_unit_test(a_transaction_that_is_never_run_is_late),
        cmocka_unit_test(the_first_of_what_is_gathered_leaves_before_the_turn_ends),
        cmocka_unit_test(a_group_costs_no_turn_of_its_own),
        cmocka_unit_test(a_connection_that_ends_amid_a_transaction_gives_each_a_null),
        cmocka_unit_test(nobody_may_answer_more_than_was_asked),
        cmocka_unit_test(real_servers_run_them_and_say_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
