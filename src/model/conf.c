/* The life of a snapshot: read, checked, compiled, counted, printed. */
#include "model/conf_rows.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* What excerpts do not show: what such keys hold, and URLs with a user in them. */
static bool is_secret(struct str key, struct str value)
{
    static const char *const keys[] = {"secret",   "secrets",       "client_secret",  "token",
                                       "password", "authorization", "challenge_token"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (str_ieq(key, str_of(keys[i]))) {
            return true;
        }
    }
    return text_glob(STR("*://*@*"), value);
}

/* Keys are OpenSSL's, regular expressions PCRE2's: they do not lie in the arena. */
static void free_all(struct conf *c, struct arena *a)
{
    for (size_t i = 0; i < c->source_count; i++) {
        verify_free(c->sources[i].verify);
    }
    conf_free_regexes(c->regexes);
    arena_free(a);
}

/* The snapshot, or NULL when the report holds an error. */
static struct conf *build(struct conf_reader *r, const struct file_text *file)
{
    struct place *whole = arena_take(r->arena, sizeof *whole);
    whole->file = file;
    struct conf_file *f = arena_take(r->arena, sizeof *f);
    f->place = whole;
    f->root = node_parse(file, r->arena, r->report, is_secret);
    if (f->root != NULL) {
        conf_read_block(r, &CONF_TOP, f->root, f, false);
        conf_build_sources(r, f);
        conf_build(r, f);
    }
    f->c.regexes = r->regexes;
    f->c.masks = r->report->masks;
    if (r->report->errors > 0) {
        free_all(&f->c, NULL);
        return NULL;
    }
    f->c.refs = 1;
    f->c.arena = r->arena;
    return &f->c;
}

struct conf *conf_parse_with(struct str text, const char *name, const struct conf_env *env,
                             struct buf *errors)
{
    struct arena *a = arena_new();
    struct report report;
    report_init(&report, a, arena_str(a, str_of(name)).at);
    struct file_text *file = arena_take(a, sizeof *file);
    file->name = str_of(report.name);
    file->text = arena_str(a, text);
    struct conf_reader r = {.arena = a, .report = &report, .env = env};
    struct conf *c = build(&r, file);
    report_write(&report, errors);
    if (c == NULL) {
        arena_free(a);
    }
    return c;
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

struct conf *conf_load(const char *path, struct buf *errors)
{
    struct conf_env env = {real_variable, true, file_text_is_shared(path)};
    struct buf text;
    buf_init(&text, NODE_FILE_BYTES);
    const char *why = file_text_read(path, &text);
    struct conf *c = NULL;
    if (why != NULL) {
        buf_printf(errors, "%s: error: cannot read the file: %s\n", path, why);
    } else {
        c = conf_parse_with(buf_str(&text), path, &env, errors);
    }
    conf_wipe(&text);
    return c;
}

struct conf *conf_ref(struct conf *c)
{
    c->refs++;
    return c;
}

void conf_unref(struct conf *c)
{
    if (c != NULL) {
        ENSURE(c->refs > 0);
        if (--c->refs == 0) {
            free_all(c, c->arena);
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
