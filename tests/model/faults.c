/* What may go wrong, each kind within the budget of its scenario: connections that break, leases
 * that lapse, processes that crash, a store that comes back without its tail. And time, which costs
 * nothing. */
#include "model.h"

#include <string.h>

static void float_cmd(struct state *t, int p)
{
    for (int k = 0; t->p[p].cmd.wire == WIRE_SENT && k < NFLOAT; k++)
        if (!t->fcmd[k].kind) {
            t->fcmd[k] = t->p[p].cmd;
            break;
        }
    memset(&t->p[p].cmd, 0, sizeof t->p[p].cmd);
}

static void float_apps(struct state *t, int p)
{
    for (int a = 0; a < NAPP; a++) {
        struct app *x = &t->p[p].app[a];
        if (!x->wire)
            continue;
        for (int k = 0; x->wire == WIRE_SENT && x->ent != ENTRY_PROOF && k < NFLOAT; k++)
            if (!t->fapp[k].wire) {
                t->fapp[k] = *x;
                break;
            }
        struct mem *m = &t->p[p].m[x->j];
        if (x->ent == ENTRY_MARKER)
            m->mkunknown = m->mk == x->n;
        memset(x, 0, sizeof *x);
    }
    for (int j = 0; j < NJ; j++) /* answered, but not with their proof */
        for (int n = 2; n < NN && t->p[p].m[j].role == ROLE_OWN; n++)
            if (t->p[p].m[j].ent[n].e && t->p[p].m[j].ent[n].ast == A_SENT)
                t->p[p].m[j].ent[n].ast = A_UNKNOWN;
}

void fault_cut(const struct state *s, int p)
{
    if (!s->cuts)
        return;
    if (s->p[p].cmd.wire) {
        struct state t = *s;
        t.cuts--;
        float_cmd(&t, p);
        owner_reconnect(&t, p);
        say("%c's other connection breaks", process_name(p));
        world_step(&t, true, false);
    }
    if (s->p[p].app[0].wire) {
        struct state t = *s;
        t.cuts--;
        float_apps(&t, p);
        owner_reconnect(&t, p);
        say("%c's append connection breaks", process_name(p));
        world_step(&t, true, false);
    }
}

void fault_lapse(const struct state *s, int p)
{
    for (int j = 0; s->lapses && j < NJ; j++) {
        if (!s->p[p].m[j].valid)
            continue;
        struct state t = *s;
        struct mem *m = &t.p[p].m[j];
        t.lapses--;
        m->valid = 0;
        m->lapsed = 1;
        m->phase = PHASE_COMING;
        memory_excuse(&t, p, j);
        say("%c stands still; its lease of J%d lapses", process_name(p), j);
        world_step(&t, true, false);
    }
}

/* A stop whose time was up before all had come to rest: what runs is cut off, as in a crash, but
 * each journal is given up, by a command that may land whenever it likes. */
static void float_releases(struct state *t, const struct state *s, int p)
{
    for (int j = 0; j < NJ; j++)
        for (int k = 0; s->p[p].m[j].role && k < NFLOAT; k++)
            if (!t->fcmd[k].kind) {
                t->fcmd[k].kind = CMD_RELEASE;
                t->fcmd[k].wire = WIRE_SENT;
                t->fcmd[k].p = (uint8_t)p;
                t->fcmd[k].j = (uint8_t)j;
                t->fcmd[k].tok = s->p[p].m[j].tok;
                break;
            }
}

void fault_crash(const struct state *s, int p)
{
    if (!s->crashes || s->p[p].down)
        return;
    struct state t = *s;
    struct proc *o = &t.p[p];
    t.crashes--;
    for (int j = 0; j < NJ; j++)
        memory_excuse(&t, p, j);
    for (int e = 0; e < scen->nev; e++)
        if (scen->by[e] == p && t.sender[e] == SENDER_WAITING)
            t.sender[e] = SENDER_FAILED;
    float_cmd(&t, p);
    float_apps(&t, p);
    uint8_t life = o->life;
    memset(o, 0, sizeof *o);
    o->life = (uint8_t)(life + 1);
    t.need_told = 0;                                        /* whoever knew is gone */
    for (int kept = 0; kept <= (t.wrote[p] != 0); kept++) { /* what was not synced: perhaps */
        struct state u = t;
        if (kept)
            u.disk[p] |= u.wrote[p];
        u.wrote[p] = 0;
        say("%c crashes and starts again%s", process_name(p), kept ? ", its last write lasts" : "");
        world_step(&u, true, true);
        if (!(scen->stop >> p & 1) || s->p[p].stopping)
            continue;
        float_releases(&u, s, p);
        say("%c is stopped with work left, gives its journals up, and starts again",
            process_name(p));
        world_step(&u, true, true);
    }
}

/* No fault, but the end of its danger: what was proven too late is kept after all. */
static void catch_up(const struct state *s)
{
    struct state t = *s;
    memset(&t.snap, 0, sizeof t.snap);
    t.has_snap = t.snap_j = 0;
    say("the replica has caught up: nothing will be lost");
    world_step(&t, false, false);
}

/* The store comes back without the tail. It was another incarnation: what was on its connections is
 * gone. */
void fault_tail(const struct state *s)
{
    if (!s->has_snap)
        return;
    if (scen->proof)
        catch_up(s);
    struct state t = *s;
    bool known[NEV] = {false}; /* somebody has the journal that held it, and will ask for it */
    for (int p = 0; p < NPROC; p++)
        for (int j = 0; j < NJ; j++)
            for (int n = 2; n < NN && (s->p[p].m[j].role == ROLE_OWN || s->p[p].m[j].iseal); n++) {
                int e = (s->st.j[j].ent[n] & 15) - 1;
                if (e >= 0 && e < NEV)
                    known[e] = true;
            }
    if (t.snap_j == NJ + 1)
        memcpy(t.st.seen, t.snap.seen, sizeof t.st.seen);
    else if (t.snap_j)
        t.st.j[t.snap_j - 1] = t.snap.j[t.snap_j - 1];
    else
        t.st = t.snap;
    if (t.snap_j)
        memcpy(t.st.sdone, t.snap.sdone, sizeof t.st.sdone);
    if (t.snap_j == NJ + 1 || t.snap_j == SPOOL_J + 1)
        memcpy(t.st.claims, t.snap.claims, sizeof t.st.claims);
    for (int e = 0; e < NEV; e++)
        if (t.st.claims[e] < s->st.claims[e])
            t.unclaimed |= (uint8_t)(1 << e);
    memset(&t.snap, 0, sizeof t.snap);
    t.has_snap = t.snap_j = 0;
    t.lost = 1;
    t.oom = scen->oom == 2;
    memset(t.fcmd, 0, sizeof t.fcmd);
    memset(t.fapp, 0, sizeof t.fapp);
    for (int p = 0; p < NPROC; p++) {
        memset(&t.p[p].cmd, 0, sizeof t.p[p].cmd);
        float_apps(&t, p);
        owner_reconnect(&t, p);
        for (int j = 0; j < NJ; j++)
            memory_excuse(&t, p, j);
    }
    memset(t.fapp, 0, sizeof t.fapp);
    for (int e = 0; e < scen->nev; e++)
        for (int d = 0; d < NDEST; d++) {
            int what = event_what(e);
            if (t.ok[what][d] == OK_DURABLE && !(t.st.sdone[what] >> d & 1))
                t.ok[what][d] = OK_EXCUSED;
            if (!(scen->to[e] >> d & 1) || (t.delivered[what] >> d & 1) ||
                store_holds(&t.st, what, d))
                continue;
            t.storelost[what] = (uint8_t)(t.storelost[what] | 1 << d);
            if (t.sender[e] == SENDER_ACKED && !promise_in_memory(&t, what, d) && known[e])
                t.need_told = 1;
        }
    cover[C_TAIL]++;
    say("the store loses its tail");
    world_step(&t, true, true);
}

/* Not a fault but time: a key whose owner does not renew it goes. Answers still on the way that
 * granted it are by then older than the lease rule allows. */
void fault_expire(const struct state *s, int j)
{
    uint8_t owner = s->st.j[j].owner;
    if (owner < TOKEN)
        return;
    for (int p = 0; p < NPROC; p++)
        if (s->p[p].m[j].valid && s->p[p].m[j].tok == owner)
            return;
    /* A live process whose grant is still on its way has to have stood still for a lease: that is a
     * fault. */
    bool stall = false;
    for (int p = 0; p < NPROC; p++) {
        const struct mem *m = &s->p[p].m[j];
        stall = stall || (m->role && token_mine(s, p, owner) && !m->lapsed && !m->valid);
    }
    if (stall && !s->lapses)
        return;
    struct state t = *s;
    if (stall)
        t.lapses--;
    t.st.j[j].owner = OWNER_ABSENT;
    for (int p = 0; p < NPROC; p++) {
        struct cmd *c = &t.p[p].cmd;
        bool grants =
            c->kind == CMD_CREATE ? c->tok == owner : c->kind == CMD_ASK && c->r_owner == owner;
        if (c->wire != WIRE_REPLIED || c->j != j || !grants)
            continue;
        c->res = R_STALE;
        c->r_owner = c->r_vtok = c->r_vcnt = c->r_top = c->r_sealed = 0;
    }
    say("J%d's owner key expires", j);
    world_step(&t, stall, false);
}
