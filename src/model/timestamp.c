/* Seconds, milliseconds and ISO 8601. */
#include "model/timestamp.h"

#include <string.h>

#define YEAR_10000_S INT64_C(253402300800)

/* The date of a number of days since 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date
 * algorithms"). */
static void date_of(int64_t days, int64_t *y, int64_t *m, int64_t *d)
{
    days += 719468;
    int64_t era = days / 146097, of_era = days % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t mp = (5 * of_year + 2) / 153;
    *d = of_year - (153 * mp + 2) / 5 + 1;
    *m = mp < 10 ? mp + 3 : mp - 9;
    *y = year + era * 400 + (*m <= 2);
}

/* Exactly `n` digits at the front, in [least, most], and then `after` (0: nothing). */
static bool take(struct str *s, size_t n, uint64_t least, uint64_t most, char after, int64_t *out)
{
    uint64_t v;
    if (s->len < n || text_u64(str_head(*s, n), most, &v) != NULL || v < least) {
        return false;
    }
    *s = str_from(*s, n);
    *out = (int64_t)v;
    if (after == 0) {
        return true;
    }
    bool there = s->len > 0 && s->at[0] == after;
    *s = str_from(*s, 1);
    return there;
}

static bool take_fraction(struct str *s, int64_t *ms)
{
    *ms = 0;
    if (!str_starts(*s, STR("."))) {
        return true;
    }
    *s = str_from(*s, 1);
    int64_t scale = 100;
    size_t n = 0;
    for (; n < s->len && s->at[n] >= '0' && s->at[n] <= '9'; n++, scale /= 10) {
        *ms += (s->at[n] - '0') * scale;
    }
    *s = str_from(*s, n);
    return n > 0 && n <= 9;
}

/* Nothing, "Z", or "+hh:mm": minutes east. */
static bool take_zone(struct str *s, int64_t *minutes)
{
    *minutes = 0;
    if (s->len == 0) {
        return true;
    }
    char sign = s->at[0];
    *s = str_from(*s, 1);
    if (sign == 'Z' || sign == 'z') {
        return true;
    }
    int64_t h, m;
    if ((sign != '+' && sign != '-') || !take(s, 2, 0, 23, ':', &h) || !take(s, 2, 0, 59, 0, &m)) {
        return false;
    }
    *minutes = sign == '+' ? h * 60 + m : -(h * 60 + m);
    return true;
}

static bool decode_iso(struct str s, int64_t *out_ms)
{
    int64_t y, m, d, h, mi, sec, ms, east;
    if (!take(&s, 4, 1970, 9999, '-', &y) || !take(&s, 2, 1, 12, '-', &m) ||
        !take(&s, 2, 1, 31, 0, &d) || s.len == 0 || strchr("Tt ", s.at[0]) == NULL) {
        return false;
    }
    s = str_from(s, 1);
    if (!take(&s, 2, 0, 23, ':', &h) || !take(&s, 2, 0, 59, ':', &mi) ||
        !take(&s, 2, 0, 60, 0, &sec) || !take_fraction(&s, &ms) || !take_zone(&s, &east) ||
        s.len > 0) {
        return false;
    }
    int64_t days = text_days(y, (unsigned)m, (unsigned)d), back_y, back_m, back_d;
    date_of(days, &back_y, &back_m, &back_d);
    if (back_m != m) { /* February 30th */
        return false;
    }
    *out_ms = (days * 86400 + h * 3600 + mi * 60 + sec - east * 60) * 1000 + ms;
    return true;
}

bool timestamp_decode(struct str s, enum timestamp_unit unit, int64_t *out_ms)
{
    if (unit == TIMESTAMP_ISO8601) {
        return decode_iso(s, out_ms);
    }
    uint64_t v, per_s = unit == TIMESTAMP_SECONDS ? 1 : 1000;
    if (text_u64(s, (uint64_t)YEAR_10000_S * per_s - 1, &v) != NULL) {
        return false;
    }
    *out_ms = (int64_t)(unit == TIMESTAMP_SECONDS ? v * 1000 : v);
    return true;
}

static size_t put_padded(char *out, int64_t v, size_t digits, char after)
{
    for (size_t i = digits; i-- > 0; v /= 10) {
        out[i] = (char)('0' + v % 10);
    }
    out[digits] = after;
    return digits + 1;
}

size_t timestamp_encode(char out[TIMESTAMP_LEN], enum timestamp_unit unit, int64_t ms)
{
    uint64_t v = ms < 0 ? 0 : (uint64_t)ms;
    if (unit != TIMESTAMP_ISO8601) {
        return text_put_u64(out, unit == TIMESTAMP_SECONDS ? v / 1000 : v);
    }
    int64_t s = (int64_t)(v / 1000) % YEAR_10000_S, y, m, d;
    date_of(s / 86400, &y, &m, &d);
    size_t n = put_padded(out, y, 4, '-');
    n += put_padded(out + n, m, 2, '-');
    n += put_padded(out + n, d, 2, 'T');
    n += put_padded(out + n, s / 3600 % 24, 2, ':');
    n += put_padded(out + n, s / 60 % 60, 2, ':');
    return n + put_padded(out + n, s % 60, 2, 'Z');
}
