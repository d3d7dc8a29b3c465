/* Why a file cannot be read; in a process of its own that is nobody, for root reads all. */
#include "model/file_text.h"

#include "base/sandbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], closed[80], open_to_all[80];

static void make(char path[80], const char *name, mode_t mode)
{
    snprintf(path, 80, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fputs("x", f) < 0, 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/penstock-file-XXXXXX");
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chmod(folder, 0755), 0);
    make(closed, "closed", 0);
    make(open_to_all, "open", 0644);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(closed);
    unlink(open_to_all);
    return rmdir(folder);
}

static bool says(const char *path, const char *why)
{
    struct buf text;
    buf_init(&text, 64);
    const char *said = file_text_read(path, &text);
    bool same = said == NULL || why == NULL ? said == why : strcmp(said, why) == 0;
    buf_done(&text);
    return same;
}

/* Bits of what is not as it should be. */
static int wrongs(bool confined)
{
    struct sandbox s = {.rules = -1};
    if (getuid() == 0 && setuid(65534) != 0) {
        return 8;
    }
    if (confined) {
        sandbox_open(&s);
    }
    confined = s.rules >= 0; /* else this kernel has no Landlock */
    if (confined) {
        sandbox_enter(&s, false);
    }
    return !says(closed, "Permission denied") +
           2 * !says(open_to_all, confined ? FILE_TEXT_BARRED : NULL) +
           4 * !says("/there/is/no/such/file", "No such file or directory");
}

static void check(bool confined)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        _exit(wrongs(confined));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void its_mode_is_told_from_the_sandbox(void **state)
{
    (void)state;
    check(false);
    if (!PENSTOCK_SANDBOX) {
        skip();
    }
    check(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(its_mode_is_told_from_the_sandbox, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
