/* Filters from the file: each misuse that would never match is refused, with its place. */
#include "model/conf_rows.h"
#include "model/filter.h"

#include <string.h>

/* What the filter is asked about, at this depth of it. */
enum at { AT_REQUEST, AT_NAMES, AT_TEXT, AT_JSON };

struct compiler {
    struct conf_reader *r;
    const struct node *whole;
    size_t nodes;
    bool is_full; /* said once */
};

enum takes { TAKES_ANY, TAKES_ORDERED, TAKES_CHOICE, TAKES_TEXTS, TAKES_BOOL };

/* An operator is a row here, and a case in filter.c. */
static const struct {
    enum takes takes;
    const char *what; /* for messages */
} ops[FILTER_OPS] = {
    [FILTER_EQ] = {TAKES_ANY, "a value"},
    [FILTER_NEQ] = {TAKES_ANY, "a value"},
    [FILTER_GT] = {TAKES_ORDERED, "a number or a text"},
    [FILTER_GTE] = {TAKES_ORDERED, "a number or a text"},
    [FILTER_LT] = {TAKES_ORDERED, "a number or a text"},
    [FILTER_LTE] = {TAKES_ORDERED, "a number or a text"},
    [FILTER_IN] = {TAKES_CHOICE, "a list of values, or a text that is looked for in the text"},
    [FILTER_NIN] = {TAKES_CHOICE, "a list of values, or a text that is looked for in the text"},
    [FILTER_STARTS] = {TAKES_TEXTS, "a text, or a list of texts"},
    [FILTER_ENDS] = {TAKES_TEXTS, "a text, or a list of texts"},
    [FILTER_EXIST] = {TAKES_BOOL, "true or false"},
    [FILTER_REGEX] = {TAKES_TEXTS, "a regular expression, or a list of them"},
    [FILTER_GLOBS] = {TAKES_TEXTS, "a text with * and ?, or a list of them"},
};

static bool compile(struct compiler *c, const struct node *n, enum at at, unsigned depth,
                    struct filter *out);

/* False: there is too much of it, which is said once. */
static bool counts(struct compiler *c, unsigned depth)
{
    c->nodes++;
    bool full = c->nodes > FILTER_NODES, deep = depth > FILTER_DEPTH;
    if ((full || deep) && !c->is_full) {
        report_error(c->r->report, &c->whole->place,
                     full ? "a filter has at most 4096 fields, operators and values"
                          : "a filter is nested at most 32 deep");
        c->is_full = true;
    }
    return !c->is_full;
}

/* --- values */

static bool takes_no_more_than(struct compiler *c, const struct node *n, struct str text,
                               size_t most)
{
    if (text.len > most) {
        report_error(c->r->report, &n->place, "a text in a filter has at most %zu bytes", most);
    }
    return text.len <= most;
}

/* Unquoted, what JSON takes for a number, true, false or null is that; anything else is text. */
static void type_scalar(struct filter_value *v, bool plain)
{
    v->type = FILTER_STRING;
    if (!plain) {
        return;
    }
    if (str_eq(v->text, STR("null")) || str_eq(v->text, STR("~"))) {
        v->type = FILTER_NULL;
    } else if (str_eq(v->text, STR("true")) || str_eq(v->text, STR("false"))) {
        v->type = FILTER_BOOL;
        v->yes = v->text.len == 4;
    } else if (decimal_read(v->text, &v->number)) {
        v->type = FILTER_NUMBER;
    }
}

static bool read_scalar(struct compiler *c, const char *key, const struct node *n,
                        struct filter_value *out)
{
    struct conf_masked t;
    if (!counts(c, 0) || !conf_read_masked(c->r, key, n, &t) ||
        !takes_no_more_than(c, n, t.text, FILTER_TEXT)) {
        return false;
    }
    out->text = t.text;
    out->masked = conf_is_masked(&t);
    type_scalar(out, n->plain);
    return true;
}

static bool read_value(struct compiler *c, const char *key, const struct node *n, unsigned depth,
                       struct filter_value *out)
{
    if (n->kind == NODE_TEXT) {
        return read_scalar(c, key, n, out);
    }
    if (!counts(c, depth)) {
        return false;
    }
    out->type = n->kind == NODE_LIST ? FILTER_LIST : FILTER_MAP;
    out->n = n->n;
    out->items = arena_array(c->r->arena, n->n, sizeof *out->items);
    out->keys = arena_array(c->r->arena, n->kind == NODE_MAP ? n->n : 0, sizeof *out->keys);
    bool good = true;
    for (size_t i = 0; good && i < n->n; i++) {
        if (n->kind == NODE_MAP) {
            out->keys[i] = n->pairs[i].key->text;
        }
        good = read_value(c, key, n->kind == NODE_MAP ? n->pairs[i].value : n->items[i], depth + 1,
                          &out->items[i]);
    }
    return good;
}

/* Texts of the request are compared with what is written, whatever JSON would take it for. */
static void as_text(struct filter_value *v, bool keep_number)
{
    for (size_t i = 0; v->type == FILTER_LIST && i < v->n; i++) {
        as_text(&v->items[i], keep_number);
    }
    if (v->type == FILTER_NULL || v->type == FILTER_BOOL ||
        (v->type == FILTER_NUMBER && !keep_number)) {
        v->type = FILTER_STRING;
    }
}

static bool all_are(const struct filter_value *v, enum filter_type type)
{
    for (size_t i = 0; v->type == FILTER_LIST && i < v->n; i++) {
        if (v->items[i].type != type) {
            return false;
        }
    }
    return v->type == FILTER_LIST ? v->n > 0 : v->type == type;
}

static bool has_nested(const struct filter_value *v)
{
    for (size_t i = 0; i < v->n; i++) {
        if (v->items[i].type == FILTER_LIST || v->items[i].type == FILTER_MAP) {
            return true;
        }
    }
    return v->n == 0;
}

static bool is_taken(enum takes takes, const struct filter_value *v)
{
    switch (takes) {
    case TAKES_ORDERED:
        return v->type == FILTER_NUMBER || v->type == FILTER_STRING;
    case TAKES_CHOICE:
        return v->type == FILTER_STRING || (v->type == FILTER_LIST && !has_nested(v));
    case TAKES_TEXTS:
        return all_are(v, FILTER_STRING);
    case TAKES_BOOL:
        return v->type == FILTER_BOOL;
    case TAKES_ANY:
        break;
    }
    return true;
}

static const char *value_name(const struct filter_value *v, enum takes takes)
{
    switch (v->type) {
    case FILTER_NULL:
        return "null";
    case FILTER_BOOL:
        return "true or false";
    case FILTER_NUMBER:
        return "a number";
    case FILTER_STRING:
        return "a text";
    case FILTER_LIST:
        return v->n == 0                                       ? "an empty list"
               : takes == TAKES_ORDERED || takes == TAKES_BOOL ? "a list"
               : has_nested(v)                                 ? "a list of lists or mappings"
                                                               : "such a list";
    case FILTER_MAP:
        return "a mapping";
    }
    return "that";
}

static bool has_null(const struct filter_value *v)
{
    bool found = v->type == FILTER_NULL;
    for (size_t i = 0; i < v->n && !found; i++) {
        found = has_null(&v->items[i]);
    }
    return found;
}

static bool never_null(struct compiler *c, const struct node *n)
{
    report_error(c->r->report, &n->place, "a text is never null");
    report_help(c->r->report, "if it must be missing, write { $exist: false }");
    return false;
}

/* --- operators */

/* "/^refs/", as other languages write it: nothing comes before the beginning. */
static void warn_of_slashes(struct compiler *c, const struct node *n)
{
    struct str s = n->text;
    bool opens = str_starts(s, STR("/^")), closes = str_ends(s, STR("$/"));
    bool escaped = str_ends(s, STR("\\$/"));
    if (!opens && (!closes || escaped)) {
        return;
    }
    s = str_from(s, str_starts(s, STR("/")));
    s = str_head(s, s.len - str_ends(s, STR("/")));
    report_warning(c->r->report, &n->place, "\"$regex\" never matches: the slashes are part of it");
    report_help(c->r->report, "write it without them: '%.*s'", STR_ARG(report_shown(s)));
}

static bool compile_regexes(struct compiler *c, const struct node *n, struct filter *out)
{
    bool list = out->value.type == FILTER_LIST;
    size_t count = list ? out->value.n : 1;
    out->regexes = arena_array(c->r->arena, count, sizeof(struct regex *));
    out->next_regex = c->r->regexes; /* to be freed from now on */
    c->r->regexes = out;
    for (size_t i = 0; i < count; i++) {
        char why[256];
        size_t at;
        const struct node *where = list ? n->items[i] : n;
        struct str text = list ? out->value.items[i].text : out->value.text;
        const char *wrong = regex_new(&out->regexes[i], text, why, &at);
        out->regex_count = i + 1;
        if (wrong != NULL) {
            report_error(c->r->report, &where->place, "\"$regex\": %s, at character %zu", wrong,
                         at + 1);
            report_help(c->r->report, "%s",
                        str_has(where->text, '\\')
                            ? "in single quotes a backslash is written as it is"
                            : "for a character itself write a backslash before it, such as '\\('");
            return false;
        }
        warn_of_slashes(c, where);
        c->r->regex_bytes += regex_bytes(out->regexes[i]);
        if (c->r->regex_bytes > FILTER_REGEXES) {
            report_error(c->r->report, &where->place,
                         "the regular expressions are too many, or too large: compiled they take "
                         "512 KiB at most");
            return false;
        }
    }
    return true;
}

static bool check_globs(struct compiler *c, const struct node *n, const struct filter_value *v)
{
    bool good = true;
    for (size_t i = 0; v->type == FILTER_LIST && i < v->n; i++) {
        good = good && takes_no_more_than(c, n->items[i], v->items[i].text, FILTER_GLOB);
    }
    return good && (v->type == FILTER_LIST || takes_no_more_than(c, n, v->text, FILTER_GLOB));
}

static void refuse_value(struct compiler *c, const struct node *n, enum filter_op op,
                         const struct filter_value *v)
{
    enum takes takes = ops[op].takes;
    const char *name = filter_op_name(op);
    report_error(c->r->report, &n->place, "\"%s\" takes %s, not %s", name, ops[op].what,
                 value_name(v, takes));
    if (takes == TAKES_BOOL) {
        report_help(c->r->report,
                    "unquoted true: it must be there, whatever it is; false: it must be missing");
    } else if (takes == TAKES_ORDERED && v->type == FILTER_LIST) {
        report_help(c->r->report, "a range is written { $gte: 5, $lt: 10 }");
    } else if (takes == TAKES_CHOICE && n->kind == NODE_TEXT) {
        report_help(c->r->report, "%s: [%.*s]", name, STR_ARG(report_shown(n->text)));
    }
}

static bool compile_op(struct compiler *c, const struct node_pair *pair, enum filter_op op,
                       enum at at, unsigned depth, struct filter *out)
{
    const struct node *n = pair->value;
    const char *name = filter_op_name(op);
    *out =
        (struct filter){.part = FILTER_TEST, .op = op, .written = true, .in_text = at == AT_TEXT};
    if (!read_value(c, name, n, depth + 1, &out->value)) {
        return false;
    }
    enum takes takes = ops[op].takes;
    if (at == AT_TEXT && has_null(&out->value)) {
        return never_null(c, n);
    }
    if (at == AT_TEXT && takes == TAKES_ORDERED) {
        conf_warn_of_slips(c->r, n); /* the only numbers there */
    }
    if (at == AT_TEXT && takes != TAKES_BOOL) {
        as_text(&out->value, takes == TAKES_ORDERED);
    } else if (takes == TAKES_TEXTS && n->kind == NODE_TEXT) {
        as_text(&out->value, false); /* $startsWith: 20 */
    }
    if (at == AT_TEXT && takes == TAKES_ANY && out->value.type != FILTER_STRING) {
        report_error(c->r->report, &n->place, "\"%s\" takes one text here, not %s", name,
                     node_kind_name(n));
        report_help(c->r->report, "for one of several write $in: [...]");
        return false;
    }
    if (!is_taken(takes, &out->value)) {
        refuse_value(c, n, op, &out->value);
        return false;
    }
    return op == FILTER_REGEX   ? compile_regexes(c, n, out)
           : op == FILTER_GLOBS ? check_globs(c, n, &out->value)
                                : true;
}

/* What other languages have, and what is written here. */
static const struct {
    const char *theirs, *help;
} ops_of_others[] = {
    {"$ge", "did you mean \"$gte\"?"},
    {"$le", "did you mean \"$lte\"?"},
    {"$all", "a list means that: tags: [a, b]"},
    {"$contains", "of a list: tags: [a]; of a text: $in: \"part\""},
    {"$elemMatch", "each element of a list is tried: items: { price: { $gt: 5 } }"},
    {"$nor", "$not: { $or: [...] }"},
    {"$like", "did you mean \"$glob\", with * and ?"},
    {"$matches", "did you mean \"$regex\"?"},
};

static bool unknown_op(struct compiler *c, const struct node *key)
{
    static const char *const joints[] = {"$or", "$and", "$not"};
    struct conf_guess g;
    if (str_eq(key->text, STR("$ref"))) {
        report_error(c->r->report, &key->place, "\"$ref\" is not available in this version");
        return false;
    }
    report_error(c->r->report, &key->place, "there is no operator \"%.*s\"",
                 STR_ARG(report_shown(key->text)));
    conf_guess_init(&g, key->text);
    for (enum filter_op op = 0; op < FILTER_OPS; op++) {
        conf_guess_try(&g, str_of(filter_op_name(op)));
    }
    for (size_t i = 0; i < sizeof joints / sizeof joints[0]; i++) {
        conf_guess_try(&g, str_of(joints[i]));
    }
    if (g.best.len == 0) {
        report_help(c->r->report, "a field of that name is written \"$%.*s\"",
                    STR_ARG(report_shown(key->text)));
    }
    conf_guess_help(&g, c->r->report);
    for (size_t i = 0; i < sizeof ops_of_others / sizeof ops_of_others[0]; i++) {
        if (str_eq(key->text, str_of(ops_of_others[i].theirs))) {
            report_help(c->r->report, "%s", ops_of_others[i].help);
        }
    }
    return false;
}

/* $or and $and: a list of filters, each about the same value. */
static bool compile_several(struct compiler *c, const struct node_pair *pair, enum filter_part part,
                            enum at at, unsigned depth, struct filter *out)
{
    const struct node *n = pair->value;
    *out = (struct filter){.part = part, .written = true};
    if (n->kind != NODE_LIST || n->n == 0) {
        report_error(c->r->report, &n->place, "\"%s\" takes a list of filters, not %s",
                     part == FILTER_ANY ? "$or" : "$and",
                     n->kind == NODE_LIST ? "an empty one" : node_kind_name(n));
        report_help(c->r->report,
                    "%s: [{ ... }, { ... }]; in lines of their own each begins with \"- \"",
                    part == FILTER_ANY ? "$or" : "$and");
        return false;
    }
    out->parts = arena_array(c->r->arena, n->n, sizeof *out->parts);
    bool good = true;
    for (size_t i = 0; i < n->n; i++) {
        good = compile(c, n->items[i], at, depth + 1, &out->parts[out->n++]) && good;
    }
    return good;
}

static bool compile_inner(struct compiler *c, const struct node *n, enum at at, unsigned depth,
                          struct filter *out)
{
    out->parts = arena_take(c->r->arena, sizeof *out->parts);
    out->n = 1;
    return compile(c, n, at, depth + 1, out->parts);
}

static bool compile_dollar(struct compiler *c, const struct node_pair *pair, enum at at,
                           unsigned depth, struct filter *out)
{
    struct str key = pair->key->text;
    if (str_eq(key, STR("$or")) || str_eq(key, STR("$and"))) {
        return compile_several(c, pair, key.len == 3 ? FILTER_ANY : FILTER_ALL, at, depth, out);
    }
    if (str_eq(key, STR("$not"))) {
        *out = (struct filter){.part = FILTER_NOT, .written = true};
        return compile_inner(c, pair->value, at, depth, out);
    }
    for (enum filter_op op = 0; op < FILTER_OPS; op++) {
        if (!str_eq(key, str_of(filter_op_name(op)))) {
            continue;
        }
        if (at == AT_TEXT || at == AT_JSON) {
            return compile_op(c, pair, op, at, depth, out);
        }
        report_error(c->r->report, &pair->key->place, "\"%.*s\" has nothing to look at here",
                     STR_ARG(key));
        report_help(c->r->report,
                    at == AT_REQUEST ? "it stands below a part of the request, such as body or path"
                                     : "it stands below the name of a header or a parameter");
        return false;
    }
    return unknown_op(c, pair->key);
}

/* --- fields */

static bool is_capital(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] >= 'a' && s.at[i] <= 'z') {
            return false;
        }
    }
    return true;
}

/* What is compared as it is written, and looks like a slip: a method in small letters, a type that
 * looks like a glob. */
static bool check_slip(struct compiler *c, const struct node *n, enum filter_room room,
                       const struct filter_value *v)
{
    struct str shown = v->masked ? STR("***") : report_shown(v->text);
    if (v->type != FILTER_STRING) {
        return true;
    }
    if (room == FILTER_METHOD && !is_capital(v->text)) {
        report_error(c->r->report, &n->place, "methods are written in capitals, not \"%.*s\"",
                     STR_ARG(shown));
        report_help(c->r->report, "such as POST");
        return false;
    }
    if (room == FILTER_EVENT && str_has(v->text, '*')) {
        report_warning(c->r->report, &n->place, "\"%.*s\" is compared as it is written",
                       STR_ARG(shown));
        report_help(c->r->report, "if it is a pattern, write { $glob: \"%.*s\" }", STR_ARG(shown));
    }
    return true;
}

static bool check_slips(struct compiler *c, const struct node *n, enum filter_room room,
                        const struct filter *f)
{
    bool good = true;
    for (size_t i = 0; i < f->n; i++) {
        good = check_slips(c, n, room, &f->parts[i]) && good;
    }
    bool equal = f->op == FILTER_EQ || f->op == FILTER_NEQ;
    bool among = f->op == FILTER_IN || f->op == FILTER_NIN;
    if (f->part == FILTER_TEST && equal) {
        good = check_slip(c, n, room, &f->value) && good;
    }
    for (size_t i = 0; f->part == FILTER_TEST && among && i < f->value.n; i++) {
        good = check_slip(c, n, room, &f->value.items[i]) && good;
    }
    return good;
}

static bool compile_room(struct compiler *c, const struct node_pair *pair, unsigned depth,
                         struct filter *out)
{
    static const enum at ats[FILTER_ROOMS] = {
        [FILTER_BODY] = AT_JSON, [FILTER_HEADERS] = AT_NAMES, [FILTER_QUERY] = AT_NAMES,
        [FILTER_PATH] = AT_TEXT, [FILTER_METHOD] = AT_TEXT,   [FILTER_SOURCE] = AT_TEXT,
        [FILTER_EVENT] = AT_TEXT};
    struct conf_guess g;
    conf_guess_init(&g, pair->key->text);
    for (enum filter_room room = 0; room < FILTER_ROOMS; room++) {
        if (str_eq(pair->key->text, str_of(filter_room_name(room)))) {
            *out = (struct filter){.part = FILTER_ROOM, .room = room};
            if (!compile_inner(c, pair->value, ats[room], depth, out)) {
                return false;
            }
            if (room == FILTER_BODY) {
                conf_warn_of_slips(c->r, pair->value);
            }
            return check_slips(c, pair->value, room, out->parts);
        }
        conf_guess_try(&g, str_of(filter_room_name(room)));
    }
    report_error(c->r->report, &pair->key->place,
                 "\"%.*s\" is no part of a request: body, headers, query, path, method, source or "
                 "event",
                 STR_ARG(report_shown(pair->key->text)));
    if (g.best.len == 0) {
        report_help(c->r->report, "a field of the body stands under body: { %.*s: ... }",
                    STR_ARG(report_shown(pair->key->text)));
    }
    conf_guess_help(&g, c->r->report);
    return false;
}

static bool compile_field(struct compiler *c, const struct node_pair *pair, enum at at,
                          unsigned depth, struct filter *out)
{
    if (at == AT_REQUEST) {
        return compile_room(c, pair, depth, out);
    }
    if (at == AT_TEXT) {
        report_error(c->r->report, &pair->key->place, "this is one text: it has no field \"%.*s\"",
                     STR_ARG(report_shown(pair->key->text)));
        report_help(c->r->report, "write the text, or an operator such as { $startsWith: \"a\" }");
        return false;
    }
    struct str name = str_from(pair->key->text, str_starts(pair->key->text, STR("$$")));
    *out = (struct filter){.part = FILTER_FIELD, .name = name};
    return compile_inner(c, pair->value, at == AT_NAMES ? AT_TEXT : AT_JSON, depth, out);
}

static bool compile_map(struct compiler *c, const struct node *n, enum at at, unsigned depth,
                        struct filter *out)
{
    bool good = true;
    *out = (struct filter){.part = FILTER_ALL};
    out->parts = arena_array(c->r->arena, n->n, sizeof *out->parts);
    for (size_t i = 0; i < n->n; i++) {
        struct str key = n->pairs[i].key->text;
        bool dollar = str_starts(key, STR("$")) && !str_starts(key, STR("$$"));
        struct filter *part = &out->parts[out->n++];
        good = (dollar ? compile_dollar(c, &n->pairs[i], at, depth, part)
                       : compile_field(c, &n->pairs[i], at, depth, part)) &&
               good;
    }
    return good;
}

static bool compile_list(struct compiler *c, const struct node *n, enum at at, unsigned depth,
                         struct filter *out)
{
    if (at != AT_JSON) {
        report_error(c->r->report, &n->place, "a list has no meaning here");
        report_help(c->r->report, "%s",
                    at == AT_REQUEST ? "all of several: { body: ..., headers: ... }; one of them: "
                                       "$or: [...]"
                    : at == AT_NAMES ? "name the header or the parameter: { x-github-event: push }"
                                     : "for one of several write $in: [...], or $or: [...]");
        return false;
    }
    bool good = true;
    *out = (struct filter){.part = FILTER_CONTAINS};
    out->parts = arena_array(c->r->arena, n->n, sizeof *out->parts);
    for (size_t i = 0; i < n->n; i++) {
        good = compile(c, n->items[i], at, depth + 1, &out->parts[out->n++]) && good;
    }
    return good;
}

static bool compile_plain(struct compiler *c, const struct node *n, enum at at, struct filter *out)
{
    if (at == AT_REQUEST || at == AT_NAMES) {
        report_error(c->r->report, &n->place, "expected a mapping, not %s",
                     node_is_nothing(n) ? "nothing" : "text");
        report_help(c->r->report,
                    at == AT_REQUEST
                        ? "when: { body: { amount: { $gte: 100 } } }"
                        : "name the header or the parameter: { x-github-event: push }");
        return false;
    }
    *out = (struct filter){.part = FILTER_TEST, .op = FILTER_EQ, .in_text = at == AT_TEXT};
    if (!read_scalar(c, "when", n, &out->value)) {
        return false;
    }
    if (at == AT_TEXT && out->value.type == FILTER_NULL) {
        return never_null(c, n);
    }
    if (at == AT_TEXT) {
        as_text(&out->value, false);
    }
    return true;
}

static bool compile(struct compiler *c, const struct node *n, enum at at, unsigned depth,
                    struct filter *out)
{
    if (!counts(c, depth) || report_full(c->r->report)) {
        return false;
    }
    return n->kind == NODE_MAP    ? compile_map(c, n, at, depth, out)
           : n->kind == NODE_LIST ? compile_list(c, n, at, depth, out)
                                  : compile_plain(c, n, at, out);
}

/* Such parts ask about an array as a whole: what is not in it is not in any element. So does a
 * joint that holds one of them. */
static bool mark_whole(struct filter *f)
{
    bool below = false;
    for (size_t i = 0; i < f->n; i++) {
        below = mark_whole(&f->parts[i]) || below;
    }
    bool denies = f->op == FILTER_EXIST || f->op == FILTER_NEQ || f->op == FILTER_NIN;
    bool list = f->op == FILTER_EQ && f->value.type == FILTER_LIST;
    f->of_whole = f->part == FILTER_NOT || f->part == FILTER_CONTAINS ||
                  (f->part == FILTER_TEST && (denies || list)) ||
                  (below && (f->part == FILTER_ANY || f->part == FILTER_ALL));
    /* in a joint, each element says the same of $exist as the array does */
    return f->of_whole && !(f->part == FILTER_TEST && f->op == FILTER_EXIST);
}

/* --- the kind of value */

static bool filter_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                        void *at)
{
    (void)row;
    struct compiler c = {.r = r, .whole = n};
    struct filter *f = arena_take(r->arena, sizeof *f);
    if (!compile(&c, n, AT_REQUEST, 1, f)) {
        return false;
    }
    (void)mark_whole(f);
    *(const struct filter **)at = f;
    return true;
}

static void filter_put(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    (void)row;
    (void)depth;
    buf_add_char(out, ' ');
    filter_print(*(const struct filter *const *)at, true, out);
    buf_add_char(out, '\n');
}

static bool filter_wants(const void *at)
{
    return *(const struct filter *const *)at != NULL;
}

const struct conf_kind KIND_FILTER = {filter_read, filter_put, filter_wants};

void conf_free_regexes(const struct filter *f)
{
    for (; f != NULL; f = f->next_regex) {
        for (size_t i = 0; i < f->regex_count; i++) {
            regex_free(f->regexes[i]);
        }
    }
}
