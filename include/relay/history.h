/* Pages of the history that all journals hold, those of other nodes, too: events, newest first. */
#ifndef RELAY_HISTORY_H
#define RELAY_HISTORY_H

#include "relay/journal.h"

#define HISTORY_LIMIT 1000   /* events of a page at most */
#define HISTORY_JOURNALS 400 /* that are read; of more the log says so */

/* One event as its entry has it. Slices are valid in the callback. */
struct history_event {
    const struct entry *entry; /* its `received_ms`: when it came to this entry */
    int64_t received_ms;       /* when it was received first, as its id says */
    uint64_t journal;
    uint64_t body_bytes;
    bool unrouted;  /* no route wanted it then */
    bool replayed;  /* which was made good: another entry, of the same id, is delivered */
    bool duplicate; /* which matters not: `dedupe` says that it is an event that came before */
};

struct history_query {
    struct str source;  /* empty: all */
    bool unrouted;      /* only those */
    uint64_t body_most; /* greater bodies are left out; 0: all of them, and headers */
    int64_t since_ms;   /* none that was received before; 0: all */
    unsigned limit;     /* from 1 to HISTORY_LIMIT */
    struct str after;   /* the `next` of the page before; empty: from the newest */
};

/* on_each for every event of a page, or until it says false: that one and what is below it are for
 * the next page. Then on_end once with NULL or a reason ("redis_down", "overloaded": two are read
 * already, or "malformed": `after` is no page's `next`), and with what asks for the next page;
 * empty: this was the last. A page may have fewer than `limit`, or none, and yet a next one: it
 * ends with some MiB read, or given out. Pages that follow each other have each entry once; what
 * comes in meanwhile is in none. */
void history_read(struct worker *w, const struct history_query *q,
                  bool (*on_each)(void *user, const struct history_event *e),
                  void (*on_end)(void *user, struct str next, const char *reason), void *user);

/* Where a page ends: of which journals there is more, below which entry. "<J>-<below>.<J>-<below>"
 */
struct history_place {
    size_t journals;
    struct {
        uint64_t number, below;
    } v[HISTORY_JOURNALS];
};
void history_place_encode(const struct history_place *p, struct buf *out);
bool history_place_decode(struct str text, struct history_place *p); /* false: foreign */

#endif
