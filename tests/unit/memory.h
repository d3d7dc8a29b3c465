/* What lies in this process' own memory, freed or not. */
#ifndef UNIT_MEMORY_H
#define UNIT_MEMORY_H

#include "test.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY_AREA_MOST (256ul << 20) /* more is what a sanitizer has reserved */

/* Zeroed, and never looked at: for what is searched. */
static inline void *memory_shared(size_t n)
{
    void *at = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(at != MAP_FAILED);
    return at;
}

static inline void memory_shared_done(void *at, size_t n)
{
    munmap(at, n);
}

static inline bool memory_area_has(int fd, unsigned long begin, size_t size, const char *piece,
                                   size_t n)
{
    char *copy = memory_shared(size);
    ssize_t got = pread(fd, copy, size, (off_t)begin);
    bool found = got > 0 && memmem(copy, (size_t)got, piece, n) != NULL;
    memory_shared_done(copy, size);
    return found;
}

/* Is that piece somewhere in memory that is private and may be written? */
static inline bool memory_has(const char *piece, size_t n)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    int fd = open("/proc/self/mem", O_RDONLY);
    assert_true(maps != NULL && fd >= 0);
    unsigned long begin, end;
    char may[8], line[512];
    bool found = false;
    while (!found && fgets(line, sizeof line, maps) != NULL) {
        if (sscanf(line, "%lx-%lx %7s", &begin, &end, may) == 3 && strcmp(may, "rw-p") == 0 &&
            end - begin <= MEMORY_AREA_MOST) {
            found = memory_area_has(fd, begin, end - begin, piece, n);
        }
    }
    fclose(maps);
    close(fd);
    return found;
}

#endif
