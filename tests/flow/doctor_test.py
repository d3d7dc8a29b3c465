"""penstock doctor looks at the Redis of the configuration and names the line to change."""
import re
import subprocess

from harness import PENSTOCK, Cluster, wait_for


def doctor(p):
    r = subprocess.run([PENSTOCK, "doctor", "-c", p.config], capture_output=True, text=True, timeout=30)
    return r.returncode, r.stdout + r.stderr


def doctor_names_the_line_to_change(flow):
    redis = flow.redis("--maxmemory", "4gb")
    p = flow.penstock({"billing": flow.sink()}, redis, start=False)
    code, text = doctor(p)
    assert code == 0 and re.search("ok       (Redis|Valkey) ", text) and "change:" not in text, text
    redis.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    redis.cli("CONFIG", "SET", "appendfsync", "no")
    code, text = doctor(p)
    assert code == 1 and "change: maxmemory-policy noeviction" in text and "WRONG" in text, text
    redis.kill()
    code, text = doctor(p)
    assert code == 3 and "not reachable" in text, text


def doctor_looks_at_the_embedded_store(flow):
    p = flow.penstock({"billing": flow.sink()})
    code, text = doctor(p)
    assert code == 0 and "synced before every answer" in text and "disk of data_dir:" in text, text


def doctor_says_that_a_cluster_is_not_whole(flow):
    cluster = Cluster(flow)
    p = flow.penstock({"billing": flow.sink()}, cluster, start=False)
    code, text = doctor(p)
    assert code == 0 and text.count("master of a cluster") == 3 and "slots" not in text, text
    master = cluster.servers[0]
    master.cli("CONFIG", "SET", "cluster-require-full-coverage", "yes")
    master.cli("CLUSTER", "DELSLOTS", "0")
    wait_for(lambda: "cluster_state:fail" in master.cli("CLUSTER", "INFO"), "the cluster to fail")
    code, text = doctor(p)
    assert code == 1 and "WRONG    1 of the 16384 slots have no master" in text and "CLUSTERDOWN" in text, text
    assert "change: cluster-require-full-coverage no" in text, text
