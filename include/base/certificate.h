/* A certificate that vouches for signatures (X.509: RFC 5280; PEM: RFC 7468). */
#ifndef BASE_CERTIFICATE_H
#define BASE_CERTIFICATE_H

#include "base/crypt.h"

#define CERTIFICATE_BYTES (64 << 10) /* a longer document is refused */

struct x509_store_st; /* OpenSSL's X509_STORE: who is trusted */

struct certificate {
    struct crypt_public *key; /* of RSA; the caller's to free or to take */
    int64_t from_s, until_s;  /* Unix time: good from the first to the last of these seconds */
};

/* Reads the first certificate of a PEM document, whose others may be its issuers. It must have one
 * of these names (the last one is empty; a '*' stands for anything), and what issued it must lead
 * to somebody who is trusted. But where the document holds no more than the certificate, and who
 * issued it is not in the store, whoever read it from a host that may say so has to do: providers
 * publish theirs alone. NULL, or a constant sentence. */
const char *certificate_read(struct certificate *out, struct str pem, const struct str *names,
                             struct x509_store_st *trusted) MUST_CHECK;

#endif
