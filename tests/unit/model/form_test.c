/* Fields of forms, and what is none. */
#include "room.h"

#include "model/form.h"

#define URLENCODED "application/x-www-form-urlencoded"
#define MULTIPART "multipart/form-data; charset=utf-8; boundary=\"=b\""
#define PART(name, value) "Content-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"

/* NULL: there is none. */
static void expect(const char *type, const char *body, const char *want)
{
    struct fields fields = {.n = 0};
    struct buf out;
    buf_init(&out, 1000);
    assert_true(type == NULL || fields_add(&fields, STR("content-type"), str_of(type)));
    if (form_field(&fields, str_of(body), STR("json"), &out) != (want != NULL)) {
        fail_msg("%s: %s: %.*s", type, body, STR_ARG(buf_str(&out)));
    }
    if (want != NULL) {
        room_text(buf_str(&out), want, body);
    }
    buf_done(&out);
}

static void urlencoded(void **state)
{
    (void)state;
    expect(URLENCODED, "json=a", "a");
    expect(URLENCODED "; charset=UTF-8", "x=1&json=%7B+%7d&y", "{ }");
    expect("Application/X-WWW-Form-Urlencoded", "json", "");
    expect(URLENCODED, "json=a&json=b", NULL);
    expect(URLENCODED, "json=a&json", NULL);
    expect(URLENCODED, "json=%7", NULL);
    expect(URLENCODED, "json=%zz", NULL);
    expect(URLENCODED, "JSON=a&xjson=b&json%00=c", NULL);
    expect(URLENCODED, "x=1&j%73on=a", "a");
    expect(URLENCODED, "json=a&j%73on=b", NULL); /* there twice, whatever it looks like */
    expect(URLENCODED, "json=a&j%7son=b", NULL); /* receivers differ on what that is */
    expect(URLENCODED "X", "json=a", NULL);
    expect(URLENCODED " ;x", "json=a", "a");
    expect(URLENCODED, "", NULL);
    expect("application/json", "json=a", NULL);
    expect(NULL, "json=a", NULL);
}

static void multipart(void **state)
{
    (void)state;
    expect(MULTIPART, "--=b\r\n" PART("json", "{\"a\":1}") "--=b--\r\n", "{\"a\":1}");
    expect(MULTIPART, "--=b\r\n" PART("x", "1") "--=b\r\n" PART("json", "") "--=b--", "");
    expect("multipart/form-data;boundary=b",
           "--b\r\ncontent-type: text/plain\r\nCONTENT-DISPOSITION:form-data;filename=x;name=json"
           "\r\n\r\na\r\n\r\n--c\r\n--b--",
           "a\r\n\r\n--c");
    expect(MULTIPART, "--=b\r\n" PART("json", "a\r\n--=b-") "--=b--", NULL);
    expect(MULTIPART, "--=b\r\n" PART("json", "a") "--=b\r\n" PART("json", "a") "--=b--", NULL);
    expect(MULTIPART, "--=b\r\n" PART("json", "a") "--=b", NULL); /* no end */
    expect(MULTIPART, "--=b\r\n" PART("json", "a"), NULL);
    expect(MULTIPART, "--=b\r\n\r\n\r\n--=b--", NULL);
    expect(MULTIPART, "--=b\r\njson\r\n--=b--", NULL);
    expect(MULTIPART, "--=bc\r\n" PART("json", "a") "--=b--", NULL);
    expect(MULTIPART, "preamble\r\n--=b\r\n" PART("json", "a") "--=b--", NULL);
    expect(MULTIPART, "", NULL);
    expect(MULTIPART, "--=b\r\n" PART("json", "a") "--=b--\r\n--=b\r\n" PART("json", "b"), NULL);
    expect(MULTIPART, "--=b\r\n" PART("json", "a\n--=b\nx") "--=b--", NULL);
    expect(MULTIPART "; boundary=c", "--=b\r\n" PART("json", "a") "--=b--", NULL);
    expect("multipart/form-dataX; boundary=b", "--b\r\n" PART("json", "a") "--b--", NULL);
    expect("multipart/form-data; x=\"; boundary=c\"; boundary=b",
           "--b\r\n" PART("json", "a") "--b--", "a");
    expect("multipart/form-data", "--\r\n" PART("json", "a") "----", NULL);
    expect("multipart/form-data; boundary=", "--\r\n" PART("json", "a") "----", NULL);
    expect("multipart/form-data; boundary="
           "12345678901234567890123456789012345678901234567890123456789012345678901",
           "--12345678901234567890123456789012345678901234567890123456789012345678901\r\n", NULL);
}

/* What other readers may find another name in. */
static void parts_of_doubtful_names(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "Content-Disposition: form-data; filename=\"x; name=json; y\"; name=\"junk\"",
        "Content-Disposition: form-data; name =\"json\"",
        "Content-Disposition: form-data; name= \"json\"",
        "Content-Disposition: form-data; name=\"json\" x",
        "Content-Disposition: form-data; name=\"json",
        "Content-Disposition: form-data; name=js on",
        "Content-Disposition: form-data; name=j; name=json",
        "Content-Disposition: form-data; name=json; name*=utf-8''json",
        "Content-Disposition: form-data; name=\"json\\\"\"",
        "Content-Disposition: form-data; name=json;",
        "Content-Disposition: form-data; name=",
        "Content-Disposition: attachment; name=json",
        "Content-Disposition : form-data; name=json",
        " Content-Disposition: form-data; name=json",
        "X: y\nContent-Disposition: form-data; name=json",
        "Content-Disposition: form-data; name=x\r\nContent-Disposition: form-data; name=json",
        "Content-Disposition: form-data; name=x;\r\n name=json",
        "X: json",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        char body[400];
        snprintf(body, sizeof body, "--=b\r\n%s\r\n\r\na\r\n--=b--", lines[i]);
        expect(MULTIPART, body, NULL);
        snprintf(body, sizeof body, "--=b\r\n" PART("json", "a") "--=b\r\n%s\r\n\r\nb\r\n--=b--",
                 lines[i]);
        /* Of the first one the other reader would see no field of that name. */
        expect(MULTIPART, body, i == 0 ? "a" : NULL);
    }
}

static void of_two_types_neither_counts(void **state)
{
    (void)state;
    struct fields fields = {.n = 0};
    struct buf out;
    buf_init(&out, 100);
    assert_true(fields_add(&fields, STR("Content-Type"), STR(URLENCODED)));
    assert_true(form_is_urlencoded(&fields));
    assert_true(fields_add(&fields, STR("content-type"), STR("text/plain")));
    assert_false(form_is_urlencoded(&fields));
    assert_false(form_field(&fields, STR("json=a"), STR("json"), &out));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urlencoded),
        cmocka_unit_test(multipart),
        cmocka_unit_test(parts_of_doubtful_names),
        cmocka_unit_test(of_two_types_neither_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
