"""Promises about sources with several schemes: any of them may vouch for an event, or all of them must."""
import base64
import hashlib
import hmac
import re
import time

from cli_test import operated
from harness import sign_github

OLD = "{type: hmac, header: X-Old, template: '{ts}.{body}', timestamp: {header: X-Old-Time}, secret: old-key}"


def sign_old(body, at=None, secret="old-key"):
    at = str(int(time.time() if at is None else at))
    return {"X-Old": hmac.new(secret.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest(), "X-Old-Time": at}


def basic(user):
    return {"Authorization": "Basic " + base64.b64encode(user.encode()).decode()}


def any_of_two_schemes_is_enough(flow):
    """While a sender changes from one to the other. Each has its own secret, headers and age; the one that took an event
    says what is known of it."""
    pushes, every = flow.sink(), flow.sink()
    p, verb = operated(flow, {"pushes": pushes, "all": every}, flow.redis(), workers=1,
                       sources=["two: { verify: [github, %s], secrets: {new: new-key, spare: spare-key} }" % OLD],
                       routes=["{ from: two, events: ['push'], to: pushes }", "{ from: two, to: all }"])
    post = lambda headers, body=b"{}": p.post("/hooks/two", body, {"X-GitHub-Event": "push", **headers})
    good = [sign_github(b"{}", "new-key"), sign_github(b"{}", "spare-key"), sign_old(b"{}"),
            {**sign_github(b"{}", "wrong"), **sign_old(b"{}")}, {**sign_github(b"{}", "new-key"), **sign_old(b"{}", at=1)}]
    for headers in good:
        assert post(headers).status == 200, headers
    every.wait(5)
    pushes.wait(3)  # what came by the old scheme has no type: its header is github's
    signed, old = sign_github(b"{}", "new-key"), sign_old(b"{}")
    forged = [{}, sign_github(b"{}", "old-key"), sign_old(b"{}", secret="new-key"), sign_old(b"{}", secret="spare-key"),
              {"X-Hub-Signature-256": "sha256=" + old["X-Old"], "X-Old-Time": old["X-Old-Time"]},
              {"X-Old": signed["X-Hub-Signature-256"][7:], "X-Old-Time": old["X-Old-Time"]},
              {"X-Old": old["X-Old"]}, {"X-Old-Time": old["X-Old-Time"]}, {**old, "X-Old-Time": str(int(time.time()) + 1)},
              {"X-Hub-Signature-256": ""}, {"X-Hub-Signature-256": "sha256="}, {**signed, "X-Hub-Signature-256": "x" * 4000}]
    for headers in forged:
        answer = post(headers)
        assert (answer.status, answer.body) == (401, b'{"error":"bad_signature"}'), headers
    for headers in good:
        assert post(headers, b"{ }").status == 401, headers
    for at in (time.time() - 400, time.time() + 400):
        assert post(sign_old(b"{}", at=at)).body == b'{"error":"stale_timestamp"}', "a right signature of another time"
    said = p.admin("/metrics")[1]
    for name, n in (("github/new", 2), ("github/spare", 1), ("hmac/1", 2)):
        assert 'penstock_events_verified_total{source="two",secret="%s"} %d' % (name, n) in said, said
    assert p.text().count("an older secret still signs events") == 1, "the spare one; the old scheme has its newest"
    code, text, complained = verb("sources", "show", "two")
    assert code == 0, complained
    shown = [re.sub(r"\d+ s ago", "N s ago", line) for line in text.splitlines()]
    assert shown[:4] == ["two  /hooks/two  verify: any of github, hmac", "  secret github/new last used N s ago",
                         "  secret github/spare last used N s ago: still in use", "  secret hmac/1 last used N s ago"], shown
    assert shown[4].startswith("  GitHub waits 10 s for an answer"), shown
    assert verb("send", "-s", "two", "-b", "{}")[0] == 0
    assert "x-old" not in every.wait(6)[-1].headers, "the first one signs"
    assert not [secret for secret in ("new-key", "spare-key", "old-key") if secret in p.text()]


def all_schemes_must_hold(flow):
    """A signature and a password: none of them is enough."""
    sink = flow.sink()
    p, verb = operated(flow, {"d": sink}, flow.redis(), workers=1, sources=[
        "both: { verify: {all: [github, {type: basic, secret: 'us:pass'}]}, secret: new-key, dedupe: {window: 1h, key: signed} }"])
    post = lambda headers, body=b"{}": p.post("/hooks/both", body, headers)
    signed, shown = sign_github(b"{}", "new-key"), basic("us:pass")
    first = post({**signed, **shown})
    assert first.status == 200
    for headers in ({}, signed, shown, {**sign_github(b"{}", "x"), **shown}, {**signed, **basic("us:pas")},
                    {**signed, **basic("us:pass2")}, {**signed, "Authorization": "Basic"},
                    {**signed, "Authorization": basic("us:pass")["Authorization"].replace("Basic", "Bearer")}):
        assert post(headers).status == 401, headers
    assert post({**signed, **shown}, b"{ }").status == 401
    again = post({**signed, **shown, "X-Other": "made up"})
    assert again.status == 200 and again.getheader("penstock-event-id") == first.getheader("penstock-event-id"), "a replay"
    code, text, complained = verb("send", "-s", "both", "-b", '{"n":1}')
    assert code == 0 and text.startswith("200 "), complained
    sent = sink.wait(2)[-1]
    assert sent.header("authorization") == shown["Authorization"] and sent.header("x-hub-signature-256")
    said = p.admin("/metrics")[1]
    for name in ("github/1", "basic/1"):
        assert 'penstock_events_verified_total{source="both",secret="%s"} 3' % name in said, said
    code, text, complained = verb("sources", "show", "both")
    assert text.startswith("both  /hooks/both  verify: all of github, basic\n"), text + complained


def a_handshake_is_answered_by_the_scheme_that_owns_it(flow):
    """As that provider demands; and where all must hold, one that is signed is shown to each."""
    slack = "{type: slack, secret: slack-key}"
    p = flow.penstock({"d": flow.sink()}, flow.redis(), sources=[
        "either: { verify: [github, %s, {type: meta, secret: m}], secret: new-key, challenge_token: mine }" % slack,
        "both: { verify: {all: [%s, {type: basic, secret: 'us:pass'}]} }" % slack])
    body = b'{"type":"url_verification","challenge":"c0ffee"}'

    def ask(source, secret, more=None):
        at = str(int(time.time()))
        mac = hmac.new(secret.encode(), b"v0:" + at.encode() + b":" + body, hashlib.sha256).hexdigest()
        answer = p.post("/hooks/" + source, body, {"X-Slack-Signature": "v0=" + mac, "X-Slack-Request-Timestamp": at,
                                                   **(more or {})})
        assert (answer.body == b"c0ffee") == (answer.status == 200), answer.body
        return answer.status

    assert ask("either", "slack-key") == 200
    assert ask("either", "new-key") == 401
    assert ask("either", "wrong", sign_github(body, "wrong")) == 401
    query = "?hub.mode=subscribe&hub.challenge=42&hub.verify_token="
    assert p.post("/hooks/either" + query + "mine", b"", method="GET").body == b"42"
    assert p.post("/hooks/either" + query + "guessed", b"", method="GET").status == 403
    assert p.post("/hooks/both" + query + "mine", b"", method="GET").status == 405
    assert ask("both", "slack-key", basic("us:pass")) == 200
    assert ask("both", "slack-key") == 401
    assert ask("both", "slack-key", basic("us:past")) == 401
    assert ask("both", "wrong", basic("us:pass")) == 401
    assert p.metric("penstock_events_accepted_total") == 0


def an_event_of_one_scheme_is_no_handshake_of_another(flow):
    """What another scheme takes is its event, whatever it looks like; a handshake is what nobody else has signed."""
    url = "https://hooks.example.com/in"
    key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    p = flow.penstock({"d": flow.sink()}, flow.redis(), sources=[
        "shop: { verify: [woocommerce, {type: twilio, public_url: '%s', secret: tok}], secret: shop }" % url,
        "chat: { verify: [{type: discord, secret: %s}, github], secret: new-key }" % key,
        "crc: { verify: [x, {type: basic, secret: 'us:pass'}], secret: x-key }"])
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    mac = base64.b64encode(hmac.new(b"tok", (url + "MessageSid1webhook_id7").encode(), hashlib.sha1).digest()).decode()
    call = lambda headers, body=b"MessageSid=1&webhook_id=7": p.post("/hooks/shop", body, {**form, **headers})
    is_event = lambda answer: answer.status in (200, 204) and bool(answer.getheader("penstock-event-id"))
    assert is_event(call({"X-Twilio-Signature": mac}))
    assert not is_event(call({})) and call({}).status == 200, "WooCommerce asks, unsigned"
    assert not is_event(call({"X-Twilio-Signature": mac}, b"MessageSid=2&webhook_id=7"))
    ping = b'{"type":1,"n":2}'
    assert is_event(p.post("/hooks/chat", ping, sign_github(ping, "new-key")))
    assert p.post("/hooks/chat", ping, sign_github(ping, "wrong")).status == 401
    answer = p.post("/hooks/crc?crc_token=abc", b"", basic("us:pass"), method="GET")
    assert answer.status == 200 and b"response_token" in answer.body, "no event has its method"
    assert p.metric("penstock_events_accepted_total") == 2


def where_all_must_hold_no_handshake_is_answered_without_the_others(flow):
    """Though it is one that its provider does not sign."""
    p = flow.penstock({"d": flow.sink()}, flow.redis(), sources=[
        "monday: { verify: {all: [{type: monday, public_url: 'https://h.example.com/in'}, {type: basic, secret: 'us:pass'}]}, secret: m }",
        "x: { verify: {all: [x, {type: basic, secret: 'us:pass'}]}, secret: x-key }"])
    ask = lambda headers: p.post("/hooks/monday", b'{"challenge":"c0ffee"}', headers)
    crc = lambda headers: p.post("/hooks/x?crc_token=abc", b"", headers, method="GET")
    for one in (ask, crc):
        for headers in ({}, basic("us:past"), {"Authorization": "Basic"}):
            answer = one(headers)
            assert (answer.status, answer.body) == (401, b'{"error":"bad_signature"}'), (answer.status, answer.body)
    assert ask(basic("us:pass")).body == b'{"challenge":"c0ffee"}'
    assert b"response_token" in crc(basic("us:pass")).body
    assert p.metric("penstock_events_accepted_total") == 0
