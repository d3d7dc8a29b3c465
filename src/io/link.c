/* What hiredis asks of an event loop, on libuv. */
#include "io/link.h"

#include "base/log.h"
#include "base/wheel.h"

#include <openssl/err.h>
#include <stddef.h>
#include <stdlib.h>

static void on_poll(uv_poll_t *poll, int status, int events);

static void poll_for(struct link *l, int events)
{
    if (l->events != events) {
        l->events = events;
        uv_poll_start(&l->poll, events, on_poll);
    }
}

static void on_add_write(void *data)
{
    struct link *l = data;
    if (!l->open || l->flushing) {
        poll_for(l, UV_READABLE | UV_WRITABLE);
    } else {
        l->on_dirty(l);
    }
}

static void on_del_write(void *data)
{
    poll_for(data, UV_READABLE);
}

static void on_poll_closed(uv_handle_t *handle)
{
    struct link *l = CONTAINER_OF(handle, struct link, poll);
    SSL_free(l->ssl);
    free(l);
}

static void on_cleanup(void *data)
{
    struct link *l = data;
    if (l->context != NULL) {
        l->context = NULL;
        uv_close((uv_handle_t *)&l->poll, on_poll_closed); /* before hiredis closes the socket */
    }
}

/* Else an error of an earlier call, perhaps another connection's, is read as this one's. But for
 * the one that link_hurry has met: what comes next asks for its reason. */
static void clear_errors(const struct link *l)
{
    if (l->ssl != NULL && l->context->c.err == 0) {
        ERR_clear_error();
    }
}

void link_flush(struct link *l)
{
    if (l->open && l->context != NULL) {
        clear_errors(l);
        l->flushing = true;
        redisAsyncHandleWrite(l->context);
        l->flushing = false;
    }
}

void link_hurry(struct link *l)
{
    int done;
    if (l->open && l->context != NULL) {
        clear_errors(l);
        (void)redisBufferWrite(&l->context->c, &done);
        /* Without memory there is none, and what is said before the flush would be added to it. */
        ENSURE(l->context->c.obuf != NULL);
    }
}

/* A read may end in a disconnect, which frees the context. */
static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct link *l = CONTAINER_OF(poll, struct link, poll);
    clear_errors(l);
    if ((events & UV_READABLE) != 0 || status < 0) {
        redisAsyncHandleRead(l->context);
    }
    if (l->context != NULL && (events & UV_WRITABLE) != 0) {
        l->flushing = true;
        redisAsyncHandleWrite(l->context);
        l->flushing = false;
    }
    if (l->context != NULL && status < 0) { /* libuv has stopped polling */
        l->on_broken(l, uv_strerror(status));
    }
}

/* --- nothing but what was asked for: hiredis lets us make the parts of a reply, and takes NULL for
 * an end of the memory --- */

enum {
    ELEMENTS_MOST = 1 << 20, /* of one array: what is announced is allocated at once */
    DEPTH_MOST = 8,          /* hiredis reads any, and then frees it by recursion */
};

static redisReplyObjectFunctions parts_of_hiredis;
static uv_once_t parts_learned = UV_ONCE_INIT;

/* [message or subscribe, channel, payload or count], as hiredis wants it; or an error. */
static bool is_of_channel(const struct link *l, const redisReadTask *t, struct str text, size_t n)
{
    if (t->parent == NULL) {
        return (t->type == REDIS_REPLY_ARRAY && n == 3) || t->type == REDIS_REPLY_ERROR;
    }
    if (t->type != REDIS_REPLY_STRING) {
        return t->idx == 2 && t->type == REDIS_REPLY_INTEGER;
    }
    return t->idx == 0   ? str_eq(text, STR("message")) || str_eq(text, STR("subscribe"))
           : t->idx == 1 ? str_eq(text, l->channel)
                         : true;
}

static bool is_too_deep(const redisReadTask *t)
{
    unsigned depth = 0;
    for (; t->parent != NULL && depth <= DEPTH_MOST; t = t->parent) {
        depth++;
    }
    return depth > DEPTH_MOST;
}

/* `text` of a string, `n` elements of an array. An error may come unasked, before the connection is
 * closed: at maxclients. */
static bool is_wanted(const redisReadTask *t, struct str text, size_t n)
{
    struct link *l = t->privdata;
    bool wanted = l->channel.len > 0
                      ? is_of_channel(l, t, text, n)
                      : t->parent != NULL || *l->asked > 0 || t->type == REDIS_REPLY_ERROR;
    wanted = wanted && !is_too_deep(t) &&
             t->type != REDIS_REPLY_PUSH; /* RESP3, which nobody has asked to speak */
    l->unasked |= !wanted;
    return wanted;
}

static void *make_string(const redisReadTask *t, char *text, size_t n)
{
    return is_wanted(t, (struct str){text, n}, 0) ? parts_of_hiredis.createString(t, text, n)
                                                  : NULL;
}

static void *make_array(const redisReadTask *t, size_t n)
{
    return is_wanted(t, STR_NONE, n) ? parts_of_hiredis.createArray(t, n) : NULL;
}

static void *make_integer(const redisReadTask *t, long long v)
{
    return is_wanted(t, STR_NONE, 0) ? parts_of_hiredis.createInteger(t, v) : NULL;
}

static void *make_double(const redisReadTask *t, double v, char *text, size_t n)
{
    return is_wanted(t, STR_NONE, 0) ? parts_of_hiredis.createDouble(t, v, text, n) : NULL;
}

static void *make_nil(const redisReadTask *t)
{
    return is_wanted(t, STR_NONE, 0) ? parts_of_hiredis.createNil(t) : NULL;
}

static void *make_bool(const redisReadTask *t, int v)
{
    return is_wanted(t, STR_NONE, 0) ? parts_of_hiredis.createBool(t, v) : NULL;
}

static void free_part(void *part)
{
    parts_of_hiredis.freeObject(part);
}

/* The same for every connection of every thread; a reader of its own shows them. */
static void learn_parts(void)
{
    redisReader *reader = redisReaderCreate();
    ENSURE(reader != NULL);
    parts_of_hiredis = *reader->fn;
    redisReaderFree(reader);
}

void link_watch(struct link *l, const unsigned *asked)
{
    static redisReplyObjectFunctions ours = {make_string, make_array, make_integer, make_double,
                                             make_nil,    make_bool,  free_part};
    redisReader *reader = l->context->c.reader;
    uv_once(&parts_learned, learn_parts);
    reader->fn = &ours;
    reader->privdata = l;
    reader->maxelements = ELEMENTS_MOST;
    l->asked = asked;
}

struct link *link_new(uv_loop_t *loop, redisAsyncContext *context, SSL *ssl, void *owner,
                      redisConnectCallback *on_connect, redisDisconnectCallback *on_disconnect)
{
    struct link *l = calloc(1, sizeof *l);
    ENSURE(l != NULL && uv_poll_init(loop, &l->poll, context->c.fd) == 0);
    l->owner = owner;
    l->context = context;
    l->ssl = ssl;
    if (ssl != NULL) {
        SSL_up_ref(ssl);
    }
    context->data = l;
    context->ev.data = l;
    context->ev.addWrite = on_add_write;
    context->ev.delWrite = on_del_write;
    context->ev.cleanup = on_cleanup;
    redisAsyncSetConnectCallback(context, on_connect); /* asks to write: polls */
    redisAsyncSetDisconnectCallback(context, on_disconnect);
    return l;
}

void link_opened(struct link *l)
{
    l->open = true;
    poll_for(l, UV_READABLE);
}

void link_free(struct link *l)
{
    if (l != NULL && l->context != NULL) {
        redisAsyncFree(l->context);
    }
}
