/* Entries whose delivery is decided by a claim, made when they are in the stream and before any
 * attempt. Several may be appended for one thing, but only one claim is written; the others are
 * settled. A claim of unknown outcome is made again, also by whoever recovers the journal.
 *
 * Events that leave a lost journal, or the spool, for the live one are claimed in `moved` of where
 * they were: an old owner, and the adopter that had recovered it before the tail was lost, may
 * both hold one. So are events that no route had wanted, when one does (relay/reroute.h). Events
 * of sources with `dedupe` are claimed by their delivery id, <prefix>{<digest>}:ids, which says
 * when each that counts was received and what its window was: the next of that id is one event
 * with one of them when the window of the later one joins the two, whichever claims first; while
 * that is known, who has claimed stays an event. One that loses, and that no route wants, is noted
 * in `twice` of its journal, for as long as its entry is there: replays know it by that
 * (relay/reroute.h). Because the claim comes behind the append, and on a cluster behind its proof,
 * the event that holds one is durable: a duplicate can be answered with its id at once, and no
 * claim is ever left pending. */
#ifndef RELAY_MOVE_H
#define RELAY_MOVE_H

#include "relay/journal.h"

#define MOVE_PLACE_MAX 48 /* of "<journal>-<n>" */

enum move_verdict {
    MOVE_MINE,      /* it is delivered */
    MOVE_DUPLICATE, /* the first one is, under the id that is told */
    MOVE_UNKNOWN,   /* its journal was left: whoever recovers it asks again */
};
typedef void (*move_on_decided)(void *user, struct journal *j, enum move_verdict verdict,
                                struct str first_id);

/* What a move is doing.
 *
 *     WAITING <-> APPENDING
 *        ^           | its copy is in the stream
 *        |           +--> TO_LOOK <-> LOOKING --> PROVING     not proven: asks whether another has
 *        |           |       |           |           |        claimed it, and claims nothing
 *        |           |       |           v           |
 *        |           |       |        PROVEN         |        the proof came
 *        |           |       v           v           |
 *        |           +--> TO_CLAIM <-----+-----------+        or needs no proof
 *        |                   ^
 *        |                   +--> CLAIMING --> decided; or its delivery id is claimed next
 *        +-- from any of them, when the copy went with a tail
 */
enum move_state {
    MOVE_WAITING,   /* the live journal is to take it, when it can */
    MOVE_APPENDING, /* it is on its way there */
    MOVE_TO_LOOK,   /* its copy is there; who has claimed it is to be asked */
    MOVE_LOOKING,   /* that is asked */
    MOVE_PROVING,   /* nobody has: its proof is waited for */
    MOVE_PROVEN,    /* it came while that is asked, whose answer goes first */
    MOVE_TO_CLAIM,  /* the claim is to be sent */
    MOVE_CLAIMING,  /* it is */
    MOVE_DROPPED,   /* not wanted any more; the answer that is still to come frees it */
};

struct move {
    struct worker *w;
    struct move *next, **link; /* link NULL: in no list any more */
    enum move_state state;
    struct event *event; /* its `to` = what is unsettled */
    uint64_t from_journal, from_n;
    struct event *copy;            /* appended: to be claimed; NULL before */
    uint64_t copy_number;          /* of the journal that has it */
    bool copy_lost;                /* which was left, and ends below it now */
    enum conf_durability promised; /* what must be proven of it */
    uint64_t *seqs;                /* its slots, one a destination; owned */
    char dedupe[DEDUPE_MAX + 1];   /* the digest of its delivery id, its window; empty: none */
    bool place_claimed;            /* its delivery id is what is claimed now */
    bool replay;                   /* history has it, and nobody has claimed its place */
    bool spooled;                  /* it comes from the spool ... */
    bool durable;                  /* ... which need not keep it any more */
    size_t read_bytes;             /* not 0: counted in the worker's undecided_bytes */
    move_on_decided on_decided;    /* once, or NULL */
    void *user;
};

/* An event that leaves its journal (taken over); moves_pump goes on with it. */
void move_start(struct worker *w, struct event *e, uint64_t from_journal, uint64_t from_n);
/* An event of the spool (taken over), when the live journal takes appends. */
void move_spooled(struct worker *w, struct event *e, uint64_t from_journal, uint64_t from_n,
                  const char *dedupe);
/* An event that no route wanted when it came (taken over): from now on it is of the live journal,
 * unless somebody has seen to that before. Its delivery id is not asked for: it was when it came.
 * `on_decided` once, never from inside: MOVE_MINE, it is delivered; MOVE_DUPLICATE, it was before
 * (then a place is told), or it was noted as one (then "duplicate" is); MOVE_UNKNOWN, it may
 * be either, and goes on, or nothing of it is done and history has it. */
void move_replay(struct worker *w, struct event *e, uint64_t from_journal, uint64_t from_n,
                 move_on_decided on_decided, void *user);
/* The completion of its append, which it frees. */
void move_appended(struct journal *j, struct append *a, const char *reason);
/* Recovery met an entry that says where it came from: whose it is must be claimed before any
 * attempt; then its delivery id, if `dedupe` is not empty. */
void move_recovered(struct journal *j, struct event *copy, uint64_t from_journal, uint64_t from_n,
                    const char *dedupe);
/* An entry of a source with `dedupe` is in the stream: the first that claims its delivery id is
 * delivered, the others are settled. `proven`: it is known to be as durable as its source promises.
 * `on_decided` may be NULL; never from inside. */
void move_dedupe(struct journal *j, struct event *e, const char *key, bool proven,
                 move_on_decided on_decided, void *user);
/* Does its copy claim nothing until it is proven to be as durable as promised? */
bool move_is_unproven(const struct move *m);
void move_proven(struct move *m); /* of an unproven one; it claims with the next moves_pump */
/* What an entry or the spool says of its delivery id; empty: nothing. */
void move_read_dedupe(struct str text, char out[DEDUPE_MAX + 1]);
size_t move_place(uint64_t number, uint64_t n, char out[MOVE_PLACE_MAX]);
bool move_place_read(struct str place, uint64_t *number, uint64_t *n);

/* Copies that lie in a journal that is being left with this top. */
void moves_leave(struct journal *j, uint64_t top);
/* Goes on with all that waits for no answer and no proof. */
void moves_pump(struct worker *w);
/* May one more wait for a proof? Asked when journal_refuses says NULL. */
bool moves_may_wait(const struct worker *w);
/* May a recovery read on? What it reads may have to be claimed first, and waits for that in memory.
 */
bool moves_have_room(const struct worker *w);
/* Does any event move that no disk holds? */
bool moves_pending(const struct worker *w);
void moves_free(struct worker *w);

#endif
