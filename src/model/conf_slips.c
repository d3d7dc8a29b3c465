/* Slips in values that JSON types: what other readers of YAML take for a boolean, null or a number,
 * and is a text here. */
#include "model/conf_rows.h"
#include "model/decimal.h"

#define NUMBER_MAX 64 /* bytes; what is longer was hardly meant as one */

static const struct {
    const char *word, *json;
} words[] = {{"True", "true"},   {"TRUE", "true"},   {"yes", "true"},  {"Yes", "true"},
             {"YES", "true"},    {"on", "true"},     {"On", "true"},   {"ON", "true"},
             {"False", "false"}, {"FALSE", "false"}, {"no", "false"},  {"No", "false"},
             {"NO", "false"},    {"off", "false"},   {"Off", "false"}, {"OFF", "false"},
             {"Null", "null"},   {"NULL", "null"}};

static bool is_digit(struct str s, size_t i)
{
    return i < s.len && s.at[i] >= '0' && s.at[i] <= '9';
}

/* "+5", "0100", "1_000", ".5" and "5." as JSON writes them: the length, or 0. */
static size_t tidy(struct str s, char out[NUMBER_MAX])
{
    size_t n = 0;
    if (s.len > NUMBER_MAX - 2) {
        return 0;
    }
    if (str_starts(s, STR("-"))) {
        out[n++] = '-';
    }
    s = str_from(s, str_starts(s, STR("-")) || str_starts(s, STR("+")));
    while (str_starts(s, STR("0")) && is_digit(s, 1)) {
        s = str_from(s, 1);
    }
    if (str_starts(s, STR(".")) && is_digit(s, 1)) {
        out[n++] = '0';
    }
    for (size_t i = 0; i < s.len; i++) {
        bool skips = s.at[i] == '_' ? i > 0 && is_digit(s, i - 1) && is_digit(s, i + 1)
                                    : s.at[i] == '.' && i > 0 && i + 1 == s.len;
        if (!skips) {
            out[n++] = s.at[i];
        }
    }
    struct decimal number;
    return decimal_read((struct str){out, n}, &number) ? n : 0;
}

/* As JSON writes what was meant; empty: it is no slip. */
static struct str meant_by(const struct node *n, char out[NUMBER_MAX])
{
    struct decimal number;
    if (n->kind != NODE_TEXT || !n->plain || decimal_read(n->text, &number)) {
        return STR_NONE;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (str_eq(n->text, str_of(words[i].word))) {
            return str_of(words[i].json);
        }
    }
    return (struct str){out, tidy(n->text, out)};
}

static void warn_of_slip(struct conf_reader *r, const struct node *n)
{
    char number[NUMBER_MAX];
    struct str meant = meant_by(n, number), shown = report_shown(n->text);
    if (meant.len == 0) {
        return;
    }
    const char *what = meant.at == number ? "number" : meant.at[0] == 'n' ? "null" : "boolean";
    report_warning(r->report, &n->place, "%.*s is a text here: JSON's %s is written %.*s",
                   STR_ARG(shown), what, STR_ARG(meant));
    report_help(r->report, "if the text is meant, write \"%.*s\"", STR_ARG(shown));
}

static bool is_other_text(const struct node *n)
{
    char out[NUMBER_MAX];
    struct decimal number;
    bool typed = n->plain && (node_is_nothing(n) || str_eq(n->text, STR("true")) ||
                              str_eq(n->text, STR("false")) || decimal_read(n->text, &number));
    return n->kind == NODE_TEXT && !typed && meant_by(n, out).len == 0;
}

/* Among other texts it is one: [de, no]. */
static bool is_list_of_texts(const struct node *n)
{
    bool found = false;
    for (size_t i = 0; n->kind == NODE_LIST && i < n->n && !found; i++) {
        found = is_other_text(n->items[i]);
    }
    return found;
}

static bool wants_text(struct str key)
{
    static const char *const ops[] = {"$startsWith", "$endsWith", "$regex", "$glob"};
    bool found = false;
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        found = found || str_eq(key, str_of(ops[i]));
    }
    return found;
}

void conf_warn_of_slips(struct conf_reader *r, const struct node *n)
{
    bool texts = is_list_of_texts(n);
    if (n->kind == NODE_TEXT) {
        warn_of_slip(r, n);
    }
    for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++) {
        if (!wants_text(n->pairs[i].key->text)) {
            conf_warn_of_slips(r, n->pairs[i].value);
        }
    }
    for (size_t i = 0; n->kind == NODE_LIST && i < n->n; i++) {
        if (!texts || n->items[i]->kind != NODE_TEXT) {
            conf_warn_of_slips(r, n->items[i]);
        }
    }
}
