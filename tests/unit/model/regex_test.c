/* Regular expressions, and what ends them. */
#include "room.h"

#include "model/regex.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static enum regex_verdict tried(const char *pattern, struct str text)
{
    struct regex *r;
    struct regex_scratch *scratch = NULL;
    char why[256];
    size_t at;
    const char *wrong = regex_new(&r, str_of(pattern), why, &at);
    if (wrong != NULL) {
        fail_msg("%s: %s", pattern, wrong);
    }
    enum regex_verdict verdict = regex_match(r, &scratch, text, false);
    regex_scratch_free(scratch);
    regex_free(r);
    return verdict;
}

static void matches_anywhere_unless_anchored(void **state)
{
    (void)state;
    assert_int_equal(tried("b+", STR("abbc")), REGEX_YES);
    assert_int_equal(tried("^b+", STR("abbc")), REGEX_NO);
    assert_int_equal(tried("\\[skip ci\\]", STR("fix [skip ci]")), REGEX_YES);
    assert_int_equal(tried("", STR_NONE), REGEX_YES);
    assert_int_equal(tried("^.$", STR("\xc3\xa9")), REGEX_YES);
    assert_int_equal(tried("(?i)PUSH", STR("push")), REGEX_YES);
}

static void a_text_that_is_no_utf8_is_no_match(void **state)
{
    (void)state;
    assert_int_equal(tried(".", STR("\xff")), REGEX_NO);
}

static void says_what_is_wrong_and_where(void **state)
{
    (void)state;
    struct regex *r;
    char why[256];
    size_t at;
    const char *wrong = regex_new(&r, STR("ab(c"), why, &at);
    assert_non_null(wrong);
    assert_null(r);
    room_holds(str_of(wrong), "parenthes");
    assert_int_equal(at, 4);
    assert_non_null(regex_new(&r, STR("\\C"), why, &at));
    char *long_one = calloc(1, REGEX_PATTERN + 2);
    memset(long_one, 'a', REGEX_PATTERN + 1);
    assert_non_null(regex_new(&r, str_of(long_one), why, &at));
    free(long_one);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Each of these would run for years. */
static void what_would_never_end_ends_soon(void **state)
{
    (void)state;
    static char text[REGEX_SUBJECT + 1];
    memset(text, 'a', sizeof text);
    assert_int_equal(tried("(a+)+$", (struct str){text, sizeof text}), REGEX_LIMIT); /* too long */
    text[REGEX_SUBJECT - 1] = 'b';
    static const char *const bad[] = {"(a+)+$",    "(a|aa)+$",      "(a*)*c",
                                      "(.*)*\\1c", "a.*a.*a.*[xy]", "^(([a-z])+.)+[A-Z]$"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double began = seconds();
        enum regex_verdict verdict = tried(bad[i], (struct str){text, REGEX_SUBJECT});
        double took = seconds() - began;
        if (verdict == REGEX_YES || took > 1) {
            fail_msg("%s: verdict %d after %.2f s", bad[i], (int)verdict, took);
        }
    }
}

/* What the match limit does not see: each place looks at the whole rest. */
static bool ends_soon_and_says_its_cost(const char *pattern, bool is_utf8)
{
    static char text[REGEX_SUBJECT];
    struct regex *r;
    struct regex_scratch *scratch = NULL;
    char why[256];
    size_t at;
    memset(text, 'A', sizeof text);
    memcpy(text + sizeof text - 2, "-@", 2); /* else PCRE2 sees at once that it is not there */
    assert_null(regex_new(&r, str_of(pattern), why, &at));
    double began = seconds();
    enum regex_verdict verdict = regex_match(r, &scratch, (struct str){text, sizeof text}, is_utf8);
    double took = seconds() - began, cost = (double)regex_cost(scratch) * 20e-9;
    bool good = verdict != REGEX_YES && took < 0.1 && cost > took / 2;
    if (!good) {
        print_message("%s: verdict %d after %.4f s, of which it says %.4f s\n", pattern,
                      (int)verdict, took, cost);
    }
    regex_scratch_free(scratch);
    regex_free(r);
    return good;
}

static bool what_is_quadratic_ends(void)
{
    static const char *const bad[] = {"[A-Z]+-\\d+",     "\\w+@\\w+",  "A+B|A+C",
                                      "(?i)[^@]+@A",     "\\w+\\w+@x", ".*A.*A.*-x",
                                      "[A-Z][A-Z]+-\\d", "(\\w+)@x",   "(A|\\w)+?@x"};
    bool good = true;
    for (size_t i = 0; i < 2 * sizeof bad / sizeof *bad; i++) {
        good = ends_soon_and_says_its_cost(bad[i / 2], i % 2 == 0) && good;
    }
    return good;
}

static void what_is_quadratic_ends_soon_and_says_its_cost(void **state)
{
    (void)state;
    assert_true(what_is_quadratic_ends());
}

/* Where the steps are many, or else in microseconds. */
static void short_texts_say_their_cost(void **state)
{
    (void)state;
    static const char *const bad[] = {"(\\w+\\s?)+$", "(a+)+$",        "(a|aa)+$", "(a*)*c",
                                      "(.*)*\\1c",     "a.*a.*a.*[xy]", "b|aaa!b",  "a+a+a+b"};
    char text[REGEX_SHORT];
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = i % 16 == 15 ? '!' : 'a';
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum { TIMES = 50 };
        struct regex *r;
        struct regex_scratch *scratch = NULL;
        char why[256];
        size_t at, cost = 0;
        assert_null(regex_new(&r, str_of(bad[i]), why, &at));
        double began = seconds();
        for (int k = 0; k < TIMES; k++) {
            assert_int_not_equal(
                regex_match(r, &scratch, (struct str){text, sizeof text}, true), REGEX_YES);
            cost += 16 + regex_cost(scratch);
        }
        double each = (seconds() - began) / TIMES, said = (double)cost * 20e-9 / TIMES;
        if (each > 3 * said && each > 20e-6) {
            fail_msg("%s: %.1f us, of which it says %.1f us", bad[i], each * 1e6, said * 1e6);
        }
        regex_scratch_free(scratch);
        regex_free(r);
    }
}

static struct str long_text(char at[REGEX_SUBJECT], const char *unit, const char *end)
{
    size_t n = strlen(unit), tail = strlen(end), i = 0;
    for (; i + n + tail <= REGEX_SUBJECT; i += n) {
        memcpy(at + i, unit, n);
    }
    memcpy(at + i, end, tail);
    return (struct str){at, i + tail};
}

/* A long text is tried part by part, which nothing may show. */
static void a_long_text_matches_as_a_short_one_does(void **state)
{
    (void)state;
    static char at[REGEX_SUBJECT];
    struct str text = long_text(at, "\xc3\xa9-x ", "end");
    assert_int_equal(tried("end$", text), REGEX_YES);
    assert_int_equal(tried("^end", text), REGEX_NO);
    assert_int_equal(tried("(?<=\xc3\xa9-x )end", text), REGEX_YES);
    assert_int_equal(tried("\\bend", text), REGEX_YES);
    assert_int_equal(tried("$", text), REGEX_YES);
    assert_int_equal(tried("x end\\z", text), REGEX_YES);
    assert_int_equal(tried("\\Gend", text), REGEX_LIMIT);
    assert_int_equal(tried("x(*COMMIT)y|end", text), REGEX_LIMIT); /* cannot be tried so */
    assert_int_equal(tried("\\Q[\\E(*COMMIT)y|end", text), REGEX_LIMIT);
    assert_int_equal(tried("end\\(*", text), REGEX_YES);
    assert_int_equal(tried("C:\\\\Games|end", text), REGEX_YES);
    assert_int_equal(tried("^(.*)end$", text), REGEX_YES);
    text.len--;
    assert_int_equal(tried("end", text), REGEX_NO);
    at[text.len - 1] = '\xff';
    assert_int_equal(tried("x", text), REGEX_NO);
}

/* As systemd's MemoryDenyWriteExecute has it: no memory becomes executable any more. */
static bool deny_executable(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof *code, code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
}

static void goes_on_without_executable_memory(void **state)
{
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        bool denied = deny_executable() && mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
        bool good =
            tried("^v\\d+$", STR("v12")) == REGEX_YES &&
            tried("(a+)+$", STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab")) != REGEX_YES &&
            what_is_quadratic_ends(); /* interpreted, they really are */
        _exit(!denied ? 2 : !good);
    }
    int status = 0;
    assert_true(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    if (WEXITSTATUS(status) == 2) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* the first one: PCRE2 keeps such memory for the next pattern */
        cmocka_unit_test(goes_on_without_executable_memory),
        cmocka_unit_test(matches_anywhere_unless_anchored),
        cmocka_unit_test(a_text_that_is_no_utf8_is_no_match),
        cmocka_unit_test(says_what_is_wrong_and_where),
        cmocka_unit_test(what_would_never_end_ends_soon),
        cmocka_unit_test(what_is_quadratic_ends_soon_and_says_its_cost),
        cmocka_unit_test(short_texts_say_their_cost),
        cmocka_unit_test(a_long_text_matches_as_a_short_one_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
