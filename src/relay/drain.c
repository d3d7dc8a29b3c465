/* Draining: one segment at a time is read, and its events go to the live journal. */
#include "relay/drain.h"

#include "base/crash.h"
#include "base/log.h"
#include "io/segment.h"
#include "relay/delivery.h"
#include "relay/move.h"
#include "relay/node.h"
#include "relay/spool.h"
#include "relay/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AT_ONCE = 64,         /* events between the spool and their lanes */
    OPS_ENOUGH = 1024,    /* of the live journal's next commits */
    HOLD_MS = 1000,       /* before a file that cannot be read is read again, */
    HOLD_MOST_MS = 60000, /* and again */
};

/* A segment that takes no more. */
struct spool_file {
    struct spool_file *next;
    char name[SEGMENT_NAME_MAX];
    uint64_t bytes;
    bool unproven;                 /* it was read, but some of its copies were not proven, */
    uint64_t copied_to;            /* and this live journal took all of them */
    int64_t read_from_ms, hold_ms; /* boot clock: no try before, and how long the last wait was */
};

enum drain_state {
    DRAIN_IDLE,
    DRAIN_READING,  /* the thread pool reads the first file */
    DRAIN_FEEDING,  /* its events go to the live journal */
    DRAIN_REMOVING, /* all of it is in Redis; the thread pool removes it */
};

struct drain {
    struct worker *w;
    int dir;                                /* the spool's */
    struct spool_file *files, **files_tail; /* oldest first */
    enum drain_state state;
    uv_work_t work;                 /* the thread's while DRAIN_READING or DRAIN_REMOVING: */
    char reading[SEGMENT_NAME_MAX]; /* the first file, */
    const char *failed;             /* what it found, */
    struct buf loaded;              /* and the file's bytes */
    struct segment_reader reader;
    bool read_all;         /* every event of it was fed, */
    uint64_t copied_to;    /* the first one to this live journal */
    uint64_t fed, durable; /* of its events */
    bool unproven;         /* one of them is not as durable as was promised */
    bool damaged;          /* a record is no event, or its end is damaged and not just torn */
    unsigned moving;       /* of all files */
};

/* --- files */

static void push_file(struct drain *d, struct spool_file *f)
{
    f->next = NULL;
    *d->files_tail = f;
    d->files_tail = &f->next;
}

void drain_add(struct drain *d, const char *name, uint64_t bytes)
{
    struct spool_file *f = calloc(1, sizeof *f);
    ENSURE(f != NULL);
    snprintf(f->name, sizeof f->name, "%s", name);
    f->bytes = bytes;
    push_file(d, f);
}

static struct spool_file *pop_file(struct drain *d)
{
    struct spool_file *f = d->files;
    d->files = f->next;
    if (d->files == NULL) {
        d->files_tail = &d->files;
    }
    return f;
}

static void forget_first_file(struct drain *d)
{
    struct spool_file *f = pop_file(d);
    atomic_fetch_sub(&d->w->node->spool_bytes, f->bytes);
    free(f);
}

bool drain_is_empty(const struct drain *d)
{
    return d->files == NULL;
}

uint64_t drain_bytes(const struct drain *d)
{
    uint64_t n = 0;
    for (const struct spool_file *f = d->files; f != NULL; f = f->next) {
        n += f->bytes;
    }
    return n;
}

/* --- on the thread pool */

bool drain_is_at_disk(const struct drain *d)
{
    return d->state == DRAIN_READING || d->state == DRAIN_REMOVING;
}

static void read_in_thread(uv_work_t *work)
{
    struct drain *d = CONTAINER_OF(work, struct drain, work);
    d->failed = segment_load(d->dir, d->reading, &d->loaded);
}

static void remove_in_thread(uv_work_t *work)
{
    struct drain *d = CONTAINER_OF(work, struct drain, work);
    d->failed =
        d->damaged ? segment_put_aside(d->dir, d->reading) : segment_remove(d->dir, d->reading);
}

static void start_work(struct drain *d, enum drain_state state, uv_work_cb work,
                       uv_after_work_cb after)
{
    d->state = state;
    memcpy(d->reading, d->files->name, sizeof d->reading);
    ENSURE(uv_queue_work(d->w->loop, &d->work, work, after) == 0);
}

static void say_of_file(const struct drain *d, const char *what, const char *why, uint64_t bytes)
{
    log_line(LOG_ERROR, what, "file", "%s/spool/%s", d->w->conf->data_dir.at, d->reading, "why",
             "%s", why, "bytes", "%llu", (unsigned long long)bytes, NULL);
}

/* The first file is done with: the next one, or the end of the outage. */
static void next_file(struct drain *d)
{
    buf_done(&d->loaded);
    forget_first_file(d);
    d->state = DRAIN_IDLE;
    spool_file_gone(d->w);
    spool_pump(d->w);
    spool_look_closed(d->w);
}

/* If it is still there after the next start, the claims keep its events from coming twice. */
static void on_removed(uv_work_t *work, int status)
{
    struct drain *d = CONTAINER_OF(work, struct drain, work);
    (void)status;
    CRASH_POINT("spool_removed");
    if (d->failed != NULL) {
        say_of_file(d, "a spool file is done with but cannot be removed: remove it", d->failed,
                    d->files->bytes);
    }
    next_file(d);
}

static void remove_file(struct drain *d)
{
    CRASH_POINT("spool_remove");
    start_work(d, DRAIN_REMOVING, remove_in_thread, on_removed);
}

/* It is read again after the next start; until then it takes no room. */
static void leave_alone(struct drain *d, const char *what, const char *why)
{
    say_of_file(d, what, why, d->files->bytes);
    next_file(d);
}

/* The others first; spool_pump comes back to it, every 2 s at the latest. */
static void read_later(struct drain *d, const char *why)
{
    say_of_file(d, "a spool file cannot be read; trying again", why, d->files->bytes);
    buf_done(&d->loaded);
    struct spool_file *f = pop_file(d);
    f->hold_ms = f->hold_ms == 0                 ? HOLD_MS
                 : f->hold_ms * 2 < HOLD_MOST_MS ? f->hold_ms * 2
                                                 : HOLD_MOST_MS;
    f->read_from_ms = boot_ms() + f->hold_ms;
    push_file(d, f);
    d->state = DRAIN_IDLE;
    spool_look_closed(d->w);
}

static void on_read(uv_work_t *work, int status)
{
    struct drain *d = CONTAINER_OF(work, struct drain, work);
    if (status != 0 || d->failed != NULL) {
        read_later(d, status == 0 ? d->failed : uv_strerror(status));
        return;
    }
    const char *why = segment_open(&d->reader, buf_str(&d->loaded));
    d->state = DRAIN_FEEDING;
    d->fed = d->durable = 0;
    d->unproven = d->damaged = false;
    d->read_all = false;
    if (why == SEGMENT_EMPTY) {
        d->reader.left = STR_NONE;
        why = NULL;
    }
    if (why != NULL) {
        leave_alone(d,
                    "a spool file is left alone: deliver it with the Penstock that wrote it, or "
                    "remove it",
                    why);
        return;
    }
    spool_pump(d->w);
    spool_look_closed(d->w);
}

/* --- feeding */

static size_t find_lanes(struct worker *w, struct str names, uint16_t to[LANES_MAX])
{
    size_t count = 0;
    struct str name, rest = names;
    bool more = rest.len > 0;
    while (more && count < LANES_MAX) {
        more = str_cut(rest, ' ', &name, &rest);
        struct lane *lane = lane_find(w, name);
        if (lane != NULL && lane_is_in(lane, to, count)) {
            continue; /* named twice: not by us */
        }
        if (lane != NULL) {
            to[count++] = (uint16_t)lane->number;
        } else {
            log_line(LOG_ERROR, "no lane for a destination", "destination", "%.*s", STR_ARG(name),
                     "why", "%s", lane_why_none(name), NULL);
            stats_lost(w, 1);
        }
    }
    return count;
}

static bool is_zeros(struct str s)
{
    while (s.len > 0 && s.at[0] == '\0') {
        s = str_from(s, 1);
    }
    return s.len == 0;
}

/* Nobody can tell whose it was: a human may. */
static void pass_over(struct drain *d, struct str payload)
{
    d->damaged = true;
    if (!d->files->unproven) { /* else it was said */
        say_of_file(d,
                    "an event of the spool is unreadable; its file is kept beside the others as "
                    "*.damaged",
                    "it checks, but is of another form", payload.len);
        stats_lost(d->w, 1);
    }
}

static void feed_one(struct drain *d, uint64_t n, struct str payload)
{
    struct spooled e;
    uint16_t to[LANES_MAX];
    uint64_t journal = d->reader.journal;
    if (!spooled_decode(payload, &e) || journal > EVENT_JOURNAL_MAX || n > EVENT_N_MAX) {
        pass_over(d, payload);
        return;
    }
    struct event_parts parts = {
        .journal = journal,
        .n = n,
        .received_ms = e.received_ms,
        .source = e.source,
        .method = e.method,
        .target = e.target,
        .headers = e.headers,
        .body = e.body,
        .to = to,
        .to_count = find_lanes(d->w, e.to, to),
    };
    if (d->fed++ == 0) {
        d->copied_to = d->w->live->number;
    }
    d->moving++;
    CRASH_POINT("spool_feed");
    char dedupe[DEDUPE_MAX + 1];
    move_read_dedupe(e.dedupe, dedupe);
    move_spooled(d->w, event_new(&parts), journal, n, dedupe);
}

/* The next one to be read comes first. Not again one whose copies are waited for. */
static bool find_file(struct drain *d)
{
    bool waits = d->w->unproven_spooled > 0;
    int64_t now = boot_ms();
    const struct spool_file *f = d->files;
    while (f != NULL && ((f->unproven && waits) || now < f->read_from_ms)) {
        f = f->next;
    }
    while (f != NULL && d->files != f) {
        push_file(d, pop_file(d));
    }
    return f != NULL;
}

/* The live journal has all of it, and only a proof is wanted: every copy more is one for nothing,
 * until one is proven. A journal that was left may have lost some. */
static bool has_copies(const struct drain *d)
{
    return d->files->unproven && d->files->copied_to == d->w->live->number;
}

static bool is_in_vain(const struct drain *d)
{
    return d->unproven && has_copies(d);
}

static bool awaits_first_proof(const struct drain *d)
{
    return d->fed > 0 && d->durable == 0 && has_copies(d);
}

/* What comes from senders now goes first: they have half of everything. */
static bool may_feed(const struct drain *d)
{
    const struct worker *w = d->w;
    const struct conf *c = w->conf;
    unsigned moving = d->moving - w->unproven_spooled; /* those wait, perhaps long: for no other */
    return !d->read_all && moving < AT_ONCE && journal_refuses(w) == NULL && moves_may_wait(w) &&
           !awaits_first_proof(d) && !is_in_vain(d) && w->budget.total < w->budget.limit &&
           w->live->op_count < OPS_ENOUGH &&
           (uint64_t)w->live->pending_count * w->node->worker_count * 2 <= c->listen.pending &&
           event_bytes_alive() * 2 <= c->listen.memory_bytes;
}

/* Perhaps acknowledged, perhaps not: a crash amid the first write of all leaves a record that ends
 * too late, hardly ever anything else; a disk may leave anything. */
static bool is_unreadable(const struct drain *d)
{
    size_t left = d->reader.left.len;
    return left > 0 && left == d->loaded.len - SEGMENT_HEAD_BYTES && !segment_is_torn(&d->reader);
}

/* A crash tears the end off, or leaves a hole there; a disk may leave anything, of what was
 * acknowledged, too. */
static void look_at_end(struct drain *d)
{
    struct str left = d->reader.left;
    bool damaged = left.len > 0 && !segment_is_torn(&d->reader) && !is_zeros(left);
    d->damaged |= damaged;
    if (left.len > 0 && !d->files->unproven) { /* it was said */
        say_of_file(d,
                    damaged ? "the end of a spool file is damaged; it is kept beside the others "
                              "as *.damaged"
                            : "the end of a spool file was cut off: never acknowledged",
                    "a checksum does not fit", left.len);
    }
    if (damaged && !d->files->unproven) {
        stats_lost(d->w, 1); /* at least */
    }
}

static void feed(struct drain *d)
{
    uint64_t n;
    struct str payload;
    while (may_feed(d)) {
        if (segment_next(&d->reader, &n, &payload)) {
            feed_one(d, n, payload);
            continue;
        }
        uint64_t lost = segment_skip(&d->reader);
        if (lost > 0) {
            if (!d->files->unproven) { /* else it was said */
                say_of_file(d, "events of the spool are lost: the disk has damaged them",
                            "checksums do not fit, and others behind them do", d->files->bytes);
                stats_lost(d->w, (unsigned)lost);
            }
            continue;
        }
        if (is_unreadable(d)) {
            leave_alone(d,
                        "a spool file is left alone: its events may have been acknowledged; remove "
                        "it if they cannot be saved",
                        "the disk has damaged it: not one checksum fits");
            return;
        }
        d->read_all = true;
        look_at_end(d);
    }
    if ((d->read_all || is_in_vain(d)) && d->durable == d->fed) {
        if (d->unproven) {
            d->files->unproven = true;
            d->files->copied_to = d->copied_to;
            read_later(d, "Redis has its events, but not as durably as promised");
        } else {
            remove_file(d);
        }
    }
}

void drain_pump(struct drain *d)
{
    if (d->state == DRAIN_IDLE && find_file(d)) {
        buf_init(&d->loaded, SIZE_MAX); /* it is a segment and a batch at most */
        start_work(d, DRAIN_READING, read_in_thread, on_read);
    } else if (d->state == DRAIN_FEEDING) {
        feed(d);
    }
}

void drain_event_durable(struct drain *d, bool proven)
{
    d->durable++;
    d->unproven |= !proven;
}

void drain_event_moved(struct drain *d)
{
    d->moving--;
}

/* --- life */

struct drain *drain_new(struct worker *w, int dir)
{
    struct drain *d = calloc(1, sizeof *d);
    ENSURE(d != NULL);
    d->w = w;
    d->dir = dir;
    d->files_tail = &d->files;
    return d;
}

void drain_free(struct drain *d)
{
    while (d->files != NULL) {
        forget_first_file(d);
    }
    buf_done(&d->loaded);
    free(d);
}
