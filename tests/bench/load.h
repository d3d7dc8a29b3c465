/* What the generator and the sink of tests/bench share: times, histograms, the event's marks. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MUST(what)                                                                                 \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            perror(#what);                                                                         \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* Where a body says which event it is and when it was due: {"n":"<16 hex>","due":"<16 hex>",... */
#define MARK_N 6
#define MARK_DUE 31
#define MARKS "{\"n\":\"%016llx\",\"due\":\"%016llx\",\"pad\":\""

static inline uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Latencies in microseconds: buckets that are a 32nd of their power of two wide. */
struct histogram {
    uint64_t n, buckets[40 * 32];
};

static inline unsigned bucket_of(uint64_t us)
{
    if (us < 32) {
        return (unsigned)us;
    }
    unsigned power = 63u - (unsigned)__builtin_clzll(us);
    unsigned b = (power - 4) * 32 + (unsigned)(us >> (power - 5)) - 32;
    return b < 40 * 32 ? b : 40 * 32 - 1;
}

static inline void record_us(struct histogram *h, uint64_t us)
{
    h->n++;
    h->buckets[bucket_of(us)]++;
}

/* The upper end of the bucket in which the part `q` (0 to 1) of all ends. */
static inline uint64_t quantile_us(const struct histogram *h, double q)
{
    uint64_t seen = 0, want = (uint64_t)(q * (double)h->n);
    for (unsigned b = 0; b < 40 * 32; b++) {
        seen += h->buckets[b];
        if (seen > want || (seen == h->n && seen > 0)) {
            return b < 32 ? b
                          : (UINT64_C(1) << (b / 32 + 4)) + ((uint64_t)(b % 32) << (b / 32 - 1));
        }
    }
    return 0;
}

#endif
