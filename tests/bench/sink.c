/* sink PORT COUNT [tell]: destinations on COUNT ports from PORT on. Each counts the events of gen.c
 * that it gets, those that it got before, and how long after they were due; answers 204. With
 * `tell` the events are those of chaos/load.c, and each is one `struct taken` on standard output.
 *
 * GET /stats on any port prints all as JSON; GET /reset begins anew; GET /set?I=STATUS makes
 * destination I answer that status (events that it refuses are not counted as got). */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define DESTINATIONS 16
#define EVENTS (UINT64_C(1) << 24) /* numbers that are told apart */

struct destination {
    int fd, status;
    uint64_t got, unique, refused, first_ns, last_ns;
    struct histogram latency;
    unsigned char *seen; /* a bit an event */
};

struct connection {
    struct destination *destination; /* NULL: a listener */
    int fd;
    size_t got;
    char bytes[64 * 1024];
};

struct taken {
    uint64_t n, came_ns;
};

static struct destination all[DESTINATIONS];
static int count, loop;
static bool tells;

static void reset(void)
{
    for (int i = 0; i < count; i++) {
        struct destination *d = &all[i];
        memset(d->seen, 0, EVENTS / 8);
        d->got = d->unique = d->refused = d->first_ns = d->last_ns = 0;
        memset(&d->latency, 0, sizeof d->latency);
    }
}

static void count_event(struct destination *d, const char *body)
{
    char n_text[17], due_text[17];
    memcpy(n_text, body + MARK_N, 16);
    memcpy(due_text, body + MARK_DUE, 16);
    n_text[16] = due_text[16] = '\0';
    uint64_t n = strtoull(n_text, NULL, 16) % EVENTS, due = strtoull(due_text, NULL, 16);
    uint64_t now = now_ns();
    d->got++;
    d->first_ns = d->first_ns == 0 ? now : d->first_ns;
    d->last_ns = now;
    if ((d->seen[n / 8] >> (n % 8) & 1) == 0) {
        d->seen[n / 8] |= (unsigned char)(1u << (n % 8));
        d->unique++;
        record_us(&d->latency, now > due ? (now - due) / 1000 : 0);
    }
}

/* Written before it is answered: what the sender knows to be taken is told. */
static void tell_event(const char *body)
{
    const char *seq = strstr(body, "\"seq\":");
    if (seq != NULL) {
        struct taken t = {strtoull(seq + 6, NULL, 10), now_ns()};
        MUST(write(STDOUT_FILENO, &t, sizeof t) == (ssize_t)sizeof t);
    }
}

static size_t put_stats(char *to, size_t room)
{
    size_t n = (size_t)snprintf(to, room, "[");
    for (int i = 0; i < count; i++) {
        const struct destination *d = &all[i];
        n += (size_t)snprintf(to + n, room - n,
                              "%s{\"got\":%llu,\"unique\":%llu,\"refused\":%llu,\"span_s\":%.4f,"
                              "\"p50_us\":%llu,\"p99_us\":%llu}",
                              i > 0 ? "," : "", (unsigned long long)d->got,
                              (unsigned long long)d->unique, (unsigned long long)d->refused,
                              (double)(d->last_ns - d->first_ns) / 1e9,
                              (unsigned long long)quantile_us(&d->latency, 0.5),
                              (unsigned long long)quantile_us(&d->latency, 0.99));
    }
    return n + (size_t)snprintf(to + n, room - n, "]\n");
}

static void answer(struct connection *c, int status, const char *body, size_t n)
{
    char head[256];
    int len = status == 204
                  ? snprintf(head, sizeof head, "HTTP/1.1 204 No Content\r\n\r\n")
                  : snprintf(head, sizeof head, "HTTP/1.1 %d Bench\r\nContent-Length: %zu\r\n\r\n",
                             status, n);
    struct iovec parts[] = {{head, (size_t)len}, {(char *)(uintptr_t)body, n}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    if (sendmsg(c->fd, &message, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET) {
        perror("sendmsg");
    }
}

static void control(struct connection *c)
{
    static char text[8192];
    int which, status;
    if (strncmp(c->bytes, "GET /reset", 10) == 0) {
        reset();
    } else if (sscanf(c->bytes, "GET /set?%d=%d", &which, &status) == 2 && which >= 0 &&
               which < count) {
        all[which].status = status;
    }
    answer(c, 200, text, put_stats(text, sizeof text));
}

/* One complete request off the front of what was read; false: more is needed. */
static bool take_request(struct connection *c)
{
    c->bytes[c->got] = '\0';
    char *end = strstr(c->bytes, "\r\n\r\n");
    if (end == NULL) {
        return false;
    }
    char *length = strcasestr(c->bytes, "content-length:");
    size_t body = length != NULL && length < end ? strtoul(length + 15, NULL, 10) : 0;
    size_t whole = (size_t)(end + 4 - c->bytes) + body;
    if (c->got < whole) {
        return false;
    }
    struct destination *d = c->destination;
    if (strncmp(c->bytes, "GET ", 4) == 0) {
        control(c);
    } else if (d->status >= 300) {
        d->refused++;
        answer(c, d->status, "", 0);
    } else {
        if (tells) {
            tell_event(end + 4);
        } else if (body > 64) {
            count_event(d, end + 4);
        }
        answer(c, d->status, "", 0);
    }
    c->got -= whole;
    memmove(c->bytes, c->bytes + whole, c->got);
    return true;
}

static void add(int fd, struct destination *d)
{
    struct connection *c = calloc(1, sizeof *c);
    MUST(c != NULL);
    c->fd = fd;
    c->destination = d;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    MUST(epoll_ctl(loop, EPOLL_CTL_ADD, fd, &e) == 0);
}

static void on_readable(struct connection *c)
{
    const int on = 1;
    if (c->destination == NULL) {
        for (int i = 0; i < count; i++) {
            int fd = all[i].fd == c->fd ? accept4(c->fd, NULL, NULL, SOCK_CLOEXEC) : -1;
            if (fd >= 0) {
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
                add(fd, &all[i]);
            }
        }
        return;
    }
    ssize_t n = recv(c->fd, c->bytes + c->got, sizeof c->bytes - 1 - c->got, MSG_DONTWAIT);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            close(c->fd);
            free(c);
        }
        return;
    }
    c->got += (size_t)n;
    while (take_request(c)) {
    }
}

int main(int argc, char **argv)
{
    const int on = 1;
    if (argc < 3 || (count = atoi(argv[2])) < 1 || count > DESTINATIONS) {
        fprintf(stderr, "usage: sink PORT COUNT [tell]\n");
        return 2;
    }
    tells = argc > 3 && strcmp(argv[3], "tell") == 0;
    MUST((loop = epoll_create1(EPOLL_CLOEXEC)) >= 0);
    for (int i = 0; i < count; i++) {
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)(atoi(argv[1]) + i))};
        inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
        all[i].status = 204;
        MUST((all[i].seen = calloc(EVENTS / 8, 1)) != NULL);
        MUST((all[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
        MUST(setsockopt(all[i].fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
        MUST(bind(all[i].fd, (struct sockaddr *)&a, sizeof a) == 0 && listen(all[i].fd, 1024) == 0);
        add(all[i].fd, NULL);
    }
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(loop, events, 256, -1);
        for (int i = 0; i < n; i++) {
            on_readable(events[i].data.ptr);
        }
    }
}
