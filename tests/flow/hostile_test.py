"""Promises about the open internet: who may connect, how much, how slowly."""
import json
import os
import re
import socket
import struct
import threading
import time

from harness import Load, sequence, wait_for

def post_raw(p, before, headers="", body=b"{}", path="/hooks/open"):
    """One request over a connection that begins with `before`; the status, or None when it was closed."""
    with socket.create_connection(("127.0.0.1", p.port), 10) as s:
        s.settimeout(10)
        try:
            s.sendall(before + ("POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n" % (
                path, headers, len(body))).encode() + body)
            answer = s.recv(4096)
        except OSError:
            return None
        return int(answer[9:12]) if answer else None


def stripe_status(p, body):
    """The status, or None when the connection was shed: what a sender gets while the node is full."""
    try:
        return p.stripe(body).status
    except OSError:
        return None


def takes_only_from_allowed_addresses(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, sources=["open: { verify: none, allow_from: ['192.0.2.0/24', '2001:db8::/32'] }"],
                      listen_more=", trusted_proxies: ['127.0.0.1', '10.0.0.0/8']")
    assert post_raw(p, b"") == 403, "127.0.0.1 itself is not allowed"
    assert post_raw(p, b"", "X-Forwarded-For: 192.0.2.7\r\n") == 200
    assert post_raw(p, b"", "X-Forwarded-For: 203.0.113.9\r\n") == 403
    assert post_raw(p, b"", "X-Forwarded-For: 192.0.2.7, 203.0.113.9\r\n") == 403, "the left part may be made up"
    assert post_raw(p, b"", "X-Forwarded-For: 203.0.113.9, 192.0.2.7, 10.1.2.3\r\n") == 200, "proxies of ours are passed"
    assert post_raw(p, b"", "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 192.0.2.7:4711\r\n") == 200
    assert post_raw(p, b"", "X-Forwarded-For: [2001:db8::1]:443\r\n") == 200
    assert post_raw(p, b"", "X-Forwarded-For: nonsense\r\n") == 403
    a.wait(4)
    assert p.metric('penstock_requests_rejected_total{source="open",reason="ip_denied"}') == 4
    p.wait_log('"client":"203.0.113.9","reason":"ip_denied"')


def believes_no_forwarded_address_of_a_stranger(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, sources=["open: { verify: none, allow_from: ['192.0.2.0/24'] }"])
    assert post_raw(p, b"", "X-Forwarded-For: 192.0.2.7\r\n") == 403


V2 = b"\r\n\r\n\0\r\nQUIT\n"


def takes_the_proxy_protocol_from_trusted_proxies(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, sources=["open: { verify: none, allow_from: ['192.0.2.0/24'] }"],
                      listen_more=", trusted_proxies: ['127.0.0.1'], proxy_protocol: true")
    assert post_raw(p, b"PROXY TCP4 192.0.2.7 127.0.0.1 5000 80\r\n") == 200
    assert post_raw(p, b"PROXY TCP4 203.0.113.9 127.0.0.1 5000 80\r\n") == 403
    four = socket.inet_aton("192.0.2.8") + socket.inet_aton("127.0.0.1") + struct.pack(">HH", 5000, 80)
    assert post_raw(p, V2 + b"\x21\x11" + struct.pack(">H", 12) + four) == 200
    assert post_raw(p, V2 + b"\x21\x11" + struct.pack(">H", 16) + four + b"\x04\x00\x01\x00") == 200, "TLVs are skipped"
    assert post_raw(p, V2 + b"\x20\x00\x00\x00") == 403, "LOCAL: the proxy's own address counts"
    for garbage in (b"", b"PROXY TCP4 192.0.2.7\r\n", b"\x16\x03\x01", V2 + b"\x31\x11\x00\x0c" + four):
        assert post_raw(p, garbage) is None, "not a PROXY header: closed without a word"
    with socket.create_connection(("127.0.0.1", p.port), 10) as s:  # in two pieces
        s.sendall(b"PROXY TCP4 192.0.")
        s.sendall(b"2.9 127.0.0.1 5000 80\r\nPOST /hooks/open HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        assert s.recv(4096).startswith(b"HTTP/1.1 200")
    a.wait(4)
    with socket.create_connection(("127.0.0.1", p.port), 10) as s:  # never comes: its time is short
        s.settimeout(8)
        assert s.recv(1) == b""


def closes_a_stranger_on_a_proxy_port(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, sources=["open: { verify: none }"],
                      listen_more=", trusted_proxies: ['192.0.2.1'], proxy_protocol: true")
    assert post_raw(p, b"PROXY TCP4 192.0.2.7 127.0.0.1 5000 80\r\n") is None
    wait_for(lambda: p.metric('penstock_requests_rejected_total{source="",reason="ip_denied"}') == 1, "it to be counted")
    assert not a.requests


def answers_429_beyond_a_sources_rate(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, sources=["stripe: { verify: stripe, secret: whsec_flow_test, rate: 5/s }",
                                                "free: { verify: none }"])
    for _ in range(50):  # of nobody: they use nothing up
        assert p.post("/hooks/stripe", b"{}", {"Stripe-Signature": "t=1,v1=00"}).status == 401
    answers = [p.stripe(b'{"seq":%d}' % i) for i in range(30)]
    accepted = sum(r.status == 200 for r in answers)
    late = [r for r in answers if r.status == 429]
    assert 5 <= accepted <= 12 and len(late) == 30 - accepted, [r.status for r in answers]
    assert all(r.getheader("Retry-After") == "1" and json.loads(r.body) == {"error": "rate_limited"} for r in late)
    assert p.post("/hooks/free", b"{}").status == 200, "another source is unharmed"
    wait_for(lambda: p.stripe(b'{"seq":99}').status == 200, "the bucket to fill again")


def one_address_takes_no_more_than_its_connections(flow):
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, sources=["open: { verify: none }"], workers=1,
                      listen_more=", limits: { per_address: 10 }")
    held = [socket.create_connection(("127.0.0.1", p.port), 10) for _ in range(10)]
    wait_for(lambda: p.metric("penstock_connections") == 10, "ten to be there")
    with socket.create_connection(("127.0.0.1", p.port), 10) as s:
        assert s.recv(1) == b"", "the eleventh is closed"
    held.pop().close()
    wait_for(lambda: post_raw(p, b"") == 200, "its place to be free again")
    for s in held:
        s.close()
    wait_for(lambda: p.metric("penstock_connections") == 0, "all to be gone")
    assert post_raw(p, b"") == 200


def sheds_when_descriptors_run_out(flow):
    """64 descriptors: senders beyond them wait or are closed, nothing spins, and it comes back by itself."""
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, workers=1, start=False)
    p.prefix = ["prlimit", "--nofile=64:64"]
    p.start()
    held = []
    for _ in range(200):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", p.port))
        held.append(s)
    wait_for(lambda: p.metric("penstock_requests_rejected_total") > 0 and p.metric("penstock_connections") > 20,
             "it to be full, and the admin API to say so")
    ticks = os.sysconf("SC_CLK_TCK")
    used = lambda: sum(int(x) for x in open("/proc/%d/stat" % p.process.pid).read().rsplit(")", 1)[1].split()[11:13]) / ticks
    cpu, at = used(), time.monotonic()
    wait_for(lambda: time.monotonic() - at > 1, "a second")
    assert used() - cpu < 0.3, "it must not spin: %.2f s of CPU in a second" % (used() - cpu)
    for s in held:
        s.close()
    wait_for(lambda: stripe_status(p, b'{"seq":1}') == 200, "it to be back")
    a.wait(1)


def good_traffic_survives_slow_clients(flow):
    """300 senders that drip a head, 200 that drip a body: everybody else is served."""
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis)
    slow, running = [], [True]
    for i in range(500):
        s = socket.create_connection(("127.0.0.1", p.port), 10)
        s.sendall(b"POST /hooks/stripe HTTP/1.1\r\nHost: a\r\n" + (b"" if i < 300 else b"Content-Length: 1000\r\n\r\n"))
        slow.append(s)

    def drip():
        while running[0]:
            for s in slow:
                try:
                    s.send(b"X")
                except OSError:
                    pass
            time.sleep(0.3)  # the pace of the drip
    dripping = threading.Thread(target=drip, daemon=True)
    dripping.start()
    load = Load(p, 200)
    wait_for(lambda: len(load.acknowledged) >= 600, "600 good events to be accepted")
    load.stop()
    running[0] = False
    dripping.join()
    assert not load.refused and not load.unknown, (load.refused, load.unknown)
    assert sorted(load.latencies)[len(load.latencies) * 99 // 100] < 1, "p99"
    wait_for(lambda: load.acknowledged <= set(sequence(a)), "all of them at the destination")
    for s in slow:
        s.close()


def a_head_has_no_more_time_than_its_request(flow):
    p = flow.penstock({"a": flow.sink()}, flow.redis(), listen_more=", limits: { request_timeout: 300ms }")
    with socket.create_connection(("127.0.0.1", p.port), 10) as s:
        s.settimeout(5)  # half of the deadline that a head has by default
        s.sendall(b"POST /hooks/stripe HTTP/1.1\r\nHost: a\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 408 ")


def says_which_methods_a_source_takes(flow):
    p = flow.penstock({"a": flow.sink()}, flow.redis(), sources=["open: { verify: none, methods: [PUT, POST] }"])
    r = p.post("/hooks/open", b"", method="DELETE")
    assert r.status == 405 and r.getheader("Allow") == "POST, PUT"


def no_byte_of_a_request_forges_a_log_line(flow):
    redis, a = flow.redis(), flow.sink(lambda request, before: {
        "raw": b"HTTP/1.1 500 \x1b[31mred\x07\x7f\xc2\x9b2J\x9b\r\nContent-Length: 0\r\n\r\n"})
    p = flow.penstock({"a": a}, redis)
    forged = b'\n{"time":"2000-01-01T00:00:00.000Z","level":"info","msg":"forged"}\n'
    for raw in (b"POST /x" + forged + b" HTTP/1.1\r\nHost: a\r\n\r\n", forged, b"\x1b[2J" * 50 + b"\r\n\r\n",
                b"POST /hooks/stripe HTTP/1.1\r\nHost: a\r\nX: " + forged + b"\r\n\r\n",
                b"PO\x1b[2JST /hooks/stripe HTTP/1.1\r\nHost: a\r\n\r\n",
                b"POST /hooks/\xc2\x9b2J\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
                b"POST /hooks/stripe HTTP/1.1\r\nHost: a\r\nX: \xc2\x9b2J\x9b\r\nContent-Length: 0\r\n\r\n",
                b"POST /hooks/%0a%1b[31m HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", p.port), 10) as s:
            s.sendall(raw)
            s.recv(4096)
    assert p.stripe(b'{"seq":1}').status == 200
    a.wait(1)
    p.wait_log("failed, will retry")
    log = p.text()
    for line in log[log.index('{"time"'):].split("\n")[:-1]:  # behind the warnings of the start
        json.loads(line)
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", line), line
    assert '"msg":"forged"' not in p.text()
