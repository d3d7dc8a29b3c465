"""What a service manager sees of Penstock: its units, readiness, the watchdog, the sockets that it holds."""
import os
import re
import shutil
import socket
import subprocess

import harness
from harness import wait_for


UNITS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deps/package")


def _unit(name):
    with open(os.path.join(UNITS, name)) as f:
        return f.read()


def systemd_understands_its_units(flow):
    if shutil.which("systemd-analyze") is None:
        raise SystemExit(77)
    paths = []
    for name in ("penstock.service", "penstock.socket"):
        paths.append(os.path.join(flow.folder, name))
        with open(paths[-1], "w") as f:
            f.write(_unit(name).replace("/usr/bin/penstock ", os.path.abspath(harness.PENSTOCK) + " "))
    said = subprocess.run(["systemd-analyze", "verify", "--man=no", *paths], capture_output=True, text=True)
    ours = [line for line in said.stderr.splitlines() if "penstock" in line]  # not of the machine's other units
    assert not ours, ours


def a_long_load_of_its_store_is_not_cut_off(flow):
    """READY=1 waits for Redis, and systemd would wait 90 s."""
    assert re.search(r"^Type=notify$", _unit("penstock.service"), re.M)
    assert re.search(r"^TimeoutStartSec=infinity$", _unit("penstock.service"), re.M)


def reloads_as_its_unit_says(flow):
    """A plain listener has nothing to take, and says that it has looked."""
    p = flow.penstock({"billing": flow.sink()}, flow.redis())
    command = re.search(r"^ExecReload=(.*)$", _unit("penstock.service"), re.M).group(1)
    subprocess.run(["sh", "-c", command], env={**os.environ, "MAINPID": str(p.process.pid)}, check=True)
    p.wait_log('"configuration reloaded"')
    assert p.stripe(b"{}").status == 200


def _manager(flow):
    path = os.path.join(flow.folder, "notify")
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    s.settimeout(harness.PATIENCE)
    flow.parts.append(s.close)
    return path, s


def tells_the_service_manager_what_it_does(flow):
    path, manager = _manager(flow)
    p = flow.penstock({"billing": flow.sink()}, flow.redis(), start=False)
    p.env = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "300000"}
    p.start()
    told = [manager.recv(64)]
    while told.count(b"WATCHDOG=1") < 5 or b"READY=1" not in told:
        told.append(manager.recv(64))
    p.signal(15)
    while told[-1] != b"STOPPING=1":
        told.append(manager.recv(64))
    assert p.wait() == 0
    assert told.count(b"READY=1") == told.count(b"STOPPING=1") == 1, told


def serves_on_a_socket_that_the_service_manager_holds(flow):
    """And what connects while Penstock is replaced waits there: no connection is refused."""
    held = socket.create_server(("127.0.0.1", 0), backlog=64)
    flow.parts.append(held.close)
    port = held.getsockname()[1]
    sink = flow.sink()
    p = flow.penstock({"billing": sink}, flow.redis(), start=False, workers=2)
    with open(p.config) as f:
        config = f.read()
    with open(p.config, "w") as f:
        f.write(config.replace("listen: { address: '127.0.0.1:0'", "listen: { address: '0.0.0.0:%d'" % port))

    def start():
        p.log_from = os.path.getsize(p.log_path) if os.path.exists(p.log_path) else 0
        p.process = subprocess.Popen(
            ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" run -c "$1" 3<&%d' % held.fileno(), harness.PENSTOCK,
             p.config], pass_fds=[held.fileno()], stdout=subprocess.DEVNULL, stderr=open(p.log_path, "ab"))
        wait_for(p._look_ready, "penstock to be ready")
        assert p.port == port

    start()
    for i in range(20):
        assert p.stripe(b'{"n": %d}' % i).status == 200
    p.signal(15)
    assert p.wait() == 0
    waiting = socket.create_connection(("127.0.0.1", port))  # in the backlog that nobody reads
    body = b'{"n": 20}'
    head = "".join("%s: %s\r\n" % pair for pair in harness.sign_stripe(body).items())
    waiting.sendall(b"POST /hooks/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n%s" % (
        len(body), head.encode(), body))
    start()
    waiting.settimeout(harness.PATIENCE)
    assert re.match(rb"HTTP/1.1 200 ", waiting.recv(4096))
    sink.wait(21)
