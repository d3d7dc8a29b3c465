/* What a source asks of its schemes: it has one, or any of several may do, or all of them must. */
#include "model/verify_parts.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(VERIFY_SECRETS_ALL <= 8 * sizeof((struct verify_proof){0}.secrets), "a bit each");

size_t verify_scheme_count(const struct verify *v)
{
    return v->scheme_count > 0 ? v->scheme_count : 1;
}

const struct verify *verify_scheme(const struct verify *v, size_t i)
{
    return v->scheme_count > 0 ? v->schemes[i] : v;
}

bool verify_wants_all(const struct verify *v)
{
    return v->all;
}

/* ---- compiling ---- */

static bool has_id(const struct verify *s, const char *id)
{
    for (size_t i = 0; i < s->secret_count; i++) {
        if (strcmp(s->secrets[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* By what they compute: a key may be written in several ways, and HMAC pads it. */
static bool is_same_key(struct crypt_key *a, struct crypt_key *b, enum crypt_digest d)
{
    const struct str text = STR("penstock key");
    unsigned char of_a[CRYPT_DIGEST_MAX], of_b[CRYPT_DIGEST_MAX];
    if (a == NULL || b == NULL) {
        return false;
    }
    crypt_hmac(a, &text, 1, of_a);
    crypt_hmac(b, &text, 1, of_b);
    return crypt_equal(of_a, of_b, crypt_digest_len(d));
}

/* Has it this key, of HMAC by that digest? */
static bool has_key(const struct verify *s, struct crypt_key *key, enum crypt_digest d)
{
    for (size_t i = 0; i < s->secret_count; i++) {
        struct crypt_key *decoded = d == s->r.digest ? s->secrets[i].decoded : NULL;
        if (is_same_key(key, s->secrets[i].hmac[d], d) || is_same_key(key, decoded, d)) {
            return true;
        }
    }
    return false;
}

static bool shares_a_key(const struct verify *a, const struct verify *b)
{
    for (size_t i = 0; i < a->secret_count; i++) {
        const struct verify_secret *s = &a->secrets[i];
        for (unsigned d = 0; d < CRYPT_DIGESTS; d++) {
            if (has_key(b, s->hmac[d], (enum crypt_digest)d)) {
                return true;
            }
        }
        if (has_key(b, s->decoded, a->r.digest)) {
            return true;
        }
    }
    return false;
}

static bool shares_a_secret(const struct verify *a, const struct verify *b)
{
    for (size_t i = 0; i < a->secret_count; i++) {
        if (has_id(b, a->secrets[i].id)) {
            return true;
        }
    }
    return false;
}

/* What its handshake signs for anybody (`objects_only`) must be an event of no other scheme. */
static bool lends_its_secret(struct verify *const *schemes, size_t n, size_t i)
{
    for (size_t k = 0; k < n && schemes[i]->r.objects_only; k++) {
        if (k != i &&
            (shares_a_secret(schemes[i], schemes[k]) || shares_a_key(schemes[i], schemes[k]))) {
            return true;
        }
    }
    return false;
}

/* Is it the same that a signature of either covers? A token may hold the body, or vouch for it and
 * for the URL, or for neither. */
static bool sign_alike(const struct verify_recipe *a, const struct verify_recipe *b)
{
    return str_eq(a->signed_text, b->signed_text) && a->jwt.in_body == b->jwt.in_body &&
           (a->jwt.body.claim.len > 0) == (b->jwt.body.claim.len > 0) &&
           (a->jwt.url.claim.len > 0) == (b->jwt.url.claim.len > 0);
}

/* Could a signature of one be taken for the other's, of another text? Then what is old or short by
 * one is new or whole by the other. */
static bool mixes_up(const struct verify *a, const struct verify *b)
{
    bool computes = verify_scheme_computes(a) || verify_scheme_computes(b);
    bool one_way = a->r.kind == b->r.kind && a->r.digest == b->r.digest && computes;
    return !sign_alike(&a->r, &b->r) && (shares_a_key(a, b) || (one_way && shares_a_secret(a, b)));
}

static bool mixes_up_with_earlier(struct verify *const *schemes, size_t i)
{
    size_t k = 0;
    while (k < i && !mixes_up(schemes[k], schemes[i])) {
        k++;
    }
    return k < i;
}

static const char *check_schemes(struct verify *const *schemes, size_t n, bool all, int *bad)
{
    const struct verify *published = NULL;
    size_t secrets = 0;
    for (size_t i = 0; i < n; i++) {
        const struct verify *s = schemes[i];
        *bad = (int)i;
        if (s->r.kind == VERIFY_NONE) {
            return "\"none\" takes whatever comes, so what stands beside it would mean nothing";
        }
        if (verify_learns(s)) {
            return "its secret would come with its handshake, which only a source with this one "
                   "scheme can take: write it as its secret";
        }
        if (verify_reads_keys(s) && published != NULL) {
            return "of the schemes of a source only one can have published keys";
        }
        if (lends_its_secret(schemes, n, i)) {
            return "its handshake signs a text of anybody's choice, so its secret can be no other "
                   "scheme's as well";
        }
        if (!all && mixes_up_with_earlier(schemes, i)) {
            return "it and another scheme sign different texts by the same secret, so a signature "
                   "of one could be shown as the other's: give each its own secret";
        }
        published = verify_reads_keys(s) ? s : published;
        secrets += s->secret_count;
    }
    *bad = -1;
    return secrets > VERIFY_SECRETS_ALL ? "at most 16 secrets are tried, of all schemes together"
                                        : NULL;
}

const char *verify_group(struct verify **out, struct str name, struct verify *const *schemes,
                         size_t n, bool all, int *bad_scheme)
{
    int bad = -1;
    ENSURE(n > 0);
    const char *why =
        n > VERIFY_SCHEMES ? "at most 8 schemes are tried" : check_schemes(schemes, n, all, &bad);
    if (bad_scheme != NULL) {
        *bad_scheme = bad;
    }
    *out = NULL;
    if (why != NULL) {
        return why;
    }
    struct verify *v = calloc(1, sizeof *v);
    ENSURE(v != NULL);
    v->r.name = name;
    v->all = all;
    for (v->scheme_count = 0; v->scheme_count < n; v->scheme_count++) {
        ENSURE(schemes[v->scheme_count]->scheme_count == 0);
        v->schemes[v->scheme_count] = schemes[v->scheme_count];
    }
    *out = v;
    return NULL;
}

/* ---- secrets, numbered through ---- */

size_t verify_secret_count(const struct verify *v)
{
    size_t n = v->secret_count;
    for (size_t i = 0; i < v->scheme_count; i++) {
        n += v->schemes[i]->secret_count;
    }
    return n;
}

/* The scheme that has it; `i` becomes its place there. */
static const struct verify *owner_of(const struct verify *v, size_t *i)
{
    size_t k = 0;
    while (k + 1 < v->scheme_count && *i >= verify_scheme(v, k)->secret_count) {
        *i -= verify_scheme(v, k)->secret_count;
        k++;
    }
    return verify_scheme(v, k);
}

size_t verify_newest(const struct verify *v, size_t i)
{
    size_t place = i;
    (void)owner_of(v, &place);
    return i - place;
}

/* Each with its length, so that no two lists of them are written alike. */
static void put_texts(struct buf *out, const struct str *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%zu:", texts[i].len);
        buf_add_str(out, texts[i]);
    }
}

/* All that two schemes with secrets can differ by. */
static void put_recipe(const struct verify_recipe *r, struct buf *out)
{
    const struct jwt_rules *j = &r->jwt;
    const struct str texts[] = {r->name,       r->sig_key,    r->ts_key,   r->signed_text,
                                r->key_prefix, r->public_url, j->issuer,   j->audience,
                                j->email,      j->body.claim, j->url.claim};
    const int64_t numbers[] = {r->kind,     r->digest,     r->item_sep, r->kv_sep,
                               r->encoding, r->unit,       r->past_s,   r->future_s,
                               r->key,      j->algorithms, j->in_body,  j->body.form,
                               j->url.form, j->expires,    j->leeway_s, j->max_age_s};
    put_texts(out, texts, sizeof texts / sizeof texts[0]);
    put_texts(out, r->headers, VERIFY_NAMES);
    put_texts(out, r->ts_headers, VERIFY_NAMES);
    put_texts(out, r->id_headers, VERIFY_NAMES);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        buf_printf(out, "%lld ", (long long)numbers[i]);
    }
}

void verify_secret_id(const struct verify *v, size_t i, char out[VERIFY_SECRET_ID + 1])
{
    const struct verify *s = owner_of(v, &i);
    size_t owners = 0;
    memcpy(out, s->secrets[i].id, VERIFY_SECRET_ID + 1);
    for (size_t k = 0; k < v->scheme_count; k++) {
        owners += has_id(v->schemes[k], out);
    }
    if (owners > 1) {
        unsigned char digest[CRYPT_DIGEST_MAX];
        struct buf text;
        buf_init(&text, SIZE_MAX / 2);
        put_recipe(&s->r, &text);
        buf_add(&text, out, VERIFY_SECRET_ID);
        const struct str all = buf_str(&text);
        crypt_digest(CRYPT_SHA256, &all, 1, digest);
        out[text_put_hex(out, digest, VERIFY_SECRET_ID / 2)] = '\0';
        buf_done(&text);
    }
}

/* ---- checking ---- */

static bool has_one_of(const struct str names[VERIFY_NAMES], const struct fields *fields)
{
    for (size_t i = 0; i < VERIFY_NAMES && names[i].len > 0; i++) {
        if (fields_find(fields, names[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* How much a refusal says to whoever reads it. A key that is not known yet comes first: the request
 * may be genuine still. */
static int telling(const struct verify *s, const struct verify_input *in,
                   const struct verify_verdict *verdict)
{
    return verify_lacks_key(verdict)                   ? 4
           : verdict->reason == VERIFY_STALE_TIMESTAMP ? 3
           : has_one_of(s->r.headers, in->fields)      ? 2
           : verify_seals(s) || s->r.x509.sns          ? 1
                                                       : 0;
}

/* `first` is the number of the scheme's first secret. */
static void note_secret(struct verify_verdict *verdict, size_t first, struct verify_proof *proof)
{
    if (verdict->secret >= 0) {
        verdict->secret += (int)first;
        proof->secrets |= 1u << verdict->secret;
    }
}

/* But for those of the provider `but`, unless that is NULL; so below. */
static struct verify_verdict check_any(const struct verify *v, const struct verify *but,
                                       const struct verify_input *in, const struct jwks *keys,
                                       int64_t now_s, struct verify_proof *proof)
{
    struct verify_verdict best = verify_bad("no scheme is there to take it");
    int most = -1;
    size_t first = 0;
    for (size_t i = 0; i < verify_scheme_count(v); i++) {
        const struct verify *s = verify_scheme(v, i);
        if (but != NULL && str_eq(s->r.name, but->r.name)) {
            continue;
        }
        struct verify_verdict verdict = verify_scheme_check(s, in, keys, now_s);
        if (verdict.reason == NULL) {
            proof->scheme = i;
            note_secret(&verdict, first, proof);
            return verdict;
        }
        int says = telling(s, in, &verdict);
        if (says > most) {
            best = verdict;
            most = says;
        }
        first += s->secret_count;
    }
    return best;
}

static struct verify_verdict check_all(const struct verify *v, const struct verify *but,
                                       const struct verify_input *in, const struct jwks *keys,
                                       int64_t now_s, struct verify_proof *proof)
{
    int secret = -1;
    size_t first = 0;
    for (size_t i = 0; i < v->scheme_count; i++) {
        if (v->schemes[i] == but) {
            continue;
        }
        struct verify_verdict verdict = verify_scheme_check(v->schemes[i], in, keys, now_s);
        if (verdict.reason != NULL) {
            return verdict;
        }
        note_secret(&verdict, first, proof);
        secret = secret < 0 ? verdict.secret : secret;
        first += v->schemes[i]->secret_count;
    }
    return (struct verify_verdict){NULL, NULL, secret};
}

struct verify_verdict verify_check(const struct verify *v, const struct verify_input *in,
                                   int64_t now_s)
{
    return verify_check_by(v, in, NULL, now_s, NULL);
}

struct verify_verdict verify_check_by(const struct verify *v, const struct verify_input *in,
                                      const struct jwks *keys, int64_t now_s,
                                      struct verify_proof *proof)
{
    struct verify_proof found = {0, 0};
    struct verify_verdict verdict = v->all ? check_all(v, NULL, in, keys, now_s, &found)
                                           : check_any(v, NULL, in, keys, now_s, &found);
    if (verdict.reason == NULL && proof != NULL) {
        *proof = found;
    }
    return verdict;
}

struct verify_verdict verify_check_others(const struct verify *v, const struct verify *but,
                                          const struct verify_input *in, const struct jwks *keys,
                                          int64_t now_s)
{
    struct verify_proof proof = {0, 0};
    return v->all ? check_all(v, but, in, keys, now_s, &proof)
                  : check_any(v, but, in, keys, now_s, &proof);
}

/* ---- what it is worth ---- */

bool verify_is_computed(const struct verify *v)
{
    size_t n = verify_scheme_count(v), computed = 0;
    for (size_t i = 0; i < n; i++) {
        computed += verify_scheme_computes(verify_scheme(v, i));
    }
    return v->all ? computed > 0 : computed == n;
}

void verify_signed_digest(const struct verify *v, const struct verify_proof *proof,
                          const struct verify_input *in, unsigned char out[CRYPT_DIGEST_MAX])
{
    unsigned char digests[VERIFY_SCHEMES][CRYPT_DIGEST_MAX];
    struct str parts[VERIFY_SCHEMES];
    size_t n = 0;
    if (!v->all) {
        verify_scheme_signed(verify_scheme(v, proof->scheme), in, out);
        return;
    }
    for (size_t i = 0; i < v->scheme_count; i++) { /* a token beside may be another each time */
        if (verify_scheme_computes(v->schemes[i])) {
            verify_scheme_signed(v->schemes[i], in, digests[n]);
            parts[n] = (struct str){(const char *)digests[n], crypt_digest_len(CRYPT_SHA256)};
            n++;
        }
    }
    crypt_digest(CRYPT_SHA256, parts, n, out);
}

struct str verify_name(const struct verify *v)
{
    return v->r.name;
}
