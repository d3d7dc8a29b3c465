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
        if (k != i && shares_a_secret(schemes[i], schemes[k])) {
            return true;
        }
    }
    return false;
}

static const char *check_schemes(struct verify *const *schemes, size_t n, int *bad)
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
        n > VERIFY_SCHEMES ? "at most 8 schemes are tried" : check_schemes(schemes, n, &bad);
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

void verify_secret_id(const struct verify *v, size_t i, char out[VERIFY_SECRET_ID + 1])
{
    const struct verify *s = owner_of(v, &i);
    const struct verify_recipe *r = &s->r;
    size_t owners = 0;
    memcpy(out, s->secrets[i].id, VERIFY_SECRET_ID + 1);
    for (size_t k = 0; k < v->scheme_count; k++) {
        owners += has_id(v->schemes[k], out);
    }
    if (owners > 1) {
        const struct str parts[] = {r->name,        STR("\n"), r->headers[0],           STR("\n"),
                                    r->signed_text, STR("\n"), str_of(s->secrets[i].id)};
        unsigned char digest[CRYPT_DIGEST_MAX];
        crypt_digest(CRYPT_SHA256, parts, sizeof parts / sizeof parts[0], digest);
        out[text_put_hex(out, digest, VERIFY_SECRET_ID / 2)] = '\0';
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
static unsigned telling(const struct verify *s, const struct verify_input *in,
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

static struct verify_verdict check_any(const struct verify *v, const struct verify_input *in,
                                       const struct jwks *keys, int64_t now_s,
                                       struct verify_proof *proof)
{
    struct verify_verdict best = {NULL, NULL, -1};
    unsigned most = 0;
    size_t first = 0;
    for (size_t i = 0; i < verify_scheme_count(v); i++) {
        const struct verify *s = verify_scheme(v, i);
        struct verify_verdict verdict = verify_scheme_check(s, in, keys, now_s);
        if (verdict.reason == NULL) {
            proof->scheme = i;
            note_secret(&verdict, first, proof);
            return verdict;
        }
        unsigned says = telling(s, in, &verdict);
        if (best.reason == NULL || says > most) {
            best = verdict;
            most = says;
        }
        first += s->secret_count;
    }
    return best;
}

static struct verify_verdict check_all(const struct verify *v, const struct verify_input *in,
                                       const struct jwks *keys, int64_t now_s,
                                       struct verify_proof *proof)
{
    int secret = -1;
    size_t first = 0;
    for (size_t i = 0; i < v->scheme_count; i++) {
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
    struct verify_verdict verdict =
        v->all ? check_all(v, in, keys, now_s, &found) : check_any(v, in, keys, now_s, &found);
    if (verdict.reason == NULL && proof != NULL) {
        *proof = found;
    }
    return verdict;
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
