/* sink: a small destination for local work. Prints what it receives. */
#include "cli/cli.h"

#include "base/log.h"
#include "io/httpd.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct sink {
    uv_loop_t loop;
    struct wheel wheel;
    struct httpd *httpd;
    uv_signal_t term, interrupt;
    const char *name;
    int status;
    uint64_t first; /* only so many get `status`; 0: all do */
    uint64_t seen;
    int64_t delay_ms;
    bool body;
    unsigned closing;
};

struct late {
    struct sink *s;
    struct httpd_request *request; /* NULL: the client has gone */
    struct wheel_timer timer;
    int status;
};

static const struct option options[] = {
    {"listen", required_argument, NULL, 'l'},
    {"status", required_argument, NULL, 's'},
    {"first", required_argument, NULL, 'f'},
    {"delay", required_argument, NULL, 'd'},
    {"name", required_argument, NULL, 'n'},
    {"body", no_argument, NULL, 'b'},
    {NULL, 0, NULL, 0},
};

static struct str field(const struct httpd_request *r, struct str name)
{
    const struct str *v = fields_find(r->fields, name);
    return v == NULL ? STR("-") : *v;
}

/* What came is somebody else's text: escaped, so that it cannot paint the terminal. */
static void print_request(const struct sink *s, const struct httpd_request *r, int status)
{
    char clock[16];
    time_t now = time(NULL);
    struct tm local;
    struct buf line;
    strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &local));
    buf_init(&line, 1 << 20);
    buf_printf(&line, "%s %s [%d] %.*s ", clock, s->name, status, STR_ARG(r->method));
    buf_add_json(&line, r->target);
    buf_add_str(&line, STR(" source="));
    buf_add_json(&line, field(r, STR("penstock-source")));
    buf_add_str(&line, STR(" attempt="));
    buf_add_json(&line, field(r, STR("penstock-attempt")));
    buf_add_str(&line, STR(" event="));
    buf_add_json(&line, field(r, STR("penstock-event-id")));
    buf_printf(&line, " %zu bytes", r->body.len);
    if (s->body) {
        buf_add_char(&line, ' ');
        buf_add_json(&line, str_head(r->body, 64 << 10));
    }
    printf("%.*s\n", STR_ARG(buf_str(&line)));
    fflush(stdout);
    buf_done(&line);
}

static void answer(struct httpd_request *r, int status)
{
    httpd_answer(r, &(struct httpd_answer){.status = status,
                                           .content_type = STR("text/plain"),
                                           .body = status == 204 ? STR_NONE : STR("ok\n")});
}

static void on_late(struct wheel_timer *t)
{
    struct late *l = CONTAINER_OF(t, struct late, timer);
    if (l->request != NULL) {
        l->request->pending = NULL;
        answer(l->request, l->status);
    }
    free(l);
}

static void on_request(void *user, struct httpd_request *r)
{
    struct sink *s = user;
    s->seen++;
    int status = s->first == 0 || s->seen <= s->first ? s->status : 200;
    print_request(s, r, status);
    if (s->delay_ms == 0) {
        answer(r, status);
        return;
    }
    struct late *l = calloc(1, sizeof *l);
    ENSURE(l != NULL);
    *l = (struct late){.s = s, .request = r, .status = status};
    r->pending = l;
    wheel_arm(&s->wheel, &l->timer, (uint64_t)s->delay_ms, on_late);
}

static size_t on_head(void *user, struct httpd_request *r)
{
    (void)user;
    (void)r;
    return 64 << 20;
}

static void on_gone(void *user, struct httpd_request *r)
{
    (void)user;
    if (r->pending != NULL) {
        ((struct late *)r->pending)->request = NULL;
    }
}

static void on_refused(void *user, const char *reason, const char *detail,
                       const struct sockaddr_storage *peer)
{
    struct sink *s = user;
    (void)peer;
    printf("%s refused: %s (%s)\n", s->name, reason, detail == NULL ? "" : detail);
    fflush(stdout);
}

static void on_closed(void *user)
{
    struct sink *s = user;
    if (--s->closing == 0) {
        fflush(stdout);
        _Exit(0); /* late answers may still be armed; there is nothing to lose */
    }
}

static void on_handle_closed(uv_handle_t *h)
{
    on_closed(h->data);
}

static void on_signal(uv_signal_t *h, int number)
{
    struct sink *s = h->data;
    (void)number;
    s->closing = 3;
    uv_close((uv_handle_t *)&s->term, on_handle_closed);
    uv_close((uv_handle_t *)&s->interrupt, on_handle_closed);
    httpd_close(s->httpd, on_closed, s);
}

static int serve(struct sink *s, const char *listen)
{
    struct httpd_limits limits = {
        .head_bytes = 64 << 10,
        .target_bytes = 16 << 10,
        .field_count = FIELDS_MAX,
        .body_bytes = 64 << 20,
        .memory_bytes = 1 << 30,
        .connections = 10000,
        .head_ms = 10000,
        .request_ms = 60000,
        .idle_ms = 600000,
        .write_ms = 10000,
    };
    struct httpd_handler handler = {s, on_head, on_request, on_gone, on_refused};
    signal(SIGPIPE, SIG_IGN);
    ENSURE(uv_loop_init(&s->loop) == 0);
    wheel_init(&s->wheel, &s->loop);
    const char *why = httpd_new(&s->httpd, &s->loop, &s->wheel, str_of(listen), &limits, &handler);
    if (why != NULL) {
        fprintf(stderr, "penstock sink: %s\n", why);
        return EXIT_FAILED;
    }
    uv_signal_init(&s->loop, &s->term);
    uv_signal_init(&s->loop, &s->interrupt);
    s->term.data = s->interrupt.data = s;
    uv_signal_start(&s->term, on_signal, SIGTERM);
    uv_signal_start(&s->interrupt, on_signal, SIGINT);
    printf("%s listening on http://%s/\n", s->name, httpd_address(s->httpd));
    fflush(stdout);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    return EXIT_FINE;
}

static int run(int argc, char **argv)
{
    static struct sink s = {.name = "sink", .status = 200};
    const char *listen = "127.0.0.1:9101";
    uint64_t status = 200;
    for (int o; (o = getopt_long(argc, argv, "l:s:f:d:n:b", options, NULL)) != -1;) {
        const char *why = NULL;
        if (o == 'l') {
            listen = optarg;
        } else if (o == 's') {
            why = text_u64(str_of(optarg), 599, &status);
            why = why == NULL && status < 200 ? "--status is 200 to 599" : why;
        } else if (o == 'f') {
            why = text_u64(str_of(optarg), UINT32_MAX, &s.first);
        } else if (o == 'd') {
            why = text_duration(str_of(optarg), &s.delay_ms);
        } else if (o == 'n') {
            s.name = optarg;
        } else if (o == 'b') {
            s.body = true;
        } else {
            why = "unknown option";
        }
        if (why != NULL) {
            return usage_error(&verb_sink, why, optarg);
        }
    }
    s.status = (int)status;
    return optind < argc ? usage_error(&verb_sink, "unexpected argument", argv[optind])
                         : serve(&s, listen);
}

const struct verb verb_sink = {
    "sink", "A small destination for local work: prints what it receives.",
    "usage: penstock sink [--listen ADDRESS] [--status N [--first N]] [--delay D] [--name TEXT] "
    "[--body]\n\n"
    "  -l, --listen        host:port, default 127.0.0.1:9101\n"
    "  -s, --status N      answer with this status, default 200\n"
    "  -f, --first N       only the first N requests get --status, the rest 200\n"
    "  -d, --delay D       wait before answering: 200ms, 2s\n"
    "  -n, --name TEXT     what each line starts with\n"
    "  -b, --body          print bodies too\n",
    run};
