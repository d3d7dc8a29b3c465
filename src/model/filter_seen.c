/* Values of a request, as the parts of a filter ask for them. */
#include "model/filter_parts.h"

#include <string.h>

bool filter_charge(struct route_subject *s, size_t steps)
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
    if (!filter_charge(s, n / 4)) {
        return v;
    }
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

struct seen seen_json(yyjson_val *json)
{
    return (struct seen){.kind = json == NULL ? SEEN_MISSING : SEEN_JSON,
                         .room = FILTER_BODY,
                         .json = json,
                         .arrays = yyjson_is_arr(json)};
}

static struct seen seen_room(struct route_subject *s, enum filter_room room)
{
    struct seen v = {.kind = SEEN_TEXT, .room = room};
    switch (room) {
    case FILTER_BODY:
        return seen_json(subject_body(s));
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

yyjson_val *seen_member(struct route_subject *s, yyjson_val *object, struct str name)
{
    yyjson_val *found = NULL, *key;
    if (!filter_charge(s, yyjson_obj_size(object))) {
        return NULL;
    }
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    while ((key = yyjson_obj_iter_next(&it)) != NULL) {
        struct str own = {yyjson_get_str(key), yyjson_get_len(key)};
        if (own.len == name.len && str_eq(own, name)) {
            found = yyjson_obj_iter_get_val(key);
        }
    }
    return found;
}

static struct seen seen_field(struct route_subject *s, const struct seen *v, struct str name)
{
    if (v->kind == SEEN_NAMES) {
        return see_name(s, v->room, name);
    }
    return seen_json(yyjson_is_obj(v->json) ? seen_member(s, v->json, name) : NULL);
}

struct seen seen_part(struct route_subject *s, const struct filter *f, const struct seen *v)
{
    return f->part == FILTER_ROOM ? seen_room(s, f->room) : seen_field(s, v, f->name);
}

/* --- arrays */

bool seen_is_list(const struct seen *v)
{
    return v->kind == SEEN_TEXTS || (v->kind == SEEN_JSON && yyjson_is_arr(v->json));
}

struct elements seen_elements(struct route_subject *s, const struct seen *list)
{
    struct elements e = {.of = list};
    if (list->kind == SEEN_TEXTS) {
        e.fields = fields_of(s, list->room, &e.n);
        (void)filter_charge(s, e.n / 4); /* seen_next says so */
    } else {
        e.json = yyjson_arr_iter_with(list->json);
    }
    return e;
}

bool seen_next(struct route_subject *s, struct elements *e, struct seen *out)
{
    if (!filter_charge(s, 1)) {
        return false;
    }
    if (e->of->kind == SEEN_JSON) {
        *out = seen_json(yyjson_arr_iter_next(&e->json));
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

/* --- single values */

bool seen_text(const struct seen *v, struct str *out)
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

bool seen_number(struct route_subject *s, const struct seen *v, struct decimal *out)
{
    struct str text = v->text;
    if (v->kind == SEEN_JSON) {
        if (!yyjson_is_raw(v->json)) {
            return false;
        }
        text = (struct str){yyjson_get_raw(v->json), yyjson_get_len(v->json)};
    }
    return filter_charge(s, text.len / 16) && decimal_read(text, out);
}
