/* Providers: facts for people (PROVIDERS.md, section 2), and samples. What a row leaves
 * out its provider does not publish, or it was not found there. */
#include "model/provider.h"

/* STR for a constant initialiser. */
#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }

/* Of all who send through Svix. */
#define SVIX_RETRIES                                                                               \
    "after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h; not after webhook-delivery: abort-message"

/* In the order of the presets. */
static const struct provider providers[] = {
    {.name = TEXT("stripe"),
     .title = "Stripe",
     .docs = "https://docs.stripe.com/webhooks",
     .success = "2xx",
     .retries = "live, for up to 3 days with growing pauses; in a sandbox, 3 times in a few hours",
     .setup = "In the Dashboard, under Webhooks, add an endpoint with the URL of this source; its "
              "signing secret (whsec_...) is on its page.",
     .body = TEXT("{\"id\":\"evt_1PenstockSample\",\"object\":\"event\",\"type\":\"charge."
                  "succeeded\",\"created\":1735689600,\"livemode\":false,\"data\":{\"object\":{"
                  "\"id\":\"ch_1PenstockSample\",\"object\":\"charge\",\"amount\":5000,"
                  "\"currency\":\"eur\",\"customer\":\"cus_PenstockSample\",\"paid\":true}}}")},
    {.name = TEXT("github"),
     .title = "GitHub",
     .docs = "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
     .deadline_s = 10,
     .success = "2xx",
     .retries = "never by itself; by hand or by API, what is of the past 3 days",
     .setup =
         "In the settings of the repository, organization or app, under Webhooks, enter the URL of "
         "this source as payload URL, application/json as content type, and a secret of your own.",
     .type = {TEXT("X-GitHub-Event"), TEXT("issues")},
     .body = TEXT("{\"action\":\"opened\",\"issue\":{\"number\":7,\"title\":\"A sample "
                  "issue\",\"user\":{\"login\":\"octo-sample\"}},\"repository\":{\"id\":1,\"full_"
                  "name\":\"sample/pipes\"},\"sender\":{\"login\":\"octo-sample\"}}")},
    {.name = TEXT("gitlab"),
     .title = "GitLab",
     .docs = "https://docs.gitlab.com/user/project/integrations/webhooks/",
     .deadline_s = 10,
     .success = "2xx",
     .setup = "In the settings of the project or group, under Webhooks, enter the URL of this "
              "source and a secret token of your own.",
     .type = {TEXT("X-Gitlab-Event"), TEXT("Issue Hook")},
     .body = TEXT("{\"object_kind\":\"issue\",\"event_type\":\"issue\",\"user\":{\"username\":"
                  "\"sample\"},\"project\":{\"id\":1,\"path_with_namespace\":\"sample/"
                  "pipes\"},\"object_attributes\":{\"iid\":7,\"title\":\"A sample "
                  "issue\",\"action\":\"open\"}}")},
    {.name = TEXT("bitbucket"),
     .title = "Bitbucket",
     .docs = "https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/",
     .setup = "In the repository's settings, under Webhooks, add one with the URL of this source "
              "and a secret of your own.",
     .type = {TEXT("X-Event-Key"), TEXT("repo:push")},
     .body = TEXT("{\"actor\":{\"display_name\":\"A "
                  "Sample\"},\"repository\":{\"full_name\":\"sample/"
                  "pipes\"},\"push\":{\"changes\":[{\"new\":{\"type\":\"branch\",\"name\":\"main\"}"
                  ",\"created\":false,\"closed\":false}]}}")},
    {.name = TEXT("shopify"),
     .title = "Shopify",
     .docs = "https://shopify.dev/docs/apps/build/webhooks",
     .deadline_s = 5,
     .success = "2xx",
     .retries = "8 times in 4 hours; a subscription that was made by API is deleted then",
     .setup = "Subscribe to topics with the URL of this source, in the app's configuration or by "
              "API; the client secret of the app is the secret.",
     .type = {TEXT("X-Shopify-Topic"), TEXT("orders/create")},
     .body =
         TEXT("{\"id\":820982911946154508,\"currency\":\"EUR\",\"total_price\":\"50.00\",\"line_"
              "items\":[{\"title\":\"A sample pipe\",\"quantity\":1,\"price\":\"50.00\"}]}")},
    {.name = TEXT("slack"),
     .title = "Slack",
     .docs = "https://docs.slack.dev/apis/events-api/",
     .deadline_s = 3,
     .success = "2xx",
     .retries =
         "3 times: at once, after 1 minute and after 5 minutes; not after X-Slack-No-Retry: 1",
     .setup = "In the app's settings, under Event Subscriptions, enter the URL of this source as "
              "request URL; the signing secret is under Basic Information.",
     .body =
         TEXT("{\"type\":\"event_callback\",\"team_id\":\"T0SAMPLE\",\"event_id\":\"Ev0SAMPLE\","
              "\"event_time\":1735689600,\"event\":{\"type\":\"app_mention\",\"user\":\"U0SAMPLE\","
              "\"channel\":\"C0SAMPLE\",\"text\":\"a sample mention\"}}")},
    {.name = TEXT("standard"),
     .title = "Standard Webhooks",
     .docs = "https://github.com/standard-webhooks/standard-webhooks",
     .success = "2xx; 410 disables the endpoint",
     .retries = "as the sender has it; days, with growing pauses, are recommended",
     .setup = "Give the URL of this source to the sender, who hands out the secret (whsec_...).",
     .body = TEXT("{\"type\":\"invoice.paid\",\"timestamp\":\"2025-01-01T00:00:00Z\",\"data\":{"
                  "\"id\":\"inv_sample\",\"amount\":5000,\"currency\":\"eur\"}}")},
    {.name = TEXT("svix"),
     .title = "Svix",
     .docs = "https://docs.svix.com/receiving/verifying-payloads/how",
     .deadline_s = 15,
     .success = "2xx; a redirect is a failure",
     .retries = SVIX_RETRIES,
     .setup = "In the sender's portal of webhooks add an endpoint with the URL of this source; its "
              "signing secret (whsec_...) is on its page.",
     .body = TEXT("{\"type\":\"invoice.paid\",\"timestamp\":\"2025-01-01T00:00:00Z\",\"data\":{"
                  "\"id\":\"inv_sample\",\"amount\":5000}}")},
    {.name = TEXT("clerk"),
     .title = "Clerk",
     .docs = "https://clerk.com/docs/webhooks/overview",
     .deadline_s = 15,
     .success = "2xx",
     .retries = SVIX_RETRIES,
     .setup = "In the Dashboard, under Webhooks, add an endpoint with the URL of this source; its "
              "signing secret (whsec_...) is on its page.",
     .body = TEXT(
         "{\"type\":\"user.created\",\"object\":\"event\",\"timestamp\":1735689600000,\"data\":{"
         "\"id\":\"user_sample\",\"first_name\":\"Sample\",\"created_at\":1735689600000}}")},
    {.name = TEXT("resend"),
     .title = "Resend",
     .docs = "https://resend.com/docs/dashboard/webhooks/introduction",
     .success = "2xx",
     .retries = "with growing pauses",
     .setup = "In the dashboard, under Webhooks, add one with the URL of this source; its signing "
              "secret (whsec_...) is on its page.",
     .body = TEXT("{\"type\":\"email.delivered\",\"created_at\":\"2025-01-01T00:00:00.000Z\","
                  "\"data\":{\"email_id\":\"sample\",\"from\":\"pipes@example.com\",\"to\":[\"you@"
                  "example.com\"],\"subject\":\"A sample\"}}")},
    {.name = TEXT("openai"),
     .title = "OpenAI",
     .docs = "https://platform.openai.com/docs/guides/webhooks",
     .deadline_s = 20,
     .success = "2xx; a redirect is a failure",
     .retries = "for up to 72 hours, with growing pauses",
     .setup = "In the project's settings, under Webhooks, create an endpoint with the URL of this "
              "source; its signing secret (whsec_...) is shown once.",
     .body = TEXT("{\"id\":\"evt_sample\",\"object\":\"event\",\"type\":\"response.completed\","
                  "\"created_at\":1735689600,\"data\":{\"id\":\"resp_sample\"}}")},
    {.name = TEXT("anthropic"),
     .title = "Anthropic",
     .docs = "https://github.com/anthropics/anthropic-sdk-typescript",
     .setup = "In the Claude Console, under Webhooks, create an endpoint with the URL of this "
              "source; its signing key (whsec_...) is shown once.",
     .body = TEXT("{\"type\":\"event\",\"id\":\"event_sample\",\"created_at\":\"2025-01-01T00:00:"
                  "00Z\",\"data\":{\"type\":\"session.status_idled\",\"id\":\"session_sample\","
                  "\"organization_id\":\"org_sample\",\"workspace_id\":\"ws_sample\"}}")},
    {.name = TEXT("lithic"),
     .title = "Lithic",
     .docs = "https://docs.lithic.com/docs/events-api",
     .setup = "Create an event subscription with the URL of this source, in the dashboard or by "
              "API; its secret (whsec_...) is there too.",
     .body = TEXT("{\"event_type\":\"card_transaction.updated\",\"token\":\"sample\",\"status\":"
                  "\"SETTLED\",\"amount\":5000,\"merchant\":{\"descriptor\":\"SAMPLE PIPES\"}}")},
    {.name = TEXT("liveblocks"),
     .title = "Liveblocks",
     .docs = "https://liveblocks.io/docs/platform/webhooks",
     .setup = "In the project's dashboard, under Webhooks, create an endpoint with the URL of this "
              "source; its signing secret (whsec_...) is on its page.",
     .body = TEXT("{\"type\":\"storageUpdated\",\"data\":{\"projectId\":\"sample\",\"roomId\":"
                  "\"room-sample\",\"updatedAt\":\"2025-01-01T00:00:00.000Z\"}}")},
    {.name = TEXT("portone"),
     .title = "PortOne",
     .docs = "https://github.com/portone-io/server-sdk",
     .setup = "In the console, among the settings of the integration, enter the URL of this source "
              "as webhook URL of version 2; the webhook secret (whsec_...) is issued there.",
     .body = TEXT("{\"type\":\"Transaction.Paid\",\"timestamp\":\"2025-01-01T00:00:00.000Z\","
                  "\"data\":{\"storeId\":\"store-sample\",\"paymentId\":\"payment-sample\","
                  "\"transactionId\":\"tx-sample\"}}")},
    {.name = TEXT("replicate"),
     .title = "Replicate",
     .docs = "https://replicate.com/docs/topics/webhooks/verify-webhook",
     .setup = "Give the URL of this source as webhook when a prediction is made; GET "
              "https://api.replicate.com/v1/webhooks/default/secret answers with the secret "
              "(whsec_...).",
     .body = TEXT("{\"id\":\"sample\",\"version\":\"sample\",\"status\":\"succeeded\",\"input\":{"
                  "\"prompt\":\"a pipe\"},\"output\":[\"https://example.com/pipe.png\"]}")},
    {.name = TEXT("polar"),
     .title = "Polar",
     .docs = "https://polar.sh/docs/integrate/webhooks/endpoints",
     .setup = "In the organization's settings, under Webhooks, add an endpoint with the URL of "
              "this source; its secret is on its page.",
     .body = TEXT("{\"type\":\"order.created\",\"timestamp\":\"2025-01-01T00:00:00Z\",\"data\":{"
                  "\"id\":\"sample\",\"amount\":5000,\"currency\":\"usd\"}}")},
    {.name = TEXT("bigcommerce"),
     .title = "BigCommerce",
     .docs = "https://developer.bigcommerce.com/docs/integrations/webhooks",
     .success = "200",
     .retries = "after 60, 180, 300, 600, 900, 1800, 3600, 7200, 21600, 50400 and 86400 s; who "
                "fails too often is blocked by domain",
     .setup = "Create a webhook by API (POST /v3/hooks) with the URL of this source as "
              "destination; the client secret of the API account is the secret.",
     .body = TEXT("{\"scope\":\"store/order/"
                  "created\",\"store_id\":\"1\",\"data\":{\"type\":\"order\",\"id\":7},\"hash\":"
                  "\"sample\",\"created_at\":1735689600,\"producer\":\"stores/sample\"}")},
    {.name = TEXT("paddle"),
     .title = "Paddle Billing",
     .docs = "https://developer.paddle.com/webhooks/signature-verification",
     .deadline_s = 5,
     .success = "200",
     .retries = "live, 60 times in 3 days, 20 of them in the first hour; in the sandbox, 3 times "
                "in 15 minutes",
     .setup = "Under Developer tools, Notifications, create a destination with the URL of this "
              "source; its secret key (pdl_ntfset_...) is on its page.",
     .body =
         TEXT("{\"event_id\":\"evt_sample\",\"event_type\":\"transaction.completed\",\"occurred_"
              "at\":\"2025-01-01T00:00:00.000Z\",\"notification_id\":\"ntf_sample\",\"data\":{"
              "\"id\":\"txn_sample\",\"status\":\"completed\",\"currency_code\":\"EUR\"}}")},
    {.name = TEXT("square"),
     .title = "Square",
     .docs = "https://developer.squareup.com/docs/webhooks/step3validate",
     .deadline_s = 10,
     .success = "2xx; a redirect is a failure",
     .retries = "after 1, 2, 4 .. 32 minutes, then hourly until 72 hours; disabled after 3 weeks "
                "of failure",
     .setup = "In the Developer Console, under Webhooks, Subscriptions, enter the URL of this "
              "source, exactly as public_url has it; the signature key is shown there.",
     .body =
         TEXT("{\"merchant_id\":\"SAMPLE\",\"type\":\"payment.updated\",\"event_id\":\"sample\","
              "\"created_at\":\"2025-01-01T00:00:00Z\",\"data\":{\"type\":\"payment\",\"id\":"
              "\"sample\",\"object\":{\"payment\":{\"id\":\"sample\",\"status\":\"COMPLETED\","
              "\"amount_money\":{\"amount\":5000,\"currency\":\"EUR\"}}}}}")},
    {.name = TEXT("adyen-platform"),
     .title = "Adyen for Platforms",
     .docs = "https://docs.adyen.com/development-resources/webhooks/secure-webhooks/"
             "verify-hmac-signatures",
     .deadline_s = 10,
     .success = "2xx",
     .retries = "with growing pauses",
     .setup = "In the Customer Area, under Developers, Webhooks, create one with the URL of this "
              "source and generate its HMAC key, which is the secret.",
     .body = TEXT("{\"type\":\"balancePlatform.transfer.updated\",\"environment\":\"test\","
                  "\"timestamp\":\"2025-01-01T00:00:00+00:00\",\"data\":{\"id\":\"SAMPLE\","
                  "\"status\":\"booked\",\"amount\":{\"value\":5000,\"currency\":\"EUR\"}}}")},
    {.name = TEXT("zoom"),
     .title = "Zoom",
     .docs = "https://developers.zoom.us/docs/api/webhooks/",
     .deadline_s = 3,
     .success = "200 or 204",
     .retries = "3 times: after 5 minutes, 20 more and 60 more",
     .setup = "Among the app's features, under Event Subscriptions, enter the URL of this source "
              "as notification endpoint URL; the secret token is shown above it.",
     .body = TEXT(
         "{\"event\":\"meeting.started\",\"event_ts\":1735689600000,\"payload\":{\"account_id\":"
         "\"sample\",\"object\":{\"id\":\"1234567890\",\"topic\":\"A sample meeting\"}}}")},
    {.name = TEXT("hubspot"),
     .title = "HubSpot",
     .docs = "https://developers.hubspot.com/docs/api/webhooks",
     .deadline_s = 5,
     .success = "2xx",
     .retries = "not after 400, 401, 403, 404 and 405; after 429, when Retry-After says",
     .setup = "In the app's settings, under Webhooks, enter the URL of this source as target URL, "
              "exactly as public_url has it; the client secret of the app is the secret.",
     .body =
         TEXT("[{\"eventId\":1,\"subscriptionId\":2,\"portalId\":3,\"occurredAt\":1735689600000,"
              "\"subscriptionType\":\"contact.creation\",\"attemptNumber\":0,\"objectId\":7}]")},
    {.name = TEXT("intercom"),
     .title = "Intercom",
     .docs = "https://developers.intercom.com/docs/webhooks",
     .retries =
         "slower after 429; it pauses for 15 minutes after 1,000 errors and suspends after 7 days",
     .setup = "In the Developer Hub, under the app's Webhooks, enter the URL of this source and "
              "choose topics; the client secret of the app is the secret.",
     .body =
         TEXT("{\"type\":\"notification_event\",\"id\":\"notif_sample\",\"topic\":\"conversation."
              "user.created\",\"app_id\":\"sample\",\"created_at\":1735689600,\"data\":{\"type\":"
              "\"notification_event_data\",\"item\":{\"type\":\"conversation\",\"id\":\"7\"}}}")},
    {.name = TEXT("zendesk"),
     .title = "Zendesk",
     .docs = "https://developer.zendesk.com/documentation/webhooks/verifying/",
     .deadline_s = 10,
     .retries = "after some statuses only; it pauses at 70 % or 1,000 errors in 5 minutes",
     .setup = "In Admin Center, under Apps and integrations, Webhooks, create one with the URL of "
              "this source, POST and JSON; its signing secret is on its page.",
     .body = TEXT("{\"account_id\":1,\"id\":\"sample\",\"type\":\"zen:event-type:user.created\","
                  "\"time\":\"2025-01-01T00:00:00Z\",\"subject\":\"zen:user:7\",\"detail\":{\"id\":"
                  "\"7\",\"email\":\"you@example.com\"},\"event\":{}}")},
    {.name = TEXT("linear"),
     .title = "Linear",
     .docs = "https://linear.app/developers/webhooks",
     .setup = "In the settings, under API, create a webhook with the URL of this source; its "
              "signing secret is on its page.",
     .body = TEXT("{\"action\":\"create\",\"type\":\"Issue\",\"createdAt\":\"2025-01-01T00:00:00."
                  "000Z\",\"webhookTimestamp\":1735689600000,\"webhookId\":\"sample\",\"data\":{"
                  "\"id\":\"sample\",\"title\":\"A sample issue\",\"number\":7}}")},
    {.name = TEXT("typeform"),
     .title = "Typeform",
     .docs = "https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
     .deadline_s = 30,
     .retries = "every 2 to 3 minutes for 10 hours, after 408, 423, 429 and 503",
     .setup = "In the form's Connect panel, under Webhooks, add the URL of this source, enter a "
              "secret of your own and turn it on.",
     .body = TEXT("{\"event_id\":\"sample\",\"event_type\":\"form_response\",\"form_response\":{"
                  "\"form_id\":\"sample\",\"token\":\"sample\",\"submitted_at\":\"2025-01-01T00:00:"
                  "00Z\",\"answers\":[{\"type\":\"text\",\"text\":\"a sample answer\"}]}}")},
    {.name = TEXT("docusign"),
     .title = "DocuSign Connect",
     .docs = "https://developers.docusign.com/platform/webhooks/connect",
     .setup = "In the settings, under Connect, add a configuration with the URL of this source, "
              "JSON SIM as message format and HMAC signatures; the keys are under Connect Keys.",
     .body = TEXT("{\"event\":\"envelope-completed\",\"apiVersion\":\"v2.1\",\"generatedDateTime\":"
                  "\"2025-01-01T00:00:00.0000000Z\",\"data\":{\"accountId\":\"sample\","
                  "\"envelopeId\":\"sample\"}}")},
    {.name = TEXT("jira"),
     .title = "Jira Cloud",
     .docs = "https://developer.atlassian.com/cloud/jira/platform/webhooks/",
     .deadline_s = 20,
     .success = "200 or 204",
     .retries = "for about 30 minutes, after 408, 409, 425, 429, 5xx and timeouts",
     .setup = "In the system settings, under WebHooks, create one with the URL of this source and "
              "a secret of your own.",
     .body = TEXT("{\"timestamp\":1735689600000,\"webhookEvent\":\"jira:issue_created\",\"user\":{"
                  "\"displayName\":\"A "
                  "Sample\"},\"issue\":{\"id\":\"7\",\"key\":\"PIPE-7\",\"fields\":{\"summary\":"
                  "\"A sample issue\"}}}")},
    {.name = TEXT("pagerduty"),
     .title = "PagerDuty",
     .docs = "https://developer.pagerduty.com/docs/verifying-webhook-signatures",
     .deadline_s = 5,
     .success = "2xx",
     .retries =
         "for up to 48 hours, after timeouts, 5xx and 429; any other 4xx drops the event at once",
     .setup = "Under Integrations, Generic Webhooks (v3), add one with the URL of this source; its "
              "secret is shown once.",
     .body = TEXT("{\"event\":{\"id\":\"SAMPLE\",\"event_type\":\"incident.triggered\",\"resource_"
                  "type\":\"incident\",\"occurred_at\":\"2025-01-01T00:00:00Z\",\"data\":{\"id\":"
                  "\"SAMPLE\",\"type\":\"incident\",\"title\":\"A sample incident\"}}}")},
    {.name = TEXT("sentry"),
     .title = "Sentry",
     .docs = "https://docs.sentry.io/organization/integrations/integration-platform/webhooks/",
     .success = "2xx",
     .retries = "never",
     .setup = "In the organization's settings, under Custom Integrations, enter the URL of this "
              "source as webhook URL; the client secret of the integration is the secret.",
     .type = {TEXT("Sentry-Hook-Resource"), TEXT("issue")},
     .body = TEXT("{\"action\":\"created\",\"installation\":{\"uuid\":\"sample\"},\"data\":{"
                  "\"issue\":{\"id\":\"7\",\"title\":\"A sample "
                  "issue\"}},\"actor\":{\"type\":\"application\",\"name\":\"Sentry\"}}")},
    {.name = TEXT("vercel"),
     .title = "Vercel",
     .docs = "https://vercel.com/docs/webhooks/webhooks-api",
     .deadline_s = 30,
     .success = "2xx",
     .retries = "for up to 24 hours, with growing pauses",
     .setup = "In the team's settings, under Webhooks, create one with the URL of this source; its "
              "secret is shown once.",
     .body = TEXT("{\"id\":\"sample\",\"type\":\"deployment.created\",\"createdAt\":1735689600000,"
                  "\"region\":\"fra1\",\"payload\":{\"deployment\":{\"id\":\"dpl_sample\",\"name\":"
                  "\"pipes\",\"url\":\"pipes.example.com\"}}}")},
    {.name = TEXT("heroku"),
     .title = "Heroku",
     .docs = "https://devcenter.heroku.com/articles/app-webhooks",
     .success = "2xx",
     .retries = "with the level sync, until it succeeds or a limit is met; with notify, never",
     .setup = "Create a webhook in the Dashboard, or with heroku webhooks:add, with the URL of "
              "this source, the level sync and a secret of your own.",
     .body =
         TEXT("{\"action\":\"create\",\"resource\":\"release\",\"id\":\"sample\",\"actor\":{"
              "\"email\":\"you@example.com\"},\"data\":{\"app\":{\"name\":\"sample-pipes\"},"
              "\"status\":\"succeeded\",\"version\":3},\"webhook_metadata\":{\"delivery\":{\"id\":"
              "\"sample\"},\"event\":{\"id\":\"sample\",\"include\":\"api:release\"}}}")},
    {.name = TEXT("asana"),
     .title = "Asana",
     .docs = "https://developers.asana.com/docs/webhooks-guide",
     .deadline_s = 10,
     .success = "200 or 204",
     .retries = "with growing pauses; the webhook is deleted after 24 hours of failure",
     .setup = "Create a webhook by API (POST /webhooks) with the URL of this source as target; the "
              "secret comes in its handshake, in X-Hook-Secret.",
     .body = TEXT("{\"events\":[{\"action\":\"changed\",\"created_at\":\"2025-01-01T00:00:00."
                  "000Z\",\"resource\":{\"gid\":\"7\",\"resource_type\":\"task\"},\"change\":{"
                  "\"field\":\"name\",\"action\":\"changed\"}}]}")},
    {.name = TEXT("trello"),
     .title = "Trello",
     .docs = "https://developer.atlassian.com/cloud/trello/guides/rest-api/webhooks/",
     .setup = "Create a webhook by API (POST /1/webhooks) with the URL of this source as "
              "callbackURL, exactly as public_url has it; the secret is beside the API key.",
     .body = TEXT("{\"model\":{\"id\":\"sample\",\"name\":\"Pipes\"},\"action\":{\"id\":\"sample\","
                  "\"type\":\"createCard\",\"date\":\"2025-01-01T00:00:00.000Z\",\"data\":{"
                  "\"card\":{\"id\":\"sample\",\"name\":\"A sample card\"}}}}")},
    {.name = TEXT("dropbox"),
     .title = "Dropbox",
     .docs = "https://www.dropbox.com/developers/reference/webhooks",
     .setup = "In the App Console, under the app's Webhooks, add the URL of this source; the app "
              "secret is the secret.",
     .body = TEXT("{\"list_folder\":{\"accounts\":[\"dbid:sample\"]},\"delta\":{\"users\":[1]}}")},
    {.name = TEXT("meta"),
     .title = "Meta (Facebook, Instagram, WhatsApp)",
     .docs = "https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
     .success = "200",
     .retries = "WhatsApp, for up to 7 days",
     .setup = "In the app's dashboard, under Webhooks, enter the URL of this source as callback "
              "URL; the app secret (Settings, Basic) is the secret.",
     .body = TEXT("{\"object\":\"whatsapp_business_account\",\"entry\":[{\"id\":\"1\",\"changes\":["
                  "{\"field\":\"messages\",\"value\":{\"messaging_product\":\"whatsapp\","
                  "\"messages\":[{\"from\":\"490000000000\",\"id\":\"wamid.sample\",\"type\":"
                  "\"text\",\"text\":{\"body\":\"a sample message\"}}]}}]}]}")},
    {.name = TEXT("x"),
     .title = "X (Twitter)",
     .docs = "https://docs.x.com/x-api/webhooks/introduction",
     .deadline_s = 10,
     .success = "200",
     .setup = "Register the URL of this source as a webhook by API; the consumer secret of the app "
              "is the secret.",
     .body = TEXT("{\"for_user_id\":\"1\",\"tweet_create_events\":[{\"id_str\":\"7\",\"text\":\"a "
                  "sample post\",\"user\":{\"screen_name\":\"sample\"}}]}")},
    {.name = TEXT("okta"),
     .loses_429 = true,
     .title = "Okta event hooks",
     .docs = "https://developer.okta.com/docs/concepts/event-hooks/",
     .deadline_s = 3,
     .success = "200 or 204",
     .retries = "once at most, after a timeout or 5xx",
     .setup =
         "In the Admin Console, under Workflow, Event Hooks, create one with the URL of this "
         "source, the authentication field Authorization and a text of your own as its secret.",
     .body =
         TEXT("{\"eventType\":\"com.okta.event_hook\",\"eventId\":\"sample\",\"eventTime\":\"2025-"
              "01-01T00:00:00Z\",\"source\":\"https://example.okta.com/api/v1/eventHooks/"
              "sample\",\"data\":{\"events\":[{\"uuid\":\"sample\",\"eventType\":\"user.lifecycle."
              "create\",\"target\":[{\"type\":\"User\",\"alternateId\":\"you@example.com\"}]}]}}")},
    {.name = TEXT("auth0"),
     .loses_429 = true,
     .title = "Auth0",
     .docs = "https://auth0.com/docs/customize/log-streams/custom-log-streams",
     .success = "2xx",
     .retries = "log streams, 3 attempts; event streams, after 1, 2 and 4 s, and never after 4xx",
     .setup = "Under Monitoring, Streams, create a custom webhook with the URL of this source and "
              "an authorization token of your own, which is the secret.",
     .body = TEXT("[{\"log_id\":\"sample\",\"data\":{\"type\":\"s\",\"date\":\"2025-01-01T00:00:00."
                  "000Z\",\"description\":\"a sample login\",\"user_id\":\"auth0|sample\"}}]")},
    {.name = TEXT("calendly"),
     .title = "Calendly",
     .docs = "https://developer.calendly.com/docs/webhooks/overview",
     .deadline_s = 15,
     .success = "2xx; a redirect is a failure, 410 deletes the subscription",
     .retries = "with growing pauses",
     .setup = "Create a webhook subscription by API (POST /webhook_subscriptions) with the URL of "
              "this source as url and a signing_key of your own.",
     .body = TEXT("{\"event\":\"invitee.created\",\"created_at\":\"2025-01-01T00:00:00.000000Z\","
                  "\"payload\":{\"email\":\"you@example.com\",\"name\":\"A "
                  "Sample\",\"status\":\"active\"}}")},
    {.name = TEXT("woocommerce"),
     .title = "WooCommerce",
     .docs = "https://woocommerce.com/document/webhooks/",
     .deadline_s = 60,
     .success = "2xx, 301 or 302",
     .retries = "never; disabled after more than 5 failures in a row",
     .setup = "Under WooCommerce, Settings, Advanced, Webhooks, add one with the URL of this "
              "source as delivery URL and a secret of your own.",
     .type = {TEXT("X-WC-Webhook-Topic"), TEXT("order.created")},
     .body =
         TEXT("{\"id\":7,\"status\":\"processing\",\"currency\":\"EUR\",\"total\":\"50.00\",\"line_"
              "items\":[{\"name\":\"A sample pipe\",\"quantity\":1,\"total\":\"50.00\"}]}")},
    {.name = TEXT("xero"),
     .title = "Xero",
     .respond = 200,
     .silent = true,
     .docs = "https://developer.xero.com/documentation/guides/webhooks/overview/",
     .deadline_s = 5,
     .success = "200, without a body and cookies",
     .retries = "ever less often for 24 hours, then it is disabled",
     .setup = "In the developer portal, under the app's Webhooks, enter the URL of this source as "
              "delivery URL; the webhooks key is shown there.",
     .body = TEXT("{\"events\":[{\"resourceId\":\"sample\",\"eventCategory\":\"INVOICE\","
                  "\"eventType\":\"UPDATE\",\"eventDateUtc\":\"2025-01-01T00:00:00.000\","
                  "\"tenantId\":\"sample\",\"tenantType\":\"ORGANISATION\"}],"
                  "\"firstEventSequence\":1,\"lastEventSequence\":1,\"entropy\":\"SAMPLE\"}")},
    {.name = TEXT("quickbooks"),
     .title = "QuickBooks (Intuit)",
     .docs = "https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks",
     .deadline_s = 3,
     .success = "200",
     .setup = "In the developer portal, under the app's Webhooks, enter the URL of this source; "
              "the verifier token is shown there.",
     .body = TEXT("[{\"specversion\":\"1.0\",\"id\":\"sample\",\"type\":\"qbo.invoice.updated.v1\","
                  "\"source\":\"intuit.sample\",\"time\":\"2025-01-01T00:00:00Z\","
                  "\"intuitentityid\":\"7\",\"intuitaccountid\":\"1\"}]")},
    {.name = TEXT("postmark"),
     .title = "Postmark",
     .docs = "https://postmarkapp.com/developer/webhooks/webhooks-overview",
     .success = "200",
     .retries = "inbound mail, 10 times in about 10.5 hours, not after 403; others by type, up to "
                "10 hours",
     .setup = "In the message stream's Webhooks add one with the URL of this source and basic auth "
              "credentials of your own: user:password is the secret.",
     .body = TEXT("{\"RecordType\":\"Delivery\",\"MessageID\":\"sample\",\"Recipient\":\"you@"
                  "example.com\",\"DeliveredAt\":\"2025-01-01T00:00:00Z\",\"Tag\":\"sample\","
                  "\"MessageStream\":\"outbound\"}")},
    {.name = TEXT("segment"),
     .loses_429 = true,
     .title = "Segment",
     .docs = "https://segment.com/docs/connections/destinations/catalog/webhooks/",
     .deadline_s = 5,
     .retries = "for up to 4 hours, after timeouts and 5xx",
     .setup = "Add the destination Webhooks with the URL of this source and a shared secret of "
              "your own.",
     .body = TEXT("{\"type\":\"track\",\"event\":\"Pipe "
                  "Bought\",\"messageId\":\"sample\",\"userId\":\"sample\",\"timestamp\":\"2025-01-"
                  "01T00:00:00.000Z\",\"properties\":{\"price\":50}}")},
    {.name = TEXT("circleci"),
     .title = "CircleCI",
     .docs = "https://circleci.com/docs/guides/integration/webhooks/",
     .deadline_s = 10,
     .success = "2xx",
     .retries = "later; an event may come twice",
     .setup = "In the project's settings, under Webhooks, add one with the URL of this source and "
              "a secret token of your own.",
     .body = TEXT("{\"id\":\"sample\",\"type\":\"workflow-completed\",\"happened_at\":\"2025-01-"
                  "01T00:00:00Z\",\"workflow\":{\"id\":\"sample\",\"name\":\"build\",\"status\":"
                  "\"success\"},\"project\":{\"slug\":\"gh/sample/pipes\"}}")},
    {.name = TEXT("npm"),
     .title = "npm hooks",
     .docs = "https://docs.npmjs.com/cli/v9/commands/npm-hook",
     .setup = "Run npm hook add PACKAGE URL SECRET with the URL of this source and a secret of "
              "your own.",
     .body =
         TEXT("{\"event\":\"package:publish\",\"name\":\"sample-pipe\",\"type\":\"package\","
              "\"version\":\"1.0.0\",\"hookOwner\":{\"username\":\"sample\"},\"payload\":{\"name\":"
              "\"sample-pipe\"},\"change\":{\"version\":\"1.0.1\"},\"time\":1735689600000}")},
    {.name = TEXT("line"),
     .title = "LINE",
     .docs = "https://developers.line.biz/en/docs/messaging-api/receiving-messages/",
     .setup = "In the LINE Developers Console, on the channel's tab Messaging API, enter the URL "
              "of this source as webhook URL; the channel secret is on the tab Basic settings.",
     .body =
         TEXT("{\"destination\":\"Usample\",\"events\":[{\"type\":\"message\",\"webhookEventId\":"
              "\"sample\",\"timestamp\":1735689600000,\"mode\":\"active\",\"source\":{\"type\":"
              "\"user\",\"userId\":\"Usample\"},\"deliveryContext\":{\"isRedelivery\":false},"
              "\"message\":{\"type\":\"text\",\"id\":\"7\",\"text\":\"a sample message\"}}]}")},
    {.name = TEXT("twitch"),
     .title = "Twitch EventSub",
     .docs = "https://dev.twitch.tv/docs/eventsub/handling-webhook-events/",
     .success = "2xx",
     .retries = "when it is unsure of a delivery; too many late answers revoke the subscription",
     .setup = "Create a subscription by API with the URL of this source as transport.callback and "
              "a secret of your own as transport.secret.",
     .type = {TEXT("Twitch-Eventsub-Subscription-Type"), TEXT("channel.follow")},
     .body =
         TEXT("{\"subscription\":{\"id\":\"sample\",\"type\":\"channel.follow\",\"version\":\"2\","
              "\"status\":\"enabled\"},\"event\":{\"user_login\":\"sample\",\"broadcaster_user_"
              "login\":\"pipes\",\"followed_at\":\"2025-01-01T00:00:00Z\"}}")},
    {.name = TEXT("telegram"),
     .title = "Telegram bots",
     .docs = "https://core.telegram.org/bots/api#setwebhook",
     .setup = "Call setWebhook with the URL of this source as url and a text of your own as "
              "secret_token.",
     .body = TEXT("{\"update_id\":7,\"message\":{\"message_id\":1,\"date\":1735689600,\"chat\":{"
                  "\"id\":1,\"type\":\"private\"},\"from\":{\"id\":1,\"is_bot\":false,\"first_"
                  "name\":\"Sample\"},\"text\":\"a sample message\"}}")},
    {.name = TEXT("pusher"),
     .title = "Pusher Channels",
     .docs = "https://pusher.com/docs/channels/server_api/webhooks/",
     .deadline_s = 4,
     .success = "2xx",
     .retries = "for 5 minutes, with growing pauses",
     .setup = "In the app's dashboard, under Webhooks, add the URL of this source; the secret of "
              "the app's key is the secret.",
     .body = TEXT("{\"time_ms\":1735689600000,\"events\":[{\"name\":\"channel_occupied\","
                  "\"channel\":\"sample\"}]}")},
    {.name = TEXT("chargebee"),
     .title = "Chargebee",
     .docs = "https://www.chargebee.com/docs/2.0/webhook_settings.html",
     .deadline_s = 20,
     .success = "2xx",
     .retries = "7 times, after 2 minutes to 2 days",
     .setup = "In the settings, under Webhooks, add one with the URL of this source and basic "
              "authentication by a user and password of your own: user:password is the secret.",
     .body = TEXT("{\"id\":\"ev_sample\",\"occurred_at\":1735689600,\"source\":\"api\",\"object\":"
                  "\"event\",\"event_type\":\"subscription_created\",\"content\":{\"subscription\":"
                  "{\"id\":\"sample\",\"status\":\"active\"}}}")},
    {.name = TEXT("sanity"),
     .title = "Sanity",
     .docs = "https://www.sanity.io/docs/webhooks",
     .deadline_s = 30,
     .success = "2xx",
     .retries = "twice at 30 s, after 429 and 5xx; never after another 4xx",
     .setup = "At sanity.io/manage, among the project's webhooks, create one with the URL of this "
              "source and a secret of your own.",
     .body = TEXT("{\"_id\":\"sample\",\"_type\":\"post\",\"_rev\":\"sample\",\"title\":\"A sample "
                  "post\"}")},
    {.name = TEXT("mux"),
     .title = "Mux",
     .docs = "https://www.mux.com/docs/core/listen-for-webhooks",
     .success = "2xx",
     .retries = "for 24 hours, with growing pauses",
     .setup = "In the settings, under Webhooks, add the URL of this source to the environment; its "
              "signing secret is shown there.",
     .body = TEXT(
         "{\"type\":\"video.asset.ready\",\"id\":\"sample\",\"created_at\":\"2025-01-01T00:00:00."
         "000000Z\",\"environment\":{\"name\":\"Sample\",\"id\":\"sample\"},\"object\":{\"type\":"
         "\"asset\",\"id\":\"sample\"},\"data\":{\"id\":\"sample\",\"status\":\"ready\"}}")},
    {.name = TEXT("workos"),
     .title = "WorkOS",
     .docs = "https://workos.com/docs/events/data-syncing/webhooks",
     .success = "200",
     .setup = "In the Dashboard, under Webhooks, create an endpoint with the URL of this source; "
              "its secret is on its page.",
     .body = TEXT(
         "{\"id\":\"event_sample\",\"event\":\"dsync.user.created\",\"created_at\":\"2025-01-01T00:"
         "00:00.000Z\",\"data\":{\"id\":\"directory_user_sample\",\"state\":\"active\"}}")},
    {.name = TEXT("elevenlabs"),
     .title = "ElevenLabs",
     .docs = "https://elevenlabs.io/docs/eleven-api/resources/webhooks",
     .retries = "only where retries are switched on; disabled after 10 failures in a row without a "
                "success for 7 days",
     .setup = "In the settings, under Webhooks, create one with HMAC and the URL of this source; "
              "its secret is shown when it is made.",
     .body = TEXT("{\"type\":\"post_call_transcription\",\"event_timestamp\":1735689600,\"data\":{"
                  "\"agent_id\":\"sample\",\"conversation_id\":\"sample\",\"status\":\"done\","
                  "\"transcript\":[{\"role\":\"agent\",\"message\":\"a sample sentence\"}]}}")},
    {.name = TEXT("retell"),
     .title = "Retell AI",
     .docs = "https://docs.retellai.com/features/webhook",
     .setup = "Enter the URL of this source as webhook URL of the account or of an agent; the API "
              "key that bears the webhook badge is the secret.",
     .body = TEXT("{\"event\":\"call_ended\",\"call\":{\"call_id\":\"sample\",\"agent_id\":"
                  "\"sample\",\"call_status\":\"ended\",\"duration_ms\":5000}}")},
    {.name = TEXT("orb"),
     .title = "Orb",
     .docs = "https://github.com/orbcorp/orb-node",
     .setup = "In the settings, under Webhooks, add an endpoint with the URL of this source; its "
              "signing secret is shown there.",
     .body = TEXT(
         "{\"id\":\"sample\",\"type\":\"customer.created\",\"created_at\":\"2025-01-01T00:00:00+00:"
         "00\",\"properties\":{},\"customer\":{\"id\":\"sample\",\"name\":\"A Sample\"}}")},
    {.name = TEXT("webflow"),
     .title = "Webflow",
     .docs = "https://developers.webflow.com/data/docs/working-with-webhooks",
     .retries = "3 attempts at most",
     .setup = "Create a webhook by API with the URL of this source as url; where an OAuth app "
              "makes it, the client secret of the app is the secret.",
     .body = TEXT("{\"triggerType\":\"form_submission\",\"payload\":{\"name\":\"A sample "
                  "form\",\"siteId\":\"sample\",\"data\":{\"Name\":\"A "
                  "Sample\"},\"submittedAt\":\"2025-01-01T00:00:00.000Z\",\"id\":\"sample\"}}")},
    {.name = TEXT("box"),
     .title = "Box",
     .docs = "https://developer.box.com/guides/webhooks/v2/",
     .retries = "up to 10 times",
     .setup = "In the Developer Console, on the app's tab Webhooks, generate signature keys and "
              "create a webhook with the URL of this source; one key or both are the secrets.",
     .body =
         TEXT("{\"type\":\"webhook_event\",\"id\":\"sample\",\"created_at\":\"2025-01-01T00:00:00-"
              "08:00\",\"trigger\":\"FILE.UPLOADED\",\"webhook\":{\"id\":\"1\",\"type\":"
              "\"webhook\"},\"source\":{\"id\":\"7\",\"type\":\"file\",\"name\":\"pipes.pdf\"}}")},
    {.name = TEXT("cashfree"),
     .title = "Cashfree Payments",
     .docs = "https://www.cashfree.com/docs/api-reference/webhooks/reliability-and-operations",
     .success = "200",
     .retries = "unless set otherwise, 3 times: after 2, 10 and 30 minutes",
     .setup = "In the Merchant Dashboard, under Developers, Webhooks, add the URL of this source; "
              "the client secret of the API key is the secret.",
     .body = TEXT(
         "{\"type\":\"PAYMENT_SUCCESS_WEBHOOK\",\"event_time\":\"2025-01-01T00:00:00+05:30\","
         "\"data\":{\"order\":{\"order_id\":\"sample\",\"order_amount\":50.5,\"order_currency\":"
         "\"INR\"},\"payment\":{\"cf_payment_id\":\"7\",\"payment_status\":\"SUCCESS\"}}}")},
    {.name = TEXT("cloudinary"),
     .title = "Cloudinary",
     .docs = "https://cloudinary.com/documentation/notifications",
     .setup = "In the console's settings, under Webhook Notifications, add the URL of this source; "
              "the API secret is the secret.",
     .body = TEXT(
         "{\"notification_type\":\"upload\",\"timestamp\":\"2025-01-01T00:00:00+00:00\",\"public_"
         "id\":\"sample\",\"version\":1735689600,\"format\":\"png\",\"bytes\":5000}")},
    {.name = TEXT("razorpay"),
     .title = "Razorpay",
     .docs = "https://razorpay.com/docs/webhooks/best-practices",
     .success = "2xx",
     .retries = "for 24 hours, with growing pauses; then the webhook is disabled",
     .setup = "In the Dashboard, under Account & Settings, Webhooks, add one with the URL of this "
              "source and a secret of your own.",
     .body = TEXT("{\"entity\":\"event\",\"account_id\":\"acc_sample\",\"event\":\"payment."
                  "captured\",\"contains\":[\"payment\"],\"payload\":{\"payment\":{\"entity\":{"
                  "\"id\":\"pay_sample\",\"amount\":5000,\"currency\":\"INR\",\"status\":"
                  "\"captured\"}}},\"created_at\":1735689600}")},
    {.name = TEXT("coinbase-commerce"),
     .title = "Coinbase Commerce",
     .docs = "https://docs.cdp.coinbase.com/commerce/api-arcitecture/webhooks-overview",
     .success = "200",
     .retries = "for up to 3 days, with pauses that grow to 1 hour",
     .setup = "In the settings, under Webhook subscriptions, add an endpoint with the URL of this "
              "source; the shared secret is shown there.",
     .body = TEXT("{\"id\":\"sample\",\"attempt_number\":1,\"scheduled_for\":\"2025-01-01T00:00:"
                  "00Z\",\"event\":{\"id\":\"sample\",\"type\":\"charge:confirmed\",\"api_"
                  "version\":\"2018-03-22\",\"created_at\":\"2025-01-01T00:00:00Z\",\"data\":{"
                  "\"id\":\"sample\",\"code\":\"SAMPLE\"}}}")},
    {.name = TEXT("gocardless"),
     .title = "GoCardless",
     .docs = "https://developer.gocardless.com/api-reference/#appendix-webhooks",
     .setup = "In the dashboard, under Developers, create a webhook endpoint with the URL of this "
              "source and a secret of your own.",
     .body = TEXT(
         "{\"events\":[{\"id\":\"EVSAMPLE\",\"created_at\":\"2025-01-01T00:00:00.000Z\",\"resource_"
         "type\":\"payments\",\"action\":\"confirmed\",\"links\":{\"payment\":\"PMSAMPLE\"},"
         "\"details\":{\"origin\":\"gocardless\",\"cause\":\"payment_confirmed\"}}]}")},
    {.name = TEXT("onfido"),
     .title = "Onfido",
     .docs = "https://documentation.onfido.com/api/latest/#webhooks",
     .setup = "Register the URL of this source as a webhook, in the dashboard or by API; the "
              "webhook's token is the secret.",
     .body = TEXT("{\"payload\":{\"resource_type\":\"check\",\"action\":\"check.completed\","
                  "\"object\":{\"id\":\"sample\",\"status\":\"complete\",\"completed_at_iso8601\":"
                  "\"2025-01-01T00:00:00Z\"}}}")},
    {.name = TEXT("stream"),
     .title = "Stream",
     .docs = "https://getstream.io/chat/docs/node/webhooks_overview/",
     .deadline_s = 6,
     .success = "2xx",
     .retries = "within 15 s: 3 attempts on 408, 429, 5xx and timeouts, 2 on errors of the network",
     .setup = "Set the URL of this source as the app's webhook URL, in the dashboard or by API; "
              "the API secret is the secret.",
     .body = TEXT("{\"type\":\"message.new\",\"cid\":\"messaging:sample\",\"created_at\":\"2025-01-"
                  "01T00:00:00Z\",\"message\":{\"id\":\"sample\",\"text\":\"a sample "
                  "message\"},\"user\":{\"id\":\"sample\"}}")},
    {.name = TEXT("modern-treasury"),
     .title = "Modern Treasury",
     .docs = "https://github.com/Modern-Treasury/modern-treasury-node",
     .setup = "Under Developers, Webhooks, add an endpoint with the URL of this source; the "
              "webhook key is shown there.",
     .body = TEXT("{\"event\":\"created\",\"data\":{\"id\":\"sample\",\"object\":\"payment_order\","
                  "\"amount\":5000,\"currency\":\"EUR\",\"status\":\"pending\"}}")},
    {.name = TEXT("viber"),
     .title = "Viber",
     .docs = "https://developers.viber.com/docs/api/rest-bot-api/",
     .setup = "Call set_webhook with the URL of this source as url; the authentication token of "
              "the bot is the secret.",
     .body = TEXT("{\"event\":\"message\",\"timestamp\":1735689600000,\"message_token\":7,"
                  "\"sender\":{\"id\":\"sample\",\"name\":\"A "
                  "Sample\"},\"message\":{\"type\":\"text\",\"text\":\"a sample message\"}}")},
    {.name = TEXT("notion"),
     .title = "Notion",
     .docs = "https://developers.notion.com/reference/webhooks",
     .setup = "In the integration's settings, on the tab Webhooks, create a subscription with the "
              "URL of this source; the verification token that comes then is the secret, and is "
              "entered there.",
     .body = TEXT("{\"id\":\"sample\",\"timestamp\":\"2025-01-01T00:00:00.000Z\",\"type\":\"page."
                  "content_updated\",\"workspace_id\":\"sample\",\"subscription_id\":\"sample\","
                  "\"integration_id\":\"sample\",\"attempt_number\":1,\"entity\":{\"id\":"
                  "\"sample\",\"type\":\"page\"},\"data\":{}}")},
    {.name = TEXT("easypost"),
     .title = "EasyPost",
     .docs = "https://docs.easypost.com/guides/webhooks-guide",
     .success = "2xx",
     .retries = "after a failure",
     .setup = "Among the webhooks of the account add the URL of this source with a webhook secret "
              "of your own.",
     .body = TEXT("{\"id\":\"evt_sample\",\"object\":\"Event\",\"mode\":\"test\",\"description\":"
                  "\"tracker.updated\",\"created_at\":\"2025-01-01T00:00:00Z\",\"previous_"
                  "attributes\":{\"status\":\"unknown\"},\"result\":{\"id\":\"trk_sample\","
                  "\"object\":\"Tracker\",\"status\":\"delivered\"}}")},
    {.name = TEXT("hookdeck"),
     .title = "Hookdeck",
     .docs = "https://hookdeck.com/docs/authentication",
     .setup = "Create a connection whose destination is the URL of this source, with Hookdeck "
              "Signature as authentication; the signing secret is under Settings, Secrets.",
     .body = TEXT("{\"sample\":true,\"from\":\"whatever sends to Hookdeck\"}")},
    {.name = TEXT("discord"),
     .respond = 204,
     .title = "Discord webhook events",
     .docs = "https://discord.com/developers/docs/events/webhook-events",
     .deadline_s = 3,
     .success = "204",
     .retries = "for up to 10 minutes, with growing pauses; removed after many failures",
     .setup = "In the Developer Portal, under the app's Webhooks, enter the URL of this source as "
              "endpoint; the public key under General Information takes the place of a secret.",
     .body = TEXT("{\"version\":1,\"application_id\":\"1\",\"type\":1,\"event\":{\"type\":"
                  "\"APPLICATION_AUTHORIZED\",\"timestamp\":\"2025-01-01T00:00:00.000000\","
                  "\"data\":{\"integration_type\":1,\"scopes\":[\"applications.commands\"],"
                  "\"user\":{\"id\":\"1\",\"username\":\"sample\"}}}}")},
    {.name = TEXT("telnyx"),
     .title = "Telnyx",
     .docs = "https://developers.telnyx.com/docs/messaging/messages/receiving-webhooks",
     .deadline_s = 2, /* of messaging; voice has it configurable */
     .success = "2xx",
     .retries = "messaging, up to 3 attempts, and as many at the failover URL",
     .setup = "In the portal enter the URL of this source as webhook URL of the messaging profile "
              "or application; the public key of the account takes the place of a secret.",
     .body = TEXT(
         "{\"data\":{\"record_type\":\"event\",\"event_type\":\"message.received\",\"id\":"
         "\"sample\",\"occurred_at\":\"2025-01-01T00:00:00.000+00:00\",\"payload\":{\"direction\":"
         "\"inbound\",\"text\":\"a sample message\"}},\"meta\":{\"attempt\":1}}")},
    {.name = TEXT("sendgrid"),
     .title = "Twilio SendGrid",
     .docs = "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/"
             "getting-started-event-webhook-security-features",
     .success = "2xx; a redirect is a failure",
     .retries = "for up to 24 hours, with growing pauses",
     .setup = "In the mail settings, under Event Webhooks, add one with the URL of this source and "
              "switch its signature verification on; the public key shown there takes the place of "
              "a secret.",
     .body = TEXT("[{\"email\":\"you@example.com\",\"timestamp\":1735689600,\"event\":"
                  "\"delivered\",\"sg_event_id\":\"sample\",\"sg_message_id\":\"sample\"}]")},
    {.name = TEXT("mailgun"),
     .title = "Mailgun",
     .docs =
         "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
     .success = "200",
     .retries = "for 8 hours, after 5, 10, 15 minutes, 1, 2 and 4 hours; 406 ends them",
     .setup =
         "In the control panel, under Sending, Webhooks, enter the URL of this source; the HTTP "
         "webhook signing key is under API security. Mailgun signs a time and a token, not the "
         "event: use dedupe, so that neither serves twice.",
     .body = TEXT("{\"signature\":{\"timestamp\":\"1735689600\",\"token\":\"sample\",\"signature\":"
                  "\"00\"},\"event-data\":{\"event\":\"delivered\",\"id\":\"sample\","
                  "\"recipient\":\"sam@example.com\"}}")},
    {.name = TEXT("adyen"),
     .title = "Adyen (payments)",
     .docs = "https://github.com/Adyen/adyen-node-api-library",
     .deadline_s = 10,
     .success = "2xx",
     .retries = "from a queue, at growing intervals",
     .setup =
         "In the Customer Area, under Developers, Webhooks, add a standard webhook with the URL "
         "of this source and generate its HMAC key. Eight fields of each item are signed.",
     .body = TEXT("{\"live\":\"false\",\"notificationItems\":[{\"NotificationRequestItem\":{"
                  "\"additionalData\":{\"hmacSignature\":\"\"},\"amount\":{\"currency\":\"EUR\","
                  "\"value\":5000},\"eventCode\":\"AUTHORISATION\",\"merchantAccountCode\":"
                  "\"Sample\",\"merchantReference\":\"sample-1\",\"pspReference\":\"sample\","
                  "\"success\":\"true\"}}]}")},
    {.name = TEXT("microsoft-graph"),
     .title = "Microsoft Graph",
     .docs = "https://learn.microsoft.com/graph/change-notifications-delivery-webhooks",
     .deadline_s = 3,
     .success = "2xx",
     .retries = "for up to 4 hours; slow endpoints are throttled",
     .setup =
         "Create the subscription with notificationUrl, the URL of this source, and clientState, "
         "the secret. It comes back in each notification: nothing else is vouched for.",
     .body = TEXT("{\"value\":[{\"subscriptionId\":\"sample\",\"clientState\":\"sample\","
                  "\"changeType\":\"created\",\"resource\":\"me/messages/sample\"}]}")},
    {.name = TEXT("twilio"),
     .title = "Twilio",
     .docs = "https://github.com/twilio/twilio-node",
     .setup = "Enter the URL of this source as a status callback; the secret is the account's auth "
              "token. What is answered to a call or a message would be TwiML: only callbacks that "
              "want no answer can be relayed.",
     .body_type = TEXT("application/x-www-form-urlencoded"),
     .body = TEXT("MessageSid=SM0sample&MessageStatus=delivered&To=%2B15005550006")},
    {.name = TEXT("vonage"),
     .title = "Vonage",
     .docs = "https://developer.vonage.com/en/getting-started/concepts/webhooks",
     .setup = "In the Dashboard, edit the application and enter the URL of this source as status "
              "or inbound URL; the secret is the signature secret of its API key, in the settings.",
     .body = TEXT("{\"message_uuid\":\"00000000-0000-4000-8000-000000000001\",\"to\":"
                  "\"447700900000\",\"from\":\"447700900001\",\"timestamp\":\"2025-01-01T00:00:"
                  "00Z\",\"status\":\"delivered\",\"channel\":\"sms\"}")},
    {.name = TEXT("messagebird"),
     .title = "MessageBird",
     .docs = "https://github.com/messagebird/messagebird-nodejs/blob/master/lib/"
             "webhook-signature-jwt.js",
     .setup = "Give the URL of this source as the webhook's or as the message's report URL, and "
              "the same as public_url here; the secret is the signing key of the developers' "
              "settings. Where it reports by GET, say methods: [GET, POST].",
     .body = TEXT("{\"id\":\"sample0000000001\",\"recipient\":31612345678,\"reference\":"
                  "\"sample\",\"status\":\"delivered\",\"statusDatetime\":\"2025-01-01T00:00:00+"
                  "00:00\"}")},
    {.name = TEXT("livekit"),
     .title = "LiveKit",
     .docs = "https://docs.livekit.io/home/server/webhooks/",
     .setup = "In the project's settings, under Webhooks (or as webhook.urls in the server's own "
              "configuration), add the URL of this source and choose the API key that signs; its "
              "API secret is the secret here.",
     .body = TEXT("{\"event\":\"room_started\",\"room\":{\"sid\":\"RM_sample\",\"name\":"
                  "\"sample\"},\"id\":\"EV_sample\",\"createdAt\":\"1735689600\"}")},
    {.name = TEXT("qstash"),
     .title = "Upstash QStash",
     .docs = "https://upstash.com/docs/qstash/howto/signature",
     .success = "2xx",
     .retries = "after 12 s, 2.5 min, 30 min, 6 h and then each day, as often as the plan says; a "
                "publisher may ask for other pauses",
     .setup = "Publish to the URL of this source, which is public_url here as well; of the "
              "console's signing keys list both, the current one and the next one, as secrets.",
     .body = TEXT("{\"task\":\"sample\",\"n\":1}")},
    {.name = TEXT("google-pubsub"),
     .title = "Google Cloud Pub/Sub push",
     .docs = "https://docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions",
     .success = "102, 200, 201, 202 or 204",
     .retries = "until the subscription's retention ends (7 days), with growing pauses",
     .setup = "Make a push subscription with the URL of this source as its endpoint, enable "
              "authentication with a service account of yours, and give its email and the "
              "audience here as well.",
     .body =
         TEXT("{\"message\":{\"data\":\"eyJzYW1wbGUiOnRydWV9\",\"messageId\":\"1000000000000001\""
              ",\"publishTime\":\"2025-01-01T00:00:00Z\"},\"subscription\":\"projects/sample/"
              "subscriptions/sample\"}")},
    {.name = TEXT("kinde"),
     .title = "Kinde",
     .docs = "https://github.com/kinde-oss/webhook",
     .setup =
         "Under Webhooks add an endpoint with the URL of this source; jwks_url is "
         "/.well-known/jwks of your Kinde domain. What is delivered is the token, whose claims "
         "are the event.",
     .body = TEXT(
         "{\"event_id\":\"event_sample\",\"event_timestamp\":\"2025-01-01T00:00:00Z\",\"source\":"
         "\"admin\",\"type\":\"user.created\",\"data\":{\"user\":{\"id\":\"kp_sample\"}}}")},
    {.name = TEXT("monday"),
     .title = "monday.com",
     .docs = "https://developer.monday.com/apps/docs/authorization-header",
     .setup = "Give the URL of this source to the app's webhook, and the same as public_url here; "
              "the secret is the app's signing secret. A webhook that was made by a personal token "
              "is not signed. The token says who sends, and nothing of the body.",
     .body = TEXT("{\"event\":{\"type\":\"create_pulse\",\"userId\":1,\"boardId\":2,"
                  "\"pulseId\":3,\"pulseName\":\"A sample item\"}}")},
    {.name = TEXT("atlassian-connect"),
     .title = "Atlassian Connect",
     .docs =
         "https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/",
     .setup = "In the app's descriptor enter the URL of this source, but for its baseUrl, which is "
              "public_url here; the secret is the sharedSecret that the installation has sent, and "
              "its clientKey may be given as issuer. Method, path and query are signed, not the "
              "body.",
     .body = TEXT("{\"timestamp\":1735689600000,\"webhookEvent\":\"jira:issue_created\","
                  "\"issue\":{\"id\":\"1\",\"key\":\"SAM-1\",\"fields\":{\"summary\":"
                  "\"A sample issue\"}}}")},
    {.name = TEXT("braintree"),
     .title = "Braintree",
     .docs = "https://github.com/braintree/braintree_node",
     .deadline_s = 30,
     .success = "2xx",
     .retries = "hourly for 24 hours; in the sandbox, for 3",
     .setup = "In the Control Panel, under API, Webhooks, add one with the URL of this source; the "
              "secret is an API key: its public key, a colon, its private key.",
     .body = TEXT("<notification><timestamp type=\"datetime\">2025-01-01T00:00:00Z</timestamp>"
                  "<kind>check</kind><subject><check type=\"boolean\">true</check></subject>"
                  "</notification>")},
    {.name = TEXT("plivo"),
     .title = "Plivo",
     .docs = "https://github.com/plivo/plivo-node",
     .setup = "Give the URL of this source as callback URL, and the same, without a query, as "
              "public_url here; the secret is the account's auth token. Posted forms are taken, "
              "and, with methods: [GET, POST], queries.",
     .body_type = TEXT("application/x-www-form-urlencoded"),
     .body = TEXT("MessageUUID=sample&Status=delivered&To=12025550123&From=12025550124")},
    {.name = TEXT("mercadopago"),
     .title = "Mercado Pago",
     .docs = "https://github.com/mercadopago/sdk-nodejs",
     .setup = "In the integration's settings, under Webhooks, enter the URL of this source; its "
              "secret signature is shown there. Signed are the query's data.id and x-request-id, "
              "not the body: ask Mercado Pago for what that id is. QR Code is never signed.",
     .body = TEXT("{\"id\":1,\"live_mode\":false,\"type\":\"payment\",\"action\":"
                  "\"payment.updated\",\"api_version\":\"v1\",\"data\":{\"id\":\"2\"}}")},
    {.name = TEXT("contentful"),
     .title = "Contentful",
     .docs = "https://github.com/contentful/node-apps-toolkit",
     .setup = "Enter the URL of this source, whose path no proxy may change, as the app's event "
              "target; the secret is the app's signing secret, 64 characters.",
     .body = TEXT("{\"sys\":{\"type\":\"Entry\",\"id\":\"sample\",\"version\":2},"
                  "\"fields\":{\"title\":{\"en-US\":\"A sample entry\"}}}")},
    {.name = TEXT("dropbox-sign"),
     .title = "Dropbox Sign",
     .docs = "https://developers.hellosign.com/docs/events/walkthrough/",
     .respond = 200,
     .says = TEXT("Hello API Event Received"),
     .success = "200, and a body that says: Hello API Event Received",
     .setup = "Enter the URL of this source as the account's or the app's callback URL; the secret "
              "is the primary API key. Only the time and the type of an event are signed, to the "
              "second, which is no key for dedupe: ask Dropbox Sign for the rest.",
     .body = TEXT("{\"event\":{\"event_time\":\"1735689600\",\"event_type\":"
                  "\"signature_request_sent\",\"event_hash\":\"\"}}")},
    {.name = TEXT("azure-event-grid"),
     .title = "Azure Event Grid",
     .docs = "https://learn.microsoft.com/azure/event-grid/security-authentication",
     .setup = "Give the event subscription the URL of this source and, behind it, "
              "?access_token=SECRET: it comes with each request, goes on to destinations as any "
              "query does, and vouches for nothing else.",
     .body =
         TEXT("{\"specversion\":\"1.0\",\"type\":\"Sample.Pipe.Laid\",\"source\":\"/pipes\",\"id\":"
              "\"sample\",\"time\":\"2025-01-01T00:00:00Z\",\"data\":{}}")},
    {.name = TEXT("standard-v1a"),
     .title = "Standard Webhooks, by key pair",
     .docs = "https://github.com/standard-webhooks/standard-webhooks",
     .success = "2xx; 410 disables the endpoint",
     .retries = "as the sender has it; days, with growing pauses, are recommended",
     .setup = "Give the URL of this source to the sender, who hands out its public key (whpk_...).",
     .body = TEXT("{\"type\":\"invoice.paid\",\"timestamp\":\"2025-01-01T00:00:00Z\",\"data\":{"
                  "\"id\":\"inv_sample\",\"amount\":5000,\"currency\":\"eur\"}}")},
    {.name = TEXT("aws-sns"),
     .title = "Amazon SNS",
     .docs = "https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html",
     .success = "2xx",
     .retries = "5xx and 429, by default 3 times, every 20 s; not after other 4xx",
     .setup = "Subscribe the URL of this source to the topic, protocol HTTPS, without raw message "
              "delivery; the subscription is confirmed by itself. SNS signs no MessageAttributes: "
              "do not trust them.",
     .body = TEXT("{\"Type\":\"Notification\",\"MessageId\":\"00000000-0000-4000-8000-"
                  "000000000001\",\"TopicArn\":\"arn:aws:sns:us-east-1:123456789012:sample\","
                  "\"Subject\":\"A sample\",\"Message\":\"A sample "
                  "message\",\"Timestamp\":\"2025-01-01T00:00:00.000Z\"}")},
    {.name = TEXT("paypal"),
     .title = "PayPal",
     .docs = "https://developer.paypal.com/api/rest/webhooks/rest/",
     .success = "2xx",
     .retries = "up to 25 times in 3 days",
     .setup = "In the settings of the app add a webhook with the URL of this source; webhook_id is "
              "the id that is shown for it then. PayPal signs no more of a body than its CRC-32.",
     .body = TEXT("{\"id\":\"WH-SAMPLE\",\"event_version\":\"1.0\",\"create_time\":\"2025-01-"
                  "01T00:00:00.000Z\",\"resource_type\":\"capture\",\"event_type\":\"PAYMENT."
                  "CAPTURE.COMPLETED\",\"resource\":{\"id\":\"SAMPLE\",\"amount\":{\"currency_"
                  "code\":\"EUR\",\"value\":\"50.00\"}}}")},
    {.name = TEXT("plaid"),
     .title = "Plaid",
     .docs = "https://plaid.com/docs/api/webhooks/webhook-verification/",
     .setup = "Give the URL of this source as webhook when a Link token is created; client_id and "
              "client_secret are under Keys in the Dashboard. For the sandbox say key_hosts: "
              "sandbox.plaid.com, and its own secret.",
     .body = TEXT("{\"webhook_type\":\"TRANSACTIONS\",\"webhook_code\":\"SYNC_UPDATES_AVAILABLE\","
                  "\"item_id\":\"sample\",\"environment\":\"production\"}")},
};

const struct provider *provider_find(struct str name)
{
    for (size_t i = 0; i < sizeof providers / sizeof providers[0]; i++) {
        if (str_eq(providers[i].name, name)) {
            return &providers[i];
        }
    }
    return NULL;
}
