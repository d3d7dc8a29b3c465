/* Spooling: one batch at a time to the disk; what is written, relay/drain.c takes to Redis. */
#include "relay/spool.h"

#include "base/crash.h"
#include "base/crypt.h"
#include "base/little.h"
#include "base/log.h"
#include "io/segment.h"
#include "relay/delivery.h"
#include "relay/drain.h"
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
    HOLD_MS = 1000,          /* after a disk that failed */
};

/* What is written and synced together. */
struct batch {
    struct buf bytes;
    uint64_t first_n;
    struct spooling *first, **tail; /* NULL: nothing is in it */
    unsigned count;
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

    struct drain *drain; /* of its files, oldest first; owned */
    uint64_t drained;    /* events, since it was empty */

    bool closing;
    void (*on_closed)(void *user);
    void *user;
};

/* --- records: received (u64), seven lengths (u32), then the seven texts one behind the other */

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
    return drain_is_empty(s->drain) && !s->writing && s->next.count == 0 && s->segment.fd < 0;
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
    return s == NULL ? 0 : s->counted + drain_bytes(s->drain);
}

/* --- segments */

static void close_segment(struct spool *s)
{
    if (s->segment.fd >= 0) {
        segment_close(&s->segment);
        drain_add(s->drain, s->segment.name, s->counted);
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
    spool_look_closed(s->w);
}

/* An outage begins: its events get a journal number of their own. */
static void draw_journal(struct spool *s)
{
    while (s->journal == 0) {
        s->journal = crypt_random_u64() & EVENT_JOURNAL_MAX;
    }
    s->salt = (uint32_t)crypt_random_u64();
    s->next_n = 1;
    bool away = journal_refuses(s->w) != NULL;
    log_line(LOG_WARN,
             away ? "Redis is away: events go to the spool"
                  : "Redis takes events too late: they go to the spool",
             "folder", "%s/spool", s->w->conf->data_dir.at, "why", "%s", redis_trouble(s->w), NULL);
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

/* --- the drain */

void spool_pump(struct worker *w)
{
    struct spool *s = w->spool;
    if (s == NULL || s->closing || journal_refuses(w) != NULL) {
        return;
    }
    if (!s->writing && s->next.count == 0) {
        close_segment(s);
    }
    drain_pump(s->drain);
}

/* From inside the answer to its append: what follows waits for spool_pump. */
void spool_event_durable(struct worker *w, bool proven)
{
    CRASH_POINT("spool_durable");
    w->spool->drained++;
    drain_event_durable(w->spool->drain, proven);
}

void spool_event_moved(struct worker *w)
{
    drain_event_moved(w->spool->drain);
}

void spool_file_gone(struct worker *w)
{
    struct spool *s = w->spool;
    s->full_said = false;
    if (is_empty(s)) { /* the end of the outage */
        log_line(LOG_INFO, "the spool is empty again", "events", "%llu",
                 (unsigned long long)s->drained, NULL);
        s->journal = 0;
        s->drained = 0;
    }
}

void spool_look_closed(struct worker *w)
{
    struct spool *s = w->spool;
    if (s->closing && !s->writing && !drain_is_at_disk(s->drain)) {
        s->on_closed(s->user);
    }
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

/* The names of the segments in the folder, sorted; owned by the caller. False: errno says why they
 * cannot be told, and there may be some. */
static bool find_segments(int dir, char (**names)[SEGMENT_NAME_MAX], size_t *count)
{
    size_t cap = 0;
    int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = copy < 0 ? NULL : fdopendir(copy);
    int error = d == NULL ? errno : 0;
    *names = NULL;
    *count = 0;
    while (d != NULL) {
        errno = 0; /* readdir tells an error from the end by it alone */
        struct dirent *e = readdir(d);
        if (e == NULL) {
            error = errno;
            break;
        }
        if (!segment_is_named(e->d_name)) {
            continue;
        }
        if (*count == cap) {
            cap = cap == 0 ? 64 : cap * 2;
            *names = realloc(*names, cap * sizeof **names);
            ENSURE(*names != NULL);
        }
        memcpy((*names)[*count], e->d_name, strlen(e->d_name) + 1); /* its name has our length */
        (*count)++;
    }
    if (d != NULL) {
        closedir(d);
    } else if (copy >= 0) {
        close(copy);
    }
    if (*names != NULL) {
        qsort(*names, *count, sizeof **names, by_name);
    }
    errno = error;
    return error == 0;
}

/* One whose size cannot be told is read all the same. */
static uint64_t size_of(int dir, const char *name)
{
    struct stat st;
    return fstatat(dir, name, &st, 0) == 0 ? (uint64_t)st.st_size : 0;
}

/* Acknowledged events may lie there: without them no life begins. */
static const char *take_over(struct spool *s)
{
    char(*names)[SEGMENT_NAME_MAX];
    size_t count, mine = 0;
    uint64_t bytes = 0;
    if (!find_segments(s->dir, &names, &count)) {
        const char *why = say("cannot read the spool's folder in", s->w->conf->data_dir.at,
                              "events of an earlier life may lie in it");
        free(names);
        return why;
    }
    for (size_t i = s->w->index; i < count; i += s->w->node->worker_count) {
        uint64_t size = size_of(s->dir, names[i]);
        drain_add(s->drain, names[i], size);
        bytes += size;
        mine++;
    }
    free(names);
    atomic_fetch_add(&s->w->node->spool_bytes, bytes);
    if (mine > 0) {
        log_line(LOG_INFO, "the spool holds events of an earlier life", "files", "%zu", mine,
                 "bytes", "%llu", (unsigned long long)bytes, NULL);
    }
    return NULL;
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
    buf_init(&s->next.bytes, SIZE_MAX);
    buf_init(&s->batch.bytes, SIZE_MAX);
    batch_clear(&s->next);
    batch_clear(&s->batch);
    w->spool = s;
    s->drain = drain_new(w, dir);
    return take_over(s);
}

void spool_close(struct worker *w, void (*on_closed)(void *user), void *user)
{
    struct spool *s = w->spool;
    s->on_closed = on_closed;
    s->user = user;
    s->closing = true;
    batch_answer(&s->next, "draining");
    spool_look_closed(w);
}

void spool_free(struct worker *w)
{
    struct spool *s = w->spool;
    if (s == NULL) {
        return;
    }
    drain_free(s->drain);
    segment_close(&s->segment);
    buf_done(&s->next.bytes);
    buf_done(&s->batch.bytes);
    close(s->dir);
    free(s);
    w->spool = NULL;
}

/* Why they cannot be counted, or 0. */
static int count_leftovers(const char *path, size_t *count)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return errno == ENOENT ? 0 : errno;
    }
    char(*names)[SEGMENT_NAME_MAX];
    int error = find_segments(dir, &names, count) ? 0 : errno;
    free(names);
    close(dir);
    return error;
}

void spool_warn_of_leftovers(const struct conf *c)
{
    char path[4096];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/spool", c->data_dir.at);
    int error = count_leftovers(path, &count);
    if (error != 0) {
        log_line(LOG_ERROR, "whether events of an earlier life lie in the spool cannot be told",
                 "folder", "%s", path, "why", "%s", strerror(error), NULL);
    }
    if (count > 0) {
        log_line(LOG_ERROR,
                 "events of an earlier life lie in the spool, and none is configured: "
                 "give it a size again, and they are delivered",
                 "folder", "%s", path, "files", "%zu", count, NULL);
    }
}
