"""Promises about what no route wanted when it came: kept, listed, and delivered once where a route wants it later."""
import base64
import http.server
import json
import os
import subprocess
import threading
import time

from harness import PENSTOCK, SECRET, SLOWNESS, Cluster, sequence, wait_for

STRIPE = "stripe: { verify: stripe, secret: '%s', keep_unrouted: true }" % SECRET
OPEN = "open: { verify: none, keep_unrouted: true }"
NONE = "{ from: '*', events: none, to: %s }"


def _seen(p):
    """The file as an operator has it: it names the port that the system has chosen for the admin API."""
    seen = os.path.join(p.folder, "seen.yaml")
    with open(p.config) as f, open(seen, "w") as g:
        g.write(f.read().replace("admin: { address: '127.0.0.1:0' }", "admin: { address: '127.0.0.1:%d' }" % p.admin_port))
    return seen


def _cli(p, *args):
    return subprocess.run([PENSTOCK, *args, "-c", _seen(p)], capture_output=True, text=True)


def _events(p, *more):
    r = _cli(p, "events", "ls", "--json", *more)
    assert r.returncode == 0, r.stderr
    return [json.loads(line) for line in r.stdout.splitlines()]


def _replay(p, *more):
    r = _cli(p, "replay", "--unrouted", *more)
    assert r.returncode == 0, (r.returncode, r.stdout, r.stderr)
    return r.stdout


def _rule(p, old, new):
    """As an operator does: the file changes, and the node starts anew."""
    with open(p.config) as f:
        text = f.read()
    assert old in text
    with open(p.config, "w") as f:
        f.write(text.replace(old, new))
    assert p.stop() == 0
    p.start()


def _reload(p, old, new):
    """The file changes, and the running node takes it."""
    for path in (p.config, _seen(p)):
        with open(path) as f:
            text = f.read()
        assert old in text
        with open(path, "w") as f:
            f.write(text.replace(old, new, 1))
    r = subprocess.run([PENSTOCK, "reload", "--url", "http://127.0.0.1:%d" % p.admin_port], capture_output=True, text=True)
    assert r.returncode == 0, (r.stdout, r.stderr)


def lists_what_history_holds(flow):
    """Of all journals, newest first, with where each went."""
    a = flow.sink()
    p = flow.penstock({"a": a}, flow.redis(), sources=[STRIPE, OPEN], routes=["{ from: stripe, events: ['charge.*'], to: a }"])
    ids = []
    for n in range(40):
        kind = "charge.paid" if n % 4 else "other"
        ids.append(p.stripe(b'{"type":"%s","n":%d}' % (kind.encode(), n)).getheader("penstock-event-id"))
    ids.append(p.post("/hooks/open", b"\x00", {"X-Odd": "\xe9"}).getheader("penstock-event-id"))
    a.wait(30)
    rows = _events(p)
    assert sorted(r["id"] for r in rows) == sorted(ids)
    times = [r["received_ms"] for r in rows]
    assert times == sorted(times, reverse=True)
    assert all(r["to"] == (["a"] if ids.index(r["id"]) % 4 and r["source"] == "stripe" else []) for r in rows)
    unrouted = _events(p, "--unrouted")
    assert len(unrouted) == 11 and not any(r["to"] or r["replayed"] for r in unrouted)
    assert len(_events(p, "--unrouted", "--source", "stripe")) == 10
    assert [r["id"] for r in _events(p, "--limit", "3")] == [r["id"] for r in rows[:3]]
    for verb, status in ((("events",), 1), (("replay", "--unrouted"), 2)):
        r = _cli(p, *verb, "--source", "strip")
        assert r.returncode == status and "no such source in the configuration" in r.stderr, (r.returncode, r.stdout, r.stderr)
    assert _events(p, "--since", "1h") == rows and _events(p, "--since", "0s") == []
    told = _cli(p, "events").stdout
    assert told.count("unrouted") == 11 and told.count("  a\n") == 30, told
    seen, path = [], "/api/v1/events?limit=7"
    while path:
        page = p.api(path)
        seen += [e["id"] for e in page["events"]]
        path = "next" in page and "/api/v1/events?limit=7&after=" + page["next"]
    assert seen == [r["id"] for r in rows], "pages have each event once"
    odd = p.api("/api/v1/events?bodies=1&source=open")["events"][0]
    assert odd["body_base64"] == "AA==" and b"X-Odd: \xe9\r\n" in base64.b64decode(odd["headers_base64"])
    for bad in ("limit=0", "limit=x", "limit=1001", "since_ms=x", "after=x", "after=1.x-1", "after=0.000000001-1"):
        assert p.admin("/api/v1/events?" + bad)[0] == 400, bad
    assert _cli(p, "events", "nonsense").returncode == 2 and _cli(p, "events", "--limit", "0").returncode == 2


def replays_what_a_new_rule_wants(flow):
    """Once, under its own id and with the bytes it came with, however often it is asked for; what no rule wants stays."""
    a = flow.sink()
    p = flow.penstock({"a": a}, flow.redis(), sources=[STRIPE, OPEN], routes=[NONE % "a"], workers=1)
    ids = {}
    for n in range(30):
        r = p.stripe(b'{"type":"kind.%d","seq":%d}' % (n % 3, n), **{"X-Own": "kept"})
        ids[r.getheader("penstock-event-id")] = n
    p.post("/hooks/open", b'{"seq":100}')
    assert "31 looked at, 0 replayed, 0 replayed before, 31 that no route wants now" in _replay(p)
    _rule(p, "events: none, to: a", "events: ['kind.1'], to: a")
    told = _replay(p, "--dry-run")
    assert told.count("would replay") == 10 and "10 would be replayed" in told and not a.requests, told
    told = _replay(p)
    assert sum(line.startswith("replayed ") for line in told.splitlines()) == 10, told
    assert "31 looked at, 10 replayed, 0 replayed before, 21 that no" in told, told
    a.wait(10)
    for _ in range(2):
        assert "31 looked at, 0 replayed, 10 replayed before, 21 that no" in _replay(p)
    got = a.requests
    assert sorted(json.loads(r.body)["seq"] for r in got) == list(range(1, 30, 3)) and len(got) == 10
    assert all(ids[r.header("webhook-id")] == json.loads(r.body)["seq"] and r.header("x-own") == "kept" for r in got)
    assert sum(r.get("replayed", False) for r in _events(p, "--unrouted")) == 10
    _rule(p, "events: ['kind.1'], to: a", "to: a")
    told = _replay(p, "--source", "stripe")
    assert "30 looked at, 20 replayed, 10 replayed before, 0 that" in told, told
    wait_for(lambda: set(range(30)) <= set(sequence(a)), "all of them")
    wait_for(lambda: p.metric("penstock_lane_depth") == 0, "nothing to be under way")
    assert max(sequence(a).values()) == 1 and 100 not in sequence(a), "none came twice, and none of another source"
    assert _cli(p, "replay").returncode == 2 and _cli(p, "replay", "--unrouted", "--limit", "3").returncode == 2
    assert _cli(p, "replay", "--unrouted", "--since", "x").returncode == 2


def a_replayed_event_is_tried_again_and_found(flow):
    """As any other: parked, dead, replayed from there, and found under the id that its sender was told."""
    answers = {"status": 503}
    a = flow.sink(lambda r, before: dict(answers))
    p = flow.penstock({"a": a}, flow.redis(), sources=[OPEN], routes=[NONE % "a"], workers=1, retry="{schedule: [100ms, 100ms], jitter: 0%}")
    event = p.post("/hooks/open", b'{"seq":1}').getheader("penstock-event-id")
    _rule(p, "events: none, to: a", "to: a")
    _replay(p)
    wait_for(lambda: p.api("/api/v1/dead")["dead"], "it to be a dead letter")
    dead = p.api("/api/v1/dead")["dead"][0]
    assert dead["id"] == event and dead["attempts"] == 3
    found = p.api("/api/v1/events/" + event)
    assert found["id"] == event and [d["destination"] for d in found["waiting"]] == ["a"], found
    answers["status"] = 200
    assert p.admin("/api/v1/dead/%s/replay?destination=a" % event, "POST")[0] == 202
    a.wait(4)
    wait_for(lambda: not p.api("/api/v1/dead")["dead"], "it to be none any more")
    assert p.api("/api/v1/events/" + event)["body"] == '{"seq":1}'


def two_nodes_replay_each_event_once(flow):
    """Asked at the same time; whichever has it."""
    redis, a = flow.redis(), flow.sink()
    nodes = [flow.penstock({"a": a}, redis, sources=[OPEN], routes=[NONE % "a"], workers=1, name=name) for name in "xy"]
    for n in range(60):
        assert nodes[n % 2].post("/hooks/open", b'{"seq":%d}' % n).status == 200
    for p in nodes:
        _rule(p, "events: none, to: a", "to: a")
    told = []
    both = [threading.Thread(target=lambda p=p: told.append(_replay(p))) for p in nodes]
    for t in both:
        t.start()
    for t in both:
        t.join()
    wait_for(lambda: len(sequence(a)) == 60, "all of them")
    for p in nodes:
        assert "0 replayed, 60 replayed before" in _replay(p), told
    wait_for(lambda: sum(p.metric("penstock_lane_depth") for p in nodes) == 0, "nothing to be under way")
    assert max(sequence(a).values()) == 1 and len(a.requests) == 60, "none came twice"


def replays_on_a_cluster(flow):
    """Journals, and the places that copies claim, lie on different masters."""
    cluster, a = Cluster(flow), flow.sink()
    p = flow.penstock({"a": a}, cluster, sources=[OPEN], routes=[NONE % "a"], workers=4)
    for n in range(80):
        assert p.post("/hooks/open", b'{"seq":%d}' % n).status == 200
    assert len(_events(p, "--unrouted")) == 80
    _rule(p, "events: none, to: a", "to: a")
    assert "80 looked at, 80 replayed, 0 replayed before" in _replay(p)
    assert "80 looked at, 0 replayed, 80 replayed before" in _replay(p)
    wait_for(lambda: len(sequence(a)) == 80, "all of them")
    wait_for(lambda: p.metric("penstock_lane_depth") == 0, "nothing to be under way")
    assert max(sequence(a).values()) == 1 and len(a.requests) == 80, "none came twice"


def what_cannot_be_read_is_no_empty_history(flow):
    redis = flow.redis()
    p = flow.penstock({"a": flow.sink()}, redis, sources=[OPEN], routes=[NONE % "a"])
    assert p.post("/hooks/open", b"{}").status == 200
    redis.kill()
    for verb in (["events"], ["replay", "--unrouted"], ["replay", "--unrouted", "--dry-run"]):
        r = _cli(p, *verb)
        assert r.returncode == 3 and "redis_down" in r.stderr, (verb, r.stdout, r.stderr)
    redis.start()
    wait_for(lambda: _cli(p, "replay", "--unrouted").returncode == 0, "Redis to be back")


def large_bodies_end_a_page(flow):
    """And one that is larger than an answer may be is listed without."""
    p = flow.penstock({"a": flow.sink()}, flow.redis(), sources=["open: { verify: none, keep_unrouted: true, body: 64MiB }"],
                      routes=[NONE % "a"], workers=1)
    quotes = b'"' * (3 << 20)
    lines = b"a\nb" * (2 << 20)
    for body in (b"x" * (9 << 20), lines, *[quotes] * 4, b"small"):
        assert p.post("/hooks/open", body, timeout=30).status == 200
    pages, path = [], "/api/v1/events?bodies=1"
    while path:
        text = p.admin(path, timeout=30)[1]
        page = json.loads(text)
        bodies = [len(row.get("body", "")) + len(row.get("body_base64", "")) for row in page["events"]]
        assert len(text) - max(bodies, default=0) < 12 << 20, "a page ends with 8 MiB, and what went beyond it"
        pages.append(page["events"])
        path = "next" in page and "/api/v1/events?bodies=1&after=" + page["next"]
    rows = [row for page in pages for row in page]
    assert [row["bytes"] for row in rows] == [5] + [3 << 20] * 4 + [6 << 20, 9 << 20] and len(pages) >= 3, [len(page) for page in pages]
    assert rows[0]["body"] == "small" and all(base64.b64decode(row["body_base64"]) == quotes for row in rows[1:5])
    assert base64.b64decode(rows[5]["body_base64"]) == lines
    assert "body" not in rows[6] and "body_base64" not in rows[6]


def what_is_too_large_to_be_shown_is_listed_and_replayed(flow):
    """As JSON it has six times its size: no answer holds it, and nothing but the showing of it depends on that."""
    a = flow.sink()
    p = flow.penstock({"a": a}, flow.redis(), sources=["open: { verify: none, keep_unrouted: true, body: 64MiB }"],
                      routes=[NONE % "a"], workers=1)
    body = b"\x01" * (12 << 20)
    event = p.post("/hooks/open", body, timeout=30).getheader("penstock-event-id")

    def shown():  # a busy machine may have Redis too slow for once
        status, text = p.admin("/api/v1/events/" + event, timeout=30)
        return status != 503 and (status, text)
    status, text = wait_for(shown, "Redis to say what it has")
    assert status == 500 and json.loads(text)["title"] == "too_large", (status, text[:200])
    assert [(row["id"], row["bytes"]) for row in _events(p)] == [(event, len(body))]
    _reload(p, "events: none, to: a", "to: a")
    wait_for(lambda: _cli(p, "replay", "--unrouted").returncode == 0, "it to be replayed")
    assert a.wait(1)[0].body == body


def what_is_new_enough_is_listed_above_what_is_not(flow):
    """A copy keeps the time of its first: it hides nothing that lies below it and is younger."""
    a = flow.sink()
    p = flow.penstock({"a": a}, flow.redis(), sources=[OPEN], routes=[NONE % "a"], workers=1)
    p.post("/hooks/open", b'{"kind":"old"}')
    first = p.api("/api/v1/events")["events"][0]["received_ms"]
    wait_for(lambda: time.time() * 1000 > first + 1, "another millisecond")
    young = [p.post("/hooks/open", b'{"kind":"young"}').getheader("penstock-event-id") for _ in range(3)]
    _reload(p, "events: none, to: a", "when: { body: { kind: old } }, to: a")
    assert " 1 replayed, 0 replayed before" in _replay(p)
    a.wait(1)
    got = p.api("/api/v1/events?since_ms=%d" % (first + 1))
    assert sorted(e["id"] for e in got["events"]) == sorted(young), got
    _reload(p, "when: { body: { kind: old } }, to: a", "to: a")
    got = json.loads(p.admin("/api/v1/events/replay?since_ms=%d" % (first + 1), "POST")[1])
    assert got["looked_at"] == 3 and [e["result"] for e in got["events"]] == ["replayed"] * 3, got


def few_pages_are_read_at_a_time(flow):
    """Each may take some tens of MiB: who asks for more is told to come again."""
    redis = flow.redis()
    p = flow.penstock({"a": flow.sink()}, redis, sources=[OPEN], routes=[NONE % "a"], workers=1)
    assert p.post("/hooks/open", b"{}").status == 200
    redis.cli("CLIENT", "PAUSE", "1500", "ALL")
    got = []
    asked = [threading.Thread(target=lambda: got.append(p.admin("/api/v1/events"))) for _ in range(4)]
    for t in asked:
        t.start()
    for t in asked:
        t.join()
    assert sorted(status for status, _ in got) == [200, 200, 503, 503], got
    assert all("overloaded" in str(body) for status, body in got if status == 503), got
    wait_for(lambda: p.admin("/api/v1/events")[0] == 200, "the next to be answered")


def many_list_the_history_at_a_time(flow):
    """Each command waits for its turn."""
    redis = flow.redis()
    p = flow.penstock({"a": flow.sink()}, redis, sources=[OPEN], routes=[NONE % "a"], workers=1)
    for n in range(4):
        assert p.post("/hooks/open", b"{}").status == 200
    args = [PENSTOCK, "events", "ls", "--json", "-c", _seen(p)]
    redis.cli("CLIENT", "PAUSE", "1000", "ALL")
    asked = [subprocess.Popen(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    told = [(*q.communicate(), q.returncode) for q in asked]
    assert all(err == "" and rc == 0 and len(out.splitlines()) == 4 for out, err, rc in told), told


def a_listing_that_gets_no_turn_says_so(flow):
    """After a while, in a sentence, and not as if nobody were there."""
    left = [3]

    class Busy(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            left[0] -= 1
            body = b'{"error":"overloaded"}\n' if left[0] >= 0 else b'{"events":[]}\n'
            self.send_response(503 if left[0] >= 0 else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Busy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    p = flow.penstock({"a": "http://127.0.0.1:9/"}, start=False)
    p.admin_port = server.server_address[1]
    r = _cli(p, "events", "ls")
    assert r.returncode == 0 and r.stdout == "no events in the history\n" and left == [-1], (left, r)
    left[0] = 1000000
    r = _cli(p, "events", "ls")
    assert r.returncode == 1 and "it has too much to do now; try again\n" in r.stderr and "answered 503" not in r.stderr, r
    server.shutdown()
    server.server_close()


def a_replay_survives_kill_9(flow):
    """Wherever it dies: what was replayed is delivered, what was not is replayed later, and nothing is lost."""
    redis, a = flow.redis(), flow.sink(lambda r, before: {"delay": 0.02})
    p = flow.penstock({"a": a}, redis, sources=[OPEN], routes=[NONE % "a"], workers=1)
    for n in range(400):
        assert p.post("/hooks/open", b'{"seq":%d}' % n).status == 200
    _rule(p, "events: none, to: a", "to: a")
    for _ in range(3):
        running = subprocess.Popen([PENSTOCK, "replay", "--unrouted", "-c", _seen(p)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before = len(a.requests)
        wait_for(lambda: len(a.requests) > before + 20 or running.poll() is not None, "some of it to be done")
        p.kill()
        running.wait()
        p.start()
    told = _replay(p)
    wait_for(lambda: len(sequence(a)) == 400, lambda: "all of them; %d came; %s" % (len(sequence(a)), told))
    wait_for(lambda: p.metric("penstock_lane_depth") == 0, "nothing to be under way")
    again = sum(n - 1 for n in sequence(a).values())
    assert again <= 3 * 64 * SLOWNESS, "%d came twice, more than were in flight or not committed yet" % again


def a_full_destination_keeps_no_other_waiting(flow):
    """Beyond its budget it is refused as an event of a sender is, and said so; the others get theirs, and nothing is lost."""
    redis, a, b = flow.redis(), flow.sink(), flow.sink()
    a.down()
    p = flow.penstock({"a": a, "b": b}, redis, sources=[OPEN], routes=["{ from: '*', when: { body: { seq: { $gte: 1000 } } }, to: a }"], workers=1,
                      destination_more=", buffer: 1MiB, breaker: { open_after: 0 }", retention="{ max_memory: 64MiB }")
    for n in range(40):
        assert p.post("/hooks/open", b'{"seq":%d,"pad":"%s"}' % (n, b"x" * 20000)).status == 200
    fill = lambda: p.post("/hooks/open", b'{"seq":1000,"pad":"%s"}' % (b"x" * 100000)).status == 503
    wait_for(fill, "the buffer of its destination to be full")
    _reload(p, "routes:\n", "routes:\n  - { from: '*', when: { body: { seq: { $gte: 20 } } }, to: a }\n"
                            "  - { from: '*', when: { body: { seq: { $lt: 20 } } }, to: b }\n")
    r = _cli(p, "replay", "--unrouted")
    assert r.returncode == 1 and "for 20 there is no room now" in r.stderr and "run it once more" in r.stderr, (r.stdout, r.stderr)
    assert r.stdout.count("no room for ") == 20 and "to a: the buffer of destination a is full\n" in r.stdout, r.stdout
    wait_for(lambda: set(sequence(b)) == set(range(20)), "the other destination to have its own")
    assert sum(e["replayed"] for e in _events(p, "--unrouted")) == 20
    a.up()
    wait_for(lambda: _cli(p, "replay", "--unrouted").returncode == 0, "room for all of it")
    wait_for(lambda: set(range(20, 40)) <= set(sequence(a)), "all of them")
    wait_for(lambda: p.metric("penstock_lane_depth") == 0, "nothing to be under way")
    assert all(sequence(a)[n] == 1 for n in range(20, 40)) and all(sequence(b)[n] == 1 for n in range(20)), "none came twice"


def what_redis_refuses_is_said_at_once(flow):
    """It waits nowhere in memory: history has it, for as long as there is room for that."""
    redis, a = flow.redis("--maxmemory-policy", "noeviction"), flow.sink()
    p = flow.penstock({"a": a}, redis, sources=[OPEN], routes=[NONE % "a"], workers=1)
    for n in range(40):
        assert p.post("/hooks/open", b'{"seq":%d,"pad":"%s"}' % (n, b"x" * 2000)).status == 200
    _reload(p, "events: none, to: a", "to: a")
    redis.cli("CONFIG", "SET", "maxmemory", "1mb")
    r = _cli(p, "replay", "--unrouted")
    assert r.returncode in (1, 3) and "run it once more" in r.stderr and not a.requests, (r.returncode, r.stdout, r.stderr)
    assert p.stop() == 0
    assert "stopping with events that Redis had lost" not in p.text()


def a_replay_that_has_no_memory_for_more_goes_on_where_it_stopped(flow):
    """What was done of a page by then is told, and each event is looked at once."""
    redis, a = flow.redis(), flow.sink(lambda request, before: {"delay": 0.05})
    p = flow.penstock({"a": a}, redis, sources=[OPEN], routes=[NONE % "a"], listen_more=", limits: { memory: 2MiB, body: 500KiB }")
    ids = [p.post("/hooks/open", b'{"seq":%d,"pad":"%s"}' % (n, b"x" * 300000)).getheader("penstock-event-id") for n in range(20)]
    _reload(p, "events: none, to: a", "to: a")
    told = _replay(p)
    assert "20 looked at, 20 replayed, 0 replayed before, 0 that no route wants now\n" in told, told[-200:]
    assert sorted(line.split()[1] for line in told.splitlines()[:-1]) == sorted(ids), told
    wait_for(lambda: len(a.requests) == 20, "all of them")
    assert {r.header("webhook-id") for r in a.requests} == set(ids)


def what_came_twice_is_replayed_once(flow):
    """Of a source with dedupe: both are in the history, and one of them holds the delivery id."""
    redis, a = flow.redis(), flow.sink()
    source = "open: { verify: none, keep_unrouted: true, dedupe: { window: 10m, key: header.X-Delivery } }"
    p = flow.penstock({"a": a}, redis, sources=[source], routes=[NONE % "a"], workers=1)
    ids = []
    for n in range(10):
        for _ in range(2 + n % 2):
            ids.append(p.post("/hooks/open", b'{"seq":%d}' % n, {"X-Delivery": "d%d" % n}).getheader("penstock-event-id"))
    assert len(ids) == 25 and len(set(ids)) == 10
    assert len(_events(p, "--unrouted")) == 25
    _reload(p, "events: none, to: a", "to: a")
    assert "25 looked at, 10 replayed, 0 replayed before, 0 that no route wants now, 15 duplicates" in _replay(p)
    assert "25 looked at, 0 replayed, 10 replayed before, 0 that no route wants now, 15 duplicates" in _replay(p)
    assert sum(e["duplicate"] for e in _events(p, "--unrouted")) == 15 and _cli(p, "events").stdout.count("a duplicate") == 15
    wait_for(lambda: len(sequence(a)) == 10, "all of them")
    wait_for(lambda: p.metric("penstock_lane_depth") == 0, "nothing to be under way")
    assert len(a.requests) == 10 and {r.header("webhook-id") for r in a.requests} == set(ids), "under the id that was answered"


def what_came_again_after_its_window_is_replayed_too(flow):
    """Each was answered as an event of its own; what came within the window of one is none, also when that is long over."""
    redis, a = flow.redis(), flow.sink()
    source = "open: { verify: none, keep_unrouted: true, dedupe: { window: 1s, key: body./id } }"
    p = flow.penstock({"a": a}, redis, sources=[source], routes=[NONE % "a"])
    ids, posts = [], 0

    def post():
        nonlocal posts
        posts += 1
        ids.append(p.post("/hooks/open", b'{"id":42,"seq":%d}' % posts).getheader("penstock-event-id"))
        return len(set(ids))

    for n in range(1, 5):
        wait_for(lambda: post() == n, "the window to pass")
        post()
    events = set(ids)
    wait_for(lambda: not redis.cli("KEYS", "*:ids").strip(), "the last window to pass")
    _reload(p, "events: none, to: a", "to: a")
    twice = posts - len(events)
    assert "%d looked at, %d replayed, 0 replayed before, 0 that no route wants now, %d dup" % (posts, len(events), twice) in _replay(p)
    a.wait(len(events))
    assert "0 replayed, %d replayed before, 0 that no route wants now, %d dup" % (len(events), twice) in _replay(p)
    wait_for(lambda: p.metric("penstock_lane_depth") == 0, "nothing to be under way")
    assert sorted(r.header("webhook-id") for r in a.requests) == sorted(events), "each once, under the id that was answered"


def a_replay_begins_no_window(flow):
    """What comes behind it, after the window of the first, is an event."""
    redis, a = flow.redis(), flow.sink()
    source = "open: { verify: none, keep_unrouted: true, dedupe: { window: 1s, key: body./id } }"
    p = flow.penstock({"a": a}, redis, sources=[source], routes=[NONE % "a"])
    first = p.post("/hooks/open", b'{"id":7,"seq":1}').getheader("penstock-event-id")
    wait_for(lambda: not redis.cli("KEYS", "*:ids").strip(), "its window to pass")
    _reload(p, "events: none, to: a", "to: a")
    assert " 1 replayed, 0 replayed before" in _replay(p)
    second = p.post("/hooks/open", b'{"id":7,"seq":2}').getheader("penstock-event-id")
    assert second != first
    wait_for(lambda: {r.header("webhook-id") for r in list(a.requests)} == {first, second}, "both to be delivered")


def _two_events_of_one_id(flow, now):
    """The window of the first is over when the second comes; later the source says `now` in place of it."""
    redis, a = flow.redis(), flow.sink()
    source = "open: { verify: none, keep_unrouted: true, dedupe: { window: 1s, key: body./id } }"
    p = flow.penstock({"a": a}, redis, sources=[source], routes=[NONE % "a"])
    ids = set()
    for seq in (1, 2):
        ids.add(p.post("/hooks/open", b'{"id":7,"seq":%d}' % seq).getheader("penstock-event-id"))
        if seq == 1:
            wait_for(lambda: not redis.cli("KEYS", "*:ids").strip(), "its window to pass")
    assert len(ids) == 2
    _reload(p, ", dedupe: { window: 1s, key: body./id }", now)
    _reload(p, "events: none, to: a", "to: a")
    told = _replay(p)
    assert " 2 replayed, 0 replayed before, 0 that no route wants now" in told, told
    wait_for(lambda: {r.header("webhook-id") for r in list(a.requests)} == ids, "both to be delivered")


def what_was_an_event_is_replayed_after_its_window_has_grown(flow):
    """What is a duplicate was decided when it came: each was answered as an event of its own."""
    _two_events_of_one_id(flow, ", dedupe: { window: 10m, key: body./id }")


def what_was_an_event_is_replayed_when_dedupe_is_off(flow):
    _two_events_of_one_id(flow, "")


def what_is_known_of_duplicates_goes_with_history(flow):
    """One delivery that comes for ever takes no more than its history may."""
    redis = flow.redis()
    source = "open: { verify: none, keep_unrouted: true, dedupe: { window: 10m, key: header.X-Delivery } }"
    p = flow.penstock({"a": flow.sink()}, redis, sources=[source], routes=["{ from: '*', when: { body: { seq: 1 } }, to: a }"], workers=1,
                      retention="{ history_bytes: 1MiB }")
    count = lambda verb, kind: sum(int(redis.cli(verb, key)) for key in redis.cli("KEYS", "*:" + kind).split())
    posts = 0

    def goes():
        nonlocal posts
        for _ in range(20):
            assert p.post("/hooks/open", b'{"pad":"%s"}' % (b"x" * 10000), {"X-Delivery": "one"}).status == 200
        posts += 20
        return count("XLEN", "journal") < posts - 20

    wait_for(goes, "history to be trimmed")
    assert count("ZCARD", "twice") + count("HLEN", "moved") <= count("XLEN", "journal"), posts


def where_an_event_moved_to_is_kept_as_long_as_any_node_wants(flow):
    """A node with a shorter history does not cut it back: what it was moved for could be replayed again."""
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, sources=[OPEN], routes=[NONE % "a"], workers=1, retention="{ history: 40d }")
    for n in range(2):
        assert p.post("/hooks/open", b'{"seq":%d}' % n).status == 200
    _reload(p, "events: none, to: a", "when: { body: { seq: 0 } }, to: a")
    _replay(p)
    kept = lambda: [int(redis.cli("TTL", k)) for k in redis.cli("KEYS", "*:moved").split()]
    assert len(kept()) == 1 and kept()[0] > 69 * 86400, kept()
    _rule(p, "history: 40d", "history: 1h")
    _reload(p, "when: { body: { seq: 0 } }, to: a", "to: a")
    assert "2 looked at, 1 replayed, 1 replayed before" in _replay(p)
    assert len(kept()) == 1 and kept()[0] > 69 * 86400, kept()
