/* CRASH_POINT("name"): a place along the flow where tests/crash/run kills the process (kill -9) to
 * see that nothing is lost. CRASH_PART("name", handle, bytes): there half of the bytes go out
 * before. Nothing at all, but in the tests' program penstock_faults. */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

#ifdef PENSTOCK_CRASHPOINTS
#include "base/text.h"

#include <uv.h>

void crash_point(const char *name);
void crash_part(const char *name, const uv_handle_t *socket, struct str bytes);
#define CRASH_POINT(name) crash_point(name)
#define CRASH_PART(name, socket, bytes) crash_part(name, socket, bytes)
#else
#define CRASH_POINT(name) ((void)0)
#define CRASH_PART(name, socket, bytes) ((void)0)
#endif

#endif
