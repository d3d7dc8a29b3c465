/* gen PORT PATH SECRET SIZE CONNECTIONS RATE SECONDS FIRST: posts signed events over keep-alive
 * connections and prints what came of them as one JSON object. PATH "XADD": appends their bodies to
 * a stream of the Redis at PORT instead.
 *
 * RATE 0: closed loop, each connection sends its next event when the last is answered. Otherwise
 * open loop: event k is due k/RATE seconds after the start, and its latency counts from then, also
 * while it waits for a free connection: no coordinated omission. */
#include "load.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MOST = 1024, BODY_MOST = 1 << 20 };

struct connection {
    int fd; /* -1: to be opened */
    bool busy;
    uint64_t due_ns;
    size_t got;
    char answer[2048];
};

static struct {
    uint16_t port;
    const char *path, *secret;
    size_t size, connections;
    double rate, seconds;
    uint64_t first;
    bool appends; /* to Redis */
} o;

static struct connection *all;
static struct histogram latency;
static uint64_t sent, accepted, refused, broken, began_ns, ends_ns;
static int loop;
static char request[HEAD_MOST + BODY_MOST + 2], *signature, *body; /* both in it */
static size_t request_bytes;
static EVP_MAC_CTX *mac;

static void init_mac(void)
{
    char name[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    MUST(hmac != NULL && (mac = EVP_MAC_CTX_new(hmac)) != NULL);
    MUST(EVP_MAC_init(mac, (const unsigned char *)o.secret, strlen(o.secret), params) == 1);
}

static void connect_it(struct connection *c)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(o.port)};
    const int on = 1;
    inet_pton(AF_INET, "127.0.0.1", &a.sin_addr);
    MUST((c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) >= 0);
    MUST(connect(c->fd, (struct sockaddr *)&a, sizeof a) == 0);
    MUST(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
    MUST(fcntl(c->fd, F_SETFL, O_NONBLOCK) == 0);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    MUST(epoll_ctl(loop, EPOLL_CTL_ADD, c->fd, &e) == 0);
}

static void put_hex(char *out, const unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
}

static void put_hex_u64(char *out, uint64_t v)
{
    v = htobe64(v);
    put_hex(out, (const unsigned char *)&v, sizeof v);
}

/* All of the request but the event's marks and its signature. */
static void prepare(void)
{
    char marks[80];
    int head =
        o.appends
            ? snprintf(request, HEAD_MOST,
                       "*5\r\n$4\r\nXADD\r\n$5\r\nbench\r\n$1\r\n*\r\n$1\r\nb\r\n$%zu\r\n", o.size)
            : snprintf(request, HEAD_MOST,
                       "POST %s HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench\r\nAccept: */*\r\n"
                       "Content-Type: application/json\r\nX-GitHub-Event: push\r\n"
                       "X-Hub-Signature-256: sha256=%064d\r\nContent-Length: %zu\r\n\r\n",
                       o.path, 0, o.size);
    MUST(head > 0 && head < HEAD_MOST);
    signature = o.appends ? NULL : strstr(request, "sha256=") + 7;
    body = request + head;
    memset(body, 'x', o.size);
    memcpy(body, marks, (size_t)snprintf(marks, sizeof marks, MARKS, 0ull, 0ull));
    memcpy(body + o.size - 2, "\"}", 2);
    memcpy(body + o.size, "\r\n", 2); /* of an XADD */
    request_bytes = (size_t)head + o.size + (o.appends ? 2 : 0);
}

static void mark(uint64_t n, uint64_t due_ns)
{
    unsigned char digest[32];
    put_hex_u64(body + MARK_N, n);
    put_hex_u64(body + MARK_DUE, due_ns);
    if (signature != NULL) {
        MUST(EVP_MAC_init(mac, NULL, 0, NULL) == 1); /* with the key that it has */
        MUST(EVP_MAC_update(mac, (unsigned char *)body, o.size) == 1);
        MUST(EVP_MAC_final(mac, digest, NULL, sizeof digest) == 1);
        put_hex(signature, digest, sizeof digest);
    }
}

static void lose(struct connection *c)
{
    broken += c->busy;
    c->busy = false;
    close(c->fd);
    c->fd = -1;
}

static void post(struct connection *c, uint64_t due_ns)
{
    if (c->fd < 0) {
        connect_it(c);
    }
    mark(o.first + sent++, due_ns);
    c->busy = true;
    c->got = 0;
    c->due_ns = due_ns;
    if (send(c->fd, request, request_bytes, MSG_NOSIGNAL) != (ssize_t)request_bytes) {
        lose(c); /* a socket buffer holds an event, unless the peer has gone */
    }
}

/* The id of the entry: "$15\r\n1700000000000-0\r\n". */
static bool is_appended(const struct connection *c)
{
    const char *first = strstr(c->answer, "\r\n");
    return c->answer[0] == '$' && first != NULL && strstr(first + 2, "\r\n") != NULL;
}

static void end(struct connection *c, bool ok)
{
    accepted += ok;
    refused += !ok;
    record_us(&latency, (now_ns() - c->due_ns) / 1000);
    c->busy = false;
}

/* Content-Length of a head that has come, and where it ends; 0: it has not. */
static size_t head_end(const char *answer, size_t *length)
{
    *length = 0;
    for (const char *line = answer, *end; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
        if (end == line) {
            return (size_t)(end + 2 - answer);
        }
        if ((*line == 'C' || *line == 'c') && strncasecmp(line, "content-length:", 15) == 0) {
            *length = strtoul(line + 15, NULL, 10);
        }
    }
    return 0;
}

/* True: an answer is complete. */
static bool take(struct connection *c)
{
    ssize_t n = recv(c->fd, c->answer + c->got, sizeof c->answer - 1 - c->got, 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) {
            lose(c);
        }
        return false;
    }
    c->got += (size_t)n;
    c->answer[c->got] = '\0';
    if (o.appends) {
        bool appended = is_appended(c);
        if (appended || (c->answer[0] == '-' && strchr(c->answer, '\n') != NULL)) {
            end(c, appended);
        }
        return !c->busy;
    }
    size_t length, head = head_end(c->answer, &length);
    if (head == 0 || c->got < head + length) {
        return false;
    }
    end(c, c->answer[9] == '2');
    return true;
}

static uint64_t due_of(uint64_t k)
{
    return began_ns + (uint64_t)((double)k * 1e9 / o.rate);
}

/* Open loop: what is due goes to free connections. False: there is no free one for the next. */
static bool post_due(void)
{
    static size_t next;
    uint64_t now = now_ns();
    for (size_t tried = 0; tried < o.connections; tried++) {
        uint64_t due = due_of(sent);
        if (due > now || due >= ends_ns) {
            return true;
        }
        struct connection *c = &all[next++ % o.connections];
        if (!c->busy) {
            post(c, due);
        }
    }
    return false;
}

/* To sleep until the next is due, or until an answer comes: a generator that polls takes a core
 * from what it measures. */
static struct timespec until_due(void)
{
    uint64_t now = now_ns(), due = due_of(sent), ns = due <= now ? 0 : due - now;
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000),
                             .tv_nsec = (long)(ns % 1000000000)};
}

static bool any_busy(void)
{
    for (size_t i = 0; i < o.connections; i++) {
        if (all[i].busy) {
            return true;
        }
    }
    return false;
}

static void run(void)
{
    struct epoll_event events[256];
    began_ns = now_ns();
    ends_ns = began_ns + (uint64_t)(o.seconds * 1e9);
    for (size_t i = 0; o.rate == 0 && i < o.connections; i++) {
        post(&all[i], now_ns());
    }
    while (now_ns() < ends_ns || (any_busy() && now_ns() < ends_ns + 5000000000u)) {
        bool more = now_ns() < ends_ns;
        bool sleeps_till_due = o.rate > 0 && more && post_due();
        struct timespec wait =
            sleeps_till_due ? until_due() : (struct timespec){.tv_nsec = 10000000};
        int n = epoll_pwait2(loop, events, 256, &wait, NULL);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (take(c) && o.rate == 0 && more) {
                post(c, now_ns());
            }
        }
        for (size_t i = 0; o.rate == 0 && more && i < o.connections; i++) {
            if (!all[i].busy && all[i].fd < 0) {
                post(&all[i], now_ns());
            }
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 9) {
        fprintf(stderr, "usage: gen PORT PATH SECRET SIZE CONNECTIONS RATE SECONDS FIRST\n");
        return 2;
    }
    o.port = (uint16_t)atoi(argv[1]);
    o.path = argv[2];
    o.appends = strcmp(o.path, "XADD") == 0;
    o.secret = argv[3];
    o.size = strtoul(argv[4], NULL, 10);
    o.connections = strtoul(argv[5], NULL, 10);
    o.rate = strtod(argv[6], NULL);
    o.seconds = strtod(argv[7], NULL);
    o.first = strtoull(argv[8], NULL, 10);
    MUST(o.size >= 128 && o.size <= BODY_MOST && o.connections > 0);
    MUST((all = calloc(o.connections, sizeof *all)) != NULL);
    prepare();
    init_mac();
    MUST((loop = epoll_create1(EPOLL_CLOEXEC)) >= 0);
    MUST(prctl(PR_SET_TIMERSLACK, 1) == 0); /* ns; 50 us by default */
    for (size_t i = 0; i < o.connections; i++) {
        connect_it(&all[i]);
    }
    run();
    double took = (double)(now_ns() - began_ns) / 1e9;
    took = took > o.seconds && broken == 0 ? o.seconds : took;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = (double)used.ru_utime.tv_sec + (double)used.ru_stime.tv_sec +
                 (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"sent\":%llu,\"accepted\":%llu,\"refused\":%llu,\"broken\":%llu,\"seconds\":%.3f,"
           "\"p50_us\":%llu,\"p99_us\":%llu,\"cpu_s\":%.3f}\n",
           (unsigned long long)sent, (unsigned long long)accepted, (unsigned long long)refused,
           (unsigned long long)broken, took, (unsigned long long)quantile_us(&latency, 0.5),
           (unsigned long long)quantile_us(&latency, 0.99), cpu);
    return 0;
}
