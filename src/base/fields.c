/* Header fields in the order in which they came. */
#include "base/fields.h"

bool fields_add(struct fields *f, struct str name, struct str value)
{
    if (f->n == FIELDS_MAX) {
        return false;
    }
    f->v[f->n++] = (struct field){name, value};
    return true;
}

const struct str *fields_find(const struct fields *f, struct str name)
{
    for (size_t i = 0; i < f->n; i++) {
        if (str_ieq(f->v[i].name, name)) {
            return &f->v[i].value;
        }
    }
    return NULL;
}

size_t fields_count(const struct fields *f, struct str name)
{
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++) {
        n += str_ieq(f->v[i].name, name);
    }
    return n;
}

bool fields_has_element(const struct fields *f, struct str name, struct str element)
{
    for (size_t i = 0; i < f->n; i++) {
        if (!str_ieq(f->v[i].name, name)) {
            continue;
        }
        struct str head, rest = f->v[i].value;
        bool more;
        do {
            more = str_cut(rest, ',', &head, &rest);
            if (str_ieq(str_trim(head), element)) {
                return true;
            }
        } while (more);
    }
    return false;
}

bool fields_same_name(struct str a, struct str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        char x = a.at[i] == '_' ? '-' : a.at[i], y = b.at[i] == '_' ? '-' : b.at[i];
        if (!str_ieq((struct str){&x, 1}, (struct str){&y, 1})) {
            return false;
        }
    }
    return true;
}
