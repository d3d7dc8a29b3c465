/* What is asked of a master before it is used, and what it is refused for. */
#include "relay/learned.h"
#include "relay/journal.h"

#include "base/log.h"
#include "io/sentinel.h"
#include "relay/cluster.h"
#include "relay/embedded.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void master_trouble(struct master *m, bool unsuitable, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(m->trouble, sizeof m->trouble, format, args);
    va_end(args);
    m->unsuitable = unsuitable;
    log_line(LOG_ERROR, "Redis cannot be used", "why", "%s", m->trouble, NULL);
}

static void look_again(struct wheel_timer *t);

void master_check_failed(struct master *m)
{
    if (m->closing > 0) {
        return;
    }
    bool soon = m->is_split || (m->is_replica && m->w->redis.sentinel != NULL);
    wheel_arm(&m->w->wheel, &m->recheck, soon ? 500 : 2000, look_again);
}

struct str redis_info(const redisReply *info, struct str name)
{
    return text_field(store_text(info), name);
}

static void keep_run_id(struct master *m, int which, const redisReply *info)
{
    struct str id = redis_info(info, STR("run_id"));
    memset(m->run_id[which], 0, sizeof m->run_id[which]);
    text_copy(m->run_id[which], sizeof m->run_id[which], id);
}

/* Valkey calls itself Redis 7.2.4, for old clients, and says its own version beside that. */
static bool version_fits(struct master *m, const redisReply *info)
{
    struct str redis = redis_info(info, STR("redis_version"));
    struct str valkey = redis_info(info, STR("valkey_version")), major, rest;
    uint64_t v = 0;
    str_cut(redis, '.', &major, &rest);
    snprintf(m->version, sizeof m->version, "%s %.*s", valkey.len > 0 ? "valkey" : "redis",
             STR_ARG(valkey.len > 0 ? valkey : redis));
    if (text_u64(major, 1000, &v) != NULL) {
        return false;
    }
    m->has_waitaof = v > 7 || (v == 7 && rest.len > 0 && rest.at[0] >= '2');
    return v >= 7;
}

/* What the server is. Anything that evicts, or is not a master, could lose what was acknowledged.
 * In a cluster its own map says what is a master. */
static bool server_fits(struct master *m, const redisReply *info)
{
    struct str policy = redis_info(info, STR("maxmemory_policy"));
    if (text_u64(redis_info(info, STR("maxmemory")), INT64_MAX, &m->maxmemory) != NULL) {
        m->maxmemory = 0;
    }
    m->is_replica =
        m->w->redis.cluster == NULL && !str_eq(redis_info(info, STR("role")), STR("master"));
    if (!version_fits(m, info)) {
        master_trouble(m, true, "Redis 7.0 or newer, or Valkey, is needed; this is %s", m->version);
    } else if (m->is_replica) {
        master_trouble(m, false, "it is a replica; waiting for it to become the master");
    } else if (policy.len > 0 && !str_eq(policy, STR("noeviction"))) {
        master_trouble(m, true,
                       "maxmemory-policy is %.*s, which evicts whole journals; set "
                       "\"maxmemory-policy noeviction\" in redis.conf",
                       STR_ARG(policy));
    } else {
        return true;
    }
    return false;
}

static bool config_is(const redisReply *config, const char *name, const char *wanted)
{
    for (size_t i = 0; i + 1 < config->elements; i += 2) {
        if (str_eq(store_text(config->element[i]), str_of(name))) {
            return str_eq(store_text(config->element[i + 1]), str_of(wanted));
        }
    }
    return false;
}

static enum master_sync sync_of(const struct master *m, const redisReply *config)
{
    if (m->w->conf->redis.assume_fsync) {
        return SYNC_EACH;
    }
    if (store_error_of(config) != STORE_OK || !config_is(config, "appendonly", "yes")) {
        return SYNC_LATER;
    }
    if (config_is(config, "appendfsync", "always")) {
        return SYNC_EACH;
    }
    return m->has_waitaof && conf_wants(m->w->conf, DURABILITY_FSYNC) ? SYNC_PROVEN : SYNC_LATER;
}

/* Can a 2xx promise "fsync" here? */
static bool durability_fits(struct master *m, const redisReply *config)
{
    if (!conf_wants(m->w->conf, DURABILITY_FSYNC) || m->w->conf->redis.assume_fsync) {
        return true;
    }
    if (store_error_of(config) != STORE_OK) {
        master_trouble(m, true,
                       "durability: fsync cannot be checked, CONFIG is not allowed; if the server "
                       "has \"appendfsync always\", write redis.assume_fsync: true");
    } else if (!config_is(config, "appendonly", "yes")) {
        master_trouble(m, true,
                       "durability: fsync needs \"appendonly yes\" and \"appendfsync always\" in "
                       "redis.conf; or write redis.durability: memory");
    } else if (!config_is(config, "no-appendfsync-on-rewrite", "no")) {
        master_trouble(m, true,
                       "durability: fsync needs \"no-appendfsync-on-rewrite no\" in redis.conf");
    } else if (m->sync == SYNC_LATER) {
        master_trouble(m, true,
                       "durability: fsync needs \"appendfsync always\" in redis.conf (or Redis "
                       "7.2); or write redis.durability: memory");
    } else {
        return true;
    }
    return false;
}

void master_appends_alone(const struct master *m)
{
    log_line(LOG_WARN,
             "Redis refuses MULTI or EXEC, so fewer events share a sync; allow its user +multi "
             "+exec",
             "host", "%s", m->host, "port", "%u", m->port, NULL);
}

static void is_ready(struct master *m)
{
    struct worker *w = m->w;
    bool same = strcmp(m->run_id[1], m->last_run_id) == 0;
    if (m->sync == SYNC_EACH) {
        master_appends_alone(m);
    }
    memcpy(m->last_run_id, m->run_id[1], sizeof m->last_run_id);
    m->proves = m->sync == SYNC_PROVEN || conf_wants(w->conf, DURABILITY_REPLICA);
    m->ready = true;
    m->finds = 0;
    budget_limit(w);
    log_line(LOG_INFO, "Redis is ready", "server", "%s", m->version, "host", "%s", m->host, "port",
             "%u", m->port, "run_id", "%s", m->run_id[1], NULL);
    learned_read(w);
    worker_read_destinations(w);
    lease_up(m);
    if (!w->former_asked) {
        w->former_asked = true;
        life_adopt(w);
    }
    adopt_start(m, !same);
    adopt_scan(w);
}

void master_check_passed(struct master *m)
{
    if (--m->checks > 0 || m->trouble[0] != '\0' || m->closing > 0) {
        return;
    }
    if (strcmp(m->run_id[0], m->run_id[1]) == 0) {
        is_ready(m);
        return;
    }
    master_trouble(m, false, "its two connections reach different servers; connecting again");
    m->is_split = true; /* perhaps for long: of what balances between servers */
    master_check_failed(m);
}

static bool info_came(struct master *m, const redisReply *reply)
{
    if (reply != NULL && store_error_of(reply) != STORE_OK) {
        master_trouble(m, false, "INFO was refused: %s", store_error_word(store_error_of(reply)));
        master_check_failed(m);
    }
    return reply != NULL && store_error_of(reply) == STORE_OK;
}

static void on_appends_info(void *user, const redisReply *reply)
{
    struct master *m = user;
    if (info_came(m, reply)) {
        keep_run_id(m, 0, reply);
        master_check_passed(m);
    }
}

static void on_info(void *user, const redisReply *reply)
{
    struct master *m = user;
    if (!info_came(m, reply) || m->closing > 0) {
        return;
    }
    if (str_eq(redis_info(reply, STR("cluster_enabled")), STR("1"))) {
        cluster_check(m);
    }
    if (server_fits(m, reply)) {
        keep_run_id(m, 1, reply);
        master_check_passed(m);
    } else {
        master_check_failed(m);
    }
}

static void on_discard(void *user, const redisReply *reply)
{
    struct master *m = user;
    if (reply == NULL) {
        return;
    }
    if (store_error_of(reply) == STORE_OK) {
        master_check_passed(m);
        return;
    }
    master_trouble(m, true,
                   "it begins a transaction and can neither run nor discard it; rename none of "
                   "MULTI, EXEC and DISCARD, or MULTI too");
    m->is_stuck = true;
    master_check_failed(m);
}

static void on_exec(void *user, const redisReply *reply)
{
    struct master *m = user;
    if (reply == NULL) {
        return;
    }
    if (reply->type == REDIS_REPLY_ARRAY) {
        m->sync = SYNC_TOGETHER;
        master_check_passed(m);
    } else if (store_error_of(reply) == STORE_EXECABORT) {
        master_check_passed(m);
    } else { /* it goes by another name */
        store_send(m->appends, 1, &STR("DISCARD"), on_discard, m);
    }
}

static void on_multi(void *user, const redisReply *reply)
{
    struct master *m = user;
    if (reply == NULL) {
        return;
    }
    if (store_error_of(reply) == STORE_OK) {
        store_send(m->appends, 1, &STR("EXEC"), on_exec, m);
    } else {
        master_check_passed(m);
    }
}

static void on_config(void *user, const redisReply *reply)
{
    struct master *m = user;
    if (reply == NULL) {
        return;
    }
    m->sync = sync_of(m, reply);
    if (!durability_fits(m, reply)) {
        master_check_failed(m);
    } else if (m->sync == SYNC_EACH) { /* together? MULTI may be allowed, and EXEC not */
        store_send(m->appends, 1, &STR("MULTI"), on_multi, m);
    } else {
        master_check_passed(m);
    }
}

/* Everything is asked again after any connect: each answer belongs to the connections as they are.
 */
void master_check(struct master *m)
{
    if (!m->appends_up || !m->main_up || m->closing > 0) {
        return;
    }
    m->trouble[0] = '\0';
    m->unsuitable = m->is_split = m->is_stuck = false;
    m->checks = 3 + SCRIPT_COUNT;
    struct str info[] = {STR("INFO"), STR("everything")};
    struct str config[] = {STR("CONFIG"), STR("GET"), STR("append*"),
                           STR("no-appendfsync-on-rewrite")};
    struct str server[] = {STR("INFO"), STR("server")};
    store_send(m->main, 2, info, on_info, m);
    store_send(m->main, 4, config, on_config, m);
    scripts_load(m);
    store_send(m->appends, 2, server, on_appends_info, m);
}

static void look_again(struct wheel_timer *t)
{
    struct master *m = CONTAINER_OF(t, struct master, recheck);
    if (!m->is_replica && !m->is_split && !m->is_stuck) {
        if (store_pending(m->appends) + store_pending(m->main) > 0) {
            /* It would count as an answer to this one. */
            wheel_arm(&m->w->wheel, &m->recheck, 50, look_again);
        } else {
            master_check(m);
        }
        return;
    }
    /* The name, or a sentinel, may lead to the master now. */
    if (m->is_replica && m->w->redis.sentinel != NULL) {
        sentinel_next(m->w->redis.sentinel);
    }
    const char *why = m->is_replica ? "it is a replica"
                      : m->is_split ? "another server"
                                    : "a transaction that it lets nobody leave";
    store_reset(m->appends, why);
    store_reset(m->main, why);
}
