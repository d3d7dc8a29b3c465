/* What a running process cannot change of its configuration. */
#include "model/conf_rows.h"

#include "base/log.h"
#include "model/url.h"

#include <string.h>

static bool same_tls(const struct conf_tls *a, const struct conf_tls *b)
{
    return str_eq(a->ca_file, b->ca_file) && str_eq(a->cert_file, b->cert_file) &&
           str_eq(a->key_file, b->key_file);
}

static bool same_nodes(const struct conf *a, const struct conf *b)
{
    size_t n = a->redis.sentinel.node_count;
    bool same = n == b->redis.sentinel.node_count;
    for (size_t i = 0; same && i < n; i++) {
        const struct conf_address *x = &a->redis.sentinel.nodes[i],
                                  *y = &b->redis.sentinel.nodes[i];
        same = str_eq(x->host, y->host) && x->port == y->port;
    }
    return same;
}

/* ---- one function a line of the table: is it the same? ---- */

static bool same_workers(const struct conf *a, const struct conf *b)
{
    return a->workers == b->workers;
}

static bool same_listener(const struct conf *a, const struct conf *b)
{
    return str_eq(a->listen.address, b->listen.address) &&
           a->listen.proxy_protocol == b->listen.proxy_protocol;
}

/* The files may change, and how many certificates there are; but not from none to some. */
static bool same_scheme(const struct conf *a, const struct conf *b)
{
    return (a->listen.certificate_count > 0) == (b->listen.certificate_count > 0);
}

static bool same_admin(const struct conf *a, const struct conf *b)
{
    return str_eq(a->admin.address, b->admin.address);
}

static bool same_disk(const struct conf *a, const struct conf *b)
{
    return str_eq(a->data_dir, b->data_dir) && a->spool.size == b->spool.size;
}

static bool same_server(const struct conf *a, const struct conf *b)
{
    return a->redis.embedded == b->redis.embedded && str_eq(a->redis.host, b->redis.host) &&
           str_eq(a->redis.unix_path, b->redis.unix_path) && a->redis.port == b->redis.port &&
           a->redis.db == b->redis.db && a->redis.tls == b->redis.tls &&
           str_eq(a->redis.user, b->redis.user) && str_eq(a->redis.password, b->redis.password) &&
           same_tls(&a->redis.files, &b->redis.files);
}

static bool same_sentinel(const struct conf *a, const struct conf *b)
{
    return str_eq(a->redis.sentinel.master, b->redis.sentinel.master) &&
           str_eq(a->redis.sentinel.user, b->redis.sentinel.user) &&
           str_eq(a->redis.sentinel.password, b->redis.sentinel.password) && same_nodes(a, b);
}

static bool same_prefix(const struct conf *a, const struct conf *b)
{
    return str_eq(a->redis.prefix, b->redis.prefix);
}

static bool same_proof(const struct conf *a, const struct conf *b)
{
    return a->redis.replicas == b->redis.replicas && a->redis.assume_fsync == b->redis.assume_fsync;
}

static const struct {
    const char *what;
    bool (*same)(const struct conf *a, const struct conf *b);
} fixed[] = {
    {"\"workers\"", same_workers},
    {"the address of \"listen\", or its \"proxy_protocol\",", same_listener},
    {"\"listen.tls\" where there was none, or none where it was,", same_scheme},
    {"\"admin.address\"", same_admin},
    {"\"data_dir\", or \"spool\",", same_disk},
    {"\"redis.url\", \"password\" or \"tls\"", same_server},
    {"\"redis.sentinel\"", same_sentinel},
    {"\"redis.prefix\"", same_prefix},
    {"\"redis.replicas\" or \"assume_fsync\"", same_proof},
};

static void keep(struct conf *next, const struct conf *first)
{
    next->workers = first->workers;
    next->listen.address = first->listen.address;
    next->listen.proxy_protocol = first->listen.proxy_protocol;
    if (!same_scheme(next, first)) {
        next->listen.certificates = first->listen.certificates;
        next->listen.certificate_count = first->listen.certificate_count;
        next->listen.client_ca_file = first->listen.client_ca_file;
    }
    next->admin.address = first->admin.address;
    next->data_dir = first->data_dir;
    next->spool.size = first->spool.size;
    next->redis.embedded = first->redis.embedded;
    next->redis.host = first->redis.host;
    next->redis.unix_path = first->redis.unix_path;
    next->redis.port = first->redis.port;
    next->redis.db = first->redis.db;
    next->redis.tls = first->redis.tls;
    next->redis.user = first->redis.user;
    next->redis.password = first->redis.password;
    next->redis.files = first->redis.files;
    next->redis.sentinel = first->redis.sentinel;
    next->redis.prefix = first->redis.prefix;
    next->redis.replicas = first->redis.replicas;
    next->redis.assume_fsync = first->redis.assume_fsync;
}

/* What stays may not fit what changes, though each file is right by itself. */
static const char *why_unfit(const struct conf *next, const struct conf *first)
{
    struct address listen, admin;
    bool known = address_parse(first->listen.address, &listen) == NULL &&
                 address_parse(first->admin.address, &admin) == NULL;
    ENSURE(known);
    if (!address_is_local(&admin) && next->admin.token.len == 0) {
        return "the admin API stays at its address until a restart, and would be open to everybody "
               "who reaches it: keep its token until then";
    }
    if (first->listen.proxy_protocol && next->listen.trusted_proxies.n == 0 && !listen.is_unix) {
        return "\"proxy_protocol\" stays until a restart, and would refuse everybody: keep "
               "\"trusted_proxies\" until then";
    }
    return NULL;
}

const char *conf_keep(struct conf *next, struct conf *running, struct buf *said)
{
    struct conf *first = running->first != NULL ? running->first : running;
    static const enum conf_durability stronger[] = {DURABILITY_FSYNC, DURABILITY_REPLICA};
    for (size_t i = 0; i < sizeof stronger / sizeof *stronger; i++) {
        /* Redis is looked at when it is connected to, for what is promised then. */
        if (conf_wants(next, stronger[i]) &&
            !(conf_wants(first, stronger[i]) && conf_wants(running, stronger[i]))) {
            return arena_printf(next->arena,
                                "\"durability: %s\" needs a restart: nothing asks for it now, so "
                                "whether Redis can promise it was not looked at",
                                conf_durability_word(stronger[i]))
                .at;
        }
    }
    const char *why = why_unfit(next, first);
    if (why != NULL) {
        return why;
    }
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        if (!fixed[i].same(next, first)) {
            buf_printf(said, "warning: %s needs a restart to change; it stays as it was\n",
                       fixed[i].what);
        }
    }
    keep(next, first);
    next->first = conf_ref(first);
    return NULL;
}
