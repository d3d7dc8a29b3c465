/* Signature schemes, presets and recipes, alone and in groups: what verify_sign makes verifies, one
 * flipped bit does not, and nothing that was made up does. Handshakes of made-up requests: what is
 * said back is plain. */
#include "model/challenge.h"
#include "model/verify.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define NOW_S 1735689600

/* Takes from the front of the input. */
struct take {
    const uint8_t *at;
    size_t n;
};

static uint8_t take_byte(struct take *t)
{
    if (t->n == 0) {
        return 0;
    }
    t->n--;
    return *t->at++;
}

static struct str take_some(struct take *t, size_t most)
{
    size_t n = take_byte(t);
    n = n < most ? n : most;
    n = n < t->n ? n : t->n;
    struct str s = {(const char *)t->at, n};
    t->at += n;
    t->n -= n;
    return s;
}

static struct str one_of(struct take *t, const struct str *v, size_t n)
{
    return v[take_byte(t) % n];
}

static void take_recipe(struct take *t, struct verify_recipe *r)
{
    static const char item_seps[] = {0, ',', ';', ' '}, kv_seps[] = {0, '=', ':', ','};
    static const struct str keys[] = {{NULL, 0}, {"v1", 2}, {"t", 1}, {"sha256", 6}};
    static const struct str templates[] = {
        {"{body}", 6},
        {"{ts}.{body}", 11},
        {"v0:{ts}:{body}", 14},
        {"{id}.{ts}.{body}", 16},
        {"{method}{url}{body}", 19},
    };
    *r = (struct verify_recipe){.name = STR("hmac"), .headers = {STR("X-Sig")}};
    r->digest = (enum crypt_digest)(take_byte(t) % 3);
    r->item_sep = item_seps[take_byte(t) % sizeof item_seps];
    r->kv_sep = kv_seps[take_byte(t) % sizeof kv_seps];
    r->sig_key = one_of(t, keys, 4);
    r->ts_key = one_of(t, keys, 4);
    r->encoding = (enum verify_encoding)(take_byte(t) % 3);
    r->signed_text = (take_byte(t) & 7) == 0 ? take_some(t, 60) : one_of(t, templates, 5);
    r->unit = (enum timestamp_unit)(take_byte(t) % 3);
    uint8_t more = take_byte(t);
    if ((more & 1) != 0) {
        r->ts_headers[0] = STR("X-Time");
    }
    if ((more & 2) != 0) {
        r->id_headers[0] = STR("X-Id");
    }
    if ((more & 4) != 0) {
        r->past_s = r->future_s = 300;
    }
    r->public_url = (more & 8) != 0 ? STR("https://example.com/h") : STR_NONE;
    r->key = (enum verify_key)((more >> 4) % 3);
    r->key_prefix = (more & 128) != 0 ? STR("whsec_") : STR_NONE;
}

static const char *check_at(const struct verify *v, struct str target, const struct fields *f,
                            struct str body)
{
    struct verify_input in = {STR("POST"), target, f, body};
    struct verify_proof proof = {VERIFY_SCHEMES, 0};
    struct verify_verdict verdict = verify_check_by(v, &in, NULL, NOW_S, &proof);
    ENSURE(verdict.reason == NULL || verdict.reason == VERIFY_BAD_SIGNATURE ||
           verdict.reason == VERIFY_STALE_TIMESTAMP);
    ENSURE(verdict.reason == NULL ? verdict.secret >= 0
                                  : verdict.detail != NULL && verdict.secret < 0);
    ENSURE(verdict.reason == NULL ? proof.scheme < verify_scheme_count(v) &&
                                        (proof.secrets >> verdict.secret & 1) != 0 &&
                                        proof.secrets >> verify_secret_count(v) == 0
                                  : proof.scheme == VERIFY_SCHEMES);
    return verdict.reason;
}

static const char *check(const struct verify *v, const struct fields *f, struct str body)
{
    return check_at(v, STR("/hooks/x"), f, body);
}

/* One flipped bit, or one more byte, of the body. */
static void flip(const struct verify *v, struct fields *f, struct str body, struct take *t)
{
    char *copy = malloc(body.len + 1);
    ENSURE(copy != NULL);
    memcpy(copy, body.at, body.len);
    if (body.len > 0) {
        size_t at = (take_byte(t) * (size_t)257 + take_byte(t)) % body.len;
        copy[at] = (char)(copy[at] ^ (1 << (take_byte(t) & 7)));
        ENSURE(check(v, f, (struct str){copy, body.len}) == VERIFY_BAD_SIGNATURE);
    }
    memcpy(copy, body.at, body.len);
    copy[body.len] = 'x';
    ENSURE(check(v, f, (struct str){copy, body.len + 1}) == VERIFY_BAD_SIGNATURE);
    free(copy);
}

/* One character of the signature, away from its padding. */
static void flip_signature(const struct verify *v, struct fields *f, struct str body, bool hex,
                           struct take *t)
{
    struct str old = f->v[0].value;
    char *copy = malloc(old.len + 1);
    ENSURE(copy != NULL);
    memcpy(copy, old.at, old.len);
    size_t at = old.len - 4 - take_byte(t) % 16;
    if (hex) {
        copy[at] = copy[at] == '0' ? '1' : '0';
    } else {
        copy[at] = copy[at] == 'A' ? 'B' : 'A';
    }
    f->v[0].value = (struct str){copy, old.len};
    ENSURE(check(v, f, body) == VERIFY_BAD_SIGNATURE);
    f->v[0].value = old;
    free(copy);
}

static void sign(const struct verify *v, const struct verify_recipe *r, struct take *t)
{
    struct fields f = {.n = 0};
    struct buf out;
    buf_init(&out, 4096);
    struct str body = {(const char *)t->at, t->n};
    const char *why = verify_sign(v, STR("POST"), body, NOW_S, STR("evt_1"), &f, &out);
    /* Else the body must have a time, or be an object; or only its provider can sign. */
    bool fits = r->ts_pointer.len == 0 && (!r->objects_only || str_starts(body, STR("{")));
    bool signs_body = !str_eq(r->signed_text, STR("{manifest}"));
    if (why == NULL && fits && r->parameter.len == 0) { /* that one is in the query */
        ENSURE(check(v, &f, body) == NULL);
        if (verify_is_computed(v) && signs_body) {
            flip(v, &f, body, &(struct take){t->at, t->n});
        }
        if (verify_is_computed(verify_scheme(v, 0))) { /* whose is the first field */
            flip_signature(v, &f, body, r->encoding == VERIFY_HEX, t);
        }
    }
    buf_done(&out);
}

/* Any bytes as an event of those who sign inside of the body. */
static void seal(const struct verify *v, struct take *t)
{
    struct fields f = {.n = 0};
    struct buf body, type;
    buf_init(&body, 1 << 20);
    buf_init(&type, 256);
    const char *why =
        verify_seal(v, (struct str){(const char *)t->at, t->n}, STR_NONE, &body, &type);
    if (why == NULL) { /* of an event that has a name twice, it is not genuine */
        ENSURE(fields_add(&f, STR("Content-Type"), buf_str(&type)) && body.len > 0);
        (void)check(v, &f, buf_str(&body));
    }
    buf_done(&body);
    buf_done(&type);
}

/* Header values from outside: never genuine. */
static void claim(const struct verify *v, const struct verify_recipe *r, struct take *t)
{
    static const struct str types[] = {{"application/json", 16},
                                       {"application/x-www-form-urlencoded", 33},
                                       {"multipart/form-data; boundary=b", 31},
                                       {"multipart/form-data; boundary=", 30}};
    struct fields f = {.n = 0};
    uint8_t which = take_byte(t);
    if (r->builds || r->sig_pointer.len > 0) {
        (void)!fields_add(&f, STR("Content-Type"), one_of(t, types, 4));
        (void)!fields_add(&f, STR("X-Contentful-Signed-Headers"), take_some(t, 255));
    }
    for (size_t i = 0; i < VERIFY_NAMES; i++) {
        if (r->headers[i].len > 0 && (which & 1) == 0) {
            (void)!fields_add(&f, r->headers[i], take_some(t, 255));
        }
        if (r->ts_headers[i].len > 0 && (which & 2) == 0) {
            (void)!fields_add(&f, r->ts_headers[i], take_some(t, 40));
        }
        if (r->id_headers[i].len > 0 && (which & 4) == 0) {
            (void)!fields_add(&f, r->id_headers[i], take_some(t, 40));
        }
        which >>= 1;
    }
    struct str target = r->builds ? take_some(t, 255) : STR("/");
    ENSURE(check_at(v, target, &f, (struct str){(const char *)t->at, t->n}) != NULL);
}

static void knock(const struct verify *v, struct take *t)
{
    static const struct str methods[] = {{"POST", 4}, {"GET", 3}, {"HEAD", 4}, {"OPTIONS", 7}};
    struct fields f = {.n = 0};
    struct buf out;
    buf_init(&out, 8192);
    struct challenge_input in = {
        .request = {.method = one_of(t, methods, 4), .target = STR("/"), .fields = &f}};
    in.query = take_some(t, 255);
    (void)!fields_add(&f, take_some(t, 40), take_some(t, 255));
    in.request.body = (struct str){(const char *)t->at, t->n};
    const struct verify *scheme;
    const struct challenge *c = challenge_among(v, &in, &scheme);
    if (c != NULL) {
        const char *why = challenge_answer(c, scheme, STR("tok"), &in, NOW_S, &out);
        ENSURE((why == NULL || out.len == 0) && !out.failed);
        for (size_t i = 0; i < out.len; i++) {
            ENSURE(out.at[i] >= 0x20 && out.at[i] <= 0x7e);
        }
    }
    buf_done(&out);
}

/* Beside it another scheme, whose secret and headers are its own; else it stays alone. */
static struct verify *join(struct verify *v, bool all)
{
    static const struct verify_recipe recipe = {.name = {"hmac", 4},
                                                .digest = CRYPT_SHA256,
                                                .headers = {{"X-Beside", 8}},
                                                .ts_headers = {{"X-Beside-Time", 13}},
                                                .signed_text = {"{ts}.{body}", 11},
                                                .past_s = 300,
                                                .future_s = 300};
    const struct str secret = STR("the other secret");
    struct verify *both[2] = {v, NULL}, *group;
    int bad;
    ENSURE(verify_new(&both[1], &recipe, &secret, 1, NULL) == NULL);
    const char *why = verify_group(&group, STR("a group"), both, 2, all, &bad);
    ENSURE((why == NULL) == (group != NULL) && bad >= -1 && bad < 2);
    if (why != NULL) {
        verify_free(both[1]);
        return v;
    }
    return group;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct str good[] = {
        {"d2hzZWNfc2VjcmV0X29mX3Rlc3Rz", 28}, {"00ff10aa", 8}, {"pub:priv", 8}};
    struct take t = {data, n};
    struct verify_recipe made;
    const struct verify_recipe *r = &made;
    uint8_t which = take_byte(&t);
    size_t presets = 0;
    while (verify_preset_at(presets)->kind != VERIFY_NONE) { /* the last */
        presets++;
    }
    if (which % 2 == 0) {
        made = *verify_preset_at(take_byte(&t) % presets);
        made.public_url = STR("https://example.com"); /* of those who sign it */
    } else {
        take_recipe(&t, &made);
    }
    const struct str first = good[(which & 128) != 0 ? 2 : (which >> 3) & 1];
    struct str secrets[2] = {first, (which & 16) != 0 ? take_some(&t, 80) : first};
    struct verify *v;
    int bad;
    const char *why = verify_new(&v, r, secrets, 2, &bad);
    ENSURE((why == NULL) == (v != NULL) && bad >= -1 && bad < 2);
    if (v != NULL && (which & 32) != 0) {
        v = join(v, (which & 64) != 0);
    }
    if (v != NULL) {
        if (verify_seals(v)) {
            seal(v, &t);
        } else {
            sign(v, r, &t);
        }
        if ((which & 4) != 0 && verify_is_computed(v)) { /* a token may be guessed */
            claim(v, r, &t);
        } else {
            knock(v, &t);
        }
        verify_free(v);
    }
    return 0;
}
