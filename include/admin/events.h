/* Events, those that no route wanted, and those of their deliveries that wait or gave up (dead
 * letters). */
#ifndef ADMIN_EVENTS_H
#define ADMIN_EVENTS_H

#include "io/httpd.h"
#include "relay/worker.h"

void events_show(struct worker *w, struct httpd_request *r, struct str id);
/* ?limit, source, unrouted=1, since_ms, after (a page's `next`), bodies=1. */
void events_list(struct worker *w, struct httpd_request *r, struct str rest);
/* One page of those that no route wanted, under the routes of now: as above, but with ?dry_run=1.
 */
void events_replay(struct worker *w, struct httpd_request *r, struct str rest);
void dead_list(struct worker *w, struct httpd_request *r, struct str rest);
void dead_post(struct worker *w, struct httpd_request *r, struct str rest); /* ID/VERB */

#endif
