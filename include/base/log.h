/* The log: one line an occurrence, to standard error, JSON or text. Values are escaped, so nothing
 * from outside can forge a line. Called only where a decision is made, with identity and cause. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/text.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_OFF };
enum log_format { LOG_JSON, LOG_TEXT };

void log_setup(enum log_level level, enum log_format format);
bool log_on(enum log_level level);

/* log_line(LOG_WARN, "destination is down", "destination", "%s", name, "failures", "%u", n, NULL):
 * key, printf format (conversions: %s %d %u %zu %ld %lu %lld %llu %f %.*s, one value a key; a slice
 * is given as STR_ARG), NULL ends the list. */
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));

/* ENSURE: a state that cannot be; on in production, because going on would be worse. */
#define ENSURE(condition) ((condition) ? (void)0 : log_die(#condition, __FILE__, __LINE__))
_Noreturn void log_die(const char *condition, const char *file, int line);

#endif
