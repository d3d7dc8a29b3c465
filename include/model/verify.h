/* Signature schemes as rows of one generic recipe (provider facts: each row names its source). */
#ifndef MODEL_VERIFY_H
#define MODEL_VERIFY_H

#include "base/crypt.h"
#include "base/fields.h"

#define VERIFY_SECRETS 8    /* secrets tried at most */
#define VERIFY_SIGNATURES 8 /* candidate signatures tried at most */

/* Verdicts: NULL means genuine. Closed list, the words of logs, metrics and API. */
extern const char VERIFY_BAD_SIGNATURE[];   /* "bad_signature" */
extern const char VERIFY_STALE_TIMESTAMP[]; /* "stale_timestamp": too old, or too far ahead */

struct verify; /* compiled: scheme, secrets, template */

struct verify_input {
    struct str method, target;
    const struct fields *fields;
    struct str body; /* raw bytes */
};

struct verify_verdict {
    const char *reason; /* NULL: genuine */
    const char *detail; /* a constant sentence: "no header X-..." is "signature header missing" ... */
    int secret;         /* which one matched, -1 none */
};

/* Constant time in what is secret; bounded work. now_s: wall clock seconds. */
struct verify_verdict verify_check(const struct verify *v, const struct verify_input *in,
                                   int64_t now_s);
void verify_free(struct verify *v);
struct str verify_name(const struct verify *v); /* "stripe", "hmac", "none" */

/* Signs `body` as the provider would, for `penstock send` and tests: appends to `fields` the headers
 * (bytes live in `out`). NULL, or why it cannot. */
struct buf;
const char *verify_sign(const struct verify *v, struct str method, struct str target,
                        struct str body, int64_t now_s, struct str delivery_id,
                        struct fields *fields, struct buf *out) MUST_CHECK;

#endif
