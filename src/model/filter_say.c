/* Filters in words: as they are written, and why one holds or does not. */
#include "model/filter_parts.h"

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

/* --- printing */

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

static void print_value(const struct filter_value *v, bool masked, struct buf *out)
{
    if (v->masked && masked) {
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
        conf_print_quoted(v->text, out);
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
            print_value(&v->items[i], masked, out);
        }
        buf_add_char(out, v->type == FILTER_MAP ? '}' : ']');
        break;
    }
}

static void print_parts(const struct filter *f, bool masked, char open, char close, struct buf *out)
{
    buf_add_char(out, open);
    for (size_t i = 0; i < f->n; i++) {
        buf_add_str(out, i == 0 ? STR_NONE : STR(", "));
        filter_print(&f->parts[i], masked, out);
    }
    buf_add_char(out, close);
}

void filter_print(const struct filter *f, bool masked, struct buf *out)
{
    switch (f->part) {
    case FILTER_ALL:
        if (f->written) {
            buf_add_str(out, STR("$and: "));
            print_parts(f, masked, '[', ']', out);
        } else {
            print_parts(f, masked, '{', '}', out);
        }
        break;
    case FILTER_ANY:
        buf_add_str(out, STR("$or: "));
        print_parts(f, masked, '[', ']', out);
        break;
    case FILTER_NOT:
        buf_add_str(out, STR("$not: "));
        filter_print(&f->parts[0], masked, out);
        break;
    case FILTER_CONTAINS:
        print_parts(f, masked, '[', ']', out);
        break;
    case FILTER_ROOM:
        buf_printf(out, "%s: ", room_names[f->room]);
        filter_print(&f->parts[0], masked, out);
        break;
    case FILTER_FIELD:
        print_key(f->name, out);
        filter_print(&f->parts[0], masked, out);
        break;
    case FILTER_TEST:
        if (f->written) {
            buf_printf(out, "%s: ", op_names[f->op]);
        }
        print_value(&f->value, masked, out);
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
    } else if (seen_text(v, &text)) {
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

static bool is_masked(const struct filter_value *v)
{
    bool found = v->masked;
    for (size_t i = 0; i < v->n && !found; i++) {
        found = is_masked(&v->items[i]);
    }
    return found;
}

/* Is it compared with what came from outside of the file? What it is may be the same. */
static bool hides(const struct filter *f)
{
    bool found = f->part == FILTER_TEST && is_masked(&f->value);
    for (size_t i = 0; i < f->n && !found; i++) {
        found = hides(&f->parts[i]);
    }
    return found;
}

static void show_unless_hidden(const struct route_subject *s, const struct filter *f,
                               const struct seen *v, struct buf *out)
{
    if (v->kind != SEEN_MISSING && (s->is_hidden || hides(f))) {
        buf_add_str(out, STR("what it is is not shown"));
    } else {
        show(v, out);
    }
}

static void explain_leaf(const struct route_subject *s, const struct filter *f,
                         const struct seen *v, const struct buf *path, struct buf *out)
{
    struct buf wanted;
    buf_init(&wanted, 64 * 1024);
    filter_print(f, true, &wanted);
    struct str text = buf_str(&wanted), head = whole_characters(text, 2 * SHOWN);
    buf_printf(out, "%.*s: %.*s%s; ", STR_ARG(buf_str(path)), STR_ARG(head),
               head.len < text.len ? "..." : "");
    show_unless_hidden(s, f, v, out);
    buf_done(&wanted);
}

static void explain(struct route_subject *s, const struct filter *f, const struct seen *v,
                    struct buf *path, struct buf *out);

/* The part that failed; where none did, the last one. */
static void explain_part(struct route_subject *s, const struct filter *f, const struct seen *v,
                         bool want, struct buf *path, struct buf *out)
{
    size_t i = 0;
    while (i + 1 < f->n && filter_part_holds(s, &f->parts[i], v) != want) {
        i++;
    }
    explain(s, &f->parts[i], v, path, out);
}

/* Of an array: the element that made it hold; else the array. */
static void explain_list(struct route_subject *s, const struct filter *f, const struct seen *v,
                         struct buf *path, struct buf *out)
{
    struct elements e = seen_elements(s, v);
    struct seen element;
    for (size_t i = 0; seen_next(s, &e, &element); i++) {
        if (filter_part_holds(s, f, &element)) {
            buf_printf(path, "[%zu]", i);
            explain(s, f, &element, path, out);
            return;
        }
    }
    explain_leaf(s, f, v, path, out);
}

/* Of an array what asks about it as a whole comes first. False: all of that holds, and there is
 * more. */
static bool explain_whole(struct route_subject *s, const struct filter *f, const struct seen *v,
                          struct buf *path, struct buf *out)
{
    bool of_element = false;
    const struct filter *failing = filter_failing_whole(f, s, v, &of_element);
    if (failing != NULL || !of_element) {
        explain(s, failing != NULL ? failing : &f->parts[f->n - 1], v, path, out);
    }
    return failing != NULL || !of_element;
}

static void explain_inner(struct route_subject *s, const struct filter *f, const struct seen *v,
                          struct buf *path, struct buf *out)
{
    struct seen inner = seen_part(s, f, v);
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
    } else if (f->part == FILTER_ALL && f->n > 0 && seen_is_list(v)) {
        if (!explain_whole(s, f, v, path, out)) {
            explain_list(s, f, v, path, out);
        }
    } else if (f->part == FILTER_ALL && f->n > 0) {
        explain_part(s, f, v, false, path, out);
    } else if (f->part == FILTER_ANY && filter_part_holds(s, f, v)) {
        explain_part(s, f, v, true, path, out);
    } else if (f->part == FILTER_ANY && f->n > 1) {
        buf_printf(out, "%.*s: none of the %zu under $or; ", STR_ARG(buf_str(path)), f->n);
        show_unless_hidden(s, f, v, out);
    } else if (f->part == FILTER_NOT || f->part == FILTER_ANY) {
        buf_add_str(out, f->part == FILTER_NOT ? STR("$not ") : STR_NONE);
        explain(s, &f->parts[0], v, path, out);
    } else {
        explain_leaf(s, f, v, path, out);
    }
}

void filter_explain(const struct filter *f, struct route_subject *s, struct buf *out)
{
    struct buf path;
    buf_init(&path, WAY_MAX);
    size_t steps = s->steps;
    (void)filter_holds(f, s);
    bool limited = s->limit_met;
    s->limit_met = false;
    s->steps = steps; /* once more, for what is told */
    explain(s, f, &(struct seen){.kind = SEEN_REQUEST}, &path, out);
    if (limited || s->limit_met) {
        buf_add_str(out, STR(" (a limit was met)"));
    }
    buf_done(&path);
}
