/* Fields of forms: as queries and application/x-www-form-urlencoded write them (WHATWG URL, 5.1),
 * and as multipart/form-data does (RFC 7578). */
#ifndef MODEL_FORM_H
#define MODEL_FORM_H

#include "base/buf.h"
#include "base/fields.h"

bool form_is_urlencoded(const struct fields *fields);

/* UNCLEAR: it is there twice, for receivers differ on which one counts, or not well written. */
enum form_found { FORM_ABSENT, FORM_ONCE, FORM_UNCLEAR };
/* Appends the value of that name. Both are compared and given decoded. */
enum form_found form_find(struct str query, struct str name, struct buf *out);
bool form_parameter(struct str query, struct str name, struct buf *out); /* is it there, once? */
/* The same of a body that is urlencoded. */
bool form_posted(const struct fields *fields, struct str body, struct str name, struct buf *out);
/* The same of a body whose Content-Type says how it is written. */
bool form_field(const struct fields *fields, struct str body, struct str name, struct buf *out);
/* The same, where it is: in the body, or decoded into `room`. */
bool form_text(const struct fields *fields, struct str body, struct str name, struct buf *room,
               struct str *out);

#endif
