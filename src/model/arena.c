/* Blocks in a list; small pieces share one, large ones get their own. */
#include "model/arena.h"

#include "base/crypt.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES (16 * 1024)
#define ALIGNMENT sizeof(max_align_t)

struct block {
    struct block *next;
    size_t used, size; /* of bytes */
    _Alignas(max_align_t) char bytes[];
};

struct arena {
    struct block *blocks; /* the newest first */
};

struct arena *arena_new(void)
{
    struct arena *a = calloc(1, sizeof *a);
    ENSURE(a != NULL);
    return a;
}

void arena_free(struct arena *a)
{
    if (a == NULL) {
        return;
    }
    while (a->blocks != NULL) {
        struct block *b = a->blocks;
        a->blocks = b->next;
        crypt_wipe(b->bytes, b->used);
        free(b);
    }
    free(a);
}

static struct block *block_new(size_t size)
{
    struct block *b = calloc(1, sizeof *b + size);
    ENSURE(b != NULL);
    b->size = size;
    return b;
}

void *arena_take(struct arena *a, size_t n)
{
    ENSURE(n < SIZE_MAX / 2);
    size_t rounded = (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    struct block *b = a->blocks;
    if (b == NULL || b->size - b->used < rounded) {
        b = block_new(rounded > BLOCK_BYTES ? rounded : BLOCK_BYTES);
        b->next = a->blocks;
        a->blocks = b;
    }
    void *at = b->bytes + b->used;
    b->used += rounded;
    return at;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
    ENSURE(size > 0 && n <= SIZE_MAX / 4 / size);
    return arena_take(a, n * size);
}

struct str arena_str(struct arena *a, struct str s)
{
    char *at = arena_take(a, s.len + 1);
    if (s.len > 0) {
        memcpy(at, s.at, s.len);
    }
    return (struct str){at, s.len};
}

struct str arena_vprintf(struct arena *a, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    ENSURE(n >= 0);
    char *at = arena_take(a, (size_t)n + 1);
    vsnprintf(at, (size_t)n + 1, format, again);
    va_end(again);
    return (struct str){at, (size_t)n};
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct str s = arena_vprintf(a, format, args);
    va_end(args);
    return s;
}
