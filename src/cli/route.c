/* route: where an event would go, and why, by the configuration alone. */
#include "cli/cli.h"

#include "base/json.h"
#include "model/file_text.h"
#include "model/route.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MOST = 64 << 20, OUT_MOST = 16 << 20 };

struct args {
    const char *config, *source, *body, *method, *query, *event, *expect;
    struct fields fields;
    bool explain, json;
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"source", required_argument, NULL, 's'},
    {"body", required_argument, NULL, 'b'},
    {"header", required_argument, NULL, 'H'},
    {"method", required_argument, NULL, 'm'},
    {"query", required_argument, NULL, 'q'},
    {"event", required_argument, NULL, 't'},
    {"expect", required_argument, NULL, 'e'},
    {"explain", no_argument, NULL, 'x'},
    {"json", no_argument, NULL, 'j'},
    {NULL, 0, NULL, 0},
};

static const char *add_header(struct args *a, const char *text)
{
    struct str name, value;
    if (!str_cut(str_of(text), ':', &name, &value) || !text_is_token(name)) {
        return "--header wants \"Name: value\"";
    }
    return fields_add(&a->fields, name, str_trim(value)) ? NULL : "too many of --header";
}

static const char *parse(int argc, char **argv, struct args *a)
{
    const char *why = NULL;
    for (int o;
         why == NULL && (o = getopt_long(argc, argv, "c:s:b:H:m:q:t:e:xj", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            a->config = optarg;
            break;
        case 's':
            a->source = optarg;
            break;
        case 'b':
            a->body = optarg;
            break;
        case 'H':
            why = add_header(a, optarg);
            break;
        case 'm':
            a->method = optarg;
            break;
        case 'q':
            a->query = optarg;
            break;
        case 't':
            a->event = optarg;
            break;
        case 'e':
            a->expect = optarg;
            break;
        case 'x':
            a->explain = true;
            break;
        case 'j':
            a->json = true;
            break;
        default:
            return "unknown option";
        }
    }
    return why != NULL         ? why
           : a->source == NULL ? "--source NAME is needed"
           : optind < argc     ? "unexpected argument"
                               : NULL;
}

/* @FILE, @- or the text itself. */
static bool read_body(const char *body, struct buf *out)
{
    if (body == NULL || body[0] != '@') {
        return buf_add_str(out, str_of(body));
    }
    const char *why = file_text_read(strcmp(body, "@-") == 0 ? "/dev/stdin" : body + 1, out);
    if (why != NULL) {
        fprintf(stderr, "penstock route: cannot read %s: %s\n", body + 1, why);
    }
    return why == NULL;
}

/* --- what is said */

struct saying {
    const struct args *args;
    struct buf *out;
    size_t others; /* routes of other sources: counted, not listed */
};

static const char *word_of(enum route_reason reason)
{
    static const char *const words[] = {
        [ROUTE_TAKES] = "takes",  [ROUTE_OF_OTHERS] = "source", [ROUTE_STOPPED] = "stopped",
        [ROUTE_TYPE] = "events",  [ROUTE_FILTER] = "when",      [ROUTE_SAMPLED] = "sample",
        [ROUTE_NOT_ELSE] = "else"};
    return words[reason];
}

static void on_verdict(void *user, const struct conf_route *r, enum route_reason reason,
                       struct str why)
{
    struct saying *s = user;
    if (s->args->json) {
        json_open(s->out, '{');
        json_text(s->out, "route", r->name);
        json_bool(s->out, "takes", reason == ROUTE_TAKES);
        json_text(s->out, "decided_by", str_of(word_of(reason)));
        json_text(s->out, "why", why);
        json_close(s->out, '}');
    } else if (reason == ROUTE_OF_OTHERS) {
        s->others++;
    } else {
        buf_printf(s->out, "%-5s %-24.*s %s%.*s\n", reason == ROUTE_TAKES ? "takes" : "no",
                   STR_ARG(r->name), reason == ROUTE_TYPE ? "events: " : "", STR_ARG(why));
    }
}

static void say_text(const struct args *a, const struct conf *c, struct route_subject *s,
                     const unsigned *to, size_t n, struct buf *out)
{
    struct saying saying = {.args = a, .out = out};
    if (a->explain) {
        struct str type = subject_type(s);
        buf_printf(out, "source %s, event %.*s\n", a->source,
                   STR_ARG(type.len > 0 ? type : STR("without a type")));
        route_explain(c, s, on_verdict, &saying);
        if (saying.others > 0) {
            buf_printf(out, "      %zu for other sources\n", saying.others);
        }
    }
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s%.*s\n", a->explain ? "-> " : "", STR_ARG(c->destinations[to[i]].name));
    }
    if (n == 0) {
        buf_printf(out, "%snobody\n", a->explain ? "-> " : "");
    }
}

static void say_json(const struct args *a, const struct conf *c, struct route_subject *s,
                     const unsigned *to, size_t n, struct buf *out)
{
    struct saying saying = {.args = a, .out = out};
    json_open(out, '{');
    json_text(out, "source", str_of(a->source));
    json_text(out, "event", subject_type(s));
    json_list(out, "destinations");
    for (size_t i = 0; i < n; i++) {
        json_item(out, c->destinations[to[i]].name);
    }
    json_close(out, ']');
    if (a->explain) {
        json_list(out, "routes");
        route_explain(c, s, on_verdict, &saying);
        json_close(out, ']');
    }
    json_close(out, '}');
    buf_add_char(out, '\n');
}

/* --- what is expected */

/* Their indexes; false: one is not known, which is said. "" and "none" are nobody. */
static bool read_expected(const struct conf *c, const char *text, bool expected[])
{
    struct str name, rest = str_of(text);
    for (bool more = rest.len > 0 && !str_eq(rest, STR("none")); more;) {
        more = str_cut(rest, ',', &name, &rest);
        name = str_trim(name);
        const struct conf_destination *d = conf_find_destination(c, name);
        if (d == NULL) {
            fprintf(stderr, "penstock route: there is no destination \"%.*s\"\n", STR_ARG(name));
            return false;
        }
        expected[d - c->destinations] = true;
    }
    return true;
}

static bool is_as_expected(const struct conf *c, bool expected[], const unsigned *to, size_t n)
{
    bool good = true;
    for (size_t i = 0; i < n; i++) {
        if (!expected[to[i]]) {
            fprintf(stderr, "penstock route: %.*s gets it, too\n",
                    STR_ARG(c->destinations[to[i]].name));
            good = false;
        }
        expected[to[i]] = false;
    }
    for (size_t i = 0; i < c->destination_count; i++) {
        if (expected[i]) {
            fprintf(stderr, "penstock route: %.*s does not get it\n",
                    STR_ARG(c->destinations[i].name));
            good = false;
        }
    }
    return good;
}

static int answer(const struct args *a, const struct conf *c, struct route_subject *s)
{
    static unsigned to[CONF_DESTINATIONS_MAX];
    static bool expected[CONF_DESTINATIONS_MAX];
    if (a->expect != NULL && !read_expected(c, a->expect, expected)) {
        return EXIT_USAGE;
    }
    struct buf out;
    buf_init(&out, OUT_MOST);
    size_t n = route_match(c, s, to);
    if (s->unparsed) {
        fprintf(stderr, "penstock route: the body is no JSON; no rule about it holds\n");
    }
    (a->json ? say_json : say_text)(a, c, s, to, n, &out);
    printf("%.*s", STR_ARG(buf_str(&out)));
    buf_done(&out);
    return a->expect == NULL || is_as_expected(c, expected, to, n) ? EXIT_FINE : EXIT_FAILED;
}

static int route_with(const struct args *a, const struct conf *c)
{
    const struct conf_source *source = conf_find_source(c, str_of(a->source));
    if (source == NULL) {
        fprintf(stderr, "penstock route: there is no source \"%s\" in the configuration\n",
                a->source);
        return EXIT_USAGE;
    }
    struct buf body, target;
    struct route_subject s;
    buf_init(&body, BODY_MOST);
    buf_init(&target, 64 << 10);
    buf_add_str(&target, source->path);
    if (a->query != NULL) {
        buf_printf(&target, "?%s", a->query);
    }
    int rc = EXIT_USAGE;
    if (read_body(a->body, &body)) {
        subject_init(&s, source, 0, str_of(a->method == NULL ? "POST" : a->method),
                     buf_str(&target), &a->fields, buf_str(&body));
        subject_guess_scheme(&s);
        if (a->event != NULL) {
            subject_set_type(&s, str_of(a->event));
        }
        rc = answer(a, c, &s);
        subject_done(&s);
    }
    buf_done(&body);
    buf_done(&target);
    return rc;
}

static int run(int argc, char **argv)
{
    static struct args a;
    const char *why = parse(argc, argv, &a);
    if (why != NULL) {
        return usage_error(&verb_route, why, NULL);
    }
    struct conf *c = conf_for(a.config);
    int rc = c == NULL ? EXIT_FAILED : route_with(&a, c);
    conf_unref(c);
    return rc;
}

const struct verb verb_route = {
    "route", "Say where an event would go, and why. Nothing is sent.",
    "usage: penstock route --source NAME [--body @FILE|TEXT] [--header \"K: V\"]... [--method M]\n"
    "                      [--query Q] [--event TYPE] [--expect A,B] [--explain] [--json]\n\n"
    "  -s, --source NAME   the source that it comes to; its signature is not looked at\n"
    "  -b, --body          @FILE, @- for standard input, or the text itself\n"
    "  -H, --header K:V    a header; may be repeated\n"
    "  -m, --method M      the method; POST unless given\n"
    "  -q, --query Q       the query, such as a=b&c=d\n"
    "  -t, --event TYPE    the event's type, instead of what the request says\n"
    "  -e, --expect A,B    exit 1 unless it goes to these destinations, and no other; none\n"
    "  -x, --explain       of each route whether it takes it, and the predicate that decided\n"
    "  -j, --json          as JSON\n"
    "  -c, --config FILE   the configuration\n\n"
    "Exit 0; 1: not what was expected, or the configuration is wrong; 2: usage.\n",
    run};
