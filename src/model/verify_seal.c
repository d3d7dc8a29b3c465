/* Bodies whose signature is inside of them, made of an event as its provider makes them: for
 * `penstock send` and tests. */
#include "base/log.h"
#include "model/verify_parts.h"

#include <stdlib.h>
#include <yyjson.h>

static bool seals(const struct verify *v)
{
    return v->r.sig_pointer.len > 0 || v->r.sig_field.len > 0 || v->r.jwt.in_body;
}

/* Of the schemes that sign, the one that does; NULL: none. `n`: how many do. */
static const struct verify *sealer_of(const struct verify *v, size_t *n)
{
    const struct verify *found = NULL;
    *n = 0;
    for (size_t i = 0; i < verify_signers(v); i++) {
        const struct verify *s = verify_scheme(v, i);
        found = seals(s) ? s : found;
        *n += seals(s);
    }
    return found;
}

bool verify_seals(const struct verify *v)
{
    size_t n;
    return sealer_of(v, &n) != NULL;
}

/* ---- JSON, which may be a part of a form ---- */

/* Signs what is here, and puts the signature there. */
static bool seal_one(const struct verify *v, yyjson_val *here, yyjson_mut_val *there,
                     yyjson_mut_doc *doc)
{
    struct verify_texts texts UNCLEARED;
    struct verify_values values = {.texts = &texts};
    struct str parts[VERIFY_PARTS], pointer = v->r.sig_pointer;
    unsigned char digest[CRYPT_DIGEST_MAX];
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    if (v->r.kind == VERIFY_TOKEN) {
        buf_add_str(&text, v->secrets[0].text);
    } else {
        verify_find_texts(v, here, &texts);
        size_t n = verify_fill(v, &values, parts);
        crypt_hmac(v->secrets[0].hmac[v->r.digest], parts, n, digest);
        verify_put_bytes(&v->r, digest, crypt_digest_len(v->r.digest), &text);
    }
    yyjson_mut_val *signature = yyjson_mut_strncpy(doc, text.at, text.len);
    buf_done(&text);
    return there != NULL && yyjson_mut_ptr_setn(there, pointer.at, pointer.len, signature, doc);
}

static const char *seal_all(const struct verify *v, yyjson_doc *from, yyjson_mut_doc *to)
{
    yyjson_val *root = yyjson_doc_get_root(from);
    yyjson_mut_val *out = yyjson_mut_doc_get_root(to);
    if (v->r.each.len == 0) {
        return seal_one(v, root, out, to) ? NULL : "its signature has no place in that JSON";
    }
    yyjson_val *list = pick_once(root, v->r.each);
    yyjson_mut_val *items = yyjson_mut_ptr_getn(out, v->r.each.at, v->r.each.len);
    size_t n = pick_count(list);
    for (size_t i = 0; i < n; i++) {
        if (!seal_one(v, pick_item(list, i), yyjson_mut_arr_get(items, i), to)) {
            return "its signature has no place in an event of that JSON";
        }
    }
    return n > 0 ? NULL : "that JSON has no list of events";
}

static const char *seal_json(const struct verify *v, struct str event, struct buf *out)
{
    union { /* without the in-situ flag yyjson only reads it */
        const char *from;
        char *to;
    } bytes = {event.at};
    yyjson_doc *from = yyjson_read_opts(bytes.to, event.len, YYJSON_READ_NOFLAG, NULL, NULL);
    if (from == NULL) {
        return "its signature is in JSON, and the body is none";
    }
    yyjson_mut_doc *to = yyjson_doc_mut_copy(from, NULL);
    ENSURE(to != NULL);
    const char *why = seal_all(v, from, to);
    size_t n = 0;
    char *text = why == NULL ? yyjson_mut_write(to, YYJSON_WRITE_NOFLAG, &n) : NULL;
    buf_add(out, text, n);
    free(text);
    yyjson_mut_doc_free(to);
    yyjson_doc_free(from);
    return why;
}

/* The only part of a form; between lines that cannot be in it. */
static void wrap(struct str name, struct str json, struct buf *out, struct buf *type)
{
    unsigned char digest[CRYPT_DIGEST_MAX];
    char mark[17];
    crypt_digest(CRYPT_SHA256, &json, 1, digest);
    mark[text_put_hex(mark, digest, 8)] = '\0';
    buf_printf(out, "--%s\r\nContent-Disposition: form-data; name=\"%.*s\"\r\n\r\n", mark,
               STR_ARG(name));
    buf_add_str(out, json);
    buf_printf(out, "\r\n--%s--\r\n", mark);
    buf_printf(type, "multipart/form-data; boundary=%s", mark);
}

/* ---- Braintree's form ---- */

static void seal_payload(const struct verify *v, struct str event, struct buf *out)
{
    unsigned char digest[CRYPT_DIGEST_MAX];
    char hex[2 * CRYPT_DIGEST_MAX];
    struct buf payload;
    buf_init(&payload, SIZE_MAX / 2);
    char *room = buf_room(&payload, 4 * ((event.len + 2) / 3));
    payload.len = text_put_base64(room, event.at, event.len);
    buf_add_char(&payload, '\n');
    const struct str signed_text = buf_str(&payload);
    crypt_hmac(v->secrets[0].hmac[v->r.digest], &signed_text, 1, digest);
    size_t n = text_put_hex(hex, digest, crypt_digest_len(v->r.digest));
    buf_printf(out, "%.*s=%.*s%%7C%.*s&bt_payload=", STR_ARG(v->r.sig_field),
               STR_ARG(v->secrets[0].text), (int)n, hex);
    verify_put_escaped(signed_text, out);
    buf_done(&payload);
}

/* ---- a token ---- */

static const char *seal_token(const struct verify *v, struct str event, struct str pem,
                              struct buf *out)
{
    struct crypt_private *key;
    const char *why = verify_private_key(v, pem, &key);
    if (why != NULL) {
        return why;
    }
    const struct jwt_signer by = {.algorithm = verify_algorithm(v), .key = key};
    bool signs = key != NULL && jwt_sign_claims(out, &by, event);
    crypt_private_free(key);
    return signs ? NULL : "the key does not sign";
}

const char *verify_seal(const struct verify *v, struct str event, struct str key, struct buf *out,
                        struct buf *type)
{
    const char *why = NULL;
    size_t n;
    if (key.len > 0 && !verify_has_private_key(v)) {
        return VERIFY_NO_PRIVATE_KEY;
    }
    v = sealer_of(v, &n);
    if (n != 1) {
        return n == 0 ? "no signature of it is in the body"
                      : "two of its schemes want their signature in the body";
    }
    if (v->r.jwt.in_body) {
        buf_add_str(type, STR("application/jwt"));
        return seal_token(v, event, key, out);
    }
    if (v->r.sig_field.len > 0) {
        buf_add_str(type, STR("application/x-www-form-urlencoded"));
        seal_payload(v, event, out);
    } else if (v->r.json_field.len > 0) {
        struct buf json;
        buf_init(&json, SIZE_MAX / 2);
        why = seal_json(v, event, &json);
        wrap(v->r.json_field, buf_str(&json), out, type);
        buf_done(&json);
    } else {
        buf_add_str(type, STR("application/json"));
        why = seal_json(v, event, out);
    }
    return why == NULL && out->failed ? "the signed body is too large" : why;
}
