/* Lists of the admin API, page by page. */
#include "cli/pages.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PAGE_MOST = 128 << 20, PATH_MOST = 12 << 10, BUSY_MS = 100, BUSY_TIMES = 100 };

struct str pages_text(yyjson_val *row, const char *key)
{
    yyjson_val *v = yyjson_obj_get(row, key);
    return yyjson_is_str(v) ? (struct str){yyjson_get_str(v), yyjson_get_len(v)} : STR_NONE;
}

void pages_when(char out[32], int64_t ms)
{
    time_t s = (time_t)(ms / 1000);
    struct tm utc;
    gmtime_r(&s, &utc);
    strftime(out, 32, "%Y-%m-%d %H:%M:%SZ", &utc);
}

const char *pages_since(const char *text, int64_t *out_ms)
{
    int64_t ago_ms;
    struct timespec now;
    const char *why = text_duration(str_of(text), &ago_ms);
    if (why == NULL) {
        clock_gettime(CLOCK_REALTIME, &now);
        *out_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - ago_ms;
    }
    return why;
}

const char *pages_limit(const char *text, uint64_t *out)
{
    bool bad = text_u64(str_of(text), UINT32_MAX, out) != NULL || *out == 0;
    return bad ? "--limit is a number from 1" : NULL;
}

/* `path` becomes that of the next page; empty: there is none, or enough was seen. */
static void take_page(const struct pages *p, yyjson_val *page, struct buf *path)
{
    size_t i, n;
    yyjson_val *row;
    struct str next = pages_text(page, "next");
    yyjson_arr_foreach(yyjson_obj_get(page, p->list), i, n, row)
    {
        if (!p->on_row(p->user, row)) {
            next = STR_NONE;
            break;
        }
    }
    if (p->on_page != NULL) {
        p->on_page(p->user, page);
    }
    buf_clear(path);
    if (next.len > 0) {
        buf_add_str(path, p->path);
        buf_add_str(path, STR("&after="));
        buf_add_str(path, next);
    }
}

/* It reads few pages at a time, or has no memory for more now. */
static bool is_busy(int status, struct str body)
{
    static const char busy[] = "\"overloaded\"";
    return status == 503 && body.len > 0 &&
           memmem(body.at, body.len, busy, sizeof busy - 1) != NULL;
}

/* Whoever else asks is waited for; a page that is asked for again is the same one. */
static int ask_page(const struct admin_call *call, struct buf *body)
{
    static const struct timespec pause = {.tv_nsec = BUSY_MS * 1000000L};
    int status, rc = admin_call(call, &status, body);
    for (unsigned i = 0; rc == EXIT_FINE && is_busy(status, buf_str(body)); i++) {
        if (i == BUSY_TIMES) {
            fprintf(stderr, "penstock: it has too much to do now; try again\n");
            return EXIT_FAILED;
        }
        nanosleep(&pause, NULL);
        buf_clear(body);
        rc = admin_call(call, &status, body);
    }
    return rc != EXIT_FINE ? rc : admin_judge(status, buf_str(body));
}

static int read_page(const struct pages *p, struct buf *path)
{
    struct buf body;
    buf_init(&body, PAGE_MOST);
    struct admin_call call = {p->conf, NULL, p->method, buf_str(path)};
    int rc = ask_page(&call, &body);
    yyjson_doc *doc = rc == EXIT_FINE ? yyjson_read(body.at, body.len, 0) : NULL;
    yyjson_val *page = yyjson_doc_get_root(doc);
    if (page != NULL) {
        take_page(p, page, path);
    } else if (rc == EXIT_FINE) {
        fprintf(stderr, "penstock: the answer is no JSON; is that its admin address?\n");
        rc = EXIT_FAILED;
    }
    yyjson_doc_free(doc);
    buf_done(&body);
    return rc;
}

int pages_read(const struct pages *p)
{
    struct buf path;
    int rc = EXIT_FINE;
    buf_init(&path, PATH_MOST);
    buf_add_str(&path, p->path);
    while (rc == EXIT_FINE && path.len > 0) {
        rc = read_page(p, &path);
        ENSURE(!path.failed);
    }
    buf_done(&path);
    return rc;
}
