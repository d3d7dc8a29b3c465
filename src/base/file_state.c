/* Which file it is, how long, and when it was written. */
#include "base/file_state.h"

struct file_state file_state_of(const char *path)
{
    struct stat s;
    struct file_state state = {0};
    if (stat(path, &s) == 0) {
        state = (struct file_state){.device = s.st_dev, .inode = s.st_ino};
    }
    if (state.inode != 0 && (S_ISREG(s.st_mode) || S_ISDIR(s.st_mode))) {
        state.size = s.st_size; /* of a pipe each byte is a change */
        state.changed = s.st_mtim;
    }
    return state;
}

bool file_state_same(const struct file_state *a, const struct file_state *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}
