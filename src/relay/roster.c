/* The line of one worker: "<ms> <pid> <worker> <state> <version> <host>", then a word for each
 * journal,
 * "<name>:<live|old>:<bytes>". */
#include "relay/roster.h"

#include "base/log.h"
#include "relay/delivery.h"
#include "relay/journal.h"
#include "relay/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_CEILING = 1 << 20,
    STALE_MS = 3 * RENEW_EVERY_MS, /* it has missed some: it hangs, or is no more */
    FORGET_MS = 24 * 3600 * 1000,  /* then nobody looks for it any more */
};

static struct str field_of(const struct worker *w, char out[32])
{
    int n = snprintf(out, 32, "%s/%u", w->node->id, w->index);
    return (struct str){out, (size_t)n};
}

static const char *state_of(const struct worker *w)
{
    return w->draining || w->stopping                          ? "stopping"
           : w->live == NULL || w->live->state != JOURNAL_OPEN ? "waiting"
                                                               : "serving";
}

void roster_publish(struct worker *w)
{
    char field[32], host[65] = "";
    struct buf line;
    gethostname(host, sizeof host - 1);
    buf_init(&line, LINE_CEILING);
    buf_printf(&line, "%lld %ld %u %s %s %s", (long long)worker_now_ms(w), (long)getpid(), w->index,
               state_of(w), PENSTOCK_VERSION, host[0] != '\0' ? host : "-");
    for (const struct journal *j = w->journals; j != NULL; j = j->next) {
        uint64_t bytes = j->bytes > j->trimmed_bytes ? j->bytes - j->trimmed_bytes : 0;
        buf_printf(&line, " %s:%s:", j->name, j->live ? "live" : "old");
        buf_add_u64(&line, bytes + j->bodies_bytes);
    }
    struct str argv[] = {STR("HSET"), worker_key(w, KEY_NODES), field_of(w, field), buf_str(&line)};
    redis_send(w, 4, argv, NULL, NULL);
    buf_done(&line);
}

void roster_leave(struct worker *w)
{
    char field[32];
    struct str argv[] = {STR("HDEL"), worker_key(w, KEY_NODES), field_of(w, field)};
    redis_send(w, 3, argv, NULL, NULL);
}

/* --- listing */

struct listing {
    struct worker *w;
    struct buf *out;
    struct map owned; /* names of journals that somebody who is alive has */
    void (*on_end)(void *user, const char *reason);
    void *user;
};

static void end(struct listing *l, const char *reason)
{
    l->on_end(l->user, reason);
    map_done(&l->owned);
    free(l);
}

static void add_journals(struct listing *l, struct str rest, bool alive)
{
    static char someone;
    struct str word, name, kind, bytes;
    bool more = rest.len > 0;
    for (bool first = true; more; first = false) {
        more = str_cut(rest, ' ', &word, &rest);
        str_cut(word, ':', &name, &word);
        str_cut(word, ':', &kind, &bytes);
        if (alive) {
            map_set(&l->owned, name, &someone);
        }
        buf_add_str(l->out, first ? STR_NONE : STR(","));
        buf_add_str(l->out, STR("{\"name\":"));
        buf_add_json(l->out, name);
        buf_add_str(l->out, STR(",\"kind\":"));
        buf_add_json(l->out, kind);
        buf_printf(l->out, ",\"bytes\":%.*s}", STR_ARG(bytes.len > 0 ? bytes : STR("0")));
    }
}

/* False: not of this form, or long gone. */
static bool add_worker(struct listing *l, struct str field, struct str line, bool first)
{
    struct str node, rest, words[6];
    uint64_t at, pid, index;
    str_cut(field, '/', &node, &rest);
    rest = line;
    for (int i = 0; i < 6; i++) {
        str_cut(rest, ' ', &words[i], &rest);
    }
    int64_t now = worker_now_ms(l->w);
    if (text_u64(words[0], INT64_MAX, &at) != NULL || text_u64(words[1], INT32_MAX, &pid) != NULL ||
        text_u64(words[2], WORKERS_MAX, &index) != NULL || now - (int64_t)at > FORGET_MS) {
        return false;
    }
    bool alive = now - (int64_t)at < STALE_MS;
    buf_add_str(l->out, first ? STR("{\"node\":") : STR(",{\"node\":"));
    buf_add_json(l->out, node);
    buf_printf(l->out, ",\"worker\":%u,\"pid\":%llu,\"state\":", (unsigned)index,
               (unsigned long long)pid);
    buf_add_json(l->out, alive ? words[3] : STR("silent"));
    buf_add_str(l->out, STR(",\"version\":"));
    buf_add_json(l->out, words[4]);
    buf_add_str(l->out, STR(",\"host\":"));
    buf_add_json(l->out, words[5]);
    buf_printf(l->out, ",\"seen_ms_ago\":%lld,\"journals\":[",
               (long long)(now > (int64_t)at ? now - (int64_t)at : 0));
    add_journals(l, rest, alive);
    buf_add_str(l->out, STR("]}"));
    return true;
}

static void on_live(void *user, const redisReply *reply)
{
    struct listing *l = user;
    bool first = true;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        end(l, "redis_down");
        return;
    }
    for (size_t i = 0; i < reply->elements; i++) {
        struct str name = store_text(reply->element[i]);
        if (map_find(&l->owned, name) == NULL) {
            buf_add_str(l->out, first ? STR_NONE : STR(","));
            buf_add_json(l->out, name);
            first = false;
        }
    }
    buf_add_str(l->out, STR("]}\n"));
    end(l, NULL);
}

static void ask(struct listing *l, struct str command, enum shared_key key, store_on_reply on_reply)
{
    struct str argv[] = {command, worker_key(l->w, key)};
    if (!redis_send(l->w, 2, argv, on_reply, l)) {
        end(l, "redis_down");
    }
}

static void on_nodes(void *user, const redisReply *reply)
{
    struct listing *l = user;
    bool first = true;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        end(l, "redis_down");
        return;
    }
    buf_add_str(l->out, STR("{\"nodes\":["));
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        if (add_worker(l, store_text(reply->element[i]), store_text(reply->element[i + 1]),
                       first)) {
            first = false;
        } else {
            struct str argv[] = {STR("HDEL"), worker_key(l->w, KEY_NODES),
                                 store_text(reply->element[i])};
            redis_send(l->w, 3, argv, NULL, NULL);
        }
    }
    buf_add_str(l->out, STR("],\"unowned\":["));
    ask(l, STR("SMEMBERS"), KEY_LIVE, on_live);
}

void roster_list(struct worker *w, struct buf *out, void (*on_end)(void *user, const char *reason),
                 void *user)
{
    struct listing *l = calloc(1, sizeof *l);
    ENSURE(l != NULL);
    *l = (struct listing){.w = w, .out = out, .on_end = on_end, .user = user};
    map_init(&l->owned);
    ask(l, STR("HGETALL"), KEY_NODES, on_nodes);
}
