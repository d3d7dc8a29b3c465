/* bench_verify [NAME]: what a check costs beside the digests themselves, for 1.5 KB, of each preset
 * that has a secret. Prints microseconds, the least of 101 runs of 400, for what else is done on
 * the machine only adds; exit 1 above the limit. */
#include "model/verify.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 101, ROUNDS = 400, BODY = 1500, NOW_S = 1735689600 };
#define LIMIT_US 1.5

struct job {
    const struct verify *v;
    struct verify_input in;
    struct crypt_key *key;
    struct str text;      /* what is signed, in one piece: the digest's own cost */
    struct str hashed[2]; /* bodies and URLs whose hash is signed: their own as well */
};

static void check(const struct job *j)
{
    struct verify_verdict verdict = verify_check(j->v, &j->in, NOW_S);
    ENSURE(verdict.reason == NULL);
}

static void digest(const struct job *j)
{
    unsigned char out[CRYPT_DIGEST_MAX];
    crypt_hmac(j->key, &j->text, 1, out);
    for (int i = 0; i < 2; i++) {
        if (j->hashed[i].len > 0) {
            crypt_digest(CRYPT_SHA256, &j->hashed[i], 1, out);
        }
    }
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double cost_us(const struct job *j, void (*what)(const struct job *j))
{
    double least = 0;
    for (int i = 0; i < RUNS; i++) {
        double began = now_us();
        for (int k = 0; k < ROUNDS; k++) {
            what(j);
        }
        double took = (now_us() - began) / ROUNDS;
        least = i == 0 || took < least ? took : least;
    }
    return least;
}

/* A request as its provider sends it. */
struct request {
    struct fields fields;
    struct buf body, type, bytes;
    struct str target;
};

static bool signs_part(const struct verify_recipe *r, const char *part)
{
    return memmem(r->signed_text.at, r->signed_text.len, part, strlen(part)) != NULL;
}

/* An event that has all the places which somebody signs, or a form where one is signed. */
static void put_event(const struct verify_recipe *r, struct buf *out)
{
    if (signs_part(r, "{form}") || signs_part(r, "{params}")) {
        for (int i = 0; out->len < BODY - 100; i++) {
            buf_printf(out, "%sField%d=%090d", i > 0 ? "&" : "", i, i);
        }
        return;
    }
    buf_add_str(out, STR("{\"webhookTimestamp\":1735689600000,\"signature\":{\"timestamp\":"
                         "\"1735689600\",\"token\":\"0123456789\"},"
                         "\"event\":{\"event_time\":\"1735689600\",\"event_type\":\"a\"},"
                         "\"notificationItems\":[{\"NotificationRequestItem\":{"
                         "\"additionalData\":{},\"pspReference\":\"7914073381342284\","
                         "\"merchantAccountCode\":\"Mine\",\"merchantReference\":\"1\","
                         "\"amount\":{\"value\":1130,\"currency\":\"EUR\"},"
                         "\"eventCode\":\"AUTHORISATION\",\"success\":\"true\"}}],\"more\":\""));
    size_t most = r->sig_field.len > 0 ? BODY * 3 / 4 - 60 : BODY; /* it is sent as base64 */
    while (out->len < most - 2) {
        buf_add_char(out, 'x');
    }
    buf_add_str(out, STR("\"}"));
}

static void make_request(const struct verify *v, const struct verify_recipe *r, struct request *q)
{
    struct buf event;
    buf_init(&event, 2 * BODY);
    buf_init(&q->body, 4 * BODY);
    buf_init(&q->type, 256);
    buf_init(&q->bytes, 4096);
    q->fields.n = 0;
    q->target = STR("/hooks/x?data.id=123456");
    put_event(r, &event);
    if (verify_seals(v)) {
        const char *why = verify_seal(v, buf_str(&event), STR_NONE, &q->body, &q->type);
        ENSURE(why == NULL);
    } else {
        buf_add_str(&q->body, buf_str(&event));
        buf_add_str(&q->type, event.at[0] == '{' ? STR("application/json")
                                                 : STR("application/x-www-form-urlencoded"));
    }
    buf_done(&event);
    (void)fields_add(&q->fields, STR("Host"), STR("hooks.example.com"));
    (void)fields_add(&q->fields, STR("Content-Type"), buf_str(&q->type));
    struct fields before = q->fields;
    const struct verify_signing s = {
        .request = {STR("POST"), q->target, &before, buf_str(&q->body)},
        .now_s = NOW_S,
        .delivery_id = STR("m1"),
    };
    const char *why = verify_sign_request(v, &s, &q->fields, &q->bytes);
    ENSURE(why == NULL);
}

/* Not of the body, or only of a part: what they sign is short. */
static bool signs_little(const struct verify_recipe *r)
{
    return r->kind == VERIFY_JWT || r->sig_pointer.len > 0 || signs_part(r, "{manifest}");
}

static bool is_measured(const struct verify_recipe *r)
{
    return r->kind == VERIFY_HMAC ||
           (r->kind == VERIFY_JWT && (r->jwt.algorithms & JWT_ALL_HMAC) != 0);
}

/* True: within the limit, or it has no HMAC. */
static bool measure(const struct verify_recipe *preset)
{
    struct verify_recipe r = *preset;
    struct verify *v;
    struct request q;
    const struct str secret = r.key == VERIFY_KEY_HEX    ? STR("00ff10aa")
                              : r.key == VERIFY_KEY_PAIR ? STR("public:private")
                                                         : STR("c2VjcmV0");
    if (!is_measured(&r)) {
        return true;
    }
    r.public_url = STR("https://hooks.example.com/hooks/x");
    ENSURE(verify_new(&v, &r, &secret, 1, NULL) == NULL);
    make_request(v, &r, &q);
    struct job j = {.v = v,
                    .in = {STR("POST"), q.target, &q.fields, buf_str(&q.body)},
                    .key = crypt_key_new(r.digest, secret),
                    .text = str_head(buf_str(&q.body), signs_little(&r) ? 60 : SIZE_MAX),
                    .hashed = {r.jwt.body.claim.len > 0 ? buf_str(&q.body) : STR_NONE,
                               r.jwt.url.claim.len > 0 && r.jwt.url.form != JWT_TEXT ? r.public_url
                                                                                     : STR_NONE}};
    double all = cost_us(&j, check);
    double alone = cost_us(&j, digest) * (r.key == VERIFY_KEY_EITHER ? 2 : 1); /* one a key */
    bool met = all - alone <= LIMIT_US;
    printf("| %-17.*s | %6.2f | %6.2f | %6.2f | %s |\n", STR_ARG(r.name), all, alone, all - alone,
           met ? "yes" : "NO ");
    crypt_key_free(j.key);
    buf_done(&q.body);
    buf_done(&q.type);
    buf_done(&q.bytes);
    verify_free(v);
    return met;
}

int main(int argc, char **argv)
{
    bool met = true;
    printf("| preset            |  check | digest |   over | <= %.1f us |\n|---|---|---|---|---|\n",
           LIMIT_US);
    for (size_t i = 0; verify_preset_at(i) != NULL; i++) {
        if (argc > 1 && !str_eq(verify_preset_at(i)->name, str_of(argv[1]))) {
            continue;
        }
        met = measure(verify_preset_at(i)) && met;
    }
    return met ? 0 : 1;
}
