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
    check(CRYPT_SHA256, key, data, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    check(CRYPT_SHA512, key, data,
          "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd"
          "caeab1a34d4a6b4b636e070a38bce737");
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hmac_vectors), cmocka_unit_test(compares_and_draws)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
