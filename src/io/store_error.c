/* What an answer of Redis means. */
#include "io/store_error.h"

#include "base/text.h"

/* One row an error: the first word of Redis' answer, and ours for logs and metrics. */
static const struct {
    struct str answer;
    const char *word;
} errors[] = {
    [STORE_OK] = {{NULL, 0}, "ok"},
    [STORE_UNKNOWN] = {{NULL, 0}, "unknown"},
    [STORE_LOADING] = {{"LOADING ", 8}, "loading"},
    [STORE_READONLY] = {{"READONLY ", 9}, "readonly"},
    [STORE_OOM] = {{"OOM ", 4}, "oom"},
    [STORE_MISCONF] = {{"MISCONF ", 8}, "misconf"},
    [STORE_NOREPLICAS] = {{"NOREPLICAS ", 11}, "noreplicas"},
    [STORE_NOSCRIPT] = {{"NOSCRIPT ", 9}, "noscript"},
    [STORE_MOVED] = {{"MOVED ", 6}, "moved"},
    [STORE_ASK] = {{"ASK ", 4}, "ask"},
    [STORE_TRYAGAIN] = {{"TRYAGAIN ", 9}, "tryagain"},
    [STORE_CLUSTERDOWN] = {{"CLUSTERDOWN ", 12}, "clusterdown"},
    [STORE_MASTERDOWN] = {{"MASTERDOWN ", 11}, "masterdown"},
    [STORE_WRONGTYPE] = {{"WRONGTYPE ", 10}, "wrongtype"},
    [STORE_EXECABORT] = {{"EXECABORT ", 10}, "execabort"},
    [STORE_BUSY] = {{"BUSY ", 5}, "busy"},
    [STORE_NOAUTH] = {{"NOAUTH ", 7}, "noauth"},
    [STORE_NOPERM] = {{"NOPERM ", 7}, "noperm"},
    [STORE_MAXCLIENTS] = {{"ERR max number of clients", 25}, "maxclients"},
    [STORE_BADID] = {{"ERR The ID specified in XADD is equal or smaller", 48}, "badid"},
    [STORE_ERROR] = {{NULL, 0}, "error"},
};

enum store_error store_error_of(const redisReply *reply)
{
    if (reply == NULL) {
        return STORE_UNKNOWN;
    }
    if (reply->type != REDIS_REPLY_ERROR) {
        return STORE_OK;
    }
    struct str said = {reply->str, reply->len};
    for (int e = STORE_LOADING; e < STORE_ERROR; e++) {
        if (str_starts(said, errors[e].answer)) {
            return (enum store_error)e;
        }
    }
    return STORE_ERROR;
}

const char *store_error_word(enum store_error e)
{
    return errors[e].word;
}

bool store_error_moves(enum store_error e)
{
    return e == STORE_MOVED || e == STORE_ASK || e == STORE_TRYAGAIN;
}
