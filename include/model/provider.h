/* What is known of a provider beside how it signs (model/verify_presets.c): how it behaves, what to
 * enter at it, and what an event of it looks like. For people and for `penstock send`: nothing is
 * decided by it. */
#ifndef MODEL_PROVIDER_H
#define MODEL_PROVIDER_H

#include "base/fields.h"

struct provider {
    struct str name;      /* of its preset */
    const char *title;    /* "Stripe" */
    const char *docs;     /* the page, or the official library, that says how it signs */
    unsigned deadline_s;  /* so long it waits for an answer; 0: not known */
    const char *success;  /* what it takes for delivered; NULL: not known */
    const char *retries;  /* when it tries again, in words; NULL: not known */
    const char *setup;    /* what to enter where, as a sentence */
    unsigned respond;     /* the status that it wants for delivered; 0: 200 will do */
    bool silent;          /* and no body with it */
    struct str says;      /* the plain text that it wants to read then; empty: nothing */
    bool loses_429;       /* it comes again after 5xx only: a busy source says 503 to it */
    struct str body;      /* a sample event, written for Penstock; no real data: see verify_seal */
    struct str body_type; /* its media type; empty: application/json */
    struct field type;    /* the header that names its type; empty: it is in the body */
};

/* NULL for an unknown name, and of "none". */
const struct provider *provider_find(struct str name);

#endif
