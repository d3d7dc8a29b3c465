"""What a scenario happens in: real nodes, Redis, destinations and a steady load, and a ledger of all events.

The ledger knows of every event what the sender was told (accepted, refused, unknown), and of every destination when it
took which event. So it can tell what was lost, and for what came twice whether promise 4 allows it: a delivery may be
repeated if its node died, or lost its lease, while the attempt was in flight or its outcome not yet committed. A
scenario says when that was (`may_repeat`); the window begins COMMITTED_AFTER before Redis last answered, and only events
that were sent before the fault have that excuse. Each window is one fault, and excuses each delivery once; what was not
answered with a whole 2xx is no taking, and does not count. The bound that the table shows is the number of deliveries
that were in such a window, summed over the windows; one that came again without a window of its own breaks it."""
import contextlib
import os
import random
import re
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../flow"))
import harness  # noqa: E402
from harness import Flow, NoClock, Sink, sign_stripe, wait_for  # noqa: E402

COMMITTED_AFTER = 0.1  # s: a tick of 10 ms, a round trip with its fsync; the rest is for a busy machine
SENT_UNTIL = 0.3       # s after a fault begins: it may take a moment to strike
ANSWER_WITHIN = 3 + 0.5 * harness.SLOWNESS  # s: 3 are promised, the rest is the machine's
RECOVERED_WITHIN = 3 + harness.SLOWNESS     # s: the same
MEMORY_SLACK = 3 << 20  # what Redis itself may keep: buffers of connections, a stream's last node
PATIENCE = float(os.environ.get("PENSTOCK_PATIENCE", "60"))


class Broken(AssertionError):
    """A promise was not kept, or the scenario did not get where it wanted."""


class Client:
    """One connection to Redis that stays: also where no new ones are let in."""

    def __init__(self, port):
        """A port, or the path of a socket."""
        if isinstance(port, int):
            self.socket = socket.create_connection(("127.0.0.1", port), 10)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(10)
            self.socket.connect(port)
        self.file = self.socket.makefile("rb")

    def __call__(self, *args):
        words = [x if isinstance(x, bytes) else str(x).encode() for x in args]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self._reply()

    def _reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise OSError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            return Exception(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            n = int(rest)
            return None if n < 0 else self.file.read(n + 2)[:-2].decode("latin-1")
        return [self._reply() for _ in range(max(int(rest), 0))]

    def close(self):
        self.file.close()
        self.socket.close()


class At:
    """A Redis that is reached at another port: through a proxy, say."""

    def __init__(self, port):
        self.port = port

    def directive(self):
        return "url: 'redis://127.0.0.1:%d'" % self.port


class Embedded:
    """The Redis that a node has started for itself."""

    def __init__(self, node):
        self.port = os.path.join(node.folder, "data/redis/socket")

    def info(self, name):
        client = Client(self.port)
        try:
            return re.search(r"(?m)^%s:(.*?)\r?$" % name, client("INFO", "everything")).group(1)
        finally:
            client.close()


class Taker(Sink):
    """A destination that notes when it took what. `answers` as in Sink; what is not a whole 2xx is no taking."""

    def __init__(self, name, answers):
        self.name = name
        self.taken = {}  # number: [(came, answered), ...]
        self.tries = 0
        super().__init__(answers)

    def _received(self, request):
        answer = self.answers(request, self.tries)  # the request itself is not kept: a long run has many
        self.tries += 1
        odd = answer.get("reset") or answer.get("hang") or "raw" in answer or "drip" in answer
        whole = answer.get("whole") or not odd  # as Penstock sees it
        if whole and 200 <= answer.get("status", 200) < 300:
            n = int(re.search(rb'"seq":(\d+)', request.body).group(1))
            self.taken.setdefault(n, []).append((request.at, request.at + answer.get("delay", 0)))
        return answer


def tool(name):
    """A program that is built beside Penstock, or beside the release build."""
    for folder in (os.path.dirname(os.path.abspath(harness.PENSTOCK)), os.path.join(HERE, "../../build/release")):
        path = os.path.join(folder, "tests", name)
        if os.access(path, os.X_OK):
            return path
    raise Broken("%s was not built" % name)


class Records:
    """What a program writes to its standard output, record by record, on a thread of its own."""

    def __init__(self, layout, on_record, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.layout, self.on_record = struct.Struct(layout), on_record
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        rest = b""
        while True:
            got = self.process.stdout.read1(1 << 16)
            if not got:
                return
            rest += got
            whole = len(rest) - len(rest) % self.layout.size
            for record in self.layout.iter_unpack(rest[:whole]):
                self.on_record(*record)
            rest = rest[whole:]

    def wait(self, seconds):
        """Until all that it had to say is read; whether it has ended."""
        self.thread.join(seconds)
        return not self.thread.is_alive() and self.process.wait(seconds) is not None


class FastTaker:
    """A destination that takes everything at once."""

    def __init__(self, name):
        self.name, self.taken, self.tries, self.port = name, {}, 0, harness.free_port()
        self.records = Records("=QQ", self._took, tool("bench_sink"), str(self.port), "1", "tell")
        wait_for(self._listens, "a destination to listen")

    def _listens(self):
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def _took(self, n, came_ns):
        self.tries += 1
        self.taken.setdefault(n, []).append((came_ns / 1e9, came_ns / 1e9))

    def close(self):
        self.records.process.kill()
        self.records.wait(10)


class Load:
    """Signed events with numbers of their own at a steady rate (load.c), and what their senders were told."""

    def __init__(self, ports, rate, senders=100, pad=1000, first=0):
        self.accepted, self.refused, self.unknown = {}, {}, {}  # number: time of its answer, or of giving up
        self.said = {}  # status or error: how often
        self.sent_at = {}
        self.slowest = 0
        self.began = time.monotonic()
        self.records = Records("=QQQq", self._told, tool("chaos_load"), str(rate), str(senders), str(pad), str(first),
                               harness.SECRET)
        self.ports = ports

    @property
    def ports(self):
        return self._ports

    @ports.setter
    def ports(self, ports):
        self._ports = list(ports)
        self.records.process.stdin.write(b"%s\n" % " ".join(map(str, ports)).encode())
        self.records.process.stdin.flush()

    def _told(self, n, sent_ns, told_ns, status):
        self.sent_at[n] = sent_ns / 1e9
        kind = {-1: "no answer in time", -2: "broken connection"}.get(status, status)
        self.said[kind] = self.said.get(kind, 0) + 1
        if status < 0:
            self.unknown[n] = told_ns / 1e9
            return
        self.slowest = max(self.slowest, (told_ns - sent_ns) / 1e9)
        (self.accepted if status == 200 else self.refused)[n] = told_ns / 1e9

    def stop(self):
        self.records.process.stdin.close()
        if not self.records.wait(30):
            self.records.process.kill()
            raise Broken("a sender of the load hangs")
        if self.records.process.returncode != 0:
            raise Broken("the load has ended with %d: what it was told last is unknown" % self.records.process.returncode)


def _is_in(window, taking):
    since, until, _ = window
    came, answered = taking
    return came <= until and answered >= since


def _each_has_its_own(takings, windows):
    """Has each taking a window that no other one has used? The one that ends first is used first."""
    left = sorted(windows, key=lambda w: w[1])
    for taking in sorted(takings):
        window = next((w for w in left if _is_in(w, taking)), None)
        if window is None:
            return False
        left.remove(window)
    return True


class Room:
    def __init__(self, name, seed, scale=1.0):
        self.name, self.scale = name, scale
        self.random = random.Random("%s %s" % (seed, name))
        self.flow = Flow()
        self.nodes, self.workers, self.clients, self.sinks = [], 2, [], {}
        self.load = self.store = self.control = None
        self.others = []  # masters besides the store
        self.spares = 0   # journals that may be kept although no worker needs them now
        self.windows, self.allowed_lost, self.notes = [], 0, []
        self.slow_answers = False  # a frozen node cannot answer in time
        self.loud = []             # texts of error lines that belong to the scenario
        self.errors_expected = False
        self.healed_at = None
        self.refuses_nothing = False
        self.recovers_within = RECOVERED_WITHIN

    # --- parts

    def redis(self, *options, env=None):
        self.store = self.flow.redis(*options, env=env)
        self.base = self.store.memory()
        return self.store

    def client(self):
        client = Client(self.store.port)
        self.clients.append(client)
        return client

    def command(self, *args):
        """One command to Redis, at once: starting a redis-cli takes too long to know when it struck."""
        for again in (False, True):
            if self.control is None:
                self.control = self.client()
            try:
                return self.control(*args)
            except OSError:
                self.control = None
                if again:
                    raise

    def sink(self, name, answers=None):
        sink = self.sinks[name] = Taker(name, answers) if answers else FastTaker(name)
        self.flow.parts.append(sink.close)
        return sink

    def node(self, start=True, port=None, at=None, workers=None, name=None, destinations=None, **more):
        """One more node; the first makes Redis and two destinations if there are none yet."""
        embedded = more.pop("embedded", False)
        if self.store is None and port is None and at is None and not embedded:
            self.redis()
        if not self.sinks:
            self.sink("a")
            self.sink("b")
        more.setdefault("retention", "{ history: 1s }")
        more.setdefault("retry", "{schedule: [300ms, 500ms, 1s, ...], jitter: 0%}")
        more.setdefault("destination_more", ", timeout: 5s, breaker: { open_after: 20, probe_every: 1s }")
        target = at or (self.store if port is None else At(port))
        p = self.flow.penstock(destinations or self.sinks, target, start=False, workers=workers or self.workers,
                               name=name or "node%d" % len(self.nodes), **more)
        with open(p.config) as f:
            text = f.read()
        with open(p.config, "w") as f:
            f.write(text.replace("level: debug", "level: info"))
        p.worker_count = workers or self.workers
        self.nodes.append(p)
        if start:
            p.start()
        if embedded:
            self.store = Embedded(p)
            self.base = int(self.store.info("used_memory"))
        return p

    def begin(self, nodes=1, rate=300, warm=150, senders=100, **more):
        """Nodes (unless there are some), a load over all of them, and the first events accepted."""
        while len(self.nodes) < nodes:
            self.node(**more)
        self.load = Load([p.port for p in self.nodes], rate * self.scale, senders)
        self.more(warm)
        return self.nodes[0] if nodes == 1 else self.nodes

    # --- the course of things

    def more(self, n, seconds=None):
        """Waits until n more events were accepted."""
        n = max(1, int(n * self.scale))
        goal = len(self.load.accepted) + n
        wait_for(lambda: len(self.load.accepted) >= goal, "%d more events to be accepted (said: %s)" % (n, self.load.said),
                 seconds or PATIENCE)

    def while_load_runs(self, seconds):
        """Lets the load run: how long a fault lasts is what a scenario is about."""
        time.sleep(seconds)

    def some_time(self, least, most):
        self.while_load_runs(self.random.uniform(least, most))

    @contextlib.contextmanager
    def may_repeat(self, before=COMMITTED_AFTER, all_of_it=False):
        """Attempts that are in flight, or whose outcome is not committed, from `before` until the end of the block;
        `all_of_it`: whatever has been taken by then, for the record of it is gone."""
        now = time.monotonic()
        before += now - max(self.load.accepted.values(), default=now)  # Redis may have been silent for a while
        window = [0, float("inf"), float("inf")] if all_of_it else [now - before, float("inf"), now + SENT_UNTIL]
        self.windows.append(window)
        yield
        window[1] = time.monotonic()

    def healed(self):
        """The fault is over: from here on the time to recover counts."""
        self.load.ports = [p.port for p in self.alive()] or self.load.ports
        self.healed_at = time.monotonic()

    def restart(self, node, seconds=None):
        node.start(seconds=seconds or PATIENCE)
        self.load.ports = [p.port for p in self.alive()]

    def wait_said(self, node, text, since=0, seconds=None):
        wait_for(lambda: text in node.text(since), "a log line %r" % text, seconds or PATIENCE)

    def note(self, text):
        self.notes.append(text)

    @staticmethod
    def here(node):
        """Where its log ends now."""
        return os.path.getsize(node.log_path)

    def keys(self, pattern, store=None):
        client = Client((store or self.store).port)
        try:
            found, cursor = [], "0"
            while True:
                cursor, page = client("SCAN", cursor, "MATCH", pattern, "COUNT", 1000)
                found += page
                if cursor == "0":
                    return found
        finally:
            client.close()

    # --- the ledger

    def lost(self):
        """(destination, number) of what was accepted and not taken; a dictionary is copied at once, in one step."""
        accepted = list(self.load.accepted)
        return [(name, n) for name, sink in self.sinks.items() for n in accepted if n not in sink.taken]

    def untold(self):
        """(destination, number) of what was taken and, now that the load has ended, never sent: it may have been accepted."""
        return [(name, n) for name, sink in self.sinks.items() for n in list(sink.taken) if n not in self.load.sent_at]

    def repeats(self):
        """How often a delivery came again, how often one may have, and those that had no excuse."""
        again, bound, without = 0, 0, []
        for name, sink in self.sinks.items():
            for n, times in list(sink.taken.items()):
                sent = self.load.sent_at.get(n, float("inf"))
                windows = [w for w in self.windows if sent <= w[2] and any(_is_in(w, taking) for taking in times)]
                bound += len(windows)
                again += len(times) - 1
                if not _each_has_its_own(times[:-1], windows):
                    without.append((name, n, [round(came - self.load.began, 3) for came, _ in times]))
        return again, bound, without

    def recovery(self):
        """Seconds from the end of the fault until events were accepted again, and none was refused any more."""
        if self.healed_at is None:
            return None
        since = {n: at for n, at in list(self.load.sent_at.items()) if at >= self.healed_at}
        taken = [self.load.accepted[n] for n in since if n in self.load.accepted]
        refused = [at for n, at in since.items() if n in self.load.refused or n in self.load.unknown]
        return max([min(taken, default=float("inf")), *refused]) - self.healed_at

    # --- quiet

    def alive(self):
        return [p for p in self.nodes if p.process is not None and p.process.poll() is None]

    def settle_down(self):
        """Waits until all that was accepted has arrived and nothing of it is left anywhere."""
        deadline = time.monotonic() + PATIENCE
        while len(self.lost()) > self.allowed_lost and time.monotonic() < deadline:
            time.sleep(0.05)  # poll
        wanted = sum(p.worker_count for p in self.alive())
        left = []

        def look_at(store):
            client = Client(store.port)
            keys = self.keys("penstock:*", store)
            for key in keys:
                kind = key.rsplit("}:", 1)[-1].split(":")[0]
                if kind in ("event", "due", "requests"):
                    left.append(key)
                if kind == "owner" and client("GET", key) == "free":
                    left.append(key + " (free)")
                if kind == "settled":
                    base = key[:-len("settled")]
                    entries = client("XLEN", base + "journal")
                    if client("GET", base + "owner") is None:
                        left.append(base + " has no owner")
                    if isinstance(entries, Exception) or entries > 150:
                        left.append("%sjournal: %s entries" % (base, entries))
            used = int(re.search(r"used_memory:(\d+)", client("INFO", "memory")).group(1))
            if used > self.base + MEMORY_SLACK:
                left.append("Redis uses %d KiB more than before" % ((used - self.base) >> 10))
            client.close()
            return sum(key.endswith(":settled") for key in keys)

        def is_quiet():
            left.clear()
            journals = sum(look_at(store) for store in [self.store, *self.others])
            if not wanted <= journals <= wanted + self.spares:
                left.append("%d journals for %d workers" % (journals, wanted))
            return not left
        deadline = time.monotonic() + PATIENCE
        while not is_quiet():
            if time.monotonic() > deadline:
                raise Broken("left behind: " + "; ".join(left[:6]))
            time.sleep(0.25)  # poll

    def check_logs(self):
        for p in self.nodes:
            for line in p.text().splitlines():
                bad = "impossible state" in line or "Sanitizer" in line or "runtime error:" in line
                if '"level":"error"' in line and not self.errors_expected:
                    bad = bad or not any(text in line for text in self.loud)
                if bad:
                    raise Broken("%s said: %s" % (os.path.basename(p.folder), line[:500]))

    def verdict(self):
        """What is wrong, or None."""
        lost, untold = self.lost(), self.untold()
        again, bound, without = self.repeats()
        if len(lost) > self.allowed_lost:
            return "LOST %d, as %s" % (len(lost), lost[:5])
        if untold:
            return "%d were taken that the load says nothing of, as %s" % (len(untold), untold[:5])
        if without:
            return "%d came again without an excuse, as %s" % (len(without), without[:3])
        strange = {status: n for status, n in self.load.said.items() if isinstance(status, int) and status not in (200, 503)}
        if strange:
            return "answers other than 200 and 503: %s" % strange
        if self.refuses_nothing and (self.load.refused or self.load.unknown):
            return "nothing should have been refused: %s" % self.load.said
        if self.load.slowest > ANSWER_WITHIN and not self.slow_answers:
            return "an answer took %.1f s" % self.load.slowest
        if self.recovery() is not None and self.recovery() > self.recovers_within:
            return "it took %.1f s to recover" % self.recovery()
        return None

    def end(self):
        """Quiet, the checks, an orderly stop. Returns what is wrong, or None."""
        if self.load is not None:
            if self.healed_at is not None:
                self.more(50)
            self.load.stop()
            try:
                self.settle_down()
            except Broken as e:
                return self.verdict() or str(e)
            wrong = self.verdict()
            if wrong:
                return wrong
        for p in self.alive():
            if p.stop() != 0:
                return "%s did not stop in order" % os.path.basename(p.folder)
        self.check_logs()
        return self.verdict() if self.load is not None else None

    def stop_load(self):
        if self.load is not None:
            self.load.stop()

    def close(self, failed):
        for client in self.clients:
            client.close()
        for p in self.nodes:
            if failed and p.process is not None and p.process.poll() is None:
                p.process.kill()
                p.process.wait()
        self.flow.close(failed=False)

    def row(self):
        if self.load is None:
            return {}
        again, bound, _ = self.repeats()
        return {"sent": len(self.load.sent_at), "accepted": len(self.load.accepted), "refused": len(self.load.refused),
                "unknown": len(self.load.unknown), "lost": len(self.lost()), "again": again, "bound": bound,
                "recovery": self.recovery(), "notes": self.notes}
