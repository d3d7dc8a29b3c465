"""Real parts for the flow tests: redis-server, penstock, destinations and senders on 127.0.0.1.

Everything a test starts belongs to its Flow and is ended by pid when it is over. Nothing sleeps for a
fixed time: each wait has a condition and a deadline."""
import asyncio
import collections
import hashlib
import hmac
import http.client
import json
import os
import random
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

PENSTOCK = os.environ.get("PENSTOCK", os.path.join(os.path.dirname(__file__), "../../build/release/penstock"))
SERVER = os.environ.get("PENSTOCK_REDIS_SERVER", "redis-server")  # or valkey-server
SECRET = "whsec_flow_test"
# Sanitized and loaded machines are slow: a deadline says "never", not "fast".
PATIENCE = float(os.environ.get("PENSTOCK_PATIENCE", "30"))
# How often longer than in a release build what has a bound may take: sanitizers have their price.
SLOWNESS = float(os.environ.get("PENSTOCK_SLOWNESS", "1"))


def wait_for(condition, what, seconds=None):
    """Polls until condition() is true and returns its value; fails loudly with `what`, a text or what tells one."""
    deadline = time.monotonic() + (seconds or PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain for: " + (what() if callable(what) else what))
        time.sleep(0.005)  # poll


claimed = collections.deque(maxlen=200)


def free_port():
    """Below the ports that the system gives to connections: nobody gets it by chance before it is used, nor another
    test meanwhile, for a name goes with it that lives no longer than this process."""
    while True:
        port = random.SystemRandom().randrange(10000, 32000)
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind("\0penstock-test-port-%d" % port)
            with socket.socket() as s:  # a child that is being forked may keep it for a moment: who listens then asks so, too
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        claimed.append(claim)
        return port


def writable_memory(pid):
    """(where, bytes): all that the process has of its own; not what a sanitizer has reserved."""
    found = []
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for begin, end, may, name in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+ *(.*)$", maps.read(), re.MULTILINE):
            first, end = int(begin, 16), int(end, 16)
            if may.startswith("rw-p") and end - first <= 256 << 20:
                memory.seek(first)
                found.append((name or begin, memory.read(end - first)))
    return found


def sign_stripe(body, secret=SECRET, at=None):
    at = int(at if at is not None else time.time())
    digest = hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return {"Stripe-Signature": "t=%d,v1=%s" % (at, digest)}


def sign_github(body, secret=SECRET):
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


class Request:
    __slots__ = ("method", "target", "headers", "raw_headers", "body", "at")

    def header(self, name):
        return self.headers.get(name.lower())


class _Connection(asyncio.Protocol):
    """A server connection that is just strict enough; bytes are kept as they came."""

    def __init__(self, sink):
        self.sink, self.buffer, self.busy = sink, b"", False

    def connection_made(self, transport):
        self.transport = transport
        self.sink.connections += 1
        self.sink.open.add(transport)

    def connection_lost(self, exc):
        self.sink.open.discard(self.transport)

    def data_received(self, data):
        self.buffer += data
        if not self.busy:
            self._next()

    def _next(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        lines = self.buffer[:end].split(b"\r\n")
        raw = [tuple(line.split(b": ", 1)) for line in lines[1:]]
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in raw}
        length = int(headers.get("content-length", "0"))
        if len(self.buffer) < end + 4 + length:
            return
        r = Request()
        r.method, r.target, _ = lines[0].decode("latin-1").split(" ", 2)
        r.headers, r.raw_headers = headers, raw
        r.body = self.buffer[end + 4:end + 4 + length]
        r.at = time.monotonic()
        self.buffer = self.buffer[end + 4 + length:]
        self.busy = True
        answer = self.sink._received(r)
        if answer.get("delay"):
            asyncio.get_running_loop().call_later(answer["delay"], self._answer, answer)
        else:
            self._answer(answer)

    def _answer(self, answer):
        if answer.get("reset"):
            self.transport.abort()
            return
        if answer.get("hang"):
            return
        if "raw" in answer:
            self.transport.write(answer["raw"])
            self.transport.close()
            return
        if "drip" in answer:
            self._drip(b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\nok", answer["drip"])
            return
        body = answer.get("body", b"" if answer.get("status") == 204 else b"ok")
        head = "HTTP/1.1 %d X\r\nContent-Length: %d\r\n" % (answer.get("status", 200), len(body))
        for name, value in answer.get("headers", {}).items():
            head += "%s: %s\r\n" % (name, value)
        if not self.transport.is_closing():
            self.transport.write(head.encode("latin-1") + b"\r\n" + body)
        self.busy = False
        if self.buffer:
            self._next()

    def _drip(self, data, pause):
        if data and not self.transport.is_closing():
            self.transport.write(data[:1])
            asyncio.get_running_loop().call_later(pause, self._drip, data[1:], pause)


class Sink:
    """A destination. `answers` is a function from (request, how many came before) to a dict: status,
    headers, body, delay (s), reset, hang, raw, drip (s between the bytes of a 200)."""

    def __init__(self, answers=None, port=None):
        self.requests, self.connections, self.open = [], 0, set()
        self.answers = answers or (lambda request, before: {})
        self.changed = threading.Condition()
        self.loop = asyncio.new_event_loop()
        self.context = getattr(self, "context", None)  # of ssl, for https
        self.port = port or free_port()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.listening = threading.Event()
        self.server = None
        self.thread.start()
        assert self.listening.wait(PATIENCE)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._listen())
        self.listening.set()
        self.loop.run_forever()

    async def _listen(self):
        self.server = await self.loop.create_server(lambda: _Connection(self), "127.0.0.1", self.port,
                                                    reuse_address=True, backlog=1024, ssl=self.context)

    async def _unlisten(self):
        self.server.close()
        for transport in list(self.open):
            transport.abort()

    def _received(self, request):
        with self.changed:
            before = len(self.requests)
            self.requests.append(request)
            self.changed.notify_all()
        return self.answers(request, before)

    def down(self):
        """Refuses connections until up()."""
        asyncio.run_coroutine_threadsafe(self._unlisten(), self.loop).result(PATIENCE)

    def up(self):
        asyncio.run_coroutine_threadsafe(self._listen(), self.loop).result(PATIENCE)

    def wait(self, n, seconds=None):
        deadline = time.monotonic() + (seconds or PATIENCE)
        with self.changed:
            while len(self.requests) < n:
                left = deadline - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError("%d of %d requests came" % (len(self.requests), n))
            return self.requests[:n]

    def bodies(self):
        return [r.body for r in list(self.requests)]

    def close(self):
        self.down()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(PATIENCE)


class NoClock(Exception):
    """There is none that could be turned."""


def wrong_clock(folder):
    """The environment of a process whose wall clock obeys turn(seconds); its other clocks stay true (chaos/clock.c), unless
    turn(seconds, passed) lets them run ahead, too, as after so long a sleep."""
    library = os.path.join(os.path.dirname(os.path.abspath(PENSTOCK)), "tests", "libchaos_clock.so")
    if not os.path.exists(library):
        raise NoClock("%s was not built, as under sanitizers, which want to be loaded first" % library)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "offset")

    def turn(seconds, passed=0):
        with open(path, "r+b" if os.path.exists(path) else "w+b") as f:  # in place: it is mapped
            f.write(struct.pack("=qq", seconds, passed))
    turn(0)
    return {"LD_PRELOAD": library, "CHAOS_CLOCK": path}, turn


def processor_s(*processes):
    """What they have taken so far, and what has ended of ours: on an idle machine it is the time that passes."""
    took = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    for p in processes:
        with open("/proc/%d/stat" % p.pid) as f:
            took += sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13])) / os.sysconf("SC_CLK_TCK")
    return took


class Redis:
    def __init__(self, folder, *options, program=SERVER, env=None):
        self.folder, self.port, self.options, self.process = folder, free_port(), options, None
        self.program, self.env = program, env or {}
        os.makedirs(folder, exist_ok=True)
        self.start()

    def directive(self):
        """What names it in Penstock's configuration."""
        return "url: 'redis://127.0.0.1:%d'" % self.port

    def start(self):
        self.process = subprocess.Popen(
            [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
             "--appendonly", "yes", "--appendfsync", "always", "--logfile", "redis.log", *self.options],
            env={**os.environ, **self.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            restore_signals=False)  # SIGXFSZ stays ignored: a limit of file sizes is to it a full disk
        try:
            wait_for(lambda: self.command("PING") == b"+PONG", "redis-server to answer")
        except AssertionError:
            self.process.kill()
            raise

    def command(self, *args):
        """One command, the raw first line of its answer; None when nobody answers."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 2) as s:
                s.sendall(b"*%d\r\n" % len(args) + b"".join(
                    b"$%d\r\n%s\r\n" % (len(a), a) for a in (str(x).encode() for x in args)))
                return s.makefile("rb").readline().rstrip()
        except OSError:
            return None

    def cli(self, *args):
        out = subprocess.run(["redis-cli", "-p", str(self.port), *map(str, args)], capture_output=True, text=True)
        return out.stdout.strip()

    def info(self, name):
        found = re.search(r"^%s:(.*?)\r?$" % name, self.cli("INFO", "everything"), re.M)
        return found.group(1) if found else None

    def cluster(self, name):
        found = re.search(r"^%s:(.*?)\r?$" % name, self.cli("CLUSTER", "INFO"), re.M)
        return found.group(1) if found else None

    def memory(self):
        return int(self.info("used_memory"))

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait(PATIENCE)

    def stop(self):
        if self.process.poll() is None:
            self.kill()


class Sentinels:
    """A master, its replicas and the sentinels over them; `master` is whichever the sentinels name."""

    def __init__(self, flow, replicas=1, down_after_ms=1000):
        self.flow, self.name = flow, "main"
        self.servers = [flow.redis("--repl-diskless-sync-delay", "0")]
        for _ in range(replicas):
            self.servers.append(flow.redis("--replicaof", "127.0.0.1 %d" % self.servers[0].port))
        for replica in self.servers[1:]:
            wait_for(lambda: replica.info("master_link_status") == "up", "the replica to be in sync")
        self.sentinels = []
        for i in range(3):
            self.sentinels.append(SentinelProcess(flow, "sentinel%d" % i, self.servers[0].port, down_after_ms))
        for s in self.sentinels:
            wait_for(lambda: self._knows_all(s, replicas), "the sentinels to know each other")

    @staticmethod
    def _knows_all(sentinel, replicas):
        words = sentinel.cli("SENTINEL", "MASTER", "main").split("\n")
        known = dict(zip(words[::2], words[1::2]))
        return known.get("num-other-sentinels") == "2" and known.get("num-slaves") == str(replicas)

    @property
    def master(self):
        port = int(self.sentinels[-1].cli("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main").split("\n")[1])
        return next(r for r in self.servers if r.port == port)

    def directive(self):
        return "sentinel: { master: main, nodes: ['%s'] }" % "', '".join(
            "127.0.0.1:%d" % s.port for s in self.sentinels)


class SentinelProcess(Redis):
    def __init__(self, flow, name, master_port, down_after_ms, quorum=2, options=()):
        folder = os.path.join(flow.folder, name)
        os.makedirs(folder)
        self.path = os.path.join(folder, "sentinel.conf")
        with open(self.path, "w") as f:
            f.write("sentinel monitor main 127.0.0.1 %d %d\nsentinel down-after-milliseconds main %d\n"
                    "sentinel failover-timeout main 10000\n" % (master_port, quorum, down_after_ms))
        super().__init__(folder, *options)
        flow.parts.append(self.stop)

    def start(self):
        self.process = subprocess.Popen(
            [SERVER, self.path, "--sentinel", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder,
             "--logfile", "sentinel.log", *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.command("PING") == b"+PONG", "a sentinel to answer")


class Cluster:
    """A Redis Cluster of three masters, each perhaps with a replica. Slots are given out unless `made` is False."""

    def __init__(self, flow, replicas=0, made=True, *options, tls=False):
        self.flow = flow
        self.servers, self.tls_ports = [], []
        for _ in range(3 * (1 + replicas)):
            if tls:
                self.tls_ports.append(free_port())
            self.servers.append(flow.redis(
                "--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-node-timeout", "1500",
                "--cluster-require-full-coverage", "no", "--cluster-port", str(free_port()),
                "--repl-diskless-sync-delay", "0", "--cluster-allow-replica-migration", "no", *options,
                *(("--tls-port", str(self.tls_ports[-1])) if tls else ())))
        self.masters, self.replicas = self.servers[:3], self.servers[3:]
        if made:
            self.make()

    def make(self):
        for i, m in enumerate(self.masters):
            m.cli("CLUSTER", "ADDSLOTSRANGE", i * 5461, 16383 if i == 2 else i * 5461 + 5460)
            m.cli("CLUSTER", "SET-CONFIG-EPOCH", i + 1)
        first = self.servers[0]
        bus = first.options[first.options.index("--cluster-port") + 1]
        for s in self.servers[1:]:
            s.cli("CLUSTER", "MEET", "127.0.0.1", first.port, bus)
        for s in self.servers:
            wait_for(lambda: s.cluster("cluster_known_nodes") == str(len(self.servers)), "the cluster to meet")
        for i, s in enumerate(self.replicas):
            ident = self.masters[i % 3].cli("CLUSTER", "MYID")
            wait_for(lambda: s.cli("CLUSTER", "REPLICATE", ident) == "OK", "a replica to be one")
        for s in self.servers:
            wait_for(lambda: s.cluster("cluster_state") == "ok" and s.cluster("cluster_slots_ok") == "16384",
                     "the cluster to be up")
        for s in self.replicas:
            wait_for(lambda: s.info("master_link_status") == "up", "a replica to be in sync")

    def directive(self):
        return self.servers[0].directive()

    def owner_of(self, slot, asked=None):
        """The server that has the slot, as the first of `asked` sees it that is alive."""
        for s in asked or self.servers:
            if s.command("PING") != b"+PONG":
                continue
            for line in s.cli("CLUSTER", "NODES").split("\n"):
                words = line.split(" ")
                for part in words[8:]:
                    first, _, last = part.partition("-")
                    if first.isdigit() and int(first) <= slot <= int(last or first):
                        port = int(words[1].split("@")[0].rsplit(":", 1)[1])
                        return next(r for r in self.servers if r.port == port)
        return None

    def journals(self):
        """Where each journal lies: {name: server}."""
        found = {}
        for m in self.masters + self.replicas:
            if m.command("PING") == b"+PONG" and m.info("role") == "master":
                for key in m.cli("--scan", "--pattern", "*:owner").split():
                    if len(m.cli("GET", key)) == 32:  # an owner's token, not "free"
                        found[key.split("{")[1].split("}")[0]] = m
        return found

    def move(self, slot, to):
        """Reshards one slot with all of its keys."""
        source = self.owner_of(slot)
        names = source.cli("CLUSTER", "MYID"), to.cli("CLUSTER", "MYID")
        assert to.cli("CLUSTER", "SETSLOT", slot, "IMPORTING", names[0]) == "OK"
        assert source.cli("CLUSTER", "SETSLOT", slot, "MIGRATING", names[1]) == "OK"
        while True:
            keys = source.cli("CLUSTER", "GETKEYSINSLOT", slot, 3).split()
            if not keys:
                break
            said = source.cli("MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "KEYS", *keys)
            assert said in ("OK", "NOKEY"), said
        for m in [to, source] + [m for m in self.masters if m not in (to, source)]:
            m.cli("CLUSTER", "SETSLOT", slot, "NODE", names[1])


class Penstock:
    def __init__(self, folder, config, env=None):
        self.folder, self.process, self.log, self.env = folder, None, b"", env or {}
        self.prefix = []  # of its command line
        os.makedirs(folder, exist_ok=True)
        self.config = os.path.join(folder, "penstock.yaml")
        with open(self.config, "w") as f:
            f.write(config)
        self.log_path = os.path.join(folder, "penstock.log")

    def start(self, ready=True, seconds=None):
        environment = dict(os.environ)
        environment.pop("REDIS_URL", None)
        environment.update(self.env)
        self.log_from = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        self.process = subprocess.Popen([*self.prefix, PENSTOCK, "run", "-c", self.config], cwd=self.folder, env=environment,
                                        stdout=subprocess.DEVNULL, stderr=open(self.log_path, "ab"))
        if ready:
            wait_for(self._look_ready, "penstock to be ready", seconds)
        return self

    def _look_ready(self):
        if self.process.poll() is not None:
            raise AssertionError("penstock ended with %d:\n%s" % (self.process.returncode, self.text()))
        m = re.search(r'"msg":"ready".*?"listen":"[^"]*:(\d+)","admin":"[^"]*:(\d+)"', self.text(self.log_from)) or \
            re.search(r' ready .*?listen=\S*:(\d+) admin=\S*:(\d+)', self.text(self.log_from))
        if m:
            self.port, self.admin_port = int(m.group(1)), int(m.group(2))
        return m

    def text(self, offset=0):
        with open(self.log_path, errors="replace") as f:
            f.seek(offset)
            return f.read()

    def wait_log(self, text, seconds=None):
        wait_for(lambda: text in self.text(), "the log to say %r; it says:\n%s" % (text, self.text()[-2000:]), seconds)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=None):
        return self.process.wait(seconds or PATIENCE)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self):
        """In order; whatever a sanitizer had to say fails the test."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("penstock did not stop:\n" + self.text()[-3000:])
        text = self.text()
        assert "Sanitizer" not in text and "runtime error:" not in text, text[-6000:]
        assert "impossible state" not in text, text[-3000:]
        return self.process.returncode

    # --- talking to it

    def post(self, path, body, headers=None, method="POST", timeout=10):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            c.request(method, path, body, headers or {})
            r = c.getresponse()
            r.body = r.read()
            return r
        finally:
            c.close()

    def stripe(self, body, path="/hooks/stripe", **more):
        return self.post(path, body, {**sign_stripe(body), "Content-Type": "application/json", **more})

    def admin(self, path, method="GET", timeout=10):
        c = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=timeout)
        try:
            c.request(method, path)
            r = c.getresponse()
            return r.status, r.read().decode()
        finally:
            c.close()

    def api(self, path, method="GET"):
        status, text = self.admin(path, method)
        return json.loads(text) if 200 <= status < 300 else None

    def metric(self, name):
        """The sum of all series of that name."""
        return sum(float(line.rsplit(" ", 1)[1]) for line in self.admin("/metrics")[1].splitlines()
                   if re.match(re.escape(name) + r"[{ ]", line))


def _fast_folder():
    """In memory, where there is room: the syncs of many tests at once make a disk stand still for seconds."""
    folder = os.environ.get("TMPDIR", "/dev/shm")
    try:
        room = os.statvfs(folder)
        return folder if room.f_bavail * room.f_frsize > 2 << 30 and os.access(folder, os.W_OK) else None
    except OSError:
        return None


class Flow:
    """What one test runs on. `config` names destinations and what differs from the defaults."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="penstock-flow.", dir=_fast_folder())
        self.parts = []

    def redis(self, *options, program=SERVER, env=None):
        redis = Redis(os.path.join(self.folder, "redis%d" % len(self.parts)), *options, program=program, env=env)
        self.parts.append(redis.stop)
        return redis

    def sink(self, answers=None):
        sink = Sink(answers)
        self.parts.append(sink.close)
        return sink

    def penstock(self, destinations, redis=None, retry="{schedule: [200ms, 500ms, 1s, 1s, ...], jitter: 0%}",
                 more="", destination_more="", sources=None, routes=None, start=True, name="node", durability="fsync",
                 listen_more="", retention=None, workers=2, log_format="json"):
        lines = ["version: 1",
                 "workers: %d" % workers,
                 "listen: { address: '127.0.0.1:0' %s }" % listen_more,
                 "admin: { address: '127.0.0.1:0' }",
                 "data_dir: %s" % os.path.join(self.folder, name, "data")]
        if redis is not None:
            lines.append("redis: { %s, durability: %s%s }" % (
                redis.directive(), durability, ", retention: %s" % retention if retention else ""))
        elif retention:
            lines.append("redis: { retention: %s }" % retention)
        lines.append("log: { level: debug, format: %s }" % log_format)
        lines.append("sources:")
        for source in sources or ["stripe: { verify: stripe, secret: '%s' }" % SECRET]:
            lines.append("  " + source)
        lines.append("defaults: { destination: { retry: %s %s } }" % (retry, destination_more))
        lines.append("destinations:")
        for key, value in destinations.items():
            url = value if isinstance(value, str) else "http://127.0.0.1:%d/%s" % (value.port, key)
            lines.append("  %s: %s" % (key, url if url.startswith("{") else '"%s"' % url))
        lines.append("routes:")
        for route in routes or ["{ from: '*', to: [%s] }" % ", ".join(destinations)]:
            lines.append("  - " + route)
        if more:
            lines.append(more)
        p = Penstock(os.path.join(self.folder, name), "\n".join(lines) + "\n")
        self.parts.append(p.stop)
        if start:
            p.start()
        return p

    def close(self, failed):
        error = None
        for stop in reversed(self.parts):
            try:
                stop()
            except Exception as e:  # every part must be ended, the first trouble is told
                error = error or e
        self._end_embedded()
        if failed or error:
            for root, _, files in os.walk(self.folder):
                for f in files:
                    if f == "penstock.log":
                        text = open(os.path.join(root, f), errors="replace").read()
                        print("--- %s\n%s" % (os.path.join(root, f), text[-6000:]), file=sys.stderr)
        shutil.rmtree(self.folder, ignore_errors=True)
        if error and not failed:
            raise error

    def _end_embedded(self):
        """An embedded store outlives a killed penstock: it is ours too."""
        for root, _, files in os.walk(self.folder):
            if "socket" in files:
                subprocess.run(["redis-cli", "-s", os.path.join(root, "socket"), "SHUTDOWN", "NOSAVE"],
                               capture_output=True)


class Load:
    """Posts signed, numbered bodies at a rate over a few connections; remembers what was acknowledged."""

    def __init__(self, penstock, rate, connections=8, first=0):
        self.port, self.rate, self.connections = penstock.port, rate, connections
        self.acknowledged, self.refused, self.unknown = set(), set(), set()
        self.latencies, self.first, self.next, self.running = [], first, first, True
        self.lock = threading.Lock()
        self.began = time.monotonic()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(connections)]
        for t in self.threads:
            t.start()

    def _take(self):
        """What a stall has missed is not caught up: a burst is more than the rate, by which others count."""
        with self.lock:
            n = self.next
            self.next += 1
            due = self.began + (n - self.first) / self.rate
            late = time.monotonic() - due
            if late > 0.25:
                self.began += late
            return n, due

    def _run(self):
        connection = None
        while self.running:
            n, due = self._take()
            delay = due - time.monotonic()
            if delay > 0:
                time.sleep(delay)  # the rate's own poll of the clock
            body = b'{"type":"load.test","seq":%d}' % n
            request = (b"POST /hooks/stripe HTTP/1.1\r\nHost: a\r\nStripe-Signature: %s\r\nContent-Length: %d\r\n\r\n" %
                       (sign_stripe(body)["Stripe-Signature"].encode(), len(body))) + body
            try:
                if connection is None:
                    connection = socket.create_connection(("127.0.0.1", self.port), 5)
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.sendall(request)
                status = self._status(connection)
                self.latencies.append(time.monotonic() - due)
                (self.acknowledged if status == 200 else self.refused).add(n)
            except (OSError, ValueError):
                self.unknown.add(n)
                connection = None

    @staticmethod
    def _status(connection):
        answer = b""
        while True:
            data = connection.recv(4096)
            if not data:
                raise OSError("closed")
            answer += data
            head, end, body = answer.partition(b"\r\n\r\n")
            if end:
                length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
                if len(body) >= length:
                    return int(answer[9:12])

    def stop(self):
        self.running = False
        for t in self.threads:
            t.join(PATIENCE)
            assert not t.is_alive(), "a sender of the load hangs"
        return self


def sequence(sink):
    """How often each number of a Load arrived at that destination."""
    counts = {}
    for body in sink.bodies():
        n = json.loads(body)["seq"]
        counts[n] = counts.get(n, 0) + 1
    return counts


def check(load, *sinks, twice=0):
    """Nothing acknowledged is missing anywhere; at most `twice` deliveries a destination came again."""
    for sink in sinks:
        wait_for(lambda: load.acknowledged <= set(sequence(sink)), "every acknowledged event to arrive")
        counts = sequence(sink)
        again = sum(n - 1 for n in counts.values())
        assert again <= twice, "%d duplicates, %d allowed" % (again, twice)


def unsettled(rate):
    """What may come twice to a destination when its owner dies, or its Redis loses its tail: attempts in flight, and
    outcomes whose commit was not answered, or not replicated. All are of the last 10 ms and a round trip; of 150 ms where
    more runs than the machine has cores."""
    return rate * 0.15 * SLOWNESS


def is_delivered(*nodes):
    """The journals that they have left are recovered, by whomever, and all that they hold has been tried: no more comes
    twice."""
    said = lambda what: sum(p.text(p.log_from).count(what) for p in nodes)
    wait_for(lambda: said("journal is recovered") >= said("leaving a journal"), "recovery")
    for p in nodes:
        wait_for(lambda: p.metric("penstock_lane_depth") == 0, "all that is held to be delivered")


def read_back(*nodes, journals=2):
    """The journals of those that died are recovered, and all that was left in them has been tried."""
    wait_for(lambda: sum(p.text(p.log_from).count("journal is recovered") for p in nodes) >= journals, "recovery")
    is_delivered(*nodes)
