/* CRASH_POINT("name"): a place along the flow where tests/crash/run kills the process (kill -9) to
 * see that nothing is lost. Nothing at all, but in the tests' program penstock_faults. */
#ifndef BASE_CRASH_H
#define BASE_CRASH_H

#ifdef PENSTOCK_CRASHPOINTS
void crash_point(const char *name);
#define CRASH_POINT(name) crash_point(name)
#else
#define CRASH_POINT(name) ((void)0)
#endif

#endif
