/* Request -> verified, routed, journaled event. Answers only after the journal did. */
#ifndef RELAY_INGEST_H
#define RELAY_INGEST_H

#include "relay/journal.h"

#define ANSWER_WITHIN_MS 2000 /* an append that is not answered by then: the spool, or 503 */

/* The listener on conf->listen.address: the first worker opens it, then the others join. NULL, or a
 * sentence for the operator. */
const char *ingest_start(struct worker *w) MUST_CHECK;
/* New connections speak TLS with this context, or a newer one; NULL: nothing changes. */
void ingest_use_tls(struct worker *w, struct tls_context *tls);
void ingest_use_limits(struct worker *w); /* those of w->conf, from now on */
/* Would an event be accepted now? NULL, or the reason of the refusal (closed list). */
const char *ingest_refuses(const struct worker *w);
/* The outcome of an append is known; NULL: durable. Takes the append over. */
void append_done(struct journal *j, struct append *a, const char *reason);
/* Appends and requests that still wait for an answer. */
unsigned ingest_waiting(const struct worker *w);

/* The status of a refusal (closed list), for any part that answers one. */
int refusal_status(const char *reason);

#endif
