/* One small document of a provider's, read over https: what waits for it, and what came. */
#ifndef RELAY_FETCH_H
#define RELAY_FETCH_H

#include "relay/worker.h"

struct fetch_wait {                        /* a member of whoever waits */
    struct fetch_wait *next, **link;       /* link NULL: it does not wait */
    void (*on_done)(struct fetch_wait *x); /* once, from the loop: it was read, or could not be */
};

struct fetch_result;

struct fetch {
    struct worker *w;
    struct httpc_call call;
    bool running;
    struct buf answer;
    struct fetch_wait *waiting;
    struct fetch *next, **link; /* of those of this worker that run */
    struct conf *conf;          /* counted, while it runs: what it was asked for is borrowed */
    void (*on_done)(struct fetch *f, const struct fetch_result *r);
    void (*on_idle)(struct fetch *f); /* when that is over, and all were told; may free it */
};

struct fetch_result {
    const char *why; /* NULL: it is there, in full, with status 200 */
    bool cancelled;
    int status;
    struct str body;
    const struct fields *fields;
};

void fetch_init(struct fetch *f, struct worker *w, size_t bytes_most,
                void (*on_done)(struct fetch *f, const struct fetch_result *r));
void fetch_done(struct fetch *f); /* it does not run, and nobody waits */

/* Starts it, unless it runs. on_done comes first, then those who wait are told. A redirect is not
 * followed. What the request consists of is borrowed until then. */
void fetch_start(struct fetch *f, struct httpc_origin *origin, const struct httpc_request *request);
/* May one more wait? It must run then. */
bool fetch_has_room(const struct fetch *f);
void fetch_wait(struct fetch *f, struct fetch_wait *x);
void fetch_forget(struct fetch_wait *x); /* it waits no more */

/* Cuts it off, if it runs; who waits is told. */
void fetch_stop(struct fetch *f);
/* The same for all of a worker's. Idle once that is over. */
void fetch_stop_all(struct worker *w);
bool fetch_all_idle(const struct worker *w);

#endif
