/* What names a certificate, and certificates themselves: of a message of SNS what is signed tells
 * its fields apart, and nothing is read from anywhere but the hosts of the rules. */
#include "base/certificate.h"
#include "model/verify.h"

#include "base/log.h"

#include <openssl/x509.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Takes "name\nvalue\n" off the end, where the value is of one line. */
static void take_last(struct str *text, struct str name, struct str value)
{
    ENSURE(str_ends(*text, STR("\n")));
    text->len--;
    ENSURE(value.len > 0 && memchr(value.at, '\n', value.len) == NULL && str_ends(*text, value));
    text->len -= value.len;
    ENSURE(str_ends(*text, STR("\n")));
    text->len--;
    ENSURE(str_ends(*text, name));
    text->len -= name.len;
}

static void read_message(struct str body)
{
    static const struct str names[X509_FIELDS] = {
        {"Message", 7},   {"MessageId", 9}, {"Subject", 7},  {"SubscribeURL", 12},
        {"Timestamp", 9}, {"Token", 5},     {"TopicArn", 8}, {"Type", 4}};
    struct sns_message m;
    struct buf out;
    buf_init(&out, 8 << 20);
    if (sns_read(&m, body) == NULL) {
        sns_put_signed(&m, &out);
        struct str text = buf_str(&out);
        for (size_t i = X509_FIELDS; i-- > 1;) {
            if ((m.present & 1u << i) != 0) {
                take_last(&text, names[i], m.fields[i]);
            }
        }
        ENSURE(!out.failed && str_starts(text, STR("Message\n")) && str_ends(text, STR("\n")) &&
               text.len == 9 + m.fields[0].len);
    }
    sns_done(&m);
    buf_done(&out);
}

static void check_place(const struct verify_recipe *r, struct str url, struct verify_place *at)
{
    struct str host = r->key_hosts[at->host];
    ENSURE(at->host < 2 && url.len == 8 + host.len + at->target.len && !at->posts);
    ENSURE(memcmp(url.at, "https://", 8) == 0 && memcmp(url.at + 8, host.at, host.len) == 0);
    for (size_t i = 0; i < at->target.len; i++) {
        ENSURE(at->target.at[i] > 0x20 && at->target.at[i] < 0x7f);
    }
}

static void find_place(struct str url)
{
    struct verify_recipe r = *verify_preset(STR("paypal"));
    struct verify *v;
    struct verify_place at;
    r.x509.parties[0] = STR("WH");
    r.x509.path = STR("/p/");
    r.key_hosts[0] = STR("a.example");
    r.key_hosts[1] = STR("b:1");
    ENSURE(verify_new(&v, &r, NULL, 0, NULL) == NULL);
    if (verify_key_place(v, url, &at) == NULL) {
        check_place(&r, url, &at);
        ENSURE(str_starts(at.target, r.x509.path) &&
               memmem(at.target.at, at.target.len, "..", 2) == NULL);
    }
    if (verify_confirm_place(v, url, &at) == NULL) {
        check_place(&r, url, &at);
        ENSURE(str_starts(at.target, STR("/?Action=ConfirmSubscription&")));
    }
    verify_free(v);
}

static void find_host(struct str arn)
{
    struct buf host;
    buf_init(&host, 128);
    if (sns_host(arn, &host)) {
        ENSURE(!host.failed && str_starts(buf_str(&host), STR("sns.")));
        ENSURE(str_ends(buf_str(&host), STR(".amazonaws.com")) ||
               str_ends(buf_str(&host), STR(".amazonaws.com.cn")));
        ENSURE(memchr(host.at, '/', host.len) == NULL && memchr(host.at, '@', host.len) == NULL);
    }
    buf_done(&host);
}

static void read_certificate(struct str pem)
{
    static const struct str names[] = {
        {"sns.amazonaws.com", 17}, {"sns-*.amazonaws.com", 19}, {NULL, 0}};
    struct certificate c;
    X509_STORE *nobody = X509_STORE_new();
    ENSURE(nobody != NULL);
    const char *why = certificate_read(&c, pem, names, nobody);
    ENSURE((why == NULL) == (c.key != NULL));
    crypt_public_free(c.key);
    X509_STORE_free(nobody);
}

/* As it comes from outside: nobody's certificate is there, so nothing is genuine. */
static void check_request(struct str body)
{
    static const struct fields none;
    struct verify_recipe r = *verify_preset(STR("aws-sns"));
    struct verify *v;
    struct buf url;
    r.x509.parties[0] = STR("arn:aws:sns:us-east-1:1:a");
    r.key_hosts[0] = STR("sns.us-east-1.amazonaws.com");
    ENSURE(verify_new(&v, &r, NULL, 0, NULL) == NULL);
    const struct verify_input in = {STR("POST"), STR("/"), &none, body};
    struct verify_verdict verdict = verify_check_by(v, &in, NULL, 0, NULL);
    ENSURE(verdict.reason == VERIFY_BAD_SIGNATURE && verdict.detail != NULL);
    buf_init(&url, X509_URL);
    bool named = verify_key_name(v, &in, &url);
    ENSURE(named == (verdict.detail == VERIFY_UNKNOWN_CERTIFICATE));
    ENSURE(!named || (str_starts(buf_str(&url), STR("https://sns.us-east-1.amazonaws.com/")) &&
                      str_ends(buf_str(&url), STR(".pem"))));
    buf_done(&url);
    verify_free(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data + 1, n > 0 ? n - 1 : 0};
    switch (n > 0 ? data[0] % 4 : 4) {
    case 0:
        read_message(text);
        check_request(text);
        break;
    case 1:
        find_place(text);
        break;
    case 2:
        find_host(text);
        break;
    case 3:
        read_certificate(text);
        break;
    default:
        break;
    }
    return 0;
}
