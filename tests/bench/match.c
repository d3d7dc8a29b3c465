/* bench_match: what routing costs: a thousand routes beside ten, when they are told apart by the
 * event's type, a header or a text of the body; and body filters on 24 KB such as GitHub sends.
 * Prints microseconds an event, the least of 21 runs of 2,000 (what else the machine does only
 * adds); exit 1 above the limits. */
#include "base/log.h"
#include "model/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 21, ROUNDS = 2000, MANY = 1000, FEW = 10, BODY = 24000 };
#define RATIO 2.0
#define BODY_US 15.0

struct job {
    struct conf *c;
    const struct fields *fields;
    struct str body;
    size_t takers; /* destinations that an event must have */
};

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void match(const struct job *j)
{
    unsigned to[8];
    struct route_subject s;
    subject_init(&s, &j->c->sources[0], 0, STR("POST"), STR("/hooks/s"), j->fields, j->body);
    ENSURE(route_match(j->c, &s, to) == j->takers);
    subject_done(&s);
}

static double cost_us(const struct job *j)
{
    double least = 0;
    for (int i = 0; i < RUNS; i++) {
        double began = now_us();
        for (int k = 0; k < ROUNDS; k++) {
            match(j);
        }
        double us = (now_us() - began) / ROUNDS;
        least = i == 0 || us < least ? us : least;
    }
    return least;
}

/* Routes that say `what`, in which %d is their number, all to one destination. */
static struct conf *routes(int n, const char *what)
{
    struct buf b, errors;
    buf_init(&b, 1 << 20);
    buf_init(&errors, 1 << 20);
    buf_add_str(&b, STR("sources: {s: {verify: none, event: {type: header.x-event}}}\n"
                        "destinations: {a: http://a}\nroutes:\n"));
    for (int i = 0; i < n; i++) {
        buf_printf(&b, "  - {from: s, to: a, ");
        buf_printf(&b, what, i);
        buf_add_str(&b, STR("}\n"));
    }
    struct conf *c = conf_parse(buf_str(&b), "bench", &errors);
    if (c == NULL) {
        fprintf(stderr, "%.*s", STR_ARG(buf_str(&errors)));
        exit(1);
    }
    buf_done(&b);
    buf_done(&errors);
    return c;
}

static bool compare(const char *name, const char *what, const struct fields *fields,
                    struct str body)
{
    struct job few = {routes(FEW, what), fields, body, 1};
    struct job many = {routes(MANY, what), fields, body, 1};
    double a = cost_us(&few), b = cost_us(&many);
    bool met = b <= RATIO * a;
    printf("| %-28s | %7.3f | %7.3f | %5.2f | %s\n", name, a, b, b / a, met ? "yes |" : "NO  |");
    conf_unref(few.c);
    conf_unref(many.c);
    return met;
}

/* As a push of GitHub's with eight commits: most of it are the URLs of its repository. */
static void put_body(struct buf *b)
{
    buf_printf(b,
               "{\"ref\":\"refs/heads/main\",\"before\":\"%040d\",\"after\":\"%040d\","
               "\"type\":\"type-3\",\"forced\":false,\"commits\":[",
               1, 2);
    for (int i = 0; b->len < BODY / 6; i++) {
        buf_printf(b,
                   "%s{\"id\":\"%040d\",\"tree_id\":\"%040d\",\"distinct\":true,\"message\":"
                   "\"fix the thing that \\\"broke\\\" in %d\\n\\nIt was about time.\","
                   "\"timestamp\":\"2026-11-30T05:13:01+01:00\",\"author\":{\"name\":\"Some "
                   "Body\",\"email\":\"somebody@example.com\",\"username\":\"somebody\"},"
                   "\"added\":[],\"removed\":[],\"modified\":[\"src/model/route.c\","
                   "\"include/model/route.h\"]}",
                   i == 0 ? "" : ",", i, i, i);
    }
    buf_add_str(b, STR("],\"repository\":{\"id\":35129377,\"node_id\":\"MDEwOlJlcG9zaXRvcnkx\","
                       "\"full_name\":\"somebody/something\",\"private\":false"));
    for (int i = 0; b->len < BODY; i++) {
        buf_printf(b,
                   ",\"thing_%d_url\":\"https://api.github.example/repos/somebody/something/"
                   "things{/number}\"",
                   i);
    }
    buf_add_str(b, STR("},\"size\":21,\"sender\":{\"login\":\"somebody\",\"id\":21031067}}"));
}

static bool filters(struct str body, const struct fields *fields)
{
    static const char *const what[] = {
        "when: {body: {ref: refs/heads/main, forced: false}}",
        "when: {body: {repository: {id: 35129377, full_name: somebody/something}}}",
        "when: {body: {commits: {modified: {$endsWith: route.h}}}}",
        "when: {body: {ref: {$glob: 'refs/heads/*'}, $not: {commits: {message: {$regex: "
        "'\\[skip ci\\]'}}}}}",
    };
    bool met = true;
    printf("\n| filter on %5zu bytes | us | <= %.0f us |\n|---|---|---|\n", body.len, BODY_US);
    for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
        struct job j = {routes(1, what[i]), fields, body, 1};
        double us = cost_us(&j);
        met = met && us <= BODY_US;
        printf("| %s | %6.2f | %s\n", what[i], us, us <= BODY_US ? "yes |" : "NO  |");
        conf_unref(j.c);
    }
    return met;
}

int main(void)
{
    static struct fields fields;
    struct buf body;
    buf_init(&body, 2 * BODY);
    put_body(&body);
    (void)!fields_add(&fields, STR("Host"), STR("hooks.example.com"));
    (void)!fields_add(&fields, STR("Content-Type"), STR("application/json"));
    (void)!fields_add(&fields, STR("X-Event"), STR("type-3"));
    (void)!fields_add(&fields, STR("X-Tenant"), STR("tenant-7"));
    const struct str small = STR("{\"type\":\"type-3\",\"n\":1}");
    printf("| %d routes and %d, told apart by | %d, us | %d, us | ratio | <= %.0f |\n"
           "|---|---|---|---|---|\n",
           FEW, MANY, FEW, MANY, RATIO);
    bool met = compare("the event's type", "events: type-%d", &fields, small);
    met = compare("a header", "when: {headers: {x-tenant: tenant-%d}}", &fields, small) && met;
    met = compare("a text of the body", "when: {body: {type: type-%d}}", &fields, small) && met;
    met = compare("a number of the body", "when: {body: {n: %d}}", &fields, small) && met;
    met = filters(buf_str(&body), &fields) && met;
    buf_done(&body);
    return met ? 0 : 1;
}
