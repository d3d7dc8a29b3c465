/* Events, and those of their deliveries that wait or gave up (dead letters). */
#ifndef ADMIN_EVENTS_H
#define ADMIN_EVENTS_H

#include "io/httpd.h"
#include "relay/worker.h"

void events_show(struct worker *w, struct httpd_request *r, struct str id);
void dead_list(struct worker *w, struct httpd_request *r, struct str rest);
void dead_post(struct worker *w, struct httpd_request *r, struct str rest); /* ID/VERB */

#endif
