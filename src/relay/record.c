/* The life of one delivery so far, as text in Redis: numbers, then the reason of the last outcome.
 */
#include "relay/journal.h"

#include <limits.h>
#include <string.h>

void record_encode(const struct record *r, struct buf *out)
{
    buf_printf(out, "%u %lld %lld %lld %lld %d %d %s", r->attempts, (long long)r->first_ms,
               (long long)r->last_ms, (long long)r->next_ms, (long long)r->since_ms, r->status,
               r->replay ? 1 : 0, r->reason[0] == '\0' ? "-" : r->reason);
}

bool record_decode(struct str text, struct record *r)
{
    static const uint64_t most[7] = {UINT_MAX,  INT64_MAX, INT64_MAX, INT64_MAX,
                                     INT64_MAX, INT_MAX,   1};
    uint64_t v[7];
    struct str word;
    *r = (struct record){0};
    for (size_t i = 0; i < 7; i++) {
        if (!str_cut(text, ' ', &word, &text) || text_u64(word, most[i], &v[i]) != NULL) {
            return false;
        }
    }
    r->attempts = (unsigned)v[0];
    r->first_ms = (int64_t)v[1];
    r->last_ms = (int64_t)v[2];
    r->next_ms = (int64_t)v[3];
    r->since_ms = (int64_t)v[4];
    r->status = (int)v[5];
    r->replay = v[6] == 1;
    size_t n = text.len < sizeof r->reason - 1 ? text.len : sizeof r->reason - 1;
    memcpy(r->reason, text.at, n);
    return true;
}
