/* Regular expressions of Perl's kind (PCRE2), within limits: whatever the text, a try ends soon.
 *
 * Compiled to machine code where the system lets memory be executable; else they are interpreted.
 * Compiled ones may be used by several threads at once; a scratch is one thread's. */
#ifndef MODEL_REGEX_H
#define MODEL_REGEX_H

#include "base/text.h"

#define REGEX_PATTERN 4096        /* bytes of a pattern */
#define REGEX_SUBJECT (16 * 1024) /* bytes of a text; longer ones are beyond its limits */
#define REGEX_STEPS 100000        /* PCRE2's match limit: of each place where a match may begin */
#define REGEX_STEPS_ALL 16000000  /* and of all places together, as far as each keeps ... */
#define REGEX_STEPS_LEAST 1000    /* ... so many */
#define REGEX_HEAP_KIB 1024
#define REGEX_SHORT 64     /* bytes of a text that is tried ... */
#define REGEX_STEPS_FEW 16 /* ... with so many at first, without a look at a clock */
#define REGEX_SMALL 256    /* bytes compiled: so many more count as a text that is twice as long */
#define REGEX_PART (1 << 20)   /* characters that a plain repeat may look at between two looks */
#define REGEX_NS 30000000      /* of a thread: a match that took them ends at the next look */
#define REGEX_STEP_NS 20       /* are one step of an event's (SUBJECT_STEPS) */
#define REGEX_FAST (16 * 1024) /* bytes compiled; what is larger is interpreted */

struct regex;
struct regex_scratch;
enum regex_verdict { REGEX_NO, REGEX_YES, REGEX_LIMIT };

/* NULL: compiled. Else why not, a sentence in `why`; `at` is the byte of the pattern. */
const char *regex_new(struct regex **out, struct str pattern, char why[256], size_t *at) MUST_CHECK;
size_t regex_bytes(const struct regex *r); /* that it takes compiled, beside machine code */
void regex_free(struct regex *r);          /* NULL is fine */
/* Does it match anywhere in the text? `scratch` begins as NULL and is kept for the next ones.
 * `is_utf8`: the text is known to be; else that is checked, and what is none does not match. */
enum regex_verdict regex_match(const struct regex *r, struct regex_scratch **scratch,
                               struct str text, bool is_utf8);
size_t regex_cost(const struct regex_scratch *s); /* steps that the match just made is worth */
void regex_scratch_free(struct regex_scratch *s); /* NULL is fine */

#endif
