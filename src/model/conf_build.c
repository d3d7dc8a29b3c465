/* What only shows when all values are there: addresses, URLs, files, and who is named where. */
#include "model/conf_rows.h"
#include "model/route_index.h"
#include "model/url.h"

#include "base/crypt.h"
#include "base/log.h"

#include <string.h>

#define PEM_FILE_BYTES (8 * 1024 * 1024) /* a system's whole bundle has about 200 KiB */

/* ---- listeners ---- */

static const struct place *place_at(const struct place *whole, const struct node *root,
                                    const char *block, const char *key)
{
    const struct node_pair *b = node_find(root, block);
    const struct node_pair *k = b == NULL ? NULL : node_find(b->value, key);
    return k != NULL ? &k->value->place : b != NULL ? &b->key->place : whole;
}

/* A token that was given, but could not be read: said already, so not that there is none. */
static bool token_was_refused(const struct conf_file *f)
{
    const struct node_pair *admin = node_find(f->root, "admin");
    return admin != NULL && f->c.admin.token.at == NULL &&
           (node_find(admin->value, "token") != NULL ||
            node_find(admin->value, "token_file") != NULL);
}

static void build_addresses(struct conf_reader *r, const struct conf_file *f)
{
    const struct place *listen_at = place_at(f->place, f->root, "listen", "address");
    const struct place *admin_at = place_at(f->place, f->root, "admin", "address");
    struct address listen, admin;
    const char *why_listen = address_parse(f->c.listen.address, &listen);
    if (why_listen != NULL) {
        report_error(r->report, listen_at, "\"address\": %s", why_listen);
    }
    const char *why_admin = address_parse(f->c.admin.address, &admin);
    if (why_admin != NULL) {
        report_error(r->report, admin_at, "\"address\": %s", why_admin);
        return;
    }
    if (!address_is_local(&admin) && f->c.admin.token.len == 0 && !token_was_refused(f)) {
        report_error(r->report, admin_at,
                     "the admin API would be open to everybody who reaches %.*s",
                     STR_ARG(report_shown(f->c.admin.address)));
        report_help(r->report, "give it a token_file, or an address of this machine such as "
                               "127.0.0.1:8081 or unix:/run/penstock.sock");
    }
    if (f->c.listen.proxy_protocol && f->c.listen.trusted_proxies.n == 0 && !listen.is_unix) {
        report_error(r->report, place_at(f->place, f->root, "listen", "proxy_protocol"),
                     "\"proxy_protocol\" needs \"trusted_proxies\"");
        report_help(r->report, "name the addresses that the proxies connect from");
    }
    bool same = why_listen == NULL && str_eq(f->c.listen.address, f->c.admin.address);
    if (same && (listen.is_unix || listen.port != 0)) {
        report_error(r->report, admin_at == f->place ? listen_at : admin_at,
                     "\"listen\" and \"admin\" have the same address, %.*s",
                     STR_ARG(report_shown(f->c.admin.address)));
        report_help(r->report, "give one of them another port");
    }
}

/* ---- files of TLS ---- */

/* Is it there, and what it should be? What only OpenSSL can say is said at start. A file that many
 * name is read once. */
void conf_check_pem(struct conf_reader *r, const struct node *tls, const char *key, struct str path,
                    const char *what)
{
    const struct node_pair *at = node_find(tls, key);
    struct str seen = arena_printf(r->arena, "%s %.*s", what, STR_ARG(path));
    if (path.len == 0 || map_find(&r->pems, seen) != NULL) {
        return;
    }
    struct buf text;
    buf_init(&text, PEM_FILE_BYTES);
    const struct place *p = at == NULL ? &tls->place : &at->value->place;
    bool good = conf_read_file(r, p, path, &text);
    if (good && !text_glob(arena_printf(r->arena, "*-----BEGIN *%s-----*", what), buf_str(&text))) {
        report_error(r->report, p, "there is no PEM %s in \"%.*s\"",
                     what[0] == 'C' ? "certificate" : "private key", STR_ARG(report_shown(path)));
    }
    if (good) {
        map_set(&r->pems, seen, r);
    }
    conf_wipe(&text);
}

static void check_files(struct conf_reader *r, const struct node *tls, const struct conf_tls *files)
{
    if ((files->cert_file.len > 0) != (files->key_file.len > 0)) {
        report_error(r->report, &tls->place,
                     "\"cert_file\" and \"key_file\" must be given together");
    }
    conf_check_pem(r, tls, "ca_file", files->ca_file, "CERTIFICATE");
    conf_check_pem(r, tls, "cert_file", files->cert_file, "CERTIFICATE");
    conf_check_pem(r, tls, "key_file", files->key_file, "PRIVATE KEY");
}

static const struct node *tls_of(const struct node *around)
{
    const struct node_pair *tls = around == NULL ? NULL : node_find(around, "tls");
    return tls == NULL ? NULL : tls->value;
}

static const struct node *tls_in(const struct conf_file *f, const char *block)
{
    const struct node_pair *b = node_find(f->root, block);
    return tls_of(b == NULL ? NULL : b->value);
}

/* The first certificate is the one beside the list. */
static void build_listen_tls(struct conf_reader *r, struct conf_file *f)
{
    const struct node *tls = tls_in(f, "listen");
    const struct file_certificate *more = f->certificates.v;
    if (tls == NULL) {
        return;
    }
    if (f->listen_files.cert_file.len == 0) {
        report_error(r->report, &tls->place, "\"tls\" needs \"cert_file\" and \"key_file\"");
        return;
    }
    size_t n = 1 + f->certificates.n;
    struct conf_tls *v = arena_array(r->arena, n, sizeof *v);
    v[0] = f->listen_files;
    check_files(r, tls, &v[0]);
    for (size_t i = 1; i < n; i++) {
        v[i] = more[i - 1].files;
        check_files(r, more[i - 1].item.value, &v[i]);
    }
    conf_check_pem(r, tls, "client_ca_file", f->c.listen.client_ca_file, "CERTIFICATE");
    f->c.listen.certificates = v;
    f->c.listen.certificate_count = n;
}

/* ---- redis ---- */

static bool decoded(struct conf_reader *r, struct str s, struct str *out)
{
    char *at = arena_take(r->arena, s.len + 1);
    size_t n;
    if (!url_decode(s, at, s.len, &n) || memchr(at, 0, n) != NULL) {
        return false;
    }
    *out = (struct str){at, n};
    return true;
}

static const char *take_db(struct str text, unsigned *out)
{
    uint64_t db;
    if (text.len == 0) {
        return NULL;
    }
    if (text_u64(text, 65535, &db) != NULL) {
        return "the database behind the host must be a number, such as /0";
    }
    *out = (unsigned)db;
    return NULL;
}

/* unix:///run/redis.sock, unix:/run/redis.sock, both perhaps with ?db=1. */
static const char *take_unix(struct conf_reader *r, struct conf_file *f)
{
    struct str path, query, rest = str_from(f->redis_url, 5);
    if (str_starts(rest, STR("//"))) {
        rest = str_from(rest, 2);
    }
    bool more = str_cut(rest, '?', &path, &query);
    if (path.len < 2 || path.at[0] != '/' || path.len > 107) {
        return "a Unix socket is written unix:///absolute/path, with at most 107 bytes of path";
    }
    if (more && !str_starts(query, STR("db="))) {
        return "behind the path of a Unix socket only ?db=NUMBER is taken";
    }
    f->c.redis.unix_path = arena_str(r->arena, path);
    return take_db(str_from(query, 3), &f->c.redis.db);
}

static uint64_t share_of(const struct conf_share *s, uint64_t whole)
{
    return s->bytes > 0 ? s->bytes : whole / 100 * s->percent;
}

static const char *take_redis(struct conf_reader *r, struct conf_file *f)
{
    struct url u;
    if (str_starts(f->redis_url, STR("unix:"))) {
        return take_unix(r, f);
    }
    f->c.redis.tls = str_istarts(f->redis_url, STR("rediss://"));
    if (!f->c.redis.tls && !str_istarts(f->redis_url, STR("redis://"))) {
        return "the URL must begin with redis://, rediss:// or unix://";
    }
    const char *why = url_parse(f->redis_url, &u);
    if (why != NULL) {
        return why;
    }
    struct str user, password;
    bool has_password = str_cut(u.userinfo, ':', &user, &password);
    if (!decoded(r, user, &f->c.redis.user) || !decoded(r, password, &f->c.redis.password)) {
        return "user or password hold a broken %XX";
    }
    if (has_password && password.len > 0 && f->redis_password.len > 0) {
        return "there is a password in it and another one beside it: leave one of them out";
    }
    if (u.rest.len > 0 && u.rest.at[0] != '/') {
        return "behind the host only /DATABASE is taken";
    }
    f->c.redis.host = arena_str(r->arena, u.host);
    f->c.redis.port = u.port == 0 ? 6379 : u.port;
    return take_db(str_from(u.rest, 1), &f->c.redis.db);
}

static const struct node *sentinel_in(const struct conf_file *f)
{
    const struct node_pair *redis = node_find(f->root, "redis");
    const struct node_pair *s = redis == NULL ? NULL : node_find(redis->value, "sentinel");
    return s == NULL || node_is_nothing(s->value) ? NULL : s->value;
}

static void build_sentinel_nodes(struct conf_reader *r, struct conf_file *f)
{
    const struct conf_texts *t = &f->sentinel_nodes;
    struct conf_address *v = arena_array(r->arena, t->n, sizeof *v);
    for (size_t i = 0; i < t->n; i++) {
        struct address a;
        const char *why = address_parse(t->v[i].text, &a);
        if (why == NULL && (a.is_unix || a.port == 0)) {
            why = "a sentinel is written host:port";
        }
        if (why != NULL) {
            report_error(r->report, &t->v[i].node->place, "\"nodes\": %s", why);
            return;
        }
        v[i] = (struct conf_address){a.host, a.port};
    }
    f->c.redis.sentinel.nodes = v;
    f->c.redis.sentinel.node_count = t->n;
}

/* It replaces the host of the URL; without one it stands for redis://. */
static void build_sentinel(struct conf_reader *r, struct conf_file *f)
{
    const struct node *n = sentinel_in(f);
    if (n == NULL) {
        return;
    }
    if (f->c.redis.sentinel.master.len == 0 || f->sentinel_nodes.n == 0) {
        report_error(r->report, &n->place, "\"sentinel\" needs \"master\" and \"nodes\"");
        report_help(r->report, "sentinel: { master: mymaster, nodes: [s0:26379, s1:26379] }");
        return;
    }
    if (f->c.redis.unix_path.len > 0) {
        report_error(r->report, &n->place,
                     "\"sentinel\" takes the place of a host, but the URL is a Unix socket");
    }
    if (f->c.redis.sentinel.user.len > 0 && f->c.redis.sentinel.password.len == 0) {
        report_error(r->report, &n->place, "\"sentinel\" has a user, but no password");
    }
    build_sentinel_nodes(r, f);
}

/* Does the URL stand in the file as it is? Else it is not shown. */
static bool is_written(const struct conf_file *f)
{
    const struct node_pair *redis = node_find(f->root, "redis");
    const struct node_pair *url = redis == NULL ? NULL : node_find(redis->value, "url");
    return url != NULL && str_eq(url->value->text, f->redis_url);
}

static void build_redis(struct conf_reader *r, struct conf_file *f)
{
    static const struct place nowhere = {.file = NULL};
    const struct place *p = place_at(&nowhere, f->root, "redis", "url");
    const char *name = "\"url\"";
    if (f->redis_url.len == 0) {
        const char *value = r->env->variable("REDIS_URL");
        f->redis_url = value == NULL ? STR_NONE : arena_str(r->arena, str_of(value));
        name = "$REDIS_URL";
    }
    f->c.redis.embedded = f->redis_url.len == 0 && sentinel_in(f) == NULL;
    const char *why = f->redis_url.len == 0 ? NULL : take_redis(r, f);
    if (why != NULL) {
        report_error(r->report, p, "%s: %s", name, why);
        if (memmem(f->redis_url.at, f->redis_url.len, "://", 3) == NULL &&
            !str_has(f->redis_url, '@') && is_written(f)) {
            report_help(r->report, "did you mean redis://%.*s?",
                        STR_ARG(report_shown(f->redis_url)));
        }
    }
    build_sentinel(r, f);
    if (f->redis_password.len > 0) {
        f->c.redis.password = f->redis_password;
        if (f->c.redis.embedded) {
            report_error(r->report, place_at(&nowhere, f->root, "redis", "password"),
                         "there is a password, but no \"url\" of a Redis to show it to");
            report_help(r->report, "write its url, such as redis://redis.internal:6379/0, or leave "
                                   "the password out");
        }
    }
    if (why == NULL && f->c.redis.user.len > 0 && f->c.redis.password.len == 0) {
        report_error(r->report, p, "%s: there is a user, but no password", name);
        report_help(r->report, "redis://user:password@host, or password_file beside it");
    }
    const struct node *tls = tls_in(f, "redis");
    if (tls != NULL && why == NULL && !f->c.redis.tls) {
        report_error(r->report, &tls->place, "\"tls\" is given, but the URL is not rediss://");
        report_help(r->report, "write rediss:// there, or leave \"tls\" out");
    } else if (tls != NULL) {
        check_files(r, tls, &f->c.redis.files);
    }
    f->c.redis.dead_bytes = share_of(&f->dead_bytes, f->c.redis.max_memory);
}

/* ---- destinations ---- */

static void build_url(struct conf_reader *r, struct file_destination *d)
{
    const struct place *p = conf_place(&d->item, "url");
    struct url u;
    if (d->url.text.len == 0) {
        return; /* reported as missing */
    }
    if (str_has(d->url.text, '{')) {
        report_error(r->report, p,
                     "templates such as {source} in a URL are not available in this version");
        return;
    }
    const char *why = url_parse_http(d->url.text, &u, &d->d.tls);
    if (why != NULL) {
        report_error(r->report, p, "\"url\": %s", why);
        return;
    }
    char *host = arena_take(r->arena, u.host.len + 1);
    for (size_t i = 0; i < u.host.len; i++) {
        char c = u.host.at[i];
        host[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    d->d.host = (struct str){host, u.host.len};
    d->d.port = u.port;
    d->d.target =
        arena_printf(r->arena, "%s%.*s", str_starts(u.rest, STR("/")) ? "" : "/", STR_ARG(u.rest));
    const char *open = u.host_is_ipv6 ? "[" : "", *close = u.host_is_ipv6 ? "]" : "";
    d->d.host_field = u.port == (d->d.tls ? 443 : 80)
                          ? arena_printf(r->arena, "%s%s%s", open, host, close)
                          : arena_printf(r->arena, "%s%s%s:%u", open, host, close, u.port);
    d->d.shown_url = d->url.shown;
    d->d.names_link_local = host_is_special(d->d.host);
}

static void check_destination_tls(struct conf_reader *r, const struct file_destination *d)
{
    const struct node *tls = tls_of(d->item.value);
    if (tls != NULL && d->d.host.len > 0 && !d->d.tls) {
        report_error(r->report, &tls->place, "\"tls\" is given, but the URL is not https");
        report_help(r->report, "write https:// there, or leave \"tls\" out");
    } else if (tls != NULL) {
        check_files(r, tls, &d->d.files);
    }
}

/* Fields that Penstock or HTTP itself sets: framing, connection, and what a receiver trusts us for.
 */
static const char *why_not_header(struct str name, struct str value)
{
    static const char *const ours[] = {
        "host",       "content-length",    "transfer-encoding", "connection", "keep-alive",
        "te",         "trailer",           "upgrade",           "expect",     "proxy-connection",
        "webhook-id", "webhook-timestamp", "webhook-signature"};
    static const char *const templates[] = {"*{source}*", "*{event.*", "*{received_at}*",
                                            "*{body.*", "*{header.*"};
    if (!text_is_token(name)) {
        return "is not the name of a header";
    }
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (str_ieq(name, str_of(ours[i]))) {
            return "is set by Penstock itself: leave it out";
        }
    }
    if (str_istarts(name, STR("penstock-"))) {
        return "is set by Penstock itself: leave it out";
    }
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return "has a line break or another control character in its value";
        }
    }
    for (size_t i = 0; str_has(value, '{') && i < sizeof templates / sizeof templates[0]; i++) {
        if (text_glob(str_of(templates[i]), value)) {
            return "holds a template; these are not available in this version";
        }
    }
    return NULL;
}

static void build_headers(struct conf_reader *r, struct file_destination *d)
{
    struct buf b;
    buf_init(&b, 16 * 1024);
    for (size_t i = 0; i < d->headers.n; i++) {
        const struct conf_pair *h = &d->headers.v[i];
        struct str value = str_trim(h->value);
        const char *why = why_not_header(h->name, value);
        if (why != NULL) {
            report_error(r->report, &h->node->place, "\"%.*s\" %s", STR_ARG(report_shown(h->name)),
                         why);
            continue;
        }
        buf_add_str(&b, h->name);
        buf_add_str(&b, STR(": "));
        buf_add_str(&b, value);
        buf_add_str(&b, STR("\r\n"));
    }
    if (b.failed) {
        report_error(r->report, conf_place(&d->item, "headers"),
                     "\"headers\" are more than 16 KiB");
    }
    d->d.headers = arena_str(r->arena, buf_str(&b));
    conf_wipe(&b);
}

static void build_destinations(struct conf_reader *r, struct conf_file *f)
{
    struct file_destination *v = f->destinations.v;
    size_t n = f->destinations.n;
    f->c.destinations = arena_array(r->arena, n, sizeof *f->c.destinations);
    f->c.destination_count = n;
    for (size_t i = 0; i < n; i++) {
        v[i].d.name = v[i].item.name;
        build_url(r, &v[i]);
        check_destination_tls(r, &v[i]);
        build_headers(r, &v[i]);
        v[i].d.buffer_bytes = share_of(&v[i].buffer, f->c.redis.max_memory);
    }
    conf_build_network(r, f);
    for (size_t i = 0; i < n; i++) {
        f->c.destinations[i] = v[i].d;
    }
}

/* ---- routes ---- */

/* A few of the names that there are. */
static void help_with_names(struct conf_reader *r, const struct conf_item *items, size_t n,
                            size_t size)
{
    struct buf names;
    buf_init(&names, 1024);
    for (size_t i = 0; i < n && i < 8; i++) {
        const struct conf_item *item =
            (const struct conf_item *)(const void *)((const char *)items + i * size);
        buf_printf(&names, "%s%.*s", i == 0 ? "" : ", ", STR_ARG(report_shown(item->name)));
    }
    buf_printf(&names, "%s", n > 8 ? ", ..." : "");
    if (n > 0) {
        report_help(r->report, "there are: %.*s", STR_ARG(buf_str(&names)));
    }
    buf_done(&names);
}

/* `what`: "source", "destination"; `items` of that kind, `size` each. */
static void unknown_name(struct conf_reader *r, const char *what, const struct conf_items *items,
                         size_t size, const struct conf_text *t)
{
    report_error(r->report, &t->node->place, "there is no %s \"%.*s\"", what,
                 STR_ARG(report_shown(t->node->text)));
    if (report_full(r->report)) { /* no guess for what is hardly read */
        return;
    }
    struct conf_guess g;
    conf_guess_init(&g, t->text);
    for (size_t i = 0; i < items->n; i++) {
        const struct conf_item *item =
            (const struct conf_item *)(const void *)((const char *)items->v + i * size);
        conf_guess_try(&g, item->name);
    }
    if (str_has(t->node->text, ',')) {
        report_help(r->report, "several are a list: [a, b]");
    } else if (g.best.len > 0) {
        conf_guess_help(&g, r->report);
    } else if (memmem(t->text.at, t->text.len, "://", 3) != NULL) {
        report_help(r->report, "give it a name in \"destinations\", and write that name here");
    } else {
        help_with_names(r, items->v, items->n, size);
    }
}

/* Who is there, and what was named: for warnings about what was not. */
struct used {
    struct map by_source, by_destination; /* name -> struct conf_source, struct conf_destination */
    bool *sources, *destinations;
    bool all_sources;
};

static void build_from(struct conf_reader *r, const struct conf_file *f, struct file_route *w,
                       struct used *used)
{
    w->r.from = arena_array(r->arena, w->from.n, sizeof *w->r.from);
    for (size_t i = 0; i < w->from.n; i++) {
        struct str name = w->from.v[i].text;
        const struct conf_source *s = map_find(&used->by_source, name);
        bool all = str_eq(name, STR("*"));
        if (s == NULL && !all) {
            unknown_name(r, "source", &f->sources, sizeof(struct file_source), &w->from.v[i]);
            continue;
        }
        w->r.from[w->r.from_count++] = name;
        used->all_sources = used->all_sources || all;
        if (!all) {
            used->sources[s - f->c.sources] = true;
        }
    }
}

static void build_to(struct conf_reader *r, const struct conf_file *f, struct file_route *w,
                     struct used *used)
{
    w->r.to = arena_array(r->arena, w->to.n, sizeof *w->r.to);
    for (size_t i = 0; i < w->to.n; i++) {
        const struct conf_destination *d = map_find(&used->by_destination, w->to.v[i].text);
        if (d == NULL) {
            unknown_name(r, "destination", &f->destinations, sizeof(struct file_destination),
                         &w->to.v[i]);
            continue;
        }
        unsigned index = (unsigned)(d - f->c.destinations);
        w->r.to[w->r.to_count++] = index;
        used->destinations[index] = true;
    }
}

static void warn_unused(struct conf_reader *r, const struct conf_file *f, const struct used *used)
{
    const struct file_source *s = f->sources.v;
    for (size_t i = 0; i < f->sources.n; i++) {
        if (!used->all_sources && !used->sources[i] && !s[i].s.keep_unrouted) {
            report_warning(r->report, &s[i].item.place, "no route takes events from \"%.*s\"",
                           STR_ARG(report_shown(s[i].item.name)));
        }
    }
    const struct file_destination *d = f->destinations.v;
    for (size_t i = 0; i < f->destinations.n; i++) {
        if (!used->destinations[i]) {
            report_warning(r->report, &d[i].item.place, "no route leads to \"%.*s\"",
                           STR_ARG(report_shown(d[i].item.name)));
        }
    }
}

static void used_init(struct used *u, struct conf_reader *r, const struct conf *c)
{
    *u = (struct used){.sources = arena_array(r->arena, c->source_count, sizeof(bool)),
                       .destinations = arena_array(r->arena, c->destination_count, sizeof(bool))};
    map_init_seeded(&u->by_source, crypt_random_u64());
    map_init_seeded(&u->by_destination, crypt_random_u64());
    for (size_t i = 0; i < c->source_count; i++) {
        map_set(&u->by_source, c->sources[i].name, &c->sources[i]);
    }
    for (size_t i = 0; i < c->destination_count; i++) {
        map_set(&u->by_destination, c->destinations[i].name, &c->destinations[i]);
    }
}

static void build_routes(struct conf_reader *r, struct conf_file *f)
{
    struct file_route *v = f->routes.v;
    size_t n = f->routes.n;
    struct used used;
    used_init(&used, r, &f->c);
    f->c.routes = arena_array(r->arena, n, sizeof *f->c.routes);
    f->c.route_count = n;
    for (size_t i = 0; i < n && !report_full(r->report); i++) {
        if (v[i].r.name.len == 0) {
            v[i].r.name = arena_printf(r->arena, "route %zu", i + 1);
        }
        build_from(r, f, &v[i], &used);
        build_to(r, f, &v[i], &used);
        v[i].r.events = arena_array(r->arena, v[i].events.n, sizeof *v[i].r.events);
        for (size_t k = 0; k < v[i].events.n; k++) {
            v[i].r.events[v[i].r.event_count++] = v[i].events.v[k].text;
        }
        v[i].r.place = &v[i].item.place;
        v[i].r.limit_said = arena_take(r->arena, sizeof *v[i].r.limit_said);
        f->c.routes[i] = v[i].r;
    }
    warn_unused(r, f, &used);
    map_done(&used.by_source);
    map_done(&used.by_destination);
    if (r->report->errors == 0) {
        f->c.table = route_table_new(r->arena, &f->c);
    }
}

void conf_build(struct conf_reader *r, struct conf_file *f)
{
    build_addresses(r, f);
    build_listen_tls(r, f);
    build_redis(r, f);
    build_destinations(r, f);
    build_routes(r, f);
    conf_build_tests(r, f);
}
