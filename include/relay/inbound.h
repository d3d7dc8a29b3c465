/* A request on its way in, and what its ways share. The inside of ingest.c and handshake.c; others
 * see ingest.h only. */
#ifndef RELAY_INBOUND_H
#define RELAY_INBOUND_H

#include "relay/fetch.h"
#include "relay/journal.h"
#include "relay/spool.h"

enum { HEADERS_CEILING = 64 << 10, TYPE_CEILING = 1024 };

enum { WAITED_KEY = 1, WAITED_CONFIRM = 2 };

/* A request on its way into the journal, or the spool; it outlives its sender when the outcome is
 * unknown. What Redis has not answered in time goes to the spool as well, if there is one: from
 * then on that one counts, and the entry in the stream, should it be there, is settled. Or one that
 * waits for what its provider has, its key for one, and begins anew then. */
struct inbound {
    struct append append;
    struct spooling spooling;
    bool to_journal, to_spool; /* on its way there */
    struct fetch_wait fetched;
    unsigned waited; /* bits of what it has waited for */
    struct worker *w;
    struct httpd_request *request; /* NULL: answered, or the sender has gone */
    struct conf *conf; /* counted: a reload meanwhile changes nothing of what was promised */
    const struct conf_source *source;
    struct address_bytes client; /* the request's own fields are released by then */
    struct wheel_timer deadline;
    uint64_t began_us;
    struct str echo; /* of a handshake: the field that says its secret again */
};

struct inbound *inbound_new(struct worker *w, struct httpd_request *r,
                            const struct conf_source *source);
void inbound_free(struct inbound *in);
void inbound_forget_sender(struct inbound *in); /* it was answered, or has gone */

/* The sender's address, as far as proxies are believed. */
struct address_bytes inbound_client(const struct conf *c, const struct httpd_request *r);
/* Answers, counts and logs it; `detail` is for the log, or NULL. */
void inbound_refuse(struct worker *w, struct httpd_request *r, const struct conf_source *source,
                    const char *reason, const char *detail);
void inbound_fail(struct inbound *in, const char *reason); /* unless it was answered */

/* It begins anew when that was read, or could not be; `waited`: with that bit. */
void inbound_wait(struct worker *w, struct httpd_request *r, const struct conf_source *source,
                  struct fetch *f, unsigned waited);
/* A request whose key is not known may be genuine still. True: it waits, or its sender is to try
 * again; false: it is not. */
bool inbound_wait_for_keys(struct worker *w, struct httpd_request *r,
                           const struct conf_source *source, const struct verify_input *input,
                           unsigned waited);

#endif
