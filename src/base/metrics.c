/* The table of metrics and its exposition. */
#include "base/metrics.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    uint64_t us;
    const char *le;
} bounds[METRIC_BUCKETS] = {
    {250, "0.00025"}, {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},
    {10000, "0.01"},  {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"},
    {500000, "0.5"},  {1000000, "1"},   {2500000, "2.5"}, {10000000, "10"},
};

void metrics_init(struct metrics *m)
{
    m->first = NULL;
    m->last = &m->first;
}

void metrics_done(struct metrics *m)
{
    for (struct metric_family *f = m->first, *next; f != NULL; f = next) {
        next = f->next;
        for (struct metric *s = f->first, *after; s != NULL; s = after) {
            after = s->next;
            free(s->labels);
            free(s);
        }
        map_done(&f->by_labels);
        free(f);
    }
    metrics_init(m);
}

struct metric_family *metrics_family(struct metrics *m, enum metric_kind kind, const char *name,
                                     const char *help)
{
    struct metric_family *f = calloc(1, sizeof *f);
    ENSURE(f != NULL);
    f->kind = kind;
    f->name = name;
    f->help = help;
    f->last = &f->first;
    map_init(&f->by_labels);
    f->by_labels.borrows = true;
    *m->last = f;
    m->last = &f->next;
    return f;
}

static void add_label(struct buf *b, const char *key, const char *value)
{
    buf_printf(b, "%s%s=\"", b->len == 0 ? "" : ",", key);
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"') {
            buf_add_char(b, '\\');
        }
        buf_add_char(b, *value == '\n' ? ' ' : *value);
    }
    buf_add_char(b, '"');
}

/* Finds or makes the series; `labels` is taken over. */
static struct metric *series_of(struct metric_family *f, char *labels, bool *made)
{
    struct metric *s = map_find(&f->by_labels, str_of(labels));
    *made = s == NULL;
    if (s != NULL) {
        free(labels);
        return s;
    }
    s = calloc(1, sizeof *s);
    ENSURE(s != NULL);
    s->labels = labels;
    map_set(&f->by_labels, str_of(labels), s);
    *f->last = s;
    f->last = &s->next;
    return s;
}

struct metric *metric_of(struct metric_family *f, ...)
{
    struct buf b;
    bool made;
    buf_init(&b, 1024);
    va_list args;
    va_start(args, f);
    const char *key;
    while ((key = va_arg(args, const char *)) != NULL) {
        add_label(&b, key, va_arg(args, const char *));
    }
    va_end(args);
    return series_of(f, buf_take(&b), &made);
}

void metric_add(struct metric *s, uint64_t n)
{
    s->value += n;
}

void metric_set(struct metric *s, uint64_t v)
{
    s->value = v;
}

void metric_observe_us(struct metric *s, uint64_t us)
{
    size_t i = 0;
    while (i < METRIC_BUCKETS && us > bounds[i].us) {
        i++;
    }
    if (i < METRIC_BUCKETS) {
        s->buckets[i]++;
    }
    s->value++;
    s->sum_us += us;
}

static void sum_series(enum metric_sum sum, struct metric *into, const struct metric *from)
{
    if (sum == METRIC_ADD) {
        into->value += from->value;
        into->sum_us += from->sum_us;
        for (size_t i = 0; i < METRIC_BUCKETS; i++) {
            into->buckets[i] += from->buckets[i];
        }
    } else if ((sum == METRIC_LEAST) == (from->value < into->value)) {
        into->value = from->value;
    }
}

void metrics_sum(struct metrics *into, const struct metrics *from)
{
    struct metric_family *to = into->first;
    for (const struct metric_family *f = from->first; f != NULL; f = f->next) {
        if (to == NULL) {
            to = metrics_family(into, f->kind, f->name, f->help);
            to->sum = f->sum;
        }
        struct metric *next = to->first; /* mostly in the same order: no search then */
        for (const struct metric *s = f->first; s != NULL; s = s->next) {
            bool made = false;
            struct metric *t = next;
            if (t == NULL || strcmp(t->labels, s->labels) != 0) {
                char *labels = strdup(s->labels);
                ENSURE(labels != NULL);
                t = series_of(to, labels, &made);
            }
            sum_series(made ? METRIC_ADD : f->sum, t, s);
            next = t->next;
        }
        to = to->next;
    }
}

static void write_histogram(const char *name, const struct metric *s, struct buf *out)
{
    const char *comma = s->labels[0] == '\0' ? "" : ",";
    uint64_t sum = 0;
    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        sum += s->buckets[i];
        buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %llu\n", name, s->labels, comma, bounds[i].le,
                   (unsigned long long)sum);
    }
    buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %llu\n", name, s->labels, comma,
               (unsigned long long)s->value);
    buf_printf(out, "%s_sum{%s} %.6f\n", name, s->labels, (double)s->sum_us / 1e6);
    buf_printf(out, "%s_count{%s} %llu\n", name, s->labels, (unsigned long long)s->value);
}

void metrics_write(const struct metrics *m, struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    for (const struct metric_family *f = m->first; f != NULL; f = f->next) {
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", f->name, f->help, f->name, kinds[f->kind]);
        for (const struct metric *s = f->first; s != NULL; s = s->next) {
            if (f->kind == METRIC_HISTOGRAM) {
                write_histogram(f->name, s, out);
            } else if (s->labels[0] == '\0') {
                buf_printf(out, "%s %llu\n", f->name, (unsigned long long)s->value);
            } else {
                buf_printf(out, "%s{%s} %llu\n", f->name, s->labels, (unsigned long long)s->value);
            }
        }
    }
}
