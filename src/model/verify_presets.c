/* The providers we know: one row each. Facts are from PROVIDERS.md, sections 1 and 2; a value that
 * is uncertain there is not relied upon here. */
#include "model/verify.h"

#define FIVE_MINUTES_S 300

/* STR for a constant initialiser. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

static const struct verify_recipe presets[] = {
    {
        /* https://docs.stripe.com/webhooks; stripe-node src/Webhooks.ts. The key is the whole text,
         * whsec_ included. Its library looks at the past only; we also refuse a far future. */
        .name = TEXT("stripe"),
        .digest = CRYPT_SHA256,
        .headers = {TEXT("Stripe-Signature")},
        .item_sep = ',',
        .kv_sep = '=',
        .sig_key = TEXT("v1"),
        .ts_key = TEXT("t"),
        .encoding = VERIFY_HEX,
        .signed_text = TEXT("{ts}.{body}"),
        .past_s = FIVE_MINUTES_S,
        .future_s = FIVE_MINUTES_S,
        .event_type = {.pointer = TEXT("/type")},
        .delivery_id = {.pointer = TEXT("/id")},
    },
    {
        /* https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries;
         * octokit/webhooks-methods.js. No timestamp: a replay is for `dedupe` to see. */
        .name = TEXT("github"),
        .digest = CRYPT_SHA256,
        .headers = {TEXT("X-Hub-Signature-256")},
        .kv_sep = '=',
        .sig_key = TEXT("sha256"),
        .encoding = VERIFY_HEX,
        .signed_text = TEXT("{body}"),
        .event_type = {.header = TEXT("X-GitHub-Event"), .pointer = TEXT("/action")},
        .delivery_id = {.header = TEXT("X-GitHub-Delivery")},
        .body_bytes = 25 * 1024 * 1024,
    },
    {
        /* https://shopify.dev/docs/apps/build/webhooks; Shopify/shopify-api-js. The Events API uses
         * the second header. */
        .name = TEXT("shopify"),
        .digest = CRYPT_SHA256,
        .headers = {TEXT("X-Shopify-Hmac-Sha256"), TEXT("shopify-hmac-sha256")},
        .encoding = VERIFY_BASE64,
        .signed_text = TEXT("{body}"),
        .event_type = {.header = TEXT("X-Shopify-Topic")},
        .delivery_id = {.header = TEXT("X-Shopify-Webhook-Id")},
    },
    {
        /* https://api.slack.com/authentication/verifying-requests-from-slack; slackapi/bolt-js. */
        .name = TEXT("slack"),
        .digest = CRYPT_SHA256,
        .headers = {TEXT("X-Slack-Signature")},
        .kv_sep = '=',
        .sig_key = TEXT("v0"),
        .encoding = VERIFY_HEX,
        .signed_text = TEXT("v0:{ts}:{body}"),
        .ts_headers = {TEXT("X-Slack-Request-Timestamp")},
        .past_s = FIVE_MINUTES_S,
        .future_s = FIVE_MINUTES_S,
        .event_type = {.pointer = TEXT("/event/type")},
        .delivery_id = {.pointer = TEXT("/event_id")},
    },
    {
        /* https://github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md. Only
         * the symmetric v1; v1a (Ed25519) in the same list is skipped. */
        .name = TEXT("standard"),
        .digest = CRYPT_SHA256,
        .headers = {TEXT("webhook-signature")},
        .item_sep = ' ',
        .kv_sep = ',',
        .sig_key = TEXT("v1"),
        .encoding = VERIFY_BASE64,
        .signed_text = TEXT("{id}.{ts}.{body}"),
        .ts_headers = {TEXT("webhook-timestamp")},
        .past_s = FIVE_MINUTES_S,
        .future_s = FIVE_MINUTES_S,
        .id_headers = {TEXT("webhook-id")},
        .key = VERIFY_KEY_BASE64,
        .key_prefix = TEXT("whsec_"),
        .event_type = {.pointer = TEXT("/type")},
        .delivery_id = {.header = TEXT("webhook-id")},
    },
    {.name = TEXT("none"), .none = true},
};

#define PRESETS (sizeof presets / sizeof presets[0])

/* Written for Penstock after the shape of each provider's events; no real data. */
static const struct {
    struct str name;
    struct verify_sample sample;
} samples[] = {
    {TEXT("stripe"),
     {TEXT("{\"id\":\"evt_1PenstockSample\",\"object\":\"event\",\"type\":\"charge.succeeded\","
           "\"created\":1735689600,\"livemode\":false,\"data\":{\"object\":{"
           "\"id\":\"ch_1PenstockSample\",\"object\":\"charge\",\"amount\":5000,"
           "\"currency\":\"eur\",\"customer\":\"cus_PenstockSample\",\"paid\":true}}}"),
      {{NULL, 0}, {NULL, 0}}}},
    {TEXT("github"),
     {TEXT("{\"action\":\"opened\",\"issue\":{\"number\":7,\"title\":\"A sample issue\","
           "\"user\":{\"login\":\"octo-sample\"}},\"repository\":{\"id\":1,"
           "\"full_name\":\"sample/pipes\"},\"sender\":{\"login\":\"octo-sample\"}}"),
      {TEXT("X-GitHub-Event"), TEXT("issues")}}},
    {TEXT("shopify"),
     {TEXT("{\"id\":820982911946154508,\"currency\":\"EUR\",\"total_price\":\"50.00\","
           "\"line_items\":[{\"title\":\"A sample pipe\",\"quantity\":1,\"price\":\"50.00\"}]}"),
      {TEXT("X-Shopify-Topic"), TEXT("orders/create")}}},
    {TEXT("slack"),
     {TEXT("{\"type\":\"event_callback\",\"team_id\":\"T0SAMPLE\",\"event_id\":\"Ev0SAMPLE\","
           "\"event_time\":1735689600,\"event\":{\"type\":\"app_mention\",\"user\":\"U0SAMPLE\","
           "\"channel\":\"C0SAMPLE\",\"text\":\"a sample mention\"}}"),
      {{NULL, 0}, {NULL, 0}}}},
    {TEXT("standard"),
     {TEXT("{\"type\":\"invoice.paid\",\"timestamp\":\"2025-01-01T00:00:00Z\","
           "\"data\":{\"id\":\"inv_sample\",\"amount\":5000,\"currency\":\"eur\"}}"),
      {{NULL, 0}, {NULL, 0}}}},
};

const struct verify_recipe *verify_preset_at(size_t i)
{
    return i < PRESETS ? &presets[i] : NULL;
}

const struct verify_recipe *verify_preset(struct str name)
{
    for (size_t i = 0; i < PRESETS; i++) {
        if (str_eq(presets[i].name, name)) {
            return &presets[i];
        }
    }
    return NULL;
}

struct verify_sample verify_preset_sample(struct str name)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        if (str_eq(samples[i].name, name)) {
            return samples[i].sample;
        }
    }
    return (struct verify_sample){STR_NONE, {STR_NONE, STR_NONE}};
}
