/* The configuration language described by its own rows (conf_rows.c): pages of reference, and JSON
 * Schema for editors. */
#ifndef MODEL_CONF_DOCS_H
#define MODEL_CONF_DOCS_H

#include "base/buf.h"

/* JSON Schema, draft-07; ends with a line break. */
void conf_schema(struct buf *out);
/* The page of a key such as "destinations.retry.schedule"; names of items may stand in it
 * ("sources.stripe.verify"), and a last part that only one key has does alone ("schedule"). False:
 * there is no such key, and `out` is a sentence that says so, with what may have been meant. */
bool conf_help(struct str path, struct buf *out);
/* The keys at the top, a line each. */
void conf_help_top(struct buf *out);
/* A paragraph for every key: for the manual page. */
void conf_help_all(struct buf *out);

#endif
