/* Signing by a private key, and what of a request is signed besides its body. */
#include "room.h"

#include "model/verify.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#define NOW 1735689600 /* 2025-01-01T00:00:00Z */

enum kind { ED25519, P256, RSA2048, RSA1024, P384, KINDS };

static EVP_PKEY *keys[KINDS];

static int make_keys(void **state)
{
    (void)state;
    keys[ED25519] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    keys[P256] = EVP_EC_gen("P-256");
    keys[RSA2048] = EVP_RSA_gen(2048);
    keys[RSA1024] = EVP_RSA_gen(1024);
    keys[P384] = EVP_EC_gen("P-384");
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (int i = 0; i < KINDS; i++) {
        EVP_PKEY_free(keys[i]);
    }
    return 0;
}

/* What a BIO holds, as text. */
static void take(BIO *bio, char out[4096])
{
    int n = BIO_read(bio, out, 4095);
    assert_true(n > 0);
    out[n] = '\0';
    BIO_free(bio);
}

static void private_pem(enum kind k, const char *passphrase, char out[4096])
{
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(
                         bio, keys[k], passphrase ? EVP_aes_128_cbc() : NULL, passphrase,
                         passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
                     1);
    take(bio, out);
}

/* As the scheme wants its public key: PEM for tokens, base64 of DER for ECDSA, hex for Discord. */
static void public_key(enum kind k, bool pem, char out[4096])
{
    unsigned char *der = NULL, raw[32];
    size_t n = sizeof raw;
    if (pem) {
        BIO *bio = BIO_new(BIO_s_mem());
        assert_int_equal(PEM_write_bio_PUBKEY(bio, keys[k]), 1);
        take(bio, out);
    } else if (k == ED25519) {
        assert_int_equal(EVP_PKEY_get_raw_public_key(keys[k], raw, &n), 1);
        out[text_put_hex(out, raw, n)] = '\0';
    } else {
        int len = i2d_PUBKEY(keys[k], &der);
        assert_true(len > 0);
        out[text_put_base64(out, der, (size_t)len)] = '\0';
        OPENSSL_free(der);
    }
}

static void recipe_of(const char *name, struct verify_recipe *r)
{
    const struct verify_recipe *preset = verify_preset(str_of(name));
    if (preset != NULL) {
        *r = *preset;
        return;
    }
    *r = (struct verify_recipe){
        .name = str_of(name),
        .kind = VERIFY_JWT,
        .headers = {STR("X-Token")},
        .jwt = {.algorithms = JWT_BIT(strcmp(name, "RS256") == 0 ? JWT_RS256 : JWT_ES256),
                .body = {STR("h"), JWT_HEX},
                .expires = true}};
}

static void by_key_is_taken(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum kind kind;
        bool pem;
    } schemes[] = {{"discord", ED25519, false},
                   {"sendgrid", P256, false},
                   {"RS256", RSA2048, true},
                   {"ES256", P256, true}};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        char pem[4096], public[4096];
        struct verify_recipe r;
        struct verify *v;
        struct fields none = {.n = 0};
        recipe_of(schemes[i].name, &r);
        public_key(schemes[i].kind, schemes[i].pem, public);
        const struct str secret = str_of(public);
        assert_null(verify_new(&v, &r, &secret, 1, NULL));
        for (int k = 0; k < KINDS + 3; k++) {
            struct fields fields = {.n = 0};
            struct buf out;
            buf_init(&out, 8192);
            private_pem(k < KINDS ? (enum kind)k : schemes[i].kind, k == KINDS ? "shh" : NULL, pem);
            struct verify_signing s = {.request = {STR("POST"), STR("/"), &none, STR("{\"a\":1}")},
                                       .now_s = NOW,
                                       .key = k == KINDS + 1   ? STR("")
                                              : k == KINDS + 2 ? STR("no key")
                                                               : str_of(pem)};
            const char *why = verify_sign_request(v, &s, &fields, &out);
            if (k != (int)schemes[i].kind) {
                assert_int_equal(fields.n, 0);
                room_holds(str_of(why),
                           k == KINDS + 1 ? "give --key" : "the key is no private key of");
            } else {
                assert_null(why);
                struct verify_input in = {STR("POST"), STR("/"), &fields, STR("{\"a\":1}")};
                assert_null(verify_check(v, &in, NOW).reason);
                in.body = STR("{\"a\":2}");
                assert_ptr_equal(verify_check(v, &in, NOW).reason, VERIFY_BAD_SIGNATURE);
            }
            buf_done(&out);
        }
        verify_free(v);
    }
}

/* ... nor does a key of somebody else's pass. */
static void by_another_key_is_refused(void **state)
{
    (void)state;
    char pem[4096], public[4096];
    struct verify *v;
    struct fields none = {.n = 0}, fields = {.n = 0};
    struct buf out;
    buf_init(&out, 8192);
    public_key(ED25519, false, public);
    const struct str secret = str_of(public);
    assert_null(verify_new(&v, verify_preset(STR("discord")), &secret, 1, NULL));
    EVP_PKEY *mine = keys[ED25519];
    keys[ED25519] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    private_pem(ED25519, NULL, pem);
    EVP_PKEY_free(keys[ED25519]);
    keys[ED25519] = mine;
    const struct verify_signing s = {
        .request = {STR("POST"), STR("/"), &none, STR("{}")}, .now_s = NOW, .key = str_of(pem)};
    assert_null(verify_sign_request(v, &s, &fields, &out));
    const struct verify_input in = {STR("POST"), STR("/"), &fields, STR("{}")};
    assert_ptr_equal(verify_check(v, &in, NOW).reason, VERIFY_BAD_SIGNATURE);
    verify_free(v);
    buf_done(&out);
}

static void a_secret_needs_no_key(void **state)
{
    (void)state;
    struct verify *v;
    struct fields none = {.n = 0}, fields = {.n = 0};
    struct buf out;
    const struct str secret = STR("shh");
    buf_init(&out, 100);
    assert_null(verify_new(&v, verify_preset(STR("github")), &secret, 1, NULL));
    const struct verify_signing s = {
        .request = {STR("POST"), STR("/"), &none, STR("{}")}, .now_s = NOW, .key = STR("x")};
    room_holds(str_of(verify_sign_request(v, &s, &fields, &out)), "leave --key out");
    verify_free(v);
    buf_done(&out);
}

/* Of all schemes those with a private key get it, and the others do without. */
static void a_key_is_for_those_who_have_one(void **state)
{
    (void)state;
    char pem[4096], public[4096];
    struct verify *group, *schemes[2];
    struct fields none = {.n = 0}, fields = {.n = 0};
    struct buf out;
    buf_init(&out, 8192);
    public_key(ED25519, false, public);
    private_pem(ED25519, NULL, pem);
    const struct str secrets[2] = {STR("shh"), str_of(public)};
    assert_null(verify_new(&schemes[0], verify_preset(STR("github")), &secrets[0], 1, NULL));
    assert_null(verify_new(&schemes[1], verify_preset(STR("discord")), &secrets[1], 1, NULL));
    assert_null(verify_group(&group, STR("s"), schemes, 2, true, NULL));
    struct verify_input in = {STR("POST"), STR("/"), &none, STR("{}")};
    struct verify_signing s = {.request = in, .now_s = NOW, .delivery_id = STR("1")};
    room_holds(str_of(verify_sign_request(group, &s, &fields, &out)), "give --key");
    s.key = str_of(pem);
    fields.n = 0;
    assert_null(verify_sign_request(group, &s, &fields, &out));
    in.fields = &fields;
    assert_null(verify_check(group, &in, NOW).reason);
    verify_free(group);
    buf_done(&out);
}

/* The form's fields, the path, the query: what they are, the request says. */
static void signs_the_request_as_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type, *body, *target;
    } schemes[] = {
        {"twilio", "application/x-www-form-urlencoded", "b=2&a=1", "/hooks/x?q=1"},
        {"plivo", "application/x-www-form-urlencoded", "b=2&a=1", "/hooks/x?q=1"},
        {"contentful", "application/json", "{}", "/hooks/x?q=1"},
        {"mercadopago", "application/json", "{}", "/hooks/x?data.id=7"},
        {"atlassian-connect", "application/json", "{}", "/hooks/x?q=1"},
        {"monday", "application/json", "{}", "/hooks/x?q=1"},
    };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        struct verify *v;
        struct fields fields = {.n = 0};
        struct buf out;
        struct verify_recipe r = *verify_preset(str_of(schemes[i].name));
        const struct str secret = STR("shh");
        r.public_url = STR("https://h.example");
        buf_init(&out, 8192);
        assert_null(verify_new(&v, &r, &secret, 1, NULL));
        assert_true(fields_add(&fields, STR("Content-Type"), str_of(schemes[i].type)));
        struct fields before = fields;
        struct verify_input in = {STR("POST"), str_of(schemes[i].target), &before,
                                  str_of(schemes[i].body)};
        const struct verify_signing s = {.request = in, .now_s = NOW, .delivery_id = STR("m1")};
        const char *why = verify_sign_request(v, &s, &fields, &out);
        if (why != NULL) {
            fail_msg("%s: %s", schemes[i].name, why);
        }
        in.fields = &fields;
        struct verify_verdict got = verify_check(v, &in, NOW);
        if (got.reason != NULL) {
            fail_msg("%s: %s", schemes[i].name, got.detail);
        }
        in.target = STR("/hooks/x?q=2");
        assert_ptr_equal(verify_check(v, &in, NOW).reason, VERIFY_BAD_SIGNATURE);
        verify_free(v);
        buf_done(&out);
    }
}

/* What its provider could not sign either. */
static void a_body_that_is_not_signed_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *name, *secret, *why;
    } schemes[] = {
        {"twilio", "shh", "hash of the body"},
        {"plivo", "shh", "the body is no form"},
    };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        struct verify *v;
        struct fields fields = {.n = 0};
        struct buf out;
        struct verify_recipe r = *verify_preset(str_of(schemes[i].name));
        const struct str secret = str_of(schemes[i].secret);
        r.public_url = STR("https://h.example");
        buf_init(&out, 1000);
        assert_null(verify_new(&v, &r, &secret, 1, NULL));
        const char *why = verify_sign(v, STR("POST"), STR("{}"), NOW, STR("m1"), &fields, &out);
        room_holds(str_of(why), schemes[i].why);
        assert_int_equal(fields.n, 0);
        verify_free(v);
        buf_done(&out);
    }
}

static void a_token_goes_into_the_target(void **state)
{
    (void)state;
    struct verify *v;
    struct fields none = {.n = 0};
    struct buf target;
    const struct str secret = STR("s&1");
    buf_init(&target, 100);
    assert_null(verify_new(&v, verify_preset(STR("azure-event-grid")), &secret, 1, NULL));
    buf_add_str(&target, STR("/x"));
    verify_sign_target(v, &target);
    room_text(buf_str(&target), "/x?access_token=s%261", "target");
    const struct verify_input in = {STR("POST"), buf_str(&target), &none, STR("[]")};
    assert_null(verify_check(v, &in, NOW).reason);
    verify_free(v);
    buf_done(&target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_key_is_taken),
        cmocka_unit_test(by_another_key_is_refused),
        cmocka_unit_test(a_secret_needs_no_key),
        cmocka_unit_test(a_key_is_for_those_who_have_one),
        cmocka_unit_test(signs_the_request_as_it_is),
        cmocka_unit_test(a_body_that_is_not_signed_is_said),
        cmocka_unit_test(a_token_goes_into_the_target),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
