/* Events and their ids. */
#include "model/event.h"

#include "base/log.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    HEAD_MARKS = 5,      /* four blanks and the end of the line */
    LINE_MOST = 1 << 20, /* far above ours: a target has 8 KiB at most (relay/limits.c) */
};

static atomic_size_t bytes_alive;

size_t event_bytes_alive(void)
{
    return atomic_load_explicit(&bytes_alive, memory_order_relaxed);
}

static struct str keep(char **at, struct str s)
{
    struct str kept = {*at, s.len};
    if (s.len > 0) {
        memcpy(*at, s.at, s.len);
    }
    *at += s.len;
    return kept;
}

static struct str keep_word(char **at, char before, struct str s)
{
    *(*at)++ = before;
    return keep(at, s);
}

/* The fields that a delivery adds only where the sender has none. */
static void note_fields(struct event *e)
{
    struct str line, name, value, block = e->headers;
    while (block.len > 0) {
        str_cut(block, '\n', &line, &block);
        char first = (char)(line.len > 0 ? line.at[0] | 0x20 : 0);
        if ((first == 'w' || first == 't') && str_cut(line, ':', &name, &value)) {
            e->has_webhook_id |= str_ieq(name, STR("webhook-id"));
            e->has_traceparent |= str_ieq(name, STR("traceparent"));
        }
    }
}

struct event *event_new(const struct event_parts *p)
{
    char received[20], id[EVENT_ID_LEN];
    struct str ms = {received, text_put_u64(received, (uint64_t)p->received_ms)};
    bool is_new = p->id.len != EVENT_ID_LEN;
    size_t to_bytes = p->to_count * sizeof *p->to;
    size_t head_bytes = EVENT_ID_LEN + ms.len + p->source.len + p->method.len + p->target.len +
                        HEAD_MARKS + p->headers.len;
    size_t bytes = sizeof(struct event) + to_bytes + head_bytes + p->body.len;
    struct event *e = malloc(bytes);
    ENSURE(e != NULL && p->n <= EVENT_N_MAX);
    *e = (struct event){.refs = 1, .n = p->n, .received_ms = p->received_ms, .bytes = bytes};
    atomic_fetch_add_explicit(&bytes_alive, bytes, memory_order_relaxed);
    char *at = (char *)(e + 1);
    if (to_bytes > 0) {
        memcpy(at, p->to, to_bytes); /* first: the struct's end is aligned for it */
    }
    e->to = (const uint16_t *)(const void *)at;
    e->to_count = p->to_count;
    at += to_bytes;
    if (is_new) {
        event_id_encode(id, p->journal, p->n, p->received_ms);
    }
    e->head = (struct str){at, head_bytes};
    e->id = keep(&at, is_new ? (struct str){id, EVENT_ID_LEN} : p->id).at;
    (void)keep_word(&at, ' ', ms);
    e->source = keep_word(&at, ' ', p->source);
    e->method = keep_word(&at, ' ', p->method);
    e->target = keep_word(&at, ' ', p->target);
    e->headers = keep_word(&at, '\n', p->headers);
    e->body = keep(&at, p->body);
    note_fields(e);
    return e;
}

struct event_parts event_parts_of(const struct event *e)
{
    return (struct event_parts){
        .received_ms = e->received_ms,
        .source = e->source,
        .method = e->method,
        .target = e->target,
        .headers = e->headers,
        .body = e->body,
        .to = e->to,
        .to_count = e->to_count,
    };
}

struct event *event_as(const struct event *e, bool keep_id, uint64_t journal, uint64_t n,
                       const uint16_t *to, size_t to_count)
{
    struct event_parts parts = event_parts_of(e);
    parts.journal = journal;
    parts.n = n;
    parts.id = keep_id ? (struct str){e->id, EVENT_ID_LEN} : STR_NONE;
    parts.to = to;
    parts.to_count = to_count;
    return event_new(&parts);
}

struct event *event_ref(struct event *e)
{
    e->refs++;
    return e;
}

void event_unref(struct event *e)
{
    if (e != NULL && --e->refs == 0) {
        atomic_fetch_sub_explicit(&bytes_alive, e->bytes, memory_order_relaxed);
        free(e);
    }
}

bool event_get_head(struct str head, struct event_parts *out)
{
    struct str line, received;
    uint64_t ms;
    if (!str_cut(head, '\n', &line, &out->headers) || line.len > LINE_MOST ||
        !str_cut(line, ' ', &out->id, &line) || !str_cut(line, ' ', &received, &line) ||
        !str_cut(line, ' ', &out->source, &line) ||
        !str_cut(line, ' ', &out->method, &out->target) || str_has(out->target, ' ') ||
        out->id.len != EVENT_ID_LEN || text_u64(received, INT64_MAX, &ms) != NULL) {
        return false;
    }
    out->received_ms = (int64_t)ms;
    return true;
}

/* 48 bits of time, version 7, 12 bits; variant 10, 62 bits. The 74 free bits, in order: J, then n.
 */
void event_id_encode(char out[EVENT_ID_LEN], uint64_t journal, uint64_t n, int64_t ms)
{
    uint64_t high = (uint64_t)ms << 16 | 0x7000u | (journal >> 22 & 0xfffu);
    uint64_t low = UINT64_C(2) << 62 | (journal & 0x3fffffu) << 40 | (n & EVENT_N_MAX);
    unsigned char bytes[16];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(high >> (56 - 8 * i));
        bytes[8 + i] = (unsigned char)(low >> (56 - 8 * i));
    }
    static const size_t groups[] = {4, 2, 2, 2, 6};
    size_t from = 0;
    for (size_t g = 0; g < 5; g++) {
        out += text_put_hex(out, bytes + from, groups[g]);
        from += groups[g];
        if (g < 4) {
            *out++ = '-';
        }
    }
}

bool event_id_decode(struct str id, uint64_t *journal, uint64_t *n, int64_t *ms)
{
    static const size_t dashes[] = {8, 13, 18, 23};
    char hex[32];
    size_t o = 0;
    if (id.len != EVENT_ID_LEN) {
        return false;
    }
    for (size_t i = 0, d = 0; i < id.len; i++) {
        if (d < 4 && i == dashes[d]) {
            if (id.at[i] != '-') {
                return false;
            }
            d++;
        } else {
            hex[o++] = id.at[i];
        }
    }
    unsigned char bytes[16];
    size_t got;
    if (!text_get_hex((struct str){hex, 32}, bytes, sizeof bytes, &got) || (bytes[6] >> 4) != 7 ||
        (bytes[8] >> 6) != 2) {
        return false;
    }
    uint64_t high = 0, low = 0;
    for (int i = 0; i < 8; i++) {
        high = high << 8 | bytes[i];
        low = low << 8 | bytes[8 + i];
    }
    *ms = (int64_t)(high >> 16);
    *journal = (high & 0xfffu) << 22 | (low >> 40 & 0x3fffffu);
    *n = low & EVENT_N_MAX;
    return true;
}

static bool is_ours(struct str name)
{
    static const struct str dropped[] = {
        /* the shortest first: the loop ends at the longer ones */
        {"te", 2},
        {"host", 4},
        {"expect", 6},
        {"trailer", 7},
        {"upgrade", 7},
        {"connection", 10},
        {"keep-alive", 10},
        {"content-length", 14},
        {"proxy-connection", 16},
        {"transfer-encoding", 17},
        {"proxy-authenticate", 18},
        {"proxy-authorization", 19},
    };
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped && dropped[i].len <= name.len; i++) {
        if (dropped[i].len == name.len && fields_same_name(name, dropped[i])) {
            return true;
        }
    }
    return (name.len > 0 && (name.at[0] | 0x20) == 'p') &&
           fields_same_name(str_head(name, sizeof "penstock-" - 1), STR("penstock-"));
}

void event_render_fields(const struct fields *fields, struct buf *out)
{
    bool nominates = fields_find(fields, STR("connection")) != NULL;
    for (size_t i = 0; i < fields->n; i++) {
        const struct field *f = &fields->v[i];
        if (is_ours(f->name) ||
            (nominates && fields_has_element(fields, STR("connection"), f->name))) {
            continue;
        }
        buf_add_str(out, f->name);
        buf_add_str(out, STR(": "));
        buf_add_str(out, f->value);
        buf_add_str(out, STR("\r\n"));
    }
}

void event_read_fields(struct str rendered, struct fields *out)
{
    struct str line, name, value;
    out->n = 0;
    while (rendered.len > 0) {
        str_cut(rendered, '\n', &line, &rendered);
        line = str_ends(line, STR("\r")) ? str_head(line, line.len - 1) : line;
        if (str_cut(line, ':', &name, &value) && name.len > 0) {
            (void)fields_add(out, name, str_trim(value));
        }
    }
}
