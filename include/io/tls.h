/* TLS for a connection that we dial: OpenSSL over memory BIOs, verified, TLS 1.2 or newer. */
#ifndef IO_TLS_H
#define IO_TLS_H

#include "io/conn.h"

struct tls_context; /* trust and settings; shared by connections, refcounted */
struct tls;         /* one connection's; owned by its struct conn */

/* The session to be resumed with one server; zeroed at first, done at last. */
struct tls_session {
    void *last; /* SSL_SESSION; owned */
};

/* Trusts what is in `ca_file` (PEM), or what the system trusts if that is empty. NULL, or a
 * sentence (static buffer, until the next call). */
const char *tls_context_new(struct tls_context **out, struct str ca_file) MUST_CHECK;
struct tls_context *tls_context_ref(struct tls_context *t);
void tls_context_unref(struct tls_context *t);

/* A connection to `host`, a name or an address literal: its certificate must say so. `session` must
 * outlive it. */
struct tls *tls_new(struct tls_context *context, struct str host, struct tls_session *session);
void tls_free(struct tls *t);
bool tls_resumed(const struct tls *t);
void tls_session_done(struct tls_session *s);

extern const struct conn_ops tls_ops;

#endif
