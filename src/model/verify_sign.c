/* Signing as a provider would, for `penstock send` and tests. */
#include "model/verify_parts.h"

#define SIGN_FIELDS 4 /* of one scheme */

/* A field whose bytes lie in a buffer that still grows: an offset until it is done. */
struct sign_field {
    struct str name;
    size_t at, len;
};

struct sign_job {
    const struct verify *v; /* the scheme at hand */
    struct sign_field f[SIGN_FIELDS * VERIFY_SCHEMES];
    size_t n;
    struct buf *out;
};

static void put_bytes(const struct verify_recipe *r, const unsigned char *bytes, size_t len,
                      struct buf *out)
{
    char text[2 * CRYPT_DIGEST_MAX];
    size_t n = r->encoding == VERIFY_HEX      ? text_put_hex(text, bytes, len)
               : r->encoding == VERIFY_BASE64 ? text_put_base64(text, bytes, len)
                                              : text_put_base64url(text, bytes, len);
    buf_add(out, text, n);
}

static void put_signature(const struct verify_recipe *r, struct str ts, const unsigned char *digest,
                          struct buf *out)
{
    if (r->ts_key.len > 0) {
        buf_add_str(out, r->ts_key);
        buf_add_char(out, r->kv_sep);
        buf_add_str(out, ts);
        buf_add_char(out, r->item_sep);
    }
    if (r->kv_sep != 0) {
        buf_add_str(out, r->sig_key);
        buf_add_char(out, r->kv_sep);
    }
    put_bytes(r, digest, crypt_digest_len(r->digest), out);
}

/* What was written since `at` is the value of a field. */
static void put_written(struct sign_job *job, struct str name, size_t at)
{
    job->f[job->n++] = (struct sign_field){name, at, job->out->len - at};
}

static void put_field(struct sign_job *job, struct str name, struct str value)
{
    size_t at = job->out->len;
    buf_add_str(job->out, value);
    put_written(job, name, at);
}

static void put_token(struct sign_job *job)
{
    const struct verify *v = job->v;
    struct str secret = v->secrets[0].text;
    size_t at = job->out->len;
    if (v->r.kind == VERIFY_BASIC) {
        buf_add_str(job->out, STR("Basic "));
        char *room = buf_room(job->out, 4 * (secret.len / 3 + 1));
        job->out->len += room == NULL ? 0 : text_put_base64(room, secret.at, secret.len);
    } else {
        buf_add_str(job->out, secret);
    }
    put_written(job, v->r.headers[0], at);
}

static void put_digest(struct sign_job *job, struct str method, struct str body, struct str id,
                       int64_t now_s)
{
    const struct verify *v = job->v;
    char text[TIMESTAMP_LEN];
    struct str ts = {text, timestamp_encode(text, v->r.unit, now_s * 1000)};
    struct str parts[VERIFY_PARTS];
    unsigned char digest[CRYPT_DIGEST_MAX];
    struct verify_values values = {
        .method = method, .body = body, .ts = ts, .id = id, .secret = v->secrets[0].text};
    size_t n = verify_fill(v, &values, parts);
    if (v->r.kind == VERIFY_HASH) {
        crypt_digest(v->r.digest, parts, n, digest);
    } else {
        crypt_hmac(v->secrets[0].hmac[v->r.digest], parts, n, digest);
    }
    size_t at = job->out->len;
    put_signature(&v->r, ts, digest, job->out);
    put_written(job, v->r.headers[0], at);
    if (v->r.ts_headers[0].len > 0) {
        put_field(job, v->r.ts_headers[0], ts);
    }
}

static const char *put_jwt(struct sign_job *job, struct str body, struct str id, int64_t now_s)
{
    size_t at = job->out->len;
    const char *why = verify_jwt_sign(job->v, body, now_s, id, job->out);
    put_written(job, job->v->r.headers[0], at);
    return why;
}

static const char *sign_by(struct sign_job *job, struct str method, struct str body, int64_t now_s,
                           struct str delivery_id)
{
    const struct verify *v = job->v;
    const struct verify_recipe *r = &v->r;
    const char *why = NULL;
    if (r->sig_pointer.len > 0 || verify_uses(v, PART_FORM)) {
        return "its signature is in, or over the fields of, the body: give one that is signed";
    }
    if (verify_learns(v)) {
        return "its secret comes with its handshake: write it as secret to sign by it";
    }
    if (v->needs_id && delivery_id.len == 0) {
        return "this scheme signs an id, so one is needed";
    }
    switch (r->kind) {
    case VERIFY_HMAC:
    case VERIFY_HASH:
        put_digest(job, method, body, delivery_id, now_s);
        break;
    case VERIFY_TOKEN:
    case VERIFY_BASIC:
        put_token(job);
        break;
    case VERIFY_ED25519:
    case VERIFY_ECDSA:
    case VERIFY_X509:
        return "its sender signs with a private key, which only it has";
    case VERIFY_JWT:
        why = put_jwt(job, body, delivery_id, now_s);
        break;
    case VERIFY_NONE:
        break;
    }
    struct str id_header = r->id_headers[0].len > 0 ? r->id_headers[0] : r->delivery_id.header;
    if (why == NULL && id_header.len > 0 && delivery_id.len > 0) {
        put_field(job, id_header, delivery_id);
    }
    return why;
}

/* Of two schemes with the same id or timestamp once; a header with two values verifies by neither.
 */
static const char *put_once(struct fields *fields, struct str name, struct str value)
{
    const struct str *other = fields_find(fields, name);
    if (other != NULL && !str_eq(*other, value)) {
        return "two of its schemes write the same header";
    }
    return other != NULL || fields_add(fields, name, value) ? NULL
                                                            : "there are too many header fields";
}

const char *verify_sign(const struct verify *v, struct str method, struct str body, int64_t now_s,
                        struct str delivery_id, struct fields *fields, struct buf *out)
{
    struct sign_job job = {.out = out};
    const char *why = NULL;
    size_t n = verify_wants_all(v) ? verify_scheme_count(v) : 1;
    for (size_t i = 0; i < n && why == NULL; i++) {
        job.v = verify_scheme(v, i);
        why = sign_by(&job, method, body, now_s, delivery_id);
    }
    if (why == NULL && out->failed) {
        why = "the signature does not fit";
    }
    for (size_t i = 0; i < job.n && why == NULL; i++) {
        struct str value = {out->at + job.f[i].at, job.f[i].len};
        why = put_once(fields, job.f[i].name, value);
    }
    return why;
}

size_t verify_mac(const struct verify *v, struct str text, unsigned char out[CRYPT_DIGEST_MAX])
{
    if (v->r.kind != VERIFY_HMAC || v->secret_count == 0) { /* so no group, which has none itself */
        return 0;
    }
    crypt_hmac(v->secrets[0].hmac[v->r.digest], &text, 1, out);
    return crypt_digest_len(v->r.digest);
}
