/* Tests that stand beside the rules, tried. */
#include "model/rehearsal.h"

#include "model/report.h"
#include "model/route.h"

/* One test under way, and why its routes did what they did. */
struct trial {
    const struct conf *conf;
    unsigned destination; /* that is asked about */
    bool got;             /* it gets the event: then the route that took it is looked for */
    struct buf *why;      /* of the first such route, or the one that came nearest */
    enum route_reason reason;
};

static bool leads_to(const struct conf_route *r, unsigned destination)
{
    for (size_t i = 0; i < r->to_count; i++) {
        if (r->to[i] == destination) {
            return true;
        }
    }
    return false;
}

/* A route that looked at the event says more than one that was for others. */
static void on_verdict(void *user, const struct conf_route *r, enum route_reason reason,
                       struct str why)
{
    struct trial *t = user;
    bool looked = reason != ROUTE_OF_OTHERS && t->reason == ROUTE_OF_OTHERS;
    if (!leads_to(r, t->destination) || (t->got && reason != ROUTE_TAKES) ||
        (t->why->len > 0 && !looked)) {
        return;
    }
    buf_clear(t->why);
    t->reason = reason;
    buf_printf(t->why, "\"%.*s\" (%.*s:%u) %s: %.*s", STR_ARG(r->name),
               STR_ARG(r->place->file->name), r->place->start.line,
               reason == ROUTE_TAKES ? "takes it" : "does not take it", STR_ARG(why));
}

static void subject_of(struct route_subject *s, const struct conf_test *t)
{
    subject_init(s, t->source, 0, t->method, t->target, t->fields, t->body);
    subject_guess_scheme(s);
    if (t->type.len > 0) {
        subject_set_type(s, t->type);
    }
}

static void complain(const struct conf *c, const struct conf_test *t, unsigned destination,
                     bool got, struct report *r)
{
    struct route_subject s;
    struct buf why;
    buf_init(&why, 4096);
    struct trial trial = {.conf = c, .destination = destination, .got = got, .why = &why};
    subject_of(&s, t);
    route_explain(c, &s, on_verdict, &trial);
    subject_done(&s);
    report_error(r, t->expect_place,
                 got ? "test \"%.*s\": \"%.*s\" gets it, too"
                     : "test \"%.*s\": \"%.*s\" does not get it",
                 STR_ARG(t->name), STR_ARG(c->destinations[destination].name));
    if (why.len == 0) {
        buf_add_str(&why, STR("no route leads to it"));
    }
    report_help(r, "%.*s", STR_ARG(buf_str(&why)));
    buf_done(&why);
}

static bool is_among(const unsigned *v, size_t n, unsigned what)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i] == what) {
            return true;
        }
    }
    return false;
}

static bool passes(const struct conf *c, const struct conf_test *t, struct report *r)
{
    unsigned to[CONF_DESTINATIONS_MAX];
    struct route_subject s;
    bool good = true;
    subject_of(&s, t);
    size_t n = route_match(c, &s, to);
    subject_done(&s);
    for (size_t i = 0; i < t->expect_count; i++) {
        if (!is_among(to, n, t->expect[i])) {
            complain(c, t, t->expect[i], false, r);
            good = false;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_among(t->expect, t->expect_count, to[i])) {
            complain(c, t, to[i], true, r);
            good = false;
        }
    }
    return good;
}

size_t rehearse(const struct conf *c, struct buf *out)
{
    struct arena *a = arena_new();
    struct report r;
    size_t failed = 0;
    report_init(&r, a, "tests");
    r.masks = c->masks;
    for (size_t i = 0; i < c->test_count; i++) {
        failed += !passes(c, &c->tests[i], &r);
    }
    report_write(&r, out);
    arena_free(a);
    return failed;
}
