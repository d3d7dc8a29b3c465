/* The store: each script as ENGINE.md has it, atomic, checking exactly what is written there. It
 * knows nothing of who is alive. */
#include "model.h"

#include <string.h>

/* The settled rule. A destination without a floor has settled nothing at or above `low`. */
bool store_settled(const struct sjournal *j, int n, int d)
{
    if (j->ent[n] == ENTRY_NONE || j->ent[n] == ENTRY_MARKER)
        return true;
    if (!(j->ent[n] >> 4 & 1 << d))
        return true;
    return n < store_read_from(j) || n <= j->floor[d] || (j->done[d] >> (n - 2) & 1);
}

/* Where recovery starts. Without `low` one would begin above the lowest floor there is: that is the
 * mutant, and it misses the first event of a destination that has no floor yet. */
uint8_t store_read_from(const struct sjournal *j)
{
    if (mutant != MUT_NO_LOW)
        return j->low;
    uint8_t from = 0;
    for (int d = 0; d < NDEST; d++)
        if (j->floor[d] && (!from || j->floor[d] + 1 < from))
            from = (uint8_t)(j->floor[d] + 1);
    return from ? from : 1;
}

/* Is the delivery somewhere in the store from where it will be found? `what`: also as another event
 * with the same delivery id. */
bool store_holds(const struct store *st, int what, int d)
{
    for (int k = 0; k < NJ; k++) {
        const struct sjournal *j = &st->j[k];
        if (!j->exists)
            continue;
        for (int n = 2; n < NN; n++) {
            if (j->ent[n] == ENTRY_NONE || j->ent[n] == ENTRY_MARKER ||
                event_what((j->ent[n] & 0x0F) - 1) != what)
                continue;
            if (!store_settled(j, n, d) || (j->due[d] >> (n - 2) & 1) ||
                (j->dead[d] >> (n - 2) & 1))
                return true;
        }
    }
    return false;
}

static void answer(const struct sjournal *j, struct cmd *c, enum result res)
{
    c->res = (uint8_t)res;
    if (c->kind != CMD_ASK && c->kind != CMD_SEAL && c->kind != CMD_RENEW)
        return; /* the real ones tell more; nobody needs it */
    c->r_top = res == R_GONE ? j->gone_top : j->sealed ? j->top : j->last;
    c->r_sealed = j->sealed;
    if (res != R_TAKEN && res != R_MINE)
        return;
    c->r_owner = j->owner;
    c->r_vtok = j->vtok;
    c->r_vcnt = j->vcnt;
}

/* Redis' own OOM lasts until the journal it starts with has been worked off: only settling frees
 * memory. */
static void oom_check(struct state *s)
{
    if (!s->oom)
        return;
    const struct sjournal *j = &s->st.j[0];
    for (int n = 2; j->exists && n < NN; n++)
        for (int d = 0; d < NDEST; d++)
            if (!store_settled(j, n, d) || (j->due[d] >> (n - 2) & 1))
                return;
    s->oom = 0;
}

static void exec_create(struct state *s, struct cmd *c)
{
    struct sjournal *j = &s->st.j[c->j];
    if (s->oom && mutant == MUT_CREATE_OOM) {
        answer(j, c, R_OOM);
        return;
    }
    if (j->exists || j->owner != OWNER_ABSENT) {
        answer(j, c, R_REFUSED);
        return;
    }
    if (s->oom)
        cover[C_OOM_CREATE]++;
    j->exists = 1;
    j->owner = c->tok;
    j->vtok = c->tok;
    j->ent[1] = ENTRY_MARKER;
    j->last = 1;
    j->low = 1;
    answer(j, c, R_OK);
}

/* `take` and the owner's question in one script (hole 6): the answer says what was found by the
 * very call that took. On nothing at all it writes nothing. */
static void exec_ask(struct state *s, struct cmd *c)
{
    struct sjournal *j = &s->st.j[c->j];
    if (j->owner == OWNER_GONE) {
        answer(j, c, R_GONE);
    } else if (!j->exists) {
        answer(j, c, R_ABSENT);
    } else if (j->owner == OWNER_ABSENT || j->owner == OWNER_FREE) {
        if (j->owner == OWNER_FREE)
            cover[C_HANDED]++;
        j->owner = c->tok;
        answer(j, c, R_TAKEN);
    } else if ((j->owner & 0xF0) == (c->tok & 0xF0)) {
        answer(j, c, R_MINE); /* any token of this process and life, also one whose taking was never
                                 answered */
    } else {
        answer(j, c, R_FOREIGN);
    }
}

static void exec_seal(struct state *s, struct cmd *c, bool release)
{
    struct sjournal *j = &s->st.j[c->j];
    bool fenced = !release || mutant != MUT_FREE_UNFENCED;
    if (!j->exists || (fenced && j->owner != c->tok)) {
        answer(j, c, R_REFUSED);
        return;
    }
    if (!j->sealed && mutant != MUT_NO_SEAL) {
        j->sealed = 1;
        j->top = j->last; /* as text, before the max-id entry destroys it */
    }
    if (release)
        j->owner = OWNER_FREE;
    answer(j, c, R_OK);
}

/* XTRIM takes no record of a delivery: what waits or is dead has its body in a hash of its own. */
static void trim_write(struct sjournal *j, uint8_t below)
{
    for (int n = 2; n < below; n++)
        if (!((j->due[0] | j->due[1] | j->dead[0] | j->dead[1]) >> (n - 2) & 1))
            j->ent[n] = ENTRY_NONE;
    if (below > j->trim)
        j->trim = below;
    cover[C_TRIMMED]++;
}

/* A replay: a dead letter is due now, and the request is gone, in one write. Without EFFECT it was
 * not dead when its owner looked. */
static void request_write(struct state *s, struct sjournal *j, uint8_t req)
{
    uint8_t d = req & 1, bit = (uint8_t)(1 << (((req & ~EFFECT) >> 1) - 2));
    if (req & EFFECT) {
        j->dead[d] = (uint8_t)(j->dead[d] & ~bit);
        j->due[d] = (uint8_t)(j->due[d] | bit);
        s->replayed++;
        cover[C_REPLAYED]++;
        if (s->replayed > s->asked)
            s->violation = V_TWICE;
    }
    if (!(req & EFFECT) || mutant != MUT_REQUEST_APART)
        j->req = 0;
}

static void commit_write(struct state *s, struct sjournal *j, const struct commit *m)
{
    for (int d = 0; d < NDEST; d++) {
        if (m->has >> d & 1) {
            j->floor[d] = m->floor[d];
            j->done[d] = m->done[d];
        }
        j->due[d] = (uint8_t)((j->due[d] | m->park[d]) & ~(m->ok[d] | m->skip[d] | m->bury[d]));
        j->dead[d] = (uint8_t)(j->dead[d] | m->bury[d]);
        for (int n = 2; n < NN; n++)
            if (m->ok[d] >> (n - 2) & 1) {
                int e = (j->ent[n] & 0x0F) - 1;
                if (e >= 0 && e < NEV)
                    s->st.sdone[event_what(e)] = (uint8_t)(s->st.sdone[event_what(e)] | 1 << d);
            }
    }
    if (m->trim)
        trim_write(j, m->trim);
    if (m->req)
        request_write(s, j, m->req);
    j->low = m->low;
    j->vtok = m->new_tok;
    j->vcnt = m->new_cnt;
}

static bool version_is(const struct sjournal *j, uint8_t tok, uint8_t cnt)
{
    return j->vcnt == cnt && (j->vtok == tok || mutant == MUT_NO_TOKEN);
}

static void exec_commit(struct state *s, struct cmd *c)
{
    struct sjournal *j = &s->st.j[c->j];
    const struct commit *m = &c->c;
    if (!j->exists || (j->owner != c->tok && mutant != MUT_NO_OWNER_CHECK)) {
        cover[C_COMMIT_REFUSED]++;
        answer(j, c, R_REFUSED);
    } else if (version_is(j, m->prev_tok, m->prev_cnt)) {
        if (s->oom && (m->park[0] | m->park[1])) {
            answer(j, c, R_OOM);
            return;
        }
        commit_write(s, j, m);
        answer(j, c, R_OK);
    } else if (version_is(j, m->new_tok, m->new_cnt)) {
        answer(j, c, R_OK); /* already done */
    } else {
        cover[C_COMMIT_REFUSED]++;
        answer(j, c, R_REFUSED);
    }
}

static void exec_delete(struct state *s, struct cmd *c)
{
    struct sjournal *j = &s->st.j[c->j];
    if (!j->exists || j->owner != c->tok) {
        answer(j, c, R_REFUSED);
        return;
    }
    if (j->req | j->due[0] | j->due[1] | j->dead[0] | j->dead[1]) {
        answer(j, c, R_BUSY);
        return;
    }
    uint8_t moved[NN], top = j->sealed ? j->top : j->last;
    memcpy(moved, j->moved, sizeof moved);
    memset(j, 0, sizeof *j);
    if (mutant != MUT_NO_GONE) {
        j->owner = OWNER_GONE;
        j->gone_top = top;
    }
    if (mutant != MUT_MOVED_DELETED)
        memcpy(j->moved, moved, sizeof moved); /* kept as long as `gone` */
    cover[C_DELETED]++;
    answer(j, c, R_OK);
}

/* HSETNX. A value that names one of the caller's own journals is its own claim, made before. */
static void exec_moved(struct state *s, struct cmd *c)
{
    struct sjournal *j = &s->st.j[c->j];
    if (!j->moved[c->n]) {
        j->moved[c->n] = c->next;
        if (scen->spool && c->j == SPOOL_J)
            s->st.claims[event_what(c->n - 2)]++;
    }
    c->res = R_OK;
    c->r_top = j->moved[c->n];
}

/* SET NX GET: who holds this delivery id? */
static void exec_seen(struct state *s, struct cmd *c)
{
    uint8_t *holder = &s->st.seen[event_what(c->n)];
    if (!*holder) {
        *holder = c->next;
        s->st.claims[event_what(c->n)]++;
    }
    c->res = R_OK;
    c->r_top = *holder;
}

/* The renewal brings the head of `requests`. */
static void exec_renew(struct state *s, struct cmd *c)
{
    struct sjournal *j = &s->st.j[c->j];
    answer(j, c, j->exists && j->owner == c->tok ? R_OK : R_REFUSED);
    c->n = c->res == R_OK ? j->req : 0;
    if (c->n && (j->dead[c->n & 1] >> ((c->n >> 1) - 2) & 1))
        c->n |= EFFECT;
    if (c->n && mutant == MUT_REQUEST_POPPED)
        j->req = 0;
}

/* What is not in a tail that will be lost is on the replica. */
static enum result prove(const struct state *s, int j)
{
    return s->has_snap && (!s->snap_j || s->snap_j == j + 1) ? R_SHORT : R_OK;
}

void store_exec(struct state *s, struct cmd *c)
{
    switch (c->kind) {
    case CMD_CREATE:
        exec_create(s, c);
        break;
    case CMD_ASK:
        exec_ask(s, c);
        break;
    case CMD_SEAL:
        exec_seal(s, c, false);
        break;
    case CMD_RELEASE:
        exec_seal(s, c, true);
        break;
    case CMD_COMMIT:
        exec_commit(s, c);
        break;
    case CMD_DELETE:
        exec_delete(s, c);
        break;
    case CMD_MOVED:
        exec_moved(s, c);
        break;
    case CMD_SEEN:
        exec_seen(s, c);
        break;
    case CMD_RENEW:
        exec_renew(s, c);
        break;
    case CMD_PROVE:
        c->res = (uint8_t)prove(s, c->j);
        break;
    default:
        break;
    }
    oom_check(s);
}

/* XADD NOMKSTREAM <n>-0: no owner is asked. Only the stream itself refuses: by its last id, by its
 * seal, by its absence, or for want of memory. */
void store_append(struct state *s, struct app *a)
{
    struct sjournal *j = &s->st.j[a->j];
    /* The marker is a script that may write at OOM (hole 14): it has no body, and what it makes
     * known is perhaps the very event whose settling frees memory. */
    bool allowed = a->ent == ENTRY_MARKER && mutant != MUT_MARKER_OOM;
    if (a->ent == ENTRY_PROOF) {
        a->res = (uint8_t)prove(s, a->j);
    } else if (s->oom && !allowed) {
        cover[C_OOM_REFUSED]++;
        a->res = R_OOM;
    } else if (!j->exists) {
        a->res = R_NIL;
    } else if (j->sealed || a->n <= j->last) {
        a->res = R_SMALL;
    } else {
        j->ent[a->n] = a->ent;
        j->was[a->n] = a->was;
        j->via[a->n] = a->via;
        j->last = a->n;
        a->res = R_OK;
    }
}

/* Can this late command still change anything? Tokens and numbers never come back, so what is
 * fenced once is fenced for ever (a lost tail takes the old connections with it). The world forgets
 * such commands. */
bool store_inert(const struct state *s, const struct cmd *c)
{
    const struct sjournal *j = &s->st.j[c->j];
    switch (c->kind) {
    case CMD_CREATE:
        return j->exists || j->owner != OWNER_ABSENT;
    case CMD_ASK:
        return !j->exists;
    case CMD_COMMIT:
        return !j->exists || (j->owner != c->tok && mutant != MUT_NO_OWNER_CHECK) ||
               !version_is(j, c->c.prev_tok, c->c.prev_cnt);
    case CMD_MOVED:
        return j->moved[c->n] != 0;
    case CMD_SEEN:
        return s->st.seen[event_what(c->n)] != 0;
    case CMD_RENEW:
    case CMD_PROVE:
        return true;
    case CMD_RELEASE:
        return !j->exists || (j->owner != c->tok && mutant != MUT_FREE_UNFENCED);
    default:
        return !j->exists || j->owner != c->tok;
    }
}

bool store_append_inert(const struct state *s, const struct app *a)
{
    const struct sjournal *j = &s->st.j[a->j];
    return a->ent == ENTRY_PROOF || !j->exists || j->sealed || a->n <= j->last;
}
