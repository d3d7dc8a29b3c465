/* Handshakes: a table of them, and how each is answered. What is said back is printable ASCII
 * without quotes or a backslash where it stands in JSON, and plain text otherwise: a browser that
 * is led here finds nothing to run. */
#include "model/challenge.h"

#include "model/form.h"

#include <string.h>

enum { VALUE_MOST = 1024 };

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    }
#define PLAIN .content_type = TEXT("text/plain; charset=utf-8")
#define JSON .content_type = TEXT("application/json")

/* Sources: the pages and libraries that model/providers.c names. */
static const struct challenge challenges[] = {
    {.provider = TEXT("slack"),
     .method = TEXT("POST"),
     .sign = {CHALLENGE_BODY, TEXT("/type")},
     .equals = TEXT("url_verification"),
     .proof = CHALLENGE_SIGNED,
     .value = {CHALLENGE_BODY, TEXT("/challenge")},
     .status = 200,
     PLAIN,
     .body = TEXT("{value}")},
    {.provider = TEXT("zoom"),
     .method = TEXT("POST"),
     .sign = {CHALLENGE_BODY, TEXT("/event")},
     .equals = TEXT("endpoint.url_validation"),
     .proof = CHALLENGE_SIGNED,
     .value = {CHALLENGE_BODY, TEXT("/payload/plainToken")},
     .status = 200,
     JSON,
     .body = TEXT("{\"plainToken\":\"{value}\",\"encryptedToken\":\"{hex}\"}")},
    {.provider = TEXT("meta"),
     .method = TEXT("GET"),
     .sign = {CHALLENGE_QUERY, TEXT("hub.mode")},
     .equals = TEXT("subscribe"),
     .proof = CHALLENGE_TOKEN,
     .token = TEXT("hub.verify_token"),
     .value = {CHALLENGE_QUERY, TEXT("hub.challenge")},
     .status = 200,
     PLAIN,
     .body = TEXT("{value}")},
    /* Its HMAC is of a text that anybody may choose, but events are signed over JSON only: a value
     * that could be one is refused. */
    {.provider = TEXT("x"),
     .method = TEXT("GET"),
     .sign = {CHALLENGE_QUERY, TEXT("crc_token")},
     .proof = CHALLENGE_ANYBODY,
     .value = {CHALLENGE_QUERY, TEXT("crc_token")},
     .status = 200,
     JSON,
     .body = TEXT("{\"response_token\":\"sha256={base64}\"}")},
    {.provider = TEXT("dropbox"),
     .method = TEXT("GET"),
     .sign = {CHALLENGE_QUERY, TEXT("challenge")},
     .proof = CHALLENGE_ANYBODY,
     .value = {CHALLENGE_QUERY, TEXT("challenge")},
     .status = 200,
     PLAIN,
     .body = TEXT("{value}")},
    {.provider = TEXT("microsoft-graph"),
     .method = TEXT("POST"),
     .sign = {CHALLENGE_QUERY, TEXT("validationToken")},
     .proof = CHALLENGE_ANYBODY,
     .value = {CHALLENGE_QUERY, TEXT("validationToken")},
     .status = 200,
     PLAIN,
     .body = TEXT("{value}")},
    {.provider = TEXT("okta"),
     .method = TEXT("GET"),
     .sign = {CHALLENGE_HEADER, TEXT("x-okta-verification-challenge")},
     .proof = CHALLENGE_SIGNED,
     .value = {CHALLENGE_HEADER, TEXT("x-okta-verification-challenge")},
     .status = 200,
     JSON,
     .body = TEXT("{\"verification\":\"{value}\"}")},
    {.provider = TEXT("trello"), .method = TEXT("HEAD"), .proof = CHALLENGE_ANYBODY, .status = 200},
    {.provider = TEXT("twitch"),
     .method = TEXT("POST"),
     .sign = {CHALLENGE_HEADER, TEXT("Twitch-Eventsub-Message-Type")},
     .equals = TEXT("webhook_callback_verification"),
     .proof = CHALLENGE_SIGNED,
     .value = {CHALLENGE_BODY, TEXT("/challenge")},
     .status = 200,
     PLAIN,
     .body = TEXT("{value}")},
    /* What these two leave is the secret: see relay/learned.h for who may. */
    {.provider = TEXT("asana"),
     .method = TEXT("POST"),
     .sign = {CHALLENGE_HEADER, TEXT("X-Hook-Secret")},
     .proof = CHALLENGE_ANYBODY,
     .secret = {CHALLENGE_HEADER, TEXT("X-Hook-Secret")},
     .header = TEXT("X-Hook-Secret"),
     .status = 200},
    {.provider = TEXT("notion"),
     .method = TEXT("POST"),
     .sign = {CHALLENGE_BODY, TEXT("/verification_token")},
     .proof = CHALLENGE_ANYBODY,
     .secret = {CHALLENGE_BODY, TEXT("/verification_token")},
     .status = 200},
    {.provider = TEXT("discord"),
     .method = TEXT("POST"),
     .sign = {CHALLENGE_BODY, TEXT("/type")},
     .equals = TEXT("0"),
     .proof = CHALLENGE_SIGNED,
     .status = 204},
    /* Of interactions; an event has the same type, but is inside of "event". */
    {.provider = TEXT("discord"),
     .method = TEXT("POST"),
     .sign = {CHALLENGE_BODY, TEXT("/type")},
     .equals = TEXT("1"),
     .unless = {CHALLENGE_BODY, TEXT("/event/type")},
     .proof = CHALLENGE_SIGNED,
     .status = 200,
     JSON,
     .body = TEXT("{\"type\":1}")},
    /* Its HMAC is of a text that anybody may choose: what could be one is refused as an event's
     * (model/verify_body.c). */
    {.provider = TEXT("braintree"),
     .method = TEXT("GET"),
     .sign = {CHALLENGE_QUERY, TEXT("bt_challenge")},
     .proof = CHALLENGE_ANYBODY,
     .value = {CHALLENGE_QUERY, TEXT("bt_challenge")},
     .hex_only = true,
     .status = 200,
     PLAIN,
     .body = TEXT("{name}|{hex}")},
    {.provider = TEXT("monday"),
     .method = TEXT("POST"),
     .sign = {CHALLENGE_BODY, TEXT("/challenge")},
     .unless = {CHALLENGE_BODY, TEXT("/event/type")},
     .proof = CHALLENGE_ANYBODY,
     .value = {CHALLENGE_BODY, TEXT("/challenge")},
     .status = 200,
     JSON,
     .body = TEXT("{\"challenge\":\"{value}\"}")},
    {.provider = TEXT("azure-event-grid"),
     .method = TEXT("POST"),
     .sign = {CHALLENGE_HEADER, TEXT("aeg-event-type")},
     .equals = TEXT("SubscriptionValidation"),
     .proof = CHALLENGE_SIGNED,
     .value = {CHALLENGE_BODY, TEXT("/0/data/validationCode")},
     .status = 200,
     JSON,
     .body = TEXT("{\"validationResponse\":\"{value}\"}")},
    /* CloudEvents, HTTP 1.1 Web Hooks, 4: who may send, and as fast as it likes. */
    {.provider = TEXT("azure-event-grid"),
     .method = TEXT("OPTIONS"),
     .sign = {CHALLENGE_HEADER, TEXT("WebHook-Request-Origin")},
     .proof = CHALLENGE_SIGNED,
     .value = {CHALLENGE_HEADER, TEXT("WebHook-Request-Origin")},
     .header = TEXT("WebHook-Allowed-Origin"),
     .more = {TEXT("WebHook-Allowed-Rate"), TEXT("*")},
     .status = 200},
    /* At its creation, unsigned, and wants to see nothing but that it came. */
    {.provider = TEXT("woocommerce"),
     .method = TEXT("POST"),
     .sign = {CHALLENGE_FORM, TEXT("webhook_id")},
     .proof = CHALLENGE_ANYBODY,
     .status = 200},
};

#define CHALLENGES (sizeof challenges / sizeof challenges[0])

const struct challenge *challenge_of(struct str provider, size_t i)
{
    for (size_t k = 0; k < CHALLENGES; k++) {
        if (str_eq(challenges[k].provider, provider) && i-- == 0) {
            return &challenges[k];
        }
    }
    return NULL;
}

bool challenge_has_method(struct str provider, struct str method)
{
    const struct challenge *c;
    for (size_t i = 0; (c = challenge_of(provider, i)) != NULL; i++) {
        if (str_eq(c->method, method)) {
            return true;
        }
    }
    return false;
}

bool challenge_may_use(const struct verify *v, struct str method)
{
    for (size_t i = 0; i < verify_scheme_count(v); i++) {
        if (challenge_has_method(verify_name(verify_scheme(v, i)), method)) {
            return true;
        }
    }
    return false;
}

/* ---- finding ---- */

static bool find_text(const struct challenge_place *p, const struct challenge_input *in,
                      struct buf *out)
{
    switch (p->in) {
    case CHALLENGE_QUERY:
        return form_parameter(in->query, p->name, out);
    case CHALLENGE_HEADER: {
        const struct pick pick = {.header = p->name};
        return fields_count(in->request.fields, p->name) == 1 &&
               pick_text(&pick, in->request.fields, STR_NONE, out);
    }
    case CHALLENGE_FORM:
        return form_field(in->request.fields, in->request.body, p->name, out);
    case CHALLENGE_BODY: {
        const struct pick pick = {.pointer = p->name};
        return pick_text(&pick, in->request.fields, in->request.body, out);
    }
    }
    return false;
}

static bool has_sign(const struct challenge *c, const struct challenge_input *in)
{
    struct buf text;
    buf_init(&text, VALUE_MOST);
    bool there =
        find_text(&c->sign, in, &text) && (c->equals.len == 0 || str_eq(buf_str(&text), c->equals));
    buf_done(&text);
    return there;
}

static bool has_text(const struct challenge_place *p, const struct challenge_input *in)
{
    struct buf text;
    buf_init(&text, VALUE_MOST);
    bool there = p->name.len > 0 && find_text(p, in, &text);
    buf_done(&text);
    return there;
}

const struct challenge *challenge_find(struct str provider, const struct challenge_input *in)
{
    const struct challenge *c;
    for (size_t i = 0; (c = challenge_of(provider, i)) != NULL; i++) {
        if (str_eq(c->method, in->request.method) && (c->sign.name.len == 0 || has_sign(c, in)) &&
            !has_text(&c->unless, in)) {
            return c;
        }
    }
    return NULL;
}

const struct challenge *challenge_among(const struct verify *v, const struct challenge_input *in,
                                        const struct verify **scheme)
{
    for (size_t i = 0; i < verify_scheme_count(v); i++) {
        *scheme = verify_scheme(v, i);
        const struct challenge *c = challenge_find(verify_name(*scheme), in);
        if (c != NULL) {
            return c;
        }
    }
    return NULL;
}

/* ---- answering ---- */

static const char *check_proof(const struct challenge *c, const struct verify *v, struct str token,
                               const struct challenge_input *in, int64_t now_s)
{
    if (c->proof == CHALLENGE_SIGNED) {
        struct verify_verdict verdict = verify_check(v, &in->request, now_s);
        return verdict.reason == NULL ? NULL : verdict.detail;
    }
    if (c->proof == CHALLENGE_ANYBODY) {
        return NULL;
    }
    if (token.len == 0) {
        return "the source has no challenge_token: write the one that is entered at the provider";
    }
    struct buf shown;
    buf_init(&shown, VALUE_MOST);
    bool there = form_parameter(in->query, c->token, &shown);
    bool equal = there && shown.len == token.len && crypt_equal(shown.at, token.at, token.len);
    buf_done(&shown);
    return equal ? NULL : "its token is not the source's challenge_token";
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < 0x20 || s.at[i] > 0x7e) {
            return false;
        }
    }
    return s.len > 0;
}

/* It goes into JSON, or under the key that signs JSON. */
static bool is_harmless(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (strchr("\"\\{}[]", s.at[i]) != NULL) {
            return false;
        }
    }
    return true;
}

/* As Braintree has it, and its library demands. */
static bool is_hex_challenge(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (memchr("0123456789abcdef", s.at[i], 16) == NULL) {
            return false;
        }
    }
    return s.len >= 20 && s.len <= 32;
}

bool challenge_secret(const struct challenge *c, const struct challenge_input *in, struct buf *out)
{
    return find_text(&c->secret, in, out) && is_plain(buf_str(out));
}

static void put_mac(const struct verify *v, struct str value, bool hex, struct buf *out)
{
    unsigned char mac[CRYPT_DIGEST_MAX];
    char text[2 * CRYPT_DIGEST_MAX];
    size_t len = verify_mac(v, value, mac);
    buf_add(out, text, hex ? text_put_hex(text, mac, len) : text_put_base64(text, mac, len));
}

static void put_body(const struct challenge *c, const struct verify *v, struct str value,
                     struct buf *out)
{
    enum { VALUE, NAME, HEX, BASE64, PLACES };
    static const struct str names[PLACES] = {
        {"{value}", 7}, {"{name}", 6}, {"{hex}", 5}, {"{base64}", 8}};
    for (struct str rest = c->body; rest.len > 0;) {
        size_t which = 0;
        while (which < PLACES && !str_starts(rest, names[which])) {
            which++;
        }
        if (which == PLACES) {
            buf_add_char(out, rest.at[0]);
        } else if (which == VALUE || which == NAME) {
            buf_add_str(out, which == VALUE ? value : verify_public_name(v));
        } else {
            put_mac(v, value, which == HEX, out);
        }
        rest = str_from(rest, which == PLACES ? 1 : names[which].len);
    }
}

const char *challenge_answer(const struct challenge *c, const struct verify *v, struct str token,
                             const struct challenge_input *in, int64_t now_s, struct buf *out)
{
    const char *why = check_proof(c, v, token, in, now_s);
    if (why != NULL || c->value.name.len == 0) {
        return why;
    }
    struct buf value;
    buf_init(&value, VALUE_MOST);
    bool says_json = str_has(c->body, '"');
    if (!find_text(&c->value, in, &value) || !is_plain(buf_str(&value))) {
        why = "what it wants to be told back is missing, or no plain text";
    } else if (says_json && !is_harmless(buf_str(&value))) {
        why = "what it wants to be told back holds quotes or brackets";
    } else if (c->hex_only && !is_hex_challenge(buf_str(&value))) {
        why = "what it wants to be signed is not 20 to 32 digits in hex";
    } else if (c->body.len == 0) {
        buf_add_str(out, buf_str(&value));
    } else {
        put_body(c, v, buf_str(&value), out);
    }
    buf_done(&value);
    return why;
}
