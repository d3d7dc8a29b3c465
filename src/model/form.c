/* One field of a form, where no reader could find another one of that name. */
#include "model/form.h"

#include <string.h>

#define BOUNDARY_MOST 70 /* RFC 2046 5.1.1 */

static struct str content_type(const struct fields *fields)
{
    struct str type = STR_NONE;
    size_t found = 0;
    for (size_t i = 0; i < fields->n; i++) {
        if (str_ieq(fields->v[i].name, STR("content-type"))) {
            type = fields->v[i].value;
            found++;
        }
    }
    return found == 1 ? str_trim(type) : STR_NONE;
}

/* Of "type; name=value; ...": the type, and what begins with the first semicolon. */
static struct str cut_type(struct str value, struct str *rest)
{
    struct str type;
    bool more = str_cut(value, ';', &type, rest);
    *rest = more ? str_from(value, type.len) : STR_NONE;
    return str_trim(type);
}

bool form_is_urlencoded(const struct fields *fields)
{
    struct str rest;
    return str_ieq(cut_type(content_type(fields), &rest), STR("application/x-www-form-urlencoded"));
}

enum form_found form_find(struct str query, struct str name, struct buf *out)
{
    struct str pair, key, value;
    struct buf decoded;
    size_t found = 0;
    bool clear = true, more = query.len > 0;
    buf_init(&decoded, query.len + 1);
    while (more && clear) {
        more = str_cut(query, '&', &pair, &query);
        bool has_value = str_cut(pair, '=', &key, &value);
        buf_clear(&decoded);
        clear = buf_add_form(&decoded, key);
        if (clear && str_eq(buf_str(&decoded), name)) {
            found++;
            clear = found == 1 && buf_add_form(out, has_value ? value : STR_NONE);
        }
    }
    buf_done(&decoded);
    return !clear ? FORM_UNCLEAR : found == 0 ? FORM_ABSENT : FORM_ONCE;
}

bool form_parameter(struct str query, struct str name, struct buf *out)
{
    return form_find(query, name, out) == FORM_ONCE;
}

bool form_posted(const struct fields *fields, struct str body, struct str name, struct buf *out)
{
    return form_is_urlencoded(fields) && form_parameter(body, name, out);
}

/* ---- multipart: what two readers could read in two ways is no form ---- */

/* Is it free of what ends or hides a value for one reader and not for another? */
static bool is_plain(struct str s, const char *without)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];
        if (c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    for (; *without != '\0'; without++) {
        if (str_has(s, *without)) {
            return false;
        }
    }
    return s.len > 0;
}

/* Cuts "; name=value" off; the value may stand between quotes. False: it is not so written. */
static bool cut_parameter(struct str *rest, struct str *name, struct str *value)
{
    struct str one = str_trim(str_from(*rest, 1));
    if (!str_starts(*rest, STR(";")) || !str_cut(one, '=', name, &one) || !text_is_token(*name) ||
        str_has(*name, '*')) {
        return false;
    }
    if (!str_starts(one, STR("\""))) {
        *value = cut_type(one, rest);
        return is_plain(*value, " \"\\");
    }
    bool closed = str_cut(str_from(one, 1), '"', value, rest);
    *rest = str_trim(*rest);
    return closed && is_plain(*value, "\\");
}

/* The value that "type; name=value" gives that name, once; else none. */
static struct str parameter_of(struct str line, struct str type, struct str name)
{
    struct str key, value, rest, found = STR_NONE;
    if (!str_ieq(cut_type(line, &rest), type)) {
        return STR_NONE;
    }
    while (rest.len > 0) {
        if (!cut_parameter(&rest, &key, &value)) {
            return STR_NONE;
        }
        if (str_ieq(key, name)) {
            if (found.len > 0) {
                return STR_NONE;
            }
            found = value;
        }
    }
    return found;
}

/* Cuts at the first `mark`; false without one. */
static bool cut_at(struct str s, struct str mark, struct str *head, struct str *tail)
{
    struct str found = str_find(s, mark);
    if (found.len == 0) {
        return false;
    }
    *head = str_head(s, s.len - found.len);
    *tail = str_from(found, mark.len);
    return true;
}

/* The name that a part's lines give it, once; else none. */
static struct str name_of(struct str lines)
{
    struct str line, key, value, found = STR_NONE;
    for (bool more = true; more;) {
        more = cut_at(lines, STR("\r\n"), &line, &lines);
        line = more ? line : lines;
        if (!is_plain(line, "") || !str_cut(line, ':', &key, &value) || !text_is_token(key)) {
            return STR_NONE;
        }
        if (str_ieq(key, STR("Content-Disposition"))) {
            if (found.len > 0) {
                return STR_NONE;
            }
            found = parameter_of(str_trim(value), STR("form-data"), STR("name"));
        }
    }
    return found;
}

/* Parts stand between lines of the boundary; the last one of these ends in "--". */
static bool multipart_field(struct str body, struct str boundary, struct str name, struct str *out)
{
    char mark[BOUNDARY_MOST + 4] = "\r\n--";
    struct str part, lines, value;
    size_t found = 0;
    memcpy(mark + 4, boundary.at, boundary.len);
    const struct str between = {mark, boundary.len + 4}, first = str_from(between, 2);
    if (!str_starts(body, first)) {
        return false;
    }
    body = str_from(body, first.len);
    while (str_starts(body, STR("\r\n"))) {
        if (!cut_at(body, between, &part, &body) ||
            !cut_at(part, STR("\r\n\r\n"), &lines, &value)) {
            return false;
        }
        struct str named = name_of(str_from(lines, 2)), none;
        if (named.len == 0 || cut_at(part, first, &none, &none)) {
            return false;
        }
        if (str_eq(named, name)) {
            found++;
            *out = value;
        }
    }
    bool ends = str_eq(body, STR("--")) || str_eq(body, STR("--\r\n"));
    return found == 1 && ends;
}

bool form_text(const struct fields *fields, struct str body, struct str name, struct buf *room,
               struct str *out)
{
    if (form_is_urlencoded(fields)) {
        size_t at = room->len;
        bool found = form_parameter(body, name, room);
        *out = str_from(buf_str(room), at);
        return found;
    }
    struct str boundary =
        parameter_of(content_type(fields), STR("multipart/form-data"), STR("boundary"));
    return boundary.len > 0 && boundary.len <= BOUNDARY_MOST &&
           multipart_field(body, boundary, name, out);
}

bool form_field(const struct fields *fields, struct str body, struct str name, struct buf *out)
{
    struct str text;
    size_t before = out->len;
    bool found = form_text(fields, body, name, out, &text);
    return found && (out->len > before || buf_add_str(out, text));
}
