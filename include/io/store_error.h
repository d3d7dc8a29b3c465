/* What an answer of Redis means: one row an error, in store_error.c. */
#ifndef IO_STORE_ERROR_H
#define IO_STORE_ERROR_H

#include <hiredis/hiredis.h>
#include <stdbool.h>

/* Answers that mean trouble, one row each; the text is the log's and the metrics' word. */
enum store_error {
    STORE_OK,
    STORE_UNKNOWN, /* no reply: timeout or disconnect; the command may have been done */
    STORE_LOADING,
    STORE_READONLY,
    STORE_OOM,
    STORE_MISCONF,
    STORE_NOREPLICAS,
    STORE_NOSCRIPT,
    STORE_MOVED,
    STORE_ASK,
    STORE_TRYAGAIN,
    STORE_CLUSTERDOWN,
    STORE_MASTERDOWN,
    STORE_WRONGTYPE,
    STORE_EXECABORT,
    STORE_BUSY,
    STORE_NOAUTH,
    STORE_NOPERM,
    STORE_MAXCLIENTS,
    STORE_BADID, /* XADD: "equal or smaller": an entry at or above that id is there already */
    STORE_ERROR, /* any other error reply */
};
enum store_error store_error_of(const redisReply *reply); /* NULL gives STORE_UNKNOWN */
const char *store_error_word(enum store_error e);
/* In a cluster: not done, for the slot of the key has moved to another master or is on its way. */
bool store_error_moves(enum store_error e);

#endif
