/* Uses of secrets: noted for each event, told to Redis now and then, listed. */
#include "relay/secrets.h"

#include "base/json.h"
#include "base/log.h"
#include "relay/journal.h"
#include "relay/stats.h"

#include <stdlib.h>
#include <string.h>

enum {
    TELL_EVERY_MS = 60 * 1000,
    WARN_EVERY_MS = 60 * 60 * 1000,
    FIELD_CEILING = 256, /* of a source's name and an id */
};

static struct secret_use *use_of(const struct worker *w, const struct conf_source *s, size_t which)
{
    return &inlet_of(w, s)->uses[which];
}

void secrets_move(const struct conf_source *s, struct inlet *to, const struct conf_source *before,
                  const struct inlet *from)
{
    char old[VERIFY_SECRETS_ALL][VERIFY_SECRET_ID + 1], id[VERIFY_SECRET_ID + 1];
    size_t n = verify_secret_count(before->verify);
    for (size_t k = 0; k < n; k++) {
        verify_secret_id(before->verify, k, old[k]);
    }
    for (size_t i = 0; i < verify_secret_count(s->verify); i++) {
        verify_secret_id(s->verify, i, id);
        for (size_t k = 0; k < n; k++) {
            if (strcmp(id, old[k]) == 0) {
                to->uses[i] = from->uses[k];
                to->uses[i].events = NULL; /* it may have another name */
            }
        }
    }
}

/* Somebody who rotates is to see that it is not over yet. */
static void warn_of_old(const struct conf_source *s, struct secret_use *use, size_t which)
{
    int64_t now = boot_ms();
    if (use->warned_ms == 0 || now - use->warned_ms >= WARN_EVERY_MS) {
        use->warned_ms = now;
        log_line(LOG_WARN, "an older secret still signs events: leave it in until that ends",
                 "source", "%.*s", STR_ARG(s->name), "secret", "%.*s",
                 STR_ARG(s->secret_names[which]), "newest", "%.*s",
                 STR_ARG(s->secret_names[verify_newest(s->verify, which)]), NULL);
    }
}

static void note_use(struct worker *w, const struct conf_source *source, size_t which)
{
    struct secret_use *use = use_of(w, source, which);
    use->last_ms = worker_now_ms(w);
    if (use->events == NULL) {
        use->events = stats_verified(w, source->name, source->secret_names[which]);
    }
    metric_add(use->events, 1);
    if (which != verify_newest(source->verify, which)) {
        warn_of_old(source, use, which);
    }
}

void secrets_used(struct worker *w, const struct conf_source *source, unsigned which)
{
    for (size_t i = 0; which >> i != 0; i++) {
        if ((which >> i & 1) != 0) {
            note_use(w, source, i);
        }
    }
}

static void put_field(const struct conf_source *s, size_t which, struct buf *out)
{
    char id[VERIFY_SECRET_ID + 1];
    verify_secret_id(s->verify, which, id);
    buf_init(out, FIELD_CEILING);
    buf_printf(out, "%.*s/%s", STR_ARG(s->name), id);
}

static void tell(struct worker *w, const struct conf_source *s, size_t which)
{
    struct secret_use *use = use_of(w, s, which);
    if (use->last_ms <= use->told_ms ||
        (use->told_ms > 0 && use->last_ms - use->told_ms < TELL_EVERY_MS)) {
        return;
    }
    struct buf field;
    char ms[20];
    put_field(s, which, &field);
    if (script_put(w, KEY_SECRETS, buf_str(&field),
                   (struct str){ms, text_put_u64(ms, (uint64_t)use->last_ms)}, NULL, NULL)) {
        use->told_ms = use->last_ms;
    }
    buf_done(&field);
}

void secrets_publish(struct worker *w)
{
    for (size_t i = 0; i < w->conf->source_count; i++) {
        const struct conf_source *s = &w->conf->sources[i];
        for (size_t k = 0; k < verify_secret_count(s->verify); k++) {
            tell(w, s, k);
        }
    }
}

/* --- listing */

struct listing {
    struct worker *w;
    struct buf *out;
    void (*on_end)(void *user, const char *reason);
    void *user;
};

/* What any node has told of it. */
static int64_t told_ms(const redisReply *reply, struct str field)
{
    for (size_t i = 0; i + 1 < reply->elements; i += 2) {
        uint64_t ms;
        if (str_eq(store_text(reply->element[i]), field) &&
            text_u64(store_text(reply->element[i + 1]), INT64_MAX, &ms) == NULL) {
            return (int64_t)ms;
        }
    }
    return 0;
}

static void add_secret(const struct listing *l, const struct conf_source *s, size_t which,
                       const redisReply *reply)
{
    struct buf field;
    put_field(s, which, &field);
    int64_t told = told_ms(reply, buf_str(&field)), own = use_of(l->w, s, which)->last_ms;
    buf_done(&field);
    json_open(l->out, '{');
    json_text(l->out, "name", s->secret_names[which]);
    json_number(l->out, "last_used_ms", told > own ? told : own);
    json_close(l->out, '}');
}

static void on_secrets(void *user, const redisReply *reply)
{
    struct listing l = *(struct listing *)user;
    free(user);
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        l.on_end(l.user, "redis_down");
        return;
    }
    json_open(l.out, '{');
    json_list(l.out, "sources");
    for (size_t i = 0; i < l.w->conf->source_count; i++) {
        const struct conf_source *s = &l.w->conf->sources[i];
        json_open(l.out, '{');
        json_text(l.out, "name", s->name);
        json_text(l.out, "path", s->shown_path);
        json_text(l.out, "verify", verify_name(s->verify));
        json_list(l.out, "schemes");
        for (size_t k = 0; k < verify_scheme_count(s->verify); k++) {
            json_item(l.out, verify_name(verify_scheme(s->verify, k)));
        }
        json_close(l.out, ']');
        json_list(l.out, "secrets");
        for (size_t k = 0; k < verify_secret_count(s->verify); k++) {
            add_secret(&l, s, k, reply);
        }
        json_close(l.out, ']');
        json_close(l.out, '}');
    }
    json_close(l.out, ']');
    json_close(l.out, '}');
    l.on_end(l.user, NULL);
}

void secrets_list(struct worker *w, struct buf *out, void (*on_end)(void *user, const char *reason),
                  void *user)
{
    struct listing *l = malloc(sizeof *l);
    ENSURE(l != NULL);
    *l = (struct listing){w, out, on_end, user};
    struct str argv[] = {STR("HGETALL"), worker_key(w, KEY_SECRETS)};
    if (!redis_send(w, 2, argv, on_secrets, l)) {
        free(l);
        on_end(user, "redis_down");
    }
}
