/* What tests of this room share: cmocka's includes, and texts compared as texts. */
#ifndef UNIT_MODEL_ROOM_H
#define UNIT_MODEL_ROOM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM_UNUSED __attribute__((unused))

/* Fails with both texts. */
ROOM_UNUSED static void room_text(struct str got, const char *want, const char *what)
{
    if (!str_eq(got, str_of(want))) {
        fail_msg("%s: got \"%.*s\", want \"%s\"", what, STR_ARG(got), want);
    }
}

ROOM_UNUSED static void room_holds(struct str text, const char *part)
{
    char *copy = strndup(text.at == NULL ? "" : text.at, text.len);
    bool found = strstr(copy, part) != NULL;
    if (!found) {
        fprintf(stderr, "%s\n", copy);
    }
    free(copy);
    if (!found) {
        fail_msg("there is no \"%s\" in the text above", part);
    }
}

ROOM_UNUSED static void room_lacks(struct str text, const char *part)
{
    char *copy = strndup(text.at == NULL ? "" : text.at, text.len);
    bool found = strstr(copy, part) != NULL;
    free(copy);
    if (found) {
        fail_msg("\"%s\" is in \"%.*s\"", part, STR_ARG(text));
    }
}

/* A file in a folder of its own, gone with room_remove. */
ROOM_UNUSED static char *room_file(const char *bytes, size_t n)
{
    char *path = strdup("/tmp/penstock-model-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    assert_int_equal(close(fd), 0);
    return path;
}

ROOM_UNUSED static void room_remove(char *path)
{
    remove(path);
    free(path);
}

#endif
