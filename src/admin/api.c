/* The admin listener: one table of endpoints, and who may ask. */
#include "admin/api.h"

#include "admin/call.h"
#include "admin/destinations.h"
#include "admin/events.h"
#include "admin/health.h"
#include "admin/nodes.h"
#include "admin/reload.h"
#include "admin/sources.h"
#include "base/crypt.h"
#include "base/log.h"
#include "relay/refusal.h"
#include "relay/stats.h"

#include <stdio.h>
#include <stdlib.h>

struct api {
    struct worker *w;
    struct httpd *httpd;
    struct log_cap refusals;
    void (*on_closed)(void *user);
    void *user;
};

/* --- the table */

static const struct {
    const char *method, *path;
    bool prefix; /* the path goes on; the rest is the handler's */
    bool open;   /* without a token */
    void (*handle)(struct worker *w, struct httpd_request *r, struct str rest);
} endpoints[] = {
    {"GET", "/livez", false, true, health_live},
    {"GET", "/healthz", false, true, health_live},
    {"GET", "/readyz", false, true, health_ready},
    {"GET", "/metrics", false, false, health_metrics},
    {"POST", "/-/reload", false, false, reload_post},
    {"GET", "/api/v1/destinations", false, false, destinations_list},
    {"GET", "/api/v1/nodes", false, false, nodes_list},
    {"GET", "/api/v1/sources", false, false, sources_list},
    {"GET", "/api/v1/sources/", true, false, sources_get},
    {"POST", "/api/v1/sources/", true, false, sources_post},
    {"POST", "/api/v1/destinations/", true, false, destinations_post},
    {"GET", "/api/v1/dead", false, false, dead_list},
    {"POST", "/api/v1/dead/", true, false, dead_post},
    {"GET", "/api/v1/events", false, false, events_list},
    {"POST", "/api/v1/events/replay", false, false, events_replay},
    {"GET", "/api/v1/events/", true, false, events_show},
};

static bool is_authorised(const struct api *api, const struct httpd_request *r)
{
    struct str token = api->w->conf->admin.token;
    const struct str *given = fields_find(r->fields, STR("authorization"));
    if (token.len == 0) {
        return true;
    }
    struct str bearer = STR("Bearer ");
    return given != NULL && str_istarts(*given, bearer) && given->len - bearer.len == token.len &&
           crypt_equal(given->at + bearer.len, token.at, token.len);
}

/* Without a token only the Host field tells our own user from a web page that was made to resolve
 * to this address (DNS rebinding): an address literal or localhost is never such a name. */
static bool host_is_literal(const struct httpd_request *r)
{
    const struct str *host = fields_find(r->fields, STR("host"));
    struct str name, port;
    if (host == NULL) {
        return true;
    }
    if (str_starts(*host, STR("["))) {
        return true;
    }
    str_cut(*host, ':', &name, &port);
    bool digits = name.len > 0;
    for (size_t i = 0; i < name.len; i++) {
        digits &= (name.at[i] >= '0' && name.at[i] <= '9') || name.at[i] == '.';
    }
    return digits || str_ieq(name, STR("localhost"));
}

/* A browser names the page that a request comes from: nobody types one here. */
static bool is_of_page(const struct httpd_request *r)
{
    return fields_find(r->fields, STR("origin")) != NULL;
}

/* Whoever tries tokens is to be seen, also where log.level leaves out what senders are refused for.
 */
static void refuse(struct api *api, struct httpd_request *r, int status, const char *reason,
                   const char *what_to_do)
{
    struct address_bytes client = address_of(r->peer);
    stats_admin_refused(api->w, reason);
    refusal_log(&api->refusals, 1, LOG_WARN, "admin request refused", STR_NONE, &client, reason,
                what_to_do);
    answer_problem(r, status, reason, what_to_do);
}

static void on_request(void *user, struct httpd_request *r)
{
    struct api *api = user;
    bool path_known = false;
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        struct str path = str_of(endpoints[i].path);
        if (!(endpoints[i].prefix ? str_starts(r->path, path) : str_eq(r->path, path))) {
            continue;
        }
        path_known = true;
        if (!str_eq(r->method, str_of(endpoints[i].method))) {
            continue;
        }
        if (!endpoints[i].open && !is_authorised(api, r)) {
            refuse(api, r, 401, "unauthorized", "send Authorization: Bearer <admin.token>");
        } else if (!endpoints[i].open && api->w->conf->admin.token.len == 0 &&
                   (!host_is_literal(r) || is_of_page(r))) {
            refuse(api, r, 403, "host", "use an address or localhost, or set admin.token");
        } else {
            endpoints[i].handle(api->w, r, str_from(r->path, path.len));
        }
        return;
    }
    if (path_known) {
        answer_problem(r, 405, "method", "that path takes another method");
    } else {
        answer_problem(r, 404, "not_found", "no such endpoint");
    }
}

static size_t on_head(void *user, struct httpd_request *r)
{
    (void)user;
    (void)r;
    return 64 << 10;
}

static void on_gone(void *user, struct httpd_request *r)
{
    struct call *c = r->pending;
    (void)user;
    if (c != NULL) {
        c->request = NULL;
    }
}

static void on_refused(void *user, const char *reason, const char *detail,
                       const struct sockaddr_storage *peer)
{
    (void)user;
    (void)reason;
    (void)detail;
    (void)peer;
}

const char *api_start(struct api **out, struct worker *w)
{
    struct api *api = calloc(1, sizeof *api);
    ENSURE(api != NULL);
    api->w = w;
    struct httpd_limits limits = {
        .head_bytes = 16 << 10,
        .target_bytes = 12 << 10, /* `after` names every journal */
        .field_count = 100,
        .body_bytes = 64 << 10,
        .memory_bytes = 16 << 20,
        .connections = 256,
        .head_ms = 10000,
        .request_ms = 10000,
        .idle_ms = 60000,
        .write_ms = 30000,
    };
    struct httpd_handler handler = {api, on_head, on_request, on_gone, on_refused};
    const char *why =
        httpd_new(&api->httpd, w->loop, &w->wheel, w->conf->admin.address, &limits, &handler);
    if (why != NULL) {
        static char trouble[512];
        snprintf(trouble, sizeof trouble, "admin.address %s", why);
        free(api);
        return trouble;
    }
    *out = api;
    return NULL;
}

const char *api_address(const struct api *a)
{
    return httpd_address(a->httpd);
}

static void on_httpd_closed(void *user)
{
    struct api *api = user;
    void (*on_closed)(void *u) = api->on_closed;
    void *u = api->user;
    free(api);
    on_closed(u);
}

void api_close(struct api *a, void (*on_closed)(void *user), void *user)
{
    a->on_closed = on_closed;
    a->user = user;
    httpd_close(a->httpd, on_httpd_closed, a);
}
