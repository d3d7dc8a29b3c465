/* base/crc32: checksums that others have published. */
#include "base/crc32.h"

#include "test.h"

static void published_vectors(void **state)
{
    (void)state;
    assert_int_equal(crc32("123456789", 9), 0xcbf43926); /* ITU-T V.42, as catalogues have it */
    assert_int_equal(crc32("", 0), 0);
    assert_int_equal(crc32("a", 1), 0xe8b7be43);
    assert_int_equal(crc32("\0\0\0\0", 4), 0x2144df1c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
