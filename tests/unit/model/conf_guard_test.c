/* Guard rails: what is warned of, and what is not. */
#include "conf_room.h"

#define TWO "sources: {a: {verify: none}, b: {verify: none}}\ndestinations: {x: 'http://x/'}\n"

static void warns(const char *rest, const char *want)
{
    char text[2048];
    snprintf(text, sizeof text, TWO "%s", rest);
    conf_warns(text, want);
}

static void a_route_behind_a_stop_takes_nothing(void **state)
{
    (void)state;
    conf_room_variables = NULL;
    warns(
        "routes:\n- {from: '*', to: x, stop: true}\n- {name: late, from: a, to: x}\n",
        "p.yaml:5:3: warning: the route \"late\" takes nothing: \"route 1\" (line 4) takes all of "
        "it and stops\n");
    warns("routes:\n- {from: a, to: x, stop: true}\n- {from: b, to: x, stop: true}\n"
          "- {from: [a, b], to: x}\n",
          "the route \"route 3\" takes nothing");
    warns("routes:\n- {from: '*', to: x, stop: true}\n- {from: '*', events: a.b, to: x}\n",
          "the route \"route 2\" takes nothing");
    warns("routes:\n- {from: '*', events: '*', to: x, stop: true}\n- {from: a, to: x}\n",
          "the route \"route 2\" takes nothing");
}

static void what_still_comes_through_is_not_warned_of(void **state)
{
    (void)state;
    warns("routes:\n- {from: a, to: x, stop: true}\n- {from: '*', to: x}\n", NULL);
    warns("routes:\n- {from: '*', to: x}\n- {from: a, to: x}\n", NULL);
    warns("routes:\n- {from: '*', events: 'a.?', to: x, stop: true}\n"
          "- {from: a, events: 'a.*', to: x}\n",
          NULL);
    warns("routes:\n- {from: '*', events: 'a.*', to: x, stop: true}\n- {from: a, to: x}\n", NULL);
    warns("routes:\n- {from: a, to: x}\n- {from: '*', to: x, stop: true}\n", NULL);
}

static void a_type_that_was_taken_never_comes(void **state)
{
    (void)state;
    warns("routes:\n- {from: '*', events: ['charge.*'], to: x, stop: true}\n"
          "- {from: a, events: [paid, charge.ok], to: x}\n",
          "p.yaml:5:28: warning: \"charge.ok\" never comes here: the route \"route 1\" (line 4) "
          "takes it and stops\n");
    warns("routes:\n- {from: '*', events: ['ch*'], to: x, stop: true}\n"
          "- {from: a, events: [paid, 'cha?ge.*'], to: x}\n",
          "\"cha?ge.*\" never comes here");
    warns("routes:\n- {from: '*', events: ['ch*'], to: x, stop: true}\n"
          "- {from: a, events: [chx, chy], to: x}\n",
          "the route \"route 2\" takes nothing");
}

static void a_route_with_else_gets_what_no_other_takes(void **state)
{
    (void)state;
    warns("routes:\n- {name: rest, from: a, else: true, to: x}\n- {name: all, from: '*', to: x}\n",
          "p.yaml:4:3: warning: the route \"rest\" takes nothing: \"all\" (line 5) takes all of "
          "it\n");
    warns("routes:\n- {from: '*', to: x}\n- {from: a, events: b, else: true, to: x}\n",
          "the route \"route 2\" takes nothing");
    warns("routes:\n- {from: '*', events: 'a.*', to: x}\n"
          "- {from: a, events: [a.b, c], else: true, to: x}\n",
          "\"a.b\" never comes here: the route \"route 1\" (line 4) takes it\n");
    warns("routes:\n- {from: '*', events: b, to: x}\n- {from: '*', else: true, stop: true, to: x}\n"
          "- {name: last, from: a, else: true, to: x}\n",
          "the route \"last\" takes nothing: \"route 2\" (line 5) takes all of it and stops\n");
    warns("routes:\n- {from: '*', events: b, to: x}\n- {from: a, else: true, to: x}\n"
          "- {from: '*', else: true, to: x}\n",
          NULL);
    warns("routes:\n- {from: a, to: x}\n- {from: '*', else: true, to: x}\n", NULL);
    warns("routes:\n- {from: '*', sample: 10%, to: x}\n- {from: '*', else: true, to: x}\n", NULL);
    warns("routes:\n- {from: '*', else: true, stop: true, to: x}\n- {from: a, events: b, to: x}\n",
          NULL);
}

#define SENT "routes: [{from: '*', to: x}]\n"
#define ONE "sources: {a: {verify: none}}\ndestinations:\n  x: {url: 'http://x/', "

static void tries_beyond_max_age_are_warned_of(void **state)
{
    (void)state;
    conf_warns(ONE "max_age: 1h, retry: {jitter: 0%, schedule: [30m, 29m, 2m, 10h]}}\n" SENT,
               "p.yaml:3:79: warning: this try never comes: it is later than \"max_age\", which is "
               "1h\n");
    conf_warns(ONE "max_age: 1h, retry: {jitter: 0%, schedule: [30m, 30m]}}\n" SENT, NULL);
    conf_warns(ONE "max_age: 1h, retry: {jitter: 50%, schedule: [30m, 50m]}}\n" SENT, NULL);
    conf_warns(ONE "max_age: 1h}\n" SENT, NULL); /* the default schedule is nobody's wish */
    conf_warns(ONE "max_age: 1h, retry: {jitter: 10%}}\n" SENT, NULL);
    conf_warns(ONE "max_age: 1m, retry: {exponential: {first: 2m}}}\n" SENT,
               "\"first\" is longer than \"max_age\"");
    conf_warns("defaults: {destination: {max_age: 1m, retry: {schedule: [5m]}}}\n" ONE
               "timeout: 3s}\n" SENT,
               "p.yaml:1:58: warning: this try never comes");
}

static void what_a_mirror_does_not_do_is_warned_of(void **state)
{
    (void)state;
    conf_warns(ONE "mirror: true, on_removed: dead_letter}\n" SENT,
               "p.yaml:3:51: warning: \"on_removed\" says nothing of a mirror: what it cannot have "
               "is dropped\n");
    conf_warns(ONE "mirror: true, on_exhausted: pause}\n" SENT, "\"on_exhausted\" says nothing");
    conf_warns(ONE "mirror: true, on_full: dead_letter_without_body}\n" SENT,
               "\"on_full\" says nothing");
    conf_warns(ONE "mirror: true, on_removed: drop, on_exhausted: drop}\n" SENT, NULL);
    conf_warns(ONE "mirror: true, on_removed: \"${X:-drop}\", on_exhausted: \"${X:-drop}\"}\n" SENT,
               NULL);
    conf_warns(ONE "mirror: true, on_exhausted: \"${X:-pause}\"}\n" SENT,
               "\"on_exhausted\" says nothing");
    conf_warns(ONE "mirror: false, on_removed: dead_letter}\n" SENT, NULL);
    conf_warns("defaults: {destination: {on_removed: dead_letter}}\n" ONE "mirror: true}\n" SENT,
               NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_route_behind_a_stop_takes_nothing),
        cmocka_unit_test(what_still_comes_through_is_not_warned_of),
        cmocka_unit_test(a_type_that_was_taken_never_comes),
        cmocka_unit_test(a_route_with_else_gets_what_no_other_takes),
        cmocka_unit_test(tries_beyond_max_age_are_warned_of),
        cmocka_unit_test(what_a_mirror_does_not_do_is_warned_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
