/* reload: a running Penstock reads its configuration again. */
#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <yyjson.h>

enum { ANSWER_MOST = 1 << 20 };

/* What it says is for this terminal: errors, or warnings. */
static int show(int status, struct str body)
{
    yyjson_doc *doc = yyjson_read(body.at, body.len, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *said = yyjson_get_str(yyjson_obj_get(root, "said"));
    bool ok = yyjson_get_bool(yyjson_obj_get(root, "ok"));
    if (said != NULL) {
        fputs(said, stderr);
        puts(ok ? "reloaded" : "not reloaded; the old configuration stays in force");
    } else {
        fprintf(stderr, "penstock: answered %d: %.*s", status, STR_ARG(body));
    }
    yyjson_doc_free(doc);
    return said != NULL && ok ? EXIT_FINE : status == 503 ? EXIT_UNREACHABLE : EXIT_FAILED;
}

/* Of files that are wrong somewhere, or name what only the node has. */
static struct conf *admin_alone(const char *path)
{
    struct buf said;
    buf_init(&said, ANSWER_MOST);
    struct conf *conf = conf_load_admin(path, &said);
    fprintf(stderr, "%.*s", STR_ARG(buf_str(&said)));
    if (conf == NULL) {
        fputs("penstock: the node was not asked, for where it is cannot be read; name it with "
              "--url http://HOST:PORT\n",
              stderr);
    } else if (said.len > 0) {
        fputs("penstock: not all of the configuration could be read here; the node is asked by "
              "what is known of \"admin\"\n",
              stderr);
    }
    buf_done(&said);
    return conf;
}

/* The node, not this command, says what is wrong with the file: only where it is to be asked is
 * looked for here. */
static struct conf *admin_conf(const char *path)
{
    path = conf_chosen(path);
    if (path == NULL) {
        return NULL;
    }
    struct buf unsaid;
    buf_init(&unsaid, ANSWER_MOST);
    struct conf *conf = conf_load(path, &unsaid);
    buf_done(&unsaid);
    return conf != NULL ? conf : admin_alone(path);
}

static int reload(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"url", required_argument, NULL, 'u'},
                                            {"allow-empty", no_argument, NULL, 'e'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL, *url = NULL;
    bool allow_empty = false;
    for (int o; (o = getopt_long(argc, argv, "c:u:", options, NULL)) != -1;) {
        if (o == 'c') {
            path = optarg;
        } else if (o == 'u') {
            url = optarg;
        } else if (o == 'e') {
            allow_empty = true;
        } else {
            return usage_error(&verb_reload, "it takes -c FILE, --url URL and --allow-empty", NULL);
        }
    }
    if (optind < argc) {
        return usage_error(&verb_reload, "unexpected argument", argv[optind]);
    }
    struct conf *conf = url == NULL ? admin_conf(path) : NULL;
    if (conf == NULL && url == NULL) {
        return EXIT_FAILED;
    }
    struct buf body;
    int status;
    buf_init(&body, ANSWER_MOST);
    struct admin_call call = {conf, url, "POST",
                              allow_empty ? STR("/-/reload?allow_empty=true") : STR("/-/reload")};
    int rc = admin_call(&call, &status, &body);
    if (rc == EXIT_FINE) {
        rc = show(status, buf_str(&body));
    }
    if (rc != EXIT_FINE && (rc == EXIT_UNREACHABLE || status == 401)) {
        fputs("penstock: if the address or the token of \"admin\" has changed in the file, the old "
              "one is "
              "still in force: --url http://HOST:PORT, with the token in $PENSTOCK_ADMIN_TOKEN, or "
              "SIGHUP\n",
              stderr);
    }
    buf_done(&body);
    conf_unref(conf);
    return rc;
}

const struct verb verb_reload = {
    "reload", "Have a running Penstock read its configuration again: all of it, or nothing.",
    "usage: penstock reload [-c FILE | --url http://HOST:PORT] [--allow-empty]\n\n"
    "  -c, --config FILE   where its admin address and token are; default $PENSTOCK_CONFIG,\n"
    "                      ./penstock.yaml, /etc/penstock/penstock.yaml\n"
    "      --url URL       the admin address, instead of the configuration's; its token, if it\n"
    "                      has one, is then $PENSTOCK_ADMIN_TOKEN\n"
    "      --allow-empty   take a configuration without any route, too\n"
    "\nWhat it reads is the file that it was started with, in its own surroundings. Prints\n"
    "errors and warnings; exit 1 when the old configuration stays in force.\n",
    reload};
