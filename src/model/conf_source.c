/* Sources: from what the rows read to a path, and where an event's type and id are. */
#include "model/conf_rows.h"

#include "base/crypt.h"

#include <string.h>

static void build_path(struct conf_reader *r, struct file_source *s)
{
    struct str path = s->path.text;
    bool given = path.len > 0, good = !given || path.at[0] == '/';
    if (!given) {
        path = arena_printf(r->arena, "/hooks/%.*s", STR_ARG(s->item.name));
        s->path = (struct conf_masked){path, path};
    }
    for (size_t i = 0; given && i < path.len; i++) {
        char c = path.at[i];
        good = good && c > ' ' && c < 0x7f && c != '?' && c != '#';
    }
    if (!good) {
        report_error(r->report, conf_place(&s->item, "path"),
                     "\"path\" must begin with / and hold no space, ? or #");
    }
    s->s.path = path;
    s->s.shown_path = s->path.shown;
}

static bool pointer_is_good(struct str p)
{
    for (size_t i = 0; i < p.len; i++) {
        if (p.at[i] == '~' && (i + 1 == p.len || (p.at[i + 1] != '0' && p.at[i + 1] != '1'))) {
            return false;
        }
    }
    return p.len > 0 && p.at[0] == '/';
}

/* "header.X-Event" or "body./json/pointer". */
static void build_pick(struct conf_reader *r, const struct file_source *s, const char *block,
                       const char *key, struct str text, struct pick *out)
{
    struct str header = str_from(text, 7), pointer = str_from(text, 5);
    if (text.len == 0) {
        return;
    }
    if (str_starts(text, STR("header.")) && text_is_token(header)) {
        *out = (struct pick){.header = header, .pointer = STR_NONE};
    } else if (str_starts(text, STR("body.")) && pointer_is_good(pointer)) {
        *out = (struct pick){.header = STR_NONE, .pointer = pointer};
    } else {
        const struct node_pair *pair = node_find(s->item.value, block);
        const struct node_pair *at = pair == NULL ? NULL : node_find(pair->value, key);
        report_error(r->report, at == NULL ? &s->item.place : &at->value->place,
                     "\"%s\" must be header.NAME or body./json/pointer", key);
        if (at == NULL || !str_eq(at->value->text, text)) {
            return; /* it is filled in, and not shown */
        }
        if (text_is_token(text) && !str_starts(text, STR("body")) && !str_has(text, '.')) {
            report_help(r->report, "did you mean header.%.*s?", STR_ARG(report_shown(text)));
        } else if (str_starts(text, STR("body.")) && !str_has(text, '/')) {
            struct str meant = arena_str(r->arena, str_from(text, 4));
            for (size_t i = 0; i < meant.len; i++) {
                char *c = (char *)(uintptr_t)&meant.at[i];
                *c = *c == '.' ? '/' : *c;
            }
            report_help(r->report, "did you mean body.%.*s?", STR_ARG(report_shown(meant)));
        }
    }
}

/* What the file says itself is so whichever scheme took an event: one source is one sender. */
static void build_events(struct conf_reader *r, struct file_source *s)
{
    struct conf_event own = {.dedupe_key = {.header = STR_NONE}};
    build_pick(r, s, "event", "type", s->event_type, &own.type);
    build_pick(r, s, "event", "id", s->event_id, &own.id);
    if (!str_eq(s->dedupe_key, STR("signed"))) {
        build_pick(r, s, "dedupe", "key", s->dedupe_key, &own.dedupe_key);
    }
    for (size_t i = 0; i < s->s.event_count; i++) {
        struct conf_event *e = &s->s.events[i];
        e->type = pick_is_set(&own.type) ? own.type : e->type;
        e->id = pick_is_set(&own.id) ? own.id : e->id;
        e->dedupe_key = pick_is_set(&own.dedupe_key) ? own.dedupe_key : e->id;
    }
}

static bool knows_ids(const struct file_source *s)
{
    for (size_t i = 0; i < s->s.event_count; i++) {
        if (!pick_is_set(&s->s.events[i].dedupe_key)) {
            return false;
        }
    }
    return true;
}

static void build_dedupe(struct conf_reader *r, struct file_source *s)
{
    const struct node_pair *at = node_find(s->item.value, "dedupe");
    if (at != NULL && at->value->kind == NODE_MAP && node_find(at->value, "window") == NULL) {
        report_error(r->report, &at->value->place, "\"dedupe\" needs a window, such as 24h");
    }
    s->s.dedupe_signed = str_eq(s->dedupe_key, STR("signed"));
    if (s->s.dedupe_signed && s->s.verify != NULL && !verify_is_computed(s->s.verify)) {
        report_error(r->report, conf_place(&s->item, "dedupe"),
                     "%.*s signs nothing that could tell one event from another",
                     STR_ARG(verify_name(s->s.verify)));
    }
    if (s->s.dedupe_ms > 0 && !s->s.dedupe_signed && !knows_ids(s)) {
        report_error(r->report, conf_place(&s->item, "dedupe"),
                     "\"dedupe\" does not know where the id of a delivery is");
        report_help(r->report, "name it: dedupe: {window: 24h, key: header.X-Delivery-Id}, or "
                               "body./json/pointer");
    }
}

static void build_body_limit(struct conf_reader *r, const struct conf *c, struct file_source *s)
{
    s->body = s->body > 0 ? s->body : c->listen.body_bytes;
    s->s.body_bytes = s->body;
    if (s->s.durability == DURABILITY_INHERITED) {
        s->s.durability = c->redis.durability;
    }
    /* where its length is not said, its block doubles; and its head has one, too */
    size_t least = 2 * s->body + c->listen.headers_bytes + (16 << 10);
    if (least > c->listen.memory_bytes && c->listen.memory_bytes > 0) {
        char size[32];
        report_error(r->report, conf_place(&s->item, "body"),
                     "the greatest body of \"%.*s\" may find no room in listen.limits.memory",
                     STR_ARG(report_shown(s->item.name)));
        report_help(r->report, "give it a smaller \"body\", or listen.limits.memory at least %.*s",
                    (int)conf_put_size(size, (least + 1023) / 1024 * 1024), size);
    }
}

static void check_paths(struct conf_reader *r, const struct file_source *v, size_t n)
{
    struct map seen; /* path -> struct file_source, the first */
    map_init_seeded(&seen, crypt_random_u64());
    seen.borrows = true;
    for (size_t i = 0; i < n; i++) {
        const struct file_source *first = map_find(&seen, v[i].s.path);
        if (first != NULL) {
            report_error(r->report, conf_place(&v[i].item, "path"),
                         "the path %.*s belongs to the source \"%.*s\" already",
                         STR_ARG(report_shown(v[i].s.shown_path)),
                         STR_ARG(report_shown(first->item.name)));
        } else {
            map_set(&seen, v[i].s.path, (void *)(uintptr_t)&v[i]);
        }
    }
    map_done(&seen);
}

void conf_build_sources(struct conf_reader *r, struct conf_file *f)
{
    struct file_source *v = f->sources.v;
    size_t n = f->sources.n;
    f->c.sources = arena_array(r->arena, n, sizeof *f->c.sources);
    f->c.source_count = n;
    for (size_t i = 0; i < n; i++) {
        struct file_source *s = &v[i];
        s->s.name = s->item.name;
        build_path(r, s);
        conf_build_verify(r, s);
        build_events(r, s);
        build_dedupe(r, s);
        build_body_limit(r, &f->c, s);
        s->s.respond_body = s->respond_body.text;
        f->c.sources[i] = s->s;
    }
    check_paths(r, v, n);
    if (n == 0 && r->report->errors == 0) {
        report_error(r->report, NULL, "there is no source, so nothing could ever be received");
        report_help(r->report,
                    "add one: sources: {stripe: {verify: stripe, secret: \"${SECRET}\"}}");
    }
}
