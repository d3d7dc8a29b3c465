/* Timestamps as providers write them in signature headers. Strict: several official libraries take
 * "123abc" for 123; here it is no timestamp. */
#ifndef MODEL_TIMESTAMP_H
#define MODEL_TIMESTAMP_H

#include "base/text.h"

enum timestamp_unit { TIMESTAMP_SECONDS, TIMESTAMP_MILLISECONDS, TIMESTAMP_ISO8601 };
#define TIMESTAMP_LEN 24

/* Milliseconds since 1970, of a time before the year 10000. ISO 8601: date, 'T' or a space, time,
 * fraction and zone optional (no zone = UTC). */
bool timestamp_decode(struct str s, enum timestamp_unit unit, int64_t *out_ms) MUST_CHECK;
/* Returns the length; no terminator. */
size_t timestamp_encode(char out[TIMESTAMP_LEN], enum timestamp_unit unit, int64_t ms);

#endif
