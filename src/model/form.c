/* One field of a form, found without reading the others. */
#include "model/form.h"

#include <string.h>

#define BOUNDARY_MOST 70 /* RFC 2046 5.1.1 */

static struct str content_type(const struct fields *fields)
{
    const struct str *type = fields_find(fields, STR("content-type"));
    return type == NULL || fields_count(fields, STR("content-type")) > 1 ? STR_NONE
                                                                         : str_trim(*type);
}

bool form_is_urlencoded(const struct fields *fields)
{
    return str_istarts(content_type(fields), STR("application/x-www-form-urlencoded"));
}

bool form_parameter(struct str query, struct str name, struct buf *out)
{
    struct str pair, key, value;
    size_t found = 0;
    bool more = query.len > 0;
    while (more) {
        more = str_cut(query, '&', &pair, &query);
        bool has_value = str_cut(pair, '=', &key, &value);
        if (str_eq(key, name)) {
            found++;
            if (!buf_add_form(out, has_value ? value : STR_NONE)) {
                return false;
            }
        }
    }
    return found == 1;
}

/* ---- multipart ---- */

/* What stands between quotes, or up to the next parameter. */
static struct str parameter_of(struct str value, struct str name)
{
    struct str one, key, rest = value;
    bool more = str_cut(rest, ';', &one, &rest); /* the type itself */
    while (more) {
        more = str_cut(rest, ';', &one, &rest);
        if (str_cut(str_trim(one), '=', &key, &one) && str_ieq(key, name)) {
            bool quoted = one.len >= 2 && str_starts(one, STR("\"")) && str_ends(one, STR("\""));
            return quoted ? str_head(str_from(one, 1), one.len - 2) : one;
        }
    }
    return STR_NONE;
}

/* Cuts at the first `mark`; false without one. */
static bool cut_at(struct str s, struct str mark, struct str *head, struct str *tail)
{
    const char *at = s.len == 0 ? NULL : memmem(s.at, s.len, mark.at, mark.len);
    if (at == NULL) {
        return false;
    }
    size_t n = (size_t)(at - s.at);
    *head = str_head(s, n);
    *tail = str_from(s, n + mark.len);
    return true;
}

/* The name that a part's lines give it. */
static struct str name_of(struct str lines)
{
    struct str line, key, value;
    bool more = true;
    while (more) {
        more = cut_at(lines, STR("\r\n"), &line, &lines);
        line = more ? line : lines;
        if (str_cut(line, ':', &key, &value) && str_ieq(key, STR("Content-Disposition"))) {
            return parameter_of(str_trim(value), STR("name"));
        }
    }
    return STR_NONE;
}

/* Parts stand between lines of the boundary; the last one of these ends in "--". */
static bool multipart_field(struct str body, struct str boundary, struct str name, struct buf *out)
{
    char mark[BOUNDARY_MOST + 4] = "\r\n--";
    struct str part, lines, value, wanted = STR_NONE;
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
        if (str_eq(name_of(str_from(lines, 2)), name)) {
            found++;
            wanted = value;
        }
    }
    return found == 1 && str_starts(body, STR("--")) && buf_add_str(out, wanted);
}

bool form_field(const struct fields *fields, struct str body, struct str name, struct buf *out)
{
    if (form_is_urlencoded(fields)) {
        return form_parameter(body, name, out);
    }
    struct str type = content_type(fields), boundary = parameter_of(type, STR("boundary"));
    return str_istarts(type, STR("multipart/form-data")) && boundary.len > 0 &&
           boundary.len <= BOUNDARY_MOST && multipart_field(body, boundary, name, out);
}
