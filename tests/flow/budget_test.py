"""What may be kept in Redis: each destination its share, all of it a limit, and room is made in time."""
import json

from harness import SECRET, Sink, wait_for

SOURCES = ["stripe: { verify: stripe, secret: '%s' }" % SECRET, "other: { verify: stripe, secret: '%s' }" % SECRET]
BODY = 40000


def post(p, i, path="/hooks/stripe"):
    return p.stripe(b'{"i":%06d,"x":"' % i + b"x" * BODY + b'"}', path=path)


def number(request):
    return int(request.body[5:11])


def fill(p, first, most, path="/hooks/stripe"):
    """Posts until it is refused for the budget; the numbers that were taken."""
    taken = []
    for i in range(first, first + most):
        r = post(p, i, path)
        if r.status == 503:
            assert json.loads(r.body) == {"error": "over_budget"} and r.getheader("Retry-After"), r.body
            return taken
        assert r.status == 200, (r.status, r.body)
        taken.append(i)
    raise AssertionError("%d events were taken, and no limit met" % most)


def a_full_buffer_refuses_only_its_own_events(flow):
    sick, well = flow.sink(lambda r, n: {"status": 503}), flow.sink()
    p = flow.penstock({"sick": sick, "well": well}, flow.redis(), sources=SOURCES, retention="{ max_memory: 64MiB }",
                      destination_more=", buffer: 1MiB, breaker: { open_after: 0 }",
                      routes=["{ from: stripe, to: [sick] }", "{ from: other, to: [well] }"])
    taken = fill(p, 0, 400)
    assert len(taken) >= 15, taken
    p.wait_log("the buffer of destination sick is full")
    for i in range(1000, 1040):  # three megabytes for the other one: none of its business
        assert post(p, i, "/hooks/other").status == 200
    well.wait(40)
    sick.answers = lambda r, n: {"status": 200}
    wait_for(lambda: post(p, 5000).status == 200, "the buffer to have room again")
    wait_for(lambda: {number(r) for r in list(sick.requests)} >= set(taken + [5000]), "all that was taken to arrive")
    wait_for(lambda: p.metric("penstock_destination_redis_bytes") == 0, "nothing to be held")


def senders_get_503_at_max_memory_until_there_is_room(flow):
    sink, redis = flow.sink(lambda r, n: {"status": 503}), flow.redis()
    nodes = [flow.penstock({"sick": sink}, redis, retention="{ max_memory: 4MiB }", name=name,
                           destination_more=", buffer: 1GiB, breaker: { open_after: 0 }") for name in ("a", "b")]
    taken = fill(nodes[0], 0, 400)
    assert 50 <= len(taken) <= 250, len(taken)
    wait_for(lambda: post(nodes[1], 3000).status == 503, "the other node to know")
    sink.answers = lambda r, n: {"status": 200}
    for k, p in enumerate(nodes):
        wait_for(lambda: post(p, 5000 + k).status == 200, "it to take events again")
    wait_for(lambda: {number(r) for r in list(sink.requests)} >= set(taken + [5000, 5001]), "all to arrive")


def history_goes_before_a_sender_is_refused(flow):
    sink = flow.sink()
    p = flow.penstock({"well": sink}, flow.redis(), retention="{ max_memory: 16MiB, history: 24h }", workers=1)
    for i in range(1200):  # three times what may be kept
        assert post(p, i).status == 200, i
    sink.wait(1200)
    assert p.metric("penstock_redis_bytes") < 16 << 20


def dead_letters_keep_their_share(flow):
    sink = flow.sink(lambda r, n: {"status": 400})
    p = flow.penstock({"sick": sink}, flow.redis(), retention="{ max_memory: 64MiB, dead_bytes: 2MiB }")
    for i in range(150):
        assert post(p, i).status == 200
    p.wait_log("dead letters take more than retention.dead_bytes")
    wait_for(lambda: 0 < p.metric("penstock_redis_dead_letter_bytes") <= 2 << 20, "their share to be kept")
    p.wait_log("dead letters are within retention.dead_bytes again")
    left = {d["id"] for d in p.api("/api/v1/dead?limit=1000")["dead"]}
    assert 20 <= len(left) < 60, len(left)


def what_is_kept_is_known_after_a_restart(flow):
    sink = flow.sink(lambda r, n: {"status": 503})
    p = flow.penstock({"sick": sink}, retention="{ max_memory: 64MiB }", workers=1,
                      destination_more=", buffer: 1MiB, breaker: { open_after: 0 }")
    fill(p, 0, 400)
    held = p.metric("penstock_destination_redis_bytes")
    p.kill()
    p.start()
    wait_for(lambda: p.metric("penstock_destination_redis_bytes") >= held, "the bytes to be counted as before")
    assert post(p, 9999).status == 503
