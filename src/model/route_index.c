/* Routes by what tells them apart.
 *
 * Of each source's routes (and of those of every source) some things are chosen by which most of
 * them differ: the event's type, headers, texts of the body. A route stands under each text that it
 * wants of one of these, and is a candidate only for an event that has it; what wants none of them
 * stands apart and is always one. */
#include "model/route_index.h"

#include "base/log.h"
#include "model/filter_parts.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

enum {
    KEYS_MAX = 9,     /* of one route that are looked at: its events, and eight of its filter */
    THINGS_MAX = 32,  /* of one index that are looked at */
    WORTH = 4,        /* routes that differ in it; for fewer it is cheaper to try them */
    ENTRIES = 100000, /* of all sources together; what has more of them stands apart */
    BODY_WORTH = 4    /* a text of the body must tell so many times more apart than others */
};

/* What a route wants one of some texts of (a number counts as one: decimal_key). */
struct key {
    enum filter_room room;
    struct str names[8];
    size_t depth;
    struct str *values;
    size_t n;
};

struct keys {
    struct key v[KEYS_MAX];
    size_t n;
};

struct group {
    struct str value;
    unsigned *routes;
    size_t n; /* 0: a free slot */
};

struct spec {
    enum filter_room room;
    struct str names[8];
    size_t depth;
    struct group *slots; /* open addressing */
    size_t mask;
    unsigned *all; /* of its groups together: for an event that has several such texts */
    size_t n;
};

struct index {
    struct spec specs[ROUTE_SPECS];
    size_t spec_count;
    unsigned *others;
    size_t other_count;
};

struct route_table {
    struct index common[2], *own[2]; /* without and with `else`; own: one a source */
};

/* --- what routes want */

static bool is_glob(struct str s)
{
    return str_has(s, '*') || str_has(s, '?');
}

static void add_events(const struct conf_route *r, struct keys *out)
{
    struct key *k = &out->v[out->n];
    for (size_t i = 0; i < r->event_count; i++) {
        if (is_glob(r->events[i])) {
            return;
        }
    }
    if (r->event_count > 0) {
        *k = (struct key){.room = FILTER_EVENT, .values = r->events, .n = r->event_count};
        out->n++;
    }
}

/* The text that a value is found by; of a number that is too long there is none. */
static struct str text_for(struct arena *a, const struct filter_value *v)
{
    char key[DECIMAL_KEY];
    if (v->type == FILTER_STRING) {
        return v->text;
    }
    return arena_str(a, (struct str){key, decimal_key(&v->number, key)});
}

static void add_filter(struct arena *a, const struct conf_route *r, struct keys *out)
{
    struct filter_key found[KEYS_MAX - 1];
    size_t n = r->when == NULL ? 0 : filter_keys(r->when, found, KEYS_MAX - 1);
    for (size_t i = 0; i < n; i++) {
        struct key *k = &out->v[out->n];
        *k = (struct key){.room = found[i].room, .depth = found[i].depth, .n = found[i].n};
        memcpy(k->names, found[i].names, sizeof k->names);
        k->values = arena_array(a, k->n, sizeof *k->values);
        bool good = true;
        for (size_t v = 0; v < k->n && good; v++) {
            k->values[v] = text_for(a, &found[i].values[v]);
            good = k->values[v].len > 0 || found[i].values[v].type == FILTER_STRING;
        }
        out->n += good;
    }
}

/* --- choosing */

struct thing {
    const struct key *first; /* one that is about it */
    size_t routes, different;
};

static bool same_thing(const struct key *a, const struct key *b)
{
    bool same = a->room == b->room && a->depth == b->depth;
    for (size_t i = 0; same && i < a->depth; i++) {
        same = a->room == FILTER_HEADERS ? str_ieq(a->names[i], b->names[i])
                                         : str_eq(a->names[i], b->names[i]);
    }
    return same;
}

static int by_text(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t n = x->len < y->len ? x->len : y->len;
    int d = n == 0 ? 0 : memcmp(x->at, y->at, n);
    return d != 0 ? d : x->len < y->len ? -1 : x->len > y->len;
}

/* A set of routes under way to its index. */
struct making {
    struct arena *arena;
    const struct keys *keys; /* of all routes */
    const unsigned *routes;
    size_t n;
    struct thing things[THINGS_MAX];
    size_t thing_count;
};

static void count_things(struct making *m)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct keys *keys = &m->keys[m->routes[i]];
        for (size_t k = 0; k < keys->n; k++) {
            size_t t = 0;
            while (t < m->thing_count && !same_thing(m->things[t].first, &keys->v[k])) {
                t++;
            }
            if (t < THINGS_MAX) {
                m->thing_count += t == m->thing_count;
                m->things[t].first = &keys->v[k];
                m->things[t].routes++;
            }
        }
    }
}

/* How many texts are there? That is how well it tells routes apart. */
static void count_texts(struct making *m, struct thing *t)
{
    size_t n = 0;
    for (size_t pass = 0; pass < 2; pass++) {
        struct str *all = pass == 0 ? NULL : arena_array(m->arena, n, sizeof *all);
        n = 0;
        for (size_t i = 0; i < m->n; i++) {
            const struct keys *keys = &m->keys[m->routes[i]];
            for (size_t k = 0; k < keys->n; k++) {
                bool about_it = same_thing(t->first, &keys->v[k]);
                for (size_t v = 0; about_it && v < keys->v[k].n; v++, n++) {
                    if (all != NULL) {
                        all[n] = keys->v[k].values[v];
                    }
                }
            }
        }
        if (all != NULL) {
            qsort(all, n, sizeof *all, by_text);
            for (size_t i = 0; i < n; i++) {
                t->different += i == 0 || !str_eq(all[i - 1], all[i]);
            }
        }
    }
}

static int by_worth(const void *a, const void *b)
{
    const struct thing *x = a, *y = b;
    size_t m = x->different * (x->first->room == FILTER_BODY ? 1 : BODY_WORTH);
    size_t n = y->different * (y->first->room == FILTER_BODY ? 1 : BODY_WORTH);
    return m != n ? (m > n ? -1 : 1) : (int)x->first->room - (int)y->first->room;
}

/* --- building */

struct entry {
    struct str value;
    unsigned route;
};

static int by_value(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int d = by_text(&x->value, &y->value);
    return d != 0 ? d : x->route < y->route ? -1 : x->route > y->route;
}

static struct group *slot_of(const struct spec *s, struct str value)
{
    size_t i = (size_t)str_hash(value) & s->mask;
    while (s->slots[i].n > 0 && !str_eq(s->slots[i].value, value)) {
        i = (i + 1) & s->mask;
    }
    return &s->slots[i];
}

static const struct key *key_about(const struct keys *keys, const struct key *thing)
{
    for (size_t k = 0; k < keys->n; k++) {
        if (same_thing(&keys->v[k], thing)) {
            return &keys->v[k];
        }
    }
    return NULL;
}

static void fill_groups(struct making *m, struct spec *s, struct entry *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    size_t cap = 2;
    while (cap < 2 * n) {
        cap *= 2;
    }
    s->mask = cap - 1;
    s->slots = arena_array(m->arena, cap, sizeof *s->slots);
    unsigned *routes = arena_array(m->arena, n, sizeof *routes);
    for (size_t i = 0; i < n; i++) {
        struct group *g = slot_of(s, v[i].value);
        if (g->n == 0) {
            *g = (struct group){v[i].value, &routes[i], 0};
        }
        bool again = g->n > 0 && g->routes[g->n - 1] == v[i].route;
        g->routes[g->n] = v[i].route; /* those of one text lie together */
        g->n += !again;
    }
}

/* Of the routes that are left those that want it; they are left no more. */
static void build_spec(struct making *m, const struct thing *t, bool *gone, struct spec *s)
{
    *s = (struct spec){.room = t->first->room, .depth = t->first->depth};
    memcpy(s->names, t->first->names, sizeof s->names);
    s->all = arena_array(m->arena, m->n, sizeof *s->all);
    size_t entries = 0, n = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct key *k = gone[i] ? NULL : key_about(&m->keys[m->routes[i]], t->first);
        entries += k == NULL ? 0 : k->n;
    }
    struct entry *v = arena_array(m->arena, entries, sizeof *v);
    for (size_t i = 0; i < m->n; i++) {
        const struct key *k = gone[i] ? NULL : key_about(&m->keys[m->routes[i]], t->first);
        for (size_t e = 0; k != NULL && e < k->n; e++) {
            v[n++] = (struct entry){k->values[e], m->routes[i]};
        }
        if (k != NULL) {
            s->all[s->n++] = m->routes[i];
            gone[i] = true;
        }
    }
    fill_groups(m, s, v, n);
}

static void build_index(struct making *m, struct index *out)
{
    bool *gone = arena_array(m->arena, m->n, sizeof *gone);
    if (m->n >= WORTH) {
        count_things(m);
        for (size_t i = 0; i < m->thing_count; i++) {
            count_texts(m, &m->things[i]);
        }
        qsort(m->things, m->thing_count, sizeof m->things[0], by_worth);
    }
    for (size_t i = 0; i < m->thing_count && out->spec_count < ROUTE_SPECS; i++) {
        if (m->things[i].routes >= WORTH && m->things[i].different >= WORTH) {
            build_spec(m, &m->things[i], gone, &out->specs[out->spec_count]);
            out->spec_count += out->specs[out->spec_count].n > 0;
        }
    }
    out->others = arena_array(m->arena, m->n, sizeof *out->others);
    for (size_t i = 0; i < m->n; i++) {
        if (!gone[i]) {
            out->others[out->other_count++] = m->routes[i];
        }
    }
}

/* --- the table */

static bool takes_all_sources(const struct conf_route *r)
{
    for (size_t i = 0; i < r->from_count; i++) {
        if (str_eq(r->from[i], STR("*"))) {
            return true;
        }
    }
    return false;
}

/* Number of a source, in order of their names. */
struct name {
    struct str text;
    size_t number;
};

struct sets {
    unsigned **routes; /* one a source, and the last of all of them */
    size_t *n;
    unsigned *latest; /* 1 + the route that was counted last: a source may be named twice */
};

static size_t number_of(const struct name *names, size_t n, struct str name)
{
    const struct name *found = bsearch(&name, names, n, sizeof *names, by_text);
    return found == NULL ? n : found->number;
}

/* Counts (routes NULL) or lists the routes of each source. */
static void collect(const struct conf *c, const struct name *names, bool otherwise,
                    struct sets *sets, bool count)
{
    memset(sets->n, 0, (c->source_count + 1) * sizeof *sets->n);
    memset(sets->latest, 0, (c->source_count + 1) * sizeof *sets->latest);
    for (unsigned i = 0; i < c->route_count; i++) {
        const struct conf_route *r = &c->routes[i];
        bool all = takes_all_sources(r);
        for (size_t k = 0; r->otherwise == otherwise && k < (all ? 1 : r->from_count); k++) {
            size_t s = all ? c->source_count : number_of(names, c->source_count, r->from[k]);
            if (sets->latest[s] == i + 1) {
                continue;
            }
            sets->latest[s] = i + 1;
            if (!count) {
                sets->routes[s][sets->n[s]] = i;
            }
            sets->n[s]++;
        }
    }
}

static void build_half(struct arena *a, const struct conf *c, const struct keys *keys,
                       const struct name *names, struct route_table *t, bool otherwise)
{
    struct sets sets = {arena_array(a, c->source_count + 1, sizeof(unsigned *)),
                        arena_array(a, c->source_count + 1, sizeof(size_t)),
                        arena_array(a, c->source_count + 1, sizeof(unsigned))};
    collect(c, names, otherwise, &sets, true);
    for (size_t i = 0; i <= c->source_count; i++) {
        sets.routes[i] = arena_array(a, sets.n[i], sizeof(unsigned));
    }
    collect(c, names, otherwise, &sets, false);
    t->own[otherwise] = arena_array(a, c->source_count, sizeof *t->own[0]);
    for (size_t i = 0; i <= c->source_count; i++) {
        struct making m = {.arena = a, .keys = keys, .routes = sets.routes[i], .n = sets.n[i]};
        build_index(&m, i == c->source_count ? &t->common[otherwise] : &t->own[otherwise][i]);
    }
}

/* How often the texts of a route would stand in the table. */
struct weight {
    size_t entries;
    unsigned route;
};

static int by_weight(const void *a, const void *b)
{
    const struct weight *x = a, *y = b;
    return x->entries != y->entries ? (x->entries < y->entries ? -1 : 1)
                                    : (x->route > y->route) - (x->route < y->route);
}

/* The lightest routes that there is room for keep what they could be found by. */
static void limit_keys(struct arena *a, const struct conf *c, struct keys *keys)
{
    struct weight *w = arena_array(a, c->route_count, sizeof *w);
    size_t sum = 0;
    for (unsigned i = 0; i < c->route_count; i++) {
        w[i] = (struct weight){0, i};
        for (size_t k = 0; k < keys[i].n; k++) {
            w[i].entries += keys[i].v[k].n;
        }
        w[i].entries *= takes_all_sources(&c->routes[i]) ? 1 : c->routes[i].from_count;
    }
    if (c->route_count > 0) {
        qsort(w, c->route_count, sizeof *w, by_weight);
    }
    for (size_t i = 0; i < c->route_count; i++) {
        sum += w[i].entries;
        keys[w[i].route].n = sum > ENTRIES ? 0 : keys[w[i].route].n;
    }
}

struct route_table *route_table_new(struct arena *a, const struct conf *c)
{
    struct route_table *t = arena_take(a, sizeof *t);
    struct keys *keys = calloc(c->route_count + 1, sizeof *keys); /* large, and soon gone */
    struct name *names = arena_array(a, c->source_count, sizeof *names);
    ENSURE(keys != NULL);
    for (size_t i = 0; i < c->source_count; i++) {
        names[i] = (struct name){c->sources[i].name, i};
    }
    if (c->source_count > 0) {
        qsort(names, c->source_count, sizeof *names, by_text);
    }
    for (size_t i = 0; i < c->route_count; i++) {
        add_events(&c->routes[i], &keys[i]);
        add_filter(a, &c->routes[i], &keys[i]);
    }
    limit_keys(a, c, keys);
    build_half(a, c, keys, names, t, false);
    build_half(a, c, keys, names, t, true);
    free(keys);
    return t;
}

/* --- looking */

enum found { FOUND_NONE, FOUND_ONE, FOUND_SEVERAL };

static enum found find_header(const struct route_subject *s, struct str name, struct str *out)
{
    enum found found = FOUND_NONE;
    for (size_t i = 0; i < s->fields->n; i++) {
        if (str_ieq(s->fields->v[i].name, name)) {
            if (found == FOUND_ONE) {
                return FOUND_SEVERAL;
            }
            found = FOUND_ONE;
            *out = str_trim(s->fields->v[i].value);
        }
    }
    return found;
}

/* An array anywhere may have several such texts; so, for want of a text, has a number that is too
 * long for one; and what costs too much to look for is looked for by nobody, which they say. */
static enum found find_in_body(struct route_subject *s, const struct spec *spec,
                               char digits[DECIMAL_KEY], struct str *out)
{
    struct decimal number;
    yyjson_val *v = subject_body(s);
    for (size_t i = 0; i < spec->depth && v != NULL; i++) {
        if (yyjson_is_arr(v)) {
            return FOUND_SEVERAL;
        }
        v = seen_member(s, v, spec->names[i]);
    }
    if (yyjson_is_arr(v) || !filter_charge(s, yyjson_is_raw(v) ? yyjson_get_len(v) / 16 : 0)) {
        return FOUND_SEVERAL;
    }
    if (yyjson_is_raw(v) &&
        decimal_read((struct str){yyjson_get_raw(v), yyjson_get_len(v)}, &number)) {
        *out = (struct str){digits, decimal_key(&number, digits)};
        return out->len > 0 ? FOUND_ONE : FOUND_SEVERAL;
    }
    *out = (struct str){yyjson_get_str(v), yyjson_get_len(v)};
    return yyjson_is_str(v) ? FOUND_ONE : FOUND_NONE;
}

static struct route_list look_up(struct route_subject *s, const struct spec *spec)
{
    char digits[DECIMAL_KEY];
    struct str value = STR_NONE;
    enum found found = FOUND_ONE;
    if (spec->room == FILTER_EVENT) {
        value = subject_type(s);
    } else if (spec->room == FILTER_HEADERS) {
        found = find_header(s, spec->names[0], &value);
    } else {
        found = find_in_body(s, spec, digits, &value);
    }
    if (found == FOUND_SEVERAL) {
        return (struct route_list){spec->all, spec->n};
    }
    const struct group *g = found == FOUND_NONE ? NULL : slot_of(spec, value);
    return g == NULL ? (struct route_list){NULL, 0} : (struct route_list){g->routes, g->n};
}

static size_t look_in(const struct index *index, struct route_subject *s, struct route_list *out)
{
    size_t n = 0;
    for (size_t i = 0; i < index->spec_count; i++) {
        out[n] = look_up(s, &index->specs[i]);
        n += out[n].n > 0;
    }
    out[n] = (struct route_list){index->others, index->other_count};
    return n + (index->other_count > 0);
}

size_t route_candidates(const struct conf *c, struct route_subject *s, bool otherwise,
                        struct route_list lists[ROUTE_LISTS])
{
    size_t source = (size_t)(s->source - c->sources);
    ENSURE(source < c->source_count); /* of another snapshot it would be */
    size_t n = look_in(&c->table->own[otherwise][source], s, lists);
    return n + look_in(&c->table->common[otherwise], s, lists + n);
}
