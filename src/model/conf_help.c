/* Reference pages: what the rows say, for people. */
#include "model/conf_about.h"
#include "model/conf_docs.h"

#include <string.h>

#define WIDTH 78

/* ---- writing ---- */

/* Words up to the margin, each line behind `indent` spaces; the first one is begun already. */
static void put_wrapped(struct str text, unsigned indent, struct buf *out)
{
    struct str word, rest = text;
    size_t column = indent;
    for (bool more = true, first = true; more; first = false) {
        more = str_cut(rest, ' ', &word, &rest);
        if (!first && column + 1 + word.len > WIDTH) {
            buf_printf(out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (!first) {
            buf_add_char(out, ' ');
            column++;
        }
        buf_add_str(out, word);
        column += word.len;
    }
    buf_add_char(out, '\n');
}

static void put_field(const char *name, struct str text, struct buf *out)
{
    if (text.len > 0) {
        buf_printf(out, "  %-10s", name);
        put_wrapped(text, 12, out);
    }
}

static void put_noun(const struct conf_row *row, struct buf *out)
{
    const struct conf_about *about = conf_about(row->kind);
    buf_printf(out, "%s", about == NULL ? "a value" : about->noun);
    if (row->kind == &KIND_COUNT && row->words != NULL) {
        buf_printf(out, ", or %s", row->words[0]);
    }
    const char *before = ": ";
    bool words = row->words != NULL && row->kind != &KIND_COUNT;
    for (size_t i = 0; words && row->words[i] != NULL; i++) {
        if (row->words[i][0] != '!') {
            buf_printf(out, "%s%s", before, row->words[i]);
            before = ", ";
        }
    }
}

/* A key and what it is for, in a list of keys. */
static void put_key(const struct conf_row *row, unsigned indent, struct buf *out)
{
    buf_printf(out, "%*s%-18s ", (int)indent, "", row->key);
    struct buf text;
    buf_init(&text, 4096);
    buf_printf(&text, "%s%s", row->help, row->required ? " (required)" : "");
    put_wrapped(buf_str(&text), indent + 19, out);
    buf_done(&text);
}

static bool holds_items(const struct conf_row *row)
{
    return row->kind == &KIND_NAMED || row->kind == &KIND_ITEMS;
}

static void put_children(const struct conf_row *row, struct buf *out)
{
    if (row->block == NULL) {
        return;
    }
    buf_printf(out, "\n  keys of %s:\n\n", holds_items(row) ? row->block->what : "the block");
    for (const struct conf_row *each = row->block->rows; each->key != NULL; each++) {
        put_key(each, 4, out);
    }
    if (row->block->scalar != NULL) {
        buf_printf(out, "\n  In place of the block its \"%s\" alone may stand.\n",
                   row->block->scalar);
    }
}

static void put_example(const struct conf_block *b, const struct conf_row *row, struct buf *out)
{
    struct str example = conf_example(b, row);
    if (example.len > 0) {
        buf_printf(out, "  %-10s%s: %.*s\n", "example", row->key, STR_ARG(example));
    }
}

static void put_page(const struct conf_block *b, const struct conf_row *row, struct buf *out)
{
    struct buf text;
    buf_init(&text, 4096);
    conf_path(b, row, out);
    buf_add_str(out, STR(": "));
    put_noun(row, out);
    buf_add_str(out, STR("\n\n  "));
    put_wrapped(str_of(row->help), 2, out);
    buf_add_char(out, '\n');
    if (row->required) {
        put_field("required", STR("yes"), out);
    }
    put_field("default", str_of(row->fallback), out);
    if (row->inherited && row->block == NULL && strcmp(b->path, "destinations.*") == 0) {
        buf_printf(&text, "defaults.destination.%s, where that is given", row->key);
        put_field("or", buf_str(&text), out);
        buf_clear(&text);
    }
    conf_bounds(row, &text);
    put_field("bounds", buf_str(&text), out);
    put_example(b, row, out);
    if (conf_has_file_form(row)) {
        buf_printf(out, "  %-10s%s_file: /run/secrets/%s, which holds it\n", "or", row->key,
                   row->key);
    }
    put_children(row, out);
    buf_done(&text);
}

/* ---- finding ---- */

static const struct conf_row *row_in(const struct conf_block *b, struct str key)
{
    for (const struct conf_row *row = b->rows; row->key != NULL; row++) {
        struct str own = str_of(row->key);
        bool file = conf_has_file_form(row) && str_starts(key, own) &&
                    str_eq(str_from(key, own.len), STR("_file"));
        if (str_eq(own, key) || file) {
            return row;
        }
    }
    return NULL;
}

/* A row, and the block that it is of. */
struct spot {
    const struct conf_block *block;
    const struct conf_row *row; /* NULL: nowhere */
};

static void guess_in(const struct conf_block *b, struct conf_guess *g)
{
    for (const struct conf_row *row = b->rows; row->key != NULL; row++) {
        conf_guess_try(g, str_of(row->key));
    }
}

/* The path's row; or where the path was left, and what that part may have meant. */
static struct spot follow(struct str path, struct spot *left, struct conf_guess *g)
{
    struct spot at = {&CONF_TOP, NULL};
    const struct conf_block *b = &CONF_TOP;
    struct str part, rest = path;
    bool more = true, named = false;
    while (more) {
        more = str_cut(rest, '.', &part, &rest);
        const struct conf_row *row = b == NULL ? NULL : row_in(b, part);
        if (row == NULL) {
            conf_guess_init(g, part);
            if (b != NULL) {
                guess_in(b, g);
            }
            if (!named || g->best.len > 0) {
                *left = at;
                return (struct spot){NULL, NULL};
            }
            named = false; /* "sources.stripe": the name of an item says nothing here */
            continue;
        }
        at = (struct spot){b, row};
        named = row->kind == &KIND_NAMED || row->kind == &KIND_ITEMS;
        b = row->block;
    }
    return at;
}

struct search {
    struct str key;
    struct spot found[16];
    size_t n;
};

static void find_key(const struct conf_block *b, const struct conf_row *row, void *user)
{
    struct search *s = user;
    if (!str_eq(str_of(row->key), s->key)) {
        return;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (s->found[i].row == row) {
            return; /* of a block that two others share */
        }
    }
    if (s->n < sizeof s->found / sizeof s->found[0]) {
        s->found[s->n++] = (struct spot){b, row};
    }
}

static void put_unknown(struct str path, const struct spot *left, const struct conf_guess *g,
                        const struct search *s, struct buf *out)
{
    buf_printf(out, "there is no key \"%.*s\"", STR_ARG(str_head(path, 64)));
    if (s->n > 0) {
        buf_add_str(out, STR("; did you mean one of these?\n"));
        for (size_t i = 0; i < s->n; i++) {
            buf_add_str(out, STR("  "));
            conf_path(s->found[i].block, s->found[i].row, out);
            buf_add_char(out, '\n');
        }
        return;
    }
    if (g->best.len > 0) {
        buf_add_str(out, STR("; did you mean \""));
        if (left->row != NULL) {
            conf_path(left->block, left->row, out);
            buf_add_char(out, '.');
        }
        buf_printf(out, "%.*s\"?", STR_ARG(g->best));
    }
    buf_add_char(out, '\n');
}

bool conf_help(struct str path, struct buf *out)
{
    struct conf_guess g = {.best = STR_NONE};
    struct spot left = {NULL, NULL}, at = follow(path, &left, &g);
    struct search s = {.key = path, .n = 0};
    if (at.row == NULL) {
        conf_each_row(&CONF_TOP, find_key, &s);
        at = s.n == 1 ? s.found[0] : at;
    }
    if (at.row == NULL) {
        put_unknown(path, &left, &g, &s, out);
        return false;
    }
    put_page(at.block, at.row, out);
    return true;
}

void conf_help_top(struct buf *out)
{
    for (const struct conf_row *row = CONF_TOP.rows; row->key != NULL; row++) {
        buf_printf(out, "  %-14s %s\n", row->key, row->help);
    }
}

/* ---- all of it ---- */

static void put_paragraph(const struct conf_block *b, const struct conf_row *row, void *user)
{
    struct buf *out = user, bounds;
    buf_init(&bounds, 256);
    conf_path(b, row, out);
    buf_add_str(out, STR(": "));
    put_noun(row, out);
    buf_add_str(out, STR("\n    "));
    put_wrapped(str_of(row->help), 4, out);
    conf_bounds(row, &bounds);
    if (row->fallback != NULL || bounds.len > 0 || row->required) {
        buf_printf(out, "    %s%s%s%s%.*s\n", row->required ? "required" : "",
                   row->fallback != NULL ? "default " : "",
                   row->fallback != NULL ? row->fallback : "",
                   bounds.len > 0 && (row->fallback != NULL || row->required) ? "; " : "",
                   STR_ARG(buf_str(&bounds)));
    }
    buf_done(&bounds);
}

void conf_help_all(struct buf *out)
{
    conf_each_row(&CONF_TOP, put_paragraph, out);
}
