/* Numbers compared as they are written. */
#include "model/decimal.h"

#define EXPONENT_MAX 1000000000000000 /* beyond it all are the same: no text has so many digits */

static size_t count_digits(struct str s, size_t from)
{
    size_t n = from;
    while (n < s.len && s.at[n] >= '0' && s.at[n] <= '9') {
        n++;
    }
    return n - from;
}

/* e+10, E-3, or nothing; false: neither, or more behind it. */
static bool read_exponent(struct str s, int64_t *out)
{
    *out = 0;
    if (s.len == 0) {
        return true;
    }
    if (s.at[0] != 'e' && s.at[0] != 'E') {
        return false;
    }
    size_t i = 1;
    bool negative = i < s.len && s.at[i] == '-';
    i += negative || (i < s.len && s.at[i] == '+');
    if (i == s.len || count_digits(s, i) != s.len - i) {
        return false;
    }
    for (; i < s.len; i++) {
        *out = *out >= EXPONENT_MAX ? EXPONENT_MAX : *out * 10 + (s.at[i] - '0');
    }
    *out = *out > EXPONENT_MAX ? EXPONENT_MAX : *out;
    *out = negative ? -*out : *out;
    return true;
}

/* `s` holds `whole` digits and, where `part` > 0, a point and that many more. */
static void find_digits(struct str s, size_t whole, size_t part, int64_t exponent,
                        struct decimal *out)
{
    size_t end = whole + (part > 0 ? part + 1 : 0), first = 0;
    while (first < end && (s.at[first] == '0' || s.at[first] == '.')) {
        first++;
    }
    while (end > first && (s.at[end - 1] == '0' || s.at[end - 1] == '.')) {
        end--;
    }
    out->digits = str_head(str_from(s, first), end - first);
    int64_t top = first < whole ? (int64_t)(whole - first) - 1 : (int64_t)whole - (int64_t)first;
    out->top = out->digits.len == 0 ? 0 : top + exponent;
}

bool decimal_read(struct str s, struct decimal *out)
{
    out->negative = s.len > 0 && s.at[0] == '-';
    s = str_from(s, out->negative);
    size_t whole = count_digits(s, 0), part = 0;
    if (whole == 0 || (whole > 1 && s.at[0] == '0')) {
        return false;
    }
    size_t end = whole;
    if (end < s.len && s.at[end] == '.') {
        part = count_digits(s, end + 1);
        end += part + 1;
        if (part == 0) {
            return false;
        }
    }
    int64_t exponent;
    if (!read_exponent(str_from(s, end), &exponent)) {
        return false;
    }
    find_digits(s, whole, part, exponent, out);
    out->negative = out->negative && out->digits.len > 0; /* -0 is 0 */
    return true;
}

size_t decimal_key(const struct decimal *d, char out[DECIMAL_KEY])
{
    size_t n = 0;
    if (d->digits.len > DECIMAL_KEY - 24) {
        return 0;
    }
    out[n++] = d->negative ? '-' : '+';
    for (size_t i = 0; i < d->digits.len; i++) {
        if (d->digits.at[i] != '.') {
            out[n++] = d->digits.at[i];
        }
    }
    out[n++] = d->top < 0 ? '<' : '>';
    return n + text_put_u64(out + n, (uint64_t)(d->top < 0 ? -d->top : d->top));
}

/* What is missing at the end of the shorter one are zeros. */
static int compare_digits(struct str a, struct str b)
{
    size_t i = 0, k = 0;
    for (;;) {
        i += i < a.len && a.at[i] == '.';
        k += k < b.len && b.at[k] == '.';
        if (i == a.len && k == b.len) {
            return 0;
        }
        char x = i < a.len ? a.at[i++] : '0', y = k < b.len ? b.at[k++] : '0';
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
}

int decimal_compare(const struct decimal *a, const struct decimal *b)
{
    if (a->negative != b->negative) {
        return a->negative ? -1 : 1;
    }
    int less = a->negative ? 1 : -1;
    if (a->digits.len == 0 || b->digits.len == 0) {
        return a->digits.len == b->digits.len ? 0 : a->digits.len == 0 ? less : -less;
    }
    if (a->top != b->top) {
        return a->top < b->top ? less : -less;
    }
    return compare_digits(a->digits, b->digits) * -less;
}
