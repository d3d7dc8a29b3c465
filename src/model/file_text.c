/* Reading small files: the configuration, secrets, certificates. */
#include "model/file_text.h"

#include "base/crypt.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
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

/* Why it cannot be opened: where its mode would let us, it is Landlock that does not. */
static const char *why_closed(const char *path)
{
    int error = errno;
    return error == EACCES && access(path, R_OK) == 0 ? FILE_TEXT_BARRED : strerror(error);
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
        return why_closed(path);
    }
    reserve(fd, out);
    const char *why = read_all(fd, out);
    close(fd);
    return why;
}

struct str file_text_bare(struct str text)
{
    return str_starts(text, STR("\xef\xbb\xbf")) ? str_from(text, 3) : text;
}

/* Bytes of the line's end that stands at the front, 0: there is none. */
static size_t line_end(struct str s)
{
    switch ((unsigned char)s.at[0]) {
    case '\n':
        return 1;
    case '\r':
        return str_starts(s, STR("\r\n")) ? 2 : 1;
    case 0xc2:
        return str_starts(s, STR("\xc2\x85")) ? 2 : 0;
    case 0xe2:
        return str_starts(s, STR("\xe2\x80\xa8")) || str_starts(s, STR("\xe2\x80\xa9")) ? 3 : 0;
    default:
        return 0;
    }
}

bool file_text_cut_line(struct str *rest, struct str *line)
{
    size_t n = 0, end = 0;
    while (n < rest->len && (end = line_end(str_from(*rest, n))) == 0) {
        n++;
    }
    *line = str_head(*rest, n);
    *rest = str_from(*rest, n + end);
    return end > 0;
}

struct str file_text_line(const struct file_text *f, unsigned number)
{
    struct str line = STR_NONE, rest = f->text;
    bool more = true;
    for (unsigned i = 0; i < number; i++) {
        line = STR_NONE;
        more = more && file_text_cut_line(&rest, &line);
    }
    return line;
}

bool file_text_is_shared(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_mode & S_IROTH) != 0;
}

const char *file_text_id(const char *path, struct file_id *out)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        return strerror(errno);
    }
    *out = (struct file_id){st.st_dev, st.st_ino};
    return S_ISREG(st.st_mode)   ? NULL
           : S_ISDIR(st.st_mode) ? "it is a folder"
                                 : "it is no regular file";
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct str *)a)->at, ((const struct str *)b)->at);
}

const char *file_text_names(const char *folder, struct str glob, size_t most, struct arena *a,
                            struct file_names *out)
{
    /* Not opendir, whose descriptor ThreadSanitizer takes for the one that had the number before.
     */
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (d == NULL) {
        const char *why = why_closed(folder);
        if (fd >= 0) {
            close(fd);
        }
        return why;
    }
    *out = (struct file_names){arena_array(a, most, sizeof *out->v), 0};
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        struct str name = str_of(e->d_name);
        if (e->d_name[0] == '.' || !text_glob(glob, name)) {
            continue;
        }
        if (out->n < most) {
            out->v[out->n] = arena_str(a, name);
        }
        out->n++;
    }
    closedir(d);
    if (out->n <= most) {
        qsort(out->v, out->n, sizeof *out->v, by_name);
    }
    return NULL;
}
