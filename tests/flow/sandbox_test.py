"""What a running Penstock has given up."""
import os
import re
import signal
import subprocess

import harness
from certificates import Authority
from harness import wait_for


def _status(pid):
    """One dict a thread."""
    threads = []
    for thread in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/status" % (pid, thread)) as f:
            threads.append(dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line))
    return threads


def _skip_unless_sandboxed(penstock):
    line = re.search(r'.*"msg":"sandbox".*', penstock.text()).group(0)
    if "not in this build" in line:
        raise SystemExit(77)
    return line


def every_thread_is_in_the_sandbox(flow):
    sink = flow.sink()
    # a name, so that a thread of libuv's pool looks it up
    p = flow.penstock({"billing": "http://localhost:%d/" % sink.port}, flow.redis(), workers=3)
    line = _skip_unless_sandboxed(p)
    assert p.stripe(b"{}").status == 200
    sink.wait(1)
    threads = _status(p.process.pid)
    assert len(threads) >= 3, threads
    for t in threads:
        assert (t["NoNewPrivs"], t["Seccomp"]) == ("1", "2"), t
    with open("/proc/%d/limits" % p.process.pid) as f:
        assert re.search(r"Max core file size +0 +0 ", f.read())
    assert '"programs":"refused"' in line, line
    # not dumpable: its memory and environment are root's, whoever runs it
    assert os.stat("/proc/%d/environ" % p.process.pid).st_uid == 0


def leaves_no_core_before_it_reads_a_secret(flow):
    """Whichever verb it is; seen while it waits for its configuration, which is a pipe here."""
    _skip_unless_sandboxed(flow.penstock({"billing": flow.sink()}, flow.redis()))
    pipe = os.path.join(flow.folder, "pipe.yaml")
    os.mkfifo(pipe)
    for verb in ("run", "check"):
        p = subprocess.Popen([harness.PENSTOCK, verb, "-c", pipe], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        flow.parts.append(p.kill)
        with open(pipe, "w") as f:  # opens once the other side has
            with open("/proc/%d/limits" % p.pid) as limits:
                assert re.search(r"Max core file size +0 +0 ", limits.read()), verb
            assert os.stat("/proc/%d/environ" % p.pid).st_uid == 0, verb
            f.write("no: configuration\n")
        assert p.wait(harness.PATIENCE) == 1


def reads_and_writes_nothing_outside_its_folders(flow):
    """Its key and the folder of its spool are moved to where it never was; moved back, they are used again."""
    ca, redis = Authority(os.path.join(flow.folder, "keys")), flow.redis()
    p = flow.penstock({"billing": "{ url: 'https://127.0.0.1:1/', tls: { %s } }" % ca.tls("client")}, redis, workers=1,
                      sources=["open: { verify: none }"], more="spool: { size: 64MiB }")
    if '"landlock":"on"' not in _skip_unless_sandboxed(p):
        print("skipped: this kernel has no Landlock")
        raise SystemExit(77)
    os.mkdir(os.path.join(flow.folder, "elsewhere"))
    key, spool = ca.path("client.key"), os.path.join(p.folder, "data", "spool")
    hidden = [os.path.join(flow.folder, "elsewhere", name) for name in ("client.key", "spool")]

    os.rename(key, hidden[0])
    os.symlink(hidden[0], key)
    p.signal(signal.SIGHUP)
    p.wait_log("the old one stays in force")
    assert re.search("client.key.*Permission denied by its own sandbox.*after a restart only", p.text()), p.text()
    os.replace(hidden[0], key)
    p.signal(signal.SIGHUP)
    p.wait_log('"configuration reloaded"')

    os.rename(spool, hidden[1])
    redis.kill()
    p.wait_log("Redis is away")
    assert p.post("/hooks/open", b"{}").status == 503
    p.wait_log("the spool cannot be written")
    assert re.search("the spool cannot be written.*Permission denied", p.text()), p.text()
    assert os.listdir(hidden[1]) == []
    os.rename(hidden[1], spool)
    wait_for(lambda: p.post("/hooks/open", b"{}").status == 200, "the spool to be written again")
    assert os.listdir(spool)


def the_embedded_store_restarts_within_the_sandbox(flow):
    sink = flow.sink()
    p = flow.penstock({"billing": sink})
    line = _skip_unless_sandboxed(p)
    assert '"programs":"allowed: the embedded store is one"' in line, line
    first = int(re.search(r'"started the embedded store".*?"pid":"?(\d+)', p.text()).group(1))
    assert all(t["Seccomp"] == "2" for t in _status(first))
    os.kill(first, 9)
    wait_for(lambda: len(re.findall("started the embedded store", p.text())) > 1, "a second store")
    wait_for(lambda: p.stripe(b"{}").status == 200, "an event to be accepted")
    sink.wait(1)
