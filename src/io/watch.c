/* Files by their folders: what happens there is a reason to look whether they have changed. */
#include "io/watch.h"

#include "base/log.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct watched {
    char *path;
    struct file_state seen;
};

struct folder {
    uv_fs_event_t event;
    struct watch *watch; /* NULL: it is being closed */
    struct folder *next;
    char path[PATH_MAX];
};

struct watch {
    uv_loop_t *loop;
    struct wheel *wheel;
    struct wheel_timer calm;
    struct folder *folders;
    struct watched *files, *before; /* before: of the set that this one takes the place of */
    size_t n, before_n;
    unsigned closing; /* folders; and 1 for itself */
    void (*on_change)(void *user);
    void (*on_closed)(void *user);
    void *user, *closed_user;
};

static void on_calm(struct wheel_timer *t)
{
    struct watch *w = CONTAINER_OF(t, struct watch, calm);
    bool changed = false;
    for (size_t i = 0; i < w->n; i++) {
        struct file_state now = file_state_of(w->files[i].path);
        changed = changed || !file_state_same(&now, &w->files[i].seen);
        w->files[i].seen = now;
    }
    if (changed) {
        w->on_change(w->user);
    }
}

static void on_event(uv_fs_event_t *event, const char *name, int what, int status)
{
    struct folder *f = event->data;
    (void)name;
    (void)what;
    (void)status;
    if (f->watch != NULL) {
        wheel_arm(f->watch->wheel, &f->watch->calm, WATCH_CALM_MS, on_calm);
    }
}

/* --- folders */

static void ended(struct watch *w)
{
    if (--w->closing == 0) {
        void (*on_closed)(void *user) = w->on_closed;
        void *user = w->closed_user;
        free(w);
        on_closed(user);
    }
}

static void on_folder_closed(uv_handle_t *handle)
{
    struct folder *f = handle->data;
    struct watch *w = (struct watch *)f->next; /* whom to tell */
    free(f);
    ended(w);
}

static void leave_folders(struct watch *w)
{
    while (w->folders != NULL) {
        struct folder *f = w->folders;
        w->folders = f->next;
        f->watch = NULL;
        f->next = (struct folder *)(void *)w;
        w->closing++;
        uv_close((uv_handle_t *)&f->event, on_folder_closed);
    }
}

/* A folder that is not there, or can not be watched: why. */
static int enter_folder(struct watch *w, const char *path)
{
    for (const struct folder *f = w->folders; f != NULL; f = f->next) {
        if (strcmp(f->path, path) == 0) {
            return 0;
        }
    }
    struct folder *f = calloc(1, sizeof *f);
    ENSURE(f != NULL);
    snprintf(f->path, sizeof f->path, "%s", path);
    uv_fs_event_init(w->loop, &f->event);
    f->event.data = f;
    f->watch = w;
    f->next = w->folders;
    w->folders = f;
    return uv_fs_event_start(&f->event, on_event, path, 0);
}

/* The folder that the name is in, and the one that the file really is in; of a folder itself. */
static int enter_folders_of(struct watch *w, const char *path)
{
    char copy[PATH_MAX];
    struct stat s;
    if (stat(path, &s) == 0 && S_ISDIR(s.st_mode)) {
        return enter_folder(w, path);
    }
    snprintf(copy, sizeof copy, "%s", path);
    int rc = enter_folder(w, dirname(copy));
    char *really = realpath(path, NULL);
    if (really != NULL) {
        int second = enter_folder(w, dirname(really));
        rc = rc == 0 ? second : rc;
        free(really);
    }
    return rc;
}

static void forget(struct watched **files, size_t *n)
{
    for (size_t i = 0; i < *n; i++) {
        free((*files)[i].path);
    }
    free(*files);
    *files = NULL;
    *n = 0;
}

/* --- life */

struct watch *watch_new(uv_loop_t *loop, struct wheel *wheel, void (*on_change)(void *user),
                        void *user)
{
    struct watch *w = calloc(1, sizeof *w);
    ENSURE(w != NULL);
    w->loop = loop;
    w->wheel = wheel;
    w->closing = 1;
    w->on_change = on_change;
    w->user = user;
    return w;
}

void watch_begin(struct watch *w)
{
    wheel_cancel(w->wheel, &w->calm);
    leave_folders(w);
    forget(&w->before, &w->before_n);
    w->before = w->files;
    w->before_n = w->n;
    w->files = NULL;
    w->n = 0;
}

static struct file_state seen_before(const struct watch *w, const char *path)
{
    for (size_t i = 0; i < w->before_n; i++) {
        if (strcmp(w->before[i].path, path) == 0) {
            return w->before[i].seen;
        }
    }
    return file_state_of(path);
}

const char *watch_add(struct watch *w, struct str path, const struct file_state *seen)
{
    static char trouble[PATH_MAX + 128];
    struct watched *more = realloc(w->files, (w->n + 1) * sizeof *more);
    char *name = strndup(path.at, path.len);
    ENSURE(more != NULL && name != NULL);
    w->files = more;
    w->files[w->n++] = (struct watched){name, seen != NULL ? *seen : seen_before(w, name)};
    int rc = enter_folders_of(w, name);
    if (rc == 0) {
        return NULL;
    }
    snprintf(trouble, sizeof trouble, "the folder of %s: %s", name, uv_strerror(rc));
    return trouble;
}

void watch_end(struct watch *w)
{
    forget(&w->before, &w->before_n);
    if (w->n > 0) {
        wheel_arm(w->wheel, &w->calm, WATCH_CALM_MS, on_calm);
    }
}

void watch_close(struct watch *w, void (*on_closed)(void *user), void *user)
{
    w->on_closed = on_closed;
    w->closed_user = user;
    watch_begin(w);
    watch_end(w);
    ended(w);
}
