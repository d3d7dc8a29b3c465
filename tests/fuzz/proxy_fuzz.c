/* The PROXY header: what is taken is bounded, names a client of a family we know or none, and does
 * not hang on how much of it was there at first. */
#include "io/proxy.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum proxy_result parse(const uint8_t *data, size_t n, struct proxy_header *h)
{
    char *bytes = malloc(n + 1); /* its own block: one byte too far is seen */
    ENSURE(bytes != NULL);
    bytes = realloc(bytes, n > 0 ? n : 1);
    ENSURE(bytes != NULL);
    memcpy(bytes, data, n);
    enum proxy_result r = proxy_parse(bytes, n, h);
    free(bytes);
    if (r == PROXY_MORE) {
        ENSURE(h->want > 0 && n + h->want <= PROXY_V2_BYTES && !h->local);
    } else if (r == PROXY_DONE) {
        ENSURE(h->len > 0 && h->len <= n && h->len <= PROXY_V2_BYTES);
        int family = h->client.ss_family;
        ENSURE(h->local || family == AF_INET || family == AF_INET6);
    }
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct proxy_header whole, part;
    enum proxy_result r = parse(data, n, &whole);
    for (size_t k = 0; k < n && k < 300; k++) {
        enum proxy_result earlier = parse(data, k, &part);
        if (r == PROXY_MORE || (r == PROXY_DONE && k < whole.len)) {
            ENSURE(earlier == PROXY_MORE); /* never judged before its end, never refused too soon */
        } else if (r == PROXY_DONE) {
            ENSURE(earlier == PROXY_DONE && part.len == whole.len && part.local == whole.local);
        }
        if (r == PROXY_DONE && k < whole.len) {
            ENSURE(k + part.want <= whole.len); /* asks for nothing that is not the header's */
        }
    }
    return 0;
}
