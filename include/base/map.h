/* A hash map from text to pointer. Keys are copied, unless it borrows; values stay the caller's. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/text.h"

struct map_entry {
    char *key; /* terminated, and owned by the map, unless it borrows */
    size_t key_len;
    uint64_t hash;
    void *value; /* NULL = free slot */
};

struct map {
    struct map_entry *v; /* open addressing, power of two */
    size_t cap, n;
    uint64_t seed; /* 0: places are the hash's own */
    bool borrows;  /* keys are not copied: whoever sets them keeps them */
};

void map_init(struct map *m);
/* For keys that somebody outside chose: where they lie depends on the seed, which is random and not
 * told, or all of them could be made to lie in one place. */
void map_init_seeded(struct map *m, uint64_t seed);
void map_done(struct map *m); /* frees keys, not values */
void *map_find(const struct map *m, struct str key);
/* Sets or replaces; the value must not be NULL. Returns the value it replaced, or NULL. */
void *map_set(struct map *m, struct str key, void *value);
void *map_remove(struct map *m, struct str key);
/* Visits every entry: start with *i = 0; NULL at the end. Order is arbitrary. */
const struct map_entry *map_next(const struct map *m, size_t *i);

#endif
