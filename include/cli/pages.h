/* Lists that the admin API hands out page by page. */
#ifndef CLI_PAGES_H
#define CLI_PAGES_H

#include "cli/cli.h"

#include <yyjson.h>

struct pages {
    const struct conf *conf;
    const char *method;
    struct str path;                               /* with a query, which `after` is added to */
    const char *list;                              /* the member of a page that has its rows */
    bool (*on_row)(void *user, yyjson_val *row);   /* false: that is enough */
    void (*on_page)(void *user, yyjson_val *page); /* behind its rows; NULL: nobody asks */
    void *user;
};

/* From the first page to the last; waits some seconds for each where the node is busy. EXIT_FINE,
 * or what admin_ask says. */
int pages_read(const struct pages *p);

struct str pages_text(yyjson_val *row, const char *key); /* empty: it has none */
void pages_when(char out[32], int64_t ms);               /* in UTC */
/* What --since means: "1h" ago, in milliseconds since 1970. NULL, or what was expected. */
const char *pages_since(const char *text, int64_t *out_ms) MUST_CHECK;
const char *pages_limit(const char *text, uint64_t *out) MUST_CHECK; /* --limit: the same */

#endif
