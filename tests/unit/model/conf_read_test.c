/* What is wrong with a configuration, as it is said. */
#include "conf_room.h"

static void says_it_as_documented(void **state)
{
    (void)state;
    conf_room_variables = NULL;
    /* CONFIG.md's own example; what stands under such a key may be a secret */
    conf_bad("routes:\n  - from: stripe\n    destinaton: [a]\n",
             "p.yaml:3:5: error: unknown key \"destinaton\" in a route\n"
             "    3 |     destinaton: ***\n"
             "      |     ^\n"
             "      = help: did you mean \"to\"?\n");
    conf_bad("sources:\n  s: {verify: stripe, secert: whsec_live}\n",
             "    2 |   s: {verify: stripe, secert: **********}\n");
}

static void all_of_it_in_one_run(void **state)
{
    (void)state;
    static const char *const said[] = {
        "p.yaml:1:10: error: \"version\" must be 1\n    1 | version: 2\n      |          ^\n",
        "p.yaml:2:1: error: unknown key \"lisen\" in the configuration\n    2 | lisen: **\n      | "
        "^\n"
        "      = help: did you mean \"listen\"?\n",
        "p.yaml:3:18: error: \"address\": the port is missing",
        "p.yaml:5:15: error: \"strip\" is no way to verify: no provider that \"penstock "
        "providers\" "
        "lists, nor hmac, hash, ed25519, ecdsa, jwt, token, basic\n    5 |   x: {verify: strip, "
        "secret: "
        "***}\n",
        "p.yaml:6:3: error: \"y\" needs the secret that its sender signs with\n",
        "p.yaml:7:35: error: \"timeout\": expected a duration with a unit, such as 250ms, 30s, "
        "1h30m "
        "or 3d, not \"15\"\n",
        "      = help: a bare number has no unit; did you mean 15s?\n",
        "p.yaml:8:19: error: \"url\": the scheme must be http or https\n",
        "p.yaml:9:17: error: there is no source \"z\"\n",
        "p.yaml:9:24: error: there is no destination \"b\"\n",
    };
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        conf_bad("version: 2\n"
                 "lisen: {}\n"
                 "admin: {address: x}\n"
                 "sources:\n"
                 "  x: {verify: strip, secret: abc}\n"
                 "  y: {verify: github}\n"
                 "defaults: {destination: {timeout: 15}}\n"
                 "destinations: {a: ftp://a}\n"
                 "routes: [{from: z, to: b}]\n",
                 said[i]);
    }
}

struct row {
    const char *text, *want;
};

static void each(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        conf_bad(rows[i].text, rows[i].want);
    }
}
#define EACH(rows) each(rows, sizeof(rows) / sizeof((rows)[0]))

static void keys(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {LEAST "foo: 1\n", "p.yaml:3:1: error: unknown key \"foo\" in the configuration\n"},
        {LEAST "lsiten: {}\n", "did you mean \"listen\"?"},
        {LEAST "listen: {adress: x}\n", "did you mean \"address\"?"},
        {LEAST "listen: {limits: {Body: 1MiB}}\n", "did you mean \"body\"?"},
        {LEAST "redis: {pasword_file: x}\n", "did you mean \"password_file\"?"},
        {LEAST "destinations: {d: {ulr: http://x}}\n", "did you mean \"url\"?"},
        {LEAST "destinations: {d: {ur: http://x}}\n", "did you mean \"url\"?"},
        {LEAST "destinations: {d: {url: http://x, retry: {shedule: [1s]}}}\n",
         "unknown key \"shedule\" in retry"},
        {LEAST "log: {level: info, level: warn}\n", "the key \"level\" occurs twice"},
        {LEAST "sources: {}\n", "the key \"sources\" occurs twice"},
        {LEAST "log: {\"a\\tb\": 1}\n", "unknown key \"a?b\" in log"},
        {"- a\n", "expected a mapping for the configuration, not a list"},
        {"text\n", "expected a mapping for the configuration, not text"},
        {LEAST "listen: 8080\n", "expected a mapping for listen, not text"},
        {LEAST "listen: [a]\n", "expected a mapping for listen, not a list"},
        {LEAST "routes: {from: a}\n", "\"routes\" takes a list, not a mapping\n"},
        {LEAST "destinations: [a]\n", "\"destinations\" takes a mapping of names, not a list"},
        {LEAST "destinations: {d: }\n", "\"url\" has no value"},
        {LEAST "destinations: {d: [http://d]}\n",
         "expected a mapping for a destination, not a list"},
        {"sources: {s: none}\n", "expected a mapping for a source, not text"},
        {"sources: {s: }\n", "expected a mapping for a source, not nothing"},
    };
    EACH(rows);
}

static void later_keys(void **state)
{
    (void)state;
    static const char *const texts[] = {
        LEAST "admin: {dashboard: true}\n",
        LEAST "destinations: {d: {url: http://d, sign: {}}}\n",
        LEAST "destinations: {d: {url: http://d, rate: 1/s}}\n",
        LEAST "destinations: {d: {url: http://d, order: key}}\n",
        LEAST "destinations: {d: {url: http://d, transform: []}}\n",
        LEAST "destinations: {d: {url: 'http://d/{source}'}}\n",
        LEAST "destinations: {d: {url: http://d, headers: {X-S: '{source}'}}}\n",
        LEAST "routes: [{from: s, to: [], transform: {}}]\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        conf_bad(texts[i], "not available in this version");
    }
}

static void values(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {LEAST "version: 2\n", "\"version\" must be 1\n"},
        {LEAST "version: one\n", "\"version\": expected a whole number, not \"one\""},
        {LEAST "listen: {trusted_proxies: [x]}\n",
         "\"trusted_proxies\": expected an address or a range, such as 10.0.0.0/8 or "
         "2001:db8::/32, not \"x\""},
        {LEAST "listen: {trusted_proxies: []}\n", "must have 1 to 256 entries, not 0"},
        {LEAST "listen: {proxy_protocol: true}\n", "\"proxy_protocol\" needs \"trusted_proxies\""},
        {"sources: {s: {verify: none, allow_from: 10.0.0.1/8}}\n",
         "there are bits behind the prefix"},
        {"sources: {s: {verify: none, rate: 0/s}}\n", "a rate is at least 1/h"},
        {"sources: {s: {verify: none, rate: 500}}\n", "expected a rate, such as 50/s or 600/m"},
        {LEAST "workers: many\n", "\"workers\": expected auto or a whole number, not \"many\""},
        {LEAST "workers: 0\n", "\"workers\" must be from 1 to 64"},
        {LEAST "listen: {tls: {}}\n", "\"tls\" needs \"cert_file\" and \"key_file\""},
        {LEAST "listen: {tls: {client_ca_file: /x}}\n", "\"tls\" needs \"cert_file\""},
        {LEAST "listen: {tls: {cert_file: /nowhere}}\n", "must be given together"},
        {LEAST "listen: {tls: {cert_file: /nowhere, key_file: /x}}\n",
         "cannot read \"/nowhere\": No such file"},
        {LEAST "listen: {tls: {cert_file: /etc/passwd, key_file: /etc/passwd}}\n",
         "there is no PEM private key in"},
        {LEAST "listen: {tls: {cert_file: /x, key_file: /x, certificates: [{cert_file: /y}]}}\n",
         "\"key_file\" is missing in a certificate"},
        {LEAST "redis: {url: 'redis://h', tls: {ca_file: /x}}\n",
         "\"tls\" is given, but the URL is not rediss://"},
        {LEAST "redis: {url: 'rediss://h', tls: {ca_file: /etc/passwd}}\n",
         "there is no PEM certificate in"},
        {LEAST "redis: {url: 'rediss://h', tls: {key_file: /x}}\n", "must be given together"},
        {LEAST "listen: {limits: {lane: 0}}\n", "\"lane\" must be from 1 to 65536"},
        {LEAST "listen: {limits: {lane: 65537}}\n", "\"lane\" must be from 1 to 65536"},
        {LEAST "listen: {limits: {lane: -1}}\n", "expected a whole number, not \"-1\""},
        {LEAST "listen: {limits: {lane: 1.5}}\n", "expected a whole number"},
        {LEAST "listen: {limits: {lane: 99999999999999999999999}}\n", "expected a whole number"},
        {LEAST "listen: {limits: {lane: [1]}}\n", "\"lane\" takes one value, not a list"},
        {LEAST "listen: {limits: {lane: }}\n", "\"lane\" has no value"},
        {LEAST "listen: {limits: {body: 64}}\n", "did you mean 64MiB?"},
        {LEAST "listen: {limits: {body: 1 MiB}}\n", "expected a size with a unit"},
        {LEAST "listen: {limits: {body: 1B}}\n", "\"body\" must be from 1KiB to 1GiB"},
        {LEAST "listen: {limits: {body: 2GiB}}\n", "\"body\" must be from 1KiB to 1GiB"},
        {LEAST "listen: {limits: {memory: 99999999999999999999GiB}}\n",
         "\"memory\": the size is too large\n"},
        {LEAST "listen: {limits: {idle_timeout: 60}}\n", "did you mean 60s?"},
        {LEAST "listen: {limits: {idle_timeout: 1ms}}\n", "must be from 100ms to 1h"},
        {LEAST "listen: {limits: {idle_timeout: 1w}}\n", "expected a duration"},
        {LEAST "listen: {limits: {idle_timeout: 99999999999999999999d}}\n",
         "the duration is too long\n"},
        {LEAST "spool: {}\n", "\"size\" is missing in spool"},
        {LEAST "spool: 1GiB\n", "expected a mapping for spool, not text"},
        {LEAST "spool: {size: 1}\n", "expected a size with a unit"},
        {LEAST "spool: {size: 1023KiB}\n", "\"size\" must be from 1MiB to"},
        {LEAST "redis: {assume_fsync: yes}\n",
         "\"assume_fsync\": expected true or false, not \"yes\""},
        {LEAST "redis: {assume_fsync: True}\n", "expected true or false"},
        {LEAST "redis: {durability: fsyn}\n",
         "must be one of memory, fsync, replica, not \"fsyn\""},
        {LEAST "redis: {durability: fsyn}\n", "did you mean \"fsync\"?"},
        {LEAST "redis: {retention: {dead_bytes: 25}}\n",
         "expected a size such as 256MiB or a part"},
        {LEAST "redis: {retention: {dead_bytes: 101%}}\n",
         "expected a size such as 256MiB or a part"},
        {LEAST "redis: {prefix: ''}\n", "\"prefix\" must have 1 to 64 characters"},
        {LEAST "log: {level: loud}\n",
         "\"level\" must be one of debug, info, warn, error, off, not \"loud\""},
        {LEAST "log: {level: \"in\\0fo\"}\n", "zero byte"},
        {LEAST "shutdown: {timeout: 8}\n", "did you mean 8s?"},
        {LEAST "data_dir: \"\"\n", "\"data_dir\" must have 1 to 4000 characters"},
    };
    EACH(rows);
}

static void interpolations(void **state)
{
    (void)state;
    static const char *const variables[] = {"EMPTY", "", NULL};
    conf_room_variables = variables;
    static const struct row rows[] = {
        {LEAST "data_dir: ${NONE}\n",
         "p.yaml:3:11: error: the environment variable NONE is not set\n"},
        {LEAST "data_dir: ${NONE}\n", "= help: set it, or give a default: ${NONE:-default}\n"},
        {LEAST "data_dir: ${NONE:?ask Ann}\n", "variable NONE is not set: ask Ann\n"},
        {LEAST "data_dir: ${EMPTY:?ask Ann}\n", "variable EMPTY is not set: ask Ann\n"},
        {LEAST "data_dir: ${}\n", "\"${}\" is not understood"},
        {LEAST "data_dir: ${1A}\n", "\"${1A}\" is not understood"},
        {LEAST "data_dir: ${A-B}\n", "\"${A-B}\" is not understood"},
        {LEAST "data_dir: ${A:+B}\n", "write ${NAME}, ${NAME:-default}, ${NAME:?message}"},
        {LEAST "data_dir: ${A\n", "a \"${\" is not closed"},
        {LEAST "data_dir: ${A:-${B}}\n", "inside of \"${...}\" is not taken"},
        {LEAST "data_dir: ${file:}\n", "the path of a file is empty"},
        {LEAST "data_dir: ${file:/nowhere}\n", "cannot read \"/nowhere\": No such file"},
        {LEAST "listen: {limits: {lane: '${EMPTY}'}}\n",
         "expected a whole number, but \"${EMPTY}\" is empty"},
    };
    EACH(rows);
    conf_room_variables = NULL;
    struct conf_env closed = {conf_room_variable, false, false};
    struct buf errors;
    buf_init(&errors, 65536);
    assert_null(conf_parse_with(STR(LEAST "data_dir: ${file:/etc/hostname}\n"), "p.yaml", &closed,
                                &errors));
    room_holds(buf_str(&errors), "no file is opened here");
    buf_done(&errors);
    struct buf text; /* many times much is too much */
    buf_init(&text, 1024 * 1024);
    buf_add_str(&text, STR(LEAST "destinations:\n"));
    static char value[60000];
    memset(value, 'x', sizeof value - 1);
    const char *const big[] = {"BIG", value, NULL};
    conf_room_variables = big;
    for (int i = 0; i < 200; i++) {
        buf_printf(&text, "  d%d: {url: http://d, headers: {X: '$$${BIG}'}}\n", i);
    }
    char *whole = buf_take(&text);
    conf_bad(whole, "too large once its variables are filled in");
    free(whole);
    conf_room_variables = NULL;
}

static void sources(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"listen: {}\n", "p.yaml: error: there is no source"},
        {"sources:\n", "there is no source"},
        {"", "there is no source"},
        {"sources: {s: {}}\n", "\"verify\" is missing in a source\n"},
        {"sources: {s: {}}\n", "= help: say how it signs: the name of a provider"},
        {"sources: {s: {verify: strip}}\n", "did you mean \"stripe\"?"},
        {"sources: {s: {verify: none, dedupe: 10m}}\n",
         "\"dedupe\" does not know where the id of a delivery is\n"},
        {"sources: {s: {verify: dropbox-sign, secret: x, dedupe: {window: 1h, key: signed}}}\n",
         "dropbox-sign signs nothing that could tell one event from another\n"},
        {"sources: {s: {verify: adyen, secret: ab, dedupe: {window: 1h, key: signed}}}\n",
         "adyen signs nothing that could tell one event from another\n"},
        {"sources: {s: {verify: github, secret: x, dedupe: {}}}\n",
         "\"dedupe\" needs a window, such as 24h\n"},
        {"sources: {s: {verify: none, dedupe: {window: 10m, key: id}}}\n",
         "\"key\" must be header.NAME or body./json/pointer\n"},
        {"sources: {s: {verify: ''}}\n", "\"type\" must have 1 to 64 characters"},
        {"sources: {s: {verify: {}}}\n", "\"type\" is missing in verify"},
        {"sources: {s: {verify: {type: hmca}, secret: x}}\n", "did you mean \"hmac\"?"},
        {"sources: {s: {verify: {type: stripe, header: X}, secret: x}}\n",
         "\"header\" belongs to \"type: hmac\", not to stripe"},
        {"sources: {s: {verify: stripe}}\n", "\"s\" needs the secret that its sender signs with"},
        {"sources: {s: {verify: stripe, secret: ''}}\n", "\"secret\" is empty"},
        {"sources: {s: {verify: stripe, secret: '${X:-}'}}\n", "\"secret\" is empty"},
        {"sources: {s: {verify: stripe, secrets: []}}\n",
         "\"secrets\" must have 1 to 8 entries, not 0"},
        {"sources: {s: {verify: stripe, secrets: ['', '${X:-}']}}\n",
         "\"secrets\" holds no secret"},
        {"sources: {s: {verify: stripe, secrets: [1,2,3,4,5,6,7,8,9]}}\n", "1 to 8 entries, not 9"},
        {"sources: {s: {verify: stripe, secret: a, secrets: [b]}}\n",
         "\"secret\" and \"secrets\" are both given"},
        {"sources: {s: {verify: stripe, secret: a, secret_file: /x}}\n",
         "\"secret\" and \"secret_file\" are both given"},
        {"sources: {s: {verify: none, secret: a}}\n", "\"verify: none\" looks at none"},
        {"sources: {s: {verify: standard, secret: 'not base64'}}\n",
         "p.yaml:1:41: error: the secret is not base64"},
        {"sources: {s: {verify: standard, secrets: [whsec_MfKQ9r8G, '!']}}\n",
         "p.yaml:1:59: error: the secret is not base64"},
        {"sources: {s: {verify: {type: hmac}, secret: a}}\n",
         "header of the signature is not named"},
        {"sources: {s: {verify: {type: hmac, header: a b}, secret: a}}\n",
         "not the name of a header"},
        {"sources: {s: {verify: {type: hmac, header: X, template: '{bod}'}, secret: a}}\n",
         "the template knows {body}"},
        {"sources: {s: {verify: {type: hmac, header: X, extract: {kv_sep: x}}, secret: a}}\n",
         "\"kv_sep\" must be one of"},
        {"sources: {s: {verify: {type: hmac, header: X, extract: {kv_sep: '::'}}, secret: a}}\n",
         "\"kv_sep\" must have at most 1 character"},
        {"sources: {s: {verify: {type: hmac, header: X, algorithm: md5}, secret: a}}\n",
         "must be one of sha1, sha256, sha512"},
        {"sources: {s: {verify: {type: hmac, header: [A, B, C, D, E, F, G, H, I]}, secret: a}}\n",
         "1 to 8 entries, not 9"},
        {"sources: {s: {verify: square, secret: x}}\n",
         "square signs the URL that it posts to, which Penstock cannot know\n"},
        {"sources: {s: {verify: square, secret: x}}\n",
         "verify: {type: square, public_url: \"https://hooks.example.com/hooks/s\"}\n"},
        {"sources: {s: {verify: {type: stripe, public_url: x}, secret: x}}\n",
         "stripe does not sign a URL: leave \"public_url\" out\n"},
        {"sources: {s: {verify: {type: github, timestamp: {tolerance: 1h}}, secret: x}}\n",
         "github has no age that is looked at: leave \"timestamp\" out\n"},
        {"sources: {s: {verify: {type: stripe, timestamp: {header: X}}, secret: x}}\n",
         "where stripe has its timestamp is known: say its tolerance alone\n"},
        {"sources: {s: {verify: {type: token}, secret: x}}\n",
         "the header of the signature is not named\n"},
        {"sources: {s: {verify: {type: basic, header: X}, secret: 'x:y'}}\n",
         "\"header\" belongs to \"type: hmac\", not to basic: leave it out\n"},
        {"sources: {s: {verify: postmark, secret: x}}\n",
         "the secret of basic authentication is user:password\n"},
        {"sources: {s: {verify: discord, secret: 00ff}}\n",
         "the key is no public key of Ed25519\n"},
        {"sources: {s: {verify: sendgrid, secret: AAAA}}\n", "the key is no public key of P-256\n"},
        {"sources: {s: {verify: {type: hash, header: X, template: '{body}'}, secret: x}}\n",
         "the template must hold {secret}, or anybody could make this digest\n"},
        {"sources: {s: {verify: {type: hmac, header: X, template: '{body}{secret}'}, secret: x}}\n",
         "{secret} belongs to \"type: hash\" alone"},
        {"sources: {s: {verify: {type: hmac, header: X, timestamp: {header: T}}, secret: a}}\n",
         "not part of the template"},
        {"sources: {s: {verify: {type: jwt, header: X, body_claim: b}, secret: a}}\n",
         "needs the one algorithm that its tokens are signed by: HS256"},
        {"sources: {s: {verify: {type: jwt, algorithm: none, header: X}, secret: a}}\n",
         "\"algorithm\" must be one of sha1"},
        {"sources: {s: {verify: {type: jwt, algorithm: sha256, header: X}, secret: a}}\n",
         "needs the one algorithm"},
        {"sources: {s: {verify: {type: hmac, algorithm: HS256, header: X}, secret: a}}\n",
         "it needs \"type: jwt\""},
        {"sources: {s: {verify: {type: jwt, algorithm: HS256, header: X}, secret: a}}\n",
         "its tokens vouch for no body: name body_claim"},
        {"sources: {s: {verify: {type: jwt, algorithm: HS256, body_claim: b}, secret: a}}\n",
         "the header of the token is not named"},
        {"sources: {s: {verify: {type: jwt, algorithm: HS256, header: X, url_claim: u, "
         "body_claim: b}, secret: a}}\n",
         "public_url must say how it is registered"},
        {"sources: {s: {verify: {type: jwt, algorithm: RS256, header: X, audience: a}, "
         "secret: a}}\n",
         "the key is no public key of RSA in PEM"},
        {"sources: {s: {verify: {type: jwt, algorithm: HS256, header: X, template: x}, "
         "secret: a}}\n",
         "\"template\" belongs to \"type: hmac\", not to jwt"},
        {"sources: {s: {verify: {type: hmac, header: X, issuer: x}, secret: a}}\n",
         "\"issuer\" belongs to \"type: jwt\", not to hmac"},
        {"sources: {s: {verify: {type: qstash, issuer: x}, secret: a}}\n",
         "the issuer of qstash is known: leave \"issuer\" out"},
        {"sources: {s: {verify: qstash, secret: a}}\n",
         "verify: {type: qstash, public_url: \"https://hooks.example.com/hooks/s\"}\n"},
        {"sources: {a: {verify: none, path: /x}, b: {verify: none, path: /x}}\n",
         "p.yaml:1:64: error: the path /x belongs to the source \"a\" already"},
        {"sources: {a: {verify: none}, b: {verify: none, path: /hooks/a}}\n",
         "the path /hooks/a belongs to the source \"a\" already"},
        {"sources: {s: {verify: none, path: x}}\n", "must begin with /"},
        {"sources: {s: {verify: none, path: '/a b'}}\n", "must begin with /"},
        {"sources: {s: {verify: none, path: '/a?b'}}\n", "must begin with /"},
        {"sources: {s: {verify: none, methods: [POST, BREW]}}\n",
         "expected GET, POST, PUT, PATCH, DELETE, HEAD or OPTIONS, not \"BREW\""},
        {"sources: {s: {verify: none, methods: []}}\n", "\"methods\" must have 1 to 7 entries"},
        {"sources: {s: {verify: none, body: 512MiB}}\n",
         "may find no room in listen.limits.memory"},
        {"sources: {s: {verify: none, event: {type: X-Type}}}\n",
         "\"type\" must be header.NAME or body./json/pointer"},
        {"sources: {s: {verify: none, event: {id: body.id}}}\n", "\"id\" must be header.NAME"},
        {"sources: {s: {verify: none, event: {id: body./a~2}}}\n", "\"id\" must be header.NAME"},
        {"sources: {s: {verify: none, event: {id: 'header.a b'}}}\n", "\"id\" must be header.NAME"},
        {"sources: {s: {verify: none, respond: {status: 404}}}\n", "must be from 200 to 299"},
        {"sources: {S: {verify: none}}\n", "\"S\" is not a name"},
        {"sources: {-s: {verify: none}}\n", "\"-s\" is not a name"},
        {"sources: {'': {verify: none}}\n", "\"\" is not a name"},
        {"sources: {'*': {verify: none}}\n", "\"*\" is not a name"},
        {"sources: {a/b: {verify: none}}\n", "\"a/b\" is not a name"},
        {"sources: {aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: {verify: "
         "none}}",
         "is not a name"},
    };
    EACH(rows);
}

static void destinations(void **state)
{
    (void)state;
#define D(rest) LEAST "destinations: {d: {" rest "}}\n"
    static const struct row rows[] = {
        {D("timeout: 1s"), "\"url\" is missing in a destination"},
        {D("url: ftp://d"), "\"url\": the scheme must be http or https"},
        {LEAST "destinations: {d: ftp://d}\n", "p.yaml:3:19: error: \"url\": the scheme must be"},
        {D("url: 'http://u:hunter2@d'"), "set the header Authorization instead"},
        {D("url: 'http://u:hunter2@d'"), "{url: ********************}"},
        {D("url: http://d:0"), "the port must be"},
        {D("url: 'http://a b'"), "a space"},
        {LEAST "destinations: {D: http://d}\n", "\"D\" is not a name"},
        {D("url: http://d, timeout: 15"), "did you mean 15s?"},
        {D("url: http://d, timeout: 11m"), "must be from 100ms to 10m"},
        {D("url: http://d, concurrency: 0"), "must be from 1 to 1024"},
        {D("url: http://d, max_age: 0s"), "must be from 1s to 366d"},
        {D("url: http://d, on_exhausted: forget"), "must be one of dead_letter, drop, pause"},
        {D("url: http://d, breaker: {probe_every: 10ms}"), "must be from 1s to 1h"},
        {D("url: http://d, retry: {schedule: []}"), "must have 1 to 32 entries, not 0"},
        {D("url: http://d, retry: {schedule: [...]}"), "repeats the step before it"},
        {D("url: http://d, retry: {schedule: [1s, ..., 2s]}"), "so it stands last"},
        {D("url: http://d, retry: {schedule: [1s, 5]}"), "did you mean 5s?"},
        {D("url: http://d, retry: {schedule: [0s]}"), "must be from 100ms to 30d"},
        {D("url: http://d, retry: {schedule: [31d]}"), "must be from 100ms to 30d"},
        {D("url: http://d, retry: {jitter: 20}"), "did you mean 20%?"},
        {D("url: http://d, retry: {on: [4xx]}"), "expected network, timeout, 5xx or a status"},
        {D("url: http://d, retry: {on: [302]}"), "a status from 400 to 599"},
        {D("url: http://d, retry: {on: 5xx, schedule: [1s], exponential: {}}"),
         "\"schedule\" and \"exponential\" are both given"},
        {D("url: http://d, retry: {exponential: {first: 2h}}"), "\"first\" is longer than \"max\""},
        {D("url: http://d, retry: {exponential: {factor: 0.5}}"),
         "\"factor\" must be from 1 to 100"},
        {D("url: http://d, retry: {exponential: {factor: 1.}}"),
         "expected a number such as 2 or 1.5"},
        {D("url: http://d, headers: {Host: x}"), "\"Host\" is set by Penstock itself"},
        {D("url: http://d, headers: {content-LENGTH: 1}"), "is set by Penstock itself"},
        {D("url: http://d, headers: {Penstock-Source: x}"), "is set by Penstock itself"},
        {D("url: http://d, headers: {'X Y': x}"), "\"X Y\" is not the name of a header"},
        {D("url: http://d, headers: {X: \"a\\r\\nY: b\"}"), "has a line break"},
        {D("url: http://d, headers: [a]"), "\"headers\" takes a mapping of names to values"},
        {D("url: http://d, headers: {X: [a]}"), "\"X\" takes one value, not a list"},
        {D("url: https://d, tls: {ca_file: /nowhere}"), "cannot read \"/nowhere\": No such file"},
        {D("url: https://d, tls: {ca_file: /etc/passwd}"), "there is no PEM certificate in"},
        {D("url: https://d, tls: {ca_file: /dev/zero}"), "it is no regular file"},
        {D("url: https://d, tls: {cert_file: /x}"), "must be given together"},
        {D("url: http://d, tls: {ca_file: /x}"), "\"tls\" is given, but the URL is not https"},
    };
    EACH(rows);
}

static void routes(void **state)
{
    (void)state;
#define R(rest) LEAST "destinations: {billing: http://d}\nroutes: [" rest "]\n"
    static const struct row rows[] = {
        {R("{}"), "\"from\" is missing in a route"},
        {R("{from: s}"), "\"to\" is missing in a route"},
        {R("{from: s, to: biling}"), "p.yaml:4:24: error: there is no destination \"biling\"\n"},
        {R("{from: s, to: biling}"), "did you mean \"billing\"?"},
        {R("{from: s, to: [billing, x]}"), "p.yaml:4:34: error: there is no destination \"x\"\n"},
        {R("{from: [t], to: billing}"), "p.yaml:4:18: error: there is no source \"t\"\n"},
        {R("{from: [], to: billing}"), "\"from\" must have 1 to 4096 entries, not 0"},
        {R("{from: s, to: []}"), "\"to\" must have 1 to 1024 entries"},
        {R("{from: s, to: billing, events: []}"), "\"events\" must have 1 to 256 entries"},
        {R("{from: s, to: billing, stop: 1}"), "expected true or false"},
        {R("{from: s, to: [{name: billing}]}"), "\"to\" takes one value, not a mapping"},
        {R("a"), "expected a mapping for a route, not text"},
    };
    EACH(rows);
}

static void listeners_and_redis(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {LEAST "listen: {address: 8080}\n", "\"address\": the port is missing"},
        {LEAST "listen: {address: ':8080'}\n", "\"address\": the host is missing"},
        {LEAST "admin: {address: 0.0.0.0:8081}\n",
         "p.yaml:3:18: error: the admin API would be open to everybody who reaches 0.0.0.0:8081\n"},
        {LEAST "admin: {address: '[::]:8081', token: ''}\n", "would be open to everybody"},
        {LEAST "admin: {address: 'unix:x'}\n", "written unix:/absolute/path"},
        {LEAST "admin: {address: 0.0.0.0:8080, token: x}\n", "have the same address"},
        {LEAST "redis: {url: http://h}\n",
         "\"url\": the URL must begin with redis://, rediss:// or unix://"},
        {LEAST "redis: {url: redis://h/x}\n", "must be a number, such as /0"},
        {LEAST "redis: {url: redis://h?db=1}\n", "only /DATABASE is taken"},
        {LEAST "redis: {url: 'redis://a:%zz@h'}\n", "hexadecimal"},
        {LEAST "redis: {url: 'redis://a:%00@h'}\n", "hold a broken %XX"},
        {LEAST "redis: {url: redis://user@h}\n", "there is a user, but no password"},
        {LEAST "redis: {url: 'redis://:a@h', password: b}\n", "another one beside it"},
        {LEAST "redis: {password: b}\n", "there is a password, but no \"url\""},
        {LEAST "redis: {url: 'unix:x'}\n", "a Unix socket is written unix:///absolute/path"},
        {LEAST "redis: {url: 'unix:///x?y=1'}\n", "only ?db=NUMBER is taken"},
    };
    EACH(rows);
    static const char *const variables[] = {"REDIS_URL", "memcached://h", NULL};
    conf_room_variables = variables;
    conf_bad(LEAST,
             "p.yaml: error: $REDIS_URL: the URL must begin with redis://, rediss:// or unix://\n");
    conf_room_variables = NULL;
}

static void passwords_are_in_no_message(void **state)
{
    (void)state;
    static const char *const texts[] = {
        LEAST "redis: {url: 'redis://u:hunter2@h/x', db: 1}\n",
        LEAST "redis: {url: 'rediss://u:hunter2@h/x'}\n",
        "sources: {s: {verify: strip, secret: hunter2, x: 1}}\n",
        "sources: {s: {verify: standard, secret: hunter2!}}\n",
        "sources: {s: {verify: standard, secrets: [hunter2!]}}\n",
        LEAST "admin: {address: x, token: hunter2}\n",
        LEAST "admin: {address: x, token: \"hunter2\n   hunter2\"}\nx: [\n",
        LEAST "destinations: {d: {url: 'http://u:hunter2@h'}}\n",
        LEAST "destinations: {d: {url: http://h, headers: {Authorization: hunter2, Host: x}}}\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct buf errors;
        buf_init(&errors, 65536);
        assert_null(conf_parse_with(str_of(texts[i]), "p.yaml", &conf_room_env, &errors));
        room_holds(buf_str(&errors), "error");
        room_lacks(buf_str(&errors), "hunter2");
        buf_done(&errors);
    }
}

/* One mistake, one complaint: what follows from it is not said. */
static void consequences_are_not_said(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "sources: {s: {verify: stripe, secret: '${NONE}'}}\n",
        "sources: {s: {verify: stripe, secrets: ['${NONE}']}}\n",
        "sources: {s: {verify: stripe, secret_file: /nowhere}}\n",
        "sources: {s: {verify: strip}}\n",
        "sources: {s: {verify: [stripe]}}\n",
        "sources: {s: text}\n",
        "sources: [s]\n",
        LEAST "admin: {address: 0.0.0.0:8081, token: '${NONE}'}\n",
        LEAST "admin: {address: 0.0.0.0:8081, token_file: /nowhere}\n",
        LEAST "destinations: {d: [x]}\n",
        LEAST "destinations: {d: {url: ftp://d}}\nroutes: [{from: s, to: d}]\n",
        LEAST "redis: {url: 'http://u@h'}\n",
        LEAST "redis: {durability: fsynk}\n",
        LEAST "destinations: {d: {ulr: http://x}}\n",
        LEAST "listen: {limits: {memory: 1}}\n",
        "a: b: c\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct buf errors;
        buf_init(&errors, 65536);
        assert_null(conf_parse_with(str_of(texts[i]), "p.yaml", &conf_room_env, &errors));
        const char *first = memmem(errors.at, errors.len, ": error: ", 9);
        assert_non_null(first);
        size_t behind = (size_t)(first - errors.at) + 9;
        if (memmem(errors.at + behind, errors.len - behind, ": error: ", 9) != NULL) {
            fail_msg("%s\n%.*s", texts[i], STR_ARG(buf_str(&errors)));
        }
        buf_done(&errors);
    }
}

static void many_errors_are_cut_short(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 8192);
    buf_add_str(&b, STR(LEAST));
    for (int i = 0; i < 200; i++) {
        buf_printf(&b, "key%d: 1\n", i);
    }
    char *text = buf_take(&b);
    conf_bad(text, "p.yaml: error: there are more errors; these are the first 20\n");
    conf_bad(text, "p.yaml:22:1: error: unknown key \"key19\"");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_it_as_documented),
        cmocka_unit_test(all_of_it_in_one_run),
        cmocka_unit_test(keys),
        cmocka_unit_test(later_keys),
        cmocka_unit_test(values),
        cmocka_unit_test(interpolations),
        cmocka_unit_test(sources),
        cmocka_unit_test(destinations),
        cmocka_unit_test(routes),
        cmocka_unit_test(listeners_and_redis),
        cmocka_unit_test(passwords_are_in_no_message),
        cmocka_unit_test(consequences_are_not_said),
        cmocka_unit_test(many_errors_are_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
