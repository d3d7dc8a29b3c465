/* Everything that may happen next in a state, and what must hold after it.
 *
 * SIGSTOP is not a step: a stopped process is one that takes no step for a while, and every
 * interleaving in which it takes none while its lease lapses, its key expires and others adopt is
 * among those explored. */
#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool tracing;
char note[160];
unsigned long cover[C_N];

static emit_fn emit_to;

void say(const char *fmt, ...)
{
    if (!tracing)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(note, sizeof note, fmt, ap);
    va_end(ap);
}

static const char *const cmd_name[] = {"-",     "create",  "take",  "seal",  "commit", "delete",
                                       "moved", "release", "claim", "renew", "proof"};
static const char *const res_name[] = {
    "-",   "ok",  "refused", "mine", "taken",    "foreign", "gone", "absent", "equal-or-smaller",
    "nil", "OOM", "stale",   "busy", "an error", "short"};

char process_name(int p)
{
    return p ? 'B' : 'A';
}

/* What can not change anything any more is forgotten: fewer states, same behaviour. */
static void forget_floats(struct state *s)
{
    for (int k = 0; k < NFLOAT; k++) {
        if (s->fcmd[k].kind && store_inert(s, &s->fcmd[k]))
            memset(&s->fcmd[k], 0, sizeof s->fcmd[k]);
        if (s->fapp[k].wire && store_append_inert(s, &s->fapp[k])) {
            cover[C_LATE_REFUSED]++;
            memset(&s->fapp[k], 0, sizeof s->fapp[k]);
        }
    }
}

void world_step(struct state *s, bool fault, bool excusing)
{
    forget_floats(s);
    if (!s->violation)
        promise_held(s, excusing);
    /* Ghosts that can not matter any more make no difference between states. */
    bool unaware = false;
    for (int p = 0; p < NPROC; p++)
        for (int j = 0; j < NJ; j++)
            unaware = unaware || (s->p[p].m[j].valid && s->p[p].m[j].phase == PHASE_COMING);
    if (!unaware)
        s->lost = 0;
    if (!s->tails && !s->has_snap)
        memset(s->st.sdone, 0, sizeof s->st.sdone);
    emit_to(s, fault);
}

/* ---- attempts ---- */

static void attempt_finish(const struct state *s, int p, int j, int n, int d,
                           enum delivery_state to)
{
    struct state t = *s;
    struct entry *x = &t.p[p].m[j].ent[n];
    int e = event_what(x->e - 1);
    bool excused = x->d[d] == D_FLYX;
    x->d[d] = (uint8_t)to;
    if (to == D_OK) {
        t.delivered[e] = (uint8_t)(t.delivered[e] | 1 << d);
        if (excused) {
            if (t.ok[e][d] == OK_NONE)
                t.ok[e][d] = OK_EXCUSED;
        } else {
            t.ok[e][d] = OK_UNCOMMITTED;
            t.okby[e][d] = (uint8_t)(p << 4 | j);
        }
    } else {
        t.fails--;
    }
    say("%c: e%d -> d%d ends %s", process_name(p), x->e - 1, d,
        to == D_OK     ? "OK"
        : to == D_FAIL ? "RETRY"
                       : "GIVE_UP");
    world_step(&t, false, false);
}

/* I2 is checked where it would be broken: at the start of an attempt. */
static void attempt_start(const struct state *s, int p, int j, int n, int d)
{
    struct state t = *s;
    struct mem *m = &t.p[p].m[j];
    int e = event_what(m->ent[n].e - 1);
    /* Between a lost tail and its Coming back an owner may not be one any more, without knowing:
     * for at most the 4 s of its lease. Its lease died, in the words of promise 4. */
    bool unaware = t.lost && m->phase == PHASE_COMING;
    if (!unaware && !(t.unclaimed >> e & 1) &&
        (t.ok[e][d] == OK_UNCOMMITTED || t.ok[e][d] == OK_DURABLE || promise_flying(&t, e, d)))
        t.violation = V_REPEAT;
    if (t.ok[e][d] == OK_EXCUSED)
        cover[C_EXCUSED]++;
    m->ent[n].d[d] = unaware ? D_FLYX : D_FLY;
    if (promise_calm(&t) && !t.fails &&
        !t.violation) { /* nothing can come between start and end any more */
        attempt_finish(&t, p, j, n, d, D_OK);
        return;
    }
    say("%c starts e%d -> d%d (J%d n%d)", process_name(p), m->ent[n].e - 1, d, j, n);
    world_step(&t, false, false);
}

static void attempts(const struct state *s, int p, int j)
{
    const struct mem *m = &s->p[p].m[j];
    for (int n = 2; n < NN; n++)
        for (int d = 0; d < NDEST; d++) {
            uint8_t v = m->ent[n].d[d];
            bool lanes = m->valid && (!s->p[p].stopping || mutant == MUT_RELEASE_RESUMES) &&
                         (!m->still || mutant == MUT_TAKE_OPENS_LANES) &&
                         (m->phase == PHASE_LIVE || m->phase == PHASE_COMING);
            if (v == D_READY && lanes)
                attempt_start(s, p, j, n, d);
            if (v == D_FLY || v == D_FLYX) {
                attempt_finish(s, p, j, n, d, D_OK);
                if (s->fails) {
                    attempt_finish(s, p, j, n, d, D_FAIL);
                    attempt_finish(s, p, j, n, d, D_BURY);
                }
            }
            if (v == D_PARK && lanes && m->phase == PHASE_LIVE) {
                struct state t = *s;
                t.p[p].m[j].ent[n].d[d] = D_READY;
                say("%c: parked e%d -> d%d is due", process_name(p), m->ent[n].e - 1, d);
                world_step(&t, false, false);
            }
        }
}

/* Something was just sent. After the last fault, sending, doing and answering are one step. */
static void sent(struct state *t, int p)
{
    struct proc *o = &t->p[p];
    while (promise_calm(t) && o->cmd.wire == WIRE_SENT) {
        store_exec(t, &o->cmd);
        owner_reply(t, p);
    }
    world_step(t, false, false);
}

static void sent_append(struct state *t, int p)
{
    struct proc *o = &t->p[p];
    if (promise_calm(t) && !o->app[1].wire) {
        store_append(t, &o->app[0]);
        owner_append_reply(t, p);
    }
    world_step(t, false, false);
}

/* ---- appends ---- */

static int own_journal(const struct state *s, int p)
{
    for (int j = 0; j < NJ; j++)
        if (s->p[p].m[j].role == ROLE_OWN)
            return j;
    return -1;
}

static void append_marker(const struct state *s, int p, int j)
{
    const struct mem *m = &s->p[p].m[j];
    if (mutant == MUT_NO_MARKER) {
        struct state t = *s;
        owner_readback(&t, p, j);
        say("%c reads back without a marker (J%d)", process_name(p), j);
        world_step(&t, false, false);
        return;
    }
    if ((m->mk && !m->mkunknown) || s->p[p].app[1].wire)
        return;
    if (!m->mk && m->sent + 1 >= NN) {
        cover[C_BOUND]++;
        return;
    }
    if (s->oom && m->mk && mutant == MUT_MARKER_OOM)
        return; /* tried again once there is memory */
    struct state t = *s;
    struct mem *o = &t.p[p].m[j];
    if (!o->mk)
        o->mk = ++o->sent;
    o->mkunknown = 0;
    struct app a = {WIRE_SENT, (uint8_t)p, (uint8_t)j, o->mk, ENTRY_MARKER, 0, 0, R_NONE};
    t.p[p].app[t.p[p].app[0].wire ? 1 : 0] = a;
    say("%c sends XADD marker J%d n%d", process_name(p), j, o->mk);
    sent_append(&t, p);
}

/* A new event or one put aside: to my own journal, if it is live and no append of it is unknown. */
static void append_new(const struct state *s, int p, int j)
{
    const struct proc *o = &s->p[p];
    if (o->app[1].wire)
        return;
    int e = sender_next(s, p);
    if (e >= 0 && (scen->spool >> e & 1))
        e = -1; /* it comes while Redis is away */
    if (o->m[j].sent + 1 >= NN) {
        if (e >= 0 || o->limbo[0].e)
            cover[C_BOUND]++;
        return;
    }
    if (e >= 0) {
        struct state t = *s;
        struct limbo l = {(uint8_t)(e + 1), scen->to[e], 0, 0, 0};
        t.sender[e] = SENDER_WAITING;
        if (mutant == MUT_SEEN_FIRST && !t.st.seen[event_what(e)])
            t.st.seen[event_what(e)] = (uint8_t)((j + 1) << 4 | (t.p[p].m[j].sent + 1));
        owner_append(&t, p, j, &l);
        say("%c accepts e%d, sends XADD J%d n%d", process_name(p), e, j, t.p[p].m[j].sent);
        sent_append(&t, p);
    }
    for (int k = 0; k < NLIMBO; k++) {
        struct limbo l = o->limbo[k];
        if (!l.e || s->oom)
            continue; /* refused tries between are not drawn */
        struct state t = *s;
        memset(&t.p[p].limbo[k], 0, sizeof l);
        owner_append(&t, p, j, &l);
        say("%c appends e%d again, XADD J%d n%d (from J%d n%d)", process_name(p), l.e - 1, j,
            t.p[p].m[j].sent, (l.from >> 4) - 1, l.from & 15);
        sent_append(&t, p);
    }
}

/* What was sent and is not covered yet. */
static void append_proof(const struct state *s, int p, int j)
{
    const struct mem *m = &s->p[p].m[j];
    const struct app *a = s->p[p].app;
    bool wanted = false;
    for (int n = 2; n < NN; n++)
        wanted =
            wanted || (m->ent[n].e && (m->ent[n].ast == A_SENT ||
                                       (m->ent[n].step != STEP_DONE && claim_waits(&m->ent[n]))));
    if (!scen->proof || !wanted || a[1].wire || (a[0].wire && a[0].ent == ENTRY_PROOF))
        return;
    struct state t = *s;
    struct app proof = {WIRE_SENT, (uint8_t)p, (uint8_t)j, m->sent, ENTRY_PROOF, 0, 0, R_NONE};
    t.p[p].app[a[0].wire ? 1 : 0] = proof;
    say("%c asks for proof up to J%d n%d", process_name(p), j, m->sent);
    sent_append(&t, p);
}

/* A sender that waits for what is not (surely) durable may be told 503 at any time. */
static void give_up(const struct state *s, int p)
{
    for (int k = 0; k < NLIMBO; k++) {
        struct limbo l = s->p[p].limbo[k];
        if (!l.e || l.keep)
            continue;
        struct state t = *s;
        if (t.sender[l.e - 1] == SENDER_WAITING)
            t.sender[l.e - 1] = SENDER_FAILED;
        memset(&t.p[p].limbo[k], 0, sizeof l);
        say("%c answers 503 for e%d", process_name(p), l.e - 1);
        world_step(&t, false, false);
    }
    for (int j = 0; j < NJ; j++)
        for (int n = 2; n < NN; n++) {
            const struct mem *m = &s->p[p].m[j];
            const struct entry *x = &m->ent[n];
            if (!x->e || m->role != ROLE_OWN || x->ast != A_KNOWN)
                continue;
            if (scen->by[x->e - 1] != p || s->sender[x->e - 1] != SENDER_WAITING)
                continue;
            struct state t = *s;
            bool may = m->valid && m->phase == PHASE_LIVE && !x->unproven &&
                       (x->step == STEP_DONE || !event_key(x->e - 1));
            t.sender[x->e - 1] = may ? SENDER_ACKED : SENDER_FAILED;
            if (t.sender[x->e - 1] == SENDER_ACKED)
                cover[C_ACKED]++;
            memory_forget(&t, p, j);
            say("%c answers %s for e%d", process_name(p),
                t.sender[x->e - 1] == SENDER_ACKED ? "2xx" : "503", x->e - 1);
            world_step(&t, false, false);
        }
}

/* ---- scripts ---- */

static void send_create(const struct state *s, int p)
{
    int e = sender_next(s, p);
    bool wants = spool_open(s, p) || (e >= 0 && !(scen->spool >> e & 1));
    for (int k = 0; k < NLIMBO; k++)
        wants = wants || s->p[p].limbo[k].e;
    if (!wants || own_journal(s, p) >= 0)
        return;
    if (s->next_j >= NJ - (scen->spool != 0)) {
        cover[C_BOUND]++;
        return;
    }
    struct state t = *s;
    struct proc *o = &t.p[p];
    int j = t.next_j++;
    struct mem *m = &o->m[j];
    m->role = ROLE_OWN;
    m->phase = PHASE_CREATING;
    m->tok = (uint8_t)(TOKEN | p << 6 | o->life << 4 | ++o->serial);
    memset(&o->cmd, 0, sizeof o->cmd);
    o->cmd.kind = CMD_CREATE;
    o->cmd.wire = WIRE_SENT;
    o->cmd.p = (uint8_t)p;
    o->cmd.j = (uint8_t)j;
    o->cmd.tok = m->tok;
    say("%c draws J%d, sends create", process_name(p), j);
    sent(&t, p);
}

/* Absent for a whole lease over an unbroken connection: by then no process can think that it holds
 * it. */
static void send_adopt(const struct state *s, int p, int j)
{
    uint8_t owner = s->st.j[j].owner;
    if (!s->st.j[j].exists || s->p[p].m[j].role != ROLE_NONE || !(scen->adopt >> p & 1))
        return;
    if (owner != OWNER_ABSENT && owner != OWNER_FREE)
        return;
    for (int q = 0; q < NPROC; q++)
        if (owner == OWNER_ABSENT && s->p[q].m[j].valid)
            return;
    struct state t = *s;
    t.p[p].m[j].role = ROLE_ADOPT;
    t.p[p].m[j].phase = PHASE_COMING;
    owner_ask(&t, p, j);
    say("%c adopts: sends take J%d", process_name(p), j);
    sent(&t, p);
}

/* Nothing in memory that is not in Redis too: what a planned stop may leave behind. */
static bool mem_parked(const struct mem *m)
{
    for (int n = 2; n < NN; n++)
        for (int d = 0; d < NDEST; d++)
            if (m->ent[n].e && m->ent[n].d[d] != D_PARK && m->ent[n].d[d] != D_DONE &&
                m->ent[n].d[d] != D_DEAD && m->ent[n].d[d] != D_NONE &&
                !(m->ent[n].d[d] == D_OK && mutant == MUT_FREE_UNCOMMITTED))
                return false;
    return !m->out && !m->req;
}

/* A stop ends the process: first all its lanes, adopted ones too, have to have come to rest. */
static bool lanes_rest(const struct state *s, int p)
{
    for (int j = 0; j < NJ; j++)
        if (!mem_parked(&s->p[p].m[j]))
            return false;
    return true;
}

static bool senders_wait(const struct state *s, int p)
{
    for (int e = 0; e < scen->nev; e++)
        if (scen->by[e] == p && s->sender[e] == SENDER_WAITING)
            return true;
    return false;
}

/* A planned stop: everything has come to rest, or already is being given up. */
static bool may_stop(const struct state *s, int p)
{
    const struct proc *o = &s->p[p];
    if (o->stopping || !(scen->stop >> p & 1))
        return o->stopping;
    for (int j = 0; j < NJ; j++) /* one that is in doubt is not left alone */
        if (mem_unknown(&o->m[j]) || (o->m[j].role && o->m[j].phase != PHASE_LIVE))
            return false;
    for (int k = 0; k < NLIMBO; k++)
        if (o->limbo[k].e)
            return false;
    return lanes_rest(s, p) && !senders_wait(s, p) && sender_next(s, p) < 0 && !o->app[0].wire &&
           !s->disk[p] && !s->wrote[p];
}

static void send_last(const struct state *s, int p, int j, enum cmd_kind kind)
{
    struct state t = *s;
    memset(&t.p[p].cmd, 0, sizeof t.p[p].cmd);
    t.p[p].cmd.kind = (uint8_t)kind;
    t.p[p].cmd.wire = WIRE_SENT;
    t.p[p].cmd.p = (uint8_t)p;
    t.p[p].cmd.j = (uint8_t)j;
    t.p[p].cmd.tok = s->p[p].m[j].tok;
    if (kind == CMD_RELEASE) {
        t.p[p].stopping = 1;
        t.p[p].m[j].still = STILL_RELEASED; /* from here on others may take it at once */
    }
    say("%c sends %s J%d", process_name(p), cmd_name[kind], j);
    sent(&t, p);
}

/* Who holds its delivery id? */
static void send_seen(const struct state *s, int p, int j, int n)
{
    struct state t = *s;
    const struct entry *x = &s->p[p].m[j].ent[n];
    struct cmd c = {0};
    c.kind = CMD_SEEN;
    c.wire = WIRE_SENT;
    c.p = (uint8_t)p;
    c.j = (uint8_t)j;
    c.n = (uint8_t)(x->e - 1);
    c.j2 = (uint8_t)j;
    c.n2 = (uint8_t)n;
    c.next = entry_id(x, j, n);
    t.p[p].cmd = c;
    say("%c claims the delivery id of e%d (J%d n%d)", process_name(p), c.n, j, n);
    sent(&t, p);
}

/* Adopted entries are proven by a write behind them, the seal. My own are by their next WAIT. */
static void send_proof(const struct state *s, int p, int j)
{
    if (s->p[p].m[j].role != ROLE_ADOPT)
        return;
    struct state t = *s;
    owner_prove(&t, p, j);
    say("%c asks for proof of what it recovered of J%d", process_name(p), j);
    sent(&t, p);
}

static void send_live(const struct state *s, int p, int j)
{
    const struct mem *m = &s->p[p].m[j];
    struct state t = *s;
    if (owner_commit(&t, p, j, false)) {
        const struct commit *c = &t.p[p].m[j].c;
        say("%c sends commit J%d %02x:%d ok %02x/%02x park %02x/%02x bury %02x/%02x low %d%s",
            process_name(p), j, c->new_tok, c->new_cnt, c->ok[0], c->ok[1], c->park[0], c->park[1],
            c->bury[0], c->bury[1], c->low, c->req ? ", a request" : "");
        sent(&t, p);
    }
    t = *s;
    if (scen->trim && owner_commit(&t, p, j, true)) {
        say("%c sends commit J%d, trims below %d", process_name(p), j, t.p[p].m[j].c.trim);
        sent(&t, p);
    }
    if (s->st.j[j].req && !m->req && !m->out) { /* a renewal that shows nothing is no step */
        t = *s;
        owner_renew(&t, p, j);
        say("%c renews J%d: is something asked for?", process_name(p), j);
        sent(&t, p);
    }
    for (int n = 2; n < NN; n++) {
        const struct entry *x = &m->ent[n];
        if (!x->e || x->step == STEP_DONE || x->ast != A_KNOWN)
            continue;
        if (claim_waits(x)) {
            send_proof(s, p, j);
            continue;
        }
        if (x->step == STEP_SEEN) {
            send_seen(s, p, j, n);
            continue;
        }
        uint8_t place = x->step == STEP_VIA ? x->via : x->from;
        t = *s;
        struct cmd c = {0};
        c.kind = CMD_MOVED;
        c.wire = WIRE_SENT;
        c.p = (uint8_t)p;
        c.j = (uint8_t)((place >> 4) - 1);
        c.n = place & 15;
        c.j2 = (uint8_t)j;
        c.n2 = (uint8_t)n;
        c.next = x->via && x->step == STEP_FROM ? x->via : (uint8_t)((j + 1) << 4 | n);
        t.p[p].cmd = c;
        say("%c claims J%d n%d -> J%d n%d", process_name(p), c.j, c.n, (c.next >> 4) - 1,
            c.next & 15);
        sent(&t, p);
    }
    if (m->role == ROLE_ADOPT && mem_empty(m) && !s->st.j[j].dead[0] && !s->st.j[j].dead[1])
        send_last(s, p, j, CMD_DELETE);
    if (may_stop(s, p))
        send_last(s, p, j, CMD_RELEASE);
}

static void process_steps(const struct state *s, int p)
{
    if (s->p[p].down)
        return;
    bool idle = !s->p[p].cmd.wire;
    if (s->p[p].stopping && idle) { /* it was taken from me meanwhile: nothing to give up */
        struct state t = *s;
        owner_stopped(&t, p);
        if (!t.p[p].stopping) {
            say("%c has nothing left and ends", process_name(p));
            world_step(&t, false, false);
        }
    }
    if (idle && !s->p[p].stopping)
        send_create(s, p);
    give_up(s, p);
    spool_steps(s, p);
    for (int j = 0; j < NJ; j++) {
        const struct mem *m = &s->p[p].m[j];
        attempts(s, p, j);
        if (m->phase == PHASE_LIVE && m->role == ROLE_OWN) {
            bool unknown = mem_unknown(m);
            if (unknown)
                append_marker(s, p, j);
            if (!unknown && !s->p[p].stopping)
                append_new(s, p, j);
            append_proof(s, p, j);
        }
        if (!idle)
            continue;
        if (!s->p[p].stopping)
            send_adopt(s, p, j);
        if (m->phase == PHASE_LIVE && !(m->out && m->outsent))
            send_live(s, p, j);
        if (m->phase == PHASE_COMING) {
            struct state t = *s;
            owner_ask(&t, p, j);
            say("%c comes back: sends take J%d", process_name(p), j);
            sent(&t, p);
        }
        if (m->phase == PHASE_MOVING) { /* only un-mended: recovery waits for the re-appends */
            bool waits = false;
            for (int k = 0; k < NLIMBO; k++)
                waits = waits || s->p[p].limbo[k].e;
            if (waits)
                continue;
            struct state t = *s;
            memory_recover(&t, p, j);
            say("%c recovers J%d", process_name(p), j);
            world_step(&t, false, false);
        }
    }
}

/* ---- the wire ---- */

/* A write may turn out to be the first of the tail that is lost: then the store remembers how it
 * was. */
static void after_exec(const struct state *before, struct state *t, int j)
{
    world_step(t, false, false);
    if (!before->tails || before->has_snap || !memcmp(&before->st, &t->st, sizeof t->st))
        return;
    t->has_snap = 1;
    t->snap = before->st;
    t->snap_j = scen->tail_one ? (uint8_t)(j + 1) : 0; /* NJ + 1: that of the claims */
    t->tails--;
    if (tracing)
        strncat(note, " [this and what follows will be lost]", sizeof note - strlen(note) - 1);
    world_step(t, false, false);
}

/* A claim of a delivery id lies where its digest does. */
static int cmd_master(const struct cmd *c)
{
    return c->kind == CMD_SEEN ? NJ : c->j;
}

/* Refused though the journal is well: too little memory, a disk that is full, a rule of access. */
static void append_error(const struct state *s, int p)
{
    for (int k = 0; s->errors && k < NAPP; k++) {
        if (s->p[p].app[k].wire != WIRE_SENT)
            continue;
        if (s->p[p].app[k].ent == ENTRY_PROOF || s->p[p].app[k].ent == ENTRY_MARKER)
            return;
        struct state t = *s;
        struct app *a = &t.p[p].app[k];
        t.errors--;
        a->wire = WIRE_REPLIED;
        a->res = R_ERROR;
        cover[C_ERROR]++;
        say("store: %c's XADD J%d n%d -> an error", process_name(p), a->j, a->n);
        world_step(&t, true, false);
        return;
    }
}

static void wire_steps(const struct state *s, int p)
{
    struct state t = *s;
    struct proc *o = &t.p[p];
    if (o->cmd.wire == WIRE_SENT) {
        store_exec(&t, &o->cmd);
        o->cmd.wire = WIRE_REPLIED;
        say("store: %c's %s J%d -> %s", process_name(p), cmd_name[o->cmd.kind], o->cmd.j,
            res_name[o->cmd.res]);
        if (promise_calm(&t))
            owner_reply(&t, p);
        after_exec(s, &t, cmd_master(&s->p[p].cmd));
    } else if (o->cmd.wire == WIRE_REPLIED) {
        say("%c reads: %s J%d was %s", process_name(p), cmd_name[o->cmd.kind], o->cmd.j,
            res_name[o->cmd.res]);
        if (o->cmd.kind == CMD_ASK)
            say("%c reads: take J%d was %s (top %d%s, version %02x:%d)", process_name(p), o->cmd.j,
                res_name[o->cmd.res], o->cmd.r_top, o->cmd.r_sealed ? ", sealed" : "",
                o->cmd.r_vtok, o->cmd.r_vcnt);
        owner_reply(&t, p);
        world_step(&t, false, false);
    }
    for (int k = 0; k < NAPP; k++) {
        if (s->p[p].app[k].wire != WIRE_SENT)
            continue;
        t = *s;
        store_append(&t, &o->app[k]);
        o->app[k].wire = WIRE_REPLIED;
        say("store: %c's XADD J%d n%d -> %s", process_name(p), o->app[k].j, o->app[k].n,
            res_name[o->app[k].res]);
        if (promise_calm(&t) && k == 0)
            owner_append_reply(&t, p);
        after_exec(s, &t, s->p[p].app[k].j);
        break;
    }
    if (s->p[p].app[0].wire == WIRE_REPLIED) {
        t = *s;
        say("%c reads: XADD J%d n%d was %s", process_name(p), o->app[0].j, o->app[0].n,
            res_name[o->app[0].res]);
        owner_append_reply(&t, p);
        world_step(&t, false, false);
    }
}

static void float_steps(const struct state *s)
{
    for (int k = 0; k < NFLOAT; k++) {
        if (s->fcmd[k].kind) {
            struct state t = *s;
            struct cmd c = t.fcmd[k];
            memset(&t.fcmd[k], 0, sizeof c);
            store_exec(&t, &c);
            if (memcmp(&t.st, &s->st, sizeof t.st) != 0)
                cover[C_LATE_LANDED]++;
            say("old connection: %c's %s J%d lands late -> %s", process_name(c.p), cmd_name[c.kind],
                c.j, res_name[c.res]);
            after_exec(s, &t, cmd_master(&c));
        }
        if (s->fapp[k].wire) {
            struct state t = *s;
            struct app a = t.fapp[k];
            memset(&t.fapp[k], 0, sizeof a);
            store_append(&t, &a);
            cover[a.res == R_OK ? C_LATE_LANDED : C_LATE_REFUSED]++;
            say("old connection: %c's XADD J%d n%d lands late -> %s", process_name(a.p), a.j, a.n,
                res_name[a.res]);
            after_exec(s, &t, a.j);
        }
    }
}

/* After the last fault the commit of a valid, true owner concerns nobody else: doing it first loses
 * no behaviour, only orders of independent steps. */
static bool commit_first(const struct state *s)
{
    for (int p = 0; promise_calm(s) && p < NPROC; p++)
        for (int j = 0; j < NJ && !s->p[p].cmd.wire && !s->p[p].down; j++) {
            const struct mem *m = &s->p[p].m[j];
            if (m->phase != PHASE_LIVE || !m->valid || m->still || s->st.j[j].owner != m->tok)
                continue;
            struct state t = *s;
            if (!owner_commit(&t, p, j, false))
                continue;
            say("%c commits J%d", process_name(p), j);
            sent(&t, p);
            return true;
        }
    return false;
}

/* The API, on any node: a dead letter is to be replayed. Only its journal's owner writes there, so
 * it is asked. */
static void api_asks(const struct state *s, int j)
{
    const struct sjournal *r = &s->st.j[j];
    for (int n = 2; s->asks && r->exists && !r->req && n < NN; n++)
        for (int d = 0; d < NDEST; d++)
            if (r->dead[d] >> (n - 2) & 1) {
                struct state t = *s;
                t.asks--;
                t.asked++;
                t.st.j[j].req = (uint8_t)(n << 1 | d);
                say("the API asks for a replay of J%d n%d -> d%d", j, n, d);
                world_step(&t, false, false);
            }
}

void world_expand(const struct state *s, emit_fn emit)
{
    emit_to = emit;
    if (commit_first(s))
        return;
    for (int p = 0; p < NPROC; p++) {
        wire_steps(s, p);
        process_steps(s, p);
        append_error(s, p);
        fault_cut(s, p);
        fault_lapse(s, p);
        fault_crash(s, p);
    }
    for (int j = 0; j < NJ; j++) {
        api_asks(s, j);
        fault_expire(s, j);
    }
    float_steps(s);
    fault_tail(s);
}

void world_init(struct state *s)
{
    memset(s, 0, sizeof *s);
    s->cuts = scen->cuts;
    s->lapses = scen->lapses;
    s->crashes = scen->crashes;
    s->tails = scen->tails;
    s->fails = scen->fails;
    s->errors = scen->errors;
    s->asks = scen->asks;
    s->oom = scen->oom == 1;
    if (!scen->orphan)
        return;
    struct sjournal *j = &s->st.j[0];
    s->next_j = 1;
    j->exists = 1;
    j->vtok = 0x7F; /* of a process that is no more */
    j->low = 1;
    j->ent[1] = ENTRY_MARKER;
    j->last = 1;
    for (int e = 0; e < scen->orphan; e++) {
        j->ent[++j->last] = (uint8_t)((e + 1) | scen->to[e] << 4);
        s->sender[e] = SENDER_ACKED;
    }
}
