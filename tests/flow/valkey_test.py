"""Valkey instead of Redis; skipped where there is none. The whole suite runs on it with
PENSTOCK_REDIS_SERVER=valkey-server."""
import json
import shutil
import sys

from harness import Load, sequence, wait_for


def works_with_valkey(flow):
    if not shutil.which("valkey-server"):
        print("skipped: there is no valkey-server (Debian 13: apt-get install valkey-server)")
        sys.exit(77)
    redis = flow.redis(program="valkey-server")
    a = flow.sink(lambda request, before: {"status": 503} if before < 5 else {})
    p = flow.penstock({"a": a}, redis)
    load = Load(p, 200)
    wait_for(lambda: len(load.acknowledged) >= 200, "load")
    redis.kill()
    redis.start()
    so_far = len(load.acknowledged)
    wait_for(lambda: len(load.acknowledged) >= so_far + 100, "new events to be accepted")
    load.stop()
    wait_for(lambda: load.acknowledged <= set(sequence(a)), "every acknowledged event to arrive")
    assert sum(sequence(a).values()) - len(sequence(a)) == 5, "each event once, but for the five that failed"
    ready = [json.loads(line) for line in p.text().splitlines() if "Redis is ready" in line]
    assert all(line["server"].startswith("valkey ") for line in ready), ready
    assert p.stop() == 0
