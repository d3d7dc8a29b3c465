/* One request of the admin API on its way. */
#include "admin/call.h"

#include "base/json.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum { ANSWER_CEILING = 64 << 20 };

static void answer(struct httpd_request *r, int status, struct str type, struct str body)
{
    static const struct field no_store = {{"Cache-Control", 13}, {"no-store", 8}};
    httpd_answer(r, &(struct httpd_answer){.status = status,
                                           .content_type = type,
                                           .fields = &no_store,
                                           .field_count = 1,
                                           .body = body});
}

void answer_problem(struct httpd_request *r, int status, const char *title, const char *detail)
{
    struct buf b;
    buf_init(&b, 4096);
    json_open(&b, '{');
    json_text(&b, "type", STR("about:blank"));
    json_text(&b, "title", str_of(title));
    json_number(&b, "status", status);
    json_text(&b, "detail", str_of(detail));
    buf_add_str(&b, STR("}\n"));
    answer(r, status, STR("application/problem+json"), buf_str(&b));
    buf_done(&b);
}

void *call_new(size_t size, struct worker *w, struct httpd_request *r)
{
    struct call *c = calloc(1, size);
    ENSURE(c != NULL);
    c->w = w;
    c->request = r;
    r->pending = c;
    buf_init(&c->out, ANSWER_CEILING);
    return c;
}

void call_visit(struct call *c, void (*at)(struct worker *w, struct visit *v),
                void (*home)(struct visit *v))
{
    c->visit.at = at;
    c->visit.home = home;
    node_visit(c->w->node, &c->visit);
}

struct call *call_of(struct visit *v)
{
    return CONTAINER_OF(v, struct call, visit);
}

static void call_free(struct call *c)
{
    buf_done(&c->out);
    free(c);
}

void call_end_as(struct call *c, int status, struct str type)
{
    if (c->request != NULL) {
        c->request->pending = NULL;
        if (c->out.failed) { /* it was cut */
            answer_problem(
                c->request, 500, "too_large",
                "the answer is larger than it may be; of a list ask for fewer with limit");
        } else {
            answer(c->request, status, type, buf_str(&c->out));
        }
    }
    call_free(c);
}

static void call_fail(struct call *c, const char *reason)
{
    if (c->request != NULL) {
        c->request->pending = NULL;
        if (strcmp(reason, "not_found") == 0) {
            answer_problem(c->request, 404, reason, "no such thing, or nothing of it waits there");
        } else if (strcmp(reason, "malformed") == 0) {
            answer_problem(c->request, 400, reason, "after is the \"next\" of the page before");
        } else if (strcmp(reason, "no_body") == 0) {
            answer_problem(c->request, 410, reason,
                           "it was kept without its body (on_full), and history, where that was, "
                           "has been trimmed: it can only be purged");
        } else if (strcmp(reason, "overloaded") == 0) {
            answer_problem(c->request, 503, reason, "as much is asked already; ask again");
        } else {
            answer_problem(c->request, 503, reason, redis_trouble(c->w));
        }
    }
    call_free(c);
}

void call_end(struct call *c, const char *reason, int status, struct str tail)
{
    if (reason != NULL) {
        call_fail(c, reason);
    } else {
        buf_add_str(&c->out, tail);
        call_end_as(c, status, STR("application/json"));
    }
}

void call_end_ok(void *call, const char *reason)
{
    call_end(call, reason, 200, STR("{\"ok\":true}\n"));
}
