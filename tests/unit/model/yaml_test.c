/* The YAML layer: what becomes of text, and what is refused. */
#include "memory.h"
#include "room.h"

#include "base/crypt.h"
#include "model/yaml.h"

static bool is_secret(struct str key, struct str value)
{
    (void)value;
    return str_eq(key, STR("secret"));
}

struct tree {
    struct arena *arena;
    struct report report;
    struct file_text file;
    struct node *root;
};

static void tree_open(struct tree *t, struct str text)
{
    t->arena = arena_new();
    report_init(&t->report, t->arena, "f");
    t->file = (struct file_text){.name = STR("f"), .text = text};
    size_t count = 0;
    t->root = node_parse(&t->file, t->arena, &t->report, is_secret, &count);
}

static void tree_close(struct tree *t)
{
    arena_free(t->arena);
}

/* One line that shows the whole tree: {k: v, ...}, [..], 'quoted', bare. */
static void show(const struct node *n, struct buf *out)
{
    switch (n->kind) {
    case NODE_TEXT:
        buf_printf(out, n->plain ? "%.*s" : "'%.*s'", STR_ARG(n->text));
        break;
    case NODE_LIST:
        buf_add_char(out, '[');
        for (size_t i = 0; i < n->n; i++) {
            buf_add_str(out, i == 0 ? STR_NONE : STR(", "));
            show(n->items[i], out);
        }
        buf_add_char(out, ']');
        break;
    default:
        buf_add_char(out, '{');
        for (size_t i = 0; i < n->n; i++) {
            buf_printf(out, "%s%.*s: ", i == 0 ? "" : ", ", STR_ARG(n->pairs[i].key->text));
            show(n->pairs[i].value, out);
        }
        buf_add_char(out, '}');
        break;
    }
}

static void becomes(const char *text, const char *want)
{
    struct tree t;
    struct buf out;
    buf_init(&out, 65536);
    tree_open(&t, str_of(text));
    if (t.root == NULL || t.report.errors > 0) {
        report_write(&t.report, &out);
        fail_msg("%s: %.*s", text, STR_ARG(buf_str(&out)));
    }
    show(t.root, &out);
    room_text(buf_str(&out), want, text);
    buf_done(&out);
    tree_close(&t);
}

static void refused(struct str text, const char *want)
{
    struct tree t;
    struct buf out;
    buf_init(&out, 65536);
    tree_open(&t, text);
    report_write(&t.report, &out);
    assert_true(t.report.errors > 0);
    room_holds(buf_str(&out), want);
    buf_done(&out);
    tree_close(&t);
}

static void text_stays_text(void **state)
{
    (void)state;
    becomes("a: on\nb: no\nc: 014\nd: 1.10\ne: 0x10\nf: ~\ng:\nh: ''\ni: \"x\\n\"\n",
            "{a: on, b: no, c: 014, d: 1.10, e: 0x10, f: ~, g: , h: '', i: 'x\n'}");
    becomes("a: [1, two, \"3\"]\nb:\n  - x\n  - y: z\n", "{a: [1, two, '3'], b: [x, {y: z}]}");
    becomes("a: |\n  one\n  two\nb: >-\n  one\n  two\n", "{a: 'one\ntwo\n', b: 'one two'}");
    becomes("", "{}");
    becomes("# nothing\n", "{}");
    becomes("---\na: b\n...\n", "{a: b}");
    becomes("\xef\xbb\xbf"
            "a: b\n",
            "{a: b}");
    becomes("a: !!str 1\nb: ! 2\n", "{a: 1, b: 2}");
}

static void json_is_yaml(void **state)
{
    (void)state;
    becomes("{\"a\": {\"b\": [1, true, null, \"x\\u0041\\/\"]},\n\t\"c\": {}}",
            "{a: {b: [1, true, null, 'xA/']}, c: {}}");
}

static void aliases_and_merges(void **state)
{
    (void)state;
    becomes("a: &x {k: 1, l: 2}\nb: *x\n", "{a: {k: 1, l: 2}, b: {k: 1, l: 2}}");
    becomes("a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3}\n", "{a: {k: 1, l: 2}, b: {l: 3, k: 1}}");
    becomes("a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc: {<<: [*x, *y], z: 0}\n",
            "{a: {k: 1}, b: {k: 2, m: 3}, c: {z: 0, k: 1, m: 3}}");
    becomes("a: &x 1\nb: &x 2\nc: *x\n", "{a: 1, b: 2, c: 2}");
    becomes("a: {\"<<\": 1}\n", "{a: {<<: 1}}"); /* quoted, it is a key like any other */
}

static void refuses_what_is_ambiguous(void **state)
{
    (void)state;
    refused(STR("a: 1\nb: 2\na: 3\n"), "f:3:1: error: the key \"a\" occurs twice\n"
                                       "    3 | a: 3\n"
                                       "      | ^\n"
                                       "      = help: it is first in line 1\n");
    refused(STR("{\"a\": 1, \"a\": 2}"), "occurs twice");
    refused(STR("a: &x {k: 1}\nb: {<<: *x, <<: *x}\n"), "\"<<\" occurs twice");
    refused(STR("a: {<<: 1}\n"), "takes a mapping");
    refused(STR("a: {<<: [1]}\n"), "takes a mapping");
    refused(STR("? [a]\n: b\n"), "a key must be text, not a list");
    refused(STR("? {a: b}\n: b\n"), "a key must be text, not a mapping");
    refused(STR("a: 1\n---\nb: 2\n"), "a second document");
    refused(STR("a: !thing 1\n"), "tags");
    refused(STR("a: !thing {}\n"), "tags");
}

static void refuses_what_is_not_yaml(void **state)
{
    (void)state;
    refused(STR("a: b: c\n"), "f:1:5: error: there can be no key here");
    refused(STR("a: [1, 2\n"), "f:1:4: error: this \"[\" is not closed in time");
    refused(STR("a: \"x\n"), "f:1:4: error: this quote is not closed");
    refused(STR("\ta: b\n"), "f:1:1: error: a tab stands here");
    refused(STR("a: @b\n"), "f:1:4: error: no text begins with \"@\"");
    refused(STR("a: 1\n b: 2\n"), "f:2:3: error: there can be no key here");
    refused(STR("a:\n  b: 1\n c: 2\n"), "f:3:2: error: this line does not stand below");
    refused(STR("a: *\n"), "f:1:4: error: \"*\" begins an alias");
    refused(STR("a: !x y\n"), "f:1:4: error: tags have no meaning here");
    refused(STR("a: !!python/object {}\n"), "f:1:4: error: tags have no meaning here");
    refused(STR("a: \x01\n"), "f:1:4: error: there is a control character (0x01) here");
    refused(STR("b: 1\na: \xff\n"), "f:2:4: error: this is no UTF-8");
    refused(STR("a: b\0c\n"), "f:1:5: error: there is a control character (0x00) here");
    refused(STR("- a\nb: c\n"), "f:2:1: error: this line does not");
}

static void refuses_cycles(void **state)
{
    (void)state;
    refused(STR("a: &x [*x]\n"), "f:1:8: error: an alias inside of what it stands for");
    refused(STR("a: &x {b: {c: *x}}\n"), "inside of what it stands for");
    refused(STR("&x a: {b: *y}\n"), "without an anchor");
    refused(STR("a: *x\nb: &x 1\n"), "without an anchor");
}

static void refuses_what_is_too_much(void **state)
{
    (void)state;
    char deep[200] = {0};
    memset(deep, '[', 64);
    memset(deep + 64, ']', 64);
    struct tree t;
    tree_open(&t, str_of(deep));
    assert_int_equal(t.report.errors, 0);
    tree_close(&t);
    memset(deep, '[', 65);
    memset(deep + 65, ']', 65);
    refused(str_of(deep), "nested more than 64 deep");
    size_t n = 1024 * 1024;
    char *big = malloc(n + 1);
    memset(big, '#', n + 1);
    refused((struct str){big, n + 1}, "larger than 1 MiB");
    tree_open(&t, (struct str){big, n});
    assert_int_equal(t.report.errors, 0);
    tree_close(&t);
    for (size_t i = 0; i + 1 < n; i += 2) {
        memcpy(big + i, i == 0 ? "[a" : i + 2 == n ? "a]" : ",a", 2);
    }
    refused((struct str){big, n}, "more than 100,000 nodes");
    memset(big, '[', n);
    refused((struct str){big, n}, "nested more than 64 deep");
    free(big);
    /* ten to the ninth, if aliases were not counted as what they stand for */
    refused(STR("a: &a [x,x,x,x,x,x,x,x,x,x]\n"
                "b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
                "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n"
                "f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: [*f,*f,*f,*f,*f,*f,*f,*f,*f,*f]\n"),
            "more than 100,000 nodes");
}

static void knows_where_things_stand(void **state)
{
    (void)state;
    struct tree t;
    tree_open(&t, STR("a:\n  b\xc3\xbc: [x, 'yy']\n"));
    const struct node_pair *b = node_find(node_find(t.root, "a")->value, "b\xc3\xbc");
    assert_int_equal(b->key->place.start.line, 2);
    assert_int_equal(b->key->place.start.column, 3);
    assert_int_equal(b->key->place.end.column, 5); /* characters, not bytes */
    const struct node *yy = b->value->items[1];
    assert_int_equal(yy->place.start.column, 11);
    assert_int_equal(yy->place.end.column, 15);
    assert_false(yy->plain);
    assert_int_equal(t.root->weight, 7);
    assert_null(node_find(t.root, "b"));
    tree_close(&t);
}

/* ---- the report ---- */

static void excerpts_stay_readable(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 65536);
    struct tree t;
    /* a long line: only the part around the caret */
    char line[4096];
    int n = snprintf(line, sizeof line, "{a: [%01000d], a: 1, b: [%01000d]}", 0, 0);
    tree_open(&t, (struct str){line, (size_t)n});
    report_write(&t.report, &out);
    assert_true(out.len < 500);
    room_holds(buf_str(&out), "], a: 1, b");
    char *caret = memchr(out.at, '^', out.len);
    char *excerpt = memmem(out.at, out.len, "], a: 1", 7);
    char *line_start = memmem(out.at, out.len, "    1 | ", 8);
    char *caret_start = memmem(out.at, out.len, "\n      | ", 9);
    assert_int_equal(excerpt + 3 - line_start, caret - caret_start - 1);
    tree_close(&t);
    /* secrets are masked, tabs are one space, CR does not move the cursor */
    buf_clear(&out);
    tree_open(&t, STR("{secret: hunter2,\ta: 1, a: 2, x: {secret: [one, two]}}\r\n"));
    report_write(&t.report, &out);
    room_holds(buf_str(&out), "    1 | {secret: *******, a: 1, a: 2, x: {secret: [***, ***]}}\n"
                              "      |                         ^\n");
    room_lacks(buf_str(&out), "hunter2");
    tree_close(&t);
    buf_done(&out);
}

static void secrets_are_masked_and_references_are_not(void **state)
{
    (void)state;
    refused(STR("a: {secret: abc, secret: abc\n"), "    1 | a: {secret: ***, secret: ***\n");
    refused(STR("x: {\"secret\" : abc, [}\n"), "{\"******\" : ***, [}\n");
    refused(STR("secret: abc\nsecret: abc\n"), "    2 | secret: ***\n");
    refused(STR("{secret: one, secret: [two, six]}"), "{secret: ***, secret: [***, ***]}");
    refused(STR("secret: ${A}\n<<: x\n"), "takes a mapping");
    refused(STR("a: {secret: '${A}', <<: x}\n"), "    1 | a: {secret: '${A}', <<: x}\n");
    refused(STR("a: {secret: '${A:-b}', <<: x}\n"), "    1 | a: {secret: *********, <<: x}\n");
    refused(STR("a: {secret: '${A}b', <<: x}\n"), "    1 | a: {secret: *******, <<: x}\n");
    refused(STR("a: {secret: '${A', <<: x}\n"), "    1 | a: {secret: *****, <<: x}\n");
}

/* Whatever is wrong with it, and wherever its lines end. */
static void what_may_be_a_secret_is_masked(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "s:\n  secrets:\n    - one\n    - [topsecret\n    - six\nx: 1\n",
        "secret:\n  new: 'topsecret\n  old: two\n",
        "secret: |\n  -----BEGIN\n  abcd\ntopsecret\n  ijkl\nx: 1\n",
        "headers: {X-Api-Key: \"topsecret}\n",
        "headers:\n  X-Api-Key:\n    'topsecret\n",
        "{secret: topsecret, a: *b}",
        "a: {secret: !vault topsecret}",
        "A: 1\nDB_PASS=Topsecret\n",
        "A: 1\nhook=Topsecret\n",
        "x: {a: topsecret, a: 1, secret: topsecret, b: [",
        "# a\r# b\nmethods: nope\nmethods: 1\nsecret: topsecret\n",
        "# a\xe2\x80\xa8# b\nmethods: nope\nmethods: 1\nsecret: topsecret\n",
        "# a\rmethods: nope\rmethods: 1\rsecret: topsecret\r",
        "secret: [{name: n, value: topsecret}]\na: 1\na: 2\n",
        "{secret: [[topsecret]], secret: 1}",
        "{secret: {a: {b: topsecret}}, secret: 1}",
        "{secret: {new: x, old:topsecret}, secret: 1}",
        "a: 1\nd: @https://user:topsecret@host/x\n",
        "a: 1\n\td: https://user:topsecret@host/x\n",
        "a:\n  b: 1\n c: https://host/topsecret\n",
        "secret: Topsecret: 99\n",
        "{secret: Topsecret:, x",
        "secrets:\n  - a: Topsecret: x\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tree t;
        struct buf out;
        buf_init(&out, 65536);
        tree_open(&t, str_of(texts[i]));
        report_write(&t.report, &out);
        assert_true(t.report.errors > 0);
        room_lacks(buf_str(&out), "opsecret");
        buf_done(&out);
        tree_close(&t);
    }
}

/* Of lengths whose texts grow several times, whatever the heap makes of what they leave. */
static void a_text_that_grew_is_left_nowhere(void **state)
{
    (void)state;
#ifdef __SANITIZE_ADDRESS__ /* its frames keep what no frame keeps otherwise */
    skip();
#endif
    enum { PIECE = 24, TEXTS = 40, MOST = 1 << 18 };
    struct shared {
        char piece[PIECE], text[MOST];
    } *s = memory_shared(sizeof *s);
    for (int i = 0; i < PIECE; i++) {
        s->piece[i] = (char)('a' + crypt_random_u64() % 26);
    }
    size_t n = 0;
    for (unsigned i = 0; i < TEXTS; i++) {
        n += (size_t)snprintf(s->text + n, MOST - n, "k%u: '", i);
        for (unsigned k = 0; k <= i * i / 12; k++) {
            memcpy(s->text + n, s->piece, PIECE);
            n += PIECE;
        }
        n += (size_t)snprintf(s->text + n, MOST - n, "'\n");
    }
    struct tree t;
    tree_open(&t, (struct str){s->text, n});
    assert_non_null(t.root);
    assert_true(memory_has(s->piece, PIECE)); /* or the search is worth nothing */
    tree_close(&t);
    assert_false(memory_has(s->piece, PIECE));
    memory_shared_done(s, sizeof *s);
}

static void what_is_no_secret_is_shown(void **state)
{
    (void)state;
    refused(STR("a:\n  b: [c\nd: 1\n"), "    2 |   b: [c\n");
    refused(STR("a: b\nhello\n"), "    2 | hello\n");
    refused(STR("a: b\nHello 1\n"), "    2 | ***** *\n");
    refused(STR("token: b\nc: @hello\n"), "    2 | c: @*****\n");
}

static void twenty_errors_are_enough(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 65536);
    struct arena *a = arena_new();
    struct report r;
    report_init(&r, a, "f");
    struct file_text file = {.name = STR("f"), .text = STR("x\n")};
    for (unsigned i = 25; i > 0; i--) {
        struct place p = {&file, {i, 1}, {i, 2}};
        report_error(&r, &p, "number %u\n\x1b[31m", i);
        report_help(&r, "help %u", i);
        report_warning(&r, &p, "never shown");
    }
    assert_true(report_full(&r));
    report_write(&r, &out);
    room_holds(buf_str(&out), "f:6:1: error: number 6??[31m\n");
    room_lacks(buf_str(&out), "number 5");
    room_lacks(buf_str(&out), "never shown");
    room_holds(buf_str(&out), "there are more errors; these are the first 20\n");
    char *six = memmem(out.at, out.len, "number 6?", 9),
         *nine = memmem(out.at, out.len, "number 9?", 9);
    assert_true(six < nine); /* in the order of the file */
    arena_free(a);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_stays_text),
        cmocka_unit_test(json_is_yaml),
        cmocka_unit_test(aliases_and_merges),
        cmocka_unit_test(refuses_what_is_ambiguous),
        cmocka_unit_test(refuses_what_is_not_yaml),
        cmocka_unit_test(refuses_cycles),
        cmocka_unit_test(refuses_what_is_too_much),
        cmocka_unit_test(knows_where_things_stand),
        cmocka_unit_test(excerpts_stay_readable),
        cmocka_unit_test(secrets_are_masked_and_references_are_not),
        cmocka_unit_test(what_may_be_a_secret_is_masked),
        cmocka_unit_test(a_text_that_grew_is_left_nowhere),
        cmocka_unit_test(what_is_no_secret_is_shown),
        cmocka_unit_test(twenty_errors_are_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
