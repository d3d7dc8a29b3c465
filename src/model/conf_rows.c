/* The table of directives: every key of the language, once. */
#include "model/conf_rows.h"

#define KIB 1024u
#define MIB (1024u * KIB)
#define GIB (1024ull * MIB)
#define SECOND 1000u
#define MINUTE (60u * SECOND)
#define HOUR (60u * MINUTE)
#define DAY (24ull * HOUR)

static const char *const worker_words[] = {"auto", NULL};
static const char *const log_levels[] = {"debug", "info", "warn", "error", "off", NULL};
static const char *const log_formats[] = {"json", "text", NULL};
static const char *const durabilities[] = {"!inherited", "memory", "fsync", "replica", NULL};
static const char *const full_words[] = {"refuse", "dead_letter_without_body", NULL};
static const char *const exhausted_words[] = {"dead_letter", "drop", "pause", NULL};
static const char *const removed_words[] = {"dead_letter", "drop", NULL};
/* Of digests, in the order of their enum, and behind them of tokens: conf_verify.c. */
static const char *const algorithm_words[] = {"sha1",  "sha256", "sha512", "sha384", "HS256",
                                              "HS384", "HS512",  "RS256",  "ES256",  NULL};
static const char *const claim_words[] = {"text", "hex", "base64", "base64url", NULL};
static const char *const encoding_words[] = {"hex", "base64", "base64url", NULL};
static const char *const unit_words[] = {"s", "ms", "iso8601", NULL};
static const char *const key_words[] = {"raw", "base64", "hex", NULL};
static const char *const method_words[] = {"GET",    "POST", "PUT",     "PATCH",
                                           "DELETE", "HEAD", "OPTIONS", NULL};

/* Rows: the key, what kind of value, where it is stored, its default, least and most, what it is
 * for. Rarer columns are named. */
#define VALUE(key, kind, at, fallback, least, most, help)                                          \
    {                                                                                              \
        key, &KIND_##kind, at, fallback, least, most, help, NULL, NULL, 0, false, false            \
    }
#define WORD(key, at, fallback, words, help)                                                       \
    {                                                                                              \
        key, &KIND_WORD, at, fallback, 0, 0, help, words, NULL, 0, false, false                    \
    }
#define BLOCK(key, at, block, help)                                                                \
    {                                                                                              \
        key, &KIND_BLOCK, at, NULL, 0, 0, help, NULL, &block##_block, 0, false, false              \
    }
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, 0, NULL, 0, 0, NULL, NULL, NULL, 0, false, false                               \
    }

/* ---- listen, admin, redis ---- */

#define AT(member) offsetof(struct conf_file, member)

static const struct conf_row limit_rows[] = {
    VALUE("body", BYTES, AT(c.listen.body_bytes), "1MiB", KIB, GIB,
          "the greatest body of a request; a source or its preset may say otherwise"),
    VALUE("headers", BYTES, AT(c.listen.headers_bytes), "16KiB", KIB, 32 * KIB,
          "request line and header fields together"),
    VALUE("connections", COUNT, AT(c.listen.connections), "10000", 1, 1000000,
          "connections of senders; more are closed at once"),
    VALUE("per_address", COUNT, AT(c.listen.per_address), "1000", 1, 1000000,
          "of them, those of one address (of a /64 in IPv6) that is no trusted proxy"),
    VALUE("pending", COUNT, AT(c.listen.pending), "10000", 1, 1000000,
          "events that Redis has not answered yet; more are refused with 503"),
    VALUE("memory", BYTES, AT(c.listen.memory_bytes), "256MiB", MIB, 1024 * GIB,
          "all bodies in flight together; more are refused with 503"),
    VALUE("lane", COUNT, AT(c.listen.lane), "2048", 1, 65536,
          "deliveries of a destination that wait in a worker's memory; the others wait in Redis"),
    VALUE("request_timeout", DURATION, AT(c.listen.request_timeout_ms), "10s", 100, 10 * MINUTE,
          "a request must be here in full within this time"),
    VALUE("idle_timeout", DURATION, AT(c.listen.idle_timeout_ms), "60s", 100, HOUR,
          "an idle connection is closed after this time"),
    END};
static const struct conf_block limits_block = {
    "listen.limits", "limits", limit_rows, 0, NULL, NULL};

#undef AT
#define AT(member) offsetof(struct file_certificate, member)

static const struct conf_row certificate_rows[] = {
    {"cert_file", &KIND_TEXT, AT(files.cert_file), NULL, 1, 4095,
     "a certificate and its chain, PEM", .required = true},
    {"key_file", &KIND_TEXT, AT(files.key_file), NULL, 1, 4095, "its key, PEM, without passphrase",
     .required = true},
    END};
static const struct conf_block certificate_block = {"listen.tls.certificates",
                                                    "a certificate",
                                                    certificate_rows,
                                                    sizeof(struct file_certificate),
                                                    NULL,
                                                    NULL};

#undef AT
#define AT(member) offsetof(struct conf_file, member)

static const struct conf_row listen_tls_rows[] = {
    VALUE("cert_file", TEXT, AT(listen_files.cert_file), NULL, 1, 4095,
          "the certificate and its chain, PEM; read again on SIGHUP"),
    VALUE("key_file", TEXT, AT(listen_files.key_file), NULL, 1, 4095,
          "its key, PEM, without passphrase"),
    {"certificates", &KIND_ITEMS, AT(certificates), NULL, 0, 64,
     "more of them: each sender gets the first that has the name it asks for, or else cert_file",
     .block = &certificate_block},
    VALUE("client_ca_file", TEXT, AT(c.listen.client_ca_file), NULL, 1, 4095,
          "senders must show a certificate that one of these has signed"),
    END};
static const struct conf_block listen_tls_block = {"listen.tls", "tls", listen_tls_rows, 0,
                                                   NULL,         NULL};

static const struct conf_row listen_rows[] = {
    VALUE("address", TEXT, AT(c.listen.address), "0.0.0.0:8080", 1, 120,
          "where senders connect: host:port, [IPv6]:port or unix:/path"),
    BLOCK("tls", 0, listen_tls, "https instead of http"),
    VALUE("trusted_proxies", CIDRS, AT(c.listen.trusted_proxies), NULL, 1, 256,
          "addresses whose X-Forwarded-For, or PROXY header, says who the client is"),
    VALUE("proxy_protocol", BOOL, AT(c.listen.proxy_protocol), "false", 0, 0,
          "connections of trusted proxies begin with a PROXY header (v1 or v2); others are closed"),
    BLOCK("limits", 0, limits, "what one process takes at most"),
    END};
static const struct conf_block listen_block = {"listen", "listen", listen_rows, 0, NULL, NULL};

static const struct conf_row admin_rows[] = {
    VALUE("address", TEXT, AT(c.admin.address), "127.0.0.1:8081", 1, 120,
          "where the admin API listens; beyond this machine it needs a token"),
    VALUE("token", SECRET, AT(c.admin.token), NULL, 0, 4096,
          "what callers of the admin API show as a bearer token"),
    END};
static const struct conf_block admin_block = {"admin", "admin", admin_rows, 0, NULL, NULL};

static const struct conf_row retention_rows[] = {
    VALUE("history", DURATION, AT(c.redis.history_ms), "24h", 0, 366 * DAY,
          "how long delivered events stay searchable"),
    VALUE("history_bytes", BYTES, AT(c.redis.history_bytes), "256MiB", 0, 1024 * GIB,
          "how many bytes of them"),
    VALUE("dead", DURATION, AT(c.redis.dead_ms), "30d", MINUTE, 3660 * DAY,
          "how long dead letters stay"),
    VALUE("dead_bytes", SHARE, AT(dead_bytes), "25%", MIB, 1024 * GIB,
          "how many bytes of them, or which part of max_memory"),
    VALUE("max_memory", BYTES, AT(c.redis.max_memory), "2GiB", MIB, 64 * 1024 * GIB,
          "all that Penstock keeps in Redis; beyond it senders get 503"),
    END};
static const struct conf_block retention_block = {
    "redis.retention", "retention", retention_rows, 0, NULL, NULL};

static const struct conf_row redis_tls_rows[] = {
    VALUE("ca_file", TEXT, AT(c.redis.files.ca_file), NULL, 1, 4095,
          "certificates to trust, instead of the system's"),
    VALUE("cert_file", TEXT, AT(c.redis.files.cert_file), NULL, 1, 4095,
          "the certificate that Redis asks of its clients, PEM"),
    VALUE("key_file", TEXT, AT(c.redis.files.key_file), NULL, 1, 4095,
          "its key, PEM, without passphrase"),
    END};
static const struct conf_block redis_tls_block = {"redis.tls", "tls", redis_tls_rows,
                                                  0,           NULL,  NULL};

static const struct conf_row sentinel_rows[] = {
    {"master", &KIND_TEXT, AT(c.redis.sentinel.master), NULL, 1, 255,
     "the name that the sentinels know it by", .words = NULL},
    {"nodes", &KIND_TEXTS, AT(sentinel_nodes), NULL, 1, 32,
     "where the sentinels are: host:port, ...", .words = NULL},
    VALUE("user", TEXT, AT(c.redis.sentinel.user), NULL, 1, 255, "the sentinels' user"),
    VALUE("password", SECRET, AT(c.redis.sentinel.password), NULL, 0, 4096,
          "the sentinels' own password; Redis' stands beside url"),
    END};
static const struct conf_block sentinel_block = {
    "redis.sentinel", "sentinel", sentinel_rows, 0, NULL, NULL};

static const struct conf_row redis_rows[] = {
    VALUE("url", REDIS_URL, AT(redis_url), NULL, 0, 2048,
          "redis[s]://[user:password@]host[:port][/db], of a cluster any node, or unix:///path; "
          "$REDIS_URL unless given, "
          "and without either a redis-server of Penstock's own"),
    VALUE("password", SECRET, AT(redis_password), NULL, 0, 4096, "Redis' password"),
    BLOCK("tls", 0, redis_tls, "how a rediss:// server is verified"),
    BLOCK("sentinel", 0, sentinel, "who says where the master is, instead of the host in url"),
    VALUE("prefix", TEXT, AT(c.redis.prefix), "penstock:", 1, 64, "how every key begins"),
    WORD("durability", AT(c.redis.durability), "fsync", durabilities,
         "what a 2xx promises: memory (Redis has it), fsync (it is on disk) or replica (replicas "
         "have it too)"),
    {"replicas", &KIND_COUNT, AT(c.redis.replicas), "1", 1, 8,
     "how many replicas that are, under durability: replica", .words = NULL},
    VALUE("assume_fsync", BOOL, AT(c.redis.assume_fsync), "false", 0, 0,
          "take it on trust that Redis syncs, where CONFIG is barred"),
    BLOCK("retention", 0, retention, "how much is kept, and how long"),
    END};
static const struct conf_block redis_block = {"redis", "redis", redis_rows, 0, NULL, NULL};

/* ---- sources ---- */

#undef AT
#define AT(member) offsetof(struct file_verify, member)

static const struct conf_row extract_rows[] = {
    VALUE("item_sep", TEXT, AT(item_sep), NULL, 0, 1,
          "what stands between the items of the signature header"),
    VALUE("kv_sep", TEXT, AT(kv_sep), NULL, 0, 1,
          "what stands between an item's key and its value"),
    VALUE("sig_key", TEXT, AT(sig_key), NULL, 1, 64, "the key of a signature"),
    VALUE("ts_key", TEXT, AT(ts_key), NULL, 1, 64, "the key of the timestamp"), END};
static const struct conf_block extract_block = {
    "sources.*.verify.extract", "extract", extract_rows, 0, NULL, NULL};

#define TOLERANCE                                                                                  \
    VALUE("tolerance", DURATION, AT(tolerance_ms), NULL, 0, DAY,                                   \
          "how old it may be, and how far ahead; 0s = any; 5m unless given"),                      \
        VALUE("future", DURATION, AT(future_ms), NULL, 0, DAY,                                     \
              "how far ahead, where that differs")

static const struct conf_row timestamp_rows[] = {
    VALUE("header", TEXTS, AT(ts_headers), NULL, 1, VERIFY_NAMES,
          "where it is, unless extract.ts_key names it"),
    WORD("unit", AT(unit), "s", unit_words, "seconds, milliseconds or ISO 8601"), TOLERANCE, END};
static const struct conf_row tolerance_rows[] = {TOLERANCE, END};
const struct conf_block CONF_TOLERANCE = {
    "sources.*.verify.timestamp", "timestamp", tolerance_rows, 0, NULL, NULL};
static const struct conf_block timestamp_block = {
    "sources.*.verify.timestamp", "timestamp", timestamp_rows, 0, NULL, NULL};

static const struct conf_row id_rows[] = {{"header", &KIND_TEXTS, AT(id_headers), NULL, 1,
                                           VERIFY_NAMES, "where {id} of the template is",
                                           .words = NULL},
                                          END};
static const struct conf_block id_block = {"sources.*.verify.id", "id", id_rows, 0, "header", NULL};

static const struct conf_row verify_rows[] = {
    {"type", &KIND_TEXT, AT(type), NULL, 1, 64,
     "a provider (penstock providers), or hmac, hash, ed25519, ecdsa, jwt, token, basic, none",
     .required = true},
    WORD("algorithm", AT(algorithm), "sha256", algorithm_words,
         "the digest of the HMAC; or what tokens are signed by, which must be said"),
    VALUE("header", TEXTS, AT(headers), NULL, 1, VERIFY_NAMES,
          "the header, or headers, of the signature, or of the token"),
    BLOCK("extract", 0, extract, "how the header splits"),
    WORD("encoding", AT(encoding), "hex", encoding_words, "how the signature is written"),
    {"template", &KIND_TEXT, AT(signed_text), "{body}", 1, 256,
     "what is signed: text and {body} {ts} {id} {url} {method}", .words = NULL},
    BLOCK("timestamp", 0, timestamp, "the time of signing"),
    BLOCK("id", 0, id, "the id that is signed along"),
    WORD("key", AT(key), "raw", key_words, "how a secret becomes a key"),
    VALUE("key_prefix", TEXT, AT(key_prefix), NULL, 1, 64,
          "what is cut off a secret before it is decoded"),
    {"public_url", &KIND_MASKED, AT(public_url), NULL, 1, 2048,
     "what {url} stands for: the URL as the sender has it registered", .words = NULL},
    VALUE("token_in_body", BOOL, AT(in_body), "false", 0, 0, "the body is the token"),
    VALUE("issuer", TEXT, AT(issuer), NULL, 1, 512, "what a token's iss must be"),
    VALUE("audience", TEXT, AT(audience), NULL, 1, 512, "what a token's aud must be, or hold"),
    VALUE("email", TEXT, AT(email), NULL, 1, 512,
          "whose token it must be: its email, which must be verified"),
    VALUE("jwks_url", MASKED, AT(jwks_url), NULL, 1, 2048,
          "where its public keys are published, https; read again as they change"),
    VALUE("ca_file", TEXT, AT(ca_file), NULL, 1, 4095,
          "certificates to trust there, instead of the system's"),
    VALUE("topic_arn", TEXTS, AT(topics), NULL, 1, X509_FOR,
          "aws-sns: the topic, or topics, that its messages must be of"),
    VALUE("webhook_id", TEXTS, AT(webhooks), NULL, 1, X509_FOR,
          "paypal: the id that PayPal shows for the webhook, or webhooks"),
    VALUE("key_hosts", TEXTS, AT(key_hosts), NULL, 1, VERIFY_HOSTS,
          "aws-sns, paypal, plaid: where its certificates or keys are, https, instead of the "
          "provider's own hosts; for a sandbox, or what is compatible"),
    VALUE("client_id", TEXT, AT(client_id), NULL, 1, 256, "plaid: by whom its keys are asked for"),
    VALUE("client_secret", SECRET, AT(client_secret), NULL, 1, 1024,
          "plaid: the secret of that client"),
    VALUE("body_claim", TEXT, AT(body_claim), NULL, 1, JWT_NAME_MAX,
          "the claim that holds the SHA-256 of the body, written as encoding says"),
    VALUE("url_claim", TEXT, AT(url_claim), NULL, 1, JWT_NAME_MAX,
          "the claim that holds public_url, with the query of the request"),
    WORD("url_encoding", AT(url_form), "text", claim_words,
         "whether that claim is the URL itself, or its SHA-256 and how that is written"),
    VALUE("leeway", DURATION, AT(leeway_ms), NULL, 0, DAY,
          "how far a token's times may be off; 1m unless given"),
    VALUE("max_age", DURATION, AT(max_age_ms), NULL, 0, DAY,
          "how old a token may be by its iat; by its exp alone unless given"),
    VALUE("secret", SECRET, AT(secret), NULL, 0, 4096, "its own secret; the source's unless given"),
    VALUE("secrets", SECRETS, AT(secrets), NULL, 1, VERIFY_SECRETS, "its own, as in the source"),
    END};
static const struct conf_block verify_block = {
    "sources.*.verify", "verify", verify_rows, 0, "type", NULL};

#undef AT
#define AT(member) offsetof(struct file_source, member)

static const struct conf_row event_rows[] = {
    VALUE("type", TEXT, AT(event_type), NULL, 1, 256,
          "where an event's type is: header.NAME or body./json/pointer"),
    VALUE("id", TEXT, AT(event_id), NULL, 1, 256,
          "where the sender's own id is: header.NAME or body./json/pointer"),
    END};
static const struct conf_block event_block = {
    "sources.*.event", "event", event_rows, 0, NULL, NULL};

static const struct conf_row dedupe_rows[] = {
    VALUE("window", DURATION, AT(s.dedupe_ms), NULL, 0, 30 * DAY,
          "how long a delivery id is remembered: at least as long as its sender tries; 0s = off"),
    VALUE(
        "key", TEXT, AT(dedupe_key), NULL, 1, 256,
        "where the id is: header.NAME or body./json/pointer, event.id unless given; or \"signed\": "
        "whatever the signature covers"),
    END};
static const struct conf_block dedupe_block = {"sources.*.dedupe", "dedupe", dedupe_rows, 0,
                                               "window",           NULL};

static const struct conf_row respond_rows[] = {VALUE("status", COUNT, AT(s.respond_status), "200",
                                                     200, 299, "the status of an accepted event"),
                                               {"body", &KIND_MASKED, AT(respond_body), "{}", 0,
                                                4096, "the body of that answer", .words = NULL},
                                               END};
static const struct conf_block respond_block = {
    "sources.*.respond", "respond", respond_rows, 0, NULL, NULL};

static const struct conf_row source_rows[] = {
    VALUE("path", MASKED, AT(path), NULL, 1, 512, "where it posts; /hooks/<name> unless given"),
    {"verify", &KIND_VERIFY, AT(verify), NULL, 0, 0,
     "say how it signs: the name of a provider (penstock providers lists them), a mapping with "
     "type: hmac or another of its kind, or none; of a list any may vouch for an event, of "
     "{all: [...]} each must",
     .block = &verify_block, .required = true},
    VALUE("secret", SECRET, AT(secret), NULL, 0, 4096, "the secret shared with the sender"),
    VALUE("secrets", SECRETS, AT(secrets), NULL, 1, VERIFY_SECRETS,
          "several of them while one is replaced, the newest first, as a list or by names: any may "
          "match, empty ones are dropped"),
    VALUE("challenge_token", SECRET, AT(s.challenge_token), NULL, 0, 4096,
          "what a provider shows that checks whether somebody is there: meta's verify token"),
    VALUE("allow_from", CIDRS, AT(s.allow_from), NULL, 1, 256,
          "addresses that it may post from; all unless given"),
    WORD("durability", AT(s.durability), NULL, durabilities,
         "what a 2xx to it promises; redis.durability unless given"),
    VALUE("rate", RATE, AT(s.rate), NULL, 0, 0,
          "the most genuine events it may post, such as 500/s; a second's worth at once"),
    {"methods", &KIND_METHODS, AT(s.methods), "POST", 1, 7, "the methods it may use",
     .words = method_words},
    VALUE("keep_unrouted", BOOL, AT(s.keep_unrouted), "false", 0, 0,
          "keep events that no route takes"),
    VALUE("body", BYTES, AT(body), NULL, 1, GIB, "the greatest body it sends"),
    BLOCK("event", 0, event, "where type and id are, if the preset does not know"),
    BLOCK("dedupe", 0, dedupe, "take a delivery that comes again for the first one"),
    BLOCK("respond", 0, respond, "what an accepted event is answered with"),
    END};
static const struct conf_block source_block = {
    "sources.*", "a source", source_rows, sizeof(struct file_source), NULL, NULL};

/* ---- destinations ---- */

#undef AT
#define AT(member) offsetof(struct retry_policy, member)

static void check_exponential(struct conf_reader *r, const struct node *n, void *base)
{
    const struct retry_policy *p = base;
    if (p->first_ms > p->max_ms) {
        report_error(r->report, &n->place, "\"first\" is longer than \"max\"");
    }
}

static const struct conf_row exponential_rows[] = {
    VALUE("first", DURATION, AT(first_ms), "5s", 100, 30 * DAY, "the first wait"),
    VALUE("factor", FACTOR, AT(factor), "2", 1, 100, "how much longer each next one is"),
    VALUE("max", DURATION, AT(max_ms), "1h", 100, 30 * DAY, "the longest wait"), END};
static const struct conf_block exponential_block = {"destinations.*.retry.exponential",
                                                    "exponential",
                                                    exponential_rows,
                                                    0,
                                                    NULL,
                                                    check_exponential};

static void check_retry(struct conf_reader *r, const struct node *n, void *base)
{
    (void)base;
    const struct node_pair *both = node_find(n, "exponential");
    if (both != NULL && node_find(n, "schedule") != NULL) {
        report_error(r->report, &both->key->place,
                     "\"schedule\" and \"exponential\" are both given");
        report_help(r->report, "keep one of them");
    }
}

static const struct conf_row retry_rows[] = {
    VALUE("schedule", SCHEDULE, 0, "[5s, 1m, 5m, 30m, 2h, 5h, 10h, ...]", 100, RETRY_STEPS,
          "the waits between tries; \"...\" at the end repeats the last one until max_age"),
    {"exponential", &KIND_EXPONENTIAL, 0, NULL, 0, 0, "waits that grow, instead of a schedule",
     .block = &exponential_block},
    VALUE("jitter", PERCENT, AT(jitter_percent), "20%", 0, 100,
          "by how much a wait may be longer or shorter"),
    VALUE("on", CONDITIONS, 0, "[network, timeout, 408, 425, 429, 5xx]", 0, 16,
          "what is tried again; anything else is a dead letter at once"),
    END};
static const struct conf_block retry_block = {
    "destinations.*.retry", "retry", retry_rows, 0, NULL, check_retry};

#undef AT
#define AT(member) offsetof(struct file_destination, member)

static const struct conf_row breaker_rows[] = {
    VALUE("open_after", COUNT, AT(d.breaker.open_after), "10", 0, 1000,
          "failures in a row that stop deliveries for a while; 0 = never"),
    VALUE("probe_every", DURATION, AT(d.breaker.probe_every_ms), "30s", SECOND, HOUR,
          "how often one delivery tries whether it is back"),
    END};
static const struct conf_block breaker_block = {
    "destinations.*.breaker", "breaker", breaker_rows, 0, NULL, NULL};

/* How a destination is delivered to: the same rows for one of them and for the default of all. */
#define DELIVERY_ROWS                                                                               \
    {"timeout",                                                                                     \
     &KIND_DURATION,                                                                                \
     AT(d.timeout_ms),                                                                              \
     "15s",                                                                                         \
     100,                                                                                           \
     10 * MINUTE,                                                                                   \
     "one try, from looking up the name to the last byte of the answer",                            \
     .inherited = true},                                                                            \
        {"concurrency",    &KIND_COUNT, AT(d.concurrency), "32", 1, 1024, "tries at the same time", \
         .inherited = true},                                                                        \
        {"retry",                                                                                   \
         &KIND_BLOCK,                                                                               \
         AT(d.retry),                                                                               \
         NULL,                                                                                      \
         0,                                                                                         \
         0,                                                                                         \
         "when a failed delivery is tried again; a destination's own replaces all of it",           \
         .block = &retry_block,                                                                     \
         .inherited = true},                                                                        \
        {"max_age",                                                                                 \
         &KIND_DURATION,                                                                            \
         AT(d.retry.max_age_ms),                                                                    \
         "3d",                                                                                      \
         SECOND,                                                                                    \
         366 * DAY,                                                                                 \
         "how long after its receipt an event is still tried",                                      \
         .inherited = true},                                                                        \
        {"buffer",                                                                                  \
         &KIND_SHARE,                                                                               \
         AT(buffer),                                                                                \
         "50%",                                                                                     \
         MIB,                                                                                       \
         1024 * GIB,                                                                                \
         "how many bytes may wait for it, or which part of retention.max_memory",                   \
         .inherited = true},                                                                        \
        {"on_full",                                                                                 \
         &KIND_WORD,                                                                                \
         AT(d.on_full),                                                                             \
         "refuse",                                                                                  \
         0,                                                                                         \
         0,                                                                                         \
         "beyond its buffer: refuse events for it, or take them and keep what it cannot have now "  \
         "as dead letters, whose body stays in the history only",                                   \
         .words = full_words,                                                                       \
         .inherited = true},                                                                        \
        {"on_exhausted",                                                                            \
         &KIND_WORD,                                                                                \
         AT(d.on_exhausted),                                                                        \
         "dead_letter",                                                                             \
         0,                                                                                         \
         0,                                                                                         \
         "what becomes of an event that was tried in vain",                                         \
         .words = exhausted_words,                                                                  \
         .inherited = true},                                                                        \
        {"on_removed",                                                                              \
         &KIND_WORD,                                                                                \
         AT(d.on_removed),                                                                          \
         "dead_letter",                                                                             \
         0,                                                                                         \
         0,                                                                                         \
         "what becomes of all that waits for it when a reload no longer has it",                    \
         .words = removed_words,                                                                    \
         .inherited = true},                                                                        \
    {                                                                                               \
        "breaker", &KIND_BLOCK, 0, NULL, 0, 0, "when a failing destination is left alone",          \
            .block = &breaker_block, .inherited = true                                              \
    }

static const struct conf_row tls_rows[] = {
    VALUE("ca_file", TEXT, AT(d.files.ca_file), NULL, 1, 4095,
          "certificates to trust, instead of the system's"),
    VALUE("cert_file", TEXT, AT(d.files.cert_file), NULL, 1, 4095,
          "the certificate that it asks of its clients, PEM"),
    VALUE("key_file", TEXT, AT(d.files.key_file), NULL, 1, 4095,
          "its key, PEM, without passphrase"),
    END};
static const struct conf_block tls_block = {"destinations.*.tls", "tls", tls_rows, 0, NULL, NULL};

static const struct conf_row delivery_rows[] = {DELIVERY_ROWS, END};
static const struct conf_block delivery_block = {
    "defaults.destination", "defaults.destination", delivery_rows, 0, NULL, NULL};

static const struct conf_row destination_rows[] = {
    {"url", &KIND_MASKED, AT(url), NULL, 1, 2048, "where it is delivered to: http:// or https://",
     .required = true},
    VALUE("headers", PAIRS, AT(headers), NULL, 0, 32,
          "header fields to add, in place of the sender's of that name"),
    BLOCK("tls", 0, tls, "how its certificate is verified"),
    VALUE("mirror", BOOL, AT(d.mirror), "false", 0, 0,
          "a copy that may fail: what it cannot have is dropped, nobody is refused or alarmed for "
          "it"),
    DELIVERY_ROWS,
    END};
static const struct conf_block destination_block = {"destinations.*",
                                                    "a destination",
                                                    destination_rows,
                                                    sizeof(struct file_destination),
                                                    "url",
                                                    NULL};

/* ---- routes, and the top ---- */

#undef AT
#define AT(member) offsetof(struct file_route, member)

static const struct conf_row route_rows[] = {
    VALUE("name", TEXT, AT(r.name), NULL, 1, 128, "what logs and the API call it"),
    {"from", &KIND_TEXTS, AT(from), NULL, 1, CONF_SOURCES_MAX,
     "the sources it takes, \"*\" for all", .required = true},
    VALUE("events", TEXTS, AT(events), NULL, 1, 256,
          "the types it takes, with * and ?; all unless given"),
    {"to", &KIND_TEXTS, AT(to), NULL, 1, CONF_DESTINATIONS_MAX, "the destinations it sends to",
     .required = true},
    VALUE("when", FILTER, AT(r.when), NULL, 0, 0,
          "what the request must be like: { body: ..., headers: ..., query, path, method, source, "
          "event }"),
    VALUE("sample", PERCENT, AT(r.sample), "100%", 0, 100,
          "the part of it that is taken, the same for every try of an event"),
    VALUE("else", BOOL, AT(r.otherwise), "false", 0, 0,
          "take only what no route without else takes, wherever those stand"),
    VALUE("stop", BOOL, AT(r.stop), "false", 0, 0, "later routes do not see what this one took"),
    END};
static const struct conf_block route_block = {
    "routes.*", "a route", route_rows, sizeof(struct file_route), NULL, NULL};

#undef AT
#define AT(member) offsetof(struct file_test, member)

static const struct conf_row test_rows[] = {
    VALUE("name", TEXT, AT(t.name), NULL, 1, 128, "what it shows"),
    {"source", &KIND_TEXT, AT(source), NULL, 1, 64, "the source that it comes to",
     .required = true},
    VALUE("method", TEXT, AT(t.method), "POST", 1, 16, "the method of the request"),
    VALUE("query", MASKED, AT(query), NULL, 1, 4096, "its query, such as a=b&c=d"),
    VALUE("headers", PAIRS, AT(headers), NULL, 0, 64, "its header fields"),
    VALUE("body", BODY, AT(body), NULL, 0, 0,
          "its body: a mapping or a list is written as JSON, a text is the body itself"),
    VALUE("event", MASKED, AT(type), NULL, 1, 256, "the event's type, instead of what it says"),
    {"expect", &KIND_EXPECT, AT(expect), NULL, 0, CONF_DESTINATIONS_MAX,
     "the destinations that get it; [] for none", .required = true},
    END};
static const struct conf_block test_block = {
    "tests.*", "a test", test_rows, sizeof(struct file_test), NULL, NULL};

#undef AT
#define AT(member) offsetof(struct conf_file, member)

static const struct conf_row default_rows[] = {
    BLOCK("destination", AT(defaults), delivery, "what every destination begins as"), END};
static const struct conf_block defaults_block = {"defaults", "defaults", default_rows,
                                                 0,          NULL,       NULL};

static const struct conf_row log_rows[] = {
    WORD("level", AT(c.log.level), "info", log_levels, "the least that is logged"),
    WORD("format", AT(c.log.format), "json", log_formats, "how a line is written"), END};
static const struct conf_block log_block = {"log", "log", log_rows, 0, NULL, NULL};

static const struct conf_row shutdown_rows[] = {
    VALUE("delay", DURATION, AT(c.shutdown.delay_ms), "0s", 0, 10 * MINUTE,
          "how long to go on accepting after SIGTERM, for balancers to notice"),
    VALUE("timeout", DURATION, AT(c.shutdown.timeout_ms), "8s", 0, HOUR,
          "how long requests and tries may take to finish"),
    END};
static const struct conf_block shutdown_block = {"shutdown", "shutdown", shutdown_rows,
                                                 0,          NULL,       NULL};

static const struct conf_row spool_rows[] = {
    {"size", &KIND_BYTES, AT(c.spool.size), NULL, MIB, 1024 * GIB,
     "how many bytes of events it takes, such as 1GiB; then senders get 503", .required = true},
    END};
static const struct conf_block spool_block = {"spool", "spool", spool_rows, 0, NULL, NULL};

static const struct conf_row network_rows[] = {
    VALUE("deny", TEXTS, AT(network_deny), NULL, 1, 256,
          "addresses that no destination may lead to, whatever its name resolves to: ranges, "
          "\"@private\", \"@loopback\", \"@link-local\", \"@metadata\"; the last two unless given"),
    VALUE("allow", TEXTS, AT(network_allow), NULL, 0, 256,
          "exceptions: ranges and words as in deny, and names of hosts with * and ?"),
    END};
static const struct conf_block network_block = {"network", "network", network_rows, 0, NULL, NULL};

static const struct conf_row top_rows[] = {
    VALUE("version", COUNT, AT(version), "1", 1, 1, "the version of this language"),
    VALUE(
        "include", INCLUDE, 0, NULL, 0, 32,
        "more files, such as conf.d/*.yaml: their names and routes are added to those of this one"),
    {"workers", &KIND_COUNT, AT(c.workers), "auto", 1, 64,
     "event loops, each on a thread of its own; auto = half of the cores", .words = worker_words},
    VALUE("watch", BOOL, AT(c.watch), "false", 0, 0,
          "reload when a file of the configuration changes, as after SIGHUP"),
    BLOCK("listen", 0, listen, "the side of the senders"),
    BLOCK("admin", 0, admin, "the side of the operator"),
    VALUE("data_dir", TEXT, AT(c.data_dir), "/var/lib/penstock", 1, 4000,
          "what is kept outside of Redis, or Penstock's own Redis"),
    BLOCK("spool", 0, spool, "takes events to the disk while Redis is away; off unless given"),
    BLOCK("redis", 0, redis, "the store"),
    BLOCK("network", 0, network, "which addresses destinations may have"),
    {"sources", &KIND_NAMED, AT(sources), NULL, 0, CONF_SOURCES_MAX, "who sends",
     .block = &source_block},
    BLOCK("defaults", 0, defaults, "defaults of destinations"),
    {"destinations", &KIND_NAMED, AT(destinations), NULL, 0, CONF_DESTINATIONS_MAX, "who receives",
     .block = &destination_block, .inherits = 1 + AT(defaults)},
    {"routes", &KIND_ITEMS, AT(routes), NULL, 0, CONF_ROUTES_MAX, "which event goes where",
     .block = &route_block},
    {"tests", &KIND_ITEMS, AT(tests), NULL, 0, CONF_TESTS_MAX,
     "requests, and who must get them: penstock check tries them", .block = &test_block},
    BLOCK("log", 0, log, "the log"),
    BLOCK("shutdown", 0, shutdown, "the end"),
    END};
const struct conf_block CONF_TOP = {"", "the configuration", top_rows, 0, NULL, NULL};
