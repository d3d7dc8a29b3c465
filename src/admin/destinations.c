/* Destinations over all workers: how they are; pause, resume, drop. */
#include "admin/destinations.h"

#include "admin/call.h"
#include "base/json.h"
#include "base/log.h"
#include "relay/delivery.h"
#include "relay/lookup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A destination over all workers. */
struct row {
    struct row *next;
    char name[72], last_error[64];
    const struct conf_destination *dest; /* NULL: this configuration does not know it */
    bool paused, parked;
    enum breaker_state breaker;
    unsigned in_memory, in_flight;
    uint64_t dead, bytes;
    int64_t last_ok_ms;
};

struct listing {
    struct call call;
    struct row *rows, **tail;
};

/* A verb for one destination on its way round. */
struct order {
    struct call call;
    char destination[72];
    bool pause;
    bool known; /* to some worker */
};

/* --- the list */

static struct row *row_of(struct listing *l, const struct lane *lane)
{
    for (struct row *row = l->rows; row != NULL; row = row->next) {
        if (strcmp(row->name, lane->name) == 0) {
            return row;
        }
    }
    struct row *row = calloc(1, sizeof *row);
    ENSURE(row != NULL);
    memcpy(row->name, lane->name, sizeof row->name);
    *l->tail = row;
    l->tail = &row->next;
    return row;
}

static void at_destinations(struct worker *w, struct visit *v)
{
    struct listing *l = CONTAINER_OF(v, struct listing, call.visit);
    for (unsigned i = 0; i < w->lane_count; i++) {
        const struct lane *lane = w->lanes[i];
        struct row *row = row_of(l, lane);
        row->dest = lane->dest;
        row->paused |= lane->paused;
        if (row->breaker == BREAKER_CLOSED || lane->breaker.state == BREAKER_OPEN) {
            row->breaker = lane->breaker.state;
        }
        row->in_memory += lane_depth(lane);
        row->in_flight += lane->lists[DELIVERY_INFLIGHT].n;
        row->bytes = lane->held_bytes > row->bytes ? lane->held_bytes : row->bytes;
        if (lane->last_ok_ms > row->last_ok_ms) {
            row->last_ok_ms = lane->last_ok_ms;
        }
        if (lane->last_error[0] != '\0') {
            memcpy(row->last_error, lane->last_error, sizeof row->last_error);
        }
        for (const struct journal *j = w->journals; j != NULL; j = j->next) {
            const struct track *t = j->tracks[lane->number];
            if (t != NULL) {
                row->dead += t->dead_total;
                row->parked |= t->next_due_ms != INT64_MAX;
            }
        }
    }
}

static void add_row(struct buf *b, const struct row *row)
{
    static const char *const states[] = {"up", "down", "probing"};
    json_open(b, '{');
    json_text(b, "name", str_of(row->name));
    json_text(b, "state",
              str_of(row->dest == NULL ? "unknown"
                     : row->paused     ? "paused"
                                       : states[row->breaker]));
    if (row->dest != NULL) {
        json_text(b, "url", row->dest->shown_url);
    }
    json_number(b, "in_memory", row->in_memory);
    json_number(b, "in_flight", row->in_flight);
    json_bool(b, "parked", row->parked);
    json_number(b, "dead", (int64_t)row->dead);
    json_number(b, "redis_bytes", (int64_t)row->bytes);
    json_number(b, "last_ok_ms", row->last_ok_ms);
    json_text(b, "last_error", str_of(row->last_error));
    json_close(b, '}');
}

static void list_home(struct visit *v)
{
    struct listing *l = CONTAINER_OF(v, struct listing, call.visit);
    struct buf *b = &l->call.out;
    json_open(b, '{');
    json_list(b, "destinations");
    for (struct row *row = l->rows, *next; row != NULL; row = next) {
        next = row->next;
        add_row(b, row);
        free(row);
    }
    call_end(&l->call, NULL, 200, STR("]}\n"));
}

void destinations_list(struct worker *w, struct httpd_request *r, struct str rest)
{
    struct listing *l = call_new(sizeof *l, w, r);
    (void)rest;
    l->tail = &l->rows;
    call_visit(&l->call, at_destinations, list_home);
}

/* --- pause and resume */

static void at_pause(struct worker *w, struct visit *v)
{
    struct order *o = CONTAINER_OF(v, struct order, call.visit);
    struct lane *lane = map_find(&w->lane_by_name, str_of(o->destination));
    if (lane != NULL) {
        lane->pause_wanted &= o->pause;
        lane_pause(lane, o->pause);
    }
}

static void pause_home(struct visit *v)
{
    call_end_ok(call_of(v), NULL);
}

static void on_paused(void *user, const char *reason)
{
    struct order *o = user;
    if (reason != NULL) {
        call_end_ok(&o->call, reason);
    } else {
        call_visit(&o->call, at_pause, pause_home);
    }
}

static void pause_destination(struct worker *w, struct httpd_request *r, struct lane *lane,
                              bool pause)
{
    struct order *o = call_new(sizeof *o, w, r);
    memcpy(o->destination, lane->name, sizeof o->destination);
    o->pause = pause;
    lookup_pause(w, lane, pause, on_paused, o);
}

/* --- drop */

static void at_known(struct worker *w, struct visit *v)
{
    struct order *o = CONTAINER_OF(v, struct order, call.visit);
    o->known |= map_find(&w->lane_by_name, str_of(o->destination)) != NULL;
}

static void known_home(struct visit *v)
{
    struct order *o = CONTAINER_OF(v, struct order, call.visit);
    if (o->known) {
        lookup_drop(o->call.w, str_of(o->destination), call_end_ok, &o->call);
    } else {
        call_end_ok(&o->call, "not_found");
    }
}

static void drop_destination(struct worker *w, struct httpd_request *r, struct str name)
{
    if (conf_find_destination(w->conf, name) != NULL) {
        answer_problem(r, 409, "configured",
                       "this node still delivers to it; take it out of the configuration first");
        return;
    }
    struct order *o = call_new(sizeof *o, w, r);
    snprintf(o->destination, sizeof o->destination, "%.*s", STR_ARG(name));
    call_visit(&o->call, at_known, known_home);
}

void destinations_post(struct worker *w, struct httpd_request *r, struct str rest)
{
    struct str name, verb;
    str_cut(rest, '/', &name, &verb);
    if (str_eq(verb, STR("drop"))) {
        drop_destination(w, r, name);
        return;
    }
    struct lane *lane = name.len == 0 ? NULL : map_find(&w->lane_by_name, name);
    bool pause = str_eq(verb, STR("pause"));
    if (lane == NULL || (!pause && !str_eq(verb, STR("resume")))) {
        answer_problem(r, 404, "not_found",
                       "no such destination; GET /api/v1/destinations lists them");
        return;
    }
    pause_destination(w, r, lane, pause);
}
