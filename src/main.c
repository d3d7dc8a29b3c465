/* penstock VERB ...: the table of verbs. */
#include "base/crypt.h"
#include "base/sandbox.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const struct verb *const verbs[] = {
    &verb_run,          &verb_check,   &verb_route,     &verb_plan,    &verb_reload,
    &verb_send,         &verb_sink,    &verb_events,    &verb_replay,  &verb_dead,
    &verb_destinations, &verb_sources, &verb_providers, &verb_doctor,  &verb_nodes,
    &verb_health,       &verb_help,    &verb_schema,    &verb_version,
};

const struct verb *verb_named(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(name, verbs[i]->name) == 0) {
            return verbs[i];
        }
    }
    return NULL;
}

void verbs_print(FILE *to)
{
    fprintf(to, "penstock: a webhook relay. One inbound pipe, a reservoir, many outbound pipes.\n\n"
                "usage: penstock VERB [options]\n\n");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        fprintf(to, "  %-14s %s\n", verbs[i]->name, verbs[i]->summary);
    }
}

static void help(FILE *to)
{
    verbs_print(to);
    fprintf(to,
            "\npenstock VERB --help says more; penstock help KEY, what a key of the configuration "
            "is for.\n");
}

int main(int argc, char **argv)
{
    (void)sandbox_leave_no_core(); /* every verb may read secrets; `run` says whether it holds */
    crypt_init();
    if (argc < 2) {
        help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        help(stdout);
        return EXIT_FINE;
    }
    const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
    const struct verb *v = verb_named(name);
    if (v != NULL) {
        return usage_asked(v, argc - 1, argv + 1) ? EXIT_FINE : v->run(argc - 1, argv + 1);
    }
    fprintf(stderr, "penstock: there is no verb \"%s\"; penstock --help lists them\n", argv[1]);
    return EXIT_USAGE;
}
