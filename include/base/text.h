/* Text: slices of bytes, and the small readers and writers of human units. Allocates nothing. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_CHECK __attribute__((warn_unused_result))
/* Of a large local that is written before it is read: -ftrivial-auto-var-init leaves it alone. */
#define UNCLEARED __attribute__((uninitialized))

/* A slice: borrowed bytes, not terminated. `at` may be NULL when `len` is 0. */
struct str {
    const char *at;
    size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0})
/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).len, (s).at == NULL ? "" : (s).at

struct str str_of(const char *text); /* NULL gives an empty slice */
struct str str_from(struct str s, size_t from);
struct str str_head(struct str s, size_t len);
bool str_eq(struct str a, struct str b);
bool str_ieq(struct str a, struct str b); /* ASCII case only */
bool str_starts(struct str s, struct str prefix);
bool str_istarts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_has(struct str s, char c);
size_t str_count(struct str s, char c); /* how often it is there */
/* From the first place of `part`, which is not empty, on; nothing: it is not there. */
struct str str_find(struct str s, struct str part);
struct str str_trim(struct str s); /* spaces and tabs at both ends (OWS, RFC 9110 5.6.3) */
/* Cuts at the first `sep`: head before it, tail behind it. False (head = all, tail empty) without.
 */
bool str_cut(struct str s, char sep, struct str *head, struct str *tail);
/* Of lines "name:value": the value, without its CR; empty without such a line. */
struct str text_field(struct str lines, struct str name);
uint64_t str_hash(struct str s); /* FNV-1a; not for hostile keys */

/* Readers: NULL when read, else a constant sentence that says what was expected. */
const char *text_u64(struct str s, uint64_t max, uint64_t *out) MUST_CHECK; /* digits only */
const char *text_duration(struct str s, int64_t *out_ms) MUST_CHECK; /* 250ms 30s 1h30m 3d; 0s */
const char *text_size(struct str s,
                      uint64_t *out_bytes) MUST_CHECK;             /* 16KiB 1MiB 2GiB 10k 5M 64B */
const char *text_percent(struct str s, uint64_t *out) MUST_CHECK;  /* 20% -> 20, up to 100 */
const char *text_rate(struct str s, double *out_per_s) MUST_CHECK; /* 50/s, 600/m, 10/h */
/* IMF-fixdate, RFC 850 and asctime forms (RFC 9110 5.6.7); seconds since 1970. */
const char *text_http_date(struct str s, int64_t *out_s) MUST_CHECK;
/* Days since 1970-01-01 of a date of the (proleptic) Gregorian calendar, by Howard Hinnant's
 * algorithm; m from 1 to 12, d from 1. */
int64_t text_days(int64_t y, unsigned m, unsigned d);
bool text_is_digits(struct str s); /* at least one, and nothing else */

/* Writers: fill `out`, return the length, add no terminator. */
size_t text_put_u64(char out[20], uint64_t v);
size_t text_put_hex(char *out, const void *bytes, size_t n);    /* lower case, 2n characters */
size_t text_put_base64(char *out, const void *bytes, size_t n); /* padded, 4*((n+2)/3) characters */
size_t text_put_base64url(char *out, const void *bytes, size_t n); /* not padded; the same room */
size_t text_put_duration(char out[32], int64_t ms); /* 1h30m, 250ms: text_duration reads it */

/* As much as fits into `to`, and a terminator. */
void text_copy(char *to, size_t size, struct str from);

/* Strict decoders (no white space, exact padding); false = not that encoding, or over `cap`. */
bool text_get_hex(struct str s, void *out, size_t cap, size_t *n); /* either case */
bool text_get_base64(struct str s, void *out, size_t cap, size_t *n);
bool text_get_base64url(struct str s, void *out, size_t cap, size_t *n); /* padding optional */

bool text_is_token(struct str s); /* RFC 9110 5.6.2 tchar, not empty */
bool text_is_utf8(struct str s);
unsigned text_characters(struct str s); /* how many; of UTF-8 */
/* `*` any run, `?` one character, the rest literal. Linear in the subject for each `*`. */
bool text_glob(struct str pattern, struct str subject);
/* Does the pattern take all that the other one takes? */
bool text_glob_covers(struct str pattern, struct str other);
/* Edits between two short texts, at most `most` (then most + 1); for "did you mean". */
size_t text_distance(struct str a, struct str b, size_t most);

#endif
