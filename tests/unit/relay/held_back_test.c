/* relay/held_back: what waits for memory in Redis, and what does not wait for it. */
#include "relay/held_back.h"

#include "room.h"

#include <stdio.h>

/* Redis has just refused a body, and never has memory again. */
static struct room *open_full(void)
{
    struct room *r = room_open("lane: 4");
    r->j->oom_until_ms = INT64_MAX;
    return r;
}

/* Parked with its body, in a slot of its own; due at once. */
static uint64_t park(struct track *t, uint64_t n)
{
    struct event *e = room_event(n, 10);
    struct record record = {.since_ms = 1};
    uint64_t seq = track_push(t, n, NULL);
    commit_park(t, n, seq, e, &record, 0);
    event_unref(e);
    return seq;
}

/* Redis has its body already. */
static void park_again(struct track *t, uint64_t n)
{
    struct record record = {.since_ms = 1};
    commit_park(t, n, TRACK_NO_SEQ, NULL, &record, 0);
}

static void put(char *out, size_t size, const struct op *op)
{
    static const char *const kinds[] = {
        [OP_PARK] = "park", [OP_BURY] = "bury", [OP_BURY_BARE] = "bury bare",
        [OP_DROP] = "drop", [OP_TRIM] = "trim", [OP_REQUEST_DONE] = "done"};
    size_t len = strlen(out);
    snprintf(out + len, size - len, "%s%s %s%u", len > 0 ? ", " : "", kinds[op->kind],
             op->track == NULL ? "" : op->track->lane->name, (unsigned)op->n);
}

/* One walk through the queue: what goes, or what stays. */
static const char *walk(const struct journal *j, bool stays)
{
    static char out[512];
    struct held_back h;
    out[0] = '\0';
    held_back_init(&h, j);
    for (const struct op *op = j->ops; op != NULL; op = op->next) {
        if (held_back_stays(&h, op) == stays) {
            put(out, sizeof out, op);
        }
    }
    held_back_done(&h);
    return out;
}

static void order_is_kept_by_delivery(void **state)
{
    (void)state;
    struct room *r = open_full();
    struct record record = {0};
    commit_drop(r->a, 5, NULL);
    park(r->a, 5);
    commit_drop(r->a, 4, NULL);
    park_again(r->b, 5);
    commit_bury(r->a, 5, TRACK_NO_SEQ, NULL, &record, 0); /* not before its park */
    commit_drop(r->a, 5, NULL);
    commit_trim(r->j, 3);
    commit_request_done(r->j, 5, STR("replay 5 b"));
    commit_request_done(r->j, 6, STR("replay 6 b"));
    commit_request_done(r->j, 0, STR("nonsense"));
    assert_string_equal(walk(r->j, false), "drop a5, drop a4, park b5, trim 3, done 6, done 0");
    assert_string_equal(walk(r->j, true), "park a5, bury a5, drop a5, done 5");
    r->j->oom_until_ms = 0;
    assert_string_equal(walk(r->j, true), "");
    room_shut(r);
}

static void a_refused_body_waits(void **state)
{
    (void)state;
    struct room *r = room_open("lane: 4");
    assert_false(held_back_on(r->j));
    int64_t before = boot_ms();
    held_back_start(r->j);
    assert_true(r->j->oom_until_ms >= before + 1000 && r->j->oom_until_ms <= boot_ms() + 1000);
    r->j->oom_until_ms = INT64_MAX;
    assert_true(held_back_on(r->j));
    room_shut(r);
}

/* What is dropped is looked for while nothing else is queued: what waits does not count. */
static void a_body_that_waits_stops_no_dropping(void **state)
{
    (void)state;
    struct room *r = open_full();
    assert_true(held_back_only(r->j));
    park(r->a, 5);
    commit_request_done(r->j, 5, STR("replay 5 a"));
    assert_true(held_back_only(r->j));
    r->j->oom_until_ms = 0;
    assert_false(held_back_only(r->j));
    r->j->oom_until_ms = INT64_MAX;
    commit_drop(r->b, 4, NULL);
    assert_false(held_back_only(r->j));
    room_shut(r);
}

/* The trim that was asked for is all that is in front of the queue. */
static uint64_t shortened(struct journal *j)
{
    assert_int_equal(j->ops->kind, OP_TRIM);
    held_back_shorten(j, j->ops);
    assert_int_equal(j->ops->n, j->trim_asked_n);
    return j->ops->n;
}

static void a_trim_goes_over_no_body_that_waits(void **state)
{
    (void)state;
    struct room *r = open_full();
    struct record record = {0};
    struct event *e = room_event(50, 10);
    r->j->low = 100;
    commit_trim(r->j, 90);
    assert_int_equal(shortened(r->j), 90);
    commit_park(r->a, 50, TRACK_NO_SEQ, e, &record, 0); /* a replay, its body read from history */
    event_unref(e);
    r->j->trimmed_n = 20;
    assert_int_equal(shortened(r->j), 50);
    r->j->ops->n = r->j->trim_asked_n = 90;
    r->j->trimmed_n = 60; /* it lies below already: nothing to be asked again */
    assert_int_equal(shortened(r->j), 60);
    room_shut(r);
}

static void a_long_queue_is_looked_at_less_often(void **state)
{
    (void)state;
    struct room *r = open_full();
    for (uint64_t n = 1; n < 4096; n++) {
        park_again(r->a, n);
    }
    assert_int_equal(held_back_look_ms(r->j), 50);
    park_again(r->a, 4096);
    assert_int_equal(held_back_look_ms(r->j), 250);
    room_shut(r);
}

static void what_is_not_wanted_any_more_is_settled(void **state)
{
    (void)state;
    struct room *r = open_full();
    uint64_t five = park(r->a, 5);
    park(r->b, 5);
    uint64_t six = park(r->a, 6);
    commit_drop(r->a, 4, NULL);
    uint64_t seven = park(r->a, 7);
    r->j->oom_until_ms = 0;
    assert_int_equal(held_back_settle(r->a, 6), 0); /* it goes with the next commit */
    r->j->oom_until_ms = INT64_MAX;
    assert_int_equal(held_back_settle(r->a, 4), 0);
    assert_int_equal(held_back_settle(r->a, 6), 1);
    assert_true(track_slot(r->a, six)->done && !track_slot(r->a, five)->done);
    assert_int_equal(held_back_settle_all(r->a), 2);
    assert_true(track_slot(r->a, five)->done && track_slot(r->a, seven)->done);
    assert_int_equal(r->j->op_count, 2);
    park(r->a, 8); /* behind the new end */
    assert_string_equal(walk(r->j, true), "park b5, park a8");
    assert_string_equal(walk(r->j, false), "drop a4");
    assert_int_equal(track_low(r->b), 5);
    room_shut(r);
}

/* Half of a lane's four are for what was parked. */
static void what_is_due_is_tried_while_its_lane_has_room(void **state)
{
    (void)state;
    struct room *r = open_full();
    uint64_t first = park(r->a, 5);
    park(r->a, 6);
    r->j->ops->next->at_ms = INT64_MAX;
    park(r->a, 7);
    park(r->a, 8);
    park(r->b, 5);
    r->lanes[1].paused = true;
    held_back_try(r->j);
    assert_int_equal(r->lanes[0].lists[DELIVERY_OVERDUE].n, 2);
    assert_int_equal(r->lanes[0].lists[DELIVERY_OVERDUE].first->n, 5);
    assert_int_equal(r->lanes[0].lists[DELIVERY_OVERDUE].last->n, 7);
    assert_ptr_equal(track_slot(r->a, first)->delivery, r->lanes[0].lists[DELIVERY_OVERDUE].first);
    assert_int_equal(r->lanes[1].lists[DELIVERY_OVERDUE].n, 0);
    assert_string_equal(walk(r->j, true), "park a6, park a8, park b5");
    room_shut(r);
}

static void without_a_lease_nothing_is_tried(void **state)
{
    (void)state;
    struct room *r = open_full();
    park(r->a, 5);
    r->j->lease_until_ms = 0;
    held_back_try(r->j);
    assert_string_equal(walk(r->j, true), "park a5");
    r->j->lease_until_ms = INT64_MAX;
    r->j->oom_until_ms = 0; /* it can be written */
    held_back_try(r->j);
    assert_int_equal(r->j->op_count, 1);
    r->j->oom_until_ms = INT64_MAX;
    held_back_try(r->j);
    assert_int_equal(r->j->op_count, 0);
    room_shut(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_kept_by_delivery),
        cmocka_unit_test(a_refused_body_waits),
        cmocka_unit_test(a_body_that_waits_stops_no_dropping),
        cmocka_unit_test(a_trim_goes_over_no_body_that_waits),
        cmocka_unit_test(a_long_queue_is_looked_at_less_often),
        cmocka_unit_test(what_is_not_wanted_any_more_is_settled),
        cmocka_unit_test(what_is_due_is_tried_while_its_lane_has_room),
        cmocka_unit_test(without_a_lease_nothing_is_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
