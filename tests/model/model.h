/* The vocabulary of the protocol model: one store, two processes, what is between them, and the
 * ghosts that the invariants are checked against. Read this first, then store.c (what Redis does),
 * owner.c (what a process decides), world.c (everything that may happen next), explore.c (the
 * search).
 *
 * A state is plain bytes without pointers or padding, so that equal states are equal memory. */
#ifndef PENSTOCK_MODEL_H
#define PENSTOCK_MODEL_H

#include <stdbool.h>
#include <stdint.h>

enum { NPROC = 2, NJ = 5, NN = 10, NDEST = 2, NEV = 3, NLIMBO = 3, NFLOAT = 2, NAPP = 2 };

/* Owner words in the store. A token is 0x80 | process << 6 | life << 4 | serial: never drawn twice.
 */
enum { OWNER_ABSENT = 0, OWNER_FREE = 1, OWNER_GONE = 2, TOKEN = 0x80 };

/* Else: event + 1, destinations << 4. A proof (WAIT, WAITAOF) is no entry; it goes the same way. */
enum { ENTRY_NONE = 0, ENTRY_PROOF = 0x0E, ENTRY_MARKER = 0x0F };

/* The spool's journal number: it is never created, only its `moved` is written, at n = event + 2.
 */
enum { SPOOL_J = NJ - 1 };

/* In a request that its owner has read: the delivery was dead then, so it is to be replayed. */
enum { EFFECT = 0x80 };

/* One journal in the store: the keys that share the hash tag {J}. */
struct sjournal {
    uint8_t exists, owner, gone_top;
    uint8_t vtok, vcnt; /* settled version: "<token>:<count>" */
    uint8_t sealed, top, last;
    uint8_t low, floor[NDEST],
        done[NDEST];                 /* done: bit n - 2 = settled in a range above the floor */
    uint8_t due[NDEST], dead[NDEST]; /* bit n - 2 */
    uint8_t ent[NN];
    uint8_t was[NN], via[NN]; /* the entry's field `was`: places it was moved from, oldest first: (J
                                 + 1) << 4 | n */
    uint8_t moved[NN];        /* (J' + 1) << 4 | n' */
    uint8_t trim;             /* entries below it are gone from the stream */
    uint8_t req;              /* a replay asked for: n << 1 | destination; 0 = none */
};

struct store {
    struct sjournal j[NJ];
    uint8_t sdone[NEV];  /* ghost: destinations whose success a commit has written (goes with a lost
                            tail) */
    uint8_t claims[NEV]; /* ghost: claims of the spool's places and of delivery ids; goes, too */
    uint8_t seen[NEV];   /* claims of delivery ids: the place that the holder's id names */
};

/* What a commit carries. Floors and ranges are absolute, so writing it twice changes nothing. */
struct commit {
    uint8_t prev_tok, prev_cnt, new_tok, new_cnt;
    uint8_t ok[NDEST], skip[NDEST], park[NDEST], bury[NDEST]; /* bit n - 2 */
    uint8_t has, low, floor[NDEST], done[NDEST]; /* has: bit d = the fields of d are written */
    uint8_t trim, req;                           /* as in sjournal; 0 = none */
};

enum cmd_kind {
    CMD_NONE,
    CMD_CREATE,
    CMD_ASK,
    CMD_SEAL,
    CMD_COMMIT,
    CMD_DELETE,
    CMD_MOVED,
    CMD_RELEASE,
    CMD_SEEN,
    CMD_RENEW,
    CMD_PROVE
};
enum wire { WIRE_IDLE, WIRE_SENT, WIRE_REPLIED };
enum result {
    R_NONE,
    R_OK,
    R_REFUSED,
    R_MINE,
    R_TAKEN,
    R_FOREIGN,
    R_GONE,
    R_ABSENT,
    R_SMALL,
    R_NIL,
    R_OOM,
    R_STALE, /* the answer is older than the lease it grants */
    R_BUSY,  /* delete: something is left */
    R_ERROR, /* XADD: refused, the number stays a hole */
    R_SHORT  /* a proof: too few replicas, or not on disk */
};

/* A script call on the "other" connection, and its answer. */
struct cmd {
    uint8_t kind, wire, p, j, tok;
    uint8_t n, j2, n2, next; /* moved: n -> next, asked for by the copy j2-n2; ask: n = last
                                answered append when it was sent */
    struct commit c;
    uint8_t res, r_owner, r_vtok, r_vcnt, r_top, r_sealed;
};

/* An XADD on the append connection. */
struct app {
    uint8_t wire, p, j, n, ent, was, via, res;
};

enum append_state { A_NONE, A_SENT, A_UNKNOWN, A_KNOWN };
enum delivery_state {
    D_NONE, /* not addressed */
    D_HELD, /* append or claim not answered yet */
    D_READY,
    D_FLY,  /* an attempt runs */
    D_FLYX, /* an attempt runs that promise 4 allows to be repeated: lease or tail died under it */
    D_OK,   /* outcome known, not committed */
    D_SKIP, /* settle without an attempt: another holder's copy counts */
    D_FAIL, /* to be parked */
    D_BURY, /* to be buried */
    D_DONE,
    D_PARK, /* in Redis */
    D_DEAD  /* in Redis */
};

struct entry {
    uint8_t e; /* event + 1; 0 = nothing held */
    uint8_t ast, keep, from,
        via; /* from, via: the places it was moved from, oldest first, each to be claimed */
    uint8_t step, d[NDEST]; /* step: the claim that is next */
    uint8_t unproven;       /* in the stream, but nobody has shown me that it will stay there */
};

/* What an entry claims, one after the other, before its first attempt. */
enum step { STEP_FROM, STEP_VIA, STEP_SEEN, STEP_DONE };

/* Lanes stand still whatever the lease says: it was decided not to resume, or a release was sent.
 */
enum still { STILL_NOT, STILL_LOST, STILL_RELEASED };

enum role { ROLE_NONE, ROLE_OWN, ROLE_ADOPT };
enum phase { PHASE_NONE, PHASE_CREATING, PHASE_LIVE, PHASE_COMING, PHASE_SEALING, PHASE_MOVING };

/* One process's memory of one journal. */
struct mem {
    uint8_t role, phase, tok, valid; /* valid: within the lease rule, by its own clock */
    uint8_t lapsed;                  /* it was valid, and stood still too long */
    uint8_t vtok, vcnt;              /* version of my last answered commit */
    uint8_t answered, sent; /* greatest n answered / sent; for an adopter both are the stored top */
    uint8_t known;          /* greatest n whose outcome is known: answered, refused or absent */
    uint8_t iseal;          /* I have sealed it and read the answer */
    uint8_t still;          /* enum still */
    uint8_t skipmove;       /* only un-mended: adopter came and went, re-append nothing */
    uint8_t mk, mkunknown;  /* marker outstanding (n), and whether its outcome is unknown */
    uint8_t out, outsent;   /* a commit is outstanding; it is on the wire */
    uint8_t req, trimmed;   /* a request in hand; what I have trimmed */
    struct commit c;
    uint8_t jset[NDEST]; /* bit n - 2 = settled in the journal's record, as far as I know */
    struct entry ent[NN];
};

/* Held beside all journals: to be appended (again) to my own journal. from = (J + 1) << 4 | n, or
 * 0. */
struct limbo {
    uint8_t e, to, keep, from, via;
};

struct proc {
    uint8_t life, serial, count, down; /* count: of commits */
    uint8_t stopping;                  /* a planned stop: its journals are given up one by one */
    struct cmd cmd;                    /* one script call outstanding a process */
    struct app app[NAPP];              /* FIFO */
    struct limbo limbo[NLIMBO];
    uint8_t fed, durable, unproven; /* of the spool's file, by event: appended, answered; one was
                                       answered without its proof */
    struct mem m[NJ];
};

enum sender { SENDER_NEW, SENDER_WAITING, SENDER_ACKED, SENDER_FAILED };
enum ok_state { OK_NONE, OK_UNCOMMITTED, OK_DURABLE, OK_EXCUSED };

struct state {
    struct store st, snap; /* snap: the store as it comes back if the tail is lost */
    uint8_t has_snap, snap_j, lost, oom, next_j;
    struct proc p[NPROC];
    struct cmd fcmd[NFLOAT]; /* from broken connections: may land any time, or never; no reply */
    struct app fapp[NFLOAT];
    /* what a process has on disk, by event: it outlives a crash once it is synced */
    uint8_t disk[NPROC], wrote[NPROC];
    /* ghosts */
    uint8_t sender[NEV], delivered[NEV], storelost[NEV], exempt[NEV];
    uint8_t ok[NEV][NDEST], okby[NEV][NDEST]; /* okby: p << 4 | J */
    uint8_t unclaimed; /* by event: a claim of it went with a lost tail: promise 4 (d) */
    uint8_t need_told; /* the store has lost something, and the process that could know has not said
                          so yet */
    /* what may still go wrong */
    uint8_t cuts, lapses, crashes, tails, fails, errors;
    uint8_t asks, asked, replayed; /* requests that the API may still make, made, carried out */
    uint8_t violation;
};

enum violation { V_NONE, V_LOST, V_REPEAT, V_STUCK, V_UNREPORTED, V_TWICE, V_N };

/* Deviations from the protocol; the first six are the issue's, the others are ENGINE.md as first
 * written. */
enum mutant {
    MUT_NONE,
    MUT_NO_SEAL,
    MUT_NO_OWNER_CHECK,
    MUT_NO_TOKEN,
    MUT_NO_LOW,
    MUT_NO_MARKER,
    MUT_NO_GONE,
    MUT_GONE_NO_TOP,
    MUT_ROW3_NO_MOVE,
    MUT_ADOPTER_ROW1,
    MUT_MOVE_UNCLAIMED,
    MUT_MOVED_DELETED,
    MUT_MOVE_FIRST,
    MUT_REBUILD_COMMIT,
    MUT_CREATE_OOM,
    MUT_ASK_RACE,
    MUT_TAKE_OPENS_LANES,
    MUT_RELEASE_RESUMES,
    MUT_UNKNOWN_UNCLAIMED,
    MUT_RECOVERY_UNCLAIMED,
    MUT_ADOPTER_WAITS,
    MUT_CLAIM_FORGETS,
    MUT_MARKER_OOM,
    MUT_COUNT_RESTARTS,
    MUT_GONE_HOLE,
    MUT_ABSENT_UNCLAIMED,
    MUT_REFUSED_COUNTS,
    MUT_REFUSED_ACKED,
    MUT_FREE_UNCOMMITTED,
    MUT_FREE_UNFENCED,
    MUT_SPOOL_ACK_EARLY,
    MUT_SPOOL_REMOVED_EARLY,
    MUT_SPOOL_UNCLAIMED,
    MUT_SPOOL_UNPROVEN,
    MUT_SEEN_UNCLAIMED,
    MUT_SEEN_FORGOTTEN,
    MUT_SEEN_FIRST,
    MUT_SEEN_UNPROVEN,
    MUT_MOVED_UNPROVEN,
    MUT_ACK_UNPROVEN,
    MUT_PROOF_OF_LATER,
    MUT_TRIM_ABOVE_LOW,
    MUT_TRIM_ABSENT,
    MUT_REQUEST_APART,
    MUT_REQUEST_POPPED,
    MUT_N
};

/* Things that must have happened for a verdict to mean anything. */
enum cover {
    C_ACKED,
    C_REPAIR,
    C_CAME_AND_WENT,
    C_FOREIGN,
    C_GONE_SEEN,
    C_RESUMED,
    C_RETAKEN,
    C_OUT_DONE,
    C_LATE_REFUSED,
    C_LATE_LANDED,
    C_MARKER,
    C_PRESENT,
    C_ABSENT,
    C_MOVED_WON,
    C_MOVED_LOST,
    C_DELETED,
    C_ADOPTED,
    C_RECOVERED,
    C_PARKED,
    C_BURIED,
    C_COMMIT_REFUSED,
    C_TAIL,
    C_TOTAL_LOSS,
    C_RESEALED,
    C_OOM_REFUSED,
    C_OOM_CREATE,
    C_RELEASED,
    C_STALE,
    C_NO_FLOOR,
    C_EXCUSED,
    C_FENCED_ADOPTER,
    C_ERROR,
    C_HANDED,
    C_SPOOLED,
    C_FED_AGAIN,
    C_FILE_GONE,
    C_SEEN_WON,
    C_SEEN_LOST,
    C_PROVEN,
    C_SHORT,
    C_TRIMMED,
    C_REPLAYED,
    C_BOUND,
    C_N
};

struct scenario {
    const char *name, *what;
    uint8_t small;                 /* part of --small too */
    uint8_t nev, to[NEV], by[NEV]; /* events, their destinations, the process they arrive at */
    uint8_t orphan; /* J0 exists, ownerless, holding this many of the events (acknowledged) */
    uint8_t adopt;  /* bit p = adopts journals that are not its own */
    uint8_t oom,
        stop; /* oom: 1 = from the start, 2 = from the lost tail on; stop: bit p = may be stopped */
    uint8_t cuts, lapses, crashes, tails, fails;
    uint8_t errors, asks; /* appends that are answered with an error; requests of the API */
    uint8_t trim, proof;  /* history is trimmed at once; an append counts only with its proof */
    uint8_t restart;      /* lives that begin after a planned stop */
    uint8_t spool;        /* bit e = comes while Redis is away, and is spooled */
    uint8_t again;        /* the sender of event 0 comes again only if it got no 2xx */
    uint8_t same;         /* bit e = has the delivery id of event 0, which has one then, too */
    uint8_t
        tail_one;  /* a lost tail takes only the journal's own keys (its master), else everything */
    uint64_t must; /* bits of enum cover that have to be reached (C_BOUND never) */
};

extern const struct scenario *scen;
extern enum mutant mutant;
extern unsigned long cover[C_N];

/* store.c: what Redis does, atomically. */
void store_exec(struct state *s, struct cmd *c);
void store_append(struct state *s, struct app *a);
bool store_inert(const struct state *s, const struct cmd *c);
bool store_append_inert(const struct state *s, const struct app *a);
bool store_settled(const struct sjournal *j, int n, int d);
bool store_holds(const struct store *st, int what, int d);
uint8_t store_read_from(const struct sjournal *j);

/* memory.c: what a process holds, and what becomes of it. */
bool token_mine(const struct state *s, int p, uint8_t tok);
bool delivery_unsettled(uint8_t d);
void memory_put_aside(struct state *s, int p, struct limbo l);
void memory_leave(struct state *s, int p, int j, int top);
void memory_recover(struct state *s, int p, int j);
bool memory_commit(struct state *s, int p, int j, bool trim);
void memory_committed(struct state *s, int p, int j);
void memory_forget(struct state *s, int p, int j);
void memory_excuse(struct state *s, int p, int j);
uint8_t entry_id(const struct entry *x, int j, int n);
uint8_t entry_first_step(const struct entry *x);
void entry_places(const struct entry *x, struct limbo *l, uint8_t here);
void entry_leave(struct state *s, int p, int j, int n, int top);

/* owner.c: what a process does with an answer, and what it sends. */
void owner_ask(struct state *s, int p, int j);
void owner_renew(struct state *s, int p, int j);
void owner_prove(struct state *s, int p, int j);
bool claim_waits(const struct entry *x);
void owner_reply(struct state *s, int p);
void owner_append_reply(struct state *s, int p);
void owner_append(struct state *s, int p, int j, const struct limbo *l);
void owner_readback(struct state *s, int p, int j);
bool owner_commit(struct state *s, int p, int j, bool trim);
void owner_stopped(struct state *s, int p);
void owner_reconnect(struct state *s, int p);

/* promise.c: what must hold. */
void promise_held(struct state *s, bool excusing);
bool promise_in_memory(const struct state *s, int what, int d);
bool promise_flying(const struct state *s, int what, int d);
bool promise_quiet(const struct state *s);
bool promise_calm(const struct state *s);
uint8_t event_key(int e);
int event_what(int e);
int sender_next(const struct state *s, int p);
bool mem_unknown(const struct mem *m);
bool mem_empty(const struct mem *m);

/* faults.c: what may go wrong. */
void fault_cut(const struct state *s, int p);
void fault_lapse(const struct state *s, int p);
void fault_crash(const struct state *s, int p);
void fault_tail(const struct state *s);
void fault_expire(const struct state *s, int j);

/* spool.c: what goes to a file while Redis is away, and its way into a journal. */
void spool_steps(const struct state *s, int p);
bool spool_open(const struct state *s, int p);
void spool_durable(struct state *s, int p, const struct entry *x, bool proven);

/* world.c: all successors of a state. `note` says what happened, while a trace is replayed. */
typedef void (*emit_fn)(const struct state *next, bool fault);
extern bool tracing;
extern char note[160];
#ifdef __GNUC__
__attribute__((format(printf, 1, 2)))
#endif
void say(const char *fmt, ...);
char process_name(int p);
void world_init(struct state *s);
void world_expand(const struct state *s, emit_fn emit);
void world_step(struct state *s, bool fault, bool excusing);

/* explore.c: the search. search_trace prints the shortest way to what is broken; search_done frees.
 */
struct search {
    uint32_t states;
    unsigned long transitions;
    int depth;
    bool whole; /* false: there were more states than the explorer can hold */
    enum violation why;
};
extern uint32_t search_max; /* states it may hold */
struct search search_run(void);
void search_trace(void);
void search_done(void);

#endif
