/* Numbers as JSON writes them (RFC 8259 6), compared digit for digit: never rounded, however long.
 * A value borrows the text that it was read from. */
#ifndef MODEL_DECIMAL_H
#define MODEL_DECIMAL_H

#include "base/text.h"

struct decimal {
    bool negative;
    struct str
        digits;  /* from the first that is no 0 to the last; may hold the point; empty: zero */
    int64_t top; /* the power of ten of the first of them */
};

bool decimal_read(struct str s, struct decimal *out); /* false: it is no number of JSON's */
#define DECIMAL_KEY 80
/* A text that equal numbers share, and no others: its length, or 0 where it would not fit. */
size_t decimal_key(const struct decimal *d, char out[DECIMAL_KEY]);
int decimal_compare(const struct decimal *a, const struct decimal *b); /* < 0, 0, > 0 */

#endif
