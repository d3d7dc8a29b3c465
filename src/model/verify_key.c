/* Keys that requests name: which, where they are, and what is read there. Of a group that is one
 * scheme's matter. */
#include "model/verify_parts.h"

#include "base/certificate.h"
#include "base/log.h"

bool verify_reads_keys(const struct verify *v)
{
    return v->r.jwks || v->r.kind == VERIFY_X509;
}

bool verify_lacks_key(const struct verify_verdict *v)
{
    return v->detail == VERIFY_UNKNOWN_KEY || v->detail == VERIFY_UNKNOWN_CERTIFICATE;
}

/* The scheme whose keys are read; one that has none, where there is no such. */
static const struct verify *reader_of(const struct verify *v)
{
    size_t i = 0;
    while (i + 1 < verify_scheme_count(v) && !verify_reads_keys(verify_scheme(v, i))) {
        i++;
    }
    return verify_scheme(v, i);
}

bool verify_key_name(const struct verify *v, const struct verify_input *in, struct buf *name)
{
    const struct verify *s = reader_of(v);
    return s->r.kind == VERIFY_X509 ? verify_x509_name(s, in, name)
           : s->r.key_path.len > 0  ? verify_jwt_name(s, in, name)
                                    : false;
}

const char *verify_key_place(const struct verify *v, struct str name, struct verify_place *out)
{
    const struct verify *s = reader_of(v);
    if (s->r.kind == VERIFY_X509) {
        return verify_x509_place(&s->r, name, out);
    }
    *out = (struct verify_place){.target = s->r.key_path, .posts = true};
    return s->r.key_path.len > 0 ? NULL : "its keys are not read one by one";
}

const char *verify_key_read(const struct verify *v, struct str name, struct str document,
                            struct x509_store_st *trusted, struct verify_key_read *out)
{
    const struct verify *s = reader_of(v);
    *out = (struct verify_key_read){.until_s = INT64_MAX};
    if (s->r.kind != VERIFY_X509) {
        return jwks_read_one(&out->key, document, name, verify_algorithm(s));
    }
    struct certificate c = {.key = NULL};
    const char *why = verify_x509_read(&s->r, name, document, trusted, &c);
    *out = (struct verify_key_read){c.key, c.from_s, c.until_s};
    return why;
}

const char *verify_confirm_place(const struct verify *v, struct str url, struct verify_place *out)
{
    return verify_confirm_at(&reader_of(v)->r, url, out);
}

/* Only its provider's own signature makes it one. */
enum verify_control verify_control(const struct verify *v, const struct verify_proof *proof,
                                   const struct verify_input *in, struct buf *url)
{
    const struct verify *s = reader_of(v);
    bool by_it = verify_wants_all(v) || verify_scheme(v, proof->scheme) == s;
    return by_it ? verify_x509_control(s, in, url) : VERIFY_EVENT;
}
