/* Tests that stand beside the rules: from the file to requests. */
#include "model/conf_rows.h"
#include "model/filter.h"

#include <string.h>

#define BODY_MAX (1024 * 1024)

/* --- a body, as YAML */

/* A body as it is, and as it is printed. */
struct written {
    struct buf json, shown;
};

static void put_both(struct written *w, struct str s)
{
    buf_add_str(&w->json, s);
    buf_add_str(&w->shown, s);
}

static void put_text(struct written *w, const struct conf_masked *t)
{
    buf_add_json(&w->json, t->text);
    buf_add_json(&w->shown, t->shown);
}

static bool put_scalar(struct conf_reader *r, const struct node *n, struct written *w)
{
    struct decimal number;
    struct conf_masked t;
    if (!conf_interpolate(r, n, &t)) {
        return false;
    }
    if (node_is_nothing(n)) {
        put_both(w, STR("null"));
    } else if (n->plain && (str_eq(t.text, STR("true")) || str_eq(t.text, STR("false")) ||
                            decimal_read(t.text, &number))) {
        buf_add_str(&w->json, t.text);
        if (conf_is_masked(&t)) {
            buf_add_json(&w->shown, t.shown);
        } else {
            buf_add_str(&w->shown, t.text);
        }
    } else {
        put_text(w, &t);
    }
    return true;
}

/* As a filter would understand it: what is unquoted and looks like JSON's words is that. */
static bool put_json(struct conf_reader *r, const struct node *n, struct written *w)
{
    if (n->kind == NODE_TEXT) {
        return put_scalar(r, n, w);
    }
    bool map = n->kind == NODE_MAP;
    bool good = true;
    put_both(w, map ? STR("{") : STR("["));
    for (size_t i = 0; i < n->n && good; i++) {
        put_both(w, i > 0 ? STR(",") : STR_NONE);
        if (map) {
            put_text(w, &(struct conf_masked){n->pairs[i].key->text, n->pairs[i].key->text});
            put_both(w, STR(":"));
        }
        good = put_json(r, map ? n->pairs[i].value : n->items[i], w);
    }
    put_both(w, map ? STR("}") : STR("]"));
    return good;
}

static bool body_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                      void *at)
{
    if (n->kind == NODE_TEXT) {
        return conf_read_masked(r, row->key, n, at);
    }
    struct written w;
    buf_init(&w.json, BODY_MAX);
    buf_init(&w.shown, 2 * BODY_MAX);
    bool good = put_json(r, n, &w);
    if (good && w.json.failed) {
        report_error(r->report, &n->place, "\"%s\" is more than 1 MiB", row->key);
        good = false;
    }
    if (good) {
        conf_warn_of_slips(r, n);
        struct conf_masked *body = at;
        body->text = arena_str(r->arena, buf_str(&w.json));
        body->shown = arena_str(r->arena, buf_str(&w.shown));
    }
    conf_wipe(&w.json);
    buf_done(&w.shown);
    return good;
}

static void body_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    KIND_MASKED.print(row, at, depth, out);
}

static bool body_wants(const void *at)
{
    return KIND_MASKED.wants(at);
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

/* As it stands in the file: what is filled in is nobody's business. */
static struct str as_written(const struct file_test *t, const char *key, struct str fallback)
{
    const struct node_pair *pair = node_find(t->item.value, key);
    return report_shown(pair == NULL ? fallback : pair->value->text);
}

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
                 STR_ARG(as_written(t, "source", t->source)));
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
                     STR_ARG(report_shown(t->expect.v[i].node->text)));
        report_help(r->report, "for nobody write expect: []");
        conf_guess_help(&g, r->report);
        if (str_has(t->expect.v[i].node->text, ',')) {
            report_help(r->report, "several are a list: [a, b]");
        }
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

/* A header that is a secret by its name counts, too. */
static bool is_hidden(const struct file_test *t)
{
    bool hidden = conf_is_masked(&t->query) || conf_is_masked(&t->body) || conf_is_masked(&t->type);
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
                     STR_ARG(as_written(t, "method", t->t.method)));
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
    t->t.body = t->body.text;
    t->t.type = t->type.text;
    t->t.is_hidden = is_hidden(t);
    check_method(r, t);
    t->t.place = &t->item.place;
    struct str path = t->t.source == NULL ? STR("/") : t->t.source->path;
    t->t.target = t->query.text.len == 0
                      ? path
                      : arena_printf(r->arena, "%.*s?%.*s", STR_ARG(path), STR_ARG(t->query.text));
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
