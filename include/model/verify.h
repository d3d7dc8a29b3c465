/* Signature schemes as rows of one generic recipe (provider facts: each row names its source). */
#ifndef MODEL_VERIFY_H
#define MODEL_VERIFY_H

#include "base/buf.h"
#include "base/crypt.h"
#include "base/fields.h"
#include "model/jwks.h"
#include "model/pick.h"
#include "model/timestamp.h"
#include "model/x509.h"

#define VERIFY_SECRETS 8      /* secrets tried at most */
#define VERIFY_SIGNATURES 8   /* candidate signatures tried at most */
#define VERIFY_SCHEMES 8      /* of a group ... */
#define VERIFY_SECRETS_ALL 16 /* ... and the secrets of all of them */

/* Verdicts: NULL means genuine. Closed list, the words of logs, metrics and API. */
extern const char VERIFY_BAD_SIGNATURE[];   /* "bad_signature" */
extern const char VERIFY_STALE_TIMESTAMP[]; /* "stale_timestamp": too old, or too far ahead */

enum verify_kind {
    VERIFY_HMAC,
    VERIFY_HASH,    /* plain digest of a template that holds {secret}: a provider's mistake */
    VERIFY_ED25519, /* the "secret" is the provider's public key */
    VERIFY_ECDSA,   /* so here: P-256 with SHA-256, signatures in DER */
    VERIFY_TOKEN,   /* the secret itself comes in a header: nothing of the body is vouched for */
    VERIFY_BASIC,   /* so here: "user:password", as RFC 7617 has it */
    VERIFY_JWT,     /* a signed token; of RS256 and ES256 the secret is a public key, PEM */
    VERIFY_X509,    /* each request names a certificate, which is read at its provider's */
    VERIFY_NONE,    /* nothing is verified; only ever by being asked for */
};
enum verify_encoding { VERIFY_HEX, VERIFY_BASE64, VERIFY_BASE64URL };
/* EITHER: its own characters, and, without the prefix, what they decode to as base64. PAIR: a
 * public name, a colon, and what the key is the SHA-1 of. */
enum verify_key {
    VERIFY_KEY_RAW,
    VERIFY_KEY_BASE64,
    VERIFY_KEY_HEX,
    VERIFY_KEY_EITHER,
    VERIFY_KEY_PAIR
};

#define VERIFY_HOSTS 8 /* that keys may be read from */
#define VERIFY_NAMES 8 /* names in a list of headers */

/* What a signature scheme is made of (PROVIDERS.md, section 4): a preset is a constant one, `type:
 * hmac` and its like fill one in. Texts are borrowed and outlive what is compiled from it. */
struct verify_recipe {
    struct str name;
    enum verify_kind kind;
    enum crypt_digest digest;
    bool sha256_too;                  /* a signature that is as long as one of SHA-256 is one */
    struct str headers[VERIFY_NAMES]; /* of signatures: every one that is present is tried */
    char item_sep, kv_sep;            /* how such a header splits; 0 = not */
    struct str sig_key, ts_key;       /* keys of signatures and timestamp, when kv_sep splits */
    enum verify_encoding encoding;
    /* Literals and {body} {ts} {id} {url} {method}; {secret}, of HASH. What presets need besides:
     * {query}, with its '?'; {/a/b}, what is there in a JSON body; and one text of those that
     * model/verify_body.c and model/verify_canonical.c build, such as {form}. */
    struct str signed_text;
    bool builds; /* it may hold such a text, as what its provider leaves unsigned is known */
    /* Where the signature is in a JSON body instead of a header, from every element of the list at
     * `each` (empty: from the whole body); there {/a/b} begins, too. */
    struct str sig_pointer, each;
    struct str json_field; /* the form's field that is this JSON; empty: it is the body */
    struct str sig_field;  /* the form's field that is what else is in a header */
    struct str parameter;  /* of TOKEN: the query's that it is in, instead of a header */
    struct str
        body_hash; /* the query's parameter that is the body's SHA-256, where it is no form */
    /* The timestamp, unless ts_key names it: a header, the first that is there, or a field of the
     * body, which the signature covers. */
    struct str ts_headers[VERIFY_NAMES], ts_pointer;
    enum timestamp_unit unit;
    int64_t past_s, future_s; /* tolerance; 0 = not looked at */
    struct str id_headers[VERIFY_NAMES];
    bool repeats;      /* two events may be signed alike: what is signed is no key to them */
    bool objects_only; /* else never its event: its handshake signs what anybody asks for */
    enum verify_key key;
    struct str key_prefix; /* cut off a secret before it is decoded, where it is there */
    struct str public_url; /* what {url} stands for: as registered with the provider */
    struct jwt_rules jwt;  /* of JWT; its token is in `headers`, behind any scheme or none */
    bool jwks;             /* of JWT: there are no secrets, its sender publishes its keys, at ... */
    struct str jwks_url;   /* ... this https URL; empty: each user's is another */
    struct x509_rules x509;
    /* Where keys are read that each request names: "name" or "name:port", by https; nothing is
     * ever read from elsewhere. `key_path`: of a token's, where one is asked for by its kid. */
    struct str key_hosts[VERIFY_HOSTS], key_path;
    struct str scheme; /* what it is written behind: "Bearer"; empty: nothing */
    /* What else a preset knows of its provider. */
    bool learns; /* its secret comes with its handshake, where the file gives none */
    struct pick event_type, delivery_id;
    size_t body_bytes; /* the greatest it sends; 0 = not more than others */
};

/* The preset of that name, or NULL; `none` is one of them. */
const struct verify_recipe *verify_preset(struct str name);
/* All of them, in order, for messages: NULL behind the last. */
const struct verify_recipe *verify_preset_at(size_t i);
/* Is nothing of it the user's to keep: are its keys read, or nothing verified? */
bool verify_is_keyless(const struct verify_recipe *r);

struct verify; /* compiled: a scheme with its secrets, or a group of such */

/* NULL, or a sentence that says why it cannot be. Secrets are copied into keys; at least one, none
 * empty (a recipe that verifies nothing takes none, nor one whose keys are published). `bad_secret`
 * (may be NULL) gets which secret it is about, -1 when it is not about one. */
const char *verify_new(struct verify **out, const struct verify_recipe *r,
                       const struct str *secrets, size_t n, int *bad_secret) MUST_CHECK;

/* Several schemes of one source. Either any of them may vouch for a request (while its sender
 * changes from one to another): the first that does takes it, and what is known of the event is
 * known by that one; no two may sign different texts by the same key. Or all of them must (a
 * signature and a password), and none is enough by itself. Secrets are numbered through, scheme by
 * scheme. NULL, or a sentence that says why it cannot be, and `bad_scheme` (may be NULL) which one
 * it is about, -1 when it is about all. Takes the schemes over (one at least, none a group), but
 * not when it cannot be. `name` is borrowed. */
const char *verify_group(struct verify **out, struct str name, struct verify *const *schemes,
                         size_t n, bool all, int *bad_scheme) MUST_CHECK;
/* The schemes of a group; any other is its own only one. */
size_t verify_scheme_count(const struct verify *v);
const struct verify *verify_scheme(const struct verify *v, size_t i);
bool verify_wants_all(const struct verify *v); /* of a group: not just any */

struct verify_input {
    struct str method, target;
    const struct fields *fields;
    struct str body; /* raw bytes */
};

struct verify_verdict {
    const char *reason; /* NULL: genuine */
    const char
        *detail; /* a constant sentence: "no header X-..." is "signature header missing" ... */
    int secret;  /* which one matched, the first of them where all must; -1 none */
};

/* Constant time in what is secret; bounded work. now_s: wall clock seconds. Of a group whose
 * schemes all refuse it, the most telling reason: a right signature of another time says more than
 * a header that is not there. Where all must hold, the first that does not. */
struct verify_verdict verify_check(const struct verify *v, const struct verify_input *in,
                                   int64_t now_s);
/* What took a genuine request. */
struct verify_proof {
    size_t scheme;    /* the one of "any"; else 0 */
    unsigned secrets; /* bits: those that matched, several only where all schemes must hold */
};
/* The same where keys are published: by those that were read last, NULL while there are none.
 * `proof` (may be NULL) is written when it is genuine. */
struct verify_verdict verify_check_by(const struct verify *v, const struct verify_input *in,
                                      const struct jwks *keys, int64_t now_s,
                                      struct verify_proof *proof);
/* What the others say of a request that `but` takes for a handshake. Of "any": whether one that is
 * of another provider takes it, so it is that one's event; a scheme alone has no others, and
 * refuses. Of "all": whether each of the others holds, without which nothing is answered. */
struct verify_verdict verify_check_others(const struct verify *v, const struct verify *but,
                                          const struct verify_input *in, const struct jwks *keys,
                                          int64_t now_s);
/* The detail of a verdict: the token may be genuine, but its key is not among them. */
extern const char VERIFY_UNKNOWN_KEY[];
/* The same of one whose certificate is not among the keys, by their URLs. */
extern const char VERIFY_UNKNOWN_CERTIFICATE[];
bool verify_lacks_key(const struct verify_verdict *v); /* is it one of these? */
/* The key that a request names, appended: a certificate's URL, if its provider may have it there,
 * or a kid. False: there is none, or the request cannot be genuine in any case. */
bool verify_key_name(const struct verify *v, const struct verify_input *in, struct buf *name);
/* Where to ask for something of its provider's. */
struct verify_place {
    size_t host; /* which of key_hosts */
    struct str target;
    bool posts; /* {"key_id": the name}; else it is but asked for */
};
/* Of a key. NULL, or why nothing is read from there; a name has but one place, and a place one
 * name, so that nobody can have one key in many ways. */
const char *verify_key_place(const struct verify *v, struct str name,
                             struct verify_place *out) MUST_CHECK;
/* Of a URL that confirms a subscription: so again. */
const char *verify_confirm_place(const struct verify *v, struct str url,
                                 struct verify_place *out) MUST_CHECK;
struct x509_store_st; /* OpenSSL's X509_STORE: who is trusted */
struct verify_key_read {
    struct crypt_public *key; /* the caller's */
    int64_t from_s, until_s;  /* so long it is good */
};
/* Reads what is there. NULL, or a constant sentence that says why it is no key of that name. */
const char *verify_key_read(const struct verify *v, struct str name, struct str document,
                            struct x509_store_st *trusted, struct verify_key_read *out) MUST_CHECK;
/* What a genuine request is: an event, or a word about the subscription itself, never an event. */
enum verify_control {
    VERIFY_EVENT,
    VERIFY_CONFIRM,  /* it begins when the URL, which is appended, is asked for */
    VERIFY_FAREWELL, /* it has ended, unless somebody asks for it again */
};
enum verify_control verify_control(const struct verify *v, const struct verify_proof *proof,
                                   const struct verify_input *in, struct buf *url);
/* By what tokens are signed; for the keys that are read. A group has one such scheme at most. */
enum jwt_algorithm verify_algorithm(const struct verify *v);
/* The HMAC of `text` by the first secret, for answers to handshakes; its length in bytes, 0 where
 * the scheme has no such key, and of a group: a handshake is one scheme's. */
size_t verify_mac(const struct verify *v, struct str text, unsigned char out[CRYPT_DIGEST_MAX]);
struct str verify_public_name(const struct verify *v); /* of the first secret, if it has one */
bool verify_learns(const struct verify *v);            /* ... and the file gave none */
/* The same scheme with that secret. NULL, or a sentence that says why it cannot be. */
const char *verify_with(const struct verify *v, struct str secret, struct verify **out) MUST_CHECK;
/* Is what it signs another for each event, or does it but show a token? A group: where any may,
 * each of them must; where all must, one is enough. */
bool verify_is_computed(const struct verify *v);
/* A digest of all that the signature of a genuine request covers: the same for a replay, whatever
 * else of it was changed. Of "any" it is the digest of the scheme that took it: a request that two
 * of them would take can be replayed once by the other one. (What all of them cover, the body,
 * would know that too, but take the next event of the same body for a replay.) Of "all", of those
 * that compute one. */
void verify_signed_digest(const struct verify *v, const struct verify_proof *proof,
                          const struct verify_input *in, unsigned char out[CRYPT_DIGEST_MAX]);
void verify_free(struct verify *v);
size_t verify_secret_count(const struct verify *v);
#define VERIFY_SECRET_ID 8 /* characters */
/* Which secret it is, and no more: for what is remembered of it. Where two schemes of
 * a group have the same one, also of which; else it is as if its scheme were alone. */
void verify_secret_id(const struct verify *v, size_t i, char out[VERIFY_SECRET_ID + 1]);
/* The newest of those that the i-th is among: the first one of its scheme. */
size_t verify_newest(const struct verify *v, size_t i);
struct str verify_name(const struct verify *v); /* "stripe", "hmac", "none" */

/* A request that is to be signed. */
struct verify_signing {
    struct verify_input request; /* its fields: those that it has before */
    int64_t now_s;
    struct str delivery_id; /* may be empty where none is signed */
    struct str key;         /* PEM, where its sender has a private key; else empty */
};
/* Signs as the provider would, for `penstock send` and tests: appends to `fields` the headers
 * (bytes live in `out`). Where any of several schemes may, the first signs; where all must, all do,
 * but for what verify_seal is for. NULL, or why it cannot. */
const char *verify_sign_request(const struct verify *v, const struct verify_signing *s,
                                struct fields *fields, struct buf *out) MUST_CHECK;
/* Is a signature of those who sign inside of the body? Then verify_seal goes first. */
bool verify_seals(const struct verify *v);
/* Appends the body that its provider makes of an event, which is JSON (Braintree's: XML), signed;
 * and its media type. `key` as above; it may be for another of those who sign. NULL, or why it
 * cannot. */
const char *verify_seal(const struct verify *v, struct str event, struct str key, struct buf *out,
                        struct buf *type) MUST_CHECK;
/* Where the secret is in the query: appends it to a target, by which the request is sent. */
void verify_sign_target(const struct verify *v, struct buf *target);
/* The same as verify_sign_request, of a request that has nothing but a method and JSON. */
const char *verify_sign(const struct verify *v, struct str method, struct str body, int64_t now_s,
                        struct str delivery_id, struct fields *fields, struct buf *out) MUST_CHECK;

#endif
