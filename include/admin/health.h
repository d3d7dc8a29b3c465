/* Health and metrics: every worker is asked, so one that hangs shows. */
#ifndef ADMIN_HEALTH_H
#define ADMIN_HEALTH_H

#include "io/httpd.h"
#include "relay/worker.h"

void health_live(struct worker *w, struct httpd_request *r, struct str rest);
void health_ready(struct worker *w, struct httpd_request *r, struct str rest);
void health_metrics(struct worker *w, struct httpd_request *r, struct str rest);

#endif
