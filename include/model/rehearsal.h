/* `tests:` of a configuration, tried without sending anything. */
#ifndef MODEL_REHEARSAL_H
#define MODEL_REHEARSAL_H

#include "model/conf.h"

#define REHEARSAL_STEPS                                                                            \
    20000000 /* comparisons of all tests together, some 0.4 s; more is a failure */

/* Do all pass? Appends of each destination that gets what it should not, or does not get what it
 * should, a complaint with its place and with the route that decided, and why; then how many tests
 * failed. Twenty complaints are written, as of a file's other errors. Of tests that pass there are
 * warnings, mostly none: what they are about is not what they seem to be about. */
bool rehearse(const struct conf *c, struct buf *said) MUST_CHECK;

#endif
