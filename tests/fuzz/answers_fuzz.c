/* Answers of Redis as our handlers meet them: a whole worker, with its real connections, whose
 * Redis (answers/redis.h) answers as the input says. An entry, a clock, a lease, a listing may be
 * anything; what must not come of it is a crash, a leak, a hang, or a delivery of what nobody sent.
 *
 * The input: a digit, which configuration; then lines, of answers in waiting and of what happens
 * (`!` and a letter: see happen). */
#include "answers/redis.h"

#include "base/log.h"
#include "relay/dead_page.h"
#include "relay/delivery.h"
#include "relay/history.h"
#include "relay/ingest.h"
#include "relay/lookup.h"
#include "relay/move.h"
#include "relay/node.h"
#include "relay/roster.h"
#include "relay/spool.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define SUM_MOST (UINT64_C(1) << 60)

enum {
    HAPPENINGS_MOST = 24,
    TURNS_MOST = 1500, /* of the loop, in a run: a Redis that answers nonsense for ever is left */
    STAND_MOST = 700,  /* without any time passing: then something is asked again and again */
    END_TURNS = 20000, /* but whatever it says, the end comes */
    PAST_MS = 2100,    /* a renewal, and what comes of it */
    SOON_MS = 100,
};

/* One run. */
struct stage {
    uv_loop_t loop;
    struct node node;
    struct worker w;
    struct delivery *running[256]; /* attempts, in the order of their start */
    unsigned running_count;
    enum outcome_kind outcome; /* of those that end next */
    bool hold;                 /* they do not end */
    struct {
        uv_work_t *work;
        uv_after_work_cb after;
    } works[8]; /* for the thread pool */
    unsigned work_count;
    unsigned asked;   /* of the API: each has one answer */
    unsigned senders; /* who have no answer yet */
    unsigned turns;
    bool freed, ended;
    struct buf json;
};

static struct stage *stage;

/* --- what stands in for senders and destinations */

struct sender {
    struct append append;
    struct spooling spooling;
};

static void sender_free(struct sender *s)
{
    ENSURE(stage->senders > 0);
    stage->senders--;
    event_unref(s->append.event);
    free(s);
}

/* As ingest does (relay/ingest.c), but that nobody waits for the answer. */
void __wrap_append_done(struct journal *j, struct append *a, const char *reason);
void __wrap_append_done(struct journal *j, struct append *a, const char *reason)
{
    struct sender *s = CONTAINER_OF(a, struct sender, append);
    if (reason == NULL && a->dedupe[0] != '\0') {
        move_dedupe(j, a->event, a->dedupe, !a->unproven, NULL, NULL);
    } else if (reason == NULL) {
        dispatch_event(j, a->event);
    }
    sender_free(s);
}

static void on_spooled(struct spooling *x, const char *reason)
{
    (void)reason;
    sender_free(CONTAINER_OF(x, struct sender, spooling));
}

static void send_one(bool dedupe)
{
    static const uint16_t to[] = {0, 1};
    struct worker *w = &stage->w;
    bool spool = journal_refuses(w) != NULL;
    if ((spool && (w->draining || spool_refuses(w, 4) != NULL)) ||
        budget_refuses(w, to, 2) != NULL) {
        return;
    }
    struct sender *s = calloc(1, sizeof *s);
    ENSURE(s != NULL);
    struct event_parts parts = {.received_ms = worker_now_ms(w),
                                .source = STR("s"),
                                .method = STR("POST"),
                                .target = STR("/hooks/s"),
                                .headers = STR("content-type: text/plain\r\n"),
                                .body = STR("sent"),
                                .to = to,
                                .to_count = 2};
    stage->senders++;
    if (dedupe) {
        memset(s->append.dedupe, 'd', DEDUPE_KEY);
        memset(s->spooling.dedupe, 'd', DEDUPE_KEY);
    }
    if (spool) {
        s->spooling.on_spooled = on_spooled;
        spool_append(w, &parts, &s->spooling);
        return;
    }
    parts.journal = w->live->number;
    parts.n = journal_next_n(w->live);
    s->append.event = event_new(&parts);
    s->append.durability = w->conf->redis.durability;
    journal_append(w->live, &s->append);
}

/* What is delivered was sent here, or Redis has told of it. */
void __wrap_attempt_start(struct delivery *d);
void __wrap_attempt_start(struct delivery *d)
{
    const struct event *e = d->event;
    ENSURE(d->state == DELIVERY_INFLIGHT && d->lane->dest != NULL && !d->lane->paused);
    ENSURE(str_eq(e->body, STR("sent")) || redis_said(e->body));
    ENSURE(stage->running_count < sizeof stage->running / sizeof *stage->running);
    stage->running[stage->running_count++] = d;
}

static bool end_attempts(void)
{
    static const struct outcome outcomes[] = {
        [OUTCOME_OK] = {OUTCOME_OK, "ok", 200, -1, "", 1},
        [OUTCOME_RETRY] = {OUTCOME_RETRY, "status_5xx", 503, -1, "", 1},
        [OUTCOME_GIVE_UP] = {OUTCOME_GIVE_UP, "status_4xx", 400, -1, "", 1},
    };
    unsigned n = stage->hold ? 0 : stage->running_count;
    for (unsigned i = 0; i < n; i++) {
        dispatch_outcome(stage->running[i], stage->running[i]->lane->dest,
                         &outcomes[stage->outcome]);
    }
    stage->running_count -= n;
    memmove(stage->running, stage->running + n, stage->running_count * sizeof *stage->running);
    return n > 0;
}

/* --- the thread pool: on our own thread, between two turns */

int __wrap_uv_queue_work(uv_loop_t *loop, uv_work_t *work, uv_work_cb run, uv_after_work_cb after);
int __wrap_uv_queue_work(uv_loop_t *loop, uv_work_t *work, uv_work_cb run, uv_after_work_cb after)
{
    (void)loop;
    ENSURE(stage->work_count < sizeof stage->works / sizeof *stage->works);
    stage->works[stage->work_count].work = work;
    stage->works[stage->work_count++].after = after;
    run(work);
    return 0;
}

static bool end_works(void)
{
    bool did = stage->work_count > 0;
    for (unsigned i = 0, n = stage->work_count; i < n; i++) {
        uv_work_t *work = stage->works[0].work;
        uv_after_work_cb after = stage->works[0].after;
        memmove(stage->works, stage->works + 1, --stage->work_count * sizeof *stage->works);
        after(work, 0);
    }
    return did;
}

/* --- what must hold between any two turns */

/* What is given up is given up, and told, once. */
static bool is_dropped_again(const struct op *op)
{
    const struct op *other = op->next;
    while (other != NULL &&
           (other->kind != OP_DROP || other->track != op->track || other->n != op->n)) {
        other = other->next;
    }
    return op->kind == OP_DROP && other != NULL;
}

static void check_journal(const struct journal *j)
{
    size_t ops = 0, pending = 0;
    for (const struct op *op = j->ops; op != NULL; op = op->next) {
        ENSURE(!is_dropped_again(op));
        ops++;
    }
    for (const struct append *a = j->pending; a != NULL; a = a->next) {
        ENSURE(a->event->n < j->next_n && (a->next == NULL || a->event->n < a->next->event->n));
        pending++;
    }
    ENSURE(j->state <= JOURNAL_DELETING && !j->dead && ops == j->op_count);
    ENSURE(pending == j->pending_count && !(j->live && j->state > JOURNAL_SEALING));
    ENSURE((j->recovery == NULL) || !j->live);
}

static void check_lane(const struct lane *lane, unsigned *inflight)
{
    size_t bytes = 0;
    ENSURE(lane_find(lane->w, str_of(lane->name)) == lane); /* its keys are its own */
    for (int s = 0; s < DELIVERY_STATES; s++) {
        unsigned n = 0;
        for (const struct delivery *d = lane->lists[s].first; d != NULL; d = d->next) {
            ENSURE(d->lane == lane && d->state == (enum delivery_state)s);
            ENSURE(d->track != NULL || s == DELIVERY_INFLIGHT);
            bytes += d->event->bytes;
            n++;
        }
        ENSURE(n == lane->lists[s].n);
    }
    ENSURE(bytes == lane->bytes);
    *inflight += lane->lists[DELIVERY_INFLIGHT].n;
}

static void check_moves(const struct worker *w)
{
    unsigned unproven = 0, undecided = 0;
    for (const struct move *m = w->moves; m != NULL; m = m->next) {
        unproven += move_is_unproven(m);
        undecided += m->read_bytes > 0;
    }
    ENSURE(unproven == w->unproven && undecided == w->undecided);
    ENSURE(undecided > 0 || w->undecided_bytes == 0);
}

static void check(void)
{
    const struct worker *w = &stage->w;
    unsigned inflight = 0;
    bool live_is_known = w->live == NULL;
    for (const struct journal *j = w->journals; j != NULL; j = j->next) {
        check_journal(j);
        live_is_known |= j == w->live && j->live;
    }
    ENSURE(live_is_known);
    for (unsigned i = 0; i < w->lane_count; i++) {
        check_lane(w->lanes[i], &inflight);
    }
    ENSURE(inflight == w->inflight && inflight == stage->running_count);
    ENSURE(w->budget.total >= w->budget.others && w->budget.dead >= w->budget.others_dead);
    ENSURE(w->budget.total < SUM_MOST && w->budget.dead < SUM_MOST); /* no sum went round */
    check_moves(w);
}

/* --- time */

/* False: nothing was there to be done. */
static bool turn(void)
{
    uv_run(&stage->loop, UV_RUN_NOWAIT);
    bool did = redis_turn();
    did |= end_attempts();
    did |= end_works();
    return did || uv_backend_timeout(&stage->loop) == 0;
}

/* It stands while anything is done, and goes faster the longer nothing is. */
static void pass(int64_t ms)
{
    int64_t until = clock_ms + ms;
    unsigned quiet = 0, standing = 0;
    while (clock_ms < until && stage->turns < TURNS_MOST) {
        stage->turns++;
        quiet = turn() ? 0 : quiet + 1;
        standing = quiet > 0 ? 0 : standing + 1;
        ENSURE(standing < STAND_MOST);
        check();
        if (quiet > 0) {
            int64_t step = quiet < 4 ? 11 : quiet < 8 ? 50 : 400;
            clock_ms += step < until - clock_ms ? step : until - clock_ms;
        }
    }
}

/* --- what the API asks */

static void on_found(void *user, const struct found_event *e, const char *reason)
{
    (void)user;
    ENSURE(stage->asked > 0);
    stage->asked--;
    if (e != NULL) {
        ENSURE(reason == NULL && e->record_count <= 64);
        for (size_t i = 0; i < e->record_count; i++) {
            ENSURE(redis_said(e->records[i].destination));
        }
        ENSURE(redis_said(e->body) && redis_said(e->source));
    }
}

static void on_asked(void *user, const char *reason)
{
    (void)user;
    (void)reason;
    ENSURE(stage->asked > 0);
    stage->asked--;
}

static void on_dead(void *user, const struct dead_letter *d)
{
    (void)user;
    ENSURE(redis_said(d->id) && redis_said(d->source) && d->buried_ms >= 0);
}

static void on_page(void *user, struct str next, const char *reason)
{
    struct dead_place place;
    (void)user;
    (void)reason;
    ENSURE(next.len == 0 || dead_place_decode(next, &place));
    ENSURE(stage->asked > 0);
    stage->asked--;
}

static void ask_page(struct str after)
{
    struct dead_query q = {.limit = 2, .after = after};
    dead_page_read(&stage->w, &q, on_dead, on_page, NULL);
}

static bool on_history(void *user, const struct history_event *e)
{
    (void)user;
    ENSURE(redis_said(e->entry->id) && redis_said(e->entry->source) && redis_said(e->entry->body));
    ENSURE(e->received_ms >= 0 && (e->unrouted || !e->replayed));
    return e->body_bytes % 2 == 0; /* else the rest is left for the next page */
}

static void on_history_page(void *user, struct str next, const char *reason)
{
    static struct history_place place;
    (void)user;
    ENSURE(next.len == 0 || (reason == NULL && history_place_decode(next, &place)));
    ENSURE(stage->asked > 0);
    stage->asked--;
}

static void ask_history(struct str after)
{
    struct history_query q = {.limit = 2, .body_most = INT64_MAX, .after = after};
    history_read(&stage->w, &q, on_history, on_history_page, NULL);
}

static void list_nodes(void)
{
    buf_clear(&stage->json);
    roster_list(&stage->w, &stage->json, on_asked, NULL);
}

static void ask(char what)
{
    struct worker *w = &stage->w;
    struct str id = STR("018bcfe5-6800-7000-8000-0100000000ff"); /* n = 255 of the first journal */
    stage->asked++;
    switch (what) {
    case 'p':
        ask_page(STR_NONE);
        break;
    case 'P':
        ask_page(STR("1700000000000-000000001-7-a"));
        break;
    case 'e':
        ask_history(STR_NONE);
        break;
    case 'E':
        ask_history(STR("000000001-7.000000002-1099511627775"));
        break;
    case 'l':
        lookup_event(w, id, on_found, NULL);
        break;
    case 'r':
        lookup_request(w, "replay", id, STR("a"), on_asked, NULL);
        break;
    case 'g':
        lookup_request(w, "purge", id, STR("a"), on_asked, NULL);
        break;
    case 'n':
        list_nodes();
        break;
    case 'z':
        lookup_pause(w, w->lanes[0], true, on_asked, NULL);
        break;
    case 'Z':
        lookup_pause(w, w->lanes[0], false, on_asked, NULL);
        break;
    case 'd':
        lookup_drop(w, STR("old"), on_asked, NULL);
        break;
    default:
        stage->asked--;
        break;
    }
}

/* --- what happens */

/* An event that a journal of ours lost: it goes to the live one. */
static void move_one(void)
{
    static const uint16_t to[] = {0};
    struct event_parts parts = {.journal = 5,
                                .n = 7,
                                .received_ms = 1,
                                .source = STR("s"),
                                .body = STR("sent"),
                                .to = to,
                                .to_count = 1};
    move_start(&stage->w, event_new(&parts), 5, 7);
    moves_pump(&stage->w);
}

static void end_with(enum outcome_kind kind)
{
    stage->outcome = kind;
    stage->hold = false;
}

static void happen(char what)
{
    switch (what) {
    case '+':
        send_one(false);
        break;
    case 'k':
        send_one(true);
        break;
    case 'm':
        move_one();
        break;
    case 't':
        pass(PAST_MS);
        break;
    case 'T':
        pass(4 * PAST_MS);
        break;
    case 'x':
        redis_hang_up(0);
        break;
    case '1':
        redis_hang_up(1);
        break;
    case '2':
        redis_hang_up(2);
        break;
    case 'h':
        stage->hold = true;
        break;
    case 'o':
        end_with(OUTCOME_OK);
        break;
    case 'f':
        end_with(OUTCOME_RETRY);
        break;
    case 'G':
        end_with(OUTCOME_GIVE_UP);
        break;
    case 's':
    case 'S':
        redis_silent = what == 's';
        break;
    case 'D':
        stage->w.draining = true;
        break;
    default:
        ask(what);
        break;
    }
    pass(SOON_MS);
}

static void play(struct str text)
{
    text = redis_prepare(text);
    ENSURE(worker_start(&stage->w) == NULL);
    pass(5 * SOON_MS);
    for (int i = 0; text.len > 0 && i < HAPPENINGS_MOST; i++) {
        struct str line;
        str_cut(text, '\n', &line, &text);
        text = redis_prepare(text); /* what is to be said to it comes behind it */
        happen(line.len > 1 ? line.at[1] : 't');
    }
}

/* --- the configuration, and a worker's life */

static char data_dir[64];

static void remove_data_dir(void)
{
    char spool[80];
    snprintf(spool, sizeof spool, "%s/spool", data_dir);
    rmdir(spool);
    rmdir(data_dir);
}

/* The next run finds none of its events. */
static void empty_spool(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/spool", data_dir);
    DIR *d = opendir(path);
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        snprintf(path, sizeof path, "%s/spool/%s", data_dir, e->d_name);
        (void)unlink(path); /* "." is none */
    }
    if (d != NULL) {
        closedir(d);
    }
}

static void make_data_dir(void)
{
    bool shm = access("/dev/shm", W_OK) == 0; /* syncs at once */
    snprintf(data_dir, sizeof data_dir, "%s/penstock-fuzz-%ld-data", shm ? "/dev/shm" : "/tmp",
             (long)getpid());
    ENSURE(mkdir(data_dir, 0700) == 0 || errno == EEXIST); /* of one that was killed */
    empty_spool();
    atexit(remove_data_dir);
}

static struct conf *conf_of(unsigned which)
{
    static struct conf *known[5];
    static const char *const redis[] = {
        "redis: {url: 'redis://127.0.0.1:6379'}\n",
        "redis: {url: 'redis://127.0.0.1:6379', durability: replica, replicas: 1}\n",
        "redis: {url: 'redis://:pw@127.0.0.1:6379/1', sentinel: {master: m, nodes: [s0:26379, "
        "s1:26379]}}\n",
        "redis: {url: 'redis://127.0.0.1:6379', durability: memory, retention: {max_memory: "
        "1MiB, dead_bytes: 1MiB, history: 0s}}\n",
        "redis: {url: 'redis://127.0.0.1:6379'}\nspool: {size: 1MiB}\n",
    };
    if (known[which] == NULL) {
        char text[1024];
        struct buf errors;
        snprintf(text, sizeof text,
                 "%sdata_dir: '%s'\nlisten: {limits: {lane: 8}}\nsources: {s: {verify: none, "
                 "dedupe: {window: 24h, key: body./id}}}\n"
                 "destinations: {a: {url: 'http://a/', concurrency: 8}, b: {url: 'http://b/', "
                 "concurrency: 1}}\n"
                 "routes: [{from: s, to: [a, b]}]\n",
                 redis[which], data_dir);
        buf_init(&errors, 65536);
        known[which] = conf_parse(str_of(text), "answers.yaml", &errors);
        if (known[which] == NULL) {
            fprintf(stderr, "%.*s\n", STR_ARG(buf_str(&errors)));
        }
        buf_done(&errors);
        ENSURE(known[which] != NULL);
    }
    return known[which];
}

static void on_state(struct worker *w)
{
    (void)w;
}

static void on_freed(struct worker *w)
{
    (void)w;
    ENSURE(!stage->freed);
    stage->freed = true;
}

static void on_ended(struct worker *w)
{
    (void)w;
    ENSURE(!stage->ended);
    stage->ended = true;
}

static void set_up(unsigned which)
{
    stage = calloc(1, sizeof *stage);
    ENSURE(stage != NULL);
    redis_begin();
    ENSURE(uv_loop_init(&stage->loop) == 0);
    node_init(&stage->node, conf_of(which), 1);
    memcpy(stage->node.id, "00000000", 9);
    worker_init(&stage->w, &stage->node, 0, &stage->loop);
    stage->w.on_state = on_state;
    stage->node.workers[0] = &stage->w;
    buf_init(&stage->json, 1 << 20);
}

static void wait_for(const bool *done)
{
    for (unsigned turns = 0; !*done; turns++) {
        ENSURE(turns < END_TURNS);
        clock_ms += turn() ? 1 : 20;
    }
}

static void tear_down(void)
{
    struct worker *w = &stage->w;
    stage->hold = redis_silent = false;
    worker_close(w, on_freed);
    wait_for(&stage->freed);
    worker_end(w, on_ended);
    wait_for(&stage->ended);
    while (uv_run(&stage->loop, UV_RUN_NOWAIT) != 0) {
        redis_turn();
    }
    worker_done(w);
    ENSURE(uv_loop_close(&stage->loop) == 0);
    ENSURE(event_bytes_alive() == 0 && stage->asked == 0 && stage->senders == 0);
    node_done(&stage->node);
    buf_done(&stage->json);
    redis_end();
    empty_spool();
    free(stage);
}

/* A worker takes some hundred KiB anew in each run: what is kept from use for long costs most of
 * the time. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=4:malloc_context_size=8:max_free_fill_size=0";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static bool open;
    if (!open) {
        open = true;
        signal(SIGPIPE, SIG_IGN); /* as main.c does */
        log_setup(getenv("ANSWERS_LOG") != NULL ? LOG_DEBUG : LOG_OFF, LOG_TEXT);
        redis_open();
        make_data_dir();
    }
    if (n == 0 || n > 1 << 15) {
        return 0;
    }
    struct str text = {(const char *)data, n}, first;
    str_cut(text, '\n', &first, &text);
    set_up(first.len > 0 ? (unsigned char)first.at[0] % 8 % 5 : 0);
    play(text);
    tear_down();
    return 0;
}
