/* A listening socket: many connections a turn, and closed inside its own callback. */
#include "io/peer.h"

#include "io/listen.h"

#include <sys/resource.h>

struct fixture {
    struct room room;
    struct listener listener;
    unsigned accepted;
    bool close_at_first;
};

static void on_accept(struct listener *l, int fd, const struct sockaddr_storage *peer)
{
    struct fixture *f = CONTAINER_OF(l, struct fixture, listener);
    assert_int_equal(peer->ss_family, l->is_unix ? AF_UNIX : AF_INET);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    close(fd);
    f->accepted++;
    if (f->close_at_first) {
        listener_close(l);
    }
}

static void open_fixture(struct fixture *f, const char *address)
{
    memset(f, 0, sizeof *f);
    room_open(&f->room);
    f->listener.on_accept = on_accept;
    assert_null(listener_open(&f->listener, &f->room.loop, &f->room.wheel, str_of(address)));
}

static void shut_fixture(struct fixture *f)
{
    listener_close(&f->listener);
    listener_close(&f->listener); /* twice is once */
    room_shut(&f->room);
}

static void accepts_more_than_a_turn_takes(void **state)
{
    (void)state;
    static struct peer peers[150];
    struct fixture f;
    open_fixture(&f, "127.0.0.1:0");
    assert_memory_equal(f.listener.address, "127.0.0.1:", 10);
    for (size_t i = 0; i < 150; i++) {
        peer_connect(&peers[i], &f.room, f.listener.address);
    }
    room_wait_n(&f.room, &f.accepted, 150);
    for (size_t i = 0; i < 150; i++) {
        peer_close(&peers[i]);
    }
    shut_fixture(&f);
}

static void may_be_closed_inside_its_callback(void **state)
{
    (void)state;
    static struct peer peers[3];
    struct fixture f;
    open_fixture(&f, "localhost:0"); /* a name is fine */
    f.close_at_first = true;
    char address[LISTEN_TEXT];
    snprintf(address, sizeof address, "%s", f.listener.address);
    if (address[0] != '[') {
        for (size_t i = 0; i < 3; i++) {
            peer_connect(&peers[i], &f.room, address);
        }
        room_wait_n(&f.room, &f.accepted, 1);
        uv_run(&f.room.loop, UV_RUN_NOWAIT);
        assert_int_equal(f.accepted, 1);
        for (size_t i = 0; i < 3; i++) {
            peer_close(&peers[i]);
        }
    }
    shut_fixture(&f);
}

static void an_unused_port_text_has_brackets_for_v6(void **state)
{
    (void)state;
    struct fixture f;
    memset(&f, 0, sizeof f);
    room_open(&f.room);
    f.listener.on_accept = on_accept;
    const char *why = listener_open(&f.listener, &f.room.loop, &f.room.wheel, STR("[::1]:0"));
    if (why == NULL) { /* a machine without IPv6 says so */
        assert_memory_equal(f.listener.address, "[::1]:", 6);
    } else {
        assert_memory_equal(why, "[::1]:0: ", 9);
    }
    shut_fixture(&f);
}

static void a_unix_socket_without_a_descriptor_says_so(void **state)
{
    (void)state;
    struct fixture f = {0};
    struct rlimit was, none;
    room_open(&f.room);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = (struct rlimit){0, was.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    const char *why = listener_open(&f.listener, &f.room.loop, &f.room.wheel, STR("unix:/tmp/x"));
    setrlimit(RLIMIT_NOFILE, &was);
    assert_string_equal(why, "unix:/tmp/x: Too many open files");
    room_shut(&f.room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_more_than_a_turn_takes),
        cmocka_unit_test(may_be_closed_inside_its_callback),
        cmocka_unit_test(a_unix_socket_without_a_descriptor_says_so),
        cmocka_unit_test(an_unused_port_text_has_brackets_for_v6),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
