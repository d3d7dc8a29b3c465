/* Where the master is, as Redis Sentinel says it.
 *
 * Two connections to one and the same sentinel, for one that hears messages can ask nothing: `ask`
 * and `hear`. When it cannot be reached, or what it says is of no use, both go to the next. */
#include "io/sentinel.h"

#include "base/log.h"
#include "io/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_MS = 1000,
    ANSWER_MS = 1000,
    AGAIN_MS = 500,       /* no use asking sooner */
    LOOK_EVERY_MS = 5000, /* a message may be lost with its connection */
};

static const char WENT_ON[] = "going on to the next one";

struct sentinel {
    struct wheel *wheel;
    struct sentinel_node *nodes; /* their texts and the name in `text` */
    size_t node_count, at;       /* at: the one that both connections go to */
    struct str master;
    char *text;
    struct sentinel_handler handler;
    struct store *ask, *hear;
    struct wheel_timer again;
    bool wanted;   /* somebody waits for the answer */
    bool asking;   /* the question is on its way */
    bool answered; /* by the one at hand: when its connection ends it is tried once more */
    char host[SENTINEL_HOST_MAX + 1];
    uint16_t port;     /* as named last; 0: never */
    char said[400];    /* the last answer that was none; "" when there is one */
    char deaf[600];    /* why nothing is heard, as logged last */
    char silence[600]; /* for sentinel_trouble */
    unsigned closing;
    void (*on_closed)(void *user);
    void *user;
};

/* --- what it says */

static void tell(struct sentinel *s, struct str host, uint16_t port)
{
    memcpy(s->host, host.at, host.len);
    s->host[host.len] = '\0';
    s->port = port;
    s->wanted = false;
    s->answered = true;
    s->said[0] = '\0';
    s->handler.on_master(s->handler.user, str_of(s->host), port);
}

bool sentinel_address_read(const redisReply *reply, struct str *host, uint16_t *port)
{
    uint64_t n;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
        text_u64(store_text(reply->element[1]), UINT16_MAX, &n) != NULL || n == 0) {
        return false;
    }
    *host = store_text(reply->element[0]);
    *port = (uint16_t)n;
    return host->len > 0 && host->len <= SENTINEL_HOST_MAX && !str_has(*host, '\0');
}

static void note(struct sentinel *s, const char *why, struct str more)
{
    const struct sentinel_node *n = &s->nodes[s->at];
    snprintf(s->said, sizeof s->said, "sentinel at %.*s:%u %s%.*s", STR_ARG(n->host), n->port, why,
             STR_ARG(more));
}

static void on_named(void *user, const redisReply *reply)
{
    struct sentinel *s = user;
    struct str host;
    uint16_t port;
    s->asking = false;
    if (reply == NULL) {
        return; /* asked again when the next one is up */
    }
    if (reply->type == REDIS_REPLY_NIL) {
        note(s, "knows no master of this name: ", s->master);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        note(s, "answered: ", (struct str){reply->str, reply->len});
    } else if (!sentinel_address_read(reply, &host, &port)) {
        note(s, "did not answer with an address", STR_NONE);
    } else {
        bool other = !str_eq(host, str_of(s->host)) || port != s->port;
        if (s->wanted || other) {
            tell(s, host, port);
        }
        return;
    }
    s->answered = false; /* and `again` goes on to the next */
}

static void put_question(struct sentinel *s)
{
    struct str argv[] = {STR("SENTINEL"), STR("get-master-addr-by-name"), s->master};
    if (!s->asking) {
        s->asking = store_send(s->ask, 3, argv, on_named, s);
    }
}

/* "<name> <old host> <old port> <new host> <new port>". What counts is the answer to a question, so
 * that one place alone decides. */
static void on_message(void *user, struct str message)
{
    struct sentinel *s = user;
    struct str name, rest;
    str_cut(message, ' ', &name, &rest);
    if (str_eq(name, s->master)) {
        log_line(LOG_WARN, "the sentinels have switched to another master", "message", "%.*s",
                 STR_ARG(message), NULL);
        put_question(s);
    }
}

/* --- its two connections */

static void on_ask_up(void *user)
{
    struct sentinel *s = user;
    s->answered = true;
    put_question(s);
}

static void on_hear_up(void *user)
{
    struct sentinel *s = user;
    store_listen(s->hear, STR("+switch-master"), on_message);
    put_question(s); /* what was said meanwhile was not heard */
}

static void on_ask_down(void *user, const char *why)
{
    (void)user;
    (void)why; /* sentinel_trouble says it */
}

/* Without messages the master is still found, only later: nobody would notice. */
static void on_hear_down(void *user, const char *why)
{
    struct sentinel *s = user;
    if (strstr(why, WENT_ON) == NULL && strcmp(why, s->deaf) != 0) {
        snprintf(s->deaf, sizeof s->deaf, "%s", why);
        log_line(LOG_WARN, "no longer heard: messages of a sentinel", "why", "%s", why, NULL);
    }
}

static void on_find_ask(void *user)
{
    struct sentinel *s = user;
    if (!s->answered) {
        s->at = (s->at + 1) % s->node_count;
        store_reset(s->hear, WENT_ON);
    }
    s->answered = false;
    store_found(s->ask, s->nodes[s->at].host, s->nodes[s->at].port);
}

static void on_find_hear(void *user)
{
    struct sentinel *s = user;
    store_found(s->hear, s->nodes[s->at].host, s->nodes[s->at].port);
}

void sentinel_next(struct sentinel *s)
{
    s->answered = false;
    if (store_is_up(s->ask)) { /* else it is on its way there already */
        store_reset(s->ask, WENT_ON);
    }
}

static void on_again(struct wheel_timer *t)
{
    struct sentinel *s = CONTAINER_OF(t, struct sentinel, again);
    wheel_arm(s->wheel, &s->again, s->wanted ? AGAIN_MS : LOOK_EVERY_MS, on_again);
    if (s->wanted && !s->answered && store_is_up(s->ask)) {
        sentinel_next(s);
    } else {
        put_question(s);
    }
}

void sentinel_ask(struct sentinel *s)
{
    if (!s->wanted) {
        s->wanted = true;
        wheel_arm(s->wheel, &s->again, AGAIN_MS, on_again);
    }
    store_hurry(s->ask);
    put_question(s);
}

const char *sentinel_trouble(struct sentinel *s)
{
    if (!s->wanted || s->said[0] != '\0' || store_is_up(s->ask)) {
        return s->said;
    }
    snprintf(s->silence, sizeof s->silence, "no sentinel answers; the last one tried: %s",
             store_trouble(s->ask));
    return s->silence;
}

/* --- life */

static struct str keep(char **at, struct str s)
{
    struct str kept = {*at, s.len};
    memcpy(*at, s.at, s.len);
    *at += s.len;
    return kept;
}

static void keep_conf(struct sentinel *s, const struct sentinel_conf *conf)
{
    size_t text = conf->master.len;
    for (size_t i = 0; i < conf->node_count; i++) {
        text += conf->nodes[i].host.len;
    }
    char *at = s->text = malloc(text);
    s->nodes = calloc(conf->node_count, sizeof *s->nodes);
    ENSURE(s->text != NULL && s->nodes != NULL);
    s->master = keep(&at, conf->master);
    s->node_count = conf->node_count;
    for (size_t i = 0; i < conf->node_count; i++) {
        s->nodes[i] = (struct sentinel_node){keep(&at, conf->nodes[i].host), conf->nodes[i].port};
    }
}

struct sentinel *sentinel_new(uv_loop_t *loop, struct wheel *wheel,
                              const struct sentinel_conf *conf,
                              const struct sentinel_handler *handler)
{
    struct sentinel *s = calloc(1, sizeof *s);
    ENSURE(s != NULL && conf->node_count > 0);
    s->wheel = wheel;
    s->handler = *handler;
    s->answered = true; /* begin with the first */
    keep_conf(s, conf);
    struct store_conf store = {
        .what = "sentinel",
        .user = conf->user,
        .password = conf->password,
        .tls = conf->tls,
        .files = conf->files,
        .connect_ms = CONNECT_MS,
        .command_ms = ANSWER_MS,
    };
    struct store_handler ask = {
        .user = s, .on_up = on_ask_up, .on_down = on_ask_down, .on_find = on_find_ask};
    struct store_handler hear = {
        .user = s, .on_up = on_hear_up, .on_down = on_hear_down, .on_find = on_find_hear};
    s->ask = store_new(loop, wheel, &store, &ask);
    s->hear = store_new(loop, wheel, &store, &hear);
    wheel_arm(wheel, &s->again, AGAIN_MS, on_again);
    return s;
}

static void on_store_closed(void *user)
{
    struct sentinel *s = user;
    if (--s->closing > 0) {
        return;
    }
    void (*on_closed)(void *user) = s->on_closed;
    void *closed_user = s->user;
    free(s->text);
    free(s->nodes);
    free(s);
    on_closed(closed_user);
}

void sentinel_close(struct sentinel *s, void (*on_closed)(void *user), void *user)
{
    s->on_closed = on_closed;
    s->user = user;
    s->closing = 2;
    wheel_cancel(s->wheel, &s->again);
    store_close(s->ask, on_store_closed, s);
    store_close(s->hear, on_store_closed, s);
}
