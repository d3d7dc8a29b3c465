/* A provider's handshake: a request that asks whether somebody is there. It is answered at once,
 * and is never an event. */
#ifndef MODEL_CHALLENGE_H
#define MODEL_CHALLENGE_H

#include "model/verify.h"

/* Where a text of a request is. */
struct challenge_place {
    enum { CHALLENGE_QUERY, CHALLENGE_HEADER, CHALLENGE_FORM, CHALLENGE_BODY } in;
    struct str name; /* of a parameter or a field, or a JSON pointer; empty: nowhere */
};

/* One provider's, as a row (PROVIDERS.md, section 5). */
struct challenge {
    struct str provider, method;
    struct challenge_place sign;   /* it is one if this is there, and ... */
    struct str equals;             /* ... is this, unless empty. No sign: each of that method */
    struct challenge_place unless; /* but not if this is there, too */
    /* Who may ask: whoever signs as the source's events are signed; whoever shows the token that
     * its user chose; or anybody, where the provider proves nothing and what is said gives nothing
     * away. */
    enum { CHALLENGE_SIGNED, CHALLENGE_TOKEN, CHALLENGE_ANYBODY } proof;
    struct str token;              /* the parameter that it is in */
    struct challenge_place value;  /* what is said back; nowhere: nothing */
    bool hex_only;                 /* and it must be 20 to 32 digits in lower case */
    struct challenge_place secret; /* what it leaves, by which it will sign; nowhere: nothing */
    struct str header;             /* ... and wants to see again in this field, unless empty: the
                                    * secret or, where it leaves none, the value */
    struct field more;             /* another field of the answer, unless empty */
    int status;
    struct str content_type;
    struct str body; /* text, and {value}, {name}, of the secret, {hex} and {base64}: the HMAC of
                      * the value by the secret */
};

/* The handshakes of that provider, one after the other: NULL behind the last. */
const struct challenge *challenge_of(struct str provider, size_t i);
/* Is one of them made by this method? So it is taken, though it is no event's. */
bool challenge_has_method(struct str provider, struct str method);
bool challenge_may_use(const struct verify *v,
                       struct str method); /* the same of any scheme of it */

struct challenge_input {
    struct verify_input request;
    struct str query; /* without '?' */
};

/* The handshake that this is, or NULL. */
const struct challenge *challenge_find(struct str provider, const struct challenge_input *in);
/* The same of a source: that of the first of its schemes which knows it; `scheme` is that one. */
const struct challenge *challenge_among(const struct verify *v, const struct challenge_input *in,
                                        const struct verify **scheme);

/* The secret that it leaves, appended; false: it is missing or unfit. */
bool challenge_secret(const struct challenge *c, const struct challenge_input *in, struct buf *out);
/* Appends the answer's body (of a row without one: what goes into `header`), or says why there is
 * none: a constant sentence. `token` is what the source's user chose, empty: nothing. `v` is the
 * handshake's own scheme, whose first secret makes the HMAC. */
const char *challenge_answer(const struct challenge *c, const struct verify *v, struct str token,
                             const struct challenge_input *in, int64_t now_s,
                             struct buf *out) MUST_CHECK;

#endif
