/* Certificates: whose name, whose word, and which keys will do. */
#include "base/certificate.h"

#include "forge.h"

#include <openssl/ui.h>

#define DAYS (24 * 3600)

static struct forged ca, stranger;
static X509_STORE *trusted;
static const struct str names[] = {{"sns.example", 11}, {"sns-*.example.com", 17}, {NULL, 0}};

static int open_all(void **state)
{
    (void)state;
    ca = forge("ca", NULL, -DAYS, 9 * DAYS, NULL, forge_rsa(2048));
    stranger = forge("stranger", "DNS:sns.example", -DAYS, 9 * DAYS, NULL, forge_rsa(2048));
    trusted = X509_STORE_new();
    return X509_STORE_add_cert(trusted, ca.x) == 1 ? 0 : 1;
}

static int close_all(void **state)
{
    (void)state;
    X509_STORE_free(trusted);
    forge_free(&ca);
    forge_free(&stranger);
    return 0;
}

static const char *read_one(const char *pem, struct certificate *out)
{
    return certificate_read(out, str_of(pem), names, trusted);
}

/* What reading one says that has these names; with its issuer behind it, if that is given. */
static const char *said(const char *common, const char *alternative, const struct forged *issuer,
                        const struct forged *behind, EVP_PKEY *key)
{
    char pem[FORGE_PEM] = "";
    struct certificate c;
    struct forged f = forge(common, alternative, -DAYS, DAYS, issuer, key);
    forge_pem(&f, pem);
    if (behind != NULL) {
        forge_pem(behind, pem);
    }
    const char *why = read_one(pem, &c);
    assert_int_equal(why == NULL, c.key != NULL);
    crypt_public_free(c.key);
    forge_free(&f);
    return why;
}

static void says_how_long_it_is_good_and_gives_its_key(void **state)
{
    (void)state;
    char pem[FORGE_PEM] = "# text around it\n", signature[2048];
    unsigned char bytes[CRYPT_RSA_MAX];
    size_t n;
    struct certificate c;
    struct forged f = forge("x", "DNS:sns.example", -DAYS, 3 * DAYS, &ca, forge_rsa(2048));
    assert_null(read_one(forge_pem(&f, pem), &c));
    int64_t now_s = (int64_t)time(NULL);
    assert_in_range(now_s - c.from_s, DAYS - 5, DAYS + 60);
    assert_in_range(c.until_s - now_s, 3 * DAYS - 60, 3 * DAYS + 5);
    forge_sign(f.key, EVP_sha1(), "text", 4, signature);
    assert_true(text_get_base64(str_of(signature), bytes, sizeof bytes, &n));
    struct str made = {(const char *)bytes, n};
    assert_true(crypt_public_check_by(c.key, CRYPT_SHA1, STR("text"), made));
    assert_false(crypt_public_check_by(c.key, CRYPT_SHA256, STR("text"), made));
    assert_false(crypt_public_check_by(c.key, CRYPT_SHA1, STR("texts"), made));
    crypt_public_free(c.key);
    forge_free(&f);
}

static void has_one_of_the_names(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        {"x", "DNS:sns.example"},
        {"x", "DNS:a.example,DNS:sns.example"},
        {"sns.example", NULL},
        {"SNS.Example", NULL},
        {"x", "DNS:sns-a.b.example.com"},
        {"sns-.example.com", NULL},
    };
    static const char *const bad[][2] = {
        {"x", "DNS:sns.example.com"},  {"x", "DNS:asns.example"},  {"sns.example2", NULL},
        {"x", "DNS:sns-.example.net"}, {"x", "email:sns.example"}, {"x", "IP:127.0.0.1"},
        {"x", "DNS:*.example"},        {"sns-example.com", NULL},  {"sns-a.example.com.evil", NULL},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_null(said(good[i][0], good[i][1], &ca, NULL, forge_rsa(2048)));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_string_equal(said(bad[i][0], bad[i][1], &ca, NULL, forge_rsa(2048)),
                            "the certificate has another name than its provider's");
    }
}

static void leads_to_somebody_who_is_trusted_or_is_alone(void **state)
{
    (void)state;
    struct forged old = forge("old", NULL, -2 * DAYS, -DAYS, NULL, forge_rsa(2048));
    assert_null(said("sns.example", NULL, &ca, &ca, forge_rsa(2048)));
    assert_null(said("sns.example", NULL, &stranger, NULL, forge_rsa(2048)));
    assert_non_null(said("sns.example", NULL, &stranger, &stranger, forge_rsa(2048)));
    assert_non_null(said("sns.example", NULL, &stranger, &ca, forge_rsa(2048)));
    assert_non_null(said("sns.example", NULL, &old, &old, forge_rsa(2048)));
    assert_non_null(said("sns.example", NULL, NULL, NULL, forge_rsa(2048))); /* signed by itself */
    forge_free(&old);
    /* its issuer's name, but not its issuer's signature */
    struct forged false_ca = forge("ca", NULL, -DAYS, DAYS, NULL, forge_rsa(2048));
    assert_non_null(said("sns.example", NULL, &false_ca, NULL, forge_rsa(2048)));
    forge_free(&false_ca);
}

static void has_a_key_of_rsa_that_is_long_enough(void **state)
{
    (void)state;
    const char *why = "the certificate's key is none of RSA of 2048 to 8192 bits";
    assert_string_equal(said("sns.example", NULL, &ca, NULL, forge_rsa(1024)), why);
    assert_string_equal(said("sns.example", NULL, &ca, NULL, EVP_EC_gen("P-256")), why);
}

static void what_is_no_certificate_is_none(void **state)
{
    (void)state;
    static char large[CERTIFICATE_BYTES + 2];
    struct certificate c;
    char pem[FORGE_PEM] = "";
    forge_pem(&ca, pem);
    memset(large, ' ', sizeof large - 1);
    assert_string_equal(read_one("", &c), "the certificate is empty, or over 64 KiB");
    assert_string_equal(read_one(large, &c), "the certificate is empty, or over 64 KiB");
    assert_string_equal(read_one("<html>", &c), "it is no certificate in PEM");
    pem[200] = '!';
    assert_string_equal(read_one(pem, &c), "it is no certificate in PEM");
    assert_null(c.key);
}

static unsigned asked;

static int on_asked(UI *ui)
{
    (void)ui;
    asked++;
    return 0;
}

/* "Proc-Type: 4,ENCRYPTED" (RFC 1421), before whatever is there. */
static void nobody_is_asked_for_a_passphrase(void **state)
{
    (void)state;
    struct certificate c;
    char pem[FORGE_PEM] = "", locked[FORGE_PEM + 128];
    const char *line = "-----BEGIN CERTIFICATE-----\n";
    forge_pem(&ca, pem);
    assert_memory_equal(pem, line, strlen(line));
    snprintf(locked, sizeof locked,
             "%sProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF"
             "\n\n%s",
             line, pem + strlen(line));
    UI_METHOD *method = UI_create_method("nobody");
    UI_method_set_opener(method, on_asked);
    UI_set_default_method(method);
    const char *why = read_one(locked, &c);
    UI_set_default_method(NULL);
    UI_destroy_method(method);
    assert_string_equal(why, "it is no certificate in PEM");
    assert_int_equal(asked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_how_long_it_is_good_and_gives_its_key),
        cmocka_unit_test(has_one_of_the_names),
        cmocka_unit_test(leads_to_somebody_who_is_trusted_or_is_alone),
        cmocka_unit_test(has_a_key_of_rsa_that_is_long_enough),
        cmocka_unit_test(what_is_no_certificate_is_none),
        cmocka_unit_test(nobody_is_asked_for_a_passphrase),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
