/* A process's memory of its journals: what it holds, what a commit of it says, what recovery makes
 * of a record, and what becomes of it when the journal is not resumed. */
#include "model.h"

#include <string.h>

bool token_mine(const struct state *s, int p, uint8_t tok)
{
    return (tok & 0xF0) == (TOKEN | p << 6 | s->p[p].life << 4);
}

bool delivery_unsettled(uint8_t d)
{
    return d == D_HELD || d == D_READY || d == D_FLY || d == D_FLYX || d == D_FAIL || d == D_BURY;
}

static uint8_t with(uint8_t mask, int d)
{
    return (uint8_t)(mask | 1 << d);
}

/* Masks by n start at n = 2, the first after the marker of `create`. */
static bool nbit(uint8_t mask, int n)
{
    return mask >> (n - 2) & 1;
}

static uint8_t nwith(uint8_t mask, int n)
{
    return (uint8_t)(mask | 1 << (n - 2));
}

/* An outcome that was not committed when lease, process or tail died may be repeated: promise 4
 * (c), (d). */
void memory_excuse(struct state *s, int p, int j)
{
    for (int e = 0; e < NEV; e++) /* by delivery id */
        for (int d = 0; d < NDEST; d++)
            if (s->ok[e][d] == OK_UNCOMMITTED && s->okby[e][d] == (p << 4 | j)) {
                s->ok[e][d] = OK_EXCUSED;
                s->okby[e][d] = 0;
            }
    for (int n = 2; n < NN; n++)
        for (int d = 0; d < NDEST; d++)
            if (s->p[p].m[j].ent[n].d[d] == D_FLY)
                s->p[p].m[j].ent[n].d[d] = D_FLYX;
}

void memory_put_aside(struct state *s, int p, struct limbo l)
{
    for (int k = 0; k < NLIMBO; k++)
        if (!s->p[p].limbo[k].e) {
            s->p[p].limbo[k] = l;
            return;
        }
    cover[C_BOUND]++;
}

/* Running attempts of dropped lanes finish somewhere, with nobody to note it. If that is not
 * excused by a fault, count it as delivered, so that a repeat is found. */
static void entry_drop(struct state *s, int p, int j, struct entry *x)
{
    int e = x->e ? event_what(x->e - 1) : 0;
    for (int d = 0; d < NDEST; d++)
        if (x->d[d] == D_FLY && s->ok[e][d] == OK_NONE) {
            s->ok[e][d] = OK_UNCOMMITTED;
            s->okby[e][d] = (uint8_t)(p << 4 | j);
        }
    memset(x, 0, sizeof *x);
}

/* Should this entry of a journal that I do not resume be appended again? Above the stored top: yes,
 * it was in the lost tail, or was never there. At or below it, known: no, the record has it.
 * Unknown: nobody can look, for what is settled may be trimmed, and all of it gone. So what a
 * sender still waits for is refused; but a re-append of something acknowledged goes out again, and
 * as whoever recovered the first copy has claimed its place of origin, that claim decides (holes
 * 16, 17). */
static bool entry_moves(const struct state *s, int j, const struct entry *x, int n, int top)
{
    if (n > top)
        return true;
    if (mutant == MUT_TRIM_ABSENT && s->st.j[j].exists && x->ast != A_KNOWN)
        return s->st.j[j].ent[n] == ENTRY_NONE;
    return x->ast != A_KNOWN && x->keep && mutant != MUT_GONE_HOLE;
}

uint8_t entry_first_step(const struct entry *x)
{
    if (x->from && mutant != MUT_MOVE_UNCLAIMED)
        return STEP_FROM;
    return event_key(x->e - 1) && mutant != MUT_SEEN_UNCLAIMED ? STEP_SEEN : STEP_DONE;
}

/* Which places does a copy of this entry have to claim? All that it lay in, oldest first, each
 * pointing to the next: that an earlier claim was answered does not help, it may have gone with the
 * same tail. `here` counts also if I never knew that it was there: another may have recovered it
 * before it was lost. (Two places are kept; with more the oldest is forgotten: a repeat then, never
 * a loss.) */
void entry_places(const struct entry *x, struct limbo *l, uint8_t here)
{
    if (x->ast != A_KNOWN && mutant == MUT_UNKNOWN_UNCLAIMED)
        return;
    bool keeps = x->from && mutant != MUT_CLAIM_FORGETS;
    l->from = !keeps ? here : x->via ? x->via : x->from;
    l->via = keeps ? here : 0;
}

/* Let go of one entry: aside, if it has to move, else it is another's or nobody's. top 255: nothing
 * moves. */
void entry_leave(struct state *s, int p, int j, int n, int top)
{
    struct entry *x = &s->p[p].m[j].ent[n];
    if (!x->e)
        return;
    int e = x->e - 1;
    struct limbo l = {x->e, 0, 0, x->from, x->via};
    for (int d = 0; d < NDEST; d++)
        if (delivery_unsettled(x->d[d]))
            l.to = with(l.to, d);
    /* Unknown, and not above the top: it may be there and delivered, so only its first place can
     * decide. */
    if (n > top || x->ast == A_KNOWN)
        entry_places(x, &l, (uint8_t)((j + 1) << 4 | n));
    l.keep = x->ast == A_KNOWN || x->keep;
    bool waiting = scen->by[e] == p && s->sender[e] == SENDER_WAITING;
    if (top != 255 && l.to && entry_moves(s, j, x, n, top) && (l.keep || waiting))
        memory_put_aside(s, p, l);
    else if (waiting)
        s->sender[e] = SENDER_FAILED; /* 503: it may be delivered all the same */
    entry_drop(s, p, j, x);
}

/* Leave a journal that is not resumed. */
void memory_leave(struct state *s, int p, int j, int top)
{
    for (int n = 2; n < NN; n++)
        entry_leave(s, p, j, n, top);
    memset(&s->p[p].m[j], 0, sizeof s->p[p].m[j]);
}

/* Nothing left to do for an entry: memory forgets it, the journal keeps it. */
void memory_forget(struct state *s, int p, int j)
{
    for (int n = 2; n < NN; n++) {
        struct entry *x = &s->p[p].m[j].ent[n];
        bool waits = x->e && scen->by[x->e - 1] == p && s->sender[x->e - 1] == SENDER_WAITING;
        bool done = x->e && x->ast == A_KNOWN && !(waits && s->p[p].m[j].role == ROLE_OWN);
        for (int d = 0; d < NDEST; d++)
            done = done && (x->d[d] == D_NONE || x->d[d] == D_DONE || x->d[d] == D_DEAD);
        if (done)
            memset(x, 0, sizeof *x);
    }
}

/* A replay was carried out: its delivery is parked, and due. */
static void request_done(struct state *s, int p, int j, uint8_t req)
{
    struct mem *m = &s->p[p].m[j];
    struct entry *x = &m->ent[(req & ~EFFECT) >> 1];
    m->req = 0;
    if (!(req & EFFECT))
        return;
    if (mutant == MUT_REQUEST_APART)
        m->req = (uint8_t)(req & ~EFFECT);
    x->e = s->st.j[j].ent[(req & ~EFFECT) >> 1] & 0x0F;
    x->ast = A_KNOWN;
    x->keep = 1;
    x->step = STEP_DONE;
    x->d[req & 1] = D_PARK;
}

/* The answer tells that my commit is in the record: only now is it durable and may memory forget.
 */
void memory_committed(struct state *s, int p, int j)
{
    struct mem *m = &s->p[p].m[j];
    const struct commit *c = &m->c;
    for (int n = 2; n < NN; n++)
        for (int d = 0; d < NDEST; d++) {
            struct entry *x = &m->ent[n];
            bool ok = nbit(c->ok[d], n);
            if (!(ok || nbit(c->skip[d], n) || nbit(c->park[d], n) || nbit(c->bury[d], n)))
                continue;
            m->jset[d] = nwith(m->jset[d], n);
            if (!x->e)
                continue;
            int e = event_what(x->e - 1);
            if (ok && (s->ok[e][d] == OK_EXCUSED || s->okby[e][d] == (p << 4 | j))) {
                s->ok[e][d] = OK_DURABLE;
                s->okby[e][d] = 0;
            }
            x->d[d] = nbit(c->park[d], n) ? D_PARK : nbit(c->bury[d], n) ? D_DEAD : D_DONE;
            if (x->d[d] == D_PARK)
                cover[C_PARKED]++;
            if (x->d[d] == D_DEAD)
                cover[C_BURIED]++;
        }
    if (c->req)
        request_done(s, p, j, c->req);
    if (c->trim)
        m->trimmed = c->trim;
    m->vtok = c->new_tok;
    m->vcnt = c->new_cnt;
    m->out = m->outsent = 0;
    memset(&m->c, 0, sizeof m->c);
    memory_forget(s, p, j);
}

/* Recovery: the record is the truth. What is parked and due comes back at once here. */
void memory_recover(struct state *s, int p, int j)
{
    struct mem *m = &s->p[p].m[j];
    const struct sjournal *r = &s->st.j[j];
    uint8_t tok = m->tok, top = r->sealed ? r->top : r->last;
    memset(m, 0, sizeof *m);
    m->role = ROLE_ADOPT;
    m->phase = PHASE_LIVE;
    m->tok = tok;
    m->valid = 1;
    m->vtok = r->vtok;
    m->vcnt = r->vcnt;
    m->answered = m->sent = m->known = top;
    m->iseal = 1;
    for (int n = 2; n < NN; n++) {
        struct entry x = {0};
        x.e = r->ent[n] == ENTRY_MARKER ? 0 : r->ent[n] & 0x0F;
        x.ast = A_KNOWN;
        x.keep = 1;
        bool any = false;
        /* A moved entry is claimed by whoever recovers it too: its writer may have died before its
         * claim. */
        x.from = mutant == MUT_RECOVERY_UNCLAIMED || mutant == MUT_MOVE_UNCLAIMED ? 0 : r->was[n];
        x.via = x.from ? r->via[n] : 0;
        x.unproven = 1; /* nobody has proven it to me */
        x.step = x.e ? entry_first_step(&x) : STEP_FROM;
        if (mutant == MUT_SEEN_FORGOTTEN && x.step == STEP_SEEN)
            x.step = STEP_DONE;
        for (int d = 0; d < NDEST; d++) {
            bool settled = store_settled(r, n, d), due = nbit(r->due[d], n);
            if (settled)
                m->jset[d] = nwith(m->jset[d], n);
            if (x.e && (!settled || due))
                x.d[d] = x.step != STEP_DONE ? D_HELD : D_READY;
            any = any || x.d[d];
            if (x.e && !settled && !r->floor[d])
                cover[C_NO_FLOOR]++;
        }
        if (any)
            m->ent[n] = x;
    }
    cover[C_RECOVERED]++;
}

/* ---- commits ---- */

/* Nothing that a commit says may pass an n whose append is not known. */
static bool commit_blocked(const struct mem *m, int n, int d)
{
    const struct entry *x = &m->ent[n];
    if (!x->e)
        return false;
    if (x->ast != A_KNOWN)
        return true;
    if (x->d[d] == D_NONE || nbit(m->jset[d], n))
        return false;
    return x->d[d] == D_HELD || x->d[d] == D_READY || x->d[d] == D_FLY || x->d[d] == D_FLYX;
}

static void commit_fields(const struct mem *m, struct commit *c)
{
    int last = m->known;
    c->low = (uint8_t)(last + 1);
    for (int d = 0; d < NDEST; d++) {
        int floor = 0;
        while (floor < last && !commit_blocked(m, floor + 1, d))
            floor++;
        if (floor + 1 < c->low)
            c->low = (uint8_t)(floor + 1);
        if (!(c->ok[d] | c->skip[d] | c->park[d] | c->bury[d]))
            continue;
        c->has = with(c->has, d);
        c->floor[d] = (uint8_t)floor;
        for (int n = floor + 1; n <= last; n++)
            if (nbit(m->jset[d], n) ||
                (m->ent[n].e && m->ent[n].d[d] != D_NONE && !commit_blocked(m, n, d)))
                c->done[d] = nwith(c->done[d], n);
    }
}

/* One tick: everything known so far, or the outstanding one again, the same bytes. */
bool memory_commit(struct state *s, int p, int j, bool trim)
{
    struct mem *m = &s->p[p].m[j];
    if (!m->out || mutant == MUT_REBUILD_COMMIT) {
        struct commit c = {0};
        for (int n = 2; n < NN; n++)
            for (int d = 0; d < NDEST; d++) {
                uint8_t v = m->ent[n].d[d];
                if (v == D_OK)
                    c.ok[d] = nwith(c.ok[d], n);
                if (v == D_SKIP)
                    c.skip[d] = nwith(c.skip[d], n);
                if (v == D_FAIL)
                    c.park[d] = nwith(c.park[d], n);
                if (v == D_BURY)
                    c.bury[d] = nwith(c.bury[d], n);
            }
        c.req = m->req;
        if (!trim && !(c.ok[0] | c.ok[1] | c.skip[0] | c.skip[1] | c.park[0] | c.park[1] |
                       c.bury[0] | c.bury[1] | c.req))
            return false;
        commit_fields(m, &c);
        uint8_t below = mutant == MUT_TRIM_ABOVE_LOW ? (uint8_t)(m->known + 1) : c.low;
        if (trim && below <= m->trimmed)
            return false;
        c.trim = trim ? below : 0;
        c.prev_tok = m->vtok;
        c.prev_cnt = m->vcnt;
        c.new_tok = m->tok;
        /* One counter for the whole life, that never goes back: after a lost tail the same token
         * may write again, and a version used twice would tell an adopter that nothing has happened
         * (hole 15). */
        bool old = mutant == MUT_COUNT_RESTARTS || mutant == MUT_REBUILD_COMMIT;
        c.new_cnt = old ? (uint8_t)(m->vcnt + 1) : ++s->p[p].count;
        m->c = c;
        m->out = 1;
    }
    return true;
}
