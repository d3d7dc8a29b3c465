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

/* Else an error of an earlier call, perhaps another connection's, is read as this one's. */
static void clear_errors(const struct link *l)
{
    if (l->ssl != NULL) {
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
