/* A verifier and a request under construction, for the tests of what presets take. */
#ifndef UNIT_MODEL_BENCH_H
#define UNIT_MODEL_BENCH_H

#include "room.h"

#include "model/verify.h"

#define NOW 1735689600 /* 2025-01-01T00:00:00Z */

struct bench {
    struct verify *v;
    struct fields fields;
    const char *method, *target, *body;
};

static void bench_open(struct bench *b, const char *preset, const char *secret, const char *url)
{
    struct verify_recipe r = *verify_preset(str_of(preset));
    const struct str one = str_of(secret);
    r.public_url = str_of(url);
    *b = (struct bench){.method = "POST", .target = "/hooks/x", .body = ""};
    const char *why = verify_new(&b->v, &r, &one, 1, NULL);
    if (why != NULL) {
        fail_msg("%s", why);
    }
}

static void bench_header(struct bench *b, const char *name, const char *value)
{
    for (size_t i = 0; i < b->fields.n; i++) {
        if (str_eq(b->fields.v[i].name, str_of(name))) {
            b->fields.v[i].value = str_of(value);
            return;
        }
    }
    assert_true(fields_add(&b->fields, str_of(name), str_of(value)));
}

static struct verify_input bench_input(const struct bench *b)
{
    return (struct verify_input){str_of(b->method), str_of(b->target), &b->fields, str_of(b->body)};
}

ROOM_UNUSED static void bench_takes(const struct bench *b)
{
    const struct verify_input in = bench_input(b);
    struct verify_verdict got = verify_check(b->v, &in, NOW);
    if (got.reason != NULL) {
        fail_msg("%s: %s: %s", b->target, got.reason, got.detail);
    }
    assert_int_equal(got.secret, 0);
}

ROOM_UNUSED static void bench_refuses(const struct bench *b, const char *detail)
{
    const struct verify_input in = bench_input(b);
    struct verify_verdict got = verify_check(b->v, &in, NOW);
    assert_non_null(got.reason);
    assert_int_equal(got.secret, -1);
    room_holds(str_of(got.detail), detail);
}

static void bench_close(struct bench *b)
{
    verify_free(b->v);
}

#endif
