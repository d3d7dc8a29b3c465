/* Keys that requests name: which, where they are, and what is read there. */
#include "model/verify_parts.h"

#include "base/certificate.h"

bool verify_key_name(const struct verify *v, const struct verify_input *in, struct buf *name)
{
    return v->r.kind == VERIFY_X509 ? verify_x509_name(v, in, name)
           : v->r.key_path.len > 0  ? verify_jwt_name(v, in, name)
                                    : false;
}

const char *verify_key_place(const struct verify *v, struct str name, struct verify_place *out)
{
    if (v->r.kind == VERIFY_X509) {
        return verify_x509_place(&v->r, name, out);
    }
    *out = (struct verify_place){.target = v->r.key_path, .posts = true};
    return v->r.key_path.len > 0 ? NULL : "its keys are not read one by one";
}

const char *verify_key_read(const struct verify *v, struct str name, struct str document,
                            struct x509_store_st *trusted, struct verify_key_read *out)
{
    *out = (struct verify_key_read){.until_s = INT64_MAX};
    if (v->r.kind != VERIFY_X509) {
        return jwks_read_one(&out->key, document, name, verify_algorithm(v));
    }
    struct certificate c;
    const char *why = certificate_read(&c, document, v->r.x509.names, trusted);
    *out = (struct verify_key_read){c.key, c.from_s, c.until_s};
    return why;
}
