/* What a process has to give to senders, by its configuration and by the system. */
#include "relay/limits.h"

#include "relay/node.h"

#include <dirent.h>
#include <limits.h>
#include <sys/resource.h>

#define HEAD_MS 10000u /* for a whole head, unless the whole request has less */

static unsigned open_files(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d != NULL && readdir(d) != NULL) {
        n++;
    }
    if (d != NULL) {
        closedir(d);
    }
    return n;
}

/* Of the descriptors, senders get nine tenths of what is free now; the rest is for the admin API
 * and for destinations, which must go on when they are all taken. */
unsigned limits_room(void)
{
    struct rlimit files;
    unsigned used = open_files();
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY ||
        files.rlim_cur <= used) {
        return UINT_MAX;
    }
    rlim_t most = (files.rlim_cur - used) / 10 * 9;
    return most < UINT_MAX ? (unsigned)most : UINT_MAX;
}

struct httpd_limits limits_of(const struct worker *w)
{
    const struct conf *c = w->conf;
    unsigned room = w->node->connections_room;
    size_t body = c->listen.body_bytes;
    for (size_t i = 0; i < c->source_count; i++) {
        body = c->sources[i].body_bytes > body ? c->sources[i].body_bytes : body;
    }
    uint64_t request_ms = (uint64_t)c->listen.request_timeout_ms;
    return (struct httpd_limits){
        .head_bytes = c->listen.headers_bytes,
        .target_bytes = 8 << 10,
        .field_count = 100,
        .body_bytes = body,
        .memory_bytes = c->listen.memory_bytes,
        .connections = room < c->listen.connections ? room : c->listen.connections,
        .per_address = c->listen.per_address,
        .trusted = c->listen.trusted_proxies.v,
        .trusted_count = c->listen.trusted_proxies.n,
        .proxy_protocol = c->listen.proxy_protocol,
        .handshakes = 512, /* a millisecond of this loop each, and some 50 KiB */
        .head_ms = request_ms < HEAD_MS ? request_ms : HEAD_MS,
        .request_ms = request_ms,
        .idle_ms = (uint64_t)c->listen.idle_timeout_ms,
        .write_ms = 10000,
    };
}
