/* `verify` as a list: what it becomes, what is printed of it, and what is refused, as it is said.
 */
#include "conf_room.h"

#define REST "destinations: {d: 'http://d/'}\nroutes: [{from: '*', to: d}]\n"

static void a_list_is_any_of_them(void **state)
{
    (void)state;
    conf_room_variables = NULL;
    struct conf *c = conf_good("sources:\n"
                               "  a:\n"
                               "    verify:\n"
                               "      - github\n"
                               "      - {type: hmac, header: X-Old, secrets: {new: n, old: o}}\n"
                               "      - {type: hmac, header: X-Older}\n"
                               "      - {type: stripe, secrets: [u, v]}\n"
                               "    secrets: [s, t]\n" REST);
    const struct conf_source *s = &c->sources[0];
    room_text(verify_name(s->verify), "any of github, hmac, hmac-2, stripe", "name");
    assert_false(verify_wants_all(s->verify));
    assert_int_equal(verify_scheme_count(s->verify), 4);
    room_text(verify_name(verify_scheme(s->verify, 2)), "hmac", "third");
    static const char *const names[] = {"github/1", "github/2", "hmac/new", "hmac/old",
                                        "hmac-2/1", "hmac-2/2", "stripe/1", "stripe/2"};
    assert_int_equal(verify_secret_count(s->verify), 8);
    for (size_t i = 0; i < 8; i++) {
        room_text(s->secret_names[i], names[i], "secret");
    }
    /* an event is read as the scheme has it that took it */
    assert_int_equal(s->event_count, 4);
    room_text(s->events[0].type.header, "X-GitHub-Event", "type");
    room_text(s->events[0].dedupe_key.header, "X-GitHub-Delivery", "id");
    assert_false(pick_is_set(&s->events[1].type) || pick_is_set(&s->events[1].dedupe_key));
    room_text(s->events[3].type.pointer, "/type", "type");
    assert_int_equal(s->body_bytes, 25 << 20); /* github's: the greatest */
    conf_unref(c);
}

static void all_of_a_list_are_asked_for(void **state)
{
    (void)state;
    struct conf *c = conf_good("sources:\n"
                               "  a:\n"
                               "    verify: {all: [{type: token, header: T, secret: t}, github, "
                               "{type: basic, secret: 'u:p'}]}\n"
                               "    secret: s\n" REST);
    const struct conf_source *s = &c->sources[0];
    room_text(verify_name(s->verify), "all of token, github, basic", "name");
    assert_true(verify_wants_all(s->verify) && verify_is_computed(s->verify));
    room_text(s->secret_names[2], "basic/1", "secret");
    assert_int_equal(s->event_count, 1);
    room_text(s->events[0].type.header, "X-GitHub-Event", "type"); /* the first that knows one */
    room_text(s->events[0].id.header, "X-GitHub-Delivery", "id");
    conf_unref(c);
}

static void what_the_file_says_is_so_for_all(void **state)
{
    (void)state;
    struct conf *c = conf_good("sources:\n"
                               "  a: {verify: [github, {type: stripe, secret: t}], secret: s, "
                               "event: {type: header.T, id: header.I}}\n"
                               "  b: {verify: [github, {type: hmac, header: H}], secret: s,\n"
                               "      dedupe: {window: 1h, key: body./id}}\n"
                               "  c: {verify: [github, {type: hmac, header: H}], secret: s,\n"
                               "      dedupe: {window: 1h, key: signed}}\n" REST);
    for (size_t i = 0; i < 2; i++) {
        room_text(c->sources[0].events[i].type.header, "T", "type");
        room_text(c->sources[0].events[i].dedupe_key.header, "I", "id");
        room_text(c->sources[1].events[i].dedupe_key.pointer, "/id", "key");
    }
    room_text(c->sources[1].events[0].id.header, "X-GitHub-Delivery", "id");
    assert_true(c->sources[2].dedupe_signed);
    conf_unref(c);
}

/* The most careful answer is right for each of them. */
static void the_strictest_of_their_providers_counts(void **state)
{
    (void)state;
    struct conf *c = conf_good(
        "sources:\n"
        "  slow: {verify: github, secret: s}\n"
        "  fast: {verify: slack, secret: s}\n"
        "  both: {verify: [github, {type: hmac, header: H}, {type: slack, secret: t}], secret: s}\n"
        "  busy: {verify: [github, auth0], secret: s}\n"
        "  empty: {verify: [github, discord], secret: "
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a}\n" REST);
    int64_t slow = conf_find_source(c, STR("slow"))->deadline_ms;
    int64_t fast = conf_find_source(c, STR("fast"))->deadline_ms;
    assert_true(fast > 0 && fast < slow);
    assert_int_equal(conf_find_source(c, STR("both"))->deadline_ms, fast);
    assert_int_equal(conf_find_source(c, STR("slow"))->busy_status, 429);
    assert_int_equal(conf_find_source(c, STR("busy"))->busy_status, 503);
    assert_int_equal(conf_find_source(c, STR("empty"))->respond_status, 204);
    conf_unref(c);
}

static void keys_may_be_published_for_one(void **state)
{
    (void)state;
    struct conf *c = conf_good("sources:\n"
                               "  a: {verify: [stripe, {type: google-pubsub, audience: us, email: "
                               "a@b}], secret: s}\n" REST);
    room_text(c->sources[0].jwks.host, "www.googleapis.com", "host");
    assert_int_equal(verify_secret_count(c->sources[0].verify), 1);
    assert_int_equal(verify_algorithm(c->sources[0].verify), JWT_RS256);
    conf_unref(c);
}

static void a_mapping_may_hold_its_secret(void **state)
{
    (void)state;
    char text[512], *path = room_file("from a file\n", 12);
    snprintf(text, sizeof text,
             "sources:\n  a: {verify: {type: github, secret: s}}\n"
             "  b: {verify: [{type: github, secret_file: %s}]}\n" REST,
             path);
    struct conf *c = conf_good(text);
    room_text(verify_name(c->sources[0].verify), "github", "alone");
    room_text(c->sources[0].secret_names[0], "1", "secret");
    room_text(verify_name(c->sources[1].verify), "any of github", "a list of one");
    room_text(c->sources[1].secret_names[0], "github/1", "secret");
    conf_unref(c);
    room_remove(path);
}

static void schemes_are_told_apart_by_what_is_not_printed(void **state)
{
    (void)state;
    static const char *const variables[] = {"A", "a", "B", "b", NULL};
    conf_room_variables = variables;
    struct conf *c = conf_good("sources:\n  a: {verify: [{type: twilio, secret: x, public_url: "
                               "'https://h/${A}'}, {type: twilio, secret: y, public_url: "
                               "'https://h/${B}'}]}\n" REST);
    assert_int_equal(verify_scheme_count(c->sources[0].verify), 2);
    conf_unref(c);
    conf_room_variables = NULL;
}

static void lists_are_printed_as_they_are_read(void **state)
{
    (void)state;
    struct buf first, second, errors;
    buf_init(&first, 65536);
    buf_init(&second, 65536);
    buf_init(&errors, 65536);
    struct conf *c = conf_good(
        "sources:\n"
        "  a: {verify: [github, {type: hmac, header: H, secret: hidden}], secret: hidden}\n"
        "  b: {verify: {all: [{type: token, header: T, secrets: {n: hidden, o: hidden}}, "
        "{type: stripe, timestamp: {tolerance: 1m}}, sentry]}, secrets: [hidden, hidden]}\n"
        "  c: {verify: {type: shopify, secret: hidden}}\n"
        "  d: {verify: [slack], secret: hidden}\n"
        "  e: {verify: [stripe, {type: stripe, timestamp: {future: 30s}}], secret: hidden}\n" REST);
    conf_print(c, &first);
    conf_unref(c);
    room_lacks(buf_str(&first), "hidden");
    room_holds(buf_str(&first), "    verify:\n"
                                "      - github\n"
                                "      - type: hmac\n"
                                "        algorithm: sha256\n"
                                "        header: [H]\n");
    room_holds(buf_str(&first), "        key: raw\n"
                                "        secret: \"***\"\n"
                                "    secret: \"***\"\n");
    room_holds(buf_str(&first), "    verify:\n"
                                "      all:\n"
                                "        - type: token\n"
                                "          header: [T]\n"
                                "          secrets: {n: \"***\", o: \"***\"}\n"
                                "        - type: stripe\n"
                                "          timestamp:\n"
                                "            tolerance: 1m\n"
                                "        - sentry\n"
                                "    secrets: [\"***\", \"***\"]\n");
    room_holds(buf_str(&first), "    verify:\n"
                                "      type: shopify\n"
                                "      secret: \"***\"\n");
    room_holds(buf_str(&first), "    verify:\n      - slack\n");
    room_holds(buf_str(&first), "      - stripe\n"
                                "      - type: stripe\n"
                                "        timestamp:\n"
                                "          future: 30s\n");
    c = conf_parse_with(buf_str(&first), "p.yaml", &conf_room_env, &errors);
    if (c == NULL) {
        fail_msg("%.*s", STR_ARG(buf_str(&errors)));
    }
    conf_print(c, &second);
    conf_unref(c);
    char *text = strndup(first.at, first.len);
    room_text(buf_str(&second), text, "printed again");
    free(text);
    buf_done(&first);
    buf_done(&second);
    buf_done(&errors);
}

static void refuses_lists_that_mean_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"verify: [], secret: s", "p.yaml:1:23: error: the list holds no scheme"},
        {"verify: {all: []}, secret: s", "p.yaml:1:29: error: the list holds no scheme"},
        {"verify: {all: stripe}, secret: s",
         "p.yaml:1:29: error: \"all\" takes a list of schemes, not text"},
        {"verify: {all: [stripe], type: hmac}, secret: s",
         "p.yaml:1:39: error: \"type\" cannot stand beside \"all\": write it into one of its "
         "schemes"},
        {"verify: [github, none], secret: s",
         "p.yaml:1:32: error: \"none\" takes whatever comes, so what stands beside it would mean "
         "nothing\n    1 | sources: {a: {verify: [github, none], secret: *}}\n"
         "      |                                ^\n"},
        {"verify: [none]", "p.yaml:1:24: error: \"none\" takes whatever comes"},
        {"verify: {all: [none, github]}, secret: s",
         "p.yaml:1:30: error: \"none\" takes whatever comes"},
        {"verify: [[github]], secret: s",
         "p.yaml:1:24: error: a list of schemes holds names and mappings, and no other list"},
        {"verify: [github, {all: [stripe]}], secret: s",
         "p.yaml:1:32: error: a list of schemes holds names and mappings"},
        {"verify: [github, github], secret: s",
         "p.yaml:1:32: error: the same scheme stands here twice\n"},
        {"verify: [{type: github, secrets: [x]}, {type: github, secrets: [y, z]}]",
         "p.yaml:1:54: error: the same scheme stands here twice\n"},
        {"verify: [{type: github, secret: x}, {type: github, secret: y}]",
         "      = help: for several secrets of one: secrets: [...]\n"},
        {"verify: [github, stripe, slack, shopify, linear, sentry, vercel, typeform, xero]",
         "p.yaml:1:23: error: at most 8 schemes are tried"},
        {"verify: [github, githab], secret: s", "p.yaml:1:32: error: \"githab\" is no way to"},
        {"verify: [github, {typ: hmac}], secret: s", "p.yaml:1:33: error: unknown key \"typ\""},
        {"verify: {any: [github]}, secret: s", "p.yaml:1:24: error: unknown key \"any\" in verify"},
        {"verify: [github, {}], secret: s", "p.yaml:1:32: error: \"type\" is missing in verify"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "sources: {a: {%s}}\n" REST, cases[i].text);
        conf_bad(text, cases[i].said);
    }
}

static void refuses_secrets_that_do_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *text, *said;
    } cases[] = {
        {"verify: [github, {type: hmac, header: H, secret: s}]",
         "p.yaml:1:24: error: \"a\" needs the secret that its sender signs with\n"},
        {"verify: [github, {type: hmac, header: H, secret: ''}], secret: s",
         "p.yaml:1:64: error: \"secret\" is empty"},
        {"verify: [github, {type: hmac, header: H, secret: s, secrets: [t]}], secret: s",
         "p.yaml:1:67: error: \"secret\" and \"secrets\" are both given"},
        {"verify: [github, {type: standard, secret: '%'}], secret: s",
         "p.yaml:1:57: error: the secret is not base64"},
        {"verify: [{type: github, secret: s}, {type: hmac, header: H, secret: t}], secret: u",
         "p.yaml:1:88: error: \"secret\" is never used: what \"verify\" holds needs no other "
         "secret"},
        {"verify: {type: github, secret: s}, secrets: [t]",
         "p.yaml:1:50: error: \"secrets\" is never used"},
        {"verify: {type: none, secret: s}",
         "p.yaml:1:23: error: a secret is given, but \"verify: none\" looks at none"},
        {"verify: [asana, {type: github, secret: s}]",
         "p.yaml:1:24: error: its secret would come with its handshake"},
        {"verify: [x, {type: hmac, header: H, key: base64, secret: czEyMw==}], secret: s123",
         "p.yaml:1:24: error: its handshake signs a text of anybody's choice"},
        {"verify: [{type: hmac, header: H, template: '{ts}.{body}', timestamp: {header: T}}, "
         "github], secret: s",
         "p.yaml:1:98: error: it and another scheme sign different texts by the same secret"},
        {"verify: [x, github], secret: s",
         "p.yaml:1:24: error: its handshake signs a text of anybody's choice"},
        {"verify: [{type: google-pubsub, audience: u, email: a@b}, "
         "{type: jwt, algorithm: ES256, token_in_body: true, jwks_url: 'https://k/'}]",
         "p.yaml:1:72: error: of the schemes of a source only one can have published keys"},
        {"verify: [{type: google-pubsub, audience: u, email: a@b, secret: s}, github], secret: s",
         "p.yaml:1:24: error: a secret is given, but its sender publishes its keys"},
        {"verify: [{type: google-pubsub, audience: u, email: a@b}], secret: s",
         "p.yaml:1:73: error: \"secret\" is never used"},
        {"verify: [github, shopify, sentry], secrets: [a, b, c, d, e, f]",
         "p.yaml:1:23: error: at most 16 secrets are tried, of all schemes together"},
        {"verify: [github, {type: hmac, header: H}], secret: s, dedupe: 1h",
         "\"dedupe\" does not know where the id of a delivery is"},
        {"verify: [github, {type: token, header: H}], secret: s, dedupe: {window: 1h, key: signed}",
         "any of github, token signs nothing that could tell one event from another"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, "sources: {a: {%s}}\n" REST, cases[i].text);
        conf_bad(text, cases[i].said);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_any_of_them),
        cmocka_unit_test(all_of_a_list_are_asked_for),
        cmocka_unit_test(what_the_file_says_is_so_for_all),
        cmocka_unit_test(the_strictest_of_their_providers_counts),
        cmocka_unit_test(keys_may_be_published_for_one),
        cmocka_unit_test(a_mapping_may_hold_its_secret),
        cmocka_unit_test(schemes_are_told_apart_by_what_is_not_printed),
        cmocka_unit_test(lists_are_printed_as_they_are_read),
        cmocka_unit_test(refuses_lists_that_mean_nothing),
        cmocka_unit_test(refuses_secrets_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
