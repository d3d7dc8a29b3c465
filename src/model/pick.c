/* One text out of a request. */
#include "model/pick.h"

#include "base/log.h"
#include "model/form.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#define PICK_MAX 256                /* bytes of a picked text */
#define PICK_BODY (5 * 1024 * 1024) /* a larger body has no text to pick */

/* Does a key equal a pointer's token, in which ~1 stands for '/' and ~0 for '~' (RFC 6901 4)? */
static bool token_is(struct str token, struct str key)
{
    size_t k = 0;
    for (size_t t = 0; t < token.len; t++, k++) {
        char c = token.at[t];
        if (c == '~' && t + 1 < token.len) {
            c = token.at[++t] == '1' ? '/' : '~';
        }
        if (k >= key.len || key.at == NULL || key.at[k] != c) {
            return false;
        }
    }
    return k == key.len;
}

/* How often it is there. The last of duplicate keys wins, as most consumers have it;
 * yyjson_obj_get returns the first. */
static size_t find_member(yyjson_val *object, struct str token, yyjson_val **last)
{
    yyjson_val *key, *value;
    size_t n = 0, i, count;
    bool escaped = str_has(token, '~');
    *last = NULL;
    yyjson_obj_foreach(object, i, count, key, value)
    {
        struct str name = {yyjson_get_str(key), yyjson_get_len(key)};
        if (escaped ? token_is(token, name) : str_eq(token, name)) {
            *last = value;
            n++;
        }
    }
    return n;
}

static yyjson_val *member_of(yyjson_val *object, struct str token, bool once)
{
    yyjson_val *last;
    size_t n = find_member(object, token, &last);
    return once && n > 1 ? NULL : last;
}

static yyjson_val *element_of(yyjson_val *array, struct str token)
{
    uint64_t i;
    bool leading_zero = token.len > 1 && token.at[0] == '0';
    if (leading_zero || text_u64(token, 1000000, &i) != NULL) {
        return NULL;
    }
    return yyjson_arr_get(array, (size_t)i);
}

static yyjson_val *walk(yyjson_val *v, struct str pointer, bool once)
{
    while (v != NULL && pointer.len > 0) {
        struct str token, rest;
        bool more = str_cut(str_from(pointer, 1), '/', &token, &rest);
        v = yyjson_is_obj(v)   ? member_of(v, token, once)
            : yyjson_is_arr(v) ? element_of(v, token)
                               : NULL;
        /* Step onto the slash itself, so that a trailing one still means an empty token. */
        pointer = more ? (struct str){rest.at - 1, rest.len + 1} : STR_NONE;
    }
    return v;
}

struct yyjson_val *pick_once(struct yyjson_val *from, struct str pointer)
{
    return walk(from, pointer, true);
}

static bool printable(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < 0x20 || s.at[i] > 0x7e) {
            return false;
        }
    }
    return s.len > 0 && s.len <= PICK_MAX;
}

/* A number as it is written: a whole one of at most 64 bits. */
static struct str whole_number(struct str s)
{
    uint64_t v;
    bool negative = str_starts(s, STR("-"));
    uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : UINT64_MAX;
    return text_u64(str_from(s, negative), most, &v) == NULL ? s : STR_NONE;
}

struct str pick_value(struct yyjson_val *v, char digits[24])
{
    if (yyjson_is_raw(v)) {
        return whole_number((struct str){yyjson_get_raw(v), yyjson_get_len(v)});
    }
    if (yyjson_is_str(v)) {
        return (struct str){yyjson_get_str(v), yyjson_get_len(v)};
    }
    if (yyjson_is_uint(v)) {
        return (struct str){digits, text_put_u64(digits, yyjson_get_uint(v))};
    }
    if (yyjson_is_sint(v)) {
        digits[0] = '-';
        return (struct str){digits, 1 + text_put_u64(digits + 1, -(uint64_t)yyjson_get_sint(v))};
    }
    return STR_NONE;
}

/* Step by step, as a name that is there twice is to pick_once as if it were not there at all. */
bool pick_plain(struct yyjson_val *from, struct str pointer, struct yyjson_val **out)
{
    while (pointer.len > 0 && from != NULL && !yyjson_is_null(from)) {
        struct str token, rest;
        bool more = str_cut(str_from(pointer, 1), '/', &token, &rest);
        yyjson_val *last;
        if (!yyjson_is_obj(from) || find_member(from, token, &last) > 1) {
            return false;
        }
        from = last;
        pointer = more ? (struct str){rest.at - 1, rest.len + 1} : STR_NONE;
    }
    *out = from;
    return from == NULL || yyjson_is_null(from) || yyjson_is_str(from) || yyjson_is_int(from);
}

static bool add_text(struct yyjson_val *root, struct str pointer, bool dotted, struct buf *out)
{
    char digits[24];
    struct str text = pick_value(walk(root, pointer, false), digits);
    return printable(text) && (!dotted || buf_add_char(out, '.')) && buf_add_str(out, text);
}

/* One pool of the greatest size that such a text can need: it never grows. */
struct yyjson_val *pick_open(struct pick_doc *d, struct str json, void *room, size_t size)
{
    union { /* without the in-situ flag yyjson only reads it */
        const char *from;
        char *to;
    } bytes = {json.at};
    yyjson_alc alc;
    *d = (struct pick_doc){.root = NULL};
    if (json.len == 0 || json.len > PICK_BODY) {
        return NULL;
    }
    size_t need = yyjson_read_max_memory_usage(json.len, YYJSON_READ_NOFLAG);
    if (need > size) {
        room = d->own = malloc(need);
        size = need;
        ENSURE(room != NULL); /* "it is no JSON" would be a wrong answer, for good */
    }
    ENSURE(yyjson_alc_pool_init(&alc, room, size));
    d->doc = yyjson_read_opts(bytes.to, json.len, YYJSON_READ_NOFLAG, &alc, NULL);
    return d->root = yyjson_doc_get_root(d->doc);
}

void pick_close(struct pick_doc *d)
{
    yyjson_doc_free(d->doc);
    free(d->own);
}

/* Appends what is at `pointer`, behind a dot when `dotted`. */
static bool pick_json(struct str pointer, struct str body, bool dotted, struct buf *out)
{
    _Alignas(16) char room[PICK_ROOM] UNCLEARED;
    struct pick_doc json;
    bool picked = add_text(pick_open(&json, body, room, sizeof room), pointer, dotted, out);
    pick_close(&json);
    return picked;
}

bool pick_is_set(const struct pick *p)
{
    return p->header.len > 0 || p->pointer.len > 0;
}

static bool pick_of_form(const struct pick *p, const struct fields *fields, struct str body,
                         struct buf *out)
{
    struct buf json;
    buf_init(&json, body.len + 1);
    struct str text;
    bool picked =
        form_text(fields, body, p->form, &json, &text) && pick_json(p->pointer, text, false, out);
    buf_done(&json);
    return picked;
}

/* Where a text may be in the body: read for it alone, or already. */
struct where {
    struct str body;
    bool is_read;
    struct yyjson_val *root;
};

static bool pick_pointer(const struct where *w, struct str pointer, bool dotted, struct buf *out)
{
    return w->is_read ? add_text(w->root, pointer, dotted, out)
                      : pick_json(pointer, w->body, dotted, out);
}

static bool pick_from(const struct pick *p, const struct fields *fields, const struct where *w,
                      struct buf *out)
{
    if (p->form.len > 0) {
        return pick_of_form(p, fields, w->body, out);
    }
    if (p->header.len == 0) {
        return p->pointer.len > 0 && pick_pointer(w, p->pointer, false, out);
    }
    const struct str *value = fields_find(fields, p->header);
    if (value == NULL && p->or_header.len > 0) {
        value = fields_find(fields, p->or_header);
    }
    struct str text = value == NULL ? STR_NONE : str_trim(*value);
    if (!printable(text) || !buf_add_str(out, text)) {
        return false;
    }
    if (p->pointer.len > 0) {
        size_t alone = out->len;
        if (!pick_pointer(w, p->pointer, true, out) || out->len - alone + text.len > PICK_MAX) {
            out->len = alone;
            out->failed = false;
        }
    }
    return true;
}

bool pick_text(const struct pick *p, const struct fields *fields, struct str body, struct buf *out)
{
    return pick_from(p, fields, &(struct where){.body = body}, out);
}

bool pick_text_of(const struct pick *p, const struct fields *fields, struct str body,
                  struct yyjson_val *root, struct buf *out)
{
    return pick_from(p, fields, &(struct where){body, true, root}, out);
}

size_t pick_count(struct yyjson_val *list)
{
    return yyjson_arr_size(list);
}

struct yyjson_val *pick_item(struct yyjson_val *list, size_t i)
{
    return yyjson_arr_get(list, i);
}
