/* `include`: the files of a configuration, read one after the other and joined into one mapping.
 *
 * Names (sources, destinations) and blocks are joined, lists (routes) follow each other: first the
 * file's own, then those of the files that it includes, in order. What two files say is an error
 * with both places. Files may include others; each is read once, so nothing goes round. */
#include "model/conf_rows.h"

#include "base/crypt.h"

#include <string.h>

#define FILES_MAX 32               /* beside the first one */
#define TEXT_MAX (4 * 1024 * 1024) /* of all of them together */

struct includes {
    struct conf_reader *r;
    struct file_id seen[FILES_MAX + 1];
    size_t n;
    const struct node *roots[FILES_MAX + 1]; /* of those that could be read */
    size_t roots_n;
    size_t text_bytes;
};

void conf_note_path(struct conf_reader *r, struct conf_paths *paths, struct str path,
                    const struct file_state *seen)
{
    if (map_find(&r->paths, path) != NULL) {
        return;
    }
    struct str kept = arena_str(r->arena, path);
    map_set(&r->paths, kept, (void *)(uintptr_t)kept.at);
    if ((paths->n & (paths->n - 1)) == 0) { /* full at each power of two */
        struct conf_path *v = arena_array(r->arena, paths->n == 0 ? 1 : 2 * paths->n, sizeof *v);
        if (paths->n > 0) {
            memcpy(v, paths->v, paths->n * sizeof *v);
        }
        paths->v = v;
    }
    paths->v[paths->n++] = (struct conf_path){kept, seen != NULL ? *seen : file_state_of(kept.at)};
}

bool conf_is_secret(struct str key, struct str value)
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

/* ---- joining ---- */

static const struct conf_row *row_of(const struct conf_block *b, struct str key)
{
    const struct conf_row *row = b->rows;
    while (row->key != NULL && !str_eq(str_of(row->key), key)) {
        row++;
    }
    return row->key == NULL ? NULL : row;
}

static void twice(struct conf_reader *r, const struct node *key, const struct node *first)
{
    report_error(r->report, &key->place, "the key \"%.*s\" occurs twice",
                 STR_ARG(report_key(key->text)));
    report_help(r->report, "it is first in line %u of %.*s: keep one of them",
                first->place.start.line, STR_ARG(first->place.file->name));
}

static struct node *join_maps(struct conf_reader *r, const struct conf_block *b,
                              const struct node *const *maps, size_t n);

static struct node *join_lists(struct conf_reader *r, const struct node *const *lists, size_t n)
{
    struct node *all = arena_take(r->arena, sizeof *all);
    *all = *lists[0];
    all->n = 0;
    for (size_t i = 0; i < n; i++) {
        all->n += lists[i]->n;
    }
    struct node **at = all->items = arena_array(r->arena, all->n, sizeof *at);
    for (size_t i = 0; i < n; i++) {
        memcpy(at, lists[i]->items, lists[i]->n * sizeof *at);
        at += lists[i]->n;
    }
    return all;
}

/* Which of a row's values can be joined with others. */
static bool joins(const struct conf_row *row, const struct node *n)
{
    return row->kind == &KIND_ITEMS                               ? n->kind == NODE_LIST
           : row->kind == &KIND_BLOCK || row->kind == &KIND_NAMED ? n->kind == NODE_MAP
                                                                  : false;
}

static const struct node *join_values(struct conf_reader *r, const struct conf_row *row,
                                      const struct node *const *maps, size_t n)
{
    const struct node *values[FILES_MAX + 1];
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        const struct node_pair *pair = node_find(maps[i], row->key);
        if (pair != NULL && joins(row, pair->value)) {
            values[count++] = pair->value;
        } else if (pair != NULL && !node_is_nothing(pair->value)) {
            return pair->value; /* of the wrong kind: to be told so */
        }
    }
    return count == 0   ? node_find(maps[0], row->key)->value
           : count == 1 ? values[0]
           : row->kind == &KIND_ITEMS
               ? join_lists(r, values, count)
               : join_maps(r, row->kind == &KIND_BLOCK ? row->block : NULL, values, count);
}

static bool is_joined(const struct conf_row *row)
{
    return row->kind == &KIND_BLOCK || row->kind == &KIND_NAMED || row->kind == &KIND_ITEMS;
}

/* `version: 1` may stand in each file. */
static bool is_same_version(const struct conf_row *row, const struct node *a, const struct node *b)
{
    return strcmp(row->key, "version") == 0 && a->kind == NODE_TEXT && b->kind == NODE_TEXT &&
           str_eq(a->text, b->text);
}

/* `b`: whose keys they are; NULL: of names, which differ. */
static struct node *join_maps(struct conf_reader *r, const struct conf_block *b,
                              const struct node *const *maps, size_t n)
{
    struct node *all = arena_take(r->arena, sizeof *all);
    struct map seen; /* key -> its pair in `all` */
    size_t most = 0;
    for (size_t i = 0; i < n; i++) {
        most += maps[i]->n;
    }
    map_init_seeded(&seen, crypt_random_u64());
    seen.borrows = true;
    *all = *maps[0];
    all->n = 0;
    all->pairs = arena_array(r->arena, most, sizeof *all->pairs);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < maps[i]->n; k++) {
            struct node_pair pair = maps[i]->pairs[k];
            const struct node_pair *other = map_find(&seen, pair.key->text);
            const struct conf_row *row = b == NULL ? NULL : row_of(b, pair.key->text);
            if (other == NULL) {
                if (row != NULL && is_joined(row)) {
                    pair.value = (struct node *)(uintptr_t)join_values(r, row, maps + i, n - i);
                }
                all->pairs[all->n] = pair;
                map_set(&seen, pair.key->text, &all->pairs[all->n++]);
            } else if (row == NULL ||
                       (!is_joined(row) && !is_same_version(row, other->value, pair.value))) {
                twice(r, pair.key, other->key);
            }
        }
    }
    map_done(&seen);
    return all;
}

/* ---- reading ---- */

static void read_root(struct includes *in, const struct file_text *file, bool first);

static bool has_wildcard(struct str s)
{
    return str_has(s, '*') || str_has(s, '?');
}

/* Not read before? By its number: links and other spellings lead to the same file. */
static bool is_new(struct includes *in, const struct node *n, struct str path)
{
    struct conf_reader *r = in->r;
    struct file_id id;
    const char *why = file_text_id(path.at, &id);
    if (why != NULL) {
        report_error(r->report, &n->place, "cannot include \"%.*s\": %s",
                     STR_ARG(report_shown(path)), why);
        if (strcmp(why, "it is a folder") == 0) {
            report_help(r->report, "for the files in it: include: %.*s/*.yaml",
                        STR_ARG(report_shown(n->text)));
        }
        return false;
    }
    for (size_t i = 0; i < in->n; i++) {
        if (in->seen[i].device == id.device && in->seen[i].number == id.number) {
            report_error(r->report, &n->place, "\"%.*s\" is read already",
                         STR_ARG(report_shown(path)));
            report_help(r->report,
                        i > 0 ? "each file is included once, by one other file"
                        : has_wildcard(n->text)
                            ? "it is the file that everything begins with: put the "
                              "others into a folder of their own, such as conf.d"
                            : "it is the file that everything begins with: leave it out");
            return false;
        }
    }
    if (in->n > FILES_MAX) {
        report_error(r->report, &n->place, "more than %d files are included", FILES_MAX);
        return false;
    }
    in->seen[in->n++] = id;
    return true;
}

static void read_file(struct includes *in, const struct node *n, struct str path)
{
    struct conf_reader *r = in->r;
    struct buf text;
    if (report_full(r->report) || !is_new(in, n, path)) {
        return;
    }
    buf_init(&text, NODE_FILE_BYTES);
    conf_note_path(r, &r->files, path, NULL);
    const char *why = file_text_read(path.at, &text);
    why = text.failed ? "it is larger than 1 MiB" : why;
    in->text_bytes += text.len;
    if (why == NULL && in->text_bytes > TEXT_MAX) {
        why = "all files together are larger than 4 MiB";
    }
    if (why != NULL) {
        report_error(r->report, &n->place, "cannot include \"%.*s\": %s",
                     STR_ARG(report_shown(path)), why);
    } else {
        struct file_text *file = arena_take(r->arena, sizeof *file);
        *file =
            (struct file_text){path, arena_str(r->arena, file_text_bare(buf_str(&text))),
                               (unsigned)in->n - 1, !r->admin_only && file_text_is_shared(path.at)};
        read_root(in, file, false);
    }
    conf_wipe(&text);
}

/* The folder of a path, with its slash; empty: the one that Penstock was started in. */
static struct str folder_of(struct str path)
{
    while (path.len > 0 && path.at[path.len - 1] != '/') {
        path.len--;
    }
    return path;
}

static void read_matching(struct includes *in, const struct node *n, struct str path)
{
    struct conf_reader *r = in->r;
    struct str folder = folder_of(path);
    struct str opened = folder.len == 0 ? STR(".") : arena_str(r->arena, folder);
    struct file_names names;
    if (has_wildcard(folder)) {
        report_error(r->report, &n->place, "\"*\" and \"?\" stand in the name of a file only");
        report_help(r->report, "include: [conf.d/a/*.yaml, conf.d/b/*.yaml]");
        return;
    }
    conf_note_path(r, &r->folders, opened, NULL);
    const char *why =
        file_text_names(opened.at, str_from(path, folder.len), FILES_MAX, r->arena, &names);
    if (why != NULL) {
        report_error(r->report, &n->place, "cannot look into the folder \"%.*s\": %s",
                     STR_ARG(report_shown(opened)), why);
        return;
    }
    if (names.n > FILES_MAX) {
        report_error(r->report, &n->place, "%zu files match, but at most %d are included", names.n,
                     FILES_MAX);
        return;
    }
    for (size_t i = 0; i < names.n; i++) {
        read_file(in, n, arena_printf(r->arena, "%.*s%.*s", STR_ARG(folder), STR_ARG(names.v[i])));
    }
}

/* Relative to the folder of the file in which it stands. */
static void read_pattern(struct includes *in, const struct node *n)
{
    struct conf_reader *r = in->r;
    struct str text;
    if (!conf_read_text(r, "include", n, &text)) {
        return;
    }
    if (text.len == 0 || text.len > 4000) {
        report_error(r->report, &n->place, "the path of a file has 1 to 4000 characters");
        return;
    }
    struct str folder = text.at[0] == '/' ? STR_NONE : folder_of(n->place.file->name);
    struct str path = arena_printf(r->arena, "%.*s%.*s", STR_ARG(folder), STR_ARG(text));
    if (has_wildcard(str_from(path, folder.len))) {
        read_matching(in, n, path);
    } else {
        read_file(in, n, path);
    }
}

static void read_includes(struct includes *in, const struct node *n)
{
    struct conf_reader *r = in->r;
    bool list = n->kind == NODE_LIST;
    if (node_is_nothing(n)) {
        return;
    }
    if (n->kind == NODE_MAP) {
        report_error(r->report, &n->place,
                     "\"include\" takes a path, or a list of paths, not a mapping");
        return;
    }
    if (!r->env->opens_files) {
        report_error(r->report, &n->place, "nothing can be included: no file is opened here");
        return;
    }
    if (list && n->n > FILES_MAX) {
        report_error(r->report, &n->place, "more than %d files are included", FILES_MAX);
        return;
    }
    for (size_t i = 0; list && i < n->n; i++) {
        read_pattern(in, n->items[i]);
    }
    if (!list) {
        read_pattern(in, n);
    }
}

/* A mapping without what it includes, and then that. */
static void read_map(struct includes *in, const struct node *root)
{
    const struct node_pair *include = node_find(root, "include");
    struct node *own = arena_take(in->r->arena, sizeof *own);
    *own = *root;
    if (include != NULL) {
        size_t at = (size_t)(include - root->pairs);
        own->pairs = arena_array(in->r->arena, root->n, sizeof *own->pairs);
        memcpy(own->pairs, root->pairs, at * sizeof *own->pairs);
        memcpy(own->pairs + at, root->pairs + at + 1, (root->n - at - 1) * sizeof *own->pairs);
        own->n--;
    }
    in->roots[in->roots_n++] = own;
    if (include != NULL) {
        read_includes(in, include->value);
    }
}

static void read_root(struct includes *in, const struct file_text *file, bool first)
{
    struct conf_reader *r = in->r;
    const struct node *root = node_parse(file, r->arena, r->report, conf_is_secret, &r->nodes);
    if (root == NULL) {
        return;
    }
    if (root->kind == NODE_MAP) {
        read_map(in, root);
    } else if (first || !node_is_nothing(root)) {
        if (!first) {
            report_mask(r->report, &root->place); /* it may be any file of this machine */
        }
        report_error(r->report, &root->place, "expected a mapping for %s, not %s",
                     first ? CONF_TOP.what : "a file that is included",
                     node_is_nothing(root) ? "nothing" : node_kind_name(root));
        report_help(r->report, "it holds keys such as sources:, destinations: and routes:");
    }
}

const struct node *conf_read_files(struct conf_reader *r, const struct file_text *file)
{
    struct includes in = {.r = r, .n = 1};
    if (r->files.n > 0 && file_text_id(file->name.at, &in.seen[0]) != NULL) {
        in.seen[0] = (struct file_id){0, 0}; /* a pipe: nothing can be it */
    }
    in.text_bytes = file->text.len;
    read_root(&in, file, true);
    if (r->nodes > NODE_COUNT_MAX) { /* as was reported: what was read of it is too much, too */
        return NULL;
    }
    return in.roots_n < 2 ? in.roots[0] : join_maps(r, &CONF_TOP, in.roots, in.roots_n);
}

/* Done before any row is looked at; printed, all is one file. */
static bool include_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                         void *at)
{
    (void)r;
    (void)row;
    (void)n;
    (void)at;
    return true;
}

static void include_print(const struct conf_row *row, const void *at, unsigned depth,
                          struct buf *out)
{
    (void)row;
    (void)at;
    (void)depth;
    (void)out;
}

static bool include_wants(const void *at)
{
    (void)at;
    return false;
}

const struct conf_kind KIND_INCLUDE = {include_read, include_print, include_wants};
