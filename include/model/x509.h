/* What signs by a certificate that each request names (AWS SNS, PayPal): where such a certificate
 * may be, whom it must name, and what its key signs. */
#ifndef MODEL_X509_H
#define MODEL_X509_H

#include "base/buf.h"
#include "base/crypt.h"
#include "model/pick.h"

#define X509_URL 256  /* bytes of a certificate's URL; a longer one is refused */
#define X509_FOR 8    /* that a message may be for */
#define X509_NAMES 4  /* that a certificate may have, and an empty one */
#define X509_FIELDS 8 /* of a message of SNS that are signed */

struct x509_rules {
    bool sns; /* the body is a message of AWS SNS, and has all that is needed */
    /* Else: the headers of the certificate's URL, and of an algorithm that must be that one. */
    struct str url_header, algorithm_header, algorithm;
    /* How the path of a certificate's URL begins and ends, with one word between; after a '/' as
     * its beginning with anything between. */
    struct str path, end;
    struct str names[X509_NAMES]; /* the certificate must have one; '*' is anything ... */
    bool names_host;              /* ... or it names the host that has it, as key_hosts says it */
    struct str parties[X509_FOR]; /* whom it must be for: topics (SNS), webhooks (PayPal) */
};

/* arn:PARTITION:sns:REGION:ACCOUNT:NAME, in full: an account has 12 digits. */
bool sns_is_topic(struct str arn) MUST_CHECK;
/* The host where SNS has the certificates of that topic's region; false: it is no topic of AWS. */
bool sns_host(struct str topic_arn, struct buf *out) MUST_CHECK;

enum sns_kind { SNS_NOTIFICATION, SNS_SUBSCRIPTION, SNS_UNSUBSCRIPTION };

struct sns_message {
    struct pick_doc body; /* where the texts are */
    enum sns_kind kind;
    enum crypt_digest digest;
    struct str signature, certificate_url; /* as they came */
    struct str topic, subscribe_url;
    struct str fields[X509_FIELDS]; /* by name, in the order that they are signed in ... */
    unsigned present;               /* ... those of these bits */
};

/* Reads a body; NULL, or a constant sentence. Nothing of it is true until its signature is known to
 * be good. sns_done in either case. */
const char *sns_read(struct sns_message *m, struct str body) MUST_CHECK;
void sns_done(struct sns_message *m);
void sns_put_signed(const struct sns_message *m, struct buf *out); /* appends what is signed */

#endif
