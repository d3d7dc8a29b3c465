/* Tokens, their claims, and keys in PEM, as numbers and in sets: what jwt_sign makes is taken, one
 * changed character of it is not, and nothing that was made up is anybody's. */
#include "model/jwks.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define NOW_S 1735689600

static struct jwt_rules rules_of(uint8_t how)
{
    static const struct str names[] = {{NULL, 0}, {"body", 4}, {"sub", 3}, {"iss", 3}};
    /* No token holds a body of any bytes as text. */
    static const enum jwt_form forms[] = {JWT_HEX, JWT_BASE64, JWT_BASE64URL, JWT_HEX};
    return (struct jwt_rules){
        .algorithms = JWT_ALL_HMAC,
        .issuer = (how & 1) != 0 ? STR("them") : STR_NONE,
        .audience = (how & 2) != 0 ? STR("us") : STR_NONE,
        .body = {names[how >> 2 & 1], forms[how >> 3 & 3]},
        .url = {names[(how >> 5 & 1) * 2], (enum jwt_form)(how >> 6)},
        .expires = (how & 4) != 0,
        .leeway_s = how & 60,
        .max_age_s = (how & 8) != 0 ? 300 : 0,
    };
}

static void check_claims(struct str json, const struct jwt_rules *r)
{
    struct jwt_facts f = {json, STR("https://x/"), NOW_S};
    bool stale = true;
    const char *why = jwt_check_claims(json, r, &f, &stale);
    ENSURE(why != NULL || !stale);
}

static const char *check(struct str text, struct str body, const struct jwt_rules *r,
                         struct crypt_key *k)
{
    struct jwt t;
    bool stale;
    const char *why = jwt_read(&t, text, JWT_BIT(JWT_HS256));
    if (why == NULL) {
        ENSURE(t.signed_text.at == text.at && t.signed_text.len < text.len &&
               t.claims.len + t.kid.len <= t.bytes.len && t.signature_len == 32);
        why = jwt_is_by_secret(&t, k)
                  ? jwt_check_claims(t.claims, r,
                                     &(struct jwt_facts){body, STR("https://x/"), NOW_S}, &stale)
                  : "no secret made this signature";
    }
    jwt_done(&t);
    return why;
}

static void sign(struct str body, const struct jwt_rules *r, struct crypt_key *k)
{
    struct buf out;
    buf_init(&out, JWT_BYTES);
    const struct jwt_signer by = {JWT_HS256, k, NULL};
    const struct jwt_facts facts = {body, STR("https://x/"), NOW_S};
    ENSURE(jwt_sign(&out, r, &facts, &by, STR("1"), 300) && !out.failed &&
           check(buf_str(&out), body, r, k) == NULL);
    size_t at = body.len == 0 ? 0 : ((uint8_t)body.at[0] * (size_t)7 + body.len) % out.len;
    out.at[at] = out.at[at] == 'A' ? 'B' : 'A';
    ENSURE(check(buf_str(&out), body, r, k) != NULL);
    buf_done(&out);
}

/* As it comes, of any algorithm; never by this secret, but by accident of 2^256. */
static void read_any(struct str text, const struct jwt_rules *r, struct crypt_key *k)
{
    struct jwt t;
    if (jwt_read(&t, text, (1u << JWT_ALGORITHMS) - 1) == NULL) {
        ENSURE(t.algorithm < JWT_ALGORITHMS && t.signature_len <= sizeof t.signature);
        check_claims(t.claims, r);
    }
    jwt_done(&t);
    ENSURE(check(text, STR("{}"), r, k) != NULL);
}

static void read_keys(struct str text)
{
    static const enum crypt_public_kind kinds[] = {CRYPT_ED25519, CRYPT_P256, CRYPT_RSA};
    for (size_t i = 0; i < 3; i++) {
        crypt_public_free(crypt_public_of_pem(kinds[i], text));
        crypt_public_free(crypt_public_of_numbers(kinds[i], str_head(text, text.len / 2),
                                                  str_from(text, text.len / 2)));
    }
}

static void read_set(struct str text)
{
    for (unsigned a = JWT_RS256; a <= JWT_ES256; a++) {
        struct jwks *set;
        const char *why = jwks_read(&set, text, (enum jwt_algorithm)a);
        ENSURE((why == NULL) == (set != NULL));
        ENSURE(set == NULL || (jwks_count(set) > 0 && jwks_count(set) <= JWKS_KEYS));
        jwks_free(set);
    }
    struct fields f = {0};
    (void)!fields_add(&f, STR("Cache-Control"), text);
    int64_t s = jwks_lifetime_s(&f);
    ENSURE(s >= 300 && s <= 86400);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2) {
        return 0;
    }
    struct jwt_rules r = rules_of(data[1]);
    struct str text = {(const char *)data + 2, n - 2};
    struct crypt_key *k = crypt_key_new(CRYPT_SHA256, STR("a secret of the fuzzer"));
    switch (data[0] % 5) {
    case 0:
        read_any(text, &r, k);
        break;
    case 1:
        check_claims(text, &r);
        break;
    case 2:
        sign(text, &r, k);
        break;
    case 3:
        read_keys(text);
        break;
    default:
        read_set(text);
        break;
    }
    crypt_key_free(k);
    return 0;
}
