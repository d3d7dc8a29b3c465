/* What tests of this room stand on: a worker of a node with two, its live journal, and two lanes.
 * No Redis: what is queued stays, and no attempt starts, for another worker has all slots. */
#ifndef UNIT_RELAY_ROOM_H
#define UNIT_RELAY_ROOM_H

#include "test.h"

#include "relay/delivery.h"
#include "relay/node.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_UNUSED __attribute__((unused))

struct room {
    uv_loop_t loop;
    struct node node;
    struct worker w;
    struct journal *j;
    struct lane lanes[2];
    struct track *a, *b;
};

ROOM_UNUSED static struct room *room_open(const char *listen_limits)
{
    char text[512];
    struct buf errors;
    struct room *r = calloc(1, sizeof *r);
    assert_non_null(r);
    snprintf(text, sizeof text,
             "listen: {limits: {%s}}\n"
             "sources: {s: {verify: none}}\n"
             "destinations: {a: {url: 'http://a/', concurrency: 1}, b: {url: 'http://b/', "
             "concurrency: 1}}\n"
             "routes: [{from: s, to: [a, b]}]\n",
             listen_limits);
    buf_init(&errors, 65536);
    struct conf *conf = conf_parse(str_of(text), "p.yaml", &errors);
    assert_non_null(conf);
    buf_done(&errors);
    assert_int_equal(uv_loop_init(&r->loop), 0);
    node_init(&r->node, conf, 2);
    struct worker *w = &r->w;
    w->node = &r->node;
    w->loop = &r->loop;
    w->conf = conf;
    w->pauses_known = true;
    w->budget.limit = conf->redis.max_memory;
    wheel_init(&w->wheel, &r->loop);
    uv_prepare_init(&r->loop, &w->turn);
    for (unsigned i = 0; i < 2; i++) {
        r->lanes[i].w = w;
        r->lanes[i].number = i;
        r->lanes[i].dest = &conf->destinations[i];
        strcpy(r->lanes[i].name, i == 0 ? "a" : "b");
        breaker_init(&r->lanes[i].breaker);
        w->lanes[w->lane_count++] = &r->lanes[i];
        r->lanes[i].slots = node_slots_of(&r->node, str_of(r->lanes[i].name));
        atomic_store(&r->lanes[i].slots->most, 1);
        atomic_store(&r->lanes[i].slots->taken, 1);
    }
    r->j = w->live = journal_new(w, 1);
    r->j->state = JOURNAL_OPEN;
    r->j->live = true;
    r->j->lease_until_ms = INT64_MAX;
    r->a = track_of(r->j, &r->lanes[0]);
    r->b = track_of(r->j, &r->lanes[1]);
    return r;
}

ROOM_UNUSED static void room_shut(struct room *r)
{
    struct conf *conf = r->node.conf;
    journal_free(r->j);
    assert_int_equal(r->w.wheel.armed, 0);
    wheel_done(&r->w.wheel);
    uv_close((uv_handle_t *)&r->w.turn, NULL);
    uv_run(&r->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&r->loop), 0);
    assert_int_equal(event_bytes_alive(), 0);
    node_done(&r->node);
    conf_unref(conf);
    free(r);
}

/* Of the test; whoever is given it takes a reference. */
ROOM_UNUSED static struct event *room_event(uint64_t n, size_t body_bytes)
{
    static char body[1 << 20];
    static const uint16_t to[] = {0, 1};
    assert_true(body_bytes <= sizeof body);
    struct event_parts parts = {.journal = 1,
                                .n = n,
                                .received_ms = 1,
                                .source = STR("s"),
                                .method = STR("POST"),
                                .target = STR("/"),
                                .body = {body, body_bytes},
                                .to = to,
                                .to_count = 2};
    return event_new(&parts);
}

#endif
