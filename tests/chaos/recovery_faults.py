"""What happens while a node reads back thousands of entries that an earlier life of it has left unsettled."""
import signal

from proxy import Proxy


def _backlog(room, nodes=1, more_than=3000, answers=None):
    """A node was killed when `a` had answered nothing: its next life has begun to adopt. A proxy lies before Redis,
    and slows it down, so that recovery takes a while. `answers`: of `a`, later."""
    now = [lambda request, before: {"hang": True}]
    room.redis()
    proxy = Proxy(room.store.port)
    room.flow.parts.append(proxy.close)
    room.sink("a", lambda request, before: now[0](request, before))
    room.sink("b")
    options = {"workers": 1, "destination_more": ", timeout: 60s, breaker: { open_after: 0 }"}
    node = room.node(port=proxy.port, **options)
    room.begin(1, rate=800, warm=more_than)
    with room.may_repeat():
        node.kill()
        room.some_time(0.2, 0.3)
    now[0] = answers or (lambda request, before: {})
    for _ in range(nodes - 1):
        room.node(start=False, **options)
    proxy.slow(0.02, "down")
    here = room.here(node)
    room.restart(node)
    room.wait_said(node, "adopting a journal", here)
    return node, proxy


def answers_of_redis_are_lost_while_a_node_recovers(room):
    """Every few pages what it has committed is not answered."""
    _, proxy = _backlog(room)
    for _ in range(12):
        room.some_time(0.05, 0.3)
        proxy.lose("down")
        room.some_time(0.02, 0.1)
        proxy.heal()
        proxy.slow(0.02, "down")
        proxy.cut()
    proxy.heal()
    room.healed()
    room.more(100)


def redis_is_killed_while_a_node_recovers(room):
    """kill -9 four times, while half of the attempts fail too."""
    _, proxy = _backlog(room, answers=lambda request, before: {"status": 503} if before % 2 else {})
    for _ in range(4):
        room.some_time(0.05, 0.4)
        room.store.kill()
        room.some_time(0, 0.3)
        room.store.start()
        room.more(20)
    proxy.heal()
    room.healed()
    room.more(100)


def redis_is_out_of_memory_while_a_node_recovers(room):
    """Bodies cannot be parked: by reference, or later."""
    slow = [True]
    _, proxy = _backlog(room, answers=lambda request, before: {"delay": 1} if slow[0] else {})
    for _ in range(5):
        room.command("CONFIG", "SET", "maxmemory", room.store.memory() + room.random.randrange(0, 60000))
        room.some_time(0.1, 0.5)
        room.command("CONFIG", "SET", "maxmemory", 0)
        room.some_time(0.1, 0.3)
    slow[0] = False
    proxy.heal()
    room.healed()
    room.more(100)


def redis_stutters_while_a_node_recovers(room):
    """Frozen for 0.5-5 s again and again: deadlines pass, the lease lapses, answers come late."""
    _, proxy = _backlog(room)
    for _ in range(4):
        room.some_time(0.05, 0.3)
        room.store.process.send_signal(signal.SIGSTOP)
        room.some_time(0.5, 5)
        room.store.process.send_signal(signal.SIGCONT)
    proxy.heal()
    room.healed()
    room.more(100)


def node_is_frozen_while_it_recovers(room):
    """Alone, for longer than its lease: it goes on where it was."""
    node, proxy = _backlog(room)
    room.slow_answers = True
    room.some_time(0, 0.2)
    node.signal(signal.SIGSTOP)
    room.while_load_runs(6.5)
    node.signal(signal.SIGCONT)
    proxy.heal()
    room.healed()
    room.more(100)


def node_is_frozen_while_it_recovers_and_another_adopts(room):
    """The other one takes what it was reading, and what it had taken since."""
    node, proxy = _backlog(room, nodes=2)
    other = room.nodes[1]
    room.slow_answers = True
    room.some_time(0, 0.2)
    other.start()
    with room.may_repeat():
        node.signal(signal.SIGSTOP)
        room.wait_said(other, "journal is recovered")
        proxy.heal()
        node.signal(signal.SIGCONT)
        room.wait_said(node, "leaving a journal")
        room.some_time(0.5, 0.6)
    room.healed()
    room.more(100)
