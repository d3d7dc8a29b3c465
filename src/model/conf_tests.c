/* Tests that stand beside the rules: from the file to requests. */
#include "model/conf_rows.h"
#include "model/filter.h"

#include <string.h>

#define BODY_MAX (1024 * 1024)

/* --- a body, as YAML */

static bool put_scalar(struct conf_reader *r, const struct node *n, struct buf *out)
{
    struct decimal number;
    struct str text;
    if (!conf_interpolate(r, n, &text)) {
        return false;
    }
    if (node_is_nothing(n)) {
        buf_add_str(out, STR("null"));
    } else if (n->plain && (str_eq(text, STR("true")) || str_eq(text, STR("false")) ||
                            decimal_read(text, &number))) {
        buf_add_str(out, text);
    } else {
        buf_add_json(out, text);
    }
    return true;
}

/* As a filter would understand it: what is unquoted and looks like JSON's words is that. */
static bool put_json(struct conf_reader *r, const struct node *n, struct buf *out)
{
    if (n->kind == NODE_TEXT) {
        return put_scalar(r, n, out);
    }
    bool map = n->kind == NODE_MAP;
    bool good = true;
    buf_add_char(out, map ? '{' : '[');
    for (size_t i = 0; i < n->n && good; i++) {
        buf_add(out, ",", i > 0);
        if (map) {
            buf_add_json(out, n->pairs[i].key->text);
            buf_add_char(out, ':');
        }
        good = put_json(r, map ? n->pairs[i].value : n->items[i], out);
    }
    buf_add_char(out, map ? '}' : ']');
    return good;
}

static bool body_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                      void *at)
{
    if (n->kind == NODE_TEXT) {
        return conf_read_text(r, row->key, n, at);
    }
    struct buf json;
    buf_init(&json, BODY_MAX);
    bool good = put_json(r, n, &json);
    if (good && json.failed) {
        report_error(r->report, &n->place, "\"%s\" is more than 1 MiB", row->key);
        good = false;
    }
    if (good) {
        *(struct str *)at = arena_str(r->arena, buf_str(&json));
    }
    conf_wipe(&json);
    return good;
}

static void body_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    KIND_TEXT.print(row, at, depth, out);
}

static bool body_wants(const void *at)
{
    return ((const struct str *)at)->len > 0;
}

const struct conf_kind KIND_BODY = {body_read, body_print, body_wants};

static bool expect_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                        void *at)
{
    return KIND_TEXTS.read(r, row, n, at);
}

static void expect_print(const struct conf_row *row, const void *at, unsigned depth,
                         struct buf *out)
{
    KIND_TEXTS.print(row, at, depth, out);
}

const struct conf_kind KIND_EXPECT = {expect_read, expect_print, NULL};

/* --- the request */

static void find_source(struct conf_reader *r, const struct conf *c, struct file_test *t)
{
    struct conf_guess g;
    conf_guess_init(&g, t->source);
    t->t.source = conf_find_source(c, t->source);
    if (t->t.source != NULL || t->source.len == 0) {
        return;
    }
    for (size_t i = 0; i < c->source_count; i++) {
        conf_guess_try(&g, c->sources[i].name);
    }
    report_error(r->report, conf_place(&t->item, "source"), "there is no source \"%.*s\"",
                 STR_ARG(report_shown(t->source)));
    conf_guess_help(&g, r->report);
}

static void find_expected(struct conf_reader *r, const struct conf *c, struct file_test *t)
{
    t->t.expect = arena_array(r->arena, t->expect.n, sizeof *t->t.expect);
    t->t.expect_place = conf_place(&t->item, "expect");
    for (size_t i = 0; i < t->expect.n; i++) {
        const struct conf_destination *d = conf_find_destination(c, t->expect.v[i].text);
        struct conf_guess g;
        if (d != NULL) {
            t->t.expect[t->t.expect_count++] = (unsigned)(d - c->destinations);
            continue;
        }
        conf_guess_init(&g, t->expect.v[i].text);
        for (size_t k = 0; k < c->destination_count; k++) {
            conf_guess_try(&g, c->destinations[k].name);
        }
        report_error(r->report, &t->expect.v[i].node->place, "there is no destination \"%.*s\"",
                     STR_ARG(report_shown(t->expect.v[i].text)));
        conf_guess_help(&g, r->report);
    }
}

static const struct fields *make_fields(struct conf_reader *r, const struct file_test *t)
{
    struct fields *fields = arena_take(r->arena, sizeof *fields);
    for (size_t i = 0; i < t->headers.n; i++) {
        const struct conf_pair *p = &t->headers.v[i];
        if (!text_is_token(p->name)) {
            report_error(r->report, &p->node->place, "\"%.*s\" is not the name of a header",
                         STR_ARG(report_shown(p->name)));
        }
        (void)!fields_add(fields, p->name, p->value);
    }
    return fields;
}

static bool has_filled_in(const struct node *n)
{
    bool found = n->kind == NODE_TEXT && conf_is_filled_in(n->text);
    for (size_t i = 0; i < n->n && !found; i++) {
        found = has_filled_in(n->kind == NODE_LIST ? n->items[i] : n->pairs[i].value);
    }
    return found;
}

/* A header that is a secret by its name counts, too. */
static bool is_hidden(const struct file_test *t)
{
    static const char *const keys[] = {"body", "query", "event"};
    bool hidden = false;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct node_pair *pair = node_find(t->item.value, keys[i]);
        hidden = hidden || (pair != NULL && has_filled_in(pair->value));
    }
    for (size_t i = 0; i < t->headers.n; i++) {
        hidden = hidden || t->headers.v[i].masked;
    }
    return hidden;
}

/* What the source refuses gets to nobody, whatever the rules say. */
static void check_method(struct conf_reader *r, const struct file_test *t)
{
    static const char *const names[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"};
    bool good = t->t.source == NULL;
    for (unsigned i = 0; i < sizeof names / sizeof names[0] && !good; i++) {
        good = (t->t.source->methods >> i & 1) != 0 && str_eq(t->t.method, str_of(names[i]));
    }
    if (!good) {
        report_error(r->report, conf_place(&t->item, "method"),
                     "the source \"%.*s\" does not take %.*s", STR_ARG(t->source),
                     STR_ARG(report_shown(t->t.method)));
        report_help(r->report, "the source's \"methods\" lists those that it takes");
    }
}

static void build_test(struct conf_reader *r, const struct conf *c, struct file_test *t, size_t i)
{
    if (t->t.name.len == 0) {
        t->t.name = arena_printf(r->arena, "test %zu", i + 1);
    }
    find_source(r, c, t);
    find_expected(r, c, t);
    t->t.fields = make_fields(r, t);
    t->t.is_hidden = is_hidden(t);
    check_method(r, t);
    t->t.place = &t->item.place;
    struct str path = t->t.source == NULL ? STR("/") : t->t.source->path;
    t->t.target = t->query.len == 0
                      ? path
                      : arena_printf(r->arena, "%.*s?%.*s", STR_ARG(path), STR_ARG(t->query));
}

void conf_build_tests(struct conf_reader *r, struct conf_file *f)
{
    struct file_test *v = f->tests.v;
    f->c.tests = arena_array(r->arena, f->tests.n, sizeof *f->c.tests);
    f->c.test_count = f->tests.n;
    for (size_t i = 0; i < f->tests.n && !report_full(r->report); i++) {
        build_test(r, &f->c, &v[i], i);
        f->c.tests[i] = v[i].t;
    }
}
