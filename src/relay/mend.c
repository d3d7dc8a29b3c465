/* Puts back what somebody else has deleted: the places of a destination's parked deliveries in its
 * due set. Their records are still in their events' hashes, so all of those of the journal are
 * looked at (SCAN, a thousand keys at a time), and what has a record but no place is due at once.
 */
#include "relay/journal.h"

#include "base/log.h"
#include "relay/delivery.h"
#include "relay/stats.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

struct mending {
    struct journal *j;
    unsigned lane;
    uint64_t was; /* so many were parked; 0: unknown */
};

static void look_on(const struct mending *m, struct str cursor);

/* A reply for a journal that is still ours, or NULL: whoever recovers it looks again. */
static struct track *track_of_reply(const struct mending *m, const redisReply *reply)
{
    if (journal_release(m->j)) {
        return NULL;
    }
    struct track *t = m->j->tracks[m->lane];
    bool good = t != NULL && reply != NULL && store_error_of(reply) == STORE_OK;
    if (t != NULL && !good) {
        t->mending = false;
    }
    return good ? t : NULL;
}

static void on_counted(void *user, const redisReply *reply)
{
    struct mending m = *(struct mending *)user;
    free(user);
    struct track *t = track_of_reply(&m, reply);
    if (t == NULL) {
        return;
    }
    uint64_t back = reply->type == REDIS_REPLY_INTEGER ? (uint64_t)reply->integer : 0;
    uint64_t lost = m.was > back ? m.was - back : 0;
    t->mending = false;
    t->due_total = back;
    log_line(lost > 0 ? LOG_ERROR : LOG_WARN, "parked deliveries are back in their set", "journal",
             "%s", m.j->name, "destination", "%s", t->lane->name, "deliveries", "%llu",
             (unsigned long long)back, "lost", "%llu", (unsigned long long)lost, NULL);
    stats_lost(m.j->w, lost < UINT_MAX ? (unsigned)lost : UINT_MAX);
    due_note(t, worker_now_ms(m.j->w));
}

static bool ask(const struct mending *m, size_t argc, const struct str *argv,
                store_on_reply on_reply)
{
    struct mending *copy = malloc(sizeof *copy);
    ENSURE(copy != NULL);
    *copy = *m;
    if (!journal_send(m->j, argc, argv, on_reply, copy)) {
        free(copy);
        m->j->tracks[m->lane]->mending = false;
        return false;
    }
    journal_hold(m->j);
    return true;
}

void mend_written(struct track *t)
{
    struct mending m = {t->journal, t->lane->number, t->mend_was};
    struct buf key;
    buf_init(&key, 256);
    struct str argv[] = {STR("ZCARD"), journal_key(m.j, &key, "due:", str_of(t->lane->name))};
    ask(&m, 2, argv, on_counted);
    buf_done(&key);
}

static void on_keys(void *user, const redisReply *reply)
{
    struct mending m = *(struct mending *)user;
    free(user);
    struct track *t = track_of_reply(&m, reply);
    if (t == NULL || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        return;
    }
    struct str cursor = store_text(reply->element[0]), before = str_of(m.j->keys.base);
    const redisReply *keys = reply->element[1];
    for (size_t i = 0; i < keys->elements; i++) {
        struct str key = store_text(keys->element[i]);
        size_t skip = before.len + strlen("event:");
        uint64_t n;
        if (key.len > skip && str_starts(key, before) &&
            text_u64(str_from(key, skip), EVENT_N_MAX, &n) == NULL && !numset_has(&t->in_hand, n)) {
            commit_mend(t, n);
        }
    }
    if (str_eq(cursor, STR("0"))) {
        commit_mended(t);
    } else {
        look_on(&m, cursor);
    }
}

static void look_on(const struct mending *m, struct str cursor)
{
    struct buf pattern;
    buf_init(&pattern, 64);
    buf_printf(&pattern, "*{%s}:event:*", m->j->name);
    struct str argv[] = {STR("SCAN"),       cursor,       STR("MATCH"),
                         buf_str(&pattern), STR("COUNT"), STR("1000")};
    ask(m, 6, argv, on_keys);
    buf_done(&pattern);
}

void mend_start(struct track *t)
{
    if (t->mending) {
        return;
    }
    log_line(LOG_ERROR,
             "a set of parked deliveries is gone, not by Penstock: find who writes to its keys. "
             "They are looked for",
             "journal", "%s", t->journal->name, "destination", "%s", t->lane->name, "deliveries",
             "%llu", (unsigned long long)t->due_total, NULL);
    t->mending = true;
    t->mend_was = t->due_total; /* which stays: if all of Redis was flushed, it says what is lost */
    commit_recount(t);
    look_on(&(struct mending){t->journal, t->lane->number, 0}, STR("0"));
}
