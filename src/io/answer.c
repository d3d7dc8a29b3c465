/* The heads of answers. */
#include "io/answer.h"

#include "base/log.h"

#include <stdio.h>
#include <time.h>

static const struct {
    int status;
    const char *phrase;
} phrases[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

#define LINE_BYTES 64

struct str http_status_line(int status)
{
    static _Thread_local char lines[500][LINE_BYTES]; /* made at first use; few are ever used */
    static _Thread_local unsigned char lengths[500];
    ENSURE(status >= 100 && status <= 599);
    int i = status - 100;
    if (lengths[i] == 0) {
        const char *phrase = "";
        for (size_t k = 0; k < sizeof phrases / sizeof *phrases; k++) {
            phrase = phrases[k].status == status ? phrases[k].phrase : phrase;
        }
        lengths[i] =
            (unsigned char)snprintf(lines[i], LINE_BYTES, "HTTP/1.1 %d %s\r\n", status, phrase);
    }
    return (struct str){lines[i], lengths[i]};
}

struct str http_date_line(void)
{
    static _Thread_local char line[48];
    static _Thread_local size_t len;
    static _Thread_local time_t made;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != made || len == 0) {
        struct tm tm; /* strftime's names are English: nobody here calls setlocale */
        len = strftime(line, sizeof line, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n",
                       gmtime_r(&now.tv_sec, &tm));
        made = now.tv_sec;
    }
    return (struct str){line, len};
}

bool answer_has_content(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void put_field(struct buf *b, struct str name, struct str value)
{
    buf_add_str(b, name);
    buf_add(b, ": ", 2);
    buf_add_str(b, value);
    buf_add(b, "\r\n", 2);
}

void answer_put_head(struct buf *b, const struct httpd_answer *a, bool close, bool http10)
{
    buf_clear(b);
    buf_add_str(b, http_status_line(a->status));
    buf_add_str(b, http_date_line());
    if (a->content_type.len > 0) {
        put_field(b, STR("Content-Type"), a->content_type);
        buf_add_str(b, STR("X-Content-Type-Options: nosniff\r\n")); /* a browser takes our word */
    }
    for (size_t i = 0; i < a->field_count; i++) {
        put_field(b, a->fields[i].name, a->fields[i].value);
    }
    if (answer_has_content(a->status)) {
        buf_add_str(b, STR("Content-Length: "));
        buf_add_u64(b, a->body.len);
        buf_add(b, "\r\n", 2);
    }
    if (close) {
        buf_add_str(b, STR("Connection: close\r\n"));
    } else if (http10) {
        buf_add_str(b, STR("Connection: keep-alive\r\n"));
    }
    buf_add(b, "\r\n", 2);
}

struct httpd_answer answer_refusal(struct buf *b, int status, const char *reason)
{
    static const struct field retry = {{"Retry-After", 11}, {"1", 1}};
    buf_clear(b);
    buf_add_str(b, STR("{\"error\":\""));
    buf_add_str(b, str_of(reason));
    buf_add_str(b, STR("\"}\n"));
    return (struct httpd_answer){.status = status,
                                 .content_type = STR("application/json"),
                                 .fields = &retry,
                                 .field_count = status == 503 ? 1 : 0,
                                 .body = buf_str(b)};
}
