/* A segment: an append-only file of checksummed records, durable before its writer is told so.
 *
 * Head: "PENSPOOL", version (u32), salt (u32), journal (u64), number of the first record (u64),
 * CRC-32C of all that (u32). A record: length of its payload (u32), its number, one above the last
 * one's (u64), CRC-32C of the salt and these two (u32), CRC-32C of that and the payload (u32),
 * payload. All little-endian. A crash may leave a part of a record, or a hole where bytes were to
 * come: reading ends at the first that does not check, unless one behind it does.
 *
 * Whoever looks for the next one looks at bytes of payloads, too, and those are what senders like.
 * The salt is random and known to nobody: so none of them can hold a record that checks, nor many
 * heads of records, each a reason to check megabytes behind it.
 *
 * Everything here blocks: call it from the thread pool. It knows nothing of what records hold. */
#ifndef IO_SEGMENT_H
#define IO_SEGMENT_H

#include "base/buf.h"

#define SEGMENT_NAME_MAX 64
#define SEGMENT_HEAD_BYTES 36
#define SEGMENT_RECORD_BYTES 20 /* beside the payload */

/* --- writing */

struct segment {
    int dir; /* the folder's descriptor, borrowed */
    int fd;  /* -1: none is open */
    char name[SEGMENT_NAME_MAX];
    uint64_t bytes; /* of the file that are known to be on disk */
};

/* Makes "<journal>-<first>.segment". NULL, or the system's reason (a failed one leaves nothing). */
const char *segment_create(struct segment *s, int dir, uint32_t salt, uint64_t journal,
                           uint64_t first) MUST_CHECK;
/* Appends whole records and syncs them: durable when it answers NULL. Else the system's reason; the
 * file is cut to what it was, and takes no more: close it. */
const char *segment_write(struct segment *s, struct str records) MUST_CHECK;
void segment_close(struct segment *s);

/* A record in `out`: begin, add the payload's bytes, end. `begin` returns what `end` wants; the
 * salt is that of the segment it is for. */
size_t segment_begin(struct buf *out);
void segment_end(struct buf *out, size_t begun, uint32_t salt, uint64_t number);

/* --- reading */

bool segment_is_named(const char *name); /* as ours are */
/* The whole file. NULL, or the system's reason. */
const char *segment_load(int dir, const char *name, struct buf *out) MUST_CHECK;
const char *segment_remove(int dir, const char *name) MUST_CHECK;
/* Renames it to "<name>.damaged": for a human, none of ours any more. */
const char *segment_put_aside(int dir, const char *name) MUST_CHECK;

extern const char SEGMENT_EMPTY[];   /* its head was not written in full: so no record was */
extern const char SEGMENT_FOREIGN[]; /* not one of ours, or its head is damaged */
extern const char SEGMENT_LATER[];   /* of a later version of Penstock */
extern const char SEGMENT_EARLIER[]; /* of an earlier one */

struct segment_reader {
    uint64_t journal, next; /* the number of the next record */
    uint32_t salt;
    struct str left; /* behind the last that was read; what checks no more stays here */
};

/* NULL, or one of the reasons above. `bytes` is borrowed for the reader's life. */
const char *segment_open(struct segment_reader *r, struct str bytes) MUST_CHECK;
bool segment_next(struct segment_reader *r, uint64_t *number, struct str *payload);
/* It answered false: steps to the next record that checks, and answers how many are lost before it.
 * So that was no torn tail but damage, and what lies behind it was acknowledged. 0: there is none.
 */
uint64_t segment_skip(struct segment_reader *r);
/* Does the file end before its next record can? That one was never synced, nor acknowledged. */
bool segment_is_torn(const struct segment_reader *r);

#endif
