/* systemd's three environment variables and one datagram: too little for a library. */
#include "base/notify.h"

#include "base/text.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = path == NULL ? 0 : strlen(path);
    if (n == 0 || n >= sizeof a.sun_path) {
        return;
    }
    memcpy(a.sun_path, path, n);
    if (path[0] == '@') { /* in the abstract namespace */
        a.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0) {
        sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&a,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
        close(fd);
    }
}

static uint64_t number(const char *variable)
{
    const char *text = getenv(variable);
    uint64_t n = 0;
    return text != NULL && text_u64(str_of(text), INT64_MAX, &n) == NULL ? n : 0;
}

/* Meant for this process, and not for one that started it. */
static bool is_ours(const char *variable)
{
    return number(variable) == (uint64_t)getpid();
}

uint64_t notify_watchdog_ms(void)
{
    bool ours = getenv("WATCHDOG_PID") == NULL || is_ours("WATCHDOG_PID");
    return ours ? number("WATCHDOG_USEC") / 1000 : 0;
}

int notify_sockets(void)
{
    uint64_t n = is_ours("LISTEN_PID") ? number("LISTEN_FDS") : 0;
    return n > 64 ? 64 : (int)n;
}
