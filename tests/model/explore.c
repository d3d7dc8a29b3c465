/* The search: breadth first over hashed states, then backwards from the quiet ones.
 *
 * Only the frontier is kept whole; of the rest a 64-bit hash, its parent and the number of the step
 * that led there. A trace is made by walking these steps again from the start. Two states that
 * share a hash would be taken for one: at some million states the chance of that is below 1 in a
 * million. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t search_max;

struct edge {
    uint32_t from, to;
};

static struct {
    uint64_t *hash; /* of each state, by id */
    uint32_t *parent, *slot, slots;
    uint16_t *step;
    uint8_t *quiet;
    uint32_t n, cap;
    struct edge *edge; /* fault-free steps only */
    size_t edges, edge_cap;
    unsigned long transitions;
    int depth;
    struct state *next; /* the next frontier */
    uint32_t next_n, next_cap;
    uint32_t from;
    int step_no;
    uint32_t bad; /* the state that breaks an invariant */
    enum violation why;
} g;

static void *grow(void *p, size_t n, size_t size)
{
    void *q = realloc(p, n * size);
    if (!q) {
        fprintf(stderr, "model: out of memory\n");
        exit(2);
    }
    return q;
}

static uint64_t state_hash(const struct state *s)
{
    const uint64_t k = 0x9E3779B97F4A7C15u;
    uint64_t h[4] = {1, 2, 3, 4}, w[4];
    const unsigned char *b = (const unsigned char *)s;
    size_t left = sizeof *s;
    while (left) {
        size_t take = left < sizeof w ? left : sizeof w;
        memset(w, 0, sizeof w);
        memcpy(w, b, take);
        for (int i = 0; i < 4; i++) {
            h[i] = (h[i] ^ w[i]) * k;
            h[i] ^= h[i] >> 29;
        }
        b += take;
        left -= take;
    }
    uint64_t r = 0;
    for (int i = 0; i < 4; i++) {
        r = (r ^ h[i]) * k;
        r ^= r >> 32;
    }
    return r;
}

static void rehash(uint32_t slots)
{
    free(g.slot);
    g.slot = calloc(slots, sizeof *g.slot);
    if (!g.slot)
        exit(2);
    g.slots = slots;
    for (uint32_t i = 0; i < g.n; i++) {
        uint32_t k = (uint32_t)g.hash[i] & (slots - 1);
        while (g.slot[k])
            k = (k + 1) & (slots - 1);
        g.slot[k] = i + 1;
    }
}

/* The id of a state; *fresh if it was not known. */
static uint32_t state_id(const struct state *s, bool *fresh)
{
    uint64_t h = state_hash(s);
    uint32_t k = (uint32_t)h & (g.slots - 1);
    *fresh = false;
    while (g.slot[k]) {
        if (g.hash[g.slot[k] - 1] == h)
            return g.slot[k] - 1;
        k = (k + 1) & (g.slots - 1);
    }
    if (g.n == g.cap) {
        g.cap *= 2;
        g.hash = grow(g.hash, g.cap, sizeof *g.hash);
        g.parent = grow(g.parent, g.cap, sizeof *g.parent);
        g.step = grow(g.step, g.cap, sizeof *g.step);
        g.quiet = grow(g.quiet, g.cap, sizeof *g.quiet);
    }
    *fresh = true;
    g.hash[g.n] = h;
    g.slot[k] = ++g.n;
    if (g.n * 2 > g.slots)
        rehash(g.slots * 2);
    return g.n - 1;
}

static void on_state(const struct state *s, bool fault)
{
    bool fresh;
    uint32_t id = state_id(s, &fresh);
    g.transitions++;
    if (!fault) {
        if (g.edges == g.edge_cap) {
            g.edge_cap *= 2;
            g.edge = grow(g.edge, g.edge_cap, sizeof *g.edge);
        }
        g.edge[g.edges].from = g.from;
        g.edge[g.edges++].to = id;
    }
    if (fresh) {
        g.parent[id] = g.from;
        g.step[id] = (uint16_t)g.step_no;
        g.quiet[id] = promise_quiet(s);
        if (g.next_n == g.next_cap) {
            g.next_cap *= 2;
            g.next = grow(g.next, g.next_cap, sizeof *g.next);
        }
        g.next[g.next_n++] = *s;
        enum violation v = (enum violation)s->violation;
        if (!v && g.quiet[id] && s->need_told)
            v = V_UNREPORTED;
        if (v && !g.why) {
            g.why = v;
            g.bad = id;
        }
    }
    g.step_no++;
}

static void search_init(void)
{
    memset(&g, 0, sizeof g);
    g.cap = 1 << 16;
    g.hash = grow(NULL, g.cap, sizeof *g.hash);
    g.parent = grow(NULL, g.cap, sizeof *g.parent);
    g.step = grow(NULL, g.cap, sizeof *g.step);
    g.quiet = grow(NULL, g.cap, sizeof *g.quiet);
    g.edge_cap = 1 << 18;
    g.edge = grow(NULL, g.edge_cap, sizeof *g.edge);
    g.next_cap = 1 << 10;
    g.next = grow(NULL, g.next_cap, sizeof *g.next);
    rehash(1 << 17);
}

void search_done(void)
{
    free(g.hash);
    free(g.parent);
    free(g.step);
    free(g.quiet);
    free(g.edge);
    free(g.slot);
    free(g.next);
    memset(&g, 0, sizeof g);
}

/* I3: from every state there is a way to a quiet one without any further fault. */
static void search_stuck(void)
{
    uint32_t *start = calloc((size_t)g.n + 2, sizeof *start),
             *pred = grow(NULL, g.edges + 1, sizeof *pred);
    uint32_t *queue = grow(NULL, (size_t)g.n + 1, sizeof *queue), head = 0, tail = 0;
    if (!start)
        exit(2);
    for (size_t i = 0; i < g.edges; i++)
        start[g.edge[i].to + 2]++;
    for (uint32_t i = 2; i < g.n + 2; i++)
        start[i] += start[i - 1];
    for (size_t i = 0; i < g.edges; i++)
        pred[start[g.edge[i].to + 1]++] = g.edge[i].from;
    for (uint32_t i = 0; i < g.n; i++)
        if (g.quiet[i])
            queue[tail++] = i;
    while (head < tail) {
        uint32_t id = queue[head++];
        for (uint32_t k = start[id]; k < start[id + 1]; k++)
            if (!g.quiet[pred[k]]) {
                g.quiet[pred[k]] = 1;
                queue[tail++] = pred[k];
            }
    }
    for (uint32_t i = 0; i < g.n && !g.why; i++)
        if (!g.quiet[i]) {
            g.why = V_STUCK;
            g.bad = i;
        }
    free(start);
    free(pred);
    free(queue);
}

/* Breadth first, until nothing new is found, or a promise is broken. */
struct search search_run(void)
{
    struct state s;
    bool fresh;
    world_init(&s);
    search_init();
    uint32_t id = state_id(&s, &fresh), first = id;
    g.parent[id] = UINT32_MAX;
    g.quiet[id] = 0;
    struct state *cur = grow(NULL, 1, sizeof s);
    cur[0] = s;
    uint32_t n = 1, cur_cap = 1;
    while (n && !g.why && g.n < search_max) {
        g.next_n = 0;
        uint32_t next_first = g.n;
        for (uint32_t i = 0; i < n && !g.why; i++) {
            g.from = first + i;
            g.step_no = 0;
            world_expand(&cur[i], on_state);
        }
        struct state *t = cur;
        cur = g.next;
        g.next = t;
        uint32_t cap = g.next_cap;
        g.next_cap = cur_cap;
        cur_cap = cap;
        n = g.next_n;
        first = next_first;
        if (n)
            g.depth++;
    }
    free(cur);
    bool whole = g.n < search_max;
    if (whole && !g.why)
        search_stuck();
    struct search r = {g.n, g.transitions, g.depth, whole, g.why};
    return r;
}

/* ---- traces ---- */

static int want_step, seen_step;
static struct state replayed;

static void on_replay(const struct state *s, bool fault)
{
    if (seen_step++ != want_step)
        return;
    replayed = *s;
    printf("    %s%s\n", fault ? "! " : "  ", note);
}

/* How the broken state is reached, one step a line; `!` marks a fault. */
void search_trace(void)
{
    uint32_t id = g.bad;
    static uint16_t path[4096];
    int n = 0;
    for (uint32_t i = id; g.parent[i] != UINT32_MAX && n < 4096; i = g.parent[i])
        path[n++] = g.step[i];
    world_init(&replayed);
    tracing = true;
    while (n--) {
        struct state s = replayed;
        want_step = path[n];
        seen_step = 0;
        world_expand(&s, on_replay);
    }
    tracing = false;
}
