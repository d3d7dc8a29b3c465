/* A source's run-time side in one worker: what its configuration alone does not say, and what
 * outlives a reload. */
#ifndef RELAY_INLET_H
#define RELAY_INLET_H

#include "relay/worker.h"

struct jwks_feed;
struct keyring;

struct learned { /* what its handshake has left: relay/learned.h */
    struct verify *verify;
    char *secret;
    bool known; /* that was read once */
};

struct secret_use {           /* relay/secrets.h */
    int64_t last_ms, told_ms; /* Redis' clock; 0: never */
    int64_t warned_ms;        /* boot clock */
    struct metric *events;    /* NULL until the first */
};

struct inlet {
    _Atomic int64_t *rate; /* the node's, for its `rate` */
    struct learned learned;
    struct secret_use uses[VERIFY_SECRETS_ALL];
    struct jwks_feed *jwks;  /* NULL: it needs none, or before the start */
    struct keyring *keyring; /* the same */
};

void inlets_init(struct worker *w);
void inlets_done(struct worker *w);
/* w->conf has taken the place of `before`: what is still good goes on, the rest is given up. */
void inlets_reload(struct worker *w, const struct conf *before);
/* Of a source of w->conf. */
struct inlet *inlet_of(const struct worker *w, const struct conf_source *source);
/* Of whatever source has that name now; NULL: none. */
struct inlet *inlet_named(const struct worker *w, struct str source);

#endif
