"""Promises about delivering: retries, independence, dead letters, replays."""
import email.utils
import json
import re
import time

from harness import Load, sequence, wait_for


def retries_after_503(flow):
    sink = flow.sink(lambda r, before: {"status": 503} if before < 2 else {})
    p = flow.penstock({"d": sink}, flow.redis())
    p.stripe(b'{"n":1}')
    a, b, c = sink.wait(3)
    assert [r.header("penstock-attempt") for r in (a, b, c)] == ["1", "2", "3"]
    assert len({r.header("webhook-id") for r in (a, b, c)}) == 1
    assert 0.19 < b.at - a.at < 5 and 0.49 < c.at - b.at < 5
    wait_for(lambda: p.metric("penstock_deliveries_total") == 1, "delivered")


def the_latencies_tell_what_a_sender_and_a_destination_waited(flow):
    """A retry counts from the receipt of its event, also when it was parked and another life delivers it."""
    redis, sink = flow.redis(), flow.sink(lambda r, before: {"status": 503} if before < 2 else {})
    p = flow.penstock({"d": sink}, redis, retry="{schedule: [1s, 2s, ...], jitter: 0%}")
    within = lambda name, le: sum(float(line.split()[-1]) for line in p.admin("/metrics")[1].splitlines()
                                  if line.startswith(name + "_bucket{") and 'le="%s"' % le in line)
    began = time.monotonic()
    p.stripe(b'{"n":1}')
    took = time.monotonic() - began
    assert p.metric("penstock_accept_seconds_count") == 1 and 0 < p.metric("penstock_accept_seconds_sum") <= took
    assert within("penstock_accept_seconds", "+Inf") == 1
    sink.wait(1)
    wait_for(lambda: p.metric("penstock_parked_total") == 1, "the first attempt to have failed")
    assert p.metric("penstock_delivery_seconds_count") == 0
    sink.wait(2)
    wait_for(lambda: p.metric("penstock_parked_total") == 2, "the second attempt to have failed")
    assert p.stop() == 0
    p.start()
    late = sink.wait(3)[2].at - began
    wait_for(lambda: p.metric("penstock_delivery_seconds_count") == 1, "the third to be counted")
    waited = p.metric("penstock_delivery_seconds_sum")
    assert late - took - 0.1 < waited < time.monotonic() - began + 0.1, (waited, late)
    assert within("penstock_delivery_seconds", "2.5") == 0 and within("penstock_delivery_seconds", "+Inf") == 1
    began = time.monotonic()
    p.stripe(b'{"n":2}')
    wait_for(lambda: p.metric("penstock_delivery_seconds_count") == 2, "one without a retry")
    assert 0 <= p.metric("penstock_delivery_seconds_sum") - waited < time.monotonic() - began + 0.1


def the_lease_is_told_while_it_is_valid(flow):
    redis = flow.redis()
    p = flow.penstock({"d": flow.sink()}, redis)
    assert p.metric("penstock_lease_valid") == 1
    redis.kill()
    wait_for(lambda: p.metric("penstock_lease_valid") == 0, "the lease to end")
    assert p.metric("penstock_redis_up") == 0
    redis.start()
    wait_for(lambda: p.metric("penstock_lease_valid") == 1, "it to be taken again")


def each_status_has_its_outcome(flow):
    retried, final = (408, 425, 429, 500, 502, 503, 504), (301, 302, 400, 401, 403, 404, 410, 422)
    for_status = {}

    def answers(r, before):
        status = json.loads(r.body)["status"]
        for_status[status] = for_status.get(status, 0) + 1
        return {"status": status, "headers": {"Location": "/elsewhere"}} if for_status[status] == 1 else {}

    sink = flow.sink(answers)
    p = flow.penstock({"d": sink}, flow.redis(), retry="{schedule: [100ms, ...], jitter: 0%}",
                      destination_more=", breaker: { open_after: 100 }")
    for status in retried + final + (200, 201, 202, 204):
        assert p.stripe(json.dumps({"status": status}).encode()).status == 200
    sink.wait(2 * len(retried) + len(final) + 4)
    wait_for(lambda: len(p.api("/api/v1/dead")["dead"]) == len(final), "dead letters")
    assert {s: n for s, n in for_status.items() if n == 2} == {s: 2 for s in retried}
    assert sorted(d["status"] for d in p.api("/api/v1/dead")["dead"]) == sorted(final)


def honours_retry_after(flow):
    def answers(r, before):
        if before == 0:
            return {"status": 503, "headers": {"Retry-After": "2"}}
        if before == 1:
            return {"status": 429, "headers": {"Retry-After": email.utils.formatdate(time.time() + 2, usegmt=True)}}
        return {}

    sink = flow.sink(answers)
    p = flow.penstock({"d": sink}, flow.redis(), retry="{schedule: [100ms, 200ms, 1m], jitter: 0%}")
    p.stripe(b"{}")
    a, b, c = sink.wait(3)
    assert b.at - a.at > 1.9 and c.at - b.at > 0.8, (b.at - a.at, c.at - b.at)


def retries_what_is_refused_reset_or_hangs(flow):
    answers = [{"reset": True}, {"hang": True}, {"raw": b"garbage\r\n\r\n"},
               {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut"}, {}]
    sink = flow.sink(lambda r, before: answers[before])
    p = flow.penstock({"d": sink}, flow.redis(), retry="{schedule: [100ms, ...], jitter: 0%}",
                      destination_more=", timeout: 1s")
    p.stripe(b"{}")
    sink.wait(5)
    wait_for(lambda: p.metric("penstock_deliveries_total") == 1, "delivered at last")
    sink.down()
    p.stripe(b'{"second":1}')
    wait_for(lambda: 'outcome="connect"' in p.admin("/metrics")[1], "a refused connection")
    sink.up()
    sink.wait(6)


def one_dead_destination_delays_no_other(flow):
    good, bad = flow.sink(), flow.sink(lambda r, before: {"hang": True})
    p = flow.penstock({"good": good, "bad": bad}, flow.redis(), destination_more=", timeout: 2s")
    load = Load(p, 200)
    wait_for(lambda: len(load.acknowledged) >= 600, "load")
    load.stop()
    good.wait(len(load.acknowledged), 5)
    assert not load.refused and not load.unknown
    counts = sequence(good)
    assert set(counts) == load.acknowledged and max(counts.values()) == 1


def dead_letters_after_max_age(flow):
    sink = flow.sink(lambda r, before: {"status": 500})
    p = flow.penstock({"d": sink}, flow.redis(), destination_more=", max_age: 3s")
    event = p.stripe(b'{"n":1}').getheader("penstock-event-id")
    dead = wait_for(lambda: p.api("/api/v1/dead")["dead"], "a dead letter")
    assert dead[0]["id"] == event and dead[0]["status"] == 500 and dead[0]["attempts"] >= 2
    assert dead[0]["reason"] == "status_5xx"


def replays_a_dead_letter_byte_for_byte(flow):
    broken = [True]
    sink = flow.sink(lambda r, before: {"status": 410} if broken[0] else {})
    p = flow.penstock({"d": sink}, flow.redis())
    body = bytes(range(256))
    event = p.stripe(body, **{"X-Own": "kept"}).getheader("penstock-event-id")
    wait_for(lambda: p.api("/api/v1/dead")["dead"], "a dead letter")
    shown = p.api("/api/v1/events/" + event)
    assert "X-Own: kept" in shown["headers"] and shown["waiting"][0]["status"] == 410
    broken[0] = False
    status, _ = p.admin("/api/v1/dead/%s/replay?destination=d" % event, "POST")
    assert status == 202
    first, again = sink.wait(2)
    assert again.body == first.body == body and again.header("x-own") == "kept"
    assert again.header("webhook-id") == event and again.header("penstock-replay") == "true"
    wait_for(lambda: not p.api("/api/v1/dead")["dead"], "the dead letter to be gone")
    again = "/api/v1/dead/%s/replay?destination=d" % event
    wait_for(lambda: p.admin(again, "POST")[0] == 404, "the record to be gone")


def parks_while_paused_and_resumes(flow):
    sink, other = flow.sink(), flow.sink()
    p = flow.penstock({"d": sink, "e": other}, flow.redis())
    assert p.admin("/api/v1/destinations/d/pause", "POST")[0] == 200
    for i in range(20):
        p.stripe(json.dumps({"seq": i}).encode())
    other.wait(20)
    assert not sink.requests
    assert p.admin("/api/v1/destinations/d/resume", "POST")[0] == 200
    sink.wait(20)
    assert sequence(sink) == {i: 1 for i in range(20)}


def state(p, name):
    return {d["name"]: d["state"] for d in p.api("/api/v1/destinations")["destinations"]}[name]


def a_pause_outlives_a_restart(flow):
    """What was parked, what is read back and what comes in: none of it goes out before somebody resumes."""
    sink, other = flow.sink(), flow.sink()
    p = flow.penstock({"d": sink, "e": other}, flow.redis())
    assert p.admin("/api/v1/destinations/d/pause", "POST")[0] == 200
    sent = 0
    for end in (p.stop, p.kill):
        for _ in range(20):
            assert p.stripe(b'{"seq":%d}' % sent).status == 200
            sent += 1
        other.wait(sent)
        end()
        p.start()
        assert p.stripe(b'{"seq":%d}' % sent).status == 200
        sent += 1
        wait_for(lambda: sent - 1 in sequence(other), "the other destination to get what is new")
        wait_for(lambda: "journal is recovered" in p.text(p.log_from), "the former life to be read")
        wait_for(lambda: state(p, "d") == "paused", "it to say so")
        assert not sink.requests
    assert p.admin("/api/v1/destinations/d/resume", "POST")[0] == 200
    wait_for(lambda: len(sequence(sink)) == sent, "what has waited")
    assert sequence(sink) == {i: 1 for i in range(sent)}


def a_pause_is_obeyed_by_all_nodes(flow):
    """By one that is started later from its first event on; by those that run within two seconds."""
    sink, other, redis = flow.sink(), flow.sink(), flow.redis()
    a = flow.penstock({"d": sink, "e": other}, redis, name="a", workers=1)
    assert a.admin("/api/v1/destinations/d/pause", "POST")[0] == 200
    b = flow.penstock({"d": sink, "e": other}, redis, name="b", workers=1)
    assert b.stripe(b'{"seq":0}').status == 200
    other.wait(1)
    wait_for(lambda: state(b, "d") == "paused", "the second node to say so")
    assert not sink.requests
    assert b.admin("/api/v1/destinations/d/resume", "POST")[0] == 200
    sink.wait(1)
    wait_for(lambda: state(a, "d") == "up", "the first node to resume")
    assert b.admin("/api/v1/destinations/d/pause", "POST")[0] == 200
    wait_for(lambda: state(a, "d") == "paused", "the first node to obey")
    assert a.stripe(b'{"seq":1}').status == 200
    other.wait(2)
    assert len(sink.requests) == 1
    assert a.admin("/api/v1/destinations/d/resume", "POST")[0] == 200
    sink.wait(2)


def opens_its_breaker_and_comes_back(flow):
    down = [True]
    sink = flow.sink(lambda r, before: {"status": 503} if down[0] else {})
    p = flow.penstock({"d": sink}, flow.redis(), retry="{schedule: [100ms, ...], jitter: 0%}",
                      destination_more=", breaker: { open_after: 5, probe_every: 1s }")
    for i in range(50):
        p.stripe(json.dumps({"seq": i}).encode())
    wait_for(lambda: p.api("/api/v1/destinations")["destinations"][0]["state"] != "up", "an open breaker")
    tried = len(sink.requests)
    assert tried < 50 + 40, tried
    down[0] = False
    wait_for(lambda: p.metric("penstock_deliveries_total") == 50, "all to be delivered")
    ok = {}
    for body in sink.bodies():
        ok[json.loads(body)["seq"]] = 1
    assert len(ok) == 50


def reads_nothing_back_while_the_breaker_is_open(flow):
    """What is parked stays in Redis until the next probe: it costs the other destinations nothing."""
    redis = flow.redis()
    sink = flow.sink(lambda r, before: {"status": 503})
    p = flow.penstock({"d": sink}, redis, retry="{schedule: [100ms, ...], jitter: 0%}", workers=1,
                      destination_more=", breaker: { open_after: 5, probe_every: 1h }")
    for i in range(200):
        p.stripe(json.dumps({"seq": i}).encode())
    wait_for(lambda: p.metric("penstock_lane_depth") == 0 and redis.cli("ZCARD", redis.cli("KEYS", "*due:d")) == "200",
             "all to be parked")
    calls = re.search(r"cmdstat_zrangebyscore:calls=(\d+)", redis.cli("INFO", "commandstats"))
    assert calls is None or int(calls.group(1)) <= 10, calls.group(0)
    assert p.metric("penstock_parked_total") <= 210, p.metric("penstock_parked_total")


def reuses_connections_to_destinations(flow):
    sink = flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), destination_more=", concurrency: 4", workers=1)
    for i in range(100):
        p.stripe(json.dumps({"seq": i}).encode())
    sink.wait(100)
    assert sink.connections <= 4, sink.connections


def gives_redis_its_memory_back(flow):
    redis = flow.redis()
    down = [True]
    sink = flow.sink(lambda r, before: {"status": 503} if down[0] else {})
    p = flow.penstock({"d": sink}, redis, retry="{schedule: [300ms, ...], jitter: 0%}",
                      destination_more=", breaker: { open_after: 0 }", retention="{ history: 1s }")

    base = redis.memory()

    def cycle(first):
        down[0] = True
        for i in range(first, first + 300):
            p.stripe(json.dumps({"seq": i, "pad": "x" * 2000}).encode())
        assert redis.memory() - base > 300 * 2000
        down[0] = False
        wait_for(lambda: p.metric("penstock_deliveries_total") == first + 300, "all delivered")
        wait_for(lambda: set(redis.cli("XLEN", k) for k in redis.cli("KEYS", "*journal").split()) == {"0"},
                 "history to be trimmed")

    cycle(0)  # Redis' own buffers and its Lua engine have grown to their size
    base = redis.memory()
    cycle(300)
    wait_for(lambda: redis.memory() < base + 64 * 1024, "memory to be back at its base")
    assert redis.cli("KEYS", "*event:*") == "" and redis.cli("KEYS", "*due:*") == ""


def reads_parked_deliveries_again_after_a_cut_connection(flow):
    redis, sink = flow.redis(), flow.sink()
    p = flow.penstock({"d": sink}, redis)
    assert p.admin("/api/v1/destinations/d/pause", "POST")[0] == 200
    for i in range(200):
        assert p.stripe(b'{"seq":%d}' % i).status == 200
    wait_for(lambda: p.metric("penstock_parked_total") == 200, "all to be parked")
    assert p.admin("/api/v1/destinations/d/resume", "POST")[0] == 200
    for _ in range(20):
        redis.cli("CLIENT", "KILL", "TYPE", "normal")
    wait_for(lambda: len(sequence(sink)) == 200, "all to be delivered")


def replays_nothing_that_is_still_waiting(flow):
    sink = flow.sink(lambda r, before: {"status": 503} if before == 0 else {"delay": 2})
    p = flow.penstock({"d": sink}, flow.redis(), retry="{schedule: [1s, ...], jitter: 0%}")
    event = p.stripe(b"{}").getheader("penstock-event-id")
    sink.wait(2)
    assert p.admin("/api/v1/dead/%s/replay?destination=d" % event, "POST")[0] == 404
    wait_for(lambda: p.metric("penstock_deliveries_total") == 1, "delivered")
    assert len(sink.requests) == 2


def carries_out_one_of_several_requests_for_one_dead_letter(flow):
    broken = [True]
    redis, sink = flow.redis(), flow.sink(lambda r, before: {"status": 410} if broken[0] else {})
    p = flow.penstock({"d": sink}, redis, workers=1)
    for i in range(3):
        assert p.stripe(b'{"seq":%d}' % i).status == 200
    wait_for(lambda: len(p.api("/api/v1/dead")["dead"]) == 3, "three dead letters")
    dead = redis.cli("KEYS", "*dead:d")
    twice, purged, replayed = sorted(redis.cli("ZRANGE", dead, 0, -1).split(), key=int)
    broken[0] = False
    redis.cli("RPUSH", dead.replace("dead:d", "requests"), "replay %s d 1" % twice, "replay %s d 2" % twice,
              "purge %s d 3" % purged, "replay %s d 4" % purged, "replay %s d 5" % replayed, "purge %s d 6" % replayed)
    sink.wait(5)
    wait_for(lambda: redis.cli("KEYS", "*requests") == "" and redis.cli("KEYS", "*event:*") == "", "all to be carried out")
    wait_for(lambda: [(d["parked"], d["dead"]) for d in p.api("/api/v1/destinations")["destinations"]] == [(False, 0)],
             "none to be counted any more")
    assert p.metric("penstock_deliveries_perhaps_lost_total") == 0
    assert p.stop() == 0
    assert sequence(sink) == {0: 2, 1: 1, 2: 2} and "no event" not in p.text()


def a_request_that_cannot_be_carried_out_blocks_no_other(flow):
    """A key of a foreign type, a number that no event has: it is said, and they are off the list."""
    redis, sink = flow.redis(), flow.sink(lambda r, before: {"status": 410})
    p = flow.penstock({"d": sink}, redis, workers=1)
    assert p.stripe(b"{}").status == 200
    dead = wait_for(lambda: redis.cli("KEYS", "*dead:d"), "a dead letter")
    n, at = redis.cli("ZRANGE", dead, 0, -1, "WITHSCORES").split()
    redis.cli("SET", dead.replace("dead:d", "event:77777"), "foreign")
    redis.cli("ZADD", dead, at, 77777, at, 0)
    redis.cli("RPUSH", dead.replace("dead:d", "requests"), *("replay 77777 d %d" % i for i in range(16)), "purge 0 d 16",
              "purge %s d 17" % n)
    wait_for(lambda: redis.cli("ZRANGE", dead, 0, -1).split() == ["0", "77777"], "the last one to be carried out")
    wait_for(lambda: redis.cli("KEYS", "*requests") == "", "no request to be left")
    assert "a key of it has a foreign type" in p.text() and "an unknown request was dropped" in p.text()
    assert p.stop() == 0


def a_replay_when_its_letters_retention_ends_has_one_outcome(flow):
    redis, sink = flow.redis(), flow.sink(lambda r, before: {"status": 410})
    p = flow.penstock({"d": sink}, redis, workers=1, retention="{ dead: 60s }")
    for _ in range(2):
        assert p.stripe(b"{}").status == 200
    wait_for(lambda: len(p.api("/api/v1/dead")["dead"]) == 2, "two dead letters")
    dead = redis.cli("KEYS", "*dead:d")
    requests = dead.replace("dead:d", "requests")
    redis.cli("EVAL", "redis.call('ZADD', KEYS[1], 'XX', 1, ARGV[1]) redis.call('RPUSH', KEYS[2], ARGV[2])", 2,
              dead, requests, 2, "replay 2 d 1")
    wait_for(lambda: redis.cli("EXISTS", requests, dead.replace("dead:d", "event:2")) == "0", "both to be carried out")
    assert p.metric("penstock_deliveries_perhaps_lost_total") == 0
    assert [(d["parked"], d["dead"]) for d in p.api("/api/v1/destinations")["destinations"]] == [(False, 1)]
    assert p.stop() == 0
    assert "no event" not in p.text()


def requests_that_outlive_their_letter_hold_no_journal(flow):
    """Of a former life's journal, which is deleted when nothing is left in it: each round asked for that, and took no
    request meanwhile."""
    redis, sink = flow.redis(), flow.sink(lambda r, before: {"status": 410})
    p = flow.penstock({"d": sink}, redis, workers=1, retention="{ history: 1s }")
    assert p.stripe(b"{}").status == 200
    wait_for(lambda: p.api("/api/v1/dead")["dead"], "a dead letter")
    old = redis.cli("KEYS", "*dead:d").replace("dead:d", "%s")
    assert p.stop() == 0
    p.start()
    p.wait_log("journal is recovered")
    redis.cli("RPUSH", old % "requests", *("purge 2 d %d" % i for i in range(100)))
    wait_for(lambda: redis.cli("EXISTS", old % "journal", old % "requests", old % "settled") == "0", "it to be deleted")
    assert p.stop() == 0


def a_request_that_is_no_text_is_carried_out_once(flow):
    redis, d = flow.redis(), flow.sink(lambda r, before: {"status": 410})
    p = flow.penstock({"d": d}, redis, workers=1)
    assert p.stripe(b'{"seq":1}').status == 200
    requests = wait_for(lambda: redis.cli("KEYS", "*dead:d"), "a dead letter").replace("dead:d", "requests")
    for text in ("x\0y", "purge 2 d 1\0f", ""):
        redis.command("RPUSH", requests, text)
    wait_for(lambda: redis.cli("EXISTS", requests) == "0", "all of them to be off the list")
    assert p.text().count("an unknown request was dropped") == 2, p.text()[-3000:]
    assert redis.cli("KEYS", "*dead:d") == ""


def forgets_dead_letters_after_their_retention(flow):
    redis, sink = flow.redis(), flow.sink(lambda r, before: {"status": 410})
    p = flow.penstock({"d": sink}, redis, retention="{ dead: 60s }")
    p.stripe(b"{}")
    wait_for(lambda: p.api("/api/v1/dead")["dead"], "a dead letter")
    dead = redis.cli("KEYS", "*dead:d")
    redis.cli("ZADD", dead, "XX", 1, 2)  # buried in 1970
    wait_for(lambda: not p.api("/api/v1/dead")["dead"], "it to be forgotten")
    wait_for(lambda: redis.cli("KEYS", "*event:*") == "", "its body to be gone")
    wait_for(lambda: p.metric('penstock_dead_letters_dropped_total{destination="d",why="age"}') == 1, "it to be counted")


def buries_what_is_too_old_once_it_can_be_read(flow):
    redis, d, e = flow.redis(), flow.sink(lambda r, before: {"status": 503}), flow.sink()
    p = flow.penstock({"d": d, "e": e}, redis, workers=1, retry="{schedule: [1h], jitter: 0%}")
    assert p.stripe(b"{}").status == 200
    due = wait_for(lambda: redis.cli("KEYS", "*due:d"), "it to be parked")
    assert p.stop() == 0
    with open(p.config) as f:
        lines = f.read().replace("[d, e]", "[e]").splitlines()
    with open(p.config, "w") as f:  # it stands, like one that is paused
        f.write("\n".join(line for line in lines if not line.startswith("  d:")))
    n = redis.cli("ZRANGE", due, 0, 0)
    redis.cli("ZADD", due, "XX", 1, n)  # since 1970
    event = due.replace("due:d", "event:" + n)
    redis.cli("RENAME", event, event.replace("event:", "kept:"))
    redis.cli("SET", event, "foreign")
    p.start()
    p.wait_log("parked deliveries cannot be read")
    redis.cli("RENAME", event.replace("event:", "kept:"), event)
    wait_for(lambda: redis.cli("ZRANGE", due.replace("due:d", "dead:d"), 0, -1) == n, "it to be a dead letter")


def a_mirror_harms_and_alarms_nobody(flow):
    """It fails for good, then its buffer is full: senders and the other destination notice nothing, no dead letter is left."""
    a, shadow = flow.sink(), flow.sink(lambda request, before: {"status": 503})
    p = flow.penstock({"a": a, "shadow": "{ url: 'http://127.0.0.1:%d/', mirror: true, buffer: 1MiB, breaker: {open_after: 5, "
                       "probe_every: 1h}, retry: {schedule: [100ms]} }" % shadow.port}, flow.redis())
    for _ in range(2):
        assert p.stripe(b'{"type":"x"}').status == 200
    dropped = 'penstock_deliveries_dropped_total{destination="shadow"}'
    wait_for(lambda: p.metric(dropped) == 2, "what was tried in vain to be dropped")
    for _ in range(60):  # the breaker opens: the rest is for its buffer
        assert p.stripe(b'{"type":"x","pad":"%s"}' % (b"x" * 60000)).status == 200
    a.wait(62)
    wait_for(lambda: p.metric(dropped) > 10, "what its buffer has no room for to be dropped")
    assert p.metric("penstock_dead_letters_total") == 0 and p.metric("penstock_breaker_open") == 0
    assert p.metric("penstock_destination_redis_bytes") < 2 << 20
    loud = [line for line in p.text().splitlines() if '"shadow"' in line and ('"warn"' in line or '"error"' in line)]
    assert not loud, loud[:3]


def an_address_that_network_denies_is_not_dialled(flow):
    """Whatever the name says: the address that it resolves to counts, at each try."""
    sink = flow.sink()
    url = "http://localhost:%d/" % sink.port
    p = flow.penstock({"d": url}, flow.redis(), retry="{schedule: [100ms], jitter: 0%}", more="network: { deny: ['@loopback'] }")
    p.stripe(b'{"n":1}')
    wait_for(lambda: p.api("/api/v1/dead")["dead"], "a dead letter")
    assert p.api("/api/v1/dead")["dead"][0]["reason"] == "address_denied" and sink.requests == []
    allowed = flow.penstock({"d": url}, flow.redis(), name="other", more="network: { deny: ['@loopback'], allow: ['local*'] }")
    allowed.stripe(b'{"n":2}')
    assert sink.wait(1)[0].body == b'{"n":2}'
