/* What rules look at: a request, and what is known of it. What costs anything is found when it is
 * first asked for, and once: the body is parsed, the query decoded, the event's type picked.
 *
 * Slices are borrowed; the request outlives the subject. */
#ifndef MODEL_SUBJECT_H
#define MODEL_SUBJECT_H

#include "model/conf.h"

#define SUBJECT_BODY_MEMORY (128u << 20) /* bytes of a parsed body; one that takes more is not */
#define SUBJECT_SCRATCH (256u << 10)     /* a thread: bodies up to some 60 KiB are parsed there */
#define SUBJECT_STEPS 2000000 /* comparisons of an event, some 40 ms; more is a limit met */

struct yyjson_doc;
struct yyjson_val;
struct regex_scratch;

struct route_subject {
    const struct conf_source *source;
    size_t scheme; /* that took it: where its type and id are */
    struct str method, path, query;
    const struct fields *fields;
    struct str body;

    bool type_known, body_known, query_known, share_known;
    struct buf type_text;
    struct str type;
    struct yyjson_doc *doc; /* NULL: it is no JSON */
    bool in_scratch;        /* where it lies */
    struct field *pairs;    /* of the query, decoded */
    size_t pair_count;
    double share;
    struct regex_scratch *scratch;
    size_t steps;

    /* For who counts and logs, afterwards. */
    bool unparsed;                    /* a rule looked at the body, which is no JSON */
    const struct conf_route *limited; /* the first that took nothing because a limit was met */
    bool is_hidden;                   /* no explanation shows what it holds */
    bool limit_met;                   /* by the predicate that is being looked at */
};

void subject_init(struct route_subject *s, const struct conf_source *source, size_t scheme,
                  struct str method, struct str target, const struct fields *fields,
                  struct str body);
void subject_done(struct route_subject *s);
/* Of a request that nobody verified, the scheme is not known: the first one whose type it has. */
void subject_guess_scheme(struct route_subject *s);
/* Says the type in place of what the request says. */
void subject_set_type(struct route_subject *s, struct str type);

struct str subject_type(struct route_subject *s);         /* empty: it has none */
struct yyjson_val *subject_body(struct route_subject *s); /* NULL: no JSON */
/* Names and values of the query, decoded as forms are; a broken %XX stays as it is. */
const struct field *subject_query(struct route_subject *s, size_t *n);
/* From 0 to below 100: the same for every try of the same event, by its sender's id or, without
 * one, its body. */
double subject_share(struct route_subject *s);

#endif
