/* A journal's life in memory, and its appends: one XADD an event, with ids of our own. */
#include "relay/journal.h"

#include "base/crash.h"
#include "base/log.h"
#include "relay/delivery.h"
#include "relay/ingest.h"
#include "relay/move.h"
#include "relay/node.h"
#include "relay/spool.h"
#include "relay/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char APPEND_ABSENT[] = "absent";
const char JOURNAL_MOVES[] = "its slot moves to another master";

int64_t boot_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t worker_ms_at(const struct worker *w, int64_t boot)
{
    if (w->redis.offset_ms == 0) { /* no answer yet: the wall clock is the best there is */
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
    }
    return boot + w->redis.offset_ms;
}

int64_t worker_now_ms(const struct worker *w)
{
    return worker_ms_at(w, boot_ms());
}

void journal_name(uint64_t number, char out[12])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 8; i >= 0; i--) {
        out[i] = digits[number & 15];
        number >>= 4;
    }
    out[9] = '\0';
}

bool journal_number(struct str name, uint64_t *number)
{
    unsigned char bytes[5];
    char padded[10] = "0";
    size_t n;
    if (name.len != 9) {
        return false;
    }
    memcpy(padded + 1, name.at, 9);
    if (!text_get_hex((struct str){padded, 10}, bytes, sizeof bytes, &n)) {
        return false;
    }
    *number = 0;
    for (size_t i = 0; i < n; i++) {
        *number = *number << 8 | bytes[i];
    }
    return *number <= EVENT_JOURNAL_MAX;
}

void journal_keys_init(struct journal_keys *k, struct str prefix, uint64_t number)
{
    static const char *const kinds[KEY_COUNT] = {"owner",    "journal", "settled",
                                                 "requests", "lanes",   "moved"};
    journal_name(number, k->name);
    int n = snprintf(k->base, sizeof k->base, "%.*s{%s}:", STR_ARG(prefix), k->name);
    ENSURE(n > 0 && (size_t)n < sizeof k->base);
    for (int i = 0; i < KEY_COUNT; i++) {
        snprintf(k->text[i], sizeof k->text[i], "%s%s", k->base, kinds[i]);
        k->v[i] = str_of(k->text[i]);
    }
}

struct journal *journal_new(struct worker *w, uint64_t number)
{
    struct journal *j = calloc(1, sizeof *j);
    ENSURE(j != NULL);
    j->w = w;
    j->number = number;
    journal_keys_init(&j->keys, w->conf->redis.prefix, number);
    j->name = j->keys.name;
    j->pending_tail = &j->pending;
    j->ops_tail = &j->ops;
    j->next = w->journals;
    w->journals = j;
    return j;
}

struct journal *journal_find(const struct worker *w, uint64_t number)
{
    struct journal *j = w->journals;
    while (j != NULL && j->number != number) {
        j = j->next;
    }
    return j;
}

struct str journal_key(const struct journal *j, struct buf *out, const char *kind, struct str rest)
{
    buf_clear(out);
    buf_add_str(out, str_of(j->keys.base));
    buf_add_str(out, str_of(kind));
    buf_add_str(out, rest);
    ENSURE(!out->failed);
    return buf_str(out);
}

struct str journal_key_of(const struct worker *w, struct buf *out, struct str name,
                          const char *kind, struct str rest)
{
    buf_init(out, 512);
    buf_add_str(out, w->conf->redis.prefix);
    buf_add_char(out, '{');
    buf_add_str(out, name);
    buf_add_str(out, STR("}:"));
    buf_add_str(out, str_of(kind));
    buf_add_str(out, rest);
    ENSURE(!out->failed);
    return buf_str(out);
}

bool journal_send(struct journal *j, size_t argc, const struct str *argv, store_on_reply on_reply,
                  void *user)
{
    return j->master != NULL && store_send(j->master->main, argc, argv, on_reply, user);
}

void journal_hold(struct journal *j)
{
    j->calls++;
}

bool journal_release(struct journal *j)
{
    ENSURE(j->calls > 0);
    j->calls--;
    if (!j->dead) {
        return false;
    }
    if (j->calls == 0) {
        free(j);
    }
    return true;
}

void journal_free(struct journal *j)
{
    struct worker *w = j->w;
    dispatch_forget(j);
    commit_free(j);
    recover_stop(j);
    wheel_cancel(&w->wheel, &j->tick);
    wheel_cancel(&w->wheel, &j->retry);
    journal_fail_pending(j, UINT64_MAX);
    numset_done(&j->spooled);
    tracks_clear(j);
    for (struct journal **at = &w->journals; *at != NULL; at = &(*at)->next) {
        if (*at == j) {
            *at = j->next;
            break;
        }
    }
    if (w->live == j) {
        w->live = NULL;
    }
    j->dead = true;
    if (j->calls == 0) {
        free(j);
    }
}

bool journal_may_act_at(const struct journal *j, int64_t boot)
{
    return j->state >= JOURNAL_MARKING && j->state != JOURNAL_SEALING && boot < j->lease_until_ms;
}

bool journal_may_act(const struct journal *j)
{
    return journal_may_act_at(j, boot_ms());
}

const char *journal_refuses(const struct worker *w)
{
    const struct journal *j = w->live;
    if (w->draining) {
        return "draining";
    }
    if (j == NULL || j->state != JOURNAL_OPEN || j->master == NULL || !j->master->ready ||
        boot_ms() >= j->lease_until_ms) {
        return "redis_down";
    }
    if (j->pending_count * w->node->worker_count >= w->conf->listen.pending) {
        return "overloaded";
    }
    return NULL;
}

uint64_t journal_next_n(struct journal *j)
{
    return j->next_n++;
}

/* --- completions */

/* The outcome is known: `reason` NULL means it is durable. */
static void complete(struct journal *j, struct append *a, const char *reason)
{
    if (reason == NULL) {
        j->present_n = a->event->n > j->present_n ? a->event->n : j->present_n;
        uint64_t bytes = budget_event(a->event);
        j->bytes += bytes;
        budget_appended(j->w, bytes);
        j->newest_ms = a->event->received_ms;
    }
    if (a->move != NULL) {
        move_appended(j, a, reason);
    } else {
        append_done(j, a, reason);
    }
}

static struct append *pop(struct journal *j)
{
    struct append *a = j->pending;
    j->pending = a->next;
    if (j->pending == NULL) {
        j->pending_tail = &j->pending;
    }
    j->pending_count--;
    a->next = NULL;
    j->known_n = a->event->n;
    return a;
}

static const char *refusal_of(enum store_error e)
{
    return e == STORE_OOM ? "over_budget" : "redis_down";
}

static bool is_known(const struct journal *j, const struct append *a)
{
    return a->answered &&
           (a->refusal != NULL || !proof_needed(j, a->durability) || a->event->n <= j->proven_n);
}

bool journal_complete_known(struct journal *j)
{
    journal_hold(j);
    while (j->pending != NULL && is_known(j, j->pending)) {
        struct append *a = pop(j);
        complete(j, a, a->refusal);
    }
    return !journal_release(j);
}

/* XADD answers the id that it was given; who says anything else has perhaps appended nothing. */
static bool is_appended(const redisReply *reply, const struct append *a)
{
    char id[ENTRY_ID_MAX];
    return reply->type == REDIS_REPLY_STRING &&
           str_eq(store_text(reply), entry_id(id, a->event->n));
}

/* Answers come in order, so this is the first that was sent on this connection. */
static void on_xadd(void *user, const redisReply *reply)
{
    struct journal *j = user;
    if (journal_release(j) || reply == NULL || j->unanswered == NULL) {
        return; /* unknown: journal_appends_down marks them, Coming back finds out */
    }
    struct append *a = j->unanswered;
    if (is_appended(reply, a)) {
        CRASH_POINT("appended");
        a->answered = true;
        j->unanswered = a->next;
        (void)journal_complete_known(j);
        return;
    }
    enum store_error e = store_error_of(reply);
    if (e == STORE_OK || e == STORE_BADID || e == STORE_WRONGTYPE) {
        /* Lost (nil), sealed by another, or nonsense. A new connection makes all that is on its way
         * unknown, whatever is said of it until then. */
        j->unanswered = NULL;
        store_reset(j->master->appends, "an append was refused: is the journal still mine?");
        return;
    }
    a->answered = true;
    a->refusal = refusal_of(e); /* a hole */
    j->unanswered = a->next;
    if (e == STORE_OOM) {
        budget_redis_full(j->w);
    }
    if (!journal_complete_known(j)) {
        return;
    }
    if (e == STORE_READONLY || e == STORE_NOAUTH || e == STORE_NOPERM) {
        store_reset(j->master->appends, store_error_word(e));
    } else if (store_error_moves(e)) {
        journal_doubt(j, JOURNAL_MOVES);
    }
}

struct str entry_id(char out[ENTRY_ID_MAX], uint64_t n)
{
    size_t len = text_put_u64(out, n);
    memcpy(out + len, "-0", 2);
    return (struct str){out, len + 2};
}

/* Those of a turn share a sync, where the server syncs before it answers. Where they do not, and
 * nothing is being delivered, this worker waits for nobody but Redis: it gives what it has in
 * parts. */
static bool send_append(struct journal *j, size_t argc, const struct str *argv)
{
    struct store *appends = j->master->appends;
    if (j->master->sync == SYNC_TOGETHER) {
        return store_gather(appends, argc, argv, on_xadd, j);
    }
    store_eager(appends, j->w->inflight == 0);
    return store_send(appends, argc, argv, on_xadd, j);
}

static bool send_event(struct journal *j, const struct append *a)
{
    const struct event *e = a->event;
    char id[ENTRY_ID_MAX], from[MOVE_PLACE_MAX];
    struct buf to;
    buf_init(&to, LANES_MAX * 80);
    lanes_put_names(j->w, e->to, e->to_count, &to);
    struct str argv[] = {
        STR("XADD"),       j->keys.v[KEY_JOURNAL],
        STR("NOMKSTREAM"), entry_id(id, e->n),
        STR("to"),         buf_str(&to),
        STR("e"),          e->head,
        STR("b"),          e->body,
        STR_NONE,          STR_NONE,
        STR_NONE,          STR_NONE,
    };
    size_t argc = sizeof argv / sizeof *argv - 4;
    const char *dedupe = a->dedupe;
    if (a->move != NULL) {
        argv[argc++] = STR("from");
        argv[argc++] = (struct str){from, move_place(a->move->from_journal, a->move->from_n, from)};
        dedupe = a->move->dedupe;
    }
    if (dedupe[0] != '\0') {
        argv[argc++] = STR("k");
        argv[argc++] = str_of(dedupe);
    }
    CRASH_POINT("append");
    bool ok = send_append(j, argc, argv);
    CRASH_POINT("append_sent");
    buf_done(&to);
    if (ok) {
        journal_hold(j);
    }
    return ok;
}

void journal_append(struct journal *j, struct append *a)
{
    a->next = NULL;
    a->in_stream = a->answered = a->unproven = a->is_spooled = false;
    a->refusal = NULL;
    a->sent = send_event(j, a);
    *j->pending_tail = a;
    j->pending_tail = &a->next;
    j->pending_count++;
    j->sent_n = a->event->n;
    if (j->unanswered == NULL && a->sent) {
        j->unanswered = a;
    }
}

bool journal_has_spooled(const struct journal *j)
{
    const struct append *a = j->pending;
    while (a != NULL && !a->is_spooled) {
        a = a->next;
    }
    bool unread = !j->live && !j->recovered && j->spooled.n > 0;
    return (a != NULL || unread) && j->master != NULL && j->master->ready;
}

void journal_fail_pending(struct journal *j, uint64_t top)
{
    struct append *list = j->pending;
    j->pending = j->unanswered = NULL;
    j->pending_tail = &j->pending;
    j->pending_count = 0;
    while (list != NULL) {
        struct append *a = list;
        list = a->next;
        a->next = NULL;
        complete(j, a, a->event->n > top ? APPEND_ABSENT : "redis_down");
    }
}

void journal_appends_down(struct journal *j)
{
    for (struct append *a = j->pending; a != NULL; a = a->next) {
        a->sent = a->answered = false; /* answered: by whom? its tail may be lost */
    }
    j->unanswered = NULL;
}

/* --- unknown outcomes: a marker above them, and the read-back with it is final */

static void open_journal(struct journal *j)
{
    j->state = JOURNAL_OPEN;
    log_line(LOG_INFO, "journal is open", "journal", "%s", j->name, NULL);
    commit_soon(j);
    moves_pump(j->w);
    spool_pump(j->w);
    lanes_pump(j->w);
}

static void settle_unknown(struct journal *j)
{
    struct append *list = j->pending;
    j->pending = NULL;
    j->pending_tail = &j->pending;
    j->pending_count = 0;
    j->known_n = j->next_n - 1;
    j->present_n = j->marker_n;
    j->marker_n = 0;
    open_journal(j);
    while (list != NULL) {
        struct append *a = list;
        list = a->next;
        a->next = NULL;
        a->unproven = proof_needed(j, a->durability); /* none came */
        complete(j, a, a->in_stream ? NULL : APPEND_ABSENT);
    }
}

static void on_marked(struct journal *j, const redisReply *reply, int64_t sent_ms)
{
    (void)sent_ms;
    struct answer a = answer_read(reply);
    if (a.error == STORE_UNKNOWN || j->state != JOURNAL_MARKING) {
        return;
    }
    if (a.error != STORE_OK || !str_eq(a.word, STR("ok")) || a.extra >= reply->elements) {
        journal_doubt(j, "its unknown appends could not be read back");
        return;
    }
    const redisReply *ids = reply->element[a.extra];
    struct append *at = j->pending;
    for (size_t i = 0; i < ids->elements; i++) {
        uint64_t n;
        struct str id = {ids->element[i]->str, ids->element[i]->len};
        if (text_u64(id, UINT64_MAX, &n) != NULL) {
            continue;
        }
        while (at != NULL && at->event->n < n) {
            at = at->next;
        }
        if (at != NULL && at->event->n == n) {
            at->in_stream = true;
        }
    }
    settle_unknown(j);
}

void journal_resume_appends(struct journal *j)
{
    if (j->pending == NULL ||
        j->pending->sent) { /* nothing unknown; what was sent gets its answer */
        open_journal(j);
        return;
    }
    char marker[20], first[20];
    j->state = JOURNAL_MARKING;
    if (j->marker_n == 0) {
        j->marker_n = j->next_n++; /* the same again if this try stays unanswered */
    }
    struct str argv[] = {str_of(j->token),
                         {marker, text_put_u64(marker, j->marker_n)},
                         {first, text_put_u64(first, j->pending->event->n)}};
    script_send(j, SCRIPT_MARK_ID, 3, argv, on_marked);
}
