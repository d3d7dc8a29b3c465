/* A listener, and its connections until they may send requests (io/httpd_conn.c is what follows):
 *
 *   accepted --> PROXY header, with proxy_protocol --> counted --> TLS handshake --> requests
 */
#include "io/httpd.h"

#include "base/log.h"
#include "base/map.h"
#include "io/clients.h"
#include "io/httpd_conn.h"
#include "io/listen.h"
#include "io/proxy.h"
#include "io/tls.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONNECTIONS_KEPT 128u /* structs that wait for their next connection */
#define HANDSHAKE_MS 5000u    /* for a client to come through it */
#define PROXY_HEADER_MS 5000u /* for a proxy to say who the client is */

/* A connection, as its listener sees it. */
struct guest {
    struct httpd_conn c;
    struct guest *next, **link;            /* of all, or in the list of the kept ones */
    struct guest *younger, **shaking_link; /* HANDSHAKE: behind the elder ones */
    bool entered, counted;                 /* in `clients`: of all, of its client's */
    struct client_key client;
};

/* A connection whose PROXY header has not come yet. */
struct incoming {
    struct proxy_wait wait;
    struct httpd *httpd;
    struct incoming *next, **link;
    struct sockaddr_storage peer;
};

struct httpd {
    struct httpd_shared shared;
    struct wheel *wheel;
    struct http_limits head_limits;
    struct listener listener;
    struct tls_context *tls; /* NULL: plain; counted */
    struct guest *guests, *kept;
    struct guest *eldest, **youngest; /* of those that shake hands; the end of that list */
    unsigned guest_count, kept_count, handshakes;
    struct map shaking; /* of them, each client's that is counted: a number in place of a pointer */
    struct incoming *incoming;
    unsigned incoming_count;
    struct clients *clients; /* of this listener and those that joined */
    uv_idle_t closer;        /* ends httpd_close from the loop when no connection does */
    void (*on_closed)(void *user);
    void *user;
};

static struct httpd *httpd_of(const struct guest *g)
{
    return CONTAINER_OF(g->c.shared, struct httpd, shared);
}

static void refused(const struct httpd *h, const char *reason, const char *detail,
                    const struct sockaddr_storage *peer)
{
    httpd_tell_refused(&h->shared, reason, detail, peer);
}

/* --- handshakes --- */

/* How many its client has under way; 0: it is not counted. */
static uintptr_t handshakes_of(const struct guest *g)
{
    struct str key = {g->client.v, sizeof g->client.v};
    return g->counted ? (uintptr_t)map_find(&httpd_of(g)->shaking, key) : 0;
}

static void set_handshakes(const struct guest *g, uintptr_t n)
{
    struct map *m = &httpd_of(g)->shaking;
    struct str key = {g->client.v, sizeof g->client.v};
    if (n > 0) {
        map_set(m, key, (void *)n);
    } else {
        map_remove(m, key);
    }
}

static void begin_handshake(struct guest *g)
{
    struct httpd *h = httpd_of(g);
    g->c.state = PEER_HANDSHAKE;
    g->younger = NULL;
    g->shaking_link = h->youngest;
    *h->youngest = g;
    h->youngest = &g->younger;
    h->handshakes++;
    if (g->counted) {
        set_handshakes(g, handshakes_of(g) + 1);
    }
}

static void end_handshake(struct guest *g, enum peer_state next)
{
    struct httpd *h = httpd_of(g);
    g->c.state = next;
    *g->shaking_link = g->younger;
    if (g->younger != NULL) {
        g->younger->shaking_link = g->shaking_link;
    } else {
        h->youngest = g->shaking_link;
    }
    h->handshakes--;
    if (g->counted) {
        set_handshakes(g, handshakes_of(g) - 1);
    }
}

static void on_handshake_due(struct conn *conn)
{
    conn->detail = "the TLS handshake did not end in time";
    conn_close(conn, CONN_TLS);
}

/* The eldest of a client that has more than an eighth of the places, or else of all: one address
 * that opens them faster than others shake hands takes its own from itself. */
static struct guest *eldest_to_go(const struct httpd *h)
{
    struct guest *g = h->eldest;
    while (g != NULL && handshakes_of(g) <= h->shared.limits.handshakes / 8) {
        g = g->younger;
    }
    return g != NULL ? g : h->eldest;
}

/* A sender is through in two round trips; whoever holds a place for longer loses it to the next.
 * Were the newest closed, a few hundred silent connections would shut everybody out. */
static void bound_handshakes(struct httpd *h)
{
    if (h->handshakes <= h->shared.limits.handshakes) {
        return;
    }
    struct guest *g = eldest_to_go(h);
    ENSURE(g != NULL); /* there are more than a few */
    end_handshake(g, PEER_LINGER);
    if (g->c.conn.reason == NULL) {
        refused(h, REASON_OVERLOADED, "too many TLS handshakes at the same time", &g->c.peer);
        conn_close(&g->c.conn, CONN_DONE);
    }
}

static void on_open(struct conn *conn)
{
    struct guest *g = CONTAINER_OF(conn, struct guest, c.conn);
    end_handshake(g, PEER_IDLE);
    httpd_conn_begin(&g->c);
}

/* --- connections of one client --- */

static bool is_trusted(const struct httpd *h, const struct sockaddr_storage *peer)
{
    const struct httpd_limits *limits = &h->shared.limits;
    struct address_bytes a = address_of(peer);
    return peer->ss_family == AF_UNIX || cidr_has(limits->trusted, limits->trusted_count, &a);
}

/* False: it has as many as it may. */
static bool count_client(struct guest *g)
{
    struct httpd *h = httpd_of(g);
    unsigned most = h->shared.limits.per_address;
    if (most == 0 || is_trusted(h, &g->c.peer)) {
        return true;
    }
    g->counted = clients_add(h->clients, &g->c.peer, most, &g->client);
    return g->counted;
}

/* --- a connection's struct --- */

/* NULL: no memory. `before`: how many connections there were. */
static struct guest *take_guest(struct httpd *h, unsigned *before)
{
    struct guest *g = h->kept;
    if (g != NULL) {
        h->kept = g->next;
        h->kept_count--;
    } else if ((g = malloc(sizeof *g)) == NULL) {
        return NULL;
    }
    memset(g, 0, sizeof *g);
    g->c.shared = &h->shared;
    g->next = h->guests;
    g->link = &h->guests;
    if (g->next != NULL) {
        g->next->link = &g->next;
    }
    h->guests = g;
    h->guest_count++;
    g->entered = true;
    *before = clients_enter(h->clients);
    return g;
}

/* One that is refused leaves at once: until it is closed it would take a place from others. */
static void leave(struct guest *g)
{
    if (g->entered) {
        g->entered = false;
        clients_leave(httpd_of(g)->clients, 1);
    }
}

static void give_guest(struct httpd *h, struct guest *g)
{
    *g->link = g->next;
    if (g->next != NULL) {
        g->next->link = g->link;
    }
    h->guest_count--;
    leave(g);
    if (h->kept_count < CONNECTIONS_KEPT) {
        g->next = h->kept;
        h->kept = g;
        h->kept_count++;
    } else {
        free(g);
    }
}

static void finish_close(struct httpd *h);

static void on_closed(struct conn *conn, const char *reason)
{
    struct guest *g = CONTAINER_OF(conn, struct guest, c.conn);
    struct httpd *h = httpd_of(g);
    if (reason == CONN_TLS) {
        refused(h, REASON_TLS, conn->detail, &g->c.peer);
    }
    if (g->c.state == PEER_HANDSHAKE) {
        end_handshake(g, PEER_LINGER);
    }
    httpd_conn_end(&g->c);
    if (g->counted) {
        clients_remove(h->clients, &g->client);
    }
    give_guest(h, g);
    finish_close(h);
}

static const struct conn_events conn_events = {
    .on_open = on_open,
    .on_room = httpd_conn_on_room,
    .on_read = httpd_conn_on_read,
    .on_end = httpd_conn_on_end,
    .on_written = httpd_conn_on_written,
    .on_closed = on_closed,
};

/* --- a connection begins --- */

/* Before it is looked at any further. */
static const char *why_refused(struct guest *g, unsigned connections)
{
    if (connections >= g->c.shared->limits.connections) {
        return "too many connections";
    }
    return count_client(g) ? NULL : "too many connections from one address";
}

static void welcome(struct httpd *h, int fd, const struct sockaddr_storage *peer)
{
    unsigned before;
    struct guest *g = take_guest(h, &before);
    if (g == NULL) {
        refused(h, REASON_OVERLOADED, "out of memory", peer);
        close(fd);
        return;
    }
    struct conn *conn = &g->c.conn;
    g->c.peer = *peer;
    const char *why = why_refused(g, before);
    struct tls *tls = NULL;
    if (why != NULL) {
        leave(g);
    } else if (h->tls != NULL) {
        tls = tls_accept(h->tls);
        begin_handshake(g);
    }
    if (!conn_accept(conn, h->shared.loop, h->wheel, fd, h->listener.is_unix, tls, &conn_events)) {
        return;
    }
    if (why != NULL) {
        refused(h, REASON_OVERLOADED, why, peer);
        conn_close(conn, CONN_DONE);
    } else if (tls != NULL) {
        conn_deadline(conn, HANDSHAKE_MS, on_handshake_due);
        bound_handshakes(h);
    } else {
        httpd_conn_begin(&g->c);
    }
}

/* --- PROXY headers --- */

static void forget_incoming(struct incoming *in)
{
    *in->link = in->next;
    if (in->next != NULL) {
        in->next->link = in->link;
    }
    in->httpd->incoming_count--;
    clients_leave(in->httpd->clients, 1);
}

static void on_proxy_header(struct proxy_wait *w, const struct proxy_header *header,
                            const char *why)
{
    struct incoming *in = CONTAINER_OF(w, struct incoming, wait);
    struct httpd *h = in->httpd;
    forget_incoming(in);
    if (why != NULL) {
        refused(h, REASON_MALFORMED, why, &in->peer);
        close(w->fd);
    } else {
        welcome(h, w->fd, header->local ? &in->peer : &header->client);
    }
    free(in);
}

static void await_proxy_header(struct httpd *h, int fd, const struct sockaddr_storage *peer)
{
    if (clients_enter(h->clients) >= h->shared.limits.connections) {
        clients_leave(h->clients, 1);
        refused(h, REASON_OVERLOADED, "too many connections", peer);
        close(fd);
        return;
    }
    struct incoming *in = malloc(sizeof *in);
    ENSURE(in != NULL);
    in->httpd = h;
    in->peer = *peer;
    in->next = h->incoming;
    in->link = &h->incoming;
    if (in->next != NULL) {
        in->next->link = &in->next;
    }
    h->incoming = in;
    h->incoming_count++;
    in->wait.on_done = on_proxy_header;
    proxy_wait_start(&in->wait, h->shared.loop, h->wheel, fd, PROXY_HEADER_MS);
}

static void cancel_incoming(struct httpd *h)
{
    for (struct incoming *in = h->incoming, *next; in != NULL; in = next) {
        next = in->next;
        proxy_wait_cancel(&in->wait);
        close(in->wait.fd);
        free(in);
    }
    clients_leave(h->clients, h->incoming_count);
    h->incoming = NULL;
    h->incoming_count = 0;
}

/* --- the listener's events --- */

static void on_accept(struct listener *l, int fd, const struct sockaddr_storage *peer)
{
    struct httpd *h = CONTAINER_OF(l, struct httpd, listener);
    if (!h->shared.limits.proxy_protocol) {
        welcome(h, fd, peer);
    } else if (!is_trusted(h, peer)) {
        refused(h, REASON_IP_DENIED, "not one of listen.trusted_proxies", peer);
        close(fd);
    } else {
        await_proxy_header(h, fd, peer);
    }
}

static void on_exhausted(struct listener *l)
{
    static const struct sockaddr_storage nobody;
    refused(CONTAINER_OF(l, struct httpd, listener), REASON_OVERLOADED,
            "out of file descriptors: new connections wait", &nobody);
}

/* --- life --- */

void httpd_use_limits(struct httpd *h, const struct httpd_limits *limits)
{
    h->head_limits =
        (struct http_limits){limits->head_bytes, limits->target_bytes, limits->field_count};
    h->shared.limits = *limits;
    h->shared.pool.memory_max = limits->memory_bytes;
}

static void init(struct httpd *h, uv_loop_t *loop, struct wheel *wheel,
                 const struct httpd_limits *limits, const struct httpd_handler *handler,
                 struct clients *clients)
{
    h->listener.on_accept = on_accept;
    h->listener.on_exhausted = on_exhausted;
    h->wheel = wheel;
    h->youngest = &h->eldest;
    map_init(&h->shaking);
    h->shared.loop = loop;
    h->shared.handler = *handler;
    h->shared.pool.limits = &h->head_limits;
    httpd_use_limits(h, limits);
    buf_init(&h->shared.out, 64 * 1024);
    buf_init(&h->shared.refusal, 256);
    h->clients = h->shared.pool.clients = clients;
    uv_idle_init(loop, &h->closer);
    h->closer.data = h;
}

const char *httpd_new(struct httpd **out, uv_loop_t *loop, struct wheel *wheel, struct str address,
                      const struct httpd_limits *limits, const struct httpd_handler *handler)
{
    struct httpd *h = calloc(1, sizeof *h);
    ENSURE(h != NULL);
    const char *why = listener_open(&h->listener, loop, wheel, address);
    if (why != NULL) {
        free(h);
        return why;
    }
    init(h, loop, wheel, limits, handler, clients_new());
    *out = h;
    return NULL;
}

const char *httpd_join(struct httpd **out, const struct httpd *first, uv_loop_t *loop,
                       struct wheel *wheel, const struct httpd_handler *handler)
{
    struct httpd *h = calloc(1, sizeof *h);
    ENSURE(h != NULL);
    const char *why = listener_join(&h->listener, loop, wheel, &first->listener);
    if (why != NULL) {
        free(h);
        return why;
    }
    init(h, loop, wheel, &first->shared.limits, handler, clients_ref(first->clients));
    *out = h;
    return NULL;
}

void httpd_use_tls(struct httpd *h, struct tls_context *tls)
{
    for (struct guest *g = h->guests; g != NULL; g = g->next) {
        g->c.last |= g->c.conn.tls != NULL;
    }
    tls_context_unref(h->tls);
    h->tls = tls_context_ref(tls);
}

const char *httpd_address(const struct httpd *h)
{
    return h->listener.address;
}

unsigned httpd_connections(const struct httpd *h)
{
    return h->guest_count;
}

static void on_closer_closed(uv_handle_t *handle)
{
    struct httpd *h = handle->data;
    void (*on_httpd_closed)(void *user) = h->on_closed;
    void *user = h->user;
    message_pool_done(&h->shared.pool);
    map_done(&h->shaking);
    for (struct guest *g = h->kept, *next; g != NULL; g = next) {
        next = g->next;
        free(g);
    }
    buf_done(&h->shared.out);
    buf_done(&h->shared.refusal);
    tls_context_unref(h->tls);
    clients_unref(h->clients);
    free(h);
    on_httpd_closed(user);
}

static void finish_close(struct httpd *h)
{
    if (h->on_closed != NULL && h->guest_count == 0) {
        uv_close((uv_handle_t *)&h->closer, on_closer_closed);
    }
}

void httpd_drain(struct httpd *h)
{
    h->shared.draining = true;
    listener_close(&h->listener);
    cancel_incoming(h);
    for (struct guest *g = h->guests; g != NULL; g = g->next) {
        if (g->c.state == PEER_IDLE || g->c.state == PEER_HANDSHAKE) {
            conn_close(&g->c.conn, CONN_DONE);
        }
    }
}

void httpd_close(struct httpd *h, void (*on_httpd_closed)(void *user), void *user)
{
    httpd_drain(h);
    h->on_closed = on_httpd_closed;
    h->user = user;
    for (struct guest *g = h->guests; g != NULL; g = g->next) {
        conn_close(&g->c.conn, CONN_DONE);
    }
    finish_close(h);
}
