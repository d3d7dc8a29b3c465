/* The journal: a worker's durable log in Redis, for one life. This header, the files of relay/
 * that include it, and the Lua beside them, are the only place that knows Redis keys. What the
 * protocol is and why: ENGINE in the design, tests/model for the proof.
 *
 * Keys of journal J, all with the hash tag {J}: owner, journal (stream), settled (hash), event:<n>
 * (hash: its head `e`, its body `b`, and a record `d:<destination>` for each), due:<destination>
 * and dead:<destination> (sorted sets), lanes (set of their names), requests (list), moved (hash),
 * proof (for a second). */
#ifndef RELAY_JOURNAL_H
#define RELAY_JOURNAL_H

#include "base/numset.h"
#include "model/event.h"
#include "relay/worker.h"

#define LEASE_MS 6000       /* the owner key's life in Redis */
#define LEASE_VALID_MS 4000 /* what its owner believes, counted from when the renewal was sent */
#define RENEW_EVERY_MS 2000
#define COMMIT_EVERY_MS 10
#define SEEN_EVERY_MS 1000 /* the record's `seen` is rounded up to this */

struct delivery;
struct track;

enum journal_state {
    JOURNAL_CREATING, /* create is sent */
    JOURNAL_ASKING,   /* in doubt: nothing is sent but the question (take) */
    JOURNAL_MARKING,  /* mine; a marker and a read-back settle appends of unknown outcome */
    JOURNAL_OPEN,     /* mine; takes appends */
    JOURNAL_SEALING,  /* mine, no longer live; seal is sent */
    JOURNAL_READING,  /* sealed; recovery reads its record and its entries */
    JOURNAL_OLD,      /* sealed and read: what is left is in lanes and due sets */
    JOURNAL_DELETING,
};

enum { KEY_OWNER, KEY_JOURNAL, KEY_SETTLED, KEY_REQUESTS, KEY_LANES, KEY_MOVED, KEY_COUNT };

struct journal_keys {
    char name[12]; /* nine hex digits */
    char base[96]; /* <prefix>{<name>}: */
    char text[KEY_COUNT][112];
    struct str v[KEY_COUNT];
};

void journal_keys_init(struct journal_keys *k, struct str prefix, uint64_t number);

/* One append in motion: a member of ingest's request, or a re-append's own. */
struct append {
    struct append *next;
    struct event *event;
    char dedupe[DEDUPE_MAX + 1];     /* digest of source and delivery id, window; empty: none */
    struct move *move;               /* not NULL: a re-append of an event of another journal */
    enum conf_durability durability; /* that the sender is promised */
    bool sent;                       /* false: its connection died; the outcome is unknown */
    bool in_stream;                  /* the read-back found it */
    bool answered;                   /* by Redis; `refusal` says how */
    const char *refusal;             /* NULL: it is in the stream */
    bool unproven;                   /* in the stream, but not as durable as was promised */
    bool is_spooled;                 /* it was given to the spool meanwhile: that one counts */
};

struct batch; /* the commit under way; commit.c */

/* Time went back: a walk over all that is parked, lane by lane. */
struct hastening {
    bool on, asked, anew; /* anew: it went back once more meanwhile */
    unsigned lane;
    uint64_t cursor; /* ZSCAN's */
};

struct history_mark {
    int64_t at_ms;
    uint64_t n, bytes;
};

struct journal {
    struct worker *w;
    struct journal *next;
    struct master *master; /* who was asked for it last; NULL: nobody yet, or it is gone */
    uint64_t number;
    const char *name; /* keys.name */
    struct journal_keys keys;
    enum journal_state state;
    bool live;              /* not sealed: it may take appends */
    bool adopted;           /* was never live in this life */
    bool leaving;           /* no longer live; what it holds above its top has not been moved yet */
    unsigned requests_busy; /* requests that were taken from a renewal and are not committed yet */
    bool requests_wait;     /* the last renewal has shown some: it is not to be deleted yet */

    char token[33];  /* the owner token that Redis last confirmed */
    char former[33]; /* the token of a former life that is known to be dead; empty: none */
    char trial[33];  /* of a taking that was not answered yet; empty: none */
    char version[48];
    uint64_t count;
    int64_t lease_until_ms; /* boot clock */
    int64_t doubted_ms;     /* boot clock: last */
    bool renewing;

    uint64_t next_n;      /* the next append's */
    uint64_t known_n;     /* every append at or below it has a known outcome */
    uint64_t present_n;   /* the highest that is known to be in the stream: not a hole */
    uint64_t top;         /* of a sealed one; entries above it are not */
    uint64_t marker_n;    /* of a marker that was not answered yet; 0: none */
    uint64_t asked_low_n; /* present_n when the question was sent */
    struct append *pending, **pending_tail; /* in n order: unanswered or unknown */
    struct append *unanswered;              /* the first of them that Redis has not answered */
    unsigned pending_count;
    uint64_t sent_n;               /* the last append's */
    const struct master *proof_of; /* who was asked for a proof of them: */
    uint64_t proof_n, claims_n;    /* of appends up to here; of what is to claim something */
    uint64_t proven_n;             /* the last one told of appends up to here */
    bool proof_came;               /* and they are not completed yet */

    struct track *tracks[LANES_MAX]; /* by lane number */
    uint64_t low;                    /* as last committed */
    bool dirty;                      /* something for the next commit */
    bool drop_low;                   /* low as committed is no longer trusted */
    struct op *ops, **ops_tail;
    size_t op_count;
    struct batch *batch;
    struct wheel_timer tick, retry;
    int64_t oom_until_ms; /* boot clock: bodies are not sent before (Redis answered OOM) */

    struct numset spooled;     /* n of what the spool has: not to be delivered if it is read back */
    uint64_t read_n;           /* recovery's cursor: entries below it were read */
    struct recovery *recovery; /* under way */
    bool recovered;            /* all of it was read, in this life */
    int64_t seen_ms;           /* the record's `seen`: nothing that is parked was tried later */
    struct hastening hastening;
    int64_t newest_ms;      /* receipt of its newest entry */
    uint64_t bytes;         /* of the entries appended in this life, trimmed ones too; of a sealed
                               journal what Redis says that its stream takes */
    uint64_t trimmed_bytes; /* of those that were trimmed */
    bool measured;          /* `bytes` is Redis' word; else of what recovery has read */
    uint64_t bodies_bytes;  /* of parked and dead events, as its record says */
    uint64_t told_bytes;    /* what the others were told of both */
    uint64_t trimmed_n, trim_asked_n;
#define HISTORY_MARKS 128
    struct history_mark marks[HISTORY_MARKS];
    unsigned mark_first, mark_count;
#define RECENT_PARKS 4096
    uint64_t recent_parks[RECENT_PARKS]; /* n of what was parked last: for counting what a lost tail
                                            took */
    unsigned recent_at;
    unsigned calls; /* commands that will answer with this journal as their user */
    bool dead;      /* freed by its owner; the last answer frees the memory */
};

/* --- journal.c: life and appends */
struct journal *journal_new(struct worker *w, uint64_t number);
void journal_free(struct journal *j); /* drops whatever it still holds */
struct journal *journal_find(const struct worker *w, uint64_t number); /* among its own, or NULL */
/* As store_send, to its master's main connection. */
bool journal_send(struct journal *j, size_t argc, const struct str *argv, store_on_reply on_reply,
                  void *user);
/* A command is on its way whose answer names `j`. The answer calls release first: true = `j` was
 * freed meanwhile (and now is), leave it alone. */
void journal_hold(struct journal *j);
bool journal_release(struct journal *j);
void journal_name(uint64_t number, char out[12]);
bool journal_number(struct str name, uint64_t *number); /* false: no journal's name */
/* Builds "<prefix>{J}:<kind><rest>" in `out`. */
struct str journal_key(const struct journal *j, struct buf *out, const char *kind, struct str rest);
/* The same of any journal, by its name. Makes `out`; free with buf_done. */
struct str journal_key_of(const struct worker *w, struct buf *out, struct str name,
                          const char *kind, struct str rest);
/* Is it mine, answered, and within its lease? No attempt and no 2xx without. */
bool journal_may_act(const struct journal *j);
bool journal_may_act_at(const struct journal *j, int64_t boot); /* boot_ms, read just now */
/* Can it take an append now? NULL, or the reason of the refusal (closed list). */
const char *journal_refuses(const struct worker *w);
/* Besides the refusals of the closed list: it was never written, though its outcome was unknown. */
extern const char APPEND_ABSENT[];
/* Sends an XADD of a->event, whose n the caller took from journal_next_n. Completion: append_done
 * (relay/ingest.h), never from inside. The append is the journal's until then. */
void journal_append(struct journal *j, struct append *a);
uint64_t journal_next_n(struct journal *j);
/* Parting: appends of unknown outcome at or below `top` are answered as refused, those above as
 * absent. */
void journal_fail_pending(struct journal *j, uint64_t top);
/* Does it hold what the spool delivers, and it is not settled yet? The next life would not know. */
bool journal_has_spooled(const struct journal *j);
/* Completes what is known, in the order of appending. False: that has ended the journal. */
bool journal_complete_known(struct journal *j);
void journal_appends_down(struct journal *j);   /* the connection died: outcomes are unknown */
void journal_resume_appends(struct journal *j); /* marker, read-back, then JOURNAL_OPEN */

/* --- track.c: one destination's side of one journal */
struct track_slot {
    uint64_t n;
    struct delivery *delivery; /* NULL: not held in memory any more */
    bool done;                 /* settled or parked, as of the next commit */
};

struct range {
    uint64_t first, last;
};

/* What a settled record says of one destination. */
struct settled {
    uint64_t floor;
    struct range *ranges; /* above the floor, ascending; owned */
    size_t count;
};

struct track {
    struct journal *journal;
    struct lane *lane;
    struct track_slot *ring; /* unsettled entries in n order, from head; power of two */
    size_t cap, head, len;
    uint64_t base_seq; /* of the slot at head */
    uint64_t done_n;   /* all that were pushed at or below it are done */
    bool dirty;
    struct settled former; /* what the record said when recovery began */
    uint64_t unread_n; /* not 0: recovery has passed it over, from here on nothing of it was read */
    bool passed_over;  /* in this pass */

    int64_t next_due_ms;          /* of what is parked and not loaded; INT64_MAX: nothing */
    bool due_reading;             /* a read of its due set is under way */
    unsigned foreign;             /* members at its head that are no entries of ours */
    struct delivery *loaded_list; /* parked deliveries now in memory */
    struct numset in_hand; /* their n, until the commit with their outcome is written: the due set
                              still names them as due */
    uint64_t due_total;    /* parked, loaded or not: as last counted, kept up by our own commits */
    uint64_t dead_total;   /* dead letters, the same */
    bool forgetting;       /* a list of entries to be forgotten is on its way */
    uint64_t held_bytes, dead_bytes; /* parked and dead, as the journal's record says */
};

struct track *track_of(struct journal *j, struct lane *lane); /* finds or makes */
void track_free(struct track *t);
void tracks_clear(struct journal *j); /* what this life knows of a journal is no longer true */
uint64_t track_push(struct track *t, uint64_t n, struct delivery *d); /* returns the slot's seq */
void track_done(struct track *t, uint64_t seq);
void track_undone(struct track *t, uint64_t seq); /* a refused commit: before any pop */
struct track_slot *track_slot(struct track *t, uint64_t seq);
void track_forget(struct track *t, uint64_t seq); /* its delivery is in memory no more */
void track_pop(struct track *t);                  /* forgets what is done at the head */
uint64_t track_low(const struct track *t);        /* first undone n, UINT64_MAX when none */
void track_encode(const struct track *t, struct buf *out);
bool settled_decode(struct str text, struct settled *out); /* false: foreign; settled nothing */
bool settled_has(const struct settled *s, uint64_t n);
void settled_done(struct settled *s);

/* --- record.c */
/* The life of one delivery so far, as its record in Redis says it. */
struct record {
    unsigned attempts;
    int64_t first_ms, last_ms, next_ms, since_ms;
    int status;
    bool replay;
    char reason[32];
};

void record_encode(const struct record *r, struct buf *out);
bool record_decode(struct str text, struct record *r);

/* --- commit.c: the fenced commit, every 10 ms if there is anything, at once behind a full one */
enum op_kind { OP_PARK, OP_BURY, OP_BURY_BARE, OP_DROP, OP_TRIM, OP_REQUEST_DONE };

struct op {
    struct op *next;
    enum op_kind kind;
    struct track *track;
    uint64_t n, seq;     /* seq: the slot that this settles, or TRACK_NO_SEQ */
    struct event *event; /* referenced: its body goes too; NULL: it is there already */
    struct record record;
    int64_t at_ms; /* due or burial time */
    char *text;    /* of a request, as it came; owned */
    size_t text_len;
    const char
        *why; /* of a dead letter that has to go: "age", "share", "dropped"; NULL: of others */
};
#define TRACK_NO_SEQ UINT64_MAX

void op_take(struct journal *j, struct op **at); /* *at leaves the queue, and is the caller's */
void op_free(struct op *op);

void commit_park(struct track *t, uint64_t n, uint64_t seq, struct event *body,
                 const struct record *r, int64_t due_ms);
void commit_bury(struct track *t, uint64_t n, uint64_t seq, struct event *body,
                 const struct record *r, int64_t now_ms);
/* The same without the body, which stays in the stream for as long as history is kept. */
void commit_bury_bare(struct track *t, uint64_t n, uint64_t seq, struct event *e,
                      const struct record *r, int64_t now_ms);
void commit_drop(struct track *t, uint64_t n, const char *why);
void commit_settle(struct track *t,
                   uint64_t n); /* delivered: its record goes, written or not yet */
void commit_trim(struct journal *j, uint64_t below_n);
/* Goes no earlier than what was queued for entry n before; 0: it is of none. */
void commit_request_done(struct journal *j, uint64_t n, struct str text);
/* What still waits to be written goes by the new time; what cannot starts the walk again. */
void commit_time_went_back(struct journal *j);
void commit_soon(struct journal *j); /* something changed: a tick will look */
/* What was to be parked and is held back by Redis' memory is not wanted any more; how many. */
unsigned commit_forget(struct track *t);
bool commit_idle(const struct journal *j); /* nothing queued, dirty or unanswered */
/* Coming back found my outstanding version written, or not: finish or send again. */
void commit_resume(struct journal *j, struct str found_version);
bool commit_would_be(const struct journal *j, struct str version); /* the outstanding one's */
/* Every body that is still to be parked or buried. */
void commit_each_body(const struct journal *j, void (*each)(void *user, const struct op *op),
                      void *user);
/* Gives up queue and outstanding commit; `keep` is told of every body that was still to be parked.
 */
void commit_abandon(struct journal *j, void (*keep)(void *user, const struct op *op), void *user);
void commit_free(struct journal *j);

/* --- proof.c: is what lies there as durable as promised? */
/* Does Redis' answer to a write not yet prove it? */
bool proof_needed(const struct journal *j, enum conf_durability promised);
/* The same of an entry that is to claim something: only on a cluster must that wait. */
bool proof_awaited(const struct journal *j, enum conf_durability promised);
void master_prove(struct master *m); /* behind a turn's appends, in the same write */
/* Asks also for what waits to claim something, if anything does; with each renewal, and when a
 * recovery has read some. What is proven claims at once. */
void claims_prove(struct journal *j);

/* --- script.c: what runs inside Redis */
enum script_id {
    SCRIPT_CREATE_ID,
    SCRIPT_RENEW_ID,
    SCRIPT_TAKE_ID,
    SCRIPT_SEAL_ID,
    SCRIPT_COMMIT_ID,
    SCRIPT_COMMIT_BODIES_ID,
    SCRIPT_MARK_ID,
    SCRIPT_FREE_ID,
    SCRIPT_DELETE_ID,
    SCRIPT_REQUEST_ID,
    SCRIPT_CLAIM_ID,
    SCRIPT_HASTEN_ID,
    SCRIPT_WATCH_ID,
    SCRIPT_PUT_ID,
    SCRIPT_LIST_ID,
    SCRIPT_HISTORY_ID,
    SCRIPT_IDS_ID,
    SCRIPT_COUNT
};

/* Runs a script on the journal's keys. on_answer(user = j): the journal is alive, reply may be
 * NULL; false: not connected, no answer comes. `sent_ms` is the boot clock at sending. */
typedef void (*script_on_answer)(struct journal *j, const redisReply *reply, int64_t sent_ms);
bool script_send(struct journal *j, enum script_id id, size_t argc, const struct str *argv,
                 script_on_answer on_answer);
/* The same for any journal, also of another node; false: its master is not ready. */
bool script_send_to(struct worker *w, uint64_t number, enum script_id id, size_t argc,
                    const struct str *argv, store_on_reply on_reply, void *user);
#define SCRIPT_ARGS_MOST 64
/* The same for a key of no journal: at most SCRIPT_ARGS_MOST arguments. */
bool script_send_key(struct worker *w, enum script_id id, struct str key, size_t argc,
                     const struct str *argv, store_on_reply on_reply, void *user);
/* Writes a field of a hash that all nodes share, also at Redis' OOM. */
bool script_put(struct worker *w, enum shared_key key, struct str field, struct str value,
                store_on_reply on_reply, void *user);
/* Puts so many journals into the listing, also at Redis' OOM. */
void script_list(struct worker *w, size_t n, const struct str *names);

/* The server does not know the scripts any more, or is no master: the connection has been reset
 * already, and Coming back decides. */
bool script_unfit(enum store_error e);

/* What every script but watch.lua (the owner alone), ids.lua, put.lua and list.lua answers first.
 * Slices are borrowed from the reply. */
struct answer {
    enum store_error error; /* STORE_OK: the rest is set */
    struct str word, owner, version;
    uint64_t top;
    bool sealed;
    size_t extra; /* index of the first further element */
};
struct answer answer_read(const redisReply *reply);

/* --- lease.c: create, take, renew, seal, leave */
void lease_up(struct master *m);     /* it is ready: ask for every journal of it, make a live one */
void lease_down(struct master *m);   /* it is not: all are in doubt, appends on their way unknown */
void lease_follow(struct worker *w); /* slots have changed hands: journals go where theirs is */
/* Something does not fit: stop all sending for it and ask. Idempotent. */
void journal_doubt(struct journal *j, const char *why);
extern const char JOURNAL_MOVES[];
void journal_take(struct journal *j); /* the question of Coming back and of adoption */
void journal_ask_later(
    struct journal *j); /* the same in half a second; nothing is sent till then */
void journal_say_foreign(const struct journal *j, const char *keys); /* one of them, in Redis */
void lease_renew_all(struct worker *w);
/* A planned stop: seals and frees every journal; on_freed when Redis has answered or is away. */
void lease_free_all(struct worker *w, void (*on_freed)(struct worker *w));

/* --- unsettled.c: what a journal that is left holds unsettled in memory, above its top */
bool unsettled_above(const struct journal *j, uint64_t top);
/* All of it moves to the live journal (relay/move.h); the rest of its memory goes. `all_lost`:
 * Redis has nothing of it any more, so what was parked and is not in memory is lost. */
void unsettled_move_out(struct journal *j, uint64_t top, bool all_lost);

/* --- recover.c: reads a sealed journal back */
void recover_start(struct journal *j); /* from JOURNAL_READING to JOURNAL_OLD */
void recover_stop(struct journal *j);  /* frees its state */
void recover_more(struct journal *j);  /* room again */
void recoveries_go(struct worker *w);  /* for all of them */
void recover_again(struct journal *j); /* resumed: older answers have all come, or never will */
bool recover_has_record(const struct journal *j); /* what is settled is known */

/* An entry of a stream, as XRANGE answers. Slices are borrowed from the reply. */
struct entry {
    uint64_t n, received_ms;
    struct str id, source, to, method, target, headers, body, from, dedupe;
};
/* False: foreign; n, or 0, and to are set. */
bool entry_read(const redisReply *r, struct entry *e);
#define ENTRY_ID_MAX 24
struct str entry_id(char out[ENTRY_ID_MAX], uint64_t n); /* "<n>-0", as Redis names it */
struct event *entry_event(const struct journal *j, const struct entry *e, const uint16_t *to,
                          size_t to_count);

/* --- adopt.c: journals without an owner; care of those that are owned */
/* After each connect; to another server (or if the last one was cut off): SCAN for what is not
 * listed, and if the listing lies there, for it may have lost its tail, on every master. */
void adopt_start(struct master *m, bool another_server);
/* A connection broke, or journals changed masters: absence must be seen anew, of what lies on `m`
 * (NULL: of everything). */
void adopt_reset(struct worker *w, const struct master *m);
void adopt_scan(struct worker *w); /* every 2 s */
void adopt_done(struct worker *w);
/* Of this node's former life, which is known to be dead: no need to wait for its lease. */
void adopt_former(struct worker *w, uint64_t number, struct str token);
void journal_unlist(struct worker *w, uint64_t number);
uint64_t journal_history_end(const struct journal *j); /* below it all may be trimmed */
void journals_trim(struct worker *w); /* history that is over; where it is short, all history */
void journals_tend(struct worker *w); /* every 2 s: the same, and deletes what is empty */

/* --- budget.c: what Penstock keeps in Redis, against retention.max_memory and each destination's
 * share. Each owner counts its journals and publishes the figures in <prefix>usage; what others
 * have is up to two seconds old, so the limits are soft by what comes in meanwhile. */
void budget_committed(struct journal *j, const redisReply *reply, size_t at); /* commit's figures */
void budget_field(struct journal *j, struct str name, struct str value); /* one of the record's */
void budget_limit(struct worker *w); /* a master is ready: how much may all of it be? */
/* What is configured as a part of retention.max_memory, as a part of the limit. */
uint64_t budget_part(const struct worker *w, uint64_t bytes);
/* Redis has just refused something for want of memory: all history goes. */
void budget_redis_full(struct worker *w);
/* About what an entry takes in its stream, by the bytes of its values. */
uint64_t budget_entry(size_t text_bytes);
void budget_noted(struct journal *j); /* that one of its entries is a duplicate */
uint64_t budget_event(const struct event *e);
void budget_appended(struct worker *w, uint64_t bytes);
void budget_measure(struct journal *j); /* asks Redis what the stream of a sealed one takes */
void budget_update(struct worker *w);   /* adds up what this worker's journals have */
void budget_tend(struct worker *w);     /* every 2 s: publishes, reads the others', makes room */
void budget_forget(struct worker *w, uint64_t number); /* that journal is no more */
/* May an event for these lanes be taken? NULL, or why not, as a sentence. */
const char *budget_refuses(struct worker *w, const uint16_t *to, size_t n);
bool budget_is_short(const struct worker *w); /* above four fifths: history goes first */

/* --- due.c: parked deliveries and their times */
void due_note(struct track *t, int64_t due_ms); /* something is parked until then */
/* Redis' clock stepped back: what was tried "later than now", or waits for its first attempt, is
 * due at once. */
void due_time_went_back(struct journal *j);
void due_hasten(struct journal *j); /* goes on with that, if any is left */
void due_rearm(struct worker *w);
void due_look(struct track *t);    /* reads the head of its due set */
void due_expire(struct track *t);  /* buries what is older than max_age, untried */
void dead_expire(struct track *t); /* forgets dead letters older than retention.dead */
/* A dead letter is one no more: until what becomes of it is written, nobody else finds it. Or it
 * stays one. */
void dead_take(struct track *t, uint64_t n);
void dead_give_back(struct track *t, uint64_t n);
/* The oldest of them. False: nothing is asked, there are none or too much else is under way. */
bool dead_forget(struct track *t, uint64_t count, const char *why);
void due_forget(struct track *t, uint64_t count); /* parked ones: their destination is dropped */

/* --- request.c: what the API asks of a journal's owner */
void request_start(struct journal *j, struct str text); /* one of `requests` */

#endif
