/* Texts that a provider signs instead of the body, or around it: made of a request's method, path,
 * query and header, each by its provider's rules. */
#include "base/log.h"
#include "model/form.h"
#include "model/verify_parts.h"

#include <stdlib.h>
#include <string.h>

#define SIGNED_NAMES 32 /* of Contentful's headers */
#define PARAMETERS 256  /* of Atlassian's query, a token there counted */
#define UNRESERVED "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"

static bool is_literal(char c, const char *literal)
{
    return c != '\0' && strchr(literal, c) != NULL;
}

static void put_escaped(struct str s, const char *literal, struct buf *out)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0, from = 0; i < s.len; from = ++i) {
        while (i < s.len && is_literal(s.at[i], literal)) {
            i++;
        }
        buf_add(out, s.at + from, i - from);
        if (i < s.len) {
            unsigned char c = (unsigned char)s.at[i];
            const char escaped[] = {'%', digits[c >> 4], digits[c & 15]};
            buf_add(out, escaped, sizeof escaped);
        }
    }
}

void verify_put_escaped(struct str s, struct buf *out)
{
    put_escaped(s, UNRESERVED, out);
}

/* ---- Mercado Pago (sdk-nodejs, utils/webhook) ---- */

/* What holds the mark between two pairs could say another pair. */
static bool put_pair(const char *name, struct str value, struct buf *out)
{
    if (value.len > 0) {
        buf_add_str(out, str_of(name));
        buf_add_char(out, ':');
        buf_add_str(out, value);
        buf_add_char(out, ';');
    }
    return !str_has(value, ';');
}

/* Pairs of what is there: the query's data.id, the id's header, the timestamp. */
const char *verify_build_manifest(const struct verify *v, const struct verify_input *in,
                                  const struct verify_claim *c, struct buf *out)
{
    (void)v;
    struct str path, query;
    struct buf id;
    buf_init(&id, in->target.len + 1);
    str_cut(in->target, '?', &path, &query);
    enum form_found found = form_find(query, STR("data.id"), &id);
    bool ok = put_pair("id", str_trim(buf_str(&id)), out) && put_pair("request-id", c->id, out) &&
              put_pair("ts", c->ts, out);
    buf_done(&id);
    return found == FORM_UNCLEAR ? "its id is there twice, or not well written"
           : !ok                 ? "its id holds what stands between the parts of what is signed"
                                 : NULL;
}

/* ---- Contentful (node-apps-toolkit, requests) ---- */

static int compare_text(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t least = x->len < y->len ? x->len : y->len;
    int c = least == 0 ? 0 : memcmp(x->at, y->at, least);
    return c != 0 ? c : (x->len > y->len) - (x->len < y->len);
}

static bool is_lower(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.at[i] >= 'A' && name.at[i] <= 'Z') {
            return false;
        }
    }
    return text_is_token(name);
}

/* The names of the list, in order; how many, 0: it is none. */
static size_t signed_names(struct str list, struct str names[SIGNED_NAMES])
{
    size_t n = 0;
    for (bool more = true; more;) {
        if (n == SIGNED_NAMES) {
            return 0;
        }
        more = str_cut(list, ',', &names[n], &list);
        if (!is_lower(names[n++])) {
            return 0;
        }
    }
    qsort(names, n, sizeof *names, compare_text);
    return n;
}

static bool put_header(const struct fields *fields, struct str name, struct buf *out)
{
    const struct str *value = fields_find(fields, name);
    if (value == NULL || fields_count(fields, name) > 1) {
        return false;
    }
    buf_add_str(out, name);
    buf_add_char(out, ':');
    buf_add_str(out, str_trim(*value));
    return true;
}

static const char list_name[] = "x-contentful-signed-headers";
const struct field VERIFY_SIGNED_HEADERS = {
    {list_name, sizeof list_name - 1}, {"x-contentful-signed-headers,x-contentful-timestamp", 50}};

/* A list that leaves out itself or the timestamp would let anybody change that. */
static const char *put_headers(const struct fields *fields, struct buf *out)
{
    struct str names[SIGNED_NAMES];
    const struct str *list = fields_find(fields, str_of(list_name));
    size_t n = list == NULL ? 0 : signed_names(str_trim(*list), names), needed = 0;
    for (size_t i = 0; i < n; i++) {
        buf_add_str(out, i > 0 ? STR(";") : STR_NONE);
        if ((i > 0 && str_eq(names[i - 1], names[i])) || !put_header(fields, names[i], out)) {
            return "a header that is signed is missing, or there twice";
        }
        needed +=
            str_eq(names[i], str_of(list_name)) || str_eq(names[i], STR("x-contentful-timestamp"));
    }
    return needed == 2 ? NULL : "the list of signed headers is missing, or lacks what must be";
}

/* The path, whose query is escaped twice, and the lines of signed headers. */
const char *verify_build_canonical(const struct verify *v, const struct verify_input *in,
                                   const struct verify_claim *c, struct buf *out)
{
    (void)v, (void)c;
    struct str path, query;
    struct buf once;
    buf_init(&once, 3 * in->target.len + 1);
    str_cut(in->target, '?', &path, &query);
    put_escaped(path, UNRESERVED "!*'();,/?:@&=+$#", out);
    if (query.len > 0) {
        buf_add_char(out, '?');
        put_escaped(query, UNRESERVED "!*'()", &once);
        put_escaped(buf_str(&once), UNRESERVED "!*'()", out);
    }
    buf_done(&once);
    buf_add_char(out, '\n');
    return put_headers(in->fields, out);
}

/* ---- Atlassian Connect (atlassian-jwt, createCanonicalRequest) ---- */

struct parameter {
    struct str name, value;
};

static int compare_parameter(const void *a, const void *b)
{
    const struct parameter *x = a, *y = b;
    int c = compare_text(&x->name, &y->name);
    return c != 0 ? c : compare_text(&x->value, &y->value);
}

/* Into `text`, which has room for all of the query: its parts stay where they are. `v` has room for
 * each. */
static bool read_parameters(struct str query, struct buf *text, struct parameter *v, size_t *n)
{
    struct str pair, name, value;
    *n = 0;
    for (bool more = query.len > 0; more;) {
        more = str_cut(query, '&', &pair, &query);
        value = str_cut(pair, '=', &name, &value) ? value : STR_NONE;
        struct parameter *p = &v[*n];
        p->name = (struct str){text->at + text->len, text->len};
        if (!buf_add_form(text, name)) {
            return false;
        }
        p->name.len = text->len - p->name.len;
        p->value = (struct str){text->at + text->len, text->len};
        if (!buf_add_form(text, value)) {
            return false;
        }
        p->value.len = text->len - p->value.len;
        *n += !str_eq(p->name, STR("jwt")); /* the token itself may be there */
    }
    return true;
}

/* Names in order, each once: "a=1,2&b=3". */
static bool put_query(struct str query, struct buf *out)
{
    struct buf text;
    size_t n = query.len > 0 ? 1 + str_count(query, '&') : 0;
    if (n == 0 || n > PARAMETERS) {
        return n == 0;
    }
    struct parameter *v = malloc(n * sizeof *v);
    ENSURE(v != NULL);
    buf_init(&text, query.len + 1);
    (void)!buf_room(&text, query.len + 1);
    bool ok = read_parameters(query, &text, v, &n);
    qsort(v, n, sizeof *v, compare_parameter);
    for (size_t i = 0; ok && i < n; i++) {
        if (i > 0 && str_eq(v[i - 1].name, v[i].name)) {
            buf_add_char(out, ',');
        } else {
            buf_add_str(out, i > 0 ? STR("&") : STR_NONE);
            put_escaped(v[i].name, UNRESERVED, out);
            buf_add_char(out, '=');
        }
        put_escaped(v[i].value, UNRESERVED, out);
    }
    buf_done(&text);
    free(v);
    return ok;
}

/* What is behind the path of the base URL, without a slash at its end. */
static struct str relative_path(struct str path, struct str base)
{
    struct str scheme, rest, host;
    if (str_cut(base, ':', &scheme, &rest) && str_starts(rest, STR("//"))) {
        rest = str_from(rest, 2);
        base =
            str_cut(rest, '/', &host, &rest) ? (struct str){rest.at - 1, rest.len + 1} : STR_NONE;
    }
    base = str_ends(base, STR("/")) ? str_head(base, base.len - 1) : base;
    struct str behind = str_from(path, base.len);
    bool under = str_starts(path, base) && (behind.len == 0 || behind.at[0] == '/');
    path = under ? behind : path; /* "/base" is not the beginning of "/basement" */
    return path.len > 1 && str_ends(path, STR("/")) ? str_head(path, path.len - 1) : path;
}

bool verify_put_query_hash(const struct verify_input *in, struct str base, struct buf *out)
{
    struct str path, query;
    str_cut(in->target, '?', &path, &query);
    path = relative_path(path, base);
    buf_add_str(out, in->method);
    buf_add_str(out, str_starts(path, STR("/")) ? STR("&") : STR("&/"));
    for (size_t i = 0; i < path.len; i++) { /* what would look like the end of the path */
        buf_add_str(out, path.at[i] == '&' ? STR("%26") : str_head(str_from(path, i), 1));
    }
    buf_add_char(out, '&');
    return put_query(query, out);
}
