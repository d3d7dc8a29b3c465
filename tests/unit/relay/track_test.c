/* relay/track: the settled record says exactly what is settled, for any order of outcomes. */
#include "relay/delivery.h"

#include "test.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    uv_loop_t loop;
    struct worker w;
    struct journal j;
    struct lane lane;
    struct track *t;
};

static struct fixture *open_fixture(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    assert_int_equal(uv_loop_init(&f->loop), 0);
    wheel_init(&f->w.wheel, &f->loop);
    f->w.loop = &f->loop;
    f->j.w = &f->w;
    f->j.state = JOURNAL_OPEN;
    f->j.live = true;
    f->lane.w = &f->w;
    f->t = track_of(&f->j, &f->lane);
    assert_ptr_equal(track_of(&f->j, &f->lane), f->t);
    return f;
}

static void close_fixture(struct fixture *f)
{
    tracks_clear(&f->j);
    wheel_cancel(&f->w.wheel, &f->j.tick);
    wheel_done(&f->w.wheel);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&f->loop), 0);
    free(f);
}

static struct settled record_of(const struct track *t)
{
    struct buf out;
    struct settled s;
    buf_init(&out, 1 << 20);
    track_encode(t, &out);
    assert_true(settled_decode(buf_str(&out), &s));
    buf_done(&out);
    return s;
}

/* The reference: entry n was pushed and is done, or was never addressed to this destination. */
static void says_what_is_settled_whatever_the_order(void **state)
{
    (void)state;
    enum { MOST = 400 };
    uint64_t seed = 3;
    for (int round = 0; round < 60; round++) {
        struct fixture *f = open_fixture();
        uint64_t seqs[MOST + 1] = {0}, last = 0;
        bool pushed[MOST + 1] = {false}, done[MOST + 1] = {false};
        for (uint64_t n = 1; n <= MOST; n++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            if (seed >> 62 != 0) {
                pushed[n] = true;
                seqs[n] = track_push(f->t, n, NULL);
                last = n;
            }
            uint64_t any = 1 + (seed >> 20) % n;
            if (pushed[any] && !done[any]) {
                done[any] = true;
                track_done(f->t, seqs[any]);
            }
            if ((seed >> 10) % 7 == 0) {
                track_pop(f->t);
            }
        }
        struct settled s = record_of(f->t);
        uint64_t low = UINT64_MAX;
        for (uint64_t n = 1; n <= last; n++) {
            if (pushed[n] && !done[n]) {
                assert_false(settled_has(&s, n)); /* never said too early: that would lose it */
                low = low == UINT64_MAX ? n : low;
            } else if (pushed[n]) {
                assert_true(settled_has(&s, n)); /* said at all: else it comes twice */
            }
        }
        assert_true(track_low(f->t) == low);
        settled_done(&s);
        close_fixture(f);
    }
}

static void takes_marks_back_when_a_commit_is_refused(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    uint64_t a = track_push(f->t, 5, NULL), b = track_push(f->t, 9, NULL);
    track_done(f->t, a);
    track_done(f->t, b);
    track_undone(f->t, a);
    track_pop(f->t);
    struct settled s = record_of(f->t);
    assert_false(settled_has(&s, 5));
    assert_true(settled_has(&s, 9));
    assert_true(track_low(f->t) == 5);
    settled_done(&s);
    close_fixture(f);
}

static void keeps_the_former_owners_marks(void **state)
{
    (void)state;
    struct fixture *f = open_fixture();
    assert_true(settled_decode(STR("10 15-20 30-40 ."), &f->t->former));
    f->j.state = JOURNAL_OLD; /* whether they were passed already or not */
    f->j.live = false;
    uint64_t a = track_push(f->t, 11, NULL);
    track_push(f->t, 12, NULL);
    track_done(f->t, a);
    struct settled s = record_of(f->t);
    static const struct {
        uint64_t n;
        bool settled;
    } cases[] = {{9, true}, {11, true}, {12, false}, {14, false}, {15, true}, {18, true}, {20, true}, {21, false}, {29, false}, {35, true}, {41, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(settled_has(&s, cases[i].n), cases[i].settled);
    }
    settled_done(&s);
    close_fixture(f);
}

static void a_foreign_or_cut_record_settles_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "12", "12 ", "12 .x", "x .", "12 15-", "12 15-17", "12 17-15 .", "12 15 .",
                                      "12 15-17 16", "-1 .", "12  .", "99999999999999999999 .", "12 . ",
                                      "1099511627776 .", "12 15-1099511627776 .", /* above all of ours */
                                      "12 15-17 . 20-20 ."};
    struct settled s;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(settled_decode(str_of(bad[i]), &s));
        assert_int_equal(s.count, 0);
        assert_false(settled_has(&s, 1));
    }
    assert_true(settled_decode(STR("12 15-17 20-20 ."), &s));
    assert_true(settled_has(&s, 12) && settled_has(&s, 20) && !settled_has(&s, 13) && !settled_has(&s, 18));
    settled_done(&s);
}

static void a_record_of_a_delivery_reads_back(void **state)
{
    (void)state;
    struct record r = {.attempts = 7, .first_ms = 1, .last_ms = 2, .next_ms = 3, .since_ms = 4, .status = 503,
                       .replay = true, .reason = "status_5xx"}, again;
    struct buf out;
    buf_init(&out, 256);
    record_encode(&r, &out);
    assert_true(record_decode(buf_str(&out), &again));
    assert_int_equal(again.attempts, 7);
    assert_int_equal(again.status, 503);
    assert_true(again.replay && again.since_ms == 4 && strcmp(again.reason, "status_5xx") == 0);
    buf_done(&out);
    static const char *const bad[] = {"", "1", "1 2 3 4 5 6", "1 2 3 4 5 6 x r", "-1 2 3 4 5 6 0 r",
                                      "4294967296 2 3 4 5 6 0 r", "1 2 3 4 5 4294967295 0 r",
                                      "1 2 3 4 5 6 2 r"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(record_decode(str_of(bad[i]), &again));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_is_settled_whatever_the_order),
        cmocka_unit_test(takes_marks_back_when_a_commit_is_refused),
        cmocka_unit_test(keeps_the_former_owners_marks),
        cmocka_unit_test(a_foreign_or_cut_record_settles_nothing),
        cmocka_unit_test(a_record_of_a_delivery_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
