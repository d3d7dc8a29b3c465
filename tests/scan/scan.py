#!/usr/bin/env python3
"""scan.py [--penstock FILE] [--tools DIR]: Penstock under Debian's scanners. Ends with exit 1 if testssl.sh finds anything
above low, if sslscan sees another protocol than TLS 1.2 and 1.3 or another cipher than AEAD with 128 bits and more, or
if slowhttptest's slow heads, bodies, ranges and readers (500 connections each) make good traffic wait: all of 500/s must
be accepted, its p99 under three times what it was alone, just before (and 2 ms, for a scheduler). So too beside 10,000
idle clients."""
import argparse
import json
import os
import re
import resource
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
parser = argparse.ArgumentParser()
parser.add_argument("--penstock", default=os.path.join(HERE, "../../build/release/penstock"))
parser.add_argument("--tools", default=os.path.join(HERE, "../../build/release/tests"), help="where bench_gen is")
options = parser.parse_args()
os.environ["PENSTOCK"] = options.penstock
sys.path.insert(0, os.path.join(HERE, "../flow"))
from certificates import Authority  # noqa: E402
from harness import SECRET, Flow  # noqa: E402

SLOW = {"heads": ["-H", "-i", "1"], "bodies": ["-B", "-i", "1", "-s", "8192"], "ranges": ["-R", "-a", "10", "-b", "3000"],
        "readers": ["-X", "-w", "1", "-y", "1", "-n", "1", "-z", "1"]}
IDLE = 10000
SECONDS, RATE = 8, 500  # a slow head or body is ended after 10
bad = []


def judge(fine, text):
    print("scan: %s: %s" % ("ok" if fine else "FAILED", text), flush=True)
    if not fine:
        bad.append(text)


def run(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout


def sslscan(port):
    out = run("sslscan", "--no-colour", "localhost:%d" % port)
    protocols = re.findall(r"(?m)^((?:SSL|TLS)v\S+) +enabled", out)
    ciphers = re.findall(r"(?m)^(?:Preferred|Accepted) +\S+ +(\d+) bits +(\S+)", out)
    weak = [name for bits, name in ciphers if int(bits) < 128 or not re.search("GCM|CHACHA20", name)]
    vulnerable = re.findall(r"(?m)^.* vulnerable to heartbleed", out)
    judge(protocols == ["TLSv1.2", "TLSv1.3"], "sslscan: %s" % " and ".join(protocols))
    judge(ciphers and not weak, "sslscan: %d ciphers, %d of them weak" % (len(ciphers), len(weak)))
    judge(vulnerable and all("not vulnerable" in v for v in vulnerable), "sslscan: no heartbleed")


def testssl(port, ca, folder):
    report = os.path.join(folder, "testssl.json")
    program = "testssl" if subprocess.run(["which", "testssl"], capture_output=True).returncode == 0 else "testssl.sh"
    run(program, "--quiet", "--color", "0", "--add-ca", ca, "--jsonfile", report, "localhost:%d" % port)
    with open(report) as f:
        rows = json.load(f)
    found = {}
    for r in rows:
        found.setdefault(r["severity"], []).append(r["id"])
    # Of the certificate made for this run, not of the listener: it names no list of revoked ones.
    worse = [(s, i) for s in ("MEDIUM", "HIGH", "CRITICAL", "FATAL") for i in found.get(s, ()) if i != "cert_revocation"]
    judge(len(rows) > 50 and not worse, "testssl: %d checks, above low: %s; low: %s" %
          (len(rows), worse or "none", ", ".join(found.get("LOW", ())) or "none"))


posted = 0


def good_traffic(port):
    global posted
    out = run(os.path.join(options.tools, "bench_gen"), str(port), "/hooks/github", SECRET, "1500", "16", str(RATE),
              str(SECONDS), str(posted))
    r = json.loads(out)
    posted += r["sent"]
    return r["accepted"], r["refused"] + r["broken"], r["p99_us"] / 1000


def alone(port):
    """Its p99, ms."""
    accepted, refused, p99 = good_traffic(port)
    judge(accepted >= RATE * SECONDS and refused == 0, "alone: p99 %.1f ms" % p99)
    return p99


def judge_beside(port, p99_alone):
    accepted, refused, p99 = good_traffic(port)
    judge(accepted >= RATE * SECONDS and refused == 0 and p99 < 3 * p99_alone + 2,
          "beside them %d accepted, %d refused, p99 %.1f ms (alone %.1f)" % (accepted, refused, p99, p99_alone))


def slowhttptest(port):
    for name, arguments in SLOW.items():
        p99_alone = alone(port)
        attack = subprocess.Popen(["slowhttptest", *arguments, "-c", "500", "-r", "200", "-l", str(SECONDS + 2), "-p", "3",
                                   "-u", "http://127.0.0.1:%d/hooks/github" % port], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        judge_beside(port, p99_alone)
        said = re.sub("\x1b\\[[0-9;]*m", "", attack.communicate()[0])
        most = max(map(int, re.findall(r"connected: *(\d+)", said)), default=0)
        ended = re.search(r"Exit status: *(.*)", said)
        # Ranges are answered at once: no connection waits.
        judge((most >= 400 or name == "ranges") and ended and "refused" not in ended.group(1),
              "slow %s: %d connections at once, then: %s" % (name, most, ended and ended.group(1)))


def idle_clients(p):
    """Each had an answer once, and stays."""
    p99_alone = alone(p.port)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    clients = []
    for _ in range(IDLE):
        s = socket.create_connection(("127.0.0.1", p.port), 10)
        s.sendall(b"GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n")
        s.recv(4096)
        clients.append(s)
    there = p.metric("penstock_connections")
    with open("/proc/%d/status" % p.process.pid) as f:
        resident = int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) // 1024
    judge(there >= IDLE and resident <= 40, "%d idle clients, %d MiB resident, 40 at most" % (there, resident))
    judge_beside(p.port, p99_alone)
    judge(p.metric("penstock_connections") >= IDLE, "they are still there")
    for s in clients:
        s.close()


def main():
    flow = Flow()
    try:
        ca, sink, redis = Authority(flow.folder), flow.sink(), flow.redis()
        with_tls = flow.penstock({"d": sink}, redis, name="tls", listen_more=", tls: { %s }" % ca.tls("server", days=90))
        sslscan(with_tls.port)
        testssl(with_tls.port, ca.cert, flow.folder)
        with_tls.stop()
        source = "github: { verify: github, secret: '%s' }" % SECRET
        plain = flow.penstock({"d": sink}, redis, name="plain", sources=[source], listen_more=", limits: { connections: 12000, per_address: 12000 }")
        slowhttptest(plain.port)
        idle_clients(plain)
    finally:
        flow.close(failed=bool(bad))
    print("scan: %s" % ("%d FAILED" % len(bad) if bad else "nothing above low, good traffic unharmed"))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
