/* Spooling and draining: one batch at a time to the disk, one segment at a time to Redis. */
#include "relay/spool.h"

#include "base/crash.h"
#include "base/crypt.h"
#include "base/little.h"
#include "base/log.h"
#include "io/segment.h"
#include "relay/delivery.h"
#include "relay/move.h"
#include "relay/node.h"
#include "relay/stats.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SEGMENT_BYTES = 8 << 20, /* a greater one is followed by a new one: room comes back in steps */
    KEPT_BYTES = 1 << 20,    /* of a batch's memory, for the next one */
    HEADERS_ROOM = 80 << 10, /* of a record, beside the body */
    AT_ONCE = 64,            /* events between the spool and their lanes */
    OPS_ENOUGH = 1024,       /* of the live journal's next commits */
    HOLD_MS = 1000,          /* after a disk that failed */
    HOLD_MOST_MS = 60000,    /* the same of a file that is read again and again */
};

/* What is written and synced together. */
struct batch {
    struct buf bytes;
    uint64_t first_n;
    struct spooling *first, **tail; /* NULL: nothing is in it */
    unsigned count;
};

/* A segment that takes no more. */
struct spool_file {
    struct spool_file *next;
    char name[SEGMENT_NAME_MAX];
    uint64_t bytes;
    bool unproven;                 /* it was read, but some of its copies were not proven */
    int64_t read_from_ms, hold_ms; /* boot clock: no try before, and how long the last wait was */
};

enum drain_state {
    DRAIN_IDLE,
    DRAIN_READING,  /* the thread pool reads the first file */
    DRAIN_FEEDING,  /* its events go to the live journal */
    DRAIN_REMOVING, /* all of it is in Redis; the thread pool removes it */
};

struct spool {
    struct worker *w;
    int dir;

    uint64_t journal; /* S; 0: the spool is empty, the next event draws one */
    uint32_t salt;    /* of its segments: never shown */
    uint64_t next_n;
    struct batch next;      /* gathered */
    struct batch batch;     /* the thread's while `writing` */
    struct segment segment; /* the thread's while `writing` */
    uint64_t counted;       /* of its bytes, in the node's sum */
    uv_work_t write;
    bool writing;
    const char *write_failed; /* what the thread found */
    int64_t hold_until_ms;    /* boot clock: no try before */
    bool full_said;

    struct spool_file *files, **files_tail; /* oldest first */
    enum drain_state drain;
    uv_work_t read;
    char reading[SEGMENT_NAME_MAX];
    const char *read_failed;
    struct buf loaded; /* the first file's bytes */
    struct segment_reader reader;
    bool read_all;         /* every event of it was fed */
    uint64_t fed, durable; /* of its events */
    bool unproven;         /* one of them is not as durable as was promised */
    bool damaged;          /* its end does not check, and is not just torn */
    unsigned moving;       /* of all files */
    uint64_t drained;      /* since it was empty */

    bool closing;
    void (*on_closed)(void *user);
    void *user;
};

/* --- records: received (u64), six lengths (u32), then the six texts one behind the other */

enum { TEXTS = 7, FIXED_BYTES = 8 + 4 * TEXTS };

void spooled_encode(const struct spooled *e, struct buf *out)
{
    const struct str texts[TEXTS] = {e->source,  e->to,     e->method, e->target,
                                     e->headers, e->dedupe, e->body};
    unsigned char fixed[FIXED_BYTES];
    little_put64(fixed, (uint64_t)e->received_ms);
    for (int i = 0; i < TEXTS; i++) {
        little_put32(fixed + 8 + 4 * i, (uint32_t)texts[i].len);
    }
    buf_add(out, fixed, sizeof fixed);
    for (int i = 0; i < TEXTS; i++) {
        buf_add_str(out, texts[i]);
    }
}

bool spooled_decode(struct str payload, struct spooled *e)
{
    struct str *texts[TEXTS] = {&e->source,  &e->to,     &e->method, &e->target,
                                &e->headers, &e->dedupe, &e->body};
    if (payload.len < FIXED_BYTES || little_get64(payload.at) > INT64_MAX) {
        return false;
    }
    e->received_ms = (int64_t)little_get64(payload.at);
    struct str rest = str_from(payload, FIXED_BYTES);
    for (int i = 0; i < TEXTS; i++) {
        size_t n = little_get32(payload.at + 8 + 4 * i);
        if (n > rest.len) {
            return false;
        }
        *texts[i] = str_head(rest, n);
        rest = str_from(rest, n);
    }
    return rest.len == 0;
}

/* --- room */

static bool is_empty(const struct spool *s)
{
    return s->files == NULL && !s->writing && s->next.count == 0 && s->segment.fd < 0;
}

static size_t on_its_way(const struct spool *s)
{
    return s->next.bytes.len + s->batch.bytes.len;
}

const char *spool_refuses(const struct worker *w, size_t body_bytes)
{
    struct spool *s = w->spool;
    const struct conf *c = w->conf;
    size_t bytes = body_bytes + HEADERS_ROOM;
    if (s == NULL || s->closing || boot_ms() < s->hold_until_ms) {
        return "redis_down";
    }
    bool full = atomic_load(&w->node->spool_bytes) + on_its_way(s) + bytes > c->spool.size;
    if (full && !s->full_said) {
        log_line(LOG_ERROR, "the spool is full: senders get 503 until Redis is back", "bytes",
                 "%llu", (unsigned long long)atomic_load(&w->node->spool_bytes), "size", "%llu",
                 (unsigned long long)c->spool.size, NULL);
    }
    if (full) {
        s->full_said = true;
        return "over_budget";
    }
    uint64_t workers = w->node->worker_count;
    bool busy =
        s->next.count > 0 && ((s->next.bytes.len + bytes) * workers * 4 > c->listen.memory_bytes ||
                              s->next.count * workers >= c->listen.pending);
    return busy ? "overloaded" : NULL;
}

uint64_t spool_bytes(const struct worker *w)
{
    const struct spool *s = w->spool;
    uint64_t n = s == NULL ? 0 : s->counted;
    for (const struct spool_file *f = s == NULL ? NULL : s->files; f != NULL; f = f->next) {
        n += f->bytes;
    }
    return n;
}

/* --- segments */

static void push_file(struct spool *s, struct spool_file *f)
{
    f->next = NULL;
    *s->files_tail = f;
    s->files_tail = &f->next;
}

static void add_file(struct spool *s, const char *name, uint64_t bytes)
{
    struct spool_file *f = calloc(1, sizeof *f);
    ENSURE(f != NULL);
    snprintf(f->name, sizeof f->name, "%s", name);
    f->bytes = bytes;
    push_file(s, f);
}

static struct spool_file *pop_file(struct spool *s)
{
    struct spool_file *f = s->files;
    s->files = f->next;
    if (s->files == NULL) {
        s->files_tail = &s->files;
    }
    return f;
}

static void forget_first_file(struct spool *s)
{
    struct spool_file *f = pop_file(s);
    atomic_fetch_sub(&s->w->node->spool_bytes, f->bytes);
    s->full_said = false;
    free(f);
}

static void close_segment(struct spool *s)
{
    if (s->segment.fd >= 0) {
        segment_close(&s->segment);
        add_file(s, s->segment.name, s->counted);
        s->counted = 0;
    }
}

static void count_segment(struct spool *s)
{
    if (s->segment.fd >= 0) {
        atomic_fetch_add(&s->w->node->spool_bytes, s->segment.bytes - s->counted);
        s->counted = s->segment.bytes;
    }
}

/* --- writing: on the thread pool, then home */

static void batch_clear(struct batch *b)
{
    buf_clear(&b->bytes);
    if (b->bytes.cap > KEPT_BYTES) {
        buf_done(&b->bytes);
    }
    b->first = NULL;
    b->tail = &b->first;
    b->count = 0;
}

/* What is answered may bring the next request at once: the batch is clear by then. */
static void batch_answer(struct batch *b, const char *reason)
{
    struct spooling *x = b->first;
    batch_clear(b);
    while (x != NULL) {
        struct spooling *next = x->next;
        x->on_spooled(x, reason);
        x = next;
    }
}

static void write_in_thread(uv_work_t *work)
{
    struct spool *s = CONTAINER_OF(work, struct spool, write);
    s->write_failed = NULL;
    if (s->segment.fd < 0) {
        s->write_failed =
            segment_create(&s->segment, s->dir, s->salt, s->journal, s->batch.first_n);
    }
    if (s->write_failed == NULL) {
        s->write_failed = segment_write(&s->segment, buf_str(&s->batch.bytes));
    }
    if (s->write_failed != NULL && s->segment.fd >= 0 && s->segment.bytes == SEGMENT_HEAD_BYTES) {
        segment_close(&s->segment);
        (void)!segment_remove(s->dir, s->segment.name);
    }
}

static void on_written(uv_work_t *work, int status);

static void start_writing(struct spool *s)
{
    struct batch clear = s->batch;
    s->batch = s->next;
    s->next = clear;
    s->next.tail = &s->next.first;
    s->writing = true;
    ENSURE(uv_queue_work(s->w->loop, &s->write, write_in_thread, on_written) == 0);
}

static void look_closed(struct spool *s);

static void on_written(uv_work_t *work, int status)
{
    struct spool *s = CONTAINER_OF(work, struct spool, write);
    const char *why = status == 0 ? s->write_failed : uv_strerror(status);
    s->writing = false;
    count_segment(s);
    if (why != NULL) {
        log_line(LOG_ERROR, "the spool cannot be written: senders get 503", "why", "%s", why,
                 "folder", "%s/spool", s->w->conf->data_dir.at, NULL);
        s->hold_until_ms = boot_ms() + HOLD_MS;
    }
    if (why != NULL || s->counted >= SEGMENT_BYTES) {
        close_segment(s);
    }
    if (why == NULL) {
        stats_spooled(s->w, s->batch.count);
    }
    batch_answer(&s->batch, why == NULL ? NULL : "redis_down");
    CRASH_POINT("spool_answered");
    if (!s->writing && s->next.count > 0) {
        start_writing(s);
    }
    spool_pump(s->w);
    look_closed(s);
}

/* An outage begins: its events get a journal number of their own. */
static void draw_journal(struct spool *s)
{
    while (s->journal == 0) {
        s->journal = crypt_random_u64() & EVENT_JOURNAL_MAX;
    }
    s->salt = (uint32_t)crypt_random_u64();
    s->next_n = 1;
    log_line(LOG_WARN, "Redis is away: events go to the spool", "folder", "%s/spool",
             s->w->conf->data_dir.at, "why", "%s", redis_trouble(s->w), NULL);
}

void spool_append(struct worker *w, const struct event_parts *parts, struct spooling *x)
{
    struct spool *s = w->spool;
    struct batch *b = &s->next;
    struct buf to;
    if (s->journal == 0) {
        draw_journal(s);
    }
    uint64_t n = s->next_n++;
    if (b->count++ == 0) {
        b->first_n = n;
    }
    event_id_encode(x->id, s->journal, n, parts->received_ms);
    buf_init(&to, LANES_MAX * 80);
    lanes_put_names(w, parts->to, parts->to_count, &to);
    struct spooled e = {.received_ms = parts->received_ms,
                        .source = parts->source,
                        .to = buf_str(&to),
                        .method = parts->method,
                        .target = parts->target,
                        .headers = parts->headers,
                        .dedupe = str_of(x->dedupe),
                        .body = parts->body};
    size_t begun = segment_begin(&b->bytes);
    spooled_encode(&e, &b->bytes);
    segment_end(&b->bytes, begun, s->salt, n);
    buf_done(&to);
    x->next = NULL;
    *b->tail = x;
    b->tail = &x->next;
    if (!s->writing) {
        start_writing(s);
    }
}

/* --- draining */

static void read_in_thread(uv_work_t *work)
{
    struct spool *s = CONTAINER_OF(work, struct spool, read);
    s->read_failed = segment_load(s->dir, s->reading, &s->loaded);
}

static void remove_in_thread(uv_work_t *work)
{
    struct spool *s = CONTAINER_OF(work, struct spool, read);
    s->read_failed =
        s->damaged ? segment_put_aside(s->dir, s->reading) : segment_remove(s->dir, s->reading);
}

static void start_work(struct spool *s, enum drain_state state, uv_work_cb work,
                       uv_after_work_cb after)
{
    s->drain = state;
    memcpy(s->reading, s->files->name, sizeof s->reading);
    ENSURE(uv_queue_work(s->w->loop, &s->read, work, after) == 0);
}

static void say_of_file(const struct spool *s, const char *what, const char *why, uint64_t bytes)
{
    log_line(LOG_ERROR, what, "file", "%s/spool/%s", s->w->conf->data_dir.at, s->reading, "why",
             "%s", why, "bytes", "%llu", (unsigned long long)bytes, NULL);
}

/* The first file is done with: the next one, or the end of the outage. */
static void next_file(struct spool *s)
{
    buf_done(&s->loaded);
    forget_first_file(s);
    s->drain = DRAIN_IDLE;
    if (is_empty(s)) {
        log_line(LOG_INFO, "the spool is empty again", "events", "%llu",
                 (unsigned long long)s->drained, NULL);
        s->journal = 0;
        s->drained = 0;
    }
    spool_pump(s->w);
    look_closed(s);
}

/* If it is still there after the next start, the claims keep its events from coming twice. */
static void on_removed(uv_work_t *work, int status)
{
    struct spool *s = CONTAINER_OF(work, struct spool, read);
    (void)status;
    CRASH_POINT("spool_removed");
    if (s->read_failed != NULL) {
        say_of_file(s, "a spool file is done with but cannot be removed: remove it", s->read_failed,
                    s->files->bytes);
    }
    next_file(s);
}

static void remove_file(struct spool *s)
{
    CRASH_POINT("spool_remove");
    start_work(s, DRAIN_REMOVING, remove_in_thread, on_removed);
}

/* It is read again after the next start; until then it takes no room. */
static void leave_alone(struct spool *s, const char *what, const char *why)
{
    say_of_file(s, what, why, s->files->bytes);
    next_file(s);
}

/* The others first; spool_pump comes back to it, every 2 s at the latest. */
static void read_later(struct spool *s, const char *why)
{
    say_of_file(s, "a spool file cannot be read; trying again", why, s->files->bytes);
    buf_done(&s->loaded);
    struct spool_file *f = pop_file(s);
    f->hold_ms = f->hold_ms == 0                 ? HOLD_MS
                 : f->hold_ms * 2 < HOLD_MOST_MS ? f->hold_ms * 2
                                                 : HOLD_MOST_MS;
    f->read_from_ms = boot_ms() + f->hold_ms;
    push_file(s, f);
    s->drain = DRAIN_IDLE;
    look_closed(s);
}

static void on_read(uv_work_t *work, int status)
{
    struct spool *s = CONTAINER_OF(work, struct spool, read);
    if (status != 0 || s->read_failed != NULL) {
        read_later(s, status == 0 ? s->read_failed : uv_strerror(status));
        return;
    }
    const char *why = segment_open(&s->reader, buf_str(&s->loaded));
    s->drain = DRAIN_FEEDING;
    s->fed = s->durable = 0;
    s->unproven = s->damaged = false;
    s->read_all = false;
    if (why == SEGMENT_EMPTY) {
        s->reader.left = STR_NONE;
        why = NULL;
    }
    if (why != NULL) {
        leave_alone(s,
                    "a spool file is left alone: deliver it with the Penstock that wrote it, or "
                    "remove it",
                    why);
        return;
    }
    spool_pump(s->w);
    look_closed(s);
}

static size_t find_lanes(struct worker *w, struct str names, uint16_t to[LANES_MAX])
{
    size_t count = 0;
    struct str name, rest = names;
    bool more = rest.len > 0;
    while (more && count < LANES_MAX) {
        more = str_cut(rest, ' ', &name, &rest);
        struct lane *lane = lane_find(w, name);
        if (lane != NULL) {
            to[count++] = (uint16_t)lane->number;
        } else {
            log_line(LOG_ERROR, "no lane for a destination: more names than one process can hold",
                     "destination", "%.*s", STR_ARG(name), NULL);
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

static void feed_one(struct spool *s, uint64_t n, struct str payload)
{
    struct spooled e;
    uint16_t to[LANES_MAX];
    uint64_t journal = s->reader.journal;
    if (!spooled_decode(payload, &e) || journal > EVENT_JOURNAL_MAX || n > EVENT_N_MAX) {
        say_of_file(s, "an event of the spool is unreadable; passed over",
                    "it checks, but is of another form", payload.len);
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
        .to_count = find_lanes(s->w, e.to, to),
    };
    s->fed++;
    s->moving++;
    CRASH_POINT("spool_feed");
    char dedupe[DEDUPE_KEY + 1] = "";
    if (e.dedupe.len == DEDUPE_KEY) {
        memcpy(dedupe, e.dedupe.at, DEDUPE_KEY);
    }
    move_spooled(s->w, event_new(&parts), journal, n, dedupe);
}

/* The next one to be read comes first. Not again one whose copies are waited for. */
static bool find_file(struct spool *s)
{
    bool waits = s->w->unproven_spooled > 0;
    int64_t now = boot_ms();
    const struct spool_file *f = s->files;
    while (f != NULL && ((f->unproven && waits) || now < f->read_from_ms)) {
        f = f->next;
    }
    while (f != NULL && s->files != f) {
        push_file(s, pop_file(s));
    }
    return f != NULL;
}

/* What comes from senders now goes first: they have half of everything. */
static bool may_feed(const struct spool *s)
{
    const struct worker *w = s->w;
    const struct conf *c = w->conf;
    unsigned moving = s->moving - w->unproven_spooled; /* those wait, perhaps long: for no other */
    return !s->read_all && moving < AT_ONCE && journal_refuses(w) == NULL && moves_may_wait(w) &&
           w->budget.total < w->budget.limit && w->live->op_count < OPS_ENOUGH &&
           (uint64_t)w->live->pending_count * w->node->worker_count * 2 <= c->listen.pending &&
           event_bytes_alive() * 2 <= c->listen.memory_bytes;
}

/* Perhaps acknowledged, perhaps not: a crash amid the first write of all leaves a record that ends
 * too late, hardly ever anything else; a disk may leave anything. */
static bool is_unreadable(const struct spool *s)
{
    size_t left = s->reader.left.len;
    return left > 0 && left == s->loaded.len - SEGMENT_HEAD_BYTES && !segment_is_torn(&s->reader);
}

/* A crash tears the end off, or leaves a hole there; a disk may leave anything, of what was
 * acknowledged, too. */
static void look_at_end(struct spool *s)
{
    struct str left = s->reader.left;
    s->damaged = left.len > 0 && !segment_is_torn(&s->reader) && !is_zeros(left);
    if (left.len > 0 && !s->files->unproven) { /* it was said */
        say_of_file(s,
                    s->damaged ? "the end of a spool file is damaged; it is kept beside the others "
                                 "as *.damaged"
                               : "the end of a spool file was cut off: never acknowledged",
                    "a checksum does not fit", left.len);
    }
    if (s->damaged && !s->files->unproven) {
        stats_lost(s->w, 1); /* at least */
    }
}

static void feed(struct spool *s)
{
    uint64_t n;
    struct str payload;
    while (may_feed(s)) {
        if (segment_next(&s->reader, &n, &payload)) {
            feed_one(s, n, payload);
            continue;
        }
        uint64_t lost = segment_skip(&s->reader);
        if (lost > 0) {
            if (!s->files->unproven) { /* else it was said */
                say_of_file(s, "events of the spool are lost: the disk has damaged them",
                            "checksums do not fit, and others behind them do", s->files->bytes);
                stats_lost(s->w, (unsigned)lost);
            }
            continue;
        }
        if (is_unreadable(s)) {
            leave_alone(s,
                        "a spool file is left alone: its events may have been acknowledged; remove "
                        "it if they cannot be saved",
                        "the disk has damaged it: not one checksum fits");
            return;
        }
        s->read_all = true;
        look_at_end(s);
    }
    if (s->read_all && s->durable == s->fed) {
        if (s->unproven) {
            s->files->unproven = true;
            read_later(s, "Redis has its events, but not as durably as promised");
        } else {
            remove_file(s);
        }
    }
}

void spool_pump(struct worker *w)
{
    struct spool *s = w->spool;
    if (s == NULL || s->closing || journal_refuses(w) != NULL) {
        return;
    }
    if (!s->writing && s->next.count == 0) {
        close_segment(s);
    }
    if (s->drain == DRAIN_IDLE && find_file(s)) {
        buf_init(&s->loaded, SIZE_MAX); /* it is a segment and a batch at most */
        start_work(s, DRAIN_READING, read_in_thread, on_read);
    } else if (s->drain == DRAIN_FEEDING) {
        feed(s);
    }
}

/* From inside the answer to its append: what follows waits for spool_pump. */
void spool_event_durable(struct worker *w, bool proven)
{
    CRASH_POINT("spool_durable");
    w->spool->durable++;
    w->spool->unproven |= !proven;
    w->spool->drained++;
}

void spool_event_moved(struct worker *w)
{
    w->spool->moving--;
}

/* --- life */

static _Thread_local char trouble[512];

static const char *say(const char *what, const char *path, const char *do_this)
{
    snprintf(trouble, sizeof trouble, "%s %.200s: %s; %s", what, path, strerror(errno), do_this);
    return trouble;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The names of the segments in the folder, sorted; owned by the caller. */
static char (*find_segments(int dir, size_t *count))[SEGMENT_NAME_MAX]
{
    char(*names)[SEGMENT_NAME_MAX] = NULL;
    size_t cap = 0;
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    *count = 0;
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (!segment_is_named(e->d_name)) {
            continue;
        }
        if (*count == cap) {
            cap = cap == 0 ? 64 : cap * 2;
            names = realloc(names, cap * sizeof *names);
            ENSURE(names != NULL);
        }
        memcpy(names[(*count)++], e->d_name, strlen(e->d_name) + 1); /* its name has our length */
    }
    if (d != NULL) {
        closedir(d);
    }
    if (names != NULL) {
        qsort(names, *count, sizeof *names, by_name);
    }
    return names;
}

static void take_over(struct spool *s)
{
    size_t count, mine = 0;
    uint64_t bytes = 0;
    char(*names)[SEGMENT_NAME_MAX] = find_segments(s->dir, &count);
    for (size_t i = s->w->index; i < count; i += s->w->node->worker_count) {
        struct stat st;
        if (fstatat(s->dir, names[i], &st, 0) == 0) {
            add_file(s, names[i], (uint64_t)st.st_size);
            bytes += (uint64_t)st.st_size;
            mine++;
        }
    }
    free(names);
    atomic_fetch_add(&s->w->node->spool_bytes, bytes);
    if (mine > 0) {
        log_line(LOG_INFO, "the spool holds events of an earlier life", "files", "%zu", mine,
                 "bytes", "%llu", (unsigned long long)bytes, NULL);
    }
}

/* Its entry in the data directory must outlast a power cut, too. */
static const char *open_folder(const struct conf *c, int *dir)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/spool", c->data_dir.at);
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return say("cannot create the spool's folder", path,
                   "give this user write permission to data_dir");
    }
    int data = open(c->data_dir.at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *dir = data < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = *dir >= 0 && fsync(data) == 0 && faccessat(*dir, ".", R_OK | W_OK | X_OK, 0) == 0;
    const char *why =
        ok ? NULL : say("cannot use the spool's folder", path, "make it this user's own");
    if (data >= 0) {
        close(data);
    }
    if (!ok && *dir >= 0) {
        close(*dir);
    }
    return why;
}

const char *spool_start(struct worker *w)
{
    int dir;
    if (w->conf->spool.size == 0) {
        return NULL;
    }
    const char *why = open_folder(w->conf, &dir);
    if (why != NULL) {
        return why;
    }
    struct spool *s = calloc(1, sizeof *s);
    ENSURE(s != NULL);
    s->w = w;
    s->dir = dir;
    s->segment.fd = -1;
    s->files_tail = &s->files;
    buf_init(&s->next.bytes, SIZE_MAX);
    buf_init(&s->batch.bytes, SIZE_MAX);
    batch_clear(&s->next);
    batch_clear(&s->batch);
    w->spool = s;
    take_over(s);
    return NULL;
}

static void look_closed(struct spool *s)
{
    bool reading = s->drain == DRAIN_READING || s->drain == DRAIN_REMOVING;
    if (s->closing && !s->writing && !reading) {
        s->on_closed(s->user);
    }
}

void spool_close(struct worker *w, void (*on_closed)(void *user), void *user)
{
    struct spool *s = w->spool;
    s->on_closed = on_closed;
    s->user = user;
    s->closing = true;
    batch_answer(&s->next, "draining");
    look_closed(s);
}

void spool_free(struct worker *w)
{
    struct spool *s = w->spool;
    if (s == NULL) {
        return;
    }
    while (s->files != NULL) {
        forget_first_file(s);
    }
    segment_close(&s->segment);
    buf_done(&s->loaded);
    buf_done(&s->next.bytes);
    buf_done(&s->batch.bytes);
    close(s->dir);
    free(s);
    w->spool = NULL;
}

void spool_warn_of_leftovers(const struct conf *c)
{
    char path[4096];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/spool", c->data_dir.at);
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir >= 0) {
        free(find_segments(dir, &count));
        close(dir);
    }
    if (count > 0) {
        log_line(LOG_ERROR,
                 "events of an earlier life lie in the spool, and none is configured: "
                 "give it a size again, and they are delivered",
                 "folder", "%s", path, "files", "%zu", count, NULL);
    }
}
