/* base/json: commas where they belong, and nowhere else. */
#include "base/json.h"

#include "test.h"

static void assert_written(struct buf *b, const char *wanted)
{
    assert_int_equal(b->len, strlen(wanted));
    assert_memory_equal(b->at, wanted, b->len);
    buf_done(b);
}

static void members_and_items_are_separated(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    json_open(&b, '{');
    json_text(&b, "name", STR("a"));
    json_number(&b, "least", INT64_MIN);
    json_bool(&b, "yes", true);
    json_bool(&b, "no", false);
    json_list(&b, "lists");
    json_item(&b, STR("one"));
    json_item(&b, STR("two"));
    json_open(&b, '{');
    json_key(&b, "inner");
    json_open(&b, '[');
    json_close(&b, ']');
    json_close(&b, '}');
    json_open(&b, '{');
    json_close(&b, '}');
    json_close(&b, ']');
    json_number(&b, "last", 0);
    json_close(&b, '}');
    assert_written(&b, "{\"name\":\"a\",\"least\":-9223372036854775808,\"yes\":true,\"no\":false,"
                       "\"lists\":[\"one\",\"two\",{\"inner\":[]},{}],\"last\":0}");
}

static void texts_that_look_like_brackets_are_texts(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    json_open(&b, '[');
    json_item(&b, STR("{"));
    json_item(&b, STR(":"));
    json_item(&b, STR(""));
    json_item(&b, STR("\"["));
    json_close(&b, ']');
    assert_written(&b, "[\"{\",\":\",\"\",\"\\\"[\"]");
}

static void a_full_buffer_says_so(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8);
    json_open(&b, '{');
    json_text(&b, "a", STR("b"));
    json_text(&b, "c", STR("d"));
    json_close(&b, '}');
    assert_true(b.failed);
    assert_true(b.len <= 8);
    buf_done(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_and_items_are_separated),
        cmocka_unit_test(texts_that_look_like_brackets_are_texts),
        cmocka_unit_test(a_full_buffer_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
