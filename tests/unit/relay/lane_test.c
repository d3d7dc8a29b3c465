/* relay/lane: a reload whose files are good when it is checked, and are not when it is taken. */
#include "relay/delivery.h"

#include "room.h"

#include <stdio.h>
#include <unistd.h>

static char folder[64], ca[80]; /* `ca` is a link to one of the folder's files */

static int make_files(void **state)
{
    (void)state;
    char command[512];
    strcpy(folder, "/tmp/penstock-lane-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(ca, sizeof ca, "%s/ca.pem", folder);
    snprintf(command, sizeof command,
             "cd %s && echo nonsense >bad && openssl req -x509 -newkey ec -pkeyopt "
             "ec_paramgen_curve:prime256v1 -nodes -keyout key -out good -days 30 -subj /CN=ca "
             "2>key.log",
             folder);
    return system(command);
}

static int remove_files(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void lead_to(const char *name)
{
    (void)unlink(ca);
    assert_int_equal(symlink(name, ca), 0);
}

static struct conf *parse_with_ca(void)
{
    char text[512];
    struct buf errors;
    snprintf(text, sizeof text,
             "sources: {s: {verify: none}}\n"
             "destinations: {a: {url: 'https://a/', tls: {ca_file: %s}, concurrency: 1}, "
             "b: {url: 'http://b/', concurrency: 1}}\n"
             "routes: [{from: s, to: [a, b]}]\n",
             ca);
    buf_init(&errors, 65536);
    struct conf *conf = conf_parse(str_of(text), "p.yaml", &errors);
    assert_non_null(conf);
    buf_done(&errors);
    return conf;
}

static void on_closed(void *user)
{
    *(bool *)user = true;
}

static void shut(struct room *r, struct conf *next)
{
    bool closed = false;
    for (unsigned i = 0; i < 2; i++) {
        httpc_origin_free(r->lanes[i].origin);
    }
    httpc_close(r->w.httpc, on_closed, &closed);
    while (!closed) {
        uv_run(&r->loop, UV_RUN_ONCE);
    }
    map_done(&r->w.lane_by_name);
    free(r->w.lane_of);
    room_shut(r);
    conf_unref(next);
}

static void deliver(struct room *r, uint64_t n)
{
    struct event *e = room_event(n, 10);
    dispatch_event(r->j, e);
    event_unref(e);
}

static void what_comes_while_files_cannot_be_read_waits_until_they_can(void **state)
{
    (void)state;
    struct room *r = room_open("lane: 6");
    struct worker *w = &r->w;
    struct lane *a = &r->lanes[0], *b = &r->lanes[1];
    w->httpc = httpc_new(&r->loop, &w->wheel);
    map_init(&w->lane_by_name);
    for (unsigned i = 0; i < 2; i++) {
        map_set(&w->lane_by_name, str_of(r->lanes[i].name), &r->lanes[i]);
    }
    lead_to("good");
    struct conf *before = w->conf, *next = w->conf = parse_with_ca();
    lead_to("bad");
    const char *why = lanes_reload(w, before);
    assert_non_null(why);
    assert_non_null(strstr(why, ca));
    assert_null(a->origin);
    assert_non_null(b->origin);
    deliver(r, 2);
    assert_int_equal(a->lists[DELIVERY_FRESH].n, 0);
    assert_int_equal(b->lists[DELIVERY_FRESH].n, 1);
    assert_int_equal(r->j->op_count, 1); /* it is parked */
    assert_int_equal(dispatch_room(a, FROM_DUE), 0);
    lanes_tend(w);
    assert_null(a->origin);
    lead_to("good");
    lanes_tend(w);
    assert_non_null(a->origin);
    assert_int_equal(dispatch_room(a, FROM_DUE), 1024);
    deliver(r, 3);
    assert_int_equal(a->lists[DELIVERY_FRESH].n, 1);
    assert_int_equal(r->j->op_count, 1);
    shut(r, next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_while_files_cannot_be_read_waits_until_they_can),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
