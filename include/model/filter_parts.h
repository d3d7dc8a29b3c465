/* What the parts of a filter are asked about: values of the request. Private to the filter*.c
 * files.
 */
#ifndef MODEL_FILTER_PARTS_H
#define MODEL_FILTER_PARTS_H

#include "model/filter.h"

#include <yyjson.h>

enum seen_kind {
    SEEN_MISSING,
    SEEN_REQUEST, /* all rooms */
    SEEN_NAMES,   /* headers or query */
    SEEN_TEXT,
    SEEN_TEXTS, /* of one name that occurs several times: as an array */
    SEEN_JSON
};

struct seen {
    enum seen_kind kind;
    enum filter_room room;
    struct str text; /* SEEN_TEXTS: the name */
    yyjson_val *json;
    unsigned arrays; /* that lie directly in one another, up to here */
};

/* The elements of an array, or of a name's several texts. */
struct elements {
    const struct seen *of;
    yyjson_arr_iter json;
    const struct field *fields;
    size_t n, next;
};

/* False: the event's rules have been at it for too long (s->limit_met). */
bool filter_charge(struct route_subject *s, size_t steps);
bool filter_part_holds(struct route_subject *s, const struct filter *f, const struct seen *v);
/* Of a joint, and those in it, the part that asks about the array as a whole and does not hold, or
 * NULL. `of_element`: set where others ask about an element, which must be the same for all. */
const struct filter *filter_failing_whole(const struct filter *f, struct route_subject *s,
                                          const struct seen *list, bool *of_element);

/* What a FILTER_ROOM or a FILTER_FIELD finds in `v`. */
struct seen seen_part(struct route_subject *s, const struct filter *f, const struct seen *v);
struct seen seen_json(yyjson_val *json); /* NULL: SEEN_MISSING */
/* A member of an object: the last of duplicate keys wins, as it does for most who read the body
 * after us. NULL: there is none. */
yyjson_val *seen_member(struct route_subject *s, yyjson_val *object, struct str name);
bool seen_is_list(const struct seen *v);
struct elements seen_elements(struct route_subject *s, const struct seen *list);
/* False: there is no further one, or a limit was met. */
bool seen_next(struct route_subject *s, struct elements *e, struct seen *out);
bool seen_text(const struct seen *v, struct str *out);
bool seen_number(struct route_subject *s, const struct seen *v,
                 struct decimal *out); /* a text that is one, too */

#endif
