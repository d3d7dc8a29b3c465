/* What workers share of a destination: slots and the breaker. */
#include "relay/node.h"

#include "relay/delivery.h"

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    uv_loop_t loop;
    struct node node;
    struct worker workers[2];
    struct lane lanes[2];
    unsigned open;
};

static void open_fixture(struct fixture *f, const char *destination)
{
    char text[256];
    struct buf errors;
    memset(f, 0, sizeof *f);
    snprintf(text, sizeof text,
             "sources: {s: {verify: none}}\ndestinations: {d: {url: 'http://d/', %s}}\nroutes: "
             "[{from: s, to: d}]\n",
             destination);
    buf_init(&errors, 65536);
    struct conf *conf = conf_parse(str_of(text), "p.yaml", &errors);
    assert_non_null(conf);
    buf_done(&errors);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    node_init(&f->node, conf, 2);
    for (unsigned i = 0; i < 2; i++) {
        struct worker *w = &f->workers[i];
        w->node = &f->node;
        w->index = i;
        w->loop = &f->loop;
        w->conf = conf;
        w->draining = true; /* a pump does nothing: the test takes and gives by itself */
        w->lanes[0] = &f->lanes[i];
        f->lanes[i].w = w;
        f->lanes[i].dest = &conf->destinations[0];
        f->lanes[i].slots = node_slots_of(&f->node, STR("d"));
        f->lanes[i].slots->most = conf->destinations[0].concurrency;
        w->lane_count = 1;
        f->node.workers[i] = w;
        mailbox_open(w);
    }
    f->open = 2;
}

static void on_closed(void *user)
{
    struct fixture *f = user;
    f->open--;
}

static void shut_fixture(struct fixture *f)
{
    struct conf *conf = f->node.conf;
    for (unsigned i = 0; i < 2; i++) {
        mailbox_close(&f->workers[i], on_closed, f);
    }
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(f->open, 0);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    node_done(&f->node);
    conf_unref(conf);
}

static void a_slot_is_handed_to_who_waits(void **state)
{
    (void)state;
    struct fixture *f = calloc(1, sizeof *f);
    open_fixture(f, "concurrency: 2");
    struct lane *a = &f->lanes[0], *b = &f->lanes[1];
    assert_true(node_slot_take(a, 2) && node_slot_take(a, 2));
    assert_false(node_slot_take(a, 2) || node_slot_take(b, 2));
    node_slot_give(a); /* b is woken for it; a, which waits too, does not get in between */
    assert_true(f->workers[1].mail.slots);
    assert_false(node_slot_take(a, 2));
    assert_true(node_slot_take(b, 2));
    assert_int_equal(atomic_load(&f->lanes[0].slots->taken), 2);
    node_slot_give(b);
    assert_true(f->workers[0].mail.slots);
    assert_true(node_slot_take(a, 2));
    node_slot_give(a);
    node_slot_give(a);
    assert_int_equal(atomic_load(&f->lanes[0].slots->taken), 0);
    shut_fixture(f);
    free(f);
}

static void one_breaker_stands_for_all_workers(void **state)
{
    (void)state;
    struct fixture *f = calloc(1, sizeof *f);
    open_fixture(f, "concurrency: 8, breaker: {open_after: 4, probe_every: 10s}");
    struct lane *a = &f->lanes[0], *b = &f->lanes[1];
    for (int i = 0; i < 3; i++) {
        assert_false(node_breaker_report(i % 2 == 0 ? a : b, a->dest, false, 1000));
    }
    assert_int_equal(node_breaker_allows(a, 1000), 8);
    assert_true(node_breaker_report(b, a->dest, false, 1000));
    assert_int_equal(node_breaker_allows(a, 1001), 0);
    assert_int_equal(a->breaker.state, BREAKER_OPEN);
    assert_int_equal(node_breaker_allows(a, 11001), 1); /* the probe: one in the whole node */
    assert_int_equal(node_breaker_allows(b, 11001), 1);
    assert_true(node_slot_take(a, 1));
    assert_false(node_slot_take(b, 1));
    node_slot_give(a);
    assert_true(node_breaker_report(a, a->dest, true, 11002));
    assert_int_equal(node_breaker_allows(b, 11003), 1); /* then 2, 4 ... */
    shut_fixture(f);
    free(f);
}

static void a_slot_that_was_handed_over_too_early_is_given_back(void **state)
{
    (void)state;
    struct fixture *f = calloc(1, sizeof *f);
    open_fixture(f, "concurrency: 2");
    struct lane *a = &f->lanes[0], *b = &f->lanes[1];
    assert_true(node_slot_take(a, 2) && node_slot_take(a, 2));
    assert_false(node_slot_take(b, 2));
    node_slot_give(a);
    assert_false(node_slot_take(b, 1)); /* meanwhile only one is allowed, and that one runs */
    assert_int_equal(atomic_load(&f->lanes[0].slots->taken), 1);
    node_slot_give(a);
    assert_true(node_slot_take(b, 1));
    node_slot_give(b);
    shut_fixture(f);
    free(f);
}

static void a_rate_that_is_raised_counts_at_once(void **state)
{
    (void)state;
    _Atomic int64_t due = 0;
    const double slow = 3.0 / 3600;
    assert_int_equal(node_rate_wait_us(&due, slow, 1000), 0);
    assert_true(node_rate_wait_us(&due, slow, 1000) > 1000000000);
    assert_int_equal(node_rate_wait_us(&due, 100, 1000), 10000); /* a step of the new one */
    assert_int_equal(node_rate_wait_us(&due, 100, 11000), 0);
    assert_int_equal(node_rate_wait_us(&due, 100, 11000), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_slot_is_handed_to_who_waits),
        cmocka_unit_test(one_breaker_stands_for_all_workers),
        cmocka_unit_test(a_slot_that_was_handed_over_too_early_is_given_back),
        cmocka_unit_test(a_rate_that_is_raised_counts_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
