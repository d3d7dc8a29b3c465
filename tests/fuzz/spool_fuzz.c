/* A segment of the spool as a crash, a disk or somebody else left it: what is read of it is exactly
 * what would be written again. */
#include "io/segment.h"
#include "relay/spool.h"

#include "base/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void put(struct buf *out, uint32_t salt, uint64_t number, struct str payload)
{
    size_t begun = segment_begin(out);
    buf_add_str(out, payload);
    segment_end(out, begun, salt, number);
}

static void check_event(struct str payload)
{
    struct spooled e;
    if (!spooled_decode(payload, &e)) {
        return;
    }
    struct buf again;
    buf_init(&again, SIZE_MAX);
    spooled_encode(&e, &again);
    ENSURE(str_eq(buf_str(&again), payload));
    buf_done(&again);
}

static void check_segment(struct str bytes)
{
    struct segment_reader r;
    uint64_t number, first = 0;
    struct str payload;
    if (segment_open(&r, bytes) != NULL) {
        return;
    }
    struct buf again;
    buf_init(&again, SIZE_MAX);
    buf_add_str(&again, str_head(bytes, SEGMENT_HEAD_BYTES));
    first = r.next;
    for (uint64_t i = 0; segment_next(&r, &number, &payload); i++) {
        ENSURE(number == first + i);
        put(&again, r.salt, number, payload);
        check_event(payload);
    }
    ENSURE(again.len + r.left.len == bytes.len);
    ENSURE(str_eq(buf_str(&again), str_head(bytes, again.len)));
    buf_done(&again);
    for (uint64_t before = r.next, lost; (lost = segment_skip(&r)) > 0; before = r.next) {
        ENSURE(segment_next(&r, &number, &payload) && number == before + lost);
        check_event(payload);
        while (segment_next(&r, &number, &payload)) {
        }
    }
}

/* The first byte says what the rest is; a checksum is hard to guess, so one form gets it for free.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0) {
        return 0;
    }
    struct str bytes = {(const char *)data + 1, n - 1};
    if (data[0] == 'e') {
        check_event(bytes);
    } else {
        check_segment(bytes);
    }
    return 0;
}
