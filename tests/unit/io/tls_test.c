/* The client over TLS against an OpenSSL server on a thread of its own, with certificates made here
 * by the openssl command. */
#include "io/certs.h"

#include "io/httpc.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>

/* What the server does with each connection. */
enum manner {
    ANSWER,        /* serves requests until the client goes */
    ANSWER_TO_END, /* no length; close_notify, then the end */
    CUT,           /* no length; the end without close_notify */
    SILENT,        /* accepts and never shakes hands */
    HANG_UP,       /* closes at once */
    GARBAGE,       /* speaks no TLS */
    TLS11,         /* nothing newer than 1.1 */
    BIG_READ,      /* reads a large body, then answers its size */
    HALF_A_TICKET, /* behind its first answer; the rest when the test says so */
};

struct server {
    pthread_t thread;
    int listener, port;
    enum manner manner;
    char cert[128], key[128];
    int max_version;
    unsigned accepted, resumed;
    char sni[64];
    int stop[2], go[2];
};

static void write_all(SSL *ssl, const char *text)
{
    assert_true(SSL_write(ssl, text, (int)strlen(text)) > 0);
}

/* Reads one request (head, and a body by its length); false when the client has gone. */
static bool read_request(SSL *ssl, size_t *body)
{
    static _Thread_local char in[1 << 16];
    size_t n = 0, length = 0;
    char *end = NULL;
    while (end == NULL) {
        int got = SSL_read(ssl, in + n, (int)(sizeof in - 1 - n));
        if (got <= 0) {
            return false;
        }
        n += (size_t)got;
        in[n] = '\0';
        end = strstr(in, "\r\n\r\n");
    }
    const char *field = strstr(in, "Content-Length: ");
    length = field == NULL ? 0 : strtoul(field + 16, NULL, 10);
    *body = n - (size_t)(end + 4 - in);
    while (*body < length) {
        int got = SSL_read(ssl, in, sizeof in);
        if (got <= 0) {
            return false;
        }
        *body += (size_t)got;
    }
    return true;
}

static void answer_size(SSL *ssl, size_t body)
{
    char text[128];
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n%10zu", body);
    write_all(ssl, text);
}

/* Makes the ticket greater than the 512 bytes that are the least a record can be bound to. */
static int fill_ticket(SSL *ssl, void *user)
{
    static const char filler[1500] = {0};
    (void)user;
    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), filler, sizeof filler);
}

static size_t record_bytes(const char *at)
{
    return 5u + (unsigned char)at[3] * 256u + (unsigned char)at[4];
}

/* The answer and the ticket's first record in one piece, so that they are read together. */
static void answer_with_half_a_ticket(struct server *s, SSL *ssl, size_t body)
{
    char *at, byte;
    BIO *out = BIO_new(BIO_s_mem()), *socket_bio = SSL_get_rbio(ssl);
    SSL_set0_wbio(ssl, out);
    SSL_set_max_send_fragment(ssl, 512);
    answer_size(ssl, body);
    assert_int_equal(SSL_new_session_ticket(ssl), 1);
    assert_int_equal(SSL_do_handshake(ssl), 1);
    size_t all = (size_t)BIO_get_mem_data(out, &at), half = record_bytes(at);
    half += record_bytes(at + half);
    assert_true(half < all);
    assert_int_equal(write(SSL_get_fd(ssl), at, half), half);
    (void)!read(s->go[0], &byte, 1);
    (void)!write(SSL_get_fd(ssl), at + half, all - half);
    BIO_up_ref(socket_bio);
    SSL_set0_wbio(ssl, socket_bio);
}

static void serve(struct server *s, SSL *ssl)
{
    size_t body;
    for (unsigned i = 0; read_request(ssl, &body); i++) {
        if (s->manner == HALF_A_TICKET && i == 0) {
            answer_with_half_a_ticket(s, ssl, body);
            continue;
        }
        if (s->manner == ANSWER || s->manner == BIG_READ || s->manner == HALF_A_TICKET) {
            answer_size(ssl, body);
            continue;
        }
        write_all(ssl, "HTTP/1.1 200 OK\r\n\r\nto the end");
        if (s->manner == ANSWER_TO_END) {
            SSL_shutdown(ssl);
        }
        return;
    }
}

static void *run_server(void *data)
{
    struct server *s = data;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_security_level(ctx, 0);
    if (s->max_version != 0) {
        SSL_CTX_set_max_proto_version(ctx, s->max_version);
    }
    if (s->manner == HALF_A_TICKET) {
        SSL_CTX_set_session_ticket_cb(ctx, fill_ticket, NULL, NULL);
    }
    SSL_CTX_use_certificate_chain_file(ctx, s->cert);
    SSL_CTX_use_PrivateKey_file(ctx, s->key, SSL_FILETYPE_PEM);
    for (;;) {
        struct pollfd fds[] = {{s->listener, POLLIN, 0}, {s->stop[0], POLLIN, 0}};
        poll(fds, 2, -1);
        if (fds[1].revents != 0) {
            break;
        }
        int fd = accept(s->listener, NULL, NULL);
        __atomic_add_fetch(&s->accepted, 1, __ATOMIC_SEQ_CST);
        if (s->manner == GARBAGE) {
            (void)!write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
        } else if (s->manner == SILENT) {
            poll(&fds[1], 1, -1);
        } else if (s->manner != HANG_UP) {
            SSL *ssl = SSL_new(ctx);
            SSL_set_fd(ssl, fd);
            if (SSL_accept(ssl) == 1) {
                const char *sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
                snprintf(s->sni, sizeof s->sni, "%s", sni == NULL ? "" : sni);
                s->resumed += SSL_session_reused(ssl) == 1;
                serve(s, ssl);
            }
            SSL_free(ssl);
            ERR_clear_error();
        }
        close(fd);
    }
    SSL_CTX_free(ctx);
    OPENSSL_thread_stop();
    return NULL;
}

/* --- the client side --- */

struct fixture {
    struct room room;
    struct server server;
    struct httpc *httpc;
    struct httpc_origin *origin;
    struct httpc_call call;
    bool done, closed, reused;
    const char *reason;
    char detail[256], body[64];
    int status;
};

static void on_done(struct httpc_call *call, const struct httpc_result *result)
{
    struct fixture *f = CONTAINER_OF(call, struct fixture, call);
    f->done = true;
    f->reason = result->reason;
    f->status = result->status;
    f->reused = result->reused;
    snprintf(f->detail, sizeof f->detail, "%s", result->detail == NULL ? "" : result->detail);
    snprintf(f->body, sizeof f->body, "%.*s", STR_ARG(result->body));
}

static struct fixture *open_fixture(const char *host, const char *ca, const char *cert,
                                    enum manner manner, unsigned idle)
{
    static struct fixture f;
    memset(&f, 0, sizeof f);
    room_open(&f.room);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    f.server.listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(f.server.listener, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(f.server.listener, 16), 0);
    getsockname(f.server.listener, (struct sockaddr *)&a, &len);
    f.server.manner = manner;
    f.server.max_version = manner == TLS11 ? TLS1_1_VERSION : 0;
    snprintf(f.server.cert, sizeof f.server.cert, "%s/%s.pem", certs, cert);
    snprintf(f.server.key, sizeof f.server.key, "%s/%s.key", certs, cert);
    assert_int_equal(pipe(f.server.stop), 0);
    assert_int_equal(pipe(f.server.go), 0);
    assert_int_equal(pthread_create(&f.server.thread, NULL, run_server, &f.server), 0);
    char ca_file[128];
    snprintf(ca_file, sizeof ca_file, "%s/%s.pem", certs, ca);
    f.httpc = httpc_new(&f.room.loop, &f.room.wheel);
    const struct httpc_origin_conf conf = {.tls = true,
                                           .host = str_of(host),
                                           .port = ntohs(a.sin_port),
                                           .idle = idle,
                                           .ca_file = ca[0] == '\0' ? STR_NONE : str_of(ca_file)};
    assert_null(httpc_origin_new(&f.origin, f.httpc, &conf));
    return &f;
}

static void begin(struct fixture *f, struct str body, uint64_t connect_ms)
{
    const struct httpc_request request = {.method = STR("POST"), .target = STR("/"), .body = body};
    f->done = false;
    httpc_start(&f->call, f->origin, &request, &(struct httpc_timeouts){connect_ms, 15000},
                on_done);
    assert_false(f->done);
}

static void exchange(struct fixture *f, struct str body, uint64_t connect_ms)
{
    begin(f, body, connect_ms);
    room_wait(&f->room, &f->done);
}

static void shut_fixture(struct fixture *f)
{
    httpc_origin_free(f->origin);
    httpc_close(f->httpc, room_set_flag, &f->closed);
    room_wait(&f->room, &f->closed);
    close(f->server.stop[1]);
    pthread_join(f->server.thread, NULL);
    close(f->server.stop[0]);
    close(f->server.go[0]);
    close(f->server.go[1]);
    close(f->server.listener);
    room_shut(&f->room);
}

static void delivers_to_a_verified_name(void **state)
{
    (void)state;
    struct fixture *f = open_fixture("localhost", "ca", "good", ANSWER, 2);
    for (int i = 0; i < 5; i++) {
        exchange(f, STR("12345"), 5000);
        assert_null(f->reason);
        assert_int_equal(f->status, 200);
        assert_string_equal(f->body, "         5");
        assert_int_equal(f->reused, i > 0);
    }
    shut_fixture(f);
    assert_string_equal(f->server.sni, "localhost");
}

static void delivers_to_a_verified_address(void **state)
{
    (void)state;
    struct fixture *f = open_fixture("127.0.0.1", "ca", "good", ANSWER, 2);
    exchange(f, STR("1"), 5000);
    assert_null(f->reason);
    shut_fixture(f);
    assert_string_equal(f->server.sni, ""); /* no address in SNI: RFC 6066 3 */
}

static void resumes_sessions(void **state)
{
    (void)state;
    struct fixture *f = open_fixture("localhost", "ca", "good", ANSWER, 0); /* no idle ones */
    for (int i = 0; i < 3; i++) {
        exchange(f, STR("1"), 5000);
        assert_null(f->reason);
        assert_false(f->reused);
    }
    shut_fixture(f);
    assert_int_equal(f->server.resumed, 2);
}

/* A resumed session is as trusted as it was: what was read anew would not be asked. */
static void resumes_nothing_from_before_a_reload(void **state)
{
    (void)state;
    struct fixture *f = open_fixture("localhost", "ca", "good", ANSWER, 0);
    for (int i = 0; i < 4; i++) {
        if (i == 2) {
            assert_null(httpc_reload_tls(f->httpc));
        }
        exchange(f, STR("1"), 5000);
        assert_null(f->reason);
    }
    shut_fixture(f);
    assert_int_equal(f->server.resumed, 2); /* the second by the first, the fourth by the third */
}

/* They show the old certificate, and hold its key. */
static void uses_no_connection_from_before_a_reload(void **state)
{
    (void)state;
    struct fixture *f = open_fixture("localhost", "ca", "good", ANSWER, 2);
    for (int i = 0; i < 4; i++) {
        if (i == 2) {
            assert_null(httpc_reload_tls(f->httpc));
        }
        exchange(f, STR("1"), 5000);
        assert_null(f->reason);
        assert_int_equal(f->reused, i == 1 || i == 3);
    }
    shut_fixture(f);
    assert_int_equal(f->server.accepted, 2);
}

static void large_bodies_go_out_whole(void **state)
{
    (void)state;
    struct fixture *f = open_fixture("localhost", "ca", "good", BIG_READ, 2);
    size_t n = 8u * 1024 * 1024 + 1;
    char *big = malloc(n), want[16];
    memset(big, 'b', n);
    snprintf(want, sizeof want, "%10zu", n);
    exchange(f, (struct str){big, n}, 5000);
    free(big);
    assert_null(f->reason);
    assert_string_equal(f->body, want);
    exchange(f, STR("1"), 5000);
    assert_true(f->reused);
    shut_fixture(f);
}

/* OpenSSL writes nothing before it has read the other half. */
static void waits_for_the_rest_of_a_ticket(void **state)
{
    (void)state;
    struct fixture *f = open_fixture("localhost", "ca", "good", HALF_A_TICKET, 2);
    exchange(f, STR("1"), 5000);
    assert_null(f->reason);
    begin(f, STR("123"), 5000);
    assert_int_equal(write(f->server.go[1], "x", 1), 1);
    room_wait(&f->room, &f->done);
    assert_null(f->reason);
    assert_string_equal(f->body, "         3");
    assert_true(f->reused);
    exchange(f, STR("12"), 5000);
    assert_true(f->reused);
    shut_fixture(f);
    assert_int_equal(f->server.accepted, 1);
}

static void refuses_what_it_cannot_verify(void **state)
{
    (void)state;
    static const struct {
        const char *host, *ca, *cert, *detail;
    } cases[] = {
        {"localhost", "ca", "stranger", "self-signed certificate"},
        {"localhost", "stranger", "good", "unable to get local issuer certificate"},
        {"localhost", "", "good", "unable to get local issuer certificate"},
        {"localhost", "ca", "other", "hostname mismatch"},
        {"127.0.0.1", "ca", "other", "IP address mismatch"},
        {"localhost", "ca", "old", "certificate has expired"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = open_fixture(cases[i].host, cases[i].ca, cases[i].cert, ANSWER, 2);
        exchange(f, STR("secret"), 5000);
        assert_ptr_equal(f->reason, HTTPC_TLS);
        if (strstr(f->detail, cases[i].detail) == NULL) {
            fprintf(stderr, "case %zu: %s\n", i, f->detail);
        }
        assert_non_null(strstr(f->detail, cases[i].detail));
        assert_int_equal(f->status, 0);
        shut_fixture(f);
    }
}

static void a_stranger_that_is_the_ca_file_is_trusted(void **state)
{
    (void)state;
    struct fixture *f = open_fixture("localhost", "stranger", "stranger", ANSWER, 2);
    exchange(f, STR("1"), 5000);
    assert_null(f->reason);
    shut_fixture(f);
}

static void broken_servers(void **state)
{
    (void)state;
    static const enum manner manners[] = {HANG_UP, GARBAGE, TLS11};
    for (size_t i = 0; i < sizeof manners / sizeof *manners; i++) {
        struct fixture *f = open_fixture("127.0.0.1", "ca", "good", manners[i], 2);
        exchange(f, STR("1"), 5000);
        assert_true(f->reason == HTTPC_TLS ||
                    (manners[i] == HANG_UP && f->reason == HTTPC_CONNECT));
        assert_true(strlen(f->detail) > 0);
        shut_fixture(f);
    }
    struct fixture *f = open_fixture("127.0.0.1", "ca", "good", SILENT, 2);
    exchange(f, STR("1"), 50);
    assert_ptr_equal(f->reason, HTTPC_TIMEOUT);
    shut_fixture(f);
}

static void the_end_needs_close_notify(void **state)
{
    (void)state;
    struct fixture *f = open_fixture("localhost", "ca", "good", ANSWER_TO_END, 2);
    exchange(f, STR("1"), 5000);
    assert_null(f->reason);
    assert_string_equal(f->body, "to the end");
    shut_fixture(f);
    f = open_fixture("localhost", "ca", "good", CUT, 2);
    exchange(f, STR("1"), 5000);
    assert_ptr_equal(f->reason, HTTPC_RESET);
    assert_int_equal(f->status, 200);
    assert_non_null(strstr(f->detail, "close_notify"));
    shut_fixture(f);
}

static void an_unreadable_ca_file_is_said(void **state)
{
    (void)state;
    struct fixture *f = open_fixture("localhost", "ca", "good", ANSWER, 2);
    struct httpc_origin *o = NULL;
    const struct httpc_origin_conf conf = {
        .tls = true, .host = STR("a"), .port = 1, .ca_file = STR("/nowhere/ca.pem")};
    const char *why = httpc_origin_new(&o, f->httpc, &conf);
    assert_non_null(strstr(why, "/nowhere/ca.pem"));
    assert_non_null(strstr(why, "o such file"));
    assert_null(o);
    shut_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delivers_to_a_verified_name),
        cmocka_unit_test(delivers_to_a_verified_address),
        cmocka_unit_test(resumes_sessions),
        cmocka_unit_test(resumes_nothing_from_before_a_reload),
        cmocka_unit_test(uses_no_connection_from_before_a_reload),
        cmocka_unit_test(large_bodies_go_out_whole),
        cmocka_unit_test(waits_for_the_rest_of_a_ticket),
        cmocka_unit_test(refuses_what_it_cannot_verify),
        cmocka_unit_test(a_stranger_that_is_the_ca_file_is_trusted),
        cmocka_unit_test(broken_servers),
        cmocka_unit_test(the_end_needs_close_notify),
        cmocka_unit_test(an_unreadable_ca_file_is_said),
    };
    return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
