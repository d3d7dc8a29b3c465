/* Sources whose requests bring a signed token. */
#include "model/verify_parts.h"

#include <string.h>

#define TOKEN_LIFE_S 300 /* of what we sign */

const char VERIFY_UNKNOWN_KEY[] = "the token names a key that its provider does not publish";

/* ---- compiling ---- */

/* The algorithm of a recipe that has one; of several it is an HMAC's. */
static enum jwt_algorithm first_of(unsigned algorithms)
{
    unsigned a = 0;
    while ((algorithms & JWT_BIT(a)) == 0) {
        a++;
    }
    return (enum jwt_algorithm)a;
}

static bool has_secret(const struct verify_recipe *r)
{
    return (r->jwt.algorithms & JWT_ALL_HMAC) != 0;
}

const char *verify_jwt_recipe(const struct verify_recipe *r)
{
    unsigned others = r->jwt.algorithms & ~JWT_ALL_HMAC;
    if (r->jwt.algorithms == 0) {
        return "say the one algorithm that its tokens are signed by, such as algorithm: HS256";
    }
    if (others != 0 && (has_secret(r) || (others & (others - 1)) != 0)) {
        return "tokens by a secret and by public keys, or by two kinds of those, do not go "
               "together";
    }
    if (r->jwks && has_secret(r)) {
        return "an algorithm with a secret (HS...) has no keys that could be published: leave "
               "jwks_url out";
    }
    if (!r->jwt.in_body && r->headers[0].len == 0) {
        return "the header of the token is not named";
    }
    if (r->jwt.in_body && (r->headers[0].len > 0 || r->jwt.body.claim.len > 0)) {
        return "where the body is the token, neither a header nor body_claim has a meaning";
    }
    if (!r->jwt.in_body &&
        r->jwt.body.claim.len + r->jwt.audience.len + r->jwt.url.claim.len == 0) {
        return "its tokens vouch for no body: name body_claim, or, where they show no more than "
               "who sends (OIDC), the audience that they must be for";
    }
    if (r->jwt.body.claim.len > JWT_NAME_MAX || r->jwt.url.claim.len > JWT_NAME_MAX) {
        return "the name of a claim has at most 64 characters";
    }
    if (r->jwt.url.claim.len > 0 && r->public_url.len == 0) {
        return "its tokens are for one URL, so public_url must say how it is registered";
    }
    if (r->jwt.canonical && (str_has(r->public_url, '?') || str_has(r->public_url, '#'))) {
        return "public_url is the app's base URL, without ? and #";
    }
    return NULL;
}

const char *verify_jwt_key(struct verify_secret *s, const struct verify_recipe *r, struct str key)
{
    enum jwt_algorithm a = first_of(r->jwt.algorithms);
    if (has_secret(r)) {
        for (unsigned i = 0; i <= JWT_HS512; i++) {
            if ((r->jwt.algorithms & JWT_BIT(i)) != 0) {
                enum crypt_digest d = jwt_digest((enum jwt_algorithm)i);
                s->hmac[d] = crypt_key_new(d, key);
            }
        }
        return NULL;
    }
    s->public = crypt_public_of_pem(jwt_key(a), key);
    return s->public != NULL ? NULL
           : a == JWT_RS256
               ? "the key is no public key of RSA in PEM (BEGIN PUBLIC KEY), of 2048 bits or more"
               : "the key is no public key of P-256 in PEM (BEGIN PUBLIC KEY)";
}

/* ---- checking ---- */

/* NULL, or why there is no token. In a header it may stand behind a scheme: "Bearer ...". */
static const char *find_token(const struct verify_recipe *r, const struct verify_input *in,
                              struct str *out)
{
    struct str scheme, rest;
    if (r->jwt.in_body) {
        *out = in->body;
        return in->body.len > 0 ? NULL : "the body is empty, where it should be a token";
    }
    *out = STR_NONE;
    for (size_t i = 0; i < VERIFY_NAMES && r->headers[i].len > 0; i++) {
        const struct str *value = fields_find(in->fields, r->headers[i]);
        if (value == NULL) {
            continue;
        }
        if (fields_count(in->fields, r->headers[i]) > 1 || out->len > 0) {
            return "the header of the token occurs twice";
        }
        *out = str_trim(*value);
    }
    if (str_cut(*out, ' ', &scheme, &rest) && text_is_token(scheme)) {
        *out = str_trim(rest);
    }
    return out->len > 0 ? NULL : "the header of the token is missing, or empty";
}

/* The URL as its sender has it: registered up to the query, and the query of this request. NULL, or
 * why there is none. */
static const char *put_url(const struct verify_recipe *r, const struct verify_input *in,
                           struct buf *out)
{
    struct str base, query, rest;
    if (r->jwt.canonical) {
        return verify_put_query_hash(in, r->public_url, out)
                   ? NULL
                   : "the query is not written as one, or has too many parameters";
    }
    str_cut(r->public_url, '?', &base, &rest);
    bool has_query = str_cut(in->target, '?', &rest, &query);
    buf_add_str(out, base);
    if (has_query) {
        buf_add_char(out, '?');
        buf_add_str(out, query);
    }
    return NULL;
}

static bool made_by(const struct jwt *t, const struct verify_secret *s)
{
    return s->public != NULL ? jwt_is_by(t, s->public)
                             : jwt_is_by_secret(t, s->hmac[jwt_digest(t->algorithm)]);
}

static struct verify_verdict check_claims(const struct verify_recipe *r, const struct jwt *t,
                                          const struct verify_input *in, int64_t now_s)
{
    struct buf url;
    bool stale = false;
    buf_init(&url, SIZE_MAX / 2);
    const char *why = put_url(r, in, &url);
    if (why == NULL) {
        struct jwt_facts facts = {in->body, buf_str(&url), now_s};
        why = jwt_check_claims(t->claims, &r->jwt, &facts, &stale);
    }
    buf_done(&url);
    return (struct verify_verdict){why == NULL ? NULL
                                   : stale     ? VERIFY_STALE_TIMESTAMP
                                               : VERIFY_BAD_SIGNATURE,
                                   why, -1};
}

static struct verify_verdict check_published(const struct verify *v, const struct jwt *t,
                                             const struct verify_input *in, const struct jwks *keys,
                                             int64_t now_s)
{
    if (v->r.key_path.len > 0 && (t->kid.len == 0 || t->kid.len > JWKS_KID)) {
        return verify_bad("the token names no key, or one of a name that is too long");
    }
    const struct crypt_public *key = keys == NULL ? NULL : jwks_find(keys, t->kid);
    return key == NULL ? verify_bad(VERIFY_UNKNOWN_KEY)
           : !jwt_is_by(t, key)
               ? verify_bad("the key that the token names did not make this signature")
               : check_claims(&v->r, t, in, now_s);
}

static struct verify_verdict check_token(const struct verify *v, const struct jwt *t,
                                         const struct verify_input *in, int64_t now_s)
{
    int matched = -1;
    for (size_t i = 0; i < v->secret_count; i++) { /* all of them, whichever it is */
        bool matches = made_by(t, &v->secrets[i]);
        matched = matches && matched < 0 ? (int)i : matched;
    }
    if (matched < 0) {
        return verify_bad("no secret made this signature");
    }
    struct verify_verdict verdict = check_claims(&v->r, t, in, now_s);
    verdict.secret = verdict.reason == NULL ? matched : -1;
    return verdict;
}

struct verify_verdict verify_jwt_check(const struct verify *v, const struct verify_input *in,
                                       const struct jwks *keys, int64_t now_s)
{
    struct str text;
    struct jwt t UNCLEARED;
    const char *why = find_token(&v->r, in, &text);
    if (why != NULL) {
        return verify_bad(why);
    }
    why = jwt_read(&t, text, v->r.jwt.algorithms);
    struct verify_verdict verdict = why != NULL ? verify_bad(why)
                                    : v->r.jwks ? check_published(v, &t, in, keys, now_s)
                                                : check_token(v, &t, in, now_s);
    jwt_done(&t);
    return verdict;
}

bool verify_jwt_name(const struct verify *v, const struct verify_input *in, struct buf *kid)
{
    struct str text;
    struct jwt t UNCLEARED;
    if (find_token(&v->r, in, &text) != NULL) {
        return false;
    }
    bool named = jwt_read(&t, text, v->r.jwt.algorithms) == NULL && t.kid.len > 0 &&
                 t.kid.len <= JWKS_KID && buf_add_str(kid, t.kid);
    jwt_done(&t);
    return named;
}

enum jwt_algorithm verify_algorithm(const struct verify *v)
{
    size_t i = 0;
    while (i + 1 < verify_scheme_count(v) && !verify_scheme(v, i)->r.jwks) {
        i++;
    }
    return first_of(verify_scheme(v, i)->r.jwt.algorithms);
}

/* ---- signing ---- */

const char *verify_jwt_sign(const struct verify *v, const struct verify_signing *s,
                            const struct crypt_private *key, struct buf *out)
{
    const struct verify_recipe *r = &v->r;
    enum jwt_algorithm a = first_of(r->jwt.algorithms);
    struct buf url;
    buf_init(&url, SIZE_MAX / 2);
    const char *why = put_url(r, &s->request, &url);
    struct jwt_facts facts = {s->request.body, buf_str(&url), s->now_s};
    if (r->scheme.len > 0) {
        buf_add_str(out, r->scheme);
        buf_add_char(out, ' ');
    }
    struct jwt_signer signer = {a, key == NULL ? v->secrets[0].hmac[jwt_digest(a)] : NULL, key};
    bool signs = jwt_sign(out, &r->jwt, &facts, &signer, s->delivery_id, TOKEN_LIFE_S);
    buf_done(&url);
    return why != NULL || signs ? why : "the key does not sign";
}

struct str verify_jwt_signed(const struct verify *v, const struct verify_input *in)
{
    struct str text;
    if (find_token(&v->r, in, &text) != NULL) {
        return STR_NONE;
    }
    while (text.len > 0 && text.at[text.len - 1] != '.') {
        text.len--;
    }
    return text;
}
