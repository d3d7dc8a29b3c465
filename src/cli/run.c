/* run, check, version, health. */
#include "app.h"
#include "cli/cli.h"
#include "model/rehearsal.h"
#include "relay/trust.h"

#include <getopt.h>
#include <hiredis/hiredis.h>
#include <llhttp.h>
#include <openssl/crypto.h>
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>
#include <yaml.h>
#include <yyjson.h>

#define CONFIG_HELP                                                                                \
    "  -c, --config FILE   the configuration; default $PENSTOCK_CONFIG, ./penstock.yaml,\n"        \
    "                      /etc/penstock/penstock.yaml\n"

/* --- run */

static int run(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;
    for (int o; (o = getopt_long(argc, argv, "c:", options, NULL)) != -1;) {
        if (o != 'c') {
            return usage_error(&verb_run, "it takes -c FILE only", NULL);
        }
        path = optarg;
    }
    if (optind < argc) {
        return usage_error(&verb_run, "unexpected argument", argv[optind]);
    }
    path = conf_chosen(path);
    struct conf *conf = path == NULL ? NULL : conf_for(path);
    return conf == NULL ? EXIT_FAILED : app_run(conf, path);
}

const struct verb verb_run = {
    "run", "Run the relay until SIGTERM or SIGINT.",
    "usage: penstock run [-c FILE]\n\n" CONFIG_HELP
    "\nSIGTERM drains: what is under way is finished, the rest stays in the journal.\n"
    "SIGHUP reads the configuration again, and the files that it names: all or nothing.\n",
    run};

/* --- check */

/* `tests:` of the file. */
static bool tests_pass(const struct conf *conf)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    bool good = rehearse(conf, &out);
    fprintf(stderr, "%.*s", STR_ARG(buf_str(&out)));
    buf_done(&out);
    return good;
}

static int check(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"print", no_argument, NULL, 'p'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;
    bool print = false;
    for (int o; (o = getopt_long(argc, argv, "c:p", options, NULL)) != -1;) {
        if (o == 'c') {
            path = optarg;
        } else if (o == 'p') {
            print = true;
        } else {
            return usage_error(&verb_check, "it takes -c FILE and --print", NULL);
        }
    }
    path = path == NULL && optind < argc ? argv[optind] : path;
    struct conf *conf = conf_for(path);
    if (conf == NULL) {
        return EXIT_FAILED;
    }
    struct buf warning;
    buf_init(&warning, TRUST_WARNING);
    const char *why = trust_check(conf, &warning);
    if (why != NULL || warning.len > 0) {
        fprintf(stderr, "%s: %s: %.*s\n", path == NULL ? "penstock check" : path,
                why != NULL ? "error" : "warning",
                STR_ARG(why != NULL ? str_of(why) : buf_str(&warning)));
    }
    buf_done(&warning);
    if (why != NULL) {
        conf_unref(conf);
        return EXIT_FAILED;
    }
    if (!tests_pass(conf)) {
        conf_unref(conf);
        return EXIT_FAILED;
    }
    if (print) {
        struct buf out;
        buf_init(&out, 16 << 20);
        conf_print(conf, &out);
        printf("%.*s", STR_ARG(buf_str(&out)));
        buf_done(&out);
    } else {
        printf("ok: %zu sources, %zu destinations, %zu routes", conf->source_count,
               conf->destination_count, conf->route_count);
        printf(conf->test_count > 0 ? ", %zu tests passed\n" : "\n", conf->test_count);
    }
    conf_unref(conf);
    return EXIT_FINE;
}

const struct verb verb_check = {
    "check", "Check a configuration, and try its tests: prints every error, exit 1.",
    "usage: penstock check [-c FILE] [--print]\n\n" CONFIG_HELP
    "      --print         the effective configuration with defaults; secrets as ***, and so what\n"
    "                      ${...} fills into URLs, paths, headers, filters and tests\n",
    check};

/* --- version */

static int version(int argc, char **argv)
{
    if (argc > 1) {
        return usage_error(&verb_version, "unexpected argument", argv[1]);
    }
    int major, minor, patch;
    yaml_get_version(&major, &minor, &patch);
    printf("penstock %s (%s)\n", PENSTOCK_VERSION, PENSTOCK_BUILD_TYPE);
    printf("libuv %s\n", uv_version_string());
    printf("llhttp %d.%d.%d\n", LLHTTP_VERSION_MAJOR, LLHTTP_VERSION_MINOR, LLHTTP_VERSION_PATCH);
    printf("%s\n", OpenSSL_version(OPENSSL_VERSION));
    printf("hiredis %d.%d.%d\n", HIREDIS_MAJOR, HIREDIS_MINOR, HIREDIS_PATCH);
    printf("libyaml %d.%d.%d\n", major, minor, patch);
    uint32_t json = yyjson_version();
    printf("yyjson %u.%u.%u\n", json >> 16, json >> 8 & 255, json & 255);
    printf("PCRE2 %d.%d\n", PCRE2_MAJOR, PCRE2_MINOR);
    return EXIT_FINE;
}

const struct verb verb_version = {"version", "Print the version, and those of the libraries.",
                                  "usage: penstock version\n", version};

/* --- health */

static int health(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"url", required_argument, NULL, 'u'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL, *url = NULL;
    for (int o; (o = getopt_long(argc, argv, "c:u:", options, NULL)) != -1;) {
        if (o == 'c') {
            path = optarg;
        } else if (o == 'u') {
            url = optarg;
        } else {
            return usage_error(&verb_health, "it takes -c FILE and --url URL", NULL);
        }
    }
    struct conf *conf = url == NULL ? conf_for(path) : NULL;
    if (conf == NULL && url == NULL) {
        return EXIT_FAILED;
    }
    struct buf body;
    int status;
    buf_init(&body, 1 << 20);
    struct admin_call call = {conf, url, "GET", STR("/readyz")};
    int rc = admin_call(&call, &status, &body);
    if (rc == EXIT_FINE) {
        printf("%.*s", STR_ARG(buf_str(&body)));
        rc = status == 200 ? EXIT_FINE : EXIT_FAILED;
    }
    buf_done(&body);
    conf_unref(conf);
    return rc;
}

const struct verb verb_health = {
    "health", "Ask a running Penstock whether it is ready; exit 0 if so, 1 if not, 3 if away.",
    "usage: penstock health [-c FILE | --url http://HOST:PORT]\n\n" CONFIG_HELP
    "      --url URL       the admin address, instead of the configuration's\n",
    health};
