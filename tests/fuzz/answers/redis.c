/* The Redis of the driver `answers`. Also everything that a run must find the same each time: the
 * clock, chance, and where a connection goes to (never out of this process). */
#include "redis.h"

#include "base/buf.h"
#include "base/log.h"
#include "relay/journal.h"

#include <errno.h>
#include <hiredis/async.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PEERS = 32, BOOKS = 16, WAITING = 256, DEPTH = 6, SAID_MOST = 1 << 20, OUT_MOST = 4 << 20 };

/* --- clock and chance */

#define WALL_MS 1700000000000 /* of the day at clock_ms 0 */

int64_t clock_ms;
static uint64_t chance;

static void put_time(struct timespec *t, int64_t ms)
{
    t->tv_sec = ms / 1000;
    t->tv_nsec = ms % 1000 * 1000000;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
    put_time(t, id == CLOCK_REALTIME ? WALL_MS + clock_ms : clock_ms);
    return 0;
}

/* libuv's, which is a library of its own; whoever measures us asks for other clocks. */
int clock_gettime(clockid_t id, struct timespec *t)
{
    if (id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_COARSE) {
        put_time(t, clock_ms);
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, id, t);
}

uint64_t __wrap_crypt_random_u64(void);
uint64_t __wrap_crypt_random_u64(void)
{
    chance += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t z = chance;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void __wrap_crypt_random(void *out, size_t n);
void __wrap_crypt_random(void *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ((unsigned char *)out)[i] = (unsigned char)__wrap_crypt_random_u64();
    }
}

/* --- connections */

struct peer {
    int fd; /* -1: none */
    redisReader *questions;
    unsigned loaded; /* scripts */
    struct buf out;
    bool multi; /* between MULTI and EXEC: what that will answer */
    unsigned queued;
    struct buf inside;
};

static struct peer peers[PEERS];
static unsigned peer_count, knocking;
static int listener = -1;
static struct sockaddr_un address = {.sun_family = AF_UNIX};

/* Whatever name or address it was. */
bool __wrap_resolve_literal(struct str host, struct sockaddr_storage *out);
bool __wrap_resolve_literal(struct str host, struct sockaddr_storage *out)
{
    (void)host;
    struct sockaddr_in *in = (struct sockaddr_in *)(void *)out;
    *in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    return true;
}

redisAsyncContext *__real_redisAsyncConnectWithOptions(const redisOptions *options);
redisAsyncContext *__wrap_redisAsyncConnectWithOptions(const redisOptions *options);
redisAsyncContext *__wrap_redisAsyncConnectWithOptions(const redisOptions *options)
{
    redisOptions here = *options;
    REDIS_OPTIONS_SET_UNIX(&here, address.sun_path);
    knocking++;
    return __real_redisAsyncConnectWithOptions(&here);
}

static void forget_socket(void)
{
    unlink(address.sun_path);
}

void redis_open(void)
{
    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/penstock-fuzz-%ld", (long)getpid());
    unlink(address.sun_path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ENSURE(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
    ENSURE(listen(listener, 128) == 0);
    atexit(forget_socket);
}

static void hang_up(struct peer *p)
{
    if (p->fd >= 0) {
        close(p->fd);
        redisReaderFree(p->questions);
        buf_done(&p->out);
        buf_done(&p->inside);
        p->fd = -1;
    }
}

static void take_connections(void)
{
    int fd;
    while (knocking > 0 && (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        knocking--;
        unsigned i = 0;
        while (i < peer_count && peers[i].fd >= 0) {
            i++;
        }
        if (i == PEERS) { /* as at maxclients */
            close(fd);
            continue;
        }
        peer_count += i == peer_count;
        peers[i] = (struct peer){.fd = fd, .questions = redisReaderCreate()};
        ENSURE(peers[i].questions != NULL);
        buf_init(&peers[i].out, OUT_MOST);
        buf_init(&peers[i].inside, OUT_MOST);
    }
    knocking = 0;
}

/* --- journals, as far as their answers go on from each other */

struct book {
    char name[12], owner[48], version[64];
    uint64_t top, from; /* from: entries below it are nobody's */
    bool sealed;
};

static struct book books[BOOKS];
static unsigned book_count;

/* One that nobody asked for yet was left by another node, with nine entries. */
static struct book *book_of(struct str key)
{
    struct str before, rest, name, behind;
    if (!str_cut(key, '{', &before, &rest) || !str_cut(rest, '}', &name, &behind)) {
        name = STR_NONE;
    }
    for (unsigned i = 0; i < book_count; i++) {
        if (str_eq(str_of(books[i].name), name)) {
            return &books[i];
        }
    }
    book_count += book_count < BOOKS;
    struct book *b = &books[book_count - 1];
    *b = (struct book){.owner = "free", .version = "v", .top = 9, .from = 1};
    text_copy(b->name, sizeof b->name, name);
    return b;
}

/* --- questions */

struct question {
    char letter;
    size_t argc;
    struct str argv[96]; /* what is beyond is not looked at */
    struct book *book;
    struct peer *peer;
};

/* First word, a second one, and how the key ends; NULL: any. */
static const struct {
    char letter;
    const char *word, *second, *ending;
} table[] = {
    {'a', "XADD", NULL, NULL},
    {'R', "SCRIPT", NULL, NULL},
    {'i', "INFO", "everything", NULL},
    {'j', "INFO", "server", NULL},
    {'k', "INFO", NULL, NULL},
    {'c', "CONFIG", NULL, NULL},
    {'d', "HGETALL", NULL, "destinations"},
    {'n', "HGETALL", NULL, "nodes"},
    {'u', "HGETALL", NULL, "usage"},
    {'s', "HGETALL", NULL, "settled"},
    {'f', "HGETALL", NULL, NULL},
    {'l', "SMEMBERS", NULL, "live"},
    {'b', "SMEMBERS", NULL, NULL},
    {'e', "HMGET", NULL, NULL},
    {'g', "GET", NULL, NULL},
    {'h', "HEXISTS", NULL, NULL},
    {'m', "MEMORY", NULL, NULL},
    {'o', "ZRANGEBYSCORE", NULL, NULL}, /* parked; 'q' dead */
    {'t', "ZRANGE", NULL, NULL},        /* parked; 'v' dead */
    {'z', "ZSCORE", NULL, NULL},
    {'Q', "ZCARD", NULL, NULL},
    {'r', "XRANGE", NULL, NULL}, /* a page; 'x' one entry */
    {'y', "HGET", NULL, NULL},
    {'w', "WAIT", NULL, NULL},
    {'W', "WAITAOF", NULL, NULL},
    {'S', "SCAN", NULL, NULL},
    {'T', "CLUSTER", "INFO", NULL},
    {'U', "CLUSTER", "SLOTS", NULL},
    {'Z', "SENTINEL", NULL, NULL},
    {'X', "SUBSCRIBE", NULL, NULL},
    {'p', "PING", NULL, NULL},
    {'P', "AUTH", NULL, NULL},
    {'(', "MULTI", NULL, NULL},
    {')', "EXEC", NULL, NULL},
    {'%', "DISCARD", NULL, NULL},
    {'Y', NULL, NULL, NULL},
};

/* In the order of enum script_id. */
static const char scripts[] = "ABCDEFGHIJKLMNO<V";
_Static_assert(sizeof scripts - 1 == SCRIPT_COUNT, "a letter each");

static char letter_of_script(const struct question *q)
{
    uint64_t id = SCRIPT_COUNT;
    (void)!text_u64(q->argv[1], SCRIPT_COUNT, &id);
    return id < SCRIPT_COUNT ? scripts[id] : '?';
}

static char letter_of(const struct question *q)
{
    if (str_eq(q->argv[0], STR("EVALSHA"))) {
        return letter_of_script(q);
    }
    size_t i = 0;
    while (table[i].word != NULL &&
           (!str_eq(q->argv[0], str_of(table[i].word)) ||
            (table[i].second != NULL && !str_eq(q->argv[1], str_of(table[i].second))) ||
            (table[i].ending != NULL && !str_ends(q->argv[1], str_of(table[i].ending))))) {
        i++;
    }
    bool dead = false;
    for (size_t k = 0; k + 5 <= q->argv[1].len; k++) {
        dead |= str_starts(str_from(q->argv[1], k), STR("dead:"));
    }
    char c = table[i].letter;
    return c == 'o' && dead ? 'q' : c == 't' && dead ? 'v' : c == 'r' && q->argc < 6 ? 'x' : c;
}

/* --- what waits to be answered */

struct waiting {
    char letter, part;
    bool for_ever, used;
    struct str values;
};

static struct waiting waiting[WAITING];
static unsigned waiting_count;

struct str redis_prepare(struct str text)
{
    struct waiting *w = NULL;
    while (text.len > 0 && text.at[0] != '!') {
        struct str line, rest;
        str_cut(text, '\n', &line, &rest);
        if (line.len >= 3 && line.at[0] == '?' && waiting_count < WAITING) {
            w = &waiting[waiting_count++];
            *w = (struct waiting){
                line.at[1], line.at[2], line.len > 3 && line.at[3] == '!', false, {rest.at, 0}};
        } else if (w != NULL) {
            w->values.len = (size_t)(line.at + line.len - w->values.at);
        }
        text = rest;
    }
    return text;
}

static struct waiting *find_waiting(char letter, char part)
{
    for (unsigned i = 0; i < waiting_count; i++) {
        struct waiting *w = &waiting[i];
        if (!w->used && w->letter == letter && w->part == part) {
            w->used = !w->for_ever;
            return w;
        }
    }
    return NULL;
}

static void put_word(struct buf *out, const struct question *q, char c)
{
    const struct book *b = q->book;
    switch (c) {
    case 'r':
        buf_add_char(out, '\r');
        break;
    case 'n':
        buf_add_char(out, '\n');
        break;
    case '0':
        buf_add_char(out, '\0');
        break;
    case 'o':
        buf_add_str(out, str_of(b->owner));
        break;
    case 'v':
        buf_add_str(out, str_of(b->version));
        break;
    case 'V':
        buf_add_str(out, q->argc > 11 ? q->argv[11] : STR_NONE);
        break;
    case 't':
        buf_add_u64(out, b->top);
        break;
    case 'j':
        buf_add_str(out, str_of(b->name));
        break;
    default:
        buf_add_char(out, c);
        break;
    }
}

static void unescape(struct buf *out, const struct question *q, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\\' && i + 1 < s.len) {
            put_word(out, q, s.at[++i]);
        } else {
            buf_add_char(out, s.at[i]);
        }
    }
}

static void add_bulk(struct buf *out, struct str s)
{
    buf_printf(out, "$%zu\r\n", s.len);
    buf_add_str(out, s);
    buf_add_str(out, STR("\r\n"));
}

static unsigned add_values(struct buf *out, const struct question *q, struct str *text,
                           unsigned depth, unsigned most);

static void add_array(struct buf *out, const struct question *q, struct str *text, unsigned depth)
{
    struct buf inside;
    buf_init(&inside, OUT_MOST);
    unsigned n = add_values(&inside, q, text, depth + 1, UINT32_MAX);
    buf_printf(out, "*%u\r\n", n);
    buf_add_str(out, buf_str(&inside));
    buf_done(&inside);
}

/* False: it is no value. */
static bool add_value(struct buf *out, const struct question *q, struct str line)
{
    struct buf value;
    char kind = line.len > 0 ? line.at[0] : '\0';
    if (kind == '\0' || strchr("$:+-=_", kind) == NULL) {
        return false;
    }
    buf_init(&value, OUT_MOST);
    unescape(&value, q, str_from(line, 1));
    if (kind == '$') {
        add_bulk(out, buf_str(&value));
    } else if (kind == '_') {
        buf_add_str(out, STR("$-1\r\n"));
    } else if (kind == '=') {
        buf_add_str(out, buf_str(&value));
    } else {
        buf_add_char(out, kind);
        buf_add_str(out, buf_str(&value));
        buf_add_str(out, STR("\r\n"));
    }
    buf_done(&value);
    return true;
}

/* How many there were, at most so many, up to a bracket that closes. */
static unsigned add_values(struct buf *out, const struct question *q, struct str *text,
                           unsigned depth, unsigned most)
{
    unsigned n = 0;
    while (text->len > 0 && n < most) {
        struct str line;
        str_cut(*text, '\n', &line, text);
        if (line.len > 0 && line.at[0] == ']') {
            break;
        }
        if (line.len > 0 && line.at[0] == '[' && depth < DEPTH) {
            add_array(out, q, text, depth);
            n++;
        } else {
            n += add_value(out, q, line);
        }
    }
    return n;
}

/* --- answering: whole, or element by element */

struct answering {
    const struct question *q;
    struct buf *out;
    unsigned part;
};

static bool is_replaced(struct answering *a, char part)
{
    struct waiting *w = find_waiting(a->q->letter, part);
    struct str text = w == NULL ? STR_NONE : w->values;
    return w != NULL && add_values(a->out, a->q, &text, 0, 1) > 0;
}

/* The next element is to be told by us. */
static bool is_ours(struct answering *a)
{
    unsigned part = a->part++;
    return part > 9 || !is_replaced(a, (char)('0' + part));
}

static void say_list(struct answering *a, unsigned n)
{
    buf_printf(a->out, "*%u\r\n", n);
}

static void say(struct answering *a, struct str s)
{
    if (is_ours(a)) {
        add_bulk(a->out, s);
    }
}

static void say_text(struct answering *a, const char *text)
{
    say(a, str_of(text));
}

static void say_number(struct answering *a, uint64_t v)
{
    char text[20];
    say(a, (struct str){text, text_put_u64(text, v)});
}

static void say_wire(struct answering *a, const char *bytes)
{
    if (is_ours(a)) {
        buf_add_str(a->out, str_of(bytes));
    }
}

/* --- what the scripts do (relay/lua), and answer */

static void say_state(struct answering *a, const char *word, unsigned more)
{
    const struct book *b = a->q->book;
    say_list(a, 5 + more);
    say_text(a, word);
    say_text(a, b->owner);
    say_text(a, b->version);
    say_number(a, b->top);
    say_wire(a, b->sealed ? ":1\r\n" : ":0\r\n");
}

static void say_time(struct answering *a)
{
    say_number(a, (uint64_t)(WALL_MS + clock_ms) / 1000);
    say_number(a, (uint64_t)(clock_ms % 1000) * 1000);
}

static void set(char *to, size_t size, struct str from)
{
    text_copy(to, size, from);
}

static void create(struct answering *a, struct str token)
{
    struct book *b = a->q->book;
    set(b->owner, sizeof b->owner, token);
    snprintf(b->version, sizeof b->version, "%s:0", b->owner);
    b->top = 1;
    b->sealed = false;
    say_state(a, "ok", 2);
    say_time(a);
}

static void renew(struct answering *a, bool mine)
{
    say_state(a, mine ? "ok" : "lost", 3);
    say_time(a);
    say_wire(a, "*0\r\n");
}

static void take(struct answering *a, const struct str *args, size_t n)
{
    struct book *b = a->q->book;
    bool mine = strcmp(b->owner, "free") == 0;
    for (size_t i = 2; i < n; i++) {
        mine |= str_eq(str_of(b->owner), args[i]);
    }
    if (!mine) {
        say_state(a, "lost", 0);
        return;
    }
    set(b->owner, sizeof b->owner, args[0]);
    say_state(a, "ok", 2);
    say_time(a);
}

static void commit(struct answering *a, const struct str *args, size_t n, bool mine)
{
    struct book *b = a->q->book;
    bool done = n > 2 && str_eq(str_of(b->version), args[2]);
    bool fits = n > 2 && str_eq(str_of(b->version), args[1]);
    if (mine && fits) {
        set(b->version, sizeof b->version, args[2]);
    }
    say_state(a, !mine ? "lost" : done || fits ? "ok" : "version", 0);
}

/* All that it was sent it has. */
static void mark(struct answering *a, const struct str *args, size_t n)
{
    struct book *b = a->q->book;
    uint64_t marker = 0, first = 0;
    (void)!text_u64(n > 1 ? args[1] : STR_NONE, UINT64_MAX, &marker);
    (void)!text_u64(n > 2 ? args[2] : STR_NONE, UINT64_MAX, &first);
    b->top = marker > b->top ? marker : b->top;
    say_state(a, "ok", 1);
    if (is_ours(a)) {
        uint64_t count = marker - first < 64 ? marker - first + 1 : 0;
        buf_printf(a->out, "*%llu\r\n", (unsigned long long)count);
        for (uint64_t i = 0; i < count; i++) {
            char text[20];
            add_bulk(a->out, (struct str){text, text_put_u64(text, first + i)});
        }
    }
}

static void seal(struct answering *a, bool mine, bool frees)
{
    struct book *b = a->q->book;
    b->sealed |= mine;
    if (mine && frees) {
        set(b->owner, sizeof b->owner, STR("free"));
    }
    say_state(a, mine ? "ok" : "lost", 0);
}

static void run_script(struct answering *a)
{
    const struct question *q = a->q;
    struct book *b = q->book;
    size_t at = str_eq(q->argv[2], STR("6")) ? 9 : 4, n = q->argc > at ? q->argc - at : 0;
    const struct str *args = q->argv + at;
    struct str token = n > 0 ? args[0] : STR_NONE;
    bool mine = str_eq(str_of(b->owner), token);
    switch (q->letter) {
    case 'A':
        create(a, token);
        break;
    case 'B':
        renew(a, mine);
        break;
    case 'C':
        take(a, args, n);
        break;
    case 'D':
    case 'H':
        seal(a, mine, q->letter == 'H');
        break;
    case 'E':
    case 'F':
        commit(a, args, n, mine);
        break;
    case 'G':
        mark(a, args, n);
        break;
    case 'K':
        say_state(a, "ok", 1);
        say(a, n > 2 ? args[2] : STR_NONE);
        break;
    case 'L':
        say_state(a, "ok", 2);
        say_text(a, "0");
        say_wire(a, ":0\r\n");
        break;
    case 'M':
        say_text(a, b->owner);
        break;
    case '<':
        say_state(a, "ok", 5);
        say_text(a, "");
        say_wire(a, ":0\r\n");
        for (int i = 0; i < 3; i++) {
            say_wire(a, "*0\r\n");
        }
        break;
    case 'V':
        say_wire(a, "$-1\r\n");
        break;
    case 'I':
    case 'J':
        say_state(a, "ok", 0);
        break;
    case '?':
        say_wire(a, "-NOSCRIPT No matching script. Please use EVAL.\r\n");
        break;
    default:
        say_wire(a, ":1\r\n");
        break;
    }
}

/* --- and the other commands */

static const char INFO[] = "# Server\r\nredis_version:7.2.5\r\nrun_id:0123456789abcdef\r\n"
                           "role:master\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n"
                           "cluster_enabled:0\r\n";

static void say_config(struct answering *a)
{
    static const char *const pairs[] = {
        "appendonly", "yes", "appendfsync", "always", "no-appendfsync-on-rewrite", "no"};
    say_list(a, 6);
    for (int i = 0; i < 6; i++) {
        say_text(a, pairs[i]);
    }
}

static void say_field(struct answering *a, struct str name)
{
    say_text(a, str_eq(name, STR("e")) ? "018bcfe5-6800-7000-8000-0100000000ff 1700000000000 "
                                         "s POST /hooks/s\ncontent-type: text/plain\r\n"
                : str_starts(name, STR("d:")) ? "1 1699999999000 1699999999000 1700000000000 "
                                                "1699999999000 503 0 status_5xx"
                                              : "body");
}

static void say_fields(struct answering *a)
{
    size_t n = a->q->argc - 2;
    say_list(a, (unsigned)n);
    for (size_t i = 0; i < n; i++) {
        say_field(a, a->q->argv[2 + i]);
    }
}

static void say_pairs(struct answering *a)
{
    static const char *const names[] = {"e", "b", "d:a"};
    say_list(a, 6);
    for (int i = 0; i < 3; i++) {
        say_text(a, names[i]);
        say_field(a, str_of(names[i]));
    }
}

static void say_settled(struct answering *a)
{
    say_list(a, 4);
    say_text(a, "low");
    say_text(a, "1");
    say_text(a, "version");
    say_text(a, a->q->book->version);
}

/* XADD takes what grows. */
static void append(struct answering *a)
{
    struct book *b = a->q->book;
    struct str number, rest;
    uint64_t n = 0;
    str_cut(a->q->argc > 3 ? a->q->argv[3] : STR_NONE, '-', &number, &rest);
    if (text_u64(number, UINT64_MAX, &n) != NULL || n <= b->top || b->sealed) {
        say_wire(a, "-ERR The ID specified in XADD is equal or smaller than the target stream top "
                    "item\r\n");
        return;
    }
    b->top = n;
    say(a, a->q->argv[3]);
}

static void load_script(struct answering *a)
{
    char sha[41];
    snprintf(sha, sizeof sha, "%040u", a->q->peer->loaded++ % SCRIPT_COUNT);
    say_text(a, sha);
}

static void end_transaction(struct peer *p)
{
    buf_clear(&p->inside);
    p->multi = false;
    p->queued = 0;
}

static void execute(struct answering *a)
{
    struct peer *p = a->q->peer;
    say_list(a, p->queued);
    buf_add_str(a->out, buf_str(&p->inside));
    end_transaction(p);
}

static void run_command(struct answering *a)
{
    static const char *const plain[128] = {
        ['l'] = "*0\r\n",
        ['b'] = "*0\r\n",
        ['d'] = "*0\r\n",
        ['n'] = "*0\r\n",
        ['u'] = "*0\r\n",
        ['o'] = "*0\r\n",
        ['q'] = "*0\r\n",
        ['t'] = "*0\r\n",
        ['v'] = "*0\r\n",
        ['r'] = "*0\r\n",
        ['x'] = "*0\r\n",
        ['g'] = "$-1\r\n",
        ['y'] = "$-1\r\n",
        ['z'] = "$-1\r\n",
        ['Q'] = ":0\r\n",
        ['h'] = ":1\r\n",
        ['m'] = ":1000\r\n",
        ['w'] = ":1\r\n",
        ['W'] = "*2\r\n:1\r\n:1\r\n",
        ['S'] = "*2\r\n$1\r\n0\r\n*0\r\n",
        ['p'] = "+PONG\r\n",
        ['P'] = "+OK\r\n",
        ['Y'] = ":1\r\n",
        ['U'] = "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:6379\r\n",
        ['Z'] = "*2\r\n$9\r\n127.0.0.1\r\n$4\r\n6379\r\n",
        ['X'] = "*3\r\n$9\r\nsubscribe\r\n$14\r\n+switch-master\r\n:1\r\n",
    };
    switch (a->q->letter) {
    case 'a':
        append(a);
        break;
    case 'R':
        load_script(a);
        break;
    case 'i':
    case 'j':
    case 'k':
        say_text(a, INFO);
        break;
    case 'c':
        say_config(a);
        break;
    case 'e':
        say_fields(a);
        break;
    case 'f':
        say_pairs(a);
        break;
    case 's':
        say_settled(a);
        break;
    case '(':
        a->q->peer->multi = true;
        say_wire(a, "+OK\r\n");
        break;
    case ')':
        execute(a);
        break;
    case '%':
        end_transaction(a->q->peer);
        say_wire(a, "+OK\r\n");
        break;
    case 'T':
        say_text(a, "cluster_state:ok\r\ncluster_current_epoch:1\r\n");
        break;
    default:
        say_wire(a, plain[(unsigned char)a->q->letter & 127]);
        break;
    }
}

/* The key of a journal is the second word, or a script's first key. */
static struct book *asked_about(const struct question *q)
{
    size_t at = str_starts(q->argv[0], STR("EVAL")) ? 3 : 1;
    return book_of(at < q->argc ? q->argv[at] : STR_NONE);
}

static void answer(struct peer *p, const redisReply *r)
{
    struct question q = {.peer = p, .argc = r->elements};
    q.argc = q.argc < 96 ? q.argc : 96;
    ENSURE(r->type == REDIS_REPLY_ARRAY && q.argc > 0);
    for (size_t i = 0; i < q.argc; i++) {
        ENSURE(r->element[i]->type == REDIS_REPLY_STRING); /* it is ours that are read here */
        q.argv[i] = (struct str){r->element[i]->str, r->element[i]->len};
    }
    q.letter = letter_of(&q);
    q.book = asked_about(&q);
    struct answering a = {.q = &q, .out = &p->out};
    if (p->multi && q.letter != ')' && q.letter != '%') {
        buf_add_str(&p->out, STR("+QUEUED\r\n"));
        p->queued++;
        a.out = &p->inside;
    }
    if (is_replaced(&a, '*')) {
        return;
    }
    if (q.letter == '?' || memchr(scripts, q.letter, SCRIPT_COUNT) != NULL) {
        run_script(&a);
    } else {
        run_command(&a);
    }
}

/* --- to and fro */

static char said[SAID_MOST];
static size_t said_bytes;

static void remember(const char *bytes, size_t n)
{
    size_t most = SAID_MOST - said_bytes;
    memcpy(said + said_bytes, bytes, n < most ? n : most);
    said_bytes += n < most ? n : most;
}

bool redis_said(struct str text)
{
    return text.len == 0 || said_bytes == SAID_MOST ||
           memmem(said, said_bytes, text.at, text.len) != NULL;
}

static bool send_answers(struct peer *p)
{
    if (p->out.len == 0) {
        return false;
    }
    ssize_t n = send(p->fd, p->out.at, p->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
        return false; /* full, or gone: the next reading tells */
    }
    remember(p->out.at, (size_t)n);
    memmove(p->out.at, p->out.at + n, p->out.len - (size_t)n);
    p->out.len -= (size_t)n;
    return true;
}

static bool read_questions(struct peer *p)
{
    static char bytes[1 << 16];
    ssize_t n = recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        hang_up(p);
        return true;
    }
    if (n < 0) {
        return false;
    }
    void *question = NULL;
    ENSURE(redisReaderFeed(p->questions, bytes, (size_t)n) == REDIS_OK);
    while (redisReaderGetReply(p->questions, &question) == REDIS_OK && question != NULL) {
        answer(p, question);
        freeReplyObject(question);
    }
    ENSURE(p->questions->err == 0);
    return true;
}

bool redis_silent;

bool redis_turn(void)
{
    bool did = knocking > 0;
    take_connections();
    for (unsigned i = 0; i < peer_count && !redis_silent; i++) {
        if (peers[i].fd >= 0) {
            did |= read_questions(&peers[i]);
        }
        if (peers[i].fd >= 0) {
            did |= send_answers(&peers[i]);
        }
    }
    return did;
}

void redis_hang_up(unsigned which)
{
    for (unsigned i = 0; i < peer_count; i++) {
        if (which == 0 || which == i + 1) {
            hang_up(&peers[i]);
        }
    }
}

void redis_begin(void)
{
    clock_ms = 1000000;
    chance = 1;
    peer_count = knocking = book_count = waiting_count = 0;
    said_bytes = 0;
    redis_silent = false;
}

void redis_end(void)
{
    int fd;
    redis_hang_up(0);
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        close(fd);
    }
}
