/* Ordered rules of predicates: event in, destination set out. */
#ifndef MODEL_ROUTE_H
#define MODEL_ROUTE_H

#include "model/subject.h"

/* Writes the indexes of the destinations that get it, each once, in order of the first route that
 * names it; returns how many (`to` has room for conf->destination_count). The subject says
 * afterwards whether a body could not be read, and which route met a limit. */
size_t route_match(const struct conf *c, struct route_subject *s, unsigned *to);

enum route_reason {
    ROUTE_TAKES,
    ROUTE_OF_OTHERS, /* of other sources */
    ROUTE_STOPPED,   /* an earlier one has `stop` */
    ROUTE_TYPE,      /* not among its events */
    ROUTE_FILTER,    /* its `when` does not hold */
    ROUTE_SAMPLED,   /* it is in the other part */
    ROUTE_NOT_ELSE   /* another one took it */
};

/* Of each route of the configuration, in order, what it does with the event, and why in words. The
 * same as route_match says, found by looking at every one of them. How many steps that took. */
typedef void route_on_verdict(void *user, const struct conf_route *r, enum route_reason reason,
                              struct str why);
size_t route_explain(const struct conf *c, struct route_subject *s, route_on_verdict *each,
                     void *user);

#endif
