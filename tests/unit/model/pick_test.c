/* One text out of a request. */
#include "room.h"

#include "model/pick.h"

static char picked[512];

/* What is picked, or NULL. */
static const char *pick(const char *header, const char *pointer, const struct fields *fields,
                        struct str body)
{
    struct pick p = {.header = str_of(header), .pointer = str_of(pointer)};
    struct buf out;
    buf_init(&out, sizeof picked - 1);
    bool found = pick_text(&p, fields, body, &out);
    if (!found) {
        assert_int_equal(out.len, 0);
    }
    snprintf(picked, sizeof picked, "%.*s", STR_ARG(buf_str(&out)));
    buf_done(&out);
    return found ? picked : NULL;
}

static const char *json(const char *pointer, const char *body)
{
    static const struct fields none;
    return pick(NULL, pointer, &none, str_of(body));
}

static void picks_from_json(void **state)
{
    (void)state;
    static const struct {
        const char *pointer, *body, *want;
    } rows[] = {
        {"/type", "{\"type\":\"charge.succeeded\"}", "charge.succeeded"},
        {"/event/type", "{\"event\":{\"type\":\"m\"}}", "m"},
        {"/a/1/b", "{\"a\":[0,{\"b\":\"x\"}]}", "x"},
        {"/id", "{\"id\":820982911946154508}", "820982911946154508"},
        {"/id", "{\"id\":-7}", "-7"},
        {"/id", "{\"id\":18446744073709551615}", "18446744073709551615"},
        {"/t", "{\"t\":\"first\",\"t\":\"last\"}", "last"},
        {"/o/t", "{\"o\":{\"t\":\"1\"},\"o\":{\"t\":\"2\"}}", "2"},
        {"/o/t", "{\"o\":{\"t\":\"1\"},\"o\":{}}", NULL},
        {"/t", "{\"t\":\"first\",\"t\":null}", NULL},
        {"/a~1b", "{\"a/b\":\"slash\"}", "slash"},
        {"/a~0b", "{\"a~b\":\"tilde\"}", "tilde"},
        {"/~01", "{\"~1\":\"both\"}", "both"},
        {"/", "{\"\":\"empty key\"}", "empty key"},
        {"/a/", "{\"a\":{\"\":\"deep\"}}", "deep"},
        {"/0", "[\"x\"]", "x"},
        {"/00", "[\"x\"]", NULL},
        {"/-", "[\"x\"]", NULL},
        {"/1", "[\"x\"]", NULL},
        {"/t", "{\"t\":\"\\u0041\"}", "A"},
        {"/t", "{\"t\":\"\\u000a\"}", NULL},
        {"/t", "{\"t\":\"b\xc3\xbc\"}", NULL},
        {"/t", "{\"t\":\"\"}", NULL},
        {"/t", "{\"t\":1.5}", NULL},
        {"/t", "{\"t\":true}", NULL},
        {"/t", "{\"t\":{}}", NULL},
        {"/t", "{\"u\":1}", NULL},
        {"/t/u", "{\"t\":\"x\"}", NULL},
        {"/t", "{\"t\":\"x\"", NULL},
        {"/t", "{\"t\":\"x\"}trailing", NULL},
        {"/t", "{'t':'x'}", NULL},
        {"/t", "t=x", NULL},
        {"/t", "", NULL},
        {"/t", "\xff\xfe", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *got = json(rows[i].pointer, rows[i].body);
        bool same = got == NULL ? rows[i].want == NULL
                                : rows[i].want != NULL && strcmp(got, rows[i].want) == 0;
        if (!same) {
            fail_msg("%s of %s: %s", rows[i].pointer, rows[i].body, got == NULL ? "nothing" : got);
        }
    }
}

static void picks_from_a_header(void **state)
{
    (void)state;
    struct fields f = {0};
    fields_add(&f, STR("x-topic"), STR("  orders/create "));
    fields_add(&f, STR("X-Bad"), STR("a\x01"));
    fields_add(&f, STR("X-Empty"), STR(""));
    assert_string_equal(pick("X-Topic", NULL, &f, STR_NONE), "orders/create");
    assert_null(pick("X-Bad", NULL, &f, STR_NONE));
    assert_null(pick("X-Empty", NULL, &f, STR_NONE));
    assert_null(pick("X-None", NULL, &f, STR_NONE));
    assert_null(pick(NULL, NULL, &f, STR("{}")));
}

static void joins_header_and_body(void **state)
{
    (void)state;
    struct fields f = {0};
    fields_add(&f, STR("X-GitHub-Event"), STR("issues"));
    struct str body = STR("{\"action\":\"opened\"}");
    assert_string_equal(pick("X-GitHub-Event", "/action", &f, body), "issues.opened");
    assert_string_equal(pick("X-GitHub-Event", "/none", &f, body), "issues");
    assert_string_equal(pick("X-GitHub-Event", "/action", &f, STR("payload=%7B%7D")), "issues");
    struct fields none = {0};
    assert_null(pick("X-GitHub-Event", "/action", &none, body));
}

static void takes_256_bytes_at_most(void **state)
{
    (void)state;
    char body[400], text[300];
    memset(text, 'x', sizeof text);
    snprintf(body, sizeof body, "{\"t\":\"%.256s\"}", text);
    assert_int_equal(strlen(json("/t", body)), 256);
    snprintf(body, sizeof body, "{\"t\":\"%.257s\"}", text);
    assert_null(json("/t", body));
    struct fields f = {0};
    fields_add(&f, STR("E"), (struct str){text, 200});
    snprintf(body, sizeof body, "{\"t\":\"%.55s\"}", text);
    assert_int_equal(strlen(pick("E", "/t", &f, str_of(body))), 256);
    snprintf(body, sizeof body, "{\"t\":\"%.56s\"}", text);
    assert_int_equal(strlen(pick("E", "/t", &f, str_of(body))), 200);
}

static void survives_hostile_bodies(void **state)
{
    (void)state;
    static const struct fields none;
    size_t n = 1024 * 1024;
    char *body = malloc(n);
    memset(body, '[', n);
    assert_null(pick(NULL, "/t", &none, (struct str){body, n}));
    for (size_t i = 0; i < n; i++) {
        body[i] = i % 2 == 0 ? '[' : ']';
    }
    assert_null(pick(NULL, "/t", &none, (struct str){body, n}));
    for (size_t i = 1; i < n - 1; i++) {
        body[i] = i % 2 == 1 ? '1' : ',';
    }
    body[0] = '[';
    body[n - 1] = ']';
    body[n - 2] = '1';
    pick(NULL, "/500", &none, (struct str){body, n});
    free(body);
    n = 5 * 1024 * 1024 + 1; /* over the limit: not looked at */
    body = malloc(n);
    memset(body, ' ', n);
    memcpy(body, "{\"t\":\"x\"}", 9);
    assert_null(pick(NULL, "/t", &none, (struct str){body, n}));
    assert_string_equal(pick(NULL, "/t", &none, (struct str){body, n - 1}), "x");
    free(body);
}

static void the_other_header_serves_where_the_first_is_not(void **state)
{
    (void)state;
    const struct pick p = {.header = STR("svix-id"), .or_header = STR("webhook-id")};
    struct fields fields = {0};
    struct buf out;
    buf_init(&out, 64);
    assert_false(pick_text(&p, &fields, STR_NONE, &out));
    assert_true(fields_add(&fields, STR("Webhook-Id"), STR("m2")));
    assert_true(pick_text(&p, &fields, STR_NONE, &out));
    room_text(buf_str(&out), "m2", "the other");
    out.len = 0;
    assert_true(fields_add(&fields, STR("Svix-Id"), STR("m1")));
    assert_true(pick_text(&p, &fields, STR_NONE, &out));
    room_text(buf_str(&out), "m1", "the first");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_other_header_serves_where_the_first_is_not),
        cmocka_unit_test(picks_from_json),
        cmocka_unit_test(picks_from_a_header),
        cmocka_unit_test(joins_header_and_body),
        cmocka_unit_test(takes_256_bytes_at_most),
        cmocka_unit_test(survives_hostile_bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
