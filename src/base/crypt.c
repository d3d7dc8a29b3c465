/* OpenSSL's digests behind our own small verbs. */
#include "base/crypt.h"

#include "base/log.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct crypt_key {
    EVP_MAC_CTX *ready;           /* initialised with the key; only ever duplicated */
    _Atomic(EVP_MAC_CTX *) spare; /* a duplicate that nobody uses now: whoever takes it has it */
    size_t digest_len;
};

static const struct {
    const char *name;
    size_t len;
} digests[] = {[CRYPT_SHA1] = {"SHA1", 20},
               [CRYPT_SHA256] = {"SHA256", 32},
               [CRYPT_SHA512] = {"SHA512", 64},
               [CRYPT_SHA384] = {"SHA384", 48}};

size_t crypt_digest_len(enum crypt_digest d)
{
    return digests[d].len;
}

struct crypt_key *crypt_key_new(enum crypt_digest d, struct str secret)
{
    struct crypt_key *k = calloc(1, sizeof *k);
    ENSURE(k != NULL);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    ENSURE(mac != NULL);
    k->ready = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    ENSURE(k->ready != NULL);
    union { /* OpenSSL takes a char *, but does not write through it */
        const char *from;
        char *to;
    } name = {digests[d].name};
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.to, 0),
                           OSSL_PARAM_construct_end()};
    const unsigned char *bytes =
        secret.len == 0 ? (const unsigned char *)"" : (const void *)secret.at;
    ENSURE(EVP_MAC_init(k->ready, bytes, secret.len, params) == 1);
    k->digest_len = digests[d].len;
    return k;
}

void crypt_key_free(struct crypt_key *k)
{
    if (k != NULL) {
        EVP_MAC_CTX_free(k->ready); /* OpenSSL cleanses the key */
        EVP_MAC_CTX_free(atomic_load(&k->spare));
        free(k);
    }
}

/* Starting anew with the key that a context has costs half of a duplicate. */
static EVP_MAC_CTX *take(struct crypt_key *k)
{
    EVP_MAC_CTX *c = atomic_exchange(&k->spare, NULL);
    if (c == NULL) {
        c = EVP_MAC_CTX_dup(k->ready);
    } else {
        ENSURE(EVP_MAC_init(c, NULL, 0, NULL) == 1);
    }
    ENSURE(c != NULL);
    return c;
}

/* Fetched once, for the life of the process: EVP_sha256() and its like are looked up at each use.
 */
static const EVP_MD *md_of(enum crypt_digest d)
{
    static _Atomic(EVP_MD *) fetched[CRYPT_DIGESTS];
    EVP_MD *md = atomic_load(&fetched[d]), *none = NULL;
    if (md == NULL) {
        md = EVP_MD_fetch(NULL, digests[d].name, NULL);
        ENSURE(md != NULL);
        if (!atomic_compare_exchange_strong(&fetched[d], &none, md)) {
            EVP_MD_free(md);
            md = none;
        }
    }
    return md;
}

void crypt_digest(enum crypt_digest d, const struct str *parts, size_t n,
                  unsigned char out[CRYPT_DIGEST_MAX])
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    ENSURE(c != NULL && EVP_DigestInit_ex(c, md_of(d), NULL) == 1);
    for (size_t i = 0; i < n; i++) {
        ENSURE(EVP_DigestUpdate(c, parts[i].at, parts[i].len) == 1);
    }
    ENSURE(EVP_DigestFinal_ex(c, out, NULL) == 1);
    EVP_MD_CTX_free(c);
}

static void feed(EVP_MAC_CTX *c, const char *at, size_t n)
{
    ENSURE(n == 0 || EVP_MAC_update(c, (const unsigned char *)at, n) == 1);
}

void crypt_hmac(struct crypt_key *k, const struct str *parts, size_t n,
                unsigned char out[CRYPT_DIGEST_MAX])
{
    char few[256] UNCLEARED; /* small parts go together: what an update costs is its call */
    size_t held = 0;
    EVP_MAC_CTX *c = take(k);
    for (size_t i = 0; i < n; i++) {
        if (parts[i].len > sizeof few - held) {
            feed(c, few, held);
            held = 0;
        }
        if (parts[i].len > sizeof few) {
            feed(c, parts[i].at, parts[i].len);
        } else if (parts[i].len > 0) {
            memcpy(few + held, parts[i].at, parts[i].len);
            held += parts[i].len;
        }
    }
    feed(c, few, held);
    size_t len;
    ENSURE(EVP_MAC_final(c, out, &len, CRYPT_DIGEST_MAX) == 1 && len == k->digest_len);
    EVP_MAC_CTX_free(atomic_exchange(&k->spare, c));
}

/* --- public keys --- */

struct crypt_public {
    EVP_PKEY *key;
    const EVP_MD *md; /* NULL: the scheme has its own */
};

static EVP_PKEY *read_public(enum crypt_public_kind kind, struct str bytes)
{
    const unsigned char *at = (const unsigned char *)bytes.at;
    if (kind == CRYPT_ED25519 && bytes.len == 32) {
        return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, at, bytes.len);
    }
    const unsigned char *end = at;
    EVP_PKEY *key = bytes.len == 0 ? NULL : d2i_PUBKEY(NULL, &end, (long)bytes.len);
    if (key != NULL && end != at + bytes.len) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

/* An exponent may be as long as the modulus, and each check then takes as long as signing does. */
static bool is_fit_rsa(const EVP_PKEY *key)
{
    BIGNUM *e = NULL;
    int bits = EVP_PKEY_get_bits(key);
    bool fit = EVP_PKEY_is_a(key, "RSA") == 1 && bits >= 2048 && bits <= 8 * CRYPT_RSA_MAX &&
               EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(e) &&
               !BN_is_one(e) && BN_num_bits(e) <= 64;
    BN_free(e);
    return fit;
}

static bool is_of_kind(const EVP_PKEY *key, enum crypt_public_kind kind)
{
    char group[32];
    if (kind == CRYPT_ED25519) {
        return EVP_PKEY_is_a(key, "ED25519") == 1;
    }
    if (kind == CRYPT_RSA) {
        return is_fit_rsa(key);
    }
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

/* Takes the key, which may be NULL. */
static struct crypt_public *keep_public(enum crypt_public_kind kind, EVP_PKEY *key)
{
    if (key == NULL || !is_of_kind(key, kind)) {
        EVP_PKEY_free(key);
        ERR_clear_error();
        return NULL;
    }
    struct crypt_public *k = calloc(1, sizeof *k);
    ENSURE(k != NULL);
    k->key = key;
    k->md = kind == CRYPT_ED25519 ? NULL : md_of(CRYPT_SHA256);
    return k;
}

struct crypt_public *crypt_public_new(enum crypt_public_kind kind, struct str bytes)
{
    return keep_public(kind, read_public(kind, bytes));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct crypt_public *crypt_public_of_pem(enum crypt_public_kind kind, struct str text)
{
    const struct str head = STR("-----BEGIN PUBLIC KEY-----"),
                     foot = STR("-----END PUBLIC KEY-----");
    while (text.len > 0 && is_space(text.at[text.len - 1])) {
        text.len--;
    }
    while (text.len > 0 && is_space(text.at[0])) {
        text = str_from(text, 1);
    }
    if (!str_starts(text, head) || !str_ends(text, foot)) { /* OpenSSL skips what is around it */
        return NULL;
    }
    BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
    ENSURE(bio != NULL);
    EVP_PKEY *key = PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return keep_public(kind, key);
}

static EVP_PKEY *build_public(const char *type, OSSL_PARAM_BLD *numbers)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(numbers);
    ENSURE(c != NULL && params != NULL && EVP_PKEY_fromdata_init(c) == 1);
    if (EVP_PKEY_fromdata(c, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        key = NULL;
    }
    OSSL_PARAM_free(params);
    EVP_PKEY_CTX_free(c);
    return key;
}

static EVP_PKEY *rsa_of(struct str n, struct str e)
{
    if (n.len == 0 || n.len > CRYPT_RSA_MAX || e.len == 0 || e.len > 8) {
        return NULL;
    }
    BIGNUM *modulus = BN_bin2bn((const unsigned char *)n.at, (int)n.len, NULL);
    BIGNUM *exponent = BN_bin2bn((const unsigned char *)e.at, (int)e.len, NULL);
    OSSL_PARAM_BLD *numbers = OSSL_PARAM_BLD_new();
    ENSURE(modulus != NULL && exponent != NULL && numbers != NULL &&
           OSSL_PARAM_BLD_push_BN(numbers, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
           OSSL_PARAM_BLD_push_BN(numbers, OSSL_PKEY_PARAM_RSA_E, exponent) == 1);
    EVP_PKEY *key = build_public("RSA", numbers);
    OSSL_PARAM_BLD_free(numbers);
    BN_free(modulus);
    BN_free(exponent);
    return key;
}

/* OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *p256_of(struct str x, struct str y)
{
    unsigned char point[1 + CRYPT_PAIR] = {POINT_CONVERSION_UNCOMPRESSED};
    if (x.len != CRYPT_PAIR / 2 || y.len != CRYPT_PAIR / 2) {
        return NULL;
    }
    memcpy(point + 1, x.at, x.len);
    memcpy(point + 1 + x.len, y.at, y.len);
    OSSL_PARAM_BLD *numbers = OSSL_PARAM_BLD_new();
    ENSURE(numbers != NULL &&
           OSSL_PARAM_BLD_push_utf8_string(numbers, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) ==
               1 &&
           OSSL_PARAM_BLD_push_octet_string(numbers, OSSL_PKEY_PARAM_PUB_KEY, point,
                                            sizeof point) == 1);
    EVP_PKEY *key = build_public("EC", numbers);
    OSSL_PARAM_BLD_free(numbers);
    return key;
}

struct crypt_public *crypt_public_of_numbers(enum crypt_public_kind kind, struct str first,
                                             struct str second)
{
    return keep_public(kind, kind == CRYPT_RSA    ? rsa_of(first, second)
                             : kind == CRYPT_P256 ? p256_of(first, second)
                                                  : NULL);
}

void crypt_public_free(struct crypt_public *k)
{
    if (k != NULL) {
        EVP_PKEY_free(k->key);
        free(k);
    }
}

static bool is_made_by(const struct crypt_public *k, const EVP_MD *md, struct str text,
                       struct str signature)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    ENSURE(c != NULL);
    /* a library may refuse the digest: SHA-1, where a distribution bars it */
    bool good = EVP_DigestVerifyInit(c, NULL, md, NULL, k->key) == 1 &&
                EVP_DigestVerify(c, (const unsigned char *)signature.at, signature.len,
                                 (const unsigned char *)text.at, text.len) == 1;
    EVP_MD_CTX_free(c);
    ERR_clear_error(); /* of a signature that is none */
    return good;
}

bool crypt_public_check(const struct crypt_public *k, struct str text, struct str signature)
{
    return is_made_by(k, k->md, text, signature);
}

bool crypt_public_check_by(const struct crypt_public *k, enum crypt_digest d, struct str text,
                           struct str signature)
{
    return is_made_by(k, md_of(d), text, signature);
}

bool crypt_public_check_pair(const struct crypt_public *k, struct str text, struct str pair)
{
    if (pair.len != CRYPT_PAIR) {
        return false;
    }
    const unsigned char *at = (const unsigned char *)pair.at;
    unsigned char *der = NULL;
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(at, CRYPT_PAIR / 2, NULL);
    BIGNUM *s = BN_bin2bn(at + CRYPT_PAIR / 2, CRYPT_PAIR / 2, NULL);
    ENSURE(numbers != NULL && r != NULL && s != NULL && ECDSA_SIG_set0(numbers, r, s) == 1);
    int n = i2d_ECDSA_SIG(numbers, &der);
    ENSURE(n > 0);
    bool good = crypt_public_check(k, text, (struct str){(const char *)der, (size_t)n});
    OPENSSL_free(der);
    ECDSA_SIG_free(numbers);
    return good;
}

struct crypt_private {
    EVP_PKEY *key;
    const EVP_MD *md; /* NULL: of Ed25519 */
};

/* Whoever signs here is nobody's daemon: it is not asked for a passphrase. */
static int no_passphrase(char *out, int size, int writes, void *user)
{
    (void)out, (void)size, (void)writes, (void)user;
    return -1;
}

struct crypt_private *crypt_private_new(enum crypt_public_kind kind, struct str pem)
{
    if (pem.len > INT32_MAX) {
        return NULL;
    }
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    ENSURE(bio != NULL);
    crypt_wipe_freed(true);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    crypt_wipe_freed(false);
    BIO_free(bio);
    struct crypt_public *same = keep_public(kind, key);
    if (same == NULL) {
        return NULL;
    }
    struct crypt_private *k = calloc(1, sizeof *k);
    ENSURE(k != NULL);
    *k = (struct crypt_private){same->key, same->md};
    free(same);
    return k;
}

void crypt_private_free(struct crypt_private *k)
{
    if (k != NULL) {
        EVP_PKEY_free(k->key);
        free(k);
    }
}

/* r || s of a signature in DER; both of the same width. */
static size_t pair_of(const unsigned char *der, size_t n, unsigned char out[CRYPT_PAIR])
{
    ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &der, (long)n);
    ENSURE(numbers != NULL);
    int half = CRYPT_PAIR / 2;
    ENSURE(BN_bn2binpad(ECDSA_SIG_get0_r(numbers), out, half) == half &&
           BN_bn2binpad(ECDSA_SIG_get0_s(numbers), out + half, half) == half);
    ECDSA_SIG_free(numbers);
    return CRYPT_PAIR;
}

size_t crypt_private_sign(const struct crypt_private *k, struct str text, bool pair,
                          unsigned char out[CRYPT_RSA_MAX])
{
    unsigned char der[CRYPT_RSA_MAX];
    size_t n = sizeof der;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    ENSURE(c != NULL && EVP_DigestSignInit(c, NULL, k->md, NULL, k->key) == 1);
    bool ok = EVP_DigestSign(c, der, &n, (const unsigned char *)text.at, text.len) == 1;
    EVP_MD_CTX_free(c);
    ERR_clear_error();
    if (!ok) {
        return 0;
    }
    if (pair) {
        return pair_of(der, n, out);
    }
    memcpy(out, der, n);
    return n;
}

bool crypt_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void crypt_random(void *out, size_t n)
{
    ENSURE(n <= INT32_MAX && RAND_bytes(out, (int)n) == 1);
}

uint64_t crypt_random_u64(void)
{
    uint64_t v;
    crypt_random(&v, sizeof v);
    return v;
}

void crypt_wipe(void *at, size_t n)
{
    OPENSSL_cleanse(at, n);
}

void *crypt_realloc(void *at, size_t n)
{
    void *to = malloc(n);
    if (at == NULL || to == NULL) {
        return to;
    }
    size_t had = malloc_usable_size(at);
    memcpy(to, at, had < n ? had : n);
    crypt_wipe(at, had);
    free(at);
    return to;
}

/* --- what OpenSSL leaves behind: it decodes a key through several buffers, and wipes the last ---
 */

static _Thread_local bool wipes_freed;

static void free_for_openssl(void *at, const char *file, int line)
{
    (void)file;
    (void)line;
    if (wipes_freed && at != NULL) {
        OPENSSL_cleanse(at, malloc_usable_size(at));
    }
    free(at);
}

static void *realloc_for_openssl(void *at, size_t n, const char *file, int line)
{
    if (n == 0) {
        free_for_openssl(at, file, line);
        return NULL;
    }
    return wipes_freed ? crypt_realloc(at, n) : realloc(at, n);
}

void crypt_init(void)
{
    /* It refuses once it has memory: then keys are as well kept as by anybody else. */
    (void)CRYPTO_set_mem_functions(NULL, realloc_for_openssl, free_for_openssl);
}

void crypt_wipe_freed(bool on)
{
    wipes_freed = on;
}
