/* The configuration, read anew. */
#include "admin/reload.h"

#include "admin/call.h"
#include "base/json.h"
#include "relay/reload.h"

struct reloading {
    struct call call; /* first */
    struct reload_ask ask;
};

static void on_end(struct reload_ask *ask, bool ok, struct str said)
{
    struct reloading *x = CONTAINER_OF(ask, struct reloading, ask);
    struct buf *out = &x->call.out;
    json_open(out, '{');
    json_bool(out, "ok", ok);
    json_text(out, "said", said);
    buf_add_str(out, STR("}\n"));
    call_end_as(&x->call, ok ? 200 : 422, STR("application/json"));
}

void reload_post(struct worker *w, struct httpd_request *r, struct str rest)
{
    (void)rest;
    struct reloading *x = call_new(sizeof *x, w, r);
    x->ask.allow_empty = str_eq(r->query, STR("allow_empty=true"));
    x->ask.on_end = on_end;
    reload_start(w->node, &x->ask);
}
