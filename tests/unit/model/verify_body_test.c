/* Signatures in and over forms, and a token in the query. Most signatures are of the providers' own
 * npm libraries. */
#include "bench.h"

#define FORM "application/x-www-form-urlencoded"

static void plivo_signs_a_query_and_a_form(void **state)
{
    (void)state;
    static const struct {
        const char *target, *body, *signature;
    } good[] = {
        {"/hooks/x", "From=x&B=b+c", "Ij4WHTzXLw/n8g1gKeMhmrhVRGmoRRWFAF4jm2QyjTo="},
        {"/hooks/x?b=x+y&a=1", "From=x", "l0H0VM4E0U6R+aT1UDB3H4VIv05dIV3ZJ0EyPoFrzKI="},
        {"/hooks/x?b=x+y&a=1", "", "b4EvMqXF1ya040n+n14oOU66THZjs1n9Du/Z6+LlFnQ="},
        {"/hooks/x", "", "BYTwZ9B5F0PjpCHLSNi0xlV2S6zopir/V7rDgVEx5us="},
    };
    struct bench b;
    bench_open(&b, "plivo", "token", "https://h.example/in");
    bench_header(&b, "Content-Type", FORM);
    bench_header(&b, "X-Plivo-Signature-V3-Nonce", "n1");
    for (size_t i = 0; i < 4; i++) {
        b.target = good[i].target;
        b.body = good[i].body;
        bench_header(&b, "X-Plivo-Signature-V3", good[i].signature);
        bench_takes(&b);
        b.target = "/hooks/x?a=2";
        bench_refuses(&b, "no secret");
        b.target = good[i].target;
        b.body = "From=y";
        bench_refuses(&b, "no secret");
        b.body = "%";
        bench_refuses(&b, "not written as one");
        b.body = "&=&";
        bench_refuses(&b, "no secret");
    }
    b.target = "/hooks/x";
    b.body = "";
    b.method = "GET";
    bench_takes(&b);
    b.body = "From=x"; /* of a GET none is signed */
    bench_refuses(&b, "no form that is posted");
    b.method = "POST";
    bench_header(&b, "Content-Type", "application/json");
    b.body = "{}";
    bench_refuses(&b, "no form that is posted");
    b.body = "";
    bench_header(&b, "X-Plivo-Signature-V3-Nonce", "n2");
    bench_refuses(&b, "no secret");
    bench_close(&b);
}

/* What is signed ends in a dot and the nonce: no dot of a field may be taken for that one. */
static void plivo_signs_each_text_one_way(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, "plivo", "token", "https://h.example/in");
    bench_header(&b, "Content-Type", FORM);
    bench_header(&b, "X-Plivo-Signature-V3", "CFWfJKl/LUWda1aVG7+YychxqP2o87yI1Xhr8R7FCrE=");
    bench_header(&b, "X-Plivo-Signature-V3-Nonce", "n1");
    b.body = "Cost=1.5&To=7";
    bench_takes(&b);
    b.body = "Cost=1";
    bench_header(&b, "X-Plivo-Signature-V3-Nonce", "5To7.n1");
    bench_refuses(&b, "the nonce");
    bench_header(&b, "X-Plivo-Signature-V3", "6DRcrB6DAbEC/jldTj2+UAiNRQjC7p8OtvV7/+fp0PI=");
    bench_header(&b, "X-Plivo-Signature-V3-Nonce", "n1");
    b.body = "";
    b.target = "/hooks/x?b=2&a=1";
    bench_takes(&b);
    static const char *const others[] = {"/hooks/x?a=1%26b%3D2", "/hooks/x?a=1%26b=2",
                                         "/hooks/x?a%3D1%26b=2", "/hooks/x?a%3D1=&b=2"};
    for (size_t i = 0; i < 4; i++) {
        b.target = others[i];
        bench_refuses(&b, "between its pairs");
    }
    bench_close(&b);
}

/* A form, and what is signed of it behind the URL. */
static void takes_form(struct bench *b, const char *header, enum crypt_digest digest,
                       const char *body, const char *before, const char *text, const char *behind)
{
    struct crypt_key *key = crypt_key_new(digest, STR("token"));
    const struct str parts[] = {str_of("https://h.example/in"), str_of(before), str_of(text),
                                str_of(behind)};
    unsigned char bytes[CRYPT_DIGEST_MAX];
    static char signature[2 * CRYPT_DIGEST_MAX]; /* the request keeps it */
    crypt_hmac(key, parts, 4, bytes);
    signature[text_put_base64(signature, bytes, crypt_digest_len(digest))] = '\0';
    b->body = body;
    bench_header(b, header, signature);
    bench_takes(b);
    crypt_key_free(key);
}

static void forms_are_sorted_by_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *body, *all, *once; /* as Plivo signs it, and as Twilio does */
    } forms[] = {
        {"b=2&a=1", "a1b2", NULL},
        {"ab=1&a=2&abc=0", "a2ab1abc0", NULL},
        {"abcdefghi=1&abcdefgh=2&abcdefg=3&abcdefgh0=4", "abcdefg3abcdefgh2abcdefgh04abcdefghi1",
         NULL},
        {"abcdefghz=1&abcdefgha=2", "abcdefgha2abcdefghz1", NULL},
        {"%C3%A4=1&z=2&A=3&a=4",
         "A3a4z2\xc3\xa4"
         "1",
         NULL},
        {"a=2&a=10&a=1&a=1", "a1a1a10a2", "a1a10a2"},
        {"a=x&a=xy&a=", "aaxaxy", NULL},
        {"a=1&%61=1&a=%31", "a1a1a1", "a1"},
        {"b&a&a=&=&", "aab", "ab"},
        {"n+1=v+1&n%2B=%2b", "n 1v 1n++", NULL},
        {"a==&a=%3D=", "a=a==", NULL},
        {"To=%2B1&From=1&Body=", "BodyFrom1To+1", NULL},
    };
    struct bench plivo, twilio;
    bench_open(&plivo, "plivo", "token", "https://h.example/in");
    bench_open(&twilio, "twilio", "token", "https://h.example/in");
    bench_header(&plivo, "Content-Type", FORM);
    bench_header(&plivo, "X-Plivo-Signature-V3-Nonce", "n1");
    bench_header(&twilio, "Content-Type", FORM);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const char *once = forms[i].once != NULL ? forms[i].once : forms[i].all;
        takes_form(&plivo, "X-Plivo-Signature-V3", CRYPT_SHA256, forms[i].body, "?", forms[i].all,
                   ".n1");
        takes_form(&twilio, "X-Twilio-Signature", CRYPT_SHA1, forms[i].body, "", once, "");
    }
    bench_close(&plivo);
    bench_close(&twilio);
}

static void a_form_has_1024_fields_at_most(void **state)
{
    (void)state;
    struct bench b;
    struct buf body, text;
    buf_init(&body, 65536);
    buf_init(&text, 65536);
    bench_open(&b, "twilio", "token", "https://h.example/in");
    bench_header(&b, "Content-Type", FORM);
    for (unsigned i = 0; i < 1024; i++) {
        buf_printf(&body, "%sf%04u=v", i > 0 ? "&" : "", i);
        buf_printf(&text, "f%04uv", i);
    }
    buf_add_char(&body, '\0');
    buf_add_char(&text, '\0');
    takes_form(&b, "X-Twilio-Signature", CRYPT_SHA1, body.at, "", text.at, "");
    body.at[body.len - 1] = '&';
    buf_add_char(&body, '\0');
    b.body = body.at;
    bench_refuses(&b, "too many fields");
    bench_close(&b);
    buf_done(&body);
    buf_done(&text);
}

/* Read into memory of its own: what the stack has room for ends near 2 KiB. */
static void a_signature_is_found_in_a_great_body(void **state)
{
    (void)state;
    struct bench b;
    struct buf event, body, type;
    buf_init(&event, 1 << 20);
    buf_init(&body, 1 << 20);
    buf_init(&type, 256);
    bench_open(&b, "adyen", "00ff10aa", "");
    buf_add_str(&event, STR("{\"notificationItems\":[{\"NotificationRequestItem\":{\"more\":\""));
    for (unsigned i = 0; i < 100000; i++) {
        buf_add_char(&event, 'x');
    }
    buf_add_str(&event, STR("\",\"additionalData\":{},\"pspReference\":\"7\",\"success\":\"true\","
                            "\"amount\":{\"value\":1130,\"currency\":\"EUR\"}}}]}"));
    const char *why = verify_seal(b.v, buf_str(&event), STR_NONE, &body, &type);
    assert_null(why);
    buf_add_char(&body, '\0');
    b.body = body.at;
    bench_takes(&b);
    char *amount = strstr(body.at, "1130");
    assert_non_null(amount);
    amount[0] = '2';
    bench_refuses(&b, "no secret");
    bench_close(&b);
    buf_done(&event);
    buf_done(&body);
    buf_done(&type);
}

/* The key is the SHA-1 of the private one; base64 ends in a line. */
static void braintree_signs_a_field(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, "braintree", "pub1:priv1", "");
    bench_header(&b, "Content-Type", FORM);
    b.body = "bt_signature=pub1%7Ca25a63d766f6e9d7d7c142205389041b3ac6c5e9&bt_payload=PG4%2B%0A";
    bench_takes(&b);
    b.body = "bt_payload=PG4%2B%0A&x=1&bt_signature=pub0%7C7e4b40510fe3a0cac8895afafda3d605b27706d2"
             "%26pub1%7Ca25a63d766f6e9d7d7c142205389041b3ac6c5e9";
    bench_takes(&b);
    static const struct {
        const char *body, *why;
    } bad[] = {
        {"bt_signature=pub1%7Ca25a63d766f6e9d7d7c142205389041b3ac6c5e9&bt_payload=PG4%2B",
         "no secret"},
        {"bt_signature=pub1%7Ca25a63d766f6e9d7d7c142205389041b3ac6c5e9&bt_payload=PG5%2B%0A",
         "no secret"},
        {"bt_signature=a25a63d766f6e9d7d7c142205389041b3ac6c5e9&bt_payload=PG4%2B%0A",
         "no signature of the expected form"},
        {"bt_signature=pub1%7Ca25a63d766f6e9d7d7c142205389041b3ac6c5e9", "no bt_payload"},
        {"bt_signature=pub1%7Ca25a63d766f6e9d7d7c142205389041b3ac6c5e9&bt_payload=", "challenge"},
        {"bt_payload=PG4%2B%0A", "the signature header is missing"},
        {"bt_signature=pub1%7Ca25a63d766f6e9d7d7c142205389041b3ac6c5e9&bt_payload=PG4%2B%0A&"
         "bt%5Fpayload=Rk9SR0VE%0A",
         "more than one"},
        {"bt_signature=pub1%7Ca25a63d766f6e9d7d7c142205389041b3ac6c5e9&bt_payload=PG4%2B%0A&"
         "bt%5Fsignature=x",
         "the signature header is missing"},
        /* What the handshake tells anybody: its own challenge, signed. */
        {"bt_signature=pub1%7C7e4b40510fe3a0cac8895afafda3d605b27706d2&"
         "bt_payload=20f9f8ed05f77439fe955c977e4c8a53",
         "could be a challenge"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        b.body = bad[i].body;
        bench_refuses(&b, bad[i].why);
    }
    bench_header(&b, "Content-Type", "multipart/form-data; boundary=a"); /* it sends no such */
    b.body = "--a\r\nContent-Disposition: form-data; name=\"bt_signature\"\r\n\r\n"
             "pub1|a25a63d766f6e9d7d7c142205389041b3ac6c5e9\r\n"
             "--a\r\nContent-Disposition: form-data; name=\"bt_payload\"\r\n\r\nPG4+\n\r\n--a--";
    bench_refuses(&b, "the signature header is missing");
    bench_close(&b);
    static const char *const secrets[] = {"pub1", ":priv1", "pub1:", "pub 1:priv1"};
    for (size_t i = 0; i < 4; i++) {
        struct verify *none;
        const struct str secret = str_of(secrets[i]);
        room_holds(str_of(verify_new(&none, verify_preset(STR("braintree")), &secret, 1, NULL)),
                   "with a colon between");
    }
}

static void dropbox_sign_signs_a_time_and_a_type(void **state)
{
    (void)state;
    struct bench b;
    struct buf type;
    buf_init(&type, 256);
    const char *hash = "5dc77b3ad38b8373e46d6a5a8ce6454f4313c050a4a232c5ceb887b4b30cbb43";
    char body[600];
    bench_open(&b, "dropbox-sign", "apikey", "");
    bench_header(&b, "Content-Type", "multipart/form-data; boundary=b");
    static const char *const times[] = {"\"1735689600\"", "1735689600", "\"1735689600\"",
                                        "\"1735689600signature\""};
    static const char *const types[] = {"signature_request_sent", "signature_request_sent",
                                        "signature_request_viewed", "_request_sent"};
    for (int i = 0; i < 4; i++) {
        snprintf(body, sizeof body,
                 "--b\r\nContent-Disposition: form-data; name=\"json\"\r\n\r\n{\"event\":{"
                 "\"event_time\":%s,\"event_type\":\"%s\",\"event_hash\":\"%s\"}}"
                 "\r\n--b--",
                 times[i], types[i], hash);
        b.body = body;
        if (i < 2) {
            bench_takes(&b);
            buf_clear(&type);
            assert_true(pick_text(&verify_preset(STR("dropbox-sign"))->event_type, &b.fields,
                                  str_of(body), &type));
            room_text(buf_str(&type), "signature_request_sent", "type");
        } else {
            bench_refuses(&b, i == 2 ? "no secret" : "ten digits");
        }
    }
    assert_false(verify_is_computed(b.v)); /* in one second several are signed alike */
    bench_header(&b, "Content-Type", "application/json");
    bench_refuses(&b, "is no JSON");
    b.body = "{\"event\":{}}"; /* not where it is looked for */
    bench_refuses(&b, "is no JSON");
    bench_close(&b);
    buf_done(&type);
}

static void event_grid_shows_its_token_in_the_query(void **state)
{
    (void)state;
    struct bench b;
    bench_open(&b, "azure-event-grid", "to ken", "");
    static const char *const good[] = {"/hooks/x?access_token=to+ken",
                                       "/hooks/x?a&access_token=t%6f%20ken&b=1"};
    static const char *const bad[] = {
        "/hooks/x",
        "/hooks/x?",
        "/hooks/x?access_token",
        "/hooks/x?access_token=",
        "/hooks/x?access_token=to",
        "/hooks/x?access_token=to+kens",
        "/hooks/x?Access_token=to+ken",
        "/hooks/x?access_token=to+ken&access_token=to+ken",
        "/hooks/x?access_token=%",
    };
    for (size_t i = 0; i < 2; i++) {
        b.target = good[i];
        bench_takes(&b);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        b.target = bad[i];
        bench_refuses(&b, "token");
    }
    assert_false(verify_is_computed(b.v));
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plivo_signs_a_query_and_a_form),
        cmocka_unit_test(plivo_signs_each_text_one_way),
        cmocka_unit_test(forms_are_sorted_by_bytes),
        cmocka_unit_test(a_form_has_1024_fields_at_most),
        cmocka_unit_test(a_signature_is_found_in_a_great_body),
        cmocka_unit_test(braintree_signs_a_field),
        cmocka_unit_test(dropbox_sign_signs_a_time_and_a_type),
        cmocka_unit_test(event_grid_shows_its_token_in_the_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
