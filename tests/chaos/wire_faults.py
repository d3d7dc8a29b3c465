"""What happens between Penstock and Redis: a proxy of ours loses, delays, holds and cuts."""
from proxy import Proxy


def _begin(room, nodes=1, rate=300, senders=100, **more):
    """The first node reaches Redis through the proxy, the others do not need it."""
    room.redis()
    proxy = Proxy(room.store.port)
    room.flow.parts.append(proxy.close)
    room.node(port=proxy.port, **more)
    room.begin(nodes, rate, senders=senders, **more)
    return proxy


def connections_to_redis_are_cut(room):
    """Reset at random moments, twelve times."""
    proxy = _begin(room)
    for _ in range(12):
        room.some_time(0.2, 0.8)
        proxy.cut()
    room.healed()
    room.more(200)


def answers_of_redis_are_lost(room):
    """What was sent is carried out, its answers never come; then the connection dies. Eight times."""
    proxy = _begin(room)
    for _ in range(8):
        room.some_time(0.3, 0.8)
        proxy.lose("down")
        room.some_time(0.05, 0.4)
        proxy.heal()
        proxy.cut()
    room.healed()
    room.more(200)


def answers_of_redis_are_lost_and_the_node_is_killed(room):
    """Nobody knows what was written: neither the sender nor the next life."""
    proxy = _begin(room)
    for _ in range(3):
        room.some_time(0.5, 1)
        with room.may_repeat():
            proxy.lose("down")
            room.some_time(0.05, 0.4)
            room.nodes[0].kill()
            room.some_time(0.2, 0.3)
        proxy.heal()
        room.restart(room.nodes[0])
        room.more(50)
    room.healed()
    room.more(200)


def redis_is_far_away(room):
    """100 ms each way, and for a while 700 ms."""
    proxy = _begin(room, rate=200)
    proxy.slow(0.1, "up", "down")
    room.while_load_runs(4)
    proxy.slow(0.7, "up", "down")
    room.while_load_runs(4)
    proxy.slow(0.1, "up", "down")
    room.while_load_runs(2)
    proxy.heal()
    room.healed()
    room.more(200)


def _holds(room, direction):
    proxy = _begin(room)
    room.some_time(0.5, 1)
    proxy.hold(direction)
    room.while_load_runs(8)
    proxy.heal()
    room.healed()
    room.more(200)


def nothing_reaches_redis(room):
    """A partition of one direction for 8 s; what was held arrives late, from connections that are long given up."""
    _holds(room, "up")


def nothing_comes_back_from_redis(room):
    """The other direction, for 8 s."""
    _holds(room, "down")


def appends_arrive_after_an_adopter_has_sealed(room):
    """One of two nodes is cut off, its last bytes are held; the other adopts; then they arrive."""
    proxy = _begin(room, 2)
    first, second = room.nodes
    room.some_time(0.5, 1)
    with room.may_repeat():
        proxy.hold("up", "down")
        room.wait_said(second, "adopting a journal")
        room.some_time(0, 1)
        proxy.heal()
        room.healed()
        room.wait_said(first, "leaving a journal")
        room.some_time(0.5, 0.6)
    room.more(200)


def connections_are_half_open(room):
    """They stay open and carry nothing, new ones too, for 6 s."""
    proxy = _begin(room)
    room.some_time(0.5, 1)
    proxy.lose("up", "down")
    room.while_load_runs(6)
    proxy.heal()
    room.healed()
    room.more(200)


def redis_cannot_be_reached(room):
    """Every connection is reset at once, for 6 s."""
    proxy = _begin(room)
    room.some_time(0.5, 1)
    proxy.refuse()
    proxy.cut()
    room.while_load_runs(6)
    proxy.heal()
    room.healed()
    room.more(200)


def bytes_trickle(room):
    """At most 100 bytes at once, in both directions, for 6 s."""
    proxy = _begin(room, rate=30, senders=10)
    proxy.drip(100)
    room.while_load_runs(6)
    proxy.heal()
    room.healed()
    room.more(50)


def network_is_bad(room):
    """Cuts, lost answers, delays and short partitions in random order, for 15 s, with two nodes behind it."""
    room.redis()
    proxy = Proxy(room.store.port)
    room.flow.parts.append(proxy.close)
    room.node(port=proxy.port, workers=1)
    room.node(port=proxy.port, workers=1)
    room.begin(2)
    acts = [proxy.cut, lambda: proxy.lose("down"), lambda: proxy.hold("up"), lambda: proxy.hold("down"),
            lambda: proxy.slow(0.2, "up"), lambda: proxy.drip(200)]
    for _ in range(15):
        room.random.choice(acts)()
        room.some_time(0.1, 0.9)
        proxy.heal()
        if room.random.random() < 0.5:
            proxy.cut()
        room.some_time(0.1, 0.9)
    room.healed()
    room.more(200)
