/* The promises, as what must hold in every state: I1, nothing acknowledged is lost; I3's goal, the
 * end of all work. (I2, repeats, is checked where it would be broken: attempt_start in world.c.) */
#include "model.h"

/* Requests with the delivery id of event 0 are one delivery, known by that event's number. */
uint8_t event_key(int e)
{
    return scen->same && (e == 0 || (scen->same >> e & 1));
}

int event_what(int e)
{
    return e > 0 && (scen->same >> e & 1) ? 0 : e;
}

bool promise_in_memory(const struct state *s, int what, int d)
{
    for (int p = 0; p < NPROC; p++) {
        for (int k = 0; k < NLIMBO; k++)
            if (s->p[p].limbo[k].e && event_what(s->p[p].limbo[k].e - 1) == what &&
                (s->p[p].limbo[k].to >> d & 1))
                return true;
        for (int j = 0; j < NJ; j++)
            for (int n = 2; n < NN; n++) {
                const struct entry *x = &s->p[p].m[j].ent[n];
                if (x->e && event_what(x->e - 1) == what && delivery_unsettled(x->d[d]))
                    return true;
            }
    }
    return false;
}

static bool on_disk(const struct state *s, int what)
{
    for (int p = 0; p < NPROC; p++)
        for (int e = 0; e < scen->nev; e++)
            if ((s->disk[p] >> e & 1) && event_what(e) == what)
                return true;
    return false;
}

/* I1. What is acknowledged is delivered or held. The only way out: the store lost it, and whoever
 * still held it in memory crashed (nobody is left who could tell), or nobody held it when the store
 * did. Of what was proven before it was acknowledged none of this excuses anything: it is kept. */
void promise_held(struct state *s, bool excusing)
{
    for (int e = 0; e < scen->nev; e++) {
        if (s->sender[e] != SENDER_ACKED)
            continue;
        int what = event_what(e);
        for (int d = 0; d < NDEST; d++) {
            if (!(scen->to[e] >> d & 1) || ((s->delivered[what] | s->exempt[what]) >> d & 1))
                continue;
            if (store_holds(&s->st, what, d) || promise_in_memory(s, what, d) || on_disk(s, what))
                continue;
            if (excusing && !scen->proof && (s->storelost[what] >> d & 1))
                s->exempt[what] = (uint8_t)(s->exempt[what] | 1 << d);
            else
                s->violation = V_LOST;
        }
    }
}

bool promise_flying(const struct state *s, int what, int d)
{
    for (int p = 0; p < NPROC; p++)
        for (int j = 0; j < NJ; j++)
            for (int n = 2; n < NN; n++)
                if (s->p[p].m[j].ent[n].d[d] == D_FLY &&
                    event_what(s->p[p].m[j].ent[n].e - 1) == what)
                    return true;
    return false;
}

/* No fault is left: answers can not be lost any more. */
bool promise_calm(const struct state *s)
{
    return !(s->cuts | s->lapses | s->crashes | s->tails | s->errors | s->has_snap);
}

int sender_next(const struct state *s, int p)
{
    if (promise_calm(s) && !scen->oom)
        return -1; /* after the last fault nothing new is accepted: fewer states */
    for (int e = 0; e < scen->nev; e++)
        if (scen->by[e] == p && s->sender[e] == SENDER_NEW &&
            !(scen->again && e > 0 && s->sender[0] != SENDER_FAILED))
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
        if (o->cmd.wire || o->app[0].wire || o->stopping || s->disk[p] || s->wrote[p])
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
        if (r->req || !owned || (r->sealed && !(r->dead[0] | r->dead[1])))
            return false;
    }
    for (int e = 0; e < scen->nev; e++) {
        int what = event_what(e);
        uint8_t ends = (uint8_t)(s->delivered[what] | s->exempt[what]);
        for (int j = 0; j < NJ; j++)
            for (int n = 2; n < NN; n++)
                for (int d = 0; d < NDEST; d++)
                    if (event_what((s->st.j[j].ent[n] & 15) - 1) == what &&
                        (s->st.j[j].dead[d] >> (n - 2) & 1))
                        ends = (uint8_t)(ends | 1 << d);
        if (s->sender[e] == SENDER_WAITING ||
            (s->sender[e] == SENDER_ACKED && (scen->to[e] & ~ends)))
            return false;
    }
    return s->asked == s->replayed;
}
