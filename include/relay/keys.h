/* The keys that a source's sender has at its provider: published in a set (relay/jwks.h), or
 * read one by one, as requests name them (relay/keyring.h). */
#ifndef RELAY_KEYS_H
#define RELAY_KEYS_H

#include "relay/fetch.h"
#include "relay/inlet.h"

/* Opens what the configuration names and is not open yet. NULL, or a sentence for the operator. */
const char *keys_start(struct worker *w) MUST_CHECK;
/* After a reload: what `from` has is given to `to` where it is at the same place still; what is
 * left is given up, once it is idle. */
void keys_move(const struct conf_source *s, struct inlet *to, const struct conf_source *before,
               struct inlet *from);
void keys_retire(struct inlet *from);
void keys_stop(struct worker *w); /* cuts off what is read; idle once fetch_all_idle */
void keys_done(struct worker *w);

/* The keys of that source, valid until the loop runs again; NULL: none, or it needs none. */
const struct jwks *keys_of(struct worker *w, const struct conf_source *s);

/* A request of it names a key that is not among them. */
enum keys_miss {
    KEYS_WAIT,    /* it is being read: fetch_wait */
    KEYS_UNKNOWN, /* that was read lately, and there is no such key */
    KEYS_AWAY,    /* it cannot be read now, or too much is: the request may be genuine */
};
/* `again`: it has waited already. */
enum keys_miss keys_miss(struct worker *w, const struct conf_source *s,
                         const struct verify_input *in, bool again, struct fetch **reading);

#endif
