/* The memory of requests: where bytes lie, and that the pool's ceiling holds. */
#include "io/room.h"

#include "io/clients.h"
#include "io/message.h"

static const struct http_limits LIMITS = {16384, 8192, 100};
static struct clients *clients;

static struct message_pool pool_of(size_t memory_max)
{
    return (struct message_pool){.limits = &LIMITS, .clients = clients, .memory_max = memory_max};
}

/* Reads `text` as a socket would, `step` bytes at most at once; the event that ended it. */
static enum parse_event read_in(struct message_pool *pool, struct message *m, const char *text,
                                size_t n, size_t step, size_t *taken)
{
    size_t at = 0;
    for (;;) {
        enum parse_event event = message_parse(m);
        *taken = at;
        if (event == PARSE_HEAD && !m->parser.bodyless) {
            if (!message_place_body(pool, m)) {
                return PARSE_FAULT;
            }
            continue;
        }
        if (event != PARSE_MORE || at == n) {
            return event;
        }
        if (!message_prepare(pool, m)) {
            return PARSE_FAULT;
        }
        size_t room;
        char *to = message_room(m, &room);
        assert_true(room > 0);
        size_t put = n - at < room ? n - at : room;
        put = put < step ? put : step;
        memcpy(to, text + at, put);
        m->area->len += put;
        at += put;
    }
}

static struct message *begin(struct message_pool *pool)
{
    struct block *b = block_take(pool, 0);
    assert_non_null(b);
    return message_take(pool, b, NULL);
}

static void bodies_lie_where_they_fit(void **state)
{
    (void)state;
    static char text[200000];
    static const size_t sizes[] = {1, 8000, 8192, 20000, 70000, 150000};
    static const size_t steps[] = {1, 777, 200000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
            struct message_pool pool = pool_of(1u << 20);
            struct message *m = begin(&pool);
            size_t head = (size_t)sprintf(
                text, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", sizes[i]);
            memset(text + head, 'b', sizes[i]);
            memcpy(text + head + sizes[i], "NEXT", 4);
            size_t taken;
            assert_int_equal(read_in(&pool, m, text, head + sizes[i] + 4, steps[k], &taken),
                             PARSE_DONE);
            struct str body = message_body(m), rest = message_rest(m);
            assert_int_equal(body.len, sizes[i]);
            assert_memory_equal(body.at, text + head, body.len);
            assert_int_equal(taken, head + sizes[i] + rest.len);
            assert_memory_equal(rest.at, "NEXT", rest.len);
            assert_int_equal(m->big == NULL, head + sizes[i] <= BLOCK_BYTES);
            assert_true(str_eq(m->parser.fields.v[0].value, STR("a")));
            message_give(&pool, m);
            message_pool_done(&pool);
        }
    }
}

static void chunks_are_joined_in_place(void **state)
{
    (void)state;
    static char text[400000], want[200000];
    static const size_t steps[] = {1, 100, 5000, 400000};
    for (size_t k = 0; k < sizeof steps / sizeof *steps; k++) {
        struct message_pool pool = pool_of(1u << 20);
        struct message *m = begin(&pool);
        size_t n = (size_t)sprintf(
            text, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        size_t len = 0;
        for (size_t size = 1; len + size < 150000; size = size * 3 % 4001 + 1) {
            n += (size_t)sprintf(text + n, "%zx;e=1\r\n", size);
            for (size_t i = 0; i < size; i++) {
                text[n++] = want[len] = (char)('a' + len % 26);
                len++;
            }
            n += (size_t)sprintf(text + n, "\r\n");
        }
        n += (size_t)sprintf(text + n, "0\r\n\r\nNEXT");
        size_t taken;
        assert_int_equal(read_in(&pool, m, text, n, steps[k], &taken), PARSE_DONE);
        assert_int_equal(message_body(m).len, len);
        assert_memory_equal(message_body(m).at, want, len);
        assert_true(message_rest(m).len <= BLOCK_BYTES);
        message_give(&pool, m);
        message_pool_done(&pool);
    }
}

/* Of a block that has grown with its head, more of the body is taken than a body's block has at
 * first. */
static void chunks_behind_a_large_head_are_joined(void **state)
{
    (void)state;
    enum { HEAD = 100000, BODY = 300000 };
    static char text[HEAD + BODY + 1000];
    struct http_limits limits = {128 << 10, 8192, 100};
    for (size_t step = 100; step < sizeof text; step *= 30) {
        struct message_pool pool = pool_of(1u << 20);
        pool.limits = &limits;
        struct message *m = begin(&pool);
        size_t n = (size_t)sprintf(text, "POST / HTTP/1.1\r\nHost: a\r\n"
                                         "Transfer-Encoding: chunked\r\nLong: ");
        memset(text + n, 'l', HEAD);
        n += HEAD;
        n += (size_t)sprintf(text + n, "\r\n\r\n%x\r\n", BODY);
        size_t body = n;
        for (size_t i = 0; i < BODY; i++) {
            text[n++] = (char)('a' + i % 26);
        }
        n += (size_t)sprintf(text + n, "\r\n0\r\n\r\n");
        size_t taken;
        assert_int_equal(read_in(&pool, m, text, n, step, &taken), PARSE_DONE);
        assert_int_equal(message_body(m).len, BODY);
        assert_memory_equal(message_body(m).at, text + body, BODY);
        message_give(&pool, m);
        message_pool_done(&pool);
    }
}

static void the_ceiling_holds(void **state)
{
    (void)state;
    static char text[100000];
    size_t head =
               (size_t)sprintf(text, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n"),
           taken;
    memset(text + head, 'b', 90000);
    struct message_pool pool = pool_of(BLOCK_BYTES + 64 * 1024); /* enough at first, not later */
    struct message *m = begin(&pool);
    assert_int_equal(read_in(&pool, m, text, head + 90000, 5000, &taken), PARSE_FAULT);
    assert_true(pool.memory <= pool.memory_max);
    message_give(&pool, m);
    assert_int_equal(pool.memory, 0);
    struct block *first = block_take(&pool, BLOCK_BYTES);
    assert_null(block_take(&pool, pool.memory_max));
    struct message_pool other = pool_of(pool.memory_max);
    struct block *second = block_take(&other, 64 * 1024);
    assert_non_null(second);
    assert_null(block_take(&pool, BLOCK_BYTES)); /* it is all of them that it is for */
    assert_null(block_take(&other, BLOCK_BYTES));
    block_give(&pool, first);
    first = block_take(&other, BLOCK_BYTES);
    assert_non_null(first);
    block_give(&other, first);
    block_give(&other, second);
    block_give(&pool, NULL);
    message_pool_done(&pool);
    message_pool_done(&other);
    assert_int_equal(clients_held(clients), 0);
}

/* More than any machine has; a sanitizer's allocator ends the program instead. */
static void no_memory_is_no_block(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip();
#else
    struct message_pool pool = pool_of(SIZE_MAX);
    assert_null(block_take(&pool, SIZE_MAX / 4));
    assert_int_equal(pool.memory, 0);
    struct block *b = block_take(&pool, 1);
    assert_non_null(b);
    block_give(&pool, b);
    message_pool_done(&pool);
#endif
}

static void a_head_may_outgrow_its_block(void **state)
{
    (void)state;
    static char text[20000];
    size_t n = (size_t)sprintf(text, "GET /x HTTP/1.1\r\nHost: a\r\nLong: "), taken;
    memset(text + n, 'l', 12000);
    n += 12000;
    n += (size_t)sprintf(text + n, "\r\nLast: z\r\n\r\n");
    for (size_t step = 1; step < 20000; step = step * 7 + 1) {
        struct message_pool pool = pool_of(1u << 20);
        struct message *m = begin(&pool);
        assert_int_equal(read_in(&pool, m, text, n, step, &taken), PARSE_HEAD);
        assert_true(str_eq(m->parser.target, STR("/x")));
        assert_int_equal(m->parser.fields.n, 3);
        assert_int_equal(m->parser.fields.v[1].value.len, 12000);
        assert_true(str_eq(m->parser.fields.v[2].value, STR("z")));
        message_give(&pool, m);
        message_pool_done(&pool);
    }
}

static void bodies_must_keep_a_pace(void **state)
{
    (void)state;
    static const struct {
        uint64_t head_ms, body_ms, bytes;
        const char *why;
        uint64_t next_ms;
    } cases[] = {
        {0, 0, 0, NULL, 5000},
        {0, 4999, 0, NULL, 1},
        {0, 5000, 4999, "1 kB/s", 0},
        {0, 5000, 5000, NULL, 1000},
        {0, 10000, 9999, "1 kB/s", 0},
        {0, 10000, 10000, NULL, 1000},
        {0, 29500, 30000, NULL, 500},
        {0, 30000, 1u << 30, "in time", 0},
        /* a slow head takes from the time of both, and nothing from the body's grace */
        {9999, 0, 0, NULL, 5000},
        {9999, 4999, 0, NULL, 1},
        {9999, 5000, 4999, "1 kB/s", 0},
        {9999, 5000, 5000, NULL, 1000},
        {9999, 20000, 1u << 30, NULL, 1},
        {9999, 20001, 1u << 30, "in time", 0},
        {28000, 0, 0, NULL, 2000},
    };
    static struct message m;
    m.began_ms = 77;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t next_ms = 0;
        m.body_began_ms = 77 + cases[i].head_ms;
        m.parser.raw_bytes = cases[i].bytes;
        const char *why = message_pace(&m, m.body_began_ms + cases[i].body_ms, 30000, &next_ms);
        assert_int_equal(why == NULL, cases[i].why == NULL);
        assert_true(why == NULL || strstr(why, cases[i].why) != NULL);
        assert_int_equal(next_ms, cases[i].next_ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_lie_where_they_fit),
        cmocka_unit_test(chunks_are_joined_in_place),
        cmocka_unit_test(chunks_behind_a_large_head_are_joined),
        cmocka_unit_test(no_memory_is_no_block),
        cmocka_unit_test(the_ceiling_holds),
        cmocka_unit_test(a_head_may_outgrow_its_block),
        cmocka_unit_test(bodies_must_keep_a_pace),
    };
    clients = clients_new();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    clients_unref(clients);
    return failed;
}
