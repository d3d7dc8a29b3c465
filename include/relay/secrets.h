/* Which of a source's secrets verified when last: evidence for whoever takes an old one away. It is
 * kept in Redis, <prefix>secrets, so that it outlives a node, and says what others have seen. */
#ifndef RELAY_SECRETS_H
#define RELAY_SECRETS_H

#include "relay/inlet.h"

/* What is known of the secrets that both have. */
void secrets_move(const struct conf_source *s, struct inlet *to, const struct conf_source *before,
                  const struct inlet *from);
/* These of its secrets (bits, as struct verify_proof has them) have verified an event. */
void secrets_used(struct worker *w, const struct conf_source *source, unsigned which);
void secrets_publish(struct worker *w); /* every 2 s; of each secret once a minute at most */

/* Of every source: {"sources":[{"name", "path", "verify", "schemes", "secrets":[{"name",
 * "last_used_ms"}]}]}, 0: never. `out` must live until on_end: NULL, or the reason why not. */
void secrets_list(struct worker *w, struct buf *out, void (*on_end)(void *user, const char *reason),
                  void *user);

#endif
