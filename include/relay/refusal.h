/* What the log says of requests that were refused, or are no event: a line for each, but nobody
 * outside may fill it. */
#ifndef RELAY_REFUSAL_H
#define RELAY_REFUSAL_H

#include "relay/worker.h"

/* At most `most` lines a second; what was left out is counted in the next one's `not_logged`.
 * `detail` may be NULL. */
void refusal_log(struct log_cap *cap, unsigned most, enum log_level level, const char *message,
                 struct str source, const struct address_bytes *client, const char *reason,
                 const char *detail);

#endif
