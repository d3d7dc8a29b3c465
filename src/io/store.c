/* One connection to Redis: hiredis parses, pipeline.c queues, libuv tells when, deadlines are ours.
 *
 *   WAITING --timer--> (FINDING) --> RESOLVING --> DIALLING --> GREETING --> UP
 *      ^                                                                      |
 *      +-------------- any failure, on any way: lost(), backoff --------------+
 *
 * Nobody is called from inside the call that asks: what store_reset and store_close end, ends in
 * the idle handle. */
#include "io/store.h"

#include "base/crypt.h"
#include "base/log.h"
#include "io/pipeline.h"
#include "io/resolve.h"

#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define BACKOFF_FIRST_MS 50u
#define BACKOFF_MOST_MS 2000u /* all is to be well within 3 s of Redis' return */
#define FLASH_MS 150u         /* up for longer, and dialling is no loop, however it ends */
#define FLASHES_MOST 5u /* a wait of up to 800 ms: one that stumbles for long comes back, too */
#define LATE_MS 1000u   /* a deadline this late saw a pause of the process, not of Redis */

enum store_state {
    STORE_WAITING, /* for the backoff timer */
    STORE_FINDING, /* the owner is asked where it is */
    STORE_RESOLVING,
    STORE_DIALLING,
    STORE_GREETING, /* AUTH, SELECT and PING are under way */
    STORE_UP,
    STORE_CLOSED
};

struct store {
    uv_loop_t *loop;
    struct wheel *wheel;
    struct store_conf conf; /* its slices point into `text` */
    char *text;
    struct store_handler handler;
    void (*on_message)(void *user, struct str message);
    enum store_state state;
    struct link *link; /* the connection in use, or NULL */
    struct resolve *resolve;
    struct resolve_query query;
    struct wheel_timer timer; /* WAITING: the backoff; else the deadline of connecting or of UP */
    uv_idle_t turn;           /* runs before the next poll, which then does not block */
    unsigned tries;           /* without coming up; also picks the address */
    unsigned flashes;         /* connections in a row that the other side ended within FLASH_MS */
    uint64_t up_ms;           /* when it came up last */
    bool second_chance;       /* a late deadline has been given its one more turn */
    bool said_up;             /* on_up was the last that the handler heard */
    const char *reset_why;    /* store_reset was called; NULL if not */
    bool closing;
    void (*on_closed)(void *user);
    void *user;
    struct pipeline pipeline;
    char found[256]; /* the host that was found, if it is asked for */
    char trouble[512];
};

static void dial_later(struct store *s);
static void on_turn(uv_idle_t *turn);

/* --- losing a connection --- */

static void set_trouble(struct store *s, const char *what, const char *why)
{
    const char *name = s->conf.what;
    if (s->conf.unix_path.len > 0) {
        snprintf(s->trouble, sizeof s->trouble, "%s at unix:%.*s: %s%s", name,
                 STR_ARG(s->conf.unix_path), what, why);
    } else if (s->conf.host.len > 0) {
        snprintf(s->trouble, sizeof s->trouble, "%s at %.*s:%u: %s%s", name, STR_ARG(s->conf.host),
                 s->conf.port, what, why);
    } else { /* not found yet */
        snprintf(s->trouble, sizeof s->trouble, "%s: %s%s", name, what, why);
    }
}

/* The first of them in a row is dialled again as soon as ever: what has just come back may stumble.
 * That the owner resets one soon says nothing of the other side. */
static void count_flash(struct store *s)
{
    if (uv_now(s->loop) - s->up_ms >= FLASH_MS) {
        s->flashes = 0;
    } else if (s->reset_why == NULL && s->flashes < FLASHES_MOST) {
        s->flashes++;
    }
    s->tries = s->flashes;
}

/* The connection is gone, and what hiredis had of it has had its NULL: back to waiting. */
static void lost(struct store *s)
{
    pipeline_end(&s->pipeline);
    if (s->said_up) {
        count_flash(s);
    }
    s->link = NULL;
    s->reset_why = NULL;
    wheel_cancel(s->wheel, &s->timer);
    if (s->closing) {
        s->state = STORE_CLOSED;
        return;
    }
    dial_later(s);
    if (s->said_up) {
        s->said_up = false;
        s->handler.on_down(s->handler.user, s->trouble);
    }
}

/* Drops the connection, if any, whatever it was doing. Never from inside a hiredis callback. */
static void drop(struct store *s)
{
    struct link *link = s->link;
    s->state = STORE_WAITING; /* before the NULLs: a callback must not think that it may send */
    s->link = NULL;           /* and hiredis' own callbacks find nothing to do */
    resolve_cancel(&s->query);
    link_free(link); /* pending callbacks get NULL */
    lost(s);
}

/* --- replies and deadlines --- */

/* What TLS has to say: hiredis' own text is no more than "I/O error". NULL: nothing. */
static const char *why_tls_failed(const SSL *ssl)
{
    unsigned long error = ERR_peek_error();
    const char *why = tls_verify_trouble(ssl);
    return why != NULL || ERR_GET_LIB(error) != ERR_LIB_SSL ? why : ERR_reason_error_string(error);
}

/* A server that wants a certificate of ours shows its own and then says so in an alert, which its
 * reset may overtake. */
static const char *hint_at_tls(const struct store *s, const SSL *ssl)
{
    if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER) {
        return "; is that its TLS port?";
    }
    bool in_doubt = s->state != STORE_UP && s->conf.files.cert_file.len == 0 &&
                    tls_verify_trouble(ssl) == NULL && SSL_get0_peer_certificate(ssl) != NULL;
    return in_doubt ? "; does it want a client certificate (redis.tls)?" : "";
}

/* `ssl` is NULL when plain; `why` is hiredis' reason. */
static void set_end(struct store *s, const SSL *ssl, const char *why)
{
    const char *tls = ssl == NULL ? NULL : why_tls_failed(ssl);
    set_trouble(s, tls != NULL ? tls : why, ssl == NULL ? "" : hint_at_tls(s, ssl));
}

/* Why hiredis ends a connection, unless something better is known: an error reply to the greeting.
 */
static void note_end(struct store *s, const redisAsyncContext *context)
{
    const struct link *link = context->data;
    if (s->reset_why == NULL) {
        set_end(s, link->ssl,
                link->unasked       ? "it sent what nobody had asked for"
                : context->err != 0 ? context->errstr
                                    : "connection closed");
    }
    s->state = STORE_WAITING;
}

static void on_end(void *owner, const redisAsyncContext *context)
{
    struct store *s = owner;
    if (s->state != STORE_WAITING) { /* hiredis has seen an error: going down */
        note_end(s, context);
    }
}

static void on_error(void *owner, const redisReply *reply)
{
    const struct store *s = owner;
    if (s->handler.on_error != NULL && s->state == STORE_UP) {
        s->handler.on_error(s->handler.user, reply);
    }
}

static void on_alone(void *owner, const redisReply *reply)
{
    const struct store *s = owner;
    if (s->handler.on_alone != NULL && s->state == STORE_UP) {
        s->handler.on_alone(s->handler.user, reply);
    }
}

/* NULL at its end: on_disconnect tells. */
static void on_hiredis_message(redisAsyncContext *context, void *reply, void *data)
{
    (void)context;
    struct store *s = data;
    const redisReply *r = reply;
    if (r != NULL && r->type == REDIS_REPLY_ARRAY && r->elements == 3 &&
        str_eq(store_text(r->element[0]), STR("message"))) {
        s->on_message(s->handler.user, store_text(r->element[2]));
    }
}

/* A pause of the process fires every timer before what has long been readable is read: such a
 * deadline gets one more turn of the loop, once. */
static bool deserves_second_chance(struct store *s, void (*on_due)(struct wheel_timer *t))
{
    if (s->second_chance || uv_now(s->loop) - s->timer.due_ms <= LATE_MS) {
        return false;
    }
    s->second_chance = true;
    wheel_arm(s->wheel, &s->timer, 1, on_due);
    return true;
}

static void on_command_due(struct wheel_timer *t)
{
    struct store *s = CONTAINER_OF(t, struct store, timer);
    if (s->pipeline.n == 0) {
        return; /* armed again by the next command */
    }
    uint64_t age_ms = uv_now(s->loop) - pipeline_oldest_ms(&s->pipeline);
    if (age_ms < s->conf.command_ms) {
        s->second_chance = false;
        wheel_arm(s->wheel, t, s->conf.command_ms - age_ms, on_command_due);
    } else if (!deserves_second_chance(s, on_command_due)) {
        set_trouble(s, "a command was not answered in time", "");
        drop(s);
    }
}

static void on_connect_due(struct wheel_timer *t)
{
    static const char *const where[] = {
        [STORE_FINDING] = "where it is was not found in time",
        [STORE_RESOLVING] = "its name did not resolve in time",
        [STORE_DIALLING] = "it did not accept the connection in time",
        [STORE_GREETING] = "it did not answer the greeting in time",
    };
    struct store *s = CONTAINER_OF(t, struct store, timer);
    if (!deserves_second_chance(s, on_connect_due)) {
        bool in_doubt = s->conf.tls && s->state == STORE_GREETING;
        set_trouble(s, where[s->state], in_doubt ? "; is that its TLS port?" : "");
        drop(s);
    }
}

/* --- sending --- */

/* The deadline of all is that of the first. */
static void watch_first(struct store *s)
{
    if (s->pipeline.n == 1 && s->timer.link == NULL) {
        s->second_chance = false;
        wheel_arm(s->wheel, &s->timer, s->conf.command_ms, on_command_due);
    }
}

bool store_send(struct store *s, size_t argc, const struct str *argv, store_on_reply on_reply,
                void *user)
{
    if (!store_is_up(s)) {
        return false;
    }
    pipeline_send(&s->pipeline, argc, argv, on_reply, user);
    watch_first(s);
    return true;
}

bool store_gather(struct store *s, size_t argc, const struct str *argv, store_on_reply on_reply,
                  void *user)
{
    if (!store_is_up(s)) {
        return false;
    }
    pipeline_gather(&s->pipeline, argc, argv, on_reply, user);
    watch_first(s);
    return true;
}

void store_eager(struct store *s, bool eager)
{
    s->pipeline.eager = eager;
}

void store_listen(struct store *s, struct str channel,
                  void (*on_message)(void *user, struct str message))
{
    ENSURE(store_is_up(s));
    s->on_message = on_message;
    s->link->channel = channel;
    const char *argv[] = {"SUBSCRIBE", channel.at};
    const size_t lens[] = {sizeof "SUBSCRIBE" - 1, channel.len};
    if (redisAsyncCommandArgv(s->link->context, on_hiredis_message, s, 2, argv, lens) != REDIS_OK) {
        store_reset(s, "SUBSCRIBE could not be sent");
    }
}

/* --- connecting --- */

/* The first trouble ends the greeting; what else was sent with it is then without meaning. */
static bool greeting_failed(struct store *s, const redisReply *reply)
{
    if (reply == NULL || s->state != STORE_GREETING || s->reset_why != NULL) {
        return true;
    }
    if (reply->type == REDIS_REPLY_ERROR) {
        set_trouble(s, "it answered: ", reply->str);
        s->reset_why = s->trouble;
        uv_idle_start(&s->turn, on_turn);
        return true;
    }
    return false;
}

static void on_greeted(void *user, const redisReply *reply)
{
    (void)greeting_failed(user, reply);
}

/* PING is the last of the greeting; an error there (LOADING, MASTERDOWN, MISCONF, NOAUTH) means
 * that nothing could be done with this connection yet. */
static void on_pong(void *user, const redisReply *reply)
{
    struct store *s = user;
    if (greeting_failed(s, reply) || s->closing || s->reset_why != NULL) {
        return; /* it goes at the end of this turn */
    }
    wheel_cancel(s->wheel, &s->timer);
    s->state = STORE_UP;
    s->up_ms = uv_now(s->loop);
    s->trouble[0] = '\0';
    s->said_up = true;
    s->handler.on_up(s->handler.user);
}

static void greet(struct store *s)
{
    s->state = STORE_GREETING;
    const struct str auth[] = {STR("AUTH"), s->conf.user, s->conf.password};
    const struct str old_auth[] = {STR("AUTH"), s->conf.password};
    char db[20];
    const struct str select_db[] = {STR("SELECT"), {db, text_put_u64(db, s->conf.db)}};
    const struct str ping[] = {STR("PING")};
    struct pipeline *p = &s->pipeline;
    if (s->conf.password.len > 0) {
        bool by_name = s->conf.user.len > 0;
        pipeline_send(p, by_name ? 3 : 2, by_name ? auth : old_auth, on_greeted, s);
    }
    if (s->conf.db > 0) {
        pipeline_send(p, 2, select_db, on_greeted, s);
    }
    pipeline_send(p, 1, ping, on_pong, s);
}

static void on_connect(const redisAsyncContext *context, int status)
{
    struct link *link = context->data;
    struct store *s = link->owner;
    if (s->link != link) {
        return; /* dropped by us */
    }
    if (status != REDIS_OK) {
        set_end(s, link->ssl, context->errstr);
        lost(s); /* hiredis frees the context behind this callback */
        return;
    }
    link_opened(link);
    greet(s);
}

static void on_disconnect(const redisAsyncContext *context, int status)
{
    (void)status;
    struct link *link = context->data;
    struct store *s = link->owner;
    if (s->link == link) {
        on_end(s, context); /* perhaps nothing was pending that could have said it */
        lost(s);
    }
}

static void on_dirty(struct link *link)
{
    struct store *s = link->owner;
    uv_idle_start(&s->turn, on_turn); /* does nothing when it is started already */
}

static void on_broken(struct link *link, const char *why)
{
    struct store *s = link->owner;
    if (s->link == link) {
        set_trouble(s, "the socket failed: ", why);
        drop(s);
    }
}

/* Our own SSL: hiredis' would not check the name. NULL: `trouble` is set. */
static SSL *make_ssl(struct store *s)
{
    struct tls_context *context;
    const char *why = tls_client_new(&context, &s->conf.files);
    if (why != NULL) {
        set_trouble(s, "", why);
        return NULL;
    }
    SSL *ssl = tls_client_ssl(context, s->conf.host);
    tls_context_unref(context); /* the SSL holds OpenSSL's */
    return ssl;
}

/* hiredis shakes hands as the socket allows, perhaps at once, and says "connected" before that is
 * over: only the answer to the greeting means that it went well. */
static void dial(struct store *s, const struct sockaddr_storage *address)
{
    redisOptions options = {0};
    char ip[RESOLVE_TEXT];
    SSL *ssl = s->conf.tls ? make_ssl(s) : NULL;
    if (s->conf.tls && ssl == NULL) {
        lost(s);
        return;
    }
    if (address == NULL) {
        REDIS_OPTIONS_SET_UNIX(&options, s->conf.unix_path.at);
    } else {
        ENSURE(uv_ip_name((const struct sockaddr *)address, ip, sizeof ip) == 0);
        REDIS_OPTIONS_SET_TCP(&options, ip, s->conf.port);
    }
    s->state = STORE_DIALLING;
    redisAsyncContext *context = redisAsyncConnectWithOptions(&options);
    ENSURE(context != NULL);
    bool good = context->err == 0;
    if (!good || (ssl != NULL && redisInitiateSSL(&context->c, ssl) != REDIS_OK)) {
        set_end(s, good ? ssl : NULL, context->c.errstr);
        SSL_free(ssl); /* not hiredis' yet */
        redisAsyncFree(context);
        lost(s);
        return;
    }
    s->link = link_new(s->loop, context, ssl, s, on_connect, on_disconnect);
    pipeline_start(&s->pipeline, s->link);
    s->link->on_dirty = on_dirty;
    s->link->on_broken = on_broken;
}

static void on_resolved(struct resolve_query *q, const struct resolve_answer *a)
{
    struct store *s = CONTAINER_OF(q, struct store, query);
    if (a->n == 0) {
        set_trouble(s, "its name does not resolve: ", a->trouble);
        drop(s);
        return;
    }
    dial(s, &a->v[s->tries % a->n]); /* each try takes the next address */
}

static void reach(struct store *s)
{
    struct sockaddr_storage address;
    if (s->conf.unix_path.len > 0) {
        dial(s, NULL);
    } else if (resolve_literal(s->conf.host, &address)) {
        dial(s, &address);
    } else { /* asked anew each time: after a failover the name may lead elsewhere */
        s->state = STORE_RESOLVING;
        resolve_start(s->resolve, &s->query, s->conf.host, on_resolved);
    }
}

static void start_dialling(struct store *s)
{
    s->tries++;
    s->second_chance = false;
    wheel_arm(s->wheel, &s->timer, s->conf.connect_ms, on_connect_due);
    if (s->handler.on_find != NULL) {
        s->state = STORE_FINDING;
        s->handler.on_find(s->handler.user);
    } else {
        reach(s);
    }
}

void store_found(struct store *s, struct str host, uint16_t port)
{
    bool same = str_eq(host, s->conf.host) && port == s->conf.port;
    if (host.len >= sizeof s->found || s->closing) {
        return;
    }
    if (s->state != STORE_FINDING) { /* it finds out again by itself, from its beginning */
        if (!same) {
            store_hurry(s);
            store_reset(s, "it is elsewhere now");
        }
        return;
    }
    memcpy(s->found, host.at, host.len);
    s->found[host.len] = '\0';
    s->conf.host = (struct str){s->found, host.len};
    s->conf.port = port;
    reach(s);
}

static void on_backoff(struct wheel_timer *t)
{
    start_dialling(CONTAINER_OF(t, struct store, timer));
}

/* Full jitter: anything up to 50 ms, 100 ms ... 2 s. Nothing gives up by counting. */
static void dial_later(struct store *s)
{
    s->state = STORE_WAITING;
    uint64_t most_ms = BACKOFF_FIRST_MS;
    for (unsigned i = 1; i < s->tries && most_ms < BACKOFF_MOST_MS; i++) {
        most_ms *= 2;
    }
    most_ms = most_ms > BACKOFF_MOST_MS ? BACKOFF_MOST_MS : most_ms;
    wheel_arm(s->wheel, &s->timer, 1 + crypt_random_u64() % most_ms, on_backoff);
}

void store_hurry(struct store *s)
{
    if (s->state == STORE_WAITING && !s->closing) {
        s->tries = 0;
        wheel_arm(s->wheel, &s->timer, 1, on_backoff);
    }
}

/* --- life --- */

static struct str keep(char **at, struct str s)
{
    struct str kept = {*at, s.len};
    if (s.len > 0) {
        memcpy(*at, s.at, s.len);
    }
    (*at)[s.len] = '\0';
    *at += s.len + 1;
    return kept;
}

struct store *store_new(uv_loop_t *loop, struct wheel *wheel, const struct store_conf *conf,
                        const struct store_handler *handler)
{
    struct store *s = calloc(1, sizeof *s);
    ENSURE(s != NULL);
    s->loop = loop;
    s->wheel = wheel;
    s->handler = *handler;
    s->conf = *conf;
    s->conf.what = conf->what == NULL ? "redis" : conf->what;
    const struct tls_files *files = &conf->files;
    size_t text = conf->host.len + conf->unix_path.len + conf->user.len + conf->password.len +
                  files->ca_file.len + files->cert_file.len + files->key_file.len + 7;
    char *at = s->text = malloc(text);
    ENSURE(at != NULL);
    s->conf.host = keep(&at, conf->host);
    s->conf.unix_path = keep(&at, conf->unix_path);
    s->conf.user = keep(&at, conf->user);
    s->conf.password = keep(&at, conf->password);
    s->conf.files.ca_file = keep(&at, files->ca_file);
    s->conf.files.cert_file = keep(&at, files->cert_file);
    s->conf.files.key_file = keep(&at, files->key_file);
    pipeline_init(&s->pipeline, loop, s, on_error, on_alone, on_end);
    s->resolve = resolve_new(loop);
    uv_idle_init(loop, &s->turn);
    s->turn.data = s;
    set_trouble(s, "connecting", "");
    if (handler->on_find != NULL) {
        dial_later(s); /* nobody is called from inside */
    } else {
        start_dialling(s);
    }
    return s;
}

struct str store_text(const redisReply *reply)
{
    bool is_text =
        reply != NULL && (reply->type == REDIS_REPLY_STRING || reply->type == REDIS_REPLY_STATUS);
    return is_text ? (struct str){reply->str, reply->len} : STR_NONE;
}

bool store_is_up(const struct store *s)
{
    return s->state == STORE_UP && s->reset_why == NULL && !s->closing;
}

const char *store_trouble(const struct store *s)
{
    return s->trouble;
}

unsigned store_pending(const struct store *s)
{
    return s->pipeline.n;
}

void store_reset(struct store *s, const char *why)
{
    if (s->state != STORE_WAITING && s->reset_why == NULL && !s->closing) {
        s->reset_why = why;
        uv_idle_start(&s->turn, on_turn);
    }
}

static void on_resolve_closed(void *user)
{
    struct store *s = user;
    void (*on_closed)(void *user) = s->on_closed;
    void *closed_user = s->user;
    crypt_wipe((char *)s->conf.password.at, s->conf.password.len);
    free(s->text);
    pipeline_done(&s->pipeline);
    free(s);
    on_closed(closed_user);
}

static void on_turn_closed(uv_handle_t *handle)
{
    struct store *s = handle->data;
    resolve_close(s->resolve, on_resolve_closed, s);
}

void store_close(struct store *s, void (*on_closed)(void *user), void *user)
{
    ENSURE(!s->closing);
    s->closing = true;
    s->on_closed = on_closed;
    s->user = user;
    if (s->state == STORE_WAITING) {
        wheel_cancel(s->wheel, &s->timer); /* it could be due before the loop comes to the end */
    }
    uv_idle_start(&s->turn, on_turn);
}

/* The end of a turn: what was said in it leaves in one write, or the connection goes. The
 * idle handle is active meanwhile, so the poll does not block, whoever sent the command. */
static void on_turn(uv_idle_t *turn)
{
    struct store *s = turn->data;
    if (store_is_up(s)) {
        if (s->handler.on_leaving != NULL) {
            s->handler.on_leaving(s->handler.user);
        }
        pipeline_close_group(&s->pipeline);
    }
    uv_idle_stop(turn); /* behind what has started it once more */
    if (s->closing) {
        drop(s);
        uv_close((uv_handle_t *)turn, on_turn_closed);
    } else if (s->reset_why != NULL) {
        if (s->reset_why != s->trouble) {
            set_trouble(s, "", s->reset_why);
        }
        drop(s);
    } else if (s->link != NULL) {
        pipeline_flush(&s->pipeline);
    }
}
