/* The spool: what comes while Redis is away goes to a file, is acknowledged once it is synced, and
 * is moved into the own journal later, like any event of a journal that was left: its place of
 * origin is in the spool's own number, which is never created, and a claim there decides between
 * the copies of several lives. The file goes when all of it is answered, with its proof. */
#include "model.h"

#include <string.h>

/* Something waits to be drained: that wants a journal. */
bool spool_open(const struct state *s, int p)
{
    return (s->disk[p] & ~s->p[p].fed) != 0;
}

/* An append was answered: does it come from the file? */
void spool_durable(struct state *s, int p, const struct entry *x, bool proven)
{
    struct proc *o = &s->p[p];
    uint8_t bit = (uint8_t)(1 << (x->e - 1));
    if ((scen->spool & bit) && (s->disk[p] & bit)) {
        o->durable |= bit;
        o->unproven = (uint8_t)(proven ? o->unproven & ~bit : o->unproven | bit);
    }
}

static void acknowledge(struct state *s, int p)
{
    for (int e = 0; e < scen->nev; e++)
        if ((s->wrote[p] >> e & 1) && s->sender[e] == SENDER_WAITING) {
            s->sender[e] = SENDER_ACKED;
            cover[C_ACKED]++;
            cover[C_SPOOLED]++;
        }
}

static void write_steps(const struct state *s, int p)
{
    int e = sender_next(s, p);
    if (e >= 0 && (scen->spool >> e & 1)) {
        struct state t = *s;
        t.sender[e] = SENDER_WAITING;
        t.wrote[p] |= (uint8_t)(1 << e);
        if (mutant == MUT_SPOOL_ACK_EARLY)
            acknowledge(&t, p);
        say("%c writes e%d to its spool", process_name(p), e);
        world_step(&t, false, false);
    }
    if (s->wrote[p]) {
        struct state t = *s;
        acknowledge(&t, p);
        t.disk[p] |= t.wrote[p];
        t.wrote[p] = 0;
        say("%c's spool is synced: 2xx", process_name(p));
        world_step(&t, false, false);
    }
}

static void feed(const struct state *s, int p)
{
    for (int e = 0; e < scen->nev; e++) {
        if (!((s->disk[p] & ~s->p[p].fed) >> e & 1))
            continue;
        struct state t = *s;
        uint8_t place = (uint8_t)((SPOOL_J + 1) << 4 | (e + 2));
        struct limbo l = {(uint8_t)(e + 1), scen->to[e], 1, place, 0};
        if (mutant == MUT_SPOOL_UNCLAIMED)
            l.from = 0;
        if (t.p[p].life)
            cover[C_FED_AGAIN]++;
        t.p[p].fed |= (uint8_t)(1 << e);
        memory_put_aside(&t, p, l);
        say("%c reads e%d from its spool", process_name(p), e);
        world_step(&t, false, false);
        return; /* in order */
    }
}

/* Is a copy of what the file holds still in memory? Then it is proven later, or moved once more. */
static bool holds_copy(const struct state *s, int p)
{
    const struct proc *o = &s->p[p];
    for (int k = 0; k < NLIMBO; k++)
        if (o->limbo[k].e && (s->disk[p] >> (o->limbo[k].e - 1) & 1))
            return true;
    for (int j = 0; j < NJ; j++)
        for (int n = 2; n < NN; n++) {
            const struct entry *x = &o->m[j].ent[n];
            for (int d = 0; x->e && (s->disk[p] >> (x->e - 1) & 1) && d < NDEST; d++)
                if (delivery_unsettled(x->d[d]))
                    return true;
        }
    return false;
}

static void remove_file(const struct state *s, int p)
{
    const struct proc *o = &s->p[p];
    uint8_t done = mutant == MUT_SPOOL_REMOVED_EARLY ? o->fed : o->durable;
    if (!s->disk[p] || s->disk[p] != o->fed || s->disk[p] != done)
        return;
    struct state t = *s;
    bool again = o->unproven && mutant != MUT_SPOOL_UNPROVEN;
    if (again && (s->has_snap || holds_copy(s, p)))
        return; /* read again and again, with the same outcome, until the store has come back */
    t.p[p].fed = t.p[p].durable = t.p[p].unproven = 0;
    if (!again) {
        t.disk[p] = 0;
        cover[C_FILE_GONE]++;
    }
    say("%c %s", process_name(p),
        again ? "will read the spool's file again: not proven" : "removes the spool's file");
    world_step(&t, false, false);
}

void spool_steps(const struct state *s, int p)
{
    if (!scen->spool)
        return;
    write_steps(s, p);
    feed(s, p);
    remove_file(s, p);
}
