/* What runs inside Redis: the scripts by their digests, and what each of them answers first. */
#include "relay/journal.h"

#include "base/log.h"
#include "relay/scripts.h"

#include <stdlib.h>
#include <string.h>

struct script {
    char sha[41];
};

static const char *const texts[SCRIPT_COUNT] = {
    [SCRIPT_CREATE_ID] = SCRIPT_CREATE, [SCRIPT_RENEW_ID] = SCRIPT_RENEW,
    [SCRIPT_TAKE_ID] = SCRIPT_TAKE,     [SCRIPT_SEAL_ID] = SCRIPT_SEAL,
    [SCRIPT_COMMIT_ID] = SCRIPT_COMMIT, [SCRIPT_COMMIT_BODIES_ID] = SCRIPT_COMMIT_BODIES,
    [SCRIPT_MARK_ID] = SCRIPT_MARK,     [SCRIPT_FREE_ID] = SCRIPT_FREE,
    [SCRIPT_DELETE_ID] = SCRIPT_DELETE, [SCRIPT_REQUEST_ID] = SCRIPT_REQUEST,
    [SCRIPT_CLAIM_ID] = SCRIPT_CLAIM,   [SCRIPT_HASTEN_ID] = SCRIPT_HASTEN,
    [SCRIPT_WATCH_ID] = SCRIPT_WATCH,   [SCRIPT_PUT_ID] = SCRIPT_PUT,
    [SCRIPT_LIST_ID] = SCRIPT_LIST,     [SCRIPT_HISTORY_ID] = SCRIPT_HISTORY,
    [SCRIPT_IDS_ID] = SCRIPT_IDS,
};

/* --- loading */

struct loading {
    struct master *m;
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
        master_trouble(l.m, true, "SCRIPT LOAD was refused: %s",
                       store_error_word(store_error_of(reply)));
        master_check_failed(l.m);
        return;
    }
    memcpy(l.script->sha, sha.at, 40);
    master_check_passed(l.m);
}

struct script *scripts_new(void)
{
    struct script *scripts = calloc(SCRIPT_COUNT, sizeof *scripts);
    ENSURE(scripts != NULL);
    return scripts;
}

void scripts_load(struct master *m)
{
    for (int i = 0; i < SCRIPT_COUNT; i++) {
        struct loading *l = malloc(sizeof *l);
        ENSURE(l != NULL);
        *l = (struct loading){m, &m->scripts[i]};
        struct str argv[] = {STR("SCRIPT"), STR("LOAD"), str_of(texts[i])};
        if (!store_send(m->main, 3, argv, on_loaded, l)) {
            free(l);
        }
    }
}

/* --- calling */

struct script_call {
    struct journal *j;
    script_on_answer on_answer;
    int64_t sent_ms;
};

static void on_script(void *user, const redisReply *reply)
{
    struct script_call call = *(struct script_call *)user;
    free(user);
    if (!journal_release(call.j)) {
        call.on_answer(call.j, reply, call.sent_ms);
    }
}

static bool send_script(struct master *m, enum script_id id, const struct str keys[KEY_COUNT],
                        size_t argc, const struct str *argv, store_on_reply on_reply, void *user)
{
    if (m == NULL) {
        return false;
    }
    struct str *all = malloc((3 + KEY_COUNT + argc) * sizeof *all);
    ENSURE(all != NULL);
    all[0] = STR("EVALSHA");
    all[1] = str_of(m->scripts[id].sha);
    all[2] = STR("6");
    _Static_assert(KEY_COUNT == 6, "the command says so too");
    memcpy(all + 3, keys, KEY_COUNT * sizeof *keys);
    memcpy(all + 3 + KEY_COUNT, argv, argc * sizeof *argv);
    bool ok = store_send(m->main, 3 + KEY_COUNT + argc, all, on_reply, user);
    free(all);
    return ok;
}

bool script_send(struct journal *j, enum script_id id, size_t argc, const struct str *argv,
                 script_on_answer on_answer)
{
    struct script_call *call = malloc(sizeof *call);
    ENSURE(call != NULL);
    *call = (struct script_call){j, on_answer, boot_ms()};
    bool ok = send_script(j->master, id, j->keys.v, argc, argv, on_script, call);
    if (ok) {
        journal_hold(j);
    } else {
        free(call);
    }
    return ok;
}

bool script_send_to(struct worker *w, uint64_t number, enum script_id id, size_t argc,
                    const struct str *argv, store_on_reply on_reply, void *user)
{
    struct journal_keys keys;
    journal_keys_init(&keys, w->conf->redis.prefix, number);
    struct master *m = redis_master_of(w, str_of(keys.name));
    if (m == NULL || !m->ready) { /* connected perhaps, but it may not know the scripts yet */
        return false;
    }
    return send_script(m, id, keys.v, argc, argv, on_reply, user);
}

bool script_send_key(struct worker *w, enum script_id id, struct str key, size_t argc,
                     const struct str *argv, store_on_reply on_reply, void *user)
{
    struct str all[4 + SCRIPT_ARGS_MOST];
    struct master *m = redis_master_of(w, key);
    ENSURE(argc <= SCRIPT_ARGS_MOST);
    if (m == NULL || !m->ready) {
        return false;
    }
    all[0] = STR("EVALSHA");
    all[1] = str_of(m->scripts[id].sha);
    all[2] = STR("1");
    all[3] = key;
    memcpy(all + 4, argv, argc * sizeof *argv);
    return store_send(m->main, 4 + argc, all, on_reply, user);
}

bool script_put(struct worker *w, enum shared_key key, struct str field, struct str value,
                store_on_reply on_reply, void *user)
{
    const struct str argv[] = {field, value};
    return script_send_key(w, SCRIPT_PUT_ID, worker_key(w, key), 2, argv, on_reply, user);
}

void script_list(struct worker *w, size_t n, const struct str *names)
{
    (void)script_send_key(w, SCRIPT_LIST_ID, worker_key(w, KEY_LIVE), n, names, NULL,
                          NULL); /* again in 2 s */
}

/* --- answers */

bool script_unfit(enum store_error e)
{
    return e == STORE_NOSCRIPT || e == STORE_READONLY;
}

/* "" is no stream. Of somebody else's entry, "n-m" perhaps, the number counts, and no event of ours
 * is above the greatest: a top that is too high costs a look, one that is too low events. */
static uint64_t top_read(struct str text)
{
    struct str number, rest;
    uint64_t top;
    str_cut(text, '-', &number, &rest);
    if (text.len == 0) {
        return 0;
    }
    return text_u64(number, EVENT_N_MAX, &top) == NULL ? top : EVENT_N_MAX;
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
    a.top = top_read(store_text(reply->element[3]));
    a.sealed = reply->element[4]->type == REDIS_REPLY_INTEGER && reply->element[4]->integer == 1;
    a.extra = 5;
    return a;
}
