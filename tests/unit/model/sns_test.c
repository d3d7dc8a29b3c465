/* Messages of SNS: what of one is signed, and what makes none. */
#include "room.h"

#include "model/x509.h"

#define HEAD "\"MessageId\":\"1\",\"TopicArn\":\"arn\",\"Timestamp\":\"t\","
#define SIGNED "\"SignatureVersion\":\"1\",\"Signature\":\"AA\",\"SigningCertURL\":\"u\""
#define PLAIN "\"Type\":\"Notification\"," HEAD "\"Message\":\"a\\nb\","
#define CONFIRM                                                                                    \
    "\"Type\":\"SubscriptionConfirmation\"," HEAD "\"Message\":\"m\",\"Token\":\"k\","             \
    "\"SubscribeURL\":\"s\","

static void good(const char *json, enum sns_kind kind, const char *text)
{
    struct sns_message m;
    struct buf out;
    buf_init(&out, 4096);
    const char *why = sns_read(&m, str_of(json));
    if (why != NULL) {
        fail_msg("%s: %s", why, json);
    }
    assert_int_equal(m.kind, kind);
    room_text(m.topic, "arn", "topic");
    sns_put_signed(&m, &out);
    room_text(buf_str(&out), text, json);
    buf_done(&out);
    sns_done(&m);
}

static void bad(const char *json, const char *detail)
{
    struct sns_message m;
    const char *why = sns_read(&m, str_of(json));
    if (why == NULL || strstr(why, detail) == NULL) {
        fail_msg("%s: %s", why == NULL ? "taken" : why, json);
    }
    sns_done(&m);
}

static void fields_are_signed_by_name(void **state)
{
    (void)state;
    good("{" PLAIN SIGNED "}", SNS_NOTIFICATION,
         "Message\na\nb\nMessageId\n1\nTimestamp\nt\nTopicArn\narn\nType\nNotification\n");
    good("{\"Subject\":\"\\u00e9\",\"More\":{},\"Messages\":1,\"Messag\":2,\"typ\":3," PLAIN SIGNED
         "}",
         SNS_NOTIFICATION,
         "Message\na\nb\nMessageId\n1\nSubject\n\xc3\xa9\nTimestamp\nt\nTopicArn\narn\nType\n"
         "Notification\n");
    good("{" CONFIRM SIGNED "}", SNS_SUBSCRIPTION,
         "Message\nm\nMessageId\n1\nSubscribeURL\ns\nTimestamp\nt\nToken\nk\nTopicArn\narn\nType\n"
         "SubscriptionConfirmation\n");
    good("{\"Type\":\"UnsubscribeConfirmation\"," HEAD
         "\"Message\":\"\",\"Token\":\"k\",\"SubscribeURL\":\"s\"," SIGNED "}",
         SNS_UNSUBSCRIPTION,
         "Message\n\nMessageId\n1\nSubscribeURL\ns\nTimestamp\nt\nToken\nk\nTopicArn\narn\nType\n"
         "UnsubscribeConfirmation\n");
}

static void says_by_which_digest(void **state)
{
    (void)state;
    struct sns_message m;
    assert_null(sns_read(&m, STR("{" PLAIN SIGNED "}")));
    assert_int_equal(m.digest, CRYPT_SHA1);
    sns_done(&m);
    assert_null(sns_read(&m, STR("{" PLAIN "\"SignatureVersion\":\"2\",\"Signature\":\"AA\","
                                 "\"SigningCertURL\":\"u\"}")));
    assert_int_equal(m.digest, CRYPT_SHA256);
    room_text(m.signature, "AA", "signature");
    room_text(m.certificate_url, "u", "URL");
    sns_done(&m);
    bad("{" PLAIN "\"SignatureVersion\":\"02\",\"Signature\":\"A\",\"SigningCertURL\":\"u\"}",
        "neither 1 nor 2");
    bad("{" PLAIN "\"SignatureVersion\":2,\"Signature\":\"A\",\"SigningCertURL\":\"u\"}",
        "neither 1 nor 2");
}

static void nothing_can_be_read_in_two_ways(void **state)
{
    (void)state;
    static const char twice[] = "there twice", line[] = "no text of one line",
                      fields[] = "has not the fields";
    bad("{" PLAIN SIGNED ",\"Message\":\"a\\nb\"}", twice);
    bad("{" PLAIN SIGNED ",\"Subject\":\"a\",\"Subject\":\"b\"}", twice);
    bad("{" PLAIN SIGNED ",\"\\u0054ype\":\"Notification\"}", twice);
    static const char *const twins[] = {"message",        "MESSAGE",
                                        "messageId",      "subject",
                                        "subscribeUrl",   "timestamp",
                                        "token",          "To\\u212aen",
                                        "topicarn",       "type",
                                        "signature",      "Signatureversion",
                                        "SigningCertUrl", "Me\\u017f\\u017fage",
                                        "Me\xc5\xbfsage"};
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++) {
        char json[512];
        snprintf(json, sizeof json, "{" PLAIN SIGNED ",\"%s\":\"forged\"}", twins[i]);
        bad(json, "but for its case");
        snprintf(json, sizeof json, "{\"%s\":{}," PLAIN SIGNED "}", twins[i]);
        bad(json, "but for its case");
    }
    bad("{" PLAIN SIGNED ",\"Signature\":\"AA\"}", "there twice");
    bad("{" PLAIN SIGNED ",\"SigningCertURL\":\"u\"}", "there twice");
    bad("{" PLAIN SIGNED ",\"Subject\":null}", line);
    bad("{" PLAIN SIGNED ",\"Subject\":\"\"}", line);
    bad("{" PLAIN SIGNED ",\"Subject\":\"a\\nTimestamp\\nb\"}", line);
    bad("{" PLAIN SIGNED ",\"Subject\":\"a\\r\"}", line);
    bad("{" PLAIN SIGNED ",\"Subject\":[\"a\"]}", line);
    bad("{" PLAIN SIGNED ",\"Token\":\"k\"}", fields);
    bad("{" PLAIN SIGNED ",\"SubscribeURL\":\"s\"}", fields);
    bad("{" CONFIRM SIGNED ",\"Subject\":\"a\"}", fields);
    bad("{\"Type\":\"SubscriptionConfirmation\"," HEAD "\"Message\":\"m\"," SIGNED "}", fields);
    bad("{\"Type\":\"Notification\"," HEAD SIGNED "}", fields);
    bad("{\"Type\":\"notification\"," HEAD "\"Message\":\"m\"," SIGNED "}", "none of SNS");
    bad("{" HEAD "\"Message\":\"m\"," SIGNED "}", "none of SNS");
}

static void what_is_no_object_is_none(void **state)
{
    (void)state;
    static const char *const none[] = {"", "[]", "7", "\"{}\"", "{", "{" PLAIN SIGNED "", "null"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        bad(none[i], "no JSON object");
    }
    bad("{}", "none of SNS");
}

static void a_topic_has_its_host(void **state)
{
    (void)state;
    static const char *const good_ones[][2] = {
        {"arn:aws:sns:us-east-1:123456789012:a", "sns.us-east-1.amazonaws.com"},
        {"arn:aws-us-gov:sns:us-gov-west-1:123456789012:a-_B9.fifo",
         "sns.us-gov-west-1.amazonaws.com"},
        {"arn:aws-cn:sns:cn-north-1:123456789012:a", "sns.cn-north-1.amazonaws.com.cn"},
    };
    static const char *const none[] = {
        "",
        "a",
        "arn:aws:sns:us-east-1:123456789012",
        "arn:aws:sns:us-east-1:123456789012:",
        "arn:aws:sns:us-east-1::a",
        "arn:aws:sns:us-east-1:123456789012:a:b",
        "arn:aws:sns:us-east-1:123456789012:*",
        "arn:aws:sns:us-east-1:123456789012:x y",
        "arn:aws:sns:us-east-1:123:a",
        "arn:aws:sns:us-east-1:1234567890123:a",
        "arn:aws:sns:us-east-1:12345678901x:a",
        "arn:aws:sqs:us-east-1:123456789012:a",
        "arn:aws:sns::123456789012:a",
        "arn:aws:sns:us.evil.example/:123456789012:a",
        "arn:aws:sns:US-EAST-1:123456789012:a",
        "arn:aws:sns:eu:123456789012:a",
        "ARN:aws:sns:us-east-1:123456789012:a",
    };
    struct buf out;
    buf_init(&out, 128);
    for (size_t i = 0; i < sizeof good_ones / sizeof *good_ones; i++) {
        buf_clear(&out);
        assert_true(sns_is_topic(str_of(good_ones[i][0])));
        assert_true(sns_host(str_of(good_ones[i][0]), &out));
        room_text(buf_str(&out), good_ones[i][1], good_ones[i][0]);
    }
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        if (sns_is_topic(str_of(none[i])) || sns_host(str_of(none[i]), &out)) {
            fail_msg("taken: %s", none[i]);
        }
    }
    const struct str other = STR("arn:awsx:sns:us-east-1:123456789012:a");
    assert_true(sns_is_topic(other) && !sns_host(other, &out));
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_signed_by_name),
        cmocka_unit_test(says_by_which_digest),
        cmocka_unit_test(nothing_can_be_read_in_two_ways),
        cmocka_unit_test(what_is_no_object_is_none),
        cmocka_unit_test(a_topic_has_its_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
