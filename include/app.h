/* The program as a whole: wiring, start, drain, stop. */
#ifndef APP_H
#define APP_H

#include "model/conf.h"

/* Runs until a signal has stopped it in order. Returns the exit code: 0, or 1 when it could not
 * start (one sentence was then printed to standard error). Takes the reference of `conf` over;
 * `path` is where it was read, and is read again when it is to be reloaded. */
int app_run(struct conf *conf, const char *path);

#endif
