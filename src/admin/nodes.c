/* The nodes, their workers and journals. */
#include "admin/nodes.h"

#include "admin/call.h"
#include "relay/roster.h"

static void on_roster(void *call, const char *reason)
{
    call_end(call, reason, 200, STR_NONE);
}

void nodes_list(struct worker *w, struct httpd_request *r, struct str rest)
{
    struct call *c = call_new(sizeof *c, w, r);
    (void)rest;
    roster_list(w, &c->out, on_roster, c);
}
