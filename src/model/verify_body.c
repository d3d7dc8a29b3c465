/* Signatures that are in a JSON body, and those over the fields of a form. */
#include "model/verify_parts.h"

#include "base/log.h"
#include "model/form.h"

#include <ctype.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MOST 1024 /* of a form */

/* ---- in the body ---- */

/* Finds the parts. NULL, or why what is signed here could be read, or cut into them, in another
 * way, too. */
static const char *find_parts(const struct verify *v, struct yyjson_val *from,
                              struct verify_texts *out)
{
    for (size_t i = 0; i < v->part_count; i++) {
        const struct verify_part *p = &v->parts[i];
        struct yyjson_val *found;
        uint64_t seconds;
        if (p->kind != PART_POINTER) {
            continue;
        }
        if (!pick_plain(from, p->literal, &found)) {
            return "what is signed in the body is there twice, or no text or whole number";
        }
        out->at[i] = pick_value(found, out->digits[i]);
        /* Before the next one there is no border: it is a time, whose length says where it ends. */
        if (i + 1 < v->part_count && p[1].kind == PART_POINTER) {
            struct str time = out->at[i];
            if (time.len != 10 || text_u64(time, UINT64_MAX, &seconds) != NULL) {
                return "the timestamp that is signed in the body does not have ten digits";
            }
        }
    }
    return NULL;
}

void verify_find_texts(const struct verify *v, struct yyjson_val *from, struct verify_texts *out)
{
    for (size_t i = 0; i < v->part_count; i++) {
        if (v->parts[i].kind == PART_POINTER) {
            out->at[i] = pick_value(pick_once(from, v->parts[i].literal), out->digits[i]);
        }
    }
}

/* Which secret signed what is here. */
static struct verify_verdict match_one(const struct verify *v, const struct verify_input *in,
                                       struct yyjson_val *from)
{
    struct verify_claim c UNCLEARED;
    struct verify_texts texts UNCLEARED;
    struct verify_values values = {.method = in->method, .body = in->body, .texts = &texts};
    char digits[24];
    verify_claim_init(&c);
    const char *why = find_parts(v, from, &texts);
    if (why != NULL) {
        return verify_bad(why);
    }
    struct str text = pick_value(pick_once(from, v->r.sig_pointer), digits);
    if (v->r.kind == VERIFY_TOKEN) {
        c.token = text;
    } else {
        verify_claim_signature(&c, &v->r, text);
    }
    int matched = verify_match(v, &c, &values);
    return matched < 0 ? verify_bad("no secret made the signature in the body")
                       : (struct verify_verdict){NULL, NULL, matched};
}

/* All elements must pass: one forged event among genuine ones is a forged body. */
static struct verify_verdict match_each(const struct verify *v, const struct verify_input *in,
                                        struct yyjson_val *list)
{
    struct verify_verdict first = verify_bad("no secret made the signature in the body");
    size_t n = pick_count(list);
    for (size_t i = 0; i < n; i++) {
        struct verify_verdict one = match_one(v, in, pick_item(list, i));
        if (one.reason != NULL) {
            return one;
        }
        first = i == 0 ? one : first;
    }
    return first;
}

static void add_signed(const struct verify *v, const struct verify_input *in,
                       struct yyjson_val *from, struct buf *out)
{
    struct verify_texts texts UNCLEARED;
    struct verify_values values = {.method = in->method, .body = in->body, .texts = &texts};
    struct str parts[VERIFY_PARTS];
    verify_find_texts(v, from, &texts);
    size_t n = verify_fill(v, &values, parts);
    for (size_t i = 0; i < n; i++) {
        buf_add_str(out, parts[i]);
    }
    buf_add_char(out, '\n');
}

/* The JSON, which may be a field of a form; NULL: it is none. */
static struct yyjson_val *open_json(const struct verify *v, const struct verify_input *in,
                                    struct pick_doc *body, char room[PICK_ROOM])
{
    if (v->r.json_field.len == 0) {
        return pick_open(body, in->body, room, PICK_ROOM);
    }
    struct buf text;
    buf_init(&text, in->body.len + 1);
    struct str json;
    bool there = form_text(in->fields, in->body, v->r.json_field, &text, &json);
    (void)pick_open(body, there ? json : STR_NONE, room, PICK_ROOM);
    buf_done(&text);
    return body->root;
}

void verify_body_signed(const struct verify *v, const struct verify_input *in,
                        unsigned char out[CRYPT_DIGEST_MAX])
{
    _Alignas(16) char room[PICK_ROOM] UNCLEARED;
    struct pick_doc body;
    struct yyjson_val *root = open_json(v, in, &body, room);
    struct yyjson_val *list = v->r.each.len == 0 ? NULL : pick_once(root, v->r.each);
    struct buf text;
    buf_init(&text, SIZE_MAX / 2);
    if (v->r.each.len == 0) {
        add_signed(v, in, root, &text);
    }
    for (size_t i = 0; i < pick_count(list); i++) {
        add_signed(v, in, pick_item(list, i), &text);
    }
    const struct str all = buf_str(&text);
    crypt_digest(CRYPT_SHA256, &all, 1, out);
    buf_done(&text);
    pick_close(&body);
}

struct verify_verdict verify_body_check(const struct verify *v, const struct verify_input *in)
{
    _Alignas(16) char room[PICK_ROOM] UNCLEARED;
    struct pick_doc body;
    struct yyjson_val *root = open_json(v, in, &body, room);
    struct verify_verdict verdict =
        root == NULL         ? verify_bad("the body, where its signature would be, is no JSON")
        : v->r.each.len == 0 ? match_one(v, in, root)
                             : match_each(v, in, pick_once(root, v->r.each));
    pick_close(&body);
    return verdict;
}

/* ---- over a form ---- */

struct form_field {
    uint64_t head; /* the name's first bytes, as a number that sorts as they do */
    struct str name, value;
};

static int compare_text(struct str a, struct str b)
{
    size_t least = a.len < b.len ? a.len : b.len;
    int c = least == 0 ? 0 : memcmp(a.at, b.at, least);
    return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

/* By name, then by value, byte for byte. */
static int compare(const void *a, const void *b)
{
    const struct form_field *x = *(struct form_field *const *)a;
    const struct form_field *y = *(struct form_field *const *)b;
    if (x->head != y->head) {
        return x->head < y->head ? -1 : 1;
    }
    int c = compare_text(x->name, y->name);
    return c != 0 ? c : compare_text(x->value, y->value);
}

static uint64_t head_of(struct str name)
{
    uint64_t head = 0;
    if (name.len >= sizeof head) {
        memcpy(&head, name.at, sizeof head);
        return be64toh(head);
    }
    for (size_t i = 0; i < sizeof head; i++) {
        head = head << 8 | (i < name.len ? (unsigned char)name.at[i] : 0);
    }
    return head;
}

/* Into `text`, which has room for all of the form: nothing moves. */
static bool decode(struct buf *text, struct str *s)
{
    size_t at = text->len;
    bool ok = buf_add_form(text, *s);
    *s = (struct str){text->at + at, text->len - at};
    return ok;
}

/* Pairs of "name=value"; a plain one stays where it is. False: they are not so written. */
static bool read_form(struct str form, struct buf *text, struct form_field *f, size_t n)
{
    struct str pair;
    size_t all = form.len + 1;
    for (const struct form_field *end = f + n; f < end; f++) {
        str_cut(form, '&', &pair, &form);
        str_cut(pair, '=', &f->name, &f->value);
        if (str_has(pair, '%') || str_has(pair, '+')) {
            (void)!(text->at != NULL || buf_room(text, all));
            if (!decode(text, &f->name) || !decode(text, &f->value)) {
                return false;
            }
        }
        f->head = head_of(f->name);
    }
    return true;
}

/* How fields are put together. */
struct form_style {
    struct str of_pair, of_list; /* between name and value, and between pairs */
    bool once;                   /* of equal pairs, one */
};

/* Could a name or a value be taken for more than itself, where something stands between them? */
static bool hides_border(const struct form_field *f, const struct form_style *style)
{
    return style->of_list.len > 0 &&
           (str_has(f->name, style->of_pair.at[0]) || str_has(f->name, style->of_list.at[0]) ||
            str_has(f->value, style->of_list.at[0]));
}

/* False: one could be another form as well. */
static bool put_pairs(struct form_field *const *sorted, size_t n, const struct form_style *style,
                      struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        const struct form_field *f = sorted[i];
        if (hides_border(f, style)) {
            return false;
        }
        if (style->once && i > 0 && compare(&sorted[i - 1], &sorted[i]) == 0) {
            continue;
        }
        buf_add_str(out, i > 0 ? style->of_list : STR_NONE);
        buf_add_str(out, f->name);
        buf_add_str(out, style->of_pair);
        buf_add_str(out, f->value);
    }
    return true;
}

/* All pairs in order. False: it is not so written, has too many, or could be another form. */
static bool put_sorted(struct str form, const struct form_style *style, struct buf *out)
{
    struct buf text;
    size_t n = form.len > 0 ? 1 + str_count(form, '&') : 0, most = form.len + 2 * n;
    if (n == 0 || n > FIELDS_MOST) {
        return n == 0;
    }
    struct form_field *fields = malloc(n * (sizeof *fields + sizeof fields));
    ENSURE(fields != NULL);
    struct form_field **sorted = (struct form_field **)(fields + n);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &fields[i];
    }
    buf_init(&text, form.len + 1);
    if (most <= out->ceiling - out->len) {
        (void)!buf_room(out, most); /* at once */
    }
    bool ok = read_form(form, &text, fields, n);
    if (ok) {
        qsort(sorted, n, sizeof *sorted, compare);
        ok = put_pairs(sorted, n, style, out);
    }
    buf_done(&text);
    free(fields);
    return ok;
}

static const char bad_form[] = "the form is not written as one, or has too many fields";

/* The parameter that is the body's hash, as it came; how often it is there. */
static size_t find_hash(const struct verify *v, const struct verify_input *in, struct str *out)
{
    struct str path, query, pair, name;
    size_t found = 0;
    bool more = str_cut(in->target, '?', &path, &query);
    while (more) {
        more = str_cut(query, '&', &pair, &query);
        if (str_cut(pair, '=', &name, &pair) && str_eq(name, v->r.body_hash)) {
            found++;
            *out = pair;
        }
    }
    return found;
}

static const char bad_hash[] = "the query's hash of the body is missing, or of another body";

/* Twilio's: names and values; its library takes a set of them. Of any other body nothing: then the
 * query has a hash of it. The query and what is signed of a form must not read like a query that
 * was signed with another body. (That fields may be moved into the query is Twilio's: its own
 * library takes them there.) */
const char *verify_build_form(const struct verify *v, const struct verify_input *in,
                              const struct verify_claim *c, struct buf *out)
{
    (void)c;
    const struct form_style style = {.once = true};
    struct str path, query, hash;
    if (!form_is_urlencoded(in->fields)) {
        return NULL;
    }
    str_cut(in->target, '?', &path, &query);
    buf_add_str(out, query);
    if (!put_sorted(in->body, &style, out)) {
        return bad_form;
    }
    if (out->failed) {
        return NULL; /* its owner looks at that */
    }
    bool hashed = find_hash(v, in, &hash) > 0; /* and is looked at */
    if (!hashed && str_find(buf_str(out), v->r.body_hash).len > 0) {
        return bad_hash;
    }
    out->len -= query.len;
    if (query.len > 0) {
        memmove(out->at, out->at + query.len, out->len);
    }
    return NULL;
}

static bool consists_of(struct str s, const char *characters)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\0' || strchr(characters, s.at[i]) == NULL) {
            return false;
        }
    }
    return true;
}

static bool is_word(struct str s)
{
    bool is = true;
    for (size_t i = 0; i < s.len; i++) {
        is &= isalnum((unsigned char)s.at[i]) != 0 || s.at[i] == '-' || s.at[i] == '_';
    }
    return is;
}

/* Plivo's (plivo-node, lib/utils/v3Security.js): '?', the query's pairs, a dot if both are there,
 * and the form's. Behind that a dot and the nonce: one with a dot could be a part of the form. */
const char *verify_build_params(const struct verify *v, const struct verify_input *in,
                                const struct verify_claim *c, struct buf *out)
{
    (void)v;
    const struct form_style of_query = {STR("="), STR("&"), false}, of_form = {.once = false};
    struct str path, query;
    str_cut(in->target, '?', &path, &query);
    bool has_body = in->body.len > 0;
    if (!is_word(c->id)) {
        return "the nonce is not of letters and digits";
    }
    if (has_body && (!form_is_urlencoded(in->fields) || !str_eq(in->method, STR("POST")))) {
        return "the body is no form that is posted, so it is not signed";
    }
    if (query.len > 0 || has_body) {
        buf_add_char(out, '?');
    }
    if (!put_sorted(query, &of_query, out)) {
        return "the query is not written as one, or holds what stands between its pairs";
    }
    if (query.len > 0 && has_body) {
        buf_add_char(out, '.');
    }
    return put_sorted(in->body, &of_form, out) ? NULL : bad_form;
}

/* Braintree's (braintree_node, lib/braintree/webhook_notification_gateway.js). It signs base64 of
 * XML, and by the same key the challenges of its handshake, which anybody may have us sign: what
 * could be one of these is no event. */
const char *verify_build_payload(const struct verify *v, const struct verify_input *in,
                                 const struct verify_claim *c, struct buf *out)
{
    (void)v, (void)c;
    if (!form_posted(in->fields, in->body, STR("bt_payload"), out)) {
        return "the form has no bt_payload, or more than one";
    }
    return consists_of(buf_str(out), "0123456789abcdef") ? "the payload could be a challenge"
                                                         : NULL;
}

const char *verify_body_hash(const struct verify *v, const struct verify_input *in)
{
    if (v->r.body_hash.len == 0) {
        return NULL;
    }
    unsigned char wanted[CRYPT_DIGEST_MAX], digest[CRYPT_DIGEST_MAX];
    struct str value = STR_NONE;
    size_t n = 0, found = find_hash(v, in, &value);
    if (found == 0 && form_is_urlencoded(in->fields)) { /* its fields are signed */
        return NULL;
    }
    crypt_digest(CRYPT_SHA256, &in->body, 1, digest);
    if (found != 1 || !text_get_hex(value, wanted, sizeof wanted, &n) || n != 32 ||
        !crypt_equal(wanted, digest, n)) {
        return bad_hash;
    }
    return NULL;
}
