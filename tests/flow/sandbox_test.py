"""What a running Penstock has given up."""
import os
import re

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
