/* A small file's bytes, and where in a text something stands. */
#ifndef MODEL_FILE_TEXT_H
#define MODEL_FILE_TEXT_H

#include "base/buf.h"
#include "model/arena.h"

/* A file's name and text, for excerpts. Lives as long as what points into it. */
struct file_text {
    struct str name, text;
    unsigned order;       /* of several files of one configuration: complaints stand in it */
    bool others_can_read; /* then literal secrets earn a warning */
};

struct mark {
    unsigned line, column; /* from 1, column in characters; line 0 = the file as a whole */
};

/* file NULL = nowhere in particular. */
struct place {
    const struct file_text *file;
    struct mark start, end; /* end: behind the last character */
};

/* What a running Penstock has given up the right to read (confine.c), though the file's mode lets
 * it. */
#define FILE_TEXT_BARRED "Permission denied by its own sandbox"
/* Appends the file's bytes. NULL, or what kept it: FILE_TEXT_BARRED, the system's words, or that it
 * is larger than the buffer's ceiling. */
const char *file_text_read(const char *path, struct buf *out) MUST_CHECK;
/* Without the mark (U+FEFF) that some editors begin a file with. */
struct str file_text_bare(struct str text);
/* Cuts the next line off; false: it was the last. Lines end as YAML 1.1 has it (4.2): LF, CR, both,
 * or U+0085, U+2028, U+2029. */
bool file_text_cut_line(struct str *rest, struct str *line);
struct str file_text_line(const struct file_text *f, unsigned number); /* from 1; empty: none */
/* Can users other than owner and group read it? */
bool file_text_is_shared(const char *path);
/* Which file it is, whatever it is called. NULL, or why not: no such file, or no regular one. */
struct file_id {
    unsigned long long device, number;
};
const char *file_text_id(const char *path, struct file_id *out) MUST_CHECK;
/* The names in a folder that the glob takes, sorted, but for hidden ones; they lie in the arena. Of
 * more than `most` none is given, only their number. NULL, or as above what kept it. */
struct file_names {
    struct str *v;
    size_t n;
};
const char *file_text_names(const char *folder, struct str glob, size_t most, struct arena *a,
                            struct file_names *out) MUST_CHECK;

#endif
