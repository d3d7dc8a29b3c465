/* Where a source's keys are read. */
#include "relay/keys.h"

#include "relay/keyring.h"
#include "relay/jwks.h"

const char *keys_start(struct worker *w)
{
    const char *why = jwks_start(w);
    return why != NULL ? why : keyring_start(w);
}

void keys_move(const struct conf_source *s, struct inlet *to, const struct conf_source *before,
               struct inlet *from)
{
    jwks_move(s, to, before, from);
    keyring_move(s, to, before, from);
}

void keys_retire(struct inlet *from)
{
    jwks_retire(from);
    keyring_retire(from);
}

void keys_stop(struct worker *w)
{
    jwks_stop(w);
    keyring_stop(w);
    fetch_stop_all(w);
}

void keys_done(struct worker *w)
{
    jwks_done(w);
    keyring_done(w);
}

const struct jwks *keys_of(struct worker *w, const struct conf_source *s)
{
    return s->hosts.n > 0 ? keyring_keys(w, s) : jwks_keys(w, s);
}

enum keys_miss keys_miss(struct worker *w, const struct conf_source *s,
                         const struct verify_input *in, bool again, struct fetch **reading)
{
    return s->hosts.n > 0 ? keyring_miss(w, s, in, again, reading)
                          : jwks_miss(w, s, again, reading);
}
