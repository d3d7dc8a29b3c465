/* A set of numbers other than 0. */
#ifndef BASE_NUMSET_H
#define BASE_NUMSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct numset {
    uint64_t *v; /* open addressing, power of two; 0 = free */
    size_t cap, n;
};

bool numset_has(const struct numset *s, uint64_t number);
void numset_add(struct numset *s, uint64_t number); /* again: no effect */
void numset_remove(struct numset *s, uint64_t number);
void numset_done(struct numset *s); /* frees; empty again */

#endif
