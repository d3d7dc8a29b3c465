/* The sandbox (base/sandbox.h) as this configuration needs it. */
#ifndef CONFINE_H
#define CONFINE_H

#include "model/conf.h"

/* For this thread, those that it starts later, and redis-server. One log line
 * says what is on. */
void confine(const struct conf *conf);

#endif
