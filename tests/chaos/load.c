/* load RATE SENDERS PAD FIRST SECRET: signed events with numbers of their own, at a steady rate,
 * never held up by one that hangs. What is due goes to a free sender (a keep-alive connection);
 * what was due half a second ago, when all of them were busy, is not made up for.
 *
 * Its standard input says where to: a line of ports, and again when that changes. A sender stays
 * with its port as long as it is among them. End of input: no more events; it ends when the last is
 * answered. Its standard output is one `struct told` an event, as soon as its outcome is known. */
#include "../bench/load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MS 1000000u
#define LATE_NS (500 * (uint64_t)MS)
#define CONNECT_NS (5000 * (uint64_t)MS)
#define ANSWER_NS (12000 * (uint64_t)MS)
#define REST_NS (50 * (uint64_t)MS) /* after a failure: a refused connection is no reason to spin  \
                                     */

enum { TOLD_TIMEOUT = -1, TOLD_BROKEN = -2 };

struct told {
    uint64_t n, sent_ns, told_ns;
    int64_t status; /* of the answer; below 0: none came, the outcome is unknown */
};

struct sender {
    int fd; /* -1: to be opened */
    uint16_t port;
    bool busy, connecting; /* with an event that was not answered yet */
    uint64_t n, sent_ns, rest_until_ns;
    size_t got;
    char answer[4096];
};

static struct sender *all;
static size_t senders, pad, port_count, turn;
static uint16_t ports[16];
static double rate;
static uint64_t first, next_n, began_ns;
static const char *secret;
static int loop;
static bool more = true;

static void tell(struct sender *s, int64_t status)
{
    struct told t = {s->n, s->sent_ns, now_ns(), status};
    MUST(fwrite(&t, sizeof t, 1, stdout) == 1);
    s->busy = s->connecting = false;
}

static void lose(struct sender *s, int64_t why)
{
    if (s->fd >= 0) {
        struct linger reset = {1, 0};
        setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(s->fd);
        s->fd = -1;
    }
    if (s->busy) {
        tell(s, why);
        s->rest_until_ns = now_ns() + REST_NS;
    }
}

static void put_hex(char *to, const unsigned char *bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        snprintf(to + 2 * i, 3, "%02x", bytes[i]);
    }
}

static void post(struct sender *s)
{
    static char signed_text[64 << 10], request[66 << 10];
    unsigned char digest[32];
    unsigned len = sizeof digest;
    char hex[65], *body = signed_text;
    body += snprintf(body, 32, "%lld.", (long long)time(NULL));
    char *end = body + snprintf(body, 80, "{\"type\":\"load.test\",\"seq\":%llu,\"pad\":\"",
                                (unsigned long long)s->n);
    memset(end, 'x', pad);
    memcpy(end + pad, "\"}", 2);
    end += pad + 2;
    HMAC(EVP_sha256(), secret, (int)strlen(secret), (unsigned char *)signed_text,
         (size_t)(end - signed_text), digest, &len);
    put_hex(hex, digest, len);
    int head =
        snprintf(request, 1024,
                 "POST /hooks/stripe HTTP/1.1\r\nHost: a\r\nStripe-Signature: t=%.*s,v1=%s\r\n"
                 "Content-Length: %zu\r\n\r\n",
                 (int)(body - signed_text - 1), signed_text, hex, (size_t)(end - body));
    memcpy(request + head, body, (size_t)(end - body));
    size_t all_of_it = (size_t)head + (size_t)(end - body);
    s->got = 0;
    if (send(s->fd, request, all_of_it, MSG_NOSIGNAL) != (ssize_t)all_of_it) {
        lose(s, TOLD_BROKEN); /* a socket's buffer holds an event */
    }
}

static void begin(struct sender *s)
{
    bool listed = false;
    s->busy = true;
    s->n = next_n++;
    s->sent_ns = now_ns();
    for (size_t i = 0; i < port_count; i++) {
        listed |= ports[i] == s->port;
    }
    turn++;
    if (s->fd >= 0 && listed) {
        post(s);
        return;
    }
    if (s->fd >= 0) {
        close(s->fd);
    }
    s->port = listed ? s->port : ports[turn % port_count];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(s->port)};
    const int on = 1;
    inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
    MUST((s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) >= 0);
    MUST(setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = s};
    MUST(epoll_ctl(loop, EPOLL_CTL_ADD, s->fd, &e) == 0);
    if (connect(s->fd, (struct sockaddr *)&a, sizeof a) != 0 && errno != EINPROGRESS) {
        lose(s, TOLD_BROKEN);
    } else {
        s->connecting = true;
    }
}

/* Reads all there is: the answer, or that the connection was closed, perhaps right behind it. */
static void take(struct sender *s)
{
    for (;;) {
        ssize_t n = recv(s->fd, s->answer + s->got, sizeof s->answer - 1 - s->got, 0);
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            lose(s, TOLD_BROKEN);
            return;
        }
        s->got += (size_t)n;
        s->answer[s->got] = '\0';
        char *end = strstr(s->answer, "\r\n\r\n");
        char *length = end == NULL ? NULL : strcasestr(s->answer, "content-length:");
        bool whole = length != NULL && length < end &&
                     s->got >= (size_t)(end + 4 - s->answer) + strtoul(length + 15, NULL, 10);
        if (whole && s->busy) {
            tell(s, strtol(s->answer + 9, NULL, 10));
        }
    }
}

static void on_event(struct sender *s, uint32_t events)
{
    if (s->fd < 0) {
        return; /* lost earlier in this round */
    }
    if (s->connecting) {
        int error = 0;
        socklen_t len = sizeof error;
        getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        s->connecting = false;
        if (error != 0) {
            lose(s, TOLD_BROKEN);
        } else {
            post(s);
        }
    } else if ((events & ~(uint32_t)EPOLLOUT) != 0) {
        take(s);
    }
}

static void post_due(void)
{
    static size_t at;
    uint64_t now = now_ns();
    for (size_t tried = 0; tried < senders && port_count > 0; tried++) {
        uint64_t due = began_ns + (uint64_t)((double)(next_n - first) * 1e9 / rate);
        if (due > now) {
            return;
        }
        if (now - due > LATE_NS) {
            began_ns += now - due;
        }
        struct sender *s = &all[at++ % senders];
        if (!s->busy && s->rest_until_ns <= now) {
            begin(s);
        }
    }
}

static void look_at_deadlines(void)
{
    uint64_t now = now_ns();
    for (size_t i = 0; i < senders; i++) {
        if (all[i].busy && now - all[i].sent_ns > (all[i].connecting ? CONNECT_NS : ANSWER_NS)) {
            lose(&all[i], TOLD_TIMEOUT);
        }
    }
}

static void read_ports(void)
{
    static char text[1024];
    static size_t len;
    ssize_t n = read(STDIN_FILENO, text + len, sizeof text - 1 - len);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        more = false;
        epoll_ctl(loop, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
        return;
    }
    len += n > 0 ? (size_t)n : 0;
    text[len] = '\0';
    for (char *end; (end = strchr(text, '\n')) != NULL;) {
        port_count = 0;
        for (char *at = text; at < end && port_count < 16; at += strspn(at, " ")) {
            ports[port_count++] = (uint16_t)strtoul(at, &at, 10);
        }
        len -= (size_t)(end + 1 - text);
        memmove(text, end + 1, len + 1);
    }
}

static bool any_busy(void)
{
    for (size_t i = 0; i < senders; i++) {
        if (all[i].busy) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: load RATE SENDERS PAD FIRST SECRET\n");
        return 2;
    }
    rate = strtod(argv[1], NULL);
    senders = strtoul(argv[2], NULL, 10);
    pad = strtoul(argv[3], NULL, 10);
    first = next_n = strtoull(argv[4], NULL, 10);
    secret = argv[5];
    MUST(rate > 0 && senders > 0 && pad < 60000);
    MUST((all = calloc(senders, sizeof *all)) != NULL);
    for (size_t i = 0; i < senders; i++) {
        all[i].fd = -1;
    }
    MUST((loop = epoll_create1(EPOLL_CLOEXEC)) >= 0);
    MUST(fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) == 0);
    struct epoll_event in = {.events = EPOLLIN, .data.ptr = NULL};
    MUST(epoll_ctl(loop, EPOLL_CTL_ADD, STDIN_FILENO, &in) == 0);
    began_ns = now_ns();
    while (more || any_busy()) {
        struct epoll_event events[256];
        if (more) {
            post_due();
        }
        look_at_deadlines();
        fflush(stdout);
        int n = epoll_wait(loop, events, 256, 1);
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr == NULL) {
                read_ports();
            } else {
                on_event(events[i].data.ptr, events[i].events);
            }
        }
    }
    fflush(stdout);
    return 0;
}
