/* Timestamps: strict, in range, back and forth. */
#include "room.h"

#include "model/timestamp.h"

static void reads_what_is_a_timestamp(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum timestamp_unit unit;
        int64_t ms;
    } rows[] = {
        {"0", TIMESTAMP_SECONDS, 0},
        {"1735689600", TIMESTAMP_SECONDS, 1735689600000},
        {"1735689600123", TIMESTAMP_MILLISECONDS, 1735689600123},
        {"253402300799", TIMESTAMP_SECONDS, 253402300799000},
        {"2025-01-01T00:00:00Z", TIMESTAMP_ISO8601, 1735689600000},
        {"2025-01-01T00:00:00", TIMESTAMP_ISO8601, 1735689600000},
        {"2025-01-01 00:00:00z", TIMESTAMP_ISO8601, 1735689600000},
        {"2025-01-01T01:30:00+01:30", TIMESTAMP_ISO8601, 1735689600000},
        {"2024-12-31T19:00:00.25-05:00", TIMESTAMP_ISO8601, 1735689600250},
        {"2025-01-01T00:00:00.123456789Z", TIMESTAMP_ISO8601, 1735689600123},
        {"2024-02-29T12:00:00Z", TIMESTAMP_ISO8601, 1709208000000},
        {"1970-01-01T00:00:00Z", TIMESTAMP_ISO8601, 0},
        {"2000-03-01T00:00:00Z", TIMESTAMP_ISO8601, 951868800000},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int64_t ms;
        if (!timestamp_decode(str_of(rows[i].text), rows[i].unit, &ms) || ms != rows[i].ms) {
            fail_msg("%s", rows[i].text);
        }
    }
}

static void refuses_what_is_none(void **state)
{
    (void)state;
    static const char *const seconds[] = {"",
                                          "-1",
                                          "+1",
                                          " 1",
                                          "1 ",
                                          "123abc",
                                          "1.5",
                                          "0x10",
                                          "1e9",
                                          "253402300800",
                                          "99999999999999999999999"};
    static const char *const iso[] = {"",
                                      "2025-01-01",
                                      "2025-01-01T00:00",
                                      "2025-13-01T00:00:00Z",
                                      "2025-00-01T00:00:00Z",
                                      "2025-02-30T00:00:00Z",
                                      "2023-02-29T00:00:00Z",
                                      "2025-01-01T24:00:00Z",
                                      "2025-01-01T00:60:00Z",
                                      "2025-01-01T00:00:00.Z",
                                      "2025-01-01T00:00:00.1234567890Z",
                                      "2025-01-01T00:00:00+0100",
                                      "2025-01-01T00:00:00ZZ",
                                      "2025-1-01T00:00:00Z",
                                      "1969-12-31T23:59:59Z",
                                      "1735689600"};
    int64_t ms;
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        if (timestamp_decode(str_of(seconds[i]), TIMESTAMP_SECONDS, &ms)) {
            fail_msg("%s was taken", seconds[i]);
        }
    }
    for (size_t i = 0; i < sizeof iso / sizeof iso[0]; i++) {
        if (timestamp_decode(str_of(iso[i]), TIMESTAMP_ISO8601, &ms)) {
            fail_msg("%s was taken", iso[i]);
        }
    }
}

static void reads_back_what_it_wrote(void **state)
{
    (void)state;
    for (int64_t s = 0; s < 250000000000; s = s * 5 / 3 + 86399) {
        for (int unit = TIMESTAMP_SECONDS; unit <= TIMESTAMP_ISO8601; unit++) {
            char text[TIMESTAMP_LEN];
            int64_t ms;
            size_t n = timestamp_encode(text, (enum timestamp_unit)unit, s * 1000);
            assert_true(n <= TIMESTAMP_LEN);
            assert_true(timestamp_decode((struct str){text, n}, (enum timestamp_unit)unit, &ms));
            assert_int_equal(ms, s * 1000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_is_a_timestamp),
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(reads_back_what_it_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
