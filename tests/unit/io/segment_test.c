/* io/segment: what was synced is read back, whatever a crash or a disk did to the rest. */
#include "io/segment.h"

#include "base/crc32c.h"
#include "base/little.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#define JOURNAL UINT64_C(0x123456789)

enum { FIRST = 41, RECORDS = 5, SALT = 0x5eed5a17 };

/* Stands before libc's: one call of it may be made to fail. */
static int fail_sync;

int fdatasync(int fd)
{
    if (fail_sync > 0 && --fail_sync == 0) {
        errno = EIO;
        return -1;
    }
    return fsync(fd);
}

struct room {
    char path[64];
    int dir;
};

static struct room open_room(void)
{
    struct room room = {"/tmp/penstock-segment.XXXXXX", -1};
    assert_non_null(mkdtemp(room.path));
    room.dir = open(room.path, O_RDONLY | O_DIRECTORY);
    assert_true(room.dir >= 0);
    return room;
}

static void close_room(struct room *room, const char *name)
{
    if (name != NULL) {
        assert_null(segment_remove(room->dir, name));
    }
    close(room->dir);
    assert_int_equal(rmdir(room->path), 0); /* so nothing else was left in it */
}

/* Record i: i times seven bytes, so that the first one is empty. */
static struct str text_of(unsigned i)
{
    static const char text[] = "0123456789012345678901234567890123456789";
    return str_head(str_of(text), (size_t)i * 7);
}

static void put(struct buf *out, uint32_t salt, uint64_t number, struct str payload)
{
    size_t begun = segment_begin(out);
    buf_add_str(out, payload);
    segment_end(out, begun, salt, number);
}

static void put_records(struct buf *out, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++) {
        put(out, SALT, FIRST + i, text_of(i));
    }
}

static struct segment create(const struct room *room)
{
    struct segment s;
    assert_null(segment_create(&s, room->dir, SALT, JOURNAL, FIRST));
    assert_string_equal(s.name, "123456789-0000000000041.segment");
    assert_true(segment_is_named(s.name));
    assert_int_equal(s.bytes, SEGMENT_HEAD_BYTES);
    return s;
}

static void write_records(struct segment *s, unsigned from, unsigned to)
{
    struct buf b;
    buf_init(&b, 1 << 16);
    put_records(&b, from, to);
    assert_null(segment_write(s, buf_str(&b)));
    buf_done(&b);
}

static void load(const struct room *room, const char *name, struct buf *bytes)
{
    buf_init(bytes, 32 << 20);
    assert_null(segment_load(room->dir, name, bytes));
}

/* Reads records until none is left that checks, each as it was written; returns how many. */
static unsigned count_records(struct str bytes, size_t *left)
{
    struct segment_reader r;
    uint64_t number;
    struct str payload;
    unsigned n = 0;
    assert_null(segment_open(&r, bytes));
    assert_int_equal(r.journal, JOURNAL);
    while (segment_next(&r, &number, &payload)) {
        assert_int_equal(number, FIRST + n);
        assert_true(str_eq(payload, text_of(n)));
        n++;
    }
    *left = r.left.len;
    return n;
}

/* The whole file with its records, as bytes. */
static void sample(struct buf *bytes)
{
    struct room room = open_room();
    struct segment s = create(&room);
    write_records(&s, 0, 2);
    write_records(&s, 2, RECORDS);
    segment_close(&s);
    segment_close(&s);
    load(&room, s.name, bytes);
    assert_int_equal(bytes->len, s.bytes);
    close_room(&room, s.name);
}

static void reads_back_what_was_written(void **state)
{
    (void)state;
    struct buf bytes;
    size_t left;
    sample(&bytes);
    assert_int_equal(count_records(buf_str(&bytes), &left), RECORDS);
    assert_int_equal(left, 0);
    buf_done(&bytes);
}

static void cuts_the_torn_tail_at_every_byte(void **state)
{
    (void)state;
    struct buf bytes;
    size_t left, whole = SEGMENT_HEAD_BYTES; /* length up to the end of record `records` */
    unsigned records = 0;
    struct segment_reader r;
    sample(&bytes);
    for (size_t n = 0; n < bytes.len; n++) {
        struct str cut = str_head(buf_str(&bytes), n);
        if (n < SEGMENT_HEAD_BYTES) {
            assert_ptr_equal(segment_open(&r, cut), SEGMENT_EMPTY);
            continue;
        }
        while (n >= whole + SEGMENT_RECORD_BYTES + text_of(records).len) {
            whole += SEGMENT_RECORD_BYTES + text_of(records++).len;
        }
        assert_int_equal(count_records(cut, &left), records);
        assert_int_equal(left, n - whole);
    }
    assert_int_equal(records, RECORDS - 1);
    buf_done(&bytes);
}

static void ends_at_a_record_with_any_bit_turned(void **state)
{
    (void)state;
    struct buf bytes;
    struct segment_reader r;
    size_t left;
    sample(&bytes);
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        size_t at = bit / 8, whole = SEGMENT_HEAD_BYTES;
        unsigned records = 0;
        bytes.at[at] = (char)(bytes.at[at] ^ 1 << bit % 8);
        if (at < SEGMENT_HEAD_BYTES) {
            const char *why = segment_open(&r, buf_str(&bytes));
            assert_true(why == SEGMENT_FOREIGN || (why == SEGMENT_LATER && at >= 8 && at < 12));
        } else {
            while (at >= whole + SEGMENT_RECORD_BYTES + text_of(records).len) {
                whole += SEGMENT_RECORD_BYTES + text_of(records++).len;
            }
            assert_int_equal(count_records(buf_str(&bytes), &left), records);
            assert_int_equal(left, bytes.len - whole);
        }
        bytes.at[at] = (char)(bytes.at[at] ^ 1 << bit % 8);
    }
    buf_done(&bytes);
}

static size_t start_of(unsigned record)
{
    size_t at = SEGMENT_HEAD_BYTES;
    for (unsigned i = 0; i < record; i++) {
        at += SEGMENT_RECORD_BYTES + text_of(i).len;
    }
    return at;
}

/* Reads all there is; each record must be what its number says. */
static void read_on(struct str bytes, unsigned *read, uint64_t *lost, size_t *left)
{
    struct segment_reader r;
    uint64_t number, more;
    struct str payload;
    *read = 0;
    *lost = 0;
    assert_null(segment_open(&r, bytes));
    do {
        while (segment_next(&r, &number, &payload)) {
            assert_true(str_eq(payload, text_of((unsigned)(number - FIRST))));
            (*read)++;
        }
        more = segment_skip(&r);
        *lost += more;
    } while (more > 0);
    *left = r.left.len;
}

/* Damage costs what it has touched, be it a length or a whole sector: the numbers of the others stay
 * theirs. At the end it may as well be a torn tail. */
static void steps_over_what_is_damaged_between_whole_records(void **state)
{
    (void)state;
    struct buf bytes;
    sample(&bytes);
    for (unsigned from = 0; from < RECORDS; from++) {
        for (unsigned to = from + 1; to <= RECORDS; to++) {
            static const unsigned char kinds[] = {0, 0xff, 0x5a};
            for (size_t kind = 0; kind < sizeof kinds; kind++) {
                struct buf copy;
                unsigned read;
                uint64_t lost;
                size_t left, begins = start_of(from), ends = start_of(to);
                buf_init(&copy, 1 << 20);
                buf_add_str(&copy, buf_str(&bytes));
                memset(copy.at + begins, kinds[kind], ends - begins);
                read_on(buf_str(&copy), &read, &lost, &left);
                assert_int_equal(read, RECORDS - (to - from));
                assert_int_equal(lost, to == RECORDS ? 0 : to - from);
                assert_int_equal(left, to == RECORDS ? ends - begins : 0);
                buf_done(&copy);
            }
        }
    }
    buf_done(&bytes);
}

/* A record in the middle with any bit turned: one is lost, no other. */
static void one_turned_bit_costs_one_record(void **state)
{
    (void)state;
    struct buf bytes;
    sample(&bytes);
    for (size_t bit = start_of(2) * 8; bit < start_of(3) * 8; bit++) {
        unsigned read;
        uint64_t lost;
        size_t left;
        bytes.at[bit / 8] = (char)(bytes.at[bit / 8] ^ 1 << bit % 8);
        read_on(buf_str(&bytes), &read, &lost, &left);
        assert_int_equal(read, RECORDS - 1);
        assert_int_equal(lost, 1);
        assert_int_equal(left, 0);
        bytes.at[bit / 8] = (char)(bytes.at[bit / 8] ^ 1 << bit % 8);
    }
    buf_done(&bytes);
}

/* A segment of these payloads, the last two damaged, of one that is whole, and a torn one. */
static void read_damaged(const struct str payloads[3], unsigned *read, uint64_t *lost)
{
    struct room room = open_room();
    struct segment s = create(&room);
    struct buf b, bytes;
    struct segment_reader r;
    uint64_t number, more;
    struct str payload;
    buf_init(&b, 32 << 20);
    for (unsigned i = 0; i < 3; i++) {
        put(&b, SALT, FIRST + i, payloads[i]);
        b.at[b.len - 1] = (char)(b.at[b.len - 1] ^ (i > 0)); /* of its payload */
    }
    put(&b, SALT, FIRST + 3, STR("whole"));
    put(&b, SALT, FIRST + 4, payloads[2]);
    assert_null(segment_write(&s, str_head(buf_str(&b), b.len - 1))); /* torn */
    buf_done(&b);
    segment_close(&s);
    load(&room, s.name, &bytes);
    assert_null(segment_open(&r, buf_str(&bytes)));
    *read = 0;
    *lost = 0;
    do {
        while (segment_next(&r, &number, &payload)) {
            assert_true(str_eq(payload, number == FIRST ? payloads[0] : STR("whole")));
            (*read)++;
        }
        more = segment_skip(&r);
        *lost += more;
    } while (more > 0);
    buf_done(&bytes);
    close_room(&room, s.name);
}

/* A sender knows the form of a record, guesses its number, and has the file of another outage. */
static void a_record_in_a_payload_is_no_record(void **state)
{
    (void)state;
    static const uint32_t salts[] = {0, SALT + 1, SALT ^ 0x80000000, UINT32_MAX};
    for (size_t i = 0; i < sizeof salts / sizeof *salts; i++) {
        struct buf forged;
        unsigned read;
        uint64_t lost;
        buf_init(&forged, 1 << 16);
        buf_add_str(&forged, STR("{\"a\":\""));
        for (unsigned n = 0; n < 9; n++) {
            put(&forged, salts[i], FIRST + n, STR("an event of another source"));
        }
        struct str text = buf_str(&forged);
        read_damaged((struct str[3]){text, text, text}, &read, &lost);
        assert_int_equal(read, 2);
        assert_int_equal(lost, 2);
        buf_done(&forged);
    }
}

/* 8 MiB of small integers: each looks like the head of a record with a long payload. */
static void what_looks_like_heads_is_passed_in_no_time(void **state)
{
    (void)state;
    static const struct {
        size_t stride, length, number;
    } forms[] = {{8, 0, 0}, {12, 0, 4}, {16, 0, 8}}; /* the last is the first version's */
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t n = (8 << 20) / forms[i].stride * forms[i].stride;
        unsigned char *body = calloc(1, n);
        assert_non_null(body);
        for (size_t at = 0; at < n; at += forms[i].stride) {
            little_put32(body + at + forms[i].length, 300000);
            little_put64(body + at + forms[i].number, 300000);
        }
        unsigned read;
        uint64_t lost;
        struct str text = {(char *)body, n};
        clock_t began = clock();
        read_damaged((struct str[3]){STR("1"), STR("2"), text}, &read, &lost);
        assert_true(clock() - began < 2 * CLOCKS_PER_SEC); /* of CPU time; it was minutes */
        assert_int_equal(read, 2);
        assert_int_equal(lost, 2);
        free(body);
    }
}

/* What a crash leaves of a record ends before the record does; what a disk has damaged does not. */
static void tells_a_torn_record_from_a_damaged_one(void **state)
{
    (void)state;
    struct buf bytes;
    sample(&bytes);
    size_t begins = SEGMENT_HEAD_BYTES + SEGMENT_RECORD_BYTES; /* of record 1, after an empty one */
    size_t ends = begins + SEGMENT_RECORD_BYTES + text_of(1).len;
    for (size_t n = begins; n <= ends; n++) {
        struct segment_reader r;
        uint64_t number;
        struct str payload;
        assert_null(segment_open(&r, str_head(buf_str(&bytes), n)));
        assert_true(segment_next(&r, &number, &payload));
        assert_int_equal(segment_is_torn(&r), n < ends);
        for (size_t at = begins; at < n && n >= begins + SEGMENT_RECORD_BYTES; at++) {
            bytes.at[at] = (char)(bytes.at[at] ^ 0x10);
            bool in_head = at < begins + 16;
            assert_int_equal(segment_is_torn(&r), n < ends && !in_head);
            bytes.at[at] = (char)(bytes.at[at] ^ 0x10);
        }
    }
    buf_done(&bytes);
}

/* After a power cut a file may end in zeros that were to become records. */
static void a_hole_is_no_record(void **state)
{
    (void)state;
    struct buf bytes;
    char zeros[64] = {0};
    size_t left;
    sample(&bytes);
    buf_add(&bytes, zeros, sizeof zeros);
    assert_int_equal(count_records(buf_str(&bytes), &left), RECORDS);
    assert_int_equal(left, sizeof zeros);
    buf_done(&bytes);
}

static void refuses_what_it_cannot_know(void **state)
{
    (void)state;
    struct buf bytes;
    struct segment_reader r;
    assert_ptr_equal(segment_open(&r, STR("PENSPOOK")), SEGMENT_FOREIGN);
    assert_ptr_equal(segment_open(&r, STR("a note of the operator's that is longer than a head")),
                     SEGMENT_FOREIGN);
    sample(&bytes);
    little_put32((unsigned char *)bytes.at + 8, 3); /* whatever else that version may change */
    assert_ptr_equal(segment_open(&r, buf_str(&bytes)), SEGMENT_LATER);
    assert_ptr_equal(segment_open(&r, str_head(buf_str(&bytes), 12)), SEGMENT_LATER);
    little_put32((unsigned char *)bytes.at + 8, 1);
    assert_ptr_equal(segment_open(&r, buf_str(&bytes)), SEGMENT_FOREIGN);
    little_put32((unsigned char *)bytes.at + 32, crc32c(0, bytes.at, 32));
    assert_ptr_equal(segment_open(&r, buf_str(&bytes)), SEGMENT_EARLIER);
    buf_done(&bytes);
}

static void a_failed_sync_cuts_the_file_back(void **state)
{
    (void)state;
    struct room room = open_room();
    struct segment s = create(&room);
    struct buf b, bytes;
    size_t left;
    write_records(&s, 0, 2);
    uint64_t before = s.bytes;
    buf_init(&b, 1 << 16);
    put_records(&b, 2, 4);
    fail_sync = 1;
    assert_string_equal(segment_write(&s, buf_str(&b)), strerror(EIO));
    assert_int_equal(fail_sync, 0);
    assert_int_equal(s.bytes, before);
    buf_done(&b);
    segment_close(&s);
    load(&room, s.name, &bytes);
    assert_int_equal(bytes.len, before);
    assert_int_equal(count_records(buf_str(&bytes), &left), 2);
    buf_done(&bytes);
    close_room(&room, s.name);
}

static void a_failed_start_leaves_nothing(void **state)
{
    (void)state;
    struct room room = open_room();
    struct segment s;
    fail_sync = 1;
    assert_string_equal(segment_create(&s, room.dir, SALT, JOURNAL, FIRST), strerror(EIO));
    assert_int_equal(s.fd, -1);
    close_room(&room, NULL);
}

/* As on a full disk: a part of it is written, then no more. */
static void a_write_without_room_is_cut_back(void **state)
{
    (void)state;
    struct room room = open_room();
    struct segment s = create(&room);
    struct rlimit before, small = {SEGMENT_HEAD_BYTES + 20, RLIM_INFINITY};
    struct buf b, bytes;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    buf_init(&b, 1 << 16);
    put_records(&b, 0, RECORDS);
    const char *why = segment_write(&s, buf_str(&b));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_string_equal(why, strerror(EFBIG));
    buf_done(&b);
    segment_close(&s);
    load(&room, s.name, &bytes);
    assert_int_equal(bytes.len, SEGMENT_HEAD_BYTES);
    buf_done(&bytes);
    close_room(&room, s.name);
}

static void never_writes_over_a_segment(void **state)
{
    (void)state;
    struct room room = open_room();
    struct segment s = create(&room), again;
    assert_string_equal(segment_create(&again, room.dir, SALT, JOURNAL, FIRST), strerror(EEXIST));
    segment_close(&s);
    close_room(&room, s.name);
}

static void knows_its_names(void **state)
{
    (void)state;
    static const char *const others[] = {"",
                                         ".segment",
                                         "123456789-0000000000041.segment.old",
                                         "12345678-00000000000041.segment",
                                         "12345678g-0000000000041.segment",
                                         "123456789-000000000004x.segment",
                                         "123456789_0000000000041.segment"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(segment_is_named(others[i]));
    }
    struct room room = open_room();
    struct buf none;
    buf_init(&none, 100);
    assert_string_equal(segment_load(room.dir, "123456789-0000000000041.segment", &none),
                        strerror(ENOENT));
    close_room(&room, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_back_what_was_written),
        cmocka_unit_test(cuts_the_torn_tail_at_every_byte),
        cmocka_unit_test(ends_at_a_record_with_any_bit_turned),
        cmocka_unit_test(steps_over_what_is_damaged_between_whole_records),
        cmocka_unit_test(one_turned_bit_costs_one_record),
        cmocka_unit_test(a_record_in_a_payload_is_no_record),
        cmocka_unit_test(what_looks_like_heads_is_passed_in_no_time),
        cmocka_unit_test(tells_a_torn_record_from_a_damaged_one),
        cmocka_unit_test(a_hole_is_no_record),
        cmocka_unit_test(refuses_what_it_cannot_know),
        cmocka_unit_test(a_failed_sync_cuts_the_file_back),
        cmocka_unit_test(a_failed_start_leaves_nothing),
        cmocka_unit_test(a_write_without_room_is_cut_back),
        cmocka_unit_test(never_writes_over_a_segment),
        cmocka_unit_test(knows_its_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
