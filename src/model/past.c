/* Requests of the past under the rules of another time. */
#include "model/past.h"

#include "model/route.h"

enum { TYPE_MOST = 1024 };

static struct str path_of(struct str target)
{
    struct str path, query;
    str_cut(target, '?', &path, &query);
    return path.len > 0 ? path : STR("/");
}

/* The one place that asks for routes: what they look at is all there is of a request. */
static size_t match(const struct conf *c, const struct conf_source *s, struct str type,
                    unsigned *to)
{
    return route_match(c, s, type, to);
}

/* The first scheme that finds a type: each knows where its own provider has it. */
bool past_type(const struct conf_source *s, const struct past *p, struct buf *out)
{
    bool found = false;
    for (size_t i = 0; i < s->event_count && !found; i++) {
        found = pick_text(&s->events[i].type, p->request.fields, p->request.body, out);
    }
    return found;
}

static size_t route_by(const struct conf *c, const struct conf_source *s,
                       const struct verify_proof *proof, const struct past *p, unsigned *to)
{
    struct buf type;
    buf_init(&type, TYPE_MOST);
    if (route_needs_type(c, s) && proof != NULL) {
        pick_text(&s->events[proof->scheme].type, p->request.fields, p->request.body, &type);
    } else if (route_needs_type(c, s)) {
        (void)past_type(s, p, &type);
    }
    size_t n = match(c, s, buf_str(&type), to);
    buf_done(&type);
    return n;
}

size_t past_route(const struct conf *c, const struct conf_source *s, const struct verify *v,
                  const struct jwks *keys, const struct past *p, unsigned *to)
{
    struct verify_proof proof = {.scheme = 0};
    bool known = s->event_count == 1;
    if (!known && v != NULL) {
        struct verify_verdict verdict =
            verify_check_by(v, &p->request, keys, p->received_ms / 1000, &proof);
        known = verdict.reason == NULL;
    }
    return route_by(c, s, known ? &proof : NULL, p, to);
}

/* Does it need what only a running node has? Of several schemes, any of them. */
static bool needs_node(const struct conf_source *s)
{
    return s->jwks.host.len > 0 || s->hosts.n > 0 || verify_learns(s->verify);
}

void past_put(const struct conf *c, const struct past *p, struct past_outcome *out)
{
    struct verify_proof proof = {.scheme = 0};
    const struct conf_source *s = conf_source_at(c, path_of(p->request.target));
    out->source = s;
    out->reason = out->detail = NULL;
    out->unchecked = false;
    out->to_count = 0;
    out->fate = s == NULL                                  ? PAST_NO_SOURCE
                : !conf_takes_method(s, p->request.method) ? PAST_METHOD
                : p->request.body.len > s->body_bytes      ? PAST_TOO_LARGE
                                                           : PAST_TAKEN;
    if (out->fate != PAST_TAKEN) {
        return;
    }
    struct verify_verdict verdict =
        verify_check_by(s->verify, &p->request, NULL, p->received_ms / 1000, &proof);
    bool genuine = verdict.reason == NULL;
    if (!genuine && needs_node(s)) {
        out->unchecked = true;
    } else if (!genuine) {
        out->fate = PAST_REFUSED;
        out->reason = verdict.reason;
        out->detail = verdict.detail;
    }
    bool known = genuine || s->event_count == 1;
    out->to_count = route_by(c, s, known ? &proof : NULL, p, out->to);
}
