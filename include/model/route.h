/* Ordered rules of predicates: event in, destination set out. */
#ifndef MODEL_ROUTE_H
#define MODEL_ROUTE_H

#include "model/conf.h"

/* Writes the indexes of the destinations that get it, each once, in order of the first route that
 * names it; returns how many (`to` has room for conf->destination_count). */
size_t route_match(const struct conf *c, const struct conf_source *source, struct str event_type,
                   unsigned *to);
/* Does any route of that source look at the event's type? Else nobody needs to parse the body. */
bool route_needs_type(const struct conf *c, const struct conf_source *source);

#endif
