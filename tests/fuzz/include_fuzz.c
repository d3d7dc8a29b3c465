/* Any bytes as a configuration of up to three files, each behind a line "%%%%": the first may
 * include "a.yaml" and "b.yaml", as they may each other. Joined, printed and dropped, or refused
 * with a reason; what is printed is read back without any include. */
#include "model/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/penstock-fuzz-XXXXXX";
static const char *const names[] = {"p.yaml", "a.yaml", "b.yaml"};

static void path_of(size_t i, char out[64])
{
    snprintf(out, 64, "%s/%s", folder, names[i]);
}

static void clean(void)
{
    char path[64];
    for (size_t i = 0; i < 3; i++) {
        path_of(i, path);
        remove(path);
    }
    rmdir(folder);
}

static void put(size_t i, struct str text)
{
    char path[64];
    path_of(i, path);
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(text.len > 0 ? text.at : "", 1, text.len, f) != text.len ||
        fclose(f) != 0) {
        abort();
    }
}

static void begin(void)
{
    static bool begun;
    if (!begun) {
        begun = mkdtemp(folder) != NULL && atexit(clean) == 0 && unsetenv("REDIS_URL") == 0;
    }
    if (!begun) {
        abort();
    }
}

static void split(struct str all)
{
    static const struct str line = {"%%%%\n", 5};
    for (size_t i = 0; i < 3; i++) {
        const char *at = all.len < line.len ? NULL : memmem(all.at, all.len, line.at, line.len);
        struct str part = at == NULL || i == 2 ? all : str_head(all, (size_t)(at - all.at));
        put(i, part);
        all = part.len == all.len ? STR_NONE : str_from(all, part.len + line.len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf errors, printed;
    char path[64];
    begin();
    split((struct str){(const char *)data, size});
    buf_init(&errors, 256 * 1024);
    buf_init(&printed, 16 * 1024 * 1024);
    path_of(0, path);
    struct conf *c = conf_load(path, &errors);
    if (c == NULL && errors.len == 0) {
        abort(); /* refused without a word */
    }
    if (c != NULL) {
        conf_print(c, &printed);
        if (c->files.n == 0 || printed.len == 0 ||
            memmem(printed.at, printed.len, "\ninclude:", 9) != NULL) {
            abort();
        }
        conf_unref(c);
    }
    buf_done(&errors);
    buf_done(&printed);
    return 0;
}
