/* Pages and schema: every row is described, every example is taken, every key is found. */
#include "conf_room.h"

#include "model/conf_about.h"
#include "model/conf_docs.h"

#include <yyjson.h>

static void page(const char *key, const char *want)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_true(conf_help(str_of(key), &out));
    room_holds(buf_str(&out), want);
    buf_done(&out);
}

static void no_page(const char *key, const char *want)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    assert_false(conf_help(str_of(key), &out));
    room_holds(buf_str(&out), want);
    buf_done(&out);
}

static void a_page_says_what_the_row_says(void **state)
{
    (void)state;
    page("destinations.retry.schedule", "destinations.retry.schedule: a list of durations\n\n");
    page("destinations.retry.schedule", "  default   [5s, 1m, 5m, 30m, 2h, 5h, 10h, ...]\n");
    page("listen.limits.body", "  bounds    from 1KiB to 1GiB\n");
    page("redis.durability", "a word: memory, fsync, replica\n");
    page("workers", "a whole number, or auto\n");
    page("sources", "  keys of a source:\n\n    path ");
    page("sources.verify", "In place of the block its \"type\" alone may stand.\n");
    page("sources.stripe.secret", "or        secret_file: /run/secrets/secret, which holds it\n");
    page("sources.secret_file", "sources.secret: a secret\n");
    page("sources.*.dedupe", "sources.dedupe: a block\n");
    page("destinations.url", "  required  yes\n");
    page("destinations.timeout", "  or        defaults.destination.timeout, where that is given\n");
    page("trusted_proxies", "listen.trusted_proxies: ranges"); /* there is but one */
    page("routes.to", "  bounds    1 to 1024 entries\n");
}

static void what_is_no_key_is_guessed_at(void **state)
{
    (void)state;
    no_page("surces", "there is no key \"surces\"; did you mean \"sources\"?\n");
    no_page("destinations.retry.shedule", "did you mean \"destinations.retry.schedule\"?\n");
    no_page("tls", "did you mean one of these?\n  listen.tls\n  redis.tls\n  destinations.tls\n");
    no_page("sources.stripe.verfy", "did you mean \"sources.verify\"?\n");
    no_page("nothing.of.the.kind", "there is no key \"nothing.of.the.kind\"\n");
    no_page("listen.address.port", "there is no key \"listen.address.port\"\n");
    no_page("", "there is no key \"\"\n");
}

/* Is the example of the row taken, alone in a block of its kind? */
static const char *always(const char *name)
{
    (void)name;
    return "abcdef";
}

static bool is_no_secret(struct str key, struct str value)
{
    (void)key;
    (void)value;
    return false;
}

static void check_row(const struct conf_block *b, const struct conf_row *row, void *user)
{
    struct buf path, text, said;
    int *count = user;
    buf_init(&path, 1024);
    conf_path(b, row, &path);
    if (conf_about(row->kind) == NULL) {
        fail_msg("%.*s: conf_about.c does not know its kind", STR_ARG(buf_str(&path)));
    }
    assert_non_null(row->help);
    struct str example = conf_example(b, row);
    bool is_block = row->kind == &KIND_BLOCK || row->kind == &KIND_EXPONENTIAL;
    if (row->kind == &KIND_WORD && row->fallback == NULL) {
        assert_true(example.len > 0);
    }
    if (example.len == 0 && !is_block) {
        fail_msg("%.*s has no example", STR_ARG(buf_str(&path)));
    }
    if (example.len > 0 && row->kind != &KIND_INCLUDE) {
        static const struct conf_env env = {always, true, false};
        struct arena *a = arena_new();
        struct report report;
        struct file_text file = {.name = STR("example")};
        size_t nodes = 0;
        buf_init(&text, 4096);
        buf_init(&said, 65536);
        buf_printf(&text, "%s: %.*s\n", row->key, STR_ARG(example));
        file.text = buf_str(&text);
        report_init(&report, a, "example");
        struct conf_reader r = {.arena = a, .report = &report, .env = &env};
        map_init(&r.paths);
        map_init(&r.pems);
        const struct node *n = node_parse(&file, a, &report, is_no_secret, &nodes);
        if (n != NULL) {
            /* room for the struct that the row's block fills, whichever it is */
            size_t room = sizeof(struct conf_file) + sizeof(struct file_verify) + row->at;
            row->kind->read(&r, row, n->pairs[0].value, (char *)arena_take(a, room) + row->at);
        }
        report_write(&report, &said);
        if (report.errors > 0) {
            fail_msg("%.*s: its example is refused: %.*s", STR_ARG(buf_str(&path)),
                     STR_ARG(buf_str(&said)));
        }
        map_done(&r.paths);
        map_done(&r.pems);
        buf_done(&text);
        buf_done(&said);
        arena_free(a);
    }
    buf_done(&path);
    (*count)++;
}

static void every_row_has_an_example_that_is_taken(void **state)
{
    (void)state;
    int count = 0;
    conf_each_row(&CONF_TOP, check_row, &count);
    assert_true(count > 100);
}

static void find_page(const struct conf_block *b, const struct conf_row *row, void *user)
{
    struct buf path, out;
    (void)user;
    buf_init(&path, 1024);
    buf_init(&out, 1 << 20);
    conf_path(b, row, &path);
    if (!conf_help(buf_str(&path), &out)) {
        fail_msg("%.*s has no page", STR_ARG(buf_str(&path)));
    }
    buf_done(&path);
    buf_done(&out);
}

static void every_key_is_found_by_its_path(void **state)
{
    (void)state;
    struct buf all;
    buf_init(&all, 1 << 20);
    conf_each_row(&CONF_TOP, find_page, NULL);
    conf_help_all(&all);
    room_holds(buf_str(&all), "listen.limits.lane: a whole number\n    deliveries of ");
    assert_false(all.failed);
    buf_done(&all);
}

static void find_in_schema(const struct conf_block *b, const struct conf_row *row, void *user)
{
    yyjson_val *root = user, *of = root;
    if (b != &CONF_TOP) {
        struct buf path;
        buf_init(&path, 1024);
        conf_path(b, row, &path);
        struct str name = str_head(buf_str(&path), path.len - strlen(row->key) - 1);
        of = yyjson_obj_getn(yyjson_obj_get(root, "definitions"), name.at, name.len);
        buf_done(&path);
    }
    yyjson_val *property = yyjson_obj_get(yyjson_obj_get(of, "properties"), row->key);
    if (property == NULL) {
        fail_msg("%s of %s is not in the schema", row->key, b->path);
    }
    assert_string_equal(yyjson_get_str(yyjson_obj_get(property, "description")), row->help);
    if (yyjson_obj_size(property) < 2) {
        fail_msg("%s of %s: conf_schema.c does not know its kind", row->key, b->path);
    }
}

static void the_schema_has_every_key(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 1 << 20);
    conf_schema(&out);
    yyjson_doc *doc = yyjson_read(out.at, out.len, 0);
    assert_non_null(doc);
    conf_each_row(&CONF_TOP, find_in_schema, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_says_what_the_row_says),
        cmocka_unit_test(what_is_no_key_is_guessed_at),
        cmocka_unit_test(every_row_has_an_example_that_is_taken),
        cmocka_unit_test(every_key_is_found_by_its_path),
        cmocka_unit_test(the_schema_has_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
