"""Promises about Redis under Sentinel: who is the master is asked, and asked again."""
import json
import socket
import threading
import time

from certificates import Authority
from doctor_test import doctor
from harness import (PATIENCE, SLOWNESS, Load, SentinelProcess, Sentinels, check, free_port, is_delivered, sequence, unsettled,
                     wait_for)


class FakeSentinel:
    """Answers with what it is told: (host, port), None for an unknown name, or raw bytes."""

    def __init__(self, flow, names, port=0):
        self.names, self.asked = names, 0
        self.refuses_to_tell, self.refusals = False, 0
        self.server = socket.create_server(("127.0.0.1", port))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        flow.parts.append(self.close)

    def close(self):
        try:
            self.server.shutdown(socket.SHUT_RDWR)  # wakes the accept
        except OSError:
            pass
        self.server.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        stream = connection.makefile("rb")
        with connection:
            while True:
                head = stream.readline()
                if not head:
                    return
                words = []
                for _ in range(int(head[1:])):
                    words.append(stream.read(int(stream.readline()[1:]) + 2)[:-2])
                if words[0] == b"SENTINEL":
                    self.asked += 1
                    connection.sendall(self._answer())
                elif words[0] == b"SUBSCRIBE" and self.refuses_to_tell:
                    self.refusals += 1
                    connection.sendall(b"-NOPERM this user has no permissions to access one of the channels\r\n")
                elif words[0] == b"SUBSCRIBE":
                    connection.sendall(b"*3\r\n$9\r\nsubscribe\r\n$%d\r\n%s\r\n:1\r\n" % (len(words[1]), words[1]))
                else:
                    connection.sendall(b"+PONG\r\n")

    def _answer(self):
        if self.names is None:
            return b"*-1\r\n"
        if isinstance(self.names, bytes):
            return self.names
        host, port = self.names[0].encode(), b"%d" % self.names[1]
        return b"*2\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(host), host, len(port), port)


class Named:
    """Sentinels by their ports alone."""

    def __init__(self, *ports):
        self.ports = ports

    def directive(self):
        return "sentinel: { master: main, nodes: [%s] }" % ", ".join("'127.0.0.1:%d'" % p for p in self.ports)


def finds_the_master_through_the_sentinels(flow):
    sentinels, a = Sentinels(flow, down_after_ms=10000), flow.sink()
    p = flow.penstock({"a": a}, sentinels)
    load = Load(p, 200)
    wait_for(lambda: len(load.acknowledged) >= 200, "load")
    load.stop()
    check(load, a)
    assert p.metric("penstock_redis_up") == 1
    assert p.stop() == 0


def survives_a_failover_under_load(flow):
    sentinels, a = Sentinels(flow), flow.sink()
    p = flow.penstock({"a": a}, sentinels)
    load = Load(p, 200)
    wait_for(lambda: len(load.acknowledged) >= 200, "load")
    old = sentinels.master
    old.kill()
    wait_for(lambda: p.admin("/readyz")[0] == 503, "readyz to be red")
    before = len(load.acknowledged)
    wait_for(lambda: len(load.acknowledged) >= before + 200, "new events to be accepted")
    assert sentinels.master is not old
    assert load.refused, "503 meanwhile"
    old.start()  # comes back with what the others never had: it must not be used
    so_far = len(load.acknowledged)
    wait_for(lambda: old.info("role") == "slave", "the old master to be made a replica", 60)
    wait_for(lambda: len(load.acknowledged) >= so_far + 200, "events to be accepted all the while")
    load.stop()
    is_delivered(p)
    check(load, a, twice=unsettled(200))  # what was settled in the lost tail
    assert p.metric("penstock_deliveries_perhaps_lost_total") == 0
    assert p.stop() == 0


def a_planned_failover_loses_nothing(flow):
    sentinels, a = Sentinels(flow), flow.sink()
    p = flow.penstock({"a": a}, sentinels)
    load = Load(p, 200)
    wait_for(lambda: len(load.acknowledged) >= 200, "load")
    old = sentinels.master
    assert sentinels.sentinels[0].cli("SENTINEL", "FAILOVER", "main") == "OK"
    wait_for(lambda: sentinels.master is not old, "the sentinels to name another")
    so_far = len(load.acknowledged)
    wait_for(lambda: len(load.acknowledged) >= so_far + 200, "new events to be accepted")
    load.stop()
    is_delivered(p)
    check(load, a, twice=unsettled(200))
    assert p.stop() == 0


def a_master_that_hangs_is_left_when_the_sentinels_switch(flow):
    sentinels, a = Sentinels(flow), flow.sink()
    p = flow.penstock({"a": a}, sentinels)
    load = Load(p, 100)
    wait_for(lambda: len(load.acknowledged) >= 100, "load")
    old = sentinels.master
    old.process.send_signal(19)  # SIGSTOP: its connections stay open
    wait_for(lambda: sentinels.master is not old, "the sentinels to name another")
    so_far = len(load.acknowledged)
    wait_for(lambda: len(load.acknowledged) > so_far, "new events to be accepted, with the next look at the latest", 8 * SLOWNESS)
    wait_for(lambda: len(load.acknowledged) >= so_far + 100, "more of them")
    old.process.send_signal(18)
    load.stop()
    is_delivered(p)
    check(load, a, twice=unsettled(100))
    assert "the sentinels have switched to another master" in p.text()
    assert p.stop() == 0


def waits_for_sentinels_that_are_silent(flow):
    redis, a, port = flow.redis(), flow.sink(), free_port()
    p = flow.penstock({"a": a}, Named(1, port), start=False)
    p.start(ready=False)
    p.wait_log("no sentinel answers; the last one tried: sentinel at 127.0.0.1:")
    assert p.process.poll() is None, "it goes on asking"
    FakeSentinel(flow, ("127.0.0.1", redis.port), port)
    wait_for(p._look_ready, "one of two to be enough")
    assert p.stripe(b'{"seq":1}').status == 200
    a.wait(1)


def believes_no_sentinel_blindly(flow):
    """One knows no such master, one talks nonsense, one names a replica; the last one is right."""
    master, a = flow.redis(), flow.sink()
    replica = flow.redis("--replicaof", "127.0.0.1 %d" % master.port)
    wait_for(lambda: replica.info("master_link_status") == "up", "the replica to be in sync")
    fakes = [FakeSentinel(flow, None), FakeSentinel(flow, b"*2\r\n$1\r\nx\r\n$4\r\nport\r\n"),
             FakeSentinel(flow, ("127.0.0.1", replica.port)), FakeSentinel(flow, ("127.0.0.1", master.port))]
    p = flow.penstock({"a": a}, Named(*(f.port for f in fakes)), workers=1)
    assert all(f.asked for f in fakes)
    assert sum(f.asked for f in fakes[:3]) < 12, "asked in turn, not at a run: %r" % [f.asked for f in fakes]
    assert p.stripe(b'{"seq":1}').status == 200
    a.wait(1)
    said = [json.loads(line) for line in p.text().splitlines() if "Redis cannot be used" in line]
    assert any("replica" in line["why"] for line in said), said
    assert p.stop() == 0


def a_sentinel_that_tells_nothing_is_not_asked_to_in_a_loop(flow):
    """Its user may have no right to the channel: what it answers to questions is enough."""
    redis = flow.redis()
    fake = FakeSentinel(flow, ("127.0.0.1", redis.port))
    fake.refuses_to_tell = True
    p = flow.penstock({"a": flow.sink()}, Named(fake.port), workers=1)
    began = time.monotonic()
    wait_for(lambda: time.monotonic() - began > 3, "three seconds")
    assert 2 <= fake.refusals < 20, fake.refusals
    said = [json.loads(line) for line in p.text().splitlines() if "messages of a sentinel" in line]
    assert len(said) == 1 and "NOPERM" in said[0]["why"], said
    assert p.stripe(b'{"seq":1}').status == 200
    assert p.stop() == 0


def doctor_says_that_sentinels_do_not_agree(flow):
    """Also where each of the masters that they name would do."""
    redis, other = flow.redis("--maxmemory", "4gb"), flow.redis("--maxmemory", "4gb")
    fakes = [FakeSentinel(flow, ("127.0.0.1", r.port)) for r in (redis, other)]
    p = flow.penstock({"a": flow.sink()}, Named(*(f.port for f in fakes)), start=False)
    code, text = doctor(p)
    assert code == 1 and "WRONG    the sentinels do not agree\n             change: " in text, (code, text)
    assert text.count("WRONG") == 1, text
    fakes[1].names = fakes[0].names
    code, text = doctor(p)
    assert code == 0 and "WRONG" not in text, (code, text)


def speaks_to_sentinels_as_to_redis_but_with_their_own_password(flow):
    """TLS to both, each with a password of its own."""
    ca, a = Authority(flow.folder), flow.sink()
    cert, key = ca.make("redis")
    tls = ["--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca.cert, "--tls-auth-clients", "no",
           "--tls-replication", "yes"]
    port, sentinel_port = free_port(), free_port()
    redis = flow.redis("--tls-port", str(port), *tls)
    redis.cli("CONFIG", "SET", "requirepass", "redis-pass")
    sentinel = SentinelProcess(flow, "sentinel", port, 1000, quorum=1, options=("--tls-port", str(sentinel_port), *tls))
    sentinel.cli("SENTINEL", "SET", "main", "auth-pass", "redis-pass")
    sentinel.cli("ACL", "SETUSER", "default", "resetpass", ">sentinel-pass")

    class Both:
        def directive(self):
            return ("url: 'rediss://:redis-pass@nowhere.invalid', tls: { ca_file: %s }, sentinel: { master: main, "
                    "nodes: ['127.0.0.1:%d'], password: %s }" % (ca.cert, sentinel_port, self.password))

    right, wrong = Both(), Both()
    right.password, wrong.password = "sentinel-pass", "redis-pass"
    p = flow.penstock({"a": a}, right)
    assert p.stripe(b'{"seq":1}').status == 200
    a.wait(1)
    q = flow.penstock({"a": a}, wrong, start=False, name="wrong")
    q.start(ready=False)
    q.wait_log("no sentinel answers; the last one tried: sentinel at 127.0.0.1:%d: it answered: WRONGPASS" % sentinel_port)
    assert p.stop() == 0


def what_a_replica_has_survives_master_and_penstock(flow):
    """With `durability: replica` a 2xx says that another machine has it: both may die at once."""
    sentinels, a = Sentinels(flow), flow.sink(lambda r, before: {"status": 503})
    p = flow.penstock({"a": a}, sentinels, durability="replica")
    load = Load(p, 200)
    wait_for(lambda: len(load.acknowledged) >= 300, "load")
    old = sentinels.master
    old.kill()
    p.kill()
    load.stop()
    a.answers = lambda r, before: {}
    wait_for(lambda: sentinels.master is not old, "the sentinels to name another")
    old.start()  # without a replica nothing can be acknowledged
    # Whichever is the master: on a busy machine the sentinels may give the old one its office back.
    wait_for(lambda: sentinels.master.info("connected_slaves") == "1", "the old master to be made a replica", 60)
    p.start()
    wait_for(lambda: p.stripe(b'{"seq":100000}').status == 200, "the replica to have what comes now")
    wait_for(lambda: load.acknowledged <= set(sequence(a)), "every acknowledged event to arrive")
    assert p.stop() == 0
