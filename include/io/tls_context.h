/* Trust, certificates and settings for TLS connections: what is read from files, once.
 *
 * A context may be shared by threads: it is read only, and counted. Every failure is a sentence
 * that names the file and says what to do (static buffer of the thread, until the next call). */
#ifndef IO_TLS_CONTEXT_H
#define IO_TLS_CONTEXT_H

#include "base/text.h"

#include <openssl/ssl.h>
#include <stdatomic.h>

/* PEM files of one side; empty: none. */
struct tls_files {
    struct str ca_file;             /* whom to trust; a client without one trusts the system's */
    struct str cert_file, key_file; /* what to show; the chain's own certificate first */
};

struct tls_context {
    atomic_uint refs;
    struct tls_files files; /* a client's, copied: to be read again */
    SSL_CTX **ssl; /* a server's: one for each certificate; the first for all other names */
    unsigned n;
    bool is_server;
};

/* The session to be resumed with one server; zeroed at first, done at last. The app data of a
 * client's SSL, or NULL: none is kept. */
struct tls_session {
    SSL_SESSION *last; /* owned */
    uintptr_t of;      /* the number of what it was made with */
};
/* NULL after a reload: who resumes verifies nothing anew, and shows no certificate. */
SSL_SESSION *tls_session_for(const struct tls_session *s, const struct tls_context *t);
void tls_session_done(struct tls_session *s);

const char *tls_client_new(struct tls_context **out, const struct tls_files *files) MUST_CHECK;
/* Reads its files again; after a failure it is as before. Connections keep what they began with:
 * the old key is wiped when the last of them ends.
 * Not while another thread uses it. */
const char *tls_client_reload(struct tls_context *t) MUST_CHECK;
/* `certificates` (at least one) are chosen by the names in them, the first that fits; a name that
 * none has gets the first. With a `client_ca_file` clients must show a certificate from there. */
const char *tls_server_new(struct tls_context **out, const struct tls_files *certificates, size_t n,
                           struct str client_ca_file) MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *t); /* NULL is fine */
void tls_context_unref(struct tls_context *t);

/* When certificate `i` expires (Unix time); 0: there is none, or it does not say. */
int64_t tls_certificate_expiry(const struct tls_context *t, unsigned i);
/* Of those that the context has, the first to expire; 0: none. */
int64_t tls_context_expiry(const struct tls_context *t);

/* A connection of this context to `host`, a name or an address literal: its certificate must say
 * so. For io/tls and io/store; the caller's to free. */
SSL *tls_client_ssl(struct tls_context *t, struct str host);
X509_STORE *tls_client_trust(const struct tls_context *t); /* whom it trusts; borrowed */
/* What is wrong with the peer's certificate, and what to do; NULL if that was not the trouble.
 * Constant. */
const char *tls_verify_trouble(const SSL *ssl);

#endif
