/* plan: what another configuration would make of the events that came lately. */
#include "cli/plan.h"

#include "base/log.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* This verb's own: 2 is taken, for CI asks whether anything differs. */
enum { EXIT_DIFFERS = 2, EXIT_PLAN_USAGE = 64 };
enum { EVENTS_DEFAULT = 10000, EXAMPLES_DEFAULT = 10, EXAMPLES_MOST = 1000, WORDS_MOST = 64 << 10 };

/* --- routes, told apart by their names */

static int find_route(const struct conf *c, struct str name)
{
    size_t i = 0;
    while (i < c->route_count && !str_eq(c->routes[i].name, name)) {
        i++;
    }
    return i < c->route_count ? (int)i : -1;
}

static void pair_routes(struct route_side *side, const struct route_side *with)
{
    for (size_t i = 0; i < side->conf->route_count; i++) {
        side->other[i] = find_route(with->conf, side->conf->routes[i].name);
    }
}

static void on_verdict(void *user, const struct conf_route *r, enum route_reason reason,
                       struct str why)
{
    struct route_side *side = user;
    (void)why;
    side->took[r - side->conf->routes] = reason == ROUTE_TAKES;
}

static void count_alone(struct route_side *side, const struct route_side *with)
{
    for (size_t i = 0; i < side->conf->route_count; i++) {
        side->alone[i] += side->took[i] && (side->other[i] < 0 || !with->took[side->other[i]]);
    }
}

/* Of an event that fares differently. */
static void count_routes(struct plan *p, const struct past *past)
{
    for (int i = 0; i < 2; i++) {
        struct route_side *side = &p->routes[i];
        const struct past_outcome *o = i == 0 ? &p->was : &p->is;
        memset(side->took, 0, sizeof side->took);
        if (o->to_count > 0) { /* else no route has it, or it is refused */
            past_explain(side->conf, past, o, on_verdict, side);
        }
    }
    count_alone(&p->routes[0], &p->routes[1]);
    count_alone(&p->routes[1], &p->routes[0]);
}

/* --- one event */

/* Empty where it does not read as base64: the API writes none such. */
static struct str text_or_base64(yyjson_val *row, const char *key, const char *key_base64,
                                 struct buf *kept)
{
    struct str text = pages_text(row, key), encoded = pages_text(row, key_base64);
    size_t n = 0;
    if (encoded.len == 0) {
        return text;
    }
    buf_clear(kept);
    char *room = buf_room(kept, encoded.len);
    if (room == NULL || !text_get_base64(encoded, room, encoded.len, &n)) {
        return STR_NONE;
    }
    kept->len = n;
    return buf_str(kept);
}

static bool is_asked_for_routes(const struct past_outcome *o)
{
    return o->fate == PAST_TAKEN || o->fate == PAST_REFUSED;
}

static bool has(const struct past_outcome *o, unsigned destination)
{
    size_t i = 0;
    while (i < o->to_count && o->to[i] != destination) {
        i++;
    }
    return i < o->to_count;
}

/* Would it go to others? Counts what each destination gets more, and fewer. */
static bool is_rerouted(struct plan *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->was.to_count; i++) {
        int now = p->new_of[p->was.to[i]];
        bool stays = now >= 0 && has(&p->is, (unsigned)now);
        kept += stays;
        p->fewer[p->was.to[i]] += !stays;
    }
    for (size_t i = 0; i < p->is.to_count && kept < p->is.to_count; i++) {
        size_t k = 0;
        while (k < p->was.to_count && p->new_of[p->was.to[k]] != (int)p->is.to[i]) {
            k++;
        }
        p->more[p->is.to[i]] += k == p->was.to_count;
    }
    return kept < p->was.to_count || kept < p->is.to_count;
}

static void put_outcome(const struct conf *c, const struct past_outcome *o, bool names_source,
                        struct buf *out)
{
    if (names_source && o->source != NULL) {
        buf_printf(out, "[%.*s] ", STR_ARG(o->source->name));
    }
    switch (o->fate) {
    case PAST_NO_SOURCE:
        buf_add_str(out, STR("404, no source has its path"));
        return;
    case PAST_METHOD:
        buf_add_str(out, STR("405, the source does not take its method"));
        return;
    case PAST_TOO_LARGE:
        buf_add_str(out, STR("413, the body is too large"));
        return;
    case PAST_REFUSED:
        if (o->to_count == 0) { /* else both refuse it, and differ in where it goes */
            buf_printf(out, "401 %s, %s", o->reason, o->detail);
            return;
        }
        break;
    case PAST_TAKEN:
        break;
    }
    for (size_t i = 0; i < o->to_count; i++) {
        buf_printf(out, "%s%.*s", i > 0 ? ", " : "", STR_ARG(c->destinations[o->to[i]].name));
    }
    if (o->to_count == 0) {
        buf_add_str(out, STR("nowhere"));
    }
}

static void add_example(struct plan *p, struct str id, struct str source, const struct past *past,
                        bool other_source)
{
    struct buf text;
    buf_init(&text, WORDS_MOST);
    buf_add_str(&text, source);
    buf_add_char(&text, ' ');
    if (p->was.source == NULL || !past_type(p->was.source, past, &text)) {
        buf_add_str(&text, STR("(no type)"));
    }
    buf_add_str(&text, STR(": "));
    put_outcome(p->old, &p->was, other_source, &text);
    buf_add_str(&text, STR(" -> "));
    put_outcome(p->new, &p->is, other_source, &text);
    struct example *e = map_find(&p->by_text, buf_str(&text));
    if (e == NULL && p->example_count < EXAMPLES_MOST && !text.failed) {
        e = calloc(1, sizeof *e);
        ENSURE(e != NULL);
        map_set(&p->by_text, buf_str(&text), e);
        buf_add_char(&text, '\0');
        e->text = buf_take(&text);
        text_copy(e->id, sizeof e->id, id);
        *p->examples_tail = e;
        p->examples_tail = &e->next;
        p->example_count++;
    }
    if (e != NULL) {
        e->events++;
    }
    buf_done(&text);
}

/* Is it taken by one, and refused by the other, or for another reason? An event that the journal
 * has was genuine, whatever the old file says of it now: its secret may have been replaced since.
 * So a signature counts only where one of them takes it. */
static bool fares_otherwise(const struct past_outcome *was, const struct past_outcome *is)
{
    bool checked = !was->unchecked && !is->unchecked;
    return was->fate != is->fate &&
           (checked || !is_asked_for_routes(was) || !is_asked_for_routes(is));
}

static void judge(struct plan *p, struct str id, struct str source, const struct past *past)
{
    struct past_outcome *was = &p->was, *is = &p->is;
    bool fate = fares_otherwise(was, is);
    bool other_source =
        was->source != NULL && is->source != NULL && !str_eq(was->source->name, is->source->name);
    if (fate) { /* then what is refused goes nowhere */
        was->to_count = was->fate == PAST_TAKEN ? was->to_count : 0;
        is->to_count = is->fate == PAST_TAKEN ? is->to_count : 0;
    }
    bool rerouted = is_rerouted(p);
    bool unchecked = was->unchecked || is->unchecked;
    p->unchecked += unchecked;
    p->refused_by_both += !unchecked && was->fate == PAST_REFUSED && is->fate == PAST_REFUSED;
    p->refused += fate && is->fate != PAST_TAKEN;
    p->taken += fate && is->fate == PAST_TAKEN;
    p->elsewhere += !fate && other_source;
    p->rerouted += !fate && !other_source && rerouted;
    if (fate || other_source || rerouted) {
        count_routes(p, past);
        add_example(p, id, source, past, other_source);
    } else {
        p->same++;
    }
}

static bool on_event(void *user, yyjson_val *row)
{
    struct plan *p = user;
    struct fields fields;
    struct str id = pages_text(row, "id");
    if (map_find(&p->seen, id) != NULL) {
        return true;
    }
    map_set(&p->seen, id, p);
    if (yyjson_obj_get(row, "body") == NULL && yyjson_obj_get(row, "body_base64") == NULL) {
        p->left_out++;
        return true;
    }
    event_read_fields(text_or_base64(row, "headers", "headers_base64", &p->headers), &fields);
    const struct past past = {
        .request = {pages_text(row, "method"), pages_text(row, "target"), &fields,
                    text_or_base64(row, "body", "body_base64", &p->body)},
        .received_ms = yyjson_get_sint(yyjson_obj_get(row, "received_ms")),
    };
    past_put(p->old, &past, &p->was);
    past_put(p->new, &past, &p->is);
    p->last_ms = p->looked_at == 0 ? past.received_ms : p->last_ms;
    p->first_ms = past.received_ms;
    p->looked_at++;
    judge(p, id, pages_text(row, "source"), &past);
    return p->looked_at < p->a->limit;
}

static int read_events(struct plan *p)
{
    struct buf path;
    buf_init(&path, 4096);
    buf_printf(&path, "/api/v1/events?bodies=1&limit=%u",
               p->a->limit < 1000 ? (unsigned)p->a->limit : 1000u);
    if (p->a->source != NULL) {
        buf_printf(&path, "&source=%s", p->a->source);
    }
    int rc = pages_read(&(struct pages){.conf = p->old,
                                        .method = "GET",
                                        .path = buf_str(&path),
                                        .list = "events",
                                        .on_row = on_event,
                                        .user = p});
    buf_done(&path);
    return rc;
}

/* --- the verb */

static void plan_done(struct plan *p)
{
    for (struct example *e = p->examples, *next; e != NULL; e = next) {
        next = e->next;
        free(e->text);
        free(e);
    }
    for (struct change *c = p->changes, *next; c != NULL; c = next) {
        next = c->next;
        free(c->detail);
        free(c);
    }
    map_done(&p->seen);
    map_done(&p->by_text);
    free(p->fewer);
    free(p->more);
    free(p->routes);
    buf_done(&p->headers);
    buf_done(&p->body);
    free(p);
}

static struct plan *plan_new(const struct plan_args *a, const struct conf *old,
                             const struct conf *new)
{
    struct plan *p = calloc(1, sizeof *p);
    ENSURE(p != NULL);
    p->a = a;
    p->old = old;
    p->new = new;
    p->fewer = calloc(CONF_DESTINATIONS_MAX, sizeof *p->fewer);
    p->more = calloc(CONF_DESTINATIONS_MAX, sizeof *p->more);
    p->routes = calloc(2, sizeof *p->routes);
    ENSURE(p->fewer != NULL && p->more != NULL && p->routes != NULL);
    p->routes[0].conf = old;
    p->routes[1].conf = new;
    pair_routes(&p->routes[0], &p->routes[1]);
    pair_routes(&p->routes[1], &p->routes[0]);
    p->examples_tail = &p->examples;
    p->changes_tail = &p->changes;
    map_init(&p->seen);
    map_init(&p->by_text);
    buf_init(&p->headers, 1 << 20);
    buf_init(&p->body, 128 << 20);
    return p;
}

static int compare(const struct plan_args *a, const struct conf *old, const struct conf *new)
{
    struct plan *p = plan_new(a, old, new);
    plan_compare_files(p);
    int rc = read_events(p);
    if (p->looked_at == 0) {
        plan_compare_routes(p);
    }
    if (rc == EXIT_FINE && a->json) {
        plan_print_json(p);
    } else if (rc == EXIT_FINE) {
        plan_print_text(p);
    }
    if (rc == EXIT_FINE && (p->same < p->looked_at || p->changes != NULL || p->left_out > 0)) {
        rc = EXIT_DIFFERS;
    }
    plan_done(p);
    return rc;
}

static int wrong(const char *why, const char *what)
{
    (void)usage_error(&verb_plan, why, what);
    return EXIT_PLAN_USAGE;
}

/* NULL, or what is wrong. */
static const char *parse(int argc, char **argv, struct plan_args *a)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"source", required_argument, NULL, 's'},
        {"limit", required_argument, NULL, 'n'},  {"examples", required_argument, NULL, 'x'},
        {"json", no_argument, NULL, 'j'},         {NULL, 0, NULL, 0},
    };
    *a = (struct plan_args){.limit = EVENTS_DEFAULT, .examples = EXAMPLES_DEFAULT};
    const char *why = NULL;
    for (int o; why == NULL && (o = getopt_long(argc, argv, "c:s:n:x:j", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            a->config = optarg;
            break;
        case 's':
            a->source = optarg;
            break;
        case 'n':
            why = pages_limit(optarg, &a->limit);
            break;
        case 'x':
            why = text_u64(str_of(optarg), EXAMPLES_MOST, &a->examples) != NULL
                      ? "--examples is a number up to 1000"
                      : NULL;
            break;
        case 'j':
            a->json = true;
            break;
        default:
            why = "unknown option";
        }
    }
    return why != NULL ? why : optind + 1 != argc ? "name the new configuration, one file" : NULL;
}

static int plan(int argc, char **argv)
{
    struct plan_args a;
    const char *why = parse(argc, argv, &a);
    if (why != NULL) {
        return wrong(why, NULL);
    }
    struct conf *new = conf_for(argv[optind]);
    struct conf *old = new == NULL ? NULL : conf_for(a.config);
    int rc = EXIT_FAILED;
    if (old != NULL && a.source != NULL && conf_find_source(old, str_of(a.source)) == NULL) {
        rc = wrong("no such source in the present configuration", a.source);
    } else if (old != NULL) {
        rc = compare(&a, old, new);
    }
    conf_unref(old);
    conf_unref(new);
    return rc;
}

const struct verb verb_plan = {
    "plan", "Say what another configuration would make of the latest events; deliver nothing.",
    "usage: penstock plan NEW.yaml [-c FILE] [--limit N] [--source NAME] [--examples N] "
    "[--json]\n\n"
    "  -c, --config FILE   the present configuration, as the node has it; default as for run\n"
    "      --limit N       so many events of the history, the newest; 10000\n"
    "      --source NAME   only what came from it\n"
    "      --examples N    so many kinds of difference are shown; 10\n"
    "      --json          one object\n\n"
    "Asks a running Penstock for the events that it has kept (retention.history) and puts each to\n"
    "both files, as at the time when it came: its source, its signature, its routes. Signatures\n"
    "whose keys only a running node has are not compared, but counted, nor is allow_from.\n"
    "Exit 0: nothing differs; 2: something does, an event or any key of a source or destination,\n"
    "or an event is too large to be looked at; 1: a file does not load; 3: Penstock or its Redis "
    "is not reachable; 64: usage.\n",
    plan};
