/* Tests that stand beside the rules, tried. */
#include "model/rehearsal.h"

#include "model/report.h"
#include "model/route.h"

/* All of them. */
struct rehearsal {
    const struct conf *conf;
    struct report report;
    size_t steps, failed;
};

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
    s->is_hidden = t->is_hidden;
    if (t->type.len > 0) {
        subject_set_type(s, t->type);
    }
}

/* What it cost beside what its filters counted. */
static void charge(struct rehearsal *r, const struct conf_test *t, const struct route_subject *s,
                   size_t got)
{
    r->steps += 16 + s->steps + t->body.len / 16 + got * (1 + t->expect_count) / 16 +
                r->conf->route_count / 4;
}

static void explain(struct rehearsal *r, const struct conf_test *t, struct trial *trial)
{
    struct route_subject s;
    subject_of(&s, t);
    size_t steps = route_explain(r->conf, &s, on_verdict, trial);
    charge(r, t, &s, 0);
    r->steps += steps + 40 * r->conf->route_count;
    subject_done(&s);
    if (trial->why->len == 0) {
        buf_add_str(trial->why, STR("no route leads to it"));
    }
}

static void complain(struct rehearsal *r, const struct conf_test *t, unsigned destination, bool got)
{
    const struct conf *c = r->conf;
    if (report_full(&r->report)) {
        r->report.more = true;
        return;
    }
    struct buf why;
    buf_init(&why, 4096);
    struct trial trial = {.conf = c, .destination = destination, .got = got, .why = &why};
    report_error(&r->report, t->expect_place,
                 got ? "test \"%.*s\": \"%.*s\" gets it, too"
                     : "test \"%.*s\": \"%.*s\" does not get it",
                 STR_ARG(t->name), STR_ARG(c->destinations[destination].name));
    if (r->steps < REHEARSAL_STEPS) {
        explain(r, t, &trial);
        report_help(&r->report, "%.*s", STR_ARG(buf_str(&why)));
    }
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

/* A test that passes for a reason that it hardly means. */
static void warn(struct rehearsal *r, const struct conf_test *t, const struct route_subject *s)
{
    if (s->unparsed && t->expect_count == 0) {
        report_warning(&r->report, t->place,
                       "test \"%.*s\": its body is no JSON, which the rules look for in it",
                       STR_ARG(t->name));
        report_help(&r->report, "a body that is a mapping or a list is written as JSON");
    }
    if (s->limited != NULL) {
        report_warning(&r->report, t->place,
                       "test \"%.*s\": \"%.*s\" met a limit and took nothing%s", STR_ARG(t->name),
                       STR_ARG(s->limited->name),
                       s->steps > SUBJECT_STEPS ? ", nor did any later one with \"when\"" : "");
    }
}

static bool passes(struct rehearsal *r, const struct conf_test *t)
{
    unsigned to[CONF_DESTINATIONS_MAX];
    struct route_subject s;
    bool good = true;
    subject_of(&s, t);
    size_t n = route_match(r->conf, &s, to);
    charge(r, t, &s, n);
    warn(r, t, &s);
    subject_done(&s);
    for (size_t i = 0; i < t->expect_count; i++) {
        if (!is_among(to, n, t->expect[i])) {
            complain(r, t, t->expect[i], false);
            good = false;
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_among(t->expect, t->expect_count, to[i])) {
            complain(r, t, to[i], true);
            good = false;
        }
    }
    return good;
}

bool rehearse(const struct conf *c, struct buf *said)
{
    struct rehearsal r = {.conf = c};
    struct arena *a = arena_new();
    size_t i = 0;
    report_init(&r.report, a, "tests");
    r.report.masks = c->masks;
    for (; i < c->test_count && r.steps < REHEARSAL_STEPS; i++) {
        r.failed += !passes(&r, &c->tests[i]);
    }
    bool all = i == c->test_count;
    if (!all) {
        report_error(&r.report, c->tests[i].place,
                     "the tests before this one took too long: it and %zu more are not tried",
                     c->test_count - i - 1);
        report_help(&r.report, "have fewer tests, or less for the filters to look at");
    }
    report_write(&r.report, said);
    if (r.failed > 0) {
        buf_printf(said, "%zu of %zu tests failed\n", r.failed, c->test_count);
    }
    arena_free(a);
    return r.failed == 0 && all;
}
