#include "io/pipeline.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

#define BURST_BYTES (16u * 1024) /* what Redis reads of a connection at once (PROTO_IOBUF_LEN) */
#define EAGER_BYTES (32u * 1024)
#define GROUP_BYTES (256u * 1024) /* Redis serves nobody else while it runs a group */
#define LARGE_BYTES (64u * 1024)  /* it answers none of a group before all of it is there */
#define TEXT_KEEP (1024u * 1024)  /* a greater buffer is given back after use */
#define MULTI STR("*1\r\n$5\r\nMULTI\r\n")
#define EXEC STR("*1\r\n$4\r\nEXEC\r\n")
/* What EXEC itself is refused for stands behind it; what a command was refused for does not. */
#define DISCARDED "EXECABORT Transaction discarded because of: "

static void nothing_is_unsent(struct pipeline *p)
{
    p->unsent = 0;
    p->unsent_bytes = 0;
}

/* --- the ring of pending commands --- */

static void ring_grow(struct pipeline *p)
{
    unsigned cap = p->cap == 0 ? 64 : p->cap * 2;
    struct pipeline_command *ring = malloc(cap * sizeof *ring);
    ENSURE(ring != NULL);
    for (unsigned i = 0; i < p->n; i++) {
        ring[i] = p->ring[(p->head + i) & (p->cap - 1)];
    }
    free(p->ring);
    p->ring = ring;
    p->cap = cap;
    p->head = 0;
}

static void ring_push(struct pipeline *p, store_on_reply on_reply, void *user)
{
    if (p->n == p->cap) {
        ring_grow(p);
    }
    p->ring[(p->head + p->n++) & (p->cap - 1)] =
        (struct pipeline_command){on_reply, user, uv_now(p->loop)};
}

static struct pipeline_command ring_pop(struct pipeline *p)
{
    ENSURE(p->n > 0);
    struct pipeline_command c = p->ring[p->head];
    p->head = (p->head + 1) & (p->cap - 1);
    if (p->unsent > --p->n) { /* hiredis writes by itself what is said as it connects */
        nothing_is_unsent(p);
    }
    return c;
}

uint64_t pipeline_oldest_ms(const struct pipeline *p)
{
    return p->ring[p->head].sent_ms;
}

/* --- replies: in the order of the commands, and so are the NULLs of a lost connection --- */

static void answer(struct pipeline *p, const redisReply *reply)
{
    struct pipeline_command c = ring_pop(p);
    if (reply != NULL && reply->type == REDIS_REPLY_ERROR) {
        p->on_error(p->owner, reply);
    }
    if (c.on_reply != NULL) {
        c.on_reply(c.user, reply);
    }
}

/* What hiredis had asked for: a reply, or NULL at the end. */
static const redisReply *came(struct pipeline *p, const redisAsyncContext *context, void *reply)
{
    p->asked--;
    if (reply == NULL) {
        p->on_end(p->owner, context);
    }
    return reply;
}

static void on_single(redisAsyncContext *context, void *reply, void *data)
{
    answer(data, came(data, context, reply));
}

static void on_multi(redisAsyncContext *context, void *reply, void *data)
{
    struct pipeline *p = data;
    const redisReply *r = came(p, context, reply);
    p->verdict.held = 0;
    p->verdict.error[0] = '\0';
    p->verdict.refused = r != NULL && r->type == REDIS_REPLY_ERROR;
    if (p->verdict.refused) {
        p->on_alone(p->owner, r);
    }
}

static void on_queued(redisAsyncContext *context, void *reply, void *data)
{
    struct pipeline *p = data;
    const redisReply *r = came(p, context, reply);
    if (r == NULL || p->verdict.refused) {
        answer(p, r);
        return;
    }
    p->verdict.held++;
    if (r->type == REDIS_REPLY_ERROR && p->verdict.error[0] == '\0') {
        snprintf(p->verdict.error, sizeof p->verdict.error, "%s", r->str);
    }
}

/* Why none of a group was run, as each of its commands would have been told by itself. */
static redisReply why_discarded(struct pipeline *p, const redisReply *exec)
{
    redisReply why = *exec;
    if (exec->type == REDIS_REPLY_ERROR && str_starts(str_of(exec->str), STR(DISCARDED))) {
        why.str += sizeof DISCARDED - 1;
    } else if (exec->type == REDIS_REPLY_ERROR && p->verdict.error[0] != '\0') {
        why.str = p->verdict.error;
    } else {
        return why;
    }
    why.len = strlen(why.str);
    return why;
}

static void on_exec(redisAsyncContext *context, void *reply, void *data)
{
    struct pipeline *p = data;
    const redisReply *r = came(p, context, reply);
    unsigned n = p->verdict.held;
    if (r == NULL) {
        while (n-- > 0) {
            answer(p, NULL);
        }
    } else if (r->type == REDIS_REPLY_ARRAY && r->elements == n) {
        for (unsigned i = 0; i < n; i++) {
            answer(p, r->element[i]);
        }
    } else {
        redisReply why = why_discarded(p, r);
        while (n-- > 0) {
            answer(p, &why);
        }
    }
}

/* --- sending --- */

static void add_count(struct buf *b, char kind, size_t n)
{
    buf_add_char(b, kind);
    buf_add_u64(b, n);
    buf_add(b, "\r\n", 2);
}

/* RESP (redis.io, Redis serialization protocol): an array of bulk strings. */
static void encode(struct buf *b, size_t argc, const struct str *argv)
{
    add_count(b, '*', argc);
    for (size_t i = 0; i < argc; i++) {
        add_count(b, '$', argv[i].len);
        buf_add_str(b, argv[i]);
        buf_add(b, "\r\n", 2);
    }
    ENSURE(!b->failed);
}

static void clear_text(struct pipeline *p)
{
    buf_clear(&p->text);
    if (p->text.cap > TEXT_KEEP) {
        buf_done(&p->text);
    }
}

/* hiredis takes it, or has no memory to note who is to be called. (Without memory for the text it
 * ends the connection.) */
static void say(struct pipeline *p, struct str command, redisCallbackFn *on_reply)
{
    ENSURE(redisAsyncFormattedCommand(p->link->context, on_reply, p, command.at, command.len) ==
           REDIS_OK);
    p->asked++;
}

void pipeline_close_group(struct pipeline *p)
{
    struct pipeline_group *g = &p->group;
    bool together = g->n > 1;
    if (g->n == 0) {
        return;
    }
    if (together) {
        say(p, MULTI, on_multi);
    }
    for (size_t i = 0, at = 0; i < g->n; at = g->ends[i++]) {
        struct str command = {p->text.at + at, g->ends[i] - at};
        say(p, command, together ? on_queued : on_single);
    }
    if (together) {
        say(p, EXEC, on_exec);
    }
    g->n = 0;
    clear_text(p);
}

/* All of a turn leaves at its end; of a burst the first part does at once where Redis has nothing
 * else to do, and begins while we go on with the rest. */
static void hurry(struct pipeline *p, size_t bytes)
{
    p->unsent++;
    p->unsent_bytes += bytes;
    if ((p->unsent_bytes >= BURST_BYTES && p->unsent == p->n) ||
        (p->unsent_bytes >= EAGER_BYTES && p->eager)) {
        pipeline_close_group(p);
        nothing_is_unsent(p);
        link_hurry(p->link);
    }
}

void pipeline_send(struct pipeline *p, size_t argc, const struct str *argv, store_on_reply on_reply,
                   void *user)
{
    pipeline_close_group(p);
    encode(&p->text, argc, argv);
    size_t bytes = p->text.len;
    say(p, buf_str(&p->text), on_single);
    clear_text(p);
    ring_push(p, on_reply, user);
    hurry(p, bytes);
}

void pipeline_gather(struct pipeline *p, size_t argc, const struct str *argv,
                     store_on_reply on_reply, void *user)
{
    struct pipeline_group *g = &p->group;
    size_t bytes = 0;
    for (size_t i = 0; i < argc; i++) {
        bytes += argv[i].len;
    }
    if (bytes > LARGE_BYTES) {
        pipeline_send(p, argc, argv, on_reply, user);
        return;
    }
    if (g->n == PIPELINE_GROUP_MOST || p->text.len >= GROUP_BYTES || g->user != user) {
        pipeline_close_group(p);
    }
    size_t before = p->text.len;
    encode(&p->text, argc, argv);
    g->user = user;
    g->ends[g->n++] = p->text.len;
    ring_push(p, on_reply, user);
    p->link->on_dirty(p->link);
    hurry(p, p->text.len - before);
}

void pipeline_flush(struct pipeline *p)
{
    nothing_is_unsent(p);
    link_flush(p->link);
}

/* --- life --- */

void pipeline_init(struct pipeline *p, uv_loop_t *loop, void *owner,
                   void (*on_error)(void *owner, const redisReply *reply),
                   void (*on_alone)(void *owner, const redisReply *reply),
                   void (*on_end)(void *owner, const redisAsyncContext *context))
{
    *p = (struct pipeline){
        .loop = loop, .owner = owner, .on_error = on_error, .on_alone = on_alone, .on_end = on_end};
    buf_init(&p->text, SIZE_MAX / 4);
}

void pipeline_done(struct pipeline *p)
{
    free(p->ring);
    buf_done(&p->text);
}

void pipeline_start(struct pipeline *p, struct link *link)
{
    p->link = link;
    p->eager = false;
    link_watch(link, &p->asked);
}

void pipeline_end(struct pipeline *p)
{
    p->link = NULL;
    for (; p->group.n > 0; p->group.n--) {
        answer(p, NULL);
    }
    clear_text(p);
    nothing_is_unsent(p);
    ENSURE(p->n == 0 && p->asked == 0);
}
