/* What is refused within a sandbox, and what still works; each in a process of its own. */
#include "base/sandbox.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char inside[64], outside[64];

/* True, or the line is told and the process ends: a child cannot use cmocka's asserts. */
#define MUST(what)                                                                                 \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: %s (errno: %s)\n", __FILE__, __LINE__, #what,                  \
                    strerror(errno));                                                              \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

/* Runs `body` in a child behind a sandbox that allows `inside` and the system's folders. */
static void in_sandbox(bool may_run, void (*body)(const struct sandbox *s))
{
    if (!PENSTOCK_SANDBOX) {
        skip();
    }
    pid_t child = fork();
    if (child == 0) {
        struct sandbox s;
        sandbox_open(&s);
        sandbox_allow(&s, "/etc", SANDBOX_READ);
        sandbox_allow(&s, "/usr", may_run ? SANDBOX_RUN : SANDBOX_READ);
        sandbox_allow(&s, "/lib", may_run ? SANDBOX_RUN : SANDBOX_READ);
        sandbox_allow(&s, "/lib64", may_run ? SANDBOX_RUN : SANDBOX_READ);
        sandbox_allow(&s, inside, SANDBOX_WRITE);
        sandbox_allow(&s, "/there/is/no/such/folder", SANDBOX_READ);
        struct sandbox before = s;
        sandbox_enter(&s, may_run);
        body(&before);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static bool refused(long rc, int error)
{
    return rc == -1 && errno == error;
}

static int make(const char *folder, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static void calls(const struct sandbox *s)
{
    (void)s;
    struct rlimit core;
    char *args[] = {"true", NULL};
    MUST(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2);
    MUST(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
    MUST(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
    MUST(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0);
    MUST(refused(execv("/usr/bin/true", args), EPERM));
    MUST(refused(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM));
    MUST(refused(mount("none", "/", "tmpfs", 0, NULL), EPERM));
    MUST(refused(unshare(CLONE_NEWUSER), EPERM));
    MUST(refused(chroot("/"), EPERM));
    /* Root, whom the kernel would tell otherwise, is told of these arguments EINVAL and EBADF. */
    MUST(refused(syscall(SYS_kexec_file_load, -1, -1, 0UL, NULL, ~0UL), EPERM));
    MUST(refused(syscall(443 /* quotactl_fd */, -1, 0, 0, NULL), EPERM));
    MUST(refused(setuid(12345), EPERM));
    MUST(refused(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT));
    MUST(refused(socket(AF_ALG, SOCK_SEQPACKET, 0), EAFNOSUPPORT));
    MUST(socket(AF_INET, SOCK_STREAM, 0) >= 0 && socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    MUST(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
}

static void refuses_system_calls(void **state)
{
    (void)state;
    in_sandbox(false, calls);
}

static void *thread(void *arg)
{
    struct addrinfo *list = NULL;
    MUST(getaddrinfo("localhost", "80", NULL, &list) == 0);
    freeaddrinfo(list);
    MUST(refused(unshare(CLONE_NEWUSER), EPERM));
    return arg;
}

static void threads(const struct sandbox *s)
{
    (void)s;
    pthread_t t;
    MUST(pthread_create(&t, NULL, thread, NULL) == 0);
    MUST(pthread_join(t, NULL) == 0);
}

static void holds_for_threads_which_can_look_names_up(void **state)
{
    (void)state;
    in_sandbox(false, threads);
}

static void run_true(const struct sandbox *s)
{
    (void)s;
    char *args[] = {"true", NULL};
    execv("/usr/bin/true", args);
    MUST(!"started");
}

static void starts_programs_where_it_must(void **state)
{
    (void)state;
    in_sandbox(true, run_true);
}

static void files(const struct sandbox *s)
{
    char from[128], to[128];
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int unix_socket = socket(AF_UNIX, SOCK_STREAM, 0);
    if (s->rules < 0) {
        return; /* a kernel without Landlock */
    }
    MUST(open("/etc/passwd", O_RDONLY) >= 0);
    MUST(refused(open("/etc/passwd", O_WRONLY), EACCES) || geteuid() != 0);
    MUST(refused(open("/", O_RDONLY), EACCES));
    MUST(refused(make(outside, "new"), EACCES));
    snprintf(from, sizeof from, "%s/old", outside);
    MUST(refused(open(from, O_RDONLY), EACCES));
    MUST(refused(unlink(from), EACCES));
    snprintf(name.sun_path, sizeof name.sun_path, "%s/socket", outside);
    MUST(refused(bind(unix_socket, (struct sockaddr *)&name, sizeof name), EACCES));

    MUST(make(inside, "a") >= 0);
    snprintf(from, sizeof from, "%s/a", inside);
    snprintf(to, sizeof to, "%s/folder", inside);
    MUST(mkdir(to, 0700) == 0);
    snprintf(to, sizeof to, "%s/folder/b", inside);
    MUST(rename(from, to) == 0 && truncate(to, 0) == 0 && unlink(to) == 0);
    snprintf(name.sun_path, sizeof name.sun_path, "%s/socket", inside);
    MUST(bind(unix_socket, (struct sockaddr *)&name, sizeof name) == 0);
}

static void keeps_to_its_files(void **state)
{
    (void)state;
    in_sandbox(false, files);
}

static void replaced(void)
{
    char link[128], file[128];
    struct sandbox s;
    snprintf(link, sizeof link, "%s/link", inside);
    snprintf(file, sizeof file, "%s/old", outside);
    sandbox_open(&s);
    if (s.rules < 0) {
        return;
    }
    sandbox_allow_replaced(&s, link);
    sandbox_enter(&s, false);
    MUST(open(link, O_RDONLY) >= 0);
    MUST(refused(open("/etc/passwd", O_RDONLY), EACCES));
}

/* certbot and Kubernetes: the name is a link, what it leads to is replaced. */
static void reads_what_a_link_leads_to(void **state)
{
    (void)state;
    if (!PENSTOCK_SANDBOX) {
        skip();
    }
    pid_t child = fork();
    if (child == 0) {
        replaced();
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static int set_up(void **state)
{
    (void)state;
    char link[128], file[128];
    snprintf(inside, sizeof inside, "/tmp/penstock-in.XXXXXX");
    snprintf(outside, sizeof outside, "/tmp/penstock-out.XXXXXX");
    if (mkdtemp(inside) == NULL || mkdtemp(outside) == NULL) {
        return -1;
    }
    snprintf(link, sizeof link, "%s/link", inside);
    snprintf(file, sizeof file, "%s/old", outside);
    return close(make(outside, "old")) != 0 || symlink(file, link) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    static const char *const names[] = {"link", "socket", "folder"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", inside, names[i]);
        remove(path);
    }
    snprintf(path, sizeof path, "%s/old", outside);
    remove(path);
    return rmdir(inside) != 0 || rmdir(outside) != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_system_calls),
        cmocka_unit_test(holds_for_threads_which_can_look_names_up),
        cmocka_unit_test(starts_programs_where_it_must),
        cmocka_unit_test(keeps_to_its_files),
        cmocka_unit_test(reads_what_a_link_leads_to),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
