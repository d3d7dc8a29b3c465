"""The verbs as an operator types them: what they print, and their exit codes. 0: fine; 1: what was asked for failed;
2: usage; 3: Penstock, or its Redis, is not reachable."""
import http.client
import json
import os
import re
import signal
import subprocess
import time

from harness import PATIENCE, PENSTOCK, SECRET, Load, free_port, sequence, sign_stripe, wait_for

NOBODY = "018f0000-0000-7000-8000-000000000001"


def run(*args, said=None):
    """One command; said: what it reads. Its exit code, and what it printed and complained."""
    r = subprocess.run([PENSTOCK, *args], input=said, stdin=subprocess.DEVNULL if said is None else None,
                       capture_output=True, text=True, timeout=4 * PATIENCE)
    assert "Sanitizer" not in r.stderr, r.stderr
    return r.returncode, r.stdout, r.stderr


def operated(flow, destinations, redis=None, **more):
    """A Penstock on ports that its configuration names, as an operator's does; and its verbs."""
    p = flow.penstock(destinations, redis, start=False, **more)
    with open(p.config) as f:
        text = f.read()
    with open(p.config, "w") as f:
        f.write(text.replace("127.0.0.1:0", "127.0.0.1:%d" % free_port(), 1)
                .replace("127.0.0.1:0", "127.0.0.1:%d" % free_port(), 1))
    os.chmod(p.config, 0o600)  # there is a secret in it, and a verb would say so
    p.start()
    return p, lambda *args, **more: run(*args, "-c", p.config, **more)


def without(p, name, rest):
    """Its configuration does not know that destination any more."""
    with open(p.config) as f:
        lines = f.read().replace("[%s, %s]" % (rest, name), "[%s]" % rest).splitlines()
    with open(p.config, "w") as f:
        f.write("\n".join(line for line in lines if not line.startswith("  %s:" % name)))


def buried(p, n):
    listed = lambda: p.api("/api/v1/dead?limit=1000")["dead"]
    wait_for(lambda: len(listed()) == n, "%d dead letters" % n)
    return listed()


def every_verb_explains_itself(flow):
    code, text, _ = run("--help")
    verbs = re.findall(r"^  ([a-z]+) ", text, re.M)
    assert code == 0 and len(verbs) == 19, text
    for verb in verbs:
        for ask in ("--help", "-h"):
            code, text, trouble = run(verb, ask)
            assert code == 0 and "usage: penstock " + verb in text and trouble == "", (verb, text, trouble)
    code, text, trouble = run()
    assert code == 2 and text == "" and "usage: penstock VERB" in trouble
    assert run("help")[0] == 0
    code, text, trouble = run("version")
    assert code == 0 and text.startswith("penstock ") and "libuv" in text and run("--version") == (code, text, trouble)


def what_is_typed_wrong_is_usage_and_named(flow):
    code, _, trouble = run("reply")
    assert code == 2 and '"reply"' in trouble
    for verb in re.findall(r"^  ([a-z]+) ", run("--help")[1], re.M):
        code, text, trouble = run(verb, "--bogus")
        assert code == (64 if verb == "plan" else 2) and "--bogus" in trouble and text == "", (verb, trouble)
        assert "penstock %s --help" % verb in trouble, trouble
    for args, named in ((("run", "--print"), "--print"), (("check", "--url", "x"), "--url"),
                        (("health", "--print"), "--print"), (("run", "extra"), "extra"),
                        (("doctor", "extra"), "extra"), (("providers", "stripe", "extra"), "extra"), (("sink", "extra"), "extra"), (("version", "extra"), "extra"),
                        (("health", "--config"), "--config"), (("sink", "--status", "700"), "700"),
                        (("sink", "--status", "199"), "199"), (("sink", "--delay", "3"), "3"), (("send",), "--source"), (("route",), "--source"),
                        (("events", "extra"), "ls"), (("events", "--limit", "x"), "x"), (("replay",), "--unrouted"),
                        (("send", "--source", "s", "--header", "no colon"), "--header")):
        code, text, trouble = run(*args)
        assert code == 2 and named in trouble and text == "", (args, code, trouble)


def a_configuration_that_is_missing_or_wrong_is_exit_1(flow):
    path = os.path.join(flow.folder, "penstock.yaml")
    for verb in (("check",), ("run",), ("health",), ("dead", "ls"), ("destinations", "ls"), ("nodes",), ("doctor",),
                 ("send", "--source", "stripe"), ("route", "--source", "stripe"), ("events",), ("replay", "--unrouted")):
        code, text, trouble = run(*verb, "-c", path)
        assert code == 1 and "penstock.yaml" in trouble and text == "", (verb, code, trouble)
    p = flow.penstock({"d": "http://127.0.0.1:9/"}, start=False)
    code, text, trouble = run("check", "-c", p.config)
    assert code == 0 and "warning" in trouble and SECRET not in trouble
    os.chmod(p.config, 0o600)
    code, text, trouble = run("check", "-c", p.config)
    assert (code, text, trouble) == (0, "ok: 1 sources, 1 destinations, 1 routes\n", "")
    code, text, _ = run("check", "--print", "-c", p.config)
    assert code == 0 and "http://127.0.0.1:9/" in text and SECRET not in text and "***" in text
    with open(p.config, "a") as f:
        f.write("destinatons: {}\n")
    code, text, trouble = run("check", "-c", p.config)
    assert code == 1 and 'did you mean "destinations"' in trouble and text == ""


def health_says_ready_or_not_or_away(flow):
    redis = flow.redis()
    p, verb = operated(flow, {"d": flow.sink()}, redis)
    assert verb("health") == (0, "ready\n", "")
    url = "http://127.0.0.1:%d" % p.admin_port
    assert run("health", "--url", url) == (0, "ready\n", "") == run("health", "-u", url + "/")
    assert run("health", "--url", "nowhere")[0] == 2
    redis.kill()
    wait_for(lambda: verb("health") == (1, "redis_down\n", ""), "Redis to be missed")
    p.stop()
    code, text, trouble = verb("health")
    assert code == 3 and text == "" and "no answer from 127.0.0.1:%d" % p.admin_port in trouble


def what_asks_a_penstock_that_is_away_is_exit_3(flow):
    p, verb = operated(flow, {"d": flow.sink()}, flow.redis())
    p.stop()
    for args in (("dead", "ls"), ("dead", "show", NOBODY), ("dead", "replay", NOBODY, "--destination", "d"),
                 ("dead", "purge", NOBODY, "--destination", "d", "--yes"),
                 ("dead", "replay", "--all", "--destination", "d", "--yes"), ("destinations", "ls"),
                 ("destinations", "pause", "d"), ("destinations", "drop", "e", "--yes"), ("nodes",),
                 ("send", "--source", "stripe")):
        code, text, trouble = verb(*args)
        assert code == 3 and "no answer from 127.0.0.1:" in trouble, (args, code, text, trouble)


def what_needs_a_redis_that_is_away_is_exit_3(flow):
    redis = flow.redis()
    p, verb = operated(flow, {"d": flow.sink()}, redis)
    redis.kill()
    wait_for(lambda: p.admin("/readyz")[0] == 503, "Redis to be missed")
    for args in (("dead", "ls"), ("dead", "replay", "--all", "--destination", "d", "--yes"),
                 ("destinations", "pause", "d")):
        code, text, trouble = verb(*args)
        assert code == 3 and "503" in trouble and "redis_down" in trouble, (args, code, text, trouble)


def verbs_give_the_token_of_their_configuration(flow):
    p, verb = operated(flow, {"d": flow.sink()}, flow.redis())
    assert p.stop() == 0
    with open(p.config) as f:
        text = f.read()
    with open(p.config, "w") as f:
        f.write(re.sub(r"admin: \{", "admin: { token: 'a token of some length',", text))
    p.start()
    assert verb("destinations", "ls")[0] == 0 and verb("health")[0] == 0
    with open(p.config, "w") as f:
        f.write(text)
    code, _, trouble = verb("destinations", "ls")
    assert code == 1 and "401" in trouble and "admin.token" in trouble
    c = http.client.HTTPConnection("127.0.0.1", p.admin_port, timeout=10)
    c.request("GET", "/metrics", headers={"Authorization": "Bearer a token of some length"})
    figures = c.getresponse().read().decode()
    c.close()
    assert 'penstock_admin_requests_refused_total{reason="unauthorized"} 1' in figures, "who tries tokens is counted"
    assert re.search(r'"level":"warn","msg":"admin request refused".*"client":"127\.0\.0\.1","reason":"unauthorized"', p.text()), \
        "and logged, also where what senders are refused for is not"


def send_signs_like_the_provider(flow):
    sink = flow.sink()
    sources = ["stripe: { verify: stripe, secret: '%s', body: 64KiB }" % SECRET,
               "github: { verify: github, secret: '%s' }" % SECRET]
    p, verb = operated(flow, {"d": sink}, flow.redis(), sources=sources)
    code, text, _ = verb("send", "--source", "stripe")
    assert code == 0 and re.fullmatch(r"200 \{\} [0-9a-f-]{36}\n", text), text
    assert sink.wait(1)[0].header("webhook-id") == text.split()[-1]
    path = os.path.join(flow.folder, "body.json")
    with open(path, "w") as f:
        f.write('{"from":"a file"}')
    for i, (body, said) in enumerate((('{"as":"text"}', None), ("@" + path, None), ("@-", '{"from":"standard input"}'))):
        assert verb("send", "-s", "github", "-b", body, "-H", "X-Own: %d" % i, said=said)[0] == 0
        r = sink.wait(2 + i)[-1]
        assert r.header("penstock-source") == "github" and r.header("x-own") == str(i)
    assert sink.bodies()[1:] == [b'{"as":"text"}', b'{"from":"a file"}', b'{"from":"standard input"}']
    assert verb("send", "-s", "stripe", "-u", "http://127.0.0.1:%d/" % p.port)[0] == 0
    code, text, _ = verb("send", "-s", "stripe", "-b", "x" * 70000)
    assert code == 1 and text.startswith("413 ") and "too_large" in text
    for args, named in ((("-s", "strip"), '"strip"'), (("-s", "stripe", "-b", "@" + path + "x"), path + "x")):
        code, text, trouble = verb("send", *args)
        assert code == 1 and named in trouble and text == "", trouble
    assert verb("send", "-s", "stripe", "-u", "http://127.0.0.1:port")[0] == 2
    assert verb("send", "-s", "stripe", "-u", "http://127.0.0.1:%d" % free_port())[0] == 3


def providers_are_listed_and_shown(flow):
    code, text, trouble = run("providers")
    names = [line.split()[0] for line in text.splitlines()]
    assert code == 0 and trouble == "" and len(names) == len(set(names)) >= 76 and "none" not in names, text
    assert re.search(r"^github +GitHub +HMAC-SHA256, hex +10s$", text, re.M), text
    code, text, _ = run("providers", "--json")
    rows = {row["name"]: row for row in map(json.loads, text.splitlines())}
    assert code == 0 and list(rows) == names
    for name, row in rows.items():
        assert run("providers", name, "--json")[1] == json.dumps(row, separators=(",", ":")).replace("\\n", "\\u000a") + "\n", name
        assert row["docs"].startswith("https://") and "the URL of this source" in row["setup"], row
        code, text, trouble = run("providers", name)
        assert code == 0 and trouble == "" and text.startswith(row["title"] + "\n\n") and text.endswith("\n\n" + row["config"]), text
        assert row["setup"] in text and all(header in text for header in row.get("headers", [])), text
        assert ("deadline_s" in row) != ("deadline      not known\n" in text), text
    code, text, _ = run("providers", "square")
    assert "\n    verify: {type: square, public_url: https://hooks.example.com/hooks/square}\n" in text, text
    for name, meant in (("strip", '; did you mean "stripe"?'), ("githbu", '; did you mean "github"?'), ("none", '"none"\n'),
                        ("nothing like it", 'like it"\n')):
        code, text, trouble = run("providers", name)
        assert code == 2 and text == "" and 'no provider "%s"' % name in trouble and meant in trouble, trouble


def what_providers_gives_to_paste_is_a_configuration(flow):
    """All of them at once, with secrets of the form that each says."""
    key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1Fq3lPIVd3hZuTjfag84tEJrZY9XZME9Ck8FYsf/b4FT4RZRL0pkb4gzs94LtzKGZFhIBm4qI2tuX5ApXR+tJQ=="
    secrets = {"as it is": "a secret", "user:password, as it is": "user:password", "in hex": "00ff10aa",
               "in base64 behind whsec_": "whsec_c2VjcmV0", "as it is, or in base64 behind whsec_": "whsec_c2VjcmV0",
               "the provider's public key, in hex": "01" * 32, "public key:private key": "public:private"}
    sources = []
    for row in map(json.loads, run("providers", "--json")[1].splitlines()):
        secret = key if row["kind"] == "ecdsa" else "AQ" * 21 + "E=" if row["kind"] == "ed25519" and "64" in row["secret"] \
            else secrets[row["secret"]] if "public_keys" not in row else "a-secret" if "client_secret" in row["config"] else None
        first, *lines = row["config"].splitlines()
        assert first == "sources:", row
        text = "\n".join(lines).strip()
        assert ("${" in text) == (secret is not None), row
        sources.append(text if secret is None else re.sub(r"\$\{[A-Z0-9_]+\}", secret, text))
    p = flow.penstock({"d": "http://127.0.0.1:9/"}, start=False, sources=sources)
    code, text, trouble = run("check", "-c", p.config)
    assert code == 0 and text == "ok: %d sources, 1 destinations, 1 routes\n" % len(sources), trouble


def sink_answers_as_it_is_told(flow):
    """As a destination of Penstock's: two failures, then it is well."""
    path, port = os.path.join(flow.folder, "sink.log"), free_port()
    args = ["--name", "billing", "--listen", "127.0.0.1:%d" % port, "--status", "503", "--first", "2", "--delay", "100ms",
            "--body"]
    sink = subprocess.Popen([PENSTOCK, "sink", *args], stdout=open(path, "w"))
    flow.parts.append(lambda: sink.poll() is None and sink.kill())
    lines = lambda: open(path).read().splitlines()
    wait_for(lambda: lines() == ["billing listening on http://127.0.0.1:%d/" % port], "it to listen")
    p = flow.penstock({"d": "http://127.0.0.1:%d/in" % port}, flow.redis())
    began = time.monotonic()
    event = p.stripe(b'{"a":"b"}').getheader("penstock-event-id")
    wait_for(lambda: len(lines()) == 4, "three attempts")
    wait_for(lambda: p.metric("penstock_deliveries_total") == 1, "the third to be answered")
    assert time.monotonic() - began > 0.3, "each answer waits"
    for i, (line, status) in enumerate(zip(lines()[1:], (503, 503, 200))):
        assert re.fullmatch(r'\d\d:\d\d:\d\d billing \[%d\] POST "/in" source="stripe" attempt="%d" event="%s" 9 bytes '
                            r'"\{\\"a\\":\\"b\\"\}"' % (status, i + 1, event), line), line
    second = subprocess.run([PENSTOCK, "sink", "-l", "127.0.0.1:%d" % port], capture_output=True, text=True, timeout=PATIENCE)
    assert second.returncode == 1 and "in use" in second.stderr
    sink.send_signal(signal.SIGTERM)
    assert sink.wait(PATIENCE) == 0


def dead_letters_are_listed_shown_replayed_and_purged(flow):
    broken = [True]
    d, e = flow.sink(lambda r, before: {"status": 410} if broken[0] else {}), flow.sink(lambda r, before: {"status": 410})
    p, verb = operated(flow, {"d": d, "e": e}, flow.redis())
    assert verb("dead", "ls") == (0, "no dead letters\n", "") == verb("dead")
    event = p.stripe(b'{"seq":1}').getheader("penstock-event-id")
    buried(p, 2)
    code, text, _ = verb("dead", "ls")
    assert code == 0 and len(text.splitlines()) == 2, text
    for line in text.splitlines():
        assert re.match(r"%s  stripe +[de] +2\d\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ +1 attempts  status_4xx 410$" % event, line), line
    assert len(verb("dead", "ls", "--limit", "1")[1].splitlines()) == 1 and verb("dead", "ls", "--limit", "0")[0] == 1
    code, text, _ = verb("dead", "ls", "--json", "--destination", "e")
    row = json.loads(text)
    assert code == 0 and (row["id"], row["destination"], row["status"]) == (event, "e", 410)
    code, text, _ = verb("dead", "show", event)
    assert code == 0 and text.startswith("POST /hooks/stripe\nsource: stripe\n"), text
    assert "d: 1 attempts, status_4xx 410\n" in text and '\n{"seq":1}\n' in text and "Stripe-Signature: " in text
    assert json.loads(verb("dead", "show", event, "--json")[1])["body"] == '{"seq":1}'
    for args in (("show", NOBODY), ("replay", NOBODY, "--destination", "d"), ("replay", event, "--destination", "f")):
        code, text, trouble = verb("dead", *args)
        assert code == 1 and "404" in trouble and text == "", (args, trouble)
    for args in (("replay", event), ("replay", "--destination", "d"), ("show",), ("purge", "--all"), ("bury", event),
                 ("ls", "extra")):
        assert verb("dead", *args)[0] == 2, args
    broken[0] = False
    assert verb("dead", "replay", event, "--destination", "d") == (0, "replaying %s for d\n" % event, "")
    assert d.wait(2)[1].header("penstock-replay") == "true"
    buried(p, 1)
    code, _, trouble = verb("dead", "purge", event, "--destination", "e")
    assert code == 1 and "--yes" in trouble
    assert verb("dead", "purge", event, "--destination", "e", "--yes") == (0, "purging %s for e\n" % event, "")
    buried(p, 0)
    assert len(e.requests) == 1


def replays_and_purges_all_dead_letters_however_many(flow):
    """More than a page of the API's, in the journals of two workers; one that cannot be replayed stops no other."""
    broken = [True]
    redis, d = flow.redis(), flow.sink(lambda r, before: {"status": 410} if broken[0] else {})
    p, verb = operated(flow, {"d": d}, redis)
    load = Load(p, 1500)
    wait_for(lambda: len(load.acknowledged) >= 1100, "load")
    load.stop()
    n = len(load.acknowledged)
    wait_for(lambda: p.metric("penstock_dead_letters_total") == n, "all of them to be dead letters")
    wait_for(lambda: p.api("/api/v1/destinations")["destinations"][0]["dead"] == n, "Redis to have them")
    dead = redis.cli("KEYS", "*dead:d").split()[0]
    bare = redis.cli("ZRANGE", dead, 0, 0)
    assert redis.cli("HDEL", dead.replace("dead:d", "event:" + bare), "b") == "1"
    assert redis.cli("XDEL", dead.replace("dead:d", "journal"), bare + "-0") == "1"
    broken[0] = False
    code, text, trouble = verb("dead", "replay", "--all", "--destination", "d")
    assert code == 1 and "--yes" in trouble and text == ""
    code, text, trouble = verb("dead", "replay", "--all", "--destination", "d", "--yes")
    assert code == 1 and text.splitlines()[-1] == "dead letters of d: %d replaying, 1 refused" % (n - 1), (text[-200:], trouble)
    assert "410" in trouble and len(text.splitlines()) == n
    d.wait(2 * n - 1)
    buried(p, 1)
    assert sorted(sequence(d).values()) == [1] + [2] * (n - 1)
    code, text, _ = verb("dead", "purge", "--all", "--destination", "d", "--yes")
    assert code == 0 and text.splitlines()[-1] == "dead letters of d: 1 purging, 0 refused"
    buried(p, 0)
    code, text, _ = verb("dead", "purge", "--all", "--destination", "d", "--yes")
    assert code == 0 and text == "dead letters of d: 0 purging, 0 refused\n"


def pages_of_dead_letters_have_each_once(flow):
    """Many of one millisecond in two journals, pages that end among them; and some of a page go before the next."""
    redis, d = flow.redis(), flow.sink(lambda r, before: {"status": 410})
    p = flow.penstock({"d": d, "e": d}, redis)
    for i in range(30):
        assert p.stripe(b'{"seq":%d}' % i).status == 200
    listed = {(r["id"], r["destination"]) for r in buried(p, 60)}
    lately = int(time.time() * 1000) - 60000
    for key in redis.cli("KEYS", "*dead:?").split():
        for i, n in enumerate(redis.cli("ZRANGE", key, 0, -1).split()):
            redis.cli("ZADD", key, "XX", lately + i // 12, n)
    for limit in (1, 7, 59, 60, 61):
        rows, after = [], ""
        while after is not None:
            page = p.api("/api/v1/dead?limit=%d&after=%s" % (limit, after))
            assert len(page["dead"]) <= limit
            rows += page["dead"]
            after = page.get("next")
        assert len(rows) == 60 and {(r["id"], r["destination"]) for r in rows} == listed, limit
        times = [r["buried_ms"] for r in rows]
        assert times == sorted(times, reverse=True), times
    first = p.api("/api/v1/dead?limit=10&destination=e")
    assert {r["destination"] for r in first["dead"]} == {"e"}
    for r in first["dead"]:
        assert p.admin("/api/v1/dead/%s/purge?destination=e" % r["id"], "POST")[0] == 202
    buried(p, 50)
    rest = p.api("/api/v1/dead?limit=1000&destination=e&after=" + first["next"])
    assert "next" not in rest and len(rest["dead"]) == 20
    assert {r["id"] for r in rest["dead"] + first["dead"]} == {i for i, destination in listed if destination == "e"}
    left = {r["id"] for r in buried(p, 50)}
    redis.cli("SET", redis.cli("KEYS", "*event:*").split()[0], "foreign")
    seen = {r["id"] for r in p.api("/api/v1/dead?limit=1000")["dead"]}
    assert seen < left and len(seen) == len(left) - 1, "a foreign key hides its own letters only"
    for after in ("x", "1-2-3", "1000-x-1-d", first["next"].replace("-", "_")):
        assert p.admin("/api/v1/dead?after=" + after)[0] == 400, after


def what_is_foreign_among_dead_letters_hides_none(flow):
    redis, d = flow.redis(), flow.sink(lambda r, before: {"status": 410})
    p = flow.penstock({"d": d}, redis, workers=1)
    for i in range(12):
        assert p.stripe(b'{"seq":%d}' % i).status == 200
    listed = {r["id"] for r in buried(p, 12)}
    key = redis.cli("KEYS", "*dead:d")
    ms = redis.cli("ZRANGE", key, 5, 5, "WITHSCORES").split()[1]
    for i, score in enumerate(["+inf", "+inf", "1e300", "9e15", ms + ".5", ms + ".5", ms, ms, ms, "0.5", "-1", "-inf"]):
        redis.cli("ZADD", key, score, "foreign%d" % i)
    for limit in (1, 2, 3, 5, 1000):
        seen, after, pages = [], "", 0
        while after is not None:
            page = p.api("/api/v1/dead?limit=%d&after=%s" % (limit, after))
            seen += [r["id"] for r in page["dead"]]
            after, pages = page.get("next"), pages + 1
            assert pages < 40
        assert len(seen) == 12 and set(seen) == listed, (limit, len(seen))


def destinations_are_listed_paused_resumed_and_dropped(flow):
    d, e = flow.sink(), flow.sink()
    p, verb = operated(flow, {"d": d, "e": e}, flow.redis())
    state = lambda: {line.split()[0]: line.split()[1] for line in verb("destinations", "ls")[1].splitlines()}
    assert state() == {"d": "up", "e": "up"} and verb("destinations")[1].count("last ok never") == 2
    assert verb("destinations", "pause", "e") == (0, "e is paused\n", "") and state() == {"d": "up", "e": "paused"}
    assert p.stripe(b'{"seq":1}').status == 200
    d.wait(1)
    wait_for(lambda: p.metric("penstock_parked_total") == 1, "the other one to be parked")
    rows = {r["name"]: r for r in map(json.loads, verb("destinations", "ls", "--json")[1].splitlines())}
    assert rows["e"]["state"] == "paused" and rows["e"]["parked"] and rows["d"]["last_ok_ms"] > 0
    assert not e.requests and verb("destinations", "resume", "e") == (0, "e is resumed\n", "")
    e.wait(1)
    assert state() == {"d": "up", "e": "up"}
    for args, status in ((("pause", "f"), "404"), (("resume", "f"), "404"), (("drop", "f", "--yes"), "404"),
                         (("drop", "e", "--yes"), "409")):
        code, text, trouble = verb("destinations", *args)
        assert code == 1 and status in trouble and text == "", (args, trouble)
    for args in (("pause",), ("drop", "--yes"), ("stop", "e"), ("ls", "e")):
        assert verb("destinations", *args)[0] == 2, args
    assert verb("destinations", "pause", "e")[0] == 0
    assert p.stripe(b'{"seq":2}').status == 200
    d.wait(2)
    wait_for(lambda: p.metric("penstock_parked_total") == 2, "it to be parked again")
    assert p.stop() == 0
    without(p, "e", "d")
    p.start()
    wait_for(lambda: state() == {"d": "up", "e": "unknown"}, "what is left of it to be found")
    code, text, trouble = verb("destinations", "drop", "e")
    assert code == 1 and "--yes" in trouble and text == ""
    code, text, _ = verb("destinations", "drop", "e", "--yes")
    assert code == 0 and text.startswith("e is dropped")
    left = lambda: [r for r in map(json.loads, verb("destinations", "ls", "--json")[1].splitlines()) if r["parked"]]
    wait_for(lambda: not left(), "it to be forgotten")
    assert len(e.requests) == 1


def nodes_are_listed(flow):
    p, verb = operated(flow, {"d": flow.sink()}, flow.redis())
    lines = wait_for(lambda: (lambda t: t if len(t) == 4 else None)(verb("nodes")[1].splitlines()), "two workers")
    assert all("serving" in line and "pid %d" % p.process.pid in line for line in lines[::2]), lines
    assert all(" journal " in line and "live" in line and " lease " in line for line in lines[1::2]), lines
    code, text, _ = verb("nodes", "--json")
    assert code == 0 and {json.loads(line)["pid"] for line in text.splitlines()} == {p.process.pid}
    code, _, trouble = verb("nodes", "extra")
    assert code == 2 and "extra" in trouble


def says_when_which_secret_was_used_last(flow):
    """By whichever node has seen it, also before a restart: so an old one can be taken out."""
    sink, redis = flow.sink(), flow.redis()
    p, verb = operated(flow, {"d": sink}, redis, workers=1,
                       sources=["stripe: { verify: stripe, secrets: { new: fresh, y2024: '%s' } }" % SECRET])

    def shown():
        code, said, complained = verb("sources", "show", "stripe")
        assert code == 0, complained
        return said.splitlines()

    assert shown() == ["stripe  /hooks/stripe  verify: stripe",
                       "  secret new never used: nothing is signed by it yet, keep the others",
                       "  secret y2024 never used: keep it, the newest is not in use",
                       '  Stripe; "penstock providers stripe" says what to enter there']
    assert p.stripe(b"{}").status == 200
    assert "an older secret still signs events" in p.text() and p.text().count("an older secret") == 1
    assert p.stripe(b"{}").status == 200
    assert p.text().count("an older secret") == 1
    assert 'penstock_events_verified_total{source="stripe",secret="y2024"} 2' in p.admin("/metrics")[1]
    assert re.fullmatch(r"  secret y2024 last used \d+ s ago: keep it, the newest is not in use", shown()[2]), shown()
    body = b'{"new":1}'
    assert p.post("/hooks/stripe", body, sign_stripe(body, "fresh")).status == 200
    wait_for(lambda: p.api("/api/v1/sources")["sources"][0]["secrets"][0]["last_used_ms"] > 0, "the newest to be used")
    assert re.fullmatch(r"  secret y2024 last used \d+ s ago: still in use", shown()[2]), shown()
    key = "penstock:secrets"
    wait_for(lambda: len(redis.cli("HKEYS", key).split()) == 2, "both to be told to Redis")
    assert SECRET not in redis.cli("HGETALL", key) and "fresh" not in redis.cli("HGETALL", key)
    assert p.stop() == 0
    newest = max(redis.cli("HKEYS", key).split(), key=lambda field: int(redis.cli("HGET", key, field)))
    for field in redis.cli("HKEYS", key).split():
        redis.cli("HINCRBY", key, field, (-3 if field == newest else -26) * 3600 * 1000)
    p.start()
    assert shown()[1:3] == ["  secret new last used 3 h ago", "  secret y2024 last used 26 h ago: safe to remove"]
    assert verb("sources", "show", "nobody")[0] == 1


def a_configuration_may_be_in_several_files(flow):
    """Routes and destinations of their own files; a name that two have is refused with both places."""
    sink = flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), start=False)
    with open(p.config) as f:
        head, rest = f.read().split("destinations:\n")
    parts = os.path.join(os.path.dirname(p.config), "conf.d")
    os.mkdir(parts)
    for path, text in ((p.config, "include: conf.d/*.yaml\n" + head), (os.path.join(parts, "d.yaml"), "destinations:\n" + rest)):
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o600)
    code, text, trouble = run("check", "-c", p.config)
    assert code == 0 and text == "ok: 1 sources, 1 destinations, 1 routes\n" and trouble == "", (text, trouble)
    code, text, _ = run("check", "--print", "-c", p.config)
    assert code == 0 and "include" not in text and "destinations:\n  d:\n" in text, text
    p.start()
    p.stripe(b'{"n":1}')
    assert sink.wait(1)[0].body == b'{"n":1}'
    with open(os.path.join(parts, "e.yaml"), "w") as f:
        f.write("destinations:\n  d: http://127.0.0.1:1/\n")
    code, text, trouble = run("check", "-c", p.config)
    assert code == 1 and text == "" and "conf.d/e.yaml:2:3: error: the key \"d\" occurs twice" in trouble, trouble
    assert "it is first in line 2 of %s/d.yaml" % parts in trouble, trouble


def says_what_a_key_is_for(flow):
    code, text, _ = run("help", "destinations.retry.schedule")
    assert code == 0 and "default   [5s, 1m, 5m, 30m, 2h, 5h, 10h, ...]" in text, text
    code, text, trouble = run("help", "destinations.retry.shedule")
    assert code == 1 and text == "" and 'did you mean "destinations.retry.schedule"?' in trouble, trouble
    code, text, _ = run("help", "check")
    assert code == 0 and "usage: penstock check" in text
    code, text, _ = run("help")
    assert code == 0 and "\n  destinations   who receives\n" in text and "\n  doctor " in text, text
    schema = json.loads(run("schema")[1])
    assert "stripe" in json.dumps(schema["definitions"]["scheme"]) and set(schema["properties"]) >= {"sources", "routes"}
