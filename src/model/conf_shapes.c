/* Kinds of values that have a shape of their own: nested blocks, maps of names, lists of items,
 * header fields, and what the retry block holds. */
#include "model/conf_rows.h"

#include "base/log.h"

#include <string.h>

/* ---- blocks, maps of them, lists of them ---- */

static void indent(unsigned depth, struct buf *out)
{
    for (unsigned i = 0; i < depth; i++) {
        buf_add_str(out, STR("  "));
    }
}

void conf_print_block(const struct conf_block *b, const void *base, unsigned depth, struct buf *out)
{
    for (const struct conf_row *row = b->rows; row->key != NULL; row++) {
        const void *at = (const char *)base + row->at;
        if (row->kind->wants != NULL && !row->kind->wants(at)) {
            continue;
        }
        size_t before = out->len;
        indent(depth, out);
        buf_printf(out, "%s:", row->key);
        size_t head = out->len;
        row->kind->print(row, at, depth, out);
        if (row->kind == &KIND_BLOCK && out->len == head + 1) { /* there is nothing in it */
            out->len = before;
        }
    }
}

static bool block_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                       void *at)
{
    conf_read_block(r, row->block, n, at, false);
    return true;
}

static void block_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    buf_add_char(out, '\n');
    conf_print_block(row->block, at, depth + 1, out);
}

const struct conf_kind KIND_BLOCK = {block_read, block_print, NULL};

static bool items_wants(const void *at)
{
    return ((const struct conf_items *)at)->n > 0;
}

static struct conf_item *item_at(const struct conf_items *items, const struct conf_block *b,
                                 size_t i)
{
    return (struct conf_item *)(void *)((char *)items->v + i * b->size);
}

/* Names are labels of metrics and parts of keys and paths, so they are plain. */
static bool name_is_good(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        bool first = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        if (!first && (i == 0 || (c != '_' && c != '.' && c != '-'))) {
            return false;
        }
    }
    return s.len > 0 && s.len <= 64;
}

static bool too_many(struct conf_reader *r, const struct conf_row *row, const struct node *n)
{
    if (n->n > row->most) {
        report_error(r->report, &n->place, "\"%s\" has more than %llu entries", row->key,
                     (unsigned long long)row->most);
        return true;
    }
    return false;
}

static bool make_items(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                       struct conf_items *items)
{
    if (too_many(r, row, n)) {
        return false;
    }
    *items = (struct conf_items){arena_array(r->arena, n->n, row->block->size), n->n};
    return true;
}

static bool named_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                       void *at)
{
    const struct conf_block *b = row->block;
    if (n->kind != NODE_MAP && !node_is_nothing(n)) {
        report_error(r->report, &n->place, "\"%s\" takes a mapping of names, not %s", row->key,
                     node_kind_name(n));
        report_help(r->report, "write each as NAME: {...}, without \"- \"");
        return false;
    }
    struct conf_items *items = at;
    if (!make_items(r, row, n, items)) {
        return false;
    }
    for (size_t i = 0; i < n->n; i++) {
        struct conf_item *item = item_at(items, b, i);
        const struct node_pair *pair = &n->pairs[i];
        if (row->inherits > 0) { /* beside this row's value, in the same struct */
            memcpy(item, (char *)at - row->at + row->inherits - 1, b->size);
        }
        *item = (struct conf_item){pair->key->text, pair->key->place, pair->value};
        if (!name_is_good(item->name)) {
            struct str shown = report_key(item->name);
            report_mask_key(r->report, &pair->key->place, item->name);
            report_error(r->report, &pair->key->place, "\"%.*s\" is not a name", STR_ARG(shown));
            report_help(r->report,
                        "a name has up to 64 of a-z 0-9 _ . - and begins with one of a-z 0-9");
        }
        conf_read_block(r, b, pair->value, item, row->inherits > 0);
    }
    return true;
}

static void named_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    const struct conf_items *items = at;
    buf_add_char(out, '\n');
    for (size_t i = 0; i < items->n; i++) {
        const struct conf_item *item = item_at(items, row->block, i);
        indent(depth + 1, out);
        buf_printf(out, "%.*s:\n", STR_ARG(item->name));
        conf_print_block(row->block, item, depth + 2, out);
    }
}

const struct conf_kind KIND_NAMED = {named_read, named_print, items_wants};

static bool items_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                       void *at)
{
    const struct conf_block *b = row->block;
    if (n->kind != NODE_LIST && !node_is_nothing(n)) {
        report_error(r->report, &n->place, "\"%s\" takes a list, not %s", row->key,
                     node_kind_name(n));
        report_help(r->report, "begin each entry with \"- \"");
        return false;
    }
    struct conf_items *items = at;
    if (!make_items(r, row, n, items)) {
        return false;
    }
    for (size_t i = 0; i < n->n; i++) {
        struct conf_item *item = item_at(items, b, i);
        *item = (struct conf_item){STR_NONE, n->items[i]->place, n->items[i]};
        conf_read_block(r, b, n->items[i], item, false);
    }
    return true;
}

static void items_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    const struct conf_items *items = at;
    buf_add_char(out, '\n');
    for (size_t i = 0; i < items->n; i++) {
        size_t start = out->len;
        conf_print_block(row->block, item_at(items, row->block, i), depth + 2, out);
        if (out->len > start) { /* "- " in place of the first key's last two spaces */
            out->at[start + 2 * (size_t)(depth + 1)] = '-';
        }
    }
}

const struct conf_kind KIND_ITEMS = {items_read, items_print, items_wants};

/* ---- header fields ---- */

static bool pairs_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                       void *at)
{
    if (n->kind != NODE_MAP) {
        report_error(r->report, &n->place, "\"%s\" takes a mapping of names to values, not %s",
                     row->key, node_kind_name(n));
        report_help(r->report, "write each as NAME: \"VALUE\", without \"- \"");
        return false;
    }
    if (too_many(r, row, n)) {
        return false;
    }
    struct conf_pairs p = {arena_array(r->arena, n->n, sizeof *p.v), 0};
    for (size_t i = 0; i < n->n; i++) {
        const struct node_pair *pair = &n->pairs[i];
        struct str shown = report_shown(pair->key->text);
        struct conf_masked value;
        if (conf_read_masked(r, arena_printf(r->arena, "%.*s", STR_ARG(shown)).at, pair->value,
                             &value)) {
            bool filled_in = conf_is_masked(&value);
            bool sensitive = report_is_sensitive(pair->key->text);
            p.v[p.n++] =
                (struct conf_pair){pair->key->text, value.text, filled_in || sensitive, pair->key};
            if (sensitive) {
                if (!filled_in) {
                    report_mask(r->report, &pair->value->place);
                }
                conf_warn_of_open_secret(r, arena_printf(r->arena, "%.*s", STR_ARG(shown)).at,
                                         pair->value);
            }
        }
    }
    *(struct conf_pairs *)at = p;
    return true;
}

static void pairs_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    (void)row;
    const struct conf_pairs *p = at;
    buf_add_char(out, '\n');
    for (size_t i = 0; i < p->n; i++) {
        indent(depth + 1, out);
        conf_print_text(p->v[i].name, out);
        buf_add_str(out, STR(": "));
        conf_print_text(p->v[i].masked ? STR("***") : p->v[i].value, out);
        buf_add_char(out, '\n');
    }
}

static bool pairs_wants(const void *at)
{
    return ((const struct conf_pairs *)at)->n > 0;
}

const struct conf_kind KIND_PAIRS = {pairs_read, pairs_print, pairs_wants};

/* ---- lists of words ---- */

/* The texts of a list, or of the one that stands alone; at most `most` of them. */
static struct conf_texts words_of(struct conf_reader *r, const struct conf_row *row,
                                  const struct node *n)
{
    struct conf_texts t = {NULL, 0};
    return KIND_TEXTS.read(r, row, n, &t) ? t : (struct conf_texts){NULL, 0};
}

static bool methods_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                         void *at)
{
    struct conf_texts t = words_of(r, row, n);
    unsigned bits = 0;
    for (size_t i = 0; i < t.n; i++) {
        unsigned bit = 0;
        for (unsigned k = 0; row->words[k] != NULL; k++) {
            bit |= str_eq(t.v[i].text, str_of(row->words[k])) ? 1u << k : 0;
        }
        if (bit == 0) {
            struct conf_guess g;
            conf_guess_init(&g, t.v[i].text);
            for (unsigned k = 0; row->words[k] != NULL; k++) {
                conf_guess_try(&g, str_of(row->words[k]));
            }
            (void)conf_refuse(r, row, t.v[i].node,
                              "expected GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS",
                              t.v[i].text, NULL);
            conf_guess_help(&g, r->report);
            return false;
        }
        bits |= bit;
    }
    if (bits > 0) {
        *(unsigned *)at = bits;
    }
    return bits > 0;
}

static void methods_print(const struct conf_row *row, const void *at, unsigned depth,
                          struct buf *out)
{
    (void)depth;
    unsigned bits = *(const unsigned *)at;
    const char *before = " [";
    for (unsigned k = 0; row->words[k] != NULL; k++) {
        if ((bits >> k & 1) != 0) {
            buf_printf(out, "%s%s", before, row->words[k]);
            before = ", ";
        }
    }
    buf_add_str(out, STR("]\n"));
}

const struct conf_kind KIND_METHODS = {methods_read, methods_print, NULL};

/* ---- the retry block: all of these fill a struct retry_policy ---- */

static bool schedule_step(struct conf_reader *r, const struct conf_row *row,
                          const struct conf_text *t, int64_t *out)
{
    const char *why = text_duration(t->text, out);
    if (why != NULL) {
        return conf_refuse(r, row, t->node, why, t->text, "s");
    }
    if (*out < (int64_t)row->least || *out > 30 * 86400000LL) {
        report_error(r->report, &t->node->place, "a step of \"%s\" must be from %llums to 30d",
                     row->key, (unsigned long long)row->least);
        return false;
    }
    return true;
}

static bool schedule_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                          void *at)
{
    struct retry_policy *p = at;
    struct conf_row list = *row;
    list.least = 1;
    struct conf_texts t = words_of(r, &list, n);
    unsigned steps = 0;
    bool repeat = false, good = t.n > 0;
    for (size_t i = 0; i < t.n && good; i++) {
        if (!str_eq(t.v[i].text, STR("..."))) {
            good = schedule_step(r, row, &t.v[i], &p->step_ms[steps]);
            steps++;
        } else if (i > 0 && i + 1 == t.n) {
            repeat = true;
        } else {
            report_error(r->report, &t.v[i].node->place,
                         "\"...\" repeats the step before it, so it stands last");
            good = false;
        }
    }
    if (good) {
        p->steps = steps;
        p->repeat_last = repeat;
        p->exponential = false;
    }
    return good;
}

static void schedule_print(const struct conf_row *row, const void *at, unsigned depth,
                           struct buf *out)
{
    (void)row;
    (void)depth;
    const struct retry_policy *p = at;
    for (unsigned i = 0; i < p->steps; i++) {
        char text[32];
        buf_printf(out, "%s%.*s", i == 0 ? " [" : ", ", (int)text_put_duration(text, p->step_ms[i]),
                   text);
    }
    buf_add_str(out, p->repeat_last ? STR(", ...]\n") : STR("]\n"));
}

static bool schedule_wants(const void *at)
{
    const struct retry_policy *p = at;
    return !p->exponential && p->steps > 0;
}

const struct conf_kind KIND_SCHEDULE = {schedule_read, schedule_print, schedule_wants};

static bool exponential_read(struct conf_reader *r, const struct conf_row *row,
                             const struct node *n, void *at)
{
    struct retry_policy *p = at;
    conf_read_block(r, row->block, n, at, false);
    p->exponential = true;
    return true;
}

static bool exponential_wants(const void *at)
{
    return ((const struct retry_policy *)at)->exponential;
}

const struct conf_kind KIND_EXPONENTIAL = {exponential_read, block_print, exponential_wants};

static bool condition_set(struct retry_policy *p, struct str word)
{
    uint64_t status;
    if (str_eq(word, STR("network"))) {
        p->on_network = true;
    } else if (str_eq(word, STR("timeout"))) {
        p->on_timeout = true;
    } else if (str_eq(word, STR("5xx"))) {
        p->on_5xx = true;
    } else if (text_u64(word, 599, &status) == NULL && status >= 400) {
        p->status[p->statuses++] = (uint16_t)status;
    } else {
        return false;
    }
    return true;
}

static bool conditions_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                            void *at)
{
    struct retry_policy *p = at, fresh = {0};
    _Static_assert(sizeof p->status / sizeof p->status[0] == 16, "the row's bound is 16");
    struct conf_texts t = words_of(r, row, n);
    for (size_t i = 0; i < t.n; i++) {
        if (!condition_set(&fresh, t.v[i].text)) {
            return conf_refuse(r, row, t.v[i].node,
                               "expected network, timeout, 5xx or a status from 400 to 599",
                               t.v[i].text, NULL);
        }
    }
    p->on_network = fresh.on_network;
    p->on_timeout = fresh.on_timeout;
    p->on_5xx = fresh.on_5xx;
    p->statuses = fresh.statuses;
    memcpy(p->status, fresh.status, sizeof p->status);
    return true;
}

static void conditions_print(const struct conf_row *row, const void *at, unsigned depth,
                             struct buf *out)
{
    (void)row;
    (void)depth;
    const struct retry_policy *p = at;
    const char *before = " [";
    const struct {
        bool on;
        const char *word;
    } words[] = {{p->on_network, "network"}, {p->on_timeout, "timeout"}, {p->on_5xx, "5xx"}};
    for (size_t i = 0; i < 3; i++) {
        if (words[i].on) {
            buf_printf(out, "%s%s", before, words[i].word);
            before = ", ";
        }
    }
    for (unsigned i = 0; i < p->statuses; i++) {
        buf_printf(out, "%s%u", before, p->status[i]);
        before = ", ";
    }
    buf_add_str(out, before[0] == ' ' ? STR(" []\n") : STR("]\n"));
}

const struct conf_kind KIND_CONDITIONS = {conditions_read, conditions_print, NULL};

/* ---- Redis' URL: text that may hold a password ---- */

static bool redis_url_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                           void *at)
{
    bool good = KIND_TEXT.read(r, row, n, at);
    bool filled_in = str_find(n->text, STR("${")).len > 0; /* perhaps the host is */
    if (good && !filled_in && text_glob(STR("*://*:*@*"), *(const struct str *)at)) {
        conf_warn_of_open_secret(r, "password", n);
    }
    return good;
}

static void redis_url_print(const struct conf_row *row, const void *at, unsigned depth,
                            struct buf *out)
{
    struct str url = *(const struct str *)at, shown = url;
    struct buf b;
    buf_init(&b, url.len + 16);
    for (size_t i = url.len; i-- > 0;) { /* up to the last '@' it may be a password */
        if (url.at[i] == '@') {
            buf_add_str(&b, str_istarts(url, STR("rediss:")) ? STR("rediss://***")
                                                             : STR("redis://***"));
            buf_add_str(&b, str_from(url, i));
            shown = buf_str(&b);
            break;
        }
    }
    KIND_TEXT.print(row, &shown, depth, out);
    buf_done(&b);
}

static bool redis_url_wants(const void *at)
{
    return ((const struct str *)at)->len > 0;
}

const struct conf_kind KIND_REDIS_URL = {redis_url_read, redis_url_print, redis_url_wants};

/* ---- ranges of addresses; one alone may stand without the list ---- */

void conf_help_with_range(struct conf_reader *r, struct str text)
{
    struct str address, prefix;
    struct cidr c;
    uint64_t bits;
    if (!str_cut(text, '/', &address, &prefix) || cidr_parse(address, &c) != NULL) {
        return;
    }
    bool v4 = !str_has(address, ':');
    if (text_u64(prefix, v4 ? 32 : 128, &bits) != NULL) {
        return;
    }
    c.bits = (unsigned)bits + (v4 ? 96 : 0);
    for (unsigned i = c.bits; i < 128; i++) {
        c.address.v[i / 8] = (unsigned char)(c.address.v[i / 8] & ~(0x80u >> i % 8));
    }
    char range[CIDR_TEXT];
    report_help(r->report, "did you mean %.*s?", (int)cidr_format(&c, range), range);
}

static bool cidrs_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                       void *at)
{
    struct conf_texts t = {NULL, 0};
    if (!KIND_TEXTS.read(r, row, n, &t)) {
        return false;
    }
    struct conf_cidrs c = {arena_array(r->arena, t.n, sizeof *c.v), t.n};
    bool good = true;
    for (size_t i = 0; i < t.n; i++) {
        const char *why = cidr_parse(t.v[i].text, &c.v[i]);
        if (why != NULL) {
            good = conf_refuse(r, row, t.v[i].node, why, t.v[i].text, NULL);
            conf_help_with_range(r, t.v[i].node->text);
        }
    }
    if (good) {
        *(struct conf_cidrs *)at = c;
    }
    return good;
}

static void cidrs_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    (void)row;
    (void)depth;
    const struct conf_cidrs *c = at;
    char text[CIDR_TEXT];
    for (size_t i = 0; i < c->n; i++) { /* quoted: a bare :: is no YAML text */
        buf_add_str(out, i == 0 ? STR(" [\"") : STR(", \""));
        buf_add(out, text, cidr_format(&c->v[i], text));
        buf_add_char(out, '"');
    }
    buf_add_str(out, STR("]\n"));
}

static bool cidrs_want(const void *at)
{
    return ((const struct conf_cidrs *)at)->n > 0;
}

const struct conf_kind KIND_CIDRS = {cidrs_read, cidrs_print, cidrs_want};

/* ---- rates ---- */

static bool rate_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                      void *at)
{
    struct conf_rate rate;
    if (!conf_read_text(r, row->key, n, &rate.text)) {
        return false;
    }
    const char *why = text_rate(rate.text, &rate.per_s);
    if (why == NULL && rate.per_s <= 0) {
        why = "a rate is at least 1/h";
    }
    if (why != NULL) {
        return conf_refuse(r, row, n, why, rate.text, "/s");
    }
    *(struct conf_rate *)at = rate;
    return true;
}

static void rate_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    (void)row;
    (void)depth;
    buf_printf(out, " %.*s\n", STR_ARG(((const struct conf_rate *)at)->text));
}

static bool rate_wants(const void *at)
{
    return ((const struct conf_rate *)at)->per_s > 0;
}

const struct conf_kind KIND_RATE = {rate_read, rate_print, rate_wants};
