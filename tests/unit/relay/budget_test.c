/* relay/budget: room is made soon, and nothing but room. */
#include "relay/journal.h"

#include "room.h"

static void on_renewal(struct wheel_timer *t)
{
    (void)t;
    fail_msg("a renewal came early");
}

/* Ninety-nine entries, all settled, and the next renewal far away. */
static struct room *open_with_history(uint64_t bytes)
{
    struct room *r = room_open("lane: 4");
    struct journal *j = r->j;
    uv_ref((uv_handle_t *)r->w.wheel.timer);
    j->known_n = 99;
    j->low = 100;
    j->bytes = bytes;
    budget_update(&r->w);
    wheel_arm(&r->w.wheel, &r->w.renewal, 60000, on_renewal);
    return r;
}

static void shut(struct room *r)
{
    wheel_cancel(&r->w.wheel, &r->w.renewal);
    wheel_cancel(&r->w.wheel, &r->w.budget.room);
    room_shut(r);
}

static void run_until_made(struct room *r)
{
    while (r->w.budget.room.link != NULL) {
        uv_run(&r->loop, UV_RUN_ONCE);
    }
}

static void what_comes_while_it_is_short_makes_room(void **state)
{
    (void)state;
    struct room *r = open_with_history(((uint64_t)2 << 30) / 10 * 9);
    struct journal old = {.w = &r->w, .state = JOURNAL_OLD, .top = 7, .low = 8, .trimmed_n = 0};
    old.ops_tail = &old.ops;
    r->j->next = &old;
    uint64_t renewal = r->w.renewal.due_ms;
    budget_appended(&r->w, 1);
    uint64_t due = r->w.budget.room.due_ms;
    assert_non_null(r->w.budget.room.link);
    assert_true(due <= uv_now(&r->loop) + 10);
    for (uint64_t now = uv_now(&r->loop); uv_now(&r->loop) == now;) {
        uv_update_time(&r->loop); /* a millisecond passes */
    }
    budget_appended(&r->w, 1); /* is not put off by the next one */
    assert_int_equal(r->w.budget.room.due_ms, due);
    run_until_made(r);
    assert_int_equal(r->j->trim_asked_n, 100);
    assert_int_equal(old.trim_asked_n, 8);
    assert_int_equal(r->w.budget.total, 0);
    assert_int_equal(r->w.renewal.due_ms, renewal);
    r->j->next = NULL;
    commit_free(&old);
    shut(r);
}

static void a_redis_without_memory_makes_room(void **state)
{
    (void)state;
    struct room *r = open_with_history(1 << 20);
    budget_appended(&r->w, 1);
    assert_null(r->w.budget.room.link); /* there is enough */
    budget_redis_full(&r->w);
    assert_non_null(r->w.budget.room.link);
    r->w.budget.full_until_ms = INT64_MAX; /* however slow this test is */
    run_until_made(r);
    assert_int_equal(r->j->trim_asked_n, 100);
    shut(r);
}

static void a_worker_that_drains_makes_none(void **state)
{
    (void)state;
    struct room *r = open_with_history(1 << 20);
    r->w.draining = true;
    budget_redis_full(&r->w);
    assert_null(r->w.budget.room.link);
    r->w.draining = false;
    budget_redis_full(&r->w);
    assert_non_null(r->w.budget.room.link);
    shut(r);
}

/* The others may have made room meanwhile: who refuses looks. */
static void whoever_refuses_looks_for_room(void **state)
{
    (void)state;
    struct room *r = open_with_history((uint64_t)3 << 30);
    const uint16_t to[] = {0};
    assert_non_null(budget_refuses(&r->w, to, 1));
    assert_non_null(r->w.budget.room.link);
    run_until_made(r);
    assert_int_equal(r->w.budget.total, 0);
    assert_null(budget_refuses(&r->w, to, 1));
    assert_null(r->w.budget.room.link);
    r->w.draining = true;
    r->w.budget.total = (uint64_t)3 << 30;
    assert_non_null(budget_refuses(&r->w, to, 1));
    assert_null(r->w.budget.room.link);
    shut(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_while_it_is_short_makes_room),
        cmocka_unit_test(a_redis_without_memory_makes_room),
        cmocka_unit_test(a_worker_that_drains_makes_none),
        cmocka_unit_test(whoever_refuses_looks_for_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
