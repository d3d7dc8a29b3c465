/* base/map and base/numset beside a plain model of them. */
#include "base/map.h"

#include "base/numset.h"
#include "test.h"

#include <stdio.h>
#include <string.h>

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static void compare(struct map m)
{
    enum { KEYS = 200 };
    static int values[KEYS];
    bool there[KEYS] = {false};
    static char keys[KEYS][16]; /* borrowed ones live as long as the map */
    uint64_t seed = 1;
    for (int step = 0; step < 20000; step++) {
        size_t k = next(&seed) % KEYS;
        int n = snprintf(keys[k], sizeof keys[k], "key-%zu", k);
        struct str text = {keys[k], (size_t)n};
        if (next(&seed) % 2 == 0) {
            assert_ptr_equal(map_set(&m, text, &values[k]), there[k] ? &values[k] : NULL);
            there[k] = true;
        } else {
            assert_ptr_equal(map_remove(&m, text), there[k] ? &values[k] : NULL);
            there[k] = false;
        }
        assert_ptr_equal(map_find(&m, text), there[k] ? &values[k] : NULL);
    }
    size_t count = 0, seen = 0;
    for (size_t k = 0; k < KEYS; k++) {
        count += there[k];
    }
    for (size_t i = 0; map_next(&m, &i) != NULL;) {
        seen++;
    }
    assert_int_equal(m.n, count);
    assert_int_equal(seen, count);
    map_done(&m);
    assert_null(map_find(&m, STR("key-1")));
}

static void a_map_does_what_a_plain_array_does(void **state)
{
    (void)state;
    struct map m;
    map_init(&m);
    compare(m);
    map_init_seeded(&m, 77);
    compare(m);
    map_init_seeded(&m, 78);
    m.borrows = true;
    compare(m);
}

static void a_numset_does_what_a_plain_array_does(void **state)
{
    (void)state;
    enum { NUMBERS = 300 };
    bool there[NUMBERS] = {false};
    struct numset s = {0};
    uint64_t seed = 7;
    for (int step = 0; step < 30000; step++) {
        uint64_t n = next(&seed) % NUMBERS;
        if (next(&seed) % 2 == 0) {
            numset_add(&s, n * 4096 + 1);
            there[n] = true;
        } else {
            numset_remove(&s, n * 4096 + 1);
            there[n] = false;
        }
        uint64_t look = next(&seed) % NUMBERS;
        assert_int_equal(numset_has(&s, look * 4096 + 1), there[look]);
    }
    size_t count = 0;
    for (size_t n = 0; n < NUMBERS; n++) {
        count += there[n];
    }
    assert_int_equal(s.n, count);
    numset_done(&s);
    assert_false(numset_has(&s, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_does_what_a_plain_array_does),
        cmocka_unit_test(a_numset_does_what_a_plain_array_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
