/* GET /api/v1/sources: how each verifies, and when which secret did last. NAME/secret: what its
 * handshake has left. POST NAME/forget: the next handshake may leave another. */
#ifndef ADMIN_SOURCES_H
#define ADMIN_SOURCES_H

#include "io/httpd.h"
#include "relay/worker.h"

void sources_list(struct worker *w, struct httpd_request *r, struct str rest);
void sources_get(struct worker *w, struct httpd_request *r, struct str rest);
void sources_post(struct worker *w, struct httpd_request *r, struct str rest);

#endif
