/* An accepted request: immutable, refcounted, one allocation with everything behind it.
 *
 * Its id is a UUIDv7 (RFC 9562 5.7) whose 74 free bits hold the journal's number (34) and the
 * entry's number n in it (40): an id is an address. */
#ifndef MODEL_EVENT_H
#define MODEL_EVENT_H

#include "base/buf.h"
#include "base/fields.h"

#define EVENT_ID_LEN 36
#define EVENT_JOURNAL_MAX ((UINT64_C(1) << 34) - 1)
#define EVENT_N_MAX ((UINT64_C(1) << 40) - 1)

struct event {
    unsigned refs;
    uint64_t n;          /* its entry in the journal that holds it now */
    int64_t received_ms; /* Redis time */
    struct str head;     /* all of it but the body, as Redis holds it: event_get_head */
    const char *id;      /* EVENT_ID_LEN bytes; it and the texts down to headers lie in the head */
    struct str source, method, target;
    struct str headers; /* end-to-end fields, rendered "Name: value\r\n" each */
    struct str body;
    bool has_webhook_id, has_traceparent; /* among the headers */
    size_t bytes;                         /* of this allocation */
    size_t to_count;
    const uint16_t *to; /* numbers of its destinations' lanes */
};

/* What a new event is made of; everything is copied. */
struct event_parts {
    uint64_t journal, n;
    int64_t received_ms;
    struct str id; /* empty: made from journal, n and received_ms; else kept (a moved event) */
    struct str source, method, target, headers, body;
    const uint16_t *to;
    size_t to_count;
};

struct event *event_new(const struct event_parts *parts); /* refs = 1 */
/* Of an event all but where it is and its id; they point into it. */
struct event_parts event_parts_of(const struct event *e);
/* The same event as another entry: n of that journal, and to whom. Its id is kept, or with
 * `keep_id` false made anew. */
struct event *event_as(const struct event *e, bool keep_id, uint64_t journal, uint64_t n,
                       const uint16_t *to, size_t to_count);
struct event *event_ref(struct event *e);
void event_unref(struct event *e);
size_t event_bytes_alive(void); /* of all events of the process: what limits.memory bounds */

/* Redis holds an event as a head, "<id> <received, ms> <source> <method> <target>\n" and then its
 * fields, and a body; in the journal and where it is parked. This reads a head, into texts that
 * point into it; the rest of `out` stays. False: foreign, or a word has a blank. */
bool event_get_head(struct str head, struct event_parts *out) MUST_CHECK;

void event_id_encode(char out[EVENT_ID_LEN], uint64_t journal, uint64_t n, int64_t ms);
bool event_id_decode(struct str id, uint64_t *journal, uint64_t *n, int64_t *ms);

/* Renders the end-to-end fields of a request: hop-by-hop fields, what Connection nominates, Host,
 * framing, Expect and our own penstock-* fields are left out (RFC 9110 7.6.1). */
void event_render_fields(const struct fields *fields, struct buf *out);
/* The same, read back: names and values point into the text. What is no such line is left out, and
 * what is more than a request may have. */
void event_read_fields(struct str rendered, struct fields *out);

#endif
