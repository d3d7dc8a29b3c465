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

static void open_as(struct knock *k, const char *provider, const char *secret, const char *method,
                    const char *query, const char *body)
{
    memset(k, 0, sizeof *k);
    assert_non_null(verify_preset(str_of(provider)));
    struct verify_recipe r = *verify_preset(str_of(provider));
    const struct str one = str_of(secret);
    r.public_url = STR("https://h.example/x");
    assert_null(verify_new(&k->v, &r, &one, 1, NULL));
    buf_init(&k->bytes, 4096);
    buf_init(&k->answer, 4096);
    k->in.request.method = str_of(method);
    k->in.request.target = STR("/hooks/x");
    k->in.request.fields = &k->fields;
    k->in.request.body = str_of(body);
    k->in.query = str_of(query);
}

static void open_knock(struct knock *k, const char *provider, const char *method, const char *query,
                       const char *body)
{
    open_as(k, provider, "shh", method, query, body);
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

static void dropbox_okta_and_trello(void **state)
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

/* As webhookNotification.verify of braintree_node has it, and no more than it. */
static void braintree_gets_the_hmac_of_hex(void **state)
{
    (void)state;
    struct knock k;
    open_as(&k, "braintree", "pub1:priv1", "GET", "bt_challenge=20f9f8ed05f77439fe955c977e4c8a53",
            "");
    answered(&k, "", "pub1|7e4b40510fe3a0cac8895afafda3d605b27706d2");
    room_text(find(&k)->content_type, "text/plain; charset=utf-8", "type");
    close_knock(&k);
    static const char *const others[] = {
        "bt_challenge=20f9f8ed05f77439fe9",               /* 19 */
        "bt_challenge=20f9f8ed05f77439fe955c977e4c8a530", /* 33 */
        "bt_challenge=20F9F8ED05F77439FE955C977E4C8A53",
        "bt_challenge=PD94bWwgdmVyc2lvbj0iMS4wIg%3D%3D", /* what an event may be */
        "bt_challenge=20f9f8ed05f77439fe95%20977e4c8a53",
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        open_as(&k, "braintree", "pub1:priv1", "GET", others[i], "");
        refused(&k, "", "not 20 to 32 digits");
        close_knock(&k);
    }
    open_as(&k, "braintree", "pub1:priv1", "GET", "bt_challenge=", "");
    refused(&k, "", "missing, or no plain text");
    close_knock(&k);
    open_as(&k, "braintree", "pub1:priv1", "GET", "bt_challenge=a&bt_challenge=b", "");
    assert_null(find(&k));
    close_knock(&k);
}

static void event_grid_must_show_its_token(void **state)
{
    (void)state;
    struct knock k;
    const char *body = "[{\"eventType\":\"Microsoft.EventGrid.SubscriptionValidationEvent\","
                       "\"data\":{\"validationCode\":\"512d38b6\"}}]";
    for (int signs = 0; signs < 2; signs++) {
        open_knock(&k, "azure-event-grid", "POST", "", body);
        k.in.request.target = signs ? STR("/x?access_token=shh") : STR("/x?access_token=sh");
        assert_null(find(&k));
        assert_true(fields_add(&k.fields, STR("aeg-event-type"), STR("SubscriptionValidation")));
        if (signs) {
            answered(&k, "", "{\"validationResponse\":\"512d38b6\"}");
        } else {
            refused(&k, "", "no secret");
        }
        close_knock(&k);
        open_knock(&k, "azure-event-grid", "OPTIONS", "", "");
        k.in.request.target = signs ? STR("/x?access_token=shh") : STR("/x");
        assert_null(find(&k));
        assert_true(
            fields_add(&k.fields, STR("webhook-request-origin"), STR("eventgrid.azure.net")));
        if (signs) {
            answered(&k, "", "eventgrid.azure.net");
            room_text(find(&k)->header, "WebHook-Allowed-Origin", "header");
            room_text(find(&k)->more.name, "WebHook-Allowed-Rate", "another");
        } else {
            refused(&k, "", "no token");
        }
        close_knock(&k);
    }
    open_knock(&k, "azure-event-grid", "POST", "", "[{\"data\":{\"validationCode\":\"a\\\"\"}}]");
    k.in.request.target = STR("/x?access_token=shh");
    assert_true(fields_add(&k.fields, STR("aeg-event-type"), STR("SubscriptionValidation")));
    refused(&k, "", "quotes or brackets");
    close_knock(&k);
}

static void monday_and_woocommerce_want_little(void **state)
{
    (void)state;
    struct knock k;
    open_knock(&k, "monday", "POST", "", "{\"challenge\":\"3eZb-rw_1a\"}");
    answered(&k, "", "{\"challenge\":\"3eZb-rw_1a\"}");
    room_text(find(&k)->content_type, "application/json", "type");
    close_knock(&k);
    open_knock(&k, "monday", "POST", "", "{\"challenge\":\"\\\",\\\"x\"}");
    refused(&k, "", "quotes or brackets");
    close_knock(&k);
    open_knock(&k, "monday", "POST", "", "{\"challenge\":\"a\",\"event\":{\"type\":\"x\"}}");
    assert_null(find(&k)); /* that is an event, and is to be signed */
    close_knock(&k);
    open_knock(&k, "woocommerce", "POST", "", "webhook_id=7");
    assert_null(find(&k));
    assert_true(
        fields_add(&k.fields, STR("Content-Type"), STR("application/x-www-form-urlencoded")));
    answered(&k, "", "");
    assert_int_equal(find(&k)->status, 200);
    close_knock(&k);
}

static void discord_pings_in_two_ways(void **state)
{
    (void)state;
    struct knock k;
    static const char *const key =
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"; /* of RFC 8032 7.1 */
    open_as(&k, "discord", key, "POST", "", "{\"type\":1,\"id\":\"1\"}");
    assert_int_equal(find(&k)->status, 200);
    room_text(find(&k)->body, "{\"type\":1}", "pong");
    refused(&k, "", "signature header is missing");
    close_knock(&k);
    open_as(&k, "discord", key, "POST", "", "{\"type\":0}");
    assert_int_equal(find(&k)->status, 204);
    close_knock(&k);
    open_as(&k, "discord", key, "POST", "", "{\"type\":1,\"event\":{\"type\":\"X\"}}");
    assert_null(find(&k));
    close_knock(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slack_and_twitch_say_it_back_to_who_signs),
        cmocka_unit_test(zoom_gets_the_hmac_of_its_token),
        cmocka_unit_test(meta_must_show_the_token),
        cmocka_unit_test(x_signs_no_event_for_anybody),
        cmocka_unit_test(dropbox_okta_and_trello),
        cmocka_unit_test(braintree_gets_the_hmac_of_hex),
        cmocka_unit_test(event_grid_must_show_its_token),
        cmocka_unit_test(monday_and_woocommerce_want_little),
        cmocka_unit_test(discord_pings_in_two_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
