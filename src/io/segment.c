/* Segments on disk: made, appended to, cut back, read. */
#include "io/segment.h"

#include "base/crash.h"
#include "base/crc32c.h"
#include "base/little.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char SEGMENT_EMPTY[] = "nothing was written to it";
const char SEGMENT_FOREIGN[] = "it is none of ours, or its head is damaged";
const char SEGMENT_LATER[] = "a later version of Penstock wrote it";
const char SEGMENT_EARLIER[] = "an earlier version of Penstock wrote it";

enum { VERSION = 2, AT_VERSION = 8, AT_SALT = 12, AT_JOURNAL = 16, AT_FIRST = 24, AT_CRC = 32 };
enum { AT_NUMBER = 4, AT_HEAD_CRC = 12, AT_PAYLOAD_CRC = 16 }; /* of a record */

static const char magic[] = "PENSPOOL";
static const char suffix[] = ".segment";

/* --- writing */

/* A descriptor of a regular file takes all of it or has no room: a short count is not the end. */
static const char *write_all(int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.at, bytes.len);
        if (n < 0 && errno != EINTR) {
            return strerror(errno);
        }
        bytes = str_from(bytes, n > 0 ? (size_t)n : 0);
    }
    return NULL;
}

static const char *sync_data(int fd)
{
    return fdatasync(fd) == 0 ? NULL : strerror(errno);
}

static const char *write_head(struct segment *s, uint32_t salt, uint64_t journal, uint64_t first)
{
    unsigned char head[SEGMENT_HEAD_BYTES] = {0};
    memcpy(head, magic, AT_VERSION);
    little_put32(head + AT_VERSION, VERSION);
    little_put32(head + AT_SALT, salt);
    little_put64(head + AT_JOURNAL, journal);
    little_put64(head + AT_FIRST, first);
    little_put32(head + AT_CRC, crc32c(0, head, AT_CRC));
    const char *why = write_all(s->fd, (struct str){(char *)head, sizeof head});
    if (why == NULL) {
        why = sync_data(s->fd);
    }
    if (why == NULL && fsync(s->dir) != 0) { /* or the file itself may be gone after a power cut */
        why = strerror(errno);
    }
    return why;
}

const char *segment_create(struct segment *s, int dir, uint32_t salt, uint64_t journal,
                           uint64_t first)
{
    *s = (struct segment){.dir = dir, .fd = -1};
    snprintf(s->name, sizeof s->name, "%09llx-%013llu%s", (unsigned long long)journal,
             (unsigned long long)first, suffix);
    s->fd = openat(dir, s->name, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (s->fd < 0) {
        return strerror(errno);
    }
    const char *why = write_head(s, salt, journal, first);
    if (why != NULL) {
        segment_close(s);
        unlinkat(dir, s->name, 0);
        return why;
    }
    s->bytes = SEGMENT_HEAD_BYTES;
    return NULL;
}

const char *segment_write(struct segment *s, struct str records)
{
    const char *why = write_all(s->fd, records);
    CRASH_POINT("spool_written");
    if (why == NULL) {
        why = sync_data(s->fd);
    }
    if (why != NULL) { /* if that fails, too, what was not acknowledged may be delivered */
        (void)!ftruncate(s->fd, (off_t)s->bytes);
        return why;
    }
    CRASH_POINT("spool_synced");
    s->bytes += records.len;
    return NULL;
}

void segment_close(struct segment *s)
{
    if (s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
}

size_t segment_begin(struct buf *out)
{
    static const char room[SEGMENT_RECORD_BYTES];
    size_t begun = out->len;
    buf_add(out, room, sizeof room);
    return begun;
}

void segment_end(struct buf *out, size_t begun, uint32_t salt, uint64_t number)
{
    ENSURE(!out->failed && out->len - begun - SEGMENT_RECORD_BYTES <= UINT32_MAX);
    unsigned char *at = (unsigned char *)out->at + begun;
    size_t n = out->len - begun - SEGMENT_RECORD_BYTES;
    little_put32(at, (uint32_t)n);
    little_put64(at + AT_NUMBER, number);
    uint32_t crc = crc32c(salt, at, AT_HEAD_CRC);
    little_put32(at + AT_HEAD_CRC, crc);
    little_put32(at + AT_PAYLOAD_CRC, crc32c(crc, at + SEGMENT_RECORD_BYTES, n));
}

/* --- reading */

bool segment_is_named(const char *name)
{
    struct str s = str_of(name), journal, first;
    if (!str_ends(s, str_of(suffix)) || s.len != 9 + 1 + 13 + sizeof suffix - 1) {
        return false;
    }
    str_cut(str_head(s, 9 + 1 + 13), '-', &journal, &first);
    unsigned char bytes[5];
    char padded[10] = "0";
    size_t n;
    if (journal.len != 9 || !text_is_digits(first)) {
        return false;
    }
    memcpy(padded + 1, journal.at, 9);
    return text_get_hex((struct str){padded, 10}, bytes, sizeof bytes, &n);
}

const char *segment_load(int dir, const char *name, struct buf *out)
{
    struct stat st;
    const char *why = NULL;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return strerror(errno);
    }
    ssize_t n = fstat(fd, &st) == 0 ? 1 : -1;
    size_t size = n < 0 ? 0 : (size_t)st.st_size;
    while (n > 0 && out->len < size) {
        char *room = buf_room(out, size - out->len);
        if (room == NULL) {
            close(fd);
            return "it is too large";
        }
        n = read(fd, room, size - out->len);
        out->len += n > 0 ? (size_t)n : 0;
    }
    if (n < 0) {
        why = strerror(errno);
    }
    close(fd);
    return why;
}

const char *segment_remove(int dir, const char *name)
{
    return unlinkat(dir, name, 0) == 0 ? NULL : strerror(errno);
}

const char *segment_put_aside(int dir, const char *name)
{
    char aside[SEGMENT_NAME_MAX + 8];
    snprintf(aside, sizeof aside, "%s.damaged", name);
    return renameat(dir, name, dir, aside) == 0 ? NULL : strerror(errno);
}

const char *segment_open(struct segment_reader *r, struct str bytes)
{
    *r = (struct segment_reader){.left = bytes};
    struct str start = str_head(bytes, bytes.len < AT_VERSION ? bytes.len : AT_VERSION);
    if (!str_starts(str_of(magic), start)) {
        return SEGMENT_FOREIGN;
    }
    if (bytes.len >= AT_VERSION + 4 && little_get32(bytes.at + AT_VERSION) > VERSION) {
        return SEGMENT_LATER;
    }
    if (bytes.len < SEGMENT_HEAD_BYTES) {
        return SEGMENT_EMPTY;
    }
    if (little_get32(bytes.at + AT_CRC) != crc32c(0, bytes.at, AT_CRC)) {
        return SEGMENT_FOREIGN;
    }
    if (little_get32(bytes.at + AT_VERSION) < VERSION) {
        return SEGMENT_EARLIER;
    }
    r->salt = little_get32(bytes.at + AT_SALT);
    r->journal = little_get64(bytes.at + AT_JOURNAL);
    r->next = little_get64(bytes.at + AT_FIRST);
    r->left = str_from(bytes, SEGMENT_HEAD_BYTES);
    return NULL;
}

/* Is the head of a record at the front? */
static bool head_checks(uint32_t salt, struct str left)
{
    return left.len >= SEGMENT_RECORD_BYTES &&
           little_get32(left.at + AT_HEAD_CRC) == crc32c(salt, left.at, AT_HEAD_CRC);
}

/* Is a record at the front, and whole? */
static bool checks(uint32_t salt, struct str left, uint64_t *number, struct str *payload)
{
    if (!head_checks(salt, left)) {
        return false;
    }
    struct str rest = str_from(left, SEGMENT_RECORD_BYTES);
    size_t n = little_get32(left.at);
    if (n > rest.len || little_get32(left.at + AT_PAYLOAD_CRC) !=
                            crc32c(little_get32(left.at + AT_HEAD_CRC), rest.at, n)) {
        return false;
    }
    *number = little_get64(left.at + AT_NUMBER);
    *payload = str_head(rest, n);
    return true;
}

bool segment_next(struct segment_reader *r, uint64_t *number, struct str *payload)
{
    if (!checks(r->salt, r->left, number, payload) || *number != r->next) {
        return false;
    }
    r->next++;
    r->left = str_from(r->left, SEGMENT_RECORD_BYTES + payload->len);
    return true;
}

uint64_t segment_skip(struct segment_reader *r)
{
    uint64_t most = r->left.len / SEGMENT_RECORD_BYTES; /* records that can be lost */
    for (size_t i = 1; i + SEGMENT_RECORD_BYTES <= r->left.len; i++) {
        struct str rest = str_from(r->left, i), payload;
        uint64_t number = little_get64(rest.at + AT_NUMBER);
        bool plausible = number > r->next && number - r->next <= most;
        if (plausible && checks(r->salt, rest, &number, &payload)) {
            uint64_t lost = number - r->next;
            r->next = number;
            r->left = rest;
            return lost;
        }
    }
    return 0;
}

bool segment_is_torn(const struct segment_reader *r)
{
    return r->left.len < SEGMENT_RECORD_BYTES ||
           (head_checks(r->salt, r->left) &&
            little_get32(r->left.at) > r->left.len - SEGMENT_RECORD_BYTES);
}
