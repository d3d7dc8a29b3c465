/* Health and metrics. */
#include "admin/health.h"

#include "admin/call.h"
#include "relay/ingest.h"
#include "relay/stats.h"

struct ready {
    struct call call;
    const char *refusal; /* the first worker's that has one */
};

struct scrape {
    struct call call;
    struct metrics metrics;
};

static void at_live(struct worker *w, struct visit *v)
{
    (void)w;
    (void)v;
}

static void live_home(struct visit *v)
{
    struct call *c = call_of(v);
    buf_add_str(&c->out, STR("ok\n"));
    call_end_as(c, 200, STR("text/plain"));
}

void health_live(struct worker *w, struct httpd_request *r, struct str rest)
{
    struct call *c = call_new(sizeof *c, w, r);
    (void)rest;
    call_visit(c, at_live, live_home);
}

static void at_ready(struct worker *w, struct visit *v)
{
    struct ready *ready = CONTAINER_OF(v, struct ready, call.visit);
    const char *why = w->stopping || w->draining ? "draining"
                      : w->listener == NULL      ? "starting"
                                                 : ingest_refuses(w);
    ready->refusal = ready->refusal == NULL ? why : ready->refusal;
}

static void ready_home(struct visit *v)
{
    struct ready *ready = CONTAINER_OF(v, struct ready, call.visit);
    buf_printf(&ready->call.out, "%s\n", ready->refusal == NULL ? "ready" : ready->refusal);
    call_end_as(&ready->call, ready->refusal == NULL ? 200 : 503, STR("text/plain"));
}

void health_ready(struct worker *w, struct httpd_request *r, struct str rest)
{
    struct ready *ready = call_new(sizeof *ready, w, r);
    (void)rest;
    call_visit(&ready->call, at_ready, ready_home);
}

static void at_metrics(struct worker *w, struct visit *v)
{
    stats_sum(w, &CONTAINER_OF(v, struct scrape, call.visit)->metrics);
}

static void metrics_home(struct visit *v)
{
    struct scrape *s = CONTAINER_OF(v, struct scrape, call.visit);
    metrics_write(&s->metrics, &s->call.out);
    metrics_done(&s->metrics);
    call_end_as(&s->call, 200, STR("text/plain; version=0.0.4"));
}

void health_metrics(struct worker *w, struct httpd_request *r, struct str rest)
{
    struct scrape *s = call_new(sizeof *s, w, r);
    (void)rest;
    metrics_init(&s->metrics);
    call_visit(&s->call, at_metrics, metrics_home);
}
