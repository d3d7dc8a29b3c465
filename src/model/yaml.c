/* libyaml's events -> a tree of nodes. libyaml itself takes duplicate keys, any depth and aliases
 * that make cycles; all three are refused here. */
#include "model/yaml.h"

#include "base/crypt.h"
#include "base/log.h"
#include "base/map.h"
#include "model/mask.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define ANCHORS_MAX 4096 /* a file */

struct anchor {
    struct node *node; /* NULL while the node is being read: an alias to it would be a cycle */
};

struct loader {
    yaml_parser_t parser;
    const struct file_text *file;
    struct arena *arena;
    struct report *report;
    bool (*is_secret)(struct str key, struct str value);
    struct map anchors;  /* name -> struct anchor, the latest of that name */
    struct node **stack; /* children of the collections that are open */
    size_t n, cap;
    size_t weight; /* nodes so far, aliases followed */
    uint64_t seed; /* of maps */
    bool failed;
};

static struct place place_of(const struct loader *l, yaml_mark_t start, yaml_mark_t end)
{
    return (struct place){l->file,
                          {(unsigned)start.line + 1, (unsigned)start.column + 1},
                          {(unsigned)end.line + 1, (unsigned)end.column + 1}};
}

static struct node *fail(struct loader *l, const yaml_event_t *e, const char *what)
{
    struct place p = place_of(l, e->start_mark, e->end_mark);
    report_error(l->report, &p, "%s", what);
    l->failed = true;
    return NULL;
}

/* What libyaml says, what it says it of, and the same for operators; the sentence may stand where
 * the trouble begins. */
static const struct {
    const char *problem, *context; /* the beginnings; NULL: any */
    bool at_context;               /* is it better shown where that begins? */
    const char *said, *help;
} troubles[] = {
    {"found unexpected end of stream", "while scanning a quoted", true, "this quote is not closed",
     "a text in quotes ends with the same quote"},
    {"did not find expected ',' or '}'", NULL, true, "this \"{\" is not closed in time",
     "each entry ends with \",\", the last one with \"}\""},
    {"did not find expected ',' or ']'", NULL, true, "this \"[\" is not closed in time",
     "each entry ends with \",\", the last one with \"]\""},
    {"did not find expected key", NULL, false,
     "this line does not stand below the others of its block",
     "the keys of one mapping begin in the same column"},
    {"did not find expected '-' indicator", NULL, false,
     "this line does not stand below the others of its list",
     "the entries of one list begin with \"- \" in the same column"},
    {"did not find expected <document start>", NULL, false,
     "this line does not belong to what stands above it",
     "the keys of one mapping begin in the same column"},
    {"mapping values are not allowed", NULL, false, "there can be no key here",
     "a text that holds \": \" is written in quotes; a mapping begins in a line of its own"},
    {"block sequence entries are not allowed", NULL, false, "there can be no list entry here",
     "a list begins in a line of its own"},
    {"did not find expected alphabetic", "while scanning an alias", true,
     "\"*\" begins an alias, and no name follows it", "for the text itself, write \"*\" in quotes"},
    {"did not find expected alphabetic", "while scanning an anchor", true,
     "\"&\" begins an anchor, and no name follows it",
     "for the text itself, write \"&\" in quotes"},
    {NULL, "while scanning a tag", true, "\"!\" begins a tag",
     "for the text itself, write it in quotes"},
    {"found unknown escape character", NULL, false,
     "in double quotes a backslash begins an escape, and this is none",
     "in single quotes a backslash is written as it is"},
    {"did not find expected node content", NULL, false, "there is no value here",
     "a text that begins with one of [ ] { } , is written in quotes"},
    {"could not find expected ':'", NULL, true, "this line holds neither a key nor an entry",
     "a key is followed by \": \""},
};

/* The character that stands there, 0 at the end. */
static char character_at(const struct loader *l, yaml_mark_t at)
{
    struct str line = file_text_line(l->file, (unsigned)at.line + 1);
    size_t column = 0;
    for (size_t i = 0; i < line.len; i++) {
        bool begins = ((unsigned char)line.at[i] & 0xc0) != 0x80;
        if (begins && column++ == at.column) {
            return line.at[i];
        }
    }
    return 0;
}

static bool begins_with(const char *text, const char *start)
{
    return start == NULL || (text != NULL && strncmp(text, start, strlen(start)) == 0);
}

static void report_character(struct loader *l, const struct place *at, char c)
{
    if (c == '\t') {
        report_error(l->report, at, "a tab stands here");
        report_help(l->report, "indent with spaces");
    } else {
        report_error(l->report, at, "no text begins with \"%c\"", c > ' ' && c < 0x7f ? c : '?');
        report_help(l->report, "for the text itself, write it in quotes");
    }
}

/* What the scanner or the parser stumbled over. */
static void report_syntax(struct loader *l)
{
    const yaml_parser_t *p = &l->parser;
    struct place at = place_of(l, p->problem_mark, p->problem_mark);
    char c = character_at(l, p->problem_mark);
    if (begins_with(p->problem, "found character that cannot start") ||
        begins_with(p->problem, "found a tab character")) {
        report_character(l, &at, c);
        return;
    }
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        if (begins_with(p->problem, troubles[i].problem) &&
            begins_with(p->context, troubles[i].context)) {
            at = troubles[i].at_context ? place_of(l, p->context_mark, p->context_mark) : at;
            report_error(l->report, &at, "%s", troubles[i].said);
            report_help(l->report, "%s", troubles[i].help);
            return;
        }
    }
    report_error(l->report, &at, "not valid YAML: %s%s%s",
                 p->problem == NULL ? "unreadable" : p->problem, p->context == NULL ? "" : " ",
                 p->context == NULL ? "" : p->context);
}

/* Bytes that are no text: there is no mark then, only an offset. */
static void report_bytes(struct loader *l)
{
    const yaml_parser_t *p = &l->parser;
    size_t n = p->problem_offset < l->file->text.len ? p->problem_offset : l->file->text.len;
    struct str line = STR_NONE, rest = str_head(l->file->text, n);
    unsigned number = 0;
    for (bool more = true; more; number++) {
        more = file_text_cut_line(&rest, &line);
    }
    struct mark mark = {number, text_characters(line) + 1};
    struct place at = {l->file, mark, mark};
    if (begins_with(p->problem, "control characters")) {
        report_error(l->report, &at, "there is a control character (0x%02x) here",
                     (unsigned)p->problem_value & 0xff);
    } else {
        report_error(l->report, &at, "this is no UTF-8");
        report_help(l->report, "save the file as UTF-8");
    }
}

static bool next_event(struct loader *l, yaml_event_t *e)
{
    if (yaml_parser_parse(&l->parser, e) == 1) {
        return true;
    }
    if (l->parser.error == YAML_READER_ERROR) {
        report_bytes(l);
    } else {
        report_syntax(l);
    }
    l->failed = true;
    memset(e, 0, sizeof *e);
    return false;
}

/* Any text may be a secret. */
static void event_done(yaml_event_t *e)
{
    if (e->type == YAML_SCALAR_EVENT) {
        crypt_wipe(e->data.scalar.value, e->data.scalar.length);
    }
    yaml_event_delete(e);
}

static void parser_done(yaml_parser_t *p)
{
    crypt_wipe(p->raw_buffer.start, (size_t)(p->raw_buffer.end - p->raw_buffer.start));
    crypt_wipe(p->buffer.start, (size_t)(p->buffer.end - p->buffer.start));
    yaml_parser_delete(p);
}

/* libyaml grows a text with this function of its own, which leaves what the old one held. It is not
 * in its header but among its symbols, and those of a program come before those of a library. */
__attribute__((visibility("default"))) void *yaml_realloc(void *at, size_t n);
void *yaml_realloc(void *at, size_t n)
{
    return crypt_realloc(at, n > 0 ? n : 1);
}

static void push(struct loader *l, struct node *n)
{
    if (l->n == l->cap) {
        l->cap = l->cap == 0 ? 64 : l->cap * 2;
        l->stack = realloc(l->stack, l->cap * sizeof *l->stack);
        ENSURE(l->stack != NULL);
    }
    l->stack[l->n++] = n;
}

/* Counts `weight` nodes against the limit. */
static bool charge(struct loader *l, const yaml_event_t *e, size_t weight)
{
    l->weight += weight;
    if (l->weight > NODE_COUNT_MAX) {
        fail(l, e, "there are more than 100,000 nodes, aliases followed");
        return false;
    }
    return true;
}

static struct node *node_new(struct loader *l, const yaml_event_t *e, enum node_kind kind)
{
    if (!charge(l, e, 1)) {
        return NULL;
    }
    struct node *n = arena_take(l->arena, sizeof *n);
    n->kind = kind;
    n->weight = 1;
    n->place = place_of(l, e->start_mark, e->end_mark);
    return n;
}

static struct anchor *anchor_new(struct loader *l, const yaml_event_t *e, const yaml_char_t *name)
{
    if (name == NULL) {
        return NULL;
    }
    if (l->anchors.n == ANCHORS_MAX) {
        fail(l, e, "more than 4096 anchors");
        return NULL;
    }
    struct anchor *a = arena_take(l->arena, sizeof *a);
    map_set(&l->anchors, str_of((const char *)name), a);
    return a;
}

static struct node *read_alias(struct loader *l, const yaml_event_t *e)
{
    const struct anchor *a = map_find(&l->anchors, str_of((const char *)e->data.alias.anchor));
    if (a == NULL) {
        fail(l, e, "an alias without an anchor before it");
        report_help(l->report, "for the text itself, write it in quotes");
        return NULL;
    }
    if (a->node == NULL) {
        return fail(l, e, "an alias inside of what it stands for");
    }
    return charge(l, e, a->node->weight) ? a->node : NULL;
}

/* Tags would type a value against its field; only those that say nothing are taken. */
static bool tag_is_core(const yaml_char_t *tag)
{
    static const char *const core[] = {"str", "map", "seq", "int", "bool", "float", "null"};
    static const char space[] = "tag:yaml.org,2002:";
    const char *text = (const char *)tag;
    if (text == NULL || strcmp(text, "!") == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof core / sizeof core[0]; i++) {
        if (begins_with(text, space) && strcmp(text + sizeof space - 1, core[i]) == 0) {
            return true;
        }
    }
    return false;
}

static struct node *read_node(struct loader *l, const yaml_event_t *e, unsigned depth);

static struct node *fail_tag(struct loader *l, const yaml_event_t *e)
{
    fail(l, e, "tags have no meaning here");
    report_help(l->report, "leave it out");
    return NULL;
}

static struct node *read_text(struct loader *l, const yaml_event_t *e)
{
    if (!tag_is_core(e->data.scalar.tag)) {
        return fail_tag(l, e);
    }
    struct node *n = node_new(l, e, NODE_TEXT);
    if (n != NULL) {
        struct str text = {(const char *)e->data.scalar.value, e->data.scalar.length};
        n->text = arena_str(l->arena, text);
        n->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        if (l->is_secret(STR_NONE, text)) {
            report_mask(l->report, &n->place);
        }
        struct anchor *a = anchor_new(l, e, e->data.scalar.anchor);
        if (a != NULL) {
            a->node = n;
        }
    }
    return n;
}

/* Reads children until `end`, leaving them on the stack. */
static bool read_children(struct loader *l, struct node *n, yaml_event_type_t end, unsigned depth)
{
    for (;;) {
        yaml_event_t e;
        if (!next_event(l, &e)) {
            return false;
        }
        bool done = e.type == end;
        if (done) {
            n->place.end = place_of(l, e.end_mark, e.end_mark).end;
        } else {
            struct node *child = read_node(l, &e, depth + 1);
            if (child != NULL) {
                push(l, child);
                n->weight += child->weight;
            }
        }
        event_done(&e);
        if (done || l->failed) {
            return !l->failed;
        }
    }
}

static struct node *read_list(struct loader *l, const yaml_event_t *e, unsigned depth)
{
    struct node *n = node_new(l, e, NODE_LIST);
    struct anchor *a = anchor_new(l, e, e->data.sequence_start.anchor);
    size_t base = l->n;
    if (n == NULL || !read_children(l, n, YAML_SEQUENCE_END_EVENT, depth)) {
        return NULL;
    }
    n->n = l->n - base;
    n->items = arena_array(l->arena, n->n, sizeof *n->items);
    if (n->n > 0) {
        memcpy(n->items, l->stack + base, n->n * sizeof *n->items);
    }
    l->n = base;
    if (a != NULL) {
        a->node = n;
    }
    return n;
}

/* A map under construction: pairs so far, and the keys seen. */
struct pairs {
    struct node_pair *v;
    size_t n, cap;
    struct map seen; /* key -> its node */
};

static void pairs_add(struct pairs *p, struct node *key, struct node *value)
{
    if (p->n == p->cap) {
        p->cap = p->cap == 0 ? 16 : p->cap * 2;
        p->v = realloc(p->v, p->cap * sizeof *p->v);
        ENSURE(p->v != NULL);
    }
    p->v[p->n++] = (struct node_pair){key, value};
    map_set(&p->seen, key->text, key);
}

static bool is_merge(const struct node *key)
{
    return key->plain && str_eq(key->text, STR("<<"));
}

/* "${NAME}" or "${file:/path}": it says where the secret is, and holds none. */
static bool is_reference(struct str s)
{
    bool good = str_starts(s, STR("${")) && str_ends(s, STR("}"));
    for (size_t i = 2; good && i + 1 < s.len; i++) {
        good = s.at[i] != '}' && s.at[i] != '$' && !(s.at[i] == ':' && s.at[i + 1] == '-');
    }
    return good;
}

/* All texts in it, and what stands for a key there without being a name. */
static void mask_tree(struct loader *l, const struct node *n)
{
    if (n->kind == NODE_TEXT && !is_reference(n->text)) {
        report_mask(l->report, &n->place);
    }
    for (size_t i = 0; i < n->n; i++) {
        mask_tree(l, n->kind == NODE_LIST ? n->items[i] : n->pairs[i].value);
        if (n->kind == NODE_MAP) {
            report_mask_key(l->report, &n->pairs[i].key->place, n->pairs[i].key->text);
        }
    }
}

static void add_own_pair(struct loader *l, struct pairs *p, struct node *key, struct node *value)
{
    const struct node *first = key->kind == NODE_TEXT ? map_find(&p->seen, key->text) : NULL;
    if (key->kind != NODE_TEXT) {
        report_error(l->report, &key->place, "a key must be text, not %s", node_kind_name(key));
        return;
    }
    if (l->is_secret(key->text, STR_NONE)) {
        mask_tree(l, value);
    }
    if (first != NULL) {
        struct str shown = report_key(key->text);
        report_mask_key(l->report, &key->place, key->text);
        report_error(l->report, &key->place, "the key \"%.*s\" occurs twice", STR_ARG(shown));
        report_help(l->report, "it is first in line %u", first->place.start.line);
    } else {
        pairs_add(p, key, value);
    }
}

/* Adds the pairs of `from` whose keys are not there yet. */
static void merge_map(struct loader *l, struct pairs *p, const struct node *from,
                      const yaml_event_t *e)
{
    if (!charge(l, e, from->n)) {
        return;
    }
    for (size_t i = 0; i < from->n; i++) {
        if (map_find(&p->seen, from->pairs[i].key->text) == NULL) {
            pairs_add(p, from->pairs[i].key, from->pairs[i].value);
        }
    }
}

static void merge(struct loader *l, struct pairs *p, const struct node *from, const yaml_event_t *e)
{
    bool good = from->kind == NODE_MAP || from->kind == NODE_LIST;
    for (size_t i = 0; good && from->kind == NODE_LIST && i < from->n; i++) {
        good = from->items[i]->kind == NODE_MAP;
    }
    if (!good) {
        report_error(l->report, &from->place, "\"<<\" takes a mapping or a list of mappings");
        report_help(l->report, "<<: *NAME, where &NAME stands before a mapping further up");
    } else if (from->kind == NODE_MAP) {
        merge_map(l, p, from, e);
    } else {
        for (size_t i = 0; i < from->n && !l->failed; i++) {
            merge_map(l, p, from->items[i], e);
        }
    }
}

/* `children` are keys and values in turn. Own keys win over merged ones, wherever "<<" stands. */
static void collect_pairs(struct loader *l, struct pairs *p, struct node *const *children, size_t n,
                          const yaml_event_t *e)
{
    const struct node *from = NULL;
    for (size_t i = 0; i + 1 < n; i += 2) {
        if (children[i]->kind != NODE_TEXT || !is_merge(children[i])) {
            add_own_pair(l, p, children[i], children[i + 1]);
        } else if (from == NULL) {
            from = children[i + 1];
        } else {
            report_error(l->report, &children[i]->place, "the key \"<<\" occurs twice");
            report_help(l->report, "of several mappings: <<: [*a, *b]");
        }
    }
    if (from != NULL) {
        merge(l, p, from, e);
    }
}

static struct node *read_map(struct loader *l, const yaml_event_t *e, unsigned depth)
{
    struct node *n = node_new(l, e, NODE_MAP);
    struct anchor *a = anchor_new(l, e, e->data.mapping_start.anchor);
    size_t base = l->n;
    if (n == NULL || !read_children(l, n, YAML_MAPPING_END_EVENT, depth)) {
        return NULL;
    }
    struct pairs p = {0};
    map_init_seeded(&p.seen, l->seed);
    p.seen.borrows = true; /* keys lie in the arena */
    if (l->n > base) {
        collect_pairs(l, &p, l->stack + base, l->n - base, e);
    }
    l->n = base;
    n->n = p.n;
    n->pairs = arena_array(l->arena, p.n, sizeof *n->pairs);
    if (p.n > 0) {
        memcpy(n->pairs, p.v, p.n * sizeof *p.v);
    }
    size_t weight = 1;
    for (size_t i = 0; i < p.n; i++) {
        weight += 1 + p.v[i].value->weight;
    }
    n->weight = weight; /* what was merged counts wherever this map is used again */
    free(p.v);
    map_done(&p.seen);
    if (a != NULL) {
        a->node = n;
    }
    return l->failed ? NULL : n;
}

static struct node *read_node(struct loader *l, const yaml_event_t *e, unsigned depth)
{
    if (depth > NODE_DEPTH_MAX) {
        return fail(l, e, "nested more than 64 deep");
    }
    switch (e->type) {
    case YAML_ALIAS_EVENT:
        return read_alias(l, e);
    case YAML_SCALAR_EVENT:
        return read_text(l, e);
    case YAML_SEQUENCE_START_EVENT:
        return tag_is_core(e->data.sequence_start.tag) ? read_list(l, e, depth) : fail_tag(l, e);
    case YAML_MAPPING_START_EVENT:
        return tag_is_core(e->data.mapping_start.tag) ? read_map(l, e, depth) : fail_tag(l, e);
    default:
        return fail(l, e, "not valid YAML");
    }
}

/* Stream and document events around the one root; more than one document is refused. */
static struct node *read_stream(struct loader *l)
{
    struct node *root = NULL;
    for (bool end = false; !end && !l->failed;) {
        yaml_event_t e;
        if (!next_event(l, &e)) {
            return NULL;
        }
        switch (e.type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
            break;
        case YAML_STREAM_END_EVENT:
            end = true;
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (root != NULL) {
                fail(l, &e, "a second document; one file is one configuration");
            }
            break;
        default:
            root = read_node(l, &e, 1);
            break;
        }
        event_done(&e);
    }
    return l->failed ? NULL : root;
}

struct node *node_parse(const struct file_text *file, struct arena *a, struct report *r,
                        bool (*is_secret)(struct str key, struct str value), size_t *count)
{
    struct place whole = {.file = file};
    if (file->text.len > NODE_FILE_BYTES) {
        report_error(r, &whole, "the file is larger than 1 MiB");
        return NULL;
    }
    struct loader l = {
        .file = file, .arena = a, .report = r, .is_secret = is_secret, .weight = *count};
    l.seed = crypt_random_u64();
    map_init_seeded(&l.anchors, l.seed);
    ENSURE(yaml_parser_initialize(&l.parser) == 1);
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
    const char *text = file->text.len == 0 ? "" : file->text.at;
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, file->text.len);
    struct node *root = read_stream(&l);
    *count = l.weight;
    if (l.failed) {
        mask_unread(l.report, file);
    }
    parser_done(&l.parser);
    map_done(&l.anchors);
    free(l.stack);
    if (root == NULL && !l.failed) { /* nothing but comments */
        root = arena_take(a, sizeof *root);
        *root = (struct node){.kind = NODE_MAP, .weight = 1, .place = whole};
    }
    return root;
}

const struct node_pair *node_find(const struct node *map, const char *key)
{
    for (size_t i = 0; map != NULL && map->kind == NODE_MAP && i < map->n; i++) {
        if (str_eq(map->pairs[i].key->text, str_of(key))) {
            return &map->pairs[i];
        }
    }
    return NULL;
}

bool node_is_nothing(const struct node *n)
{
    return n->kind == NODE_TEXT && n->plain &&
           (n->text.len == 0 || str_eq(n->text, STR("~")) || str_eq(n->text, STR("null")));
}

const char *node_kind_name(const struct node *n)
{
    return n->kind == NODE_MAP ? "a mapping" : n->kind == NODE_LIST ? "a list" : "text";
}
