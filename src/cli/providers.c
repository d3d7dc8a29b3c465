/* providers: what is known of the providers, and what to write into the configuration for one. Said
 * from the two tables of the model alone: verify_presets.c and providers.c. */
#include "cli/cli.h"

#include "base/json.h"
#include "model/conf_rows.h"
#include "model/provider.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum { PAGE_MOST = 1 << 20, LINE_MOST = 4 << 10 };

static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};

/* A preset and what else is known of its provider. */
struct entry {
    const struct verify_recipe *recipe;
    const struct provider *provider;
};

/* The preset at i; false behind the last. One without a provider ("none") has no `provider`. */
static bool entry_at(size_t i, struct entry *out)
{
    out->recipe = verify_preset_at(i);
    out->provider = out->recipe == NULL ? NULL : provider_find(out->recipe->name);
    return out->recipe != NULL;
}

/* ---- words for what a recipe says ---- */

static const char *kind_of(const struct verify_recipe *r)
{
    static const char *const words[] = {
        [VERIFY_HMAC] = "hmac",   [VERIFY_HASH] = "hash",   [VERIFY_ED25519] = "ed25519",
        [VERIFY_ECDSA] = "ecdsa", [VERIFY_TOKEN] = "token", [VERIFY_BASIC] = "basic",
        [VERIFY_JWT] = "jwt",     [VERIFY_X509] = "x509",   [VERIFY_NONE] = "none",
    };
    return words[r->kind];
}

static const char *jwt_words(unsigned algorithms)
{
    return algorithms == JWT_BIT(JWT_HS256)   ? "JWT, HS256"
           : algorithms == JWT_BIT(JWT_RS256) ? "JWT, RS256"
           : algorithms == JWT_BIT(JWT_ES256) ? "JWT, ES256"
                                              : "JWT, HS256, HS384 or HS512";
}

static const char *algorithm_of(const struct verify_recipe *r)
{
    static const char *const hmacs[] = {"HMAC-SHA1", "HMAC-SHA256", "HMAC-SHA512", "HMAC-SHA384"};
    static const char *const digests[] = {"SHA-1", "SHA-256", "SHA-512", "SHA-384"};
    return r->kind == VERIFY_HMAC      ? hmacs[r->digest]
           : r->kind == VERIFY_HASH    ? digests[r->digest]
           : r->kind == VERIFY_ED25519 ? "Ed25519"
           : r->kind == VERIFY_ECDSA   ? "ECDSA P-256 with SHA-256"
           : r->kind == VERIFY_JWT     ? jwt_words(r->jwt.algorithms)
           : r->kind == VERIFY_X509
               ? (r->x509.sns ? "RSA with SHA-1 or SHA-256" : "RSA with SHA-256")
           : r->kind == VERIFY_TOKEN ? "the secret itself"
                                     : "basic authentication";
}

static bool is_computed(const struct verify_recipe *r)
{
    return r->kind != VERIFY_JWT && r->kind != VERIFY_X509 && r->kind != VERIFY_TOKEN &&
           r->kind != VERIFY_BASIC && r->kind != VERIFY_NONE;
}

static const char *encoding_of(const struct verify_recipe *r)
{
    return r->encoding == VERIFY_HEX      ? "hex"
           : r->encoding == VERIFY_BASE64 ? "base64"
                                          : "base64url";
}

static bool has_public_key(const struct verify_recipe *r)
{
    return r->kind == VERIFY_ED25519 || r->kind == VERIFY_ECDSA ||
           (r->kind == VERIFY_JWT && (r->jwt.algorithms & JWT_ALL_HMAC) == 0);
}

static void put_secret(const struct verify_recipe *r, struct buf *out)
{
    if (verify_is_keyless(r)) {
        return;
    }
    const char *form = r->key == VERIFY_KEY_HEX      ? "in hex"
                       : r->key == VERIFY_KEY_BASE64 ? "in base64"
                       : r->key == VERIFY_KEY_EITHER ? "as it is, or in base64"
                       : r->key == VERIFY_KEY_PAIR   ? "public key:private key"
                                                     : "as it is";
    buf_printf(out, "%s",
               has_public_key(r)         ? "the provider's public key, "
               : r->kind == VERIFY_BASIC ? "user:password, "
                                         : "");
    buf_printf(out, "%s", form);
    if (r->key_prefix.len > 0) {
        buf_printf(out, " behind %.*s", STR_ARG(r->key_prefix));
    }
}

static void put_hosts(const struct verify_recipe *r, struct buf *out)
{
    buf_add_str(out, r->x509.sns ? STR("sns.REGION.amazonaws.com of the topic") : STR_NONE);
    for (size_t i = 0; i < VERIFY_HOSTS && r->key_hosts[i].len > 0; i++) {
        buf_printf(out, "%s%.*s", i == 0 ? "" : " or ", STR_ARG(r->key_hosts[i]));
    }
}

static void put_keys(const struct verify_recipe *r, struct buf *out)
{
    if (r->key_path.len > 0) {
        buf_add_str(out, STR("asked for by kid, on "));
        put_hosts(r, out);
    } else if (r->jwks && r->jwks_url.len > 0) {
        buf_add_str(out, r->jwks_url);
    } else if (r->jwks) {
        buf_add_str(out, STR("published for each user at another URL"));
    } else if (r->kind == VERIFY_X509) {
        buf_printf(out, "in the certificate that %.*s names, on ",
                   STR_ARG(r->x509.sns ? STR("body./SigningCertURL") : r->x509.url_header));
        put_hosts(r, out);
    }
}

static void put_names(const struct str *names, struct buf *out)
{
    for (size_t i = 0; i < VERIFY_NAMES && names[i].len > 0; i++) {
        buf_printf(out, "%s%.*s", i == 0 ? "" : ", ", STR_ARG(names[i]));
    }
}

/* "v1=" within the header, or "sha256=" before it. */
static void put_place(const struct verify_recipe *r, struct buf *out)
{
    put_names(r->headers, out);
    if (r->jwt.in_body) {
        buf_add_str(out, STR("the body, which is a token"));
    } else if (r->x509.sns) {
        buf_add_str(out, STR("body./Signature"));
    }
    if (r->sig_field.len > 0) {
        buf_printf(out, "the form's %.*s, behind the public key", STR_ARG(r->sig_field));
    } else if (r->parameter.len > 0) {
        buf_printf(out, "the query's %.*s", STR_ARG(r->parameter));
    } else if (r->json_field.len > 0) {
        buf_printf(out, "the form's %.*s", STR_ARG(r->json_field));
    } else if (r->kv_sep != '\0') {
        buf_printf(out, ", behind %.*s%c", STR_ARG(r->sig_key), r->kv_sep);
    }
}

static void put_time(const struct verify_recipe *r, struct buf *out)
{
    static const char *const units[] = {"seconds", "milliseconds", "RFC 3339"};
    if (r->ts_key.len > 0) {
        buf_printf(out, "%.*s%c in the same header", STR_ARG(r->ts_key), r->kv_sep);
    } else if (r->ts_pointer.len > 0) {
        buf_printf(out, "body.%.*s", STR_ARG(r->ts_pointer));
    } else if (r->ts_headers[0].len > 0) {
        put_names(r->ts_headers, out);
    } else {
        return;
    }
    buf_printf(out, ", %s", units[r->unit]);
}

static void put_duration(int64_t seconds, struct buf *out)
{
    char text[32];
    buf_add(out, text, text_put_duration(text, seconds * 1000));
}

static void put_tolerance(const struct verify_recipe *r, struct buf *out)
{
    if (r->past_s > 0 || r->future_s > 0) {
        put_duration(r->past_s, out);
        buf_add_str(out, STR(" old, "));
        put_duration(r->future_s, out);
        buf_add_str(out, STR(" ahead"));
    }
}

static void put_bond(const struct jwt_bond *b, const char *of, struct buf *out)
{
    static const char *const forms[] = {
        [JWT_TEXT] = "itself",
        [JWT_HEX] = "SHA-256 in hex",
        [JWT_BASE64] = "SHA-256 in base64",
        [JWT_BASE64URL] = "SHA-256 in base64url",
    };
    if (b->claim.len > 0) {
        buf_printf(out, "%s%.*s: the %s, %s", out->len > 0 ? "; " : "", STR_ARG(b->claim), of,
                   forms[b->form]);
    }
}

/* What a token must say. */
static void put_claims(const struct verify_recipe *r, struct buf *out)
{
    put_bond(&r->jwt.body, "body", out);
    put_bond(&r->jwt.url, r->jwt.canonical ? "method, path and query" : "URL", out);
    if (r->jwt.issuer.len > 0) {
        buf_printf(out, "%siss: %.*s", out->len > 0 ? "; " : "", STR_ARG(r->jwt.issuer));
    }
    if (r->jwt.has.len > 0) {
        buf_printf(out, "%s%.*s", out->len > 0 ? "; " : "", STR_ARG(r->jwt.has));
    }
    if (r->jwt.expires) {
        buf_printf(out, "%sexp", out->len > 0 ? "; " : "");
    }
}

/* As `event` and `dedupe` have it. */
static void put_pick(const struct pick *p, struct buf *out)
{
    if (p->header.len > 0) {
        buf_printf(out, "header.%.*s", STR_ARG(p->header));
    }
    if (p->pointer.len > 0) {
        buf_printf(out, "%sbody.%.*s", p->header.len > 0 ? " and " : "", STR_ARG(p->pointer));
    }
}

static bool signs_url(const struct verify_recipe *r)
{
    if (r->kind == VERIFY_JWT) {
        return r->jwt.url.claim.len > 0;
    }
    for (size_t i = 0; i + 5 <= r->signed_text.len; i++) {
        if (memcmp(r->signed_text.at + i, "{url}", 5) == 0) {
            return true;
        }
    }
    return false;
}

/* The lines of a source; the secret comes from the environment. */
static void put_config(const struct verify_recipe *r, struct buf *out)
{
    buf_printf(out, "sources:\n  %.*s:\n    verify: ", STR_ARG(r->name));
    if (r->jwt.canonical) {
        buf_printf(out, "{type: %.*s, public_url: https://hooks.example.com}", STR_ARG(r->name));
    } else if (signs_url(r)) {
        buf_printf(out, "{type: %.*s, public_url: https://hooks.example.com/hooks/%.*s}",
                   STR_ARG(r->name), STR_ARG(r->name));
    } else if (r->key_path.len > 0) {
        buf_printf(out, "{type: %.*s, client_id: YOURS, client_secret: \"${PLAID_SECRET}\"}",
                   STR_ARG(r->name));
    } else if (r->jwks && r->jwt.in_body) {
        buf_printf(out, "{type: %.*s, jwks_url: https://YOURS/.well-known/jwks}", STR_ARG(r->name));
    } else if (r->jwks) {
        buf_printf(out,
                   "{type: %.*s, audience: https://hooks.example.com/hooks/%.*s, email: "
                   "NAME@PROJECT.iam.gserviceaccount.com}",
                   STR_ARG(r->name), STR_ARG(r->name));
    } else if (r->x509.sns) {
        buf_printf(out, "{type: %.*s, topic_arn: \"arn:aws:sns:us-east-1:123456789012:NAME\"}",
                   STR_ARG(r->name));
    } else if (r->kind == VERIFY_X509) {
        buf_printf(out, "{type: %.*s, webhook_id: YOURS}", STR_ARG(r->name));
    } else {
        buf_add_str(out, r->name);
    }
    if (verify_is_keyless(r)) {
        buf_add_char(out, '\n');
        return;
    }
    buf_add_str(out, STR("\n    secret: \"${"));
    for (size_t i = 0; i < r->name.len; i++) {
        char c = r->name.at[i];
        buf_add_char(out, c == '-' ? '_' : (char)toupper((unsigned char)c));
    }
    buf_printf(out, "_%s}\"\n", has_public_key(r) ? "PUBLIC_KEY" : "SECRET");
}

/* ---- one provider ---- */

/* A line, unless nothing was put into `text`; which is empty then. */
static void put_line(const char *label, struct buf *text, struct buf *out)
{
    if (text->len > 0) {
        buf_printf(out, "%-13s %.*s\n", label, STR_ARG(buf_str(text)));
    }
    buf_clear(text);
}

static void put_fact(const char *label, const char *fact, struct buf *out)
{
    buf_printf(out, "%-13s %s\n", label, fact == NULL ? "not known" : fact);
}

/* A line that ends is two characters, as a configuration may have them. */
static void put_template(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        buf_add_str(out, text.at[i] == '\n' ? STR("\\n") : str_head(str_from(text, i), 1));
    }
}

static void put_entry(const struct entry *e, struct buf *out)
{
    const struct verify_recipe *r = e->recipe;
    const struct provider *p = e->provider;
    struct buf text;
    buf_init(&text, LINE_MOST);
    buf_printf(out, "%s\n\n", p->title);
    put_place(r, &text);
    put_line("signature in", &text, out);
    buf_printf(&text, "%s%s%s", algorithm_of(r), is_computed(r) ? ", " : "",
               is_computed(r) ? encoding_of(r) : "");
    put_line("algorithm", &text, out);
    put_template(r->signed_text, &text);
    put_line("signed text", &text, out);
    put_claims(r, &text);
    put_line("claims", &text, out);
    put_names(r->id_headers, &text);
    put_line("{id}", &text, out);
    put_time(r, &text);
    put_line("timestamp", &text, out);
    put_tolerance(r, &text);
    put_line("tolerance", &text, out);
    put_secret(r, &text);
    put_line("secret", &text, out);
    put_keys(r, &text);
    put_line("public keys", &text, out);
    put_pick(&r->event_type, &text);
    put_line("event type", &text, out);
    put_pick(&r->delivery_id, &text);
    put_line("delivery id", &text, out);
    if (p->deadline_s > 0) {
        put_duration(p->deadline_s, &text);
        put_line("deadline", &text, out);
    } else {
        put_fact("deadline", NULL, out);
    }
    put_fact("success", p->success, out);
    put_fact("retries", p->retries, out);
    put_fact("setup", p->setup, out);
    put_fact("docs", p->docs, out);
    buf_add_char(out, '\n');
    put_config(r, out);
    buf_done(&text);
}

/* ---- JSON: what is absent is not known, or not there ---- */

static void json_words(struct buf *b, const char *key, struct buf *text)
{
    if (text->len > 0) {
        json_text(b, key, buf_str(text));
    }
    buf_clear(text);
}

static void json_names(struct buf *b, const char *key, const struct str *names)
{
    if (names[0].len == 0) {
        return;
    }
    json_list(b, key);
    for (size_t i = 0; i < VERIFY_NAMES && names[i].len > 0; i++) {
        json_item(b, names[i]);
    }
    json_close(b, ']');
}

static void json_fact(struct buf *b, const char *key, struct str fact)
{
    if (fact.len > 0) {
        json_text(b, key, fact);
    }
}

static void json_signature(struct buf *b, const struct verify_recipe *r, struct buf *text)
{
    json_text(b, "kind", str_of(kind_of(r)));
    json_names(b, "headers", r->headers);
    json_text(b, "algorithm", str_of(algorithm_of(r)));
    if (is_computed(r)) {
        json_text(b, "encoding", str_of(encoding_of(r)));
    }
    json_fact(b, "signature_key", r->sig_key);
    json_fact(b, "signed_text", r->signed_text);
    put_claims(r, text);
    json_words(b, "claims", text);
    json_names(b, "id_headers", r->id_headers);
    put_time(r, text);
    json_words(b, "timestamp", text);
    if (r->past_s > 0 || r->future_s > 0) {
        json_number(b, "past_s", r->past_s);
        json_number(b, "future_s", r->future_s);
    }
    put_secret(r, text);
    json_words(b, "secret", text);
    put_keys(r, text);
    json_words(b, "public_keys", text);
}

static void json_entry(const struct entry *e, struct buf *b)
{
    const struct verify_recipe *r = e->recipe;
    const struct provider *p = e->provider;
    struct buf text;
    buf_init(&text, LINE_MOST);
    json_open(b, '{');
    json_text(b, "name", r->name);
    json_text(b, "title", str_of(p->title));
    json_signature(b, r, &text);
    put_pick(&r->event_type, &text);
    json_words(b, "event_type", &text);
    put_pick(&r->delivery_id, &text);
    json_words(b, "delivery_id", &text);
    if (p->deadline_s > 0) {
        json_number(b, "deadline_s", p->deadline_s);
    }
    json_fact(b, "success", str_of(p->success));
    json_fact(b, "retries", str_of(p->retries));
    json_text(b, "setup", str_of(p->setup));
    json_text(b, "docs", str_of(p->docs));
    put_config(r, &text);
    json_words(b, "config", &text);
    json_close(b, '}');
    buf_done(&text);
}

/* ---- all of them ---- */

static void put_row(const struct entry *e, struct buf *out)
{
    const struct verify_recipe *r = e->recipe;
    char deadline[32] = "-", how[64];
    if (e->provider->deadline_s > 0) {
        deadline[text_put_duration(deadline, (int64_t)e->provider->deadline_s * 1000)] = '\0';
    }
    snprintf(how, sizeof how, "%s%s%s", algorithm_of(r), is_computed(r) ? ", " : "",
             is_computed(r) ? encoding_of(r) : "");
    buf_printf(out, "%-18.*s %-36s %-33s %s\n", STR_ARG(r->name), e->provider->title, how,
               deadline);
}

static void put_all(bool json, struct buf *out)
{
    struct buf line;
    struct entry e;
    buf_init(&line, 4 * LINE_MOST);
    for (size_t i = 0; entry_at(i, &e); i++) {
        if (e.provider != NULL && json) {
            json_entry(&e, &line); /* by itself: a line is a document */
            buf_printf(out, "%.*s\n", STR_ARG(buf_str(&line)));
            buf_clear(&line);
        } else if (e.provider != NULL) {
            put_row(&e, out);
        }
    }
    buf_done(&line);
}

static int unknown(const char *name)
{
    struct conf_guess g;
    struct entry e;
    char why[512];
    conf_guess_init(&g, str_of(name));
    for (size_t i = 0; entry_at(i, &e); i++) {
        if (e.provider != NULL) {
            conf_guess_try(&g, e.recipe->name);
        }
    }
    snprintf(why, sizeof why, "there is no provider \"%.64s\"", name);
    size_t n = strlen(why);
    if (g.best.len > 0) {
        snprintf(why + n, sizeof why - n, "; did you mean \"%.*s\"?", STR_ARG(g.best));
    }
    return usage_error(&verb_providers, why, NULL);
}

static int run(int argc, char **argv)
{
    bool json = false;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o != 'j') {
            return usage_error(&verb_providers, "it takes a name and --json", NULL);
        }
        json = true;
    }
    if (optind + 1 < argc) {
        return usage_error(&verb_providers, "unexpected argument", argv[optind + 1]);
    }
    struct str name = optind < argc ? str_of(argv[optind]) : STR_NONE;
    struct entry e = {verify_preset(name), provider_find(name)};
    if (optind < argc && (e.recipe == NULL || e.provider == NULL)) {
        return unknown(argv[optind]);
    }
    struct buf out;
    buf_init(&out, PAGE_MOST);
    if (optind == argc) {
        put_all(json, &out);
    } else if (json) {
        json_entry(&e, &out);
        buf_add_char(&out, '\n');
    } else {
        put_entry(&e, &out);
    }
    fwrite(out.at, 1, out.len, stdout);
    buf_done(&out);
    return EXIT_FINE;
}

const struct verb verb_providers = {
    "providers", "List providers, or show one: how it signs and behaves, what to enter where.",
    "usage: penstock providers [NAME] [--json]\n\n"
    "Without a name a line each: name, title, how it signs, how long it waits for an answer.\n"
    "With one all that is known of it, and the lines of the configuration for a source.\n"
    "      --json          an object a line; what is not known is absent\n",
    run};
