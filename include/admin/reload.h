/* POST /-/reload: the configuration is read anew. */
#ifndef ADMIN_RELOAD_H
#define ADMIN_RELOAD_H

#include "io/httpd.h"
#include "relay/worker.h"

/* ?allow_empty=true: from some routes to none is meant. {"ok":..., "said":...}: 200, or 422. */
void reload_post(struct worker *w, struct httpd_request *r, struct str rest);

#endif
