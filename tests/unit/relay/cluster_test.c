/* Which slot a key has, by the examples of the Redis Cluster specification and of redis-cli; and
 * what becomes of a map. */
#include "relay/cluster.h"
#include "relay/worker.h"

#include "test.h"

#include <string.h>

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

static void says(struct master *m, const char *wire)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    assert_int_equal(redisReaderFeed(reader, wire, strlen(wire)), REDIS_OK);
    assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
    assert_non_null(reply);
    cluster_on_slots(m, reply);
    freeReplyObject(reply);
    redisReaderFree(reader);
}

/* "foo" lies in its second half, and "bar" in the first. */
static void a_map_of_which_a_part_is_unreadable_changes_nothing(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct worker w = {.loop = &loop};
    struct master b = {.w = &w, .host = "h", .port = 2, .map_asked = true},
                  a = {.w = &w, .next = &b, .host = "h", .port = 1, .map_asked = true};
    assert_int_equal(uv_loop_init(&loop), 0);
    wheel_init(&w.wheel, &loop);
    w.redis.masters = &a;
    cluster_check(&a);
    a.map_checked = false;
    const struct cluster *c = w.redis.cluster;
    says(&a, "*2\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$1\r\nh\r\n:1\r\n"
             "*3\r\n:8192\r\n:16383\r\n*2\r\n$1\r\nh\r\n:2\r\n");
    assert_ptr_equal(cluster_master_of(c, STR("bar")), &a);
    assert_ptr_equal(cluster_master_of(c, STR("foo")), &b);
    says(&a, "*2\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$1\r\nh\r\n:1\r\n"
             "*3\r\n:8192\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n");
    assert_ptr_equal(cluster_master_of(c, STR("foo")), &b);
    assert_int_equal(b.closing, 0);
    says(&a, "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:0\r\n"); /* nobody at all */
    assert_ptr_equal(cluster_master_of(c, STR("foo")), &b);
    /* Redis knows no address of a third one: the others go on. */
    says(&a, "*3\r\n*3\r\n:0\r\n:8191\r\n*2\r\n$0\r\n\r\n:0\r\n"
             "*3\r\n:8192\r\n:12000\r\n*2\r\n$1\r\nh\r\n:1\r\n"
             "*3\r\n:12001\r\n:16383\r\n*2\r\n$1\r\nh\r\n:2\r\n");
    assert_ptr_equal(cluster_master_of(c, STR("foo")), &b);
    assert_null(cluster_master_of(c, STR("bar")));
    cluster_free(&w);
    wheel_done(&w.wheel);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots),
        cmocka_unit_test(a_map_of_which_a_part_is_unreadable_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
