/* What a provider asks or says that is no event: whether somebody is there, whether a subscription
 * is wanted, that one has ended. Answered here, and never kept. */
#ifndef RELAY_HANDSHAKE_H
#define RELAY_HANDSHAKE_H

#include "io/httpd.h"
#include "model/verify.h"
#include "relay/worker.h"

/* Before its signature is checked, for most of these have none. What looks like a handshake, but is
 * signed by another scheme, is that one's event; and where all schemes must hold, nothing is said
 * without the others. True: it was answered, or will be. `waited`: what it has waited for. */
bool is_challenge(struct worker *w, struct httpd_request *r, const struct conf_source *source,
                  const struct verify_input *input, unsigned waited);
/* A genuine request that is no event; the same. */
bool is_word(struct worker *w, struct httpd_request *r, const struct conf_source *source,
             const struct verify_proof *proof, const struct verify_input *input, unsigned waited);

#endif
