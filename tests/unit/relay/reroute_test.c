/* relay/reroute: what keeps an event of the history from being replayed now. */
#include "relay/reroute.h"

#include "room.h"

static const char *refuses(struct room *r, size_t body_bytes)
{
    const struct entry entry = {.body = {NULL, body_bytes}};
    const struct history_event e = {.entry = &entry};
    return reroute_refuses(&r->w, &e);
}

/* Replicas are behind: what is to be proven before it is delivered waits in memory until they are
 * not, and no more of it than there is room for. */
static void no_more_is_replayed_than_may_wait_for_a_proof(void **state)
{
    (void)state;
    struct room *r = room_open("lane: 4");
    struct master master = {.w = &r->w, .ready = true};
    r->j->master = &master;
    assert_null(refuses(r, 10));
    r->w.unproven = 1024;
    assert_null(refuses(r, 10)); /* they are not behind */
    master.proof.claims_short = true;
    assert_string_equal(refuses(r, 10), "redis_down");
    r->w.unproven = 1023;
    assert_null(refuses(r, 10));
    r->w.unproven_bytes = 32 << 20;
    assert_string_equal(refuses(r, 10), "redis_down");
    r->w.unproven_bytes--;
    assert_null(refuses(r, 10));
    r->j->master = NULL;
    room_shut(r);
}

static void nothing_is_replayed_that_an_event_would_be_refused_for(void **state)
{
    (void)state;
    struct room *r = room_open("lane: 4, memory: 4MiB");
    struct master master = {.w = &r->w};
    r->j->master = &master;
    assert_string_equal(refuses(r, 10), "redis_down");
    master.ready = true;
    assert_null(refuses(r, 4 << 20));
    assert_string_equal(refuses(r, (4 << 20) + 1), "overloaded");
    r->w.live = NULL;
    assert_string_equal(refuses(r, 10), "redis_down");
    r->w.draining = true;
    assert_string_equal(refuses(r, 10), "draining");
    r->j->master = NULL;
    room_shut(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_is_replayed_than_may_wait_for_a_proof),
        cmocka_unit_test(nothing_is_replayed_that_an_event_would_be_refused_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
