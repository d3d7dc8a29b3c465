/* One connection to Redis on hiredis and libuv: connect, AUTH, reconnect for ever, deadlines of our
 * own; one completion per command. Knows no key or stream name.
 *
 * Commands of one loop turn leave in one write: they are formatted into hiredis' buffer and flushed
 * by a uv_prepare handle (with a uv_check before a poll that would not block). */
#ifndef IO_STORE_H
#define IO_STORE_H

#include "base/text.h"
#include "base/wheel.h"
#include <hiredis/hiredis.h>

struct store;

struct store_conf {
    struct str host; /* name or address; empty when unix_path is set */
    uint16_t port;
    struct str unix_path;
    struct str user, password; /* empty: none */
    unsigned db;
    uint64_t connect_ms, command_ms; /* the oldest unanswered command may be this old */
};

/* Answers that mean trouble, one row each; the text is the log's and the metrics' word. */
enum store_error {
    STORE_OK,
    STORE_UNKNOWN, /* no reply: timeout or disconnect; the command may have been done */
    STORE_LOADING, STORE_READONLY, STORE_OOM, STORE_MISCONF, STORE_NOREPLICAS, STORE_NOSCRIPT,
    STORE_MOVED, STORE_ASK, STORE_TRYAGAIN, STORE_CLUSTERDOWN, STORE_MASTERDOWN, STORE_WRONGTYPE,
    STORE_EXECABORT, STORE_BUSY, STORE_NOAUTH, STORE_NOPERM, STORE_MAXCLIENTS,
    STORE_BADID, /* XADD: "equal or smaller": an entry at or above that id is there already */
    STORE_ERROR, /* any other error reply */
};
enum store_error store_error_of(const redisReply *reply); /* NULL gives STORE_UNKNOWN */
const char *store_error_word(enum store_error e);

/* `reply` is borrowed for the call; NULL means unknown, not failed. */
typedef void (*store_on_reply)(void *user, const redisReply *reply);

struct store_handler {
    void *user;
    void (*on_up)(void *user);   /* connected and authenticated: commands may be sent */
    void (*on_down)(void *user, const char *why); /* after every pending command got NULL */
};

struct store *store_new(uv_loop_t *loop, struct wheel *wheel, const struct store_conf *conf,
                        const struct store_handler *handler); /* starts connecting at once */
bool store_is_up(const struct store *s);
/* What last kept it from being up, as a sentence; "" when up. */
const char *store_trouble(const struct store *s);
unsigned store_pending(const struct store *s); /* commands without an answer */

/* Sends argc arguments. False when not up (nothing was sent, on_reply does not come); else exactly
 * one on_reply, never from inside this call. on_reply may be NULL. Inside on_down nothing is sent. */
bool store_send(struct store *s, size_t argc, const struct str *argv, store_on_reply on_reply,
                void *user);
/* Drops the connection now (pending get NULL, on_down comes from the loop) and reconnects. */
void store_reset(struct store *s, const char *why);
/* Ends for good; on_closed when memory is freed. Pending get NULL; on_down does not come. */
void store_close(struct store *s, void (*on_closed)(void *user), void *user);

#endif
