/* A request of the past under other rules: who takes it, and where it goes. */
#include "conf_room.h"

#include "model/event.h"
#include "model/past.h"

#define GITHUB                                                                                     \
    "sources:\n"                                                                                   \
    "  github: {verify: github, secret: s1}\n"                                                     \
    "destinations: {a: http://a, b: http://b}\n"                                                   \
    "routes:\n"                                                                                    \
    "  - {from: github, events: [push], to: a}\n"                                                  \
    "  - {from: github, to: b}\n"

/* Signed by the secret of the test. */
static struct past push_to(const char *target, struct fields *fields, struct buf *bytes)
{
    struct conf *c = conf_good(GITHUB);
    const struct str body = STR("{}");
    event_read_fields(STR("X-GitHub-Event: push\r\n"), fields);
    assert_null(
        verify_sign(c->sources[0].verify, STR("POST"), body, 1735689600, STR("d1"), fields, bytes));
    conf_unref(c);
    return (struct past){.request = {STR("POST"), str_of(target), fields, body},
                         .received_ms = 1735689600000};
}

static void fares(const char *conf, const char *target, enum past_fate fate, const char *to)
{
    struct conf *c = conf_good(conf);
    struct fields fields;
    struct buf bytes, names;
    static struct past_outcome out;
    buf_init(&bytes, 4096);
    buf_init(&names, 1024);
    const struct past p = push_to(target, &fields, &bytes);
    past_put(c, &p, &out);
    assert_int_equal(out.fate, fate);
    for (size_t i = 0; i < out.to_count; i++) {
        buf_printf(&names, "%s%.*s", i == 0 ? "" : " ", STR_ARG(c->destinations[out.to[i]].name));
    }
    room_text(buf_str(&names), to, target);
    assert_int_equal(out.reason != NULL, fate == PAST_REFUSED);
    buf_done(&names);
    buf_done(&bytes);
    conf_unref(c);
}

static void is_taken_and_routed_as_ever(void **state)
{
    (void)state;
    fares(GITHUB, "/hooks/github", PAST_TAKEN, "a b");
    fares(GITHUB, "/hooks/github?x=1", PAST_TAKEN, "a b");
}

static void says_who_takes_it_no_more(void **state)
{
    (void)state;
    fares(GITHUB, "/hooks/gitlab", PAST_NO_SOURCE, "");
    fares("sources: {github: {verify: github, secret: s1, path: /in}}\n"
          "destinations: {a: http://a}\nroutes: [{from: github, to: a}]\n",
          "/hooks/github", PAST_NO_SOURCE, "");
    fares("sources: {github: {verify: github, secret: s1, methods: [PUT]}}\n"
          "destinations: {a: http://a}\nroutes: [{from: github, to: a}]\n",
          "/hooks/github", PAST_METHOD, "");
}

/* And where it would go, if it were genuine. */
static void says_that_it_is_refused(void **state)
{
    (void)state;
    fares("sources: {github: {verify: github, secret: another}}\n"
          "destinations: {a: http://a}\nroutes: [{from: github, to: a}]\n",
          "/hooks/github", PAST_REFUSED, "a");
}

static void what_only_a_node_can_check_is_unchecked(void **state)
{
    (void)state;
    struct conf *c = conf_good("sources: {github: {verify: {type: kinde, jwks_url: "
                               "'https://keys.example.com/k'}}}\n"
                               "destinations: {a: http://a}\nroutes: [{from: github, to: a}]\n");
    struct fields fields;
    struct buf bytes;
    static struct past_outcome out;
    buf_init(&bytes, 4096);
    const struct past p = push_to("/hooks/github", &fields, &bytes);
    past_put(c, &p, &out);
    assert_int_equal(out.fate, PAST_TAKEN);
    assert_true(out.unchecked);
    assert_int_equal(out.to_count, 1);
    buf_done(&bytes);
    conf_unref(c);
}

/* Of two schemes each has its own place for the type: that of the one that took it counts. */
static void the_scheme_that_took_it_tells_its_type(void **state)
{
    (void)state;
    static const char both[] =
        "sources: {github: {verify: [{type: stripe, secret: s2}, {type: github, secret: s1}]}}\n"
        "destinations: {a: http://a, b: http://b}\n"
        "routes: [{from: github, events: [push], to: a}, {from: github, to: b}]\n";
    fares(both, "/hooks/github", PAST_TAKEN, "a b");
}

static void fields_read_back_as_they_were_rendered(void **state)
{
    (void)state;
    struct fields fields, back;
    struct buf text;
    fields.n = 0;
    buf_init(&text, 4096);
    assert_true(fields_add(&fields, STR("X-A"), STR("1: 2")));
    assert_true(fields_add(&fields, STR("x-a"), STR("")));
    assert_true(fields_add(&fields, STR("X-B"), STR("b c")));
    event_render_fields(&fields, &text);
    event_read_fields(buf_str(&text), &back);
    assert_int_equal(back.n, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(str_eq(back.v[i].name, fields.v[i].name));
        assert_true(str_eq(back.v[i].value, fields.v[i].value));
    }
    event_read_fields(STR("no line\n: none\r\nA:b"), &back);
    assert_int_equal(back.n, 1);
    assert_true(str_eq(back.v[0].value, STR("b")));
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_taken_and_routed_as_ever),
        cmocka_unit_test(says_who_takes_it_no_more),
        cmocka_unit_test(says_that_it_is_refused),
        cmocka_unit_test(what_only_a_node_can_check_is_unchecked),
        cmocka_unit_test(the_scheme_that_took_it_tells_its_type),
        cmocka_unit_test(fields_read_back_as_they_were_rendered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
