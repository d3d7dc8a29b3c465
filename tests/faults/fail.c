/* PENSTOCK_FAIL="class:n": the n-th call of that class fails, once. Classes: `alloc` (malloc,
 * calloc, realloc, strdup, strndup of our own code and of what is linked into it: ld --wrap),
 * `lib_alloc` (of every shared library, the C library among them), and the calls below, which stand
 * before libc's for our code and for every shared library. `read`, `write` and `writev` are those
 * on sockets, `file_read` and `file_write` those on files, `log_write` those on stderr.
 *
 * Left out of what `nm -D --undefined-only` lists for penstock, libuv and libcrypto:
 * - read and write on pipes, epoll once the loop is made, sigaction, waitpid: libuv aborts by
 *   design, or asserts. So it does where its thread pool gets no thread.
 * - close: what was to be kept was synced before; the kernel has closed it in any case.
 * - clock_gettime, pthread_sigmask, signal, gmtime_r, inet_pton: they fail for wrong arguments
 *   alone, and ours are constant.
 * - mmap: malloc and pthread_create ask for it, and these are here.
 * - prctl, syscall (Landlock, seccomp), realpath: there is no sandbox in this program; where a part
 *   of it fails, the log says so (flow/sandbox_test.py).
 * - access, fflush, getc, isatty, statvfs: verbs of the command line, which hold nothing.
 * - poll: hiredis waits with it where it blocks, which we never let it.
 * - sendto (to the service manager, which may be gone), shutdown, setenv, setvbuf, unlink (of a
 *   unix socket): nobody looks at their answer, for all goes on without.
 * - fread: of cpu.max, without which all cores count.
 * - renameat: what a damaged spool file is put aside with; if not, it stays, and is named.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>
#include <fcntl.h>

static bool must_fail(const char *class, int error)
{
    static atomic_uint calls;
    const char *wanted = getenv("PENSTOCK_FAIL");
    size_t len = strlen(class);
    if (wanted == NULL || strncmp(wanted, class, len) != 0 || wanted[len] != ':' ||
        atomic_fetch_add(&calls, 1) + 1 != (unsigned)strtoul(wanted + len + 1, NULL, 10)) {
        return false;
    }
    static const char said[] = "a call was made to fail\n";
    (void)!syscall(SYS_write, STDERR_FILENO, said, sizeof said - 1);
    errno = error;
    return true;
}

/* --- memory: what lies below it is named, for `malloc` is our own here --- */

#ifdef __SANITIZE_ADDRESS__
#define BELOW(name) __interceptor_##name
#else
#define BELOW(name) __libc_##name
#endif

void *BELOW(malloc)(size_t n);
void *BELOW(calloc)(size_t n, size_t size);
void *BELOW(realloc)(void *at, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t n);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t most);

void *malloc(size_t n)
{
    return must_fail("lib_alloc", ENOMEM) ? NULL : BELOW(malloc)(n);
}

void *calloc(size_t n, size_t size)
{
    return must_fail("lib_alloc", ENOMEM) ? NULL : BELOW(calloc)(n, size);
}

void *realloc(void *at, size_t n)
{
    return must_fail("lib_alloc", ENOMEM) ? NULL : BELOW(realloc)(at, n);
}

void *__wrap_malloc(size_t n)
{
    return must_fail("alloc", ENOMEM) ? NULL : BELOW(malloc)(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return must_fail("alloc", ENOMEM) ? NULL : BELOW(calloc)(n, size);
}

void *__wrap_realloc(void *at, size_t n)
{
    return must_fail("alloc", ENOMEM) ? NULL : BELOW(realloc)(at, n);
}

char *__wrap_strndup(const char *text, size_t most)
{
    size_t n = strnlen(text, most);
    char *copy = __wrap_malloc(n + 1);
    if (copy != NULL) {
        memcpy(copy, text, n);
        copy[n] = '\0';
    }
    return copy;
}

char *__wrap_strdup(const char *text)
{
    return __wrap_strndup(text, strlen(text));
}

/* --- calls: the next definition of the same name is libc's (dlsym gives no function pointer in ISO
 * C, hence the copy) --- */

#define NEXT(name)                                                                                 \
    static __typeof__(&name) next;                                                                 \
    if (next == NULL) {                                                                            \
        void *found = dlsym(RTLD_NEXT, #name);                                                     \
        memcpy(&next, &found, sizeof next);                                                        \
    }

/* A call without anything special about it: what it is of, what it takes, and how it fails. */
#define CALL(of, name, takes, gives, error, failed)                                                \
    of name takes                                                                                  \
    {                                                                                              \
        NEXT(name)                                                                                 \
        return must_fail(#name, error) ? failed : next gives;                                      \
    }

/* sockets */
CALL(int, socket, (int domain, int type, int protocol), (domain, type, protocol), EMFILE, -1)
CALL(int, connect, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n), ECONNREFUSED, -1)
CALL(int, accept4, (int fd, struct sockaddr *from, socklen_t *n, int flags), (fd, from, n, flags),
     EMFILE, -1)
CALL(int, bind, (int fd, const struct sockaddr *to, socklen_t n), (fd, to, n), EADDRINUSE, -1)
CALL(int, listen, (int fd, int backlog), (fd, backlog), EADDRINUSE, -1)
CALL(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t n),
     (fd, level, name, value, n), ENOBUFS, -1)
CALL(int, getsockname, (int fd, struct sockaddr *is, socklen_t *n), (fd, is, n), ENOBUFS, -1)
CALL(ssize_t, recv, (int fd, void *to, size_t n, int flags), (fd, to, n, flags), ECONNRESET, -1)
CALL(ssize_t, send, (int fd, const void *from, size_t n, int flags), (fd, from, n, flags), EPIPE,
     -1)
CALL(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags), EPIPE, -1)
/* files */
CALL(int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags), EROFS, -1)
CALL(int, fsync, (int fd), (fd), EIO, -1)
CALL(int, fdatasync, (int fd), (fd), EIO, -1)
CALL(int, rename, (const char *from, const char *to), (from, to), EIO, -1)
CALL(int, mkdir, (const char *path, mode_t mode), (path, mode), EACCES, -1)
CALL(int, ftruncate, (int fd, off_t n), (fd, n), ENOSPC, -1)
CALL(int, flock, (int fd, int operation), (fd, operation), EWOULDBLOCK, -1)
CALL(int, fstat, (int fd, struct stat *st), (fd, st), EIO, -1)
CALL(int, stat, (const char *restrict path, struct stat *restrict st), (path, st), EIO, -1)
CALL(int, fstatat, (int dir, const char *restrict path, struct stat *restrict st, int flags),
     (dir, path, st, flags), EIO, -1)
CALL(int, faccessat, (int dir, const char *path, int mode, int flags), (dir, path, mode, flags),
     EROFS, -1)
CALL(DIR *, opendir, (const char *path), (path), EMFILE, NULL)
CALL(DIR *, fdopendir, (int fd), (fd), ENOMEM, NULL)
CALL(struct dirent *, readdir, (DIR * d), (d), EIO, NULL)
/* the process */
CALL(pid_t, fork, (void), (), EAGAIN, -1)
CALL(int, execvp, (const char *file, char *const argv[]), (file, argv), ENOENT, -1)
CALL(int, pipe2, (int fds[2], int flags), (fds, flags), EMFILE, -1)
CALL(int, epoll_create1, (int flags), (flags), EMFILE, -1)
CALL(int, eventfd, (unsigned value, int flags), (value, flags), EMFILE, -1)
CALL(int, pthread_create,
     (pthread_t *restrict t, const pthread_attr_t *restrict how, void *(*run)(void *),
      void *restrict arg),
     (t, how, run, arg), EAGAIN, EAGAIN)
CALL(int, getrlimit, (__rlimit_resource_t what, struct rlimit *limit), (what, limit), EPERM, -1)
CALL(int, setrlimit, (__rlimit_resource_t what, const struct rlimit *limit), (what, limit), EPERM,
     -1)
CALL(int, gethostname, (char *name, size_t n), (name, n), EPERM, -1)
CALL(int, getentropy, (void *to, size_t n), (to, n), EIO, -1)
CALL(int, RAND_bytes, (unsigned char *to, int n), (to, n), EIO, 0)
CALL(int, getaddrinfo,
     (const char *restrict node, const char *restrict service,
      const struct addrinfo *restrict hints, struct addrinfo **restrict out),
     (node, service, hints, out), ENOMEM, EAI_AGAIN)

/* libuv looks at what it brings only: without, at what lay on the stack. */
int getsockopt(int fd, int level, int name, void *value, socklen_t *n)
{
    NEXT(getsockopt)
    if (must_fail("getsockopt", ENOBUFS)) {
        memcpy(value, &errno, sizeof errno);
        return -1;
    }
    return next(fd, level, name, value, n);
}

/* --- calls whose class depends on what they are of --- */

static bool is_a(int fd, mode_t kind)
{
    struct stat st;
    NEXT(fstat)
    return next(fd, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

static bool must_fail_at(int fd, const char *of_sockets, int broken, const char *of_files, int full)
{
    return fd == STDERR_FILENO  ? must_fail("log_write", full)
           : is_a(fd, S_IFSOCK) ? must_fail(of_sockets, broken)
           : is_a(fd, S_IFREG)  ? must_fail(of_files, full)
                                : false;
}

ssize_t read(int fd, void *to, size_t n)
{
    NEXT(read)
    return must_fail_at(fd, "read", ECONNRESET, "file_read", EIO) ? -1 : next(fd, to, n);
}

ssize_t write(int fd, const void *from, size_t n)
{
    NEXT(write)
    return must_fail_at(fd, "write", EPIPE, "file_write", ENOSPC) ? -1 : next(fd, from, n);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    NEXT(writev)
    return is_a(fd, S_IFSOCK) && must_fail("writev", EPIPE) ? -1 : next(fd, v, n); /* no files */
}

/* --- calls with arguments as they need them; libuv and libcrypto use the names that end in 64 ---
 */

#define OPEN(name, takes, gives, error, last)                                                      \
    int name takes                                                                                 \
    {                                                                                              \
        NEXT(name)                                                                                 \
        va_list args;                                                                              \
        va_start(args, last);                                                                      \
        mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;                           \
        va_end(args);                                                                              \
        return must_fail(#name, error) ? -1 : next gives;                                          \
    }

OPEN(open, (const char *path, int flags, ...), (path, flags, mode), EMFILE, flags)
OPEN(openat, (int dir, const char *path, int flags, ...), (dir, path, flags, mode), ENOSPC, flags)

/* libuv's fortified one, of /dev/null in the child that becomes redis-server. */
int __open64_2(const char *path, int flags);
CALL(int, __open64_2, (const char *path, int flags), (path, flags), EMFILE, -1)

#define CONTROL(name, number, class, error)                                                        \
    int name(int fd, number what, ...)                                                             \
    {                                                                                              \
        NEXT(name)                                                                                 \
        va_list args;                                                                              \
        va_start(args, what);                                                                      \
        void *arg = va_arg(args, void *); /* or an int: in the same register */                    \
        va_end(args);                                                                              \
        return must_fail(class, error) ? -1 : next(fd, what, arg);                                 \
    }

CONTROL(fcntl, int, "fcntl", EMFILE)
CONTROL(fcntl64, int, "fcntl", EMFILE)
CONTROL(ioctl, unsigned long, "ioctl", EIO)

/* --- streams: one that failed says so when asked --- */

static FILE *broken;

FILE *fopen(const char *path, const char *mode)
{
    NEXT(fopen)
    return must_fail("fopen", EMFILE) ? NULL : next(path, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
    NEXT(fopen64)
    return must_fail("fopen", EMFILE) ? NULL : next(path, mode);
}

char *fgets(char *to, int n, FILE *f)
{
    NEXT(fgets)
    bool breaks = must_fail("fgets", EIO);
    broken = breaks ? f : broken;
    return breaks ? NULL : next(to, n, f);
}

int ferror(FILE *f)
{
    NEXT(ferror)
    return f == broken || next(f);
}

int fclose(FILE *f)
{
    NEXT(fclose)
    broken = f == broken ? NULL : broken;
    int rc = next(f);
    return must_fail("fclose", ENOSPC) ? EOF : rc;
}
