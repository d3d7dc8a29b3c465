/* What the files of verify share: the compiled form, and what a request claims. Nobody else's. */
#ifndef MODEL_VERIFY_PARTS_H
#define MODEL_VERIFY_PARTS_H

#include "model/verify.h"

#define VERIFY_PARTS 16 /* literals and placeholders of a template */

enum verify_part_kind {
    PART_LITERAL,
    PART_BODY,
    PART_TS,
    PART_ID,
    PART_URL,
    PART_METHOD,
    PART_SECRET,
    PART_QUERY,
    PART_BUILT,
    PART_POINTER, /* `literal` is the pointer */
};

struct verify_part {
    enum verify_part_kind kind;
    struct str literal;
};

struct verify_claim;
/* Appends a text of the request for a template; NULL, or why it cannot be genuine. */
typedef const char *verify_builder(const struct verify *v, const struct verify_input *in,
                                   const struct verify_claim *c, struct buf *out);

struct verify_secret {
    struct crypt_key *hmac[CRYPT_DIGESTS]; /* of those that are used */
    struct crypt_key *decoded;             /* of VERIFY_KEY_EITHER: the other key, or NULL */
    struct crypt_public *public;
    struct str text; /* kept for HASH, TOKEN and BASIC, and a PAIR's name; ours, wiped */
    char id[VERIFY_SECRET_ID + 1];
};

struct verify {
    struct verify_recipe r;
    struct verify_part parts[VERIFY_PARTS];
    size_t part_count;
    bool needs_ts, needs_id;
    verify_builder *build; /* NULL: none */
    struct verify_secret secrets[VERIFY_SECRETS];
    size_t secret_count;
    struct verify *schemes[VERIFY_SCHEMES]; /* of a group, which has nothing above but a name */
    size_t scheme_count;
    bool all; /* of a group: each must hold */
};

/* What a request says about itself. */
struct verify_claim {
    struct {
        unsigned char at[CRYPT_SIGNATURE_MAX];
        size_t len;
    } signatures[VERIFY_SIGNATURES]; /* decoded; of TOKEN and BASIC none */
    size_t n;
    struct str token;  /* of TOKEN and BASIC: as received */
    bool any_header;   /* some signature header was there */
    struct str ts, id; /* as received */
    char ts_text[40];  /* of a timestamp in the body */
    int64_t ts_ms;
    const char *trouble; /* why it cannot be genuine, or NULL */
};
/* Of an UNCLEARED one: it claims nothing yet. */
static inline void verify_claim_init(struct verify_claim *c)
{
    c->n = 0;
    c->token = c->ts = c->id = STR_NONE;
    c->any_header = false;
    c->ts_ms = 0;
    c->trouble = NULL;
}

struct verify_verdict verify_bad(const char *detail); /* VERIFY_BAD_SIGNATURE, by no secret */
/* Reads it, and NULL, or why it is not even worth a digest. */
const char *verify_claim_read(struct verify_claim *c, const struct verify *v,
                              const struct verify_input *in);
/* The part of that which is not about signatures. */
const char *verify_claim_id_and_time(struct verify_claim *c, const struct verify *v,
                                     const struct verify_input *in);
/* Of a claim whose signature is good: is it of now? `secret` of the verdict stays -1. */
struct verify_verdict verify_claim_age(struct verify_claim *c, const struct verify *v,
                                       const struct verify_input *in, int64_t now_s);

/* What the pointers of a template find. */
struct verify_texts {
    struct str at[VERIFY_PARTS]; /* of the parts that are pointers; nothing: it is not there */
    char digits[VERIFY_PARTS][24];
};
void verify_find_texts(const struct verify *v, struct yyjson_val *from, struct verify_texts *out);

/* What a template's placeholders stand for; timestamp and id as received, never formatted anew. */
struct verify_values {
    struct str method, body, ts, id, secret, query, built;
    const struct verify_texts *texts; /* NULL: it has no pointers */
};
/* The signed text in pieces; how many. */
size_t verify_fill(const struct verify *v, struct verify_values *values,
                   struct str out[VERIFY_PARTS]);
/* Which secret one of the signatures comes of, -1: none. */
int verify_match(const struct verify *v, const struct verify_claim *c,
                 struct verify_values *values);
/* What a template's placeholders stand for in this request. NULL, or why it cannot be genuine;
 * `built` is the caller's to free. */
const char *verify_put_values(const struct verify *v, const struct verify_input *in,
                              const struct verify_claim *c, struct buf *built,
                              struct verify_values *out);
/* ---- of those who sign (model/verify_sign.c, verify_seal.c) ---- */

size_t verify_signers(const struct verify *v); /* how many schemes, from the first on, sign */
/* In the recipe's encoding. */
void verify_put_bytes(const struct verify_recipe *r, const unsigned char *bytes, size_t len,
                      struct buf *out);
extern const char VERIFY_NO_PRIVATE_KEY[];           /* why a key is refused */
bool verify_has_private_key(const struct verify *v); /* does one of those sign with one? */
/* The private key of those who have one; NULL for others. NULL, or why it is none. */
const char *verify_private_key(const struct verify *v, struct str pem, struct crypt_private **out);
void verify_put_escaped(struct str s, struct buf *out); /* as queries and forms write it */
/* The least that a list of signed headers ({canonical}) holds. */
extern const struct field VERIFY_SIGNED_HEADERS;
/* verify_body.c: a signature that is in the body. */
struct verify_verdict verify_body_check(const struct verify *v, const struct verify_input *in);
/* What templates call {form}, {params} and {payload}; verify_canonical.c: {manifest} and
 * {canonical}. */
verify_builder verify_build_form, verify_build_params, verify_build_payload;
verify_builder verify_build_manifest, verify_build_canonical;
/* Of a token that vouches for a request but its body: method, path behind that of `base`, query. */
bool verify_put_query_hash(const struct verify_input *in, struct str base, struct buf *out);
/* NULL, or why the body is not the one that the query vouches for. */
const char *verify_body_hash(const struct verify *v, const struct verify_input *in);
/* A digest of what the signatures in the body cover. */
void verify_body_signed(const struct verify *v, const struct verify_input *in,
                        unsigned char out[CRYPT_DIGEST_MAX]);
/* Into c->signatures, if it is of the recipe's form. */
void verify_claim_signature(struct verify_claim *c, const struct verify_recipe *r, struct str text);
bool verify_uses(const struct verify *v, enum verify_part_kind kind);

/* ---- one scheme, for model/verify_group.c ---- */

struct verify_verdict verify_scheme_check(const struct verify *v, const struct verify_input *in,
                                          const struct jwks *keys, int64_t now_s);
bool verify_scheme_computes(const struct verify *v);
void verify_scheme_signed(const struct verify *v, const struct verify_input *in,
                          unsigned char out[CRYPT_DIGEST_MAX]);

/* ---- of VERIFY_JWT (model/verify_jwt.c) ---- */

const char *verify_jwt_recipe(const struct verify_recipe *r); /* NULL, or why it cannot be */
/* NULL, or why these bytes are no key of it. */
const char *verify_jwt_key(struct verify_secret *s, const struct verify_recipe *r, struct str key);
struct verify_verdict verify_jwt_check(const struct verify *v, const struct verify_input *in,
                                       const struct jwks *keys, int64_t now_s);
/* Of a genuine token what its signature covers: the signature itself may be written in several
 * ways. */
struct str verify_jwt_signed(const struct verify *v, const struct verify_input *in);
bool verify_jwt_name(const struct verify *v, const struct verify_input *in, struct buf *kid);
/* Appends the value of its header; NULL, or why it cannot. `key`: of what is not signed by a
 * secret. */
const char *verify_jwt_sign(const struct verify *v, const struct verify_signing *s,
                            const struct crypt_private *key, struct buf *out) MUST_CHECK;

/* Is it one whose sender has its keys to be read? A group has one at most. */
bool verify_reads_keys(const struct verify *v);

/* ---- of VERIFY_X509 (model/verify_x509.c) ---- */

const char *verify_x509_recipe(const struct verify_recipe *r); /* NULL, or why it cannot be */
struct verify_verdict verify_x509_check(const struct verify *v, const struct verify_input *in,
                                        const struct jwks *keys);
enum verify_control verify_x509_control(const struct verify *v, const struct verify_input *in,
                                        struct buf *url);
const char *verify_confirm_at(const struct verify_recipe *r, struct str url,
                              struct verify_place *out);
const char *verify_x509_place(const struct verify_recipe *r, struct str url,
                              struct verify_place *out);
struct certificate;
/* What is there: certificate_read, with the names that it may have. */
const char *verify_x509_read(const struct verify_recipe *r, struct str url, struct str document,
                             struct x509_store_st *trusted, struct certificate *out);
bool verify_x509_name(const struct verify *v, const struct verify_input *in, struct buf *url);
/* A digest of what its signature covers. */
void verify_x509_signed(const struct verify *v, const struct verify_input *in,
                        unsigned char out[CRYPT_DIGEST_MAX]);

#endif
