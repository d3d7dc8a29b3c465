/* The process: its memory of a journal, Coming back, commits, recovery, re-appending.
 *
 * The whole of Coming back is one rule with two ends. Either what I find is exactly what I left:
 * resume from memory. Or it is anything else: make sure it is sealed, put aside what I hold
 * unsettled above the stored top, drop the rest, and if I am the owner recover it from the record.
 */
#include "model.h"

#include <string.h>

/* ---- sending ---- */

static struct cmd *cmd_send(struct state *s, int p, int j, enum cmd_kind kind)
{
    struct cmd *c = &s->p[p].cmd;
    memset(c, 0, sizeof *c);
    c->kind = (uint8_t)kind;
    c->wire = WIRE_SENT;
    c->p = (uint8_t)p;
    c->j = (uint8_t)j;
    c->tok = s->p[p].m[j].tok;
    return c;
}

/* Every asking that may take brings a new token. An asking that was answered without taking has not
 * used it up (owner_reply gives it back). */
void owner_ask(struct state *s, int p, int j)
{
    struct cmd *c = cmd_send(s, p, j, CMD_ASK);
    if (s->p[p].serial >= 15)
        cover[C_BOUND]++;
    c->tok = (uint8_t)(TOKEN | p << 6 | s->p[p].life << 4 | ++s->p[p].serial);
    /* What the found top must reach: appends answered later do not count, refused ones never. */
    const struct mem *m = &s->p[p].m[j];
    c->n = mutant == MUT_REFUSED_COUNTS ? m->known : m->answered;
}

/* The next n of my own journal takes it; for a copy of a moved event nothing starts before its
 * claim. */
void owner_append(struct state *s, int p, int j, const struct limbo *l)
{
    struct proc *o = &s->p[p];
    struct mem *m = &o->m[j];
    int n = ++m->sent;
    struct entry *x = &m->ent[n];
    x->e = l->e;
    x->ast = A_SENT;
    x->keep = l->keep;
    x->from = l->from;
    x->via = l->via;
    x->unproven = scen->proof;
    for (int d = 0; d < NDEST; d++)
        x->d[d] = (l->to >> d & 1) ? D_HELD : D_NONE;
    int k = o->app[0].wire ? 1 : 0;
    struct app a = {WIRE_SENT, (uint8_t)p, (uint8_t)j, (uint8_t)n, (uint8_t)(l->e | l->to << 4),
                    l->from,   l->via,     R_NONE};
    o->app[k] = a;
}

bool owner_commit(struct state *s, int p, int j, bool trim)
{
    struct mem *m = &s->p[p].m[j];
    if (!memory_commit(s, p, j, trim))
        return false;
    m->outsent = 1;
    cmd_send(s, p, j, CMD_COMMIT)->c = m->c;
    return true;
}

void owner_renew(struct state *s, int p, int j)
{
    cmd_send(s, p, j, CMD_RENEW);
}

void owner_prove(struct state *s, int p, int j)
{
    cmd_send(s, p, j, CMD_PROVE);
}

/* ---- answers ---- */

/* Row 1 of Coming back: is what was found exactly what I left? For one who has sealed that includes
 * the seal and its top: a seal that is gone was in a lost tail (hole 3). */
static bool ask_resumes(const struct mem *m, const struct cmd *c, bool *out_done)
{
    bool tokenless = mutant == MUT_NO_TOKEN;
    bool prev = c->r_vcnt == m->vcnt && (tokenless || c->r_vtok == m->vtok);
    *out_done =
        !prev && m->out && c->r_vcnt == m->c.new_cnt && (tokenless || c->r_vtok == m->c.new_tok);
    if (!prev && !*out_done)
        return false;
    if (m->iseal) {
        if (mutant == MUT_NO_SEAL)
            return true;
        if (mutant == MUT_ADOPTER_ROW1 && !c->r_sealed)
            return c->r_top >= m->answered && c->r_top <= m->sent;
        return c->r_sealed && c->r_top == m->answered;
    }
    uint8_t least = mutant == MUT_ASK_RACE ? m->answered : c->n;
    return !c->r_sealed && c->r_top >= least && c->r_top <= m->sent;
}

static void ask_resume(struct state *s, int p, int j, const struct cmd *c, bool out_done)
{
    struct mem *m = &s->p[p].m[j];
    if (out_done) {
        memory_committed(s, p, j);
        cover[C_OUT_DONE]++;
    } else if (m->out && c->r_owner != m->tok) {
        m->out = m->outsent = 0; /* the old one is fenced for ever: its content is free again */
        memset(&m->c, 0, sizeof m->c);
    }
    if (c->r_owner != m->tok)
        cover[C_RETAKEN]++;
    m->vtok = c->r_vtok;
    m->vcnt = c->r_vcnt;
    m->tok = c->r_owner;
    m->valid = 1;
    m->lapsed = 0;
    m->phase = PHASE_LIVE;
    m->outsent = 0; /* what was released stays still: the release may land yet (hole 12) */
    if (mutant == MUT_RELEASE_RESUMES)
        m->still = 0;
    cover[C_RESUMED]++;
}

/* Foreign and not sealed. The original owner waits for the seal: only then is the top final. An
 * adopter whose taking and seal went with the tail may meet the original owner, back in office:
 * what is at or below the top is that one's; above it I keep what only I may hold; if that is
 * nothing, I let go (hole 13). */
static void foreign_unsealed(struct state *s, int p, int j, int top)
{
    struct mem *m = &s->p[p].m[j];
    if (!m->iseal || mutant == MUT_ADOPTER_WAITS)
        return;
    bool left = false;
    for (int n = 2; n < NN; n++) {
        if (n <= top)
            entry_leave(s, p, j, n, top);
        left = left || m->ent[n].e;
    }
    m->still = STILL_LOST;
    m->out = m->outsent = 0;
    memset(&m->c, 0, sizeof m->c);
    if (!left)
        memset(m, 0, sizeof *m);
}

static void ask_answered(struct state *s, int p, int j, const struct cmd *c)
{
    struct mem *m = &s->p[p].m[j];
    bool fresh = m->role == ROLE_ADOPT && !m->iseal; /* nothing held yet */
    bool out_done, behind = c->r_top < c->n || (m->iseal && !c->r_sealed);
    if (c->res != R_TAKEN && s->p[p].serial &&
        c->tok == (TOKEN | p << 6 | s->p[p].life << 4 | s->p[p].serial))
        s->p[p].serial--;
    switch (c->res) {
    case R_ABSENT:
        s->need_told = 0;
        if (!fresh)
            cover[C_TOTAL_LOSS]++;
        memory_leave(s, p, j, 0);
        break;
    case R_GONE:
        if (!fresh)
            cover[C_GONE_SEEN]++;
        if (behind && mutant != MUT_GONE_NO_TOP)
            s->need_told = 0;
        memory_leave(s, p, j, mutant == MUT_GONE_NO_TOP ? 255 : c->r_top);
        break;
    case R_FOREIGN:
        if (behind)
            s->need_told = 0; /* counted and said loudly */
        if (!c->r_sealed && !fresh &&
            mutant != MUT_NO_SEAL) { /* wait: its owner seals, or its lease ends */
            foreign_unsealed(s, p, j, c->r_top);
            break;
        }
        if (m->iseal)
            cover[C_FENCED_ADOPTER]++;
        if (!fresh)
            cover[C_FOREIGN]++;
        memory_leave(s, p, j, c->r_top);
        break;
    case R_MINE:
    case R_TAKEN:
        if (!fresh && m->still != STILL_LOST && ask_resumes(m, c, &out_done)) {
            ask_resume(s, p, j, c, out_done);
            break;
        }
        if (behind)
            s->need_told = 0; /* counted and said loudly */
        if (!fresh && behind)
            cover[C_REPAIR]++;
        if (!fresh && m->iseal && !c->r_sealed)
            cover[C_RESEALED]++;
        if (!fresh && !behind && c->r_sealed)
            cover[C_CAME_AND_WENT]++;
        if (fresh)
            cover[C_ADOPTED]++;
        m->skipmove = mutant == MUT_ROW3_NO_MOVE && c->r_sealed && !fresh;
        m->tok = c->r_owner;
        m->valid = 1;
        m->lapsed = 0;
        m->phase = PHASE_SEALING;
        m->still = STILL_LOST;
        cmd_send(s, p, j, CMD_SEAL);
        break;
    default:
        break; /* stale: ask again */
    }
}

/* Sealed: the top is final. Put aside what is above it and recover the rest at once: the re-appends
 * go on beside it, because at OOM only recovery frees the memory that they need (hole 5). */
static void seal_answered(struct state *s, int p, int j, const struct cmd *c)
{
    struct mem *m = &s->p[p].m[j];
    if (m->phase != PHASE_SEALING)
        return;
    if (c->res != R_OK) {
        m->phase = PHASE_COMING;
        return;
    }
    uint8_t tok = m->tok;
    memory_leave(s, p, j, m->skipmove ? 255 : c->r_top);
    m->tok = tok;
    if (mutant == MUT_MOVE_FIRST) {
        m->role = ROLE_ADOPT;
        m->phase = PHASE_MOVING;
        m->valid = 1;
        m->iseal = 1;
        return;
    }
    memory_recover(s, p, j);
}

/* Its last claim is answered: deliver it, or call it settled. */
static void entry_decided(struct entry *x, bool won)
{
    x->step = STEP_DONE;
    for (int d = 0; d < NDEST; d++)
        if (x->d[d] == D_HELD)
            x->d[d] = won ? D_READY : D_SKIP;
}

static void moved_answered(struct state *s, int p, const struct cmd *c)
{
    struct mem *m = &s->p[p].m[c->j2];
    struct entry *x = &m->ent[c->n2];
    uint8_t place = (uint8_t)((c->j + 1) << 4 | c->n);
    bool asks = x->step == STEP_FROM || x->step == STEP_VIA;
    if (!x->e || !asks || (x->step == STEP_VIA ? x->via : x->from) != place)
        return; /* dropped meanwhile */
    bool won = c->r_top == c->next;
    if (won && x->via && x->step == STEP_FROM) {
        x->step = STEP_VIA; /* the next place of its way is still to be claimed */
        return;
    }
    cover[won ? C_MOVED_WON : C_MOVED_LOST]++;
    if (won && event_key(x->e - 1) && mutant != MUT_SEEN_UNCLAIMED)
        x->step = STEP_SEEN;
    else
        entry_decided(x, won);
}

static void tell_sender(struct state *s, int p, int j, const struct entry *x, bool durable)
{
    const struct mem *m = &s->p[p].m[j];
    uint8_t *sender = &s->sender[x->e - 1];
    if (scen->by[x->e - 1] != p || *sender != SENDER_WAITING)
        return;
    if (!durable) {
        *sender = SENDER_FAILED; /* 503: it is delivered all the same */
    } else if (m->valid && !m->still) {
        *sender = SENDER_ACKED;
        cover[C_ACKED]++;
    }
}

/* The place that the event's id names. */
uint8_t entry_id(const struct entry *x, int j, int n)
{
    return x->from ? x->from : (uint8_t)((j + 1) << 4 | n);
}

/* On a cluster a claim lies on another master than what it stands for, and must not outlive it:
 * only what is proven is claimed (holes 18, 19). On one server a claim comes behind the append. */
bool claim_waits(const struct entry *x)
{
    bool seen = x->step == STEP_SEEN;
    return scen->proof && scen->tail_one && x->ast == A_KNOWN && x->unproven &&
           mutant != (seen ? MUT_SEEN_UNPROVEN : MUT_MOVED_UNPROVEN);
}

static void seen_answered(struct state *s, int p, const struct cmd *c)
{
    struct entry *x = &s->p[p].m[c->j2].ent[c->n2];
    if (!x->e || x->step != STEP_SEEN || x->e != c->n + 1 || entry_id(x, c->j2, c->n2) != c->next)
        return; /* dropped meanwhile */
    bool won = c->r_top == c->next;
    cover[won ? C_SEEN_WON : C_SEEN_LOST]++;
    entry_decided(x, won);
    tell_sender(s, p, c->j2, x, !x->unproven); /* what proves a duplicate proves the first one */
}

/* What was recovered is proven as far as the seal is, which lies behind it. */
static void proved(struct mem *m, const struct cmd *c)
{
    for (int n = 2; n < NN && c->res == R_OK && m->iseal; n++)
        m->ent[n].unproven = 0;
}

/* The list's head, to be carried out with the next commit; one at a time. */
static void renewed(struct state *s, int p, int j, const struct cmd *c)
{
    struct mem *m = &s->p[p].m[j];
    if (m->phase == PHASE_LIVE && c->res == R_OK && !m->req)
        m->req = c->n;
    else if (m->phase == PHASE_LIVE && c->res != R_OK)
        m->phase = PHASE_COMING;
}

static void create_answered(struct state *s, int p, int j, const struct cmd *c)
{
    struct mem *m = &s->p[p].m[j];
    if (m->phase != PHASE_CREATING)
        return;
    if (c->res != R_OK && c->res != R_STALE) {
        memset(m, 0, sizeof *m); /* draw again */
        return;
    }
    m->vtok = m->tok;
    m->answered = m->sent = m->known = 1;
    m->valid = c->res == R_OK;
    m->phase = m->valid ? PHASE_LIVE : PHASE_COMING;
}

/* Is the last journal given up? The process ends, and perhaps the next one starts (an upgrade). */
void owner_stopped(struct state *s, int p)
{
    struct proc *o = &s->p[p];
    for (int j = 0; j < NJ; j++)
        if (o->m[j].role != ROLE_NONE)
            return;
    uint8_t life = o->life;
    memset(o, 0, sizeof *o);
    o->life = (uint8_t)(life + (life < scen->restart));
    o->down = life >= scen->restart;
}

void owner_reply(struct state *s, int p)
{
    struct cmd c = s->p[p].cmd;
    struct mem *m = &s->p[p].m[c.j];
    memset(&s->p[p].cmd, 0, sizeof s->p[p].cmd);
    if (c.res == R_STALE)
        cover[C_STALE]++;
    switch (c.kind) {
    case CMD_CREATE:
        create_answered(s, p, c.j, &c);
        break;
    case CMD_ASK:
        if (m->phase == PHASE_COMING)
            ask_answered(s, p, c.j, &c);
        break;
    case CMD_SEAL:
        seal_answered(s, p, c.j, &c);
        break;
    case CMD_COMMIT:
        if (!m->out || memcmp(&m->c, &c.c, sizeof c.c) != 0)
            break; /* of a memory that was dropped */
        m->outsent = 0;
        if (c.res == R_OK) {
            memory_committed(s, p, c.j);
        } else if (c.res == R_OOM) { /* stays in memory, its entry unsettled */
            m->out = 0;
            memset(&m->c, 0, sizeof m->c);
            for (int n = 2; n < NN; n++)
                for (int d = 0; d < NDEST; d++)
                    if (m->ent[n].d[d] == D_FAIL)
                        m->ent[n].d[d] = D_READY;
        } else if (m->phase == PHASE_LIVE) {
            m->phase = PHASE_COMING;
        }
        break;
    case CMD_DELETE:
        if (c.res == R_OK)
            memset(m, 0, sizeof *m);
        else if (c.res != R_BUSY && m->phase == PHASE_LIVE)
            m->phase = PHASE_COMING;
        break;
    case CMD_MOVED:
        moved_answered(s, p, &c);
        break;
    case CMD_SEEN:
        seen_answered(s, p, &c);
        break;
    case CMD_PROVE:
        proved(m, &c);
        break;
    case CMD_RENEW:
        renewed(s, p, c.j, &c);
        break;
    case CMD_RELEASE:
        if (c.res != R_OK) {
            if (m->phase == PHASE_LIVE)
                m->phase = PHASE_COMING;
            break;
        }
        cover[C_RELEASED]++;
        memset(m, 0, sizeof *m);
        owner_stopped(s, p);
        break;
    default:
        break;
    }
}

/* The append is known: deliver from memory, and tell the sender if the lease allows it, and what
 * was promised is proven. With a delivery id both wait for its claim. */
static void append_known(struct state *s, int p, int j, int n, bool proven)
{
    struct mem *m = &s->p[p].m[j];
    struct entry *x = &m->ent[n];
    x->ast = A_KNOWN;
    x->unproven = !proven && mutant != MUT_ACK_UNPROVEN;
    if (n > m->known)
        m->known = (uint8_t)n;
    x->step = entry_first_step(x);
    spool_durable(s, p, x, proven);
    if (x->step == STEP_DONE)
        entry_decided(x, true);
    if (x->unproven || !event_key(x->e - 1))
        tell_sender(s, p, j, x, !x->unproven);
}

/* Surely not in the journal: a new n, if anybody still wants it. */
static void append_absent(struct state *s, int p, int j, int n, bool refused)
{
    struct entry *x = &s->p[p].m[j].ent[n];
    struct limbo l = {x->e, 0, x->keep, x->from, x->via};
    for (int d = 0; d < NDEST; d++)
        if (delivery_unsettled(x->d[d]))
            l.to = (uint8_t)(l.to | 1 << d);
    if (!refused &&
        mutant != MUT_ABSENT_UNCLAIMED) /* sent, lost: another may have seen it before */
        entry_places(x, &l, (uint8_t)((j + 1) << 4 | n));
    if (!refused || x->keep)
        memory_put_aside(s, p, l);
    else if (s->sender[x->e - 1] == SENDER_WAITING)
        s->sender[x->e - 1] = SENDER_FAILED;
    memset(x, 0, sizeof *x);
}

/* Unknown appends, after the marker: what the stream has now is final. */
void owner_readback(struct state *s, int p, int j)
{
    struct mem *m = &s->p[p].m[j];
    for (int n = 2; n < NN; n++) {
        if (!m->ent[n].e || m->ent[n].ast != A_UNKNOWN)
            continue;
        bool there = s->st.j[j].ent[n] != ENTRY_NONE;
        cover[there ? C_PRESENT : C_ABSENT]++;
        if (there)
            append_known(s, p, j, n, !scen->proof); /* none came */
        else
            append_absent(s, p, j, n, false);
    }
}

static void marker_answered(struct state *s, int p, const struct app *a)
{
    struct mem *m = &s->p[p].m[a->j];
    if (m->mk != a->n)
        return;
    if (a->res == R_OOM || m->phase != PHASE_LIVE) {
        m->mkunknown = 1; /* again, with the same n */
        return;
    }
    if (a->res == R_NIL) {
        m->mkunknown = 1;
        m->phase = PHASE_COMING;
        return;
    }
    cover[C_MARKER]++;
    m->mk = m->mkunknown = 0; /* "equal or smaller" = done */
    m->answered = a->n > m->answered ? a->n : m->answered;
    m->known = a->n > m->known ? a->n : m->known;
    owner_readback(s, p, a->j);
}

/* What was sent before the proof was asked for is in the stream: now it is known. */
static void proof_answered(struct state *s, int p, const struct app *a)
{
    struct mem *m = &s->p[p].m[a->j];
    bool proven = a->res == R_OK;
    cover[proven ? C_PROVEN : C_SHORT]++;
    int last = mutant == MUT_PROOF_OF_LATER ? m->sent : a->n;
    for (int n = 2; n <= last; n++)
        if (m->ent[n].e && m->ent[n].ast == A_SENT) {
            m->answered = n > m->answered ? (uint8_t)n : m->answered;
            append_known(s, p, a->j, n, proven);
        } else if (proven && m->ent[n].e && m->ent[n].ast == A_KNOWN && m->ent[n].unproven) {
            m->ent[n].unproven = 0; /* late, but before its claim */
            spool_durable(s, p, &m->ent[n], true);
        }
}

void owner_append_reply(struct state *s, int p)
{
    struct proc *o = &s->p[p];
    struct app a = o->app[0];
    o->app[0] = o->app[1];
    memset(&o->app[1], 0, sizeof o->app[1]);
    struct mem *m = &o->m[a.j];
    if (m->role != ROLE_OWN)
        return;
    if (a.ent == ENTRY_PROOF) {
        proof_answered(s, p, &a);
        return;
    }
    if (a.ent == ENTRY_MARKER) {
        marker_answered(s, p, &a);
        return;
    }
    struct entry *x = &m->ent[a.n];
    if (!x->e || x->ast != A_SENT)
        return;
    bool refused = a.res == R_OOM || a.res == R_ERROR;
    bool read_as_ok = a.res == R_ERROR && mutant == MUT_REFUSED_ACKED;
    if (a.res == R_OK || read_as_ok) {
        if (scen->proof && mutant != MUT_ACK_UNPROVEN)
            return; /* known when its proof is answered */
        if (a.n > m->answered)
            m->answered = a.n;
        append_known(s, p, a.j, a.n, true);
        return;
    }
    append_absent(s, p, a.j, a.n, refused);
    if (refused && a.n > m->known)
        m->known = a.n; /* a hole */
    if (!refused && m->phase == PHASE_LIVE)
        m->phase = PHASE_COMING;
}

/* Any connection lost: before anything else is sent, each journal is asked for. */
void owner_reconnect(struct state *s, int p)
{
    for (int j = 0; j < NJ; j++) {
        struct mem *m = &s->p[p].m[j];
        if (m->phase == PHASE_CREATING && !s->p[p].cmd.wire)
            memset(m, 0, sizeof *m);
        else if (m->phase == PHASE_LIVE || m->phase == PHASE_SEALING || m->phase == PHASE_MOVING)
            m->phase = PHASE_COMING;
        if (!s->p[p].cmd.wire)
            m->outsent = 0;
    }
}
