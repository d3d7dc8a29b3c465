/* Addresses that are never dialled, and names that are looked up once. */
#include "io/room.h"

#include "io/resolve.h"

static struct sockaddr_storage address(const char *text)
{
    struct sockaddr_storage a;
    assert_true(resolve_literal(str_of(text), &a));
    return a;
}

static void ranges(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool denied, denied_when_link_local_is_allowed;
    } cases[] = {
        {"127.0.0.1", false, false},
        {"10.1.2.3", false, false},
        {"192.168.0.1", false, false},
        {"172.16.0.1", false, false},
        {"8.8.8.8", false, false},
        {"169.253.255.255", false, false},
        {"169.255.0.0", false, false},
        {"223.255.255.255", false, false},
        {"100.100.100.201", false, false},
        {"0.0.0.0", true, true},
        {"0.1.2.3", true, true},
        {"169.254.0.0", true, false},
        {"169.254.169.254", true, false},
        {"169.254.255.255", true, false},
        {"100.100.100.200", true, false},
        {"224.0.0.0", true, true},
        {"239.255.255.255", true, true},
        {"240.0.0.1", true, true},
        {"255.255.255.255", true, true},
        {"::1", false, false},
        {"2001:db8::1", false, false},
        {"fd00::1", false, false},
        {"fec0::1", false, false},
        {"fe7f::1", false, false},
        {"::", true, true},
        {"fe80::1", true, false},
        {"febf:ffff::1", true, false},
        {"fd00:ec2::254", true, false},
        {"fd00:ec2::23", true, false},
        {"fd20:ce::254", true, false},
        {"fd20:ce::255", false, false},
        {"ff00::", true, true},
        {"ff02::1", true, true},
        {"::ffff:127.0.0.1", false, false},
        {"::ffff:169.254.169.254", true, false},
        {"::ffff:0.0.0.0", true, true},
        {"::169.254.169.254", true, false},
        {"::2", true, true}, /* 0.0.0.2 inside */
        {"64:ff9b::8.8.8.8", false, false},
        {"64:ff9b::169.254.169.254", true, false},
        {"64:ff9b:1::8.8.8.8", false, false},
        {"64:ff9b:1:808:8:800::", false, false}, /* 8.8.8.8 behind /48 */
        {"64:ff9b:1::169.254.169.254", true, false},
        {"64:ff9b:1:fffe::100.100.100.200", true, false},
        {"64:ff9b:1:a9fe:a9:fe00::", true, false},      /* 169.254.169.254 behind /48 */
        {"64:ff9b:1:ffa9:fe:a9fe::", true, false},      /* behind /56 */
        {"64:ff9b:1:fffe:a9:fea9:fe00::", true, false}, /* behind /64 */
        {"64:ff9b:2::169.254.169.254", false, false},
        {"2002:0808:0808::1", false, false},
        {"2002:a9fe:a9fe::1", true, false},
        {"2002:e000:0001::", true, true},
        {"2001:0:1:2:3:4:f7f7:f7f7", false, false}, /* 8.8.8.8, inverted */
        {"2001:0:1:2:3:4:5601:5601", true, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_storage a = address(cases[i].address);
        bool denied = resolve_denied(&a, false) != NULL, allowed = resolve_denied(&a, true) == NULL;
        if (denied != cases[i].denied || allowed == cases[i].denied_when_link_local_is_allowed) {
            fprintf(stderr, "address %s\n", cases[i].address);
        }
        assert_int_equal(denied, cases[i].denied);
        assert_int_equal(allowed, !cases[i].denied_when_link_local_is_allowed);
    }
    struct sockaddr_storage nothing = {0};
    assert_non_null(resolve_denied(&nothing, true));
}

static void rules_are_the_operators(void **state)
{
    (void)state;
    struct cidr deny[2], allow[1];
    assert_null(cidr_parse(STR("10.0.0.0/8"), &deny[0]));
    assert_null(cidr_parse(STR("fd00::/8"), &deny[1]));
    assert_null(cidr_parse(STR("10.20.0.0/16"), &allow[0]));
    const struct cidr_rules rules = {.deny = deny, .allow = allow, .deny_n = 2, .allow_n = 1};
    static const struct {
        const char *address;
        bool denied;
    } cases[] = {
        {"10.1.2.3", true},
        {"10.20.2.3", false},
        {"::ffff:10.1.2.3", true},
        {"64:ff9b::10.1.2.3", true},
        {"2002:0a01:0203::1", true},
        {"64:ff9b::10.20.2.3", false},
        {"64:ff9b:1::10.1.2.3", true},
        {"64:ff9b:1:fffe::10.20.2.3", false},
        {"64:ff9b:1:a01:2:300::", true},
        {"64:ff9b:1:808:8:800::", false},
        {"fd00::1", true},
        {"fc00::1", false},
        {"127.0.0.1", false},
        {"::1", false},
        {"169.254.1.1", false}, /* the rules say nothing of it */
        {"224.0.0.1", true},
        {"0.0.0.0", true},
        {"ff02::1", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sockaddr_storage a = address(cases[i].address);
        if ((resolve_ruled(&a, &rules) != NULL) != cases[i].denied) {
            fail_msg("address %s", cases[i].address);
        }
    }
}

static void literals_and_text(void **state)
{
    (void)state;
    struct sockaddr_storage a;
    static const char *const none[] = {"",           "localhost", "1.2.3", "1.2.3.4.5", "[::1]",
                                       "1.2.3.4:80", "0x7f.1",    "127.1", "::g"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(resolve_literal(str_of(none[i]), &a));
    }
    char text[RESOLVE_TEXT];
    a = address("127.0.0.1");
    resolve_set_port(&a, 8080);
    resolve_text(&a, text);
    assert_string_equal(text, "127.0.0.1:8080");
    a = address("fe80::1");
    resolve_set_port(&a, 443);
    resolve_text(&a, text);
    assert_string_equal(text, "[fe80::1]:443");
}

struct waiter {
    struct resolve_query query;
    unsigned answers;
    size_t n;
    bool has_trouble, done;
};

static void on_done(struct resolve_query *q, const struct resolve_answer *a)
{
    struct waiter *w = CONTAINER_OF(q, struct waiter, query);
    w->answers++;
    w->done = true;
    w->n = a->n;
    w->has_trouble = a->trouble != NULL;
}

static void names_are_looked_up_once_and_kept(void **state)
{
    (void)state;
    struct room r;
    bool closed = false;
    room_open(&r);
    struct resolve *resolve = resolve_new(&r.loop);
    struct waiter one = {0}, two = {0}, gone = {0};
    assert_non_null(resolve_find(resolve, STR("10.0.0.1"))); /* a literal is always known */
    assert_null(resolve_find(resolve, STR("localhost")));
    resolve_start(resolve, &one.query, STR("localhost"), on_done);
    resolve_start(resolve, &two.query, STR("localhost"), on_done);
    resolve_start(resolve, &gone.query, STR("localhost"), on_done);
    resolve_cancel(&gone.query);
    resolve_cancel(&gone.query);
    assert_false(one.done); /* never from inside */
    room_wait(&r, &one.done);
    assert_int_equal(one.answers + two.answers, 2);
    assert_int_equal(gone.answers, 0);
    assert_true(one.n > 0 && one.n == two.n);
    const struct resolve_answer *known = resolve_find(resolve, STR("localhost"));
    assert_non_null(known);
    for (size_t i = 0; i < known->n; i++) {
        assert_null(resolve_denied(&known->v[i], false));
    }
    resolve_close(resolve, room_set_flag, &closed);
    room_wait(&r, &closed);
    room_shut(&r);
}

static void failures_are_told_and_not_kept(void **state)
{
    (void)state;
    struct room r;
    bool closed = false;
    char too_long[2000];
    memset(too_long, 'a', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = '\0';
    room_open(&r);
    struct resolve *resolve = resolve_new(&r.loop);
    const char *const names[] = {"name.invalid", too_long};
    for (int i = 0; i < 2; i++) {
        struct waiter w = {0};
        resolve_start(resolve, &w.query, str_of(names[i]), on_done);
        assert_false(w.done);
        room_wait(&r, &w.done);
        assert_int_equal(w.n, 0);
        assert_true(w.has_trouble);
        assert_null(resolve_find(resolve, str_of(names[i])));
    }
    resolve_close(resolve, room_set_flag, &closed);
    room_wait(&r, &closed);
    room_shut(&r);
}

static void closes_with_a_lookup_under_way(void **state)
{
    (void)state;
    struct room r;
    bool closed = false;
    room_open(&r);
    struct resolve *resolve = resolve_new(&r.loop);
    struct waiter w = {0};
    resolve_start(resolve, &w.query, STR("localhost"), on_done);
    resolve_cancel(&w.query);
    resolve_close(resolve, room_set_flag, &closed);
    room_wait(&r, &closed);
    assert_false(w.done);
    room_shut(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),
        cmocka_unit_test(rules_are_the_operators),
        cmocka_unit_test(literals_and_text),
        cmocka_unit_test(names_are_looked_up_once_and_kept),
        cmocka_unit_test(failures_are_told_and_not_kept),
        cmocka_unit_test(closes_with_a_lookup_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
