/* relay/unsettled: what a journal holds above a top is what it has in memory and has not settled.
 */
#include "relay/delivery.h"

#include "test.h"

#include <stdlib.h>

struct fixture {
    uv_loop_t loop;
    struct worker w;
    struct journal j;
    struct lane lane;
    struct track *t;
    struct event *e;
    struct delivery d;
};

static struct fixture *open_fixture(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    wheel_init(&f->w.wheel, &f->loop);
    f->w.loop = &f->loop;
    f->w.lanes[0] = &f->lane;
    f->w.lane_count = 2; /* of the other one the journal has nothing */
    f->j.w = &f->w;
    f->lane.w = &f->w;
    f->t = track_of(&f->j, &f->lane);
    f->e = event_new(&(struct event_parts){.journal = 7, .n = 5});
    f->d.event = f->e;
    return f;
}

static void close_fixture(struct fixture *f)
{
    assert_int_equal(f->e->refs, 1);
    event_unref(f->e);
    tracks_clear(&f->j);
    wheel_cancel(&f->w.wheel, &f->j.tick);
    wheel_done(&f->w.wheel);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    free(f);
}

static void a_delivery_is_held_until_it_is_settled(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    assert_false(unsettled_above(&f->j, 0));
    uint64_t seq = track_push(f->t, 5, &f->d);
    assert_true(unsettled_above(&f->j, 4));
    assert_false(unsettled_above(&f->j, 5));
    track_done(f->t, seq);
    assert_false(unsettled_above(&f->j, 4));
    close_fixture(f);
}

/* A copy that waits for its claim: relay/move has it. */
static void a_slot_without_its_delivery_holds_nothing(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    track_push(f->t, 5, NULL);
    assert_false(unsettled_above(&f->j, 0));
    close_fixture(f);
}

static void a_parked_delivery_in_memory_is_held(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    f->d.n = 5;
    f->t->loaded_list = &f->d;
    assert_true(unsettled_above(&f->j, 4));
    assert_false(unsettled_above(&f->j, 5));
    f->t->loaded_list = NULL;
    close_fixture(f);
}

static void a_body_that_is_still_to_be_parked_is_held(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    struct op op = {.kind = OP_PARK, .track = f->t, .n = 5, .event = f->e};
    f->j.ops = &op;
    assert_true(unsettled_above(&f->j, 4));
    assert_false(unsettled_above(&f->j, 5));
    op.event = NULL; /* Redis has it */
    assert_false(unsettled_above(&f->j, 4));
    f->j.ops = NULL;
    close_fixture(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_delivery_is_held_until_it_is_settled),
        cmocka_unit_test(a_slot_without_its_delivery_holds_nothing),
        cmocka_unit_test(a_parked_delivery_in_memory_is_held),
        cmocka_unit_test(a_body_that_is_still_to_be_parked_is_held),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
