/* Picks one text out of a request: a header, a JSON field of the body, or both joined. */
#ifndef MODEL_PICK_H
#define MODEL_PICK_H

#include "base/buf.h"
#include "base/fields.h"

struct pick {
    struct str header;    /* empty: none */
    struct str or_header; /* looked for where there is no such */
    struct str pointer;   /* JSON pointer into the body (RFC 6901), empty: none */
    /* Both: "header.pointer" joined by a dot (GitHub: issues.opened), the header alone when the
     * body has no such text. */
    struct str form; /* the form's field that is this JSON; empty: it is the body */
};

bool pick_is_set(const struct pick *p); /* does it name a place? */
/* Appends what it finds to `out` (at most 256 bytes, printable ASCII; anything else counts as
 * absent). Duplicate JSON keys: the last wins. False when nothing was there. */
bool pick_text(const struct pick *p, const struct fields *fields, struct str body, struct buf *out);
struct yyjson_val;
/* The same, of a body that was read already: `root` is its value, or NULL where it is no JSON.
 * Numbers may be read as they are written (YYJSON_READ_NUMBER_AS_RAW). */
bool pick_text_of(const struct pick *p, const struct fields *fields, struct str body,
                  struct yyjson_val *root, struct buf *out);

/* A JSON text that is read once, for whoever wants several texts of it. */
struct pick_doc {
    struct yyjson_val *root; /* NULL: it is no JSON, or larger than 4 MiB */
    struct yyjson_doc *doc;
    void *own;
};
#define PICK_ROOM (32 * 1024) /* bytes: of texts of up to about 2 KiB */
/* Reads it into `room`, which is aligned to 16 bytes and outlives it, or into memory of its own
 * where that is too small. pick_close in any case. */
struct yyjson_val *pick_open(struct pick_doc *d, struct str json, void *room, size_t size);
void pick_close(struct pick_doc *d);
/* What is at a pointer (RFC 6901) from there, or NULL; also where a name on the way occurs twice:
 * readers differ on which one counts. */
struct yyjson_val *pick_once(struct yyjson_val *from, struct str pointer);
/* Would any reader find the same there, from names alone? False: a name occurs twice, or it is
 * neither text nor whole number. That it is missing, or null, is fine. */
bool pick_plain(struct yyjson_val *from, struct str pointer, struct yyjson_val **out);
size_t pick_count(struct yyjson_val *list); /* 0: it is none, or empty */
struct yyjson_val *pick_item(struct yyjson_val *list, size_t i);
/* A text, or a whole number, whose digits are written there; else nothing. */
struct str pick_value(struct yyjson_val *v, char digits[24]);

#endif
