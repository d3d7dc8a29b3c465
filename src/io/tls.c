/* TLS over memory BIOs: what is read is fed to OpenSSL, what OpenSSL has to say is flushed, after
 * every step and also after errors: alerts and tickets live there.
 *
 * The thread's error queue is emptied before each call (else one bad peer's error is read as
 * another's), and the answers of OpenSSL that matter are few: more input wanted, ended, broken. */
#include "io/tls.h"

#include "base/log.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

#define TLS_READ_BYTES (64u * 1024)  /* ciphertext taken from the socket at once */
#define TLS_QUEUE_BYTES (64u * 1024) /* ciphertext made ahead of the socket */
#define TLS_DEBT_BYTES (256u * 1024) /* owed to a peer that makes us speak and does not read */
#define TLS_KEPT_BYTES (4u * 1024)   /* of an empty BIO; a greater one is replaced */

struct tls {
    struct tls_context *context; /* counted */
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
    struct conn *conn;
    struct wheel_timer again; /* reading starts again, with what lies in `in` */
    char *sending;            /* ciphertext that is with libuv, or NULL */
    bool open;                /* handshaken */
    bool ended;               /* close_notify was read */
    bool stopped;             /* the owner reads no more for now */
    bool behind;              /* what is to be written waits behind half a message of the peer's */
};

/* --- life --- */

static struct tls *make(struct tls_context *context, SSL *ssl)
{
    struct tls *t = calloc(1, sizeof *t);
    ENSURE(t != NULL && ssl != NULL);
    t->context = tls_context_ref(context);
    t->ssl = ssl;
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    ENSURE(t->in != NULL && t->out != NULL);
    SSL_set_bio(t->ssl, t->in, t->out);
    return t;
}

struct tls *tls_new(struct tls_context *context, struct str host, struct tls_session *session)
{
    struct tls *t = make(context, tls_client_ssl(context, host));
    SSL_set_connect_state(t->ssl);
    SSL_set_app_data(t->ssl, session);
    SSL_SESSION *last = tls_session_for(session, context);
    if (last != NULL) {
        SSL_set_session(t->ssl, last);
    }
    return t;
}

struct tls *tls_accept(struct tls_context *context)
{
    struct tls *t = make(context, SSL_new(context->ssl[0]));
    SSL_set_accept_state(t->ssl);
    return t;
}

void tls_free(struct tls *t)
{
    if (t != NULL) {
        SSL_free(t->ssl);
        tls_context_unref(t->context);
        free(t->sending);
        free(t);
    }
}

bool tls_resumed(const struct tls *t)
{
    return SSL_session_reused(t->ssl) == 1;
}

bool tls_is_outdated(const struct tls *t)
{
    return SSL_get_SSL_CTX(t->ssl) != t->context->ssl[0];
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

/* A browser's or curl's http:// on this port: one answer in clear, for whoever has to find out. */
static const char *tell_plain(struct conn *c)
{
    static char answer[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                           "Content-Length: 43\r\nConnection: close\r\n\r\n"
                           "plain HTTP on a port for TLS; use https://\n";
    (void)conn_try(c, &(uv_buf_t){.base = answer, .len = sizeof answer - 1}, 1);
    return "plain HTTP on a port for TLS; the sender must use https://";
}

/* Why OpenSSL failed: the certificate's trouble is the better sentence. Both are constants. */
static void fail(struct conn *c)
{
    struct tls *t = c->tls;
    unsigned long error = ERR_peek_error();
    const char *why = tls_verify_trouble(t->ssl);
    if (why == NULL && t->context->is_server && ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST) {
        why = tell_plain(c);
    } else if (why == NULL) {
        why = ERR_reason_error_string(error);
    }
    ERR_clear_error();
    flush(c); /* the alert */
    c->detail = why != NULL ? why : "the TLS connection broke";
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

static void end(struct conn *c, bool clean)
{
    c->tls->ended = true;
    if (c->tls->behind) { /* the other half will not come, so nothing can be written */
        conn_close(c, CONN_RESET);
    } else {
        c->events->on_end(c, clean);
    }
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
        ENSURE(BIO_reset(t->in) == 1); /* nobody reads what may stand behind it */
        flush(c);
        end(c, true);
    } else if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        fail(c);
    } else if (BIO_pending(t->in) > 0) {
        return true; /* AUTO_RETRY is off: a ticket or key update was read, the rest waits */
    }
    return false;
}

/* A memory BIO keeps the room that it once needed: ten thousand idle connections would have it. */
static BIO *slim(BIO *b)
{
    BUF_MEM *memory;
    BIO_get_mem_ptr(b, &memory);
    if (BIO_pending(b) > 0 || memory->max <= TLS_KEPT_BYTES) {
        return b;
    }
    BIO *fresh = BIO_new(BIO_s_mem());
    ENSURE(fresh != NULL);
    return fresh;
}

static void slim_both(struct tls *t)
{
    BIO *in = slim(t->in), *out = slim(t->out);
    if (in != t->in) {
        SSL_set0_rbio(t->ssl, in); /* frees the old one */
        t->in = in;
    }
    if (out != t->out) {
        SSL_set0_wbio(t->ssl, out);
        t->out = out;
    }
}

/* Looked at before the owner is asked for room, which it would keep: 8 KiB of each idle connection.
 * (A record of which only a part is there does cost it, for so long.) */
static bool has_some(const struct tls *t)
{
    return BIO_pending(t->in) > 0 || SSL_has_pending(t->ssl) == 1;
}

/* Whatever the owner may have: all of it, unless it stops. What waits to be written goes first: it
 * is older than what the owner may say to this. */
static void decrypt(struct conn *c)
{
    struct tls *t = c->tls;
    if (t->behind && !c->writing) {
        t->behind = false; /* SSL_write looks at what came, and may find only more of that half */
        conn_push(c);
    }
    while (!t->ended && !t->stopped && c->reason == NULL && has_some(t) && read_some(c)) {
    }
    flush(c);
    if (c->reason != NULL) {
        return;
    }
    if (BIO_pending(t->out) > (int)TLS_DEBT_BYTES) {
        c->detail = "it makes us answer and does not read";
        conn_close(c, CONN_TLS);
        return;
    }
    slim_both(t);
}

static void tls_read(struct conn *c, char *at, size_t n)
{
    struct tls *t = c->tls;
    if (t->ended) {
        return; /* nor what comes now: it would lie in `in` for as long as the answer takes */
    }
    ENSURE(BIO_write(t->in, at, (int)n) == (int)n);
    if (t->open || handshake(c)) {
        decrypt(c);
    }
}

static void tls_end(struct conn *c)
{
    struct tls *t = c->tls;
    if (!t->open && SSL_in_before(t->ssl)) {
        conn_close(c, CONN_DONE); /* accepted, and not a byte came: somebody looked at the port */
    } else if (!t->open) {
        c->detail = "closed during the handshake";
        conn_close(c, CONN_TLS);
    } else if (!t->ended) {
        end(c, false);
    }
}

void tls_read_stop(struct conn *c)
{
    c->tls->stopped = true;
}

size_t tls_held(const struct conn *c)
{
    const struct tls *t = c->tls;
    BUF_MEM *memory;
    BIO_get_mem_ptr(t->in, &memory);
    return memory->max + (SSL_pending(t->ssl) > 0 ? SSL3_RT_MAX_PACKET_SIZE : 0);
}

static void on_again(struct wheel_timer *timer)
{
    struct tls *t = CONTAINER_OF(timer, struct tls, again);
    struct conn *c = t->conn;
    decrypt(c);
    if (c->reason == NULL && !t->stopped) {
        conn_read_start(c);
    }
}

/* From the loop: the owner is not called from inside its call. */
bool tls_read_start(struct conn *c)
{
    struct tls *t = c->tls;
    bool more = t->stopped && (BIO_pending(t->in) > 0 || SSL_pending(t->ssl) > 0);
    t->stopped = false;
    if (more) {
        t->conn = c;
        wheel_arm(c->wheel, &t->again, 0, on_again);
    }
    return more;
}

/* Encrypts from the parts while the queue of ciphertext is short. False: no more for now. A memory
 * BIO takes all; but behind the first half of a ticket or key update OpenSSL writes nothing before
 * it has read the other, which decrypt waits for, for as long as the owner's deadline lets it. */
static bool encrypt(struct conn *c)
{
    struct tls *t = c->tls;
    while (conn_has_parts(c) && BIO_pending(t->out) < (int)TLS_QUEUE_BYTES) {
        struct str part = c->parts[c->part];
        int rc = 0;
        if (part.len > 0) {
            ERR_clear_error();
            rc = SSL_write(t->ssl, part.at, part.len > INT32_MAX ? INT32_MAX : (int)part.len);
            if (rc <= 0 && !t->ended && SSL_get_error(t->ssl, rc) == SSL_ERROR_WANT_READ) {
                t->behind = true;
                return false;
            }
            if (rc <= 0) {
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
    bool more;
    do {
        more = encrypt(c);
        flush(c);
    } while (more && c->reason == NULL && !c->writing && conn_has_parts(c));
}

static void tls_write_end(struct conn *c)
{
    ERR_clear_error();
    SSL_shutdown(c->tls->ssl);
    flush(c);
    if (c->reason == NULL && !c->writing) { /* else the end comes with the close */
        conn_send_end(c);                   /* OpenSSL answers no key update behind close_notify */
    }
}

/* A courtesy, and more: OpenSSL takes the session of a connection that ends without it for bad, and
 * will not resume it. Not after an error of the connection, and not into the middle of a write. */
static void tls_close(struct conn *c)
{
    struct tls *t = c->tls;
    wheel_cancel(c->wheel, &t->again);
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
