/* The heads of answers, from precomputed parts. */
#ifndef IO_ANSWER_H
#define IO_ANSWER_H

#include "base/buf.h"
#include "io/httpd.h"

/* "HTTP/1.1 200 OK\r\n", for every status from 100 to 599. */
struct str http_status_line(int status);
/* "Date: Tue, 15 Nov 1994 08:12:31 GMT\r\n" of now; valid until the next call. */
struct str http_date_line(void);

/* Does an answer with that status have a body, and so a Content-Length? (RFC 9110 6.4.1) */
bool answer_has_content(int status);
/* The whole head, in an empty buffer. `close`: the connection ends behind it. */
void answer_put_head(struct buf *b, const struct httpd_answer *a, bool close, bool http10);
/* {"error":"<reason>"} into `b`, with Retry-After for 503; the answer borrows from `b`. */
struct httpd_answer answer_refusal(struct buf *b, int status, const char *reason);

#endif
