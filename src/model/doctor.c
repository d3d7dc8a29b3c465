/* One rule a function; each says one line, or more where there is more to say. */
#include "model/doctor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define SLOTS 16384u /* of every cluster */

struct room {
    const struct conf *conf;
    const struct doctor_facts *facts;
    doctor_say say;
    void *user;
};

static void say(const struct room *r, enum doctor_verdict v, const char *change, const char *format,
                ...) __attribute__((format(printf, 4, 5)));

static void say(const struct room *r, enum doctor_verdict v, const char *change, const char *format,
                ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    r->say(r->user, v, text, change);
}

/* --- facts */

static struct str info(const struct room *r, const char *name)
{
    return text_field(r->facts->info, str_of(name));
}

static uint64_t info_number(const struct room *r, const char *name)
{
    uint64_t v;
    return text_u64(info(r, name), INT64_MAX, &v) == NULL ? v : 0;
}

/* Empty: there is none of that name, or CONFIG is barred. */
static struct str config(const struct room *r, const char *name)
{
    for (size_t i = 0; i + 1 < r->facts->config_count; i += 2) {
        if (str_eq(r->facts->config[i], str_of(name))) {
            return r->facts->config[i + 1];
        }
    }
    return STR("");
}

static bool config_is(const struct room *r, const char *name, const char *value)
{
    return str_eq(config(r, name), str_of(value));
}

static bool is_of_cluster(const struct room *r)
{
    return str_eq(info(r, "cluster_enabled"), STR("1"));
}

static bool is_newer(struct str version, uint64_t major, uint64_t minor)
{
    struct str a, b, rest;
    uint64_t x, y;
    str_cut(version, '.', &a, &rest);
    str_cut(rest, '.', &b, &rest);
    if (text_u64(a, UINT32_MAX, &x) != NULL || text_u64(b, UINT32_MAX, &y) != NULL) {
        return false;
    }
    return x > major || (x == major && y >= minor);
}

static double mib(uint64_t bytes)
{
    return (double)bytes / (1 << 20);
}

/* --- rules */

static void judge_version(const struct room *r)
{
    struct str valkey = info(r, "valkey_version"), redis = info(r, "redis_version");
    if (is_newer(redis, 7, 0)) {
        say(r, DOCTOR_FINE, "", "%s %.*s", valkey.len > 0 ? "Valkey" : "Redis",
            STR_ARG(valkey.len > 0 ? valkey : redis));
    } else {
        say(r, DOCTOR_WRONG, "install Redis 7.0 or newer, or Valkey", "Redis %.*s is too old",
            STR_ARG(redis));
    }
}

static void judge_role(const struct room *r)
{
    uint64_t replicas = info_number(r, "connected_slaves");
    if (!str_eq(info(r, "role"), STR("master"))) {
        say(r, DOCTOR_WRONG,
            "redis.url: name the master, or redis.sentinel: let the sentinels name it",
            "it is a replica: nothing can be written to it");
        return;
    }
    say(r, DOCTOR_FINE, "", "master%s, %" PRIu64 " replicas",
        is_of_cluster(r) ? " of a cluster" : "", replicas);
    if (conf_wants(r->conf, DURABILITY_REPLICA) && replicas < r->conf->redis.replicas) {
        say(r, DOCTOR_WRONG, "start replicas, or set redis.replicas lower",
            "durability: replica waits for %u replicas, there are %" PRIu64 ": senders get 503",
            r->conf->redis.replicas, replicas);
    }
    uint64_t least = 0;
    if (text_u64(config(r, "min-replicas-to-write"), INT64_MAX, &least) == NULL &&
        least > replicas) {
        say(r, DOCTOR_WRONG, "start replicas, or set min-replicas-to-write lower",
            "min-replicas-to-write is %" PRIu64 ": it refuses all writes with NOREPLICAS", least);
    } else if (least == 0 && r->facts->config_count > 0 && r->conf->redis.sentinel.node_count > 0 &&
               !conf_wants(r->conf, DURABILITY_REPLICA)) {
        say(r, DOCTOR_WARNING, "min-replicas-to-write 1, or redis.durability: replica",
            "a master that is cut off goes on taking writes, which a failover loses");
    }
}

static void judge_cluster(const struct room *r)
{
    struct str state = text_field(r->facts->cluster, STR("cluster_state"));
    uint64_t slots = 0;
    if (!is_of_cluster(r)) {
        return;
    }
    if (state.len > 0 && !str_eq(state, STR("ok"))) {
        say(r, DOCTOR_WRONG, "redis-cli --cluster check, and bring back the masters that are away",
            "cluster_state is %.*s: it answers CLUSTERDOWN", STR_ARG(state));
    }
    if (text_u64(text_field(r->facts->cluster, STR("cluster_slots_assigned")), SLOTS, &slots) ==
            NULL &&
        slots < SLOTS) {
        say(r, DOCTOR_WRONG, "redis-cli --cluster fix",
            "%" PRIu64 " of the %u slots have no master: what lies there cannot be written",
            SLOTS - slots, SLOTS);
    }
    if (config_is(r, "cluster-require-full-coverage", "yes")) {
        say(r, DOCTOR_WARNING, "cluster-require-full-coverage no",
            "when one master is away without a replica, all others refuse too");
    }
}

static void judge_memory(const struct room *r)
{
    struct str policy = info(r, "maxmemory_policy");
    uint64_t most = info_number(r, "maxmemory"), used = info_number(r, "used_memory");
    uint64_t ours = r->conf->redis.max_memory;
    if (policy.len > 0 && !str_eq(policy, STR("noeviction"))) {
        say(r, DOCTOR_WRONG, "maxmemory-policy noeviction",
            "maxmemory-policy is %.*s: it would evict whole journals", STR_ARG(policy));
    } else {
        say(r, DOCTOR_FINE, "", "maxmemory-policy noeviction");
    }
    char change[64];
    snprintf(change, sizeof change, "maxmemory %" PRIu64 "mb", (ours + ours / 4) >> 20);
    if (most == 0) {
        say(r, DOCTOR_WARNING, change,
            "maxmemory is not set: Redis may grow until the kernel kills it; it uses %.0f MiB",
            mib(used));
    } else if (most < ours) {
        say(r, DOCTOR_WARNING, change,
            "maxmemory (%.0f MiB) is less than retention.max_memory (%.0f MiB): Redis will be full "
            "first",
            mib(most), mib(ours));
    } else {
        say(r, DOCTOR_FINE, "", "memory: %.0f of %.0f MiB", mib(used), mib(most));
    }
}

static void judge_fsync(const struct room *r)
{
    bool always = config_is(r, "appendfsync", "always");
    if (!config_is(r, "appendonly", "yes")) {
        say(r, DOCTOR_WRONG, "appendonly yes", "durability: fsync needs the append-only file");
    } else if (!always && !is_newer(info(r, "redis_version"), 7, 2)) {
        say(r, DOCTOR_WRONG, "appendfsync always",
            "durability: fsync needs \"appendfsync always\", or Redis 7.2");
    } else {
        say(r, DOCTOR_FINE, "", "append-only file, %s",
            always ? "synced before every answer"
                   : "synced once a second; WAITAOF proves each event");
    }
    if (config_is(r, "no-appendfsync-on-rewrite", "yes")) {
        say(r, DOCTOR_WRONG, "no-appendfsync-on-rewrite no",
            "no-appendfsync-on-rewrite is yes: nothing is synced while the file is rewritten");
    }
}

static void judge_files(const struct room *r)
{
    if (conf_wants(r->conf, DURABILITY_FSYNC)) {
        if (r->facts->config_count > 0) {
            judge_fsync(r);
        } else if (!r->conf->redis.assume_fsync) {
            say(r, DOCTOR_WRONG, "redis.assume_fsync: true, if it has \"appendfsync always\"",
                "CONFIG is barred: durability: fsync cannot be checked");
        }
    } else if (r->facts->config_count > 0 && !config_is(r, "appendonly", "yes")) {
        say(r, DOCTOR_WARNING, "appendonly yes",
            "no append-only file: a restart of Redis loses events");
    }
    if (str_eq(info(r, "aof_enabled"), STR("1")) &&
        !str_eq(info(r, "aof_last_write_status"), STR("ok"))) {
        say(r, DOCTOR_WRONG, "look at its log and its disk",
            "the append-only file could not be written");
    }
    if (str_eq(info(r, "aof_last_bgrewrite_status"), STR("err"))) {
        say(r, DOCTOR_WARNING, "look at its log and its disk",
            "the last rewrite of the append-only file failed");
    }
    if (str_eq(info(r, "rdb_last_bgsave_status"), STR("err"))) {
        say(r, DOCTOR_WRONG, "look at its log and its disk; stop-writes-on-bgsave-error no",
            "the last snapshot failed: Redis may refuse all writes (MISCONF)");
    }
}

static void judge_disk(const struct room *r)
{
    const struct doctor_facts *f = r->facts;
    const struct conf *c = r->conf;
    uint64_t store = c->redis.embedded ? 2 * c->redis.max_memory : 0; /* twice while it rewrites */
    uint64_t wanted = store + c->spool.size;
    if (!f->has_disk) {
        return;
    }
    if (f->disk_free < wanted) {
        say(r, DOCTOR_WARNING,
            "give data_dir a larger disk, or set retention.max_memory (the embedded store's) or "
            "spool.size lower",
            "disk of data_dir: %.0f MiB are free; a rewrite of the append-only file (%.0f) and the "
            "spool (%.0f) may need %.0f",
            mib(f->disk_free), mib(store), mib(c->spool.size), mib(wanted));
    } else {
        say(r, DOCTOR_FINE, "", "disk of data_dir: %.0f of %.0f MiB free", mib(f->disk_free),
            mib(f->disk_all));
    }
}

static void judge_clients(const struct room *r)
{
    uint64_t now = info_number(r, "connected_clients"), most = info_number(r, "maxclients");
    if (most > 0 && now * 10 >= most * 9) {
        say(r, DOCTOR_WARNING, "maxclients 10000",
            "%" PRIu64 " of %" PRIu64 " clients are connected", now, most);
    }
}

static void judge_clock(const struct room *r)
{
    int64_t ms = r->facts->ahead_ms;
    if (ms > 1000 || ms < -1000) {
        say(r, DOCTOR_WARNING, "run a time service (chrony, systemd-timesyncd) on both machines",
            "its clock is %.1f s %s ours", (double)(ms < 0 ? -ms : ms) / 1000,
            ms < 0 ? "behind" : "ahead of");
    } else {
        say(r, DOCTOR_FINE, "", "clock: within a second of ours");
    }
}

static void judge_latency(const struct room *r)
{
    double typical = (double)r->facts->typical_us / 1000, worst = (double)r->facts->worst_us / 1000;
    if (r->facts->typical_us > 5000) {
        say(r, DOCTOR_WARNING,
            "put Redis nearer, or look for what keeps it busy (SLOWLOG GET, LATENCY DOCTOR)",
            "a round trip takes %.1f ms, the worst %.1f: every sender waits for one", typical,
            worst);
    } else {
        say(r, DOCTOR_FINE, "", "a round trip takes %.2f ms, the worst %.2f", typical, worst);
    }
}

void doctor_judge(const struct conf *c, const struct doctor_facts *f, doctor_say on_say, void *user)
{
    const struct room r = {c, f, on_say, user};
    judge_version(&r);
    judge_role(&r);
    judge_cluster(&r);
    judge_memory(&r);
    judge_files(&r);
    judge_disk(&r);
    judge_clients(&r);
    judge_clock(&r);
    judge_latency(&r);
}
