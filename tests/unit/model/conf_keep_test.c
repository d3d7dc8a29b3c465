/* model/conf_keep: what a running process keeps of its first configuration. */
#include "conf_room.h"

static struct conf *load(const char *redis)
{
    char text[512];
    struct buf errors;
    snprintf(text, sizeof text,
             "%s\nsources: {s: {verify: none}}\ndestinations: {d: http://d}\n"
             "routes: [{from: s, to: d}]\n",
             redis);
    buf_init(&errors, 65536);
    struct conf *c = conf_parse(str_of(text), "p.yaml", &errors);
    assert_non_null(c);
    buf_done(&errors);
    return c;
}

static void expect(const char *before, const char *after, const char *said, const char *why)
{
    struct conf *running = load(before), *next = load(after);
    struct buf out;
    buf_init(&out, 4096);
    const char *got = conf_keep(next, running, &out);
    if (why == NULL) {
        assert_null(got);
        assert_ptr_equal(next->first, running);
    } else {
        assert_non_null(got);
        assert_non_null(strstr(got, why));
    }
    buf_add_char(&out, '\0');
    if (said[0] == '\0') {
        assert_string_equal(out.at, "");
    } else {
        assert_non_null(strstr(out.at, said));
    }
    buf_done(&out);
    conf_unref(next);
    conf_unref(running);
}

static void what_needs_a_restart_stays_and_is_said(void **state)
{
    (void)state;
    expect("", "", "", NULL);
    expect("", "log: {level: warn}\nlisten: {limits: {body: 2MiB}}", "", NULL);
    expect("", "workers: 3", "\"workers\"", NULL);
    expect("", "listen: {address: '127.0.0.1:1'}", "the address of \"listen\"", NULL);
    expect("", "admin: {address: '127.0.0.1:1'}", "\"admin.address\"", NULL);
    expect("", "spool: {size: 1GiB}", "\"spool\"", NULL);
    expect("redis: {url: 'redis://a'}", "redis: {url: 'redis://b'}", "\"redis.url\"", NULL);
    expect("redis: {url: 'redis://u:p@a'}", "redis: {url: 'redis://u:q@a'}", "\"redis.url\"", NULL);
    expect("redis: {prefix: 'a:'}", "redis: {prefix: 'b:'}", "\"redis.prefix\"", NULL);
    struct conf *running = load("redis: {url: 'redis://a', prefix: 'a:'}"),
                *next = load("redis: {url: 'redis://b', prefix: 'b:'}\nworkers: 9"),
                *third = load("workers: 8");
    struct buf out;
    buf_init(&out, 4096);
    assert_null(conf_keep(next, running, &out));
    assert_true(str_eq(next->redis.host, STR("a")) && str_eq(next->redis.prefix, STR("a:")));
    assert_int_equal(next->workers, running->workers);
    assert_null(
        conf_keep(third, next, &out)); /* not a chain: the first one is kept, the second not */
    assert_ptr_equal(third->first, running);
    conf_unref(next);
    assert_true(str_eq(third->redis.host, STR("a")));
    conf_unref(third);
    conf_unref(running);
    buf_done(&out);
}

static void what_stays_must_fit_what_changes(void **state)
{
    (void)state;
    const char *open = "admin: {address: '0.0.0.0:8081', token: t}";
    expect(open, "", "", "keep its token");
    expect(open, "admin: {address: '127.0.0.1:8081'}", "", "keep its token");
    expect(open, "admin: {address: '127.0.0.1:8081', token: u}", "\"admin.address\"", NULL);
    expect("admin: {token: t}", "", "", NULL);
    const char *behind = "listen: {proxy_protocol: true, trusted_proxies: [10.0.0.0/8]}";
    expect(behind, "", "", "keep \"trusted_proxies\"");
    expect(behind, "listen: {trusted_proxies: [10.0.0.0/16]}", "its \"proxy_protocol\"", NULL);
    expect("listen: {trusted_proxies: [10.0.0.0/8]}", "", "", NULL);
}

static void what_nobody_has_looked_at_is_not_promised(void **state)
{
    (void)state;
    const char *memory = "redis: {durability: memory}", *fsync = "redis: {durability: fsync}";
    const char *replica = "redis: {durability: replica}", *why = "needs a restart";
    expect(fsync, memory, "", NULL);
    expect(memory, fsync, "", why);
    expect(fsync, replica, "", why);
    struct conf *first = load(fsync), *weaker = load(memory), *again = load(fsync);
    struct buf out;
    buf_init(&out, 4096);
    assert_null(conf_keep(weaker, first, &out));
    assert_non_null(conf_keep(again, weaker, &out)); /* Redis may be another one since */
    conf_unref(again);
    conf_unref(weaker);
    conf_unref(first);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_needs_a_restart_stays_and_is_said),
        cmocka_unit_test(what_stays_must_fit_what_changes),
        cmocka_unit_test(what_nobody_has_looked_at_is_not_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
