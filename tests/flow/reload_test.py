"""Promises about reload: all or nothing, nobody is refused for it, what goes on goes on."""
import hashlib
import hmac
import os
import re
import shutil
import signal
import subprocess
import threading
import time

from between import Between
from certificates import Authority
from harness import PENSTOCK, SECRET, SLOWNESS, Load, check, free_port, sequence, sign_stripe, wait_for

BODY = b'{"type":"charge.succeeded"}'


def _write(p, text):
    """As an editor does it: another file takes the name."""
    with open(p.config + ".new", "w") as f:
        f.write(text)
    os.chmod(p.config + ".new", 0o600)  # it has a secret in it
    os.replace(p.config + ".new", p.config)


def _text(p):
    with open(p.config) as f:
        return f.read()


def _reload(p, *options):
    return subprocess.run([PENSTOCK, "reload", "--url", "http://127.0.0.1:%d" % p.admin_port, *options],
                          capture_output=True, text=True, timeout=60)


def _reloaded(p, text, *options):
    _write(p, text)
    r = _reload(p, *options)
    assert r.returncode == 0 and r.stdout == "reloaded\n", (r.returncode, r.stdout, r.stderr)
    return r.stderr


def _dead(p, destination):
    return (p.api("/api/v1/dead?destination=" + destination) or {}).get("dead", [])


def takes_another_configuration_as_a_whole(flow):
    """A source, a destination and a route come, others go, a secret changes."""
    a, b = flow.sink(), flow.sink()
    p = flow.penstock({"a": a}, flow.redis())
    assert p.stripe(BODY).status == 200 and p.post("/hooks/new", b"{}").status == 404
    a.wait(1)
    before = _text(p)
    changed = before.replace("secret: '%s'" % SECRET, "secret: another")
    changed = changed.replace("sources:", "sources:\n  new: { verify: none }")
    changed = changed.replace('  a: "http', '  b: "http://127.0.0.1:%d/b"\n  a: "http' % b.port)
    changed = changed.replace("routes:", "routes:\n  - { from: new, to: b }\n  - { from: new, to: a, stop: true }")
    assert _reloaded(p, changed) == ""
    assert p.stripe(BODY).status == 401
    signed = sign_stripe(BODY, "another")
    assert p.post("/hooks/stripe", BODY, signed).status == 200 and p.post("/hooks/new", b"{}").status == 200
    b.wait(1)
    a.wait(3)
    assert 'the destination "b" is gone; what waits for it becomes dead letters' in _reloaded(p, before)
    assert p.post("/hooks/new", b"{}").status == 404 and p.stripe(BODY).status == 200
    a.wait(4)
    assert len(b.bodies()) == 1


def a_wrong_configuration_changes_nothing(flow):
    a = flow.sink()
    p = flow.penstock({"a": a}, flow.redis())
    good = _text(p)
    assert p.metric("penstock_config_last_reload_successful") == 1
    since = p.metric("penstock_config_last_reload_success_timestamp_seconds")
    assert abs(time.time() - since) < 60
    _write(p, good.replace("routes:", "rotues:"))
    r = _reload(p)
    assert r.returncode == 1 and 'unknown key "rotues"' in r.stderr and 'did you mean "routes"?' in r.stderr, r.stderr
    assert r.stdout == "not reloaded; the old configuration stays in force\n"
    assert re.search(r"penstock\.yaml:\d+:\d+: error: ", r.stderr)
    assert p.metric("penstock_config_last_reload_successful") == 0
    p.signal(signal.SIGHUP)
    wait_for(lambda: p.text().count("configuration not reloaded; the old one stays in force") == 2, "the log to say so")
    assert p.stripe(BODY).status == 200
    a.wait(1)
    assert _reloaded(p, good) == "" and p.metric("penstock_config_last_reload_successful") == 1
    assert p.metric("penstock_config_last_reload_success_timestamp_seconds") >= since


def a_test_in_the_file_that_fails_refuses_it(flow):
    a = flow.sink()
    p = flow.penstock({"a": a}, flow.redis())
    good = _text(p)
    _write(p, good + "tests:\n  - { source: stripe, body: { type: charge.succeeded }, expect: [] }\n")
    r = _reload(p)
    assert r.returncode == 1 and "a test in the file fails" in r.stderr and "charge" not in r.stdout, r
    _reloaded(p, good + "tests:\n  - { source: stripe, body: { type: charge.succeeded }, expect: [a] }\n")


def from_some_routes_to_none_needs_a_word(flow):
    a = flow.sink()
    p = flow.penstock({"a": a}, flow.redis())
    empty = _text(p).partition("routes:")[0]
    _write(p, empty)
    r = _reload(p)
    assert r.returncode == 1 and "penstock reload --allow-empty" in r.stderr, r.stderr
    p.signal(signal.SIGHUP)
    p.wait_log("configuration not reloaded")
    assert p.stripe(BODY).status == 200
    a.wait(1)
    _reloaded(p, empty, "--allow-empty")
    assert "penstock-event-id" not in p.stripe(BODY).headers  # taken, but nobody wants it
    assert len(a.bodies()) == 1


def says_what_needs_a_restart(flow):
    """And takes the rest."""
    p = flow.penstock({"a": flow.sink()}, flow.redis())
    text = _text(p)
    said = _reloaded(p, text.replace("workers: 2", "workers: 1").replace("prefix: ", "prefix: x").replace(
        "listen: { address: '127.0.0.1:0'", "listen: { address: '127.0.0.1:1'").replace(
        "sources:", "sources:\n  new: { verify: none, keep_unrouted: true }"))
    assert '"workers" needs a restart to change' in said and 'the address of "listen"' in said, said
    assert p.post("/hooks/new", b"{}").status == 200
    _write(p, text.replace("durability: fsync", "durability: replica"))
    r = _reload(p)
    assert r.returncode == 1 and '"durability: replica" needs a restart' in r.stderr, r.stderr
    assert p.stripe(BODY).headers["penstock-durability"] == "fsync"


def what_is_under_way_finishes_by_what_it_began_with(flow):
    """A sender waits for Redis, a destination has not answered: meanwhile both are gone from the configuration."""
    slow, redis = flow.sink(lambda request, before: {"delay": 3}), flow.redis()
    p = flow.penstock({"slow": slow}, redis, sources=["stripe: { verify: stripe, secret: '%s', respond: { body: kept } }" % SECRET])
    text = _text(p)
    assert p.stripe(BODY).status == 200
    slow.wait(1)  # it has the request, and takes its time
    redis.process.send_signal(signal.SIGSTOP)
    answers = []
    sender = threading.Thread(target=lambda: answers.append(p.stripe(BODY)))
    sender.start()
    wait_for(lambda: p.metric("penstock_appends_pending") == 1, "the sender to wait for Redis")
    said = _reloaded(p, text.replace("stripe:", "other:").replace("slow:", "other:").replace("to: [slow]", "to: [other]"))
    assert 'the destination "slow" is gone' in said
    redis.process.send_signal(signal.SIGCONT)
    sender.join(30)
    assert answers[0].status == 200 and answers[0].body == b"kept", (answers[0].status, answers[0].body)
    assert p.stripe(BODY).status == 404
    wait_for(lambda: p.metric('penstock_deliveries_total{destination="slow"}') == 1, "the delivery to end")
    wait_for(lambda: len(_dead(p, "slow")) == 1, "the other, which came for a destination that was gone, to be a dead letter")
    assert len(slow.bodies()) == 1


def asks_the_node_whatever_is_wrong_with_the_file(flow):
    """By its token; what the file says now may be another one."""
    p = flow.penstock({"a": flow.sink()}, flow.redis(), start=False)
    text = _text(p).replace("admin: { address: '127.0.0.1:0' }", "admin: { address: '127.0.0.1:%d', token: '${TOKEN}' }" % free_port())
    _write(p, text)
    p.env["TOKEN"] = "a token"
    p.start()

    def run(*options, **env):
        return subprocess.run([PENSTOCK, "reload", *options], capture_output=True, text=True, timeout=60, env={**os.environ, **env})
    here = ["-c", p.config]
    r = run(*here, TOKEN="a token")
    assert (r.returncode, r.stdout, r.stderr) == (0, "reloaded\n", ""), r
    _write(p, text.replace("routes:", "rotues:"))
    r = run(*here, TOKEN="a token")
    assert r.returncode == 1 and r.stderr.count('unknown key "rotues"') == 1 and "not reloaded" in r.stdout, r
    assert "configuration not reloaded" in p.text()
    r = run(*here, TOKEN="another")
    assert r.returncode == 1 and "$PENSTOCK_ADMIN_TOKEN" in r.stderr, r
    _write(p, text)
    r = run("--url", "http://127.0.0.1:%d" % p.admin_port, PENSTOCK_ADMIN_TOKEN="a token")
    assert (r.returncode, r.stdout) == (0, "reloaded\n"), r
    r = run(*here, TOKEN="")
    assert r.returncode == 1 and "--url" in r.stderr, r


def asks_the_node_that_an_included_file_names(flow):
    """Also while another part is wrong, or cannot be read; then it says what it has not read."""
    p = flow.penstock({"a": flow.sink()}, flow.redis(), start=False)
    text = _text(p)
    line = "admin: { address: '127.0.0.1:0' }\n"
    assert line in text
    parts = os.path.join(p.folder, "conf.d")
    os.mkdir(parts)

    def part(name, content):
        with open(os.path.join(parts, name), "w") as f:
            f.write(content)
    part("admin.yaml", "admin: { address: '127.0.0.1:%d', token: '${TOKEN}' }\n" % free_port())
    part("z.yaml", "log: { level: debug }\n" if "log:" not in text else "shutdown: { timeout: 5s }\n")
    text = text.replace(line, "include: [conf.d/*.yaml]\n")
    _write(p, text)
    p.env["TOKEN"] = "a token"
    p.start()

    def run(**env):
        return subprocess.run([PENSTOCK, "reload", "-c", p.config], capture_output=True, text=True, timeout=60, env={**os.environ, **env})
    r = run(TOKEN="a token")
    assert (r.returncode, r.stdout, r.stderr) == (0, "reloaded\n", ""), r
    _write(p, text.replace("routes:", "rotues:"))
    r = run(TOKEN="a token")
    assert r.returncode == 1 and r.stderr.count('unknown key "rotues"') == 1 and "not reloaded" in r.stdout, r
    assert "could be read here" not in r.stderr, r
    _write(p, text)
    part("z.yaml", "shutdown: {\n")
    r = run(TOKEN="a token")
    assert r.returncode == 1 and "not reloaded" in r.stdout and "not all of the configuration could be read here" in r.stderr, r
    assert r.stderr.count("z.yaml:") == 2, "this command says it, and the node"
    r = run(TOKEN="another")
    assert r.returncode == 1 and "401" in r.stderr, r


def a_removed_destination_settles_by_rule(flow):
    """Dead letters, which can be replayed when it is back; or nothing, with drop."""
    a, b, c = flow.sink(), flow.sink(lambda request, before: {"status": 503}), flow.sink(lambda request, before: {"status": 503})
    redis = flow.redis()
    p = flow.penstock({"a": a, "b": b, "c": "{ url: 'http://127.0.0.1:%d/c', on_removed: drop }" % c.port}, redis,
                      retry="{schedule: [1h], jitter: 0%}")
    for _ in range(20):
        assert p.stripe(BODY).status == 200
    a.wait(20)
    wait_for(lambda: p.metric("penstock_parked_total") >= 40, "all to be parked")
    text = _text(p)
    gone = "\n".join(line for line in text.splitlines() if not re.match(r"  [bc]: ", line)).replace("[a, b, c]", "[a]") + "\n"
    said = _reloaded(p, gone)
    assert 'the destination "b" is gone; what waits for it becomes dead letters' in said, said
    assert 'the destination "c" is gone; what waits for it is forgotten' in said, said
    wait_for(lambda: len(_dead(p, "b")) == 20, "the dead letters")
    assert {d["reason"] for d in _dead(p, "b")} == {"removed"}, _dead(p, "b")[:2]
    wait_for(lambda: redis.cli("KEYS", "penstock:*due:c*") == "", "what waited for c to be forgotten")
    assert not _dead(p, "c") and p.stripe(BODY).status == 200
    a.wait(21)
    b.answers = lambda request, before: {}
    _reloaded(p, text)
    for d in _dead(p, "b"):
        assert p.admin("/api/v1/dead/%s/replay?destination=b" % d["id"], "POST")[0] == 202
    wait_for(lambda: p.metric('penstock_deliveries_total{destination="b"}') == 20, "the replays")


def a_reload_that_is_refused_uses_up_no_destinations(flow):
    """A process knows 2,048 names in its life; those of a configuration that did not fit are none of them."""
    p = flow.penstock({"a": "http://127.0.0.1:9/a"}, flow.redis(), workers=2)
    line = re.search(r"  a: .*\n", _text(p)).group(0)
    text = _text(p)

    def names(prefix, n):
        return text.replace(line, line + "".join("  %s%d: http://127.0.0.1:9/\n" % (prefix, i) for i in range(n)))
    _reloaded(p, names("b", 900))
    _reloaded(p, names("c", 1020))
    _write(p, names("d", 1020))
    r = _reload(p)
    assert r.returncode == 1 and "too many destinations in the life of this process" in r.stderr, (r.stdout, r.stderr)
    _reloaded(p, names("e", 1))
    known = {d["name"] for d in p.api("/api/v1/destinations")["destinations"]}
    assert "e0" in known and "c0" in known and not any(name.startswith("d") for name in known), known
    assert 'destination="d0"' not in p.admin("/metrics")[1]


def what_goes_on_keeps_its_state(flow):
    """A breaker that is open, a rate that is used up, a pause, the counters; a higher rate counts at once."""
    a, down = flow.sink(), flow.sink(lambda request, before: {"status": 503})
    p = flow.penstock({"a": a, "down": "{ url: 'http://127.0.0.1:%d/', breaker: {open_after: 2, probe_every: 1h}, retry: {schedule: [100ms, ...]} }" % down.port},
                      flow.redis(), sources=["stripe: { verify: stripe, secret: '%s', rate: 3/h }" % SECRET,
                                             "free: { verify: none }"])
    for _ in range(5):
        assert p.post("/hooks/free", b"{}").status == 200
    wait_for(lambda: p.metric("penstock_breaker_open") >= 1, "the breaker to open")
    assert p.stripe(BODY).status == 200
    assert p.stripe(BODY).status == 429
    accepted = p.metric("penstock_events_accepted_total")
    a.wait(6)
    assert p.admin("/api/v1/destinations/a/pause", "POST")[0] == 200
    before = len(down.bodies())
    _reloaded(p, _text(p) + "shutdown: { timeout: 3s }\n")
    assert p.metric("penstock_breaker_open") >= 1 and p.metric("penstock_events_accepted_total") == accepted
    assert p.stripe(BODY).status == 429
    assert p.post("/hooks/free", b"{}").status == 200
    assert p.metric('penstock_destination_paused{destination="a"}') == 1 and len(a.bodies()) == 6
    assert p.admin("/api/v1/destinations/a/resume", "POST")[0] == 200
    a.wait(7)
    assert len(down.bodies()) == before
    _reloaded(p, _text(p).replace("rate: 3/h", "rate: 100/s"))
    wait_for(lambda: p.stripe(BODY).status == 200, "the higher rate")


def reloads_when_the_file_changes(flow):
    """Written in place, replaced, and by Kubernetes: the folder that a symbolic link names is another one."""
    folder = os.path.join(flow.folder, "map")
    p = flow.penstock({"a": flow.sink()}, flow.redis(), more="watch: true", start=False)
    text = _text(p)

    def version(n):
        os.makedirs(os.path.join(folder, "v%d" % n))
        with open(os.path.join(folder, "v%d" % n, "penstock.yaml"), "w") as f:
            f.write(text.replace("sources:", "sources:\n  s%d: { verify: none, keep_unrouted: true }" % n))
        os.symlink("v%d" % n, os.path.join(folder, "..new"))
        os.replace(os.path.join(folder, "..new"), os.path.join(folder, "..data"))
    version(1)
    os.symlink("..data/penstock.yaml", os.path.join(folder, "penstock.yaml"))
    p.config = os.path.join(folder, "penstock.yaml")
    p.start()
    assert p.post("/hooks/s1", b"{}").status == 200
    version(2)
    wait_for(lambda: p.post("/hooks/s2", b"{}").status == 200, "the swapped link to be seen")
    assert p.post("/hooks/s1", b"{}").status == 404
    os.remove(p.config)
    shutil.copy(os.path.join(folder, "v1", "penstock.yaml"), p.config)
    wait_for(lambda: p.post("/hooks/s1", b"{}").status == 200, "the other file to be seen")
    with open(p.config, "w") as f:
        f.write("sources: [\n")
    p.wait_log("configuration not reloaded")
    def reloads():
        return p.text().count('"configuration reloaded"')
    before = reloads()
    with open(p.config, "w") as f:
        f.write(text.replace("watch: true", "watch: false"))
    wait_for(lambda: p.post("/hooks/s1", b"{}").status == 404, "the corrected file to be seen")
    wait_for(lambda: reloads() > before, "it to be said")  # once all workers have it, and one had it above
    before = reloads()
    with open(p.config, "w") as f:
        f.write(text)
    p.signal(signal.SIGHUP)
    wait_for(lambda: reloads() == before + 1, "the signal's")


def a_new_part_that_was_refused_is_mended(flow):
    """It is watched, though it is not in force: whether its text is wrong, or a test that it brings fails."""
    p = flow.penstock({"a": flow.sink()}, flow.redis(), more="include: [conf.d/*.yaml]\nwatch: true", start=False)
    folder = os.path.join(p.folder, "conf.d")
    os.makedirs(folder)

    def write(n, wrong):
        with open(os.path.join(folder, "%d.yaml" % n), "w") as f:
            f.write("sources: { s%d: { verify: none, keep_unrouted: true } }\n%s\n" % (n, wrong))
    write(0, "")
    p.start()
    for n, wrong in ((1, "nonsense: 1"), (2, "tests: [{ name: fails, source: s2, body: {}, expect: [] }]")):
        write(n, wrong)
        wait_for(lambda: p.text().count('"configuration not reloaded') == n, "it to be refused")
        assert p.post("/hooks/s%d" % n, b"{}").status == 404
        write(n, "")
        wait_for(lambda: p.post("/hooks/s%d" % n, b"{}").status == 200, "the mended file to be seen")


def nobody_is_refused_while_it_reloads(flow):
    """Valid and broken files in turn, sources, destinations and routes that come and go beside the load's."""
    a, b = flow.sink(), flow.sink()
    p = flow.penstock({"a": a, "b": b}, flow.redis())
    text = _text(p)
    more = text.replace("sources:", "sources:\n  more: { verify: github, secret: x }").replace(
        "destinations:", "destinations:\n  more: http://127.0.0.1:9/").replace("routes:", "routes:\n  - { from: more, to: more }")
    moved = text.replace('/a"', '/other"')
    load = Load(p, 300)
    n = 0
    while n < 50 or len(load.acknowledged) < 300:
        n += 1
        _write(p, [more, "routes: [", moved, text + "nonsense: 1\n", text][n % 5])
        r = _reload(p)
        assert r.returncode == (1 if n % 5 in (1, 3) else 0), r.stderr
    load.stop()
    assert not load.refused and not load.unknown, (len(load.refused), len(load.unknown))
    check(load, a, b)


def a_reload_while_it_drains_is_refused(flow):
    slow = flow.sink(lambda request, before: {"delay": 3})
    p = flow.penstock({"slow": slow}, flow.redis())
    assert p.stripe(BODY).status == 200
    slow.wait(1)
    p.signal(signal.SIGTERM)
    p.wait_log('"stopping"')
    status, text = p.admin("/-/reload", "POST")
    assert status == 422 and "the node is stopping" in text, (status, text)
    p.signal(signal.SIGHUP)
    assert p.wait() == 0
    assert "configuration reloaded" not in p.text()


def a_removed_destination_alarms_no_more(flow):
    """Its breaker was open; what waits for a mirror is dropped."""
    down = flow.sink(lambda request, before: {"status": 503})
    at = "url: 'http://127.0.0.1:%d/', breaker: {open_after: 2, probe_every: 1h}, retry: {schedule: [1h]}" % down.port
    p = flow.penstock({"a": flow.sink(), "down": "{ %s }" % at, "shadow": "{ %s, mirror: true }" % at}, flow.redis())
    for _ in range(6):
        assert p.stripe(BODY).status == 200
    wait_for(lambda: p.metric("penstock_breaker_open") >= 1 and p.metric("penstock_parked_total") >= 12, "all to be parked")
    text = _text(p)
    gone = "\n".join(line for line in text.splitlines() if not re.match(r"  (down|shadow): ", line)).replace(
        "[a, down, shadow]", "[a]") + "\n"
    assert 'the destination "shadow" is gone; what waits for it is forgotten' in _reloaded(p, gone)
    assert p.metric("penstock_breaker_open") == 0
    wait_for(lambda: len(_dead(p, "down")) == 6, "the dead letters of the one")
    assert not _dead(p, "shadow")


def goes_on_when_files_of_a_former_destination_are_gone(flow):
    """A certificate that is named no more may be removed, and the others are still read again."""
    ca = Authority(flow.folder)
    old, new = ca.make("old"), ca.make("new")
    sink = flow.sink()
    p = flow.penstock({"a": sink, "t": "{ url: 'https://127.0.0.1:9/', tls: { cert_file: %s, key_file: %s } }" % old}, flow.redis())
    text = _text(p)
    _reloaded(p, text.replace(old[0], new[0]).replace(old[1], new[1]))
    os.remove(old[0])
    for _ in range(2):
        _reloaded(p, text.replace(old[0], new[0]).replace(old[1], new[1]))
    assert "cannot be used" not in p.text()
    assert p.stripe(BODY).status == 200
    sink.wait(1)


def _without(text, name, others):
    """The same, but for a destination."""
    kept = "\n".join(line for line in text.splitlines() if not line.startswith("  %s: " % name)) + "\n"
    return re.sub(r"to: \[[^]]*\]", "to: [%s]" % others, kept)


def _comes_back_while_it_is_read(flow, wanted, more=""):
    """What waits for a destination that is gone is read, and before Redis' answer is here the destination is back."""
    gone, read, answered = threading.Event(), threading.Event(), threading.Event()

    def says(words, ask):
        answer = ask()
        if gone.is_set() and wanted(words) and not read.is_set():
            read.set()
            answered.wait(30)
        return answer
    b = flow.sink(lambda request, before: {"status": 503})
    p = flow.penstock({"a": flow.sink(), "b": "{ url: 'http://127.0.0.1:%d/b' %s }" % (b.port, more)},
                      Between(flow, flow.redis(), says), workers=1, retry="{schedule: [4s, ...], jitter: 0%}",
                      destination_more=", breaker: { open_after: 0 }")
    for n in range(5):
        assert p.stripe(b'{"seq":%d}' % n).status == 200
    wait_for(lambda: p.metric("penstock_parked_total") >= 5, "all to be parked")
    text = _text(p)
    gone.set()
    _reloaded(p, _without(text, "b", "a"))
    assert read.wait(30), "what waits for it to be read"
    tried, b.answers = len(b.requests), lambda request, before: {}
    _reloaded(p, text)
    answered.set()
    wait_for(lambda: p.metric('penstock_deliveries_total{destination="b"}') == 5, "all of them to be delivered")
    assert sorted(r.body for r in b.requests[tried:]) == [b'{"seq":%d}' % n for n in range(5)]
    assert not _dead(p, "b")


def what_would_become_a_dead_letter_is_delivered_if_its_destination_is_back(flow):
    _comes_back_while_it_is_read(flow, lambda words: words[0] == b"HMGET" and words[-1] == b"d:b")


def what_would_be_forgotten_is_delivered_if_its_destination_is_back(flow):
    _comes_back_while_it_is_read(flow, lambda words: words[0] == b"ZRANGE" and words[1].endswith(b":due:b"), ", on_removed: drop")


def the_secret_that_a_handshake_has_left_goes_on(flow):
    """Nobody waits until Redis was asked for it once more; one in the file takes its place."""
    silent = threading.Event()

    def says(words, ask):
        return b"-ERR\r\n" if silent.is_set() and words[:2] == [b"HGETALL", b"penstock:learned"] else ask()
    sink = flow.sink()
    p = flow.penstock({"d": sink}, Between(flow, flow.redis(), says), sources=["asana: { verify: asana }"], workers=1)

    def event(secret):
        return p.post("/hooks/asana", BODY, {"X-Hook-Signature": hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()}).status
    assert p.post("/hooks/asana", b"", {"X-Hook-Secret": "left-here"}).status == 200
    assert event("left-here") == 200
    silent.set()
    text = _text(p)
    _reloaded(p, text + "shutdown: { timeout: 3s }\n")
    assert event("left-here") == 200 and event("another") == 401
    _reloaded(p, text.replace("verify: asana", "verify: asana, secret: configured"))
    assert event("configured") == 200 and event("left-here") == 401
    sink.wait(3)


def _pipe(p):
    """In the place of the file."""
    os.mkfifo(p.config + ".pipe", 0o600)
    os.replace(p.config + ".pipe", p.config)


def _feed(p, text, then):
    """Whoever reads the pipe gets `text`, but by then the name is that of a file that says `then`."""
    def opened():
        try:
            return os.open(p.config, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            return None  # nobody reads yet
    pipe = wait_for(opened, "the pipe to be read")
    _write(p, then)
    os.write(pipe, text.encode())
    os.close(pipe)


def a_change_between_reading_and_watching_is_seen(flow):
    """At the start, and of a reload."""
    p = flow.penstock({"a": flow.sink()}, flow.redis(), more="watch: true", start=False)
    text = _text(p)

    def version(n):
        return text.replace("sources:", "sources:\n  s%d: { verify: none }" % n)
    _pipe(p)
    p.start(ready=False)
    _feed(p, version(1), version(2))
    wait_for(p._look_ready, "penstock to be ready")
    wait_for(lambda: p.post("/hooks/s2", b"{}").status == 200, "the file that came during the start to be seen")
    assert p.post("/hooks/s1", b"{}").status == 404
    _pipe(p)
    _feed(p, version(3), version(4))
    wait_for(lambda: p.post("/hooks/s4", b"{}").status == 200, "the file that came during the reload to be seen")
    assert p.text().count('"configuration reloaded"') == 3


def a_destination_that_has_moved_is_tried_at_once(flow):
    """The breaker was open for where it was; and what was under way to there says nothing of where it is."""
    first, second, third = flow.sink(lambda request, before: {"status": 503}), flow.sink(), flow.sink()
    p = flow.penstock({"d": "{ url: 'http://127.0.0.1:%d/d', breaker: { open_after: 2, probe_every: 1h } }" % first.port}, flow.redis())
    text = _text(p)

    def move(to):
        _reloaded(p, text.replace(":%d/d" % first.port, ":%d/d" % to.port))
    for n in range(6):
        assert p.stripe(b'{"seq":%d}' % n).status == 200
    wait_for(lambda: p.metric("penstock_breaker_open") >= 1, "the breaker to open")
    move(second)
    wait_for(lambda: set(sequence(second)) == set(range(6)), "all of them to come where it is now")
    assert p.metric("penstock_breaker_open") == 0
    second.answers = lambda request, before: {"status": 503, "delay": 3 * SLOWNESS}
    for n in range(6, 12):
        assert p.stripe(b'{"seq":%d}' % n).status == 200
    second.wait(12)
    failed = p.metric('penstock_attempts_total{destination="d",outcome="status_5xx"}')
    move(third)
    wait_for(lambda: p.metric('penstock_attempts_total{destination="d",outcome="status_5xx"}') == failed + 6, "those to fail")
    assert p.metric("penstock_breaker_open") == 0
    wait_for(lambda: set(sequence(third)) == set(range(6, 12)), "them to be tried again where it is now")
