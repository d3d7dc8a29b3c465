/* Certificates that vouch for signatures: what one says, and who says that it may. */
#include "base/certificate.h"

#include "base/log.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

enum { ISSUERS_MOST = 8 };

/* ---- reading ---- */

/* Without one OpenSSL asks at the terminal, and waits. */
static int no_passphrase(char *to, int most, int writes, void *user)
{
    (void)to, (void)most, (void)writes, (void)user;
    return -1;
}

static X509 *read_next(BIO *bio)
{
    return PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
}

static STACK_OF(X509) * read_issuers(BIO *bio)
{
    STACK_OF(X509) *issuers = sk_X509_new_null();
    ENSURE(issuers != NULL);
    for (X509 *x; sk_X509_num(issuers) < ISSUERS_MOST && (x = read_next(bio)) != NULL;) {
        ENSURE(sk_X509_push(issuers, x) > 0);
    }
    return issuers;
}

/* ---- its names ---- */

static bool is_name(struct str name, struct str pattern)
{
    struct str head, tail;
    if (!str_cut(pattern, '*', &head, &tail)) {
        return str_ieq(name, pattern);
    }
    return name.len >= head.len + tail.len && str_istarts(name, head) &&
           str_ieq(str_from(name, name.len - tail.len), tail);
}

static bool is_one_of(const ASN1_STRING *text, const struct str *patterns)
{
    struct str name = {(const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)};
    bool found = false;
    for (; patterns->len > 0 && !found; patterns++) {
        found = is_name(name, *patterns);
    }
    return found && memchr(name.at, '\0', name.len) == NULL;
}

static bool has_alternative_name(X509 *x, const struct str *patterns)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    bool found = false;
    for (int i = 0; i < sk_GENERAL_NAME_num(names) && !found; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        found = name->type == GEN_DNS && is_one_of(name->d.dNSName, patterns);
    }
    GENERAL_NAMES_free(names);
    return found;
}

static bool has_common_name(X509 *x, const struct str *patterns)
{
    const X509_NAME *subject = X509_get_subject_name(x);
    int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    return at >= 0 &&
           is_one_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), patterns);
}

/* ---- who says so ---- */

static const char *check_issuers(X509 *x, STACK_OF(X509) * issuers, X509_STORE *trusted)
{
    X509_STORE_CTX *c = X509_STORE_CTX_new();
    ENSURE(c != NULL && X509_STORE_CTX_init(c, trusted, x, issuers) == 1);
    bool good = X509_verify_cert(c) == 1;
    int error = X509_STORE_CTX_get_error(c);
    bool is_alone = sk_X509_num(issuers) == 0 && X509_STORE_CTX_get_error_depth(c) == 0 &&
                    error == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    X509_STORE_CTX_free(c);
    return good || is_alone ? NULL : X509_verify_cert_error_string(error);
}

/* ---- what is taken from it ---- */

static int64_t seconds_of(const ASN1_TIME *t)
{
    struct tm tm;
    return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

static struct crypt_public *key_of(X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    struct crypt_public *key =
        n <= 0 ? NULL : crypt_public_new(CRYPT_RSA, (struct str){(const char *)der, (size_t)n});
    OPENSSL_free(der);
    return key;
}

const char *certificate_read(struct certificate *out, struct str pem, const struct str *names,
                             struct x509_store_st *trusted)
{
    *out = (struct certificate){.key = NULL};
    if (pem.len == 0 || pem.len > CERTIFICATE_BYTES) {
        return "the certificate is empty, or over 64 KiB";
    }
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    ENSURE(bio != NULL);
    X509 *x = read_next(bio);
    STACK_OF(X509) *issuers = read_issuers(bio);
    const char *why = x == NULL ? "it is no certificate in PEM"
                      : !has_alternative_name(x, names) && !has_common_name(x, names)
                          ? "the certificate has another name than its provider's"
                          : check_issuers(x, issuers, trusted);
    if (why == NULL) {
        out->key = key_of(x);
        out->from_s = seconds_of(X509_get0_notBefore(x));
        out->until_s = seconds_of(X509_get0_notAfter(x));
        why = out->key == NULL ? "the certificate's key is none of RSA of 2048 to 8192 bits" : NULL;
    }
    sk_X509_pop_free(issuers, X509_free);
    X509_free(x);
    BIO_free(bio);
    ERR_clear_error();
    return why;
}
