"""Promises about rules: who gets what, what is relayed whatever the rules can read of it, and how an operator tries them."""
import json
import os

from cli_test import run
from harness import sign_stripe

SOURCES = ["stripe: { verify: stripe, secret: '%s' }", "open: { verify: none, methods: [POST, PUT], body: 2MiB }"]
ROUTES = [
    "{ name: great, from: stripe, events: ['charge.*'], when: { body: { data: { amount: { $gte: 100 } } } }, to: great }",
    "{ name: skipped, from: open, when: { headers: { x-kind: push }, body: { ref: main, $not: { commits: { message: "
    "{ $regex: '\\[skip ci\\]' } } } } }, to: ci, stop: true }",
    "{ name: put, from: open, when: { method: PUT, query: { to: { $in: [a, b] } } }, to: put }",
    "{ name: slow, from: open, when: { body: { slow: { $regex: '^(([a-z])+.)+[A-Z]$' } } }, to: great }",
    "{ name: big, from: open, when: { body: { n: 123456789012345678901234567890 } }, to: big }",
    "{ name: others, from: '*', else: true, to: others }",
]


def ruled(flow):
    from harness import SECRET
    sinks = {name: flow.sink() for name in ("great", "ci", "put", "big", "others")}
    p = flow.penstock(sinks, flow.redis(), routes=ROUTES, sources=[s % SECRET if "%" in s else s for s in SOURCES])
    return p, sinks


def delivers_by_what_the_request_says(flow):
    p, sinks = ruled(flow)
    wanted = {name: [] for name in sinks}

    def sent(name, body, path="/hooks/open", method="POST", **headers):
        r = p.post(path, body, headers, method)
        assert r.status == 200, r.body
        wanted[name].append(body)

    for amount, name in ((100, "great"), (99, "others"), (1e2, "great")):
        body = json.dumps({"type": "charge.succeeded", "data": {"amount": amount}}).encode()
        sent(name, body, "/hooks/stripe", **sign_stripe(body))
    body = b'{"type":"invoice.paid","data":{"amount":100}}'
    sent("others", body, "/hooks/stripe", **sign_stripe(body))
    push = {"X-Kind": "push"}
    sent("ci", b'{"ref":"main","commits":[{"message":"fix"}]}', **push)
    sent("ci", b'{"ref" : "dev", "ref":"main"}', **push)
    sent("others", b'{"ref":"main","commits":[{"message":"a"},{"message":"b [skip ci]"}]}', **push)
    sent("others", b'{"ref":"main"}')
    sent("put", b"x", "/hooks/open?to=b", "PUT")
    sent("others", b"x", "/hooks/open?to=c", "PUT")
    sent("others", b"y", "/hooks/open?to=b")
    sent("big", b'{"n": 123456789012345678901234567890}')
    sent("others", b'{"n": 123456789012345678901234567891}')
    for name, sink in sinks.items():
        assert sorted(r.body for r in sink.wait(len(wanted[name]))) == sorted(wanted[name]), name
    assert p.metric("penstock_bodies_unparsed_total") == 3


def relays_untouched_what_no_rule_can_read(flow):
    p, sinks = ruled(flow)
    bodies = [b"[" * (1 << 20), b"[" * 400000 + b"]" * 400000, b'{"ref":"main\xff"}', b"not json", b'{"ref":"main"', b"\x00\x01",
              b'{"n":1}{"n":2}', b"\xef\xbb\xbf{}x"]
    for body in bodies:
        assert p.post("/hooks/open", body, {"X-Kind": "push"}).status == 200
    got = [r.body for r in sinks["others"].wait(len(bodies))]
    assert sorted(got) == sorted(bodies)
    assert p.post("/hooks/open", b"", {"X-Kind": "push"}).status == 200
    sinks["others"].wait(len(bodies) + 1)
    assert p.metric("penstock_bodies_unparsed_total") == len(bodies) - 1  # the second one is JSON
    assert not sinks["ci"].requests and not sinks["big"].requests


def a_filter_that_meets_a_limit_does_not_match_and_is_said_once(flow):
    p, sinks = ruled(flow)
    slow = json.dumps({"slow": "a" * 40000}).encode()
    for _ in range(3):
        assert p.post("/hooks/open", slow).status == 200
    sinks["others"].wait(3)
    assert p.metric("penstock_match_limits_total") == 3
    assert p.text().count("a filter met a limit") == 1 and '"route":"slow"' in p.text()
    assert not sinks["great"].requests


def keeps_the_body_out_of_rules_that_do_not_ask(flow):
    p = flow.penstock({"d": flow.sink()}, flow.redis(), sources=["open: { verify: none }"],
                      routes=["{ from: open, when: { headers: { x-a: b } }, to: d }"])
    assert p.post("/hooks/open", b"not json", {"X-A": "b"}).status == 200
    assert p.metric("penstock_bodies_unparsed_total") == 0


def written(flow, more=""):
    path = os.path.join(flow.folder, "rules.yaml")
    with open(path, "w") as f:
        f.write("sources: { open: { verify: none, event: { type: body./type } } }\n"
                "destinations: { a: 'http://a', b: 'http://b' }\nroutes:\n"
                "  - { name: great, from: open, when: { body: { n: { $gte: 100 } } }, to: a }\n"
                "  - { name: typed, from: open, events: x.*, to: b }\n" + more)
    return path


def check_tries_the_tests_of_the_file(flow):
    good = written(flow, "tests:\n  - { name: great, source: open, body: { n: 100 }, expect: a }\n"
                         "  - { source: open, body: 'no json', event: x.y, expect: [b] }\n"
                         "  - { source: open, body: { type: y.x }, expect: [] }\n")
    assert run("check", "-c", good) == (0, "ok: 1 sources, 2 destinations, 2 routes, 3 tests passed\n", "")
    code, text, _ = run("check", "--print", "-c", good)
    printed = os.path.join(flow.folder, "printed.yaml")
    with open(printed, "w") as f:
        f.write(text)
    code, again, trouble = run("check", "--print", "-c", printed)
    assert code == 0 and again == text, trouble
    bad = written(flow, "tests:\n  - { name: small, source: open, body: { n: 99, type: x.y }, expect: [a] }\n")
    code, text, trouble = run("check", "-c", bad)
    assert code == 1 and text == "", text
    assert 'rules.yaml:7:' in trouble and 'error: test "small": "a" does not get it' in trouble, trouble
    assert '"great" (%s:4) does not take it: body.n: $gte: 100; it is 99' % bad in trouble, trouble
    assert 'test "small": "b" gets it, too' in trouble and '"typed" (%s:5) takes it' % bad in trouble, trouble
    assert trouble.endswith("1 of 1 tests failed\n"), trouble


def route_says_where_an_event_would_go(flow):
    path = written(flow)
    body = os.path.join(flow.folder, "body")
    with open(body, "w") as f:
        f.write('{"n": 5, "type": "x.y"}')
    ask = lambda *more, **said: run("route", "-c", path, "--source", "open", *more, **said)
    assert ask("--body", "@" + body) == (0, "b\n", "")
    assert ask("--body", "@-", said='{"n":100}') == (0, "a\n", "")
    assert ask() == (0, "nobody\n", "")
    code, text, trouble = ask("--body", "@" + body, "--explain")
    assert code == 0 and "body.n: $gte: 100; it is 5" in text and text.endswith("-> b\n"), text
    code, text, _ = ask("--body", "@" + body, "--explain", "--json")
    said = json.loads(text)
    assert said["destinations"] == ["b"] and [r["takes"] for r in said["routes"]] == [False, True], said
    assert said["routes"][0]["decided_by"] == "when" and said["event"] == "x.y"
    assert ask("--body", "@" + body, "--expect", "b")[0] == 0
    assert ask("--expect", "none")[0] == 0
    code, _, trouble = ask("--body", "@" + body, "--expect", "a")
    assert code == 1 and "b gets it, too" in trouble and "a does not get it" in trouble
    code, _, trouble = ask("--body", "no json", "--event", "x.z", "--expect", "b")
    assert code == 0 and "no JSON" in trouble
    for more in (("--expect", "c"), ("--header", "no colon"), ("--body", "@/no/such/file"), ("extra",)):
        assert ask(*more)[0] == 2, more
    assert run("route", "-c", path, "--source", "other")[0] == 2
    assert run("route", "-c", path)[0] == 2
