/* The scenarios, the mutants, and the command line:
 *
 *   model [--small]            every scenario; exit 0 if all promises hold and nothing was vacuous
 *   model --mutant NAME        exit 0 if, and only if, a broken promise was found; prints how
 *   model --scenario NAME      only this one (with --mutant too)
 *   model --extra cut          one broken connection (or: lapse, crash) more than the scenario
 * says; slow model --list               the names */
#include "model.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

const struct scenario *scen;
enum mutant mutant;

#define C(x) (UINT64_C(1) << (x))

/* Small ones take well under a second also with sanitizers. `must`: without these the verdict says
 * little. */
static const struct scenario scenarios[] = {
    {.name = "plain", .what = "connections break, appends and commits of unknown outcome",
     .small = 1, .nev = 2, .to = {1, 2}, .adopt = 1, .cuts = 2, .fails = 1,
     .must = C(C_ACKED) | C(C_RESUMED) | C(C_OUT_DONE) | C(C_LATE_REFUSED) | C(C_LATE_LANDED) | C(C_MARKER) |
             C(C_PRESENT) | C(C_ABSENT) | C(C_PARKED) | C(C_BURIED) | C(C_DELETED)},
    {.name = "stall",
     .what = "an owner stops twice: takes again; adopters that came and went; deletion before it wakes",
     .nev = 1, .to = {3}, .adopt = 2, .cuts = 1, .lapses = 2,
     .must = C(C_ACKED) | C(C_RETAKEN) | C(C_CAME_AND_WENT) | C(C_FOREIGN) | C(C_GONE_SEEN) | C(C_COMMIT_REFUSED) |
             C(C_LATE_REFUSED) | C(C_STALE) | C(C_FENCED_ADOPTER) | C(C_MOVED_WON) | C(C_EXCUSED)},
    {.name = "stall-2", .what = "an owner of two events stops; its appends land late",
     .small = 1, .nev = 2, .to = {1, 2}, .adopt = 2, .cuts = 1, .lapses = 1,
     .must = C(C_ACKED) | C(C_RETAKEN) | C(C_FOREIGN) | C(C_GONE_SEEN) | C(C_LATE_REFUSED) | C(C_COMMIT_REFUSED) |
             C(C_MARKER) | C(C_PRESENT) | C(C_ABSENT) | C(C_MOVED_WON)},
    {.name = "crash", .what = "two crashes and a broken connection",
     .nev = 2, .to = {1, 2}, .adopt = 2, .cuts = 1, .crashes = 2,
     .must = C(C_ACKED) | C(C_ADOPTED) | C(C_RECOVERED) | C(C_DELETED) | C(C_EXCUSED) | C(C_LATE_LANDED) |
             C(C_NO_FLOOR)},
    {.name = "floors", .what = "a destination's first event lies above others' floors when the owner crashes",
     .small = 1, .nev = 3, .to = {1, 2, 1}, .adopt = 2, .crashes = 1,
     .must = C(C_NO_FLOOR) | C(C_RECOVERED) | C(C_EXCUSED) | C(C_DELETED)},
    {.name = "orphan", .what = "two adopters of one sealed journal take it from each other",
     .nev = 2, .to = {1, 2}, .orphan = 2, .adopt = 3, .cuts = 1, .lapses = 1, .crashes = 1,
     .must = C(C_ADOPTED) | C(C_FENCED_ADOPTER) | C(C_CAME_AND_WENT) | C(C_RETAKEN) | C(C_OUT_DONE) |
             C(C_COMMIT_REFUSED) | C(C_GONE_SEEN)},
    {.name = "tail", .what = "the store loses its tail under a live owner",
     .nev = 2, .to = {3, 2}, .adopt = 1, .cuts = 1, .tails = 1,
     .must = C(C_ACKED) | C(C_TAIL) | C(C_REPAIR) | C(C_RESUMED) | C(C_TOTAL_LOSS) | C(C_RESEALED) | C(C_MOVED_WON)},
    {.name = "tail-lapse", .what = "a tail is lost while a foreign adopter takes, seals, delivers, deletes",
     .nev = 1, .to = {3}, .adopt = 2, .tails = 1, .lapses = 1,
     .must = C(C_ACKED) | C(C_TAIL) | C(C_REPAIR) | C(C_FOREIGN) | C(C_GONE_SEEN) | C(C_FENCED_ADOPTER) |
             C(C_RESEALED) | C(C_MOVED_WON) | C(C_MOVED_LOST) | C(C_CAME_AND_WENT)},
    {.name = "tail-lapse-2", .what = "the same, and one more stop: moved events are moved again",
     .nev = 1, .to = {1}, .adopt = 2, .tails = 1, .lapses = 2,
     .must = C(C_TAIL) | C(C_REPAIR) | C(C_MOVED_WON) | C(C_MOVED_LOST) | C(C_RESEALED) | C(C_STALE) |
             C(C_CAME_AND_WENT)},
    {.name = "tail-crash", .what = "a tail is lost and a process crashes",
     .nev = 1, .to = {3}, .adopt = 3, .tails = 1, .crashes = 1,
     .must = C(C_ACKED) | C(C_TAIL) | C(C_REPAIR) | C(C_ADOPTED) | C(C_RESEALED) | C(C_TOTAL_LOSS) | C(C_MOVED_WON)},
    {.name = "tail-orphan", .what = "a tail is lost under two adopters, one crashes",
     .small = 1, .nev = 2, .to = {1, 2}, .orphan = 2, .adopt = 3, .tails = 1, .crashes = 1,
     .must = C(C_TAIL) | C(C_RESEALED) | C(C_FENCED_ADOPTER) | C(C_CAME_AND_WENT) | C(C_GONE_SEEN) | C(C_RETAKEN)},
    {.name = "tail-master", .what = "only one master of a cluster loses its tail, an adopter is at work",
     .small = 1, .nev = 1, .to = {1}, .adopt = 3, .tails = 1, .tail_one = 1, .lapses = 1,
     .must = C(C_ACKED) | C(C_TAIL) | C(C_REPAIR) | C(C_MOVED_WON) | C(C_MOVED_LOST) | C(C_GONE_SEEN) | C(C_RESEALED)},
    {.name = "tail-dead", .what = "a tail is lost, with parked deliveries and dead letters in it",
     .small = 1, .nev = 1, .to = {1}, .adopt = 2, .tails = 1, .lapses = 1, .fails = 1,
     .must = C(C_TAIL) | C(C_PARKED) | C(C_BURIED) | C(C_RESEALED) | C(C_TOTAL_LOSS) | C(C_GONE_SEEN)},
    {.name = "oom", .what = "Redis is out of memory at the start, only adoption frees it",
     .small = 1, .nev = 2, .to = {1, 2}, .orphan = 1, .oom = 1, .adopt = 1, .tails = 1,
     .must = C(C_OOM_REFUSED) | C(C_OOM_CREATE) | C(C_ADOPTED) | C(C_DELETED) | C(C_TAIL)},
    {.name = "oom-tail", .what = "Redis comes back without its tail and out of memory",
     .small = 1, .nev = 2, .to = {1, 2}, .oom = 2, .adopt = 1, .tails = 1,
     .must = C(C_TAIL) | C(C_REPAIR) | C(C_OOM_CREATE) | C(C_MOVED_WON) | C(C_MARKER) | C(C_RECOVERED)},
    {.name = "stop", .what = "a planned stop with a parked delivery left",
     .small = 1, .nev = 1, .to = {3}, .adopt = 2, .stop = 1, .cuts = 1, .lapses = 1, .fails = 1,
     .must = C(C_ACKED) | C(C_RELEASED) | C(C_PARKED) | C(C_ADOPTED) | C(C_FOREIGN) | C(C_CAME_AND_WENT)},
    {.name = "error", .what = "an append is answered with an error: a hole, and the connections break",
     .small = 1, .nev = 2, .to = {1, 2}, .adopt = 2, .cuts = 1, .crashes = 1, .errors = 1,
     .must = C(C_ACKED) | C(C_ERROR) | C(C_RESUMED) | C(C_MARKER) | C(C_RECOVERED) | C(C_DELETED)},
    {.name = "error-moved", .what = "the store loses its tail, and what is appended again is answered with an error",
     .nev = 2, .to = {1, 2}, .adopt = 1, .tails = 1, .errors = 1,
     .must = C(C_ACKED) | C(C_ERROR) | C(C_TAIL) | C(C_REPAIR) | C(C_MOVED_WON)},
    {.name = "hand-over",
     .what = "a planned stop gives up an adopted journal and its own; the next life comes at once",
     .nev = 2, .to = {1, 2}, .orphan = 1, .by = {0, 0}, .adopt = 3, .stop = 1, .restart = 1, .cuts = 1, .fails = 1,
     .must = C(C_ACKED) | C(C_RELEASED) | C(C_HANDED) | C(C_PARKED) | C(C_ADOPTED) | C(C_DELETED)},
    {.name = "stop-short", .what = "a stop that is cut short: outcomes not committed, appends on their way",
     .nev = 2, .to = {1, 2}, .adopt = 3, .stop = 1, .crashes = 1, .lapses = 1,
     .must = C(C_ACKED) | C(C_HANDED) | C(C_ADOPTED) | C(C_EXCUSED) | C(C_LATE_REFUSED) | C(C_DELETED)},
    {.name = "spool", .what = "an event is spooled and drained; the process crashes, twice",
     .small = 1, .nev = 1, .to = {3}, .spool = 1, .adopt = 2, .crashes = 2,
     .must = C(C_SPOOLED) | C(C_FED_AGAIN) | C(C_FILE_GONE) | C(C_MOVED_WON) | C(C_MOVED_LOST) | C(C_RECOVERED) |
             C(C_DELETED) | C(C_EXCUSED)},
    {.name = "spool-2", .what = "two events are spooled and drained, a connection breaks",
     .nev = 2, .to = {1, 2}, .spool = 3, .adopt = 2, .cuts = 1, .lapses = 1,
     .must = C(C_SPOOLED) | C(C_FILE_GONE) | C(C_MOVED_WON) | C(C_PRESENT) | C(C_ABSENT) | C(C_RECOVERED) |
             C(C_DELETED)},
    {.name = "spool-tail", .what = "a file is drained with proof; the store loses its tail, the process crashes",
     .nev = 1, .to = {1}, .spool = 1, .proof = 1, .adopt = 2, .tails = 1, .crashes = 1,
     .must = C(C_SPOOLED) | C(C_FED_AGAIN) | C(C_FILE_GONE) | C(C_MOVED_WON) | C(C_MOVED_LOST) | C(C_TAIL) |
             C(C_PROVEN) | C(C_SHORT)},
    {.name = "spool-master", .what = "the same on a cluster: one master loses its tail; the process stands still",
     .small = 1, .nev = 1, .to = {1}, .spool = 1, .proof = 1, .adopt = 2, .tails = 1, .tail_one = 1, .lapses = 1,
     .must = C(C_SPOOLED) | C(C_FILE_GONE) | C(C_MOVED_WON) | C(C_MOVED_LOST) | C(C_TAIL) | C(C_FOREIGN) |
             C(C_REPAIR)},
    {.name = "dedupe", .what = "one delivery id comes to two processes; one crashes, one stands still",
     .nev = 2, .to = {1, 1}, .by = {0, 1}, .same = 2, .adopt = 2, .lapses = 1, .crashes = 1,
     .must = C(C_ACKED) | C(C_SEEN_WON) | C(C_SEEN_LOST) | C(C_RECOVERED) | C(C_EXCUSED) | C(C_DELETED)},
    {.name = "dedupe-cut", .what = "the same; a connection breaks, an append is answered with an error",
     .nev = 2, .to = {1, 1}, .by = {0, 1}, .same = 2, .adopt = 3, .cuts = 1, .errors = 1,
     .must = C(C_ACKED) | C(C_SEEN_WON) | C(C_SEEN_LOST) | C(C_ERROR) | C(C_ABSENT) | C(C_PRESENT)},
    {.name = "dedupe-spool", .what = "the same, and the first one is spooled",
     .small = 1, .nev = 2, .to = {1, 1}, .by = {0, 1}, .same = 2, .spool = 1, .adopt = 2, .crashes = 1,
     .must = C(C_SPOOLED) | C(C_SEEN_WON) | C(C_SEEN_LOST) | C(C_FED_AGAIN) | C(C_MOVED_LOST)},
    {.name = "proof", .what = "an append counts with its proof; an unproven tail is lost, a process crashes",
     .nev = 2, .to = {1, 2}, .proof = 1, .adopt = 2, .tails = 1, .crashes = 1,
     .must = C(C_ACKED) | C(C_PROVEN) | C(C_SHORT) | C(C_TAIL) | C(C_REPAIR) | C(C_RECOVERED)},
    {.name = "proof-cut", .what = "the connection breaks between an append and its proof",
     .small = 1, .nev = 2, .to = {1, 2}, .proof = 1, .adopt = 1, .cuts = 1, .tails = 1,
     .must = C(C_ACKED) | C(C_PROVEN) | C(C_PRESENT) | C(C_ABSENT) | C(C_TAIL) | C(C_REPAIR)},
    {.name = "dedupe-proof", .what = "one master of a cluster loses what was not proven there; the sender came again",
     .nev = 2, .to = {1, 1}, .by = {0, 1}, .same = 2, .again = 1, .proof = 1, .adopt = 2, .tails = 1, .tail_one = 1,
     .crashes = 1,
     .must = C(C_ACKED) | C(C_PROVEN) | C(C_SHORT) | C(C_TAIL) | C(C_SEEN_WON) | C(C_SEEN_LOST)},
    {.name = "dedupe-tail", .what = "the same with one server: what is proven proves what lies before it",
     .nev = 2, .to = {1, 1}, .by = {0, 1}, .same = 2, .again = 1, .proof = 1, .adopt = 2, .tails = 1, .crashes = 1,
     .must = C(C_ACKED) | C(C_PROVEN) | C(C_SHORT) | C(C_TAIL) | C(C_SEEN_WON) | C(C_SEEN_LOST)},
    {.name = "trim", .what = "history is trimmed at once while an owner stands still",
     .nev = 1, .to = {3}, .trim = 1, .adopt = 2, .cuts = 1, .lapses = 1,
     .must = C(C_ACKED) | C(C_TRIMMED) | C(C_FOREIGN) | C(C_RETAKEN) | C(C_PRESENT) | C(C_ABSENT)},
    {.name = "trim-crash", .what = "history is trimmed, with a delivery parked; the process crashes",
     .small = 1, .nev = 2, .to = {3, 2}, .trim = 1, .adopt = 2, .crashes = 1, .fails = 1,
     .must = C(C_ACKED) | C(C_TRIMMED) | C(C_PARKED) | C(C_BURIED) | C(C_RECOVERED)},
    {.name = "requests", .what = "a replay is asked for; its owner stands still or crashes",
     .small = 1, .nev = 1, .to = {1}, .adopt = 3, .asks = 1, .lapses = 1, .crashes = 1, .fails = 2,
     .must = C(C_REPLAYED) | C(C_BURIED) | C(C_ADOPTED) | C(C_COMMIT_REFUSED)},
};
enum { NSCEN = sizeof scenarios / sizeof *scenarios };

/* Each mutant with the scenario that finds it soonest. */
static const struct {
    const char *name, *scenario, *what;
    char extra;
} mutants[MUT_N] = {
    [MUT_NONE] = {"none", "", "the protocol itself", 0},
    [MUT_NO_SEAL] = {"no-seal", "stall-2", "adopters do not seal", 0},
    [MUT_NO_OWNER_CHECK] = {"no-owner-check", "stall-2", "commit does not compare the owner", 0},
    [MUT_NO_TOKEN] = {"no-token-in-version", "orphan", "version is a bare count", 0},
    [MUT_NO_LOW] = {"no-low", "floors", "recovery starts at the lowest floor", 0},
    [MUT_NO_MARKER] = {"no-marker", "crash", "unknown appends are read back without a marker", 0},
    [MUT_NO_GONE] = {"no-gone", "stall-2", "delete leaves nothing", 0},
    [MUT_GONE_NO_TOP] = {"gone-without-top", "tail-master", "ENGINE.md, hole 1", 0},
    [MUT_ROW3_NO_MOVE] = {"row3-moves-nothing", "tail-master", "ENGINE.md, hole 2", 0},
    [MUT_ADOPTER_ROW1] = {"adopter-row1", "tail-dead", "ENGINE.md, hole 3", 0},
    [MUT_MOVE_UNCLAIMED] = {"move-unclaimed", "tail-master", "ENGINE.md, hole 4", 0},
    [MUT_MOVED_DELETED] = {"moved-deleted", "tail-master", "ENGINE.md, hole 4", 0},
    [MUT_UNKNOWN_UNCLAIMED] = {"unknown-unclaimed", "tail-master", "hole 4, half mended", 0},
    [MUT_RECOVERY_UNCLAIMED] = {"recovery-unclaimed", "tail-lapse-2", "hole 4, half mended", 0},
    [MUT_CLAIM_FORGETS] = {"claim-forgets", "tail-lapse-2", "hole 4, half mended", 0},
    [MUT_MOVE_FIRST] = {"move-before-recovery", "oom-tail", "ENGINE.md, hole 5", 0},
    [MUT_REBUILD_COMMIT] = {"rebuild-commit", "stall-2",
                            "hole 7: the outstanding commit is made anew", 0},
    [MUT_ASK_RACE] = {"ask-race", "plain", "ENGINE.md, hole 10", 0},
    [MUT_TAKE_OPENS_LANES] = {"take-opens-lanes", "tail", "ENGINE.md, hole 11", 0},
    [MUT_RELEASE_RESUMES] = {"release-resumes", "stop", "ENGINE.md, hole 12", 0},
    [MUT_ADOPTER_WAITS] = {"adopter-waits", "tail-master", "ENGINE.md, hole 13", 0},
    [MUT_MARKER_OOM] = {"marker-refused-at-oom", "oom-tail", "ENGINE.md, hole 14", 0},
    [MUT_COUNT_RESTARTS] = {"count-restarts", "tail-orphan", "ENGINE.md, hole 15", 'l'},
    [MUT_GONE_HOLE] = {"gone-hole", "tail-master", "hole 1, half mended (hole 16)", 'c'},
    [MUT_ABSENT_UNCLAIMED] = {"absent-unclaimed", "tail-master", "hole 4, half mended", 'l'},
    [MUT_REFUSED_COUNTS] = {"refused-counts", "error",
                            "a refused append counts for the top that is asked for", 0},
    [MUT_REFUSED_ACKED] = {"refused-acked", "error", "an error is read as success", 0},
    [MUT_FREE_UNCOMMITTED] = {"free-uncommitted", "hand-over",
                              "a journal is given up before its outcomes are committed", 0},
    [MUT_FREE_UNFENCED] = {"free-unfenced", "hand-over", "giving up does not compare the owner", 0},
    [MUT_SPOOL_ACK_EARLY] = {"spool-ack-early", "spool", "2xx before the spool is synced", 0},
    [MUT_SPOOL_REMOVED_EARLY] = {"spool-removed-early", "spool",
                                 "the file goes when its events are sent, not when answered", 0},
    [MUT_SPOOL_UNCLAIMED] = {"spool-unclaimed", "spool", "drained events are not claimed", 0},
    [MUT_SPOOL_UNPROVEN] = {"spool-unproven", "spool-tail",
                            "the file goes though the appends were not proven", 0},
    [MUT_SEEN_UNCLAIMED] = {"seen-unclaimed", "dedupe", "delivery ids are not claimed", 0},
    [MUT_SEEN_FORGOTTEN] = {"seen-forgotten", "dedupe", "recovery does not claim delivery ids", 0},
    [MUT_SEEN_FIRST] = {"seen-first", "dedupe", "claimed before the append", 0},
    [MUT_SEEN_UNPROVEN] = {"seen-unproven", "dedupe-proof",
                           "hole 18: what is not proven claims its delivery id", 0},
    [MUT_MOVED_UNPROVEN] = {"moved-unproven", "spool-master",
                            "hole 19: what is not proven claims its place", 0},
    [MUT_ACK_UNPROVEN] = {"ack-unproven", "proof", "2xx without waiting for the proof", 0},
    [MUT_PROOF_OF_LATER] = {"proof-of-later", "proof", "a proof counts for what was sent after it",
                            0},
    [MUT_TRIM_ABOVE_LOW] = {"trim-above-low", "trim-crash", "what is not settled is trimmed", 0},
    [MUT_TRIM_ABSENT] = {"trim-absent", "trim", "hole 17: not in the stream means never appended",
                         0},
    [MUT_REQUEST_APART] = {"request-apart", "requests",
                           "a request is removed behind the commit that carries it out", 0},
    [MUT_REQUEST_POPPED] = {"request-popped", "requests", "a request is removed when it is read",
                            0},
    [MUT_CREATE_OOM] = {"create-refused-at-oom", "oom", "create is not allowed at OOM", 0},
};

static const char *const why_name[V_N] = {
    "holds",
    "BROKEN: acknowledged, and neither delivered nor held (I1)",
    "BROKEN: repeated, and promise 4 does not allow it (I2)",
    "BROKEN: from here no way leads to the end of all work (I3)",
    "BROKEN: the store lost it, and nobody said so (I1)",
    "BROKEN: a request was carried out twice (I4)"};

static const char *const cover_name[C_N] = {
    "acked",          "repair",     "came-and-went",  "foreign",     "gone-seen",  "resumed",
    "retaken",        "out-done",   "late-refused",   "late-landed", "marker",     "present",
    "absent",         "moved-won",  "moved-lost",     "deleted",     "adopted",    "recovered",
    "parked",         "buried",     "commit-refused", "tail",        "total-loss", "resealed",
    "oom-refused",    "oom-create", "released",       "stale",       "no-floor",   "excused",
    "fenced-adopter", "error",      "handed",         "spooled",     "fed-again",  "file-gone",
    "seen-won",       "seen-lost",  "proven",         "short",       "trimmed",    "replayed",
    "bound"};

/* Was everything reached that makes the scenario worth its name, within the bounds of the arrays?
 */
static bool vacuous(const struct scenario *x)
{
    bool bad = cover[C_BOUND] != 0;
    for (int i = 0; i < C_BOUND; i++)
        if ((x->must >> i & 1) && !cover[i]) {
            printf("    never reached: %s\n", cover_name[i]);
            bad = true;
        }
    return bad;
}

static bool scenario_run(const struct scenario *x, char extra)
{
    struct scenario y = *x;
    y.cuts = (uint8_t)(y.cuts + (extra == 'c'));
    y.lapses = (uint8_t)(y.lapses + (extra == 'l'));
    y.crashes = (uint8_t)(y.crashes + (extra == 'k'));
    scen = &y;
    search_max = extra ? 24000000 : 6000000;
    memset(cover, 0, sizeof cover);
    clock_t t0 = clock();
    struct search r = search_run();
    double sec = (double)(clock() - t0) / CLOCKS_PER_SEC;
    printf("%-13s %9u %11lu %5d %6.1fs  %s\n", x->name, (unsigned)r.states, r.transitions, r.depth,
           sec, r.whole ? why_name[r.why] : "TOO BIG to be explored");
    if (cover[C_BOUND])
        printf("    the model's arrays were too small %lu times: a way that ends there is no "
               "finding\n",
               cover[C_BOUND]);
    if (r.why)
        search_trace();
    search_done();
    bool ok = r.whole && !r.why;
    if (ok && mutant == MUT_NONE && vacuous(x))
        ok = false;
    if (ok) {
        printf("    reached:");
        for (int i = 0; i < C_N; i++)
            if (x->must >> i & 1)
                printf(" %s %lu", cover_name[i], cover[i]);
        printf("\n");
    }
    fflush(stdout);
    return ok;
}

static int list(void)
{
    for (int i = 0; i < NSCEN; i++)
        printf("scenario %-14s %s\n", scenarios[i].name, scenarios[i].what);
    for (int i = 1; i < MUT_N; i++)
        printf("mutant %-22s %s\n", mutants[i].name, mutants[i].what);
    return 0;
}

static int usage(void)
{
    fprintf(stderr, "usage: model [--small] [--scenario NAME] [--mutant NAME] [--extra "
                    "cut|lapse|crash] [--list]\n");
    return 2;
}

int main(int argc, char **argv)
{
    const char *only = NULL;
    bool small = false;
    char extra = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--list"))
            return list();
        if (!strcmp(argv[i], "--small")) {
            small = true;
        } else if (!strcmp(argv[i], "--scenario") && i + 1 < argc) {
            only = argv[++i];
        } else if (!strcmp(argv[i], "--mutant") && i + 1 < argc) {
            const char *name = argv[++i];
            for (int k = 1; k < MUT_N; k++)
                if (!strcmp(mutants[k].name, name))
                    mutant = (enum mutant)k;
            if (mutant == MUT_NONE)
                return usage();
        } else if (!strcmp(argv[i], "--extra") && i + 1 < argc) {
            const char *what = argv[++i];
            extra = !strcmp(what, "cut")     ? 'c'
                    : !strcmp(what, "lapse") ? 'l'
                    : !strcmp(what, "crash") ? 'k'
                                             : 0;
            if (!extra)
                return usage();
        } else {
            return usage();
        }
    }
    if (mutant && !only) {
        only = mutants[mutant].scenario;
        extra = extra ? extra : mutants[mutant].extra;
    }
    if (mutant)
        printf("mutant %s: %s\n", mutants[mutant].name, mutants[mutant].what);
    printf("%-13s %9s %11s %5s %7s  %s\n", "scenario", "states", "transitions", "depth", "time",
           "verdict");
    bool ok = true, any = false;
    for (int i = 0; i < NSCEN; i++) {
        if (only ? strcmp(only, scenarios[i].name) != 0 : small && !scenarios[i].small)
            continue;
        any = true;
        ok = scenario_run(&scenarios[i], extra) && ok;
    }
    if (!any)
        return usage();
    if (mutant)
        printf("%s\n", ok ? "the mutant was NOT found" : "the mutant was found");
    return mutant ? ok : !ok;
}
