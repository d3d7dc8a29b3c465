/* prctl, Landlock and seccomp, from the kernel's own headers. */
#include "base/sandbox.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* --- files: Landlock */

/* From 2 on (Linux 5.19) files may be renamed from one folder to another: redis-server's
 * append-only file needs that. From 3 on truncating is a right of its own, which Debian 12's
 * headers do not know. */
enum { ABI_REFER = 2, ABI_TRUNCATE = 3 };
#define TRUNCATE (UINT64_C(1) << 14)

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define SOCKET (LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define WRITE                                                                                      \
    (READ | SOCKET | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |               \
     LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER |        \
     TRUNCATE)
#define OTHERS                                                                                     \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_FIFO |    \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)
#define OF_A_FILE                                                                                  \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |   \
     TRUNCATE)

static const uint64_t rights[] = {
    [SANDBOX_READ] = READ,
    [SANDBOX_RUN] = READ | LANDLOCK_ACCESS_FS_EXECUTE,
    [SANDBOX_WRITE] = WRITE,
    [SANDBOX_DEVICE] = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE,
    [SANDBOX_SOCKET] = SOCKET,
};

void sandbox_open(struct sandbox *s)
{
    *s = (struct sandbox){.rules = -1};
    if (!PENSTOCK_SANDBOX) {
        return;
    }
    s->abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (s->abi < ABI_REFER) {
        return;
    }
    s->handled = WRITE | OTHERS;
    if (s->abi < ABI_TRUNCATE) {
        s->handled &= ~TRUNCATE;
    }
    struct landlock_ruleset_attr attr = {.handled_access_fs = s->handled};
    s->rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
}

void sandbox_allow(struct sandbox *s, const char *path, enum sandbox_right right)
{
    struct stat what;
    int fd = s->rules < 0 ? -1 : open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    struct landlock_path_beneath_attr rule = {.allowed_access = rights[right] & s->handled,
                                              .parent_fd = fd};
    if (fstat(fd, &what) == 0 && !S_ISDIR(what.st_mode)) {
        rule.allowed_access &= OF_A_FILE;
    }
    syscall(SYS_landlock_add_rule, s->rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    close(fd);
}

static void allow_folder_of(struct sandbox *s, const char *path)
{
    char copy[PATH_MAX];
    snprintf(copy, sizeof copy, "%s", path);
    sandbox_allow(s, dirname(copy), SANDBOX_READ);
}

void sandbox_allow_replaced(struct sandbox *s, const char *path)
{
    allow_folder_of(s, path);
    char *really = realpath(path, NULL);
    if (really != NULL) {
        allow_folder_of(s, really);
        free(really);
    }
}

/* NULL: it is on. */
static const char *enter_files(struct sandbox *s)
{
    if (s->rules < 0) {
        return "none in this kernel";
    }
    int rc = (int)syscall(SYS_landlock_restrict_self, s->rules, 0);
    const char *why = rc == 0 ? NULL : strerror(errno);
    close(s->rules);
    s->rules = -1;
    return why;
}

/* --- system calls: seccomp */

#if defined(__x86_64__)
#define THIS_MACHINE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && defined(__AARCH64EL__)
#define THIS_MACHINE AUDIT_ARCH_AARCH64
#endif

#ifdef THIS_MACHINE

#ifndef SYS_mount_setattr /* newer than a C library may know; the same everywhere */
#define SYS_mount_setattr 442
#endif
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

/* What neither Penstock nor redis-server ever asks for. All else stays as it is: a list of what is
 * allowed would break with the next C library. */
static const unsigned refused[] = {
    /* other processes */
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_kcmp,
    SYS_pidfd_getfd,
    /* other views of the machine */
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_move_mount,
    SYS_open_tree,
    SYS_open_tree_attr,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_unshare,
    SYS_setns,
    SYS_open_by_handle_at,
    SYS_swapon,
    SYS_swapoff,
    SYS_quotactl,
    SYS_quotactl_fd,
    /* other identities */
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_setfsuid,
    SYS_setfsgid,
    SYS_capset,
    /* the kernel itself */
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_reboot,
    SYS_syslog,
    SYS_acct,
    SYS_personality,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
#ifdef __x86_64__
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
#endif
};

static const unsigned programs[] = {SYS_execve, SYS_execveat};

static const unsigned families[] = {AF_UNIX, AF_INET, AF_INET6,
                                    AF_NETLINK /* getaddrinfo asks which addresses there are */};

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define NAMESPACES                                                                                 \
    (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |     \
     CLONE_NEWCGROUP)
#define ANSWER(error) (SECCOMP_RET_ERRNO | (error))
#define LOAD(field) add(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field), 0, 0)

struct program {
    struct sock_filter code[160];
    unsigned short len;
};

static void add(struct program *p, unsigned code, unsigned k, unsigned yes, unsigned no)
{
    ENSURE(p->len < COUNT(p->code));
    p->code[p->len++] =
        (struct sock_filter){(unsigned short)code, (unsigned char)yes, (unsigned char)no, k};
}

static void add_refusal(struct program *p, unsigned number, unsigned error)
{
    add(p, BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
    add(p, BPF_RET | BPF_K, ANSWER(error), 0, 0);
}

static void add_all(struct program *p, const unsigned *numbers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add_refusal(p, numbers[i], EPERM);
    }
}

/* Both machines store the low half of an argument first; the kernel looks at no more of these. */
static void build(struct program *p, bool may_run)
{
    LOAD(arch);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, THIS_MACHINE, 1, 0);
    add(p, BPF_RET | BPF_K, ANSWER(EPERM), 0, 0);
    LOAD(nr);
#ifdef __x86_64__ /* the same calls under other numbers: x32 */
    add(p, BPF_JMP | BPF_JGE | BPF_K, 0x40000000u, 0, 1);
    add(p, BPF_RET | BPF_K, ANSWER(EPERM), 0, 0);
#endif
    add_all(p, refused, COUNT(refused));
    if (!may_run) {
        add_all(p, programs, COUNT(programs));
    }
    add_refusal(p, SYS_clone3,
                ENOSYS); /* its flags cannot be seen; the C library then uses clone */
    add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
    LOAD(args[0]);
    add(p, BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 0, 1);
    add(p, BPF_RET | BPF_K, ANSWER(EPERM), 0, 0);
    add(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 1, 0);
    add(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    LOAD(args[0]);
    for (size_t i = 0; i < COUNT(families); i++) {
        add(p, BPF_JMP | BPF_JEQ | BPF_K, families[i], 0, 1);
        add(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    }
    add(p, BPF_RET | BPF_K, ANSWER(EAFNOSUPPORT), 0, 0);
}

static const char *enter_calls(bool may_run)
{
    struct program p = {.len = 0};
    build(&p, may_run);
    struct sock_fprog prog = {p.len, p.code};
    long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog);
    return rc == 0 ? NULL : strerror(errno);
}

#else

static const char *enter_calls(bool may_run)
{
    (void)may_run;
    return "not for this kind of processor";
}

#endif

/* --- all of it */

bool sandbox_leave_no_core(void)
{
    const struct rlimit none = {0, 0};
    return !PENSTOCK_SANDBOX ||
           (setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
}

void sandbox_enter(struct sandbox *s, bool may_run)
{
    if (!PENSTOCK_SANDBOX) {
        log_line(LOG_INFO, "sandbox", "state", "%s", "not in this build", NULL);
        return;
    }
    bool no_core = sandbox_leave_no_core();
    bool no_gain = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0; /* the others need it */
    const char *files = enter_files(s);
    const char *calls = enter_calls(may_run);
    log_line(LOG_INFO, "sandbox", "core_dumps", "%s", no_core ? "off" : "on", "new_privileges",
             "%s", no_gain ? "off" : "on", "landlock", "%s", files == NULL ? "on" : files,
             "seccomp", "%s", calls == NULL ? "on" : calls, "programs", "%s",
             may_run ? "allowed: the embedded store is one" : "refused", NULL);
}
