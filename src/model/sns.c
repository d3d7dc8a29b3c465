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
    *m = (struct sns_message){.body = pick_open(body)};
    yyjson_val *root = m->body == NULL ? NULL : pick_root(m->body);
    if (!yyjson_is_obj(root)) {
        return "the body is no JSON object, as each message of SNS is: leave raw delivery off";
    }
    const char *why = read_fields(m, root);
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
    pick_close(m->body);
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

static bool is_region(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return s.len >= 3 && s.len <= 32;
}

/* arn:aws:sns:us-east-1:123456789012:name */
bool sns_host(struct str topic_arn, struct buf *out)
{
    struct str part[6];
    for (size_t i = 0; i < 5; i++) {
        if (!str_cut(topic_arn, ':', &part[i], &topic_arn)) {
            return false;
        }
    }
    part[5] = topic_arn;
    bool china = str_eq(part[1], STR("aws-cn"));
    bool known = china || str_eq(part[1], STR("aws")) || str_eq(part[1], STR("aws-us-gov"));
    return str_eq(part[0], STR("arn")) && known && str_eq(part[2], STR("sns")) &&
           is_region(part[3]) && part[4].len > 0 && part[5].len > 0 && !str_has(part[5], ':') &&
           buf_printf(out, "sns.%.*s.amazonaws.com%s", STR_ARG(part[3]), china ? ".cn" : "");
}
