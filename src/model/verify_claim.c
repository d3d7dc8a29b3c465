/* What a request claims: its signatures, its timestamp and its id, as the recipe finds them. */
#include "model/form.h"
#include "model/verify_parts.h"

#include <string.h>

#define SIGNATURE_FIELD 4096 /* bytes of a form's field */

/* How long a decoded signature is: all of them as long, but ECDSA's in DER. */
static bool fits(const struct verify_recipe *r, size_t n)
{
    switch (r->kind) {
    case VERIFY_ED25519:
        return n == 64;
    case VERIFY_ECDSA:
        return n > 0;
    default:
        return n == crypt_digest_len(r->digest) ||
               (r->sha256_too && n == crypt_digest_len(CRYPT_SHA256));
    }
}

static bool decode(const struct verify_recipe *r, struct str text, unsigned char *out, size_t *n)
{
    bool ok = r->encoding == VERIFY_HEX ? text_get_hex(text, out, CRYPT_SIGNATURE_MAX, n)
              : r->encoding == VERIFY_BASE64
                  ? text_get_base64(text, out, CRYPT_SIGNATURE_MAX, n)
                  : text_get_base64url(text, out, CRYPT_SIGNATURE_MAX, n);
    return ok && fits(r, *n);
}

void verify_claim_signature(struct verify_claim *c, const struct verify_recipe *r, struct str text)
{
    if (c->n < VERIFY_SIGNATURES &&
        decode(r, text, c->signatures[c->n].at, &c->signatures[c->n].len)) {
        c->n++;
    }
}

static void claim_item(struct verify_claim *c, const struct verify_recipe *r, struct str item)
{
    struct str key, value;
    if (r->kv_sep == 0) {
        verify_claim_signature(c, r, item);
    } else if (!str_cut(item, r->kv_sep, &key, &value)) {
        /* not of this form: skipped, as unknown keys are */
    } else if (str_eq(key, r->sig_key) || r->key == VERIFY_KEY_PAIR) {
        verify_claim_signature(c, r, value);
    } else if (r->ts_key.len > 0 && str_eq(key, r->ts_key)) {
        c->trouble = c->ts.len > 0 ? "the timestamp occurs twice" : c->trouble;
        c->ts = value;
    }
}

static void claim_header(struct verify_claim *c, const struct verify_recipe *r, struct str value)
{
    struct str item, rest = value;
    bool more;
    if (r->kind == VERIFY_TOKEN || r->kind == VERIFY_BASIC) {
        c->token = str_trim(value);
        return;
    }
    do {
        if (r->item_sep == 0) {
            item = rest;
            more = false;
        } else {
            more = str_cut(rest, r->item_sep, &item, &rest);
        }
        claim_item(c, r, str_trim(item));
    } while (more);
}

/* The first of the names that is present; a header that occurs twice is trouble: receivers differ
 * on which one counts. */
static struct str one_of(const struct str names[VERIFY_NAMES], const struct fields *fields,
                         const char *twice, const char **trouble)
{
    for (size_t i = 0; i < VERIFY_NAMES && names[i].len > 0; i++) {
        const struct str *value = fields_find(fields, names[i]);
        if (value != NULL) {
            *trouble = fields_count(fields, names[i]) > 1 ? twice : *trouble;
            return str_trim(*value);
        }
    }
    return STR_NONE;
}

static void claim_signatures(struct verify_claim *c, const struct verify_recipe *r,
                             const struct fields *fields)
{
    for (size_t i = 0; i < VERIFY_NAMES && r->headers[i].len > 0; i++) {
        const struct str *value = fields_find(fields, r->headers[i]);
        if (value == NULL) {
            continue;
        }
        c->any_header = true;
        if (fields_count(fields, r->headers[i]) > 1) {
            c->trouble = "the signature header occurs twice";
        }
        claim_header(c, r, *value);
    }
}

static void claim_field(struct verify_claim *c, const struct verify_recipe *r,
                        const struct verify_input *in)
{
    struct buf text;
    buf_init(&text, SIGNATURE_FIELD);
    c->any_header = form_posted(in->fields, in->body, r->sig_field, &text);
    if (c->any_header) {
        claim_header(c, r, buf_str(&text));
    }
    buf_done(&text);
}

/* Once the signature is known to cover the body. */
static void claim_body_time(struct verify_claim *c, const struct verify_recipe *r,
                            const struct verify_input *in)
{
    struct buf text;
    buf_init(&text, sizeof c->ts_text);
    const struct pick where = {.pointer = r->ts_pointer};
    if (pick_text(&where, in->fields, in->body, &text)) {
        memcpy(c->ts_text, text.at, text.len);
        c->ts = (struct str){c->ts_text, text.len};
    }
    buf_done(&text);
}

static const char *check_age(const struct verify_recipe *r, int64_t ts_ms, int64_t now_s)
{
    int64_t age_ms = now_s * 1000 - ts_ms;
    if (r->past_s > 0 && age_ms > r->past_s * 1000) {
        return "the timestamp is too old";
    }
    /* A timestamp in whole seconds may be ahead by rounding only; the tolerance covers that. */
    if (r->future_s > 0 && -age_ms > r->future_s * 1000) {
        return "the timestamp is too far ahead";
    }
    return NULL;
}

/* NULL, or why the time is none. */
static const char *read_time(struct verify_claim *c, const struct verify_recipe *r)
{
    return c->ts.len == 0 ? "the timestamp is missing"
           : timestamp_decode(c->ts, r->unit, &c->ts_ms)
               ? NULL
               : "the timestamp is not of the expected form";
}

struct verify_verdict verify_bad(const char *detail)
{
    return (struct verify_verdict){VERIFY_BAD_SIGNATURE, detail, -1};
}

struct verify_verdict verify_claim_age(struct verify_claim *c, const struct verify *v,
                                       const struct verify_input *in, int64_t now_s)
{
    const struct verify_recipe *r = &v->r;
    if (r->past_s == 0 && r->future_s == 0) {
        return (struct verify_verdict){NULL, NULL, -1};
    }
    if (r->ts_pointer.len > 0) {
        claim_body_time(c, r, in);
    }
    const char *why = read_time(c, r);
    if (why != NULL) {
        return verify_bad(why);
    }
    why = check_age(r, c->ts_ms, now_s);
    return (struct verify_verdict){why == NULL ? NULL : VERIFY_STALE_TIMESTAMP, why, -1};
}

/* Between such a time and the body nothing stands, so bytes of one could be taken for the other's.
 */
static bool touches_body(const struct verify *v)
{
    size_t i = 0;
    while (i + 1 < v->part_count &&
           (v->parts[i].kind != PART_TS || v->parts[i + 1].kind != PART_BODY)) {
        i++;
    }
    return i + 1 < v->part_count;
}

/* No shorter and no longer text that begins alike is a time as well: digits by their number (for
 * the next 260 years), ISO 8601 by its zone. */
static bool is_whole(struct str ts, enum timestamp_unit unit)
{
    if (unit != TIMESTAMP_ISO8601) {
        return ts.len == (unit == TIMESTAMP_SECONDS ? 10 : 13);
    }
    char last = ts.at[ts.len - 1], sign = ts.at[ts.len - strlen("+hh:mm")]; /* a date is longer */
    return last == 'Z' || last == 'z' || sign == '+' || sign == '-';
}

const char *verify_claim_id_and_time(struct verify_claim *c, const struct verify *v,
                                     const struct verify_input *in)
{
    const struct verify_recipe *r = &v->r;
    if (r->ts_key.len == 0) {
        c->ts = one_of(r->ts_headers, in->fields, "the timestamp header occurs twice", &c->trouble);
    }
    c->id = one_of(r->id_headers, in->fields, "the id header occurs twice", &c->trouble);
    if (c->trouble != NULL) {
        return c->trouble;
    }
    if (v->needs_id && c->id.len == 0) {
        return "the id header is missing";
    }
    if (v->needs_ts && c->ts.len == 0) {
        return "the timestamp is missing";
    }
    if (v->needs_ts) {
        const char *why = read_time(c, r);
        bool clear = why != NULL || !touches_body(v) || is_whole(c->ts, r->unit);
        return clear ? why : "nothing parts its timestamp from the body: 10 digits, 13, or a zone";
    }
    return NULL;
}

const char *verify_claim_read(struct verify_claim *c, const struct verify *v,
                              const struct verify_input *in)
{
    const struct verify_recipe *r = &v->r;
    claim_signatures(c, r, in->fields);
    if (r->sig_field.len > 0) {
        claim_field(c, r, in);
    }
    if (!c->any_header) {
        return "the signature header is missing";
    }
    if (c->trouble == NULL && c->n == 0 && c->token.len == 0) {
        c->trouble = "there is no signature of the expected form";
    }
    return verify_claim_id_and_time(c, v, in);
}
