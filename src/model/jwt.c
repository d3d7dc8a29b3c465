/* Signed JSON Web Tokens: cut, decode, compare; claims only behind a good signature. */
#include "model/jwt.h"

#include "base/json.h"
#include "base/log.h"
#include "model/pick.h"

#include <yyjson.h>

static const struct {
    struct str name;
    enum crypt_digest digest; /* of an HMAC */
    enum crypt_public_kind key;
} algorithms[JWT_ALGORITHMS] = {
    [JWT_HS256] = {{"HS256", 5}, CRYPT_SHA256, 0}, [JWT_HS384] = {{"HS384", 5}, CRYPT_SHA384, 0},
    [JWT_HS512] = {{"HS512", 5}, CRYPT_SHA512, 0}, [JWT_RS256] = {{"RS256", 5}, 0, CRYPT_RSA},
    [JWT_ES256] = {{"ES256", 5}, 0, CRYPT_P256},
};

const char *jwt_name(enum jwt_algorithm a)
{
    return algorithms[a].name.at;
}

enum crypt_digest jwt_digest(enum jwt_algorithm a)
{
    return algorithms[a].digest;
}

enum crypt_public_kind jwt_key(enum jwt_algorithm a)
{
    return algorithms[a].key;
}

/* ---- JSON ---- */

static struct str text_of(yyjson_val *v)
{
    return yyjson_is_str(v) ? (struct str){yyjson_get_str(v), yyjson_get_len(v)} : STR_NONE;
}

static struct str key_of(yyjson_val *key)
{
    return (struct str){yyjson_get_str(key), yyjson_get_len(key)};
}

/* A name that occurs twice means one thing here and another there (RFC 7515 4, RFC 7519 4). */
static bool has_twice(yyjson_val *object)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it)) != NULL;) {
        yyjson_obj_iter before = yyjson_obj_iter_with(object);
        for (yyjson_val *one; (one = yyjson_obj_iter_next(&before)) != key;) {
            if (str_eq(key_of(one), key_of(key))) {
                return true;
            }
        }
    }
    return false;
}

/* NULL: it is no object whose names are all different. */
static yyjson_val *open_object(struct pick_doc *doc, struct str json, char room[PICK_ROOM])
{
    yyjson_val *root = pick_open(doc, json, room, PICK_ROOM);
    bool is = yyjson_is_obj(root) && yyjson_obj_size(root) <= JWT_MEMBERS && !has_twice(root);
    return is ? root : NULL;
}

static yyjson_val *member(yyjson_val *object, struct str name)
{
    return yyjson_obj_getn(object, name.at, name.len);
}

/* ---- reading ---- */

/* Three parts and two dots: five would be an encrypted one. */
static bool cut_parts(struct str text, struct str parts[3])
{
    struct str rest;
    return str_cut(text, '.', &parts[0], &rest) && str_cut(rest, '.', &parts[1], &parts[2]) &&
           !str_has(parts[2], '.') && parts[0].len > 0 && parts[1].len > 0 && parts[2].len > 0;
}

static bool decode(struct str part, void *out, size_t cap, size_t *n)
{
    return !str_has(part, '=') && text_get_base64url(part, out, cap, n);
}

static const char *read_header(struct jwt *t, yyjson_val *header, unsigned allowed)
{
    struct str name = text_of(member(header, STR("alg")));
    yyjson_val *kid = member(header, STR("kid"));
    if (member(header, STR("crit")) != NULL) {
        return "the token's header names an extension that must be understood, and none is";
    }
    if (kid != NULL && !yyjson_is_str(kid)) {
        return "the token's kid is no text";
    }
    for (unsigned a = 0; a < JWT_ALGORITHMS; a++) {
        if ((allowed & JWT_BIT(a)) != 0 && str_eq(algorithms[a].name, name)) {
            t->algorithm = (enum jwt_algorithm)a;
            size_t at = t->bytes.len;
            buf_add_str(&t->bytes, text_of(kid));
            t->kid = (struct str){t->bytes.at + at, t->bytes.len - at};
            return NULL;
        }
    }
    return "the token is signed by another algorithm than this source takes";
}

/* HMACs and pairs have one length; of RSA the key knows. */
static bool signature_fits(const struct jwt *t)
{
    size_t n = t->signature_len;
    switch (t->algorithm) {
    case JWT_RS256:
        return n >= 256;
    case JWT_ES256:
        return n == CRYPT_PAIR;
    default:
        return n == crypt_digest_len(algorithms[t->algorithm].digest);
    }
}

const char *jwt_read(struct jwt *t, struct str text, unsigned allowed)
{
    char header[JWT_HEADER_BYTES] UNCLEARED;
    size_t n = 0;
    struct str parts[3];
    t->kid = t->signed_text = t->claims = STR_NONE;
    t->signature_len = 0;
    buf_init(&t->bytes, JWT_BYTES);
    if (text.len > JWT_BYTES) {
        return "the token is longer than 64 KiB";
    }
    if (!cut_parts(text, parts)) {
        return "the token has not three parts with a dot between them";
    }
    if (!decode(parts[0], header, sizeof header, &n)) {
        return "the token's header is not base64url without padding, or over 4 KiB";
    }
    /* All that is kept of it has room at once: nothing moves any more. */
    char *room = buf_room(&t->bytes, parts[0].len + parts[1].len);
    ENSURE(room != NULL);
    struct pick_doc doc;
    _Alignas(16) char json[PICK_ROOM] UNCLEARED;
    yyjson_val *object = open_object(&doc, (struct str){header, n}, json);
    const char *why = object == NULL ? "the token's header is no JSON object, or has a name twice"
                                     : read_header(t, object, allowed);
    pick_close(&doc);
    if (why != NULL) {
        return why;
    }
    room = t->bytes.at + t->bytes.len;
    if (!decode(parts[1], room, parts[1].len, &n)) {
        return "the token's claims are not base64url without padding";
    }
    t->bytes.len += n;
    t->claims = (struct str){room, n};
    if (!decode(parts[2], t->signature, sizeof t->signature, &t->signature_len) ||
        !signature_fits(t)) {
        return "the token's signature is not base64url of its algorithm's length";
    }
    t->signed_text = str_head(text, parts[0].len + 1 + parts[1].len);
    return NULL;
}

void jwt_done(struct jwt *t)
{
    buf_done(&t->bytes);
}

bool jwt_is_by_secret(const struct jwt *t, struct crypt_key *k)
{
    unsigned char digest[CRYPT_DIGEST_MAX];
    crypt_hmac(k, &t->signed_text, 1, digest);
    return crypt_equal(digest, t->signature, crypt_digest_len(algorithms[t->algorithm].digest));
}

bool jwt_is_by(const struct jwt *t, const struct crypt_public *k)
{
    struct str signature = {(const char *)t->signature, t->signature_len};
    return t->algorithm == JWT_ES256 ? crypt_public_check_pair(k, t->signed_text, signature)
                                     : crypt_public_check(k, t->signed_text, signature);
}

/* ---- claims ---- */

/* Seconds since 1970, perhaps with a fraction (RFC 7519 2); false: it is none, or out of reason. */
static bool time_of(yyjson_val *v, int64_t *out)
{
    const double most = 1e15;
    double seconds = yyjson_get_num(v);
    if (!yyjson_is_num(v) || !(seconds >= 0 && seconds <= most)) {
        return false;
    }
    *out = (int64_t)seconds;
    return true;
}

static const char *check_times(yyjson_val *claims, const struct jwt_rules *r, int64_t now_s,
                               bool *stale)
{
    yyjson_val *exp = member(claims, STR("exp")), *nbf = member(claims, STR("nbf"));
    yyjson_val *iat = member(claims, STR("iat"));
    int64_t until = INT64_MAX, from = 0, since = 0;
    if ((exp != NULL && !time_of(exp, &until)) || (nbf != NULL && !time_of(nbf, &from)) ||
        (iat != NULL && !time_of(iat, &since))) {
        return "a time in the token is no number of seconds";
    }
    if (r->expires && exp == NULL) {
        return "the token has no exp, so it would hold for ever";
    }
    if (r->max_age_s > 0 && iat == NULL) {
        return "the token has no iat, so its age is not known";
    }
    *stale = true;
    if (exp != NULL && now_s - r->leeway_s >= until) {
        return "the token has expired";
    }
    if (r->max_age_s > 0 && now_s - r->leeway_s > since + r->max_age_s) {
        return "the token is too old";
    }
    if (from > now_s + r->leeway_s || since > now_s + r->leeway_s) {
        return "the token is of the future";
    }
    *stale = false;
    return NULL;
}

/* A text, or a list of them (RFC 7519 4.1.3). */
static bool names_audience(yyjson_val *aud, struct str wanted)
{
    size_t i, n;
    yyjson_val *each;
    if (!yyjson_is_arr(aud)) {
        return yyjson_is_str(aud) && str_eq(text_of(aud), wanted);
    }
    yyjson_arr_foreach(aud, i, n, each)
    {
        if (yyjson_is_str(each) && str_eq(text_of(each), wanted)) {
            return true;
        }
    }
    return false;
}

/* Of OpenID Connect: anybody may have the same provider sign a token for any audience, so it is the
 * account that counts. */
static bool is_by_account(yyjson_val *claims, struct str email)
{
    yyjson_val *claimed = member(claims, STR("email"));
    return yyjson_is_str(claimed) && str_eq(text_of(claimed), email) &&
           yyjson_is_true(member(claims, STR("email_verified")));
}

static bool is_of(struct str text, enum jwt_form form, struct str what)
{
    unsigned char digest[CRYPT_DIGEST_MAX], claimed[CRYPT_DIGEST_MAX];
    size_t n = 0, len = crypt_digest_len(CRYPT_SHA256);
    if (form == JWT_TEXT) {
        return str_eq(text, what);
    }
    bool read = form == JWT_HEX      ? text_get_hex(text, claimed, len, &n)
                : form == JWT_BASE64 ? text_get_base64(text, claimed, len, &n)
                                     : text_get_base64url(text, claimed, len, &n);
    crypt_digest(CRYPT_SHA256, &what, 1, digest);
    return read && n == len && crypt_equal(digest, claimed, len);
}

static const char *check_bonds(yyjson_val *claims, const struct jwt_rules *r,
                               const struct jwt_facts *f)
{
    yyjson_val *body = member(claims, r->body.claim), *url = member(claims, r->url.claim);
    if (r->url.claim.len > 0 && !(yyjson_is_str(url) && is_of(text_of(url), r->url.form, f->url))) {
        return "the token is for another URL, or names none: public_url must be as it is "
               "registered";
    }
    if (r->body.claim.len == 0) {
        return NULL;
    }
    if (body == NULL && f->body.len == 0 && r->url.claim.len > 0) {
        return NULL; /* a GET: what it says is in the URL */
    }
    if (!yyjson_is_str(body)) {
        return "the token does not vouch for a body";
    }
    return is_of(text_of(body), r->body.form, f->body) ? NULL : "the token is for another body";
}

const char *jwt_check_claims(struct str json, const struct jwt_rules *r, const struct jwt_facts *f,
                             bool *stale)
{
    *stale = false;
    struct pick_doc doc;
    _Alignas(16) char room[PICK_ROOM] UNCLEARED;
    yyjson_val *claims = open_object(&doc, json, room);
    if (claims == NULL) {
        pick_close(&doc);
        return "the token's claims are no JSON object, or have a name twice";
    }
    yyjson_val *iss = member(claims, STR("iss")), *aud = member(claims, STR("aud"));
    const char *why = NULL;
    if (r->issuer.len > 0 && !(yyjson_is_str(iss) && str_eq(text_of(iss), r->issuer))) {
        why = "the token is of another issuer";
    } else if (r->audience.len > 0 && !names_audience(aud, r->audience)) {
        why = "the token is for another audience";
    } else if (r->email.len > 0 && !is_by_account(claims, r->email)) {
        why = "the token is by another account, or its email is not verified";
    } else if (r->has.len > 0 && member(claims, r->has) == NULL) {
        why = "the token is one of another purpose";
    } else {
        why = check_bonds(claims, r, f);
    }
    if (why == NULL) { /* last: so it is time alone that is said to be wrong */
        why = check_times(claims, r, f->now_s, stale);
    }
    pick_close(&doc);
    return why;
}

/* ---- writing ---- */

static void put_bond(struct buf *claims, const struct jwt_bond *b, struct str what)
{
    unsigned char digest[CRYPT_DIGEST_MAX];
    char text[2 * CRYPT_DIGEST_MAX], name[JWT_NAME_MAX + 1];
    size_t n, len = crypt_digest_len(CRYPT_SHA256);
    if (b->claim.len == 0) {
        return;
    }
    text_copy(name, sizeof name, b->claim);
    crypt_digest(CRYPT_SHA256, &what, 1, digest);
    n = b->form == JWT_HEX      ? text_put_hex(text, digest, len)
        : b->form == JWT_BASE64 ? text_put_base64(text, digest, len)
                                : text_put_base64url(text, digest, len);
    json_text(claims, name, b->form == JWT_TEXT ? what : (struct str){text, n});
}

static void put_claims(struct buf *claims, const struct jwt_rules *r, const struct jwt_facts *f,
                       struct str id, int64_t life_s)
{
    json_open(claims, '{');
    if (r->issuer.len > 0) {
        json_text(claims, "iss", r->issuer);
    }
    if (r->audience.len > 0) {
        json_text(claims, "aud", r->audience);
    }
    if (r->email.len > 0) {
        json_text(claims, "email", r->email);
        json_bool(claims, "email_verified", true);
    }
    json_number(claims, "iat", f->now_s);
    json_number(claims, "nbf", f->now_s);
    json_number(claims, "exp", f->now_s + life_s);
    if (id.len > 0) {
        json_text(claims, "jti", id);
    }
    put_bond(claims, &r->url, f->url);
    put_bond(claims, &r->body, f->body);
    json_close(claims, '}');
}

static void put_encoded(struct buf *out, const void *bytes, size_t n)
{
    char *room = buf_room(out, 4 * ((n + 2) / 3));
    out->len += room == NULL ? 0 : text_put_base64url(room, bytes, n);
}

static size_t make_signature(const struct jwt_signer *by, struct str text,
                             unsigned char out[CRYPT_RSA_MAX])
{
    if (by->key != NULL) {
        return crypt_private_sign(by->key, text, by->algorithm == JWT_ES256, out);
    }
    crypt_hmac(by->secret, &text, 1, out);
    return crypt_digest_len(algorithms[by->algorithm].digest);
}

bool jwt_sign_claims(struct buf *out, const struct jwt_signer *by, struct str claims)
{
    unsigned char signature[CRYPT_RSA_MAX];
    char header[64];
    size_t at = out->len, n;
    int len = snprintf(header, sizeof header, "{\"alg\":\"%s\",\"typ\":\"JWT\"}",
                       jwt_name(by->algorithm));
    put_encoded(out, header, (size_t)len);
    buf_add_char(out, '.');
    put_encoded(out, claims.at, claims.len);
    if (out->failed) {
        return true; /* its owner looks at that */
    }
    n = make_signature(by, (struct str){out->at + at, out->len - at}, signature);
    buf_add_char(out, '.');
    put_encoded(out, signature, n);
    return n > 0;
}

bool jwt_sign(struct buf *out, const struct jwt_rules *r, const struct jwt_facts *f,
              const struct jwt_signer *by, struct str id, int64_t life_s)
{
    struct buf claims;
    buf_init(&claims, JWT_BYTES);
    put_claims(&claims, r, f, id, life_s);
    bool signs = jwt_sign_claims(out, by, buf_str(&claims));
    buf_done(&claims);
    return signs;
}
