/* base/crypt: RFC 2202 and RFC 4231 vectors; a kept key gives what a fresh one does. */
#include "base/crypt.h"

#include "test.h"

#include <string.h>

static void check(enum crypt_digest d, struct str key, struct str data, const char *hex)
{
    unsigned char out[CRYPT_DIGEST_MAX];
    char text[2 * CRYPT_DIGEST_MAX];
    struct crypt_key *k = crypt_key_new(d, key);
    struct str parts[] = {str_head(data, 3), str_from(data, 3), STR_NONE};
    for (int again = 0; again < 2; again++) {
        crypt_hmac(k, parts, 3, out);
        size_t n = text_put_hex(text, out, crypt_digest_len(d));
        assert_true(str_eq((struct str){text, n}, str_of(hex)));
    }
    crypt_key_free(k);
}

static void hmac_vectors(void **state)
{
    (void)state;
    struct str key = STR("Jefe"), data = STR("what do ya want for nothing?");
    check(CRYPT_SHA1, key, data, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    check(CRYPT_SHA256, key, data,
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    check(CRYPT_SHA512, key, data,
          "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65"
          "f8f0e6fd"
          "caeab1a34d4a6b4b636e070a38bce737");
}

/* Small parts are gathered; none may be lost, doubled or out of its place, wherever the text is
 * cut. */
static void hmac_of_parts_is_that_of_the_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 155, 156, 255, 256, 257, 1500};
    enum { SIZES = sizeof sizes / sizeof *sizes };
    static char text[5 * 1500];
    struct crypt_key *k = crypt_key_new(CRYPT_SHA256, STR("k"));
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (char)(i * 31 + i / 251);
    }
    for (size_t cut = 0; cut < SIZES * SIZES * SIZES * SIZES; cut++) {
        struct str parts[4], whole = {text, 0};
        unsigned char a[CRYPT_DIGEST_MAX], b[CRYPT_DIGEST_MAX];
        for (size_t i = 0, c = cut; i < 4; i++, c /= SIZES) {
            parts[i] = (struct str){text + whole.len, sizes[c % SIZES]};
            whole.len += parts[i].len;
        }
        crypt_hmac(k, parts, 4, a);
        crypt_hmac(k, &whole, 1, b);
        assert_memory_equal(a, b, 32);
    }
    crypt_key_free(k);
}

static void compares_and_draws(void **state)
{
    (void)state;
    assert_true(crypt_equal("abc", "abc", 3));
    assert_false(crypt_equal("abc", "abd", 3));
    assert_true(crypt_random_u64() != crypt_random_u64());
    char secret[] = "secret";
    crypt_wipe(secret, sizeof secret);
    assert_int_equal(secret[0], 0);
}

/* Of no key at all; the rest is in tests/unit/model/verify_sign_test.c. */
static void what_is_no_private_key_is_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
        ("-----BEGIN PUBLIC "
         "KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
         "-----END PUBLIC KEY-----\n")};
    for (size_t i = 0; i < 3; i++) {
        assert_null(crypt_private_new(CRYPT_ED25519, str_of(texts[i])));
    }
    crypt_private_free(NULL);
}

/* The first vector of RFC 8032 7.1. */
static void ed25519_vector(void **state)
{
    (void)state;
    unsigned char out[CRYPT_RSA_MAX];
    char hex[2 * CRYPT_PAIR];
    struct str pem = STR("-----BEGIN PRIVATE KEY-----\n"
                         "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                         "-----END PRIVATE KEY-----\n");
    struct crypt_private *k = crypt_private_new(CRYPT_ED25519, pem);
    assert_non_null(k);
    assert_null(crypt_private_new(CRYPT_P256, pem));
    size_t n = crypt_private_sign(k, STR_NONE, false, out);
    assert_int_equal(n, 64);
    assert_true(
        str_eq((struct str){hex, text_put_hex(hex, out, n)},
               STR("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a3"
                   "3bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")));
    crypt_private_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmac_vectors), cmocka_unit_test(hmac_of_parts_is_that_of_the_whole),
        cmocka_unit_test(compares_and_draws), cmocka_unit_test(what_is_no_private_key_is_none),
        cmocka_unit_test(ed25519_vector)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
