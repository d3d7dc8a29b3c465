/* Addresses as operators write them: URLs (RFC 3986) and what a listener binds to. Slices into the
 * input; nothing is decoded, nothing allocated. */
#ifndef MODEL_URL_H
#define MODEL_URL_H

#include "base/text.h"

struct url {
    struct str scheme; /* as written */
    bool has_userinfo;
    struct str userinfo; /* before the '@' */
    struct str host;     /* without brackets */
    bool host_is_ipv6;   /* stood in brackets, and is such an address */
    uint16_t port;       /* 0: none was given */
    struct str rest;     /* path, query and fragment: empty or begins with '/', '?' or '#' */
};

/* NULL, or a sentence that says what is wrong. The host is checked, userinfo and rest hold no
 * spaces or control bytes, but what they may be is the caller's. */
const char *url_parse(struct str text, struct url *out) MUST_CHECK;

/* A destination: http or https, no userinfo, no fragment. `port` is then never 0. */
const char *url_parse_http(struct str text, struct url *out, bool *tls) MUST_CHECK;

/* "host:port", "[v6]:port" (port 0 allowed: any) or "unix:/path". */
struct address {
    bool is_unix;
    struct str host; /* without brackets; of a Unix address: the path */
    uint16_t port;
};
const char *address_parse(struct str text, struct address *out) MUST_CHECK;
/* Can only this machine reach it? Unix, 127.0.0.0/8, ::1, localhost. */
bool address_is_local(const struct address *a);

/* Is the text an IP address that a destination is kept away from unless it is named on purpose:
 * link-local (cloud metadata is among them), multicast, unspecified, metadata's in fd00::/8? */
bool host_is_special(struct str host);

/* Undoes %XX into `out` (as long as the text, at most `cap`); false: broken, or over `cap`. */
bool url_decode(struct str s, char *out, size_t cap, size_t *n) MUST_CHECK;

#endif
