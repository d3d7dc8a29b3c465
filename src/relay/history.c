/* A page of history: live -> the newest entries of each journal that are left -> merged by time,
 * down to where one of them would have to be read further -> which of the unrouted were replayed.
 */
#include "relay/history.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum {
    COUNT_FIRST = 8,       /* of each journal, before it is known how large they are */
    COUNT_MOST = 128,      /* the next may be larger than all before */
    PAGE_BYTES = 2 << 20,  /* about so many are read for a page */
    PAGE_ENDS = 8 << 20,   /* bytes of bodies: no more goes into it */
    PLACE_BYTES = 11 << 10 /* what a request line of the admin API takes, and less */
};

/* --- places */

void history_place_encode(const struct history_place *p, struct buf *out)
{
    char name[12];
    buf_add_u64(out, p->count);
    for (size_t i = 0; i < p->journals; i++) {
        journal_name(p->v[i].number, name);
        buf_printf(out, ".%s-%llu", name, (unsigned long long)p->v[i].below);
    }
}

bool history_place_decode(struct str text, struct history_place *p)
{
    struct str part, name, below;
    uint64_t count;
    bool more = str_cut(text, '.', &part, &text);
    if (text_u64(part, HISTORY_LIMIT, &count) != NULL || count == 0 || !more) {
        return false;
    }
    p->count = (unsigned)count;
    for (p->journals = 0; more; p->journals++) {
        more = str_cut(text, '.', &part, &text);
        if (p->journals == HISTORY_JOURNALS || !str_cut(part, '-', &name, &below) ||
            !journal_number(name, &p->v[p->journals].number) ||
            text_u64(below, EVENT_N_MAX, &p->v[p->journals].below) != NULL) {
            return false;
        }
    }
    return true;
}

/* --- the search */

struct row { /* an entry, copied; its texts lie behind it */
    struct entry entry;
    int64_t received_ms;
    bool replayed;
    char text[];
};

struct part { /* of one journal */
    struct search *s;
    uint64_t number, below;
    bool ended; /* nothing is below what was read */
    struct row **rows;
    size_t count, at; /* `at`: the first that no page has */
};

struct taken {
    struct row *row;
    uint64_t journal;
};

struct search {
    struct worker *w;
    char source[72];
    bool unrouted, failed, merged;
    int64_t since_ms;
    unsigned limit, count;
    struct part *parts;
    size_t part_count;
    struct taken *page;
    size_t page_count;
    size_t bytes, entries; /* read */
    unsigned asked;
    void (*on_each)(void *user, const struct history_event *e);
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
    for (size_t i = 0; i < s->part_count; i++) {
        free_rows(&s->parts[i]);
    }
    free(s->parts);
    free(s->page);
    free(s);
}

/* So many of each journal as make a page of about its size. */
static unsigned next_count(const struct search *s, size_t journals)
{
    size_t mean = s->entries == 0 ? 0 : s->bytes / s->entries;
    size_t count = mean == 0 ? 2 * (size_t)s->count : PAGE_BYTES / mean / journals;
    size_t most = s->limit < COUNT_MOST ? s->limit : COUNT_MOST;
    count = count < most ? count : most;
    return count > 0 ? (unsigned)count : 1;
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
        p->v[p->journals++].below = part->below;
    }
    if (p->journals > 0) {
        p->count = next_count(s, p->journals);
        history_place_encode(p, out);
    }
    free(p);
}

static bool is_unrouted(const struct entry *e)
{
    return e->to.len == 0;
}

static void search_end(struct search *s)
{
    struct buf next;
    buf_init(&next, PLACE_BYTES);
    for (size_t i = 0; i < s->page_count && !s->failed; i++) {
        const struct row *row = s->page[i].row;
        s->on_each(s->user, &(struct history_event){.entry = &row->entry,
                                                    .received_ms = row->received_ms,
                                                    .journal = s->page[i].journal,
                                                    .unrouted = is_unrouted(&row->entry),
                                                    .replayed = row->replayed});
    }
    if (!s->failed) {
        put_next(s, &next);
    }
    s->on_end(s->user, buf_str(&next), s->failed ? "redis_down" : NULL);
    buf_done(&next);
    search_free(s);
}

static void step_done(struct search *s);

/* --- which were replayed: each has its place in `moved` of its journal */

struct question {
    struct search *s;
    struct row *row;
};

static void on_moved(void *user, const redisReply *reply)
{
    struct question q = *(struct question *)user;
    free(user);
    enum store_error e = store_error_of(reply);
    if (e == STORE_OK) {
        q.row->replayed = reply->type == REDIS_REPLY_STRING;
    } else if (e != STORE_WRONGTYPE) { /* a foreign key says nothing of any */
        q.s->failed = true;
    }
    step_done(q.s);
}

static void ask_moved(struct search *s, const struct taken *t)
{
    struct question *q = malloc(sizeof *q);
    struct journal_keys keys;
    char n[20];
    ENSURE(q != NULL);
    *q = (struct question){s, t->row};
    journal_keys_init(&keys, s->w->conf->redis.prefix, t->journal);
    struct str argv[] = {STR("HGET"), keys.v[KEY_MOVED], {n, text_put_u64(n, t->row->entry.n)}};
    if (redis_send(s->w, 3, argv, on_moved, q)) {
        s->asked++;
    } else {
        s->failed = true;
        free(q);
    }
}

/* --- merging */

static bool is_wanted(const struct search *s, const struct row *row)
{
    return row->received_ms >= s->since_ms && (!s->unrouted || is_unrouted(&row->entry)) &&
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
    s->merged = true;
    s->page = calloc(s->limit, sizeof *s->page);
    ENSURE(s->page != NULL);
    while (s->page_count < s->limit && bytes < PAGE_ENDS && (p = newest(s)) != NULL) {
        struct row *row = p->rows[p->at++];
        p->below = row->entry.n;
        if (row->received_ms < s->since_ms) { /* and so is all that is below it */
            p->ended = true;
            p->at = p->count;
        } else if (is_wanted(s, row)) {
            s->page[s->page_count++] = (struct taken){row, p->number};
            bytes += row->entry.body.len;
        }
    }
    for (size_t i = 0; i < s->page_count; i++) {
        if (is_unrouted(&s->page[i].row->entry)) {
            ask_moved(s, &s->page[i]);
        }
    }
}

static void step_done(struct search *s)
{
    if (--s->asked > 0) {
        return;
    }
    if (!s->merged && !s->failed) {
        merge(s);
    }
    if (s->asked == 0) {
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
                   e->headers.len + e->body.len + e->from.len;
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
    return row;
}

/* Markers, seals and what is foreign have no id of ours. */
static void add_row(struct part *p, const redisReply *reply)
{
    struct entry e;
    uint64_t journal, n;
    int64_t received_ms;
    bool ours = entry_read(reply, &e) && event_id_decode(e.id, &journal, &n, &received_ms);
    if (e.n > 0 && e.n < p->below) {
        p->below = ours ? p->below : e.n;
        p->s->bytes += e.body.len + e.headers.len + 200;
        p->s->entries++;
    } else {
        return; /* no answer to what was asked */
    }
    if (ours) {
        p->rows[p->count++] = row_new(&e, received_ms);
    }
}

/* Where what is not ours was read over, the next page goes on below it; rows set `below` when they
 * are taken. */
static void on_part(void *user, const redisReply *reply)
{
    struct part *p = user;
    struct search *s = p->s;
    enum store_error e = store_error_of(reply);
    if (e != STORE_OK && e != STORE_WRONGTYPE) {
        s->failed = true;
    }
    size_t n = e == STORE_OK && reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
    uint64_t before = p->below;
    p->rows = calloc(n + 1, sizeof *p->rows);
    ENSURE(p->rows != NULL);
    for (size_t i = 0; i < n; i++) {
        add_row(p, reply->element[i]);
    }
    bool goes_on = n >= s->count && (p->count > 0 || p->below < before);
    p->ended = !goes_on;
    if (p->count > 0) {
        p->below = before;
    }
    step_done(s);
}

static void ask_part(struct search *s, struct part *p)
{
    struct journal_keys keys;
    char from[ENTRY_ID_MAX], count[20];
    journal_keys_init(&keys, s->w->conf->redis.prefix, p->number);
    struct str argv[] = {
        STR("XREVRANGE"), keys.v[KEY_JOURNAL], entry_id(from, p->below > 0 ? p->below - 1 : 0),
        STR("-"),         STR("COUNT"),        {count, text_put_u64(count, s->count)}};
    if (redis_send(s->w, 6, argv, on_part, p)) {
        s->asked++;
    } else {
        s->failed = true;
    }
}

static void read_parts(struct search *s, const struct history_place *at)
{
    s->count = at->count < s->limit ? at->count : s->limit;
    s->parts = calloc(at->journals + 1, sizeof *s->parts);
    ENSURE(s->parts != NULL);
    s->part_count = at->journals;
    for (size_t i = 0; i < at->journals; i++) {
        s->parts[i] = (struct part){s, at->v[i].number, at->v[i].below, false, NULL, 0, 0};
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
    p->count = COUNT_FIRST;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        s->failed = true;
    }
    for (size_t i = 0; !s->failed && i < reply->elements && p->journals < HISTORY_JOURNALS; i++) {
        if (journal_number(store_text(reply->element[i]), &p->v[p->journals].number)) {
            p->v[p->journals++].below = EVENT_N_MAX;
        }
    }
    if (p->journals == HISTORY_JOURNALS) {
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
                  void (*on_each)(void *user, const struct history_event *e),
                  void (*on_end)(void *user, struct str next, const char *reason), void *user)
{
    struct search *s = calloc(1, sizeof *s);
    ENSURE(s != NULL && q->limit > 0 && q->limit <= HISTORY_LIMIT);
    *s = (struct search){.w = w,
                         .unrouted = q->unrouted,
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
        free(s);
        on_end(user, STR_NONE, "malformed");
    } else {
        s->asked = 1; /* until all are asked: none of them ends it before */
        read_parts(s, at);
        step_done(s);
    }
    free(at);
}
