/* Which routes are worth a look: a thousand that differ in the event's type, a header or a text of
 * the body are found by that, not tried one by one. It leaves out only what cannot match. */
#ifndef MODEL_ROUTE_INDEX_H
#define MODEL_ROUTE_INDEX_H

#include "model/arena.h"
#include "model/subject.h"

#define ROUTE_SPECS 8 /* things that routes of one source are told apart by */
/* For its own routes, and for those of every source. */
#define ROUTE_LISTS (2 * (ROUTE_SPECS + 1))

struct route_table;

struct route_list { /* numbers of routes, ascending */
    const unsigned *v;
    size_t n;
};

struct route_table *route_table_new(struct arena *a, const struct conf *c);
/* The candidates among the routes with, or without, `else`; lists that have none in common. How
 * many. */
size_t route_candidates(const struct conf *c, struct route_subject *s, bool otherwise,
                        struct route_list lists[ROUTE_LISTS]);

#endif
