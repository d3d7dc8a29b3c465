"""What happens to nodes: killed, frozen, stopped, out of descriptors, with a clock that jumps."""
import os
import resource
import signal
import socket
import subprocess

from harness import PENSTOCK, wait_for, wrong_clock
from room import Broken


def kill_9_of_a_node(room):
    """kill -9 at a random point; started again a moment later."""
    node = room.begin()
    room.some_time(1, 3)
    with room.may_repeat():
        node.kill()
        room.some_time(0.2, 1)
    room.healed()
    room.restart(node)
    room.more(300)


def node_is_killed_every_2_s(room):
    """A restart loop: kill -9 every 2 s for 20 s."""
    node = room.begin()
    for _ in range(10):
        room.some_time(1.5, 2.5)
        with room.may_repeat():
            node.kill()
            room.some_time(0.1, 0.3)
        room.restart(node)
    room.healed()
    room.more(300)


def kill_9_of_a_node_and_another_adopts(room):
    """The killed one does not come back."""
    first, second = room.begin(2)
    room.some_time(1, 3)
    with room.may_repeat():
        first.kill()
        room.some_time(0.2, 0.3)
    room.healed()
    room.wait_said(second, "adopting a journal")


def two_nodes_are_killed_and_a_third_adopts(room):
    """kill -9 of two of three at once."""
    first, second, third = room.begin(3, workers=1)
    room.some_time(1, 3)
    with room.may_repeat():
        first.kill()
        second.kill()
        room.some_time(0.2, 0.3)
    room.healed()
    room.wait_said(third, "adopting a journal")
    room.more(300)


def adopter_is_killed_while_it_adopts(room):
    """The first node is killed, then the second in the middle of adopting; a third is left."""
    room.sink("a")
    room.sink("b", lambda request, before: {"delay": 0.2})
    first, second, third = room.begin(3, rate=400, workers=1)
    room.some_time(1, 2)
    with room.may_repeat():
        first.kill()
        room.some_time(0.2, 0.3)
    wait_for(lambda: any("adopting a journal" in p.text() for p in (second, third)), "one of them to adopt")
    adopter, other = (second, third) if "adopting a journal" in second.text() else (third, second)
    with room.may_repeat(before=1):
        adopter.kill()
        room.some_time(0.3, 0.4)
    room.healed()
    room.wait_said(other, "adopting a journal")
    room.more(200)


def node_is_killed_while_it_recovers(room):
    """Killed, started, and killed again as soon as it has begun to read its former journals."""
    room.sink("a", lambda request, before: {"delay": 0.1})
    room.sink("b")
    node = room.begin(rate=500)
    room.some_time(1, 2)
    for _ in range(4):
        with room.may_repeat():
            node.kill()
            room.some_time(0.2, 0.3)
        here = room.here(node)
        with room.may_repeat(before=0):
            node.start(ready=False)
            wait_for(lambda: "adopting a journal" in node.text(here), "it to recover")
            room.some_time(0, 0.1)
            node.kill()
            room.some_time(0.2, 0.3)
        room.restart(node)
        room.more(100)
    room.healed()


def node_is_frozen_and_another_adopts(room):
    """SIGSTOP for longer than the lease; on wake-up the fence must hold."""
    first, second = room.begin(2)
    room.slow_answers = True
    room.some_time(1, 3)
    with room.may_repeat():
        first.signal(signal.SIGSTOP)
        room.wait_said(second, "adopting a journal")
        room.some_time(0, 2)
        first.signal(signal.SIGCONT)
        room.healed()
        room.wait_said(first, "leaving a journal")
        room.some_time(0.5, 0.6)
    room.more(300)


def node_is_frozen_alone(room):
    """SIGSTOP for 8 s, nobody else there: it resumes, nothing comes twice."""
    node = room.begin()
    room.slow_answers = True
    room.some_time(1, 2)
    node.signal(signal.SIGSTOP)
    room.while_load_runs(8)
    node.signal(signal.SIGCONT)
    room.healed()
    room.more(300)


def node_is_frozen_for_less_than_its_lease(room):
    """SIGSTOP for 2.5 s, twice, beside another node."""
    first, _ = room.begin(2)
    room.slow_answers = True
    for _ in range(2):
        room.some_time(1, 2)
        first.signal(signal.SIGSTOP)
        room.while_load_runs(2.5)
        first.signal(signal.SIGCONT)
    room.healed()
    room.more(300)


def node_stutters(room):
    """SIGSTOP for 0.2-1 s over and over, as on a machine that swaps."""
    node = room.begin()
    room.slow_answers = True
    for _ in range(10):
        room.some_time(0.1, 0.5)
        node.signal(signal.SIGSTOP)
        room.some_time(0.2, 1)
        node.signal(signal.SIGCONT)
    room.healed()
    room.more(300)


def node_is_stopped_and_started_under_load(room):
    """SIGTERM: what is running ends, nothing comes twice."""
    node = room.begin()
    for _ in range(3):
        room.some_time(1, 2)
        node.signal(signal.SIGTERM)
        if node.wait() != 0:
            raise Broken("SIGTERM ended it with %d" % node.process.returncode)
        room.restart(node)
        room.more(100)
    room.healed()


def planned_stop_hands_over_to_another(room):
    """SIGTERM of one of two: the other takes what is left without waiting for a lease."""
    room.sink("a")
    room.sink("b", lambda request, before: {"status": 503} if before % 3 else {})  # so that something is parked
    first, second = room.begin(2, destination_more=", timeout: 5s, breaker: { open_after: 0 }")
    room.some_time(1, 2)
    first.signal(signal.SIGTERM)
    if first.wait() != 0:
        raise Broken("SIGTERM ended it with %d" % first.process.returncode)
    room.load.ports = [second.port]
    room.healed()
    room.wait_said(second, "adopting a journal", seconds=5)
    room.more(200)


def rolling_restart_of_three(room):
    """Each is taken out of the load, stopped, started, put back: nobody is refused, nothing comes twice."""
    nodes = room.begin(3, workers=1)
    room.refuses_nothing = True
    room.some_time(1, 2)
    for node in nodes:
        room.load.ports = [p.port for p in nodes if p is not node]
        room.while_load_runs(0.5)  # what is on its way to it
        node.signal(signal.SIGTERM)
        if node.wait() != 0:
            raise Broken("SIGTERM ended it with %d" % node.process.returncode)
        room.restart(node)
        room.more(100)


def everything_is_stopped_and_started(room):
    """SIGTERM of two nodes, SHUTDOWN of Redis; then all of it again."""
    nodes = room.begin(2)
    room.some_time(1, 2)
    for node in nodes:
        node.signal(signal.SIGTERM)
    for node in nodes:
        node.wait()
    room.store.kill(signal.SIGTERM)
    room.store.start()
    for node in nodes:
        room.restart(node)
    room.healed()
    room.more(200)


def certificates_are_reloaded_under_load(room):
    """SIGHUP ten times: nobody is refused."""
    node = room.begin()
    room.refuses_nothing = True
    for _ in range(10):
        room.some_time(0.1, 0.5)
        node.signal(signal.SIGHUP)
    room.healed()
    room.more(200)
    if "configuration reloaded" not in node.text():
        raise Broken("SIGHUP did nothing")


def configuration_is_reloaded_500_times(room):
    """Other configurations, wrong ones and the first again: sources, destinations and routes come and go beside the load's."""
    node = room.node()
    with open(node.config) as f:
        text = f.read()
    more = text.replace("sources:", "sources:\n  more: { verify: github, secret: x }").replace(
        "destinations:", "destinations:\n  more: 'http://127.0.0.1:9/'").replace("routes:", "routes:\n  - { from: more, to: more }")
    moved = text.replace("/a\"", "/other\"")
    texts = [more, "routes: [", moved, text + "nonsense: 1\n", text]
    room.begin()
    room.refuses_nothing = True
    room.errors_expected = True  # the wrong ones are said
    memory = 0
    for n in range(500):
        with open(node.config + ".new", "w") as f:
            f.write(texts[n % 5])
        os.replace(node.config + ".new", node.config)
        r = subprocess.run([PENSTOCK, "reload", "--url", "http://127.0.0.1:%d" % node.admin_port], capture_output=True, text=True,
                           timeout=60)
        if r.returncode != (1 if n % 5 in (1, 3) else 0):
            raise Broken("reload %d ended with %d: %s" % (n, r.returncode, r.stderr))
        if n == 99:
            memory = _resident(node)
    grown = _resident(node) - memory
    room.note("%d KiB more than after the first 100" % (grown >> 10))
    if grown > 4 << 20:
        raise Broken("its memory grew by %d KiB in 400 reloads" % (grown >> 10))
    room.healed()
    room.more(200)


def _resident(node):
    with open("/proc/%d/statm" % node.process.pid) as f:
        return int(f.read().split()[1]) * 4096


def two_nodes_with_one_data_directory(room):
    """The second must say so and go; the first notices nothing."""
    node = room.node(embedded=True)
    room.begin()
    room.refuses_nothing = True
    for _ in range(3):
        second = subprocess.run([PENSTOCK, "run", "-c", node.config], capture_output=True, text=True, timeout=60)
        if second.returncode != 1 or "in use by another Penstock" not in second.stderr:
            raise Broken("the second ended with %d: %s" % (second.returncode, second.stderr[-300:]))
        room.more(100)


def node_is_out_of_descriptors(room):
    """RLIMIT_NOFILE 100 and 300 idle clients: the listener stays, deliveries go on; afterwards all is as before."""
    node = room.node(start=False)
    node.prefix = ["prlimit", "--nofile=100:100"]
    node.start()
    room.begin(rate=100, senders=10)
    idle = []
    for _ in range(300):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", node.port))
        idle.append(s)
    room.while_load_runs(5)
    for s in idle:
        s.close()
    room.healed()
    room.more(200)


def node_loses_its_descriptors_while_it_runs(room):
    """The limit falls below what is open: no new socket at all for 5 s, to senders, destinations or Redis."""
    room.sink("a", lambda request, before: {"headers": {"Connection": "close"}})
    room.sink("b")
    node = room.begin(rate=100, senders=10)
    soft, hard = resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, (10, hard))
    room.while_load_runs(2)
    room.client()("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    room.while_load_runs(3)
    resource.prlimit(node.process.pid, resource.RLIMIT_NOFILE, (soft, hard))
    room.healed()
    room.more(100)


def clock_of_a_node_jumps(room):
    """Its wall clock goes 200 s ahead, back, and 200 s behind (a signature is good for 300 s)."""
    folder = os.path.join(room.flow.folder, "clock")
    env, turn = wrong_clock(folder)
    node = room.node(start=False)
    node.env = env
    node.start()
    room.begin()
    for seconds in (200, 0, -200, 0):
        room.some_time(1, 1.5)
        turn(seconds)
    room.healed()
    room.more(200)


def clock_of_a_node_is_wrong_from_the_start(room):
    """200 s behind Redis, and retries are due by Redis' clock."""
    env, turn = wrong_clock(os.path.join(room.flow.folder, "clock"))
    turn(-200)
    room.sink("a", lambda request, before: {"status": 503} if before % 2 else {})
    room.sink("b")
    node = room.node(start=False, destination_more=", timeout: 5s, breaker: { open_after: 0 }")
    node.env = env
    node.start()
    room.begin()
    room.some_time(2, 3)
    with room.may_repeat():
        node.kill()
        room.some_time(0.2, 0.3)
    room.healed()
    room.restart(node)
    room.more(200)


def embedded_store_is_killed(room):
    """kill -9 of the redis-server that Penstock started for itself; it starts another."""
    room.loud = ["the embedded redis-server has ended"]
    node = room.node(embedded=True)
    room.begin()
    for _ in range(3):
        room.some_time(1, 2)
        os.kill(_redis_of(node), signal.SIGKILL)
        room.healed()
        room.more(100)


def embedded_store_outlives_its_node(room):
    """kill -9 of the node alone: the next one finds the store running and uses it."""
    room.loud = ["the embedded redis-server has ended"]
    node = room.node(embedded=True)
    room.begin()
    for _ in range(3):
        room.some_time(1, 2)
        with room.may_repeat():
            node.kill()
            room.some_time(0.1, 0.3)
        room.restart(node)
        room.healed()
        room.more(100)


def embedded_store_is_killed_with_its_node(room):
    """kill -9 of both."""
    room.loud = ["the embedded redis-server has ended"]
    node = room.node(embedded=True)
    room.begin()
    room.some_time(1, 2)
    store = _redis_of(node)
    with room.may_repeat():
        os.kill(store, signal.SIGKILL)
        node.kill()
        room.some_time(0.2, 0.3)
    room.healed()
    room.restart(node)
    room.more(100)


def _redis_of(node):
    """The pid of its redis-server: a child, or one that an earlier life of it has started."""
    out = subprocess.run(["redis-cli", "-s", os.path.join(node.folder, "data/redis/socket"), "INFO", "server"],
                         capture_output=True, text=True, check=True).stdout
    return int(next(line for line in out.splitlines() if line.startswith("process_id:")).split(":")[1])
