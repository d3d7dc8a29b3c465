/* relay/spool: an event's record reads back as itself, and nothing else reads as one. */
#include "relay/spool.h"

#include "test.h"

#include <string.h>

static const struct spooled sample = {.received_ms = 1700000000123,
                                      .source = {"stripe", 6},
                                      .to = {"billing ledger", 14},
                                      .method = {"POST", 4},
                                      .target = {"/hooks/stripe?a=1", 17},
                                      .headers = {"A: b\r\n", 6},
                                      .body = {"\0\xff{}", 4}};

static void reads_back_as_itself(void **state)
{
    (void)state;
    struct buf b;
    struct spooled e;
    buf_init(&b, 4096);
    spooled_encode(&sample, &b);
    assert_true(spooled_decode(buf_str(&b), &e));
    assert_int_equal(e.received_ms, sample.received_ms);
    assert_true(str_eq(e.source, sample.source) && str_eq(e.to, sample.to));
    assert_true(str_eq(e.method, sample.method) && str_eq(e.target, sample.target));
    assert_true(str_eq(e.headers, sample.headers) && str_eq(e.body, sample.body));
    buf_clear(&b);
    spooled_encode(&(struct spooled){0}, &b);
    assert_true(spooled_decode(buf_str(&b), &e));
    assert_int_equal(e.received_ms, 0);
    assert_int_equal(e.body.len + e.to.len, 0);
    buf_done(&b);
}

static void refuses_any_other_length(void **state)
{
    (void)state;
    struct buf b;
    struct spooled e;
    buf_init(&b, 4096);
    spooled_encode(&sample, &b);
    for (size_t n = 0; n < b.len; n++) {
        assert_false(spooled_decode(str_head(buf_str(&b), n), &e));
    }
    buf_add_char(&b, 'x');
    assert_false(spooled_decode(buf_str(&b), &e));
    b.at[8] = (char)0xff; /* the first length */
    assert_false(spooled_decode(buf_str(&b), &e));
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_as_itself),
        cmocka_unit_test(refuses_any_other_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
