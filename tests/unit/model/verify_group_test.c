/* Groups of schemes: who takes a request, who refuses it and why, and what is said of it then. */
#include "room.h"

#include "model/challenge.h"
#include "model/verify.h"

#define NOW 1735689600 /* 2025-01-01T00:00:00Z */

/* A group under test, and a request in the making. */
struct bench {
    struct verify *schemes[VERIFY_SCHEMES + 1], *v;
    size_t n;
    struct fields fields;
    struct buf bytes[VERIFY_SCHEMES];
    size_t signatures;
    struct verify_proof proof;
};

static void add(struct bench *b, const struct verify_recipe *r, const char *one, const char *two)
{
    struct str secrets[] = {str_of(one), str_of(two)};
    const char *why = verify_new(&b->schemes[b->n++], r, secrets,
                                 one == NULL   ? 0
                                 : two == NULL ? 1
                                               : 2,
                                 NULL);
    if (why != NULL) {
        fail_msg("%s", why);
    }
}

static void add_preset(struct bench *b, const char *name, const char *one, const char *two)
{
    add(b, verify_preset(str_of(name)), one, two);
}

/* HMAC of timestamp and body. */
static const struct verify_recipe timed = {.name = {"hmac", 4},
                                           .digest = CRYPT_SHA256,
                                           .headers = {{"X-Sig", 5}},
                                           .ts_headers = {{"X-Time", 6}},
                                           .signed_text = {"{ts}.{body}", 11},
                                           .past_s = 300,
                                           .future_s = 300};
static const struct verify_recipe token = {
    .name = {"token", 5}, .kind = VERIFY_TOKEN, .headers = {{"X-Token", 7}}};

static void join(struct bench *b, bool all)
{
    int bad;
    const char *why = verify_group(&b->v, STR("a group"), b->schemes, b->n, all, &bad);
    if (why != NULL) {
        fail_msg("%d: %s", bad, why);
    }
    assert_int_equal(bad, -1);
}

/* Of github, with two secrets, and `timed`. */
static void open_two(struct bench *b, bool all)
{
    memset(b, 0, sizeof *b);
    add_preset(b, "github", "g1", "g2");
    add(b, &timed, "h1", NULL);
    join(b, all);
}

static void anew(struct bench *b)
{
    while (b->signatures > 0) {
        buf_done(&b->bytes[--b->signatures]);
    }
    b->fields.n = 0;
}

static void close_group(struct bench *b)
{
    anew(b);
    verify_free(b->v);
}

static void sign_with(struct bench *b, const struct verify *v, const char *body, int64_t at)
{
    struct buf *out = &b->bytes[b->signatures++];
    buf_init(out, 8192);
    const char *why = verify_sign(v, STR("POST"), str_of(body), at, STR("id-1"), &b->fields, out);
    if (why != NULL) {
        fail_msg("%s", why);
    }
}

static void sign(struct bench *b, size_t scheme, const char *body, int64_t at)
{
    sign_with(b, verify_scheme(b->v, scheme), body, at);
}

static void sign_by(struct bench *b, const struct verify_recipe *r, const char *secret,
                    const char *body)
{
    struct verify *v;
    struct str one = str_of(secret);
    assert_null(verify_new(&v, r, &one, 1, NULL));
    sign_with(b, v, body, NOW);
    verify_free(v);
}

static struct verify_verdict check(struct bench *b, const char *body)
{
    struct verify_input in = {STR("POST"), STR("/hooks/x"), &b->fields, str_of(body)};
    b->proof = (struct verify_proof){99, 99};
    return verify_check_by(b->v, &in, NULL, NOW, &b->proof);
}

static void takes(struct bench *b, const char *body, size_t scheme, int secret, unsigned secrets)
{
    struct verify_verdict got = check(b, body);
    if (got.reason != NULL) {
        fail_msg("%s: %s", got.reason, got.detail);
    }
    assert_int_equal(got.secret, secret);
    assert_int_equal(b->proof.scheme, scheme);
    assert_int_equal(b->proof.secrets, secrets);
}

static void refuses(struct bench *b, const char *body, const char *reason, const char *detail)
{
    struct verify_verdict got = check(b, body);
    assert_ptr_equal(got.reason, reason);
    assert_int_equal(got.secret, -1);
    assert_int_equal(b->proof.secrets, 99); /* untouched */
    room_holds(str_of(got.detail), detail);
}

/* ---- any of them ---- */

static void any_of_them_is_enough(void **state)
{
    (void)state;
    struct bench b;
    open_two(&b, false);
    assert_false(verify_wants_all(b.v));
    assert_int_equal(verify_scheme_count(b.v), 2);
    assert_int_equal(verify_secret_count(b.v), 3);
    sign(&b, 0, "{}", NOW);
    takes(&b, "{}", 0, 0, 1);
    refuses(&b, "{ }", VERIFY_BAD_SIGNATURE, "no secret");
    anew(&b);
    sign_by(&b, verify_preset(STR("github")), "g2", "{}");
    takes(&b, "{}", 0, 1, 2);
    anew(&b);
    sign(&b, 1, "{}", NOW);
    takes(&b, "{}", 1, 2, 4);
    refuses(&b, "{ }", VERIFY_BAD_SIGNATURE, "no secret");
    sign(&b, 0, "{}", NOW); /* by both: the first one's */
    takes(&b, "{}", 0, 0, 1);
    close_group(&b);
}

/* Each scheme has secrets and headers of its own. */
static void no_scheme_takes_what_is_anothers(void **state)
{
    (void)state;
    struct bench b;
    open_two(&b, false);
    sign_by(&b, verify_preset(STR("github")), "h1", "{}");
    refuses(&b, "{}", VERIFY_BAD_SIGNATURE, "no secret");
    anew(&b);
    sign_by(&b, &timed, "g1", "{}");
    refuses(&b, "{}", VERIFY_BAD_SIGNATURE, "no secret");
    anew(&b);
    sign(&b, 0, "{}", NOW);
    b.fields.v[0].name = STR("X-Sig");
    refuses(&b, "{}", VERIFY_BAD_SIGNATURE, "no signature of the expected form");
    anew(&b);
    refuses(&b, "{}", VERIFY_BAD_SIGNATURE, "signature header is missing");
    close_group(&b);
}

static void the_most_telling_reason_is_given(void **state)
{
    (void)state;
    for (int turn = 0; turn < 2; turn++) { /* in either order */
        struct bench b;
        memset(&b, 0, sizeof b);
        if (turn == 0) {
            add(&b, &timed, "h1", NULL);
        }
        add_preset(&b, "github", "g1", NULL);
        if (turn == 1) {
            add(&b, &timed, "h1", NULL);
        }
        join(&b, false);
        sign(&b, turn == 0 ? 0 : 1, "{}", NOW - 301);
        refuses(&b, "{}", VERIFY_STALE_TIMESTAMP, "too old");
        sign_by(&b, verify_preset(STR("github")), "other", "{}"); /* wrong beside stale */
        refuses(&b, "{}", VERIFY_STALE_TIMESTAMP, "too old");
        anew(&b);
        sign(&b, turn == 0 ? 0 : 1, "{}", NOW + 301);
        refuses(&b, "{}", VERIFY_STALE_TIMESTAMP, "too far ahead");
        anew(&b);
        sign_by(&b, &timed, "other", "{}"); /* wrong beside missing */
        refuses(&b, "{}", VERIFY_BAD_SIGNATURE, "no secret");
        anew(&b);
        sign(&b, turn == 0 ? 0 : 1, "{}", NOW - 301); /* stale, but the other one is good */
        sign(&b, turn == 0 ? 1 : 0, "{}", NOW);
        assert_null(check(&b, "{}").reason);
        close_group(&b);
    }
}

/* It may be genuine once the keys are read, so that is said before anything else. */
static void a_key_that_is_not_known_comes_first(void **state)
{
    (void)state;
    static char text[1024];
    unsigned char signature[256] = {1};
    struct bench b;
    memset(&b, 0, sizeof b);
    struct verify_recipe oidc = *verify_preset(STR("google-pubsub"));
    oidc.jwt.audience = STR("us");
    add(&b, &timed, "h1", NULL);
    add(&b, &oidc, NULL, NULL);
    join(&b, false);
    assert_int_equal(verify_algorithm(b.v), JWT_RS256);
    size_t n =
        (size_t)snprintf(text, sizeof text, "Bearer eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.e30.");
    n += text_put_base64url(text + n, signature, sizeof signature);
    sign(&b, 0, "{}", NOW - 301);
    assert_true(fields_add(&b.fields, STR("Authorization"), (struct str){text, n}));
    assert_ptr_equal(check(&b, "{}").detail, VERIFY_UNKNOWN_KEY);
    anew(&b);
    sign(&b, 0, "{}", NOW);
    assert_true(fields_add(&b.fields, STR("Authorization"), (struct str){text, n}));
    takes(&b, "{}", 0, 0, 1);
    close_group(&b);
}

/* ---- all of them ---- */

static void all_of_them_must_hold(void **state)
{
    (void)state;
    struct bench b;
    open_two(&b, true);
    assert_true(verify_wants_all(b.v));
    sign(&b, 0, "{}", NOW);
    refuses(&b, "{}", VERIFY_BAD_SIGNATURE, "header is missing");
    sign(&b, 1, "{}", NOW);
    takes(&b, "{}", 0, 0, 5);
    refuses(&b, "{ }", VERIFY_BAD_SIGNATURE, "no secret");
    anew(&b);
    sign(&b, 1, "{}", NOW);
    refuses(&b, "{}", VERIFY_BAD_SIGNATURE, "header is missing");
    sign_by(&b, verify_preset(STR("github")), "g2", "{}");
    takes(&b, "{}", 0, 1, 6);
    anew(&b);
    sign(&b, 0, "{}", NOW);
    sign(&b, 1, "{}", NOW - 301);
    refuses(&b, "{}", VERIFY_STALE_TIMESTAMP, "too old");
    anew(&b);
    sign(&b, 0, "{}", NOW);
    sign_by(&b, &timed, "g1", "{}");
    refuses(&b, "{}", VERIFY_BAD_SIGNATURE, "no secret");
    anew(&b);
    sign(&b, 0, "{}", NOW);
    sign(&b, 1, "{}", NOW);
    sign_by(&b, verify_preset(STR("stripe")), "x", "{}"); /* more than is asked for */
    takes(&b, "{}", 0, 0, 5);
    assert_true(fields_add(&b.fields, STR("x-sig"), b.fields.v[0].value));
    refuses(&b, "{}", VERIFY_BAD_SIGNATURE, "occurs twice");
    close_group(&b);
}

/* ---- what cannot be ---- */

static void cannot_be(struct bench *b, int want, const char *part)
{
    int bad = 99;
    for (int all = 0; all < 2; all++) {
        const char *why = verify_group(&b->v, STR("a group"), b->schemes, b->n, all == 1, &bad);
        assert_null(b->v);
        room_holds(str_of(why), part);
        assert_int_equal(bad, want);
    }
    while (b->n > 0) {
        verify_free(b->schemes[--b->n]);
    }
}

static void what_would_mean_nothing_is_refused(void **state)
{
    (void)state;
    struct bench b;
    memset(&b, 0, sizeof b);
    add_preset(&b, "github", "g1", NULL);
    add_preset(&b, "none", NULL, NULL);
    cannot_be(&b, 1, "takes whatever comes");
    add_preset(&b, "none", NULL, NULL);
    cannot_be(&b, 0, "takes whatever comes");
    add_preset(&b, "asana", NULL, NULL);
    add_preset(&b, "github", "g1", NULL);
    cannot_be(&b, 0, "with its handshake");
    struct verify_recipe oidc = *verify_preset(STR("google-pubsub"));
    oidc.jwt.audience = STR("us");
    add(&b, &oidc, NULL, NULL);
    add(&b, &timed, "h1", NULL);
    add(&b, &oidc, NULL, NULL);
    cannot_be(&b, 2, "only one can have published keys");
    for (size_t i = 0; i <= VERIFY_SCHEMES; i++) {
        add_preset(&b, "github", "g1", NULL);
    }
    cannot_be(&b, -1, "at most 8 schemes");
}

/* X's handshake signs a text of anybody's choice: that must verify by nothing else. */
static void what_signs_for_anybody_shares_no_secret(void **state)
{
    (void)state;
    struct bench b;
    memset(&b, 0, sizeof b);
    add_preset(&b, "x", "k", NULL);
    add_preset(&b, "github", "g1", "k");
    cannot_be(&b, 0, "no other scheme's");
    add_preset(&b, "github", "k", NULL);
    add_preset(&b, "x", "k", NULL);
    cannot_be(&b, 1, "no other scheme's");
    add_preset(&b, "x", "s123", NULL);
    struct verify_recipe other = timed;
    other.key = VERIFY_KEY_BASE64;
    add(&b, &other, "czEyMw==", NULL); /* the same key, written in another way */
    cannot_be(&b, 0, "no other scheme's");
    add_preset(&b, "x", "k", NULL);
    struct verify_recipe tokens = {.name = {"jwt", 3}, .kind = VERIFY_JWT, .headers = {{"J", 1}}};
    tokens.jwt.algorithms = JWT_BIT(JWT_HS256);
    tokens.jwt.body = (struct jwt_bond){STR("b"), JWT_HEX};
    tokens.key = VERIFY_KEY_HEX;
    add(&b, &tokens, "6b", NULL);
    cannot_be(&b, 0, "no other scheme's");
    add_preset(&b, "x", "k", NULL);
    add_preset(&b, "github", "g1", NULL);
    join(&b, false);
    close_group(&b);
}

/* Else what one has signed would be taken by another as something else. */
static void one_key_signs_one_form_of_text(void **state)
{
    (void)state;
    struct verify_recipe other = timed;
    for (int turn = 0; turn < 3; turn++) {
        static const char *const keys[] = {"k", "aw==", "6b00"}; /* HMAC pads with zeros */
        struct bench b;
        memset(&b, 0, sizeof b);
        int bad;
        other.key = (enum verify_key)(VERIFY_KEY_RAW + turn);
        add_preset(&b, "github", "g1", "k");
        add(&b, &other, keys[turn], NULL);
        room_holds(str_of(verify_group(&b.v, STR("a group"), b.schemes, b.n, false, &bad)),
                   "give each its own secret");
        assert_int_equal(bad, 1);
        join(&b, true); /* each must hold, so the other one's is no help */
        close_group(&b);
    }
    const struct verify_recipe fine[] = {
        {.name = {"hmac", 4},
         .digest = CRYPT_SHA256,
         .headers = {{"A", 1}},
         .signed_text = {"{body}", 6}},
        {.name = {"hmac", 4},
         .digest = CRYPT_SHA1,
         .headers = {{"A", 1}},
         .ts_headers = {{"T", 1}},
         .signed_text = {"{ts}.{body}", 11}},
        {.name = {"token", 5}, .kind = VERIFY_TOKEN, .headers = {{"A", 1}}},
    };
    for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) {
        struct bench b;
        memset(&b, 0, sizeof b);
        add_preset(&b, "github", "k", NULL);
        add(&b, &fine[i], "k", NULL);
        join(&b, false);
        close_group(&b);
    }
}

/* So do a digest and a public key. */
static void of_digests_and_public_keys_too(void **state)
{
    (void)state;
    static const char *const key =
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"; /* of RFC 8032 7.1 */
    struct verify_recipe plain = {.name = {"hash", 4}, .kind = VERIFY_HASH, .digest = CRYPT_SHA256};
    struct verify_recipe longer;
    for (int turn = 0; turn < 2; turn++) {
        struct bench b;
        int bad;
        memset(&b, 0, sizeof b);
        plain.kind = turn == 0 ? VERIFY_HASH : VERIFY_ED25519;
        plain.key = turn == 0 ? VERIFY_KEY_RAW : VERIFY_KEY_HEX;
        plain.headers[0] = STR("A");
        plain.signed_text = turn == 0 ? STR("{secret}{body}") : STR("{body}");
        longer = plain;
        longer.signed_text = turn == 0 ? STR("{secret}{method}{body}") : STR("{method}{body}");
        add(&b, &plain, key, NULL);
        add(&b, &longer, key, NULL);
        room_holds(str_of(verify_group(&b.v, STR("a group"), b.schemes, b.n, false, &bad)),
                   "give each its own secret");
        join(&b, true);
        close_group(&b);
    }
}

static void of_secrets_there_are_sixteen(void **state)
{
    (void)state;
    static const char *const letters[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    struct str secrets[VERIFY_SECRETS];
    struct bench b;
    memset(&b, 0, sizeof b);
    for (size_t i = 0; i < VERIFY_SECRETS; i++) {
        secrets[i] = str_of(letters[i]);
    }
    for (int i = 0; i < 2; i++) {
        assert_null(
            verify_new(&b.schemes[b.n++], i == 0 ? &timed : &token, secrets, VERIFY_SECRETS, NULL));
    }
    join(&b, true);
    assert_int_equal(verify_secret_count(b.v), 16);
    sign_by(&b, &timed, "h", "{}");
    sign_by(&b, &token, "h", "{}");
    takes(&b, "{}", 0, 7, 1u << 7 | 1u << 15);
    close_group(&b);
    memset(&b, 0, sizeof b);
    for (int i = 0; i < 2; i++) {
        assert_null(
            verify_new(&b.schemes[b.n++], i == 0 ? &timed : &token, secrets, VERIFY_SECRETS, NULL));
    }
    add_preset(&b, "github", "z", NULL);
    cannot_be(&b, -1, "at most 16 secrets");
}

/* ---- what is said of them ---- */

static void what_it_is_worth_depends_on_all(void **state)
{
    (void)state;
    for (int all = 0; all < 2; all++) {
        struct bench b;
        open_two(&b, all == 1);
        assert_true(verify_is_computed(b.v));
        close_group(&b);
        memset(&b, 0, sizeof b);
        add(&b, &timed, "h1", NULL);
        add(&b, &token, "t", NULL);
        join(&b, all == 1);
        assert_int_equal(verify_is_computed(b.v), all);
        close_group(&b);
        memset(&b, 0, sizeof b);
        add(&b, &token, "t", NULL);
        add_preset(&b, "postmark", "u:p", NULL);
        join(&b, all == 1);
        assert_false(verify_is_computed(b.v));
        close_group(&b);
    }
}

static void digest(struct bench *b, const char *body, unsigned char out[CRYPT_DIGEST_MAX])
{
    struct verify_verdict got = check(b, body);
    assert_null(got.reason);
    struct verify_input in = {STR("POST"), STR("/hooks/x"), &b->fields, str_of(body)};
    verify_signed_digest(b->v, &b->proof, &in, out);
}

/* The same for a replay, and another for the next event. */
static void what_is_signed_is_that_of_who_took_it(void **state)
{
    (void)state;
    unsigned char one[CRYPT_DIGEST_MAX], two[CRYPT_DIGEST_MAX], later[CRYPT_DIGEST_MAX];
    struct bench b;
    open_two(&b, false);
    sign(&b, 1, "{}", NOW);
    digest(&b, "{}", one);
    assert_true(fields_add(&b.fields, STR("X-Other"), STR("made up")));
    digest(&b, "{}", two);
    assert_memory_equal(one, two, 32);
    anew(&b);
    sign(&b, 1, "{}", NOW + 1); /* the same body again: github would take it for a replay */
    digest(&b, "{}", later);
    assert_memory_not_equal(one, later, 32);
    close_group(&b);

    memset(&b, 0, sizeof b);
    add(&b, &timed, "h1", NULL);
    add(&b, &token, "t1", NULL);
    add_preset(&b, "github", "g1", NULL);
    join(&b, true);
    for (size_t i = 0; i < 3; i++) {
        sign(&b, i, "{}", NOW);
    }
    digest(&b, "{}", one);
    assert_true(fields_add(&b.fields, STR("X-Other"), STR("made up")));
    digest(&b, "{}", two);
    assert_memory_equal(one, two, 32);
    anew(&b);
    for (size_t i = 0; i < 3; i++) {
        sign(&b, i, "{}", NOW + 1);
    }
    digest(&b, "{}", later);
    assert_memory_not_equal(one, later, 32);
    close_group(&b);
}

/* The same text in two schemes is two secrets: one may be in use, the other not. */
static void secrets_are_told_apart_by_their_scheme(void **state)
{
    (void)state;
    char a[VERIFY_SECRET_ID + 1], c[VERIFY_SECRET_ID + 1], again[VERIFY_SECRET_ID + 1];
    struct bench b;
    memset(&b, 0, sizeof b);
    add_preset(&b, "github", "same", "g2");
    add(&b, &timed, "same", "h2");
    join(&b, true);
    verify_secret_id(b.v, 0, a);
    verify_secret_id(b.v, 2, c);
    assert_string_not_equal(a, c);
    verify_secret_id(b.v, 1,
                     again); /* of its own: so its past is known when it comes into a list */
    verify_secret_id(verify_scheme(b.v, 0), 1, c);
    assert_string_equal(again, c);
    assert_int_equal(verify_newest(b.v, 0), 0);
    assert_int_equal(verify_newest(b.v, 1), 0);
    assert_int_equal(verify_newest(b.v, 2), 2);
    assert_int_equal(verify_newest(b.v, 3), 2);
    close_group(&b);
    memset(&b, 0, sizeof b); /* wherever it stands */
    add(&b, &timed, "same", NULL);
    add_preset(&b, "github", "same", NULL);
    join(&b, true);
    verify_secret_id(b.v, 1, again);
    assert_string_equal(a, again);
    close_group(&b);
}

/* HMAC of an old header, all in it. */
static const struct verify_recipe in_one = {.name = {"hmac", 4},
                                            .digest = CRYPT_SHA256,
                                            .headers = {{"X-Sig", 5}},
                                            .item_sep = ',',
                                            .kv_sep = '=',
                                            .sig_key = {"v1", 2},
                                            .ts_key = {"t", 1},
                                            .signed_text = {"{ts}.{body}", 11},
                                            .past_s = 300,
                                            .future_s = 300};
static const struct verify_recipe claims = {
    .name = {"jwt", 3},
    .kind = VERIFY_JWT,
    .headers = {{"X-Sig", 5}},
    .jwt = {.algorithms = JWT_BIT(JWT_HS256), .body = {{"b", 1}, JWT_HEX}, .expires = true}};

/* Those that differ from `in_one`, and from `claims`, in one thing each. */
static struct verify_recipe varied(size_t i)
{
    struct verify_recipe r = i < 9 ? in_one : claims;
    switch (i) {
    case 0:
        r.digest = CRYPT_SHA1;
        break;
    case 1:
        r.encoding = VERIFY_BASE64;
        break;
    case 2:
        r.sig_key = STR("v2");
        break;
    case 3:
        r.ts_key = STR("u");
        break;
    case 4:
        r.future_s = 30;
        break;
    case 5:
        r.past_s = 30;
        break;
    case 6:
        r.unit = TIMESTAMP_MILLISECONDS;
        break;
    case 7:
        r.headers[1] = STR("X-Sig-2");
        break;
    case 8:
        r.key = VERIFY_KEY_EITHER;
        break;
    case 9:
        r.jwt.issuer = STR("i");
        break;
    case 10:
        r.jwt.audience = STR("i");
        break;
    case 11:
        r.jwt.body.claim = STR("c");
        break;
    case 12:
        r.jwt.max_age_s = 9;
        break;
    default:
        r.jwt.algorithms = JWT_BIT(JWT_HS512);
        break;
    }
    return r;
}

/* A token that vouches for its body is none that vouches for nothing, by the same secret. */
static void tokens_by_one_key_vouch_for_the_same(void **state)
{
    (void)state;
    for (int turn = 0; turn < 3; turn++) {
        int bad;
        struct bench b;
        struct verify_recipe other = claims;
        memset(&b, 0, sizeof b);
        other.jwt.body.claim = turn == 0 ? STR("b") : STR_NONE;
        other.jwt.in_body = turn == 1;
        other.jwt.audience = turn == 2 ? STR("us") : STR_NONE; /* else it could not be */
        other.headers[0] = turn == 1 ? STR_NONE : other.headers[0];
        other.jwt.url.claim = turn == 0 ? STR("u") : STR_NONE;
        other.public_url = turn == 0 ? STR("https://h/") : STR_NONE;
        add(&b, &claims, "same", NULL);
        add(&b, &other, "same", NULL);
        room_holds(str_of(verify_group(&b.v, STR("a group"), b.schemes, b.n, false, &bad)),
                   "give each its own secret");
        join(&b, true);
        close_group(&b);
    }
}

static void secrets_of_one_type_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < 14; i++) {
        char a[VERIFY_SECRET_ID + 1], c[VERIFY_SECRET_ID + 1];
        struct verify_recipe other = varied(i);
        struct bench b;
        memset(&b, 0, sizeof b);
        add(&b, i < 9 ? &in_one : &claims, "same", NULL);
        add(&b, &other, "same", NULL);
        join(&b, false);
        verify_secret_id(b.v, 0, a);
        verify_secret_id(b.v, 1, c);
        assert_string_not_equal(a, c);
        close_group(&b);
    }
}

/* ---- signing ---- */

static void any_signs_by_the_first_and_all_by_each(void **state)
{
    (void)state;
    struct bench b;
    open_two(&b, false);
    sign_with(&b, b.v, "{}", NOW);
    takes(&b, "{}", 0, 0, 1);
    assert_null(fields_find(&b.fields, STR("X-Sig")));
    close_group(&b);
    open_two(&b, true);
    sign_with(&b, b.v, "{}", NOW);
    takes(&b, "{}", 0, 0, 5);
    assert_int_equal(fields_count(&b.fields, STR("X-GitHub-Delivery")), 1);
    close_group(&b);
    struct verify_recipe with_id = timed;
    with_id.signed_text = STR("{id}.{ts}.{body}");
    with_id.id_headers[0] = STR("X-GitHub-Delivery"); /* both write it */
    memset(&b, 0, sizeof b);
    add_preset(&b, "github", "g1", NULL);
    add(&b, &with_id, "h1", NULL);
    join(&b, true);
    sign_with(&b, b.v, "{}", NOW);
    takes(&b, "{}", 0, 0, 3);
    close_group(&b);
}

static void what_cannot_sign_says_so(void **state)
{
    (void)state;
    static const struct str methods = {"POST", 4};
    struct bench b;
    struct buf out;
    struct verify_recipe other = timed;
    buf_init(&out, 8192);
    other.headers[0] = STR("x-hub-signature-256");
    memset(&b, 0, sizeof b);
    add_preset(&b, "github", "g1", NULL);
    add(&b, &other, "h1", NULL);
    join(&b, true);
    room_holds(str_of(verify_sign(b.v, methods, STR("{}"), NOW, STR("i"), &b.fields, &out)),
               "write the same header");
    close_group(&b);
    memset(&b, 0, sizeof b);
    add_preset(&b, "github", "g1", NULL);
    add_preset(&b, "discord", "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
               NULL);
    join(&b, true);
    room_holds(str_of(verify_sign(b.v, methods, STR("{}"), NOW, STR("i"), &b.fields, &out)),
               "private key");
    close_group(&b);
    buf_done(&out);
}

/* ---- handshakes ---- */

static void a_handshake_is_its_schemes(void **state)
{
    (void)state;
    struct bench b;
    const struct verify *whose;
    memset(&b, 0, sizeof b);
    add_preset(&b, "github", "g1", NULL);
    add_preset(&b, "slack", "s1", NULL);
    add_preset(&b, "meta", "m1", NULL);
    join(&b, false);
    assert_true(challenge_may_use(b.v, STR("GET")));
    assert_false(challenge_may_use(b.v, STR("HEAD")));
    assert_true(challenge_may_use(verify_scheme(b.v, 1), STR("POST")));
    const char *body = "{\"type\":\"url_verification\",\"challenge\":\"oh\"}";
    struct challenge_input in = {.request = {STR("POST"), STR("/"), &b.fields, str_of(body)}};
    struct buf out;
    buf_init(&out, 1024);
    const struct challenge *c = challenge_among(b.v, &in, &whose);
    assert_non_null(c);
    room_text(verify_name(whose), "slack", "whose");
    sign(&b, 0, body, NOW); /* genuine, but slack's own signature is asked for */
    assert_non_null(challenge_answer(c, whose, STR_NONE, &in, NOW, &out));
    sign(&b, 1, body, NOW);
    assert_null(challenge_answer(c, whose, STR_NONE, &in, NOW, &out));
    room_text(buf_str(&out), "oh", "answer");
    in.request.body = STR("{\"type\":\"event_callback\"}");
    assert_null(challenge_among(b.v, &in, &whose));
    in.request.method = STR("GET");
    in.query = STR("hub.mode=subscribe&hub.challenge=1&hub.verify_token=t");
    assert_non_null(challenge_among(b.v, &in, &whose));
    room_text(verify_name(whose), "meta", "whose");
    unsigned char mac[CRYPT_DIGEST_MAX];
    assert_int_equal(verify_mac(b.v, STR("x"), mac), 0); /* no group signs for anybody */
    buf_done(&out);
    close_group(&b);
}

static struct verify_verdict others(struct bench *b, size_t but, const char *body)
{
    struct verify_input in = {STR("POST"), STR("/hooks/x"), &b->fields, str_of(body)};
    return verify_check_others(b->v, verify_scheme(b->v, but), &in, NULL, NOW);
}

/* What another one takes is no handshake; and where all must hold, it is none without the rest. */
static void the_others_are_asked_about_a_handshake(void **state)
{
    (void)state;
    const char *body = "{\"type\":\"url_verification\"}";
    for (int all = 0; all < 2; all++) {
        struct bench b;
        memset(&b, 0, sizeof b);
        add_preset(&b, "slack", "s1", NULL);
        add_preset(&b, "github", "g1", NULL);
        join(&b, all == 1);
        sign(&b, 0, body, NOW); /* by its own is not by another */
        assert_ptr_equal(others(&b, 0, body).reason, VERIFY_BAD_SIGNATURE);
        sign(&b, 1, body, NOW);
        assert_null(others(&b, 0, body).reason);
        assert_ptr_equal(others(&b, 0, "{}").reason, VERIFY_BAD_SIGNATURE);
        assert_ptr_equal(others(&b, 1, "{}").reason, VERIFY_BAD_SIGNATURE);
        close_group(&b);
    }
    struct bench b;
    struct verify_recipe slower = *verify_preset(STR("slack"));
    slower.past_s = 3600;
    memset(&b, 0, sizeof b); /* both would answer: it is an event of neither */
    add_preset(&b, "slack", "s1", NULL);
    add(&b, &slower, "s2", NULL);
    join(&b, false);
    sign(&b, 1, body, NOW);
    assert_ptr_equal(others(&b, 0, body).reason, VERIFY_BAD_SIGNATURE);
    close_group(&b);
    memset(&b, 0, sizeof b); /* and a scheme alone has no others */
    add_preset(&b, "slack", "s1", NULL);
    b.v = b.schemes[0];
    sign(&b, 0, body, NOW);
    assert_ptr_equal(others(&b, 0, body).reason, VERIFY_BAD_SIGNATURE);
    close_group(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_of_them_is_enough),
        cmocka_unit_test(no_scheme_takes_what_is_anothers),
        cmocka_unit_test(the_most_telling_reason_is_given),
        cmocka_unit_test(a_key_that_is_not_known_comes_first),
        cmocka_unit_test(all_of_them_must_hold),
        cmocka_unit_test(what_would_mean_nothing_is_refused),
        cmocka_unit_test(what_signs_for_anybody_shares_no_secret),
        cmocka_unit_test(one_key_signs_one_form_of_text),
        cmocka_unit_test(of_digests_and_public_keys_too),
        cmocka_unit_test(tokens_by_one_key_vouch_for_the_same),
        cmocka_unit_test(of_secrets_there_are_sixteen),
        cmocka_unit_test(what_it_is_worth_depends_on_all),
        cmocka_unit_test(what_is_signed_is_that_of_who_took_it),
        cmocka_unit_test(secrets_are_told_apart_by_their_scheme),
        cmocka_unit_test(secrets_of_one_type_are_told_apart),
        cmocka_unit_test(any_signs_by_the_first_and_all_by_each),
        cmocka_unit_test(what_cannot_sign_says_so),
        cmocka_unit_test(a_handshake_is_its_schemes),
        cmocka_unit_test(the_others_are_asked_about_a_handshake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
