/* Bytes that grow up to a ceiling. Every buffer has one: nothing outside can make us grow for ever.
 *
 * Appends return false once the ceiling is met (nothing is written, `failed` stays set), so a
 * builder may append many times and look once at the end. Out of memory aborts: a 2xx is durable,
 * so dying is safe and going on without memory is not. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/text.h"

#include <string.h>

struct buf {
    char *at; /* owned; NULL while empty */
    size_t len, cap;
    size_t ceiling; /* bytes; never exceeded */
    bool failed;
};

void buf_init(struct buf *b, size_t ceiling);
void buf_done(struct buf *b);  /* frees; the buffer may be used again */
void buf_clear(struct buf *b); /* keeps the memory */
bool buf_add_slowly(struct buf *b, const void *bytes, size_t n); /* what buf_add does then */

/* Inline: building a message is little else. */
static inline bool buf_add(struct buf *b, const void *bytes, size_t n)
{
    if (n == 0 || n > b->cap - b->len) {
        return buf_add_slowly(b, bytes, n);
    }
    memcpy(b->at + b->len, bytes, n);
    b->len += n;
    return true;
}

static inline bool buf_add_str(struct buf *b, struct str s)
{
    return buf_add(b, s.at, s.len);
}

static inline bool buf_add_char(struct buf *b, char c)
{
    return buf_add(b, &c, 1);
}

bool buf_add_u64(struct buf *b, uint64_t v);
/* Decoded as forms write it (WHATWG URL, 5.1): %XX, and + for a space. False: a % that begins none.
 */
bool buf_add_form(struct buf *b, struct str s);
bool buf_add_json(struct buf *b,
                  struct str s); /* quoted, all controls escaped, bad UTF-8 as U+FFFD */
bool buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Room for `n` more bytes at `at + len`, or NULL; the caller then adds what it used to `len`. */
char *buf_room(struct buf *b, size_t n);
struct str buf_str(const struct buf *b);
/* The bytes with a terminator behind them, now the caller's (free); the buffer is empty again. */
char *buf_take(struct buf *b);

#endif
