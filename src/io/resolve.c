/* Names to addresses: one lookup a name in flight, stale answers served while it runs. */
#include "io/resolve.h"

#include "base/log.h"
#include "base/map.h"
#include "base/wheel.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct resolve_name {
    struct resolve *owner;
    char *host; /* terminated; also the key of the map */
    struct resolve_answer known;
    uint64_t known_ms; /* when it was looked up; meaningless while known.n is 0 */
    struct resolve_query *waiting;
    uv_getaddrinfo_t lookup;
    bool looking;
};

struct resolve {
    uv_loop_t *loop;
    struct map names; /* host -> struct resolve_name */
    unsigned lookups; /* in flight: memory stays while there are any */
    struct resolve_answer literal;
    uv_idle_t turn; /* answers from the loop what could not even be asked */
    void (*on_closed)(void *user);
    void *user;
};

struct resolve *resolve_new(uv_loop_t *loop)
{
    struct resolve *r = calloc(1, sizeof *r);
    ENSURE(r != NULL);
    r->loop = loop;
    map_init(&r->names);
    uv_idle_init(loop, &r->turn);
    r->turn.data = r;
    return r;
}

static void on_turn_closed(uv_handle_t *handle)
{
    struct resolve *r = handle->data;
    void (*on_closed)(void *user) = r->on_closed;
    void *user = r->user;
    const struct map_entry *e;
    for (size_t i = 0; (e = map_next(&r->names, &i)) != NULL;) {
        struct resolve_name *name = e->value;
        free(name->host);
        free(name);
    }
    map_done(&r->names);
    free(r);
    on_closed(user);
}

void resolve_close(struct resolve *r, void (*on_closed)(void *user), void *user)
{
    r->on_closed = on_closed;
    r->user = user;
    if (r->lookups == 0) {
        uv_close((uv_handle_t *)&r->turn, on_turn_closed);
        return;
    }
    const struct map_entry *e; /* what still queues is taken back; what runs is waited for */
    for (size_t i = 0; (e = map_next(&r->names, &i)) != NULL;) {
        struct resolve_name *name = e->value;
        ENSURE(name->waiting == NULL);
        if (name->looking) {
            uv_cancel((uv_req_t *)&name->lookup);
        }
    }
}

static bool is_usable(const struct resolve_name *name, uint64_t now_ms, uint64_t age_ms)
{
    return name->known.n > 0 && now_ms - name->known_ms < age_ms;
}

static void keep_answer(struct resolve_name *name, const struct addrinfo *list)
{
    struct resolve_answer *a = &name->known;
    a->n = 0;
    a->trouble = NULL;
    for (; list != NULL && a->n < RESOLVE_ADDRESSES; list = list->ai_next) {
        if (list->ai_family == AF_INET || list->ai_family == AF_INET6) {
            memset(&a->v[a->n], 0, sizeof a->v[a->n]);
            memcpy(&a->v[a->n], list->ai_addr, list->ai_addrlen);
            a->n++;
        }
    }
    name->known_ms = uv_now(name->owner->loop);
}

/* Each query is taken off before its callback, which may start the next one. */
static void answer_all(struct resolve_name *name, const struct resolve_answer *answer)
{
    struct resolve_query *list = name->waiting;
    name->waiting = NULL;
    if (list != NULL) {
        list->link = &list;
    }
    while (list != NULL) {
        struct resolve_query *q = list;
        resolve_cancel(q);
        q->on_done(q, answer);
    }
}

static void on_lookup(uv_getaddrinfo_t *lookup, int status, struct addrinfo *list)
{
    struct resolve_name *name = CONTAINER_OF(lookup, struct resolve_name, lookup);
    struct resolve *r = name->owner;
    name->looking = false;
    r->lookups--;
    if (status == 0 && list != NULL) {
        keep_answer(name, list);
    }
    uv_freeaddrinfo(list);
    if (r->on_closed != NULL) {
        if (r->lookups == 0) {
            uv_close((uv_handle_t *)&r->turn, on_turn_closed);
        }
        return;
    }
    struct resolve_answer answer =
        name->known; /* a copy: a callback may run into the next lookup */
    if (!is_usable(name, uv_now(r->loop), RESOLVE_STALE_MS)) {
        answer = (struct resolve_answer){.trouble = status == 0 ? "the name has no address"
                                                                : uv_strerror(status)};
    }
    answer_all(name, &answer);
}

/* Names that libuv would not even look up (too long, not IDNA). */
static void on_turn(uv_idle_t *turn)
{
    static const struct resolve_answer never = {.trouble = "not a host name"};
    struct resolve *r = turn->data;
    uv_idle_stop(turn);
    const struct map_entry *e;
    for (size_t i = 0; (e = map_next(&r->names, &i)) != NULL;) {
        struct resolve_name *name = e->value;
        if (name->waiting != NULL && !name->looking) {
            answer_all(name, &never);
            i = 0; /* a callback may have added a name, which moves the entries */
        }
    }
}

static void look_up(struct resolve_name *name)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    if (!name->looking) {
        int rc =
            uv_getaddrinfo(name->owner->loop, &name->lookup, on_lookup, name->host, NULL, &hints);
        name->looking = rc == 0;
        name->owner->lookups += rc == 0;
        if (rc != 0) {
            uv_idle_start(&name->owner->turn, on_turn);
        }
    }
}

static struct resolve_name *name_of(struct resolve *r, struct str host)
{
    struct resolve_name *name = map_find(&r->names, host);
    if (name == NULL) {
        name = calloc(1, sizeof *name);
        ENSURE(name != NULL);
        name->owner = r;
        name->host = strndup(host.at, host.len);
        ENSURE(name->host != NULL);
        map_set(&r->names, host, name);
    }
    return name;
}

const struct resolve_answer *resolve_find(struct resolve *r, struct str host)
{
    if (resolve_literal(host, &r->literal.v[0])) {
        r->literal.n = 1;
        return &r->literal;
    }
    struct resolve_name *name = map_find(&r->names, host);
    uint64_t now_ms = uv_now(r->loop);
    if (name == NULL || !is_usable(name, now_ms, RESOLVE_STALE_MS)) {
        return NULL;
    }
    if (!is_usable(name, now_ms, RESOLVE_FRESH_MS)) {
        look_up(name);
    }
    return &name->known;
}

void resolve_start(struct resolve *r, struct resolve_query *q, struct str host,
                   void (*on_done)(struct resolve_query *q, const struct resolve_answer *a))
{
    struct resolve_name *name = name_of(r, host);
    q->on_done = on_done;
    q->next = name->waiting;
    q->link = &name->waiting;
    if (q->next != NULL) {
        q->next->link = &q->next;
    }
    name->waiting = q;
    look_up(name);
}

void resolve_cancel(struct resolve_query *q)
{
    if (q->link != NULL) {
        *q->link = q->next;
        if (q->next != NULL) {
            q->next->link = q->link;
        }
        q->link = NULL;
    }
}

bool resolve_literal(struct str host, struct sockaddr_storage *out)
{
    char text[INET6_ADDRSTRLEN];
    if (host.len >= sizeof text) {
        return false;
    }
    memcpy(text, host.len > 0 ? host.at : "", host.len);
    text[host.len] = '\0';
    memset(out, 0, sizeof *out);
    struct sockaddr_in *v4 = (struct sockaddr_in *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        return true;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        return true;
    }
    return false;
}

void resolve_set_port(struct sockaddr_storage *a, uint16_t port)
{
    if (a->ss_family == AF_INET) {
        ((struct sockaddr_in *)a)->sin_port = htons(port);
    } else {
        ((struct sockaddr_in6 *)a)->sin6_port = htons(port);
    }
}

void resolve_text(const struct sockaddr_storage *a, char out[RESOLVE_TEXT])
{
    char host[INET6_ADDRSTRLEN] = "";
    if (a->ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(out, RESOLVE_TEXT, "%s:%u", host, ntohs(v4->sin_port));
    } else if (a->ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(out, RESOLVE_TEXT, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        snprintf(out, RESOLVE_TEXT, "unix socket");
    }
}

/* The ranges, one row each: a prefix, and what it is. */
struct resolve_range {
    unsigned char prefix[16];
    unsigned bits;
    bool link_local; /* may be allowed by the operator */
    const char *what;
};

static const struct resolve_range denied_v4[] = {
    {{0}, 8, false, "an unspecified address"},
    {{169, 254}, 16, true, "a link-local address (cloud metadata lives there)"},
    {{100, 100, 100, 200}, 32, true, "a cloud metadata address"},
    {{224}, 4, false, "a multicast address"},
    {{255, 255, 255, 255}, 32, false, "the broadcast address"},
    {{240}, 4, false, "a reserved address"},
};

static const struct resolve_range denied_v6[] = {
    {{0}, 128, false, "an unspecified address"},
    {{0xfe, 0x80}, 10, true, "a link-local address (cloud metadata lives there)"},
    {{0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54}, 128, true, "a cloud metadata address"},
    {{0xfd, 0x00, 0x0e, 0xc2, [15] = 0x23}, 128, true, "a cloud metadata address"},
    {{0xfd, 0x20, 0x00, 0xce, [14] = 0x02, [15] = 0x54}, 128, true, "a cloud metadata address"},
    {{0xff}, 8, false, "a multicast address"},
};

/* Where IPv6 carries an IPv4 address: prefix, its bits, and the offsets of the four bytes. */
struct resolve_wrap {
    unsigned char prefix[12];
    unsigned bits;
    unsigned char at[4];
    unsigned char mask; /* Teredo stores the address inverted (RFC 4380 4) */
    bool perhaps;       /* one of several readings: what no host can have is not what is meant */
};

static const struct resolve_wrap wraps[] = {
    {{[10] = 0xff, [11] = 0xff}, 96, {12, 13, 14, 15}, 0, false}, /* mapped, RFC 4291 2.5.5.2 */
    {{0}, 96, {12, 13, 14, 15}, 0, false},                        /* compatible, RFC 4291 2.5.5.1 */
    {{0x00, 0x64, 0xff, 0x9b}, 96, {12, 13, 14, 15}, 0, false},   /* NAT64, RFC 6052 2.1 */
    {{0x20, 0x02}, 16, {2, 3, 4, 5}, 0, false},                   /* 6to4, RFC 3056 2 */
    {{0x20, 0x01, 0x00, 0x00}, 32, {12, 13, 14, 15}, 0xff, false}, /* Teredo, RFC 4380 4 */
    /* NAT64 for local use, RFC 8215: which of the lengths of RFC 6052 2.2 a network takes of it
     * cannot be seen, so each reading counts. */
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, {6, 7, 9, 10}, 0, true},
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, {7, 9, 10, 11}, 0, true},
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, {9, 10, 11, 12}, 0, true},
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, {12, 13, 14, 15}, 0, true},
};

static bool has_prefix(const unsigned char *a, const unsigned char *prefix, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, prefix, whole) != 0) {
        return false;
    }
    return rest == 0 || ((a[whole] ^ prefix[whole]) >> (8 - rest)) == 0;
}

static const char *range_of(const unsigned char *a, const struct resolve_range *rows, size_t n,
                            bool link_local)
{
    for (size_t i = 0; i < n; i++) {
        if (has_prefix(a, rows[i].prefix, rows[i].bits)) {
            return rows[i].link_local && link_local ? NULL : rows[i].what;
        }
    }
    return NULL;
}

static const char *denied_in_v4(const unsigned char *a, bool link_local)
{
    return range_of(a, denied_v4, sizeof denied_v4 / sizeof *denied_v4, link_local);
}

/* The next IPv4 address that the IPv6 address carries, from row *next on; false: no more. */
static bool unwrap(const unsigned char *a, size_t *next, unsigned char v4[4])
{
    static const unsigned char loopback[16] = {[15] = 1};
    if (memcmp(a, loopback, sizeof loopback) == 0) {
        return false; /* else "compatible" would read it as 0.0.0.1 */
    }
    while (*next < sizeof wraps / sizeof *wraps) {
        const struct resolve_wrap *w = &wraps[(*next)++];
        if (has_prefix(a, w->prefix, w->bits)) {
            for (size_t k = 0; k < 4; k++) {
                v4[k] = a[w->at[k]] ^ w->mask;
            }
            if (!w->perhaps || denied_in_v4(v4, true) == NULL) {
                return true;
            }
        }
    }
    return false;
}

static const char *denied_inside_v6(const unsigned char *a, bool link_local)
{
    unsigned char v4[4];
    const char *what = NULL;
    for (size_t next = 0; what == NULL && unwrap(a, &next, v4);) {
        what = denied_in_v4(v4, link_local);
    }
    return what;
}

const char *resolve_denied(const struct sockaddr_storage *a, bool link_local)
{
    if (a->ss_family == AF_INET) {
        const unsigned char *v4 = (const unsigned char *)&((const struct sockaddr_in *)a)->sin_addr;
        return denied_in_v4(v4, link_local);
    }
    if (a->ss_family != AF_INET6) {
        return "not an internet address";
    }
    const unsigned char *v6 = ((const struct sockaddr_in6 *)a)->sin6_addr.s6_addr;
    const char *what = range_of(v6, denied_v6, sizeof denied_v6 / sizeof *denied_v6, link_local);
    return what != NULL ? what : denied_inside_v6(v6, link_local);
}

const char *resolve_ruled(const struct sockaddr_storage *a, const struct cidr_rules *rules)
{
    static const char why[] = "an address that network.deny names";
    const char *never = resolve_denied(a, true);
    const struct address_bytes own = address_of(a);
    struct sockaddr_storage inside = {.ss_family = AF_INET};
    unsigned char v4[4];
    if (never != NULL || cidr_denies(rules, &own)) {
        return never != NULL ? never : why;
    }
    for (size_t next = 0; a->ss_family == AF_INET6 && unwrap(own.v, &next, v4);) {
        memcpy(&((struct sockaddr_in *)&inside)->sin_addr, v4, sizeof v4);
        const struct address_bytes carried = address_of(&inside);
        if (cidr_denies(rules, &carried)) {
            return why;
        }
    }
    return NULL;
}
