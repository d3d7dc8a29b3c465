/* Inlets: one a source and worker, by the configuration's index. */
#include "relay/inlet.h"

#include "base/log.h"
#include "relay/keys.h"
#include "relay/learned.h"
#include "relay/node.h"
#include "relay/secrets.h"
#include "relay/stats.h"

#include <stdlib.h>

static struct inlet *make(const struct worker *w)
{
    struct inlet *all = calloc(w->conf->source_count + 1, sizeof *all);
    ENSURE(all != NULL);
    for (size_t i = 0; i < w->conf->source_count; i++) {
        all[i].rate = node_rate_of(w->node, w->conf->sources[i].name);
    }
    return all;
}

void inlets_init(struct worker *w)
{
    w->inlets = make(w);
}

void inlets_done(struct worker *w)
{
    for (size_t i = 0; i < w->conf->source_count; i++) {
        learned_drop(&w->inlets[i]);
    }
    free(w->inlets);
    w->inlets = NULL;
}

struct inlet *inlet_of(const struct worker *w, const struct conf_source *source)
{
    size_t i = (size_t)(source - w->conf->sources);
    ENSURE(source >= w->conf->sources && i < w->conf->source_count);
    return &w->inlets[i];
}

struct inlet *inlet_named(const struct worker *w, struct str source)
{
    const struct conf_source *s = conf_find_source(w->conf, source);
    return s == NULL ? NULL : inlet_of(w, s);
}

/* As a rule it stands where it stood. */
static const struct conf_source *find_before(const struct conf *before, size_t i, struct str name)
{
    return i < before->source_count && str_eq(before->sources[i].name, name)
               ? &before->sources[i]
               : conf_find_source(before, name);
}

void inlets_reload(struct worker *w, const struct conf *before)
{
    struct inlet *old = w->inlets;
    w->inlets = make(w);
    for (size_t i = 0; i < w->conf->source_count; i++) {
        const struct conf_source *s = &w->conf->sources[i], *b = find_before(before, i, s->name);
        stats_deadline(w, s);
        if (b != NULL) {
            struct inlet *from = &old[b - before->sources];
            learned_move(s, &w->inlets[i], from);
            secrets_move(s, &w->inlets[i], b, from);
            keys_move(s, &w->inlets[i], b, from);
        }
    }
    for (size_t i = 0; i < before->source_count; i++) {
        learned_drop(&old[i]);
        keys_retire(&old[i]);
    }
    free(old);
    const char *why = keys_start(w);
    if (why != NULL) {
        log_line(LOG_ERROR, "where keys are read cannot be used", "why", "%s", why, NULL);
    }
    learned_read(w);
}
