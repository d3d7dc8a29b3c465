/* Sets of public keys as providers publish them (JWKS, RFC 7517): those of one algorithm, by kid.
 */
#ifndef MODEL_JWKS_H
#define MODEL_JWKS_H

#include "base/fields.h"
#include "model/jwt.h"

#define JWKS_BYTES (256 << 10) /* a longer document is refused */
#define JWKS_KEYS 64           /* of it are kept at most */
#define JWKS_KID 256           /* bytes of a name; keys of longer ones are left out */

struct jwks;

/* Keys that are not for signatures of that algorithm are left out, as are those that cannot be
 * (RFC 7517 5). NULL, or a constant sentence. */
const char *jwks_read(struct jwks **out, struct str json, enum jwt_algorithm a) MUST_CHECK;
extern const char JWKS_EXPIRED[];
/* One key of a document {"key": {...}}: it must have that kid; JWKS_EXPIRED: it has, and a time
 * when it expired (expired_at), as Plaid says it. */
const char *jwks_read_one(struct crypt_public **out, struct str json, struct str kid,
                          enum jwt_algorithm a) MUST_CHECK;
struct jwks *jwks_new(void); /* without any */
/* Keeps a key by that name, in place of one that had it; takes it. False: it does not fit. */
bool jwks_put(struct jwks *s, struct str kid, struct crypt_public *key);
void jwks_drop(struct jwks *s, struct str kid);
void jwks_free(struct jwks *s);
size_t jwks_count(const struct jwks *s);
/* The key of that name, or NULL; without a name, the only key that there is. */
const struct crypt_public *jwks_find(const struct jwks *s, struct str kid);

/* How long an answer with these Cache-Control fields may be kept: max-age, within bounds. */
int64_t jwks_lifetime_s(const struct fields *answer);

#endif
