"""Promises about requests that name the key that they are signed by: AWS SNS, whose subscriptions are confirmed, PayPal and Plaid."""
import base64
import hashlib
import json
import os
import selectors
import socket
import ssl
import subprocess
import threading
import time
import zlib

from certificates import RSA, Authority
from harness import PATIENCE, PENSTOCK, NoClock, Sink, wait_for, wrong_clock

TOPIC = "arn:aws:sns:eu-central-1:123456789012:pipes"
SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def sign(key, text, digest="-sha256"):
    made = subprocess.run(["openssl", "dgst", digest, "-sign", key], input=text, check=True, capture_output=True).stdout
    return base64.b64encode(made).decode()


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Amazon(Sink):
    """A host that has certificates, and confirms subscriptions."""

    def __init__(self, flow, names="DNS:sns.amazonaws.com", days=30):
        self.flow, self.ca = flow, Authority(os.path.join(flow.folder, "ca"))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*self.ca.make("host"))
        self.files, self.special, self.keys = {}, {}, {}
        self.publish("one", names, days)
        super().__init__(self._answer)
        flow.parts.append(self.close)

    def publish(self, name, names="DNS:sns.amazonaws.com", days=30, ca=None):
        cert, self.keys[name] = (ca or self.ca).make(name, names, days, RSA)
        self.files["/%s.pem" % name] = self.files["/v1/notifications/certs/CERT-%s" % name] = open(cert, "rb").read()

    def _answer(self, request, before):
        if request.target.startswith("/?Action=ConfirmSubscription&"):
            return {"body": b"<ConfirmSubscriptionResponse/>", **self.special}
        body = self.files.get(request.target)
        return {"status": 404 if body is None else 200, "body": body or b"", **self.special}

    def source(self, more="type: aws-sns, topic_arn: '%s'" % TOPIC):
        return "s: { verify: {%s, key_hosts: ['localhost:%d'], ca_file: %s} }" % (more, self.port, self.ca.cert)

    def url(self, name="one"):
        return "https://localhost:%d/%s.pem" % (self.port, name)

    def message(self, kind="Notification", version="2", name="one", after=None, **more):
        m = {"Type": kind, "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", "TopicArn": TOPIC, "Message": "Hello\nworld \u00e9",
             "Timestamp": "2026-05-02T00:54:06.655Z", "SignatureVersion": version, "SigningCertURL": self.url(name)}
        if kind != "Notification":
            m["Token"] = "23364"
            m["SubscribeURL"] = "https://localhost:%d/?Action=ConfirmSubscription&TopicArn=%s&Token=23364" % (self.port, TOPIC)
        m.update(more)
        text = "".join("%s\n%s\n" % (field, m[field]) for field in SIGNED if field in m)
        m["Signature"] = sign(self.keys[name], text.encode(), "-sha1" if version == "1" else "-sha256")
        m.update(after or {})
        return json.dumps(m).encode()

    def asked(self, prefix):
        return [r for r in self.requests if r.target.startswith(prefix)]


def _post(p, body):
    return p.post("/hooks/s", body, {"Content-Type": "text/plain; charset=UTF-8"}).status


def _start(flow, amazon, **more):
    sink = flow.sink()
    return flow.penstock({"d": sink}, flow.redis(), sources=[amazon.source()], workers=1, **more), sink


def takes_notifications_of_both_versions(flow):
    """The certificate is read once. What is not signed as it should is refused, whatever it is."""
    amazon = Amazon(flow)
    p, sink = _start(flow, amazon)
    genuine = [amazon.message(version="1"), amazon.message(), amazon.message(Subject="Pipes"), amazon.message(Subject="x", version="1")]
    for body in genuine:
        assert _post(p, body) == 200, body
    assert len(amazon.requests) == 1 and amazon.requests[0].target == "/one.pem"
    assert sorted(r.body for r in sink.wait(4)) == sorted(genuine)
    for after in ({"Message": "Bye"}, {"MessageId": "1"}, {"Subject": "new"}, {"Subject": None}, {"Timestamp": "2026-05-02T00:54:06.656Z"},
                  {"Type": "SubscriptionConfirmation"}, {"SignatureVersion": "1"}, {"SignatureVersion": "3"}, {"SignatureVersion": 2},
                  {"Signature": ""}, {"Signature": "AAAA"}, {"Token": "x"}, {"SubscribeURL": "x"}, {"Message": 7}, {"Timestamp": "x\ny"}):
        assert _post(p, amazon.message(after=after)) == 401, after
    assert _post(p, amazon.message().replace(b'"Subject"', b'"Other"')[:-1] + b', "Message": "Hello\\nworld \\u00e9"}') == 401, "twice"
    for body in (b"", b"{}", b"[]", b"Hello", amazon.message()[:-1]):
        assert _post(p, body) == 401, body
    assert len(amazon.requests) == 1 and len(sink.requests) == 4
    assert p.metric('penstock_requests_rejected_total{source="s",reason="bad_signature"}') == 21


def takes_no_message_of_another_topic(flow):
    """Whoever has an account at AWS has SNS sign: nothing is even read for others."""
    amazon = Amazon(flow)
    p, sink = _start(flow, amazon)
    for topic in (TOPIC + "s", TOPIC[:-1], TOPIC.upper(), ""):
        assert _post(p, amazon.message(TopicArn=topic)) == 401, topic
        assert _post(p, amazon.message("SubscriptionConfirmation", TopicArn=topic)) == 401, topic
    assert not amazon.requests and not sink.requests
    assert _post(p, amazon.message()) == 200


def reads_no_certificate_from_elsewhere(flow):
    amazon, other = Amazon(flow), flow.sink()
    p, _ = _start(flow, amazon)
    ours = "localhost:%d" % amazon.port
    for url in ("http://%s/one.pem" % ours, "https://127.0.0.1:%d/one.pem" % amazon.port, "https://localhost:%d/one.pem" % other.port,
                "https://localhost/one.pem", "https://%s@evil.example/one.pem" % ours, "https://evil@%s/one.pem" % ours,
                "https://%s/one.pem?x" % ours, "https://%s/one.pem#.pem" % ours, "https://%s/../one.pem" % ours, "https://%s/%%6fne.pem" % ours,
                "https://%s/one" % ours, "https://%s" % ours, "https://%s.evil.example/one.pem" % ours, "//%s/one.pem" % ours,
                "https://%s/%s.pem" % (ours, "o" * 300), "https://%s/a\\one.pem" % ours, "https://%s/one\0.pem" % ours, "https://%s/one\n.pem" % ours, "", 7, None,
                "https://sns.eu-central-1.amazonaws.com/one.pem"):
        assert _post(p, amazon.message(after={"SigningCertURL": url})) == 401, url
    assert not amazon.requests and not other.connections
    assert _post(p, amazon.message()) == 200


def believes_no_certificate_that_will_not_do(flow):
    """Expired, of another name, signed by itself, with an issuer that nobody trusts, no certificate at all: its provider
    is to try again, as the fault may be ours. One that is not there: 401."""
    amazon = Amazon(flow)
    stranger = Authority(os.path.join(flow.folder, "stranger"), "stranger")
    amazon.publish("old", days=-1)
    amazon.publish("named", names="DNS:example.amazonaws.com")
    amazon.publish("strange", ca=stranger)
    amazon.files["/strange.pem"] += open(stranger.cert, "rb").read()
    amazon.files["/page.pem"], amazon.keys["page"] = b"<html>", amazon.keys["one"]
    amazon.files["/self.pem"], amazon.keys["self"] = open(stranger.cert, "rb").read(), amazon.keys["one"]
    amazon.keys["none"] = amazon.keys["one"]
    p, sink = _start(flow, amazon)
    for name in ("old", "named", "strange", "page", "self", "none"):
        for _ in range(2):
            assert _post(p, amazon.message(name=name)) == (401 if name == "none" else 503), name
        assert len(amazon.asked("/%s.pem" % name)) == 1, "asked for once: " + name
    for why in ("certificate has expired", "self-signed certificate in certificate chain", "another name", "no certificate in PEM", "the answer is not 200"):
        assert why in p.text(), why
    assert not sink.requests and _post(p, amazon.message()) == 200
    amazon.publish("two")
    assert _post(p, amazon.message(name="two")) == 200, "a new one is taken at once"
    amazon.publish("alone", ca=stranger)
    assert _post(p, amazon.message(name="alone")) == 200, "without its issuers its host has to do, as at SNS and PayPal"
    wrong = json.loads(amazon.message(name="two"))
    wrong["SigningCertURL"] = amazon.url("one")
    assert _post(p, json.dumps(wrong).encode()) == 401, "by another key than that of the certificate"


def made_up_certificates_are_not_asked_for_in_a_loop(flow):
    """Beyond ten at once they may be genuine: 503. What is known stays in use."""
    amazon = Amazon(flow)
    p, sink = _start(flow, amazon)
    assert _post(p, amazon.message()) == 200
    body = json.loads(amazon.message())
    statuses = []
    for i in range(200):
        body["SigningCertURL"] = amazon.url("made-up-%d" % i)
        statuses.append(_post(p, json.dumps(body).encode()))
    assert set(statuses) == {401, 503} and statuses[:9] == [401] * 9
    assert len(amazon.requests) <= 16, len(amazon.requests)
    assert statuses.count(401) == len(amazon.requests) - 1
    assert _post(p, amazon.message("SubscriptionConfirmation")) == 200, "what is signed does not suffer from it"
    assert _post(p, amazon.message()) == 200
    sink.wait(2)


def answers_503_until_the_certificate_can_be_read(flow):
    """Its provider tries again. Many that wait at once are one request."""
    amazon = Amazon(flow)
    amazon.down()
    p, sink = _start(flow, amazon)
    body = amazon.message()
    answer = p.post("/hooks/s", body)
    assert answer.status == 503 and json.loads(answer.body) == {"error": "keys_unavailable"}
    assert answer.getheader("retry-after") == "1"
    p.wait_log("a key cannot be read; what it signs is refused with 503")
    amazon.publish("two")
    amazon.special = {"delay": 0.5}
    amazon.up()
    statuses, body = [], amazon.message(name="two")
    clients = [threading.Thread(target=lambda: statuses.append(_post(p, body))) for _ in range(5)]
    for c in clients:
        c.start()
    for c in clients:
        c.join()
    assert statuses == [200] * 5 and len(amazon.requests) == 1, statuses
    amazon.publish("three")
    amazon.special = {"status": 302, "headers": {"Location": amazon.url("one")}}
    assert _post(p, amazon.message(name="three")) == 503 and len(amazon.requests) == 2
    for status in (403, 408, 429, 500, 404, 410):
        amazon.special, name = {"status": status}, "status-%d" % status
        amazon.keys[name] = amazon.keys["two"]
        assert _post(p, amazon.message(name=name)) == (401 if status in (404, 410) else 503), status
    assert len(amazon.requests) == 8
    amazon.special, amazon.keys["four"] = {"hang": True}, amazon.keys["two"]
    began = time.monotonic()
    assert _post(p, amazon.message(name="four")) == 503 and time.monotonic() - began < 7
    sink.wait(5)


def _start_asleep(flow, amazon):
    """And what lets days pass for it."""
    try:
        env, turn = wrong_clock(os.path.join(flow.folder, "clock"))
    except NoClock:
        raise SystemExit(77)
    p, _ = _start(flow, amazon, start=False)
    p.env = env
    p.start()
    return p, lambda seconds: turn(seconds, seconds)


def a_certificate_that_was_replaced_is_taken_within_a_day(flow):
    """It is read again without being asked for; the one that stood there before counts no more then."""
    amazon = Amazon(flow)
    p, sleep = _start_asleep(flow, amazon)
    before = amazon.message()
    assert _post(p, before) == 200
    amazon.publish("one")
    after = amazon.message()
    assert _post(p, after) == 401 and len(amazon.requests) == 1
    sleep(23 * 3600)
    wait_for(lambda: _post(p, before) == 200, "the node to be awake")
    assert len(amazon.requests) == 1, "not yet"
    sleep(24 * 3600 + 60)
    wait_for(lambda: p.text().count('"msg":"key read"') == 2, "it to be read again")
    wait_for(lambda: _post(p, after) == 200, "the node to be awake")
    assert _post(p, before) == 401 and [r.target for r in amazon.requests] == ["/one.pem"] * 2


def a_certificate_that_cannot_be_read_again_stays_in_use_for_a_day(flow):
    amazon = Amazon(flow)
    p, sleep = _start_asleep(flow, amazon)
    body = amazon.message()
    assert _post(p, body) == 200
    amazon.special = {"status": 404}
    sleep(24 * 3600 + 60)
    p.wait_log("a key cannot be read again; it stays in use")
    wait_for(lambda: _post(p, body) == 200, "the node to be awake")
    sleep(47 * 3600)
    wait_for(lambda: p.text().count("it stays in use") >= 2, "it to be tried again")
    wait_for(lambda: _post(p, body) == 200, "the node to be awake")
    amazon.special = {"status": 500}
    sleep(48 * 3600 + 60)
    refused = lambda: json.loads(p.post("/hooks/s", body).body) == {"error": "keys_unavailable"}
    wait_for(refused, "it to count no more")
    sleep(48 * 3600 + 120)
    wait_for(lambda: refused() and "a key cannot be read; what it signs is refused with 503" in p.text(), "it to be asked for")
    amazon.special = {}
    sleep(48 * 3600 + 180)
    wait_for(lambda: _post(p, body) == 200, "it to be read once more")


def no_more_than_1024_wait_for_one_certificate(flow):
    """Whoever comes then is told at once to try again: it may be genuine. (A machine that takes more than four seconds for all
    of them ends the wait for the certificate: once more, with another.)"""
    amazon = Amazon(flow)
    answers = amazon.answers
    p, _ = _start(flow, amazon, listen_more=", limits: { per_address: 2000 }")

    def ask_all(name):
        told = threading.Event()
        amazon.answers = lambda request, before: told.wait(PATIENCE) and answers(request, before)
        body = amazon.message(name=name)
        request = b"POST /hooks/s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        clients, statuses = selectors.DefaultSelector(), []
        sockets = [socket.create_connection(("127.0.0.1", p.port), PATIENCE) for _ in range(1030)]
        for s in sockets:
            s.sendall(request)
            clients.register(s, selectors.EVENT_READ)
        while len(statuses) < 1030:
            ready = clients.select(PATIENCE)
            assert ready, "the others to be answered; so far %r" % statuses[-10:]
            for key, _ in ready:
                clients.unregister(key.fileobj)
                with key.fileobj as s:
                    statuses.append(int(s.recv(4096)[9:12]))
            if len(statuses) >= 6:
                told.set()
        return statuses

    for tries, name in enumerate(("one", "two", "three"), 1):
        amazon.publish(name)
        statuses = ask_all(name)
        if 200 in statuses:
            break
    assert statuses == [503] * 6 + [200] * 1024, (statuses[:8], statuses.count(200))
    assert len(amazon.requests) == tries


def confirms_a_subscription(flow):
    """With the certificate read first; once, however often it is asked to; and it is no event."""
    amazon = Amazon(flow)
    p, sink = _start(flow, amazon)
    confirmation = amazon.message("SubscriptionConfirmation", version="1")
    assert _post(p, confirmation) == 200
    asked = amazon.asked("/?Action=")
    assert [r.target for r in asked] == ["/?Action=ConfirmSubscription&TopicArn=%s&Token=23364" % TOPIC] and asked[0].method == "GET"
    assert _post(p, confirmation) == 200 and len(amazon.asked("/?Action=")) == 1
    p.wait_log("subscription confirmed")
    for _ in range(100):
        assert _post(p, amazon.message("UnsubscribeConfirmation")) == 200
    p.wait_log("the subscription has ended")
    assert p.text().count("the subscription has ended") < 50, "a line a second"
    assert len(amazon.asked("/?Action=")) == 1, "it is not made again"
    assert p.metric('penstock_handshakes_total{source="s"}') == 102
    for token in range(9):
        url = "https://localhost:%d/?Action=ConfirmSubscription&Token=%d" % (amazon.port, token)
        assert _post(p, amazon.message("SubscriptionConfirmation", SubscribeURL=url)) == 200
    amazon.publish("two")
    assert _post(p, amazon.message(name="two")) == 200, "a certificate is not refused for it"
    assert len(sink.wait(1)) == 1
    assert p.metric('penstock_events_accepted_total{source="s"}') == 1


def confirms_one_subscription_after_the_other(flow):
    """And says so: its provider tries again."""
    amazon = Amazon(flow)
    p, _ = _start(flow, amazon)
    assert _post(p, amazon.message()) == 200
    amazon.special = {"hang": True}
    statuses, first = [], amazon.message("SubscriptionConfirmation")
    waits = threading.Thread(target=lambda: statuses.append(_post(p, first)))
    waits.start()
    amazon.wait(2)
    other = "https://localhost:%d/?Action=ConfirmSubscription&Token=other" % amazon.port
    assert _post(p, amazon.message("SubscriptionConfirmation", SubscribeURL=other)) == 503
    p.wait_log("another is being confirmed; try again")
    waits.join()
    assert statuses == [503] and len(amazon.asked("/?")) == 1
    p.wait_log("its provider could not be told, or has refused")
    amazon.special = {}
    assert _post(p, amazon.message("SubscriptionConfirmation", SubscribeURL=other)) == 200


def each_worker_reads_a_certificate_once(flow):
    amazon, sink = Amazon(flow), flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), sources=[amazon.source()], workers=2)
    posts, body = 0, amazon.message()
    while len(amazon.requests) < 2 and posts < 500:
        assert _post(p, body) == 200
        posts += 1
    for _ in range(20):
        assert _post(p, body) == 200
    assert len(amazon.requests) == 2, "both workers had one"
    sink.wait(posts + 20)


def a_compatible_cloud_may_name_its_host(flow):
    """A certificate of key_hosts' own name will do; SNS' and PayPal's hosts have others."""
    amazon = Amazon(flow, "DNS:localhost")
    p, sink = _start(flow, amazon)
    assert _post(p, amazon.message()) == 200
    sink.wait(1)


def confirms_nothing_that_is_not_its_providers(flow):
    """Neither what is not signed, nor what is signed but leads elsewhere. A host that is away is tried again."""
    amazon, other = Amazon(flow), flow.sink()
    p, sink = _start(flow, amazon)
    ours, subscribe = "https://localhost:%d" % amazon.port, "SubscriptionConfirmation"
    for url in ("https://localhost:%d/?Action=ConfirmSubscription&x" % other.port, ours + "/?Action=Unsubscribe&x", ours + "/",
                ours + "/x?Action=ConfirmSubscription&x", ours.replace("https", "http") + "/?Action=ConfirmSubscription&x",
                ours + "/?Action=ConfirmSubscription&x y", ours + "/?Action=ConfirmSubscription&\u00e9", ours + "/?Action=ConfirmSubscription&#x"):
        assert _post(p, amazon.message(subscribe, SubscribeURL=url)) == 403, url
    assert _post(p, amazon.message(subscribe, after={"Token": "x"})) == 401
    assert _post(p, amazon.message(subscribe, after={"SubscribeURL": ours + "/?Action=ConfirmSubscription&y"})) == 401
    assert not amazon.asked("/?") and not other.connections
    amazon.special = {"status": 500}
    answer = p.post("/hooks/s", amazon.message(subscribe))
    assert answer.status == 503 and json.loads(answer.body) == {"error": "unconfirmed"}
    assert len(amazon.asked("/?")) == 1
    amazon.special = {}
    assert _post(p, amazon.message(subscribe)) == 200 and len(amazon.asked("/?")) == 2
    assert not sink.requests


def stops_while_a_certificate_is_read(flow):
    amazon = Amazon(flow)
    amazon.special = {"hang": True}
    p, _ = _start(flow, amazon)
    statuses, body = [], amazon.message()

    def ask():
        try:
            statuses.append(_post(p, body))
        except OSError:
            statuses.append(0)
    waits = threading.Thread(target=ask)
    waits.start()
    amazon.wait(1)
    began = time.monotonic()
    assert p.stop() == 0 and time.monotonic() - began < 12
    waits.join()
    assert statuses[0] in (503, 0), statuses


def a_reload_gives_up_what_is_read_for_a_source_that_is_gone(flow):
    """Certificates and a confirmation: who waits for them learns that there is no such source any more."""
    amazon = Amazon(flow)
    for name in ("two", "three"):
        amazon.publish(name)
    p, _ = _start(flow, amazon)
    assert _post(p, amazon.message()) == 200
    amazon.special = {"hang": True}
    bodies = [amazon.message("SubscriptionConfirmation")] + [amazon.message(name=name) for name in ("two", "two", "three")]
    statuses = []
    clients = [threading.Thread(target=lambda body=body: statuses.append(_post(p, body))) for body in bodies]
    for c in clients:
        c.start()
    amazon.wait(4)
    with open(p.config) as f:
        text = f.read()
    with open(p.config, "w") as f:
        f.write("\n".join("  open: { verify: none }" if line.startswith("  s: ") else line for line in text.splitlines()))
    status, said = p.admin("/-/reload", "POST")
    assert status == 200, said
    for c in clients:
        c.join()
    assert statuses == [404] * 4, statuses
    assert p.post("/hooks/open", b"{}").status == 200 and p.stop() == 0


class PayPal(Amazon):
    def __init__(self, flow):
        super().__init__(flow, "DNS:messageverificationcerts.sandbox.paypal.com")

    def source(self, more="type: paypal, webhook_id: [OTHER, WH1]"):
        return super().source(more)

    def headers(self, body, webhook="WH1", name="one", **more):
        h = {"PAYPAL-TRANSMISSION-ID": "69cd13f0-d67a-11e5-baa3-778b53f4ae55", "PAYPAL-TRANSMISSION-TIME": "2026-02-18T20:01:35Z",
             "PAYPAL-CERT-URL": "https://localhost:%d/v1/notifications/certs/CERT-%s" % (self.port, name),
             "PAYPAL-AUTH-ALGO": "SHA256withRSA"}
        text = "%s|%s|%s|%d" % (h["PAYPAL-TRANSMISSION-ID"], h["PAYPAL-TRANSMISSION-TIME"], webhook, zlib.crc32(body))
        h["PAYPAL-TRANSMISSION-SIG"] = sign(self.keys[name], text.encode())
        return {k: v for k, v in {**h, **{k.replace("_", "-"): v for k, v in more.items()}}.items() if v is not None}


def takes_events_of_paypal(flow):
    paypal = PayPal(flow)
    p, sink = _start(flow, paypal)
    body = '{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","n":"\u00e9"}'.encode()

    def post(body, headers):
        return p.post("/hooks/s", body, headers).status
    assert post(body, paypal.headers(body)) == 200 and post(body, paypal.headers(body, "OTHER")) == 200
    assert post(body + b" ", paypal.headers(body)) == 401
    assert post(body, paypal.headers(body, "WH2")) == 401, "for another webhook"
    good = paypal.headers(body)
    for name in good:
        assert post(body, {k: v for k, v in good.items() if k != name}) == 401, name
    for more in ({"PAYPAL_AUTH_ALGO": "SHA1withRSA"}, {"PAYPAL_AUTH_ALGO": "sha256withrsa"}, {"PAYPAL_TRANSMISSION_ID": "1"},
                 {"PAYPAL_TRANSMISSION_TIME": "2026-02-18T20:01:36Z"}, {"PAYPAL_TRANSMISSION_TIME": "now"}, {"PAYPAL_TRANSMISSION_SIG": "AAAA"},
                 {"PAYPAL_TRANSMISSION_SIG": good["PAYPAL-TRANSMISSION-SIG"].replace("=", "")},
                 {"PAYPAL_CERT_URL": "https://localhost:%d/one.pem" % paypal.port}, {"PAYPAL_CERT_URL": "https://api.paypal.com.evil/x"},
                 {"PAYPAL_CERT_URL": good["PAYPAL-CERT-URL"].replace("certs/", "certs/../certs/")}):
        assert post(body, paypal.headers(body, **more)) == 401, more
    paypal.publish("named", names="DNS:www.paypal.com.example")
    assert post(body, paypal.headers(body, name="named")) == 503
    assert [r.target for r in paypal.requests] == ["/v1/notifications/certs/CERT-one", "/v1/notifications/certs/CERT-named"]
    assert [r.body for r in sink.wait(2)] == [body, body]


class Plaid(Amazon):
    """Keys of P-256, asked for by name."""

    def __init__(self, flow):
        super().__init__(flow)
        self.jwks = {}
        for kid in ("k1", "k2", "old"):
            self.keys[kid] = os.path.join(flow.folder, kid + ".key")
            subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.keys[kid]], check=True)
            der = subprocess.run(["openssl", "ec", "-in", self.keys[kid], "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
            self.jwks[kid] = {"alg": "ES256", "kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "created_at": 1, "expired_at": None,
                              "x": _b64(der[-64:-32]), "y": _b64(der[-32:])}
        self.jwks["old"]["expired_at"] = 2

    def _answer(self, request, before):
        asked = json.loads(request.body)
        if (request.header("plaid-client-id"), request.header("plaid-secret")) != ("id1", "kept-to-ourselves"):
            return {"status": 400, "body": b'{"error_type":"INVALID_INPUT","error_code":"INVALID_API_KEYS"}'}
        key = self.jwks.get(asked["key_id"])
        if key is None:
            return {"status": 400, "body": b'{"error_type":"INVALID_INPUT","error_code":"INVALID_WEBHOOK_VERIFICATION_KEY_ID"}', **self.special}
        return {"body": json.dumps({"key": key, "request_id": "r"}).encode(), **self.special}

    def source(self, secret="kept-to-ourselves"):
        return super().source("type: plaid, client_id: id1, client_secret: %s" % secret)

    def headers(self, body, kid="k1", by=None, **more):
        claims = {"iat": int(time.time()), "request_body_sha256": hashlib.sha256(body).hexdigest(), **more}
        text = ".".join(_b64(json.dumps(part).encode()) for part in ({"alg": "ES256", "kid": kid, "typ": "JWT"}, claims))
        der = base64.b64decode(sign(self.keys[by or kid], text.encode()))
        r = der[4:4 + der[3]]
        numbers = (r, der[6 + len(r):])
        return {"Plaid-Verification": text + "." + _b64(b"".join(n[-32:].rjust(32, b"\0") for n in numbers))}


def asks_plaid_for_each_key_by_its_name(flow):
    """With the client's own credentials; a key that has expired, or that is not there, is none."""
    plaid, sink = Plaid(flow), flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), sources=[plaid.source()], workers=1)
    body = b'{"webhook_type":"ITEM","webhook_code":"ERROR"}'

    def post(headers, body=body):
        return p.post("/hooks/s", body, headers).status
    for _ in range(3):
        assert post(plaid.headers(body)) == 200
    asked = plaid.requests[0]
    assert (asked.method, asked.target, json.loads(asked.body)) == ("POST", "/webhook_verification_key/get", {"key_id": "k1"})
    assert asked.header("content-type") == "application/json" and len(plaid.requests) == 1
    assert post(plaid.headers(body, "k2")) == 200 and len(plaid.requests) == 2
    assert post(plaid.headers(body), body + b" ") == 401
    assert post(plaid.headers(body, "k1", "k2")) == 401
    assert post(plaid.headers(body, iat=int(time.time()) - 400)) == 401
    assert post(plaid.headers(body, request_body_sha256="00" * 32)) == 401
    assert post({}) == 401 and post({"Plaid-Verification": "x.y.z"}) == 401
    for kid in ("old", "none", "../k1", 'k"1', "k" * 300, ""):
        plaid.keys[kid] = plaid.keys["k1"] if kid != "old" else plaid.keys["old"]
        for _ in range(2):
            assert post(plaid.headers(body, kid)) == 401, kid
    assert [json.loads(r.body)["key_id"] for r in plaid.requests[2:]] == ["old", "none", "../k1", 'k"1'], "each once"
    plaid.keys["k3"], plaid.special = plaid.keys["k1"], {"body": b'{"error_type":"INVALID_INPUT","error_code":"UNAUTHORIZED_ENVIRONMENT"}'}
    assert post(plaid.headers(body, "k3")) == 503, "it does not say that there is no such key"
    assert [r.body for r in sink.wait(4)] == [body] * 4
    assert "kept-to-ourselves" not in p.text()


def credentials_that_plaid_refuses_lose_no_event(flow):
    plaid, sink = Plaid(flow), flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), sources=[plaid.source("wrong")], workers=1)
    assert p.post("/hooks/s", b"{}", plaid.headers(b"{}")).status == 503
    p.wait_log("a key cannot be read; what it signs is refused with 503")
    assert not sink.requests


def a_topic_and_a_webhook_must_be_said(flow):
    for verify, why in (
            ("aws-sns", "say of which topic it must be"), ("paypal", "say which one is yours"),
            ("{type: aws-sns, topic_arn: pipes}", '"pipes" is no ARN of a topic of SNS'),
            ("{type: aws-sns, topic_arn: 'arn:aws:sns:x/y:1:n'}", "is no ARN"),
            ("{type: aws-sns, topic_arn: pipes, key_hosts: x.example}", '"pipes" is no ARN of a topic of SNS'),
            ("{type: aws-sns, topic_arn: 'arn:aws:sns:us-east-1:123:*'}", "where ACCOUNT has 12 digits"),
            ("{type: aws-sns, topic_arn: 'arn:aws:sns:us-east-1:123456789012:x y'}", "is no ARN"),
            ("{type: aws-sns, topic_arn: 'arn:awsx:sns:us-east-1:123456789012:x'}", "say its key_hosts, too"),
            ("{type: paypal, webhook_id: [A1, 'a|b c']}", '"a|b c" is no id of a webhook'),
            ("{type: paypal, webhook_id: x, key_hosts: '..:1'}", "is no host"),
            ("{type: paypal, webhook_id: x, key_hosts: 'a-.b'}", "is no host"),
            ("{type: paypal, webhook_id: x, key_hosts: [a.b, 169.254.169.254]}", '"169.254.169.254" is no host'),
            ("{type: plaid, client_id: x, client_secret: y, key_hosts: [a, b]}", "leave the others out"),
            ("{type: aws-sns, topic_arn: '%s:00000000-0000-0000-0000-000000000000'}" % TOPIC, "is no ARN"),
            ("{type: aws-sns, webhook_id: x}", '"webhook_id" is of paypal'), ("{type: paypal, topic_arn: x}", '"topic_arn" is of aws-sns'),
            ("{type: paypal, webhook_id: x, key_hosts: 'https://x/'}", "is no host"),
            ("{type: paypal, webhook_id: x, key_hosts: 'x:0'}", "is no host"), ("{type: paypal, webhook_id: ''}", "webhook_id"),
            ("{type: paypal, webhook_id: x, ca_file: /none}", "/none"), ("{type: paypal, webhook_id: x}, secret: x", 'leave "secret" out'),
            ("{type: stripe, topic_arn: x}, secret: x", "topic_arn"), ("plaid", '"client_id" or'), ("{type: plaid, client_id: x}", '"client_id" or'),
            ("{type: plaid, client_id: x, client_secret: 'a b'}", '"client_id" or'),
            ("{type: plaid, client_id: x, client_secret: y, key_hosts: 'a/b'}", "is no host")):
        p = flow.penstock({"d": "http://127.0.0.1:9/"}, start=False, sources=["s: { verify: %s }" % verify])
        r = subprocess.run([PENSTOCK, "check", "-c", p.config], capture_output=True, text=True)
        assert r.returncode == 1 and why in r.stderr, (verify, r.stderr)
    p = flow.penstock({"d": "http://127.0.0.1:9/"}, start=False, sources=[
        "s: { verify: {type: aws-sns, topic_arn: ['%s', 'arn:aws-cn:sns:cn-north-1:123456789012:n']} }" % TOPIC])
    r = subprocess.run([PENSTOCK, "check", "--print", "-c", p.config], capture_output=True, text=True)
    assert r.returncode == 0 and "cn-north-1" in r.stdout, (r.stdout, r.stderr)
