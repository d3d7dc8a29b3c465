/* Pages of dead letters: the search through all journals, those of other nodes, too. */
#ifndef RELAY_DEAD_PAGE_H
#define RELAY_DEAD_PAGE_H

#include "relay/journal.h"

/* One dead letter, as the listing shows it. Slices are valid in the callback. */
struct dead_letter {
    struct str id, source, destination, method, target;
    int64_t received_ms, buried_ms;
    struct record record;
};

struct dead_query {
    struct str destination; /* empty: all */
    unsigned limit;         /* newest first; at most 1000 */
    struct str after;       /* the `next` of the page before; empty: from the newest */
};

/* on_each for every letter of a page, then on_end once with NULL or a reason ("redis_down", or
 * "malformed": `after` is no page's `next`), and with what asks for the next page (empty: this was
 * the last). Pages that follow each other have each letter once, whatever is buried, replayed or
 * purged meanwhile. On a cluster those of several masters may be out of order within a page. */
void dead_page_read(struct worker *w, const struct dead_query *q,
                    void (*on_each)(void *user, const struct dead_letter *d),
                    void (*on_end)(void *user, struct str next, const char *reason), void *user);

/* Where a dead letter lies. */
struct dead_place {
    int64_t buried_ms;
    char journal[12], destination[72];
    uint64_t n;
};

/* For qsort: newest first; those of one millisecond in an order that stays, for a page may end
 * among them. */
int dead_place_order(const void *left, const void *right);
void dead_place_encode(const struct dead_place *p, struct buf *out); /* a page's `next` */
bool dead_place_decode(struct str text, struct dead_place *p);       /* false: foreign */

#endif
