/* Journals that nobody owns: found by their listing, watched for a whole lease, taken. Also the
 * care of old ones: trimming history, deleting what is empty. */
#include "relay/journal.h"

#include "base/crypt.h"
#include "base/crash.h"
#include "base/log.h"
#include "relay/delivery.h"
#include "relay/node.h"

#include <stdlib.h>
#include <string.h>

struct candidate {
    struct candidate *next;
    uint64_t number;
    int64_t absent_since_ms; /* boot clock; 0: it had an owner when last looked at */
    int64_t take_at_ms;      /* a short random wait: an old owner that wakes resumes first */
    bool listed;             /* in the answer being worked through */
    bool asking;
    bool scanned; /* found by its keys: looked at although it may not be listed */
};

enum {
    SCAN_AGAIN = 5, /* rounds without the listing, each of RENEW_EVERY_MS, between two walks */
    SAY_TRIMMED_MS = 60000
};

struct adoption {
    struct candidate *first;
    unsigned unlisted; /* rounds since the listing was read last */
};

static struct candidate *candidate_find(const struct adoption *a, uint64_t number)
{
    struct candidate *c = a->first;
    while (c != NULL && c->number != number) {
        c = c->next;
    }
    return c;
}

static struct candidate *candidate_of(struct adoption *a, uint64_t number)
{
    struct candidate *c = candidate_find(a, number);
    if (c == NULL) {
        c = calloc(1, sizeof *c);
        ENSURE(c != NULL);
        c->number = number;
        c->next = a->first;
        a->first = c;
    }
    return c;
}

static void candidate_free(struct adoption *a, struct candidate *c)
{
    struct candidate **at = &a->first;
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    free(c);
}

static void adopt(struct worker *w, uint64_t number, struct str former_token)
{
    struct journal *j = journal_new(w, number);
    log_line(LOG_INFO, "adopting a journal", "journal", "%s", j->name, NULL);
    j->adopted = true;
    if (former_token.len == sizeof j->former - 1) {
        memcpy(j->former, former_token.at, former_token.len);
    }
    journal_take(j);
}

void journal_unlist(struct worker *w, uint64_t number)
{
    char name[12];
    journal_name(number, name);
    struct str argv[] = {STR("SREM"), worker_key(w, KEY_LIVE), str_of(name)};
    redis_send(w, 3, argv, NULL, NULL);
    budget_forget(w, number);
}

struct looking {
    struct worker *w;
    uint64_t number;
};

static void on_owner(void *user, const redisReply *reply)
{
    struct looking l = *(struct looking *)user;
    free(user);
    struct adoption *a = l.w->adoption;
    struct candidate *c = a == NULL ? NULL : candidate_find(a, l.number);
    if (c == NULL) { /* it was forgotten meanwhile */
        return;
    }
    c->asking = false;
    if (reply == NULL) { /* the next round asks again */
        return;
    }
    if (store_error_of(reply) != STORE_OK) {
        c->absent_since_ms = c->take_at_ms = 0; /* not seen */
        return;
    }
    struct str owner =
        reply->type == REDIS_REPLY_STRING ? (struct str){reply->str, reply->len} : STR_NONE;
    int64_t now = boot_ms();
    if (str_starts(owner, STR("gone"))) {
        journal_unlist(l.w, l.number);
        candidate_free(a, c);
        return;
    }
    bool is_free = str_eq(owner, STR("free"));
    if (owner.len > 0 && !is_free) {
        c->absent_since_ms = c->take_at_ms = 0;
        return;
    }
    if (is_free) { /* given up in order: nobody will come back for it */
        c->take_at_ms = now;
    } else if (c->absent_since_ms == 0) {
        c->absent_since_ms = now;
        c->take_at_ms = now + LEASE_MS + (int64_t)(crypt_random_u64() % 500);
    }
    if (now >= c->take_at_ms && journal_find(l.w, l.number) == NULL && !l.w->draining) {
        uint64_t number = c->number;
        candidate_free(a, c);
        adopt(l.w, number, STR_NONE);
    }
}

static void look_at(struct worker *w, struct candidate *c)
{
    char lease[20];
    if (c->asking || journal_find(w, c->number) != NULL) {
        return;
    }
    struct looking *l = malloc(sizeof *l);
    ENSURE(l != NULL);
    *l = (struct looking){w, c->number};
    struct str argv[] = {STR_NONE, {lease, text_put_u64(lease, LEASE_MS)}};
    c->asking = script_send_to(w, c->number, SCRIPT_WATCH_ID, 2, argv, on_owner, l);
    if (!c->asking) {
        free(l);
    }
}

static void scan_if_due(struct worker *w);

/* The listing's master is away, or it is no set: journals are found by their keys. */
static void look_without_listing(struct worker *w)
{
    struct adoption *a = w->adoption;
    for (struct master *m = w->redis.masters; m != NULL && a->unlisted % SCAN_AGAIN == 0;
         m = m->next) {
        m->scan_due = true;
    }
    a->unlisted++;
    scan_if_due(w);
    for (struct candidate *c = a->first; c != NULL; c = c->next) {
        look_at(w, c);
    }
}

static void on_listed(void *user, const redisReply *reply)
{
    struct worker *w = user;
    struct adoption *a = w->adoption;
    if (a == NULL || reply == NULL) {
        return;
    }
    if (reply->type != REDIS_REPLY_ARRAY) {
        enum store_error e = store_error_of(reply);
        log_line(e == STORE_WRONGTYPE ? LOG_ERROR : LOG_WARN,
                 "the list of journals cannot be read; they are looked for by their keys", "key",
                 "%.*slive", STR_ARG(w->conf->redis.prefix), "error", "%s", store_error_word(e),
                 NULL);
        look_without_listing(w);
        return;
    }
    a->unlisted = 0;
    scan_if_due(w);
    for (struct candidate *c = a->first; c != NULL; c = c->next) {
        c->listed = false;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        uint64_t number;
        if (journal_number((struct str){reply->element[i]->str, reply->element[i]->len}, &number) &&
            journal_find(w, number) == NULL) {
            struct candidate *c = candidate_of(a, number);
            c->listed = true;
            look_at(w, c);
        }
    }
    for (struct candidate *c = a->first, *next; c != NULL; c = next) {
        next = c->next;
        if (!c->listed && c->scanned) {
            look_at(w, c);
        } else if (!c->listed && !c->asking) {
            candidate_free(a, c);
        }
    }
}

/* --- journals that fell out of the listing */

static void scan_from(struct master *m, struct str cursor);

static void on_scanned(void *user, const redisReply *reply)
{
    struct master *m = user;
    struct worker *w = m->w;
    m->scanning = false;
    if (w->adoption == NULL) {
        return;
    }
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        return;
    }
    const redisReply *keys = reply->element[1];
    for (size_t i = 0; i < keys->elements; i++) {
        struct str key = {keys->element[i]->str, keys->element[i]->len};
        uint64_t number;
        struct str name = str_head(str_from(key, w->conf->redis.prefix.len + 1), 9);
        if (journal_number(name, &number)) {
            script_list(w, 1, &name);
            if (journal_find(w, number) == NULL) { /* whatever becomes of the listing */
                struct candidate *c = candidate_of(w->adoption, number);
                c->scanned = true;
                look_at(w, c);
            }
        }
    }
    struct str cursor = store_text(reply->element[0]);
    uint64_t before = m->scanned_to;
    if (text_u64(cursor, UINT64_MAX, &m->scanned_to) != NULL) {
        return; /* the next round begins anew, as after no answer */
    }
    if (m->scanned_to == 0) {
        m->scan_due = false;
    } else if (m->scanned_to != before) { /* else it goes no further */
        scan_from(m, cursor);
    }
}

static void scan_from(struct master *m, struct str cursor)
{
    const struct worker *w = m->w;
    struct buf pattern;
    buf_init(&pattern, 256);
    for (size_t i = 0; i < w->conf->redis.prefix.len; i++) { /* a glob: escape what is special */
        char c = w->conf->redis.prefix.at[i];
        if (c == '*' || c == '?' || c == '[' || c == '\\') {
            buf_add_char(&pattern, '\\');
        }
        buf_add_char(&pattern, c);
    }
    buf_add_str(&pattern, STR("{*}:settled"));
    struct str argv[] = {STR("SCAN"),       cursor,       STR("MATCH"),
                         buf_str(&pattern), STR("COUNT"), STR("1000")};
    m->scanning = store_send(m->main, 6, argv, on_scanned, m);
    buf_done(&pattern);
}

static void scan_if_due(struct worker *w)
{
    for (struct master *m = w->redis.masters; m != NULL; m = m->next) {
        if (m->ready && m->scan_due && !m->scanning) {
            m->scanned_to = 0;
            scan_from(m, STR("0"));
        }
    }
}

void adopt_start(struct master *m, bool another_server)
{
    struct worker *w = m->w;
    if (w->adoption == NULL) {
        w->adoption = calloc(1, sizeof *w->adoption);
        ENSURE(w->adoption != NULL);
    }
    bool all = another_server && m == redis_master_of(w, worker_key(w, KEY_LIVE));
    for (struct master *each = w->redis.masters; each != NULL; each = each->next) {
        each->scan_due |= all || (each == m && another_server); /* until it has come to its end */
    }
    scan_if_due(w);
}

void adopt_former(struct worker *w, uint64_t number, struct str token)
{
    if (journal_find(w, number) == NULL) {
        adopt(w, number, token);
    }
}

void adopt_reset(struct worker *w, const struct master *m)
{
    for (struct candidate *c = w->adoption == NULL ? NULL : w->adoption->first; c != NULL;
         c = c->next) {
        char name[12];
        journal_name(c->number, name);
        if (m == NULL || redis_master_of(w, str_of(name)) == m) {
            c->absent_since_ms = c->take_at_ms = 0;
            c->asking = false;
        }
    }
}

void adopt_scan(struct worker *w)
{
    if (w->adoption == NULL || w->draining) {
        return;
    }
    struct str argv[] = {STR("SMEMBERS"), worker_key(w, KEY_LIVE)};
    if (!redis_send(w, 2, argv, on_listed, w) && redis_is_ready(w)) {
        look_without_listing(w); /* on a cluster: its master is away */
    }
}

void adopt_done(struct worker *w)
{
    while (w->adoption != NULL && w->adoption->first != NULL) {
        candidate_free(w->adoption, w->adoption->first);
    }
    free(w->adoption);
    w->adoption = NULL;
}

/* --- care of what is owned */

/* The node's workers share what it may have. */
static uint64_t history_bytes(const struct journal *j)
{
    return j->w->conf->redis.history_bytes / j->w->node->worker_count;
}

static struct history_mark *mark_at(struct journal *j, unsigned i)
{
    return &j->marks[(j->mark_first + i) % HISTORY_MARKS];
}

/* The last entry that is known to be there: what was appended behind it in vain is no history, and
 * must not stand in its way. */
static uint64_t last_n(const struct journal *j)
{
    return j->present_n < j->known_n ? j->present_n : j->known_n;
}

/* Once a second or so the live journal notes how far it is, so that history can be trimmed by age
 * and by bytes without reading it. */
static void mark_history(struct journal *j, int64_t now)
{
    const struct conf *c = j->w->conf;
    for (unsigned i = 0; i < j->mark_count; i++) { /* Redis' clock was set back: not to wait for it
                                                      again */
        struct history_mark *m = mark_at(j, i);
        m->at_ms = m->at_ms > now ? now : m->at_ms;
    }
    if (j->mark_count > 0) {
        const struct history_mark *last = mark_at(j, j->mark_count - 1);
        if (now - last->at_ms <= c->redis.history_ms / (HISTORY_MARKS / 2) &&
            j->bytes - last->bytes <= history_bytes(j) / (HISTORY_MARKS / 2)) {
            return;
        }
    }
    if (j->mark_count == HISTORY_MARKS) {
        j->mark_first = (j->mark_first + 1) % HISTORY_MARKS;
        j->mark_count--;
    }
    *mark_at(j, j->mark_count++) = (struct history_mark){now, last_n(j), j->bytes};
}

/* Bytes of the entries below `n`: exact at a mark, in proportion between two. */
static uint64_t bytes_below(struct journal *j, uint64_t n)
{
    uint64_t from_n = j->trim_asked_n, from = j->trimmed_bytes;
    uint64_t to_n = last_n(j) + 1, to = j->bytes;
    for (unsigned i = 0; i < j->mark_count; i++) {
        const struct history_mark *m = mark_at(j, i);
        if (m->n + 1 > n) {
            to_n = m->n + 1;
            to = m->bytes;
            break;
        }
        from_n = m->n + 1;
        from = m->bytes;
    }
    if (n <= from_n || to_n <= from_n || to < from) {
        return from;
    }
    return from + (uint64_t)((double)(to - from) * (double)(n - from_n) / (double)(to_n - from_n));
}

static void keep_entry(void *user, const struct op *op)
{
    uint64_t *below = user;
    *below = op->n < *below ? op->n : *below;
}

/* All that is settled, but for what waits to be written: of a replay its body is nowhere else. */
uint64_t journal_history_end(const struct journal *j)
{
    uint64_t below = j->low;
    commit_each_body(j, keep_entry, &below);
    return below;
}

/* It is the only place of what no route wanted. */
static void say_early(struct worker *w)
{
    int64_t now = boot_ms();
    if (now >= w->budget.say_trimmed_ms) {
        w->budget.say_trimmed_ms = now + SAY_TRIMMED_MS;
        log_line(LOG_WARN,
                 "memory is short: history goes before its time, and unrouted events with it",
                 "bytes", "%llu", (unsigned long long)w->budget.total, "limit", "%llu",
                 (unsigned long long)w->budget.limit, NULL);
    }
}

static void trim_live(struct journal *j)
{
    const struct conf *c = j->w->conf;
    int64_t now = worker_now_ms(j->w);
    mark_history(j, now);
    if (j->low <= last_n(j)) { /* what no route wanted commits nothing by itself */
        commit_soon(j);
    }
    if (j->low <= j->trim_asked_n) {
        return; /* asked often while room is made: no walk for nothing */
    }
    uint64_t below = 0, end = journal_history_end(j);
    for (unsigned i = 0; i < j->mark_count; i++) {
        const struct history_mark *m = mark_at(j, i);
        bool old = now - m->at_ms > c->redis.history_ms;
        if ((!old && j->bytes - m->bytes <= history_bytes(j)) ||
            m->n >= end) { /* not settled yet: the lag is bounded by what lanes hold */
            break;
        }
        below = m->n + 1;
    }
    bool early = budget_is_short(j->w) && below < end; /* all history goes */
    below = early ? end : below;
    if (below <= j->trim_asked_n) {
        return;
    }
    if (early) {
        say_early(j->w);
    }
    j->trimmed_bytes = bytes_below(j, below);
    while (j->mark_count > 0 && mark_at(j, 0)->n < below) {
        j->mark_first = (j->mark_first + 1) % HISTORY_MARKS;
        j->mark_count--;
    }
    commit_trim(j, below);
}

static bool is_empty(const struct journal *j)
{
    for (unsigned i = 0; i < j->w->lane_count; i++) {
        const struct track *t = j->tracks[i];
        if (t != NULL && (t->len > 0 || t->in_hand.n > 0 || t->next_due_ms != INT64_MAX ||
                          t->due_reading || t->dead_total > 0 || t->unread_n != 0)) {
            return false;
        }
    }
    return commit_idle(j) && j->requests_busy == 0 && !j->requests_wait;
}

static void on_deleted(struct journal *j, const redisReply *reply, int64_t sent_ms)
{
    (void)sent_ms;
    CRASH_POINT("deleted");
    struct answer a = answer_read(reply);
    if (a.error == STORE_OK && str_eq(a.word, STR("ok"))) {
        log_line(LOG_INFO, "journal is empty and deleted", "journal", "%s", j->name, NULL);
        journal_unlist(j->w, j->number);
        journal_free(j);
    } else if (j->state == JOURNAL_DELETING) {
        j->state = JOURNAL_OLD; /* not empty after all, or not known: the next round asks again */
        if (a.error == STORE_OK && !str_eq(a.word, STR("busy"))) {
            journal_doubt(j, "it could not be deleted");
        }
    }
}

static void delete_empty(struct journal *j)
{
    CRASH_POINT("delete");
    j->state = JOURNAL_DELETING;
    struct str argv[] = {str_of(j->token)};
    if (!script_send(j, SCRIPT_DELETE_ID, 1, argv, on_deleted)) {
        j->state = JOURNAL_OLD;
    }
}

/* Of a sealed one. */
static bool is_history_old(struct journal *j)
{
    int64_t now = worker_now_ms(j->w);
    j->newest_ms = j->newest_ms > now ? now : j->newest_ms; /* its clock was set back */
    return now - j->newest_ms > j->w->conf->redis.history_ms || j->newest_ms == 0;
}

static bool is_history_over(struct journal *j)
{
    return is_history_old(j) || budget_is_short(j->w); /* its history is what goes first */
}

static void trim_old(struct journal *j)
{
    if (j->low > j->trimmed_n && j->low > 1 && is_history_over(j)) {
        uint64_t end = journal_history_end(j);
        if (end > j->trimmed_n) {
            if (!is_history_old(j)) {
                say_early(j->w);
            }
            commit_trim(j, end);
        }
    }
}

void journals_trim(struct worker *w)
{
    for (struct journal *j = w->journals; j != NULL; j = j->next) {
        if (j->state == JOURNAL_OPEN) {
            trim_live(j);
        } else if (j->state == JOURNAL_OLD) {
            trim_old(j);
        }
    }
}

void journals_tend(struct worker *w)
{
    for (struct journal *j = w->journals; j != NULL; j = j->next) {
        for (unsigned i = 0; i < w->lane_count; i++) {
            if (j->tracks[i] != NULL && (j->state == JOURNAL_OPEN || j->state == JOURNAL_OLD)) {
                dead_expire(j->tracks[i]);
            }
        }
        if (j->state == JOURNAL_OLD && is_history_over(j) && j->low > j->top && is_empty(j)) {
            delete_empty(j);
        }
    }
    journals_trim(w);
}
