/* doctor: looks at Redis as the configuration names it, and says what to change. */
#include "cli/cli.h"
#include "io/tls_context.h"
#include "model/doctor.h"

#include <getopt.h>
#include <hiredis/hiredis.h>
#include <hiredis/hiredis_ssl.h>
#include <inttypes.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { PINGS = 20, TARGETS_MAX = 64 };

struct target {
    char host[256]; /* or the path of a socket, where port is 0 */
    uint16_t port;
};

struct visit_list {
    struct target v[TARGETS_MAX];
    size_t n;
};

struct tally {
    bool colour;
    unsigned warnings, wrongs;
};

static void add_target(struct visit_list *list, struct str host, uint16_t port)
{
    for (size_t i = 0; i < list->n; i++) {
        if (str_eq(str_of(list->v[i].host), host) && list->v[i].port == port) {
            return;
        }
    }
    if (list->n < TARGETS_MAX && host.len > 0 && host.len < sizeof list->v[0].host) {
        struct target *t = &list->v[list->n++];
        snprintf(t->host, sizeof t->host, "%.*s", STR_ARG(host));
        t->port = port;
    }
}

/* --- one connection, blocking */

static struct str text_of(const redisReply *r)
{
    bool is_text = r != NULL && (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS);
    return is_text ? (struct str){r->str, r->len} : STR_NONE;
}

/* Our own SSL, which checks the name. */
static const char *start_tls(redisContext *c, const struct conf *conf, struct str host)
{
    struct tls_context *tls;
    struct tls_files files = {conf->redis.files.ca_file, conf->redis.files.cert_file,
                              conf->redis.files.key_file};
    const char *why = tls_client_new(&tls, &files);
    if (why != NULL) {
        return why;
    }
    SSL *ssl = tls_client_ssl(tls, host);
    tls_context_unref(tls);
    if (redisInitiateSSL(c, ssl) != REDIS_OK) {
        SSL_free(ssl);
        return "the TLS handshake failed; see redis.tls";
    }
    return NULL;
}

static redisReply *ask(redisContext *c, size_t argc, const struct str *argv)
{
    const char *texts[8];
    size_t lengths[8];
    for (size_t i = 0; i < argc; i++) {
        texts[i] = argv[i].at;
        lengths[i] = argv[i].len;
    }
    return redisCommandArgv(c, (int)argc, texts, lengths);
}

/* NULL, and the reason is printed. */
static redisContext *reach(const struct conf *conf, const struct target *t, struct str user,
                           struct str password)
{
    const struct timeval limit = {5, 0};
    redisContext *c = t->port == 0 ? redisConnectUnixWithTimeout(t->host, limit)
                                   : redisConnectWithTimeout(t->host, t->port, limit);
    const char *why = c == NULL ? "out of memory" : c->err != 0 ? c->errstr : NULL;
    if (why == NULL) {
        redisSetTimeout(c, limit);
        why = conf->redis.tls ? start_tls(c, conf, str_of(t->host)) : NULL;
    }
    if (why == NULL && password.len > 0) {
        const struct str named[] = {STR("AUTH"), user, password}, old[] = {STR("AUTH"), password};
        redisReply *r = user.len > 0 ? ask(c, 3, named) : ask(c, 2, old);
        if (r == NULL || r->type == REDIS_REPLY_ERROR) {
            fprintf(stderr, "penstock doctor: %s: %s\n", t->host, r == NULL ? c->errstr : r->str);
            freeReplyObject(r);
            redisFree(c);
            return NULL;
        }
        freeReplyObject(r);
    }
    if (why != NULL) {
        fprintf(stderr, "penstock doctor: %s:%u: %s\n", t->host, t->port, why);
        if (c != NULL) {
            redisFree(c);
        }
        return NULL;
    }
    return c;
}

/* --- what is asked */

static void print(void *user, enum doctor_verdict v, const char *text, const char *change)
{
    static const char *const words[] = {"ok     ", "warning", "WRONG  "};
    static const char *const colours[] = {"32", "33", "31"};
    struct tally *t = user;
    t->warnings += v == DOCTOR_WARNING;
    t->wrongs += v == DOCTOR_WRONG;
    if (t->colour) {
        printf("  \033[%sm%s\033[0m  %s\n", colours[v], words[v], text);
    } else {
        printf("  %s  %s\n", words[v], text);
    }
    if (change[0] != '\0') {
        printf("             change: %s\n", change);
    }
}

static int64_t now_us(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void measure(redisContext *c, struct doctor_facts *f)
{
    int64_t took[PINGS];
    uint64_t seconds = 0, micros = 0;
    const struct str ping[] = {STR("PING")}, time_of[] = {STR("TIME")};
    for (size_t i = 0; i < PINGS; i++) {
        int64_t before = now_us(CLOCK_MONOTONIC);
        freeReplyObject(ask(c, 1, ping));
        took[i] = now_us(CLOCK_MONOTONIC) - before;
    }
    qsort(took, PINGS, sizeof *took, by_size);
    f->typical_us = (uint64_t)took[PINGS / 2];
    f->worst_us = (uint64_t)took[PINGS - 1];
    redisReply *r = ask(c, 1, time_of);
    if (r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
        text_u64(text_of(r->element[0]), INT64_MAX / 1000000, &seconds) == NULL &&
        text_u64(text_of(r->element[1]), 1000000, &micros) == NULL) {
        f->ahead_ms =
            ((int64_t)seconds * 1000000 + (int64_t)micros - now_us(CLOCK_REALTIME)) / 1000;
    }
    freeReplyObject(r);
}

static void measure_disk(const struct conf *conf, struct doctor_facts *f)
{
    struct statvfs s;
    if (conf_uses_data_dir(conf) && statvfs(conf->data_dir.at, &s) == 0) {
        f->has_disk = true;
        f->disk_free = (uint64_t)s.f_bavail * s.f_frsize;
        f->disk_all = (uint64_t)s.f_blocks * s.f_frsize;
    }
}

static void add_masters(redisContext *c, struct visit_list *list)
{
    const struct str slots[] = {STR("CLUSTER"), STR("SLOTS")};
    redisReply *r = ask(c, 2, slots);
    for (size_t i = 0; r != NULL && r->type == REDIS_REPLY_ARRAY && i < r->elements; i++) {
        const redisReply *range = r->element[i];
        if (range->type == REDIS_REPLY_ARRAY && range->elements > 2 &&
            range->element[2]->type == REDIS_REPLY_ARRAY && range->element[2]->elements > 1 &&
            range->element[2]->element[1]->type == REDIS_REPLY_INTEGER) {
            add_target(list, text_of(range->element[2]->element[0]),
                       (uint16_t)range->element[2]->element[1]->integer);
        }
    }
    freeReplyObject(r);
}

static bool is_text(const redisReply *r)
{
    return r != NULL && (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_VERB);
}

/* False: it does not answer. */
static bool look_at(const struct conf *conf, struct visit_list *list, size_t index,
                    struct tally *tally)
{
    const struct target *t = &list->v[index];
    const struct str all[] = {STR("INFO"), STR("everything")};
    const struct str get[] = {STR("CONFIG"), STR("GET"), STR("*")};
    const struct str state[] = {STR("CLUSTER"), STR("INFO")};
    struct doctor_facts f = {0};
    redisContext *c = reach(conf, t, conf->redis.user, conf->redis.password);
    if (c == NULL) {
        return false;
    }
    redisReply *info = ask(c, 2, all), *config = ask(c, 3, get), *cluster = ask(c, 2, state);
    bool good = is_text(info);
    if (good) {
        if (is_text(cluster)) {
            f.cluster = text_of(cluster);
        }
        struct str *values = NULL;
        f.info = (struct str){info->str, info->len};
        if (config != NULL && config->type == REDIS_REPLY_ARRAY && config->elements > 0) {
            values = calloc(config->elements, sizeof *values);
            for (size_t i = 0; values != NULL && i < config->elements; i++) {
                values[i] = text_of(config->element[i]);
            }
            f.config = values;
            f.config_count = values == NULL ? 0 : config->elements;
        }
        measure(c, &f);
        if (index == 0) { /* ours, not that of the Redis */
            measure_disk(conf, &f);
        }
        if (t->port == 0) {
            printf("%s\n", t->host);
        } else {
            printf("%s:%u\n", t->host, t->port);
        }
        doctor_judge(conf, &f, print, tally);
        if (memmem(f.info.at, f.info.len, "cluster_enabled:1", 17) != NULL) {
            add_masters(c, list);
        }
        free(values);
    } else {
        fprintf(stderr, "penstock doctor: %s: INFO was refused: %s\n", t->host,
                info == NULL ? c->errstr : info->str);
    }
    freeReplyObject(info);
    freeReplyObject(config);
    freeReplyObject(cluster);
    redisFree(c);
    return good;
}

/* --- where to look */

static void ask_sentinels(const struct conf *conf, struct visit_list *list, struct tally *tally)
{
    for (size_t i = 0; i < conf->redis.sentinel.node_count; i++) {
        struct target t = {.port = conf->redis.sentinel.nodes[i].port};
        const struct str where[] = {STR("SENTINEL"), STR("get-master-addr-by-name"),
                                    conf->redis.sentinel.master};
        uint64_t port;
        snprintf(t.host, sizeof t.host, "%.*s", STR_ARG(conf->redis.sentinel.nodes[i].host));
        redisContext *c = reach(conf, &t, conf->redis.sentinel.user, conf->redis.sentinel.password);
        redisReply *r = c == NULL ? NULL : ask(c, 3, where);
        if (r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 2 &&
            text_u64(text_of(r->element[1]), UINT16_MAX, &port) == NULL) {
            printf("sentinel %s:%u names %s:%" PRIu64 "\n", t.host, t.port, r->element[0]->str,
                   port);
            add_target(list, text_of(r->element[0]), (uint16_t)port);
        } else if (c != NULL) {
            fprintf(stderr, "penstock doctor: sentinel %s:%u knows no master \"%.*s\"\n", t.host,
                    t.port, STR_ARG(conf->redis.sentinel.master));
        }
        freeReplyObject(r);
        if (c != NULL) {
            redisFree(c);
        }
    }
    if (list->n > 1) {
        print(tally, DOCTOR_WRONG, "the sentinels do not agree",
              "redis.sentinel.nodes, or SENTINEL RESET at those that are behind");
    }
}

static void find_targets(const struct conf *conf, struct visit_list *list, struct tally *tally)
{
    char path[256];
    if (conf->redis.embedded) {
        snprintf(path, sizeof path, "%.*s/redis/socket", STR_ARG(conf->data_dir));
        add_target(list, str_of(path), 0);
    } else if (conf->redis.sentinel.node_count > 0) {
        ask_sentinels(conf, list, tally);
    } else if (conf->redis.unix_path.len > 0) {
        add_target(list, conf->redis.unix_path, 0);
    } else {
        add_target(list, conf->redis.host, conf->redis.port);
    }
}

static int doctor(int argc, char **argv)
{
    const char *path = NULL;
    static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {0}};
    for (int o; (o = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
        if (o != 'c') {
            return usage_error(&verb_doctor, "it takes -c FILE only", NULL);
        }
        path = optarg;
    }
    if (optind < argc) {
        return usage_error(&verb_doctor, "unexpected argument", argv[optind]);
    }
    struct conf *conf = conf_for(path);
    if (conf == NULL) {
        return EXIT_FAILED;
    }
    struct visit_list list = {.n = 0};
    struct tally tally = {.colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL};
    bool all = true;
    find_targets(conf, &list, &tally);
    for (size_t i = 0; i < list.n; i++) {
        all &= look_at(conf, &list, i, &tally);
    }
    if (list.n == 0 || !all) {
        fprintf(stderr, "penstock doctor: Redis is not reachable%s\n",
                conf->redis.embedded ? "; the embedded one runs only while penstock does" : "");
    }
    conf_unref(conf);
    return list.n == 0 || !all ? EXIT_UNREACHABLE : tally.wrongs > 0 ? EXIT_FAILED : EXIT_FINE;
}

const struct verb verb_doctor = {
    "doctor", "Look at Redis: what could lose data or refuse senders, and the line to change.",
    "usage: penstock doctor [-c FILE]\n\n"
    "  -c, --config FILE   the configuration; default as for run\n\n"
    "Asks the Redis of the configuration (the sentinels for its master, or every master of a "
    "cluster)\n"
    "for its version, role, memory, files, clock and round trips. Exit 0: nothing is wrong, "
    "warnings\n"
    "perhaps; 1: something is; 3: it is not reachable.\n",
    doctor};
