/* Complaints with a place, an excerpt and a hint. */
#include "model/report.h"

#include <stdlib.h>
#include <string.h>

#define EXCERPT_CHARACTERS 120 /* of a long line only the part around the caret is shown */

struct report_mask {
    struct place place;
    struct report_mask *next;
};

void report_init(struct report *r, struct arena *a, const char *name)
{
    *r = (struct report){.arena = a, .name = name};
}

struct str report_shown(struct str s)
{
    return str_head(s, 64);
}

struct str report_key(struct str key)
{
    size_t n = 0;
    while (n < key.len && key.at[n] != ':' && key.at[n] != '=' &&
           !(key.at[n] == ' ' && report_is_sensitive(str_head(key, n)))) {
        n++;
    }
    return report_shown(str_head(key, n));
}

bool report_full(const struct report *r)
{
    return r->errors == REPORT_ERRORS;
}

static struct report_entry *entry_set(struct report *r, struct report_entry *e,
                                      const struct place *p, const char *format, va_list args)
{
    *e = (struct report_entry){.message = arena_vprintf(r->arena, format, args)};
    if (p != NULL) {
        e->place = *p;
    }
    return e;
}

/* A mapping that others merge is read with each of them. */
static bool is_said(const struct report *r, const struct place *p, struct str message)
{
    for (size_t i = 0; p != NULL && p->file != NULL && i < r->errors; i++) {
        const struct place *q = &r->error[i].place;
        if (q->file == p->file && q->start.line == p->start.line &&
            q->start.column == p->start.column && str_eq(r->error[i].message, message)) {
            return true;
        }
    }
    return false;
}

void report_error(struct report *r, const struct place *p, const char *format, ...)
{
    r->last = NULL;
    if (report_full(r)) {
        r->more = true;
        return;
    }
    va_list args;
    va_start(args, format);
    struct report_entry *e = entry_set(r, &r->error[r->errors], p, format, args);
    va_end(args);
    if (!is_said(r, p, e->message)) {
        r->last = e;
        r->errors++;
    }
}

void report_warning(struct report *r, const struct place *p, const char *format, ...)
{
    r->last = NULL;
    if (r->warnings == REPORT_WARNINGS) {
        return;
    }
    va_list args;
    va_start(args, format);
    r->last = entry_set(r, &r->warning[r->warnings++], p, format, args);
    va_end(args);
}

void report_help(struct report *r, const char *format, ...)
{
    if (r->last == NULL) {
        return;
    }
    va_list args;
    va_start(args, format);
    r->last->help = arena_vprintf(r->arena, format, args);
    va_end(args);
}

void report_mask(struct report *r, const struct place *p)
{
    struct report_mask *m = arena_take(r->arena, sizeof *m);
    *m = (struct report_mask){*p, r->masks};
    r->masks = m;
}

void report_mask_key(struct report *r, const struct place *p, struct str key)
{
    size_t n = report_key(key).len;
    if (n < key.len) {
        struct place behind = *p;
        behind.start.column += (unsigned)n;
        report_mask(r, &behind);
    }
}

bool report_is_sensitive(struct str name)
{
    static const char *const parts[] = {"*auth*",   "*cookie*",   "*key*",      "*token*",
                                        "*secret*", "*password*", "*signature*"};
    char lower[REPORT_SENSITIVE];
    size_t n = name.len < sizeof lower ? name.len : sizeof lower;
    for (size_t i = 0; i < n; i++) {
        char c = name.at[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (text_glob(str_of(parts[i]), (struct str){lower, n})) {
            return true;
        }
    }
    return false;
}

static bool before(struct mark a, struct mark b)
{
    return a.line != b.line ? a.line < b.line : a.column < b.column;
}

/* Which of the characters in the window that begins at column `first` belong to a secret. */
static void find_masked(const struct report *r, const struct place *at, unsigned first,
                        bool hidden[EXCERPT_CHARACTERS])
{
    unsigned line = at->start.line;
    for (const struct report_mask *m = r->masks; m != NULL; m = m->next) {
        const struct place *p = &m->place;
        if (p->file != at->file || p->start.line > line || p->end.line < line) {
            continue;
        }
        for (unsigned i = 0; i < EXCERPT_CHARACTERS; i++) {
            struct mark here = {line, first + i};
            hidden[i] = hidden[i] || (!before(here, p->start) && before(here, p->end));
        }
    }
}

/* Bytes of the character at the front: a broken one counts as one byte. */
static size_t character_len(struct str s)
{
    unsigned char c = (unsigned char)s.at[0];
    size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return n > 1 && text_is_utf8(str_head(s, n)) && n <= s.len ? n : 1;
}

/* Moves to the character in that column, or to the end. */
static struct str skip_to(struct str line, unsigned column)
{
    for (unsigned at = 1; at < column && line.len > 0; at++) {
        line = str_from(line, character_len(line));
    }
    return line;
}

/* The part of the line around the caret. A tab is shown as one space, so that the caret stays true.
 */
static void write_line(const struct report *r, const struct report_entry *e, unsigned first,
                       struct buf *out)
{
    struct str line = skip_to(file_text_line(e->place.file, e->place.start.line), first);
    bool hidden[EXCERPT_CHARACTERS] = {false};
    find_masked(r, &e->place, first, hidden);
    for (unsigned i = 0; line.len > 0 && i < EXCERPT_CHARACTERS; i++) {
        size_t n = character_len(line);
        unsigned char c = (unsigned char)line.at[0];
        if (hidden[i]) {
            buf_add_char(out, '*');
        } else if (c == '\t') {
            buf_add_char(out, ' ');
        } else if (c < 0x20 || c == 0x7f || (c >= 0x80 && n == 1)) {
            buf_add_char(out, '?');
        } else {
            buf_add_str(out, str_head(line, n));
        }
        line = str_from(line, n);
    }
}

static void write_excerpt(const struct report *r, const struct report_entry *e, struct buf *out)
{
    unsigned column = e->place.start.column;
    unsigned first = column > EXCERPT_CHARACTERS - 20 ? column - EXCERPT_CHARACTERS / 2 : 1;
    buf_printf(out, "%5u | ", e->place.start.line);
    write_line(r, e, first, out);
    buf_printf(out, "\n      | %*s^\n", (int)(column - first), "");
}

/* Outside text in a message must not forge a line or move the cursor. */
static void write_text(struct str s, struct buf *out)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        buf_add_char(out, c < 0x20 || c == 0x7f ? '?' : (char)c);
    }
}

static void write_entry(const struct report *r, const struct report_entry *e, const char *grade,
                        struct buf *out)
{
    const struct place *p = &e->place;
    write_text(p->file == NULL ? str_of(r->name) : p->file->name, out);
    if (p->file != NULL && p->start.line > 0) {
        buf_printf(out, ":%u:%u", p->start.line, p->start.column);
    }
    buf_printf(out, ": %s: ", grade);
    write_text(e->message, out);
    buf_add_char(out, '\n');
    if (p->file != NULL && p->start.line > 0) {
        write_excerpt(r, e, out);
    }
    if (e->help.len > 0) {
        buf_add_str(out, STR("      = help: "));
        write_text(e->help, out);
        buf_add_char(out, '\n');
    }
}

/* Files in the order in which they were read; before them what has no place. */
static bool earlier(const struct place *a, const struct place *b)
{
    unsigned in_a = a->file == NULL ? 0 : a->file->order + 1;
    unsigned in_b = b->file == NULL ? 0 : b->file->order + 1;
    return in_a != in_b ? in_a < in_b : before(a->start, b->start);
}

/* Insertion keeps those of one place in the order in which they were made. */
static void sort_entries(struct report_entry *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct report_entry e = v[i];
        size_t k = i;
        for (; k > 0 && earlier(&e.place, &v[k - 1].place); k--) {
            v[k] = v[k - 1];
        }
        v[k] = e;
    }
}

void report_write(struct report *r, struct buf *out)
{
    r->last = NULL;
    sort_entries(r->error, r->errors);
    for (size_t i = 0; i < r->errors; i++) {
        write_entry(r, &r->error[i], "error", out);
    }
    if (report_full(r)) {
        buf_printf(out, "%s: error: there %s more errors; these are the first %d\n", r->name,
                   r->more ? "are" : "may be", REPORT_ERRORS);
    }
    if (r->errors > 0) {
        return;
    }
    sort_entries(r->warning, r->warnings);
    for (size_t i = 0; i < r->warnings; i++) {
        write_entry(r, &r->warning[i], "warning", out);
    }
}
