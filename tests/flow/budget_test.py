"""What may be kept in Redis: each destination its share, all of it a limit, and room is made in time."""
import concurrent.futures
import json
import threading
import time

from between import Between
from harness import SECRET, SLOWNESS, Sink, wait_for

SOURCES = ["stripe: { verify: stripe, secret: '%s' }" % SECRET, "other: { verify: stripe, secret: '%s' }" % SECRET]
BODY = 40000


def post(p, i, path="/hooks/stripe"):
    return p.stripe(b'{"i":%06d,"x":"' % i + b"x" * BODY + b'"}', path=path)


def number(request):
    return int(request.body[5:11])


def fill(p, first, most, path="/hooks/stripe"):
    """Posts until it is refused for the budget; the numbers that were taken."""
    taken = []
    for i in range(first, first + most):
        r = post(p, i, path)
        if r.status == 503:
            assert json.loads(r.body) == {"error": "over_budget"} and r.getheader("Retry-After"), r.body
            return taken
        assert r.status == 200, (r.status, r.body)
        taken.append(i)
    raise AssertionError("%d events were taken, and no limit met" % most)


def a_full_buffer_refuses_only_its_own_events(flow):
    sick, well = flow.sink(lambda r, n: {"status": 503}), flow.sink()
    p = flow.penstock({"sick": sick, "well": well}, flow.redis(), sources=SOURCES, retention="{ max_memory: 64MiB }",
                      destination_more=", buffer: 1MiB, breaker: { open_after: 0 }",
                      routes=["{ from: stripe, to: [sick] }", "{ from: other, to: [well] }"])
    taken = fill(p, 0, 400)
    assert len(taken) >= 15, taken
    p.wait_log("the buffer of destination sick is full")
    for i in range(1000, 1040):  # three megabytes for the other one: none of its business
        assert post(p, i, "/hooks/other").status == 200
    well.wait(40)
    sick.answers = lambda r, n: {"status": 200}
    wait_for(lambda: post(p, 5000).status == 200, "the buffer to have room again")
    wait_for(lambda: {number(r) for r in list(sick.requests)} >= set(taken + [5000]), "all that was taken to arrive")
    wait_for(lambda: p.metric("penstock_destination_redis_bytes") == 0, "nothing to be held")


def senders_get_503_at_max_memory_until_there_is_room(flow):
    sink, redis = flow.sink(lambda r, n: {"status": 503}), flow.redis()
    nodes = [flow.penstock({"sick": sink}, redis, retention="{ max_memory: 4MiB }", name=name,
                           destination_more=", buffer: 1GiB, breaker: { open_after: 0 }") for name in ("a", "b")]
    taken = fill(nodes[0], 0, 400)
    assert 50 <= len(taken) <= 250, len(taken)
    wait_for(lambda: post(nodes[1], 3000).status == 503, "the other node to know")
    sink.answers = lambda r, n: {"status": 200}
    for k, p in enumerate(nodes):
        wait_for(lambda: post(p, 5000 + k).status == 200, "it to take events again")
    wait_for(lambda: {number(r) for r in list(sink.requests)} >= set(taken + [5000, 5001]), "all to arrive")


def history_goes_before_a_sender_is_refused(flow):
    sink = flow.sink()
    p = flow.penstock({"well": sink}, flow.redis(), retention="{ max_memory: 16MiB, history: 24h }", workers=1)
    for i in range(1200):  # three times what may be kept
        assert post(p, i).status == 200, i
    sink.wait(1200)
    assert p.metric("penstock_redis_bytes") < 16 << 20


def a_slow_destination_with_great_bodies_shuts_nobody_out(flow):
    """It answers, so no breaker helps: what it has no share of the memory for waits in Redis."""
    slow, well = flow.sink(lambda r, n: {"delay": 8}), flow.sink()
    p = flow.penstock({"slow": slow, "well": well}, flow.redis(), sources=SOURCES, workers=1,
                      listen_more=", limits: { memory: 12MiB }", destination_more=", concurrency: 64",
                      routes=["{ from: stripe, to: [slow] }", "{ from: other, to: [well] }"])
    sent = list(range(90))
    for i in sent:  # some 24 MB
        body = b'{"i":%06d,"x":"' % i + b"x" * 280000 + b'"}'
        wait_for(lambda: p.stripe(body).status == 200, "what is parked to be written", 4)
        wait_for(lambda: post(p, 1000 + i, "/hooks/other").status == 200, "the same", 4)
    wait_for(lambda: {number(r) for r in list(well.requests)} == {1000 + i for i in sent}, "all at the other one")
    slow.answers = lambda r, n: {}
    wait_for(lambda: {number(r) for r in list(slow.requests)} == set(sent), "all at the slow one")


def history_goes_before_redis_is_full(flow):
    """Redis has less than retention.max_memory allows, and all is delivered."""
    sink = flow.sink()
    p = flow.penstock({"well": sink}, flow.redis("--maxmemory", "24mb"), workers=1)
    p.wait_log("maxmemory leaves less than retention.max_memory")
    for i in range(1000):  # twice what it may have
        assert post(p, i).status == 200, i
    sink.wait(1000)


def room_that_other_workers_have_made_is_known_at_once(flow):
    """Four fill all that may be kept between two rounds: one that refuses learns with the next request that the others
    have made room, not in two seconds."""
    sink = flow.sink()
    p = flow.penstock({"well": sink}, flow.redis("--maxmemory", "24mb"), workers=4)
    p.wait_log("maxmemory leaves less than retention.max_memory")
    lock, due = threading.Lock(), [time.monotonic()]

    def send(i):
        with lock:  # 250 a second; what a stall has missed is not caught up
            due[0] = max(due[0] + 1 / 250, time.monotonic() - 0.1)
            delay = due[0] - time.monotonic()
        time.sleep(max(0, delay))
        return post(p, i).status
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(1250)))
    assert answers.count(200) > 1250 - 75 * SLOWNESS, answers.count(503)
    sink.wait(answers.count(200))


def history_goes_when_redis_has_no_memory(flow):
    """Somebody else has taken the memory, or it was given less: no figure of ours says so."""
    sink, redis = flow.sink(), flow.redis()
    p = flow.penstock({"well": sink}, redis, workers=1)
    for i in range(200):
        assert post(p, i).status == 200, i
    sink.wait(200)
    redis.cli("CONFIG", "SET", "maxmemory", redis.memory())
    wait_for(lambda: post(p, 1000).status == 503, "Redis to be full")
    wait_for(lambda: post(p, 2000).status == 200, "room to be made")
    said = "history goes before its time, and unrouted events with it"
    p.wait_log(said)
    assert p.text().count(said) == 1, "once a minute at most"


def dead_letters_keep_their_share(flow):
    sink = flow.sink(lambda r, n: {"status": 400})
    p = flow.penstock({"sick": sink}, flow.redis(), retention="{ max_memory: 64MiB, dead_bytes: 2MiB }")
    for i in range(150):
        assert post(p, i).status == 200
    p.wait_log("dead letters take more than retention.dead_bytes")
    wait_for(lambda: 0 < p.metric("penstock_redis_dead_letter_bytes") <= 2 << 20, "their share to be kept")
    p.wait_log("dead letters are within retention.dead_bytes again")
    left = {d["id"] for d in p.api("/api/v1/dead?limit=1000")["dead"]}
    assert 20 <= len(left) < 60, len(left)
    counted = 'penstock_dead_letters_dropped_total{destination="sick",why="%s"}'
    wait_for(lambda: p.metric(counted % "share") == 150 - len(p.api("/api/v1/dead?limit=1000")["dead"]), "all to be counted")
    assert p.metric(counted % "age") == 0


def what_is_kept_is_known_after_a_restart(flow):
    sink = flow.sink(lambda r, n: {"status": 503})
    p = flow.penstock({"sick": sink}, retention="{ max_memory: 64MiB }", workers=1,
                      destination_more=", buffer: 1MiB, breaker: { open_after: 0 }")
    fill(p, 0, 400)
    held = p.metric("penstock_destination_redis_bytes")
    p.kill()
    p.start()
    wait_for(lambda: p.metric("penstock_destination_redis_bytes") >= held, "the bytes to be counted as before")
    assert post(p, 9999).status == 503


def beyond_its_buffer_dead_letters_are_kept_without_bodies(flow):
    """on_full: the sender is not refused, Redis does not fill up, and history still has the bodies for a while."""
    sick, well = flow.sink(lambda r, n: {"status": 503}), flow.sink()
    redis = flow.redis()
    p = flow.penstock({"sick": sick, "well": well}, redis, retention="{ max_memory: 64MiB, history: 24h }", workers=1,
                      retry="{schedule: [1h], jitter: 0%}",
                      destination_more=", buffer: 1MiB, on_full: dead_letter_without_body, "
                                       "breaker: { open_after: 3, probe_every: 1s }")
    for i in range(100):
        assert post(p, i).status == 200, "nobody is refused"
        if i == 40:  # more than its buffer
            wait_for(lambda: p.metric("penstock_destination_redis_bytes") > 1 << 20, "its buffer to be full")
    well.wait(100)
    p.wait_log("a buffer is full")
    parked = wait_for(lambda: (lambda k: k if len(k) == 100 else None)(
        redis.cli("--scan", "--pattern", "*:event:*").split()), "all to be parked or buried")
    dead = p.api("/api/v1/dead?destination=sick&limit=1000")["dead"]
    assert 30 <= len(dead) <= 80 and {d["reason"] for d in dead} == {"buffer_full"}, len(dead)
    assert p.metric("penstock_destination_redis_bytes") < 3 << 20
    bodies = sum(int(redis.cli("HSTRLEN", key, "b")) for key in parked)
    assert bodies < 3 << 20, bodies
    assert p.api("/api/v1/events/" + dead[0]["id"])["body"] is None
    # What history still has can be replayed as it came, what it has no more cannot: said at once.
    sick.answers = lambda r, n: {"status": 200}
    assert p.admin("/api/v1/dead/%s/replay?destination=sick" % dead[0]["id"], "POST")[0] == 202
    wait_for(lambda: any(r.header("webhook-id") == dead[0]["id"] and len(r.body) > BODY for r in list(sick.requests)),
             "a replay with its body")
    journal = redis.cli("--scan", "--pattern", "*:journal").split()[0]
    redis.cli("XTRIM", journal, "MAXLEN", "0")
    status, text = p.admin("/api/v1/dead/%s/replay?destination=sick" % dead[1]["id"], "POST")
    assert status == 410 and "no_body" in text, (status, text)
    assert p.admin("/api/v1/dead/%s/purge?destination=sick" % dead[1]["id"], "POST")[0] == 202
    left = lambda: {d["id"] for d in p.api("/api/v1/dead?limit=1000")["dead"]}
    wait_for(lambda: left() == {d["id"] for d in dead[2:]}, "one to be replayed, one to be purged")
    assert all(len(r.body) > BODY for r in sick.requests), "nothing is ever delivered without its body"


def a_body_that_comes_later_is_charged_to_all_who_hold_its_event(flow):
    """One destination buries an event without its body, then another one parks it with: each figure stays right."""
    full, slow, redis = flow.sink(lambda r, n: {"status": 503}), flow.sink(lambda r, n: {"status": 503}), flow.redis()
    p = flow.penstock({"full": "{ url: 'http://127.0.0.1:%d/full', buffer: 1MiB, on_full: dead_letter_without_body, "
                               "breaker: { open_after: 1 } }" % full.port,
                       "slow": "{ url: 'http://127.0.0.1:%d/slow', breaker: { open_after: 0 } }" %
                               slow.port},
                      redis, retention="{ max_memory: 64MiB }", workers=1, retry="{schedule: [1h], jitter: 0%}")
    for i in range(80):
        assert post(p, i).status == 200
        if i == 40:
            wait_for(lambda: p.metric("penstock_destination_redis_bytes") > 5 << 19, "both to hold them")
    settled = [k for k in redis.cli("--scan", "--pattern", "*:settled").split()][0]

    def block(length):
        step = 16
        while step * 8 < length + 10:
            step *= 2
        return -(-(length + 10) // step) * step

    def size(event):
        """As commit.lua has it."""
        head, body = (int(redis.cli("HSTRLEN", event, field)) for field in "eb")
        return 285 + block(head) + (block(body) if body > 0 else 0)
    wait_for(lambda: p.metric("penstock_redis_dead_letter_bytes") > 1 << 20, "bodies to be charged to dead letters too")

    def figures():
        """What the record says, and what is there: {field: bytes}, twice."""
        words = redis.cli("HGETALL", settled).split("\n")
        record = dict(zip(words[::2], words[1::2]))
        said = {f: int(v) for f, v in record.items() if f[:2] in ("b:", "x:") or f == "bodies"}
        base, found = settled[:-len("settled")], {f: 0 for f in said}
        for key in redis.cli("--scan", "--pattern", base + "event:*").split():
            found["bodies"] += size(key)
        for field in said:
            kind = {"b:": "due:", "x:": "dead:"}.get(field[:2])
            for n in redis.cli("ZRANGE", base + kind + field[2:], 0, -1).split() if kind else ():
                found[field] += size(base + "event:" + n)
                found["bodies"] += 230  # its record and its place in the set
        return said, found

    wait_for(lambda: figures()[0] == figures()[1], "figures that fit: %s" % (figures(),))
    for d in p.api("/api/v1/dead?limit=1000")["dead"]:
        p.admin("/api/v1/dead/%s/purge?destination=full" % d["id"], "POST")
    wait_for(lambda: p.metric("penstock_redis_dead_letter_bytes") == 0, "no dead letters")
    wait_for(lambda: figures()[0] == figures()[1], "figures that fit after the purge: %s" % (figures(),))


def held(redis):
    """What Redis holds for all journals, by its own word."""
    keys = redis.cli("--scan", "--pattern", "penstock:{*}:*").split()
    return sum(int(redis.cli("MEMORY", "USAGE", key, "SAMPLES", 0) or 0) for key in keys)


def fits(p, redis):
    """Redis' own allocations are what is counted by; Valkey packs small values closer."""
    most = 1.5 if "valkey_version" in redis.cli("INFO", "server") else 1.1
    return 0.9 < p.metric("penstock_redis_bytes") / held(redis) < most


def hashes_fit(redis):
    """What an event's hash is charged for, in bytes, beside what it takes; few are in a set that is packed, so a place in
    one (120 bytes else) is left out."""
    events = redis.cli("--scan", "--pattern", "penstock:{*}:event:*").split()
    said = sum(int(redis.cli("HGET", key, "bodies") or 0) for key in redis.cli("--scan", "--pattern", "penstock:{*}:settled").split())
    kept = sum(int(redis.cli("MEMORY", "USAGE", key, "SAMPLES", 0)) for key in events)
    return 0.85 < (said - 120 * len(events)) / kept < (1.5 if "valkey_version" in redis.cli("INFO", "server") else 1.15)


def counts_what_redis_holds(flow):
    """Bodies small and great, delivered, parked and dead; in this life, and of a former one, trimmed or not."""
    redis, well = flow.redis(), flow.sink()
    sick = flow.sink(lambda r, n: {"status": 503 if b'"i":0' in r.body else 400})
    config = dict(workers=1, destination_more=", breaker: { open_after: 0 }", retry="{schedule: [1h, 1h], jitter: 0%}",
                  sources=SOURCES, routes=["{ from: stripe, to: [well] }", "{ from: other, to: [sick, well] }"])
    p = flow.penstock({"sick": sick, "well": well}, redis, retention="{ max_memory: 64MiB }", **config)
    sent = 0
    for size, count in ((20, 300), (700, 200), (3000, 100), (30000, 20)):
        for i in range(count):
            assert p.stripe(b'{"i":9,"x":"' + b"x" * size + b'"}').status == 200
        for i in range(40):
            assert p.stripe(b'{"i":%d,"x":"' % (i % 2) + b"x" * size + b'"}', path="/hooks/other").status == 200
        sent += count + 40
        well.wait(sent)
        try:
            wait_for(lambda: fits(p, redis), "the figures to fit")
        except AssertionError as e:
            raise AssertionError("%s: of %d, %d for %d" % (e, size, p.metric("penstock_redis_bytes"), held(redis)))
        wait_for(lambda: hashes_fit(redis), "hashes to be charged as they are, with bodies of %d" % size)
    was = held(redis)
    assert p.stop() == 0
    p = flow.penstock({"sick": sick, "well": well}, redis, retention="{ max_memory: 64MiB }", name="next", **config)
    p.wait_log("journal is recovered")
    wait_for(lambda: fits(p, redis) and held(redis) > was * 0.9, "what a former life has left to be counted: %d" % was)
    assert p.stop() == 0
    p = flow.penstock({"sick": sick, "well": well}, redis, retention="{ max_memory: 64MiB, history: 1s }", name="last", **config)
    p.wait_log("journal is recovered")
    streams = lambda: [int(redis.cli("XLEN", k)) for k in redis.cli("--scan", "--pattern", "*:journal").split()]
    wait_for(lambda: max(streams()) <= 1, "history to be trimmed")
    wait_for(lambda: fits(p, redis) and held(redis) < was * 0.9, "what is left to be counted: %d of %d" % (held(redis), was))


def pauses_and_drops_at_redis_out_of_memory(flow):
    """A drop is what frees memory, and a pause keeps more of it from being taken."""
    redis, a, b = flow.redis(), flow.sink(), flow.sink(lambda r, n: {"status": 503})
    p = flow.penstock({"a": a, "b": b}, redis, workers=1, retry="{schedule: [1h], jitter: 0%}")
    for i in range(30):
        assert post(p, i).status == 200
    a.wait(30)
    parked = lambda: redis.cli("--scan", "--pattern", "*:event:*").split()
    wait_for(lambda: len(parked()) == 30, "all to be parked for the other")
    assert p.stop() == 0
    with open(p.config) as f:
        known = f.read()
    with open(p.config, "w") as f:
        f.write("\n".join(line for line in known.splitlines() if not line.startswith("  b:")).replace("[a, b]", "[a]"))
    p.start()
    listed = lambda: {d["name"]: d["state"] for d in p.api("/api/v1/destinations")["destinations"]}
    wait_for(lambda: listed().get("b") == "unknown", "what is left of it to be reported")
    redis.cli("CONFIG", "SET", "maxmemory", "1kb")
    assert post(p, 100).status == 503
    assert p.admin("/api/v1/destinations/a/pause", "POST")[0] == 200
    assert redis.cli("HGET", "penstock:destinations", "a") == "paused" and listed()["a"] == "paused"
    assert p.admin("/api/v1/destinations/a/resume", "POST")[0] == 200
    streams = lambda: [int(redis.cli("XLEN", k)) for k in redis.cli("--scan", "--pattern", "*:journal").split()]
    wait_for(lambda: max(streams()) <= 1, "history to be trimmed: it is not what the drop frees")
    held = redis.memory()
    assert p.admin("/api/v1/destinations/b/drop", "POST")[0] == 200
    wait_for(lambda: not parked(), "what was parked to be forgotten")
    assert redis.memory() < held - 20 * BODY  # of 30; Redis keeps 25 KB for each command that it has seen
    redis.cli("CONFIG", "SET", "maxmemory", "0")
    wait_for(lambda: post(p, 101).status == 200, "it to take events again")


def a_body_that_waits_for_memory_stops_no_dropping(flow):
    """What Redis cannot park of one destination stands in the way of nothing that frees memory."""
    redis, a, b = flow.redis(), flow.sink(lambda r, n: {"hang": True}), flow.sink(lambda r, n: {"status": 503})
    p = flow.penstock({"a": a, "b": b}, redis, workers=1, retry="{schedule: [1h], jitter: 0%}",
                      more="spool: { size: 1MiB }")  # it has a data_dir, and its former life is found at once
    for i in range(10):
        assert post(p, i).status == 200
    parked = lambda: redis.cli("--scan", "--pattern", "*:due:b")
    wait_for(lambda: parked() and redis.cli("ZCARD", parked()) == "10", "all to be parked for the other")
    p.kill()
    with open(p.config) as f:
        known = f.read()
    with open(p.config, "w") as f:
        f.write("\n".join(line for line in known.splitlines() if not line.startswith("  b:")).replace("[a, b]", "[a]"))
    a.answers = lambda r, n: {"status": 503, "delay": 3}
    p.start()
    a.wait(20)
    redis.cli("CONFIG", "SET", "maxmemory", "1kb")
    p.wait_log("Redis refused a commit")
    assert p.admin("/api/v1/destinations/b/drop", "POST")[0] == 200
    wait_for(lambda: not parked(), "what was parked to be forgotten")
    a.answers = lambda r, n: {}
    redis.cli("CONFIG", "SET", "maxmemory", "0")
    wait_for(lambda: post(p, 101).status == 200, "it to take events again")


def the_limit_follows_redis_maxmemory(flow):
    sink, redis = flow.sink(lambda r, n: {"status": 503}), flow.redis("--maxmemory", "24mb")
    p = flow.penstock({"sick": sink}, redis, workers=1, destination_more=", buffer: 2GiB, breaker: { open_after: 0 }")
    taken = fill(p, 0, 1000)
    redis.cli("CONFIG", "SET", "maxmemory", "400mb")
    wait_for(lambda: post(p, 2000).status == 200, "there to be room")
    for i in range(2001, 2000 + 2 * len(taken)):  # more than there was before
        wait_for(lambda: post(p, i).status == 200, "the limit to be read", 6)
        taken.append(i)
    sink.answers = lambda r, n: {}
    wait_for(lambda: {number(r) for r in list(sink.requests)} >= set(taken), "all that was taken to arrive")


def another_max_memory_counts_with_its_reload(flow):
    """A greater one and a smaller one, though Redis does not say what it has itself."""
    sink = flow.sink(lambda r, n: {"status": 503})
    silent = Between(flow, flow.redis(), lambda words, ask: b"-ERR\r\n" if words == [b"INFO", b"memory"] else ask())
    p = flow.penstock({"sick": sink}, silent, retention="{ max_memory: 4MiB }", destination_more=", buffer: 1GiB, breaker: { open_after: 0 }")
    with open(p.config) as f:
        text = f.read()

    def change(to):
        with open(p.config, "w") as f:
            f.write(text.replace("max_memory: 4MiB", "max_memory: " + to))
        assert p.admin("/-/reload", "POST")[0] == 200
    taken = fill(p, 0, 400)
    change("64MiB")
    for i in range(1000, 1000 + len(taken)):  # as much once more
        assert post(p, i).status == 200
    change("2MiB")
    wait_for(lambda: post(p, 2000).status == 503, "the smaller one to count")
    p.wait_log("what is kept in Redis has reached retention.max_memory")
    change("64MiB")
    assert post(p, 3000).status == 200
    sink.answers = lambda r, n: {"status": 200}
    wait_for(lambda: {number(r) for r in list(sink.requests)} >= set(taken), "all that was taken to arrive")


def a_slow_delivery_hides_nothing_that_is_kept(flow):
    """Above four fifths history goes, but what lies above an unsettled entry stays, and counts."""
    redis, a = flow.redis(), flow.sink(lambda r, n: {"hang": True} if number(r) == 0 else {})
    p = flow.penstock({"a": a}, redis, retention="{ max_memory: 8MiB }", workers=1, destination_more=", timeout: 60s")
    taken = fill(p, 0, 400)
    a.wait(len(taken))
    assert 0.9 * (8 << 20) < held(redis) < 1.1 * (8 << 20), held(redis)


def a_redis_without_memory_usage_is_counted_roughly(flow):
    """Some operators take MEMORY away: said once for each journal, and nothing else depends on it."""
    redis, a = flow.redis("--rename-command", "MEMORY", ""), flow.sink()
    p = flow.penstock({"a": a}, redis, workers=1)
    for i in range(20):
        assert post(p, i).status == 200
    a.wait(20)
    assert p.stop() == 0
    a.answers = lambda r, n: {"status": 503}
    p.start()
    p.wait_log("Redis refuses MEMORY USAGE")
    assert post(p, 100).status == 200
    a.wait(21)
    assert p.text().count("Redis refuses MEMORY USAGE") == 1
    assert p.stop() == 0
