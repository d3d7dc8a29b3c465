/* Which paths the process may still use once it runs. */
#include "confine.h"

#include "base/sandbox.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static void allow_all(struct sandbox *s, const char *const *paths, enum sandbox_right right)
{
    for (size_t i = 0; paths[i] != NULL; i++) {
        sandbox_allow(s, paths[i], right);
    }
}

/* Where redis-server may be, and be looked for. */
static void allow_programs(struct sandbox *s)
{
    static const char *const roots[] = {"/usr", "/bin", "/lib", "/lib64", "/opt", "/nix", NULL};
    const char *list = getenv("PATH");
    struct str left = str_of(list != NULL ? list : ""), folder;
    char path[PATH_MAX];
    allow_all(s, roots, SANDBOX_RUN);
    for (bool more = true; more;) {
        more = str_cut(left, ':', &folder, &left);
        if (folder.len > 0 && folder.len < sizeof path) {
            snprintf(path, sizeof path, "%.*s", STR_ARG(folder));
            sandbox_allow(s, path, SANDBOX_RUN);
        }
    }
}

/* A unix socket is made and removed in its folder. */
static void allow_socket(struct sandbox *s, struct str address)
{
    char path[PATH_MAX];
    if (str_starts(address, STR("unix:"))) {
        snprintf(path, sizeof path, "%.*s", STR_ARG(str_from(address, sizeof "unix:" - 1)));
        sandbox_allow(s, dirname(path), SANDBOX_SOCKET);
    }
}

static void allow_file(struct sandbox *s, struct str path)
{
    if (path.len > 0) {
        sandbox_allow_replaced(s, path.at);
    }
}

static void allow_tls(struct sandbox *s, const struct conf_tls *files)
{
    allow_file(s, files->ca_file);
    allow_file(s, files->cert_file);
    allow_file(s, files->key_file);
}

/* Files that are opened later: the resolver's and OpenSSL's own, certificates (when a destination
 * is first connected to), the embedded store's. A directive that names another file belongs here.
 */
void confine(const struct conf *conf)
{
    static const char *const read[] = {"/etc", "/usr",  "/lib",         "/lib64",
                                       "/nix", "/proc", "/dev/urandom", NULL};
    static const char *const variables[] = {"SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF", NULL};
    struct sandbox s;
    sandbox_open(&s);
    allow_all(&s, read, SANDBOX_READ);
    sandbox_allow(&s, "/dev/null", SANDBOX_DEVICE);
    sandbox_allow_replaced(&s, "/etc/resolv.conf");
    for (size_t i = 0; variables[i] != NULL; i++) {
        const char *path = getenv(variables[i]);
        if (path != NULL) {
            sandbox_allow(&s, path, SANDBOX_READ);
        }
    }
    for (size_t i = 0; i < conf->listen.certificate_count; i++) {
        allow_tls(&s, &conf->listen.certificates[i]);
    }
    allow_file(&s, conf->listen.client_ca_file);
    allow_tls(&s, &conf->redis.files);
    for (size_t i = 0; i < conf->destination_count; i++) {
        allow_tls(&s, &conf->destinations[i].files);
    }
    for (size_t i = 0; i < conf->source_count; i++) {
        allow_file(&s, conf->sources[i].jwks.ca_file);
        allow_file(&s, conf->sources[i].hosts.ca_file);
    }
    for (size_t i = 0; i < conf->files.n; i++) { /* for a reload */
        allow_file(&s, conf->files.v[i].path);
    }
    for (size_t i = 0; i < conf->folders.n; i++) {
        sandbox_allow(&s, conf->folders.v[i].path.at, SANDBOX_READ);
    }
    allow_socket(&s, conf->listen.address);
    allow_socket(&s, conf->admin.address);
    if (conf->redis.embedded) {
        allow_programs(&s);
    }
    if (conf_uses_data_dir(conf)) {
        sandbox_allow(&s, conf->data_dir.at, SANDBOX_WRITE);
    }
    sandbox_enter(&s, conf->redis.embedded);
}
