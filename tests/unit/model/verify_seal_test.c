/* Bodies that are signed inside: each provider's sample, and what cannot be one. */
#include "room.h"

#include "model/provider.h"
#include "model/verify.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#define NOW 1735689600 /* 2025-01-01T00:00:00Z */

static struct verify *new_verify(const char *preset, const char *secret)
{
    struct verify *v;
    const struct str one = str_of(secret);
    assert_null(verify_new(&v, verify_preset(str_of(preset)), &one, 1, NULL));
    assert_true(verify_seals(v));
    return v;
}

static const char *check(const struct verify *v, struct str type, struct str body)
{
    struct fields fields = {.n = 0};
    assert_true(fields_add(&fields, STR("Content-Type"), type));
    const struct verify_input in = {STR("POST"), STR("/hooks/x"), &fields, body};
    struct verify_verdict got = verify_check(v, &in, NOW);
    return got.reason == NULL ? NULL : got.detail;
}

static void samples_are_sealed_and_taken(void **state)
{
    (void)state;
    static const struct {
        const char *preset, *secret, *other;
    } schemes[] = {
        {"mailgun", "shh", "sh"},          {"adyen", "00ff10aa", "00ff10ab"},
        {"microsoft-graph", "shh", "sh"},  {"braintree", "pub:priv", "pub:pri"},
        {"dropbox-sign", "s\"hh", "s\"h"},
    };
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        struct verify *v = new_verify(schemes[i].preset, schemes[i].secret);
        struct verify *other = new_verify(schemes[i].preset, schemes[i].other);
        struct buf body, type;
        buf_init(&body, 8192);
        buf_init(&type, 200);
        const struct str event = provider_find(str_of(schemes[i].preset))->body;
        assert_null(verify_seal(v, event, STR_NONE, &body, &type));
        const char *why = check(v, buf_str(&type), buf_str(&body));
        if (why != NULL) {
            fail_msg("%s: %s: %.*s", schemes[i].preset, why, STR_ARG(buf_str(&body)));
        }
        assert_non_null(check(other, buf_str(&type), buf_str(&body)));
        room_holds(str_of(verify_seal(v, event, STR("key"), &body, &type)), "leave --key out");
        verify_free(v);
        verify_free(other);
        buf_done(&body);
        buf_done(&type);
    }
}

static void what_has_no_place_for_it_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *preset, *secret, *event, *why;
    } bad[] = {
        {"mailgun", "shh", "", "the body is none"},
        {"mailgun", "shh", "{\"signature\":{}", "the body is none"},
        {"mailgun", "shh", "{\"signature\":7}", "no place"},
        {"mailgun", "shh", "[]", "no place"},
        {"adyen", "00ff", "{}", "no list"},
        {"adyen", "00ff", "{\"notificationItems\":[]}", "no list"},
        {"adyen", "00ff", "{\"notificationItems\":[7]}", "no place"},
        {"dropbox-sign", "shh", "7", "no place"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct verify *v = new_verify(bad[i].preset, bad[i].secret);
        struct buf body, type;
        buf_init(&body, 8192);
        buf_init(&type, 200);
        const char *why = verify_seal(v, str_of(bad[i].event), STR_NONE, &body, &type);
        if (why == NULL) {
            fail_msg("%s: %s: %.*s", bad[i].preset, bad[i].event, STR_ARG(buf_str(&body)));
        }
        room_holds(str_of(why), bad[i].why);
        verify_free(v);
        buf_done(&body);
        buf_done(&type);
    }
}

/* One of all schemes seals the body, and the others sign what comes of that. */
static void where_all_must_hold_the_rest_signs_what_is_sealed(void **state)
{
    (void)state;
    static const char *const others[] = {"github", "azure-event-grid", "adyen"};
    for (size_t i = 0; i < 3; i++) {
        struct verify *group, *schemes[2] = {NULL, new_verify("mailgun", "shh")};
        const struct str secret = STR("00ff");
        struct fields before = {.n = 0}, fields = {.n = 0};
        struct buf body, type, bytes, target;
        buf_init(&body, 8192);
        buf_init(&type, 200);
        buf_init(&bytes, 8192);
        buf_init(&target, 200);
        assert_null(verify_new(&schemes[0], verify_preset(str_of(others[i])), &secret, 1, NULL));
        assert_null(verify_group(&group, STR("s"), schemes, 2, true, NULL));
        assert_true(verify_seals(group));
        const struct str event = provider_find(STR("mailgun"))->body;
        const char *why = verify_seal(group, event, STR_NONE, &body, &type);
        if (i == 2) {
            room_holds(str_of(why), "two of its schemes");
        } else {
            assert_null(why);
            buf_add_str(&target, STR("/x"));
            verify_sign_target(group, &target);
            struct verify_input in = {STR("POST"), buf_str(&target), &before, buf_str(&body)};
            const struct verify_signing s = {.request = in, .now_s = NOW, .delivery_id = STR("1")};
            assert_null(verify_sign_request(group, &s, &fields, &bytes));
            in.fields = &fields;
            assert_null(verify_check(group, &in, NOW).reason);
            in.body = event; /* its signature is none */
            assert_non_null(verify_check(group, &in, NOW).reason);
        }
        verify_free(group);
        buf_done(&body);
        buf_done(&type);
        buf_done(&bytes);
        buf_done(&target);
    }
}

/* A key that another of them signs with is no reason not to seal, and one that none does, is. */
static void a_key_may_be_for_another_of_them(void **state)
{
    (void)state;
    static const char *const others[] = {"discord", "github"};
    for (size_t i = 0; i < 2; i++) {
        const struct str secret =
            STR("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        struct verify *group, *schemes[2] = {new_verify("mailgun", "shh")};
        struct buf body, type;
        buf_init(&body, 8192);
        buf_init(&type, 200);
        assert_null(verify_new(&schemes[1], verify_preset(str_of(others[i])), &secret, 1, NULL));
        assert_null(verify_group(&group, STR("s"), schemes, 2, true, NULL));
        const char *why =
            verify_seal(group, provider_find(STR("mailgun"))->body, STR("a key"), &body, &type);
        if (i == 0) {
            assert_null(why);
            room_holds(buf_str(&body), "\"signature\":\"");
        } else {
            room_holds(str_of(why), "leave --key out");
        }
        verify_free(group);
        buf_done(&body);
        buf_done(&type);
    }
}

static void a_token_is_the_body(void **state)
{
    (void)state;
    char pem[4096];
    unsigned char *der = NULL;
    EVP_PKEY *key = EVP_RSA_gen(2048);
    BIO *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    int n = BIO_read(bio, pem, sizeof pem - 1);
    assert_true(n > 0);
    pem[n] = '\0';
    BIO_free(bio);
    int len = i2d_PUBKEY(key, &der);
    struct crypt_public *public =
        crypt_public_new(CRYPT_RSA, (struct str){(const char *)der, (size_t)len});
    assert_non_null(public);
    struct verify *v;
    struct buf body, type;
    struct jwt t;
    struct verify_recipe r = *verify_preset(STR("kinde"));
    r.jwks_url = STR("https://x/");
    assert_null(verify_new(&v, &r, NULL, 0, NULL));
    buf_init(&body, 8192);
    buf_init(&type, 200);
    const struct str event = provider_find(STR("kinde"))->body;
    room_holds(str_of(verify_seal(v, event, STR_NONE, &body, &type)), "give --key");
    room_holds(str_of(verify_seal(v, event, STR("x"), &body, &type)), "no private key of RSA");
    assert_null(verify_seal(v, event, str_of(pem), &body, &type));
    assert_null(jwt_read(&t, buf_str(&body), JWT_BIT(JWT_RS256)));
    assert_true(jwt_is_by(&t, public));
    assert_true(str_eq(t.claims, event));
    jwt_done(&t);
    crypt_public_free(public);
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    verify_free(v);
    buf_done(&body);
    buf_done(&type);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_sealed_and_taken),
        cmocka_unit_test(what_has_no_place_for_it_is_refused),
        cmocka_unit_test(where_all_must_hold_the_rest_signs_what_is_sealed),
        cmocka_unit_test(a_key_may_be_for_another_of_them),
        cmocka_unit_test(a_token_is_the_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
