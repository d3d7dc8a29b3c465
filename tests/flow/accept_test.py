"""Promises about accepting: what is taken, what is refused, and what reaches the destinations."""
import base64
import hashlib
import hmac
import json
import os
import socket
import struct
import subprocess
import threading
import time

from between import Between
from harness import PENSTOCK, SECRET, sign_github, sign_stripe, wait_for


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
    bodies = [b"", bytes(range(256)), b"a=1&b=%20c", b'{"bad utf-8": "\xff\xfe"}', b"x" * (4 << 20)]
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


def takes_signed_tokens(flow):
    """Of a provider, and by a public key; penstock send signs them, too."""
    def b64(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    def token(claims, header=b'{"alg":"HS256"}', secret=SECRET):
        text = b64(header) + b"." + b64(json.dumps(claims).encode())
        return (text + b"." + b64(hmac.new(secret.encode(), text, hashlib.sha256).digest())).decode()

    sink = flow.sink()
    key = os.path.join(flow.folder, "ec.key")
    subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", key], check=True,
                   stderr=subprocess.DEVNULL)
    public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout"], check=True, capture_output=True, text=True).stdout
    url = "https://hooks.example.com/hooks/qstash"
    p = flow.penstock({"d": sink}, flow.redis(), sources=[
        "vonage: { verify: vonage, secret: '%s' }" % SECRET,
        "qstash: { verify: {type: qstash, public_url: '%s'}, secrets: [old, '%s'] }" % (url, SECRET),
        "livekit: { verify: {type: livekit, issuer: APIkey}, secret: '%s' }" % SECRET,
        "oidc: { verify: {type: jwt, algorithm: ES256, header: Authorization, audience: us, max_age: 5m}, secret: %s }"
        % json.dumps(public)])
    body, now = b'{"status":"delivered"}', int(time.time())
    digest = hashlib.sha256(body)
    claims = {"iat": now, "payload_hash": digest.hexdigest()}
    vonage = {"Authorization": "Bearer " + token(claims)}
    assert p.post("/hooks/vonage", body, vonage).status == 200
    assert p.post("/hooks/vonage", body + b" ", vonage).status == 401
    assert p.post("/hooks/vonage", body, {"Authorization": "Bearer " + token(claims, b'{"alg":"none"}')}).status == 401
    assert p.post("/hooks/vonage", body, {"Authorization": "Bearer " + token(claims, secret="other")}).status == 401
    claims = {"iss": "Upstash", "sub": url, "exp": now + 300, "nbf": now, "body": b64(digest.digest()).decode()}
    assert p.post("/hooks/qstash", body, {"Upstash-Signature": token(claims)}).status == 200
    assert p.post("/hooks/qstash", body, {"Upstash-Signature": token(dict(claims, exp=now - 61))}).status == 401
    assert p.post("/hooks/qstash", body, {"Upstash-Signature": token(dict(claims, sub=url + "x"))}).status == 401
    text = b64(b'{"alg":"ES256","kid":"1"}') + b"." + b64(json.dumps({"aud": ["them", "us"], "iat": now}).encode())
    der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=text, check=True, capture_output=True).stdout
    r_len = der[3]
    r, s = der[4:4 + r_len], der[6 + r_len:]
    signature = b"".join(int.from_bytes(part, "big").to_bytes(32, "big") for part in (r, s))
    signed = (text + b"." + b64(signature)).decode()
    assert p.post("/hooks/oidc", body, {"Authorization": "Bearer " + signed}).status == 200
    assert p.post("/hooks/oidc", body, {"Authorization": "Bearer " + signed[:-6] + "AAAAAA"}).status == 401
    for name, code in (("vonage", 0), ("qstash", 0), ("livekit", 0), ("oidc", 1)):
        sent = subprocess.run([PENSTOCK, "send", "-c", p.config, "-s", name, "-u", "http://127.0.0.1:%d" % p.port],
                              capture_output=True, text=True)
        assert sent.returncode == code, (name, sent.stdout, sent.stderr)
    assert "only it has" in sent.stderr, sent.stderr
    wait_for(lambda: len(sink.requests) == 6, "all that is genuine to be delivered")
    assert p.metric("penstock_events_accepted_total") == 6
    assert "the token is for another body" in p.text() and SECRET not in p.text()


def answers_the_handshakes_of_providers(flow):
    """At once, to whoever may ask; none of them is an event."""
    sink = flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), sources=[
        "slack: { verify: slack, secret: '%s' }" % SECRET, "trello: { verify: {type: trello, public_url: 'https://x/'}, secret: t }",
        "meta: { verify: meta, secret: '%s', challenge_token: mine }" % SECRET, "github: { verify: github, secret: '%s' }" % SECRET])
    body = b'{"type":"url_verification","challenge":"c0ffee"}'

    def slack(secret):
        at = str(int(time.time()))
        mac = hmac.new(secret.encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
        return p.post("/hooks/slack", body, {"X-Slack-Signature": "v0=" + mac, "X-Slack-Request-Timestamp": at})

    answer = slack(SECRET)
    assert (answer.status, answer.body) == (200, b"c0ffee"), (answer.status, answer.body)
    assert answer.getheader("content-type") == "text/plain; charset=utf-8"
    assert answer.getheader("x-content-type-options") == "nosniff"
    assert slack("other").status == 401
    query = "?hub.mode=subscribe&hub.challenge=42&hub.verify_token="
    answer = p.post("/hooks/meta" + query + "mine", b"", method="GET")
    assert (answer.status, answer.body) == (200, b"42")
    answer = p.post("/hooks/meta" + query + "guessed", b"", method="GET")
    assert answer.status == 403 and b"42" not in answer.body
    assert p.post("/hooks/meta", b"", method="GET").status == 405
    assert p.post("/hooks/trello", b"", method="HEAD").status == 200
    assert p.post("/hooks/github", b"", method="HEAD").status == 405
    assert p.metric("penstock_handshakes_total") == 3
    assert p.metric("penstock_events_accepted_total") == 0 and not sink.requests
    assert SECRET not in p.text() and "mine" not in p.text()


def keeps_the_secret_that_a_handshake_leaves(flow):
    """The first one, for all nodes and lives, until an operator forgets it."""
    sink, redis = flow.sink(), flow.redis()
    sources = ["asana: { verify: asana }", "fixed: { verify: asana, secret: configured }", "notion: { verify: notion }"]
    a = flow.penstock({"d": sink}, redis, name="a", sources=sources)
    b = flow.penstock({"d": sink}, redis, name="b", sources=sources)

    def event(p, secret, body):
        mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return p.post("/hooks/asana", body, {"X-Hook-Signature": mac}).status

    assert event(a, "anything", b"{}") == 401
    answer = a.post("/hooks/asana", b"", {"X-Hook-Secret": "left-here"})
    assert (answer.status, answer.getheader("x-hook-secret")) == (200, "left-here")
    wait_for(lambda: event(a, "left-here", b'{"n":1}') == 200, "each worker of the node to know it")
    wait_for(lambda: event(b, "left-here", b'{"n":2}') == 200, "the other node to know it")
    answer = b.post("/hooks/asana", b"", {"X-Hook-Secret": "of-somebody-else"})
    assert answer.status == 403 and answer.getheader("x-hook-secret") is None
    assert event(b, "of-somebody-else", b"{}") == 401
    assert a.post("/hooks/asana", b"", {"X-Hook-Secret": "left-here"}).status == 200, "the same once more"
    assert a.post("/hooks/fixed", b"", {"X-Hook-Secret": "x"}).status == 403
    assert a.post("/hooks/notion", b'{"verification_token":"secret_tok"}').status == 200
    wait_for(lambda: a.api("/api/v1/sources/notion/secret") == {"secret": "secret_tok"}, "it to be shown to its operator")
    assert a.stop() == 0
    a.start()
    wait_for(lambda: event(a, "left-here", b'{"n":3}') == 200, "the next life to know it")
    assert a.admin("/api/v1/sources/asana/forget", "POST")[0] == 200
    wait_for(lambda: event(b, "left-here", b"{}") == 401, "it to be forgotten")
    wait_for(lambda: a.post("/hooks/asana", b"", {"X-Hook-Secret": "second"}).status == 200, "another one to be taken")
    assert "left-here" not in a.text() + b.text() and "secret_tok" not in a.text()
    assert sorted(json.loads(r.body)["n"] for r in sink.requests if r.body != b"{}")[:1] == [1]


def answers_503_before_a_learned_secret_was_read(flow):
    """With a spool it takes events though Redis was never there; but not those whose secret only Redis has."""
    redis, sink = flow.redis(), flow.sink()
    p = flow.penstock({"d": sink}, redis, start=False, workers=1, more="spool: { size: 1MiB }",
                      sources=["asana: { verify: asana }", "fixed: { verify: asana, secret: configured }"])

    def event(source, secret):
        mac = hmac.new(secret.encode(), b"{}", hashlib.sha256).hexdigest()
        return p.post("/hooks/" + source, b"{}", {"X-Hook-Signature": mac})

    p.start()
    assert p.post("/hooks/asana", b"", {"X-Hook-Secret": "left-here"}).status == 200
    p.kill()
    redis.kill()
    p.start()
    answer = event("asana", "left-here")
    assert answer.status == 503 and json.loads(answer.body) == {"error": "redis_down"} and answer.getheader("retry-after") == "1"
    answer = event("fixed", "configured")
    assert (answer.status, answer.getheader("penstock-durability")) == (200, "spool")
    redis.start()
    wait_for(lambda: event("asana", "left-here").status == 200, "the secret to be read")
    sink.wait(2)


def a_sender_that_goes_behind_its_first_answer_gets_no_second(flow):
    """Two requests in one packet: the second takes the place of the first in memory, and its append is under way."""
    sink, held, events = flow.sink(), threading.Event(), []

    def says(words, ask):
        answer = ask()
        if words[0] == b"XADD" and any(b" stripe " in word for word in words):
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


def says_when_an_answer_is_near_its_providers_deadline(flow):
    """Slack waits three seconds: an answer after half of that is counted, and said once."""
    sink, never = flow.sink(), threading.Event()

    def says(words, ask):
        answer = ask()
        if words[0] == b"XADD" and any(b" slack " in word for word in words):
            never.wait(1.6)
        return answer
    p = flow.penstock({"d": sink}, Between(flow, flow.redis(), says), workers=1,
                      sources=["slack: { verify: slack, secret: '%s' }" % SECRET])
    at, body = str(int(time.time())), b'{"type":"event_callback"}'
    mac = hmac.new(SECRET.encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
    assert p.post("/hooks/slack", body, {"X-Slack-Signature": "v0=" + mac, "X-Slack-Request-Timestamp": at}).status == 200
    metrics = p.admin("/metrics")[1]
    assert 'penstock_accept_late_total{source="slack"} 1' in metrics
    assert 'penstock_source_deadline_seconds{source="slack"} 3' in metrics
    assert "an answer took more than half of what its provider waits for" in p.text()
