/* HTTP/1.x messages: llhttp finds the parts, the rules below judge them. */
#include "io/http.h"

#include "base/log.h"

#include <stddef.h>
#include <string.h>

const char REASON_MALFORMED[] = "malformed";
const char REASON_TOO_LARGE[] = "too_large";
const char REASON_TOO_SLOW[] = "too_slow";
const char REASON_OVERLOADED[] = "overloaded";
const char REASON_IP_DENIED[] = "ip_denied";
const char REASON_TLS[] = "tls";

const struct http_fault FAULT_SYNTAX = {400, REASON_MALFORMED, "the message is not HTTP/1.1"};
const struct http_fault FAULT_VERSION = {400, REASON_MALFORMED,
                                         "only HTTP/1.1 and HTTP/1.0 are spoken here"};
const struct http_fault FAULT_METHOD = {400, REASON_MALFORMED, "a method that is not served"};
const struct http_fault FAULT_TARGET = {
    400, REASON_MALFORMED, "the target is no path or URL, or holds bytes that must be encoded"};
const struct http_fault FAULT_HOST = {400, REASON_MALFORMED,
                                      "HTTP/1.1 needs exactly one valid Host field"};
const struct http_fault FAULT_VALUE = {400, REASON_MALFORMED,
                                       "a field value holds control characters"};
const struct http_fault FAULT_FRAMING = {
    400, REASON_MALFORMED,
    "the body is framed in more than one way, or by a coding other than chunked"};
const struct http_fault FAULT_STATUS = {400, REASON_MALFORMED,
                                        "the status is not one to be expected"};
const struct http_fault FAULT_TARGET_LONG = {414, REASON_TOO_LARGE, "the target is too long"};
const struct http_fault FAULT_HEAD_LARGE = {431, REASON_TOO_LARGE, "the head is too large"};
const struct http_fault FAULT_FIELD_COUNT = {431, REASON_TOO_LARGE, "too many header fields"};
const struct http_fault FAULT_BODY_LARGE = {413, REASON_TOO_LARGE, "the body is too large"};
const struct http_fault FAULT_CHUNKS = {413, REASON_TOO_LARGE,
                                        "too many chunk extensions or trailers"};

static struct http_parser *parser_of(llhttp_t *core)
{
    return (struct http_parser *)(void *)((char *)core - offsetof(struct http_parser, core));
}

static int refuse(struct http_parser *p, const struct http_fault *fault)
{
    p->fault = fault;
    return HPE_USER;
}

/* --- rules: each gives the fault, or NULL --- */

/* llhttp takes RTSP and ICE too, and versions 0.9 and 2.0. The head lies in one piece, so what
 * follows the target can be read as it stands. */
static const struct http_fault *check_version(struct http_parser *p)
{
    if (p->core.http_major != 1 || p->core.http_minor > 1) {
        return &FAULT_VERSION;
    }
    p->http10 = p->core.http_minor == 0;
    if (p->core.type == HTTP_RESPONSE) {
        return NULL;
    }
    if (p->target.at != p->method.at + p->method.len + 1) {
        return &FAULT_SYNTAX; /* llhttp skips spaces before the target */
    }
    return memcmp(p->target.at + p->target.len, " HTTP/1.", 8) == 0 ? NULL : &FAULT_VERSION;
}

static bool is_host_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=%", c) != NULL);
}

/* uri-host [ ":" port ], RFC 9110 7.2; not empty, since all that comes here is about a host. */
static bool is_host(struct str v)
{
    size_t i = 0;
    if (str_starts(v, STR("["))) {
        for (i = 1; i < v.len && v.at[i] != ']'; i++) {
            if (v.at[i] != ':' && v.at[i] != '.' && !is_host_char(v.at[i])) {
                return false;
            }
        }
        if (i < 3 || i++ == v.len) {
            return false;
        }
    } else {
        while (i < v.len && is_host_char(v.at[i])) {
            i++;
        }
    }
    if (i == 0 || (i < v.len && v.at[i] != ':')) {
        return false;
    }
    for (i++; i < v.len; i++) {
        if (v.at[i] < '0' || v.at[i] > '9') {
            return false;
        }
    }
    return true;
}

/* Where the authority begins in a target of absolute form (RFC 9112 3.2.2); 0: it has none. */
static size_t authority_at(struct str target)
{
    return str_istarts(target, STR("http://")) ? 7 : str_istarts(target, STR("https://")) ? 8 : 0;
}

static struct str authority_of(struct str target)
{
    struct str s = str_from(target, authority_at(target));
    size_t n = 0;
    while (n < s.len && s.at[n] != '/' && s.at[n] != '?') {
        n++;
    }
    return str_head(s, n);
}

/* Its host must not be empty (RFC 9110 4.2.1), nor come with a user's name (4.2.4). */
static bool is_absolute(struct str target)
{
    return authority_at(target) > 0 && is_host(authority_of(target));
}

static const struct http_fault *check_target(const struct http_parser *p)
{
    if (p->core.method == HTTP_CONNECT || p->core.method == HTTP_PRI) {
        return &FAULT_METHOD; /* a tunnel; the preface of HTTP/2 */
    }
    for (size_t i = 0; i < p->target.len; i++) {
        unsigned char c = (unsigned char)p->target.at[i];
        if (c <= 0x20 || c >= 0x7f || c == '#') {
            return &FAULT_TARGET;
        }
    }
    bool ok = str_starts(p->target, STR("/")) || is_absolute(p->target) ||
              (p->core.method == HTTP_OPTIONS && str_eq(p->target, STR("*")));
    return ok ? NULL : &FAULT_TARGET;
}

/* What the one pass over the fields finds. */
struct seen {
    unsigned hosts, lengths, codings;
    bool bad_host, bad_coding, bad_value;
};

/* Eight bytes at once: is one of them below 0x20, or 0x7f? */
static bool may_have_control(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones * 0x80;
    uint64_t is_del = word ^ (ones * 0x7f);
    return (((word - ones * 0x20) & ~word & highs) | ((is_del - ones) & ~is_del & highs)) != 0;
}

static bool has_control(struct str v)
{
    size_t i = 0;
    for (uint64_t word; i + sizeof word <= v.len; i += sizeof word) {
        memcpy(&word, v.at + i, sizeof word);
        if (may_have_control(word)) {
            break;
        }
    }
    for (; i < v.len; i++) {
        unsigned char c = (unsigned char)v.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static void look_at(struct http_parser *p, struct field *f, struct seen *seen)
{
    f->value = str_trim(f->value);
    seen->bad_value = seen->bad_value || has_control(f->value);
    switch (f->name.len) { /* few names have these lengths: most fields cost one comparison */
    case 4:
        if (str_ieq(f->name, STR("host"))) {
            seen->hosts++;
            seen->bad_host = seen->bad_host || !is_host(f->value);
        }
        break;
    case 6:
        if (str_ieq(f->name, STR("expect"))) {
            p->expects_continue = str_ieq(f->value, STR("100-continue"));
        }
        break;
    case 14:
        seen->lengths += str_ieq(f->name, STR("content-length"));
        break;
    case 17:
        if (str_ieq(f->name, STR("transfer-encoding"))) {
            seen->codings++;
            seen->bad_coding = seen->bad_coding || !str_ieq(f->value, STR("chunked"));
        }
        break;
    default:
        break;
    }
}

/* One framing only: whatever could be read in two ways is refused (RFC 9112 6.3, smuggling). */
static const struct http_fault *check_fields(struct http_parser *p)
{
    struct seen seen = {0};
    for (size_t i = 0; i < p->fields.n; i++) {
        look_at(p, &p->fields.v[i], &seen);
    }
    if (seen.bad_value) {
        return &FAULT_VALUE;
    }
    if (p->core.type == HTTP_REQUEST &&
        (seen.hosts > 1 || seen.bad_host || (seen.hosts == 0 && !p->http10))) {
        return &FAULT_HOST;
    }
    if (seen.lengths > 1 || seen.codings > 1 || seen.bad_coding ||
        (seen.codings > 0 && (seen.lengths > 0 || p->http10))) {
        return &FAULT_FRAMING;
    }
    p->has_length = seen.lengths > 0;
    p->chunked = seen.codings > 0;
    p->length = p->has_length ? p->core.content_length : 0;
    return NULL;
}

static const struct http_fault *check_request(struct http_parser *p)
{
    const struct http_fault *fault = check_version(p);
    fault = fault != NULL ? fault : check_target(p);
    fault = fault != NULL ? fault : check_fields(p);
    p->bodyless = !p->chunked && p->length == 0;
    p->expects_continue = p->expects_continue && !p->http10 && !p->bodyless;
    return fault;
}

static const struct http_fault *check_response(struct http_parser *p)
{
    p->status = p->core.status_code;
    const struct http_fault *fault = check_version(p);
    fault = fault != NULL ? fault : check_fields(p);
    if (fault != NULL) {
        return fault;
    }
    bool informational = p->status < 200;
    if (p->status < 100 || p->status > 599 || p->status == 101) {
        return &FAULT_STATUS; /* 101: we never ask for another protocol */
    }
    if (informational && (p->chunked || p->length > 0)) {
        return &FAULT_FRAMING; /* RFC 9110 8.6, RFC 9112 6.1 */
    }
    if (p->status == 204 && (p->chunked || p->length > 0)) {
        p->keep_alive =
            false; /* as forbidden, but the status is clear: only the connection is not */
    }
    p->bodyless = informational || p->status == 204 || p->status == 304 || p->answers_head ||
                  (p->has_length && p->length == 0);
    if (!p->bodyless && !p->has_length && !p->chunked) {
        p->keep_alive = false; /* ends with the connection */
    }
    return NULL;
}

/* --- llhttp's callbacks; spans come in pieces, but the pieces are neighbours --- */

static void extend(struct str *s, const char *at, size_t n)
{
    if (s->len == 0) {
        s->at = at;
    }
    s->len = (size_t)(at - s->at) + n;
}

static int on_method(llhttp_t *core, const char *at, size_t n)
{
    extend(&parser_of(core)->method, at, n);
    return 0;
}

static int on_target(llhttp_t *core, const char *at, size_t n)
{
    struct http_parser *p = parser_of(core);
    extend(&p->target, at, n);
    return p->target.len > p->limits->target_bytes ? refuse(p, &FAULT_TARGET_LONG) : 0;
}

static int on_name(llhttp_t *core, const char *at, size_t n)
{
    struct http_parser *p = parser_of(core);
    if (p->in_body) {
        return 0; /* a trailer: read, never merged */
    }
    if (!p->field_open) {
        if (p->fields.n >= p->limits->field_count || !fields_add(&p->fields, STR_NONE, STR_NONE)) {
            return refuse(p, &FAULT_FIELD_COUNT);
        }
        p->field_open = true;
    }
    extend(&p->fields.v[p->fields.n - 1].name, at, n);
    return 0;
}

static int on_value(llhttp_t *core, const char *at, size_t n)
{
    struct http_parser *p = parser_of(core);
    if (!p->in_body) {
        extend(&p->fields.v[p->fields.n - 1].value, at, n);
    }
    return 0;
}

static int on_value_complete(llhttp_t *core)
{
    parser_of(core)->field_open = false;
    return 0;
}

static int on_head(llhttp_t *core)
{
    struct http_parser *p = parser_of(core);
    p->keep_alive = llhttp_should_keep_alive(core) != 0;
    const struct http_fault *fault =
        core->type == HTTP_REQUEST ? check_request(p) : check_response(p);
    if (fault != NULL) {
        return refuse(p, fault);
    }
    core->upgrade = 0; /* nobody here speaks another protocol: Upgrade is as if it were not there */
    p->in_body = true;
    p->event = PARSE_HEAD;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *core, const char *at, size_t n)
{
    struct http_parser *p = parser_of(core);
    p->body_bytes += n;
    if (p->body_bytes > p->body_max) {
        return refuse(p, &FAULT_BODY_LARGE);
    }
    p->on_body(p, at, n);
    return 0;
}

static int on_chunk(llhttp_t *core)
{
    struct http_parser *p = parser_of(core);
    p->chunks++;
    /* As with Content-Length: not a byte of what would be too large. Of an answer the beginning is
     * still wanted. */
    bool large = core->type == HTTP_REQUEST && core->content_length > p->body_max - p->body_bytes;
    return large ? refuse(p, &FAULT_BODY_LARGE) : 0;
}

static int on_complete(llhttp_t *core)
{
    parser_of(core)->event = PARSE_DONE;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_target,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_head,
    .on_body = on_body,
    .on_chunk_header = on_chunk,
    .on_message_complete = on_complete,
};

/* --- the parser --- */

static void begin(struct http_parser *p, llhttp_type_t type, const struct http_limits *limits,
                  void (*on_body_bytes)(struct http_parser *p, const char *at, size_t n))
{
    llhttp_init(&p->core, type, &settings);
    p->limits = limits;
    p->fault = NULL;
    p->method = p->target = STR_NONE;
    p->status = 0;
    p->http10 = p->keep_alive = p->expects_continue = p->bodyless = false;
    p->has_length = p->chunked = p->answers_head = p->field_open = p->in_body = false;
    p->length = p->body_bytes = p->raw_bytes = p->chunks = 0;
    p->head_bytes = 0;
    p->fields.n = 0;
    p->body_max = UINT64_MAX;
    p->on_body = on_body_bytes;
}

void http_begin_request(struct http_parser *p, const struct http_limits *limits,
                        void (*on_body_bytes)(struct http_parser *p, const char *at, size_t n))
{
    begin(p, HTTP_REQUEST, limits, on_body_bytes);
}

void http_begin_response(struct http_parser *p, const struct http_limits *limits, bool to_head,
                         void (*on_body_bytes)(struct http_parser *p, const char *at, size_t n))
{
    begin(p, HTTP_RESPONSE, limits, on_body_bytes);
    p->answers_head = to_head;
}

/* Sizes that llhttp does not watch. Chunk heads, extensions and trailers are all that the wire has
 * beyond the decoded bytes; 24 a chunk pay for an honest size line and its line ends. */
static const struct http_fault *check_sizes(struct http_parser *p, bool was_in_body, size_t used)
{
    if (!was_in_body) {
        p->head_bytes += used;
        return p->head_bytes > p->limits->head_bytes ? &FAULT_HEAD_LARGE : NULL;
    }
    p->raw_bytes += used;
    if (p->chunked && p->raw_bytes - p->body_bytes > HTTP1_CHUNK_EXTRA + 24 * p->chunks) {
        return &FAULT_CHUNKS;
    }
    return NULL;
}

enum parse_event http_feed(struct http_parser *p, const char *at, size_t n, size_t *used)
{
    bool was_in_body = p->in_body;
    p->event = PARSE_MORE;
    *used = n;
    llhttp_errno_t error = llhttp_execute(&p->core, at, n);
    if (error == HPE_PAUSED) {
        *used = (size_t)(llhttp_get_error_pos(&p->core) - at);
        llhttp_resume(&p->core);
    } else if (error != HPE_OK) {
        p->fault = p->fault != NULL ? p->fault : &FAULT_SYNTAX;
        return PARSE_FAULT;
    }
    p->fault = check_sizes(p, was_in_body, *used);
    return p->fault != NULL ? PARSE_FAULT : p->event;
}

enum parse_event http_end(struct http_parser *p)
{
    p->event = PARSE_MORE;
    llhttp_errno_t error = llhttp_execute(&p->core, "", 0); /* past a pause behind the head */
    error = error == HPE_OK ? llhttp_finish(&p->core) : error;
    if (p->in_body && p->event == PARSE_DONE && (error == HPE_OK || error == HPE_PAUSED)) {
        return PARSE_DONE;
    }
    p->fault = p->fault != NULL ? p->fault : &FAULT_SYNTAX;
    return PARSE_FAULT;
}

static void move(struct str *s, ptrdiff_t distance)
{
    if (s->at != NULL) {
        s->at += distance;
    }
}

void http_moved(struct http_parser *p, ptrdiff_t distance)
{
    move(&p->method, distance);
    move(&p->target, distance);
    for (size_t i = 0; i < p->fields.n; i++) {
        move(&p->fields.v[i].name, distance);
        move(&p->fields.v[i].value, distance);
    }
}

const char *http_detail(const struct http_parser *p)
{
    const char *said = llhttp_get_error_reason(&p->core);
    return p->fault == &FAULT_SYNTAX && said != NULL && *said != '\0' ? said : p->fault->detail;
}

void http_split_target(struct str target, struct str *path, struct str *query)
{
    if (target.at[0] != '/' && target.at[0] != '*') {
        target = str_from(target, authority_at(target) + authority_of(target).len);
    }
    str_cut(target, '?', path, query);
    *path = path->len == 0 ? STR("/") : *path;
}
