"""penstock nodes lists who is on this Redis, and the journals that nobody has."""
import re
import subprocess
import time

from harness import PENSTOCK, wait_for


def nodes_lists_workers_and_their_journals(flow):
    redis, sink = flow.redis(), flow.sink()
    a, b = (flow.penstock({"billing": sink}, redis, name=n) for n in ("a", "b"))
    assert a.stripe(b"{}").status == 200
    rows = wait_for(lambda: len(a.api("/api/v1/nodes")["nodes"]) == 4 and a.api("/api/v1/nodes"), "four workers")
    assert {r["state"] for r in rows["nodes"]} == {"serving"} and len({r["node"] for r in rows["nodes"]}) == 2
    assert {r["pid"] for r in rows["nodes"]} == {a.process.pid, b.process.pid}
    live = [j["name"] for r in rows["nodes"] for j in r["journals"] if j["kind"] == "live"]
    assert len(set(live)) == 4 and rows["unowned"] == []
    b.kill()
    silent = wait_for(lambda: [r for r in a.api("/api/v1/nodes")["nodes"] if r["state"] == "silent"], "the other to be missed")
    assert {r["pid"] for r in silent} == {b.process.pid}
    wait_for(lambda: a.api("/api/v1/nodes")["unowned"] == [], "its journals to be taken over")
    a.stop()
    assert redis.cli("HKEYS", "penstock:nodes").count("/") == 2, "one that stops in order takes itself off the list"


def nodes_lists_every_journal_with_its_lease_and_bytes(flow):
    """Also that of a former life, which is kept for its history."""
    redis, sink = flow.redis(), flow.sink()
    p = flow.penstock({"billing": sink}, redis, workers=1, retention="{ history: 1h }")
    journals = lambda: [j for r in p.api("/api/v1/nodes")["nodes"] if r["state"] == "serving" for j in r["journals"]]
    kept = lambda name: int(redis.cli("MEMORY", "USAGE", "penstock:{%s}:journal" % name, "SAMPLES", 0))
    fits = lambda j: 0.9 < j["bytes"] / kept(j["name"]) < 1.15  # Valkey needs a tenth less
    for i in range(200):
        assert p.stripe(b'{"x":"%s"}' % (b"x" * 1000)).status == 200
    sink.wait(200)
    first, = wait_for(lambda: [j for j in journals() if j["bytes"] > 200000 and fits(j)], "its bytes")
    assert first["kind"] == "live", first
    assert p.stop() == 0
    p.start()
    for i in range(50):
        assert p.stripe(b'{"x":"%s"}' % (b"x" * 1000)).status == 200
    wait_for(lambda: len(journals()) == 2 and all(fits(j) for j in journals()), "both lives and their bytes")
    old, live = sorted(journals(), key=lambda j: j["kind"], reverse=True)
    assert (old["kind"], old["name"], live["kind"]) == ("old", first["name"], "live")
    for j in (old, live):
        owner = int(redis.cli("PTTL", "penstock:{%s}:owner" % j["name"]))
        assert 0 < j["lease_ms"] < owner + 1000, "nobody else takes it before: %s, %d" % (j, owner)
    with open(p.config) as f:
        text = f.read().replace("admin: { address: '127.0.0.1:0' }", "admin: { address: '127.0.0.1:%d' }" % p.admin_port)
    with open(p.config, "w") as f:
        f.write(text)
    table = subprocess.run([PENSTOCK, "nodes", "-c", p.config], capture_output=True, text=True, timeout=30).stdout
    for j in (old, live):
        assert re.search(r"journal %s +%s +0\.\d MiB  lease \d\.\d s\n" % (j["name"], j["kind"]), table), table


def a_journal_is_listed_at_redis_out_of_memory(flow):
    """Or nobody would find it, when its node dies."""
    redis = flow.redis()
    redis.cli("CONFIG", "SET", "maxmemory", "1kb")
    p = flow.penstock({"a": flow.sink()}, redis, workers=1)
    name = re.search(r'"msg":"journal is open","journal":"(\w+)"', p.text()).group(1)
    wait_for(lambda: redis.cli("SISMEMBER", "penstock:live", name) == "1", "it to be listed")


def workers_are_seen_at_redis_out_of_memory(flow):
    redis, sink = flow.redis(), flow.sink()
    p = flow.penstock({"billing": sink}, redis)
    nodes = lambda: p.api("/api/v1/nodes")
    wait_for(lambda: len(nodes()["nodes"]) == 2, "two workers")
    redis.cli("CONFIG", "SET", "maxmemory", "1kb")
    full = time.monotonic()
    wait_for(lambda: time.monotonic() - full > 7, "a worker that says nothing to be called silent")
    rows = nodes()
    assert [r["state"] for r in rows["nodes"]] == ["serving", "serving"] and rows["unowned"] == [], rows
