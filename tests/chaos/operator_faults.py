"""What operators and senders do while the rest goes wrong: pause, drop, replay, send again, come and go."""
import signal

from harness import SECRET, wait_for
from room import Broken, Load


def _ask(node, path, method="POST"):
    """A call to its admin API; None when nobody answers, or it says no."""
    try:
        return node.api("/api/v1" + path, method)
    except OSError:
        return None


def senders_try_again_beside_dedupe(room):
    """Every event is sent once more, to another node, while both are killed in turn: it is delivered once."""
    source = "stripe: { verify: stripe, secret: '%s', dedupe: { window: 30s, key: body./seq } }"
    nodes = room.begin(2, rate=200, sources=[source % SECRET])
    again = Load([nodes[1].port, nodes[0].port], 200 * room.scale, 50)
    try:
        for node in nodes * 2:
            room.some_time(0.5, 1.5)
            with room.may_repeat():
                node.kill()
                room.some_time(0.2, 0.8)
            room.restart(node)
            again.ports = room.load.ports
            room.more(100)
    finally:
        again.stop()
    room.healed()
    for n, at in again.accepted.items():  # whoever was told so, at the first time or the second
        room.load.accepted.setdefault(n, at)
    if set(again.said) - {200, 503, "broken connection", "no answer in time"}:
        raise Broken("those that were sent again were told %s" % again.said)
    room.note("%d were sent again, %d of them answered 200" % (len(again.sent_at), len(again.accepted)))


def destination_is_paused_while_its_node_is_killed(room):
    """What is for it is parked; kill -9, a start that must know it, a second kill after resume."""
    node = room.begin()
    room.some_time(0.5, 1)
    assert _ask(node, "/destinations/a/pause")
    for _ in range(2):
        room.some_time(0.5, 1)
        with room.may_repeat():
            node.kill()
            room.some_time(0.2, 0.5)
        before = room.sinks["a"].tries
        room.restart(node)
        room.more(150)
        assert room.sinks["a"].tries == before, "a pause outlives its node"
    assert _ask(node, "/destinations/a/resume")
    room.some_time(0.1, 0.3)
    with room.may_repeat():
        node.kill()
        room.some_time(0.2, 0.5)
    room.healed()
    room.restart(node)
    room.more(150)


def dead_letters_are_replayed_while_nodes_are_killed(room):
    """A destination refuses for a while; its dead letters are replayed, each several times, and their owners die meanwhile."""
    broken = [True]
    room.sink("a", lambda request, before: {"status": 410} if broken[0] and before % 3 == 0 else {})
    room.sink("b")
    first, second = nodes = room.begin(2)
    room.more(600)
    broken[0] = False

    def replay(node):
        """All that it lists; what it cannot now is tried again later. How many there were."""
        page = _ask(node, "/dead?limit=200", "GET")
        for letter in page["dead"] if page else ():
            _ask(node, "/dead/%s/replay?destination=a" % letter["id"])
        return len(page["dead"]) if page else None
    assert replay(first)
    for node in nodes:
        with room.may_repeat():
            node.kill()
            room.some_time(0.2, 0.8)
        replay(second if node is first else first)
        room.restart(node)
        room.more(100)
    room.healed()
    wait_for(lambda: not room.keys("penstock:*:requests"), "what was asked for to be carried out")
    wait_for(lambda: replay(first) == 0, "no dead letter to be left")


def nodes_come_and_go_in_any_order(room):
    """Three nodes, twelve times one of them: killed, stopped, frozen for up to 16 s, started; one is always there."""
    nodes = room.begin(3, workers=1)
    room.slow_answers = True
    done = []
    for _ in range(12):
        room.some_time(0.2, 1.5)
        node = room.random.choice(nodes)
        if node not in room.alive():
            room.restart(node)
            done.append("start")
            continue
        what = room.random.choice(["kill", "stop", "freeze"])
        if what != "freeze" and len(room.alive()) == 1:
            what = "freeze"
        done.append(what)
        if what == "stop":
            room.load.ports = [p.port for p in room.alive() if p is not node]
            node.signal(signal.SIGTERM)
            assert node.wait() == 0
            continue
        with room.may_repeat():
            if what == "kill":
                node.kill()
                room.load.ports = [p.port for p in room.alive()]
                room.some_time(0.2, 0.3)
            else:
                node.signal(signal.SIGSTOP)
                room.some_time(0.5, 16)  # from ten seconds on another one adopts
                node.signal(signal.SIGCONT)
                room.some_time(2.5, 2.6)  # its next renewal tells it
    for node in nodes:
        if node not in room.alive():
            room.restart(node)
    room.healed()
    room.more(300)
    room.note(", ".join(done))
