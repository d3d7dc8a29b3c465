/* GET /api/v1/sources: how each verifies, and when which secret did last. */
#ifndef ADMIN_SOURCES_H
#define ADMIN_SOURCES_H

#include "io/httpd.h"
#include "relay/worker.h"

void sources_list(struct worker *w, struct httpd_request *r, struct str rest);

#endif
