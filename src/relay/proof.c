/* Proof that what lies in a journal is as durable as promised, where Redis' answer to a write is
 * none: WAIT and WAITAOF tell of all that their connection wrote before.
 *
 * For appends: one proof is under way at a time, and what was appended meanwhile shares the next
 * one, a group commit.
 *
 * For claims, on a cluster only: a claim of a delivery id or a place lies on another master than
 * the entry that makes it. Were that entry lost with its master's tail, the claim would still turn
 * away every other copy of the event. So what is not proven does not claim. Without a cluster the
 * entry was written before its claim to the same server, and no tail is lost that has the one and
 * not the other. */
#include "relay/journal.h"

/* Well below what a sender waits; both together below what commands of that connection may take. A
 * server that syncs once a second needs a little more than one. */
#define PROOF_WITHIN_MS "1000"
#define SYNC_WITHIN_MS "1500"

bool proof_needed(const struct journal *j, enum conf_durability promised)
{
    return promised == DURABILITY_REPLICA ||
           (promised == DURABILITY_FSYNC && j->master != NULL && j->master->proves_sync);
}

static bool is_proof(const struct proof *p, enum conf_durability promised)
{
    return promised == DURABILITY_REPLICA ? p->replicas >= p->journal->w->conf->redis.replicas
                                          : p->synced;
}

/* --- asking */

static void proof_came(struct proof *p);

/* An error (CONFIG SET appendonly no, a master that became a replica) is no proof. */
static uint64_t count_of(const redisReply *reply)
{
    return reply->type == REDIS_REPLY_INTEGER && reply->integer > 0 ? (uint64_t)reply->integer : 0;
}

/* True: there is an answer, and a journal that wants it. */
static bool is_answer(struct proof *p, const redisReply *reply)
{
    if (journal_release(p->journal)) {
        return false;
    }
    if (reply == NULL) {
        p->awaited = 0; /* the connection died, and with it the others that were awaited */
    }
    return reply != NULL && p->awaited > 0;
}

static void on_wait(void *user, const redisReply *reply)
{
    struct proof *p = user;
    if (is_answer(p, reply)) {
        p->replicas = count_of(reply);
        proof_came(p);
    }
}

static void on_waitaof(void *user, const redisReply *reply)
{
    struct proof *p = user;
    if (is_answer(p, reply)) {
        p->synced = reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
                    count_of(reply->element[0]) > 0;
        proof_came(p);
    }
}

static void on_written(void *user, const redisReply *reply)
{
    struct proof *p = user;
    if (is_answer(p, reply)) {
        p->written = store_error_of(reply) == STORE_OK;
        proof_came(p);
    }
}

static void ask(struct proof *p, size_t argc, const struct str *argv, store_on_reply on_reply)
{
    struct journal *j = p->journal;
    if (store_send(j->master->appends, argc, argv, on_reply, p)) {
        journal_hold(j);
        p->awaited++;
    }
}

static void ask_for(struct proof *p, bool sync, bool replicas)
{
    p->synced = false; /* of what is not asked for there is no proof */
    p->replicas = 0;
    if (sync) {
        const struct str argv[] = {STR("WAITAOF"), STR("1"), STR("0"), STR(SYNC_WITHIN_MS)};
        ask(p, 4, argv, on_waitaof);
    }
    if (replicas) {
        char count[20];
        const struct str argv[] = {
            STR("WAIT"),
            {count, text_put_u64(count, p->journal->w->conf->redis.replicas)},
            STR(PROOF_WITHIN_MS)};
        ask(p, 3, argv, on_wait);
    }
}

static bool may_ask(const struct proof *p)
{
    const struct master *m = p->journal->master;
    return m != NULL && m->proves && p->awaited == 0;
}

/* --- of appends */

void journal_prove(struct journal *j)
{
    bool sync = false, replicas = false;
    if (!may_ask(&j->proof)) {
        return;
    }
    for (const struct append *a = j->pending; a != NULL; a = a->next) {
        if (a->sent && a->refusal == NULL && a->event->n > j->proof.proven_n &&
            proof_needed(j, a->durability)) {
            sync |= a->durability == DURABILITY_FSYNC;
            replicas |= a->durability == DURABILITY_REPLICA;
        }
    }
    j->proof.covers_n = j->sent_n;
    ask_for(&j->proof, sync, replicas);
}

static void appends_proven(struct journal *j)
{
    j->proof.proven_n = j->proof.covers_n;
    for (struct append *a = j->pending; a != NULL && a->event->n <= j->proof.proven_n;
         a = a->next) {
        a->unproven = proof_needed(j, a->durability) && !is_proof(&j->proof, a->durability);
    }
    if (journal_complete_known(j)) {
        journal_prove(j);
    }
}

/* --- of claims */

bool proof_awaited(const struct journal *j, enum conf_durability promised)
{
    return j->w->redis.cluster != NULL && proof_needed(j, promised);
}

static bool waits_here(const struct move *m, const struct journal *j)
{
    return m->unproven && m->copy != NULL && m->copy_number == j->number && !m->copy_lost;
}

/* This connection has perhaps never written there: what it is to tell of must lie before a write of
 * its own. */
static void write_first(struct journal *j)
{
    struct buf key;
    buf_init(&key, 256);
    const struct str argv[] = {
        STR("EVAL"),
        STR("#!lua flags=allow-oom\n" /* what waits for it can be settled then */
            "return redis.call('SET', KEYS[1], '', 'PX', 1000)"),
        STR("1"), journal_key(j, &key, "proof", STR_NONE)};
    ask(&j->claims, 4, argv, on_written);
    buf_done(&key);
}

void claims_prove(struct journal *j)
{
    bool sync = false, replicas = false;
    if (j->w->redis.cluster == NULL || !may_ask(&j->claims)) {
        return;
    }
    for (const struct move *m = j->w->moves; m != NULL; m = m->next) {
        if (waits_here(m, j)) {
            sync |= m->promised == DURABILITY_FSYNC;
            replicas |= m->promised == DURABILITY_REPLICA;
        }
    }
    if (sync || replicas) {
        j->claims.covers_n = j->live ? j->known_n : j->top;
        j->claims.written = false;
        write_first(j);
        ask_for(&j->claims, sync, replicas);
    }
}

static void claims_proven(struct journal *j)
{
    if (!j->claims.written) {
        return; /* the next renewal asks again */
    }
    for (struct move *m = j->w->moves; m != NULL; m = m->next) {
        if (waits_here(m, j) && m->copy->n <= j->claims.covers_n) {
            m->unproven = !is_proof(&j->claims, m->promised);
        }
    }
    moves_pump(j->w);
}

static void proof_came(struct proof *p)
{
    struct journal *j = p->journal;
    if (--p->awaited == 0) {
        (p == &j->proof ? appends_proven : claims_proven)(j);
    }
}
