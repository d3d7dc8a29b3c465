/* What the process can no longer do, once everything is open: a taken-over parser finds no program
 * to start, no file to read but configuration and libraries, and nothing to write but the data
 * directory.
 *
 * Three layers, each without a library: prctl (no core dump, no new privileges), Landlock (files)
 * and a seccomp filter (system calls). What a kernel lacks is left out and said. They hold for the
 * calling thread, for threads that it starts later, and for their children: enter before any thread
 * starts. */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

enum sandbox_right {
    SANDBOX_READ,   /* this file, or everything below this folder */
    SANDBOX_RUN,    /* the same, and programs of it may be started */
    SANDBOX_WRITE,  /* read, make, change and remove everything below this folder */
    SANDBOX_DEVICE, /* read and write this file */
    SANDBOX_SOCKET, /* make and remove unix sockets and files in this folder, read nothing */
};

struct sandbox {
    int rules;        /* of Landlock; -1: the kernel has none that is good enough */
    uint64_t handled; /* what Landlock refuses where no rule allows it */
    int abi;
};

/* No core dump, and nobody of the same user looks into this process: as early as possible, for what
 * it is to read. False: the kernel refuses. */
bool sandbox_leave_no_core(void);
/* First open, then allow as often as wanted (paths that do not exist are skipped), then enter. */
void sandbox_open(struct sandbox *s);
void sandbox_allow(struct sandbox *s, const char *path, enum sandbox_right right);
/* A file that may be replaced by renaming or by a symbolic link (certificates, resolv.conf): the
 * folder that it is in, and the one that it really is in. */
void sandbox_allow_replaced(struct sandbox *s, const char *path);
/* may_run: other programs may be started. Logs one line that says what is on. */
void sandbox_enter(struct sandbox *s, bool may_run);

#endif
