/* Contexts of OpenSSL: settings that hold for every connection, and what is read from files. */
#include "io/tls_context.h"

#include "base/crypt.h"
#include "base/log.h"
#include "io/resolve.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char trouble[768];

/* --- what went wrong --- */

/* The first error is the cause. */
static const char *why_of(unsigned long error, const char *otherwise)
{
    const char *why =
        ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);
    return why != NULL ? why : otherwise;
}

static bool is_missing_pem(unsigned long error)
{
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static const char *say_unreadable(const char *what, struct str path)
{
    unsigned long error = ERR_peek_error();
    snprintf(trouble, sizeof trouble, "cannot read %s from %.*s: %s", what, STR_ARG(path),
             is_missing_pem(error) ? "there is none in it; it must be PEM"
                                   : why_of(error, "there is none in it; it must be PEM"));
    ERR_clear_error();
    return trouble;
}

static const char *say_misfit(const struct tls_files *f)
{
    snprintf(trouble, sizeof trouble,
             "the key in %.*s does not belong to the certificate in %.*s; name the key that the "
             "certificate was issued for",
             STR_ARG(f->key_file), STR_ARG(f->cert_file));
    ERR_clear_error();
    return trouble;
}

/* --- reading files --- */

/* OpenSSL would ask at the terminal. */
static int no_passphrase(char *at, int size, int writing, void *asked)
{
    (void)at;
    (void)size;
    (void)writing;
    *(bool *)asked = true;
    return -1;
}

static const char *say_locked(const struct tls_files *f)
{
    snprintf(trouble, sizeof trouble,
             "the key in %.*s is locked with a passphrase; store it without one (openssl pkey), "
             "readable for Penstock only",
             STR_ARG(f->key_file));
    ERR_clear_error();
    return trouble;
}

/* Nothing of it stays in memory but the key: not even what the C library reads a file into. */
static EVP_PKEY *read_key(struct str path, bool *asked)
{
    char bytes[4096];
    FILE *file = NULL;
    EVP_PKEY *key = NULL;
    BIO *in = BIO_new_file(path.at, "r");
    if (in != NULL && BIO_get_fp(in, &file) == 1) {
        setvbuf(file, bytes, _IOFBF, sizeof bytes);
        crypt_wipe_freed(true);
        key = PEM_read_bio_PrivateKey(in, NULL, no_passphrase, asked);
        crypt_wipe_freed(false);
    }
    BIO_free(in);
    crypt_wipe(bytes, sizeof bytes);
    return key;
}

static const char *load_key(SSL_CTX *ssl, const struct tls_files *f)
{
    bool asked = false;
    EVP_PKEY *key = read_key(f->key_file, &asked);
    bool taken = key != NULL && SSL_CTX_use_PrivateKey(ssl, key) == 1;
    EVP_PKEY_free(key); /* the context has it */
    if (!taken) {
        return asked ? say_locked(f)
               : ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_X509
                   ? say_misfit(f)
                   : say_unreadable("a private key", f->key_file);
    }
    /* A key of another kind than the certificate's was taken as the half of a second pair. */
    return SSL_CTX_check_private_key(ssl) == 1 ? NULL : say_misfit(f);
}

static const char *load_certificate(SSL_CTX *ssl, const struct tls_files *f)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ssl, f->cert_file.at) != 1) {
        return say_unreadable("a certificate", f->cert_file);
    }
    return load_key(ssl, f);
}

static const char *load_trust(SSL_CTX *ssl, struct str ca_file)
{
    ERR_clear_error();
    bool ok = ca_file.len == 0 ? SSL_CTX_set_default_verify_paths(ssl) == 1
                               : SSL_CTX_load_verify_locations(ssl, ca_file.at, NULL) == 1;
    return ok ? NULL
              : say_unreadable("certificates",
                               ca_file.len == 0 ? STR("the system's store") : ca_file);
}

/* --- settings --- */

/* TLS 1.2 and 1.3. 1.2 with forward secrecy and authenticated encryption only; no renegotiation
 * (work that a peer may ask for without end), no compression. */
static SSL_CTX *make_ssl_context(const SSL_METHOD *method)
{
    SSL_CTX *ssl = SSL_CTX_new(method);
    ENSURE(ssl != NULL && SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_clear_mode(ssl, SSL_MODE_AUTO_RETRY);
    ENSURE(SSL_CTX_set_cipher_list(ssl, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1); /* TLS 1.2's */
    return ssl;
}

/* Contexts are numbered, so that a session knows its own without keeping it, and its key, alive. */
static void give_number(SSL_CTX *ssl)
{
    static atomic_uintptr_t last;
    SSL_CTX_set_app_data(ssl, (void *)(atomic_fetch_add(&last, 1) + 1));
}

static uintptr_t number_of(const SSL_CTX *ssl)
{
    return (uintptr_t)SSL_CTX_get_app_data(ssl);
}

void tls_session_done(struct tls_session *s)
{
    SSL_SESSION_free(s->last);
    *s = (struct tls_session){0};
}

SSL_SESSION *tls_session_for(const struct tls_session *s, const struct tls_context *t)
{
    return s->of == number_of(t->ssl[0]) ? s->last : NULL;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_session *s = SSL_get_app_data(ssl);
    if (s == NULL) {
        return 0;
    }
    tls_session_done(s);
    s->last = session;
    s->of = number_of(SSL_get_SSL_CTX(ssl));
    return 1; /* kept */
}

/* RFC 7301 3.2: a client that names protocols and not ours is refused. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                   const unsigned char *in, unsigned in_len, void *user)
{
    static const unsigned char ours[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    (void)ssl;
    (void)user;
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, ours, sizeof ours, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int on_server_name(SSL *ssl, int *alert, void *user)
{
    (void)alert;
    struct tls_context *t = user;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    for (unsigned i = 0; name != NULL && i < t->n; i++) {
        X509 *own = SSL_CTX_get0_certificate(t->ssl[i]);
        if (X509_check_host(own, name, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1) {
            SSL_set_SSL_CTX(ssl, t->ssl[i]);
            break;
        }
    }
    return SSL_TLSEXT_ERR_OK; /* a name that no certificate has: the first one */
}

static const char *require_clients(SSL_CTX *ssl, struct str ca_file)
{
    const char *why = load_trust(ssl, ca_file);
    STACK_OF(X509_NAME) *names = why == NULL ? SSL_load_client_CA_file(ca_file.at) : NULL;
    if (why == NULL && names == NULL) {
        why = say_unreadable("certificates", ca_file);
    }
    if (why == NULL) {
        SSL_CTX_set_client_CA_list(ssl, names);
        SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return why;
}

/* No session is resumed, by ticket or by cache: senders keep their connections, and a ticket's key
 * in memory for long would undo what forward secrecy gives. */
static SSL_CTX *make_server_context(struct tls_context *t)
{
    SSL_CTX *ssl = make_ssl_context(TLS_server_method());
    SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    ENSURE(SSL_CTX_set_num_tickets(ssl, 0) == 1 && SSL_CTX_set_max_early_data(ssl, 0) == 1);
    ENSURE(SSL_CTX_set1_groups_list(ssl, "X25519:P-256") == 1);
    SSL_CTX_set_alpn_select_cb(ssl, on_alpn, NULL);
    SSL_CTX_set_tlsext_servername_callback(ssl, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(ssl, t);
    return ssl;
}

/* --- life --- */

static struct tls_context *make(unsigned n, bool is_server)
{
    struct tls_context *t = calloc(1, sizeof *t);
    ENSURE(t != NULL && (t->ssl = calloc(n, sizeof(SSL_CTX *))) != NULL);
    atomic_init(&t->refs, 1);
    t->n = n;
    t->is_server = is_server;
    return t;
}

static const char *hand_out(struct tls_context **out, struct tls_context *t, const char *why)
{
    if (why != NULL) {
        tls_context_unref(t);
        t = NULL;
    }
    *out = t;
    return why;
}

static struct str copy(struct str s)
{
    char *at = strndup(s.len > 0 ? s.at : "", s.len);
    ENSURE(at != NULL);
    return (struct str){at, s.len};
}

const char *tls_client_new(struct tls_context **out, const struct tls_files *files)
{
    struct tls_context *t = make(1, false);
    SSL_CTX *ssl = t->ssl[0] = make_ssl_context(TLS_client_method());
    t->files =
        (struct tls_files){copy(files->ca_file), copy(files->cert_file), copy(files->key_file)};
    SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, on_session);
    give_number(ssl);
    const char *why = load_trust(ssl, t->files.ca_file);
    if (why == NULL && t->files.cert_file.len > 0) {
        why = load_certificate(ssl, &t->files);
    }
    return hand_out(out, t, why);
}

const char *tls_client_reload(struct tls_context *t)
{
    struct tls_context *fresh;
    const char *why = tls_client_new(&fresh, &t->files);
    if (why == NULL) {
        SSL_CTX *old = t->ssl[0];
        t->ssl[0] = fresh->ssl[0];
        fresh->ssl[0] = old;
        tls_context_unref(fresh);
    }
    return why;
}

const char *tls_server_new(struct tls_context **out, const struct tls_files *certificates, size_t n,
                           struct str client_ca_file)
{
    struct tls_context *t = make((unsigned)n, true);
    const char *why = NULL;
    for (size_t i = 0; why == NULL && i < n; i++) {
        t->ssl[i] = make_server_context(t);
        why = load_certificate(t->ssl[i], &certificates[i]);
        if (why == NULL && client_ca_file.len > 0) {
            why = require_clients(t->ssl[i], client_ca_file);
        }
    }
    return hand_out(out, t, why);
}

struct tls_context *tls_context_ref(struct tls_context *t)
{
    if (t != NULL) {
        atomic_fetch_add(&t->refs, 1);
    }
    return t;
}

void tls_context_unref(struct tls_context *t)
{
    if (t != NULL && atomic_fetch_sub(&t->refs, 1) == 1) {
        for (unsigned i = 0; i < t->n; i++) {
            SSL_CTX_free(t->ssl[i]);
        }
        free(t->ssl);
        free((char *)t->files.ca_file.at);
        free((char *)t->files.cert_file.at);
        free((char *)t->files.key_file.at);
        free(t);
    }
}

int64_t tls_certificate_expiry(const struct tls_context *t, unsigned i)
{
    const X509 *own = SSL_CTX_get0_certificate(t->ssl[i]);
    struct tm tm;
    return own != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(own), &tm) == 1 ? (int64_t)timegm(&tm)
                                                                             : 0;
}

int64_t tls_context_expiry(const struct tls_context *t)
{
    int64_t first = 0;
    for (unsigned i = 0; i < t->n; i++) {
        int64_t at = tls_certificate_expiry(t, i);
        first = first == 0 || (at != 0 && at < first) ? at : first;
    }
    return first;
}

/* --- a connection's beginning --- */

X509_STORE *tls_client_trust(const struct tls_context *t)
{
    return SSL_CTX_get_cert_store(t->ssl[0]);
}

SSL *tls_client_ssl(struct tls_context *t, struct str host)
{
    char name[256];
    snprintf(name, sizeof name, "%.*s", STR_ARG(host));
    SSL *ssl = SSL_new(t->ssl[0]);
    ENSURE(ssl != NULL);
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct sockaddr_storage address;
    if (resolve_literal(host, &address)) { /* no address in SNI: RFC 6066 3 */
        ENSURE(X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1);
        return ssl;
    }
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    ENSURE(SSL_set1_host(ssl, name) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1);
    return ssl;
}

const char *tls_verify_trouble(const SSL *ssl)
{
    long verified = SSL_get_verify_result(ssl);
    switch (verified) {
    case X509_V_OK:
        return NULL;
    case X509_V_ERR_HOSTNAME_MISMATCH:
        return "hostname mismatch: its certificate is for another name";
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "IP address mismatch: its certificate does not name this address";
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return "certificate has expired: it must be renewed there";
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "certificate is not yet valid: one of the two clocks is wrong";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return "self-signed certificate: trust it with tls.ca_file";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        return "self-signed certificate in certificate chain: tls.ca_file must hold this CA";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return "unable to get local issuer certificate: tls.ca_file must hold its CA, and the "
               "server must send the whole chain";
    default:
        return X509_verify_cert_error_string(verified);
    }
}
