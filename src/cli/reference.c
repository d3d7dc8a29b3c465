/* help, schema: the configuration language, for people and for editors. */
#include "cli/cli.h"
#include "model/conf_docs.h"

#include <stdio.h>
#include <string.h>

#define PAGE_BYTES (1 << 20)

static void put(const struct buf *page, FILE *to)
{
    fwrite(page->at, 1, page->len, to);
}

/* --- help */

/* A key's page; of a verb that is no key what it says of itself. */
static int help_of(const char *what)
{
    const struct verb *v = verb_named(what);
    struct buf page;
    buf_init(&page, PAGE_BYTES);
    bool found = conf_help(str_of(what), &page);
    if (!found && v != NULL) {
        buf_clear(&page);
        buf_printf(&page, "%s\n\n%s", v->summary, v->usage);
        found = true;
    } else if (found && v != NULL) {
        buf_printf(&page, "\nThe verb of that name: penstock %s --help\n", what);
    }
    if (found) {
        put(&page, stdout);
    } else {
        fprintf(stderr, "penstock help: ");
        put(&page, stderr);
        fprintf(stderr, "penstock help lists the keys and the verbs.\n");
    }
    buf_done(&page);
    return found ? EXIT_FINE : EXIT_FAILED;
}

static int help(int argc, char **argv)
{
    struct buf page;
    bool all = argc > 1 && strcmp(argv[1], "--all") == 0;
    if (argc > 2 || (argc == 2 && argv[1][0] == '-' && !all)) {
        return usage_error(&verb_help, "it takes one key, or --all", argv[argc - 1]);
    }
    if (argc == 2 && !all) {
        return help_of(argv[1]);
    }
    buf_init(&page, PAGE_BYTES);
    if (all) {
        conf_help_all(&page);
    } else {
        verbs_print(stdout);
        printf("\nThe keys of the configuration:\n\n");
        conf_help_top(&page);
    }
    put(&page, stdout);
    if (!all) {
        printf("\npenstock VERB --help says more, and penstock help KEY, such as\n"
               "penstock help destinations.retry.schedule.\n");
    }
    buf_done(&page);
    return EXIT_FINE;
}

const struct verb verb_help = {
    "help", "Say what a key of the configuration is for.",
    "usage: penstock help [KEY | VERB | --all]\n\n"
    "  KEY     such as destinations.retry.schedule: its kind, default, bounds, an example\n"
    "  VERB    what penstock VERB --help says, unless a key has that name\n"
    "  --all   every key\n",
    help};

/* --- schema */

static int schema(int argc, char **argv)
{
    if (argc > 1) {
        return usage_error(&verb_schema, "unexpected argument", argv[1]);
    }
    struct buf page;
    buf_init(&page, PAGE_BYTES);
    conf_schema(&page);
    put(&page, stdout);
    buf_done(&page);
    return EXIT_FINE;
}

const struct verb verb_schema = {
    "schema", "Print the JSON Schema of the configuration, for editors.",
    "usage: penstock schema\n\n"
    "Draft-07. An editor with a YAML language server completes and checks a file that begins with\n"
    "  # yaml-language-server: $schema=penstock.schema.json\n",
    schema};
