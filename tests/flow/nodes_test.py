"""penstock nodes lists who is on this Redis, and the journals that nobody has."""
from harness import wait_for


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
