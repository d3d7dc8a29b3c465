/* One destination's side of one journal: which entries are unsettled, and the text that says so. */
#include "relay/journal.h"

#include "base/log.h"
#include "relay/delivery.h"

#include <stdlib.h>
#include <string.h>

struct track *track_of(struct journal *j, struct lane *lane)
{
    unsigned number = lane_number(lane);
    if (j->tracks[number] == NULL) {
        struct track *t = calloc(1, sizeof *t);
        ENSURE(t != NULL);
        t->journal = j;
        t->lane = lane;
        t->next_due_ms = INT64_MAX;
        j->tracks[number] = t;
    }
    return j->tracks[number];
}

void track_free(struct track *t)
{
    if (t != NULL) {
        settled_done(&t->former);
        numset_done(&t->in_hand);
        free(t->ring);
        free(t);
    }
}

void tracks_clear(struct journal *j)
{
    for (unsigned i = 0; i < LANES_MAX; i++) {
        track_free(j->tracks[i]);
        j->tracks[i] = NULL;
    }
}

static struct track_slot *slot_at(const struct track *t, size_t i)
{
    return &t->ring[(t->head + i) & (t->cap - 1)];
}

struct track_slot *track_slot(struct track *t, uint64_t seq)
{
    ENSURE(seq >= t->base_seq && seq - t->base_seq < t->len);
    return slot_at(t, (size_t)(seq - t->base_seq));
}

void track_forget(struct track *t, uint64_t seq)
{
    if (seq >= t->base_seq && seq - t->base_seq < t->len) {
        track_slot(t, seq)->delivery = NULL;
    }
}

static void grow(struct track *t)
{
    size_t cap = t->cap == 0 ? 64 : t->cap * 2;
    struct track_slot *ring = calloc(cap, sizeof *ring);
    ENSURE(ring != NULL);
    for (size_t i = 0; i < t->len; i++) {
        ring[i] = *slot_at(t, i);
    }
    free(t->ring);
    t->ring = ring;
    t->cap = cap;
    t->head = 0;
}

uint64_t track_push(struct track *t, uint64_t n, struct delivery *d)
{
    if (t->len == t->cap) {
        grow(t);
    }
    ENSURE(t->len == 0 || slot_at(t, t->len - 1)->n < n);
    *slot_at(t, t->len) = (struct track_slot){.n = n, .delivery = d};
    return t->base_seq + t->len++;
}

void track_done(struct track *t, uint64_t seq)
{
    struct track_slot *s = track_slot(t, seq);
    s->done = true;
    s->delivery = NULL;
    t->dirty = true;
    commit_soon(t->journal);
}

void track_undone(struct track *t, uint64_t seq)
{
    track_slot(t, seq)->done = false;
}

void track_pop(struct track *t)
{
    while (t->len > 0 && slot_at(t, 0)->done) {
        t->done_n = slot_at(t, 0)->n;
        t->head = (t->head + 1) & (t->cap - 1);
        t->len--;
        t->base_seq++;
    }
}

uint64_t track_low(const struct track *t)
{
    for (size_t i = 0; i < t->len; i++) {
        if (!slot_at(t, i)->done) {
            return slot_at(t, i)->n;
        }
    }
    return UINT64_MAX;
}

static void put_range(struct buf *out, uint64_t first, uint64_t last)
{
    buf_add_char(out, ' ');
    buf_add_u64(out, first);
    buf_add_char(out, '-');
    buf_add_u64(out, last);
}

/* What the former owner had settled stays said: none of it is ever pushed. */
static void put_former(const struct track *t, uint64_t floor, struct buf *out)
{
    for (size_t i = 0; i < t->former.count; i++) {
        if (t->former.ranges[i].last > floor) {
            put_range(out, t->former.ranges[i].first, t->former.ranges[i].last);
        }
    }
}

/* "<floor> <first>-<last> ... ." — the dot at the end shows that nothing was cut off. Between two
 * unsettled entries everything is settled for this destination or not addressed to it. */
void track_encode(const struct track *t, struct buf *out)
{
    size_t i = 0;
    uint64_t floor = t->done_n;
    while (i < t->len && slot_at(t, i)->done) {
        floor = slot_at(t, i++)->n;
    }
    if (i < t->len) {
        floor = slot_at(t, i)->n - 1;
    }
    buf_add_u64(out, floor);
    uint64_t first = 0, last = 0; /* the run of done entries being gathered */
    for (; i < t->len; i++) {
        const struct track_slot *s = slot_at(t, i);
        if (s->done) {
            first = first == 0 ? s->n : first;
            last = s->n;
        } else if (first != 0) {
            put_range(out, first, last);
            first = 0;
        }
    }
    if (first != 0) {
        put_range(out, first, last);
    }
    put_former(t, floor, out);
    buf_add_str(out, STR(" ."));
}

bool settled_decode(struct str text, struct settled *out)
{
    *out = (struct settled){0};
    struct str word, rest;
    size_t cap = 0;
    if (!str_cut(text, ' ', &word, &rest) || text_u64(word, EVENT_N_MAX, &out->floor) != NULL) {
        return false;
    }
    while (str_cut(rest, ' ', &word, &rest)) {
        struct str from, to;
        struct range r;
        if (!str_cut(word, '-', &from, &to) || text_u64(from, EVENT_N_MAX, &r.first) != NULL ||
            text_u64(to, EVENT_N_MAX, &r.last) != NULL || r.first > r.last) {
            break;
        }
        if (out->count == cap) {
            cap = cap == 0 ? 16 : cap * 2;
            out->ranges = realloc(out->ranges, cap * sizeof *out->ranges);
            ENSURE(out->ranges != NULL);
        }
        out->ranges[out->count++] = r;
    }
    if (!str_eq(word, STR(".")) || word.at + 1 != text.at + text.len) {
        settled_done(out);
        return false;
    }
    return true;
}

bool settled_has(const struct settled *s, uint64_t n)
{
    if (n <= s->floor) {
        return true;
    }
    for (size_t i = 0; i < s->count; i++) {
        if (n >= s->ranges[i].first && n <= s->ranges[i].last) {
            return true;
        }
    }
    return false;
}

void settled_done(struct settled *s)
{
    free(s->ranges);
    *s = (struct settled){0};
}
