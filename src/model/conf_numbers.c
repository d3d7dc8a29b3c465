/* Kinds of values that are numbers, with and without units. */
#include "model/conf_rows.h"

#include <string.h>

_Static_assert(sizeof(size_t) == sizeof(uint64_t), "KIND_BYTES also stores into a size_t");

static bool in_bounds(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                      uint64_t v, struct str least, struct str most)
{
    if (v >= row->least && v <= row->most) {
        return true;
    }
    if (row->least == row->most) {
        report_error(r->report, &n->place, "\"%s\" must be %.*s", row->key, STR_ARG(least));
    } else {
        report_error(r->report, &n->place, "\"%s\" must be from %.*s to %.*s", row->key,
                     STR_ARG(least), STR_ARG(most));
    }
    return false;
}

static bool count_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                       void *at)
{
    struct str text;
    uint64_t v;
    if (!conf_read_text(r, row->key, n, &text)) {
        return false;
    }
    if (row->words != NULL && str_eq(text, str_of(row->words[0]))) {
        *(unsigned *)at = 0; /* the word that stands for "as fits" */
        return true;
    }
    const char *why = text_u64(text, UINT64_MAX, &v);
    if (why != NULL) {
        why = row->words != NULL ? "expected auto or a whole number" : why;
        return conf_refuse(r, row, n, why, text, NULL);
    }
    char least[20], most[20];
    if (!in_bounds(r, row, n, v, (struct str){least, text_put_u64(least, row->least)},
                   (struct str){most, text_put_u64(most, row->most)})) {
        return false;
    }
    *(unsigned *)at = (unsigned)v;
    return true;
}

static void count_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    (void)depth;
    unsigned v = *(const unsigned *)at;
    if (v == 0 && row->words != NULL) {
        buf_printf(out, " %s\n", row->words[0]);
    } else {
        buf_printf(out, " %u\n", v);
    }
}

const struct conf_kind KIND_COUNT = {count_read, count_print, NULL};

size_t conf_put_size(char out[32], uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    size_t unit = 0;
    for (; unit < 3 && bytes > 0 && bytes % 1024 == 0; unit++) {
        bytes /= 1024;
    }
    size_t n = text_put_u64(out, bytes), len = strlen(units[unit]);
    memcpy(out + n, units[unit], len);
    return n + len;
}

static bool bytes_check(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                        uint64_t v)
{
    char least[32], most[32];
    return in_bounds(r, row, n, v, (struct str){least, conf_put_size(least, row->least)},
                     (struct str){most, conf_put_size(most, row->most)});
}

static bool bytes_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                       void *at)
{
    struct str text;
    uint64_t v;
    if (!conf_read_text(r, row->key, n, &text)) {
        return false;
    }
    const char *why = text_size(text, &v);
    if (why != NULL) {
        return conf_refuse(r, row, n, why, text, "KiB");
    }
    if (!bytes_check(r, row, n, v)) {
        return false;
    }
    *(uint64_t *)at = v;
    return true;
}

static void bytes_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    (void)row;
    (void)depth;
    char text[32];
    buf_printf(out, " %.*s\n", (int)conf_put_size(text, *(const uint64_t *)at), text);
}

static bool bytes_wants(const void *at)
{
    return *(const uint64_t *)at > 0;
}

const struct conf_kind KIND_BYTES = {bytes_read, bytes_print, bytes_wants};

static bool share_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                       void *at)
{
    struct str text;
    uint64_t v;
    if (!conf_read_text(r, row->key, n, &text)) {
        return false;
    }
    if (text_percent(text, &v) == NULL) {
        *(struct conf_share *)at = (struct conf_share){0, (unsigned)v};
        return true;
    }
    if (text_size(text, &v) != NULL) {
        return conf_refuse(r, row, n, "expected a size such as 256MiB or a part such as 25%", text,
                           "MiB");
    }
    if (!bytes_check(r, row, n, v)) {
        return false;
    }
    *(struct conf_share *)at = (struct conf_share){v, 0};
    return true;
}

static void share_print(const struct conf_row *row, const void *at, unsigned depth, struct buf *out)
{
    const struct conf_share *s = at;
    if (s->bytes > 0) {
        bytes_print(row, &s->bytes, depth, out);
    } else {
        buf_printf(out, " %u%%\n", s->percent);
    }
}

const struct conf_kind KIND_SHARE = {share_read, share_print, NULL};

static bool duration_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                          void *at)
{
    struct str text;
    int64_t ms;
    if (!conf_read_text(r, row->key, n, &text)) {
        return false;
    }
    const char *why = text_duration(text, &ms);
    if (why != NULL) {
        return conf_refuse(r, row, n, why, text, "s");
    }
    char least[32], most[32];
    if (!in_bounds(r, row, n, (uint64_t)ms,
                   (struct str){least, text_put_duration(least, (int64_t)row->least)},
                   (struct str){most, text_put_duration(most, (int64_t)row->most)})) {
        return false;
    }
    *(int64_t *)at = ms;
    return true;
}

static void duration_print(const struct conf_row *row, const void *at, unsigned depth,
                           struct buf *out)
{
    (void)row;
    (void)depth;
    char text[32];
    buf_printf(out, " %.*s\n", (int)text_put_duration(text, *(const int64_t *)at), text);
}

static bool duration_wants(const void *at)
{
    return *(const int64_t *)at >= 0;
}

const struct conf_kind KIND_DURATION = {duration_read, duration_print, duration_wants};

static bool percent_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                         void *at)
{
    struct str text;
    uint64_t v;
    if (!conf_read_text(r, row->key, n, &text)) {
        return false;
    }
    const char *why = text_percent(text, &v);
    if (why != NULL) {
        return conf_refuse(r, row, n, why, text, "%");
    }
    if (v > row->most) {
        report_error(r->report, &n->place, "\"%s\" must be at most %llu%%", row->key,
                     (unsigned long long)row->most);
        return false;
    }
    *(unsigned *)at = (unsigned)v;
    return true;
}

static void percent_print(const struct conf_row *row, const void *at, unsigned depth,
                          struct buf *out)
{
    (void)row;
    (void)depth;
    buf_printf(out, " %u%%\n", *(const unsigned *)at);
}

const struct conf_kind KIND_PERCENT = {percent_read, percent_print, NULL};

/* A decimal such as 2 or 1.5: digits, perhaps a point and up to three more. */
static bool factor_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                        void *at)
{
    struct str text, whole, part;
    uint64_t w, p = 0;
    if (!conf_read_text(r, row->key, n, &text)) {
        return false;
    }
    bool point = str_cut(text, '.', &whole, &part);
    if (text_u64(whole, 1000000, &w) != NULL ||
        (point && (part.len > 3 || text_u64(part, 999, &p) != NULL))) {
        return conf_refuse(r, row, n, "expected a number such as 2 or 1.5", text, NULL);
    }
    static const double scale[] = {1, 10, 100, 1000};
    double v = (double)w + (double)p / scale[part.len];
    if (v < (double)row->least || v > (double)row->most) {
        report_error(r->report, &n->place, "\"%s\" must be from %llu to %llu", row->key,
                     (unsigned long long)row->least, (unsigned long long)row->most);
        return false;
    }
    *(double *)at = v;
    return true;
}

static void factor_print(const struct conf_row *row, const void *at, unsigned depth,
                         struct buf *out)
{
    (void)row;
    (void)depth;
    buf_printf(out, " %g\n", *(const double *)at);
}

const struct conf_kind KIND_FACTOR = {factor_read, factor_print, NULL};
