/* The admin listener: health, metrics, and /api/v1 (bearer token; JSON; problem+json errors). */
#ifndef ADMIN_API_H
#define ADMIN_API_H

#include "relay/worker.h"

struct api;

const char *api_start(struct api **out, struct worker *w) MUST_CHECK;     /* NULL, or a sentence */
const char *api_address(const struct api *a);                             /* as really bound */
void api_close(struct api *a, void (*on_closed)(void *user), void *user); /* frees */

#endif
