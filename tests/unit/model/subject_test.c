/* What is found when it is asked for, and once. */
#include "conf_room.h"

#include "model/subject.h"

#include <yyjson.h>

static const char CONF[] =
    "sources:\n"
    "  s: {verify: none, event: {type: body./t, id: header.x-id}}\n"
    "  h: {verify: none, event: {type: header.x-type}}\n"
    "  two: {verify: [{type: github, secret: a}, {type: stripe, secret: b}]}\n"
    "destinations: {a: http://a}\n";

struct room {
    struct conf *c;
    struct fields fields;
    struct route_subject s;
};

static void open_room(struct room *r, const char *source, const char *target, struct str body)
{
    *r = (struct room){.c = conf_good(CONF)};
    subject_init(&r->s, conf_find_source(r->c, str_of(source)), 0, STR("POST"), str_of(target),
                 &r->fields, body);
}

static void close_room(struct room *r)
{
    subject_done(&r->s);
    conf_unref(r->c);
}

static void decodes_the_query_as_a_form(void **state)
{
    (void)state;
    static const char *const want[][2] = {{"a", "1"},  {"b c", "d&e=f"}, {"", "x"}, {"g", ""},
                                          {"%4", "%"}, {"h", "%zz"},     {"a", "2"}};
    struct room r;
    open_room(&r, "s", "/p?a=1&b+c=d%26e%3df&&=x&g&%4=%&h=%zz&a=2", STR_NONE);
    size_t n;
    const struct field *f = subject_query(&r.s, &n);
    assert_int_equal(n, sizeof want / sizeof *want);
    for (size_t i = 0; i < n; i++) {
        room_text(f[i].name, want[i][0], "name");
        room_text(f[i].value, want[i][1], want[i][0]);
    }
    assert_ptr_equal(subject_query(&r.s, &n), f);
    room_text(r.s.path, "/p", "path");
    close_room(&r);
    open_room(&r, "s", "/p", STR_NONE);
    (void)subject_query(&r.s, &n);
    assert_int_equal(n, 0);
    close_room(&r);
}

static void types(const char *source, const char *body, const char *want)
{
    struct room r;
    open_room(&r, source, "/", str_of(body));
    assert_true(fields_add(&r.fields, STR("X-Type"), STR(" opened ")));
    room_text(subject_type(&r.s), want, body);
    close_room(&r);
}

static void picks_the_type_from_the_same_body(void **state)
{
    (void)state;
    types("s", "{\"t\":\"x\"}", "x");
    types("s", "{\"t\":42}", "42");
    types("s", "{\"t\":-42}", "-42");
    types("s", "{\"t\":4.2}", "");
    types("s", "{\"t\":123456789012345678901234567890}", "");
    types("s", "no json", "");
    types("h", "no json", "opened");
}

static void the_first_scheme_whose_type_is_there(void **state)
{
    (void)state;
    struct room r;
    open_room(&r, "two", "/", STR("{\"type\":\"charge.paid\"}"));
    subject_guess_scheme(&r.s);
    assert_int_equal(r.s.scheme, 1);
    room_text(subject_type(&r.s), "charge.paid", "type");
    close_room(&r);
    open_room(&r, "two", "/", STR("{\"action\":\"opened\",\"type\":\"x\"}"));
    assert_true(fields_add(&r.fields, STR("X-GitHub-Event"), STR("issues")));
    subject_guess_scheme(&r.s);
    assert_int_equal(r.s.scheme, 0);
    room_text(subject_type(&r.s), "issues.opened", "type");
    close_room(&r);
}

/* Small ones in the thread's scratch, one at a time; others apart, up to a ceiling. */
static void bodies_of_any_size(void **state)
{
    (void)state;
    struct room a, b;
    open_room(&a, "s", "/", STR("{\"t\":1}"));
    open_room(&b, "s", "/", STR("{\"t\":2}"));
    assert_non_null(subject_body(&a.s));
    assert_non_null(subject_body(&b.s));
    assert_true(a.s.in_scratch);
    assert_false(b.s.in_scratch);
    close_room(&b);
    close_room(&a);
    struct buf text;
    buf_init(&text, 64 << 20);
    buf_add_str(&text, STR("[0"));
    while (text.len < (2 << 20)) {
        buf_add_str(&text, STR(",0"));
    }
    buf_add_char(&text, ']');
    open_room(&a, "s", "/", buf_str(&text));
    assert_int_equal(yyjson_arr_size(subject_body(&a.s)), text.len / 2);
    assert_false(a.s.unparsed);
    close_room(&a);
    text.len--;
    while (text.len < (20 << 20)) { /* ten million values: more than it may take */
        buf_add_str(&text, STR(",0"));
    }
    buf_add_char(&text, ']');
    open_room(&a, "s", "/", buf_str(&text));
    assert_null(subject_body(&a.s));
    assert_true(a.s.unparsed);
    close_room(&a);
    buf_done(&text);
    open_room(&a, "s", "/", STR_NONE);
    assert_null(subject_body(&a.s));
    assert_false(a.s.unparsed); /* there is none */
    close_room(&a);
    open_room(&a, "s", "/", STR("{"));
    assert_null(subject_body(&a.s));
    assert_true(a.s.unparsed);
    close_room(&a);
    open_room(&a, "s", "/", STR("{}")); /* what failed has left the scratch */
    assert_non_null(subject_body(&a.s));
    assert_true(a.s.in_scratch);
    close_room(&a);
}

static double share_of(const char *id, const char *body)
{
    struct room r;
    open_room(&r, "s", "/", str_of(body));
    if (id != NULL) {
        assert_true(fields_add(&r.fields, STR("X-Id"), str_of(id)));
    }
    double share = subject_share(&r.s);
    close_room(&r);
    assert_true(share >= 0 && share < 100);
    return share;
}

static void the_share_follows_the_id_and_else_the_body(void **state)
{
    (void)state;
    assert_true(share_of("1", "a") == share_of("1", "b"));
    assert_true(share_of("1", "a") != share_of("2", "a"));
    assert_true(share_of(NULL, "a") == share_of(NULL, "a"));
    assert_true(share_of(NULL, "a") != share_of(NULL, "b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_the_query_as_a_form),
        cmocka_unit_test(picks_the_type_from_the_same_body),
        cmocka_unit_test(the_first_scheme_whose_type_is_there),
        cmocka_unit_test(bodies_of_any_size),
        cmocka_unit_test(the_share_follows_the_id_and_else_the_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
