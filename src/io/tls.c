/* TLS over memory BIOs: what is read is fed to OpenSSL, what OpenSSL has to say is flushed, after
 * every step and also after errors: alerts and tickets live there.
 *
 * The thread's error queue is emptied before each call (else one bad peer's error is read as
 * another's), and the answers of OpenSSL that matter are few: more input wanted, ended, broken. */
#include "io/tls.h"

#include "base/log.h"
#include "io/resolve.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TLS_READ_BYTES (64u * 1024)  /* ciphertext taken from the socket at once */
#define TLS_QUEUE_BYTES (64u * 1024) /* ciphertext made ahead of the socket */

struct tls_context {
    SSL_CTX *ssl;
    unsigned refs;
};

struct tls {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    struct tls_session *session;
    char *sending; /* ciphertext that is with libuv, or NULL */
    bool open;     /* handshaken */
    bool ended;    /* close_notify was read */
};

/* --- contexts and sessions --- */

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls *t = SSL_get_app_data(ssl);
    tls_session_done(t->session);
    t->session->last = session;
    return 1; /* kept */
}

void tls_session_done(struct tls_session *s)
{
    SSL_SESSION_free(s->last);
    s->last = NULL;
}

static SSL_CTX *make_ssl_context(void)
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
    ENSURE(ssl != NULL && SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
    ENSURE(SSL_CTX_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1); /* TLS 1.2's */
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, on_session);
    return ssl;
}

const char *tls_context_new(struct tls_context **out, struct str ca_file)
{
    static _Thread_local char trouble[512];
    char path[4096];
    SSL_CTX *ssl = make_ssl_context();
    ERR_clear_error();
    bool ok;
    if (ca_file.len == 0) {
        ok = SSL_CTX_set_default_verify_paths(ssl) == 1;
    } else {
        snprintf(path, sizeof path, "%.*s", STR_ARG(ca_file));
        ok = ca_file.len < sizeof path && SSL_CTX_load_verify_locations(ssl, path, NULL) == 1;
    }
    if (!ok) {
        unsigned long error = ERR_peek_error(); /* the first is the cause */
        const char *why = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error))
                                                  : ERR_reason_error_string(error);
        snprintf(trouble, sizeof trouble, "cannot read certificates from %.*s: %s",
                 STR_ARG(ca_file.len == 0 ? STR("the system's store") : ca_file),
                 why != NULL ? why : "no certificate in it");
        ERR_clear_error();
        SSL_CTX_free(ssl);
        return trouble;
    }
    struct tls_context *t = calloc(1, sizeof *t);
    ENSURE(t != NULL);
    *t = (struct tls_context){ssl, 1};
    *out = t;
    return NULL;
}

struct tls_context *tls_context_ref(struct tls_context *t)
{
    t->refs++;
    return t;
}

void tls_context_unref(struct tls_context *t)
{
    if (t != NULL && --t->refs == 0) {
        SSL_CTX_free(t->ssl);
        free(t);
    }
}

/* --- one connection --- */

static void expect_host(SSL *ssl, struct str host)
{
    char name[256];
    snprintf(name, sizeof name, "%.*s", STR_ARG(host));
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct sockaddr_storage address;
    if (resolve_literal(host, &address)) {
        ENSURE(X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1);
        return;
    }
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    ENSURE(SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1);
}

struct tls *tls_new(struct tls_context *context, struct str host, struct tls_session *session)
{
    struct tls *t = calloc(1, sizeof *t);
    ENSURE(t != NULL);
    t->ssl = SSL_new(context->ssl);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    ENSURE(t->ssl != NULL && t->in != NULL && t->out != NULL);
    SSL_set_bio(t->ssl, t->in, t->out);
    SSL_set_app_data(t->ssl, t);
    SSL_set_connect_state(t->ssl);
    expect_host(t->ssl, host);
    t->session = session;
    if (session->last != NULL) {
        SSL_set_session(t->ssl, session->last);
    }
    return t;
}

void tls_free(struct tls *t)
{
    if (t != NULL) {
        SSL_free(t->ssl);
        free(t->sending);
        free(t);
    }
}

bool tls_resumed(const struct tls *t)
{
    return SSL_session_reused(t->ssl) == 1;
}

/* --- the pump --- */

/* Sends what OpenSSL has written, unless a request is under way: then its end comes back here. */
static void flush(struct conn *c)
{
    struct tls *t = c->tls;
    char *at;
    long n = BIO_get_mem_data(t->out, &at);
    if (c->reason != NULL || c->writing || n <= 0) {
        return;
    }
    free(t->sending);
    t->sending = NULL;
    size_t taken = conn_try(c, &(uv_buf_t){.base = at, .len = (size_t)n}, 1);
    size_t left = (size_t)n - taken;
    if (c->reason == NULL && left > 0) {
        t->sending = malloc(left);
        ENSURE(t->sending != NULL);
        memcpy(t->sending, at + taken, left);
        uv_buf_t rest = {.base = t->sending, .len = left};
        conn_send(c, &rest, 1);
    }
    ENSURE(BIO_reset(t->out) == 1);
}

/* Why OpenSSL failed: the certificate's trouble is the better sentence. Both are constants. */
static void fail(struct conn *c)
{
    long verified = SSL_get_verify_result(c->tls->ssl);
    const char *why = ERR_reason_error_string(ERR_peek_error());
    c->detail = verified != X509_V_OK ? X509_verify_cert_error_string(verified)
                : why != NULL         ? why
                                      : "the TLS connection broke";
    ERR_clear_error();
    flush(c); /* the alert */
    conn_close(c, CONN_TLS);
}

/* True: go on. */
static bool handshake(struct conn *c)
{
    struct tls *t = c->tls;
    ERR_clear_error();
    int rc = SSL_do_handshake(t->ssl);
    int error = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, rc);
    if (error == SSL_ERROR_NONE) {
        t->open = true;
        flush(c);
        if (c->reason == NULL) {
            c->events->on_open(c);
        }
    } else if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        flush(c);
    } else {
        fail(c);
    }
    return t->open && c->reason == NULL;
}

static void on_tls_connected(struct conn *c)
{
    (void)handshake(c);
}

static char *tls_room(struct conn *c, size_t *n)
{
    static _Thread_local char scratch[TLS_READ_BYTES]; /* used up before the loop goes on */
    (void)c;
    *n = sizeof scratch;
    return scratch;
}

/* One SSL_read into the owner's room. True: there may be more. */
static bool read_some(struct conn *c)
{
    struct tls *t = c->tls;
    size_t room = 0;
    char *at = c->events->on_room(c, &room);
    ERR_clear_error();
    int rc = SSL_read(t->ssl, at, room > INT32_MAX ? INT32_MAX : (int)room);
    int error = rc > 0 ? SSL_ERROR_NONE : SSL_get_error(t->ssl, rc);
    if (error == SSL_ERROR_NONE) {
        c->events->on_read(c, at, (size_t)rc);
        return c->reason == NULL;
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        t->ended = true;
        flush(c);
        c->events->on_end(c, true);
    } else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        fail(c);
    } else if (BIO_pending(t->in) > 0) {
        return true; /* AUTO_RETRY is off: a ticket or key update was read, the rest waits */
    }
    return false;
}

static void tls_read(struct conn *c, char *at, size_t n)
{
    struct tls *t = c->tls;
    ENSURE(BIO_write(t->in, at, (int)n) == (int)n);
    if (!t->open && !handshake(c)) {
        return;
    }
    while (!t->ended && read_some(c)) {
    }
    flush(c);
}

static void tls_end(struct conn *c)
{
    struct tls *t = c->tls;
    if (!t->open) {
        c->detail = "closed during the handshake";
        conn_close(c, CONN_TLS);
    } else if (!t->ended) {
        t->ended = true;
        c->events->on_end(c, false);
    }
}

/* Encrypts from the parts while the queue of ciphertext is short. False: broken. */
static bool encrypt(struct conn *c)
{
    struct tls *t = c->tls;
    while (conn_has_parts(c) && BIO_pending(t->out) < (int)TLS_QUEUE_BYTES) {
        struct str part = c->parts[c->part];
        int rc = 0;
        if (part.len > 0) {
            ERR_clear_error();
            rc = SSL_write(t->ssl, part.at, part.len > INT32_MAX ? INT32_MAX : (int)part.len);
            if (rc <= 0) { /* a memory BIO takes all, and renegotiation is off: broken */
                fail(c);
                return false;
            }
        }
        conn_parts_taken(c, (size_t)rc);
    }
    return true;
}

static void tls_push(struct conn *c)
{
    do {
        if (!encrypt(c)) {
            return;
        }
        flush(c);
    } while (c->reason == NULL && !c->writing && conn_has_parts(c));
}

static void tls_write_end(struct conn *c)
{
    ERR_clear_error();
    SSL_shutdown(c->tls->ssl);
    flush(c);
}

/* A courtesy, and more: OpenSSL takes the session of a connection that ends without it for bad, and
 * will not resume it. Not after an error of the connection, and not into the middle of a write. */
static void tls_close(struct conn *c)
{
    struct tls *t = c->tls;
    if (!t->open || c->reason == CONN_TLS || c->reason == CONN_RESET) {
        return;
    }
    ERR_clear_error();
    SSL_shutdown(t->ssl);
    char *at;
    long n = BIO_get_mem_data(t->out, &at);
    if (!c->writing && n > 0) {
        uv_buf_t buf = {.base = at, .len = (size_t)n};
        uv_try_write(&c->socket.stream, &buf, 1); /* as much as goes: the end comes anyway */
    }
}

const struct conn_ops tls_ops = {on_tls_connected, tls_room,      tls_read, tls_end,
                                 tls_push,         tls_write_end, tls_close};
