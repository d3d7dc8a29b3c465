/* Memory that goes all at once: what a configuration snapshot is made of. */
#ifndef MODEL_ARENA_H
#define MODEL_ARENA_H

#include "base/text.h"

#include <stdarg.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* wipes it first: there are secrets in it; accepts NULL */
/* Zeroed and aligned for anything; n may be 0. Never NULL: out of memory aborts. What bounds it is
 * the reader's own limits (bytes of a file, nodes, interpolated text). */
void *arena_take(struct arena *a, size_t n);
void *arena_array(struct arena *a, size_t n, size_t size);
/* A copy with a terminator behind it. */
struct str arena_str(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct str arena_vprintf(struct arena *a, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

#endif
