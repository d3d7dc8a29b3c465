/* plan: what is said of it. */
#include "cli/plan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* --- what differs, by name */

/* Those that take others than before: the old ones, then the new ones. */
static void each_route(const struct plan *p,
                       void (*put)(void *user, struct str name, uint64_t more, uint64_t fewer),
                       void *user)
{
    const struct route_side *was = &p->routes[0], *is = &p->routes[1];
    for (size_t i = 0; i < p->old->route_count; i++) {
        uint64_t more = was->other[i] < 0 ? 0 : is->alone[was->other[i]];
        if (more + was->alone[i] > 0) {
            put(user, p->old->routes[i].name, more, was->alone[i]);
        }
    }
    for (size_t i = 0; i < p->new->route_count; i++) {
        if (is->other[i] < 0 && is->alone[i] > 0) {
            put(user, p->new->routes[i].name, is->alone[i], 0);
        }
    }
}

static uint64_t fewer_of(const struct plan *p, struct str name)
{
    const struct conf_destination *d = conf_find_destination(p->old, name);
    return d == NULL ? 0 : p->fewer[d - p->old->destinations];
}

static uint64_t more_of(const struct plan *p, struct str name)
{
    const struct conf_destination *d = conf_find_destination(p->new, name);
    return d == NULL ? 0 : p->more[d - p->new->destinations];
}

/* Those whose deliveries differ: the old ones, then the new ones. */
static void each_destination(const struct plan *p,
                             void (*put)(void *user, struct str name, uint64_t more,
                                         uint64_t fewer),
                             void *user)
{
    for (size_t i = 0; i < p->old->destination_count; i++) {
        struct str name = p->old->destinations[i].name;
        if (p->fewer[i] + more_of(p, name) > 0) {
            put(user, name, more_of(p, name), p->fewer[i]);
        }
    }
    for (size_t i = 0; i < p->new->destination_count; i++) {
        struct str name = p->new->destinations[i].name;
        if (p->more[i] > 0 && conf_find_destination(p->old, name) == NULL) {
            put(user, name, p->more[i], fewer_of(p, name));
        }
    }
}

static void print_destination(void *user, struct str name, uint64_t more, uint64_t fewer)
{
    (void)user;
    printf("  %-24.*s +%" PRIu64 " -%" PRIu64 " deliveries\n", STR_ARG(name), more, fewer);
}

static void print_route(void *user, struct str name, uint64_t more, uint64_t fewer)
{
    (void)user;
    printf("  %-24.*s +%" PRIu64 " -%" PRIu64 " events\n", STR_ARG(name), more, fewer);
}

static void print_count(uint64_t n, const char *what)
{
    if (n > 0) {
        printf("  %8" PRIu64 " %s\n", n, what);
    }
}

void plan_print_text(const struct plan *p)
{
    char first[32], last[32];
    for (const struct change *c = p->changes; c != NULL; c = c->next) {
        printf("%c %s%s%.*s: %s\n", c->sign, c->noun, c->name.len > 0 ? " " : "", STR_ARG(c->name),
               c->detail);
    }
    if (p->left_out > 0) {
        printf("%" PRIu64 " events are too large to be looked at\n", p->left_out);
    }
    pages_when(first, p->first_ms);
    pages_when(last, p->last_ms);
    if (p->looked_at == 0) {
        printf("no events in the history to look at\n");
        return;
    }
    printf("%" PRIu64 " events, %s to %s:\n", p->looked_at, first, last);
    print_count(p->same, "fare the same");
    print_count(p->rerouted, "are routed differently");
    print_count(p->refused, "are refused, or for another reason");
    print_count(p->taken, "are taken that the old file refuses");
    print_count(p->elsewhere, "come to another source");
    print_count(p->unchecked, "whose signature is not compared: the keys are not in the files");
    print_count(p->refused_by_both, "whose signature both files refuse: their routes are compared");
    each_route(p, print_route, NULL);
    each_destination(p, print_destination, NULL);
    uint64_t left = p->a->examples;
    for (const struct example *e = p->examples; e != NULL && left > 0; e = e->next, left--) {
        printf("%s %s", e->id, e->text);
        if (e->events > 1) {
            printf(" (and %" PRIu64 " more)", e->events - 1);
        }
        printf("\n");
    }
}

static void add_uint(yyjson_mut_doc *doc, yyjson_mut_val *o, const char *key, uint64_t n)
{
    yyjson_mut_obj_add_uint(doc, o, key, n);
}

struct json_list {
    yyjson_mut_doc *doc;
    yyjson_mut_val *list;
};

static void add_delta(void *user, struct str name, uint64_t more, uint64_t fewer)
{
    const struct json_list *l = user;
    yyjson_mut_val *o = yyjson_mut_arr_add_obj(l->doc, l->list);
    yyjson_mut_obj_add_strncpy(l->doc, o, "name", name.at, name.len);
    add_uint(l->doc, o, "more", more);
    add_uint(l->doc, o, "fewer", fewer);
}

static void add_lists(const struct plan *p, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    struct json_list l = {doc, yyjson_mut_obj_add_arr(doc, root, "destinations")};
    each_destination(p, add_delta, &l);
    l.list = yyjson_mut_obj_add_arr(doc, root, "routes");
    each_route(p, add_delta, &l);
    yyjson_mut_val *list = yyjson_mut_obj_add_arr(doc, root, "configuration");
    for (const struct change *c = p->changes; c != NULL; c = c->next) {
        yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, list);
        yyjson_mut_obj_add_str(doc, o, "noun", c->noun);
        yyjson_mut_obj_add_strncpy(doc, o, "name", c->name.at, c->name.len);
        yyjson_mut_obj_add_str(doc, o, "change",
                               c->sign == '+'   ? "added"
                               : c->sign == '-' ? "removed"
                                                : "changed");
        yyjson_mut_obj_add_str(doc, o, "detail", c->detail);
    }
    list = yyjson_mut_obj_add_arr(doc, root, "examples");
    uint64_t left = p->a->examples;
    for (const struct example *e = p->examples; e != NULL && left > 0; e = e->next, left--) {
        yyjson_mut_val *o = yyjson_mut_arr_add_obj(doc, list);
        yyjson_mut_obj_add_str(doc, o, "id", e->id);
        yyjson_mut_obj_add_str(doc, o, "what", e->text);
        add_uint(doc, o, "events", e->events);
    }
}

void plan_print_json(const struct plan *p)
{
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    add_uint(doc, root, "looked_at", p->looked_at);
    add_uint(doc, root, "same", p->same);
    add_uint(doc, root, "routed_differently", p->rerouted);
    add_uint(doc, root, "refused", p->refused);
    add_uint(doc, root, "taken", p->taken);
    add_uint(doc, root, "other_source", p->elsewhere);
    add_uint(doc, root, "not_compared", p->unchecked);
    add_uint(doc, root, "refused_by_both", p->refused_by_both);
    add_uint(doc, root, "too_large", p->left_out);
    add_lists(p, doc, root);
    char *text = yyjson_mut_write(
        doc, YYJSON_WRITE_PRETTY_TWO_SPACES | YYJSON_WRITE_ALLOW_INVALID_UNICODE, NULL);
    printf("%s\n", text == NULL ? "{}" : text);
    free(text);
    yyjson_mut_doc_free(doc);
}
