/* model/event: ids are addresses; what is rendered for destinations. */
#include "model/event.h"

#include "test.h"

#include <string.h>

static void an_id_is_a_uuid_v7_and_an_address(void **state)
{
    (void)state;
    static const struct {
        uint64_t journal, n;
        int64_t ms;
    } cases[] = {{0, 1, 0},
                 {EVENT_JOURNAL_MAX, EVENT_N_MAX, (INT64_C(1) << 48) - 1},
                 {0x123456789, 0xabcdef, 1700000000123},
                 {1, 2, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char id[EVENT_ID_LEN];
        uint64_t journal, n;
        int64_t ms;
        event_id_encode(id, cases[i].journal, cases[i].n, cases[i].ms);
        assert_int_equal(id[14], '7');
        assert_true(strchr("89ab", id[19]) != NULL);
        assert_true(event_id_decode((struct str){id, EVENT_ID_LEN}, &journal, &n, &ms));
        assert_true(journal == cases[i].journal && n == cases[i].n && ms == cases[i].ms);
    }
}

static void refuses_what_is_not_an_id(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "0",
        "01a20c70-f3b1-4149-8e88-d30000000005",
        "01a20c70-f3b1-7149-ce88-d30000000005",
        "01a20c70+f3b1-7149-8e88-d30000000005",
        "01a20c70-f3b1-7149-8e88-d3000000000g",
        "01a20c70-f3b1-7149-8e88-d300000000055",
        "01a20c70f3b1-7149-8e88-d300000000055",
    };
    uint64_t journal, n;
    int64_t ms;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(event_id_decode(str_of(bad[i]), &journal, &n, &ms));
    }
}

static void holds_everything_in_one_allocation(void **state)
{
    (void)state;
    static const uint16_t to[] = {3, 1};
    size_t before = event_bytes_alive();
    struct event_parts parts = {.journal = 5,
                                .n = 6,
                                .received_ms = 7,
                                .source = STR("stripe"),
                                .method = STR("POST"),
                                .target = STR("/x?y"),
                                .headers = STR("A: b\r\n"),
                                .body = STR("\0\xff"),
                                .to = to,
                                .to_count = 2};
    struct event *e = event_new(&parts);
    assert_true(event_bytes_alive() - before == e->bytes);
    assert_true(str_eq(e->source, STR("stripe")) && str_eq(e->target, STR("/x?y")));
    assert_true(str_eq(e->body, STR("\0\xff")) && e->to[0] == 3 && e->to[1] == 1);
    assert_ptr_equal(event_ref(e), e);
    event_unref(e);
    parts.id = (struct str){e->id, EVENT_ID_LEN};
    parts.n = 99;
    struct event *moved = event_new(&parts);
    assert_memory_equal(moved->id, e->id, EVENT_ID_LEN); /* a moved event keeps its id */
    event_unref(moved);
    event_unref(e);
    event_unref(NULL);
    assert_true(event_bytes_alive() == before);
}

static void renders_end_to_end_fields_only(void **state)
{
    (void)state;
    static struct fields f;
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"Host", "a"},
        {"Content-Length", "3"},
        {"Transfer-Encoding", "chunked"},
        {"Connection", "x-hop, close"},
        {"X-Hop", "1"},
        {"Keep-Alive", "5"},
        {"TE", "trailers"},
        {"Upgrade", "h2c"},
        {"Expect", "100-continue"},
        {"Proxy-Connection", "close"},
        {"Penstock-Attempt", "9"},
        {"Penstock_Source", "a source that it is not"},
        {"penstock_", ""},
        {"Content_Length", "7"},
        {"TRANSFER_ENCODING", "chunked"},
        {"Proxy-Authorization", "Basic eA=="},
        {"Proxy-Authenticate", "Basic"},
        {"Trailer", "X"},
        {"eXPECT", "200-ok"},
        {"Connection", "x-second ,,X-THIRD"},
        {"x-Second", "1"},
        {"X-Third", "1"},
        {"Content-Type", "application/json"},
        {"X-Twice", "1"},
        {"x-twice", "2"},
        {"Stripe-Signature", "t=1,v1=2"},
        {"X-Empty", ""},
        {"X_Kept", "1"},
        {"Hosts", "1"},
        {"penstoc-k", "1"},
    };
    f.n = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fields_add(&f, str_of(rows[i].name), str_of(rows[i].value));
    }
    struct buf out;
    buf_init(&out, 4096);
    event_render_fields(&f, &out);
    assert_true(
        str_eq(buf_str(&out), STR("Content-Type: application/json\r\nX-Twice: 1\r\nx-twice: 2\r\n"
                                  "Stripe-Signature: t=1,v1=2\r\nX-Empty: \r\nX_Kept: 1\r\n"
                                  "Hosts: 1\r\npenstoc-k: 1\r\n")));
    buf_done(&out);
}

static void a_head_is_all_but_the_body(void **state)
{
    (void)state;
    struct event_parts parts = {.journal = 7,
                                .n = 9,
                                .received_ms = 1700000000000,
                                .source = STR("stripe"),
                                .method = STR("POST"),
                                .target = STR("/hooks/stripe?a=1"),
                                .headers = STR("A: b\r\nC: \xff\r\n"),
                                .body = STR("{}")};
    struct event *e = event_new(&parts);
    struct event_parts read = {.n = 9, .body = e->body};
    assert_true(event_get_head(e->head, &read));
    struct event *again = event_new(&read);
    assert_memory_equal(again->id, e->id, EVENT_ID_LEN);
    assert_int_equal(again->received_ms, 1700000000000);
    assert_true(str_eq(again->source, e->source) && str_eq(again->method, e->method));
    assert_true(str_eq(again->target, e->target) && str_eq(again->headers, e->headers));
    assert_true(str_eq(again->head, e->head));
    for (size_t n = 0; e->head.at[n] != '\n'; n++) { /* cut short: none */
        assert_false(event_get_head(str_head(e->head, n), &read));
    }
    static const char *const foreign[] = {
        "",
        "\n",
        "018bcfe5-6800-7000-8000-0100000000ff 1700000000000 s POST\n",
        "018bcfe5-6800-7000-8000-0100000000ff  s POST /\n",
        "018bcfe5-6800-7000-8000-0100000000ff -1 s POST /\n",
        "018bcfe5-6800-7000-8000-0100000000ff 1700000000000 s POST /a b\n",
        "018bcfe5-6800-7000-8000-0100000000f 1700000000000 s POST /\n"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        assert_false(event_get_head(str_of(foreign[i]), &read));
    }
    event_unref(e);
    event_unref(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_a_uuid_v7_and_an_address),
        cmocka_unit_test(refuses_what_is_not_an_id),
        cmocka_unit_test(holds_everything_in_one_allocation),
        cmocka_unit_test(renders_end_to_end_fields_only),
        cmocka_unit_test(a_head_is_all_but_the_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
