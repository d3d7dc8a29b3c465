/* Sets of published keys: which count, and how long an answer is kept. */
#include "room.h"

#include "model/jwks.h"

/* RFC 7517, A.1: of its two keys one is of P-256, for encryption; one is of RSA. */
#define RSA_N                                                                                      \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"      \
    "BJECPeb"                                                                                      \
    "WKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"            \
    "FDW2QvzqY368Q"                                                                                \
    "QMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-"                         \
    "bFTWhAI4vMQFh6WeZu0fM4lFd2"                                                                   \
    "NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
#define RSA_KEY(more) "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"" more "}"
#define EC_KEY(more)                                                                               \
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","     \
    "\"y\":"                                                                                       \
    "\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"" more "}"

static struct jwks *good(const char *json, enum jwt_algorithm a, size_t n)
{
    struct jwks *s;
    const char *why = jwks_read(&s, str_of(json), a);
    if (why != NULL) {
        fail_msg("%s: %s", why, json);
    }
    assert_int_equal(jwks_count(s), n);
    return s;
}

static void bad(const char *json, const char *detail)
{
    struct jwks *s;
    room_holds(str_of(jwks_read(&s, str_of(json), JWT_RS256)), detail);
    assert_null(s);
}

static void keys_of_its_algorithm_count(void **state)
{
    (void)state;
    const char *both = "{\"keys\":[" EC_KEY(",\"use\":\"enc\",\"kid\":\"1\"") "," RSA_KEY(
        ",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"") "]}";
    struct jwks *s = good(both, JWT_RS256, 1);
    assert_non_null(jwks_find(s, STR("2011-04-29")));
    assert_null(jwks_find(s, STR("2011")));
    assert_null(jwks_find(s, STR("1")));
    assert_ptr_equal(jwks_find(s, STR_NONE), jwks_find(s, STR("2011-04-29"))); /* the only one */
    jwks_free(s);
    jwks_free(NULL);
    s = good("{\"keys\":[" EC_KEY("") "," RSA_KEY("") "]}", JWT_ES256, 1);
    jwks_free(s);
    /* what is not understood is left out; of two with one name the first counts */
    s = good(
        "{\"keys\":[7,null,{},[],{\"kty\":\"oct\",\"k\":\"AA\",\"kid\":\"o\"}," RSA_KEY(
            ",\"kid\":"
            "\"a\"") "," RSA_KEY(",\"kid\":\"b\",\"use\":\"sig\"") "," RSA_KEY(",\"kid\":\"a\","
                                                                               "\"x5c\":["
                                                                               "\"AA\"]") "," RSA_KEY(",\"kid\":\"c\",\"alg\":\"PS256\"") "],\"more\":1}",
        JWT_RS256, 2);
    assert_null(jwks_find(s, STR_NONE)); /* which one? */
    assert_null(jwks_find(s, STR("c")));
    assert_non_null(jwks_find(s, STR("b")));
    jwks_free(s);
}

static void what_is_no_set_is_refused(void **state)
{
    (void)state;
    bad("", "empty");
    bad("[]", "no JSON object");
    bad("{\"keys\":{}}", "no JSON object");
    bad("{\"keys\":[]", "no JSON object");
    bad("<html>", "no JSON object");
    bad("{\"keys\":[]}", "none of the algorithm");
    bad("{\"keys\":[" EC_KEY("") "]}", "none of the algorithm");
    bad("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}", "none of the algorithm");
    bad("{\"keys\":[{\"kty\":\"RSA\",\"n\":7,\"e\":\"AQAB\"}]}", "none of the algorithm");
    bad("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}]}", "none of the algorithm");
    bad("{\"keys\":[" RSA_KEY(",\"use\":\"enc\"") "]}", "none of the algorithm");
    bad("{\"keys\":[" RSA_KEY(",\"use\":null") "]}", "none of the algorithm");
    size_t n = JWKS_BYTES + 1;
    char *great = malloc(n + 1);
    memset(great, ' ', n);
    great[n] = '\0';
    bad(great, "over 256 KiB");
    free(great);
    /* more keys than are kept */
    struct buf many;
    buf_init(&many, 1 << 20);
    buf_add_str(&many, STR("{\"keys\":["));
    for (int i = 0; i < JWKS_KEYS + 9; i++) {
        buf_printf(&many, "%s" RSA_KEY(",\"kid\":\"%d\""), i == 0 ? "" : ",", i);
    }
    buf_add_str(&many, STR("]}"));
    char *text = buf_take(&many);
    struct jwks *s = good(text, JWT_RS256, JWKS_KEYS);
    assert_null(jwks_find(s, STR("64")));
    assert_non_null(jwks_find(s, STR("63")));
    jwks_free(s);
    free(text);
}

static int64_t lifetime(const char *value)
{
    struct fields f = {0};
    assert_true(fields_add(&f, STR("Date"), STR("max-age=400")));
    if (value != NULL) {
        assert_true(fields_add(&f, STR("cache-control"), str_of(value)));
    }
    return jwks_lifetime_s(&f);
}

static void lifetime_is_within_bounds(void **state)
{
    (void)state;
    assert_int_equal(lifetime(NULL), 3600);
    assert_int_equal(lifetime("public, max-age=19845, must-revalidate, no-transform"), 19845);
    assert_int_equal(lifetime("Max-Age=600"), 600);
    assert_int_equal(lifetime("max-age=0"), 300);
    assert_int_equal(lifetime("max-age=299"), 300);
    assert_int_equal(lifetime("max-age=86401"), 86400);
    assert_int_equal(lifetime("max-age=99999999999999999999"), 3600);
    assert_int_equal(lifetime("max-age=-1"), 3600);
    assert_int_equal(lifetime("max-age=\"600\""), 3600);
    assert_int_equal(lifetime("s-maxage=600,,="), 3600);
    assert_int_equal(lifetime(""), 3600);
}

static struct crypt_public *some_key(void)
{
    unsigned char n[CRYPT_RSA_MAX];
    size_t len;
    assert_true(text_get_base64url(STR(RSA_N), n, sizeof n, &len));
    return crypt_public_of_numbers(CRYPT_RSA, (struct str){(const char *)n, len},
                                   STR("\x01\x00\x01"));
}

static void a_set_may_be_filled_by_name(void **state)
{
    (void)state;
    struct jwks *s = jwks_new();
    char name[JWKS_KID + 1] = "";
    assert_null(jwks_find(s, STR("a")));
    assert_true(jwks_put(s, STR("a"), some_key()) && jwks_put(s, STR("b"), some_key()));
    assert_true(jwks_put(s, STR("a"), some_key())); /* in place of the first */
    assert_int_equal(jwks_count(s), 2);
    jwks_drop(s, STR("c"));
    jwks_drop(s, STR("a"));
    assert_null(jwks_find(s, STR("a")));
    assert_non_null(jwks_find(s, STR("b")));
    assert_false(jwks_put(s, STR_NONE, some_key()));
    memset(name, 'x', sizeof name);
    assert_false(jwks_put(s, (struct str){name, sizeof name}, some_key()));
    while (jwks_count(s) < JWKS_KEYS) {
        size_t n = (size_t)snprintf(name, sizeof name, "%zu", jwks_count(s));
        assert_true(jwks_put(s, (struct str){name, n}, some_key()));
    }
    assert_false(jwks_put(s, STR("one more"), some_key()));
    jwks_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_may_be_filled_by_name),
        cmocka_unit_test(keys_of_its_algorithm_count),
        cmocka_unit_test(what_is_no_set_is_refused),
        cmocka_unit_test(lifetime_is_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
