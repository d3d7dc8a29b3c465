/* Heads of answers. */
#include "io/room.h"

#include "io/answer.h"
#include "io/http.h"

static void status_lines(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *line;
    } cases[] = {{200, "HTTP/1.1 200 OK\r\n"},
                 {431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
                 {503, "HTTP/1.1 503 Service Unavailable\r\n"},
                 {299, "HTTP/1.1 299 \r\n"},
                 {599, "HTTP/1.1 599 \r\n"}};
    for (int twice = 0; twice < 2; twice++) {
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            assert_true(str_eq(http_status_line(cases[i].status), str_of(cases[i].line)));
        }
    }
    int64_t s = 0;
    struct str date = http_date_line();
    assert_null(text_http_date(str_head(str_from(date, 6), date.len - 8), &s));
    assert_true(s > 1700000000);
}

static void refusals(void **state)
{
    (void)state;
    struct buf b, head;
    buf_init(&b, 256);
    buf_init(&head, 4096);
    struct httpd_answer a = answer_refusal(&b, 503, REASON_OVERLOADED);
    assert_true(str_eq(a.body, STR("{\"error\":\"overloaded\"}\n")));
    answer_put_head(&head, &a, true, false);
    buf_add_char(&head, '\0');
    assert_non_null(strstr(head.at, "HTTP/1.1 503 Service Unavailable\r\n"));
    assert_non_null(strstr(head.at, "\r\nRetry-After: 1\r\n"));
    assert_non_null(strstr(head.at, "\r\nContent-Length: 23\r\nConnection: close\r\n\r\n"));
    a = answer_refusal(&b, 400, REASON_MALFORMED);
    assert_int_equal(a.field_count, 0);
    buf_done(&b);
    buf_done(&head);
}

static void lengths_and_connections(void **state)
{
    (void)state;
    static const struct {
        int status;
        bool close, http10;
        const char *has, *has_not;
    } cases[] = {
        {200, false, false, "Content-Length: 0\r\n", "Connection"},
        {204, false, false, "204 No Content\r\n", "Content-Length"},
        {304, false, false, "304 Not Modified\r\n", "Content-Length"},
        {200, true, false, "Connection: close\r\n", "keep-alive"},
        {200, true, true, "Connection: close\r\n", "keep-alive"},
        {200, false, true, "Connection: keep-alive\r\n", "close"},
    };
    struct buf head;
    buf_init(&head, 4096);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct httpd_answer a = {.status = cases[i].status};
        answer_put_head(&head, &a, cases[i].close, cases[i].http10);
        buf_add_char(&head, '\0');
        assert_non_null(strstr(head.at, cases[i].has));
        assert_null(strstr(head.at, cases[i].has_not));
    }
    buf_done(&head);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_lines),
        cmocka_unit_test(refusals),
        cmocka_unit_test(lengths_and_connections),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
