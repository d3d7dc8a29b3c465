/* Handshakes: what is one, who may ask, and what is said back. */
#include "room.h"

#include "model/challenge.h"

#define NOW 1735689600 /* 2025-01-01T00:00:00Z */

struct knock {
    struct verify *v;
    struct fields fields;
    struct buf bytes, answer;
    struct challenge_input in;
};

static void open_knock(struct knock *k, const char *provider, const char *method, const char *query,
                       const char *body)
{
    memset(k, 0, sizeof *k);
    const struct verify_recipe *r = verify_preset(str_of(provider));
    const struct str secret = STR("shh");
    assert_non_null(r);
    assert_null(verify_new(&k->v, r, &secret, 1, NULL));
    buf_init(&k->bytes, 4096);
    buf_init(&k->answer, 4096);
    k->in.request.method = str_of(method);
    k->in.request.target = STR("/hooks/x");
    k->in.request.fields = &k->fields;
    k->in.request.body = str_of(body);
    k->in.query = str_of(query);
}

static void sign(struct knock *k)
{
    assert_null(verify_sign(k->v, k->in.request.method, k->in.request.body, NOW, STR("m1"),
                            &k->fields, &k->bytes));
}

static void close_knock(struct knock *k)
{
    verify_free(k->v);
    buf_done(&k->bytes);
    buf_done(&k->answer);
}

static const struct challenge *find(const struct knock *k)
{
    return challenge_find(verify_name(k->v), &k->in);
}

static void answered(struct knock *k, const char *token, const char *body)
{
    const struct challenge *c = find(k);
    assert_non_null(c);
    const char *why = challenge_answer(c, k->v, str_of(token), &k->in, NOW, &k->answer);
    if (why != NULL) {
        fail_msg("%s", why);
    }
    room_text(buf_str(&k->answer), body, "answer");
}

static void refused(struct knock *k, const char *token, const char *why)
{
    const struct challenge *c = find(k);
    assert_non_null(c);
    const char *got = challenge_answer(c, k->v, str_of(token), &k->in, NOW, &k->answer);
    assert_non_null(got);
    room_holds(str_of(got), why);
    assert_int_equal(k->answer.len, 0);
}

static void slack_and_twitch_say_it_back_to_who_signs(void **state)
{
    (void)state;
    struct knock k;
    const char *body = "{\"type\":\"url_verification\",\"challenge\":\"3eZbrw1a\"}";
    open_knock(&k, "slack", "POST", "", body);
    refused(&k, "", "signature header is missing");
    sign(&k);
    answered(&k, "", "3eZbrw1a");
    assert_int_equal(find(&k)->status, 200);
    room_text(find(&k)->content_type, "text/plain; charset=utf-8", "type");
    close_knock(&k);
    open_knock(&k, "slack", "POST", "", "{\"type\":\"event_callback\",\"challenge\":\"x\"}");
    assert_null(find(&k));
    close_knock(&k);
    open_knock(&k, "slack", "POST", "", "{\"type\":\"url_verification\"}");
    sign(&k);
    refused(&k, "", "is missing");
    close_knock(&k);
    open_knock(&k, "slack", "POST", "",
               "{\"type\":\"url_verification\",\"challenge\":\"<b>\\u0007\"}");
    sign(&k);
    refused(&k, "", "no plain text");
    close_knock(&k);
    open_knock(&k, "twitch", "POST", "", "{\"challenge\":\"pogchamp-kappa\"}");
    assert_null(find(&k)); /* its header says what it is */
    sign(&k);
    assert_true(fields_add(&k.fields, STR("Twitch-Eventsub-Message-Type"),
                           STR("webhook_callback_verification")));
    answered(&k, "", "pogchamp-kappa");
    close_knock(&k);
}

static void zoom_gets_the_hmac_of_its_token(void **state)
{
    (void)state;
    struct knock k;
    open_knock(&k, "zoom", "POST", "",
               "{\"event\":\"endpoint.url_validation\",\"payload\":{\"plainToken\":\"abc\"}}");
    sign(&k);
    /* printf abc | openssl dgst -sha256 -hmac shh */
    answered(&k, "",
             "{\"plainToken\":\"abc\",\"encryptedToken\":"
             "\"5654815d91a56ce8cb590af6521869facdf5a925445a18d2f80f9df9fe8c2968\"}");
    close_knock(&k);
    open_knock(&k, "zoom", "POST", "",
               "{\"event\":\"endpoint.url_validation\",\"payload\":{\"plainToken\":\"a\\\"b\"}}");
    sign(&k);
    refused(&k, "", "quotes or brackets");
    close_knock(&k);
}

static void meta_must_show_the_token(void **state)
{
    (void)state;
    struct knock k;
    open_knock(&k, "meta", "GET",
               "hub.mode=subscribe&hub.challenge=11%3022&hub.verify_token=a+b%26", "");
    answered(&k, "a b&", "11022");
    k.answer.len = 0;
    refused(&k, "a b", "challenge_token");
    refused(&k, "", "the source has no challenge_token");
    close_knock(&k);
    open_knock(&k, "meta", "GET",
               "hub.mode=subscribe&hub.challenge=1&hub.verify_token=x&hub.verify_token=t", "");
    refused(&k, "t", "challenge_token"); /* twice is never */
    close_knock(&k);
    open_knock(&k, "meta", "GET", "hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=t", "");
    assert_null(find(&k));
    close_knock(&k);
    open_knock(&k, "meta", "POST", "hub.mode=subscribe", "{}");
    assert_null(find(&k));
    close_knock(&k);
}

static void x_signs_no_event_for_anybody(void **state)
{
    (void)state;
    struct knock k;
    open_knock(&k, "x", "GET", "crc_token=abc&nonce=1", "");
    answered(&k, "",
             "{\"response_token\":\"sha256=VlSBXZGlbOjLWQr2Uhhp+s31qSVEWhjS+A+d+f6MKWg=\"}");
    close_knock(&k);
    open_knock(&k, "x", "GET", "crc_token=%7B%22a%22%3A1%7D", "");
    refused(&k, "", "quotes or brackets");
    close_knock(&k);
}

static void dropbox_okta_trello_and_discord(void **state)
{
    (void)state;
    struct knock k;
    open_knock(&k, "dropbox", "GET", "challenge=xyz%20%3Cscript%3E", "");
    answered(&k, "", "xyz <script>"); /* as text/plain, with nosniff */
    close_knock(&k);
    open_knock(&k, "dropbox", "GET", "challenge=a%0D%0AX:%201", "");
    refused(&k, "", "no plain text");
    close_knock(&k);
    open_knock(&k, "dropbox", "GET", "challenge=%4", "");
    assert_null(find(&k));
    close_knock(&k);
    open_knock(&k, "okta", "GET", "", "");
    sign(&k);
    assert_true(fields_add(&k.fields, STR("X-Okta-Verification-Challenge"), STR("oh")));
    answered(&k, "", "{\"verification\":\"oh\"}");
    close_knock(&k);
    open_knock(&k, "okta", "GET", "", "");
    assert_true(fields_add(&k.fields, STR("X-Okta-Verification-Challenge"), STR("oh")));
    refused(&k, "", "signature header is missing");
    close_knock(&k);
    assert_true(challenge_has_method(STR("trello"), STR("HEAD")));
    assert_false(challenge_has_method(STR("trello"), STR("GET")));
    assert_false(challenge_has_method(STR("stripe"), STR("GET")));
    assert_null(challenge_of(STR("stripe"), 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slack_and_twitch_say_it_back_to_who_signs),
        cmocka_unit_test(zoom_gets_the_hmac_of_its_token),
        cmocka_unit_test(meta_must_show_the_token),
        cmocka_unit_test(x_signs_no_event_for_anybody),
        cmocka_unit_test(dropbox_okta_trello_and_discord),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
