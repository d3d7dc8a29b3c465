/* A page of history: live -> the newest entries of each journal that are left -> merged by time,
 * down to where one of them would have to be read further -> which of the unrouted were replayed.
 */
#include "relay/history.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum {
    READS_MOST = 2,         /* at a time: each may hold some tens of MiB */
    COUNT_MOST = 128,       /* entries of a journal: Redis serves nobody else meanwhile, 2 ms */
    PAGE_BYTES = 2 << 20,   /* about so many are read for a page ... */
    PART_BYTES = 64 << 10,  /* ... but of each journal so many */
    PAGE_ENDS = 8 << 20,    /* bytes of events: no more goes into it */
    PLACE_BYTES = 11 << 10, /* what a request line of the admin API takes, and less */
};

/* --- places */

void history_place_encode(const struct history_place *p, struct buf *out)
{
    char name[12];
    for (size_t i = 0; i < p->journals; i++) {
        journal_name(p->v[i].number, name);
        buf_printf(out, "%s%s-%llu", i > 0 ? "." : "", name, (unsigned long long)p->v[i].below);
    }
}

static bool is_named(const struct history_place *p, uint64_t number)
{
    size_t i = 0;
    while (i < p->journals && p->v[i].number != number) {
        i++;
    }
    return i < p->journals;
}

bool history_place_decode(struct str text, struct history_place *p)
{
    struct str part, name, below;
    bool more = true;
    for (p->journals = 0; more; p->journals++) {
        more = str_cut(text, '.', &part, &text);
        if (p->journals == HISTORY_JOURNALS || !str_cut(part, '-', &name, &below) ||
            !journal_number(name, &p->v[p->journals].number) ||
            text_u64(below, EVENT_N_MAX, &p->v[p->journals].below) != NULL ||
            is_named(p, p->v[p->journals].number)) {
            return false;
        }
    }
    return true;
}

/* --- the search */

struct row { /* an entry, copied; its texts lie behind it */
    struct entry entry;
    int64_t received_ms;
    uint64_t body_bytes;
    bool replayed, duplicate;
    char text[];
};

struct part { /* of one journal */
    struct search *s;
    uint64_t number, below, last; /* `last`: looked at; it is below once all rows are taken */
    bool ended;                   /* nothing is below what was read */
    struct row **rows;
    size_t count, at; /* `at`: the first that no page has */
};

struct taken {
    struct part *part;
    size_t at; /* of its rows */
};

struct search {
    struct worker *w;
    char source[72];
    bool unrouted, failed;
    uint64_t body_most;
    int64_t since_ms;
    unsigned limit;
    struct part *parts;
    size_t part_count;
    struct taken *page;
    size_t page_count;
    unsigned asked;
    bool (*on_each)(void *user, const struct history_event *e);
    void (*on_end)(void *user, struct str next, const char *reason);
    void *user;
};

static void free_rows(struct part *p)
{
    for (size_t i = 0; i < p->count; i++) {
        free(p->rows[i]);
    }
    free(p->rows);
}

static void search_free(struct search *s)
{
    s->w->history_reads--;
    for (size_t i = 0; i < s->part_count; i++) {
        free_rows(&s->parts[i]);
    }
    free(s->parts);
    free(s->page);
    free(s);
}

static void put_next(const struct search *s, struct buf *out)
{
    struct history_place *p = malloc(sizeof *p);
    ENSURE(p != NULL);
    p->journals = 0;
    for (size_t i = 0; i < s->part_count; i++) {
        const struct part *part = &s->parts[i];
        if (part->ended && part->at == part->count) {
            continue;
        }
        p->v[p->journals].number = part->number;
        p->v[p->journals++].below = part->at == part->count ? part->last : part->below;
    }
    history_place_encode(p, out);
    free(p);
}

static bool is_unrouted(const struct entry *e)
{
    return e->to.len == 0;
}

static bool give(const struct search *s, const struct taken *t)
{
    ENSURE(t->part != NULL);
    const struct row *row = t->part->rows[t->at];
    return s->on_each(s->user, &(struct history_event){.entry = &row->entry,
                                                       .received_ms = row->received_ms,
                                                       .journal = t->part->number,
                                                       .body_bytes = row->body_bytes,
                                                       .unrouted = is_unrouted(&row->entry),
                                                       .replayed = row->replayed,
                                                       .duplicate = row->duplicate});
}

/* To the next page: all but the first `n` of this one. */
static void leave(struct search *s, size_t n)
{
    while (s->page_count > n) {
        const struct taken *t = &s->page[--s->page_count];
        t->part->at = t->at;
        t->part->below = t->part->rows[t->at]->entry.n + 1;
    }
}

static void search_end(struct search *s)
{
    struct buf next;
    buf_init(&next, PLACE_BYTES);
    if (!s->failed) {
        size_t i = 0;
        while (i < s->page_count && give(s, &s->page[i])) {
            i++;
        }
        leave(s, i);
        put_next(s, &next);
    }
    s->on_end(s->user, buf_str(&next), s->failed ? "redis_down" : NULL);
    buf_done(&next);
    search_free(s);
}

/* --- merging */

/* Redis has looked at that, but what it says is not believed. */
static bool is_wanted(const struct search *s, const struct row *row)
{
    return (!s->unrouted || is_unrouted(&row->entry)) &&
           (s->source[0] == '\0' || str_eq(row->entry.source, str_of(s->source)));
}

/* The newest of what is at hand; NULL: there is none, or an older page of a journal could have a
 * newer one. */
static struct part *newest(struct search *s)
{
    struct part *found = NULL;
    for (size_t i = 0; i < s->part_count; i++) {
        struct part *p = &s->parts[i];
        if (p->at == p->count && !p->ended) {
            return NULL;
        }
        if (p->at < p->count &&
            (found == NULL || p->rows[p->at]->received_ms > found->rows[found->at]->received_ms)) {
            found = p;
        }
    }
    return found;
}

static void merge(struct search *s)
{
    struct part *p;
    size_t bytes = 0;
    s->page = calloc(s->limit, sizeof *s->page);
    ENSURE(s->page != NULL);
    while (s->page_count < s->limit && bytes < PAGE_ENDS && (p = newest(s)) != NULL) {
        size_t at = p->at++;
        const struct row *row = p->rows[at];
        p->below = row->entry.n;
        bool old = row->received_ms < s->since_ms;
        if (old && row->entry.from.len == 0) { /* and so is all that is below it */
            p->ended = true;
            p->at = p->count;
        } else if (!old && is_wanted(s, row)) {
            s->page[s->page_count++] = (struct taken){p, at};
            bytes += row->entry.headers.len + row->entry.target.len + row->entry.body.len;
        }
    }
}

static void step_done(struct search *s)
{
    if (--s->asked == 0) {
        if (!s->failed) {
            merge(s);
        }
        search_end(s);
    }
}

/* --- reading */

static struct str keep(char **at, struct str text)
{
    struct str kept = {*at, text.len};
    if (text.len > 0) {
        memcpy(*at, text.at, text.len);
    }
    *at += text.len;
    return kept;
}

static struct row *row_new(const struct entry *e, int64_t received_ms)
{
    size_t bytes = e->id.len + e->source.len + e->to.len + e->method.len + e->target.len +
                   e->headers.len + e->body.len + e->from.len + e->dedupe.len;
    struct row *row = malloc(sizeof *row + bytes);
    ENSURE(row != NULL);
    char *at = row->text;
    *row = (struct row){.entry = {.n = e->n, .received_ms = e->received_ms},
                        .received_ms = received_ms};
    row->entry.id = keep(&at, e->id);
    row->entry.source = keep(&at, e->source);
    row->entry.to = keep(&at, e->to);
    row->entry.method = keep(&at, e->method);
    row->entry.target = keep(&at, e->target);
    row->entry.headers = keep(&at, e->headers);
    row->entry.body = keep(&at, e->body);
    row->entry.from = keep(&at, e->from);
    row->entry.dedupe = keep(&at, e->dedupe);
    return row;
}

/* What is foreign, or no answer to what was asked, is left out. */
static void add_row(struct part *p, const redisReply *entry, const redisReply *moved,
                    const redisReply *size)
{
    struct entry e;
    uint64_t journal, n;
    int64_t received_ms;
    if (!entry_read(entry, &e) || e.n >= p->below ||
        !event_id_decode(e.id, &journal, &n, &received_ms)) {
        return;
    }
    struct row *row = row_new(&e, received_ms);
    bool moves = is_unrouted(&e) && moved->type == REDIS_REPLY_INTEGER;
    row->replayed = moves && moved->integer == 1;
    row->duplicate = moves && moved->integer == 2;
    row->body_bytes =
        size->type == REDIS_REPLY_INTEGER && size->integer > 0 ? (uint64_t)size->integer : 0;
    p->rows[p->count++] = row;
}

/* False: it is none of ours. */
static bool take_part(struct part *p, const redisReply *reply)
{
    struct answer a = answer_read(reply);
    struct str n, rest;
    if (a.error != STORE_OK || reply->elements < a.extra + 5) {
        return false;
    }
    redisReply *const *v = reply->element + a.extra;
    for (size_t i = 2; i < 5; i++) {
        if (v[i]->type != REDIS_REPLY_ARRAY || v[i]->elements != v[2]->elements ||
            v[i]->elements > COUNT_MOST) {
            return false;
        }
    }
    p->rows = calloc(v[2]->elements + 1, sizeof *p->rows);
    ENSURE(p->rows != NULL);
    for (size_t i = 0; i < v[2]->elements; i++) {
        add_row(p, v[2]->element[i], v[3]->element[i], v[4]->element[i]);
    }
    str_cut(store_text(v[0]), '-', &n, &rest);
    bool further = text_u64(n, EVENT_N_MAX, &p->last) == NULL && p->last < p->below;
    p->ended = !further || v[1]->type != REDIS_REPLY_INTEGER || v[1]->integer != 1;
    return true;
}

/* Of a foreign type it hides its own events, and no others. */
static void on_part(void *user, const redisReply *reply)
{
    struct part *p = user;
    struct search *s = p->s;
    enum store_error e = store_error_of(reply);
    p->ended = true;
    if (e != STORE_WRONGTYPE && !take_part(p, reply)) {
        s->failed = true;
    }
    step_done(s);
}

static void ask_part(struct search *s, struct part *p)
{
    char below[20], count[20], bytes[20], since[20], body[20];
    size_t part = PAGE_BYTES / s->part_count;
    struct str argv[] = {
        STR_NONE,
        {below, text_put_u64(below, p->below)},
        {count, text_put_u64(count, COUNT_MOST)},
        {bytes, text_put_u64(bytes, part > PART_BYTES ? part : PART_BYTES)},
        str_of(s->source),
        {since, text_put_u64(since, (uint64_t)s->since_ms)},
        s->unrouted ? STR("1") : STR_NONE,
        {body, text_put_u64(body, s->body_most)},
    };
    if (script_send_to(s->w, p->number, SCRIPT_HISTORY_ID, 8, argv, on_part, p)) {
        s->asked++;
    } else {
        s->failed = true;
    }
}

static void read_parts(struct search *s, const struct history_place *at)
{
    s->parts = calloc(at->journals + 1, sizeof *s->parts);
    ENSURE(s->parts != NULL);
    s->part_count = at->journals;
    for (size_t i = 0; i < at->journals; i++) {
        s->parts[i] = (struct part){.s = s, .number = at->v[i].number, .below = at->v[i].below};
    }
    for (size_t i = 0; i < s->part_count && !s->failed; i++) {
        ask_part(s, &s->parts[i]);
    }
}

static void on_listed(void *user, const redisReply *reply)
{
    struct search *s = user;
    struct history_place *p = calloc(1, sizeof *p);
    ENSURE(p != NULL);
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        s->failed = true;
    }
    uint64_t number;
    bool more = false;
    for (size_t i = 0; !s->failed && i < reply->elements && !more; i++) {
        if (!journal_number(store_text(reply->element[i]), &number) || is_named(p, number)) {
            continue;
        }
        more = p->journals == HISTORY_JOURNALS;
        if (!more) {
            p->v[p->journals].number = number;
            p->v[p->journals++].below = EVENT_N_MAX;
        }
    }
    if (more) {
        log_line(LOG_WARN, "there are more journals than are looked at; the history is not whole",
                 "journals", "%u", HISTORY_JOURNALS, NULL);
    }
    read_parts(s, p);
    free(p);
    step_done(s);
}

static void from_the_newest(struct search *s)
{
    struct str argv[] = {STR("SMEMBERS"), worker_key(s->w, KEY_LIVE)};
    s->asked = 1;
    if (!redis_send(s->w, 2, argv, on_listed, s)) {
        s->failed = true;
        step_done(s);
    }
}

void history_read(struct worker *w, const struct history_query *q,
                  bool (*on_each)(void *user, const struct history_event *e),
                  void (*on_end)(void *user, struct str next, const char *reason), void *user)
{
    ENSURE(q->limit > 0 && q->limit <= HISTORY_LIMIT);
    if (w->history_reads >= READS_MOST) {
        on_end(user, STR_NONE, "overloaded");
        return;
    }
    struct search *s = calloc(1, sizeof *s);
    ENSURE(s != NULL);
    w->history_reads++;
    *s = (struct search){.w = w,
                         .unrouted = q->unrouted,
                         .body_most = q->body_most,
                         .since_ms = q->since_ms,
                         .limit = q->limit,
                         .on_each = on_each,
                         .on_end = on_end,
                         .user = user};
    text_copy(s->source, sizeof s->source, q->source);
    if (q->after.len == 0) {
        from_the_newest(s);
        return;
    }
    struct history_place *at = malloc(sizeof *at);
    ENSURE(at != NULL);
    if (!history_place_decode(q->after, at)) {
        search_free(s);
        on_end(user, STR_NONE, "malformed");
    } else {
        s->asked = 1; /* until all are asked: none of them ends it before */
        read_parts(s, at);
        step_done(s);
    }
    free(at);
}
