#!/usr/bin/env python3
"""tests/chaos/run [--minutes N] [--runs N] [--scale X] [--seed S] [--jobs N] [--list] [--short] [--penstock PATH]
[--table FILE] [SCENARIO...]: the fault matrix. Each scenario is a function in *_faults.py: it starts real nodes, Redis and destinations, keeps a steady load of
signed events going, does harm, and waits for quiet. Then nothing that was accepted may be missing anywhere, nothing may
have come twice beyond promise 4 (room.py says how that is counted), no journal may be left without an owner, Redis'
memory must be back, no log may speak of an error that the scenario did not cause. Prints a table; exit 1 on anything else.

Without --minutes every scenario runs once, or --runs times; with it they go on in random order until the time is over,
each round with another seed. --seed repeats a run's random points. --scale 7 --jobs 1 is 2,000 events/s."""
import argparse
import concurrent.futures
import glob
import importlib.util
import os
import random
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import room as rooms  # noqa: E402

SHORT = ["kill_9_of_both", "node_is_frozen_and_another_adopts", "answers_of_redis_are_lost",
         "redis_is_out_of_memory_again_and_again", "one_destination_flaps_and_the_node_is_killed",
         "replica_that_was_detached_before_parks_takes_over", "redis_is_away_and_the_spool_takes_over",
         "master_of_a_cluster_dies_and_a_replica_has_it_all", "clock_of_a_node_jumps"]
COUNTS = ("sent", "accepted", "refused", "unknown", "lost", "again", "bound")
LINE = "%-52s %6s %8s %7s %7s %5s %5s %6s %8s %6s  %s"


def scenarios():
    """Name: function, in the order of the files."""
    found = {}
    for path in sorted(glob.glob(os.path.join(HERE, "*_faults.py"))):
        spec = importlib.util.spec_from_file_location(os.path.basename(path)[:-3], path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        for name, function in vars(module).items():
            if callable(function) and getattr(function, "__module__", "") == spec.name and not name.startswith("_"):
                found[name] = function
    return found


def run(name, function, seed, scale):
    """(verdict, row of figures)"""
    began = time.monotonic()
    room = rooms.Room(name, seed, scale)
    verdict, row = None, {}
    try:
        function(room)
        verdict = room.end()
    except rooms.NoClock as e:
        verdict = "skipped: %s" % e
    except AssertionError as e:
        verdict = "%s" % (str(e) or traceback.format_exc()[-400:])
    except Exception:
        verdict = traceback.format_exc()[-800:]
    for last in (room.stop_load, lambda: row.update(room.row()), lambda: keep_logs(name, seed, room, verdict),
                 lambda: room.close(verdict is not None)):
        try:
            last()
        except Exception:
            verdict = verdict or traceback.format_exc()[-800:]
    row["took"] = time.monotonic() - began
    return verdict, row


def failed(verdict):
    return verdict is not None and not verdict.startswith("skipped")


def keep_logs(name, seed, room, verdict):
    """Of what failed: every log, in $CHAOS_LOGS."""
    folder = os.environ.get("CHAOS_LOGS")
    if folder and failed(verdict):
        os.makedirs(folder, exist_ok=True)
        for p in room.nodes:
            with open(os.path.join(folder, "%s.%s.%s" % (name, str(seed).replace("/", "-"), os.path.basename(p.folder))), "w") as f:
                f.write(p.text())


def tell(name, verdict, row):
    recovery = row.get("recovery")
    print(LINE % (name, *(row.get(k, "") for k in COUNTS),
                  "" if recovery is None else "%.2f s" % recovery, "%.0f s" % row["took"],
                  "; ".join([verdict or "ok"] + row.get("notes", []))), flush=True)


def rounds(names, runs, minutes, seed):
    """(name, seed) of every run to be made."""
    for name in names:
        for n in range(runs):
            yield name, "%s/%d" % (seed, n) if n else seed
    end, n = time.monotonic() + 60 * minutes, 0
    while time.monotonic() < end:
        n += 1
        order = list(names)
        random.Random("%s %d" % (seed, n)).shuffle(order)
        for name in order:
            if time.monotonic() < end:
                yield name, "%s.%d" % (seed, n)


def write_table(path, rows):
    """As Markdown, in the order of --list."""
    version = subprocess.run([rooms.harness.PENSTOCK, "version"], stdout=subprocess.PIPE, text=True).stdout.split("\n")[0]
    total = {k: sum(row.get(k, 0) for _, _, _, row in rows) for k in COUNTS}
    with open(path, "w") as f:
        f.write("# The fault matrix\n\n`sh tests/chaos/run --table tests/chaos/README.md` wrote this on %s: %s, %d cores, %d runs, "
                "{:,} events accepted, %d lost (only where Redis itself was emptied, as the scenario says), %d failed.\n\n".format(total["accepted"]) % (
                    time.strftime("%Y-%m-%d"), version, os.cpu_count(), len(rows), total["lost"],
                    sum(failed(v) for _, _, v, _ in rows)))
        f.write("`again`: how often a delivery came once more; `bound`: how often promise 4 allows it, for it was in flight or not "
                "committed when a fault struck: once for each such fault. One that came again without a fault of its own fails the "
                "run. `recovery`: from the end of the fault until nobody is refused.\n\n| scenario | what happens | accepted | refused | unknown | lost | again "
                "| bound | recovery | verdict |\n|---|---|---|---|---|---|---|---|---|---|\n")
        for name, what, verdict, row in rows:
            recovery = row.get("recovery")
            f.write("| `%s` | %s | %s | %s | %s |\n" % (
                name, what, " | ".join(str(row.get(k, "")) for k in COUNTS[1:]),
                "" if recovery is None else "%.2f s" % recovery, verdict or "ok"))


def tell_sums(sums):
    """Of each scenario's runs together."""
    print()
    for name, (runs, total) in sums.items():
        print(LINE % (name, *(total[k] for k in COUNTS), "", "", "%d runs" % runs))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--minutes", type=float, default=0)
    arguments.add_argument("--runs", type=int, default=1)
    arguments.add_argument("--seed", default=str(random.randrange(10 ** 6)))
    arguments.add_argument("--jobs", type=int, default=2)
    arguments.add_argument("--list", action="store_true")
    arguments.add_argument("--short", action="store_true")
    arguments.add_argument("--scale", type=float, help="of the load's rate; 1 is 300/s for most (--short: 0.5)")
    arguments.add_argument("--penstock")
    arguments.add_argument("--table", metavar="FILE")
    arguments.add_argument("names", nargs="*", metavar="SCENARIO")
    a = arguments.parse_args()
    if a.penstock:
        rooms.harness.PENSTOCK = os.path.abspath(a.penstock)
    known = scenarios()
    if a.list:
        for name, function in known.items():
            print("%-52s %s" % (name, " ".join((function.__doc__ or "").split())))
        return 0
    names = a.names or (SHORT if a.short else list(known))
    for name in names:
        if name not in known:
            print("no such scenario: %s (--list names them)" % name, file=sys.stderr)
            return 2
    if not os.access(rooms.harness.PENSTOCK, os.X_OK):
        print("%s is missing: build it first (cmake --build --preset release), or say --penstock PATH" %
              rooms.harness.PENSTOCK, file=sys.stderr)
        return 2
    scale = a.scale or (0.5 if a.short else 1.0)
    print("seed %s" % a.seed)
    print(LINE % ("scenario", *COUNTS, "recovery", "took", ""), flush=True)
    wrong, sums, rows = 0, {}, []
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        running, todo = {}, rounds(names, a.runs, a.minutes, a.seed)
        while True:
            while len(running) < a.jobs:
                item = next(todo, None)
                if item is None:
                    break
                running[pool.submit(run, item[0], known[item[0]], item[1], scale)] = item
            if not running:
                break
            done, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in done:
                name, seed = running.pop(future)
                verdict, row = future.result()
                tell(name, verdict and ("%s (seed %s)" % (verdict, seed) if seed != a.seed else verdict), row)
                wrong += failed(verdict)
                rows.append((name, " ".join((known[name].__doc__ or "").split()), verdict, row))
                runs, total = sums.get(name, (0, dict.fromkeys(COUNTS, 0)))
                sums[name] = runs + 1, {k: total[k] + row.get(k, 0) for k in COUNTS}
    if a.runs > 1:
        tell_sums(sums)
    if a.table:
        write_table(a.table, sorted(rows, key=lambda r: list(known).index(r[0])))
    print("%d failed" % wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
