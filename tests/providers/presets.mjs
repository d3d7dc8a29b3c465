/* How each preset's provider signs, written down a second time and apart from src/model/verify_presets.c: after
 * the provider's own library where npm has an official one, which is asked about every request; else after its
 * document (PROVIDERS.md). A row:
 *   scheme   what is digested and how it is written: see `hmac` below
 *   body     (n, now_ms) => what the library wants to see in an event, where it looks; n makes it unique
 *   library  the package; ask: async (load) => (request, secret) => does the library accept it? (false, or throws)
 *   url, issuer  what its source says beside the type
 *   differs  {case: why} where the library is known to judge otherwise than the provider signs
 * A request is {h: headers by lower-case name, text, bytes, url, query, method}. */
import crypto from 'node:crypto';

/* Pinned. Of one with `alone` only the JavaScript is unpacked, and of `paths` only these: types, maps and the same
 * once more as modules are tens of thousands of files, which take longer to write than the test to run. What such a
 * one needs itself is then named here, unless `load.beside` does without. */
const alone = (version, more) => ({ version, alone: true, ...more });
export const packages = {
    '@adyen/api-library': alone('32.1.0', { paths: ['lib/src/utils', 'lib/src/constants'] }),
    '@anthropic-ai/sdk': alone('1.10.0', { needs: ['@opentelemetry/api@1.10.0'] }),
    '@clerk/backend': { version: '3.25.0' },
    '@contentful/node-apps-toolkit': alone('3.16.1', { paths: ['lib/index.cjs'], needs: ['runtypes@5.2.0'] }),
    '@dropbox/sign': alone('1.11.0', { paths: ['dist/api.js'], needs: ['axios@1.21.1', 'bluebird@3.7.2', 'form-data@4.0.6', 'qs@6.17.1'] }),
    '@easypost/api': { version: '8.9.0' },
    '@elevenlabs/elevenlabs-js': alone('2.73.0', { paths: ['wrapper/webhooks.js', 'errors', 'core/json.js'] }),
    '@hookdeck/sdk': alone('0.4.0', { paths: ['webhooks'] }),
    '@hubspot/api-client': alone('14.0.1', { paths: ['lib/src/utils'] }),
    '@line/bot-sdk': alone('11.2.0', { paths: ['dist/cjs/validate-signature.js', 'dist/cjs/package.json'] }),
    '@linear/sdk': { version: '98.0.0' },
    '@liveblocks/node': { version: '3.24.2' },
    '@mux/mux-node': alone('15.3.0'),
    '@notionhq/client': alone('5.26.0', { paths: ['build/src/webhooks.js'] }),
    '@octokit/webhooks-methods': { version: '6.0.0' },
    '@onfido/api': alone('6.2.0', { paths: ['dist/webhook-event-verifier.js'] }),
    '@paddle/paddle-node-sdk': alone('3.10.0', { paths: ['dist/cjs'] }),
    '@polar-sh/sdk': alone('1.0.1'),
    '@portone/server-sdk': alone('0.19.0'),
    '@sanity/webhook': { version: '4.0.4' },
    '@sendgrid/eventwebhook': { version: '8.0.0' },
    '@shopify/shopify-api': alone('15.0.0', {
        paths: ['dist/cjs'],
        needs: ['@shopify/admin-api-client@2.0.0', '@shopify/graphql-client@2.0.0', '@shopify/storefront-api-client@2.0.0',
            'compare-versions@6.1.1', 'isbot@5.2.3', 'jose@5.10.0', 'lossless-json@4.3.3', 'tslib@2.8.1'],
    }),
    '@slack/bolt': alone('5.1.0', { paths: ['dist/receivers'], needs: ['tsscmp@1.0.6'] }),
    '@upstash/qstash': alone('2.12.0', { paths: ['index.js'], needs: ['jose@5.10.0', 'neverthrow@7.2.0', 'uncrypto@0.1.3'] }),
    '@vonage/jwt': { version: '1.17.1' },
    '@workos-inc/node': { version: '11.0.0' },
    '@zoom/rivet': { version: '0.4.0' },
    'atlassian-jwt': { version: '2.0.3' },
    'box-node-sdk': alone('10.12.0', {
        paths: ['lib'],
        needs: ['buffer@6.0.3', 'form-data@4.0.6', 'hash-wasm@4.13.0', 'node-fetch@2.7.0', 'proxy-agent@6.5.0', 'uuid@11.1.1'],
    }),
    'braintree': { version: '3.40.0' },
    'cashfree-pg': alone('6.0.6', { paths: ['dist'] }),
    'chargebee': { version: '3.33.0' },
    'cloudinary': { version: '2.11.0' },
    'coinbase-commerce-node': alone('1.0.4', { paths: ['lib'], needs: ['lodash@4.17.21', 'secure-compare@3.0.1'] }),
    'discord-interactions': { version: '4.4.0' },
    'gocardless-nodejs': alone('10.1.2', { paths: ['cjs/package.json', 'cjs/webhooks.js'] }),
    'lithic': alone('0.145.0'),
    'livekit-server-sdk': alone('2.19.2', {
        paths: ['dist'], needs: ['@bufbuild/protobuf@1.10.1', '@livekit/protocol@1.51.0', 'jose@5.10.0'],
    }),
    'mercadopago': alone('3.6.1', { paths: ['dist/utils/webhook'] }),
    'messagebird': { version: '4.0.1' },
    'modern-treasury': alone('3.3.0'),
    'openai': alone('7.55.0'),
    'orb-billing': alone('6.11.0'),
    'plivo': alone('4.79.0', {
        paths: ['dist/utils/v3Security.js'], needs: ['base-64@0.1.0', 'build-url@1.3.3', 'lodash@4.17.21', 'uri-parser@1.0.1', 'utf8@2.1.2'],
    }),
    'pusher': { version: '5.3.4' },
    'razorpay': { version: '2.9.8' },
    'replicate': { version: '1.4.0' },
    'resend': { version: '6.38.0' },
    'retell-sdk': alone('5.66.1'),
    'sns-validator': { version: '0.3.5' },
    'square': alone('46.0.0', { paths: ['wrapper/WebhooksHelper.js', 'errors', 'core/crypto', 'core/json.js'] }),
    'standardwebhooks': { version: '1.1.1' },
    'stream-chat': { version: '9.53.0' },
    'stripe': alone('23.1.0'),
    'svix': { version: '2.5.0' },
    'telnyx': alone('7.24.0'),
    'twilio': alone('6.3.1', { paths: ['lib/webhooks'] }),
    'twitter-autohook': alone('1.7.2'),
    'viber-bot': alone('1.0.18', { paths: ['lib/message/message-validator.js'] }),
    'webflow-api': alone('3.3.4', { paths: ['dist/wrapper/WebhooksClient.js'] }),
};

/* ---- schemes ---- */

const utf8 = (secret) => Buffer.from(secret);
const seconds = (ms) => String(Math.floor(ms / 1000));
const milliseconds = (ms) => String(ms);
const iso = (ms) => new Date(ms).toISOString();

/* `text`: what is signed, of {body, ts, id, url, method, secret}; `write`: the header's value of signatures that
 * are encoded already; `several`: it may hold more than one of them; `time`: how the timestamp is written, where
 * there is one; `within`: the seconds that the provider allows it to be old;
 * `hashes`: of which each is taken, where there are several. */
const hmac = (header, more = {}) => ({
    kind: 'hmac', hash: 'sha256', encoding: 'hex', header, text: (r) => [r.body], key: utf8, write: ({ sigs }) => sigs[0], ...more,
});
const base64 = (header, more = {}) => hmac(header, { encoding: 'base64', ...more });
const prefixed = (prefix, more = {}) => ({ write: ({ sigs, key = prefix }) => `${key}=${sigs[0]}`, keyed: true, ...more });
/* "t=1,v1=aa,v1=bb" */
const listed = (ts, sig, item = ',', more = {}) => ({
    write: ({ sigs, at, key = sig }) => [`${ts}=${at}`, ...sigs.map((s) => `${key}=${s}`)].join(item),
    keyed: true, several: true, time: seconds, timeInside: true, text: (r) => [r.ts, '.', r.body], ...more,
});
const fromWhsec = (secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
const whsec = (name) => 'whsec_' + crypto.createHash('sha256').update('whsec ' + name).digest().subarray(0, 24).toString('base64');
const standard = (prefix = 'webhook', more = {}) => base64(`${prefix}-signature`, {
    timeHeader: `${prefix}-timestamp`, idHeader: `${prefix}-id`, time: seconds, within: 300,
    text: (r) => [r.id, '.', r.ts, '.', r.body],
    write: ({ sigs, key = 'v1' }) => sigs.map((s) => `${key},${s}`).join(' '), keyed: true, several: true,
    key: fromWhsec, encodedKey: true, secret: whsec, ...more,
});
const svix = () => standard('svix', { others: [{ header: 'webhook-signature', timeHeader: 'webhook-timestamp', idHeader: 'webhook-id' }] });
const raw = (name) => `secret-of-${name}-` + crypto.createHash('sha256').update(name).digest('hex').slice(0, 16);
const hex = (name) => crypto.createHash('sha256').update('hex ' + name).digest('hex').toUpperCase();
const token = (header) => ({ kind: 'token', header });
const basic = () => ({ kind: 'basic', header: 'Authorization', secret: (name) => `user-${name}:${raw(name)}` });
/* A signature that is inside of the body: `seal` puts it into an event, `at` says where they are. */
const inside = (seal, at, more = {}) => ({ kind: 'inside', seal, at, key: utf8, encoding: 'hex', ...more });
/* A token: `claims` of {at: seconds, n, body, url, query}; `bond`: which one is the SHA-256 of the body, and how it is
 * written; `life`: the seconds from `at` to its end, where it has one; `algorithms`: by the first of them it is signed. */
const jwt = (header, more) => ({ kind: 'jwt', header, prefix: '', algorithms: ['HS256'], ...more });
const sha256 = (bytes, encoding) => crypto.createHash('sha256').update(bytes).digest(encoding);
const PUBLIC_URL = 'https://hooks.example.com/in?of=penstock';
const BASE_URL = 'https://hooks.example.com';
const CHALLENGE = 'c0ffee00c0ffee00c0ffee00';

/* A constructor, however its module exports it. */
const first = (module, name) => module[name] ?? module.default?.[name] ?? module.default ?? module;

export const presets = {
    stripe: {
        scheme: hmac('Stripe-Signature', listed('t', 'v1', ',', { within: 300, secret: (n) => 'whsec_' + raw(n) })),
        body: (n) => ({ id: `evt_${n}`, object: 'event', type: 'charge.succeeded', data: { object: { id: 'ch_1', amount: 5000 } } }),
        library: 'stripe',
        ask: async (load) => {
            const stripe = new (first(load.cjs('stripe'), 'Stripe'))('sk_test_1');
            return (r, secret) => stripe.webhooks.constructEvent(r.text, r.h['stripe-signature'], secret);
        },
    },
    github: {
        scheme: hmac('X-Hub-Signature-256', prefixed('sha256')),
        library: '@octokit/webhooks-methods',
        ask: async (load) => {
            const { verify } = await load('@octokit/webhooks-methods');
            return (r, secret) => verify(secret, r.text, r.h['x-hub-signature-256']);
        },
    },
    gitlab: { scheme: token('X-Gitlab-Token') },
    bitbucket: { scheme: hmac('X-Hub-Signature', prefixed('sha256')) },
    shopify: {
        scheme: base64('X-Shopify-Hmac-Sha256', { others: [{ header: 'shopify-hmac-sha256' }] }),
        headers: (n) => ({
            'X-Shopify-Topic': 'orders/create', 'X-Shopify-Shop-Domain': 'a.myshopify.com', 'X-Shopify-API-Version': '2026-10', 'X-Shopify-Webhook-Id': `wh-${n}`,
            'shopify-topic': 'orders/create', 'shopify-shop-domain': 'a.myshopify.com', 'shopify-api-version': '2026-10', 'shopify-webhook-id': `wh-${n}`,
            'shopify-handle': 'a', 'shopify-action': 'create', 'shopify-resource-id': 'gid://shopify/Order/1',
        }),
        library: '@shopify/shopify-api',
        ask: async (load) => {
            load.cjs('@shopify/shopify-api/adapters/node');
            const { shopifyApi, ApiVersion } = load.cjs('@shopify/shopify-api');
            return async (r, secret) => {
                const api = shopifyApi({
                    apiKey: 'k', apiSecretKey: secret, hostName: 'a.example.com', isEmbeddedApp: false, scopes: [],
                    apiVersion: Object.values(ApiVersion)[0], logger: { log: () => {} },
                });
                const said = await api.webhooks.validate({ rawBody: r.text, rawRequest: { method: 'POST', url: '/', headers: r.h }, rawResponse: {} });
                /* What else it wants to see, it wants once the signature is right; `penstock send` makes not all of it. */
                return said.valid || said.missingHeaders?.every((h) => !/hmac/i.test(h));
            };
        },
    },
    slack: {
        scheme: hmac('X-Slack-Signature', prefixed('v0', {
            timeHeader: 'X-Slack-Request-Timestamp', time: seconds, within: 300, text: (r) => ['v0:', r.ts, ':', r.body],
        })),
        library: '@slack/bolt',
        ask: async (load) => {
            const { verifySlackRequest } = load.cjs('./node_modules/@slack/bolt/dist/receivers/verify-request.js');
            return (r, secret) => verifySlackRequest({
                signingSecret: secret, body: r.text,
                headers: { 'x-slack-signature': r.h['x-slack-signature'], 'x-slack-request-timestamp': r.h['x-slack-request-timestamp'] },
            }) === undefined;
        },
    },
    standard: {
        scheme: standard(), library: 'standardwebhooks',
        ask: async (load) => {
            const { Webhook } = await load('standardwebhooks');
            return (r, secret) => new Webhook(secret).verify(r.text, r.h);
        },
    },
    svix: {
        scheme: svix(), library: 'svix',
        ask: async (load) => {
            const { Webhook } = await load('svix');
            return (r, secret) => new Webhook(secret).verify(r.text, r.h) ?? true;
        },
    },
    clerk: {
        scheme: svix(), library: '@clerk/backend',
        differs: { 'the other headers': 'it reads svix-* alone' },
        ask: async (load) => {
            const { verifyWebhook } = await load('@clerk/backend/webhooks');
            return (r, signingSecret) => verifyWebhook(new Request('https://a.example.com/', { method: 'POST', headers: r.h, body: r.text }), { signingSecret });
        },
    },
    resend: {
        scheme: svix(), library: 'resend',
        ask: async (load) => {
            const { Resend } = await load('resend');
            const resend = new Resend('re_1');
            const of = (r, name) => r.h[`svix-${name}`] ?? r.h[`webhook-${name}`];
            return (r, webhookSecret) => resend.webhooks.verify({
                payload: r.text, webhookSecret,
                headers: { id: of(r, 'id'), timestamp: of(r, 'timestamp'), signature: of(r, 'signature') },
            });
        },
    },
    openai: {
        scheme: standard(), library: 'openai',
        ask: async (load) => {
            const client = new (first(load.cjs('openai'), 'OpenAI'))({ apiKey: 'sk-1' });
            return (r, secret) => client.webhooks.unwrap(r.text, r.h, secret);
        },
    },
    anthropic: {
        scheme: standard(), library: '@anthropic-ai/sdk',
        ask: async (load) => {
            const client = new (first(load.cjs('@anthropic-ai/sdk'), 'Anthropic'))({ apiKey: 'sk-1' });
            return (r, key) => client.beta.webhooks.unwrap(r.text, { headers: r.h, key });
        },
    },
    lithic: {
        scheme: standard(), library: 'lithic',
        ask: async (load) => {
            const client = new (first(load.cjs('lithic'), 'Lithic'))({ apiKey: 'k' });
            return (r, secret) => client.webhooks.parse(r.text, { headers: r.h, secret });
        },
    },
    liveblocks: {
        scheme: standard(), library: '@liveblocks/node',
        body: (n) => ({ type: 'roomCreated', data: { projectId: 'p', roomId: `r${n}`, createdAt: '2026-01-01T00:00:00Z' } }),
        ask: async (load) => {
            const { WebhookHandler } = await load('@liveblocks/node');
            return (r, secret) => new WebhookHandler(secret).verifyRequest({ headers: r.h, rawBody: r.text });
        },
    },
    portone: {
        scheme: standard(), library: '@portone/server-sdk',
        ask: async (load) => {
            const { verify } = load.cjs('@portone/server-sdk/webhook');
            return (r, secret) => verify(secret, r.text, r.h);
        },
    },
    replicate: {
        scheme: standard('webhook', { within: 0 }), library: 'replicate',
        ask: async (load) => {
            const { validateWebhook } = await load('replicate');
            return (r, secret) => validateWebhook({
                id: r.h['webhook-id'], timestamp: r.h['webhook-timestamp'], signature: r.h['webhook-signature'], body: r.text, secret,
            });
        },
    },
    polar: {
        scheme: standard('webhook', { key: utf8, encodedKey: false, otherKey: fromWhsec, secret: whsec }), library: '@polar-sh/sdk',
        body: (n) => ({ type: 'benefit.created', timestamp: '2026-01-01T00:00:00Z', data: { id: `b${n}` } }),
        ask: async (load) => {
            const { validateEvent } = load.cjs('@polar-sh/sdk/2026-10').webhooks;
            return (r, secret) => validateEvent(r.text, r.h, secret);
        },
    },
    bigcommerce: { scheme: standard('webhook', { key: utf8, encodedKey: false, secret: raw }) },
    paddle: {
        scheme: hmac('Paddle-Signature', listed('ts', 'h1', ';', {
            text: (r) => [r.ts, ':', r.body], within: 60, aged: 2, secret: (n) => 'pdl_ntfset_' + raw(n),
        })),
        library: '@paddle/paddle-node-sdk',
        ask: async (load) => {
            const { Paddle } = load.cjs('@paddle/paddle-node-sdk');
            const paddle = new Paddle('k');
            return (r, secret) => paddle.webhooks.isSignatureValid(r.text, secret, r.h['paddle-signature']);
        },
    },
    square: {
        scheme: base64('x-square-hmacsha256-signature', { text: (r) => [r.url, r.body] }), url: PUBLIC_URL, library: 'square',
        ask: async (load) => {
            const { WebhooksHelper } = load.beside({ '../api': {} }, 'square/wrapper/WebhooksHelper.js');
            return (r, signatureKey) => WebhooksHelper.verifySignature({
                requestBody: r.text, signatureHeader: r.h['x-square-hmacsha256-signature'], signatureKey, notificationUrl: r.url,
            });
        },
    },
    'adyen-platform': {
        scheme: base64('HmacSignature', { key: (s) => Buffer.from(s, 'hex'), encodedKey: true, secret: hex }), library: '@adyen/api-library',
        ask: async (load) => {
            const validator = new (load.cjs('./node_modules/@adyen/api-library/lib/src/utils/hmacValidator.js').default)();
            return (r, secret) => validator.validateHMACSignature(secret, r.h.hmacsignature, r.text);
        },
    },
    zoom: {
        scheme: hmac('x-zm-signature', prefixed('v0', {
            timeHeader: 'x-zm-request-timestamp', time: seconds, text: (r) => ['v0:', r.ts, ':', r.body],
        })),
        body: (n) => ({ event: 'meeting.started', event_ts: 1700000000000, payload: { account_id: `a${n}`, object: { id: '1' } } }),
        differs: { 'raw bytes': 'it signs the JSON anew, not the bytes that came' },
        library: '@zoom/rivet', ask: askZoom,
    },
    hubspot: {
        scheme: base64('X-HubSpot-Signature-v3', {
            timeHeader: 'X-HubSpot-Request-Timestamp', time: milliseconds, within: 300, text: (r) => [r.method, r.url, r.body, r.ts],
        }),
        url: PUBLIC_URL, library: '@hubspot/api-client',
        body: (n) => [{ eventId: n, subscriptionType: 'contact.creation', objectId: 1 }],
        ask: async (load) => {
            const { Signature } = load.cjs('./node_modules/@hubspot/api-client/lib/src/utils/signature.js');
            return (r, clientSecret) => Signature.isValid({
                signatureVersion: 'v3', method: r.method, clientSecret, requestBody: r.text, url: r.url,
                signature: r.h['x-hubspot-signature-v3'], timestamp: Number(r.h['x-hubspot-request-timestamp']),
            });
        },
    },
    intercom: { scheme: hmac('X-Hub-Signature', prefixed('sha1', { hash: 'sha1' })) },
    zendesk: {
        scheme: base64('X-Zendesk-Webhook-Signature', {
            timeHeader: 'X-Zendesk-Webhook-Signature-Timestamp', time: (ms) => iso(ms).slice(0, 19) + 'Z', text: (r) => [r.ts, r.body],
        }),
    },
    linear: {
        scheme: hmac('Linear-Signature', { within: 60, timeInBody: true }),
        body: (n, now) => ({ action: 'create', type: 'Issue', data: { id: `i${n}` }, webhookTimestamp: now, webhookId: 'w' }),
        library: '@linear/sdk',
        ask: async (load) => {
            const { LinearWebhookClient } = await load('@linear/sdk/webhooks');
            return (r, secret) => new LinearWebhookClient(secret).verify(r.bytes, r.h['linear-signature']);
        },
    },
    typeform: { scheme: base64('Typeform-Signature', prefixed('sha256')) },
    docusign: { scheme: base64('X-DocuSign-Signature-1', { others: [{ header: 'X-DocuSign-Signature-2' }, { header: 'X-DocuSign-Signature-8' }] }) },
    jira: { scheme: hmac('X-Hub-Signature', prefixed('sha256')) },
    pagerduty: {
        scheme: hmac('X-PagerDuty-Signature', { write: ({ sigs, key = 'v1' }) => sigs.map((s) => `${key}=${s}`).join(','), keyed: true, several: true }),
    },
    sentry: { scheme: hmac('Sentry-Hook-Signature', { others: [{ header: 'X-Sentry-Hook-Signature' }] }) },
    vercel: { scheme: hmac('x-vercel-signature', { hash: 'sha1' }) },
    heroku: { scheme: base64('Heroku-Webhook-Hmac-SHA256') },
    asana: { scheme: hmac('X-Hook-Signature') },
    trello: { scheme: base64('X-Trello-Webhook', { hash: 'sha1', text: (r) => [r.body, r.url] }), url: PUBLIC_URL },
    dropbox: { scheme: hmac('X-Dropbox-Signature') },
    meta: { scheme: hmac('X-Hub-Signature-256', prefixed('sha256')) },
    x: {
        scheme: base64('x-twitter-webhooks-signature', prefixed('sha256')), library: 'twitter-autohook',
        ask: async (load) => {
            const { validateSignature } = load.beside({ ngrok: {}, needle: { defaults: () => {} }, dotenv: { config: () => {} } }, 'twitter-autohook');
            return (r, consumer_secret) => validateSignature(r.h, { consumer_secret }, r.text);
        },
    },
    okta: { scheme: token('Authorization') },
    auth0: { scheme: token('Authorization') },
    calendly: { scheme: hmac('Calendly-Webhook-Signature', listed('t', 'v1')) },
    woocommerce: { scheme: base64('X-WC-Webhook-Signature') },
    xero: { scheme: base64('x-xero-signature') },
    quickbooks: { scheme: base64('intuit-signature') },
    postmark: { scheme: basic() },
    segment: { scheme: hmac('X-Signature', { hash: 'sha1' }) },
    circleci: {
        scheme: hmac('circleci-signature', { write: ({ sigs, key = 'v1' }) => sigs.map((s) => `${key}=${s}`).join(','), keyed: true, several: true }),
    },
    npm: { scheme: hmac('x-npm-signature', prefixed('sha256')) },
    line: {
        scheme: base64('X-Line-Signature'), library: '@line/bot-sdk',
        body: (n) => ({ destination: 'U1', events: [{ type: 'message', webhookEventId: `e${n}` }] }),
        ask: async (load) => {
            const validate = load.cjs('./node_modules/@line/bot-sdk/dist/cjs/validate-signature.js').default;
            return (r, secret) => validate(r.text, secret, r.h['x-line-signature']);
        },
    },
    twitch: {
        scheme: hmac('Twitch-Eventsub-Message-Signature', prefixed('sha256', {
            timeHeader: 'Twitch-Eventsub-Message-Timestamp', idHeader: 'Twitch-Eventsub-Message-Id',
            time: (ms) => iso(ms).replace('Z', '456789Z'), text: (r) => [r.id, r.ts, r.body],
        })),
    },
    telegram: { scheme: token('X-Telegram-Bot-Api-Secret-Token') },
    pusher: {
        scheme: hmac('X-Pusher-Signature'), headers: () => ({ 'X-Pusher-Key': 'key1' }), library: 'pusher',
        body: (n) => ({ time_ms: 1700000000000, events: [{ name: 'channel_occupied', channel: `c${n}` }] }),
        ask: async (load) => {
            const Pusher = (await load('pusher')).default;
            return (r, secret) => new Pusher({ appId: '1', key: 'key1', secret, cluster: 'eu' }).webhook({ headers: { 'x-pusher-key': 'key1', ...r.h }, rawBody: r.text }).isValid();
        },
    },
    chargebee: {
        scheme: basic(), library: 'chargebee',
        ask: async (load) => {
            const { basicAuthValidator } = await load('chargebee');
            return async (r, secret) => (await basicAuthValidator((user, password) => `${user}:${password}` === secret)(r.h)) === undefined;
        },
    },
    sanity: {
        scheme: hmac('sanity-webhook-signature', listed('t', 'v1', ',', { encoding: 'base64url', time: milliseconds, several: false })),
        library: '@sanity/webhook',
        ask: async (load) => {
            const { isValidSignature } = await load('@sanity/webhook');
            return (r, secret) => isValidSignature(r.text, r.h['sanity-webhook-signature'], secret);
        },
    },
    mux: {
        scheme: hmac('Mux-Signature', listed('t', 'v1', ',', { within: 300 })), library: '@mux/mux-node',
        ask: async (load) => {
            const mux = new (first(load.cjs('@mux/mux-node'), 'Mux'))({ tokenId: 'a', tokenSecret: 'b' });
            return async (r, secret) => (await mux.webhooks.unwrap(r.text, r.h, secret)) !== undefined;
        },
    },
    workos: {
        scheme: hmac('WorkOS-Signature', listed('t', 'v1', ', ', { within: 180, time: milliseconds, several: false })), library: '@workos-inc/node',
        ask: async (load) => {
            const { WorkOS } = await load('@workos-inc/node');
            const workos = new WorkOS('sk_1');
            return async (r, secret) => await workos.webhooks.verifyHeader({ payload: r.text, sigHeader: r.h['workos-signature'], secret });
        },
    },
    elevenlabs: {
        scheme: hmac('ElevenLabs-Signature', listed('t', 'v0', ',', { within: 1800, several: false })), library: '@elevenlabs/elevenlabs-js',
        ask: async (load) => {
            const { WebhooksClient } = load.beside(
                { '../api/resources/webhooks/client/Client': { WebhooksClient: class {} } }, '@elevenlabs/elevenlabs-js/wrapper/webhooks.js');
            const webhooks = new WebhooksClient({});
            return (r, secret) => webhooks.constructEvent(r.text, r.h['elevenlabs-signature'], secret);
        },
    },
    retell: {
        scheme: hmac('X-Retell-Signature', listed('v', 'd', ',', { within: 300, time: milliseconds, several: false, text: (r) => [r.body, r.ts] })),
        library: 'retell-sdk',
        ask: async (load) => {
            const Retell = first(load.cjs('retell-sdk'), 'Retell');
            return (r, secret) => Retell.verify(r.text, secret, r.h['x-retell-signature']);
        },
    },
    orb: {
        scheme: hmac('X-Orb-Signature', {
            write: ({ sigs, key = 'v1' }) => sigs.map((s) => `${key}=${s}`).join(' '), keyed: true, several: true, timeHeader: 'X-Orb-Timestamp',
            time: (ms) => iso(ms).replace('Z', '123'), within: 300, text: (r) => ['v1:', r.ts, ':', r.body], /* no zone, as Python writes it */
        }),
        library: 'orb-billing',
        ask: async (load) => {
            const orb = new (first(load.cjs('orb-billing'), 'Orb'))({ apiKey: 'k' });
            return (r, secret) => orb.webhooks.unwrap(r.text, r.h, secret);
        },
    },
    webflow: {
        scheme: hmac('x-webflow-signature', { timeHeader: 'x-webflow-timestamp', time: milliseconds, text: (r) => [r.ts, ':', r.body] }),
        library: 'webflow-api',
        ask: async (load) => {
            const { Client } = load.beside({ '../api/resources/webhooks/client/Client': { Webhooks: class {} } }, 'webflow-api/dist/wrapper/WebhooksClient.js');
            return (r, secret) => new Client({}).verifySignature({ headers: r.h, body: r.text, secret });
        },
    },
    box: {
        scheme: base64('Box-Signature-Primary', {
            others: [{ header: 'Box-Signature-Secondary' }], timeHeader: 'Box-Delivery-Timestamp', within: 600, text: (r) => [r.body, r.ts],
            time: (ms) => iso(ms - 7 * 3600e3).slice(0, 19) + '-07:00', /* with a zone, as in Box's document */
        }),
        headers: () => ({ 'Box-Signature-Version': '1', 'Box-Signature-Algorithm': 'HmacSHA256' }),
        differs: { 'a little ahead': 'it allows for no clock that is ahead' },
        more: boxMore,
        library: 'box-node-sdk',
        ask: async (load) => {
            const { WebhooksManager } = load.cjs('./node_modules/box-node-sdk/lib/managers/webhooks.js');
            return (r, secret) => WebhooksManager.validateMessage(r.text, {
                'box-signature-version': '1', 'box-signature-algorithm': 'HmacSHA256', ...r.h,
            }, secret, { secondaryKey: secret });
        },
    },
    cashfree: {
        scheme: base64('x-webhook-signature', { timeHeader: 'x-webhook-timestamp', time: milliseconds, text: (r) => [r.ts, r.body] }),
        library: 'cashfree-pg',
        ask: async (load) => {
            const { Cashfree, CFEnvironment } = load.beside({ axios: {}, '@sentry/node': {} }, 'cashfree-pg');
            return (r, secret) => new Cashfree(CFEnvironment.SANDBOX, 'id', secret, undefined, undefined, undefined, false /* reports to its makers */)
                .PGVerifyWebhookSignature(r.h['x-webhook-signature'], r.text, r.h['x-webhook-timestamp']);
        },
    },
    cloudinary: {
        scheme: hmac('X-Cld-Signature', {
            kind: 'hash', hash: 'sha1', timeHeader: 'X-Cld-Timestamp', time: seconds, within: 7200, text: (r) => [r.body, r.ts, r.secret],
        }),
        more: () => [['SHA-256', 'accept', { hash: 'sha256' }], ['SHA-512', 'refuse', { hash: 'sha512' }], ['SHA-256 of another secret', 'refuse', { hash: 'sha256', secret: 'x' }]],
        library: 'cloudinary',
        ask: async (load) => {
            const cloudinary = (await load('cloudinary')).v2;
            return (r, api_secret) => {
                cloudinary.config({ cloud_name: 'c', api_key: 'k', api_secret, signature_algorithm: r.h['x-cld-signature']?.length === 64 ? 'sha256' : 'sha1' });
                return cloudinary.utils.verifyNotificationSignature(r.text, Number(r.h['x-cld-timestamp']), r.h['x-cld-signature']);
            };
        },
    },
    razorpay: {
        scheme: hmac('X-Razorpay-Signature'), library: 'razorpay',
        ask: async (load) => {
            const Razorpay = (await load('razorpay')).default;
            return (r, secret) => Razorpay.validateWebhookSignature(r.text, r.h['x-razorpay-signature'], secret);
        },
    },
    'coinbase-commerce': {
        scheme: hmac('X-CC-Webhook-Signature'), library: 'coinbase-commerce-node',
        body: (n) => ({ id: n, event: { id: `e${n}`, resource: 'event', type: 'charge:confirmed', data: {} } }),
        ask: async (load) => {
            const Webhook = load.beside({ './Resources/Event': Object }, 'coinbase-commerce-node/lib/Webhook.js');
            return (r, secret) => Webhook.verifySigHeader(r.text, r.h['x-cc-webhook-signature'], secret);
        },
    },
    gocardless: {
        scheme: hmac('Webhook-Signature'), library: 'gocardless-nodejs',
        body: (n) => ({ events: [{ id: `EV${n}`, action: 'paid' }], meta: { webhook_id: `WB${n}` } }),
        ask: async (load) => {
            const { parse } = load.cjs('./node_modules/gocardless-nodejs/cjs/webhooks.js');
            return (r, secret) => parse(r.text, secret, r.h['webhook-signature']);
        },
    },
    onfido: {
        scheme: hmac('X-SHA2-Signature'), library: '@onfido/api',
        ask: async (load) => {
            const { WebhookEventVerifier } = load.cjs('./node_modules/@onfido/api/dist/webhook-event-verifier.js');
            return (r, secret) => new WebhookEventVerifier(secret).readPayload(r.text, r.h['x-sha2-signature']);
        },
    },
    stream: {
        scheme: hmac('X-Signature'), library: 'stream-chat',
        ask: async (load) => {
            const { StreamChat } = await load('stream-chat');
            return (r, secret) => new StreamChat('k', secret).verifyWebhook(r.text, r.h['x-signature']);
        },
    },
    'modern-treasury': {
        scheme: hmac('X-Signature'), library: 'modern-treasury',
        ask: async (load) => {
            const client = new (first(load.cjs('modern-treasury'), 'ModernTreasury'))({ apiKey: 'k', organizationID: 'o' });
            return (r, key) => client.webhooks.validateSignature(r.text, r.h, { key });
        },
    },
    viber: {
        scheme: hmac('X-Viber-Content-Signature'), library: 'viber-bot',
        ask: async (load) => {
            const Validator = load.cjs('./node_modules/viber-bot/lib/message/message-validator.js');
            return (r, secret) => new Validator({ debug: () => {} }, secret).validateMessage(r.h['x-viber-content-signature'], r.text);
        },
    },
    notion: {
        scheme: hmac('X-Notion-Signature', prefixed('sha256')), library: '@notionhq/client',
        ask: async (load) => {
            const { verifyWebhookSignature } = load.cjs('./node_modules/@notionhq/client/build/src/webhooks.js');
            return (r, verificationToken) => verifyWebhookSignature({ body: r.text, signature: r.h['x-notion-signature'], verificationToken });
        },
    },
    easypost: {
        scheme: hmac('X-Hmac-Signature', prefixed('hmac-sha256-hex')), library: '@easypost/api',
        more: easypostMore,
        ask: async (load) => {
            const client = new (first(await load('@easypost/api'), 'EasyPostClient'))('k');
            return (r, secret) => client.Utils.validateWebhook(r.bytes, { 'X-Hmac-Signature': r.h['x-hmac-signature'] }, secret);
        },
    },
    hookdeck: {
        scheme: base64('x-hookdeck-signature', { others: [{ header: 'x-hookdeck-signature-2' }] }), library: '@hookdeck/sdk',
        differs: { 'the other headers': 'it wants the first header, too' },
        ask: async (load) => {
            const { verifyWebhookSignature } = load.cjs('./node_modules/@hookdeck/sdk/webhooks/helpers.js');
            return async (r, signingSecret) => (await verifyWebhookSignature({ headers: r.h, rawBody: r.text, signingSecret })).isValidSignature;
        },
    },
    discord: {
        scheme: { ...hmac('X-Signature-Ed25519'), kind: 'ed25519', timeHeader: 'X-Signature-Timestamp', time: seconds, text: (r) => [r.ts, r.body], publicKey: 'hex' },
        library: 'discord-interactions',
        ask: async (load) => {
            const { verifyKey } = await load('discord-interactions');
            return (r, key) => verifyKey(r.text, r.h['x-signature-ed25519'], r.h['x-signature-timestamp'], key);
        },
    },
    telnyx: {
        scheme: {
            ...base64('telnyx-signature-ed25519'), kind: 'ed25519', timeHeader: 'telnyx-timestamp', time: seconds, within: 300,
            text: (r) => [r.ts, '|', r.body], publicKey: 'base64',
        },
        library: 'telnyx',
        ask: async (load) => {
            const client = new (first(load.cjs('telnyx'), 'Telnyx'))({ apiKey: 'k' });
            return (r, key) => client.webhooks.unwrap(r.text, { headers: r.h, key });
        },
    },
    sendgrid: {
        scheme: {
            ...base64('X-Twilio-Email-Event-Webhook-Signature'), kind: 'ecdsa', timeHeader: 'X-Twilio-Email-Event-Webhook-Timestamp', time: seconds,
            text: (r) => [r.ts, r.body], publicKey: 'spki',
        },
        body: (n) => [{ email: 'a@example.com', event: 'delivered', sg_event_id: `e${n}` }],
        library: '@sendgrid/eventwebhook',
        ask: async (load) => {
            const { EventWebhook } = await load('@sendgrid/eventwebhook');
            const hook = new EventWebhook();
            return (r, key) => hook.verifySignature(
                hook.convertPublicKeyToECDSA(key), r.bytes, r.h['x-twilio-email-event-webhook-signature'], r.h['x-twilio-email-event-webhook-timestamp']);
        },
    },
    mailgun: {
        scheme: inside((event, sign) => {
            event.signature.signature = sign(event.signature.timestamp + event.signature.token);
        }, (event) => [[event.signature, 'signature']]),
        body: (n, now) => ({ signature: { timestamp: seconds(now), token: `t${n}`, signature: '' }, 'event-data': { event: 'delivered', id: `e${n}` } }),
        changes: { 'another token': (e) => (e.signature.token += '1'), 'another timestamp': (e) => (e.signature.timestamp += '1') },
    },
    adyen: {
        scheme: inside((event, sign) => {
            for (const { NotificationRequestItem: i } of event.notificationItems) {
                i.additionalData.hmacSignature = sign([
                    i.pspReference, i.originalReference, i.merchantAccountCode, i.merchantReference, i.amount.value, i.amount.currency, i.eventCode, i.success,
                ].join(':'));
            }
        }, (event) => event.notificationItems.map((i) => [i.NotificationRequestItem.additionalData, 'hmacSignature']), {
            encoding: 'base64', key: (s) => Buffer.from(s, 'hex'), encodedKey: true, secret: hex,
        }),
        body: (n) => ({
            live: 'false',
            notificationItems: ['A', 'B'].map((item) => ({
                NotificationRequestItem: {
                    additionalData: {}, amount: { currency: 'EUR', value: 1130 }, eventCode: 'AUTHORISATION', eventDate: '2026-11-29T10:00:00+01:00',
                    merchantAccountCode: 'Test:Merchant', merchantReference: `é\\${item}${n}`, pspReference: `${item}${n}`, reason: '1', success: 'true',
                },
            })),
        }),
        changes: {
            'another amount': (e) => (e.notificationItems[0].NotificationRequestItem.amount.value++),
            'another amount in the last item': (e) => (e.notificationItems[1].NotificationRequestItem.amount.value++),
            'not a success': (e) => (e.notificationItems[1].NotificationRequestItem.success = 'false'),
            'another original reference': (e) => (e.notificationItems[0].NotificationRequestItem.originalReference = 'X'),
            'one item without a signature': (e) => delete e.notificationItems[1].NotificationRequestItem.additionalData,
            'no items': (e) => (e.notificationItems = []),
        },
        library: '@adyen/api-library',
        ask: async (load) => {
            const validator = new (load.cjs('./node_modules/@adyen/api-library/lib/src/utils/hmacValidator.js').default)();
            return (r, secret) => {
                const items = JSON.parse(r.text).notificationItems;
                return items.length > 0 && items.every((i) => validator.validateHMAC(i.NotificationRequestItem, secret));
            };
        },
    },
    'microsoft-graph': {
        scheme: inside((event, sign, secret) => event.value.forEach((v) => (v.clientState = secret)), (event) => event.value.map((v) => [v, 'clientState']), {
            encoding: undefined, /* the secret itself */
        }),
        body: (n) => ({ value: ['a', 'b'].map((i) => ({ id: `${i}${n}`, changeType: 'created', resource: 'users/1', clientState: '' })) }),
        changes: { 'one element without it': (e) => delete e.value[1].clientState, 'no elements': (e) => (e.value = []), 'no list': (e) => (e.value = e.value[0]) },
    },
    twilio: {
        scheme: base64('X-Twilio-Signature', {
            hash: 'sha1', hashes: ['sha1', 'sha256'], text: (r) => [r.url, r.query ?? '', ...twilioForm(r)],
        }),
        url: PUBLIC_URL.split('?')[0],
        type: 'application/x-www-form-urlencoded',
        write: (event, n) => new URLSearchParams({ MessageSid: `SM${n}`, From: '+15551234567', To: '+15557654321', Body: 'a pipe', AccountSid: 'AC1' }).toString(),
        writeRaw: (n) => `b=%C3%A9t%C3%A9+%F0%9F%9A%B0&MessageSid=SM${n}&B=&a%2Bb=1%262&B=%e5%A4%8f&B=0`,
        more: twilioMore, library: 'twilio',
        differs: { 'SHA-256, no settings': 'its digest is what the settings say, which nobody signs' },
        ask: async (load) => {
            const twilio = load.cjs('./node_modules/twilio/lib/webhooks/webhooks.js');
            return (r, secret) => {
                const isForm = r.h['content-type'] === 'application/x-www-form-urlencoded', body = {};
                for (const [k, v] of isForm ? new URLSearchParams(r.text) : []) {
                    body[k] = k in body ? [body[k], v].flat() : v;
                }
                return twilio.validateRequest !== undefined && twilio.validateIncomingRequest(
                    { header: (name) => r.h[name.toLowerCase()], rawBody: r.text, body }, secret,
                    { url: r.url, algorithm: twilio.getSignatureAlgorithm(r.h['x-twilio-webhooks-signature-settings']) });
            };
        },
    },
    vonage: {
        scheme: jwt('Authorization', {
            prefix: 'Bearer ', bond: ['payload_hash', 'hex'],
            claims: (r) => ({ iat: r.at, jti: `j${r.n}`, iss: 'Vonage', payload_hash: sha256(r.body, 'hex'), api_key: 'abcd1234', application_id: 'a' }),
        }),
        library: '@vonage/jwt',
        /* It looks at the signature and the times; the digest is compared as Vonage's document says. */
        ask: async (load) => {
            const { verifySignature } = load.cjs('@vonage/jwt');
            return (r, secret) => {
                const token = r.h.authorization.split(' ')[1];
                return verifySignature(token, secret) && JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).payload_hash === sha256(r.bytes, 'hex');
            };
        },
    },
    messagebird: {
        scheme: jwt('MessageBird-Signature-JWT', {
            algorithms: ['HS256', 'HS384', 'HS512'], bond: ['payload_hash', 'hex'], urlClaim: 'url_hash', issuer: 'MessageBird', life: 60,
            claims: (r) => ({
                iss: 'MessageBird', nbf: r.at, exp: r.at + 60, jti: `j${r.n}`, url_hash: sha256(r.url + r.query, 'hex'), payload_hash: sha256(r.body, 'hex'),
            }),
        }),
        url: PUBLIC_URL.split('?')[0], more: messagebirdMore, library: 'messagebird',
        differs: { 'a little ahead': 'it allows for 5 s', 'past its end, but only a little': 'it allows for 5 s' },
        ask: async (load) => {
            const { verify } = load.cjs('messagebird/lib/webhook-signature-jwt');
            return (r, secret) => verify(r.url, r.bytes, r.h['messagebird-signature-jwt'], crypto.createSecretKey(Buffer.from(secret)));
        },
    },
    livekit: {
        scheme: jwt('Authorization', {
            bond: ['sha256', 'base64'], issuer: 'APIpenstock', life: 300,
            claims: (r) => ({ exp: r.at + 300, iss: 'APIpenstock', nbf: r.at, sha256: sha256(r.body, 'base64') }),
        }),
        issuer: 'APIpenstock', type: 'application/webhook+json', library: 'livekit-server-sdk',
        body: (n) => ({ event: 'room_started', room: { sid: 'RM_1', name: 'pipe' }, id: `EV_${n}`, createdAt: '1735689600' }),
        differs: { 'a little ahead': 'it allows for 10 s', 'past its end, but only a little': 'it allows for 10 s' },
        ask: async (load) => {
            const { WebhookReceiver } = load.cjs('./node_modules/livekit-server-sdk/dist/WebhookReceiver.cjs');
            return (r, secret) => new WebhookReceiver('APIpenstock', secret).receive(r.text, r.h.authorization);
        },
    },
    qstash: {
        scheme: jwt('Upstash-Signature', {
            bond: ['body', 'base64url'], urlClaim: 'sub', issuer: 'Upstash', life: 300,
            claims: (r) => ({
                iss: 'Upstash', sub: r.url + r.query, exp: r.at + 300, nbf: r.at, iat: r.at, jti: `jwt_${r.n}`, body: sha256(r.body, 'base64url') + '=',
            }),
        }),
        url: PUBLIC_URL.split('?')[0], headers: (n) => ({ 'Upstash-Message-Id': `msg_${n}` }), more: qstashMore, library: '@upstash/qstash',
        differs: { 'a little ahead': 'it allows for no clock that is off', 'past its end, but only a little': 'it allows for no clock that is off' },
        ask: async (load) => {
            const { Receiver } = load.cjs('./node_modules/@upstash/qstash/index.js');
            return (r, key) => new Receiver({ currentSigningKey: key, nextSigningKey: key, devMode: false }).verify({
                signature: r.h['upstash-signature'], body: r.text, url: r.url,
            });
        },
    },
    monday: {
        scheme: jwt('Authorization', {
            algorithms: ['HS256', 'HS384', 'HS512'], urlClaim: 'aud', life: 300,
            claims: (r) => ({ accountId: 1, userId: 2, aud: r.url + r.query, exp: r.at + 300, shortLivedToken: 's', iat: r.at }),
        }),
        url: PUBLIC_URL.split('?')[0], bodyUnsigned: true,
    },
    'atlassian-connect': {
        scheme: jwt('Authorization', {
            prefix: 'JWT ', urlClaim: 'qsh', sorts: true, life: 180,
            claims: (r) => ({ iss: 'client-1', iat: r.at, exp: r.at + 180, qsh: sha256(`POST&${r.url.slice(BASE_URL.length)}/hooks/atlassian-connect&${atlassianQuery(r.query)}`, 'hex') }),
        }),
        url: BASE_URL, bodyUnsigned: true, more: atlassianMore, library: 'atlassian-jwt',
        /* It looks at the signature; the hash is made by it, and compared as Atlassian's document says. */
        ask: async (load) => {
            const jwt = load.cjs('atlassian-jwt');
            return (r, secret) => jwt.decodeSymmetric(r.h.authorization.split(' ')[1], secret, 'HS256').qsh
                === jwt.createQueryStringHash(jwt.fromMethodAndUrl(r.method, r.url.replace(BASE_URL, '/hooks/atlassian-connect')), false, BASE_URL);
        },
    },
    braintree: {
        scheme: inside((event, sign, secret) => {
            event.bt_signature = sign(event.bt_payload);
            event.asked = sign(CHALLENGE);
            event.by = secret.split(':')[0];
        }, (event) => [[event, 'bt_signature']], {
            hash: 'sha1', key: (s) => crypto.createHash('sha1').update(s.split(/:(.*)/)[1]).digest(), encodedKey: true, secret: (name) => `public-${name}:${raw(name)}`,
        }),
        type: 'application/x-www-form-urlencoded',
        body: (n) => ({ bt_payload: braintreePayload(n) }), plain: (n) => Buffer.from(braintreePayload(n), 'base64').toString(),
        write: (event) => braintreeForm(event), writeRaw: (n, event) => 'x=%C3%A9&' + braintreeForm(event),
        changes: {
            'another payload': (e) => (e.bt_payload = braintreePayload('other')), 'no payload': (e) => delete e.bt_payload,
            'no key before the signature': (e) => (e.by = undefined),
        },
        more: braintreeMore, library: 'braintree',
        ask: async (load) => {
            const braintree = load.cjs('braintree');
            return (r, secret) => {
                const [publicKey, privateKey] = secret.split(/:(.*)/), form = new URLSearchParams(r.text);
                const gateway = new braintree.BraintreeGateway({ environment: braintree.Environment.Sandbox, merchantId: 'm', publicKey, privateKey });
                return gateway.webhookNotification.parse(form.get('bt_signature'), form.get('bt_payload'));
            };
        },
    },
    plivo: {
        scheme: base64('X-Plivo-Signature-V3', {
            idHeader: 'X-Plivo-Signature-V3-Nonce', write: ({ sigs }) => sigs.join(','), several: true,
            text: (r) => [r.url, plivoParams(r.query ?? '', r.body.toString()), '.', r.id],
        }),
        url: PUBLIC_URL.split('?')[0],
        type: 'application/x-www-form-urlencoded',
        write: (event, n) => new URLSearchParams({ MessageUUID: `m${n}`, Status: 'delivered', To: '12025550123', Text: 'a pipe' }).toString(),
        writeRaw: (n) => `b=%C3%A9t%C3%A9+%F0%9F%9A%B0&MessageUUID=m${n}&B=z&a%2Bb=1%262&B=%e5%A4%8f&B=0`,
        more: plivoMore, library: 'plivo',
        ask: async (load) => {
            const { validateV3Signature } = load.cjs('./node_modules/plivo/dist/utils/v3Security.js');
            return (r, secret) => {
                const params = {};
                for (const [k, v] of r.h['content-type'] === 'application/x-www-form-urlencoded' ? new URLSearchParams(r.text) : []) {
                    params[k] = k in params ? [params[k], v].flat() : v;
                }
                return validateV3Signature(r.method, r.url, r.h['x-plivo-signature-v3-nonce'], secret, r.h['x-plivo-signature-v3'], params);
            };
        },
    },
    mercadopago: {
        scheme: hmac('x-signature', listed('ts', 'v1', ',', { idHeader: 'x-request-id', text: (r) => [mercadoManifest(r)] })),
        query: '?data.id=123456&type=payment', bodyUnsigned: true, more: mercadoMore, library: 'mercadopago',
        ask: async (load) => {
            const { WebhookSignatureValidator } = load.cjs('./node_modules/mercadopago/dist/utils/webhook/index.js');
            return (r, secret) => {
                const dataId = new URLSearchParams(r.query).get('data.id');
                WebhookSignatureValidator.validate({ xSignature: r.h['x-signature'], xRequestId: r.h['x-request-id'], dataId, secret });
                return true;
            };
        },
    },
    contentful: {
        scheme: hmac('x-contentful-signature', {
            timeHeader: 'x-contentful-timestamp', time: milliseconds, within: 30, secret: (name) => sha256('contentful ' + name, 'hex'),
            text: (r) => [
                'POST\n/hooks/contentful', r.query ? '?' + encodeURIComponent(encodeURIComponent(r.query.slice(1))) : '',
                `\nx-contentful-crn:crn:sample;x-contentful-signed-headers:${CONTENTFUL_LIST};x-contentful-timestamp:${r.ts}\n`, r.body,
            ],
        }),
        headers: () => ({ 'X-Contentful-CRN': 'crn:sample', 'X-Contentful-Signed-Headers': CONTENTFUL_LIST }),
        more: contentfulMore, library: '@contentful/node-apps-toolkit',
        ask: async (load) => {
            const others = { got: {}, jsonwebtoken: {}, debug: {}, 'contentful-management': {}, 'lru-cache': {} };
            const { verifyRequest } = load.beside(others, '@contentful/node-apps-toolkit/lib/index.cjs');
            return (r, secret) => verifyRequest(secret, { method: r.method, path: '/hooks/contentful' + r.query, headers: r.h, body: r.text });
        },
    },
    'dropbox-sign': {
        scheme: inside(({ event }, sign) => (event.event_hash = sign(event.event_time + event.event_type)), ({ event }) => [[event, 'event_hash']]),
        type: 'multipart/form-data; boundary=----x',
        body: (n, now) => ({ event: { event_time: seconds(now), event_type: 'signature_request_sent', event_hash: '', event_metadata: { reported_for_account_id: n } } }),
        write: (event) => multipart(JSON.stringify(event)), writeRaw: (n, event) => multipart(JSON.stringify(event, null, 2).replace('{', '{ "\\u00e9":"été 🚰",')),
        plain: (n) => JSON.stringify({ event: { event_time: '1735689600', event_type: `é${n}`, event_hash: '' } }),
        changes: { 'another time': ({ event }) => (event.event_time += '1'), 'another type': ({ event }) => (event.event_type += '1') },
        more: dropboxSignMore, library: '@dropbox/sign',
        ask: async (load) => {
            const { EventCallbackHelper, EventCallbackRequest } = load.cjs('./node_modules/@dropbox/sign/dist/api.js');
            return async (r, secret) => {
                const form = await new Response(r.bytes, { headers: { 'Content-Type': r.h['content-type'] } }).formData();
                return EventCallbackHelper.isValid(secret, EventCallbackRequest.init(JSON.parse(form.get('json'))));
            };
        },
    },
    'azure-event-grid': {
        scheme: { kind: 'query', parameter: 'access_token' },
        more: azureMore,
    },
    'standard-v1a': {
        scheme: {
            ...standard(), kind: 'ed25519', encodedKey: false, publicKey: 'base64', publicPrefix: 'whpk_',
            write: ({ sigs, key = 'v1a' }) => sigs.map((s) => `${key},${s}`).join(' '),
        },
    },
    none: { scheme: { kind: 'none' } },
};

/* ---- what the forms and queries of some are made of ---- */

const encoded = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());
const byName = ([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0);

function atlassianQuery(query) {
    const values = new Map();
    for (const [k, v] of [...new URLSearchParams(query)].sort(byName)) {
        values.set(k, [...(values.get(k) ?? []), v]);
    }
    return [...values].map(([k, v]) => `${encoded(k)}=${v.map(encoded).join(',')}`).join('&');
}

function plivoParams(query, form) {
    const q = [...new URLSearchParams(query)].sort(byName).map(([k, v]) => `${k}=${v}`).join('&');
    return (q || form ? '?' : '') + q + (q && form ? '.' : '') + [...new URLSearchParams(form)].sort(byName).map((pair) => pair.join('')).join('');
}

const mercadoManifest = (r) => {
    const id = new URLSearchParams(r.query).get('data.id');
    return (id ? `id:${id};` : '') + (r.id ? `request-id:${r.id};` : '') + `ts:${r.ts};`;
};

const braintreePayload = (n) => Buffer.from(`<?xml version="1.0" encoding="UTF-8"?><notification><timestamp type="datetime">2025-01-01T00:00:00Z</timestamp>`
    + `<kind>check</kind><subject><check type="boolean">true</check></subject><id>${n}</id></notification>`).toString('base64').replace(/.{60}/g, '$&\n') + '\n';

/* What is no text is left out: a form has no other. */
function braintreeForm({ by, bt_signature: sig, bt_payload: payload }) {
    const signature = typeof sig === 'string' ? { bt_signature: by === undefined ? sig : `${by}|${sig}` } : {};
    return new URLSearchParams({ ...signature, ...(payload === undefined ? {} : { bt_payload: payload }) }).toString();
}

const multipart = (json, more = '') => '------x\r\nContent-Disposition: form-data; name="other"\r\n\r\n{}\r\n'
    + `------x\r\nContent-Disposition: form-data; name="json"\r\nContent-Type: application/json\r\n\r\n${json}\r\n${more}------x--\r\n`;

/* Each further row is [what, accept or refuse, how the request is made, what is different in its head]. */
function* boxMore({ unique }) {
    /* Its library takes this, for those who have parsed and written the JSON anew; Box digests what it sends
     * (box/box-node-sdk#568, box/box-python-sdk-gen#596). */
    const id = unique();
    yield ['letters that were escapes', 'refuse', { body: () => `{"id":"${id}","name":"\\u00e9t\\u00e9"}`, sent: `{"id":"${id}","name":"été"}` }];
}

function* easypostMore({ unique }) {
    /* So it comes, and so it is digested; what JavaScript makes of it, the library repairs (EasyPost/easypost-node#467). */
    const event = `{"id":"evt_${unique()}","weight": 136.0}`;
    yield ['a whole weight', 'accept', { body: () => event }];
    const other = `{"id":"evt_${unique()}","weight": 136.0}`;
    yield ['a whole weight, written anew', 'refuse', { body: () => other, sent: other.replace('.0', '') }];
}

/* Names and values, sorted; of the same twice, one. */
function twilioForm({ body, json }) {
    const pairs = json ? [] : [...new URLSearchParams(body.toString())].sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0));
    return [...new Set(pairs.map((pair) => JSON.stringify(pair)))].map((pair) => JSON.parse(pair).join(''));
}

function* twilioMore({ unique, sha256 }) {
    const event = () => `{"id":"${unique()}","name":"été"}`;
    const json = (body, query = `?bodySHA256=${sha256(body)}`, more = {}) => ({ body: () => body, query, json: true, type: 'application/json', ...more });
    yield ['JSON, its hash in the query', 'accept', json(event())];
    const one = event();
    yield ['JSON, its hash among others', 'accept', json(one, `?foo=1&bodySHA256=${sha256(one)}&bar=%27`)];
    yield ['a form with a query', 'accept', { query: '?foo=1&bar=2' }];
    yield ['the same field twice', 'accept', { body: () => `MessageSid=SM${unique()}&Media=1&Media=1` }];
    yield ['signed with a shared key', 'accept', { hash: 'sha256', with: [['X-Twilio-Webhooks-Signature-Settings', 'key=webhooks_sharedkey_1,algorithm=HMAC_SHA256']] }];
    yield ['SHA-256, no settings', 'accept', { hash: 'sha256' }]; /* which digest it is, Penstock takes from its length */
    const two = event(), three = event(), four = event();
    yield ['JSON, the hash of another body', 'refuse', json(two, `?bodySHA256=${sha256('{}')}`)];
    yield ['JSON without a hash, signed so', 'refuse', json(event(), '')];
    yield ['JSON, an empty hash, signed so', 'refuse', json(event(), '?bodySHA256=')];
    yield ['JSON, changed', 'refuse', json(three, undefined, { sent: three.replace('name', 'game') })];
    yield ['JSON, said to be a form', 'refuse', json(four, undefined, { type: 'application/x-www-form-urlencoded', sent: four.replace('name', 'game') })];
    yield ['a form, said to be text', 'refuse', { type: 'text/plain' }];
    yield ['a form, said to be nothing', 'refuse', { type: null }];
    yield ['another query', 'refuse', { query: '?foo=1', path: '?foo=2' }];
    yield ['the boundary of two fields moved', 'refuse', { body: () => 'a=bc&MessageSid=SM1', sent: 'a=b&cMessageSid=SM1' }];
}

function* messagebirdMore({ unique }) {
    const bare = { body: () => '', claims: (c) => delete c.payload_hash };
    yield ['a query', 'accept', { query: '?obj%5Bfield%5D=val&param=value+with+spaces' }];
    yield ['no body, so no claim of it', 'accept', bare];
    yield ['a body where there was none', 'refuse', { ...bare, sent: `{"id":"${unique()}"}` }];
    yield ['no body where there was one', 'refuse', { sent: '' }];
}

function* qstashMore() {
    yield ['a query', 'accept', { query: '?foo=1&bar=%27' }];
    yield ['a digest without its padding', 'accept', { claims: (c) => (c.body = c.body.replace('=', '')) }];
    yield ['no body where there was one', 'refuse', { sent: '' }];
}

function* atlassianMore() {
    yield ['a query', 'accept', { query: '?b=%27x+y*&a=2&a=1&c' }];
    yield ['the query in another order', 'accept', { query: '?foo=1&bar=2', path: '?bar=2&foo=1' }];
    yield ['another method, signed so', 'refuse', { claims: (c) => (c.qsh = sha256('GET&/hooks/atlassian-connect&', 'hex')) }];
    yield ['another path, signed so', 'refuse', { claims: (c) => (c.qsh = sha256('POST&/hooks/other&', 'hex')) }];
    yield ['a hash for any request, signed so', 'refuse', { claims: (c) => (c.qsh = 'context-qsh') }];
}

function* braintreeMore() {
    /* Anybody is told the HMAC of such a text by its handshake. */
    yield ['a challenge that was signed, as payload', 'refuse', { change: (event) => Object.assign(event, { bt_payload: CHALLENGE, bt_signature: event.asked }) }];
    yield ['two payloads', 'refuse', { body: (e) => braintreeForm(e) + '&bt_payload=x' }];
    yield ['two signatures', 'refuse', { body: (e) => braintreeForm(e) + '&bt_signature=x' }];
    yield ['several, the genuine one last', 'accept', { body: (e) => braintreeForm({ ...e, by: `public-other|${'0'.repeat(40)}&${e.by}` }) }];
}

function* plivoMore({ unique }) {
    yield ['a query', 'accept', { query: '?foo=2&bar=%27&foo=1' }];
    yield ['a query, and no form', 'accept', { query: '?foo=1', body: () => '', type: null }];
    yield ['another query', 'refuse', { query: '?foo=1', path: '?foo=2' }];
    yield ['the same field twice, once signed', 'refuse', { body: () => 'a=1', sent: 'a=1&a=1' }];
    const json = `{"id":"${unique()}"}`;
    yield ['JSON, signed as if there were none', 'refuse', { body: () => '', sent: json, type: 'application/json' }];
    yield ['a form, said to be nothing', 'refuse', { type: null }];
}

function* mercadoMore() {
    yield ['no id in the query', 'accept', { query: '' }];
    yield ['another id in the query', 'refuse', { path: '?data.id=654321&type=payment' }];
    yield ['the id gone', 'refuse', { path: '?type=payment' }];
    yield ['an id where there was none', 'refuse', { query: '', path: '?data.id=1' }];
    yield ['the id twice', 'refuse', { path: '?data.id=123456&data.id=7' }];
    yield ['an id that holds another pair, signed so', 'refuse', { query: '?data.id=1%3Brequest-id%3Ax' }];
}

const CONTENTFUL_LIST = 'x-contentful-crn,x-contentful-signed-headers,x-contentful-timestamp';

function* contentfulMore() {
    yield ['a query', 'accept', { query: '?a=1&b=%20x' }];
    yield ['another query', 'refuse', { query: '?a=1', path: '?a=2' }];
    yield ['a query that is not signed', 'refuse', { path: '?a=1' }];
    yield ['a signed header twice', 'refuse', { with: [['X-Contentful-CRN', 'crn:sample']] }];
    yield ['the list twice', 'refuse', { with: [['X-Contentful-Signed-Headers', CONTENTFUL_LIST]] }];
}

function* dropboxSignMore() {
    yield ['two of them', 'refuse', { body: (e) => multipart(JSON.stringify(e), '------x\r\nContent-Disposition: form-data; name="json"\r\n\r\n{}\r\n') }];
    yield ['no end', 'refuse', { body: (e) => multipart(JSON.stringify(e)).replace('------x--', '') }];
    yield ['another boundary', 'refuse', { type: 'multipart/form-data; boundary=y' }];
    yield ['said to be JSON', 'refuse', { type: 'application/json' }];
}

function* azureMore() {
    yield ['among others', 'accept', { query: (s) => `?a=1&access_token=${encodeURIComponent(s)}&b` }];
    yield ['no query', 'refuse', { query: () => '' }];
    yield ['another parameter', 'refuse', { query: (s) => `?token=${s}` }];
    yield ['an empty one', 'refuse', { query: () => '?access_token=' }];
    yield ['without a value', 'refuse', { query: () => '?access_token' }];
    yield ['twice', 'refuse', { query: (s) => `?access_token=${s}&access_token=${s}` }];
    yield ['truncated', 'refuse', { query: (s) => `?access_token=${s.slice(0, -1)}` }];
    yield ['longer', 'refuse', { query: (s) => `?access_token=${s}a` }];
    yield ['in upper case', 'refuse', { query: (s) => `?access_token=${s.toUpperCase()}` }];
    yield ['in a header', 'refuse', { query: () => '', with: [['Authorization', 'secret-of-azure-event-grid']] }];
}

/* Zoom's verifier is inside of its receivers; the one for AWS needs no port. */
async function askZoom(load) {
    const { AwsLambdaReceiver } = await load('@zoom/rivet/users');
    return async (r, webhooksSecretToken) => {
        const receiver = new AwsLambdaReceiver({ webhooksSecretToken });
        return (await receiver.start()({ body: r.text, headers: r.h, isBase64Encoded: false }, {})).statusCode === 200;
    };
}

function messagebirdVectors() {
    const times = { iss: 'MessageBird', nbf: 1625479200, exp: 1625479260 };
    const root = { ...times, jti: '59a244dc-e9ad-4e23-9778-371faa238f72', url_hash: '0f115db062b7c0dd030b16878c99dea5c354b49dc37b38eb8846179c7783e9d7' };
    const path = {
        ...times, jti: '93e55006-a0e8-4526-a190-fa5ff00ea116', url_hash: '41f05f0ddd0a22ab209ac46f47c4572d9cefa257ed74b24004bae753ece6c260',
        payload_hash: 'dffd6021bb2bd5b0af676290809ec3a53191dd81c7f70a4b28688a362182986f',
    };
    return [
        ['HS256', path, '/path', '?bar=1&foo=2', 'Hello, World!', '_H--TOuYFLpeEH39-rg5E3IHVkjHozBcaKVWPRC5m9I'],
        ['HS256', root, '/', '', '', '6Fp0rVOsRr1fj9S2GidXAfkmPVofKr8_RTffC6G6r2E'],
        ['HS384', root, '/', '', '', 'KNMW-29X77lZeuPmThmHWc_RUAvTkaDkpxIZK6mqE08v8mWKiU9Edh4QXwAJO2nv'],
        ['HS512', root, '/', '', '', 'rd6r0iMyNGnVPCwurETphE3Y8rpAyvvnUK0S8WvGUkt2E1QSRAZ7NZJZBHw1Y_Wb5W-sK9HJr_PRL2vz4jRT3Q'],
    ].map(([alg, claims, at, query, body, sig]) => ({
        preset: 'messagebird', from: 'messagebird, webhook-signature-jwt-reference.json', old: true, public_url: `https://example.com${at}`, query, body,
        secret: '36efdd1aace2e26cd490f0d951138253bef2f7c6d34d18981da781555cc4cebb',
        headers: [['MessageBird-Signature-JWT', [...[{ alg, typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')), sig].join('.')]],
    }));
}

/* What providers have published: a secret, a request, and its signature. Nobody has signed these but they. With `old`
 * the timestamp is, and Penstock looks at that last: `stale_timestamp` says that the signature is right. */
export const vectors = [
    {
        preset: 'github', from: 'docs.github.com, Validating webhook deliveries', secret: "It's a Secret to Everybody", body: 'Hello, World!',
        headers: [['X-Hub-Signature-256', 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17']],
    },
    ...[
        ['secret', 'hello world', '734cc62f32841568f45715aeb9f4d7891324e6d948e4c6c60c0621cdac48623a'],
        ['another-secret', 'lalala', 'daa220016c8f29a8b214fbfc3671aeec2145cfb1e6790184ffb38b6d0425fa00'],
        ['hunter123', 'an-important-request-payload', '9be2242094a9a8c00c64306f382a7f9d691de910b4a266f67bd314ef18ac49fa'],
    ].map(([secret, body, sig]) => ({ preset: 'circleci', from: 'circleci.com/docs, Webhooks', secret, body, headers: [['circleci-signature', `v1=${sig}`]] })),
    {
        preset: 'line', from: 'developers.line.biz, Verify webhook signature', secret: '8c570fa6dd201bb328f1c1eac23a96d8',
        body: '{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}',
        headers: [['X-Line-Signature', 'GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs=']],
    },
    ...messagebirdVectors(),
    {
        preset: 'sendgrid', from: '@sendgrid/eventwebhook, eventwebhook.spec.js',
        secret: 'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==',
        body: JSON.stringify([{
            email: 'hello@world.com', event: 'dropped', reason: 'Bounced Address', sg_event_id: 'ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA',
            sg_message_id: 'LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0',
            'smtp-id': '<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>', timestamp: 1600112492,
        }]) + '\r\n',
        headers: [
            ['X-Twilio-Email-Event-Webhook-Signature', 'MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM='],
            ['X-Twilio-Email-Event-Webhook-Timestamp', '1600112502'],
        ],
    },
    {
        preset: 'slack', from: 'api.slack.com, Verifying requests from Slack', secret: '8f742231b10e8888abcd99yyyzzz85a5', old: true,
        body: 'token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA'
            + '&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554'
            + '%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c',
        headers: [
            ['X-Slack-Signature', 'v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503'], ['X-Slack-Request-Timestamp', '1531420618'],
        ],
    },
    {
        preset: 'standard', from: 'github.com/standard-webhooks, the libraries\' tests', secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', old: true,
        body: '{"test": 2432232314}',
        headers: [
            ['webhook-id', 'msg_p5jXN8AQM9LWM0D4loKWxJek'], ['webhook-timestamp', '1614265330'],
            ['webhook-signature', 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='],
        ],
    },
    {
        preset: 'svix', from: 'docs.svix.com, Verifying webhooks manually', secret: 'whsec_plJ3nmyCDGBKInavdOK15jsl', old: true,
        body: '{"event_type":"ping","data":{"success":true}}',
        headers: [
            ['svix-id', 'msg_loFOjxBNrRLzqYUf'], ['svix-timestamp', '1731705121'], ['svix-signature', 'v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0='],
        ],
    },
    ...['Primary', 'Secondary'].map((which) => ({
        preset: 'box', from: 'box-node-sdk, its tests', secret: `Sample${which}Key`, old: true,
        body: '{"type":"webhook_event","webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED","source":{"id":"1234567890","type":"file","name":"Test.txt"}}',
        headers: [
            ['box-delivery-timestamp', '2020-01-01T00:00:00-07:00'], ['box-signature-algorithm', 'HmacSHA256'], ['box-signature-version', '1'],
            ['box-signature-primary', '6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI='], ['box-signature-secondary', 'v+1CD1Jdo3muIcbpv5lxxgPglOqMfsNHPV899xWYydo='],
        ],
    })),
];

export const secretOf = (row, name) => (row.scheme.secret ?? raw)(name);
