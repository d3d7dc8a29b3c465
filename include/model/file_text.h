/* A small file's bytes, and where in a text something stands. */
#ifndef MODEL_FILE_TEXT_H
#define MODEL_FILE_TEXT_H

#include "base/buf.h"

/* A file's name and text, for excerpts. Lives as long as what points into it. */
struct file_text {
    struct str name, text;
};

struct mark {
    unsigned line, column; /* from 1, column in characters; line 0 = the file as a whole */
};

/* file NULL = nowhere in particular. */
struct place {
    const struct file_text *file;
    struct mark start, end; /* end: behind the last character */
};

/* Appends the file's bytes. NULL, or what kept it: the system's words, or that it is larger than
 * the buffer's ceiling. */
const char *file_text_read(const char *path, struct buf *out) MUST_CHECK;
/* Can users other than owner and group read it? */
bool file_text_is_shared(const char *path);

#endif
