"""Promises about accepting: what is taken, what is refused, and what reaches the destinations."""
import json
import socket
import struct
import threading
import time

from between import Between
from harness import SECRET, sign_github, sign_stripe, wait_for


def accepts_signed_stripe(flow):
    sink = flow.sink()
    p = flow.penstock({"billing": sink, "ledger": sink}, flow.redis())
    r = p.stripe(b'{"type":"charge.succeeded"}')
    assert r.status == 200 and r.body == b"{}", (r.status, r.body)
    assert len(r.getheader("penstock-event-id")) == 36 and r.getheader("penstock-durability") == "fsync"
    a, b = sink.wait(2)
    assert {a.target, b.target} == {"/billing", "/ledger"}
    assert a.header("webhook-id") == b.header("webhook-id") == r.getheader("penstock-event-id")
    assert a.header("penstock-attempt") == "1" and a.header("penstock-source") == "stripe"


def answers_401_to_a_tampered_body(flow):
    sink = flow.sink()
    p = flow.penstock({"billing": sink}, flow.redis())
    body = b'{"amount":100}'
    r = p.post("/hooks/stripe", body.replace(b"100", b"999"), sign_stripe(body))
    assert r.status == 401 and json.loads(r.body) == {"error": "bad_signature"}
    assert p.post("/hooks/stripe", body).status == 401
    assert p.post("/hooks/stripe", body, sign_stripe(body, "another secret")).status == 401
    stale = p.post("/hooks/stripe", body, sign_stripe(body, at=time.time() - 3600))
    assert stale.status == 401 and json.loads(stale.body) == {"error": "stale_timestamp"}
    assert p.stripe(body).status == 200
    assert [r.body for r in sink.wait(1)] == [body]
    assert p.metric("penstock_requests_rejected_total") == 4
    assert p.metric("penstock_events_accepted_total") == 1


def refuses_with_the_closed_list_of_reasons(flow):
    p = flow.penstock({"billing": flow.sink()}, flow.redis(), listen_more=", limits: { body: 1KiB }")
    assert json.loads(p.post("/elsewhere", b"x").body) == {"error": "unknown_source"}
    assert p.post("/elsewhere", b"x").status == 404
    r = p.post("/hooks/stripe", None, method="GET")
    assert r.status == 405 and json.loads(r.body) == {"error": "method"} and "POST" in r.getheader("Allow")
    big = b"x" * 2000
    r = p.post("/hooks/stripe", big, sign_stripe(big))
    assert r.status == 413 and json.loads(r.body) == {"error": "too_large"}
    with socket.create_connection(("127.0.0.1", p.port)) as s:
        s.sendall(b"POST /hooks/stripe HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n")
        assert s.makefile("rb").readline().startswith(b"HTTP/1.1 400 ")
    assert p.stripe(b"{}").status == 200


def accepts_any_of_several_secrets(flow):
    sink = flow.sink()
    p = flow.penstock({"billing": sink}, flow.redis(),
                      sources=["stripe: { verify: stripe, secrets: ['new one', 'old one', ''] }"])
    for secret in ("new one", "old one"):
        assert p.post("/hooks/stripe", b"{}", sign_stripe(b"{}", secret)).status == 200
    assert p.post("/hooks/stripe", b"{}", sign_stripe(b"{}", "")).status == 401
    sink.wait(2)


def delivers_byte_for_byte(flow):
    sink = flow.sink()
    p = flow.penstock({"raw": sink}, flow.redis(),
                      sources=["github: { verify: github, secret: '%s', methods: [POST, PUT] }" % SECRET])
    bodies = [b"", bytes(range(256)), b"a=1&b=%20c", b'{"bad utf-8": "\xff\xfe"}', b"x" * (10 << 20)]
    for i, body in enumerate(bodies):
        headers = {**sign_github(body), "Content-Type": "application/x-%d" % i, "X-GitHub-Event": "push",
                   "X-Odd-Value": "caf\u00e9; q=\"1\"", "Connection": "keep-alive, x-private",
                   "X-Private": "hop"}
        assert p.post("/hooks/github?a=b&c=%2F", body, headers, method="PUT").status == 200
        r = sink.wait(i + 1)[i]
        assert r.method == "PUT" and r.target == "/raw?a=b&c=%2F", r.target
        assert r.body == body
        for name in headers:
            if name not in ("Connection", "X-Private"):
                assert r.header(name) == headers[name], (name, r.header(name))
        assert r.header("x-private") is None
        assert r.header("host") == "127.0.0.1:%d" % sink.port


def accepts_chunked_and_http_1_0_senders(flow):
    sink = flow.sink()
    p = flow.penstock({"d": sink}, flow.redis())
    body = b'{"type":"x"}'
    signature = sign_stripe(body)["Stripe-Signature"].encode()
    chunked = b"5\r\n" + body[:5] + b"\r\n%x\r\n" % (len(body) - 5) + body[5:] + b"\r\n0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", p.port)) as s:
        f = s.makefile("rb")
        s.sendall(b"POST /hooks/stripe HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nStripe-Signature: " +
                  signature + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert f.readline() == b"HTTP/1.1 100 Continue\r\n" and f.readline() == b"\r\n"
        s.sendall(chunked)
        assert f.readline().startswith(b"HTTP/1.1 200 ")
    with socket.create_connection(("127.0.0.1", p.port)) as s:
        s.sendall(b"POST /hooks/stripe HTTP/1.0\r\nStripe-Signature: " + signature +
                  b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        answer = s.makefile("rb").read()  # the server ends the connection
        assert answer.startswith(b"HTTP/1.1 200 ") and b"\r\n\r\n{}" in answer
    for r in sink.wait(2):
        assert r.body == body and r.header("transfer-encoding") is None


def routes_by_event_type(flow):
    sink = flow.sink()
    p = flow.penstock({"money": sink, "all": sink}, flow.redis(),
                      routes=["{ from: stripe, events: ['charge.*'], to: money }", "{ from: '*', to: all }"])
    p.stripe(b'{"type":"charge.refunded"}')
    p.stripe(b'{"type":"customer.created"}')
    sink.wait(3)
    assert sorted(r.target for r in sink.requests) == ["/all", "/all", "/money"]


def counts_what_no_route_wants(flow):
    redis = flow.redis()
    p = flow.penstock({"money": flow.sink()}, redis, routes=["{ from: stripe, events: ['charge.*'], to: money }"])
    assert p.stripe(b'{"type":"other"}').status == 200
    assert p.metric("penstock_events_unrouted_total") == 1
    lengths = [redis.cli("XLEN", key) for key in redis.cli("KEYS", "*:journal").split()]
    assert lengths == ["1", "1"], "a journal begins with a marker, and nothing is kept of this one"


def keeps_what_no_route_wants_where_asked(flow):
    """As any event is kept: durable before its 2xx, found by its id, also by the next life; delivered to nobody."""
    redis, sink = flow.redis(), flow.sink()
    p = flow.penstock({"money": sink}, redis, workers=1,
                      sources=["stripe: { verify: stripe, secret: '%s', keep_unrouted: true }" % SECRET],
                      routes=["{ from: stripe, events: ['charge.*'], to: money }"])
    body = b'{"type":"other"}'
    r = p.stripe(body, **{"X-Own": "kept"})
    event = r.getheader("penstock-event-id")
    assert r.status == 200 and r.getheader("penstock-durability") == "fsync" and event
    assert p.metric("penstock_events_unrouted_total") == 1

    def found():
        e = p.api("/api/v1/events/" + event)
        assert e["id"] == event and e["source"] == "stripe" and e["body"].encode() == body
        assert "X-Own: kept" in e["headers"] and e["waiting"] == []
    found()
    assert p.stripe(b'{"type":"charge.paid"}').status == 200
    sink.wait(1)
    assert p.stop() == 0
    p.start()
    found()
    assert p.stripe(b'{"type":"charge.late"}').status == 200
    sink.wait(2)
    wait_for(lambda: p.metric("penstock_deliveries_total") == 1, "the last one to be delivered")
    assert sink.bodies() == [b'{"type":"charge.paid"}', b'{"type":"charge.late"}']
    assert p.metric("penstock_events_recovered_total") == 0


def answers_within_the_limits_of_many_idle_connections(flow):
    p = flow.penstock({"d": flow.sink()}, flow.redis())
    idle = [socket.create_connection(("127.0.0.1", p.port)) for _ in range(200)]
    began = time.monotonic()
    assert p.stripe(b"{}").status == 200 and time.monotonic() - began < 5
    wait_for(lambda: p.metric("penstock_connections") >= 200, "idle connections to be counted")
    for s in idle:
        s.close()


def a_sender_that_goes_behind_its_first_answer_gets_no_second(flow):
    """Two requests in one packet: the second takes the place of the first in memory, and its append is under way."""
    sink, held, events = flow.sink(), threading.Event(), []

    def says(words, ask):
        answer = ask()
        if words[0] == b"XADD" and b"stripe" in words:
            events.append(words)
            if len(events) == 2:
                held.wait(10)
        return answer
    p = flow.penstock({"d": sink}, Between(flow, flow.redis(), says), workers=1)
    with socket.create_connection(("127.0.0.1", p.port), 10) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        text = b""
        for i in range(2):
            body = b'{"seq":%d}' % i
            head = "".join("%s: %s\r\n" % pair for pair in sign_stripe(body).items())
            text += b"POST /hooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n%s" % (len(body), head.encode(), body)
        s.sendall(text)
        assert s.recv(4096).startswith(b"HTTP/1.1 200 ")
        wait_for(lambda: p.metric("penstock_appends_pending") == 1, "the second to be on its way")
    wait_for(lambda: p.metric("penstock_connections") == 0, "the sender to be gone")
    held.set()
    sink.wait(2)
    assert p.metric("penstock_events_accepted_total") == 1
    assert p.stripe(b'{"seq":2}').status == 200 and p.stop() == 0
