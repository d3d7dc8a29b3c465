/* One connection to Redis on hiredis and libuv: connect, AUTH, reconnect for ever, deadlines of our
 * own; one completion per command. Knows no key or stream name.
 *
 * Commands of one loop turn leave in one write: they are formatted into hiredis' buffer and flushed
 * by a uv_idle handle, which runs before the poll and keeps it from blocking while it is active: no
 * command waits, from whatever callback it was sent. Of a burst to a Redis that has nothing of ours
 * to do, the first 16 KiB leave at once (store_eager: and the rest in parts). A connection that
 * listens to a channel (store_listen) sends nothing else. */
#ifndef IO_STORE_H
#define IO_STORE_H

#include "base/text.h"
#include "base/wheel.h"
#include "io/store_error.h"
#include "io/tls_context.h"

struct store;

struct store_conf {
    const char *what; /* in sentences about it: "redis" if NULL */
    struct str host;  /* name or address; empty when unix_path is set, or with on_find */
    uint16_t port;
    struct str unix_path;
    struct str user, password; /* empty: none */
    unsigned db;
    bool tls;                        /* verified: its certificate must name `host` */
    struct tls_files files;          /* read at each connect, so a renewed one is taken */
    uint64_t connect_ms, command_ms; /* the oldest unanswered command may be this old */
};

/* The bytes of a string or status reply, borrowed; empty for NULL and any other kind. */
struct str store_text(const redisReply *reply);

/* `reply` is borrowed for the call; NULL means unknown, not failed. */
typedef void (*store_on_reply)(void *user, const redisReply *reply);

struct store_handler {
    void *user;
    void (*on_up)(void *user); /* connected and authenticated: commands may be sent */
    void (*on_down)(void *user, const char *why); /* after every pending command got NULL */
    /* The rest may be NULL. A turn's commands are about to leave, as far as they have not yet:
     * what is sent now leaves behind them, with them. */
    void (*on_leaving)(void *user);
    /* Where is it now? Asked at each try, answered with store_found, also from inside; without an
     * answer the try ends like one that cannot connect. */
    void (*on_find)(void *user);
    void (*on_error)(void *user, const redisReply *reply); /* an error, before its on_reply */
    /* MULTI was refused: what was gathered is run one by one, and each is answered for itself. */
    void (*on_alone)(void *user, const redisReply *reply);
};

struct store *store_new(uv_loop_t *loop, struct wheel *wheel, const struct store_conf *conf,
                        const struct store_handler *handler); /* starts connecting at once */
bool store_is_up(const struct store *s);
/* What last kept it from being up, as a sentence; "" when up. */
const char *store_trouble(const struct store *s);
unsigned store_pending(const struct store *s); /* commands without an answer */

/* Sends argc arguments. False when not up (nothing was sent, on_reply does not come); else exactly
 * one on_reply, never from inside this call. on_reply may be NULL. Inside on_down nothing is sent.
 */
bool store_send(struct store *s, size_t argc, const struct str *argv, store_on_reply on_reply,
                void *user);
/* As store_send. What one user gathers in a turn runs together and so shares a sync (pipeline.h);
 * an error that all get means that none was run. One hash slot in a cluster. Only where MULTI and
 * EXEC are allowed: see relay/check.c. */
bool store_gather(struct store *s, size_t argc, const struct str *argv, store_on_reply on_reply,
                  void *user);
/* A burst leaves in parts, even while Redis is busy with what went before: for an owner that has
 * nothing to do but to wait for it. Not for what is gathered. */
void store_eager(struct store *s, bool eager);
/* The answer to on_find; `host` is copied. Unasked it is news: a connection to anywhere else is
 * dropped, and on_find comes soon. */
void store_found(struct store *s, struct str host, uint16_t port);
/* Up: hears what is published on `channel` (kept by the caller) until the connection ends; then
 * listen again. Messages are borrowed. */
void store_listen(struct store *s, struct str channel,
                  void (*on_message)(void *user, struct str message));
/* Ends the wait between two tries, if it waits: there is a reason to believe that it is back. */
void store_hurry(struct store *s);
/* Drops the connection now (pending get NULL, on_down comes from the loop) and reconnects. */
void store_reset(struct store *s, const char *why);
/* Ends for good; on_closed when memory is freed. Pending get NULL; on_down does not come. */
void store_close(struct store *s, void (*on_closed)(void *user), void *user);

#endif
