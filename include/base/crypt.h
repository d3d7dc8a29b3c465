/* Digests, HMAC, constant-time comparison and random bytes, all OpenSSL's. */
#ifndef BASE_CRYPT_H
#define BASE_CRYPT_H

#include "base/text.h"

enum crypt_digest { CRYPT_SHA1, CRYPT_SHA256, CRYPT_SHA512, CRYPT_SHA384, CRYPT_DIGESTS };
#define CRYPT_DIGEST_MAX 64

size_t crypt_digest_len(enum crypt_digest d);

/* A key with its HMAC contexts already initialised: duplicating one costs a third of HMAC(). */
struct crypt_key;
struct crypt_key *crypt_key_new(enum crypt_digest d, struct str secret); /* copies; never NULL */
void crypt_key_free(struct crypt_key *k);                                /* wipes */
/* Digest of the concatenation of `n` parts; `out` gets crypt_digest_len bytes. */
void crypt_digest(enum crypt_digest d, const struct str *parts, size_t n,
                  unsigned char out[CRYPT_DIGEST_MAX]);
/* HMAC over the concatenation of `n` parts; `out` gets crypt_digest_len bytes. */
void crypt_hmac(struct crypt_key *k, const struct str *parts, size_t n,
                unsigned char out[CRYPT_DIGEST_MAX]);

/* Somebody else's public key: what it says is verified, nothing is signed. */
enum crypt_public_kind { CRYPT_ED25519, CRYPT_P256, CRYPT_RSA };
#define CRYPT_SIGNATURE_MAX 72 /* bytes: of P-256 in DER; Ed25519 has 64 */
#define CRYPT_RSA_MAX 1024     /* bytes: of an RSA signature, and modulus */
#define CRYPT_PAIR 64          /* bytes: of a P-256 signature as r || s (RFC 7518 3.4) */
struct crypt_public;
/* 32 raw bytes (Ed25519) or DER (SubjectPublicKeyInfo, all); NULL if it is no such key. RSA has
 * 2048 to 8192 bits. */
struct crypt_public *crypt_public_new(enum crypt_public_kind kind, struct str bytes);
/* The same of PEM, "PUBLIC KEY", with nothing but white space around it. */
struct crypt_public *crypt_public_of_pem(enum crypt_public_kind kind, struct str text);
/* The same of numbers, big-endian, as a JWK has them (RFC 7518 6): n and e, x and y. */
struct crypt_public *crypt_public_of_numbers(enum crypt_public_kind kind, struct str first,
                                             struct str second);
void crypt_public_free(struct crypt_public *k);
/* Is it that key's signature of `text`? P-256: ECDSA with SHA-256, DER (RFC 3279 2.2.3). RSA:
 * PKCS #1 v1.5 with SHA-256 (RFC 8017 8.2). */
bool crypt_public_check(const struct crypt_public *k, struct str text, struct str signature);
/* The same of an RSA key, by that digest. */
bool crypt_public_check_by(const struct crypt_public *k, enum crypt_digest d, struct str text,
                           struct str signature);
/* The same for a signature of P-256 that is r || s. */
bool crypt_public_check_pair(const struct crypt_public *k, struct str text, struct str pair);

/* A private key in PEM, without a passphrase: to sign as somebody else would. */
struct crypt_private;
struct crypt_private *crypt_private_new(enum crypt_public_kind kind, struct str pem); /* or NULL */
void crypt_private_free(struct crypt_private *k);
/* What crypt_public_check takes, or, of `pair`, crypt_public_check_pair; its length, 0: OpenSSL has
 * refused. */
size_t crypt_private_sign(const struct crypt_private *k, struct str text, bool pair,
                          unsigned char out[CRYPT_RSA_MAX]);

bool crypt_equal(const void *a, const void *b, size_t n); /* constant time */
void crypt_random(void *out, size_t n);                   /* aborts if the system has none */
uint64_t crypt_random_u64(void);
void crypt_wipe(void *at, size_t n);
/* As realloc, and what the old place held is wiped. `n` is not 0. */
void *crypt_realloc(void *at, size_t n);
void crypt_init(void); /* before anything else uses OpenSSL: for crypt_wipe_freed */
/* All memory that OpenSSL frees in this thread is wiped until it is told otherwise. */
void crypt_wipe_freed(bool on);

#endif
