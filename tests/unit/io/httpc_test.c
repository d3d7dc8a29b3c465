/* The client against a server that is driven by hand. */
#include "io/peer.h"

#include "io/httpc.h"

struct call {
    struct httpc_call call;
    struct fixture *f;
    bool done;
    unsigned completions;
    const char *reason;
    int status;
    bool reused;
    char detail[256], retry_after[64], location[128], body[2048];
    size_t body_len;
};

struct fixture {
    struct room room;
    struct httpc *httpc;
    struct httpc_origin *origin;
    int listener;
    uint16_t port;
    struct peer peer;
    struct call calls[4];
    bool closed;
};

static void copy(char *to, size_t cap, struct str s)
{
    assert_true(s.len < cap);
    memcpy(to, s.len > 0 ? s.at : "", s.len);
    to[s.len] = '\0';
}

static void on_done(struct httpc_call *call, const struct httpc_result *result)
{
    struct call *c = CONTAINER_OF(call, struct call, call);
    c->done = true;
    c->completions++;
    c->reason = result->reason;
    c->status = result->status;
    c->reused = result->reused;
    snprintf(c->detail, sizeof c->detail, "%s", result->detail == NULL ? "" : result->detail);
    copy(c->retry_after, sizeof c->retry_after, result->retry_after);
    copy(c->location, sizeof c->location, result->location);
    copy(c->body, sizeof c->body, result->body);
    c->body_len = result->body.len;
}

static int listen_here(uint16_t *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static struct fixture *open_host(const char *host)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    room_open(&f.room);
    f.listener = listen_here(&f.port);
    f.peer.fd = -1;
    f.httpc = httpc_new(&f.room.loop, &f.room.wheel);
    const struct httpc_origin_conf conf = {.host = str_of(host), .port = f.port, .idle = 2};
    assert_null(httpc_origin_new(&f.origin, f.httpc, &conf));
    return &f;
}

static struct fixture *open_fixture(void)
{
    return open_host("127.0.0.1");
}

static void shut_fixture(struct fixture *f)
{
    if (f->peer.fd >= 0) {
        peer_close(&f->peer);
    }
    httpc_origin_free(f->origin);
    httpc_close(f->httpc, room_set_flag, &f->closed);
    room_wait(&f->room, &f->closed);
    close(f->listener);
    for (size_t i = 0; i < 4; i++) {
        assert_true(f->calls[i].completions <= 1);
    }
    room_shut(&f->room);
}

static const struct httpc_timeouts PATIENT = {5000, 10000};

static struct call *start_with(struct fixture *f, unsigned i, struct httpc_request request,
                               struct httpc_timeouts timeouts)
{
    struct call *c = &f->calls[i];
    memset(c, 0, sizeof *c);
    c->f = f;
    httpc_start(&c->call, f->origin, &request, &timeouts, on_done);
    assert_false(c->done);
    return c;
}

static struct call *start(struct fixture *f, unsigned i)
{
    const struct httpc_request request = {.method = STR("POST"),
                                          .target = STR("/in?x=1"),
                                          .fields = STR("X-One: 1\r\n"),
                                          .more_fields = STR("X-Two: 2\r\n"),
                                          .body = STR("payload")};
    return start_with(f, i, request, PATIENT);
}

static void accept_peer(struct fixture *f, struct peer *p)
{
    struct peer waiting = {.room = &f->room, .fd = f->listener};
    int fd;
    while ((fd = accept(f->listener, NULL, NULL)) < 0) {
        peer_turn(&waiting, POLLIN);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    peer_init(p, &f->room, fd);
}

static void finish_call(struct call *c)
{
    room_wait(&c->f->room, &c->done);
}

static struct call *exchange(struct fixture *f, const char *answer)
{
    struct call *c = start(f, 0);
    if (f->peer.fd < 0) {
        accept_peer(f, &f->peer);
    }
    peer_expect(&f->peer, "payload");
    peer_forget(&f->peer);
    peer_send(&f->peer, answer);
    finish_call(c);
    return c;
}

#define OK_EMPTY "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static void sends_one_request_and_tells_the_answer(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    struct call *c = start(f, 0);
    accept_peer(f, &f->peer);
    peer_expect(&f->peer, "payload");
    char want[256];
    snprintf(want, sizeof want,
             "POST /in?x=1 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nX-One: 1\r\nX-Two: 2\r\n"
             "Content-Length: 7\r\n\r\npayload",
             f->port);
    assert_string_equal(f->peer.in, want);
    peer_send(&f->peer, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nLocation: /x\r\n"
                        "Content-Length: 4\r\n\r\nbusy");
    finish_call(c);
    assert_null(c->reason);
    assert_int_equal(c->status, 503);
    assert_string_equal(c->retry_after, "7");
    assert_string_equal(c->location, "/x");
    assert_string_equal(c->body, "busy");
    assert_false(c->reused);
    shut_fixture(f);
}

static void keeps_and_reuses_connections(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    for (int i = 0; i < 5; i++) {
        struct call *c =
            exchange(f, i % 2 == 0 ? OK_EMPTY
                                   : "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "3\r\nabc\r\n0\r\n\r\n");
        assert_null(c->reason);
        assert_int_equal(c->reused, i > 0);
        assert_string_equal(c->body, i % 2 == 0 ? "" : "abc");
    }
    assert_int_equal(accept(f->listener, NULL, NULL), -1);
    shut_fixture(f);
}

/* Reading to the limit, byte by byte: an answer split anywhere is the same answer. */
static void every_split_gives_the_same_answer(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nT: "
        "t\r\n\r\n",
    };
    struct fixture *f = open_fixture();
    for (size_t t = 0; t < 2; t++) {
        size_t n = strlen(answers[t]);
        for (size_t cut = 1; cut < n; cut++) {
            struct call *c = start(f, 0);
            if (f->peer.fd < 0) {
                accept_peer(f, &f->peer);
            }
            peer_expect(&f->peer, "payload");
            peer_forget(&f->peer);
            peer_send_bytes(&f->peer, answers[t], cut);
            peer_turn(&f->peer, POLLOUT);
            peer_send_bytes(&f->peer, answers[t] + cut, n - cut);
            finish_call(c);
            assert_null(c->reason);
            assert_int_equal(c->status, 200);
            assert_string_equal(c->body, "hello");
        }
    }
    shut_fixture(f);
}

static void pool_is_lifo_and_bounded(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    static struct peer peers[4];
    struct call *calls[4];
    for (unsigned i = 0; i < 4; i++) {
        calls[i] = start(f, i);
        accept_peer(f, &peers[i]);
        peer_expect(&peers[i], "payload");
    }
    for (unsigned i = 0; i < 4; i++) {
        peer_send(&peers[i], OK_EMPTY);
        finish_call(calls[i]);
    }
    peer_expect_end(&peers[2]); /* two are kept: the first two to end */
    peer_expect_end(&peers[3]);
    peer_forget(&peers[1]);
    struct call *c = start(f, 0);
    peer_expect(&peers[1], "payload"); /* the latest first */
    peer_send(&peers[1], OK_EMPTY);
    finish_call(c);
    assert_true(c->reused);
    for (unsigned i = 0; i < 4; i++) {
        peer_close(&peers[i]);
    }
    shut_fixture(f);
}

static void what_ends_reuse(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nextra",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\nbody",
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct fixture *f = open_fixture();
        struct call *c = exchange(f, answers[i]);
        assert_null(c->reason);
        peer_expect_end(&f->peer);
        shut_fixture(f);
    }
}

static void idle_connections_that_speak_or_end_are_dropped(void **state)
{
    (void)state;
    for (int speaks = 0; speaks < 2; speaks++) {
        struct fixture *f = open_fixture();
        exchange(f, OK_EMPTY);
        if (speaks) {
            peer_send(&f->peer, "HTTP/1.1 408 Request Timeout\r\n\r\n");
        } else {
            shutdown(f->peer.fd, SHUT_WR);
        }
        peer_expect_end(&f->peer);
        peer_close(&f->peer);
        struct call *c = exchange(f, OK_EMPTY);
        assert_null(c->reason);
        assert_false(c->reused);
        shut_fixture(f);
    }
}

static void a_dead_reused_connection_is_replaced_silently_once(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    exchange(f, OK_EMPTY);
    struct call *c = start(f, 0); /* written before its end can be seen */
    peer_expect(&f->peer, "payload");
    peer_close(&f->peer);
    accept_peer(f, &f->peer);
    peer_expect(&f->peer, "payload");
    assert_false(c->done);
    peer_close(&f->peer); /* the second death is told */
    finish_call(c);
    assert_ptr_equal(c->reason, HTTPC_RESET);
    assert_false(c->reused);
    shut_fixture(f);
}

static void a_reset_of_a_reused_connection_too(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    exchange(f, OK_EMPTY);
    struct call *c = start(f, 0);
    peer_expect(&f->peer, "payload");
    peer_reset(&f->peer);
    accept_peer(f, &f->peer);
    peer_expect(&f->peer, "payload");
    peer_send(&f->peer, OK_EMPTY);
    finish_call(c);
    assert_null(c->reason);
    shut_fixture(f);
}

static void a_reused_connection_that_said_a_byte_is_not_resent(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    exchange(f, OK_EMPTY);
    struct call *c = start(f, 0);
    peer_expect(&f->peer, "payload");
    peer_send(&f->peer, "H");
    shutdown(f->peer.fd, SHUT_WR);
    finish_call(c);
    assert_ptr_equal(c->reason, HTTPC_RESET);
    assert_true(c->reused);
    shut_fixture(f);
}

/* What an answer and the end of the connection make of a call. */
static void outcomes(void **state)
{
    (void)state;
    static char huge[40000], capped[100000], many[2000];
    size_t n = (size_t)snprintf(huge, sizeof huge, "HTTP/1.1 200 OK\r\nX: ");
    memset(huge + n, 'x', sizeof huge - n - 1);
    n = (size_t)snprintf(capped, sizeof capped, "HTTP/1.1 200 OK\r\nContent-Length: 99000\r\n\r\n");
    memset(capped + n, 'y', sizeof capped - n - 1);
    for (int i = 0; i < 9; i++) {
        strcat(many, "HTTP/1.1 103 Early Hints\r\n\r\n");
    }
    strcat(many, OK_EMPTY);
    const struct {
        const char *answer;
        bool end; /* the peer ends its side behind it */
        const char *reason;
        int status;
        const char *body;
    } cases[] = {
        {"", true, HTTPC_RESET, 0, ""},
        {"HTTP/1.1 200", true, HTTPC_RESET, 0, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", true, HTTPC_RESET, 200, "hel"},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n", true, HTTPC_RESET,
         200, "hel"},
        {"HTTP/1.1 200 OK\r\n\r\nuntil the end", true, NULL, 200, "until the end"},
        {"HTTP/1.0 200 OK\r\n\r\nuntil the end", true, NULL, 200, "until the end"},
        {"HTTP/1.0 404 Not Found\r\n\r\n", true, NULL, 404, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", true, NULL, 200, "ok"},
        {"HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n", false, NULL, 304, ""},
        {"HTTP/1.1 301 Moved\r\nLocation: http://x/\r\nContent-Length: 0\r\n\r\n", false, NULL, 301,
         ""},
        {"HTTP/1.1 100 Continue\r\n\r\n" OK_EMPTY, false, NULL, 200, ""},
        {"HTTP/1.1 599 X\r\nContent-Length: 0\r\n\r\n", false, NULL, 599, ""},
        {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, NULL, 200, ""},
        {"garbage\r\n\r\n", false, HTTPC_MALFORMED, 0, ""},
        {"HTTP/2.0 200 OK\r\n\r\n", false, HTTPC_MALFORMED, 0, ""},
        {"HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n", false, HTTPC_MALFORMED, 0, ""},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", false,
         HTTPC_MALFORMED, 0, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", false,
         HTTPC_MALFORMED, 0, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: "
         "chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
         false, HTTPC_MALFORMED, 0, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx", false, HTTPC_MALFORMED, 0, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", false, HTTPC_MALFORMED, 0, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", false, HTTPC_MALFORMED, 200,
         ""},
        {"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc", false, NULL, 204, ""},
        {huge, false, HTTPC_MALFORMED, 0, ""},
        {many, false, HTTPC_MALFORMED, 0, ""},
        {many + 28, false, NULL, 200, ""},
        {capped, false, NULL, 200, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = open_fixture();
        struct call *c = start(f, 0);
        accept_peer(f, &f->peer);
        peer_expect(&f->peer, "payload");
        peer_send(&f->peer, cases[i].answer);
        if (cases[i].end) {
            shutdown(f->peer.fd, SHUT_WR);
        }
        finish_call(c);
        if (c->reason != cases[i].reason || c->status != cases[i].status) {
            fprintf(stderr, "case %zu: %s %d (%s)\n", i, c->reason, c->status, c->detail);
        }
        assert_ptr_equal(c->reason, cases[i].reason);
        assert_int_equal(c->status, cases[i].status);
        if (cases[i].body != NULL) {
            assert_string_equal(c->body, cases[i].body);
        } else {
            assert_int_equal(c->body_len, 1024);
            peer_expect_end(&f->peer);
        }
        assert_int_equal(c->reason != NULL && strlen(c->detail) == 0, 0);
        shut_fixture(f);
    }
}

static void head_has_no_body(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    const struct httpc_request request = {.method = STR("HEAD"), .target = STR("/")};
    struct call *c = start_with(f, 0, request, PATIENT);
    accept_peer(f, &f->peer);
    peer_expect(&f->peer, "\r\n\r\n");
    assert_null(strstr(f->peer.in, "Content-Length"));
    peer_send(&f->peer, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    finish_call(c);
    assert_null(c->reason);
    assert_int_equal(exchange(f, OK_EMPTY)->reused, true);
    shut_fixture(f);
}

static void an_empty_post_says_its_length(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    const struct httpc_request request = {.method = STR("POST"), .target = STR("/")};
    struct call *c = start_with(f, 0, request, PATIENT);
    accept_peer(f, &f->peer);
    peer_expect(&f->peer, "Content-Length: 0\r\n\r\n");
    peer_send(&f->peer, OK_EMPTY);
    finish_call(c);
    shut_fixture(f);
}

static void a_large_body_goes_out_whole(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    size_t n = 20u * 1024 * 1024, seen = 0;
    char *big = malloc(n);
    memset(big, 'q', n);
    const struct httpc_request request = {
        .method = STR("PUT"), .target = STR("/"), .body = {big, n}};
    struct call *c = start_with(f, 0, request, PATIENT);
    accept_peer(f, &f->peer);
    while (seen < n) {
        peer_turn(&f->peer, POLLIN);
        peer_read(&f->peer);
        for (size_t i = 0; i < f->peer.n; i++) {
            seen += f->peer.in[i] == 'q';
        }
        peer_forget(&f->peer);
    }
    peer_send(&f->peer, OK_EMPTY);
    finish_call(c);
    assert_null(c->reason);
    free(big);
    assert_true(exchange(f, OK_EMPTY)->reused);
    shut_fixture(f);
}

/* An answer before the body is all written: it counts, the connection does not live on, and nobody
 * touches the body afterwards. */
static void an_early_answer_ends_the_connection(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    size_t n = 20u * 1024 * 1024;
    char *big = calloc(1, n);
    const struct httpc_request request = {
        .method = STR("PUT"), .target = STR("/"), .body = {big, n}};
    struct call *c = start_with(f, 0, request, PATIENT);
    accept_peer(f, &f->peer);
    peer_expect(&f->peer, "PUT / HTTP/1.1");
    peer_send(&f->peer, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
    finish_call(c);
    free(big);
    assert_null(c->reason);
    assert_int_equal(c->status, 413);
    uv_run(&f->room.loop, UV_RUN_NOWAIT);
    shut_fixture(f);
}

static void deadlines(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    const struct httpc_request request = {.method = STR("GET"), .target = STR("/")};
    struct call *c = start_with(f, 0, request, (struct httpc_timeouts){5000, 40});
    finish_call(c); /* the kernel accepts, nobody answers */
    assert_ptr_equal(c->reason, HTTPC_TIMEOUT);
    assert_int_equal(c->status, 0);
    accept_peer(f, &f->peer);
    peer_expect_end(&f->peer);
    peer_close(&f->peer);
    c = start_with(f, 1, request, (struct httpc_timeouts){5000, 500});
    accept_peer(f, &f->peer);
    peer_expect(&f->peer, "\r\n\r\n");
    peer_send(&f->peer, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nslow");
    finish_call(c);
    assert_ptr_equal(c->reason, HTTPC_TIMEOUT);
    assert_int_equal(c->status, 200);
    shut_fixture(f);
}

/* After a pause of the process the deadline is long over, but the answer lies there: it counts. */
static void a_late_deadline_lets_the_answer_in(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    const struct httpc_request request = {.method = STR("GET"), .target = STR("/")};
    struct call *c = start_with(f, 0, request, (struct httpc_timeouts){5000, 300});
    accept_peer(f, &f->peer);
    peer_expect(&f->peer, "\r\n\r\n");
    assert_int_equal(write(f->peer.fd, OK_EMPTY, strlen(OK_EMPTY)), strlen(OK_EMPTY));
    usleep(1500000); /* the pause itself */
    finish_call(c);
    assert_null(c->reason);
    shut_fixture(f);
}

static void cancel_comes_from_the_loop(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    struct call *c = start(f, 0); /* connecting */
    httpc_cancel(&c->call);
    assert_false(c->done);
    finish_call(c);
    assert_ptr_equal(c->reason, HTTPC_CANCELLED);
    c = start(f, 1); /* sent */
    struct peer gone;
    accept_peer(f, &gone);
    peer_close(&gone);
    accept_peer(f, &f->peer);
    peer_expect(&f->peer, "payload");
    httpc_cancel(&c->call);
    assert_false(c->done);
    finish_call(c);
    assert_ptr_equal(c->reason, HTTPC_CANCELLED);
    shut_fixture(f);
    f = open_host("localhost"); /* resolving */
    c = start(f, 0);
    httpc_cancel(&c->call);
    finish_call(c);
    assert_ptr_equal(c->reason, HTTPC_CANCELLED);
    shut_fixture(f);
    f = open_host("169.254.169.254"); /* failed already, not told yet */
    c = start(f, 0);
    httpc_cancel(&c->call);
    finish_call(c);
    assert_ptr_equal(c->reason, HTTPC_CANCELLED);
    shut_fixture(f);
}

static void refused_connections(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    httpc_origin_free(f->origin);
    const struct httpc_origin_conf conf = {.host = STR("127.0.0.1"), .port = room_free_port()};
    assert_null(httpc_origin_new(&f->origin, f->httpc, &conf));
    struct call *c = start(f, 0);
    finish_call(c);
    assert_ptr_equal(c->reason, HTTPC_CONNECT);
    assert_non_null(strstr(c->detail, "127.0.0.1:"));
    assert_non_null(strstr(c->detail, "connection refused"));
    shut_fixture(f);
}

static void denied_addresses(void **state)
{
    (void)state;
    static const char *const hosts[] = {"169.254.169.254",
                                        "0.0.0.0",
                                        "224.0.0.1",
                                        "255.255.255.255",
                                        "fe80::1",
                                        "fd00:ec2::254",
                                        "ff02::1",
                                        "::",
                                        "::ffff:169.254.169.254",
                                        "64:ff9b::a9fe:a9fe",
                                        "2002:a9fe:a9fe::1",
                                        "2001:0:1:2:3:4:5601:5601",
                                        "::169.254.169.254",
                                        "100.100.100.200"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        struct fixture *f = open_host(hosts[i]);
        struct call *c = start(f, 0);
        finish_call(c);
        assert_ptr_equal(c->reason, HTTPC_DENIED);
        assert_true(strlen(c->detail) > 10);
        shut_fixture(f);
    }
}

static void names(void **state)
{
    (void)state;
    struct fixture *f = open_host("localhost"); /* perhaps ::1 first: then the next address */
    struct call *c = exchange(f, OK_EMPTY);
    assert_null(c->reason);
    assert_true(exchange(f, OK_EMPTY)->reused);
    shut_fixture(f);
    f = open_host("name.invalid");
    c = start(f, 0);
    finish_call(c);
    assert_ptr_equal(c->reason, HTTPC_RESOLVE);
    assert_true(strlen(c->detail) > 0);
    shut_fixture(f);
    char long_name[1200];
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    f = open_host(long_name);
    c = start(f, 0);
    finish_call(c);
    assert_ptr_equal(c->reason, HTTPC_RESOLVE);
    shut_fixture(f);
}

/* on_done may start the next call at once, on the connection that has just become free. */
struct relay_call {
    struct httpc_call call;
    struct fixture *f;
    unsigned left;
    bool done;
};

static void on_chained(struct httpc_call *call, const struct httpc_result *result)
{
    struct relay_call *r = CONTAINER_OF(call, struct relay_call, call);
    assert_null(result->reason);
    assert_int_equal(result->reused, r->left < 5);
    if (--r->left == 0) {
        r->done = true;
        return;
    }
    const struct httpc_request request = {.method = STR("GET"), .target = STR("/")};
    httpc_start(call, r->f->origin, &request, &PATIENT, on_chained);
}

static void a_call_may_follow_from_inside_the_last(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    struct relay_call r = {.f = f, .left = 5};
    const struct httpc_request request = {.method = STR("GET"), .target = STR("/")};
    httpc_start(&r.call, f->origin, &request, &PATIENT, on_chained);
    accept_peer(f, &f->peer);
    while (!r.done) {
        peer_expect(&f->peer, "\r\n\r\n");
        peer_forget(&f->peer);
        unsigned left = r.left;
        peer_send(&f->peer, OK_EMPTY);
        while (r.left == left) {
            peer_turn(&f->peer, 0);
        }
    }
    shut_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sends_one_request_and_tells_the_answer),
        cmocka_unit_test(keeps_and_reuses_connections),
        cmocka_unit_test(every_split_gives_the_same_answer),
        cmocka_unit_test(pool_is_lifo_and_bounded),
        cmocka_unit_test(what_ends_reuse),
        cmocka_unit_test(idle_connections_that_speak_or_end_are_dropped),
        cmocka_unit_test(a_dead_reused_connection_is_replaced_silently_once),
        cmocka_unit_test(a_reset_of_a_reused_connection_too),
        cmocka_unit_test(a_reused_connection_that_said_a_byte_is_not_resent),
        cmocka_unit_test(outcomes),
        cmocka_unit_test(head_has_no_body),
        cmocka_unit_test(an_empty_post_says_its_length),
        cmocka_unit_test(a_large_body_goes_out_whole),
        cmocka_unit_test(an_early_answer_ends_the_connection),
        cmocka_unit_test(deadlines),
        cmocka_unit_test(a_late_deadline_lets_the_answer_in),
        cmocka_unit_test(cancel_comes_from_the_loop),
        cmocka_unit_test(refused_connections),
        cmocka_unit_test(denied_addresses),
        cmocka_unit_test(names),
        cmocka_unit_test(a_call_may_follow_from_inside_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
