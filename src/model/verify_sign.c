/* Signing as a provider would, for `penstock send` and tests. */
#include "model/verify_parts.h"

const char VERIFY_NO_PRIVATE_KEY[] = "its sender has no private key: leave --key out";

#define SIGN_FIELDS 4 /* of one scheme */

/* A field whose bytes lie in a buffer that still grows: an offset until it is done. */
struct sign_field {
    struct str name;
    size_t at, len;
};

struct sign_job {
    const struct verify *v; /* the scheme at hand */
    const struct verify_signing *s;
    struct crypt_private *key; /* NULL: its sender has none */
    struct sign_field f[SIGN_FIELDS * VERIFY_SCHEMES];
    size_t n;
    struct buf *out;
};

void verify_put_bytes(const struct verify_recipe *r, const unsigned char *bytes, size_t len,
                      struct buf *out)
{
    char text[2 * CRYPT_SIGNATURE_MAX];
    size_t n = r->encoding == VERIFY_HEX      ? text_put_hex(text, bytes, len)
               : r->encoding == VERIFY_BASE64 ? text_put_base64(text, bytes, len)
                                              : text_put_base64url(text, bytes, len);
    buf_add(out, text, n);
}

static void put_signature(const struct verify_recipe *r, struct str ts, const unsigned char *bytes,
                          size_t len, struct buf *out)
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
    verify_put_bytes(r, bytes, len, out);
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

static const char *put_token(struct sign_job *job)
{
    const struct verify *v = job->v;
    struct str secret = v->secrets[0].text;
    size_t at = job->out->len;
    if (v->r.parameter.len > 0) {
        return NULL; /* it is in the target */
    }
    if (v->r.kind == VERIFY_BASIC) {
        buf_add_str(job->out, STR("Basic "));
        char *room = buf_room(job->out, 4 * (secret.len / 3 + 1));
        job->out->len += room == NULL ? 0 : text_put_base64(room, secret.at, secret.len);
    } else {
        buf_add_str(job->out, secret);
    }
    put_written(job, v->r.headers[0], at);
    return NULL;
}

/* Its length; 0: OpenSSL has refused. */
static size_t sign_parts(const struct sign_job *job, const struct str *parts, size_t n,
                         unsigned char out[CRYPT_RSA_MAX])
{
    const struct verify *v = job->v;
    if (job->key == NULL && v->r.kind == VERIFY_HASH) {
        crypt_digest(v->r.digest, parts, n, out);
    } else if (job->key == NULL) {
        crypt_hmac(v->secrets[0].hmac[v->r.digest], parts, n, out);
    }
    if (job->key == NULL) {
        return crypt_digest_len(v->r.digest);
    }
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    for (size_t i = 0; i < n; i++) {
        buf_add_str(&text, parts[i]);
    }
    size_t len = crypt_private_sign(job->key, buf_str(&text), false, out);
    buf_done(&text);
    return len;
}

/* What is signed is read from the request as if it had its fields already. */
static const char *put_digest(struct sign_job *job)
{
    const struct verify *v = job->v;
    char text[TIMESTAMP_LEN];
    const struct str ts = {text, timestamp_encode(text, v->r.unit, job->s->now_s * 1000)};
    const struct verify_claim c = {.ts = ts, .id = job->s->delivery_id};
    struct fields fields = *job->s->request.fields;
    struct verify_input in = job->s->request;
    struct verify_values values;
    struct str parts[VERIFY_PARTS];
    unsigned char bytes[CRYPT_RSA_MAX];
    struct buf built;
    in.fields = &fields;
    const struct field more[] = {{v->r.ts_headers[0], ts}, VERIFY_SIGNED_HEADERS};
    size_t n = v->build == verify_build_canonical ? 2 : v->r.ts_headers[0].len > 0 ? 1 : 0;
    bool fits = true;
    for (size_t i = 0; i < n; i++) {
        fits = fits && fields_add(&fields, more[i].name, more[i].value);
    }
    const char *why = verify_put_values(v, &in, &c, &built, &values);
    why = why == NULL ? verify_body_hash(v, &in) : why;
    values.secret = v->secrets[0].text;
    size_t len =
        why == NULL && fits ? sign_parts(job, parts, verify_fill(v, &values, parts), bytes) : 0;
    size_t at = job->out->len;
    put_signature(&v->r, ts, bytes, len, job->out);
    put_written(job, v->r.headers[0], at);
    for (size_t i = 0; i < n; i++) {
        put_field(job, more[i].name, more[i].value);
    }
    buf_done(&built);
    return why == NULL && len == 0 ? "the key does not sign" : why;
}

static const char *put_jwt(struct sign_job *job)
{
    size_t at = job->out->len;
    const char *why = verify_jwt_sign(job->v, job->s, job->key, job->out);
    put_written(job, job->v->r.headers[0], at);
    return why;
}

/* NULL, or why nobody could sign it here. */
static const char *check_signable(const struct verify *v, const struct verify_signing *s)
{
    if (verify_learns(v)) {
        return "its secret comes with its handshake: write it as secret to sign by it";
    }
    if (v->needs_id && s->delivery_id.len == 0) {
        return "this scheme signs an id, so one is needed";
    }
    return NULL;
}

static bool has_private_key(const struct verify *v)
{
    const struct verify_recipe *r = &v->r;
    return r->kind == VERIFY_ED25519 || r->kind == VERIFY_ECDSA ||
           (r->kind == VERIFY_JWT && (r->jwt.algorithms & JWT_ALL_HMAC) == 0);
}

bool verify_has_private_key(const struct verify *v)
{
    size_t i = 0;
    while (i < verify_signers(v) && !has_private_key(verify_scheme(v, i))) {
        i++;
    }
    return i < verify_signers(v);
}

const char *verify_private_key(const struct verify *v, struct str pem, struct crypt_private **out)
{
    static const char *const bad[] = {
        [CRYPT_ED25519] = "the key is no private key of Ed25519 in PEM, without a passphrase",
        [CRYPT_P256] = "the key is no private key of P-256 in PEM, without a passphrase",
        [CRYPT_RSA] = ("the key is no private key of RSA in PEM, of 2048 bits or more, without a "
                       "passphrase"),
    };
    const struct verify_recipe *r = &v->r;
    *out = NULL;
    if (!has_private_key(v)) {
        return pem.len > 0 ? VERIFY_NO_PRIVATE_KEY : NULL;
    }
    if (pem.len == 0) {
        return "its sender signs with a private key, which only it has: of one of your own, whose "
               "public key the source has, give --key";
    }
    enum crypt_public_kind kind = r->kind == VERIFY_ED25519 ? CRYPT_ED25519
                                  : r->kind == VERIFY_ECDSA ? CRYPT_P256
                                                            : jwt_key(verify_algorithm(v));
    *out = crypt_private_new(kind, pem);
    return *out == NULL ? bad[kind] : NULL;
}

static const char *put_proof(struct sign_job *job)
{
    switch (job->v->r.kind) {
    case VERIFY_HMAC:
    case VERIFY_HASH:
    case VERIFY_ED25519:
    case VERIFY_ECDSA:
        return put_digest(job);
    case VERIFY_TOKEN:
    case VERIFY_BASIC:
        return put_token(job);
    case VERIFY_JWT:
        return put_jwt(job);
    case VERIFY_X509:
        return "its sender's certificate is at its provider, so nobody else can sign";
    case VERIFY_NONE:
        break;
    }
    return NULL;
}

/* By the scheme at hand; `pem` is for it, or empty. */
static const char *sign_by(struct sign_job *job, struct str pem)
{
    const struct verify_recipe *r = &job->v->r;
    const struct verify_signing *s = job->s;
    const char *why = check_signable(job->v, s);
    why = why == NULL ? verify_private_key(job->v, pem, &job->key) : why;
    why = why == NULL ? put_proof(job) : why;
    crypt_private_free(job->key);
    job->key = NULL;
    struct str id_header = r->id_headers[0].len > 0 ? r->id_headers[0] : r->delivery_id.header;
    if (why == NULL && id_header.len > 0 && s->delivery_id.len > 0) {
        put_field(job, id_header, s->delivery_id);
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

size_t verify_signers(const struct verify *v)
{
    return verify_wants_all(v) ? verify_scheme_count(v) : 1;
}

const char *verify_sign_request(const struct verify *v, const struct verify_signing *s,
                                struct fields *fields, struct buf *out)
{
    struct sign_job job = {.s = s, .out = out};
    const char *why = NULL;
    size_t n = verify_signers(v);
    bool keyed = verify_has_private_key(v);
    for (size_t i = 0; i < n && why == NULL; i++) {
        job.v = verify_scheme(v, i);
        bool for_it = has_private_key(job.v) || !keyed;
        why = verify_seals(job.v) ? NULL : sign_by(&job, for_it ? s->key : STR_NONE);
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

const char *verify_sign(const struct verify *v, struct str method, struct str body, int64_t now_s,
                        struct str delivery_id, struct fields *fields, struct buf *out)
{
    const struct fields none = {.n = 0};
    const struct verify_signing s = {.request = {method, STR("/hooks/x"), &none, body},
                                     .now_s = now_s,
                                     .delivery_id = delivery_id};
    return verify_sign_request(v, &s, fields, out);
}

void verify_sign_target(const struct verify *v, struct buf *target)
{
    for (size_t i = 0; i < verify_signers(v); i++) {
        const struct verify *s = verify_scheme(v, i);
        if (s->r.parameter.len > 0 && s->secret_count > 0) {
            buf_printf(target, "%c%.*s=", str_has(buf_str(target), '?') ? '&' : '?',
                       STR_ARG(s->r.parameter));
            verify_put_escaped(s->secrets[0].text, target);
        }
    }
}

struct str verify_public_name(const struct verify *v)
{
    return v->r.key == VERIFY_KEY_PAIR && v->secret_count > 0 ? v->secrets[0].text : STR_NONE;
}

size_t verify_mac(const struct verify *v, struct str text, unsigned char out[CRYPT_DIGEST_MAX])
{
    if (v->r.kind != VERIFY_HMAC || v->secret_count == 0) { /* so no group, which has none itself */
        return 0;
    }
    crypt_hmac(v->secrets[0].hmac[v->r.digest], &text, 1, out);
    return crypt_digest_len(v->r.digest);
}
