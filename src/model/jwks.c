/* JSON Web Key Sets: what of one can verify. */
#include "model/jwks.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>
#include <yyjson.h>

enum { LEAST_S = 5 * 60, MOST_S = 24 * 3600, UNSAID_S = 3600 };

struct jwks {
    struct {
        char kid[JWKS_KID];
        size_t kid_len;
        struct crypt_public *key;
    } v[JWKS_KEYS];
    size_t n;
};

const char JWKS_EXPIRED[] = "the key has expired";

static struct str text_at(yyjson_val *object, const char *name)
{
    yyjson_val *v = yyjson_obj_get(object, name);
    return yyjson_is_str(v) ? (struct str){yyjson_get_str(v), yyjson_get_len(v)} : STR_NONE;
}

/* Absent, or that text. */
static bool may_be(yyjson_val *key, const char *name, const char *wanted)
{
    return yyjson_obj_get(key, name) == NULL || str_eq(text_at(key, name), str_of(wanted));
}

static bool is_for(yyjson_val *key, enum jwt_algorithm a)
{
    return str_eq(text_at(key, "kty"), a == JWT_RS256 ? STR("RSA") : STR("EC")) &&
           may_be(key, "use", "sig") && may_be(key, "alg", jwt_name(a)) &&
           (a == JWT_RS256 || str_eq(text_at(key, "crv"), STR("P-256")));
}

static struct crypt_public *key_of(yyjson_val *key, enum jwt_algorithm a)
{
    unsigned char numbers[2][CRYPT_RSA_MAX];
    size_t n[2];
    bool rsa = a == JWT_RS256;
    if (!text_get_base64url(text_at(key, rsa ? "n" : "x"), numbers[0], CRYPT_RSA_MAX, &n[0]) ||
        !text_get_base64url(text_at(key, rsa ? "e" : "y"), numbers[1], CRYPT_RSA_MAX, &n[1])) {
        return NULL;
    }
    return crypt_public_of_numbers(jwt_key(a), (struct str){(const char *)numbers[0], n[0]},
                                   (struct str){(const char *)numbers[1], n[1]});
}

static void append(struct jwks *s, struct str kid, struct crypt_public *key)
{
    memcpy(s->v[s->n].kid, kid.len > 0 ? kid.at : "", kid.len);
    s->v[s->n].kid_len = kid.len;
    s->v[s->n++].key = key;
}

/* Of two keys with one name the first counts. */
static void add_key(struct jwks *s, yyjson_val *key, enum jwt_algorithm a)
{
    struct str kid = text_at(key, "kid");
    if (s->n == JWKS_KEYS || !yyjson_is_obj(key) || !is_for(key, a) || kid.len > JWKS_KID ||
        (kid.len > 0 && jwks_find(s, kid) != NULL)) {
        return;
    }
    struct crypt_public *public = key_of(key, a);
    if (public != NULL) {
        append(s, kid, public);
    }
}

struct jwks *jwks_new(void)
{
    struct jwks *s = calloc(1, sizeof *s);
    ENSURE(s != NULL);
    return s;
}

bool jwks_put(struct jwks *s, struct str kid, struct crypt_public *key)
{
    jwks_drop(s, kid);
    if (s->n == JWKS_KEYS || kid.len == 0 || kid.len > JWKS_KID) {
        crypt_public_free(key);
        return false;
    }
    append(s, kid, key);
    return true;
}

const char *jwks_read(struct jwks **out, struct str json, enum jwt_algorithm a)
{
    union { /* without the in-situ flag yyjson only reads it */
        const char *from;
        char *to;
    } bytes = {json.at};
    size_t i, n;
    yyjson_val *key;
    *out = NULL;
    if (json.len == 0 || json.len > JWKS_BYTES) {
        return "the set of keys is empty, or over 256 KiB";
    }
    yyjson_doc *doc = yyjson_read_opts(bytes.to, json.len, YYJSON_READ_NOFLAG, NULL, NULL);
    yyjson_val *keys = yyjson_obj_get(yyjson_doc_get_root(doc), "keys");
    if (!yyjson_is_arr(keys)) {
        yyjson_doc_free(doc);
        return "the set of keys is no JSON object with \"keys\"";
    }
    struct jwks *s = jwks_new();
    yyjson_arr_foreach(keys, i, n, key)
    {
        add_key(s, key, a);
    }
    yyjson_doc_free(doc);
    if (s->n == 0) {
        jwks_free(s);
        return "the set of keys has none of the algorithm that is configured";
    }
    *out = s;
    return NULL;
}

const char *jwks_read_one(struct crypt_public **out, struct str json, struct str kid,
                          enum jwt_algorithm a)
{
    union { /* without the in-situ flag yyjson only reads it */
        const char *from;
        char *to;
    } bytes = {json.at};
    *out = NULL;
    if (json.len == 0 || json.len > JWKS_BYTES) {
        return "the key is empty, or over 256 KiB";
    }
    yyjson_doc *doc = yyjson_read_opts(bytes.to, json.len, YYJSON_READ_NOFLAG, NULL, NULL);
    yyjson_val *key = yyjson_obj_get(yyjson_doc_get_root(doc), "key");
    yyjson_val *expired = yyjson_obj_get(key, "expired_at");
    const char *why = !yyjson_is_obj(key)                 ? "it is no JSON object with \"key\""
                      : !str_eq(text_at(key, "kid"), kid) ? "it is a key of another name"
                      : expired != NULL && !yyjson_is_null(expired) ? JWKS_EXPIRED
                                                                    : NULL;
    if (why == NULL) {
        *out = is_for(key, a) ? key_of(key, a) : NULL;
        why = *out == NULL ? "it is no key of the algorithm that is configured" : NULL;
    }
    yyjson_doc_free(doc);
    return why;
}

void jwks_free(struct jwks *s)
{
    if (s != NULL) {
        for (size_t i = 0; i < s->n; i++) {
            crypt_public_free(s->v[i].key);
        }
        free(s);
    }
}

static size_t index_of(const struct jwks *s, struct str kid)
{
    size_t i = 0;
    while (i < s->n && !str_eq((struct str){s->v[i].kid, s->v[i].kid_len}, kid)) {
        i++;
    }
    return i;
}

void jwks_drop(struct jwks *s, struct str kid)
{
    size_t i = index_of(s, kid);
    if (i < s->n) {
        crypt_public_free(s->v[i].key);
        s->v[i] = s->v[--s->n];
    }
}

size_t jwks_count(const struct jwks *s)
{
    return s->n;
}

const struct crypt_public *jwks_find(const struct jwks *s, struct str kid)
{
    if (kid.len == 0) {
        return s->n == 1 ? s->v[0].key : NULL;
    }
    size_t i = index_of(s, kid);
    return i < s->n ? s->v[i].key : NULL;
}

int64_t jwks_lifetime_s(const struct fields *answer)
{
    uint64_t age = UNSAID_S;
    for (size_t i = 0; i < answer->n; i++) {
        struct str rest = answer->v[i].value, item, name, value;
        bool more = str_ieq(answer->v[i].name, STR("cache-control"));
        while (more) {
            more = str_cut(rest, ',', &item, &rest);
            bool has_value = str_cut(str_trim(item), '=', &name, &value);
            if (has_value && str_ieq(name, STR("max-age")) &&
                text_u64(value, INT32_MAX, &age) != NULL) {
                age = UNSAID_S;
            }
        }
    }
    return age < LEAST_S ? LEAST_S : age > MOST_S ? MOST_S : (int64_t)age;
}
