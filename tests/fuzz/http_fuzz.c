/* The HTTP request path: any bytes, in any pieces, are judged; what is accepted keeps every rule
 * that the relay leans on. */
#include "io/http.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct http_limits limits = {4096, 1024, 50};
static size_t body_bytes;

static void on_body(struct http_parser *p, const char *at, size_t n)
{
    (void)p;
    (void)at;
    body_bytes += n;
}

static void check_head(const struct http_parser *p)
{
    ENSURE(p->head_bytes <= limits.head_bytes && p->target.len <= limits.target_bytes);
    ENSURE(p->fields.n <= limits.field_count && text_is_token(p->method));
    ENSURE(!(p->has_length && p->chunked));
    ENSURE(p->http10 || fields_count(&p->fields, STR("host")) == 1);
    for (size_t i = 0; i < p->fields.n; i++) {
        struct field f = p->fields.v[i];
        ENSURE(text_is_token(f.name));
        for (size_t k = 0; k < f.value.len; k++) {
            unsigned char c = (unsigned char)f.value.at[k];
            ENSURE(c == '\t' || (c >= ' ' && c != 0x7f));
        }
    }
}

/* The first byte says how large the pieces are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct http_parser p;
    if (n < 2) {
        return 0;
    }
    size_t piece = data[0] == 0 ? n : data[0];
    char *bytes = malloc(n); /* its own block: one byte too far is seen */
    ENSURE(bytes != NULL);
    memcpy(bytes, data + 1, n - 1);
    size_t len = n - 1, at = 0, given = 0;
    body_bytes = 0;
    http_begin_request(&p, &limits, on_body);
    p.body_max = 512;
    while (at < len) {
        given = given > at ? given : (at + piece < len ? at + piece : len);
        size_t used;
        enum parse_event e = http_feed(&p, bytes + at, given - at, &used);
        ENSURE(used <= given - at || e == PARSE_FAULT);
        if (e == PARSE_FAULT) {
            ENSURE(p.fault != NULL && p.fault->status >= 400);
            break;
        }
        at += used;
        if (e == PARSE_HEAD) {
            check_head(&p);
        }
        if (e == PARSE_DONE || (e == PARSE_HEAD && p.bodyless)) {
            body_bytes = 0;
            http_begin_request(&p, &limits, on_body); /* the next one of a pipeline */
            p.body_max = 512;
        }
        ENSURE(body_bytes <= 512);
    }
    free(bytes);
    return 0;
}
