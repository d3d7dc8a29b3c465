/* Sources whose requests name the certificate that they are signed by. What it is worth is known by
 * where it was read: of a URL that is not of the provider's own hosts nothing is. */
#include "model/verify_parts.h"

#include "base/certificate.h"
#include "base/crc32.h"
#include "base/log.h"

#define TEXT_CEILING (8 << 20) /* twice what pick_open takes */

const char VERIFY_UNKNOWN_CERTIFICATE[] =
    "the certificate that it names is not at its provider, or will not do";

/* ---- compiling ---- */

const char *verify_x509_recipe(const struct verify_recipe *r)
{
    return r->x509.parties[0].len > 0
               ? NULL
               : "say whom it must be for, or everybody who can have something signed there could "
                 "send";
}

/* ---- where a certificate may be ---- */

/* Nothing that a server, or a cache on the way, could take for another path. */
static bool is_plain_target(struct str s, bool query)
{
    const struct str marks = query ? STR("/-_.~?&=:%+") : STR("/-_.");
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && !str_has(marks, c)) {
            return false;
        }
        if (!query && (c == '.' || c == '/') && i > 0 &&
            (s.at[i - 1] == '.' || s.at[i - 1] == '/')) {
            return false;
        }
    }
    return true;
}

/* Is the rest of a URL on that host, written as it is in the rules? Then a place has one URL. */
static bool is_on(struct str rest, struct str host)
{
    return host.len > 0 && str_starts(rest, host) && str_starts(str_from(rest, host.len), STR("/"));
}

static const char *find_place(const struct verify_recipe *r, struct str url, struct str path,
                              struct verify_place *out)
{
    const struct str scheme = STR("https://");
    struct str rest = str_starts(url, scheme) ? str_from(url, scheme.len) : STR_NONE;
    *out = (struct verify_place){.host = 0};
    while (out->host < VERIFY_HOSTS && !is_on(rest, r->key_hosts[out->host])) {
        out->host++;
    }
    if (out->host == VERIFY_HOSTS) {
        return "it names a URL that is not https, or not on a host of its provider's";
    }
    out->target = str_from(rest, r->key_hosts[out->host].len);
    return str_starts(out->target, path) && is_plain_target(out->target, str_has(path, '?'))
               ? NULL
               : "it names a URL that is no such place of its provider's";
}

static bool is_word(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-')) {
            return false;
        }
    }
    return s.len > 0;
}

/* Below its path: so nothing else of that host's is asked for. */
static bool is_certificate(const struct x509_rules *r, struct str below)
{
    return str_ends(below, r->end) && below.len > r->end.len &&
           (str_ends(r->path, STR("/")) || is_word(str_head(below, below.len - r->end.len)));
}

const char *verify_x509_place(const struct verify_recipe *r, struct str url,
                              struct verify_place *out)
{
    const char *why = url.len > X509_URL ? "the URL of its certificate is too long"
                                         : find_place(r, url, r->x509.path, out);
    return why != NULL || is_certificate(&r->x509, str_from(out->target, r->x509.path.len))
               ? why
               : "it names a URL that is no such place of its provider's";
}

const char *verify_x509_read(const struct verify_recipe *r, struct str url, struct str document,
                             struct x509_store_st *trusted, struct certificate *out)
{
    struct str names[X509_NAMES + 1] = {{NULL, 0}}, port;
    struct verify_place at;
    const char *why = verify_x509_place(r, url, &at);
    if (why != NULL) {
        return why;
    }
    size_t n = 0;
    for (; n < X509_NAMES && r->x509.names[n].len > 0; n++) {
        names[n] = r->x509.names[n];
    }
    ENSURE(n < X509_NAMES);
    if (r->x509.names_host) {
        (void)str_cut(r->key_hosts[at.host], ':', &names[n], &port);
    }
    return certificate_read(out, document, names, trusted);
}

const char *verify_confirm_at(const struct verify_recipe *r, struct str url,
                              struct verify_place *out)
{
    return find_place(r, url, STR("/?Action=ConfirmSubscription&"), out);
}

/* ---- checking ---- */

/* What a request says, whoever its sender is. */
struct x509_claim {
    struct str url, signature;
    enum crypt_digest digest;
    struct sns_message sns;
    struct verify_claim headers; /* of others */
};

static bool is_for_us(const struct x509_rules *r, struct str party)
{
    bool found = false;
    for (size_t i = 0; i < X509_FOR && r->parties[i].len > 0; i++) {
        found |= str_eq(r->parties[i], party);
    }
    return found;
}

static const char *claim_sns(struct x509_claim *c, const struct verify *v,
                             const struct verify_input *in)
{
    const char *why = sns_read(&c->sns, in->body);
    c->url = c->sns.certificate_url;
    c->signature = c->sns.signature;
    c->digest = c->sns.digest;
    return why != NULL || is_for_us(&v->r.x509, c->sns.topic)
               ? why
               : "its TopicArn is not the one that is configured";
}

/* The value of a header that must be there once. */
static const char *one_header(const struct verify_input *in, struct str name, struct str *out)
{
    const struct str *value = fields_find(in->fields, name);
    *out = value == NULL ? STR_NONE : str_trim(*value);
    return out->len > 0 && fields_count(in->fields, name) == 1
               ? NULL
               : "a header of its signature is missing, or there twice";
}

static const char *claim_headers(struct x509_claim *c, const struct verify *v,
                                 const struct verify_input *in)
{
    const struct x509_rules *r = &v->r.x509;
    struct str algorithm;
    const char *why = one_header(in, v->r.headers[0], &c->signature);
    if (why == NULL) {
        why = one_header(in, r->url_header, &c->url);
    }
    if (why == NULL) {
        why = one_header(in, r->algorithm_header, &algorithm);
    }
    if (why == NULL && !str_eq(algorithm, r->algorithm)) {
        why = "it is signed by another algorithm than its provider's";
    }
    c->digest = CRYPT_SHA256;
    return why != NULL ? why : verify_claim_id_and_time(&c->headers, v, in);
}

static const char *claim_read(struct x509_claim *c, const struct verify *v,
                              const struct verify_input *in)
{
    const char *why = v->r.x509.sns ? claim_sns(c, v, in) : claim_headers(c, v, in);
    struct verify_place place;
    return why != NULL ? why : verify_x509_place(&v->r, c->url, &place);
}

/* Of PayPal: "id|time|webhook id|CRC-32". */
static void put_signed(const struct x509_claim *c, const struct verify *v,
                       const struct verify_input *in, struct str party, struct buf *out)
{
    if (v->r.x509.sns) {
        sns_put_signed(&c->sns, out);
        return;
    }
    buf_printf(out, "%.*s|%.*s|%.*s|%lu", STR_ARG(c->headers.id), STR_ARG(c->headers.ts),
               STR_ARG(party), (unsigned long)crc32(in->body.at, in->body.len));
}

/* Of SNS the party was compared; elsewhere it is but signed along, so each is tried. */
static bool is_signed(const struct verify *v, const struct x509_claim *c,
                      const struct verify_input *in, const struct crypt_public *key)
{
    const struct x509_rules *r = &v->r.x509;
    unsigned char bytes[CRYPT_RSA_MAX];
    struct str signature = {(const char *)bytes, 0};
    struct buf text;
    bool good = false;
    if (!text_get_base64(c->signature, bytes, sizeof bytes, &signature.len)) {
        return false;
    }
    buf_init(&text, TEXT_CEILING);
    for (size_t i = 0; i < (r->sns ? 1 : X509_FOR) && r->parties[i].len > 0 && !good; i++) {
        buf_clear(&text);
        put_signed(c, v, in, r->parties[i], &text);
        good = !text.failed && crypt_public_check_by(key, c->digest, buf_str(&text), signature);
    }
    buf_done(&text);
    return good;
}

struct verify_verdict verify_x509_check(const struct verify *v, const struct verify_input *in,
                                        const struct jwks *keys)
{
    struct x509_claim c = {.url = STR_NONE};
    const char *why = claim_read(&c, v, in);
    const struct crypt_public *key = why != NULL || keys == NULL ? NULL : jwks_find(keys, c.url);
    struct verify_verdict verdict =
        why != NULL   ? verify_bad(why)
        : key == NULL ? verify_bad(VERIFY_UNKNOWN_CERTIFICATE)
        : is_signed(v, &c, in, key)
            ? (struct verify_verdict){NULL, NULL, -1}
            : verify_bad("the certificate that it names did not make this signature");
    sns_done(&c.sns);
    return verdict;
}

bool verify_x509_name(const struct verify *v, const struct verify_input *in, struct buf *url)
{
    struct x509_claim c = {.url = STR_NONE};
    bool ok = claim_read(&c, v, in) == NULL && buf_add_str(url, c.url);
    sns_done(&c.sns);
    return ok;
}

enum verify_control verify_x509_control(const struct verify *v, const struct verify_input *in,
                                        struct buf *url)
{
    static const enum verify_control words[] = {[SNS_NOTIFICATION] = VERIFY_EVENT,
                                                [SNS_SUBSCRIPTION] = VERIFY_CONFIRM,
                                                [SNS_UNSUBSCRIPTION] = VERIFY_FAREWELL};
    struct sns_message m;
    if (v->r.kind != VERIFY_X509 || !v->r.x509.sns) {
        return VERIFY_EVENT;
    }
    const char *why = sns_read(&m, in->body);
    enum verify_control control = why != NULL ? VERIFY_EVENT : words[m.kind];
    if (control == VERIFY_CONFIRM) {
        buf_add_str(url, m.subscribe_url);
    }
    sns_done(&m);
    return control;
}

/* Of PayPal the transmission: who makes another body of the same CRC-32 has made no other event. */
void verify_x509_signed(const struct verify *v, const struct verify_input *in,
                        unsigned char out[CRYPT_DIGEST_MAX])
{
    struct x509_claim c = {.url = STR_NONE};
    struct buf text;
    buf_init(&text, TEXT_CEILING);
    if (claim_read(&c, v, in) == NULL) {
        put_signed(&c, v, in, STR_NONE, &text);
    }
    crypt_digest(CRYPT_SHA256, &(struct str){text.at, text.len}, 1, out);
    buf_done(&text);
    sns_done(&c.sns);
}
