/* Clocks that can be set for one process: preloaded, it adds the seconds that stand in the file
 * $CHAOS_CLOCK (two int64_t, mapped; so they may change at any time): to the wall clock the first,
 * to those that only ever go forward the second, as if the process had been asleep for so long.
 * Plain system calls, for malloc may ask for the time before anything else works. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const volatile int64_t *offset_s; /* of the wall clock, of the others */

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("CHAOS_CLOCK");
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, 2 * sizeof *offset_s, PROT_READ, MAP_SHARED, fd, 0);
    offset_s = at == MAP_FAILED ? NULL : at;
    if (fd >= 0) {
        close(fd);
    }
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    int rc = (int)syscall(SYS_clock_gettime, clock, out);
    if (rc != 0 || offset_s == NULL) {
        return rc;
    }
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
        out->tv_sec += offset_s[0];
    } else if (clock == CLOCK_BOOTTIME || clock == CLOCK_MONOTONIC ||
               clock == CLOCK_MONOTONIC_COARSE) {
        out->tv_sec += offset_s[1];
    }
    return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec t;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    *out = (struct timeval){t.tv_sec, t.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (out != NULL) {
        *out = t.tv_sec;
    }
    return t.tv_sec;
}
