/* The sources and their secrets. */
#include "admin/sources.h"

#include "admin/call.h"
#include "relay/secrets.h"

static void on_listed(void *call, const char *reason)
{
    call_end(call, reason, 200, STR("\n"));
}

void sources_list(struct worker *w, struct httpd_request *r, struct str rest)
{
    struct call *c = call_new(sizeof *c, w, r);
    (void)rest;
    secrets_list(w, &c->out, on_listed, c);
}
