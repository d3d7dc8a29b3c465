/* One connection on a socket pair's other end: bytes in and out, deadlines, ends. */
#include "io/peer.h"

#include "io/conn.h"

struct fixture {
    struct room room;
    struct peer peer;
    struct conn conn;
    char room_bytes[4096];
    size_t read;
    unsigned written, ended, closed, due;
    bool opened, is_closed;
    const char *reason;
    bool close_in_read;
};

static struct fixture *of(struct conn *c)
{
    return CONTAINER_OF(c, struct fixture, conn);
}

static void on_open(struct conn *c)
{
    of(c)->opened = true;
}

static char *on_room(struct conn *c, size_t *n)
{
    struct fixture *f = of(c);
    *n = sizeof f->room_bytes - f->read;
    return f->room_bytes + f->read;
}

static void on_read(struct conn *c, char *at, size_t n)
{
    struct fixture *f = of(c);
    assert_ptr_equal(at, f->room_bytes + f->read);
    f->read += n;
    if (f->close_in_read) {
        conn_close(c, CONN_DONE);
        conn_close(c, CONN_RESET); /* the first reason stands */
    }
}

static void on_end(struct conn *c, bool clean)
{
    assert_true(clean);
    of(c)->ended++;
}

static void on_written(struct conn *c)
{
    of(c)->written++;
}

static void on_closed(struct conn *c, const char *reason)
{
    struct fixture *f = of(c);
    f->closed++;
    f->is_closed = true;
    f->reason = reason;
}

static const struct conn_events events = {on_open, on_room, on_read, on_end, on_written, on_closed};

static struct fixture *open_fixture(void)
{
    static struct fixture f;
    int fds[2];
    memset(&f, 0, sizeof f);
    room_open(&f.room);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    peer_init(&f.peer, &f.room, fds[1]);
    assert_true(conn_accept(&f.conn, &f.room.loop, &f.room.wheel, fds[0], true, NULL, &events));
    return &f;
}

static void shut_fixture(struct fixture *f)
{
    conn_close(&f->conn, CONN_DONE);
    room_wait(&f->room, &f->is_closed);
    assert_int_equal(f->closed, 1);
    if (f->peer.fd >= 0) {
        peer_close(&f->peer);
    }
    room_shut(&f->room);
}

static void reads_where_the_owner_wants(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    peer_send(&f->peer, "hello ");
    while (f->read < 6) {
        peer_turn(&f->peer, 0);
    }
    peer_send(&f->peer, "again");
    while (f->read < 11) {
        peer_turn(&f->peer, 0);
    }
    assert_memory_equal(f->room_bytes, "hello again", 11);
    shut_fixture(f);
}

static void stops_and_starts_reading(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    conn_read_stop(&f->conn);
    peer_send(&f->peer, "x");
    peer_turn(&f->peer, POLLOUT);
    assert_int_equal(f->read, 0);
    conn_read_start(&f->conn);
    while (f->read < 1) {
        peer_turn(&f->peer, 0);
    }
    shut_fixture(f);
}

static void small_writes_go_at_once(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    const struct str parts[] = {STR("head "), STR_NONE, STR("body")};
    assert_true(conn_write(&f->conn, parts, 3, 0));
    assert_false(conn_is_writing(&f->conn));
    peer_expect(&f->peer, "head body");
    assert_int_equal(f->written, 0); /* there was nothing to wait for */
    shut_fixture(f);
}

/* What the kernel does not take: copied parts may go, borrowed ones must stay. */
static void large_writes_are_copied_or_borrowed(void **state)
{
    (void)state;
    enum { SIZE = 4 * 1024 * 1024 };
    for (unsigned copied = 0; copied <= 2; copied++) {
        struct fixture *f = open_fixture();
        char *head = malloc(SIZE), *body = malloc(SIZE);
        memset(head, 'h', SIZE);
        memset(body, 'b', SIZE);
        const struct str parts[] = {{head, SIZE}, {body, SIZE}};
        assert_false(conn_write(&f->conn, parts, 2, copied));
        assert_true(conn_is_writing(&f->conn));
        if (copied > 0) {
            memset(head, '!', SIZE);
        }
        if (copied > 1) {
            memset(body, '!', SIZE);
        }
        size_t heads = 0, bodies = 0;
        while (heads + bodies < 2 * SIZE) {
            peer_turn(&f->peer, POLLIN);
            peer_read(&f->peer);
            for (size_t i = 0; i < f->peer.n; i++) {
                heads += f->peer.in[i] == 'h';
                bodies += f->peer.in[i] == 'b';
            }
            peer_forget(&f->peer);
        }
        room_wait_n(&f->room, &f->written, 1);
        assert_int_equal(heads, SIZE);
        assert_int_equal(bodies, SIZE);
        assert_false(conn_is_writing(&f->conn));
        free(head);
        free(body);
        shut_fixture(f);
        assert_int_equal(f->written, 1);
    }
}

static void closing_in_a_write_tells_only_the_close(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    size_t n = 4u * 1024 * 1024;
    char *big = calloc(1, n);
    assert_false(conn_write(&f->conn, &(struct str){big, n}, 1, 1));
    free(big);
    conn_close(&f->conn, CONN_DONE);
    assert_false(conn_write(&f->conn, &STR("late"), 0, 0));
    shut_fixture(f);
    assert_int_equal(f->written, 0);
}

static void closes_once_whatever_happens(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    f->close_in_read = true;
    peer_send(&f->peer, "x");
    room_wait(&f->room, &f->is_closed);
    assert_ptr_equal(f->reason, CONN_DONE);
    assert_int_equal(f->closed, 1);
    peer_close(&f->peer);
    room_shut(&f->room);
}

static void the_peers_end_is_told_and_writing_goes_on(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    shutdown(f->peer.fd, SHUT_WR);
    room_wait_n(&f->room, &f->ended, 1);
    assert_true(conn_write(&f->conn, &STR("answer"), 1, 0));
    peer_expect(&f->peer, "answer");
    conn_write_end(&f->conn);
    peer_expect_end(&f->peer);
    assert_int_equal(f->closed, 0);
    shut_fixture(f);
}

static void a_broken_pipe_closes(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    peer_close(&f->peer);
    assert_false(conn_write(&f->conn, &STR("to nobody"), 1, 0));
    room_wait(&f->room, &f->is_closed);
    assert_ptr_equal(f->reason, CONN_RESET);
    assert_non_null(f->conn.detail);
    room_shut(&f->room);
}

static void on_due(struct conn *c)
{
    of(c)->due++;
}

static void one_deadline_replaces_the_last(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    conn_deadline(&f->conn, 1, NULL);
    conn_deadline(&f->conn, 20, on_due);
    room_wait_n(&f->room, &f->due, 1);
    assert_int_equal(f->closed, 0);
    conn_deadline(&f->conn, 1, on_due);
    conn_no_deadline(&f->conn);
    conn_deadline(&f->conn, 10, NULL);
    room_wait(&f->room, &f->is_closed);
    assert_ptr_equal(f->reason, CONN_TIMEOUT);
    assert_int_equal(f->due, 1);
    peer_close(&f->peer);
    room_shut(&f->room);
}

static void a_late_deadline_has_a_second_chance_once(void **state)
{
    (void)state;
    struct room r;
    room_open(&r);
    struct wheel_timer t = {.due_ms = uv_now(&r.loop)};
    bool late = false;
    assert_false(conn_is_late(&r.loop, &t, &late));
    t.due_ms = uv_now(&r.loop) - CONN_LATE_MS - 1;
    assert_true(conn_is_late(&r.loop, &t, &late));
    assert_false(conn_is_late(&r.loop, &t, &late));
    room_shut(&r);
}

static void dials_and_is_refused(void **state)
{
    (void)state;
    static struct fixture f;
    struct sockaddr_storage a = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
    memset(&f, 0, sizeof f);
    room_open(&f.room);
    v4->sin_family = AF_INET;
    v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v4->sin_port = htons(room_free_port());
    conn_connect(&f.conn, &f.room.loop, &f.room.wheel, &a, NULL, &events);
    room_wait(&f.room, &f.is_closed);
    assert_ptr_equal(f.reason, CONN_REFUSED);
    assert_false(f.opened);
    f.is_closed = false;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)v4, sizeof *v4), 0);
    assert_int_equal(listen(fd, 1), 0);
    conn_connect(&f.conn, &f.room.loop, &f.room.wheel, &a, NULL, &events);
    room_wait(&f.room, &f.opened);
    conn_close(&f.conn, CONN_DONE);
    room_wait(&f.room, &f.is_closed);
    close(fd);
    room_shut(&f.room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_where_the_owner_wants),
        cmocka_unit_test(stops_and_starts_reading),
        cmocka_unit_test(small_writes_go_at_once),
        cmocka_unit_test(large_writes_are_copied_or_borrowed),
        cmocka_unit_test(closing_in_a_write_tells_only_the_close),
        cmocka_unit_test(closes_once_whatever_happens),
        cmocka_unit_test(the_peers_end_is_told_and_writing_goes_on),
        cmocka_unit_test(a_broken_pipe_closes),
        cmocka_unit_test(one_deadline_replaces_the_last),
        cmocka_unit_test(a_late_deadline_has_a_second_chance_once),
        cmocka_unit_test(dials_and_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
