"""Real parts for the flow tests: redis-server, penstock, destinations and senders on 127.0.0.1.

Everything a test starts belongs to its Flow and is ended by pid when it is over. Nothing sleeps for a
fixed time: each wait has a condition and a deadline."""
import asyncio
import hashlib
import hmac
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PENSTOCK = os.environ.get("PENSTOCK", os.path.join(os.path.dirname(__file__), "../../build/release/penstock"))
SECRET = "whsec_flow_test"
# Sanitized and loaded machines are slow: a deadline says "never", not "fast".
PATIENCE = float(os.environ.get("PENSTOCK_PATIENCE", "30"))


def wait_for(condition, what, seconds=None):
    """Polls until condition() is true and returns its value; fails loudly with `what`."""
    deadline = time.monotonic() + (seconds or PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain for: " + what)
        time.sleep(0.005)  # poll


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


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
        body = answer.get("body", b"" if answer.get("status") == 204 else b"ok")
        head = "HTTP/1.1 %d X\r\nContent-Length: %d\r\n" % (answer.get("status", 200), len(body))
        for name, value in answer.get("headers", {}).items():
            head += "%s: %s\r\n" % (name, value)
        if not self.transport.is_closing():
            self.transport.write(head.encode("latin-1") + b"\r\n" + body)
        self.busy = False
        if self.buffer:
            self._next()


class Sink:
    """A destination. `answers` is a function from (request, how many came before) to a dict: status,
    headers, body, delay (s), reset, hang, raw."""

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


class Redis:
    def __init__(self, folder, *options):
        self.folder, self.port, self.options, self.process = folder, free_port(), options, None
        os.makedirs(folder, exist_ok=True)
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
             "--appendonly", "yes", "--appendfsync", "always", "--logfile", "redis.log", *self.options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(lambda: self.command("PING") == b"+PONG", "redis-server to answer")

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

    def memory(self):
        return int(re.search(r"used_memory:(\d+)", self.cli("INFO", "memory")).group(1))

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait(PATIENCE)

    def stop(self):
        if self.process.poll() is None:
            self.kill()


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
        m = re.search(r'"msg":"ready".*?"listen":"[^"]*:(\d+)","admin":"[^"]*:(\d+)"', self.text(self.log_from))
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

    def admin(self, path, method="GET"):
        c = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
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


class Flow:
    """What one test runs on. `config` names destinations and what differs from the defaults."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="penstock-flow.")
        self.parts = []

    def redis(self, *options):
        redis = Redis(os.path.join(self.folder, "redis%d" % len(self.parts)), *options)
        self.parts.append(redis.stop)
        return redis

    def sink(self, answers=None):
        sink = Sink(answers)
        self.parts.append(sink.close)
        return sink

    def penstock(self, destinations, redis=None, retry="{schedule: [200ms, 500ms, 1s, 1s, ...], jitter: 0%}",
                 more="", destination_more="", sources=None, routes=None, start=True, name="node", durability="fsync",
                 listen_more="", retention=None, workers=2):
        lines = ["version: 1",
                 "workers: %d" % workers,
                 "listen: { address: '127.0.0.1:0' %s }" % listen_more,
                 "admin: { address: '127.0.0.1:0' }",
                 "data_dir: %s" % os.path.join(self.folder, name, "data")]
        if redis is not None:
            lines.append("redis: { url: 'redis://127.0.0.1:%d', durability: %s%s }" % (
                redis.port, durability, ", retention: %s" % retention if retention else ""))
        elif retention:
            lines.append("redis: { retention: %s }" % retention)
        lines.append("log: { level: debug, format: json }")
        lines.append("sources:")
        for source in sources or ["stripe: { verify: stripe, secret: '%s' }" % SECRET]:
            lines.append("  " + source)
        lines.append("defaults: { destination: { retry: %s %s } }" % (retry, destination_more))
        lines.append("destinations:")
        for key, value in destinations.items():
            url = "http://127.0.0.1:%d/%s" % (value.port, key) if isinstance(value, Sink) else value
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
        with self.lock:
            n = self.next
            self.next += 1
            return n, self.began + (n - self.first) / self.rate

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
