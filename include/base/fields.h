/* An ordered list of name/value pairs: HTTP header fields. Slices are borrowed: whoever owns the
 * bytes behind them outlives the list. Knows nothing of what a name means. */
#ifndef BASE_FIELDS_H
#define BASE_FIELDS_H

#include "base/text.h"

struct field {
    struct str name, value; /* name as received; compare without case */
};

#define FIELDS_MAX 128 /* more are the sender's trouble (431) */

struct fields {
    size_t n;
    struct field v[FIELDS_MAX];
};

bool fields_add(struct fields *f, struct str name, struct str value); /* false: full */
/* The first value with that name, or NULL. */
const struct str *fields_find(const struct fields *f, struct str name);
size_t fields_count(const struct fields *f, struct str name);
/* Does any comma-separated element of the fields of that name equal `element` (no case)? */
bool fields_has_element(const struct fields *f, struct str name, struct str element);
/* Neither case nor "_" for "-" makes a difference: to CGI, WSGI and the like they are one name, so
 * what may not come under one may not come under the other. */
bool fields_same_name(struct str a, struct str b);

#endif
