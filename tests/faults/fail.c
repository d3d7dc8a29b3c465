/* PENSTOCK_FAIL="class:n": the n-th call of that class fails, once. Classes: `alloc` (malloc,
 * calloc, realloc, strdup, strndup of our own code and of what is linked into it: ld --wrap), and the names
 * of the calls below, which stand before libc's for our code and for every shared library. Calls on
 * anything but sockets do not count for `read` and its like: libuv rightly aborts when its own pipe
 * breaks. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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

static bool is_socket(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* --- alloc --- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *at, size_t n);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t most);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *at, size_t n);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t most);

void *__wrap_malloc(size_t n)
{
    return must_fail("alloc", ENOMEM) ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return must_fail("alloc", ENOMEM) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *at, size_t n)
{
    return must_fail("alloc", ENOMEM) ? NULL : __real_realloc(at, n);
}

char *__wrap_strdup(const char *text)
{
    return must_fail("alloc", ENOMEM) ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t most)
{
    return must_fail("alloc", ENOMEM) ? NULL : __real_strndup(text, most);
}

/* --- calls: the next definition of the same name is libc's (dlsym gives no function pointer in ISO
 * C, hence the copy) --- */

#define NEXT(name)                                                                                 \
    static __typeof__(&name) next;                                                                 \
    if (next == NULL) {                                                                            \
        void *found = dlsym(RTLD_NEXT, #name);                                                     \
        memcpy(&next, &found, sizeof next);                                                        \
    }

int socket(int domain, int type, int protocol)
{
    NEXT(socket)
    return must_fail("socket", EMFILE) ? -1 : next(domain, type, protocol);
}

int connect(int fd, const struct sockaddr *to, socklen_t n)
{
    NEXT(connect)
    return must_fail("connect", ECONNREFUSED) ? -1 : next(fd, to, n);
}

int accept4(int fd, struct sockaddr *from, socklen_t *n, int flags)
{
    NEXT(accept4)
    return must_fail("accept4", EMFILE) ? -1 : next(fd, from, n, flags);
}

int bind(int fd, const struct sockaddr *to, socklen_t n)
{
    NEXT(bind)
    return must_fail("bind", EADDRINUSE) ? -1 : next(fd, to, n);
}

int listen(int fd, int backlog)
{
    NEXT(listen)
    return must_fail("listen", EADDRINUSE) ? -1 : next(fd, backlog);
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
    NEXT(setsockopt)
    return must_fail("setsockopt", ENOBUFS) ? -1 : next(fd, level, name, value, n);
}

ssize_t read(int fd, void *to, size_t n)
{
    NEXT(read)
    return is_socket(fd) && must_fail("read", ECONNRESET) ? -1 : next(fd, to, n);
}

ssize_t recv(int fd, void *to, size_t n, int flags)
{
    NEXT(recv)
    return must_fail("recv", ECONNRESET) ? -1 : next(fd, to, n, flags);
}

ssize_t write(int fd, const void *from, size_t n)
{
    NEXT(write)
    return is_socket(fd) && must_fail("write", EPIPE) ? -1 : next(fd, from, n);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
    NEXT(writev)
    return is_socket(fd) && must_fail("writev", EPIPE) ? -1 : next(fd, v, n);
}

ssize_t send(int fd, const void *from, size_t n, int flags)
{
    NEXT(send)
    return must_fail("send", EPIPE) ? -1 : next(fd, from, n, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    NEXT(sendmsg)
    return must_fail("sendmsg", EPIPE) ? -1 : next(fd, m, flags);
}

int open(const char *path, int flags, ...)
{
    NEXT(open)
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return must_fail("open", EMFILE) ? -1 : next(path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    NEXT(openat)
    va_list args;
    va_start(args, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(args, mode_t) : 0;
    va_end(args);
    return must_fail("openat", ENOSPC) ? -1 : next(dir, path, flags, mode);
}

int unlinkat(int dir, const char *path, int flags)
{
    NEXT(unlinkat)
    return must_fail("unlinkat", EROFS) ? -1 : next(dir, path, flags);
}

int fsync(int fd)
{
    NEXT(fsync)
    return must_fail("fsync", EIO) ? -1 : next(fd);
}

int fdatasync(int fd)
{
    NEXT(fdatasync)
    return must_fail("fdatasync", EIO) ? -1 : next(fd);
}

FILE *fopen(const char *path, const char *mode)
{
    NEXT(fopen)
    return must_fail("fopen", EMFILE) ? NULL : next(path, mode);
}

int rename(const char *from, const char *to)
{
    NEXT(rename)
    return must_fail("rename", EIO) ? -1 : next(from, to);
}

int mkdir(const char *path, mode_t mode)
{
    NEXT(mkdir)
    return must_fail("mkdir", EACCES) ? -1 : next(path, mode);
}

int ftruncate(int fd, off_t n)
{
    NEXT(ftruncate)
    return must_fail("ftruncate", ENOSPC) ? -1 : next(fd, n);
}

int flock(int fd, int operation)
{
    NEXT(flock)
    return must_fail("flock", EWOULDBLOCK) ? -1 : next(fd, operation);
}

DIR *opendir(const char *path)
{
    NEXT(opendir)
    return must_fail("opendir", EMFILE) ? NULL : next(path);
}

DIR *fdopendir(int fd)
{
    NEXT(fdopendir)
    return must_fail("fdopendir", ENOMEM) ? NULL : next(fd);
}

pid_t fork(void)
{
    NEXT(fork)
    return must_fail("fork", EAGAIN) ? -1 : next();
}

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict out)
{
    NEXT(getaddrinfo)
    return must_fail("getaddrinfo", ENOMEM) ? EAI_AGAIN : next(node, service, hints, out);
}
