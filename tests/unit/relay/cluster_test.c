/* Which slot a key has, by the examples of the Redis Cluster specification and of redis-cli. */
#include "relay/cluster.h"

#include "test.h"

static void slots(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        unsigned slot;
    } rows[] = {
        {"123456789", 0x31c3}, /* the check value of CRC16 (XMODEM), below 16384 */
        {"", 0},
        {"foo", 12182},
        {"bar", 5061},
        {"{bar}", 5061},
        {"x{bar}y", 5061},
        {"foo{bar}{zap}", 5061}, /* the first { and the first } behind it */
        {"foo{}{bar}", 8363},    /* an empty tag is none: the whole key */
        {"foo{{bar}}zap", 4015}, /* {bar */
        {"foo{bar", 15278},      /* never closed */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(cluster_slot(str_of(rows[i].key)), rows[i].slot);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(slots)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
