/* Reads a sealed journal back: what its record does not call settled goes to the lanes, and what
 * finds no room there is parked, so recovery never waits for a destination and needs little memory.
 *
 * While Redis has no memory nothing can be parked: then a lane without room is passed over, and
 * another pass reads for it, when it has room or Redis has. */
#include "relay/journal.h"

#include "base/crash.h"
#include "base/log.h"
#include "relay/delivery.h"
#include "relay/move.h"
#include "relay/stats.h"

#include <stdlib.h>
#include <string.h>

enum { READ_FIRST = 8, READ_COUNT = 128, READ_BYTES = 8 << 20, OPS_ENOUGH = 1024, FULL_MS = 1000 };

struct recovery {
    unsigned waiting; /* answers still to come before the next step */
    bool record_read; /* settled and lanes are in: entries may be read */
    bool again;       /* not the first pass */
    uint64_t at;      /* of this pass: entries below it were read */
    uint64_t events;
    unsigned asked; /* entries, the last time */
    unsigned page;  /* entries asked for at once: some MiB; halved when no answer came in time */
};

static bool ready(struct journal *j)
{
    return (j->state == JOURNAL_READING || j->state == JOURNAL_OLD) && j->recovery != NULL;
}

/* --- the record */

static void take_field(struct journal *j, struct str name, struct str value)
{
    uint64_t low;
    if (str_eq(name, STR("low"))) {
        if (text_u64(value, UINT64_MAX, &low) == NULL) {
            j->read_n = low;
        }
        return;
    }
    if (str_eq(name, STR("seen"))) { /* by Redis' clock */
        uint64_t seen;
        j->seen_ms = text_u64(value, INT64_MAX, &seen) == NULL ? (int64_t)seen : 0;
        return;
    }
    if (!str_starts(name, STR("f:"))) {
        budget_field(j, name, value);
        return;
    }
    struct lane *lane = lane_find(j->w, str_from(name, 2));
    if (lane == NULL) {
        return;
    }
    struct track *t = track_of(j, lane);
    settled_done(&t->former);
    if (!settled_decode(value, &t->former)) {
        log_line(LOG_ERROR, "a settled record is unreadable: its deliveries are made again",
                 "journal", "%s", j->name, "destination", "%s", lane->name, NULL);
    }
    t->done_n = t->former.floor;
}

static void on_settled(struct journal *j, const redisReply *reply)
{
    CRASH_POINT("recover_settled");
    j->seen_ms = 0;
    j->hastening.on = false;
    j->read_n = 1;                   /* no `low`: nothing is known to be settled */
    j->bytes = j->trimmed_bytes = 0; /* until it is measured, or as it is read */
    j->measured = false;
    budget_measure(j);
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        take_field(j, store_text(reply->element[i]), store_text(reply->element[i + 1]));
    }
    if (j->read_n > j->top + 1) { /* somebody else's word */
        log_line(LOG_WARN, "a journal's record says more than there is: all of it is read",
                 "journal", "%s", j->name, "low", "%llu", (unsigned long long)j->read_n, "top",
                 "%llu", (unsigned long long)j->top, NULL);
        j->read_n = 1;
    }
    j->low = j->read_n;
    if (j->seen_ms > worker_now_ms(j->w) + SEEN_EVERY_MS) { /* by a clock that was set back since */
        due_time_went_back(j);
    }
}

/* --- due and dead sets of one destination */

static void on_due_head(struct track *t, const redisReply *reply)
{
    uint64_t due;
    if (reply->elements < 2) {
        return; /* nothing is parked */
    }
    bool ours = text_u64(store_text(reply->element[1]), INT64_MAX, &due) == NULL;
    due_note(t, ours ? (int64_t)due : worker_now_ms(t->journal->w)); /* else: look behind it */
}

static uint64_t count_of(const redisReply *reply)
{
    return reply->integer > 0 ? (uint64_t)reply->integer : 0;
}

static void on_due_count(struct track *t, const redisReply *reply)
{
    t->due_total = count_of(reply);
}

static void on_dead_count(struct track *t, const redisReply *reply)
{
    t->dead_total = count_of(reply);
}

static void next_step(struct journal *j);

/* One answer of the record's reading: which journal, which destination, what to do with it. */
struct step {
    struct journal *j;
    struct lane *lane;
    bool counts; /* it is answered by a number, else by a list */
    void (*on_track)(struct track *t, const redisReply *reply);
    void (*on_journal)(struct journal *j, const redisReply *reply);
};

static void on_step(void *user, const redisReply *reply)
{
    struct step s = *(struct step *)user;
    free(user);
    if (journal_release(s.j) || !ready(s.j)) {
        return;
    }
    struct journal *j = s.j;
    if (reply == NULL) {
        j->recovery->waiting--; /* Coming back goes on from here, or from the beginning */
        j->recovery->page = j->recovery->page > 1 ? j->recovery->page / 2 : 1;
        return;
    }
    enum store_error e = store_error_of(reply);
    if (store_error_moves(e)) {
        journal_doubt(j, JOURNAL_MOVES);
        return;
    }
    if (e != STORE_OK || reply->type != (s.counts ? REDIS_REPLY_INTEGER : REDIS_REPLY_ARRAY)) {
        log_line(LOG_ERROR, "the record of a journal cannot be read; trying again", "journal", "%s",
                 j->name, "error", "%s", e == STORE_OK ? "nonsense" : store_error_word(e), NULL);
        journal_ask_later(j);
        return;
    }
    if (s.on_track != NULL) {
        s.on_track(track_of(j, s.lane), reply);
    } else {
        s.on_journal(j, reply);
    }
    if (--j->recovery->waiting == 0 && ready(j)) {
        next_step(j);
        lanes_pump(j->w);
    }
}

static void ask(struct journal *j, const struct step *step, size_t argc, const struct str *argv)
{
    struct step *s = malloc(sizeof *s);
    ENSURE(s != NULL);
    *s = *step;
    s->j = j;
    if (journal_send(j, argc, argv, on_step, s)) {
        journal_hold(j);
        j->recovery->waiting++;
    } else {
        free(s);
    }
}

static void ask_of_lane(struct journal *j, struct lane *lane)
{
    struct buf due, dead;
    buf_init(&due, 256);
    buf_init(&dead, 256);
    struct str due_key = journal_key(j, &due, "due:", str_of(lane->name));
    struct str dead_key = journal_key(j, &dead, "dead:", str_of(lane->name));
    struct str head[] = {STR("ZRANGE"), due_key, STR("0"), STR("0"), STR("WITHSCORES")};
    struct str due_count[] = {STR("ZCARD"), due_key}, dead_count[] = {STR("ZCARD"), dead_key};
    ask(j, &(struct step){.lane = lane, .counts = true, .on_track = on_due_count}, 2, due_count);
    ask(j, &(struct step){.lane = lane, .on_track = on_due_head}, 5, head);
    ask(j, &(struct step){.lane = lane, .counts = true, .on_track = on_dead_count}, 2, dead_count);
    buf_done(&due);
    buf_done(&dead);
}

static void on_lanes(struct journal *j, const redisReply *reply)
{
    for (size_t i = 0; i < reply->elements; i++) {
        struct lane *lane = lane_find(j->w, store_text(reply->element[i]));
        if (lane != NULL) {
            ask_of_lane(j, lane);
        }
    }
}

/* --- the entries */

enum { TO_SAID = 200 }; /* of one that is not ours: it may be long */

bool entry_read(const redisReply *r, struct entry *e)
{
    *e = (struct entry){0};
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 2) {
        return false;
    }
    struct str n, rest;
    str_cut(store_text(r->element[0]), '-', &n, &rest);
    if (text_u64(n, UINT64_MAX, &e->n) != NULL || r->element[1]->type != REDIS_REPLY_ARRAY) {
        return false;
    }
    const redisReply *f = r->element[1];
    struct event_parts head = {0};
    bool is_ours = true;
    for (size_t i = 0; i + 1 < f->elements; i += 2) {
        struct str name = store_text(f->element[i]), value = store_text(f->element[i + 1]);
        if (str_eq(name, STR("e"))) {
            is_ours = event_get_head(value, &head);
        } else if (str_eq(name, STR("b"))) {
            e->body = value;
        } else if (str_eq(name, STR("to"))) {
            e->to = value;
        } else if (str_eq(name, STR("from"))) {
            e->from = value;
        } else if (str_eq(name, STR("k"))) {
            e->dedupe = value;
        }
    }
    e->id = head.id;
    e->received_ms = (uint64_t)head.received_ms;
    e->source = head.source;
    e->method = head.method;
    e->target = head.target;
    e->headers = head.headers;
    return is_ours && (e->id.len > 0 || e->to.len == 0); /* a marker is for nobody */
}

struct event *entry_event(const struct journal *j, const struct entry *e, const uint16_t *to,
                          size_t to_count)
{
    struct event_parts parts = {
        .journal = j->number,
        .n = e->n,
        .received_ms = (int64_t)e->received_ms,
        .id = e->id,
        .source = e->source,
        .method = e->method,
        .target = e->target,
        .headers = e->headers,
        .body = e->body,
        .to = to,
        .to_count = to_count,
    };
    return event_new(&parts);
}

/* Its commits were refused for want of memory, or one of them is just trying again. */
static bool is_redis_full(const struct journal *j)
{
    return j->oom_until_ms != 0 && boot_ms() < j->oom_until_ms + FULL_MS;
}

/* Is this entry's delivery to be read now, and not in another pass? */
static bool is_of_this_pass(struct track *t, uint64_t n)
{
    struct journal *j = t->journal;
    bool read = t->unread_n != 0 ? n < t->unread_n : j->recovery->again;
    if (read || t->passed_over) {
        return false;
    }
    if (is_redis_full(j) && dispatch_room(t->lane, FROM_RECOVERY) == 0) {
        t->passed_over = true;
        t->unread_n = n;
        return false;
    }
    t->unread_n = t->unread_n != 0 ? n + 1 : 0;
    return true;
}

/* The lanes that still want it; a marker, and what all have settled, wants none. */
static size_t unsettled(struct journal *j, const struct entry *e, uint16_t to[LANES_MAX])
{
    size_t count = 0;
    struct str name, rest = e->to;
    bool more = rest.len > 0;
    while (more && count < LANES_MAX) {
        more = str_cut(rest, ' ', &name, &rest);
        struct lane *lane = lane_find(j->w, name);
        if (lane == NULL && j->recovery->again) {
            continue; /* it was said */
        }
        if (lane == NULL) {
            log_line(LOG_ERROR, "no lane for a destination", "journal", "%s", j->name,
                     "destination", "%.*s", STR_ARG(name), "why", "%s", lane_why_none(name), NULL);
            stats_lost(j->w, 1);
        } else if (!lane_is_in(lane, to, count) && /* named twice: not by us */
                   !settled_has(&track_of(j, lane)->former, e->n) &&
                   is_of_this_pass(j->tracks[lane->number], e->n)) {
            to[count++] = (uint16_t)lane->number;
        }
    }
    return count;
}

static void take_entry(struct journal *j, const struct entry *e)
{
    uint16_t to[LANES_MAX];
    size_t count = unsettled(j, e, to);
    j->newest_ms = (int64_t)e->received_ms;
    if (count == 0) {
        return;
    }
    char key[DEDUPE_MAX + 1];
    move_read_dedupe(e->dedupe, key);
    /* It is delivered from there; but who came with a delivery id goes by its claim, for another
     * owner may have claimed it for this entry meanwhile. */
    if (key[0] == '\0' && numset_has(&j->spooled, e->n)) {
        dispatch_settled(j, e->n, to, count);
        return;
    }
    struct event *event = entry_event(j, e, to, count);
    j->recovery->events += !j->recovery->again;
    uint64_t from_journal, from_n;
    if (move_place_read(e->from, &from_journal, &from_n)) {
        move_recovered(j, event, from_journal, from_n, key);
    } else if (key[0] != '\0') {
        move_dedupe(j, event, key, false, NULL, NULL);
    } else {
        for (size_t i = 0; i < count; i++) {
            dispatch_recovered(j, event, j->w->lanes[to[i]]);
        }
    }
    event_unref(event);
}

/* The first pass is over: all is settled, held, or known to be unread. */
static void is_known(struct journal *j)
{
    CRASH_POINT("recovered");
    if (j->newest_ms == 0 && j->top > 1) {
        j->newest_ms = worker_now_ms(j->w); /* all was settled: its history is kept from now on */
    }
    j->recovered = true;
    j->state = JOURNAL_OLD;
    commit_soon(j);
    due_rearm(j->w);
    due_hasten(j);
}

static void finish(struct journal *j)
{
    stats_recovered(j->w, j->recovery->events);
    log_line(LOG_INFO, "journal is recovered", "journal", "%s", j->name, "events", "%llu",
             (unsigned long long)j->recovery->events, NULL);
    if (j->recovery->again) {
        budget_measure(j); /* trimmed meanwhile */
    }
    recover_stop(j);
    commit_soon(j);
    lanes_pump(j->w);
}

static void next_page(struct recovery *r, uint64_t bytes)
{
    if (bytes > READ_BYTES) {
        r->page = r->page > 1 ? r->page / 2 : 1;
    } else if (bytes <= READ_BYTES / 2) {
        r->page = r->page * 2 > READ_COUNT ? READ_COUNT : r->page * 2;
    }
}

static void advance(struct journal *j, uint64_t n)
{
    j->recovery->at = n;
    if (!j->recovery->again) {
        j->read_n = n;
    }
}

static void on_entries(struct journal *j, const redisReply *reply)
{
    uint64_t bytes = 0, kept = 0, before = j->recovery->at;
    for (size_t i = 0; i < reply->elements; i++) {
        struct entry e;
        bool is_ours = entry_read(reply->element[i], &e);
        if (!is_ours || e.n < j->recovery->at) { /* they ascend */
            struct str to = str_head(e.to, TO_SAID);
            log_line(LOG_ERROR, "an entry of the journal is unreadable; passed over", "journal",
                     "%s", j->name, "n", "%llu", (unsigned long long)e.n, "to", "%.*s", STR_ARG(to),
                     NULL);
            if (!is_ours && e.to.len > 0 && !j->recovery->again) { /* else it was counted */
                stats_lost(j->w, (unsigned)str_count(e.to, ' ') + 1);
            }
            if (e.n >= j->recovery->at && e.n <= j->top) { /* else a page of them comes for ever */
                advance(j, e.n + 1);
            }
            continue;
        }
        if (e.n > j->top) { /* the seal */
            break;
        }
        advance(j, e.n);
        bytes += e.headers.len + e.body.len;
        kept += budget_entry(e.headers.len + e.body.len + e.target.len);
        take_entry(j, &e);
        CRASH_POINT("recover_entry");
        advance(j, e.n + 1);
    }
    if (reply->elements < j->recovery->asked) {
        advance(j, j->top + 1);
    } else if (j->recovery->at == before) { /* a whole page of nothing that was asked for */
        journal_ask_later(j);
    }
    j->bytes += j->measured || j->recovery->again ? 0 : kept;
    next_page(j->recovery, bytes);
    claims_prove(j);
}

static void read_entries(struct journal *j)
{
    char from[24], to[24], count[20];
    struct recovery *r = j->recovery;
    r->asked = r->again && r->page > READ_FIRST ? READ_FIRST : r->page; /* little is taken then */
    size_t n = text_put_u64(from, j->recovery->at), m = text_put_u64(to, j->top);
    struct str argv[] = {STR("XRANGE"), j->keys.v[KEY_JOURNAL],
                         {from, n},     {to, m},
                         STR("COUNT"),  {count, text_put_u64(count, r->asked)}};
    ask(j, &(struct step){.on_journal = on_entries}, 6, argv);
}

/* From where on this pass still reads for anybody; UINT64_MAX: for nobody. */
static uint64_t wanted_from(const struct journal *j)
{
    uint64_t from = UINT64_MAX;
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        const struct track *t = j->tracks[i];
        if (t != NULL && t->unread_n != 0 && !t->passed_over) {
            from = t->unread_n < from ? t->unread_n : from;
        }
    }
    return from;
}

/* What a whole pass has read for is read. False: others were passed over. */
static bool is_all_read(struct journal *j)
{
    bool all = true;
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        struct track *t = j->tracks[i];
        if (t != NULL && t->unread_n != 0) {
            t->unread_n = t->passed_over ? t->unread_n : 0;
            all &= !t->passed_over;
        }
    }
    return all;
}

/* For those that were passed over and have room by now. */
static void begin_pass(struct journal *j)
{
    bool full = is_redis_full(j);
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        struct track *t = j->tracks[i];
        if (t != NULL && t->unread_n != 0) {
            t->passed_over = full && dispatch_room(t->lane, FROM_RECOVERY) == 0;
        }
    }
    j->recovery->again = true;
    j->recovery->at = 1;
}

/* A pass has come to its end, or reads for nobody any more. False: all is read. */
static bool goes_on(struct journal *j)
{
    struct recovery *r = j->recovery;
    if (r->at > j->top && !r->again) {
        is_known(j);
    }
    if (r->at > j->top && is_all_read(j)) {
        return false;
    }
    if (r->at > j->top || r->again) {
        if (r->at > j->top || wanted_from(j) == UINT64_MAX) {
            begin_pass(j);
        }
        uint64_t from =
            wanted_from(j); /* above the top: nobody has room, recoveries_go asks again */
        r->at = from > r->at ? from : r->at;
    }
    return true;
}

static void next_step(struct journal *j)
{
    struct recovery *r = j->recovery;
    if (!r->record_read) {
        r->record_read = true;
        r->at = j->read_n;
    }
    if (!goes_on(j)) {
        finish(j);
    } else if (r->at <= j->top && (j->op_count < OPS_ENOUGH || is_redis_full(j)) &&
               moves_have_room(j->w)) {
        read_entries(j);
    } /* else recover_more, when commits have taken what is queued, claims are decided, or lanes
         have room */
}

void recover_start(struct journal *j)
{
    CRASH_POINT("recover");
    recover_stop(j);
    j->recovery = calloc(1, sizeof *j->recovery);
    ENSURE(j->recovery != NULL);
    j->recovery->page = READ_FIRST;
    struct str settled[] = {STR("HGETALL"), j->keys.v[KEY_SETTLED]};
    struct str lanes[] = {STR("SMEMBERS"), j->keys.v[KEY_LANES]};
    ask(j, &(struct step){.on_journal = on_settled}, 2, settled);
    ask(j, &(struct step){.on_journal = on_lanes}, 2, lanes);
}

void recover_more(struct journal *j)
{
    if (!ready(j) || j->recovery->waiting > 0) {
        return;
    }
    if (j->recovery->record_read) {
        next_step(j);
    } else {
        recover_start(j);
    }
}

void recoveries_go(struct worker *w)
{
    if (!moves_have_room(w)) {
        return;
    }
    for (struct journal *j = w->journals, *next; j != NULL; j = next) {
        next = j->next;
        recover_more(j);
    }
}

void recover_again(struct journal *j)
{
    if (j->recovery != NULL) {
        j->recovery->waiting = 0;
    }
    recover_more(j);
}

bool recover_has_record(const struct journal *j)
{
    return j->recovery != NULL && j->recovery->record_read;
}

void recover_stop(struct journal *j)
{
    free(j->recovery);
    j->recovery = NULL;
}
