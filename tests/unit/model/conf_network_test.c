/* `network`: what words, ranges and names become, and what is refused. */
#include "conf_room.h"

#define SENT "sources: {s: {verify: none}}\nroutes: [{from: s, to: d}]\n"

static bool denies(const struct conf *c, const char *address)
{
    struct address_bytes a;
    assert_true(address_read(str_of(address), &a));
    return cidr_denies(c->destinations[0].rules, &a);
}

static struct conf *with(const char *network)
{
    char text[1024];
    snprintf(text, sizeof text, SENT "destinations: {d: 'http://D.internal/'}\n%s", network);
    return conf_good(text);
}

static void without_it_there_are_no_rules(void **state)
{
    (void)state;
    conf_room_variables = NULL;
    struct conf *c = with("network:\n");
    assert_null(c->destinations[0].rules);
    conf_unref(c);
}

static void words_are_ranges(void **state)
{
    (void)state;
    struct conf *c = with("network: {deny: ['@private', 203.0.113.0/24], allow: 10.20.0.0/16}\n");
    assert_true(denies(c, "10.1.2.3") && denies(c, "172.16.0.1") && denies(c, "192.168.1.1") &&
                denies(c, "100.64.0.1") && denies(c, "fd00::1") && denies(c, "203.0.113.9"));
    assert_false(denies(c, "10.20.1.1") || denies(c, "8.8.8.8") || denies(c, "127.0.0.1") ||
                 denies(c, "169.254.169.254") || denies(c, "2001:db8::1"));
    conf_unref(c);
    c = with("network: {deny: ['@loopback', '@link-local', '@metadata']}\n");
    assert_true(denies(c, "127.9.9.9") && denies(c, "::1") && denies(c, "169.254.1.1") &&
                denies(c, "fe80::1") && denies(c, "100.100.100.200") && denies(c, "fd00:ec2::254"));
    assert_false(denies(c, "10.0.0.1"));
    conf_unref(c);
    c = with("network: {deny: '@metadata'}\n");
    assert_true(denies(c, "169.254.169.254") && denies(c, "169.254.170.2") &&
                denies(c, "169.254.170.23") && denies(c, "100.100.100.200") &&
                denies(c, "fd00:ec2::254") && denies(c, "fd00:ec2::23") &&
                denies(c, "fd20:ce::254"));
    assert_false(denies(c, "169.254.170.3") || denies(c, "fd00:ec2::1") || denies(c, "fd20:ce::1"));
    conf_unref(c);
}

static void unless_given_it_denies_what_nobody_means(void **state)
{
    (void)state;
    struct conf *c = with("network: {allow: [169.254.7.0/24]}\n");
    assert_true(denies(c, "169.254.169.254") && denies(c, "fe80::1"));
    assert_false(denies(c, "169.254.7.7") || denies(c, "10.0.0.1"));
    conf_unref(c);
}

static void a_name_may_be_allowed(void **state)
{
    (void)state;
    struct conf *c = with("network: {deny: '@private', allow: ['*.internal']}\n");
    assert_false(denies(c, "10.1.2.3"));
    struct conf *other = with("network: {deny: '@private', allow: ['*.internal.example']}\n");
    assert_true(denies(other, "10.1.2.3"));
    assert_false(str_eq(c->destinations[0].rules->text, other->destinations[0].rules->text));
    conf_unref(c);
    conf_unref(other);
}

static void refuses_what_it_does_not_know(void **state)
{
    (void)state;
    static const struct {
        const char *network, *said;
    } cases[] = {
        {"{deny: ['@privat']}", "did you mean \"@private\"?"},
        {"{deny: ['*.internal']}", "p.yaml:4:18: error: \"deny\": expected an address or a range"},
        {"{allow: ['a b']}", "\"allow\": expected an address or a range"},
        {"{deny: []}", "\"deny\" must have 1 to 256 entries, not 0"},
        {"{deny: 10.1.0.0/8}", "there are bits behind the prefix"},
        {"{deni: x}", "did you mean \"deny\"?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024];
        snprintf(text, sizeof text, SENT "destinations: {d: 'http://d/'}\nnetwork: %s\n",
                 cases[i].network);
        conf_bad(text, cases[i].said);
    }
    conf_bad(SENT "destinations: {d: 'http://10.1.1.1/'}\nnetwork: {deny: '@private'}\n",
             "p.yaml:3:19: error: \"url\": its address is one that network.deny names\n");
    conf_bad(SENT "destinations: {d: 'http://169.254.1.1/'}\nnetwork: {allow: '@private'}\n",
             "its address is one");
    conf_unref(conf_good(SENT "destinations: {d: 'http://10.1.1.1/'}\n"
                              "network: {deny: '@private', allow: 10.1.1.1}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_it_there_are_no_rules),
        cmocka_unit_test(words_are_ranges),
        cmocka_unit_test(unless_given_it_denies_what_nobody_means),
        cmocka_unit_test(a_name_may_be_allowed),
        cmocka_unit_test(refuses_what_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
