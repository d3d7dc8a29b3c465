/* The life of a snapshot: read, checked, compiled, counted, printed. */
#include "model/conf_rows.h"

#include "base/crypt.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* Keys are OpenSSL's, regular expressions PCRE2's: they do not lie in the arena. */
static void free_all(struct conf *c, struct arena *a)
{
    for (size_t i = 0; i < c->source_count; i++) {
        verify_free(c->sources[i].verify);
    }
    conf_free_regexes(c->regexes);
    arena_free(a);
}

/* What of the files cannot be read is said, and is no error where the first one can. */
static void forgive(struct report *report)
{
    memcpy(report->warning, report->error, report->errors * sizeof *report->error);
    report->warnings = report->errors;
    report->errors = 0;
}

/* Of files that may be wrong in all else: their `admin`, if they have one. */
static const struct node *admin_of(struct conf_reader *r, const struct node *root)
{
    if (root != NULL) {
        forgive(r->report);
    }
    const struct node_pair *admin = root == NULL ? NULL : node_find(root, "admin");
    struct node *only = arena_take(r->arena, sizeof *only);
    *only = (struct node){.kind = NODE_MAP, .n = admin != NULL};
    only->pairs = arena_array(r->arena, 1, sizeof *only->pairs);
    if (admin != NULL) {
        only->pairs[0] = *admin;
    }
    return root == NULL ? NULL : only;
}

/* The snapshot; when the report holds an error, of what could be read. */
static struct conf *build(struct conf_reader *r, const struct file_text *file)
{
    struct place *whole = arena_take(r->arena, sizeof *whole);
    whole->file = file;
    struct conf_file *f = arena_take(r->arena, sizeof *f);
    f->place = whole;
    f->root = conf_read_files(r, file);
    if (r->admin_only) {
        f->root = admin_of(r, f->root);
    }
    if (f->root != NULL) {
        conf_read_block(r, &CONF_TOP, f->root, f, false);
    }
    if (f->root != NULL && !r->admin_only) {
        conf_build_sources(r, f);
        conf_build(r, f);
        conf_guard(r, f);
    }
    f->c.regexes = r->regexes;
    f->c.masks = r->report->masks;
    f->c.refs = 1;
    f->c.files = r->files;
    f->c.folders = r->folders;
    f->c.arena = r->arena;
    return &f->c;
}

/* `seen`: the name is a path that was opened, and this before; NULL: it is none. `good`: without
 * errors. */
static struct conf *parse(struct str text, const char *name, const struct file_state *seen,
                          bool admin_only, const struct conf_env *env, bool *good,
                          struct buf *errors)
{
    struct arena *a = arena_new();
    struct report report;
    report_init(&report, a, arena_str(a, str_of(name)).at);
    struct file_text *file = arena_take(a, sizeof *file);
    file->name = str_of(report.name);
    file->text = arena_str(a, file_text_bare(text));
    file->others_can_read = env->others_can_read;
    struct conf_reader r = {.arena = a, .report = &report, .env = env, .admin_only = admin_only};
    map_init_seeded(&r.paths, crypt_random_u64());
    map_init_seeded(&r.pems, crypt_random_u64());
    if (seen != NULL) {
        conf_note_path(&r, &r.files, file->name, seen);
    }
    struct conf *c = build(&r, file);
    map_done(&r.paths);
    map_done(&r.pems);
    report_write(&report, errors);
    *good = report.errors == 0;
    return c;
}

static struct conf *only_good(struct conf *c, bool good)
{
    if (!good) {
        conf_unref(c);
    }
    return good ? c : NULL;
}

struct conf *conf_parse_with(struct str text, const char *name, const struct conf_env *env,
                             struct buf *errors)
{
    bool good;
    struct conf *c = parse(text, name, NULL, false, env, &good, errors);
    return only_good(c, good);
}

static const char *real_variable(const char *name)
{
    return getenv(name);
}

struct conf *conf_parse(struct str text, const char *name, struct buf *errors)
{
    static const struct conf_env env = {real_variable, true, false};
    return conf_parse_with(text, name, &env, errors);
}

static struct conf *load(const char *path, bool admin_only, bool *good, struct buf *errors)
{
    struct conf_env env = {real_variable, true, !admin_only && file_text_is_shared(path)};
    struct buf text;
    buf_init(&text, NODE_FILE_BYTES);
    const struct file_state seen = file_state_of(path);
    const char *why = file_text_read(path, &text);
    why = text.failed ? "it is larger than 1 MiB" : why;
    struct conf *c = NULL;
    *good = false;
    if (why != NULL) {
        buf_printf(errors, "%s: error: cannot read the file: %s\n", path, why);
    } else {
        c = parse(buf_str(&text), path, &seen, admin_only, &env, good, errors);
    }
    conf_wipe(&text);
    return c;
}

struct conf *conf_load_anyway(const char *path, bool *good, struct buf *errors)
{
    return load(path, false, good, errors);
}

struct conf *conf_load(const char *path, struct buf *errors)
{
    bool good;
    struct conf *c = load(path, false, &good, errors);
    return only_good(c, good);
}

struct conf *conf_load_admin(const char *path, struct buf *errors)
{
    bool good;
    struct conf *c = load(path, true, &good, errors);
    return only_good(c, good);
}

struct conf *conf_ref(struct conf *c)
{
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void conf_unref(struct conf *c)
{
    if (c != NULL) {
        unsigned before = atomic_fetch_sub(&c->refs, 1);
        ENSURE(before > 0);
        if (before == 1) {
            struct conf *first = c->first;
            free_all(c, c->arena);
            conf_unref(first);
        }
    }
}

const struct conf_source *conf_find_source(const struct conf *c, struct str name)
{
    for (size_t i = 0; i < c->source_count; i++) {
        if (str_eq(c->sources[i].name, name)) {
            return &c->sources[i];
        }
    }
    return NULL;
}

const struct conf_source *conf_source_at(const struct conf *c, struct str path)
{
    for (size_t i = 0; i < c->source_count; i++) {
        if (str_eq(c->sources[i].path, path)) {
            return &c->sources[i];
        }
    }
    return NULL;
}

const struct conf_destination *conf_find_destination(const struct conf *c, struct str name)
{
    for (size_t i = 0; i < c->destination_count; i++) {
        if (str_eq(c->destinations[i].name, name)) {
            return &c->destinations[i];
        }
    }
    return NULL;
}

bool conf_uses_data_dir(const struct conf *c)
{
    return c->redis.embedded || c->spool.size > 0;
}

bool conf_takes_method(const struct conf_source *s, struct str method)
{
    static const struct {
        struct str name;
        enum conf_method bit;
    } methods[] = {{{"POST", 4}, CONF_POST},      {{"GET", 3}, CONF_GET},
                   {{"PUT", 3}, CONF_PUT},        {{"PATCH", 5}, CONF_PATCH},
                   {{"HEAD", 4}, CONF_HEAD},      {{"DELETE", 6}, CONF_DELETE},
                   {{"OPTIONS", 7}, CONF_OPTIONS}};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (str_eq(methods[i].name, method)) {
            return (s->methods & methods[i].bit) != 0;
        }
    }
    return false;
}

enum conf_removed conf_removed_rule(const struct conf_destination *d)
{
    return d->mirror ? REMOVED_DROP : d->on_removed;
}

const char *conf_durability_word(enum conf_durability d)
{
    return d == DURABILITY_MEMORY ? "memory" : d == DURABILITY_FSYNC ? "fsync" : "replica";
}

bool conf_wants(const struct conf *c, enum conf_durability d)
{
    bool wanted = c->redis.durability == d;
    for (size_t i = 0; i < c->source_count; i++) {
        wanted |= c->sources[i].durability == d;
    }
    return wanted;
}

void conf_print(const struct conf *c, struct buf *out)
{
    conf_print_block(&CONF_TOP, c, 0, out); /* it is the first member of what the rows fill */
}
