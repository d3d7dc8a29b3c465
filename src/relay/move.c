/* Entries whose delivery is decided by a claim, made when they are in the stream and before any
 * attempt. Several may be appended for one thing, but only one claim is written; the others are
 * settled. A claim of unknown outcome is made again, also by whoever recovers the journal.
 *
 * Events that leave a lost journal for the live one are claimed in the old journal's `moved`: an
 * old owner, and the adopter that had recovered it before the tail was lost, may both hold one.
 * Events of sources with `dedupe` are claimed by their delivery id, <prefix>{<digest>}:seen.
 * Because the claim comes behind the append, and on a cluster behind its proof, the event that
 * holds one is durable: a duplicate can be answered with its id at once, and no claim is ever left
 * pending. */
#include "relay/journal.h"

#include "base/crash.h"
#include "base/log.h"
#include "relay/delivery.h"
#include "relay/spool.h"
#include "relay/stats.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNDECIDED_MOST = 1024, UNDECIDED_BYTES = 32 << 20 };

#define DEDUPE_WINDOW_MS (24 * 3600 * 1000) /* of a source that is not configured any more */

/* --- gathering what is held */

struct held {
    uint64_t n;
    struct event *event;
    uint16_t lane;
};

struct held_list {
    uint64_t top;
    struct held *v;
    size_t n, cap;
};

static void hold(struct held_list *list, uint64_t n, struct event *e, const struct lane *lane)
{
    if (n <= list->top) {
        return;
    }
    if (list->n == list->cap) {
        list->cap = list->cap == 0 ? 256 : list->cap * 2;
        list->v = realloc(list->v, list->cap * sizeof *list->v);
        ENSURE(list->v != NULL);
    }
    list->v[list->n++] = (struct held){n, event_ref(e), (uint16_t)lane->number};
}

static void hold_op(void *user, const struct op *op)
{
    hold(user, op->n, op->event, op->track->lane);
}

static int by_n(const void *a, const void *b)
{
    const struct held *x = a, *y = b;
    return x->n != y->n ? (x->n > y->n) - (x->n < y->n) : (int)x->lane - (int)y->lane;
}

static void hold_tracks(const struct journal *j, struct held_list *list)
{
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        struct track *t = j->tracks[i];
        if (t == NULL) {
            continue;
        }
        for (uint64_t seq = t->base_seq; seq < t->base_seq + t->len; seq++) {
            const struct track_slot *s = track_slot(t, seq);
            if (!s->done && s->delivery != NULL) {
                hold(list, s->n, s->delivery->event, t->lane);
            }
        }
        for (const struct delivery *d = t->loaded_list; d != NULL; d = d->next_loaded) {
            hold(list, d->n, d->event, t->lane);
        }
    }
}

static struct move *move_new(struct worker *w, struct event *e, uint64_t from_journal,
                             uint64_t from_n)
{
    struct move *m = calloc(1, sizeof *m);
    ENSURE(m != NULL);
    m->event = e;
    m->from_journal = from_journal;
    m->from_n = from_n;
    m->link = w->moves_tail;
    *m->link = m;
    w->moves_tail = &m->next;
    return m;
}

static void set_unproven(struct worker *w, struct move *m, bool unproven)
{
    if (m->unproven == unproven) {
        return;
    }
    m->unproven = unproven;
    m->looked = false;
    m->unproven_bytes = unproven ? m->copy->bytes : m->unproven_bytes;
    const int more = unproven ? 1 : -1;
    w->unproven += (unsigned)more;
    w->unproven_bytes += (size_t)more * m->unproven_bytes;
    w->unproven_spooled += m->spooled ? (unsigned)more : 0;
    w->unproven_read += m->read_bytes > 0 ? (unsigned)more : 0;
    w->unproven_read_bytes += (size_t)more * m->read_bytes;
}

void move_proven(struct worker *w, struct move *m)
{
    set_unproven(w, m, false);
}

static void unlink_move(struct worker *w, struct move *m)
{
    if (m->link == NULL) {
        return;
    }
    set_unproven(w, m, false);
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
}

bool moves_have_room(const struct worker *w)
{
    return w->undecided - w->unproven_read < UNDECIDED_MOST &&
           w->undecided_bytes - w->unproven_read_bytes < UNDECIDED_BYTES &&
           w->unproven_read < 4 * UNDECIDED_MOST && w->unproven_read_bytes < 2 * UNDECIDED_BYTES;
}

bool moves_prove(const struct worker *w)
{
    return !w->live->master->proof.claims_short ||
           (w->unproven < UNDECIDED_MOST && w->unproven_bytes < UNDECIDED_BYTES);
}

bool move_holds_above(struct journal *j, uint64_t top)
{
    struct held_list list = {.top = top};
    hold_tracks(j, &list);
    commit_each_body(j, hold_op, &list);
    for (size_t i = 0; i < list.n; i++) {
        event_unref(list.v[i].event);
    }
    free(list.v);
    return list.n > 0;
}

static void add_move(struct journal *j, const struct held *v, size_t n)
{
    uint16_t to[LANES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (count == 0 || to[count - 1] != v[i].lane) {
            to[count++] = v[i].lane;
        }
    }
    const struct event *e = v[0].event;
    move_new(j->w, event_as(e, true, j->number, v[0].n, to, count), j->number, v[0].n);
}

static int is_n(const void *key, const void *held)
{
    uint64_t n = *(const uint64_t *)key, its = ((const struct held *)held)->n;
    return (n > its) - (n < its);
}

/* Deliveries that were parked in the last seconds above the top, and are not held any more. The
 * list is sorted. */
static unsigned count_lost(const struct journal *j, const struct held_list *list)
{
    unsigned lost = 0;
    for (unsigned i = 0; i < RECENT_PARKS; i++) {
        uint64_t n = j->recent_parks[i];
        if (n <= list->top || n == 0) {
            continue;
        }
        lost += list->n == 0 || bsearch(&n, list->v, list->n, sizeof *list->v, is_n) == NULL;
    }
    return lost;
}

/* What only Redis had of it. */
static unsigned count_parked(const struct journal *j)
{
    uint64_t parked = 0;
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        const struct track *t = j->tracks[i];
        parked += t == NULL ? 0 : t->due_total;
        for (const struct delivery *d = t == NULL ? NULL : t->loaded_list; d != NULL;
             d = d->next_loaded) {
            parked -= parked > 0; /* held: it is moved */
        }
    }
    return parked < UINT_MAX ? (unsigned)parked : UINT_MAX;
}

static void tell(struct worker *w, struct move *m, enum move_verdict verdict, struct str first_id)
{
    move_on_decided on_decided = m->on_decided;
    m->on_decided = NULL;
    if (on_decided != NULL) {
        on_decided(m->user, journal_find(w, m->copy_number), verdict, first_id);
    }
}

static void move_free(struct worker *w, struct move *m)
{
    tell(w, m, MOVE_UNKNOWN, STR_NONE);
    unlink_move(w, m);
    if (m->spooled) {
        spool_event_moved(w);
    }
    event_unref(m->event);
    event_unref(m->copy);
    free(m->seqs);
    free(m);
}

/* The claim of where it came from names the copy: from there it goes on. */
static void go_on_from_copy(struct move *m)
{
    event_unref(m->event);
    m->event = event_ref(m->copy);
    m->from_journal = m->copy_number;
    m->from_n = m->copy->n;
}

/* It went with a tail, and is appended once more. */
static void forget_copy(struct worker *w, struct move *m)
{
    tell(w, m, MOVE_UNKNOWN, STR_NONE);
    if (m->dedupe[0] != '\0') { /* its place was claimed already, or is its own */
        go_on_from_copy(m);
    }
    event_unref(m->copy);
    m->copy = NULL;
    m->copy_lost = false;
    set_unproven(w, m, false);
    if (m->dedupe[0] != '\0') { /* asked again, when it is there again */
        memcpy(m->then_dedupe, m->dedupe, sizeof m->dedupe);
        m->dedupe[0] = '\0';
    }
}

/* Copies that lie in the journal that is being left: those up to the top are found and claimed
 * again by whoever recovers it; those above are lost with the tail, but first it must be known
 * whose they are. */
static void leave_copies(struct journal *j, uint64_t top)
{
    for (struct move *m = j->w->moves, *next; m != NULL; m = next) {
        next = m->next;
        if (m->copy == NULL || m->copy_number != j->number) {
            continue;
        }
        if (m->copy->n > top && m->unproven && m->looked && !m->claiming) {
            forget_copy(j->w, m);
        } else if (m->copy->n > top) {
            m->copy_lost = true;
        } else if (m->claiming) {
            m->dropped = true; /* its answer frees it */
        } else {
            move_free(j->w, m);
        }
    }
}

void move_out(struct journal *j, uint64_t top, bool all_lost)
{
    struct held_list list = {.top = top};
    unsigned parked = count_parked(j);
    journal_fail_pending(j, top);
    leave_copies(j, top);
    hold_tracks(j, &list);
    commit_abandon(j, hold_op, &list);
    dispatch_forget(j);
    tracks_clear(j);
    if (list.n > 0) {
        qsort(list.v, list.n, sizeof *list.v, by_n);
    }
    unsigned lost = all_lost ? parked : count_lost(j, &list);
    size_t moved = 0;
    for (size_t i = 0, k; i < list.n; i = k) {
        for (k = i; k < list.n && list.v[k].n == list.v[i].n; k++) {
        }
        add_move(j, &list.v[i], k - i);
        moved++;
    }
    for (size_t i = 0; i < list.n; i++) {
        event_unref(list.v[i].event);
    }
    free(list.v);
    log_line(lost > 0 ? LOG_ERROR : LOG_WARN, "moving events to a new journal", "from", "%s",
             j->name, "top", "%llu", (unsigned long long)top, "events", "%zu", moved,
             "parked_deliveries_perhaps_lost", "%u", lost, NULL);
    stats_moved(j->w, moved, lost);
    moves_pump(j->w);
}

/* --- append, claim, deliver */

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

struct claim {
    struct worker *w;
    struct move *m;
};

/* The copy is in `j`, slots in its tracks are reserved: deliver it, or call it settled. */
static void decide(struct journal *j, struct move *m, bool mine)
{
    for (size_t i = 0; i < m->copy->to_count; i++) {
        dispatch_reserved(j, m->copy, j->w->lanes[m->copy->to[i]], m->seqs[i], mine);
    }
}

/* Whose the claim is, by the answer. False: it was none, or nobody's yet; moves_pump asks again. */
static bool read_claim(struct move *m, const redisReply *reply, struct str *holder)
{
    if (m->looking) {
        m->looking = false;
        *holder = store_text(reply);
        m->looked = reply != NULL && reply->type == REDIS_REPLY_NIL;
        return reply != NULL && reply->type == REDIS_REPLY_STRING && holder->len > 0;
    }
    if (m->dedupe[0] == '\0') {
        struct answer a = answer_read(reply);
        *holder = a.error == STORE_OK && reply->elements > a.extra
                      ? store_text(reply->element[a.extra])
                      : STR_NONE;
        return holder->len > 0;
    }
    bool free = reply != NULL && reply->type == REDIS_REPLY_NIL; /* until now */
    *holder = free ? (struct str){m->copy->id, EVENT_ID_LEN} : store_text(reply);
    return holder->len > 0;
}

static bool is_holder(const struct move *m, struct str holder)
{
    char text[MOVE_PLACE_MAX];
    struct str place = {text, move_place(m->copy_number, m->copy->n, text)};
    return str_eq(holder, m->dedupe[0] == '\0' ? place : (struct str){m->copy->id, EVENT_ID_LEN});
}

static void claim(struct worker *w, struct move *m);

static void claim_answered(struct worker *w, struct move *m, const redisReply *reply)
{
    struct str holder;
    m->claiming = false;
    if (m->dropped) {
        move_free(w, m);
        return;
    }
    bool looked = m->looking;
    if (!read_claim(m, reply, &holder)) {
        if (looked && m->looked && m->copy_lost) {
            forget_copy(w, m);
            moves_pump(w);
        } else if (looked && !m->unproven && reply != NULL) { /* proven meanwhile */
            claim(w, m);
        }
        return;
    }
    bool mine = is_holder(m, holder);
    struct journal *j = journal_find(w, m->copy_number);
    if (mine && m->copy_lost) { /* mine, but gone: from there once more */
        go_on_from_copy(m);
        forget_copy(w, m);
        moves_pump(w);
        return;
    }
    if (mine && m->then_dedupe[0] != '\0') {
        memcpy(m->dedupe, m->then_dedupe, sizeof m->dedupe);
        m->then_dedupe[0] = '\0';
        m->looked = false;
        claim(w, m);
        return;
    }
    if (j != NULL && !m->copy_lost) {
        tell(w, m, mine ? MOVE_MINE : MOVE_DUPLICATE, holder);
        decide(j, m, mine);
    }
    move_free(w, m);
}

static void on_claimed(void *user, const redisReply *reply)
{
    struct claim c = *(struct claim *)user;
    free(user);
    CRASH_POINT("claimed");
    claim_answered(c.w, c.m, reply);
    spool_pump(c.w);    /* there may be room for the next one, */
    recoveries_go(c.w); /* or for what is read back */
}

static int64_t window_of(const struct worker *w, struct str source)
{
    const struct conf_source *s = conf_find_source(w->conf, source);
    return s != NULL && s->dedupe_ms > 0 ? s->dedupe_ms : DEDUPE_WINDOW_MS;
}

static struct str seen_key(const struct worker *w, const struct move *m, struct buf *out)
{
    buf_add_str(out, w->conf->redis.prefix);
    buf_printf(out, "{%s}:seen", m->dedupe);
    return buf_str(out);
}

/* Whether it is claimed already: what is not proven may ask, and goes by what another has, or it
 * itself before a crash. */
static bool look(struct worker *w, struct move *m, struct claim *c)
{
    char n[20];
    struct journal_keys keys;
    struct buf key;
    buf_init(&key, 256);
    journal_keys_init(&keys, w->conf->redis.prefix, m->from_journal);
    const struct str seen[] = {STR("GET"), seen_key(w, m, &key)};
    const struct str place[] = {STR("HGET"), keys.v[KEY_MOVED], {n, text_put_u64(n, m->from_n)}};
    m->looking = m->dedupe[0] != '\0' ? redis_send(w, 2, seen, on_claimed, c)
                                      : redis_send(w, 3, place, on_claimed, c);
    buf_done(&key);
    return m->looking;
}

static bool claim_id(struct worker *w, struct move *m, struct claim *c)
{
    char window[20];
    struct buf key;
    buf_init(&key, 256);
    struct str argv[] = {
        STR("EVAL"),
        STR("#!lua flags=allow-oom\n" /* what waits for it can be settled then */
            "return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'GET', 'PX', ARGV[2])"),
        STR("1"),
        seen_key(w, m, &key),
        {m->copy->id, EVENT_ID_LEN},
        {window, text_put_u64(window, (uint64_t)window_of(w, m->copy->source))}};
    struct master *master = redis_master_of(w, buf_str(&key));
    bool sent =
        master != NULL && store_send(master->main, sizeof argv / sizeof *argv, argv, on_claimed, c);
    buf_done(&key);
    return sent;
}

static bool claim_place(struct worker *w, const struct move *m, struct claim *c)
{
    char n[20], place[MOVE_PLACE_MAX];
    struct str argv[] = {STR_NONE,
                         {n, text_put_u64(n, m->from_n)},
                         {place, move_place(m->copy_number, m->copy->n, place)}};
    return script_send_to(w, m->from_journal, SCRIPT_CLAIM_ID, 3, argv, on_claimed, c);
}

static void claim(struct worker *w, struct move *m)
{
    if (m->unproven && m->looked) {
        return; /* until it is proven */
    }
    struct claim *c = malloc(sizeof *c);
    ENSURE(c != NULL);
    *c = (struct claim){w, m};
    m->looked = false;
    CRASH_POINT("claim");
    m->claiming = m->unproven            ? look(w, m, c)
                  : m->dedupe[0] != '\0' ? claim_id(w, m, c)
                                         : claim_place(w, m, c);
    CRASH_POINT("claim_sent");
    if (!m->claiming) {
        free(c);
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

static void note_read(struct journal *j, struct move *m)
{
    if (j->recovery != NULL) {
        m->read_bytes = m->event->bytes;
        j->w->undecided_bytes += m->read_bytes;
        j->w->undecided++;
    }
}

static enum conf_durability promised_of(const struct worker *w, struct str source)
{
    const struct conf_source *s = conf_find_source(w->conf, source);
    return s != NULL ? s->durability : w->conf->redis.durability;
}

/* The copy lies in `j`. `proven`: and is known to be as durable as `promised`. */
static void wait_for_proof(const struct journal *j, struct move *m, enum conf_durability promised,
                           bool proven)
{
    m->promised = promised;
    set_unproven(j->w, m, !proven && proof_awaited(j, promised));
}

void move_recovered(struct journal *j, struct event *copy, uint64_t from_journal, uint64_t from_n,
                    const char *dedupe)
{
    struct move *m = move_new(j->w, event_ref(copy), from_journal, from_n);
    snprintf(m->then_dedupe, sizeof m->then_dedupe, "%s", dedupe);
    m->copy = event_ref(copy);
    m->copy_number = j->number;
    note_read(j, m);
    wait_for_proof(j, m, promised_of(j->w, copy->source), false);
    reserve(j, m);
    claim(j->w, m);
}

void move_dedupe(struct journal *j, struct event *e, const char *key, bool proven,
                 move_on_decided on_decided, void *user)
{
    struct move *m = move_new(j->w, event_ref(e), j->number, e->n);
    m->copy = event_ref(e);
    m->copy_number = j->number;
    m->on_decided = on_decided;
    m->user = user;
    snprintf(m->dedupe, sizeof m->dedupe, "%s", key);
    note_read(j, m);
    wait_for_proof(j, m, promised_of(j->w, e->source), proven);
    reserve(j, m);
    claim(j->w, m);
}

static void append_copy(struct worker *w, struct move *m)
{
    struct journal *j = w->live;
    const struct event *e = m->event;
    m->copy_number = j->number;
    m->append = calloc(1, sizeof *m->append);
    ENSURE(m->append != NULL);
    m->append->event = event_as(e, true, j->number, journal_next_n(j), e->to, e->to_count);
    m->append->move = m;
    m->append->durability = promised_of(w, e->source);
    if (m->append->durability < w->conf->redis.durability) { /* the spool's word was stronger */
        m->append->durability = w->conf->redis.durability;
    }
    journal_append(j, m->append);
}

void move_appended(struct journal *j, struct append *a, const char *reason)
{
    struct move *m = a->move;
    m->append = NULL;
    if (reason == NULL && m->spooled && !m->durable) {
        m->durable = true;
        spool_event_durable(j->w, !a->unproven);
    }
    if (reason == NULL) {
        m->copy = event_ref(a->event);
        wait_for_proof(j, m, a->durability, !a->unproven);
        reserve(j, m);
        claim(j->w, m);
    }
    event_unref(a->event);
    free(a);
}

void move_spooled(struct worker *w, struct event *e, uint64_t from_journal, uint64_t from_n,
                  const char *dedupe)
{
    struct move *m = move_new(w, e, from_journal, from_n);
    snprintf(m->then_dedupe, sizeof m->then_dedupe, "%s", dedupe);
    m->spooled = true;
    append_copy(w, m);
}

bool moves_pending(const struct worker *w)
{
    /* not what its file, or its journal, has */
    const struct move *m = w->moves;
    while (m != NULL && ((m->spooled && !m->durable) || (m->unproven && !m->copy_lost))) {
        m = m->next;
    }
    return m != NULL;
}

void moves_pump(struct worker *w)
{
    if (!redis_is_ready(w)) {
        return;
    }
    bool open = w->live != NULL && w->live->state == JOURNAL_OPEN;
    for (struct move *m = w->moves, *next; m != NULL; m = next) {
        next = m->next;
        if (m->copy != NULL) {
            if (!m->claiming) {
                claim(w, m);
            }
        } else if (open && m->append == NULL && w->live->pending_count < w->conf->listen.pending) {
            append_copy(w, m);
        }
    }
}

void moves_free(struct worker *w)
{
    unsigned left = 0;
    for (struct move *m = w->moves, *next; m != NULL; m = next) {
        next = m->next;
        left += (m->copy == NULL || m->copy_lost) && (!m->spooled || m->durable);
        if (m->claiming) { /* its answer frees it */
            unlink_move(w, m);
            m->dropped = true;
        } else {
            move_free(w, m);
        }
    }
    if (left > 0) {
        log_line(LOG_ERROR, "stopping with events that Redis had lost and could not take again",
                 "events", "%u", left, NULL);
    }
}
