/* A YAML (or JSON) file as a tree of nodes that know where they stood.
 *
 * Nothing is typed here: `on`, `no`, `014` and `1.10` are text, and the field that wants a number
 * reads one. Aliases share the node of their anchor, so the tree is a graph, but never a cycle. */
#ifndef MODEL_YAML_H
#define MODEL_YAML_H

#include "model/report.h"

#define NODE_FILE_BYTES (1024 * 1024) /* a file */
#define NODE_COUNT_MAX 100000         /* of all files; an alias counts as all it stands for */
#define NODE_DEPTH_MAX 64

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool plain;              /* text that was not quoted: may be empty, which means "no value" */
    struct str text;         /* of NODE_TEXT; terminated */
    struct node **items;     /* of NODE_LIST */
    struct node_pair *pairs; /* of NODE_MAP, in order, merged ones last */
    size_t n;                /* items or pairs */
    size_t weight;           /* nodes in it, itself included, aliases followed */
    struct place place;
};

struct node_pair {
    struct node *key, *value; /* keys are text, and differ */
};

/* NULL when the file cannot be read; the reason is in the report. An empty file is an empty map.
 * Texts, or texts of a list, for which `is_secret` says yes are masked in excerpts. `count` holds
 * the nodes of the files before it, and then of this one, too. */
struct node *node_parse(const struct file_text *file, struct arena *a, struct report *r,
                        bool (*is_secret)(struct str key, struct str value), size_t *count);
const struct node_pair *node_find(const struct node *map, const char *key); /* or NULL */
/* Nothing was written behind the key: empty, `~` or `null`, unquoted. */
bool node_is_nothing(const struct node *n);
const char *node_kind_name(const struct node *n); /* "a mapping", "a list", "text" */

#endif
