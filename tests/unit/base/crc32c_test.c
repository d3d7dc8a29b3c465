/* base/crc32c: the published checksums, in one piece or in several. */
#include "base/crc32c.h"

#include "test.h"

#include <string.h>

static void published_vectors(void **state)
{
    (void)state;
    unsigned char zeros[32] = {0}, ones[32], rising[32]; /* RFC 3720 B.4 */
    memset(ones, 0xff, sizeof ones);
    for (unsigned i = 0; i < sizeof rising; i++) {
        rising[i] = (unsigned char)i;
    }
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(0, zeros, sizeof zeros), 0x8a9136aa);
    assert_int_equal(crc32c(0, ones, sizeof ones), 0x62a8ab43);
    assert_int_equal(crc32c(0, rising, sizeof rising), 0x46dd794e);
    assert_int_equal(crc32c(0, "", 0), 0);
}

static void goes_on_from_a_part(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 9; n++) {
        uint32_t part = crc32c(0, "123456789", n);
        assert_int_equal(crc32c(part, "123456789" + n, 9 - n), 0xe3069283);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
        cmocka_unit_test(goes_on_from_a_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
