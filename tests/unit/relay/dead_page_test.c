/* relay/dead_page: where a page ends reads back as itself, and the next one goes on behind it. */
#include "relay/dead_page.h"

#include "test.h"

#include <stdlib.h>

static const struct dead_place newest_first[] = {
    {.buried_ms = 1700000000124, .n = 1, .journal = "000000001", .destination = "a"},
    {.buried_ms = 1700000000123, .n = 9, .journal = "0000000ff", .destination = "a"},
    {.buried_ms = 1700000000123, .n = 8, .journal = "000000001", .destination = "b"},
    {.buried_ms = 1700000000123, .n = 8, .journal = "0000000ff", .destination = "a"},
    {.buried_ms = 1700000000123, .n = 8, .journal = "0000000ff", .destination = "a-b"},
    {.buried_ms = 0, .n = EVENT_N_MAX, .journal = "3ffffffff", .destination = "a"},
};
enum { PLACES = sizeof newest_first / sizeof *newest_first };

static void a_place_reads_back_as_itself(void **state)
{
    (void)state;
    for (int i = 0; i < PLACES; i++) {
        struct buf text;
        struct dead_place p;
        buf_init(&text, 256);
        dead_place_encode(&newest_first[i], &text);
        assert_true(dead_place_decode(buf_str(&text), &p));
        assert_int_equal(p.buried_ms, newest_first[i].buried_ms);
        assert_int_equal(p.n, newest_first[i].n);
        assert_string_equal(p.journal, newest_first[i].journal);
        assert_string_equal(p.destination, newest_first[i].destination);
        buf_done(&text);
    }
}

static void refuses_what_is_no_place(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "5",
        "5-000000001",
        "5-000000001-7",
        "x-000000001-7-a",
        "-5-000000001-7-a",
        "9223372036854775808-000000001-7-a",
        "5-00000001-7-a",
        "5-00000000g-7-a",
        "5-000000001--a",
        "5-000000001-1099511627776-a",
    };
    struct dead_place p;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(dead_place_decode(str_of(bad[i]), &p));
    }
}

/* From any order to the same one: each place is before all that follow it, and equal to itself. */
static void the_order_is_whole(void **state)
{
    (void)state;
    for (int i = 0; i < PLACES; i++) {
        for (int k = 0; k < PLACES; k++) {
            int order = dead_place_order(&newest_first[i], &newest_first[k]);
            assert_int_equal((order > 0) - (order < 0), (i > k) - (i < k));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_reads_back_as_itself),
        cmocka_unit_test(refuses_what_is_no_place),
        cmocka_unit_test(the_order_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
