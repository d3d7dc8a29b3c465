/* Event in, destinations out. */
#include "conf_room.h"

#include "model/route.h"

static const char CONF[] =
    "sources:\n"
    "  stripe: {verify: none}\n"
    "  github: {verify: none}\n"
    "  other: {verify: none}\n"
    "destinations: {a: http://a, b: http://b, c: http://c, audit: http://d}\n"
    "routes:\n"
    "  - {from: stripe, events: [charge.*, invoice.paid], to: [b, a, b]}\n"
    "  - {from: [stripe, github], events: '*.opened', to: [a, c], stop: true}\n"
    "  - {from: '*', to: audit}\n"
    "  - {from: github, to: c}\n";

static const struct fields nothing;

/* The names, in order: "b a audit". */
static void gets(const char *source, const char *type, const char *want)
{
    struct conf *c = conf_good(CONF);
    unsigned to[8];
    struct buf names;
    struct route_subject s;
    buf_init(&names, 1024);
    subject_init(&s, conf_find_source(c, str_of(source)), 0, STR("POST"), STR("/"), &nothing,
                 STR_NONE);
    subject_set_type(&s, str_of(type));
    size_t n = route_match(c, &s, to);
    subject_done(&s);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&names, "%s%.*s", i == 0 ? "" : " ", STR_ARG(c->destinations[to[i]].name));
    }
    room_text(buf_str(&names), want, type);
    buf_done(&names);
    conf_unref(c);
}

static void all_matching_routes_apply_each_destination_once(void **state)
{
    (void)state;
    gets("stripe", "charge.succeeded", "b a audit");
    gets("stripe", "charge.", "b a audit");
    gets("stripe", "invoice.paid", "b a audit");
    gets("stripe", "invoice.paid.late", "audit");
    gets("stripe", "Charge.succeeded", "audit");
    gets("stripe", "", "audit");
    gets("other", "charge.succeeded", "audit");
    gets("github", "push", "audit c");
}

static void stop_ends_it_where_it_matched(void **state)
{
    (void)state;
    gets("github", "issues.opened", "a c");
    gets("stripe", "charge.opened", "b a c");
    gets("github", "issues.closed", "audit c");
}

static void nothing_matches_nothing(void **state)
{
    (void)state;
    struct conf *c = conf_good("sources: {s: {verify: none}}");
    unsigned to[1];
    struct route_subject s;
    subject_init(&s, &c->sources[0], 0, STR("POST"), STR("/"), &nothing, STR("{"));
    assert_int_equal(route_match(c, &s, to), 0);
    assert_false(s.body_known);
    subject_done(&s);
    conf_unref(c);
}

/* The body is parsed only where something is in it, and nobody asks for a type in vain. */
static void only_who_looks_needs_the_body(void **state)
{
    (void)state;
    static const struct {
        const char *routes;
        bool type, body, unparsed;
    } cases[] = {
        {"{from: s, to: a}", false, false, false},
        {"{from: t, to: a, events: x}", false, false, false},
        {"{from: s, to: a, events: x}", true, true, true},
        {"{from: s, to: a, when: {method: GET}}", false, false, false},
        {"{from: s, to: a, when: {method: GET, body: {a: 1}}}", false, false, false},
        {"{from: s, to: a, when: {method: POST, body: {a: 1}}}", false, true, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf text;
        buf_init(&text, 4096);
        buf_printf(&text,
                   "sources: {s: {verify: none, event: {type: body./t}}, t: {verify: none}}\n"
                   "destinations: {a: http://a}\nroutes: [%s]\n",
                   cases[i].routes);
        char *file = buf_take(&text);
        struct conf *c = conf_good(file);
        struct route_subject s;
        unsigned to[1];
        subject_init(&s, &c->sources[0], 0, STR("POST"), STR("/"), &nothing, STR("no json"));
        route_match(c, &s, to);
        if (s.type_known != cases[i].type || s.body_known != cases[i].body ||
            s.unparsed != cases[i].unparsed) {
            fail_msg("%s", cases[i].routes);
        }
        subject_done(&s);
        conf_unref(c);
        free(file);
    }
}

/* --- filters, else, sample */

struct request {
    const char *source, *body;
    struct fields fields;
};

static void request_open(struct route_subject *s, const struct conf *c, const struct request *r)
{
    subject_init(s, conf_find_source(c, str_of(r->source)), 0, STR("POST"), STR("/x?q=1"),
                 &r->fields, str_of(r->body));
}

static void match_names(const struct conf *c, const struct request *r, struct buf *names)
{
    unsigned to[64];
    struct route_subject s;
    request_open(&s, c, r);
    size_t n = route_match(c, &s, to);
    for (size_t i = 0; i < n; i++) {
        buf_printf(names, "%s%.*s", i == 0 ? "" : " ", STR_ARG(c->destinations[to[i]].name));
    }
    subject_done(&s);
}

static void goes(const struct conf *c, const char *source, const char *body, const char *want)
{
    struct buf names;
    struct request r = {.source = source, .body = body};
    buf_init(&names, 1024);
    match_names(c, &r, &names);
    room_text(buf_str(&names), want, body);
    buf_done(&names);
}

static void else_takes_what_nobody_took(void **state)
{
    (void)state;
    struct conf *c = conf_good("sources: {s: {verify: none}, t: {verify: none}}\n"
                               "destinations: {a: http://a, b: http://b, c: http://c}\n"
                               "routes:\n"
                               "  - {from: '*', to: c, else: true, stop: true}\n"
                               "  - {from: s, to: a, when: {body: {n: 1}}}\n"
                               "  - {from: '*', to: b, else: true}\n"
                               "  - {from: s, to: b, when: {body: {m: 1}}}\n");
    goes(c, "s", "{\"n\":1}", "a");
    goes(c, "s", "{\"n\":1,\"m\":1}", "a b");
    goes(c, "s", "{}", "c");
    goes(c, "t", "{\"n\":1}", "c");
    conf_unref(c);
}

static void a_sample_is_stable_and_about_its_size(void **state)
{
    (void)state;
    struct conf *c = conf_good("sources: {s: {verify: none, event: {id: header.x-id}}}\n"
                               "destinations: {a: http://a, b: http://b, c: http://c}\n"
                               "routes:\n"
                               "  - {from: s, to: a, sample: 10%, stop: true}\n"
                               "  - {from: s, to: b, sample: 30%}\n"
                               "  - {from: s, to: c, sample: 0%}\n");
    size_t count[3] = {0, 0, 0}; /* a, b, nobody */
    char id[32];
    for (int i = 0; i < 10000; i++) {
        struct request r = {.source = "s", .body = i % 2 == 0 ? "{}" : "{\"other\":1}"};
        struct buf once, again;
        buf_init(&once, 64);
        buf_init(&again, 64);
        snprintf(id, sizeof id, "event %d", i);
        assert_true(fields_add(&r.fields, STR("X-Id"), str_of(id)));
        match_names(c, &r, &once);
        r.body = "{\"the same event\":\"in another body\"}";
        match_names(c, &r, &again);
        assert_true(str_eq(buf_str(&once), buf_str(&again)));
        count[once.len == 0 ? 2 : once.at[0] == 'a' ? 0 : 1]++;
        buf_done(&once);
        buf_done(&again);
    }
    assert_in_range(count[0], 850, 1150);
    assert_in_range(count[1], 1800, 2200);
    conf_unref(c);
}

/* --- the index leaves out nothing */

struct taken {
    char names[4096];
    size_t len;
    bool seen[64];
    const struct conf *c;
};

static void on_verdict(void *user, const struct conf_route *r, enum route_reason reason,
                       struct str why)
{
    struct taken *t = user;
    assert_true(why.len > 0);
    for (size_t i = 0; reason == ROUTE_TAKES && i < r->to_count; i++) {
        if (!t->seen[r->to[i]]) {
            t->seen[r->to[i]] = true;
            struct str name = t->c->destinations[r->to[i]].name;
            t->len += (size_t)snprintf(t->names + t->len, sizeof t->names - t->len, "%s%.*s",
                                       t->len == 0 ? "" : " ", STR_ARG(name));
        }
    }
}

static unsigned rolls;

static unsigned roll(unsigned n)
{
    rolls = rolls * 1103515245 + 12345;
    return rolls / 65536 % n;
}

static void put_route(struct buf *b)
{
    static const char *const from[] = {"'*'", "s", "t", "[s, t, s]", "[t, '*']"};
    static const char *const events[] = {"", ", events: e%u", ", events: [e%u, f]",
                                         ", events: 'e%u*'"};
    static const char *const when[] = {
        "",
        ", when: {headers: {x-h: v%u}}",
        ", when: {body: {a: {b: v%u}}}",
        ", when: {body: {a: {b: {$in: [v%u, v1]}}}}",
        ", when: {body: {n: %u}}",
        ", when: {body: {n: {$in: [%u.0, v1, 30e-1]}}}",
        ", when: {headers: {X-H: {$eq: v%u}}, body: {a: {b: v1}}}",
        ", when: {$or: [{event: e%u}, {body: {a: {b: v2}}}]}",
        ", when: {$and: [{event: e%u}]}",
        ", when: {$not: {headers: {x-h: v%u}}}",
    };
    buf_printf(b, "  - {from: %s, to: d%u", from[roll(5)], roll(40));
    buf_printf(b, events[roll(4)], roll(6));
    buf_printf(b, when[roll(10)], roll(6));
    buf_printf(b, "%s%s}\n", roll(20) == 0 ? ", stop: true" : "",
               roll(6) == 0 ? ", else: true" : "");
}

static void put_body(char body[256])
{
    static const char *const bodies[] = {
        "{\"type\":\"e%u\",\"a\":{\"b\":\"v%u\"},\"n\":%u}",
        "{\"type\":\"e%u\",\"a\":{\"b\":[\"v%u\",\"v1\"]},\"n\":%u}",
        "{\"type\":\"e%u\",\"a\":[{\"b\":\"v%u\"},{\"b\":\"v3\"}],\"n\":%u}",
        "{\"type\":\"e%u\",\"a\":{\"b\":\"v0\",\"b\":\"v%u\"},\"n\":[%u]}",
        "{\"type\":\"e%u\",\"a\":\"v%u\",\"n\":\"%u\"}",
        "not json %u %u %u",
    };
    snprintf(body, 256, bodies[roll(6)], roll(6), roll(6), roll(6));
}

static void compare_ways(const struct conf *c)
{
    char body[256], value[3][8];
    struct request r = {.source = roll(2) == 0 ? "s" : "t", .body = body};
    put_body(body);
    for (unsigned i = roll(4); i-- > 0;) {
        snprintf(value[i], sizeof value[i], "v%u", roll(6));
        assert_true(fields_add(&r.fields, STR("x-H"), str_of(value[i])));
    }
    struct buf names;
    struct route_subject s;
    struct taken t = {.c = c};
    buf_init(&names, 4096);
    match_names(c, &r, &names);
    request_open(&s, c, &r);
    route_explain(c, &s, on_verdict, &t);
    subject_done(&s);
    room_text(buf_str(&names), t.names, body);
    buf_done(&names);
}

static void the_index_finds_what_a_look_at_every_route_finds(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 60; round++) {
        struct buf text;
        rolls = round;
        buf_init(&text, 1 << 20);
        buf_add_str(&text, STR("sources: {s: {verify: none, event: {type: body./type}}, "
                               "t: {verify: none, event: {type: body./type}}}\n"
                               "destinations: {"));
        for (int i = 0; i < 40; i++) {
            buf_printf(&text, "%sd%d: http://d", i == 0 ? "" : ", ", i);
        }
        buf_add_str(&text, STR("}\nroutes:\n"));
        for (unsigned i = 5 + roll(100); i-- > 0;) {
            put_route(&text);
        }
        char *file = buf_take(&text);
        struct conf *c = conf_good(file);
        for (int i = 0; i < 200; i++) {
            compare_ways(c);
        }
        conf_unref(c);
        free(file);
    }
}

static void as_many_destinations_as_there_may_be(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1024 * 1024);
    buf_add_str(&b, STR("sources: {s: {verify: none}}\ndestinations:\n"));
    for (int i = 0; i < CONF_DESTINATIONS_MAX; i++) {
        buf_printf(&b, "  d%d: http://d\n", i);
    }
    buf_add_str(&b, STR("routes: [{from: s, to: ["));
    for (int i = CONF_DESTINATIONS_MAX; i-- > 0;) {
        buf_printf(&b, "d%d,", i);
    }
    buf_add_str(&b, STR("]}, {from: s, to: [d0, d7]}]\n"));
    char *text = buf_take(&b);
    struct conf *c = conf_good(text);
    unsigned *to = calloc(c->destination_count, sizeof *to);
    struct route_subject s;
    subject_init(&s, &c->sources[0], 0, STR("POST"), STR("/"), &nothing, STR_NONE);
    assert_int_equal(route_match(c, &s, to), CONF_DESTINATIONS_MAX);
    subject_done(&s);
    assert_int_equal(to[0], CONF_DESTINATIONS_MAX - 1);
    assert_int_equal(to[CONF_DESTINATIONS_MAX - 1], 0);
    conf_unref(c);
    free(to);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_matching_routes_apply_each_destination_once),
        cmocka_unit_test(stop_ends_it_where_it_matched),
        cmocka_unit_test(nothing_matches_nothing),
        cmocka_unit_test(only_who_looks_needs_the_body),
        cmocka_unit_test(else_takes_what_nobody_took),
        cmocka_unit_test(a_sample_is_stable_and_about_its_size),
        cmocka_unit_test(the_index_finds_what_a_look_at_every_route_finds),
        cmocka_unit_test(as_many_destinations_as_there_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
