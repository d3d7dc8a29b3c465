/* relay/commit: batches of an owner's operations. Its Redis is never up, so what is built is seen and stays. */
#include "relay/journal.h"

#include "room.h"

#include <stdio.h>

struct desk {
    struct room *room;
    struct master master;
    bool closed;
};

static void on_nothing(void *user)
{
    (void)user;
}

static void on_down(void *user, const char *why)
{
    (void)user;
    (void)why;
}

static void on_closed(void *user)
{
    ((struct desk *)user)->closed = true;
}

static struct desk *open_desk(void)
{
    const struct store_conf conf = {
        .unix_path = STR("/nobody/listens"), .connect_ms = 1000, .command_ms = 1000};
    const struct store_handler handler = {.on_up = on_nothing, .on_down = on_down};
    struct desk *d = calloc(1, sizeof *d);
    assert_non_null(d);
    d->room = room_open("lane: 4");
    d->master.w = &d->room->w;
    d->master.ready = true;
    d->master.scripts = scripts_new();
    d->master.main = store_new(&d->room->loop, &d->room->w.wheel, &conf, &handler);
    d->room->j->master = &d->master;
    uv_ref((uv_handle_t *)d->room->w.wheel.timer); /* its ticks are all that there is to wait for */
    return d;
}

static void shut_desk(struct desk *d)
{
    store_close(d->master.main, on_closed, d);
    while (!d->closed) {
        uv_run(&d->room->loop, UV_RUN_ONCE);
    }
    free(d->master.scripts);
    room_shut(d->room);
    free(d);
}

static void drop(struct desk *d, unsigned count)
{
    for (unsigned n = 1; n <= count; n++) {
        commit_drop(d->room->a, n, NULL);
    }
}

/* The version that Redis has once the i-th batch is written. */
static const char *version(const struct desk *d, unsigned i)
{
    static char text[64];
    snprintf(text, sizeof text, "%s:%u", d->room->j->token, i);
    return text;
}

static bool is_built(const struct desk *d, unsigned i)
{
    return commit_would_be(d->room->j, str_of(version(d, i)));
}

static void wait_for_batch(struct desk *d, unsigned i)
{
    for (int turns = 0; !is_built(d, i); turns++) {
        assert_true(turns < 1000); /* each is a tick, or an answer to a connection */
        uv_run(&d->room->loop, UV_RUN_ONCE);
    }
}

/* A tick between any two would let the queue grow while events come fast. */
static void a_full_batch_is_followed_at_once(void **state)
{
    (void)state;
    struct desk *d = open_desk();
    drop(d, 600);
    assert_false(is_built(d, 1));
    wait_for_batch(d, 1);
    assert_int_equal(d->room->j->op_count, 600 - 256);
    commit_resume(d->room->j, str_of(version(d, 1)));
    assert_true(is_built(d, 2));
    assert_int_equal(d->room->j->op_count, 600 - 512);
    drop(d, 1); /* goes with the rest, which is not full: what comes then waits for a tick */
    commit_resume(d->room->j, str_of(version(d, 2)));
    assert_true(is_built(d, 3));
    assert_int_equal(d->room->j->op_count, 0);
    drop(d, 1);
    commit_resume(d->room->j, str_of(version(d, 3)));
    assert_false(is_built(d, 4));
    wait_for_batch(d, 4);
    assert_int_equal(d->room->j->op_count, 0);
    shut_desk(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_batch_is_followed_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
