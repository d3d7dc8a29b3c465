#include "relay/refusal.h"

#include "base/log.h"

void refusal_log(struct log_cap *cap, unsigned most, enum log_level level, const char *message,
                 struct str source, const struct address_bytes *client, const char *reason,
                 const char *detail)
{
    int64_t second = boot_ms() / 1000;
    if (cap->second != second) {
        cap->second = second;
        cap->lines = 0;
    }
    if (cap->lines++ >= most) {
        cap->suppressed++;
        return;
    }
    char from[CIDR_TEXT];
    address_format(client, from);
    log_line(level, message, "source", "%.*s", STR_ARG(source), "client", "%s", from, "reason",
             "%s", reason, "detail", "%s", detail == NULL ? "" : detail, "not_logged", "%u",
             cap->suppressed, NULL);
    cap->suppressed = 0;
}
