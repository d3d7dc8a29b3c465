/* What may be a secret in lines that are no YAML. */
#include "model/mask.h"

#include <ctype.h>
#include <string.h>

#define LINE_MASKS 256 /* words of a line; of a longer one the rest is masked */
#define LINES_NEAR 4   /* above */

/* Nobody knows what is a secret there. Does one seem to be in the line, or above? */
static bool is_near_secret(const struct file_text *file, unsigned number)
{
    bool near = false;
    for (unsigned i = number > LINES_NEAR ? number - LINES_NEAR : 1; i <= number && !near; i++) {
        struct str line = file_text_line(file, i);
        near = line.len > REPORT_SENSITIVE || report_is_sensitive(line);
    }
    return near;
}

/* Keys, marks, and where no secret is near, what looks like none: small letters alone. */
static bool may_show(struct str word, bool near, bool begins)
{
    bool is_key = str_ends(word, STR(":")) && (begins || !near);
    bool is_small = !near && str_find(word, STR("//")).len == 0, has_text = false;
    for (size_t i = 0; i < word.len; i++) {
        unsigned char c = (unsigned char)word.at[i];
        bool plain = isalnum(c) != 0;
        has_text |= plain || c < 0x20 || c > 0x7e;
        is_small &= islower(c) != 0 || strchr("*./_-!\\|", c) != NULL;
        is_key &= plain || strchr("$_-.:", c) != NULL;
    }
    return is_key || is_small || !has_text;
}

/* What a word begins with is often what is wrong with it: "@", "*". */
static unsigned marks_before(struct str word)
{
    unsigned n = 0;
    while (n < word.len && ispunct((unsigned char)word.at[n]) != 0) {
        n++;
    }
    return n;
}

static void mask_line(struct report *r, const struct file_text *file, unsigned number)
{
    struct str line = file_text_line(file, number);
    struct place p = {file, {number, 1}, {number, 1}};
    bool near = is_near_secret(file, number), begins = true; /* a line, an entry, a pair */
    for (size_t i = 0, masks = 0; i < line.len && masks < LINE_MASKS; i++) {
        size_t from = i;
        while (i < line.len && strchr(" \t[]{},\"'", line.at[i]) == NULL) {
            i++;
        }
        struct str word = {line.at + from, i - from};
        p.end.column = p.start.column + text_characters(word);
        if (!may_show(word, near, begins)) {
            p.start.column += marks_before(word);
            p.end = ++masks == LINE_MASKS ? (struct mark){number + 1, 1} : p.end;
            report_mask(r, &p);
        }
        char next = i < line.len ? line.at[i] : '\0';
        begins = next == '{' || next == ',' || (word.len == 0 ? begins : str_eq(word, STR("-")));
        p.start.column = p.end.column + 1;
    }
}

void mask_unread(struct report *r, const struct file_text *file)
{
    for (size_t i = 0; i < r->errors; i++) {
        const struct place *p = &r->error[i].place;
        if (p->file == file && p->start.line > 0) {
            mask_line(r, file, p->start.line);
        }
    }
}
