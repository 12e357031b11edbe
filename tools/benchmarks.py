#!/usr/bin/env python3
"""The figures of docs/benchmarks.md: measured, kept as JSON in docs/benchmarks/, made into tables.

    tools/benchmarks.py measure BUILD [WHAT]  measure everything anew with the programs of a build;
                                              or what WHAT says: commits, elections,
                                              timers
    tools/benchmarks.py keep FILE LINE JSON   what a run wrote with --json is that line of FILE.json
    tools/benchmarks.py write                 make the tables in docs/benchmarks.md from the JSON
    tools/benchmarks.py check                 whether those are the tables that stand there

measure needs root, and half an hour; of elections 4 minutes, of timers 2. It goes through all lines
of commits three times, so that the runs of one line are minutes apart, and before each lab it waits
a little for the host to be quiet; what else the host did says the load average beside each run.
"""

import json
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
PAGE = TOP / "docs/benchmarks.md"
KEPT = TOP / "docs/benchmarks"

RUNS = 3
DURATION_S = 2
QUIET = 0.2  # of both cores, for half a second
QUIET_WAIT_S = 8
BUSY = 6.0  # a load average: three nodes and a client that poll are 4

DURABILITIES = ("durable", "written", "volatile")
# Beside the puts of one client and of 64, in a closed loop: what is tried on durable memif alone.
MORE = {
    "M7": "--op get",
    "M8": "--op get --serializable",
    "M9": "--op mixed --clients 64",
    "M10": "--rate 1000",
    "M11": "--rate 1000 --op mixed",
}
# What is over in milliseconds has as many rounds as its p99 takes.
ELECTIONS = {
    "E1": ("kill", 20),
    "E2": ("pause", 20),
    "E3": ("partition", 20),
    "E4": ("mute", 20),
    "E5": ("deaf", 20),
    "E6": ("hang", 20),
    "E7": ("transfer", 100),
    "E8": ("stop", 20),
}


# election-timeout and heartbeat-interval, for three nodes and a client on two cores
TIMERS = ("150ms 20ms", "30ms 4ms", "20ms 2500us", "10ms 1300us", "5ms 650us")
TIMERS_LOAD = "commit --clients 64 --duration 10"


def timer_lines():
    """{line: options of quoin-lab up}"""
    every = [(idle, timers.split()) for idle in ("yield", "sleep") for timers in TIMERS]
    return {f"L{i + 1}": f"--nodes 3 --link memif --idle {idle} --election {timers[0]} "
                         f"--heartbeat {timers[1]}" for i, (idle, timers) in enumerate(every)}


def groups():
    """(file, options of quoin-lab up or None, {line: options of quoin-bench})."""
    for letter, link in (("M", "memif"), ("P", "packet"), ("T", None)):
        for i, durability in enumerate(DURABILITIES):
            lines = {f"{letter}{2 * i + 1}": "--clients 1", f"{letter}{2 * i + 2}": "--clients 64"}
            if link == "memif" and durability == "durable":
                lines |= MORE
            if link:
                up = f"--nodes 3 --link {link} --durability {durability} --idle yield"
                yield link, up, {k: f"commit {v}" for k, v in lines.items()}
            else:
                local = f"commit --in-process --nodes 3 --durability {durability} "
                yield "ring", None, {k: local + v for k, v in lines.items()}


def busy():
    """The part of all cores that something used in half a second."""
    def sample():
        words = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        numbers = [int(word) for word in words]
        return sum(numbers), numbers[3] + numbers[4]

    total, idle = sample()
    time.sleep(0.5)
    total_after, idle_after = sample()
    return 1 - (idle_after - idle) / max(1, total_after - total)


def wait_for_quiet():
    end = time.monotonic() + QUIET_WAIT_S
    while busy() > QUIET and time.monotonic() < end:
        pass


class Lab:
    def __init__(self, build, options):
        self.program = str(build / "tools/lab/quoin-lab")
        self.options = options
        self.directory = f"/var/tmp/quoin-benchmarks-{id(self):x}"

    def run(self, command, *options):
        subprocess.run([self.program, command, "--dir", self.directory, *options], check=True,
                       stdout=subprocess.DEVNULL)

    def __enter__(self):
        self.run("up", *self.options.split())
        return self.directory

    def __exit__(self, *_):
        self.run("down")


def bench(build, directory, options):
    """One run's file."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = [str(build / "tools/bench/quoin-bench"), *options.split(), "--json", out.name,
                   "--dir", directory]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        print(done.stdout, done.stderr, sep="", flush=True)
        if done.returncode not in (0, 1):
            raise SystemExit(f"{' '.join(command)}: exit {done.returncode}")
        return json.loads(pathlib.Path(out.name).read_text())


def keep(file, line, options, found):
    """Adds the results of a run to those that are kept of a line."""
    path = KEPT / f"{file}.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    entry = kept.setdefault(line, {"command": f"quoin-bench {options}", "results": []})
    for key in ("version", "commit", "build_type", "host"):
        entry[key] = found[key]
    load = found["host"].pop("load_average")
    found["host"]["kernel"] = re.sub(r"(\d+\.\d+).*", r"\1", found["host"]["kernel"])
    for result in found["results"]:
        entry["results"].append({"date": found["date"], "load_average": load, **result})
    path.write_text(json.dumps(kept, indent=1) + "\n")


def measure_commits(build):
    for _ in range(RUNS):
        for file, up, lines in groups():
            wait_for_quiet()
            more = f" --duration {DURATION_S}"
            if up:
                with Lab(build, up) as directory:
                    for line, options in lines.items():
                        keep(file, line, options, bench(build, directory, options + more))
            else:
                for line, options in lines.items():
                    keep(file, line, options, bench(build, "/var/tmp", options + more))


def measure_elections(build):
    for line, (how, rounds) in ELECTIONS.items():
        wait_for_quiet()
        with Lab(build, "--nodes 3 --link memif") as directory:
            options = f"election --rounds {rounds} --how {how}"
            keep("elections", line, options, bench(build, directory, options))


def measure_timers(build):
    for line, up in timer_lines().items():
        wait_for_quiet()
        with Lab(build, up) as directory:
            keep("timers", line, TIMERS_LOAD, bench(build, directory, TIMERS_LOAD))


MEASURES = {"timers": (measure_timers, ("timers",)),
            "commits": (measure_commits, ("memif", "packet", "ring")),
            "elections": (measure_elections, ("elections",))}


def measure(build, names):
    # A lab is taken down also then.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit("stopped by a signal"))
    KEPT.mkdir(exist_ok=True)
    for name in names:
        run, files = MEASURES[name]
        for file in files:
            (KEPT / f"{file}.json").unlink(missing_ok=True)
        run(build)


def keep_one(file, line, written):
    """The line anew, of what was measured by hand."""
    found = json.loads(pathlib.Path(written).read_text())
    path = KEPT / f"{file}.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    kept.pop(line, None)
    path.write_text(json.dumps(kept, indent=1) + "\n")
    words = re.sub(r" --(json|dir)[ =]\S+", "", found["command"]).split(" ", 1)
    keep(file, line, words[1], found)


# --- tables ---------------------------------------------------------------------------------

def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def values(entry, *path):
    found = []
    for result in entry["results"]:
        for key in path:
            result = (result or {}).get(key)
        if result is not None:
            found.append(result)
    return found


def median(entry, *path):
    found = values(entry, *path)
    return number(statistics.median(found) if found else None)


def spread(entry, *path):
    found = values(entry, *path)
    if not found:
        return "-"
    return f"{number(statistics.median(found))} ({number(min(found))} .. {number(max(found))})"


def entries(kept, *files):
    for file in files:
        for line, entry in sorted(kept.get(file, {}).items(), key=lambda item: int(item[0][1:])):
            yield line, entry


def main_row(result):
    return "all" if "all" in result else "put" if "put" in result else "get"


def table_commits(kept):
    yield ("| | durability | path | what | clients | per s | p50 | p90 | p99 | p99.9 | p99, corrected "
           "| floor p50, p99 | one writer | path p50 | p50 / floor |")
    yield "|---" * 15 + "|"
    for line, entry in entries(kept, "memif", "packet", "ring"):
        first = entry["results"][0]
        row = main_row(first)
        what = first["name"].split(" ")[0]
        if "--serializable" in entry["command"]:
            what += ", serializable"
        if first["loop"]["kind"] == "open":
            what += f", {first['loop']['rate_asked_per_s']:.0f}/s asked"
        yield (f"| {line} | **{first['durability']}** | {first['client_path']} | {what} "
               f"| {first['clients']} | {median(entry, row, 'rate_per_s')} "
               f"| {spread(entry, row, 'p50_us')} | {median(entry, row, 'p90_us')} "
               f"| {spread(entry, row, 'p99_us')} | {median(entry, row, 'p999_us')} "
               f"| {median(entry, 'corrected', 'p99_us')} "
               f"| {median(entry, 'floor', 'p50_us')}, {median(entry, 'floor', 'p99_us')} "
               f"| {median(entry, 'floor_one_writer', 'p50_us')} | {median(entry, 'path', 'p50_us')} "
               f"| {spread(entry, row, 'ratio_to_floor')} |")


def table_cost(kept):
    yield ("| | CPU of the nodes, us per request | CPU of the client | bytes of the logs per put "
           "| bytes to the device per put |")
    yield "|---" * 5 + "|"
    for line, entry in entries(kept, "memif", "packet", "ring"):
        yield (f"| {line} | {spread(entry, 'node_cpu_us_per_request')} "
               f"| {median(entry, 'client_cpu_us_per_request')} "
               f"| {spread(entry, 'log_bytes_per_put')} | {spread(entry, 'device_bytes_per_put')} |")


def table_elections(kept):
    yield ("| | how | rounds | detection | new leader | first commit | longest gap: p50, p99, max "
           "| leader left alone: p50, p99, max | puts refused, without a verdict | floor p50 "
           "| load average |")
    yield "|---" * 11 + "|"
    for line, entry in entries(kept, "elections"):
        first = entry["results"][0]

        def of(key):
            row = first[key]
            return (f"{row['p50_us'] / 1000:.1f} ({row['min_us'] / 1000:.1f} .. "
                    f"{row['max_us'] / 1000:.1f})")

        def tail(key):
            row = first.get(key)
            return ", ".join(f"{row[k] / 1000:.1f}" for k in ("p50_us", "p99_us", "max_us")) if row else "-"

        yield (f"| {line} | {first['name'].split(' ')[-1]} | {first['detection']['count']} | {of('detection')} | {of('election')} "
               f"| {of('first_commit')} | {tail('gap')} | {tail('gap_control')} "
               f"| {first['refused']}, {first['errors_unknown']} | {first['floor']['p50_us'] / 1000:.3f} "
               f"| {first['load_average']:.1f} |")


def table_timers(kept):
    yield ("| | idle | election timeout from, heartbeat | elections in a minute | puts per s | p50 | p99 "
           "| longest | load average |")
    yield "|---" * 9 + "|"
    for line, entry in entries(kept, "timers"):
        result, words = entry["results"][0], timer_lines()[line].split()
        yield (f"| {line} | {words[5]} | {words[7]}, {words[9]} "
               f"| {number(result['elections'] * 60 / result['duration_s'])} "
               f"| {number(result['put']['rate_per_s'])} | {number(result['put']['p50_us'])} "
               f"| {number(result['put']['p99_us'])} | {number(result['put']['max_us'])} "
               f"| {result['load_average']:.1f} |")


def table_host(kept):
    measured = {name: [entry for _, entry in entries(kept, *files)]
                for name, files in (("puts and gets", ("memif", "packet", "ring")),
                                    ("elections", ("elections",)), ("timers", ("timers",)))}
    every = measured["puts and gets"] + measured["elections"]
    commits = ", ".join(
        f"{name} at commit {' and '.join(sorted({entry['commit'] for entry in of}))}"
        for name, of in measured.items() if of)
    results = [result for entry in every for result in entry["results"]]
    if not results:
        return
    host = every[0]["host"]
    loads = sorted(result["load_average"] for result in results)
    dates = sorted(result["date"] for result in results)
    errors = sum(result["errors"] for result in results)
    runs = sorted(len(entry["results"]) for _, entry in entries(kept, "memif", "packet", "ring"))
    elections = sum(result["elections"] for result in results)
    yield (f"{host['cpu']}, {host['cpus']} CPUs, {host['memory_mib'] / 1024:.0f} GiB, {host['kernel']}, "
           f"{host['filesystem']} on {host['device']}; {commits}, build type "
           f"{every[0]['build_type']}; {dates[0]} to {dates[-1]}. Load average when a run ended: median {statistics.median(loads):.1f}, at most {loads[-1]:.1f}. Requests that "
           f"failed: {errors}; elections that nobody meant, but for those of the timers: {elections}. Each line of puts and gets is "
           f"the median of {runs[0] if runs else 0} runs, and in parentheses the lowest and the highest.")
    if statistics.median(loads) > BUSY:
        yield ""
        yield ("**The host was busy with other work**: nodes and client waited for a core most of the time, and "
               "the times are several times those of a quiet host. They are to be measured again.")


def where(found):
    return (f"{found['date']}, commit {found['commit']}, build type {found['build_type']}, load "
            f"average at its end {found['host']['load_average']:.1f}")


def table_bounded(kept):
    found = kept["bounded"]
    put, most = found["load"]["put"], found["most"]
    yield "| | |"
    yield "|---|---|"
    yield f"| measured | {where(found)}; `quoin-lab up {found['options']}` |"
    yield (f"| puts acknowledged | {found['puts']:,} over {found['keys']:,} keys in "
           f"{found['seconds']:,.0f} s by {found['load']['clients']} clients; p50 "
           f"{number(put['p50_us'])} us, p99 {number(put['p99_us'])} |")
    yield (f"| most of any member | {most['directory'] / 2**20:,.0f} MiB of its directory, "
           f"{most['log'] / 2**20:,.0f} of them the log; {most['resident'] / 2**20:,.0f} MiB resident, "
           f"{most['store'] / 2**20:,.0f} of them the store; {most['versions']:,} versions |")
    installed = found["installed"]
    yield (f"| wiped and replaced, {found['wiped_at_s']:,.0f} s after the start | its state installed "
           f"from {installed['from']}: {int(installed['of']) / 2**20:,.0f} MiB in "
           f"{int(installed['ms']) / 1000:.1f} s, pulled and restored |")
    yield (f"| all killed at once at the end, under load | every acknowledged put is there on each; of "
           f"{found['unknown']} that nobody had answered each at most once; one hash, "
           f"{found['hash']}, at revision {found['revision']:,} of all three |")


def table_state(kept):
    found = kept["state"]
    size = found["restart"][0]["bytes"] / 2**20

    def of(key, scale):
        values_of = sorted(row[key] for row in found["restart"])
        return (f"{statistics.median(values_of) / scale:,.2f} ({values_of[0] / scale:,.2f} .. "
                f"{values_of[-1] / scale:,.2f})")

    yield "| | rounds | p99 before, us | p99 meanwhile, us | ratio: median (lowest .. highest) | s |"
    yield "|---|---|---|---|---|---|"
    for key, what in (("snapshot", "a snapshot is written, by all three"),
                      ("pull", "the leader gives one to a member that was wiped"),
                      ("restore", "that member makes its state of it")):
        rows = found[key]["rounds"]
        ratios = sorted(row["ratio"] for row in rows)
        before, during, seconds = (statistics.median(row[k] for row in rows)
                                   for k in ("before_us", "during_us", "seconds"))
        yield (f"| {what} | {len(rows)} | {number(before)} | {number(during)} | "
               f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} .. {ratios[-1]:.2f}) | "
               f"{seconds:.1f} |")
    yield ""
    yield (f"A restart beside {size:,.0f} MiB of snapshot: read and made a state of in "
           f"{of('ms', 1000)} s, at {of('bytes_per_s', 2**20)} MiB/s, where the device reads "
           f"{of('device_bytes_per_s', 2**20)} MiB/s (`dd`, O_DIRECT); the start answers after "
           f"{of('answers_s', 1)} s, the log's recovery among them.")
    yield ""
    load = found["load"]
    yield (f"Measured {where(found)}; {load['loop']['rate_asked_per_s']:,.0f} puts a second in an "
           f"open loop, values of {load['value_size']} bytes; `quoin-lab up {found['options']}`.")


TABLES = {"host": table_host, "commits": table_commits, "cost": table_cost,
          "elections": table_elections, "timers": table_timers, "bounded": table_bounded,
          "state": table_state}
PLACE = re.compile(r"(<!-- made by tools/benchmarks.py: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def page_with_tables(page):
    kept = {path.stem: json.loads(path.read_text()) for path in KEPT.glob("*.json")}

    def made(match):
        lines = "\n".join(TABLES[match.group(2)](kept))
        return f"{match.group(1)}{lines}\n{match.group(3)}"

    return PLACE.sub(made, page)


def main():
    command = sys.argv[1:]
    page = PAGE.read_text()
    if len(command) == 2 and command[0] == "measure":
        measure(pathlib.Path(command[1]).resolve(), MEASURES)
    elif len(command) == 3 and command[0] == "measure" and command[2] in MEASURES:
        measure(pathlib.Path(command[1]).resolve(), command[2:])
    elif len(command) == 4 and command[0] == "keep":
        keep_one(*command[1:])
    elif command == ["write"]:
        PAGE.write_text(page_with_tables(page))
    elif command == ["check"]:
        names = [match.group(2) for match in PLACE.finditer(page)]
        if sorted(names) != sorted(TABLES):
            raise SystemExit(f"docs/benchmarks.md has the tables {names}, not {sorted(TABLES)}")
        if page_with_tables(page) != page:
            raise SystemExit("docs/benchmarks.md: a table is not what docs/benchmarks/ gives: "
                             "tools/benchmarks.py write")
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
