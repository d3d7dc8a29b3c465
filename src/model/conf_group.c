/* `verify` as a whole: one scheme, a list of which any may vouch for an event, or {all: [...]}. */
#include "model/conf_rows.h"

#include "base/log.h"
#include "model/provider.h"

#include <string.h>

#define SCHEME_TEXT (16 << 20) /* of one, printed: a whole file, escaped */

/* ---- reading and printing ---- */

static bool is_list(const struct node *n)
{
    return n->kind == NODE_LIST || node_find(n, "all") != NULL;
}

/* The list, or NULL and why was reported. */
static const struct node *list_of(struct conf_reader *r, const struct node *n)
{
    const struct node_pair *all = node_find(n, "all");
    const struct node *list = all == NULL ? n : all->value;
    for (size_t i = 0; all != NULL && i < n->n; i++) {
        if (&n->pairs[i] != all) {
            report_error(r->report, &n->pairs[i].key->place,
                         "\"%.*s\" cannot stand beside \"all\": write it into one of its schemes",
                         STR_ARG(report_shown(n->pairs[i].key->text)));
            return NULL;
        }
    }
    if (list->kind != NODE_LIST) {
        report_error(r->report, &list->place, "\"all\" takes a list of schemes, not %s",
                     node_kind_name(list));
        return NULL;
    }
    if (list->n == 0 || list->n > VERIFY_SCHEMES) {
        report_error(r->report, &list->place,
                     list->n == 0 ? "the list holds no scheme, so nothing could ever be verified"
                                  : "at most %d schemes are tried",
                     VERIFY_SCHEMES);
        return NULL;
    }
    return list;
}

static bool same_scheme(const struct conf_row *row, const struct file_verify *a,
                        const struct file_verify *b)
{
    static const char *const but[] = {"secret", "secrets", NULL};
    return conf_same_rows(row->block, a, b, but);
}

static bool is_new_scheme(struct conf_reader *r, const struct conf_row *row,
                          const struct file_verify *group, const struct file_verify *v)
{
    for (size_t i = 0; i < group->list_count; i++) {
        if (same_scheme(row, &group->list[i], v)) {
            report_error(r->report, &v->node->place, "the same scheme stands here twice");
            report_help(r->report, "for several secrets of one: secrets: [...]");
            return false;
        }
    }
    return true;
}

static bool read_list(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                      struct file_verify *v)
{
    const struct node *list = list_of(r, n);
    if (list == NULL) {
        return false;
    }
    bool good = true;
    v->list = arena_array(r->arena, list->n, sizeof *v->list);
    for (size_t i = 0; i < list->n; i++) {
        struct file_verify *each = &v->list[v->list_count];
        if (is_list(list->items[i])) {
            report_error(r->report, &list->items[i]->place,
                         "a list of schemes holds names and mappings, and no other list");
            good = false;
        } else if (conf_read_scheme(r, row, list->items[i], each) &&
                   is_new_scheme(r, row, v, each)) {
            v->list_count++;
        } else {
            good = false;
        }
    }
    return good;
}

static bool verify_read(struct conf_reader *r, const struct conf_row *row, const struct node *n,
                        void *at)
{
    struct file_verify *v = at;
    if (!is_list(n)) {
        return conf_read_scheme(r, row, n, v);
    }
    v->node = n;
    v->all = n->kind == NODE_MAP;
    if (!read_list(r, row, n, v)) {
        v->list_count = 0;
        return false;
    }
    return true;
}

static void verify_print(const struct conf_row *row, const void *at, unsigned depth,
                         struct buf *out)
{
    const struct file_verify *v = at;
    if (v->list_count == 0) {
        conf_print_scheme(row, v, depth, out);
        return;
    }
    unsigned deeper = v->all ? depth + 2 : depth + 1;
    buf_printf(out, v->all ? "\n%*sall:\n" : "\n", 2 * (int)(depth + 1), "");
    for (size_t i = 0; i < v->list_count; i++) {
        struct buf text;
        buf_init(&text, SCHEME_TEXT);
        conf_print_scheme(row, &v->list[i], deeper, &text);
        /* a name follows its dash; so do a mapping's first key and its value */
        buf_printf(out, "%*s-", 2 * (int)deeper, "");
        size_t skip = text.at[0] == '\n' ? 2 * (size_t)deeper + 2 : 0;
        buf_add_str(out, str_from(buf_str(&text), skip));
        buf_done(&text);
    }
}

static bool verify_wants(const void *at)
{
    const struct file_verify *v = at;
    return v->type.len > 0 || v->list_count > 0;
}

const struct conf_kind KIND_VERIFY = {verify_read, verify_print, verify_wants};

/* ---- what is known of the providers ---- */

static struct pick id_of(const struct verify_recipe *recipe)
{
    return pick_is_set(&recipe->delivery_id) ? recipe->delivery_id
                                             : (struct pick){.header = recipe->id_headers[0]};
}

/* Where each must hold, the first that knows it says. */
static void take_event(struct conf_event *e, const struct verify_recipe *recipe)
{
    e->type = pick_is_set(&e->type) ? e->type : recipe->event_type;
    e->id = pick_is_set(&e->id) ? e->id : id_of(recipe);
}

/* What a provider wants beside its signature; see conf.h for what counts where several do. */
static void take_provider(struct file_source *s, const struct provider *p, unsigned *respond)
{
    if (p == NULL) {
        return;
    }
    int64_t deadline_ms = (int64_t)p->deadline_s * 1000;
    bool is_first = *respond == 0;
    if (p->respond > 0 && is_first && node_find(s->item.value, "respond") == NULL) {
        *respond = p->respond;
        s->s.respond_status = p->respond;
        struct str body = p->respond == 204 || p->silent ? STR_NONE
                          : p->says.len > 0              ? p->says
                                                         : s->respond_body.text;
        s->respond_body = (struct conf_masked){body, body};
    }
    s->s.respond_plain |= p->says.len > 0 && str_eq(s->respond_body.text, p->says);
    s->s.busy_status = p->loses_429 ? 503 : s->s.busy_status;
    if (deadline_ms > 0 && (s->s.deadline_ms == 0 || deadline_ms < s->s.deadline_ms)) {
        s->s.deadline_ms = deadline_ms;
    }
}

static void take_facts(struct file_source *s, const struct conf_scheme *schemes, size_t n)
{
    unsigned respond = 0;
    uint64_t body = 0;
    s->s.busy_status = 429;
    for (size_t i = 0; i < n; i++) {
        const struct verify_recipe *recipe = &schemes[i].recipe;
        take_provider(s, provider_find(recipe->name), &respond);
        take_event(&s->s.events[s->s.event_count == n ? i : 0], recipe);
        body = recipe->body_bytes > body ? recipe->body_bytes : body;
    }
    s->body = s->body > 0 ? s->body : body;
}

/* ---- compiling ---- */

/* Its type, and "-2" behind it where another one before it is of that type. */
static struct str label_of(struct conf_reader *r, const struct file_verify *group, size_t i)
{
    struct str type = group->list[i].type;
    unsigned same = 1;
    for (size_t k = 0; k < i; k++) {
        same += str_eq(group->list[k].type, type);
    }
    return same == 1 ? type : arena_printf(r->arena, "%.*s-%u", STR_ARG(type), same);
}

/* Labels are written where secrets have their names: "github/1". */
static void name_secrets(struct conf_reader *r, struct file_source *s,
                         const struct conf_scheme *schemes, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        size_t count = verify_secret_count(schemes[i].verify);
        for (size_t k = 0; k < count && at < VERIFY_SECRETS_ALL; k++) {
            s->s.secret_names[at++] =
                arena_printf(r->arena, "%.*s/%.*s", STR_ARG(label_of(r, &s->verify, i)),
                             STR_ARG(schemes[i].secret_names[k]));
        }
    }
}

static struct str name_group(struct conf_reader *r, const struct file_verify *group)
{
    struct buf b;
    buf_init(&b, 1024);
    for (size_t i = 0; i < group->list_count; i++) {
        buf_printf(&b, "%s%.*s",
                   i > 0        ? ", "
                   : group->all ? "all of "
                                : "any of ",
                   STR_ARG(label_of(r, group, i)));
    }
    struct str name = arena_str(r->arena, buf_str(&b));
    buf_done(&b);
    return name;
}

static void build_list(struct conf_reader *r, struct file_source *s,
                       const struct conf_scheme *schemes)
{
    const struct file_verify *v = &s->verify;
    struct verify *members[VERIFY_SCHEMES];
    size_t n = 0;
    int bad;
    while (n < v->list_count && schemes[n].verify != NULL) {
        members[n] = schemes[n].verify;
        n++;
    }
    const char *why = n < v->list_count
                          ? NULL
                          : verify_group(&s->s.verify, name_group(r, v), members, n, v->all, &bad);
    if (why != NULL) {
        report_error(r->report, bad >= 0 ? &v->list[bad].node->place : &v->node->place, "%s", why);
    }
    if (s->s.verify != NULL) {
        name_secrets(r, s, schemes, n);
    }
    for (size_t i = 0; s->s.verify == NULL && i < v->list_count; i++) {
        verify_free(schemes[i].verify);
    }
}

static void refuse_unused(struct conf_reader *r, const struct file_source *s)
{
    static const char *const keys[] = {"secret", "secret_file", "secrets"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const struct node_pair *pair = node_find(s->item.value, keys[i]);
        if (pair != NULL) {
            report_error(r->report, &pair->key->place,
                         "\"%s\" is never used: what \"verify\" holds needs no other secret",
                         keys[i]);
        }
    }
}

void conf_build_verify(struct conf_reader *r, struct file_source *s)
{
    const struct file_verify *v = &s->verify;
    bool alone = v->list_count == 0;
    size_t n = alone ? 1 : v->list_count;
    struct conf_scheme *schemes = arena_array(r->arena, n, sizeof *schemes);
    s->s.event_count = v->all ? 1 : n;
    s->s.events = arena_array(r->arena, s->s.event_count, sizeof *s->s.events);
    if (!verify_wants(v)) { /* as was reported */
        return;
    }
    bool shared = false, good = true;
    for (size_t i = 0; i < n; i++) {
        conf_build_scheme(r, s, alone ? v : &v->list[i], &schemes[i]);
        shared = shared || schemes[i].shares;
        good = good && schemes[i].verify != NULL;
    }
    take_facts(s, schemes, n);
    if (alone) {
        s->s.verify = schemes[0].verify;
        memcpy(s->s.secret_names, schemes[0].secret_names, sizeof schemes[0].secret_names);
    } else {
        build_list(r, s, schemes);
    }
    if (good && !shared) {
        refuse_unused(r, s);
    }
}
