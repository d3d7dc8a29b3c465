/* Handshakes, and words about a subscription itself. */
#include "relay/handshake.h"

#include "base/crypt.h"
#include "base/log.h"
#include "model/challenge.h"
#include "relay/inbound.h"
#include "relay/keyring.h"
#include "relay/learned.h"
#include "relay/refusal.h"
#include "relay/stats.h"

#include <time.h>

static void on_kept(void *user, const char *reason)
{
    struct inbound *in = user;
    struct httpd_request *r = in->request;
    if (reason != NULL) {
        inbound_fail(in, reason);
    } else if (r != NULL) {
        inbound_forget_sender(in);
        struct field field = {in->echo, learned_secret(in->w, in->source->name)};
        httpd_answer(r, &(struct httpd_answer){.status = 200,
                                               .content_type = STR("application/json"),
                                               .fields = &field,
                                               .field_count = in->echo.len > 0,
                                               .body = STR("{}"),
                                               .close = in->w->draining});
        stats_challenge(in->w, in->source->name);
    }
    inbound_free(in);
}

/* It leaves the secret of all that is to come: answered when that is kept. */
static void keep_secret(struct worker *w, struct httpd_request *r, const struct conf_source *source,
                        const struct challenge *c, const struct challenge_input *input)
{
    struct buf secret;
    buf_init(&secret, TYPE_CEILING);
    if (!verify_learns(source->verify)) {
        inbound_refuse(w, r, source, "bad_challenge",
                       "the configuration has the secret of this source");
    } else if (!challenge_secret(c, input, &secret)) {
        inbound_refuse(w, r, source, "bad_challenge",
                       "the secret that it leaves is missing, or no plain text");
    } else {
        struct inbound *in = inbound_new(w, r, source);
        in->echo = c->header;
        learned_keep(w, source, buf_str(&secret), on_kept, in);
    }
    crypt_wipe(secret.at, secret.len);
    buf_done(&secret);
}

static void answer_challenge(struct worker *w, struct httpd_request *r,
                             const struct conf_source *source, const struct challenge *c,
                             const struct verify *scheme, const struct challenge_input *in)
{
    struct buf body;
    buf_init(&body, HEADERS_CEILING);
    const char *why =
        challenge_answer(c, scheme, source->challenge_token, in, (int64_t)time(NULL), &body);
    if (why != NULL) {
        inbound_refuse(w, r, source,
                       c->proof == CHALLENGE_SIGNED ? "bad_signature" : "bad_challenge", why);
    } else {
        const struct field fields[] = {{c->header, buf_str(&body)}, c->more};
        size_t more = c->more.name.len > 0;
        httpd_answer(r,
                     &(struct httpd_answer){.status = c->status,
                                            .content_type = c->content_type,
                                            .fields = fields,
                                            .field_count = c->header.len > 0 ? 1 + more : 0,
                                            .body = c->header.len > 0 ? STR_NONE : buf_str(&body),
                                            .close = w->draining});
        stats_challenge(w, source->name);
        log_line(LOG_DEBUG, "handshake answered", "source", "%.*s", STR_ARG(source->name), NULL);
    }
    buf_done(&body);
}

bool is_challenge(struct worker *w, struct httpd_request *r, const struct conf_source *source,
                  const struct verify_input *input, unsigned waited)
{
    const struct challenge_input in = {*input, r->query};
    const struct verify *scheme;
    const struct challenge *c = challenge_among(learned_verify(w, source), &in, &scheme);
    if (c == NULL) {
        return false;
    }
    struct verify_verdict others =
        verify_check_others(source->verify, scheme, input, keys_of(w, source), (int64_t)time(NULL));
    bool hold = others.reason == NULL, all = verify_wants_all(source->verify);
    if (verify_lacks_key(&others) && inbound_wait_for_keys(w, r, source, input, waited)) {
        return true;
    }
    if (hold && !all && conf_takes_method(source, r->method)) {
        return false;
    }
    if (!hold && all) {
        inbound_refuse(w, r, source, others.reason, others.detail);
    } else if (c->secret.name.len > 0) {
        keep_secret(w, r, source, c, &in);
    } else {
        answer_challenge(w, r, source, c, scheme, &in);
    }
    return true;
}

/* ---- words about a subscription itself ---- */

static void answer_word(struct worker *w, struct httpd_request *r, const struct conf_source *source)
{
    httpd_answer(r, &(struct httpd_answer){.status = 200,
                                           .content_type = STR("application/json"),
                                           .body = STR("{}"),
                                           .close = w->draining});
    stats_challenge(w, source->name);
}

/* Its provider sends nothing before it is answered; and tries again after 503. */
static void confirm(struct worker *w, struct httpd_request *r, const struct conf_source *source,
                    struct str url, unsigned waited)
{
    struct fetch *f = NULL;
    switch (keyring_confirm(w, source, url, (waited & WAITED_CONFIRM) != 0, &f)) {
    case CONFIRM_DONE:
        answer_word(w, r, source);
        break;
    case CONFIRM_WAIT:
        inbound_wait(w, r, source, f, waited | WAITED_CONFIRM);
        break;
    case CONFIRM_WRONG:
        inbound_refuse(w, r, source, "bad_challenge",
                       "the URL that would confirm it is not its provider's");
        break;
    case CONFIRM_AWAY:
        inbound_refuse(w, r, source, "unconfirmed",
                       "its provider could not be told, or has refused");
        break;
    case CONFIRM_BUSY:
        inbound_refuse(w, r, source, "unconfirmed", "another is being confirmed; try again");
        break;
    }
}

bool is_word(struct worker *w, struct httpd_request *r, const struct conf_source *source,
             const struct verify_proof *proof, const struct verify_input *input, unsigned waited)
{
    struct buf url;
    buf_init(&url, HEADERS_CEILING);
    enum verify_control control = verify_control(source->verify, proof, input, &url);
    if (control == VERIFY_CONFIRM) {
        confirm(w, r, source, buf_str(&url), waited);
    } else if (control == VERIFY_FAREWELL) {
        struct address_bytes client = inbound_client(w->conf, r);
        refusal_log(&w->farewells, 1, LOG_WARN, "its provider says that the subscription has ended",
                    source->name, &client, "unsubscribed", NULL);
        answer_word(w, r, source);
    }
    buf_done(&url);
    return control != VERIFY_EVENT;
}
