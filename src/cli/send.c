/* send: signs a body like the provider and posts it to ourselves. */
#include "cli/cli.h"

#include "base/crypt.h"
#include "model/provider.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BODY_MOST = 64 << 20, FIELDS_MOST = 64 << 10 };

struct args {
    const char *config, *source, *body, *url;
    struct buf fields; /* of --header, rendered */
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'}, {"source", required_argument, NULL, 's'},
    {"body", required_argument, NULL, 'b'},   {"url", required_argument, NULL, 'u'},
    {"header", required_argument, NULL, 'H'}, {NULL, 0, NULL, 0},
};

static const char *parse(int argc, char **argv, struct args *a)
{
    for (int o; (o = getopt_long(argc, argv, "c:s:b:u:H:", options, NULL)) != -1;) {
        if (o == 'c') {
            a->config = optarg;
        } else if (o == 's') {
            a->source = optarg;
        } else if (o == 'b') {
            a->body = optarg;
        } else if (o == 'u') {
            a->url = optarg;
        } else if (o == 'H') {
            if (strchr(optarg, ':') == NULL || strpbrk(optarg, "\r\n") != NULL) {
                return "--header wants \"Name: value\"";
            }
            buf_printf(&a->fields, "%s\r\n", optarg);
        } else {
            return "unknown option";
        }
    }
    return a->source == NULL ? "--source NAME is needed"
           : optind < argc   ? "unexpected argument"
                             : NULL;
}

static bool read_file(const char *path, struct buf *out)
{
    bool from_stdin = strcmp(path, "-") == 0;
    FILE *f = from_stdin ? stdin : fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        return false;
    }
    size_t n;
    do {
        char *room = buf_room(out, 64 << 10);
        n = room == NULL ? 0 : fread(room, 1, 64 << 10, f);
        out->len += n;
    } while (n > 0);
    bool ok = !ferror(f) && !out->failed;
    if (!from_stdin) {
        fclose(f);
    }
    if (!ok) {
        fprintf(stderr, "penstock send: cannot read %s, or it is over 64 MiB\n", path);
    }
    return ok;
}

/* A sample's milliseconds are of now, where it has any: a provider may sign them as its timestamp.
 */
static bool put_sample(struct str sample, struct buf *out)
{
    static const struct str then = {"1735689600000", 13};
    while (sample.len > 0) {
        if (str_starts(sample, then)) {
            buf_printf(out, "%lld", (long long)time(NULL) * 1000);
            sample = str_from(sample, then.len);
        } else {
            buf_add_char(out, sample.at[0]);
            sample = str_from(sample, 1);
        }
    }
    return !out->failed;
}

/* Whose event it is: of the schemes that sign it, the first that is a provider's; or NULL. */
static const struct provider *provider_of(const struct conf_source *source)
{
    const struct provider *p = NULL;
    size_t n = verify_wants_all(source->verify) ? verify_scheme_count(source->verify) : 1;
    for (size_t i = 0; i < n && p == NULL; i++) {
        p = provider_find(verify_name(verify_scheme(source->verify, i)));
    }
    return p;
}

/* @FILE, text, or the provider's sample. */
static bool read_body(const struct args *a, const struct conf_source *source, struct buf *out)
{
    if (a->body != NULL && a->body[0] == '@') {
        return read_file(a->body + 1, out);
    }
    if (a->body != NULL) {
        return buf_add_str(out, str_of(a->body));
    }
    const struct provider *p = provider_of(source);
    return p == NULL || put_sample(p->body, out);
}

/* Where to: --url, or the configuration's own listener. */
static bool find_origin(const struct args *a, const struct conf *conf, char host[256],
                        struct httpc_origin_conf *origin)
{
    if (a->url == NULL && conf->listen.certificate_count > 0) {
        fprintf(stderr, "penstock send: the listener speaks TLS; name it as in its certificate: "
                        "--url https://NAME:PORT\n");
        return false;
    }
    struct str address = a->url == NULL ? conf->listen.address : str_of(a->url);
    origin->tls = str_starts(address, STR("https://"));
    address = str_starts(address, STR("http://")) ? str_from(address, 7)
              : origin->tls                       ? str_from(address, 8)
                                                  : address;
    if (str_ends(address, STR("/"))) {
        address.len--;
    }
    char dialled[300];
    if (!str_has(address, ':') && address.len < 256) { /* a bare name: the scheme's port */
        int n =
            snprintf(dialled, sizeof dialled, "%.*s:%d", STR_ARG(address), origin->tls ? 443 : 80);
        address = (struct str){dialled, (size_t)n};
    }
    if (!split_address(address, host, &origin->port)) {
        fprintf(stderr, "penstock send: \"%.*s\" is not host:port\n", STR_ARG(address));
        return false;
    }
    origin->host = str_of(host);
    return true;
}

static void make_delivery_id(char id[37])
{
    unsigned char bytes[16];
    crypt_random(bytes, sizeof bytes);
    text_put_hex(id, bytes, sizeof bytes);
    id[32] = '\0';
}

static void put_event_type(const struct conf_source *source, struct buf *out)
{
    const struct provider *p = provider_of(source);
    if (p != NULL && p->type.name.len > 0) {
        buf_printf(out, "%.*s: %.*s\r\n", STR_ARG(p->type.name), STR_ARG(p->type.value));
    }
}

static int post(const struct args *a, const struct conf *conf, const struct conf_source *source,
                const struct buf *body)
{
    static struct fields signed_fields;
    struct httpc_origin_conf origin = {.idle = 0};
    struct buf bytes, head;
    struct http_reply reply = {0};
    char host[256], id[37];
    if (!find_origin(a, conf, host, &origin)) {
        return EXIT_USAGE;
    }
    buf_init(&bytes, FIELDS_MOST);
    buf_init(&head, 2 * FIELDS_MOST);
    buf_init(&reply.body, 1 << 20);
    make_delivery_id(id);
    const char *why = verify_sign(source->verify, STR("POST"), buf_str(body), (int64_t)time(NULL),
                                  str_of(id), &signed_fields, &bytes);
    buf_add_str(&head, STR("Content-Type: application/json\r\nUser-Agent: penstock-send\r\n"));
    for (size_t i = 0; i < signed_fields.n; i++) {
        buf_printf(&head, "%.*s: %.*s\r\n", STR_ARG(signed_fields.v[i].name),
                   STR_ARG(signed_fields.v[i].value));
    }
    if (a->fields.len == 0) {
        put_event_type(source, &head);
    }
    buf_add_str(&head, buf_str(&a->fields));
    int rc = EXIT_FAILED;
    if (why != NULL) {
        fprintf(stderr, "penstock send: cannot sign for %s: %s\n", a->source, why);
    } else {
        struct httpc_request request = {.method = STR("POST"),
                                        .target = source->path,
                                        .fields = buf_str(&head),
                                        .body = buf_str(body)};
        why = http_once(&origin, &request, &reply);
        if (why != NULL) {
            fprintf(stderr, "penstock send: no answer from %s:%u (%s)\n", host, origin.port, why);
            rc = EXIT_UNREACHABLE;
        } else {
            printf("%d %.*s %s\n", reply.status, STR_ARG(buf_str(&reply.body)), reply.event_id);
            rc = reply.status >= 200 && reply.status <= 299 ? EXIT_FINE : EXIT_FAILED;
        }
    }
    buf_done(&bytes);
    buf_done(&head);
    buf_done(&reply.body);
    return rc;
}

static int send_with(const struct args *a, const struct conf *conf)
{
    const struct conf_source *source = conf_find_source(conf, str_of(a->source));
    if (source == NULL) {
        fprintf(stderr, "penstock send: no source \"%s\" in the configuration\n", a->source);
        return EXIT_FAILED;
    }
    struct buf body;
    buf_init(&body, BODY_MOST);
    int rc = read_body(a, source, &body) ? post(a, conf, source, &body) : EXIT_FAILED;
    buf_done(&body);
    return rc;
}

static int run(int argc, char **argv)
{
    struct args a = {0};
    buf_init(&a.fields, FIELDS_MOST);
    const char *why = parse(argc, argv, &a);
    if (why != NULL) {
        buf_done(&a.fields);
        return usage_error(&verb_send, why, NULL);
    }
    struct conf *conf = conf_for(a.config);
    int rc = conf == NULL ? EXIT_FAILED : send_with(&a, conf);
    conf_unref(conf);
    buf_done(&a.fields);
    return rc;
}

const struct verb verb_send = {
    "send", "Sign an event like the provider and post it to Penstock.",
    "usage: penstock send --source NAME [--body @FILE|TEXT] [--url URL] [--header \"K: V\"]\n\n"
    "  -s, --source NAME   a source of the configuration: its scheme and secret sign; of\n"
    "                      several schemes the first, or, where all must hold, each\n"
    "  -b, --body          @FILE, @- for standard input, or the text itself; default: a sample\n"
    "  -u, --url URL       where to, instead of the configuration's listener "
    "(http[s]://host:port)\n"
    "  -H, --header K:V    a further header; may be repeated\n"
    "  -c, --config FILE   the configuration\n\n"
    "Prints the status and body of the answer; exit 0 if it was 2xx.\n",
    run};
