/* The verbs: what the command line shares. Exit codes: 0 fine; 1 the asked thing failed; 2 usage;
 * 3 Penstock (or its Redis) is not reachable. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/buf.h"
#include "io/httpc.h"
#include "model/conf.h"

#include <stdio.h>

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

struct verb {
    const char *name, *summary, *usage; /* usage: the whole text behind --help */
    int (*run)(int argc, char **argv);  /* argv[0] is the verb */
};

extern const struct verb verb_run, verb_check, verb_route, verb_plan, verb_schema, verb_help,
    verb_send, verb_sink, verb_dead, verb_destinations, verb_events, verb_replay, verb_sources,
    verb_providers, verb_doctor, verb_nodes, verb_reload, verb_health, verb_version;

const struct verb *verb_named(const char *name); /* or NULL */
void verbs_print(FILE *to);                      /* what Penstock is, and a line for each verb */

/* "penstock VERB: <why>", then where help is; EXIT_USAGE. */
int usage_error(const struct verb *v, const char *why, const char *what);
/* --help was asked for: prints it and returns true. */
bool usage_asked(const struct verb *v, int argc, char **argv);

/* The file of -c, else $PENSTOCK_CONFIG, ./penstock.yaml, /etc/penstock/penstock.yaml. Prints what
 * is wrong with it to standard error; NULL on errors. */
struct conf *conf_for(const char *path);
const char *
conf_chosen(const char *path); /* which file that is; NULL, and said, when there is none */

/* The answer to one request; the body has a ceiling of the caller's. */
struct http_reply {
    int status;
    struct buf body;
    char event_id[64]; /* its penstock-event-id, or "" */
};
/* One request on a loop of its own. NULL: `reply` is filled; else httpc's reason. */
const char *http_once(const struct httpc_origin_conf *to, const struct httpc_request *request,
                      struct http_reply *reply) MUST_CHECK;
/* "host:port" or "[v6]:port" as one would dial it: a listener on every address is reached over
 * loopback. False: it is not of that form. */
bool split_address(struct str address, char host[256], uint16_t *port);

/* One call of a running Penstock's admin address (or of `url`, when not NULL: http://host:port).
 * The answer's body is in `body`; EXIT_FINE whatever its status, EXIT_UNREACHABLE with a sentence
 * printed. */
struct admin_call {
    const struct conf *conf;
    const char *url;
    const char *method;
    struct str path; /* and query */
};
int admin_call(const struct admin_call *c, int *status, struct buf *body);
/* The same, but a status other than 2xx is printed as an error and gives EXIT_FAILED. */
int admin_ask(const struct admin_call *c, struct buf *body);
int admin_judge(int status, struct str body); /* what admin_ask makes of an answer */

#endif
