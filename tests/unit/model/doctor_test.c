/* What is said of a Redis, and which line is to be changed. */
#include "model/doctor.h"

#include "test.h"

#include <stdio.h>
#include <string.h>

#define GOOD_INFO                                                                                  \
    "redis_version:7.0.15\r\nrole:master\r\nconnected_slaves:0\r\nmaxmemory:4294967296\r\n"        \
    "used_memory:1048576\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\n"                      \
    "aof_last_write_status:ok\r\naof_last_bgrewrite_status:ok\r\nrdb_last_bgsave_status:ok\r\n"    \
    "connected_clients:10\r\nmaxclients:10000\r\ncluster_enabled:0\r\n"

static const char *const good_config[] = {"appendonly",
                                          "yes",
                                          "appendfsync",
                                          "always",
                                          "no-appendfsync-on-rewrite",
                                          "no",
                                          "min-replicas-to-write",
                                          "0",
                                          "cluster-require-full-coverage",
                                          "no"};

struct heard {
    char all[4096];
    unsigned counts[3];
};

static void hear(void *user, enum doctor_verdict v, const char *text, const char *change)
{
    struct heard *h = user;
    size_t n = strlen(h->all);
    h->counts[v]++;
    snprintf(h->all + n, sizeof h->all - n, "%d %s | %s\n", (int)v, text, change);
}

static void judge_with(const char *settings, const struct doctor_facts *f, struct heard *h)
{
    char yaml[512];
    struct buf errors;
    snprintf(yaml, sizeof yaml,
             "%s\nsources: {s: {verify: none}}\n"
             "destinations: {d: 'http://d/'}\nroutes: [{from: s, to: d}]\n",
             settings);
    buf_init(&errors, 65536);
    struct conf *c = conf_parse(str_of(yaml), "p.yaml", &errors);
    assert_non_null(c);
    doctor_judge(c, f, hear, h);
    conf_unref(c);
    buf_done(&errors);
}

/* INFO with `line` in the place of the line of that name; CONFIG with `value` for `name`. */
static struct heard judge(const char *redis, const char *line, const char *name, const char *value)
{
    char text[2048], settings[256];
    struct str config[16];
    struct heard h = {{0}, {0}};
    snprintf(text, sizeof text, "%s", GOOD_INFO);
    if (line != NULL) { /* the first of a name counts */
        snprintf(text, sizeof text, "%s\r\n%s", line, GOOD_INFO);
    }
    size_t n = sizeof good_config / sizeof *good_config;
    for (size_t i = 0; i < n; i++) {
        config[i] = str_of(name != NULL && i % 2 == 1 && strcmp(good_config[i - 1], name) == 0
                               ? value
                               : good_config[i]);
    }
    snprintf(settings, sizeof settings, "redis: {url: 'redis://r'%s}", redis);
    struct doctor_facts f = {.info = str_of(text),
                             .config = config,
                             .config_count = name != NULL && value == NULL ? 0 : n,
                             .typical_us = 100,
                             .worst_us = 900};
    judge_with(settings, &f, &h);
    return h;
}

static void a_good_redis_is_fine(void **state)
{
    (void)state;
    struct heard h = judge("", NULL, NULL, NULL);
    assert_int_equal(h.counts[DOCTOR_WARNING] + h.counts[DOCTOR_WRONG], 0);
    assert_true(h.counts[DOCTOR_FINE] >= 6);
}

static void each_fault_names_the_line_to_change(void **state)
{
    (void)state;
    static const struct {
        const char *redis, *line, *name, *value;
        enum doctor_verdict v;
        const char *text, *change;
    } rows[] = {
        {"", "redis_version:6.2.1", NULL, NULL, DOCTOR_WRONG, "Redis 6.2.1 is too old", "7.0"},
        {"", "role:slave", NULL, NULL, DOCTOR_WRONG, "it is a replica", "redis.url"},
        {"", "maxmemory_policy:allkeys-lru", NULL, NULL, DOCTOR_WRONG, "evict whole journals",
         "maxmemory-policy noeviction"},
        {"", "maxmemory:0", NULL, NULL, DOCTOR_WARNING, "maxmemory is not set", "maxmemory 2560mb"},
        {"", "maxmemory:1048576", NULL, NULL, DOCTOR_WARNING, "Redis will be full first",
         "maxmemory 2560mb"},
        {"", NULL, "appendonly", "no", DOCTOR_WRONG, "needs the append-only file",
         "appendonly yes"},
        {"", NULL, "appendfsync", "everysec", DOCTOR_WRONG, "or Redis 7.2", "appendfsync always"},
        {"", NULL, "no-appendfsync-on-rewrite", "yes", DOCTOR_WRONG, "nothing is synced",
         "no-appendfsync-on-rewrite no"},
        {"", NULL, "appendonly", NULL, DOCTOR_WRONG, "CONFIG is barred", "assume_fsync"},
        {", durability: memory", NULL, "appendonly", "no", DOCTOR_WARNING,
         "a restart of Redis loses events", "appendonly yes"},
        {", durability: replica, replicas: 2", NULL, NULL, NULL, DOCTOR_WRONG,
         "waits for 2 replicas, there are 0", "redis.replicas"},
        {"", NULL, "min-replicas-to-write", "1", DOCTOR_WRONG, "NOREPLICAS",
         "min-replicas-to-write"},
        {"", "aof_last_write_status:err", NULL, NULL, DOCTOR_WRONG, "could not be written", "disk"},
        {"", "aof_last_bgrewrite_status:err", NULL, NULL, DOCTOR_WARNING,
         "rewrite of the append-only file failed", "disk"},
        {"", "rdb_last_bgsave_status:err", NULL, NULL, DOCTOR_WRONG, "MISCONF", "disk"},
        {"", "cluster_enabled:1", "cluster-require-full-coverage", "yes", DOCTOR_WARNING,
         "all others refuse too", "cluster-require-full-coverage no"},
        {"", "connected_clients:9500", NULL, NULL, DOCTOR_WARNING, "9500 of 10000", "maxclients"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct heard h = judge(rows[i].redis, rows[i].line, rows[i].name, rows[i].value);
        if (h.counts[rows[i].v] != 1 || strstr(h.all, rows[i].text) == NULL ||
            strstr(h.all, rows[i].change) == NULL) {
            fail_msg("row %zu wants \"%s\", \"%s\":\n%s", i, rows[i].text, rows[i].change, h.all);
        }
    }
}

static void what_was_measured_is_judged(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        struct doctor_facts f;
        const char *text, *change;
    } rows[] = {
        {"redis: {url: 'redis://r'}", {.ahead_ms = 1500}, "1.5 s ahead of", "time service"},
        {"redis: {url: 'redis://r'}", {.ahead_ms = -90000}, "90.0 s behind", "time service"},
        {"redis: {url: 'redis://r'}",
         {.typical_us = 6000, .worst_us = 70000},
         "6.0 ms, the worst "
         "70.0",
         "SLOWLOG"},
        {"redis: {retention: {max_memory: 1GiB}}",
         {.has_disk = true, .disk_free = 2047u << 20, .disk_all = UINT64_MAX},
         "2047 MiB are free; a rewrite of the append-only file (2048) and the spool (0) may need "
         "2048",
         "retention.max_memory"},
        {"redis: {url: 'redis://r'}\nspool: {size: 64MiB}",
         {.has_disk = true, .disk_free = 63 << 20, .disk_all = UINT64_MAX},
         "63 MiB are free; a rewrite of the append-only file (0) and the spool (64) may need 64",
         "spool.size"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct heard h = {{0}, {0}};
        struct doctor_facts f = rows[i].f;
        f.info = STR(GOOD_INFO);
        judge_with(rows[i].yaml, &f, &h);
        if (strstr(h.all, rows[i].text) == NULL || strstr(h.all, rows[i].change) == NULL) {
            fail_msg("row %zu wants \"%s\", \"%s\":\n%s", i, rows[i].text, rows[i].change, h.all);
        }
    }
}

static void a_cluster_that_is_not_whole_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *cluster;
        unsigned wrongs;
        const char *text;
    } rows[] = {
        {"cluster_state:ok\r\ncluster_slots_assigned:16384\r\n", 0, "master of a cluster"},
        {"cluster_state:fail\r\ncluster_slots_assigned:16384\r\n", 1, "CLUSTERDOWN"},
        {"cluster_state:ok\r\ncluster_slots_assigned:16000\r\n", 1, "384 of the 16384 slots"},
        {"", 0, "master of a cluster"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct heard h = {{0}, {0}};
        struct doctor_facts f = {.info = STR("cluster_enabled:1\r\n" GOOD_INFO),
                                 .cluster = str_of(rows[i].cluster)};
        judge_with("redis: {url: 'redis://r', assume_fsync: true}", &f, &h);
        if (h.counts[DOCTOR_WRONG] != rows[i].wrongs || strstr(h.all, rows[i].text) == NULL) {
            fail_msg("row %zu wants \"%s\":\n%s", i, rows[i].text, h.all);
        }
    }
}

static void a_master_under_sentinels_should_need_a_replica(void **state)
{
    (void)state;
    static const char yaml[] = "redis: {sentinel: {nodes: ['s:1'], master: m}%s}";
    const struct str barely[] = {STR("appendonly"),
                                 STR("yes"),
                                 STR("appendfsync"),
                                 STR("always"),
                                 STR("min-replicas-to-write"),
                                 STR("0")};
    const struct str safe[] = {STR("appendonly"),
                               STR("yes"),
                               STR("appendfsync"),
                               STR("always"),
                               STR("min-replicas-to-write"),
                               STR("1")};
    const struct {
        const char *more;
        const struct str *config;
        unsigned warnings;
    } rows[] = {{"", barely, 1}, {"", safe, 0}, {", durability: replica, replicas: 1", barely, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct heard h = {{0}, {0}};
        char text[256];
        struct doctor_facts f = {.info = STR("connected_slaves:1\r\n" GOOD_INFO),
                                 .config = rows[i].config,
                                 .config_count = 6};
        snprintf(text, sizeof text, yaml, rows[i].more);
        judge_with(text, &f, &h);
        assert_int_equal(h.counts[DOCTOR_WARNING], rows[i].warnings);
        assert_true((strstr(h.all, "which a failover loses") != NULL) == (rows[i].warnings > 0));
    }
}

static void later_servers_sync_once_a_second_and_prove_it(void **state)
{
    (void)state;
    struct heard h = judge("", "redis_version:7.2.4", "appendfsync", "everysec");
    assert_int_equal(h.counts[DOCTOR_WRONG], 0);
    assert_non_null(strstr(h.all, "WAITAOF"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_redis_is_fine),
        cmocka_unit_test(each_fault_names_the_line_to_change),
        cmocka_unit_test(what_was_measured_is_judged),
        cmocka_unit_test(a_cluster_that_is_not_whole_is_said),
        cmocka_unit_test(a_master_under_sentinels_should_need_a_replica),
        cmocka_unit_test(later_servers_sync_once_a_second_and_prove_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
