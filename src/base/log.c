/* One line an occurrence, built in a bounded buffer and written with one write(2). */
#include "base/log.h"

#include "base/buf.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 8192, VALUE_MAX_BYTES = 1024 };

static atomic_int threshold = LOG_INFO; /* a reload may change both */
static atomic_int style = LOG_TEXT;

static const char *const level_names[] = {"debug", "info", "warn", "error"};

void log_setup(enum log_level level, enum log_format format)
{
    atomic_store(&threshold, (int)level);
    atomic_store(&style, (int)format);
}

bool log_on(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&threshold, memory_order_relaxed);
}

static bool is_json(void)
{
    return atomic_load_explicit(&style, memory_order_relaxed) == LOG_JSON;
}

static void add_time(struct buf *b)
{
    struct timespec now;
    struct tm utc;
    char text[40];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
    buf_add(b, text, n);
    buf_printf(b, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

/* By what the caller gave, never by how the value looks: a field that is now text, now a number,
 * is refused by those who collect logs (and a name may be all digits). */
static bool is_number(const char *format)
{
    size_t n = strlen(format);
    return format[0] == '%' && strrchr(format, '%') == format &&
           strchr("dufi", format[n - 1]) != NULL;
}

static bool is_bare(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] <= ' ' || s.at[i] >= 0x7f || s.at[i] == '"' || s.at[i] == '=' ||
            s.at[i] == '\\') {
            return false;
        }
    }
    return s.len > 0;
}

static void add_pair(struct buf *b, const char *key, const char *format, struct str value)
{
    if (is_json()) {
        buf_printf(b, ",\"%s\":", key);
        if (is_number(format)) {
            buf_add_str(b, value);
        } else {
            buf_add_json(b, value);
        }
    } else {
        buf_printf(b, " %s=", key);
        if (is_bare(value)) {
            buf_add_str(b, value);
        } else {
            buf_add_json(b, value);
        }
    }
}

/* vsnprintf on a copied va_list does not move the original: walk the conversions ourselves. */
static void skip_args(const char *format, va_list *args)
{
    for (const char *p = format; *p != '\0'; p++) {
        if (*p != '%') {
            continue;
        }
        p++;
        int longs = 0, is_size = 0;
        for (; *p != '\0' && strchr("-+ #0123456789.*lz", *p) != NULL; p++) {
            if (*p == '*') {
                (void)va_arg(*args, int);
            }
            longs += *p == 'l';
            is_size += *p == 'z';
        }
        if (*p == 's') {
            (void)va_arg(*args, const char *);
        } else if (*p == 'f') {
            (void)va_arg(*args, double);
        } else if (*p == '%') {
            continue;
        } else if (is_size > 0) {
            (void)va_arg(*args, size_t);
        } else if (longs > 1) {
            (void)va_arg(*args, long long);
        } else if (longs == 1) {
            (void)va_arg(*args, long);
        } else {
            (void)va_arg(*args, int);
        }
    }
}

void log_line(enum log_level level, const char *message, ...)
{
    if (!log_on(level)) {
        return;
    }
    struct buf b;
    buf_init(&b, LINE_MAX_BYTES);
    if (is_json()) {
        buf_add_str(&b, STR("{\"time\":\""));
        add_time(&b);
        buf_printf(&b, "\",\"level\":\"%s\",\"msg\":", level_names[level]);
        buf_add_json(&b, str_of(message));
    } else {
        add_time(&b);
        buf_printf(&b, " %-5s %s", level_names[level], message);
    }
    va_list args;
    va_start(args, message);
    const char *key;
    while ((key = va_arg(args, const char *)) != NULL) {
        const char *format = va_arg(args, const char *);
        char value[VALUE_MAX_BYTES];
        va_list copy;
        va_copy(copy, args);
        int n = vsnprintf(value, sizeof value, format, copy);
        va_end(copy);
        skip_args(format, &args);
        add_pair(&b, key, format, str_head(str_of(value), n < 0 ? 0 : sizeof value - 1));
    }
    va_end(args);
    if (is_json()) {
        buf_add_char(&b, '}');
    }
    if (!b.failed) {
        buf_add_char(&b, '\n');
    }
    for (size_t done = 0; done < b.len;) {
        ssize_t n = write(STDERR_FILENO, b.at + done, b.len - done);
        if (n <= 0) {
            break; /* nowhere to say it */
        }
        done += (size_t)n;
    }
    buf_done(&b);
}

void log_die(const char *condition, const char *file, int line)
{
    fprintf(stderr, "penstock: impossible state: %s (%s:%d); please report this\n", condition, file,
            line);
    abort();
}
