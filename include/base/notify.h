/* What a service manager is told (systemd's protocol, sd_notify(3)); nothing when there is none. */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdint.h>

/* "READY=1", "STOPPING=1", "WATCHDOG=1". To $NOTIFY_SOCKET, never blocking. */
void notify(const char *state);

/* How often "WATCHDOG=1" is expected of this process; 0: not at all. */
uint64_t notify_watchdog_ms(void);

/* How many listening sockets it has left us, from descriptor 3 on. */
int notify_sockets(void);

#endif
