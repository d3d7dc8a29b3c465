/* Reading small files: the configuration, secrets, certificates. */
#include "model/file_text.h"

#include "base/crypt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *read_all(int fd, struct buf *out)
{
    char bytes[4096];
    const char *why = NULL;
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            why = n == 0 ? NULL : strerror(errno);
            break;
        }
        if (!buf_add(out, bytes, (size_t)n)) {
            why = "it is too large";
            break;
        }
    }
    crypt_wipe(bytes, sizeof bytes); /* it may have been a secret */
    return why;
}

/* Room for all of it at once: no growth leaves a copy of a secret behind. */
static void reserve(int fd, struct buf *out)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size <= out->ceiling - out->len) {
        (void)buf_room(out, (size_t)st.st_size);
    }
}

const char *file_text_read(const char *path, struct buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return strerror(errno);
    }
    reserve(fd, out);
    const char *why = read_all(fd, out);
    close(fd);
    return why;
}

bool file_text_is_shared(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_mode & S_IROTH) != 0;
}
