/* Which keys have another effective value in another configuration. */
#include "model/conf_rows.h"

#include "model/filter.h"

#include <string.h>

enum { VALUE_MOST = 4 << 20 };

static bool same_texts(const struct conf_texts *a, const struct conf_texts *b)
{
    size_t i = 0;
    while (i < a->n && i < b->n && str_eq(a->v[i].text, b->v[i].text) &&
           str_eq(a->v[i].name, b->v[i].name)) {
        i++;
    }
    return i == a->n && i == b->n;
}

static bool same_pairs(const struct conf_pairs *a, const struct conf_pairs *b)
{
    size_t i = 0;
    while (i < a->n && i < b->n && str_eq(a->v[i].name, b->v[i].name) &&
           str_eq(a->v[i].value, b->v[i].value)) {
        i++;
    }
    return i == a->n && i == b->n;
}

static void print_value(const struct conf_row *row, const void *at, struct buf *out)
{
    if (row->kind->wants == NULL || row->kind->wants(at)) {
        row->kind->print(row, at, 0, out);
    }
}

/* One scheme, or several. */
static bool same_verify(const struct conf_row *row, const struct file_verify *a,
                        const struct file_verify *b)
{
    static const char *const but[] = {"secret", "secrets", NULL}; /* see `conf_put_differing` */
    bool same = a->list_count == b->list_count && a->all == b->all;
    if (a->list_count == 0) {
        return same && conf_same_rows(row->block, a, b, but);
    }
    for (size_t i = 0; i < a->list_count && same; i++) {
        same = conf_same_rows(row->block, &a->list[i], &b->list[i], but);
    }
    return same;
}

/* One by one, for what is in them may be masked. */
static bool same_items(const struct conf_row *row, const struct conf_items *a,
                       const struct conf_items *b)
{
    static const char *const none[] = {NULL};
    bool same = a->n == b->n;
    for (size_t i = 0; i < a->n && same; i++) {
        const void *x = (const char *)a->v + i * row->block->size;
        const void *y = (const char *)b->v + i * row->block->size;
        same = str_eq(((const struct conf_item *)x)->name, ((const struct conf_item *)y)->name) &&
               conf_same_rows(row->block, x, y, none);
    }
    return same;
}

/* Either may be NULL. */
static bool same_filter(const struct filter *a, const struct filter *b)
{
    struct buf x, y;
    if (a == NULL || b == NULL) {
        return a == b;
    }
    buf_init(&x, VALUE_MOST);
    buf_init(&y, VALUE_MOST);
    filter_print(a, false, &x);
    filter_print(b, false, &y);
    bool same = str_eq(buf_str(&x), buf_str(&y));
    conf_wipe(&x);
    conf_wipe(&y);
    return same;
}

/* What is printed as *** is compared itself. */
static bool same_value(const struct conf_row *row, const void *a, const void *b)
{
    if (row->kind == &KIND_MASKED) {
        return str_eq(((const struct conf_masked *)a)->text, ((const struct conf_masked *)b)->text);
    }
    if (row->kind == &KIND_FILTER) {
        return same_filter(*(const struct filter *const *)a, *(const struct filter *const *)b);
    }
    if (row->kind == &KIND_NAMED || row->kind == &KIND_ITEMS) {
        return same_items(row, a, b);
    }
    if (row->kind == &KIND_VERIFY) {
        return same_verify(row, a, b);
    }
    if (row->kind == &KIND_SECRET) {
        return str_eq(*(const struct str *)a, *(const struct str *)b);
    }
    if (row->kind == &KIND_SECRETS) {
        return same_texts(a, b);
    }
    if (row->kind == &KIND_PAIRS) {
        return same_pairs(a, b);
    }
    struct buf x, y;
    buf_init(&x, VALUE_MOST);
    buf_init(&y, VALUE_MOST);
    print_value(row, a, &x);
    print_value(row, b, &y);
    bool same = str_eq(buf_str(&x), buf_str(&y));
    buf_done(&x);
    buf_done(&y);
    return same;
}

static bool is_among(const char *key, const char *const *keys)
{
    while (*keys != NULL && strcmp(*keys, key) != 0) {
        keys++;
    }
    return *keys != NULL;
}

static void differ(const struct conf_block *block, const void *a, const void *b,
                   const char *const *but, const char *around, struct buf *out)
{
    static const char *const none[] = {NULL};
    for (const struct conf_row *row = block->rows; row->key != NULL; row++) {
        const void *x = (const char *)a + row->at, *y = (const char *)b + row->at;
        if (is_among(row->key, but)) {
            continue;
        }
        if (row->kind == &KIND_BLOCK) {
            differ(row->block, x, y, none, row->key, out);
        } else if (!same_value(row, x, y)) {
            buf_printf(out, "%s%s%s%s", out->len > 0 ? ", " : "", around,
                       around[0] != '\0' ? "." : "", row->key);
        }
    }
}

bool conf_same_rows(const struct conf_block *b, const void *x, const void *y,
                    const char *const *but)
{
    struct buf keys;
    buf_init(&keys, VALUE_MOST);
    differ(b, x, y, but, "", &keys);
    bool same = keys.len == 0;
    buf_done(&keys);
    return same;
}

static const struct conf_row *row_of(const char *key)
{
    const struct conf_row *row = CONF_TOP.rows;
    while (strcmp(row->key, key) != 0) {
        row++;
    }
    return row;
}

static const void *item_of(const struct conf *c, const struct conf_row *row, struct str name)
{
    const struct conf_items *items = (const void *)((const char *)c + row->at);
    for (size_t i = 0; i < items->n; i++) {
        const void *at = (const char *)items->v + i * row->block->size;
        if (str_eq(((const struct conf_item *)at)->name, name)) {
            return at;
        }
    }
    return NULL;
}

void conf_put_differing(const struct conf *a, const struct conf *b, const char *key,
                        struct str name, const char *const *but, struct buf *out)
{
    const struct conf_row *row = row_of(key); /* what the rows fill begins with the conf */
    const void *x = item_of(a, row, name), *y = item_of(b, row, name);
    if (x != NULL && y != NULL) {
        differ(row->block, x, y, but, "", out);
    }
}

void conf_put_differing_at(const struct conf *a, const struct conf *b, const char *key,
                           struct buf *out)
{
    static const char *const none[] = {NULL};
    const struct conf_row row[] = {*row_of(key), {.key = NULL}};
    differ(&(struct conf_block){.rows = row}, a, b, none, "", out);
}
