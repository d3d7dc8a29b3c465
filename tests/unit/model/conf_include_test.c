/* `include`: what files become when they are joined, and what they must not say twice. */
#include "conf_room.h"

#include <sys/stat.h>

/* A folder with conf.d in it, and the files that were put there. */
struct folder {
    char path[64];
    char paths[16][128];
    size_t n;
    struct buf said;
};

static void folder_open(struct folder *f)
{
    *f = (struct folder){.path = "/tmp/penstock-include-XXXXXX"};
    assert_non_null(mkdtemp(f->path));
    char sub[128];
    snprintf(sub, sizeof sub, "%s/conf.d", f->path);
    assert_int_equal(mkdir(sub, 0700), 0);
    buf_init(&f->said, 65536);
}

static void folder_put(struct folder *f, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    memcpy(f->paths[f->n++], path, sizeof path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static struct conf *folder_load(struct folder *f)
{
    char path[128];
    snprintf(path, sizeof path, "%s/p.yaml", f->path);
    buf_clear(&f->said);
    return conf_load(path, &f->said);
}

static struct conf *folder_good(struct folder *f)
{
    struct conf *c = folder_load(f);
    if (c == NULL) {
        fail_msg("%.*s", STR_ARG(buf_str(&f->said)));
    }
    return c;
}

static void folder_bad(struct folder *f, const char *want)
{
    assert_null(folder_load(f));
    room_holds(buf_str(&f->said), want);
}

static void folder_close(struct folder *f)
{
    char sub[128];
    for (size_t i = 0; i < f->n; i++) {
        remove(f->paths[i]);
    }
    snprintf(sub, sizeof sub, "%s/conf.d", f->path);
    assert_int_equal(remove(sub), 0);
    assert_int_equal(remove(f->path), 0);
    buf_done(&f->said);
}

static bool has_path(const struct folder *f, const struct conf_paths *paths, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s%s", f->path, name);
    for (size_t i = 0; i < paths->n; i++) {
        if (str_eq(paths->v[i].path, str_of(path))) {
            const struct file_state now = file_state_of(path);
            return file_state_same(&paths->v[i].seen, &now); /* nobody has written it */
        }
    }
    return false;
}

static void files_are_joined_in_order(void **state)
{
    (void)state;
    struct folder f;
    folder_open(&f);
    folder_put(&f, "p.yaml",
               "version: 1\ninclude: [conf.d/*.yaml]\nsources: {a: {verify: none}}\n"
               "listen: {limits: {body: 2MiB}}\nroutes: [{name: own, from: a, to: one}]\n");
    folder_put(&f, "conf.d/20.yaml", "version: 1\nroutes: [{name: last, from: '*', to: two}]\n");
    folder_put(&f, "conf.d/15.yaml",
               "destinations: {one: 'http://a/', two: 'http://b/'}\n"
               "routes: [{name: first, from: b, to: one}, {name: second, from: b, to: two}]\n"
               "listen: {address: '127.0.0.1:1', limits: {headers: 8KiB}}\n"
               "redis: {durability: memory}\n");
    folder_put(&f, "conf.d/.hidden.yaml", "nonsense: true\n");
    folder_put(&f, "conf.d/note.txt", "nonsense: true\n");
    folder_put(&f, "secret", "s3cret");
    char text[192];
    snprintf(text, sizeof text,
             "sources: {b: {verify: stripe, secret_file: %s/secret}}\nredis:\nroutes:\n", f.path);
    folder_put(&f, "conf.d/10.yaml", text);
    struct conf *c = folder_good(&f);
    assert_int_equal(c->source_count, 2);
    room_text(c->sources[1].name, "b", "source");
    assert_int_equal(c->destination_count, 2);
    assert_int_equal(c->route_count, 4);
    static const char *const names[] = {"own", "first", "second", "last"};
    for (size_t i = 0; i < 4; i++) {
        room_text(c->routes[i].name, names[i], "route");
    }
    assert_int_equal(c->listen.body_bytes, 2 << 20);
    assert_int_equal(c->listen.headers_bytes, 8 << 10);
    room_text(c->listen.address, "127.0.0.1:1", "address");
    assert_int_equal(c->redis.durability, DURABILITY_MEMORY);
    /* and all that was read is known */
    assert_int_equal(c->files.n, 5);
    assert_true(has_path(&f, &c->files, "/p.yaml") && has_path(&f, &c->files, "/conf.d/15.yaml") &&
                has_path(&f, &c->files, "/conf.d/20.yaml") && has_path(&f, &c->files, "/secret"));
    assert_int_equal(c->folders.n, 1);
    assert_true(has_path(&f, &c->folders, "/conf.d/"));
    conf_unref(c);
    folder_close(&f);
}

static void a_file_that_is_included_may_include(void **state)
{
    (void)state;
    struct folder f;
    folder_open(&f);
    folder_put(&f, "p.yaml", "include: conf.d/a.yaml\n" LEAST "routes: [{from: s, to: d}]\n");
    folder_put(&f, "conf.d/a.yaml", "include: [b.yaml, ../c.yaml]\n");
    folder_put(&f, "conf.d/b.yaml", "destinations: {d: 'http://d/'}\n");
    folder_put(&f, "c.yaml", "# nothing yet\n");
    struct conf *c = folder_good(&f);
    assert_int_equal(c->destination_count, 1);
    assert_int_equal(c->files.n, 4);
    conf_unref(c);
    /* but none twice, so nothing goes round */
    folder_put(&f, "c.yaml", "include: p.yaml\n");
    folder_bad(&f, "/c.yaml:1:10: error: \"");
    room_holds(buf_str(&f.said), "/p.yaml\" is read already");
    folder_put(&f, "c.yaml", "include: conf.d/b.yaml\n");
    folder_bad(&f, "is read already");
    folder_close(&f);
}

static void what_is_said_twice_is_an_error_with_both_places(void **state)
{
    (void)state;
    struct folder f;
    folder_open(&f);
    folder_put(&f, "p.yaml",
               "include: conf.d/*\n" LEAST
               "redis: {durability: memory}\ndestinations: {d: 'http://d/'}\n");
    folder_put(&f, "conf.d/a", "redis: {durability: fsync}\n");
    folder_put(&f, "conf.d/b", "\ndestinations: {c: 'http://c/', d: 'http://d/'}\n");
    folder_bad(&f, "/conf.d/a:1:9: error: the key \"durability\" occurs twice");
    room_holds(buf_str(&f.said), "help: it is first in line 4 of ");
    room_holds(buf_str(&f.said), "/conf.d/b:2:32: error: the key \"d\" occurs twice");
    folder_put(&f, "conf.d/a", "version: 2\n");
    folder_put(&f, "conf.d/b", "version: 1\n");
    folder_bad(&f, "/conf.d/b:1:1: error: the key \"version\" occurs twice");
    folder_close(&f);
}

static void mistakes_name_their_own_file(void **state)
{
    (void)state;
    struct folder f;
    folder_open(&f);
    folder_put(&f, "p.yaml", "include: conf.d/*\n" LEAST "lsten: {}\n");
    folder_put(&f, "conf.d/a", "\n\nroutes: [{form: s, to: d}]\n");
    folder_put(&f, "conf.d/b", "routes: {from\n");
    folder_bad(&f, "p.yaml:4:1: error: unknown key \"lsten\"");
    room_holds(buf_str(&f.said), "/conf.d/a:3:11: error: unknown key \"form\" in a route\n"
                                 "    3 | routes: [{form: *, to: d}]\n");
    room_holds(buf_str(&f.said), "/conf.d/b:");
    /* files in the order in which they are read */
    const char *text = f.said.at, *first = strstr(text, "p.yaml:4"),
               *second = strstr(text, "conf.d/a:"), *third = strstr(text, "conf.d/b:");
    assert_true(first < second && second < third);
    folder_put(&f, "conf.d/b", "- a list\n");
    folder_bad(&f, "expected a mapping for a file that is included, not a list");
    folder_close(&f);
}

static void refuses_what_cannot_be_included(void **state)
{
    (void)state;
    static const struct {
        const char *include, *said;
    } cases[] = {
        {"nowhere.yaml", "nowhere.yaml\": No such file or directory"},
        {"conf.d", "conf.d\": it is a folder"},
        {"/dev/zero", "\"/dev/zero\": it is no regular file"},
        {"p.yaml", "help: it is the file that everything begins with: leave it out"},
        {"'*'", "help: it is the file that everything begins with"},
        {"nowhere.d/*.yaml", "cannot look into the folder"},
        {"'*/a'", "\"*\" and \"?\" stand in the name of a file only"},
        {"''", "the path of a file has 1 to 4000 characters"},
        {"{a: b}", "\"include\" takes a path, or a list of paths, not a mapping"},
        {"[[a]]", "\"include\" takes one value, not a list"},
        {"[x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, "
         "x, "
         "x, x, x]",
         "more than 32 files are included"},
    };
    struct folder f;
    folder_open(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "include: %s\n" LEAST, cases[i].include);
        f.n = 0;
        folder_put(&f, "p.yaml", text);
        folder_bad(&f, cases[i].said);
    }
    f.n = 0;
    folder_put(&f, "p.yaml", "include: conf.d/*.yaml\n" LEAST); /* matches nothing, yet */
    conf_unref(folder_good(&f));
    folder_put(&f, "p.yaml", "include:\n" LEAST);
    conf_unref(folder_good(&f));
    folder_close(&f);
}

static void bounds_all_files_together(void **state)
{
    (void)state;
    struct folder f;
    folder_open(&f);
    folder_put(&f, "p.yaml", "include: conf.d/*\n" LEAST);
    size_t n = 1 << 20;
    char *text = malloc(n + 1);
    memset(text, '#', n);
    text[n] = '\0';
    for (char name[16] = "conf.d/0"; name[7] < '4'; name[7]++) {
        folder_put(&f, name, text);
    }
    folder_bad(&f, "all files together are larger than 4 MiB");
    memcpy(text, "a: [", 4); /* 60,000 nodes a file */
    for (size_t i = 4; i + 2 <= 120000; i += 2) {
        memcpy(text + i, "x,", 2);
    }
    memcpy(text + 120000, "]\n", 3);
    folder_put(&f, "conf.d/0", text);
    folder_put(&f, "conf.d/1", text);
    folder_bad(&f, "more than 100,000 nodes");
    free(text);
    folder_close(&f);
}

static void opens_nothing_where_nothing_is_opened(void **state)
{
    (void)state;
    struct conf_env closed = conf_room_env;
    struct buf errors;
    closed.opens_files = false;
    buf_init(&errors, 65536);
    assert_null(conf_parse_with(STR("include: a.yaml\n" LEAST), "p.yaml", &closed, &errors));
    room_holds(buf_str(&errors), "p.yaml:1:10: error: nothing can be included");
    buf_done(&errors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_joined_in_order),
        cmocka_unit_test(a_file_that_is_included_may_include),
        cmocka_unit_test(what_is_said_twice_is_an_error_with_both_places),
        cmocka_unit_test(mistakes_name_their_own_file),
        cmocka_unit_test(refuses_what_cannot_be_included),
        cmocka_unit_test(bounds_all_files_together),
        cmocka_unit_test(opens_nothing_where_nothing_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
