"""Promises about the open internet: who may connect, how much, how slowly."""
import hashlib
import hmac
import http.client
import json
import os
import re
import select
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

from certificates import Authority
from harness import PATIENCE, PENSTOCK, Load, processor_s, sequence, wait_for


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
                                                "free: { verify: none }",
                                                "segment: { verify: segment, secret: s, rate: 1/h }"])
    for _ in range(50):  # of nobody: they use nothing up
        assert p.post("/hooks/stripe", b"{}", {"Stripe-Signature": "t=1,v1=00"}).status == 401
    began = time.monotonic()
    answers = [p.stripe(b'{"seq":%d}' % i) for i in range(30)]
    took = time.monotonic() - began
    accepted = sum(r.status == 200 for r in answers)
    late = [r for r in answers if r.status == 429]
    assert 5 <= accepted <= 6 + 5 * took and len(late) == 30 - accepted, [r.status for r in answers]
    assert all(r.getheader("Retry-After") == "1" and json.loads(r.body) == {"error": "rate_limited"} for r in late)
    assert p.post("/hooks/free", b"{}").status == 200, "another source is unharmed"
    signed = {"X-Signature": hmac.new(b"s", b"{}", hashlib.sha1).hexdigest()}
    assert [p.post("/hooks/segment", b"{}", signed).status for _ in range(2)] == [200, 503], "it loses what is answered 4xx"
    wait_for(lambda: p.stripe(b'{"seq":99}').status == 200, "the bucket to fill again")


def _takes_no_more_than(flow, most, limit):
    """Whichever of its workers they come to."""
    p = flow.penstock({"a": flow.sink()}, flow.redis(), sources=["open: { verify: none }"], workers=4,
                      listen_more=", limits: { %s: %d }" % (limit, most))
    held = [socket.create_connection(("127.0.0.1", p.port), 10) for _ in range(most)]
    wait_for(lambda: p.metric("penstock_connections") == most, "all of them to be there")
    with socket.create_connection(("127.0.0.1", p.port), 10) as s:
        assert s.recv(1) == b"", "the next is closed"
    held.pop().close()
    wait_for(lambda: post_raw(p, b"") == 200, "its place to be free again")
    for s in held:
        s.close()
    wait_for(lambda: p.metric("penstock_connections") == 0, "all to be gone")
    assert post_raw(p, b"") == 200


def one_address_takes_no_more_than_its_connections(flow):
    _takes_no_more_than(flow, 10, "per_address")


def a_node_takes_no_more_than_its_connections(flow):
    _takes_no_more_than(flow, 20, "connections")


def connections_count_for_the_client_that_a_proxy_names(flow):
    """IPv4 by address, IPv6 by its /64; the proxy's own connections (LOCAL) are not limited."""
    p = flow.penstock({"a": flow.sink()}, flow.redis(), sources=["open: { verify: none }"], workers=1,
                      listen_more=", trusted_proxies: ['127.0.0.1'], proxy_protocol: true, limits: { per_address: 3 }")
    four, six = b"PROXY TCP4 %s 127.0.0.1 5000 80\r\n", b"PROXY TCP6 %s ::1 5000 80\r\n"
    held = []

    def hold(header):
        s = socket.create_connection(("127.0.0.1", p.port), PATIENCE)
        s.sendall(header)
        held.append(s)
    for i in range(3):
        hold(four % b"192.0.2.7")
        hold(six % b"2001:db8:0:1::%d" % i)
    for _ in range(5):
        hold(V2 + b"\x20\x00\x00\x00")
    wait_for(lambda: p.metric("penstock_connections") == 11, "all to be there")
    for header in (four % b"192.0.2.7", six % b"2001:db8:0:1:ffff::", six % b"::ffff:192.0.2.7"):
        assert post_raw(p, header) is None, header
    for header in (four % b"192.0.2.8", six % b"2001:db8:0:2::1", V2 + b"\x20\x00\x00\x00"):
        assert post_raw(p, header) == 200, header
    for s in held:
        s.close()
    wait_for(lambda: post_raw(p, four % b"192.0.2.7") == 200, "its places to be free again")


def places_behind_a_proxy_are_given_back(flow):
    """Whatever became of a connection, before its header or behind it."""
    p = flow.penstock({"a": flow.sink()}, flow.redis(), sources=["open: { verify: none }"], workers=4,
                      listen_more=", trusted_proxies: ['127.0.0.1'], proxy_protocol: true, limits: { connections: 3 }")
    header = b"PROXY TCP4 192.0.2.7 127.0.0.1 5000 80\r\n"
    overloaded = 'penstock_requests_rejected_total{source="",reason="overloaded"}'

    def hold(first):
        s = socket.create_connection(("127.0.0.1", p.port), PATIENCE)
        s.sendall(first)
        return s

    def works():
        wait_for(lambda: post_raw(p, header) == 200, "a place to be free again")
    for before in (header, b"PROXY nonsense\r\n", b"PROXY TCP4 192."):  # the last one ends amid its header
        for _ in range(10):
            hold(before).close()
            works()
    for before in (header, b""):
        wait_for(lambda: p.metric("penstock_connections") == 0, "nobody to be there")
        refused = p.metric(overloaded)
        held = [hold(before) for _ in range(4)]
        wait_for(lambda: p.metric(overloaded) > refused, "one too many to be refused")
        wait_for(lambda: before == b"" or p.metric("penstock_connections") == 3, "three to be there")
        for s in held:
            s.close()
        works()


def a_stop_waits_for_no_proxy_header(flow):
    p = flow.penstock({"a": flow.sink()}, flow.redis(), sources=["open: { verify: none }"],
                      listen_more=", trusted_proxies: ['127.0.0.1'], proxy_protocol: true")
    silent = [socket.create_connection(("127.0.0.1", p.port), PATIENCE) for _ in range(8)]
    assert post_raw(p, V2 + b"\x20\x00\x00\x00") == 200
    p.signal(signal.SIGTERM)
    for s in silent:
        try:
            assert s.recv(1) == b""
        except ConnectionResetError:
            pass  # was not accepted yet
        s.close()
    assert p.wait() == 0 and "did not come in time" not in p.text()


def speaks_tls_behind_a_proxy_header(flow):
    ca = Authority(flow.folder)
    p = flow.penstock({"a": flow.sink()}, flow.redis(), sources=["open: { verify: none, allow_from: [192.0.2.7] }"],
                      listen_more=", trusted_proxies: ['127.0.0.1'], proxy_protocol: true, "
                                  "tls: { %s }" % ca.tls("server"))
    context = ssl.create_default_context(cafile=ca.cert)
    for header, status in ((b"PROXY TCP4 192.0.2.7 127.0.0.1 5000 80\r\n", 200),
                           (b"PROXY TCP4 192.0.2.8 127.0.0.1 5000 80\r\n", 403)):
        with socket.create_connection(("127.0.0.1", p.port), PATIENCE) as plain:
            plain.sendall(header)
            with context.wrap_socket(plain, server_hostname="localhost") as s:
                s.sendall(b"POST /hooks/open HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
                assert status_of(s) == status


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
    used = lambda: processor_s(p.process)
    cpu, at = used(), time.monotonic()
    wait_for(lambda: time.monotonic() - at > 1, "a second")
    assert used() - cpu < 0.3, "it must not spin: %.2f s of CPU in a second" % (used() - cpu)
    for s in held:
        s.close()
    wait_for(lambda: stripe_status(p, b'{"seq":1}') == 200, "it to be back")
    a.wait(1)


def _rounds(p, first):
    """Three rounds of good traffic, and the least p99 of them: what else the machine does hits one, what slows Penstock
    down hits all."""
    loads = []
    for i in range(3):
        load = Load(p, 200, first=first + 10000 * i)
        wait_for(lambda: len(load.acknowledged) >= 300, "300 good events to be accepted")
        loads.append(load.stop())
        assert not load.refused and not load.unknown, (load.refused, load.unknown)
    return loads, min(sorted(load.latencies)[len(load.latencies) * 99 // 100] for load in loads)


def good_traffic_survives_slow_clients(flow):
    """300 senders that drip a head, 200 that drip a body: everybody else is served, at most three times as late (and
    20 ms, for a clock and a scheduler)."""
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis)
    _, alone = _rounds(p, 100000)
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
    loads, beside = _rounds(p, 200000)
    running[0] = False
    dripping.join()
    assert beside < 3 * alone + 0.020 or is_sanitized(), "p99: %.4f s alone, %.4f s beside slow clients" % (alone, beside)
    for load in loads:
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


# One line of log.format text: nothing but a message and its pairs, each value bare or within quotes.
TEXT_LINE = re.compile(r'[0-9T:.-]+Z (debug|info |warn |error) [^"=]+'
                       r'( [a-z_0-9]+=([^\s"=\\]+|"(\\["\\/bfnrtu]|[^"\\])*"))*')


def no_byte_of_a_request_forges_a_log_line(flow):
    """Nor one of a destination's answer; in either format."""
    a = flow.sink(lambda request, before: {
        "raw": b"HTTP/1.1 500 \x1b[31mred\x07\x7f\xc2\x9b2J\x9b\r\nContent-Length: 0\r\n\r\n"})
    b = flow.sink(lambda request, before: {
        "raw": b"HTTP/1.1 302 \xc2\x9b31m\r\nLocation: /\xc2\x9b31m\xc2\x85\"," + b"\xff" * 300 + b"\r\nContent-Length: 0\r\n\r\n"})
    forged = {"json": b'\n{"time":"2000-01-01T00:00:00.000Z","level":"info","msg":"forged"}\n',
              "text": b'\n2000-01-01T00:00:00.000Z info  forged why="x" \n'}
    begins = {"json": '{"time"', "text": "20"}
    for style in forged:
        p = flow.penstock({"a": a, "b": b}, flow.redis(), name=style, log_format=style)
        for raw in (b"POST /x" + forged[style] + b" HTTP/1.1\r\nHost: a\r\n\r\n", forged[style], b"\x1b[2J" * 50 + b"\r\n\r\n",
                    b"POST /hooks/stripe HTTP/1.1\r\nHost: a\r\nX: " + forged[style] + b"\r\n\r\n",
                    b"PO\x1b[2JST /hooks/stripe HTTP/1.1\r\nHost: a\r\n\r\n",
                    b"POST /hooks/\xc2\x9b2J\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
                    b"POST /hooks/stripe HTTP/1.1\r\nHost: a\r\nX: \xc2\x9b2J\x9b\r\nContent-Length: 0\r\n\r\n",
                    b"POST /hooks/%0a%1b[31m HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", p.port), 10) as s:
                s.sendall(raw)
                s.recv(4096)
        assert p.stripe(b'{"seq":1}').status == 200
        p.wait_log("failed, will retry")
        p.wait_log("Location: /\\u009b31m\\u0085")
        log = p.text()
        lines = log[re.search("^" + begins[style], log, re.M).start():].split("\n")[:-1]  # behind the warnings of the start
        for line in lines:
            assert not re.search(r"[\x00-\x1f\x7f-\x9f]", line), line
            if style == "json":
                json.loads(line)
            else:
                assert TEXT_LINE.fullmatch(line), line
        assert not [line for line in lines if re.search(r'"msg":"forged"|Z info  forged', line)]


def status_of(s):
    """The status of the one answer that is still to come on this connection, None when it just ends."""
    s.settimeout(PATIENCE)
    answer = b""
    while b"\r\n\r\n" not in answer:
        try:
            got = s.recv(4096)
        except ConnectionError:
            got = b""
        if not got:
            return None
        answer += got
    return int(answer[9:12])


def answers_408_to_a_head_or_body_that_drips(flow):
    """A head has 10 s however it drips; a body 1 kB a second after 5 s; one that keeps that pace is taken."""
    p = flow.penstock({"a": flow.sink()}, flow.redis(), sources=["open: { verify: none }"],
                      listen_more=", limits: { request_timeout: 60s }")
    begin = b"POST /hooks/open HTTP/1.1\r\nHost: a\r\n"
    senders = {  # what it begins with, what follows again and again, and how often a second
        "head": (begin + b"X: ", b"x", 2),
        "fields": (begin, b"X: y\r\n", 2),
        "empty lines": (b"", b"\r\n", 2),
        "body": (begin + b"Content-Length: 100000\r\n\r\n", b"x" * 100, 2),
        "chunks": (begin + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 2),
        "steady": (begin + b"Content-Length: 24000\r\n\r\n", b"x" * 1000, 3),
    }
    took, got = {}, {}

    def send(name, before, drop, rate):
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", p.port), PATIENCE) as s:
            s.sendall(before)
            for _ in range(24 if name == "steady" else 10 ** 6):
                if select.select([s], [], [], 1 / rate)[0]:
                    break
                try:
                    s.sendall(drop)
                except OSError:
                    break
            got[name] = status_of(s)
            took[name] = time.monotonic() - began
    threads = [threading.Thread(target=send, args=(name, *how)) for name, how in senders.items()]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert got == {"head": 408, "fields": 408, "empty lines": None, "body": 408, "chunks": 408, "steady": 200}, got
    for name in ("head", "fields", "empty lines"):
        assert took[name] > 9, (name, took)
    for name in ("body", "chunks"):
        assert 4.5 < took[name] < 9, (name, took)
    assert p.metric('penstock_requests_rejected_total{source="",reason="too_slow"}') == 4


def a_slow_head_takes_nothing_from_its_bodys_time(flow):
    """The body has its 5 s from the end of the head on, with and without "100 Continue"."""
    a = flow.sink()
    p = flow.penstock({"a": a}, flow.redis(), sources=["open: { verify: none }"], workers=1,
                      listen_more=", limits: { request_timeout: 60s }")
    senders = [socket.create_connection(("127.0.0.1", p.port), PATIENCE) for _ in range(2)]
    plain, asking = senders
    for s in senders:
        s.sendall(b"POST /hooks/open HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n")
    early = select.select(senders, [], [], 6)[0]  # the pace of the heads: longer than a body's grace
    assert not early, early[0].recv(4096)
    plain.sendall(b"\r\n{")
    asking.sendall(b"Expect: 100-continue\r\n\r\n")
    assert asking.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert post_raw(p, b"") == 200, "the one worker has seen both since"
    plain.sendall(b"}")
    asking.sendall(b"{}")
    for s in senders:
        assert status_of(s) == 200
        s.close()
    assert [r.body for r in a.wait(3)] == [b"{}"] * 3


def closes_a_sender_that_reads_no_answers(flow):
    """It sends requests and never reads: its answers fill what the kernel keeps, and 10 s later it is gone."""
    p = flow.penstock({"a": flow.sink()}, flow.redis(), sources=["open: { verify: none }"])
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    s.connect(("127.0.0.1", p.port))
    s.settimeout(PATIENCE)
    with s:
        began = time.monotonic()
        try:
            while True:
                s.send(b"POST /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n" * 500)
        except ConnectionError:
            pass
        assert time.monotonic() - began > 9
    wait_for(lambda: p.metric("penstock_connections") == 0, "its connection to be forgotten")
    assert post_raw(p, b"") == 200


def answers_503_when_bodies_in_flight_fill_the_memory(flow):
    """It is one memory, however many workers take from it."""
    redis, a = flow.redis(), flow.sink()
    p = flow.penstock({"a": a}, redis, sources=["open: { verify: none }"], workers=4,
                      listen_more=", limits: { memory: 4MiB, request_timeout: 60s }")
    body = b"x" * (1 << 20)
    begin = b"POST /hooks/open HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
    held = []
    for _ in range(3):
        s = socket.create_connection(("127.0.0.1", p.port), PATIENCE)
        s.sendall(begin + body[1:])
        held.append(s)

    def refused():
        with socket.create_connection(("127.0.0.1", p.port), PATIENCE) as s:
            s.sendall(begin.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
            s.settimeout(PATIENCE)
            answer = s.recv(4096)
            return answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 1\r\n" in answer
    wait_for(refused, "a fourth body to be refused before a byte of it")
    assert post_raw(p, b"") == 200, "a small one has its place"
    for s in held:
        s.sendall(b"x")
        assert status_of(s) == 200
        s.close()
    assert post_raw(p, b"", body=body) == 200, "room again"
    a.wait(5)


def the_greatest_body_has_its_place_in_the_least_memory(flow):
    """That `check` asks for: also where its length is not said, and its head is large."""
    p = flow.penstock({"a": flow.sink()}, flow.redis(), sources=["open: { verify: none }"],
                      listen_more=", limits: { memory: 2080KiB }")
    body, large = b"x" * (1 << 20), b"X: " + b"y" * 15000
    for framing, framed in ((b"Content-Length: %d" % len(body), body),
                            (b"Transfer-Encoding: chunked", b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))):
        with socket.create_connection(("127.0.0.1", p.port), PATIENCE) as s:
            s.sendall(b"POST /hooks/open HTTP/1.1\r\nHost: a\r\n" + large + b"\r\n" + framing + b"\r\n\r\n" + framed)
            assert status_of(s) == 200, framing
    with open(p.config) as f:
        text = f.read().replace("2080KiB", "2079KiB")
    with open(p.config, "w") as f:
        f.write(text)
    said = subprocess.run([PENSTOCK, "check", "-c", p.config], capture_output=True, text=True, timeout=PATIENCE).stderr
    assert "listen.limits.memory at least 2080KiB" in said, said


def is_sanitized():
    with open(PENSTOCK, "rb") as f:
        return re.search(rb"__[at]san_init", f.read()) is not None


def ten_thousand_idle_clients_would_cost_little_memory(flow):
    """2,000 here: less than 4 KiB each, whether they said nothing, were served, or stand in the middle of a head."""
    p = flow.penstock({"a": flow.sink()}, flow.redis(), sources=["open: { verify: none }"],
                      listen_more=", limits: { per_address: 4000 }")
    resident = lambda: int(open("/proc/%d/statm" % p.process.pid).read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    post_raw(p, b"")
    before, idle = resident(), []
    for i in range(2000):
        s = socket.create_connection(("127.0.0.1", p.port), PATIENCE)
        if i < 1000:  # first: those who say nothing are closed after ten seconds
            s.sendall(b"POST /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n")
            assert s.recv(4096).startswith(b"HTTP/1.1 404")
        idle.append(s)
    wait_for(lambda: p.metric("penstock_connections") == 2000, "all to be there")
    each = (resident() - before) / 2000
    assert each < 4096 or is_sanitized(), "%d bytes each" % each
    assert post_raw(p, b"") == 200
    for s in idle:
        s.close()
    wait_for(lambda: p.metric("penstock_connections") == 0, "all to be gone")


def an_idle_tls_client_costs_no_more_than_its_session(flow):
    """Ten thousand that have been served fit in 200 MiB, or, where OpenSSL has the greater records of 3.2 and later (9 KB of
    a session), in 270; of great requests no buffer stays that they went through."""
    ca = Authority(flow.folder)
    context = ssl.create_default_context(cafile=ca.cert)
    redis = flow.redis()

    def client(p, requests, request):
        s = context.wrap_socket(socket.create_connection(("127.0.0.1", p.port), PATIENCE), server_hostname="localhost")
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.sendall(request * requests)
        answers = b""
        while answers.count(b"HTTP/1.1 404 ") < requests:
            got = s.recv(4096)
            assert got, answers
            answers += got
        return s
    said = subprocess.run([PENSTOCK, "--version"], capture_output=True, text=True, timeout=10).stdout
    version = tuple(map(int, re.search(r"OpenSSL (\d+)\.(\d+)", said).groups()))
    bound = (270 if version >= (3, 2) else 200) * 2**20 // 10000
    for kind in ((1, b"GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n"),
                 (4, b"GET /elsewhere HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 15000 + b"\r\n\r\n")):
        p = flow.penstock({"a": flow.sink()}, redis, sources=["open: { verify: none }"], workers=1, name="of%d" % kind[0],
                          listen_more=", tls: { %s }" % ca.tls("server"))
        resident = lambda: int(open("/proc/%d/statm" % p.process.pid).read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        gone = lambda: wait_for(lambda: p.metric("penstock_connections") == 0, "all to be gone")
        client(p, *kind).close()
        gone()
        before = resident()
        idle = [client(p, *kind) for _ in range(300)]
        each = (resident() - before) / len(idle)
        assert each < bound or is_sanitized(), "%d bytes each, not %d" % (each, bound)
        for s in idle:
            s.close()
        gone()
        assert p.stop() == 0


def forwards_no_field_that_frames_or_that_is_not_the_senders(flow):
    """Hop-by-hop fields, those that Connection names, ours, and those that the destination sets itself, also
    spelt with underscores: none of the sender's arrives; everything else does, as it came."""
    a = flow.sink()
    url = "{ url: 'http://127.0.0.1:%d/a', headers: { Authorization: 'Bearer own', X-Own-Key: k } }" % a.port
    p = flow.penstock({"a": url}, flow.redis(), sources=["open: { verify: none }"])
    bad = ("Connection: x-hop , close,X-Hop2", "X-Hop: 1", "x-hop2: 1", "Keep-Alive: 5", "TE: trailers", "Trailer: X-T",
           "Upgrade: h2c", "Proxy-Connection: close", "Proxy-Authorization: Basic eA==", "Expect: 100-continue",
           "Transfer_Encoding: chunked", "Content_Length: 99", "Penstock-Source: other", "Penstock_Event_Id: other",
           "AUTHORIZATION: Bearer made-up", "x_own_key: made-up")
    good = ("X-Twice: 1", "X-Twice: 2", "X-Empty: ", "X_Under: 1", "X-Forwarded-For: 192.0.2.1", "Content-Type: a/b; c=\"d\"")
    head = "POST /hooks/open HTTP/1.1\r\nHost: sender\r\n" + "\r\n".join(bad + good)
    for i, raw in enumerate((head + "\r\nContent-Length: 2\r\n\r\n{}",
                             head + "\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\nX-T: 1\r\nContent-Type: t\r\n\r\n")):
        with socket.create_connection(("127.0.0.1", p.port), PATIENCE) as s:
            s.sendall(raw.encode())
            assert status_of(s) in (100, 200)
            r = a.wait(i + 1)[i]
        fields = [(n.decode().lower(), v.decode()) for n, v in r.raw_headers]
        names = [n for n, _ in fields]
        for one in ("host", "content-length", "authorization", "x-own-key", "penstock-source", "penstock-event-id"):
            assert names.count(one) == 1, (one, fields)
        assert dict(fields)["content-length"] == "2" and dict(fields)["host"] == "127.0.0.1:%d" % a.port
        assert dict(fields)["authorization"] == "Bearer own" and dict(fields)["penstock-source"] == "open"
        for line in bad:
            name, value = line.split(": ")
            assert (name.lower(), value) not in fields, line
        for line in good:
            name, value = line.split(": ")
            assert (name.lower(), value) in fields, (line, fields)
        assert r.body == b"{}" and not re.search(rb"[\x00-\x1f\x7f]", b"".join(n + v for n, v in r.raw_headers))


def a_web_page_is_no_operator(flow):
    """Without a token a browser that was led here could pause a destination, or let a secret be replaced."""
    p = flow.penstock({"a": flow.sink()}, flow.redis())
    for fields, status in (({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403), ({"Host": "evil.example"}, 403), ({}, 200)):
        c = http.client.HTTPConnection("127.0.0.1", p.admin_port, timeout=10)
        c.request("POST", "/api/v1/destinations/a/pause", headers=fields)
        assert c.getresponse().status == status, fields
        c.close()
