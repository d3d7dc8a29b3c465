/* Every answer of Redis that means trouble, as Redis words it. */
#include "io/room.h"

#include "io/store_error.h"

static void every_error_has_its_row(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        enum store_error error;
        const char *word;
    } rows[] = {
        {"LOADING Redis is loading the dataset in memory", STORE_LOADING, "loading"},
        {"READONLY You can't write against a read only replica.", STORE_READONLY, "readonly"},
        {"OOM command not allowed when used memory > 'maxmemory'.", STORE_OOM, "oom"},
        {"MISCONF Redis is configured to save RDB snapshots", STORE_MISCONF, "misconf"},
        {"NOREPLICAS Not enough good replicas to write.", STORE_NOREPLICAS, "noreplicas"},
        {"NOSCRIPT No matching script. Please use EVAL.", STORE_NOSCRIPT, "noscript"},
        {"MOVED 3999 127.0.0.1:6381", STORE_MOVED, "moved"},
        {"ASK 3999 127.0.0.1:6381", STORE_ASK, "ask"},
        {"TRYAGAIN Multiple keys request during rehashing of slot", STORE_TRYAGAIN, "tryagain"},
        {"CLUSTERDOWN The cluster is down", STORE_CLUSTERDOWN, "clusterdown"},
        {"MASTERDOWN Link with MASTER is down", STORE_MASTERDOWN, "masterdown"},
        {"WRONGTYPE Operation against a key", STORE_WRONGTYPE, "wrongtype"},
        {"EXECABORT Transaction discarded", STORE_EXECABORT, "execabort"},
        {"BUSY Redis is busy running a script.", STORE_BUSY, "busy"},
        {"NOAUTH Authentication required.", STORE_NOAUTH, "noauth"},
        {"NOPERM this user has no permissions", STORE_NOPERM, "noperm"},
        {"ERR max number of clients reached", STORE_MAXCLIENTS, "maxclients"},
        {"ERR The ID specified in XADD is equal or smaller than the target stream top item",
         STORE_BADID, "badid"},
        {"ERR unknown command", STORE_ERROR, "error"},
        {"BUSYGROUP Consumer Group name already exists", STORE_ERROR, "error"},
        {"", STORE_ERROR, "error"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[128];
        snprintf(text, sizeof text, "%s", rows[i].answer);
        redisReply reply = {.type = REDIS_REPLY_ERROR, .str = text, .len = strlen(text)};
        assert_int_equal(store_error_of(&reply), rows[i].error);
        assert_string_equal(store_error_word(rows[i].error), rows[i].word);
        reply.type = REDIS_REPLY_STRING;
        assert_int_equal(store_error_of(&reply), STORE_OK);
    }
    assert_int_equal(store_error_of(NULL), STORE_UNKNOWN);
    assert_string_equal(store_error_word(STORE_UNKNOWN), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_its_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
