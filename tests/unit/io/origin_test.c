/* Origins: the Host field they send, and the order of their idle connections. */
#include "io/room.h"

#include "io/origin.h"

static void host_fields(void **state)
{
    (void)state;
    static const struct {
        const char *host;
        uint16_t port;
        bool tls;
        const char *field;
    } cases[] = {
        {"a.example", 80, false, "Host: a.example\r\n"},
        {"a.example", 443, false, "Host: a.example:443\r\n"},
        {"a.example", 443, true, "Host: a.example\r\n"},
        {"a.example", 80, true, "Host: a.example:80\r\n"},
        {"10.0.0.1", 8080, false, "Host: 10.0.0.1:8080\r\n"},
        {"::1", 80, false, "Host: [::1]\r\n"},
        {"fd00::2", 8443, true, "Host: [fd00::2]:8443\r\n"},
    };
    struct room r;
    bool closed = false;
    room_open(&r);
    struct httpc *c = httpc_new(&r.loop, &r.wheel);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct httpc_origin *o;
        const struct httpc_origin_conf conf = {
            .tls = cases[i].tls, .host = str_of(cases[i].host), .port = cases[i].port};
        assert_null(httpc_origin_new(&o, c, &conf));
        assert_true(str_eq(buf_str(&o->host_field), str_of(cases[i].field)));
        assert_false(origin_may_keep(&(struct httpc_conn){.origin = o})); /* idle: 0 */
        assert_null(origin_take(o));
        httpc_origin_free(o);
    }
    httpc_origin_free(NULL);
    httpc_close(c, room_set_flag, &closed);
    room_wait(&r, &closed);
    room_shut(&r);
}

static void the_latest_idle_one_is_taken_and_broken_ones_are_not(void **state)
{
    (void)state;
    struct room r;
    room_open(&r);
    struct httpc client = {.loop = &r.loop, .wheel = &r.wheel};
    struct httpc_origin o = {.httpc = &client, .idle_most = 3};
    struct httpc_conn conns[3] = {0};
    for (size_t i = 0; i < 3; i++) {
        conns[i].conn.wheel = &r.wheel;
        conns[i].origin = &o;
        assert_true(origin_may_keep(&conns[i]));
        origin_keep(&conns[i]);
    }
    assert_false(origin_may_keep(&(struct httpc_conn){.origin = &o}));
    conns[1].conn.reason = CONN_RESET; /* closing, its on_closed has not come yet */
    assert_ptr_equal(origin_take(&o), &conns[2]);
    assert_ptr_equal(origin_take(&o), &conns[0]);
    assert_null(origin_take(&o));
    assert_int_equal(o.idle_count, 0);
    assert_true(conns[0].reused);
    for (size_t i = 0; i < 3; i++) {
        conn_no_deadline(&conns[i].conn);
    }
    room_shut(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(host_fields),
        cmocka_unit_test(the_latest_idle_one_is_taken_and_broken_ones_are_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
