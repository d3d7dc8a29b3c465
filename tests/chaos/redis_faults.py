"""What happens to Redis: killed, frozen, full, refusing, flushed, with keys that somebody else has touched."""
import os
import re
import resource
import shutil
import signal
import time

from harness import wait_for, wrong_clock
from room import COMMITTED_AFTER, Broken


def kill_9_of_redis(room):
    """Redis is away for 1-4 s; the node lives, so nothing comes twice."""
    room.begin()
    room.some_time(1, 2)
    room.store.kill()
    room.some_time(1, 4)
    room.healed()
    room.store.start()
    room.more(300)


def kill_9_of_redis_beside_two_nodes(room):
    """Away for longer than a lease: after it nobody may adopt what its owner resumes."""
    room.begin(2)
    room.some_time(1, 2)
    room.store.kill()
    room.while_load_runs(9)
    room.healed()
    room.store.start()
    room.more(300)


def redis_is_killed_every_second(room):
    """Eight times, a moment after it is back."""
    room.begin()
    for _ in range(8):
        room.some_time(0.2, 1)
        room.store.kill()
        room.some_time(0, 0.5)
        room.store.start()
    room.healed()
    room.more(300)


def kill_9_of_both(room):
    """The node and Redis in the same moment."""
    node = room.begin()
    room.some_time(1, 2)
    with room.may_repeat():
        for victim in room.random.sample([room.store, node], 2):
            victim.kill()
        room.some_time(0.2, 1)
    room.healed()
    room.store.start()
    room.restart(node)
    room.more(300)


def node_is_killed_while_redis_is_away(room):
    """What finished since Redis went away was not committed: that may come again."""
    node = room.begin()
    room.some_time(1, 2)
    with room.may_repeat():
        room.store.kill()
        room.some_time(1, 2)
        node.kill()
        room.some_time(0.2, 0.3)
    room.healed()
    room.store.start()
    room.restart(node)
    room.more(300)


def redis_is_restarted_in_order(room):
    """SHUTDOWN and start, three times."""
    room.begin()
    for _ in range(3):
        room.some_time(1, 2)
        room.store.kill(signal.SIGTERM)
        room.store.start()
        room.more(50)
    room.healed()
    room.more(200)


def redis_is_frozen_for_3_s(room):
    """SIGSTOP: appends time out, the lease holds or is taken up again."""
    room.begin()
    room.some_time(1, 2)
    room.store.process.send_signal(signal.SIGSTOP)
    room.while_load_runs(3)
    room.store.process.send_signal(signal.SIGCONT)
    room.healed()
    room.more(300)


def redis_is_frozen_for_10_s(room):
    """Longer than every lease, beside two nodes: each resumes its own."""
    room.begin(2)
    room.some_time(1, 2)
    room.store.process.send_signal(signal.SIGSTOP)
    room.while_load_runs(10)
    room.store.process.send_signal(signal.SIGCONT)
    room.healed()
    room.more(300)


def redis_stutters(room):
    """SIGSTOP for 0.2-1.5 s over and over."""
    room.begin()
    for _ in range(8):
        room.some_time(0.1, 0.5)
        room.store.process.send_signal(signal.SIGSTOP)
        room.some_time(0.2, 1.5)
        room.store.process.send_signal(signal.SIGCONT)
    room.healed()
    room.more(300)


def redis_is_killed_during_a_rewrite(room):
    """kill -9 while the append-only file is rewritten, four times."""
    room.begin()
    for _ in range(4):
        room.some_time(0.5, 1)
        room.command("CONFIG", "SET", "rdb-key-save-delay", 500000)  # us: a rewrite takes half a second a key
        room.command("BGREWRITEAOF")
        wait_for(lambda: room.store.info("aof_rewrite_in_progress") == "1", "the rewrite")
        room.some_time(0, 0.2)
        if room.store.info("aof_rewrite_in_progress") != "1":
            raise Broken("the rewrite was over too soon")
        room.store.kill()
        room.store.start()
    room.command("BGREWRITEAOF")
    room.healed()
    room.more(200)


def writes_are_paused(room):
    """CLIENT PAUSE ... WRITE for 1.5 s, four times: as when a disk is slow to sync."""
    room.begin()
    for _ in range(4):
        room.some_time(0.5, 1)
        room.command("CLIENT", "PAUSE", 1500, "WRITE")
        room.while_load_runs(1.5)
    room.healed()
    room.more(200)


def redis_is_out_of_memory(room):
    """maxmemory is reached for 5 s: refused honestly, settled all the same."""
    room.begin()
    room.some_time(1, 2)
    room.command("CONFIG", "SET", "maxmemory", room.store.memory())
    room.while_load_runs(5)
    room.command("CONFIG", "SET", "maxmemory", 0)
    room.healed()
    room.more(300)


def redis_is_out_of_memory_again_and_again(room):
    """maxmemory falls to a little above what is used: it strikes in the middle of pipelines; things are parked too."""
    room.sink("a", lambda request, before: {"status": 503} if before % 3 == 0 else {})
    room.sink("b")
    room.begin(destination_more=", timeout: 5s, breaker: { open_after: 0 }")
    for _ in range(10):
        room.some_time(0.3, 0.6)
        room.command("CONFIG", "SET", "maxmemory", room.store.memory() + room.random.randrange(0, 60000))
        room.some_time(0.3, 0.6)
        room.command("CONFIG", "SET", "maxmemory", 0)
    room.healed()
    room.more(200)


def node_is_killed_at_redis_out_of_memory(room):
    """kill -9 and start while Redis takes nothing new: what was settled stays settled."""
    room.sink("a", lambda request, before: {"status": 503} if before % 3 == 0 else {})
    room.sink("b")
    node = room.begin(destination_more=", timeout: 5s, breaker: { open_after: 0 }")
    room.some_time(1, 2)
    room.command("CONFIG", "SET", "maxmemory", room.store.memory())
    room.some_time(1, 2)
    with room.may_repeat():
        node.kill()
        room.some_time(0.2, 0.3)
    node.start(ready=False)
    room.while_load_runs(2)
    room.command("CONFIG", "SET", "maxmemory", 0)
    wait_for(lambda: node.process.poll() is not None or node._look_ready(), "it to start or to say why not")
    if node.process.poll() is not None:
        room.restart(node)
    room.load.ports = [node.port]
    room.healed()
    room.more(200)


def redis_refuses_writes(room):
    """MISCONF for 5 s: a snapshot cannot be written."""
    room.begin()
    room.some_time(1, 2)
    client = room.client()
    os.mkdir(os.path.join(room.store.folder, "dump.rdb"))  # nothing can be renamed onto a directory
    client("CONFIG", "SET", "save", "3600 1")
    client("BGSAVE")
    wait_for(lambda: "MISCONF" in str(client("SET", "x", "1")), "MISCONF")
    room.while_load_runs(5)
    os.rmdir(os.path.join(room.store.folder, "dump.rdb"))
    client("CONFIG", "SET", "save", "")
    client("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
    room.healed()
    room.more(300)
    client("DEL", "x")


def disk_of_redis_is_full(room):
    """Its file may not grow any more: under `always` it exits, and is started again where there is room."""
    room.begin()
    room.some_time(1, 2)
    sizes = [os.path.getsize(os.path.join(path, f)) for path, _, files in os.walk(room.store.folder) for f in files]
    _, hard = resource.prlimit(room.store.process.pid, resource.RLIMIT_FSIZE)
    most = max(sizes) + room.random.randrange(1, 5000)
    resource.prlimit(room.store.process.pid, resource.RLIMIT_FSIZE, (most, hard))
    room.store.process.wait(60)
    room.some_time(0.5, 2)
    room.healed()
    room.store.start()
    room.more(300)


def clock_of_redis_jumps(room):
    """An hour ahead (every lease is over), back, an hour behind, back; with retries that wait for their time."""
    env, turn = wrong_clock(os.path.join(room.flow.folder, "clock"))
    room.redis(env=env)
    room.sink("a", lambda request, before: {"status": 503} if before % 3 == 0 else {})
    room.sink("b")
    room.begin(2, workers=1, destination_more=", timeout: 5s, breaker: { open_after: 0 }")
    for seconds in (3600, 0, -3600, 0):
        room.some_time(2, 3)
        turn(seconds)
    room.healed()
    room.more(200)


def connections_are_killed(room):
    """CLIENT KILL of all of them every 0.3 s, for 5 s."""
    room.begin()
    client = room.client()
    for _ in range(16):
        room.some_time(0.2, 0.4)
        client("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    room.healed()
    room.more(200)


def scripts_are_flushed(room):
    """SCRIPT FLUSH every 0.2 s, for 4 s."""
    room.begin()
    client = room.client()
    for _ in range(20):
        room.some_time(0.1, 0.3)
        client("SCRIPT", "FLUSH")
    room.healed()
    room.more(200)


def redis_takes_no_more_clients(room):
    """maxclients is reached, and the connections of the node were cut: for 5 s it finds no place."""
    room.begin()
    client = room.client()
    client("CONFIG", "SET", "maxclients", 1)
    client("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    room.while_load_runs(5)
    client("CONFIG", "SET", "maxclients", 1000)
    room.healed()
    room.more(200)


def password_of_redis_is_changed(room):
    """`requirepass` is set and the connections are cut; 5 s later it is taken back."""
    room.begin()
    client = room.client()
    client("CONFIG", "SET", "requirepass", "other")
    client("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    room.while_load_runs(5)
    client("AUTH", "other")
    client("CONFIG", "SET", "requirepass", "")
    room.healed()
    room.more(200)


def redis_turns_replica(room):
    """REPLICAOF a server that is not there: READONLY, until it is a master again."""
    room.loud = ["it is a replica"]
    room.begin()
    room.some_time(1, 2)
    room.command("REPLICAOF", "127.0.0.1", 1)
    room.while_load_runs(4)
    room.command("REPLICAOF", "NO", "ONE")
    room.healed()
    room.more(200)


def redis_is_flushed(room):
    """FLUSHALL: what was held in memory goes to a new journal; attempts under way may come again."""
    room.begin()
    room.some_time(1, 2)
    with room.may_repeat():
        room.command("FLUSHALL")
        room.some_time(0.5, 0.6)
    room.healed()
    room.more(300)


def redis_is_flushed_with_a_backlog(room):
    """What was parked in Redis only is lost with it, and said: no more than that."""
    down = [True]
    room.sink("a")
    room.sink("b", lambda request, before: {"status": 503} if down[0] else {})
    node = room.begin(destination_more=", timeout: 5s, breaker: { open_after: 0 }",
                      retry="{schedule: [30s, ...], jitter: 0%}")
    room.loud = ["moving events to a new journal"]
    room.some_time(1, 2)
    parked = node.metric("penstock_parked_total")
    room.command("FLUSHALL")
    down[0] = False
    room.healed()
    room.more(300)
    wait_for(lambda: node.metric("penstock_journals_left_total") >= 1, "the loss to be noticed")
    said = node.metric("penstock_deliveries_perhaps_lost_total")
    room.allowed_lost = int(said)
    room.note("%d parked, %d said to be lost" % (parked, said))


def redis_comes_back_with_an_older_file(room):
    """As after a failover: what it acknowledged in the last second is gone, but the node holds what matters of it."""
    room.loud = ["moving events to a new journal"]
    room.begin()
    room.some_time(1, 2)
    files, kept = os.path.join(room.store.folder, "appendonlydir"), os.path.join(room.flow.folder, "kept")
    room.command("CONFIG", "SET", "auto-aof-rewrite-percentage", 0)
    copied = time.monotonic()
    shutil.copytree(files, kept)
    room.some_time(0.5, 1)
    with room.may_repeat(before=time.monotonic() - copied + COMMITTED_AFTER):
        room.store.kill()
        shutil.rmtree(files)
        os.rename(kept, files)
        room.some_time(0.2, 0.5)
    room.healed()
    room.store.start()
    room.more(300)


def list_of_journals_is_deleted(room):
    """DEL of `live` again and again, and a node dies: it was listed with its last renewal."""
    first, second = room.begin(2)
    for _ in range(3):
        room.some_time(1, 2)
        room.command("DEL", "penstock:live")
    room.while_load_runs(2.5)
    with room.may_repeat():
        first.kill()
        room.some_time(0.2, 0.3)
    room.healed()
    room.wait_said(second, "adopting a journal")


def list_of_journals_has_a_foreign_type(room):
    """SET of `live`: said; what has no owner is adopted when the key is gone."""
    first, second = room.begin(2)
    room.loud = ["the list of journals cannot be read"]
    room.some_time(1, 2)
    room.command("SET", "penstock:live", "foreign")
    room.while_load_runs(2.5)
    with room.may_repeat():
        first.kill()
        room.some_time(0.2, 0.3)
    room.wait_said(second, "the list of journals cannot be read")
    room.command("DEL", "penstock:live")
    room.healed()


def _journals(room):
    return sorted(key[:-len("settled")] for key in room.keys("penstock:*:settled"))


def stream_of_a_journal_is_deleted(room):
    """DEL of the stream that is being appended to."""
    room.begin()
    room.some_time(1, 2)
    with room.may_repeat():
        for base in _journals(room):
            room.command("DEL", base + "journal")
        room.some_time(0.5, 0.6)
    room.healed()
    room.more(300)


def settled_record_of_a_journal_is_deleted(room):
    """DEL of what says which deliveries are done."""
    room.begin()
    room.some_time(1, 2)
    with room.may_repeat(all_of_it=True):  # that is still in the stream
        for base in _journals(room):
            room.command("DEL", base + "settled")
        room.some_time(0.5, 0.6)
    room.healed()
    room.more(300)


def all_keys_of_a_journal_are_deleted(room):
    """One DEL of everything that a worker has."""
    room.begin()
    room.some_time(1, 2)
    with room.may_repeat():
        for base in _journals(room):
            room.command("DEL", *(base + kind for kind in ("owner", "journal", "settled", "lanes")))
        room.some_time(0.5, 0.6)
    room.healed()
    room.more(300)


def owner_of_a_journal_is_deleted(room):
    """DEL of the owner's key, ten times: it is taken again."""
    room.begin(2)
    for _ in range(10):
        room.some_time(0.3, 0.6)
        for base in _journals(room):
            room.command("DEL", base + "owner")
    room.healed()
    room.more(200)


def owner_of_a_journal_is_foreign(room):
    """SET of the owner's key to something else: the journal is another's now, and has no end."""
    room.begin()
    room.some_time(1, 2)
    with room.may_repeat():
        for base in _journals(room):
            room.command("SET", base + "owner", "somebody", "PX", 6000)
        room.some_time(2.5, 2.6)
    room.healed()
    room.more(300)


def version_of_a_journal_is_foreign(room):
    """HSET of the version: as if another had committed."""
    room.begin()
    room.some_time(1, 2)
    with room.may_repeat():
        for base in _journals(room):
            room.command("HSET", base + "settled", "version", "garbage")
        room.some_time(2.5, 2.6)
    room.healed()
    room.more(300)


def settled_record_is_cut_while_the_node_is_dead(room):
    """What cannot be read is not believed: it is delivered again, and said."""
    node = room.begin()
    room.loud = ["a settled record is unreadable"]
    room.some_time(1, 2)
    with room.may_repeat():
        node.kill()
        room.some_time(0.2, 0.3)
    for base in _journals(room):
        room.command("HSET", base + "settled", "f:a", "12 13-")
    room.healed()
    room.restart(node)
    room.more(300)


def low_of_a_journal_is_garbage_while_the_node_is_dead(room):
    """`low` is not a number: all of the stream is read, what is settled stays settled."""
    node = room.begin()
    room.some_time(1, 2)
    with room.may_repeat():
        node.kill()
        room.some_time(0.2, 0.3)
    for base in _journals(room):
        room.command("HSET", base + "settled", "low", "x")
    room.healed()
    room.restart(node)
    room.more(300)


def settled_record_has_a_foreign_type(room):
    """SET of the key: loud, and mended once the key is gone."""
    _foreign(room, "settled")


def stream_has_a_foreign_type(room):
    """SET of the stream's key: loud, and mended once the key is gone."""
    _foreign(room, "journal")


def lanes_have_a_foreign_type(room):
    """SET of `lanes`: loud, and mended once the key is gone."""
    room.sink("a", lambda request, before: {"status": 503} if before % 3 == 0 else {})
    room.sink("b")
    _foreign(room, "lanes")


def _foreign(room, kind):
    node = room.begin()
    room.errors_expected = True
    room.some_time(1, 2)
    with room.may_repeat(all_of_it=True):  # nothing could be committed
        bases = _journals(room)
        here = room.here(node)
        for base in bases:
            room.command("SET", base + kind, "foreign")
        wait_for(lambda: re.search(r"foreign type|wrongtype", node.text(here)), "it to be said")
        room.while_load_runs(3)
        lines = _complaints(node, here)
        for base in bases:
            room.command("DEL", base + kind)
        room.healed()
        room.more(200)
    if lines > 100:
        raise Broken("%d log lines about it" % lines)


def _complaints(node, since):
    return len(re.findall(r"foreign type|wrongtype|in doubt|leaving", node.text(since)))


def foreign_lanes_meet_a_start(room):
    """A node that starts finds `lanes` of its former journal as a string: it serves, says so, and mends it later."""
    _foreign_at_start(room, "lanes")


def foreign_due_set_meets_a_start(room):
    """The same with the due set of a destination."""
    _foreign_at_start(room, "due:a")


def _foreign_at_start(room, kind):
    down = [True]
    room.sink("a", lambda request, before: {"status": 503} if down[0] else {})
    room.sink("b")
    node = room.begin(destination_more=", timeout: 5s, breaker: { open_after: 0 }")
    room.errors_expected = True
    room.some_time(1, 2)
    with room.may_repeat():
        node.kill()
        room.some_time(0.2, 0.3)
    bases = _journals(room)
    for base in bases:
        room.command("RENAME", base + kind, base + kind + ".kept")
        room.command("SET", base + kind, "foreign")
    room.restart(node)
    here = room.here(node)
    room.healed()
    room.more(300)
    room.while_load_runs(2)
    lines = _complaints(node, here)
    for base in bases:
        room.command("RENAME", base + kind + ".kept", base + kind)
    down[0] = False
    room.more(100)
    if lines > 100:
        raise Broken("%d log lines about it" % lines)
