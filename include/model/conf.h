/* The configuration: a table of directive rows -> an immutable, refcounted snapshot.
 *
 * All text in it is owned by the snapshot's arena and terminated behind its last byte, so .at may
 * be used as a C string. Maximal lengths and bounds are the rows' in conf.c. */
#ifndef MODEL_CONF_H
#define MODEL_CONF_H

#include "base/buf.h"
#include "base/cidr.h"
#include "base/log.h"
#include "base/file_state.h"
#include "model/breaker.h"
#include "model/pick.h"
#include "model/retry.h"
#include "model/verify.h"

#include <stdatomic.h>

#define CONF_DESTINATIONS_MAX 1024 /* a worker keeps a lane for each, and for some that went */
#define CONF_SOURCES_MAX 4096
#define CONF_ROUTES_MAX 4096
#define CONF_TESTS_MAX 1000

enum conf_method {
    CONF_GET = 1,
    CONF_POST = 2,
    CONF_PUT = 4,
    CONF_PATCH = 8,
    CONF_DELETE = 16,
    CONF_HEAD = 32,
    CONF_OPTIONS = 64
};
/* What a 2xx promises. A source without a word of its own has redis.durability's. */
enum conf_durability {
    DURABILITY_INHERITED,
    DURABILITY_MEMORY,  /* Redis has answered the append */
    DURABILITY_FSYNC,   /* it is on its disk */
    DURABILITY_REPLICA, /* redis.replicas have it as well */
};
enum conf_full { FULL_REFUSE, FULL_DEAD_LETTER };
enum conf_exhausted { EXHAUSTED_DEAD_LETTER, EXHAUSTED_DROP, EXHAUSTED_PAUSE };
enum conf_removed { REMOVED_DEAD_LETTER, REMOVED_DROP };

/* PEM files of one side of TLS; empty: none. */
struct conf_tls {
    struct str ca_file, cert_file, key_file;
};

struct conf_address {
    struct str host; /* without brackets */
    uint16_t port;
};

struct place; /* model/file_text.h: where something stands in the file */
struct filter;
struct route_table;

struct conf_cidrs {
    struct cidr *v;
    size_t n; /* 0: not given */
};

struct conf_rate {
    double per_s; /* 0: not given */
    struct str text;
};

struct conf_jwks {   /* where a source's public keys are; always https */
    struct str host; /* without brackets; empty: it has none */
    uint16_t port;
    struct str target, ca_file;
};

struct conf_hosts { /* that keys which its sender names are read from, one by one, by https */
    struct conf_address *v;
    size_t n; /* 0: it needs none */
    struct str ca_file;
    struct str fields; /* "Name: value\r\n" each: what shows who asks */
};

/* Where an event has what is known of it. */
struct conf_event {
    struct pick type;
    struct pick id;         /* the sender's own */
    struct pick dedupe_key; /* the same, unless `dedupe` names another */
};

struct conf_source {
    struct str name, path;
    struct str shown_path;        /* for people: what ${...} filled in is *** */
    struct conf_cidrs allow_from; /* none: everybody */
    struct conf_rate rate;        /* of genuine events */
    struct verify *verify;
    struct conf_jwks jwks;
    struct conf_hosts hosts; /* in the order of its key_hosts */
    /* By which secrets are told apart: "new", else "1", "2"; of a group of schemes "github/1". */
    struct str secret_names[VERIFY_SECRETS_ALL];
    struct str challenge_token;      /* what a handshake must show (Meta); empty: none */
    enum conf_durability durability; /* never INHERITED once it is loaded */
    unsigned methods;                /* bits of conf_method; POST by default */
    size_t body_bytes;               /* its limit: preset's or listen.limits.body */
    bool keep_unrouted;
    struct conf_event *events; /* by the scheme that took it (struct verify_proof); at least one */
    size_t event_count;
    bool dedupe_signed; /* instead: whatever the signature covers */
    /* Of several schemes: the shortest deadline, 503 if one of them loses what gets 429, the answer
     * that the first one with a wish wants, and the greatest body. */
    int64_t deadline_ms;     /* so long its provider waits for an answer; 0: not known */
    unsigned busy_status;    /* of what comes above `rate`: 429, or 503 where that is lost */
    int64_t dedupe_ms;       /* how long one is remembered; 0: no dedupe */
    unsigned respond_status; /* 200 */
    struct str respond_body; /* {} */
    bool respond_plain;      /* which is a text, not JSON */
};

struct conf_destination {
    struct str name;
    bool tls;
    struct str host; /* without brackets */
    uint16_t port;
    struct str target;     /* path and query of the URL, at least "/" */
    struct str host_field; /* what Host: says: host, and the port unless it is the default */
    struct str shown_url;  /* for people: as it was written; what ${...} filled in is *** */
    bool names_link_local; /* the URL holds such an address literally */
    const struct cidr_rules *rules; /* what its name may stand for; NULL: no rules are given */
    struct conf_tls files;
    struct str headers; /* rendered "Name: value\r\n" lines to add; may be empty */
    int64_t timeout_ms;
    unsigned concurrency;
    struct retry_policy retry;
    struct breaker_policy breaker;
    enum conf_exhausted on_exhausted;
    bool mirror;                  /* a copy to look at: its failures harm and alarm nobody */
    enum conf_removed on_removed; /* what a reload that no longer has it does with what waits */
    uint64_t buffer_bytes;        /* what may wait for it in Redis ... */
    enum conf_full on_full;       /* ... and what becomes of events for it then */
};

struct conf_route {
    struct str name;
    const struct place *place;
    struct str *from; /* source names, or "*" */
    size_t from_count;
    struct str *events; /* globs; none = all */
    size_t event_count;
    unsigned *to; /* indexes of destinations */
    size_t to_count;
    const struct filter *when; /* NULL: whatever it is */
    unsigned sample;           /* percent of what it would take */
    bool stop;
    bool otherwise;          /* `else`: only what no other route of its source took */
    atomic_bool *limit_said; /* that its filter met a limit; once in a snapshot's life */
};

/* One of `tests`: a request, and who must get it. */
struct conf_test {
    struct str name;
    const struct place *place; /* of the test, and of what it expects */
    const struct place *expect_place;
    const struct conf_source *source;
    struct str method, target, body;
    const struct fields *fields;
    struct str type;  /* empty: what the request says */
    bool is_hidden;   /* some of it came from outside of the file: what rules see is not shown */
    unsigned *expect; /* indexes of destinations */
    size_t expect_count;
};

struct conf_path {
    struct str path;        /* as it was opened */
    struct file_state seen; /* before that */
};

struct conf_paths { /* each once */
    struct conf_path *v;
    size_t n;
};

struct conf {
    atomic_uint refs;   /* any thread */
    struct conf *first; /* the process' first one, counted: conf_keep; NULL: this is it */
    unsigned workers;   /* 0: as many as cores */
    bool watch;         /* its files; a change is a reload */
    struct {
        struct str address;
        struct conf_cidrs trusted_proxies;
        bool proxy_protocol;
        size_t body_bytes, headers_bytes, memory_bytes;
        unsigned connections, per_address, pending, lane;
        int64_t request_timeout_ms, idle_timeout_ms;
        struct conf_tls *certificates; /* chosen by name, the first for all others; none: plain */
        size_t certificate_count;
        struct str client_ca_file; /* empty: no client needs a certificate */
    } listen;
    struct {
        struct str address;
        struct str token; /* empty: none */
    } admin;
    struct str data_dir;
    struct {
        uint64_t size; /* 0: no spool */
    } spool;
    struct {
        bool embedded; /* no URL anywhere: a private server in data_dir */
        struct str host, unix_path, user, password;
        uint16_t port;
        unsigned db;
        bool tls; /* rediss:// */
        struct conf_tls files;
        struct { /* they say where the master is; host and port above are then not used */
            struct str master, user, password;
            struct conf_address *nodes;
            size_t node_count; /* 0: no sentinels */
        } sentinel;
        struct str prefix;
        enum conf_durability durability;
        unsigned replicas; /* that DURABILITY_REPLICA waits for */
        bool assume_fsync;
        int64_t history_ms, dead_ms;
        uint64_t history_bytes, dead_bytes, max_memory;
    } redis;
    struct conf_source *sources;
    size_t source_count;
    struct conf_destination *destinations;
    size_t destination_count;
    struct conf_route *routes;
    size_t route_count;
    struct route_table *table;    /* of routes, by what tells them apart (route_index.c) */
    const struct filter *regexes; /* not the arena's: freed with the snapshot */
    struct conf_test *tests;
    size_t test_count;
    struct report_mask *masks; /* what no excerpt of the file shows */
    struct {
        enum log_level level;
        enum log_format format;
    } log;
    struct {
        int64_t delay_ms, timeout_ms;
    } shutdown;
    struct conf_paths files;   /* that were read: itself, what it includes, and what both name */
    struct conf_paths folders; /* in which `include` looked for names */
    struct arena *arena;       /* owns every text and array above */
};

/* What a reload that no longer has it does with what waits for it. */
enum conf_removed conf_removed_rule(const struct conf_destination *d);
/* Reads, checks and compiles a file. NULL on any error: then `errors` holds all of them (20 at
 * most) as the operator shall read them; warnings go there too when it succeeds. */
struct conf *conf_load(const char *path, struct buf *errors);
/* For who looks again when a file has changed: also one with errors, and then `good` is false and
 * its `files` and `folders` are all that counts. NULL: `path` itself cannot be read. */
struct conf *conf_load_anyway(const char *path, bool *good, struct buf *errors);
/* Only where its admin API is, and its token, whatever else is wrong with the file or with those
 * that it includes; all else has its default. For who asks a node that runs by an earlier state of
 * it. Warnings say what was not read. */
struct conf *conf_load_admin(const char *path, struct buf *errors);
/* The same from memory; `name` stands for the file in messages. For tests and fuzzing. */
struct conf *conf_parse(struct str text, const char *name, struct buf *errors);
/* What a configuration may ask its surroundings. */
struct conf_env {
    const char *(*variable)(const char *name); /* NULL: unset */
    bool opens_files;     /* false: ${file:...}, *_file, ca_file and include are refused */
    bool others_can_read; /* the file itself: then literal secrets earn a warning */
};
struct conf *conf_parse_with(struct str text, const char *name, const struct conf_env *env,
                             struct buf *errors);
/* `next` is to take the place of `running` in a process that goes on: what only a start can change
 * stays as it was at the start, and what was asked for in vain is said in `said`, a line each.
 * NULL, or why `next` cannot be used without a restart (in the arena of `next`). */
const char *conf_keep(struct conf *next, struct conf *running, struct buf *said) MUST_CHECK;
struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf *c);
const struct conf_source *conf_find_source(const struct conf *c, struct str name);
/* The source that has this path (exact match), or NULL. */
const struct conf_source *conf_source_at(const struct conf *c, struct str path);
const struct conf_destination *conf_find_destination(const struct conf *c, struct str name);
bool conf_uses_data_dir(const struct conf *c); /* embedded store, spool */
bool conf_takes_method(const struct conf_source *s, struct str method);
const char *conf_durability_word(enum conf_durability d);
/* Does any source, or whatever comes by other ways, ask for it? */
bool conf_wants(const struct conf *c, enum conf_durability d);
/* The effective configuration with defaults; YAML. Secrets are ***, and so is what ${...} filled
 * into texts that often hold one: URLs, paths, headers, filters, tests. */
void conf_print(const struct conf *c, struct buf *out);
void conf_print_quoted(struct str s, struct buf *out); /* a text as a file would have it */
/* Appends which keys of a source or a destination (`key`: "sources", "destinations") differ in
 * their effective values, "retry.schedule, mirror", but for those of `but` (NULL ends it). Secrets
 * are compared, not shown. Nothing where one of the two has none of that name. */
void conf_put_differing(const struct conf *a, const struct conf *b, const char *key,
                        struct str name, const char *const *but, struct buf *out);
/* The same of what stands at the top: "network.deny" of "network". */
void conf_put_differing_at(const struct conf *a, const struct conf *b, const char *key,
                           struct buf *out);

#endif
