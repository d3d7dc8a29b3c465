"""Promises about single providers: their handshakes, what they want to read, and signing as they do."""
import hashlib
import hmac
import json
import os
import subprocess
import threading

from certificates import pieces_of_key
from harness import PENSTOCK, SECRET, SLOWNESS, wait_for, writable_memory

CHALLENGE = "20f9f8ed05f77439fe955c977e4c8a53"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def braintree_mac(text):
    return hmac.new(hashlib.sha1(SECRET.encode()).digest(), text.encode(), hashlib.sha1).hexdigest()


def signs_a_challenge_of_braintree_and_nothing_else(flow):
    """Whoever asks is told the HMAC of 20 to 32 digits in hex, and may not come back with that as an event."""
    sink = flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), sources=["bt: { verify: braintree, secret: 'pub1:%s' }" % SECRET])
    mac = braintree_mac(CHALLENGE)
    answer = p.post("/hooks/bt?bt_challenge=" + CHALLENGE, b"", method="GET")
    assert (answer.status, answer.body) == (200, ("pub1|" + mac).encode()), (answer.status, answer.body)
    assert answer.getheader("content-type") == "text/plain; charset=utf-8"
    assert answer.getheader("x-content-type-options") == "nosniff"
    for asked in ("PD94bWw", CHALLENGE.upper(), CHALLENGE + "0", CHALLENGE[:19], "%3Cb%3E"):
        answer = p.post("/hooks/bt?bt_challenge=" + asked, b"", method="GET")
        assert answer.status == 403 and answer.body == b'{"error":"bad_challenge"}', (asked, answer.body)
    assert p.post("/hooks/bt", b"", method="GET").status == 405

    def event(payload, sig):
        return p.post("/hooks/bt", "bt_signature=pub1%%7C%s&bt_payload=%s" % (sig, payload), FORM).status

    assert event(CHALLENGE, mac) == 401
    assert event("PD94bWw%2B", braintree_mac("PD94bWw+")) == 200
    assert event("PD94bWw%2F", braintree_mac("PD94bWw+")) == 401
    sink.wait(1)
    assert p.metric("penstock_handshakes_total") == 1 and p.metric("penstock_events_accepted_total") == 1
    assert SECRET not in p.text()


def shakes_hands_with_event_grid_that_shows_its_token(flow):
    """By a code in JSON, and by a header; to whom has no token nothing is said back, and both are no events."""
    sink = flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), sources=["grid: { verify: azure-event-grid, secret: '%s' }" % SECRET])
    code = b'[{"eventType":"Microsoft.EventGrid.SubscriptionValidationEvent","data":{"validationCode":"c0de-1"}}]'
    kind, origin = {"aeg-event-type": "SubscriptionValidation"}, {"WebHook-Request-Origin": "eventgrid.azure.net"}
    for query in ("", "?access_token=guessed", "?access_token=%s&access_token=x" % SECRET):
        answer = p.post("/hooks/grid" + query, code, kind)
        assert answer.status == 401 and b"c0de" not in answer.body, answer.body
        answer = p.post("/hooks/grid" + query, b"", origin, method="OPTIONS")
        assert answer.status == 401 and answer.getheader("webhook-allowed-origin") is None
    at = "/hooks/grid?access_token=" + SECRET
    answer = p.post(at, code, kind)
    assert (answer.status, answer.body) == (200, b'{"validationResponse":"c0de-1"}'), answer.body
    assert answer.getheader("content-type") == "application/json"
    answer = p.post(at, b"", origin, method="OPTIONS")
    assert (answer.status, answer.body) == (200, b""), (answer.status, answer.body)
    assert answer.getheader("webhook-allowed-origin") == "eventgrid.azure.net" and answer.getheader("webhook-allowed-rate") == "*"
    assert p.post(at, b"", method="OPTIONS").status == 405
    assert p.metric("penstock_handshakes_total") == 2 and not sink.requests
    sent = subprocess.run([PENSTOCK, "send", "-c", p.config, "-s", "grid", "-u", "http://127.0.0.1:%d" % p.port],
                          capture_output=True, text=True)
    assert sent.returncode == 0, sent.stdout + sent.stderr
    sink.wait(1)
    assert SECRET not in p.text()


def shakes_hands_with_monday_and_woocommerce(flow):
    """Unsigned, as these do: a challenge comes back as JSON, a ping wants 200 alone; at other sources neither counts."""
    sink = flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), sources=[
        "monday: { verify: {type: monday, public_url: 'https://hooks.example.com/hooks/monday'}, secret: s }",
        "woo: { verify: woocommerce, secret: s }", "github: { verify: github, secret: s }"])
    answer = p.post("/hooks/monday", b'{"challenge":"a-b_c"}')
    assert (answer.status, json.loads(answer.body)) == (200, {"challenge": "a-b_c"}), answer.body
    assert answer.getheader("content-type") == "application/json" and answer.getheader("x-content-type-options") == "nosniff"
    for body, status in ((b'{"challenge":"<script>\\u0022"}', 403), (b'{"challenge":"a","event":{"type":"x"}}', 401), (b"{}", 401)):
        answer = p.post("/hooks/monday", body)
        assert answer.status == status and b"script" not in answer.body, (body, answer.status)
    answer = p.post("/hooks/woo", b"webhook_id=7", FORM)
    assert (answer.status, answer.body) == (200, b""), answer.body
    assert p.post("/hooks/woo", b"webhook_id=7").status == 401, "it says that it is a form, or it is none"
    assert p.post("/hooks/github", b'{"challenge":"a"}').status == 401
    assert p.post("/hooks/github", b"webhook_id=7", FORM).status == 401
    assert p.metric("penstock_handshakes_total") == 2
    assert p.metric("penstock_events_accepted_total") == 0 and not sink.requests


def says_what_dropbox_sign_wants_to_read(flow):
    """In plain text; unless the source says another answer."""
    sink = flow.sink()
    p = flow.penstock({"d": sink}, flow.redis(), sources=[
        "sign: { verify: dropbox-sign, secret: '%s' }" % SECRET,
        "own: { verify: dropbox-sign, secret: '%s', respond: { status: 202, body: '{\"ok\":1}' } }" % SECRET],
        routes=["{ from: '*', events: ['signature_request_*'], to: d }"])

    def event(source, kind="signature_request_sent"):
        mac = hmac.new(SECRET.encode(), b"1735689600signature_request_sent", hashlib.sha256).hexdigest()
        text = json.dumps({"event": {"event_time": "1735689600", "event_type": kind, "event_hash": mac}})
        body = '--b\r\nContent-Disposition: form-data; name="json"\r\n\r\n%s\r\n--b--\r\n' % text
        return p.post("/hooks/" + source, body, {"Content-Type": "multipart/form-data; boundary=b"})

    answer = event("sign")
    assert (answer.status, answer.body) == (200, b"Hello API Event Received"), answer.body
    assert answer.getheader("content-type") == "text/plain; charset=utf-8"
    answer = event("own")
    assert (answer.status, answer.body, answer.getheader("content-type")) == (202, b'{"ok":1}', "application/json")
    assert event("sign", "signature_request_viewed").status == 401
    sink.wait(2)  # their type is inside of the form


def sends_by_a_private_key(flow):
    """Of Ed25519, P-256 and RSA, by the scheme; a key that does not fit is said to, and nothing is sent."""
    def key(name, *how):
        path = os.path.join(flow.folder, name)
        subprocess.run(["openssl", "genpkey", *how, "-out", path], check=True, stderr=subprocess.DEVNULL)
        return path

    def public(path, form="PEM"):
        return subprocess.run(["openssl", "pkey", "-in", path, "-pubout", "-outform", form], check=True, capture_output=True).stdout

    ed, other = key("ed", "-algorithm", "ED25519"), key("other", "-algorithm", "ED25519")
    ec = key("ec", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1")
    rsa = key("rsa", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    sink = flow.sink()
    token = "%s: { verify: { type: jwt, algorithm: %s, header: X-Token, body_claim: h }, secret: %s }"
    p = flow.penstock({"d": sink}, flow.redis(), sources=[
        "discord: { verify: discord, secret: '%s' }" % public(ed, "DER")[-32:].hex(),
        "sendgrid: { verify: sendgrid, secret: '%s' }" % subprocess.run(
            ["base64", "-w0"], input=public(ec, "DER"), check=True, capture_output=True).stdout.decode(),
        token % ("es", "ES256", json.dumps(public(ec).decode())), token % ("rs", "RS256", json.dumps(public(rsa).decode())),
        "github: { verify: github, secret: s }",
        "both: { verify: {all: [{type: mailgun, secret: s}, {type: discord, secret: '%s'}]} }" % public(ed, "DER")[-32:].hex()])

    def send(source, *more):
        return subprocess.run([PENSTOCK, "send", "-c", p.config, "-s", source, "-u", "http://127.0.0.1:%d" % p.port, *more],
                              capture_output=True, text=True)

    for source, path in (("discord", ed), ("sendgrid", ec), ("es", ec), ("rs", rsa)):
        for body in ([], ["--body", '{"a":1}']):
            said = send(source, "--key", path, *body)
            assert said.returncode == 0, (source, said.stdout, said.stderr)
    for source, path, why in (("discord", ec, "no private key of Ed25519 in PEM"), ("sendgrid", ed, "no private key of P-256"),
                              ("es", rsa, "no private key of P-256"), ("rs", ec, "no private key of RSA"),
                              ("discord", p.config, "no private key of Ed25519"), ("github", ed, "leave --key out"),
                              ("discord", None, "only it has"), ("discord", os.path.join(flow.folder, "none"), "No such file")):
        said = send(source, *(["--key", path] if path else []))
        assert said.returncode == 1 and why in said.stderr and said.stdout == "", (source, path, said.stdout, said.stderr)
    said = send("both", "--key", ed)
    assert said.returncode == 0, (said.stdout, said.stderr)
    said = send("both")
    assert said.returncode == 1 and "give --key" in said.stderr and said.stdout == "", (said.stdout, said.stderr)
    said = send("discord", "--key", other)
    assert said.returncode == 1 and said.stdout.startswith("401 "), said.stdout
    sink.wait(9)
    wait_for(lambda: p.metric("penstock_deliveries_total") == 9, "all of them to be delivered")
    assert p.metric("penstock_events_accepted_total") == 9 and len(sink.requests) == 9


def a_private_key_is_wiped_when_it_has_signed(flow):
    """What send prints finds no room in a pipe that nobody reads: so it does not end before its memory was searched."""
    answered = threading.Event()
    sink = flow.sink(lambda request, before: answered.wait(60) and {})
    for algorithm, how in (("ES256", ["EC", "-pkeyopt", "ec_paramgen_curve:prime256v1"]), ("RS256", ["RSA"])):
        path = os.path.join(flow.folder, algorithm + ".key")
        subprocess.run(["openssl", "genpkey", "-algorithm", *how, "-out", path], check=True, stderr=subprocess.DEVNULL)
        public = subprocess.run(["openssl", "pkey", "-in", path, "-pubout"], check=True, capture_output=True, text=True).stdout
        p = flow.penstock({"d": sink}, start=False, name=algorithm, sources=[
            "s: { verify: { type: jwt, algorithm: %s, header: X-Token, body_claim: h }, secret: %s }" % (algorithm, json.dumps(public))])
        pieces = pieces_of_key(path)
        answered.clear()
        read, write = os.pipe()
        os.set_blocking(write, False)
        try:
            while os.write(write, b" "):
                pass
        except BlockingIOError:
            os.set_blocking(write, True)
        send = subprocess.Popen([PENSTOCK, "send", "-c", p.config, "-s", "s", "-u", "http://127.0.0.1:%d" % sink.port, "--key", path],
                                stdout=write)
        os.close(write)

        def found():
            try:
                return {(name, where) for where, part in writable_memory(send.pid) for name, piece in pieces if piece in part}
            except OSError:  # it gives memory back in this moment
                return {"unknown"}
        sink.wait(1 if algorithm == "ES256" else 2)
        assert any(name == "file" for name, _ in found()), "or the search is worth nothing"
        answered.set()
        wait_for(lambda: not found(), lambda: "the key to be gone; there is %s" % found())
        assert send.poll() is None
        with os.fdopen(read, "rb") as out:
            assert out.read().strip() == b"200 ok"
        assert send.wait(30 * SLOWNESS) == 0
