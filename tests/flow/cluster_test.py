"""Promises about Redis Cluster: a journal lies on one master, the others do not care."""
import concurrent.futures
import hashlib
import json
import re
import signal
import subprocess
import time

from certificates import Authority
from harness import PENSTOCK, SECRET, SLOWNESS, Cluster, Load, check, is_delivered, sequence, sign_github, unsettled, wait_for


DEDUPED = "github: { verify: github, secret: '%s', dedupe: { window: 10m } }" % SECRET


def slot_of(cluster, journal):
    return int(cluster.servers[-1].cli("CLUSTER", "KEYSLOT", "{%s}" % journal))


def accepts_and_delivers_on_a_cluster(flow):
    cluster, a, b = Cluster(flow), flow.sink(), flow.sink()
    p = flow.penstock({"a": a, "b": b}, cluster, workers=4)
    load = Load(p, 300)
    wait_for(lambda: len(load.acknowledged) >= 300, "load")
    load.stop()
    check(load, a, b)
    journals = cluster.journals()
    assert len(journals) == 4 and all(cluster.owner_of(slot_of(cluster, j)) is m for j, m in journals.items())
    assert p.api("/api/v1/destinations/a/pause", "POST"), "keys of no journal have their place too"
    assert p.stripe(b'{"seq":5000}').status == 200
    assert p.api("/api/v1/destinations/a/resume", "POST")
    wait_for(lambda: 5000 in sequence(a) and 5000 in sequence(b), "the last event")
    assert p.stop() == 0
    p.start()
    assert p.stripe(b'{"seq":5001}').status == 200
    wait_for(lambda: 5001 in sequence(a), "an event of the next life")
    assert max(sequence(a).values()) == 1, "what the first life had settled stays settled"


def goes_on_while_a_master_of_the_cluster_is_away(flow):
    """Every tenth answer is a 503, so that something waits in the journal of the dead one."""
    cluster, a, failed = Cluster(flow), flow.sink(), []

    def answers(request, before):
        if before % 10:
            return {}
        failed.append(before)
        return {"status": 503}
    a.answers = answers
    p = flow.penstock({"a": a}, cluster, workers=1, destination_more=", breaker: { open_after: 0 }")
    load = Load(p, 200)
    wait_for(lambda: len(load.acknowledged) >= 200, "load")
    dead = next(iter(cluster.journals().values()))
    renewals = lambda: int(re.search(r"cmdstat_time:calls=(\d+)", dead.cli("INFO", "commandstats")).group(1))
    so_far = renewals()
    wait_for(lambda: renewals() > so_far, "a renewal: the next one is in two seconds, 400 events")
    dead.kill()
    so_far = len(load.acknowledged)
    wait_for(lambda: len(load.acknowledged) >= so_far + 300, "the others to go on")
    assert len(load.refused) < 150 * SLOWNESS, "at once, not with the next renewal: %d refused" % len(load.refused)
    wait_for(lambda: p.admin("/readyz")[0] == 200, "readyz to be green without it")
    dead.start()
    so_far = len(load.acknowledged)
    wait_for(lambda: len(load.acknowledged) >= so_far + 200, "more load")
    load.stop()
    wait_for(lambda: p.metric("penstock_redis_up") == 1, "all masters to be up again")
    is_delivered(p)
    check(load, a, twice=len(failed))
    assert p.metric("penstock_deliveries_perhaps_lost_total") == 0
    assert p.stop() == 0


def a_journal_comes_back_with_the_replica_of_its_master(flow):
    cluster, down = Cluster(flow, replicas=1), [True]
    a = flow.sink(lambda r, before: {"status": 503} if down[0] else {})
    p = flow.penstock({"a": a}, cluster, workers=1, destination_more=", breaker: { open_after: 0 }")
    for i in range(20):
        assert p.stripe(b'{"seq":%d}' % i).status == 200
    wait_for(lambda: p.metric("penstock_parked_total") >= 20, "all to be parked")
    journal, dead = next(iter(cluster.journals().items()))
    replica = cluster.replicas[cluster.masters.index(dead)]
    wait_for(lambda: replica.info("slave_repl_offset") == dead.info("master_repl_offset"), "the replica to have it")
    dead.kill()
    wait_for(lambda: p.stripe(b'{"seq":20}').status == 200, "another journal to take over")
    wait_for(lambda: replica.info("role") == "master", "the replica to be promoted", 60)
    down[0] = False
    wait_for(lambda: set(range(21)) <= set(sequence(a)), "what was parked on the dead master", 60)
    assert "{%s}" % journal in replica.cli("--scan", "--pattern", "*:owner")
    assert p.stop() == 0


def a_replica_takes_over_from_a_master_that_hangs(flow):
    """Appends are still on their way to the old one when the new one is asked: no answer may be mixed up."""
    cluster, a = Cluster(flow, replicas=1), flow.sink()
    p = flow.penstock({"a": a}, cluster, workers=1)
    load = Load(p, 200)
    wait_for(lambda: len(load.acknowledged) >= 200, "load")
    journal, old = next(iter(cluster.journals().items()))
    replica = cluster.replicas[cluster.masters.index(old)]
    old.process.send_signal(signal.SIGSTOP)
    seen = len(load.acknowledged) + len(load.refused)
    assert replica.cli("CLUSTER", "FAILOVER", "TAKEOVER") == "OK"
    others = [m for m in cluster.masters if m is not old]
    for m in others:
        wait_for(lambda: cluster.owner_of(slot_of(cluster, journal), [m]) is replica, "the others to know")
        m.cli("CLIENT", "KILL", "TYPE", "normal")  # Penstock connects anew, and hears of it at once
    opened = re.compile('journal is open","journal":"?%s' % journal)
    wait_for(lambda: len(opened.findall(p.text())) == 2, "the journal to be resumed on the other")
    wait_for(lambda: len(load.acknowledged) + len(load.refused) >= seen + 200, "events to be accepted")
    old.process.send_signal(signal.SIGCONT)
    load.stop()
    is_delivered(p)
    check(load, a, twice=unsettled(200))
    assert p.metric("penstock_deliveries_perhaps_lost_total") == 0
    assert p.stop() == 0


def a_slot_moves_under_load(flow):
    cluster, a = Cluster(flow), flow.sink()
    p = flow.penstock({"a": a}, cluster)
    load = Load(p, 300)
    wait_for(lambda: len(load.acknowledged) >= 300, "load")
    for _ in range(3):
        journal, master = next(iter(cluster.journals().items()))
        to = next(m for m in cluster.masters if m is not master)
        cluster.move(slot_of(cluster, journal), to)
        so_far = len(load.acknowledged)
        wait_for(lambda: len(load.acknowledged) >= so_far + 200, "load after the move")
    load.stop()
    check(load, a)
    assert not load.unknown
    assert p.metric("penstock_journals_left_total") == 0, "moved as they are, not left"
    assert p.stop() == 0


def goes_on_while_a_slot_stands_half_moved(flow):
    """Whoever resharded it died midway: the journal waits, another one takes the events."""
    cluster, a = Cluster(flow), flow.sink()
    p = flow.penstock({"a": a}, cluster, workers=1)
    load = Load(p, 100)
    wait_for(lambda: len(load.acknowledged) >= 100, "load")
    journal, source = next(iter(cluster.journals().items()))
    slot = slot_of(cluster, journal)
    to = next(m for m in cluster.masters if m is not source)
    names = source.cli("CLUSTER", "MYID"), to.cli("CLUSTER", "MYID")
    assert to.cli("CLUSTER", "SETSLOT", slot, "IMPORTING", names[0]) == "OK"
    assert source.cli("CLUSTER", "SETSLOT", slot, "MIGRATING", names[1]) == "OK"
    key = [k for k in source.cli("CLUSTER", "GETKEYSINSLOT", slot, 100).split() if k.endswith(":journal")][0]
    assert source.cli("MIGRATE", "127.0.0.1", to.port, key, 0, 5000) == "OK"
    so_far = len(load.acknowledged)
    wait_for(lambda: len(load.acknowledged) >= so_far + 300, "another journal to take events")
    cluster.move(slot, to)
    load.stop()
    check(load, a)
    opened = re.compile('journal is open","journal":"?%s' % journal)
    wait_for(lambda: len(opened.findall(p.text())) == 2, "the journal to be resumed")
    assert p.stop() == 0


def waits_for_a_cluster_that_is_half_up(flow):
    cluster, a = Cluster(flow, made=False), flow.sink()
    p = flow.penstock({"a": a}, cluster, start=False)
    p.start(ready=False)
    p.wait_log("no slots are assigned in this cluster yet")
    p.wait_log("waiting for Redis")
    assert p.process.poll() is None
    cluster.make()
    wait_for(p._look_ready, "penstock to be ready")
    assert p.stripe(b'{"seq":1}').status == 200
    a.wait(1)


def starts_while_a_master_of_the_cluster_is_down(flow):
    """The others are enough to accept and deliver; what lies on the dead one comes when it does."""
    cluster, a = Cluster(flow), flow.sink(lambda r, before: {"status": 503})
    config = dict(workers=1, retry="{schedule: [1s, ...], jitter: 0%}", destination_more=", breaker: { open_after: 0 }")
    p = flow.penstock({"a": a}, cluster, **config)
    for i in range(10):
        assert p.stripe(b'{"seq":%d}' % i).status == 200
    a.wait(10)
    dead = next(iter(cluster.journals().values()))
    p.kill()
    dead.kill()
    a.answers = lambda r, before: {}
    alive = next(m for m in cluster.masters if m is not dead)

    class Alive:
        def directive(self):
            return alive.directive()

    p = flow.penstock({"a": a}, Alive(), name="next", **config)
    wait_for(lambda: p.stripe(b'{"seq":100}').status == 200, "it to take events without that master")
    wait_for(lambda: 100 in sequence(a), "their delivery")
    before = len(a.requests)
    dead.start()
    wait_for(lambda: len(a.requests) >= before + 10 and set(range(10)) <= set(sequence(a)), "what was on the dead one", 60)
    assert p.metric("penstock_deliveries_perhaps_lost_total") == 0
    assert p.stop() == 0


def a_recovery_with_many_undecided_claims_ends(flow):
    """Delivery ids lie on all masters. While one is away its claims wait, and recovery with them, not in memory."""
    cluster, a = Cluster(flow), flow.sink(lambda r, before: {"hang": True})
    config = dict(workers=1, sources=[DEDUPED], listen_more=", limits: { memory: 1GiB }",
                  destination_more=", timeout: 10m")  # nothing is parked
    p = flow.penstock({"a": a}, cluster, **config)
    bodies = [b'{"seq":%d,"x":"%s"}' % (i, b"x" * 300000) for i in range(480)]
    for i, body in enumerate(bodies):
        assert p.post("/hooks/github", body, {**sign_github(body), "X-GitHub-Delivery": "d%d" % i}).status == 200
    a.wait(1)
    p.kill()
    home = next(iter(cluster.journals().values()))
    listing = cluster.owner_of(int(home.cli("CLUSTER", "KEYSLOT", "penstock:live")))  # without it nobody adopts
    dead = next(m for m in cluster.masters if m not in (home, listing))
    dead.kill()
    a.answers, before = lambda r, before: {}, len(a.requests)

    class Alive:
        def directive(self):
            return home.directive()

    p = flow.penstock({"a": a}, Alive(), name="next", **config)
    wait_for(lambda: len(a.requests) >= before + 150, "what the others decide", 60)
    assert "journal is recovered" not in p.text(), "it has not read all of it into memory"
    dead.start()
    wait_for(lambda: len(sequence(a)) == len(bodies), "all of them", 60)
    p.wait_log("journal is recovered")
    assert p.metric("penstock_deliveries_perhaps_lost_total") == 0
    assert p.stop() == 0


def send(p, ident, seq):
    body = b'{"seq":%d}' % seq
    return p.post("/hooks/github", body, {**sign_github(body), "X-GitHub-Delivery": ident})


def claimed_elsewhere(cluster, home):
    """A delivery id that is not claimed on that master."""
    for i in range(1000):
        digest = hashlib.sha256(b"github\nd%d" % i).hexdigest()[:32]
        if cluster.owner_of(slot_of(cluster, digest)) is not home:
            return "d%d" % i


def claimed(cluster):
    """The delivery ids that are."""
    return {key for m in cluster.masters for key in m.cli("--scan", "--pattern", "*:ids").split()}


def a_delivery_outlives_the_master_that_had_lost_its_first_try(flow):
    """The first was not proven: 503. It is lost with its master, its node dies; the sender comes again. Were the
    first to have claimed the delivery id, on another master, the second would be answered and dropped."""
    cluster, a = Cluster(flow, replicas=1), flow.sink(lambda r, before: {"status": 503})
    config = dict(durability="replica", sources=[DEDUPED])
    first = flow.penstock({"a": a}, cluster, workers=1, name="first", **config)
    assert send(first, "warm", 0).status == 200
    journal, home = next((j, m) for j, m in cluster.journals().items() if m.cli("XLEN", "penstock:{%s}:journal" % j) != "0")
    replica = cluster.replicas[cluster.masters.index(home)]
    ident = claimed_elsewhere(cluster, home)
    replica.kill()
    assert send(first, ident, 1).status == 503, "it is not proven"
    assert '"seq":1}' in home.cli("XRANGE", "penstock:{%s}:journal" % journal, "-", "+")
    first.kill()
    home.kill()
    replica.start()
    wait_for(lambda: replica.cli("CLUSTER", "FAILOVER", "TAKEOVER") == "OK", "the replica to be master")
    others = [m for m in cluster.masters if m is not home]
    wait_for(lambda: all(cluster.owner_of(slot_of(cluster, journal), [m]) is replica for m in others), "the others to know")
    assert '"seq":1}' not in replica.cli("XRANGE", "penstock:{%s}:journal" % journal, "-", "+")
    a.answers, before = lambda r, before: {}, len(a.requests)

    class Alive:
        def directive(self):
            return others[0].directive()

    # Each worker draws a master, two of three have a replica: one of twelve draws such a one.
    second = flow.penstock({"a": a}, Alive(), workers=12, name="second", **config)
    wait_for(lambda: send(second, ident, 1).status == 200, "a journal whose master has a replica to take it")
    wait_for(lambda: any(r.body == b'{"seq":1}' for r in a.requests[before:]), "what was acknowledged")


def what_waits_for_a_proof_claims_when_it_comes(flow):
    """In the memory of its own node, and in journals that another node has recovered."""
    cluster, a = Cluster(flow, replicas=1), flow.sink()
    config = dict(workers=8, durability="replica", sources=[DEDUPED])
    p = flow.penstock({"a": a}, cluster, name="first", **config)
    assert send(p, "warm", 0).status == 200
    for r in cluster.replicas:
        r.kill()
    assert send(p, "d1", 1).status == 503
    wait_for(lambda: p.metric("penstock_events_unproven") == 1, "it to wait")
    p.wait_log("events wait for replicas")
    assert 1 not in sequence(a) and len(claimed(cluster)) == 1
    for r in cluster.replicas:
        r.start()
    wait_for(lambda: 1 in sequence(a), "the first, proven later")
    p.wait_log("events wait for their proof no more")
    again = send(p, "d1", 1)
    assert again.status == 200 and sequence(a) == {0: 1, 1: 1}
    a.answers = lambda r, before: {"hang": True}
    assert send(p, "d26", 26).status == 200
    wait_for(lambda: 26 in sequence(a), "an attempt that is under way")
    for r in cluster.replicas:
        r.kill()
    with concurrent.futures.ThreadPoolExecutor(24) as pool:  # so many that a master has several journals with some
        assert set(pool.map(lambda i: send(p, "d%d" % i, i).status, range(2, 26))) == {503}
    p.kill()
    a.answers = lambda r, before: {}
    p = flow.penstock({"a": a}, cluster, name="second", **{**config, "workers": 1})
    wait_for(lambda: sequence(a)[26] == 2, "what had claimed before: it waits for nothing", 60)
    wait_for(lambda: p.metric("penstock_events_unproven") == 24, "all to be recovered", 60)
    p.wait_log("events wait for replicas")
    assert len(sequence(a)) == 3 and len(claimed(cluster)) == 3
    began = time.monotonic()
    assert p.stop() == 0 and time.monotonic() - began < 5, "a stop waits for none of it: it is in its journal"
    p.start()
    for r in cluster.replicas:
        r.start()
    wait_for(lambda: len(sequence(a)) == 27, "what the others had not proven", 60)
    assert len(a.requests) == 28 and len(claimed(cluster)) == 27
    assert p.metric("penstock_events_unproven") == 0 and "not answered in time" not in p.text()
    assert p.stop() == 0


def a_spooled_event_claims_its_place_when_its_copy_is_proven(flow):
    """Until then the file is all that is sure to last, and whatever reads it again must not be turned away."""
    cluster, a = Cluster(flow, replicas=1), flow.sink()
    p = flow.penstock({"a": a}, cluster, workers=1, durability="replica", more="spool: { size: 64MiB }")
    p.wait_log("journal is open")  # with a spool it is ready before
    assert p.stripe(b'{"seq":0}').getheader("penstock-durability") == "replica"
    for r in cluster.servers:
        r.kill()
    spooled = {}
    wait_for(lambda: spooled.update(r=p.stripe(b'{"seq":1}')) or spooled["r"].status == 200, "the spool to take it")
    assert spooled["r"].getheader("penstock-durability") == "spool"
    for m in cluster.masters:
        m.start()

    def copies():
        return sum(m.cli("XRANGE", "penstock:{%s}:journal" % j, "-", "+").count('"seq":1}') for j, m in cluster.journals().items())
    wait_for(lambda: copies() == 1, "a copy in Redis")
    p.wait_log("not as durably as promised")
    wait_for(lambda: p.metric("penstock_events_unproven") == 1, "it to wait")
    time.sleep(2.5)  # a renewal, and its question: what must not happen cannot be waited for
    assert p.metric("penstock_spool_bytes") > 0 and 1 not in sequence(a)
    assert copies() == 1, "it is not read again while its copy waits"
    assert not [m for m in cluster.masters if m.cli("--scan", "--pattern", "*:moved")], "nothing is claimed"
    for r in cluster.replicas:
        r.start()
    wait_for(lambda: 1 in sequence(a), "its delivery", 60)
    wait_for(lambda: p.metric("penstock_spool_bytes") == 0, "the spool to be empty", 60)
    assert p.stop() == 0
    assert sequence(a)[1] == 1


def a_node_adopts_journals_on_every_master(flow):
    cluster, a = Cluster(flow), flow.sink(lambda r, before: {"status": 503})
    first = flow.penstock({"a": a}, cluster, name="first", workers=4, retry="{schedule: [1s, ...], jitter: 0%}",
                          destination_more=", breaker: { open_after: 0 }")
    for i in range(40):
        assert first.stripe(b'{"seq":%d}' % i).status == 200
    a.wait(40)
    first.kill()
    for m in cluster.masters:
        m.cli("DEL", "penstock:live")  # as if its master had lost it: they are found by their keys
    a.answers = lambda r, before: {}
    before = len(a.requests)
    flow.penstock({"a": a}, cluster, name="second")
    wait_for(lambda: len(a.requests) >= before + 40 and len(sequence(a)) == 40, "the second node to deliver them", 60)


def a_node_adopts_while_the_master_of_the_listing_is_away(flow):
    """Also what begins and ends meanwhile, and is never listed."""
    down = lambda r, before: {"status": 503}
    cluster, a = Cluster(flow), flow.sink(down)
    listing = cluster.owner_of(int(cluster.servers[0].cli("CLUSTER", "KEYSLOT", "penstock:live")))
    others = [m for m in cluster.masters if m is not listing]
    often = {"retry": "{schedule: [1s, ...], jitter: 0%}", "destination_more": ", breaker: { open_after: 0 }"}
    first = flow.penstock({"a": a}, cluster, name="first", workers=8, **often)
    for i in range(60):
        assert first.stripe(b'{"seq":%d}' % i).status == 200
    a.wait(60)
    held = {n for m in others for j, home in cluster.journals().items() if home is m
            for n in map(int, re.findall(r'"seq":(\d+)', m.cli("XRANGE", "penstock:{%s}:journal" % j, "-", "+")))}
    assert held, "some journals lie elsewhere"
    first.kill()
    listing.kill()
    a.answers, before = lambda r, before: {}, len(a.requests)

    class Alive:
        def directive(self):
            return others[0].directive()

    flow.penstock({"a": a}, Alive(), name="second", workers=1)
    taken = lambda since: {int(r.body[7:-1]) for r in a.requests[since:]}
    wait_for(lambda: held <= taken(before), "what lies on the other masters", 60)
    a.answers = down
    third = flow.penstock({"a": a}, Alive(), name="third", **often)
    for i in range(60, 70):
        assert third.stripe(b'{"seq":%d}' % i).status == 200
    third.kill()
    a.answers, later = lambda r, before: {}, len(a.requests)
    wait_for(lambda: set(range(60, 70)) <= taken(later), "what was never listed", 60)
    listing.start()
    wait_for(lambda: taken(before) == set(range(70)), "the rest", 60)


def journals_are_found_when_the_listing_lost_its_tail(flow):
    """Its replica takes over, which had not heard of them: they lie on any master."""
    cluster, a = Cluster(flow, replicas=1), flow.sink(lambda r, before: {"status": 503})
    listing = cluster.owner_of(int(cluster.servers[0].cli("CLUSTER", "KEYSLOT", "penstock:live")))
    others = [m for m in cluster.masters if m is not listing]
    replica = cluster.replicas[cluster.masters.index(listing)]
    second = flow.penstock({"a": a}, others[0], name="second", workers=1)
    own = set(cluster.journals())
    first = flow.penstock({"a": a}, others[0], name="first", workers=8, retry="{schedule: [1s, ...], jitter: 0%}",
                          destination_more=", breaker: { open_after: 0 }")
    for i in range(60):
        assert first.stripe(b'{"seq":%d}' % i).status == 200
    a.wait(60)
    lost = set(cluster.journals()) - own
    assert any(cluster.journals()[j] is not listing for j in lost), "some lie elsewhere"
    first.kill()
    rounds = lambda: int(re.search(r"cmdstat_smembers:calls=(\d+)", listing.cli("INFO", "commandstats")).group(1))
    listing.cli("SREM", "penstock:live", *lost)
    so_far = rounds()
    wait_for(lambda: rounds() >= so_far + 2, "them to be forgotten")
    wait_for(lambda: replica.info("slave_repl_offset") == listing.info("master_repl_offset"), "the replica to be as far")
    second.signal(signal.SIGSTOP)  # it misses no round: without the listing it would look for the keys
    listing.kill()  # the others vote: a takeover without them may end with two masters of one epoch
    slot = int(replica.cli("CLUSTER", "KEYSLOT", "penstock:live"))
    wait_for(lambda: all(cluster.owner_of(slot, [m]) is replica for m in others), "its replica to take over")
    a.answers, before = lambda r, before: {}, len(a.requests)
    second.signal(signal.SIGCONT)
    wait_for(lambda: len(a.requests) >= before + 60 and len(sequence(a)) == 60, "all of them", 60)


def a_pause_holds_while_its_master_is_away(flow):
    """A node that is started meanwhile takes events, and delivers none before it knows; but not for ever."""
    cluster, d, e = Cluster(flow), flow.sink(), flow.sink()
    home = cluster.owner_of(int(cluster.servers[0].cli("CLUSTER", "KEYSLOT", "penstock:destinations")))
    other = next(m for m in cluster.masters if m is not home)
    p = flow.penstock({"d": d, "e": e}, other, name="first", workers=1)
    assert p.admin("/api/v1/destinations/d/pause", "POST")[0] == 200
    assert p.stop() == 0
    home.kill()
    p = flow.penstock({"d": d, "e": e}, other, name="second", workers=1)
    for i in range(20):
        assert p.stripe(b'{"seq":%d}' % i).status == 200
    p.wait_log("deliveries wait until it can be read which destinations are paused")
    assert not d.requests and not e.requests
    home.start()
    e.wait(20)
    assert "deliveries go on without" not in p.text()
    wait_for(lambda: {x["name"]: x["state"] for x in p.api("/api/v1/destinations")["destinations"]} == {
        "d": "paused", "e": "up"}, "it to obey")
    assert not d.requests and sequence(e) == {i: 1 for i in range(20)}
    home.kill()
    p.kill()
    p.start()
    assert p.stripe(b'{"seq":20}').status == 200
    wait_for(lambda: 20 in sequence(e), "the others to go on")
    p.wait_log("which destinations are paused cannot be read; deliveries go on without")


def accepts_and_delivers_on_a_cluster_over_tls(flow):
    """The addresses that the cluster names are the encrypted ones, and each certificate is verified."""
    ca, a = Authority(flow.folder), flow.sink()
    cert, key = ca.make("redis")
    cluster = Cluster(flow, 0, True, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-ca-cert-file", ca.cert,
                      "--tls-auth-clients", "no", "--tls-cluster", "yes", tls=True)

    class OverTls:
        def directive(self):
            return "url: 'rediss://127.0.0.1:%d', tls: { ca_file: %s }" % (cluster.tls_ports[0], ca.cert)

    p = flow.penstock({"a": a}, OverTls(), workers=3)
    load = Load(p, 200)
    wait_for(lambda: len(load.acknowledged) >= 200, "load")
    load.stop()
    check(load, a)
    ready = [json.loads(line)["port"] for line in p.text().splitlines() if "Redis is ready" in line]
    assert set(ready) == set(cluster.tls_ports), ready
    assert p.stop() == 0


def reloads_on_a_cluster(flow):
    """Destinations come and go under load: what waits on any master follows its rule, and can be replayed when they are back."""
    cluster, a, b = Cluster(flow), flow.sink(), flow.sink()
    sick = flow.sink(lambda r, before: {"status": 503})
    p = flow.penstock({"a": a, "sick": sick}, cluster, workers=4, retry="{schedule: [1h], jitter: 0%}",
                      destination_more=", breaker: { open_after: 0 }")
    with open(p.config) as f:
        text = f.read()

    def reload(to):
        with open(p.config, "w") as f:
            f.write(to)
        r = subprocess.run([PENSTOCK, "reload", "--url", "http://127.0.0.1:%d" % p.admin_port], capture_output=True, text=True)
        assert (r.returncode, r.stdout) == (0, "reloaded\n"), (r.stdout, r.stderr)
    dead = lambda: p.api("/api/v1/dead?destination=sick&limit=1000")["dead"]
    load = Load(p, 100)
    wait_for(lambda: len(load.acknowledged) >= 100, "load")
    sick_line = next(line for line in text.splitlines() if line.startswith("  sick: "))
    reload(text.replace(sick_line, '  b: "http://127.0.0.1:%d/b"' % b.port).replace("[a, sick]", "[a, b]"))
    b.wait(100)
    load.stop()
    assert not load.refused and not load.unknown, (len(load.refused), len(load.unknown))
    check(load, a)
    wait_for(lambda: len(dead()) >= len(load.acknowledged - set(sequence(b))), "what waited for the one that is gone to be dead letters")
    assert {d["reason"] for d in dead()} == {"removed"}
    gone, tried = {d["id"] for d in dead()}, len(sick.requests)
    assert gone >= {r.header("webhook-id") for r in sick.requests}
    sick.answers = lambda r, before: {}
    reload(text)
    for event in gone:
        assert p.admin("/api/v1/dead/%s/replay?destination=sick" % event, "POST")[0] == 202
    wait_for(lambda: {r.header("webhook-id") for r in sick.requests[tried:]} == gone, "the replays")
    wait_for(lambda: not dead(), "no dead letter to be left")
    assert p.stop() == 0
