/* Which destinations get an event. */
#include "model/route.h"

static bool route_takes_source(const struct conf_route *r, struct str source)
{
    for (size_t i = 0; i < r->from_count; i++) {
        if (str_eq(r->from[i], STR("*")) || str_eq(r->from[i], source)) {
            return true;
        }
    }
    return false;
}

/* An event without a type has the empty one: only a glob that matches nothing at all takes it. */
static bool route_takes_type(const struct conf_route *r, struct str type)
{
    for (size_t i = 0; i < r->event_count; i++) {
        if (text_glob(r->events[i], type)) {
            return true;
        }
    }
    return r->event_count == 0;
}

size_t route_match(const struct conf *c, const struct conf_source *source, struct str event_type,
                   unsigned *to)
{
    uint64_t taken[CONF_DESTINATIONS_MAX / 64] = {0};
    size_t n = 0;
    for (size_t i = 0; i < c->route_count; i++) {
        const struct conf_route *r = &c->routes[i];
        if (!route_takes_source(r, source->name) || !route_takes_type(r, event_type)) {
            continue;
        }
        for (size_t k = 0; k < r->to_count; k++) {
            unsigned d = r->to[k];
            if ((taken[d / 64] >> d % 64 & 1) == 0) {
                taken[d / 64] |= UINT64_C(1) << d % 64;
                to[n++] = d;
            }
        }
        if (r->stop) {
            break;
        }
    }
    return n;
}

bool route_needs_type(const struct conf *c, const struct conf_source *source)
{
    for (size_t i = 0; i < c->route_count; i++) {
        if (c->routes[i].event_count > 0 && route_takes_source(&c->routes[i], source->name)) {
            return true;
        }
    }
    return false;
}
