/* relay/history: where a page of history ends reads back as itself, and nothing else does. */
#include "relay/history.h"

#include "test.h"

#include <stdlib.h>

static struct history_place *place_new(void)
{
    struct history_place *p = calloc(1, sizeof *p);
    assert_non_null(p);
    return p;
}

static void a_place_reads_back_as_itself(void **state)
{
    (void)state;
    struct history_place *p = place_new(), *again = place_new();
    struct buf text;
    buf_init(&text, 16 << 10);
    for (p->journals = 0; p->journals < HISTORY_JOURNALS; p->journals++) {
        p->v[p->journals].number = EVENT_JOURNAL_MAX - p->journals;
        p->v[p->journals].below = p->journals % 2 == 0 ? p->journals : EVENT_N_MAX;
    }
    history_place_encode(p, &text);
    assert_false(text.failed);
    assert_true(history_place_decode(buf_str(&text), again));
    assert_int_equal(again->journals, p->journals);
    assert_memory_equal(again->v, p->v, sizeof p->v);
    buf_add_str(&text, STR(".000000001-1"));
    assert_false(history_place_decode(buf_str(&text), again)); /* one more than are read */
    buf_done(&text);
    free(p);
    free(again);
}

static void refuses_what_is_no_place(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        ".",
        "8",
        "00000001-1",
        "00000000g-1",
        "000000001",
        "000000001-",
        "000000001-x",
        "000000001-1099511627776",
        "000000001-1.",
        ".000000001-1",
        "000000001-1.000000002",
        "000000001-1.000000002-1.000000001-2", /* once each: every one is a read */
    };
    struct history_place *p = place_new();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(history_place_decode(str_of(bad[i]), p));
    }
    assert_true(history_place_decode(STR("000000001-0.3ffffffff-1099511627775"), p));
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_reads_back_as_itself),
        cmocka_unit_test(refuses_what_is_no_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
