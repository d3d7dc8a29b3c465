/* What the parts of the verb plan share: two configurations, and how events fare under them. */
#ifndef CLI_PLAN_H
#define CLI_PLAN_H

#include "base/map.h"
#include "cli/pages.h"
#include "model/event.h"
#include "model/past.h"

struct plan_args {
    const char *config, *source;
    uint64_t limit, examples;
    bool json;
};

struct example { /* events that fare alike */
    struct example *next;
    char id[EVENT_ID_LEN + 1];
    char *text; /* "stripe charge.paid: billing -> billing, ledger" */
    uint64_t events;
};

struct change { /* of the configuration's own */
    struct change *next;
    char sign; /* + - ~ */
    const char *noun;
    struct str name;
    char *detail;
};

struct route_side { /* of one configuration */
    const struct conf *conf;
    int other[CONF_ROUTES_MAX];      /* the one of that name on the other side; -1: none */
    bool took[CONF_ROUTES_MAX];      /* the event at hand */
    uint64_t alone[CONF_ROUTES_MAX]; /* events that only this side's takes */
};

struct plan {
    const struct plan_args *a;
    const struct conf *old, *new;
    int new_of[CONF_DESTINATIONS_MAX]; /* by an old destination's index; -1: it is gone */
    uint64_t looked_at, same, rerouted, refused, taken, elsewhere, unchecked, left_out,
        refused_by_both; /* whatever each has against its signature: its routes are compared */
    int64_t first_ms, last_ms;
    uint64_t *fewer, *more;    /* deliveries, by old and by new index */
    struct route_side *routes; /* two: the old ones, and the new ones */
    struct map seen;           /* ids: an event that has moved has two entries */
    struct map by_text;
    struct example *examples, **examples_tail;
    uint64_t example_count;
    struct change *changes, **changes_tail;
    struct past_outcome was, is;
    struct buf headers, body; /* of the event at hand, where they came as base64 */
};

/* Sources, destinations, `network`: `changes`, `new_of`. */
void plan_compare_files(struct plan *p);
void plan_compare_routes(struct plan *p); /* as they are written; where no event shows more */
void plan_print_text(const struct plan *p);
void plan_print_json(const struct plan *p);

#endif
