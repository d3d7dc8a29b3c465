/* The certificates that senders sign by: read from the provider's own hosts when a request first
 * names one, and kept while they are good.
 *
 * Of made-up names no more than ten are asked for at once, and one in 3 s then, by a worker; those
 * beyond are refused with 503, as they may be genuine. A host that says that there is none is not
 * asked for the same one within 30 s, one that is away not within 5 s. What is kept is read again once a day while it is in use; so
 * long as its host is away it counts for another day, but never beyond its own last second. */
#ifndef RELAY_CERTIFICATES_H
#define RELAY_CERTIFICATES_H

#include "relay/keys.h"

const char *certificates_start(struct worker *w) MUST_CHECK;
void certificates_stop(struct worker *w);
void certificates_done(struct worker *w);

const struct jwks *certificates_keys(struct worker *w, const struct conf_source *s);
enum keys_miss certificates_miss(struct worker *w, const struct conf_source *s,
                                 const struct verify_input *in, bool again, struct fetch **reading);

/* A subscription of it is to be confirmed by asking for that URL, on one of the same hosts. */
enum certificates_confirm {
    CONFIRM_DONE,
    CONFIRM_WAIT,  /* it is being asked for: fetch_wait */
    CONFIRM_WRONG, /* it is no URL that confirms one, and not asked for */
    CONFIRM_AWAY,  /* it could not be asked for, or its host has refused */
};
enum certificates_confirm certificates_confirm(struct worker *w, const struct conf_source *s,
                                               struct str url, bool again, struct fetch **asking);

#endif
