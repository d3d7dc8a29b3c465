/* Secrets in lines that are no YAML, so that an excerpt of them shows none. */
#ifndef MODEL_MASK_H
#define MODEL_MASK_H

#include "model/report.h"

/* After a file could not be read to its end: of the lines that the report's errors show, keys,
 * marks and what looks like no secret stay. */
void mask_unread(struct report *r, const struct file_text *file);

#endif
