/* A hashed timer wheel: all deadlines of one loop behind one uv_timer_t.
 *
 * Precision is one tick (WHEEL_TICK_MS): never early, at most a tick late on an idle loop. A timer
 * is a member of its owner; arming an armed one moves it, cancelling an unarmed one does nothing.
 * The callback runs from the loop, with the timer unarmed; it may free its owner. Monotonic clock.
 */
#ifndef BASE_WHEEL_H
#define BASE_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#define WHEEL_TICK_MS 10
#define WHEEL_SLOTS 1024

struct wheel_timer {
    struct wheel_timer *next, **link; /* link NULL = not armed */
    uint64_t due_ms;                  /* on the loop's clock (uv_now) */
    void (*on_due)(struct wheel_timer *t);
};

struct wheel {
    uv_loop_t *loop;
    uv_timer_t *timer; /* unreferenced: the wheel alone keeps no loop alive */
    uint64_t tick;     /* ticks done */
    unsigned armed;
    struct wheel_timer *slots[WHEEL_SLOTS];
};

void wheel_init(struct wheel *w, uv_loop_t *loop);
void wheel_done(struct wheel *w); /* nothing may be armed; the loop must run once more */
void wheel_arm(struct wheel *w, struct wheel_timer *t, uint64_t after_ms,
               void (*on_due)(struct wheel_timer *t));
void wheel_cancel(struct wheel *w, struct wheel_timer *t);

/* The struct that holds member `t`. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
