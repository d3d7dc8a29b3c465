/* dead, destinations, nodes: rows that the admin API lists, and what can be done with them. */
#include "cli/cli.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <yyjson.h>

struct args {
    const char *config, *destination, *limit;
    bool json, yes, all;
    char **rest;
    int rest_count;
};

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"destination", required_argument, NULL, 'd'},
    {"limit", required_argument, NULL, 'n'},
    {"json", no_argument, NULL, 'j'},
    {"yes", no_argument, NULL, 'y'},
    {"all", no_argument, NULL, 'a'},
    {NULL, 0, NULL, 0},
};

static bool parse(int argc, char **argv, struct args *a)
{
    *a = (struct args){0};
    for (int o; (o = getopt_long(argc, argv, "c:d:n:jya", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            a->config = optarg;
            break;
        case 'd':
            a->destination = optarg;
            break;
        case 'n':
            a->limit = optarg;
            break;
        case 'j':
            a->json = true;
            break;
        case 'y':
            a->yes = true;
            break;
        case 'a':
            a->all = true;
            break;
        default:
            return false;
        }
    }
    a->rest = argv + optind;
    a->rest_count = argc - optind;
    return true;
}

static void put_when(char out[32], int64_t ms)
{
    time_t s = (time_t)(ms / 1000);
    struct tm utc;
    gmtime_r(&s, &utc);
    strftime(out, 32, "%Y-%m-%d %H:%M:%SZ", &utc);
}

static const char *text(yyjson_val *row, const char *key)
{
    const char *s = yyjson_get_str(yyjson_obj_get(row, key));
    return s == NULL ? "" : s;
}

static void print_json_line(yyjson_val *row)
{
    char *line = yyjson_val_write(row, 0, NULL);
    printf("%s\n", line == NULL ? "" : line);
    free(line);
}

/* Asks, parses, and hands out each element of the list `key`. */
static int each_row(const struct admin_call *call, const char *key, bool json,
                    void (*row)(yyjson_val *v), size_t *count)
{
    struct buf body;
    buf_init(&body, 64 << 20);
    int rc = admin_ask(call, &body);
    *count = 0;
    if (rc == EXIT_FINE) {
        yyjson_doc *doc = yyjson_read(body.at, body.len, 0);
        yyjson_val *list = doc == NULL ? NULL : yyjson_obj_get(yyjson_doc_get_root(doc), key), *v;
        size_t i, n;
        yyjson_arr_foreach(list, i, n, v)
        {
            ++*count;
            if (json) {
                print_json_line(v);
            } else {
                row(v);
            }
        }
        yyjson_doc_free(doc);
    }
    buf_done(&body);
    return rc;
}

/* --- dead */

static void print_dead(yyjson_val *v)
{
    char when[32];
    put_when(when, yyjson_get_sint(yyjson_obj_get(v, "buried_ms")));
    printf("%-36s  %-14s %-14s %s  %2" PRIu64 " attempts  %s %" PRId64 "\n", text(v, "id"),
           text(v, "source"), text(v, "destination"), when,
           yyjson_get_uint(yyjson_obj_get(v, "attempts")), text(v, "reason"),
           yyjson_get_sint(yyjson_obj_get(v, "status")));
}

static int dead_ls(const struct conf *conf, const struct args *a)
{
    struct buf path;
    size_t count;
    buf_init(&path, 1024);
    buf_printf(&path, "/api/v1/dead?limit=%s", a->limit == NULL ? "100" : a->limit);
    if (a->destination != NULL) {
        buf_printf(&path, "&destination=%s", a->destination);
    }
    struct admin_call call = {conf, NULL, "GET", buf_str(&path)};
    int rc = each_row(&call, "dead", a->json, print_dead, &count);
    if (rc == EXIT_FINE && count == 0 && !a->json) {
        printf("no dead letters\n");
    }
    buf_done(&path);
    return rc;
}

static int dead_show(const struct conf *conf, const struct args *a)
{
    struct buf path, body;
    buf_init(&path, 1024);
    buf_init(&body, 64 << 20);
    buf_printf(&path, "/api/v1/events/%s", a->rest[1]);
    struct admin_call call = {conf, NULL, "GET", buf_str(&path)};
    int rc = admin_ask(&call, &body);
    yyjson_doc *doc = rc == EXIT_FINE ? yyjson_read(body.at, body.len, 0) : NULL;
    if (doc != NULL && !a->json) {
        yyjson_val *e = yyjson_doc_get_root(doc), *v;
        size_t i, n;
        printf("%s %s\nsource: %s\n", text(e, "method"), text(e, "target"), text(e, "source"));
        yyjson_arr_foreach(yyjson_obj_get(e, "waiting"), i, n, v)
        {
            printf("%s: %" PRIu64 " attempts, %s %" PRId64 "\n", text(v, "destination"),
                   yyjson_get_uint(yyjson_obj_get(v, "attempts")), text(v, "reason"),
                   yyjson_get_sint(yyjson_obj_get(v, "status")));
        }
        printf("\n%s\n%s%s\n", text(e, "headers"),
               yyjson_is_null(yyjson_obj_get(e, "body"))
                   ? "(kept without its body: beyond its destination's buffer, see on_full)"
                   : text(e, "body"),
               text(e, "body_base64"));
    } else if (doc != NULL) {
        print_json_line(yyjson_doc_get_root(doc));
    }
    yyjson_doc_free(doc);
    buf_done(&path);
    buf_done(&body);
    return rc;
}

static const char *doing(const char *verb)
{
    return strcmp(verb, "replay") == 0 ? "replaying" : "purging";
}

static int dead_request(const struct conf *conf, const char *verb, const char *id,
                        const char *destination)
{
    struct buf path, body;
    buf_init(&path, 1024);
    buf_init(&body, 1 << 20);
    buf_printf(&path, "/api/v1/dead/%s/%s?destination=%s", id, verb, destination);
    struct admin_call call = {conf, NULL, "POST", buf_str(&path)};
    int rc = admin_ask(&call, &body);
    if (rc == EXIT_FINE) {
        printf("%s %s for %s\n", doing(verb), id, destination);
    }
    buf_done(&path);
    buf_done(&body);
    return rc;
}

/* How it goes with all dead letters of a destination. */
struct progress {
    unsigned asked, refused;
    char next[256]; /* what asks for the next page; "": there is none */
};

static int dead_request_page(const struct conf *conf, const char *verb, const char *destination,
                             struct progress *p)
{
    struct buf path, body;
    buf_init(&path, 1024);
    buf_init(&body, 64 << 20);
    buf_printf(&path, "/api/v1/dead?limit=1000&destination=%s&after=%s", destination, p->next);
    struct admin_call call = {conf, NULL, "GET", buf_str(&path)};
    int rc = admin_ask(&call, &body);
    yyjson_doc *doc = rc == EXIT_FINE ? yyjson_read(body.at, body.len, 0) : NULL;
    yyjson_val *page = doc == NULL ? NULL : yyjson_doc_get_root(doc), *v;
    size_t i, n;
    yyjson_arr_foreach(yyjson_obj_get(page, "dead"), i, n, v)
    {
        int one = dead_request(conf, verb, text(v, "id"), destination);
        if (one == EXIT_UNREACHABLE) {
            rc = one;
            break;
        }
        if (one == EXIT_FINE) {
            p->asked++;
        } else { /* one that cannot be replayed stops no other */
            fprintf(stderr, "penstock dead: not %s %s\n", doing(verb), text(v, "id"));
            p->refused++;
        }
    }
    snprintf(p->next, sizeof p->next, "%s", text(page, "next"));
    yyjson_doc_free(doc);
    buf_done(&path);
    buf_done(&body);
    return rc;
}

/* Every dead letter of a destination, page by page. */
static int dead_request_all(const struct conf *conf, const char *verb, const char *destination)
{
    struct progress p = {.next = ""};
    int rc;
    do {
        rc = dead_request_page(conf, verb, destination, &p);
    } while (rc == EXIT_FINE && p.next[0] != '\0');
    printf("dead letters of %s: %u %s, %u refused\n", destination, p.asked, doing(verb), p.refused);
    return rc != EXIT_FINE ? rc : p.refused > 0 ? EXIT_FAILED : EXIT_FINE;
}

static bool sure(const struct args *a, const char *verb, const char *what, const char *of)
{
    if (a->yes) {
        return true;
    }
    if (!isatty(STDIN_FILENO)) {
        fprintf(stderr, "penstock: %s needs --yes when nobody can be asked\n", verb);
        return false;
    }
    printf("%s %s for %s? [y/N] ", verb, what, of);
    fflush(stdout);
    return getchar() == 'y';
}

static int dead_with(const struct conf *conf, const struct args *a)
{
    const char *verb = a->rest_count > 0 ? a->rest[0] : "ls";
    if (strcmp(verb, "ls") == 0 && a->rest_count <= 1) {
        return dead_ls(conf, a);
    }
    if (strcmp(verb, "show") == 0 && a->rest_count == 2) {
        return dead_show(conf, a);
    }
    if (strcmp(verb, "replay") != 0 && strcmp(verb, "purge") != 0) {
        return usage_error(&verb_dead, "it is ls, show ID, replay or purge", NULL);
    }
    if (a->destination == NULL) {
        return usage_error(&verb_dead, "--destination NAME is needed", NULL);
    }
    if (a->rest_count == 2) {
        return strcmp(verb, "purge") == 0 && !sure(a, "purge", "dead letters", a->destination)
                   ? EXIT_FAILED
                   : dead_request(conf, verb, a->rest[1], a->destination);
    }
    if (a->rest_count == 1 && a->all) {
        return sure(a, verb, "dead letters", a->destination)
                   ? dead_request_all(conf, verb, a->destination)
                   : EXIT_FAILED;
    }
    return usage_error(&verb_dead, "name an event id, or --all", NULL);
}

static int with_conf(const struct verb *v, int argc, char **argv,
                     int (*run)(const struct conf *conf, const struct args *a))
{
    struct args a;
    if (!parse(argc, argv, &a)) {
        return usage_error(v, "unknown option", NULL);
    }
    struct conf *conf = conf_for(a.config);
    if (conf == NULL) {
        return EXIT_FAILED;
    }
    int rc = run(conf, &a);
    conf_unref(conf);
    return rc;
}

static int dead(int argc, char **argv)
{
    return with_conf(&verb_dead, argc, argv, dead_with);
}

const struct verb verb_dead = {
    "dead", "List, show, replay or purge dead letters.",
    "usage: penstock dead ls [--destination NAME] [--limit N] [--json]\n"
    "       penstock dead show ID [--json]\n"
    "       penstock dead replay ID --destination NAME\n"
    "       penstock dead replay --all --destination NAME [--yes]\n"
    "       penstock dead purge ID|--all --destination NAME [--yes]\n\n"
    "  -c, --config FILE   supplies the admin address and token\n"
    "A replay is a delivery due at once, with a new retry budget; it starts within 2 s.\n",
    dead};

/* --- destinations */

static void print_destination(yyjson_val *v)
{
    char when[32] = "never";
    int64_t last = yyjson_get_sint(yyjson_obj_get(v, "last_ok_ms"));
    if (last > 0) {
        put_when(when, last);
    }
    printf("%-16s %-8s %5" PRIu64 " waiting%s %5" PRIu64 " dead  last ok %-20s %s  %s\n",
           text(v, "name"), text(v, "state"), yyjson_get_uint(yyjson_obj_get(v, "in_memory")),
           yyjson_get_bool(yyjson_obj_get(v, "parked")) ? "+parked" : "       ",
           yyjson_get_uint(yyjson_obj_get(v, "dead")), when, text(v, "last_error"), text(v, "url"));
}

static int destinations_with(const struct conf *conf, const struct args *a)
{
    const char *verb = a->rest_count > 0 ? a->rest[0] : "ls";
    size_t count;
    if (strcmp(verb, "ls") == 0 && a->rest_count <= 1) {
        struct admin_call call = {conf, NULL, "GET", STR("/api/v1/destinations")};
        return each_row(&call, "destinations", a->json, print_destination, &count);
    }
    bool drop = strcmp(verb, "drop") == 0;
    if ((strcmp(verb, "pause") != 0 && strcmp(verb, "resume") != 0 && !drop) ||
        a->rest_count != 2) {
        return usage_error(&verb_destinations, "it is ls, pause NAME, resume NAME or drop NAME",
                           NULL);
    }
    if (drop && !sure(a, "drop", "all that waits", a->rest[1])) {
        return EXIT_FAILED;
    }
    struct buf path, body;
    buf_init(&path, 1024);
    buf_init(&body, 1 << 20);
    buf_printf(&path, "/api/v1/destinations/%s/%s", a->rest[1], verb);
    struct admin_call call = {conf, NULL, "POST", buf_str(&path)};
    int rc = admin_ask(&call, &body);
    if (rc == EXIT_FINE) {
        printf("%s is %s\n", a->rest[1],
               drop ? "dropped: what waits for it is forgotten within seconds"
               : strcmp(verb, "pause") == 0 ? "paused"
                                            : "resumed");
    }
    buf_done(&path);
    buf_done(&body);
    return rc;
}

static int destinations(int argc, char **argv)
{
    return with_conf(&verb_destinations, argc, argv, destinations_with);
}

const struct verb verb_destinations = {
    "destinations", "List destinations; pause or resume one, or drop what is left of one.",
    "usage: penstock destinations ls [--json]\n"
    "       penstock destinations pause NAME\n"
    "       penstock destinations resume NAME\n"
    "       penstock destinations drop NAME [--yes]\n\n"
    "  -c, --config FILE   supplies the admin address and token\n"
    "While a destination is paused, its deliveries wait in Redis; the others go on.\n"
    "Other nodes obey within 2 s, and those that start before their first delivery.\n"
    "What is left of one that no node configures any more is kept until its time is over;\n"
    "drop forgets it, dead letters too.\n",
    destinations};

/* --- nodes */

static double number(yyjson_val *row, const char *key)
{
    return (double)yyjson_get_uint(yyjson_obj_get(row, key));
}

/* A line a worker, and below it one a journal. */
static void print_worker(yyjson_val *v)
{
    yyjson_val *j;
    size_t i, n;
    printf("%s/%-3" PRIu64 " %-8s %-20s pid %-8" PRIu64 " seen %.1f s ago\n", text(v, "node"),
           yyjson_get_uint(yyjson_obj_get(v, "worker")), text(v, "state"), text(v, "host"),
           yyjson_get_uint(yyjson_obj_get(v, "pid")), number(v, "seen_ms_ago") / 1000);
    yyjson_arr_foreach(yyjson_obj_get(v, "journals"), i, n, j)
    {
        printf("    journal %-10s %-4s %10.1f MiB  lease %.1f s\n", text(j, "name"),
               text(j, "kind"), number(j, "bytes") / (1 << 20), number(j, "lease_ms") / 1000);
    }
}

static void print_unowned(yyjson_val *v)
{
    printf("journal %s has no owner; whoever is there takes it when its lease has ended\n",
           yyjson_get_str(v));
}

static int nodes_with(const struct conf *conf, const struct args *a)
{
    size_t count;
    if (a->rest_count > 0) {
        return usage_error(&verb_nodes, "unexpected argument", a->rest[0]);
    }
    struct admin_call call = {conf, NULL, "GET", STR("/api/v1/nodes")};
    int rc = each_row(&call, "nodes", a->json, print_worker, &count);
    return rc != EXIT_FINE || a->json ? rc
                                      : each_row(&call, "unowned", false, print_unowned, &count);
}

static int nodes(int argc, char **argv)
{
    return with_conf(&verb_nodes, argc, argv, nodes_with);
}

const struct verb verb_nodes = {
    "nodes", "List all nodes on this Redis: their workers, journals and bytes.",
    "usage: penstock nodes [--json]\n\n"
    "  -c, --config FILE   supplies the admin address and token; any node will do\n"
    "Each journal with its bytes in Redis, and how long at least nobody else may take it (lease).\n"
    "A worker that is silent for 6 s is shown as such: its journals are being taken over.\n",
    nodes};
