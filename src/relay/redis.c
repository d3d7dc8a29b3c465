/* Both connections to Redis: what is checked when they are up, and the scripts. */
#include "relay/journal.h"

#include "base/log.h"
#include "relay/embedded.h"
#include "relay/scripts.h"
#include "relay/stats.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct script {
    const char *text;
    char sha[41];
};

static const char *const texts[SCRIPT_COUNT] = {
    [SCRIPT_CREATE_ID] = SCRIPT_CREATE, [SCRIPT_RENEW_ID] = SCRIPT_RENEW,
    [SCRIPT_TAKE_ID] = SCRIPT_TAKE,     [SCRIPT_SEAL_ID] = SCRIPT_SEAL,
    [SCRIPT_COMMIT_ID] = SCRIPT_COMMIT, [SCRIPT_COMMIT_BODIES_ID] = SCRIPT_COMMIT_BODIES,
    [SCRIPT_MARK_ID] = SCRIPT_MARK,     [SCRIPT_FREE_ID] = SCRIPT_FREE,
    [SCRIPT_DELETE_ID] = SCRIPT_DELETE, [SCRIPT_REQUEST_ID] = SCRIPT_REQUEST,
    [SCRIPT_CLAIM_ID] = SCRIPT_CLAIM,
};

/* --- scripts */

struct script_call {
    struct journal *j;
    script_on_answer on_answer;
    int64_t sent_ms;
};

bool script_unfit(enum store_error e)
{
    return e == STORE_NOSCRIPT || e == STORE_READONLY;
}

/* Whoever it was that asked: nobody else may come to ask on these connections. */
static void look_at_error(struct worker *w, const redisReply *reply)
{
    enum store_error e = store_error_of(reply);
    if (script_unfit(e)) {
        store_reset(w->redis.main, store_error_word(e));
    }
}

static void on_script(void *user, const redisReply *reply)
{
    struct script_call call = *(struct script_call *)user;
    free(user);
    look_at_error(call.j->w, reply);
    if (!journal_release(call.j)) {
        call.on_answer(call.j, reply, call.sent_ms);
    }
}

static bool send_script(struct worker *w, enum script_id id, const struct str keys[KEY_COUNT],
                        size_t argc, const struct str *argv, store_on_reply on_reply, void *user)
{
    struct str *all = malloc((3 + KEY_COUNT + argc) * sizeof *all);
    ENSURE(all != NULL);
    all[0] = STR("EVALSHA");
    all[1] = str_of(w->redis.scripts[id].sha);
    all[2] = STR("6");
    _Static_assert(KEY_COUNT == 6, "the command says so too");
    memcpy(all + 3, keys, KEY_COUNT * sizeof *keys);
    memcpy(all + 3 + KEY_COUNT, argv, argc * sizeof *argv);
    bool ok = store_send(w->redis.main, 3 + KEY_COUNT + argc, all, on_reply, user);
    free(all);
    return ok;
}

bool script_send(struct journal *j, enum script_id id, size_t argc, const struct str *argv,
                 script_on_answer on_answer)
{
    struct script_call *call = malloc(sizeof *call);
    ENSURE(call != NULL);
    *call = (struct script_call){j, on_answer, boot_ms()};
    bool ok = send_script(j->w, id, j->keys.v, argc, argv, on_script, call);
    if (ok) {
        journal_hold(j);
    } else {
        free(call);
    }
    return ok;
}

struct script_to {
    struct worker *w;
    store_on_reply on_reply;
    void *user;
};

static void on_script_to(void *user, const redisReply *reply)
{
    struct script_to call = *(struct script_to *)user;
    free(user);
    look_at_error(call.w, reply);
    call.on_reply(call.user, reply);
}

bool script_send_to(struct worker *w, uint64_t number, enum script_id id, size_t argc,
                    const struct str *argv, store_on_reply on_reply, void *user)
{
    struct journal_keys keys;
    struct script_to *call = malloc(sizeof *call);
    ENSURE(call != NULL);
    *call = (struct script_to){w, on_reply, user};
    journal_keys_init(&keys, w->conf->redis.prefix, number);
    bool ok = send_script(w, id, keys.v, argc, argv, on_script_to, call);
    if (!ok) {
        free(call);
    }
    return ok;
}

struct answer answer_read(const redisReply *reply)
{
    struct answer a = {.error = store_error_of(reply)};
    if (a.error != STORE_OK) {
        return a;
    }
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 5) {
        a.error = STORE_ERROR;
        return a;
    }
    a.word = store_text(reply->element[0]);
    a.owner = store_text(reply->element[1]);
    a.version = store_text(reply->element[2]);
    if (text_u64(store_text(reply->element[3]), UINT64_MAX, &a.top) != NULL) {
        a.top = 0; /* no stream */
    }
    a.sealed = reply->element[4]->type == REDIS_REPLY_INTEGER && reply->element[4]->integer == 1;
    a.extra = 5;
    return a;
}

/* --- the checks at connect */

static void say_trouble(struct worker *w, bool unsuitable, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void say_trouble(struct worker *w, bool unsuitable, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(w->redis.trouble, sizeof w->redis.trouble, format, args);
    va_end(args);
    w->redis.unsuitable = unsuitable;
    log_line(LOG_ERROR, "Redis cannot be used", "why", "%s", w->redis.trouble, NULL);
}

static void look_again(struct wheel_timer *t);

static void check_failed(struct worker *w)
{
    wheel_arm(&w->wheel, &w->redis.recheck, 2000, look_again);
}

/* The value of "name:value" in an INFO answer. */
static struct str info_value(const redisReply *info, struct str name)
{
    struct str rest = store_text(info), line, key, value;
    while (rest.len > 0) {
        str_cut(rest, '\n', &line, &rest);
        if (str_cut(line, ':', &key, &value) && str_eq(key, name)) {
            return str_ends(value, STR("\r")) ? str_head(value, value.len - 1) : value;
        }
    }
    return STR("");
}

static void keep_run_id(struct worker *w, int which, const redisReply *info)
{
    struct str id = info_value(info, STR("run_id"));
    memset(w->redis.run_id[which], 0, sizeof w->redis.run_id[which]);
    memcpy(w->redis.run_id[which], id.at, id.len < 47 ? id.len : 47);
}

/* What the server is. Anything that evicts, or is not a master, could lose what was acknowledged.
 */
static bool server_fits(struct worker *w, const redisReply *info)
{
    struct str version = info_value(info, STR("redis_version")), major, rest;
    struct str policy = info_value(info, STR("maxmemory_policy"));
    uint64_t v = 0;
    str_cut(version, '.', &major, &rest);
    if (text_u64(major, 1000, &v) != NULL || v < 7) {
        say_trouble(w, true, "Redis 7.0 or newer is needed, this is %.*s", STR_ARG(version));
    } else if (!str_eq(info_value(info, STR("role")), STR("master"))) {
        say_trouble(w, false, "it is a replica; waiting for it to become the master");
    } else if (policy.len > 0 && !str_eq(policy, STR("noeviction"))) {
        say_trouble(w, true,
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

static bool durability_fits(struct worker *w, const redisReply *config)
{
    if (w->conf->redis.durability != DURABILITY_FSYNC || w->conf->redis.assume_fsync) {
        return true;
    }
    if (store_error_of(config) != STORE_OK) {
        say_trouble(w, true,
                    "durability: fsync cannot be checked, CONFIG is not allowed; if the server "
                    "has \"appendfsync always\", write redis.assume_fsync: true");
    } else if (!config_is(config, "appendonly", "yes")) {
        say_trouble(w, true,
                    "durability: fsync needs \"appendonly yes\" and \"appendfsync always\" in "
                    "redis.conf; or write redis.durability: memory");
    } else if (!config_is(config, "appendfsync", "always")) {
        say_trouble(w, true,
                    "durability: fsync needs \"appendfsync always\" in redis.conf; or write "
                    "redis.durability: memory");
    } else if (!config_is(config, "no-appendfsync-on-rewrite", "no")) {
        say_trouble(w, true,
                    "durability: fsync needs \"no-appendfsync-on-rewrite no\" in redis.conf");
    } else {
        return true;
    }
    return false;
}

static void check_passed(struct worker *w)
{
    struct redis_side *r = &w->redis;
    if (--r->checks > 0 || r->trouble[0] != '\0') {
        return;
    }
    if (strcmp(r->run_id[0], r->run_id[1]) != 0) {
        say_trouble(w, false, "its two connections reach different servers; connecting again");
        store_reset(r->appends, "another server");
        store_reset(r->main, "another server");
        return;
    }
    bool same = strcmp(r->run_id[1], r->last_run_id) == 0;
    memcpy(r->last_run_id, r->run_id[1], sizeof r->last_run_id);
    r->ready = true;
    r->was_ready = true;
    log_line(LOG_INFO, "Redis is ready", "run_id", "%s", r->run_id[1], NULL);
    lease_up(w);
    if (!w->former_asked) {
        w->former_asked = true;
        life_adopt(w);
    }
    adopt_start(w, !same);
    adopt_scan(w);
}

static bool info_came(struct worker *w, const redisReply *reply)
{
    if (reply != NULL && store_error_of(reply) != STORE_OK) {
        say_trouble(w, false, "INFO was refused: %s", store_error_word(store_error_of(reply)));
        check_failed(w);
    }
    return reply != NULL && store_error_of(reply) == STORE_OK;
}

static void on_appends_info(void *user, const redisReply *reply)
{
    struct worker *w = user;
    if (info_came(w, reply)) {
        keep_run_id(w, 0, reply);
        check_passed(w);
    }
}

static void on_info(void *user, const redisReply *reply)
{
    struct worker *w = user;
    if (!info_came(w, reply)) {
        return;
    }
    if (server_fits(w, reply)) {
        keep_run_id(w, 1, reply);
        check_passed(w);
    } else {
        check_failed(w);
    }
}

static void on_config(void *user, const redisReply *reply)
{
    struct worker *w = user;
    if (reply == NULL) {
        return;
    }
    if (durability_fits(w, reply)) {
        check_passed(w);
    } else {
        check_failed(w);
    }
}

struct loading {
    struct worker *w;
    struct script *script;
};

static void on_loaded(void *user, const redisReply *reply)
{
    struct loading l = *(struct loading *)user;
    free(user);
    if (reply == NULL) {
        return;
    }
    struct str sha = store_text(reply);
    if (sha.len != 40) {
        say_trouble(l.w, true, "SCRIPT LOAD was refused: %s",
                    store_error_word(store_error_of(reply)));
        check_failed(l.w);
        return;
    }
    memcpy(l.script->sha, sha.at, 40);
    check_passed(l.w);
}

static void load_scripts(struct worker *w)
{
    for (int i = 0; i < SCRIPT_COUNT; i++) {
        struct loading *l = malloc(sizeof *l);
        ENSURE(l != NULL);
        *l = (struct loading){w, &w->redis.scripts[i]};
        struct str argv[] = {STR("SCRIPT"), STR("LOAD"), str_of(texts[i])};
        if (!store_send(w->redis.main, 3, argv, on_loaded, l)) {
            free(l);
        }
    }
}

/* Everything is asked again after any connect: each answer belongs to the connections as they are.
 */
static void check(struct worker *w)
{
    struct redis_side *r = &w->redis;
    if (!r->appends_up || !r->main_up || r->stopping) {
        return;
    }
    r->trouble[0] = '\0';
    r->checks = 3 + SCRIPT_COUNT;
    struct str info[] = {STR("INFO"), STR("everything")};
    struct str config[] = {STR("CONFIG"), STR("GET"), STR("append*"),
                           STR("no-appendfsync-on-rewrite")};
    struct str server[] = {STR("INFO"), STR("server")};
    store_send(r->main, 2, info, on_info, w);
    store_send(r->main, 4, config, on_config, w);
    load_scripts(w);
    store_send(r->appends, 2, server, on_appends_info, w);
}

static void look_again(struct wheel_timer *t)
{
    check(CONTAINER_OF(t, struct worker, redis.recheck));
}

static void went_down(struct worker *w, const char *why)
{
    struct redis_side *r = &w->redis;
    wheel_cancel(&w->wheel, &r->recheck);
    if (!w->stopping && (r->ready || r->trouble[0] == '\0')) {
        log_line(LOG_WARN, "Redis is away", "why", "%s", why, NULL);
    }
    snprintf(r->trouble, sizeof r->trouble, "%s", why);
    r->unsuitable = false;
    if (r->ready) {
        r->ready = false;
        lease_down(w);
    }
    /* One fate for both: what comes back is asked for over two new connections. */
    if (!r->stopping && r->main_up) {
        store_reset(r->main, "the other connection was lost");
    }
    if (!r->stopping && r->appends_up) {
        store_reset(r->appends, "the other connection was lost");
    }
}

static void on_appends_up(void *user)
{
    struct worker *w = user;
    w->redis.appends_up = true;
    check(w);
}

static void on_appends_down(void *user, const char *why)
{
    struct worker *w = user;
    w->redis.appends_up = false;
    went_down(w, why);
}

static void on_main_up(void *user)
{
    struct worker *w = user;
    w->redis.main_up = true;
    check(w);
}

static void on_main_down(void *user, const char *why)
{
    struct worker *w = user;
    w->redis.main_up = false;
    went_down(w, why);
}

/* --- life */

void redis_start(struct worker *w)
{
    const struct conf *c = w->conf;
    struct store_conf conf = {
        .host = c->redis.host,
        .port = c->redis.port,
        .unix_path = c->redis.unix_path,
        .user = c->redis.user,
        .password = c->redis.password,
        .db = c->redis.db,
        .tls = c->redis.tls,
        .files = {c->redis.files.ca_file, c->redis.files.cert_file, c->redis.files.key_file},
        .connect_ms = 5000,
        .command_ms = 2000,
    };
    if (w->redis.socket[0] != '\0') {
        conf.unix_path = str_of(w->redis.socket);
    }
    w->redis.scripts = calloc(SCRIPT_COUNT, sizeof *w->redis.scripts);
    ENSURE(w->redis.scripts != NULL);
    struct store_handler appends = {w, on_appends_up, on_appends_down};
    struct store_handler others = {w, on_main_up, on_main_down};
    w->redis.appends = store_new(w->loop, &w->wheel, &conf, &appends);
    w->redis.main = store_new(w->loop, &w->wheel, &conf, &others);
}

struct stopping {
    struct worker *w;
    unsigned left;
    void (*on_closed)(void *user);
    void *user;
};

static void on_store_closed(void *user)
{
    struct stopping *s = user;
    if (--s->left == 0) {
        free(s->w->redis.scripts);
        s->on_closed(s->user);
        free(s);
    }
}

void redis_stop(struct worker *w, void (*on_closed)(void *user), void *user)
{
    struct stopping *s = malloc(sizeof *s);
    ENSURE(s != NULL);
    *s = (struct stopping){w, 2, on_closed, user};
    w->redis.stopping = true;
    w->redis.ready = false;
    wheel_cancel(&w->wheel, &w->redis.recheck);
    store_close(w->redis.appends, on_store_closed, s);
    store_close(w->redis.main, on_store_closed, s);
}
