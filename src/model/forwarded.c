/* Whom the proxies before us have spoken for. */
#include "model/forwarded.h"

/* One element: an address, with a port perhaps ("192.0.2.1:80", "[::1]:80"). */
static bool read_element(struct str s, struct address_bytes *out)
{
    struct str host, port;
    s = str_trim(s);
    if (address_read(s, out)) {
        return true;
    }
    if (str_starts(s, STR("["))) {
        str_cut(str_from(s, 1), ']', &host, &port);
    } else {
        str_cut(s, ':', &host, &port);
    }
    return address_read(host, out);
}

bool forwarded_read(struct str field, const struct cidr *proxies, size_t n,
                    struct address_bytes *client)
{
    struct address_bytes next;
    while (field.len > 0) {
        size_t at = field.len;
        while (at > 0 && field.at[at - 1] != ',') {
            at--;
        }
        if (!read_element(str_from(field, at), &next)) {
            return false;
        }
        *client = next;
        if (!cidr_has(proxies, n, client)) {
            return false;
        }
        field = str_head(field, at > 0 ? at - 1 : 0);
    }
    return true;
}
