/* Requests of the past under the rules of another time. */
#include "model/past.h"

enum { TYPE_MOST = 1024 };

static struct str path_of(struct str target)
{
    struct str path, query;
    str_cut(target, '?', &path, &query);
    return path.len > 0 ? path : STR("/");
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

/* As rules see it. `proof`: by which scheme it was taken; NULL: that is not known, and its type is
 * looked for by each. */
static void as_subject(struct route_subject *subject, struct buf *type, const struct conf_source *s,
                       const struct verify_proof *proof, const struct past *p)
{
    const struct verify_input *in = &p->request;
    buf_init(type, TYPE_MOST);
    subject_init(subject, s, proof == NULL ? 0 : proof->scheme, in->method, in->target, in->fields,
                 in->body);
    if (proof == NULL) {
        (void)past_type(s, p, type);
        subject_set_type(subject, buf_str(type));
    }
}

static size_t route_by(const struct conf *c, const struct conf_source *s,
                       const struct verify_proof *proof, const struct past *p, unsigned *to)
{
    struct route_subject subject;
    struct buf type;
    as_subject(&subject, &type, s, proof, p);
    size_t n = route_match(c, &subject, to);
    subject_done(&subject);
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
    out->unchecked = out->scheme_known = false;
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
    out->scheme_known = genuine || s->event_count == 1;
    out->proof = proof;
    out->to_count = route_by(c, s, out->scheme_known ? &proof : NULL, p, out->to);
}

void past_explain(const struct conf *c, const struct past *p, const struct past_outcome *o,
                  route_on_verdict *each, void *user)
{
    struct route_subject subject;
    struct buf type;
    if (o->source == NULL) {
        return;
    }
    as_subject(&subject, &type, o->source, o->scheme_known ? &o->proof : NULL, p);
    route_explain(c, &subject, each, user);
    subject_done(&subject);
    buf_done(&type);
}
