/* What Redis has no memory for: bodies that are to be parked or buried. For a second after it has
 * refused one they stay in the queue of their journal, and everything that frees memory goes ahead
 * of them. */
#ifndef RELAY_HELD_BACK_H
#define RELAY_HELD_BACK_H

#include "relay/journal.h"

void held_back_start(struct journal *j);    /* Redis has just refused a body */
bool held_back_on(const struct journal *j); /* do bodies wait now? */

/* One walk through the queue, from its head on: what is taken out of it, and what stays? Order
 * among the former is kept, and nothing overtakes what stays of its own delivery, nor the word that
 * a request for its entry is done. */
struct held_back {
    bool on;
    struct numset places; /* of what stays */
};
void held_back_init(struct held_back *h, const struct journal *j);
bool held_back_stays(struct held_back *h, const struct op *op); /* once for each, in order */
void held_back_done(struct held_back *h);

/* A trim that was queued before a body which stays, and goes before it now: not over its entry, for
 * of a replay the body is nowhere else. */
void held_back_shorten(struct journal *j, struct op *trim);
/* Is nothing queued that Redis has memory for? */
bool held_back_only(const struct journal *j);
/* When to look at the queue again while all of it is; a long one is walked through less often. */
uint64_t held_back_look_ms(const struct journal *j);

/* What was to be parked or buried of `t` is not wanted any more: of entry `n`, or of them all. How
 * many; what they stand for is settled. */
unsigned held_back_settle(struct track *t, uint64_t n);
unsigned held_back_settle_all(struct track *t);
/* What is due is tried from memory meanwhile, as far as its lane has room. */
void held_back_try(struct journal *j);

#endif
