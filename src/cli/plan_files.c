/* plan: what differs between the files themselves. */
#include "cli/plan.h"

#include "base/log.h"

#include <stdlib.h>

enum { WORDS_MOST = 64 << 10 };

static void add_change(struct plan *p, char sign, const char *noun, struct str name,
                       struct buf *detail)
{
    struct change *c = calloc(1, sizeof *c);
    ENSURE(c != NULL);
    buf_add_char(detail, '\0');
    *c = (struct change){NULL, sign, noun, name, buf_take(detail)};
    *p->changes_tail = c;
    p->changes_tail = &c->next;
}

static bool same_url(const struct conf_destination *a, const struct conf_destination *b)
{
    return a->tls == b->tls && str_eq(a->host_field, b->host_field) && str_eq(a->target, b->target);
}

/* Nothing where both are the same. What is filled in is not shown, but that it differs. */
static void put_move(bool same, struct str was, struct str is, struct buf *out)
{
    if (!same && str_eq(was, is)) {
        buf_printf(out, "%.*s (something else is filled in)", STR_ARG(is));
    } else if (!same) {
        buf_printf(out, "%.*s -> %.*s", STR_ARG(was), STR_ARG(is));
    }
}

static void put_part(struct buf *out, struct str what)
{
    if (what.len > 0) {
        buf_printf(out, "%s%.*s", out->len > 0 ? ", " : "", STR_ARG(what));
    }
}

static void compare_destination(struct plan *p, const struct conf_destination *was,
                                const struct conf_destination *is)
{
    static const char *const shown[] = {"url", NULL};
    struct buf text, others;
    buf_init(&text, WORDS_MOST);
    buf_init(&others, WORDS_MOST);
    put_move(same_url(was, is), was->shown_url, is->shown_url, &text);
    conf_put_differing(p->old, p->new, "destinations", is->name, shown, &others);
    put_part(&text, buf_str(&others));
    if (text.len > 0) {
        add_change(p, '~', "destination", is->name, &text);
    }
    buf_done(&others);
    buf_done(&text);
}

static void compare_destinations(struct plan *p)
{
    struct buf text;
    buf_init(&text, WORDS_MOST);
    for (size_t i = 0; i < p->old->destination_count; i++) {
        const struct conf_destination *was = &p->old->destinations[i];
        const struct conf_destination *is = conf_find_destination(p->new, was->name);
        p->new_of[i] = is == NULL ? -1 : (int)(is - p->new->destinations);
        if (is != NULL) {
            compare_destination(p, was, is);
        } else {
            buf_add_str(&text, was->shown_url);
            add_change(p, '-', "destination", was->name, &text);
        }
    }
    for (size_t i = 0; i < p->new->destination_count; i++) {
        const struct conf_destination *is = &p->new->destinations[i];
        if (conf_find_destination(p->old, is->name) == NULL) {
            buf_add_str(&text, is->shown_url);
            add_change(p, '+', "destination", is->name, &text);
        }
    }
    buf_done(&text);
}

static bool same_secrets(const struct verify *a, const struct verify *b)
{
    size_t n = verify_secret_count(a);
    bool same = n == verify_secret_count(b);
    for (size_t i = 0; i < n && same; i++) {
        char x[VERIFY_SECRET_ID + 1], y[VERIFY_SECRET_ID + 1];
        verify_secret_id(a, i, x);
        verify_secret_id(b, i, y);
        same = strcmp(x, y) == 0;
    }
    return same;
}

static bool same_addresses(const struct conf_cidrs *a, const struct conf_cidrs *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->v, b->v, a->n * sizeof *a->v) == 0);
}

static void compare_source(struct plan *p, const struct conf_source *was,
                           const struct conf_source *is)
{
    static const char *const shown[] = {"path", "secret", "secrets", "allow_from", "body", NULL};
    struct buf text, others;
    buf_init(&text, WORDS_MOST);
    buf_init(&others, WORDS_MOST);
    put_move(str_eq(was->path, is->path), was->shown_path, is->shown_path, &text);
    if (!same_secrets(was->verify, is->verify)) {
        put_part(&text, STR("its secrets"));
    }
    if (was->body_bytes != is->body_bytes) {
        put_part(&text, STR("body"));
    }
    conf_put_differing(p->old, p->new, "sources", is->name, shown, &others);
    put_part(&text, buf_str(&others));
    if (!same_addresses(&was->allow_from, &is->allow_from)) {
        put_part(&text, STR("allow_from (events do not say where they came from: not checked)"));
    }
    if (text.len > 0) {
        add_change(p, '~', "source", is->name, &text);
    }
    buf_done(&others);
    buf_done(&text);
}

static void compare_sources(struct plan *p)
{
    struct buf text;
    buf_init(&text, WORDS_MOST);
    for (size_t i = 0; i < p->old->source_count; i++) {
        const struct conf_source *was = &p->old->sources[i];
        const struct conf_source *is = conf_find_source(p->new, was->name);
        if (is != NULL) {
            compare_source(p, was, is);
        } else {
            buf_add_str(&text, was->shown_path);
            add_change(p, '-', "source", was->name, &text);
        }
    }
    for (size_t i = 0; i < p->new->source_count; i++) {
        const struct conf_source *is = &p->new->sources[i];
        if (conf_find_source(p->old, is->name) == NULL) {
            buf_add_str(&text, is->shown_path);
            add_change(p, '+', "source", is->name, &text);
        }
    }
    buf_done(&text);
}

static void compare_at(struct plan *p, const char *key, const char *what)
{
    struct buf text;
    buf_init(&text, WORDS_MOST);
    conf_put_differing_at(p->old, p->new, key, &text);
    if (text.len > 0) {
        buf_add_str(&text, str_of(what));
        add_change(p, '~', "configuration", STR_NONE, &text);
    }
    buf_done(&text);
}

void plan_compare_files(struct plan *p)
{
    compare_sources(p);
    compare_destinations(p);
    compare_at(p, "network", "");
}

void plan_compare_routes(struct plan *p)
{
    compare_at(p, "routes", " (there is no event to say what that changes)");
}
