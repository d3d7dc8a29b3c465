/* Kinds of values that are text: text, lists of it, secrets, words. */
#include "model/conf_rows.h"

#include <stdlib.h>
#include <string.h>

/* ---- what all of them share ---- */

bool conf_read_masked(struct conf_reader *r, const char *key, const struct node *n,
                      struct conf_masked *out)
{
    if (n->kind != NODE_TEXT) {
        report_error(r->report, &n->place, "\"%s\" takes one value, not %s", key,
                     node_kind_name(n));
        if (n->kind == NODE_MAP) {
            report_help(r->report, "a text that holds \": \" is written in quotes");
        }
        return false;
    }
    if (n->plain && n->text.len == 0) {
        report_error(r->report, &n->place, "\"%s\" has no value", key);
        report_help(r->report, "remove the line, or write \"\" for the empty text");
        return false;
    }
    struct conf_masked t;
    if (!conf_interpolate(r, n, &t)) {
        return false;
    }
    if (str_has(t.text, '\0')) {
        report_error(r->report, &n->place, "\"%s\" has a zero byte in it", key);
        return false;
    }
    *out = t;
    return true;
}

bool conf_read_text(struct conf_reader *r, const char *key, const struct node *n, struct str *out)
{
    struct conf_masked t;
    bool good = conf_read_masked(r, key, n, &t);
    if (good) {
        *out = t.text;
    }
    return good;
}

bool conf_is_masked(const struct conf_masked *t)
{
    return !str_eq(t->text, t->shown);
}

/* The unit of the row's default, or of its kind: "d" of 30d. */
static struct str usual_unit(const struct conf_row *row, const char *unit)
{
    struct str usual = str_of(row->fallback);
    while (usual.len > 0 && usual.at[0] >= '0' && usual.at[0] <= '9') {
        usual = str_from(usual, 1);
    }
    bool one = usual.len > 0 && !str_has(usual, '[') && usual.len < str_of(row->fallback).len;
    return one && !text_is_digits(usual) ? usual : str_of(unit);
}

static bool squeeze(struct str text, char out[32], struct str *squeezed)
{
    size_t n = 0;
    for (size_t i = 0; i < text.len && n < 32; i++) {
        if (text.at[i] != ' ') {
            out[n++] = text.at[i];
        }
    }
    *squeezed = (struct str){out, n};
    return n < 32 && n < text.len;
}

/* What may have been meant by a number without a unit, or with a blank before it; else the units.
 */
static void help_with_unit(struct conf_reader *r, const struct conf_row *row, struct str text,
                           const char *unit)
{
    char bytes[32], written[32];
    struct str bare;
    uint64_t size;
    int64_t ms;
    bool sizes = strstr(unit, "iB") != NULL, times = strcmp(unit, "s") == 0;
    struct str part = str_from(text, 2);
    bool tenths = strcmp(unit, "%") == 0 && str_starts(text, STR("0.")) && part.len <= 2;
    if (tenths && text_u64(part, 99, &size) == NULL) {
        report_help(r->report, "did you mean %u%%?", (unsigned)size * (part.len == 1 ? 10 : 1));
    } else if (text_is_digits(text) && sizes && text_u64(text, UINT64_MAX, &size) == NULL &&
               size >= 1024) {
        report_help(r->report, "a bare number has no unit; did you mean %.*s?",
                    (int)conf_put_size(written, size), written);
    } else if (text_is_digits(text)) {
        report_help(r->report, "a bare number has no unit; did you mean %.*s%.*s?",
                    STR_ARG(report_shown(text)), STR_ARG(usual_unit(row, unit)));
    } else if (squeeze(text, bytes, &bare) && ((times && text_duration(bare, &ms) == NULL) ||
                                               (sizes && text_size(bare, &size) == NULL))) {
        report_help(r->report, "without blanks: %.*s", STR_ARG(bare));
    } else if (sizes || times) {
        report_help(r->report, sizes ? "the units are B, KiB, MiB and GiB, or k, M and G of 1000"
                                     : "the units are ms, s, m, h and d");
    }
}

bool conf_refuse(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                 const char *why, struct str text, const char *unit)
{
    struct str shown = report_shown(text);
    if (!str_eq(n->text, text)) { /* what a variable or a file holds is nobody else's business */
        shown = report_shown(n->text);
        report_error(r->report, &n->place,
                     text.len == 0 ? "\"%s\": %s, but \"%.*s\" is empty"
                                   : "\"%s\": %s, but \"%.*s\" holds something else",
                     row->key, why, STR_ARG(shown));
        return false;
    }
    if (strstr(why, " is too ") != NULL) {
        report_error(r->report, &n->place, "\"%s\": %s", row->key, why);
        return false;
    }
    report_error(r->report, &n->place, "\"%s\": %s, not \"%.*s\"", row->key, why, STR_ARG(shown));
    if (unit != NULL) {
        help_with_unit(r, row, text, unit);
    }
    return false;
}

void conf_print_quoted(struct str s, struct buf *out)
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

void conf_print_text(struct str s, struct buf *out)
{
    static const char harmless[] = "_./:-@,";
    bool bare = s.len > 0 && s.len < 128 && s.at[s.len - 1] != ':' &&
                strchr("-:@,.", s.at[0]) == NULL && !str_eq(s, STR("null"));
    for (size_t i = 0; bare && i < s.len; i++) {
        char c = s.at[i];
        bare = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c != 0 && c != ',' && strchr(harmless, c) != NULL);
    }
    if (bare) {
        buf_add_str(out, s);
        return;
    }
    conf_print_quoted(s, out);
}

static void put_line(struct str s, struct buf *out)
{
    buf_add_char(out, ' ');
    conf_print_text(s, out);
    buf_add_char(out, '\n');
}

static bool text_wants(const void *at)
{
    return ((const struct str *)at)->len > 0;
}

/* ---- text ---- */

static bool masked_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                        void *at)
{
    struct conf_masked t;
    if (!conf_read_masked(r, row->key, n, &t)) {
        return false;
    }
    if (t.text.len < row->least || (row->most > 0 && t.text.len > row->most)) {
        if (row->least == 0) {
            report_error(r->report, &n->place, "\"%s\" must have at most %llu character%s",
                         row->key, (unsigned long long)row->most, row->most == 1 ? "" : "s");
            return false;
        }
        report_error(r->report, &n->place, "\"%s\" must have %llu to %llu characters", row->key,
                     (unsigned long long)row->least, (unsigned long long)row->most);
        return false;
    }
    *(struct conf_masked *)at = t;
    return true;
}

static bool text_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                      void *at)
{
    struct conf_masked t;
    bool good = masked_read(r, row, n, &t);
    if (good) {
        *(struct str *)at = t.text;
    }
    return good;
}

static void text_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    (void)row;
    (void)depth;
    put_line(*(const struct str *)at, out);
}

const struct conf_kind KIND_TEXT = {text_read, text_print, text_wants};

/* ---- text that may have a secret filled in ---- */

static void masked_print(const struct conf_row *row, const void *at, unsigned depth,
                         struct buf *out)
{
    (void)row;
    (void)depth;
    put_line(((const struct conf_masked *)at)->shown, out);
}

static bool masked_wants(const void *at)
{
    return ((const struct conf_masked *)at)->text.len > 0;
}

const struct conf_kind KIND_MASKED = {masked_read, masked_print, masked_wants};

/* ---- lists of text; one alone may stand without the list ---- */

static bool texts_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                       void *at)
{
    struct node *self[] = {(struct node *)(uintptr_t)n};
    struct node *const *items = n->kind == NODE_LIST ? n->items : self;
    size_t count = n->kind == NODE_LIST ? n->n : 1;
    if (n->kind == NODE_MAP) {
        report_error(r->report, &n->place, "\"%s\" takes a text, or a list of texts, not a mapping",
                     row->key);
        return false;
    }
    if (count < row->least || count > row->most) {
        report_error(r->report, &n->place, "\"%s\" must have %llu to %llu entries, not %zu",
                     row->key, (unsigned long long)row->least, (unsigned long long)row->most,
                     count);
        if (count == 0) {
            report_help(r->report, "%s", row->help);
        }
        return false;
    }
    struct conf_texts t = {arena_array(r->arena, count, sizeof *t.v), 0};
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        t.v[t.n].node = items[i];
        bool read = conf_read_text(r, row->key, items[i], &t.v[t.n].text);
        t.n += read;
        good = good && read;
    }
    *(struct conf_texts *)at = t;
    return good;
}

static void texts_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    (void)row;
    (void)depth;
    const struct conf_texts *t = at;
    buf_add_str(out, STR(" ["));
    for (size_t i = 0; i < t->n; i++) {
        buf_add_str(out, i == 0 ? STR_NONE : STR(", "));
        conf_print_text(t->v[i].text, out);
    }
    buf_add_str(out, STR("]\n"));
}

static bool texts_wants(const void *at)
{
    return ((const struct conf_texts *)at)->n > 0;
}

const struct conf_kind KIND_TEXTS = {texts_read, texts_print, texts_wants};

/* ---- secrets: as text, but never shown ---- */

/* What stands behind ":-" is for trying it out: whoever has read the sample knows it. `variable`
 * begins with its name. */
static void warn_of_default(struct conf_reader *r, const char *key, const struct node *n,
                            struct str variable)
{
    struct conf_masked t;
    struct str name, rest;
    if (str_cut(variable, ':', &name, &rest) && str_starts(rest, STR("-")) &&
        conf_interpolate(r, n, &t) && t.text.len > 0 && str_eq(t.text, t.shown)) {
        report_warning(r->report, &n->place,
                       "\"%s\" is the default of %.*s, which is not set: it is no secret", key,
                       STR_ARG(report_shown(name)));
        report_help(r->report, "set the variable; the default is for trying it out");
    }
}

void conf_warn_of_open_secret(struct conf_reader *r, const char *key, const struct node *n)
{
    if (n->kind != NODE_TEXT || n->text.len == 0) {
        return;
    }
    size_t i = 0;
    while (i + 1 < n->text.len && (n->text.at[i] != '$' || n->text.at[i + 1] != '{')) {
        i++;
    }
    if (i + 1 < n->text.len) {
        warn_of_default(r, key, n, str_from(n->text, i + 2));
    } else if (n->place.file->others_can_read) {
        report_warning(r->report, &n->place, "\"%s\" is written out in a file that others can read",
                       key);
        report_help(r->report, "chmod o-r the file, or write ${NAME} or ${file:/path}");
    }
}

static bool secret_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                        void *at)
{
    bool good = text_read(r, row, n, at);
    if (good) {
        conf_warn_of_open_secret(r, row->key, n);
    }
    return good;
}

static void secret_print(const struct conf_row *row, const void *at, unsigned depth,
                         struct buf *out)
{
    (void)row;
    (void)at;
    (void)depth;
    buf_add_str(out, STR(" \"***\"\n"));
}

const struct conf_kind KIND_SECRET = {secret_read, secret_print, text_wants};

/* A name each, so that it can be told which one is still in use: "{2026: ..., 2024: ...}". */
static bool named_secrets_read(struct conf_reader *r, const struct conf_row *row,
                               const struct node *n, struct conf_texts *t)
{
    struct node list = *n;
    list.kind = NODE_LIST;
    list.items = arena_array(r->arena, n->n, sizeof *list.items);
    for (size_t i = 0; i < n->n; i++) {
        const struct str name = n->pairs[i].key->text;
        if (name.len > 32 || !text_is_token(name)) {
            report_error(r->report, &n->pairs[i].key->place,
                         "the name of a secret has 1 to 32 letters, digits and dashes");
            return false;
        }
        list.items[i] = n->pairs[i].value;
    }
    if (!texts_read(r, row, &list, t)) {
        return false;
    }
    for (size_t i = 0; i < t->n; i++) {
        t->v[i].name = n->pairs[i].key->text;
    }
    return true;
}

static bool secrets_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                         void *at)
{
    struct conf_texts t = {NULL, 0};
    if (!(n->kind == NODE_MAP ? named_secrets_read(r, row, n, &t) : texts_read(r, row, n, &t))) {
        return false;
    }
    size_t kept = 0;
    for (size_t i = 0; i < t.n; i++) { /* an empty one is the old secret that is no more */
        if (t.v[i].text.len > 0) {
            conf_warn_of_open_secret(r, row->key, t.v[i].node);
            t.v[kept++] = t.v[i];
        }
    }
    t.n = kept;
    if (kept == 0) {
        report_error(r->report, &n->place, "\"%s\" holds no secret: all of them are empty",
                     row->key);
        return false;
    }
    *(struct conf_texts *)at = t;
    return true;
}

static void secrets_print(const struct conf_row *row, const void *at, unsigned depth,
                          struct buf *out)
{
    (void)row;
    (void)depth;
    const struct conf_texts *t = at;
    bool named = t->v[0].name.len > 0;
    for (size_t i = 0; i < t->n; i++) {
        buf_add_str(out, i > 0 ? STR(", ") : named ? STR(" {") : STR(" ["));
        if (named) {
            conf_print_text(t->v[i].name, out);
            buf_add_str(out, STR(": "));
        }
        buf_add_str(out, STR("\"***\""));
    }
    buf_add_str(out, named ? STR("}\n") : STR("]\n"));
}

const struct conf_kind KIND_SECRETS = {secrets_read, secrets_print, texts_wants};

/* ---- choices ---- */

/* What was meant by `yes`; of anything else what the key is for. */
static void help_with_bool(struct conf_reader *r, const struct conf_row *row, struct str written)
{
    static const char *const words[][2] = {{"true", "false"}, {"yes", "no"}, {"on", "off"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        for (size_t k = 0; k < 2; k++) {
            if (str_ieq(written, str_of(words[i][k]))) {
                report_help(r->report, "did you mean %s?", words[0][k]);
                return;
            }
        }
    }
    report_help(r->report, "%s: %s", row->key, row->help);
}

static bool bool_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                      void *at)
{
    struct str text;
    if (!conf_read_text(r, row->key, n, &text)) {
        return false;
    }
    if (!str_eq(text, STR("true")) && !str_eq(text, STR("false"))) {
        (void)conf_refuse(r, row, n, "expected true or false", text, NULL);
        help_with_bool(r, row, n->text);
        return false;
    }
    *(bool *)at = text.len == 4;
    return true;
}

static void bool_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    (void)row;
    (void)depth;
    buf_add_str(out, *(const bool *)at ? STR(" true\n") : STR(" false\n"));
}

const struct conf_kind KIND_BOOL = {bool_read, bool_print, NULL};

/* A word that begins with '!' is known, but for a later version. */
static bool word_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                      void *at)
{
    struct str text;
    if (!conf_read_text(r, row->key, n, &text)) {
        return false;
    }
    struct conf_guess g;
    conf_guess_init(&g, text);
    struct buf all;
    buf_init(&all, 512);
    for (unsigned i = 0; row->words[i] != NULL; i++) {
        struct str word = str_of(row->words[i]);
        if (str_eq(word, text)) {
            *(unsigned *)at = i;
            buf_done(&all);
            return true;
        }
        if (str_starts(word, STR("!"))) {
            if (str_eq(str_from(word, 1), text)) {
                report_error(r->report, &n->place, "\"%s: %.*s\" is not available in this version",
                             row->key, STR_ARG(text));
                buf_done(&all);
                return false;
            }
            continue;
        }
        conf_guess_try(&g, word);
        buf_add_str(&all, all.len == 0 ? STR_NONE : STR(", "));
        buf_add_str(&all, word);
    }
    struct str shown = report_shown(n->text); /* not what a variable holds */
    report_error(r->report, &n->place, "\"%s\" must be one of %.*s, not \"%.*s\"", row->key,
                 STR_ARG(buf_str(&all)), STR_ARG(shown));
    conf_guess_help(&g, r->report);
    buf_done(&all);
    return false;
}

static void word_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    (void)depth;
    buf_printf(out, " %s\n", row->words[*(const unsigned *)at]);
}

const struct conf_kind KIND_WORD = {word_read, word_print, NULL};
