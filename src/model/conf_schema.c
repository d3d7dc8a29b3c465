/* JSON Schema (draft-07), for editors: a definition for each block, a property for each row.
 *
 * What a schema can say of a text that may hold ${NAME} is that it may. It is looser than the
 * loader, which alone decides, and never stricter. Keywords of one type say nothing of another, so
 * "one text, or a list of them" is one schema with two types: that keeps an editor's complaints
 * short. */
#include "model/conf_about.h"
#include "model/conf_docs.h"

#include "base/log.h"
#include "model/verify.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

#define OR_FILLED_IN "|\\$\\{" /* a pattern's last alternative */
#define DURATION "^([0-9]+(ms|s|m|h|d))+$"
#define SIZE "^[0-9]+(B|k|kB|M|MB|G|GB|KiB|MiB|GiB)$"
#define NAME "^[a-z0-9][a-z0-9_.-]{0,63}$"

struct schema {
    yyjson_mut_doc *doc;
    yyjson_mut_val *definitions;
};

/* ---- small parts ---- */

static yyjson_mut_val *object(const struct schema *s)
{
    return yyjson_mut_obj(s->doc);
}

static void set(const struct schema *s, yyjson_mut_val *o, const char *key, yyjson_mut_val *v)
{
    ENSURE(yyjson_mut_obj_add_val(s->doc, o, key, v));
}

static void set_text(const struct schema *s, yyjson_mut_val *o, const char *key, const char *text)
{
    set(s, o, key, yyjson_mut_strcpy(s->doc, text));
}

static void set_number(const struct schema *s, yyjson_mut_val *o, const char *key, uint64_t v)
{
    set(s, o, key, yyjson_mut_uint(s->doc, v));
}

/* "string array": each word a type; one alone stands without a list. */
static void set_types(const struct schema *s, yyjson_mut_val *o, const char *types)
{
    struct str word, rest = str_of(types);
    if (!str_has(rest, ' ')) {
        set_text(s, o, "type", types);
        return;
    }
    yyjson_mut_val *list = yyjson_mut_arr(s->doc);
    for (bool more = true; more;) {
        more = str_cut(rest, ' ', &word, &rest);
        yyjson_mut_arr_append(list, yyjson_mut_strncpy(s->doc, word.at, word.len));
    }
    set(s, o, "type", list);
}

static yyjson_mut_val *typed(const struct schema *s, const char *types)
{
    yyjson_mut_val *o = object(s);
    set_types(s, o, types);
    return o;
}

static yyjson_mut_val *matching(const struct schema *s, const char *types, const char *pattern)
{
    yyjson_mut_val *o = typed(s, types);
    set_text(s, o, "pattern", pattern);
    return o;
}

static yyjson_mut_val *any_of(const struct schema *s, yyjson_mut_val *a, yyjson_mut_val *b)
{
    yyjson_mut_val *o = object(s), *list = yyjson_mut_arr(s->doc);
    yyjson_mut_arr_append(list, a);
    yyjson_mut_arr_append(list, b);
    set(s, o, "anyOf", list);
    return o;
}

static yyjson_mut_val *one_of_words(const struct schema *s, const char *const *words)
{
    yyjson_mut_val *o = object(s), *list = yyjson_mut_arr(s->doc);
    for (; *words != NULL; words++) {
        if (**words != '!') {
            yyjson_mut_arr_append(list, yyjson_mut_str(s->doc, *words));
        }
    }
    set(s, o, "enum", list);
    return any_of(s, o, matching(s, "string", "\\$\\{"));
}

/* "destinations.retry", as its pages are called. */
static struct str name_of(const struct conf_block *b, char out[128])
{
    struct str part, rest = str_of(b->path);
    size_t n = 0;
    for (bool more = true; more;) {
        more = str_cut(rest, '.', &part, &rest);
        if (!str_eq(part, STR("*"))) {
            ENSURE(n + part.len + 1 < 128);
            n += n > 0;
            memcpy(out + n, part.at, part.len);
            n += part.len;
            out[n] = '.';
        }
    }
    out[n] = '\0';
    return (struct str){out, n};
}

static yyjson_mut_val *reference(const struct schema *s, const char *name)
{
    struct buf path;
    buf_init(&path, 256);
    buf_printf(&path, "#/definitions/%s", name);
    yyjson_mut_val *o = object(s);
    set(s, o, "$ref", yyjson_mut_strncpy(s->doc, path.at, path.len));
    buf_done(&path);
    return o;
}

static yyjson_mut_val *block_schema(struct schema *s, const struct conf_block *b,
                                    bool may_be_nothing);

/* Where a block's definition is; made when it is first asked for. */
static yyjson_mut_val *reference_to(struct schema *s, const struct conf_block *b)
{
    char name[128];
    struct str key = name_of(b, name);
    if (yyjson_mut_obj_getn(s->definitions, key.at, key.len) == NULL) {
        yyjson_mut_val *made = block_schema(s, b, b->size == 0); /* no block holds itself */
        yyjson_mut_obj_add(s->definitions, yyjson_mut_strncpy(s->doc, key.at, key.len), made);
    }
    return reference(s, name);
}

/* ---- kinds ---- */

static const char text_types[] = "string number boolean";

static yyjson_mut_val *text_schema(struct schema *s, const struct conf_row *row)
{
    yyjson_mut_val *o = typed(s, text_types);
    bool is_text = row->kind == &KIND_TEXT || row->kind == &KIND_MASKED;
    if (is_text && row->least == 1) {
        set_number(s, o, "minLength", 1);
    }
    if (is_text && row->most >= 64) { /* ${NAME} may be longer than what it is */
        set_number(s, o, "maxLength", row->most);
    }
    return o;
}

static yyjson_mut_val *texts_schema(struct schema *s, const struct conf_row *row)
{
    bool secrets = row->kind == &KIND_SECRETS;
    yyjson_mut_val *o =
        typed(s, secrets ? "string number boolean array object" : "string number boolean array");
    set(s, o, "items", typed(s, text_types));
    if (row->least > 0) {
        set_number(s, o, "minItems", row->least);
    }
    set_number(s, o, "maxItems", row->most);
    if (secrets) {
        set(s, o, "additionalProperties", typed(s, text_types));
    }
    return o;
}

static yyjson_mut_val *count_schema(struct schema *s, const struct conf_row *row)
{
    struct buf pattern;
    buf_init(&pattern, 256);
    buf_add_str(&pattern, STR("^[0-9]+$" OR_FILLED_IN));
    if (row->words != NULL) {
        buf_printf(&pattern, "|^%s$", row->words[0]);
    }
    buf_add_char(&pattern, '\0');
    yyjson_mut_val *o = matching(s, "integer string", pattern.at);
    buf_done(&pattern);
    set_number(s, o, "minimum", row->least);
    set_number(s, o, "maximum", row->most);
    return o;
}

static yyjson_mut_val *bytes_schema(struct schema *s, const struct conf_row *row)
{
    (void)row;
    return matching(s, "string", SIZE OR_FILLED_IN);
}

static yyjson_mut_val *share_schema(struct schema *s, const struct conf_row *row)
{
    (void)row;
    return matching(s, "string", SIZE "|^[0-9]+%$" OR_FILLED_IN);
}

static yyjson_mut_val *duration_schema(struct schema *s, const struct conf_row *row)
{
    (void)row;
    return matching(s, "string", DURATION OR_FILLED_IN);
}

static yyjson_mut_val *percent_schema(struct schema *s, const struct conf_row *row)
{
    (void)row;
    return matching(s, "string", "^[0-9]+%$" OR_FILLED_IN);
}

static yyjson_mut_val *factor_schema(struct schema *s, const struct conf_row *row)
{
    yyjson_mut_val *o = matching(s, "number string", "^[0-9]+([.][0-9]{1,3})?$" OR_FILLED_IN);
    set_number(s, o, "minimum", row->least);
    set_number(s, o, "maximum", row->most);
    return o;
}

static yyjson_mut_val *bool_schema(struct schema *s, const struct conf_row *row)
{
    (void)row;
    return matching(s, "boolean string", "^(true|false)$" OR_FILLED_IN);
}

static yyjson_mut_val *word_schema(struct schema *s, const struct conf_row *row)
{
    return one_of_words(s, row->words);
}

static yyjson_mut_val *pairs_schema(struct schema *s, const struct conf_row *row)
{
    yyjson_mut_val *o = typed(s, "object");
    set(s, o, "additionalProperties", typed(s, text_types));
    set_number(s, o, "maxProperties", row->most);
    return o;
}

static yyjson_mut_val *methods_schema(struct schema *s, const struct conf_row *row)
{
    yyjson_mut_val *list = typed(s, "array");
    set(s, list, "items", one_of_words(s, row->words));
    set_number(s, list, "minItems", 1);
    return any_of(s, one_of_words(s, row->words), list);
}

static yyjson_mut_val *schedule_schema(struct schema *s, const struct conf_row *row)
{
    yyjson_mut_val *o = matching(s, "string array", DURATION OR_FILLED_IN);
    set(s, o, "items", matching(s, "string", DURATION "|^[.]{3}$" OR_FILLED_IN));
    set_number(s, o, "minItems", 1);
    set_number(s, o, "maxItems", row->most);
    return o;
}

static yyjson_mut_val *conditions_schema(struct schema *s, const struct conf_row *row)
{
    static const char words[] = "^(network|timeout|5xx|[45][0-9][0-9])$" OR_FILLED_IN;
    yyjson_mut_val *o = matching(s, "string integer array", words);
    yyjson_mut_val *each = matching(s, "string integer", words);
    set_number(s, each, "minimum", 400);
    set_number(s, each, "maximum", 599);
    set(s, o, "items", each);
    set_number(s, o, "maxItems", row->most);
    return o;
}

static yyjson_mut_val *redis_url_schema(struct schema *s, const struct conf_row *row)
{
    (void)row;
    return matching(s, "string", "^(rediss?|unix):" OR_FILLED_IN);
}

static yyjson_mut_val *rate_schema(struct schema *s, const struct conf_row *row)
{
    (void)row;
    return matching(s, "string", "^[0-9]+/[smh]$" OR_FILLED_IN);
}

static yyjson_mut_val *block_row_schema(struct schema *s, const struct conf_row *row)
{
    yyjson_mut_val *o = object(s), *list = yyjson_mut_arr(s->doc);
    yyjson_mut_arr_append(list, reference_to(s, row->block)); /* beside $ref nothing is looked at */
    set(s, o, "allOf", list);
    return o;
}

static yyjson_mut_val *named_schema(struct schema *s, const struct conf_row *row)
{
    yyjson_mut_val *o = typed(s, "object null"), *names = object(s);
    set_text(s, names, "pattern", NAME);
    set(s, o, "propertyNames", names);
    set(s, o, "additionalProperties", reference_to(s, row->block));
    set_number(s, o, "maxProperties", row->most);
    return o;
}

static yyjson_mut_val *items_schema(struct schema *s, const struct conf_row *row)
{
    yyjson_mut_val *o = typed(s, "array null");
    set(s, o, "items", reference_to(s, row->block));
    set_number(s, o, "maxItems", row->most);
    return o;
}

/* The providers by name; beside them what a mapping's type may be. */
static yyjson_mut_val *types_schema(const struct schema *s, bool own)
{
    static const char *const others[] = {"hmac", "hash",  "ed25519", "ecdsa",
                                         "jwt",  "token", "basic"};
    yyjson_mut_val *o = object(s), *list = yyjson_mut_arr(s->doc);
    for (size_t i = 0; verify_preset_at(i) != NULL; i++) {
        struct str name = verify_preset_at(i)->name;
        yyjson_mut_arr_append(list, yyjson_mut_strncpy(s->doc, name.at, name.len));
    }
    for (size_t i = 0; own && i < sizeof others / sizeof others[0]; i++) {
        yyjson_mut_arr_append(list, yyjson_mut_str(s->doc, others[i]));
    }
    set(s, o, "enum", list);
    return any_of(s, o, matching(s, "string", "\\$\\{"));
}

/* One scheme, a list of them, or {all: [...]}. */
static yyjson_mut_val *verify_schema(struct schema *s, const struct conf_row *row)
{
    static const char scheme[] = "scheme", schemes[] = "schemes";
    if (yyjson_mut_obj_get(s->definitions, schemes) == NULL) {
        yyjson_mut_val *list = typed(s, "array"), *all = typed(s, "object"),
                       *properties = object(s);
        set(s, s->definitions, scheme,
            any_of(s, types_schema(s, false), reference_to(s, row->block)));
        set(s, list, "items", reference(s, scheme));
        set_number(s, list, "minItems", 1);
        set_number(s, list, "maxItems", VERIFY_SCHEMES);
        set(s, s->definitions, schemes, list);
        set(s, properties, "all", reference(s, schemes));
        set(s, all, "properties", properties);
        yyjson_mut_val *required = yyjson_mut_arr(s->doc);
        yyjson_mut_arr_append(required, yyjson_mut_str(s->doc, "all"));
        set(s, all, "required", required);
        set(s, all, "additionalProperties", yyjson_mut_bool(s->doc, false));
        set(s, s->definitions, "schemes.all", all);
    }
    yyjson_mut_val *o = any_of(s, reference(s, scheme), reference(s, schemes));
    yyjson_mut_arr_append(yyjson_mut_obj_get(o, "anyOf"), reference(s, "schemes.all"));
    return o;
}

/* The rooms of a request, and what joins them; what is within them the loader knows. */
static yyjson_mut_val *filter_schema(struct schema *s, const struct conf_row *row)
{
    static const char *const words[] = {"body",   "headers", "query", "path", "method",
                                        "source", "event",   "$or",   "$and", "$not"};
    (void)row;
    yyjson_mut_val *o = typed(s, "object"), *properties = object(s);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        set(s, properties, words[i], object(s));
    }
    set(s, o, "properties", properties);
    set(s, o, "additionalProperties", yyjson_mut_bool(s->doc, false));
    return o;
}

static yyjson_mut_val *body_schema(struct schema *s, const struct conf_row *row)
{
    (void)row;
    return typed(s, "object array string number boolean null");
}

/* A new kind of value needs a row here, and one in conf_about.c. */
static const struct {
    const struct conf_kind *kind;
    yyjson_mut_val *(*schema)(struct schema *s, const struct conf_row *row);
} kinds[] = {
    {&KIND_TEXT, text_schema},         {&KIND_TEXTS, texts_schema},
    {&KIND_INCLUDE, texts_schema},     {&KIND_SECRET, text_schema},
    {&KIND_SECRETS, texts_schema},     {&KIND_COUNT, count_schema},
    {&KIND_BYTES, bytes_schema},       {&KIND_SHARE, share_schema},
    {&KIND_DURATION, duration_schema}, {&KIND_PERCENT, percent_schema},
    {&KIND_FACTOR, factor_schema},     {&KIND_BOOL, bool_schema},
    {&KIND_WORD, word_schema},         {&KIND_PAIRS, pairs_schema},
    {&KIND_METHODS, methods_schema},   {&KIND_SCHEDULE, schedule_schema},
    {&KIND_CIDRS, texts_schema},       {&KIND_CONDITIONS, conditions_schema},
    {&KIND_RATE, rate_schema},         {&KIND_EXPONENTIAL, block_row_schema},
    {&KIND_BLOCK, block_row_schema},   {&KIND_REDIS_URL, redis_url_schema},
    {&KIND_NAMED, named_schema},       {&KIND_ITEMS, items_schema},
    {&KIND_VERIFY, verify_schema},     {&KIND_FILTER, filter_schema},
    {&KIND_BODY, body_schema},         {&KIND_EXPECT, texts_schema},
    {&KIND_MASKED, text_schema},
};

/* Of a kind that has no row above: anything. */
static yyjson_mut_val *kind_schema(struct schema *s, const struct conf_row *row)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (kinds[i].kind == row->kind) {
            return kinds[i].schema(s, row);
        }
    }
    return object(s);
}

/* ---- blocks ---- */

/* A default is of the type that an editor would write it as. */
static yyjson_mut_val *default_schema(const struct schema *s, const struct conf_row *row)
{
    struct str item, rest = str_of(row->fallback);
    uint64_t number;
    bool is_number = row->kind == &KIND_COUNT || row->kind == &KIND_FACTOR;
    if (row->kind == &KIND_BOOL) {
        return yyjson_mut_bool(s->doc, str_eq(rest, STR("true")));
    }
    if (is_number && text_u64(rest, UINT64_MAX, &number) == NULL) {
        return yyjson_mut_uint(s->doc, number);
    }
    if (!str_starts(rest, STR("["))) {
        return yyjson_mut_str(s->doc, row->fallback);
    }
    yyjson_mut_val *list = yyjson_mut_arr(s->doc);
    rest = str_head(str_from(rest, 1), rest.len - 2);
    for (bool more = true; more;) {
        more = str_cut(rest, ',', &item, &rest);
        item = str_trim(item);
        yyjson_mut_arr_append(list, text_u64(item, UINT64_MAX, &number) == NULL
                                        ? yyjson_mut_uint(s->doc, number)
                                        : yyjson_mut_strncpy(s->doc, item.at, item.len));
    }
    return list;
}

static bool is_verify(const struct conf_block *b)
{
    return strcmp(b->path, "sources.*.verify") == 0;
}

static void add_property(struct schema *s, yyjson_mut_val *properties, const struct conf_block *b,
                         const struct conf_row *row)
{
    bool is_type = is_verify(b) && strcmp(row->key, "type") == 0;
    bool has_own = !row->inherited || b->size == 0;
    yyjson_mut_val *o = is_type ? types_schema(s, true) : kind_schema(s, row);
    set_text(s, o, "description", row->help);
    if (row->fallback != NULL && has_own) {
        set(s, o, "default", default_schema(s, row));
    }
    set(s, properties, row->key, o);
    if (conf_has_file_form(row)) {
        struct buf key;
        buf_init(&key, 256);
        buf_printf(&key, "%s_file", row->key);
        yyjson_mut_val *file = typed(s, "string");
        set_number(s, file, "minLength", 1);
        set_text(s, file, "description", "the path of a file that holds it");
        yyjson_mut_obj_add(properties, yyjson_mut_strncpy(s->doc, key.at, key.len), file);
        buf_done(&key);
    }
}

/* A mapping; or, in its short form, what one of its rows takes. */
static yyjson_mut_val *mapping(struct schema *s, const struct conf_row *scalar, bool may_be_nothing)
{
    if (scalar == NULL) {
        return typed(s, may_be_nothing ? "object null" : "object");
    }
    yyjson_mut_val *o = kind_schema(s, scalar), *list = yyjson_mut_obj_remove_key(o, "type");
    if (!yyjson_mut_is_arr(list)) {
        yyjson_mut_val *type = list;
        list = yyjson_mut_arr(s->doc);
        yyjson_mut_arr_append(list, type);
    }
    yyjson_mut_arr_append(list, yyjson_mut_str(s->doc, "object"));
    set(s, o, "type", list);
    return o;
}

static yyjson_mut_val *block_schema(struct schema *s, const struct conf_block *b,
                                    bool may_be_nothing)
{
    yyjson_mut_val *properties = object(s), *required = yyjson_mut_arr(s->doc);
    const struct conf_row *scalar = NULL;
    for (const struct conf_row *row = b->rows; row->key != NULL; row++) {
        add_property(s, properties, b, row);
        if (row->required) {
            yyjson_mut_arr_append(required, yyjson_mut_str(s->doc, row->key));
        }
        if (b->scalar != NULL && strcmp(b->scalar, row->key) == 0 && !is_verify(b)) {
            scalar = row;
        }
    }
    yyjson_mut_val *o = mapping(s, scalar, may_be_nothing);
    set(s, o, "properties", properties);
    if (yyjson_mut_arr_size(required) > 0) {
        set(s, o, "required", required);
    }
    set(s, o, "additionalProperties", yyjson_mut_bool(s->doc, false));
    return o;
}

void conf_schema(struct buf *out)
{
    struct schema s = {.doc = yyjson_mut_doc_new(NULL)};
    ENSURE(s.doc != NULL);
    s.definitions = object(&s);
    yyjson_mut_val *root = block_schema(&s, &CONF_TOP, false);
    yyjson_mut_val *title = yyjson_mut_str(s.doc, "The configuration of Penstock");
    yyjson_mut_val *draft = yyjson_mut_str(s.doc, "http://json-schema.org/draft-07/schema#");
    yyjson_mut_obj_insert(root, yyjson_mut_str(s.doc, "title"), title, 0);
    yyjson_mut_obj_insert(root, yyjson_mut_str(s.doc, "$schema"), draft, 0);
    set(&s, root, "definitions", s.definitions);
    yyjson_mut_doc_set_root(s.doc, root);
    size_t len;
    char *text = yyjson_mut_write(s.doc, YYJSON_WRITE_PRETTY_TWO_SPACES, &len);
    ENSURE(text != NULL);
    buf_add(out, text, len);
    buf_add_char(out, '\n');
    free(text);
    yyjson_mut_doc_free(s.doc);
}
