/* Filters at work: does it hold, and why. */
#include "model/filter.h"

#include "base/log.h"

#include <string.h>
#include <yyjson.h>

/* What a part of a filter is asked about. */
enum seen_kind {
    SEEN_MISSING,
    SEEN_REQUEST, /* all rooms */
    SEEN_NAMES,   /* headers or query */
    SEEN_TEXT,
    SEEN_TEXTS, /* of one name that occurs several times: as an array */
    SEEN_JSON
};

struct seen {
    enum seen_kind kind;
    enum filter_room room;
    struct str text; /* SEEN_TEXTS: the name */
    yyjson_val *json;
    unsigned arrays; /* that lie directly in one another, up to here */
};

static const char *const room_names[FILTER_ROOMS] = {"body",   "headers", "query", "path",
                                                     "method", "source",  "event"};
static const char *const op_names[FILTER_OPS] = {
    "$eq",  "$neq",        "$gt",       "$gte",   "$lt",    "$lte", "$in",
    "$nin", "$startsWith", "$endsWith", "$exist", "$regex", "$glob"};

const char *filter_room_name(enum filter_room room)
{
    return room_names[room];
}

const char *filter_op_name(enum filter_op op)
{
    return op_names[op];
}

/* False: it has been at it for too long. */
static bool charge(struct route_subject *s, size_t steps)
{
    s->steps += steps;
    if (s->steps > SUBJECT_STEPS) {
        s->limit_met = true;
    }
    return !s->limit_met;
}

/* --- where values come from */

static const struct field *fields_of(struct route_subject *s, enum filter_room room, size_t *n)
{
    if (room == FILTER_QUERY) {
        return subject_query(s, n);
    }
    *n = s->fields->n;
    return s->fields->v;
}

static bool same_name(enum filter_room room, struct str a, struct str b)
{
    return room == FILTER_HEADERS ? str_ieq(a, b) : str_eq(a, b);
}

static struct seen see_name(struct route_subject *s, enum filter_room room, struct str name)
{
    struct seen v = {.kind = SEEN_MISSING, .room = room};
    size_t n;
    const struct field *f = fields_of(s, room, &n);
    for (size_t i = 0; i < n; i++) {
        if (!same_name(room, f[i].name, name)) {
            continue;
        }
        if (v.kind == SEEN_TEXT) {
            v.kind = SEEN_TEXTS;
            v.text = name;
            break;
        }
        v.kind = SEEN_TEXT;
        v.text = room == FILTER_HEADERS ? str_trim(f[i].value) : f[i].value;
    }
    return v;
}

static struct seen see_json(yyjson_val *json)
{
    return (struct seen){.kind = json == NULL ? SEEN_MISSING : SEEN_JSON,
                         .room = FILTER_BODY,
                         .json = json,
                         .arrays = yyjson_is_arr(json)};
}

static struct seen see_room(struct route_subject *s, enum filter_room room)
{
    struct seen v = {.kind = SEEN_TEXT, .room = room};
    switch (room) {
    case FILTER_BODY:
        return see_json(subject_body(s));
    case FILTER_PATH:
        v.text = s->path;
        break;
    case FILTER_METHOD:
        v.text = s->method;
        break;
    case FILTER_SOURCE:
        v.text = s->source->name;
        break;
    case FILTER_EVENT:
        v.text = subject_type(s);
        v.kind = v.text.len > 0 ? SEEN_TEXT : SEEN_MISSING;
        break;
    default:
        v.kind = SEEN_NAMES;
        break;
    }
    return v;
}

/* The last of duplicate keys wins, as it does for most who read the body after us. */
static yyjson_val *member_of(struct route_subject *s, yyjson_val *object, struct str name)
{
    yyjson_val *found = NULL, *key;
    if (!charge(s, yyjson_obj_size(object))) {
        return NULL;
    }
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    while ((key = yyjson_obj_iter_next(&it)) != NULL) {
        if (yyjson_get_len(key) == name.len &&
            memcmp(yyjson_get_str(key), name.at, name.len) == 0) {
            found = yyjson_obj_iter_get_val(key);
        }
    }
    return found;
}

static struct seen see_field(struct route_subject *s, const struct seen *v, struct str name)
{
    if (v->kind == SEEN_NAMES) {
        return see_name(s, v->room, name);
    }
    return see_json(yyjson_is_obj(v->json) ? member_of(s, v->json, name) : NULL);
}

/* --- arrays */

struct elements {
    const struct seen *of;
    yyjson_arr_iter json;
    const struct field *fields;
    size_t n, next;
};

static bool is_list(const struct seen *v)
{
    return v->kind == SEEN_TEXTS || (v->kind == SEEN_JSON && yyjson_is_arr(v->json));
}

static struct elements elements_of(struct route_subject *s, const struct seen *list)
{
    struct elements e = {.of = list};
    if (list->kind == SEEN_TEXTS) {
        e.fields = fields_of(s, list->room, &e.n);
    } else {
        e.json = yyjson_arr_iter_with(list->json);
    }
    return e;
}

/* False: there is no further one, or a limit was met. */
static bool next_element(struct route_subject *s, struct elements *e, struct seen *out)
{
    if (!charge(s, 1)) {
        return false;
    }
    if (e->of->kind == SEEN_JSON) {
        *out = see_json(yyjson_arr_iter_next(&e->json));
        out->arrays = out->arrays > 0 ? e->of->arrays + 1 : 0;
        s->limit_met = s->limit_met || out->arrays > FILTER_ARRAYS;
        return out->kind != SEEN_MISSING && !s->limit_met;
    }
    while (e->next < e->n && !same_name(e->of->room, e->fields[e->next].name, e->of->text)) {
        e->next++;
    }
    if (e->next == e->n) {
        return false;
    }
    struct str text = e->fields[e->next++].value;
    *out = (struct seen){.kind = SEEN_TEXT,
                         .room = e->of->room,
                         .text = e->of->room == FILTER_HEADERS ? str_trim(text) : text};
    return true;
}

/* --- operators, of one value that is no array */

static bool text_of(const struct seen *v, struct str *out)
{
    if (v->kind == SEEN_TEXT) {
        *out = v->text;
        return true;
    }
    if (v->kind == SEEN_JSON && yyjson_is_str(v->json)) {
        *out = (struct str){yyjson_get_str(v->json), yyjson_get_len(v->json)};
        return true;
    }
    return false;
}

static bool number_of(const struct seen *v, struct decimal *out)
{
    struct str text = v->text;
    if (v->kind == SEEN_JSON) {
        if (!yyjson_is_raw(v->json)) {
            return false;
        }
        text = (struct str){yyjson_get_raw(v->json), yyjson_get_len(v->json)};
    }
    return decimal_read(text, out);
}

static bool same(struct route_subject *s, const struct filter_value *want, const struct seen *v);

static bool same_list(struct route_subject *s, const struct filter_value *want, yyjson_val *json)
{
    yyjson_val *element;
    size_t i = 0;
    yyjson_arr_iter it = yyjson_arr_iter_with(json);
    bool good = yyjson_is_arr(json) && yyjson_arr_size(json) == want->n;
    while (good && (element = yyjson_arr_iter_next(&it)) != NULL) {
        const struct seen v = see_json(element);
        good = same(s, &want->items[i++], &v);
    }
    return good;
}

static bool has_key(const struct filter_value *map, struct str key)
{
    for (size_t i = 0; i < map->n; i++) {
        if (str_eq(map->keys[i], key)) {
            return true;
        }
    }
    return false;
}

/* All that is wanted is there, and nothing else. */
static bool same_map(struct route_subject *s, const struct filter_value *want, yyjson_val *json)
{
    bool good = yyjson_is_obj(json) && charge(s, yyjson_obj_size(json) * (want->n + 1));
    for (size_t i = 0; good && i < want->n; i++) {
        const struct seen v = see_json(member_of(s, json, want->keys[i]));
        good = v.kind != SEEN_MISSING && same(s, &want->items[i], &v);
    }
    yyjson_val *key;
    yyjson_obj_iter it = yyjson_obj_iter_with(json);
    while (good && (key = yyjson_obj_iter_next(&it)) != NULL) {
        good = has_key(want, (struct str){yyjson_get_str(key), yyjson_get_len(key)});
    }
    return good;
}

static bool same(struct route_subject *s, const struct filter_value *want, const struct seen *v)
{
    struct str text;
    struct decimal number;
    switch (want->type) {
    case FILTER_NULL:
        return v->kind == SEEN_JSON && yyjson_is_null(v->json);
    case FILTER_BOOL:
        return v->kind == SEEN_JSON && yyjson_is_bool(v->json) &&
               yyjson_get_bool(v->json) == want->yes;
    case FILTER_NUMBER:
        return number_of(v, &number) && decimal_compare(&number, &want->number) == 0;
    case FILTER_STRING:
        return text_of(v, &text) && str_eq(text, want->text);
    case FILTER_LIST:
        return v->kind == SEEN_JSON && same_list(s, want, v->json);
    case FILTER_MAP:
        return v->kind == SEEN_JSON && same_map(s, want, v->json);
    }
    return false;
}

static int compare_texts(struct str a, struct str b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int d = n == 0 ? 0 : memcmp(a.at, b.at, n);
    return d != 0 ? d : a.len < b.len ? -1 : a.len > b.len;
}

static bool is_ordered(enum filter_op op, const struct filter_value *want, const struct seen *v)
{
    struct str text;
    struct decimal number;
    int d;
    if (want->type == FILTER_NUMBER && number_of(v, &number)) {
        d = decimal_compare(&number, &want->number);
    } else if (want->type == FILTER_STRING && text_of(v, &text)) {
        d = compare_texts(text, want->text);
    } else {
        return false;
    }
    return op == FILTER_GT ? d > 0 : op == FILTER_GTE ? d >= 0 : op == FILTER_LT ? d < 0 : d <= 0;
}

/* One value, or each of a list. */
static const struct filter_value *choices_of(const struct filter_value *v, size_t *n)
{
    *n = v->type == FILTER_LIST ? v->n : 1;
    return v->type == FILTER_LIST ? v->items : v;
}

static bool is_in(struct route_subject *s, const struct filter_value *want, const struct seen *v)
{
    struct str text;
    if (want->type == FILTER_STRING) { /* a text in a text */
        return text_of(v, &text) && charge(s, text.len / 64) &&
               (want->text.len == 0 ||
                (text.len > 0 && memmem(text.at, text.len, want->text.at, want->text.len) != NULL));
    }
    for (size_t i = 0; i < want->n; i++) {
        if (same(s, &want->items[i], v)) {
            return true;
        }
    }
    return false;
}

static bool globs(struct route_subject *s, struct str pattern, struct str text)
{
    if (text.len > REGEX_SUBJECT) {
        s->limit_met = true;
        return false;
    }
    return charge(s, text.len / 64) && text_glob(pattern, text);
}

static bool matches_text(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    struct str text;
    size_t n;
    const struct filter_value *c = choices_of(&f->value, &n);
    for (size_t i = 0; text_of(v, &text) && i < n; i++) {
        if (f->op == FILTER_STARTS ? str_starts(text, c[i].text)
            : f->op == FILTER_ENDS ? str_ends(text, c[i].text)
                                   : globs(s, c[i].text, text)) {
            return true;
        }
    }
    return false;
}

static bool matches_regex(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    struct str text;
    for (size_t i = 0; text_of(v, &text) && i < f->regex_count; i++) {
        enum regex_verdict verdict =
            regex_match(f->regexes[i], &s->scratch, text, v->kind == SEEN_JSON);
        s->limit_met = s->limit_met || verdict == REGEX_LIMIT;
        if (verdict != REGEX_NO || !charge(s, 16 + text.len)) {
            return verdict == REGEX_YES;
        }
    }
    return false;
}

static bool test_one(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    switch (f->op) {
    case FILTER_EQ:
        return same(s, &f->value, v);
    case FILTER_IN:
        return is_in(s, &f->value, v);
    case FILTER_REGEX:
        return matches_regex(s, f, v);
    case FILTER_STARTS:
    case FILTER_ENDS:
    case FILTER_GLOBS:
        return matches_text(s, f, v);
    case FILTER_GT:
    case FILTER_GTE:
    case FILTER_LT:
    case FILTER_LTE:
        return is_ordered(f->op, &f->value, v);
    default:
        return false;
    }
}

/* --- parts */

static bool holds(struct route_subject *s, const struct filter *f, const struct seen *v);

static bool holds_as(struct route_subject *s, const struct filter *f, enum filter_op op,
                     const struct seen *v)
{
    struct filter other = *f;
    other.op = op;
    return holds(s, &other, v);
}

static bool holds_test(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    if (f->op == FILTER_EXIST) {
        return (v->kind != SEEN_MISSING) == f->value.yes;
    }
    if (v->kind == SEEN_MISSING) {
        return false;
    }
    if (f->op == FILTER_NEQ || f->op == FILTER_NIN) {
        return !holds_as(s, f, f->op == FILTER_NEQ ? FILTER_EQ : FILTER_IN, v);
    }
    bool of_whole = f->op == FILTER_EQ && f->value.type == FILTER_LIST;
    if (!is_list(v) || of_whole) {
        return test_one(s, f, v);
    }
    struct elements e = elements_of(s, v);
    struct seen element;
    while (next_element(s, &e, &element)) {
        if (holds_test(s, f, &element)) {
            return true;
        }
    }
    return false;
}

/* Of an array such parts ask about the array, all others about one and the same element of it. */
static bool asks_about_whole(const struct filter *f)
{
    return f->part == FILTER_NOT ||
           (f->part == FILTER_TEST &&
            (f->op == FILTER_EXIST || f->op == FILTER_NEQ || f->op == FILTER_NIN ||
             (f->op == FILTER_EQ && f->value.type == FILTER_LIST)));
}

static bool holds_for_element(struct route_subject *s, const struct filter *f,
                              const struct seen *list);

/* The parts that ask about an element, or, of what is no array, all. */
static bool holds_parts(struct route_subject *s, const struct filter *f, const struct seen *v,
                        bool is_element)
{
    if (is_list(v)) {
        return holds_for_element(s, f, v);
    }
    for (size_t i = 0; i < f->n; i++) {
        bool skipped = is_element && asks_about_whole(&f->parts[i]);
        if (!skipped && !holds(s, &f->parts[i], v)) {
            return false;
        }
    }
    /* {}: any object */
    return f->n > 0 || v->kind == SEEN_REQUEST || v->kind == SEEN_NAMES ||
           (v->kind == SEEN_JSON && yyjson_is_obj(v->json));
}

static bool holds_for_element(struct route_subject *s, const struct filter *f,
                              const struct seen *list)
{
    struct elements e = elements_of(s, list);
    struct seen element;
    while (next_element(s, &e, &element)) {
        if (holds_parts(s, f, &element, true)) {
            return true;
        }
    }
    return false;
}

static bool holds_all(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    if (!is_list(v)) {
        return holds_parts(s, f, v, false);
    }
    size_t whole = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (asks_about_whole(&f->parts[i])) {
            if (!holds(s, &f->parts[i], v)) {
                return false;
            }
            whole++;
        }
    }
    return (f->n > 0 && whole == f->n) || holds_for_element(s, f, v);
}

static bool holds_any(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    for (size_t i = 0; i < f->n && !s->limit_met; i++) {
        if (holds(s, &f->parts[i], v)) {
            return true;
        }
    }
    return false;
}

static bool contains(struct route_subject *s, const struct filter *f, const struct seen *list)
{
    struct elements e = elements_of(s, list);
    struct seen element;
    while (next_element(s, &e, &element)) {
        if (holds(s, f, &element)) {
            return true;
        }
    }
    return false;
}

static bool contains_all(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    bool good = is_list(v);
    for (size_t i = 0; good && i < f->n; i++) {
        good = contains(s, &f->parts[i], v);
    }
    return good;
}

static struct seen see_part(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    return f->part == FILTER_ROOM ? see_room(s, f->room) : see_field(s, v, f->name);
}

static bool holds(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    struct seen inner;
    if (!charge(s, 1)) {
        return false;
    }
    switch (f->part) {
    case FILTER_ALL:
        return holds_all(s, f, v);
    case FILTER_ANY:
        return holds_any(s, f, v);
    case FILTER_NOT:
        return v->kind != SEEN_MISSING && !holds(s, &f->parts[0], v);
    case FILTER_CONTAINS:
        return contains_all(s, f, v);
    case FILTER_TEST:
        return holds_test(s, f, v);
    case FILTER_ROOM:
        break;
    case FILTER_FIELD:
        if (v->kind != SEEN_NAMES && !(v->kind == SEEN_JSON && yyjson_is_obj(v->json))) {
            return false;
        }
        break;
    }
    inner = see_part(s, f, v);
    return holds(s, &f->parts[0], &inner);
}

static const struct seen whole_request = {.kind = SEEN_REQUEST};

bool filter_holds(const struct filter *f, struct route_subject *s)
{
    s->limit_met = false;
    return holds(s, f, &whole_request) && !s->limit_met;
}

bool filter_looks_at(const struct filter *f, enum filter_room room)
{
    if (f->part == FILTER_ROOM) {
        return f->room == room;
    }
    for (size_t i = 0; i < f->n; i++) {
        if (filter_looks_at(&f->parts[i], room)) {
            return true;
        }
    }
    return false;
}

/* --- what an index may go by */

/* Texts of which it must be one. */
static bool wants_one_of(const struct filter *f, struct filter_key *k)
{
    for (size_t i = 0; f->part == FILTER_ALL && i < f->n; i++) {
        if (wants_one_of(&f->parts[i], k)) {
            return true;
        }
    }
    bool list = f->value.type == FILTER_LIST;
    if (f->part != FILTER_TEST || !(f->op == FILTER_EQ || f->op == FILTER_IN) ||
        (f->op == FILTER_EQ) == list) {
        return false;
    }
    k->values = choices_of(&f->value, &k->n);
    for (size_t i = 0; i < k->n; i++) {
        if (k->values[i].type != FILTER_STRING) {
            return false;
        }
    }
    return true;
}

static size_t find_keys(const struct filter *f, struct filter_key *so_far, struct filter_key *out,
                        size_t most)
{
    size_t n = 0;
    struct filter_key k = *so_far;
    if (so_far->room != FILTER_ROOMS && most > 0 &&
        (so_far->depth > 0 || so_far->room == FILTER_EVENT) && wants_one_of(f, &k)) {
        out[n++] = k;
    }
    for (size_t i = 0; f->part == FILTER_ALL && i < f->n; i++) {
        const struct filter *part = &f->parts[i];
        k = *so_far;
        if (part->part == FILTER_ROOM && (part->room == FILTER_BODY || part->room == FILTER_EVENT ||
                                          part->room == FILTER_HEADERS)) {
            k.room = part->room;
            n += find_keys(&part->parts[0], &k, out + n, most - n);
        } else if (part->part == FILTER_FIELD && k.room != FILTER_QUERY &&
                   k.depth < sizeof k.names / sizeof k.names[0]) {
            k.names[k.depth++] = part->name;
            n += find_keys(&part->parts[0], &k, out + n, most - n);
        } else if (part->part == FILTER_ALL && so_far->room == FILTER_ROOMS) {
            n += find_keys(part, &k, out + n, most - n);
        }
    }
    return n;
}

size_t filter_keys(const struct filter *f, struct filter_key *out, size_t most)
{
    struct filter_key none = {.room = FILTER_ROOMS};
    return find_keys(f, &none, out, most);
}

/* --- printing */

static void print_text(struct str s, struct buf *out)
{
    struct buf doubled; /* "$" is written "$$" */
    buf_init(&doubled, 2 * s.len + 1);
    for (size_t i = 0; i < s.len; i++) {
        buf_add(&doubled, "$$", s.at[i] == '$');
        buf_add_char(&doubled, s.at[i]);
    }
    buf_add_json(out, buf_str(&doubled));
    buf_done(&doubled);
}

/* Keys are not interpolated; one that begins with "$" is written "$$". */
static void print_key(struct str name, struct buf *out)
{
    struct buf whole;
    buf_init(&whole, name.len + 1);
    buf_add(&whole, "$", str_starts(name, STR("$")));
    buf_add_str(&whole, name);
    buf_add_json(out, buf_str(&whole));
    buf_add_str(out, STR(": "));
    buf_done(&whole);
}

static void print_value(const struct filter_value *v, struct buf *out)
{
    if (v->masked) {
        buf_add_str(out, STR("\"***\""));
        return;
    }
    switch (v->type) {
    case FILTER_NULL:
        buf_add_str(out, STR("null"));
        break;
    case FILTER_BOOL:
        buf_add_str(out, v->yes ? STR("true") : STR("false"));
        break;
    case FILTER_NUMBER:
        buf_add_str(out, v->text);
        break;
    case FILTER_STRING:
        print_text(v->text, out);
        break;
    case FILTER_LIST:
    case FILTER_MAP:
        buf_add_char(out, v->type == FILTER_MAP ? '{' : '[');
        for (size_t i = 0; i < v->n; i++) {
            buf_add_str(out, i == 0 ? STR_NONE : STR(", "));
            if (v->type == FILTER_MAP) {
                buf_add_json(out, v->keys[i]);
                buf_add_str(out, STR(": "));
            }
            print_value(&v->items[i], out);
        }
        buf_add_char(out, v->type == FILTER_MAP ? '}' : ']');
        break;
    }
}

static void print_parts(const struct filter *f, char open, char close, struct buf *out)
{
    buf_add_char(out, open);
    for (size_t i = 0; i < f->n; i++) {
        buf_add_str(out, i == 0 ? STR_NONE : STR(", "));
        filter_print(&f->parts[i], out);
    }
    buf_add_char(out, close);
}

void filter_print(const struct filter *f, struct buf *out)
{
    switch (f->part) {
    case FILTER_ALL:
        if (f->written) {
            buf_add_str(out, STR("$and: "));
            print_parts(f, '[', ']', out);
        } else {
            print_parts(f, '{', '}', out);
        }
        break;
    case FILTER_ANY:
        buf_add_str(out, STR("$or: "));
        print_parts(f, '[', ']', out);
        break;
    case FILTER_NOT:
        buf_add_str(out, STR("$not: "));
        filter_print(&f->parts[0], out);
        break;
    case FILTER_CONTAINS:
        print_parts(f, '[', ']', out);
        break;
    case FILTER_ROOM:
        buf_printf(out, "%s: ", room_names[f->room]);
        filter_print(&f->parts[0], out);
        break;
    case FILTER_FIELD:
        print_key(f->name, out);
        filter_print(&f->parts[0], out);
        break;
    case FILTER_TEST:
        if (f->written) {
            buf_printf(out, "%s: ", op_names[f->op]);
        }
        print_value(&f->value, out);
        break;
    }
}

/* --- why */

#define SHOWN 64    /* bytes of a text that was seen */
#define WAY_MAX 512 /* bytes of the way to it */

static struct str whole_characters(struct str s, size_t most)
{
    size_t n = s.len < most ? s.len : most;
    while (n > 0 && n < s.len && ((unsigned char)s.at[n] & 0xc0) == 0x80) {
        n--;
    }
    return str_head(s, n);
}

static void show(const struct seen *v, struct buf *out)
{
    struct str text;
    if (v->kind == SEEN_MISSING) {
        buf_add_str(out, STR("nothing is there"));
    } else if (text_of(v, &text)) {
        struct str head = whole_characters(text, SHOWN);
        buf_add_str(out, STR("it is "));
        buf_add_json(out, head);
        buf_add_str(out, head.len < text.len ? STR("...") : STR_NONE);
    } else if (v->kind != SEEN_JSON) {
        buf_add_str(out, STR("it is there more than once"));
    } else if (yyjson_is_arr(v->json)) {
        buf_printf(out, "it is a list of %zu", yyjson_arr_size(v->json));
    } else if (yyjson_is_obj(v->json)) {
        buf_printf(out, "it is an object with %zu fields", yyjson_obj_size(v->json));
    } else if (yyjson_is_raw(v->json)) {
        struct str raw = {yyjson_get_raw(v->json), yyjson_get_len(v->json)};
        buf_printf(out, "it is %.*s%s", STR_ARG(str_head(raw, SHOWN)),
                   raw.len > SHOWN ? "..." : "");
    } else {
        buf_printf(out, "it is %s",
                   yyjson_is_null(v->json)    ? "null"
                   : yyjson_get_bool(v->json) ? "true"
                                              : "false");
    }
}

static void explain_leaf(const struct filter *f, const struct seen *v, const struct buf *path,
                         struct buf *out)
{
    struct buf wanted;
    buf_init(&wanted, 64 * 1024);
    filter_print(f, &wanted);
    struct str text = buf_str(&wanted), head = whole_characters(text, 2 * SHOWN);
    buf_printf(out, "%.*s: %.*s%s; ", STR_ARG(buf_str(path)), STR_ARG(head),
               head.len < text.len ? "..." : "");
    show(v, out);
    buf_done(&wanted);
}

static void explain(struct route_subject *s, const struct filter *f, const struct seen *v,
                    struct buf *path, struct buf *out);

/* The part that failed; where none did, the last one. */
static void explain_part(struct route_subject *s, const struct filter *f, const struct seen *v,
                         bool want, struct buf *path, struct buf *out)
{
    size_t i = 0;
    while (i + 1 < f->n && holds(s, &f->parts[i], v) != want) {
        i++;
    }
    explain(s, &f->parts[i], v, path, out);
}

/* Of an array: the element that made it hold; else the array. */
static void explain_list(struct route_subject *s, const struct filter *f, const struct seen *v,
                         struct buf *path, struct buf *out)
{
    struct elements e = elements_of(s, v);
    struct seen element;
    for (size_t i = 0; next_element(s, &e, &element); i++) {
        if (holds(s, f, &element)) {
            buf_printf(path, "[%zu]", i);
            explain(s, f, &element, path, out);
            return;
        }
    }
    explain_leaf(f, v, path, out);
}

static void explain_inner(struct route_subject *s, const struct filter *f, const struct seen *v,
                          struct buf *path, struct buf *out)
{
    struct seen inner = see_part(s, f, v);
    if (path->len > 0) {
        buf_add_char(path, '.');
    }
    buf_add_str(path, f->part == FILTER_ROOM ? str_of(room_names[f->room]) : f->name);
    explain(s, &f->parts[0], &inner, path, out);
}

static void explain(struct route_subject *s, const struct filter *f, const struct seen *v,
                    struct buf *path, struct buf *out)
{
    if (f->part == FILTER_ROOM || f->part == FILTER_FIELD) {
        explain_inner(s, f, v, path, out);
    } else if (f->part == FILTER_ALL && f->n > 0 && is_list(v)) {
        explain_list(s, f, v, path, out);
    } else if (f->part == FILTER_ALL && f->n > 0) {
        explain_part(s, f, v, false, path, out);
    } else if (f->part == FILTER_ANY && holds(s, f, v)) {
        explain_part(s, f, v, true, path, out);
    } else if (f->part == FILTER_ANY && f->n > 1) {
        buf_printf(out, "%.*s: none of the %zu under $or; ", STR_ARG(buf_str(path)), f->n);
        show(v, out);
    } else if (f->part == FILTER_NOT || f->part == FILTER_ANY) {
        buf_add_str(out, f->part == FILTER_NOT ? STR("$not ") : STR_NONE);
        explain(s, &f->parts[0], v, path, out);
    } else {
        explain_leaf(f, v, path, out);
    }
}

void filter_explain(const struct filter *f, struct route_subject *s, struct buf *out)
{
    struct buf path;
    buf_init(&path, WAY_MAX);
    s->limit_met = false;
    explain(s, f, &whole_request, &path, out);
    if (s->limit_met) {
        buf_add_str(out, STR(" (a limit was met)"));
    }
    buf_done(&path);
}
