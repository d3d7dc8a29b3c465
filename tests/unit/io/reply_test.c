/* An answer being read: the same whole and byte by byte, bounded everywhere. */
#include "io/room.h"

#include "io/reply.h"

static enum reply_event read_in(struct reply *r, const char *text, size_t n, size_t step)
{
    enum reply_event event = REPLY_MORE;
    for (size_t at = 0; at < n && event == REPLY_MORE;) {
        size_t room;
        char *to = reply_room(r, &room);
        assert_true(room > 0);
        size_t put = n - at < step ? n - at : step;
        put = put < room ? put : room;
        memcpy(to, text + at, put);
        at += put;
        event = reply_read(r, put);
    }
    return event;
}

static void answers_at_every_step(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum reply_event event, at_end;
        const char *body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", REPLY_DONE, REPLY_DONE, "ok"},
        {"HTTP/1.1 204 No Content\r\n\r\n", REPLY_DONE, REPLY_DONE, ""},
        {"HTTP/1.1 103 E\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", REPLY_DONE,
         REPLY_DONE, "x"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
         REPLY_DONE, REPLY_DONE, "abc"},
        {"HTTP/1.1 200 OK\r\n\r\nto the end", REPLY_MORE, REPLY_DONE, "to the end"},
        {"HTTP/1.1 200 OK\r\n\r\n", REPLY_MORE, REPLY_DONE, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", REPLY_MORE, REPLY_MORE, "cut"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ncut", REPLY_MORE, REPLY_MORE,
         "cut"},
        {"HTTP/1.1 200 OK\r\nContent-", REPLY_MORE, REPLY_MORE, ""},
        {"HTTP/1.1 100 Continue\r\n\r\n", REPLY_MORE, REPLY_MORE, ""},
        {"", REPLY_MORE, REPLY_MORE, ""},
        {"SSH-2.0-OpenSSH_9.2\r\n", REPLY_MALFORMED, REPLY_MORE, ""},
    };
    struct reply_pool pool = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (size_t step = 1; step <= strlen(cases[i].text) + 1; step++) {
            struct reply *r = reply_take(&pool, false, NULL);
            enum reply_event event = read_in(r, cases[i].text, strlen(cases[i].text), step);
            assert_int_equal(event, cases[i].event);
            assert_int_equal(r->begun, cases[i].text[0] != '\0');
            if (event == REPLY_MORE) {
                assert_int_equal(reply_end(r), cases[i].at_end);
            } else if (event == REPLY_MALFORMED) {
                assert_non_null(r->detail);
            }
            assert_int_equal(r->body_len, strlen(cases[i].body));
            assert_memory_equal(r->body, cases[i].body, r->body_len);
            reply_give(&pool, r);
        }
    }
    reply_give(&pool, NULL);
    reply_pool_done(&pool);
}

static void bodies_are_capped_or_kept_whole(void **state)
{
    (void)state;
    static char text[200000];
    for (int keeps = 0; keeps < 2; keeps++) {
        struct reply_pool pool = {0};
        struct buf keep;
        buf_init(&keep, 150000);
        size_t head = (size_t)sprintf(text, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        memset(text + head, 'b', 100000);
        struct reply *r = reply_take(&pool, false, keeps ? &keep : NULL);
        enum reply_event event = read_in(r, text, head + 100000, 1000);
        assert_int_equal(event, keeps ? REPLY_DONE : REPLY_CAPPED);
        assert_int_equal(r->parser.status, 200);
        assert_int_equal(r->body_len, REPLY_BODY_KEPT);
        assert_int_equal(keep.len, keeps ? 100000 : 0);
        reply_give(&pool, r);
        reply_pool_done(&pool);
        buf_done(&keep);
    }
}

/* A body may be read for ever behind a head at its limit: there is always room. */
static void a_large_head_leaves_room(void **state)
{
    (void)state;
    static char text[100000];
    struct reply_pool pool = {0};
    size_t n = (size_t)sprintf(text, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\nX: ");
    memset(text + n, 'x', REPLY_HEAD_BYTES - n - 4);
    n = REPLY_HEAD_BYTES - 4;
    memcpy(text + n, "\r\n\r\n", 4);
    memset(text + n + 4, 'b', 60000);
    struct reply *r = reply_take(&pool, false, NULL);
    assert_int_equal(read_in(r, text, n + 4 + 60000, 100000), REPLY_DONE);
    assert_true(reply_keeps_alive(r));
    reply_give(&pool, r);
    memcpy(text + n, "x\r\n\r\n", 5);
    r = reply_take(&pool, false, NULL);
    assert_int_equal(read_in(r, text, n + 5, 100000), REPLY_MALFORMED);
    reply_give(&pool, r);
    reply_pool_done(&pool);
}

static void bytes_behind_the_answer_end_reuse(void **state)
{
    (void)state;
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nX";
    struct reply_pool pool = {0};
    for (size_t extra = 0; extra < 2; extra++) {
        struct reply *r = reply_take(&pool, false, NULL);
        assert_int_equal(read_in(r, text, sizeof text - 2 + extra, 1000), REPLY_DONE);
        assert_int_equal(reply_keeps_alive(r), extra == 0);
        reply_give(&pool, r);
    }
    reply_pool_done(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_at_every_step),
        cmocka_unit_test(bodies_are_capped_or_kept_whole),
        cmocka_unit_test(a_large_head_leaves_room),
        cmocka_unit_test(bytes_behind_the_answer_end_reuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
