/* The certificates that the configuration names: as contexts, and whether they will do. */
#ifndef RELAY_TRUST_H
#define RELAY_TRUST_H

#include "base/buf.h"
#include "io/tls_context.h"
#include "model/conf.h"

#define TRUST_EARLY_DAYS 14 /* before a certificate expires, to be warned */
#define TRUST_WARNING 16384 /* room for what is warned of */

/* The listener's, from its files as they are now; *out is NULL when it speaks plain HTTP. NULL, or
 * a sentence for the operator (static buffer). */
const char *trust_listener(const struct conf *c, struct tls_context **out) MUST_CHECK;
/* Every file that the configuration names, for `penstock check` and the start. NULL, or the first
 * trouble; `warning` gets what is not one yet. */
const char *trust_check(const struct conf *c, struct buf *warning) MUST_CHECK;
/* Appends a sentence for each certificate of the listener (NULL: plain) that has expired or soon
 * will. */
void trust_warn(const struct conf *c, const struct tls_context *listener, int64_t now_s,
                struct buf *warning);

#endif
