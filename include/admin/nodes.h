/* Who is there: the nodes, their workers and journals. */
#ifndef ADMIN_NODES_H
#define ADMIN_NODES_H

#include "io/httpd.h"
#include "relay/worker.h"

void nodes_list(struct worker *w, struct httpd_request *r, struct str rest);

#endif
