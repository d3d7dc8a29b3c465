/* Messages of AWS SNS (https://docs.aws.amazon.com/sns/latest/dg/ \
 * sns-verify-signature-of-message-verify-message-signature.html): read strictly, as what is signed
 * does not say where a text ends. A field that another reader could take for another one, or that
 * is not signed in this kind of message, makes none of it. */
#include "model/x509.h"

#include "model/pick.h"

#include <string.h>
#include <yyjson.h>

enum { MESSAGE, MESSAGE_ID, SUBJECT, SUBSCRIBE_URL, TIMESTAMP, TOKEN, TOPIC_ARN, TYPE };
#define BIT(field) (1u << (field))

static const struct str names[X509_FIELDS] = {
    [MESSAGE] = {"Message", 7},     [MESSAGE_ID] = {"MessageId", 9},
    [SUBJECT] = {"Subject", 7},     [SUBSCRIBE_URL] = {"SubscribeURL", 12},
    [TIMESTAMP] = {"Timestamp", 9}, [TOKEN] = {"Token", 5},
    [TOPIC_ARN] = {"TopicArn", 8},  [TYPE] = {"Type", 4}};

#define ALWAYS (BIT(MESSAGE) | BIT(MESSAGE_ID) | BIT(TIMESTAMP) | BIT(TOPIC_ARN) | BIT(TYPE))

/* Which fields each kind has; a Subject may be there or not. */
static const struct {
    struct str type;
    unsigned must, may;
} kinds[] = {
    [SNS_NOTIFICATION] = {{"Notification", 12}, ALWAYS, BIT(SUBJECT)},
    [SNS_SUBSCRIPTION] = {{"SubscriptionConfirmation", 24},
                          ALWAYS | BIT(TOKEN) | BIT(SUBSCRIBE_URL),
                          0},
    [SNS_UNSUBSCRIPTION] = {{"UnsubscribeConfirmation", 23},
                            ALWAYS | BIT(TOKEN) | BIT(SUBSCRIBE_URL),
                            0},
};

#define KINDS (sizeof kinds / sizeof kinds[0])

/* The text of that name, and how often the name is there. */
static size_t find_text(yyjson_val *object, struct str name, struct str *out)
{
    size_t found = 0;
    yyjson_val *key;
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    *out = STR_NONE;
    while ((key = yyjson_obj_iter_next(&it)) != NULL) {
        if (str_eq((struct str){yyjson_get_str(key), yyjson_get_len(key)}, name)) {
            yyjson_val *v = yyjson_obj_iter_get_val(key);
            *out = yyjson_is_str(v) ? (struct str){yyjson_get_str(v), yyjson_get_len(v)} : STR_NONE;
            found++;
        }
    }
    return found;
}

/* Readers of JSON that do not mind the case of a name (Go's takes even U+017F for an s, and U+212A
 * for a k) would take either of two for the one that is signed. */
static bool is_read_as(struct str key, struct str name)
{
    const struct str long_s = STR("\xc5\xbf"), kelvin = STR("\xe2\x84\xaa");
    bool same = true;
    for (size_t i = 0; i < name.len && same; i++) {
        char c = (char)(name.at[i] | 0x20); /* names have letters only */
        struct str as = c == 's' && str_starts(key, long_s)   ? long_s
                        : c == 'k' && str_starts(key, kelvin) ? kelvin
                                                              : str_head(key, 1);
        same = as.len > 1 || (as.len == 1 && (as.at[0] | 0x20) == c);
        key = str_from(key, as.len);
    }
    return same && key.len == 0;
}

static bool is_twin(struct str key)
{
    static const struct str more[] = {
        {"Signature", 9}, {"SignatureVersion", 16}, {"SigningCertURL", 14}};
    for (size_t i = 0; i < X509_FIELDS + sizeof more / sizeof *more; i++) {
        struct str name = i < X509_FIELDS ? names[i] : more[i - X509_FIELDS];
        if (is_read_as(key, name) && !str_eq(key, name)) {
            return true;
        }
    }
    return false;
}

static const char *refuse_twins(yyjson_val *object)
{
    yyjson_val *key;
    yyjson_obj_iter it = yyjson_obj_iter_with(object);
    while ((key = yyjson_obj_iter_next(&it)) != NULL) {
        if (is_twin((struct str){yyjson_get_str(key), yyjson_get_len(key)})) {
            return "a name is one of SNS but for its case: another reader may take it for that";
        }
    }
    return NULL;
}

static bool is_one_line(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.at[i] < 0x20 || s.at[i] == 0x7f) {
            return false;
        }
    }
    return s.len > 0;
}

/* Only a message's own text may have lines: so the signed ones can be told apart. */
static const char *read_fields(struct sns_message *m, yyjson_val *root)
{
    for (unsigned i = 0; i < X509_FIELDS; i++) {
        size_t found = find_text(root, names[i], &m->fields[i]);
        if (found > 1) {
            return "a field that SNS signs is there twice";
        }
        if (found == 1 &&
            (m->fields[i].at == NULL || (i != MESSAGE && !is_one_line(m->fields[i])))) {
            return "a field that SNS signs is no text of one line";
        }
        m->present |= found == 1 ? BIT(i) : 0;
    }
    return NULL;
}

static const char *read_kind(struct sns_message *m)
{
    size_t kind = 0;
    while (kind < KINDS && !str_eq(kinds[kind].type, m->fields[TYPE])) {
        kind++;
    }
    if (kind == KINDS) {
        return "its Type is none of SNS";
    }
    m->kind = (enum sns_kind)kind;
    bool fits = (m->present & kinds[kind].must) == kinds[kind].must &&
                (m->present & ~(kinds[kind].must | kinds[kind].may)) == 0;
    return fits ? NULL : "it has not the fields of a message of its Type";
}

static const char *read_signature(struct sns_message *m, yyjson_val *root)
{
    struct str version;
    if (find_text(root, STR("SignatureVersion"), &version) != 1 ||
        find_text(root, STR("Signature"), &m->signature) != 1 ||
        find_text(root, STR("SigningCertURL"), &m->certificate_url) != 1) {
        return "Signature, SignatureVersion or SigningCertURL is missing, or there twice";
    }
    bool first = str_eq(version, STR("1"));
    m->digest = first ? CRYPT_SHA1 : CRYPT_SHA256;
    return first || str_eq(version, STR("2")) ? NULL : "its SignatureVersion is neither 1 nor 2";
}

const char *sns_read(struct sns_message *m, struct str body)
{
    *m = (struct sns_message){.present = 0};
    yyjson_val *root = pick_open(&m->body, body, NULL, 0);
    if (!yyjson_is_obj(root)) {
        return "the body is no JSON object, as each message of SNS is: leave raw delivery off";
    }
    const char *why = refuse_twins(root);
    if (why == NULL) {
        why = read_fields(m, root);
    }
    if (why == NULL) {
        why = read_kind(m);
    }
    if (why == NULL) {
        why = read_signature(m, root);
    }
    m->topic = m->fields[TOPIC_ARN];
    m->subscribe_url = m->fields[SUBSCRIBE_URL];
    return why;
}

void sns_done(struct sns_message *m)
{
    pick_close(&m->body);
}

void sns_put_signed(const struct sns_message *m, struct buf *out)
{
    for (unsigned i = 0; i < X509_FIELDS; i++) {
        if ((m->present & BIT(i)) != 0) {
            buf_add_str(out, names[i]);
            buf_add_char(out, '\n');
            buf_add_str(out, m->fields[i]);
            buf_add_char(out, '\n');
        }
    }
}

/* ---- topics ---- */

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_made_of(struct str s, struct str letters, size_t least, size_t most)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!str_has(letters, s.at[i])) {
            return false;
        }
    }
    return s.len >= least && s.len <= most;
}

enum { ARN, PARTITION, SERVICE, REGION, ACCOUNT, NAME, ARN_PARTS };

/* arn:aws:sns:us-east-1:123456789012:name, whose name may have ".fifo" behind it:
 * https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html */
static bool cut_arn(struct str arn, struct str part[ARN_PARTS])
{
    for (size_t i = 0; i < NAME; i++) {
        if (!str_cut(arn, ':', &part[i], &arn)) {
            return false;
        }
    }
    part[NAME] = arn;
    return str_eq(part[ARN], STR("arn")) && is_made_of(part[PARTITION], STR(LOWER "-"), 1, 32) &&
           str_eq(part[SERVICE], STR("sns")) &&
           is_made_of(part[REGION], STR(LOWER DIGITS "-"), 3, 32) &&
           is_made_of(part[ACCOUNT], STR(DIGITS), 12, 12) &&
           is_made_of(part[NAME], STR(LOWER UPPER DIGITS "-_."), 1, 256);
}

bool sns_is_topic(struct str arn)
{
    struct str part[ARN_PARTS];
    return cut_arn(arn, part);
}

bool sns_host(struct str topic_arn, struct buf *out)
{
    struct str part[ARN_PARTS];
    if (!cut_arn(topic_arn, part)) {
        return false;
    }
    bool china = str_eq(part[PARTITION], STR("aws-cn"));
    bool known =
        china || str_eq(part[PARTITION], STR("aws")) || str_eq(part[PARTITION], STR("aws-us-gov"));
    return known &&
           buf_printf(out, "sns.%.*s.amazonaws.com%s", STR_ARG(part[REGION]), china ? ".cn" : "");
}
