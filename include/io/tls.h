/* One TLS connection, dialled or accepted: OpenSSL over memory BIOs. */
#ifndef IO_TLS_H
#define IO_TLS_H

#include "io/conn.h"
#include "io/tls_context.h"

struct tls; /* one connection's; owned by its struct conn; holds its context */

/* Dialled, to `host`, a name or an address literal: its certificate must say so. `session` must
 * outlive it. */
struct tls *tls_new(struct tls_context *context, struct str host, struct tls_session *session);
/* Accepted; of a server's context. */
struct tls *tls_accept(struct tls_context *context);
void tls_free(struct tls *t);
bool tls_resumed(const struct tls *t);
bool tls_is_outdated(const struct tls *t); /* dialled, and the context has been reloaded since */

/* What was decrypted waits while reading is stopped: conn_read_stop, and conn_read_start, which is
 * called again from the loop if this says true. */
void tls_read_stop(struct conn *c);
bool tls_read_start(struct conn *c);
size_t tls_held(const struct conn *c); /* memory, of what so waits */

extern const struct conn_ops tls_ops;

#endif
