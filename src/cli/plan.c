/* plan: what another configuration would make of the events that came lately. */
#include "base/log.h"
#include "base/map.h"
#include "cli/pages.h"
#include "model/event.h"
#include "model/past.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* This verb's own: 2 is taken, for CI asks whether anything differs. */
enum { EXIT_DIFFERS = 2, EXIT_PLAN_USAGE = 64 };
enum { EVENTS_DEFAULT = 10000, EXAMPLES_DEFAULT = 10, EXAMPLES_MOST = 1000, WORDS_MOST = 64 << 10 };

struct args {
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

struct plan {
    const struct args *a;
    const struct conf *old, *new;
    int new_of[CONF_DESTINATIONS_MAX]; /* by an old destination's index; -1: it is gone */
    uint64_t looked_at, same, rerouted, refused, taken, elsewhere, unchecked;
    int64_t first_ms, last_ms;
    uint64_t *fewer, *more; /* deliveries, by old and by new index */
    struct map seen;        /* ids: an event that has moved has two entries */
    struct map by_text;
    struct example *examples, **examples_tail;
    uint64_t example_count;
    struct change *changes, **changes_tail;
    struct past_outcome was, is;
    struct buf headers, body; /* of the event at hand, where they came as base64 */
};

/* --- the configurations themselves */

static void add_change(struct plan *p, char sign, const char *noun, struct str name,
                       struct buf *detail)
{
    struct change *c = calloc(1, sizeof *c);
    ENSURE(c != NULL);
    buf_add_char(detail, '\0');
    *c = (struct change){NULL, sign, noun, name, buf_take(detail)};
    *p->changes_tail = c;
    p->changes_tail = &c->next;
}

static void put_url(const struct conf_destination *d, struct buf *out)
{
    buf_printf(out, "%s://%.*s%.*s", d->tls ? "https" : "http", STR_ARG(d->host_field),
               STR_ARG(d->target));
}

static void compare_url(struct plan *p, const struct conf_destination *was,
                        const struct conf_destination *is)
{
    struct buf text;
    buf_init(&text, WORDS_MOST);
    put_url(was, &text);
    size_t n = text.len;
    put_url(is, &text);
    bool same = str_eq(str_head(buf_str(&text), n), str_from(buf_str(&text), n));
    buf_clear(&text);
    if (!same) {
        put_url(was, &text);
        buf_add_str(&text, STR(" -> "));
        put_url(is, &text);
        add_change(p, '~', "destination", is->name, &text);
    }
    buf_done(&text);
}

static void compare_destinations(struct plan *p)
{
    struct buf text;
    buf_init(&text, WORDS_MOST);
    for (size_t i = 0; i < p->old->destination_count; i++) {
        const struct conf_destination *was = &p->old->destinations[i];
        const struct conf_destination *is = conf_find_destination(p->new, was->name);
        p->new_of[i] = is == NULL ? -1 : (int)(is - p->new->destinations);
        if (is != NULL) {
            compare_url(p, was, is);
        } else {
            put_url(was, &text);
            add_change(p, '-', "destination", was->name, &text);
        }
    }
    for (size_t i = 0; i < p->new->destination_count; i++) {
        const struct conf_destination *is = &p->new->destinations[i];
        if (conf_find_destination(p->old, is->name) == NULL) {
            put_url(is, &text);
            add_change(p, '+', "destination", is->name, &text);
        }
    }
    buf_done(&text);
}

static bool same_secrets(const struct verify *a, const struct verify *b)
{
    size_t n = verify_secret_count(a);
    bool same = n == verify_secret_count(b);
    for (size_t i = 0; i < n && same; i++) {
        char x[VERIFY_SECRET_ID + 1], y[VERIFY_SECRET_ID + 1];
        verify_secret_id(a, i, x);
        verify_secret_id(b, i, y);
        same = strcmp(x, y) == 0;
    }
    return same;
}

static bool same_addresses(const struct conf_cidrs *a, const struct conf_cidrs *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->v, b->v, a->n * sizeof *a->v) == 0);
}

static void put_part(struct buf *out, const char *what)
{
    buf_printf(out, "%s%s", out->len > 0 ? ", " : "", what);
}

static void compare_source(struct plan *p, const struct conf_source *was,
                           const struct conf_source *is)
{
    struct buf text;
    buf_init(&text, WORDS_MOST);
    if (!str_eq(was->path, is->path)) {
        buf_printf(&text, "%.*s -> %.*s", STR_ARG(was->path), STR_ARG(is->path));
    }
    if (!str_eq(verify_name(was->verify), verify_name(is->verify))) {
        put_part(&text, "verify");
    }
    if (!same_secrets(was->verify, is->verify)) {
        put_part(&text, "its secrets");
    }
    if (was->methods != is->methods) {
        put_part(&text, "methods");
    }
    if (was->body_bytes != is->body_bytes) {
        put_part(&text, "body");
    }
    if (was->keep_unrouted != is->keep_unrouted) {
        put_part(&text, "keep_unrouted");
    }
    if (!same_addresses(&was->allow_from, &is->allow_from)) {
        put_part(&text, "allow_from (events do not say where they came from: not checked)");
    }
    if (text.len > 0) {
        add_change(p, '~', "source", is->name, &text);
    }
    buf_done(&text);
}

static void compare_sources(struct plan *p)
{
    struct buf text;
    buf_init(&text, WORDS_MOST);
    for (size_t i = 0; i < p->old->source_count; i++) {
        const struct conf_source *was = &p->old->sources[i];
        const struct conf_source *is = conf_find_source(p->new, was->name);
        if (is != NULL) {
            compare_source(p, was, is);
        } else {
            buf_add_str(&text, was->path);
            add_change(p, '-', "source", was->name, &text);
        }
    }
    for (size_t i = 0; i < p->new->source_count; i++) {
        const struct conf_source *is = &p->new->sources[i];
        if (conf_find_source(p->old, is->name) == NULL) {
            buf_add_str(&text, is->path);
            add_change(p, '+', "source", is->name, &text);
        }
    }
    buf_done(&text);
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
    p->unchecked +=
        was->unchecked || is->unchecked || (was->fate == PAST_REFUSED && is->fate == PAST_REFUSED);
    p->refused += fate && is->fate != PAST_TAKEN;
    p->taken += fate && is->fate == PAST_TAKEN;
    p->elsewhere += !fate && other_source;
    p->rerouted += !fate && !other_source && rerouted;
    if (fate || other_source || rerouted) {
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

/* --- what is said */

static uint64_t differing(const struct plan *p)
{
    return p->looked_at - p->same;
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

static void print_count(uint64_t n, const char *what)
{
    if (n > 0) {
        printf("  %8" PRIu64 " %s\n", n, what);
    }
}

static void print_text(const struct plan *p)
{
    char first[32], last[32];
    for (const struct change *c = p->changes; c != NULL; c = c->next) {
        printf("%c %s %.*s: %s\n", c->sign, c->noun, STR_ARG(c->name), c->detail);
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

static void add_destination(void *user, struct str name, uint64_t more, uint64_t fewer)
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
    each_destination(p, add_destination, &l);
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

static void print_json(const struct plan *p)
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
    add_lists(p, doc, root);
    char *text = yyjson_mut_write(
        doc, YYJSON_WRITE_PRETTY_TWO_SPACES | YYJSON_WRITE_ALLOW_INVALID_UNICODE, NULL);
    printf("%s\n", text == NULL ? "{}" : text);
    free(text);
    yyjson_mut_doc_free(doc);
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
    buf_done(&p->headers);
    buf_done(&p->body);
    free(p);
}

static struct plan *plan_new(const struct args *a, const struct conf *old, const struct conf *new)
{
    struct plan *p = calloc(1, sizeof *p);
    ENSURE(p != NULL);
    p->a = a;
    p->old = old;
    p->new = new;
    p->fewer = calloc(CONF_DESTINATIONS_MAX, sizeof *p->fewer);
    p->more = calloc(CONF_DESTINATIONS_MAX, sizeof *p->more);
    ENSURE(p->fewer != NULL && p->more != NULL);
    p->examples_tail = &p->examples;
    p->changes_tail = &p->changes;
    map_init(&p->seen);
    map_init(&p->by_text);
    buf_init(&p->headers, 1 << 20);
    buf_init(&p->body, 128 << 20);
    return p;
}

static int compare(const struct args *a, const struct conf *old, const struct conf *new)
{
    struct plan *p = plan_new(a, old, new);
    compare_sources(p);
    compare_destinations(p);
    int rc = read_events(p);
    if (rc == EXIT_FINE && a->json) {
        print_json(p);
    } else if (rc == EXIT_FINE) {
        print_text(p);
    }
    if (rc == EXIT_FINE && (differing(p) > 0 || p->changes != NULL)) {
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
static const char *parse(int argc, char **argv, struct args *a)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"source", required_argument, NULL, 's'},
        {"limit", required_argument, NULL, 'n'},  {"examples", required_argument, NULL, 'x'},
        {"json", no_argument, NULL, 'j'},         {NULL, 0, NULL, 0},
    };
    *a = (struct args){.limit = EVENTS_DEFAULT, .examples = EXAMPLES_DEFAULT};
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
            why = text_u64(str_of(optarg), UINT32_MAX, &a->limit) != NULL || a->limit == 0
                      ? "--limit is a number from 1"
                      : NULL;
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
    struct args a;
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
    "Exit 0: nothing differs; 2: something does, an event or a source or destination of the\n"
    "files; 1: a file does not load; 3: Penstock or its Redis is not reachable; 64: usage.\n",
    plan};
