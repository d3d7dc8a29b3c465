/* One scheme by which a source verifies: a preset, or a recipe of the file's own, and its secrets.
 */
#include "model/conf_rows.h"

#include "base/log.h"
#include "model/url.h"

#include <string.h>

#define TOLERANCE_MS (5 * 60 * 1000) /* unless it is said */
#define LEEWAY_MS (60 * 1000)

/* ---- `verify`: a name alone, or a mapping ---- */

/* What is no provider's: the mapping says how it signs. */
static const struct {
    struct str name;
    enum verify_kind kind;
} own_types[] = {{{"hmac", 4}, VERIFY_HMAC},       {{"hash", 4}, VERIFY_HASH},
                 {{"ed25519", 7}, VERIFY_ED25519}, {{"ecdsa", 5}, VERIFY_ECDSA},
                 {{"jwt", 3}, VERIFY_JWT},         {{"token", 5}, VERIFY_TOKEN},
                 {{"basic", 5}, VERIFY_BASIC}};

#define OWN_TYPES (sizeof own_types / sizeof own_types[0])

/* -1: it is a preset's, or nobody's. */
static int own_type(struct str name)
{
    for (size_t i = 0; i < OWN_TYPES; i++) {
        if (str_eq(own_types[i].name, name)) {
            return (int)i;
        }
    }
    return -1;
}

static bool is_one_of(struct str key, const char *const *words)
{
    while (*words != NULL && !str_eq(key, str_of(*words))) {
        words++;
    }
    return *words != NULL;
}

/* What a mapping may say beside its type. A preset's recipe is fixed: but where it is registered,
 * how far off its clock may be, and who a token is by and for, is not the provider's to say. */
static const char *const preset_keys[] = {"type", "public_url", "timestamp", NULL};
static const char *const preset_jwt_keys[] = {
    "type", "public_url", "issuer", "audience", "email", "jwks_url", "ca_file", "leeway", NULL};

static const char *const preset_x509_keys[] = {"type",      "topic_arn", "webhook_id",
                                               "key_hosts", "ca_file",   NULL};
static const char *const preset_asked_keys[] = {"type",      "client_id", "client_secret",
                                                "key_hosts", "ca_file",   NULL};

#define OF_SIGNATURES                                                                              \
    "type", "header", "extract", "encoding", "template", "timestamp", "id", "key", "key_prefix",   \
        "public_url"

static const char *const *keys_of(struct str type)
{
    static const char *const token[] = {"type", "header", NULL};
    static const char *const basic[] = {"type", NULL};
    static const char *const public_key[] = {OF_SIGNATURES, NULL};
    static const char *const digest[] = {OF_SIGNATURES, "algorithm", NULL};
    static const char *const jwt[] = {
        "type",     "algorithm",  "header",    "token_in_body", "issuer",     "audience",
        "encoding", "body_claim", "url_claim", "url_encoding",  "public_url", "leeway",
        "max_age",  "email",      "jwks_url",  "ca_file",       NULL};
    int own = own_type(type);
    if (own < 0) {
        const struct verify_recipe *preset = verify_preset(type);
        return preset == NULL                ? preset_keys
               : preset->key_path.len > 0    ? preset_asked_keys
               : preset->kind == VERIFY_JWT  ? preset_jwt_keys
               : preset->kind == VERIFY_X509 ? preset_x509_keys
                                             : preset_keys;
    }
    switch (own_types[own].kind) {
    case VERIFY_TOKEN:
        return token;
    case VERIFY_BASIC:
        return basic;
    case VERIFY_ED25519:
    case VERIFY_ECDSA:
        return public_key;
    case VERIFY_JWT:
        return jwt;
    default:
        return digest;
    }
}

/* Whatever the type. */
static const char *const secret_keys[] = {"secret", "secret_file", "secrets", NULL};

static void refuse_more_keys(struct conf_reader *r, const struct node *n, struct str type)
{
    const char *const *words = keys_of(type), *const *digest = keys_of(STR("hmac"));
    for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++) {
        const struct node *key = n->pairs[i].key;
        if (!is_one_of(key->text, words) && !is_one_of(key->text, secret_keys)) {
            report_error(r->report, &key->place,
                         "\"%.*s\" belongs to \"type: %s\", not to %.*s: leave it out",
                         STR_ARG(report_shown(key->text)),
                         is_one_of(key->text, digest) ? "hmac" : "jwt", STR_ARG(type));
            return;
        }
    }
}

static void unknown_type(struct conf_reader *r, const struct node *n, struct str type)
{
    struct conf_guess g;
    conf_guess_init(&g, type);
    struct buf all;
    buf_init(&all, 1024);
    for (size_t i = 0; verify_preset_at(i) != NULL; i++) {
        conf_guess_try(&g, verify_preset_at(i)->name);
    }
    for (size_t i = 0; i < OWN_TYPES; i++) {
        conf_guess_try(&g, own_types[i].name);
        buf_printf(&all, "%s%.*s", i == 0 ? "" : ", ", STR_ARG(own_types[i].name));
    }
    report_error(r->report, &n->place,
                 "\"%.*s\" is no way to verify: no provider that \"penstock "
                 "providers\" lists, nor %.*s",
                 STR_ARG(report_shown(n->text)), STR_ARG(buf_str(&all)));
    report_help(r->report, "who is not listed: verify: {type: hmac, header: X-Signature}; penstock "
                           "help sources.verify has the rest");
    conf_guess_help(&g, r->report);
    buf_done(&all);
}

bool conf_read_scheme(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                      struct file_verify *v)
{
    v->node = n;
    v->future_ms = v->tolerance_ms = v->leeway_ms = v->max_age_ms = -1; /* unless it is said */
    conf_read_block(r, row->block, n, v, false);
    if (v->type.len == 0) {
        return false;
    }
    const struct node_pair *type = node_find(n, "type");
    if (own_type(v->type) < 0 && verify_preset(v->type) == NULL) {
        unknown_type(r, type == NULL ? n : type->value, v->type);
        v->type = STR_NONE;
        return false;
    }
    refuse_more_keys(r, n, v->type);
    return true;
}

/* What it may say, that it says: so it is read back as it was. */
void conf_print_scheme(const struct conf_row *row, const struct file_verify *v, unsigned depth,
                       struct buf *out)
{
    const char *const *words = keys_of(v->type);
    struct conf_row rows[CONF_VERIFY_ROWS + 1];
    struct conf_block block = *row->block;
    size_t n = 0;
    if (verify_preset(v->type) != NULL && v->public_url.text.len == 0 && v->tolerance_ms < 0 &&
        v->future_ms < 0 && v->issuer.len == 0 && v->audience.len == 0 && v->email.len == 0 &&
        v->jwks_url.text.len == 0 && v->ca_file.len == 0 && v->leeway_ms < 0 &&
        v->secret.len == 0 && v->secrets.n == 0 && v->topics.n == 0 && v->webhooks.n == 0 &&
        v->key_hosts.n == 0 && v->client_id.len == 0) {
        buf_printf(out, " %.*s\n", STR_ARG(v->type));
        return;
    }
    for (const struct conf_row *each = block.rows; each->key != NULL; each++) {
        if (is_one_of(str_of(each->key), words) || is_one_of(str_of(each->key), secret_keys)) {
            ENSURE(n < CONF_VERIFY_ROWS);
            rows[n] = *each;
            if (words == preset_keys && strcmp(each->key, "timestamp") == 0) {
                rows[n].block = &CONF_TOLERANCE;
            }
            n++;
        }
    }
    rows[n] = (struct conf_row){.key = NULL};
    block.rows = rows;
    buf_add_char(out, '\n');
    conf_print_block(&block, v, depth + 1, out);
}

/* ---- the recipe of what is no provider's ---- */

/* Rounded up, for 0 is "not looked at". */
static int64_t whole_s(int64_t ms)
{
    return (ms + 999) / 1000;
}

static bool take_names(struct conf_reader *r, const struct conf_texts *t,
                       struct str out[VERIFY_NAMES])
{
    for (size_t i = 0; i < t->n; i++) {
        if (!text_is_token(t->v[i].text)) {
            report_error(r->report, &t->v[i].node->place, "\"%.*s\" is not the name of a header",
                         STR_ARG(report_shown(t->v[i].node->text)));
            return false;
        }
        out[i] = t->v[i].text;
    }
    return true;
}

static bool take_separator(struct conf_reader *r, const struct place *p, const char *key,
                           struct str s, char *out)
{
    *out = s.len == 0 ? '\0' : s.at[0];
    if (s.len == 0 || strchr(",;:=| ", s.at[0]) != NULL) {
        return true;
    }
    report_error(r->report, p, "\"%s\" must be one of , ; : = | or a space", key);
    return false;
}

/* The words of `algorithm` are those of digests, and behind them those of tokens. */
static bool take_algorithm(struct conf_reader *r, const struct place *p,
                           const struct file_verify *v, struct verify_recipe *out)
{
    bool of_tokens = v->algorithm >= CRYPT_DIGESTS;
    if ((out->kind == VERIFY_JWT) == of_tokens) {
        out->digest = of_tokens ? CRYPT_SHA256 : (enum crypt_digest)v->algorithm;
        out->jwt.algorithms = of_tokens ? JWT_BIT(v->algorithm - CRYPT_DIGESTS) : 0;
        return true;
    }
    report_error(r->report, p,
                 of_tokens ? "that algorithm is of tokens: it needs \"type: jwt\""
                           : "\"type: jwt\" needs the one algorithm that its tokens "
                             "are signed by: HS256, HS384, HS512, RS256 or ES256");
    return false;
}

static struct jwt_rules rules_of(const struct file_verify *v)
{
    return (struct jwt_rules){
        .in_body = v->in_body,
        .issuer = v->issuer,
        .audience = v->audience,
        .email = v->email,
        .body = {v->body_claim, (enum jwt_form)(JWT_HEX + v->encoding)},
        .url = {v->url_claim, (enum jwt_form)v->url_form},
        .expires = v->max_age_ms <= 0,
        .leeway_s = whole_s(v->leeway_ms >= 0 ? v->leeway_ms : LEEWAY_MS),
        .max_age_s = v->max_age_ms > 0 ? whole_s(v->max_age_ms) : 0,
    };
}

static bool recipe_of(struct conf_reader *r, const struct file_verify *v, const struct place *p,
                      struct verify_recipe *out)
{
    bool timed = v->ts_headers.n > 0 || v->ts_key.len > 0;
    int64_t past_ms = v->tolerance_ms >= 0 ? v->tolerance_ms : TOLERANCE_MS;
    *out = (struct verify_recipe){
        .name = v->type,
        .kind = own_types[own_type(v->type)].kind,
        .sig_key = v->sig_key,
        .ts_key = v->ts_key,
        .encoding = (enum verify_encoding)v->encoding,
        .signed_text = v->signed_text,
        .unit = (enum timestamp_unit)v->unit,
        .past_s = timed ? whole_s(past_ms) : 0,
        .future_s = timed ? whole_s(v->future_ms >= 0 ? v->future_ms : past_ms) : 0,
        .key = (enum verify_key)v->key,
        .key_prefix = v->key_prefix,
        .public_url = v->public_url.text,
        .jwt = rules_of(v),
        .jwks = v->jwks_url.text.len > 0,
        .jwks_url = v->jwks_url.text,
    };
    if (out->kind == VERIFY_BASIC) {
        out->headers[0] = STR("Authorization");
    }
    if (v->headers.n > 0 && str_ieq(v->headers.v[0].text, STR("Authorization"))) {
        out->scheme = STR("Bearer");
    }
    return take_algorithm(r, p, v, out) && take_names(r, &v->headers, out->headers) &&
           take_names(r, &v->ts_headers, out->ts_headers) &&
           take_names(r, &v->id_headers, out->id_headers) &&
           take_separator(r, p, "item_sep", v->item_sep, &out->item_sep) &&
           take_separator(r, p, "kv_sep", v->kv_sep, &out->kv_sep);
}

/* ---- secrets ---- */

/* Where those of a scheme are: in its own mapping, or beside `verify`. */
struct holder {
    const struct node *map; /* NULL: nowhere */
    const struct place *place;
    struct str secret;
    const struct conf_texts *secrets;
};

static bool was_given(const struct node *map)
{
    for (const char *const *key = secret_keys; *key != NULL; key++) {
        if (node_find(map, *key) != NULL) {
            return true;
        }
    }
    return false;
}

static struct holder holder_of(const struct file_source *s, const struct file_verify *v,
                               const struct verify_recipe *recipe)
{
    if (was_given(v->node)) {
        return (struct holder){v->node, &v->node->place, v->secret, &v->secrets};
    }
    if (s->verify.list_count > 0 && verify_is_keyless(recipe)) { /* the source's is the others' */
        return (struct holder){NULL, &v->node->place, STR_NONE, &v->secrets};
    }
    const struct place *p = s->verify.list_count > 0 ? &v->node->place : &s->item.place;
    return (struct holder){s->item.value, p, s->secret, &s->secrets};
}

static size_t secrets_of(struct conf_reader *r, const struct holder *h,
                         struct str names[VERIFY_SECRETS], struct str out[VERIFY_SECRETS])
{
    size_t n = 0;
    if (h->secret.len > 0) {
        out[n++] = h->secret;
    }
    for (size_t i = 0; i < h->secrets->n && n < VERIFY_SECRETS; i++) {
        names[n] = h->secrets->v[i].name;
        out[n++] = h->secrets->v[i].text;
    }
    for (size_t i = 0; i < n; i++) {
        if (names[i].len == 0) {
            names[i] = arena_printf(r->arena, "%zu", i + 1);
        }
    }
    if (n == 0) {
        names[0] = STR("learned"); /* if its preset is of those that hand one over */
    }
    return n;
}

/* Are the secrets as the recipe wants them? What was read badly has been reported already. */
static bool check_secrets(struct conf_reader *r, const struct file_source *s,
                          const struct holder *h, const struct verify_recipe *recipe, size_t n)
{
    const struct node_pair *one = node_find(h->map, "secret");
    const struct node_pair *many = node_find(h->map, "secrets");
    const struct node_pair *file = node_find(h->map, "secret_file");
    if (many != NULL && (one != NULL || file != NULL)) {
        report_error(r->report, &many->key->place, "\"secret\" and \"secrets\" are both given");
        report_help(r->report, "put all of them into \"secrets\"");
        return false;
    }
    if (verify_is_keyless(recipe) && was_given(h->map)) {
        report_error(
            r->report, h->place,
            recipe->kind != VERIFY_NONE
                ? "a secret is given, but its sender publishes its keys: leave \"secret\" out"
                : "a secret is given, but \"verify: none\" looks at none");
        return false;
    }
    if (verify_is_keyless(recipe) || (recipe->learns && !was_given(h->map)) || n > 0) {
        return true;
    }
    if (h->secret.at != NULL && one != NULL) {
        report_error(r->report, &one->value->place, "\"secret\" is empty");
        if (str_has(one->value->text, '$')) {
            report_help(r->report, "what it names is there, but holds nothing");
        }
    } else if (!was_given(h->map)) {
        report_error(r->report, h->place, "\"%.*s\" needs the secret that its sender signs with",
                     STR_ARG(report_shown(s->item.name)));
        report_help(r->report, "secret: \"${NAME}\", or secret_file: /path");
    }
    return false;
}

static const struct place *secret_place(const struct holder *h, int which)
{
    if (which >= 0 && (size_t)which < h->secrets->n) {
        return &h->secrets->v[which].node->place;
    }
    const struct node_pair *one = node_find(h->map, "secret");
    one = one != NULL ? one : node_find(h->map, "secret_file");
    return one == NULL ? h->place : &one->value->place;
}

static bool signs(const struct verify_recipe *recipe, struct str placeholder)
{
    struct str text = recipe->signed_text;
    return text.len > 0 && memmem(text.at, text.len, placeholder.at, placeholder.len) != NULL;
}

/* Who a token is by and for, where the provider's are not all by the same. */
static bool preset_claims(struct conf_reader *r, const struct file_verify *v, const struct place *p,
                          struct verify_recipe *out)
{
    if (v->issuer.len > 0 && out->jwt.issuer.len > 0) {
        report_error(r->report, p, "the issuer of %.*s is known: leave \"issuer\" out",
                     STR_ARG(out->name));
        return false;
    }
    if (v->issuer.len > 0) {
        out->jwt.issuer = v->issuer;
    }
    out->jwt.audience = v->audience;
    out->jwt.email = v->email;
    if (out->jwks && !out->jwt.in_body && (v->audience.len == 0 || v->email.len == 0)) {
        report_error(r->report, p, "anybody can have a token of %.*s made for anything",
                     STR_ARG(out->name));
        report_help(
            r->report,
            "say whose it must be, and for what: verify: {type: %.*s, audience: "
            "\"https://hooks.example.com/hooks/%.*s\", email: NAME@PROJECT.iam.gserviceaccount"
            ".com}",
            STR_ARG(out->name), STR_ARG(out->name));
        return false;
    }
    if (!out->jwks && (v->jwks_url.text.len > 0 || v->ca_file.len > 0 || v->email.len > 0)) {
        report_error(r->report, p,
                     "%.*s signs by a secret: leave \"jwks_url\", \"ca_file\" and \"email\" out",
                     STR_ARG(out->name));
        return false;
    }
    if (out->jwks && v->jwks_url.text.len == 0 && out->jwks_url.len == 0) {
        report_error(r->report, p, "each user of %.*s has keys of its own: say where they are",
                     STR_ARG(out->name));
        report_help(r->report, "verify: {type: %.*s, jwks_url: \"https://...\"}",
                    STR_ARG(out->name));
        return false;
    }
    out->jwks_url = v->jwks_url.text.len > 0 ? v->jwks_url.text : out->jwks_url;
    out->jwt.leeway_s = v->leeway_ms >= 0 ? whole_s(v->leeway_ms) : out->jwt.leeway_s;
    return true;
}

/* A preset, but for what its user must or may say. */
static bool preset_of(struct conf_reader *r, const struct file_source *s,
                      const struct file_verify *v, const struct verify_recipe *preset,
                      struct verify_recipe *out)
{
    const struct place *p = &v->node->place;
    const struct node_pair *time = node_find(v->node, "timestamp");
    bool signs_url = signs(preset, STR("{url}")) || preset->jwt.url.claim.len > 0;
    *out = *preset;
    out->public_url = v->public_url.text;
    bool names_keys = preset->kind == VERIFY_X509 || preset->key_path.len > 0;
    if (names_keys ? !conf_key_rules(r, v, out)
                   : preset->kind == VERIFY_JWT && !preset_claims(r, v, p, out)) {
        return false;
    }
    if (signs_url && v->public_url.text.len == 0) {
        report_error(r->report, p,
                     "%.*s signs the URL that it posts to, which Penstock cannot know",
                     STR_ARG(preset->name));
        struct str name = preset->jwt.canonical ? STR_NONE : report_shown(s->item.name);
        report_help(r->report,
                    "write it as it is registered there: verify: {type: %.*s, "
                    "public_url: \"https://hooks.example.com%s%.*s\"}",
                    STR_ARG(preset->name), name.len > 0 ? "/hooks/" : "", STR_ARG(name));
        return false;
    }
    if (!signs_url && v->public_url.text.len > 0) {
        report_error(r->report, p, "%.*s does not sign a URL: leave \"public_url\" out",
                     STR_ARG(preset->name));
        return false;
    }
    if (time != NULL && (preset->past_s == 0 || v->ts_headers.n > 0)) {
        report_error(r->report, &time->key->place,
                     preset->past_s == 0
                         ? "%.*s has no age that is looked at: leave \"timestamp\" out"
                         : "where %.*s has its timestamp is known: say its tolerance alone",
                     STR_ARG(preset->name));
        return false;
    }
    if (time != NULL) {
        int64_t past_s = v->tolerance_ms >= 0 ? whole_s(v->tolerance_ms) : preset->past_s;
        out->past_s = past_s;
        out->future_s = v->future_ms >= 0 ? whole_s(v->future_ms) : past_s;
    }
    return true;
}

/* Where keys are published; only ever asked by https, as what comes from there is believed. */
static bool build_jwks(struct conf_reader *r, struct file_source *s, const struct file_verify *v,
                       const struct verify_recipe *recipe)
{
    struct url u;
    bool tls;
    struct conf_jwks *out = &s->s.jwks;
    const struct place *p = &v->node->place;
    if (recipe->key_hosts[0].len > 0) {
        return conf_key_hosts(r, s, v, recipe);
    }
    if (!recipe->jwks) {
        if (v->ca_file.len > 0) {
            report_error(r->report, p,
                         "\"ca_file\" is of the host in \"jwks_url\", and none is given");
        }
        return v->ca_file.len == 0;
    }
    const char *why = url_parse_http(recipe->jwks_url, &u, &tls);
    if (why != NULL || !tls) {
        report_error(r->report, p, "\"jwks_url\": %s", why != NULL ? why : "it must be https");
        return false;
    }
    char *host = arena_take(r->arena, u.host.len + 1);
    for (size_t i = 0; i < u.host.len; i++) {
        char c = u.host.at[i];
        host[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    out->host = (struct str){host, u.host.len};
    out->port = u.port;
    out->target =
        arena_printf(r->arena, "%s%.*s", str_starts(u.rest, STR("/")) ? "" : "/", STR_ARG(u.rest));
    out->ca_file = v->ca_file;
    if (out->ca_file.len > 0) {
        conf_check_pem(r, v->node, "ca_file", out->ca_file, "CERTIFICATE");
    }
    return true;
}

void conf_build_scheme(struct conf_reader *r, struct file_source *s, const struct file_verify *v,
                       struct conf_scheme *out)
{
    struct str secrets[VERIFY_SECRETS];
    struct verify_recipe *recipe = &out->recipe;
    const struct place *p = &v->node->place;
    const struct verify_recipe *preset = verify_preset(v->type);
    if (!(preset != NULL ? preset_of(r, s, v, preset, recipe) : recipe_of(r, v, p, recipe)) ||
        !build_jwks(r, s, v, recipe)) {
        return;
    }
    const struct holder h = holder_of(s, v, recipe);
    size_t n = secrets_of(r, &h, out->secret_names, secrets);
    out->shares = h.map == s->item.value;
    if (!check_secrets(r, s, &h, recipe, n)) {
        return;
    }
    int bad;
    const char *why = verify_new(&out->verify, recipe, secrets, n, &bad);
    if (why != NULL) {
        report_error(r->report, bad >= 0 ? secret_place(&h, bad) : p, "%s", why);
        if (bad < 0 && preset == NULL) {
            report_help(r->report, "penstock help sources.verify lists what it may say");
        }
    }
}
