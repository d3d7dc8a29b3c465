"""What destinations do: slow, down, flapping, resetting, dripping, hanging, lying. The other one notices nothing."""
from harness import wait_for

OTHER_WITHIN = 1.0  # s from acceptance to the healthy destination, for most


def _begin(room, answers, **more):
    room.sink("bad", answers)
    room.sink("good")
    return room.begin(**more)


def _good_was_unharmed(room):
    """The middle delay of `good` while the other one misbehaves."""
    good, accepted = room.sinks["good"], room.load.accepted
    delays = sorted(times[0][0] - accepted[n] for n, times in list(good.taken.items()) if n in accepted)
    middle = delays[len(delays) // 2]
    room.note("good took them after %.0f ms" % (1000 * max(middle, 0)))
    if middle > OTHER_WITHIN:
        raise AssertionError("the healthy destination waited for the other one: %.1f s" % middle)


def _misbehaves(room, answer, seconds, more, **load):
    """`bad` answers so for that long, then as it should."""
    bad = [True]
    _begin(room, lambda request, before: answer(before) if bad[0] else {}, destination_more=more, **load)
    room.while_load_runs(seconds)
    _good_was_unharmed(room)
    bad[0] = False
    room.healed()
    room.more(100)


def destination_is_slow(room):
    """2 s an answer: its lane fills, parks, drains later."""
    _misbehaves(room, lambda before: {"delay": 2}, 8,
                ", timeout: 5s, breaker: { open_after: 20, probe_every: 1s }", rate=200)


def destination_is_down_for_the_whole_run(room):
    """It comes back when all the rest is over."""
    _begin(room, lambda request, before: {})
    room.sinks["bad"].down()
    room.while_load_runs(10)
    _good_was_unharmed(room)
    room.sinks["bad"].up()
    room.healed()
    room.more(100)


def destination_flaps(room):
    """Down and up again every half second."""
    _begin(room, lambda request, before: {})
    for _ in range(8):
        room.some_time(0.2, 0.8)
        with room.may_repeat(before=0.1):  # an answer that its reset has overtaken
            room.sinks["bad"].down()
        room.some_time(0.2, 0.8)
        room.sinks["bad"].up()
    room.healed()
    room.more(100)


def one_destination_flaps_and_the_node_is_killed(room):
    """Every third attempt fails, so much is parked; kill -9 three times."""
    node = _begin(room, lambda request, before: {"status": 503} if before % 3 == 0 else {},
                  destination_more=", timeout: 5s, breaker: { open_after: 0 }")
    for _ in range(3):
        room.some_time(1, 2)
        with room.may_repeat():
            node.kill()
            room.some_time(0.2, 0.3)
        room.restart(node)
    room.healed()
    room.more(200)


def destination_resets(room):
    """Half of its requests end in a reset."""
    _misbehaves(room, lambda before: {"reset": True} if before % 2 else {}, 5,
                ", timeout: 5s, breaker: { open_after: 0 }")


def destination_drips(room):
    """Its answer comes a byte every half second: the attempt's deadline counts."""
    _misbehaves(room, lambda before: {"drip": 0.5}, 6,
                ", timeout: 2s, breaker: { open_after: 20, probe_every: 1s }", rate=100)


def destination_hangs(room):
    """It reads and never answers."""
    _misbehaves(room, lambda before: {"hang": True}, 6,
                ", timeout: 2s, breaker: { open_after: 20, probe_every: 1s }", rate=100)


def destination_lies(room):
    """2xx heads that are cut off, a wrong length, garbage, a closed connection: none of them is a success."""
    lies = [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", b"HTTP/1.1 200 OK\r\nContent-Len", b"", b"garbage\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", b"HTTP/1.1 100 Continue\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde"]
    _misbehaves(room, lambda before: {"raw": lies[before % len(lies)]} if before % 8 else {}, 5,
                ", timeout: 5s, breaker: { open_after: 0 }")


def destination_closes_after_each_answer(room):
    """Without saying so: a reused connection may be dead."""
    _begin(room, lambda request, before: {"raw": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "whole": True})
    room.while_load_runs(5)
    _good_was_unharmed(room)
    room.healed()
    room.more(100)


def name_of_a_destination_does_not_resolve(room):
    """All of its events wait; then the configuration is corrected and the node started again."""
    room.sink("bad")
    room.sink("good")
    wrong = {"bad": "http://nowhere.invalid/bad", "good": room.sinks["good"]}
    node = room.node(destinations=wrong)
    room.begin()
    room.while_load_runs(5)
    _good_was_unharmed(room)
    with open(node.config) as f:
        text = f.read()
    with open(node.config, "w") as f:
        f.write(text.replace("http://nowhere.invalid/bad", "http://127.0.0.1:%d/bad" % room.sinks["bad"].port))
    node.process.terminate()
    node.wait()
    room.healed()
    room.restart(node)
    room.more(100)
    wait_for(lambda: not room.lost(), "all of them to arrive")
