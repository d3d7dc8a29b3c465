/* What a good configuration becomes. */
#include "conf_room.h"

#include "base/crypt.h"
#include "memory.h"
#include "model/conf_rows.h"

#include <sys/stat.h>
#include <unistd.h>

static void the_simplest_file_has_every_default(void **state)
{
    (void)state;
    static const char *const variables[] = {"STRIPE_WEBHOOK_SECRET", "whsec_x", NULL};
    conf_room_variables = variables;
    struct conf *c =
        conf_good("sources:\n"
                  "  stripe: { verify: stripe, secret: \"${STRIPE_WEBHOOK_SECRET}\" }\n"
                  "\n"
                  "destinations:\n"
                  "  billing: https://billing.internal/webhooks/stripe\n"
                  "  ledger: https://ledger.internal/hooks\n"
                  "\n"
                  "routes:\n"
                  "  - { from: stripe, to: [billing, ledger] }\n");
    room_text(c->listen.address, "0.0.0.0:8080", "listen");
    assert_int_equal(c->listen.body_bytes, 1024 * 1024);
    assert_int_equal(c->listen.headers_bytes, 16 * 1024);
    assert_int_equal(c->listen.memory_bytes, 256 * 1024 * 1024);
    assert_int_equal(c->listen.connections, 10000);
    assert_int_equal(c->listen.pending, 10000);
    assert_int_equal(c->listen.lane, 2048);
    assert_int_equal(c->listen.request_timeout_ms, 10000);
    assert_int_equal(c->listen.idle_timeout_ms, 60000);
    room_text(c->admin.address, "127.0.0.1:8081", "admin");
    assert_int_equal(c->admin.token.len, 0);
    room_text(c->data_dir, "/var/lib/penstock", "data_dir");
    assert_int_equal(c->spool.size, 0);
    assert_true(c->redis.embedded && conf_uses_data_dir(c));
    room_text(c->redis.prefix, "penstock:", "prefix");
    assert_int_equal(c->redis.durability, DURABILITY_FSYNC);
    assert_false(c->redis.assume_fsync);
    assert_int_equal(c->redis.history_ms, 86400000);
    assert_int_equal(c->redis.dead_ms, 30 * 86400000LL);
    assert_int_equal(c->redis.history_bytes, 256 << 20);
    assert_int_equal(c->redis.max_memory, UINT64_C(2) << 30);
    assert_in_range(c->redis.dead_bytes, (UINT64_C(512) << 20) - 100, UINT64_C(512) << 20);
    assert_int_equal(c->log.level, LOG_INFO);
    assert_int_equal(c->log.format, LOG_JSON);
    assert_int_equal(c->shutdown.delay_ms, 0);
    assert_int_equal(c->shutdown.timeout_ms, 8000);

    assert_int_equal(c->source_count, 1);
    const struct conf_source *s = conf_find_source(c, STR("stripe"));
    assert_ptr_equal(s, conf_source_at(c, STR("/hooks/stripe")));
    assert_null(conf_source_at(c, STR("/hooks/stripe/")));
    assert_null(conf_find_source(c, STR("strip")));
    room_text(verify_name(s->verify), "stripe", "verify");
    assert_true(conf_takes_method(s, STR("POST")));
    assert_false(conf_takes_method(s, STR("post")) || conf_takes_method(s, STR("GET")) ||
                 conf_takes_method(s, STR("BREW")));
    assert_int_equal(s->body_bytes, 1024 * 1024);
    assert_int_equal(s->respond_status, 200);
    room_text(s->respond_body, "{}", "body");
    room_text(s->events[0].type.pointer, "/type", "type");
    room_text(s->events[0].id.pointer, "/id", "id");
    assert_false(s->keep_unrouted);

    const struct conf_destination *d = conf_find_destination(c, STR("ledger"));
    room_text(d->host, "ledger.internal", "host");
    room_text(d->host_field, "ledger.internal", "Host");
    room_text(d->target, "/hooks", "target");
    assert_true(d->tls && d->port == 443 && !d->names_link_local);
    assert_int_equal(d->timeout_ms, 15000);
    assert_int_equal(d->concurrency, 32);
    assert_int_equal(d->on_full, FULL_REFUSE);
    assert_int_equal(d->retry.steps, 7);
    assert_true(d->retry.repeat_last && !d->retry.exponential);
    assert_int_equal(d->retry.step_ms[0], 5000);
    assert_int_equal(d->retry.step_ms[6], 36000000);
    assert_int_equal(d->retry.jitter_percent, 20);
    assert_int_equal(d->retry.max_age_ms, 3 * 86400000);
    assert_true(d->retry.on_network && d->retry.on_timeout && d->retry.on_5xx);
    assert_int_equal(d->retry.statuses, 3);
    assert_true(retry_wants_status(&d->retry, 408) && retry_wants_status(&d->retry, 425) &&
                retry_wants_status(&d->retry, 429) && !retry_wants_status(&d->retry, 404));
    assert_int_equal(d->breaker.open_after, 10);
    assert_int_equal(d->breaker.probe_every_ms, 30000);
    assert_int_equal(d->on_exhausted, EXHAUSTED_DEAD_LETTER);

    assert_int_equal(c->route_count, 1);
    room_text(c->routes[0].name, "route 1", "name");
    assert_int_equal(c->routes[0].to_count, 2);
    assert_int_equal(c->routes[0].to[1], 1);
    conf_unref(c);
}

static void a_full_file_is_read(void **state)
{
    (void)state;
    conf_room_variables = NULL;
    struct conf *c = conf_good(
        "version: 1\n"
        "data_dir: /srv/p\nspool: {size: 1GiB}\n"
        "listen: {address: \"[::]:80\", limits: {body: 2MiB, headers: 8KiB, connections: 5, "
        "pending: 6,"
        " memory: 300MiB, lane: 7, request_timeout: 1s, idle_timeout: 1m30s}}\n"
        "admin: {address: 10.0.0.1:9, token: abc}\n"
        "redis:\n"
        "  url: redis://us%65r:p%40ss@redis.internal:6380/3\n"
        "  prefix: 'x:'\n  durability: memory\n  assume_fsync: true\n"
        "  retention: {history: 1h, history_bytes: 1MiB, dead: 2d, dead_bytes: 3MiB, max_memory: "
        "1GiB}\n"
        "sources:\n"
        "  git.hub-1_x:\n    path: /in/github\n    verify: github\n    secrets: [new, '', old]\n"
        "    methods: [POST, PUT]\n    keep_unrouted: true\n"
        "  big: {verify: none, body: 10MiB, methods: GET}\n"
        "  erp:\n"
        "    verify:\n      type: hmac\n      algorithm: sha512\n      header: X-Erp-Signature\n"
        "      extract: {item_sep: ' ', kv_sep: '=', sig_key: sha512}\n      encoding: base64\n"
        "      template: \"{ts}.{body}\"\n"
        "      timestamp: {header: X-Erp-Timestamp, unit: ms, tolerance: 5m, future: 10s}\n"
        "    secret: s\n"
        "    event: {type: header.X-Erp-Event, id: body./meta/id}\n"
        "    respond: {status: 202, body: '{\"ok\":true}'}\n"
        "defaults: {destination: {timeout: 3s, concurrency: 4, max_age: 1h, on_exhausted: pause, "
        "on_full: dead_letter_without_body,"
        " retry: {schedule: [1s, 2s]}, breaker: {open_after: 0}}}\n"
        "destinations:\n"
        "  a: {url: 'HTTP://A.Example:80', headers: {Authorization: Bearer x, X-Y: 'a b '}}\n"
        "  b: {url: 'https://[2001:DB8::1]:8443?q', retry: {exponential: {first: 1s, max: 1m}, on: "
        "503},"
        " timeout: 20s, breaker: {probe_every: 5s}}\n"
        "  c: {url: 'http://169.254.169.254/x', on_exhausted: drop}\n"
        "routes:\n"
        "  - {name: stripe money, from: [git.hub-1_x, erp], events: 'push*', to: c, stop: true}\n"
        "  - {from: '*', to: [b, a]}\n"
        "log: {level: off, format: text}\n"
        "shutdown: {delay: 5s, timeout: 25s}\n");
    room_text(c->redis.host, "redis.internal", "host");
    room_text(c->redis.user, "user", "user");
    room_text(c->redis.password, "p@ss", "password");
    assert_int_equal(c->redis.port, 6380);
    assert_int_equal(c->redis.db, 3);
    assert_int_equal(c->spool.size, 1 << 30);
    assert_true(!c->redis.embedded && conf_uses_data_dir(c));
    assert_int_equal(c->redis.durability, DURABILITY_MEMORY);
    assert_int_equal(c->redis.dead_bytes, 3 << 20);
    room_text(c->admin.token, "abc", "token");
    const struct conf_source *s = conf_find_source(c, STR("git.hub-1_x"));
    room_text(s->path, "/in/github", "path");
    assert_true(conf_takes_method(s, STR("PUT")) && s->keep_unrouted);
    assert_int_equal(s->body_bytes, 25 << 20); /* the preset's */
    s = conf_find_source(c, STR("big"));
    assert_int_equal(s->body_bytes, 10 << 20);
    assert_true(conf_takes_method(s, STR("GET")) && !conf_takes_method(s, STR("POST")));
    s = conf_find_source(c, STR("erp"));
    room_text(verify_name(s->verify), "hmac", "verify");
    room_text(s->events[0].type.header, "X-Erp-Event", "type");
    room_text(s->events[0].id.pointer, "/meta/id", "id");
    assert_int_equal(s->respond_status, 202);
    assert_int_equal(s->body_bytes, 2 << 20);
    const struct conf_destination *a = &c->destinations[0], *b = &c->destinations[1];
    room_text(a->host_field, "a.example", "Host");
    room_text(a->target, "/", "target");
    room_text(a->headers, "Authorization: Bearer x\r\nX-Y: a b\r\n", "headers");
    assert_int_equal(a->timeout_ms, 3000);
    assert_int_equal(a->concurrency, 4);
    assert_int_equal(a->retry.steps, 2);
    assert_false(a->retry.repeat_last);
    assert_int_equal(a->retry.max_age_ms, 3600000);
    assert_int_equal(a->on_exhausted, EXHAUSTED_PAUSE);
    assert_int_equal(a->on_full, FULL_DEAD_LETTER);
    assert_int_equal(a->breaker.open_after, 0);
    room_text(b->host, "2001:db8::1", "host");
    room_text(b->host_field, "[2001:db8::1]:8443", "Host");
    room_text(b->target, "/?q", "target");
    assert_true(b->retry.exponential);
    assert_int_equal(b->retry.first_ms, 1000);
    assert_int_equal(b->retry.max_ms, 60000);
    assert_true(b->retry.factor > 1.99 && b->retry.factor < 2.01);
    assert_int_equal(b->retry.max_age_ms, 3600000); /* not part of the block it replaced */
    assert_false(b->retry.on_network || b->retry.on_5xx);
    assert_true(retry_wants_status(&b->retry, 503) && !retry_wants_status(&b->retry, 500));
    assert_int_equal(b->breaker.open_after, 10); /* its own block, with its own defaults */
    assert_int_equal(b->breaker.probe_every_ms, 5000);
    assert_true(c->destinations[2].names_link_local);
    assert_int_equal(c->destinations[2].on_exhausted, EXHAUSTED_DROP);
    assert_int_equal(c->destinations[2].concurrency, 4);
    room_text(c->routes[0].name, "stripe money", "name");
    room_text(c->routes[0].events[0], "push*", "events");
    assert_true(c->routes[0].stop && !c->routes[1].stop);
    room_text(c->routes[1].name, "route 2", "name");
    room_text(c->routes[1].from[0], "*", "from");
    assert_int_equal(c->log.level, LOG_OFF);
    assert_int_equal(c->log.format, LOG_TEXT);
    assert_int_equal(c->shutdown.timeout_ms, 25000);
    conf_unref(c);
}

static void empty_blocks_are_defaults(void **state)
{
    (void)state;
    conf_room_variables = NULL;
    struct conf *c =
        conf_good(LEAST "listen:\n  # address: x\nadmin: {}\nredis: null\ndefaults: ~\n"
                        "destinations:\nroutes:\nlog:\n");
    room_text(c->listen.address, "0.0.0.0:8080", "listen");
    assert_int_equal(c->destination_count, 0);
    assert_int_equal(c->log.level, LOG_INFO);
    conf_unref(c);
    c = conf_good("{\"sources\": {\"s\": {\"verify\": \"none\", \"keep_unrouted\": true}},"
                  " \"routes\": [], \"listen\": {\"limits\": {\"lane\": \"5\"}}}");
    assert_int_equal(c->listen.lane, 5);
    conf_unref(c);
    c = conf_good(
        LEAST
        "destinations:\n  a: &a {url: http://a, timeout: 1s}\n  b: {<<: *a, url: http://b}\n");
    assert_int_equal(c->destinations[1].timeout_ms, 1000);
    room_text(c->destinations[1].host, "b", "merged");
    conf_unref(c);
}

static void redis_urls(void **state)
{
    (void)state;
    static const char *const variables[] = {"REDIS_URL", "redis://env.internal", NULL};
    conf_room_variables = variables;
    struct conf *c = conf_good(LEAST);
    room_text(c->redis.host, "env.internal", "host");
    assert_int_equal(c->redis.port, 6379);
    assert_false(c->redis.embedded);
    conf_unref(c);
    c = conf_good(LEAST "redis: {url: 'unix:///run/redis.sock?db=2', password: x}\n");
    room_text(c->redis.unix_path, "/run/redis.sock", "path");
    assert_int_equal(c->redis.db, 2);
    assert_int_equal(c->redis.host.len, 0);
    room_text(c->redis.password, "x", "password");
    conf_unref(c);
    c = conf_good(LEAST "redis: {url: 'unix:/run/redis.sock'}\n");
    room_text(c->redis.unix_path, "/run/redis.sock", "path");
    conf_unref(c);
    c = conf_good(LEAST "redis: {url: 'redis://:pw@[::1]:7000'}\n");
    room_text(c->redis.host, "::1", "host");
    room_text(c->redis.password, "pw", "password");
    assert_int_equal(c->redis.user.len, 0);
    conf_unref(c);
    conf_room_variables = NULL;
    c = conf_good(LEAST "redis: {url: '${REDIS_URL:-}'}\n");
    assert_true(c->redis.embedded);
    conf_unref(c);
}

static void sentinels(void **state)
{
    (void)state;
    struct conf *c = conf_good(LEAST "redis: {url: 'rediss://u:p@ignored/2', sentinel: {master: m, "
                                     "nodes: ['s0:26379', '[::1]:1'], password: x}}\n");
    room_text(c->redis.sentinel.master, "m", "master");
    assert_int_equal(c->redis.sentinel.node_count, 2);
    room_text(c->redis.sentinel.nodes[0].host, "s0", "host");
    room_text(c->redis.sentinel.nodes[1].host, "::1", "host");
    assert_int_equal(c->redis.sentinel.nodes[1].port, 1);
    room_text(c->redis.sentinel.password, "x", "the sentinels' password");
    room_text(c->redis.password, "p", "password");
    assert_true(c->redis.tls);
    assert_int_equal(c->redis.db, 2);
    conf_unref(c);
    c = conf_good(LEAST "redis: {sentinel: {master: m, nodes: 's0:26379'}}\n");
    assert_false(c->redis.embedded);
    assert_false(c->redis.tls);
    conf_unref(c);
    conf_bad(LEAST "redis: {sentinel: {master: m}}\n",
             "\"sentinel\" needs \"master\" and \"nodes\"");
    conf_bad(LEAST "redis: {sentinel: {nodes: 's0:1'}}\n", "\"sentinel\" needs \"master\"");
    conf_bad(LEAST "redis: {sentinel: {master: m, nodes: s0}}\n", "the port is missing");
    conf_bad(LEAST "redis: {sentinel: {master: m, nodes: 'unix:/x'}}\n", "is written host:port");
    conf_bad(LEAST "redis: {url: 'unix:/r', sentinel: {master: m, nodes: 's0:1'}}\n",
             "takes the place of a host");
    conf_bad(LEAST "redis: {sentinel: {master: m, nodes: 's0:1', user: u}}\n",
             "has a user, but no password");
}

static void interpolation(void **state)
{
    (void)state;
    static const char *const variables[] = {"A",      "va",   "EMPTY",  "",      "NUM", "7",
                                            "DOLLAR", "${A}", "SPACES", "a: [b", NULL};
    conf_room_variables = variables;
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"${A}", "va"},
        {"x${A}y${A}z", "xvayvaz"},
        {"${EMPTY}", ""},
        {"${EMPTY:-d}", "d"},
        {"${NONE:-d}", "d"},
        {"${NONE:-}", ""},
        {"${NONE:-a:-b:?c}", "a:-b:?c"},
        {"${A:-d}", "va"},
        {"${A:?m}", "va"},
        {"$$", "$"},
        {"$${A}", "${A}"},
        {"$$$${A}", "$${A}"},
        {"$A", "$A"},
        {"$in", "$in"},
        {"a$", "a$"},
        {"${DOLLAR}", "${A}"}, /* once is enough */
        {"${SPACES}", "a: [b"},
        {"a}b", "a}b"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[300];
        snprintf(text, sizeof text, "sources: {s: {verify: none, respond: {body: '%s'}}}",
                 rows[i].text);
        struct conf *c = conf_good(text);
        room_text(c->sources[0].respond_body, rows[i].want, rows[i].text);
        conf_unref(c);
    }
    struct conf *c = conf_good(LEAST "listen: {limits: {lane: '${NUM}', body: '${NUM}KiB'}}\n");
    assert_int_equal(c->listen.lane, 7);
    assert_int_equal(c->listen.body_bytes, 7 * 1024);
    conf_unref(c);
    conf_bad("sources: {'${A}': {verify: none}}", "\"${A}\" is not a name"); /* keys never are */
}

static void secrets_from_files(void **state)
{
    (void)state;
    conf_room_variables = NULL;
    char *path = room_file("from a file\n", 12), text[512];
    snprintf(text, sizeof text,
             "admin: {token_file: %s}\nredis: {url: 'redis://h', password_file: %s}\n"
             "sources: {s: {verify: stripe, secret_file: %s}, t: {verify: none, respond:"
             " {body: '${file:%s}!'}}}",
             path, path, path, path);
    struct conf *c = conf_good(text);
    room_text(c->admin.token, "from a file", "token");
    room_text(c->redis.password, "from a file", "password");
    room_text(c->sources[1].respond_body, "from a file!", "interpolated");
    conf_unref(c);
    room_remove(path);
    path = room_file("a\0b", 3);
    snprintf(text, sizeof text, LEAST "admin: {token_file: %s}", path);
    conf_bad(text, "zero byte");
    room_remove(path);
    path = room_file("\n", 1);
    snprintf(text, sizeof text, LEAST "admin: {token_file: %s}", path);
    conf_bad(text, "\" is empty");
    room_remove(path);
    conf_bad(LEAST "admin: {token_file: /nowhere/x}", "cannot read \"/nowhere/x\": No such file");
    conf_bad(LEAST "admin: {token_file: /tmp}", "cannot read \"/tmp\": it is a folder");
    conf_bad(LEAST "admin: {token_file: /dev/zero}", "it is no regular file");
    conf_bad(LEAST "admin: {token: '${file:/nowhere/x}'}", "cannot read \"/nowhere/x\"");
    conf_bad(LEAST "admin: {token: a, token_file: /x}",
             "\"token\" and \"token_file\" are both given");
}

static void takes_a_ca_file_as_large_as_the_systems(void **state)
{
    (void)state;
    conf_room_variables = NULL;
    size_t n = 300 * 1024;
    char *pem = malloc(n), text[256];
    memset(pem, 'A', n);
    memcpy(pem + 1000, "-----BEGIN CERTIFICATE-----", 27);
    char *path = room_file(pem, n);
    snprintf(text, sizeof text, LEAST "destinations: {d: {url: https://d, tls: {ca_file: %s}}}",
             path);
    struct conf *c = conf_good(text);
    room_text(c->destinations[0].files.ca_file, path, "ca_file");
    conf_unref(c);
    room_remove(path);
    free(pem);
}

static void warns_of_what_is_not_wrong(void **state)
{
    (void)state;
    static const char *const variables[] = {"A", "va", NULL};
    conf_room_variables = variables;
    conf_room_env.others_can_read = true;
    conf_warns("sources: {s: {verify: stripe, secret: abc, keep_unrouted: true}}",
               "p.yaml:1:39: warning: \"secret\" is written out in a file that others can read\n"
               "    1 | sources: {s: {verify: stripe, secret: ***, keep_unrouted: true}}\n"
               "      |                                       ^\n"
               "      = help: chmod o-r the file, or write ${NAME} or ${file:/path}\n");
    conf_warns("sources: {s: {verify: stripe, secrets: ['${A}', abc], keep_unrouted: true}}",
               "written out");
    conf_warns("sources: {s: {verify: {type: plaid, client_id: i, client_secret: abc},"
               " keep_unrouted: true}}",
               "client_id: i, client_secret: ***}");
    conf_warns("sources: {s: {verify: stripe, secret: '${A}', keep_unrouted: true}}", NULL);
    conf_warns("sources: {s: {verify: stripe, secret: 'x${B:-abc}', keep_unrouted: true}}",
               "p.yaml:1:39: warning: \"secret\" is the default of B, which is not set: it is no "
               "secret\n"
               "    1 | sources: {s: {verify: stripe, secret: ************, keep_unrouted: true}}\n"
               "      |                                       ^\n"
               "      = help: set the variable; the default is for trying it out\n");
    conf_warns("sources: {s: {verify: stripe, secrets: ['${A:-abc}', '${B:-}'], keep_unrouted: "
               "true}}",
               NULL);
#define SENT "sources: {s: {verify: none}}\nroutes: [{from: s, to: d}]\n"
    conf_warns(SENT "destinations: {d: {url: 'http://d', headers: {X-Api-Key: abc, X-A: b}}}\n",
               "p.yaml:3:58: warning: \"X-Api-Key\" is written out in a file that others can read\n"
               "    3 | destinations: {d: {url: 'http://d', headers: {X-Api-Key: ***, X-A: b}}}\n");
    conf_warns(SENT "destinations: {d: {url: 'http://d', headers: {X-Api-Key: '${A}'}}}\n", NULL);
    conf_warns(SENT "destinations: {d: http://d}\nredis: {url: 'redis://u:abc@h'}\n",
               "warning: \"password\" is written out");
    conf_warns(SENT "destinations: {d: http://d}\nredis: {url: 'redis://h'}\n", NULL);
    conf_room_env.others_can_read = false;
    conf_warns("sources: {s: {verify: stripe, secret: abc, keep_unrouted: true}}", NULL);
    conf_warns("sources: {s: {verify: none}}", "no route takes events from \"s\"");
    conf_warns("sources: {s: {verify: none, keep_unrouted: true}}\ndestinations: {d: http://d}",
               "no route leads to \"d\"");
}

static void counts_its_holders(void **state)
{
    (void)state;
    conf_room_variables = NULL;
    struct conf *c = conf_good("sources: {s: {verify: stripe, secret: abc}}");
    assert_ptr_equal(conf_ref(c), c);
    conf_unref(c);
    room_text(c->sources[0].name, "s", "still there");
    conf_unref(c);
    conf_unref(NULL);
}

static void prints_what_it_reads_back(void **state)
{
    (void)state;
    static const char *const variables[] = {"TOKEN", "hidden", NULL};
    conf_room_variables = variables;
    struct conf *c = conf_good(
        "listen: {address: unix:/run/p.sock}\n"
        "redis: {url: 'redis://u:hidden@h/1', durability: memory}\n"
        "admin: {token: hidden}\n"
        "spool: {size: 3MiB}\n"
        "sources:\n"
        "  s: {verify: stripe, secrets: [hidden, hidden], respond: {body: 'a \"$in\" "
        "${TOKEN:-x}'}}\n"
        "  t: {verify: {type: hmac, header: [X-A, X-B], extract: {kv_sep: '=', sig_key: v1}}, "
        "secret: x}\n"
        "  u: {verify: {type: jwt, algorithm: HS384, header: Authorization, body_claim: b, "
        "leeway: 0s}, secret: x}\n"
        "  v: {verify: {type: livekit, issuer: APIx}, secret: x}\n"
        "  w: {verify: {type: jwt, algorithm: ES256, token_in_body: true, jwks_url: "
        "'https://X.example/k?a=1', max_age: 5m}}\n"
        "  x: {verify: {type: google-pubsub, audience: us, email: a@b}}\n"
        "  y: {verify: {type: aws-sns, topic_arn: ['arn:aws:sns:us-east-1:123456789012:a', "
        "'arn:aws:sns:us-east-1:123456789012:b', 'arn:aws-cn:sns:cn-north-1:123456789012:c']}}\n"
        "  z: {verify: {type: paypal, webhook_id: 8PT, key_hosts: ['x.example:8443']}}\n"
        "  p: {verify: {type: plaid, client_id: id1, client_secret: hidden}}\n"
        "destinations:\n"
        "  d: {url: http://d, headers: {Authorization: hidden, X-Env: prod, X-V: '${TOKEN}'},"
        " retry: {exponential: {factor: 1.5}}}\n"
        "routes: [{from: [s, t], to: d, events: ['a.*', '*']}]\n");
    struct buf first, second, errors;
    buf_init(&first, 65536);
    buf_init(&second, 65536);
    buf_init(&errors, 65536);
    room_text(c->sources[4].jwks.host, "x.example", "host of the keys");
    room_text(c->sources[4].jwks.target, "/k?a=1", "their path");
    assert_int_equal(c->sources[4].jwks.port, 443);
    room_text(c->sources[5].jwks.host, "www.googleapis.com", "host of a preset's keys");
    assert_int_equal(c->sources[6].hosts.n, 2);
    room_text(c->sources[6].hosts.v[0].host, "sns.us-east-1.amazonaws.com", "of two topics");
    room_text(c->sources[6].hosts.v[1].host, "sns.cn-north-1.amazonaws.com.cn", "in China");
    assert_int_equal(c->sources[6].hosts.v[1].port, 443);
    assert_int_equal(c->sources[7].hosts.n, 1);
    room_text(c->sources[7].hosts.v[0].host, "x.example", "instead of PayPal's own");
    assert_int_equal(c->sources[7].hosts.v[0].port, 8443);
    room_text(c->sources[8].hosts.v[0].host, "production.plaid.com", "of Plaid");
    room_text(c->sources[8].hosts.fields,
              "PLAID-CLIENT-ID: id1\r\nPLAID-SECRET: hidden\r\nContent-Type: "
              "application/json\r\n",
              "who asks");
    conf_print(c, &first);
    conf_unref(c);
    room_lacks(buf_str(&first), "hidden");
    room_holds(buf_str(&first), "url: \"redis://***@h/1\"\n");
    room_holds(buf_str(&first), "secrets: [\"***\", \"***\"]\n");
    room_holds(buf_str(&first), "Authorization: \"***\"\n");
    room_holds(buf_str(&first), "X-V: \"***\"\n");
    room_holds(buf_str(&first), "X-Env: prod\n");
    room_holds(buf_str(&first), "spool:\n  size: 3MiB\n");
    room_holds(buf_str(&first), "body: \"a \\\"$$in\\\" ***\"\n");
    room_holds(buf_str(&first), "verify: stripe\n");
    room_holds(buf_str(&first), "algorithm: HS384\n");
    room_holds(buf_str(&first), "leeway: 0s\n");
    room_holds(buf_str(&first), "max_age: 5m\n");
    room_holds(buf_str(&first), "jwks_url: \"https://X.example/k?a=1\"\n");
    room_holds(buf_str(&first), "type: google-pubsub\n      audience: us\n      email: a@b\n");
    room_holds(buf_str(&first), "topic_arn: [arn:aws:sns:us-east-1:123456789012:a, ");
    room_holds(buf_str(&first), "type: paypal\n");
    room_holds(buf_str(&first), "webhook_id: [8PT]\n      key_hosts: [x.example:8443]\n");
    room_holds(buf_str(&first), "client_id: id1\n      client_secret: \"***\"\n");
    room_holds(buf_str(&first), "type: livekit\n      issuer: APIx\n");
    room_holds(buf_str(&first), "factor: 1.5\n");
    room_holds(buf_str(&first),
               "  - name: \"route 1\"\n    from: [s, t]\n    events: [\"a.*\", \"*\"]\n");
    /* but for what is masked, it reads back as the same */
    char *text = strndup(first.at, first.len);
    memcpy(strstr(text, "\"redis://***@h/1\""), "redis://u:xx@h/1 ", 17);
    c = conf_parse_with(str_of(text), "p.yaml", &conf_room_env, &errors);
    if (c == NULL) {
        fail_msg("%s%.*s", text, STR_ARG(buf_str(&errors)));
    }
    conf_print(c, &second);
    assert_int_equal(c->destinations[0].retry.exponential, true);
    room_text(c->sources[0].respond_body, "a \"$in\" ***", "body");
    conf_unref(c);
    free(text);
    text = strndup(second.at, second.len);
    room_text(buf_str(&first), text, "printed again");
    free(text);
    buf_done(&first);
    buf_done(&second);
    buf_done(&errors);
}

#define FILLED                                                                                     \
    "sources:\n"                                                                                   \
    "  s: {verify: none, path: '/hooks/${TOKEN}', respond: {body: 'hi ${TOKEN}'}}\n"               \
    "  t: {verify: {type: twilio, public_url: 'https://h/${TOKEN}', secret: x}}\n"                 \
    "  u: {verify: {type: jwt, algorithm: ES256, header: T, audience: a, jwks_url: "               \
    "'https://h/${TOKEN}'}}\n"                                                                     \
    "destinations: {d: 'http://d/${TOKEN}?a=${NONE:-plain}'}\n"                                    \
    "routes: [{from: '*', to: d}]\n"                                                               \
    "tests:\n"                                                                                     \
    "- source: s\n  query: k=${TOKEN}\n  event: x.${TOKEN}\n  headers: {X-A: '${TOKEN}'}\n"        \
    "  body:\n    a: ${TOKEN}\n    b: ${NUMBER}\n    c: [1, '${NONE:-y}']\n  expect: d\n"          \
    "- {source: s, body: '<${TOKEN}>', expect: d}\n"

static void what_is_filled_in_is_not_printed(void **state)
{
    (void)state;
    static const char *const variables[] = {"TOKEN", "hunter2", "NUMBER", "4711", NULL};
    conf_room_variables = variables;
    struct conf *c = conf_good(FILLED);
    struct buf out;
    buf_init(&out, 65536);
    conf_print(c, &out);
    room_lacks(buf_str(&out), "hunter2");
    room_lacks(buf_str(&out), "4711");
    room_holds(buf_str(&out), "    path: \"/hooks/***\"\n");
    room_holds(buf_str(&out), "      body: \"hi ***\"\n");
    room_holds(buf_str(&out), "      public_url: \"https://h/***\"\n");
    room_holds(buf_str(&out), "      jwks_url: \"https://h/***\"\n");
    room_holds(buf_str(&out), "    url: \"http://d/***?a=plain\"\n");
    room_holds(buf_str(&out), "    query: \"k=***\"\n");
    room_holds(buf_str(&out), "      X-A: \"***\"\n");
    room_holds(buf_str(&out), "    body: \"{\\\"a\\\":\\\"***\\\",\\\"b\\\":\\\"***\\\","
                              "\\\"c\\\":[1,\\\"y\\\"]}\"\n    event: \"x.***\"\n");
    room_holds(buf_str(&out), "    body: \"<***>\"\n");
    room_text(c->sources[0].path, "/hooks/hunter2", "path");
    room_text(c->sources[0].shown_path, "/hooks/***", "path as it is shown");
    room_text(c->sources[1].shown_path, "/hooks/t", "of its name");
    room_text(c->sources[0].respond_body, "hi hunter2", "body of the answer");
    room_text(c->sources[2].jwks.target, "/hunter2", "keys");
    room_text(c->destinations[0].target, "/hunter2?a=plain", "target");
    room_text(c->destinations[0].shown_url, "http://d/***?a=plain", "URL as it is shown");
    room_text(c->tests[0].target, "/hooks/hunter2?k=hunter2", "target of a test");
    room_text(c->tests[0].type, "x.hunter2", "type");
    room_text(c->tests[0].body, "{\"a\":\"hunter2\",\"b\":4711,\"c\":[1,\"y\"]}", "body");
    conf_unref(c);
    buf_done(&out);
    conf_room_variables = NULL;
}

static void differs_in(const struct conf *a, const struct conf *b, const char *key,
                       const char *name, const char *want)
{
    static const char *const none[] = {NULL};
    struct buf keys;
    buf_init(&keys, 4096);
    conf_put_differing(a, b, key, str_of(name), none, &keys);
    room_text(buf_str(&keys), want, name);
    buf_done(&keys);
}

static void what_is_masked_is_compared(void **state)
{
    (void)state;
    static const char *const one[] = {"TOKEN", "one", "NUMBER", "1", NULL};
    static const char *const two[] = {"TOKEN", "two", "NUMBER", "1", NULL};
    conf_room_variables = one;
    struct conf *a = conf_good(FILLED), *same = conf_good(FILLED);
    conf_room_variables = two;
    struct conf *b = conf_good(FILLED);
    differs_in(a, b, "sources", "s", "path, respond.body");
    differs_in(a, b, "sources", "t", "verify");
    differs_in(a, b, "sources", "u", "verify");
    differs_in(a, b, "destinations", "d", "url");
    differs_in(a, same, "sources", "s", "");
    differs_in(a, same, "sources", "t", "");
    differs_in(a, same, "destinations", "d", "");
    conf_unref(a);
    conf_unref(b);
    conf_unref(same);
#define PLAID(key) "sources: {p: {verify: {type: plaid, client_id: i, client_secret: " key "}}}\n"
#define LISTED(key) "sources: {p: {verify: {all: [stripe, github]}, secret: " key "}}\n"
    a = conf_good(PLAID("x"));
    b = conf_good(PLAID("y"));
    differs_in(a, b, "sources", "p", "verify");
    conf_unref(a);
    conf_unref(b);
    a = conf_good(LISTED("x"));
    b = conf_good(LISTED("y"));
    differs_in(a, b, "sources", "p", "secret");
    conf_unref(b);
    b = conf_good("sources: {p: {verify: [{type: stripe, secret: y}, github], secret: x}}\n");
    differs_in(a, b, "sources", "p", "verify");
    conf_unref(a);
    conf_unref(b);
    conf_room_variables = NULL;
}

static void errors_do_not_say_what_is_filled_in(void **state)
{
    (void)state;
    static const char *const variables[] = {"TOKEN", "hunter2", NULL};
    conf_room_variables = variables;
    static const char *const wrong[] = {
        LEAST "routes: [{from: '${TOKEN}', to: '${TOKEN}'}]\n",
        LEAST "tests: [{source: '${TOKEN}', expect: '${TOKEN}'}]\n",
        LEAST "tests: [{source: s, method: '${TOKEN}', expect: []}]\n",
        LEAST "redis: {url: '${TOKEN}'}\n",
        LEAST "network: {deny: ['${TOKEN}'], allow: ['${TOKEN}/x']}\n",
        LEAST "routes: [{from: s, to: d, when: {method: '${TOKEN}'}}]\ndestinations: {d: "
              "'http://d'}\n",
        LEAST "destinations: {d: '${TOKEN}'}\n",
        "sources: {s: {verify: '${TOKEN}'}}\n",
        "sources: {s: {verify: {type: hmac, header: '${TOKEN}:'}, secret: x}}\n",
        "sources: {s: {verify: none, event: {type: '${TOKEN}', id: 'body.${TOKEN}'}}}\n",
        "sources: {s: {verify: {type: aws-sns, topic_arn: '${TOKEN}'}}}\n",
        "sources: {s: {verify: {type: paypal, webhook_id: '${TOKEN}-'}}}\n",
        "sources: {s: {verify: {type: paypal, webhook_id: x, key_hosts: '${TOKEN}:x'}}}\n",
        "sources: {s: {verify: none, path: '/${TOKEN}'}, t: {verify: none, path: '/${TOKEN}'}}\n",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct buf errors;
        buf_init(&errors, 65536);
        struct conf *c = conf_parse_with(str_of(wrong[i]), "p.yaml", &conf_room_env, &errors);
        if (c != NULL) {
            fail_msg("taken: %s", wrong[i]);
        }
        room_lacks(buf_str(&errors), "hunter2");
        buf_done(&errors);
    }
    conf_room_variables = NULL;
}

static void loads_a_file(void **state)
{
    (void)state;
    struct buf errors;
    buf_init(&errors, 65536);
    assert_null(conf_load("/nowhere/p.yaml", &errors));
    room_text(buf_str(&errors),
              "/nowhere/p.yaml: error: cannot read the file: No such file or directory\n",
              "message");
    buf_clear(&errors);
    const char *text = "sources: {s: {verify: stripe, secret: abc, keep_unrouted: true}}\n";
    char *path = room_file(text, strlen(text));
    assert_int_equal(chmod(path, 0644), 0);
    struct conf *c = conf_load(path, &errors);
    assert_non_null(c);
    room_holds(buf_str(&errors), "others can read");
    conf_unref(c);
    buf_clear(&errors);
    assert_int_equal(chmod(path, 0640), 0);
    c = conf_load(path, &errors);
    assert_non_null(c);
    assert_int_equal(errors.len, 0);
    conf_unref(c);
    assert_int_equal(truncate(path, 1024 * 1024 + 1), 0);
    assert_null(conf_load(path, &errors));
    room_holds(buf_str(&errors), "error: cannot read the file: it is larger than 1 MiB\n");
    room_remove(path);
    buf_done(&errors);
}

/* Each in a file of its own; what is looked for lies in shared memory, which is not looked at. */
static void no_secret_is_left_behind(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__ /* its frames keep what no frame keeps otherwise */
    skip();
#endif
    enum { SECRETS = 3, LETTERS = 60 };
    struct shared {
        char secrets[SECRETS][LETTERS + 1], text[8192];
    } *s = memory_shared(sizeof *s);
    for (int i = 0; i < SECRETS; i++) {
        for (int j = 0; j < LETTERS; j++) {
            s->secrets[i][j] = (char)('a' + crypt_random_u64() % 26);
        }
    }
    char *path = room_file(s->secrets[0], LETTERS);
    const char *const table[] = {"SECRET", s->secrets[1], NULL};
    conf_room_variables = table;
    snprintf(s->text, sizeof s->text,
             "# %05000d\nsources:\n"
             "  a: { verify: stripe, secret_file: %s, keep_unrouted: true }\n"
             "  b: { verify: stripe, secret: \"${SECRET}\", keep_unrouted: true }\n"
             "  c: { verify: stripe, secret: '%s', keep_unrouted: true }\n",
             0, path, s->secrets[2]);
    char *whole = room_file(s->text, strlen(s->text));
    struct buf errors;
    buf_init(&errors, 65536);
    struct buf text;
    buf_init(&text, 65536);
    assert_null(file_text_read(whole, &text));
    struct conf *c = conf_parse_with(buf_str(&text), whole, &conf_room_env, &errors);
    conf_wipe(&text);
    assert_non_null(c);
    for (int i = 0; i < SECRETS; i++) {
        assert_true(memory_has(s->secrets[i], 16)); /* or the search is worth nothing */
    }
    conf_unref(c);
    for (int i = 0; i < SECRETS; i++) {
        for (int at = 0; at + 16 <= LETTERS; at += 4) {
            assert_false(memory_has(s->secrets[i] + at, 16));
        }
    }
    conf_room_variables = NULL;
    room_remove(path);
    room_remove(whole);
    buf_done(&errors);
    memory_shared_done(s, sizeof *s);
}

/* How far ahead a recipe of the file's own lets a timestamp be, in seconds. */
static bool takes_ahead(const struct conf_source *s, int64_t ahead_s)
{
    struct fields fields = {0};
    struct buf out;
    buf_init(&out, 4096);
    assert_null(
        verify_sign(s->verify, STR("POST"), STR("{}"), 1735689600, STR_NONE, &fields, &out));
    struct verify_input in = {STR("POST"), s->path, &fields, STR("{}")};
    struct verify_verdict got = verify_check(s->verify, &in, 1735689600 - ahead_s);
    assert_true(got.reason == NULL || got.reason == VERIFY_STALE_TIMESTAMP);
    buf_done(&out);
    return got.reason == NULL;
}

static void a_timestamp_may_be_as_far_ahead_as_it_may_be_old(void **state)
{
    (void)state;
    struct conf *c =
        conf_good("sources:\n"
                  "  a: {secret: s, verify: {type: hmac, header: S, template: \"{ts}.{body}\",\n"
                  "      timestamp: {header: T, tolerance: 1m}}}\n"
                  "  b: {secret: s, verify: {type: hmac, header: S, template: \"{ts}.{body}\",\n"
                  "      timestamp: {header: T, tolerance: 1m, future: 0s}}}\n"
                  "  c: {secret: s, verify: {type: stripe, timestamp: {future: 30s}}}\n"
                  "  d: {secret: s, verify: {type: stripe, timestamp: {tolerance: 500ms}}}\n"
                  "destinations: {d: 'http://d/'}\nroutes: [{from: '*', to: d}]\n");
    const struct conf_source *a = conf_find_source(c, STR("a")), *b = conf_find_source(c, STR("b"));
    const struct conf_source *d = conf_find_source(c, STR("d"));
    const struct conf_source *e = conf_find_source(c, STR("c"));
    assert_true(takes_ahead(e, 30) && !takes_ahead(e, 31));
    assert_true(takes_ahead(e, -300) && !takes_ahead(e, -301)); /* as old as its provider has it */
    assert_true(takes_ahead(d, 1) && !takes_ahead(d, 2) && !takes_ahead(d, -2)); /* rounded up */
    assert_true(takes_ahead(a, 60));
    assert_false(takes_ahead(a, 61));
    assert_true(takes_ahead(b, 3600)); /* so it says */
    conf_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_simplest_file_has_every_default),
        cmocka_unit_test(a_full_file_is_read),
        cmocka_unit_test(empty_blocks_are_defaults),
        cmocka_unit_test(redis_urls),
        cmocka_unit_test(sentinels),
        cmocka_unit_test(interpolation),
        cmocka_unit_test(secrets_from_files),
        cmocka_unit_test(takes_a_ca_file_as_large_as_the_systems),
        cmocka_unit_test(warns_of_what_is_not_wrong),
        cmocka_unit_test(counts_its_holders),
        cmocka_unit_test(prints_what_it_reads_back),
        cmocka_unit_test(what_is_filled_in_is_not_printed),
        cmocka_unit_test(what_is_masked_is_compared),
        cmocka_unit_test(errors_do_not_say_what_is_filled_in),
        cmocka_unit_test(a_timestamp_may_be_as_far_ahead_as_it_may_be_old),
        cmocka_unit_test(loads_a_file),
        cmocka_unit_test(no_secret_is_left_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
