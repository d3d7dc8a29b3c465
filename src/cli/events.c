/* events, replay: what history holds, and what no route had wanted when it came. */
#include "cli/pages.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct args {
    const char *config, *source;
    uint64_t limit; /* 0: not given */
    int64_t since_ms;
    bool json, unrouted, dry;
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'}, {"source", required_argument, NULL, 's'},
    {"limit", required_argument, NULL, 'n'},  {"since", required_argument, NULL, 't'},
    {"unrouted", no_argument, NULL, 'u'},     {"dry-run", no_argument, NULL, 'd'},
    {"json", no_argument, NULL, 'j'},         {NULL, 0, NULL, 0},
};

/* NULL, or what is wrong; `what` is how it was written, if that is not known yet. */
static const char *parse(int argc, char **argv, struct args *a, const char **what)
{
    const char *why = NULL;
    *a = (struct args){0};
    *what = NULL;
    for (int o; why == NULL && (o = getopt_long(argc, argv, "c:s:n:t:udj", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            a->config = optarg;
            break;
        case 's':
            a->source = optarg;
            break;
        case 'n':
            why = pages_limit(optarg, &a->limit);
            *what = optarg;
            break;
        case 't':
            why = pages_since(optarg, &a->since_ms);
            *what = optarg;
            break;
        case 'u':
            a->unrouted = true;
            break;
        case 'd':
            a->dry = true;
            break;
        case 'j':
            a->json = true;
            break;
        default:
            why = "unknown option";
        }
    }
    *what = why == NULL ? NULL : *what;
    return why;
}

static void put_query(const struct args *a, struct buf *path)
{
    if (a->source != NULL) {
        buf_printf(path, "&source=%s", a->source);
    }
    if (a->since_ms != 0) {
        buf_printf(path, "&since_ms=%" PRId64, a->since_ms > 0 ? a->since_ms : 1);
    }
}

static void print_json_line(yyjson_val *row)
{
    char *line = yyjson_val_write(row, 0, NULL);
    printf("%s\n", line == NULL ? "" : line);
    free(line);
}

static void print_names(yyjson_val *list)
{
    size_t i, n;
    yyjson_val *v;
    yyjson_arr_foreach(list, i, n, v)
    {
        printf("%s%s", i > 0 ? ", " : "", yyjson_get_str(v));
    }
}

/* --- events ls */

struct ls {
    const struct args *a;
    uint64_t left;
    bool any;
};

static bool on_event(void *user, yyjson_val *row)
{
    struct ls *ls = user;
    char when[32];
    ls->any = true;
    if (ls->a->json) {
        print_json_line(row);
        return --ls->left > 0;
    }
    pages_when(when, yyjson_get_sint(yyjson_obj_get(row, "received_ms")));
    printf("%-36.*s  %-14.*s %s %8" PRId64 " bytes  ", STR_ARG(pages_text(row, "id")),
           STR_ARG(pages_text(row, "source")), when, yyjson_get_sint(yyjson_obj_get(row, "bytes")));
    yyjson_val *to = yyjson_obj_get(row, "to"), *replayed = yyjson_obj_get(row, "replayed"),
               *duplicate = yyjson_obj_get(row, "duplicate");
    if (yyjson_arr_size(to) > 0) {
        print_names(to);
    } else {
        printf("unrouted%s", yyjson_get_bool(replayed)    ? ", replayed since"
                             : yyjson_get_bool(duplicate) ? ", a duplicate"
                                                          : "");
    }
    printf("\n");
    return --ls->left > 0;
}

static int list_events(const struct conf *conf, const struct args *a)
{
    struct buf path;
    struct ls ls = {.a = a, .left = a->limit > 0 ? a->limit : 100};
    buf_init(&path, 4096);
    buf_printf(&path, "/api/v1/events?limit=%u%s", ls.left < 1000 ? (unsigned)ls.left : 1000u,
               a->unrouted ? "&unrouted=1" : "");
    put_query(a, &path);
    int rc = pages_read(&(struct pages){.conf = conf,
                                        .method = "GET",
                                        .path = buf_str(&path),
                                        .list = "events",
                                        .on_row = on_event,
                                        .user = &ls});
    if (rc == EXIT_FINE && !ls.any && a->source != NULL &&
        conf_find_source(conf, str_of(a->source)) == NULL) { /* it may have been one once */
        fprintf(stderr,
                "penstock events: no such source in the configuration, nor events of it: "
                "%s\n",
                a->source);
        rc = EXIT_FAILED;
    } else if (rc == EXIT_FINE && !ls.any && !a->json) {
        printf("no %sevents in the history\n", a->unrouted ? "unrouted " : "");
    }
    buf_done(&path);
    return rc;
}

static int events(int argc, char **argv)
{
    struct args a;
    const char *what, *why = parse(argc, argv, &a, &what);
    if (why != NULL || a.dry) {
        return usage_error(&verb_events, why != NULL ? why : "--dry-run is of replay", what);
    }
    if (optind + 1 < argc || (optind < argc && strcmp(argv[optind], "ls") != 0)) {
        return usage_error(&verb_events, "it is ls", NULL);
    }
    struct conf *conf = conf_for(a.config);
    if (conf == NULL) {
        return EXIT_FAILED;
    }
    int rc = list_events(conf, &a);
    conf_unref(conf);
    return rc;
}

const struct verb verb_events = {
    "events", "List what the history holds, newest first.",
    "usage: penstock events ls [--unrouted] [--source NAME] [--since 1h] [--limit N] [--json]\n\n"
    "  -c, --config FILE   supplies the admin address and token; any node will do\n"
    "      --unrouted      only what no route wanted, of sources with keep_unrouted: true\n"
    "      --source NAME   only what came from it\n"
    "      --since 1h      only what came since then\n"
    "      --limit N       so many at most; 100\n"
    "      --json          an object a line\n\n"
    "Where an event went is what the routes said when it came. History reaches back as\n"
    "retention.history says.\n",
    events};

/* --- replay --unrouted */

struct replay {
    const struct args *a;
    uint64_t done, unknown, full, before, duplicates, unwanted, looked_at;
};

static bool on_replayed(void *user, yyjson_val *row)
{
    struct replay *r = user;
    struct str result = pages_text(row, "result");
    bool full = str_eq(result, STR("over_budget"));
    bool done = str_eq(result, STR("replayed")) || str_eq(result, STR("would_be_replayed"));
    r->done += done;
    bool duplicate = str_eq(result, STR("duplicate"));
    bool before = str_eq(result, STR("replayed_before"));
    r->before += before;
    r->duplicates += duplicate;
    r->unknown += str_eq(result, STR("unknown"));
    r->full += full;
    if (r->a->json) {
        print_json_line(row);
    } else if (!before && !duplicate) {
        printf("%s %.*s %.*s to ",
               full        ? "no room for"
               : !done     ? "perhaps replayed:"
               : r->a->dry ? "would replay"
                           : "replayed",
               STR_ARG(pages_text(row, "id")), STR_ARG(pages_text(row, "source")));
        print_names(yyjson_obj_get(row, "to"));
        printf("%s%.*s\n", full ? ": " : "", STR_ARG(pages_text(row, "detail")));
    }
    return true;
}

static void on_page(void *user, yyjson_val *page)
{
    struct replay *r = user;
    r->looked_at += yyjson_get_uint(yyjson_obj_get(page, "looked_at"));
    r->before += yyjson_get_uint(yyjson_obj_get(page, "replayed_before"));
    r->duplicates += yyjson_get_uint(yyjson_obj_get(page, "duplicates"));
    r->unwanted += yyjson_get_uint(yyjson_obj_get(page, "unwanted"));
}

static int replay_unrouted(const struct conf *conf, const struct args *a)
{
    struct buf path;
    struct replay r = {.a = a};
    buf_init(&path, 4096);
    buf_printf(&path, "/api/v1/events/replay?limit=100%s", a->dry ? "&dry_run=1" : "");
    put_query(a, &path);
    int rc = pages_read(&(struct pages){.conf = conf,
                                        .method = "POST",
                                        .path = buf_str(&path),
                                        .list = "events",
                                        .on_row = on_replayed,
                                        .on_page = on_page,
                                        .user = &r});
    buf_done(&path);
    FILE *out = a->json ? stderr : stdout;
    fprintf(out,
            "unrouted events: %" PRIu64 " looked at, %" PRIu64 " %s, %" PRIu64
            " replayed before, %" PRIu64 " that no route wants now",
            r.looked_at, r.done, a->dry ? "would be replayed" : "replayed", r.before, r.unwanted);
    if (r.duplicates > 0) {
        fprintf(out, ", %" PRIu64 " duplicates", r.duplicates);
    }
    fprintf(out, "\n");
    bool partly = r.unknown > 0 || r.full > 0;
    if (r.full > 0) {
        fprintf(stderr, "penstock replay: for %" PRIu64 " there is no room now\n", r.full);
    }
    if (rc != EXIT_FINE || partly) {
        fprintf(stderr, "penstock replay: not all of it; run it once more, nothing is replayed "
                        "twice\n");
    }
    return rc != EXIT_FINE ? rc : partly ? EXIT_FAILED : EXIT_FINE;
}

static int replay(int argc, char **argv)
{
    struct args a;
    const char *what, *why = parse(argc, argv, &a, &what);
    if (why != NULL || a.limit > 0) {
        return usage_error(&verb_replay, why != NULL ? why : "--limit is of events", what);
    }
    if (!a.unrouted || optind < argc) {
        return usage_error(&verb_replay,
                           "it takes --unrouted; one dead letter is penstock dead replay's", NULL);
    }
    struct conf *conf = conf_for(a.config);
    if (conf == NULL) {
        return EXIT_FAILED;
    }
    int rc;
    if (a.source != NULL && conf_find_source(conf, str_of(a.source)) == NULL) {
        rc = usage_error(&verb_replay, "no such source in the configuration", a.source);
    } else {
        rc = replay_unrouted(conf, &a);
    }
    conf_unref(conf);
    return rc;
}

const struct verb verb_replay = {
    "replay", "Deliver what no route wanted when it came, where one does now.",
    "usage: penstock replay --unrouted [--source NAME] [--since 1h] [--dry-run] [--json]\n\n"
    "  -c, --config FILE   supplies the admin address and token; any node will do\n"
    "      --source NAME   only what came from it\n"
    "      --since 1h      only what came since then\n"
    "      --dry-run       say what would be replayed, and to where\n"
    "      --json          an object a line\n\n"
    "Of sources with keep_unrouted: true, for as long as history is kept. The routes are those of\n"
    "the node that is asked. Each event keeps its id and is replayed once, however often this is\n"
    "run. Exit 0: done; 1: for some there is no room, or it is not known yet; 3: Penstock or its "
    "Redis is not "
    "reachable.\n",
    replay};
