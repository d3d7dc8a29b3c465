/* Picks one text out of a request: a header, a JSON field of the body, or both joined. */
#ifndef MODEL_PICK_H
#define MODEL_PICK_H

#include "base/buf.h"
#include "base/fields.h"

struct pick {
    struct str header;  /* empty: none */
    struct str pointer; /* JSON pointer into the body (RFC 6901), empty: none */
    /* Both: "header.pointer" joined by a dot (GitHub: issues.opened), the header alone when the
     * body has no such text. */
};

/* Appends what it finds to `out` (at most 256 bytes, printable ASCII; anything else counts as
 * absent). Duplicate JSON keys: the last wins. False when nothing was there. */
bool pick_text(const struct pick *p, const struct fields *fields, struct str body, struct buf *out);

#endif
