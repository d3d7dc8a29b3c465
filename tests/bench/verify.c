/* bench_verify: what a check costs beside the digest itself, for 1.5 KB, of each preset that has
 * one. Prints microseconds, medians of 21 runs of 2,000; exit 1 above the limit. */
#include "model/verify.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 21, ROUNDS = 2000, BODY = 1500, NOW_S = 1735689600 };
#define LIMIT_US 1.5

struct job {
    const struct verify *v;
    struct verify_input in;
    struct crypt_key *key;
    struct str text; /* what is signed, in one piece: the digest's own cost */
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
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double cost_us(const struct job *j, void (*what)(const struct job *j))
{
    double runs[RUNS];
    for (int i = 0; i < RUNS; i++) {
        double began = now_us();
        for (int k = 0; k < ROUNDS; k++) {
            what(j);
        }
        runs[i] = (now_us() - began) / ROUNDS;
    }
    qsort(runs, RUNS, sizeof runs[0], by_value);
    return runs[RUNS / 2];
}

/* True: within the limit, or it has no HMAC of a header's, or one of a text that is built first. */
static bool measure(const struct verify_recipe *preset, struct str body)
{
    struct verify_recipe r = *preset;
    struct verify *v;
    struct fields fields = {0};
    struct buf bytes;
    const struct str secret = STR("c2VjcmV0");
    if (r.kind != VERIFY_HMAC || r.sig_pointer.len > 0 || r.ts_pointer.len > 0 || r.builds) {
        return true;
    }
    r.public_url = STR("https://hooks.example.com/hooks/x");
    const struct str hex = STR("00ff10aa");
    ENSURE(verify_new(&v, &r, r.key == VERIFY_KEY_HEX ? &hex : &secret, 1, NULL) == NULL);
    buf_init(&bytes, 4096);
    ENSURE(verify_sign(v, STR("POST"), body, NOW_S, STR("m1"), &fields, &bytes) == NULL);
    (void)fields_add(&fields, STR("Host"), STR("hooks.example.com"));
    (void)fields_add(&fields, STR("Content-Type"), STR("application/json"));
    struct job j = {.v = v,
                    .in = {STR("POST"), STR("/hooks/x"), &fields, body},
                    .key = crypt_key_new(r.digest, secret),
                    .text = body};
    double all = cost_us(&j, check);
    double alone = cost_us(&j, digest) * (r.key == VERIFY_KEY_EITHER ? 2 : 1); /* one a key */
    bool met = all - alone <= LIMIT_US;
    printf("| %-17.*s | %6.2f | %6.2f | %6.2f | %s\n", STR_ARG(r.name), all, alone, all - alone,
           met ? "yes |" : "NO  |");
    crypt_key_free(j.key);
    buf_done(&bytes);
    verify_free(v);
    return met;
}

int main(void)
{
    static char text[BODY];
    memset(text, 'x', sizeof text);
    text[0] = '{';
    bool met = true;
    printf("| preset            |  check | digest |   over | <= %.1f us |\n|---|---|---|---|---|\n",
           LIMIT_US);
    for (size_t i = 0; verify_preset_at(i) != NULL; i++) {
        met = measure(verify_preset_at(i), (struct str){text, sizeof text}) && met;
    }
    return met ? 0 : 1;
}
