/* The line of one worker: "<ms> <pid> <worker> <state> <version> <host>", then a word for each
 * journal, "<name>:<live|old>:<bytes>:<lease>". The lease is what is left at least of the owner
 * key's life at <ms>, in ms: nobody else takes the journal before. */
#include "relay/roster.h"

#include "base/json.h"
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

static uint64_t lease_left(const struct journal *j)
{
    int64_t left = j->lease_until_ms + LEASE_MS - LEASE_VALID_MS - boot_ms();
    return left > 0 ? (uint64_t)left : 0;
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
        buf_add_char(&line, ':');
        buf_add_u64(&line, lease_left(j));
    }
    script_put(w, KEY_NODES, field_of(w, field), buf_str(&line), NULL, NULL);
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

/* The next number of a journal's word; 0 for what is none. */
static int64_t take_number(struct str *word)
{
    struct str text;
    uint64_t v;
    str_cut(*word, ':', &text, word);
    return text_u64(text, INT64_MAX, &v) == NULL ? (int64_t)v : 0;
}

static void add_journals(struct listing *l, struct str rest, bool alive, int64_t age_ms)
{
    static char someone;
    struct str word, name, kind;
    bool more = rest.len > 0;
    while (more) {
        more = str_cut(rest, ' ', &word, &rest);
        str_cut(word, ':', &name, &word);
        str_cut(word, ':', &kind, &word);
        int64_t bytes = take_number(&word), lease = take_number(&word);
        if (alive) {
            map_set(&l->owned, name, &someone);
        }
        json_open(l->out, '{');
        json_text(l->out, "name", name);
        json_text(l->out, "kind", kind);
        json_number(l->out, "bytes", bytes);
        json_number(l->out, "lease_ms", lease > age_ms ? lease - age_ms : 0);
        json_close(l->out, '}');
    }
}

/* False: not of this form, or long gone. */
static bool add_worker(struct listing *l, struct str field, struct str line)
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
    int64_t age = now > (int64_t)at ? now - (int64_t)at : 0;
    bool alive = age < STALE_MS;
    json_open(l->out, '{');
    json_text(l->out, "node", node);
    json_number(l->out, "worker", (int64_t)index);
    json_number(l->out, "pid", (int64_t)pid);
    json_text(l->out, "state", alive ? words[3] : STR("silent"));
    json_text(l->out, "version", words[4]);
    json_text(l->out, "host", words[5]);
    json_number(l->out, "seen_ms_ago", age);
    json_list(l->out, "journals");
    add_journals(l, rest, alive, age);
    buf_add_str(l->out, STR("]}"));
    return true;
}

static void on_live(void *user, const redisReply *reply)
{
    struct listing *l = user;
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        end(l, "redis_down");
        return;
    }
    json_list(l->out, "unowned");
    for (size_t i = 0; i < reply->elements; i++) {
        struct str name = store_text(reply->element[i]);
        if (map_find(&l->owned, name) == NULL) {
            json_item(l->out, name);
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
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        end(l, "redis_down");
        return;
    }
    json_open(l->out, '{');
    json_list(l->out, "nodes");
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        if (!add_worker(l, store_text(reply->element[i]), store_text(reply->element[i + 1]))) {
            struct str argv[] = {STR("HDEL"), worker_key(l->w, KEY_NODES),
                                 store_text(reply->element[i])};
            redis_send(l->w, 3, argv, NULL, NULL);
        }
    }
    json_close(l->out, ']');
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
