/* The rows at work: a mapping in, a filled struct out, every complaint on the way. */
#include "model/conf_about.h"

#include "base/log.h"

#include <string.h>

/* Directives of the language that this version does not have yet: block, key. Better than "unknown
 * key" for somebody who read about them. */
static const struct {
    const char *block, *key;
} later[] = {
    {"admin", "dashboard"},      {"destinations.*", "rate"},      {"destinations.*", "sign"},
    {"destinations.*", "order"}, {"destinations.*", "order_key"}, {"destinations.*", "transform"},
    {"routes.*", "transform"},
};

void conf_guess_init(struct conf_guess *g, struct str word)
{
    size_t most = word.len <= 1 ? 0 : word.len < 6 ? 1 : word.len < 9 ? 2 : 3;
    *g = (struct conf_guess){.word = word, .distance = most + 1};
}

/* Two neighbours in the wrong order ("ulr"): one slip, though two edits. */
static bool swapped(struct str a, struct str b)
{
    size_t i = 0;
    while (i < a.len && i < b.len && a.at[i] == b.at[i]) {
        i++;
    }
    return a.len == b.len && i + 1 < a.len && a.at[i] == b.at[i + 1] && a.at[i + 1] == b.at[i] &&
           str_eq(str_from(a, i + 2), str_from(b, i + 2));
}

/* "warning" for "warn", "cert" for "cert_file". */
static bool begins_with_other(struct str a, struct str b)
{
    return a.len >= 3 && b.len >= 3 && (a.len < b.len ? str_starts(b, a) : str_starts(a, b));
}

void conf_guess_try(struct conf_guess *g, struct str candidate)
{
    bool near = swapped(g->word, candidate) || begins_with_other(g->word, candidate);
    size_t d = near ? 1 : text_distance(g->word, candidate, g->distance);
    if (d < g->distance) {
        g->distance = d;
        g->best = candidate;
    }
}

void conf_guess_help(const struct conf_guess *g, struct report *r)
{
    if (g->best.len > 0) {
        report_help(r, "did you mean \"%.*s\"?", STR_ARG(g->best));
    }
}

/* ---- keys ---- */

static bool has_file_form(const struct conf_row *row)
{
    return row->kind == &KIND_SECRET;
}

/* Is it the row's key, or that of its file form ("secret_file")? */
static bool row_takes(const struct conf_row *row, struct str key)
{
    struct str own = str_of(row->key);
    return str_eq(own, key) || (has_file_form(row) && str_starts(key, own) &&
                                str_eq(str_from(key, own.len), STR("_file")));
}

static void guess_rows(struct conf_guess *g, const struct conf_block *b, struct arena *a)
{
    for (const struct conf_row *row = b->rows; row->key != NULL; row++) {
        conf_guess_try(g, str_of(row->key));
        if (has_file_form(row)) {
            conf_guess_try(g, arena_printf(a, "%s_file", row->key));
        }
    }
}

/* What others call it: block, their word, ours. */
static const struct {
    const char *block, *theirs, *ours;
} words_of_others[] = {
    {"listen", "port", "address"},
    {"listen", "host", "address"},
    {"listen.limits", "max_body", "body"},
    {"listen.limits", "body_size", "body"},
    {"redis", "host", "url"},
    {"redis", "port", "url"},
    {"redis", "address", "url"},
    {"sources.*", "provider", "verify"},
    {"sources.*", "type", "verify"},
    {"sources.*", "signature", "verify"},
    {"sources.*", "key", "secret"},
    {"sources.*", "token", "secret"},
    {"sources.*", "url", "path"},
    {"sources.*", "rate_limit", "rate"},
    {"destinations.*", "endpoint", "url"},
    {"destinations.*", "target", "url"},
    {"destinations.*", "retries", "retry"},
    {"destinations.*.retry", "attempts", "schedule"},
    {"destinations.*.retry", "backoff", "exponential"},
    {"routes.*", "source", "from"},
    {"routes.*", "sources", "from"},
    {"routes.*", "destination", "to"},
    {"routes.*", "destinations", "to"},
    {"routes.*", "target", "to"},
    {"routes.*", "types", "events"},
    {"routes.*", "event", "events"},
    {"routes.*", "filter", "when"},
    {"routes.*", "match", "when"},
    {"routes.*", "condition", "when"},
    {"routes.*", "otherwise", "else"},
    {"routes.*", "percentage", "sample"},
    {"tests.*", "type", "event"},
    {"tests.*", "destinations", "expect"},
};

/* Ours for the nearest of theirs, as far as `g` lets a word be. */
static void guess_others(struct conf_guess *g, const struct conf_block *b)
{
    struct str ours = STR_NONE;
    for (size_t i = 0; i < sizeof words_of_others / sizeof words_of_others[0]; i++) {
        size_t before = g->distance;
        if (strcmp(words_of_others[i].block, b->path) == 0) {
            conf_guess_try(g, str_of(words_of_others[i].theirs));
        }
        ours = g->distance < before ? str_of(words_of_others[i].ours) : ours;
    }
    g->best = ours;
}

/* "destinations.retry", or nothing at the top: what `penstock help` takes. */
static struct str help_path(struct conf_reader *r, const struct conf_block *b)
{
    struct buf path;
    struct str part, rest = str_of(b->path);
    buf_init(&path, 256);
    for (bool more = rest.len > 0; more;) {
        more = str_cut(rest, '.', &part, &rest);
        if (!str_eq(part, STR("*"))) {
            buf_printf(&path, "%s%.*s", path.len == 0 ? " " : ".", STR_ARG(part));
        }
    }
    struct str kept = arena_str(r->arena, buf_str(&path));
    buf_done(&path);
    return kept;
}

static bool is_of_the_top(struct str key)
{
    for (const struct conf_row *row = CONF_TOP.rows; row->key != NULL; row++) {
        if (row_takes(row, key)) {
            return true;
        }
    }
    return false;
}

/* Where else there is such a key: below the block at best; of one item's that another has. */
struct elsewhere {
    struct str key;
    const struct conf_block *from, *block;
    const struct conf_row *row;
    int rank;
};

static void find_elsewhere(const struct conf_block *b, const struct conf_row *row, void *user)
{
    struct elsewhere *e = user;
    struct str path = str_of(b->path), from = str_of(e->from->path);
    bool below = from.len > 0 && str_starts(path, from);
    bool beside = str_ends(from, STR(".*")) && str_ends(path, STR(".*"));
    int rank = !row_takes(row, e->key) ? 0 : below ? 2 : beside ? 1 : 0;
    if (rank > e->rank) {
        e->rank = rank;
        e->block = b;
        e->row = row;
    }
}

static void help_with_keys(struct conf_reader *r, const struct conf_block *b, struct str key)
{
    struct elsewhere e = {.key = key, .from = b};
    struct str path = help_path(r, b);
    struct buf other;
    buf_init(&other, 256);
    conf_each_row(&CONF_TOP, find_elsewhere, &e);
    if (e.rank > 0) {
        buf_add_str(&other, STR("; there is "));
        conf_path(e.block, e.row, &other);
    }
    report_help(r->report, "penstock help%.*s lists the keys%.*s", STR_ARG(path),
                STR_ARG(buf_str(&other)));
    buf_done(&other);
}

/* The key of the block that was meant, as far as anybody can tell. */
static struct str unknown_key(struct conf_reader *r, const struct conf_block *b,
                              const struct node *key)
{
    struct conf_guess g;
    report_error(r->report, &key->place, "unknown key \"%.*s\" in %s",
                 STR_ARG(report_key(key->text)), b->what);
    conf_guess_init(&g, key->text);
    guess_others(&g, b);
    guess_rows(&g, b, r->arena);
    if (report_key(key->text).len < key->text.len) {
        report_help(r->report, "a key is followed by \": \", and then by its value");
    } else if (g.best.len > 0) {
        conf_guess_help(&g, r->report);
    } else if (b != &CONF_TOP && is_of_the_top(key->text)) {
        report_help(r->report, "it is a key of the top: it stands too deep here");
    } else {
        help_with_keys(r, b, key->text);
    }
    return g.best;
}

/* The key that was meant in place of an unknown one; empty: it is known, or nobody can tell. */
static struct str check_key(struct conf_reader *r, const struct conf_block *b,
                            const struct node_pair *pair)
{
    const struct node *key = pair->key;
    for (const struct conf_row *row = b->rows; row->key != NULL; row++) {
        if (row_takes(row, key->text)) {
            return STR_NONE;
        }
    }
    report_mask(r->report, &pair->value->place); /* it may be a misspelt "secret" */
    report_mask_key(r->report, &key->place, key->text);
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (strcmp(later[i].block, b->path) == 0 && str_eq(key->text, str_of(later[i].key))) {
            report_error(r->report, &key->place, "\"%.*s\" is not available in this version",
                         STR_ARG(report_key(key->text)));
            return STR_NONE;
        }
    }
    return unknown_key(r, b, key);
}

/* ---- rows ---- */

/* A default is written as in a file; a list of them goes through the YAML layer, too. */
static void fill(struct conf_reader *r, const struct conf_row *row, void *at)
{
    static const struct file_text nowhere = {.name = {"default", 7}};
    struct node text = {.kind = NODE_TEXT, .weight = 1, .place = {.file = &nowhere}};
    struct node *items[RETRY_STEPS];
    struct str item, rest = str_of(row->fallback);
    text.text = rest;
    bool list = str_starts(rest, STR("["));
    if (!list) {
        ENSURE(row->kind->read(r, row, &text, at));
        return;
    }
    struct node n = {.kind = NODE_LIST, .items = items, .place = text.place};
    rest = str_head(str_from(rest, 1), rest.len - 2);
    bool more;
    do {
        more = str_cut(rest, ',', &item, &rest);
        struct node *child = arena_take(r->arena, sizeof *child);
        *child = text;
        child->text = str_trim(item);
        ENSURE(n.n < RETRY_STEPS);
        items[n.n++] = child;
    } while (more);
    ENSURE(row->kind->read(r, row, &n, at));
}

static void read_secret_file(struct conf_reader *r, const struct node_pair *pair, void *at)
{
    struct str path, secret;
    if (conf_read_text(r, "the path", pair->value, &path) &&
        conf_read_secret_file(r, &pair->value->place, path, &secret)) {
        if (secret.len == 0) {
            report_error(r->report, &pair->value->place, "the file \"%.*s\" is empty",
                         STR_ARG(report_shown(path)));
        } else {
            *(struct str *)at = secret;
        }
    }
}

/* The value of `secret` or of `secret_file`. True: one of them was given. */
static bool read_file_form(struct conf_reader *r, const struct conf_row *row,
                           const struct node *map, void *at)
{
    struct str key = arena_printf(r->arena, "%s_file", row->key);
    const struct node_pair *file = node_find(map, key.at), *plain = node_find(map, row->key);
    if (file == NULL) {
        return false;
    }
    if (plain != NULL) {
        report_error(r->report, &file->key->place, "\"%s\" and \"%s\" are both given", row->key,
                     key.at);
        report_help(r->report, "keep one of them");
    } else {
        read_secret_file(r, file, at);
    }
    return true;
}

static void missing(struct conf_reader *r, const struct conf_block *b, const struct conf_row *row,
                    const struct place *p)
{
    report_error(r->report, p, "\"%s\" is missing in %s", row->key, b->what);
    report_help(r->report, "%s", row->help);
}

/* Keys of a block that were meant by unknown ones: nobody needs to be told that they are missing.
 */
struct meant {
    struct str v[8];
    size_t n;
};

static bool is_meant(const struct meant *m, const char *key)
{
    for (size_t i = 0; i < m->n; i++) {
        if (str_eq(m->v[i], str_of(key))) {
            return true;
        }
    }
    return false;
}

/* `value` NULL: not given. `p`: where the block stands, NULL when it was not given either. */
static void read_row(struct conf_reader *r, const struct conf_block *b, const struct conf_row *row,
                     const struct node *value, const struct place *p, char *base, bool inherit)
{
    void *at = base + row->at;
    bool kept = inherit && row->inherited;
    bool nested = row->kind == &KIND_BLOCK;
    if (value != NULL && nested && node_is_nothing(value)) {
        value = NULL; /* "redis:" with everything below it commented out */
    }
    if (value != NULL) {
        row->kind->read(r, row, value, at);
    } else if (row->required) {
        if (p != NULL) {
            missing(r, b, row, p);
        }
    } else if (nested && !kept) {
        conf_read_block(r, row->block, NULL, at, false);
    } else if (row->fallback != NULL && !kept) {
        fill(r, row, at);
    }
}

static void read_rows(struct conf_reader *r, const struct conf_block *b, const struct node *n,
                      void *base, bool inherit, const struct meant *meant)
{
    bool scalar = n != NULL && n->kind == NODE_TEXT;
    for (const struct conf_row *row = b->rows; row->key != NULL; row++) {
        if (has_file_form(row) && read_file_form(r, row, n, (char *)base + row->at)) {
            continue;
        }
        const struct node_pair *pair = node_find(n, row->key);
        const struct node *value = pair == NULL ? NULL : pair->value;
        if (scalar && strcmp(row->key, b->scalar) == 0) {
            value = n;
        }
        bool said = n == NULL || is_meant(meant, row->key);
        read_row(r, b, row, value, said ? NULL : &n->place, base, inherit);
    }
}

void conf_read_block(struct conf_reader *r, const struct conf_block *b, const struct node *n,
                     void *base, bool inherit)
{
    if (n != NULL && n->kind != NODE_MAP && !(n->kind == NODE_TEXT && b->scalar != NULL)) {
        report_error(r->report, &n->place, "expected a mapping for %s, not %s", b->what,
                     node_is_nothing(n) ? "nothing" : node_kind_name(n));
        report_help(r->report, "penstock help%.*s shows how it is written",
                    STR_ARG(help_path(r, b)));
        n = NULL;
    }
    struct meant meant = {.n = 0};
    for (size_t i = 0; n != NULL && n->kind == NODE_MAP && i < n->n && !report_full(r->report);
         i++) {
        struct str key = check_key(r, b, &n->pairs[i]);
        if (key.len > 0 && meant.n < sizeof meant.v / sizeof meant.v[0]) {
            meant.v[meant.n++] = key;
        }
    }
    if (!report_full(r->report)) {
        read_rows(r, b, n, base, inherit, &meant);
    }
    if (n != NULL && b->check != NULL) {
        b->check(r, n, base);
    }
}

const struct place *conf_place(const struct conf_item *item, const char *key)
{
    const struct node_pair *pair = node_find(item->value, key);
    bool short_form = item->value != NULL && item->value->kind == NODE_TEXT;
    return pair != NULL ? &pair->value->place : short_form ? &item->value->place : &item->place;
}
