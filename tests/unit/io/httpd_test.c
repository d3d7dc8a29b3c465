/* The server against a client that is driven by hand, byte by byte where it matters. */
#include "io/certs.h"
#include "io/peer.h"

#include "io/httpd.h"
#include "io/tls_context.h"

#include <sys/resource.h>

struct fixture {
    struct room room;
    struct httpd *httpd;
    struct httpd_limits limits;
    struct peer peer;
    bool hold;       /* answer later, by hand */
    bool release;    /* httpd_release in on_request */
    int refuse_head; /* status to answer from on_head, or 0 */
    size_t most;     /* what on_head returns */
    bool close;
    struct httpd_request *held;
    unsigned heads, requests, gone, refused;
    char reason[64], detail[128];
    char method[32], target[256], path[256], query[256], body[128 * 1024];
    size_t body_len, field_count;
    bool closed;
};

static void answer(struct fixture *f, struct httpd_request *r, int status, struct str body)
{
    const struct field fields[] = {{STR("X-Test"), STR("yes")}};
    const struct httpd_answer a = {.status = status,
                                   .content_type = STR("text/plain"),
                                   .fields = fields,
                                   .field_count = 1,
                                   .body = body,
                                   .close = f->close};
    httpd_answer(r, &a);
}

static size_t on_head(void *user, struct httpd_request *r)
{
    struct fixture *f = user;
    f->heads++;
    assert_null(r->pending);
    if (f->refuse_head != 0) {
        answer(f, r, f->refuse_head, STR("no"));
    }
    return f->most;
}

static void copy(char *to, size_t cap, struct str s)
{
    assert_true(s.len < cap);
    memcpy(to, s.len > 0 ? s.at : "", s.len);
    to[s.len] = '\0';
}

static void on_request(void *user, struct httpd_request *r)
{
    struct fixture *f = user;
    f->requests++;
    copy(f->method, sizeof f->method, r->method);
    copy(f->target, sizeof f->target, r->target);
    copy(f->path, sizeof f->path, r->path);
    copy(f->query, sizeof f->query, r->query);
    copy(f->body, sizeof f->body, r->body);
    f->body_len = r->body.len;
    f->field_count = r->fields->n;
    assert_true(r->began_us > 0);
    if (f->release) {
        httpd_release(r);
    }
    if (f->hold) {
        assert_null(f->held);
        f->held = r;
    } else {
        answer(f, r, 200, STR("hello"));
    }
}

static void on_gone(void *user, struct httpd_request *r)
{
    struct fixture *f = user;
    assert_ptr_equal(f->held, r);
    f->held = NULL;
    f->gone++;
}

static void on_refused(void *user, const char *reason, const char *detail,
                       const struct sockaddr_storage *peer)
{
    struct fixture *f = user;
    assert_non_null(peer);
    f->refused++;
    snprintf(f->reason, sizeof f->reason, "%s", reason);
    snprintf(f->detail, sizeof f->detail, "%s", detail);
}

static const struct httpd_limits LIMITS = {
    .head_bytes = 16384,
    .target_bytes = 8192,
    .field_count = 100,
    .body_bytes = 128 * 1024 - 1,
    .memory_bytes = 4 * 1024 * 1024,
    .connections = 100,
    .head_ms = 10000,
    .request_ms = 30000,
    .idle_ms = 60000,
    .write_ms = 10000,
};

static void open_at(struct fixture *f, struct httpd_limits limits, const char *address)
{
    memset(f, 0, sizeof *f);
    room_open(&f->room);
    f->limits = limits;
    f->most = SIZE_MAX;
    const struct httpd_handler handler = {f, on_head, on_request, on_gone, on_refused};
    assert_null(
        httpd_new(&f->httpd, &f->room.loop, &f->room.wheel, str_of(address), &limits, &handler));
    peer_connect(&f->peer, &f->room, httpd_address(f->httpd));
}

static struct fixture *open_fixture(struct httpd_limits limits)
{
    static struct fixture f;
    open_at(&f, limits, "127.0.0.1:0");
    return &f;
}

static void shut_fixture(struct fixture *f)
{
    if (f->peer.fd >= 0) {
        peer_close(&f->peer);
    }
    httpd_close(f->httpd, room_set_flag, &f->closed);
    room_wait(&f->room, &f->closed);
    assert_null(f->held);
    room_shut(&f->room);
}

static void turn_until(struct fixture *f, const unsigned *count, unsigned n)
{
    room_wait_n(&f->room, count, n);
}

/* --- the normal path --- */

#define POST                                                                                       \
    "POST /hooks/x?a=1&b=%20 HTTP/1.1\r\nHost: relay\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello"

static void answers_a_request(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    peer_send(&f->peer, POST);
    peer_expect(&f->peer, "\r\n\r\nhello");
    assert_non_null(strstr(f->peer.in, "HTTP/1.1 200 OK\r\n"));
    assert_non_null(strstr(f->peer.in, "\r\nDate: "));
    assert_non_null(strstr(f->peer.in, " GMT\r\n"));
    assert_non_null(strstr(f->peer.in, "\r\nContent-Type: text/plain\r\n"));
    assert_non_null(strstr(f->peer.in, "\r\nX-Test: yes\r\n"));
    assert_non_null(strstr(f->peer.in, "\r\nContent-Length: 5\r\n"));
    assert_null(strstr(f->peer.in, "Connection:"));
    assert_string_equal(f->method, "POST");
    assert_string_equal(f->target, "/hooks/x?a=1&b=%20");
    assert_string_equal(f->path, "/hooks/x");
    assert_string_equal(f->query, "a=1&b=%20");
    assert_string_equal(f->body, "hello");
    assert_int_equal(f->field_count, 3);
    assert_int_equal(httpd_connections(f->httpd), 1);
    peer_forget(&f->peer);
    peer_send(&f->peer, POST); /* the connection lives */
    peer_expect(&f->peer, "\r\n\r\nhello");
    assert_int_equal(f->requests, 2);
    shut_fixture(f);
}

static void every_split_gives_the_same_request(void **state)
{
    (void)state;
    static const char *const texts[] = {
        POST,
        "PUT /p HTTP/1.1\r\nhost: a:80\r\nTransfer-Encoding: Chunked\r\n\r\n"
        "3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: t\r\n\r\n",
        "GET http://relay/p?q HTTP/1.1\r\nHost: relay\r\nEmpty:\r\nPad:   x \t \r\n\r\n",
    };
    struct fixture *f = open_fixture(LIMITS);
    unsigned done = 0;
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
        size_t n = strlen(texts[t]);
        for (size_t cut = 1; cut < n; cut++) {
            peer_send_bytes(&f->peer, texts[t], cut);
            peer_turn(&f->peer, POLLIN);
            peer_send_bytes(&f->peer, texts[t] + cut, n - cut);
            turn_until(f, &f->requests, ++done);
            assert_string_equal(f->body, t < 2 ? "hello" : "");
            assert_string_equal(f->path, t == 0 ? "/hooks/x" : "/p");
            assert_int_equal(f->field_count, t == 1 ? 2 : 3);
            peer_expect(&f->peer, "\r\n\r\nhello");
            peer_forget(&f->peer);
        }
        for (size_t i = 0; i < n; i++) { /* and each byte by itself */
            peer_send_bytes(&f->peer, texts[t] + i, 1);
            peer_turn(&f->peer, POLLIN);
        }
        turn_until(f, &f->requests, ++done);
        assert_string_equal(f->body, t < 2 ? "hello" : "");
        peer_expect(&f->peer, "\r\n\r\nhello");
        peer_forget(&f->peer);
    }
    assert_int_equal(f->refused, 0);
    shut_fixture(f);
}

static void pipelined_requests_are_answered_in_turn(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    char text[64 * 1024];
    size_t n = 0;
    for (unsigned i = 0; i < 600; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "GET /%u HTTP/1.1\r\nHost: a\r\n\r\n", i);
    }
    peer_send_bytes(&f->peer, text, n);
    turn_until(f, &f->requests, 600);
    assert_string_equal(f->path, "/599");
    shut_fixture(f);
}

static void a_held_request_holds_the_next_one(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    f->hold = true;
    char *big = malloc(100000);
    memset(big, 'x', 100000);
    peer_send(&f->peer, POST);
    turn_until(f, &f->requests, 1);
    peer_send(&f->peer, "POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    peer_send_bytes(&f->peer, big, 100000);
    peer_turn(&f->peer, POLLOUT);
    peer_turn(&f->peer, POLLOUT);
    assert_int_equal(f->requests, 1);
    for (unsigned i = 2; i <= 3; i++) {
        struct httpd_request *r = f->held;
        f->held = NULL;
        answer(f, r, 202, STR("first"));
        if (i == 3) {
            break;
        }
        turn_until(f, &f->requests, i);
        assert_string_equal(f->path, "/2");
        assert_int_equal(f->body_len, 100000);
        assert_memory_equal(f->body, big, 100000);
    }
    free(big);
    peer_expect(&f->peer, "first");
    shut_fixture(f);
}

/* What came with it fills the place of the next ones, and still more comes. */
static void what_comes_behind_a_held_large_head_waits(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    f->hold = true;
    char text[64 * 1024];
    size_t n = (size_t)snprintf(text, sizeof text, "GET /0 HTTP/1.1\r\nHost: a\r\nLong: ");
    memset(text + n, 'l', 12000);
    n += 12000;
    n += (size_t)snprintf(text + n, sizeof text - n, "\r\n\r\n");
    unsigned last = 0;
    while (n < 60 * 1024) {
        n += (size_t)snprintf(text + n, sizeof text - n, "GET /%u HTTP/1.1\r\nHost: a\r\n\r\n",
                              ++last);
    }
    peer_send_bytes(&f->peer, text, n);
    turn_until(f, &f->requests, 1);
    peer_turn(&f->peer, POLLOUT);
    peer_turn(&f->peer, POLLOUT);
    assert_string_equal(f->path, "/0");
    assert_int_equal(f->gone, 0);
    struct httpd_request *first = f->held;
    f->hold = false;
    f->held = NULL;
    answer(f, first, 202, STR("first"));
    turn_until(f, &f->requests, last + 1);
    peer_expect(&f->peer, "first");
    shut_fixture(f);
}

static void a_released_request_is_still_answered(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    f->hold = f->release = true;
    peer_send(&f->peer, POST POST);
    for (unsigned i = 1; i <= 2; i++) {
        turn_until(f, &f->requests, i);
        struct httpd_request *r = f->held;
        f->held = NULL;
        answer(f, r, 200, STR("later"));
        peer_expect(&f->peer, "later");
        peer_forget(&f->peer);
    }
    shut_fixture(f);
}

static void bodies_of_every_size_arrive_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4000, 8100, 8191, 8192, 8193, 65535, 65536, 65537, 131071};
    struct fixture *f = open_fixture(LIMITS);
    char *bytes = malloc(131072 + 65536), head[128];
    for (size_t i = 0; i < 131072; i++) {
        bytes[i] = (char)('a' + i % 26);
    }
    unsigned done = 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n",
                 sizes[i]);
        peer_send(&f->peer, head);
        peer_send_bytes(&f->peer, bytes, sizes[i]);
        turn_until(f, &f->requests, ++done);
        assert_int_equal(f->body_len, sizes[i]);
        assert_memory_equal(f->body, bytes, sizes[i]);
        peer_send(&f->peer, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        for (size_t at = 0, n; at < sizes[i]; at += n) { /* odd chunks */
            n = sizes[i] - at < 1777 ? sizes[i] - at : 1777;
            snprintf(head, sizeof head, "%zx\r\n", n);
            peer_send(&f->peer, head);
            peer_send_bytes(&f->peer, bytes + at, n);
            peer_send(&f->peer, "\r\n");
        }
        peer_send(&f->peer, "0\r\n\r\n");
        turn_until(f, &f->requests, ++done);
        assert_int_equal(f->body_len, sizes[i]);
        assert_memory_equal(f->body, bytes, sizes[i]);
    }
    free(bytes);
    assert_int_equal(f->refused, 0);
    shut_fixture(f);
}

static void a_large_answer_arrives_whole(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    f->hold = true;
    size_t n = 16u * 1024 * 1024, seen = 0;
    char *big = malloc(n);
    memset(big, 'z', n);
    peer_send(&f->peer, POST);
    turn_until(f, &f->requests, 1);
    struct httpd_request *r = f->held;
    f->held = NULL;
    answer(f, r, 200, (struct str){big, n});
    free(big); /* borrowed for the call only */
    while (seen < n) {
        peer_turn(&f->peer, POLLIN);
        peer_read(&f->peer);
        for (size_t i = 0; i < f->peer.n; i++) {
            seen += f->peer.in[i] == 'z';
        }
        peer_forget(&f->peer);
    }
    peer_send(&f->peer, POST);
    turn_until(f, &f->requests, 2);
    r = f->held;
    f->held = NULL;
    answer(f, r, 204, STR_NONE);
    peer_expect(&f->peer, "HTTP/1.1 204 No Content\r\n");
    assert_null(strstr(f->peer.in, "Content-Length"));
    shut_fixture(f);
}

static void head_is_answered_without_a_body(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    peer_send(&f->peer, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_expect(&f->peer, "Content-Length: 5\r\n\r\n");
    peer_send(&f->peer, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    peer_expect(&f->peer, "\r\n\r\nhello");
    assert_null(strstr(f->peer.in, "\r\n\r\nhelloHTTP"));
    shut_fixture(f);
}

/* --- the connection --- */

static void closes_when_it_should(void **state)
{
    (void)state;
    static const struct {
        const char *request;
        bool closes;
        const char *field; /* in the answer */
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", true, "Connection: close"},
        {"GET / HTTP/1.0\r\n\r\n", true, "Connection: close"},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false, "Connection: keep-alive"},
        {"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", false, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = open_fixture(LIMITS);
        peer_send(&f->peer, cases[i].request);
        peer_expect(&f->peer, "\r\n\r\nhello");
        if (cases[i].field != NULL) {
            assert_non_null(strstr(f->peer.in, cases[i].field));
        }
        if (cases[i].closes) {
            peer_expect_end(&f->peer);
        } else {
            peer_forget(&f->peer);
            peer_send(&f->peer, cases[i].request);
            peer_expect(&f->peer, "\r\n\r\nhello");
        }
        shut_fixture(f);
    }
}

static void a_half_closed_client_gets_its_answer(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    f->hold = true;
    peer_send(&f->peer, POST);
    shutdown(f->peer.fd, SHUT_WR);
    turn_until(f, &f->requests, 1);
    peer_turn(&f->peer, 0);
    peer_turn(&f->peer, 0);
    assert_int_equal(f->gone, 0);
    struct httpd_request *r = f->held;
    f->held = NULL;
    answer(f, r, 200, STR("late"));
    peer_expect(&f->peer, "late");
    peer_expect_end(&f->peer);
    shut_fixture(f);
}

static void a_reset_while_pending_says_gone_once(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    f->hold = true;
    peer_send(&f->peer, POST);
    turn_until(f, &f->requests, 1);
    peer_reset(&f->peer);
    turn_until(f, &f->gone, 1);
    assert_int_equal(httpd_connections(f->httpd), 0);
    shut_fixture(f);
    assert_int_equal(f->gone, 1);
}

static void an_answer_beats_gone(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    f->hold = true;
    peer_send(&f->peer, POST);
    turn_until(f, &f->requests, 1);
    httpd_close(f->httpd, room_set_flag, &f->closed); /* gone is on its way from the loop */
    struct httpd_request *r = f->held;
    f->held = NULL;
    answer(f, r, 200, STR("never seen"));
    peer_expect_end(&f->peer);
    room_wait(&f->room, &f->closed);
    assert_int_equal(f->gone, 0);
    assert_int_equal(f->peer.n, 0);
    peer_close(&f->peer);
    room_shut(&f->room);
}

static void close_says_gone_for_what_is_pending(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    f->hold = true;
    peer_send(&f->peer, POST);
    turn_until(f, &f->requests, 1);
    shut_fixture(f);
    assert_int_equal(f->gone, 1);
}

static void drain_ends_idle_ones_and_closes_behind_answers(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    static struct peer idle;
    peer_connect(&idle, &f->room, httpd_address(f->httpd));
    peer_send(&idle, POST);
    peer_expect(&idle, "hello");
    f->hold = true;
    peer_send(&f->peer, POST);
    turn_until(f, &f->requests, 2);
    httpd_drain(f->httpd);
    peer_expect_end(&idle);
    peer_close(&idle);
    struct httpd_request *r = f->held;
    f->held = NULL;
    answer(f, r, 200, STR("bye"));
    peer_expect(&f->peer, "bye");
    assert_non_null(strstr(f->peer.in, "Connection: close"));
    peer_expect_end(&f->peer);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a.sin_port = htons((uint16_t)atoi(strrchr(httpd_address(f->httpd), ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_not_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
    shut_fixture(f);
}

static void serves_a_unix_socket(void **state)
{
    (void)state;
    static struct fixture f;
    char address[128];
    snprintf(address, sizeof address, "unix:/tmp/penstock-unit-%d.sock", (int)getpid());
    open_at(&f, LIMITS, address);
    assert_string_equal(httpd_address(f.httpd), address);
    peer_send(&f.peer, POST);
    peer_expect(&f.peer, "\r\n\r\nhello");
    shut_fixture(&f);
    assert_int_not_equal(access(address + 5, F_OK), 0);
}

static void a_stale_unix_socket_is_replaced(void **state)
{
    (void)state;
    static struct fixture f;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char address[128];
    snprintf(address, sizeof address, "unix:/tmp/penstock-unit-%d.sock", (int)getpid());
    snprintf(a.sun_path, sizeof a.sun_path, "%.100s", address + 5);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
    open_at(&f, LIMITS, address);
    shut_fixture(&f);
}

/* --- 100-continue --- */

static void continues_only_for_a_body_that_it_takes(void **state)
{
    (void)state;
#define EXPECT "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    struct fixture *f = open_fixture(LIMITS);
    peer_send(&f->peer, EXPECT);
    peer_expect(&f->peer, "HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(f->requests, 0);
    peer_send(&f->peer, "hello");
    peer_expect(&f->peer, "\r\n\r\nhello");
    peer_forget(&f->peer);
    peer_send(&f->peer, EXPECT "hello"); /* already there: no need to say it */
    peer_expect(&f->peer, "\r\n\r\nhello");
    assert_null(strstr(f->peer.in, "100 Continue"));
    peer_forget(&f->peer);
    f->most = 4;
    peer_send(&f->peer, EXPECT);
    peer_expect(&f->peer, "HTTP/1.1 413 Content Too Large\r\n");
    assert_null(strstr(f->peer.in, "100 Continue"));
    peer_expect_end(&f->peer);
    shut_fixture(f);
    f = open_fixture(LIMITS);
    f->refuse_head = 401;
    peer_send(&f->peer, EXPECT);
    peer_expect(&f->peer, "HTTP/1.1 401 Unauthorized\r\n");
    assert_null(strstr(f->peer.in, "100 Continue"));
    peer_expect_end(&f->peer);
    assert_int_equal(f->requests, 0);
    shut_fixture(f);
}

/* --- refusals --- */

static void a_refusal_at_the_head_keeps_a_connection_without_a_body(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    f->refuse_head = 404;
    peer_send(&f->peer, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    turn_until(f, &f->heads, 2);
    peer_expect(&f->peer, "HTTP/1.1 404 Not Found\r\n");
    f->refuse_head = 0;
    peer_send(&f->peer, POST);
    peer_expect(&f->peer, "\r\n\r\nhello");
    assert_int_equal(f->requests, 1);
    shut_fixture(f);
}

/* The answer must reach a client that is still sending: no reset may overtake it. */
static void a_refusal_reaches_a_client_that_still_sends(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    f->refuse_head = 403;
    char some[4096] = {0};
    peer_send(&f->peer, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    for (int i = 0; i < 24; i++) {
        peer_send_bytes(&f->peer, some, sizeof some);
        peer_turn(&f->peer, POLLOUT);
    }
    peer_expect(&f->peer, "HTTP/1.1 403 Forbidden\r\n");
    assert_non_null(strstr(f->peer.in, "Connection: close"));
    peer_expect_end(&f->peer);
    assert_int_equal(f->requests, 0);
    shut_fixture(f);
}

static void refused_with(struct httpd_limits limits, const char *request, const char *status,
                         const char *reason)
{
    struct fixture *f = open_fixture(limits);
    char line[64], body[64];
    snprintf(line, sizeof line, "HTTP/1.1 %s ", status);
    snprintf(body, sizeof body, "\r\n\r\n{\"error\":\"%s\"}\n", reason);
    peer_send(&f->peer, request);
    peer_expect(&f->peer, body);
    assert_memory_equal(f->peer.in, line, strlen(line));
    assert_non_null(strstr(f->peer.in, "Connection: close\r\n"));
    assert_non_null(strstr(f->peer.in, "Content-Type: application/json\r\n"));
    assert_int_equal(strstr(f->peer.in, "Retry-After: ") != NULL, status[0] == '5');
    peer_expect_end(&f->peer);
    assert_int_equal(f->requests, 0);
    assert_int_equal(f->refused, 1);
    assert_string_equal(f->reason, reason);
    assert_true(strlen(f->detail) > 5);
    shut_fixture(f);
}

static void sizes_are_refused(void **state)
{
    (void)state;
    static char text[64 * 1024], fill[32 * 1024];
    struct httpd_limits small = LIMITS;
    small.body_bytes = 10;
    refused_with(small, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", "413",
                 "too_large");
    refused_with(
        small,
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\nhello hello\r\n",
        "413", "too_large");
    refused_with(LIMITS, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999\r\n\r\n",
                 "413", "too_large");
    memset(fill, 'x', sizeof fill - 1);
    snprintf(text, sizeof text, "GET /%.8192s HTTP/1.1\r\nHost: a\r\n\r\n", fill);
    refused_with(LIMITS, text, "414", "too_large");
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nX: %.16384s\r\n\r\n", fill);
    refused_with(LIMITS, text, "431", "too_large");
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nX: %.30000s", fill); /* unfinished */
    refused_with(LIMITS, text, "431", "too_large");
    size_t n = (size_t)snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < 100; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "X: y\r\n");
    }
    snprintf(text + n, sizeof text - n, "\r\n");
    refused_with(LIMITS, text, "431", "too_large");
    snprintf(text, sizeof text,
             "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;%.8000s\r\n", fill);
    refused_with(LIMITS, text, "413", "too_large");
    n = (size_t)snprintf(text, sizeof text,
                         "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
    for (int i = 0; i < 1000; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "X: yyyyy\r\n");
    }
    refused_with(LIMITS, text, "413", "too_large");
}

static void just_within_the_limits_is_fine(void **state)
{
    (void)state;
    static char text[64 * 1024], fill[32 * 1024];
    memset(fill, 'x', sizeof fill - 1);
    struct fixture *f = open_fixture(LIMITS);
    int head = (int)strlen("GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n");
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\nX: %.*s\r\n\r\n", 16384 - head, fill);
    peer_send(&f->peer, text);
    turn_until(f, &f->requests, 1);
    assert_int_equal(f->refused, 0);
    shut_fixture(f);
}

static void too_slow_is_refused(void **state)
{
    (void)state;
    struct httpd_limits quick = LIMITS;
    quick.head_ms = quick.request_ms = 300;
    refused_with(quick, "GET / HTTP/1.1\r\nHost", "408", "too_slow");
    refused_with(quick, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhell", "408",
                 "too_slow");
    quick.idle_ms = 300;
    struct fixture *f = open_fixture(quick);
    peer_expect_end(&f->peer); /* never said anything: not answered */
    assert_int_equal(f->peer.n + f->refused, 0);
    shut_fixture(f);
    f = open_fixture(quick);
    peer_send(&f->peer, POST);
    peer_expect(&f->peer, "\r\n\r\nhello");
    peer_forget(&f->peer);
    peer_expect_end(&f->peer);
    assert_int_equal(f->peer.n + f->refused, 0);
    shut_fixture(f);
}

static void an_unread_answer_ends_at_its_deadline(void **state)
{
    (void)state;
    struct httpd_limits quick = LIMITS;
    quick.write_ms = 30;
    struct fixture *f = open_fixture(quick);
    f->hold = true;
    char *big = calloc(1, 16u * 1024 * 1024);
    peer_send(&f->peer, POST);
    turn_until(f, &f->requests, 1);
    struct httpd_request *r = f->held;
    f->held = NULL;
    answer(f, r, 200, (struct str){big, 16u * 1024 * 1024});
    free(big);
    while (httpd_connections(f->httpd) > 0) {
        uv_run(&f->room.loop, UV_RUN_ONCE);
    }
    shut_fixture(f);
}

static void memory_in_flight_is_bounded(void **state)
{
    (void)state;
    struct httpd_limits small = LIMITS;
    small.memory_bytes = 40000;
    refused_with(small, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n", "503",
                 "overloaded");
    small.memory_bytes = 20000; /* two blocks */
    struct fixture *f = open_fixture(small);
    static struct peer second, third;
    f->hold = true;
    peer_connect(&second, &f->room, httpd_address(f->httpd));
    peer_connect(&third, &f->room, httpd_address(f->httpd));
    peer_send(&f->peer, POST);
    turn_until(f, &f->requests, 1);
    peer_send(&second, "GET / HTTP/1.1\r\n");
    peer_turn(&second, POLLIN);
    peer_send(&third, POST);
    peer_expect(&third, "HTTP/1.1 503 Service Unavailable\r\n");
    peer_expect_end(&third);
    peer_close(&second);
    peer_close(&third);
    struct httpd_request *r = f->held;
    f->held = NULL;
    answer(f, r, 200, STR("fine"));
    peer_expect(&f->peer, "fine");
    peer_send(&f->peer, POST);
    turn_until(f, &f->requests, 2); /* room again */
    r = f->held;
    f->held = NULL;
    answer(f, r, 200, STR("fine"));
    shut_fixture(f);
}

/* --- a client over TLS: what OpenSSL says is carried by hand */

static void carry_out(struct peer *p, SSL *ssl)
{
    char *at;
    long n = BIO_get_mem_data(SSL_get_wbio(ssl), &at);
    peer_send_bytes(p, at, (size_t)n);
    assert_int_equal(BIO_reset(SSL_get_wbio(ssl)), 1);
}

static SSL *shake_hands(struct peer *p, SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    while (SSL_connect(ssl) != 1) {
        carry_out(p, ssl);
        peer_turn(p, POLLIN);
        peer_read(p);
        assert_false(p->ended);
        BIO_write(SSL_get_rbio(ssl), p->in, (int)p->n);
        peer_forget(p);
    }
    carry_out(p, ssl);
    return ssl;
}

static void hold_it(void *user, struct httpd_request *r)
{
    (void)r;
    ((struct fixture *)user)->requests++;
}

static void count_gone(void *user, struct httpd_request *r)
{
    (void)r;
    ((struct fixture *)user)->gone++;
}

/* Each has a request with the handler, and sends the next ones. All of that would fit if only what
 * is parsed counted. */
static void what_tls_holds_counts_as_memory_in_flight(void **state)
{
    (void)state;
    enum { CLIENTS = 10 };
    static struct peer peers[CLIENTS];
    static char requests[64 * 1024];
    static struct fixture f;
    char cert[128], key[128];
    for (size_t n = 0; n + 28 <= sizeof requests; n += 28) {
        memcpy(requests + n, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", 28);
    }
    snprintf(cert, sizeof cert, "%s/good.pem", certs);
    snprintf(key, sizeof key, "%s/good.key", certs);
    const struct tls_files files = {.cert_file = str_of(cert), .key_file = str_of(key)};
    struct tls_context *tls;
    assert_null(tls_server_new(&tls, &files, 1, STR_NONE));
    memset(&f, 0, sizeof f);
    room_open(&f.room);
    f.most = SIZE_MAX;
    struct httpd_limits small = LIMITS;
    small.memory_bytes = CLIENTS * 24 * 1024;
    small.handshakes = CLIENTS;
    const struct httpd_handler handler = {&f, on_head, hold_it, count_gone, on_refused};
    assert_null(
        httpd_new(&f.httpd, &f.room.loop, &f.room.wheel, STR("127.0.0.1:0"), &small, &handler));
    httpd_use_tls(f.httpd, tls);
    tls_context_unref(tls);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    for (unsigned i = 0; i < CLIENTS; i++) {
        peer_connect(&peers[i], &f.room, httpd_address(f.httpd));
        SSL *ssl = shake_hands(&peers[i], ctx);
        assert_int_equal(SSL_write(ssl, requests, sizeof requests), sizeof requests);
        carry_out(&peers[i], ssl);
        SSL_free(ssl);
    }
    turn_until(&f, &f.refused, 1);
    assert_string_equal(f.reason, "overloaded");
    for (unsigned i = 0; i < CLIENTS; i++) {
        peer_close(&peers[i]);
    }
    SSL_CTX_free(ctx);
    httpd_close(f.httpd, room_set_flag, &f.closed); /* and all memory is back */
    room_wait(&f.room, &f.closed);
    assert_int_equal(f.gone, f.requests);
    room_shut(&f.room);
}

static void connections_are_bounded(void **state)
{
    (void)state;
    struct httpd_limits few = LIMITS;
    few.connections = 1;
    struct fixture *f = open_fixture(few);
    peer_send(&f->peer, POST);
    peer_expect(&f->peer, "hello");
    static struct peer second;
    peer_connect(&second, &f->room, httpd_address(f->httpd));
    peer_expect_end(&second);
    assert_string_equal(f->reason, "overloaded");
    peer_close(&second);
    peer_forget(&f->peer);
    peer_send(&f->peer, POST);
    peer_expect(&f->peer, "hello");
    shut_fixture(f);
}

/* Of another client than everybody else here. */
static void connect_from_afar(struct peer *p, struct fixture *f)
{
    struct sockaddr_in from = {.sin_family = AF_INET}, to = from;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)atoi(strrchr(httpd_address(f->httpd), ':') + 1));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    peer_init(p, &f->room, fd);
}

/* Both come in one turn of the loop: the refused one is not closed yet. */
static void a_refused_connection_takes_no_place_from_others(void **state)
{
    (void)state;
    struct httpd_limits few = LIMITS;
    few.connections = 2;
    few.per_address = 1;
    struct fixture *f = open_fixture(few);
    peer_send(&f->peer, POST);
    peer_expect(&f->peer, "hello");
    static struct peer second, other;
    peer_connect(&second, &f->room, httpd_address(f->httpd));
    connect_from_afar(&other, f);
    peer_send(&other, POST);
    peer_expect(&other, "hello");
    peer_expect_end(&second);
    assert_int_equal(f->refused, 1);
    assert_non_null(strstr(f->detail, "one address"));
    peer_close(&second);
    peer_close(&other);
    shut_fixture(f);
}

static void running_out_of_descriptors_pauses_and_recovers(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    peer_send(&f->peer, POST);
    peer_expect(&f->peer, "hello");
    static struct peer second;
    peer_connect(&second, &f->room, httpd_address(f->httpd));
    struct rlimit old, low;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)second.fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    turn_until(f, &f->refused, 2); /* once a pause: it does not spin */
    assert_non_null(strstr(f->detail, "descriptors"));
    peer_forget(&f->peer);
    peer_send(&f->peer, POST); /* those that are in are served */
    peer_expect(&f->peer, "hello");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    peer_send(&second, POST);
    peer_expect(&second, "hello");
    peer_close(&second);
    shut_fixture(f);
}

/* --- the address --- */

static void bad_addresses_are_said_clearly(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    const struct httpd_handler handler = {f, on_head, on_request, on_gone, on_refused};
    struct httpd *other;
    static const struct {
        const char *address, *part;
    } cases[] = {
        {"nonsense", "expected host:port"},    {"127.0.0.1:70000", "expected host:port"},
        {"192.0.2.1:8080", "no such address"}, {"name.invalid:80", "name.invalid:80: "},
        {"unix:", "1 to 107 bytes"},           {"unix:/nowhere/at/all.sock", "No such file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *why = httpd_new(&other, &f->room.loop, &f->room.wheel, str_of(cases[i].address),
                                    &LIMITS, &handler);
        assert_non_null(why);
        assert_non_null(strstr(why, cases[i].part));
        assert_memory_equal(why, cases[i].address, strlen(cases[i].address));
    }
    const char *taken = httpd_new(&other, &f->room.loop, &f->room.wheel,
                                  str_of(httpd_address(f->httpd)), &LIMITS, &handler);
    assert_non_null(strstr(taken, "already in use"));
    shut_fixture(f);
}

/* The listener may be joined by later workers of ours. */
static void the_port_may_be_shared_by_option(void **state)
{
    (void)state;
    struct fixture *f = open_fixture(LIMITS);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    a.sin_port = htons((uint16_t)atoi(strrchr(httpd_address(f->httpd), ':') + 1));
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 1), 0);
    close(fd);
    shut_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_a_request),
        cmocka_unit_test(every_split_gives_the_same_request),
        cmocka_unit_test(pipelined_requests_are_answered_in_turn),
        cmocka_unit_test(a_held_request_holds_the_next_one),
        cmocka_unit_test(what_comes_behind_a_held_large_head_waits),
        cmocka_unit_test(a_released_request_is_still_answered),
        cmocka_unit_test(bodies_of_every_size_arrive_whole),
        cmocka_unit_test(a_large_answer_arrives_whole),
        cmocka_unit_test(head_is_answered_without_a_body),
        cmocka_unit_test(closes_when_it_should),
        cmocka_unit_test(a_half_closed_client_gets_its_answer),
        cmocka_unit_test(a_reset_while_pending_says_gone_once),
        cmocka_unit_test(an_answer_beats_gone),
        cmocka_unit_test(close_says_gone_for_what_is_pending),
        cmocka_unit_test(drain_ends_idle_ones_and_closes_behind_answers),
        cmocka_unit_test(serves_a_unix_socket),
        cmocka_unit_test(a_stale_unix_socket_is_replaced),
        cmocka_unit_test(continues_only_for_a_body_that_it_takes),
        cmocka_unit_test(a_refusal_at_the_head_keeps_a_connection_without_a_body),
        cmocka_unit_test(a_refusal_reaches_a_client_that_still_sends),
        cmocka_unit_test(sizes_are_refused),
        cmocka_unit_test(just_within_the_limits_is_fine),
        cmocka_unit_test(too_slow_is_refused),
        cmocka_unit_test(an_unread_answer_ends_at_its_deadline),
        cmocka_unit_test(memory_in_flight_is_bounded),
        cmocka_unit_test(what_tls_holds_counts_as_memory_in_flight),
        cmocka_unit_test(connections_are_bounded),
        cmocka_unit_test(a_refused_connection_takes_no_place_from_others),
        cmocka_unit_test(running_out_of_descriptors_pauses_and_recovers),
        cmocka_unit_test(bad_addresses_are_said_clearly),
        cmocka_unit_test(the_port_may_be_shared_by_option),
    };
    return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
