/* The PROXY protocol: one parser for both versions, and the wait for a header. */
#include "io/proxy.h"

#include "base/cidr.h"
#include "base/log.h"
#include "io/resolve.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* --- version 1: "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n" --- */

static bool read_port(struct str text, uint16_t *out)
{
    uint64_t v;
    if (text.len == 0 || (text.len > 1 && text.at[0] == '0') || text_u64(text, 65535, &v) != NULL) {
        return false;
    }
    *out = (uint16_t)v;
    return true;
}

static bool read_client(struct str line, int family, struct sockaddr_storage *out)
{
    struct str source, target, source_port, target_port;
    struct sockaddr_storage unused;
    uint16_t port, unused_port;
    if (!str_cut(line, ' ', &source, &line) || !str_cut(line, ' ', &target, &line) ||
        !str_cut(line, ' ', &source_port, &target_port) || !resolve_literal(source, out) ||
        !resolve_literal(target, &unused) || !read_port(source_port, &port) ||
        !read_port(target_port, &unused_port)) {
        return false;
    }
    resolve_set_port(out, port);
    return out->ss_family == family && unused.ss_family == family;
}

static enum proxy_result parse_v1(struct str s, struct proxy_header *out)
{
    struct str begin = STR("PROXY "), line, protocol;
    size_t same = s.len < begin.len ? s.len : begin.len;
    if (memcmp(s.at, begin.at, same) != 0) {
        return PROXY_BAD;
    }
    const char *end = memchr(s.at, '\n', s.len);
    if (end == NULL) {
        out->want = 1;
        return s.len < PROXY_V1_BYTES ? PROXY_MORE : PROXY_BAD;
    }
    out->len = (size_t)(end - s.at) + 1;
    if (out->len > PROXY_V1_BYTES || out->len < begin.len + 2 || end[-1] != '\r') {
        return PROXY_BAD;
    }
    line = (struct str){s.at + begin.len, out->len - begin.len - 2};
    (void)str_cut(line, ' ', &protocol, &line);
    if (str_eq(protocol, STR("UNKNOWN"))) { /* the rest of the line is to be ignored */
        out->local = true;
        return PROXY_DONE;
    }
    int family = str_eq(protocol, STR("TCP4"))   ? AF_INET
                 : str_eq(protocol, STR("TCP6")) ? AF_INET6
                                                 : AF_UNSPEC;
    return family != AF_UNSPEC && read_client(line, family, &out->client) ? PROXY_DONE : PROXY_BAD;
}

/* --- version 2: a signature, four bytes of head, addresses, TLVs --- */

static const char signature[12] = "\r\n\r\n\0\r\nQUIT\n";
enum { HEAD_V2 = 16, V4_BYTES = 12, V6_BYTES = 36 };

static enum proxy_result take_addresses(const unsigned char *at, size_t n, unsigned char family,
                                        struct proxy_header *out)
{
    if (family == 0x11) { /* TCP over IPv4 */
        struct sockaddr_in *a = (struct sockaddr_in *)&out->client;
        if (n < V4_BYTES) {
            return PROXY_BAD;
        }
        a->sin_family = AF_INET;
        memcpy(&a->sin_addr, at, 4);
        memcpy(&a->sin_port, at + 8, 2);
    } else if (family == 0x21) { /* TCP over IPv6 */
        struct sockaddr_in6 *a = (struct sockaddr_in6 *)&out->client;
        if (n < V6_BYTES) {
            return PROXY_BAD;
        }
        a->sin6_family = AF_INET6;
        memcpy(&a->sin6_addr, at, 16);
        memcpy(&a->sin6_port, at + 32, 2);
    } else { /* unspecified, a Unix socket, datagrams: no client that we could know */
        out->local = true;
    }
    return PROXY_DONE;
}

static enum proxy_result parse_v2(const unsigned char *at, size_t n, struct proxy_header *out)
{
    size_t same = n < sizeof signature ? n : sizeof signature;
    if (memcmp(at, signature, same) != 0 || (n > 12 && at[12] >> 4 != 2) ||
        (n > 12 && (at[12] & 15) > 1)) {
        return PROXY_BAD;
    }
    if (n < HEAD_V2) {
        out->want = HEAD_V2 - n;
        return PROXY_MORE;
    }
    size_t len = HEAD_V2 + ((size_t)at[14] << 8 | at[15]);
    if (len > PROXY_V2_BYTES) {
        return PROXY_BAD;
    }
    if (n < len) {
        out->want = len - n;
        return PROXY_MORE;
    }
    out->len = len;
    if ((at[12] & 15) == 0) { /* LOCAL: the proxy's own, such as a health check */
        out->local = true;
        return PROXY_DONE;
    }
    return take_addresses(at + HEAD_V2, len - HEAD_V2, at[13], out);
}

enum proxy_result proxy_parse(const char *bytes, size_t n, struct proxy_header *out)
{
    memset(out, 0, sizeof *out);
    if (n == 0) {
        out->want = 1;
        return PROXY_MORE;
    }
    return bytes[0] == 'P' ? parse_v1((struct str){bytes, n}, out)
                           : parse_v2((const unsigned char *)bytes, n, out);
}

/* --- waiting for it --- */

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

void proxy_wait_cancel(struct proxy_wait *w)
{
    if (w->poll != NULL) {
        wheel_cancel(w->wheel, &w->deadline);
        uv_close((uv_handle_t *)w->poll, on_poll_closed);
        w->poll = NULL;
    }
}

static void end(struct proxy_wait *w, const struct proxy_header *header, const char *why)
{
    proxy_wait_cancel(w);
    w->on_done(w, header, why);
}

static void on_deadline(struct wheel_timer *t)
{
    end(CONTAINER_OF(t, struct proxy_wait, deadline), NULL,
        "the PROXY header did not come in time");
}

/* What a peek shows beyond the header is left in the socket. */
static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)events;
    struct proxy_wait *w = poll->data;
    struct proxy_header h;
    ssize_t seen =
        status < 0 ? -1
                   : recv(w->fd, w->bytes + w->n, sizeof w->bytes - w->n, MSG_PEEK | MSG_DONTWAIT);
    if (seen < 0 && status == 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (seen <= 0) {
        end(w, NULL, "closed before its PROXY header was complete");
        return;
    }
    enum proxy_result result = proxy_parse(w->bytes, w->n + (size_t)seen, &h);
    size_t take = result == PROXY_DONE ? h.len - w->n : (size_t)seen;
    if (result == PROXY_BAD || recv(w->fd, w->bytes + w->n, take, MSG_DONTWAIT) != (ssize_t)take) {
        end(w, NULL, "it does not begin with a PROXY header");
        return;
    }
    w->n += take;
    if (result == PROXY_DONE) {
        end(w, &h, NULL);
    }
}

void proxy_wait_start(struct proxy_wait *w, uv_loop_t *loop, struct wheel *wheel, int fd,
                      uint64_t within_ms)
{
    w->wheel = wheel;
    w->fd = fd;
    w->n = 0;
    w->deadline = (struct wheel_timer){0};
    w->poll = malloc(sizeof *w->poll);
    ENSURE(w->poll != NULL && uv_poll_init(loop, w->poll, fd) == 0);
    w->poll->data = w;
    ENSURE(uv_poll_start(w->poll, UV_READABLE, on_readable) == 0);
    wheel_arm(wheel, &w->deadline, within_ms, on_deadline);
}
