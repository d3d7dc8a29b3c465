/* Slices, units, hex and base64, globs. */
#include "base/text.h"

#include <string.h>
#include <time.h>

struct str str_of(const char *text)
{
    return (struct str){text, text == NULL ? 0 : strlen(text)};
}

struct str str_from(struct str s, size_t from)
{
    return from >= s.len ? STR_NONE : (struct str){s.at + from, s.len - from};
}

struct str str_head(struct str s, size_t len)
{
    return (struct str){s.at, len < s.len ? len : s.len};
}

bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

bool str_ieq(struct str a, struct str b)
{
    if (a.len != b.len) {
        return false;
    }
    if (str_eq(a, b)) { /* as it is nearly always */
        return true;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.at[i]) != lower(b.at[i])) {
            return false;
        }
    }
    return true;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_head(s, prefix.len), prefix);
}

bool str_istarts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_ieq(str_head(s, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_from(s, s.len - suffix.len), suffix);
}

bool str_has(struct str s, char c)
{
    return s.len > 0 && memchr(s.at, c, s.len) != NULL;
}

size_t str_count(struct str s, char c)
{
    size_t n = 0;
    struct str head;
    while (str_cut(s, c, &head, &s)) {
        n++;
    }
    return n;
}

/* glibc's memmem looks at each byte, memchr at 32 at once: first where the part may begin. */
struct str str_find(struct str s, struct str part)
{
    for (int tries = 0; tries < 64 && s.len >= part.len && part.len > 0; tries++) {
        const char *at = memchr(s.at, part.at[0], s.len - part.len + 1);
        s = at == NULL ? STR_NONE : str_from(s, (size_t)(at - s.at));
        if (str_starts(s, part)) {
            return s;
        }
        s = str_from(s, 1);
    }
    const char *at = s.len == 0 ? NULL : memmem(s.at, s.len, part.at, part.len);
    return at == NULL ? STR_NONE : str_from(s, (size_t)(at - s.at));
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && (s.at[0] == ' ' || s.at[0] == '\t')) {
        s.at++;
        s.len--;
    }
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t')) {
        s.len--;
    }
    return s;
}

bool str_cut(struct str s, char sep, struct str *head, struct str *tail)
{
    const char *at = s.len == 0 ? NULL : memchr(s.at, sep, s.len);
    if (at == NULL) {
        *head = s;
        *tail = STR_NONE;
        return false;
    }
    size_t n = (size_t)(at - s.at);
    *head = str_head(s, n);
    *tail = (struct str){at + 1, s.len - n - 1};
    return true;
}

struct str text_field(struct str lines, struct str name)
{
    struct str line, key, value;
    while (lines.len > 0) {
        str_cut(lines, '\n', &line, &lines);
        if (str_cut(line, ':', &key, &value) && str_eq(key, name)) {
            return str_ends(value, STR("\r")) ? str_head(value, value.len - 1) : value;
        }
    }
    return STR_NONE;
}

uint64_t str_hash(struct str s)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < s.len; i++) {
        h = (h ^ (unsigned char)s.at[i]) * 1099511628211u;
    }
    return h;
}

/* Reads the digits at the front of `s` and moves it behind them. */
static bool take_digits(struct str *s, uint64_t *out)
{
    uint64_t v = 0;
    size_t i = 0;
    for (; i < s->len && s->at[i] >= '0' && s->at[i] <= '9'; i++) {
        uint64_t digit = (uint64_t)(s->at[i] - '0');
        if (v > (UINT64_MAX - digit) / 10) {
            return false;
        }
        v = v * 10 + digit;
    }
    if (i == 0) {
        return false;
    }
    *s = str_from(*s, i);
    *out = v;
    return true;
}

/* Does it begin with a number that no integer holds? */
static bool digits_overflow(struct str s)
{
    uint64_t v;
    return s.len > 0 && s.at[0] >= '0' && s.at[0] <= '9' && !take_digits(&s, &v);
}

bool text_is_digits(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9') {
            return false;
        }
    }
    return s.len > 0;
}

const char *text_u64(struct str s, uint64_t max, uint64_t *out)
{
    uint64_t v;
    if (!take_digits(&s, &v) || s.len > 0) {
        return "expected a whole number";
    }
    if (v > max) {
        return "the number is too large";
    }
    *out = v;
    return NULL;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* The unit's text is everything up to the next digit. */
static bool take_unit(struct str *s, const struct unit *units, uint64_t *factor)
{
    size_t n = 0;
    while (n < s->len && (s->at[n] < '0' || s->at[n] > '9')) {
        n++;
    }
    for (; units->name != NULL; units++) {
        if (str_eq(str_head(*s, n), str_of(units->name))) {
            *s = str_from(*s, n);
            *factor = units->factor;
            return true;
        }
    }
    return false;
}

#define LONGEST_MS ((uint64_t)INT64_MAX / 8)

const char *text_duration(struct str s, int64_t *out_ms)
{
    static const struct unit units[] = {{"ms", 1},      {"s", 1000},     {"m", 60000},
                                        {"h", 3600000}, {"d", 86400000}, {NULL, 0}};
    static const char WANTED[] = "expected a duration with a unit, such as 250ms, 30s, 1h30m or 3d";
    uint64_t total = 0;
    do {
        uint64_t v, factor;
        if (digits_overflow(s)) {
            return "the duration is too long";
        }
        if (!take_digits(&s, &v) || !take_unit(&s, units, &factor)) {
            return WANTED;
        }
        if (v > LONGEST_MS / factor || total + v * factor > LONGEST_MS) {
            return "the duration is too long";
        }
        total += v * factor;
    } while (s.len > 0);
    *out_ms = (int64_t)total;
    return NULL;
}

const char *text_size(struct str s, uint64_t *out_bytes)
{
    static const struct unit units[] = {{"B", 1},           {"k", 1000},       {"kB", 1000},
                                        {"M", 1000000},     {"MB", 1000000},   {"G", 1000000000},
                                        {"GB", 1000000000}, {"KiB", 1u << 10}, {"MiB", 1u << 20},
                                        {"GiB", 1u << 30},  {NULL, 0}};
    uint64_t v, factor;
    if (digits_overflow(s)) {
        return "the size is too large";
    }
    if (!take_digits(&s, &v) || !take_unit(&s, units, &factor) || s.len > 0) {
        return "expected a size with a unit, such as 16KiB, 1MiB or 2GiB";
    }
    if (v > UINT64_MAX / factor) {
        return "the size is too large";
    }
    *out_bytes = v * factor;
    return NULL;
}

const char *text_percent(struct str s, uint64_t *out)
{
    uint64_t v;
    if (!take_digits(&s, &v) || !str_eq(s, STR("%")) || v > 100) {
        return "expected a whole percentage from 0% to 100%";
    }
    *out = v;
    return NULL;
}

const char *text_rate(struct str s, double *out_per_s)
{
    static const struct unit units[] = {{"/s", 1}, {"/m", 60}, {"/h", 3600}, {NULL, 0}};
    uint64_t v, per;
    if (!take_digits(&s, &v) || !take_unit(&s, units, &per) || s.len > 0) {
        return "expected a rate, such as 50/s or 600/m";
    }
    *out_per_s = (double)v / (double)per;
    return NULL;
}

int64_t text_days(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + (int64_t)doe - 719468;
}

static unsigned month_of(struct str s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (unsigned m = 0; s.len == 3 && m < 12; m++) {
        if (memcmp(s.at, months + 3 * m, 3) == 0) {
            return m + 1;
        }
    }
    return 0;
}

/* "06 Nov 1994 08:49:37", separators as given. */
static bool take_date(struct str day, struct str month, struct str year, struct str clock,
                      int64_t *out_s)
{
    uint64_t d, y, h, mi, sec;
    unsigned m = month_of(month);
    if (m == 0 || clock.len != 8 || clock.at[2] != ':' || clock.at[5] != ':' ||
        text_u64(str_trim(day), 31, &d) != NULL || d == 0 || text_u64(year, 9999, &y) != NULL ||
        text_u64(str_head(clock, 2), 23, &h) != NULL ||
        text_u64(str_head(str_from(clock, 3), 2), 59, &mi) != NULL ||
        text_u64(str_from(clock, 6), 60, &sec) != NULL) {
        return false;
    }
    if (year.len == 2) {
        y += y < 70 ? 2000 : 1900;
    }
    *out_s = text_days((int64_t)y, m, (unsigned)d) * 86400 + (int64_t)(h * 3600 + mi * 60 + sec);
    return true;
}

const char *text_http_date(struct str s, int64_t *out_s)
{
    static const char WANTED[] = "expected an HTTP date";
    struct str rest, name;
    if (str_cut(s, ',', &name, &rest)) { /* IMF-fixdate or RFC 850 */
        rest = str_from(rest, 1);
        if (rest.len == 24 && str_ends(rest, STR(" GMT")) && rest.at[2] == ' ') {
            return take_date(str_head(rest, 2), str_head(str_from(rest, 3), 3),
                             str_head(str_from(rest, 7), 4), str_head(str_from(rest, 12), 8), out_s)
                       ? NULL
                       : WANTED;
        }
        if (rest.len == 22 && str_ends(rest, STR(" GMT")) && rest.at[2] == '-') {
            return take_date(str_head(rest, 2), str_head(str_from(rest, 3), 3),
                             str_head(str_from(rest, 7), 2), str_head(str_from(rest, 10), 8), out_s)
                       ? NULL
                       : WANTED;
        }
        return WANTED;
    }
    /* asctime: Sun Nov  6 08:49:37 1994 */
    if (s.len != 24 || !take_date(str_head(str_from(s, 8), 2), str_head(str_from(s, 4), 3),
                                  str_from(s, 20), str_head(str_from(s, 11), 8), out_s)) {
        return WANTED;
    }
    return NULL;
}

size_t text_put_u64(char out[20], uint64_t v)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v > 0);
    for (size_t i = 0; i < n; i++) {
        out[i] = digits[n - 1 - i];
    }
    return n;
}

size_t text_put_duration(char out[32], int64_t ms)
{
    static const struct unit units[] = {
        {"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
    uint64_t left = ms < 0 ? 0 : (uint64_t)ms;
    size_t n = 0;
    for (size_t i = 0; i < 5; i++) {
        uint64_t count = left / units[i].factor;
        left -= count * units[i].factor;
        if (count > 0 || (i == 3 && n == 0 && left == 0)) {
            n += text_put_u64(out + n, count);
            size_t name = strlen(units[i].name);
            memcpy(out + n, units[i].name, name);
            n += name;
        }
    }
    return n;
}

void text_copy(char *to, size_t size, struct str from)
{
    size_t n = from.len < size - 1 ? from.len : size - 1;
    if (n > 0) {
        memcpy(to, from.at, n);
    }
    to[n] = '\0';
}

size_t text_put_hex(char *out, const void *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *in = bytes;
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[in[i] >> 4];
        out[2 * i + 1] = digits[in[i] & 15];
    }
    return 2 * n;
}

/* One more than what a digit is worth, by its character; 0: it is none. Signatures are digits that
 * nobody can foretell, so that branches on them cost more than all else of it. */
static const unsigned char hex_values[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

bool text_get_hex(struct str s, void *out, size_t cap, size_t *n)
{
    unsigned char *to = out;
    if (s.len % 2 != 0 || s.len / 2 > cap) {
        return false;
    }
    for (size_t i = 0; i < s.len; i += 2) {
        unsigned high = hex_values[(unsigned char)s.at[i]];
        unsigned low = hex_values[(unsigned char)s.at[i + 1]];
        if (high == 0 || low == 0) {
            return false;
        }
        to[i / 2] = (unsigned char)((high - 1) << 4 | (low - 1));
    }
    *n = s.len / 2;
    return true;
}

size_t text_put_base64(char *out, const void *bytes, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = bytes;
    size_t o = 0;
    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)in[i] << 16 | (i + 1 < n ? (unsigned)in[i + 1] << 8 : 0) |
                     (i + 2 < n ? in[i + 2] : 0);
        out[o++] = digits[v >> 18];
        out[o++] = digits[v >> 12 & 63];
        out[o++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
        out[o++] = i + 2 < n ? digits[v & 63] : '=';
    }
    return o;
}

size_t text_put_base64url(char *out, const void *bytes, size_t n)
{
    size_t len = text_put_base64(out, bytes, n);
    while (len > 0 && out[len - 1] == '=') {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    }
    return len;
}

/* Which alphabets of base64 a character belongs to, and what it is worth (RFC 4648 4, 5). */
enum { STANDARD = 0x80, URL = 0x40, BOTH = STANDARD | URL, VALUE = 0x3f };
static const unsigned char base64_values[256] = {
    ['A'] = BOTH | 0,  ['B'] = BOTH | 1,  ['C'] = BOTH | 2,      ['D'] = BOTH | 3,
    ['E'] = BOTH | 4,  ['F'] = BOTH | 5,  ['G'] = BOTH | 6,      ['H'] = BOTH | 7,
    ['I'] = BOTH | 8,  ['J'] = BOTH | 9,  ['K'] = BOTH | 10,     ['L'] = BOTH | 11,
    ['M'] = BOTH | 12, ['N'] = BOTH | 13, ['O'] = BOTH | 14,     ['P'] = BOTH | 15,
    ['Q'] = BOTH | 16, ['R'] = BOTH | 17, ['S'] = BOTH | 18,     ['T'] = BOTH | 19,
    ['U'] = BOTH | 20, ['V'] = BOTH | 21, ['W'] = BOTH | 22,     ['X'] = BOTH | 23,
    ['Y'] = BOTH | 24, ['Z'] = BOTH | 25, ['a'] = BOTH | 26,     ['b'] = BOTH | 27,
    ['c'] = BOTH | 28, ['d'] = BOTH | 29, ['e'] = BOTH | 30,     ['f'] = BOTH | 31,
    ['g'] = BOTH | 32, ['h'] = BOTH | 33, ['i'] = BOTH | 34,     ['j'] = BOTH | 35,
    ['k'] = BOTH | 36, ['l'] = BOTH | 37, ['m'] = BOTH | 38,     ['n'] = BOTH | 39,
    ['o'] = BOTH | 40, ['p'] = BOTH | 41, ['q'] = BOTH | 42,     ['r'] = BOTH | 43,
    ['s'] = BOTH | 44, ['t'] = BOTH | 45, ['u'] = BOTH | 46,     ['v'] = BOTH | 47,
    ['w'] = BOTH | 48, ['x'] = BOTH | 49, ['y'] = BOTH | 50,     ['z'] = BOTH | 51,
    ['0'] = BOTH | 52, ['1'] = BOTH | 53, ['2'] = BOTH | 54,     ['3'] = BOTH | 55,
    ['4'] = BOTH | 56, ['5'] = BOTH | 57, ['6'] = BOTH | 58,     ['7'] = BOTH | 59,
    ['8'] = BOTH | 60, ['9'] = BOTH | 61, ['+'] = STANDARD | 62, ['/'] = STANDARD | 63,
    ['-'] = URL | 62,  ['_'] = URL | 63,
};

/* `s` without its padding. Bits beyond the last byte must be zero: one text a value. */
static bool decode_base64(struct str s, unsigned alphabet, void *out, size_t cap, size_t *n)
{
    const unsigned char *in = (const unsigned char *)s.at;
    unsigned char *to = out;
    size_t whole = s.len / 4, rest = s.len % 4, len = 3 * whole + (rest == 0 ? 0 : rest - 1);
    unsigned all = alphabet;
    if (rest == 1 || len > cap) {
        return false;
    }
    for (size_t i = 0; i < whole; i++, in += 4, to += 3) {
        unsigned a = base64_values[in[0]], b = base64_values[in[1]];
        unsigned c = base64_values[in[2]], d = base64_values[in[3]];
        unsigned bits = (a & VALUE) << 18 | (b & VALUE) << 12 | (c & VALUE) << 6 | (d & VALUE);
        all &= a & b & c & d;
        to[0] = (unsigned char)(bits >> 16);
        to[1] = (unsigned char)(bits >> 8);
        to[2] = (unsigned char)bits;
    }
    unsigned bits = 0;
    for (size_t i = 0; i < rest; i++) {
        all &= base64_values[in[i]];
        bits |= (unsigned)(base64_values[in[i]] & VALUE) << (18 - 6 * i);
    }
    for (size_t i = 1; i < rest; i++, bits = bits << 8 & 0xffffff) {
        to[i - 1] = (unsigned char)(bits >> 16);
    }
    *n = len;
    return all != 0 && bits == 0;
}

static struct str without_padding(struct str s)
{
    for (int i = 0; i < 2 && s.len > 0 && s.at[s.len - 1] == '='; i++) {
        s.len--;
    }
    return s;
}

bool text_get_base64(struct str s, void *out, size_t cap, size_t *n)
{
    return s.len % 4 == 0 && decode_base64(without_padding(s), STANDARD, out, cap, n);
}

bool text_get_base64url(struct str s, void *out, size_t cap, size_t *n)
{
    struct str bare = without_padding(s);
    if (bare.len != s.len && s.len % 4 != 0) {
        return false;
    }
    return decode_base64(bare, URL, out, cap, n);
}

bool text_is_token(struct str s)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < s.len; i++) {
        char c = lower(s.at[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
              (c != 0 && strchr(others, c) != NULL))) {
            return false;
        }
    }
    return s.len > 0;
}

/* Length of the well-formed character at the front, 0 when there is none (Unicode 15, table 3-7).
 */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80) {
        return 1;
    }
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || n < len) {
        return 0;
    }
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

bool text_is_utf8(struct str s)
{
    for (size_t i = 0; i < s.len;) {
        size_t n = utf8_len((const unsigned char *)s.at + i, s.len - i);
        if (n == 0) {
            return false;
        }
        i += n;
    }
    return true;
}

unsigned text_characters(struct str s)
{
    unsigned n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.at[i] & 0xc0) != 0x80;
    }
    return n;
}

static inline bool matches(struct str pattern, struct str subject, bool subject_is_glob)
{
    /* On a mismatch only the last star needs another try, so no recursion. */
    size_t p = 0, s = 0, star = SIZE_MAX, mark = 0;
    while (s < subject.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            mark = s;
        } else if (p < pattern.len &&
                   (pattern.at[p] == subject.at[s] ||
                    (pattern.at[p] == '?' && !(subject_is_glob && subject.at[s] == '*')))) {
            p++;
            s++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            s = ++mark;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*') {
        p++;
    }
    return p == pattern.len;
}

bool text_glob(struct str pattern, struct str subject)
{
    return matches(pattern, subject, false);
}

bool text_glob_covers(struct str pattern, struct str other)
{
    return matches(pattern, other, true);
}

size_t text_distance(struct str a, struct str b, size_t most)
{
    enum { LONGEST = 64 };
    size_t row[LONGEST + 1];
    if (a.len > LONGEST || b.len > LONGEST) {
        return most + 1;
    }
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = diagonal + (lower(a.at[i - 1]) != lower(b.at[j - 1]));
            size_t insert = row[j] + 1, removal = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = change < insert ? change : insert;
            row[j] = row[j] < removal ? row[j] : removal;
        }
    }
    return row[b.len] > most ? most + 1 : row[b.len];
}
