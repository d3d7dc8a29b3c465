/* Signed JSON Web Tokens: the compact form of RFC 7515, the claims of RFC 7519, read strictly.
 * Which algorithms count is the caller's word, never the token's; nor is a key ever taken from one
 * (jwk, jku, x5c and x5u are not even looked at). */
#ifndef MODEL_JWT_H
#define MODEL_JWT_H

#include "base/buf.h"
#include "base/crypt.h"

enum jwt_algorithm { /* RFC 7518 3.1 */
                     JWT_HS256,
                     JWT_HS384,
                     JWT_HS512,
                     JWT_RS256,
                     JWT_ES256,
                     JWT_ALGORITHMS,
};
#define JWT_BIT(algorithm) (1u << (algorithm))
#define JWT_ALL_HMAC (JWT_BIT(JWT_HS256) | JWT_BIT(JWT_HS384) | JWT_BIT(JWT_HS512))

#define JWT_BYTES (64 << 10)       /* a longer text is no token */
#define JWT_HEADER_BYTES (4 << 10) /* of its header, decoded */
#define JWT_MEMBERS 256            /* of an object that is looked at */
#define JWT_NAME_MAX 64            /* characters of a claim's name in rules */

struct jwt {
    enum jwt_algorithm algorithm;
    struct str kid;         /* which key it names; empty: none */
    struct str signed_text; /* header, dot and claims, as they came: borrowed */
    struct str claims; /* JSON: nothing of it is true until the signature is known to be good */
    unsigned char signature[CRYPT_RSA_MAX];
    size_t signature_len;
    struct buf bytes; /* kid and claims lie here */
};

const char *jwt_name(enum jwt_algorithm a);           /* "HS256" */
enum crypt_digest jwt_digest(enum jwt_algorithm a);   /* of an HMAC */
enum crypt_public_kind jwt_key(enum jwt_algorithm a); /* of RS256 and ES256 */

/* Reads a token; NULL, or a constant sentence that says why it cannot be genuine. `algorithms`:
 * bits of those that it may be signed by. jwt_done in either case. */
const char *jwt_read(struct jwt *t, struct str text, unsigned algorithms) MUST_CHECK;
void jwt_done(struct jwt *t);

/* The key must be of the token's algorithm. Constant time in what the HMAC is. */
bool jwt_is_by_secret(const struct jwt *t, struct crypt_key *k);
bool jwt_is_by(const struct jwt *t, const struct crypt_public *k);

/* How a claim holds what it vouches for. */
enum jwt_form { JWT_TEXT, JWT_HEX, JWT_BASE64, JWT_BASE64URL }; /* itself, or its SHA-256 */

struct jwt_bond {
    struct str claim; /* empty: there is none */
    enum jwt_form form;
};

struct jwt_rules {
    unsigned algorithms; /* bits; of one family: else a public key could be taken for a secret */
    bool in_body;        /* the body is the token, and all of it is signed */
    struct str issuer,
        audience;     /* what iss must be, and what aud must be or hold; empty: anything */
    struct str email; /* what email must be, and email_verified say; empty: anything */
    struct str has;   /* a claim that must be there: tells such tokens from others by that key */
    struct jwt_bond body, url; /* claims that must be of this body, and of this URL */
    bool canonical;            /* what it calls the URL is Atlassian's: method, path and query */
    bool expires;              /* exp must be there; it is looked at in any case */
    int64_t leeway_s;          /* how far off another clock may be */
    int64_t max_age_s;         /* since iat, which must be there then; 0: as old as exp lets it */
};

struct jwt_facts {
    struct str body, url;
    int64_t now_s;
};

/* Of a token whose signature is good. NULL, or a constant sentence; `stale` says whether only time
 * speaks against it. */
const char *jwt_check_claims(struct str claims, const struct jwt_rules *r,
                             const struct jwt_facts *f, bool *stale) MUST_CHECK;

/* By what a token is signed: a secret's HMAC, or a private key. */
struct jwt_signer {
    enum jwt_algorithm algorithm;
    struct crypt_key *secret;
    const struct crypt_private *key;
};

/* Appends a token of these claims; and one that these rules take, of the lifetime `life_s`, whose
 * `id` (jti) may be empty. False: the key does not sign. */
bool jwt_sign_claims(struct buf *out, const struct jwt_signer *by, struct str claims) MUST_CHECK;
bool jwt_sign(struct buf *out, const struct jwt_rules *r, const struct jwt_facts *f,
              const struct jwt_signer *by, struct str id, int64_t life_s) MUST_CHECK;

#endif
