/* Keys and certificates for tests, made in memory. */
#ifndef UNIT_FORGE_H
#define UNIT_FORGE_H

#include "test.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#define FORGE_PEM 8192

struct forged {
    X509 *x;
    EVP_PKEY *key;
};

static inline EVP_PKEY *forge_rsa(unsigned bits)
{
    EVP_PKEY *key = EVP_RSA_gen(bits);
    assert_non_null(key);
    return key;
}

static inline void forge_extension(X509 *x, int nid, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

/* Takes the key. `alternative` ("DNS:a,DNS:b") may be NULL; without an issuer it signs itself, and
 * is a CA. */
static inline struct forged forge(const char *common, const char *alternative, long from_s,
                                  long until_s, const struct forged *issuer, EVP_PKEY *key)
{
    struct forged f = {X509_new(), key};
    assert_int_equal(X509_set_version(f.x, 2), 1);
    ASN1_INTEGER_set(X509_get_serialNumber(f.x), 1 + (long)(issuer != NULL));
    X509_gmtime_adj(X509_getm_notBefore(f.x), from_s);
    X509_gmtime_adj(X509_getm_notAfter(f.x), until_s);
    assert_int_equal(X509_set_pubkey(f.x, key), 1);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(f.x), "CN", MBSTRING_ASC,
                               (const unsigned char *)common, -1, -1, 0);
    X509_set_issuer_name(f.x, X509_get_subject_name(issuer != NULL ? issuer->x : f.x));
    if (issuer == NULL) {
        forge_extension(f.x, NID_basic_constraints, "critical,CA:TRUE");
    }
    if (alternative != NULL) {
        forge_extension(f.x, NID_subject_alt_name, alternative);
    }
    assert_true(X509_sign(f.x, issuer != NULL ? issuer->key : key, EVP_sha256()) > 0);
    return f;
}

static inline void forge_free(struct forged *f)
{
    X509_free(f->x);
    EVP_PKEY_free(f->key);
}

/* Appends it in PEM to `out`, of FORGE_PEM bytes, terminated. */
static inline const char *forge_pem(const struct forged *f, char *out)
{
    size_t had = strlen(out);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_X509(bio, f->x), 1);
    int n = BIO_read(bio, out + had, (int)(FORGE_PEM - 1 - had));
    assert_true(n > 0);
    out[had + (size_t)n] = '\0';
    BIO_free(bio);
    return out;
}

/* A signature in base64, terminated. */
static inline const char *forge_sign(EVP_PKEY *key, const EVP_MD *md, const char *text, size_t len,
                                     char out[2048])
{
    unsigned char bytes[1024];
    size_t n = sizeof bytes;
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(c, NULL, md, NULL, key), 1);
    assert_int_equal(EVP_DigestSign(c, bytes, &n, (const unsigned char *)text, len), 1);
    EVP_MD_CTX_free(c);
    EVP_EncodeBlock((unsigned char *)out, bytes, (int)n);
    return out;
}

#endif
