/* What the verbs share: usage, configuration, one call of a running Penstock. */
#include "cli/cli.h"

#include "base/log.h"
#include "io/httpc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int usage_error(const struct verb *v, const char *why, const char *what)
{
    fprintf(stderr, "penstock %s: %s%s%s\npenstock %s --help says more.\n", v->name, why,
            what == NULL ? "" : ": ", what == NULL ? "" : what, v->name);
    return EXIT_USAGE;
}

bool usage_asked(const struct verb *v, int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            printf("%s\n\n%s", v->summary, v->usage);
            return true;
        }
    }
    return false;
}

const char *conf_chosen(const char *path)
{
    static const char *const places[] = {"penstock.yaml", "/etc/penstock/penstock.yaml"};
    const char *asked = path != NULL ? path : getenv("PENSTOCK_CONFIG");
    for (size_t i = 0; asked == NULL && i < sizeof places / sizeof *places; i++) {
        asked = access(places[i], F_OK) == 0 ? places[i] : NULL;
    }
    if (asked == NULL) {
        fprintf(stderr, "penstock: no configuration: neither ./penstock.yaml nor "
                        "/etc/penstock/penstock.yaml exists; name one with -c FILE\n");
    }
    return asked;
}

struct conf *conf_for(const char *path)
{
    const char *asked = conf_chosen(path);
    if (asked == NULL) {
        return NULL;
    }
    struct buf errors;
    buf_init(&errors, 1 << 20);
    struct conf *c = conf_load(asked, &errors);
    fprintf(stderr, "%.*s", STR_ARG(buf_str(&errors)));
    buf_done(&errors);
    return c;
}

/* --- one request, on a loop of its own */

struct calling {
    struct httpc_call call;
    struct httpc_origin *origin;
    struct httpc *httpc;
    struct wheel *wheel;
    struct http_reply *reply;
    const char *reason;
};

static void on_httpc_closed(void *user)
{
    struct calling *c = user;
    wheel_done(c->wheel);
}

static void on_answer(struct httpc_call *call, const struct httpc_result *result)
{
    struct calling *c = CONTAINER_OF(call, struct calling, call);
    const struct str *id =
        result->fields == NULL ? NULL : fields_find(result->fields, STR("penstock-event-id"));
    c->reply->status = result->status;
    c->reason = result->reason;
    if (id != NULL && id->len < sizeof c->reply->event_id) {
        memcpy(c->reply->event_id, id->at, id->len);
    }
    httpc_origin_free(c->origin);
    httpc_close(c->httpc, on_httpc_closed, c);
}

const char *http_once(const struct httpc_origin_conf *to, const struct httpc_request *request,
                      struct http_reply *reply)
{
    uv_loop_t loop;
    struct wheel wheel;
    ENSURE(uv_loop_init(&loop) == 0);
    wheel_init(&wheel, &loop);
    struct calling c = {.reply = reply, .wheel = &wheel, .httpc = httpc_new(&loop, &wheel)};
    const char *why = httpc_origin_new(&c.origin, c.httpc, to);
    if (why == NULL) {
        struct httpc_timeouts timeouts = {.connect_ms = 3000, .total_ms = 30000};
        struct httpc_request kept = *request;
        kept.keep = &reply->body;
        reply->event_id[0] = '\0';
        httpc_start(&c.call, c.origin, &kept, &timeouts, on_answer);
    } else {
        c.reason = why;
        httpc_close(c.httpc, on_httpc_closed, &c);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    ENSURE(uv_loop_close(&loop) == 0);
    return c.reason;
}

/* "host:port" or "[v6]:port"; a listener on every address is reached over loopback. */
bool split_address(struct str address, char host[256], uint16_t *port)
{
    struct str name = address, digits = STR_NONE;
    for (size_t i = address.len; i > 0; i--) {
        if (address.at[i - 1] == ':') {
            name = str_head(address, i - 1);
            digits = str_from(address, i);
            break;
        }
    }
    uint64_t number;
    if (text_u64(digits, 65535, &number) != NULL) {
        return false;
    }
    if (str_starts(name, STR("[")) && str_ends(name, STR("]"))) {
        name = str_head(str_from(name, 1), name.len - 2);
    }
    name = str_eq(name, STR("0.0.0.0")) || name.len == 0 ? STR("127.0.0.1")
           : str_eq(name, STR("::"))                     ? STR("::1")
                                                         : name;
    if (name.len >= 256) {
        return false;
    }
    memcpy(host, name.at, name.len);
    host[name.len] = '\0';
    *port = (uint16_t)number;
    return true;
}

int admin_call(const struct admin_call *ask, int *status, struct buf *body)
{
    struct str address = ask->url != NULL ? str_of(ask->url) : ask->conf->admin.address;
    struct str scheme = STR("http://");
    char host[256];
    struct httpc_origin_conf origin = {.idle = 0};
    address = str_starts(address, scheme) ? str_from(address, scheme.len) : address;
    address = str_ends(address, STR("/")) ? str_head(address, address.len - 1) : address;
    if (!split_address(address, host, &origin.port)) {
        fprintf(stderr, "penstock: \"%.*s\" is not host:port\n", STR_ARG(address));
        return EXIT_USAGE;
    }
    origin.host = str_of(host);
    struct buf fields;
    buf_init(&fields, 4096);
    const char *variable = ask->conf == NULL ? getenv("PENSTOCK_ADMIN_TOKEN") : NULL;
    struct str token = ask->conf != NULL  ? ask->conf->admin.token
                       : variable != NULL ? str_of(variable)
                                          : STR_NONE;
    if (token.len > 0) {
        buf_printf(&fields, "Authorization: Bearer %.*s\r\n", STR_ARG(token));
    }
    struct httpc_request request = {
        .method = str_of(ask->method), .target = ask->path, .fields = buf_str(&fields)};
    struct http_reply reply = {.body = *body};
    const char *reason = http_once(&origin, &request, &reply);
    *body = reply.body;
    *status = reply.status;
    buf_done(&fields);
    if (reason != NULL) {
        fprintf(stderr,
                "penstock: no answer from %.*s (%s); is Penstock running, with this "
                "configuration?\n",
                STR_ARG(address), reason);
        return EXIT_UNREACHABLE;
    }
    return EXIT_FINE;
}

int admin_judge(int status, struct str body)
{
    if (status < 200 || status > 299) {
        fprintf(stderr, "penstock: answered %d: %.*s", status, STR_ARG(body));
        return status == 503 ? EXIT_UNREACHABLE : EXIT_FAILED;
    }
    return EXIT_FINE;
}

int admin_ask(const struct admin_call *c, struct buf *body)
{
    int status, rc = admin_call(c, &status, body);
    return rc != EXIT_FINE ? rc : admin_judge(status, buf_str(body));
}
