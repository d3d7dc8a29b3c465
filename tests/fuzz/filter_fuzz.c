/* A line that is a filter, a line of header fields ("name: value;name: value"), and the rest as a
 * body: compiled or refused with a reason; what an index finds is what a look at every route finds;
 * what is printed means the same when it is read again. */
#include "model/filter.h"
#include "model/route.h"

#include <stdlib.h>
#include <string.h>

#define SOURCES "sources: {s: {verify: none, event: {type: header.x-event}}}\n"
#define DESTINATIONS "destinations: {a: http://a, b: http://b, c: http://c}\n"

struct request {
    struct fields fields;
    struct str body;
};

static const char *variable(const char *name)
{
    (void)name;
    return NULL;
}

static struct conf *load(struct str filter)
{
    static const struct conf_env env = {variable, false, false};
    struct buf text, errors;
    buf_init(&text, 8 << 20);
    buf_init(&errors, 256 << 10);
    buf_printf(&text,
               SOURCES DESTINATIONS "routes:\n"
                                    "  - {from: s, to: a, when: %.*s\n}\n"
                                    "  - {from: '*', to: b, when: {body: {type: x}}}\n"
                                    "  - {from: s, to: b, when: {body: {type: y}}}\n"
                                    "  - {from: s, to: b, when: {body: {type: z}}}\n"
                                    "  - {from: s, to: b, when: {body: {type: w}}, stop: true}\n"
                                    "  - {from: s, to: c, else: true}\n",
               STR_ARG(filter));
    struct conf *c = text.failed ? NULL : conf_parse_with(buf_str(&text), "f", &env, &errors);
    if (c == NULL && errors.len == 0 && !text.failed) {
        abort(); /* refused without a word */
    }
    buf_done(&text);
    buf_done(&errors);
    return c;
}

static void open_subject(struct route_subject *s, const struct conf *c, const struct request *r)
{
    subject_init(s, &c->sources[0], 0, STR("POST"), STR("/hooks/s?a=1&b=%20&a=2"), &r->fields,
                 r->body);
}

static void on_verdict(void *user, const struct conf_route *r, enum route_reason reason,
                       struct str why)
{
    unsigned *bits = user;
    if (why.len == 0) {
        abort();
    }
    for (size_t i = 0; reason == ROUTE_TAKES && i < r->to_count; i++) {
        *bits |= 1u << r->to[i];
    }
}

/* As bits of destinations. */
static unsigned decide(const struct conf *c, const struct request *r)
{
    unsigned to[3], found = 0, looked = 0;
    struct route_subject s;
    open_subject(&s, c, r);
    size_t n = route_match(c, &s, to);
    bool limited = s.limited != NULL;
    subject_done(&s);
    for (size_t i = 0; i < n; i++) {
        found |= 1u << to[i];
    }
    open_subject(&s, c, r);
    route_explain(c, &s, on_verdict, &looked);
    limited = limited || s.limited != NULL || s.limit_met; /* then steps may have run out earlier */
    subject_done(&s);
    if (found != looked && !limited) {
        abort();
    }
    return found;
}

static void read_fields(struct str line, struct request *r)
{
    struct str one, name, value;
    for (bool more = line.len > 0; more;) {
        more = str_cut(line, ';', &one, &line);
        if (str_cut(one, ':', &name, &value) && text_is_token(name)) {
            (void)!fields_add(&r->fields, name, value);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str filter, fields, rest = {(const char *)data, size};
    static struct request r;
    r.fields.n = 0;
    str_cut(rest, '\n', &filter, &rest);
    str_cut(rest, '\n', &fields, &r.body);
    read_fields(fields, &r);
    struct conf *c = load(filter);
    if (c == NULL || c->route_count != 6 || c->routes[0].when == NULL) { /* more than a filter */
        conf_unref(c);
        return 0;
    }
    unsigned first = decide(c, &r);
    struct buf printed;
    buf_init(&printed, 8 << 20);
    filter_print(c->routes[0].when, true, &printed);
    bool is_filter_alone = c->routes[0].event_count == 0 && c->routes[0].sample == 100 &&
                           !c->routes[0].stop && !c->routes[0].otherwise;
    conf_unref(c);
    c = is_filter_alone ? load(buf_str(&printed)) : NULL;
    if (is_filter_alone && (c == NULL || decide(c, &r) != first)) {
        abort(); /* it does not read back as itself */
    }
    conf_unref(c);
    buf_done(&printed);
    return 0;
}
