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
        cmocka_unit_test(braintree_signs_a_field),
        cmocka_unit_test(dropbox_sign_signs_a_time_and_a_type),
        cmocka_unit_test(event_grid_shows_its_token_in_the_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
