/* Guard rails: what is no mistake of the language, but can hardly be meant. Warnings, with their
 * places. */
#include "model/conf_rows.h"

#include <string.h>

#define WORK_MAX 1000000 /* comparisons; beyond them nothing more is found, for this runs in CI */

/* ---- routes that others leave nothing: an earlier `stop`; of `else`, whoever takes it ---- */

struct guard {
    struct conf_reader *r;
    const struct conf_file *f;
    size_t work;
};

/* Does nothing but its sources and types narrow what it takes? (For `else` see goes_before.) */
static bool is_plain(const struct file_route *w)
{
    static const char *const plain[] = {"name", "from", "events", "to", "stop", "else"};
    const struct node *n = w->item.value;
    for (size_t i = 0; i < n->n; i++) {
        bool known = false;
        for (size_t k = 0; k < sizeof plain / sizeof plain[0]; k++) {
            known = known || str_eq(n->pairs[i].key->text, str_of(plain[k]));
        }
        if (!known) {
            return false;
        }
    }
    return true;
}

static bool takes_source(struct guard *g, const struct file_route *w, struct str source)
{
    g->work += w->from.n;
    for (size_t i = 0; i < w->from.n; i++) {
        if (str_eq(w->from.v[i].text, STR("*")) || str_eq(w->from.v[i].text, source)) {
            return true;
        }
    }
    return false;
}

/* `type` NULL: any, an event without one among them. */
static bool takes_type(struct guard *g, const struct file_route *w, const struct str *type)
{
    g->work += w->events.n;
    for (size_t i = 0; i < w->events.n; i++) {
        if (text_glob_covers(w->events.v[i].text, type == NULL ? STR("*") : *type)) {
            return true;
        }
    }
    return w->events.n == 0;
}

/* Does number `i` never see what number `k` takes? One with `else` looks last, at what no other
 * has taken. */
static bool goes_before(const struct file_route *v, size_t k, size_t i)
{
    bool first = v[i].r.otherwise && !v[k].r.otherwise;
    return first || (k < i && v[i].r.otherwise == v[k].r.otherwise && v[k].r.stop);
}

/* The first route that leaves number `i` no event of this source and type. */
static const struct file_route *stopped_by(struct guard *g, size_t i, struct str source,
                                           const struct str *type)
{
    const struct file_route *v = g->f->routes.v;
    size_t n = v[i].r.otherwise ? g->f->routes.n : i;
    for (size_t k = 0; k < n && g->work < WORK_MAX; k++) {
        g->work++;
        if (goes_before(v, k, i) && is_plain(&v[k]) && takes_source(g, &v[k], source) &&
            takes_type(g, &v[k], type)) {
            return &v[k];
        }
    }
    return NULL;
}

/* The same for each of its sources; NULL if one of them still comes through. */
static const struct file_route *stopped_everywhere(struct guard *g, size_t i,
                                                   const struct str *type)
{
    const struct file_route *w = (const struct file_route *)g->f->routes.v + i, *by = NULL;
    for (size_t k = 0; k < w->from.n; k++) {
        struct str source = w->from.v[k].text;
        bool all = str_eq(source, STR("*"));
        for (size_t j = 0; j < (all ? g->f->c.source_count : 1); j++) {
            by = stopped_by(g, i, all ? g->f->c.sources[j].name : source, type);
            if (by == NULL) {
                return NULL;
            }
        }
    }
    return by;
}

/* "route "money" (line 12)", and the file's name where it is another one. */
static struct str shown(struct guard *g, const struct file_route *by, const struct place *from)
{
    const struct place *p = &by->item.place;
    struct str name = report_shown(by->r.name);
    return p->file == from->file
               ? arena_printf(g->r->arena, "\"%.*s\" (line %u)", STR_ARG(name), p->start.line)
               : arena_printf(g->r->arena, "\"%.*s\" (%.*s:%u)", STR_ARG(name),
                              STR_ARG(p->file->name), p->start.line);
}

static void guard_types(struct guard *g, size_t i)
{
    const struct file_route *w = (const struct file_route *)g->f->routes.v + i;
    for (size_t k = 0; k < w->events.n; k++) {
        const struct conf_text *t = &w->events.v[k];
        const struct file_route *by = stopped_everywhere(g, i, &t->text);
        if (by != NULL) {
            struct str name = shown(g, by, &t->node->place);
            bool first = w->r.otherwise && !by->r.otherwise;
            report_warning(g->r->report, &t->node->place,
                           "\"%.*s\" never comes here: the route %.*s takes it%s",
                           STR_ARG(report_shown(t->node->text)), STR_ARG(name),
                           first ? "" : " and stops");
            report_help(g->r->report, "%s",
                        first ? "a route with \"else\" gets what no other takes: leave it out here"
                              : "leave it out here, or \"stop\" out there");
        }
    }
}

/* All of its types, one by one. */
static const struct file_route *stopped_in_all(struct guard *g, size_t i)
{
    const struct file_route *w = (const struct file_route *)g->f->routes.v + i, *by = NULL;
    if (w->events.n == 0) {
        return stopped_everywhere(g, i, NULL);
    }
    for (size_t k = 0; k < w->events.n; k++) {
        by = stopped_everywhere(g, i, &w->events.v[k].text);
        if (by == NULL) {
            return NULL;
        }
    }
    return by;
}

static void guard_routes(struct guard *g)
{
    const struct file_route *v = g->f->routes.v;
    bool stopped = false;
    for (size_t i = 0; i < g->f->routes.n && g->work < WORK_MAX; i++) {
        bool stops = stopped || v[i].r.otherwise;
        const struct file_route *by = stops ? stopped_in_all(g, i) : NULL;
        if (by != NULL) {
            const struct place *p = &v[i].item.place;
            struct str name = shown(g, by, p);
            bool first = v[i].r.otherwise && !by->r.otherwise;
            report_warning(
                g->r->report, p, "the route \"%.*s\" takes nothing: %.*s takes all of it%s",
                STR_ARG(report_shown(v[i].r.name)), STR_ARG(name), first ? "" : " and stops");
            report_help(g->r->report, "%s",
                        first ? "a route with \"else\" gets what no other takes: narrow the other "
                                "one, or leave \"else\" out"
                              : "move it up, or leave \"stop\" out there");
        } else if (stops) {
            guard_types(g, i);
        }
        stopped = stopped || v[i].r.stop;
    }
}

/* ---- types that look like regular expressions ---- */

static void guard_globs(struct guard *g)
{
    const struct file_route *v = g->f->routes.v;
    for (size_t i = 0; i < g->f->routes.n; i++) {
        for (size_t k = 0; k < v[i].events.n; k++) {
            const struct node *n = v[i].events.v[k].node;
            if (str_has(n->text, '|') || str_has(n->text, '^') || str_has(n->text, '\\')) {
                report_warning(g->r->report, &n->place,
                               "\"%.*s\" is no regular expression: only * and ? are special in it",
                               STR_ARG(report_shown(n->text)));
                report_help(g->r->report,
                            "several are a list; or write when: { event: { $regex: ... } }");
            }
        }
    }
}

/* ---- tries that come too late ---- */

/* Even where each wait is as short as the jitter makes it. */
static void guard_schedule(struct guard *g, const struct node *n, const struct retry_policy *p)
{
    const struct node_pair *schedule = node_find(n, "schedule");
    const struct node *list = schedule == NULL ? NULL : schedule->value;
    double sum = 0, least = 1.0 - (double)p->jitter_percent / 100.0;
    for (unsigned i = 0; list != NULL && list->kind == NODE_LIST && i < p->steps; i++) {
        sum += (double)p->step_ms[i] * least;
        if (sum > (double)p->max_age_ms && p->max_age_ms > 0) {
            char age[32];
            int len = (int)text_put_duration(age, p->max_age_ms);
            report_warning(g->r->report, &list->items[i]->place,
                           "this try never comes: it is later than \"max_age\", which is %.*s", len,
                           age);
            report_help(g->r->report, "shorten the schedule, or give it a longer max_age");
            return;
        }
    }
}

static void guard_retry(struct guard *g, const struct node *around, const struct retry_policy *p)
{
    const struct node_pair *retry = node_find(around, "retry");
    const struct node_pair *growing = retry == NULL ? NULL : node_find(retry->value, "exponential");
    if (retry == NULL) {
        return;
    }
    guard_schedule(g, retry->value, p);
    if (growing != NULL && p->exponential && p->first_ms > p->max_age_ms && p->max_age_ms > 0) {
        report_warning(g->r->report, &growing->key->place,
                       "no second try ever comes: \"first\" is longer than \"max_age\"");
    }
}

static void guard_retries(struct guard *g)
{
    const struct file_destination *v = g->f->destinations.v;
    const struct node_pair *defaults = node_find(g->f->root, "defaults");
    const struct node_pair *all =
        defaults == NULL ? NULL : node_find(defaults->value, "destination");
    if (all != NULL) {
        guard_retry(g, all->value, &g->f->defaults.d.retry);
    }
    for (size_t i = 0; i < g->f->destinations.n; i++) {
        guard_retry(g, v[i].item.value, &v[i].d.retry);
    }
}

/* ---- what a mirror does in any case ---- */

/* Its own keys only: what stands in `defaults` is meant for the others. */
static void guard_mirrors(struct guard *g)
{
    const struct file_destination *v = g->f->destinations.v;
    for (size_t i = 0; i < g->f->destinations.n; i++) {
        const struct {
            const char *key;
            bool drops;
        } rules[] = {{"on_removed", v[i].d.on_removed == REMOVED_DROP},
                     {"on_exhausted", v[i].d.on_exhausted == EXHAUSTED_DROP},
                     {"on_full", false}};
        for (size_t k = 0; v[i].d.mirror && k < sizeof rules / sizeof rules[0]; k++) {
            const struct node_pair *said = node_find(v[i].item.value, rules[k].key);
            if (said != NULL && !rules[k].drops) {
                report_warning(g->r->report, &said->value->place,
                               "\"%s\" says nothing of a mirror: what it cannot have is dropped",
                               rules[k].key);
                report_help(g->r->report, "leave it out, or leave out \"mirror: true\"");
            }
        }
    }
}

void conf_guard(struct conf_reader *r, const struct conf_file *f)
{
    struct guard g = {r, f, 0};
    if (r->report->errors == 0) { /* or no warning is shown at all */
        guard_routes(&g);
        guard_globs(&g);
        guard_retries(&g);
        guard_mirrors(&g);
    }
}
