/* Signatures by certificates: those of AWS itself, and everything that must be refused. */
#include "room.h"

#include "forge.h"
#include "model/verify.h"

/* The key and two messages that the AWS SDK for Java has in its tests (services-custom/
 * sns-message-manager): signed by SNS in 2026. */
#define AWS_KEY                                                                                    \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAoW1TUPgxGk+Vjfpfm4NIhHheuumeiwxXNSia+JTZdKHXF0Er" \
    "JCrGWAjFXaeCPyJJPc1snJEUzJJkBmIpqQ/m07DAj+Qv7CSFNBPWNjl445eVYnXpKqp0S/VXROTeNUb5LO0v+TKWHEpg" \
    "rJmh38HL/Nhr8ds5vQqwOV7uytmaoc0UDwkUj5h0x0K+BA+t7oxPqk6T4EGdE74JnKwHNPGe+We2c7Ne2kzXN2IQLUMf" \
    "VqMDfLoh5JIHPjjTXbcCr1mTZp25sTB2LWHNvdVgj9StTYeE1eVzcoyHm80Cg66kwjdCLQK9cXugZdwWEt0hvVxwMtKt" \
    "3pCE80LCsqXLmiunUwIDAQAB"
#define AWS_TOPIC "arn:aws:sns:us-west-2:131990247566:dongie-standard-topic"
#define AWS_URL                                                                                    \
    "https://sns.us-west-2.amazonaws.com/"                                                         \
    "SimpleNotificationService-7506a1e35b36ef5a444dd1a8e7cc3ed8.pem"
#define AWS_TOKEN                                                                                  \
    "2336412f37fb687f5d51e6e2425929f52e8e353134fd0284eae5672847af082a982c7dd18215a1485e04e559716f" \
    "8b42054594757f42dee2d63c46fd3a0fa59b4d688de03db956f8bf9f8cb3167587a28b74c5d325e6a7594d24a43a" \
    "c534de2dfca614ca89cebd490342c721c30a76ea03def13673437a6a3e450642580119d0"

static const char aws_notification[] =
    "{\"Type\":\"Notification\",\"MessageId\":\"26858270-545e-5848-82a2-e05566af3dcf\","
    "\"TopicArn\":\"" AWS_TOPIC "\",\"Subject\":\"My message subject\","
    "\"Message\":\"Hello! This message has a subject.\","
    "\"Timestamp\":\"2026-03-06T19:53:21.424Z\",\"SignatureVersion\":\"1\",\"Signature\":\""
    "jvNSgHVOF9KUOKI3bmQZhURD0kDN6txhfjiyuvnV95Dw6b2SRa7nq3AhM8agP0KUCIrRgKHqUlN6K2XBA35Lzkx1eI5R"
    "T0oXIN00pvvzGxSz0ddnuSGmDJM7bd/b1vl2RlLjz+KvkhzEtspxLnxjLsGl2EpOmztt+um7owb4475sOLdGTx1QiFV/"
    "8HqB2J0DyjeWdRZvu7Xpsf1Yd2rgmijFoz8x89Vw8pIksjczr4q16pxdh/XKWjbN2uPoC+3EeYdljL8KUvLYH9ueHSs5"
    "E9qq2iLdze4+FtANnE73XRvvSGE0KI+FGOvz1igest6qon3g1/CVy4mq3n19TsCSmA==\","
    "\"SigningCertURL\":\"" AWS_URL "\"}";

static const char aws_unsubscription[] =
    "{\"Type\":\"UnsubscribeConfirmation\",\"MessageId\":\"0b71e34e-42c3-486a-9e32-b1928ec994b5\","
    "\"Token\":\"" AWS_TOKEN "\",\"TopicArn\":\"" AWS_TOPIC "\","
    "\"Message\":\"You have chosen to deactivate subscription " AWS_TOPIC
    ":b24e11a2-06bd-4e73-aa29-0ed2de3b41b5.\\nTo cancel this operation and restore the "
    "subscription, visit the SubscribeURL included in this message.\","
    "\"SubscribeURL\":\"https://sns.us-west-2.amazonaws.com/?Action=ConfirmSubscription&"
    "TopicArn=" AWS_TOPIC "&Token=" AWS_TOKEN "\",\"Timestamp\":\"2026-03-06T20:02:25.038Z\","
    "\"SignatureVersion\":\"2\",\"Signature\":\""
    "RLW/cGWZAdY96iEcvXGmAZQ851DUyWehJIUMHT3Qa0/kX7Wu2QimI44TfE8d9hTqyYFreA6ln4AS67m225DuySpBeiUB"
    "tzB/ibiU7jdZmfSiT/I/RTEU3eD0lHHZIYW0M7HAlhHyaSXdcSAbtfnhMBMION93IVl6UOR4kWYdJaJ17/u3by3zlSRs"
    "8wCIpj06S6BzuzxrINZPJl+NKZYCVdMlrjuT4etX/UfZkC0Tjchpmu/CQcuimAgswlesm8cVue0WqNPXkOr8h7HmsiGV"
    "XPN1jjkYKf2/tVJyBxur/lSksMopER8wtAIsrqY1caAZSI8YJkIndg/b+7eCwkjTBA==\","
    "\"SigningCertURL\":\"" AWS_URL "\"}";

static struct verify *sns_for(const char *topic)
{
    struct verify_recipe r = *verify_preset(STR("aws-sns"));
    struct verify *v;
    r.x509.parties[0] = STR("arn:aws:sns:us-west-2:1:other");
    r.x509.parties[1] = str_of(topic);
    r.key_hosts[0] = STR("sns.us-west-2.amazonaws.com");
    assert_null(verify_new(&v, &r, NULL, 0, NULL));
    return v;
}

static struct verify_verdict check(const struct verify *v, const char *body,
                                   const struct fields *fields, const struct jwks *keys)
{
    static const struct fields none;
    const struct verify_input in = {STR("POST"), STR("/"), fields == NULL ? &none : fields,
                                    str_of(body)};
    return verify_check_by(v, &in, keys, 0, NULL);
}

static struct jwks *aws_keys(void)
{
    unsigned char der[512];
    size_t n;
    struct jwks *keys = jwks_new();
    assert_true(text_get_base64(STR(AWS_KEY), der, sizeof der, &n));
    struct crypt_public *key = crypt_public_new(CRYPT_RSA, (struct str){(const char *)der, n});
    assert_true(jwks_put(keys, STR(AWS_URL), key));
    return keys;
}

static void takes_what_sns_has_signed(void **state)
{
    (void)state;
    struct verify *v = sns_for(AWS_TOPIC);
    struct jwks *keys = aws_keys();
    assert_null(check(v, aws_notification, NULL, keys).reason);
    assert_null(check(v, aws_unsubscription, NULL, keys).reason);
    assert_true(verify_is_computed(v));
    assert_ptr_equal(check(v, aws_notification, NULL, NULL).detail, VERIFY_UNKNOWN_CERTIFICATE);
    jwks_drop(keys, STR(AWS_URL));
    assert_ptr_equal(check(v, aws_notification, NULL, keys).detail, VERIFY_UNKNOWN_CERTIFICATE);
    jwks_free(keys);
    verify_free(v);
}

/* Any one character of it changed, but in what is not signed. */
static void refuses_each_change(void **state)
{
    (void)state;
    struct verify *v = sns_for(AWS_TOPIC);
    struct jwks *keys = aws_keys();
    char body[sizeof aws_unsubscription];
    unsigned taken = 0;
    for (size_t i = 0; i < sizeof aws_unsubscription - 1; i++) {
        memcpy(body, aws_unsubscription, sizeof body);
        body[i] = body[i] == 'x' ? 'y' : 'x';
        taken += check(v, body, NULL, keys).reason == NULL;
    }
    assert_int_equal(taken, 0);
    jwks_free(keys);
    verify_free(v);
}

static void only_its_topic_may_send(void **state)
{
    (void)state;
    struct jwks *keys = aws_keys();
    struct verify *v = sns_for("arn:aws:sns:us-west-2:131990247566:dongie-standard-topi");
    room_holds(str_of(check(v, aws_notification, NULL, keys).detail), "TopicArn");
    verify_free(v);
    struct verify_recipe r = *verify_preset(STR("aws-sns"));
    assert_non_null(verify_new(&v, &r, NULL, 0, NULL));
    r.x509.parties[0] = STR(AWS_TOPIC);
    r.key_hosts[0] = STR("h");
    const struct str secret = STR("s");
    assert_non_null(verify_new(&v, &r, &secret, 1, NULL));
    jwks_free(keys);
}

static void names_the_certificate_and_the_url(void **state)
{
    (void)state;
    static const struct fields none;
    static const struct verify_proof proof;
    struct verify *v = sns_for(AWS_TOPIC);
    struct buf url;
    struct verify_input in = {STR("POST"), STR("/"), &none, str_of(aws_unsubscription)};
    buf_init(&url, 2048);
    assert_true(verify_key_name(v, &in, &url));
    room_text(buf_str(&url), AWS_URL, "certificate");
    buf_clear(&url);
    assert_int_equal(verify_control(v, &proof, &in, &url), VERIFY_FAREWELL);
    assert_int_equal(url.len, 0);
    in.body = str_of(aws_notification);
    assert_int_equal(verify_control(v, &proof, &in, &url), VERIFY_EVENT);
    in.body = STR("{}");
    assert_false(verify_key_name(v, &in, &url));
    assert_int_equal(verify_control(v, &proof, &in, &url), VERIFY_EVENT);
    in.body = STR("{\"Type\":\"SubscriptionConfirmation\",\"MessageId\":\"1\",\"TopicArn\":\"a\","
                  "\"Timestamp\":\"t\",\"Message\":\"m\",\"Token\":\"k\",\"SubscribeURL\":\"https:"
                  "//x/\",\"SignatureVersion\":\"1\",\"Signature\":\"\",\"SigningCertURL\":\"u\"}");
    assert_int_equal(verify_control(v, &proof, &in, &url), VERIFY_CONFIRM);
    room_text(buf_str(&url), "https://x/", "URL");
    buf_done(&url);
    verify_free(v);
}

static void reads_from_its_provider_only(void **state)
{
    (void)state;
    static const char *const good[] = {"https://a.example/p/x", "https://a.example/p/x-1_2.pem",
                                       "https://a.example/p/Y.z", "https://b.example:8443/p/x"};
    static const char *const bad[] = {
        "",
        "a.example/p/x",
        "http://a.example/p/x",
        "https://a.example",
        "https://a.example/p/",
        "https://a.example/q/x",
        "https://a.example/P/x",
        "https://a.example:444/p/x",
        "https://b.example/p/x",
        "https://c.example/p/x",
        "https://a.example.evil/p/x",
        "https://evil.a.example/p/x",
        "https://a.example@evil/p/x",
        "https://evil@a.example/p/x",
        "https://a.example/p/x?y",
        "https://a.example/p/x#y",
        "https://a.example/p/%78",
        "https://a.example/p/../x",
        "https://a.example/p/./x",
        "https://a.example/p/.x",
        "https://a.example/p/x\\y",
        "https://a.example/p/x y",
        "https://a.example/p/x\r\nHost: evil",
        "https://a.example\\@evil/p/x",
        "https://[::1]/p/x",
        "https://a.example./p/x",
        "file:///p/x",
        "HTTPS://a.example/p/x",
        "https://A.example/p/x",
        "https://a.example:443/p/x",
        "https://a.example/p//x",
        "https:///p/x",
    };
    struct verify_recipe r = *verify_preset(STR("paypal"));
    struct verify_place at;
    struct verify *v;
    r.x509.parties[0] = STR("WH1");
    r.x509.path = STR("/p/");
    r.key_hosts[0] = STR("a.example");
    r.key_hosts[1] = STR("b.example:8443");
    assert_null(verify_new(&v, &r, NULL, 0, NULL));
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        const char *why = verify_key_place(v, str_of(good[i]), &at);
        if (why != NULL) {
            fail_msg("%s: %s", why, good[i]);
        }
        assert_int_equal(at.host, i == 3);
        assert_true(str_starts(at.target, STR("/p/")) && !at.posts);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (verify_key_place(v, str_of(bad[i]), &at) == NULL) {
            fail_msg("taken: %s", bad[i]);
        }
    }
    assert_non_null(verify_key_place(v, STR("https://a.example/p/x\0y"), &at));
    assert_non_null(verify_key_place(v, STR("https://a.example/p/x\n"), &at));
    assert_null(
        verify_confirm_place(v, STR("https://a.example/?Action=ConfirmSubscription&T=a%20"), &at));
    room_text(at.target, "/?Action=ConfirmSubscription&T=a%20", "target");
    assert_non_null(
        verify_confirm_place(v, STR("https://c.example/?Action=ConfirmSubscription&T=a"), &at));
    assert_non_null(verify_confirm_place(v, STR("https://a.example/?Action=Unsubscribe&T=a"), &at));
    verify_free(v);
}

/* Nothing else of their hosts is asked for, whoever names it. */
static void certificates_have_names_of_their_own(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "https://sns.us-west-2.amazonaws.com/one.pem",
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-.pem",
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-7506a1e3",
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-7506a1e3.pem.pem",
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-7506/a1e3.pem",
        "https://sns.us-west-2.amazonaws.com/x/SimpleNotificationService-7506a1e3.pem",
        "https://sns.us-west-2.amazonaws.com/SimpleNotificationService-7506a1_3.pem",
        "https://api.paypal.com/v1/notifications/certs/CERT-",
        "https://api.paypal.com/v1/notifications/certs/360caa42",
        "https://api.paypal.com/v1/notifications/certs/CERT-360caa42/x",
        "https://api.paypal.com/v1/notifications/certs/CERT-360caa42.pem",
    };
    struct verify_place at;
    struct verify *sns = sns_for(AWS_TOPIC), *paypal;
    struct verify_recipe r = *verify_preset(STR("paypal"));
    r.x509.parties[0] = STR("WH1");
    assert_null(verify_new(&paypal, &r, NULL, 0, NULL));
    assert_null(verify_key_place(sns, STR(AWS_URL), &at));
    assert_null(verify_key_place(paypal,
                                 STR("https://api.sandbox.paypal.com/v1/notifications/certs/"
                                     "CERT-360caa42-fca2a594-a5cafa77"),
                                 &at));
    assert_int_equal(at.host, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (verify_key_place(i < 7 ? sns : paypal, str_of(bad[i]), &at) == NULL) {
            fail_msg("taken: %s", bad[i]);
        }
    }
    verify_free(sns);
    verify_free(paypal);
}

/* Of another cloud only: AWS has names for what signs its messages. */
static void a_host_that_is_configured_may_be_the_name(void **state)
{
    (void)state;
    static const char *const names[] = {"DNS:a.example", "DNS:b.example", "DNS:x.a.example",
                                        "DNS:sns.amazonaws.com"};
    struct verify_recipe r = *verify_preset(STR("aws-sns"));
    struct verify_key_read read;
    X509_STORE *trusted = X509_STORE_new();
    struct forged ca = forge("ca", NULL, -60, 3600, NULL, forge_rsa(2048));
    assert_int_equal(X509_STORE_add_cert(trusted, ca.x), 1);
    r.x509.parties[0] = STR(AWS_TOPIC);
    r.x509.path = STR("/");
    r.key_hosts[0] = STR("a.example:8443");
    r.key_hosts[1] = STR("b.example");
    for (size_t i = 0; i < 8; i++) {
        char pem[FORGE_PEM] = "";
        struct verify *v;
        assert_int_equal(EVP_PKEY_up_ref(ca.key), 1);
        struct forged f = forge("x", names[i % 4], -60, 3600, &ca, ca.key);
        r.x509.names_host = i < 4;
        assert_null(verify_new(&v, &r, NULL, 0, NULL));
        const char *why = verify_key_read(v, STR("https://a.example:8443/one.pem"),
                                          str_of(forge_pem(&f, pem)), trusted, &read);
        assert_int_equal(why == NULL, i == 0 || i % 4 == 3);
        assert_int_equal(read.key != NULL, why == NULL);
        crypt_public_free(read.key);
        forge_free(&f);
        verify_free(v);
    }
    forge_free(&ca);
    X509_STORE_free(trusted);
}

/* Beside another scheme: its keys are still found, and only what SNS has signed is its word. */
static void may_stand_in_a_group(void **state)
{
    (void)state;
    struct verify *schemes[2], *v, *twice[2], *none;
    struct jwks *keys = aws_keys();
    const struct str secret = STR("token");
    struct verify_recipe r = *verify_preset(STR("gitlab"));
    struct verify_proof proof;
    struct fields fields = {.n = 0};
    struct buf text;
    struct verify_place at;
    buf_init(&text, 2048);
    assert_null(verify_new(&schemes[0], &r, &secret, 1, NULL));
    schemes[1] = sns_for(AWS_TOPIC);
    assert_null(verify_group(&v, STR("both"), schemes, 2, false, NULL));
    struct verify_input in = {STR("POST"), STR("/"), &fields, str_of(aws_unsubscription)};
    assert_ptr_equal(verify_check_by(v, &in, NULL, 0, &proof).detail, VERIFY_UNKNOWN_CERTIFICATE);
    assert_true(verify_key_name(v, &in, &text));
    assert_null(verify_key_place(v, buf_str(&text), &at));
    assert_null(verify_check_by(v, &in, keys, 0, &proof).reason);
    assert_int_equal(verify_control(v, &proof, &in, &text), VERIFY_FAREWELL);
    assert_true(fields_add(&fields, STR("X-Gitlab-Token"), secret));
    assert_null(verify_check_by(v, &in, keys, 0, &proof).reason);
    assert_int_equal(proof.scheme, 0);
    assert_int_equal(verify_control(v, &proof, &in, &text), VERIFY_EVENT);
    twice[0] = sns_for(AWS_TOPIC);
    assert_null(verify_new(&twice[1], verify_preset(STR("plaid")), NULL, 0, NULL));
    assert_non_null(verify_group(&none, STR("both"), twice, 2, false, NULL));
    verify_free(twice[0]);
    verify_free(twice[1]);
    jwks_free(keys);
    buf_done(&text);
    verify_free(v);
}

/* ---- PayPal ---- */

#define PAYPAL_URL "https://api.paypal.com/v1/notifications/certs/CERT-1"
#define PAYPAL_BODY "{\"id\":\"WH-1\"}"
#define PAYPAL_TWIN "{\"id\":\"WH-2\",\"n\":\"gh2cp6\"}" /* of the same CRC-32 */

struct paypal {
    struct verify *v;
    EVP_PKEY *key;
    struct jwks *keys;
    char text[256], signature[2048];
    struct fields fields;
};

static const char *const paypal_names[] = {"Paypal-Transmission-Id", "Paypal-Transmission-Time",
                                           "Paypal-Cert-Url", "Paypal-Auth-Algo",
                                           "Paypal-Transmission-Sig"};

static void paypal_fields(struct paypal *p, const char *webhook, const char *crc)
{
    snprintf(p->text, sizeof p->text, "69cd|2026-02-18T20:01:35Z|%s|%s", webhook, crc);
    forge_sign(p->key, EVP_sha256(), p->text, strlen(p->text), p->signature);
    const char *const values[] = {"69cd", "2026-02-18T20:01:35Z", PAYPAL_URL, "SHA256withRSA",
                                  p->signature};
    p->fields.n = 0;
    for (size_t i = 0; i < 5; i++) {
        assert_true(fields_add(&p->fields, str_of(paypal_names[i]), str_of(values[i])));
    }
}

static void paypal_open(struct paypal *p)
{
    unsigned char *der = NULL;
    struct verify_recipe r = *verify_preset(STR("paypal"));
    memset(p, 0, sizeof *p);
    r.x509.parties[0] = STR("WH9");
    r.x509.parties[1] = STR("WH1");
    assert_null(verify_new(&p->v, &r, NULL, 0, NULL));
    p->key = forge_rsa(2048);
    p->keys = jwks_new();
    int n = i2d_PUBKEY(p->key, &der);
    struct str spki = {(const char *)der, (size_t)n};
    assert_true(jwks_put(p->keys, STR(PAYPAL_URL), crypt_public_new(CRYPT_RSA, spki)));
    OPENSSL_free(der);
    paypal_fields(p, "WH1", "838965618");
}

static void paypal_close(struct paypal *p)
{
    jwks_free(p->keys);
    EVP_PKEY_free(p->key);
    verify_free(p->v);
}

static void takes_what_paypal_signs(void **state)
{
    (void)state;
    struct paypal p;
    paypal_open(&p);
    assert_null(check(p.v, PAYPAL_BODY, &p.fields, p.keys).reason);
    paypal_fields(&p, "WH9", "838965618");
    assert_null(check(p.v, PAYPAL_BODY, &p.fields, p.keys).reason);
    paypal_fields(&p, "WH2", "838965618");
    assert_non_null(check(p.v, PAYPAL_BODY, &p.fields, p.keys).reason);
    paypal_fields(&p, "WH1", "838965619");
    assert_non_null(check(p.v, PAYPAL_BODY, &p.fields, p.keys).reason);
    paypal_fields(&p, "WH1", "838965618");
    assert_non_null(check(p.v, PAYPAL_BODY " ", &p.fields, p.keys).reason);
    paypal_close(&p);
}

static void each_header_of_paypal_counts_once(void **state)
{
    (void)state;
    struct paypal p;
    paypal_open(&p);
    for (size_t i = 0; i < 5; i++) {
        struct fields less = {.n = 0}, more = p.fields, other = p.fields;
        for (size_t k = 0; k < 5; k++) {
            if (k != i) {
                assert_true(fields_add(&less, p.fields.v[k].name, p.fields.v[k].value));
            }
        }
        assert_true(fields_add(&more, p.fields.v[i].name, p.fields.v[i].value));
        other.v[i].value = str_head(other.v[i].value, other.v[i].value.len - 1);
        assert_non_null(check(p.v, PAYPAL_BODY, &less, p.keys).reason);
        assert_non_null(check(p.v, PAYPAL_BODY, &more, p.keys).reason);
        assert_non_null(check(p.v, PAYPAL_BODY, &other, p.keys).reason);
    }
    paypal_close(&p);
}

/* What dedupe takes for the same: one transmission, though a CRC-32 does not tell bodies apart. */
static void a_replay_is_known_by_all_that_is_signed(void **state)
{
    (void)state;
    struct paypal p;
    static const struct verify_proof proof;
    unsigned char first[CRYPT_DIGEST_MAX], again[CRYPT_DIGEST_MAX];
    paypal_open(&p);
    struct verify_input in = {STR("POST"), STR("/"), &p.fields, STR(PAYPAL_BODY)};
    verify_signed_digest(p.v, &proof, &in, first);
    in.target = STR("/other");
    verify_signed_digest(p.v, &proof, &in, again);
    assert_memory_equal(first, again, 32);
    in.body = STR(PAYPAL_TWIN);
    assert_null(check(p.v, PAYPAL_TWIN, &p.fields, p.keys).reason); /* as far as PayPal signs */
    verify_signed_digest(p.v, &proof, &in, again);
    assert_memory_equal(first, again, 32);
    in.body = STR("{}");
    verify_signed_digest(p.v, &proof, &in, again);
    assert_memory_not_equal(first, again, 32);
    in.body = STR(PAYPAL_BODY);
    p.fields.v[0].value = STR("70cd");
    verify_signed_digest(p.v, &proof, &in, again);
    assert_memory_not_equal(first, again, 32);
    paypal_close(&p);
}

/* ---- Plaid ---- */

static void a_token_names_the_key_that_is_asked_for(void **state)
{
    (void)state;
    /* {"alg":"ES256","kid":"k1"}, no kid, an empty one; what is signed is not looked at yet */
    static const char *const tokens[] = {
        "eyJhbGciOiJFUzI1NiIsImtpZCI6ImsxIn0.e30.",
        "eyJhbGciOiJFUzI1NiJ9.e30.",
        "eyJhbGciOiJFUzI1NiIsImtpZCI6IiJ9.e30.",
    };
    char text[256];
    struct verify *v;
    struct verify_place at;
    struct buf name;
    buf_init(&name, 256);
    assert_null(verify_new(&v, verify_preset(STR("plaid")), NULL, 0, NULL));
    for (size_t i = 0; i < 3; i++) {
        struct fields fields = {.n = 0};
        /* r and s of 64 bytes: 86 characters */
        snprintf(text, sizeof text, "%s%086d", tokens[i], 0);
        memset(text + strlen(text) - 86, 'A', 86);
        assert_true(fields_add(&fields, STR("Plaid-Verification"), str_of(text)));
        const struct verify_input in = {STR("POST"), STR("/"), &fields, STR("{}")};
        assert_int_equal(verify_key_name(v, &in, &name), i == 0);
        struct verify_verdict verdict = verify_check_by(v, &in, NULL, 0, NULL);
        assert_int_equal(verdict.detail == VERIFY_UNKNOWN_KEY, i == 0);
    }
    room_text(buf_str(&name), "k1", "name");
    assert_null(verify_key_place(v, buf_str(&name), &at));
    room_text(at.target, "/webhook_verification_key/get", "target");
    assert_true(at.posts && at.host == 0);
    buf_done(&name);
    verify_free(v);
}

static void a_key_that_is_asked_for_has_its_name(void **state)
{
    (void)state;
#define EC                                                                                         \
    "\"kty\":\"EC\",\"crv\":\"P-256\",\"alg\":\"ES256\",\"use\":\"sig\",\"x\":"                    \
    "\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\",\"y\":"                                       \
    "\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\""
    static const char *const bad[][2] = {
        {"{\"key\":{" EC ",\"kid\":\"k2\"}}", "another name"},
        {"{\"key\":{" EC "}}", "another name"},
        {"{\"key\":{" EC ",\"kid\":\"k1\",\"expired_at\":1560466150}}", "has expired"},
        {"{\"key\":{\"kty\":\"EC\",\"kid\":\"k1\"}}", "of the algorithm"},
        {"{\"key\":[]}", "no JSON object"},
        {"{" EC ",\"kid\":\"k1\"}", "no JSON object"},
        {"", "empty"},
        {"{", "no JSON object"},
    };
    struct verify *v;
    struct verify_key_read read;
    assert_null(verify_new(&v, verify_preset(STR("plaid")), NULL, 0, NULL));
    for (size_t i = 0; i < 2; i++) {
        const char *json = i == 0 ? "{\"key\":{" EC ",\"kid\":\"k1\"},\"request_id\":\"r\"}"
                                  : "{\"key\":{" EC ",\"kid\":\"k1\",\"expired_at\":null}}";
        assert_null(verify_key_read(v, STR("k1"), str_of(json), NULL, &read));
        assert_true(read.from_s == 0 && read.until_s == INT64_MAX);
        crypt_public_free(read.key);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *why = verify_key_read(v, STR("k1"), str_of(bad[i][0]), NULL, &read);
        assert_null(read.key);
        room_holds(str_of(why), bad[i][1]);
    }
    verify_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_names_the_key_that_is_asked_for),
        cmocka_unit_test(a_key_that_is_asked_for_has_its_name),
        cmocka_unit_test(takes_what_sns_has_signed),
        cmocka_unit_test(refuses_each_change),
        cmocka_unit_test(only_its_topic_may_send),
        cmocka_unit_test(names_the_certificate_and_the_url),
        cmocka_unit_test(reads_from_its_provider_only),
        cmocka_unit_test(certificates_have_names_of_their_own),
        cmocka_unit_test(a_host_that_is_configured_may_be_the_name),
        cmocka_unit_test(may_stand_in_a_group),
        cmocka_unit_test(takes_what_paypal_signs),
        cmocka_unit_test(each_header_of_paypal_counts_once),
        cmocka_unit_test(a_replay_is_known_by_all_that_is_signed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
