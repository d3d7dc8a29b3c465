/* Sources: from what the rows read to a path, a compiled recipe and its keys. */
#include "model/conf_rows.h"

#include "base/log.h"

#include <string.h>

/* ---- `verify`: a name alone, or a mapping ---- */

static const struct str HMAC = {"hmac", 4};

/* With a preset nothing else is to be said: its recipe is fixed. */
static void refuse_more_keys(struct conf_reader *r, const struct node *n, struct str type)
{
    for (size_t i = 0; n->kind == NODE_MAP && i < n->n; i++) {
        const struct node *key = n->pairs[i].key;
        if (!str_eq(key->text, STR("type"))) {
            report_error(r->report, &key->place, "\"%.*s\" belongs to \"type: hmac\", not to %.*s",
                         STR_ARG(report_shown(key->text)), STR_ARG(type));
            return;
        }
    }
}

static void unknown_type(struct conf_reader *r, const struct place *p, struct str type)
{
    struct conf_guess g;
    conf_guess_init(&g, type);
    struct buf all;
    buf_init(&all, 1024);
    for (size_t i = 0; verify_preset_at(i) != NULL; i++) {
        conf_guess_try(&g, verify_preset_at(i)->name);
        buf_add_str(&all, verify_preset_at(i)->name);
        buf_add_str(&all, STR(", "));
    }
    conf_guess_try(&g, HMAC);
    report_error(r->report, p, "\"%.*s\" is no way to verify; there are %.*shmac",
                 STR_ARG(report_shown(type)), STR_ARG(buf_str(&all)));
    conf_guess_help(&g, r->report);
    buf_done(&all);
}

static bool verify_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                        void *at)
{
    struct file_verify *v = at;
    v->future_ms = -1; /* unless it is said: as tolerance */
    conf_read_block(r, row->block, n, v, false);
    if (v->type.len == 0) {
        return false;
    }
    if (str_eq(v->type, HMAC)) {
        return true;
    }
    const struct node_pair *type = node_find(n, "type");
    if (verify_preset(v->type) == NULL) {
        unknown_type(r, type == NULL ? &n->place : &type->value->place, v->type);
        v->type = STR_NONE;
        return false;
    }
    refuse_more_keys(r, n, v->type);
    return true;
}

static void verify_print(const struct conf_row *row, const void *at, unsigned depth,
                         struct buf *out)
{
    const struct file_verify *v = at;
    if (str_eq(v->type, HMAC)) {
        KIND_BLOCK.print(row, at, depth, out);
    } else {
        buf_printf(out, " %.*s\n", STR_ARG(v->type));
    }
}

static bool verify_wants(const void *at)
{
    return ((const struct file_verify *)at)->type.len > 0;
}

const struct conf_kind KIND_VERIFY = {verify_read, verify_print, verify_wants};

/* ---- the recipe of `type: hmac` ---- */

static bool take_names(struct conf_reader *r, const struct conf_texts *t,
                       struct str out[VERIFY_NAMES])
{
    for (size_t i = 0; i < t->n; i++) {
        if (!text_is_token(t->v[i].text)) {
            report_error(r->report, &t->v[i].node->place, "\"%.*s\" is not the name of a header",
                         STR_ARG(report_shown(t->v[i].text)));
            return false;
        }
        out[i] = t->v[i].text;
    }
    return true;
}

static bool take_separator(struct conf_reader *r, const struct place *p, const char *key,
                           struct str s, char *out)
{
    *out = s.len == 0 ? '\0' : s.at[0];
    if (s.len == 0 || strchr(",;:=| ", s.at[0]) != NULL) {
        return true;
    }
    report_error(r->report, p, "\"%s\" must be one of , ; : = | or a space", key);
    return false;
}

static bool recipe_of(struct conf_reader *r, const struct file_source *s, const struct place *p,
                      struct verify_recipe *out)
{
    const struct file_verify *v = &s->verify;
    bool timed = v->ts_headers.n > 0 || v->ts_key.len > 0;
    *out = (struct verify_recipe){
        .name = HMAC,
        .digest = (enum crypt_digest)v->algorithm,
        .sig_key = v->sig_key,
        .ts_key = v->ts_key,
        .encoding = (enum verify_encoding)v->encoding,
        .signed_text = v->signed_text,
        .unit = (enum timestamp_unit)v->unit,
        .past_s = timed ? v->tolerance_ms / 1000 : 0,
        .future_s = timed ? (v->future_ms >= 0 ? v->future_ms : v->tolerance_ms) / 1000 : 0,
        .key = (enum verify_key)v->key,
        .key_prefix = v->key_prefix,
        .public_url = v->public_url,
    };
    return take_names(r, &v->headers, out->headers) &&
           take_names(r, &v->ts_headers, out->ts_headers) &&
           take_names(r, &v->id_headers, out->id_headers) &&
           take_separator(r, p, "item_sep", v->item_sep, &out->item_sep) &&
           take_separator(r, p, "kv_sep", v->kv_sep, &out->kv_sep);
}

/* ---- secrets ---- */

static bool was_given(const struct file_source *s)
{
    return node_find(s->item.value, "secret") != NULL ||
           node_find(s->item.value, "secrets") != NULL ||
           node_find(s->item.value, "secret_file") != NULL;
}

static size_t secrets_of(const struct file_source *s, struct str out[VERIFY_SECRETS])
{
    size_t n = 0;
    if (s->secret.len > 0) {
        out[n++] = s->secret;
    }
    for (size_t i = 0; i < s->secrets.n && n < VERIFY_SECRETS; i++) {
        out[n++] = s->secrets.v[i].text;
    }
    return n;
}

/* Are the secrets as the recipe wants them? What was read badly has been reported already. */
static bool check_secrets(struct conf_reader *r, const struct file_source *s,
                          const struct verify_recipe *recipe, size_t n)
{
    const struct node_pair *one = node_find(s->item.value, "secret");
    const struct node_pair *many = node_find(s->item.value, "secrets");
    const struct node_pair *file = node_find(s->item.value, "secret_file");
    if (many != NULL && (one != NULL || file != NULL)) {
        report_error(r->report, &many->key->place, "\"secret\" and \"secrets\" are both given");
        report_help(r->report, "put all of them into \"secrets\"");
        return false;
    }
    if (recipe->none && was_given(s)) {
        report_error(r->report, &s->item.place,
                     "a secret is given, but \"verify: none\" looks at none");
        return false;
    }
    if (recipe->none || n > 0) {
        return true;
    }
    if (s->secret.at != NULL) {
        report_error(r->report, conf_place(&s->item, "secret"), "\"secret\" is empty");
    } else if (!was_given(s)) {
        report_error(r->report, &s->item.place,
                     "\"%.*s\" needs the secret that its sender signs with",
                     STR_ARG(report_shown(s->item.name)));
        report_help(r->report, "secret: \"${NAME}\", or secret_file: /path");
    }
    return false;
}

static const struct place *secret_place(const struct file_source *s, int which)
{
    if (which >= 0 && (size_t)which < s->secrets.n) {
        return &s->secrets.v[which].node->place;
    }
    const char *key = node_find(s->item.value, "secret") != NULL ? "secret" : "secret_file";
    return conf_place(&s->item, key);
}

static void build_verify(struct conf_reader *r, struct file_source *s)
{
    const struct place *p = conf_place(&s->item, "verify");
    struct verify_recipe recipe;
    if (s->verify.type.len == 0) {
        return;
    }
    const struct verify_recipe *preset = verify_preset(s->verify.type);
    if (preset != NULL) {
        recipe = *preset;
    } else if (!recipe_of(r, s, p, &recipe)) {
        return;
    }
    struct str secrets[VERIFY_SECRETS];
    size_t n = secrets_of(s, secrets);
    s->s.event_type = recipe.event_type;
    s->s.delivery_id = recipe.delivery_id;
    if (s->s.delivery_id.header.len == 0 && s->s.delivery_id.pointer.len == 0) {
        s->s.delivery_id.header = recipe.id_headers[0];
    }
    s->body = s->body > 0 ? s->body : recipe.body_bytes;
    if (!check_secrets(r, s, &recipe, n)) {
        return;
    }
    int bad;
    const char *why = verify_new(&s->s.verify, &recipe, secrets, n, &bad);
    if (why != NULL) {
        report_error(r->report, bad >= 0 ? secret_place(s, bad) : p, "%s", why);
    }
}

/* ---- the rest of a source ---- */

static void build_path(struct conf_reader *r, struct file_source *s)
{
    if (s->s.path.len == 0) {
        s->s.path = arena_printf(r->arena, "/hooks/%.*s", STR_ARG(s->item.name));
        return;
    }
    bool good = s->s.path.at[0] == '/';
    for (size_t i = 0; i < s->s.path.len; i++) {
        char c = s->s.path.at[i];
        good = good && c > ' ' && c < 0x7f && c != '?' && c != '#';
    }
    if (!good) {
        report_error(r->report, conf_place(&s->item, "path"),
                     "\"path\" must begin with / and hold no space, ? or #");
    }
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
    }
}

static void build_dedupe(struct conf_reader *r, struct file_source *s)
{
    const struct node_pair *at = node_find(s->item.value, "dedupe");
    if (at != NULL && at->value->kind == NODE_MAP && node_find(at->value, "window") == NULL) {
        report_error(r->report, &at->value->place, "\"dedupe\" needs a window, such as 24h");
    }
    s->s.dedupe_key = s->s.delivery_id;
    build_pick(r, s, "dedupe", "key", s->dedupe_key, &s->s.dedupe_key);
    const struct pick *key = &s->s.dedupe_key;
    if (s->s.dedupe_ms > 0 && key->header.len == 0 && key->pointer.len == 0) {
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
    if (s->body > c->listen.memory_bytes) {
        report_error(r->report, conf_place(&s->item, "body"),
                     "a body of \"%.*s\" may be larger than all of listen.limits.memory",
                     STR_ARG(report_shown(s->item.name)));
    }
}

static void check_paths(struct conf_reader *r, const struct file_source *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            if (str_eq(v[i].s.path, v[k].s.path)) {
                report_error(r->report, conf_place(&v[i].item, "path"),
                             "the path %.*s belongs to the source \"%.*s\" already",
                             STR_ARG(report_shown(v[i].s.path)),
                             STR_ARG(report_shown(v[k].item.name)));
                break;
            }
        }
    }
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
        build_verify(r, s);
        build_pick(r, s, "event", "type", s->event_type, &s->s.event_type);
        build_pick(r, s, "event", "id", s->event_id, &s->s.delivery_id);
        build_dedupe(r, s);
        build_body_limit(r, &f->c, s);
        f->c.sources[i] = s->s;
    }
    check_paths(r, v, n);
    if (n == 0 && r->report->errors == 0) {
        report_error(r->report, NULL, "there is no source, so nothing could ever be received");
        report_help(r->report,
                    "add one: sources: {stripe: {verify: stripe, secret: \"${SECRET}\"}}");
    }
}
