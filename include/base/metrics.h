/* Counters, gauges and histograms as one table, and their text exposition (Prometheus 0.0.4).
 *
 * A family is a row; a series is one label value of it (labels come from configuration or closed
 * lists only). Series are found once and kept as pointers, so the hot path adds to an integer. */
#ifndef BASE_METRICS_H
#define BASE_METRICS_H

#include "base/buf.h"
#include "base/map.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_BUCKETS 14 /* 0.25 ms .. 10 s, see metrics.c; +Inf is the count */

struct metric {
    char *labels;   /* rendered: source="stripe",reason="ok"; empty for none */
    uint64_t value; /* counter; or a gauge's integer value */
    uint64_t buckets[METRIC_BUCKETS];
    uint64_t sum_us;
    struct metric *next;
};

/* What the values of several workers make together. */
enum metric_sum { METRIC_ADD, METRIC_LEAST, METRIC_GREATEST };

struct metric_family {
    const char *name, *help;
    enum metric_kind kind;
    enum metric_sum sum;          /* METRIC_ADD unless set */
    struct metric *first, **last; /* in the order in which they were made */
    struct map by_labels;         /* the same */
    struct metric_family *next;
};

struct metrics {
    struct metric_family *first, **last;
};

void metrics_init(struct metrics *m);
void metrics_done(struct metrics *m);
struct metric_family *metrics_family(struct metrics *m, enum metric_kind kind, const char *name,
                                     const char *help); /* name and help are kept, not copied */
/* Finds or makes the series with these labels: key, value, key, value, NULL. */
struct metric *metric_of(struct metric_family *f, ...) __attribute__((sentinel));
void metric_add(struct metric *s, uint64_t n);
void metric_set(struct metric *s, uint64_t v);
void metric_observe_us(struct metric *s, uint64_t us);
/* Adds a table with the same families, of another worker, by each family's `sum`; an empty table
 * becomes a copy. */
void metrics_sum(struct metrics *into, const struct metrics *from);
void metrics_write(const struct metrics *m, struct buf *out);

#endif
