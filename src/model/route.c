/* Which destinations get an event. */
#include "model/route.h"

#include "model/filter.h"
#include "model/route_index.h"

static bool of_source(const struct conf_route *r, struct str source)
{
    for (size_t i = 0; i < r->from_count; i++) {
        if (str_eq(r->from[i], STR("*")) || str_eq(r->from[i], source)) {
            return true;
        }
    }
    return false;
}

/* An event without a type has the empty one: only a glob that matches nothing at all takes it. */
static bool of_type(const struct conf_route *r, struct route_subject *s)
{
    struct str type = r->event_count > 0 ? subject_type(s) : STR_NONE;
    s->steps += r->event_count * (1 + type.len / 32);
    for (size_t i = 0; i < r->event_count; i++) {
        if (text_glob(r->events[i], type)) {
            return true;
        }
    }
    return r->event_count == 0;
}

/* Without its source, stop and else. */
static enum route_reason judge(const struct conf_route *r, struct route_subject *s)
{
    if (!of_type(r, s)) {
        return ROUTE_TYPE;
    }
    if (r->when != NULL) {
        bool good = filter_holds(r->when, s);
        if (s->limit_met && s->limited == NULL) {
            s->limited = r;
        }
        if (!good) {
            return ROUTE_FILTER;
        }
    }
    return r->sample == 100 || subject_share(s) < r->sample ? ROUTE_TAKES : ROUTE_SAMPLED;
}

/* --- the destinations */

struct taking {
    uint64_t taken[CONF_DESTINATIONS_MAX / 64];
    unsigned *to;
    size_t n;
};

static void take(struct taking *t, const struct conf_route *r)
{
    for (size_t k = 0; k < r->to_count; k++) {
        unsigned d = r->to[k];
        if ((t->taken[d / 64] >> d % 64 & 1) == 0) {
            t->taken[d / 64] |= UINT64_C(1) << d % 64;
            t->to[t->n++] = d;
        }
    }
}

/* The least number of all lists, taken from its list. */
static bool next_route(struct route_list *lists, size_t *n, unsigned *out)
{
    size_t least = 0;
    if (*n == 0) {
        return false;
    }
    for (size_t i = 1; i < *n; i++) {
        if (lists[i].v[0] < lists[least].v[0]) {
            least = i;
        }
    }
    *out = lists[least].v[0];
    lists[least].v++;
    if (--lists[least].n == 0) {
        lists[least] = lists[--*n];
    }
    return true;
}

/* Did any of them take it? */
static bool walk(const struct conf *c, struct route_subject *s, bool otherwise, struct taking *t)
{
    struct route_list lists[ROUTE_LISTS];
    size_t n = route_candidates(c, s, otherwise, lists);
    bool any = false;
    unsigned i;
    while (next_route(lists, &n, &i)) {
        const struct conf_route *r = &c->routes[i];
        if (judge(r, s) == ROUTE_TAKES) {
            take(t, r);
            any = true;
            if (r->stop) {
                break;
            }
        }
    }
    return any;
}

size_t route_match(const struct conf *c, struct route_subject *s, unsigned *to)
{
    struct taking t = {.to = to};
    if (!walk(c, s, false, &t)) {
        walk(c, s, true, &t);
    }
    return t.n;
}

/* --- why */

static void say_why(const struct conf_route *r, struct route_subject *s, enum route_reason reason,
                    struct buf *out)
{
    struct str type = s->is_hidden ? STR("***") : subject_type(s);
    switch (reason) {
    case ROUTE_OF_OTHERS:
        buf_add_str(out, STR("it is for other sources"));
        break;
    case ROUTE_STOPPED:
        buf_add_str(out, STR("a route before it has stop"));
        break;
    case ROUTE_NOT_ELSE:
        buf_add_str(out, STR("another route took it"));
        break;
    case ROUTE_TYPE:
        if (type.len == 0) {
            buf_add_str(out, STR("the event has no type"));
        } else {
            buf_printf(out, "the event is \"%.*s\"", STR_ARG(str_head(type, 128)));
        }
        break;
    case ROUTE_SAMPLED:
        buf_printf(out, "it is at %.2f%%, the sample ends at %u%%", subject_share(s), r->sample);
        break;
    case ROUTE_FILTER:
    case ROUTE_TAKES:
        if (r->when != NULL) {
            filter_explain(r->when, s, out);
        } else if (r->event_count > 0) {
            buf_printf(out, "the event is \"%.*s\"", STR_ARG(str_head(type, 128)));
        } else {
            buf_add_str(out, STR("it takes everything"));
        }
        break;
    }
}

static bool anybody_takes(const struct conf *c, struct route_subject *s)
{
    for (size_t i = 0; i < c->route_count; i++) {
        const struct conf_route *r = &c->routes[i];
        if (!r->otherwise && of_source(r, s->source->name) && judge(r, s) == ROUTE_TAKES) {
            return true;
        }
    }
    return false;
}

size_t route_explain(const struct conf *c, struct route_subject *s, route_on_verdict *each,
                     void *user)
{
    /* Each pass has as many steps as the event has: to look may not change what is seen. */
    s->steps = 0;
    bool taken = anybody_takes(c, s), stopped[2] = {false, false};
    size_t looked = s->steps, judged = 0, told = 0;
    for (size_t i = 0; i < c->route_count; i++) {
        const struct conf_route *r = &c->routes[i];
        s->steps = judged;
        enum route_reason reason = !of_source(r, s->source->name) ? ROUTE_OF_OTHERS
                                   : r->otherwise && taken        ? ROUTE_NOT_ELSE
                                   : stopped[r->otherwise]        ? ROUTE_STOPPED
                                                                  : judge(r, s);
        judged = s->steps;
        s->steps = told;
        struct buf why;
        buf_init(&why, 4096);
        say_why(r, s, reason, &why);
        told = s->steps;
        each(user, r, reason, buf_str(&why));
        buf_done(&why);
        stopped[r->otherwise] |= reason == ROUTE_TAKES && r->stop;
    }
    return looked + judged + told;
}
