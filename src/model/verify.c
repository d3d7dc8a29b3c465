/* The generic recipe: find signatures, timestamp and id; build the signed text; compare. */
#include "model/verify.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#define PARTS_MAX 16    /* literals and placeholders of a template */
#define SECRET_MAX 4096 /* bytes */
#define SIGN_FIELDS 4

const char VERIFY_BAD_SIGNATURE[] = "bad_signature";
const char VERIFY_STALE_TIMESTAMP[] = "stale_timestamp";

enum part_kind { PART_LITERAL, PART_BODY, PART_TS, PART_ID, PART_URL, PART_METHOD };

struct part {
    enum part_kind kind;
    struct str literal;
};

struct verify {
    struct verify_recipe r;
    struct part parts[PARTS_MAX];
    size_t part_count;
    bool needs_ts, needs_id;
    struct crypt_key *keys[VERIFY_SECRETS];
    size_t key_count;
};

/* ---- compiling ---- */

static const struct {
    struct str name;
    enum part_kind kind;
} placeholders[] = {{{"body", 4}, PART_BODY},
                    {{"ts", 2}, PART_TS},
                    {{"id", 2}, PART_ID},
                    {{"url", 3}, PART_URL},
                    {{"method", 6}, PART_METHOD}};

#define PLACEHOLDERS (sizeof placeholders / sizeof placeholders[0])

static bool uses(const struct verify *v, enum part_kind kind)
{
    for (size_t i = 0; i < v->part_count; i++) {
        if (v->parts[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static const char *add_placeholder(struct verify *v, struct str name)
{
    for (size_t i = 0; i < PLACEHOLDERS; i++) {
        if (str_eq(placeholders[i].name, name)) {
            v->parts[v->part_count++].kind = placeholders[i].kind;
            return NULL;
        }
    }
    return "the template knows {body}, {ts}, {id}, {url} and {method} only";
}

static const char *compile_template(struct verify *v)
{
    struct str rest = v->r.signed_text;
    while (rest.len > 0) {
        struct str literal, name;
        bool more = str_cut(rest, '{', &literal, &rest);
        if (v->part_count + 2 > PARTS_MAX) {
            return "the template has too many parts";
        }
        if (literal.len > 0) {
            v->parts[v->part_count++] = (struct part){PART_LITERAL, literal};
        }
        if (more && !str_cut(rest, '}', &name, &rest)) {
            return "a { in the template is not closed";
        }
        const char *why = more ? add_placeholder(v, name) : NULL;
        if (why != NULL) {
            return why;
        }
    }
    return uses(v, PART_BODY) ? NULL : "the template must hold {body}, or the body is not verified";
}

static const char *check_recipe(struct verify *v)
{
    const struct verify_recipe *r = &v->r;
    bool has_ts = r->ts_key.len > 0 || r->ts_headers[0].len > 0;
    if (r->headers[0].len == 0) {
        return "the header of the signature is not named";
    }
    if (r->kv_sep != 0 && r->sig_key.len == 0) {
        return "kv_sep splits keys from values, so sig_key must name the signature's key";
    }
    if (r->kv_sep == 0 && (r->sig_key.len > 0 || r->ts_key.len > 0)) {
        return "sig_key and ts_key need kv_sep";
    }
    if (r->ts_key.len > 0 && r->item_sep == 0) {
        return "ts_key needs item_sep: the header then holds a timestamp beside the signature";
    }
    if (r->kv_sep != 0 && r->kv_sep == r->item_sep) {
        return "item_sep and kv_sep must differ";
    }
    if (r->ts_key.len > 0 && str_eq(r->ts_key, r->sig_key)) {
        return "sig_key and ts_key must differ, or the timestamp is never found";
    }
    const char *why = compile_template(v);
    if (why != NULL) {
        return why;
    }
    v->needs_id = uses(v, PART_ID);
    v->needs_ts = uses(v, PART_TS) || r->past_s > 0 || r->future_s > 0;
    if (v->needs_ts && !has_ts) {
        return "a timestamp is used, but neither a header nor ts_key says where it is";
    }
    if (has_ts && !uses(v, PART_TS)) {
        return "the timestamp is not part of the template, so anybody could change it";
    }
    if (v->needs_id && r->id_headers[0].len == 0) {
        return "the template holds {id}, but its header is not named";
    }
    if (uses(v, PART_URL) && r->public_url.len == 0) {
        return "the template holds {url}, so public_url must say how it is registered";
    }
    return NULL;
}

static const char *add_key(struct verify *v, struct str secret)
{
    unsigned char bytes[SECRET_MAX];
    size_t n = 0;
    if (secret.len == 0) {
        return "the secret is empty";
    }
    if (secret.len > SECRET_MAX) {
        return "the secret is longer than 4096 bytes";
    }
    if (v->r.key_prefix.len > 0 && str_starts(secret, v->r.key_prefix)) {
        secret = str_from(secret, v->r.key_prefix.len);
    }
    if (v->r.key == VERIFY_KEY_BASE64 &&
        (!text_get_base64(secret, bytes, SECRET_MAX, &n) || n == 0)) {
        return "the secret is not base64, as this scheme wants it";
    }
    if (v->r.key == VERIFY_KEY_HEX && (!text_get_hex(secret, bytes, SECRET_MAX, &n) || n == 0)) {
        return "the secret is not hexadecimal, as this scheme wants it";
    }
    struct str key = v->r.key == VERIFY_KEY_RAW ? secret : (struct str){(const char *)bytes, n};
    v->keys[v->key_count++] = crypt_key_new(v->r.digest, key);
    crypt_wipe(bytes, n);
    return NULL;
}

const char *verify_new(struct verify **out, const struct verify_recipe *r,
                       const struct str *secrets, size_t n, int *bad_secret)
{
    struct verify *v = calloc(1, sizeof *v);
    ENSURE(v != NULL);
    v->r = *r;
    int bad = -1;
    const char *why = NULL;
    if (!r->none) {
        why = n == 0               ? "a secret is needed"
              : n > VERIFY_SECRETS ? "at most 8 secrets are tried"
                                   : check_recipe(v);
    }
    for (size_t i = 0; why == NULL && !r->none && i < n; i++) {
        why = add_key(v, secrets[i]);
        bad = why == NULL ? -1 : (int)i;
    }
    if (bad_secret != NULL) {
        *bad_secret = bad;
    }
    if (why != NULL) {
        verify_free(v);
        v = NULL;
    }
    *out = v;
    return why;
}

void verify_free(struct verify *v)
{
    if (v != NULL) {
        for (size_t i = 0; i < v->key_count; i++) {
            crypt_key_free(v->keys[i]);
        }
        free(v);
    }
}

struct str verify_name(const struct verify *v)
{
    return v->r.name;
}

/* ---- reading a request ---- */

/* What a request says about itself. */
struct claim {
    unsigned char signatures[VERIFY_SIGNATURES][CRYPT_DIGEST_MAX]; /* decoded */
    size_t n;
    bool any_header; /* some signature header was there */
    struct str ts, id;
    const char *trouble; /* why it cannot be genuine, or NULL */
};

static bool decode(const struct verify_recipe *r, struct str text, unsigned char *out)
{
    size_t want = crypt_digest_len(r->digest), n = 0;
    bool ok = r->encoding == VERIFY_HEX      ? text_get_hex(text, out, want, &n)
              : r->encoding == VERIFY_BASE64 ? text_get_base64(text, out, want, &n)
                                             : text_get_base64url(text, out, want, &n);
    return ok && n == want;
}

static void claim_signature(struct claim *c, const struct verify_recipe *r, struct str text)
{
    if (c->n < VERIFY_SIGNATURES && decode(r, text, c->signatures[c->n])) {
        c->n++;
    }
}

static void claim_item(struct claim *c, const struct verify_recipe *r, struct str item)
{
    struct str key, value;
    if (r->kv_sep == 0) {
        claim_signature(c, r, item);
    } else if (!str_cut(item, r->kv_sep, &key, &value)) {
        /* not of this form: skipped, as unknown keys are */
    } else if (str_eq(key, r->sig_key)) {
        claim_signature(c, r, value);
    } else if (r->ts_key.len > 0 && str_eq(key, r->ts_key)) {
        c->trouble = c->ts.len > 0 ? "the timestamp occurs twice" : c->trouble;
        c->ts = value;
    }
}

static void claim_header(struct claim *c, const struct verify_recipe *r, struct str value)
{
    struct str item, rest = value;
    bool more;
    do {
        if (r->item_sep == 0) {
            item = rest;
            more = false;
        } else {
            more = str_cut(rest, r->item_sep, &item, &rest);
        }
        claim_item(c, r, str_trim(item));
    } while (more);
}

/* The first of the names that is present; a header that occurs twice is trouble: receivers differ
 * on which one counts. */
static struct str one_of(const struct str names[VERIFY_NAMES], const struct fields *fields,
                         const char *twice, const char **trouble)
{
    for (size_t i = 0; i < VERIFY_NAMES && names[i].len > 0; i++) {
        const struct str *value = fields_find(fields, names[i]);
        if (value != NULL) {
            *trouble = fields_count(fields, names[i]) > 1 ? twice : *trouble;
            return str_trim(*value);
        }
    }
    return STR_NONE;
}

static void claim_read(struct claim *c, const struct verify *v, const struct fields *fields)
{
    const struct verify_recipe *r = &v->r;
    for (size_t i = 0; i < VERIFY_NAMES && r->headers[i].len > 0; i++) {
        const struct str *value = fields_find(fields, r->headers[i]);
        if (value == NULL) {
            continue;
        }
        c->any_header = true;
        if (fields_count(fields, r->headers[i]) > 1) {
            c->trouble = "the signature header occurs twice";
        }
        claim_header(c, r, *value);
    }
    if (r->ts_key.len == 0) {
        c->ts = one_of(r->ts_headers, fields, "the timestamp header occurs twice", &c->trouble);
    }
    c->id = one_of(r->id_headers, fields, "the id header occurs twice", &c->trouble);
}

/* NULL, or why the claim is not even worth a digest. */
static const char *claim_check(const struct claim *c, const struct verify *v, int64_t *ts_ms)
{
    if (!c->any_header) {
        return "the signature header is missing";
    }
    if (c->trouble != NULL) {
        return c->trouble;
    }
    if (c->n == 0) {
        return "there is no signature of the expected form";
    }
    if (v->needs_id && c->id.len == 0) {
        return "the id header is missing";
    }
    if (v->needs_ts && c->ts.len == 0) {
        return "the timestamp is missing";
    }
    if (v->needs_ts && !timestamp_decode(c->ts, v->r.unit, ts_ms)) {
        return "the timestamp is not of the expected form";
    }
    return NULL;
}

/* The signed text in pieces; timestamp and id as received, never formatted anew. */
static size_t fill_parts(const struct verify *v, struct str method, struct str body, struct str ts,
                         struct str id, struct str out[PARTS_MAX])
{
    for (size_t i = 0; i < v->part_count; i++) {
        switch (v->parts[i].kind) {
        case PART_BODY:
            out[i] = body;
            break;
        case PART_TS:
            out[i] = ts;
            break;
        case PART_ID:
            out[i] = id;
            break;
        case PART_URL:
            out[i] = v->r.public_url;
            break;
        case PART_METHOD:
            out[i] = method;
            break;
        default:
            out[i] = v->parts[i].literal;
            break;
        }
    }
    return v->part_count;
}

/* Every secret against every signature, without leaving early: which one was near says nothing. */
static int match(const struct verify *v, const struct claim *c, const struct str *parts, size_t n)
{
    size_t len = crypt_digest_len(v->r.digest);
    int matched = -1;
    for (size_t k = 0; k < v->key_count; k++) {
        unsigned char digest[CRYPT_DIGEST_MAX];
        crypt_hmac(v->keys[k], parts, n, digest);
        for (size_t s = 0; s < c->n; s++) {
            bool equal = crypt_equal(digest, c->signatures[s], len);
            matched = equal && matched < 0 ? (int)k : matched;
        }
    }
    return matched;
}

static const char *check_age(const struct verify_recipe *r, int64_t ts_ms, int64_t now_s)
{
    int64_t age_ms = now_s * 1000 - ts_ms;
    if (r->past_s > 0 && age_ms > r->past_s * 1000) {
        return "the timestamp is too old";
    }
    /* A timestamp in whole seconds may be ahead by rounding only; the tolerance covers that. */
    if (r->future_s > 0 && -age_ms > r->future_s * 1000) {
        return "the timestamp is too far ahead";
    }
    return NULL;
}

struct verify_verdict verify_check(const struct verify *v, const struct verify_input *in,
                                   int64_t now_s)
{
    if (v->r.none) {
        return (struct verify_verdict){NULL, NULL, -1};
    }
    struct claim c = {.n = 0};
    int64_t ts_ms = 0;
    claim_read(&c, v, in->fields);
    const char *detail = claim_check(&c, v, &ts_ms);
    if (detail != NULL) {
        return (struct verify_verdict){VERIFY_BAD_SIGNATURE, detail, -1};
    }
    struct str parts[PARTS_MAX];
    size_t n = fill_parts(v, in->method, in->body, c.ts, c.id, parts);
    int secret = match(v, &c, parts, n);
    if (secret < 0) {
        return (struct verify_verdict){VERIFY_BAD_SIGNATURE, "no secret made this signature", -1};
    }
    detail = check_age(&v->r, ts_ms, now_s);
    if (detail != NULL) {
        return (struct verify_verdict){VERIFY_STALE_TIMESTAMP, detail, -1};
    }
    return (struct verify_verdict){NULL, NULL, secret};
}

/* ---- signing, for `penstock send` ---- */

/* A field whose bytes lie in a buffer that still grows: an offset until it is done. */
struct sign_field {
    struct str name;
    size_t at, len;
};

static void put_digest(const struct verify_recipe *r, const unsigned char *digest, struct buf *out)
{
    char text[2 * CRYPT_DIGEST_MAX];
    size_t len = crypt_digest_len(r->digest), n;
    if (r->encoding == VERIFY_HEX) {
        n = text_put_hex(text, digest, len);
    } else {
        n = text_put_base64(text, digest, len);
    }
    for (size_t i = 0; r->encoding == VERIFY_BASE64URL && i < n; i++) {
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    }
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
    put_digest(r, digest, out);
}

static void put_field(struct sign_field *f, size_t *n, struct str name, struct str value,
                      struct buf *out)
{
    f[(*n)++] = (struct sign_field){name, out->len, value.len};
    buf_add_str(out, value);
}

const char *verify_sign(const struct verify *v, struct str method, struct str target,
                        struct str body, int64_t now_s, struct str delivery_id,
                        struct fields *fields, struct buf *out)
{
    (void)target; /* {url} is the registered one */
    const struct verify_recipe *r = &v->r;
    struct sign_field f[SIGN_FIELDS];
    size_t n = 0;
    if (v->needs_id && delivery_id.len == 0) {
        return "this scheme signs an id, so one is needed";
    }
    if (!r->none) {
        char text[TIMESTAMP_LEN];
        struct str ts = {text, timestamp_encode(text, r->unit, now_s * 1000)};
        struct str parts[PARTS_MAX];
        unsigned char digest[CRYPT_DIGEST_MAX];
        size_t part_count = fill_parts(v, method, body, ts, delivery_id, parts);
        crypt_hmac(v->keys[0], parts, part_count, digest);
        f[n++] = (struct sign_field){r->headers[0], out->len, 0};
        put_signature(r, ts, digest, out);
        f[0].len = out->len - f[0].at;
        if (r->ts_headers[0].len > 0) {
            put_field(f, &n, r->ts_headers[0], ts, out);
        }
    }
    struct str id_header = r->id_headers[0].len > 0 ? r->id_headers[0] : r->delivery_id.header;
    if (id_header.len > 0 && delivery_id.len > 0) {
        put_field(f, &n, id_header, delivery_id, out);
    }
    if (out->failed) {
        return "the signature does not fit";
    }
    for (size_t i = 0; i < n; i++) {
        if (!fields_add(fields, f[i].name, (struct str){out->at + f[i].at, f[i].len})) {
            return "there are too many header fields";
        }
    }
    return NULL;
}
