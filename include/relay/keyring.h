/* Keys that are read one by one, as requests name them: certificates by their URL (AWS SNS,
 * PayPal), Plaid's by kid; from the provider's own hosts, when one is first named, and kept while
 * it is good.
 *
 * Each worker has a keyring for each source. Of made-up names it asks for no more than ten at once,
 * and for one in 3 s then; those beyond are refused with 503, as they may be genuine. A host that
 * says that there is none is not asked for the same one within 30 s (404, 410, Plaid's word for
 * it); any other answer, or a document that will not do, may be better at another time: 503, and
 * not asked for within 5 s. What is kept is read again once a day; so long as that fails it counts
 * for another day, unless Plaid says that it has expired; and a certificate never beyond its own
 * last second. */
#ifndef RELAY_KEYRING_H
#define RELAY_KEYRING_H

#include "relay/keys.h"

const char *keyring_start(struct worker *w) MUST_CHECK;
void keyring_move(const struct conf_source *s, struct inlet *to, const struct conf_source *before,
                  struct inlet *from); /* as keys_move */
void keyring_retire(struct inlet *from);
void keyring_stop(struct worker *w);
void keyring_done(struct worker *w);

const struct jwks *keyring_keys(struct worker *w, const struct conf_source *s);
enum keys_miss keyring_miss(struct worker *w, const struct conf_source *s,
                            const struct verify_input *in, bool again, struct fetch **reading);

/* A subscription of it is to be confirmed by asking for that URL, on one of the same hosts. */
enum keyring_confirm {
    CONFIRM_DONE,
    CONFIRM_WAIT,  /* it is being asked for: fetch_wait */
    CONFIRM_WRONG, /* it is no URL that confirms one, and not asked for */
    CONFIRM_AWAY,  /* it could not be asked for, or its host has refused */
    CONFIRM_BUSY,  /* not asked for: another is, or too many were */
};
enum keyring_confirm keyring_confirm(struct worker *w, const struct conf_source *s, struct str url,
                                     bool again, struct fetch **asking);

#endif
