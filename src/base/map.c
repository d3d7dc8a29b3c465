/* Open addressing with linear probing; removal closes the gap, so there are no tombstones. */
#include "base/map.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_init_seeded(struct map *m, uint64_t seed)
{
    *m = (struct map){.seed = seed};
}

void map_done(struct map *m)
{
    for (size_t i = 0; i < m->cap && !m->borrows; i++) {
        free(m->v[i].key);
    }
    free(m->v);
    map_init(m);
}

/* The entry with that key, or the free slot where it belongs. */
static struct map_entry *slot_of(const struct map *m, struct str key, uint64_t hash)
{
    uint64_t mixed = m->seed == 0 ? hash : ((hash ^ m->seed) * UINT64_C(0x9e3779b97f4a7c15)) >> 32;
    size_t i = mixed & (m->cap - 1);
    while (m->v[i].value != NULL) {
        const struct map_entry *e = &m->v[i];
        if (e->hash == hash && str_eq((struct str){e->key, e->key_len}, key)) {
            break;
        }
        i = (i + 1) & (m->cap - 1);
    }
    return &m->v[i];
}

void *map_find(const struct map *m, struct str key)
{
    return m->n == 0 ? NULL : slot_of(m, key, str_hash(key))->value;
}

static void grow(struct map *m)
{
    struct map bigger = {
        .cap = m->cap == 0 ? 8 : m->cap * 2, .n = m->n, .seed = m->seed, .borrows = m->borrows};
    bigger.v = calloc(bigger.cap, sizeof *bigger.v);
    ENSURE(bigger.v != NULL);
    for (size_t i = 0; i < m->cap; i++) {
        struct map_entry *e = &m->v[i];
        if (e->value != NULL) {
            *slot_of(&bigger, (struct str){e->key, e->key_len}, e->hash) = *e;
        }
    }
    free(m->v);
    *m = bigger;
}

static char *copy_of(struct str key)
{
    char *copy = malloc(key.len + 1);
    ENSURE(copy != NULL);
    if (key.len > 0) {
        memcpy(copy, key.at, key.len);
    }
    copy[key.len] = '\0';
    return copy;
}

void *map_set(struct map *m, struct str key, void *value)
{
    ENSURE(value != NULL);
    if (m->n + 1 > m->cap / 2) {
        grow(m);
    }
    uint64_t hash = str_hash(key);
    struct map_entry *e = slot_of(m, key, hash);
    void *old = e->value;
    if (old == NULL) {
        e->key = m->borrows ? (char *)(uintptr_t)key.at : copy_of(key);
        e->key_len = key.len;
        e->hash = hash;
        m->n++;
    }
    e->value = value;
    return old;
}

void *map_remove(struct map *m, struct str key)
{
    if (m->n == 0) {
        return NULL;
    }
    struct map_entry *e = slot_of(m, key, str_hash(key));
    void *old = e->value;
    if (old == NULL) {
        return NULL;
    }
    if (!m->borrows) {
        free(e->key);
    }
    *e = (struct map_entry){0};
    m->n--;
    /* Whatever stood behind it in its run may now be unreachable: put it in again. */
    for (size_t i = (size_t)(e - m->v + 1) & (m->cap - 1); m->v[i].value != NULL;
         i = (i + 1) & (m->cap - 1)) {
        struct map_entry moved = m->v[i];
        m->v[i] = (struct map_entry){0};
        *slot_of(m, (struct str){moved.key, moved.key_len}, moved.hash) = moved;
    }
    return old;
}

const struct map_entry *map_next(const struct map *m, size_t *i)
{
    while (*i < m->cap) {
        const struct map_entry *e = &m->v[(*i)++];
        if (e->value != NULL) {
            return e;
        }
    }
    return NULL;
}
