/* Secrets that no configuration holds, for their provider hands them over in its handshake (Asana,
 * Notion): the first one that comes is kept, in Redis (<prefix>learned), for all nodes. Whoever
 * knows the path could come first, so that is said in the log; a later one is refused until an
 * operator forgets the first. */
#ifndef RELAY_LEARNED_H
#define RELAY_LEARNED_H

#include "relay/inlet.h"

void learned_drop(struct inlet *i); /* wiped and freed */
/* What `from` knows, under the configuration of `s`. */
void learned_move(const struct conf_source *s, struct inlet *to, const struct inlet *from);
bool learned_is_known(const struct worker *w, const struct conf_source *source); /* read once */
/* What verifies that source's requests now. */
const struct verify *learned_verify(const struct worker *w, const struct conf_source *source);
void learned_read(struct worker *w); /* every 2 s: what other workers and nodes have learnt */

/* on_end: NULL, it is kept, and verifies from now on; "bad_challenge": another one was first; or
 * "redis_down". */
void learned_keep(struct worker *w, const struct conf_source *source, struct str secret,
                  void (*on_end)(void *user, const char *reason), void *user);
/* For the admin API. on_end: NULL, or the reason why not. */
void learned_forget(struct worker *w, struct str source,
                    void (*on_end)(void *user, const char *reason), void *user);
/* The secret itself, to be entered at its provider (Notion asks for it); empty: none is known. */
struct str learned_secret(const struct worker *w, struct str source);

#endif
