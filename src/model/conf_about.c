/* What can be said of a row beside its help: the noun of its kind, bounds, an example. */
#include "model/conf_about.h"

#include <string.h>

/* A new kind of value needs a row here, and one in conf_schema.c. */
static const struct conf_about kinds[] = {
    {&KIND_TEXT, "text", NULL, ABOUT_LENGTH},
    {&KIND_MASKED, "text", NULL, ABOUT_LENGTH},
    {&KIND_TEXTS, "text, or a list of it", NULL, ABOUT_ENTRIES},
    {&KIND_INCLUDE, "a path, or a list of paths", "[conf.d/*.yaml]", ABOUT_ENTRIES},
    {&KIND_SECRET, "a secret", "\"${NAME}\"", ABOUT_NO},
    {&KIND_SECRETS, "secrets: a list, or names to secrets", "[\"${NEW}\", \"${OLD:-}\"]",
     ABOUT_ENTRIES},
    {&KIND_COUNT, "a whole number", NULL, ABOUT_NUMBER},
    {&KIND_BYTES, "a size", "1MiB", ABOUT_BYTES},
    {&KIND_SHARE, "a size, or a percentage", "25%", ABOUT_BYTES},
    {&KIND_DURATION, "a duration", "5m", ABOUT_TIME},
    {&KIND_PERCENT, "a percentage", "10%", ABOUT_NO},
    {&KIND_FACTOR, "a number", "1.5", ABOUT_NUMBER},
    {&KIND_BOOL, "true or false", "true", ABOUT_NO},
    {&KIND_WORD, "a word", NULL, ABOUT_NO},
    {&KIND_PAIRS, "a mapping of names to texts", NULL, ABOUT_ENTRIES},
    {&KIND_METHODS, "a method, or a list of them", "[POST, PUT]", ABOUT_NO},
    {&KIND_SCHEDULE, "a list of durations", "[1s, 10s, 1m]", ABOUT_NO},
    {&KIND_CONDITIONS, "a list of conditions", "[network, timeout, 429, 5xx]", ABOUT_NO},
    {&KIND_EXPONENTIAL, "a block", NULL, ABOUT_NO},
    {&KIND_REDIS_URL, "a URL", "redis://redis.internal:6379/0", ABOUT_NO},
    {&KIND_VERIFY, "a name, a block, or a list of both", NULL, ABOUT_NO},
    {&KIND_CIDRS, "ranges of addresses: one, or a list", "[10.0.0.0/8]", ABOUT_ENTRIES},
    {&KIND_RATE, "a rate", "500/s", ABOUT_NO},
    {&KIND_BLOCK, "a block", NULL, ABOUT_NO},
    {&KIND_NAMED, "names, and a block for each", NULL, ABOUT_ENTRIES},
    {&KIND_ITEMS, "a list of blocks", NULL, ABOUT_ENTRIES},
    {&KIND_FILTER, "a mapping of predicates", "{body: {amount: {$gte: 100}}}", ABOUT_NO},
    {&KIND_BODY, "a mapping, a list, or text", "{type: charge.succeeded}", ABOUT_NO},
    {&KIND_EXPECT, "a name, or a list of names", "[billing]", ABOUT_ENTRIES},
};

/* Where neither the default nor the kind can be one. */
static const struct {
    const char *path, *value;
} examples[] = {
    {"version", "1"},
    {"sources", "{stripe: {verify: stripe, secret: \"${STRIPE_WEBHOOK_SECRET}\"}}"},
    {"destinations", "{billing: https://billing.internal/webhooks/stripe}"},
    {"routes", "[{from: stripe, to: [billing, ledger]}]"},
    {"spool", "{size: 1GiB}"},
    {"listen.tls", "{cert_file: /etc/penstock/tls/tls.crt, key_file: /etc/penstock/tls/tls.key}"},
    {"listen.tls.cert_file", "/etc/penstock/tls/tls.crt"},
    {"listen.tls.key_file", "/etc/penstock/tls/tls.key"},
    {"listen.tls.client_ca_file", "/etc/penstock/tls/clients.pem"},
    {"listen.tls.certificates",
     "[{cert_file: /etc/penstock/tls/b.crt, key_file: /etc/penstock/tls/b.key}]"},
    {"listen.tls.certificates.cert_file", "/etc/penstock/tls/b.crt"},
    {"listen.tls.certificates.key_file", "/etc/penstock/tls/b.key"},
    {"redis.prefix", "\"penstock:\""},
    {"redis.tls", "{ca_file: /etc/penstock/redis-ca.pem}"},
    {"redis.tls.ca_file", "/etc/penstock/redis-ca.pem"},
    {"redis.tls.cert_file", "/etc/penstock/redis.crt"},
    {"redis.tls.key_file", "/etc/penstock/redis.key"},
    {"redis.sentinel", "{master: mymaster, nodes: [s0.internal:26379, s1.internal:26379]}"},
    {"redis.sentinel.master", "mymaster"},
    {"redis.sentinel.nodes", "[s0.internal:26379, s1.internal:26379]"},
    {"redis.sentinel.user", "penstock"},
    {"sources.path", "/hooks/stripe"},
    {"sources.verify", "stripe"},
    {"sources.durability", "memory"},
    {"sources.event", "{type: header.X-Erp-Event, id: body./meta/id}"},
    {"sources.event.type", "header.X-Erp-Event"},
    {"sources.event.id", "body./meta/id"},
    {"sources.dedupe", "24h"},
    {"sources.dedupe.window", "24h"},
    {"sources.dedupe.key", "header.X-Delivery-Id"},
    {"sources.respond", "{status: 202, body: '{\"ok\":true}'}"},
    {"sources.respond.body", "'{\"ok\":true}'"},
    {"sources.verify.type", "hmac"},
    {"sources.verify.header", "X-Erp-Signature"},
    {"sources.verify.extract", "{item_sep: \",\", kv_sep: \"=\", sig_key: v1, ts_key: t}"},
    {"sources.verify.extract.item_sep", "\",\""},
    {"sources.verify.extract.kv_sep", "\"=\""},
    {"sources.verify.extract.sig_key", "v1"},
    {"sources.verify.extract.ts_key", "t"},
    {"sources.verify.template", "\"{ts}.{body}\""},
    {"sources.verify.timestamp", "{header: X-Erp-Timestamp, unit: s, tolerance: 5m}"},
    {"sources.verify.timestamp.header", "X-Erp-Timestamp"},
    {"sources.verify.id", "X-Erp-Id"},
    {"sources.verify.id.header", "X-Erp-Id"},
    {"sources.verify.key_prefix", "whsec_"},
    {"sources.verify.public_url", "https://hooks.example.com/hooks/twilio"},
    {"sources.verify.issuer", "https://issuer.example.com"},
    {"sources.verify.audience", "https://hooks.example.com/hooks/pubsub"},
    {"sources.verify.email", "push@project.iam.gserviceaccount.com"},
    {"sources.verify.jwks_url", "https://issuer.example.com/.well-known/jwks.json"},
    {"sources.verify.ca_file", "/etc/penstock/issuer-ca.pem"},
    {"sources.verify.topic_arn", "arn:aws:sns:eu-central-1:123456789012:pipes"},
    {"sources.verify.webhook_id", "8PT597110X687430LKGECATA"},
    {"sources.verify.key_hosts", "sandbox.plaid.com"},
    {"sources.verify.client_id", "5f0sample"},
    {"sources.verify.body_claim", "request_body_sha256"},
    {"sources.verify.url_claim", "url"},
    {"destinations.url", "https://billing.internal/webhooks/stripe"},
    {"destinations.headers", "{Authorization: \"Bearer ${LEDGER_TOKEN}\"}"},
    {"destinations.tls", "{ca_file: /etc/penstock/internal-ca.pem}"},
    {"destinations.tls.ca_file", "/etc/penstock/internal-ca.pem"},
    {"destinations.tls.cert_file", "/etc/penstock/penstock.crt"},
    {"destinations.tls.key_file", "/etc/penstock/penstock.key"},
    {"destinations.retry", "{schedule: [1s, 10s, 1m]}"},
    {"defaults.destination.retry", "{schedule: [1s, 10s, 1m]}"},
    {"destinations.retry.exponential", "{first: 5s, factor: 2, max: 1h}"},
    {"destinations.breaker", "{open_after: 10, probe_every: 30s}"},
    {"defaults.destination.breaker", "{open_after: 10, probe_every: 30s}"},
    {"network", "{deny: [\"@private\", \"@link-local\", \"@metadata\"], allow: [\"*.internal\"]}"},
    {"network.deny", "[\"@private\", \"@link-local\", \"@metadata\"]"},
    {"network.allow", "[\"*.internal\", 10.20.0.0/16]"},
    {"routes.name", "stripe money"},
    {"routes.from", "stripe"},
    {"routes.events", "[\"charge.*\", invoice.paid]"},
    {"routes.to", "[billing, ledger]"},
    {"routes.sample", "10%"},
    {"tests", "[{source: stripe, body: {type: charge.succeeded}, expect: [billing]}]"},
    {"tests.name", "a charge reaches billing"},
    {"tests.source", "stripe"},
    {"tests.query", "a=b&c=d"},
    {"tests.headers", "{X-GitHub-Event: push}"},
    {"tests.event", "charge.succeeded"},
};

const struct conf_about *conf_about(const struct conf_kind *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].kind == kind) {
            return &kinds[i];
        }
    }
    return NULL;
}

void conf_path(const struct conf_block *b, const struct conf_row *row, struct buf *out)
{
    struct str part, rest = str_of(b->path);
    for (bool more = rest.len > 0; more;) {
        more = str_cut(rest, '.', &part, &rest);
        if (!str_eq(part, STR("*"))) {
            buf_add_str(out, part);
            buf_add_char(out, '.');
        }
    }
    buf_add_str(out, str_of(row->key));
}

struct str conf_example(const struct conf_block *b, const struct conf_row *row)
{
    const struct conf_about *about = conf_about(row->kind);
    struct str found = STR_NONE;
    struct buf path;
    buf_init(&path, 1024);
    conf_path(b, row, &path);
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        if (str_eq(buf_str(&path), str_of(examples[i].path))) {
            found = str_of(examples[i].value);
        }
    }
    buf_done(&path);
    bool fits = about != NULL && about->example != NULL;
    if (row->kind == &KIND_BOOL && str_eq(str_of(row->fallback), STR("false"))) {
        return STR("true"); /* who writes it wants the other one */
    }
    return found.len > 0 ? found
                         : str_of(row->fallback != NULL ? row->fallback
                                  : fits                ? about->example
                                                        : NULL);
}

bool conf_has_file_form(const struct conf_row *row)
{
    return row->kind == &KIND_SECRET;
}

static size_t put_bound(enum about_bounds what, uint64_t v, char out[32])
{
    return what == ABOUT_BYTES  ? conf_put_size(out, v)
           : what == ABOUT_TIME ? text_put_duration(out, (int64_t)v)
                                : text_put_u64(out, v);
}

void conf_bounds(const struct conf_row *row, struct buf *out)
{
    const struct conf_about *about = conf_about(row->kind);
    if (row->kind == &KIND_SCHEDULE) {
        buf_printf(out, "1 to %llu entries, each from %llums to 30d", (unsigned long long)row->most,
                   (unsigned long long)row->least);
        return;
    }
    if (about == NULL || about->bounds == ABOUT_NO || row->most == 0) {
        return;
    }
    char least[32], most[32];
    int n = (int)put_bound(about->bounds, row->least, least);
    int m = (int)put_bound(about->bounds, row->most, most);
    if (row->least == row->most) {
        buf_printf(out, "%.*s", m, most);
    } else if (about->bounds == ABOUT_LENGTH || about->bounds == ABOUT_ENTRIES) {
        const char *what = about->bounds == ABOUT_LENGTH ? "characters" : "entries";
        if (row->least == 0) {
            buf_printf(out, "at most %.*s %s", m, most, what);
        } else {
            buf_printf(out, "%.*s to %.*s %s", n, least, m, most, what);
        }
    } else {
        buf_printf(out, "from %.*s to %.*s", n, least, m, most);
    }
}

void conf_each_row(const struct conf_block *b,
                   void (*each)(const struct conf_block *b, const struct conf_row *row, void *user),
                   void *user)
{
    for (const struct conf_row *row = b->rows; row->key != NULL; row++) {
        each(b, row, user);
        if (row->block != NULL) {
            conf_each_row(row->block, each, user);
        }
    }
}
