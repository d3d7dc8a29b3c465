/* The generic recipe: compile a scheme, build the signed text, compare. */
#include "model/verify_parts.h"

#include "base/log.h"
#include "model/form.h"

#include <stdlib.h>
#include <string.h>

#define SECRET_MAX 4096 /* bytes */
#define BUILT_CEILING (4 << 20)

const char VERIFY_BAD_SIGNATURE[] = "bad_signature";
const char VERIFY_STALE_TIMESTAMP[] = "stale_timestamp";

/* ---- compiling ---- */

static const struct {
    struct str name;
    enum verify_part_kind kind;
    verify_builder *build;
} placeholders[] = {
    {{"body", 4}, PART_BODY, NULL},
    {{"ts", 2}, PART_TS, NULL},
    {{"id", 2}, PART_ID, NULL},
    {{"url", 3}, PART_URL, NULL},
    {{"method", 6}, PART_METHOD, NULL},
    {{"secret", 6}, PART_SECRET, NULL},
    {{"query", 5}, PART_QUERY, NULL},
    {{"form", 4}, PART_BUILT, verify_build_form},
    {{"params", 6}, PART_BUILT, verify_build_params},
    {{"payload", 7}, PART_BUILT, verify_build_payload},
    {{"manifest", 8}, PART_BUILT, verify_build_manifest},
    {{"canonical", 9}, PART_BUILT, verify_build_canonical},
};

#define PLACEHOLDERS (sizeof placeholders / sizeof placeholders[0])

bool verify_uses(const struct verify *v, enum verify_part_kind kind)
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
            v->build = placeholders[i].build != NULL ? placeholders[i].build : v->build;
            return NULL;
        }
    }
    if (str_starts(name, STR("/"))) {
        v->parts[v->part_count++] = (struct verify_part){PART_POINTER, name};
        return NULL;
    }
    return "the template knows {body}, {ts}, {id}, {url} and {method} only";
}

static const char *compile_template(struct verify *v)
{
    struct str rest = v->r.signed_text;
    while (rest.len > 0) {
        struct str literal, name;
        bool more = str_cut(rest, '{', &literal, &rest);
        if (v->part_count + 2 > VERIFY_PARTS) {
            return "the template has too many parts";
        }
        if (literal.len > 0) {
            v->parts[v->part_count++] = (struct verify_part){PART_LITERAL, literal};
        }
        if (more && !str_cut(rest, '}', &name, &rest)) {
            return "a { in the template is not closed";
        }
        const char *why = more ? add_placeholder(v, name) : NULL;
        if (why != NULL) {
            return why;
        }
    }
    if (v->r.kind != VERIFY_HASH && verify_uses(v, PART_SECRET)) {
        return "{secret} belongs to \"type: hash\" alone: of the others the secret is the key";
    }
    if (v->r.kind == VERIFY_HASH && !verify_uses(v, PART_SECRET)) {
        return "the template must hold {secret}, or anybody could make this digest";
    }
    if ((v->build != NULL && !v->r.builds) ||
        (v->build == verify_build_form && v->r.body_hash.len == 0) ||
        (verify_uses(v, PART_POINTER) && v->r.sig_pointer.len == 0)) {
        return "{form}, {/pointer} and their like are of presets, which know what else must be "
               "looked at";
    }
    bool covers_fields = v->r.sig_pointer.len > 0 || v->build != NULL;
    return verify_uses(v, PART_BODY) || covers_fields
               ? NULL
               : "the template must hold {body}, or the body is not verified";
}

static const char *check_recipe(struct verify *v)
{
    const struct verify_recipe *r = &v->r;
    bool sends_ts = r->ts_key.len > 0 || r->ts_headers[0].len > 0;
    bool looks = r->past_s > 0 || r->future_s > 0;
    if (r->kind == VERIFY_JWT) {
        return verify_jwt_recipe(r);
    }
    if (r->kind == VERIFY_X509) {
        v->needs_id = v->needs_ts = !r->x509.sns;
        return verify_x509_recipe(r);
    }
    if (r->headers[0].len + r->sig_pointer.len + r->sig_field.len + r->parameter.len == 0) {
        return "the header of the signature is not named";
    }
    if (r->kind == VERIFY_TOKEN || r->kind == VERIFY_BASIC) {
        return NULL;
    }
    if (r->kv_sep != 0 && r->sig_key.len == 0 && r->key != VERIFY_KEY_PAIR) {
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
    v->needs_id = verify_uses(v, PART_ID);
    v->needs_ts = verify_uses(v, PART_TS) || (sends_ts && v->build != NULL) ||
                  (looks && r->ts_pointer.len == 0);
    if (v->needs_ts && !sends_ts) {
        return "a timestamp is used, but neither a header nor ts_key says where it is";
    }
    if (sends_ts && !verify_uses(v, PART_TS) && v->build == NULL) {
        return "the timestamp is not part of the template, so anybody could change it";
    }
    if (v->needs_id && r->id_headers[0].len == 0) {
        return "the template holds {id}, but its header is not named";
    }
    if (verify_uses(v, PART_URL) && r->public_url.len == 0) {
        return "the template holds {url}, so public_url must say how it is registered";
    }
    return NULL;
}

static void keep_text(struct verify_secret *s, struct str key)
{
    char *copy = malloc(key.len);
    ENSURE(copy != NULL);
    memcpy(copy, key.at, key.len);
    s->text.at = copy;
    s->text.len = key.len;
}

/* NULL, or why these bytes are no key of that kind. */
static const char *keep_secret(struct verify *v, struct str key)
{
    struct verify_secret *s = &v->secrets[v->secret_count];
    struct str user, password;
    switch (v->r.kind) {
    case VERIFY_HMAC:
        s->hmac[v->r.digest] = crypt_key_new(v->r.digest, key);
        if (v->r.sha256_too) {
            s->hmac[CRYPT_SHA256] = crypt_key_new(CRYPT_SHA256, key);
        }
        break;
    case VERIFY_ED25519:
    case VERIFY_ECDSA:
        s->public = crypt_public_new(v->r.kind == VERIFY_ED25519 ? CRYPT_ED25519 : CRYPT_P256, key);
        if (s->public == NULL) {
            return v->r.kind == VERIFY_ED25519 ? "the key is no public key of Ed25519"
                                               : "the key is no public key of P-256";
        }
        break;
    case VERIFY_BASIC:
        if (!str_cut(key, ':', &user, &password) || password.len == 0) {
            return "the secret of basic authentication is user:password";
        }
        keep_text(s, key);
        break;
    case VERIFY_HASH:
    case VERIFY_TOKEN:
        keep_text(s, key);
        break;
    case VERIFY_JWT: {
        const char *why = verify_jwt_key(s, &v->r, key);
        if (why != NULL) {
            return why;
        }
        break;
    }
    case VERIFY_X509:
    case VERIFY_NONE:
        break;
    }
    v->secret_count++;
    return NULL;
}

/* Four bytes of a digest: enough to tell a few apart, too little to find one by. */
static void put_id(struct str secret, char out[VERIFY_SECRET_ID + 1])
{
    const struct str parts[] = {STR("penstock secret\n"), secret};
    unsigned char digest[CRYPT_DIGEST_MAX];
    crypt_digest(CRYPT_SHA256, parts, 2, digest);
    out[text_put_hex(out, digest, VERIFY_SECRET_ID / 2)] = '\0';
}

static const char *add_either(struct verify *v, struct str secret)
{
    unsigned char bytes[SECRET_MAX];
    size_t n = 0;
    struct str bare =
        str_starts(secret, v->r.key_prefix) ? str_from(secret, v->r.key_prefix.len) : secret;
    if (text_get_base64(bare, bytes, SECRET_MAX, &n) && n > 0) {
        v->secrets[v->secret_count].decoded =
            crypt_key_new(v->r.digest, (struct str){(const char *)bytes, n});
    }
    crypt_wipe(bytes, n);
    return keep_secret(v, secret);
}

static const char *add_pair(struct verify *v, struct str secret)
{
    struct str name, private;
    unsigned char key[CRYPT_DIGEST_MAX];
    struct verify_secret *s = &v->secrets[v->secret_count];
    if (!str_cut(secret, ':', &name, &private) || !text_is_token(name) || private.len == 0) {
        return "the secret is the public key and the private key, with a colon between";
    }
    keep_text(s, name);
    crypt_digest(CRYPT_SHA1, &private, 1, key);
    size_t n = crypt_digest_len(CRYPT_SHA1);
    const char *why = keep_secret(v, (struct str){(const char *)key, n});
    crypt_wipe(key, n);
    return why;
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
    put_id(secret, v->secrets[v->secret_count].id);
    if (v->r.key_prefix.len > 0 && str_eq(secret, v->r.key_prefix)) {
        return "the secret is empty behind its prefix";
    }
    if (v->r.key == VERIFY_KEY_EITHER) {
        return add_either(v, secret);
    }
    if (v->r.key == VERIFY_KEY_PAIR) {
        return add_pair(v, secret);
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
    struct str key = n == 0 ? secret : (struct str){(const char *)bytes, n};
    const char *why = keep_secret(v, key);
    crypt_wipe(bytes, n);
    return why;
}

bool verify_is_keyless(const struct verify_recipe *r)
{
    return r->kind == VERIFY_NONE || r->kind == VERIFY_X509 || r->jwks;
}

const char *verify_new(struct verify **out, const struct verify_recipe *r,
                       const struct str *secrets, size_t n, int *bad_secret)
{
    struct verify *v = calloc(1, sizeof *v);
    ENSURE(v != NULL);
    v->r = *r;
    int bad = -1;
    const char *why = NULL;
    bool keyless = verify_is_keyless(r);
    if (r->kind != VERIFY_NONE) {
        why = n == 0 && !keyless && !r->learns ? "a secret is needed"
              : n > 0 && keyless   ? "its sender publishes its keys, so no secret is taken"
              : n > VERIFY_SECRETS ? "at most 8 secrets are tried"
                                   : check_recipe(v);
    }
    for (size_t i = 0; why == NULL && !keyless && i < n; i++) {
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
        for (size_t i = 0; i < v->scheme_count; i++) {
            verify_free(v->schemes[i]);
        }
        for (size_t i = 0; i < v->secret_count; i++) {
            struct verify_secret *secret = &v->secrets[i];
            for (size_t d = 0; d < CRYPT_DIGESTS; d++) {
                crypt_key_free(secret->hmac[d]);
            }
            crypt_key_free(secret->decoded);
            crypt_public_free(secret->public);
            if (secret->text.len > 0) {
                crypt_wipe((char *)secret->text.at, secret->text.len);
                free((char *)secret->text.at);
            }
        }
        free(v);
    }
}

/* ---- checking ---- */

size_t verify_fill(const struct verify *v, struct verify_values *values,
                   struct str out[VERIFY_PARTS])
{
    const struct str of[] = {
        [PART_BODY] = values->body,     [PART_TS] = values->ts,
        [PART_ID] = values->id,         [PART_URL] = v->r.public_url,
        [PART_METHOD] = values->method, [PART_SECRET] = values->secret,
        [PART_QUERY] = values->query,   [PART_BUILT] = values->built,
    };
    for (size_t i = 0; i < v->part_count; i++) {
        const struct verify_part *p = &v->parts[i];
        if (p->kind == PART_POINTER) { /* of signatures in the body, which have found them */
            ENSURE(values->texts != NULL);
            out[i] = values->texts->at[i];
        } else {
            out[i] = p->kind == PART_LITERAL ? p->literal : of[p->kind];
        }
    }
    return v->part_count;
}

static bool is_claimed(const struct verify_claim *c, const unsigned char *digest, size_t len)
{
    bool matches = false;
    for (size_t i = 0; i < c->n; i++) {
        matches |= c->signatures[i].len == len && crypt_equal(digest, c->signatures[i].at, len);
    }
    return matches;
}

/* Is there one as long as that? How long a signature is, everybody sees. */
static bool claims_length(const struct verify_claim *c, size_t len)
{
    bool found = false;
    for (size_t i = 0; i < c->n; i++) {
        found |= c->signatures[i].len == len;
    }
    return found;
}

static bool hmac_matches(struct crypt_key *key, enum crypt_digest d, const struct verify_claim *c,
                         const struct str *parts, size_t n)
{
    unsigned char digest[CRYPT_DIGEST_MAX];
    if (key == NULL || !claims_length(c, crypt_digest_len(d))) {
        return false;
    }
    crypt_hmac(key, parts, n, digest);
    return is_claimed(c, digest, crypt_digest_len(d));
}

/* Does one secret's digest of the text equal any signature? Without leaving early: which one was
 * near says nothing. */
static bool digest_matches(const struct verify *v, const struct verify_secret *s,
                           const struct verify_claim *c, struct verify_values *values)
{
    struct str parts[VERIFY_PARTS];
    unsigned char digest[CRYPT_DIGEST_MAX];
    values->secret = s->text;
    size_t n = verify_fill(v, values, parts);
    if (v->r.kind == VERIFY_HASH) {
        crypt_digest(v->r.digest, parts, n, digest);
        bool is = is_claimed(c, digest, crypt_digest_len(v->r.digest));
        if (v->r.sha256_too) {
            crypt_digest(CRYPT_SHA256, parts, n, digest);
            is |= is_claimed(c, digest, crypt_digest_len(CRYPT_SHA256));
        }
        return is;
    }
    bool matches = hmac_matches(s->hmac[v->r.digest], v->r.digest, c, parts, n);
    matches |= hmac_matches(s->decoded, v->r.digest, c, parts, n);
    if (v->r.sha256_too) {
        matches |= hmac_matches(s->hmac[CRYPT_SHA256], CRYPT_SHA256, c, parts, n);
    }
    return matches;
}

/* Nothing here is secret: the key is public. */
static bool signature_matches(const struct verify *v, const struct verify_secret *s,
                              const struct verify_claim *c, struct verify_values *values)
{
    struct str parts[VERIFY_PARTS];
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    size_t n = verify_fill(v, values, parts);
    for (size_t i = 0; i < n; i++) {
        buf_add_str(&text, parts[i]);
    }
    bool matches = false;
    for (size_t i = 0; i < c->n && !matches && !text.failed; i++) {
        struct str signature = {(const char *)c->signatures[i].at, c->signatures[i].len};
        matches = crypt_public_check(s->public, buf_str(&text), signature);
    }
    buf_done(&text);
    return matches;
}

/* Digests of both are compared: how long the secret is stays ours, too. */
static bool texts_match(struct str a, struct str b)
{
    unsigned char digests[2][CRYPT_DIGEST_MAX];
    crypt_digest(CRYPT_SHA256, &a, 1, digests[0]);
    crypt_digest(CRYPT_SHA256, &b, 1, digests[1]);
    return crypt_equal(digests[0], digests[1], crypt_digest_len(CRYPT_SHA256));
}

/* "Basic", a space, base64 of user:password (RFC 7617 2). */
static bool basic_matches(struct str claimed, struct str secret)
{
    char text[SECRET_MAX];
    size_t n = 0;
    struct str scheme, encoded;
    bool ok = str_cut(claimed, ' ', &scheme, &encoded) && str_ieq(scheme, STR("Basic")) &&
              text_get_base64(str_trim(encoded), text, sizeof text, &n);
    ok = texts_match((struct str){text, ok ? n : 0}, secret) && ok;
    crypt_wipe(text, n);
    return ok;
}

static bool verify_matches(const struct verify *v, const struct verify_secret *s,
                           const struct verify_claim *c, struct verify_values *values)
{
    switch (v->r.kind) {
    case VERIFY_HMAC:
    case VERIFY_HASH:
        return digest_matches(v, s, c, values);
    case VERIFY_ED25519:
    case VERIFY_ECDSA:
        return signature_matches(v, s, c, values);
    case VERIFY_TOKEN:
        return texts_match(c->token, s->text);
    case VERIFY_BASIC:
        return basic_matches(c->token, s->text);
    case VERIFY_JWT:
    case VERIFY_X509:
    case VERIFY_NONE:
        break;
    }
    return false;
}

int verify_match(const struct verify *v, const struct verify_claim *c, struct verify_values *values)
{
    int matched = -1;
    for (size_t i = 0; i < v->secret_count; i++) { /* all of them, whichever it is */
        bool matches = verify_matches(v, &v->secrets[i], c, values);
        matched = matches && matched < 0 ? (int)i : matched;
    }
    return matched;
}

/* With its '?', or nothing. */
static struct str query_of(struct str target)
{
    struct str path, query;
    return str_cut(target, '?', &path, &query) ? str_from(target, path.len) : STR_NONE;
}

const char *verify_put_values(const struct verify *v, const struct verify_input *in,
                              const struct verify_claim *c, struct buf *built,
                              struct verify_values *out)
{
    buf_init(built, BUILT_CEILING);
    const char *why = v->build == NULL ? NULL : v->build(v, in, c, built);
    *out = (struct verify_values){.method = in->method,
                                  .body = in->body,
                                  .ts = c->ts,
                                  .id = c->id,
                                  .query = query_of(in->target),
                                  .built = buf_str(built)};
    return why == NULL && built->failed ? "what is signed of it is too large" : why;
}

bool verify_learns(const struct verify *v)
{
    return v->r.learns && v->secret_count == 0;
}

const char *verify_with(const struct verify *v, struct str secret, struct verify **out)
{
    return verify_new(out, &v->r, &secret, 1, NULL);
}

bool verify_scheme_computes(const struct verify *v)
{
    bool shows = v->r.kind == VERIFY_TOKEN || v->r.kind == VERIFY_BASIC || v->r.kind == VERIFY_NONE;
    bool of_sender = v->r.kind == VERIFY_JWT && !v->r.jwt.in_body && v->r.jwt.body.claim.len == 0;
    bool apart = v->r.each.len > 0; /* of a list each item is signed alone: it can be made longer */
    return !shows && !of_sender && !apart && !v->r.repeats;
}

void verify_scheme_signed(const struct verify *v, const struct verify_input *in,
                          unsigned char out[CRYPT_DIGEST_MAX])
{
    struct verify_claim c UNCLEARED;
    struct verify_values values;
    struct str parts[VERIFY_PARTS];
    struct buf built;
    verify_claim_init(&c);
    if (v->r.kind == VERIFY_JWT) { /* a token need not say which body it came with */
        const struct str both[] = {verify_jwt_signed(v, in), in->body};
        crypt_digest(CRYPT_SHA256, both, v->r.jwt.in_body ? 1 : 2, out);
        return;
    }
    if (v->r.kind == VERIFY_X509) {
        verify_x509_signed(v, in, out);
        return;
    }
    (void)verify_claim_read(&c, v, in);
    (void)verify_put_values(v, in, &c, &built, &values);
    if (v->r.sig_pointer.len > 0) {
        verify_body_signed(v, in, out);
    } else {
        crypt_digest(CRYPT_SHA256, parts, verify_fill(v, &values, parts), out);
    }
    buf_done(&built);
}

/* The secret is in the query. */
static struct verify_verdict check_parameter(const struct verify *v, const struct verify_input *in)
{
    struct buf token;
    struct str query = query_of(in->target);
    struct verify_verdict verdict = {VERIFY_BAD_SIGNATURE,
                                     "the query has no token, or more than one", -1};
    buf_init(&token, SECRET_MAX);
    if (form_parameter(str_from(query, 1), v->r.parameter, &token)) {
        const struct verify_claim c = {.token = buf_str(&token)};
        verdict.secret = verify_match(v, &c, &(struct verify_values){.method = in->method});
        verdict.reason = verdict.secret < 0 ? VERIFY_BAD_SIGNATURE : NULL;
        verdict.detail = verdict.secret < 0 ? "the query's token is no secret" : NULL;
    }
    crypt_wipe(token.at, token.len);
    buf_done(&token);
    return verdict;
}

struct verify_verdict verify_scheme_check(const struct verify *v, const struct verify_input *in,
                                          const struct jwks *keys, int64_t now_s)
{
    if (v->r.kind == VERIFY_NONE) {
        return (struct verify_verdict){NULL, NULL, -1};
    }
    if (v->r.kind == VERIFY_JWT) {
        return verify_jwt_check(v, in, keys, now_s);
    }
    if (v->r.kind == VERIFY_X509) {
        return verify_x509_check(v, in, keys);
    }
    if (v->r.sig_pointer.len > 0) {
        return verify_body_check(v, in);
    }
    if (v->r.parameter.len > 0) {
        return check_parameter(v, in);
    }
    struct verify_claim c UNCLEARED;
    verify_claim_init(&c);
    const char *detail = verify_claim_read(&c, v, in);
    if (detail == NULL) {
        detail = verify_body_hash(v, in);
    }
    if (detail == NULL && v->r.objects_only && !str_starts(in->body, STR("{"))) {
        detail = "the body is no JSON object, as each event of its provider is";
    }
    if (detail != NULL) {
        return verify_bad(detail);
    }
    struct buf built;
    struct verify_values values;
    detail = verify_put_values(v, in, &c, &built, &values);
    int matched = detail == NULL ? verify_match(v, &c, &values) : -1;
    buf_done(&built);
    if (matched < 0) {
        detail = detail == NULL ? "no secret made this signature" : detail;
        return verify_bad(detail);
    }
    struct verify_verdict verdict = verify_claim_age(&c, v, in, now_s);
    verdict.secret = verdict.reason == NULL ? matched : -1;
    return verdict;
}
