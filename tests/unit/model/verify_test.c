/* Signatures: vectors made here with OpenSSL's one-shot HMAC, and everything that must be refused.
 */
#include "room.h"

#include "model/provider.h"
#include "model/verify.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#define NOW 1735689600 /* 2025-01-01T00:00:00Z */

struct bench { /* a verifier and a request under construction */
    struct verify *v;
    struct fields fields;
    char text[16][512];
    size_t texts;
    const char *target;
};

static void bench_open(struct bench *b, const struct verify_recipe *r, const char *one,
                       const char *two)
{
    memset(b, 0, sizeof *b);
    struct str secrets[2] = {str_of(one), str_of(two)};
    int bad;
    const char *why = verify_new(&b->v, r, secrets, two != NULL ? 2 : one != NULL ? 1 : 0, &bad);
    if (why != NULL) {
        fail_msg("%s", why);
    }
}

static void bench_preset(struct bench *b, const char *preset, const char *one, const char *two)
{
    const struct verify_recipe *r = verify_preset(str_of(preset));
    assert_non_null(r);
    bench_open(b, r, one, two);
    room_text(verify_name(b->v), preset, "name");
}

static void bench_close(struct bench *b)
{
    verify_free(b->v);
}

/* Adds a header whose value is formatted. */
__attribute__((format(printf, 3, 4))) static void header(struct bench *b, const char *name,
                                                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = b->text[b->texts++];
    vsnprintf(text, sizeof b->text[0], format, args);
    va_end(args);
    assert_true(fields_add(&b->fields, str_of(name), str_of(text)));
}

static struct verify_verdict check(struct bench *b, const char *body, int64_t now)
{
    struct verify_input in = {STR("POST"), str_of(b->target == NULL ? "/hooks/x" : b->target),
                              &b->fields, str_of(body)};
    return verify_check(b->v, &in, now);
}

static void genuine(struct bench *b, const char *body, int64_t now, int secret)
{
    struct verify_verdict got = check(b, body, now);
    if (got.reason != NULL) {
        fail_msg("%s: %s", got.reason, got.detail);
    }
    assert_int_equal(got.secret, secret);
}

static void refused(struct bench *b, const char *body, int64_t now, const char *reason,
                    const char *detail)
{
    struct verify_verdict got = check(b, body, now);
    assert_ptr_equal(got.reason, reason);
    assert_int_equal(got.secret, -1);
    room_holds(str_of(got.detail), detail);
}

/* The independent path: OpenSSL's HMAC(), its hex and base64 by EVP_EncodeBlock. */
static const char *mac(const EVP_MD *md, const void *key, size_t key_len, const char *text,
                       bool base64)
{
    static char out[8][200];
    static int turn;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n;
    char *to = out[turn = (turn + 1) % 8];
    HMAC(md, key, (int)key_len, (const unsigned char *)text, strlen(text), digest, &n);
    if (base64) {
        EVP_EncodeBlock((unsigned char *)to, digest, (int)n);
    } else {
        for (unsigned i = 0; i < n; i++) {
            snprintf(to + 2 * i, 3, "%02x", digest[i]);
        }
    }
    return to;
}

static const char *hex(const char *key, const char *text)
{
    return mac(EVP_sha256(), key, strlen(key), text, false);
}

/* ---- presets ---- */

static void stripe(void **state)
{
    (void)state;
    struct bench b;
    const char *body = "{\"id\":\"evt_1\"}", *text = "1735689600.{\"id\":\"evt_1\"}";
    bench_preset(&b, "stripe", "whsec_abc", NULL);
    header(&b, "Stripe-Signature", "t=1735689600,v1=%s", hex("whsec_abc", text));
    genuine(&b, body, NOW, 0);
    refused(&b, "{\"id\":\"evt_2\"}", NOW, VERIFY_BAD_SIGNATURE, "no secret");
    refused(&b, "", NOW, VERIFY_BAD_SIGNATURE, "no secret");
    bench_close(&b);
    /* whsec_ belongs to the key */
    bench_preset(&b, "stripe", "abc", NULL);
    header(&b, "Stripe-Signature", "t=1735689600,v1=%s", hex("whsec_abc", text));
    refused(&b, body, NOW, VERIFY_BAD_SIGNATURE, "no secret");
    bench_close(&b);
    /* v0 and unknown keys are skipped, several v1 are tried, items are trimmed */
    bench_preset(&b, "stripe", "whsec_abc", NULL);
    header(&b, "stripe-signature", " t=1735689600, v0=%s,v1=%s , x, y=z,v1=%s",
           hex("whsec_abc", text), hex("other", text), hex("whsec_abc", text));
    genuine(&b, body, NOW, 0);
    bench_close(&b);
    /* v0 alone is not enough */
    bench_preset(&b, "stripe", "whsec_abc", NULL);
    header(&b, "Stripe-Signature", "t=1735689600,v0=%s", hex("whsec_abc", text));
    refused(&b, body, NOW, VERIFY_BAD_SIGNATURE, "no signature");
    bench_close(&b);
}

static void github(void **state)
{
    (void)state;
    struct bench b;
    /* https://docs.github.com/webhooks: its own test vector */
    bench_preset(&b, "github", "It's a Secret to Everybody", NULL);
    header(&b, "X-Hub-Signature-256",
           "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    genuine(&b, "Hello, World!", NOW, 0);
    genuine(&b, "Hello, World!", NOW + 100000000, 0); /* no timestamp, no age */
    refused(&b, "Hello, World", NOW, VERIFY_BAD_SIGNATURE, "no secret");
    bench_close(&b);
    bench_preset(&b, "github", "k", NULL);
    header(&b, "x-hub-signature-256", "sha256=%s", hex("k", ""));
    genuine(&b, "", NOW, 0); /* an empty body is signed like any other */
    bench_close(&b);
    bench_preset(&b, "github", "k", NULL);
    header(&b, "X-Hub-Signature", "sha1=%s", mac(EVP_sha1(), "k", 1, "x", false));
    refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "missing"); /* the legacy header does not count */
    bench_close(&b);
    bench_preset(&b, "github", "k", NULL);
    header(&b, "X-Hub-Signature-256", "%s", hex("k", "x"));
    refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "no signature"); /* sha256= is part of the form */
    bench_close(&b);
    assert_int_equal(verify_preset(STR("github"))->body_bytes, 25 * 1024 * 1024);
}

static void shopify(void **state)
{
    (void)state;
    static const char *const names[] = {"X-Shopify-Hmac-Sha256", "shopify-hmac-sha256"};
    for (size_t i = 0; i < 2; i++) {
        struct bench b;
        bench_preset(&b, "shopify", "hush", NULL);
        header(&b, names[i], "%s", mac(EVP_sha256(), "hush", 4, "{\"id\":1}", true));
        genuine(&b, "{\"id\":1}", NOW, 0);
        refused(&b, "{\"id\":2}", NOW, VERIFY_BAD_SIGNATURE, "no secret");
        bench_close(&b);
    }
}

static void slack(void **state)
{
    (void)state;
    struct bench b;
    /* https://api.slack.com/authentication/verifying-requests-from-slack: its own example */
    const char *body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&"
                       "channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&"
                       "user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url="
                       "https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F"
                       "96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121."
                       "803a0bc887a14d10d2c447fce8b6703c";
    bench_preset(&b, "slack", "8f742231b10e8888abcd99yyyzzz85a5", NULL);
    header(&b, "X-Slack-Signature",
           "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503");
    header(&b, "X-Slack-Request-Timestamp", "1531420618");
    genuine(&b, body, 1531420618, 0);
    refused(&b, body, 1531420618 + 301, VERIFY_STALE_TIMESTAMP, "old");
    bench_close(&b);
    bench_preset(&b, "slack", "k", NULL);
    header(&b, "X-Slack-Signature", "v0=%s", hex("k", "v0:1735689600:x"));
    refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "timestamp is missing");
    bench_close(&b);
}

static void standard(void **state)
{
    (void)state;
    struct bench b;
    /* The vector that standard-webhooks' libraries test with. */
    const char *secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const char *body = "{\"test\": 2432232314}";
    bench_preset(&b, "standard", secret, NULL);
    header(&b, "webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek");
    header(&b, "webhook-timestamp", "1614265330");
    header(&b, "webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    genuine(&b, body, 1614265330, 0);
    refused(&b, "{\"test\": 2432232315}", 1614265330, VERIFY_BAD_SIGNATURE, "no secret");
    bench_close(&b);
    /* without the prefix; a list with v1a and another key before it */
    bench_preset(&b, "standard", secret + 6, NULL);
    header(&b, "webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek");
    header(&b, "webhook-timestamp", "1614265330");
    header(&b, "webhook-signature",
           "v1a,%s v1,%s v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "AAAA",
           mac(EVP_sha256(), "k", 1, "x", true));
    genuine(&b, body, 1614265330, 0);
    bench_close(&b);
    /* the id is signed, and needed */
    bench_preset(&b, "standard", secret, NULL);
    header(&b, "webhook-id", "msg_other");
    header(&b, "webhook-timestamp", "1614265330");
    header(&b, "webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    refused(&b, body, 1614265330, VERIFY_BAD_SIGNATURE, "no secret");
    bench_close(&b);
    bench_preset(&b, "standard", secret, NULL);
    header(&b, "webhook-timestamp", "1614265330");
    header(&b, "webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    refused(&b, body, 1614265330, VERIFY_BAD_SIGNATURE, "id header");
    bench_close(&b);
}

static void none_takes_everything(void **state)
{
    (void)state;
    struct bench b;
    bench_preset(&b, "none", NULL, NULL);
    genuine(&b, "anything", NOW, -1);
    bench_close(&b);
}

/* ---- rules of all schemes ---- */

static void either_secret_and_any_signature(void **state)
{
    (void)state;
    struct bench b;
    const char *text = "1735689600.x";
    bench_preset(&b, "stripe", "new", "old");
    header(&b, "Stripe-Signature", "t=1735689600,v1=%s", hex("old", text));
    genuine(&b, "x", NOW, 1);
    bench_close(&b);
    bench_preset(&b, "stripe", "new", "old");
    header(&b, "Stripe-Signature", "t=1735689600,v1=%s,v1=%s", hex("third", text),
           hex("new", text));
    genuine(&b, "x", NOW, 0);
    bench_close(&b);
    bench_preset(&b, "stripe", "new", "old");
    header(&b, "Stripe-Signature", "t=1735689600,v1=%s", hex("third", text));
    refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "no secret");
    bench_close(&b);
}

static void tries_eight_signatures_at_most(void **state)
{
    (void)state;
    for (int before = 7; before <= 8; before++) {
        struct bench b;
        char value[1024];
        size_t n = (size_t)snprintf(value, sizeof value, "t=1735689600");
        for (int i = 0; i <= before; i++) {
            n += (size_t)snprintf(value + n, sizeof value - n, ",v1=%s",
                                  hex(i == before ? "k" : "no", "1735689600.x"));
        }
        bench_preset(&b, "stripe", "k", NULL);
        assert_true(fields_add(&b.fields, STR("Stripe-Signature"), (struct str){value, n}));
        if (before == 7) {
            genuine(&b, "x", NOW, 0);
        } else {
            refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "no secret");
        }
        bench_close(&b);
    }
}

static void tolerance_holds_both_ways(void **state)
{
    (void)state;
    struct bench b;
    bench_preset(&b, "stripe", "k", NULL);
    header(&b, "Stripe-Signature", "t=1735689600,v1=%s", hex("k", "1735689600.x"));
    genuine(&b, "x", NOW + 300, 0);
    refused(&b, "x", NOW + 301, VERIFY_STALE_TIMESTAMP, "too old");
    genuine(&b, "x", NOW - 300, 0);
    refused(&b, "x", NOW - 301, VERIFY_STALE_TIMESTAMP, "ahead");
    refused(&b, "x", 0, VERIFY_STALE_TIMESTAMP, "ahead");
    /* a forged one is a bad signature, however stale: only genuine ones are told about time */
    refused(&b, "y", NOW + 9999, VERIFY_BAD_SIGNATURE, "no secret");
    bench_close(&b);
}

static void timestamps_are_strict(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "1735689600abc", "+1735689600",          "-1",         "",
        "1735689600.0",  "99999999999999999999", "0x67749580", "1.7e9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bench b;
        char text[64];
        snprintf(text, sizeof text, "%s.x", bad[i]);
        bench_preset(&b, "stripe", "k", NULL);
        header(&b, "Stripe-Signature", "t=%s,v1=%s", bad[i], hex("k", text));
        refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "timestamp");
        bench_close(&b);
    }
}

static void what_occurs_twice_is_refused(void **state)
{
    (void)state;
    struct bench b;
    bench_preset(&b, "github", "k", NULL);
    header(&b, "X-Hub-Signature-256", "sha256=%s", hex("k", "x"));
    header(&b, "x-hub-signature-256", "sha256=%s", hex("k", "x"));
    refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "twice");
    bench_close(&b);
    bench_preset(&b, "github", "k", NULL); /* as a proxy joins them */
    header(&b, "X-Hub-Signature-256", "sha256=%s, sha256=%s", hex("k", "x"), hex("k", "x"));
    refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "no signature");
    bench_close(&b);
    bench_preset(&b, "stripe", "k", NULL);
    header(&b, "Stripe-Signature", "t=1735689600,t=1735689600,v1=%s", hex("k", "1735689600.x"));
    refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "timestamp occurs twice");
    bench_close(&b);
    bench_preset(&b, "slack", "k", NULL);
    header(&b, "X-Slack-Signature", "v0=%s", hex("k", "v0:1735689600:x"));
    header(&b, "X-Slack-Request-Timestamp", "1735689600");
    header(&b, "X-Slack-Request-Timestamp", "1735689600");
    refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "timestamp header occurs twice");
    bench_close(&b);
}

static void encodings_are_strict_but_for_the_case_of_hex(void **state)
{
    (void)state;
    struct bench b;
    char upper[65];
    snprintf(upper, sizeof upper, "%s", hex("k", "x"));
    for (char *c = upper; *c != '\0'; c++) {
        *c = (char)(*c >= 'a' ? *c - 32 : *c);
    }
    bench_preset(&b, "github", "k", NULL);
    header(&b, "X-Hub-Signature-256", "sha256=%s", upper);
    genuine(&b, "x", NOW, 0);
    bench_close(&b);
    const char *good = mac(EVP_sha256(), "k", 1, "x", true);
    const char *formats[] = {"%s=", "%.43s", "%.42s-=", "%.20s\n%s", "%.20s %s", "%s%s", "%.4s"};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        bench_preset(&b, "shopify", "k", NULL);
        char value[128];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(value, sizeof value, formats[i], good, good + 20);
#pragma GCC diagnostic pop
        header(&b, "X-Shopify-Hmac-Sha256", "%s", value);
        refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "no signature");
        bench_close(&b);
    }
    static const char *const bad[] = {"",          "sha256=", "sha256",   "=",
                                      "sha256=zz", "sha1=00", "SHA256=00"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        bench_preset(&b, "github", "k", NULL);
        header(&b, "X-Hub-Signature-256", "%s", bad[i]);
        refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "no signature");
        bench_close(&b);
    }
    bench_preset(&b, "github", "k", NULL);
    refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "header is missing");
    bench_close(&b);
}

static void a_flip_of_any_bit_is_noticed(void **state)
{
    (void)state;
    unsigned char digest[32];
    size_t n;
    assert_true(text_get_hex(str_of(hex("k", "x")), digest, sizeof digest, &n));
    for (size_t bit = 0; bit < 256; bit++) {
        struct bench b;
        char text[65] = {0};
        digest[bit / 8] = (unsigned char)(digest[bit / 8] ^ 1u << bit % 8);
        text_put_hex(text, digest, 32);
        digest[bit / 8] = (unsigned char)(digest[bit / 8] ^ 1u << bit % 8);
        bench_preset(&b, "github", "k", NULL);
        header(&b, "X-Hub-Signature-256", "sha256=%s", text);
        refused(&b, "x", NOW, VERIFY_BAD_SIGNATURE, "no secret");
        bench_close(&b);
    }
}

/* ---- recipes of one's own ---- */

static struct verify_recipe plain(void)
{
    return (struct verify_recipe){.name = STR("hmac"),
                                  .digest = CRYPT_SHA256,
                                  .headers = {STR("X-Sig")},
                                  .signed_text = STR("{body}")};
}

static void square_and_hubspot_sign_the_url(void **state)
{
    (void)state;
    struct bench b;
    struct verify_recipe r = plain();
    r.encoding = VERIFY_BASE64;
    r.signed_text = STR("{url}{body}");
    r.public_url = STR("https://relay.example/hooks/square");
    bench_open(&b, &r, "k", NULL);
    header(&b, "X-Sig", "%s",
           mac(EVP_sha256(), "k", 1, "https://relay.example/hooks/square{}", true));
    genuine(&b, "{}", NOW, 0);
    bench_close(&b);
    r.signed_text = STR("{method}{url}{body}{ts}");
    r.ts_headers[0] = STR("X-Ts");
    r.unit = TIMESTAMP_MILLISECONDS;
    r.past_s = 300;
    bench_open(&b, &r, "k", NULL);
    header(&b, "X-Ts", "1735689600123");
    header(
        &b, "X-Sig", "%s",
        mac(EVP_sha256(), "k", 1, "POSThttps://relay.example/hooks/square{}1735689600123", true));
    genuine(&b, "{}", NOW, 0);
    genuine(&b, "{}", NOW - 1000, 0); /* the future is not looked at here */
    refused(&b, "{}", NOW + 301, VERIFY_STALE_TIMESTAMP, "old");
    bench_close(&b);
}

static void other_digests_encodings_units_and_keys(void **state)
{
    (void)state;
    struct bench b;
    struct verify_recipe r = plain();
    r.digest = CRYPT_SHA1;
    bench_open(&b, &r, "k", NULL);
    header(&b, "X-Sig", "%s", mac(EVP_sha1(), "k", 1, "x", false));
    genuine(&b, "x", NOW, 0);
    bench_close(&b);
    r.digest = CRYPT_SHA512;
    r.key = VERIFY_KEY_HEX;
    bench_open(&b, &r, "00ff10", NULL);
    header(&b, "X-Sig", "%s", mac(EVP_sha512(), "\x00\xff\x10", 3, "x", false));
    genuine(&b, "x", NOW, 0);
    bench_close(&b);
    r = plain();
    r.encoding = VERIFY_BASE64URL;
    r.signed_text = STR("{ts}.{body}");
    r.ts_headers[0] = STR("X-Ts");
    r.unit = TIMESTAMP_ISO8601;
    r.past_s = r.future_s = 60;
    bench_open(&b, &r, "k", NULL);
    char url[64];
    snprintf(url, sizeof url, "%.43s", mac(EVP_sha256(), "k", 1, "2025-01-01T00:00:00Z.x", true));
    for (char *c = url; *c != '\0'; c++) {
        *c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
    }
    header(&b, "X-Ts", "2025-01-01T00:00:00Z");
    header(&b, "X-Sig", "%s", url);
    genuine(&b, "x", NOW + 60, 0);
    refused(&b, "x", NOW + 61, VERIFY_STALE_TIMESTAMP, "old");
    bench_close(&b);
}

static void every_header_of_a_list_is_tried(void **state)
{
    (void)state;
    struct bench b;
    struct verify_recipe r = plain();
    r.headers[1] = STR("X-Sig-2");
    bench_open(&b, &r, "k", NULL);
    header(&b, "X-Sig", "%s", hex("rolled", "x"));
    header(&b, "X-Sig-2", "%s", hex("k", "x"));
    genuine(&b, "x", NOW, 0);
    bench_close(&b);
}

static void impossible_recipes_are_refused(void **state)
{
    (void)state;
    struct verify_recipe good = plain();
    struct {
        struct verify_recipe r;
        const char *why;
    } rows[13];
    for (size_t i = 0; i < 13; i++) {
        rows[i].r = good;
    }
    rows[0].r.headers[0] = STR_NONE, rows[0].why = "not named";
    rows[1].r.kv_sep = '=', rows[1].why = "sig_key";
    rows[2].r.sig_key = STR("v1"), rows[2].why = "need kv_sep";
    rows[3].r.signed_text = STR("{ts}"), rows[3].why = "{body}";
    rows[4].r.signed_text = STR("{ts}{body}"), rows[4].why = "neither a header";
    rows[5].r.ts_headers[0] = STR("X-Ts"), rows[5].why = "anybody could change";
    rows[6].r.signed_text = STR("{id}{body}"), rows[6].why = "{id}";
    rows[7].r.signed_text = STR("{url}{body}"), rows[7].why = "public_url";
    rows[8].r.signed_text = STR("{body}{what}"), rows[8].why = "knows {body}";
    rows[9].r.signed_text = STR("{body}{ts"), rows[9].why = "not closed";
    rows[10].r.signed_text =
        STR("{body}{body}{body}{body}{body}{body}{body}{body}{body}{body}{body}"
            "{body}{body}{body}{body}{body}{body}"),
    rows[10].why = "too many";
    rows[11].r.kv_sep = rows[11].r.item_sep = ',', rows[11].r.sig_key = STR("a"),
    rows[11].why = "must differ";
    rows[12].r.item_sep = ',', rows[12].r.kv_sep = '=', rows[12].r.sig_key = STR("a");
    rows[12].r.ts_key = STR("a"), rows[12].why = "sig_key and ts_key must differ";
    struct str secret = STR("k");
    for (size_t i = 0; i < 13; i++) {
        struct verify *v;
        int bad = 7;
        const char *why = verify_new(&v, &rows[i].r, &secret, 1, &bad);
        assert_non_null(why);
        assert_null(v);
        assert_int_equal(bad, -1);
        room_holds(str_of(why), rows[i].why);
    }
}

static void bad_secrets_are_refused(void **state)
{
    (void)state;
    struct verify *v;
    int bad;
    struct str two[] = {STR("a"), STR_NONE};
    struct str nine[9];
    for (size_t i = 0; i < 9; i++) {
        nine[i] = STR("a");
    }
    struct verify_recipe r = plain();
    room_holds(str_of(verify_new(&v, &r, NULL, 0, &bad)), "needed");
    room_holds(str_of(verify_new(&v, &r, two, 2, &bad)), "empty");
    assert_int_equal(bad, 1);
    room_holds(str_of(verify_new(&v, &r, nine, 9, NULL)), "at most 8");
    struct str words = STR("not base64!");
    room_holds(str_of(verify_new(&v, verify_preset(STR("standard")), &words, 1, &bad)),
               "not base64");
    words = STR("whsec_"); /* what stood behind it was perhaps a variable */
    room_holds(str_of(verify_new(&v, verify_preset(STR("standard")), &words, 1, &bad)),
               "empty behind its prefix");
    words = verify_preset(STR("polar"))->key_prefix;
    assert_true(words.len > 0);
    room_holds(str_of(verify_new(&v, verify_preset(STR("polar")), &words, 1, &bad)),
               "empty behind its prefix");
    words = r.key_prefix = STR("p_");
    room_holds(str_of(verify_new(&v, &r, &words, 1, &bad)), "empty behind its prefix");
    r.key_prefix = STR_NONE;
    static const char *const basic[] = {"user", ":", "user:"};
    for (size_t i = 0; i < sizeof basic / sizeof *basic; i++) {
        words = str_of(basic[i]);
        room_holds(str_of(verify_new(&v, verify_preset(STR("postmark")), &words, 1, &bad)),
                   "user:password");
    }
    r.key = VERIFY_KEY_HEX;
    words = STR("abc");
    room_holds(str_of(verify_new(&v, &r, &words, 1, &bad)), "hexadecimal");
}

/* ---- signing ---- */

static void sign_and_check(struct verify *v, struct str body)
{
    struct fields fields = {0};
    struct buf out;
    buf_init(&out, 4096);
    assert_null(verify_sign(v, STR("POST"), body, NOW, STR("msg_1"), &fields, &out));
    struct verify_input in = {STR("POST"), STR("/hooks/x"), &fields, body};
    struct verify_verdict got = verify_check(v, &in, NOW + 5);
    if (got.reason != NULL) {
        fail_msg("%.*s: %s", STR_ARG(verify_name(v)), got.detail);
    }
    buf_done(&out);
}

/* Its newer secrets are keys in base64, its older ones are keys as they are. */
static void polar_signs_by_either_key(void **state)
{
    (void)state;
    struct bench b;
    const char *body = "{\"type\":\"order.paid\"}",
               *text = "m1.1735689600.{\"type\":\"order.paid\"}";
    const char *const secrets[] = {"whsec_c2VjcmV0", "whsec_c2VjcmV0", "polar-secret!"};
    const char *const keys[] = {"secret", "whsec_c2VjcmV0", "polar-secret!"};
    for (int i = 0; i < 3; i++) {
        bench_preset(&b, "polar", secrets[i], NULL);
        header(&b, "webhook-id", "m1");
        header(&b, "webhook-timestamp", "1735689600");
        header(&b, "webhook-signature", "v1,%s",
               mac(EVP_sha256(), keys[i], strlen(keys[i]), text, true));
        genuine(&b, body, NOW, 0);
        refused(&b, "{}", NOW, VERIFY_BAD_SIGNATURE, "no secret");
        bench_close(&b);
    }
}

/* ---- signatures in the body, and over a form ---- */

static void mailgun_signs_a_token(void **state)
{
    (void)state;
    struct bench b;
    char body[512];
    const char *event = "\"event-data\":{\"event\":\"opened\"}";
    bench_preset(&b, "mailgun", "old", "key");
    snprintf(
        body, sizeof body,
        "{\"signature\":{\"token\":\"tok\",\"timestamp\":\"1529006854\",\"signature\":\"%s\"},%s}",
        hex("key", "1529006854tok"), event);
    genuine(&b, body, NOW, 1);
    snprintf(
        body, sizeof body,
        "{\"signature\":{\"token\":\"tik\",\"timestamp\":\"1529006854\",\"signature\":\"%s\"},%s}",
        hex("key", "1529006854tok"), event);
    refused(&b, body, NOW, VERIFY_BAD_SIGNATURE, "no secret made the signature in the body");
    static const struct {
        const char *time, *token;
        bool good;
    } cuts[] = {
        {"1529006854", "\"tok\"", true},      {"\"152900685\"", "\"4tok\"", false},
        {"152900685", "\"4tok\"", false},     {"\"1529006854t\"", "\"ok\"", false},
        {"1.5", "\"1529006854tok\"", false},  {"null", "\"1529006854tok\"", false},
        {"\"\"", "\"1529006854tok\"", false},
    };
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        snprintf(body, sizeof body,
                 "{\"signature\":{\"token\":%s,\"timestamp\":%s,\"signature\":\"%s\"}}",
                 cuts[i].token, cuts[i].time, hex("key", "1529006854tok"));
        if (cuts[i].good) {
            genuine(&b, body, NOW, 1);
        } else {
            refused(&b, body, NOW, VERIFY_BAD_SIGNATURE, "signed in the body");
        }
    }
    refused(&b, "{\"signature\":{}}", NOW, VERIFY_BAD_SIGNATURE, "ten digits");
    refused(&b, "{\"signature\":\"x\"}", NOW, VERIFY_BAD_SIGNATURE, "signed in the body");
    refused(&b, "[1", NOW, VERIFY_BAD_SIGNATURE, "is no JSON");
    refused(&b, "", NOW, VERIFY_BAD_SIGNATURE, "is no JSON");
    bench_close(&b);
}

#define ADYEN_MORE(amount, signature, more)                                                        \
    "{\"NotificationRequestItem\":{\"additionalData\":{\"hmacSignature\":\"" signature             \
    "\"},\"amount\":{\"value\":" amount ",\"currency\":\"EUR\"},"                                  \
    "\"pspReference\":\"7914073381342284\",\"eventCode\":\"AUTHORISATION\","                       \
    "\"merchantAccountCode\":\"TestMerchant\",\"merchantReference\":"                              \
    "\"TestPayment-1407325143704\",\"success\":\"true\"" more "}}"
#define ADYEN_ITEM(amount, signature) ADYEN_MORE(amount, signature, "")

/* The test of Adyen's own libraries. */
static void adyen_signs_each_item(void **state)
{
    (void)state;
    struct bench b;
    bench_preset(&b, "adyen", "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
                 NULL);
#define GOOD ADYEN_ITEM("1130", "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=")
#define BAD ADYEN_ITEM("9130", "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=")
    genuine(&b, "{\"notificationItems\":[" GOOD "]}", NOW, 0);
    genuine(&b, "{\"notificationItems\":[" GOOD "," GOOD "]}", NOW, 0);
    refused(&b, "{\"notificationItems\":[" GOOD "," BAD "]}", NOW, VERIFY_BAD_SIGNATURE,
            "no secret");
    refused(&b, "{\"notificationItems\":[" BAD "]}", NOW, VERIFY_BAD_SIGNATURE, "no secret");
    refused(&b, "{\"notificationItems\":[" BAD "],\"notificationItems\":[" GOOD "]}", NOW,
            VERIFY_BAD_SIGNATURE, "no secret");
    static const struct {
        const char *more, *why; /* NULL: it is genuine */
    } mores[] = {
        {",\"originalReference\":null", NULL},
        {",\"originalReference\":\"\"", NULL},
        {",\"originalReference\":\"X\"", "no secret"},
        {",\"originalReference\":\"X\",\"originalReference\":\"X\"", "signed in the body"},
        {",\"originalReference\":[\"X\"]", "signed in the body"},
        {",\"originalReference\":{\"a\":1}", "signed in the body"},
        {",\"originalReference\":true", "signed in the body"},
        {",\"originalReference\":1.5", "signed in the body"},
        {",\"amount\":{}", "signed in the body"}, /* twice, on the way */
    };
    for (size_t i = 0; i < sizeof mores / sizeof mores[0]; i++) {
        char body[800];
        snprintf(body, sizeof body,
                 "{\"notificationItems\":[" ADYEN_MORE(
                     "1130", "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=", "%s") "]}",
                 mores[i].more);
        if (mores[i].why == NULL) {
            genuine(&b, body, NOW, 0);
        } else {
            refused(&b, body, NOW, VERIFY_BAD_SIGNATURE, mores[i].why);
        }
    }
    refused(&b, "{\"notificationItems\":[]}", NOW, VERIFY_BAD_SIGNATURE, "no secret");
    refused(&b, "{\"notificationItems\":{}}", NOW, VERIFY_BAD_SIGNATURE, "no secret");
    refused(&b, GOOD, NOW, VERIFY_BAD_SIGNATURE, "no secret");
    bench_close(&b);
}

static void graph_shows_its_token_in_each_item(void **state)
{
    (void)state;
    struct bench b;
    bench_preset(&b, "microsoft-graph", "mine", NULL);
    genuine(&b, "{\"value\":[{\"clientState\":\"mine\"},{\"clientState\":\"mine\"}]}", NOW, 0);
    refused(&b, "{\"value\":[{\"clientState\":\"mine\"},{\"clientState\":\"min\"}]}", NOW,
            VERIFY_BAD_SIGNATURE, "no secret");
    refused(&b, "{\"value\":[{\"clientState\":\"mine\"},{}]}", NOW, VERIFY_BAD_SIGNATURE,
            "no secret");
    refused(&b, "{\"value\":[]}", NOW, VERIFY_BAD_SIGNATURE, "no secret");
    bench_close(&b);
}

/* The vectors are of twilio-node's own tests. */
static void twilio_signs_a_form_or_the_hash_of_a_body(void **state)
{
    (void)state;
    struct bench b;
    struct verify_recipe r = *verify_preset(STR("twilio"));
    r.public_url = STR("https://mycompany.com/myapp.php");
    const char *form = "To=%2B18005551212&CallSid=CA1234567890ABCDE&Caller=%2B14158675309&"
                       "From=%2B14158675309&Digits=1234";
    bench_open(&b, &r, "12345", NULL);
    header(&b, "X-Twilio-Signature", "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    header(&b, "Content-Type", "application/x-www-form-urlencoded; charset=UTF-8");
    b.target = "/hooks/twilio?foo=1&bar=2";
    genuine(&b, form, NOW, 0);
    refused(&b, "To=%2B18005551212&CallSid=CA1234567890ABCDE", NOW, VERIFY_BAD_SIGNATURE,
            "no secret");
    genuine(&b,
            "Digits=1234&To=%2B18005551212&CallSid=CA1234567890ABCDE&Caller=%2B14158675309&"
            "From=%2B14158675309&Digits=1234",
            NOW, 0); /* said twice, signed once */
    refused(&b, "To=%2", NOW, VERIFY_BAD_SIGNATURE, "the form is not written as one");
    b.target = "/hooks/twilio?foo=1&bar=3";
    refused(&b, form, NOW, VERIFY_BAD_SIGNATURE, "no secret");
    b.target = "/hooks/twilio?foo=1&bar=2&bodySHA256=00";
    refused(&b, form, NOW, VERIFY_BAD_SIGNATURE, "hash of the body");
    bench_close(&b);
    r.body_hash = STR_NONE;
    struct verify *none;
    const struct str secret = STR("12345");
    room_holds(str_of(verify_new(&none, &r, &secret, 1, NULL)),
               "{form}, {/pointer} and their like are of presets");
    r.body_hash = STR("bodySHA256");
    r.builds = false;
    room_holds(str_of(verify_new(&none, &r, &secret, 1, NULL)), "are of presets");
    r.builds = true;
    const char *body = "{\"property\": \"value\", \"boolean\": true}";
    bench_open(&b, &r, "12345", NULL);
    header(&b, "X-Twilio-Signature", "a9nBmqA0ju/hNViExpshrM61xv4=");
    header(&b, "Content-Type", "application/json");
    b.target = "/hooks/twilio?foo=1&bar=2&bodySHA256="
               "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    genuine(&b, body, NOW, 0);
    refused(&b, "{\"property\": \"other\"}", NOW, VERIFY_BAD_SIGNATURE, "hash of the body");
    b.target = "/hooks/twilio?foo=1&bar=2";
    refused(&b, body, NOW, VERIFY_BAD_SIGNATURE, "hash of the body");
    bench_close(&b);
    bench_open(&b, &r, "12345", NULL); /* called a form, but its body is none that was signed */
    header(&b, "X-Twilio-Signature", "a9nBmqA0ju/hNViExpshrM61xv4=");
    header(&b, "Content-Type", "application/x-www-form-urlencoded");
    b.target = "/hooks/twilio?foo=1&bar=2&bodySHA256="
               "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
    refused(&b, "&=&", NOW, VERIFY_BAD_SIGNATURE, "hash of the body");
    bench_close(&b);
    bench_open(&b, &r, "12345", NULL); /* nor may it read like the query that was */
    header(&b, "X-Twilio-Signature", "a9nBmqA0ju/hNViExpshrM61xv4=");
    header(&b, "Content-Type", "application/x-www-form-urlencoded");
    b.target = "/hooks/twilio?foo=1&bar=2";
    refused(&b, "%26bodySHA256%3D0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620=",
            NOW, VERIFY_BAD_SIGNATURE, "hash of the body");
    refused(&b,
            "%26body%53HA256%3D0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620=",
            NOW, VERIFY_BAD_SIGNATURE, "hash of the body");
    b.target = "/hooks/twilio?foo=1&bar=2&body"; /* nor may both together */
    refused(&b, "SHA256%3D0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620=", NOW,
            VERIFY_BAD_SIGNATURE, "hash of the body");
    bench_close(&b);
}

/* The same bytes, cut elsewhere, have the same digest: so each part must be what it is. */
static void no_byte_moves_between_headers_and_body(void **state)
{
    (void)state;
    struct bench b;
    const char *mark = hex("key", "id12026-11-29T10:00:00.5Z{\"a\":1}");
    for (int moved = 0; moved < 3; moved++) {
        bench_preset(&b, "twitch", "key", NULL);
        header(&b, "Twitch-Eventsub-Message-Signature", "sha256=%s", mark);
        header(&b, "Twitch-Eventsub-Message-Id", moved == 1 ? "id12" : "id1");
        header(&b, "Twitch-Eventsub-Message-Timestamp",
               moved == 1   ? "026-11-29T10:00:00.5Z"
               : moved == 2 ? "2026-11-29T10:00:00.5Z{"
                            : "2026-11-29T10:00:00.5Z");
        if (moved == 0) {
            genuine(&b, "{\"a\":1}", NOW, 0);
        } else {
            refused(&b, moved == 2 ? "\"a\":1}" : "{\"a\":1}", NOW, VERIFY_BAD_SIGNATURE,
                    "the timestamp is not of the expected form");
        }
        bench_close(&b);
    }
    bench_preset(&b, "twitch", "key", NULL); /* a time without zone would be one, too */
    header(&b, "Twitch-Eventsub-Message-Signature", "sha256=%s", mark);
    header(&b, "Twitch-Eventsub-Message-Id", "id1");
    header(&b, "Twitch-Eventsub-Message-Timestamp", "2026-11-29T10:00:00.5");
    refused(&b, "Z{\"a\":1}", NOW, VERIFY_BAD_SIGNATURE,
            "nothing parts its timestamp from the body");
    bench_close(&b);
    bench_preset(&b, "zoom", "key", NULL);
    header(&b, "x-zm-signature", "v0=%s", hex("key", "v0:123:{\"payload\":{}}"));
    header(&b, "x-zm-request-timestamp", "123:{\"payload\"");
    refused(&b, "{}}", NOW, VERIFY_BAD_SIGNATURE, "the timestamp is not of the expected form");
    bench_close(&b);
}

/* Anybody is told the HMAC of a plain text by its handshake: none such is an event. */
static void x_signs_objects_only(void **state)
{
    (void)state;
    struct bench b;
    bench_preset(&b, "x", "key", NULL);
    header(&b, "x-twitter-webhooks-signature", "sha256=%s",
           mac(EVP_sha256(), "key", 3, "true", true));
    refused(&b, "true", NOW, VERIFY_BAD_SIGNATURE, "the body is no JSON object");
    bench_close(&b);
}

/* What a replay cannot change is the same, and what it can makes no difference. */
static void what_is_signed_tells_events_apart(void **state)
{
    (void)state;
    static const char *const schemes[] = {"github", "standard", "stripe", "livekit", "cloudinary"};
    const struct verify_proof proof = {0, 0};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        unsigned char digests[3][CRYPT_DIGEST_MAX];
        struct bench b;
        bench_preset(&b, schemes[i], "c2VjcmV0", NULL);
        for (int k = 0; k < 3; k++) {
            struct fields fields = {0};
            struct buf out;
            struct str body = k < 2 ? STR("{\"a\":1}") : STR("{\"a\":2}");
            buf_init(&out, 4096);
            assert_null(verify_sign(b.v, STR("POST"), body, NOW, STR("m1"), &fields, &out));
            assert_true(k != 1 || fields_add(&fields, STR("X-Other"), STR("made up")));
            struct verify_input in = {STR("POST"), k == 1 ? STR("/x?y") : STR("/x"), &fields, body};
            verify_signed_digest(b.v, &proof, &in, digests[k]);
            buf_done(&out);
        }
        assert_memory_equal(digests[0], digests[1], 32);
        assert_memory_not_equal(digests[0], digests[2], 32);
        bench_close(&b);
    }
}

/* A secret of the form that the recipe wants. */
static const char *secret_of(const struct verify_recipe *r)
{
    return r->kind == VERIFY_NONE     ? NULL
           : r->kind == VERIFY_BASIC  ? "user:pass:word"
           : r->key == VERIFY_KEY_HEX ? "00ff10aa"
                                      : "c2VjcmV0";
}

/* A body; with the time in it where that is where it belongs. */
static struct str with_time(const struct verify_recipe *r)
{
    return r->ts_pointer.len > 0 ? STR("{\"webhookTimestamp\":1735689600000}") : STR("{\"a\":1}");
}

/* What a preset says about its events is true of its sample. */
static void samples_are_of_their_provider(void **state)
{
    (void)state;
    for (size_t i = 0; verify_preset_at(i) != NULL; i++) {
        const struct verify_recipe *r = verify_preset_at(i);
        const struct provider *p = provider_find(r->name);
        bool has_type = r->event_type.header.len > 0 || r->event_type.pointer.len > 0;
        struct fields fields = {0};
        struct buf type;
        if (r->kind == VERIFY_NONE) {
            assert_null(p);
            continue;
        }
        if (p == NULL || p->body.len == 0) {
            fail_msg("%.*s has no sample", STR_ARG(r->name));
        }
        buf_init(&type, 256);
        if (p->body_type.len > 0) {
            assert_true(fields_add(&fields, STR("Content-Type"), p->body_type));
        }
        if (p->type.name.len > 0) {
            assert_true(fields_add(&fields, p->type.name, p->type.value));
        }
        struct pick type_at = r->event_type;
        type_at.form = STR_NONE; /* what is sent is made of it: verify_seal */
        if (pick_text(&type_at, &fields, p->body, &type) != has_type) {
            fail_msg("%.*s: its sample has no type where it should be", STR_ARG(r->name));
        }
        buf_clear(&type);
        if (r->delivery_id.pointer.len > 0 &&
            !pick_text(&r->delivery_id, &fields, p->body, &type)) {
            fail_msg("%.*s: its sample has no id where it should be", STR_ARG(r->name));
        }
        buf_done(&type);
        assert_true(p->title != NULL && p->docs != NULL && p->setup != NULL);
    }
}

static void what_it_signs_it_takes(void **state)
{
    (void)state;
    for (size_t i = 0; verify_preset_at(i) != NULL; i++) {
        struct bench b;
        struct verify_recipe r = *verify_preset_at(i);
        bool is_in_body = r.sig_pointer.len > 0 || r.sig_field.len > 0;
        bool is_form = str_eq(r.name, STR("twilio")) || str_eq(r.name, STR("plivo"));
        bool is_in_query = r.parameter.len > 0; /* tests/unit/model/verify_sign_test.c */
        if (r.kind == VERIFY_ED25519 || r.kind == VERIFY_ECDSA || is_in_body || is_form ||
            is_in_query || r.jwks || r.kind == VERIFY_X509) {
            continue;
        }
        r.public_url = STR("https://hooks.example.com/x"); /* of those who sign it */
        bench_open(&b, &r, secret_of(&r), NULL);
        sign_and_check(b.v, with_time(&r));
        if (r.ts_pointer.len == 0 && !r.objects_only) {
            sign_and_check(b.v, STR_NONE);
        }
        bench_close(&b);
    }
    struct bench b;
    struct verify_recipe r = plain();
    r.headers[0] = STR("X-Sig");
    r.encoding = VERIFY_BASE64URL;
    r.signed_text = STR("{method}:{url}:{id}:{ts}:{body}");
    r.public_url = STR("https://x/");
    r.item_sep = ';';
    r.kv_sep = '=';
    r.sig_key = STR("h1");
    r.ts_key = STR("ts");
    r.past_s = 5;
    r.id_headers[0] = STR("X-Id");
    bench_open(&b, &r, "k", NULL);
    sign_and_check(b.v, STR("{}"));
    struct fields fields = {0};
    struct buf out;
    buf_init(&out, 4096);
    assert_non_null(verify_sign(b.v, STR("POST"), STR("x"), NOW, STR_NONE, &fields, &out));
    buf_done(&out);
    bench_close(&b);
}

static void signs_as_the_provider_does(void **state)
{
    (void)state;
    struct bench b;
    struct buf out;
    buf_init(&out, 4096);
    bench_preset(&b, "stripe", "k", NULL);
    assert_null(verify_sign(b.v, STR("POST"), STR("x"), NOW, STR_NONE, &b.fields, &out));
    char want[128];
    snprintf(want, sizeof want, "t=1735689600,v1=%s", hex("k", "1735689600.x"));
    room_text(*fields_find(&b.fields, STR("Stripe-Signature")), want, "stripe");
    bench_close(&b);
    bench_preset(&b, "github", "k", NULL);
    assert_null(verify_sign(b.v, STR("POST"), STR("x"), NOW, STR("d-1"), &b.fields, &out));
    room_text(*fields_find(&b.fields, STR("X-GitHub-Delivery")), "d-1", "github");
    bench_close(&b);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stripe),
        cmocka_unit_test(github),
        cmocka_unit_test(shopify),
        cmocka_unit_test(slack),
        cmocka_unit_test(standard),
        cmocka_unit_test(none_takes_everything),
        cmocka_unit_test(either_secret_and_any_signature),
        cmocka_unit_test(tries_eight_signatures_at_most),
        cmocka_unit_test(tolerance_holds_both_ways),
        cmocka_unit_test(timestamps_are_strict),
        cmocka_unit_test(what_occurs_twice_is_refused),
        cmocka_unit_test(encodings_are_strict_but_for_the_case_of_hex),
        cmocka_unit_test(a_flip_of_any_bit_is_noticed),
        cmocka_unit_test(square_and_hubspot_sign_the_url),
        cmocka_unit_test(other_digests_encodings_units_and_keys),
        cmocka_unit_test(every_header_of_a_list_is_tried),
        cmocka_unit_test(impossible_recipes_are_refused),
        cmocka_unit_test(bad_secrets_are_refused),
        cmocka_unit_test(polar_signs_by_either_key),
        cmocka_unit_test(mailgun_signs_a_token),
        cmocka_unit_test(adyen_signs_each_item),
        cmocka_unit_test(graph_shows_its_token_in_each_item),
        cmocka_unit_test(twilio_signs_a_form_or_the_hash_of_a_body),
        cmocka_unit_test(no_byte_moves_between_headers_and_body),
        cmocka_unit_test(x_signs_objects_only),
        cmocka_unit_test(what_is_signed_tells_events_apart),
        cmocka_unit_test(what_it_signs_it_takes),
        cmocka_unit_test(samples_are_of_their_provider),
        cmocka_unit_test(signs_as_the_provider_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
