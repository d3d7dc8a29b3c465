/* Answers of Redis: bytes through hiredis' reader into everything that reads an answer without
 * asking further. Redis is ours, but a version, a module, a proxy or another program's keys are
 * not. */
#include "io/sentinel.h"
#include "relay/cluster.h"
#include "relay/move.h"

#include "base/log.h"

#include <hiredis/read.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Is the slice some text of this reply, or empty? */
static bool borrowed(const redisReply *r, struct str s)
{
    if (s.len == 0 || (r->str != NULL && s.at >= r->str && s.at + s.len <= r->str + r->len)) {
        return true;
    }
    for (size_t i = 0; i < r->elements; i++) {
        if (borrowed(r->element[i], s)) {
            return true;
        }
    }
    return false;
}

static void check_entry(const redisReply *r)
{
    struct entry e;
    if (!entry_read(r, &e)) {
        return;
    }
    const struct str all[] = {e.id, e.source, e.to, e.method, e.target, e.headers, e.body, e.from};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        ENSURE(borrowed(r, all[i]));
    }
    ENSURE(e.received_ms <= INT64_MAX);
    uint64_t journal, number;
    int64_t ms;
    if (move_place_read(e.from, &journal, &number)) {
        ENSURE(journal <= EVENT_JOURNAL_MAX && number <= EVENT_N_MAX);
    }
    (void)event_id_decode(e.id, &journal, &number, &ms);
}

static void check_texts(const redisReply *r)
{
    struct settled s;
    struct record record;
    struct str text = store_text(r);
    if (settled_decode(text, &s)) {
        settled_done(&s);
    }
    if (record_decode(text, &record)) {
        ENSURE(memchr(record.reason, 0, sizeof record.reason) != NULL);
    }
}

static void check_addresses(const redisReply *r)
{
    struct cluster_range range;
    struct str host;
    uint16_t port;
    if (cluster_range_read(r, &range)) {
        ENSURE(range.first < CLUSTER_SLOTS && range.last < CLUSTER_SLOTS);
        ENSURE(borrowed(r, range.host) && range.host.len < MASTER_HOST);
    }
    if (sentinel_address_read(r, &host, &port)) {
        ENSURE(borrowed(r, host) && host.len > 0 && host.len <= SENTINEL_HOST_MAX && port > 0);
    }
}

static void check_reply(const redisReply *r)
{
    enum store_error error = store_error_of(r);
    ENSURE((error == STORE_OK) == (r->type != REDIS_REPLY_ERROR));
    ENSURE(error <= STORE_ERROR && store_error_word(error) != NULL);
    struct answer a = answer_read(r);
    if (a.error == STORE_OK) {
        ENSURE(r->type == REDIS_REPLY_ARRAY && r->elements >= a.extra);
        ENSURE(borrowed(r, a.word) && borrowed(r, a.owner) && borrowed(r, a.version));
    }
    check_entry(r);
    check_texts(r);
    check_addresses(r);
    for (size_t i = 0; i < r->elements; i++) {
        check_reply(r->element[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    redisReader *reader = redisReaderCreate();
    ENSURE(reader != NULL);
    reader->maxelements = 4096; /* an announced size alone must not eat the fuzzer's memory */
    for (size_t at = 0; at < n;) {
        size_t piece = n - at < 512 ? n - at : 512;
        if (redisReaderFeed(reader, (const char *)data + at, piece) != REDIS_OK) {
            break;
        }
        at += piece;
        void *reply = NULL;
        while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL) {
            check_reply(reply);
            freeReplyObject(reply);
            reply = NULL;
        }
        if (reader->err != 0) {
            break;
        }
    }
    redisReaderFree(reader);
    ENSURE(store_error_of(NULL) == STORE_UNKNOWN && answer_read(NULL).error == STORE_UNKNOWN);
    return 0;
}
