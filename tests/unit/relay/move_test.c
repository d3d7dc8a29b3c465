/* relay/move: what a proof, and the loss of a journal, make of a move in each of its states; and
 * that all that is counted of it is taken out again. */
#include "relay/move.h"

#include "test.h"

#include <stdlib.h>

enum { JOURNAL = 7, N = 5 };

struct fixture {
    struct worker w;
    struct journal j;
};

static struct fixture *open_fixture(void)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->w.moves_tail = &f->w.moves;
    f->j.w = &f->w;
    f->j.number = JOURNAL;
    return f;
}

/* One that does this, counted as it would be. */
static struct move *doing(struct fixture *f, enum move_state state)
{
    struct event_parts parts = {.journal = JOURNAL, .n = N, .source = STR("s"), .body = STR("{}")};
    struct event *e = event_new(&parts);
    move_start(&f->w, e, 3, 2);
    struct move *m = f->w.moves;
    m->state = state;
    if (state > MOVE_APPENDING) {
        m->copy = event_ref(e);
        m->copy_number = JOURNAL;
    }
    if (move_is_unproven(m)) {
        f->w.unproven = 1;
        f->w.unproven_bytes = e->bytes;
    }
    return m;
}

static void assert_nothing_is_unproven(const struct worker *w)
{
    assert_int_equal(w->unproven, 0);
    assert_int_equal(w->unproven_bytes, 0);
}

/* The last answer has come, if one was awaited. */
static void forget(struct fixture *f, struct move *m, bool is_asked)
{
    moves_free(&f->w);
    assert_null(f->w.moves);
    assert_ptr_equal(f->w.moves_tail, &f->w.moves);
    assert_nothing_is_unproven(&f->w);
    if (is_asked) {
        assert_int_equal(m->state, MOVE_DROPPED);
        event_unref(m->event);
        event_unref(m->copy);
        free(m->seqs);
        free(m);
    }
    free(f);
}

static void a_proof_ends_the_waiting_but_no_question(void **state)
{
    (void)state;
    static const struct {
        enum move_state before, after;
    } cases[] = {
        {MOVE_TO_LOOK, MOVE_TO_CLAIM},
        {MOVE_LOOKING, MOVE_PROVEN},
        {MOVE_PROVING, MOVE_TO_CLAIM},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture *f = open_fixture();
        struct move *m = doing(f, cases[i].before);
        assert_true(move_is_unproven(m));
        move_proven(m);
        assert_int_equal(m->state, cases[i].after);
        assert_false(move_is_unproven(m));
        assert_nothing_is_unproven(&f->w);
        forget(f, m, cases[i].after == MOVE_PROVEN);
    }
}

static const bool is_asked[MOVE_DROPPED + 1] = {
    [MOVE_LOOKING] = true, [MOVE_PROVEN] = true, [MOVE_CLAIMING] = true, [MOVE_DROPPED] = true};

/* Above its top it went with the tail: but who has claimed it must be known before it is appended
 * once more, and a question that is under way is waited for. */
static void a_copy_above_the_top_is_lost(void **state)
{
    (void)state;
    for (enum move_state before = MOVE_TO_LOOK; before < MOVE_DROPPED; before++) {
        struct fixture *f = open_fixture();
        struct move *m = doing(f, before);
        moves_leave(&f->j, N - 1);
        assert_int_equal(m->state, before == MOVE_PROVING ? MOVE_WAITING : before);
        assert_true(before == MOVE_PROVING ? m->copy == NULL : m->copy_lost);
        assert_true(moves_pending(&f->w));
        forget(f, m, is_asked[before]);
    }
}

/* Whoever recovers the journal finds it; nothing of it is left here but an answer to come. */
static void a_copy_up_to_the_top_is_left(void **state)
{
    (void)state;
    for (enum move_state before = MOVE_TO_LOOK; before < MOVE_DROPPED; before++) {
        struct fixture *f = open_fixture();
        struct move *m = doing(f, before);
        m->read_bytes = 1; /* recovery waits for it no more */
        f->w.undecided = 1;
        f->w.undecided_bytes = 1;
        f->w.unproven_read = f->w.unproven > 0;
        f->w.unproven_read_bytes = f->w.unproven_read;
        moves_leave(&f->j, N);
        assert_null(f->w.moves);
        assert_false(moves_pending(&f->w));
        assert_int_equal(f->w.undecided, 0);
        assert_int_equal(f->w.undecided_bytes, 0);
        assert_int_equal(f->w.unproven_read, 0);
        assert_int_equal(f->w.unproven_read_bytes, 0);
        assert_nothing_is_unproven(&f->w);
        forget(f, m, is_asked[before]);
    }
}

static void another_journals_copy_stays(void **state)
{
    (void)state;
    for (enum move_state before = MOVE_WAITING; before < MOVE_DROPPED; before++) {
        struct fixture *f = open_fixture();
        struct move *m = doing(f, before);
        f->j.number = JOURNAL + 1;
        moves_leave(&f->j, 0);
        assert_int_equal(m->state, before);
        assert_false(m->copy_lost);
        forget(f, m, is_asked[before]);
    }
}

/* A drain of the worker does not wait for what is on a disk. */
static void what_its_journal_or_its_file_has_is_not_pending(void **state)
{
    (void)state;
    for (enum move_state now = MOVE_WAITING; now < MOVE_DROPPED; now++) {
        struct fixture *f = open_fixture();
        struct move *m = doing(f, now);
        assert_int_equal(moves_pending(&f->w), !move_is_unproven(m));
        m->spooled = true;
        assert_false(moves_pending(&f->w));
        m->durable = true;
        assert_int_equal(moves_pending(&f->w), !move_is_unproven(m));
        m->spooled = false; /* there is no spool here to be told of its end */
        forget(f, m, is_asked[now]);
    }
}

struct told {
    unsigned times;
    enum move_verdict verdict;
};

static void on_told(void *user, struct journal *j, enum move_verdict verdict, struct str first_id)
{
    struct told *t = user;
    assert_null(j);
    assert_int_equal(first_id.len, 0);
    t->times++;
    t->verdict = verdict;
}

/* When its lanes are still there; whoever comes with the answer finds nobody to tell. */
static void who_waits_for_what_is_dropped_is_told_at_once(void **state)
{
    (void)state;
    for (enum move_state now = MOVE_WAITING; now < MOVE_DROPPED; now++) {
        struct fixture *f = open_fixture();
        struct move *m = doing(f, now);
        struct told told = {0};
        m->on_decided = on_told;
        m->user = &told;
        moves_free(&f->w);
        assert_int_equal(told.times, 1);
        assert_int_equal(told.verdict, MOVE_UNKNOWN);
        forget(f, m, is_asked[now]);
        assert_int_equal(told.times, 1);
    }
}

static void refuse_append(struct fixture *f, struct move *m)
{
    struct append *a = calloc(1, sizeof *a);
    assert_non_null(a);
    a->move = m;
    a->event = event_ref(m->event);
    move_appended(&f->j, a, "over_budget");
}

/* A replay is told, and is gone: history has it. Anything else waits for another try. */
static void a_replay_that_is_refused_waits_nowhere(void **state)
{
    (void)state;
    for (int replay = 0; replay < 2; replay++) {
        struct fixture *f = open_fixture();
        struct move *m = doing(f, MOVE_APPENDING);
        struct told told = {0};
        m->on_decided = on_told;
        m->user = &told;
        m->replay = replay;
        assert_int_equal(moves_pending(&f->w), !replay);
        refuse_append(f, m);
        assert_int_equal(told.times, replay);
        assert_int_equal(f->w.moves == NULL, replay);
        forget(f, m, false);
    }
}

static void a_place_reads_back_as_itself(void **state)
{
    (void)state;
    char text[MOVE_PLACE_MAX];
    uint64_t number, n;
    size_t len = move_place(EVENT_JOURNAL_MAX, EVENT_N_MAX, text);
    assert_true(move_place_read((struct str){text, len}, &number, &n));
    assert_int_equal(number, EVENT_JOURNAL_MAX);
    assert_int_equal(n, EVENT_N_MAX);
    static const char *const bad[] = {"",           "000000001",   "000000001-",
                                      "00000001-1", "000000001-x", "000000001-1099511627776"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(move_place_read(str_of(bad[i]), &number, &n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proof_ends_the_waiting_but_no_question),
        cmocka_unit_test(a_copy_above_the_top_is_lost),
        cmocka_unit_test(a_copy_up_to_the_top_is_left),
        cmocka_unit_test(another_journals_copy_stays),
        cmocka_unit_test(what_its_journal_or_its_file_has_is_not_pending),
        cmocka_unit_test(who_waits_for_what_is_dropped_is_told_at_once),
        cmocka_unit_test(a_replay_that_is_refused_waits_nowhere),
        cmocka_unit_test(a_place_reads_back_as_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
