/* The data directory, the private redis-server in it, and what a former life left there. */
#include "relay/embedded.h"

#include "base/crash.h"
#include "base/log.h"
#include "relay/journal.h"
#include "relay/node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOOK_EVERY_MS = 500, STOP_WITHIN_MS = 5000 };

struct embedded {
    struct worker *w;
    char dir[256];
    char socket[108];
    uv_process_t *process; /* NULL: none of ours runs */
    struct wheel_timer look;
    int64_t stop_by_ms;
    unsigned failures;
    void (*on_stopped)(void *user);
    void *user;
};

static char trouble[512];

static const char *say(const char *what, const char *path, const char *do_this)
{
    snprintf(trouble, sizeof trouble, "%s %s: %s; %s", what, path, strerror(errno), do_this);
    return trouble;
}

/* mkdir -p for what belongs to us: the last two levels at most are usually missing. */
static const char *make_dir(const char *path)
{
    char part[256];
    size_t n = strlen(path);
    if (n >= sizeof part) {
        errno = ENAMETOOLONG;
        return say("cannot use data_dir", path, "choose a shorter one");
    }
    for (size_t i = 1; i <= n; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            memcpy(part, path, i);
            part[i] = '\0';
            if (mkdir(part, 0700) != 0 && errno != EEXIST) {
                return say(
                    "cannot create data_dir", path,
                    "create it for this user, or set data_dir to a folder that can be written");
            }
        }
    }
    return NULL;
}

const char *data_dir_lock(struct str dir, int *lock_fd)
{
    char path[300], pid[24];
    const char *why = make_dir(dir.at);
    if (why != NULL) {
        return why;
    }
    snprintf(path, sizeof path, "%.200s/lock", dir.at);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return say("cannot write to data_dir", dir.at,
                   "give this user write permission, or set data_dir to another folder");
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        ssize_t n = read(fd, pid, sizeof pid - 1);
        pid[n > 0 ? n : 0] = '\0';
        close(fd);
        snprintf(
            trouble, sizeof trouble,
            "data_dir %s is in use by another Penstock (process %s); stop that one, or give this "
            "one a data_dir of its own",
            dir.at, n > 0 ? pid : "unknown");
        return trouble;
    }
    int len = snprintf(pid, sizeof pid, "%ld", (long)getpid());
    if (ftruncate(fd, 0) != 0 || write(fd, pid, (size_t)len) != len) {
        close(fd);
        return say("cannot write to data_dir", dir.at, "is the disk full?");
    }
    *lock_fd = fd;
    return NULL;
}

/* --- the server */

static void on_look(struct wheel_timer *t);

static void on_process_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_exit_of_server(uv_process_t *process, int64_t status, int signal)
{
    struct embedded *e = process->data;
    log_line(e->on_stopped != NULL ? LOG_INFO : LOG_ERROR, "the embedded redis-server has ended",
             "status", "%lld", (long long)status, "signal", "%d", signal, "log", "%s/redis.log",
             e->dir, NULL);
    e->process = NULL;
    e->failures++;
    uv_close((uv_handle_t *)process, on_process_closed);
}

static int spawn(struct embedded *e, const char *program, int lock_fd)
{
    char *args[] = {(char *)(uintptr_t)program,
                    "--port",
                    "0",
                    "--unixsocket",
                    e->socket,
                    "--unixsocketperm",
                    "700",
                    "--dir",
                    e->dir,
                    "--save",
                    "",
                    "--appendonly",
                    "yes",
                    "--appendfsync",
                    "always",
                    "--no-appendfsync-on-rewrite",
                    "no",
                    "--maxmemory-policy",
                    "noeviction",
                    "--auto-aof-rewrite-min-size",
                    "1gb",
                    "--daemonize",
                    "no",
                    "--logfile",
                    "redis.log",
                    NULL};
    uv_stdio_container_t io[4] = {
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_IGNORE},
        {.flags = UV_INHERIT_FD, .data.fd = lock_fd},
    };
    uv_process_options_t options = {
        .file = program,
        .args = args,
        .stdio = io,
        .stdio_count = 4,
        .exit_cb = on_exit_of_server,
        .flags = UV_PROCESS_DETACHED, /* a Ctrl-C in the terminal is for us, not for it */
    };
    uv_process_t *p = calloc(1, sizeof *p);
    ENSURE(p != NULL);
    p->data = e;
    int rc = uv_spawn(e->w->loop, p, &options);
    if (rc != 0) {
        uv_close((uv_handle_t *)p, on_process_closed);
        return rc;
    }
    uv_unref((uv_handle_t *)p);
    e->process = p;
    log_line(LOG_INFO, "started the embedded store", "program", "%s", program, "pid", "%d", p->pid,
             "dir", "%s", e->dir, NULL);
    return 0;
}

/* NULL: it runs, or another holds the lock and will answer in time. */
static const char *ensure(struct embedded *e)
{
    char path[300];
    if (e->process != NULL) {
        return NULL;
    }
    snprintf(path, sizeof path, "%s/lock", e->dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return say("cannot write to", path, "give this user write permission to data_dir");
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        close(fd);
        return NULL;
    }
    int rc = spawn(e, "redis-server", fd);
    if (rc == UV_ENOENT) {
        rc = spawn(e, "valkey-server", fd);
    }
    close(fd); /* the lock lives on in the server's copy alone */
    if (rc != 0) {
        snprintf(trouble, sizeof trouble,
                 "cannot start redis-server: %s; install it (apt-get install redis-server), or set "
                 "redis.url to a server of yours",
                 uv_strerror(rc));
        return trouble;
    }
    return NULL;
}

static void on_look(struct wheel_timer *t)
{
    struct embedded *e = CONTAINER_OF(t, struct embedded, look);
    if (!redis_is_ready(e->w)) {
        const char *why = ensure(e);
        if (why != NULL) {
            log_line(LOG_ERROR, "the embedded store cannot be started", "why", "%s", why, NULL);
        }
    } else {
        e->failures = 0;
    }
    uint64_t wait = LOOK_EVERY_MS * (e->failures > 8 ? 8 : e->failures + 1);
    wheel_arm(&e->w->wheel, &e->look, wait, on_look);
}

const char *embedded_start(struct embedded **out, struct worker *w, char socket[108])
{
    struct embedded *e = calloc(1, sizeof *e);
    ENSURE(e != NULL);
    e->w = w;
    int n = snprintf(e->socket, sizeof e->socket, "%s/redis/socket", w->conf->data_dir.at);
    if (n < 0 || (size_t)n >= sizeof e->socket) {
        free(e);
        return "data_dir has too long a path for a Unix socket (90 characters at most)";
    }
    snprintf(e->dir, sizeof e->dir, "%.*s", n - 7, e->socket);
    memcpy(socket, e->socket, sizeof e->socket);
    const char *why = make_dir(e->dir);
    if (why == NULL) {
        why = ensure(e);
    }
    if (why != NULL) {
        free(e);
        return why;
    }
    wheel_arm(&w->wheel, &e->look, LOOK_EVERY_MS, on_look);
    *out = e;
    return NULL;
}

/* --- the end: it stops last */

static void stopped(struct embedded *e)
{
    void (*on_stopped)(void *user) = e->on_stopped;
    void *user = e->user;
    if (e->process != NULL) { /* not in time: it goes on by itself, and the next life uses it */
        e->process->data = NULL;
        uv_close((uv_handle_t *)e->process, on_process_closed);
    }
    free(e);
    on_stopped(user);
}

static void on_stopping(struct wheel_timer *t)
{
    struct embedded *e = CONTAINER_OF(t, struct embedded, look);
    char path[300];
    snprintf(path, sizeof path, "%s/lock", e->dir);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    bool is_free = fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0;
    if (fd >= 0) {
        close(fd);
    }
    if ((is_free && e->process == NULL) || boot_ms() >= e->stop_by_ms) {
        stopped(e);
    } else {
        wheel_arm(&e->w->wheel, &e->look, WHEEL_TICK_MS, on_stopping);
    }
}

void embedded_stop(struct embedded *e, void (*on_stopped)(void *user), void *user)
{
    e->on_stopped = on_stopped;
    e->user = user;
    e->stop_by_ms = boot_ms() + STOP_WITHIN_MS;
    struct str argv[] = {STR("SHUTDOWN")};
    struct master *m = e->w->redis.masters;
    if ((m == NULL || !store_send(m->main, 1, argv, NULL, NULL)) && e->process != NULL) {
        uv_process_kill(e->process, SIGTERM);
    }
    wheel_arm(&e->w->wheel, &e->look, WHEEL_TICK_MS, on_stopping);
}

/* --- lives */

static void life_path(const struct worker *w, unsigned index, char path[300], const char *suffix)
{
    snprintf(path, 300, "%.200s/life.%u%s", w->conf->data_dir.at, index, suffix);
}

void life_write(struct worker *w)
{
    char path[300], temporary[300];
    if (!w->node->has_data_dir) {
        return;
    }
    life_path(w, w->index, path, "");
    life_path(w, w->index, temporary, ".new");
    FILE *f = fopen(temporary, "we");
    if (f == NULL) {
        return; /* only a shortcut: the next life waits for the leases then */
    }
    for (const struct journal *j = w->journals; j != NULL; j = j->next) {
        if (j->token[0] != '\0') {
            fprintf(f, "%s %s\n", j->name, j->token);
        }
    }
    CRASH_POINT("life");
    if (fclose(f) != 0 || rename(temporary, path) != 0) {
        unlink(temporary);
    }
}

static void adopt_life(struct worker *w, unsigned index)
{
    char path[300], line[64];
    life_path(w, index, path, "");
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return;
    }
    while (fgets(line, sizeof line, f) != NULL) {
        uint64_t number;
        struct str text = str_of(line), name, token;
        if (text.len == 9 + 1 + 32 + 1 && str_cut(str_head(text, 42), ' ', &name, &token) &&
            journal_number(name, &number)) {
            adopt_former(w, number, token);
        }
    }
    fclose(f);
}

/* Each its own predecessor's; the first one also those of workers that this life does not have. */
void life_adopt(struct worker *w)
{
    if (!w->node->has_data_dir) {
        return;
    }
    adopt_life(w, w->index);
    for (unsigned i = w->node->worker_count; w->index == 0 && i < WORKERS_MAX; i++) {
        adopt_life(w, i);
    }
}
