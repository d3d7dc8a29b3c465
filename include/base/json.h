/* JSON, written piece by piece into a buffer. A comma is put in wherever the bytes before are the
 * end of a value, so the caller says only what there is. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

void json_open(struct buf *b, char bracket);  /* '{' or '[': the document, or an item of a list */
void json_close(struct buf *b, char bracket); /* '}' or ']' */

/* Members of an object. */
void json_key(struct buf *b, const char *key);  /* the caller writes its value */
void json_list(struct buf *b, const char *key); /* opened; json_close ends it */
void json_text(struct buf *b, const char *key, struct str value);
void json_number(struct buf *b, const char *key, int64_t value);
void json_bool(struct buf *b, const char *key, bool value);

void json_item(struct buf *b, struct str value); /* a text in a list */

#endif
