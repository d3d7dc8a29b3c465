"""What a 2xx promises: memory, fsync or replica; and that nobody is promised what does not hold."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import types

from between import Between, says_version
from harness import PENSTOCK, SECRET, Redis, sequence, sign_github, sign_stripe, wait_for

SOURCES = ["stripe: { verify: stripe, secret: '%s' }" % SECRET,
           "cheap: { verify: stripe, secret: '%s', durability: memory }" % SECRET]


def with_replica(flow, name="replica"):
    """A master, and a replica that has caught up."""
    master = flow.redis("--repl-diskless-sync-delay", "0")
    replica = Redis(os.path.join(flow.folder, name), "--replicaof", "127.0.0.1 %d" % master.port)
    flow.parts.append(replica.stop)
    wait_for(lambda: "state=online" in master.cli("INFO", "replication"), "the replica to be online")
    return master, replica


def a_replica_has_what_was_acknowledged(flow):
    master, replica = with_replica(flow)
    sink = flow.sink()
    p = flow.penstock({"billing": sink}, master, durability="replica", workers=1)
    for i in range(50):
        r = p.stripe(b'{"i":%d}' % i)
        assert r.status == 200 and r.getheader("penstock-durability") == "replica", (r.status, r.body)
        key = replica.cli("KEYS", "penstock:*:journal")
        assert r.getheader("penstock-event-id") in replica.cli("XREVRANGE", key, "+", "-", "COUNT", 1)
    assert len({q.body for q in sink.wait(50)}) == 50


def is_honest_when_replicas_are_missing(flow):
    master, replica = with_replica(flow)
    sink = flow.sink()
    p = flow.penstock({"billing": sink}, master, durability="replica", sources=SOURCES)
    assert p.stripe(b'{"i":1}').status == 200
    replica.process.send_signal(signal.SIGSTOP)
    r = p.stripe(b'{"i":2}')
    assert r.status == 503 and json.loads(r.body) == {"error": "redis_down"} and r.getheader("Retry-After")
    r = p.stripe(b'{"i":3}', path="/hooks/cheap")  # another source is promised less, and gets it
    assert r.status == 200 and r.getheader("penstock-durability") == "memory"
    assert {q.body for q in sink.wait(3)} == {b'{"i":1}', b'{"i":2}', b'{"i":3}'}  # what is kept is delivered
    replica.process.send_signal(signal.SIGCONT)
    wait_for(lambda: p.stripe(b'{"i":4}').status == 200, "the replica to confirm again")


def an_append_is_one_only_by_its_own_id(flow):
    """Whatever else Redis, or who stands before it, answers to XADD: nobody is told that it is kept."""
    redis, sink = flow.redis(), flow.sink()
    between, nonsense, told = Between(flow, redis), [], []

    def says(words, ask):
        if words[0] != b"XADD" or not nonsense:
            return ask()
        told.append(nonsense[0])
        return nonsense[0]
    between.says = says
    p = flow.penstock({"billing": sink}, between, workers=1)
    assert p.stripe(b'{"seq":0}').status == 200
    for answer in (b"+OK\r\n", b"$3\r\n1-0\r\n", b":1\r\n", b"*0\r\n"):
        nonsense[:] = [answer]

        def refused():
            r = p.stripe(b'{"seq":1}')
            assert r.status == 503 and r.getheader("Retry-After"), (answer, r.status)
            return answer in told
        wait_for(refused, "an append to be answered with %r" % answer)
    nonsense.clear()
    wait_for(lambda: p.stripe(b'{"seq":2}').status == 200, "it to accept again")
    wait_for(lambda: 2 in sequence(sink), "its delivery")
    assert sequence(sink) == {0: 1, 2: 1}


def many_senders_share_the_proof_of_durability(flow):
    master, _ = with_replica(flow)
    sink = flow.sink()
    p = flow.penstock({"billing": sink}, master, durability="replica", workers=1)

    def calls(kind):
        m = re.search(r"cmdstat_%s:calls=(\d+)" % kind, master.cli("INFO", "commandstats"))
        return int(m.group(1)) if m else 0

    def post(k):
        for i in range(20):
            if p.stripe(b'{"i":%d}' % (k * 20 + i)).status != 200:
                bad.append(k)

    bad = []
    threads = [threading.Thread(target=post, args=(k,)) for k in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert bad == [] and len({q.body for q in sink.wait(320)}) == 320
    assert 0 < calls("wait") < calls("xadd"), (calls("wait"), calls("xadd"))


def fsync_takes_proof_where_redis_syncs_once_a_second(flow):
    redis = flow.redis("--appendfsync", "everysec")
    version = tuple(int(x) for x in re.search(r"redis_version:(\d+)\.(\d+)", redis.cli("INFO", "server")).groups())
    if version < (7, 2):
        p = flow.penstock({"billing": flow.sink()}, redis, start=False)
        p.start(ready=False)
        p.wait_log("(or Redis 7.2)")
        return
    sink = flow.sink()
    p = flow.penstock({"billing": sink}, redis)
    for i in range(20):
        r = p.stripe(b'{"i":%d}' % i)
        assert r.status == 200 and r.getheader("penstock-durability") == "fsync", (r.status, r.body)
    calls = int(re.search(r"cmdstat_waitaof:calls=(\d+)", redis.cli("INFO", "commandstats")).group(1))
    assert calls >= 20, calls
    assert len({q.body for q in sink.wait(20)}) == 20


def _at_once(p, bodies):
    """What lies in all the sockets when the loop comes to look: the statuses."""
    p.signal(signal.SIGSTOP)
    clients = []
    for body in bodies:
        clients.append(socket.create_connection(("127.0.0.1", p.port), 10))
        clients[-1].sendall(b"POST /hooks/stripe HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nConnection: close\r\n"
                            b"Stripe-Signature: %s\r\n\r\n%s" % (len(body), sign_stripe(body)["Stripe-Signature"].encode(), body))
    p.signal(signal.SIGCONT)
    answers = [client.makefile("rb").read() for client in clients]
    return [int(a.split(b" ", 2)[1]) for a in answers]


def _calls(redis, command):
    found = re.search(r"cmdstat_%s:calls=(\d+)" % command, redis.cli("INFO", "commandstats"))
    return int(found.group(1)) if found else 0


def _refused(redis, command):
    found = re.search(r"cmdstat_%s:.*rejected_calls=(\d+)" % command, redis.cli("INFO", "commandstats"))
    return int(found.group(1)) if found else 0


def events_of_a_moment_share_a_sync(flow):
    """As one transaction, where the server syncs before it answers; where that is not allowed they go alone."""
    bodies = [b'{"seq":%d}' % i for i in range(24)]
    renamed = ["--rename-command", "EXEC", ""]
    cases = [("always", [], [], True), ("everysec", [], [], False), ("always", [], ["-exec"], False),
             ("always", [], ["-multi"], False), ("always", [], ["-multi", "-exec"], False), ("always", renamed, [], False)]
    for i, (syncs, options, acl, shared) in enumerate(cases):
        redis, sink = flow.redis("--appendfsync", syncs, *options), flow.sink()
        redis.cli("ACL", "SETUSER", "relay", "on", ">secret", "~*", "&*", "+@all", *acl)
        url = redis.directive().replace("redis://", "redis://relay:secret@")
        allowed = types.SimpleNamespace(directive=lambda url=url: url)
        p = flow.penstock({"billing": sink}, allowed, durability="fsync" if syncs == "always" else "memory", workers=1,
                          name="case%d" % i)
        before = _calls(redis, "exec")
        assert _at_once(p, bodies) == [200] * len(bodies), cases[i]
        wait_for(lambda: sequence(sink) == {i: 1 for i in range(len(bodies))}, "all to be delivered")
        assert _calls(redis, "xadd") >= len(bodies)
        shares = _calls(redis, "exec") - before
        assert 0 < shares <= 8 if shared else shares == 0, (cases[i], shares)
        assert ("fewer events share a sync" in p.text()) == bool(options or acl), cases[i]
        p.stop()


def what_may_no_longer_run_together_goes_alone(flow):
    redis, sink = flow.redis("--appendfsync", "always"), flow.sink()
    redis.cli("ACL", "SETUSER", "relay", "on", ">secret", "~*", "&*", "+@all")
    url = redis.directive().replace("redis://", "redis://relay:secret@")
    p = flow.penstock({"billing": sink}, types.SimpleNamespace(directive=lambda: url), workers=1)
    bodies = [b'{"seq":%d}' % i for i in range(48)]
    assert _at_once(p, bodies[:16]) == [200] * 16
    redis.cli("ACL", "SETUSER", "relay", "-multi")
    assert _at_once(p, bodies[16:32]) == [200] * 16
    p.wait_log("fewer events share a sync")
    refused = _refused(redis, "multi")
    assert refused > 0 and _at_once(p, bodies[32:]) == [200] * 16
    wait_for(lambda: sequence(sink) == {i: 1 for i in range(len(bodies))}, "all to be delivered")
    assert _refused(redis, "multi") == refused and p.text().count("fewer events share a sync") == 1
    assert "Redis is away" not in p.text()


def a_transaction_that_cannot_be_left_is_told(flow):
    """At start, and each time that it is looked at again."""
    told, cannot = "rename none of MULTI, EXEC and DISCARD", ["--rename-command", "EXEC", "", "--rename-command", "DISCARD", ""]
    redis, sink = flow.redis("--appendfsync", "always", *cannot), flow.sink()
    p = flow.penstock({"billing": sink}, redis, start=False)
    run = subprocess.run([PENSTOCK, "run", "-c", p.config], capture_output=True, text=True, timeout=60)
    assert run.returncode == 1 and told in run.stderr.splitlines()[-1], run.stderr
    redis.kill()
    redis.options = []
    redis.start()
    p.start()
    redis.kill()
    redis.options = [*cannot, "--appenddirname", "empty"]  # or it could not read what it has written
    redis.start()
    wait_for(lambda: p.text().count(told) >= 3, "it to be looked at again and again")
    assert "different servers" not in p.text()
    redis.kill()
    redis.options = []
    redis.start()
    wait_for(lambda: p.stripe(b'{"seq":1}').status == 200, "an event to be taken")
    sink.wait(1)


def what_follows_nonsense_is_judged_by_nobody(flow):
    """The first append is answered with nonsense, the second is refused: by what comes then both are kept."""
    redis, sink = flow.redis("--appendfsync", "everysec"), flow.sink()
    answers = [b"", b"+OK\r\n-OOM command not allowed when used memory > 'maxmemory'.\r\n"]  # in one piece
    says = lambda words, ask: answers.pop(0) if words[0] == b"XADD" and answers else ask()
    p = flow.penstock({"billing": sink}, Between(flow, redis, says), durability="memory", workers=1)
    bodies = [b'{"seq":%d}' % i for i in range(2)]
    assert _at_once(p, bodies) == [200, 200] and not answers
    wait_for(lambda: sequence(sink) == {0: 1, 1: 1}, "both to be delivered")


def fsync_is_promised_only_when_redis_has_proven_it(flow):
    """Whatever Redis this is, it says that it is 7.2, and answers WAITAOF as it is told."""
    redis, sink = flow.redis("--appendfsync", "everysec"), flow.sink()
    newer, answer, told = says_version(b"7.2"), [None], []

    def says(words, ask):
        if words[0] != b"WAITAOF":
            return newer(words, ask)
        told.append(answer[0])
        return answer[0]
    p = flow.penstock({"billing": sink}, Between(flow, redis, says), workers=1)
    proven, not_proven = b"*2\r\n:1\r\n:0\r\n", b"*2\r\n:0\r\n:0\r\n"
    replica_only, error = b"*2\r\n:0\r\n:1\r\n", b"-ERR WAITAOF cannot be used when appendonly is disabled\r\n"
    all_answers = [proven, not_proven, proven, replica_only, error, b":1\r\n", proven]
    for i, answer[0] in enumerate(all_answers):
        r = p.stripe(b'{"seq":%d}' % i)
        if answer[0] == proven:
            assert r.status == 200 and r.getheader("penstock-durability") == "fsync", (i, r.status, r.body)
        else:
            assert r.status == 503 and r.getheader("Retry-After"), (i, answer[0], r.status)
    assert told == all_answers
    wait_for(lambda: sequence(sink) == {i: 1 for i in range(len(all_answers))}, "what is kept to be delivered")


def a_duplicate_is_promised_no_more_than_the_first(flow):
    """Without its replica neither try is acknowledged, and what comes of both is one event."""
    master, replica = with_replica(flow)
    sink = flow.sink()
    source = "github: { verify: github, secret: '%s', dedupe: 10m }" % SECRET
    p = flow.penstock({"ci": sink}, master, durability="replica", sources=[source])
    post = lambda: p.post("/hooks/github", b"{}", {**sign_github(b"{}"), "X-GitHub-Delivery": "one"})
    replica.process.send_signal(signal.SIGSTOP)
    assert [post().status, post().status] == [503, 503]
    replica.process.send_signal(signal.SIGCONT)
    wait_for(lambda: post().status == 200, "the replica to confirm again")
    wait_for(lambda: p.metric("penstock_lane_depth") == 0 and sink.requests, "it to be delivered")
    assert len(sink.requests) == 1
