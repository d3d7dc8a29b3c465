"""What happens while the disk stands in for Redis."""
import time

from harness import wait_for
from room import COMMITTED_AFTER

SPOOL = "spool: { size: 256MiB }"


def _begin(room, **more):
    node = room.begin(more=SPOOL, **more)
    room.some_time(1, 2)
    return node


def _wait_for_drain(node):
    wait_for(lambda: node.metric("penstock_redis_up") == 1 and node.metric("penstock_spool_bytes") == 0,
             "the spool to be empty")


def redis_is_away_and_the_spool_takes_over(room):
    """kill -9 of Redis for 5 s: the events are accepted all the same, and delivered when it is back."""
    node = _begin(room)
    room.store.kill()
    wait_for(lambda: node.metric("penstock_spool_bytes") > 0, "the spool to be used")
    room.more(500)
    room.while_load_runs(2)
    room.healed()
    room.store.start()
    _wait_for_drain(node)
    room.more(100)


def node_is_killed_while_it_spools(room):
    """kill -9 while Redis is away, twice: the next life finds the segments."""
    node = _begin(room)
    with room.may_repeat():
        room.store.kill()
        wait_for(lambda: node.metric("penstock_spool_bytes") > 0, "the spool to be used")
        room.more(200)
        node.kill()
        room.some_time(0.2, 0.3)
    room.store.start()
    room.restart(node)
    _wait_for_drain(node)
    room.more(100)
    room.healed()


def node_is_killed_while_its_spool_drains(room):
    """kill -9 in the middle of the drain, three times, and Redis once more."""
    node = _begin(room, rate=500)
    away = time.monotonic()
    room.store.kill()
    wait_for(lambda: node.metric("penstock_spool_bytes") > 0, "the spool to be used")
    room.more(1500)
    room.store.start()
    for _ in range(3):
        room.some_time(0.05, 0.5)
        # What was done when Redis went away is committed only when the node has seen it come back.
        with room.may_repeat(before=time.monotonic() - away + COMMITTED_AFTER):
            node.kill()
            room.some_time(0.2, 0.3)
        room.restart(node)
    room.store.kill()
    room.some_time(0.2, 1)
    room.store.start()
    room.healed()
    _wait_for_drain(node)
    room.more(100)


def redis_comes_and_goes_beside_a_spool(room):
    """kill -9 of Redis eight times; it is back for a moment only."""
    node = _begin(room)
    for _ in range(8):
        room.some_time(0.1, 1)
        room.store.kill()
        room.some_time(0.1, 1)
        room.store.start()
    room.healed()
    _wait_for_drain(node)
    room.more(100)
