/* Says when one of some files has become another one: written, replaced by renaming, or reached by
 * a symbolic link that was (Kubernetes' way). */
#ifndef IO_WATCH_H
#define IO_WATCH_H

#include "base/file_state.h"
#include "base/text.h"
#include "base/wheel.h"

#define WATCH_CALM_MS 300 /* so long nothing must happen: who writes a file does so in steps */

struct watch;

/* on_change comes from the loop. */
struct watch *watch_new(uv_loop_t *loop, struct wheel *wheel, void (*on_change)(void *user),
                        void *user);
/* Begins a new set: of no file, until watch_add. */
void watch_begin(struct watch *w);
/* One more file; or a folder: which names there are in it. `seen` is what it was like before it was
 * read; NULL: as it was seen in the set before, so that no change gets lost in between. NULL, or a
 * sentence for the operator (static buffer): it is not watched. */
const char *watch_add(struct watch *w, struct str path, const struct file_state *seen) MUST_CHECK;
void watch_end(struct watch *w); /* the set is complete: looks whether one has changed already */
void watch_close(struct watch *w, void (*on_closed)(void *user), void *user); /* frees */

#endif
