/* relay/lease: whom a journal asks, and when. */
#include "room.h"

/* It was in doubt a moment ago, as MOVED makes it; now the map is there. */
static void who_has_a_journal_now_is_asked_at_once(void **state)
{
    (void)state;
    struct room *r = room_open("");
    struct master next = {.w = &r->w}; /* not up yet: lease_up asks */
    r->w.redis.masters = &next;
    r->w.live_doubted_ms = boot_ms();
    lease_follow(&r->w);
    assert_int_equal(r->j->state, JOURNAL_ASKING);
    assert_ptr_equal(r->j->master, &next);
    assert_null(r->j->retry.link);
    room_shut(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_has_a_journal_now_is_asked_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
