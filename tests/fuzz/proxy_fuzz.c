/* What a proxy before us says of its client. The PROXY header: what is taken is bounded, names a
 * client of a family we know or none, and does not hang on how much of it was there at first. And
 * X-Forwarded-For: what stands left of the sender changes nothing. */
#include "io/proxy.h"

#include "base/log.h"
#include "model/forwarded.h"

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

static bool read_field(const char *bytes, size_t n, struct address_bytes *client)
{
    struct cidr proxies;
    ENSURE(cidr_parse(STR("10.0.0.0/8"), &proxies) == NULL);
    ENSURE(address_read(STR("10.0.0.1"), client));
    return forwarded_read((struct str){bytes, n}, &proxies, 1, client);
}

static void check_forwarded(const uint8_t *data, size_t n)
{
    static const char left[] = "192.0.2.1, ";
    struct address_bytes client, again;
    char *bytes = malloc(sizeof left - 1 + n);
    ENSURE(bytes != NULL);
    memcpy(bytes, left, sizeof left - 1);
    memcpy(bytes + sizeof left - 1, data, n);
    if (!read_field(bytes + sizeof left - 1, n, &client)) {
        ENSURE(!read_field(bytes, sizeof left - 1 + n, &again));
        ENSURE(memcmp(&client, &again, sizeof client) == 0);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    check_forwarded(data, n);
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
