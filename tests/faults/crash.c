/* PENSTOCK_CRASH="name:pass": the process dies, as by kill -9, at the pass-th time that it comes to
 * the crash point of that name. */
#include "base/crash.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_wanted(const char *name)
{
    static atomic_uint passes;
    const char *wanted = getenv("PENSTOCK_CRASH");
    size_t len = strlen(name);
    return wanted != NULL && strncmp(wanted, name, len) == 0 && wanted[len] == ':' &&
           atomic_fetch_add(&passes, 1) + 1 == (unsigned)strtoul(wanted + len + 1, NULL, 10);
}

static void die(const char *name)
{
    fprintf(stderr, "crash point %s\n", name);
    raise(SIGKILL);
}

void crash_point(const char *name)
{
    if (is_wanted(name)) {
        die(name);
    }
}

void crash_part(const char *name, const uv_handle_t *socket, struct str bytes)
{
    uv_os_fd_t fd;
    if (is_wanted(name)) {
        if (uv_fileno(socket, &fd) == 0) {
            (void)!write(fd, bytes.at, bytes.len / 2);
        }
        die(name);
    }
}
