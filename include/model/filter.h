/* Filters (`when:`): predicates over a request, compiled from the configuration and evaluated
 * without allocating.
 *
 * The language is that of the npm package simple-json-match, which Hookdeck and Outpost share:
 * objects match field by field, all of them; an array of the event matches when any element does;
 * an array in the filter means "contains all of these"; a field that is missing matches nothing
 * but `$exist: false`. Where Penstock differs (tests/match shows that there is nothing else):
 *
 *  1. Values compare by type: 1 is not "1", true is not 1, null is not "". (Headers, query, path,
 *     method, source and event are texts, and so is what they are compared with; only $gt and the
 *     like read a number there when they are given one.)
 *  2. Numbers compare as they are written, not as doubles: 0.1 is 0.10, and 2^53 is not 2^53 + 1.
 *  3. Texts are ordered by code point, not by UTF-16 unit.
 *  4. Operators look into an array, too: $gt matches when any element is greater, $eq with a list
 *     when the array is equal to it, a list under $or or $and when it contains all of that.
 *  5. $neq, $nin and $not are what $eq, $in and the filter are not, of whatever type the value is,
 *     and of an array as a whole: {$nin: [a]} matches one that has no a. Of what is missing they
 *     hold no more than these.
 *  6. $eq compares objects whatever the order of their keys.
 *  7. All that stands in one object must hold: $or and operators do not hide what is beside them.
 *     $and and $not work on plain values as well, and on an array's elements.
 *  8. An array in the filter matches no object.
 *  9. Lists of $in and $nin may hold true, false and null.
 * 10. $ref is refused, as is every misuse of an operator that would never match; $regex and $glob
 *     are added; "$$name" is the field "$name". */
#ifndef MODEL_FILTER_H
#define MODEL_FILTER_H

#include "model/decimal.h"
#include "model/regex.h"
#include "model/subject.h"

#define FILTER_NODES 4096 /* of one filter: fields, operators and values */
#define FILTER_DEPTH 32
#define FILTER_TEXT 4096                /* bytes of one text */
#define FILTER_GLOB 256                 /* bytes of a pattern ... */
#define FILTER_GLOB_SUBJECT (64 * 1024) /* ... and of a text; a longer one is a limit met */
#define FILTER_REGEXES (512 * 1024)     /* bytes of all of a configuration, compiled */
#define FILTER_ARRAYS 64 /* so deep arrays of the event may lie directly in one another */

enum filter_room {
    FILTER_BODY,
    FILTER_HEADERS,
    FILTER_QUERY,
    FILTER_PATH,
    FILTER_METHOD,
    FILTER_SOURCE,
    FILTER_EVENT,
    FILTER_ROOMS
};

enum filter_part {
    FILTER_ALL,      /* an object, or $and: all parts hold */
    FILTER_ANY,      /* $or */
    FILTER_NOT,      /* $not: its only part does not */
    FILTER_ROOM,     /* its only part holds for what that room has */
    FILTER_FIELD,    /* ... for what the field has */
    FILTER_CONTAINS, /* a list: an array has an element for each part */
    FILTER_TEST      /* an operator */
};

enum filter_op {
    FILTER_EQ,
    FILTER_NEQ,
    FILTER_GT,
    FILTER_GTE,
    FILTER_LT,
    FILTER_LTE,
    FILTER_IN,
    FILTER_NIN,
    FILTER_STARTS,
    FILTER_ENDS,
    FILTER_EXIST,
    FILTER_REGEX,
    FILTER_GLOBS,
    FILTER_OPS
};

enum filter_type {
    FILTER_NULL,
    FILTER_BOOL,
    FILTER_NUMBER,
    FILTER_STRING,
    FILTER_LIST,
    FILTER_MAP
};

struct filter_value {
    enum filter_type type;
    bool yes;        /* FILTER_BOOL */
    bool masked;     /* not to be printed: it came from outside of the file */
    struct str text; /* FILTER_STRING; FILTER_NUMBER as it is written */
    struct decimal number;
    struct filter_value *items; /* FILTER_LIST, FILTER_MAP */
    struct str *keys;           /* FILTER_MAP */
    size_t n;
};

struct filter {
    enum filter_part part;
    enum filter_op op;
    enum filter_room room;
    bool written;    /* `$and` or `$eq` stands there; else an object, or a plain value */
    bool of_whole;   /* of an array it asks about the array, not about an element */
    bool in_text;    /* it looks at a text of the request, not at JSON */
    struct str name; /* FILTER_FIELD */
    struct filter *parts;
    size_t n;
    struct filter_value value; /* FILTER_TEST: what it is given */
    struct regex **regexes;    /* FILTER_REGEX: one for each text */
    size_t regex_count;
    const struct filter *next_regex; /* of those that are to be freed */
};

const char *filter_room_name(enum filter_room room);
const char *filter_op_name(enum filter_op op);

/* Does it hold? When a limit is met (a regular expression, SUBJECT_STEPS, FILTER_ARRAYS) it does
 * not, and s->limit_met says so. */
bool filter_holds(const struct filter *f, struct route_subject *s);

/* Which predicate decided, and what it saw: "body.amount: $gte 100, but it is 50". */
void filter_explain(const struct filter *f, struct route_subject *s, struct buf *out);
/* As the file would have it, in one line; `masked`: *** for what came from outside of the file. */
void filter_print(const struct filter *f, bool masked, struct buf *out);

/* What must be equal to one of some texts or numbers, or the filter cannot hold: for an index. */
struct filter_key {
    enum filter_room room; /* FILTER_BODY, FILTER_HEADERS or FILTER_EVENT */
    struct str names[8];   /* the field, and the field in it ... */
    size_t depth;
    const struct filter_value *values; /* texts and numbers */
    size_t n;
};
size_t filter_keys(const struct filter *f, struct filter_key *out, size_t most);

#endif
