"""What happens to several Redis servers: a replica lags or goes, a master dies and another one follows it."""
import signal

from harness import Cluster, Sentinels, wait_for
from proxy import Proxy
from room import RECOVERED_WITHIN, Broken

LOST_TAIL = 3  # s: what the new master does not have of what was settled


def _with_replica(room, **more):
    """A master with one replica; a 2xx means that both have it. The node reaches the master through a proxy."""
    master = room.redis("--repl-diskless-sync-delay", "0")
    replica = room.flow.redis("--replicaof", "127.0.0.1 %d" % master.port)
    wait_for(lambda: replica.info("master_link_status") == "up", "the replica to be in sync")
    proxy = Proxy(master.port)
    room.flow.parts.append(proxy.close)
    room.base = max(master.memory(), replica.memory())
    room.node(port=proxy.port, durability="replica", **more)
    room.begin()
    return master, replica, proxy


def replica_is_frozen(room):
    """No 2xx without it: 503 for 4 s; what was kept is delivered all the same."""
    _, replica, _ = _with_replica(room)
    room.some_time(1, 2)
    replica.process.send_signal(signal.SIGSTOP)
    room.while_load_runs(1)  # what had been answered in time
    accepted = len(room.load.accepted)
    room.while_load_runs(3)
    if len(room.load.accepted) > accepted:
        raise Broken("accepted without the replica")
    replica.process.send_signal(signal.SIGCONT)
    room.healed()
    room.more(200)


def replica_is_restarted(room):
    """kill -9 of the replica; it comes back with its file and catches up."""
    _, replica, _ = _with_replica(room)
    room.some_time(1, 2)
    replica.kill()
    room.some_time(1, 2)
    replica.start()
    wait_for(lambda: replica.info("master_link_status") == "up", "the replica to be in sync")
    room.healed()
    room.more(200)


def replica_takes_over_from_a_dead_master(room):
    """kill -9 of the master, its file is gone too; the replica, which has all that was accepted, is promoted."""
    master, replica, proxy = _with_replica(room)
    room.loud = ["moving events to a new journal"]
    room.some_time(1, 2)
    with room.may_repeat(before=LOST_TAIL):
        master.kill()
        proxy.cut()
        replica.cli("REPLICAOF", "NO", "ONE")
        second = room.flow.redis("--replicaof", "127.0.0.1 %d" % replica.port)
        wait_for(lambda: second.info("master_link_status") == "up", "a new replica to be in sync")
        room.store, proxy.target = replica, replica.port
    room.healed()
    room.more(200)


def replica_that_was_detached_before_parks_takes_over(room):
    """Detached first, then things are parked on the master only, then it dies: the stream of the other has them still."""
    room.sink("a")
    room.sink("b", lambda request, before: {"delay": 0.3, "status": 503} if before % 2 else {"delay": 0.3})
    master, replica, proxy = _with_replica(room, destination_more=", timeout: 5s, breaker: { open_after: 0 }")
    room.loud = ["moving events to a new journal"]
    room.some_time(1, 2)
    with room.may_repeat(before=LOST_TAIL):
        replica.cli("REPLICAOF", "NO", "ONE")
        parked = room.nodes[0].metric("penstock_parked_total")
        wait_for(lambda: room.nodes[0].metric("penstock_parked_total") >= parked + 20, "parks that only the master has")
        room.some_time(0, 0.3)
        master.kill()
        proxy.cut()
        second = room.flow.redis("--replicaof", "127.0.0.1 %d" % replica.port)
        wait_for(lambda: second.info("master_link_status") == "up", "a new replica to be in sync")
        room.store, proxy.target = replica, replica.port
    room.healed()
    room.more(200)


def sentinels_fail_over_a_dead_master(room):
    """kill -9 of the master under Sentinel: what only it had may be missing in the new one, the node has it still."""
    sentinels = _sentinels(room)
    old = sentinels.master
    with room.may_repeat(before=LOST_TAIL):
        old.kill()
        _wait_for_another(room, sentinels, old)
    room.more(200)
    old.start()
    _wait_for_its_return(room, sentinels, old)


def sentinels_fail_over_a_frozen_master(room):
    """SIGSTOP of the master; it wakes up as one that is none any more."""
    sentinels = _sentinels(room)
    old = sentinels.master
    with room.may_repeat(before=LOST_TAIL):
        old.process.send_signal(signal.SIGSTOP)
        _wait_for_another(room, sentinels, old)
    room.more(100)
    old.process.send_signal(signal.SIGCONT)
    _wait_for_its_return(room, sentinels, old)


def sentinels_fail_over_while_a_node_is_killed(room):
    """The master and one of two nodes die in the same moment; a 2xx means that a replica has it."""
    sentinels = _sentinels(room, nodes=2, replicas=2, durability="replica")
    old = sentinels.master
    with room.may_repeat(before=LOST_TAIL):
        old.kill()
        room.nodes[0].kill()
        _wait_for_another(room, sentinels, old)
    room.more(200)
    old.start()
    _wait_for_its_return(room, sentinels, old)


def _sentinels(room, nodes=1, replicas=1, **more):
    sentinels = Sentinels(room.flow, replicas)
    room.store = sentinels.master
    room.base = max(s.memory() for s in sentinels.servers)
    room.loud = ["moving events to a new journal", "Redis cannot be used"]
    room.recovers_within = 8  # the sentinels' own time
    for _ in range(nodes):
        room.node(at=sentinels, **more)
    room.begin(nodes)
    room.some_time(1, 2)
    return sentinels


def _wait_for_another(room, sentinels, old):
    wait_for(lambda: sentinels.master is not old, "the sentinels to name another")
    room.store = sentinels.master


def _wait_for_its_return(room, sentinels, old):
    """On a busy machine the sentinels may have failed over once more: that master's tail is lost like the first one's."""
    replicas = len(sentinels.servers) - 1
    wait_for(lambda: old.process.poll() is None and sentinels.master.info("connected_slaves") == str(replicas),
             "the old master to be made a replica")
    if sentinels.master is not room.store:
        room.note("the sentinels failed over twice")
        room.store = sentinels.master
        with room.may_repeat(all_of_it=True):
            pass
    room.healed()


def master_of_a_cluster_dies(room):
    """kill -9 of one of three masters, its replica takes over; beside it, the others go on."""
    cluster = _cluster(room, replicas=1)
    room.spares = 2  # the journal there is resumed; the one that stood in for it stays
    _, dead = sorted(cluster.journals().items())[0]
    replica = cluster.replicas[cluster.masters.index(dead)]
    with room.may_repeat(before=LOST_TAIL):
        dead.kill()
        wait_for(lambda: replica.info("role") == "master", "the replica to be promoted")
    room.healed()
    _masters(room, [m for m in cluster.masters if m is not dead] + [replica])
    room.more(200)


def master_of_a_cluster_dies_and_a_replica_has_it_all(room):
    """The same where a 2xx means that a replica has it: of two, one is promoted and the other proves what comes then."""
    cluster = _cluster(room, replicas=2, durability="replica")
    room.spares = 2
    room.recovers_within = RECOVERED_WITHIN  # from the promotion on
    _, dead = sorted(cluster.journals().items())[0]
    replicas = cluster.replicas[cluster.masters.index(dead)::3]
    with room.may_repeat(before=LOST_TAIL):
        dead.kill()
        wait_for(lambda: any(r.info("role") == "master" for r in replicas), "a replica to be promoted")
    room.healed()
    promoted = next(r for r in replicas if r.info("role") == "master")
    _masters(room, [m for m in cluster.masters if m is not dead] + [promoted])
    room.more(200)


def master_of_a_cluster_is_restarted(room):
    """kill -9 of each of three masters in turn, without replicas: each comes back with its file."""
    cluster = _cluster(room)
    room.spares = 6
    for master in cluster.masters:
        room.some_time(0.5, 1)
        master.kill()
        room.some_time(0.2, 1)
        master.start()
        room.more(100)
    room.healed()


def slots_of_a_cluster_move(room):
    """A journal's slot goes to another master, six times."""
    cluster = _cluster(room)
    room.spares = 6
    for _ in range(6):
        journals = sorted(cluster.journals().items())
        journal, master = room.random.choice(journals)
        to = room.random.choice([m for m in cluster.masters if m is not master])
        cluster.move(int(master.cli("CLUSTER", "KEYSLOT", "{%s}" % journal)), to)
        room.more(100)
    room.healed()


def _cluster(room, replicas=0, **more):
    cluster = Cluster(room.flow, replicas)
    _masters(room, cluster.masters)
    room.base = max(s.memory() for s in cluster.servers)
    room.loud = ["moving events to a new journal", "Redis cannot be used"]
    room.recovers_within = 8  # the cluster's own time
    room.node(at=cluster, **more)
    room.begin()
    room.some_time(1, 2)
    return cluster


def _masters(room, masters):
    room.store, room.others = masters[0], masters[1:]
