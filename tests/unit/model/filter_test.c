/* Filters: what holds, what is refused, what is printed. */
#include "conf_room.h"

#include "model/filter.h"
#include "model/route.h"

#define HEAD                                                                                       \
    "sources: {s: {verify: none, event: {type: body./type}}}\ndestinations: {a: http://a}\n"       \
    "routes: [{from: s, to: a, when: "

static char *with(const char *filter)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_printf(&b, HEAD "%s}]\n", filter);
    return buf_take(&b);
}

/* A request of which only what matters is said. */
struct ask {
    const char *body, *target, *method;
    struct fields fields;
};

static bool decides(const char *filter, const struct ask *ask, bool *limit)
{
    char *text = with(filter);
    struct conf *c = conf_good(text);
    struct route_subject s;
    subject_init(&s, &c->sources[0], 0, str_of(ask->method), str_of(ask->target), &ask->fields,
                 str_of(ask->body));
    bool holds = filter_holds(c->routes[0].when, &s);
    if (limit != NULL) {
        *limit = s.limit_met;
    }
    subject_done(&s);
    conf_unref(c);
    free(text);
    return holds;
}

static void says(const char *filter, const char *body, bool want)
{
    const struct ask ask = {.body = body, .target = "/hooks/s", .method = "POST"};
    if (decides(filter, &ask, NULL) != want) {
        fail_msg("%s of %s: %s", filter, body, want ? "does not hold" : "holds");
    }
}

#define YES(filter, body) says("{body: " filter "}", body, true)
#define NO(filter, body) says("{body: " filter "}", body, false)

static void objects_match_field_by_field(void **state)
{
    (void)state;
    YES("{a: {b: 1}, c: x}", "{\"c\":\"x\",\"a\":{\"b\":1,\"z\":2}}");
    NO("{a: {b: 1}, c: x}", "{\"c\":\"y\",\"a\":{\"b\":1}}");
    NO("{a: 1}", "{}");
    NO("{a: 1}", "[]");
    NO("{a: {b: 1}}", "{\"a\":5}");
    YES("{}", "{}");
    YES("{a: {}}", "{\"a\":{\"b\":1}}");
    NO("{a: {}}", "{\"a\":1}");
    YES("x", "\"x\"");
    YES("{\"a b\": 1, '': 2}", "{\"a b\":1,\"\":2}");
    YES("{$$type: x}", "{\"$type\":\"x\"}");
    says("{}", "", true);
}

static void values_compare_by_type(void **state)
{
    (void)state;
    YES("{a: 100}", "{\"a\":100}");
    YES("{a: 100}", "{\"a\":1.00e2}");
    NO("{a: 100}", "{\"a\":\"100\"}");
    YES("{a: \"100\"}", "{\"a\":\"100\"}");
    NO("{a: \"100\"}", "{\"a\":100}");
    YES("{a: true}", "{\"a\":true}");
    NO("{a: true}", "{\"a\":1}");
    NO("{a: true}", "{\"a\":\"true\"}");
    YES("{a: 'true'}", "{\"a\":\"true\"}");
    NO("{a: false}", "{\"a\":null}");
    YES("{a: null}", "{\"a\":null}");
    YES("{a: ~}", "{\"a\":null}");
    NO("{a: null}", "{}");
    NO("{a: null}", "{\"a\":\"null\"}");
    YES("{a: yes}", "{\"a\":\"yes\"}");
    YES("{a: 014}", "{\"a\":\"014\"}");
    YES("{a: 1.}", "{\"a\":\"1.\"}");
    YES("{a: \"\"}", "{\"a\":\"\"}");
}

static void numbers_are_not_rounded(void **state)
{
    (void)state;
    YES("{a: 123456789012345678901234567890}", "{\"a\":123456789012345678901234567890}");
    NO("{a: 123456789012345678901234567890}", "{\"a\":123456789012345678901234567891}");
    NO("{a: 9007199254740992}", "{\"a\":9007199254740993}");
    YES("{a: {$gt: 9007199254740992}}", "{\"a\":9007199254740993}");
    YES("{a: {$lt: 18446744073709551616}}", "{\"a\":18446744073709551615}");
    YES("{a: {$gt: 1e400}}", "{\"a\":1e401}");
    YES("{a: -0}", "{\"a\":0.0}");
}

static void arrays_match_when_an_element_does(void **state)
{
    (void)state;
    YES("{a: x}", "{\"a\":[\"y\",\"x\"]}");
    YES("{a: x}", "{\"a\":[[\"y\"],[[\"x\"]]]}");
    NO("{a: x}", "{\"a\":[]}");
    YES("{a: {b: 1, c: 2}}", "{\"a\":[{\"b\":1},{\"b\":1,\"c\":2}]}");
    NO("{a: {b: 1, c: 2}}", "{\"a\":[{\"b\":1},{\"c\":2}]}");
    YES("{a: [x, y]}", "{\"a\":[\"y\",\"z\",\"x\"]}");
    NO("{a: [x, y]}", "{\"a\":[\"x\"]}");
    NO("{a: [x]}", "{\"a\":\"x\"}");
    NO("{a: [x]}", "{\"a\":{\"0\":\"x\"}}");
    YES("{a: []}", "{\"a\":[]}");
    YES("{a: {$gt: 1, $lt: 5}}", "{\"a\":[0,3,9]}");
    NO("{a: {$gt: 1, $lt: 5}}", "{\"a\":[0,9]}");
    YES("{a: {$startsWith: x}}", "{\"a\":[\"a\",\"xb\"]}");
    YES("{a: {$not: {b: 1}}}", "{\"a\":[{\"b\":2},{\"b\":3}]}");
    NO("{a: {$not: {b: 1}}}", "{\"a\":[{\"b\":2},{\"b\":1}]}");
    YES("[{a: 1}]", "[{\"a\":2},{\"a\":1}]");
}

static void operators_do_what_they_say(void **state)
{
    (void)state;
    YES("{a: {$eq: 1}}", "{\"a\":1}");
    YES("{a: {$eq: {x: 1, y: [1, z]}}}", "{\"a\":{\"y\":[1,\"z\"],\"x\":1.0}}");
    NO("{a: {$eq: {x: 1}}}", "{\"a\":{\"x\":1,\"y\":2}}");
    YES("{a: {$eq: [1, 2]}}", "{\"a\":[1,2]}");
    NO("{a: {$eq: [1, 2]}}", "{\"a\":[2,1]}");
    YES("{a: {$neq: 1}}", "{\"a\":\"1\"}");
    NO("{a: {$neq: x}}", "{\"a\":[\"x\",\"y\"]}");
    NO("{a: {$neq: 1}}", "{}");
    YES("{a: {$gt: 1}}", "{\"a\":1.5}");
    NO("{a: {$gt: 1}}", "{\"a\":\"2\"}");
    YES("{a: {$gte: b}}", "{\"a\":\"b\"}");
    NO("{a: {$lt: b}}", "{\"a\":\"ba\"}");
    YES("{a: {$lte: b}}", "{\"a\":\"a\"}");
    YES("{a: {$in: [1, x, null, true]}}", "{\"a\":null}");
    NO("{a: {$in: [1, x]}}", "{\"a\":\"1\"}");
    YES("{a: {$in: bc}}", "{\"a\":\"abcd\"}");
    NO("{a: {$in: bc}}", "{\"a\":\"ab\"}");
    YES("{a: {$nin: [x]}}", "{\"a\":[\"y\"]}");
    NO("{a: {$nin: [x]}}", "{\"a\":[\"y\",\"x\"]}");
    YES("{a: {$nin: [x]}}", "{\"a\":{}}");
    YES("{a: {$startsWith: [q, ab]}}", "{\"a\":\"abc\"}");
    YES("{a: {$startsWith: 20}}", "{\"a\":\"2026\"}");
    NO("{a: {$startsWith: ab}}", "{\"a\":5}");
    YES("{a: {$endsWith: bc}}", "{\"a\":\"abc\"}");
    YES("{a: {$exist: true}}", "{\"a\":null}");
    NO("{a: {$exist: true}}", "{}");
    YES("{a: {$exist: false}}", "{}");
    NO("{a: {$exist: false}}", "{\"a\":0}");
    NO("{a: {b: {$exist: false}}}", "{}");
    YES("{a: {$regex: '^v\\d+$'}}", "{\"a\":\"v12\"}");
    NO("{a: {$regex: ['x', '^y']}}", "{\"a\":\"v12\"}");
    YES("{a: {$glob: 'refs/heads/*'}}", "{\"a\":\"refs/heads/main\"}");
    NO("{a: {$glob: [main, 'v?']}}", "{\"a\":\"v12\"}");
}

static void joints_join(void **state)
{
    (void)state;
    YES("{a: {$or: [1, {$gt: 5}]}}", "{\"a\":7}");
    NO("{a: {$or: [1, {$gt: 5}]}}", "{\"a\":3}");
    YES("{a: {$and: [{$gt: 1}, {$lt: 5}]}}", "{\"a\":3}");
    NO("{a: {$and: [{$gt: 1}, {$lt: 5}]}}", "{\"a\":7}");
    YES("{a: {$not: 5}}", "{\"a\":7}");
    NO("{a: {$not: 5}}", "{}");
    YES("{$not: {a: 5}}", "{}");
    YES("{$or: [{a: 1}, {b: 1}], c: 1}", "{\"b\":1,\"c\":1}");
    NO("{$or: [{a: 1}, {b: 1}], c: 1}", "{\"b\":1,\"c\":2}");
    YES("{a: {$or: [{$exist: false}, x]}}", "{}");
    YES("{ref: main, $not: {head: {message: {$regex: '\\[skip ci\\]'}}}}",
        "{\"ref\":\"main\",\"head\":{\"message\":\"fix\"}}");
    NO("{ref: main, $not: {head: {message: {$regex: '\\[skip ci\\]'}}}}",
       "{\"ref\":\"main\",\"head\":{\"message\":\"fix [skip ci]\"}}");
    says("{$or: [{body: {a: 1}}, {method: POST}]}", "{}", true);
    says("{$not: {body: {a: 1}}}", "{\"a\":1}", false);
}

/* What is not in an array is not in any element of it, wherever it is asked. */
static void joints_of_an_array_ask_it_as_a_whole(void **state)
{
    (void)state;
    NO("{a: {$or: [{$exist: false}, {$nin: [wip]}]}}", "{\"a\":[\"wip\",\"ok\"]}");
    YES("{a: {$or: [{$exist: false}, {$nin: [wip]}]}}", "{\"a\":[\"ok\"]}");
    YES("{a: {$or: [{$exist: false}, {$nin: [wip]}]}}", "{}");
    YES("{a: {$or: [{$nin: [wip]}, wip]}}", "{\"a\":[\"wip\",\"ok\"]}");
    NO("{a: {$and: [{$nin: [wip]}, {$nin: [hold]}]}}", "{\"a\":[\"wip\",\"hold\"]}");
    NO("{a: {$and: [{$nin: [wip]}, {$nin: [hold]}]}}", "{\"a\":[\"wip\",\"ok\"]}");
    YES("{a: {$and: [{$nin: [wip]}, {$nin: [hold]}]}}", "{\"a\":[\"ok\"]}");
    NO("{a: {$or: [{$neq: x}, {$and: [{$not: {b: 1}}, {$neq: y}]}]}}",
       "{\"a\":[\"x\",\"y\",\"z\"]}");
    NO("{a: {$or: [{$exist: false}, {$eq: [1, 2]}]}}", "{\"a\":[[1],[2]]}");
    YES("{a: {$or: [{$exist: false}, {$eq: [1, 2]}]}}", "{\"a\":[1,2]}");
    /* and where none asks for that, one element has all of it */
    NO("{a: {$and: [{$gt: 1}, {$lt: 5}]}}", "{\"a\":[0,9]}");
    NO("{a: {$and: [{x: 1}, {z: 3}]}}", "{\"a\":[{\"x\":1},{\"z\":3}]}");
    NO("{a: {$and: [{x: 1}, {z: 3, $not: {y: 2}}]}}", "{\"a\":[{\"x\":1},{\"z\":3}]}");
    YES("{a: {$and: [{x: 1}, {z: 3, $not: {y: 2}}]}}", "{\"a\":[{\"x\":1,\"z\":3}]}");
    NO("{a: {$and: [{x: 1}, {z: 3, $not: {y: 2}}]}}", "{\"a\":[{\"x\":1,\"z\":3},{\"y\":2}]}");
    YES("{a: {$and: [{$not: {y: 2}}, {$and: [{$nin: [7]}]}]}}", "{\"a\":[1]}");
    YES("{a: {$or: [[b, x], [c]]}}", "{\"a\":[\"b\",\"x\"]}");
    NO("{a: {$or: [[b, x], [c]]}}", "{\"a\":[\"b\"]}");
    NO("{a: {$or: [[b, x], [c], {$nin: [b]}]}}", "{\"a\":[\"b\"]}");
    YES("{a: {$and: [[b], [c]]}}", "{\"a\":[\"b\",\"c\"]}");
    NO("{a: {$and: [{$gt: 1}, {$lt: 5}, {$nin: [7]}]}}", "{\"a\":[0,9]}");
    YES("{a: {$or: [{b: 1, c: 1}, {$nin: [x]}]}}", "{\"a\":[\"x\",{\"b\":1,\"c\":1}]}");
    NO("{a: {$or: [{b: 1, c: 1}, {$nin: [x]}]}}", "{\"a\":[\"x\",{\"b\":1},{\"c\":1}]}");
}

static void what_is_no_json_has_no_body(void **state)
{
    (void)state;
    NO("{a: {$exist: false}}", "not json");
    NO("{a: 1}", "{\"a\":1");
    NO("{a: \xc3\xa9}", "{\"a\":\"\xff\"}");
    says("{body: {$exist: false}}", "not json", true);
    says("{$not: {body: {a: 1}}}", "not json", true);
    YES("{a: 2}", "{\"a\":1,\"a\":2}");
    NO("{a: 1}", "{\"a\":1,\"a\":2}");
}

static void asks(const char *filter, const struct ask *ask, bool want)
{
    if (decides(filter, ask, NULL) != want) {
        fail_msg("%s: %s", filter, want ? "does not hold" : "holds");
    }
}

static void the_other_rooms_are_text(void **state)
{
    (void)state;
    struct ask a = {.body = "{\"type\":\"charge.paid\"}",
                    .target = "/hooks/s?n=5&tag=a&tag=b%20c&empty&x+y=1%zz",
                    .method = "PUT"};
    assert_true(fields_add(&a.fields, STR("X-Event"), STR(" push ")));
    assert_true(fields_add(&a.fields, STR("X-Count"), STR("10")));
    assert_true(fields_add(&a.fields, STR("X-Many"), STR("a")));
    assert_true(fields_add(&a.fields, STR("x-many"), STR("b")));
    asks("{headers: {x-event: push}}", &a, true);
    asks("{headers: {X-EVENT: {$in: [pull, push]}}}", &a, true);
    asks("{headers: {x-count: 10}}", &a, true);
    asks("{headers: {x-count: \"10\"}}", &a, true);
    asks("{headers: {x-count: 10.0}}", &a, false);
    asks("{headers: {x-count: {$gt: 9}}}", &a, true);
    asks("{headers: {x-count: {$gt: \"9\"}}}", &a, false);
    asks("{headers: {x-event: {$gt: 9}}}", &a, false);
    asks("{headers: {x-many: b}}", &a, true);
    asks("{headers: {x-many: {$nin: [b]}}}", &a, false);
    asks("{headers: {x-other: {$exist: false}}}", &a, true);
    asks("{headers: {$not: {x-other: a}}}", &a, true);
    asks("{query: {n: 5, tag: b c, empty: \"\", x y: 1%zz}}", &a, true);
    asks("{query: {N: 5}}", &a, false);
    asks("{query: {$or: [{n: 6}, {tag: {$endsWith: c}}]}}", &a, true);
    asks("{path: /hooks/s, method: PUT, source: s, event: {$glob: charge.*}}", &a, true);
    asks("{method: {$neq: PUT}}", &a, false);
    asks("{event: {$exist: false}}", &a, false);
    a.body = "{}";
    asks("{event: {$exist: false}}", &a, true);
}

static void limits_end_in_no_match(void **state)
{
    (void)state;
    struct buf b;
    bool limit;
    buf_init(&b, 32 << 20);
    for (int i = 0; i < 100; i++) {
        buf_add_char(&b, '[');
    }
    buf_add_str(&b, STR("1"));
    for (int i = 0; i < 100; i++) {
        buf_add_char(&b, ']');
    }
    char *deep = buf_take(&b);
    struct ask a = {.body = deep, .target = "/", .method = "POST"};
    assert_false(decides("{body: 1}", &a, &limit));
    assert_true(limit);
    assert_false(decides("{$not: {body: 1}}", &a, &limit)); /* not known is not "no" */
    assert_true(limit);
    free(deep);
    buf_add_char(&b, '[');
    for (int i = 0; i < SUBJECT_STEPS; i++) {
        buf_add_str(&b, STR("0,"));
    }
    buf_add_str(&b, STR("0]"));
    char *wide = buf_take(&b);
    a.body = wide;
    assert_false(decides("{body: {$or: [1, 2, 3, 4]}}", &a, &limit));
    free(wide);
    char *brackets = malloc((1 << 20) + 1);
    memset(brackets, '[', 1 << 20);
    brackets[1 << 20] = '\0';
    a.body = brackets;
    assert_false(decides("{body: 1}", &a, &limit));
    assert_false(limit);
    free(brackets);
}

/* Each sentence with the place that it is about. */
static void misuse_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *want;
    } bad[] = {
        {"{bdy: {a: 1}}", "\"bdy\" is no part of a request"},
        {"{bdy: {a: 1}}", "did you mean \"body\"?"},
        {"{amount: 1}", "a field of the body stands under body: { amount: ... }"},
        {"push", "expected a mapping, not text"},
        {"[]", "a list has no meaning here"},
        {"{headers: push}", "name the header or the parameter"},
        {"{headers: {x: null}}", "a text is never null"},
        {"{headers: {x: {$neq: null}}}", "a text is never null"},
        {"{headers: {x: {$in: [a, ~]}}}", "a text is never null"},
        {"{headers: {x: {y: 1}}}", "this is one text: it has no field \"y\""},
        {"{headers: {x: [a]}}", "write $in: [...]"},
        {"{headers: {x: {$eq: [a]}}}", "\"$eq\" takes one text here"},
        {"{headers: {$exist: true}}", "\"$exist\" has nothing to look at here"},
        {"{$gt: 1}", "\"$gt\" has nothing to look at here"},
        {"{body: {a: {$startWith: x}}}", "did you mean \"$startsWith\"?"},
        {"{body: {a: {$type: x}}}", "a field of that name is written \"$$type\""},
        {"{body: {a: {$ref: x}}}", "\"$ref\" is not available in this version"},
        {"{body: {a: {$gt: [1]}}}", "\"$gt\" takes a number or a text, not a list"},
        {"{body: {a: {$gt: true}}}", "\"$gt\" takes a number or a text, not true or false"},
        {"{body: {a: {$in: []}}}", "not an empty list"},
        {"{body: {a: {$in: 5}}}", "\"$in\" takes a list of values, or a text"},
        {"{body: {a: {$in: [[1]]}}}", "not a list of lists or mappings"},
        {"{body: {a: {$startsWith: [1]}}}", "\"$startsWith\" takes a text, or a list of texts"},
        {"{body: {a: {$exist: 1}}}", "\"$exist\" takes true or false, not a number"},
        {"{body: {a: {$or: 1}}}", "\"$or\" takes a list of filters, not text"},
        {"{body: {a: {$or: []}}}", "\"$or\" takes a list of filters, not an empty one"},
        {"{body: {a: {$regex: 'a('}}}", "\"$regex\": missing closing parenthesis, at character 3"},
        {"{method: {$in: [PUT, post]}}", "methods are written in capitals, not \"post\""},
        {"{method: {$neq: post}}", "methods are written in capitals, not \"post\""},
        {"{method: post}", "methods are written in capitals, not \"post\""},
        {"{method: {$or: [PUT, {$eq: Post}]}}", "methods are written in capitals, not \"Post\""},
        {"{body: {a: }}", "\"when\" has no value"},
        {"{body: {a: {$gt: }}}", "\"$gt\" has no value"},
        {"{body: {a: '${NOT_SET_AT_ALL}'}}", "the environment variable NOT_SET_AT_ALL is not set"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *text = with(bad[i].filter);
        conf_bad(text, bad[i].want);
        free(text);
    }
}

static void a_type_that_looks_like_a_glob_earns_a_warning(void **state)
{
    (void)state;
    char *text = with("{event: charge.*}");
    conf_warns(text, "write { $glob: \"charge.*\" }");
    free(text);
    text = with("{event: {$glob: charge.*}}");
    conf_warns(text, NULL);
    free(text);
}

static void regexes_are_bounded(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    buf_add_str(&b, STR("{body: {a: {$regex: [a"));
    for (int i = 0; i < 4000; i++) {
        buf_add_str(&b, STR(",b"));
    }
    buf_add_str(&b, STR("]}}}"));
    char *filter = buf_take(&b), *text = with(filter);
    conf_bad(text, "the regular expressions are too many, or too large");
    free(filter);
    free(text);
}

static void size_and_depth_are_bounded(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1 << 20);
    for (int i = 0; i < 40; i++) {
        buf_add_str(&b, STR("{$not: "));
    }
    buf_add_str(&b, STR("{}"));
    for (int i = 0; i < 40; i++) {
        buf_add_char(&b, '}');
    }
    char *filter = buf_take(&b), *text = with(filter);
    conf_bad(text, "a filter is nested at most 32 deep");
    free(filter);
    free(text);
    buf_add_str(&b, STR("{body: {a: {$in: [0"));
    for (int i = 0; i < FILTER_NODES; i++) {
        buf_add_str(&b, STR(",0"));
    }
    buf_add_str(&b, STR("]}}}"));
    filter = buf_take(&b);
    text = with(filter);
    conf_bad(text, "a filter has at most 4096 fields, operators and values");
    free(filter);
    free(text);
}

static void prints_so_that_it_reads_back(void **state)
{
    (void)state;
    static const char *const filters[] = {
        "{\"body\": 0}",
        "{headers: {\"x-github-event\": \"push\"}, method: {$in: [\"PUT\", \"POST\"]}}",
        "{body: {\"a\": {\"b\": 1.50, \"c\": null, \"d\": true, \"e\": \"1\", \"$$f\": "
        "\"$${x}\"}}}",
        "{$or: [{body: {\"a\": [1, {\"x\": \"y\"}]}}, {$not: {path: {$startsWith: \"/a\"}}}]}",
        "{body: {\"a\": {$and: [{$gt: 1}, {$neq: {\"k\": [1, null]}}], $exist: true}}}",
        "{body: {\"m\": {$regex: [\"a\\\\.b\", \"c\"]}, \"n\": {$glob: \"a*\"}}}",
    };
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        struct buf once, twice;
        buf_init(&once, 65536);
        buf_init(&twice, 65536);
        char *text = with(filters[i]);
        struct conf *c = conf_good(text);
        filter_print(c->routes[0].when, true, &once);
        conf_unref(c);
        free(text);
        if (i > 0) {
            room_text(buf_str(&once), filters[i], "printed");
        }
        char *printed = buf_take(&once);
        text = with(printed);
        free(printed);
        c = conf_good(text);
        filter_print(c->routes[0].when, true, &twice);
        conf_unref(c);
        free(text);
        assert_true(twice.len > 0);
        buf_done(&once);
        buf_done(&twice);
    }
}

static void what_came_from_outside_is_not_printed(void **state)
{
    (void)state;
    static const char *const set[] = {"TOKEN", "hunter2", NULL};
    conf_room_variables = set;
    char *text = with("{headers: {x-token: '${TOKEN}'}}");
    struct conf *c = conf_good(text);
    struct buf out;
    buf_init(&out, 65536);
    conf_print(c, &out);
    room_lacks(buf_str(&out), "hunter2");
    room_holds(buf_str(&out), "when: {headers: {\"x-token\": \"***\"}}");
    buf_done(&out);
    conf_unref(c);
    free(text);
    conf_room_variables = NULL;
}

static void explain_to(const char *filter, const char *body, struct buf *out)
{
    char *text = with(filter);
    struct conf *c = conf_good(text);
    static const struct fields none = {0};
    struct route_subject s;
    subject_init(&s, &c->sources[0], 0, STR("POST"), STR("/"), &none, str_of(body));
    filter_explain(c->routes[0].when, &s, out);
    subject_done(&s);
    conf_unref(c);
    free(text);
}

static void explains(const char *filter, const char *body, const char *want)
{
    struct buf out;
    buf_init(&out, 4096);
    explain_to(filter, body, &out);
    room_text(buf_str(&out), want, filter);
    buf_done(&out);
}

static void says_that_a_limit_decided(void **state)
{
    (void)state;
    char *body = malloc(1 << 20), *at = body;
    at += sprintf(at, "{\"a\":\"");
    memset(at, 'y', FILTER_GLOB_SUBJECT);
    strcpy(at + FILTER_GLOB_SUBJECT, "call\"}");
    struct buf out;
    static const char *const filters[] = {"{body: {a: {$glob: '*call'}}}",
                                          "{body: {a: {$regex: call}}}"};
    buf_init(&out, 65536);
    for (size_t i = 0; i < 2; i++) {
        explain_to(filters[i], body, &out);
        room_holds(buf_str(&out), "(a limit was met)");
        buf_clear(&out);
    }
    explain_to("{body: {a: call}}", body, &out);
    room_lacks(buf_str(&out), "limit");
    buf_clear(&out);
    strcpy(body, "{\"a\":[");
    at = body + strlen(body);
    for (int i = 0; i < 60000; i++) {
        at += sprintf(at, "\"b\",");
    }
    strcpy(at, "\"c\"]}");
    explain_to("{body: {a: {$regex: ^c}}}", body, &out);
    room_text(buf_str(&out), "body.a[60000]: $regex: \"^c\"; it is \"c\"", "a long list");
    buf_done(&out);
    free(body);
}

static void slips_are_warned_of(void **state)
{
    (void)state;
    char *text = with("{event: {$in: [a, 'charge.*']}}");
    conf_warns(text, "\"charge.*\" is compared as it is written");
    free(text);
    static const struct {
        const char *value, *want; /* NULL: no warning */
    } values[] = {
        {"True", "True is a text here: JSON's boolean is written true"},
        {"yes", "yes is a text here: JSON's boolean is written true"},
        {"OFF", "OFF is a text here: JSON's boolean is written false"},
        {"Null", "Null is a text here: JSON's null is written null"},
        {"1_000", "1_000 is a text here: JSON's number is written 1000"},
        {"0100", "0100 is a text here: JSON's number is written 100"},
        {"-007", "-007 is a text here: JSON's number is written -7"},
        {"000", "000 is a text here: JSON's number is written 0"},
        {"+5", "+5 is a text here: JSON's number is written 5"},
        {".5", ".5 is a text here: JSON's number is written 0.5"},
        {"-.5e3", "-.5e3 is a text here: JSON's number is written -0.5e3"},
        {"5.", "5. is a text here: JSON's number is written 5\n"},
        {"{$gte: 0100}", "0100 is a text here"},
        {"{$eq: {b: [no]}}", "no is a text here"},
        {"{$in: [no, 1]}", "no is a text here"},
        {"[yes]", "yes is a text here"},
        {"{$or: [{b: 1}, {b: {$not: {c: NO}}}]}", "NO is a text here"},
        {"'True'", NULL},
        {"'0100'", NULL},
        {"{$in: [de, no]}", NULL},
        {"[on, ready]", NULL},
        {"{$startsWith: 0100}", NULL},
        {"{$regex: yes}", NULL},
        {"yesterday", NULL},
        {"y", NULL},
        {"1_000_", NULL},
        {"_1", NULL},
        {"1__0", NULL},
        {"0x1f", NULL},
        {"1.2.3", NULL},
        {"12:30", NULL},
        {"+", NULL},
        {".", NULL},
        {"-5", NULL},
        {"1e3", NULL},
        {"'${SLIP}'", NULL},
    };
    static const char *const set[] = {"SLIP", "True", NULL};
    conf_room_variables = set;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char filter[256];
        snprintf(filter, sizeof filter, "{body: {a: %s}}", values[i].value);
        text = with(filter);
        conf_warns(text, values[i].want);
        free(text);
    }
    conf_room_variables = NULL;
    text = with("{headers: {x-a: yes, x-n: {$gt: 1_000}}, event: 0100}");
    conf_warns(text, "1_000 is a text here");
    free(text);
    text = with("{headers: {x-a: yes, x-n: {$in: [0100]}}, event: 0100}");
    conf_warns(text, NULL);
    free(text);
}

static void names_the_predicate_that_decided(void **state)
{
    (void)state;
    explains("{body: {a: {b: 1}, c: 2}}", "{\"a\":{\"b\":1},\"c\":3}", "body.c: 2; it is 3");
    explains("{body: {a: {b: 1}}}", "{\"a\":{\"b\":1}}", "body.a.b: 1; it is 1");
    explains("{body: {a: {b: {$gte: 100}}}}", "{\"a\":{}}",
             "body.a.b: $gte: 100; nothing is there");
    explains("{body: {a: {$or: [1, 2]}}}", "{\"a\":\"x\"}",
             "body.a: none of the 2 under $or; it is \"x\"");
    explains("{body: {a: {$or: [1, 2]}}}", "{\"a\":2}", "body.a: 2; it is 2");
    explains("{body: {a: {$nin: [x]}}}", "{\"a\":[\"y\",\"x\"]}",
             "body.a: $nin: [\"x\"]; it is a list of 2");
    explains("{body: {a: {$startsWith: y, $neq: x}}}", "{\"a\":[\"y\",\"x\"]}",
             "body.a: $neq: \"x\"; it is a list of 2");
    explains("{$not: {body: {a: 1}}}", "{\"a\":1}", "$not body.a: 1; it is 1");
    explains("{body: {a: {b: x}}}", "{\"a\":[{\"b\":\"y\"},{\"b\":\"x\"}]}",
             "body.a[1].b: \"x\"; it is \"x\"");
    explains("{body: {a: {b: x}}}", "{\"a\":[{\"b\":\"y\"}]}",
             "body.a: {\"b\": \"x\"}; it is a list of 1");
    explains("{headers: {x-a: b}}", "{}", "headers.x-a: \"b\"; nothing is there");
    explains("{method: GET}", "{}", "method: \"GET\"; it is \"POST\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_match_field_by_field),
        cmocka_unit_test(values_compare_by_type),
        cmocka_unit_test(numbers_are_not_rounded),
        cmocka_unit_test(arrays_match_when_an_element_does),
        cmocka_unit_test(operators_do_what_they_say),
        cmocka_unit_test(joints_join),
        cmocka_unit_test(joints_of_an_array_ask_it_as_a_whole),
        cmocka_unit_test(what_is_no_json_has_no_body),
        cmocka_unit_test(the_other_rooms_are_text),
        cmocka_unit_test(limits_end_in_no_match),
        cmocka_unit_test(misuse_is_refused),
        cmocka_unit_test(a_type_that_looks_like_a_glob_earns_a_warning),
        cmocka_unit_test(regexes_are_bounded),
        cmocka_unit_test(size_and_depth_are_bounded),
        cmocka_unit_test(prints_so_that_it_reads_back),
        cmocka_unit_test(what_came_from_outside_is_not_printed),
        cmocka_unit_test(says_that_a_limit_decided),
        cmocka_unit_test(slips_are_warned_of),
        cmocka_unit_test(names_the_predicate_that_decided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
