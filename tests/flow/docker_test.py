"""docker/run chooses between docker compose and this machine, and its demo counts events. Everything that it calls is a
small script here: no engine, no build."""
import os
import shlex
import shutil
import subprocess

from harness import PATIENCE

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
# What docker/run sees of Penstock: two destinations that get, once something was sent, the events of $STUB_EVENTS.
STUB = r"""#!/bin/sh
sent=$(dirname "$0")/sent
case $1 in
sink)
    echo "$3 listening on http://$5/"
    until [ -s "$sent" ]; do sleep 0.02; done
    for event in $STUB_EVENTS; do
        echo "12:00:00 $3 [503] POST \"/\" source=\"s\" attempt=\"1\" event=\"$event\" 2 bytes"
        echo "12:00:00 $3 [200] POST \"/\" source=\"s\" attempt=\"2\" event=\"$event\" 2 bytes"
    done
    exec sleep "$STUB_THEN" ;;
run) exec sleep 60 ;;
send) echo sent >>"$sent" ;;
esac
"""


def _script(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o755)


def _docker_run(flow, *args, docker=None, **env):
    """docker/run of a copy of the tree, below a folder with a blank in its name; docker: what that command does."""
    root = os.path.join(flow.folder, "a tree")
    shutil.rmtree(root, ignore_errors=True)
    for name in ("docker/run", "docker/penstock.yaml", "deps/bootstrap", "deps/packages"):
        os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
        shutil.copy(os.path.join(ROOT, name), os.path.join(root, name))
    _script(os.path.join(root, "build/release/penstock"), STUB)
    bin = os.path.join(flow.folder, "bin")
    shutil.rmtree(bin, ignore_errors=True)
    _script(os.path.join(bin, "dpkg-query"), "#!/bin/sh\necho install ok installed\n")
    _script(os.path.join(bin, "cmake"), "#!/bin/sh\nexit ${STUB_CMAKE:-0}\n")
    _script(os.path.join(bin, "docker"), "#!/bin/sh\n" + (docker or "exit 1") + "\n")
    r = subprocess.run(["sh", os.path.join(root, "docker/run"), *args], capture_output=True, text=True, cwd=flow.folder,
                       timeout=2 * PATIENCE, env={**os.environ, "PATH": bin + ":" + os.environ["PATH"], **env})
    return r.returncode, r.stdout + r.stderr, root


def docker_run_is_compose_where_an_engine_answers(flow):
    """And says what is true there: the admin address is the container's own. Its lines work in any folder."""
    code, text, root = _docker_run(flow, docker='[ "$1 $4" != "compose up" ] || echo "up: $3"')
    assert code == 0 and "up: " + root + "/docker/compose.yaml" in text, text
    assert "http://127.0.0.1:8080/hooks/stripe\n" in text and "http://127.0.0.1:8080/hooks/github\n" in text
    lines = [shlex.split(line) for line in text.splitlines() if line.strip().startswith("docker compose ")]
    assert [line[:4] for line in lines] == [["docker", "compose", "-f", root + "/docker/compose.yaml"]] * 2, lines
    assert [line[4:] for line in lines] == [["exec", "penstock", "penstock", "destinations", "ls"],
                                            ["exec", "penstock", "penstock", "send", "--source", "stripe"]]
    assert "127.0.0.1:8081 inside the container only" in text


def docker_run_is_native_without_an_engine_or_its_compose(flow):
    for docker in ("exit 1", '[ "$1" = info ]'):
        code, text, _ = _docker_run(flow, docker=docker, STUB_CMAKE="1")
        assert code == 1 and "building failed" in text, text
        assert ("no docker compose: running natively" in text) == (docker != "exit 1"), text


def the_demo_counts_events_not_deliveries(flow):
    """And what it says to paste works in any folder."""
    code, text, root = _docker_run(flow, "--demo", STUB_EVENTS="a b", STUB_THEN="60")
    assert code == 0 and "delivered: billing 2, ledger 2" in text, text
    line = next(shlex.split(line) for line in text.splitlines() if " send -c " in line)
    assert line[0] == root + "/build/release/penstock" and os.path.isabs(line[3]) and line[4:] == ["--source", "stripe"]
    code, text, _ = _docker_run(flow, "--demo", STUB_EVENTS="a a", STUB_THEN="1")
    assert code == 1 and "a part has ended" in text, text
