/* Proof that what lies in a journal is as durable as promised, where Redis' answer to a write is
 * none: WAIT and WAITAOF tell of all that their connection wrote before.
 *
 * One question is under way at a time for each master, and what was appended meanwhile shares the
 * next one, a group commit.
 *
 * What claims something is asked for, too, on a cluster only: a claim of a delivery id or a place
 * lies on another master than the entry that makes it. Were that entry lost with its master's tail,
 * the claim would still turn away every other copy of the event. So what is not proven does not
 * claim. Without a cluster the entry was written before its claim to the same server, and no tail
 * is lost that has the one and not the other. */
#include "relay/move.h"

#include "base/crash.h"
#include "base/log.h"

/* Well below what a sender waits; both together below what commands of that connection may take. A
 * server that syncs once a second needs a little more than one. */
#define PROOF_WITHIN_MS "1000"
#define SYNC_WITHIN_MS "1500"
#define CLAIM_WITHIN_MS "100" /* nobody waits for it, and appends are not to wait for it long */

bool proof_needed(const struct journal *j, enum conf_durability promised)
{
    return promised == DURABILITY_REPLICA ||
           (promised == DURABILITY_FSYNC && j->master != NULL && j->master->sync == SYNC_PROVEN);
}

bool proof_awaited(const struct journal *j, enum conf_durability promised)
{
    return j->w->redis.cluster != NULL && proof_needed(j, promised);
}

static bool is_proof(const struct master *m, enum conf_durability promised)
{
    return promised == DURABILITY_REPLICA ? m->proof.replicas >= m->w->conf->redis.replicas
                                          : m->proof.synced;
}

/* Not while it is in doubt: what is asked for may be gone. */
static bool may_claim(const struct journal *j)
{
    return journal_may_act(j) && !j->leaving;
}

static bool waits_in(const struct move *m, const struct journal *j)
{
    return move_is_unproven(m) && m->copy_number == j->number && !m->copy_lost;
}

/* --- asking */

static void proof_came(struct master *m);

/* An error (CONFIG SET appendonly no, a master that became a replica) is no proof. */
static uint64_t count_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_INTEGER && reply->integer > 0 ? (uint64_t)reply->integer : 0;
}

static bool is_answer(struct master *m, const redisReply *reply)
{
    if (reply == NULL) {
        m->proof.awaited = 0; /* the connection died, and with it the others that were awaited */
    }
    return reply != NULL && m->proof.awaited > 0;
}

static void on_wait(void *user, const redisReply *reply)
{
    struct master *m = user;
    if (is_answer(m, reply)) {
        m->proof.replicas = count_of(reply);
        proof_came(m);
    }
}

static void on_waitaof(void *user, const redisReply *reply)
{
    struct master *m = user;
    if (is_answer(m, reply)) {
        m->proof.synced = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                          count_of(reply->element[0]) > 0;
        proof_came(m);
    }
}

static void on_written(void *user, const redisReply *reply)
{
    struct master *m = user;
    if (is_answer(m, reply)) {
        m->proof.written = store_error_of(reply) == STORE_OK;
        proof_came(m);
    }
}

static void ask(struct master *m, size_t argc, const struct str *argv, store_on_reply on_reply)
{
    CRASH_POINT("barrier");
    m->proof.awaited += store_send(m->appends, argc, argv, on_reply, m);
    CRASH_POINT("barrier_sent");
}

/* What is wanted of a question. */
struct wanted {
    bool sync, replicas;
    bool appends;          /* somebody waits for it */
    struct journal *claim; /* one with something to claim */
};

static void want(struct wanted *all, enum conf_durability promised)
{
    all->sync |= promised == DURABILITY_FSYNC;
    all->replicas |= promised == DURABILITY_REPLICA;
}

static void want_appends(struct journal *j, struct wanted *all)
{
    for (const struct append *a = j->pending; a != NULL; a = a->next) {
        if (a->sent && a->refusal == NULL && a->event->n > j->proven_n &&
            proof_needed(j, a->durability)) {
            want(all, a->durability);
            all->appends = true;
        }
    }
}

static void want_claims(struct journal *j, struct wanted *all)
{
    for (struct move *m = j->w->moves; m != NULL; m = m->next) {
        if (waits_in(m, j) && !proof_needed(j, m->promised)) { /* its server has changed */
            move_proven(m);
        } else if (waits_in(m, j)) {
            want(all, m->promised);
            all->claim = j;
            j->claims_n = j->live ? j->known_n : j->top;
        }
    }
}

/* This connection has perhaps never written where those lie that are to claim something: what it is
 * to tell of must lie before a write of its own. */
static void write_first(struct master *m, const struct journal *j)
{
    struct buf key;
    buf_init(&key, 256);
    const struct str argv[] = {STR("EVAL"),
                               STR("#!lua flags=allow-oom\n" /* they can be settled then */
                                   "return redis.call('SET', KEYS[1], '', 'PX', 1)"),
                               STR("1"), journal_key(j, &key, "proof", STR_NONE)};
    ask(m, 4, argv, on_written);
    buf_done(&key);
}

void master_prove(struct master *m)
{
    struct wanted all = {0};
    if (m->proof.awaited > 0) {
        return; /* its answer asks again */
    }
    for (struct journal *j = m->w->journals; j != NULL; j = j->next) {
        if (j->master == m) {
            j->proof_of = m;
            j->proof_n = j->sent_n;
            j->claims_n = 0;
            want_appends(j, &all);
            if (m->proof.claims_due && may_claim(j)) {
                want_claims(j, &all);
            }
        }
    }
    m->proof = (struct proof){.claims_short = m->proof.claims_short};
    if (all.claim != NULL) {
        write_first(m, all.claim);
    }
    if (all.sync) {
        const struct str argv[] = {STR("WAITAOF"), STR("1"), STR("0"), STR(SYNC_WITHIN_MS)};
        ask(m, 4, argv, on_waitaof);
    }
    if (all.replicas) {
        char count[20];
        const struct str argv[] = {STR("WAIT"),
                                   {count, text_put_u64(count, m->w->conf->redis.replicas)},
                                   all.appends ? STR(PROOF_WITHIN_MS) : STR(CLAIM_WITHIN_MS)};
        ask(m, 3, argv, on_wait);
    }
}

void claims_prove(struct journal *j)
{
    if (j->w->unproven > 0 && j->master != NULL) {
        j->master->proof.claims_due = true;
        master_prove(j->master);
        moves_pump(j->w); /* some may need none any more */
    }
}

/* --- answers */

static void judge_appends(struct journal *j)
{
    for (struct append *a = j->pending; a != NULL && a->event->n <= j->proof_n; a = a->next) {
        a->unproven = proof_needed(j, a->durability) && !is_proof(j->master, a->durability);
    }
    j->proven_n = j->proof_n;
    j->proof_came = j->pending != NULL;
}

/* How many stay unproven. */
static unsigned judge_claims(struct journal *j)
{
    unsigned left = 0;
    for (struct move *m = j->w->moves; m != NULL; m = m->next) {
        if (waits_in(m, j) && m->copy->n <= j->claims_n) {
            bool good = j->master->proof.written && is_proof(j->master, m->promised);
            left += !good;
            if (good) {
                move_proven(m);
            }
        }
    }
    return left;
}

static void say_short(struct master *m, unsigned left)
{
    if (left > 0 && !m->proof.claims_short) {
        log_line(LOG_WARN,
                 "events wait for replicas, or a sync, before they may be delivered: else a copy "
                 "that is lost could stand for one that is not",
                 "host", "%s", m->host, "port", "%u", m->port, "events", "%u", left, NULL);
    } else if (left == 0 && m->proof.claims_short) {
        log_line(LOG_INFO, "events wait for their proof no more", "host", "%s", m->host, "port",
                 "%u", m->port, NULL);
    }
    m->proof.claims_short = left > 0;
}

static struct journal *next_proven(const struct master *m)
{
    struct journal *j = m->w->journals;
    while (j != NULL && !(j->proof_came && j->master == m)) {
        j = j->next;
    }
    return j;
}

static void proof_came(struct master *m)
{
    struct worker *w = m->w;
    struct journal *j;
    bool claims = false;
    unsigned left = 0;
    if (--m->proof.awaited > 0) {
        return;
    }
    CRASH_POINT("barrier_passed");
    for (j = w->journals; j != NULL; j = j->next) {
        if (j->master == m && j->proof_of == m) {
            judge_appends(j);
            if (j->claims_n > 0 && may_claim(j)) {
                claims = true;
                left += judge_claims(j);
            }
        }
    }
    if (claims) {
        say_short(m, left);
    }
    while ((j = next_proven(m)) != NULL) { /* completing may end a journal */
        j->proof_came = false;
        (void)journal_complete_known(j);
    }
    if (claims) {
        moves_pump(w);
    }
    master_prove(m);
}
