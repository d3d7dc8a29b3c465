/* relay/adopt: what is trimmed of a journal that is owned. */
#include "relay/delivery.h"

#include "room.h"

/* 1 to 257 are there and settled, 258 was refused, and nothing came behind it. */
static void what_was_refused_last_keeps_no_history(void **state)
{
    (void)state;
    struct room *r = room_open("lane: 6}}\nredis: {retention: {history: 1s");
    struct journal *j = r->j;
    j->known_n = 258;
    j->present_n = 257;
    j->low = 258;
    journals_trim(&r->w); /* notes how far it is */
    assert_int_equal(j->mark_count, 1);
    assert_int_equal(j->trim_asked_n, 0);
    j->marks[j->mark_first].at_ms -= 2000;
    journals_trim(&r->w);
    assert_int_equal(j->trim_asked_n, 258);
    room_shut(r);
}

static void what_is_not_settled_is_no_history(void **state)
{
    (void)state;
    struct room *r = room_open("lane: 6}}\nredis: {retention: {history: 1s");
    struct journal *j = r->j;
    j->known_n = j->present_n = 100;
    j->low = 60;
    journals_trim(&r->w);
    j->marks[j->mark_first].at_ms -= 2000;
    journals_trim(&r->w);
    assert_int_equal(j->trim_asked_n, 0); /* the mark is above: nothing below it is known to be old */
    room_shut(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_refused_last_keeps_no_history),
        cmocka_unit_test(what_is_not_settled_is_no_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
