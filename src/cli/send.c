/* send: signs a body like the provider and posts it to ourselves. */
#include "cli/cli.h"

#include "base/crypt.h"
#include "model/provider.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BODY_MOST = 64 << 20, FIELDS_MOST = 64 << 10, KEY_MOST = 128 << 10 };

struct args {
    const char *config, *source, *body, *url, *key;
    struct buf fields; /* of --header, rendered */
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"source", required_argument, NULL, 's'},
    {"body", required_argument, NULL, 'b'},
    {"url", required_argument, NULL, 'u'},
    {"header", required_argument, NULL, 'H'},
    {"key", required_argument, NULL, 'k'},
    {NULL, 0, NULL, 0},
};

static const char *parse(int argc, char **argv, struct args *a)
{
    for (int o; (o = getopt_long(argc, argv, "c:s:b:u:H:k:", options, NULL)) != -1;) {
        if (o == 'c') {
            a->config = optarg;
        } else if (o == 's') {
            a->source = optarg;
        } else if (o == 'b') {
            a->body = optarg;
        } else if (o == 'u') {
            a->url = optarg;
        } else if (o == 'k') {
            a->key = optarg;
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
    setvbuf(f, NULL, _IONBF, 0); /* a key is nowhere but in `out` */
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
        fprintf(stderr, "penstock send: cannot read %s, or it is too large\n", path);
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

/* What --header says the body is; empty: nothing. */
static struct str given_type(const struct args *a)
{
    struct str line, key, value, rest = buf_str(&a->fields);
    while (rest.len > 0) {
        str_cut(rest, '\n', &line, &rest);
        if (str_cut(line, ':', &key, &value) && str_ieq(key, STR("Content-Type"))) {
            return str_trim(str_head(value, value.len - 1)); /* without its CR */
        }
    }
    return STR_NONE;
}

static struct str content_type(const struct args *a, const struct conf_source *source)
{
    const struct provider *p = provider_of(source);
    struct str given = given_type(a);
    return given.len > 0                       ? given
           : p != NULL && p->body_type.len > 0 ? p->body_type
                                               : STR("application/json");
}

/* The lines of a head that is signed; NULL, or why it cannot be. */
static const char *sign(const struct args *a, const struct conf_source *source, struct str key,
                        struct str type, const struct buf *body, struct buf *head)
{
    static struct fields before, after;
    char id[37];
    struct buf bytes;
    buf_init(&bytes, FIELDS_MOST);
    make_delivery_id(id);
    (void)!fields_add(&before, STR("Content-Type"), type);
    const struct verify_signing s = {
        .request = {STR("POST"), source->path, &before, buf_str(body)},
        .now_s = (int64_t)time(NULL),
        .delivery_id = str_of(id),
        .key = key,
    };
    const char *why = verify_sign_request(source->verify, &s, &after, &bytes);
    if (given_type(a).len == 0) {
        buf_printf(head, "Content-Type: %.*s\r\n", STR_ARG(type));
    }
    buf_add_str(head, STR("User-Agent: penstock-send\r\n"));
    for (size_t i = 0; why == NULL && i < after.n; i++) {
        buf_printf(head, "%.*s: %.*s\r\n", STR_ARG(after.v[i].name), STR_ARG(after.v[i].value));
    }
    if (a->fields.len == 0) {
        put_event_type(source, head);
    }
    buf_add_str(head, buf_str(&a->fields));
    buf_done(&bytes);
    return why;
}

static int ask(const struct httpc_origin_conf *origin, const struct httpc_request *request)
{
    struct http_reply reply = {0};
    int rc = EXIT_UNREACHABLE;
    buf_init(&reply.body, 1 << 20);
    const char *why = http_once(origin, request, &reply);
    if (why != NULL) {
        fprintf(stderr, "penstock send: no answer from %.*s:%u (%s)\n", STR_ARG(origin->host),
                origin->port, why);
    } else {
        printf("%d %.*s %s\n", reply.status, STR_ARG(buf_str(&reply.body)), reply.event_id);
        rc = reply.status >= 200 && reply.status <= 299 ? EXIT_FINE : EXIT_FAILED;
    }
    buf_done(&reply.body);
    return rc;
}

/* Of an event the body that its provider sends, and its media type; NULL, or why there is none. */
static const char *make_body(const struct args *a, const struct conf_source *source, struct str key,
                             struct str event, struct buf *body, struct buf *type)
{
    if (verify_seals(source->verify)) {
        return verify_seal(source->verify, event, key, body, type);
    }
    buf_add_str(body, event);
    buf_add_str(type, content_type(a, source));
    return NULL;
}

static int post(const struct args *a, const struct conf *conf, const struct conf_source *source,
                struct str key, struct str event)
{
    struct httpc_origin_conf origin = {.idle = 0};
    struct buf head, target, body, type;
    char host[256];
    if (!find_origin(a, conf, host, &origin)) {
        return EXIT_USAGE;
    }
    buf_init(&head, 2 * FIELDS_MOST);
    buf_init(&target, FIELDS_MOST);
    buf_init(&body, 2 * BODY_MOST);
    buf_init(&type, FIELDS_MOST);
    buf_add_str(&target, source->path);
    verify_sign_target(source->verify, &target);
    int rc = EXIT_FAILED;
    const char *why = make_body(a, source, key, event, &body, &type);
    why = why == NULL ? sign(a, source, key, buf_str(&type), &body, &head) : why;
    if (why != NULL) {
        fprintf(stderr, "penstock send: cannot sign for %s: %s\n", a->source, why);
    } else {
        rc = ask(&origin, &(struct httpc_request){.method = STR("POST"),
                                                  .target = buf_str(&target),
                                                  .fields = buf_str(&head),
                                                  .body = buf_str(&body)});
    }
    buf_done(&head);
    buf_done(&target);
    buf_done(&body);
    buf_done(&type);
    return rc;
}

static int send_with(const struct args *a, const struct conf *conf)
{
    const struct conf_source *source = conf_find_source(conf, str_of(a->source));
    if (source == NULL) {
        fprintf(stderr, "penstock send: no source \"%s\" in the configuration\n", a->source);
        return EXIT_FAILED;
    }
    struct buf body, key;
    buf_init(&body, BODY_MOST);
    buf_init(&key, KEY_MOST);
    (void)buf_room(&key, KEY_MOST); /* so it never moves, and leaves nothing behind */
    bool read = (a->key == NULL || read_file(a->key, &key)) && read_body(a, source, &body);
    int rc = read ? post(a, conf, source, buf_str(&key), buf_str(&body)) : EXIT_FAILED;
    crypt_wipe(key.at, key.len);
    buf_done(&body);
    buf_done(&key);
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
    "usage: penstock send --source NAME [--body @FILE|TEXT] [--url URL] [--header \"K: V\"]\n"
    "                     [--key FILE]\n\n"
    "  -s, --source NAME   a source of the configuration: its scheme and secret sign; of\n"
    "                      several schemes the first, or, where all must hold, each\n"
    "  -b, --body          @FILE, @- for standard input, or the text itself; default: a sample\n"
    "  -u, --url URL       where to, instead of the configuration's listener "
    "(http[s]://host:port)\n"
    "  -H, --header K:V    a further header; may be repeated\n"
    "  -k, --key FILE      where the sender signs with a private key: one in PEM, whose public "
    "key\n"
    "                      the source has\n"
    "  -c, --config FILE   the configuration\n\n"
    "Prints the status and body of the answer; exit 0 if it was 2xx.\n",
    run};
