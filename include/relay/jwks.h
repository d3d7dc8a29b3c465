/* The public keys that providers publish: each worker reads its own, and keeps them fresh.
 *
 * A feed is read at start and then as often as its Cache-Control says (5 min to 24 h), or because a
 * token names a key that is not among them: that at most once in 30 s, whoever asks, so that
 * made-up names cost its host nothing. While the host is away the last keys count for another 24 h.
 */
#ifndef RELAY_JWKS_H
#define RELAY_JWKS_H

#include "relay/worker.h"

struct jwks_wait {                        /* a member of whoever waits */
    struct jwks_wait *next, **link;       /* link NULL: it does not wait */
    void (*on_keys)(struct jwks_wait *x); /* once, from the loop: they were read, or could not be */
};

/* Reads what the configuration names. NULL, or a sentence for the operator. */
const char *jwks_start(struct worker *w) MUST_CHECK;
/* Cuts off what is being read; who waits is told. Idle once that is over; done frees. */
void jwks_stop(struct worker *w);
bool jwks_is_idle(const struct worker *w);
void jwks_done(struct worker *w);

/* The keys of that source, valid until the loop runs again; NULL: none, or it needs none. */
const struct jwks *jwks_keys(struct worker *w, const struct conf_source *s);

/* A token of it names a key that is not among them. */
enum jwks_miss {
    JWKS_WAIT,    /* they are being read: jwks_wait */
    JWKS_UNKNOWN, /* they were read lately, and there is no such key */
    JWKS_AWAY,    /* they cannot be read now, or too many wait: it may be one of them */
};
/* `again`: it has waited already. */
enum jwks_miss jwks_miss(struct worker *w, const struct conf_source *s, bool again);
void jwks_wait(struct worker *w, const struct conf_source *s, struct jwks_wait *x);
void jwks_forget(struct jwks_wait *x); /* it waits no more */

#endif
