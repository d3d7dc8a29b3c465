/* base/wheel on a real loop: never early, in order of slots, safe to change from a callback. */
#include "base/wheel.h"

#include "test.h"

#include <string.h>

struct probe {
    struct wheel_timer timer;
    uint64_t due, fired;
    struct probe *cancels, *arms;
    struct wheel *wheel;
};

static void on_due(struct wheel_timer *t)
{
    struct probe *p = CONTAINER_OF(t, struct probe, timer);
    p->fired = uv_now(p->wheel->loop);
    if (p->cancels != NULL) {
        wheel_cancel(p->wheel, &p->cancels->timer);
    }
    if (p->arms != NULL) {
        p->arms->due = p->fired + 20;
        wheel_arm(p->wheel, &p->arms->timer, 20, on_due);
    }
}

static void arm(struct wheel *w, struct probe *p, uint64_t after)
{
    p->wheel = w;
    p->due = uv_now(w->loop) + after;
    wheel_arm(w, &p->timer, after, on_due);
}

static void keep_alive(uv_timer_t *t)
{
    uv_close((uv_handle_t *)t, NULL);
}

static void fires_never_early_and_what_was_cancelled_never(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct wheel w;
    uv_timer_t end;
    struct probe probes[40];
    memset(probes, 0, sizeof probes);
    assert_int_equal(uv_loop_init(&loop), 0);
    wheel_init(&w, &loop);
    uv_timer_init(&loop, &end);
    uv_timer_start(&end, keep_alive, 400, 0); /* the wheel alone keeps no loop alive */
    for (size_t i = 0; i < 40; i++) {
        arm(&w, &probes[i], 5 * i);
    }
    probes[3].cancels = &probes[4];
    probes[5].cancels = &probes[5];
    probes[6].arms = &probes[7];
    wheel_cancel(&w, &probes[30].timer);
    wheel_cancel(&w, &probes[30].timer);
    arm(&w, &probes[31], 250); /* again: moves it */
    uv_run(&loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < 40; i++) {
        if (i == 4 || i == 30) {
            assert_int_equal(probes[i].fired, 0);
        } else {
            assert_true(probes[i].fired >= probes[i].due);
        }
    }
    assert_int_equal(w.armed, 0);
    wheel_done(&w);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void keeps_what_lies_beyond_one_turn(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct wheel w;
    struct probe far = {0}, near = {0};
    assert_int_equal(uv_loop_init(&loop), 0);
    wheel_init(&w, &loop);
    /* The same slot, one turn later: must not fire with the near one. */
    arm(&w, &near, 30);
    arm(&w, &far, 30 + WHEEL_TICK_MS * WHEEL_SLOTS);
    uv_timer_t end;
    uv_timer_init(&loop, &end);
    uv_timer_start(&end, keep_alive, 100, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(near.fired > 0);
    assert_int_equal(far.fired, 0);
    wheel_cancel(&w, &far.timer);
    wheel_done(&w);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_never_early_and_what_was_cancelled_never),
        cmocka_unit_test(keeps_what_lies_beyond_one_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
