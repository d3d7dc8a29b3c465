/* Entries on their way to the live journal, to their claim, and to their delivery. */
#include "relay/move.h"

#include "base/crash.h"
#include "base/log.h"
#include "relay/delivery.h"
#include "relay/spool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNDECIDED_MOST = 1024, UNDECIDED_BYTES = 32 << 20 };

/* So long it is known where an entry moved to, at least; and as long as history may hold it: what
 * no route had wanted would be replayed again. */
#define MOVED_LEAST_S (30 * 24 * 3600)

/* What a configuration can ask for; more is nothing that we wrote. */
#define WINDOW_MOST_MS (30 * UINT64_C(24) * 3600 * 1000)

/* --- what it is doing */

static bool is_unproven(enum move_state state)
{
    return state == MOVE_TO_LOOK || state == MOVE_LOOKING || state == MOVE_PROVING;
}

bool move_is_unproven(const struct move *m)
{
    return is_unproven(m->state);
}

/* An answer is still to come that names it: until then it is not freed. */
static bool is_asked(const struct move *m)
{
    return m->state == MOVE_LOOKING || m->state == MOVE_PROVEN || m->state == MOVE_CLAIMING ||
           m->state == MOVE_DROPPED;
}

/* The only mover; what waits for a proof is counted here. */
static void go(struct move *m, enum move_state state)
{
    struct worker *w = m->w;
    const int more = (int)is_unproven(state) - (int)move_is_unproven(m);
    m->state = state;
    if (more == 0) {
        return;
    }
    ENSURE(m->copy != NULL); /* what is to be proven is in the stream */
    w->unproven += (unsigned)more;
    w->unproven_bytes += (size_t)more * m->copy->bytes;
    w->unproven_spooled += m->spooled ? (unsigned)more : 0;
    w->unproven_read += m->read_bytes > 0 ? (unsigned)more : 0;
    w->unproven_read_bytes += (size_t)more * m->read_bytes;
}

void move_proven(struct move *m)
{
    ENSURE(move_is_unproven(m));
    go(m, m->state == MOVE_LOOKING ? MOVE_PROVEN : MOVE_TO_CLAIM);
}

bool moves_have_room(const struct worker *w)
{
    return w->undecided - w->unproven_read < UNDECIDED_MOST &&
           w->undecided_bytes - w->unproven_read_bytes < UNDECIDED_BYTES &&
           w->unproven_read < 4 * UNDECIDED_MOST && w->unproven_read_bytes < 2 * UNDECIDED_BYTES;
}

bool moves_may_wait(const struct worker *w)
{
    return !w->live->master->proof.claims_short ||
           (w->unproven < UNDECIDED_MOST && w->unproven_bytes < UNDECIDED_BYTES);
}

/* --- its life */

static struct move *move_new(struct worker *w, struct event *e, uint64_t from_journal,
                             uint64_t from_n)
{
    struct move *m = calloc(1, sizeof *m);
    ENSURE(m != NULL);
    m->w = w;
    m->state = MOVE_WAITING;
    m->event = e;
    m->from_journal = from_journal;
    m->from_n = from_n;
    m->link = w->moves_tail;
    *m->link = m;
    w->moves_tail = &m->next;
    return m;
}

static void tell(struct move *m, enum move_verdict verdict, struct str first_id)
{
    move_on_decided on_decided = m->on_decided;
    m->on_decided = NULL;
    if (on_decided != NULL) {
        on_decided(m->user, journal_find(m->w, m->copy_number), verdict, first_id);
    }
}

/* Nobody but an answer that is still to come knows it from now on: who waits is told, for by then
 * the lanes may be gone. */
static void drop(struct move *m)
{
    struct worker *w = m->w;
    tell(m, MOVE_UNKNOWN, STR_NONE);
    go(m, MOVE_DROPPED);
    if (m->link == NULL) {
        return;
    }
    *m->link = m->next;
    if (m->next != NULL) {
        m->next->link = m->link;
    } else {
        w->moves_tail = m->link;
    }
    m->link = NULL;
    if (m->read_bytes > 0) {
        w->undecided--;
        w->undecided_bytes -= m->read_bytes;
    }
    if (m->spooled) {
        spool_event_moved(w);
    }
}

static void move_free(struct move *m)
{
    drop(m);
    event_unref(m->event);
    event_unref(m->copy);
    free(m->seqs);
    free(m);
}

/* --- a copy that is gone */

/* The claim of where it came from names the copy: from there it goes on. */
static void go_on_from_copy(struct move *m)
{
    event_unref(m->event);
    m->event = event_ref(m->copy);
    m->from_journal = m->copy_number;
    m->from_n = m->copy->n;
    m->replay = false; /* its place in history names a copy now: nobody else would replay it */
}

/* It went with a tail, and is appended once more. */
static void forget_copy(struct move *m)
{
    tell(m, MOVE_UNKNOWN, STR_NONE);
    if (m->place_claimed) { /* already, or is its own */
        go_on_from_copy(m);
        m->place_claimed = false; /* its delivery id is asked for again, when it is there again */
    }
    go(m, MOVE_WAITING);
    event_unref(m->copy);
    m->copy = NULL;
    m->copy_lost = false;
}

/* Those up to the top are found and claimed again by whoever recovers the journal; those above are
 * lost with the tail, but first it must be known whose they are. */
void moves_leave(struct journal *j, uint64_t top)
{
    for (struct move *m = j->w->moves, *next; m != NULL; m = next) {
        next = m->next;
        if (m->copy == NULL || m->copy_number != j->number) {
            continue;
        }
        if (m->copy->n > top && m->state == MOVE_PROVING) {
            forget_copy(m);
        } else if (m->copy->n > top) {
            m->copy_lost = true;
        } else if (is_asked(m)) {
            drop(m);
        } else {
            move_free(m);
        }
    }
}

/* --- claim, deliver */

size_t move_place(uint64_t number, uint64_t n, char out[MOVE_PLACE_MAX])
{
    char name[12];
    journal_name(number, name);
    return (size_t)snprintf(out, MOVE_PLACE_MAX, "%s-%llu", name, (unsigned long long)n);
}

bool move_place_read(struct str place, uint64_t *number, uint64_t *n)
{
    struct str name, rest;
    return str_cut(place, '-', &name, &rest) && journal_number(name, number) &&
           text_u64(rest, EVENT_N_MAX, n) == NULL;
}

/* The copy is in `j`, slots in its tracks are reserved: deliver it, or call it settled. */
static void decide(struct journal *j, struct move *m, bool mine)
{
    for (size_t i = 0; i < m->copy->to_count; i++) {
        dispatch_reserved(j, m->copy, j->w->lanes[m->copy->to[i]], m->seqs[i], mine);
    }
}

static void ask(struct move *m);

void move_read_dedupe(struct str text, char out[DEDUPE_MAX + 1])
{
    bool ours = text.len >= DEDUPE_KEY && text.len <= DEDUPE_MAX;
    text_copy(out, DEDUPE_MAX + 1, ours ? text : STR_NONE);
}

/* In ms: as it was when it came, for by that it was answered. An older version did not write it. */
static uint64_t window_of(const struct move *m)
{
    uint64_t window;
    struct str text = str_from(str_of(m->dedupe), DEDUPE_KEY);
    if (text.len > 0 && text_u64(str_from(text, 1), WINDOW_MOST_MS, &window) == NULL) {
        return window;
    }
    const struct conf_source *s = conf_find_source(m->w->conf, m->copy->source);
    return s != NULL ? (uint64_t)s->dedupe_ms : 0;
}

/* `holder` is kept in `moved` as where entry n counts; empty: n counts nowhere. */
static bool name_holder(struct worker *w, uint64_t journal, uint64_t n, struct str holder,
                        store_on_reply on_reply, void *user)
{
    char number[20], seconds[20];
    int64_t history_s = w->conf->redis.history_ms / 1000;
    struct str argv[] = {STR_NONE,
                         {number, text_put_u64(number, n)},
                         holder,
                         {seconds, text_put_u64(seconds, (uint64_t)(MOVED_LEAST_S + history_s))}};
    return script_send_to(w, journal, SCRIPT_CLAIM_ID, 4, argv, on_reply, user);
}

static void on_noted(void *user, const redisReply *reply)
{
    (void)user;
    (void)reply;
}

/* Nobody wants it, and it came twice: history knows that when the window is long over. Should this
 * go lost, with Redis or a master of it, it may be replayed twice. */
static void note_duplicate(struct journal *j, const struct move *m)
{
    if (name_holder(m->w, m->copy_number, m->copy->n, STR_NONE, on_noted, NULL)) {
        budget_noted(j);
    }
}

/* Whose it is, is known. `holder`: the place of a copy, or the event id that a delivery id has. */
static void take_holder(struct move *m, struct str holder)
{
    char text[MOVE_PLACE_MAX];
    struct str place = {text, move_place(m->copy_number, m->copy->n, text)};
    struct str mine_is = m->place_claimed ? (struct str){m->copy->id, EVENT_ID_LEN} : place;
    bool mine = str_eq(holder, mine_is);
    if (mine && m->copy_lost) { /* mine, but gone: from there once more */
        go_on_from_copy(m);
        forget_copy(m);
        moves_pump(m->w);
        return;
    }
    if (mine && !m->place_claimed && m->dedupe[0] != '\0') {
        m->place_claimed = true;
        ask(m);
        return;
    }
    struct journal *j = journal_find(m->w, m->copy_number);
    if (j != NULL && !m->copy_lost) {
        if (!mine && m->place_claimed && m->copy->to_count == 0) {
            note_duplicate(j, m);
        }
        tell(m, mine ? MOVE_MINE : MOVE_DUPLICATE, holder);
        decide(j, m, mine);
    }
    move_free(m);
}

/* For the next one of the spool, or for what is read back. */
static void use_room(struct worker *w)
{
    spool_pump(w);
    recoveries_go(w);
}

static void take_look(struct move *m, const redisReply *reply)
{
    bool nobody = reply != NULL && reply->type == REDIS_REPLY_NIL;
    if (m->state == MOVE_DROPPED) {
        move_free(m);
        return;
    }
    go(m, m->state == MOVE_PROVEN ? MOVE_TO_CLAIM : MOVE_TO_LOOK);
    if (reply != NULL && reply->type == REDIS_REPLY_STRING && reply->len > 0) {
        take_holder(m, store_text(reply));
    } else if (nobody && m->copy_lost) {
        forget_copy(m);
        moves_pump(m->w);
    } else if (m->state == MOVE_TO_CLAIM && reply != NULL) {
        ask(m);
    } else if (nobody) {
        go(m, MOVE_PROVING);
    } /* else moves_pump asks again */
}

static void on_looked(void *user, const redisReply *reply)
{
    struct move *m = user;
    struct worker *w = m->w;
    CRASH_POINT("claimed");
    take_look(m, reply);
    use_room(w);
}

/* Empty: the answer was none. */
static struct str holder_of(const struct move *m, const redisReply *reply)
{
    if (m->place_claimed) {
        bool was_free = reply != NULL && reply->type == REDIS_REPLY_NIL;
        return was_free ? (struct str){m->copy->id, EVENT_ID_LEN} : store_text(reply);
    }
    struct answer a = answer_read(reply);
    return a.error == STORE_OK && reply->elements > a.extra ? store_text(reply->element[a.extra])
                                                            : STR_NONE;
}

static void take_claim(struct move *m, const redisReply *reply)
{
    if (m->state == MOVE_DROPPED) {
        move_free(m);
        return;
    }
    struct str holder = holder_of(m, reply);
    go(m, MOVE_TO_CLAIM);
    if (holder.len > 0) {
        take_holder(m, holder);
    } /* else moves_pump claims again */
}

static void on_claimed(void *user, const redisReply *reply)
{
    struct move *m = user;
    struct worker *w = m->w;
    CRASH_POINT("claimed");
    take_claim(m, reply);
    use_room(w);
}

/* Who has its delivery id, or nobody, and then it is claimed unless `looks`. */
static bool ask_for_id(struct move *m, bool looks)
{
    char window[20];
    struct buf key;
    buf_init(&key, 256);
    buf_add_str(&key, m->w->conf->redis.prefix);
    buf_printf(&key, "{%.*s}:ids", DEDUPE_KEY, m->dedupe);
    const struct str argv[] = {{m->copy->id, EVENT_ID_LEN},
                               {window, text_put_u64(window, window_of(m))},
                               looks ? STR("1") : STR("0")};
    bool sent = script_send_key(m->w, SCRIPT_IDS_ID, buf_str(&key), 3, argv,
                                looks ? on_looked : on_claimed, m);
    buf_done(&key);
    return sent;
}

/* Whether it is claimed already: what is not proven may ask, and goes by what another has, or it
 * itself before a crash. */
static bool look_for_place(struct move *m)
{
    char n[20];
    struct journal_keys keys;
    journal_keys_init(&keys, m->w->conf->redis.prefix, m->from_journal);
    const struct str argv[] = {STR("HGET"), keys.v[KEY_MOVED], {n, text_put_u64(n, m->from_n)}};
    return redis_send(m->w, 3, argv, on_looked, m);
}

static bool claim_place(struct move *m)
{
    char text[MOVE_PLACE_MAX];
    struct str place = {text, move_place(m->copy_number, m->copy->n, text)};
    return name_holder(m->w, m->from_journal, m->from_n, place, on_claimed, m);
}

/* It looks, or it claims. If that cannot be sent, moves_pump comes back to it. */
static void ask(struct move *m)
{
    bool looks = m->state == MOVE_TO_LOOK;
    CRASH_POINT("claim");
    bool sent = m->place_claimed ? ask_for_id(m, looks)
                : looks          ? look_for_place(m)
                                 : claim_place(m);
    CRASH_POINT("claim_sent");
    if (sent) {
        go(m, looks ? MOVE_LOOKING : MOVE_CLAIMING);
    }
}

/* From now on the copy holds its journal's `low` back, in n order like every other entry. */
static void reserve(struct journal *j, struct move *m)
{
    free(m->seqs);
    m->seqs = malloc((m->copy->to_count + 1) * sizeof *m->seqs);
    ENSURE(m->seqs != NULL);
    for (size_t i = 0; i < m->copy->to_count; i++) {
        m->seqs[i] = dispatch_reserve(j, m->copy->n, j->w->lanes[m->copy->to[i]]);
    }
}

static enum conf_durability promised_of(const struct worker *w, struct str source)
{
    const struct conf_source *s = conf_find_source(w->conf, source);
    return s != NULL ? s->durability : w->conf->redis.durability;
}

/* The copy lies in `j`. `proven`: and is known to be as durable as `promised`. */
static void move_on(struct journal *j, struct move *m, struct event *copy,
                    enum conf_durability promised, bool proven)
{
    m->copy = event_ref(copy);
    m->copy_number = j->number;
    m->promised = promised;
    go(m, !proven && proof_awaited(j, promised) ? MOVE_TO_LOOK : MOVE_TO_CLAIM);
    reserve(j, m);
    ask(m);
}

/* --- where they come from */

static void note_read(struct journal *j, struct move *m)
{
    if (j->recovery != NULL) {
        m->read_bytes = m->event->bytes;
        j->w->undecided_bytes += m->read_bytes;
        j->w->undecided++;
    }
}

void move_recovered(struct journal *j, struct event *copy, uint64_t from_journal, uint64_t from_n,
                    const char *dedupe)
{
    struct move *m = move_new(j->w, event_ref(copy), from_journal, from_n);
    snprintf(m->dedupe, sizeof m->dedupe, "%s", dedupe);
    note_read(j, m);
    move_on(j, m, copy, promised_of(j->w, copy->source), false);
}

void move_dedupe(struct journal *j, struct event *e, const char *key, bool proven,
                 move_on_decided on_decided, void *user)
{
    struct move *m = move_new(j->w, event_ref(e), j->number, e->n);
    snprintf(m->dedupe, sizeof m->dedupe, "%s", key);
    m->place_claimed = true; /* it is where it came to */
    m->on_decided = on_decided;
    m->user = user;
    note_read(j, m);
    move_on(j, m, e, promised_of(j->w, e->source), proven);
}

static void append_copy(struct move *m)
{
    struct worker *w = m->w;
    struct journal *j = w->live;
    const struct event *e = m->event;
    struct append *a = calloc(1, sizeof *a);
    ENSURE(a != NULL);
    a->event = event_as(e, true, j->number, journal_next_n(j), e->to, e->to_count);
    a->move = m;
    a->durability = promised_of(w, e->source);
    if (a->durability < w->conf->redis.durability) { /* the spool's word was stronger */
        a->durability = w->conf->redis.durability;
    }
    go(m, MOVE_APPENDING);
    journal_append(j, a);
}

void move_appended(struct journal *j, struct append *a, const char *reason)
{
    struct move *m = a->move;
    ENSURE(m->state == MOVE_APPENDING);
    go(m, MOVE_WAITING);
    if (reason == NULL && m->spooled && !m->durable) {
        m->durable = true;
        spool_event_durable(j->w, !a->unproven);
    }
    if (reason == NULL) {
        move_on(j, m, a->event, a->durability, !a->unproven);
    }
    event_unref(a->event);
    free(a);
    if (reason != NULL && m->replay) { /* whoever asked asks again: what waits here would pile up */
        move_free(m);
    }
}

void move_start(struct worker *w, struct event *e, uint64_t from_journal, uint64_t from_n)
{
    move_new(w, e, from_journal, from_n);
}

void move_replay(struct worker *w, struct event *e, uint64_t from_journal, uint64_t from_n,
                 move_on_decided on_decided, void *user)
{
    struct move *m = move_new(w, e, from_journal, from_n);
    m->replay = true;
    m->on_decided = on_decided;
    m->user = user;
    append_copy(m);
}

void move_spooled(struct worker *w, struct event *e, uint64_t from_journal, uint64_t from_n,
                  const char *dedupe)
{
    struct move *m = move_new(w, e, from_journal, from_n);
    snprintf(m->dedupe, sizeof m->dedupe, "%s", dedupe);
    m->spooled = true;
    append_copy(m);
}

/* --- all of them */

/* Its file has it, or history. */
static bool is_kept_elsewhere(const struct move *m)
{
    return (m->spooled && !m->durable) || (m->replay && m->copy == NULL);
}

bool moves_pending(const struct worker *w)
{
    /* nor what its journal has */
    const struct move *m = w->moves;
    while (m != NULL && (is_kept_elsewhere(m) || (move_is_unproven(m) && !m->copy_lost))) {
        m = m->next;
    }
    return m != NULL;
}

static bool live_takes(const struct worker *w)
{
    return w->live != NULL && w->live->state == JOURNAL_OPEN &&
           w->live->pending_count < w->conf->listen.pending;
}

void moves_pump(struct worker *w)
{
    if (!redis_is_ready(w)) {
        return;
    }
    for (struct move *m = w->moves, *next; m != NULL; m = next) {
        next = m->next;
        if (m->state == MOVE_TO_LOOK || m->state == MOVE_TO_CLAIM) {
            ask(m);
        } else if (m->state == MOVE_WAITING && live_takes(w)) {
            append_copy(m);
        }
    }
}

void moves_free(struct worker *w)
{
    unsigned left = 0;
    for (struct move *m = w->moves, *next; m != NULL; m = next) {
        next = m->next;
        left += (m->copy == NULL || m->copy_lost) && !is_kept_elsewhere(m);
        if (is_asked(m)) { /* its answer frees it */
            drop(m);
        } else {
            move_free(m);
        }
    }
    if (left > 0) {
        log_line(LOG_ERROR, "stopping with events that Redis had lost and could not take again",
                 "events", "%u", left, NULL);
    }
}
