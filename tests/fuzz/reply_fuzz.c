/* The answer of a destination: any bytes, in any pieces, are read within bounds and end one way. */
#include "io/reply.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct result {
    enum reply_event event;
    unsigned status;
    bool keeps_alive;
    size_t body_len;
    char body[REPLY_BODY_KEPT];
};

static void check(const struct reply *r, enum reply_event e)
{
    ENSURE(r->parsed <= r->len && r->len <= REPLY_BYTES && r->body_len <= REPLY_BODY_KEPT);
    ENSURE(r->informational <= REPLY_INFORMATIONAL + 1);
    ENSURE(e != REPLY_MALFORMED || r->detail != NULL);
    ENSURE(e != REPLY_DONE || (r->parser.status >= 200 && r->parser.status <= 999));
    ENSURE(e != REPLY_CAPPED || r->head_end > 0);
}

static void read_all(const uint8_t *at, size_t n, size_t piece, bool to_head, struct buf *keep,
                     struct result *out)
{
    static struct reply_pool pool;
    struct reply *r = reply_take(&pool, to_head, keep);
    enum reply_event e = REPLY_MORE;
    while (n > 0 && e == REPLY_MORE) {
        size_t room;
        char *to = reply_room(r, &room);
        ENSURE(room > 0 && to >= r->bytes && to + room <= r->bytes + REPLY_BYTES);
        size_t take = piece < n ? piece : n;
        take = take < room ? take : room;
        memcpy(to, at, take);
        e = reply_read(r, take);
        check(r, e);
        at += take;
        n -= take;
    }
    bool ended = e == REPLY_MORE;
    e = ended ? reply_end(r) : e;
    check(r, e);
    *out = (struct result){.event = e, .body_len = r->body_len};
    memcpy(out->body, r->body, r->body_len);
    out->status = (unsigned)r->parser.status;
    out->keeps_alive = e == REPLY_DONE && !ended && n == 0 && reply_keeps_alive(r);
    ENSURE(!(ended && e == REPLY_DONE) || keep == NULL || keep->failed ||
           keep->len >= out->body_len);
    reply_give(&pool, r);
}

/* The first byte: size of the pieces; the second: what was asked. What is said of an answer must
 * not hang on how its bytes were cut. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct result whole, pieces;
    if (n < 2) {
        return 0;
    }
    bool to_head = (data[1] & 1) != 0;
    struct buf keep;
    buf_init(&keep, 4096);
    struct buf *kept = (data[1] & 2) != 0 ? &keep : NULL;
    read_all(data + 2, n - 2, SIZE_MAX, to_head, kept, &whole);
    ENSURE(!keep.failed && keep.len <= 4096);
    buf_clear(&keep);
    read_all(data + 2, n - 2, data[0] == 0 ? 1 : data[0], to_head, kept, &pieces);
    ENSURE(!keep.failed && keep.len <= 4096);
    ENSURE(whole.event == pieces.event);
    if (whole.event == REPLY_DONE) {
        ENSURE(whole.status == pieces.status && whole.body_len == pieces.body_len);
        ENSURE(memcmp(whole.body, pieces.body, whole.body_len) == 0);
    }
    buf_done(&keep);
    return 0;
}
