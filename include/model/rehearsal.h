/* `tests:` of a configuration, tried without sending anything. */
#ifndef MODEL_REHEARSAL_H
#define MODEL_REHEARSAL_H

#include "model/conf.h"

/* Tries all; appends of each destination that gets what it should not, or does not get what it
 * should, a complaint with its place and with the route that decided, and why. How many tests
 * failed. Twenty complaints are written, as of a file's other errors. */
size_t rehearse(const struct conf *c, struct buf *out);

#endif
