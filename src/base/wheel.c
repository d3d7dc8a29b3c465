/* One uv timer ticks while anything is armed; each slot is a list of those due in its tick. */
#include "base/wheel.h"

#include "base/log.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void wheel_init(struct wheel *w, uv_loop_t *loop)
{
    memset(w, 0, sizeof *w);
    w->loop = loop;
    w->timer = malloc(sizeof *w->timer);
    ENSURE(w->timer != NULL && uv_timer_init(loop, w->timer) == 0);
    w->timer->data = w;
    uv_unref((uv_handle_t *)w->timer);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

void wheel_done(struct wheel *w)
{
    ENSURE(w->armed == 0);
    uv_close((uv_handle_t *)w->timer, on_closed);
}

static void unlink_timer(struct wheel *w, struct wheel_timer *t)
{
    *t->link = t->next;
    if (t->next != NULL) {
        t->next->link = t->link;
    }
    t->link = NULL;
    w->armed--;
}

static void push(struct wheel_timer **list, struct wheel_timer *t)
{
    t->next = *list;
    t->link = list;
    if (*list != NULL) {
        (*list)->link = &t->next;
    }
    *list = t;
}

/* Takes one slot's due timers off into a list of their own first: a callback may arm, cancel or
 * free any timer, also one that is due in this very slot. */
static void run_slot(struct wheel *w, uint64_t now)
{
    struct wheel_timer **slot = &w->slots[w->tick % WHEEL_SLOTS], *due = NULL;
    for (struct wheel_timer *t = *slot, *next; t != NULL; t = next) {
        next = t->next;
        if (t->due_ms <= now) {
            unlink_timer(w, t);
            w->armed++;
            push(&due, t);
        }
    }
    while (due != NULL) {
        struct wheel_timer *t = due;
        unlink_timer(w, t);
        t->on_due(t);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct wheel *w = timer->data;
    uint64_t now = uv_now(w->loop), last = now / WHEEL_TICK_MS;
    if (last - w->tick > WHEEL_SLOTS) {
        w->tick = last - WHEEL_SLOTS; /* a long pause: each slot once is enough */
    }
    while (w->tick < last) {
        w->tick++;
        run_slot(w, now);
    }
    if (w->armed == 0) {
        uv_timer_stop(timer);
    }
}

void wheel_arm(struct wheel *w, struct wheel_timer *t, uint64_t after_ms,
               void (*on_due)(struct wheel_timer *t))
{
    if (t->link != NULL) {
        unlink_timer(w, t);
    }
    if (w->armed == 0) {
        w->tick = uv_now(w->loop) / WHEEL_TICK_MS;
        uv_timer_start(w->timer, on_tick, WHEEL_TICK_MS, WHEEL_TICK_MS);
    }
    t->on_due = on_due;
    t->due_ms = uv_now(w->loop) + after_ms;
    uint64_t tick = (t->due_ms + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;
    tick = tick <= w->tick ? w->tick + 1 : tick;
    push(&w->slots[tick % WHEEL_SLOTS], t);
    w->armed++;
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
    if (t->link != NULL) {
        unlink_timer(w, t);
    }
}
