/* sources: how each verifies, and whether an old secret can go. */
#include "cli/cli.h"

#include "model/provider.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <yyjson.h>

enum {
    ANSWER_MOST = 16 << 20,
    REST_S = 24 * 3600, /* so long an old secret must have rested: a provider may sign by both */
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'}, {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};

static const char *text(yyjson_val *row, const char *key)
{
    const char *s = yyjson_get_str(yyjson_obj_get(row, key));
    return s == NULL ? "" : s;
}

/* How long ago, in whole seconds; -1: never. */
static int64_t rested_s(yyjson_val *secret)
{
    int64_t ms = yyjson_get_sint(yyjson_obj_get(secret, "last_used_ms"));
    int64_t ago = (int64_t)time(NULL) - ms / 1000;
    return ms == 0 ? -1 : ago < 0 ? 0 : ago;
}

static void put_ago(int64_t s, char out[32])
{
    if (s < 0) {
        snprintf(out, 32, "never used");
    } else if (s < 120) {
        snprintf(out, 32, "last used %" PRId64 " s ago", s);
    } else if (s < 2 * 3600) {
        snprintf(out, 32, "last used %" PRId64 " min ago", s / 60);
    } else if (s < 72 * 3600) {
        snprintf(out, 32, "last used %" PRId64 " h ago", s / 3600);
    } else {
        snprintf(out, 32, "last used %" PRId64 " d ago", s / 86400);
    }
}

/* What that says to somebody who rotates; "" where there is nothing to decide. */
static const char *advice(size_t i, size_t n, int64_t newest_s, int64_t s)
{
    if (n < 2) {
        return "";
    }
    if (i == 0) {
        return s < 0 ? ": nothing is signed by it yet, keep the others" : "";
    }
    if (newest_s < 0) {
        return ": keep it, the newest is not in use";
    }
    if (s < 0) {
        return ": not seen yet; it can go when that stays so for a day";
    }
    return s >= REST_S && newest_s < s ? ": safe to remove" : ": still in use";
}

/* Of the same scheme, which stands before the '/' where there are several? */
static bool are_beside(yyjson_val *a, yyjson_val *b)
{
    struct str scheme[2], rest;
    str_cut(str_of(text(a, "name")), '/', &scheme[0], &rest);
    bool several = str_cut(str_of(text(b, "name")), '/', &scheme[1], &rest);
    return !several || str_eq(scheme[0], scheme[1]);
}

/* Those of one scheme, from the i-th on; how many they are. */
static size_t print_beside(yyjson_val *list, size_t i, const char *margin)
{
    yyjson_val *newest = yyjson_arr_get(list, i);
    size_t n = 0;
    while (i + n < yyjson_arr_size(list) && are_beside(newest, yyjson_arr_get(list, i + n))) {
        n++;
    }
    for (size_t k = 0; k < n; k++) {
        yyjson_val *secret = yyjson_arr_get(list, i + k);
        char ago[32];
        int64_t s = rested_s(secret);
        put_ago(s, ago);
        printf("%ssecret %s %s%s\n", margin, text(secret, "name"), ago,
               advice(k, n, rested_s(newest), s));
    }
    return n;
}

static void print_secrets(yyjson_val *source, const char *margin)
{
    yyjson_val *list = yyjson_obj_get(source, "secrets");
    for (size_t i = 0; i < yyjson_arr_size(list);) {
        i += print_beside(list, i, margin);
    }
}

/* The rest of it is not of this node, but of its provider. */
static void print_provider(const char *name)
{
    const struct provider *p = provider_find(str_of(name));
    if (p == NULL) {
        return;
    }
    printf("  %s", p->title);
    if (p->deadline_s > 0) {
        printf(" waits %u s for an answer", p->deadline_s);
    }
    printf("; \"penstock providers %s\" says what to enter there\n", name);
}

static void print_source(yyjson_val *source)
{
    printf("%s  %s  verify: %s\n", text(source, "name"), text(source, "path"),
           text(source, "verify"));
    print_secrets(source, "  ");
    yyjson_val *scheme;
    size_t i, n;
    yyjson_arr_foreach(yyjson_obj_get(source, "schemes"), i, n, scheme)
    {
        print_provider(yyjson_get_str(scheme));
    }
}

/* `name` NULL: all of them. */
static int list(const struct conf *conf, const char *name, bool json)
{
    struct buf body;
    buf_init(&body, ANSWER_MOST);
    struct admin_call call = {conf, NULL, "GET", STR("/api/v1/sources")};
    int rc = admin_ask(&call, &body);
    bool found = name == NULL;
    yyjson_doc *doc = rc == EXIT_FINE ? yyjson_read(body.at, body.len, 0) : NULL;
    yyjson_val *sources = yyjson_obj_get(yyjson_doc_get_root(doc), "sources"), *source;
    size_t i, n;
    yyjson_arr_foreach(sources, i, n, source)
    {
        if (name != NULL && strcmp(text(source, "name"), name) != 0) {
            continue;
        }
        found = true;
        char *line = json ? yyjson_val_write(source, 0, NULL) : NULL;
        if (line != NULL) {
            printf("%s\n", line);
            free(line);
        } else {
            print_source(source);
        }
    }
    yyjson_doc_free(doc);
    buf_done(&body);
    if (rc == EXIT_FINE && !found) {
        fprintf(stderr, "penstock sources: no source \"%s\"; penstock sources ls lists them\n",
                name);
        rc = EXIT_FAILED;
    }
    return rc;
}

/* One that a handshake has left: shown, for its provider asks for it; or forgotten. */
static int learned(const struct conf *conf, const char *name, bool forget)
{
    struct buf path, body;
    buf_init(&path, 1024);
    buf_init(&body, ANSWER_MOST);
    buf_printf(&path, "/api/v1/sources/%s/%s", name, forget ? "forget" : "secret");
    struct admin_call call = {conf, NULL, forget ? "POST" : "GET", buf_str(&path)};
    int rc = admin_ask(&call, &body);
    if (rc == EXIT_FINE && forget) {
        printf("forgotten: within 2 s the next handshake of %s may leave another\n", name);
    } else if (rc == EXIT_FINE) {
        yyjson_doc *doc = yyjson_read(body.at, body.len, 0);
        printf("%s\n", text(yyjson_doc_get_root(doc), "secret"));
        yyjson_doc_free(doc);
    }
    buf_done(&path);
    buf_done(&body);
    return rc;
}

static int run_verb(const struct conf *conf, const char *verb, const char *name, bool json)
{
    return strcmp(verb, "secret") == 0   ? learned(conf, name, false)
           : strcmp(verb, "forget") == 0 ? learned(conf, name, true)
                                         : list(conf, name, json);
}

static bool is_verb(const char *verb)
{
    return strcmp(verb, "show") == 0 || strcmp(verb, "secret") == 0 || strcmp(verb, "forget") == 0;
}

static int run(int argc, char **argv)
{
    const char *config = NULL;
    bool json = false;
    for (int o; (o = getopt_long(argc, argv, "c:j", options, NULL)) != -1;) {
        if (o == 'c') {
            config = optarg;
        } else if (o == 'j') {
            json = true;
        } else {
            return usage_error(&verb_sources, "unknown option", NULL);
        }
    }
    const char *verb = optind < argc ? argv[optind] : "ls";
    bool of_one = is_verb(verb);
    if ((!of_one && strcmp(verb, "ls") != 0) || argc - optind > (of_one ? 2 : 1) ||
        (of_one && argc - optind < 2)) {
        return usage_error(&verb_sources, "it takes ls, or show, secret or forget and a NAME",
                           NULL);
    }
    struct conf *conf = conf_for(config);
    int rc =
        conf == NULL ? EXIT_FAILED : run_verb(conf, verb, of_one ? argv[optind + 1] : NULL, json);
    conf_unref(conf);
    return rc;
}

const struct verb verb_sources = {
    "sources", "How sources verify, and whether an old secret can go.",
    "usage: penstock sources [ls | show NAME | secret NAME | forget NAME] [--json]\n\n"
    "  ls           all of them\n"
    "  show NAME    one\n"
    "  secret NAME  what its provider's handshake has left (Asana, Notion)\n"
    "  forget NAME  let the next handshake leave another\n"
    "  -j, --json   a line of JSON each\n"
    "  -c, --config FILE\n\n"
    "Of each secret: when it verified an event last, as any node has seen it. An old one that was\n"
    "not used for a day, while the newest is, can be taken out.\n",
    run};
