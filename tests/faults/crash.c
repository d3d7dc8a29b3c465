/* PENSTOCK_CRASH="name:pass": the process dies, as by kill -9, at the pass-th time that it comes to
 * the crash point of that name. */
#include "base/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void crash_point(const char *name)
{
    static atomic_uint passes;
    const char *wanted = getenv("PENSTOCK_CRASH");
    size_t len = strlen(name);
    if (wanted == NULL || strncmp(wanted, name, len) != 0 || wanted[len] != ':') {
        return;
    }
    if (atomic_fetch_add(&passes, 1) + 1 == (unsigned)strtoul(wanted + len + 1, NULL, 10)) {
        fprintf(stderr, "crash point %s\n", wanted);
        raise(SIGKILL);
    }
}
