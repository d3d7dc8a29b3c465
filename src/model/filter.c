/* Filters at work: does it hold? */
#include "model/filter_parts.h"

#include <string.h>

#define CHEAP 8 /* comparisons of two texts, most of which differ in length, are one step */

/* --- operators, of one value that is no array */

static bool same(struct route_subject *s, const struct filter_value *want, const struct seen *v);

static bool same_list(struct route_subject *s, const struct filter_value *want, yyjson_val *json)
{
    yyjson_val *element;
    size_t i = 0;
    yyjson_arr_iter it = yyjson_arr_iter_with(json);
    bool good = yyjson_is_arr(json) && yyjson_arr_size(json) == want->n;
    while (good && (element = yyjson_arr_iter_next(&it)) != NULL) {
        const struct seen v = seen_json(element);
        good = filter_charge(s, 1) && same(s, &want->items[i++], &v);
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
    bool good = yyjson_is_obj(json) && filter_charge(s, yyjson_obj_size(json) * (want->n + 1));
    for (size_t i = 0; good && i < want->n; i++) {
        const struct seen v = seen_json(seen_member(s, json, want->keys[i]));
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
        return seen_number(s, v, &number) && decimal_compare(&number, &want->number) == 0;
    case FILTER_STRING:
        return seen_text(v, &text) && str_eq(text, want->text);
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

static bool is_ordered(struct route_subject *s, enum filter_op op, const struct filter_value *want,
                       const struct seen *v)
{
    struct str text;
    struct decimal number;
    int d;
    if (want->type == FILTER_NUMBER && seen_number(s, v, &number)) {
        d = decimal_compare(&number, &want->number);
    } else if (want->type == FILTER_STRING && seen_text(v, &text)) {
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
        return seen_text(v, &text) && filter_charge(s, text.len / 64) &&
               (want->text.len == 0 ||
                (text.len > 0 && memmem(text.at, text.len, want->text.at, want->text.len) != NULL));
    }
    bool good = filter_charge(s, want->n / CHEAP);
    for (size_t i = 0; good && !s->limit_met && i < want->n; i++) {
        if (same(s, &want->items[i], v)) {
            return true;
        }
    }
    return false;
}

static bool globs(struct route_subject *s, struct str pattern, struct str text)
{
    if (text.len > FILTER_GLOB_SUBJECT) {
        s->limit_met = true;
        return false;
    }
    return filter_charge(s, text.len * (1 + pattern.len) / 64) && text_glob(pattern, text);
}

static bool matches_text(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    struct str text;
    size_t n;
    const struct filter_value *c = choices_of(&f->value, &n);
    bool good = seen_text(v, &text) && filter_charge(s, n / CHEAP);
    for (size_t i = 0; good && i < n; i++) {
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
    for (size_t i = 0; seen_text(v, &text) && i < f->regex_count; i++) {
        enum regex_verdict verdict =
            regex_match(f->regexes[i], &s->scratch, text, v->kind == SEEN_JSON);
        s->limit_met = s->limit_met || verdict == REGEX_LIMIT;
        if (!filter_charge(s, 16 + regex_cost(s->scratch)) || verdict != REGEX_NO) {
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
        return is_ordered(s, f->op, &f->value, v);
    default:
        return false;
    }
}

/* --- parts */

static bool holds_as(struct route_subject *s, const struct filter *f, enum filter_op op,
                     const struct seen *v)
{
    struct filter other = *f;
    other.op = op;
    return filter_part_holds(s, &other, v);
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
    if (!seen_is_list(v) || of_whole) {
        return test_one(s, f, v);
    }
    struct elements e = seen_elements(s, v);
    struct seen element;
    while (seen_next(s, &e, &element)) {
        if (holds_test(s, f, &element)) {
            return true;
        }
    }
    return false;
}

static bool holds_for_element(struct route_subject *s, const struct filter *f,
                              const struct seen *list);

/* The parts that ask about an element, or, of what is no array, all. */
static bool holds_parts(struct route_subject *s, const struct filter *f, const struct seen *v,
                        bool is_element)
{
    if (seen_is_list(v)) {
        return holds_for_element(s, f, v);
    }
    for (size_t i = 0; i < f->n; i++) {
        const struct filter *part = &f->parts[i];
        bool joins = is_element && part->of_whole && part->part == FILTER_ALL;
        bool skipped = is_element && part->of_whole && !joins;
        if (!skipped && !(joins ? holds_parts(s, part, v, true) : filter_part_holds(s, part, v))) {
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
    struct elements e = seen_elements(s, list);
    struct seen element;
    while (seen_next(s, &e, &element)) {
        if (holds_parts(s, f, &element, true)) {
            return true;
        }
    }
    return false;
}

const struct filter *filter_failing_whole(const struct filter *f, struct route_subject *s,
                                          const struct seen *list, bool *of_element)
{
    const struct filter *failing = NULL;
    *of_element = *of_element || f->n == 0;
    for (size_t i = 0; i < f->n && failing == NULL; i++) {
        const struct filter *part = &f->parts[i];
        if (!part->of_whole) {
            *of_element = true;
        } else if (part->part == FILTER_ALL) {
            failing = filter_failing_whole(part, s, list, of_element);
        } else if (!filter_part_holds(s, part, list)) {
            failing = part;
        }
    }
    return failing;
}

static bool holds_all(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    bool of_element = false;
    return !seen_is_list(v) ? holds_parts(s, f, v, false)
                            : filter_failing_whole(f, s, v, &of_element) == NULL &&
                                  (!of_element || holds_for_element(s, f, v));
}

static bool holds_any(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    for (size_t i = 0; i < f->n && !s->limit_met; i++) {
        if (filter_part_holds(s, &f->parts[i], v)) {
            return true;
        }
    }
    return false;
}

static bool contains(struct route_subject *s, const struct filter *f, const struct seen *list)
{
    struct elements e = seen_elements(s, list);
    struct seen element;
    while (seen_next(s, &e, &element)) {
        if (filter_part_holds(s, f, &element)) {
            return true;
        }
    }
    return false;
}

static bool contains_all(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    bool good = seen_is_list(v);
    for (size_t i = 0; good && i < f->n; i++) {
        good = contains(s, &f->parts[i], v);
    }
    return good;
}

bool filter_part_holds(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    struct seen inner;
    if (!filter_charge(s, 1)) {
        return false;
    }
    switch (f->part) {
    case FILTER_ALL:
        return holds_all(s, f, v);
    case FILTER_ANY:
        return holds_any(s, f, v);
    case FILTER_NOT:
        return v->kind != SEEN_MISSING && !filter_part_holds(s, &f->parts[0], v);
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
    inner = seen_part(s, f, v);
    return filter_part_holds(s, &f->parts[0], &inner);
}

bool filter_holds(const struct filter *f, struct route_subject *s)
{
    s->limit_met = false;
    return filter_part_holds(s, f, &(struct seen){.kind = SEEN_REQUEST}) && !s->limit_met;
}

/* --- what an index may go by */

/* Texts or numbers of which it must be one. */
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
        if (k->values[i].type != FILTER_STRING && k->values[i].type != FILTER_NUMBER) {
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
