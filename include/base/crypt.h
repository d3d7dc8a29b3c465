/* Digests, HMAC, constant-time comparison and random bytes, all OpenSSL's. */
#ifndef BASE_CRYPT_H
#define BASE_CRYPT_H

#include "base/text.h"

enum crypt_digest { CRYPT_SHA1, CRYPT_SHA256, CRYPT_SHA512 };
#define CRYPT_DIGEST_MAX 64

size_t crypt_digest_len(enum crypt_digest d);

/* A key with its HMAC contexts already initialised: duplicating one costs a third of HMAC(). */
struct crypt_key;
struct crypt_key *crypt_key_new(enum crypt_digest d, struct str secret); /* copies; never NULL */
void crypt_key_free(struct crypt_key *k);                                /* wipes */
void crypt_sha256(const struct str *parts, size_t n, unsigned char out[CRYPT_DIGEST_MAX]);
/* HMAC over the concatenation of `n` parts; `out` gets crypt_digest_len bytes. */
void crypt_hmac(struct crypt_key *k, const struct str *parts, size_t n,
                unsigned char out[CRYPT_DIGEST_MAX]);

bool crypt_equal(const void *a, const void *b, size_t n); /* constant time */
void crypt_random(void *out, size_t n);                   /* aborts if the system has none */
uint64_t crypt_random_u64(void);
void crypt_wipe(void *at, size_t n);
void crypt_init(void); /* before anything else uses OpenSSL: for crypt_wipe_freed */
/* All memory that OpenSSL frees in this thread is wiped until it is told otherwise. */
void crypt_wipe_freed(bool on);

#endif
