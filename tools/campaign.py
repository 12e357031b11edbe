#!/usr/bin/env python3
"""Long runs of a lab that is to stay bounded; what they find stands in docs/benchmarks/.

    tools/campaign.py bounded BUILD [--puts N] [--keys N] [--limit SIZE] [--log-size SIZE]
    tools/campaign.py state BUILD [--megabytes N] [--rate N] [--rounds N]

bounded  Puts over a few keys, with auto-compaction, a quota of the directory and snapshots. A
         member is wiped and replaced meanwhile; at the end all are killed at once under load. Then
         the three hashes must agree, and what was acknowledged must be there: each key's version
         is the number of its puts.
state    Puts at a rate beside a large state: p99 while a snapshot of it is written, and while the
         leader serves it to a member that was wiped, each against as long before; then how long a
         restart takes, beside what the device reads.

Both need root, and release builds. They write docs/benchmarks/NAME.json, or --out FILE, and bounded
a plot beside it; exit status 1 says that something did not hold.
"""

import argparse
import base64
import contextlib
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import benchmarks

NODES = ("n1", "n2", "n3")
SAMPLE_S = 1.0
KEPT_SAMPLES = 120  # in the JSON; the plot has all
WAIT_S = 300
AFTER_S = 6  # the files that it replaces go


class Wrong(Exception):
    """Something does not hold."""


def say(*words):
    print(f"{time.strftime('%H:%M:%S')}", *words, flush=True)


class Cluster(benchmarks.Lab):
    """A lab, and what is asked of it."""

    def __init__(self, build, options):
        super().__init__(build, options)
        self.build = build
        self.loads = []

    def __exit__(self, kind, *more):
        for load in self.loads:
            load.kill()
            load.wait()
        if kind:
            kept = pathlib.Path(tempfile.mkdtemp(prefix="quoin-campaign-"))
            for path in pathlib.Path(self.directory).glob("n*.log"):
                shutil.copy(path, kept)
            say("what the nodes and the load said is kept in", kept)
            shutil.copy(self.directory + ".bench", kept / "bench")
        pathlib.Path(self.directory + ".bench").unlink(missing_ok=True)
        super().__exit__(kind, *more)

    def tool(self, name):
        return str(self.build / ("tools/bench" if name == "quoin-bench" else "tools") / name)

    def nodes(self):
        lab = json.loads((pathlib.Path(self.directory) / "lab.json").read_text())
        return {node["name"]: node for node in lab["nodes"]}

    def ctl(self, node, *words, timeout="5s"):
        """What quoinctl prints, or None."""
        socket = f"unix:{self.directory}/{node}/admin.sock"
        done = subprocess.run([self.tool("quoinctl"), f"--endpoints={socket}",
                               f"--command-timeout={timeout}", *words], check=False,
                              capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else None

    def status(self, node):
        found = {}
        for line in (self.ctl(node, "endpoint", "status", "-w", "fields") or "").splitlines():
            key, _, value = line.partition(" : ")
            with contextlib.suppress(ValueError):
                found.setdefault(json.loads(key), json.loads(value))
        return found

    def leader(self):
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            for node in NODES:
                if self.status(node).get("is_leader"):
                    return node
            time.sleep(0.1)
        raise Wrong("nobody leads")

    def log_lines(self, node, word):
        """[(time, {field: text})] of the lines of a node's log with this word."""
        found = []
        for line in pathlib.Path(f"{self.directory}/{node}.log").read_text().splitlines():
            parts = line.split()
            if len(parts) > 3 and parts[3] == word:
                when = datetime.datetime.fromisoformat(parts[0].replace("Z", "+00:00"))
                fields = dict(part.split("=", 1) for part in parts[4:] if "=" in part)
                found.append((when.timestamp(), fields))
        return found

    def wait_log(self, node, word, count, timeout=WAIT_S):
        end = time.monotonic() + timeout
        while len(self.log_lines(node, word)) < count:
            if time.monotonic() > end:
                raise Wrong(f"{node} does not say {word} a {count}. time in {timeout} s")
            time.sleep(0.2)
        return self.log_lines(node, word)[count - 1]

    def bench(self, *options):
        out = pathlib.Path(self.directory + ".bench").open("ab")
        self.loads.append(subprocess.Popen([self.tool("quoin-bench"), "commit", "--dir",
                                            self.directory, *options], stdout=out,
                                           stderr=subprocess.STDOUT))
        out.close()
        return self.loads[-1]

    def hashes(self):
        """Of all members at one revision, when all have come as far; they must be one."""
        end = time.monotonic() + WAIT_S
        while True:
            revisions = {node: self.status(node).get("Revision") for node in NODES}
            if None not in revisions.values() and len(set(revisions.values())) == 1:
                break
            if time.monotonic() > end:
                raise Wrong(f"the members do not come as far: {revisions}")
            time.sleep(0.2)
        found = {}
        for node in NODES:
            text = self.ctl(node, "endpoint", "hashkv", "-w", "json", timeout="60s")
            found[node] = json.loads(text)[0]["HashKV"]["hash"] if text else None
        if len(set(found.values())) != 1 or None in found.values():
            raise Wrong(f"the hashes differ: {found}")
        return found["n1"], revisions["n1"]

    def restart_all(self):
        for node in NODES:
            self.run("restart", node[1:], "--until", "answers", "--timeout", str(WAIT_S))

    def wipe_and_replace(self, node):
        self.run("replace", node[1:], "--kill", "--timeout", str(WAIT_S))


class Sampler(threading.Thread):
    """Each second what each member takes, until stopped."""

    def __init__(self, cluster):
        super().__init__(daemon=True)
        self.cluster = cluster
        self.begun = time.time()
        self.samples = []
        self.over = threading.Event()

    def look(self, node, pid):
        resident, taken = 0, 0
        directory = pathlib.Path(f"{self.cluster.directory}/{node}")
        with contextlib.suppress(OSError):
            text = pathlib.Path(f"/proc/{pid}/status").read_text()
            found = re.search(r"VmRSS:\s+(\d+)", text)  # a process that ends has none
            resident = int(found[1]) * 1024 if found else 0
        for path in directory.glob("*"):
            with contextlib.suppress(OSError):
                taken += path.stat().st_blocks * 512
        s = self.cluster.status(node)
        return {"directory": taken, "resident": resident, "log": s.get("log_bytes"),
                "keys": s.get("keys"), "revision": s.get("Revision"),
                "versions": s.get("Revision", 0) - s.get("compact_revision", 0),
                "store": s.get("db_size"), "snapshot": s.get("snapshot_bytes")}

    def run(self):
        due = time.monotonic()
        while not self.over.is_set():
            nodes = self.cluster.nodes()
            self.samples.append({"s": round(time.time() - self.begun, 2),
                                 **{n: self.look(n, nodes[n]["pid"]) for n in NODES}})
            due += SAMPLE_S
            time.sleep(max(0.0, due - time.monotonic()))

    def stop(self):
        self.over.set()
        self.join()

    def most(self, what):
        return max((s[n][what] or 0) for s in self.samples for n in NODES)


# --- what a load was told --------------------------------------------------------------------

class Series:
    """The seconds of --series."""

    def __init__(self, path):
        self.seconds = [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]

    def p99_us(self, begin, end):
        """Of what was answered in the seconds that lie in it; None: there are none."""
        counts = {}
        for second in self.seconds:
            if begin <= second["at"] - 1 and second["at"] <= end:
                for value, count in second["us"]:
                    counts[value] = counts.get(value, 0) + count
        left = 0.01 * sum(counts.values())
        for value in sorted(counts, reverse=True):
            left -= counts[value]
            if left < 0:
                return value
        return None


def verify(cluster, path):
    """Each key of --acknowledged, asked of each member. How many puts were acknowledged."""
    lines = pathlib.Path(path).read_text().splitlines()
    prefix, said = lines[0], [[int(word) for word in line.split()] for line in lines[1:]]
    for node in NODES:
        text = cluster.ctl(node, "get", "--prefix", prefix, "-w", "json", timeout="120s")
        if text is None:
            raise Wrong(f"{node} cannot be read")
        there = {base64.b64decode(kv["key"]).decode(): kv for kv in json.loads(text).get("kvs", [])}
        for number, acknowledged, unknown, revision, value in said:
            judge(node, there.get(f"{prefix}{number:08}"), acknowledged, unknown, revision, value)
        if len(there) > len(said):
            raise Wrong(f"{node}: {len(there)} keys, of which {len(said)} were put")
    return sum(line[1] for line in said), sum(line[2] for line in said)


def judge(node, kv, acknowledged, unknown, revision, value):
    if kv is None:
        if acknowledged:
            raise Wrong(f"{node}: a key with {acknowledged} acknowledged puts is not there")
        return
    key = base64.b64decode(kv["key"]).decode()
    if not acknowledged <= kv["version"] <= acknowledged + unknown:
        raise Wrong(f"{node}: {key}: {acknowledged} puts acknowledged, {unknown} may have been "
                    f"done, and its version is {kv['version']}")
    if kv["mod_revision"] < revision:
        raise Wrong(f"{node}: {key}: put at {revision}, and the newest is {kv['mod_revision']}")
    begins = base64.b64decode(kv["value"])[:16]
    if kv["mod_revision"] == revision and begins != b"%016x" % value:
        raise Wrong(f"{node}: {key}: put {value} is at {revision}, which has {begins}")


# --- bounded ---------------------------------------------------------------------------------

def put_count(cluster):
    return max(cluster.status(node).get("Revision") or 0 for node in NODES)


def wait_puts(cluster, load, count):
    """Until the store has come as far; what is wrong ends the wait."""
    while put_count(cluster) < count:
        if load.poll() is not None:
            raise Wrong(f"the load ended with {load.returncode} at {put_count(cluster)}: see "
                        f"{cluster.directory}.bench")
        time.sleep(0.5)


def bounded(build, a):
    options = (f"--nodes 3 --link memif --segment-size {a.segment_size} "
               f"--snapshot-log-size {a.log_size} --data-dir-quota {a.limit} "
               f"--auto-compaction-retention {a.retention}")
    cluster = Cluster(build, options)
    with cluster, tempfile.TemporaryDirectory() as tmp:
        found = bounded_run(cluster, a, pathlib.Path(tmp))
    found["options"] = options
    return found


def bounded_run(cluster, a, tmp):
    sampler = Sampler(cluster)
    sampler.start()
    begun = time.monotonic()
    load = cluster.bench("--keys", str(a.keys), "--clients", str(a.clients), "--duration", "3600",
                         "--acknowledged", str(tmp / "acknowledged"), "--series",
                         str(tmp / "series"), "--json", str(tmp / "bench"))
    wait_puts(cluster, load, a.puts * 3 // 10)
    cluster.wait_log(cluster.leader(), "log_begins", 1)
    wiped = next(n for n in NODES if n != cluster.leader())
    say("wiped and replaced:", wiped)
    at = time.time() - sampler.begun
    cluster.wipe_and_replace(wiped)
    installed = cluster.wait_log(wiped, "installed", 1)[1]
    say("installed:", installed)
    wait_puts(cluster, load, a.puts)
    took = time.monotonic() - begun
    say("killing all under load at", put_count(cluster))
    for node in cluster.nodes().values():
        os.kill(node["pid"], signal.SIGKILL)
    load.send_signal(signal.SIGINT)  # what is outstanding is waited for
    load.wait()
    sampler.stop()
    cluster.restart_all()
    cluster.leader()
    value, revision = cluster.hashes()
    acknowledged, unknown = verify(cluster, tmp / "acknowledged")
    say("acknowledged:", acknowledged, "may have been done:", unknown, "revision:", revision)
    return {"puts": acknowledged, "unknown": unknown, "keys": a.keys, "seconds": round(took, 1),
            "hash": value, "revision": revision, "wiped_at_s": round(at, 1), "installed": installed,
            "most": {w: sampler.most(w) for w in ("directory", "log", "resident", "versions",
                                                  "store", "keys")},
            "samples": sampler.samples, "bench": json.loads((tmp / "bench").read_text())}


PLOT = """set terminal svg size 900,900 font 'sans,12' background '#ffffff'
set output '{out}'
set multiplot layout 3,1 title "{title}" noenhanced
set grid
set key below noenhanced
set xrange [0:*]
set yrange [0:*]
set arrow from {wiped},graph 0 to {wiped},graph 1 nohead dashtype 2
set ylabel 'MiB of the directory'
plot {directory}
set ylabel 'MiB resident'
plot {resident}
set xlabel 'seconds; the dashed line: a member is wiped and replaced'
set ylabel '1,000 versions kept'
plot {versions}
"""


def plot(found, out):
    def curves(what, unit):
        return ", ".join(f"$data using 1:(${column + 2}/{unit}) with lines title '{node}'"
                         for column, node in enumerate(NODES, {"directory": 0, "resident": 3,
                                                               "versions": 6}[what]))

    rows = ["$data << END"]
    for s in found["samples"]:
        rows.append(" ".join(str(v) for v in [s["s"], *(s[n][w] or 0 for w in (
            "directory", "resident", "versions") for n in NODES)]))
    title = (f"{found['puts']} puts over {found['keys']} keys, {found['date']}, commit "
             f"{found['commit']}")
    script = "\n".join(rows) + "\nEND\n" + PLOT.format(
        out=out, title=title, wiped=found["wiped_at_s"], directory=curves("directory", 2**20),
        resident=curves("resident", 2**20), versions=curves("versions", 1000))
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


# --- state -----------------------------------------------------------------------------------

def beside(series, windows):
    """p99 from begin to end of each, and as long before another moment; the median of the ratios."""
    rows = []
    for until, begin, end in windows:
        before, during = series.p99_us(until - (end - begin), until), series.p99_us(begin, end)
        if before and during:
            rows.append({"seconds": round(end - begin, 1), "before_us": before,
                         "during_us": during, "ratio": round(during / before, 2)})
    if not rows:
        raise Wrong("no window is long enough to be measured")
    return {"rounds": rows, "median_ratio": statistics.median(row["ratio"] for row in rows)}


def device_rate(path):
    """Bytes per second of reading a file of a few hundred megabytes past the cache."""
    begun = time.monotonic()
    subprocess.run(["dd", f"if={path}", "of=/dev/null", "bs=1M", "iflag=direct"], check=True,
                   stderr=subprocess.DEVNULL)
    return os.path.getsize(path) / (time.monotonic() - begun)


def restart(cluster, node):
    before = len(cluster.log_lines(node, "restored"))
    cluster.run("kill", node[1:])
    file = max(pathlib.Path(f"{cluster.directory}/{node}").glob("snapshot-*[0-9a-f]"))
    rate = device_rate(file)
    begun = time.time()
    cluster.run("restart", node[1:], "--until", "answers", "--timeout", str(WAIT_S))
    at, fields = cluster.wait_log(node, "restored", before + 1)
    return {"bytes": int(fields["bytes"]), "ms": int(fields["ms"]), "from_start_s": round(at - begun, 2),
            "answers_s": round(time.time() - begun, 2),
            "device_bytes_per_s": round(rate),
            "bytes_per_s": round(1000 * int(fields["bytes"]) / int(fields["ms"]))}


def snapshots(cluster, node, megabytes):
    """When those that are as large were written, from and to, and what they replace was removed."""
    begins = {f["index"]: at for at, f in cluster.log_lines(node, "snapshot_begun")}
    written = cluster.log_lines(node, "snapshot_written")
    return [(begins[f["index"]], begins[f["index"]], at + AFTER_S) for at, f in written
            if int(f["bytes"]) >= megabytes * 2**20]


def state(build, a):
    options = (f"--nodes 3 --link memif --segment-size 64MiB --snapshot-log-size {a.log_size} "
               f"--quota-backend-bytes {3 * a.megabytes + 1024}MiB "
               f"--auto-compaction-retention 10s")
    cluster = Cluster(build, options)
    with cluster, tempfile.TemporaryDirectory() as tmp:
        found = state_run(cluster, a, pathlib.Path(tmp))
    found["options"] = options
    return found


def state_load(cluster, a, tmp, *more):
    return cluster.bench("--keys", str(a.keys), "--value-size", str(a.value_size), "--rate",
                         str(a.rate), "--duration", "3600", "--series", str(tmp / "series"),
                         "--keep-keys", "--fill", *more)


def state_run(cluster, a, tmp):
    load = state_load(cluster, a, tmp, "--json", str(tmp / "bench"))
    leader = cluster.leader()
    wait_puts(cluster, load, a.keys)
    say("filled:", a.keys, "keys")
    time.sleep(20)
    while len(snapshots(cluster, leader, a.megabytes)) < a.rounds:
        if load.poll() is not None:
            raise Wrong(f"the load ended with {load.returncode}: see {cluster.directory}.bench")
        time.sleep(1)
    full = snapshots(cluster, leader, a.megabytes)
    say("snapshots:", len(full))
    pulls = []
    for _ in range(a.rounds):
        time.sleep(40)
        wiped = next(n for n in NODES if n != cluster.leader())
        count = len(cluster.log_lines(wiped, "installed")) + 1
        before = cluster.status(cluster.leader()).get("pulls_bytes", 0)
        begun = time.time()  # what was there of it is removed before it pulls
        cluster.wipe_and_replace(wiped)
        pulls.append([begun] + [cluster.wait_log(wiped, word, count)[0]
                      for word in ("install_begun", "install_pulled", "installed")])
        served = cluster.status(cluster.leader()).get("pulls_bytes", 0) - before
        say(f"pulled by {wiped} in {pulls[-1][2] - pulls[-1][1]:.2f} s, {served} bytes of it of "
            "the leader")
    load.send_signal(signal.SIGINT)
    load.wait()
    series = Series(tmp / "series")
    node = next(n for n in NODES if n != cluster.leader())
    found = {"snapshot": beside(series, full),
             "pull": beside(series, [(u, b, e) for u, b, e, _ in pulls]),
             "restore": beside(series, [(u, b, e) for u, _, b, e in pulls]),
             "restart": [restart(cluster, node) for _ in range(a.rounds)],
             "bench": json.loads((tmp / "bench").read_text())}
    found["hash"], found["revision"] = cluster.hashes()
    return found


# --- all -------------------------------------------------------------------------------------

def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("bounded", "state"))
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--puts", type=int, default=20_000_000)
    parser.add_argument("--keys", type=int, default=None)
    parser.add_argument("--clients", type=int, default=256)
    parser.add_argument("--limit", default="4GiB")
    parser.add_argument("--log-size", default="256MiB")
    parser.add_argument("--segment-size", default="64MiB")
    parser.add_argument("--retention", default="10s")
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--value-size", type=int, default=1100)
    parser.add_argument("--rate", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=5)
    a = parser.parse_args()
    if a.keys is None:
        a.keys = 10_000 if a.what == "bounded" else a.megabytes * 2**20 // a.value_size
    a.out = a.out or benchmarks.KEPT / f"{a.what}.json"
    return a


def main():
    a = arguments()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit("stopped by a signal"))
    try:
        found = {"bounded": bounded, "state": state}[a.what](a.build, a)
    except Wrong as wrong:
        sys.exit(f"campaign: {wrong}")
    bench = found.pop("bench")
    found = {"date": bench["date"], "commit": bench["commit"], "build_type": bench["build_type"],
             "host": bench["host"], "load": bench["results"][0], **found}
    if a.what == "bounded":
        plot(found, a.out.with_suffix(".svg"))
        every = max(1, len(found["samples"]) // KEPT_SAMPLES)
        found["samples"] = found["samples"][::every]
    a.out.write_text(json.dumps(found, indent=1) + "\n")
    say("written:", a.out)


if __name__ == "__main__":
    main()
