/* The public keys that providers publish: each worker reads its own, and keeps them fresh.
 *
 * A feed is read at start and then as often as its Cache-Control says (5 min to 24 h), or because a
 * token names a key that is not among them: that at most once in 30 s, whoever asks, so that
 * made-up names cost its host nothing. While the host is away the last keys count for another 24 h.
 */
#ifndef RELAY_JWKS_H
#define RELAY_JWKS_H

#include "relay/keys.h"

/* Reads what the configuration names and is not read yet. NULL, or a sentence for the operator. */
const char *jwks_start(struct worker *w) MUST_CHECK;
void jwks_move(const struct conf_source *s, struct inlet *to, const struct conf_source *before,
               struct inlet *from); /* as keys_move */
void jwks_retire(struct inlet *from);
void jwks_stop(struct worker *w); /* reads no more; done, once all is idle, frees */
void jwks_done(struct worker *w);

/* The keys of that source, valid until the loop runs again; NULL: none, or it needs none. */
const struct jwks *jwks_keys(struct worker *w, const struct conf_source *s);
/* A token of it names a key that is not among them: as keys_miss. */
enum keys_miss jwks_miss(struct worker *w, const struct conf_source *s, bool again,
                         struct fetch **reading);

#endif
