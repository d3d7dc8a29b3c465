/* Where the master is, as Redis Sentinel says it (redis.io, "Guidelines for Redis clients with
 * support for Redis Sentinel"): asks the sentinels in turn and goes on with the one that answered,
 * and hears from it when the master changes. What it names is a claim: whoever connects there looks
 * at the role. */
#ifndef IO_SENTINEL_H
#define IO_SENTINEL_H

#include "base/text.h"
#include "base/wheel.h"
#include "io/store_error.h"
#include "io/tls_context.h"

#define SENTINEL_HOST_MAX 255

struct sentinel;

struct sentinel_node {
    struct str host;
    uint16_t port;
};

struct sentinel_conf {
    struct str master; /* the name that the sentinels know it by */
    const struct sentinel_node *nodes;
    size_t node_count;
    struct str user, password; /* the sentinels' own; empty: none */
    bool tls;
    struct tls_files files;
};

struct sentinel_handler {
    void *user;
    /* The answer to sentinel_ask, and also unasked, when it is another one. `host` is borrowed. */
    void (*on_master)(void *user, struct str host, uint16_t port);
};

struct sentinel *sentinel_new(uv_loop_t *loop, struct wheel *wheel,
                              const struct sentinel_conf *conf,
                              const struct sentinel_handler *handler); /* `conf` is copied */
/* Where is it? on_master when one of them has answered, never from inside; asked on until then. */
void sentinel_ask(struct sentinel *s);
/* What it named last was of no use: the next one is asked. */
void sentinel_next(struct sentinel *s);
/* What one answers who is asked for the master; `host` is borrowed. False: it is no address. */
bool sentinel_address_read(const redisReply *reply, struct str *host, uint16_t *port) MUST_CHECK;
/* Why there is no answer, as a sentence; "" when there is one. */
const char *sentinel_trouble(struct sentinel *s);
void sentinel_close(struct sentinel *s, void (*on_closed)(void *user), void *user);

#endif
