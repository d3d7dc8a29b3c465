/* How much senders may take. */
#ifndef RELAY_LIMITS_H
#define RELAY_LIMITS_H

#include "io/httpd.h"
#include "model/conf.h"

/* What one process takes at most; of the memory each of its workers has a part. */
struct httpd_limits limits_of(const struct conf *c, unsigned workers);

#endif
