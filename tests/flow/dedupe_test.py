"""A delivery that its sender makes again is one event: answered with the first one's id, delivered once."""
import threading

from harness import SECRET, sign_github, wait_for

SOURCE = ["github: { verify: github, secret: '%s', dedupe: %s }"]


def github(p, delivery, body=None):
    body = body or b'{"delivery":"%s"}' % delivery.encode()
    return p.post("/hooks/github", body, {**sign_github(body), "X-GitHub-Delivery": delivery})


def event_of(r):
    assert r.status == 200, (r.status, r.body)
    return r.getheader("penstock-event-id")


def a_delivery_that_comes_again_is_the_first_event(flow):
    sink = flow.sink()
    p = flow.penstock({"ci": sink}, flow.redis(), sources=[SOURCE[0] % (SECRET, "10m")])
    first, other = event_of(github(p, "one")), event_of(github(p, "two"))
    assert first != other
    assert event_of(github(p, "one")) == first and event_of(github(p, "two")) == other
    assert event_of(github(p, "one", b"another body")) == first
    event_of(github(p, "three"))
    assert {r.header("x-github-delivery") for r in sink.wait(3)} == {"one", "two", "three"}
    assert p.metric("penstock_events_duplicate_total") == 3
    wait_for(lambda: p.metric("penstock_lane_depth") == 0, "nothing to be left")
    assert len(sink.requests) == 3


def a_replay_with_another_delivery_id_is_the_first_event(flow):
    """GitHub does not sign its delivery id: what it signs tells a replay."""
    sink = flow.sink()
    p = flow.penstock({"ci": sink}, flow.redis(), sources=[SOURCE[0] % (SECRET, "{ window: 10m, key: signed }")])
    first = event_of(github(p, "one", b'{"a":1}'))
    assert event_of(github(p, "made-up", b'{"a":1}')) == first
    body = b'{"a":1}'
    shouted = {k: v.replace("sha256=", "").upper() for k, v in sign_github(body).items()}
    spelt = {k: "sha256=" + v for k, v in shouted.items()}
    assert event_of(p.post("/hooks/github", body, {**spelt, "X-GitHub-Delivery": "two"})) == first
    assert event_of(github(p, "one", b'{"a":2}')) != first
    sink.wait(2)
    assert p.metric("penstock_events_duplicate_total") == 2


def of_many_at_once_on_two_nodes_one_is_delivered(flow):
    sink, redis = flow.sink(), flow.redis()
    nodes = [flow.penstock({"ci": sink}, redis, sources=[SOURCE[0] % (SECRET, "10m")], name=n) for n in ("a", "b")]
    answers = [set() for _ in range(20)]

    def post(k):
        for i in range(20):
            answers[i].add(event_of(github(nodes[k % 2], "d%d" % i)))

    threads = [threading.Thread(target=post, args=(k,)) for k in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert all(len(a) == 1 for a in answers), answers
    sink.wait(20)
    for p in nodes:
        wait_for(lambda: p.metric("penstock_lane_depth") == 0, "nothing to be left")
    assert sorted(r.header("x-github-delivery") for r in sink.requests) == sorted("d%d" % i for i in range(20))


def a_delivery_is_new_again_when_its_window_has_passed(flow):
    sink = flow.sink()
    p = flow.penstock({"ci": sink}, flow.redis(), sources=[SOURCE[0] % (SECRET, "{ window: 3s, key: body./id }")])
    body = b'{"id":"x-1"}'
    first = event_of(p.post("/hooks/github", body, sign_github(body)))
    assert event_of(p.post("/hooks/github", body, sign_github(body))) == first
    wait_for(lambda: event_of(p.post("/hooks/github", body, sign_github(body))) != first, "the window to pass")
    sink.wait(2)


def a_crash_between_append_and_claim_delivers_one_event(flow):
    """The sender tries each delivery until it is acknowledged, across kills; all that arrives of it is one event."""
    sink, redis = flow.sink(), flow.redis()
    p = flow.penstock({"ci": sink}, redis, sources=[SOURCE[0] % (SECRET, "10m")])
    events, lock = {}, threading.Lock()
    running = True

    def post(k):
        i = 0
        while running:
            delivery = "%d-%d" % (k, i)
            try:
                r = github(p, delivery)
            except OSError:
                continue
            if r.status == 200:
                with lock:
                    events[delivery] = event_of(r)
                i += 1

    threads = [threading.Thread(target=post, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for _ in range(3):
        before = len(events)
        wait_for(lambda: len(events) > before + 100, "events to be accepted")
        p.kill()
        p.start()
    running = False
    for t in threads:
        t.join()
    wait_for(lambda: set(events) <= {r.header("x-github-delivery") for r in list(sink.requests)}, "all to arrive")
    wait_for(lambda: p.metric("penstock_lane_depth") == 0, "nothing to be left")
    arrived = {}
    for r in list(sink.requests):
        arrived.setdefault(r.header("x-github-delivery"), set()).add(r.header("webhook-id"))
    assert set(events) <= set(arrived)
    assert all(len(ids) == 1 for ids in arrived.values()), {d: i for d, i in arrived.items() if len(i) > 1}
    assert all(arrived[d] == {e} for d, e in events.items())


def what_was_spooled_is_compared_when_redis_is_back(flow):
    sink, redis = flow.sink(), flow.redis()
    p = flow.penstock({"ci": sink}, redis, sources=[SOURCE[0] % (SECRET, "10m")], more="spool: { size: 64MiB }")
    first = event_of(github(p, "before"))
    redis.kill()
    wait_for(lambda: p.text().count('"Redis is away"') >= 2, "both workers to see that Redis is away")
    spooled = [github(p, d) for d in ("before", "during", "during", "during")]
    assert all(r.status == 200 and r.getheader("penstock-durability") == "spool" for r in spooled), spooled
    redis.start()
    wait_for(lambda: p.admin("/readyz")[0] == 200 and p.metric("penstock_redis_up") == 1, "Redis to be used again")
    wait_for(lambda: {r.header("x-github-delivery") for r in list(sink.requests)} == {"before", "during"}, "both to come")
    wait_for(lambda: p.metric("penstock_spool_bytes") == 0 and p.metric("penstock_lane_depth") == 0, "the spool to end")
    assert event_of(github(p, "before")) == first
    assert event_of(github(p, "during")) in {event_of(r) for r in spooled[1:]}
    event_of(github(p, "after"))
    wait_for(lambda: len(sink.requests) >= 3, "the last one")
    assert sorted(r.header("x-github-delivery") for r in sink.requests) == ["after", "before", "during"]


def what_came_to_the_spool_after_its_window_is_an_event(flow):
    """By the times when they were received: one after the window, one within it, whenever Redis is back."""
    sink, redis = flow.sink(), flow.redis()
    p = flow.penstock({"a": sink}, redis, sources=["open: { verify: none, dedupe: { window: 3s, key: body./id } }"], workers=1,
                      more="spool: { size: 64MiB }")
    redis.kill()
    p.wait_log('"Redis is away"')
    received = lambda event: int(event[:8] + event[9:13], 16)
    post = lambda seq: event_of(p.post("/hooks/open", b'{"id":7,"seq":%d}' % seq))
    first = post(1)
    ids = [first]

    def late():
        ids.append(post(len(ids) + 1))
        return received(ids[-1]) - received(first) >= 3000

    wait_for(late, "the window to pass")
    redis.start()
    wait_for(lambda: p.metric("penstock_spool_bytes") == 0 and p.metric("penstock_redis_up") == 1, "the spool to end")
    wait_for(lambda: p.metric("penstock_lane_depth") == 0 and len(sink.requests) >= 2, "both to be delivered")
    assert sorted(r.header("webhook-id") for r in sink.requests) == sorted({first, ids[-1]}), ids


def of_three_in_any_order_the_first_two_are_one_event(flow):
    """What one node's spool brought first hides nothing that another's brings later: each is compared with all."""
    sink, redis = flow.sink(), flow.redis()
    sources = ["open: { verify: none, dedupe: { window: 3s, key: body./id } }"]
    nodes = [flow.penstock({"a": sink}, redis, sources=sources, workers=1, name=name,
                          more="spool: { size: 64MiB }") for name in ("one", "two")]
    redis.kill()
    for p in nodes:
        p.wait_log('"Redis is away"')
    received = lambda event: int(event[:8] + event[9:13], 16)
    post = lambda p: event_of(p.post("/hooks/open", b'{"id":7}'))
    first, second = post(nodes[0]), post(nodes[1])
    while received(last := post(nodes[1])) < received(second) + 3000:
        pass  # all of them are one event with the second, or with the first
    third = post(nodes[0])
    nodes[1].kill()
    redis.start()
    wait_for(lambda: {r.header("webhook-id") for r in list(sink.requests)} == {first, third}, "both of the first node")
    redis.cli("PERSIST", redis.cli("--scan", "--pattern", "*:ids"))  # as if the other came at once
    nodes[1].start()
    wait_for(lambda: nodes[1].metric("penstock_spool_bytes") == 0 and nodes[1].metric("penstock_redis_up") == 1, "its spool to end")
    wait_for(lambda: nodes[1].metric("penstock_lane_depth") == 0, "nothing to be left")
    assert sorted(r.header("webhook-id") for r in sink.requests) == sorted([first, third]), (first, second, last, third)


def what_was_answered_as_an_event_stays_one_when_the_window_shrinks(flow):
    """Two that a short window told apart: a long one, by which the first had come, makes them no duplicates."""
    sink, redis = flow.sink(lambda r, before: {"hang": True}), flow.redis()
    p = flow.penstock({"ci": sink}, redis, sources=[SOURCE[0] % (SECRET, "10m")], workers=1)
    first = event_of(github(p, "one"))
    p.kill()
    with open(p.config) as f:
        text = f.read()
    with open(p.config, "w") as f:
        f.write(text.replace("dedupe: 10m", "dedupe: 1s"))
    p.start()
    events = {first}

    def comes():
        events.add(event_of(github(p, "one")))
        return len(events) == 2

    wait_for(comes, "the short window to pass")
    sink.wait(2)
    p.kill()
    with open(p.config, "w") as f:
        f.write(text)
    sink.answers = lambda r, before: {}
    before = len(sink.requests)
    p.start()
    wait_for(lambda: {r.header("webhook-id") for r in list(sink.requests)[before:]} == events, "both events to be delivered")


def a_redis_that_forgot_the_scripts_is_asked_again(flow):
    """Nothing is delivered twice for it, and no claim is left waiting."""
    sink, redis = flow.sink(), flow.redis()
    p = flow.penstock({"ci": sink}, redis, sources=[SOURCE[0] % (SECRET, "10m")], workers=1)
    first = event_of(github(p, "one"))

    def comes(delivery):
        redis.cli("SCRIPT", "FLUSH")
        said = []
        wait_for(lambda: said.append(github(p, delivery)) or said[-1].status == 200, "it to be taken")  # 503: a commit met it first
        return event_of(said[-1])

    assert comes("one") == first
    second = comes("two")
    wait_for(lambda: {r.header("webhook-id") for r in list(sink.requests)} == {first, second}, "both to be delivered")
    wait_for(lambda: p.metric("penstock_lane_depth") == 0, "nothing to be left")
    assert len(sink.requests) == 2


def a_delivery_is_claimed_although_redis_is_at_its_maxmemory(flow):
    """What is in the stream must be decided: its claim is written at the limit too, and kept."""
    redis, sink = flow.redis(), flow.sink(lambda r, before: {"hang": True})
    p = flow.penstock({"ci": sink}, redis, sources=[SOURCE[0] % (SECRET, "10m")], workers=1)
    first = event_of(github(p, "one"))
    sink.wait(1)
    p.kill()
    ids = redis.cli("--scan", "--pattern", "*:ids")
    assert redis.cli("GET", ids) == first + ":600000"
    redis.cli("DEL", ids)  # as after a crash between append and claim
    redis.cli("CONFIG", "SET", "maxmemory", "1")
    sink.answers = lambda r, before: {}
    p.start(ready=False)
    wait_for(lambda: redis.cli("GET", ids) == first + ":600000", "recovery to claim it")
    sink.wait(2)
    redis.cli("CONFIG", "SET", "maxmemory", "0")
    wait_for(p._look_ready, "it to be ready")
    assert event_of(github(p, "one")) == first
