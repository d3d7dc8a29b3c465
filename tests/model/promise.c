/* The promises, as what must hold in every state: I1, nothing acknowledged is lost; I3's goal, the
 * end of all work. (I2, repeats, is checked where it would be broken: attempt_start in world.c.) */
#include "model.h"

bool promise_in_memory(const struct state *s, int e, int d)
{
    for (int p = 0; p < NPROC; p++) {
        for (int k = 0; k < NLIMBO; k++)
            if (s->p[p].limbo[k].e == e + 1 && (s->p[p].limbo[k].to >> d & 1))
                return true;
        for (int j = 0; j < NJ; j++)
            for (int n = 2; n < NN; n++) {
                const struct entry *x = &s->p[p].m[j].ent[n];
                if (x->e == e + 1 && delivery_unsettled(x->d[d]))
                    return true;
            }
    }
    return false;
}

/* I1. What is acknowledged is delivered or held. The only way out: the store lost it, and whoever
 * still held it in memory crashed (nobody is left who could tell), or nobody held it when the store
 * did. */
void promise_held(struct state *s, bool excusing)
{
    for (int e = 0; e < scen->nev; e++) {
        if (s->sender[e] != SENDER_ACKED)
            continue;
        for (int d = 0; d < NDEST; d++) {
            if (!(scen->to[e] >> d & 1) || ((s->delivered[e] | s->exempt[e]) >> d & 1))
                continue;
            if (store_holds(&s->st, e, d) || promise_in_memory(s, e, d))
                continue;
            if (excusing && (s->storelost[e] >> d & 1))
                s->exempt[e] = (uint8_t)(s->exempt[e] | 1 << d);
            else
                s->violation = V_LOST;
        }
    }
}

bool promise_flying(const struct state *s, int e, int d)
{
    for (int p = 0; p < NPROC; p++)
        for (int j = 0; j < NJ; j++)
            for (int n = 2; n < NN; n++)
                if (s->p[p].m[j].ent[n].e == e + 1 && s->p[p].m[j].ent[n].d[d] == D_FLY)
                    return true;
    return false;
}

/* No fault is left: answers can not be lost any more. */
bool promise_calm(const struct state *s)
{
    return !(s->cuts | s->lapses | s->crashes | s->tails | s->has_snap);
}

int sender_next(const struct state *s, int p)
{
    if (promise_calm(s) && !scen->oom)
        return -1; /* after the last fault nothing new is accepted: fewer states */
    for (int e = 0; e < scen->nev; e++)
        if (scen->by[e] == p && s->sender[e] == SENDER_NEW)
            return e;
    return -1;
}

bool mem_unknown(const struct mem *m)
{
    for (int n = 2; n < NN; n++)
        if (m->ent[n].e && m->ent[n].ast == A_UNKNOWN)
            return true;
    return m->mk != 0;
}

bool mem_empty(const struct mem *m)
{
    for (int n = 2; n < NN; n++)
        if (m->ent[n].e)
            return false;
    return !m->out;
}

/* An adopter whose taking the store forgot, and the original owner is back: it may hold on to what
 * was never acknowledged until that journal is sealed. */
static bool waits_idly(const struct state *s, const struct mem *m, int j)
{
    const struct sjournal *r = &s->st.j[j];
    if (!m->iseal || m->phase != PHASE_COMING || !r->exists || r->sealed)
        return false;
    for (int n = 2; n < NN; n++)
        if (m->ent[n].e && s->sender[m->ent[n].e - 1] == SENDER_ACKED)
            return false;
    return true;
}

/* I3's goal: nothing on the way, every sender answered, every acknowledged delivery done, dead or
 * accounted for, every journal of the store in the hands of a live owner; sealed ones only for
 * their dead letters. */
bool promise_quiet(const struct state *s)
{
    for (int p = 0; p < NPROC; p++) {
        const struct proc *o = &s->p[p];
        if (o->cmd.wire || o->app[0].wire)
            return false;
        for (int k = 0; k < NLIMBO; k++)
            if (o->limbo[k].e)
                return false;
        for (int j = 0; j < NJ; j++) {
            const struct mem *m = &o->m[j];
            if (m->role == ROLE_NONE)
                continue;
            if (waits_idly(s, m, j))
                continue;
            if (m->phase != PHASE_LIVE || !m->valid || !mem_empty(m) || mem_unknown(m))
                return false;
        }
        if (sender_next(s, p) >= 0 && !o->down)
            return false;
    }
    for (int j = 0; j < NJ; j++) {
        const struct sjournal *r = &s->st.j[j];
        if (!r->exists)
            continue;
        bool owned = false;
        for (int p = 0; p < NPROC; p++)
            owned = owned || (s->p[p].m[j].role && s->p[p].m[j].tok == r->owner);
        if (!owned || (r->sealed && !(r->dead[0] | r->dead[1])))
            return false;
    }
    for (int e = 0; e < scen->nev; e++) {
        uint8_t ends = (uint8_t)(s->delivered[e] | s->exempt[e]);
        for (int j = 0; j < NJ; j++)
            for (int n = 2; n < NN; n++)
                for (int d = 0; d < NDEST; d++)
                    if ((s->st.j[j].ent[n] & 15) == e + 1 && (s->st.j[j].dead[d] >> (n - 2) & 1))
                        ends = (uint8_t)(ends | 1 << d);
        if (s->sender[e] == SENDER_WAITING ||
            (s->sender[e] == SENDER_ACKED && (scen->to[e] & ~ends)))
            return false;
    }
    return true;
}
