"""Promises about public keys that providers publish: read over https, kept, read again, and never asked for in a loop."""
import base64
import json
import os
import shutil
import ssl
import subprocess
import threading
import time

from certificates import Authority
from harness import PENSTOCK, SECRET, NoClock, Sink, sign_github, wait_for, wrong_clock

EMAIL = "pusher@sample.iam.gserviceaccount.com"
BODY = b'{"message":{"messageId":"1"}}'


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """A key of RSA, and what signs by it."""

    def __init__(self, flow, kid):
        self.kid, self.path = kid, os.path.join(flow.folder, kid + ".key")
        subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.path],
                       check=True, stderr=subprocess.DEVNULL)
        modulus = subprocess.run(["openssl", "rsa", "-in", self.path, "-noout", "-modulus"], check=True, capture_output=True,
                                 text=True).stdout.strip().split("=")[1]
        self.jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": _b64(bytes.fromhex(modulus)), "e": "AQAB"}

    def token(self, claims, kid=None):
        text = ".".join(_b64(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": kid or self.kid}, claims))
        made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.path], input=text.encode(), check=True,
                              capture_output=True).stdout
        return text + "." + _b64(made)

    def google(self, kid=None, **more):
        claims = {"iss": "https://accounts.google.com", "aud": "us", "email": EMAIL, "email_verified": True,
                  "exp": int(time.time()) + 3600}
        return {"Authorization": "Bearer " + self.token({**claims, **more}, kid)}


class Publisher(Sink):
    """A host that publishes keys over https."""

    def __init__(self, flow, *keys, folder="ca"):
        self.ca = Authority(os.path.join(flow.folder, folder))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*self.ca.make("publisher"))
        self.keys, self.special = list(keys), {}
        super().__init__(self._answer)
        flow.parts.append(self.close)

    def _answer(self, request, before):
        body = json.dumps({"keys": [key.jwk for key in self.keys]}).encode()
        return {"headers": {"Cache-Control": "public, max-age=3600"}, "body": body, **self.special}

    def source(self, kind="google-pubsub", more="audience: us, email: %s" % EMAIL):
        return "s: { verify: {type: %s, %s, jwks_url: 'https://localhost:%d/keys', ca_file: %s} }" % (
            kind, more, self.port, self.ca.cert)


def _wait_read(p, n=1):
    wait_for(lambda: p.text().count('"msg":"public keys read"') >= n, "keys to be read")


def _send(p, key):
    return subprocess.run([PENSTOCK, "send", "-c", p.config, "-s", "s", "-u", "http://127.0.0.1:%d" % p.port, "--key", key.path],
                          capture_output=True, text=True)


def takes_tokens_by_published_keys(flow):
    """Of the account and for the audience that are configured; each worker reads the keys once."""
    key, other = Key(flow, "one"), Key(flow, "two")
    publisher, sink = Publisher(flow, key), flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), sources=[publisher.source()])
    for _ in range(8):
        assert p.post("/hooks/s", BODY, key.google()).status == 200
    for more in ({"aud": "them"}, {"email": "x@y"}, {"email_verified": False}, {"iss": "https://example.com"}, {"exp": 1}):
        assert p.post("/hooks/s", BODY, key.google(**more)).status == 401, more
    assert p.post("/hooks/s", BODY, other.google(kid="one")).status == 401, "by another key of that name"
    assert p.post("/hooks/s", BODY).status == 401
    assert len(publisher.requests) == 2 and publisher.requests[0].target == "/keys"
    assert _send(p, key).returncode == 0 and _send(p, other).returncode == 1
    sink.wait(9)


def a_body_may_be_a_token_by_a_published_key(flow):
    key = Key(flow, "one")
    publisher, sink = Publisher(flow, key), flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), sources=[publisher.source("kinde", "leeway: 10s")])
    token = key.token({"event_id": "event_1", "type": "user.created", "data": {}}).encode()
    assert p.post("/hooks/s", token, {"Content-Type": "application/jwt"}).status == 200
    assert p.post("/hooks/s", key.token({"sub": "kp_1", "scp": ["openid"]}).encode()).status == 401, "a user's own token"
    assert sink.wait(1)[0].body == token
    sent = _send(p, key)
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert json.loads(base64.urlsafe_b64decode(sink.wait(2)[1].body.split(b".")[1] + b"=="))["type"] == "user.created"


def a_new_key_is_taken_at_once(flow):
    """What its first token misses is read while the token waits."""
    old, new = Key(flow, "old"), Key(flow, "new")
    publisher, sink = Publisher(flow, old), flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), sources=[publisher.source()], workers=1)
    assert p.post("/hooks/s", BODY, old.google()).status == 200
    publisher.keys = [new]
    publisher.special = {"delay": 0.5}
    statuses = []
    clients = [threading.Thread(target=lambda: statuses.append(p.post("/hooks/s", BODY, new.google()).status)) for _ in range(5)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    assert statuses == [200] * 5, statuses
    assert len(publisher.requests) == 2
    assert p.post("/hooks/s", BODY, old.google()).status == 401, "what is not published any more counts no more"
    sink.wait(6)


def keys_are_read_again_when_their_time_is_over(flow):
    """By themselves: as often as their host has said, and what it publishes no more counts no more. While it is away they
    count for another day."""
    old, new = Key(flow, "old"), Key(flow, "new")
    publisher, sink = Publisher(flow, old), flow.sink()
    try:
        env, turn = wrong_clock(os.path.join(flow.folder, "clock"))
    except NoClock:
        raise SystemExit(77)
    p = flow.penstock({"d": sink}, flow.redis(), sources=[publisher.source()], workers=1, start=False)
    p.env = env
    p.start()
    post = lambda key: p.post("/hooks/s", BODY, key.google(exp=int(time.time()) + 10 * 86400)).status
    _wait_read(p)
    assert post(old) == 200
    publisher.keys = [new]
    turn(3500, 3500)
    wait_for(lambda: post(old) == 200, "the node to be awake")
    assert len(publisher.requests) == 1, "not yet"
    turn(3700, 3700)
    _wait_read(p, 2)
    wait_for(lambda: post(new) == 200, "the node to be awake")
    assert post(old) == 401 and len(publisher.requests) == 3, "once for its time, and once for a name that is not there"
    publisher.special = {"status": 500}
    turn(3700 + 86400, 3700 + 86400)
    p.wait_log("public keys cannot be read; the last ones stay in use")
    wait_for(lambda: post(new) == 200, "the node to be awake")
    turn(3700 + 91000, 3700 + 91000)
    wait_for(lambda: post(new) == 503 and "its events are refused with 503" in p.text(), "them to count no more")


def unknown_keys_in_a_loop_are_asked_for_once(flow):
    key = Key(flow, "one")
    publisher, sink = Publisher(flow, key), flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), sources=[publisher.source()], workers=1)
    _wait_read(p)
    for i in range(50):
        assert p.post("/hooks/s", BODY, key.google(kid="made-up-%d" % i)).status == 401
    assert len(publisher.requests) == 2, "at start, and once for all of these"
    assert p.post("/hooks/s", BODY, key.google()).status == 200
    sink.wait(1)


def answers_503_until_keys_can_be_read(flow):
    """The provider tries again; the loop goes on meanwhile. A host that is away is not asked at each request."""
    key = Key(flow, "one")
    publisher, sink = Publisher(flow, key), flow.sink()
    publisher.down()
    sources = [publisher.source(), "open: { verify: none }"]
    p = flow.penstock({"d": sink}, flow.redis(), sources=sources, workers=1)
    p.wait_log("public keys cannot be read; its events are refused with 503")
    for _ in range(5):
        answer = p.post("/hooks/s", BODY, key.google())
        assert answer.status == 503 and json.loads(answer.body) == {"error": "keys_unavailable"}
        assert answer.getheader("retry-after") == "1"
    publisher.special = {"hang": True}  # connects, never answers
    publisher.up()
    publisher.wait(1, 15)  # it tries again by itself
    began, statuses = time.monotonic(), []
    waits = threading.Thread(target=lambda: statuses.append(p.post("/hooks/s", BODY, key.google()).status))
    waits.start()
    while waits.is_alive():
        asked = time.monotonic()
        assert p.post("/hooks/open", b"{}").status == 200 and time.monotonic() - asked < 2
        time.sleep(0.1)
    assert statuses == [503] and 1 < time.monotonic() - began < 7
    publisher.special = {}
    wait_for(lambda: p.post("/hooks/s", BODY, key.google()).status == 200, "keys to be there", 60)
    assert p.metric('penstock_requests_rejected_total{source="s",reason="keys_unavailable"}') >= 6


def the_last_keys_stay_in_use_while_their_host_is_away(flow):
    """And nothing else is believed instead: no error page, no redirect, no other certificate."""
    key, other = Key(flow, "one"), Key(flow, "two")
    publisher, sink = Publisher(flow, key), flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), sources=[publisher.source()], workers=1)
    _wait_read(p)
    publisher.special = {"status": 302, "headers": {"Location": "https://localhost:%d/other" % publisher.port}}
    assert p.post("/hooks/s", BODY, other.google()).status == 503, "it may be one of them"
    assert p.post("/hooks/s", BODY, key.google()).status == 200
    p.wait_log("the last ones stay in use")
    assert len(publisher.requests) == 2 and "redirects are not followed" in p.text()
    sink.wait(1)


def believes_no_keys_of_another_certificate(flow):
    key = Key(flow, "one")
    publisher, sink = Publisher(flow, key), flow.sink()
    publisher.ca.cert = Authority(os.path.join(flow.folder, "other")).cert
    p = flow.penstock({"d": sink}, flow.redis(), sources=[publisher.source()], workers=1)
    p.wait_log("public keys cannot be read")
    assert p.post("/hooks/s", BODY, key.google()).status == 503
    assert not publisher.requests and not sink.requests


def stops_while_keys_are_read(flow):
    key = Key(flow, "one")
    publisher = Publisher(flow, key)
    publisher.special = {"hang": True}
    p = flow.penstock({"d": flow.sink()}, flow.redis(), sources=[publisher.source()], workers=2)
    publisher.wait(2)
    statuses = []

    def ask():
        try:
            statuses.append(p.post("/hooks/s", BODY, key.google()).status)
        except OSError:
            statuses.append(0)
    waits = threading.Thread(target=ask)
    waits.start()
    time.sleep(0.3)
    began = time.monotonic()
    assert p.stop() == 0 and time.monotonic() - began < 12
    waits.join()
    assert statuses[0] != 200


def keys_are_published_by_https_only(flow):
    for verify, why in (
            ("{type: kinde, jwks_url: 'http://x/k'}", '"jwks_url": it must be https'),
            ("{type: kinde, jwks_url: 'x'}", '"jwks_url": '),
            ("kinde", "say where they are"), ("google-pubsub", "anybody can have a token"),
            ("{type: kinde, jwks_url: 'https://x/k', ca_file: /none}", "/none"),
            ("{type: jwt, algorithm: HS256, header: X, body_claim: b, jwks_url: 'https://x/k'}", "leave jwks_url out"),
            ("{type: vonage, jwks_url: 'https://x/k'}", "signs by a secret"),
            ("{type: jwt, algorithm: RS256, header: X, audience: a, ca_file: /none}", "of the host in")):
        p = flow.penstock({"d": "http://127.0.0.1:9/"}, start=False, sources=["s: { verify: %s }" % verify])
        r = subprocess.run([PENSTOCK, "check", "-c", p.config], capture_output=True, text=True)
        assert r.returncode == 1 and why in r.stderr, (verify, r.stderr)
    p = flow.penstock({"d": "http://127.0.0.1:9/"}, start=False,
                      sources=["s: { verify: {type: kinde, jwks_url: 'https://x/k'}, secret: x }"])
    r = subprocess.run([PENSTOCK, "check", "-c", p.config], capture_output=True, text=True)
    assert r.returncode == 1 and 'leave "secret" out' in r.stderr, r.stderr


def a_token_may_be_one_of_two_schemes(flow):
    """Its keys are read and waited for as ever; who does not need them does not wait."""
    key = Key(flow, "one")
    publisher, sink = Publisher(flow, key), flow.sink()
    source = publisher.source().replace("verify: {", "verify: [github, {").replace("} }", "}], secret: '%s' }" % SECRET)
    publisher.special = {"status": 503}
    p = flow.penstock({"d": sink}, flow.redis(), sources=[source], workers=1)
    assert p.post("/hooks/s", BODY, sign_github(BODY)).status == 200
    assert p.post("/hooks/s", BODY, sign_github(BODY, "wrong")).status == 401
    assert p.post("/hooks/s", BODY, key.google()).status == 503, "it may be genuine"
    publisher.special = {}
    wait_for(lambda: p.post("/hooks/s", BODY, key.google()).status == 200, "the keys to be read")
    assert p.post("/hooks/s", BODY, {**sign_github(BODY, "wrong"), **key.google()}).status == 200
    assert p.post("/hooks/s", BODY, {**sign_github(BODY), **key.google(aud="them")}).status == 200
    assert p.post("/hooks/s", BODY, key.google(aud="them")).status == 401
    sink.wait(4)


def a_handshake_waits_for_keys_that_may_sign_it(flow):
    """What looks like one may be an event of the scheme with published keys: not before they are read is it known."""
    key, other = Key(flow, "one"), Key(flow, "two")
    publisher, sink = Publisher(flow, key), flow.sink()
    woo = "{type: woocommerce, secret: '%s'}" % SECRET
    source = publisher.source().replace("verify: {", "verify: [%s, {" % woo).replace("} }", "}] }")
    publisher.special = {"status": 503}
    p = flow.penstock({"d": sink}, flow.redis(), sources=[source], workers=1)
    ask = lambda headers: p.post("/hooks/s", b"webhook_id=7", {"Content-Type": "application/x-www-form-urlencoded", **headers})
    assert ask({}).status == 200, "who shows no token does not wait"
    assert ask(key.google()).status == 503, "it may be genuine"
    publisher.special = {}
    wait_for(lambda: ask(key.google()).status == 200, "the keys to be read")
    sink.wait(1)
    before = p.metric("penstock_handshakes_total")
    assert ask(key.google(aud="them")).status == 200 and ask(other.google()).status == 200, "nobody's event, so a handshake"
    assert p.metric("penstock_handshakes_total") == before + 2 and p.metric("penstock_events_accepted_total") == 1


def _reload(p, text):
    with open(p.config, "w") as f:
        f.write(text)
    status, said = p.admin("/-/reload", "POST")
    assert status == 200, said


def keys_go_on_over_a_reload(flow):
    """Where they are published is the same; when it is another place they are read there, and whoever waits for them is not refused."""
    key, other = Key(flow, "one"), Key(flow, "two")
    here, there = Publisher(flow, key), Publisher(flow, other, folder="ca2")
    p = flow.penstock({"d": flow.sink()}, flow.redis(), sources=[here.source()])
    _wait_read(p, 2)
    with open(p.config) as f:
        text = f.read()
    _reload(p, text + "shutdown: { timeout: 3s }\n")
    for _ in range(4):
        assert p.post("/hooks/s", BODY, key.google()).status == 200
    assert len(here.requests) == 2  # one a worker, as before
    there.special = {"delay": 1}
    trusted = shutil.copy(there.ca.cert, os.path.join(p.folder, "there.pem"))  # into a folder that it may read
    _reload(p, text.replace("localhost:%d" % here.port, "localhost:%d" % there.port).replace(here.ca.cert, trusted))
    assert p.post("/hooks/s", BODY, other.google()).status == 200  # it waited
    assert p.post("/hooks/s", BODY, key.google()).status == 401
    assert len(here.requests) == 2


def who_waits_for_keys_is_not_refused_when_they_move(flow):
    """What is read for a source that is another one now is given up, and its sender waits for the new keys."""
    other = Key(flow, "two")
    here, there = Publisher(flow), Publisher(flow, other, folder="ca2")
    here.special = {"hang": True}
    p = flow.penstock({"d": flow.sink()}, flow.redis(), sources=[here.source()])
    with open(p.config) as f:
        text = f.read()
    trusted = shutil.copy(there.ca.cert, os.path.join(p.folder, "there.pem"))
    here.wait(2)
    statuses = []
    clients = [threading.Thread(target=lambda: statuses.append(p.post("/hooks/s", BODY, other.google()).status)) for _ in range(6)]
    for c in clients:
        c.start()
    wait_for(lambda: p.metric("penstock_connections") >= 6, "all of them to wait")
    _reload(p, text.replace("localhost:%d" % here.port, "localhost:%d" % there.port).replace(here.ca.cert, trusted))
    for c in clients:
        c.join()
    assert statuses == [200] * 6, statuses
    assert p.stop() == 0


def keys_that_are_being_read_outlive_who_asked_for_them(flow):
    """A host takes its time to answer at all: what it is asked then is what a configuration said that is gone."""
    key, opened = Key(flow, "one"), threading.Event()
    publisher = Publisher(flow, key)
    p = flow.penstock({"d": flow.sink()}, flow.redis(), sources=["open: { verify: none }"])
    with open(p.config) as f:
        text = f.read()
    trusted = shutil.copy(publisher.ca.cert, os.path.join(p.folder, "publisher.pem"))
    with_source = text.replace("sources:", "sources:\n  " + publisher.source().replace(publisher.ca.cert, trusted))
    publisher.loop.call_soon_threadsafe(opened.wait, 30)
    _reload(p, with_source)
    _reload(p, with_source + "shutdown: { timeout: 3s }\n")
    opened.set()
    _wait_read(p, 2)
    assert {r.target for r in publisher.requests} == {"/keys"}
    assert p.post("/hooks/s", BODY, key.google()).status == 200
