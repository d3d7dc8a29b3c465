/* Small documents over https: one call at a time, and whoever waits for it. */
#include "relay/fetch.h"

enum {
    CONNECT_MS = 3000,
    TOTAL_MS = 4500, /* less than who waits has */
    WAITING_MOST = 1024,
};

static void told(struct fetch *f)
{
    while (f->waiting != NULL) {
        struct fetch_wait *x = f->waiting;
        fetch_forget(x);
        x->on_done(x); /* may free it; waits no second time */
    }
}

static void on_call(struct httpc_call *call, const struct httpc_result *r)
{
    struct fetch *f = CONTAINER_OF(call, struct fetch, call);
    f->running = false;
    *f->link = f->next;
    if (f->next != NULL) {
        f->next->link = f->link;
    }
    const struct fetch_result result = {
        .why = r->reason != NULL  ? (r->detail != NULL ? r->detail : r->reason)
               : r->status != 200 ? "the answer is not 200; redirects are not followed"
                                  : NULL,
        .cancelled = r->reason == HTTPC_CANCELLED,
        .status = r->status,
        .body = buf_str(&f->answer),
        .fields = r->fields,
    };
    struct conf *conf = f->conf;
    f->conf = NULL;
    f->on_done(f, &result);
    buf_clear(&f->answer);
    told(f);
    if (f->on_idle != NULL) {
        f->on_idle(f);
    }
    conf_unref(conf);
}

void fetch_init(struct fetch *f, struct worker *w, size_t bytes_most,
                void (*on_done)(struct fetch *f, const struct fetch_result *r))
{
    *f = (struct fetch){.w = w, .on_done = on_done};
    buf_init(&f->answer, bytes_most);
}

void fetch_done(struct fetch *f)
{
    ENSURE(!f->running && f->waiting == NULL);
    buf_done(&f->answer);
}

void fetch_start(struct fetch *f, struct httpc_origin *origin, const struct httpc_request *request)
{
    static const struct httpc_timeouts timeouts = {CONNECT_MS, TOTAL_MS};
    if (f->running) {
        return;
    }
    f->running = true;
    f->conf = conf_ref(f->w->conf);
    f->next = f->w->fetches;
    f->link = &f->w->fetches;
    if (f->next != NULL) {
        f->next->link = &f->next;
    }
    f->w->fetches = f;
    struct httpc_request kept = *request;
    kept.keep = &f->answer;
    httpc_start(&f->call, origin, &kept, &timeouts, on_call);
}

bool fetch_has_room(const struct fetch *f)
{
    unsigned n = 0;
    for (const struct fetch_wait *x = f->waiting; x != NULL; x = x->next) {
        n++;
    }
    return n < WAITING_MOST;
}

void fetch_wait(struct fetch *f, struct fetch_wait *x)
{
    ENSURE(f->running && x->link == NULL);
    x->next = f->waiting;
    x->link = &f->waiting;
    if (x->next != NULL) {
        x->next->link = &x->next;
    }
    f->waiting = x;
}

void fetch_forget(struct fetch_wait *x)
{
    if (x->link != NULL) {
        *x->link = x->next;
        if (x->next != NULL) {
            x->next->link = x->link;
        }
        x->link = NULL;
    }
}

void fetch_stop(struct fetch *f)
{
    if (f->running) {
        httpc_cancel(&f->call);
    }
}

void fetch_stop_all(struct worker *w)
{
    for (struct fetch *f = w->fetches; f != NULL; f = f->next) {
        httpc_cancel(&f->call);
    }
}

bool fetch_all_idle(const struct worker *w)
{
    return w->fetches == NULL;
}
