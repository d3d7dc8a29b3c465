/* Tokens: made here by OpenSSL itself, and everything that must be refused. */
#include "room.h"

#include "model/verify.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>

#define NOW 1735689600 /* 2025-01-01T00:00:00Z */
#define HS256 "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

/* ---- the independent path ---- */

static size_t put64(char *to, const void *bytes, size_t n)
{
    EVP_EncodeBlock((unsigned char *)to, bytes, (int)n);
    size_t len = strcspn(to, "=");
    to[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        to[i] = to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i];
    }
    return len;
}

/* Header and claims, with a dot between. */
static size_t start(char *to, const char *header, const char *claims)
{
    size_t n = put64(to, header, strlen(header));
    to[n++] = '.';
    return n + put64(to + n, claims, strlen(claims));
}

static const char *by_secret(const EVP_MD *md, const char *secret, const char *header,
                             const char *claims)
{
    static char text[8][4096];
    static int turn;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len;
    char *to = text[turn = (turn + 1) % 8];
    size_t n = start(to, header, claims);
    HMAC(md, secret, (int)strlen(secret), (const unsigned char *)to, n, mac, &len);
    to[n++] = '.';
    put64(to + n, mac, len);
    return to;
}

static const char *hs256(const char *claims)
{
    return by_secret(EVP_sha256(), "k", HS256, claims);
}

/* ECDSA comes in DER: its two numbers are written side by side. */
static size_t as_pair(unsigned char *bytes, size_t n)
{
    const unsigned char *at = bytes;
    ECDSA_SIG *numbers = d2i_ECDSA_SIG(NULL, &at, (long)n);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(numbers), bytes, 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(numbers), bytes + 32, 32), 32);
    ECDSA_SIG_free(numbers);
    return 64;
}

static const char *by_key(EVP_PKEY *key, bool pair, const char *header, const char *claims)
{
    static char text[4096];
    unsigned char signature[1024];
    size_t len = sizeof signature, n = start(text, header, claims);
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, key), 1);
    assert_int_equal(EVP_DigestSign(c, signature, &len, (const unsigned char *)text, n), 1);
    EVP_MD_CTX_free(c);
    len = pair ? as_pair(signature, len) : len;
    text[n++] = '.';
    put64(text + n, signature, len);
    return text;
}

static char *pem_of(EVP_PKEY *key)
{
    char *at;
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    long n = BIO_get_mem_data(bio, &at);
    char *text = strndup(at, (size_t)n);
    BIO_free(bio);
    return text;
}

static const char *digest_of(const char *text, bool base64)
{
    static char out[2][100];
    unsigned char digest[32];
    SHA256((const unsigned char *)text, strlen(text), digest);
    for (size_t i = 0; i < 32; i++) {
        snprintf(out[0] + 2 * i, 3, "%02x", digest[i]);
    }
    EVP_EncodeBlock((unsigned char *)out[1], digest, 32);
    return out[base64];
}

/* ---- a verifier, and a request ---- */

static struct verify_recipe plain(void)
{
    return (struct verify_recipe){
        .name = STR("jwt"),
        .kind = VERIFY_JWT,
        .headers = {STR("X-Token")},
        .jwt = {.algorithms = JWT_BIT(JWT_HS256), .audience = STR("us"), .leeway_s = 60}};
}

static struct verify *open_recipe(const struct verify_recipe *r, const char *one, const char *two)
{
    struct verify *v;
    struct str secrets[2] = {str_of(one), str_of(two)};
    const char *why = verify_new(&v, r, secrets, two == NULL ? 1 : 2, NULL);
    if (why != NULL) {
        fail_msg("%s", why);
    }
    return v;
}

static struct verify_verdict ask(const struct verify *v, const char *target, const char *token,
                                 const char *body, int64_t now)
{
    struct fields fields = {0};
    if (token != NULL) {
        assert_true(fields_add(&fields, STR("X-Token"), str_of(token)));
        assert_true(fields_add(&fields, STR("Authorization"), str_of(token)));
        assert_true(fields_add(&fields, STR("MessageBird-Signature-JWT"), str_of(token)));
        assert_true(fields_add(&fields, STR("Upstash-Signature"), str_of(token)));
    }
    struct verify_input in = {STR("POST"), str_of(target), &fields, str_of(body)};
    return verify_check(v, &in, now);
}

static void takes(const struct verify *v, const char *token, int64_t now)
{
    struct verify_verdict got = ask(v, "/hooks/x", token, "{}", now);
    if (got.reason != NULL) {
        fail_msg("%s: %s (%s)", got.reason, got.detail, token);
    }
    assert_true(got.secret >= 0);
}

static void refuses(const struct verify *v, const char *token, int64_t now, const char *reason,
                    const char *detail)
{
    struct verify_verdict got = ask(v, "/hooks/x", token, "{}", now);
    assert_non_null(got.reason);
    room_holds(str_of(got.detail), detail);
    assert_ptr_equal(got.reason, reason);
    assert_int_equal(got.secret, -1);
}

#define BAD(v, token, detail) refuses(v, token, NOW, VERIFY_BAD_SIGNATURE, detail)

/* ---- the form of a token ---- */

static void vectors_of_the_rfc(void **state)
{
    (void)state;
    /* RFC 7515, A.1 and A.3: a key of 64 bytes, and one of P-256 as a JWK. */
    unsigned char secret[64], x[32], y[32];
    size_t n;
    struct jwt t;
    bool stale;
    assert_true(text_get_base64url(STR("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75"
                                       "aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
                                   secret, sizeof secret, &n));
    struct crypt_key *k = crypt_key_new(CRYPT_SHA256, (struct str){(char *)secret, n});
    assert_null(jwt_read(
        &t,
        STR("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzOD"
            "AsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r"
            "_wW1gFWFOEjXk"),
        JWT_ALL_HMAC));
    assert_true(jwt_is_by_secret(&t, k));
    struct jwt_rules joe = {.issuer = STR("joe"), .expires = true};
    assert_null(jwt_check_claims(t.claims, &joe, &(struct jwt_facts){.now_s = 1300819379}, &stale));
    assert_non_null(
        jwt_check_claims(t.claims, &joe, &(struct jwt_facts){.now_s = 1300819380}, &stale));
    assert_true(stale);
    jwt_done(&t);
    crypt_key_free(k);
    assert_true(text_get_base64url(STR("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"), x, 32, &n));
    assert_true(text_get_base64url(STR("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"), y, 32, &n));
    struct crypt_public *p = crypt_public_of_numbers(CRYPT_P256, (struct str){(char *)x, 32},
                                                     (struct str){(char *)y, 32});
    assert_non_null(p);
    assert_null(jwt_read(
        &t,
        STR("eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGF"
            "tcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw"
            "5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
        JWT_BIT(JWT_ES256)));
    assert_true(jwt_is_by(&t, p));
    t.signature[5] ^= 1;
    assert_false(jwt_is_by(&t, p));
    jwt_done(&t);
    crypt_public_free(p);
    x[0] ^= 1; /* not on the curve */
    assert_null(crypt_public_of_numbers(CRYPT_P256, (struct str){(char *)x, 32},
                                        (struct str){(char *)y, 32}));
}

static void what_is_no_token_is_refused(void **state)
{
    (void)state;
    struct verify_recipe r = plain();
    struct verify *v = open_recipe(&r, "k", NULL);
    const char *good = hs256("{\"aud\":\"us\"}");
    char text[4096];
    takes(v, good, NOW);
    BAD(v, NULL, "header of the token is missing");
    BAD(v, "", "missing, or empty");
    BAD(v, "Bearer ", "three parts");
    BAD(v, "a.b", "three parts");
    BAD(v, "a.b.c.d.e", "three parts");
    BAD(v, "..", "three parts");
    for (size_t at = 0; at < strlen(good); at++) { /* cut off anywhere */
        snprintf(text, sizeof text, "%.*s", (int)at, good);
        assert_non_null(ask(v, "/", text, "{}", NOW).reason);
    }
    for (size_t at = 0; at < strlen(good); at++) { /* another character anywhere */
        snprintf(text, sizeof text, "%s", good);
        text[at] = text[at] == 'A' ? 'B' : 'A';
        assert_ptr_equal(ask(v, "/", text, "{}", NOW).reason, VERIFY_BAD_SIGNATURE);
    }
    snprintf(text, sizeof text, "%s=", good);
    BAD(v, text, "signature is not base64url");
    snprintf(text, sizeof text, "%s\n", good);
    BAD(v, text, "signature is not base64url");
    snprintf(text, sizeof text, "%s.%s", good, "x");
    BAD(v, text, "three parts");
    snprintf(text, sizeof text, "=%s", good);
    BAD(v, text, "header is not base64url");
    char *great = malloc(JWT_BYTES + 2);
    memset(great, 'a', JWT_BYTES + 1);
    great[JWT_BYTES + 1] = '\0';
    BAD(v, great, "longer than 64 KiB");
    great[6000] = great[6002] = '.';
    great[6004] = '\0';
    BAD(v, great, "over 4 KiB");
    free(great);
    /* of two tokens none counts, though one were good */
    struct fields fields = {0};
    assert_true(fields_add(&fields, STR("X-Token"), str_of(good)));
    assert_true(fields_add(&fields, STR("x-token"), str_of(good)));
    struct verify_input in = {STR("POST"), STR("/"), &fields, STR("{}")};
    room_holds(str_of(verify_check(v, &in, NOW).detail), "occurs twice");
    verify_free(v);
}

static void a_scheme_may_stand_before_it(void **state)
{
    (void)state;
    struct verify_recipe r = plain();
    struct verify *v = open_recipe(&r, "k", NULL);
    char text[4096];
    const char *good = hs256("{\"aud\":\"us\"}");
    snprintf(text, sizeof text, "Bearer %s", good);
    takes(v, text, NOW);
    snprintf(text, sizeof text, " JWT  %s ", good);
    takes(v, text, NOW);
    snprintf(text, sizeof text, "Bearer JWT %s", good);
    BAD(v, text, "header is not base64url");
    snprintf(text, sizeof text, "a=b %s", good);
    BAD(v, text, "header is not base64url");
    verify_free(v);
}

/* The token's word on how it is signed counts for nothing. */
static void algorithm_is_the_recipes(void **state)
{
    (void)state;
    const char *claims = "{\"aud\":\"us\"}";
    struct verify_recipe r = plain();
    struct verify *v = open_recipe(&r, "k", NULL);
    char text[4096];
    static const char *const others[] = {
        "{\"alg\":\"none\"}",    "{\"alg\":\"None\"}",        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"HS512\"}",   "{\"alg\":\"HS384\"}",       "{\"alg\":\"RS256\"}",
        "{\"alg\":\"\"}",        "{\"typ\":\"JWT\"}",         "{\"alg\":null}",
        "{\"alg\":[\"HS256\"]}", "{\"alg\":\"HS256\\u0000\"}"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        BAD(v, by_secret(EVP_sha256(), "k", others[i], claims), "another algorithm");
    }
    size_t n = start(text, "{\"alg\":\"none\"}", claims);
    text[n] = '\0';
    BAD(v, text, "three parts");
    snprintf(text + n, sizeof text - n, ".");
    BAD(v, text, "three parts");
    snprintf(text + n, sizeof text - n, ".e30");
    BAD(v, text, "another algorithm");
    verify_free(v);
    r.jwt.algorithms = JWT_ALL_HMAC;
    v = open_recipe(&r, "k", NULL);
    takes(v, by_secret(EVP_sha384(), "k", "{\"alg\":\"HS384\"}", claims), NOW);
    takes(v, by_secret(EVP_sha512(), "k", "{\"alg\":\"HS512\"}", claims), NOW);
    BAD(v, by_secret(EVP_sha256(), "k", "{\"alg\":\"HS512\"}", claims), "algorithm's length");
    verify_free(v);
}

static void headers_are_strict(void **state)
{
    (void)state;
    struct verify_recipe r = plain();
    struct verify *v = open_recipe(&r, "k", NULL);
    static const struct {
        const char *header, *detail;
    } cases[] = {
        {"", "three parts"},
        {"[]", "no JSON object"},
        {"{\"alg\":\"HS256\"", "no JSON object"},
        {"{\"alg\":\"HS256\"}x", "no JSON object"},
        {"{\"alg\":\"HS256\",}", "no JSON object"},
        {"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", "a name twice"},
        {"{\"alg\":\"none\",\"\\u0061lg\":\"HS256\"}", "a name twice"},
        {"{\"alg\":\"HS256\",\"crit\":[\"exp\"]}", "an extension"},
        {"{\"alg\":\"HS256\",\"crit\":[]}", "an extension"},
        {"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", "an extension"},
        {"{\"alg\":\"HS256\",\"kid\":7}", "kid is no text"},
        {"{\"alg\":\"HS256\",\"x\":\"\xff\"}", "no JSON object"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BAD(v, by_secret(EVP_sha256(), "k", cases[i].header, "{\"aud\":\"us\"}"), cases[i].detail);
    }
    /* where a key is to be had from is not looked at */
    takes(v,
          by_secret(EVP_sha256(), "k",
                    "{\"alg\":\"HS256\",\"kid\":\"1\",\"jku\":\"https://x/\",\"jwk\":{}}",
                    "{\"aud\":\"us\"}"),
          NOW);
    verify_free(v);
}

/* ---- claims ---- */

static void claims_are_strict(void **state)
{
    (void)state;
    struct verify_recipe r = plain();
    r.jwt.issuer = STR("them");
    struct verify *v = open_recipe(&r, "k", NULL);
    static const struct {
        const char *claims, *detail;
    } cases[] = {
        {"[]", "no JSON object"},
        {"\"x\"", "no JSON object"},
        {"{\"iss\":\"them\",\"aud\":\"us\"", "no JSON object"},
        {"{\"iss\":\"x\",\"aud\":\"us\",\"iss\":\"them\"}", "a name twice"},
        {"{\"aud\":\"us\"}", "another issuer"},
        {"{\"iss\":[\"them\"],\"aud\":\"us\"}", "another issuer"},
        {"{\"iss\":\"Them\",\"aud\":\"us\"}", "another issuer"},
        {"{\"iss\":\"them\\u0000\",\"aud\":\"us\"}", "another issuer"},
        {"{\"iss\":\"them\"}", "another audience"},
        {"{\"iss\":\"them\",\"aud\":\"u\"}", "another audience"},
        {"{\"iss\":\"them\",\"aud\":[]}", "another audience"},
        {"{\"iss\":\"them\",\"aud\":[\"them\",[\"us\"]]}", "another audience"},
        {"{\"iss\":\"them\",\"aud\":{\"us\":1}}", "another audience"},
        {"{\"iss\":\"them\",\"aud\":\"us\",\"exp\":\"1735689700\"}", "no number of seconds"},
        {"{\"iss\":\"them\",\"aud\":\"us\",\"exp\":null}", "no number of seconds"},
        {"{\"iss\":\"them\",\"aud\":\"us\",\"exp\":1e300}", "no number of seconds"},
        {"{\"iss\":\"them\",\"aud\":\"us\",\"exp\":-1}", "no number of seconds"},
        {"{\"iss\":\"them\",\"aud\":\"us\",\"nbf\":true}", "no number of seconds"},
        {"{\"iss\":\"them\",\"aud\":\"us\",\"iat\":[]}", "no number of seconds"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        BAD(v, hs256(cases[i].claims), cases[i].detail);
    }
    takes(v, hs256("{\"iss\":\"them\",\"aud\":\"us\"}"), NOW);
    takes(v, hs256("{\"aud\":[\"x\",7,\"us\"],\"\\u0069ss\":\"them\",\"x\":{\"a\":1,\"a\":2}}"),
          NOW);
    verify_free(v);
}

static void times_have_a_leeway(void **state)
{
    (void)state;
    struct verify_recipe r = plain();
    struct verify *v = open_recipe(&r, "k", NULL);
    const char *timed =
        "{\"aud\":\"us\",\"nbf\":1735689600,\"iat\":1735689600.5,\"exp\":1735689700}";
    takes(v, hs256(timed), NOW);
    takes(v, hs256(timed), NOW - 60);
    takes(v, hs256(timed), NOW + 159);
    refuses(v, hs256(timed), NOW - 61, VERIFY_STALE_TIMESTAMP, "of the future");
    refuses(v, hs256(timed), NOW + 160, VERIFY_STALE_TIMESTAMP, "has expired");
    refuses(v, hs256("{\"aud\":\"us\",\"iat\":1735689661}"), NOW, VERIFY_STALE_TIMESTAMP,
            "of the future");
    takes(v, hs256("{\"aud\":\"us\",\"iat\":1}"), NOW); /* no age is asked for */
    /* another body is the greater fault */
    refuses(v, hs256("{\"aud\":\"x\",\"exp\":1}"), NOW, VERIFY_BAD_SIGNATURE, "audience");
    verify_free(v);
    r.jwt.expires = true;
    v = open_recipe(&r, "k", NULL);
    BAD(v, hs256("{\"aud\":\"us\",\"iat\":1735689600}"), "no exp");
    verify_free(v);
    r.jwt.expires = false;
    r.jwt.max_age_s = 300;
    r.jwt.leeway_s = 0;
    v = open_recipe(&r, "k", NULL);
    takes(v, hs256("{\"aud\":\"us\",\"iat\":1735689600}"), NOW + 300);
    refuses(v, hs256("{\"aud\":\"us\",\"iat\":1735689600}"), NOW + 301, VERIFY_STALE_TIMESTAMP,
            "too old");
    BAD(v, hs256("{\"aud\":\"us\",\"exp\":1735689700}"), "no iat");
    verify_free(v);
}

static void either_secret_may_have_made_it(void **state)
{
    (void)state;
    struct verify_recipe r = plain();
    struct verify *v = open_recipe(&r, "other", "k");
    assert_int_equal(ask(v, "/", hs256("{\"aud\":\"us\"}"), "", NOW).secret, 1);
    BAD(v, by_secret(EVP_sha256(), "K", HS256, "{\"aud\":\"us\"}"), "no secret made this");
    verify_free(v);
}

/* ---- public keys ---- */

static void rsa_and_p256(void **state)
{
    (void)state;
    const char *claims = "{\"aud\":\"us\"}", *rs = "{\"alg\":\"RS256\"}",
               *es = "{\"alg\":\"ES256\"}";
    EVP_PKEY *rsa = EVP_RSA_gen(2048), *small = EVP_RSA_gen(1024), *ec = EVP_EC_gen("P-256");
    EVP_PKEY *p384 = EVP_EC_gen("P-384");
    char *rsa_pem = pem_of(rsa), *ec_pem = pem_of(ec), *small_pem = pem_of(small);
    char *p384_pem = pem_of(p384);
    struct verify_recipe r = plain();
    struct verify *v;
    r.jwt.algorithms = JWT_BIT(JWT_RS256);
    v = open_recipe(&r, rsa_pem, NULL);
    takes(v, by_key(rsa, false, rs, claims), NOW);
    BAD(v, by_key(ec, true, es, claims), "another algorithm");
    BAD(v, by_key(ec, true, rs, claims), "algorithm's length");
    /* the public key, which everybody has, taken for a secret */
    BAD(v, by_secret(EVP_sha256(), rsa_pem, HS256, claims), "another algorithm");
    BAD(v, by_secret(EVP_sha256(), rsa_pem, rs, claims), "algorithm's length");
    verify_free(v);
    r.jwt.algorithms = JWT_BIT(JWT_ES256);
    v = open_recipe(&r, ec_pem, NULL);
    takes(v, by_key(ec, true, es, claims), NOW);
    BAD(v, by_key(ec, false, es, claims), "algorithm's length"); /* DER is of others */
    BAD(v, by_secret(EVP_sha512(), "k", es, claims), "no secret made this");
    verify_free(v);
    const char *bad[] = {rsa_pem, p384_pem, "", "x",
                         "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct str key = str_of(bad[i]);
        assert_non_null(verify_new(&v, &r, &key, 1, NULL));
    }
    r.jwt.algorithms = JWT_BIT(JWT_RS256);
    struct str key = str_of(small_pem);
    room_holds(str_of(verify_new(&v, &r, &key, 1, NULL)), "2048 bits");
    free(rsa_pem);
    free(ec_pem);
    free(small_pem);
    free(p384_pem);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(small);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(p384);
}

static void rsa_of_numbers(void **state)
{
    (void)state;
    EVP_PKEY *rsa = EVP_RSA_gen(2048);
    BIGNUM *n = NULL;
    unsigned char bytes[256];
    struct jwt t;
    assert_int_equal(EVP_PKEY_get_bn_param(rsa, "n", &n), 1);
    assert_int_equal(BN_bn2binpad(n, bytes, 256), 256);
    BN_free(n);
    struct str modulus = {(char *)bytes, 256};
    struct crypt_public *k = crypt_public_of_numbers(CRYPT_RSA, modulus, STR("\x01\x00\x01"));
    assert_non_null(k);
    assert_null(jwt_read(&t, str_of(by_key(rsa, false, "{\"alg\":\"RS256\",\"kid\":\"a\"}", "{}")),
                         JWT_BIT(JWT_RS256)));
    room_text(t.kid, "a", "kid");
    assert_true(jwt_is_by(&t, k));
    jwt_done(&t);
    crypt_public_free(k);
    assert_null(crypt_public_of_numbers(CRYPT_RSA, modulus, STR("\x01")));
    assert_null(crypt_public_of_numbers(CRYPT_RSA, modulus, STR("\x02")));
    assert_null(crypt_public_of_numbers(CRYPT_RSA, modulus, STR_NONE));
    assert_null(crypt_public_of_numbers(CRYPT_RSA, modulus, STR("123456789")));
    assert_null(crypt_public_of_numbers(CRYPT_RSA, str_head(modulus, 128), STR("\x01\x00\x01")));
    assert_null(crypt_public_of_numbers(CRYPT_RSA, STR_NONE, STR("\x01\x00\x01")));
    EVP_PKEY_free(rsa);
}

/* ---- providers ---- */

static struct verify *preset(const char *name, const char *url)
{
    struct verify_recipe r = *verify_preset(str_of(name));
    r.public_url = str_of(url);
    return open_recipe(&r, "k", NULL);
}

static void vonage_and_livekit_vouch_for_the_body(void **state)
{
    (void)state;
    char claims[1024];
    struct verify *v = preset("vonage", NULL);
    snprintf(claims, sizeof claims,
             "{\"iat\":1735689600,\"iss\":\"Vonage\",\"payload_hash\":\"%s\"}",
             digest_of("{}", false));
    takes(v, hs256(claims), NOW);
    assert_non_null(ask(v, "/", hs256(claims), "{ }", NOW).reason);
    assert_non_null(ask(v, "/", hs256(claims), "", NOW).reason);
    BAD(v, hs256("{\"iat\":1735689600}"), "does not vouch for a body");
    assert_non_null(ask(v, "/", hs256("{\"iat\":1735689600}"), "", NOW).reason);
    BAD(v, hs256("{\"payload_hash\":\"00\"}"), "another body");
    BAD(v, hs256("{\"payload_hash\":1}"), "does not vouch for a body");
    snprintf(claims, sizeof claims, "{\"payload_hash\":\"%s\"}", digest_of("{}", true));
    BAD(v, hs256(claims), "another body");
    verify_free(v);
    v = preset("livekit", NULL);
    snprintf(claims, sizeof claims, "{\"exp\":1735689700,\"sha256\":\"%s\"}",
             digest_of("{}", true));
    takes(v, hs256(claims), NOW);
    snprintf(claims, sizeof claims, "{\"sha256\":\"%s\"}", digest_of("{}", true));
    BAD(v, hs256(claims), "no exp");
    verify_free(v);
}

static void messagebird_and_qstash_vouch_for_the_url(void **state)
{
    (void)state;
    char claims[1024], body[65];
    struct verify *v = preset("messagebird", "https://hooks.example.com/mb?old=1");
    snprintf(body, sizeof body, "%s", digest_of("{}", false));
    snprintf(
        claims, sizeof claims,
        "{\"iss\":\"MessageBird\",\"exp\":1735689700,\"url_hash\":\"%s\",\"payload_hash\":\"%s\"}",
        digest_of("https://hooks.example.com/mb?a=1", false), body);
    assert_null(ask(v, "/x?a=1", hs256(claims), "{}", NOW).reason);
    assert_null(
        ask(v, "/x?a=1", by_secret(EVP_sha512(), "k", "{\"alg\":\"HS512\"}", claims), "{}", NOW)
            .reason);
    room_holds(str_of(ask(v, "/x?a=2", hs256(claims), "{}", NOW).detail), "another URL");
    room_holds(str_of(ask(v, "/x", hs256(claims), "{}", NOW).detail), "another URL");
    /* a GET has no body to vouch for */
    snprintf(claims, sizeof claims,
             "{\"iss\":\"MessageBird\",\"exp\":1735689700,\"url_hash\":\"%s\"}",
             digest_of("https://hooks.example.com/mb?a=1", false));
    assert_null(ask(v, "/x?a=1", hs256(claims), "", NOW).reason);
    room_holds(str_of(ask(v, "/x?a=1", hs256(claims), "{}", NOW).detail), "vouch for a body");
    verify_free(v);
    v = preset("qstash", "https://hooks.example.com/q");
    char digest[64];
    unsigned char bytes[32];
    SHA256((const unsigned char *)"{}", 2, bytes);
    put64(digest, bytes, 32);
    const char *form = "{\"iss\":\"%s\",\"sub\":\"%s\",\"exp\":1735689700,\"body\":\"%s%s\"}";
    snprintf(claims, sizeof claims, form, "Upstash", "https://hooks.example.com/q", digest, "");
    takes(v, hs256(claims), NOW);
    snprintf(claims, sizeof claims, form, "Upstash", "https://hooks.example.com/q", digest, "=");
    takes(v, hs256(claims), NOW);
    snprintf(claims, sizeof claims, form, "Upstash", "https://hooks.example.com/Q", digest, "");
    BAD(v, hs256(claims), "another URL");
    snprintf(claims, sizeof claims, form, "upstash", "https://hooks.example.com/q", digest, "");
    BAD(v, hs256(claims), "another issuer");
    verify_free(v);
}

static void the_body_may_be_the_token(void **state)
{
    (void)state;
    struct verify_recipe r = plain();
    r.headers[0] = STR_NONE;
    r.jwt.in_body = true;
    struct verify *v = open_recipe(&r, "k", NULL);
    assert_null(ask(v, "/", NULL, hs256("{\"aud\":\"us\"}"), NOW).reason);
    room_holds(str_of(ask(v, "/", NULL, "", NOW).detail), "body is empty");
    room_holds(str_of(ask(v, "/", hs256("{\"aud\":\"us\"}"), "{}", NOW).detail), "three parts");
    verify_free(v);
}

static void impossible_recipes_are_refused(void **state)
{
    (void)state;
    struct verify *v;
    const struct str secret = STR("k");
    struct verify_recipe r = plain();
    r.jwt.algorithms = 0;
    room_holds(str_of(verify_new(&v, &r, &secret, 1, NULL)), "the one algorithm");
    r.jwt.algorithms = JWT_BIT(JWT_HS256) | JWT_BIT(JWT_RS256);
    room_holds(str_of(verify_new(&v, &r, &secret, 1, NULL)), "do not go together");
    r.jwt.algorithms = JWT_BIT(JWT_ES256) | JWT_BIT(JWT_RS256);
    room_holds(str_of(verify_new(&v, &r, &secret, 1, NULL)), "do not go together");
    r = plain();
    r.headers[0] = STR_NONE;
    room_holds(str_of(verify_new(&v, &r, &secret, 1, NULL)), "header of the token");
    r = plain();
    r.jwt.audience = STR_NONE;
    room_holds(str_of(verify_new(&v, &r, &secret, 1, NULL)), "vouch for no body");
    r = plain();
    r.jwt.in_body = true;
    room_holds(str_of(verify_new(&v, &r, &secret, 1, NULL)), "neither a header nor");
    r = plain();
    r.jwt.url.claim = STR("sub");
    room_holds(str_of(verify_new(&v, &r, &secret, 1, NULL)), "public_url");
    room_holds(str_of(verify_new(&v, &(struct verify_recipe){.kind = VERIFY_JWT},
                                 &(struct str){"", 0}, 1, NULL)),
               "algorithm");
    r = plain();
    room_holds(str_of(verify_new(&v, &r, &(struct str){"", 0}, 1, NULL)), "secret is empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_of_the_rfc),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(a_scheme_may_stand_before_it),
        cmocka_unit_test(algorithm_is_the_recipes),
        cmocka_unit_test(headers_are_strict),
        cmocka_unit_test(claims_are_strict),
        cmocka_unit_test(times_have_a_leeway),
        cmocka_unit_test(either_secret_may_have_made_it),
        cmocka_unit_test(rsa_and_p256),
        cmocka_unit_test(rsa_of_numbers),
        cmocka_unit_test(vonage_and_livekit_vouch_for_the_body),
        cmocka_unit_test(messagebird_and_qstash_vouch_for_the_url),
        cmocka_unit_test(the_body_may_be_the_token),
        cmocka_unit_test(impossible_recipes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
