/* An answer being read by the client. */
#include "io/reply.h"

#include "base/log.h"
#include "base/wheel.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define REPLIES_KEPT 64u

static const struct http_limits limits = {REPLY_HEAD_BYTES, REPLY_HEAD_BYTES, FIELDS_MAX};

static void on_body(struct http_parser *p, const char *at, size_t n)
{
    struct reply *r = CONTAINER_OF(p, struct reply, parser);
    size_t room = REPLY_BODY_KEPT - r->body_len, keep = room < n ? room : n;
    memcpy(r->body + r->body_len, at, keep);
    r->body_len += keep;
    if (r->keep != NULL) {
        buf_add(r->keep, at, n);
    }
}

struct reply *reply_take(struct reply_pool *pool, bool to_head, struct buf *keep)
{
    struct reply *r = pool->kept;
    if (r != NULL) {
        pool->kept = r->next;
        pool->n--;
    } else {
        r = malloc(sizeof *r);
        ENSURE(r != NULL);
    }
    r->len = r->parsed = r->head_end = r->body_len = 0;
    r->informational = 0;
    r->to_head = to_head;
    r->begun = false;
    r->keep = keep;
    r->detail = NULL;
    http_begin_response(&r->parser, &limits, to_head, on_body);
    return r;
}

void reply_give(struct reply_pool *pool, struct reply *r)
{
    if (r == NULL) {
        return;
    }
    if (pool->n < REPLIES_KEPT) {
        r->next = pool->kept;
        pool->kept = r;
        pool->n++;
    } else {
        free(r);
    }
}

void reply_pool_done(struct reply_pool *pool)
{
    for (struct reply *r = pool->kept, *next; r != NULL; r = next) {
        next = r->next;
        free(r);
    }
    *pool = (struct reply_pool){0};
}

char *reply_room(struct reply *r, size_t *n)
{
    *n = REPLY_BYTES - r->len;
    return r->bytes + r->len;
}

/* 1xx: the next head moves to the front, this one is done with. */
static void begin_again(struct reply *r)
{
    http_begin_response(&r->parser, &limits, r->to_head, on_body);
    r->len -= r->parsed;
    memmove(r->bytes, r->bytes + r->parsed, r->len);
    r->parsed = 0;
}

/* REPLY_MORE: go on with what else was read. */
static enum reply_event take_head(struct reply *r)
{
    if (r->parser.status < 200) {
        if (++r->informational > REPLY_INFORMATIONAL) {
            r->detail = "too many informational answers";
            return REPLY_MALFORMED;
        }
        begin_again(r);
        return REPLY_MORE;
    }
    r->head_end = r->parsed;
    r->parser.body_max = r->keep == NULL ? REPLY_BODY_BYTES : r->keep->ceiling;
    return r->parser.bodyless ? REPLY_DONE : REPLY_MORE;
}

enum reply_event reply_read(struct reply *r, size_t n)
{
    r->begun = true;
    r->len += n;
    while (r->parsed < r->len) {
        size_t used;
        enum parse_event event =
            http_feed(&r->parser, r->bytes + r->parsed, r->len - r->parsed, &used);
        r->parsed += used;
        if (event == PARSE_DONE) {
            return REPLY_DONE;
        }
        if (event == PARSE_FAULT) {
            r->detail = http_detail(&r->parser);
            return r->parser.fault == &FAULT_BODY_LARGE ? REPLY_CAPPED : REPLY_MALFORMED;
        }
        enum reply_event head = event == PARSE_HEAD ? take_head(r) : REPLY_MORE;
        if (head != REPLY_MORE) {
            return head;
        }
    }
    if (r->head_end > 0) {
        r->len = r->parsed = r->head_end; /* body bytes are read over the last ones */
    }
    return REPLY_MORE;
}

enum reply_event reply_end(struct reply *r)
{
    return r->head_end > 0 && http_end(&r->parser) == PARSE_DONE ? REPLY_DONE : REPLY_MORE;
}

bool reply_keeps_alive(const struct reply *r)
{
    return r->parser.keep_alive && r->parsed == r->len;
}
