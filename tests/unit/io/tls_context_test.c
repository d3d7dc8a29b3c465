/* The server's side of TLS: a listener on the loop, and an OpenSSL client on a thread that says
 * what it saw. */
#include "io/certs.h"

#include "io/http.h"
#include "io/httpd.h"
#include "io/httpd_conn.h"
#include "io/tls_context.h"

#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>

/* What one client does, and what came of it. */
struct client {
    const char *sni, *cert; /* NULL: none */
    const char *alpn;       /* wire form, or NULL */
    int max_version;        /* 0: the newest */
    const char *ciphers;    /* of TLS 1.2, or NULL */
    const char *raw;        /* sent in clear instead of all else */
    size_t raw_len;
    unsigned requests;        /* sent at once */
    unsigned key_updates;     /* asked for, without reading */
    bool cut;                 /* goes without close_notify, in mid-request */
    bool renegotiate;         /* tries to */
    bool stay;                /* waits for `go` between handshake and request */
    bool slow;                /* waits for `go` between connection and handshake */
    size_t behind;            /* so many bytes stand behind its close_notify */
    bool to_the_end;          /* is refused, reads to the very end, then sends on */
    bool halves;              /* half a key update behind the requests, the rest after `go` */
    unsigned char secret[32]; /* of what it sends */
    unsigned from;            /* its address: 127.0.0.1 and so many more */
    pthread_t thread;
    uv_async_t done_async;
    atomic_bool has_shaken, has_ended; /* the thread */
    bool done, shaken, closed;         /* what the loop has heard of it */
    int go[2], told[2];
    bool saw_end, sent_on; /* and no reset */
    unsigned answers;
    unsigned long error;
    char answer[512], subject[128], protocol[16];
    int version;
    bool resumed, ticketed;
};

struct fixture {
    struct room room;
    struct httpd *httpd;
    struct tls_context *tls;
    unsigned requests;
    bool later; /* answers come from the loop, as from a store */
    bool held;  /* or when the test says so */
    struct httpd_request *waiting;
    uv_idle_t turn;
    bool closed;
    struct httpd_limits limits;
    unsigned refused;
    const char *reason;
    char detail[200];
};

static struct fixture f;

/* --- the server --- */

static size_t on_head(void *user, struct httpd_request *r)
{
    (void)user;
    (void)r;
    return 1 << 20;
}

static void on_turn(uv_idle_t *turn)
{
    struct httpd_request *r = f.waiting;
    uv_idle_stop(turn);
    httpd_answer(r, &(struct httpd_answer){.status = 200, .body = STR("fine")});
}

static void on_request(void *user, struct httpd_request *r)
{
    (void)user;
    f.requests++;
    if (f.later || f.held) {
        f.waiting = r;
        if (f.later) {
            uv_idle_start(&f.turn, on_turn);
        }
        return;
    }
    httpd_answer(r, &(struct httpd_answer){.status = 200, .body = STR("fine")});
}

static void on_refused(void *user, const char *reason, const char *detail,
                       const struct sockaddr_storage *peer)
{
    (void)user;
    (void)peer;
    f.refused++;
    f.reason = reason;
    snprintf(f.detail, sizeof f.detail, "%s", detail == NULL ? "" : detail);
}

static const char *path(const char *name, const char *end)
{
    static char text[8][128];
    static unsigned turn;
    char *at = text[turn++ % 8];
    snprintf(at, sizeof text[0], "%s/%s%s", certs, name, end);
    return at;
}

static struct tls_files files_of(const char *cert, const char *key)
{
    return (struct tls_files){.cert_file = str_of(path(cert, ".pem")),
                              .key_file = str_of(path(key, ".key"))};
}

static void open_server(const char *client_ca)
{
    memset(&f, 0, sizeof f);
    room_open(&f.room);
    uv_idle_init(&f.room.loop, &f.turn);
    f.limits = (struct httpd_limits){.head_bytes = 16384,
                                     .target_bytes = 8192,
                                     .field_count = 100,
                                     .body_bytes = 1 << 20,
                                     .memory_bytes = 16 << 20,
                                     .connections = 100,
                                     .handshakes = 2,
                                     .head_ms = 10000,
                                     .request_ms = 10000,
                                     .idle_ms = 10000,
                                     .write_ms = 10000};
    const struct httpd_handler handler = {
        .on_head = on_head, .on_request = on_request, .on_refused = on_refused};
    const struct tls_files files[] = {files_of("good", "good"), files_of("named", "named")};
    struct str ca = client_ca == NULL ? STR_NONE : str_of(path(client_ca, ".pem"));
    assert_null(tls_server_new(&f.tls, files, 2, ca));
    assert_null(
        httpd_new(&f.httpd, &f.room.loop, &f.room.wheel, STR("127.0.0.1:0"), &f.limits, &handler));
    httpd_use_tls(f.httpd, f.tls);
}

static void shut_server(void)
{
    httpd_close(f.httpd, room_set_flag, &f.closed);
    room_wait(&f.room, &f.closed);
    tls_context_unref(f.tls);
    uv_close((uv_handle_t *)&f.turn, NULL);
    room_shut(&f.room);
}

/* --- the client --- */

/* From 127.0.0.1, or from an address so many above it: another client. */
static int dial_from(unsigned more)
{
    const char *port = strrchr(httpd_address(f.httpd), ':') + 1;
    struct sockaddr_in from = {.sin_family = AF_INET}, to = from;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + more);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)atoi(port));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static int dial(void)
{
    return dial_from(0);
}

static void speak_raw(struct client *c, int fd)
{
    (void)!write(fd, c->raw, c->raw_len);
    shutdown(fd, SHUT_WR);
    ssize_t n = read(fd, c->answer, sizeof c->answer - 1);
    c->answer[n > 0 ? n : 0] = '\0';
}

static void note_peer(struct client *c, SSL *ssl)
{
    X509 *cert = SSL_get1_peer_certificate(ssl);
    X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, c->subject,
                              sizeof c->subject);
    X509_free(cert);
    const unsigned char *alpn;
    unsigned n;
    SSL_get0_alpn_selected(ssl, &alpn, &n);
    snprintf(c->protocol, sizeof c->protocol, "%.*s", (int)n, n > 0 ? (const char *)alpn : "");
    c->version = SSL_version(ssl);
    c->has_shaken = true;
}

static void send_requests(struct client *c, SSL *ssl)
{
    static const char request[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    size_t one = sizeof request - 1, n = one * c->requests;
    char *all = malloc(n + 1);
    for (unsigned i = 0; i < c->requests; i++) {
        memcpy(all + i * one, request, one);
    }
    SSL_write(ssl, all, c->cut ? (int)n - 2 : (int)n);
    free(all);
}

/* Ends its side as TLS has it, and goes on sending as if it had not. */
static void send_behind_the_end(const struct client *c, SSL *ssl)
{
    char *bytes = calloc(1, c->behind);
    SSL_shutdown(ssl);
    for (size_t sent = 0; sent < c->behind;) {
        ssize_t n = write(SSL_get_fd(ssl), bytes + sent, c->behind - sent);
        if (n <= 0) {
            break;
        }
        sent += (size_t)n;
    }
    shutdown(SSL_get_fd(ssl), SHUT_WR);
    free(bytes);
}

/* RFC 8446 7.1: HKDF-Expand-Label without context, of which one block is enough here. */
static void expand(const struct client *c, const char *label, unsigned char *out, size_t n)
{
    unsigned char info[32] = {0, (unsigned char)n, (unsigned char)strlen(label)}, block[32];
    size_t len = 3 + strlen(label);
    memcpy(info + 3, label, strlen(label));
    info[len + 1] = 1;
    HMAC(EVP_sha256(), c->secret, sizeof c->secret, info, len + 2, block, NULL);
    memcpy(out, block, n);
}

/* A record of the handshake such as OpenSSL would not make: RFC 8446 5.2. Returns its length. */
static size_t seal(const struct client *c, unsigned char number, const void *part, size_t n,
                   unsigned char out[64])
{
    unsigned char key[16], nonce[12];
    int len;
    expand(c, "tls13 key", key, sizeof key);
    expand(c, "tls13 iv", nonce, sizeof nonce);
    nonce[11] ^= number;
    memcpy(out, "\x17\x03\x03\x00", 4);
    out[4] = (unsigned char)(n + 1 + 16);
    memcpy(out + 5, part, n);
    out[5 + n] = SSL3_RT_HANDSHAKE;
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    EVP_EncryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, key, nonce);
    EVP_EncryptUpdate(cipher, NULL, &len, out, 5);
    EVP_EncryptUpdate(cipher, out + 5, &len, out + 5, (int)n + 1);
    EVP_EncryptFinal_ex(cipher, NULL, &len);
    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, out + 6 + n);
    EVP_CIPHER_CTX_free(cipher);
    return 6 + n + 16;
}

/* The requests and the first half leave in one piece, so that they are read together. */
static void send_halves(struct client *c, SSL *ssl)
{
    static const char update[] = {SSL3_MT_KEY_UPDATE, 0, 0, 1, SSL_KEY_UPDATE_NOT_REQUESTED};
    unsigned char record[64];
    char *at, byte;
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set0_wbio(ssl, out); /* and nothing that OpenSSL says later leaves */
    send_requests(c, ssl);
    BIO_write(out, record, (int)seal(c, 1, update, 4, record));
    long n = BIO_get_mem_data(out, &at);
    (void)!write(SSL_get_fd(ssl), at, (size_t)n);
    (void)!read(c->go[0], &byte, 1);
    (void)!write(SSL_get_fd(ssl), record, seal(c, 2, update + 4, 1, record));
}

static void read_answers(struct client *c, SSL *ssl)
{
    char in[4096], *at;
    static const char mark[] = "fine";
    unsigned matched = 0;
    while (c->answers < c->requests) {
        int n = SSL_read(ssl, in, sizeof in);
        if (n <= 0) {
            c->error = ERR_peek_error();
            return;
        }
        for (at = in; at < in + n; at++) {
            matched = *at == mark[matched] ? matched + 1 : *at == mark[0];
            if (matched == 4) {
                c->answers++;
                matched = 0;
            }
        }
    }
    c->ticketed = SSL_SESSION_has_ticket(SSL_get0_session(ssl)) == 1;
}

/* What is sent on is more than the server reads at once, and asks for a key update in return. */
static void read_to_the_end(struct client *c, SSL *ssl)
{
    static const char more[100 * 1024] = {0}, nonsense[] = "nonsense\r\n\r\n";
    struct pollfd end = {SSL_get_fd(ssl), POLLIN, 0};
    char byte;
    SSL_write(ssl, nonsense, sizeof nonsense - 1);
    SSL_read(ssl, c->answer, sizeof c->answer - 1);
    while (SSL_read(ssl, &byte, 1) > 0) {
    }
    c->saw_end = SSL_get_shutdown(ssl) == SSL_RECEIVED_SHUTDOWN && poll(&end, 1, 5000) == 1 &&
                 read(end.fd, &byte, 1) == 0;
    (void)!write(c->told[1], "x", 1);
    SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
    c->sent_on = SSL_write(ssl, more, sizeof more) == sizeof more;
    shutdown(end.fd, SHUT_WR);
    (void)!read(c->go[0], &byte, 1);
    c->sent_on = c->sent_on && read(end.fd, &byte, 1) == 0;
}

static void converse(struct client *c, SSL *ssl)
{
    char byte;
    note_peer(c, ssl);
    if (c->stay) {
        uv_async_send(&c->done_async); /* shaken */
        (void)!read(c->go[0], &byte, 1);
    }
    for (unsigned i = 0; i < c->key_updates; i++) {
        SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED);
        if (SSL_do_handshake(ssl) != 1) {
            break;
        }
    }
    if (c->renegotiate) {
        SSL_renegotiate(ssl);
        SSL_do_handshake(ssl);
        c->error = ERR_peek_error();
        return;
    }
    if (c->to_the_end) {
        read_to_the_end(c, ssl);
        return;
    }
    if (c->halves) {
        send_halves(c, ssl);
    } else {
        send_requests(c, ssl);
    }
    if (c->behind > 0) {
        send_behind_the_end(c, ssl);
    }
    if (!c->cut) {
        read_answers(c, ssl);
        SSL_shutdown(ssl);
    }
}

static void on_secret(const SSL *ssl, const char *line)
{
    struct client *c = SSL_get_app_data(ssl);
    size_t n;
    if (strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0) {
        OPENSSL_hexstr2buf_ex(c->secret, sizeof c->secret, &n, strrchr(line, ' ') + 1, '\0');
    }
}

static SSL *make_client(struct client *c, SSL_CTX *ctx)
{
    SSL_CTX_set_security_level(ctx, 0);
    if (c->max_version != 0) {
        SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
        SSL_CTX_set_max_proto_version(ctx, c->max_version);
    }
    if (c->ciphers != NULL) {
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, c->ciphers), 1);
    }
    if (c->cert != NULL) {
        SSL_CTX_use_certificate_chain_file(ctx, path(c->cert, ".pem"));
        SSL_CTX_use_PrivateKey_file(ctx, path(c->cert, ".key"), SSL_FILETYPE_PEM);
    }
    if (c->halves) {
        SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
        SSL_CTX_set_keylog_callback(ctx, on_secret);
    }
    SSL *ssl = SSL_new(ctx);
    SSL_set_app_data(ssl, c);
    if (c->sni != NULL) {
        SSL_set_tlsext_host_name(ssl, c->sni);
    }
    if (c->alpn != NULL) {
        SSL_set_alpn_protos(ssl, (const unsigned char *)c->alpn, (unsigned)strlen(c->alpn));
    }
    return ssl;
}

static void *run_client(void *data)
{
    struct client *c = data;
    char byte;
    int fd = dial_from(c->from);
    if (c->slow) {
        (void)!read(c->go[0], &byte, 1);
    }
    if (c->raw != NULL) {
        speak_raw(c, fd);
    } else {
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        SSL *ssl = make_client(c, ctx);
        ERR_clear_error();
        SSL_set_fd(ssl, fd);
        if (SSL_connect(ssl) == 1) {
            converse(c, ssl);
        } else {
            c->error = ERR_peek_error();
        }
        SSL_free(ssl);
        SSL_CTX_free(ctx);
    }
    close(fd);
    ERR_clear_error();
    OPENSSL_thread_stop();
    c->has_ended = true;
    uv_async_send(&c->done_async);
    return NULL;
}

static void on_wake(uv_async_t *async)
{
    struct client *c = CONTAINER_OF(async, struct client, done_async);
    c->shaken = c->has_shaken;
    c->done = c->has_ended;
}

static void start_client(struct client *c)
{
    if (c->requests == 0) {
        c->requests = 1;
    }
    assert_int_equal(pipe(c->go), 0);
    assert_int_equal(pipe(c->told), 0);
    uv_async_init(&f.room.loop, &c->done_async, on_wake);
    assert_int_equal(pthread_create(&c->thread, NULL, run_client, c), 0);
}

static void on_async_closed(uv_handle_t *handle)
{
    struct client *c = CONTAINER_OF(handle, struct client, done_async);
    c->closed = true;
}

static void end_client(struct client *c)
{
    room_wait(&f.room, &c->done);
    pthread_join(c->thread, NULL);
    close(c->go[0]);
    close(c->go[1]);
    close(c->told[0]);
    close(c->told[1]);
    uv_close((uv_handle_t *)&c->done_async, on_async_closed);
    room_wait(&f.room, &c->closed);
    while (httpd_connections(f.httpd) > 0) {
        uv_run(&f.room.loop, UV_RUN_ONCE);
    }
}

static void run(struct client *c)
{
    f.reason = NULL;
    f.detail[0] = '\0';
    start_client(c);
    end_client(c);
}

/* --- what is taken --- */

static void takes_tls_1_2_and_1_3(void **state)
{
    (void)state;
    open_server(NULL);
    struct client new = {.requests = 3}, old = {.max_version = TLS1_2_VERSION};
    run(&new);
    assert_int_equal(new.version, TLS1_3_VERSION);
    assert_int_equal(new.answers, 3);
    assert_false(new.ticketed);
    run(&old);
    assert_int_equal(old.version, TLS1_2_VERSION);
    assert_int_equal(old.answers, 1);
    assert_false(old.ticketed);
    assert_null(f.reason);
    shut_server();
}

static void chooses_by_the_names_in_the_certificates(void **state)
{
    (void)state;
    static const struct {
        const char *sni, *subject;
    } cases[] = {{NULL, "good"},
                 {"localhost", "good"},
                 {"hooks.example.com", "named"},
                 {"Hooks.Example.COM", "named"},
                 {"any.example.net", "named"},
                 {"a.b.example.net", "good"},
                 {"elsewhere.example", "good"}};
    open_server(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client c = {.sni = cases[i].sni};
        run(&c);
        assert_string_equal(c.subject, cases[i].subject);
        assert_int_equal(c.answers, 1);
    }
    shut_server();
}

static void speaks_http_1_1_when_asked(void **state)
{
    (void)state;
    open_server(NULL);
    struct client both = {.alpn = "\x02h2\x08http/1.1"}, none = {0};
    run(&both);
    assert_string_equal(both.protocol, "http/1.1");
    run(&none);
    assert_string_equal(none.protocol, "");
    assert_int_equal(none.answers, 1);
    shut_server();
}

static void takes_the_client_it_knows(void **state)
{
    (void)state;
    open_server("ca");
    struct client c = {.cert = "good"};
    run(&c);
    assert_int_equal(c.answers, 1);
    shut_server();
}

/* More than what waits in memory for its turn: reading stops, and starts again. */
static void answers_many_requests_sent_at_once(void **state)
{
    (void)state;
    open_server(NULL);
    f.later = true;
    struct client c = {.requests = 2000};
    run(&c);
    assert_int_equal(c.answers, 2000);
    assert_int_equal(f.requests, 2000);
    shut_server();
}

static void a_connection_keeps_the_context_it_began_with(void **state)
{
    (void)state;
    open_server(NULL);
    struct client old = {.stay = true}, new = {0};
    start_client(&old);
    room_wait(&f.room, &old.shaken);
    struct tls_context *renewed;
    const struct tls_files files = files_of("rsa", "rsa");
    assert_null(tls_server_new(&renewed, &files, 1, STR_NONE));
    httpd_use_tls(f.httpd, renewed);
    tls_context_unref(renewed);
    tls_context_unref(f.tls); /* the first one is the connection's alone */
    f.tls = NULL;
    start_client(&new);
    room_wait(&f.room, &new.done);
    assert_string_equal(new.subject, "rsa");
    assert_int_equal(write(old.go[1], "x", 1), 1);
    end_client(&old);
    end_client(&new);
    assert_string_equal(old.subject, "good");
    assert_int_equal(old.answers, 1);
    shut_server();
}

/* --- what is refused --- */

static void refuses(void **state)
{
    (void)state;
    static const struct {
        struct client c;
        int alert; /* what the client is told */
        const char *detail;
    } cases[] = {
        {{.max_version = TLS1_1_VERSION},
         SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
         "unsupported protocol"},
        {{.max_version = TLS1_2_VERSION, .ciphers = "AES128-GCM-SHA256"}, /* no forward secrecy */
         SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
         "no shared cipher"},
        {{.max_version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA256"}, /* no AEAD */
         SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
         "no shared cipher"},
        {{.alpn = "\x02h2"}, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, "application protocol"},
    };
    open_server(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client c = cases[i].c;
        run(&c);
        assert_false(c.shaken);
        assert_int_equal(ERR_GET_REASON(c.error), cases[i].alert);
        assert_ptr_equal(f.reason, REASON_TLS);
        assert_non_null(strstr(f.detail, cases[i].detail));
    }
    assert_int_equal(f.requests, 0);
    shut_server();
}

static void refuses_clients_it_does_not_know(void **state)
{
    (void)state;
    static const struct {
        const char *cert, *detail;
    } cases[] = {{NULL, "did not return a certificate"},
                 {"stranger", "self-signed certificate"},
                 {"old", "expired"}};
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    open_server("ca");
    for (size_t i = 0; i < 6; i++) {
        struct client c = {.cert = cases[i / 2].cert, .max_version = versions[i % 2]};
        run(&c);
        assert_int_equal(c.answers, 0);
        assert_ptr_equal(f.reason, REASON_TLS);
        assert_non_null(strstr(f.detail, cases[i / 2].detail));
    }
    assert_int_equal(f.requests, 0);
    shut_server();
}

static void refuses_renegotiation(void **state)
{
    (void)state;
    open_server(NULL);
    struct client c = {.max_version = TLS1_2_VERSION, .renegotiate = true};
    run(&c);
    assert_int_equal(ERR_GET_REASON(c.error), SSL_R_NO_RENEGOTIATION);
    shut_server();
}

/* Each asks for one in return, and none of these is read until the answer is wanted. */
static void goes_on_after_many_key_updates(void **state)
{
    (void)state;
    open_server(NULL);
    struct client c = {.key_updates = 100};
    run(&c);
    assert_int_equal(c.answers, 1);
    assert_null(f.reason);
    shut_server();
}

#define RAW(text)                                                                                  \
    {                                                                                              \
        .raw = text, .raw_len = sizeof text - 1                                                    \
    }

static void refuses_what_is_not_tls(void **state)
{
    (void)state;
    static const struct {
        struct client c;
        const char *reason, *detail, *answer;
    } cases[] = {
        {RAW("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), REASON_TLS, "plain HTTP", "HTTP/1.1 400 "},
        {RAW("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"), REASON_TLS, "plain HTTP",
         "use https://"},
        {RAW("SSH-2.0-OpenSSH_9.2\r\n"), REASON_TLS, "wrong version", ""},
        {RAW("\x16\x03\x01\x00\x05hello"), REASON_TLS, "", ""},
        {RAW("\x16\x03\x01\xff\xff"), REASON_TLS, "", ""},
        {RAW("\x16\x03\x01\x02"), REASON_TLS, "closed during the handshake", ""},
        {RAW(""), NULL, "", ""}, /* somebody looked whether the port is open */
    };
    open_server(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client c = cases[i].c;
        run(&c);
        assert_ptr_equal(f.reason, cases[i].reason);
        assert_non_null(strstr(f.detail, cases[i].detail));
        assert_non_null(strstr(c.answer, cases[i].answer));
    }
    assert_int_equal(f.requests, 0);
    shut_server();
}

/* Whoever stands in the door for longest goes; a client that shakes hands comes in. */
static void bounds_the_handshakes_under_way(void **state)
{
    (void)state;
    open_server(NULL);
    int waiting[] = {dial(), dial()};
    while (httpd_connections(f.httpd) < 2) {
        uv_run(&f.room.loop, UV_RUN_ONCE);
    }
    assert_null(f.reason);
    struct client c = {0};
    start_client(&c);
    room_wait(&f.room, &c.done);
    assert_int_equal(c.answers, 1);
    assert_ptr_equal(f.reason, REASON_OVERLOADED);
    assert_non_null(strstr(f.detail, "handshakes"));
    char byte;
    assert_int_equal(read(waiting[0], &byte, 1), 0);
    struct pollfd second = {waiting[1], POLLIN, 0};
    assert_int_equal(poll(&second, 1, 0), 0); /* it still may */
    close(waiting[0]);
    close(waiting[1]);
    end_client(&c);
    shut_server();
}

static struct httpd_request *await_request(void)
{
    while (f.waiting == NULL) {
        uv_run(&f.room.loop, UV_RUN_ONCE);
    }
    struct httpd_request *r = f.waiting;
    f.waiting = NULL;
    return r;
}

/* They are read, so that the end of the connection is seen, and lie nowhere. */
static void keeps_nothing_that_stands_behind_close_notify(void **state)
{
    (void)state;
    open_server(NULL);
    f.held = true;
    struct client client = {.behind = 16 << 20};
    start_client(&client);
    struct httpd_request *r = await_request();
    const struct httpd_conn *c = CONTAINER_OF(r, struct message, request)->owner;
    while (uv_is_active(&c->conn.socket.handle)) { /* until all is read */
        uv_run(&f.room.loop, UV_RUN_ONCE);
    }
    assert_true(c->ended);
    assert_in_range(conn_held(&c->conn), 0, 4096);
    httpd_answer(r, &(struct httpd_answer){.status = 200, .body = STR("fine")});
    end_client(&client);
    assert_int_equal(client.answers, 1);
    shut_server();
}

static void use_limits(unsigned handshakes, unsigned per_address)
{
    f.limits.handshakes = handshakes;
    f.limits.per_address = per_address;
    httpd_use_limits(f.httpd, &f.limits);
}

static bool is_open(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    return poll(&p, 1, 0) == 0;
}

/* A client that opens them faster than others shake hands: it loses its own. */
static void one_client_takes_no_handshakes_from_others(void **state)
{
    (void)state;
    enum { PLACES = 16, FLOOD = 48 };
    int flood[FLOOD];
    open_server(NULL);
    use_limits(PLACES, 100);
    struct client c = {.from = 1, .slow = true};
    start_client(&c);
    while (httpd_connections(f.httpd) < 1) {
        uv_run(&f.room.loop, UV_RUN_ONCE);
    }
    for (unsigned i = 0; i < FLOOD; i++) {
        flood[i] = dial();
    }
    room_wait_n(&f.room, &f.refused, FLOOD + 1 - PLACES);
    assert_non_null(strstr(f.detail, "handshakes"));
    assert_int_equal(write(c.go[1], "x", 1), 1);
    room_wait(&f.room, &c.done);
    assert_int_equal(c.answers, 1);
    assert_int_equal(f.refused, FLOOD + 1 - PLACES);
    for (unsigned i = 0; i < FLOOD; i++) {
        assert_int_equal(is_open(flood[i]), i >= FLOOD + 1 - PLACES); /* its eldest went */
        close(flood[i]);
    }
    end_client(&c);
    shut_server();
}

/* All come in one turn of the loop: the refused one is not closed yet. */
static void a_refused_connection_takes_no_handshake_from_others(void **state)
{
    (void)state;
    open_server(NULL);
    use_limits(2, 1);
    int first = dial(), second = dial(), other = dial_from(1);
    while (httpd_connections(f.httpd) < 2) {
        uv_run(&f.room.loop, UV_RUN_ONCE);
    }
    room_wait_n(&f.room, &f.refused, 1);
    assert_non_null(strstr(f.detail, "one address"));
    assert_true(is_open(first) && is_open(other) && !is_open(second));
    assert_int_equal(f.refused, 1);
    close(first);
    close(second);
    close(other);
    while (httpd_connections(f.httpd) > 0) {
        uv_run(&f.room.loop, UV_RUN_ONCE);
    }
    shut_server();
}

/* OpenSSL writes nothing before it has read the other half; the next request's turn comes then. */
static void answers_behind_both_halves_of_a_key_update(void **state)
{
    (void)state;
    open_server(NULL);
    f.held = true;
    struct client client = {.requests = 2, .halves = true};
    start_client(&client);
    struct httpd_request *r = await_request();
    const struct httpd_conn *c = CONTAINER_OF(r, struct message, request)->owner;
    httpd_answer(r, &(struct httpd_answer){.status = 200, .body = STR("fine")});
    assert_null(c->conn.reason);
    assert_int_equal(c->state, PEER_WRITING);
    assert_int_equal(write(client.go[1], "x", 1), 1);
    r = await_request();
    httpd_answer(r, &(struct httpd_answer){.status = 200, .body = STR("fine")});
    end_client(&client);
    assert_int_equal(client.answers, 2);
    assert_null(f.reason);
    shut_server();
}

/* True: within the time that the peer has for it, or the loop would have closed before it read on. */
static bool refuses_one_that_sends_on(struct client *c)
{
    char byte;
    open_server(NULL);
    start_client(c);
    room_wait_n(&f.room, &f.refused, 1);
    uint64_t began_ns = uv_hrtime();
    assert_int_equal(read(c->told[0], &byte, 1), 1); /* the loop stands: nothing has closed */
    assert_true(c->saw_end);
    while (httpd_connections(f.httpd) > 0) {
        uv_run(&f.room.loop, UV_RUN_ONCE);
    }
    uint64_t took_ns = uv_hrtime() - began_ns;
    assert_int_equal(write(c->go[1], "x", 1), 1);
    end_client(c);
    assert_non_null(strstr(c->answer, "HTTP/1.1 400 "));
    shut_server();
    return took_ns < UINT64_C(900000000);
}

/* Refused, while it may still be sending: it is told the end at once, and then only read. */
static void ends_its_side_behind_the_last_answer(void **state)
{
    (void)state;
    struct client c;
    unsigned slow = 0;
    do {
        c = (struct client){.to_the_end = true};
    } while (!refuses_one_that_sends_on(&c) && ++slow < 5);
    assert_true(c.sent_on);
}

static void a_request_that_is_cut_off_is_none(void **state)
{
    (void)state;
    open_server(NULL);
    struct client c = {.cut = true};
    run(&c);
    assert_int_equal(f.requests, 0);
    shut_server();
}

/* --- files --- */

static void says_what_is_wrong_with_files(void **state)
{
    (void)state;
    static const struct {
        const char *cert, *key, *why;
    } cases[] = {
        {"nowhere", "good", "nowhere.pem: No such file"},
        {"good", "nowhere", "nowhere.key: No such file"},
        {"good", "named", "does not belong to the certificate"},
        {"good", "rsa", "does not belong to the certificate"}, /* another kind of key */
        {"good", "locked", "passphrase"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tls_context *t;
        const struct tls_files files = files_of(cases[i].cert, cases[i].key);
        const char *why = tls_server_new(&t, &files, 1, STR_NONE);
        assert_non_null(why);
        assert_non_null(strstr(why, cases[i].why));
        assert_null(t);
        assert_int_equal(ERR_peek_error(), 0);
    }
    struct tls_context *t;
    const struct tls_files swapped = {.cert_file = str_of(path("good", ".key")),
                                      .key_file = str_of(path("good", ".pem"))};
    assert_non_null(strstr(tls_server_new(&t, &swapped, 1, STR_NONE), "there is none in it"));
    const struct tls_files good = files_of("good", "good");
    const char *why = tls_server_new(&t, &good, 1, str_of(path("good", ".key")));
    assert_non_null(strstr(why, "cannot read certificates from"));
}

static void knows_when_the_first_expires(void **state)
{
    (void)state;
    struct tls_context *t;
    int64_t now = (int64_t)time(NULL);
    const struct tls_files files[] = {files_of("named", "named"), files_of("good", "good")};
    assert_null(tls_server_new(&t, files, 2, STR_NONE));
    int64_t days = (tls_context_expiry(t) - now) / 86400; /* good has 30, named 60 */
    assert_in_range(days, 28, 31);
    assert_in_range((tls_certificate_expiry(t, 0) - now) / 86400, 58, 61);
    tls_context_unref(t);
    const struct tls_files old = files_of("old", "old");
    assert_null(tls_server_new(&t, &old, 1, STR_NONE)); /* taken: refusing would help nobody */
    assert_true(tls_context_expiry(t) < now);
    tls_context_unref(t);
    assert_null(tls_client_new(&t, &(struct tls_files){.ca_file = str_of(path("ca", ".pem"))}));
    assert_int_equal(tls_context_expiry(t), 0);
    tls_context_unref(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_tls_1_2_and_1_3),
        cmocka_unit_test(chooses_by_the_names_in_the_certificates),
        cmocka_unit_test(speaks_http_1_1_when_asked),
        cmocka_unit_test(takes_the_client_it_knows),
        cmocka_unit_test(answers_many_requests_sent_at_once),
        cmocka_unit_test(a_connection_keeps_the_context_it_began_with),
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_clients_it_does_not_know),
        cmocka_unit_test(refuses_renegotiation),
        cmocka_unit_test(goes_on_after_many_key_updates),
        cmocka_unit_test(refuses_what_is_not_tls),
        cmocka_unit_test(bounds_the_handshakes_under_way),
        cmocka_unit_test(one_client_takes_no_handshakes_from_others),
        cmocka_unit_test(a_refused_connection_takes_no_handshake_from_others),
        cmocka_unit_test(answers_behind_both_halves_of_a_key_update),
        cmocka_unit_test(keeps_nothing_that_stands_behind_close_notify),
        cmocka_unit_test(ends_its_side_behind_the_last_answer),
        cmocka_unit_test(a_request_that_is_cut_off_is_none),
        cmocka_unit_test(says_what_is_wrong_with_files),
        cmocka_unit_test(knows_when_the_first_expires),
    };
    return cmocka_run_group_tests(tests, make_certs, remove_certs);
}
