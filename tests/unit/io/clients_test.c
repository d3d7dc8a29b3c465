/* Counting connections by client. */
#include "io/clients.h"

#include "base/cidr.h"

#include "test.h"

#include <arpa/inet.h>
#include <string.h>

static struct sockaddr_storage peer(const char *text)
{
    struct sockaddr_storage s;
    struct sockaddr_in *v4 = (struct sockaddr_in *)&s;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&s;
    memset(&s, 0, sizeof s);
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
    } else {
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
        v6->sin6_family = AF_INET6;
    }
    return s;
}

static bool add(struct clients *c, const char *text, struct client_key *key)
{
    struct sockaddr_storage s = peer(text);
    return clients_add(c, &s, 2, key);
}

static void a_client_has_so_many_and_no_more(void **state)
{
    (void)state;
    struct clients *c = clients_new();
    struct client_key one, other;
    assert_true(add(c, "192.0.2.1", &one));
    assert_true(add(c, "192.0.2.1", &one));
    assert_false(add(c, "192.0.2.1", &one));
    assert_true(add(c, "192.0.2.2", &other));
    clients_remove(c, &one);
    assert_true(add(c, "192.0.2.1", &one));
    assert_false(add(c, "192.0.2.1", &one));
    clients_unref(c);
}

static void an_ipv6_network_of_64_bits_is_one_client(void **state)
{
    (void)state;
    struct clients *c = clients_new();
    struct client_key key;
    assert_true(add(c, "2001:db8:0:1::1", &key));
    assert_true(add(c, "2001:db8:0:1:ffff::2", &key));
    assert_false(add(c, "2001:db8:0:1::3", &key));
    assert_true(add(c, "2001:db8:0:2::1", &key));
    clients_unref(c);
}

static void nothing_stays_of_clients_that_went(void **state)
{
    (void)state;
    struct clients *c = clients_new();
    struct client_key keys[2];
    assert_true(add(c, "192.0.2.1", &keys[0]));
    assert_true(add(c, "192.0.2.1", &keys[1]));
    clients_remove(c, &keys[0]);
    clients_remove(c, &keys[1]);
    assert_int_equal(clients_known(c), 0);
    clients_unref(c);
}

static void listeners_count_together(void **state)
{
    (void)state;
    struct clients *c = clients_new(), *same = clients_ref(c);
    struct client_key key;
    assert_int_equal(clients_enter(c), 0);
    assert_int_equal(clients_enter(same), 1);
    clients_leave(c, 2);
    assert_int_equal(clients_enter(same), 0);
    assert_true(add(c, "192.0.2.1", &key));
    clients_unref(c);
    assert_int_equal(clients_known(same), 1);
    clients_unref(same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_has_so_many_and_no_more),
        cmocka_unit_test(an_ipv6_network_of_64_bits_is_one_client),
        cmocka_unit_test(listeners_count_together),
        cmocka_unit_test(nothing_stays_of_clients_that_went),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
