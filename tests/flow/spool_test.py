"""Promises about the spool: Redis away, a disk in its place."""
import json
import os
import re
import resource
import threading

from between import Between
from harness import SLOWNESS, Load, check, read_back, sequence, wait_for

SPOOL = "spool: { size: 64MiB }"
UNSETTLED = 200 * SLOWNESS  # in flight or not committed at a kill -9; a drain goes as fast as it can, 3000 in all
# Format 1: a head, and a record of five bytes.
EARLIER = bytes.fromhex("50454e53504f4f4c0100000000000000896745230100000001000000000000"
                        "00207f674b" "05000000278da710010000000000000068656c6c6f")


def _files(p):
    folder = os.path.join(p.folder, "data/spool")
    return sorted(f for f in os.listdir(folder) if f.endswith(".segment"))


def _redis_away(redis, p, workers=2):
    """And each worker knows: nothing that comes from now on is sent to Redis."""
    said = p.text().count('"Redis is away"')
    redis.kill()
    wait_for(lambda: p.text().count('"Redis is away"') >= said + workers, "each worker to see that Redis is away")


def _drained(p):
    wait_for(lambda: p.metric("penstock_redis_up") == 1 and p.metric("penstock_spool_bytes") == 0, "the spool to be empty")
    wait_for(lambda: _files(p) == [], "its files to be gone")


def _delivered_once(load, *sinks):
    for sink in sinks:
        wait_for(lambda: load.acknowledged <= set(sequence(sink)), "every acknowledged event to arrive")
        assert max(sequence(sink).values()) == 1, "an event came twice"


def takes_every_request_while_redis_is_away(flow):
    redis, a, b = flow.redis(), flow.sink(), flow.sink()
    p = flow.penstock({"a": a, "b": b}, redis, more=SPOOL)
    before = p.stripe(b'{"seq":1}')
    assert (before.status, before.getheader("penstock-durability")) == (200, "fsync")
    _redis_away(redis, p)
    load = Load(p, 300, first=1000)
    wait_for(lambda: len(load.acknowledged) >= 600, "events to be spooled")
    assert p.admin("/readyz") == (200, "ready\n")
    assert p.metric("penstock_events_spooled_total") >= 600 and p.metric("penstock_spool_bytes") > 600 * 100
    meanwhile = p.stripe(b'{"seq":2}')
    assert (meanwhile.status, meanwhile.getheader("penstock-durability")) == (200, "spool")
    redis.start()
    _drained(p)
    so_far = len(load.acknowledged)
    wait_for(lambda: len(load.acknowledged) >= so_far + 100, "events to go to Redis again")
    load.stop()
    assert not load.refused and not load.unknown, (load.refused, load.unknown)  # and so none took 2 s: that is a 503
    _delivered_once(load, a, b)
    assert {1, 2} <= set(sequence(a))
    text = p.text()
    assert "Redis is away: events go to the spool" in text and "the spool is empty again" in text
    assert p.stop() == 0


def _in_flight(flow, written, redis=None, **settings):
    """Two events of which Redis says nothing, whether it has them or not; the node, its sink, and what the senders were told."""
    stopped, over = threading.Event(), threading.Event()

    def says(words, ask):
        if words[0] != b"XADD" or not stopped.is_set():
            return ask()
        said = ask() if written else None
        over.wait()
        if written == "late":
            return said
        raise OSError("the connection is gone")

    a = flow.sink()
    p = flow.penstock({"a": a}, Between(flow, redis or flow.redis(), says), workers=1, more=SPOOL,
                      **{"sources": ["open: { verify: none }"], **settings})
    assert p.post("/hooks/open", b'{"id":0}').getheader("penstock-durability") == "fsync"
    a.wait(1)
    wait_for(lambda: p.metric("penstock_lane_depth") == 0, "it to be settled")
    stopped.set()
    answers = _both(p, in_turn=True)
    assert [(r.status, r.getheader("penstock-durability")) for r in answers] == [(200, "spool")] * 2, [(r.status, r.body) for r in answers]

    def go_on():
        stopped.clear()
        over.set()
    return p, a, {r.getheader("penstock-event-id") for r in answers}, go_on


def _both(p, in_turn=False):
    """`in_turn`: the second goes behind the first. Together they may be a transaction, of which nothing is run before its end."""
    answers = []
    threads = [threading.Thread(target=lambda i=i: answers.append(p.post("/hooks/open", b'{"id":%d}' % i))) for i in (1, 2)]
    for i, t in enumerate(threads):
        t.start()
        if in_turn:
            wait_for(lambda: p.metric("penstock_appends_pending") == i + 1, "it to be on its way")
    for t in threads:
        t.join()
    return answers


def _comes_once(p, a, ids):
    wait_for(lambda: p.metric("penstock_spool_bytes") == 0 and p.metric("penstock_redis_up") == 1, "the spool to be empty")
    wait_for(lambda: p.metric("penstock_lane_depth") == 0 and len(a.requests) >= 3, "all to be delivered")
    assert {r.header("webhook-id") for r in a.requests[1:]} == ids and len(a.requests) == 3, [r.body for r in a.requests]


def what_is_in_flight_when_redis_goes_is_taken_too(flow):
    for written in True, False:
        p, a, ids, go_on = _in_flight(flow, written, name="w%d" % written)
        go_on()
        _comes_once(p, a, ids)
        assert p.stop() == 0
        p.start()
        assert p.post("/hooks/open", b'{"id":3}').status == 200
        a.wait(4)
        assert len(a.requests) == 4, "what was in the stream as well is settled there"


def what_is_in_flight_claims_its_delivery_id_once(flow):
    for written in True, False:
        p, a, ids, go_on = _in_flight(flow, written, name="w%d" % written, sources=["open: { verify: none, dedupe: { window: 10m, key: body./id } }"])
        go_on()
        _comes_once(p, a, ids)
        assert p.post("/hooks/open", b'{"id":1}').getheader("penstock-event-id") in ids and len(a.requests) == 3


def what_is_in_flight_survives_kill_9(flow):
    """Then it may come twice, from the stream and from the spool."""
    for written in True, False:
        p, a, ids, go_on = _in_flight(flow, written, name="w%d" % written)
        p.kill()
        go_on()
        p.start()
        wait_for(lambda: ids <= {r.header("webhook-id") for r in list(a.requests)}, "all that was answered to be delivered")
        wait_for(lambda: p.metric("penstock_spool_bytes") == 0 and p.metric("penstock_lane_depth") == 0, "nothing to be left")
        assert len(a.requests) <= (5 if written else 3)


def a_stop_waits_for_what_redis_is_late_to_say(flow):
    """Else the next life would deliver from the stream what the spool has brought already."""
    p, a, ids, go_on = _in_flight(flow, "late")
    stop = threading.Thread(target=p.stop)
    stop.start()
    p.wait_log('"stopping"')
    go_on()
    stop.join()
    p.start()
    _comes_once(p, a, ids)


def _left(p, redis, go_on):
    """Redis lost a commit, and not the entries."""
    settled = redis.cli("KEYS", "*:settled").split()
    assert len(settled) == 1
    redis.cli("HSET", settled[0], "version", "0")
    go_on()
    p.wait_log('"leaving a journal"')


def what_is_in_flight_of_a_journal_that_is_left_comes_once(flow):
    """It is read back, and settled there."""
    redis = flow.redis()
    p, a, ids, go_on = _in_flight(flow, True, redis)
    _left(p, redis, go_on)
    _comes_once(p, a, ids)
    assert p.metric("penstock_journals_left_total") == 1


def what_is_in_flight_goes_by_its_claim_when_its_journal_is_left(flow):
    """Another owner had the journal for a moment, and has claimed the delivery id for what is in the stream."""
    redis = flow.redis()
    p, a, ids, go_on = _in_flight(flow, True, redis, sources=["open: { verify: none, dedupe: { window: 10m, key: body./id } }"])
    journal = redis.cli("KEYS", "*:journal").split()
    words = redis.cli("XRANGE", journal[0], "-", "+").split("\n")
    entries = [(words[i + 1].split(" ")[0], words[words.index("k", i) + 1]) for i, w in enumerate(words) if w == "e"]
    (_, _), (claimed, key) = entries  # the other one waits in the connection, and goes with it
    redis.cli("SET", "penstock:{%s}:ids" % key[:32], "%s:600000" % claimed)
    _left(p, redis, go_on)
    wait_for(lambda: len(a.requests) == 3, "both to be delivered")
    wait_for(lambda: p.metric("penstock_spool_bytes") == 0 and p.metric("penstock_lane_depth") == 0, "nothing to be left")
    assert sorted(r.body for r in a.requests) == [b'{"id":0}', b'{"id":1}', b'{"id":2}']
    told = {r.header("webhook-id") for r in a.requests[1:]}
    assert claimed in told and len(told & ids) == 1


def what_redis_surely_has_not_is_spooled_at_once(flow):
    """A master that has become a replica, and one that lost its journal: nobody waits for it, or is refused."""
    state = {"says": None}
    over = threading.Event()

    def says(words, ask):
        if words[0] != b"XADD" or state["says"] is None:
            return ask()
        if state["says"]:
            return state["says"]
        over.wait()
        raise OSError("the connection is gone")

    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, Between(flow, redis, says), workers=1, more=SPOOL, sources=["open: { verify: none }"])
    assert p.post("/hooks/open", b'{"id":0}').status == 200
    state["says"] = b"-READONLY You can't write against a read only replica.\r\n"
    answers = _both(p)
    state["says"] = None
    assert [r.status for r in answers] == [200, 200], [(r.status, r.body) for r in answers]
    wait_for(lambda: p.metric("penstock_spool_bytes") == 0 and p.metric("penstock_redis_up") == 1, "the spool to be empty")
    a.wait(3)
    state["says"] = b""
    posts = threading.Thread(target=lambda: answers.extend(_both(p)))
    posts.start()
    wait_for(lambda: p.metric("penstock_appends_pending") == 2, "both to be in flight")
    redis.cli("FLUSHALL")
    state["says"] = None
    over.set()
    posts.join()
    assert [r.status for r in answers] == [200] * 4, [(r.status, r.body) for r in answers]
    a.wait(5)


def each_outage_is_spooled_and_delivered(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, more=SPOOL)
    load = Load(p, 200)
    for outage in range(3):
        wait_for(lambda: p.metric("penstock_redis_up") == 1, "Redis to be back")
        so_far = p.metric("penstock_events_spooled_total")
        redis.kill()
        wait_for(lambda: p.metric("penstock_events_spooled_total") > so_far + 50, "events to be spooled")
        redis.start()
    load.stop()
    _drained(p)
    _delivered_once(load, a)


def spooled_events_survive_kill_9_of_penstock(flow):
    """Also when the next life has fewer workers, and starts before Redis is back."""
    redis, a, b = flow.redis(), flow.sink(), flow.sink()
    p = flow.penstock({"a": a, "b": b}, redis, more=SPOOL, workers=3)
    _redis_away(redis, p, workers=3)
    load = Load(p, 300, connections=16)
    wait_for(lambda: len(load.acknowledged) >= 300 and len(_files(p)) >= 2, "events to be spooled by several workers")
    p.kill()
    load.stop()
    p = flow.penstock({"a": a, "b": b}, redis, more=SPOOL, workers=1)
    assert p.admin("/readyz") == (200, "ready\n")
    more = Load(p, 300, first=100000)
    wait_for(lambda: len(more.acknowledged) >= 100, "more events to be spooled")
    redis.start()
    _drained(p)
    more.stop()
    _delivered_once(load, a, b)
    _delivered_once(more, a, b)
    assert p.stop() == 0


def _killed_amid_the_drain(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, more=SPOOL)
    _redis_away(redis, p)
    load = Load(p, 1000)
    wait_for(lambda: len(load.acknowledged) >= 3000, "events to be spooled")
    load.stop()

    def kill_at_the_twentieth(request, before):
        if before == 19:
            p.process.kill()
        return {}
    a.answers = kill_at_the_twentieth
    redis.start()
    p.wait()
    p.kill()  # the rest of it
    assert _files(p), "the drain was over too soon to say anything"
    return redis, a, p, load


def a_kill_9_amid_the_drain_loses_nothing(flow):
    _, a, p, load = _killed_amid_the_drain(flow)
    p.start()
    _drained(p)
    read_back(p)
    check(load, a, twice=UNSETTLED)


def a_drain_that_another_node_has_taken_over_delivers_nothing_twice(flow):
    """What the dead life had moved is the other node's; what is still in its files goes on when it returns."""
    redis, a, p, load = _killed_amid_the_drain(flow)
    other = flow.penstock({"a": a}, redis, name="other")
    wait_for(lambda: other.text().count("journal is recovered") >= 2, "the other node to have both journals")
    found = other.metric("penstock_events_recovered_total")
    assert found > 0
    wait_for(lambda: other.metric("penstock_deliveries_total") == found, "the other node to have delivered what it found")
    before = sum(n - 1 for n in sequence(a).values())
    p.start()
    _drained(p)
    wait_for(lambda: load.acknowledged <= set(sequence(a)), "every acknowledged event to arrive")
    assert p.stop() == 0 and other.stop() == 0
    twice = sum(n - 1 for n in sequence(a).values())
    assert twice == before <= UNSETTLED, "%d came twice, %d before the return, %d found by the other" % (twice, before, found)


def answers_503_when_the_spool_is_full_and_comes_back(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, more="spool: { size: 1MiB }", workers=1)
    _redis_away(redis, p, workers=1)
    taken = 0
    while True:
        r = p.stripe(b'{"seq":%d,"pad":"%s"}' % (taken, b"x" * 50000))
        if r.status != 200:
            break
        assert r.getheader("penstock-durability") == "spool"
        taken += 1
    assert 10 < taken < 22, taken
    assert r.status == 503 and r.getheader("Retry-After") and json.loads(r.body) == {"error": "over_budget"}
    small = 0
    while p.stripe(b'{"seq":%d}' % (10000 + small)).status == 200:
        small += 1
    assert p.admin("/readyz") == (503, "over_budget\n")
    redis.start()
    wait_for(lambda: p.stripe(b'{"seq":1000}').getheader("penstock-durability") == "fsync", "events to go to Redis")
    _drained(p)
    wait_for(lambda: {1000, *range(taken), *range(10000, 10000 + small)} <= set(sequence(a)), "every event")
    _redis_away(redis, p, workers=1)
    assert p.stripe(b'{"seq":2000}').getheader("penstock-durability") == "spool"
    assert max(n for seq, n in sequence(a).items() if seq != 1000) == 1


def a_damaged_spool_file_costs_no_other_event(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, more=SPOOL, workers=1)
    _redis_away(redis, p, workers=1)
    for seq in range(5):
        assert p.stripe(b'{"seq":%d}' % seq).status == 200
    p.kill()
    name, = _files(p)
    folder = os.path.join(p.folder, "data/spool")
    path = os.path.join(folder, name)
    whole = open(path, "rb").read()
    with open(path, "r+b") as f:
        f.truncate(len(whole) - 3)
    foreign, later, earlier, damaged, torn = names = ["%d00000000-0000000000001.segment" % i for i in range(5)]
    first = whole[:36 + 20 + int.from_bytes(whole[36:40], "little")]  # its head, the only record and that one's head
    for other, content in ((foreign, b"this was never a segment of the spool"), (later, whole[:8] + b"\x03" + whole[9:]),
                           (earlier, EARLIER), (damaged, first[:-1] + b"?"), (torn, first[:-1])):
        with open(os.path.join(folder, other), "wb") as f:
            f.write(content)
    redis.start()
    p.start()
    wait_for(lambda: not {name, torn} & set(_files(p)), "the files that a crash has cut off to be drained")
    wait_for(lambda: set(sequence(a)) == {0, 1, 2, 3}, "what was whole")
    wait_for(lambda: p.text().count("a spool file is left alone") == 4, "a sentence for each of the others")
    text = p.text()
    assert re.search('left alone.*%s.*a later version of Penstock wrote it' % later, text)
    assert re.search('left alone.*%s.*an earlier version of Penstock wrote it' % earlier, text)
    assert re.search('left alone.*%s.*none of ours' % foreign, text)
    assert re.search('left alone.*%s.*not one checksum fits' % damaged, text)
    for cut in name, torn:
        assert re.search('the end of a spool file was cut off.*%s' % cut, text)
    assert p.metric("penstock_spool_bytes") == 0, "what is left alone takes no room"
    assert p.stop() == 0
    assert _files(p) == names[:-1]


def a_limit_on_the_size_of_files_is_met_as_a_full_disk(flow):
    """Of the spool, and of the log: the signal that comes with it would end the process."""
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, more=SPOOL, workers=1)
    _redis_away(redis, p, workers=1)
    assert p.stripe(b'{"seq":0}').status == 200
    hard = resource.prlimit(p.process.pid, resource.RLIMIT_FSIZE)[1]
    assert len(p.text()) > 1000
    resource.prlimit(p.process.pid, resource.RLIMIT_FSIZE, (1000, hard))
    for _ in range(3):
        assert p.stripe(b'{"seq":1,"pad":"%s"}' % (b"x" * 2000)).status == 503
    resource.prlimit(p.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    wait_for(lambda: p.stripe(b'{"seq":2}').status == 200, "it to take events again")
    redis.start()
    _drained(p)
    wait_for(lambda: set(sequence(a)) == {0, 2}, "all that was taken, and nothing else")
    resource.prlimit(p.process.pid, resource.RLIMIT_FSIZE, (1000, hard))
    assert p.stop() == 0, "it says that it stops, to a file that takes nothing"


def what_the_disk_has_damaged_costs_no_other_event(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, more=SPOOL, workers=1)
    _redis_away(redis, p, workers=1)
    for seq in range(8):
        assert p.stripe(b'{"seq":%d}' % seq).status == 200
    p.kill()
    name, = _files(p)
    path = os.path.join(p.folder, "data/spool", name)
    whole = open(path, "rb").read()
    with open(path, "r+b") as f:
        f.seek(whole.index(b'{"seq":2}') + 7)  # a bit
        f.write(b"3")
        f.seek(whole.index(b'{"seq":4}'))  # a sector, with the next one's length in it
        f.write(bytes(whole.index(b'{"seq":5}') - whole.index(b'{"seq":4}')))
        f.seek(whole.index(b'{"seq":7}') + 7)  # the end, which is no torn one
        f.write(b"8")
    redis.start()
    p.start()
    wait_for(lambda: os.path.exists(path + ".damaged"), "the rest of it to be kept for a human")
    _drained(p)
    wait_for(lambda: set(sequence(a)) == {0, 1, 3, 6}, "the others")
    assert len(re.findall("events of the spool are lost.*%s" % name, p.text())) == 2
    assert re.search("the end of a spool file is damaged.*%s" % name, p.text())
    assert p.metric("penstock_deliveries_perhaps_lost_total") == 4
    assert p.stop() == 0 and set(sequence(a).values()) == {1}


def _crc32c(crc, data):
    crc ^= 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def a_spooled_record_that_is_no_event_is_kept_for_a_human(flow):
    """Its checksum fits: no disk did that. The others are delivered."""
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, more=SPOOL, workers=1)
    _redis_away(redis, p, workers=1)
    for seq in range(3):
        assert p.stripe(b'{"seq":%d}' % seq).status == 200
    p.kill()
    name, = _files(p)
    path = os.path.join(p.folder, "data/spool", name)
    whole = bytearray(open(path, "rb").read())
    at = 36 + 20 + int.from_bytes(whole[36:40], "little")  # the second record
    payload = at + 20
    end = payload + int.from_bytes(whole[at:at + 4], "little")
    whole[payload + 8:payload + 12] = b"\xff" * 4  # the first of its lengths
    whole[at + 16:at + 20] = _crc32c(int.from_bytes(whole[at + 12:at + 16], "little"), whole[payload:end]).to_bytes(4, "little")
    with open(path, "wb") as f:
        f.write(whole)
    redis.start()
    p.start()
    wait_for(lambda: os.path.exists(path + ".damaged"), "the file to be kept")
    _drained(p)
    wait_for(lambda: set(sequence(a)) == {0, 2}, "the others")
    assert len(re.findall("an event of the spool is unreadable.*%s" % name, p.text())) == 1
    assert p.metric("penstock_deliveries_perhaps_lost_total") == 1
    assert open(path + ".damaged", "rb").read() == whole
    assert p.stop() == 0 and set(sequence(a).values()) == {1}


def _added(redis):
    """To all journals."""
    streams = redis.cli("--scan", "--pattern", "*:journal").split()
    return sum(int(re.search(r"entries-added\n(\d+)", redis.cli("XINFO", "STREAM", key)).group(1)) for key in streams)


def a_spool_file_stays_until_replicas_have_what_it_holds(flow):
    """Back alone, Redis takes its events and cannot prove them: they are delivered, once, and the disk keeps them."""
    redis = flow.redis("--repl-diskless-sync-delay", "0")
    replica = flow.redis("--replicaof", "127.0.0.1 %d" % redis.port)
    online = lambda: "state=online" in redis.cli("INFO", "replication")
    wait_for(online, "the replica to be online")
    a = flow.sink()
    p = flow.penstock({"a": a}, redis, more=SPOOL, workers=1, durability="replica")
    replica.kill()
    _redis_away(redis, p, workers=1)
    for seq in range(20):
        assert p.stripe(b'{"seq":%d}' % seq).status == 200
    redis.start()
    wait_for(lambda: set(sequence(a)) == set(range(20)), "all to be delivered")
    wait_for(lambda: p.text().count("not as durably as promised") >= 3, "it to be read again, and again")
    assert len(_files(p)) == 1, "what nobody could prove is kept"
    added = _added(redis)
    assert 20 <= added <= 30, "all of it is copied once, then one event for each proof that is asked for: %d" % added
    replica.start()
    wait_for(online, "the replica to be online again")
    _drained(p)
    assert set(sequence(a).values()) == {1}
    assert p.stop() == 0


def what_redis_loses_before_it_is_proven_comes_from_the_disk(flow):
    """While there is still no replica: a proof is waited for only where the journal still has all that the file holds."""
    redis, up = flow.redis(), threading.Event()
    a = flow.sink(lambda request, before: {"status": 200 if up.is_set() else 503})
    p = flow.penstock({"a": a}, redis, more=SPOOL, workers=1, durability="replica", retry="{schedule: [1h]}",
                      destination_more=", breaker: { open_after: 0 }")
    _redis_away(redis, p, workers=1)
    for seq in range(20):
        assert p.stripe(b'{"seq":%d}' % seq).status == 200
    redis.start()
    wait_for(lambda: p.metric("penstock_parked_total") >= 20, "all to be parked: only Redis has them, and the disk")
    wait_for(lambda: p.text().count("not as durably as promised") >= 2, "it to be read again")
    assert set(sequence(a).items()) == {(seq, 1) for seq in range(20)}
    up.set()
    redis.cli("FLUSHALL")
    wait_for(lambda: min(sequence(a).values()) == 2, "all of them once more")
    assert len(_files(p)) == 1 and p.stop() == 0


def a_spooled_event_is_found_by_its_id(flow):
    redis, a = flow.redis(), flow.sink(lambda request, before: {"status": 400})
    p = flow.penstock({"a": a}, redis, more=SPOOL)
    _redis_away(redis, p)
    event = p.stripe(b'{"seq":1}').getheader("penstock-event-id")
    redis.start()
    request, = a.wait(1)
    assert request.header("penstock-event-id") == event
    wait_for(lambda: p.metric("penstock_dead_letters_total") == 1, "a dead letter")
    found = wait_for(lambda: p.api("/api/v1/events/%s" % event), "the event to be found")
    assert found["id"] == event, found


def two_nodes_never_share_a_data_directory(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, more=SPOOL)
    other = flow.penstock({"a": a}, redis, more=SPOOL, name="other", start=False)
    config = open(other.config).read()
    with open(other.config, "w") as f:
        f.write(config.replace(os.path.join(other.folder, "data"), os.path.join(p.folder, "data")))
    other.start(ready=False)
    assert other.wait() == 1
    assert "is in use by another Penstock (process %d)" % p.process.pid in other.text(), other.text()
    assert p.stripe(b'{"seq":1}').status == 200


def says_that_events_lie_in_a_spool_that_is_off(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, more=SPOOL)
    _redis_away(redis, p)
    assert p.stripe(b'{"seq":1}').status == 200
    p.kill()
    redis.start()
    p = flow.penstock({"a": a}, redis)
    p.wait_log("events of an earlier life lie in the spool")
    assert p.stop() == 0 and len(_files(p)) == 1
    p = flow.penstock({"a": a}, redis, more=SPOOL)
    a.wait(1)
    _drained(p)


def says_that_a_spool_that_is_off_cannot_be_looked_at(flow):
    """Events may lie in it."""
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis)
    assert p.stop() == 0 and "in the spool" not in p.text(), "one that was never there is not mentioned"
    os.makedirs(os.path.join(p.folder, "data"), exist_ok=True)
    with open(os.path.join(p.folder, "data/spool"), "w"):
        pass
    p.start()
    p.wait_log("whether events of an earlier life lie in the spool cannot be told")
    assert p.stripe(b'{"seq":1}').status == 200
    assert p.stop() == 0


def stops_in_order_while_redis_is_away(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, more=SPOOL)
    _redis_away(redis, p)
    load = Load(p, 300)
    wait_for(lambda: len(load.acknowledged) >= 100, "events to be spooled")
    assert p.stop() == 0
    load.stop()
    redis.start()
    p.start()
    _drained(p)
    _delivered_once(load, a)
