/* How a configuration is read: rows of directives, kinds of values, and what the rows fill. Private
 * to the conf_*.c files.
 *
 * A row says which key, what kind of value, where it is stored, its default and bounds, and what it
 * is for. The same rows read the file, fill in defaults, guess at misspelt keys and print the
 * result. A block is a mapping's set of rows. Rows fill `struct conf_file`, typed but not yet
 * looked at together; conf_build.c and conf_source.c check that and compile it into what conf.h
 * shows. */
#ifndef MODEL_CONF_ROWS_H
#define MODEL_CONF_ROWS_H

#include "base/map.h"
#include "model/conf.h"
#include "model/yaml.h"

struct conf_reader {
    struct arena *arena;
    struct report *report;
    const struct conf_env *env;
    bool admin_only;              /* conf_load_admin */
    size_t interpolated;          /* bytes so far; bounded */
    const struct filter *regexes; /* compiled so far */
    size_t regex_bytes;           /* of them; bounded */
    size_t nodes;                 /* of all files so far; bounded */
    struct conf_paths files, folders;
    struct map paths; /* of both: who is there already */
    struct map pems;  /* "CERTIFICATE /path": looked at, and good */
};

struct conf_row;

struct conf_kind {
    /* Stores the value at `at`, or reports and returns false (then `at` is as it was). */
    bool (*read)(struct conf_reader *r, const struct conf_row *row, const struct node *n, void *at);
    /* Writes " value\n", or nothing when `wants` says no. `depth` is the key's. */
    void (*print)(const struct conf_row *row, const void *at, unsigned depth, struct buf *out);
    bool (*wants)(const void *at); /* is there anything to print? NULL: always */
};

struct conf_row {
    const char *key;
    const struct conf_kind *kind;
    size_t at;                      /* offset in the block's struct */
    const char *fallback;           /* the default, as it would be written; NULL: none */
    uint64_t least, most;           /* bounds: of a value, a text's length or a list's */
    const char *help;               /* one line: what it is for */
    const char *const *words;       /* KIND_WORD, KIND_METHODS: what it may be; NULL ends */
    const struct conf_block *block; /* of kinds that hold rows themselves */
    size_t inherits; /* KIND_NAMED: 1 + offset, in the same struct, of what each item begins as */
    bool inherited;  /* in such an item: no default of its own */
    bool required;
};

struct conf_block {
    const char *path;            /* "sources.*"; "" at the top */
    const char *what;            /* "a source": for messages */
    const struct conf_row *rows; /* the last one has no key */
    size_t size;        /* of the struct that an item fills; 0: part of the struct around it */
    const char *scalar; /* the key that a bare text stands for, or NULL */
    /* What only the block as a whole shows; `n` is its mapping. May be NULL. */
    void (*check)(struct conf_reader *r, const struct node *n, void *base);
};

extern const struct conf_kind KIND_TEXT, KIND_MASKED, KIND_TEXTS, KIND_SECRET, KIND_SECRETS,
    KIND_COUNT, KIND_BYTES, KIND_SHARE, KIND_DURATION, KIND_PERCENT, KIND_FACTOR, KIND_BOOL,
    KIND_WORD, KIND_PAIRS, KIND_METHODS, KIND_SCHEDULE, KIND_CONDITIONS, KIND_EXPONENTIAL,
    KIND_REDIS_URL, KIND_VERIFY, KIND_CIDRS, KIND_RATE, KIND_BLOCK, KIND_NAMED, KIND_ITEMS,
    KIND_FILTER, KIND_BODY, KIND_EXPECT, KIND_INCLUDE;

/* ---- what kinds store ---- */

struct conf_masked { /* KIND_MASKED, KIND_BODY */
    struct str text;
    struct str shown; /* as it is printed: what ${...} brought from outside of the file is *** */
};
struct conf_text {
    struct str text;
    const struct node *node;
    struct str name; /* KIND_SECRETS: in the form of a mapping */
};
struct conf_texts { /* KIND_TEXTS, KIND_SECRETS */
    struct conf_text *v;
    size_t n;
};
struct conf_share { /* KIND_SHARE: bytes, or a part of something else */
    uint64_t bytes;
    unsigned percent; /* used when bytes is 0 */
};
struct conf_pair {
    struct str name, value;
    bool masked;
    const struct node *node;
};
struct conf_pairs { /* KIND_PAIRS */
    struct conf_pair *v;
    size_t n;
};
struct conf_items { /* KIND_NAMED, KIND_ITEMS */
    void *v;
    size_t n;
};
struct conf_item {            /* every item begins with it */
    struct str name;          /* KIND_NAMED: its key */
    struct place place;       /* of the key, or of the item */
    const struct node *value; /* a mapping, or text in the short form */
};

struct file_verify {
    const struct node *node;  /* a name, a mapping or a list */
    struct file_verify *list; /* of several schemes; then only `all` counts beside it */
    size_t list_count;
    bool all;
    struct str type;
    unsigned algorithm, encoding, unit, key;
    struct conf_texts headers, ts_headers, id_headers;
    struct str item_sep, kv_sep, sig_key, ts_key;
    struct str signed_text, key_prefix;
    struct conf_masked public_url, jwks_url;
    int64_t tolerance_ms, future_ms;                           /* -1: not said */
    struct str issuer, audience, email, body_claim, url_claim; /* of a token */
    struct str ca_file;
    struct conf_texts topics, webhooks, key_hosts; /* of keys that are named */
    struct str client_id, client_secret;
    unsigned url_form;
    bool in_body;
    int64_t leeway_ms, max_age_ms; /* -1: not said */
    struct str secret;             /* its own; the source's unless given */
    struct conf_texts secrets;
};

struct file_source {
    struct conf_item item;
    struct conf_source s;
    struct file_verify verify;
    struct conf_masked path, respond_body;
    struct str secret;
    struct conf_texts secrets;
    uint64_t body; /* 0: the preset's or the listener's */
    struct str event_type, event_id, dedupe_key;
};

struct file_destination {
    struct conf_item item;
    struct conf_destination d;
    struct conf_masked url;
    struct conf_share buffer;
    struct conf_pairs headers;
};

struct file_route {
    struct conf_item item;
    struct conf_route r;
    struct conf_texts from, to, events;
};

struct file_test {
    struct conf_item item;
    struct conf_test t;
    struct str source;
    struct conf_masked query, body, type;
    struct conf_pairs headers;
    struct conf_texts expect;
};

struct file_certificate {
    struct conf_item item;
    struct conf_tls files;
};

struct conf_file {
    struct conf c; /* first: what everybody else sees */
    const struct node *root;
    const struct place *place; /* of the file as a whole */
    unsigned version;
    struct conf_tls listen_files;
    struct conf_items certificates;
    struct str redis_url;
    struct str redis_password;
    struct conf_texts sentinel_nodes;
    struct conf_share dead_bytes;
    struct file_destination defaults;
    struct conf_items sources, destinations, routes, tests;
    struct conf_texts network_deny, network_allow;
};

/* ---- reading ---- */

extern const struct conf_block CONF_TOP;
extern const struct conf_block CONF_TOLERANCE; /* of a timestamp: what a preset's user may say */
#define CONF_VERIFY_ROWS 36                    /* at least as many as `verify` has */

/* What excerpts do not show: what such keys hold, and URLs with a user in them. */
bool conf_is_secret(struct str key, struct str value);
/* The file's mapping and those of all files that it includes, as one; NULL when none can be read.
 */
const struct node *conf_read_files(struct conf_reader *r, const struct file_text *file);
/* Adds to r->files or r->folders, unless it is there. `seen` NULL: it is looked at now, before it
 * is read. */
void conf_note_path(struct conf_reader *r, struct conf_paths *paths, struct str path,
                    const struct file_state *seen);
/* Reads a mapping (or the short form, or nothing: n may be NULL) into `base`. `fill`: rows without
 * a value get their default; inherited ones only when `inherit` is false. */
void conf_read_block(struct conf_reader *r, const struct conf_block *b, const struct node *n,
                     void *base, bool inherit);
/* The text of a scalar, interpolated; anything else is reported. */
bool conf_read_text(struct conf_reader *r, const char *key, const struct node *n, struct str *out);
bool conf_read_masked(struct conf_reader *r, const char *key, const struct node *n,
                      struct conf_masked *out);
/* ${NAME}, ${NAME:-default}, ${NAME:?message}, ${file:/path}, $$; `key` names the field in
 * messages. */
bool conf_interpolate(struct conf_reader *r, const struct node *n, struct conf_masked *out);
bool conf_is_masked(const struct conf_masked *t);
/* Reports `"key": why, not "text"`; `unit` (or NULL) is what a bare number may have lacked. False.
 */
bool conf_refuse(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                 const char *why, struct str text, const char *unit);
/* Appends a file's bytes, at most the buffer's ceiling; or reports at `p` why not. */
bool conf_read_file(struct conf_reader *r, const struct place *p, struct str path, struct buf *out);
void conf_wipe(struct buf *b); /* and buf_done: it may hold a secret */
/* A file's text without its last newline, for a secret. Reported at `p`. */
bool conf_read_secret_file(struct conf_reader *r, const struct place *p, struct str path,
                           struct str *out);
size_t conf_put_size(char out[32], uint64_t bytes); /* 16KiB; no terminator */
/* A secret that is written out in a file that others can read, or that is the default of a
 * variable, earns a warning. */
void conf_warn_of_open_secret(struct conf_reader *r, const char *key, const struct node *n);
/* Values that JSON types, at any depth: unquoted texts that were hardly meant as text (True, 0100)
 * earn a warning. */
void conf_warn_of_slips(struct conf_reader *r, const struct node *n);
/* Writes a text so that it reads back as itself: quoted unless it is plainly harmless. */
void conf_print_text(struct str s, struct buf *out);
void conf_print_block(const struct conf_block *b, const void *base, unsigned depth,
                      struct buf *out);
/* Do two items hold the same values, what is not printed too? All but the keys `but` (NULL ends).
 */
bool conf_same_rows(const struct conf_block *b, const void *x, const void *y,
                    const char *const *but);

/* Of a range with bits behind its prefix: the one that its address lies in. */
void conf_help_with_range(struct conf_reader *r, struct str text);

/* The nearest of several words, for "did you mean". */
struct conf_guess {
    struct str word, best;
    size_t distance;
};
void conf_guess_init(struct conf_guess *g, struct str word);
void conf_guess_try(struct conf_guess *g, struct str candidate);
void conf_guess_help(const struct conf_guess *g, struct report *r); /* nothing when none is near */

/* Is that file, named by `key` of the mapping, PEM of that kind? */
void conf_check_pem(struct conf_reader *r, const struct node *around, const char *key,
                    struct str path, const char *what);

/* Where a key of an item stands: its value, or the item itself when it was not given. */
const struct place *conf_place(const struct conf_item *item, const char *key);

/* ---- checking and compiling, after reading ---- */

void conf_build(struct conf_reader *r, struct conf_file *f);       /* everything but sources */
void conf_build_tests(struct conf_reader *r, struct conf_file *f); /* after routes */
void conf_free_regexes(const struct filter *f); /* a list of them; NULL is fine */
/* conf_network.c: d->d.rules, of each; and addresses in URLs that they deny. */
void conf_build_network(struct conf_reader *r, struct conf_file *f);
/* Warnings of what can hardly be meant; last of all. */
void conf_guard(struct conf_reader *r, const struct conf_file *f);
/* conf_keys.c: what is to be said where keys are named by requests, into the preset's recipe, and
 * s->s.hosts. */
bool conf_key_rules(struct conf_reader *r, const struct file_verify *v, struct verify_recipe *out);
bool conf_key_hosts(struct conf_reader *r, struct file_source *s, const struct file_verify *v,
                    const struct verify_recipe *recipe);
/* One scheme of `verify`: read, printed (as conf_kind has it), and compiled. */
bool conf_read_scheme(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                      struct file_verify *v);
void conf_print_scheme(const struct conf_row *row, const struct file_verify *v, unsigned depth,
                       struct buf *out);
struct conf_scheme {
    struct verify *verify; /* NULL: it cannot be, as was reported */
    struct verify_recipe recipe;
    struct str secret_names[VERIFY_SECRETS];
    bool shares; /* it has no secret of its own, so the source's is looked at */
};
/* Also s->s.jwks, where its sender publishes its keys. */
void conf_build_scheme(struct conf_reader *r, struct file_source *s, const struct file_verify *v,
                       struct conf_scheme *out);
/* s->s.verify, and what its presets know of their providers. */
void conf_build_verify(struct conf_reader *r, struct file_source *s);
void conf_build_sources(struct conf_reader *r, struct conf_file *f); /* before routes */

#endif
