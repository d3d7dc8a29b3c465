"""What happens while the disk stands in for Redis."""
import os
import resource
import signal
import time

from harness import wait_for
from room import COMMITTED_AFTER, Broken

SPOOL = "spool: { size: 256MiB }"


def _begin(room, **more):
    node = room.begin(more=SPOOL, **more)
    room.some_time(1, 2)
    return node


def _wait_for_drain(node):
    wait_for(lambda: node.metric("penstock_redis_up") == 1 and node.metric("penstock_spool_bytes") == 0,
             "the spool to be empty")


def _nobody_is_refused(room):
    """Neither while Redis is away, nor when it comes back, nor who was in flight as it went."""
    if room.load.refused or room.load.unknown:
        raise Broken("%d were refused beside a spool, %d had no answer" % (len(room.load.refused), len(room.load.unknown)))


def redis_is_away_and_the_spool_takes_over(room):
    """kill -9 of Redis for 5 s: everybody is accepted all the same, who was in flight too, and delivered when it is back."""
    node = _begin(room)
    room.store.kill()
    wait_for(lambda: node.metric("penstock_spool_bytes") > 0, "the spool to be used")
    room.more(500)
    room.while_load_runs(2)
    room.healed()
    room.store.start()
    _wait_for_drain(node)
    room.more(100)
    _nobody_is_refused(room)


def disk_of_the_spool_is_full(room):
    """Redis is away and no file of the node may grow: refused honestly, taken again when there is room."""
    node = _begin(room)
    room.store.kill()
    wait_for(lambda: node.metric("penstock_spool_bytes") > 0, "the spool to be used")
    room.more(200)
    soft, hard = resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE)
    folder = os.path.join(node.folder, "data/spool")
    sizes = [os.path.getsize(os.path.join(path, f)) for path, _, files in os.walk(folder) for f in files]
    so_far = len(room.load.refused)
    room.loud = ["the spool cannot be written"]
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (max(sizes) + room.random.randrange(1, 5000), hard))
    wait_for(lambda: len(room.load.refused) >= so_far + 100, "senders to be refused")
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (soft, hard))
    room.more(300)
    room.healed()
    room.store.start()
    _wait_for_drain(node)
    room.more(100)


def redis_is_frozen_beside_a_spool(room):
    """SIGSTOP for 6 s: nobody is refused, not even who was sent before it was noticed."""
    node = _begin(room)
    room.store.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: node.metric("penstock_spool_bytes") > 0, "the spool to be used")
    room.while_load_runs(4)
    room.store.process.send_signal(signal.SIGCONT)
    room.healed()
    _wait_for_drain(node)
    room.more(100)
    _nobody_is_refused(room)


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
    _nobody_is_refused(room)
