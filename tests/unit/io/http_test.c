/* Messages: what is accepted, what is refused and by which rule, whole and split at every byte. */
#include "io/room.h"

#include "io/http.h"

static const struct http_limits LIMITS = {16384, 8192, 100};

struct outcome {
    enum parse_event event; /* PARSE_DONE, PARSE_MORE (incomplete) or PARSE_FAULT */
    const struct http_fault *fault;
    const char *detail;
    char body[256];
    size_t used;
};

static struct outcome current;

static void on_body(struct http_parser *p, const char *at, size_t n)
{
    (void)p;
    size_t len = strlen(current.body);
    assert_true(len + n < sizeof current.body);
    memcpy(current.body + len, at, n);
    current.body[len + n] = '\0';
}

/* Feeds `text` in two parts; `cut` at its length is one part. */
static struct outcome run(struct http_parser *p, const char *text, size_t n, size_t cut)
{
    memset(&current, 0, sizeof current);
    size_t at = 0, have = cut;
    for (;;) {
        size_t used;
        enum parse_event event = http_feed(p, text + at, have - at, &used);
        at += used;
        if (event == PARSE_MORE && have < n) {
            have = n;
            continue;
        }
        if (event == PARSE_HEAD && !p->bodyless) {
            continue;
        }
        current.event = event == PARSE_HEAD ? PARSE_DONE : event;
        current.fault = event == PARSE_FAULT ? p->fault : NULL;
        current.detail = event == PARSE_FAULT ? http_detail(p) : NULL;
        current.used = at;
        return current;
    }
}

#define H "Host: a\r\n"
#define GET(target) "GET " target " HTTP/1.1\r\n" H "\r\n"
#define POST "POST / HTTP/1.1\r\n" H
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

/* Sized, since some hold a NUL. */
struct sample {
    const char *at;
    size_t n;
    const struct http_fault *fault; /* NULL: accepted */
    const char *body;
};
#define GOOD(text, body)                                                                           \
    {                                                                                              \
        text, sizeof(text) - 1, NULL, body                                                         \
    }
#define BAD(text, fault)                                                                           \
    {                                                                                              \
        text, sizeof(text) - 1, &fault, NULL                                                       \
    }

static const struct sample requests[] = {
    /* accepted */
    GOOD(GET("/"), ""),
    GOOD(GET("/a/b?c=d&e=%20;f"), ""),
    GOOD(GET("http://a/x"), ""),
    GOOD(GET("HTTPS://a:443/x?y"), ""),
    GOOD(GET("http://[::1]:80?y"), ""),
    GOOD("OPTIONS * HTTP/1.1\r\n" H "\r\n", ""),
    GOOD("GET / HTTP/1.0\r\n\r\n", ""),
    GOOD("GET / HTTP/1.0\r\n" H "\r\n", ""),
    GOOD("GET / HTTP/1.1\r\nhOST: a\r\n\r\n", ""),
    GOOD("GET / HTTP/1.1\r\nHost:a\r\n\r\n", ""),
    GOOD("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", ""),
    GOOD("GET / HTTP/1.1\r\nHost: a.b-c_d:65535\r\n\r\n", ""),
    GOOD("GET / HTTP/1.1\r\n" H "X:\r\nY: \r\nZ: a\tb\r\n\r\n", ""),
    GOOD("GET / HTTP/1.1\r\n" H "X: \xc3\xa9\xff\r\n\r\n", ""),
    GOOD("GET / HTTP/1.1\r\n" H "Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n", ""),
    GOOD(POST "Content-Length: 0\r\n\r\n", ""),
    GOOD(POST "Content-Length: 3\r\n\r\nabc", "abc"),
    GOOD(POST "Content-Length: 003\r\n\r\nabc", "abc"),
    GOOD(POST "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 3\r\n\r\nabc",
         "abc"),
    GOOD(CHUNKED "0\r\n\r\n", ""),
    GOOD(CHUNKED "3\r\nabc\r\n0\r\n\r\n", "abc"),
    GOOD(CHUNKED "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789"),
    GOOD(CHUNKED "3;x=y;z\r\nabc\r\n0;last\r\n\r\n", "abc"),
    GOOD(CHUNKED "003\r\nabc\r\n00\r\nTrailer: x\r\nOther: y\r\n\r\n", "abc"),
    GOOD(POST "Transfer-Encoding: CHUNKED\r\n\r\n1\r\nx\r\n0\r\n\r\n", "x"),
    GOOD("DELETE / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx", "x"),
    GOOD("PATCH / HTTP/1.1\r\n" H "Content-Length: 1\r\n\r\nx", "x"),
    /* the request line */
    BAD("GET / HTTP/0.9\r\n" H "\r\n", FAULT_VERSION),
    BAD("GET / HTTP/2.0\r\n" H "\r\n", FAULT_VERSION),
    BAD("GET / HTTP/1.2\r\n" H "\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/11.1\r\n" H "\r\n", FAULT_SYNTAX),
    BAD("GET / http/1.1\r\n" H "\r\n", FAULT_SYNTAX),
    BAD("GET / RTSP/1.0\r\n" H "\r\n", FAULT_VERSION),
    BAD("DESCRIBE / RTSP/1.0\r\n" H "\r\n", FAULT_VERSION),
    BAD("SOURCE / ICE/1.0\r\n" H "\r\n", FAULT_VERSION),
    BAD("GET /\r\n" H "\r\n", FAULT_VERSION),
    BAD("GET  / HTTP/1.1\r\n" H "\r\n", FAULT_SYNTAX),
    BAD("GET /  HTTP/1.1\r\n" H "\r\n", FAULT_VERSION),
    BAD("GET\t/ HTTP/1.1\r\n" H "\r\n", FAULT_SYNTAX),
    BAD("GET /\tHTTP/1.1\r\n" H "\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1 \r\n" H "\r\n", FAULT_SYNTAX),
    BAD("get / HTTP/1.1\r\n" H "\r\n", FAULT_SYNTAX),
    BAD("FOO / HTTP/1.1\r\n" H "\r\n", FAULT_SYNTAX),
    BAD("CONNECT a:443 HTTP/1.1\r\n" H "\r\n", FAULT_METHOD),
    BAD("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FAULT_SYNTAX),
    BAD("\x16\x03\x01\x02", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\n" H "\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r" H "\r\n", FAULT_SYNTAX),
    BAD("GET * HTTP/1.1\r\n" H "\r\n", FAULT_TARGET),
    BAD("GET a HTTP/1.1\r\n" H "\r\n", FAULT_SYNTAX),
    BAD("GET ftp://a/ HTTP/1.1\r\n" H "\r\n", FAULT_TARGET),
    BAD("GET http:///x HTTP/1.1\r\n" H "\r\n", FAULT_TARGET),
    BAD("GET http:// HTTP/1.1\r\n" H "\r\n", FAULT_TARGET),
    BAD("GET http://?q HTTP/1.1\r\n" H "\r\n", FAULT_TARGET),
    BAD("GET http://u:p@a/ HTTP/1.1\r\n" H "\r\n", FAULT_TARGET),
    BAD("GET https://a:b/ HTTP/1.1\r\n" H "\r\n", FAULT_TARGET),
    BAD("GET /#f HTTP/1.1\r\n" H "\r\n", FAULT_TARGET),
    BAD("GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n", FAULT_SYNTAX),
    BAD("GET /\x7f HTTP/1.1\r\n" H "\r\n", FAULT_SYNTAX),
    BAD("GET /\0 HTTP/1.1\r\n" H "\r\n", FAULT_SYNTAX),
    BAD("GET /a b HTTP/1.1\r\n" H "\r\n", FAULT_SYNTAX),
    /* Host */
    BAD("GET / HTTP/1.1\r\n\r\n", FAULT_HOST),
    BAD("GET / HTTP/1.1\r\nHost:\r\n\r\n", FAULT_HOST),
    BAD("GET / HTTP/1.1\r\n" H H "\r\n", FAULT_HOST),
    BAD("GET / HTTP/1.0\r\n" H "Host: b\r\n\r\n", FAULT_HOST),
    BAD("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", FAULT_HOST),
    BAD("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", FAULT_HOST),
    BAD("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", FAULT_HOST),
    BAD("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", FAULT_HOST),
    BAD("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", FAULT_HOST),
    BAD("GET / HTTP/1.1\r\nHost: []\r\n\r\n", FAULT_HOST),
    BAD("GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", FAULT_HOST),
    /* fields */
    BAD("GET / HTTP/1.1\r\nHost : a\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n Host: a\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H " X: a\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H ": a\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X Y: a\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X(Y): a\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X\0: a\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X: a\x1b\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X: a\rY: b\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X: a\nY: b\r\n\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X: a\r\n\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "\r\r\n", FAULT_SYNTAX),
    BAD("GET / HTTP/1.1\r\n" H "X: a\r\r\n\r\n", FAULT_SYNTAX),
    /* framing */
    BAD(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", FAULT_SYNTAX),
    BAD(POST "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", FAULT_SYNTAX),
    BAD(POST "Content-Length: 3, 3\r\n\r\nabc", FAULT_SYNTAX),
    BAD(POST "Content-Length: +3\r\n\r\nabc", FAULT_SYNTAX),
    BAD(POST "Content-Length: -3\r\n\r\nabc", FAULT_SYNTAX),
    BAD(POST "Content-Length: 0x3\r\n\r\nabc", FAULT_SYNTAX),
    BAD(POST "Content-Length: 3 3\r\n\r\nabc", FAULT_SYNTAX),
    BAD(POST "Content-Length: 18446744073709551616\r\n\r\n", FAULT_SYNTAX),
    BAD(POST "Content-Length: \r\n\r\n", FAULT_SYNTAX),
    BAD(POST "Content-Length : 3\r\n\r\nabc", FAULT_SYNTAX),
    BAD(POST "Transfer-Encoding: gzip\r\n\r\n", FAULT_FRAMING),
    BAD(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", FAULT_FRAMING),
    BAD(POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        FAULT_SYNTAX),
    BAD(POST "Transfer-Encoding: identity\r\n\r\n", FAULT_FRAMING),
    BAD(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", FAULT_FRAMING),
    BAD(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", FAULT_FRAMING),
    BAD(POST "Transfer-Encoding:\x0b"
             "chunked\r\n\r\n0\r\n\r\n",
        FAULT_SYNTAX),
    BAD(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n", FAULT_FRAMING),
    BAD("POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", FAULT_FRAMING),
    /* chunks */
    BAD(CHUNKED "\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "g\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "-1\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "0x1\r\nx\r\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(CHUNKED " 1\r\nx\r\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "1 \r\nx\r\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "1\nx\r\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "1\r\nx\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "1\r\nxx\r\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "1\r\nx0\r\n\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "1\r\rx\r\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "1;\x01\r\nx\r\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "1;a\nb\r\nx\r\n0\r\n\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "10000000000000000\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "0\r\nbad trailer\r\n\r\n", FAULT_SYNTAX),
    BAD(CHUNKED "0\r\nX: a\r\n b\r\n\r\n", FAULT_SYNTAX),
};

static struct http_parser *request_parser(void)
{
    static struct http_parser p;
    http_begin_request(&p, &LIMITS, on_body);
    return &p;
}

static bool check(const struct sample *s, size_t cut, size_t index)
{
    struct outcome o = run(request_parser(), s->at, s->n, cut);
    bool ok = s->fault == NULL
                  ? o.event == PARSE_DONE && o.used == s->n && strcmp(o.body, s->body) == 0
                  : o.event == PARSE_FAULT && o.fault == s->fault;
    if (!ok) {
        fprintf(stderr, "request %zu cut at %zu of %zu: event %d, %s, body [%s]:\n%s\n", index, cut,
                s->n, o.event, o.detail == NULL ? "-" : o.detail, o.body, s->at);
    }
    return ok;
}

static void requests_are_judged_whole_and_split_at_every_byte(void **state)
{
    (void)state;
    size_t n = sizeof requests / sizeof *requests;
    unsigned wrong = 0;
    for (size_t i = 0; i < n; i++) {
        bool ok = true;
        for (size_t cut = requests[i].n; cut > 0 && ok; cut--) {
            ok = check(&requests[i], cut, i);
        }
        wrong += !ok;
    }
    assert_int_equal(wrong, 0);
}

static void no_control_stands_anywhere_in_a_value(void **state)
{
    (void)state;
    for (size_t at = 0; at < 20; at++) {
        for (unsigned c = 1; c < 256; c++) {
            char value[] = "a\tvalue of 22 letters.", text[128];
            value[at + 1] = (char)c; /* not at an end: blanks there are no part of it */
            size_t n =
                (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\n" H "X: %s\r\n\r\n", value);
            struct outcome o = run(request_parser(), text, n, n);
            bool is_control = (c < 0x20 && c != '\t') || c == 0x7f;
            assert_int_equal(o.event, is_control ? PARSE_FAULT : PARSE_DONE);
        }
    }
}

static void every_fault_is_answered_with_a_refusal(void **state)
{
    (void)state;
    const struct http_fault *const faults[] = {
        &FAULT_SYNTAX,      &FAULT_VERSION,    &FAULT_METHOD, &FAULT_TARGET,      &FAULT_HOST,
        &FAULT_VALUE,       &FAULT_FRAMING,    &FAULT_STATUS, &FAULT_TARGET_LONG, &FAULT_HEAD_LARGE,
        &FAULT_FIELD_COUNT, &FAULT_BODY_LARGE, &FAULT_CHUNKS};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        assert_true(faults[i]->status >= 400 && faults[i]->status < 500);
        assert_true(faults[i]->reason ==
                    (faults[i]->status == 400 ? REASON_MALFORMED : REASON_TOO_LARGE));
        assert_true(strlen(faults[i]->detail) > 10);
    }
}

/* What lies behind a message is not touched: it is the next one's, whatever it is. */
static void stops_behind_the_message(void **state)
{
    (void)state;
    static const char *const texts[] = {
        GET("/"), POST "Content-Length: 3\r\n\r\nabc", CHUNKED "1\r\nx\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char text[256];
        size_t n = (size_t)snprintf(text, sizeof text, "%s\r\nGARBAGE \x01", texts[i]);
        struct outcome o = run(request_parser(), text, n, n);
        assert_int_equal(o.event, PARSE_DONE);
        assert_int_equal(o.used, strlen(texts[i]));
    }
}

static void tells_what_the_head_says(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool http10, keep_alive, expects_continue, bodyless, has_length, chunked;
    } cases[] = {
        {GET("/"), false, true, false, true, false, false},
        {"GET / HTTP/1.0\r\n\r\n", true, false, false, true, false, false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true, true, false, true, false, false},
        {"GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n", false, false, false, true, false,
         false},
        {"GET / HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n", false, false, false, true, false,
         false},
        {POST "Content-Length: 1\r\nExpect: 100-Continue\r\n\r\nx", false, true, true, false, true,
         false},
        {POST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n", false, true, false, true, true,
         false},
        {"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\nx", true, false,
         false, false, true, false},
        {CHUNKED "0\r\n\r\n", false, true, false, false, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_parser *p = request_parser();
        size_t n = strlen(cases[i].text);
        (void)run(p, cases[i].text, n, n);
        assert_int_equal(p->http10, cases[i].http10);
        assert_int_equal(p->keep_alive, cases[i].keep_alive);
        assert_int_equal(p->expects_continue, cases[i].expects_continue);
        assert_int_equal(p->bodyless, cases[i].bodyless);
        assert_int_equal(p->has_length, cases[i].has_length);
        assert_int_equal(p->chunked, cases[i].chunked);
    }
}

static void slices_follow_their_buffer(void **state)
{
    (void)state;
    static const char text[] = "GET /x HTTP/1.1\r\n" H "A: b\r\nC:\r\n\r\n";
    char first[64], second[64];
    struct http_parser *p = request_parser();
    size_t half = 24, used; /* inside a name */
    memcpy(first, text, half);
    assert_int_equal(http_feed(p, first, half, &used), PARSE_MORE);
    memcpy(second, text, sizeof text);
    http_moved(p, second - first);
    memset(first, '!', sizeof first);
    assert_int_equal(http_feed(p, second + half, sizeof text - 1 - half, &used), PARSE_HEAD);
    assert_true(str_eq(p->target, STR("/x")));
    assert_true(str_eq(p->method, STR("GET")));
    assert_int_equal(p->fields.n, 3);
    assert_true(str_eq(p->fields.v[0].value, STR("a")));
    assert_true(str_eq(p->fields.v[1].name, STR("A")));
    assert_true(str_eq(p->fields.v[2].name, STR("C")));
    assert_int_equal(p->fields.v[2].value.len, 0);
}

static void trailers_are_never_merged(void **state)
{
    (void)state;
    static const char text[] = CHUNKED "1\r\nx\r\n0\r\nHost: evil\r\nX-Signature: forged\r\n\r\n";
    struct http_parser *p = request_parser();
    struct outcome o = run(p, text, sizeof text - 1, sizeof text - 1);
    assert_int_equal(o.event, PARSE_DONE);
    assert_int_equal(p->fields.n, 2);
    assert_null(fields_find(&p->fields, STR("x-signature")));
}

static void targets_are_split(void **state)
{
    (void)state;
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        {"/", "/", ""},           {"/a/b?c=d?e", "/a/b", "c=d?e"}, {"/?", "/", ""},
        {"*", "*", ""},           {"http://a", "/", ""},           {"HTTPS://a:1/b?c", "/b", "c"},
        {"http://a?q", "/", "q"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct str path, query;
        http_split_target(str_of(cases[i].target), &path, &query);
        assert_true(str_eq(path, str_of(cases[i].path)));
        assert_true(str_eq(query, str_of(cases[i].query)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_judged_whole_and_split_at_every_byte),
        cmocka_unit_test(no_control_stands_anywhere_in_a_value),
        cmocka_unit_test(every_fault_is_answered_with_a_refusal),
        cmocka_unit_test(stops_behind_the_message),
        cmocka_unit_test(tells_what_the_head_says),
        cmocka_unit_test(slices_follow_their_buffer),
        cmocka_unit_test(trailers_are_never_merged),
        cmocka_unit_test(targets_are_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
