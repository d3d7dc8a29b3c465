/* What can be said of a row of the configuration language: shared by its pages and its schema.
 * Private to the conf_*.c files. */
#ifndef MODEL_CONF_ABOUT_H
#define MODEL_CONF_ABOUT_H

#include "model/conf_rows.h"

/* What least and most of a row count. */
enum about_bounds { ABOUT_NO, ABOUT_NUMBER, ABOUT_BYTES, ABOUT_TIME, ABOUT_LENGTH, ABOUT_ENTRIES };

struct conf_about {
    const struct conf_kind *kind;
    const char *noun;    /* "a duration" */
    const char *example; /* of any row of this kind; NULL: each has its own */
    enum about_bounds bounds;
};

/* NULL: a kind that nobody has described yet (a unit test finds it). */
const struct conf_about *conf_about(const struct conf_kind *kind);
/* "destinations.retry.schedule": the block's path without its stars, and the key. In `out`. */
void conf_path(const struct conf_block *b, const struct conf_row *row, struct buf *out);
/* As it would be written behind the key; empty: there is none (of blocks, whose keys have them). */
struct str conf_example(const struct conf_block *b, const struct conf_row *row);
/* Has it a form "key_file", too? */
bool conf_has_file_form(const struct conf_row *row);
/* "from 1 to 64", "1 to 128 characters"; nothing when there is nothing to say. */
void conf_bounds(const struct conf_row *row, struct buf *out);
/* Calls `each` for every row below the block, a block's own row before its rows. */
void conf_each_row(const struct conf_block *b,
                   void (*each)(const struct conf_block *b, const struct conf_row *row, void *user),
                   void *user);

#endif
