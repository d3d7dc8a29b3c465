/* Who owns what: creating, taking, renewing and leaving journals ("Coming back" in the design).
 *
 * One rule for all that is in doubt: ask by taking. The very script that takes (or refuses) answers
 * owner, version and top, and that answer alone decides. A live journal that is exactly as I left
 * it is resumed; every other one is left: sealed, what I hold above its top goes to a new journal,
 * the rest of memory is dropped, and if it is mine it is recovered from its record like an adopted
 * one. */
#include "relay/journal.h"

#include "base/crypt.h"
#include "base/crash.h"
#include "base/log.h"
#include "relay/delivery.h"
#include "relay/embedded.h"
#include "relay/ingest.h"
#include "relay/move.h"
#include "relay/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ASK_AGAIN_MS = 500,
    FOLLOW_MS = 20, /* a journal that moves waits so long for its last answers */
    BACK_MS = 1000, /* by less no clock is set back: it drifts */
};

static void new_token(char out[33])
{
    unsigned char bytes[16];
    crypt_random(bytes, sizeof bytes);
    out[text_put_hex(out, bytes, sizeof bytes)] = '\0';
}

static void set_version(struct journal *j, struct str version)
{
    memset(j->version, 0, sizeof j->version);
    text_copy(j->version, sizeof j->version, version);
}

/* The end of the year 9999: a time beyond is none, and sums with it could overflow. */
#define TIME_MOST_S UINT64_C(253402300799)

static struct str lease_arg(void)
{
    return STR("6000");
}
_Static_assert(LEASE_MS == 6000, "lease_arg says so too");

/* --- time */

/* Redis' time was read between the sending of the question and now. The offset that is kept changes
 * only if that shows it to be wrong: an answer that was long on its way is no step of the clock. */
static void keep_time(struct worker *w, const redisReply *reply, size_t at, int64_t sent_ms)
{
    uint64_t s, us;
    if (reply->elements < at + 2 ||
        text_u64(store_text(reply->element[at]), TIME_MOST_S, &s) != NULL ||
        text_u64(store_text(reply->element[at + 1]), 999999, &us) != NULL) {
        return;
    }
    int64_t time_ms = (int64_t)(s * 1000 + us / 1000);
    int64_t least = time_ms - boot_ms(), most = time_ms - sent_ms, before = w->redis.offset_ms;
    if (before == 0) { /* until now this machine's own time was taken */
        before = worker_now_ms(w) - boot_ms();
        w->redis.offset_ms = least + (most - least) / 2;
    } else {
        w->redis.offset_ms = before < least ? least : before > most ? most : before;
    }
    if (w->redis.offset_ms < before - BACK_MS) {
        log_line(LOG_WARN,
                 "Redis' time went back, or is behind this machine's: what was tried after it is "
                 "due at once",
                 "ms", "%lld", (long long)(before - w->redis.offset_ms), NULL);
        for (struct journal *j = w->journals; j != NULL; j = j->next) {
            due_time_went_back(j);
        }
    }
}

/* --- create */

static void on_created(struct journal *j, const redisReply *reply, int64_t sent_ms)
{
    struct worker *w = j->w;
    struct answer a = answer_read(reply);
    if (a.error == STORE_UNKNOWN) {
        return; /* lease_up draws another number; this one is listed, and empty */
    }
    if (a.error != STORE_OK || !str_eq(a.word, STR("ok"))) {
        log_line(LOG_WARN, "cannot create a journal; trying again", "error", "%s",
                 a.error == STORE_OK ? "its number is taken" : store_error_word(a.error), NULL);
        wheel_arm(&w->wheel, &w->renewal, ASK_AGAIN_MS, w->renewal.on_due);
        journal_free(j);
        return;
    }
    j->lease_until_ms = sent_ms + LEASE_VALID_MS;
    if (j == w->live) {
        keep_time(w, reply, a.extra, sent_ms);
    }
    set_version(j, a.version);
    j->known_n = j->present_n = 1;
    j->next_n = 2;
    j->low = 2;
    CRASH_POINT("created");
    life_write(w);
    journal_resume_appends(j);
}

/* A number of nobody's, on a master that is up; NULL: none is. */
static struct journal *draw(struct worker *w)
{
    for (int tries = 0; tries < 1000; tries++) {
        uint64_t number = crypt_random_u64() & EVENT_JOURNAL_MAX;
        char name[12];
        journal_name(number, name);
        struct master *m = redis_master_of(w, str_of(name));
        if (m != NULL && m->ready) {
            struct journal *j = journal_new(w, number);
            j->master = m;
            return j;
        }
    }
    return NULL;
}

static void create(struct worker *w)
{
    struct journal *j = draw(w);
    if (j == NULL) {
        return;
    }
    new_token(j->token);
    j->live = true;
    w->live = j;
    struct str name = str_of(j->name);
    script_list(w, 1, &name);
    struct str argv[] = {str_of(j->token), lease_arg()};
    CRASH_POINT("create");
    script_send(j, SCRIPT_CREATE_ID, 2, argv, on_created);
}

static bool is_away(const struct journal *j)
{
    return j->master == NULL || !j->master->ready;
}

/* Which one takes appends. In a cluster a worker does not wait for a master that is away: it goes
 * on with another journal, and the one there is resumed, like any, when its master is back. */
static void choose_live(struct worker *w)
{
    if (w->live != NULL && (w->redis.cluster == NULL || !is_away(w->live))) {
        return;
    }
    for (struct journal *j = w->journals; j != NULL; j = j->next) {
        if (j->live && j->state == JOURNAL_OPEN && !is_away(j)) {
            w->live = j;
            moves_pump(w);
            return;
        }
    }
    create(w);
}

/* --- leaving */

static void forget(struct journal *j)
{
    log_line(LOG_INFO, "journal is not mine any more", "journal", "%s", j->name, NULL);
    journal_free(j);
}

/* From here on it is like an adopted one: its record says what is left. */
static void recover(struct journal *j, const struct answer *a)
{
    j->live = false;
    j->leaving = false;
    j->top = a->top;
    set_version(j, a->version);
    j->drop_low = true;
    j->read_n = 0; /* until the record is read nothing is known to be settled */
    j->state = JOURNAL_READING;
    recover_start(j);
}

/* The top of a journal that I no longer append to is certain: part with it. */
static void left(struct journal *j, uint64_t top, const struct answer *owned)
{
    unsettled_move_out(j, top, false);
    if (owned != NULL) {
        recover(j, owned);
    } else {
        forget(j);
    }
}

static void on_sealed(struct journal *j, const redisReply *reply, int64_t sent_ms)
{
    (void)sent_ms;
    CRASH_POINT("sealed");
    struct answer a = answer_read(reply);
    if (j->state != JOURNAL_SEALING || a.error == STORE_UNKNOWN) {
        return;
    }
    if (a.error != STORE_OK || !str_eq(a.word, STR("ok")) || !a.sealed) {
        log_line(LOG_WARN, "a journal could not be sealed; asking again", "journal", "%s", j->name,
                 NULL);
        journal_ask_later(j);
    } else if (j->leaving) {
        left(j, a.top, &a);
    } else {
        recover(j, &a);
    }
}

static void seal(struct journal *j)
{
    j->state = JOURNAL_SEALING;
    struct str argv[] = {str_of(j->token)};
    CRASH_POINT("seal");
    script_send(j, SCRIPT_SEAL_ID, 1, argv, on_sealed);
    CRASH_POINT("seal_sent");
}

/* What this life holds of it goes one way: sealed, moved, recovered. Nothing to do for a journal
 * that was only asked for, or that is being left already. */
static void begin_leaving(struct journal *j, const char *why)
{
    struct worker *w = j->w;
    if (j->leaving || !(j->live || j->recovered || j->recovery != NULL)) {
        return;
    }
    log_line(LOG_WARN, "leaving a journal", "journal", "%s", j->name, "why", "%s", why, NULL);
    stats_journal_left(w);
    j->leaving = true;
    j->recovered = false;
    recover_stop(j);
    j->live = false;
    if (w->live == j) {
        w->live = NULL;
        choose_live(w); /* also while draining: what is held needs a place */
    }
}

/* --- the question, and what its answer means */

static void ask_again(struct wheel_timer *t)
{
    struct journal *j = CONTAINER_OF(t, struct journal, retry);
    if (j->state == JOURNAL_ASKING) {
        journal_take(j);
    }
}

void journal_ask_later(struct journal *j)
{
    j->state = JOURNAL_ASKING;
    wheel_arm(&j->w->wheel, &j->retry, ASK_AGAIN_MS, ask_again);
}

static bool version_is_mine(const struct journal *j, struct str found)
{
    return str_eq(found, str_of(j->version)) || commit_would_be(j, found);
}

/* Is it exactly as I left it? A live one is not sealed and ends where my appends do; an old one is
 * sealed at the top that I know. */
static bool is_as_i_left_it(const struct journal *j, const struct answer *a)
{
    if (j->leaving || !version_is_mine(j, a->version)) {
        return false;
    }
    if (j->live) {
        return !a->sealed && a->top >= j->asked_low_n && a->top < j->next_n;
    }
    return (j->recovered || j->recovery != NULL) && a->sealed && a->top == j->top;
}

static void resume(struct journal *j, const struct answer *a)
{
    if (j->live) {
        commit_resume(j, a->version);
        journal_resume_appends(j);
        return;
    }
    j->state = j->recovered ? JOURNAL_OLD : JOURNAL_READING;
    recover_again(j); /* first: a commit that is found written asks recovery to go on */
    commit_resume(j, a->version);
    lanes_pump(j->w);
}

static void taken(struct journal *j, const struct answer *a)
{
    if (is_as_i_left_it(j, a)) {
        resume(j, a);
        return;
    }
    begin_leaving(j, a->sealed && j->live ? "another had adopted it"
                                          : "Redis has lost the end of what it had acknowledged");
    if (j->leaving && a->sealed) {
        left(j, a->top, a);
    } else {
        seal(j);
    }
}

static void not_mine(struct journal *j, const struct answer *a)
{
    begin_leaving(j, "another owns it");
    if (!j->leaving) {
        forget(j);
        return;
    }
    struct str gone = STR("gone:"), number = STR_NONE, rest;
    uint64_t top = 0;
    if (str_starts(a->owner, gone)) { /* "n-m" if the last entry was somebody else's */
        str_cut(str_from(a->owner, gone.len), '-', &number, &rest);
    }
    if (a->sealed) {
        left(j, a->top, NULL);
    } else if (text_u64(number, UINT64_MAX, &top) == NULL) {
        left(j, top, NULL);
    } else if (j->adopted && !unsettled_above(j, a->top)) {
        /* My taking went with a lost tail, and its first owner is back in office: it may never be
         * sealed, and there is nothing that only I hold. */
        left(j, a->top, NULL);
    } else { /* it will be sealed before anything else is done with it */
        journal_ask_later(j);
    }
}

static void on_taken(struct journal *j, const redisReply *reply, int64_t sent_ms)
{
    struct answer a = answer_read(reply);
    if (j->state != JOURNAL_ASKING || a.error == STORE_UNKNOWN) {
        return;
    }
    if (a.error != STORE_OK) {
        if (a.error == STORE_WRONGTYPE) { /* until somebody mends it, another one takes appends */
            journal_say_foreign(j, "owner, journal or settled");
            begin_leaving(j, "one of its keys has a foreign type");
        }
        journal_ask_later(j);
    } else if (str_eq(a.word, STR("ok"))) {
        memcpy(j->token, j->trial, sizeof j->token);
        j->trial[0] = '\0';
        j->lease_until_ms = sent_ms + LEASE_VALID_MS;
        CRASH_POINT("taken");
        if (j == j->w->live) {
            keep_time(j->w, reply, a.extra, sent_ms);
        }
        life_write(j->w);
        taken(j, &a);
    } else if (str_eq(a.word, STR("none"))) { /* all of it is lost: nothing to own */
        begin_leaving(j, "Redis has lost all of it");
        if (j->leaving) {
            unsettled_move_out(j, 0, true);
            forget(j);
        } else { /* listed, but never made */
            journal_unlist(j->w, j->number);
            forget(j);
        }
    } else {
        not_mine(j, &a);
    }
}

/* To another master it goes only when nothing of it is on its way to the old one: answers come in
 * the order of the questions on one connection alone. False: not now; who is up, or the timer, asks
 * again. */
static bool settle_master(struct journal *j)
{
    struct master *m = redis_master_of(j->w, str_of(j->name));
    if (m != j->master && j->calls > 0) {
        wheel_arm(&j->w->wheel, &j->retry, FOLLOW_MS, ask_again);
        return false;
    }
    if (m != j->master) { /* what the old one has answered, it has not proven */
        journal_appends_down(j);
        j->proof_of = NULL;
        j->master = m;
    }
    return !is_away(j);
}

void journal_take(struct journal *j)
{
    j->state = JOURNAL_ASKING;
    if (!settle_master(j)) {
        return;
    }
    if (j->trial[0] == '\0') {
        new_token(
            j->trial); /* kept until it is answered: a taking of unknown outcome may be mine */
    }
    j->asked_low_n = j->present_n;
    struct str argv[] = {str_of(j->trial), lease_arg(), str_of(j->trial), str_of(j->token),
                         str_of(j->former)};
    size_t argc = 3;
    if (j->token[0] != '\0') {
        argv[argc++] = str_of(j->token);
    }
    if (j->former[0] != '\0') {
        argv[argc++] = str_of(j->former);
    }
    CRASH_POINT("take");
    script_send(j, SCRIPT_TAKE_ID, argc, argv, on_taken);
    CRASH_POINT("take_sent");
}

void journal_say_foreign(const struct journal *j, const char *keys)
{
    log_line(LOG_ERROR,
             "a key of the journal has a foreign type; remove it, settling waits for that",
             "journal", "%s", j->name, "keys", "%s", keys, NULL);
}

static void say_doubt(const struct journal *j, const char *why)
{
    log_line(LOG_WARN, "journal is in doubt", "journal", "%s", j->name, "why", "%s", why, NULL);
}

void journal_doubt(struct journal *j, const char *why)
{
    if (j->state == JOURNAL_ASKING || j->state == JOURNAL_CREATING) {
        return;
    }
    say_doubt(j, why);
    /* Of the live one whichever it was: what is wrong may be met by each that is made in its place.
     */
    int64_t *last = j->live ? &j->w->live_doubted_ms : &j->doubted_ms;
    int64_t now = boot_ms(), before = *last;
    *last = now;
    if (now < before + ASK_AGAIN_MS) { /* what is taken goes wrong at once: not in a loop */
        journal_ask_later(j);
    } else {
        journal_take(j);
    }
}

/* --- renewal */

static void take_requests(struct journal *j, const redisReply *reply, size_t at)
{
    if (reply->elements <= at || reply->element[at]->type != REDIS_REPLY_ARRAY) {
        return;
    }
    const redisReply *list = reply->element[at];
    j->requests_wait = list->elements > 0;
    if (j->requests_busy > 0 || (j->state != JOURNAL_OPEN && j->state != JOURNAL_OLD)) {
        return;
    }
    for (size_t i = 0; i < list->elements; i++) {
        j->requests_busy++;
        request_start(j, store_text(list->element[i]));
    }
}

static void on_renewed(struct journal *j, const redisReply *reply, int64_t sent_ms)
{
    struct answer a = answer_read(reply);
    j->renewing = false;
    if (a.error == STORE_UNKNOWN || j->state < JOURNAL_MARKING) {
        return;
    }
    if (a.error != STORE_OK) {
        if (store_error_moves(a.error)) {
            journal_doubt(j, JOURNAL_MOVES);
        }
        return; /* the lease runs out by itself */
    }
    if (j == j->w->live) { /* one clock: those of several masters differ */
        keep_time(j->w, reply, a.extra, sent_ms);
    }
    bool fits = str_eq(a.word, STR("ok")) &&
                (j->state == JOURNAL_SEALING || version_is_mine(j, a.version)) &&
                (j->live ? !a.sealed && a.top >= j->asked_low_n && a.top < j->next_n : true);
    if (!fits) {
        journal_doubt(j, "its renewal found it changed");
        return;
    }
    j->lease_until_ms = sent_ms + LEASE_VALID_MS;
    CRASH_POINT("renewed");
    take_requests(j, reply, a.extra + 2);
    due_hasten(j);
    claims_prove(j);
}

static void renew(struct journal *j)
{
    if (boot_ms() >= j->lease_until_ms) {
        journal_doubt(j, "its lease has lapsed");
        return;
    }
    if (j->renewing) {
        return;
    }
    struct str argv[] = {str_of(j->token), lease_arg()};
    j->asked_low_n = j->present_n;
    j->renewing = script_send(j, SCRIPT_RENEW_ID, 2, argv, on_renewed);
}

static void list_again(struct worker *w)
{
    struct str names[SCRIPT_ARGS_MOST];
    size_t n = 0;
    for (struct journal *j = w->journals; j != NULL; j = j->next) {
        if (j->state >= JOURNAL_MARKING && j->state != JOURNAL_DELETING) {
            names[n++] = str_of(j->name);
        }
        if (n == SCRIPT_ARGS_MOST) {
            script_list(w, n, names);
            n = 0;
        }
    }
    if (n > 0) {
        script_list(w, n, names);
    }
}

static bool wants_live(const struct worker *w)
{
    return !w->draining || w->moves != NULL;
}

void lease_renew_all(struct worker *w)
{
    if (!redis_is_ready(w)) {
        return;
    }
    for (struct journal *j = w->journals, *next; j != NULL; j = next) {
        next = j->next;
        if (j->state >= JOURNAL_MARKING && j->state != JOURNAL_DELETING) {
            renew(j);
        }
    }
    list_again(w);
    if (w->redis.cluster != NULL && w->live != NULL && w->live->state == JOURNAL_ASKING) {
        w->live = NULL; /* its slot moves slowly, or stands half moved */
    }
    if (wants_live(w)) {
        choose_live(w);
    }
}

/* --- Redis comes and goes */

void lease_up(struct master *m)
{
    struct worker *w = m->w;
    for (struct journal *j = w->journals, *next; j != NULL; j = next) {
        next = j->next;
        if (redis_master_of(w, str_of(j->name)) != m) {
            continue;
        }
        if (j->state == JOURNAL_CREATING) {
            journal_free(j);
        } else {
            journal_take(j);
        }
    }
    /* At the start of a cluster the first journal may lie on any of its masters: once all are up,
     * or at the next renewal. */
    if (wants_live(w) && redis_is_whole(w)) {
        choose_live(w);
    }
    moves_pump(w);
}

void lease_down(struct master *m)
{
    struct worker *w = m->w;
    adopt_reset(w, m);
    for (struct journal *j = w->journals; j != NULL; j = j->next) {
        if (j->master == m) {
            journal_appends_down(j);
            j->renewing = false;
            if (j->state != JOURNAL_CREATING) {
                j->state = JOURNAL_ASKING;
            }
        }
    }
    if (w->redis.cluster != NULL && wants_live(w)) {
        choose_live(w);
    }
}

void lease_follow(struct worker *w)
{
    bool moved = false;
    for (struct journal *j = w->journals, *next; j != NULL; j = next) {
        next = j->next;
        if (j->master == redis_master_of(w, str_of(j->name))) {
            continue;
        }
        moved = true;
        if (j->state == JOURNAL_CREATING) { /* another is drawn */
            journal_free(j);
            continue;
        }
        if (j->state != JOURNAL_ASKING) {
            say_doubt(j, JOURNAL_MOVES);
        }
        journal_take(j); /* at once, whatever was in doubt before: who has it now is known */
    }
    if (moved) {
        adopt_reset(w, NULL);
    }
}

/* --- a planned stop */

/* Not bound to the journal: the count must come to its end though one is freed meanwhile. */
static void one_freed(void *user, const redisReply *reply)
{
    struct worker *w = user;
    (void)reply;
    CRASH_POINT("freed");
    if (--w->freeing == 0) {
        w->on_freed(w);
    }
}

void lease_free_all(struct worker *w, void (*on_freed)(struct worker *w))
{
    CRASH_POINT("free");
    w->freeing = 0;
    w->on_freed = on_freed;
    for (struct journal *j = w->journals; j != NULL; j = j->next) {
        struct str argv[] = {str_of(j->token)};
        if (!is_away(j) && j->state >= JOURNAL_MARKING && j->state != JOURNAL_DELETING) {
            w->freeing += script_send_to(w, j->number, SCRIPT_FREE_ID, 1, argv, one_freed, w);
        }
    }
    if (w->freeing == 0) {
        on_freed(w);
    }
}
