/* One request of the admin API on its way: it outlives its client while Redis or the workers are
 * asked, and ends once, with an answer or (the client has gone) without. */
#ifndef ADMIN_CALL_H
#define ADMIN_CALL_H

#include "base/buf.h"
#include "io/httpd.h"
#include "relay/node.h"

/* The first member of the struct of whoever needs more. */
struct call {
    struct worker *w;
    struct httpd_request *request; /* NULL: the client has gone */
    struct buf out;
    struct visit visit;
};

/* A whole answer, to a request without a call. */
void answer_problem(struct httpd_request *r, int status, const char *title, const char *detail);

/* `size` zeroed bytes that begin with the call. */
void *call_new(size_t size, struct worker *w, struct httpd_request *r);
/* Asks every worker, one after the other; `home` has the last word. */
void call_visit(struct call *c, void (*at)(struct worker *w, struct visit *v),
                void (*home)(struct visit *v));
struct call *call_of(struct visit *v);

/* The ends, each of which frees the call. Answers what was written to `out`: */
void call_end_as(struct call *c, int status, struct str type);
/* JSON, with `tail` behind it; or a problem if there is a reason. */
void call_end(struct call *c, const char *reason, int status, struct str tail);
/* For on_done callbacks: {"ok":true}, or a problem. */
void call_end_ok(void *call, const char *reason);

#endif
