/* The state of a file, as far as it tells one from another: written, replaced, or reached by
 * another link. */
#ifndef BASE_FILE_STATE_H
#define BASE_FILE_STATE_H

#include <stdbool.h>
#include <sys/stat.h>

struct file_state { /* zero: it was not there */
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec changed;
};

struct file_state file_state_of(const char *path); /* follows links */
bool file_state_same(const struct file_state *a, const struct file_state *b);

#endif
