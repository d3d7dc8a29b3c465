/* What is wrong with a configuration, as the operator shall read it: every complaint with its
 * place, the line it stands in and a caret, and a hint where there is one (CONFIG.md):
 *
 *   penstock.yaml:3:5: error: unknown key "destinaton" in a route
 *       3 |     destinaton: ***
 *         |     ^
 *         = help: did you mean "destinations"?
 *
 * The first 20 errors of a run are kept. Secrets are masked in the excerpts. */
#ifndef MODEL_REPORT_H
#define MODEL_REPORT_H

#include "model/arena.h"
#include "model/file_text.h"

#define REPORT_ERRORS 20
#define REPORT_WARNINGS 20

struct report_entry {
    struct place place;
    struct str message, help;
};

struct report {
    struct arena *arena; /* owns all text */
    const char *name;    /* what stands before an entry without a place */
    size_t errors, warnings;
    bool more; /* there were further errors */
    struct report_entry error[REPORT_ERRORS], warning[REPORT_WARNINGS];
    struct report_entry *last; /* what report_help belongs to, or NULL */
    struct report_mask *masks; /* places whose text is a secret */
};

void report_init(struct report *r, struct arena *a, const char *name);
void report_error(struct report *r, const struct place *p, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_warning(struct report *r, const struct place *p, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Adds a hint to the complaint just made. */
void report_help(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Are there as many errors as anybody will read? Then a reader may as well stop. */
bool report_full(const struct report *r);
void report_mask(struct report *r, const struct place *p);
/* Of a key that is none ("secret:x", "secret x"), what stands behind its name may be a secret. */
void report_mask_key(struct report *r, const struct place *p, struct str key);
/* Is what stands under such a name (X-Api-Key) usually a secret? Its beginning is looked at. */
#define REPORT_SENSITIVE 128 /* bytes */
bool report_is_sensitive(struct str name);
/* All errors, in the order of their places; without any, the warnings. */
void report_write(struct report *r, struct buf *out);
/* At most 64 bytes of outside text, for a message. */
struct str report_shown(struct str s);
struct str report_key(struct str key); /* of a key that is none: see report_mask_key */

#endif
