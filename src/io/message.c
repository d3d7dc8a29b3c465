/* The memory of requests in motion. */
#include "io/message.h"

#include "base/log.h"
#include "io/clients.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define POOL_KEEPS 128u        /* blocks and messages that wait for their next use */
#define CHUNK_ROOM 4096u       /* read at once of a chunked body, at least */
#define BIG_FIRST (64u * 1024) /* a big body's block at first: announcing costs nothing */

/* --- blocks --- */

bool message_pool_hold(struct message_pool *pool, size_t bytes)
{
    if (!clients_hold(pool->clients, bytes, pool->memory_max)) {
        return false;
    }
    pool->memory += bytes;
    return true;
}

void message_pool_let_go(struct message_pool *pool, size_t bytes)
{
    clients_let_go(pool->clients, bytes);
    pool->memory -= bytes;
}

struct block *block_take(struct message_pool *pool, size_t cap)
{
    cap = cap < BLOCK_BYTES ? BLOCK_BYTES : cap;
    if (!message_pool_hold(pool, cap)) {
        return NULL;
    }
    struct block *b = pool->blocks;
    if (b != NULL && cap == BLOCK_BYTES) {
        pool->blocks = b->next;
        pool->block_count--;
    } else if ((b = malloc(sizeof *b + cap)) == NULL) {
        message_pool_let_go(pool, cap);
        return NULL;
    }
    b->cap = cap;
    b->len = 0;
    return b;
}

void block_give(struct message_pool *pool, struct block *b)
{
    if (b == NULL) {
        return;
    }
    message_pool_let_go(pool, b->cap);
    if (b->cap == BLOCK_BYTES && pool->block_count < POOL_KEEPS) {
        b->next = pool->blocks;
        pool->blocks = b;
        pool->block_count++;
    } else {
        free(b);
    }
}

static struct block *block_grow(struct message_pool *pool, struct block *b, size_t cap)
{
    size_t more = cap - b->cap;
    if (!message_pool_hold(pool, more)) {
        return NULL;
    }
    struct block *bigger = realloc(b, sizeof *b + cap);
    if (bigger == NULL) {
        message_pool_let_go(pool, more);
        return NULL;
    }
    bigger->cap = cap;
    return bigger;
}

void message_pool_done(struct message_pool *pool)
{
    ENSURE(pool->memory == 0);
    for (struct block *b = pool->blocks, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    for (struct message *m = pool->messages, *next; m != NULL; m = next) {
        next = m->next;
        free(m);
    }
    pool->blocks = NULL;
    pool->messages = NULL;
}

/* --- messages --- */

/* Decoded bytes of the body. They lie where they belong, or, when chunked, a little above. */
static void on_body(struct http_parser *p, const char *at, size_t n)
{
    struct message *m = CONTAINER_OF(p, struct message, parser);
    char *to = m->area->at + m->body_at + m->body_len;
    if (to != at) {
        memmove(to, at, n);
    }
    m->body_len += n;
}

struct message *message_take(struct message_pool *pool, struct block *head, void *owner)
{
    struct message *m = pool->messages;
    if (m != NULL) {
        pool->messages = m->next;
        pool->message_count--;
    } else if ((m = malloc(sizeof *m)) == NULL) {
        return NULL;
    }
    memset(&m->request, 0, sizeof m->request);
    m->owner = owner;
    m->head = m->area = head;
    m->big = NULL;
    m->parsed = m->body_at = m->body_len = 0;
    http_begin_request(&m->parser, pool->limits, on_body);
    return m;
}

void message_release(struct message_pool *pool, struct message *m)
{
    block_give(pool, m->head);
    block_give(pool, m->big);
    m->head = m->big = m->area = NULL;
}

void message_give(struct message_pool *pool, struct message *m)
{
    message_release(pool, m);
    if (pool->message_count < POOL_KEEPS) {
        m->next = pool->messages;
        pool->messages = m;
        pool->message_count++;
    } else {
        free(m);
    }
}

/* A big body with a length takes exactly its own bytes, so nothing of the next message comes with
 * it; chunks are read a block at a time, so what comes of the next message fits into one. */
char *message_room(struct message *m, size_t *n)
{
    struct block *b = m->area;
    size_t cap = b->cap;
    if (b == m->big && m->parser.has_length) {
        cap = cap > m->parser.length ? (size_t)m->parser.length : cap;
    } else if (b == m->big && cap - b->len > BLOCK_BYTES) {
        cap = b->len + BLOCK_BYTES;
    }
    *n = cap - b->len;
    return b->at + b->len;
}

enum parse_event message_parse(struct message *m)
{
    size_t used;
    enum parse_event event =
        http_feed(&m->parser, m->area->at + m->parsed, m->area->len - m->parsed, &used);
    m->parsed += used;
    return event;
}

void message_take_head(struct message *m)
{
    struct httpd_request *r = &m->request;
    r->method = m->parser.method;
    r->target = m->parser.target;
    r->fields = &m->parser.fields;
    r->http10 = m->parser.http10;
    http_split_target(r->target, &r->path, &r->query);
}

static bool move_to_big(struct message_pool *pool, struct message *m, size_t cap)
{
    struct block *big = block_take(pool, cap);
    if (big == NULL) {
        return false;
    }
    size_t from = m->body_at, n = m->area->len - from;
    ENSURE(n <= big->cap);
    memcpy(big->at, m->area->at + from, n);
    big->len = n;
    m->parsed -= from;
    m->body_at = 0;
    m->area = m->big = big;
    return true;
}

bool message_place_body(struct message_pool *pool, struct message *m)
{
    m->body_at = m->parsed;
    size_t room = m->area->cap - m->parsed;
    if (m->parser.has_length && m->parser.length > room) {
        size_t read = m->area->len - m->parsed, first = BIG_FIRST > read ? BIG_FIRST : read;
        return move_to_big(pool, m, m->parser.length < first ? (size_t)m->parser.length : first);
    }
    return true;
}

/* The head is not complete and its block is full: one more size, which holds the limit. */
static bool grow_head(struct message_pool *pool, struct message *m)
{
    const char *old = m->area->at;
    struct block *b = block_grow(pool, m->head, pool->limits->head_bytes + BLOCK_BYTES);
    if (b == NULL) {
        return false;
    }
    m->head = m->area = b;
    http_moved(&m->parser, b->at - old);
    return true;
}

static bool grow_big(struct message_pool *pool, struct message *m)
{
    size_t cap = m->big->cap * 2;
    if (m->parser.has_length && cap > m->parser.length) {
        cap = (size_t)m->parser.length;
    }
    struct block *b = block_grow(pool, m->big, cap);
    if (b == NULL) {
        return false;
    }
    m->big = m->area = b;
    return true;
}

bool message_prepare(struct message_pool *pool, struct message *m)
{
    struct block *b = m->area;
    if (!m->parser.in_body) {
        return b->len < b->cap || grow_head(pool, m);
    }
    if (m->parser.has_length) {
        return b->len < b->cap || grow_big(pool, m);
    }
    b->len = m->parsed = m->body_at + m->body_len; /* what was chunk heads is room again */
    if (b->cap - b->len >= CHUNK_ROOM) {
        return true;
    }
    if (b == m->big) {
        return grow_big(pool, m);
    }
    size_t twice = 2 * m->body_len; /* more than BIG_FIRST, where heads may be that large */
    return move_to_big(pool, m, twice > BIG_FIRST ? twice : BIG_FIRST);
}

const char *message_pace(const struct message *m, uint64_t now_ms, uint64_t limit_ms,
                         uint64_t *next_ms)
{
    uint64_t age_ms = now_ms - m->began_ms, body_ms = now_ms - m->body_began_ms;
    if (age_ms >= limit_ms) {
        return "the body did not come in time";
    }
    if (body_ms >= MESSAGE_GRACE_MS && m->parser.raw_bytes < body_ms) { /* 1 kB/s = 1 byte a ms */
        return "the body comes slower than 1 kB/s";
    }
    uint64_t look_ms = body_ms < MESSAGE_GRACE_MS ? MESSAGE_GRACE_MS - body_ms : 1000;
    uint64_t left_ms = limit_ms - age_ms;
    *next_ms = look_ms < left_ms ? look_ms : left_ms;
    return NULL;
}

struct str message_body(const struct message *m)
{
    return (struct str){m->area->at + m->body_at, m->body_len};
}

struct str message_rest(const struct message *m)
{
    return (struct str){m->area->at + m->parsed, m->area->len - m->parsed};
}
