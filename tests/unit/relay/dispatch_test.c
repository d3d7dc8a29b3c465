/* relay/dispatch: for how many deliveries has a lane room, by where they come from? */
#include "relay/delivery.h"

#include "room.h"

static void expect(const struct lane *lane, unsigned append, unsigned recovery, unsigned due)
{
    assert_int_equal(dispatch_room(lane, FROM_APPEND), append);
    assert_int_equal(dispatch_room(lane, FROM_RECOVERY), recovery);
    assert_int_equal(dispatch_room(lane, FROM_DUE), due);
}

static struct delivery *hold(struct room *r, uint64_t n, size_t body_bytes, enum delivery_state in)
{
    struct event *e = room_event(n, body_bytes);
    struct delivery *d = delivery_new(r->a, e, track_push(r->a, n, NULL), NULL);
    delivery_move(d, in);
    event_unref(e);
    return d;
}

static void fresh_and_parked_have_slots_of_their_own(void **state)
{
    (void)state;
    struct room *r = room_open("lane: 6");
    struct lane *lane = &r->lanes[0];
    expect(lane, 6, 6, 3);
    hold(r, 2, 10, DELIVERY_FRESH);
    hold(r, 3, 10, DELIVERY_FRESH);
    expect(lane, 4, 4, 3);
    hold(r, 4, 10, DELIVERY_OVERDUE);
    hold(r, 5, 10, DELIVERY_RETRY);
    expect(lane, 4, 4, 1);
    for (uint64_t n = 6; n < 10; n++) {
        hold(r, n, 10, DELIVERY_FRESH);
    }
    expect(lane, 0, 0, 1);
    room_shut(r);
}

static void where_nothing_is_tried_there_is_no_room(void **state)
{
    (void)state;
    struct room *r = room_open("lane: 6");
    struct lane *lane = &r->lanes[0];
    lane->paused = true;
    expect(lane, 0, 0, 0);
    lane->paused = false;
    lane->breaker.state = BREAKER_OPEN;
    expect(lane, 0, 0, 0);
    lane->breaker.state = BREAKER_CLOSED;
    r->w.draining = true; /* what was appended is in the journal, and no park is written for it */
    expect(lane, 6, 6, 0);
    room_shut(r);
}

static void one_parked_delivery_probes(void **state)
{
    (void)state;
    struct room *r = room_open("lane: 6");
    struct lane *lane = &r->lanes[0];
    lane->breaker.state = BREAKER_HALF_OPEN;
    expect(lane, 6, 6, 1);
    hold(r, 2, 10, DELIVERY_FRESH);
    expect(lane, 5, 5, 1);
    hold(r, 3, 10, DELIVERY_RETRY);
    expect(lane, 5, 5, 0);
    room_shut(r);
}

/* Of 4 MiB half may be taken for what is read back, and half of what is free by one destination, in
 * two workers. */
static void great_bodies_come_one_by_one(void **state)
{
    (void)state;
    struct room *r = room_open("lane: 6, memory: 4MiB");
    struct lane *lane = &r->lanes[0], *other = &r->lanes[1];
    hold(r, 2, 1 << 20, DELIVERY_FRESH);
    expect(lane, 0, 0, 1); /* what is parked does not wait for fresh ones */
    expect(other, 6, 6, 3);
    struct delivery *second = hold(r, 3, 1 << 20, DELIVERY_OVERDUE);
    expect(lane, 0, 0, 0);
    expect(other, 6, 1, 1); /* two are in memory */
    delivery_free(second);
    expect(other, 6, 6, 3);
    room_shut(r);
}

static void a_delivery_is_in_its_slot_or_in_the_due_set(void **state)
{
    (void)state;
    struct room *r = room_open("lane: 6");
    struct event *e = room_event(7, 10);
    struct record tried = {.attempts = 2, .since_ms = 5};
    uint64_t seq = track_push(r->a, 7, NULL);
    dispatch_parked(r->a, e, &tried, seq);
    struct delivery *d = r->lanes[0].lists[DELIVERY_RETRY].first;
    assert_non_null(d);
    assert_ptr_equal(track_slot(r->a, seq)->delivery, d);
    assert_true(d->n == 7 && d->record.attempts == 2 && !d->parked && r->a->in_hand.n == 0);
    tried.attempts = 0;
    dispatch_parked(r->b, e, &tried, TRACK_NO_SEQ);
    d = r->lanes[1].lists[DELIVERY_OVERDUE].first;
    assert_non_null(d);
    assert_true(d->parked && d->seq == TRACK_NO_SEQ && numset_has(&r->b->in_hand, 7));
    event_unref(e);
    room_shut(r);
}

/* So that all senders whose events have become durable in it are answered first. */
static void what_is_offered_waits_for_the_end_of_the_turn(void **state)
{
    (void)state;
    struct room *r = room_open("lane: 6");
    struct event *e = room_event(2, 10);
    dispatch_event(r->j, e);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(r->lanes[i].lists[DELIVERY_FRESH].n, 1);
        r->lanes[i].paused = true; /* what is pumped now is parked */
    }
    assert_int_equal(r->j->op_count, 0);
    (void)uv_run(&r->loop, UV_RUN_NOWAIT);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(r->lanes[i].lists[DELIVERY_FRESH].n, 0);
    }
    assert_int_equal(r->j->op_count, 2);
    assert_false(uv_is_active((uv_handle_t *)&r->w.turn));
    event_unref(e);
    room_shut(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_offered_waits_for_the_end_of_the_turn),
        cmocka_unit_test(fresh_and_parked_have_slots_of_their_own),
        cmocka_unit_test(where_nothing_is_tried_there_is_no_room),
        cmocka_unit_test(one_parked_delivery_probes),
        cmocka_unit_test(great_bodies_come_one_by_one),
        cmocka_unit_test(a_delivery_is_in_its_slot_or_in_the_due_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
