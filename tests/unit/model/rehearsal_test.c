/* Tests beside the rules: what passes, and what is said of one that does not. */
#include "conf_room.h"

#include "model/rehearsal.h"

#define RULES                                                                                      \
    "sources: {s: {verify: none, methods: [POST, PUT], event: {type: body./type}}, t: {verify: "   \
    "none}}\n"                                                                                     \
    "destinations: {a: http://a, b: http://b, c: http://c}\n"                                      \
    "routes:\n"                                                                                    \
    "  - {name: great, from: s, when: {body: {n: {$gte: 100}}}, to: a}\n"                          \
    "  - {name: typed, from: s, events: x.*, to: b}\n"                                             \
    "  - {name: put, from: s, when: {method: PUT, query: {q: '1'}, headers: {x-a: b}}, to: a}\n"   \
    "tests:\n"

static bool tried(const char *tests, struct buf *said)
{
    struct buf text;
    buf_init(&text, 65536);
    buf_printf(&text, RULES "%s", tests);
    char *file = buf_take(&text);
    struct conf *c = conf_good(file);
    bool good = rehearse(c, said);
    conf_unref(c);
    free(file);
    return good;
}

static void passes(const char *test)
{
    struct buf said;
    buf_init(&said, 65536);
    if (!tried(test, &said)) {
        fail_msg("%s%.*s", test, STR_ARG(buf_str(&said)));
    }
    room_text(buf_str(&said), "", "said");
    buf_done(&said);
}

static void fails(const char *test, const char *want)
{
    struct buf said;
    buf_init(&said, 65536);
    assert_false(tried(test, &said));
    room_holds(buf_str(&said), "1 of 1 tests failed\n");
    room_holds(buf_str(&said), want);
    buf_done(&said);
}

static void what_is_expected_passes(void **state)
{
    (void)state;
    passes("  - {source: s, body: {n: 100}, expect: a}\n");
    passes("  - {source: s, body: {n: 1e2, type: x.y}, expect: [b, a]}\n");
    passes("  - {source: s, body: {n: '100'}, expect: []}\n");
    passes("  - {source: s, body: '{\"n\":100.0}', expect: a}\n");
    passes("  - {source: s, body: [{n: 5}, {n: 500, m: [null, ~, true]}], expect: a}\n");
    passes("  - {source: s, event: x.z, expect: b}\n");
    passes("  - {source: s, method: PUT, query: q=1, headers: {X-A: b}, expect: a}\n");
    passes("  - {source: t, body: {n: 100}, expect: []}\n");
}

static void what_is_not_is_said_with_the_route_that_decided(void **state)
{
    (void)state;
    fails("  - {name: n, source: s, body: {n: 99}, expect: a}\n",
          "p.yaml:8:49: error: test \"n\": \"a\" does not get it\n");
    fails("  - {name: n, source: s, body: {n: 99}, expect: a}\n",
          "= help: \"great\" (p.yaml:4) does not take it: body.n: $gte: 100; it is 99\n");
    fails("  - {source: s, body: {n: 100}, expect: []}\n", "test \"test 1\": \"a\" gets it, too");
    fails("  - {source: s, body: {n: 100}, expect: []}\n",
          "\"great\" (p.yaml:4) takes it: body.n: $gte: 100; it is 100");
    fails("  - {source: s, body: {type: y}, expect: b}\n",
          "\"typed\" (p.yaml:5) does not take it: the event is \"y\"");
    fails("  - {source: t, expect: a}\n", "does not take it: it is for other sources");
    fails("  - {source: t, expect: c}\n", "no route leads to it");
}

static void what_no_test_can_be_is_refused(void **state)
{
    (void)state;
    conf_bad(RULES "  - {source: u, expect: a}\n", "there is no source \"u\"");
    conf_bad(RULES "  - {source: s, expect: [aa]}\n", "there is no destination \"aa\"");
    conf_bad(RULES "  - {source: t, method: PUT, expect: []}\n",
             "the source \"t\" does not take PUT");
    conf_bad(RULES "  - {source: s}\n", "\"expect\" is missing in a test");
    conf_bad(RULES "  - {expect: a}\n", "\"source\" is missing in a test");
    conf_bad(RULES "  - {source: s, expect: a, headers: {'a b': c}}\n",
             "is not the name of a header");
    conf_bad(RULES "  - {source: s, expect: a, bodi: x}\n", "did you mean \"body\"?");
}

static void twenty_complaints_are_written_and_all_are_counted(void **state)
{
    (void)state;
    struct buf text, said;
    buf_init(&text, 4 << 20);
    buf_init(&said, 65536);
    for (int i = 0; i < 25; i++) {
        buf_printf(&text, "  - {source: s, body: {n: 100}, expect: [%s]}\n", i > 22 ? "a" : "");
    }
    char *many = buf_take(&text);
    assert_false(tried(many, &said));
    room_holds(buf_str(&said), "there are more errors; these are the first 20\n23 of 25 tests");
    free(many);
    buf_done(&said);
}

static void what_was_filled_in_is_not_shown(void **state)
{
    (void)state;
    static const char *const variables[] = {"TOKEN", "hunter2hunter2", NULL};
    static const char *const tests[] = {
        "{source: s, headers: {x-a: '${TOKEN}'}, method: PUT, query: q=1, expect: a}",
        "{source: s, headers: {x-a: 'hunter2hunter2'}, method: PUT, query: q=1, expect: c}",
        "{source: s, body: {n: '${TOKEN}'}, expect: a}",
        "{source: s, event: '${TOKEN}', expect: b}",
        "{source: s, headers: {x-t: 'hunter2hunter2'}, expect: d}",
        "{source: s, headers: {x-t: 'hunter2hunter2'}, expect: e}",
    };
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        struct buf said;
        buf_init(&said, 65536);
        conf_room_variables = variables;
        char *file = NULL;
        assert_true(
            asprintf(&file,
                     "sources: {s: {verify: none, methods: [POST, PUT]}}\n"
                     "destinations: {a: http://a, b: http://b, c: http://c, d: http://d, "
                     "e: http://e}\n"
                     "routes:\n"
                     "  - {from: s, to: a, when: {headers: {x-a: b}}}\n"
                     "  - {from: s, to: a, when: {body: {n: {$gt: 1}}}}\n"
                     "  - {from: s, to: b, events: x}\n"
                     "  - {from: s, to: d, when: {headers: {x-t: {$in: ['${TOKEN}x']}}}}\n"
                     "  - {from: s, to: e, when: {headers: {x-t: {$regex: ['${TOKEN}x']}}}}\n"
                     "tests:\n  - %s\n",
                     tests[i]) > 0);
        struct conf *c = conf_good(file);
        assert_false(rehearse(c, &said));
        char *help = memmem(said.at, said.len, "= help", 6);
        assert_non_null(help);
        room_lacks(str_from(buf_str(&said), (size_t)(help - said.at)), "hunter2");
        conf_unref(c);
        free(file);
        buf_done(&said);
    }
    conf_room_variables = NULL;
}

static void a_body_that_no_rule_can_read_is_warned_of(void **state)
{
    (void)state;
    struct buf said;
    buf_init(&said, 65536);
    assert_true(tried("  - {source: s, body: 'n=100', expect: []}\n", &said));
    room_holds(buf_str(&said), "warning: test \"test 1\": its body is no JSON");
    buf_done(&said);
}

/* Even where the whole file is one line. */
static void no_secret_is_shown_beside_it(void **state)
{
    (void)state;
    struct conf *c = conf_good("{sources: {s: {verify: github, secret: hunter2hunter2}}, "
                               "tests: [{source: s, expect: a}], destinations: {a: http://a}}");
    struct buf said;
    buf_init(&said, 65536);
    assert_false(rehearse(c, &said));
    room_holds(buf_str(&said), "expect: a");
    room_lacks(buf_str(&said), "hunter2");
    buf_done(&said);
    conf_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_expected_passes),
        cmocka_unit_test(what_is_not_is_said_with_the_route_that_decided),
        cmocka_unit_test(what_no_test_can_be_is_refused),
        cmocka_unit_test(twenty_complaints_are_written_and_all_are_counted),
        cmocka_unit_test(what_was_filled_in_is_not_shown),
        cmocka_unit_test(a_body_that_no_rule_can_read_is_warned_of),
        cmocka_unit_test(no_secret_is_shown_beside_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
