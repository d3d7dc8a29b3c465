/* Linear probing; removal closes the gap. */
#include "base/numset.h"

#include "base/log.h"

#include <stdlib.h>

static size_t slot_of(const struct numset *s, uint64_t number)
{
    size_t i = (size_t)(number * UINT64_C(11400714819323198485) >> 20) & (s->cap - 1);
    while (s->v[i] != 0 && s->v[i] != number) {
        i = (i + 1) & (s->cap - 1);
    }
    return i;
}

bool numset_has(const struct numset *s, uint64_t number)
{
    return s->n > 0 && s->v[slot_of(s, number)] == number;
}

static void grow(struct numset *s)
{
    struct numset bigger = {.cap = s->cap == 0 ? 16 : s->cap * 2, .n = s->n};
    bigger.v = calloc(bigger.cap, sizeof *bigger.v);
    ENSURE(bigger.v != NULL);
    for (size_t i = 0; i < s->cap; i++) {
        if (s->v[i] != 0) {
            bigger.v[slot_of(&bigger, s->v[i])] = s->v[i];
        }
    }
    free(s->v);
    *s = bigger;
}

void numset_add(struct numset *s, uint64_t number)
{
    ENSURE(number != 0);
    if (s->n + 1 > s->cap / 2) {
        grow(s);
    }
    size_t i = slot_of(s, number);
    s->n += s->v[i] == 0;
    s->v[i] = number;
}

void numset_remove(struct numset *s, uint64_t number)
{
    if (!numset_has(s, number)) {
        return;
    }
    size_t i = slot_of(s, number);
    s->v[i] = 0;
    s->n--;
    for (i = (i + 1) & (s->cap - 1); s->v[i] != 0; i = (i + 1) & (s->cap - 1)) {
        uint64_t moved = s->v[i];
        s->v[i] = 0;
        s->v[slot_of(s, moved)] = moved;
    }
}

void numset_done(struct numset *s)
{
    free(s->v);
    *s = (struct numset){0};
}
