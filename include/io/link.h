/* Our side of one hiredis context: its libuv adapter. Inside the store.
 *
 * Reading is always on. Writes wait for the end of the loop's turn (on_dirty), so that the commands
 * of a turn share one write, unless link_hurry is called; hiredis' own adapter would toggle epoll
 * three times a burst. hiredis frees a context by itself after a disconnect: a link lives until its
 * poll handle is closed, and never touches a context that is gone. */
#ifndef IO_LINK_H
#define IO_LINK_H

#include "base/text.h"
#include <hiredis/async.h>
#include <openssl/ssl.h>
#include <uv.h>

struct link {
    void *owner;
    redisAsyncContext *context; /* hiredis' own; NULL once hiredis has let go of it */
    uv_poll_t poll;
    int events;    /* what is polled for */
    SSL *ssl;      /* a reference of our own: it says why TLS failed; NULL when plain */
    bool open;     /* connected: writes are ours to time */
    bool flushing; /* inside the write: a wish to write more means that the socket is full */
    void (*on_dirty)(struct link *l);                   /* there is something to link_flush */
    void (*on_broken)(struct link *l, const char *why); /* the poll failed; never inside hiredis */
    const unsigned *asked; /* how many replies are still to come; of the owner */
    struct str channel;    /* not empty: messages of this channel come, and nothing else */
    bool unasked;          /* what came was none of that: hiredis ends the connection */
};

/* Takes a context that is connecting; its `data` is the link. The callbacks are hiredis'. `ssl`, or
 * NULL, is what hiredis speaks through. */
struct link *link_new(uv_loop_t *loop, redisAsyncContext *context, SSL *ssl, void *owner,
                      redisConnectCallback *on_connect, redisDisconnectCallback *on_disconnect);
/* Before the first reply can come; `asked` is read whenever one begins. hiredis asserts that it
 * knows each of them, so one that nobody asked for must not get that far. */
void link_watch(struct link *l, const unsigned *asked);
void link_opened(struct link *l); /* from on_connect, when it went well */
void link_flush(struct link *l);
/* Writes what the socket takes, before the turn ends. Calls nobody back, so that anybody may say
 * it: an error is found by the flush that follows. */
void link_hurry(struct link *l);
void link_free(
    struct link *l); /* NULL is fine. Pending callbacks get NULL, from inside this call */

#endif
