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

/* The names, in order: "b a audit". */
static void gets(const char *source, const char *type, const char *want)
{
    struct conf *c = conf_good(CONF);
    unsigned to[8];
    struct buf names;
    buf_init(&names, 1024);
    size_t n = route_match(c, conf_find_source(c, str_of(source)), str_of(type), to);
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
    assert_int_equal(route_match(c, &c->sources[0], STR("x"), to), 0);
    assert_false(route_needs_type(c, &c->sources[0]));
    conf_unref(c);
}

static void only_who_looks_needs_the_type(void **state)
{
    (void)state;
    struct conf *c = conf_good(CONF);
    assert_true(route_needs_type(c, conf_find_source(c, STR("stripe"))));
    assert_true(route_needs_type(c, conf_find_source(c, STR("github"))));
    assert_false(route_needs_type(c, conf_find_source(c, STR("other"))));
    conf_unref(c);
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
    assert_int_equal(route_match(c, &c->sources[0], STR_NONE, to), CONF_DESTINATIONS_MAX);
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
        cmocka_unit_test(only_who_looks_needs_the_type),
        cmocka_unit_test(as_many_destinations_as_there_may_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
