/* The sources and their secrets. */
#include "admin/sources.h"

#include "admin/call.h"
#include "base/json.h"
#include "base/log.h"
#include "relay/learned.h"
#include "relay/secrets.h"

static void on_listed(void *call, const char *reason)
{
    call_end(call, reason, 200, STR("\n"));
}

void sources_list(struct worker *w, struct httpd_request *r, struct str rest)
{
    struct call *c = call_new(sizeof *c, w, r);
    (void)rest;
    secrets_list(w, &c->out, on_listed, c);
}

/* NAME/VERB, of a source that is configured; else it is answered here. */
static bool is_verb(struct worker *w, struct httpd_request *r, struct str rest, const char *verb,
                    struct str *name)
{
    struct str what;
    str_cut(rest, '/', name, &what);
    if (conf_find_source(w->conf, *name) != NULL && str_eq(what, str_of(verb))) {
        return true;
    }
    answer_problem(r, 404, "not_found", "no such source; GET /api/v1/sources lists them");
    return false;
}

void sources_get(struct worker *w, struct httpd_request *r, struct str rest)
{
    struct str name;
    if (!is_verb(w, r, rest, "secret", &name)) {
        return;
    }
    struct str secret = learned_secret(w, name);
    if (secret.len == 0) {
        answer_problem(r, 404, "not_found", "no handshake has left a secret for this source");
        return;
    }
    struct call *c = call_new(sizeof *c, w, r);
    json_open(&c->out, '{');
    json_text(&c->out, "secret", secret);
    json_close(&c->out, '}');
    call_end(c, NULL, 200, STR("\n"));
}

void sources_post(struct worker *w, struct httpd_request *r, struct str rest)
{
    struct str name;
    if (is_verb(w, r, rest, "forget", &name)) {
        log_line(LOG_WARN, "the secret that a handshake has left is forgotten", "source", "%.*s",
                 STR_ARG(name), NULL);
        learned_forget(w, name, call_end_ok, call_new(sizeof(struct call), w, r));
    }
}
