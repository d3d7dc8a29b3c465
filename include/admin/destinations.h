/* Destinations over all workers: how they are; pause, resume, drop. */
#ifndef ADMIN_DESTINATIONS_H
#define ADMIN_DESTINATIONS_H

#include "io/httpd.h"
#include "relay/worker.h"

void destinations_list(struct worker *w, struct httpd_request *r, struct str rest);
void destinations_post(struct worker *w, struct httpd_request *r, struct str rest); /* NAME/VERB */

#endif
