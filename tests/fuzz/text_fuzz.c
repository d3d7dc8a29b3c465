/* Small readers of outside text: numbers, durations, sizes, rates, dates, timestamps, Retry-After,
 * hex and base64. What one reads is in bounds, and what one writes is read back the same. */
#include "base/log.h"
#include "model/retry.h"
#include "model/timestamp.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_numbers(struct str s)
{
    uint64_t v;
    int64_t ms, again;
    double per_s;
    char out[32], digits[20];
    if (text_u64(s, 65535, &v) == NULL) {
        ENSURE(v <= 65535);
    }
    if (text_u64(s, UINT64_MAX, &v) == NULL) {
        size_t len = text_put_u64(digits, v);
        uint64_t back;
        ENSURE(len <= s.len && text_u64((struct str){digits, len}, v, &back) == NULL && back == v);
    }
    if (text_duration(s, &ms) == NULL) {
        ENSURE(ms >= 0);
        size_t len = text_put_duration(out, ms);
        ENSURE(len <= sizeof out && text_duration((struct str){out, len}, &again) == NULL);
        ENSURE(again == ms);
    }
    (void)!text_size(s, &v);
    if (text_percent(s, &v) == NULL) {
        ENSURE(v <= 100);
    }
    if (text_rate(s, &per_s) == NULL) {
        ENSURE(per_s >= 0 && per_s < 1e30);
    }
}

static void check_times(struct str s)
{
    static const int64_t now_s = 1735689600;
    int64_t date, ms, again;
    int64_t wait = retry_after_ms(s, now_s);
    ENSURE(wait >= -1 && wait <= 366 * INT64_C(86400000));
    if (text_http_date(s, &date) == NULL) {
        ENSURE(date > -70000000000 && date <= 253402300800); /* a leap second */
        ENSURE(wait >= 0 || str_trim(s).len != s.len);
    }
    for (int unit = TIMESTAMP_SECONDS; unit <= TIMESTAMP_ISO8601; unit++) {
        if (!timestamp_decode(s, (enum timestamp_unit)unit, &ms)) {
            continue;
        }
        char out[TIMESTAMP_LEN];
        ENSURE(ms < 253402300800000);
        if (ms < 0) {
            continue; /* before 1970: read, never written */
        }
        size_t len = timestamp_encode(out, (enum timestamp_unit)unit, ms);
        ENSURE(len <= TIMESTAMP_LEN);
        ENSURE(timestamp_decode((struct str){out, len}, (enum timestamp_unit)unit, &again));
        ENSURE(again == ms || (unit != TIMESTAMP_MILLISECONDS && again / 1000 == ms / 1000));
    }
}

/* Strict: one text for each run of bytes, but for the case of hex digits. */
static void check_codes(struct str s)
{
    static char bytes[4096], text[8192], again[4096];
    size_t n, m;
    if (text_get_hex(s, bytes, sizeof bytes, &n)) {
        ENSURE(2 * n == s.len && text_put_hex(text, bytes, n) == s.len);
        ENSURE(str_ieq((struct str){text, s.len}, s));
    }
    if (text_get_base64(s, bytes, sizeof bytes, &n)) {
        m = text_put_base64(text, bytes, n);
        ENSURE(str_eq((struct str){text, m}, s));
    }
    if (text_get_base64url(s, bytes, sizeof bytes, &n)) {
        ENSURE(n <= s.len && !str_has(s, '+') && !str_has(s, '/'));
    }
    size_t len = s.len < 3000 ? s.len : 3000;
    m = text_put_base64(text, s.at, len);
    ENSURE(m == 4 * ((len + 2) / 3));
    ENSURE(text_get_base64((struct str){text, m}, again, sizeof again, &n) && n == len);
    ENSURE(len == 0 || memcmp(again, s.at, len) == 0);
    ENSURE(len == 0 || !text_get_base64((struct str){text, m}, again, len - 1, &n));
    m = text_put_hex(text, s.at, len);
    ENSURE(text_get_hex((struct str){text, m}, again, sizeof again, &n) && n == len);
    ENSURE(len == 0 || memcmp(again, s.at, len) == 0);
}

static void check_matching(struct str s)
{
    struct str pattern, subject;
    (void)str_cut(s, '\n', &pattern, &subject);
    pattern = str_head(pattern, 40);
    subject = str_head(subject, 200);
    bool matches = text_glob(pattern, subject);
    if (!str_has(pattern, '*') && !str_has(pattern, '?')) {
        ENSURE(matches == str_eq(pattern, subject));
    }
    ENSURE(text_glob(STR("*"), subject));
    size_t d = text_distance(pattern, str_head(subject, 40), 3);
    ENSURE(d <= 4 && (d == 0) == str_ieq(pattern, str_head(subject, 40)));
    ENSURE(d == text_distance(str_head(subject, 40), pattern, 3));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    char *bytes = malloc(n > 0 ? n : 1); /* its own block: one byte too far is seen */
    ENSURE(bytes != NULL);
    memcpy(bytes, data, n);
    struct str s = {bytes, n};
    check_numbers(s);
    check_times(s);
    check_codes(s);
    check_matching(s);
    (void)text_is_utf8(s);
    free(bytes);
    return 0;
}
