/* Growable bytes with a mandatory ceiling. */
#include "base/buf.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t ceiling)
{
    *b = (struct buf){.ceiling = ceiling};
}

void buf_done(struct buf *b)
{
    free(b->at);
    buf_init(b, b->ceiling);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

char *buf_room(struct buf *b, size_t n)
{
    if (n > b->ceiling || b->len > b->ceiling - n) {
        b->failed = true;
        return NULL;
    }
    if (b->len + n > b->cap) {
        size_t cap = b->cap == 0 ? 256 : b->cap;
        while (cap < b->len + n) {
            cap *= 2;
        }
        cap = cap > b->ceiling ? b->ceiling : cap;
        char *at = realloc(b->at, cap);
        ENSURE(at != NULL);
        b->at = at;
        b->cap = cap;
    }
    return b->at == NULL ? (char *)"" : b->at + b->len; /* only for n == 0 */
}

bool buf_add_slowly(struct buf *b, const void *bytes, size_t n)
{
    char *to = buf_room(b, n);
    if (to == NULL) {
        return false;
    }
    if (n > 0) {
        memcpy(to, bytes, n);
        b->len += n;
    }
    return true;
}

bool buf_add_u64(struct buf *b, uint64_t v)
{
    char digits[20];
    return buf_add(b, digits, text_put_u64(digits, v));
}

static size_t json_plain(struct str s)
{
    size_t n = 0;
    while (n < s.len) {
        unsigned char c = (unsigned char)s.at[n];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            break;
        }
        n++;
    }
    return n;
}

/* RFC 3629, section 3 */
static unsigned three_bytes(struct str s)
{
    return ((unsigned char)s.at[0] & 0x0fu) << 12 | ((unsigned char)s.at[1] & 0x3fu) << 6 |
           ((unsigned char)s.at[2] & 0x3fu);
}

/* One character that cannot stand as it is; returns how many bytes of `s` it was. */
static size_t json_escape(struct buf *b, struct str s)
{
    unsigned char c = (unsigned char)s.at[0];
    if (c == '"' || c == '\\') {
        buf_add_char(b, '\\');
        buf_add_char(b, (char)c);
        return 1;
    }
    if (c < 0x80) {
        buf_printf(b, "\\u%04x", c);
        return 1;
    }
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (!text_is_utf8(str_head(s, n))) {
        buf_add_str(b, STR("\\ufffd"));
        return 1;
    }
    if (c == 0xc2 && (unsigned char)s.at[1] < 0xa0) { /* C1 controls */
        buf_printf(b, "\\u%04x", (unsigned char)s.at[1]);
        return 2;
    }
    unsigned u = n == 3 ? three_bytes(s) : 0;
    /* To YAML these end a line, or may not stand in a file. */
    if (u == 0x2028 || u == 0x2029 || u == 0xfeff || u >= 0xfffe) {
        buf_printf(b, "\\u%04x", u);
        return 3;
    }
    buf_add_str(b, str_head(s, n));
    return n;
}

bool buf_add_json(struct buf *b, struct str s)
{
    buf_add_char(b, '"');
    while (s.len > 0) {
        size_t n = json_plain(s);
        buf_add_str(b, str_head(s, n));
        s = str_from(s, n);
        if (s.len > 0) {
            s = str_from(s, json_escape(b, s));
        }
    }
    buf_add_char(b, '"');
    return !b->failed;
}

bool buf_printf(struct buf *b, const char *format, ...)
{
    char small[512];
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    ENSURE(n >= 0);
    bool ok;
    if ((size_t)n < sizeof small) {
        ok = buf_add(b, small, (size_t)n);
    } else {
        char *big = malloc((size_t)n + 1);
        ENSURE(big != NULL);
        vsnprintf(big, (size_t)n + 1, format, again);
        ok = buf_add(b, big, (size_t)n);
        free(big);
    }
    va_end(again);
    return ok;
}

struct str buf_str(const struct buf *b)
{
    return (struct str){b->at, b->len};
}

char *buf_take(struct buf *b)
{
    char *at = realloc(b->at, b->len + 1);
    ENSURE(at != NULL);
    at[b->len] = '\0';
    buf_init(b, b->ceiling);
    return at;
}

/* What is left from the next `c` on; nothing: there is none. */
static struct str find_char(struct str s, char c)
{
    const char *at = s.len == 0 ? NULL : memchr(s.at, c, s.len);
    return at == NULL ? STR_NONE : str_from(s, (size_t)(at - s.at));
}

bool buf_add_form(struct buf *b, struct str s)
{
    struct str plus = find_char(s, '+'), percent = find_char(s, '%');
    while (plus.len + percent.len > 0) {
        bool is_plus = plus.len > percent.len;
        struct str rest = is_plus ? plus : percent;
        char c = ' ';
        size_t n = 1;
        buf_add(b, s.at, s.len - rest.len);
        if (!is_plus && (!text_get_hex(str_head(str_from(rest, 1), 2), &c, 1, &n) || n != 1)) {
            return false;
        }
        buf_add_char(b, c);
        s = str_from(rest, is_plus ? 1 : 3);
        plus = is_plus ? find_char(s, '+') : plus;
        percent = is_plus ? percent : find_char(s, '%');
    }
    return buf_add_str(b, s) && !b->failed;
}
